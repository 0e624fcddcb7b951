/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the SHA-256 front end and its processor-specific halves share.
 *
 * An engine compresses whole 64-byte blocks into a chaining value (FIPS 180-4 section
 * 6.2.2). Each engine file gives NULL where the compiler or the processor lacks it.
 */
#ifndef DURA_HOST_SHA256_H
#define DURA_HOST_SHA256_H

#include <dura/host/crypto.h>

typedef struct durai_sha256_engine {
    const char *name;
    void (*blocks)(uint32_t h[8], const uint8_t *p, size_t n);
    /* n blocks of each of two independent messages; NULL: no gain in pairs. */
    void (*pair)(uint32_t h0[8], const uint8_t *p0, uint32_t h1[8], const uint8_t *p1, size_t n);
} durai_sha256_engine;

/* FIPS 180-4 section 4.2.2: first 32 bits of the fractional parts of the cube roots of
 * the first 64 primes. */
extern const uint32_t durai_sha256_k[64];

const durai_sha256_engine *durai_sha256_x86(void);
const durai_sha256_engine *durai_sha256_arm(void);
const durai_sha256_engine *durai_sha256_sodium(void);
/* The fastest one here. Tests hash with each engine through this pair. */
const durai_sha256_engine *durai_sha256_best(void);
void durai_sha256_query_n(const durai_sha256_engine *e, uint8_t prefix, const void *const *in,
                          const size_t *len, size_t n, uint8_t (*out)[DURA_HASH_BYTES]);
void durai_sha256_update(const durai_sha256_engine *e, dura_sha256 *s, const void *p, size_t n);
void durai_sha256_final(const durai_sha256_engine *e, dura_sha256 *s, uint8_t out[DURA_HASH_BYTES]);

/* HMAC-SHA-256 with the pads worked out once; k->slot and used stay the caller's. */
void durai_sha256_mac_key(dura_mac_key *k, const void *key, size_t n);
void durai_sha256_mac(const dura_mac_key *k, const void *p, size_t n, uint8_t out[DURA_HASH_BYTES]);

#endif
