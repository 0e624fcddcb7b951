/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_mspc.c - what T2 and SPE of a learned basis detect, and whom they blame.
 *
 *   1  ns of one frame of 52 channels, 31 components
 *   2  Tennessee Eastman: share of the rows behind the fault that are in alarm, limit at 1 %
 *      of the fault-free run d00_te. Basis, deviations and references are learned on d00, the
 *      limit on d00_te, neither is scored; no parameter is fitted to a fault: CUSUM k = 0.5
 *      and MEWMA 0.1 are those of the published figures, the drift monitor has none. The 160
 *      rows before each fault say what the limit is worth on rows nobody looked at
 *   3  52 synthetic channels, one shifted by its deviation: is the right one named?
 *
 * Data folder: argument 1 or DURA_DATA. Prints what was measured.
 */
#include "../tests/drift_streams.h"

#include <dura/drift.h>
#include <dura/host/mspc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEP = 52, TEP_ROWS = 1000, FAULT_AT = 160 };

static float table[TEP_ROWS][TEP];
static uint64_t part_memory[4096], drift_memory[4096];

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "bench_mspc: %s\n", what);
        exit(1);
    }
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

static dura_mspc *open_part(const dura_mspc_learned *l, float newest)
{
    dura_mspc_basis b = l->basis;
    dura_mspc *m;
    b.newest = newest;
    must(dura_mspc_part()->init(&m, part_memory, sizeof part_memory, &b) == DURA_OK, "init");
    return m;
}

/* A monitor over n channels that never reaches its limit, so that the statistic is seen. */
static dura_drift *open_drift(uint16_t n, const dura_drift_reference *refs, float arl0)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift *d;
    uint16_t i;
    c.n_channels = n;
    c.arl0 = arl0;
    must(dura_drift_init(&d, drift_memory, sizeof drift_memory, &c) == DURA_OK, "drift");
    for (i = 0; i < n; i++)
        must(dura_drift_attach(d, i, &refs[i]) == DURA_OK, "attach");
    return d;
}

static double mixture(const dura_drift *d, uint16_t channel)
{
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    must(dura_drift_query(d, channel, &s) == DURA_OK, "query");
    return (double)s.statistic;
}

/* ---- 2 ------------------------------------------------------------------------------- */

enum { T2, SPE, LARGER, CUSUM_T2, CUSUM_SPE, CUSUM_SUM, MEWMA_T2, MEWMA_SPE, DRIFT_T2, DRIFT_SPE, DRIFT_SUM, DRIFT_LATCH, METHODS };
static const char *method_name[METHODS] = {
    "T2", "SPE", "larger of both", "CUSUM of root T2", "CUSUM of root SPE", "sum of both CUSUM", "MEWMA T2, 0.1",
    "MEWMA SPE, 0.1", "drift on T2", "drift on SPE", "drift on both (sum)",
    "drift, its alarm"};
static const char *published[METHODS] = {".671", ".728", "", ".891", ".847", "", ".829", "", "", "", "", ""};

/* Rows on which the monitor's alarm on T2 or SPE stands, asked for arl0. */
static void latched(const dura_drift_reference *refs, int rows, float arl0, double (*s)[METHODS])
{
    dura_drift *d = open_drift(2, refs, arl0);
    int i;
    for (i = 0; i < rows; i++) {
        dura_drift_state q[2] = {DURA_DRIFT_STATE_INIT, DURA_DRIFT_STATE_INIT};
        float x[2] = {(float)s[i][T2], (float)s[i][SPE]};
        dura_fact f[2];
        must(dura_drift_update(d, x, NULL, 2, f, 2) >= 0, "drift update");
        must(dura_drift_query(d, 0, &q[0]) == DURA_OK && dura_drift_query(d, 1, &q[1]) == DURA_OK, "query");
        s[i][DRIFT_LATCH] = q[0].alarm | q[1].alarm;
    }
}

/* The shortest time between false alarms that leaves 1 % of the rows in alarm. */
static float latch_limit(const dura_drift_reference *refs, int rows, double (*s)[METHODS])
{
    float arl0 = 100.0f;
    int i, stand = rows;
    for (; arl0 < 1e8f; arl0 *= 1.25f) {
        latched(refs, rows, arl0, s);
        for (i = stand = 0; i < rows; i++)
            stand += s[i][DRIFT_LATCH] > 0.0;
        if (stand <= rows / 100)
            break;
    }
    return arl0;
}

static void statistics(const dura_mspc_learned *l, const dura_drift_reference *refs, int rows, double (*s)[METHODS])
{
    dura_mspc *m = open_part(l, 0.1f);
    dura_drift *d = open_drift(2, refs, 1e9f);
    double c[2] = {0.0, 0.0};
    int i, k;
    for (i = 0; i < rows; i++) {
        dura_mspc_state q = DURA_MSPC_STATE_INIT;
        dura_fact f[2];
        float out[2];
        must(dura_mspc_part()->update(m, table[i], NULL, TEP, out) == 0, "update");
        must(dura_mspc_part()->query(m, &q) == DURA_OK, "query");
        must(dura_drift_update(d, out, NULL, 2, f, 2) >= 0, "drift update");
        for (k = 0; k < 2; k++) {
            c[k] += (double)out[k] - 0.5;
            c[k] = c[k] > 0.0 ? c[k] : 0.0;
            s[i][T2 + k] = (double)out[k];
            s[i][CUSUM_T2 + k] = c[k];
            s[i][DRIFT_T2 + k] = mixture(d, (uint16_t)k);
        }
        s[i][LARGER] = out[0] > out[1] ? (double)out[0] : (double)out[1];
        s[i][CUSUM_SUM] = c[0] + c[1];
        s[i][MEWMA_T2] = (double)q.average_t2;
        s[i][MEWMA_SPE] = (double)q.average_spe;
        s[i][DRIFT_SUM] = s[i][DRIFT_T2] + s[i][DRIFT_SPE];
    }
}

static dura_drift_reference reference(const float *x, size_t n)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    must(dura_drift_learn(&r, x, NULL, n, 4) == DURA_OK, "learn a reference");
    return r;
}

/* Share of rows from..to above the limits, added to share[]. */
static void count(double (*s)[METHODS], const double *limit, int from, int to, double *share)
{
    int i, k;
    for (k = 0; k < METHODS; k++) {
        int hits = 0;
        for (i = from; i < to; i++)
            hits += s[i][k] > limit[k];
        share[k] += (double)hits / (to - from);
    }
}

static void limits(double (*s)[METHODS], int rows, double *limit)
{
    static double x[TEP_ROWS];
    int i, k;
    for (k = 0; k < METHODS; k++) {
        for (i = 0; i < rows; i++)
            x[i] = s[i][k];
        qsort(x, (size_t)rows, sizeof *x, rising);
        limit[k] = x[rows - 1 - rows / 100];
    }
}

/* For each fault the statistic that is best on all the others, scored on this one. */
static void chosen(double (*each)[22], int faults)
{
    double sum = 0.0, total;
    int votes[METHODS] = {0}, f, g, k;
    for (f = 0; f < faults; f++) {
        double most = -1.0;
        int best = 0;
        for (k = 0; k < METHODS; k++) {
            for (g = 0, total = 0.0; g < faults; g++)
                total += g == f ? 0.0 : each[k][g];
            if (total > most) {
                most = total;
                best = k;
            }
        }
        votes[best]++;
        sum += each[best][f];
    }
    printf("  chosen on the other faults, scored on each: %.3f (", sum / faults);
    for (k = 0; k < METHODS; k++)
        if (votes[k])
            printf("%s %d times", method_name[k], votes[k]);
    printf(")\n");
}

static void blame_tep(const dura_mspc_learned *l, int fault, int rows)
{
    dura_mspc *m = open_part(l, 0.05f);
    dura_mspc_share s[3];
    float out[2];
    int i;
    for (i = 0; i < (rows < FAULT_AT + 60 ? rows : FAULT_AT + 60); i++)
        must(dura_mspc_part()->update(m, table[i], NULL, TEP, out) == 0, "update");
    must(dura_mspc_part()->blame(m, s, 3) == 3, "blame");
    printf("    fault %2d, 60 rows in: channels %u, %u, %u (1 = the first column) are %+.1f, %+.1f, %+.1f unexplained\n", fault,
           s[0].channel + 1u, s[1].channel + 1u, s[2].channel + 1u, (double)s[0].unexplained, (double)s[1].unexplained,
           (double)s[2].unexplained);
}

static int tep(const char *folder, dura_mspc_learned *l)
{
    static double s[TEP_ROWS][METHODS];
    double limit[METHODS], found[METHODS] = {0}, early[METHODS] = {0}, third[METHODS] = {0}, each[METHODS][22];
    dura_drift_reference refs[2];
    dura_error err = {0};
    float arl0;
    int rows = load_tep(folder, "d00.dat", 1), fault, faults = 0, k;
    if (rows == 0) {
        printf("2 SKIPPED: no Tennessee Eastman data in %s\n", folder);
        return 0;
    }
    must(dura_mspc_learn(l, &table[0][0], (size_t)rows, TEP, NULL, &err) == DURA_OK, err.text);
    refs[0] = reference(l->t2, l->rows);
    refs[1] = reference(l->spe, l->rows);
    printf("2 Tennessee Eastman: %u components hold %.1f %% of the variance of %d rows; references say %#x, %#x\n"
           "  mean cube root of SPE on rows left out, over its mean on its own: %.2f\n",
           l->basis.n_components, 100.0 * l->share, rows, refs[0].why, refs[1].why,
           (double)l->basis.values[l->basis.n_values - 2]);
    rows = load_tep(folder, "d00_te.dat", 0);
    statistics(l, refs, rows, s);
    limits(s, rows, limit);
    arl0 = latch_limit(refs, rows, s);
    limit[DRIFT_LATCH] = 0.5;
    for (fault = 1; fault <= 21; fault++) {
        char name[32];
        snprintf(name, sizeof name, "d%02d_te.dat", fault);
        rows = load_tep(folder, name, 0);
        if (rows == 0)
            continue;
        statistics(l, refs, rows, s);
        latched(refs, rows, arl0, s);
        count(s, limit, 0, FAULT_AT, early);
        if (fault == 3) {
            count(s, limit, FAULT_AT, rows, third);
            continue;
        }
        for (k = 0; k < METHODS; k++)
            each[k][faults] = -found[k];
        count(s, limit, FAULT_AT, rows, found);
        for (k = 0; k < METHODS; k++)
            each[k][faults] += found[k];
        faults++;
        blame_tep(l, fault, rows);
    }
    chosen(each, faults);
    printf("  the monitor's alarm stands on 1 %% of d00_te when %.0f rows are asked between false ones\n", (double)arl0);
    printf("  %-20s %9s %7s %10s %8s | published (18 faults of 21)\n", "statistic", "detected", "worst", "false (1)", "fault 3");
    for (k = 0; k < METHODS; k++) {
        qsort(each[k], (size_t)faults, sizeof(double), rising);
        printf("  %-20s %9.3f %7.3f %10.4f %8.3f | %s\n", method_name[k], found[k] / faults, each[k][0], early[k] / (faults + 1),
               third[k], published[k]);
    }
    printf("  detected: share of rows behind the fault in alarm, mean of %d faults (without 3); (1) share of the 160\n"
           "  rows before it, mean of %d runs, where 1 %% was set on d00_te\n", faults, faults + 1);
    return 1;
}

/* ---- 1 ------------------------------------------------------------------------------- */

static void cost(const dura_mspc_learned *l)
{
    dura_mspc *m = open_part(l, 0.0f);
    double took[9];
    int round, i, rep;
    for (round = 0; round < 9; round++) {
        double begin = seconds();
        for (rep = 0; rep < 20; rep++)
            for (i = 0; i < 480; i++) {
                float out[2];
                must(dura_mspc_part()->update(m, table[i], NULL, l->basis.n_channels, out) == 0, "update");
            }
        took[round] = (seconds() - begin) / (20.0 * 480.0) * 1e9;
    }
    qsort(took, 9, sizeof *took, rising);
    printf("1 a frame of %u channels, %u components: %.0f ns (median of 9; %.0f .. %.0f); object %zu bytes, basis %zu\n",
           l->basis.n_channels, l->basis.n_components, took[4], took[0], took[8], dura_mspc_part()->bytes(&l->basis),
           l->basis.n_values * sizeof(float));
}

/* ---- 3 ------------------------------------------------------------------------------- */

enum { LEARN = 4000, BEFORE = 500, AFTER = 3000, TRIALS = 200, HIDDEN = 5 };

/* A plant of 52 channels: own noise, and `shared` of the variance from five hidden causes. */
typedef struct plant {
    drift_stream s;
    double weight[TEP][HIDDEN];
    double own;
} plant;

static plant plant_open(uint32_t seed, double shared)
{
    plant p;
    int i, a;
    p.s = stream_open(60, seed);
    p.own = sqrt(1.0 - shared);
    for (i = 0; i < TEP; i++) {
        double size = 0.0;
        for (a = 0; a < HIDDEN; a++) {
            p.weight[i][a] = stream_quantile(stream_uniform(&p.s));
            size += p.weight[i][a] * p.weight[i][a];
        }
        for (a = 0; a < HIDDEN; a++)
            p.weight[i][a] *= sqrt(shared / size);
    }
    return p;
}

static void plant_next(plant *p, float *x)
{
    double cause[HIDDEN];
    int i, a;
    for (a = 0; a < HIDDEN; a++)
        cause[a] = stream_quantile(stream_uniform(&p->s));
    for (i = 0; i < TEP; i++) {
        double v = p->own * stream_quantile(stream_uniform(&p->s));
        for (a = 0; a < HIDDEN; a++)
            v += p->weight[i][a] * cause[a];
        x[i] = (float)v;
    }
}

typedef struct tally {
    int right, wrong, missed, early;
    double delay[TRIALS], onset[TRIALS];
} tally;

/* The monitor's first alarm behind the change: which channel, when, since when? blamed: the
 * channel named by blame, or -1 to take the monitor's own. */
static int judge(tally *a, int n, const dura_fact *f, int t, int victim, int blamed)
{
    int hits = a->right + a->wrong;
    if (n == 0)
        return 0;
    if (t < BEFORE) {
        a->early++;
        return 0;
    }
    a->delay[hits] = t - BEFORE + 1;
    a->onset[hits] = fabs((double)(t - (int)f[0].value[2] - BEFORE));
    if ((blamed < 0 ? (int)f[0].channel : blamed) == victim)
        a->right++;
    else
        a->wrong++;
    return 1;
}

static void told(const char *what, tally *a)
{
    int hits = a->right + a->wrong;
    qsort(a->delay, (size_t)hits, sizeof(double), rising);
    qsort(a->onset, (size_t)hits, sizeof(double), rising);
    printf("  %-44s %5.1f %% right %4d missed %4d false, delay %5.0f, onset off by %3.0f (medians)\n", what,
           hits ? 100.0 * a->right / hits : 0.0, a->missed, a->early, hits ? a->delay[hits / 2] : 0.0, hits ? a->onset[hits / 2] : 0.0);
}

enum { CHANNELS, RESIDUALS, TWO, WAYS };

/* One trial of one way of watching. */
static void trial(int way, const dura_mspc_learned *l, plant *p, int victim, tally *a)
{
    static dura_drift_reference refs[TEP];
    static float rows[LEARN][TEP], column[LEARN];
    dura_mspc *m = open_part(l, way == TWO ? 0.02f : 0.0f);
    uint16_t n = way == TWO ? 2 : TEP, i;
    dura_drift *d;
    int t;
    for (t = 0; t < LEARN; t++) {
        float x[TEP], out[2];
        plant_next(p, x);
        must(dura_mspc_part()->update(m, x, NULL, TEP, out) == 0, "update");
        if (way == CHANNELS)
            memcpy(rows[t], x, sizeof x);
        else if (way == TWO)
            memcpy(rows[t], out, sizeof out);
        else
            must(dura_mspc_part()->residuals(m, rows[t], TEP) == DURA_OK, "residuals");
    }
    for (i = 0; i < n; i++) {
        for (t = 0; t < LEARN; t++)
            column[t] = rows[t][i];
        refs[i] = reference(column, LEARN);
    }
    d = open_drift(n, refs, 1e5f);
    for (t = 0; t < BEFORE + AFTER; t++) {
        dura_mspc_share s;
        dura_fact f[TEP];
        float x[TEP], out[2], z[TEP];
        int alarms;
        plant_next(p, x);
        x[victim] += t >= BEFORE ? 1.0f : 0.0f;
        must(dura_mspc_part()->update(m, x, NULL, TEP, out) == 0, "update");
        must(dura_mspc_part()->residuals(m, z, TEP) == DURA_OK, "residuals");
        alarms = dura_drift_update(d, way == CHANNELS ? x : way == TWO ? out : z, NULL, n, f, n);
        must(dura_mspc_part()->blame(m, &s, 1) == 1, "blame");
        if (judge(a, alarms > 0 && f[0].value[0] != DURA_DRIFT_BACK, f, t, victim, way == TWO ? (int)s.channel : -1))
            return;
    }
    a->missed++;
}

static void naming(void)
{
    static const char *what[WAYS] = {"drift on the 52 channels", "drift on their residuals", "drift on T2 and SPE, blame (newest 0.02)"};
    static const double shared[2] = {0.0, 0.8};
    static float x[LEARN][TEP];
    int s, way, k, t;
    printf("3 one of 52 channels shifted by its deviation, asked 1e5 for all, %d trials, learned from %d rows\n", TRIALS, LEARN);
    for (s = 0; s < 2; s++) {
        static tally a[WAYS];
        dura_mspc_learned l = DURA_MSPC_LEARNED_INIT;
        dura_mspc_options o = DURA_MSPC_OPTIONS_INIT;
        plant p = plant_open((uint32_t)s + 1u, shared[s]);
        dura_error err = {0};
        memset(a, 0, sizeof a);
        for (t = 0; t < LEARN; t++)
            plant_next(&p, x[t]);
        o.components = HIDDEN;
        must(dura_mspc_learn(&l, &x[0][0], LEARN, TEP, &o, &err) == DURA_OK, err.text);
        printf("  %.0f %% of the variance shared\n", 100.0 * shared[s]);
        for (way = 0; way < WAYS; way++) {
            for (k = 0; k < TRIALS; k++) {
                p.s = stream_open(61, (uint32_t)(1000 * s + k));
                trial(way, &l, &p, (k * 7) % TEP, &a[way]);
            }
            told(what[way], &a[way]);
        }
        dura_mspc_learned_deinit(&l);
    }
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : getenv("DURA_DATA");
    dura_mspc_learned l = DURA_MSPC_LEARNED_INIT;
    if (tep(folder ? folder : DURA_SOURCE_DIR "/../shared/data", &l))
        cost(&l);
    dura_mspc_learned_deinit(&l);
    naming();
    return 0;
}
