/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a saved state. The input comes twice into load(): as it is, and with the
 * magic, the digest and the CRC made right, so that the checks behind them are met too.
 * Whatever comes:
 *   what is refused leaves the monitor as it was;
 *   what is taken is written back by save() and taken again, byte for byte the same;
 *   a monitor that took it stays finite and in its ranges under any later samples, and
 *   what it saves then can be loaded again.
 */
#include "../src/base/dura_base_priv.h"

#include <dura/drift.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 4, WATCHED = 3, IMAGE = 16 + WATCHED * 128 + 4, STEPS = 64 };

static uint64_t memory[2][128];

static void must(int holds)
{
    if (!holds)
        abort();
}

/* Channel 0 plain, 1 autoregressive, 2 not watched, 3 held and constant. */
static dura_drift *build(int which, uint16_t flags)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift *d;
    uint16_t i;
    c.n_channels = N;
    c.flags = flags;
    c.arl0 = 1e9f;
    memset(memory[which], 0xA5, sizeof memory[which]);
    must(dura_drift_init(&d, memory[which], sizeof memory[which], &c) == DURA_OK);
    for (i = 0; i < N; i++) {
        dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
        r.deviation = i == 3 ? 0.0f : 1.0f;
        r.phi[0] = i == 1 ? 2.7f : 0.0f;
        r.phi[1] = i == 1 ? -2.5f : 0.0f;
        r.phi[2] = i == 1 ? 0.79f : 0.0f;
        r.why = i == 3 ? DURA_DRIFT_CONSTANT | DURA_DRIFT_HELD : 0;
        if (i != 2)
            must(dura_drift_attach(d, i, &r) == DURA_OK);
    }
    return d;
}

static void holds(const dura_drift *d)
{
    uint16_t i;
    for (i = 0; i < N; i++) {
        dura_drift_state s = DURA_DRIFT_STATE_INIT;
        if (dura_drift_query(d, i, &s) != DURA_OK)
            continue;
        must(durai_finite(s.statistic) && s.statistic >= 0.0f);
        must(durai_finite(s.z) && s.z >= -6.0f && s.z <= 6.0f);
        must(s.direction >= DURA_DRIFT_UP && s.direction <= DURA_DRIFT_NARROWER);
        must(s.onset <= 33554432u && s.alarm <= 1);
    }
}

/* Samples made of the input's own bytes, the extremes between them. */
static void go_on(dura_drift *d, const uint8_t *data, size_t size)
{
    static const uint32_t extreme[4] = {0x7F7FFFFFu, 0xFF7FFFFFu, 1u, 0x40000000u};
    uint8_t image[IMAGE];
    size_t len = sizeof image, at = 0;
    int t, i;
    for (t = 0; t < STEPS; t++) {
        dura_fact f[2];
        float x[N];
        int n;
        for (i = 0; i < N; i++, at += 4)
            x[i] = t % 2 ? durai_f32(extreme[(t / 2 + i) % 4]) : size < 4 ? 0.0f : durai_f32(durai_le32(data + at % (size - 3)));
        n = dura_drift_update(d, x, NULL, N, f, (size_t)(t % 3));
        must(n >= 0 && n <= t % 3);
        for (i = 0; i < n; i++)
            must(f[i].value[0] >= DURA_DRIFT_BACK && f[i].value[0] <= DURA_DRIFT_NARROWER && f[i].channel < N);
        holds(d);
    }
    must(dura_drift_save(d, image, &len) == DURA_OK);
    must(dura_drift_load(d, image, len) == DURA_OK);
}

static void offer(dura_drift *d, int which, const uint8_t *p, size_t n)
{
    uint64_t was[128];
    uint8_t back[IMAGE], again[IMAGE];
    size_t len = sizeof back, same = sizeof again;
    memcpy(was, memory[which], sizeof was);
    if (dura_drift_load(d, p, n) != DURA_OK) {
        must(memcmp(was, memory[which], sizeof was) == 0);
        return;
    }
    /* Ages beyond 2^40 samples are cut when they are read, nothing else is changed. */
    must(dura_drift_save(d, back, &len) == DURA_OK && len == n && memcmp(back, p, 16) == 0);
    must(dura_drift_load(d, back, len) == DURA_OK);
    must(dura_drift_save(d, again, &same) == DURA_OK && same == len && memcmp(back, again, len) == 0);
    holds(d);
    go_on(d, p, n);
}

/* What the next sample multiplies by, as it follows from the statistics (docs/formats/drift.md). */
static void mend(const dura_drift *d, uint8_t *block, uint16_t channel)
{
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    float r[11], sum, cap;
    int i;
    must(dura_drift_query(d, channel, &s) == DURA_OK);
    for (i = 0; i < 11; i++)
        r[i] = durai_f32(durai_le32(block + 4 * i));
    cap = 1000.0f * s.limit;
    sum = (((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))) + ((r[8] + r[9]) + r[10]);
    durai_put32(block + 112, durai_f32_bits(cap / (sum > cap ? sum : cap)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t flags;
    for (flags = 0; flags <= DURA_DRIFT_RESTART; flags++) {
        dura_drift *d = build(0, flags), *e = build(1, flags);
        uint8_t made[IMAGE], own[IMAGE];
        size_t len = sizeof own, n = size > 16 ? size - 16 : 0;
        offer(d, 0, data, size);
        must(dura_drift_save(e, own, &len) == DURA_OK && len == sizeof own);
        memcpy(made, own, sizeof made);
        memcpy(made + 16, data + (size > 16 ? 16 : size), n < IMAGE - 20 ? n : IMAGE - 20);
        mend(e, made + 16, 0);
        mend(e, made + 144, 1);
        mend(e, made + 272, 3);
        durai_put32(made + IMAGE - 4, durai_crc32c(0, made, IMAGE - 4));
        offer(e, 1, made, sizeof made);
    }
    return 0;
}
