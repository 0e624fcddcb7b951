/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_block_spectrum.c - mean square per frequency, by Welch's averaged periodogram
 * (IEEE Trans. AU 15(2), 1967) with a Hann window and segments side by side; the last one
 * ends with the window of samples, so that every sample is in at least one.
 *
 * The transform of n real numbers is one of n / 2 complex ones, radix 2 in place, and a
 * step that takes even and odd samples apart. Sine and cosine are Taylor sums over an
 * eighth of a turn, off by at most 1.2e-7: binary32 +, -, * and / alone, so the same
 * points on every target.
 */
#include "dura_block_priv.h"

#define TURN 6.2831853f
#define LEAST 1e-18f             /* a part of a point below this is nothing: its square would
                                    be subnormal, which some machines keep and some flush */

/* ---- waves ------------------------------------------------------------------------------ */

/* sin and cos of x, 0 <= x <= pi / 4. */
static float small_sine(float x)
{
    float q = x * x;
    return x * (1.0f + q * (-1.0f / 6.0f + q * (1.0f / 120.0f + q * (-1.0f / 5040.0f + q / 362880.0f))));
}
static float small_cosine(float x)
{
    float q = x * x;
    return 1.0f + q * (-0.5f + q * (1.0f / 24.0f + q * (-1.0f / 720.0f + q / 40320.0f)));
}

void durai_block_waves(dura_block *b)
{
    uint32_t n = b->c.spectrum, eighth = n / 8u, k;
    float *wave = durai_block_floats(b, b->sine_at);
    for (k = 0; k <= n / 4u; k++)
        wave[k] = k <= eighth ? small_sine(TURN * (float)k / (float)n)
                                 : small_cosine(TURN * (float)(n / 4u - k) / (float)n);
}

/* The arrays a transform works on; n is its length. */
typedef struct work {
    const float *wave;
    float *point, *power;
    uint32_t n;
} work;

/* cos(2 pi k / n), k <= n / 2. */
static float cosine(const work *w, uint32_t k)
{
    uint32_t quarter = w->n / 4u;
    return k <= quarter ? w->wave[quarter - k] : -w->wave[k - quarter];
}
static float sine(const work *w, uint32_t k)
{
    uint32_t quarter = w->n / 4u;
    return k <= quarter ? w->wave[k] : w->wave[2u * quarter - k];
}

/* ---- the transform ------------------------------------------------------------------------ */

static void swap_points(float *z, uint32_t i, uint32_t k)
{
    float re = z[2u * i], im = z[2u * i + 1u];
    z[2u * i] = z[2u * k];
    z[2u * i + 1u] = z[2u * k + 1u];
    z[2u * k] = re;
    z[2u * k + 1u] = im;
}

/* n complex points into bit-reversed order. */
static void reorder(float *z, uint32_t n)
{
    uint32_t i, k = 0, bit;
    for (i = 1; i < n; i++) {
        for (bit = n >> 1; k & bit; bit >>= 1)
            k ^= bit;
        k ^= bit;
        if (i < k)
            swap_points(z, i, k);
    }
}

static void butterfly(float *a, float *c, float re, float im)
{
    float x = c[0] * re - c[1] * im, y = c[0] * im + c[1] * re;
    c[0] = a[0] - x;
    c[1] = a[1] - y;
    a[0] += x;
    a[1] += y;
}

/* n / 2 complex points in place. */
static void transform(const work *w)
{
    uint32_t n = w->n / 2u, half, k, i;
    float *z = w->point;
    reorder(z, n);
    for (half = 1; half < n; half *= 2u)
        for (k = 0; k < half; k++) {
            float re = cosine(w, k * (n / half)), im = -sine(w, k * (n / half));
            for (i = k; i < n; i += 2u * half)
                butterfly(&z[2u * i], &z[2u * (i + half)], re, im);
        }
}

/* ---- a segment ------------------------------------------------------------------------------ */

static float square_of(float re, float im)
{
    re = re > LEAST || re < -LEAST ? re : 0.0f;
    im = im > LEAST || im < -LEAST ? im : 0.0f;
    return re * re + im * im;
}

/* Points k and n - k of the real transform out of the same of the complex one, n = half
 * the length: X = (even + odd x turn), with even and odd from the two by symmetry. */
static void add_pair(const work *w, uint32_t k, uint32_t n)
{
    const float *p = &w->point[2u * k], *q = &w->point[2u * (n - k)];
    float even_re = 0.5f * (p[0] + q[0]), even_im = 0.5f * (p[1] - q[1]);
    float odd_re = 0.5f * (p[1] + q[1]), odd_im = 0.5f * (q[0] - p[0]);
    float c = cosine(w, k), s = sine(w, k);
    float re = odd_re * c + odd_im * s, im = odd_im * c - odd_re * s;
    w->power[k] += square_of(even_re + re, even_im + im);
    if (k != n - k)
        w->power[n - k] += square_of(even_re - re, im - even_im);
}

static void add_segment(const work *w, float mean)
{
    uint32_t n = w->n, k;
    float *x = w->point;
    for (k = 0; k < n; k++)
        x[k] = (x[k] - mean) * (0.5f - 0.5f * cosine(w, k <= n / 2u ? k : n - k));
    transform(w);
    w->power[0] += square_of(x[0] + x[1], 0.0f);
    w->power[n / 2u] += square_of(x[0] - x[1], 0.0f);
    for (k = 1; k <= n / 4u; k++)
        add_pair(w, k, n / 2u);
}

/* One-sided: 2 / (n x sum of the squared window), which is 3 n / 8 for Hann's; the two
 * ends have no other side. */
static void scale(const work *w, uint32_t segments)
{
    uint32_t n = w->n, k;
    float to = 16.0f / (3.0f * (float)n * (float)n * (float)segments);
    w->power[0] *= 0.5f;
    w->power[n / 2u] *= 0.5f;
    for (k = 0; k <= n / 2u; k++)
        w->power[k] *= to;
}

void durai_block_spectrum(dura_block *b, const uint8_t *data, size_t stride, float mean)
{
    uint32_t n = b->c.spectrum, width = b->c.width, segments = (width + n - 1u) / n, i;
    work w;
    DURA_ASSERT(n >= 64 && n <= width && (n & (n - 1u)) == 0);
    w.wave = durai_block_floats(b, b->sine_at);
    w.point = durai_block_floats(b, b->point_at);
    w.power = durai_block_floats(b, b->power_at);
    w.n = n;
    memset(w.power, 0, ((size_t)n / 2u + 1u) * sizeof w.power[0]);
    for (i = 0; i < segments; i++) {
        uint32_t first = i + 1u < segments ? i * n : width - n;
        (void)durai_block_load(b, data, stride, first, n, w.point);
        add_segment(&w, mean);
    }
    scale(&w, segments);
}
