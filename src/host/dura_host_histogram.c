/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_host_histogram.c - bins of about equal probability, and whether a rate can be
 * promised with them.
 *
 * Dependence is looked for in the bins, not in the samples, so that it is seen for any
 * distribution: autocorrelation over ten lags of the bin's number and of its distance from
 * the middle (spread that comes in clusters), n x sum of rho^2 against chi squared of 10; the
 * two halves by the chi squared of their counts.
 */
#include "../base/dura_base_priv.h"

#include <dura/host/histogram.h>

#include <math.h> /* fabs, which needs no library */
#include <stdlib.h>

enum { LAGS = 10, LEAST_IN_BIN = 10, PROMISE = 1000 };
#define CHI10_MOST 36.0         /* exceeded by chance once in 10^4 */

static int rising(const void *a, const void *b)
{
    float x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* A number above lo, not above hi. */
static float between(float lo, float hi)
{
    float mid = lo * 0.5f + hi * 0.5f;
    return mid > lo && mid <= hi ? mid : hi;
}

/* The cut nearest to `at` where the sorted values step, in (from, to]; 0 when there is none. */
static size_t step_near(const float *x, size_t at, size_t from, size_t to)
{
    size_t off;
    for (off = 0; off <= to; off++) {
        if (at >= from + off && at - off > 0 && at - off <= to && x[at - off] > x[at - off - 1])
            return at - off;
        if (at + off >= from && at + off <= to && x[at + off] > x[at + off - 1])
            return at + off;
    }
    return 0;
}

/* Edges and probabilities from n sorted values. */
static void cut(dura_histogram_reference *r, const float *x, size_t n, uint32_t bins)
{
    size_t least = n / 500u > LEAST_IN_BIN ? n / 500u : LEAST_IN_BIN, last = 0, at;
    uint32_t i, made = 0;
    for (i = 1; i < bins && last + 2u * least <= n; i++) {
        size_t target = n * i / bins;
        if (target < last + least)
            continue;
        at = step_near(x, target, last + least, n - least);
        if (at == 0)
            break;
        r->edge[made] = between(x[at - 1], x[at]);
        r->p[made++] = (float)(at - last) / (float)n;
        last = at;
    }
    r->p[made++] = (float)(n - last) / (float)n;
    r->n_bins = (uint16_t)made;
}

static uint32_t bin_of(const dura_histogram_reference *r, float x)
{
    uint32_t i, b = 0;
    for (i = 0; i + 1u < r->n_bins; i++)
        b += (uint32_t)(x >= r->edge[i]);
    return b;
}

/* n x sum of squared autocorrelations over the lags. */
static double dependence(const double *y, size_t n)
{
    double mean = 0.0, square = 0.0, sum = 0.0;
    size_t i, lag;
    for (i = 0; i < n; i++)
        mean += y[i];
    mean /= (double)n;
    for (i = 0; i < n; i++)
        square += (y[i] - mean) * (y[i] - mean);
    for (lag = 1; lag <= LAGS && square > 0.0; lag++) {
        double rho = 0.0;
        for (i = lag; i < n; i++)
            rho += (y[i] - mean) * (y[i - lag] - mean);
        rho /= square;
        sum += rho * rho;
    }
    return (double)n * sum;
}

static int halves_differ(const dura_histogram_reference *r, const double *bin, size_t n)
{
    double count[2][DURA_HISTOGRAM_BINS_MAX] = {{0}}, chi = 0.0, free = r->n_bins - 1.0;
    size_t i, half = n / 2u;
    uint32_t b;
    for (i = 0; i < 2u * half; i++)
        count[i >= half][(uint32_t)bin[i]] += 1.0;
    for (b = 0; b < r->n_bins; b++) {
        double d = count[0][b] - count[1][b], sum = count[0][b] + count[1][b];
        chi += sum > 0.0 ? d * d / sum : 0.0;
    }
    return chi > free + 5.0 * (double)durai_sqrt((float)(2.0 * free));
}

/* x: the samples in order; work: room for n. */
static uint16_t reasons(const dura_histogram_reference *r, const float *x, double *work, size_t n)
{
    uint16_t why = n < PROMISE ? DURA_HISTOGRAM_SHORT : 0;
    double middle = (r->n_bins - 1) * 0.5;
    size_t i;
    for (i = 0; i < n; i++)
        work[i] = bin_of(r, x[i]);
    if (halves_differ(r, work, n))
        why |= DURA_HISTOGRAM_TREND;
    if (dependence(work, n) > CHI10_MOST)
        why |= DURA_HISTOGRAM_CORRELATED;
    for (i = 0; i < n; i++)
        work[i] = fabs(work[i] - middle);
    if (dependence(work, n) > CHI10_MOST)
        why |= DURA_HISTOGRAM_CORRELATED;
    return why;
}

/* The samples that are there, to `to`; their number, or n + 1 when one is not finite. */
static size_t gather(float *to, const float *x, const uint8_t *missing, size_t n)
{
    size_t i, count = 0;
    for (i = 0; i < n; i++) {
        if (missing && missing[i])
            continue;
        if (!durai_finite(x[i]) || x[i] > 1e38f || x[i] < -1e38f)
            return n + 1u;
        to[count++] = x[i];
    }
    return count;
}

static int learn(dura_histogram_reference *r, float *order, float *sorted, size_t n, uint32_t bins, dura_error *err)
{
    double *work;
    if (n < DURA_HISTOGRAM_ROWS_MIN)
        return dura_error_set(err, DURA_ENOENT, NULL, 0, "rows", "%zu samples are too few: %u are wanted", n,
                              DURA_HISTOGRAM_ROWS_MIN);
    memcpy(sorted, order, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, rising);
    cut(r, sorted, n, bins);
    if (r->n_bins < 2)
        return dura_error_set(err, DURA_ENOENT, NULL, 0, "rows", "the samples are equal, or all but a few: there is no shape to watch");
    work = malloc(n * sizeof *work);
    if (!work)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    r->n = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    r->why = reasons(r, order, work, n);
    free(work);
    return DURA_OK;
}

int dura_histogram_learn(dura_histogram_reference *out, const float *x, const uint8_t *missing, size_t n, uint32_t bins,
                         dura_error *err)
{
    dura_histogram_reference r = DURA_HISTOGRAM_REFERENCE_INIT;
    float *order;
    size_t count;
    int rc;
    if (!out || !x || out->struct_size != sizeof *out || bins == 1 || bins > DURA_HISTOGRAM_BINS_MAX)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "bins", "2 to %d bins, samples, and a reference from "
                              "DURA_HISTOGRAM_REFERENCE_INIT are wanted", DURA_HISTOGRAM_BINS_MAX);
    order = malloc((2u * n + 1u) * sizeof *order);
    if (!order)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    count = gather(order, x, missing, n);
    if (count > n)
        rc = dura_error_set(err, DURA_EINVAL, NULL, 0, "rows", "a sample is not a finite number: say that it is missing");
    else
        rc = learn(&r, order, order + n, count, bins ? bins : DURA_HISTOGRAM_BINS_MAX, err);
    free(order);
    if (rc == DURA_OK)
        *out = r;
    return rc;
}
