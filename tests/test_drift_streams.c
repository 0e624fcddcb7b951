/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the monitor detects, how fast, and how often it cries wolf, on streams anybody can
 * make again (drift_streams.h). A few seeds each here, 200 in bench/bench_drift.c. The
 * bounds are what was measured plus about three standard errors.
 */
#include "dt.h"

#include "drift_streams.h"

#include <dura/drift.h>

static uint64_t memory[2048];
static float series[2000];

static dura_drift *open_monitor(uint16_t n, uint16_t flags, float arl0, const dura_drift_reference *ref)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    dura_drift *d;
    uint16_t i;
    r.deviation = 1.0f;
    c.n_channels = n;
    c.flags = flags;
    c.arl0 = arl0;
    dt_eq(dura_drift_init(&d, memory, sizeof memory, &c), DURA_OK);
    for (i = 0; i < n; i++)
        dt_eq(dura_drift_attach(d, i, ref ? ref : &r), DURA_OK);
    return d;
}

DT_TEST(drift_streams, are_those_the_figures_were_taken_on)
{
    static const struct { uint32_t id; double first, second, sum; int n; } rows[] = {
        {1, 1, 1, 3025, 10000},
        {2, .731169640434, .704628963521, 1200.761187, 10000},
        {3, .0100851012577, -1.62237033447, 2643.512356, 10000},
        {4, -.181296024149, .908952777113, 5073.362752, 10000},
        {5, -.14712556158, -.439153406829, 10062.16831, 10000},
        {6, 1.3012676577, 1.40771325204, 117.2572075, 10000},
        {7, -1.26732981649, -2.96344061286, -125.2557534, 10000},
        {8, .305712733555, .0189565250083, 97.19254914, 10000},
        {9, -.552203418645, 1.46286338584, 2486.693077, 10000},
        {10, 1, 0, 200147, 1000000},
        {11, .574525523423, -.0469400476459, -1623.000089, 1000000},
    };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        drift_stream s = stream_open(rows[i].id, 1);
        double sum = 0.0;
        int t;
        for (t = 0; t < rows[i].n; t++) {
            double x = stream_next(&s);
            sum += x;
            if (t < 2)
                dt_ok(fabs(x - (t ? rows[i].second : rows[i].first)) < 1e-11, "stream %u", rows[i].id);
        }
        dt_ok(fabs(sum - rows[i].sum) < 2e-6 * (fabs(sum) + 1.0), "stream %u: %.9g", rows[i].id, sum);
    }
}

/* Samples from the change to the first alarm after it; 0: none. */
static int delay_of(uint32_t id, uint32_t of_seed, int *direction, int *onset)
{
    dura_drift *d = open_monitor(1, DURA_DRIFT_RESTART, 1e5f, NULL);
    drift_stream s = stream_open(id, of_seed);
    int t;
    for (t = 0; t < STREAM_N; t++) {
        float x = (float)stream_next(&s);
        dura_fact f;
        if (dura_drift_update(d, &x, NULL, 1, &f, 1) == 0 || t < STREAM_CHANGE)
            continue;
        *direction = (int)f.value[0];
        *onset = t - (int)f.value[2] - STREAM_CHANGE;
        return t - STREAM_CHANGE + 1;
    }
    return 0;
}

DT_TEST(drift_streams, show_every_change_soon_and_in_the_right_direction)
{
    static const struct { uint32_t id; double most; int direction, off; } rows[] = {
        {2, 320, DURA_DRIFT_UP, 60},   {3, 105, DURA_DRIFT_UP, 25},  {4, 28, DURA_DRIFT_UP, 6},
        {5, 8.5, DURA_DRIFT_UP, 2},    {6, 66, DURA_DRIFT_WIDER, 15}, {7, 21, DURA_DRIFT_WIDER, 6},
        {8, 42, DURA_DRIFT_NARROWER, 6}, {9, 1180, DURA_DRIFT_UP, 900},
    };
    enum { SEEDS = 20 };
    size_t i;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        int right = 0, near = 0;
        double sum = 0.0;
        uint32_t k;
        for (k = 1; k <= SEEDS; k++) {
            int direction = -1, onset = 0, delay = delay_of(rows[i].id, k, &direction, &onset);
            dt_ok(delay > 0, "stream %u, seed %u: missed", rows[i].id, k);
            sum += delay;
            right += direction == rows[i].direction;
            near += abs(onset) <= rows[i].off;
        }
        dt_ok(sum / SEEDS <= rows[i].most, "stream %u: %.1f samples", rows[i].id, sum / SEEDS);
        dt_ok(right >= SEEDS - 2, "stream %u: %d right", rows[i].id, right);
        dt_ok(near >= SEEDS / 2, "stream %u: %d near", rows[i].id, near);
    }
}

/* Alarms in n samples of an AR(1) process. */
static int alarms(dura_drift *d, drift_stream *s, double phi, double *y, int n)
{
    int t, count = 0;
    for (t = 0; t < n; t++) {
        dura_fact f;
        float x;
        *y = phi * *y + stream_next(s);
        x = (float)(50.0 + 0.5 * *y);
        count += dura_drift_update(d, &x, NULL, 1, &f, 1);
    }
    return count;
}

DT_TEST(drift_streams, raise_no_more_false_alarms_than_asked)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    drift_stream s = stream_open(11, 1);
    double y = 0.0;
    int count;
    r.mean = 50.0f;
    r.deviation = 0.5f;
    count = alarms(open_monitor(1, DURA_DRIFT_RESTART, 1000.0f, &r), &s, 0.0, &y, 400000);
    /* asked: 400; three standard errors either way */
    dt_ok(count > 340 && count < 460, "%d", count);
}

/* The average over ten learned references; one of them alone may be off (docs/drift.md). */
DT_TEST(drift_streams, keep_the_rate_when_the_reference_was_learned)
{
    static const double phi[3] = {0.0, 0.5, 0.9};
    int i, k, t;
    for (i = 0; i < 3; i++) {
        int count = 0;
        for (k = 1; k <= 10; k++) {
            dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
            drift_stream s = stream_open(20, (uint32_t)k);
            double y = 0.0;
            for (t = -200; t < 2000; t++) {
                y = phi[i] * y + stream_next(&s);
                if (t >= 0)
                    series[t] = (float)(50.0 + 0.5 * y);
            }
            dt_eq(dura_drift_learn(&r, series, NULL, 2000, 4), DURA_OK);
            count += alarms(open_monitor(1, DURA_DRIFT_RESTART, 1000.0f, &r), &s, phi[i], &y, 20000);
        }
        dt_ok(count <= 200, "phi %.1f: %d alarms, asked 200", phi[i], count);
        dt_ok(count > 5, "phi %.1f: %d", phi[i], count);
    }
}

DT_TEST(drift_streams, have_likelihood_ratios_that_average_to_one)
{
    /* By quadrature over N(0, 1): after one sample from nothing the mixture is the sum of
     * weight x ratio, so its mean is E[LR]. Cut at 6, 4 and 3 it may only be less. */
    static const float clips[3] = {6.0f, 4.0f, 3.0f};
    int i, k;
    for (i = 0; i < 3; i++) {
        dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
        double sum = 0.0;
        dura_drift *d;
        r.deviation = 1.0f;
        r.clip = clips[i];
        d = open_monitor(1, 0, 1e9f, &r);
        for (k = -9000; k <= 9000; k++) {
            dura_drift_state s = DURA_DRIFT_STATE_INIT;
            float z = (float)k / 1000.0f;
            dt_eq(dura_drift_reset(d), DURA_OK);
            dt_eq(dura_drift_update(d, &z, NULL, 1, NULL, 0), 0);
            dt_eq(dura_drift_query(d, 0, &s), DURA_OK);
            sum += (double)s.statistic * exp(-0.5 * (double)z * (double)z) * 0.001 / sqrt(8.0 * atan(1.0));
        }
        dt_ok(sum < 1.0 + 2e-6 && sum > 0.95, "clip %g: %.9f", (double)clips[i], sum);
        if (i == 0)
            dt_ok(sum > 0.9995, "%.9f", sum);
    }
}

DT_TEST(drift_streams, name_the_channel_that_moved)
{
    enum { CHANNELS = 52, RUNS = 10 };
    int run, right = 0;
    for (run = 1; run <= RUNS; run++) {
        dura_drift *d = open_monitor(CHANNELS, 0, 1e5f, NULL);
        drift_stream s = stream_open(30, (uint32_t)run);
        int moved = run * 5 % CHANNELS, t, n = 0;
        dura_fact f = {0};
        for (t = 0; t < 1000 && n == 0; t++) {
            float x[CHANNELS];
            int i;
            for (i = 0; i < CHANNELS; i++)
                x[i] = (float)stream_quantile(stream_uniform(&s)) + (i == moved && t >= 500 ? 1.0f : 0.0f);
            n = dura_drift_update(d, x, NULL, CHANNELS, &f, 1);
        }
        right += n == 1 && f.channel == moved && f.value[0] == DURA_DRIFT_UP && t > 500;
    }
    dt_eq(right, RUNS);
}
