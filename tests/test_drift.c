/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of dura/drift.h: every return, the boundaries, alarms told and held back,
 * latch and way back, missing samples, references. What it detects and how often it cries
 * wolf is in test_drift_streams.c, saved state in test_drift_save.c.
 */
#include "dt.h"

#include <dura/drift.h>

#include <math.h>

static uint64_t memory[2][1024];

/* Deterministic, near enough to Gaussian: twelve uniforms. */
static uint32_t seed;
static float noise(void)
{
    uint32_t sum = 0;
    int i;
    for (i = 0; i < 12; i++) {
        seed = seed * 1664525u + 1013904223u;
        sum += seed >> 16;
    }
    return ((float)sum - 6.0f * 65535.0f) / 65536.0f;
}

static dura_drift_config config(uint16_t n, uint16_t flags, float arl0)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    c.n_channels = n;
    c.flags = flags;
    c.arl0 = arl0;
    return c;
}
static dura_drift_reference plain(void)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    r.deviation = 1.0f;
    return r;
}

static dura_drift *fresh(uint16_t n, uint16_t flags, float arl0)
{
    dura_drift_config c = config(n, flags, arl0);
    dura_drift *d;
    uint16_t i;
    memset(memory[0], 0xA5, sizeof memory[0]);
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_OK);
    for (i = 0; i < n; i++) {
        dura_drift_reference r = plain();
        dt_eq(dura_drift_attach(d, i, &r), DURA_OK);
    }
    seed = 1;
    return d;
}
static dura_drift *with(const dura_drift_reference *r, float arl0)
{
    dura_drift_config c = config(1, 0, arl0);
    dura_drift *d;
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_OK);
    dt_eq(dura_drift_attach(d, 0, r), DURA_OK);
    seed = 1;
    return d;
}
static dura_drift_state state(const dura_drift *d, uint16_t channel)
{
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    dt_eq(dura_drift_query(d, channel, &s), DURA_OK);
    return s;
}
/* One sample of a one-channel monitor; the fact's kind of change, -1 when it is silent. */
static int one(dura_drift *d, float x)
{
    dura_fact f;
    int n = dura_drift_update(d, &x, NULL, 1, &f, 1);
    dt_ok(n == 0 || n == 1, "%d", n);
    return n ? (int)f.value[0] : -1;
}

/* ---- building -------------------------------------------------------------------- */

/* 128 of state and 48 of reference; channels are laid out in fours where vectors are. */
DT_TEST(drift_bytes, counts_a_fixed_amount_per_channel)
{
    dura_drift_config a = config(4, 0, 1e5f), b = config(1004, 0, 1e5f), c = config(1, 0, 1e5f);
    dt_eq(dura_drift_bytes(&b) - dura_drift_bytes(&a), 176 * 1000);
    dt_ok(dura_drift_bytes(&c) <= dura_drift_bytes(&a));
    dt_ok(dura_drift_bytes(&a) <= 64 + 4 * 176);
}

DT_TEST(drift_init, refuses_what_the_header_says)
{
    static const struct { const char *row; uint16_t n, flags; float arl0; uint32_t reserved; int want; } rows[] = {
        {"least", 1, 0, 100.0f, 0, DURA_OK},
        {"most", DURA_DRIFT_CHANNELS_MAX, DURA_DRIFT_RESTART, 1e9f, 0, DURA_ENOSPC},
        {"no channels", 0, 0, 1e5f, 0, DURA_EINVAL},
        {"too many channels", DURA_DRIFT_CHANNELS_MAX + 1, 0, 1e5f, 0, DURA_EINVAL},
        {"unknown flag", 1, 2, 1e5f, 0, DURA_EINVAL},
        {"rate below", 1, 0, 99.99f, 0, DURA_EINVAL},
        {"rate above", 1, 0, 1.1e9f, 0, DURA_EINVAL},
        {"reserved", 1, 0, 1e5f, 1, DURA_EINVAL},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_drift_config c = config(rows[i].n, rows[i].flags, rows[i].arl0);
        dura_drift *d = (dura_drift *)(void *)memory;
        c.reserved = rows[i].reserved;
        dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), rows[i].want, "row %s", rows[i].row);
        dt_ok((d != NULL) == (rows[i].want == DURA_OK), "row %s", rows[i].row);
        dt_ok((dura_drift_bytes(&c) == 0) == (rows[i].want == DURA_EINVAL), "row %s", rows[i].row);
    }
}

DT_TEST(drift_init, refuses_bad_rates_memory_and_sizes)
{
    struct { dura_drift_config c; uint32_t more; } newer = {DURA_DRIFT_CONFIG_INIT, 1};
    dura_drift_config c = config(1, 0, 0.0f);
    const uint32_t bad[3] = {0x7FC00000u, 0x7F800000u, 0xFF800000u};
    dura_drift *d;
    int i;
    for (i = 0; i < 3; i++) {
        memcpy(&c.arl0, &bad[i], 4);
        dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_EINVAL, "%08x", bad[i]);
    }
    c.arl0 = 1e5f;
    dt_eq(dura_drift_init(NULL, memory[0], sizeof memory[0], &c), DURA_EINVAL);
    dt_eq(dura_drift_init(&d, NULL, sizeof memory[0], &c), DURA_EINVAL);
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], NULL), DURA_EINVAL);
    dt_eq(dura_drift_init(&d, (uint8_t *)memory[0] + 4, sizeof memory[0] - 8, &c), DURA_EALIGN);
    dt_eq(dura_drift_init(&d, memory[0], dura_drift_bytes(&c) - 1, &c), DURA_ENOSPC);
    dt_eq(dura_drift_init(&d, memory[0], dura_drift_bytes(&c), &c), DURA_OK);
    newer.c = c;
    newer.c.struct_size = sizeof newer;
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &newer.c), DURA_EVERSION);
    c.struct_size = 12;
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_EINVAL);
    dt_eq(dura_drift_bytes(NULL), 0);
}

static void spoil(dura_drift_reference *r, int row)
{
    const float nan = (float)(0.0 / (double)(r->n ? 1 : 0));
    switch (row) {
    case 0: r->mean = nan; break;
    case 1: r->deviation = -1.0f; break;
    case 2: r->deviation = 0.0f; break;
    case 3: r->deviation = nan; break;
    case 4: r->resolution = -1.0f; break;
    case 5: r->clip = 2.9f; break;
    case 6: r->clip = 6.1f; break;
    case 7: r->clip = nan; break;
    case 8: r->why = 0x40u; break;
    case 9: r->hold = 2.0f; break;             /* of a channel that is not HELD */
    case 10: r->phi[0] = nan; break;
    case 11: r->phi[0] = 1.0f; break;
    case 12: r->phi[0] = 0.6f; r->phi[1] = 0.5f; break;
    case 13: r->phi[3] = -1.0f; break;
    case 14: r->resolution = nan; break;
    case 15: r->low = nan; r->high = 1.0f; break;
    case 16: r->high = 0.0f; r->low = -1.0f; break;     /* the mean is at the bound */
    case 17: r->mean = 0.5f; r->high = 1.0f; break;     /* no such deviation within 0..1 */
    case 18: r->mean = 1.0f; r->low = 3.0f; r->high = -1.0f; break;
    case 19: r->mean = 1.0f; r->high = 3.0f; r->phi[0] = 0.5f; break;
    case 20: r->mean = 1.0f; r->high = 3.0f; r->why = DURA_DRIFT_HELD; break;
    case 21: r->why = DURA_DRIFT_HELD; r->hold = 0.5f; break;
    case 22: r->why = DURA_DRIFT_HELD; r->hold = nan; break;
    default: r->struct_size = 52; break;
    }
}

DT_TEST(drift_attach, refuses_references_that_are_not_sound)
{
    dura_drift_config c = config(2, 0, 1e5f);
    struct { dura_drift_reference r; uint32_t more; } newer = {DURA_DRIFT_REFERENCE_INIT, 9};
    dura_drift_reference r = plain();
    dura_drift *d;
    int row;
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_OK);
    for (row = 0; row < 24; row++) {
        r = plain();
        spoil(&r, row);
        dt_eq(dura_drift_attach(d, 0, &r), DURA_EINVAL, "row %d", row);
    }
    r = plain();
    newer.r = r;
    newer.r.struct_size = sizeof newer;
    dt_eq(dura_drift_attach(d, 0, &newer.r), DURA_EVERSION);
    dt_eq(dura_drift_attach(NULL, 0, &r), DURA_EINVAL);
    dt_eq(dura_drift_attach(d, 0, NULL), DURA_EINVAL);
    dt_eq(dura_drift_attach(d, 2, &r), DURA_EINVAL);
    dt_eq(dura_drift_attach(d, 1, &r), DURA_OK);
    dt_eq(dura_drift_attach(d, 1, &r), DURA_ESTATE);
}

DT_TEST(drift_attach, takes_every_stationary_autoregression)
{
    static const float phi[5][4] = {
        {0.999f, 0, 0, 0}, {1.5f, -0.9f, 0, 0}, {-0.99f, 0, 0, 0}, {2.7f, -2.5f, 0.79f, 0}, {0, 0, 0, 0.9f}};
    int i;
    for (i = 0; i < 5; i++) {
        dura_drift_reference r = plain();
        memcpy(r.phi, phi[i], sizeof r.phi);
        r.clip = i & 1 ? 3.0f : 6.0f;
        (void)with(&r, 1e5f);
    }
}

DT_TEST(drift_attach, makes_the_limit_from_the_channels_that_are_watched)
{
    dura_drift_config c = config(10, 0, 1000.0f);
    dura_drift_reference r = plain();
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    dura_drift *d;
    float one_of_it;
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_OK);
    dt_eq(dura_drift_attach(d, 3, &r), DURA_OK);
    one_of_it = state(d, 3).limit;
    dt_ok(fabs((double)one_of_it - 1000.0 / 1.455) < 0.01, "%g", (double)one_of_it);
    dt_eq(dura_drift_attach(d, 9, &r), DURA_OK);
    dt_ok(state(d, 3).limit == 2.0f * one_of_it);
    dt_eq(dura_drift_query(d, 0, &s), DURA_ENOENT);
    dt_eq(dura_drift_query(d, 10, &s), DURA_EINVAL);
    dt_eq(dura_drift_query(NULL, 3, &s), DURA_EINVAL);
    dt_eq(dura_drift_query(d, 3, NULL), DURA_EINVAL);
    s.struct_size = 36;
    dt_eq(dura_drift_query(d, 3, &s), DURA_EINVAL);
}

/* ---- updates --------------------------------------------------------------------- */

DT_TEST(drift_update, refuses_wrong_arguments)
{
    dura_drift *d = fresh(2, 0, 1e5f);
    float x[3] = {0, 0, 0};
    dura_fact f;
    dt_eq(dura_drift_update(NULL, x, NULL, 2, &f, 1), DURA_EINVAL);
    dt_eq(dura_drift_update(d, NULL, NULL, 2, &f, 1), DURA_EINVAL);
    dt_eq(dura_drift_update(d, x, NULL, 1, &f, 1), DURA_EINVAL);
    dt_eq(dura_drift_update(d, x, NULL, 3, &f, 1), DURA_EINVAL);
    dt_eq(dura_drift_update(d, x, NULL, 2, NULL, 1), DURA_EINVAL);
    dt_eq(state(d, 0).n, 0);
    dt_eq(dura_drift_update(d, x, NULL, 2, NULL, 0), 0);
    dt_eq(state(d, 0).n, 1);
}

DT_TEST(drift_update, works_the_statistic_out_as_written_down)
{
    static const double d[4] = {0.16, 0.48, 1.12, 2.4}, w[4] = {0.165, 0.069, 0.062, 0.072};
    static const double s2[3] = {2, 4, 1 / 3.25}, ws[3] = {0.1, 0.09, 0.074};
    double r[11] = {0};
    dura_drift *m = fresh(1, 0, 1e5f);
    int t, i;
    for (t = 0; t < 300; t++) {
        float x = noise();
        double z = (double)x, sum = 0.0;
        dura_drift_state now;
        (void)one(m, x);
        for (i = 0; i < 4; i++) {
            r[i] = (r[i] + w[i]) * exp(d[i] * z - d[i] * d[i] / 2);
            r[4 + i] = (r[4 + i] + w[i]) * exp(-d[i] * z - d[i] * d[i] / 2);
        }
        for (i = 0; i < 3; i++)
            r[8 + i] = (r[8 + i] + ws[i]) * exp(z * z / 2 * (1 - 1 / s2[i])) / sqrt(s2[i]);
        for (i = 0; i < 11; i++)
            sum += r[i];
        now = state(m, 0);
        dt_ok(fabs((double)now.statistic - sum) < 1e-4 * sum, "t %d: %g, want %g", t, (double)now.statistic, sum);
        dt_ok(now.z == x && now.n == (uint64_t)t + 1);
    }
}

DT_TEST(drift_update, tells_direction_size_and_onset)
{
    static const struct { const char *row; float shift, spread; int want; int size, size2; } rows[] = {
        {"up a little", 0.5f, 1, DURA_DRIFT_UP, 480, 160},
        {"up", 1, 1, DURA_DRIFT_UP, 1120, 480},
        {"down", -1, 1, DURA_DRIFT_DOWN, 1120, 2400},
        {"down far", -3, 1, DURA_DRIFT_DOWN, 2400, 2400},
        {"wider", 0, 2, DURA_DRIFT_WIDER, 2000, 1414},
        {"narrower", 0, 0.4f, DURA_DRIFT_NARROWER, 555, 555},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_drift *d = fresh(1, 0, 1e5f);
        int t, told = 0;
        for (t = 0; t < 400; t++)
            dt_eq(one(d, noise()), -1, "row %s, t %d", rows[i].row, t);
        for (; t < 900 && !told; t++) {
            float x = rows[i].shift + rows[i].spread * noise();
            dura_fact f;
            if (dura_drift_update(d, &x, NULL, 1, &f, 1) == 0)
                continue;
            told = 1;
            dt_eq(f.kind, DURA_FACT_DRIFT);
            dt_eq(f.value[0], rows[i].want, "row %s", rows[i].row);
            dt_ok(f.value[1] == rows[i].size || f.value[1] == rows[i].size2, "row %s: size %d", rows[i].row,
                  (int)f.value[1]);
            dt_ok(t - f.value[2] > 360 && t - f.value[2] < 440, "row %s: onset %d", rows[i].row, t - (int)f.value[2]);
            dt_ok(f.value[3] >= 1000, "row %s", rows[i].row);
            dt_eq(f.channel, 0);
            dt_ok(f.asset == DURA_NONE && f.risk == DURA_NONE && f.reserved == 0 && f.reasons == 0);
            dt_eq(state(d, 0).direction, rows[i].want, "row %s", rows[i].row);
            dt_eq(state(d, 0).alarm, 1);
        }
        dt_ok(told, "row %s: never", rows[i].row);
    }
}

DT_TEST(drift_update, latches_until_the_channel_has_come_back_and_arms_anew)
{
    dura_drift *d = fresh(1, 0, 1e4f);
    int round, t, said;
    for (round = 0; round < 3; round++) {
        for (t = 0; (said = one(d, 2.0f + noise())) == -1; t++)
            dt_ok(t < 50, "round %d: no alarm", round);
        dt_eq(said, DURA_DRIFT_UP, "round %d", round);
        for (t = 0; t < 500; t++)
            dt_eq(one(d, 2.0f + noise()), -1, "round %d: told twice", round);
        dt_ok(state(d, 0).statistic <= 1.0001e7f && state(d, 0).statistic > 1e3f, "%g", (double)state(d, 0).statistic);
        dt_ok(state(d, 0).onset > 450 && state(d, 0).onset < 560, "%u", state(d, 0).onset);
        for (t = 0; (said = one(d, noise())) == -1; t++)
            dt_ok(t < 2000, "round %d: not back", round);
        dt_eq(said, DURA_DRIFT_BACK, "round %d", round);
        dt_ok(state(d, 0).statistic == 0.0f && state(d, 0).alarm == 0);
    }
}

DT_TEST(drift_update, begins_anew_after_each_alarm_with_restart)
{
    dura_drift *d = fresh(1, DURA_DRIFT_RESTART, 1e4f);
    int t, alarms = 0;
    for (t = 0; t < 1000; t++) {
        int said = one(d, 2.0f + noise());
        dt_ok(said == -1 || said == DURA_DRIFT_UP || said == DURA_DRIFT_WIDER, "%d", said);
        if (said != -1)
            dt_ok(state(d, 0).statistic == 0.0f && state(d, 0).alarm == 0);
        alarms += said == DURA_DRIFT_UP;
    }
    dt_ok(alarms > 100 && alarms < 400, "%d", alarms);
}

DT_TEST(drift_update, tells_what_had_no_room_at_the_next_call)
{
    uint16_t flags;
    for (flags = 0; flags <= DURA_DRIFT_RESTART; flags++) {
        dura_drift *d = fresh(5, flags, 1e4f);
        float far[5] = {2, 2, 2, 2, 2}, home[5] = {0, 0, 0, 0, 0};
        int heard[5] = {0}, t, k, n;
        dura_fact f[5];
        for (t = 0; t < 20; t++)
            dt_eq(dura_drift_update(d, far, NULL, 5, NULL, 0), 0);
        /* back at home and not told yet: the alarms must come all the same */
        for (t = 0; t < 3; t++) {
            n = dura_drift_update(d, home, NULL, 5, f, 2);
            dt_eq(n, t < 2 ? 2 : 1, "call %d", t);
            for (k = 0; k < n; k++) {
                dt_eq(f[k].value[0], DURA_DRIFT_UP);
                heard[f[k].channel]++;
            }
        }
        for (k = 0; k < 5; k++)
            dt_eq(heard[k], 1, "channel %d", k);
        if (!flags)
            dt_eq(state(d, 4).alarm, 1);
    }
}

DT_TEST(drift_update, tells_what_waits_when_samples_are_missing)
{
    dura_drift *d = fresh(1, 0, 1e4f);
    float far = 5.0f;
    uint8_t gone = 1;
    dura_fact f;
    int t;
    for (t = 0; t < 10; t++)
        dt_eq(dura_drift_update(d, &far, NULL, 1, NULL, 0), 0);
    dt_eq(dura_drift_update(d, &far, &gone, 1, &f, 1), 1);
    dt_eq(dura_drift_update(d, &far, &gone, 1, &f, 1), 0);
}

DT_TEST(drift_update, leaves_channels_alone_that_are_not_watched)
{
    dura_drift_config c = config(3, 0, 1e4f);
    dura_drift_reference r = plain();
    float x[3] = {1e30f, 0, 1e30f};
    dura_drift *d;
    dura_fact f[3];
    int t;
    dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_OK);
    dt_eq(dura_drift_attach(d, 1, &r), DURA_OK);
    for (t = 0; t < 8; t++)
        dt_eq(dura_drift_update(d, x, NULL, 3, f, 3), 0);
    dt_eq(state(d, 1).n, 8);
}

DT_TEST(drift_update, keeps_the_statistic_while_nothing_comes)
{
    dura_drift *d = fresh(2, 0, 1e5f);
    const uint32_t bits[3] = {0x7FC00000u, 0x7F800000u, 0xFF800000u};
    dura_drift_state was, now;
    int i;
    for (i = 0; i < 50; i++) {
        float x[2] = {noise(), noise()};
        dt_eq(dura_drift_update(d, x, NULL, 2, NULL, 0), 0);
    }
    was = state(d, 0);
    for (i = 0; i < 4; i++) {
        float x[2] = {9.0f, 0.0f};
        uint8_t gone[2] = {1, 0};
        if (i < 3)
            memcpy(&x[0], &bits[i], 4);
        dt_eq(dura_drift_update(d, x, i < 3 ? NULL : gone, 2, NULL, 0), 0);
        now = state(d, 0);
        dt_mem(&was, &now, sizeof was, "case %d", i);
    }
    dt_eq(state(d, 1).n, 54);
}

/* A lone gap makes the next `order` samples history only; values that come every third
 * frame are a series of their own. */
DT_TEST(drift_update, fills_the_past_before_it_judges)
{
    dura_drift_reference r = plain();
    dura_drift *d;
    uint8_t gone;
    float x = 0.1f;
    int t;
    r.phi[0] = 0.5f;
    r.phi[2] = 0.1f;
    d = with(&r, 1e5f);
    for (t = 0; t < 10; t++)
        (void)one(d, x);
    dt_eq(state(d, 0).n, 7, "three to begin with");
    gone = 1;
    dt_eq(dura_drift_update(d, &x, &gone, 1, NULL, 0), 0);
    for (t = 0; t < 3; t++)
        (void)one(d, x);
    dt_eq(state(d, 0).n, 7, "three after a gap");
    (void)one(d, x);
    dt_eq(state(d, 0).n, 8);
    for (t = 0; t < 300; t++) {
        gone = t % 3 != 0;
        dt_eq(dura_drift_update(d, &x, &gone, 1, NULL, 0), 0);
    }
    dt_ok(state(d, 0).n >= 8 + 95, "%d", (int)state(d, 0).n);
}

DT_TEST(drift_update, whitens_and_cuts)
{
    dura_drift_reference r = plain();
    dura_drift *d;
    r.mean = 10.0f;
    r.deviation = 2.0f;
    r.phi[0] = 0.5f;
    r.clip = 4.0f;
    d = with(&r, 1e5f);
    (void)one(d, 14.0f);                                /* 2 deviations: history */
    (void)one(d, 16.0f);                                /* 3 - 0.5 x 2 */
    dt_ok(state(d, 0).z == 2.0f);
    (void)one(d, 1e30f);
    dt_ok(state(d, 0).z == 4.0f);
    (void)one(d, 10.0f);                                /* 0 - 0.5 x (1.5 + 4) */
    dt_ok(state(d, 0).z == -2.75f, "%g", (double)state(d, 0).z);
    (void)one(d, -3e38f);
    dt_ok(state(d, 0).z == -4.0f);
}

DT_TEST(drift_update, stays_finite_whatever_comes)
{
    static const float nasty[] = {3.4e38f, -3.4e38f, 1e-45f, 0.0f, -0.0f, 1.0f, -1e30f, 7.0f};
    static const float means[] = {0.0f, 3e38f, -3e38f}, devs[] = {1.0f, 1e-38f, 3e38f};
    int m, v, t;
    for (m = 0; m < 3; m++)
        for (v = 0; v < 3; v++) {
            dura_drift_reference r = plain();
            dura_drift *d;
            r.mean = means[m];
            r.deviation = devs[v];
            r.phi[0] = 2.7f;
            r.phi[1] = -2.5f;
            r.phi[2] = 0.79f;
            d = with(&r, 1e9f);
            for (t = 0; t < 2000; t++) {
                dura_drift_state s;
                seed = seed * 1664525u + 1013904223u;
                (void)one(d, nasty[t < 1000 ? seed >> 29 : (unsigned)(t & 1)]);
                s = state(d, 0);
                dt_ok(s.statistic >= 0.0f && s.statistic <= 1.001f * 1000.0f * s.limit && s.z >= -6.0f && s.z <= 6.0f,
                      "mean %d dev %d t %d", m, v, t);
            }
        }
}

DT_TEST(drift_reset, is_as_if_no_sample_had_come)
{
    dura_drift *d = fresh(3, 0, 1e4f);
    size_t n = sizeof memory[0];
    float x[3] = {5, 5, 5};
    int t;
    memcpy(memory[1], memory[0], n);
    for (t = 0; t < 30; t++)
        (void)!dura_drift_update(d, x, NULL, 3, NULL, 0);
    dt_ok(memcmp(memory[0], memory[1], n) != 0);
    dt_eq(dura_drift_reset(d), DURA_OK);
    dt_mem(memory[0], memory[1], n);
    dt_eq(dura_drift_reset(NULL), DURA_EINVAL);
}

DT_TEST(drift_part, names_every_call)
{
    const dura_drift_calls *p = dura_drift_part();
    dt_eq(p->struct_size, sizeof *p);
    dt_ok(p->bytes == dura_drift_bytes && p->init == dura_drift_init && p->attach == dura_drift_attach &&
          p->update == dura_drift_update && p->query == dura_drift_query && p->reset == dura_drift_reset &&
          p->save == dura_drift_save && p->load == dura_drift_load && p->probe != NULL);
}

/* ---- references ------------------------------------------------------------------ */

static float series[20000];

static dura_drift_reference learned(size_t n, uint32_t order)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    dt_eq(dura_drift_learn(&r, series, NULL, n, order), DURA_OK);
    return r;
}
/* mean 100, deviation of the noise 2, autoregression phi */
static void make_series(size_t n, float phi)
{
    float y = 0.0f;
    size_t i;
    seed = 7;
    for (i = 0; i < 500 + n; i++) {
        y = phi * y + 2.0f * noise();
        if (i >= 500)
            series[i - 500] = 100.0f + y;
    }
}

DT_TEST(drift_learn, finds_mean_autoregression_and_deviation)
{
    static const float phi[3] = {0.0f, 0.5f, 0.8f};
    int i;
    for (i = 0; i < 3; i++) {
        dura_drift_reference r;
        make_series(20000, phi[i]);
        r = learned(20000, 4);
        dt_eq(r.why, 0, "phi %g", (double)phi[i]);
        dt_eq(r.n, 20000);
        dt_ok(fabs((double)r.mean - 100.0) < 0.3, "%g", (double)r.mean);
        dt_ok(fabs((double)r.deviation - 2.0) < 0.06, "%g", (double)r.deviation);
        dt_ok(fabs((double)(r.phi[0] - phi[i])) < 0.03, "%g", (double)r.phi[0]);
    }
    dt_ok(learned(20000, 0).phi[0] == 0.0f);
}

DT_TEST(drift_learn, refuses_what_the_header_says)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    uint8_t gone[16] = {0};
    make_series(16, 0.0f);
    dt_eq(dura_drift_learn(NULL, series, NULL, 16, 4), DURA_EINVAL);
    dt_eq(dura_drift_learn(&r, NULL, NULL, 16, 4), DURA_EINVAL);
    dt_eq(dura_drift_learn(&r, series, NULL, 16, 5), DURA_EINVAL);
    dt_eq(dura_drift_learn(&r, series, NULL, 7, 4), DURA_ENOENT);
    dt_eq(dura_drift_learn(&r, series, NULL, 8, 4), DURA_OK);
    memset(gone, 1, 9);
    dt_eq(dura_drift_learn(&r, series, gone, 16, 0), DURA_ENOENT);
    series[3] = (float)(1.0 / (gone[15] ? 1.0 : 0.0));
    dt_eq(dura_drift_learn(&r, series, NULL, 16, 4), DURA_EINVAL);
    gone[8] = 0;
    dt_eq(dura_drift_learn(&r, series, gone, 16, 4), DURA_OK);
    dt_eq(r.n, 8);
    r.struct_size = 8;
    dt_eq(dura_drift_learn(&r, series, gone, 16, 4), DURA_EINVAL);
}

DT_TEST(drift_learn, says_why_a_reference_cannot_promise)
{
    size_t i;
    make_series(900, 0.0f);
    dt_eq(learned(900, 4).why, DURA_DRIFT_SHORT);
    make_series(20000, 0.95f);
    dt_eq(learned(5000, 4).why & DURA_DRIFT_SHORT, DURA_DRIFT_SHORT);
    dt_eq(learned(20000, 4).why & DURA_DRIFT_SHORT, 0);
    dt_eq(learned(20000, 0).why & DURA_DRIFT_CORRELATED, DURA_DRIFT_CORRELATED);
    make_series(5000, 0.0f);
    for (i = 0; i < 5000; i += 50)
        series[i] += 20.0f;
    dt_eq(learned(5000, 0).why, DURA_DRIFT_TAILS);
    dt_ok(learned(5000, 0).clip == 3.0f);
    make_series(5000, 0.0f);
    for (i = 2500; i < 5000; i++)
        series[i] += 0.5f;
    dt_eq(learned(5000, 0).why & DURA_DRIFT_TREND, DURA_DRIFT_TREND);
    make_series(5000, 0.0f);
    for (i = 0; i < 5000; i++)
        series[i] = series[i - i % 5];
    dt_eq(learned(5000, 4).why & ~(uint32_t)DURA_DRIFT_SHORT, DURA_DRIFT_HELD);
    dt_eq(learned(5000, 4).n, 1000);
    for (i = 0; i < 5000; i++)
        series[i] = 42.0f;
    dt_eq(learned(5000, 4).why, DURA_DRIFT_CONSTANT);
    dt_ok(learned(5000, 4).deviation == 0.0f && learned(5000, 4).resolution == 0.0f);
}

DT_TEST(drift_learn, takes_the_smallest_step_for_the_resolution)
{
    size_t i;
    for (i = 0; i < 1000; i++)
        series[i] = (float)(i % 2 ? 1.25 : i % 4 ? 1.0 : 1.5);
    dt_ok(learned(1000, 0).resolution == 0.25f, "%g", (double)learned(1000, 0).resolution);
}

DT_TEST(drift_learn, makes_a_constant_reference_alarm_at_any_change_and_at_no_calm)
{
    dura_drift_reference r;
    dura_drift *d;
    size_t i;
    int t;
    for (i = 0; i < 100; i++)
        series[i] = 42.0f;
    r = learned(100, 4);
    d = with(&r, 1e5f);
    for (t = 0; t < 5000; t++)
        dt_eq(one(d, 42.0f), -1, "t %d", t);
    for (t = 0; one(d, 42.01f) == -1; t++)
        dt_ok(t < 5);
    dt_eq(state(d, 0).alarm, 1);
    dt_eq(state(d, 0).why, DURA_DRIFT_CONSTANT);
}

DT_TEST(drift_learn, makes_a_held_reference_count_new_values_only)
{
    dura_drift_reference r;
    dura_drift *d;
    float x = 0.0f;
    size_t i;
    int t;
    make_series(20000, 0.0f);
    for (i = 0; i < 20000; i++)
        series[i] = series[i - i % 5];
    r = learned(20000, 4);
    d = with(&r, 1e5f);
    for (t = 0; t < 10000; t++) {
        x = t % 5 ? x : 100.0f + 2.0f * noise();
        dt_eq(one(d, x), -1, "t %d", t);
    }
    dt_ok(state(d, 0).n > 1950 && state(d, 0).n <= 2000, "%d", (int)state(d, 0).n);
    for (t = 0; t < 200; t++) {
        x = t % 5 ? x : 103.0f + 2.0f * noise();
        if (one(d, x) == DURA_DRIFT_UP)
            break;
    }
    dt_ok(t < 200 && t > 10, "%d", t);
}

DT_TEST(drift_learn, says_how_long_a_held_value_stays)
{
    size_t i;
    make_series(20000, 0.0f);
    dt_ok(learned(20000, 4).hold == 0.0f);
    for (i = 0; i < 20000; i++)
        series[i] = series[i - i % 5];
    dt_ok(fabs((double)learned(20000, 4).hold - 5.0) < 0.01, "%g", (double)learned(20000, 4).hold);
}

/* A value that was cut must be known again too, or four repeats of it are four samples. */
DT_TEST(drift_update, knows_a_held_value_again_that_was_cut)
{
    dura_drift_reference r = plain();
    dura_drift *d;
    int t;
    r.why = DURA_DRIFT_HELD;
    r.clip = 3.0f;
    d = with(&r, 1e5f);
    for (t = 0; t < 8; t++)
        (void)one(d, t < 4 ? 100.0f : -1e20f);
    dt_eq(state(d, 0).n, 2);
}

DT_TEST(drift_attach, asks_a_held_channel_per_frame_and_not_per_value)
{
    dura_drift_reference r = plain();
    float each;
    r.why = DURA_DRIFT_HELD;
    each = state(with(&r, 1e5f), 0).limit;
    r.hold = 4.0f;
    dt_ok(fabs((double)(state(with(&r, 1e5f), 0).limit * 4.0f / each) - 1.0) < 1e-6);
}

/* ---- lanes ------------------------------------------------------------------------- */

/* Channels side by side go through vectors when all have a sample, one by one otherwise. */
DT_TEST(drift_update, answers_the_same_whoever_is_beside_a_channel)
{
    enum { N = 9, T = 3000 };
    dura_drift_config c = config(N, 0, 125.0f);
    dura_drift *many, *one_by_one[N];
    int t, i;
    dt_eq(dura_drift_init(&many, memory[0], sizeof memory[0], &c), DURA_OK);
    for (i = 0; i < N; i++) {
        dura_drift_config single = config(1, 0, 125.0f * N);
        dura_drift_reference r = plain();
        r.n = 1000u * (uint32_t)i;
        r.phi[0] = i == 2 ? 0.8f : 0.0f;
        dt_eq(dura_drift_attach(many, (uint16_t)i, &r), DURA_OK);
        dt_eq(dura_drift_init(&one_by_one[i], memory[1] + i * 100, 800, &single), DURA_OK);
        dt_eq(dura_drift_attach(one_by_one[i], 0, &r), DURA_OK);
    }
    seed = 7;
    for (t = 0; t < T; t++) {
        float x[N];
        uint8_t gone[N] = {0};
        dura_fact f[N], g;
        for (i = 0; i < N; i++) {
            x[i] = noise() + (t / 300 % 4 == 3 ? 1.5f : 0.0f);
            gone[i] = t % 50 < 5 && i == t % N;
        }
        dt_ok(dura_drift_update(many, x, t % 100 < 50 ? gone : NULL, N, f, N) >= 0);
        for (i = 0; i < N; i++) {
            dura_drift_state a, b;
            dt_ok(dura_drift_update(one_by_one[i], &x[i], t % 100 < 50 ? &gone[i] : NULL, 1, &g, 1) >= 0);
            a = state(many, (uint16_t)i);
            b = state(one_by_one[i], 0);
            dt_mem(&a, &b, sizeof a, "t %d channel %d", t, i);
        }
    }
}

/* ---- bounded samples --------------------------------------------------------------- */

static dura_drift_reference rate_of(float p)
{
    dura_drift_reference r = plain();
    r.mean = p;
    r.deviation = (float)sqrt((double)p * (1.0 - (double)p));
    r.high = 1.0f;
    return r;
}

static float chance(float p)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)((double)(seed >> 8) < (double)p * 16777216.0);
}

/* Bets have mean 1: the mixture after one sample, averaged over both values, is 1. */
DT_TEST(drift_bounded, bets_gain_nothing_under_the_reference)
{
    static const float p[5] = {0.01f, 0.2f, 0.5f, 0.8f, 0.99f};
    int i;
    for (i = 0; i < 5; i++) {
        dura_drift_reference r = rate_of(p[i]);
        double sum[2];
        int x;
        for (x = 0; x < 2; x++) {
            dura_drift *d = with(&r, 1e9f);
            (void)one(d, (float)x);
            sum[x] = (double)state(d, 0).statistic;
            dt_ok(sum[x] > 0.0);
        }
        dt_ok(fabs(sum[0] * (1.0 - (double)p[i]) + sum[1] * (double)p[i] - 1.0) < 1e-5, "p %g", (double)p[i]);
    }
}

DT_TEST(drift_bounded, keeps_the_rate_and_sees_errors_double)
{
    static const float p[3] = {0.05f, 0.2f, 0.5f};
    int i, t;
    for (i = 0; i < 3; i++) {
        dura_drift_config c = config(1, DURA_DRIFT_RESTART, 1000.0f);
        dura_drift_reference r = rate_of(p[i]);
        int alarms = 0, said = -1;
        dura_drift *d;
        dt_eq(dura_drift_init(&d, memory[0], sizeof memory[0], &c), DURA_OK);
        dt_eq(dura_drift_attach(d, 0, &r), DURA_OK);
        seed = 11;
        for (t = 0; t < 300000; t++)
            alarms += one(d, chance(p[i])) != -1;
        dt_ok(alarms > 150 && alarms < 340, "p %g: %d alarms, asked 300 at most", (double)p[i], alarms);
        d = with(&r, 1e5f);
        for (t = 0; t < 2000; t++)
            (void)one(d, chance(p[i]));
        for (t = 0; t < 1000 && said == -1; t++)
            said = one(d, chance(p[i] == 0.5f ? 0.8f : 2.0f * p[i]));
        dt_eq(said, DURA_DRIFT_UP, "p %g", (double)p[i]);
        dt_ok(t < 800, "p %g: %d", (double)p[i], t);
    }
}

DT_TEST(drift_bounded, is_learned_from_samples_within_the_unit)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    size_t i;
    seed = 3;
    for (i = 0; i < 5000; i++)
        series[i] = chance(0.2f);
    dt_eq(dura_drift_learn(&r, series, NULL, 5000, DURA_DRIFT_BOUNDED), DURA_OK);
    dt_ok(r.low == 0.0f && r.high == 1.0f && fabs((double)r.mean - 0.2) < 0.02 && r.why == 0, "why %u", r.why);
    (void)with(&r, 1e5f);
    dt_eq(dura_drift_learn(&r, series, NULL, 5000, DURA_DRIFT_BOUNDED | 1), DURA_EINVAL);
    series[7] = 1.5f;
    dt_eq(dura_drift_learn(&r, series, NULL, 5000, DURA_DRIFT_BOUNDED), DURA_EINVAL);
}
