/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_host_trend.c - slope and time to a limit (dura/host/trend.h, docs/drift.md).
 *
 * A block's value is the mean of the middle half of its samples. Samples that weigh as one:
 * 1 + 2 x the sum of the autocorrelations about the line, as long as pairs of them are
 * positive (Geyer's initial sequence). Ten of those per block leave neighbours correlated by
 * at most .025 under AR(1), whatever its coefficient.
 */
#include <dura/host/trend.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MOST 40u
#define BLOCKS_LEAST 8u
#define PER_BLOCK 10.0          /* independent samples */
#define PAIRS (BLOCKS_MOST * (BLOCKS_MOST - 1u) / 2u)
#define STRETCHES 4u            /* all, half, quarter, eighth */
#define CROOKED 1.6             /* standard errors of a bend or step: no line */
#define ALLOWED 0.7             /* share of the error that is spent; the rest is for what choosing a
                                   stretch and the correlation left between blocks add */
#define LEVEL_DEFAULT 0.9
#define CLAIM 0.99              /* a trend is claimed when the interval at this, or the level, is off 0 */
#define ROUNDING 1e-12

/* What is there, without what is missing. */
typedef struct series {
    const double *t, *x;
    size_t n;
} series;

typedef struct blocks {
    double t[BLOCKS_MOST], x[BLOCKS_MOST];
    uint32_t n;
} blocks;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- blocks ---------------------------------------------------------------------- */

static double middle_mean(double *x, size_t n)
{
    size_t cut = n / 4, i;
    double sum = 0.0;
    qsort(x, n, sizeof *x, by_value);
    for (i = cut; i < n - cut; i++)
        sum += x[i];
    return sum / (double)(n - 2 * cut);
}

static void cut(blocks *b, const series *s, uint32_t n, double *room)
{
    uint32_t i;
    b->n = n;
    for (i = 0; i < n; i++) {
        size_t from = s->n * i / n, to = s->n * (i + 1) / n, k;
        b->t[i] = 0.0;
        for (k = from; k < to; k++)
            b->t[i] += s->t[k] / (double)(to - from);
        memcpy(room, s->x + from, (to - from) * sizeof *room);
        b->x[i] = middle_mean(room, to - from);
    }
}

/* ---- slopes ---------------------------------------------------------------------- */

/* Of n values in random order: the most pairs of which P(at most so many stand the wrong way) is
 * at most tail; -1: none. */
static int kendall(uint32_t n, double tail)
{
    double p[PAIRS + 1] = {1.0}, sum = 0.0;
    uint32_t i, k, most = 0;
    for (i = 2; i <= n; i++) {          /* one more value: 0 .. i - 1 more pairs, equally likely */
        double next[PAIRS + 1] = {0.0};
        for (k = 0; k <= most; k++) {
            uint32_t j;
            for (j = 0; j < i; j++)
                next[k + j] += p[k] / i;
        }
        most += i - 1;
        memcpy(p, next, sizeof p);
    }
    for (k = 0; k <= most; k++) {
        sum += p[k];
        if (sum > tail)
            break;
    }
    return (int)k - 1;
}

/* Median and interval of the slopes between blocks first .. first + n - 1; an infinite interval where
 * there are too few. */
static double slopes(const blocks *b, uint32_t first, uint32_t n, double level, double interval[2])
{
    double s[PAIRS];
    uint32_t i, j, k = 0;
    int out = kendall(n, 0.5 * (1.0 - level));
    for (i = first; i < first + n; i++)
        for (j = i + 1; j < first + n; j++)
            s[k++] = (b->x[j] - b->x[i]) / (b->t[j] - b->t[i]);
    qsort(s, k, sizeof *s, by_value);
    interval[0] = out < 0 ? -INFINITY : s[out];
    interval[1] = out < 0 ? INFINITY : s[k - 1 - (uint32_t)out];
    return 0.5 * (s[(k - 1) / 2] + s[k / 2]);
}

/* The line where blocks are on average: interval of the median by signs. */
static double level_at(const blocks *b, double slope, double middle, double level, double interval[2])
{
    double e[BLOCKS_MOST], p = 1.0, sum = 0.0, tail = 0.5 * (1.0 - level);
    uint32_t i, out = 0;
    for (i = 0; i < b->n; i++) {
        e[i] = b->x[i] - slope * (b->t[i] - middle);
        p *= 0.5;
    }
    qsort(e, b->n, sizeof *e, by_value);
    for (sum = p; sum <= tail && out < b->n / 2; out++) {
        p *= (double)(b->n - out) / (out + 1);
        sum += p;
    }
    interval[0] = out ? e[out - 1] : -INFINITY;
    interval[1] = out ? e[b->n - out] : INFINITY;
    return 0.5 * (e[(b->n - 1) / 2] + e[b->n / 2]);
}

/* ---- autocorrelation ------------------------------------------------------------- */

static double correlation(const double *e, size_t n, size_t lag)
{
    double sum = 0.0;
    size_t i;
    for (i = lag; i < n; i++)
        sum += e[i] * e[i - lag];
    return sum;
}

/* Residuals, far ones drawn in. */
static void residuals(double *e, const series *s, const blocks *b, double *room)
{
    double far, slope, level, none[2];
    size_t i;
    slope = slopes(b, 0, b->n, 0.5, none);
    level = level_at(b, slope, 0.0, 0.5, none);
    for (i = 0; i < s->n; i++) {
        e[i] = s->x[i] - level - slope * s->t[i];
        room[i] = fabs(e[i]);
    }
    qsort(room, s->n, sizeof *room, by_value);
    far = 7.5 * room[s->n / 2];
    for (i = 0; far > 0.0 && i < s->n; i++)
        e[i] = e[i] > far ? far : e[i] < -far ? -far : e[i];
}

/* Samples that weigh as one; stops at `most`. */
static double weigh_as_one(const double *e, size_t n, double most)
{
    double variance = correlation(e, n, 0), sum = -1.0;
    size_t lag;
    if (!(variance > 0.0))
        return 1.0;
    for (lag = 0; lag + 1 < n && sum <= most; lag += 2) {
        double pair = (correlation(e, n, lag) + correlation(e, n, lag + 1)) / variance;
        if (!(pair > 0.0))
            break;
        sum += 2.0 * pair;
    }
    return sum > 1.0 ? sum : 1.0;
}

/* ---- one stretch ----------------------------------------------------------------- */

/* Bend and steps: of the four quarters' means, what is left of a parabola and of a cubic, against
 * what neighbouring blocks differ by. Both know nothing of the slope, and it nothing of them. */
static int straight(const blocks *b, double slope)
{
    double mean[4] = {0.0}, noise = 0.0, far = 0.0, bend, step;
    uint32_t i, quarter = b->n / 4;
    for (i = 0; i < b->n; i++) {
        mean[i / quarter] += b->x[i] / quarter;
        far = fabs(b->x[i]) > far ? fabs(b->x[i]) : far;
    }
    noise = (far * ROUNDING) * (far * ROUNDING);
    for (i = 1; i < b->n; i++) {
        double d = b->x[i] - b->x[i - 1] - slope * (b->t[i] - b->t[i - 1]);
        noise += d * d / (2.0 * (b->n - 1));
    }
    bend = mean[0] - mean[1] - mean[2] + mean[3];
    step = mean[3] - mean[0] + 3.0 * (mean[1] - mean[2]);
    return bend * bend <= CROOKED * CROOKED * noise * 4.0 / quarter && step * step <= CROOKED * CROOKED * noise * 20.0 / quarter;
}

static void fit(dura_trend *out, const series *s, double *room, double *e)
{
    double level = 1.0 - ALLOWED * (1.0 - out->level), half_level = 0.5 + 0.5 * level, most = (double)s->n / (PER_BLOCK * BLOCKS_LEAST), interval[2], at;
    blocks b;
    uint32_t i, n = s->n / 4 < BLOCKS_MOST ? (uint32_t)(s->n / 4) : BLOCKS_MOST;
    out->n = s->n;
    out->why = DURA_TREND_SHORT;
    if (s->n < (size_t)(PER_BLOCK * BLOCKS_LEAST))
        return;
    cut(&b, s, n, room);
    residuals(e, s, &b, room);
    out->independent = weigh_as_one(e, s->n, most);
    if (out->independent > most)
        return;
    n = (uint32_t)((double)s->n / (PER_BLOCK * out->independent) < BLOCKS_MOST ? (double)s->n / (PER_BLOCK * out->independent)
                                                                           : BLOCKS_MOST);
    n -= n % 4;
    cut(&b, s, n, room);
    out->blocks = n;
    out->slope = slopes(&b, 0, n, level, interval);
    out->low = interval[0];
    out->high = interval[1];
    out->why = straight(&b, out->slope) ? 0u : (uint32_t)DURA_TREND_BENT;
    for (out->middle = 0.0, i = 0; i < n; i++)
        out->middle += b.t[i] / n;
    (void)slopes(&b, 0, n, half_level, out->steep);
    at = level_at(&b, out->slope, out->middle, half_level, out->value);
    out->now = at + out->slope * (s->t[s->n - 1] - out->middle);
    (void)slopes(&b, 0, n, out->level > CLAIM ? level : 1.0 - ALLOWED * (1.0 - CLAIM), interval);
    if (out->why == 0 && interval[0] <= 0.0 && interval[1] >= 0.0) {
        out->why = DURA_TREND_NONE;
        out->level = out->level > CLAIM ? out->level : CLAIM;
        out->low = interval[0];
        out->high = interval[1];
    }
}

/* The longest straight stretch up to the end. */
static void fit_stretches(dura_trend *out, const series *s, double *room, double *e)
{
    const dura_trend blank = *out;
    uint32_t k, why = 0;
    for (k = 0; k < STRETCHES; k++) {
        series last;
        last.n = s->n >> k;
        last.t = s->t + (s->n - last.n);
        last.x = s->x + (s->n - last.n);
        *out = blank;
        fit(out, &last, room, e);
        out->from = last.n ? (uint64_t)last.t[0] : 0;
        out->last = last.n ? (uint64_t)last.t[last.n - 1] : 0;
        if (!(out->why & (uint32_t)(DURA_TREND_BENT | DURA_TREND_SHORT)))
            return;
        why |= out->why & (uint32_t)DURA_TREND_BENT;
    }
    *out = blank;
    out->n = s->n;
    out->why = why ? why : (uint32_t)DURA_TREND_SHORT;
}

/* ---- the calls ------------------------------------------------------------------- */

int dura_trend_fit(dura_trend *out, const float *x, const uint8_t *missing, size_t n, double level)
{
    dura_trend t = DURA_TREND_INIT;
    double *memory;
    series s;
    size_t i;
    t.level = fabs(level) <= 0.0 ? LEVEL_DEFAULT : level;
    if (!out || out->struct_size < sizeof *out || (!x && n) || !(t.level >= 0.5 && t.level <= 0.999) || n > SIZE_MAX / 64)
        return DURA_EINVAL;
    memory = malloc((4 * n + 1) * sizeof *memory);
    if (!memory)
        return DURA_ENOSPC;
    for (s.n = 0, i = 0; i < n; i++)
        if ((!missing || !missing[i]) && isfinite(x[i])) {
            memory[s.n] = (double)i;
            memory[n + s.n++] = (double)x[i];
        }
    s.t = memory;
    s.x = memory + n;
    fit_stretches(&t, &s, memory + 2 * n, memory + 3 * n);
    free(memory);
    memcpy(out, &t, sizeof t);
    return DURA_OK;
}

int dura_trend_reach(const dura_trend *t, double limit, double *at, double *low, double *high)
{
    double way, line, least, most, slope[2], value[2];
    if (!t || t->struct_size < sizeof *t || !at || !low || !high || !isfinite(limit))
        return DURA_EINVAL;
    line = t->now;
    way = t->slope > 0.0 ? 1.0 : -1.0;
    if (t->why != 0 || !(way * (limit - line) > 0.0))
        return 0;
    slope[0] = way > 0.0 ? t->steep[0] : -t->steep[1];      /* least, most, towards the limit */
    slope[1] = way > 0.0 ? t->steep[1] : -t->steep[0];
    value[0] = way * limit - (way > 0.0 ? t->value[1] : -t->value[0]);   /* least, most, yet to go */
    value[1] = way * limit - (way > 0.0 ? t->value[0] : -t->value[1]);
    *at = way * (limit - line) / (way * t->slope);
    least = t->middle + (value[0] > 0.0 ? value[0] / slope[1] : 0.0) - (double)t->last;
    most = slope[0] > 0.0 ? t->middle + value[1] / slope[0] - (double)t->last : INFINITY;
    *low = least > 0.0 ? least : 0.0;
    *high = most > *low ? most : *low;
    return 1;
}
