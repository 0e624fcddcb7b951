/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/crypto.h - the crypto provider on libsodium, and SHA-256 at full speed.
 *
 *   dura_sodium_init -> &p->crypto into a dura_port ... -> dura_sodium_deinit
 *
 * Memory: yours, no allocation. No operating system is needed: on a microcontroller
 * libsodium's Ed25519 sources are enough, and sodium_init() need not have been called.
 * SHA-256 picks the processor's SHA instructions at run time (x86 SHA-NI, ARMv8), and
 * is libsodium's own code elsewhere. Unstable until 1.0.
 *
 * Keys evolve: seed(e+1) = HMAC-SHA-256(seed(e), "dura-log-epoch-v1"); the Ed25519 key
 * of epoch e has the RFC 8032 seed HMAC-SHA-256(seed(e), "dura-log-sign-v1").
 */
#ifndef DURA_HOST_CRYPTO_H
#define DURA_HOST_CRYPTO_H

#include <dura/port.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_SEED_BYTES 32

/* ---- SHA-256 ----------------------------------------------------------------------- */

/* A running hash. The fields are the library's. */
typedef struct dura_sha256 {
    uint64_t n;            /* bytes so far */
    uint32_t h[8];
    uint8_t  block[64];
} dura_sha256;

/** Begin.                                                               [any] O(1) */
DURA_API void dura_sha256_init(dura_sha256 *s);

/** n more bytes; p may be NULL when n is 0.                             [any] O(n) */
DURA_API void dura_sha256_update(dura_sha256 *s, const void *p, size_t n);

/** The digest; s is wiped.                                              [any] O(1) */
DURA_API void dura_sha256_final(dura_sha256 *s, uint8_t out[DURA_HASH_BYTES]);

/** All at once: the digest of n bytes.                                  [any] O(n) */
DURA_API void dura_sha256_query(uint8_t out[DURA_HASH_BYTES], const void *p, size_t n);

/** n messages: byte `prefix`, then len[i] bytes at in[i] (RFC 6962 leaves and nodes).
 *  Two at a time where the processor gains by it.            [any] O(bytes), 400 B */
DURA_API void dura_sha256_query_n(uint8_t prefix, const void *const *in, const size_t *len,
                                  size_t n, uint8_t (*out)[DURA_HASH_BYTES]);

/** HMAC-SHA-256 (RFC 2104) of n bytes under a key of any length.        [any] O(n) */
DURA_API void dura_sha256_hmac(uint8_t out[DURA_HASH_BYTES], const void *key, size_t key_len,
                               const void *p, size_t n);

/** What is in use: "sha-ni", "armv8" or "libsodium". Static storage.    [any] O(1) */
DURA_API DURA_CHECK const char *dura_sha256_name(void);

/* ---- evolving keys ----------------------------------------------------------------- */

/** seed(e+1) from seed(e). next may be seed itself.                     [any] O(1) */
DURA_API void dura_epoch_next(uint8_t next[DURA_SEED_BYTES], const uint8_t seed[DURA_SEED_BYTES]);

/** The Ed25519 public key of the epoch whose seed this is.  [any] one key derivation */
DURA_API void dura_epoch_public(uint8_t pub[DURA_PUBKEY_BYTES], const uint8_t seed[DURA_SEED_BYTES]);

/** The origin of a device's logs: first half of SHA-256(epoch-0 public key). [any] O(1) */
DURA_API void dura_epoch_origin(uint8_t origin[16], const uint8_t pub0[DURA_PUBKEY_BYTES]);

/** Is sig (64 bytes) a signature of the n bytes by pub? Malleable signatures (S not
 *  below the group order) and public keys of small order are refused.
 *  returns  DURA_OK; DURA_EAUTH.                                        [any] O(n) */
DURA_API DURA_CHECK int dura_ed25519_verify(const uint8_t pub[DURA_PUBKEY_BYTES], const void *msg,
                                            size_t n, const uint8_t sig[DURA_SIG_BYTES]);

/* ---- the provider ------------------------------------------------------------------- */

/* Makes seed(epoch) durable in place of the one before, and only then returns 0. A
 * negative value (below -100) stops the epoch from ending; it is tried again later. */
typedef int (*dura_persist)(void *user, uint32_t epoch, const uint8_t seed[DURA_SEED_BYTES]);

#define DURA_SODIUM_TAGS 8       /* keys of tags one provider holds, the device key's included */

/* A key of tags, worked out once: the chaining values behind its two pads (RFC 2104 section
 * 4), so that the tag of a short message is two blocks and not four. As secret as the key. */
typedef struct dura_mac_key {
    uint32_t slot;
    uint32_t used;                     /* 1: there is a key */
    uint32_t inner[8];
    uint32_t outer[8];
} dura_mac_key;

/* Lives where you put it and may not be moved: crypto.user points to it. */
typedef struct dura_sodium {
    dura_crypto crypto;                /* hand &p->crypto to a dura_port */
    dura_persist persist;              /* NULL: keys live in memory only */
    void *persist_user;
    uint32_t epoch;                    /* the epoch held */
    uint32_t reserved;                 /* 0 */
    uint8_t seed[DURA_SEED_BYTES];     /* of that epoch; secret */
    uint8_t secret[64];                /* Ed25519 secret key of the epoch, libsodium's form */
    uint8_t pub[2][DURA_PUBKEY_BYTES]; /* of the held epoch and of the one after it */
    dura_mac_key tag[DURA_SODIUM_TAGS];/* what mac uses; secret */
} dura_sodium;

/** Fill p with a provider.
 *  seed: of `epoch`; NULL: it does not sign (the four key calls are absent).
 *  device_key: 32 bytes for tags; NULL: no tags (mac is absent).
 *  persist: NULL: keys live in memory only. Both keys are copied: wipe your own.
 *  returns  DURA_OK; DURA_EINVAL (p NULL, a persist callback without a seed).
 *                                                     [init] two key derivations */
DURA_API DURA_CHECK int dura_sodium_init(dura_sodium *p, const uint8_t *seed, uint32_t epoch,
                                         const uint8_t *device_key, dura_persist persist,
                                         void *user);

/** Give mac a key: the device's (slot DURA_KEY_DEVICE) or a sensor link's (DURA_KEY_LINK and
 *  above) of 16..64 bytes, not kept. A slot that has one gets another; key NULL wipes it.
 *  returns  DURA_OK; DURA_EINVAL; DURA_EFULL (DURA_SODIUM_TAGS keys are held).
 *                                                                     [serial] O(1) */
DURA_API DURA_CHECK int dura_sodium_key(dura_sodium *p, uint32_t slot, const uint8_t *key,
                                        size_t len);

/** Wipe every key. p may be NULL.                                       [serial] O(1) */
DURA_API void dura_sodium_deinit(dura_sodium *p);

#ifdef __cplusplus
}
#endif
#endif
