/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4). A frame's CRC finds torn and rotten bytes; it
 * says nothing about an attacker, that is what the tree and the seals are for.
 *
 * Two engines, one result: by nibbles with 64 bytes of table where flash is small (32-bit
 * targets), by eight bytes with 8 KiB of tables elsewhere (slicing by 8). DURA_CRC_SMALL
 * chooses the first anywhere.
 */
#include "dura_base_priv.h"

#if UINTPTR_MAX <= 0xFFFFFFFFu || defined(DURA_CRC_SMALL)

/* table[i] = CRC of the nibble i, reflected polynomial 0x82F63B78. */
static const uint32_t table[16] = {
    0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u, 0x417B1DBCu, 0x5125DAD3u,
    0x61C69362u, 0x7198540Du, 0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u,
    0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u,
};

uint32_t durai_crc32c(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *b = p;
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= b[i];
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

#else

#include "dura_base_crc_priv.h"

uint32_t durai_crc32c(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *b = p;
    crc = ~crc;
    for (; n >= 8; n -= 8, b += 8) {
        uint32_t lo = crc ^ durai_le32(b), hi = durai_le32(b + 4);
        crc = durai_crc_table[7][lo & 255u] ^ durai_crc_table[6][(lo >> 8) & 255u] ^
              durai_crc_table[5][(lo >> 16) & 255u] ^ durai_crc_table[4][lo >> 24] ^
              durai_crc_table[3][hi & 255u] ^ durai_crc_table[2][(hi >> 8) & 255u] ^
              durai_crc_table[1][(hi >> 16) & 255u] ^ durai_crc_table[0][hi >> 24];
    }
    for (; n > 0; n--, b++)
        crc = (crc >> 8) ^ durai_crc_table[0][(crc ^ *b) & 255u];
    return ~crc;
}

#endif
