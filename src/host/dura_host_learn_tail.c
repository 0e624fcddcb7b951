/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tails: from what lies beyond a high quantile to the limit that is passed once in a month.
 *
 * Peaks over threshold (Pickands 1975), declustered: the excess of each independent
 * excursion. Instead of a generalised-Pareto shape, which some ten excursions cannot tell,
 * one of three scales is taken on which the excess looks exponential: -ln Q(z) (a Gaussian
 * has exactly an exponential excess there), z, ln z; the lightest one on which the excesses
 * vary no more than an exponential's would. The limit is predictive: with n excursions of
 * mean excess b, P(next > x) = (1 + x/(n b))^-n averaged over what b may really be (the F
 * distribution with 2 and 2n degrees), so few excursions make wide limits by themselves.
 *
 * Everything is +, -, *, / and a square root by Newton: the same on every target.
 */
#include "dura_host_learn_priv.h"

#include <stdlib.h>
#include <string.h>

#define LN2 0.69314718055994530942
#define HALF_LN_2PI 0.91893853320467274178
#define TWO_PI 6.28318530717958647693
#define INVERSE_PI 0.31830988618379067154
#define BEYOND_LEAST 40.0       /* numbers wanted beyond the quantile ... */
#define SHARE_LEAST 0.01        /* ... which is at most this one, */
#define SHARE_MOST 0.1          /* and at least that one */
#define DEGREES_LEAST 4u        /* excursions; see degrees() */
#define LOG_LEAST 10u           /* excursions that can tell a tail that heavy */
#define EVEN_SLACK 0.25         /* standard errors by which excesses may vary more than an exponential's */
#define Z_MOST 1e6
#define FORGOTTEN 0.2           /* autocorrelation below which excursions are taken apart */

/* ---- arithmetic -------------------------------------------------------------------- */

/* Natural logarithm of a normal number above 0. */
static double ln(double x)
{
    uint64_t u;
    double m, s, s2;
    int e;
    memcpy(&u, &x, sizeof u);
    e = (int)(u >> 52) - 1023;
    u = (u & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    memcpy(&m, &u, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    s = (m - 1.0) / (m + 1.0);  /* |s| < 0.172: the series ends below 1e-16 */
    s2 = s * s;
    m = 1.0 / 19.0;
    for (int k = 17; k >= 1; k -= 2)
        m = m * s2 + 1.0 / k;
    return 2.0 * s * m + (double)e * LN2;
}

static double power_of_2(int e)
{
    uint64_t u = (uint64_t)(e + 1023) << 52;
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static double power_of_e(double x)
{
    double sum = 1.0, r;
    int k;
    x = x > 700.0 ? 700.0 : x < -700.0 ? -700.0 : x;
    k = (int)(x / LN2 + (x < 0.0 ? -0.5 : 0.5));
    r = x - k * LN2;
    for (int i = 16; i >= 1; i--)
        sum = 1.0 + sum * r / i;
    return sum * power_of_2(k);
}

static double root(double x)
{
    double y = x > 1.0 ? x : 1.0;
    for (int i = 0; i < 200; i++) {
        double next = 0.5 * (y + x / y);
        if (!(next < y))
            break;
        y = next;
    }
    return y;
}

/* ---- scales ------------------------------------------------------------------------ */

/* -ln of a Gaussian's tail beyond z >= 0, to some 1 % (Borjesson and Sundberg 1979). */
static double gauss_scale(double z)
{
    return 0.5 * z * z + HALF_LN_2PI + ln((1.0 - INVERSE_PI) * z + INVERSE_PI * root(z * z + TWO_PI));
}

static double to_scale(uint32_t form, double z)
{
    if (form == DURAI_TAIL_GAUSS)
        return gauss_scale(z);
    return form == DURAI_TAIL_LINEAR ? z : ln(z);
}

static double gauss_z(double y)
{
    double lo = 0.0, hi = 1.0;
    while (gauss_scale(hi) < y && hi < Z_MOST)
        hi *= 2.0;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (lo + hi);
        if (gauss_scale(middle) < y)
            lo = middle;
        else
            hi = middle;
    }
    return hi;
}

static double from_scale(uint32_t form, double y)
{
    double z = form == DURAI_TAIL_GAUSS ? gauss_z(y) : form == DURAI_TAIL_LINEAR ? y : power_of_e(y);
    return z < Z_MOST ? z : Z_MOST;
}

/* ---- the series ------------------------------------------------------------------------ */

static int rises(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sorted numbers into work; how many. */
static size_t sort_present(durai_series *s)
{
    size_t m = 0;
    for (size_t i = 0; i < s->n; i++)
        if (!s->hole[i])
            s->work[m++] = s->y[i];
    if (m)
        qsort(s->work, m, sizeof *s->work, rises);
    return m;
}

static double correlation(const durai_series *s, size_t lag, double mean)
{
    double product = 0.0, square = 0.0;
    size_t n = 0, all = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->hole[i])
            continue;
        square += (s->y[i] - mean) * (s->y[i] - mean);
        all++;
        if (i + lag >= s->n || s->hole[i + lag])
            continue;
        product += (s->y[i] - mean) * (s->y[i + lag] - mean);
        n++;
    }
    return n && square > 0.0 ? product / (double)n * (double)all / square : 0.0;
}

size_t durai_tail_memory(const durai_series *s)
{
    double sum = 0.0;
    size_t n = 0, lag = 1;
    for (size_t i = 0; i < s->n; i++)
        if (!s->hole[i]) {
            sum += s->y[i];
            n++;
        }
    if (n == 0)
        return 1;
    while (lag < s->n / 10u && correlation(s, lag, sum / (double)n) > FORGOTTEN)
        lag += lag / 2u + 1u;
    return lag;
}

/* Excursions beyond y, those less than `apart` from the last one being the same. peaks
 * (NULL or room enough) gets the largest number of each. */
static size_t excursions(const durai_series *s, double y, size_t apart, double *peaks)
{
    size_t n = 0, last = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->hole[i] || !(s->y[i] > y))
            continue;
        if (n == 0 || i - last > apart) {
            if (peaks)
                peaks[n] = s->y[i];
            n++;
        } else if (peaks && s->y[i] > peaks[n - 1u]) {
            peaks[n - 1u] = s->y[i];
        }
        last = i;
    }
    return n;
}

/* ---- fit ---------------------------------------------------------------------------- */

/* Mean excess of the peaks on a scale; *even: they vary as an exponential's may. */
static double mean_excess(const durai_tail *t, const double *peaks, size_t n, uint32_t form, int *even)
{
    double edge = to_scale(form, t->edge), sum = 0.0, square = 0.0;
    for (size_t i = 0; i < n; i++) {
        double e = to_scale(form, (peaks[i] - t->centre) / t->scale) - edge;
        sum += e;
        square += e * e;
    }
    double mean = sum / (double)n, allowed = 1.0 + EVEN_SLACK / root((double)n);
    double variance = n > 2 ? (square - sum * mean) / (double)(n - 1u) : 0.0;
    *even = variance <= allowed * allowed * mean * mean;
    return mean;
}

static void choose_form(durai_tail *t, const double *peaks, uint32_t form)
{
    int even = 0;
    if (form == DURAI_TAIL_GAUSS && !(t->edge > 0.0))
        form = DURAI_TAIL_LINEAR;
    while (!even) {
        if (form == DURAI_TAIL_LOG && (t->n < LOG_LEAST || !(t->edge > 0.0)))
            break;             /* what has no scale has no logarithm: stay linear */
        t->form = form;
        t->beta = mean_excess(t, peaks, t->n, form, &even);
        if (form++ == DURAI_TAIL_LOG)
            break;
    }
}

void durai_tail_fit(durai_tail *t, durai_series *s, uint32_t form, int from_zero)
{
    size_t m = sort_present(s), beyond;
    double share = BEYOND_LEAST / (double)(m ? m : 1u), u;
    memset(t, 0, sizeof *t);
    if (m < 2 || !(s->seconds > 0.0))
        return;
    share = share < SHARE_LEAST ? SHARE_LEAST : share > SHARE_MOST ? SHARE_MOST : share;
    beyond = (size_t)(share * (double)m);
    u = s->work[m - 1u - (beyond < m ? beyond : m - 1u)];
    t->used = 1;
    t->most = s->work[m - 1u];
    t->centre = from_zero ? 0.0 : s->work[m / 2u];
    t->edge = gauss_z(-ln(from_zero ? 0.5 * share : share));
    t->scale = (u - t->centre) / t->edge;
    t->per_s = (double)excursions(s, u, s->merge, NULL) / s->seconds;
    t->n = (uint32_t)excursions(s, u, s->apart, s->work);
    if (!(t->scale > 0.0)) {     /* more than half of the numbers are one and the same */
        t->centre = u;
        t->scale = t->most > u ? t->most - u : 1.0;
        t->edge = 0.0;
    }
    if (t->n > 0)
        choose_form(t, s->work, form);
}

/* ---- limits --------------------------------------------------------------------------- */

/* Excursions the extrapolation counts on. With fewer than four the honest limit is nowhere:
 * four are taken all the same, and the channel is named (DURA_LEARN_SHORT). */
static double degrees(const durai_tail *t) { return t->n < DEGREES_LEAST ? (double)DEGREES_LEAST : (double)t->n; }

/* Margin on the scale, before any factor. */
static double margin(const durai_tail *t, double per_s)
{
    double n = degrees(t), ratio = t->per_s / per_s;
    return t->n > 0 && ratio > 1.0 ? n * t->beta * (power_of_e(ln(ratio) / n) - 1.0) : 0.0;
}

double durai_tail_limit(const durai_tail *t, double per_s, double factor)
{
    double x = factor * margin(t, per_s);
    if (!(x > 0.0))
        return t->centre + t->scale * t->edge;
    return t->centre + t->scale * from_scale(t->form, to_scale(t->form, t->edge) + x);
}

double durai_tail_rate(const durai_tail *t, double y, double factor)
{
    double z = (y - t->centre) / t->scale, n = degrees(t);
    if (t->n == 0)
        return 0.0;
    if (!(z > t->edge))
        return t->per_s;
    double x = (to_scale(t->form, z) - to_scale(t->form, t->edge)) / factor;
    return t->per_s * power_of_e(-n * ln(1.0 + x / (n * t->beta)));
}

double durai_tail_needed(const durai_tail *t, double per_s, double y)
{
    double z = (y - t->centre) / t->scale, x = margin(t, per_s);
    if (!(z > t->edge))
        return 0.0;
    if (!(x > 0.0))
        return 1.0;             /* it never went there: no factor helps */
    return (to_scale(t->form, z) - to_scale(t->form, t->edge)) / x;
}

void durai_poisson_span(double mean, double *least, double *most)
{
    double p = power_of_e(-mean), below = 0.0;
    if (mean > 600.0) {         /* e^-mean runs out of numbers; a Gaussian will do */
        *least = mean - 1.96 * root(mean);
        *most = mean + 1.96 * root(mean);
        return;
    }
    *least = *most = 0.0;
    for (double k = 0.0; below < 0.975; k += 1.0) {
        if (below < 0.025)
            *least = k;
        *most = k;
        below += p;
        p *= mean / (k + 1.0);
        if (k > 2000.0)
            break;
    }
}

double durai_learn_ln(double x) { return ln(x); }

double durai_learn_exp(double x) { return power_of_e(x); }

double durai_learn_root(double x) { return root(x); }

/* P(count <= k) of a Poisson variable of this mean. */
static double up_to(uint64_t k, double mean)
{
    double p = power_of_e(-mean), sum = 0.0;
    for (uint64_t i = 0; i <= k; i++) {
        sum += p;
        p *= mean / (double)(i + 1u);
    }
    return sum;
}

/* The mean at which k or fewer have this probability. */
static double mean_at(uint64_t k, double probability)
{
    double lo = 0.0, hi = 10.0 * (double)k + 20.0;
    for (int i = 0; i < 80; i++) {
        double middle = 0.5 * (lo + hi);
        if (up_to(k, middle) > probability)
            lo = middle;
        else
            hi = middle;
    }
    return lo;
}

void durai_poisson_rate(uint64_t k, double *least, double *most)
{
    if (k > 60) {               /* e^-mean runs out of numbers; a Gaussian will do */
        *least = (double)k - 1.96 * root((double)k);
        *most = (double)k + 1.96 * root((double)k);
        return;
    }
    *least = k ? mean_at(k - 1u, 0.975) : 0.0;
    *most = mean_at(k, 0.025);
}
