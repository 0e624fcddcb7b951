/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_histogram.c - what the histogram's e-process costs, keeps and detects.
 *
 *   1  ns per sample
 *   2  samples between false alarms over those asked, bins known, asked 1e3..1e5
 *   3  the same with references learned from samples: N(0, 1), Student's t with 3 degrees of
 *      freedom, N(0, 1) in 12 bits over +-8, exponential; and what the drift monitor says
 *      of the same samples
 *   4  delay behind a change, asked 1e5, 200 seeds: shapes that keep mean and spread, and
 *      streams 2..9 (tests/drift_streams.h), beside the drift monitor at the same rate
 *
 *   5  the rate on autocorrelated samples, as they are and whitened by the drift monitor (its z)
 *
 * Argument: "quick" for a tenth of the work, or the numbers wanted ("25"). Prints what was
 * measured.
 */
#include "../tests/drift_streams.h"

#include <dura/drift.h>
#include <dura/host/histogram.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEEDS = 200, NORMAL = 0, STUDENT = 1, BITS12 = 2, EXPONENTIAL = 3, KINDS = 4 };

static const char *kind_name[KINDS] = {"N(0, 1)", "Student t3", "N(0, 1) in 12 bits", "exponential"};
static uint64_t memory[64], drift_memory[128];
static float column[20000];
static int tenth = 1;

static void must(int holds)
{
    if (!holds) {
        fprintf(stderr, "bench_histogram: a call failed\n");
        exit(1);
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double normal(drift_stream *s)
{
    return stream_quantile(stream_uniform(s));
}

static double student(drift_stream *s)
{
    double z = normal(s), a = normal(s), b = normal(s), c = normal(s);
    return z / sqrt(a * a + b * b + c * c);     /* times sqrt 3 over sqrt 3: deviation 1 */
}

static float sample(int kind, drift_stream *s)
{
    switch (kind) {
    case STUDENT: return (float)student(s);
    case BITS12: return (float)(floor(normal(s) * 256.0 + 0.5) / 256.0);
    case EXPONENTIAL: return (float)-log(stream_uniform(s));
    default: return (float)normal(s);
    }
}

static dura_histogram_reference known(uint32_t bins)
{
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT;
    uint32_t i;
    r.n_bins = (uint16_t)bins;
    for (i = 0; i < bins; i++) {
        r.p[i] = 1.0f / (float)bins;
        if (i > 0)
            r.edge[i - 1] = (float)stream_quantile((double)i / bins);
    }
    return r;
}

static dura_histogram *open_part(const dura_histogram_reference *r, float arl0)
{
    dura_histogram_config c = DURA_HISTOGRAM_CONFIG_INIT;
    dura_histogram *h;
    c.n_channels = 1;
    c.flags = DURA_HISTOGRAM_RESTART;
    c.arl0 = arl0;
    must(dura_histogram_part()->init(&h, memory, sizeof memory, &c) == DURA_OK);
    must(dura_histogram_part()->attach(h, 0, r) == DURA_OK);
    return h;
}

static dura_drift *open_drift(float arl0)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    dura_drift *d;
    c.n_channels = 1;
    c.flags = DURA_DRIFT_RESTART;
    c.arl0 = arl0;
    r.deviation = 1.0f;
    must(dura_drift_init(&d, drift_memory, sizeof drift_memory, &c) == DURA_OK);
    must(dura_drift_attach(d, 0, &r) == DURA_OK);
    return d;
}

static int feed(dura_histogram *h, float x, dura_fact *f)
{
    int n = dura_histogram_part()->update(h, &x, NULL, 1, f, 1);
    must(n >= 0);
    return n;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void cost(void)
{
    static float x[4096];
    dura_histogram_reference r = known(16);
    dura_histogram *h = open_part(&r, 1e5f);
    drift_stream s = stream_open(70, 1);
    double took[9];
    int round, rep, i;
    dura_fact f;
    for (i = 0; i < 4096; i++)
        x[i] = (float)normal(&s);
    for (round = 0; round < 9; round++) {
        double begin = seconds();
        for (rep = 0; rep < 20; rep++)
            for (i = 0; i < 4096; i++)
                (void)feed(h, x[i], &f);
        took[round] = (seconds() - begin) / (20.0 * 4096.0) * 1e9;
    }
    qsort(took, 9, sizeof *took, rising);
    printf("1 a sample of 16 bins: %.0f ns (median of 9; %.0f .. %.0f); a channel: %zu bytes with its reference\n", took[4], took[0],
           took[8], dura_histogram_part()->bytes(&(dura_histogram_config){sizeof(dura_histogram_config), 2, 0, 1e5f, 0}) -
           dura_histogram_part()->bytes(&(dura_histogram_config){sizeof(dura_histogram_config), 1, 0, 1e5f, 0}));
}

static void rates(void)
{
    static const uint32_t bins[3] = {16, 12, 4};
    float asked;
    int b;
    printf("2 samples between false alarms over asked, bins known\n");
    for (b = 0; b < 3; b++)
        for (asked = 1e3f; asked < 2e5f; asked *= 10.0f) {
            dura_histogram_reference r = known(bins[b]);
            dura_histogram *h = open_part(&r, asked);
            drift_stream s = stream_open(71, bins[b]);
            long n = (long)((asked < 5e4f ? 4000.0 : 800.0) * (double)asked) / tenth, i, alarms = 0;
            dura_fact f;
            double ratio, off;
            for (i = 0; i < n; i++)
                alarms += feed(h, (float)normal(&s), &f);
            ratio = (double)n / (double)alarms / (double)asked;
            off = 1.96 / sqrt((double)alarms);
            printf("  %2u bins, asked %6.0f: %.2f [%.2f, %.2f] (%ld alarms)\n", bins[b], (double)asked, ratio, ratio / (1.0 + off),
                   ratio / (1.0 - off), alarms);
        }
}

/* Alarms of one learned reference over n samples. */
static long alarms_of(int kind, int rows, uint32_t seed, float asked, long n, uint32_t *why, uint32_t *drift_why)
{
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT;
    dura_drift_reference d = DURA_DRIFT_REFERENCE_INIT;
    drift_stream s = stream_open(80u + (uint32_t)kind, seed);
    dura_histogram *h;
    dura_fact f;
    long i, alarms = 0;
    for (i = 0; i < rows; i++)
        column[i] = sample(kind, &s);
    must(dura_histogram_learn(&r, column, NULL, (size_t)rows, 0, NULL) == DURA_OK);
    must(dura_drift_learn(&d, column, NULL, (size_t)rows, 4) == DURA_OK);
    *why += r.why != 0;
    *drift_why += d.why != 0;
    h = open_part(&r, asked);
    for (i = 0; i < n; i++)
        alarms += feed(h, sample(kind, &s), &f);
    return alarms;
}

static void learned(void)
{
    static const int rows[3] = {1000, 2000, 10000};
    int kind, k, m, refs = 200 / tenth;
    float asked;
    printf("3 references learned from samples, %d each; refused: share of references with a reason not to promise\n", refs);
    for (kind = 0; kind < KINDS; kind++)
        for (m = 0; m < 3; m++)
            for (asked = 1e3f; asked < 2e5f; asked *= 10.0f) {
                double sum = 0.0, square = 0.0, mean, off;
                uint32_t why = 0, drift_why = 0;
                double spans = asked < 5e4f ? 10.0 : 5.0;
                if (asked > 5e4f && kind != NORMAL && kind != STUDENT)
                    continue;
                for (k = 1; k <= refs; k++) {
                    double a = (double)alarms_of(kind, rows[m], (uint32_t)k, asked, (long)(spans * (double)asked), &why, &drift_why) / spans;
                    sum += a;
                    square += a * a;
                }
                mean = sum / refs;
                off = 1.96 * sqrt((square / refs - mean * mean) / refs);
                printf("  %-18s from %5d, asked %6.0f: %.2f [%.2f, %.2f]; refused %3.0f %% here, %3.0f %% by drift\n", kind_name[kind],
                       rows[m], (double)asked, 1.0 / mean, 1.0 / (mean + off), mean > off ? 1.0 / (mean - off) : 99.0,
                       100.0 * why / refs, 100.0 * drift_why / refs);
            }
}

enum { TWO_HUMPS = 20, TAILS = 21, COARSE = 22, LEANING = 23 };

static float changed(uint32_t id, drift_stream *s, int t)
{
    double z;
    if (id < TWO_HUMPS)
        return (float)stream_next(s);
    z = normal(s);
    if (t < STREAM_CHANGE)
        return (float)z;
    switch (id) {
    case TWO_HUMPS: return (float)((stream_uniform(s) < 0.5 ? -0.9 : 0.9) + sqrt(0.19) * z);
    case TAILS: return (float)student(s);
    case COARSE: return (float)(floor(2.0 * z + 0.5) / (2.0 * sqrt(1.0 + 1.0 / 48.0)));
    default: return (float)(-log(stream_uniform(s)) - 1.0);
    }
}

typedef struct outcome {
    double sum;
    int missed, early, hits, bins;
    double off[SEEDS];
} outcome;

static void watch(uint32_t id, uint32_t seed, const dura_histogram_reference *r, outcome *mine, outcome *theirs)
{
    dura_histogram *h = open_part(r, 1e5f);
    dura_drift *d = open_drift(1e5f);
    drift_stream s = stream_open(id, seed);
    int t, found = 0, drifted = 0;
    for (t = 0; t < STREAM_N && !(found && drifted); t++) {
        float x = changed(id, &s, t);
        dura_fact f, g;
        int a = feed(h, x, &f), b = dura_drift_update(d, &x, NULL, 1, &g, 1);
        mine->early += a && t < STREAM_CHANGE;
        theirs->early += b && t < STREAM_CHANGE;
        if (a && t >= STREAM_CHANGE && !found) {
            found = 1;
            mine->sum += t - STREAM_CHANGE + 1;
            mine->off[mine->hits++] = fabs((double)(t - (int)f.value[2] - STREAM_CHANGE));
            mine->bins += f.reasons >> 16 != 0;
        }
        if (b && t >= STREAM_CHANGE && !drifted) {
            drifted = 1;
            theirs->sum += t - STREAM_CHANGE + 1;
            theirs->hits++;
        }
    }
    mine->missed += !found;
    theirs->missed += !drifted;
}

static void delays(void)
{
    static const struct { uint32_t id; const char *what; } rows[] = {
        {TWO_HUMPS, "two humps"}, {TAILS, "t3 tails"}, {COARSE, "steps of half a deviation"}, {LEANING, "exponential"},
        {2, "mean +0.25"}, {3, "mean +0.5"}, {4, "mean +1"}, {5, "mean +2"}, {6, "spread x1.5"}, {7, "spread x2"},
        {8, "spread x0.5"}, {9, "ramp"}};
    int i, way, seeds = SEEDS / (tenth > 1 ? 4 : 1);
    uint32_t k;
    printf("4 delay behind the change, asked 1e5, %d seeds; the first four keep mean 0 and deviation 1\n"
           "  %-26s %8s %7s %6s %9s %6s | %8s %7s %6s\n", seeds, "", "delay", "missed", "false", "onset +-", "bins", "drift", "missed",
           "false");
    for (way = 0; way < 2; way++) {
        dura_histogram_reference r = known(16);
        if (way == 1) {
            drift_stream s = stream_open(90, 5);
            int t;
            for (t = 0; t < 2000; t++)
                column[t] = (float)normal(&s);
            r.n_bins = 0;
            must(dura_histogram_learn(&r, column, NULL, 2000, 0, NULL) == DURA_OK);
        }
        printf("  %s\n", way ? "one reference of 2000 samples (drift: known)" : "bins known");
        for (i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
            static outcome mine, theirs;
            memset(&mine, 0, sizeof mine);
            memset(&theirs, 0, sizeof theirs);
            for (k = 1; k <= (uint32_t)seeds; k++)
                watch(rows[i].id, k, &r, &mine, &theirs);
            qsort(mine.off, (size_t)mine.hits, sizeof(double), rising);
            printf("  %-26s %8.1f %7d %6d %9.0f %5.0f%% | %8.1f %7d %6d\n", rows[i].what, mine.hits ? mine.sum / mine.hits : 0.0, mine.missed,
                   mine.early, mine.hits ? mine.off[mine.hits / 2] : 0.0, mine.hits ? 100.0 * mine.bins / mine.hits : 0.0,
                   theirs.hits ? theirs.sum / theirs.hits : 0.0, theirs.missed, theirs.early);
        }
    }
}

/* The last whitened sample. */
static float whitened(dura_drift *d, float x)
{
    dura_drift_state q = DURA_DRIFT_STATE_INIT;
    dura_fact f;
    must(dura_drift_update(d, &x, NULL, 1, &f, 1) >= 0 && dura_drift_query(d, 0, &q) == DURA_OK);
    return q.z;
}

static double correlated(double phi, double *y, drift_stream *s)
{
    return *y = phi * *y + normal(s);
}

/* One reference of 10,000 samples, learned twice: of the samples and of what the monitor makes
 * of them. Alarms of both over n samples. */
static void dependent(double phi, uint32_t seed, long n, long alarms[2], int refused[2])
{
    static uint64_t second[64];
    static float z[10000];
    dura_drift_reference d = DURA_DRIFT_REFERENCE_INIT;
    dura_histogram_reference r[2] = {DURA_HISTOGRAM_REFERENCE_INIT, DURA_HISTOGRAM_REFERENCE_INIT};
    dura_drift_config dc = DURA_DRIFT_CONFIG_INIT;
    dura_histogram_config c = DURA_HISTOGRAM_CONFIG_INIT;
    drift_stream s = stream_open(95, seed);
    dura_histogram *h[2];
    dura_drift *monitor;
    double y = 0.0;
    dura_fact f;
    long i;
    for (i = 0; i < 10000; i++)
        column[i] = (float)correlated(phi, &y, &s);
    must(dura_drift_learn(&d, column, NULL, 10000, 4) == DURA_OK);
    dc.n_channels = 1;
    dc.flags = DURA_DRIFT_RESTART;
    dc.arl0 = 1e4f;
    must(dura_drift_init(&monitor, drift_memory, sizeof drift_memory, &dc) == DURA_OK);
    must(dura_drift_attach(monitor, 0, &d) == DURA_OK);
    for (i = 0; i < 10000; i++)
        z[i] = whitened(monitor, column[i]);
    must(dura_histogram_learn(&r[0], column, NULL, 10000, 0, NULL) == DURA_OK);
    must(dura_histogram_learn(&r[1], z, NULL, 10000, 0, NULL) == DURA_OK);
    h[0] = open_part(&r[0], 1e4f);
    c.n_channels = 1;
    c.flags = DURA_HISTOGRAM_RESTART;
    c.arl0 = 1e4f;
    must(dura_histogram_part()->init(&h[1], second, sizeof second, &c) == DURA_OK);
    must(dura_histogram_part()->attach(h[1], 0, &r[1]) == DURA_OK);
    for (i = 0; i < n; i++) {
        float x = (float)correlated(phi, &y, &s);
        alarms[0] += feed(h[0], x, &f);
        alarms[1] += feed(h[1], whitened(monitor, x), &f);
    }
    refused[0] += r[0].why != 0;
    refused[1] += r[1].why != 0;
}

static void dependence(void)
{
    static const double phi[3] = {0.3, 0.5, 0.9};
    int i, k, refs = 100 / tenth;
    printf("5 AR(1), references of 10000 samples, asked 10000, %d references, 1e5 samples each\n", refs);
    for (i = 0; i < 3; i++) {
        long alarms[2] = {0, 0};
        int refused[2] = {0, 0};
        for (k = 1; k <= refs; k++)
            dependent(phi[i], (uint32_t)k, 100000, alarms, refused);
        printf("  %.1f: as they are %.3f (refused %3.0f %%), whitened %.2f (refused %3.0f %%; %ld alarms)\n", phi[i],
               10.0 * refs / (double)alarms[0], 100.0 * refused[0] / refs, 10.0 * refs / (double)alarms[1], 100.0 * refused[1] / refs,
               alarms[1]);
    }
}

int main(int argc, char **argv)
{
    const char *which = argc > 1 && strcmp(argv[1], "quick") != 0 ? argv[1] : "12345";
    tenth = argc > 1 && strcmp(argv[1], "quick") == 0 ? 10 : 1;
    if (strchr(which, '1'))
        cost();
    if (strchr(which, '2'))
        rates();
    if (strchr(which, '3'))
        learned();
    if (strchr(which, '4'))
        delays();
    if (strchr(which, '5'))
        dependence();
    return 0;
}
