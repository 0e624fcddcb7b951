/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_link_tag.c - the three tags of a frame.
 *
 * HMAC-SHA-256 (RFC 2104) comes from the provider, whose key never comes here. SipHash-2-4 is
 * here (Aumasson and Bernstein 2012): two rounds per word, four at the end, nothing but
 * additions, rotations and exclusive ors, so its time does not depend on key or data. The CRC
 * is the one of AUTOSAR's E2E profile 4 (0xF4ACFB13, reflected; "123456789" gives 0x1697D06A)
 * and finds faults only: anybody can make one.
 */
#include "dura_link_priv.h"

uint32_t durai_link_tag_bytes(uint32_t profile)
{
    return profile == DURA_LINK_HMAC ? DURA_TAG_BYTES
           : profile == DURA_LINK_SIPHASH ? 8u : profile == DURA_LINK_CRC ? 4u : 0u;
}

size_t durai_link_body(uint32_t n)
{
    return (size_t)DURAI_LINK_HEAD + 2u * ((n + 7u) / 8u) + 4u * (size_t)n;
}

/* ---- SipHash-2-4 ------------------------------------------------------------------ */

typedef struct sip {
    uint64_t a, b, c, d;
} sip;

static inline uint64_t rotated(uint64_t x, uint32_t by)
{
    return (x << by) | (x >> (64u - by));
}

static inline void sip_round(sip *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotated(s->b, 13) ^ s->a;
    s->d = rotated(s->d, 16) ^ s->c;
    s->a = rotated(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotated(s->b, 17) ^ s->c;
    s->d = rotated(s->d, 21) ^ s->a;
    s->c = rotated(s->c, 32);
}

static inline void sip_word(sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    sip_round(s);
    s->a ^= word;
}

uint64_t durai_link_siphash(const uint8_t key[DURA_LINK_SIP_BYTES], const uint8_t *p, size_t n)
{
    uint64_t k0 = durai_le64(key), k1 = durai_le64(key + 8), last = (uint64_t)(n & 255u) << 56;
    sip s = {k0 ^ 0x736F6D6570736575u, k1 ^ 0x646F72616E646F6Du, k0 ^ 0x6C7967656E657261u,
             k1 ^ 0x7465646279746573u};
    size_t i, left = n & 7u;
    for (i = 0; i < n - left; i += 8)
        sip_word(&s, durai_le64(p + i));
    for (i = 0; i < left; i++)
        last |= (uint64_t)p[n - left + i] << (8u * i);
    sip_word(&s, last);
    s.c ^= 255u;
    for (i = 0; i < 4; i++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

/* ---- CRC-32, profile 4 ------------------------------------------------------------ */

/* As src/base/dura_base_crc.c: by nibbles where flash is small, by eight bytes elsewhere. */
#if UINTPTR_MAX <= 0xFFFFFFFFu || defined(DURA_CRC_SMALL)

uint32_t durai_link_crc(const uint8_t *p, size_t n)
{
    /* nibble[i] = CRC of the nibble i, reflected polynomial 0xC8DF352F */
    static const uint32_t nibble[16] = {
        0x00000000u, 0x2B2C2BEEu, 0x565857DCu, 0x7D747C32u, 0xACB0AFB8u, 0x879C8456u, 0xFAE8F864u, 0xD1C4D38Au,
        0xC8DF352Fu, 0xE3F31EC1u, 0x9E8762F3u, 0xB5AB491Du, 0x646F9A97u, 0x4F43B179u, 0x3237CD4Bu, 0x191BE6A5u};
    uint32_t crc = 0xFFFFFFFFu;
    size_t i;
    for (i = 0; i < n; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ nibble[crc & 15u];
        crc = (crc >> 4) ^ nibble[crc & 15u];
    }
    return ~crc;
}

#else

#include "dura_link_crc_priv.h"

uint32_t durai_link_crc(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t lo = crc ^ durai_le32(p), hi = durai_le32(p + 4);
        crc = durai_link_crc_table[7][lo & 255u] ^ durai_link_crc_table[6][(lo >> 8) & 255u] ^
              durai_link_crc_table[5][(lo >> 16) & 255u] ^ durai_link_crc_table[4][lo >> 24] ^
              durai_link_crc_table[3][hi & 255u] ^ durai_link_crc_table[2][(hi >> 8) & 255u] ^
              durai_link_crc_table[1][(hi >> 16) & 255u] ^ durai_link_crc_table[0][hi >> 24];
    }
    for (; n > 0; n--, p++)
        crc = (crc >> 8) ^ durai_link_crc_table[0][(crc ^ *p) & 255u];
    return ~crc;
}

#endif

/* ---- either ----------------------------------------------------------------------- */

int durai_link_tag(const dura_link *l, const durai_link_secret *k, const uint8_t *p, size_t n,
                   uint8_t tag[DURAI_LINK_TAG_MAX])
{
    int rc;
    DURA_ASSERT(durai_link_tag_bytes(k->profile) > 0 && n >= (size_t)DURAI_LINK_HEAD);
    memset(tag, 0, DURAI_LINK_TAG_MAX);
    if (k->profile == DURA_LINK_SIPHASH) {
        durai_put64(tag, durai_link_siphash(k->sip, p, n));
        return DURA_OK;
    }
    if (k->profile == DURA_LINK_CRC) {
        durai_put32(tag, durai_link_crc(p, n));
        return DURA_OK;
    }
    rc = l->crypto->mac(l->crypto->user, k->slot, p, n, tag);
    return rc > 0 ? DURA_EIO : rc;      /* a hook that counts bytes has not made a tag */
}
