/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_drift_charts.c - do charts run as long as their solver says, and how soon do they see?
 *
 *   known     samples between false alarms, measured over asked, parameters known: CUSUM,
 *             EWMA and RAMP, asked 1e3, 1e4, 1e5
 *   delay     asked 1e5, 200 seeds of streams 2..5 (shifts of the mean) with the chart made for
 *             each, beside the exact optimum: the one-sided CUSUM that knows shift and sign, at
 *             the same samples between false alarms; streams 6..8 (spread), which charts are not
 *             for; stream 9 (a ramp) with the ramp detector, also when its slope is wrong
 *   learned   measured over asked 1e4 with references learned from 1000, 2000 and 10,000
 *             samples, limits widened by the solver; all that promise their rate added up
 *
 * Argument 1: the parts with commas between, "all" or "most" (asked 1e6 too). Argument 2: how
 * much of the full length, 1 by default. Without arguments a look: all parts at a fortieth,
 * learned from independent samples only. Intervals are 95 %: of a mean of run lengths, or of a ratio over references as clusters.
 */
#include "../tests/drift_streams.h"

#include <dura/drift_chart.h>
#include <dura/host/arl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 200, REFERENCES = 200, MOST = 10000 };

static uint64_t memory[64];
static float column[MOST];
static double scale = 1.0;

static void must(int holds)
{
    if (!holds) {
        fprintf(stderr, "bench_drift_charts: a call failed\n");
        exit(1);
    }
}

static dura_drift *open_chart(const dura_drift_reference *r)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift *d;
    c.n_channels = 1;
    c.flags = DURA_DRIFT_RESTART;
    c.arl0 = 1e4f;
    must(dura_drift_chart_part()->init(&d, memory, sizeof memory, &c) == DURA_OK);
    must(dura_drift_chart_part()->attach(d, 0, r) == DURA_OK);
    return d;
}

static dura_drift_reference known(uint32_t detector, double shift, double asked)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    r.deviation = 1.0f;
    r.detector = detector;
    r.shift = (float)shift;
    must(dura_arl_reference(&r, asked, 1, NULL) == DURA_OK);
    return r;
}

static int feed(dura_drift *d, double x)
{
    float v = (float)x;
    dura_fact f;
    return dura_drift_chart_part()->update(d, &v, NULL, 1, &f, 1);
}

static const char *const names[] = {"mixture", "CUSUM", "EWMA", "RAMP"};

/* ---- known --------------------------------------------------------------------------- */

static void rate(uint32_t detector, double shift, double asked, long wanted)
{
    dura_drift_reference r = known(detector, shift, asked);
    dura_drift *d = open_chart(&r);
    drift_stream s = stream_open(60 + detector, (uint32_t)(1000.0 * log10(asked)) + (uint32_t)(1e5 * shift));
    double sum = 0.0, square = 0.0, mean, half;
    long k = 0, run = 0;
    while (k < wanted) {
        run++;
        if (feed(d, stream_next(&s)) == 0)
            continue;
        sum += (double)run;
        square += (double)run * (double)run;
        run = 0;
        k++;
    }
    mean = sum / (double)k;
    half = 1.96 * sqrt((square / (double)k - mean * mean) / (double)k);
    printf("  %-5s %-6g asked %8.0f: %.3f [%.3f, %.3f] (%ld alarms, limit %.6g)\n", names[detector], shift, asked, mean / asked,
           (mean - half) / asked, (mean + half) / asked, k, (double)r.limit);
    fflush(stdout);
}

static void rates(int most)
{
    static const struct { uint32_t detector; double shift; } rows[] = {
        {DURA_DRIFT_CUSUM, 0.25}, {DURA_DRIFT_CUSUM, 1.0}, {DURA_DRIFT_CUSUM, 3.0}, {DURA_DRIFT_EWMA, 0.02},
        {DURA_DRIFT_EWMA, 0.2}, {DURA_DRIFT_RAMP, 2e-5}, {DURA_DRIFT_RAMP, 2e-4}, {DURA_DRIFT_RAMP, 2e-3}, {DURA_DRIFT_RAMP, 5e-2}};
    static const struct { double asked; long alarms; } lengths[4] = {{1e3, 20000}, {1e4, 10000}, {1e5, 4000}, {1e6, 400}};
    size_t i;
    int k;
    printf("known: samples between false alarms, measured / asked, 95 %% interval\n");
    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        for (k = 0; k < 3 + most; k++)
            rate(rows[i].detector, rows[i].shift, lengths[k].asked, (long)((double)lengths[k].alarms * scale * (k == 2 ? 0.5 : 1.0)));
}

/* ---- delay --------------------------------------------------------------------------- */

/* The one-sided CUSUM that knows a shift, from its worst start. */
static double optimum(double shift, double arl0)
{
    dura_arl c = DURA_ARL_INIT;
    double zero = 0.0;
    c.detector = DURA_DRIFT_CUSUM;
    c.flags = DURA_ARL_ONE_SIDED;
    c.shift = shift;
    must(dura_arl_limit(&c, arl0, &c.limit, NULL) == DURA_OK);
    c.mean = shift;
    must(dura_arl_run(&c, &zero, NULL, NULL) == DURA_OK);
    return zero;
}

/* What the solver promises for a chart that has been watching. */
static double promised(const dura_drift_reference *r, double mean)
{
    dura_arl c = DURA_ARL_INIT;
    double zero = 0.0, steady = 0.0;
    c.detector = r->detector;
    c.shift = (double)r->shift;
    c.limit = (double)r->limit;
    c.clip = 6.0;
    c.mean = mean;
    must(dura_arl_run(&c, &zero, &steady, NULL) == DURA_OK);
    return steady;
}

static double delay(uint32_t id, const dura_drift_reference *r, int *missed, int *early, double *half)
{
    double total = 0.0, square = 0.0, mean;
    uint32_t k;
    int hits = 0;
    *missed = *early = 0;
    for (k = 1; k <= SEEDS; k++) {
        dura_drift *d = open_chart(r);
        drift_stream s = stream_open(id, k);
        int t, at = -1;
        for (t = 0; t < STREAM_N && at < 0; t++) {
            int n = feed(d, stream_next(&s));
            *early += n && t < STREAM_CHANGE;
            at = n && t >= STREAM_CHANGE ? t : -1;
        }
        *missed += at < 0;
        hits += at >= 0;
        total += at < 0 ? 0.0 : at - STREAM_CHANGE + 1;
        square += at < 0 ? 0.0 : (double)(at - STREAM_CHANGE + 1) * (double)(at - STREAM_CHANGE + 1);
    }
    mean = hits ? total / hits : NAN;
    *half = hits ? 1.96 * sqrt((square / hits - mean * mean) / hits) : NAN;
    return mean;
}

static void delays(void)
{
    static const double shifts[4] = {0.25, 0.5, 1.0, 2.0}, slopes[5] = {2e-5, 6.7e-5, 2e-4, 6e-4, 2e-3};
    int missed, early, i, k;
    double half, mean;
    printf("delay: asked 1e5, %d seeds\n", SEEDS);
    for (i = 0; i < 4; i++)
        for (k = DURA_DRIFT_CUSUM; k <= DURA_DRIFT_EWMA; k++) {
            double shift = shifts[i], best = optimum(shifts[i], 1e5);
            dura_drift_reference r;
            if (k == DURA_DRIFT_EWMA)
                must(dura_arl_lambda(shifts[i], 1e5, &shift, NULL) == DURA_OK);
            r = known((uint32_t)k, shift, 1e5);
            mean = delay((uint32_t)(2 + i), &r, &missed, &early, &half);
            printf("  %d mean +%-4g %s %-7.4g %7.2f +- %5.2f, promised %7.2f, optimum %6.2f, ratio %.3f, %d missed, %d false before\n",
                   2 + i, shifts[i], names[k], shift, mean, half, promised(&r, shifts[i]), best, mean / best, missed, early);
        }
    for (i = 6; i <= 8; i++) {
        dura_drift_reference r = known(DURA_DRIFT_CUSUM, 1.0, 1e5);
        mean = delay((uint32_t)i, &r, &missed, &early, &half);
        printf("  %d spread, CUSUM 1: %.1f +- %.1f, %d missed: not what it is for\n", i, mean, half, missed);
    }
    for (i = 0; i < 5; i++) {
        dura_drift_reference r = known(DURA_DRIFT_RAMP, slopes[i], 1e5);
        mean = delay(9, &r, &missed, &early, &half);
        printf("  9 ramp 2e-4, RAMP %-7g %7.1f +- %5.1f, %d missed, %d false before\n", slopes[i], mean, half, missed, early);
    }
    for (i = 0; i < 2; i++) {
        dura_drift_reference r = known(i ? DURA_DRIFT_EWMA : DURA_DRIFT_CUSUM, i ? 0.004 : 0.2, 1e5);
        mean = delay(9, &r, &missed, &early, &half);
        printf("  9 ramp 2e-4, %s %-7g %6.1f +- %5.1f, %d missed, %d false before\n", names[r.detector], (double)r.shift, mean,
               half, missed, early);
    }
}

/* ---- learned ------------------------------------------------------------------------- */

typedef struct tally {
    double alarms, samples, own_alarms[REFERENCES], own_samples[REFERENCES];
    int promising;
} tally;

static double y_last;

static double draw(drift_stream *s, double phi)
{
    y_last = phi * y_last + stream_quantile(stream_uniform(s));
    return 50.0 + 0.5 * y_last;
}

static void learn_one(tally *y, drift_stream *s, double phi, int n, uint32_t detector, double shift)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    double length = 2e5 * scale, alarms = 0.0, t;
    dura_drift *d;
    int i;
    for (i = 0; i < 500; i++)
        (void)draw(s, phi);
    for (i = 0; i < n; i++)
        column[i] = (float)draw(s, phi);
    must(dura_drift_learn(&r, column, NULL, (size_t)n, 4) == DURA_OK);
    r.detector = detector;
    r.shift = (float)shift;
    if (r.why || dura_arl_reference(&r, 1e4, 1, NULL) != DURA_OK)
        return;
    d = open_chart(&r);
    for (t = 0.0; t < length; t += 1.0)
        alarms += feed(d, draw(s, phi));
    y->own_alarms[y->promising] = alarms;
    y->own_samples[y->promising++] = length;
    y->alarms += alarms;
    y->samples += length;
}

static void print_tally(const tally *y)
{
    double per = y->alarms / y->samples, spread = 0.0, ratio, half;
    int i;
    if (!y->promising || !(y->alarms > 0.0)) {
        printf("  %24s", y->promising ? "none" : "refused");
        return;
    }
    for (i = 0; i < y->promising; i++) {
        double off = y->own_alarms[i] - per * y->own_samples[i];
        spread += off * off;
    }
    ratio = 1.0 / per / 1e4;
    half = 1.96 * sqrt(spread) / y->alarms;
    printf("  %.2f [%.2f, %.2f] (%3d)", ratio, ratio / (1.0 + half), half < 1.0 ? ratio / (1.0 - half) : INFINITY, y->promising);
}

static void learned(void)
{
    static const struct { uint32_t detector; double shift; } rows[] = {
        {DURA_DRIFT_CUSUM, 1.0}, {DURA_DRIFT_CUSUM, 0.5}, {DURA_DRIFT_CUSUM, 0.25}, {DURA_DRIFT_EWMA, 0.1},
        {DURA_DRIFT_EWMA, 0.02}, {DURA_DRIFT_RAMP, 2e-3}, {DURA_DRIFT_RAMP, 2e-4}};
    static const double phis[3] = {0.0, 0.5, 0.9};
    static const int from[3] = {1000, 2000, 10000};
    static tally y;
    size_t i;
    int p, m, k, references = scale < 0.1 ? REFERENCES / 20 : scale < 1.0 ? REFERENCES / 4 : REFERENCES;
    printf("learned: measured / asked 1e4 (references of %d that promise), from 1000, 2000, 10,000 samples\n", references);
    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        for (p = 0; p < (scale < 0.1 ? 1 : 3); p++) {
            printf("  %-5s %-6g AR(1) %.1f:", names[rows[i].detector], rows[i].shift, phis[p]);
            for (m = 0; m < 3; m++) {
                memset(&y, 0, sizeof y);
                for (k = 1; k <= references; k++) {
                    drift_stream s = stream_open(40 + (uint32_t)i, (uint32_t)(10000 * p + 1000 * m + k));
                    y_last = 0.0;
                    learn_one(&y, &s, phis[p], from[m], rows[i].detector, rows[i].shift);
                }
                print_tally(&y);
                fflush(stdout);
            }
            printf("\n");
        }
}

static int part(const char *list, const char *name)
{
    return strcmp(list, "all") == 0 || strcmp(list, "most") == 0 || strstr(list, name) != NULL;
}

int main(int argc, char **argv)
{
    const char *list = argc > 1 ? argv[1] : "all";
    scale = argc > 2 ? atof(argv[2]) : argc > 1 ? 1.0 : 0.025;
    if (part(list, "known"))
        rates(strcmp(list, "most") == 0);
    if (part(list, "delay"))
        delays();
    if (part(list, "learned"))
        learned();
    return 0;
}
