/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a brain image. What is accepted has its sections inside it, aligned, none
 * over another; its golden vectors can be read to their end. The bytes are tried as they
 * are and with length and checksum made right, so that mutations reach the table.
 */
#include "gate/dura_gate_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int ok)
{
    if (!ok)
        abort();
}

static uint32_t look(const uint8_t *p, size_t n)
{
    const void *at;
    size_t len, used = 0;
    uint32_t sum = 0;
    durai_golden g;
    if (dura_brain_check(p, n) != DURA_OK)
        return 0;
    for (uint32_t type = 0; type < 300; type++) {
        if (dura_brain_section(p, n, type, &at, &len) != DURA_OK)
            continue;
        size_t off = (size_t)((const uint8_t *)at - p);
        require(off % 8 == 0 && off >= 32 && len > 0 && len <= n - off && off >= used);
        used = off + len;
        sum += ((const uint8_t *)at)[len - 1];
    }
    if (durai_golden_open(&g, p, n) == DURA_OK) {
        size_t bytes = 4 * (size_t)g.n * ((size_t)g.n_in + g.n_out);
        require(g.at >= p && bytes <= (size_t)(p + n - g.at));
        for (size_t i = 0; i + 4 <= bytes; i += 4) {
            float v = durai_f32(durai_le32(g.at + i));
            require(!durai_golden_right(&g, v, durai_f32(0x7FC00000u)));
            sum += (uint32_t)durai_golden_right(&g, v, v);
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t sum = look(data, size);
    size_t n = size & ~(size_t)7;
    uint8_t *copy = n >= 16 ? malloc(n) : NULL;
    if (!copy)
        return 0;
    memcpy(copy, data, n);
    memcpy(copy, "DBRN\1", 5);
    durai_put32(copy + 8, (uint32_t)n);
    durai_put32(copy + 12, durai_crc32c(durai_crc32c(0, copy, 12), copy + 16, n - 16));
    sum += look(copy, n);
    free(copy);
    return sum == 0xFFFFFFFFu ? 1 : 0;
}
