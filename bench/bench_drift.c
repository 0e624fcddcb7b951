/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_drift.c - what the drift monitor costs, detects and gets wrong.
 *
 *   1  ns per channel and update
 *   2  mean delay after a change on streams 2..9 (tests/drift_streams.h), asked one false
 *      alarm in 10^5 samples, 200 seeds, beside the limit of the known change (the exact
 *      CUSUM optimum at 10^5) and the figures published for river and MOA
 *   3  samples between false alarms, asked and measured: i.i.d., and AR(1) with a learned
 *      reference
 *   4  Tennessee Eastman: 52 channels learned on d00, alarms on the fault-free d00_te and
 *      the first alarm behind the fault on d01.. (data folder: argument 1 or DURA_DATA)
 *
 * Prints what was measured. `bench_drift frames 52 1`: frames with and without alarms, for
 *   valgrind --tool=callgrind --toggle-collect=dura_drift_update
 */
#include "../tests/drift_streams.h"

#include <dura/host/drift.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEP = 52, TEP_ROWS = 1000, FAULT_AT = 160, SEEDS = 200 };

static uint64_t memory[4096];
static float table[TEP_ROWS][TEP], column[20000];

static void must(int holds)
{
    if (!holds) {
        fprintf(stderr, "bench_drift: a call failed\n");
        exit(1);
    }
}

static dura_drift *open_monitor(uint16_t n, uint16_t flags, float arl0)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift *d;
    c.n_channels = n;
    c.flags = flags;
    c.arl0 = arl0;
    must(dura_drift_init(&d, memory, sizeof memory, &c) == DURA_OK);
    return d;
}
static dura_drift *plain(uint16_t n, uint16_t flags, float arl0)
{
    dura_drift *d = open_monitor(n, flags, arl0);
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    uint16_t i;
    r.deviation = 1.0f;
    for (i = 0; i < n; i++)
        must(dura_drift_attach(d, i, &r) == DURA_OK);
    return d;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void cost(const dura_drift_calls *calls, const char *what, uint16_t n)
{
    static float x[1024][TEP];
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    dura_drift *d;
    drift_stream s = stream_open(40, 1);
    double took[9];
    int round, rep, t;
    c.n_channels = n;
    c.flags = DURA_DRIFT_RESTART;
    c.arl0 = 1e5f;
    r.deviation = 1.0f;
    must(calls->init(&d, memory, sizeof memory, &c) == DURA_OK);
    for (t = 0; t < n; t++)
        must(calls->attach(d, (uint16_t)t, &r) == DURA_OK);
    for (t = 0; t < 1024; t++)
        for (round = 0; round < n; round++)
            x[t][round] = (float)stream_next(&s);
    for (round = 0; round < 9; round++) {
        double begin = seconds();
        for (rep = 0; rep < 20; rep++)
            for (t = 0; t < 1024; t++) {
                dura_fact f[4];
                must(calls->update(d, x[t], NULL, n, f, 4) >= 0);
            }
        took[round] = (seconds() - begin) / (20.0 * 1024.0 * n) * 1e9;
    }
    qsort(took, 9, sizeof *took, rising);
    printf("  %-24s %2u channel%s  %.1f ns per channel and update (median of 9; %.1f .. %.1f)\n", what, n,
           n > 1 ? "s" : " ", took[4], took[0], took[8]);
}

static void delays(void)
{
    static const struct { uint32_t id; const char *what; double limit; const char *adwin, *ph, *cusum; } rows[] = {
        {2, "mean +0.25", 225.6, "370", "445", "175"},    {3, "mean +0.5", 67.5, "123", "188", "137"},
        {4, "mean +1", 19.7, "53", "86", "39"},           {5, "mean +2", 5.71, "24", "44", "17"},
        {6, "spread x1.5", 40.2, "1222 (86.5%)", "1946 (64.5%)", "980"},
        {7, "spread x2", 13.0, "1118 (42%)", "1854 (49.5%)", "589"},
        {8, "spread x0.5", 30.8, "(100%)", "2766 (96.5%)", "2192 (75%)"},
        {9, "ramp", 0, "1169", "934", "589"},
    };
    size_t i;
    printf("2 delay in samples after the change (share missed), asked 1e5, %d seeds\n"
           "  %-12s %8s %7s %6s %6s %9s %7s | published: %13s %13s %11s\n", SEEDS, "change", "delay", "missed", "false",
           "right", "onset +-", "limit", "ADWIN river", "PH MOA", "CUSUM MOA");
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        static double off[SEEDS];
        int missed = 0, early = 0, right = 0, hits = 0;
        double sum = 0.0;
        uint32_t k;
        for (k = 1; k <= SEEDS; k++) {
            dura_drift *d = plain(1, DURA_DRIFT_RESTART, 1e5f);
            drift_stream s = stream_open(rows[i].id, k);
            int t, n = 0;
            dura_fact f;
            for (t = 0; t < STREAM_N; t++) {
                float x = (float)stream_next(&s);
                n = dura_drift_update(d, &x, NULL, 1, &f, 1);
                if (n && t >= STREAM_CHANGE)
                    break;
                early += n;
            }
            if (t == STREAM_N) {
                missed++;
                continue;
            }
            sum += t - STREAM_CHANGE + 1;
            off[hits++] = fabs((double)(t - (int)f.value[2] - STREAM_CHANGE));
            right += f.value[0] == (rows[i].id <= 5 || rows[i].id == 9 ? DURA_DRIFT_UP
                                    : rows[i].id <= 7 ? DURA_DRIFT_WIDER : DURA_DRIFT_NARROWER);
        }
        qsort(off, (size_t)hits, sizeof *off, rising);
        printf("  %-12s %8.1f %7d %6d %5.1f%% %9.0f %7.1f |            %13s %13s %11s\n", rows[i].what, sum / hits, missed,
               early, 100.0 * right / hits, off[hits / 2], rows[i].limit, rows[i].adwin, rows[i].ph, rows[i].cusum);
    }
    printf("  right: alarms with the right direction; onset +-: median distance of the estimated onset;\n"
           "  limit: a CUSUM that knows the change, at the same rate; published rates are not equal: false\n"
           "  alarms per 1e6 Gaussian samples ADWIN 0.43, PH 24, CUSUM 322, asked here 10\n");
}

static void rates(void)
{
    static const double phi[4] = {0.0, 0.5, 0.9, 0.99};
    static const int rows[3] = {500, 2000, 10000};
    float asked;
    int i, k, t, m;
    printf("3 samples between false alarms, measured / asked\n");
    for (asked = 1e3f; asked < 2e5f; asked *= 10.0f) {
        dura_drift *d = plain(1, DURA_DRIFT_RESTART, asked);
        drift_stream s = stream_open(11, 77);
        long alarms = 0, n = asked < 5e3f ? 3000000 : asked < 5e4f ? 10000000 : 20000000, j;
        for (j = 0; j < n; j++) {
            float x = (float)stream_next(&s);
            dura_fact f;
            alarms += dura_drift_update(d, &x, NULL, 1, &f, 1);
        }
        printf("  N(0,1), known, asked %6.0f: %.2f (%ld alarms)\n", (double)asked, (double)n / (double)alarms / (double)asked,
               alarms);
    }
    for (i = 0; i < 4; i++)
        for (m = 0; m < 3; m++) {
            long alarms = 0;
            uint32_t why = 0;
            for (k = 1; k <= 100; k++) {
                dura_drift *d = open_monitor(1, DURA_DRIFT_RESTART, 1e4f);
                dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
                drift_stream s = stream_open(20, (uint32_t)k);
                double y = 0.0;
                for (t = -500; t < rows[m]; t++) {
                    y = phi[i] * y + stream_next(&s);
                    if (t >= 0)
                        column[t] = (float)y;
                }
                must(dura_drift_learn(&r, column, NULL, (size_t)rows[m], 4) == DURA_OK);
                must(dura_drift_attach(d, 0, &r) == DURA_OK);
                why |= r.why;
                for (t = 0; t < 50000; t++) {
                    dura_fact f;
                    float x;
                    y = phi[i] * y + stream_next(&s);
                    x = (float)y;
                    alarms += dura_drift_update(d, &x, NULL, 1, &f, 1);
                }
            }
            printf("  AR(1) %.2f, learned from %5d, asked 10000: %.2f (%ld alarms in 5e6)%s\n", phi[i], rows[m],
                   alarms ? 5e6 / (double)alarms / 1e4 : 500.0, alarms, why & DURA_DRIFT_SHORT ? "  SHORT" : "");
        }
}

/* Rows of a TEP file; d00.dat lies on its side. */
static int load_tep(const char *folder, const char *name, int sideways)
{
    static double all[TEP_ROWS * TEP];
    char path[1024];
    int n = 0, rows, i, j;
    FILE *f;
    snprintf(path, sizeof path, "%s/tep/%s", folder, name);
    f = fopen(path, "r");
    if (!f)
        return 0;
    while (n < TEP_ROWS * TEP && fscanf(f, "%lf", &all[n]) == 1)
        n++;
    fclose(f);
    rows = n / TEP;
    for (i = 0; i < rows; i++)
        for (j = 0; j < TEP; j++)
            table[i][j] = (float)(sideways ? all[j * rows + i] : all[i * TEP + j]);
    return rows;
}

static void tep(const char *folder)
{
    static dura_drift_reference refs[TEP];
    int rows = load_tep(folder, "d00.dat", 1), fault, restart, i, j;
    if (rows == 0) {
        printf("4 Tennessee Eastman: no data in %s\n", folder);
        return;
    }
    for (j = 0; j < TEP; j++) {
        dura_drift_reference fresh = DURA_DRIFT_REFERENCE_INIT;
        refs[j] = fresh;
        for (i = 0; i < rows; i++)
            column[i] = table[i][j];
        must(dura_drift_learn(&refs[j], column, NULL, (size_t)rows, 4) == DURA_OK);
    }
    printf("4 Tennessee Eastman, learned on %d rows of d00; asked per channel 1e5: 0.5 alarms in 49,920 channel-samples\n"
           "  published on d00_te: ADWIN 146, PageHinkley 196, CUSUM 682\n", rows);
    for (restart = 1; restart >= 0; restart--)
        for (fault = 0; fault <= (restart ? 0 : 21); fault++) {
            char name[32];
            dura_drift *d = open_monitor(TEP, restart ? DURA_DRIFT_RESTART : 0, 1e5f / TEP);
            int alarms = 0, before = 0, first = 0, channels = 0, hit[TEP] = {0}, k;
            snprintf(name, sizeof name, "d%02d_te.dat", fault);
            rows = load_tep(folder, name, 0);
            if (rows == 0)
                continue;
            for (j = 0; j < TEP; j++)
                must(dura_drift_attach(d, (uint16_t)j, &refs[j]) == DURA_OK);
            for (i = 0; i < rows; i++) {
                dura_fact f[TEP];
                int n = dura_drift_update(d, table[i], NULL, TEP, f, TEP);
                for (k = 0; k < n; k++) {
                    if (f[k].value[0] == DURA_DRIFT_BACK)
                        continue;
                    alarms++;
                    before += i < FAULT_AT;
                    channels += !hit[f[k].channel]++;
                    if (i >= FAULT_AT && first == 0)
                        first = i - FAULT_AT + 1;
                }
            }
            if (fault == 0)
                printf("  d00_te, no fault, %s: %d alarms, %d channels\n", restart ? "restart" : "latched", alarms, channels);
            else
                printf("  d%02d_te: first alarm %3d samples after the fault, %2d channels, %d alarms before it\n", fault,
                       first, channels, before);
        }
}

/* Forty frames of n channels, in the last ones of which so many of them alarm: to count instructions
 * of, under callgrind, with and without. Returns the facts. */
static int frames(int n, int alarms)
{
    dura_drift *d = plain((uint16_t)n, DURA_DRIFT_RESTART, 100.0f);
    int t, i, told = 0;
    for (t = 0; t < 40; t++) {
        float x[TEP];
        dura_fact f[TEP];
        for (i = 0; i < n; i++)
            x[i] = (float)(((t * 7 + i * 3) % 11 - 5) * 0.32);
        for (i = 0; t >= 37 && i < alarms; i++)
            x[i] = 5.9f;
        told += dura_drift_update(d, x, NULL, (size_t)n, f, TEP);
    }
    return told;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "frames") == 0) {
        int n = atoi(argv[2]), alarms = atoi(argv[3]);
        must(n >= 1 && n <= TEP && alarms >= 0 && alarms <= n);
        printf("%d facts\n", frames(n, alarms));
        return 0;
    }
    const char *folder = argc > 1 ? argv[1] : getenv("DURA_DATA");
    printf("1 cost; published: ADWIN river 22, PageHinkley MOA 6.9, CUSUM MOA 23, KSWIN river 54000 ns\n");
    cost(dura_drift_part(), "dura_drift_part", 1);
    cost(dura_drift_part(), "dura_drift_part", TEP);
    cost(dura_host_drift_part(), dura_host_drift_part() == dura_drift_part() ? "host: the same" : "dura_host_drift_part",
         TEP);
    delays();
    rates();
    tep(folder ? folder : DURA_SOURCE_DIR "/../shared/data");
    return 0;
}
