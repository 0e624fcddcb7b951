/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_host_mspc.c - a basis for T2 and SPE from clean frames.
 *
 * Correlation matrix, cyclic Jacobi rotations (Golub and Van Loan, 8.5), components by
 * share of variance. Doubles, +, -, * and / alone, in a stated order: the same basis
 * everywhere, and no libm. The sign of a component is such that its
 * largest loading is positive.
 *
 * The two cube roots are standardised by what they are on rows left out: five stretches,
 * not every fifth row, as neighbours in time know each other.
 */
#include "../base/dura_base_priv.h"

#include <dura/host/mspc.h>

#include <math.h> /* fabs, which needs no library */
#include <stdio.h>
#include <stdlib.h>

enum { FOLDS = 5, SWEEPS = 60, ROWS_A_CHANNEL = 4 };
#define RESIDUE_LEAST 1e-4      /* share of the variance that must be left for SPE */
#define LIMIT_ROWS 100000000u

typedef struct model {
    uint32_t n, k;
    double *mean, *scale;       /* n: scale is 1 / deviation */
    double *matrix;             /* n x n: correlations, then what the rotations leave */
    double *vector;             /* n x n, row a is component a after sort */
    double *value;              /* n, falling */
    double residue;             /* sum of the values behind k */
} model;

typedef struct frames {
    const float *x;
    size_t rows;
    uint32_t n;
    size_t from, to;            /* left out */
} frames;

/* Newton's steps from a root in single precision; x is brought into its range first. */
static double root2(double x)
{
    double back = 1.0, y;
    if (!(x > 0.0) || x > 1e300)
        return x > 0.0 ? x : 0.0;
    for (; x > 1e30; x *= 0x1p-60)
        back *= 0x1p30;
    for (; x < 1e-30; x *= 0x1p60)
        back *= 0x1p-30;
    y = (double)durai_sqrt((float)x);
    y = 0.5 * (y + x / y);
    y = 0.5 * (y + x / y);
    return y * back;
}

static int model_alloc(model *m, uint32_t n)
{
    double *p = calloc((size_t)2 * n * n + (size_t)3 * n, sizeof *p);
    memset(m, 0, sizeof *m);
    if (!p)
        return DURA_ENOSPC;
    m->n = n;
    m->matrix = p;
    m->vector = p + (size_t)n * n;
    m->mean = m->vector + (size_t)n * n;
    m->scale = m->mean + n;
    m->value = m->scale + n;
    return DURA_OK;
}

static void model_free(model *m)
{
    free(m->matrix);
    m->matrix = NULL;
}

static int left_out(const frames *f, size_t row)
{
    return row >= f->from && row < f->to;
}

static size_t rows_used(const frames *f)
{
    return f->rows - (f->to - f->from);
}

/* Means and 1 / deviations; the first channel that never moves, or n. */
static uint32_t standardise(model *m, const frames *f)
{
    double count = (double)rows_used(f);
    uint32_t j;
    for (j = 0; j < m->n; j++) {
        double sum = 0.0, square = 0.0, deviation;
        size_t i;
        for (i = 0; i < f->rows; i++)
            sum += left_out(f, i) ? 0.0 : (double)f->x[i * m->n + j];
        m->mean[j] = sum / count;
        for (i = 0; i < f->rows; i++) {
            double d = left_out(f, i) ? 0.0 : (double)f->x[i * m->n + j] - m->mean[j];
            square += d * d;
        }
        deviation = root2(square / (count - 1.0));
        if (!(deviation > fabs(m->mean[j]) * 1e-7) || !(deviation > 1e-30) || !(deviation < 1e30))
            return j;
        m->scale[j] = 1.0 / deviation;
    }
    return m->n;
}

static void correlate(model *m, const frames *f, double *row)
{
    double count = (double)rows_used(f);
    uint32_t a, b, n = m->n;
    size_t i;
    memset(m->matrix, 0, (size_t)n * n * sizeof(double));
    for (i = 0; i < f->rows; i++) {
        if (left_out(f, i))
            continue;
        for (a = 0; a < n; a++)
            row[a] = ((double)f->x[i * n + a] - m->mean[a]) * m->scale[a];
        for (a = 0; a < n; a++)
            for (b = 0; b <= a; b++)
                m->matrix[a * n + b] += row[a] * row[b];
    }
    for (a = 0; a < n; a++)
        for (b = 0; b <= a; b++)
            m->matrix[a * n + b] = m->matrix[b * n + a] = m->matrix[a * n + b] / (count - 1.0);
}

/* One rotation that makes element (p, q) 0. Rows of `vector` are turned along. */
static void rotate(model *m, uint32_t p, uint32_t q)
{
    uint32_t i, n = m->n;
    double *a = m->matrix, *v = m->vector, apq = a[p * n + q], t, c, s;
    double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    t = (theta < 0.0 ? -1.0 : 1.0) / (fabs(theta) + root2(theta * theta + 1.0));
    c = 1.0 / root2(t * t + 1.0);
    s = t * c;
    for (i = 0; i < n; i++) {
        double x = a[i * n + p], y = a[i * n + q];
        a[i * n + p] = c * x - s * y;
        a[i * n + q] = s * x + c * y;
    }
    for (i = 0; i < n; i++) {
        double x = a[p * n + i], y = a[q * n + i];
        a[p * n + i] = c * x - s * y;
        a[q * n + i] = s * x + c * y;
    }
    for (i = 0; i < n; i++) {
        double x = v[p * n + i], y = v[q * n + i];
        v[p * n + i] = c * x - s * y;
        v[q * n + i] = s * x + c * y;
    }
}

static void decompose(model *m)
{
    uint32_t p, q, sweep, n = m->n;
    memset(m->vector, 0, (size_t)n * n * sizeof(double));
    for (p = 0; p < n; p++)
        m->vector[p * n + p] = 1.0;
    for (sweep = 0; sweep < SWEEPS; sweep++) {
        double off = 0.0;
        for (p = 0; p < n; p++)
            for (q = p + 1; q < n; q++)
                off += m->matrix[p * n + q] * m->matrix[p * n + q];
        if (off < 1e-22 * n)
            break;
        for (p = 0; p < n; p++)
            for (q = p + 1; q < n; q++)
                if (fabs(m->matrix[p * n + q]) > 1e-15)
                    rotate(m, p, q);
    }
    for (p = 0; p < n; p++)
        m->value[p] = m->matrix[p * n + p] > 0.0 ? m->matrix[p * n + p] : 0.0;
}

static void swap_components(model *m, uint32_t a, uint32_t b)
{
    double t = m->value[a];
    uint32_t i;
    m->value[a] = m->value[b];
    m->value[b] = t;
    for (i = 0; i < m->n; i++) {
        t = m->vector[a * m->n + i];
        m->vector[a * m->n + i] = m->vector[b * m->n + i];
        m->vector[b * m->n + i] = t;
    }
}

/* Falling values, largest loading of each component positive. */
static void sort(model *m)
{
    uint32_t a, b, i, n = m->n;
    for (a = 0; a < n; a++) {
        uint32_t best = a, top = 0;
        double sign, *v = m->vector + (size_t)a * n;
        for (b = a + 1; b < n; b++)
            best = m->value[b] > m->value[best] ? b : best;
        if (best != a)
            swap_components(m, a, best);
        for (i = 1; i < n; i++)
            top = fabs(v[i]) > fabs(v[top]) ? i : top;
        sign = v[top] < 0.0 ? -1.0 : 1.0;
        for (i = 0; i < n; i++)
            v[i] *= sign;
    }
}

static void hold(model *m, uint32_t k)
{
    uint32_t a;
    m->k = k;
    m->residue = 0.0;
    for (a = k; a < m->n; a++)
        m->residue += m->value[a];
}

/* The number of components; 0 when nothing would be left outside of them. */
static uint32_t choose(model *m, const dura_mspc_options *o)
{
    double share = o->share > 0.0 ? o->share : 0.9, sum = 0.0;
    uint32_t k = 0;
    while (k < m->n && k < DURA_MSPC_COMPONENTS_MAX && (o->components ? k < o->components : sum < share * m->n))
        sum += m->value[k++];
    hold(m, k < m->n ? k : m->n - 1u);
    return m->residue >= RESIDUE_LEAST * m->n && m->value[m->k - 1u] >= 1e-5 ? m->k : 0;
}

/* T2 / k and SPE of one row, before their roots. */
static void measure(const model *m, const float *x, double *row, double *t2, double *spe)
{
    uint32_t a, j, n = m->n;
    double in = 0.0, out = 0.0, kept = 0.0;
    for (j = 0; j < n; j++) {
        row[j] = ((double)x[j] - m->mean[j]) * m->scale[j];
        out += row[j] * row[j];
    }
    for (a = 0; a < m->k; a++) {
        double t = 0.0;
        for (j = 0; j < n; j++)
            t += m->vector[a * n + j] * row[j];
        in += t * t / m->value[a];
        kept += t * t;
    }
    *t2 = in / m->k;
    *spe = out > kept ? out - kept : 0.0;
}

static int fit(model *m, const frames *f, double *row)
{
    uint32_t still = standardise(m, f);
    if (still < m->n)
        return (int)still + 1;
    correlate(m, f, row);
    decompose(m);
    sort(m);
    return DURA_OK;
}

/* A cube root from +, -, *, / alone: a C library's may differ. */
static double root3(double x)
{
    double y = (double)durai_cbrt((float)x);
    if (!(x > 1e-30))
        return 0.0;
    y -= (y - x / (y * y)) / 3.0;
    return y;
}

/* The roots of every row under a basis made without its fifth. */
static int cross(const frames *all, uint32_t k, double residue, double *row, double *t2, double *spe)
{
    model m;
    uint32_t fold;
    int rc = model_alloc(&m, all->n);
    for (fold = 0; fold < FOLDS && rc == DURA_OK; fold++) {
        frames f = *all;
        size_t i;
        f.from = all->rows * fold / FOLDS;
        f.to = all->rows * (fold + 1u) / FOLDS;
        rc = fit(&m, &f, row);
        hold(&m, k);
        for (i = f.from; rc == DURA_OK && i < f.to; i++) {
            measure(&m, all->x + i * all->n, row, &t2[i], &spe[i]);
            t2[i] = root3(t2[i]);
            spe[i] = root3(spe[i] / residue);
        }
        if (rc == DURA_OK && !(m.value[k - 1u] > 0.0))
            rc = DURA_ELIMIT;
    }
    model_free(&m);
    return rc;
}

static void center(const double *x, size_t rows, float *mean, float *deviation)
{
    double sum = 0.0, square = 0.0;
    size_t i;
    for (i = 0; i < rows; i++)
        sum += x[i];
    sum /= (double)rows;
    for (i = 0; i < rows; i++)
        square += (x[i] - sum) * (x[i] - sum);
    *mean = (float)sum;
    *deviation = (float)root2(square / (double)(rows - 1u));
}

static int publish(dura_mspc_learned *out, const model *m, size_t rows, const double *t2, const double *spe)
{
    size_t count = DURA_MSPC_VALUES(m->n, m->k), at = 0, i;
    float *v = malloc((count + 2u * rows) * sizeof *v), *figure = v + count - 5u;
    uint32_t a, j;
    if (!v)
        return DURA_ENOSPC;
    for (j = 0; j < m->n; j++)
        v[at++] = (float)m->mean[j];
    for (j = 0; j < m->n; j++)
        v[at++] = (float)m->scale[j];
    for (a = 0; a < m->k; a++)
        v[at++] = (float)m->value[a];
    for (i = 0; i < (size_t)m->k * m->n; i++)
        v[at++] = (float)m->vector[i];
    figure[0] = (float)m->residue;
    center(t2, rows, &figure[1], &figure[2]);
    center(spe, rows, &figure[3], &figure[4]);
    out->t2 = v + count;
    out->spe = out->t2 + rows;
    for (i = 0; i < rows; i++) {
        out->t2[i] = ((float)t2[i] - figure[1]) / figure[2];
        out->spe[i] = ((float)spe[i] - figure[3]) / figure[4];
    }
    out->rows = (uint32_t)rows;
    out->share = 1.0 - m->residue / m->n;
    out->basis.n_channels = (uint16_t)m->n;
    out->basis.n_components = (uint16_t)m->k;
    out->basis.n_values = (uint32_t)count;
    out->basis.values = v;
    return DURA_OK;
}

static int check(const float *x, size_t rows, uint32_t n, const dura_mspc_options *o, dura_error *err)
{
    char field[48];
    size_t i, least = (size_t)n * ROWS_A_CHANNEL > DURA_MSPC_ROWS_MIN ? (size_t)n * ROWS_A_CHANNEL : DURA_MSPC_ROWS_MIN;
    if (!x || n < 2 || n > DURA_MSPC_CHANNELS_MAX || rows > LIMIT_ROWS)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "channels", "2..%d channels are wanted", DURA_MSPC_CHANNELS_MAX);
    if (o->components >= n || o->components > DURA_MSPC_COMPONENTS_MAX)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "components", "fewer components than channels are wanted, %d at most",
                              DURA_MSPC_COMPONENTS_MAX);
    if (o->share != 0.0 && !(o->share >= 0.1 && o->share <= 0.999))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "share", "a share of the variance is 0.1 to 0.999");
    if (rows < least)
        return dura_error_set(err, DURA_ENOENT, NULL, 0, "rows", "%zu rows are too few for %u channels: %zu are wanted",
                              rows, n, least);
    for (i = 0; i < rows * n; i++)
        if (!durai_finite(x[i])) {
            snprintf(field, sizeof field, "channels[%u]", (unsigned)(i % n));
            return dura_error_set(err, DURA_EINVAL, NULL, (uint32_t)(i / n + 1u), field, "not a finite number: leave the row out");
        }
    return DURA_OK;
}

/* A code of fit(): below zero it is one already, above the channel that never moves. */
static int told(int rc, dura_error *err)
{
    char field[48];
    if (rc == DURA_ENOSPC)
        return dura_error_set(err, rc, NULL, 0, NULL, "out of memory");
    if (rc == DURA_ELIMIT)
        return dura_error_set(err, rc, NULL, 0, "components", "the components hold everything: leave out channels that are "
                              "copies of others, or ask for fewer components");
    if (rc <= 0)
        return rc;
    snprintf(field, sizeof field, "channels[%d]", rc - 1);
    return dura_error_set(err, DURA_EINVAL, NULL, 0, field, "never moves, in the recording or in four fifths of it: leave it out");
}

int dura_mspc_learn(dura_mspc_learned *out, const float *values, size_t rows, uint32_t channels,
                    const dura_mspc_options *options, dura_error *err)
{
    dura_mspc_options o = DURA_MSPC_OPTIONS_INIT;
    dura_mspc_learned fresh = DURA_MSPC_LEARNED_INIT;
    frames all = {values, rows, channels, 0, 0};
    model m;
    double *work;
    int rc;
    if (!out || out->struct_size != sizeof *out)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "start from DURA_MSPC_LEARNED_INIT");
    if (options) {
        rc = durai_struct_in(&o, (uint32_t)sizeof o, options, options->struct_size, (uint32_t)sizeof o);
        if (rc < 0)
            return dura_error_set(err, rc, NULL, 0, NULL, "start from DURA_MSPC_OPTIONS_INIT");
    }
    rc = check(values, rows, channels, &o, err);
    if (rc < 0)
        return rc;
    work = malloc((2u * rows + channels) * sizeof *work);
    rc = model_alloc(&m, channels);
    if (rc == DURA_OK && !work)
        rc = DURA_ENOSPC;
    if (rc == DURA_OK)
        rc = fit(&m, &all, work + 2u * rows);
    if (rc == DURA_OK && choose(&m, &o) == 0)
        rc = DURA_ELIMIT;
    if (rc == DURA_OK)
        rc = cross(&all, m.k, m.residue, work + 2u * rows, work, work + rows);
    if (rc == DURA_OK)
        rc = publish(&fresh, &m, rows, work, work + rows);
    model_free(&m);
    free(work);
    if (rc != DURA_OK)
        return told(rc, err);
    *out = fresh;
    return DURA_OK;
}

void dura_mspc_learned_deinit(dura_mspc_learned *learned)
{
    dura_mspc_learned fresh = DURA_MSPC_LEARNED_INIT;
    if (!learned)
        return;
    free((void *)(uintptr_t)learned->basis.values);
    *learned = fresh;
}
