/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 blocks on the SHA extensions of x86 processors.
 *
 * SHA256RNDS2 does two rounds on the state split into ABEF and CDGH; SHA256MSG1/MSG2 do
 * the message schedule four words at a time (Intel SDM vol. 2B). The functions carry
 * target attributes, so the rest of the library stays baseline x86-64 and the choice is
 * made at run time. It is asked for once: CPUID traps in virtual machines (microseconds).
 */
#include "dura_host_sha256.h"

#include "../base/dura_base_priv.h"

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))

typedef struct stream {
    __m128i abef, cdgh;
    __m128i w[4];          /* the last 16 words of the schedule, a ring of four */
} stream;

WITH_SHA static inline void load_state(stream *s, const uint32_t h[8])
{
    s->abef = _mm_set_epi32((int)h[0], (int)h[1], (int)h[4], (int)h[5]);
    s->cdgh = _mm_set_epi32((int)h[2], (int)h[3], (int)h[6], (int)h[7]);
}

WITH_SHA static inline void load_block(stream *s, const uint8_t *p)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (int i = 0; i < 4; i++)
        s->w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)), swap);
}

/* Adds the block's result to the chaining value. */
WITH_SHA static inline void store_state(const stream *s, uint32_t h[8])
{
    uint32_t x[4], y[4];
    _mm_storeu_si128((__m128i *)(void *)x, s->abef);
    _mm_storeu_si128((__m128i *)(void *)y, s->cdgh);
    for (int i = 0; i < 2; i++) {
        h[i] += x[3 - i];
        h[2 + i] += y[3 - i];
        h[4 + i] += x[1 - i];
        h[6 + i] += y[1 - i];
    }
}

/* Rounds 4i..4i+3; then, while words are still wanted, the next four of the schedule. */
WITH_SHA static inline void four_rounds(stream *s, int i)
{
    __m128i k = _mm_loadu_si128((const __m128i *)(const void *)(durai_sha256_k + 4 * i));
    __m128i wk = _mm_add_epi32(s->w[i & 3], k);
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, wk);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(wk, 0x0E));
    if (i < 12) {
        __m128i last = s->w[(i + 3) & 3];
        __m128i t = _mm_sha256msg1_epu32(s->w[i & 3], s->w[(i + 1) & 3]);
        t = _mm_add_epi32(t, _mm_alignr_epi8(last, s->w[(i + 2) & 3], 4));
        s->w[i & 3] = _mm_sha256msg2_epu32(t, last);
    }
}

WITH_SHA static void x86_blocks(uint32_t h[8], const uint8_t *p, size_t n)
{
    for (; n; n--, p += 64) {
        stream s;
        load_state(&s, h);
        load_block(&s, p);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            four_rounds(&s, i);
        store_state(&s, h);
    }
}

WITH_SHA static void x86_pair(uint32_t h0[8], const uint8_t *p0, uint32_t h1[8], const uint8_t *p1, size_t n)
{
    for (; n; n--, p0 += 64, p1 += 64) {
        stream a, b;
        load_state(&a, h0);
        load_state(&b, h1);
        load_block(&a, p0);
        load_block(&b, p1);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            four_rounds(&a, i);
            four_rounds(&b, i);
        }
        store_state(&a, h0);
        store_state(&b, h1);
    }
}

static int has_sha(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

const durai_sha256_engine *durai_sha256_x86(void)
{
    static const durai_sha256_engine engine = {"sha-ni", x86_blocks, x86_pair};
    static uint32_t known; /* 0 not asked, 1 absent, 2 present; every thread finds the same */
    uint32_t k = durai_load(&known);
    if (!k) {
        k = has_sha() ? 2 : 1;
        durai_store(&known, k);
    }
    return k == 2 ? &engine : NULL;
}

#else

const durai_sha256_engine *durai_sha256_x86(void)
{
    return NULL;
}

#endif
