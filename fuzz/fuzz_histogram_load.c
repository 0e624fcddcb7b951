/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a saved state. The input comes twice into load(): as it is, and with the
 * magic, the digest and the CRC made right, so that the checks behind them are met too.
 * Whatever comes:
 *   what is refused leaves the object as it was;
 *   what is taken is written back by save() and taken again, byte for byte the same;
 *   an object that took it stays finite and in its ranges under any later samples, and
 *   what it saves then can be loaded again.
 */
#include "../src/base/dura_base_priv.h"

#include <dura/histogram.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 3, WATCHED = 2, BLOCK = 108, IMAGE = 16 + WATCHED * BLOCK + 4, STEPS = 96 };

static uint64_t memory[2][128];

static void must(int holds)
{
    if (!holds)
        abort();
}

/* Channel 0 sixteen even bins, 1 not watched, 2 two bins, one as rare as is allowed. */
static dura_histogram *build(int which, uint16_t flags)
{
    const dura_histogram_calls *p = dura_histogram_part();
    dura_histogram_config c = DURA_HISTOGRAM_CONFIG_INIT;
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT, two = r;
    dura_histogram *h;
    uint32_t i;
    c.n_channels = N;
    c.flags = flags;
    c.arl0 = 1e9f;
    memset(memory[which], 0xA5, sizeof memory[which]);
    must(p->init(&h, memory[which], sizeof memory[which], &c) == DURA_OK);
    r.n_bins = 16;
    for (i = 0; i < 16; i++) {
        r.p[i] = 0.0625f;
        if (i < 15)
            r.edge[i] = (float)i - 7.0f;
    }
    two.n_bins = 2;
    two.n = 1;
    two.p[0] = 0.999f;
    two.p[1] = 0.001f;
    must(p->attach(h, 0, &r) == DURA_OK && p->attach(h, 2, &two) == DURA_OK);
    return h;
}

static void holds(const dura_histogram *h)
{
    uint16_t i;
    for (i = 0; i < N; i++) {
        dura_histogram_state s = DURA_HISTOGRAM_STATE_INIT;
        if (dura_histogram_part()->query(h, i, &s) != DURA_OK)
            continue;
        must(durai_finite(s.statistic) && s.statistic >= 0.0f && s.alarm <= 1);
        must(durai_finite(s.size) && s.size >= 0.0f && s.size <= 1.0f);
        must(s.onset <= 33554432u && s.bin <= 16 && s.last < 16);
    }
}

/* Samples made of the input's own bytes, the extremes between them. */
static void go_on(dura_histogram *h, const uint8_t *data, size_t size)
{
    static const uint32_t extreme[4] = {0x7F7FFFFFu, 0xFF7FFFFFu, 0x7FC00000u, 0x40000000u};
    const dura_histogram_calls *p = dura_histogram_part();
    uint8_t image[IMAGE];
    size_t len = sizeof image, at = 0;
    int t, i;
    for (t = 0; t < STEPS; t++) {
        dura_fact f[2];
        float x[N];
        int n;
        for (i = 0; i < N; i++, at++)
            x[i] = t % 2 ? durai_f32(extreme[(t / 2 + i) % 4]) : size == 0 ? 0.0f : (float)data[at % size] * 0.0625f - 8.0f;
        n = p->update(h, x, NULL, N, f, (size_t)(t % 3));
        must(n >= 0 && n <= t % 3);
        for (i = 0; i < n; i++)
            must((f[i].value[0] == DURA_HISTOGRAM_BACK || f[i].value[0] == DURA_HISTOGRAM_SHAPE) && f[i].channel < N);
        holds(h);
    }
    must(p->save(h, image, &len) == DURA_OK);
    must(p->load(h, image, len) == DURA_OK);
}

static void offer(dura_histogram *h, int which, const uint8_t *bytes, size_t n)
{
    const dura_histogram_calls *p = dura_histogram_part();
    uint64_t was[128];
    uint8_t back[IMAGE], again[IMAGE];
    size_t len = sizeof back, same = sizeof again;
    memcpy(was, memory[which], sizeof was);
    if (p->load(h, bytes, n) != DURA_OK) {
        must(memcmp(was, memory[which], sizeof was) == 0);
        return;
    }
    /* Ages beyond 2^25 samples are cut when they are read, nothing else is changed. */
    must(p->save(h, back, &len) == DURA_OK && len == n && memcmp(back, bytes, 16) == 0);
    must(p->load(h, back, len) == DURA_OK);
    must(p->save(h, again, &same) == DURA_OK && same == len && memcmp(back, again, len) == 0);
    holds(h);
    go_on(h, bytes, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t flags;
    for (flags = 0; flags <= DURA_HISTOGRAM_RESTART; flags++) {
        dura_histogram *h = build(0, flags), *g = build(1, flags);
        uint8_t made[IMAGE], own[IMAGE];
        size_t len = sizeof own, n = size > 16 ? size - 16 : 0;
        offer(h, 0, data, size);
        must(dura_histogram_part()->save(g, own, &len) == DURA_OK && len == sizeof own);
        memcpy(made, own, sizeof made);
        memcpy(made + 16, data + (size > 16 ? 16 : size), n < IMAGE - 20 ? n : IMAGE - 20);
        durai_put32(made + IMAGE - 4, durai_crc32c(0, made, IMAGE - 4));
        offer(g, 1, made, sizeof made);
    }
    return 0;
}
