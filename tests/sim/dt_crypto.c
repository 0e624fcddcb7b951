/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crypto provider without a library: true SHA-256 (FIPS 180-4) and HMAC (RFC 2104),
 * true key evolution, FAKE signatures that need only the public key.
 *
 * Slow and small on purpose, and written apart from the providers under test, so that it
 * is an independent second opinion on every digest. The key store is a struct outside
 * the provider: a reboot is dt_crypto_init() on the same store. key_advance replaces the
 * whole store at once, so a cut leaves the old epoch or the new one, as a port must.
 */
#include "dt_sim.h"

#include <string.h>

/* FIPS 180-4 section 4.2.2: first 32 bits of the fractional parts of the cube roots of
 * the first 64 primes. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t ror(uint32_t v, unsigned by)
{
    return (v >> by) | (v << (32 - by));
}

static void schedule(uint32_t w[64], const uint8_t block[64])
{
    for (unsigned i = 0; i < 16; i++)
        w[i] = ((uint32_t)block[4 * i] << 24) | ((uint32_t)block[4 * i + 1] << 16) |
               ((uint32_t)block[4 * i + 2] << 8) | block[4 * i + 3];
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (ror(a, 7) ^ ror(a, 18) ^ (a >> 3)) + w[i - 7] +
               (ror(b, 17) ^ ror(b, 19) ^ (b >> 10));
    }
}

static void compress(uint32_t h[8], const uint8_t block[64])
{
    uint32_t w[64], v[8];
    schedule(w, block);
    memcpy(v, h, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t s1 = ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25);
        uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
        uint32_t s0 = ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22);
        uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        h[i] += v[i];
}

void dt_sha256_init(dt_sha256 *s)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(s, 0, sizeof *s);
    memcpy(s->h, start, sizeof start);
}

void dt_sha256_update(dt_sha256 *s, const void *p, size_t n)
{
    const uint8_t *from = p;
    for (size_t i = 0; i < n; i++) {
        s->block[s->n++ % 64] = from[i];
        if (s->n % 64 == 0)
            compress(s->h, s->block);
    }
}

void dt_sha256_final(dt_sha256 *s, uint8_t out[32])
{
    static const uint8_t pad[64] = {0x80};
    uint64_t bits = s->n * 8;
    uint8_t tail[8];
    for (unsigned i = 0; i < 8; i++)
        tail[i] = (uint8_t)(bits >> (56 - 8 * i));
    dt_sha256_update(s, pad, 1 + (119 - s->n % 64) % 64);
    dt_sha256_update(s, tail, 8);
    for (unsigned i = 0; i < 32; i++)
        out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void dt_hmac(const uint8_t key[32], const void *a, size_t na, const void *b, size_t nb, uint8_t out[32])
{
    uint8_t pad[64];
    dt_sha256 s;
    for (unsigned i = 0; i < 64; i++)
        pad[i] = (uint8_t)(0x36 ^ (i < 32 ? key[i] : 0));
    dt_sha256_init(&s);
    dt_sha256_update(&s, pad, 64);
    dt_sha256_update(&s, a, na);
    dt_sha256_update(&s, b, nb);
    dt_sha256_final(&s, out);
    for (unsigned i = 0; i < 64; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    dt_sha256_init(&s);
    dt_sha256_update(&s, pad, 64);
    dt_sha256_update(&s, out, 32);
    dt_sha256_final(&s, out);
}

/* ---- keys --------------------------------------------------------------------------- */

static void next_seed(uint8_t seed[32])
{
    uint8_t next[32];
    dt_hmac(seed, "dura-log-epoch-v1", 17, NULL, 0, next);
    memcpy(seed, next, 32);
}

static void public_of(const uint8_t seed[32], uint8_t pub[32])
{
    dt_hmac(seed, "dt fake public key", 18, NULL, 0, pub);
}

void dt_keystore_init(dt_keystore *k, uint32_t tag)
{
    static const uint8_t zero[32];
    uint8_t le[4] = {(uint8_t)tag, (uint8_t)(tag >> 8), (uint8_t)(tag >> 16), (uint8_t)(tag >> 24)};
    memset(k, 0, sizeof *k);
    dt_hmac(zero, "dt seed", 7, le, sizeof le, k->seed);
    dt_hmac(zero, "dt device", 9, le, sizeof le, k->device);
}

void dt_crypto_public(uint32_t tag, uint32_t epoch, uint8_t pub[DURA_PUBKEY_BYTES])
{
    dt_keystore k;
    dt_keystore_init(&k, tag);
    while (epoch--)
        next_seed(k.seed);
    public_of(k.seed, pub);
}

void dt_crypto_fake_sign(const uint8_t pub[32], const void *msg, size_t n, uint8_t sig[64])
{
    dt_hmac(pub, "\0", 1, msg, n, sig);
    dt_hmac(pub, "\1", 1, msg, n, sig + 32);
}

/* ---- the provider -------------------------------------------------------------------- */

static int hash_init(void *user, dura_hash_state *s)
{
    dt_crypto *c = user;
    dt_sha256 start;
    int rc = dt_power_call(c->power, DT_HASH);
    dt_sha256_init(&start);
    memcpy(s, &start, sizeof start);
    return rc;
}

/* The state is copied in and out: the room given is dura's, its type is not ours. */
static int hash_update(void *user, dura_hash_state *s, const void *p, size_t n)
{
    dt_crypto *c = user;
    dt_sha256 t;
    int rc = dt_power_call(c->power, DT_HASH);
    if (rc)
        return rc;
    memcpy(&t, s, sizeof t);
    dt_sha256_update(&t, p, n);
    memcpy(s, &t, sizeof t);
    return 0;
}

static int hash_final(void *user, dura_hash_state *s, uint8_t out[DURA_HASH_BYTES])
{
    dt_crypto *c = user;
    dt_sha256 t;
    int rc = dt_power_call(c->power, DT_HASH);
    if (rc)
        return rc;
    memcpy(&t, s, sizeof t);
    dt_sha256_final(&t, out);
    c->hashes++;
    c->blocks += (uint32_t)(t.n / 64);
    return 0;
}

static int hash_many(void *user, uint8_t prefix, const void *const *in, const size_t *len, size_t n,
                     uint8_t (*out)[DURA_HASH_BYTES])
{
    dt_crypto *c = user;
    int rc = dt_power_call(c->power, DT_HASH);
    for (size_t i = 0; i < n && !rc; i++) {
        dt_sha256 s;
        dt_sha256_init(&s);
        dt_sha256_update(&s, &prefix, 1);
        dt_sha256_update(&s, in[i], len[i]);
        dt_sha256_final(&s, out[i]);
        c->hashes++;
        c->blocks += (uint32_t)(s.n / 64);
    }
    return rc;
}

static int verify(void *user, const uint8_t pub[DURA_PUBKEY_BYTES], const void *msg, size_t n,
                  const uint8_t sig[DURA_SIG_BYTES])
{
    dt_crypto *c = user;
    uint8_t want[64];
    int rc = dt_power_call(c->power, DT_VERIFY);
    if (rc)
        return rc;
    c->verifies++;
    dt_crypto_fake_sign(pub, msg, n, want);
    return memcmp(want, sig, 64) == 0 ? 0 : DURA_EAUTH;
}

static int mac(void *user, uint32_t slot, const void *msg, size_t n, uint8_t tag[DURA_TAG_BYTES])
{
    dt_crypto *c = user;
    uint8_t full[32];
    int rc = dt_power_call(c->power, DT_MAC);
    if (rc)
        return rc;
    if (slot != DURA_KEY_DEVICE)
        return DURA_EINVAL;
    c->macs++;
    dt_hmac(c->keys->device, msg, n, NULL, 0, full);
    memcpy(tag, full, DURA_TAG_BYTES);
    return 0;
}

static int key_epoch(void *user, uint32_t slot, uint32_t *epoch)
{
    dt_crypto *c = user;
    int rc = dt_power_call(c->power, DT_KEY);
    if (rc)
        return rc;
    if (slot != DURA_KEY_LOG)
        return DURA_EINVAL;
    *epoch = c->keys->epoch;
    return 0;
}

/* The held epoch or the one after it; anything older is gone for good. */
static int key_public(void *user, uint32_t slot, uint32_t epoch, uint8_t pub[DURA_PUBKEY_BYTES])
{
    dt_crypto *c = user;
    uint8_t seed[32];
    int rc = dt_power_call(c->power, DT_KEY);
    if (rc)
        return rc;
    if (slot != DURA_KEY_LOG)
        return DURA_EINVAL;
    if (epoch - c->keys->epoch > 1)
        return DURA_ESTATE;
    memcpy(seed, c->keys->seed, 32);
    if (epoch != c->keys->epoch)
        next_seed(seed);
    public_of(seed, pub);
    return 0;
}

static int sign(void *user, uint32_t slot, uint32_t epoch, const void *msg, size_t n,
                uint8_t sig[DURA_SIG_BYTES])
{
    dt_crypto *c = user;
    uint8_t pub[32];
    int rc = dt_power_call(c->power, DT_SIGN);
    if (rc)
        return rc;
    if (slot != DURA_KEY_LOG)
        return DURA_EINVAL;
    if (epoch != c->keys->epoch)
        return DURA_ESTATE;
    public_of(c->keys->seed, pub);
    dt_crypto_fake_sign(pub, msg, n, sig);
    c->signs++;
    return 0;
}

static int key_advance(void *user, uint32_t slot, uint32_t epoch)
{
    dt_crypto *c = user;
    int rc = dt_power_call(c->power, DT_ADVANCE);
    if (rc < 0)
        return rc;
    if (slot != DURA_KEY_LOG)
        return DURA_EINVAL;
    if (epoch - c->keys->epoch > 1)
        return DURA_ESTATE;
    int done = rc != DT_CUT_NOW || c->power->cut_how == DT_CUT_AFTER;
    if (done && epoch != c->keys->epoch) {
        next_seed(c->keys->seed);
        c->keys->epoch = epoch;
        c->keys->advances++;
    }
    return rc == DT_CUT_NOW ? DT_EPOWER : 0;
}

void dt_crypto_init(dt_crypto *c, dt_keystore *k, dt_power *power)
{
    memset(c, 0, sizeof *c);
    c->keys = k;
    c->power = power;
    c->crypto.struct_size = (uint32_t)sizeof c->crypto;
    c->crypto.user = c;
    c->crypto.hash_init = hash_init;
    c->crypto.hash_update = hash_update;
    c->crypto.hash_final = hash_final;
    c->crypto.hash_many = hash_many;
    c->crypto.verify = verify;
    c->crypto.mac = mac;
    c->crypto.key_epoch = key_epoch;
    c->crypto.key_public = key_public;
    c->crypto.sign = sign;
    c->crypto.key_advance = key_advance;
}
