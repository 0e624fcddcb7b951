/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dura_crypto provider on libsodium: Ed25519 (RFC 8032) with forward-secure keys.
 *
 * The seed of an epoch makes the next seed and the epoch's signing key through HMAC, a
 * one-way step each (Bellare and Yee, "Forward security in private-key cryptography"):
 * who takes the device now cannot sign what was before. Order matters in key_advance: the
 * new seed is durable before the old one is wiped, else a power cut loses both; and the
 * old one is wiped before the call returns, else it was no end of an epoch.
 * None of these calls needs sodium_init(): Ed25519 and SHA-512 have one implementation.
 */
#include "dura_host_sha256.h"

#include "../base/dura_base_priv.h"

#include <sodium.h>

static const char EPOCH_LABEL[] = "dura-log-epoch-v1";
static const char SIGN_LABEL[] = "dura-log-sign-v1";

/* dura_hash_state is at least this wide and as well aligned. */
typedef char durai_hash_state_fits[sizeof(dura_sha256) <= sizeof(dura_hash_state) ? 1 : -1];

void dura_epoch_next(uint8_t next[DURA_SEED_BYTES], const uint8_t seed[DURA_SEED_BYTES])
{
    dura_sha256_hmac(next, seed, DURA_SEED_BYTES, EPOCH_LABEL, sizeof EPOCH_LABEL - 1);
}

/* The Ed25519 key pair of the epoch with this seed. */
static void derive(const uint8_t seed[DURA_SEED_BYTES], uint8_t pub[32], uint8_t secret[64])
{
    uint8_t key[32];
    dura_sha256_hmac(key, seed, DURA_SEED_BYTES, SIGN_LABEL, sizeof SIGN_LABEL - 1);
    (void)crypto_sign_seed_keypair(pub, secret, key); /* cannot fail */
    sodium_memzero(key, sizeof key);
}

void dura_epoch_public(uint8_t pub[DURA_PUBKEY_BYTES], const uint8_t seed[DURA_SEED_BYTES])
{
    uint8_t secret[64];
    derive(seed, pub, secret);
    sodium_memzero(secret, sizeof secret);
}

void dura_epoch_origin(uint8_t origin[16], const uint8_t pub0[DURA_PUBKEY_BYTES])
{
    uint8_t h[DURA_HASH_BYTES];
    dura_sha256_query(h, pub0, DURA_PUBKEY_BYTES);
    memcpy(origin, h, 16);
}

int dura_ed25519_verify(const uint8_t pub[DURA_PUBKEY_BYTES], const void *msg, size_t n,
                        const uint8_t sig[DURA_SIG_BYTES])
{
    return crypto_sign_verify_detached(sig, msg, n, pub) == 0 ? DURA_OK : DURA_EAUTH;
}

/* ---- hooks ------------------------------------------------------------------------ */

/* The state is a dura_sha256 in the caller's room: uint64_t storage, reached through a
 * pointer that may alias it because only these functions look inside. */
static dura_sha256 *inside(dura_hash_state *s)
{
    DURA_ASSERT((uintptr_t)s % sizeof(uint32_t) == 0); /* i386 aligns 64 bits to 4 */
    return (dura_sha256 *)(void *)s;
}

static int hash_init(void *user, dura_hash_state *s)
{
    (void)user;
    dura_sha256_init(inside(s));
    return 0;
}

static int hash_update(void *user, dura_hash_state *s, const void *p, size_t n)
{
    (void)user;
    dura_sha256_update(inside(s), p, n);
    return 0;
}

static int hash_final(void *user, dura_hash_state *s, uint8_t out[DURA_HASH_BYTES])
{
    (void)user;
    dura_sha256_final(inside(s), out);
    return 0;
}

static int hash_many(void *user, uint8_t prefix, const void *const *in, const size_t *len, size_t n,
                     uint8_t (*out)[DURA_HASH_BYTES])
{
    (void)user;
    dura_sha256_query_n(prefix, in, len, n, out);
    return 0;
}

static int verify(void *user, const uint8_t pub[DURA_PUBKEY_BYTES], const void *msg, size_t n,
                  const uint8_t sig[DURA_SIG_BYTES])
{
    (void)user;
    return dura_ed25519_verify(pub, msg, n, sig);
}

/* The key in `slot`, or NULL. */
static dura_mac_key *tag_key(dura_sodium *p, uint32_t slot)
{
    for (size_t i = 0; i < DURA_SODIUM_TAGS; i++)
        if (p->tag[i].used && p->tag[i].slot == slot)
            return &p->tag[i];
    return NULL;
}

static int mac(void *user, uint32_t slot, const void *msg, size_t n, uint8_t tag[DURA_TAG_BYTES])
{
    const dura_mac_key *k = tag_key(user, slot);
    uint8_t full[DURA_HASH_BYTES];
    if (!k)
        return DURA_EINVAL;
    durai_sha256_mac(k, msg, n, full);
    memcpy(tag, full, DURA_TAG_BYTES);
    sodium_memzero(full, sizeof full);
    return 0;
}

static int key_epoch(void *user, uint32_t slot, uint32_t *epoch)
{
    const dura_sodium *p = user;
    if (slot != DURA_KEY_LOG)
        return DURA_EINVAL;
    *epoch = p->epoch;
    return 0;
}

static int key_public(void *user, uint32_t slot, uint32_t epoch, uint8_t pub[DURA_PUBKEY_BYTES])
{
    const dura_sodium *p = user;
    if (slot != DURA_KEY_LOG)
        return DURA_EINVAL;
    if (epoch < p->epoch || epoch - p->epoch > 1)
        return DURA_ESTATE;
    memcpy(pub, p->pub[epoch - p->epoch], DURA_PUBKEY_BYTES);
    return 0;
}

static int sign(void *user, uint32_t slot, uint32_t epoch, const void *msg, size_t n,
                uint8_t sig[DURA_SIG_BYTES])
{
    const dura_sodium *p = user;
    if (slot != DURA_KEY_LOG)
        return DURA_EINVAL;
    if (epoch != p->epoch)
        return DURA_ESTATE;
    (void)crypto_sign_detached(sig, NULL, msg, n, p->secret); /* cannot fail */
    return 0;
}

/* Fill what follows from the held seed. */
static void load_keys(dura_sodium *p)
{
    uint8_t next[DURA_SEED_BYTES];
    derive(p->seed, p->pub[0], p->secret);
    dura_epoch_next(next, p->seed);
    dura_epoch_public(p->pub[1], next);
    sodium_memzero(next, sizeof next);
}

static int key_advance(void *user, uint32_t slot, uint32_t epoch)
{
    dura_sodium *p = user;
    uint8_t next[DURA_SEED_BYTES];
    int rc;
    if (slot != DURA_KEY_LOG)
        return DURA_EINVAL;
    if (epoch == p->epoch)
        return 0; /* what is held came from the durable place */
    if (epoch < p->epoch || epoch - p->epoch != 1)
        return DURA_ESTATE;
    dura_epoch_next(next, p->seed);
    rc = p->persist ? p->persist(p->persist_user, epoch, next) : 0;
    if (rc == 0) {
        memcpy(p->seed, next, sizeof p->seed); /* the old seed and secret are gone here */
        p->epoch = epoch;
        load_keys(p);
    }
    sodium_memzero(next, sizeof next);
    return rc;
}

/* ---- life -------------------------------------------------------------------------- */

static void fill_hash_and_verify(dura_sodium *p)
{
    p->crypto.struct_size = (uint32_t)sizeof p->crypto;
    p->crypto.user = p;
    p->crypto.hash_init = hash_init;
    p->crypto.hash_update = hash_update;
    p->crypto.hash_final = hash_final;
    p->crypto.hash_many = hash_many;
    p->crypto.verify = verify;
}

static void take_key(dura_sodium *p, dura_mac_key *k, uint32_t slot, const uint8_t *key, size_t len)
{
    durai_sha256_mac_key(k, key, len);
    k->slot = slot;
    k->used = 1;
    p->crypto.mac = mac;
}

int dura_sodium_init(dura_sodium *p, const uint8_t *seed, uint32_t epoch, const uint8_t *device_key,
                     dura_persist persist, void *user)
{
    if (!p || (persist && !seed))
        return DURA_EINVAL;
    memset(p, 0, sizeof *p);
    fill_hash_and_verify(p);
    if (device_key) {
        take_key(p, &p->tag[0], DURA_KEY_DEVICE, device_key, DURA_SEED_BYTES);
    }
    if (!seed)
        return DURA_OK;
    p->persist = persist;
    p->persist_user = user;
    p->epoch = epoch;
    memcpy(p->seed, seed, sizeof p->seed);
    load_keys(p);
    p->crypto.key_epoch = key_epoch;
    p->crypto.key_public = key_public;
    p->crypto.sign = sign;
    p->crypto.key_advance = key_advance;
    return DURA_OK;
}

int dura_sodium_key(dura_sodium *p, uint32_t slot, const uint8_t *key, size_t len)
{
    dura_mac_key *k;
    if (!p || (slot != DURA_KEY_DEVICE && slot < DURA_KEY_LINK) || (key && (len < 16 || len > 64)))
        return DURA_EINVAL;
    k = tag_key(p, slot);
    if (!key) {
        if (k)
            sodium_memzero(k, sizeof *k);
        return DURA_OK;
    }
    for (size_t i = 0; !k && i < DURA_SODIUM_TAGS; i++)
        k = p->tag[i].used ? NULL : &p->tag[i];
    if (!k)
        return DURA_EFULL;
    take_key(p, k, slot, key, len);
    return DURA_OK;
}

void dura_sodium_deinit(dura_sodium *p)
{
    if (p)
        sodium_memzero(p, sizeof *p);
}
