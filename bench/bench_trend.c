/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_trend.c - does the slope's interval hold what it promises, and the time to a limit?
 *
 * Generated streams: noise of deviation 1, independent, AR(1), Student's t with 3 degrees of
 * freedom, in 12 bits over +-8; flat, or a line that rises by `rise` deviations over the
 * samples; "late": flat, and the line in the last third; "step": no line at all. Per row:
 *   claimed       runs in which a trend is said to be there (flat: false claims)
 *   slope holds   of all runs with a slope (late: of its last third), the interval does; .90 is promised
 *   time holds    of the runs with a time to the limit (5 deviations above the start), the interval does
 *   ols           the same as "slope holds" for least squares with independent errors
 *
 * Argument: "quick" for a tenth of the work. Prints what was measured.
 */
#include "../tests/drift_streams.h"

#include <dura/host/trend.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MOST = 10000, FLAT = 0, LINE = 1, LATE = 2, STEP = 3 };
enum { GAUSS = 0, STUDENT = 1, BITS12 = 2, HELD = 3 };

static float x[SAMPLES_MOST];

static double draw(int kind, drift_stream *s)
{
    double z = stream_quantile(stream_uniform(s)), q = 0.0;
    int i;
    if (kind != STUDENT)
        return z;
    for (i = 0; i < 3; i++) {
        double v = stream_quantile(stream_uniform(s));
        q += v * v;
    }
    return z / sqrt(q);         /* t3 / sqrt 3: deviation 1 */
}

static double line_at(int shape, double rise, size_t n, size_t i)
{
    switch (shape) {
    case LINE: return rise * (double)i / (double)n;
    case LATE: return i < n - n / 3 ? 0.0 : rise * (double)(i - (n - n / 3)) / (double)(n / 3);
    case STEP: return i < n / 2 ? 0.0 : rise;
    default: return 0.0;
    }
}

static void make(int kind, double phi, int shape, double rise, size_t n, uint32_t seed)
{
    drift_stream s = stream_open(70 + (uint32_t)kind, seed);
    double e = draw(kind, &s), scale = sqrt(1.0 - phi * phi);
    size_t i;
    for (i = 0; i < n; i++) {
        e = phi * e + scale * draw(kind, &s);
        x[i] = (float)(e + line_at(shape, rise, n, i));
        if (kind == BITS12)
            x[i] = (float)(floor((double)x[i] * 256.0 + 0.5) / 256.0);
        if (kind == HELD && i % 5)
            x[i] = x[i - 1];
    }
}

/* Least squares with independent errors: does slope +- 1.645 errors hold? */
static int ols_holds(size_t n, double slope)
{
    double m = 0.5 * (double)(n - 1), mean = 0.0, sxx = 0.0, sxy = 0.0, b, sse = 0.0;
    size_t i;
    for (i = 0; i < n; i++)
        mean += (double)x[i] / (double)n;
    for (i = 0; i < n; i++) {
        sxx += ((double)i - m) * ((double)i - m);
        sxy += ((double)i - m) * ((double)x[i] - mean);
    }
    b = sxy / sxx;
    for (i = 0; i < n; i++) {
        double e = (double)x[i] - mean - b * ((double)i - m);
        sse += e * e;
    }
    return fabs(b - slope) <= 1.645 * sqrt(sse / (double)(n - 2) / sxx);
}

static void row(const char *name, int kind, double phi, int shape, double rise, size_t n, int runs)
{
    static const char *shapes[] = {"flat", "line", "late", "step"};
    int run, claimed = 0, given = 0, holds = 0, timed = 0, in_time = 0, ols = 0, refused = 0;
    double width = 0.0, slope = shape == LINE ? rise / (double)n : shape == LATE ? rise / (double)(n / 3) : 0.0;
    for (run = 0; run < runs; run++) {
        dura_trend t = DURA_TREND_INIT;
        double at, low, high, truth;
        make(kind, phi, shape, rise, n, 100000u + (uint32_t)run);      /* 0.. were looked at when ALLOWED was chosen */
        if (dura_trend_fit(&t, x, NULL, n, 0.9) != DURA_OK)
            exit(1);
        ols += ols_holds(n, slope);
        refused += (t.why & (DURA_TREND_SHORT | DURA_TREND_BENT)) != 0;
        claimed += t.why == 0;
        if (t.why & (DURA_TREND_SHORT | DURA_TREND_BENT))
            continue;
        given++;
        holds += t.low <= slope && slope <= t.high;
        if (shape != FLAT && shape != STEP && dura_trend_reach(&t, 5.0, &at, &low, &high) == 1) {
            truth = (5.0 - line_at(shape, rise, n, n - 1)) / slope;
            timed++;
            in_time += low <= truth && truth <= high;
            width += high < 1e9 ? (high - low) / truth : 0.0;
        }
    }
    printf("%-10s %.1f %-4s %4.1f %6zu  refused %.3f claimed %.3f  slope holds %.3f  time holds %.3f (%d, width %.2f)  ols %.3f\n", name,
           phi, shapes[shape], rise, n, (double)refused / runs, (double)claimed / runs, given ? (double)holds / given : 0.0,
           timed ? (double)in_time / timed : 0.0, timed, timed ? width / timed : 0.0, (double)ols / runs);
}

int main(int argc, char **argv)
{
    static const double phi[] = {0.0, 0.3, 0.5, 0.7, 0.9};
    static const size_t size[] = {500, 2000, 10000};
    int runs = argc > 1 && strcmp(argv[1], "quick") == 0 ? 100 : 1000, shape;
    size_t i, k;
    for (shape = FLAT; shape <= LINE; shape++) {
        for (i = 0; i < 5; i++)
            for (k = 0; k < 3; k++)
                row("gauss", GAUSS, phi[i], shape, 2.0, size[k], k < 2 ? runs : runs / 5);
        row("t3", STUDENT, 0.0, shape, 2.0, 2000, runs);
        row("t3", STUDENT, 0.5, shape, 2.0, 2000, runs);
        row("12 bit", BITS12, 0.5, shape, 2.0, 2000, runs);
        row("held 5", HELD, 0.0, shape, 2.0, 2000, runs);
    }
    row("gauss", GAUSS, 0.0, LATE, 2.0, 2000, runs);
    row("gauss", GAUSS, 0.5, LATE, 2.0, 2000, runs);
    row("gauss", GAUSS, 0.5, LATE, 4.0, 2000, runs);
    row("gauss", GAUSS, 0.0, STEP, 1.0, 2000, runs);
    row("gauss", GAUSS, 0.5, STEP, 2.0, 2000, runs);
    return 0;
}
