/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of any configuration and any bytes: what is not finite is never GOOD, features
 * and ratio stay finite, and the same bytes at another alignment and stride say the same.
 */
#include <dura/block.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIDE = 32, SAMPLES = 128, ROOM = 4096 };

static void must(int holds)
{
    if (!holds)
        abort();
}
static int finite(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return (u & 0x7F800000u) != 0x7F800000u;
}

static void configure(dura_block_config *c, const uint8_t *head)
{
    unsigned i, image;
    c->kind = (uint8_t)(1 + (head[0] & 3u));
    image = c->kind <= DURA_BLOCK_U16;
    c->bits = c->kind == DURA_BLOCK_U16 ? (uint8_t)(8 + head[1] % 9u) : 0;
    c->width = image ? 16u + head[2] % (SIDE - 15u) : 64u + head[2] % (SAMPLES - 63u);
    c->height = image ? 16u + head[3] % (SIDE - 15u) : 0;
    c->spectrum = image || head[3] & 1 ? 0 : 64;
    c->rate_hz = 64.0f, c->n_bands = c->spectrum ? 1 : 0, c->n_lines = c->n_bands;
    c->band_hz[1] = 32.0f, c->line_hi_hz[0] = 32.0f;
    c->clip_hi = (float)(1 + head[4] % 255u);
    memcpy(&c->checks, head + 5, sizeof c->checks);
    c->checks &= image ? 0x801FBFFu : 0x9F80340u;
    c->checks |= image ? DURA_B_CONTRAST : DURA_B_LEVEL;
    c->checks &= ~(uint32_t)(DURA_B_TIME | DURA_B_SPECTRUM | 0x483u);
    if (!c->spectrum)
        c->checks &= ~(uint32_t)(DURA_B_BAND | DURA_B_LINE);
    c->late_ns = 1;
    for (i = 0; i < DURA_BLOCK_FEATURES; i++) {
        memcpy(&c->fail_lo[i], head + 9 + i, sizeof(float));
        c->fail_hi[i] = DURA_BLOCK_ANY;
        if (!finite(c->fail_lo[i]) || c->fail_lo[i] >= DURA_BLOCK_ANY)
            c->fail_lo[i] = -DURA_BLOCK_ANY;
        c->pin_scale[i] = 1.0f;
    }
    c->unlike_fail = 100.0f;
}

static int not_finite(const dura_block_config *c, const uint8_t *p)
{
    uint32_t i;
    float x;
    for (i = 0; c->kind == DURA_BLOCK_F32 && i < c->width; i++) {
        memcpy(&x, p + 4u * i, sizeof x);
        if (!finite(x))
            return 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t memory[2][DURA_BLOCK_BYTES(SIDE, 64, 64) / 8 + 1];
    static uint8_t flat[ROOM], apart[4 * ROOM];
    dura_block_config c = DURA_BLOCK_CONFIG_INIT;
    dura_block_report r[2] = {DURA_BLOCK_REPORT_INIT, DURA_BLOCK_REPORT_INIT};
    dura_block *b[2];
    float f[2][DURA_BLOCK_FEATURES];
    size_t row, rows, stride, k;
    int round, i;
    if (size < 32)
        return 0;
    configure(&c, data);
    if (dura_block_init(&b[0], memory[0], sizeof memory[0], &c) < 0)
        return 0;
    must(dura_block_init(&b[1], memory[1], sizeof memory[1], &c) == DURA_OK);
    row = (size_t)(c.kind == DURA_BLOCK_U8 ? 1 : c.kind == DURA_BLOCK_F32 ? 4 : 2) * (c.height ? c.width : 1);
    rows = c.height ? c.height : c.width;
    stride = row + 3;
    for (round = 0; round < 3; round++) {
        for (k = 0; k < row * rows; k++)
            flat[k] = data[28 + (k + (size_t)round) % (size - 28)];
        for (k = 0; k < rows; k++)
            memcpy(apart + 1 + k * stride, flat + k * row, row);
        must(dura_block_update(b[0], round, 0, flat, row * rows, 0, &r[0]) == DURA_OK);
        must(dura_block_update(b[1], round, 0, apart + 1, rows * stride, stride, &r[1]) == DURA_OK);
        must(memcmp(&r[0], &r[1], sizeof r[0]) == 0);
        must(r[0].verdict != DURA_GOOD || !not_finite(&c, flat));
        must(finite(r[0].ratio) && r[0].ratio >= 0.0f && finite(r[0].distance));
        if (dura_block_features(b[0], f[0], DURA_BLOCK_FEATURES) < 0)
            continue;
        must(dura_block_features(b[1], f[1], DURA_BLOCK_FEATURES) == DURA_OK && memcmp(f[0], f[1], sizeof f[0]) == 0);
        for (i = 0; i < DURA_BLOCK_FEATURES; i++)
            must(finite(f[0][i]));
    }
    return 0;
}
