/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor of wide vectors is the core's: same facts, same bytes, whatever comes; and the
 * saved bytes of one are those of the other.
 */
#include "dt.h"

#include <dura/host/drift.h>

enum { MOST = 21, IMAGE = 16 + MOST * 128 + 4 };

static uint64_t memory[2][1024];
static uint8_t image[2][IMAGE];
static uint32_t seed;

static uint32_t draw(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* Channel i of n: all kinds of references, one in eight not watched, when `odd`. */
static dura_drift *build(const dura_drift_calls *calls, int which, uint16_t n, int odd)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift *d;
    uint16_t i;
    c.n_channels = n;
    c.flags = n % 2 ? DURA_DRIFT_RESTART : 0;
    c.arl0 = 300.0f;
    dt_eq(calls->init(&d, memory[which], sizeof memory[which], &c), DURA_OK);
    for (i = 0; i < n; i++) {
        dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
        r.deviation = 1.0f;
        r.n = 1000u;
        if (odd && i % 8 == 3)
            continue;
        if (odd && i % 8 == 4)
            r.why = DURA_DRIFT_HELD;
        if (odd && i % 8 == 5) {
            r.low = -3.0f;
            r.high = 3.0f;
        }
        if (odd && i % 8 == 6)
            r.phi[0] = 0.5f;
        dt_eq(calls->attach(d, i, &r), DURA_OK);
    }
    return d;
}

/* Noise with shifts, gaps, repeats and values that are none. */
static void sample(int t, uint16_t n, int odd, float *x, uint8_t *missing)
{
    uint16_t i;
    for (i = 0; i < n; i++) {
        x[i] = (float)((int)(draw() % 4096u) + (int)(draw() % 4096u) - 4096) * (1.0f / 1672.0f);
        x[i] += t / 200 % 4 == 3 && i % 3 == 0 ? 2.0f : 0.0f;
        missing[i] = odd && draw() % 13u == 0 ? 2 : 0;
        if (odd && draw() % 301u == 0)
            x[i] = draw() % 2u ? 0.0f / (x[i] - x[i]) : 1e38f * 10.0f;
        if (odd && draw() % 401u == 0)
            x[i] = 3e38f;
    }
}

static void same(const dura_drift_calls *a, const dura_drift_calls *b, const dura_drift *d, const dura_drift *e, int t)
{
    size_t len[2] = {IMAGE, IMAGE};
    dt_eq(a->save(d, image[0], &len[0]), DURA_OK);
    dt_eq(b->save(e, image[1], &len[1]), DURA_OK);
    dt_eq(len[0], len[1], "sample %d", t);
    dt_mem(image[0], image[1], len[0], "sample %d", t);
}

DT_TEST(host_drift, is_the_monitor_of_the_core_at_any_width)
{
    const dura_drift_calls *core = dura_drift_part(), *wide = dura_host_drift_part();
    uint16_t n;
    int odd, t;
    for (odd = 0; odd < 2; odd++)
        for (n = 1; n <= MOST; n++) {
            dura_drift *d = build(core, 0, n, odd), *e = build(wide, 1, n, odd);
            seed = n;
            for (t = 0; t < 1600; t++) {
                dura_fact f[2][3];
                float x[MOST];
                uint8_t missing[MOST];
                int told;
                memset(f, 0, sizeof f);
                sample(t, n, odd, x, missing);
                told = core->update(d, x, odd ? missing : NULL, n, f[0], 3);
                dt_eq(told, wide->update(e, x, odd ? missing : NULL, n, f[1], 3), "%u channels, sample %d", n, t);
                dt_mem(f[0], f[1], sizeof f[0], "%u channels, sample %d", n, t);
                if (t % 97 == 0)
                    same(core, wide, d, e, t);
            }
        }
}

DT_TEST(host_drift, takes_up_what_the_core_saved)
{
    const dura_drift_calls *core = dura_drift_part(), *wide = dura_host_drift_part();
    dura_drift *d = build(core, 0, MOST, 1), *e = build(wide, 1, MOST, 1);
    size_t len = IMAGE;
    int t;
    for (t = 0; t < 500; t++) {
        float x[MOST];
        uint8_t missing[MOST];
        sample(t, MOST, 1, x, missing);
        dt_eq(core->update(d, x, missing, MOST, NULL, 0) >= 0, 1);
    }
    dt_eq(core->save(d, image[0], &len), DURA_OK);
    dt_eq(wide->load(e, image[0], len), DURA_OK);
    same(core, wide, d, e, t);
}
