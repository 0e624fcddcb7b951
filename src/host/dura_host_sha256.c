/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) with the processor's help where there is some.
 *
 * libsodium's SHA-256 is portable C only, 3 to 4 times slower than SHA-NI, and hashing
 * is what a log does most. This file buffers, pads and picks an engine; engines do
 * nothing but whole blocks. hash_many feeds two messages in lock step: one SHA-NI stream
 * leaves the unit idle between dependent rounds, a second one fills the gap.
 * Every engine is tested against libsodium over all lengths and splits.
 */
#include "dura_host_sha256.h"

#include "../base/dura_base_priv.h"

#include <sodium.h>

const uint32_t durai_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void put_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* The 64-bit length in bits, big-endian, as padding ends. */
static void put_bits(uint8_t p[8], uint64_t bytes)
{
    put_be32(p, (uint32_t)(bytes >> 29));
    put_be32(p + 4, (uint32_t)(bytes << 3));
}

/* libsodium's update on whole blocks compresses them straight away, so its struct with
 * our chaining value and a count of 0 is a block function. */
static void sodium_blocks(uint32_t h[8], const uint8_t *p, size_t n)
{
    crypto_hash_sha256_state st;
    memset(&st, 0, sizeof st);
    memcpy(st.state, h, sizeof st.state);
    crypto_hash_sha256_update(&st, p, (unsigned long long)n * 64);
    memcpy(h, st.state, sizeof st.state);
}

const durai_sha256_engine *durai_sha256_sodium(void)
{
    static const durai_sha256_engine engine = {"libsodium", sodium_blocks, NULL};
    return &engine;
}

const durai_sha256_engine *durai_sha256_best(void)
{
    const durai_sha256_engine *e = durai_sha256_x86();
    if (!e)
        e = durai_sha256_arm();
    return e ? e : durai_sha256_sodium();
}

const char *dura_sha256_name(void)
{
    return durai_sha256_best()->name;
}

/* ---- one message ---------------------------------------------------------------- */

void dura_sha256_init(dura_sha256 *s)
{
    /* FIPS 180-4 section 5.3.3 */
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(s, 0, sizeof *s);
    memcpy(s->h, start, sizeof start);
}

void durai_sha256_update(const durai_sha256_engine *e, dura_sha256 *s, const void *p, size_t n)
{
    const uint8_t *from = p;
    size_t held = (size_t)(s->n % 64);
    s->n += n;
    if (held) {
        size_t take = n < 64 - held ? n : 64 - held;
        if (take)
            memcpy(s->block + held, from, take);
        DURA_ASSERT(held + take <= 64);
        if (held + take < 64)
            return;
        e->blocks(s->h, s->block, 1);
        from += take;
        n -= take;
    }
    if (n >= 64)
        e->blocks(s->h, from, n / 64);
    if (n % 64)
        memcpy(s->block, from + (n - n % 64), n % 64);
}

void durai_sha256_final(const durai_sha256_engine *e, dura_sha256 *s, uint8_t out[DURA_HASH_BYTES])
{
    size_t held = (size_t)(s->n % 64);
    DURA_ASSERT(held < 64);
    s->block[held++] = 0x80;
    if (held > 56) {
        memset(s->block + held, 0, 64 - held);
        e->blocks(s->h, s->block, 1);
        held = 0;
    }
    memset(s->block + held, 0, 56 - held);
    put_bits(s->block + 56, s->n);
    e->blocks(s->h, s->block, 1);
    for (int i = 0; i < 8; i++)
        put_be32(out + 4 * i, s->h[i]);
    sodium_memzero(s, sizeof *s);
}

void dura_sha256_update(dura_sha256 *s, const void *p, size_t n)
{
    durai_sha256_update(durai_sha256_best(), s, p, n);
}

void dura_sha256_final(dura_sha256 *s, uint8_t out[DURA_HASH_BYTES])
{
    durai_sha256_final(durai_sha256_best(), s, out);
}

void dura_sha256_query(uint8_t out[DURA_HASH_BYTES], const void *p, size_t n)
{
    dura_sha256 s;
    dura_sha256_init(&s);
    dura_sha256_update(&s, p, n);
    dura_sha256_final(&s, out);
}

/* ---- HMAC ------------------------------------------------------------------------- */

/* The chaining value behind one block of the key with every byte xored. */
static void pad_state(uint32_t h[8], const uint8_t key[64], uint8_t with)
{
    uint8_t pad[64];
    dura_sha256 s;
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = key[i] ^ with;
    dura_sha256_init(&s);
    dura_sha256_update(&s, pad, sizeof pad);
    memcpy(h, s.h, sizeof s.h);
    sodium_memzero(pad, sizeof pad);
    sodium_memzero(&s, sizeof s);
}

void durai_sha256_mac_key(dura_mac_key *k, const void *key, size_t n)
{
    uint8_t block[64];
    memset(block, 0, sizeof block);
    if (n > sizeof block)
        dura_sha256_query(block, key, n);
    else if (n)
        memcpy(block, key, n);
    pad_state(k->inner, block, 0x36);
    pad_state(k->outer, block, 0x5c);
    sodium_memzero(block, sizeof block);
}

/* Finish a hash whose first block is already in h: the last n % 64 bytes, padded, in place. */
static void finish(const durai_sha256_engine *e, uint32_t h[8], const uint8_t *p, size_t n)
{
    uint8_t tail[128];
    size_t left = n % 64, blocks = left < 56 ? 1 : 2;
    if (n >= 64)
        e->blocks(h, p, n / 64);
    if (left)
        memcpy(tail, p + (n - left), left);
    tail[left] = 0x80;
    memset(tail + left + 1, 0, 64 * blocks - 8 - left - 1);
    put_bits(tail + 64 * blocks - 8, (uint64_t)n + 64);
    e->blocks(h, tail, blocks);
}

void durai_sha256_mac(const dura_mac_key *k, const void *p, size_t n, uint8_t out[DURA_HASH_BYTES])
{
    const durai_sha256_engine *e = durai_sha256_best();
    uint32_t h[8];
    memcpy(h, k->inner, sizeof h);
    finish(e, h, p, n);
    for (int i = 0; i < 8; i++)
        put_be32(out + 4 * i, h[i]);
    memcpy(h, k->outer, sizeof h);
    finish(e, h, out, DURA_HASH_BYTES);
    for (int i = 0; i < 8; i++)
        put_be32(out + 4 * i, h[i]);
}

void dura_sha256_hmac(uint8_t out[DURA_HASH_BYTES], const void *key, size_t key_len, const void *p,
                      size_t n)
{
    dura_mac_key k;
    durai_sha256_mac_key(&k, key, key_len);
    durai_sha256_mac(&k, p, n, out);
    sodium_memzero(&k, sizeof k);
}

/* ---- many messages --------------------------------------------------------------- */

/* A message with its prefix, seen as blocks. The first and the last one or two are put
 * together in `edge`; those between lie in the caller's bytes, one off. */
typedef struct lane {
    uint32_t h[8];
    const uint8_t *in;
    size_t len;            /* of `in`, without the prefix */
    size_t blocks, at;
    uint8_t prefix;
    uint8_t edge[64];
} lane;

static void lane_open(lane *l, uint8_t prefix, const void *in, size_t len)
{
    dura_sha256 s;
    dura_sha256_init(&s);
    memcpy(l->h, s.h, sizeof l->h);
    l->in = in;
    l->len = len;
    l->prefix = prefix;
    l->blocks = (len + 1 + 8) / 64 + 1;
    l->at = 0;
}

/* Block l->at of the padded message: byte i of the message is the prefix for i = 0 and
 * in[i - 1] behind it. */
static const uint8_t *lane_block(lane *l)
{
    size_t first = l->at * 64, end = l->len + 1, put = 0;
    DURA_ASSERT(l->at < l->blocks);
    if (l->at && first + 64 <= end)
        return l->in + first - 1;
    memset(l->edge, 0, sizeof l->edge);
    if (!l->at)
        l->edge[put++] = l->prefix;
    if (first + put < end) {
        size_t take = end - first - put < 64 - put ? end - first - put : 64 - put;
        memcpy(l->edge + put, l->in + (first + put - 1), take);
        put += take;
        DURA_ASSERT(put <= 64);
    }
    if (first <= end && put < 64)
        l->edge[put] = 0x80;
    if (l->at == l->blocks - 1)
        put_bits(l->edge + 56, l->len + 1);
    return l->edge;
}

static void lane_finish(lane *l, const durai_sha256_engine *e, uint8_t out[DURA_HASH_BYTES])
{
    for (; l->at < l->blocks; l->at++)
        e->blocks(l->h, lane_block(l), 1);
    DURA_ASSERT(l->at == l->blocks);
    for (int i = 0; i < 8; i++)
        put_be32(out + 4 * i, l->h[i]);
}

void durai_sha256_query_n(const durai_sha256_engine *e, uint8_t prefix, const void *const *in,
                          const size_t *len, size_t n, uint8_t (*out)[DURA_HASH_BYTES])
{
    lane a, b;
    size_t i = 0;
    for (; e->pair && i + 1 < n; i += 2) {
        lane_open(&a, prefix, in[i], len[i]);
        lane_open(&b, prefix, in[i + 1], len[i + 1]);
        for (; a.at < a.blocks && b.at < b.blocks; a.at++, b.at++) {
            const uint8_t *p = lane_block(&a), *q = lane_block(&b);
            e->pair(a.h, p, b.h, q, 1);
        }
        lane_finish(&a, e, out[i]);
        lane_finish(&b, e, out[i + 1]);
    }
    for (; i < n; i++) {
        lane_open(&a, prefix, in[i], len[i]);
        lane_finish(&a, e, out[i]);
    }
}

void dura_sha256_query_n(uint8_t prefix, const void *const *in, const size_t *len, size_t n,
                         uint8_t (*out)[DURA_HASH_BYTES])
{
    durai_sha256_query_n(durai_sha256_best(), prefix, in, len, n, out);
}
