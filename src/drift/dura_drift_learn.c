/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift_learn.c - a reference from clean samples, and what it cannot promise.
 *
 * Autocovariances, Levinson's recursion (the Yule-Walker equations, always stationary)
 * for orders 0..4, the order with the least Akaike criterion, the deviation of what is
 * left. Sums are in double: +, -, *, / alone, so the result is the same on every target;
 * nothing here is linked where references arrive learned.
 *
 * What n samples leave open (mean and deviation within a standard error or two) is not
 * added to the deviation here: attach() allows for it, knowing n.
 */
#include "dura_drift_priv.h"

enum { LAGS = 10, LEAST = 8 };          /* residual lags looked at; samples needed */
#define SAMPLES_LEAST 1000.0            /* below: SHORT */
#define EFFECTIVE_LEAST 250.0           /* and so many that know nothing of each other */
#define BOX_LEAST 36.0                  /* n sum rho^2 over 10 lags: once in 10^4 by chance */
#define RHO2_LEAST 0.005                /* and as much that it matters */
#define TAILS_LEAST 1.0                 /* excess kurtosis */
#define TREND_LEAST 4.0                 /* standard errors between the halves' means */
#define TWO_80 1208925819614629174706176.0f
#define TWO_160 1461501637330902918203684832716283019655932542976.0
#define CLIP_CALM 4.0f                  /* a lone spike of any size is no proof of anything */
#define CLIP_TAILS 3.0f

/* The samples that are there, in order; of a held channel those that differ from the
 * one before. */
typedef struct reader {
    const float *x;
    const uint8_t *missing;
    size_t n, at;
    int held, begun;
    float last;
} reader;

static int next(reader *r, double *out)
{
    for (; r->at < r->n; r->at++) {
        float x = r->x[r->at];
        if (r->missing && r->missing[r->at])
            continue;
        if (r->held && r->begun && !(x < r->last || x > r->last))
            continue;
        r->last = x;
        r->begun = 1;
        r->at++;
        *out = (double)x;
        return 1;
    }
    return 0;
}

static void begin(reader *r)
{
    r->at = 0;
    r->begun = 0;
}

/* What the first pass finds. */
typedef struct first_look {
    size_t n, still;            /* samples; steps of exactly 0 */
    double mean;
    double least;               /* smallest step that is not 0; 0: there is none */
} first_look;

static DURAI_NOINLINE void look_once(first_look *f, reader *in)
{
    double x, was = 0.0, sum = 0.0;
    memset(f, 0, sizeof *f);
    begin(in);
    while (next(in, &x)) {
        double step = x < was ? was - x : x - was;
        sum += x;
        if (f->n > 0 && !(step > 0.0))
            f->still++;
        else if (f->n > 0 && (!(f->least > 0.0) || step < f->least))
            f->least = step;
        was = x;
        f->n++;
    }
    f->mean = f->n > 0 ? sum / (double)f->n : 0.0;
}

/* Sums of products of the deviations at lags 0..order, over n. */
static DURAI_NOINLINE void covariances(double *cov, uint32_t order, reader *in, const first_look *f)
{
    double past[DURA_DRIFT_ORDER_MAX + 1] = {0}, x;
    uint32_t k;
    memset(cov, 0, (DURA_DRIFT_ORDER_MAX + 1) * sizeof *cov);
    begin(in);
    while (next(in, &x)) {
        for (k = order; k > 0; k--)
            past[k] = past[k - 1u];
        past[0] = x - f->mean;
        for (k = 0; k <= order; k++)    /* zeros before the first sample add nothing */
            cov[k] += past[0] * past[k];
    }
    for (k = 0; k <= order; k++)
        cov[k] /= (double)f->n;
}

/* Levinson's recursion up to `order`; the fit with the least n ln(variance) + 2 order. */
static DURAI_NOINLINE void fit(float best[DURA_DRIFT_ORDER_MAX], const double *cov, uint32_t order, size_t n)
{
    double a[DURA_DRIFT_ORDER_MAX] = {0}, b[DURA_DRIFT_ORDER_MAX], left = cov[0];
    float least = 0.0f;
    uint32_t i, m;
    memset(best, 0, DURA_DRIFT_ORDER_MAX * sizeof *best);
    for (m = 0; m < order && left > 0.0; m++) {
        double k = cov[m + 1u];
        float score;
        for (i = 0; i < m; i++)
            k -= a[i] * cov[m - i];
        k /= left;
        if (!(k > -0.9999 && k < 0.9999))       /* no float holds what lies beyond */
            return;
        for (i = 0; i < m; i++)
            b[i] = a[i] - k * a[m - 1u - i];
        b[m] = k;
        memcpy(a, b, (m + 1u) * sizeof *a);
        left *= 1.0 - k * k;
        score = (float)n * durai_log((float)(left / cov[0])) + 2.0f * (float)(m + 1u);
        if (score < least) {
            least = score;
            for (i = 0; i <= m; i++)
                best[i] = (float)a[i];
        }
    }
}

/* The autoregression; the autocorrelation at lag 1 comes back. */
static DURAI_NOINLINE double regress(float phi[DURA_DRIFT_ORDER_MAX], uint32_t order, reader *in,
                                     const first_look *f)
{
    double cov[DURA_DRIFT_ORDER_MAX + 1];
    covariances(cov, order > 0 ? order : 1u, in, f);
    fit(phi, cov, order, f->n);
    return cov[1] / cov[0];
}

/* Sums over what the autoregression leaves. */
typedef struct residue {
    size_t n;
    double half[2], square, fourth, product[LAGS];
} residue;

static DURAI_NOINLINE void look_twice(residue *s, reader *in, const first_look *f, const float *phi,
                                      uint32_t order)
{
    float past[DURA_DRIFT_ORDER_MAX] = {0}, left[LAGS] = {0};     /* floats: half the stack */
    double x;
    size_t seen = 0;
    uint32_t k;
    memset(s, 0, sizeof *s);
    begin(in);
    while (next(in, &x)) {
        double y = x - f->mean, r = y;
        for (k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
            r -= (double)phi[k] * (double)past[k];
        memmove(past + 1, past, (DURA_DRIFT_ORDER_MAX - 1u) * sizeof *past);
        past[0] = (float)y;
        if (seen++ < order)
            continue;
        s->half[seen > f->n / 2u] += r;
        s->square += r * r;
        s->fourth += r * r * r * r;
        for (k = 0; k < LAGS; k++)
            s->product[k] += r * (double)left[k];
        memmove(left + 1, left, (LAGS - 1u) * sizeof *left);
        left[0] = (float)r;
        s->n++;
    }
}

/* The reasons that lie in the residue. */
static uint32_t doubts(const residue *s)
{
    double n = (double)s->n, rho2 = 0.0, gap = (s->half[1] - s->half[0]) / n * 2.0;
    uint32_t k, why = 0;
    for (k = 0; k < LAGS; k++)
        rho2 += (s->product[k] / s->square) * (s->product[k] / s->square);
    if (n * rho2 > BOX_LEAST && rho2 > RHO2_LEAST)
        why |= DURA_DRIFT_CORRELATED;
    if (n * s->fourth > (3.0 + TAILS_LEAST) * s->square * s->square)
        why |= DURA_DRIFT_TAILS;
    /* Variance of the difference of the halves' means: 4 square / n^2. */
    if (gap * gap * n * n > TREND_LEAST * TREND_LEAST * 4.0 * s->square)
        why |= DURA_DRIFT_TREND;
    return why;
}

static uint32_t order_found(const float *phi)
{
    uint32_t m = DURA_DRIFT_ORDER_MAX;
    while (m > 0 && (durai_f32_bits(phi[m - 1u]) & 0x7FFFFFFFu) == 0)
        m--;
    return m;
}

/* The root of a variance beyond a float's range as well: samples are floats, squares are not. */
static float deviation_of(double variance)
{
    if (variance > 1e36)
        return durai_sqrt((float)(variance / TWO_160)) * TWO_80;
    if (variance < 1e-30)
        return durai_sqrt((float)(variance * TWO_160)) / TWO_80;
    return durai_sqrt((float)variance);
}

/* What is learned from the residue. */
static DURAI_NOINLINE void conclude(dura_drift_reference *out, reader *in, const first_look *f, double rho)
{
    residue s;
    look_twice(&s, in, f, out->phi, order_found(out->phi));
    DURA_ASSERT(s.n + DURA_DRIFT_ORDER_MAX >= f->n);
    out->deviation = deviation_of(s.square / (double)s.n);
    out->why |= doubts(&s);
    if ((double)f->n < SAMPLES_LEAST || (double)f->n * (1.0 - rho) < EFFECTIVE_LEAST * (1.0 + rho))
        out->why |= DURA_DRIFT_SHORT;
    if (out->why & (uint32_t)DURA_DRIFT_TAILS)
        out->clip = CLIP_TAILS;
}

/* All samples that are there are finite; their number. */
static int usable(const float *x, const uint8_t *missing, size_t n, size_t *present)
{
    size_t i;
    *present = 0;
    for (i = 0; i < n; i++) {
        if (missing && missing[i])
            continue;
        if (!durai_finite(x[i]))
            return 0;
        ++*present;
    }
    return 1;
}

/* All samples that are there lie in 0..1. */
static int in_unit(const float *x, const uint8_t *missing, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++)
        if (!(missing && missing[i]) && (x[i] < 0.0f || x[i] > 1.0f))
            return 0;
    return 1;
}

int dura_drift_learn(dura_drift_reference *out, const float *x, const uint8_t *missing, size_t n,
                     uint32_t order)
{
    reader in = {x, missing, n, 0, 0, 0, 0.0f};
    first_look f;
    size_t present;
    uint32_t size, bounded = order & DURA_DRIFT_BOUNDED;
    if (!out || out->struct_size < DRIFT_REFERENCE_V1 || !x || !usable(x, missing, n, &present))
        return DURA_EINVAL;
    if (bounded ? order != bounded || !in_unit(x, missing, n) : order > DURA_DRIFT_ORDER_MAX)
        return DURA_EINVAL;
    if (present < LEAST)
        return DURA_ENOENT;
    size = out->struct_size < sizeof *out ? out->struct_size : (uint32_t)sizeof *out;
    memset(out, 0, size);       /* in place: a copy would be on the deepest stack of the core */
    out->struct_size = size;
    look_once(&f, &in);
    if (!bounded && 2u * f.still > f.n - 1u && f.n - f.still >= LEAST) {
        out->why = DURA_DRIFT_HELD;
        in.held = 1;
        out->hold = (float)f.n / (float)(f.n - f.still);
        look_once(&f, &in);
    }
    out->n = f.n < UINT32_MAX ? (uint32_t)f.n : UINT32_MAX;
    out->mean = (float)f.mean;
    out->resolution = f.least < 3e38 ? (float)f.least : 3e38f;
    out->clip = CLIP_CALM;
    if (!(f.least > 0.0)) {
        out->why |= (uint32_t)DURA_DRIFT_CONSTANT;
        return DURA_OK;
    }
    conclude(out, &in, &f, regress(out->phi, bounded ? 0 : order, &in, &f));
    if (bounded) {
        out->why &= ~(uint32_t)DURA_DRIFT_TAILS;   /* bets ask for no shape */
        out->clip = 0.0f;
        out->high = 1.0f;
    }
    return DURA_OK;
}
