/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_drift_rates.c - is the promise of the drift monitor kept, and what does it cost?
 *
 *   streams   the streams of tests/drift_streams.h are those the figures are taken on
 *   known     samples between false alarms, measured over asked, with the parameters known:
 *             N(0, 1) and Bernoulli .2, asked 1e3 .. 1e6
 *   delay     streams 1..9, 200 seeds, asked 1e5: misses, false alarms, mean delay, and the
 *             delay over the exact optimum at the rate measured under `known`
 *   learned   measured over asked with references learned from 1000, 2000 and 10,000 samples:
 *             independent, AR(1), t3 tails, 12 bits, sampled and held. Every reference is new;
 *             alarms and samples are added up over all that promise their rate, which weighs
 *             a bad one as it would hurt; those that refuse are counted by reason
 *
 * Argument 1: the parts with commas between, or "all". Argument 2: how much of the full
 * length, 1 by default (minutes). Without arguments a look: all of it at a fiftieth. Every ratio has its 95 % interval: of a
 * mean of run lengths, or of a ratio over references as clusters. A ratio whose run has no
 * alarm is printed as "none", never as a number.
 */
#include "../tests/drift_streams.h"

#include <dura/drift.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 200, REFERENCES = 200, MOST = 10000 };

static uint64_t memory[256];
static float column[MOST];
static double scale = 1.0;
static double own_gauss = 1e5, own_bernoulli = 1e5;

static void must(int holds)
{
    if (!holds) {
        fprintf(stderr, "bench_drift_rates: a call failed\n");
        exit(1);
    }
}

static dura_drift *open_monitor(float arl0, const dura_drift_reference *r)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift *d;
    c.n_channels = 1;
    c.flags = DURA_DRIFT_RESTART;
    c.arl0 = arl0;
    must(dura_drift_init(&d, memory, sizeof memory, &c) == DURA_OK);
    must(dura_drift_attach(d, 0, r) == DURA_OK);
    return d;
}

static dura_drift_reference known(int bernoulli)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    r.mean = bernoulli ? 0.2f : 0.0f;
    r.deviation = bernoulli ? 0.4f : 1.0f;
    r.high = bernoulli ? 1.0f : 0.0f;
    return r;
}

static int feed(dura_drift *d, double x, dura_fact *f)
{
    float v = (float)x;
    int n = dura_drift_update(d, &v, NULL, 1, f, 1);
    must(n >= 0);
    return n;
}

/* ---- streams ------------------------------------------------------------------------- */

static void streams(void)
{
    static const struct { uint32_t id; double sum; long n; } rows[] = {
        {1, 3025, 10000}, {2, 1200.761187, 10000}, {3, 2643.512356, 10000}, {4, 5073.362752, 10000},
        {5, 10062.16831, 10000}, {6, 117.2572075, 10000}, {7, -125.2557534, 10000}, {8, 97.19254914, 10000},
        {9, 2486.693077, 10000}, {10, 200147, 1000000}, {11, -1623.000089, 1000000}};
    size_t i;
    int good = 0;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        drift_stream s = stream_open(rows[i].id, 1);
        double sum = 0.0;
        long t;
        for (t = 0; t < rows[i].n; t++)
            sum += stream_next(&s);
        good += fabs(sum - rows[i].sum) < 2e-6 * (fabs(sum) + 1.0);
    }
    printf("streams: %d of 11 checksums as published\n", good);
    must(good == 11);
}

/* ---- known --------------------------------------------------------------------------- */

static double rate(int bernoulli, double asked, long wanted)
{
    dura_drift_reference r = known(bernoulli);
    dura_drift *d = open_monitor((float)asked, &r);
    drift_stream s = stream_open(bernoulli ? 10 : 11, 1000);
    double sum = 0.0, square = 0.0, mean, half;
    long k = 0, run = 0;
    while (k < wanted) {
        dura_fact f;
        run++;
        if (feed(d, stream_next(&s), &f) == 0)
            continue;
        sum += (double)run;
        square += (double)run * (double)run;
        run = 0;
        k++;
    }
    mean = sum / (double)k;
    half = 1.96 * sqrt((square / (double)k - mean * mean) / (double)k);
    printf("  %-13s asked %8.0f: %.3f [%.3f, %.3f] (%ld alarms)\n", bernoulli ? "Bernoulli .2" : "N(0, 1)", asked,
           mean / asked, (mean - half) / asked, (mean + half) / asked, k);
    fflush(stdout);
    return mean;
}

static void rates(void)
{
    static const struct { double asked; long alarms; } rows[4] = {{1e3, 20000}, {1e4, 20000}, {1e5, 10000}, {1e6, 2500}};
    int i, b;
    printf("known: samples between false alarms, measured / asked, 95 %% interval\n");
    for (b = 0; b < 2; b++)
        for (i = 0; i < 4; i++) {
            double mean = rate(b, rows[i].asked, (long)((double)rows[i].alarms * scale));
            if (i == 2)
                *(b ? &own_bernoulli : &own_gauss) = mean;
        }
}

/* ---- delay --------------------------------------------------------------------------- */

static void delays(void)
{
    /* The exact optimum at 1e5, and what a tenfold rate adds to it. */
    static const struct { const char *what; double at_1e5, tenfold; } rows[10] = {
        {"", 0, 0}, {"Bernoulli .2 -> .4", 77.6, 22.0}, {"mean +0.25", 225.6, 73.6}, {"mean +0.5", 67.5, 18.4},
        {"mean +1", 19.7, 4.6}, {"mean +2", 5.71, 1.15}, {"spread x1.5", 40.2, 10.4}, {"spread x2", 13.0, 3.0},
        {"spread x0.5", 30.8, 7.3}, {"ramp 1 / 5000", 0, 0}};
    double worst = 0.0, sum = 0.0;
    uint32_t id, k;
    printf("delay: asked 1e5, %d seeds; own rate %.0f Gaussian, %.0f Bernoulli\n", SEEDS, own_gauss, own_bernoulli);
    for (id = 1; id <= 9; id++) {
        dura_drift_reference r = known(id == 1);
        double own = id == 1 ? own_bernoulli : own_gauss, total = 0.0, square = 0.0, mean, ratio;
        double best = rows[id].at_1e5 + rows[id].tenfold * log10(own / 1e5);
        int missed = 0, early = 0, hits = 0;
        for (k = 1; k <= SEEDS; k++) {
            dura_drift *d = open_monitor(1e5f, &r);
            drift_stream s = stream_open(id, k);
            int t, at = -1;
            for (t = 0; t < STREAM_N && at < 0; t++) {
                dura_fact f;
                int n = feed(d, stream_next(&s), &f);
                early += n && t < STREAM_CHANGE;
                at = n && t >= STREAM_CHANGE ? t : -1;
            }
            missed += at < 0;
            hits += at >= 0;
            total += at < 0 ? 0.0 : at - STREAM_CHANGE + 1;
            square += at < 0 ? 0.0 : (double)(at - STREAM_CHANGE + 1) * (double)(at - STREAM_CHANGE + 1);
        }
        mean = total / hits;
        printf("  %u %-19s %7.1f +- %4.1f, %d missed, %d false before", id, rows[id].what, mean,
               1.96 * sqrt((square / hits - mean * mean) / hits), missed, early);
        if (id == 9) {
            printf("\n");
            continue;
        }
        ratio = mean / best;
        printf(", optimum %6.2f, ratio %.3f\n", best, ratio);
        worst = ratio > worst ? ratio : worst;
        sum += ratio / 8.0;
    }
    printf("  8 abrupt streams: worst ratio %.3f, mean %.3f\n", worst, sum);
}

/* ---- learned ------------------------------------------------------------------------- */

/* A process; t3, 12 bits and held are made from the same Gaussian draws. */
enum { PLAIN, T3, BITS12, HELD4 };
typedef struct process {
    int kind;
    double phi, y, held;
    long t;
    drift_stream s;
} process;

static double draw_t3(drift_stream *s)
{
    double z = stream_quantile(stream_uniform(s)), a = stream_quantile(stream_uniform(s)),
           b = stream_quantile(stream_uniform(s)), c = stream_quantile(stream_uniform(s));
    return z / sqrt((a * a + b * b + c * c) / 3.0);
}

/* 50 + 0.5 y; 12 bits over 40..60: a step is a hundredth of the deviation. Held: a new
 * value every fourth sample. */
static double draw(process *p)
{
    double x;
    if (p->kind == HELD4 && p->t++ % 4 != 0)
        return p->held;
    p->y = p->phi * p->y + (p->kind == T3 ? draw_t3(&p->s) : stream_quantile(stream_uniform(&p->s)));
    x = 50.0 + 0.5 * p->y;
    if (p->kind == BITS12)
        x = 40.0 + floor((x - 40.0) * 204.8 + 0.5) / 204.8;
    p->held = x;
    return x;
}

typedef struct tally {
    double alarms, samples, own_alarms[REFERENCES], own_samples[REFERENCES];
    int promising, why[8];
} tally;

static void learn_one(tally *y, process *p, int n, double asked, long length)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    dura_drift *d;
    long t, alarms = 0;
    int i;
    for (t = 0; t < 500; t++)
        (void)draw(p);
    for (t = 0; t < n; t++)
        column[t] = (float)draw(p);
    must(dura_drift_learn(&r, column, NULL, (size_t)n, 4) == DURA_OK);
    for (i = 0; i < 8; i++)
        y->why[i] += (int)(r.why >> i & 1u);
    if (r.why & ~(uint32_t)DURA_DRIFT_HELD)
        return;
    d = open_monitor((float)asked, &r);
    for (t = 0; t < length; t++) {
        dura_fact f;
        alarms += feed(d, draw(p), &f);
    }
    y->own_alarms[y->promising] = (double)alarms;
    y->own_samples[y->promising++] = (double)length;
    y->alarms += (double)alarms;
    y->samples += (double)length;
}

static void print_tally(const tally *y, const char *what, int n, double asked)
{
    static const char *const names[6] = {"SHORT", "CORRELATED", "TAILS", "CONSTANT", "HELD", "TREND"};
    double ratio, spread = 0.0, half;
    int i;
    printf("  %-12s from %5d: %3d of %d promise", what, n, y->promising, REFERENCES);
    if (y->promising && y->alarms > 0.0) {
        double per = y->alarms / y->samples;
        for (i = 0; i < y->promising; i++) {
            double off = y->own_alarms[i] - per * y->own_samples[i];
            spread += off * off;
        }
        ratio = 1.0 / per / asked;
        half = 1.96 * sqrt(spread) / y->alarms;
        printf(", %.2f [%.2f, %.2f] (%.0f alarms)", ratio, ratio / (1.0 + half), half < 1.0 ? ratio / (1.0 - half) : INFINITY,
               y->alarms);
    } else if (y->promising) {
        printf(", none");
    }
    for (i = 0; i < 6; i++)
        if (y->why[i])
            printf("  %s %d", names[i], y->why[i]);
    printf("\n");
    fflush(stdout);
}

static void learned(double asked)
{
    static const struct { const char *what; int kind; double phi; } rows[] = {
        {"N(0, 1)", PLAIN, 0.0}, {"AR(1) .1", PLAIN, 0.1}, {"AR(1) .3", PLAIN, 0.3}, {"AR(1) .5", PLAIN, 0.5},
        {"AR(1) .7", PLAIN, 0.7}, {"AR(1) .9", PLAIN, 0.9}, {"t3", T3, 0.0}, {"12 bits", BITS12, 0.0},
        {"held x4", HELD4, 0.0}};
    static const int from[3] = {1000, 2000, 10000};
    static tally y;
    size_t i;
    int m, k;
    printf("learned: samples between false alarms, measured / asked %.0f, %d references each\n", asked, REFERENCES);
    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        for (m = 0; m < 3; m++) {
            memset(&y, 0, sizeof y);
            for (k = 1; k <= REFERENCES; k++) {
                process p = {rows[i].kind, rows[i].phi, 0.0, 0.0, 0, {0, 0, 0}};
                p.s = stream_open(20 + (uint32_t)i, (uint32_t)(1000 * m + k));
                learn_one(&y, &p, from[m], asked, (long)(asked * 20.0 * scale));
            }
            print_tally(&y, rows[i].what, from[m], asked);
        }
}

static int part(const char *list, const char *name)
{
    return strcmp(list, "all") == 0 || strstr(list, name) != NULL;
}

int main(int argc, char **argv)
{
    const char *list = argc > 1 ? argv[1] : "all";
    scale = argc > 2 ? atof(argv[2]) : argc > 1 ? 1.0 : 0.02;
    if (part(list, "streams"))
        streams();
    if (part(list, "known"))
        rates();
    if (part(list, "delay"))
        delays();
    if (part(list, "learned"))
        learned(1e4);
    return 0;
}
