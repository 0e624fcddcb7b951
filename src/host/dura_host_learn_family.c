/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a family hears to its limit. What it heard was judged by coefficients learned
 * without the block of time it lies in: rows judged by their own coefficients look ten
 * times as quiet as they are (docs/results.md).
 *
 * The family's series is its worst channel of each row, each channel in deviations of its
 * own. The limit extrapolates the series' independent excursions beyond a high quantile:
 * with n of mean excess b, P(next > x) = (1 + x/(n b))^-n. Then each block is held against
 * the limit that the other blocks set: that is the realised rate, and where it contradicts
 * the promised one the limit is widened by what was needed, or the family is refused.
 */
#include "dura_host_learn_priv.h"

#include <stdlib.h>
#include <string.h>

#define CLAMP_FIRST 8.0         /* deviations an averaging check hears of one row, until its limit is known */
#define CLAMP 4.0               /* limits it hears of one row: include/dura/sensor_checks.h */
#define PASSES 3                /* limit and clamp follow from each other */
#define MERGE 3u                /* rows of silence that end a trip */
#define FORGOTTEN 0.2           /* autocorrelation */
#define BEYOND_LEAST 40.0       /* numbers wanted beyond the quantile */
#define DEGREES_LEAST 4u        /* excursions an extrapolation counts on */
#define LIMIT_LEAST 1e-6
#define FACTOR_MOST 2.0         /* a family whose blocks need more is refused */
#define LEAVE_OUT_MOST 10u      /* one in so many channels */
#define LEAVE_OUT_WORTH 1.25
#define ROUNDING 1.00001        /* the sensor's floats may not pass what was seen */
#define LOG_LEAST 1e-12
#define LOG_DRY (-9.21)         /* of a mean square step 1/100 of the usual step */

/* Weights of 1/20 to 2/7: the slowest that the recording holds often enough is taken. Only noise
 * gains from more than 1/10: its statistic is a variance. */
static const uint16_t windows[] = {39, 29, 19, 9, 6};
#define NOISE_ONLY 2u

static const struct { const char *name; int signal, slow, plain; } families[DURAI_FAMILIES] = {
    {"rule", DURAI_SIGNAL_RULE, 0, 1},          {"vote", DURAI_SIGNAL_VOTE, 0, 0},
    {"parity", DURAI_SIGNAL_PARITY, 0, 0},      {"parity slow", DURAI_SIGNAL_PARITY, 1, 0},
    {"joint", DURAI_SIGNAL_JOINT, 0, 1},        {"joint slow", DURAI_SIGNAL_JOINT, 1, 1},
    {"drift", DURAI_SIGNAL_LEAN, 1, 0},         {"range", DURAI_SIGNAL_LEAN, 0, 0},
    {"noise", DURAI_SIGNAL_STEP, 1, 0},         {"spike", DURAI_SIGNAL_JUMP, 0, 0},
};

const char *durai_family_name(int family) { return families[family].name; }
int durai_family_signal(int family) { return families[family].signal; }
int durai_family_is_slow(int family) { return families[family].slow; }

static double larger(double a, double b) { return a > b ? a : b; }
static double magnitude(double x) { return x < 0.0 ? -x : x; }
static double clamp(double x, double most) { return x > most ? most : x < -most ? -most : x; }

/* ---- averaging --------------------------------------------------------------------------- */

/* Mean square step, as NOISE keeps it: a plain mean until its window is full, which is when it
 * begins to speak, and again after a gap. Its logarithm, 0 while it says nothing. */
static void average_steps(double *e, const float *y, const durai_sheet *s, uint16_t window, double most)
{
    double square = 0.0, weight = 2.0 / (window + 1.0);
    uint32_t steps = 0;
    for (size_t i = 0; i < s->rows; i++) {
        e[i] = 0.0;
        if (!(y[i] > DURAI_HOLE)) {
            steps = 0;
            continue;
        }
        double x = clamp((double)y[i], most);
        steps += steps <= window;
        square = steps == 1 ? x : square + (x - square) * (steps <= window ? 1.0 / steps : weight);
        if (steps >= window)
            e[i] = durai_learn_ln(larger(square, LOG_LEAST));
    }
}

/* e: what is compared with the limit of a column, signed, before its scale. */
static void average(double *e, const float *y, const durai_sheet *s, int family, uint16_t window, double first, double most)
{
    double mean = 0.0, weight = window < 2 ? 1.0 : 2.0 / (window + 1.0);
    if (family == DURAI_NOISE) {
        average_steps(e, y, s, window, most);
        return;
    }
    for (size_t i = 0; i < s->rows; i++) {
        e[i] = 0.0;
        if (!(y[i] > DURAI_HOLE))
            continue;
        double x = (double)y[i] / first;
        mean += weight * ((window < 2 ? x : clamp(x, most)) - mean);
        e[i] = mean;
    }
}

static double deviation_of(const double *e, size_t n)
{
    double sum = 0.0, square = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += e[i];
    for (size_t i = 0; i < n; i++)
        square += (e[i] - sum / (double)n) * (e[i] - sum / (double)n);
    return durai_learn_root(square / (double)n);
}

/* Rows until the autocorrelation is forgotten. */
static size_t memory_of(const double *e, size_t n)
{
    double sum = 0.0, square = 0.0;
    size_t lag = 1;
    for (size_t i = 0; i < n; i++)
        sum += e[i];
    sum /= (double)n;
    for (size_t i = 0; i < n; i++)
        square += (e[i] - sum) * (e[i] - sum);
    while (square > 0.0 && lag < n / 10u) {
        double product = 0.0;
        for (size_t i = lag; i < n; i++)
            product += (e[i] - sum) * (e[i - lag] - sum);
        if (!(product / (double)(n - lag) > FORGOTTEN * square / (double)n))
            break;
        lag += lag / 2u + 1u;
    }
    return lag;
}

/* ---- columns ---------------------------------------------------------------------------------- */

/* Deviation of what is there; 0: less than half of the rows are. */
static double spread(double *e, const float *y, size_t n)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (y[i] > DURAI_HOLE)
            e[m++] = (double)y[i];
    return 2u * m >= n ? larger(deviation_of(e, m), 1e-9) : 0.0;
}

/* A window that pauses never fill it says next to nothing. */
static int speaks(const double *e, size_t n)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        m += e[i] < 0.0 || e[i] > 0.0;
    return 2u * m >= n;
}

/* The channel rests longer than the window now and then: its noise has no lower end. */
static int runs_dry(const double *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (e[i] < LOG_DRY)
            return 1;
    return 0;
}

/* The slowest averaging whose memory the recording holds often enough; 0: none. */
static uint16_t choose_window(double *e, const float *y, const durai_sheet *s, int family, double first, double most)
{
    for (size_t w = family == DURAI_NOISE ? 0 : NOISE_ONLY; w < sizeof windows / sizeof *windows; w++) {
        average(e, y, s, family, windows[w], first, most);
        if (family == DURAI_NOISE && (runs_dry(e, s->rows) || !speaks(e, s->rows)))
            continue;
        if (memory_of(e, s->rows) * DURAI_CHECK_MEMORIES <= s->rows)
            return windows[w];
    }
    return 0;
}

static double clamp_first(int family) { return families[family].plain || family == DURAI_NOISE ? 1e30 : CLAMP_FIRST; }

static int fit_columns(durai_family *f, int family, const float *y, const durai_sheet *s, double *e)
{
    uint32_t left = 0;
    for (uint32_t c = 0; c < f->n; c++) {
        const float *of = y + (size_t)c * s->rows;
        f->first[c] = spread(e, of, s->rows);
        f->clamp[c] = clamp_first(family);
        f->scale[c] = 1.0;
        if (!(f->first[c] > 0.0))
            continue;
        if (families[family].plain || family == DURAI_NOISE)
            f->first[c] = 1.0;
        f->window[c] = families[family].slow ? choose_window(e, of, s, family, f->first[c], f->clamp[c]) : 1u;
        left += f->window[c] > 0;
    }
    return left > 0;
}

int durai_family_fit(durai_family *f, int family, const float *y, uint32_t columns, const durai_sheet *s)
{
    double *e = malloc((s->rows + 1u) * sizeof *e);
    f->n = columns;
    f->window = calloc(columns + 1u, sizeof *f->window);
    f->first = calloc(columns + 1u, sizeof *f->first);
    f->scale = calloc(columns + 1u, sizeof *f->scale);
    f->clamp = calloc(columns + 1u, sizeof *f->clamp);
    int rc = e && f->window && f->first && f->scale && f->clamp ? DURA_OK : DURA_ENOSPC;
    if (rc == DURA_OK)
        f->refused = columns == 0 ? DURA_LEARN_FAMILY_NOTHING : fit_columns(f, family, y, s, e) ? DURA_LEARN_FAMILY_KEPT : DURA_LEARN_FAMILY_SLOW;
    free(e);
    return rc;
}

void durai_family_free(durai_family *f)
{
    free(f->window);
    free(f->first);
    free(f->scale);
    free(f->clamp);
}

/* ---- the series --------------------------------------------------------------------------------- */

/* The worst column of each row, in its own deviations; their scales on the way. */
static void worst_of(double *series, double *e, durai_family *f, int family, const float *y, const durai_sheet *s)
{
    memset(series, 0, s->rows * sizeof *series);
    for (uint32_t c = 0; c < f->n; c++) {
        if (f->window[c] == 0)
            continue;
        average(e, y + (size_t)c * s->rows, s, family, f->window[c], f->first[c], f->clamp[c]);
        f->scale[c] = families[family].plain ? 1.0 : larger(deviation_of(e, s->rows), LIMIT_LEAST);
        for (size_t i = 0; i < s->rows; i++)
            series[i] = larger(series[i], magnitude(e[i]) / f->scale[c]);
    }
}

int durai_family_severity(double *out, const durai_family *f, int family, const float *y, const durai_sheet *s)
{
    double *e = malloc((s->rows + 1u) * sizeof *e);
    if (!e)
        return DURA_ENOSPC;
    memset(out, 0, s->rows * sizeof *out);
    for (uint32_t c = 0; c < f->n; c++) {
        if (f->window[c] == 0)
            continue;
        average(e, y + (size_t)c * s->rows, s, family, f->window[c], f->first[c], f->clamp[c]);
        for (size_t i = 0; i < s->rows; i++)
            out[i] = larger(out[i], magnitude(e[i]) / f->scale[c] / f->limit);
    }
    free(e);
    return DURA_OK;
}

/* ---- the limit of a series ------------------------------------------------------------------------ */

static int rises(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double quantile(double *sorted, const double *y, size_t n, double share)
{
    memcpy(sorted, y, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, rises);
    double at = share * (double)(n - 1u);
    size_t k = (size_t)at;
    return k + 1u < n ? sorted[k] + (at - (double)k) * (sorted[k + 1u] - sorted[k]) : sorted[n - 1u];
}

/* The largest number of each excursion beyond u; those up to `apart` from the last are one. */
static size_t peaks(double *out, const double *y, size_t n, double u, size_t apart)
{
    size_t m = 0, last = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(y[i] > u))
            continue;
        if (m == 0 || i - last > apart)
            out[m++] = y[i];
        out[m - 1u] = larger(out[m - 1u], y[i]);
        last = i;
    }
    return m;
}

/* x^(1/n) */
static double nth_root(double x, size_t n) { return durai_learn_exp(durai_learn_ln(x) / (double)n); }

/* The level passed per_row times a row; beyond all but as many trips as are allowed in n rows. */
static double tail_limit(const double *y, size_t n, double per_row, size_t memory, double *work)
{
    double share = BEYOND_LEAST / (double)n, margin = 0.0, mean = 0.0;
    share = share < 0.01 ? 0.01 : share > 0.1 ? 0.1 : share;
    double u = quantile(work, y, n, 1.0 - share);
    double ratio = (double)peaks(work, y, n, u, MERGE) / (double)n / per_row;
    size_t m = peaks(work, y, n, u, memory > MERGE ? memory : MERGE), allowed = (size_t)(per_row * (double)n);
    for (size_t i = 0; i < m; i++)
        mean += (work[i] - u) / (double)m;
    if (m && ratio > 1.0) {
        size_t degrees = m < DEGREES_LEAST ? DEGREES_LEAST : m;
        margin = (double)degrees * mean * (nth_root(ratio, degrees) - 1.0);
    }
    m = peaks(work, y, n, u > 0.0 ? 0.5 * u : 0.0, MERGE);
    qsort(work, m, sizeof *work, rises);
    double most = allowed < m ? work[m - 1u - allowed] : 0.0;
    return larger(larger(u + margin, most), LIMIT_LEAST);
}

/* ---- what the blocks say ------------------------------------------------------------------------------ */

/* Each block against the limit the others set: trips, and by what the limit was passed at most. */
static void hold_out(durai_family *f, const double *series, size_t rows, double per_row, double *others, double *work,
                     double need[DURAI_CHECK_BLOCKS])
{
    f->trips = 0;
    for (uint32_t b = 0; b < DURAI_CHECK_BLOCKS; b++) {
        size_t from = (b * rows + DURAI_CHECK_BLOCKS - 1u) / DURAI_CHECK_BLOCKS;
        size_t to = ((b + 1u) * rows + DURAI_CHECK_BLOCKS - 1u) / DURAI_CHECK_BLOCKS;
        memcpy(others, series, from * sizeof *others);
        memcpy(others + from, series + to, (rows - to) * sizeof *others);
        double limit = f->factor * tail_limit(others, rows - (to - from), per_row, f->memory, work);
        f->trips += peaks(work, series + from, to - from, limit, MERGE);
        need[b] = 0.0;
        for (size_t i = from; i < to; i++)
            need[b] = larger(need[b], series[i] / limit);
    }
}

/* Trips that contradict the promise widen the limit by what the blocks needed, beyond as many
 * excursions as were due. */
static void answer(durai_family *f, const double *series, size_t rows, double per_row, double *others, double *work)
{
    double need[DURAI_CHECK_BLOCKS];
    size_t spared = (size_t)(per_row * (double)rows);
    f->factor = 1.0;
    hold_out(f, series, rows, per_row, others, work, need);
    durai_poisson_rate(f->trips, &f->least, &f->most);
    if (f->least <= f->due)
        return;
    qsort(need, DURAI_CHECK_BLOCKS, sizeof *need, rises);
    f->factor = spared < DURAI_CHECK_BLOCKS ? larger(1.0, need[DURAI_CHECK_BLOCKS - 1u - spared]) : 1.0;
    hold_out(f, series, rows, per_row, others, work, need);
    durai_poisson_rate(f->trips, &f->least, &f->most);
    if (f->factor > FACTOR_MOST || f->least > f->due)
        f->refused = DURA_LEARN_FAMILY_BROKEN;
}

/* ---- channels that cost the others too much ------------------------------------------------------------ */

/* The column that makes the largest number of the series. */
static uint32_t loudest(double *e, const durai_family *f, int family, const float *y, const durai_sheet *s)
{
    uint32_t column = 0;
    double most = -1.0;
    for (uint32_t c = 0; c < f->n; c++) {
        if (f->window[c] == 0)
            continue;
        average(e, y + (size_t)c * s->rows, s, family, f->window[c], f->first[c], f->clamp[c]);
        for (size_t i = 0; i < s->rows; i++)
            if (magnitude(e[i]) / f->scale[c] > most) {
                most = magnitude(e[i]) / f->scale[c];
                column = c;
            }
    }
    return column;
}

static double limit_of(durai_family *f, int family, const float *y, const durai_sheet *s, double per_row, double *series,
                       double *e, double *spare)
{
    worst_of(series, e, f, family, y, s);
    f->memory = memory_of(series, s->rows);
    return tail_limit(series, s->rows, per_row, f->memory, spare);
}

/* One limit for all: a channel that alone would make it a quarter wider is not checked, up to
 * a tenth of them. */
static void leave_out(durai_family *f, int family, const float *y, const durai_sheet *s, double per_row, double *series,
                      double *e, double *spare)
{
    double limit = limit_of(f, family, y, s, per_row, series, e, spare);
    for (uint32_t left = f->n / LEAVE_OUT_MOST; left > 0; left--) {
        uint32_t column = loudest(e, f, family, y, s);
        uint16_t window = f->window[column];
        f->window[column] = 0;
        double without = limit_of(f, family, y, s, per_row, series, e, spare);
        if (without * LEAVE_OUT_WORTH > limit) {
            f->window[column] = window;
            return;
        }
        f->left_out++;
        limit = without;
    }
}

/* The clamp of a check is four of its limits. */
static void set_clamps(durai_family *f, int family)
{
    for (uint32_t c = 0; c < f->n; c++) {
        double limit = f->limit * f->scale[c];
        f->clamp[c] = family == DURAI_NOISE ? CLAMP * CLAMP * durai_learn_exp(limit) : CLAMP * limit;
    }
}

int durai_family_limit(durai_family *f, int family, const float *y, const durai_sheet *s, double per_row)
{
    double *work = malloc(4u * (s->rows + 1u) * sizeof *work);
    if (!work)
        return DURA_ENOSPC;
    double *series = work, *e = work + s->rows + 1u, *others = e + s->rows + 1u, *spare = others + s->rows + 1u;
    f->due = per_row * (double)s->rows;
    leave_out(f, family, y, s, per_row, series, e, spare);
    for (int pass = 0; pass < (families[family].slow ? PASSES : 1); pass++) {
        f->limit = limit_of(f, family, y, s, per_row, series, e, spare);
        set_clamps(f, family);
    }
    if (f->memory * DURAI_CHECK_MEMORIES > s->rows)
        f->refused = DURA_LEARN_FAMILY_SLOW;
    else
        answer(f, series, s->rows, per_row, others, spare);
    f->limit *= (f->factor > 1.0 ? f->factor : 1.0) * ROUNDING;
    set_clamps(f, family);
    free(work);
    return DURA_OK;
}
