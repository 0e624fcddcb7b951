/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slope and time to a limit: exact lines, no claim without a trend, intervals that hold on
 * generated streams (bench/bench_trend.c has more of them), bends and steps, bad input.
 */
#include "dt.h"

#include "drift_streams.h"

#include <dura/host/trend.h>

#include <stdlib.h>

enum { MOST = 4000 };

static float x[MOST];

/* AR(1) of deviation 1. */
static void noise(double phi, size_t n, uint32_t seed)
{
    drift_stream s = stream_open(90, seed);
    double e = stream_quantile(stream_uniform(&s));
    size_t i;
    for (i = 0; i < n; i++) {
        e = phi * e + sqrt(1.0 - phi * phi) * stream_quantile(stream_uniform(&s));
        x[i] = (float)e;
    }
}

static dura_trend fit(const uint8_t *missing, size_t n)
{
    dura_trend t = DURA_TREND_INIT;
    dt_eq(dura_trend_fit(&t, x, missing, n, 0.0), DURA_OK, "");
    return t;
}

static int near(double a, double b)
{
    return fabs(a - b) <= 1e-6 * (1.0 + fabs(b));
}

DT_TEST(trend_fit, finds_a_line_exactly_and_when_it_reaches_a_limit)
{
    dura_trend t;
    double at, low, high;
    size_t i;
    for (i = 0; i < 800; i++)
        x[i] = (float)(10.0 - 0.0078125 * (double)i);
    t = fit(NULL, 800);
    dt_eq(t.why, 0, "%x", t.why);
    dt_ok(near(t.slope, -0.0078125) && near(t.low, t.slope) && near(t.high, t.slope), "%g", t.slope);
    dt_ok(near(t.now, 10.0 - 0.0078125 * 799), "%g", t.now);
    dt_eq((int)t.from, 0, "");
    dt_eq((int)t.last, 799, "");
    dt_eq(dura_trend_reach(&t, 0.0, &at, &low, &high), 1, "");
    dt_ok(near(at, 1280 - 799) && near(low, at) && near(high, at), "%g %g %g", at, low, high);
    dt_eq(dura_trend_reach(&t, 11.0, &at, &low, &high), 0, "it leads away");
    dt_eq(dura_trend_reach(&t, 5.0, &at, &low, &high), 0, "it has passed");
}

DT_TEST(trend_fit, claims_nothing_of_what_does_not_move)
{
    dura_trend t;
    double at, low, high;
    size_t i;
    for (i = 0; i < 800; i++)
        x[i] = 3.0f;
    t = fit(NULL, 800);
    dt_eq(t.why, DURA_TREND_NONE, "%x", t.why);
    dt_eq(dura_trend_reach(&t, 4.0, &at, &low, &high), 0, "");
    noise(0.0, 2000, 1);
    t = fit(NULL, 2000);
    dt_eq(t.why, DURA_TREND_NONE, "%x", t.why);
    dt_ok(t.low < 0.0 && t.high > 0.0, "");
}

/* 90 % promised: also where least squares with independent errors would hold 65 %. */
DT_TEST(trend_fit, holds_as_often_as_promised_also_when_autocorrelated)
{
    static const double phi[] = {0.0, 0.5, 0.8};
    enum { RUNS = 80, N = 2000 };
    size_t k, i;
    for (k = 0; k < sizeof phi / sizeof *phi; k++) {
        int run, given = 0, holds = 0, timed = 0, in_time = 0;
        for (run = 0; run < RUNS; run++) {
            dura_trend t;
            double at, low, high;
            noise(phi[k], N, (uint32_t)run);
            for (i = 0; i < N; i++)
                x[i] += 0.0015f * (float)i;
            t = fit(NULL, N);
            if (t.why & (uint32_t)(DURA_TREND_SHORT | DURA_TREND_BENT))
                continue;
            given++;
            holds += t.low <= 0.0015 && 0.0015 <= t.high;
            if (dura_trend_reach(&t, 6.0, &at, &low, &high) == 1) {
                timed++;
                in_time += low <= 6.0 / 0.0015 - (N - 1) && 6.0 / 0.0015 - (N - 1) <= high;
            }
        }
        dt_ok(given >= RUNS * 80 / 100 && timed >= RUNS * 65 / 100, "phi %.1f: %d, %d", phi[k], given, timed);
        dt_ok(holds * 100 >= given * 84, "phi %.1f: %d of %d", phi[k], holds, given);
        dt_ok(in_time * 100 >= timed * 88, "phi %.1f: %d of %d", phi[k], in_time, timed);
    }
}

DT_TEST(trend_fit, refuses_what_swings_slower_than_it_was_watched)
{
    drift_stream s = stream_open(91, 1);
    double walk = 0.0;
    size_t i;
    int run, claimed = 0;
    for (run = 0; run < 20; run++) {
        for (i = 0; i < 2000; i++)
            x[i] = (float)(walk += stream_quantile(stream_uniform(&s)));
        claimed += fit(NULL, 2000).why == 0;
    }
    dt_ok(claimed == 0, "%d random walks of 20", claimed);
    noise(0.0, 79, 3);
    dt_eq(fit(NULL, 79).why, DURA_TREND_SHORT, "");
    dt_eq(fit(NULL, 0).why, DURA_TREND_SHORT, "");
}

DT_TEST(trend_fit, looks_at_the_straight_end_of_what_began_lately)
{
    dura_trend t;
    size_t i;
    noise(0.0, 4000, 5);
    for (i = 3000; i < 4000; i++)
        x[i] += 0.01f * (float)(i - 3000);
    t = fit(NULL, 4000);
    dt_eq(t.why, 0, "%x", t.why);
    dt_ok(t.from >= 3000 && t.low <= 0.01 && t.high >= 0.01, "from %d: %g %g", (int)t.from, t.low, t.high);
}

DT_TEST(trend_fit, takes_a_step_for_no_trend)
{
    int run, claimed = 0;
    size_t i;
    for (run = 0; run < 20; run++) {
        noise(0.3, 2000, 100 + (uint32_t)run);
        for (i = 900; i < 2000; i++)
            x[i] += 3.0f;
        claimed += fit(NULL, 2000).why == 0;
    }
    dt_ok(claimed <= 5, "%d of 20", claimed);
}

DT_TEST(trend_fit, is_not_moved_by_missing_samples_and_outliers)
{
    static uint8_t missing[2000];
    dura_trend t;
    size_t i;
    noise(0.0, 2000, 8);
    for (i = 0; i < 2000; i++) {
        x[i] = 0.1f * x[i] + 0.01f * (float)i;
        missing[i] = i % 3 == 0;
        if (missing[i])
            x[i] = 1e30f;
        else if (i % 97 == 0)
            x[i] = -1e6f;
        else if (i % 89 == 0)
            x[i] = NAN;
    }
    t = fit(missing, 2000);
    dt_eq(t.why, 0, "%x", t.why);
    dt_ok(t.slope > 0.0099 && t.slope < 0.0101, "%g", t.slope);
}

DT_TEST(trend_fit, refuses_what_is_wrong)
{
    dura_trend t = DURA_TREND_INIT, fresh = DURA_TREND_INIT;
    double at, low, high;
    dt_eq(dura_trend_fit(NULL, x, NULL, 100, 0.0), DURA_EINVAL, "");
    dt_eq(dura_trend_fit(&t, NULL, NULL, 100, 0.0), DURA_EINVAL, "");
    dt_eq(dura_trend_fit(&t, x, NULL, 100, 0.4), DURA_EINVAL, "");
    dt_eq(dura_trend_fit(&t, x, NULL, 100, NAN), DURA_EINVAL, "");
    t.struct_size = 8;
    dt_eq(dura_trend_fit(&t, x, NULL, 100, 0.0), DURA_EINVAL, "");
    dt_eq(dura_trend_reach(&t, 1.0, &at, &low, &high), DURA_EINVAL, "");
    dt_eq(dura_trend_reach(&fresh, NAN, &at, &low, &high), DURA_EINVAL, "");
    dt_eq(dura_trend_reach(NULL, 1.0, &at, &low, &high), DURA_EINVAL, "");
    dt_eq(dura_trend_reach(&fresh, 1.0, NULL, &low, &high), DURA_EINVAL, "");
}
