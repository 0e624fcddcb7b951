/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of the channels: high, low, rate, rest and age, each with the same share of the
 * trips that were asked for.
 *
 * First the tails of the first three quarters say where the limits would be, and the last
 * quarter says by what their margins would have had to be multiplied not to trip there
 * more often than expected: one factor for each kind of limit, since what an extrapolation
 * gets wrong (slow waves, heavy tails) it gets wrong for the channels of a plant alike.
 * Then the tails of the whole recording and those factors make the limits. No limit is
 * ever inside what the recording showed.
 */
#include "dura_host_learn_priv.h"

#include <stdlib.h>
#include <string.h>

#define REST_MOST 0.25          /* of the recording: a longer rest cannot be learned from it */
#define MS_MOST 4294967295.0    /* a policy's u32 */
#define STATES 2.0              /* times `still`: a span below it is that of a few states, not of a quantity */
#define STILL 1.5              /* times the smallest step: one step either way is noise of the converter */
#define FACTOR_MOST 4.0         /* a recording that needs more is not clean; said by name */

/* ---- stamps ---------------------------------------------------------------------------- */

static int rises_ns(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int median_step(const durai_recording *r, size_t rows, int64_t *out)
{
    size_t n = 0;
    int64_t *step = malloc(rows * sizeof *step);
    if (!step)
        return DURA_ENOSPC;
    for (size_t i = 1; i < rows; i++)
        if (r->t_ns[i] > r->t_ns[i - 1])
            step[n++] = r->t_ns[i] - r->t_ns[i - 1];
    if (n)
        qsort(step, n, sizeof *step, rises_ns);
    *out = n ? step[n / 2] : 0;
    free(step);
    return n ? DURA_OK : DURA_ETIME;
}

/* A recording with pauses every now and then has them when it runs, too: the gap is then
 * beyond the longest. One or two are a recording that was put together. */
static void find_gap(durai_clock *c, const durai_recording *r, size_t rows)
{
    int64_t most = 0;
    c->gap_ns = 5 * c->period_ns;
    for (size_t i = 1; i < rows; i++) {
        int64_t step = r->t_ns[i] - r->t_ns[i - 1];
        int64_t off = step > c->period_ns ? step - c->period_ns : c->period_ns - step;
        c->stamps += step <= 0;
        c->irregular += step > 0 && off > c->period_ns / 10;
        c->gaps += step > c->gap_ns;
        most = step > most ? step : most;
    }
    if (c->gaps > 2) {
        c->gap_ns = most + most / 2;
        c->gaps = 0;
    }
}

int durai_learn_clock(durai_clock *c, const durai_recording *r, size_t rows, int64_t period_ns)
{
    int rc = DURA_OK;
    memset(c, 0, sizeof *c);
    if (period_ns > 0)
        c->period_ns = period_ns;
    else
        rc = median_step(r, rows, &c->period_ns);
    if (rc != DURA_OK)
        return rc;
    find_gap(c, r, rows);
    for (size_t i = 1; i < rows; i++) {
        int64_t step = r->t_ns[i] - r->t_ns[i - 1];
        if (step > 0)
            c->seconds += (double)(step > c->gap_ns ? c->period_ns : step) * 1e-9;
    }
    return c->seconds > 0.0 ? DURA_OK : DURA_ETIME;
}

/* ---- series of one channel ------------------------------------------------------------------ */

/* The rows of one channel that are looked at. */
typedef struct rows {
    const float *v;
    const uint8_t *flag;
    const int64_t *t_ns;
    size_t n;
    int64_t gap_ns;
    double still;              /* a value that stays within this rests */
} rows;

static rows rows_of(const durai_recording *r, uint32_t channel, size_t from, size_t to, const durai_clock *c)
{
    size_t at = (size_t)channel * r->rows + from;
    rows w = {r->v + at, r->flag + at, r->t_ns + from, to - from, c->gap_ns, 0.0};
    return w;
}

static void values(durai_series *s, const rows *w, double sign)
{
    for (size_t i = 0; i < w->n; i++) {
        s->hole[i] = w->flag[i] != DURAI_HERE;
        s->y[i] = s->hole[i] ? 0.0 : sign * (double)w->v[i];
    }
    s->n = w->n;
}

/* |step| per second between a value and the last one that is there, as the sensor sees it. */
static void rates(durai_series *s, const rows *w)
{
    size_t last = SIZE_MAX;
    s->n = w->n;
    for (size_t i = 0; i < w->n; i++) {
        s->hole[i] = 1;
        s->y[i] = 0.0;
        if (w->flag[i] != DURAI_HERE)
            continue;
        int64_t dt = last == SIZE_MAX ? 0 : w->t_ns[i] - w->t_ns[last];
        if (dt > 0 && dt <= w->gap_ns) {
            double dx = (double)w->v[i] - (double)w->v[last];
            s->y[i] = (dx < 0.0 ? -dx : dx) / ((double)dt * 1e-9);
            s->hole[i] = 0;
        }
        last = i;
    }
}

/* Seconds of every rest: the value stays within the tolerance of where it began. */
static void rests(durai_series *s, const rows *w)
{
    size_t begin = SIZE_MAX, last = 0;
    s->n = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (w->flag[i] != DURAI_HERE)
            continue;
        double away = begin == SIZE_MAX ? 0.0 : (double)w->v[i] - (double)w->v[begin];
        int same = begin != SIZE_MAX && away <= w->still && -away <= w->still &&
                   w->t_ns[i] - w->t_ns[last] <= w->gap_ns;
        if (!same && begin != SIZE_MAX)
            s->y[s->n++] = (double)(w->t_ns[last] - w->t_ns[begin]) * 1e-9;
        begin = same ? begin : i;
        last = i;
    }
    if (begin != SIZE_MAX)
        s->y[s->n++] = (double)(w->t_ns[last] - w->t_ns[begin]) * 1e-9;
    memset(s->hole, 0, s->n);
}

/* Age of the last value at the end of every stretch without one. */
static void ages(durai_series *s, const rows *w)
{
    size_t last = SIZE_MAX;
    s->n = 0;
    for (size_t i = 0; i < w->n; i++) {
        int ends = i + 1 == w->n || w->flag[i + 1] != DURAI_MISSING;
        if (w->flag[i] == DURAI_HERE)
            last = i;
        else if (w->flag[i] == DURAI_MISSING && ends && last != SIZE_MAX && w->t_ns[i] > w->t_ns[last])
            s->y[s->n++] = (double)(w->t_ns[i] - w->t_ns[last]) * 1e-9;
    }
    memset(s->hole, 0, s->n);
}

static void series_of(durai_series *s, const rows *w, int kind)
{
    s->apart = s->merge = 0;
    switch (kind) {
    case DURAI_HI: values(s, w, 1.0); break;
    case DURAI_LO: values(s, w, -1.0); break;
    case DURAI_RATE: rates(s, w); break;
    case DURAI_FLAT: rests(s, w); break;
    default: ages(s, w); break;
    }
    if (kind <= DURAI_RATE) {
        size_t memory = durai_tail_memory(s);
        s->merge = DURAI_LEARN_RECOVER;
        s->apart = memory > s->merge ? memory : s->merge;
    }
}

static void fit_channel(durai_tail tail[DURAI_KINDS], durai_series *s, const rows *w)
{
    for (int kind = 0; kind < DURAI_KINDS; kind++) {
        series_of(s, w, kind);
        durai_tail_fit(&tail[kind], s, kind >= DURAI_FLAT ? DURAI_TAIL_LINEAR : DURAI_TAIL_GAUSS, kind >= DURAI_RATE);
    }
}

/* ---- what a channel is --------------------------------------------------------------------------- */

static void look_at_channel(durai_limits *l, const rows *w)
{
    size_t here = 0, last = 0, missing = 0;
    for (size_t i = 0; i < w->n; i++) {
        missing += w->flag[i] == DURAI_MISSING;
        l->nonfinite += w->flag[i] == DURAI_NONFINITE;
        if (w->flag[i] != DURAI_HERE)
            continue;
        double x = (double)w->v[i], step = here ? x - (double)w->v[last] : 0.0;
        l->seen_lo = here && l->seen_lo < x ? l->seen_lo : x;
        l->seen_hi = here && l->seen_hi > x ? l->seen_hi : x;
        step = step < 0.0 ? -step : step;
        if (step > 0.0 && (!(l->resolution > 0.0) || step < l->resolution))
            l->resolution = step;
        last = i;
        here++;
    }
    l->still = STILL * l->resolution;
    l->flags |= here == 0 ? (uint32_t)DURA_LEARN_EMPTY : 0;
    l->flags |= here && !(l->seen_hi > l->seen_lo) ? (uint32_t)DURA_LEARN_CONSTANT : 0;
    l->flags |= here && missing ? (uint32_t)DURA_LEARN_GAPS : 0;
    l->flags |= l->nonfinite ? (uint32_t)DURA_LEARN_NONFINITE : 0;
}

/* ---- limits --------------------------------------------------------------------------------------- */

/* What makes limits of tails. */
typedef struct share {
    double per_s;              /* of one limit */
    double factor[DURAI_KINDS];
} share;

/* 10^k <= x */
static double decade(double x)
{
    double d = 1.0;
    while (d > x && d > 1e-30)
        d /= 10.0;
    while (d * 10.0 <= x && d < 1e30)
        d *= 10.0;
    return d;
}

/* The next multiple of `grid` at or above x. */
static double round_up(double x, double grid)
{
    double k = x / grid;
    if (!(k < 1e15 && k > -1e15))
        return x;
    double whole = (double)(int64_t)k;
    if (whole < k)
        whole += 1.0;
    /* 0.001 is no binary number but 1000 is: 4.321 prints as 4.321 */
    return grid < 1.0 ? whole / (double)(int64_t)(1.0 / grid + 0.5) : whole * grid;
}

static double larger(double a, double b) { return a > b ? a : b; }

static void limit_range(durai_limits *l, const share *h)
{
    double hi = durai_tail_limit(&l->tail[DURAI_HI], h->per_s, h->factor[DURAI_HI]);
    double lo = durai_tail_limit(&l->tail[DURAI_LO], h->per_s, h->factor[DURAI_LO]);
    hi = larger(hi, l->seen_hi + l->resolution);
    lo = larger(lo, l->resolution - l->seen_lo);
    double grid = decade(hi + lo) / 1000.0;
    l->hi = round_up(hi, grid);
    l->lo = -round_up(lo, grid);
    l->expected += durai_tail_rate(&l->tail[DURAI_HI], l->hi, h->factor[DURAI_HI]);
    l->expected += durai_tail_rate(&l->tail[DURAI_LO], -l->lo, h->factor[DURAI_LO]);
}

static void limit_rate(durai_limits *l, const share *h)
{
    const durai_tail *t = &l->tail[DURAI_RATE];
    if (!t->used)
        return;
    double rate = larger(durai_tail_limit(t, h->per_s, h->factor[DURAI_RATE]), 1.05 * t->most);
    l->rate = round_up(rate, decade(rate) / 1000.0);
    l->expected += durai_tail_rate(t, l->rate, h->factor[DURAI_RATE]);
}

/* Nanoseconds, up to a whole millisecond, at least `least` periods beyond y. */
static int64_t duration(double y, int64_t period_ns, int periods, double most)
{
    int64_t ms = (int64_t)((larger(y, most) * 1e9 + (double)(periods * period_ns)) / 1e6) + 1;
    return ms * 1000000;
}

static void limit_rest(durai_limits *l, const share *h, const durai_clock *c)
{
    const durai_tail *t = &l->tail[DURAI_FLAT];
    if (l->seen_hi - l->seen_lo <= STATES * l->still) { /* on and off: it rests as long as its state lasts */
        l->flags |= DURA_LEARN_NO_FLAT;
        return;
    }
    double rest = durai_tail_limit(t, h->per_s, h->factor[DURAI_FLAT]);
    rest = larger(rest, 5e-9 * (double)c->period_ns);
    int64_t ns = duration(rest, c->period_ns, 2, t->most);
    if ((double)ns * 1e-9 > REST_MOST * c->seconds || (double)ns * 1e-6 > MS_MOST) {
        l->flags |= DURA_LEARN_NO_FLAT;
        return;
    }
    l->flat_ns = ns;
    l->expected += durai_tail_rate(t, (double)ns * 1e-9, h->factor[DURAI_FLAT]);
}

static void limit_age(durai_limits *l, const share *h, const durai_clock *c)
{
    const durai_tail *t = &l->tail[DURAI_AGE];
    if (!(l->flags & (uint32_t)DURA_LEARN_GAPS))
        return;
    double age = t->used ? durai_tail_limit(t, h->per_s, h->factor[DURAI_AGE]) : 0.0;
    int64_t ns = duration(age, c->period_ns, 1, t->most);
    l->age_ns = (double)ns * 1e-6 > MS_MOST ? (int64_t)MS_MOST * 1000000 : ns;
    if (t->used)
        l->expected += durai_tail_rate(t, (double)l->age_ns * 1e-9, h->factor[DURAI_AGE]);
}

static void limit_channel(durai_limits *l, const share *h, const durai_clock *c)
{
    limit_range(l, h);
    limit_rate(l, h);
    limit_rest(l, h, c);
    limit_age(l, h, c);
    for (int kind = 0; kind < DURAI_FLAT; kind++) {
        const durai_tail *t = &l->tail[kind];
        l->flags |= t->used && t->n > 0 && t->n < 5 ? (uint32_t)DURA_LEARN_SHORT : 0;
        l->flags |= t->used && t->n > 0 && t->form == DURAI_TAIL_LOG ? (uint32_t)DURA_LEARN_HEAVY : 0;
    }
    l->expected = l->expected * DURAI_LEARN_DAYS30;
    l->expected += (double)l->nonfinite / c->seconds * DURAI_LEARN_DAYS30;
}

/* ---- the held-out quarter ------------------------------------------------------------------------------ */

static int falls(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x < *y) - (*x > *y);
}

static int is_limited(const durai_limits *l)
{
    return (l->flags & (uint32_t)(DURA_LEARN_CONSTANT | DURA_LEARN_EMPTY)) == 0;
}

/* Largest number of the rows, of one kind; 0 when there is none. */
static int largest(durai_series *s, const rows *w, int kind, double *out)
{
    int any = 0;
    series_of(s, w, kind);
    for (size_t i = 0; i < s->n; i++)
        if (!s->hole[i] && (!any || s->y[i] > *out)) {
            *out = s->y[i];
            any = 1;
        }
    return any;
}

/* One factor per kind: what the last quarter needed, beyond the trips that were expected
 * in it anyway. needed has room for the channels. */
static void calibrate(share *h, durai_limits *l, const durai_recording *r, size_t n, const durai_clock *c,
                      durai_series *s, durai_tail (*tail)[DURAI_KINDS], double *needed, double asked)
{
    size_t cut = n - n / 4u, spared;
    s->seconds = 0.75 * c->seconds;
    for (uint32_t k = 0; k < r->n; k++) {
        rows w = rows_of(r, k, 0, cut, c);
        w.still = (double)(float)l[k].still;
        if (is_limited(&l[k]))
            fit_channel(tail[k], s, &w);
    }
    spared = (size_t)(asked / DURAI_LEARN_DAYS30 * 0.25 * c->seconds / DURAI_KINDS);
    for (int kind = 0; kind < DURAI_KINDS; kind++) {
        size_t m = 0;
        for (uint32_t k = 0; k < r->n; k++) {
            rows w = rows_of(r, k, cut, n, c);
            double y = 0.0;
            w.still = (double)(float)l[k].still;
            if (!is_limited(&l[k]) || !tail[k][kind].used || !largest(s, &w, kind, &y))
                continue;
            needed[m] = durai_tail_needed(&tail[k][kind], h->per_s, y);
            l[k].needed = larger(l[k].needed, needed[m++]);
        }
        if (m)
            qsort(needed, m, sizeof *needed, falls);
        h->factor[kind] = spared < m ? larger(1.0, needed[spared]) : 1.0;
        if (h->factor[kind] > FACTOR_MOST)
            h->factor[kind] = FACTOR_MOST;
    }
}

/* ---- all of it --------------------------------------------------------------------------------------------- */

static int allocate(durai_series *s, size_t n)
{
    memset(s, 0, sizeof *s);
    s->y = malloc(n * sizeof *s->y);
    s->work = malloc(n * sizeof *s->work);
    s->hole = malloc(n);
    return s->y && s->work && s->hole ? DURA_OK : DURA_ENOSPC;
}

static void free_series(durai_series *s)
{
    free(s->y);
    free(s->work);
    free(s->hole);
}

/* How many limits share the asked rate. */
static uint32_t count_limits(const durai_limits *l, uint32_t n)
{
    uint32_t limits = 0;
    for (uint32_t k = 0; k < n; k++)
        for (int kind = 0; is_limited(&l[k]) && kind < DURAI_KINDS; kind++)
            limits += l[k].tail[kind].used;
    return limits;
}

static double largest_factor(const share *h)
{
    double most = 1.0;
    for (int kind = 0; kind < DURAI_KINDS; kind++)
        most = larger(most, h->factor[kind]);
    return most;
}

int durai_learn_limits(durai_limits *l, const durai_recording *r, size_t n, const durai_clock *c,
                       const uint8_t *is_input, double asked, dura_learn_report *report)
{
    durai_series s;
    share h;
    int rc = allocate(&s, n);
    durai_tail (*tail)[DURAI_KINDS] = calloc(r->n, sizeof *tail);
    double *needed = malloc(r->n * sizeof *needed);
    if (rc == DURA_OK && (!tail || !needed))
        rc = DURA_ENOSPC;
    for (uint32_t k = 0; rc == DURA_OK && k < r->n; k++) {
        rows w = rows_of(r, k, 0, n, c);
        look_at_channel(&l[k], &w);
        w.still = (double)(float)l[k].still;
        s.seconds = c->seconds;
        if (is_limited(&l[k]))
            fit_channel(l[k].tail, &s, &w);
        if (is_limited(&l[k]) || is_input[k])
            l[k].flags |= DURA_LEARN_REQUIRED;
    }
    if (rc == DURA_OK) {
        report->limits = count_limits(l, r->n);
        h.per_s = asked / DURAI_LEARN_DAYS30 / (report->limits ? report->limits : 1u);
        calibrate(&h, l, r, n, c, &s, tail, needed, asked);
        report->factor = largest_factor(&h);
        for (uint32_t k = 0; k < r->n; k++)
            if (is_limited(&l[k]))
                limit_channel(&l[k], &h, c);
    }
    free(needed);
    free(tail);
    free_series(&s);
    return rc;
}
