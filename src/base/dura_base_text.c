/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and bytes as text, for checkpoints (RFC 4648 base64, lower-case hex, decimal). */
#include "dura_base_priv.h"

size_t durai_base64(char *out, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t o = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)p[i] << 16;
        v |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        v |= left > 2 ? (uint32_t)p[i + 2] : 0;
        out[o++] = digits[v >> 18];
        out[o++] = digits[(v >> 12) & 63u];
        out[o++] = left > 1 ? digits[(v >> 6) & 63u] : '=';
        out[o++] = left > 2 ? digits[v & 63u] : '=';
    }
    return o;
}

size_t durai_hex(char *out, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15u];
    }
    return 2 * n;
}

size_t durai_dec(char *out, uint64_t v)
{
    char b[20];
    size_t n = 0;
    do {
        b[n++] = (char)('0' + (char)(v % 10));
        v /= 10;
    } while (v);
    for (size_t i = 0; i < n; i++)
        out[i] = b[n - 1 - i];
    return n;
}
