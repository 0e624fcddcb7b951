/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams drift is measured on, for its tests and its bench: SplitMix64 from
 * (id << 32) + seed, one draw per sample, made Gaussian by Wichura's PPND16 (AS 241,
 * 1988). The same numbers on every machine whose libm is close to right; doubles, so for
 * hosts only.
 */
#ifndef DRIFT_STREAMS_H
#define DRIFT_STREAMS_H

#include <math.h>
#include <stdint.h>

enum { STREAM_N = 10000, STREAM_CHANGE = 5000 };

typedef struct drift_stream {
    uint64_t state;
    uint32_t id;
    uint32_t t;
} drift_stream;

static inline drift_stream stream_open(uint32_t id, uint32_t seed)
{
    drift_stream s = {((uint64_t)id << 32) + seed, id, 0};
    return s;
}

/* Uniform in (0, 1). */
static inline double stream_uniform(drift_stream *s)
{
    uint64_t z = s->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return ((double)(z >> 11) + 0.5) * 0x1p-53;
}

static inline double stream_ratio(const double *a, const double *b, double r)
{
    double p = a[7], q = b[7];
    int i;
    for (i = 6; i >= 0; i--) {
        p = p * r + a[i];
        q = q * r + b[i];
    }
    return p / q;
}

/* The normal quantile. */
static inline double stream_quantile(double u)
{
    static const double a[8] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                1.9715909503065514427e3, 1.3731693765509461125e4,
                                4.5921953931549871457e4, 6.7265770927008700853e4,
                                3.3430575583588128105e4, 2.5090809287301226727e3};
    static const double b[8] = {1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
                                5.3941960214247511077e3, 2.1213794301586595867e4,
                                3.9307895800092710610e4, 2.8729085735721942674e4,
                                5.2264952788528545610e3};
    static const double c[8] = {1.42343711074968357734e0, 4.63033784615654529590e0,
                                5.76949722146069140550e0, 3.64784832476320460504e0,
                                1.27045825245236838258e0, 2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[8] = {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
                                6.89767334985100004550e-1, 1.48103976427480074590e-1,
                                1.51986665636164571966e-2, 5.47593808499534494600e-4,
                                1.05075007164441684324e-9};
    static const double e[8] = {6.65790464350110377720e0, 5.46378491116411436990e0,
                                1.78482653991729133580e0, 2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[8] = {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
                                1.48753612908506148525e-2, 7.86869131145613259100e-4,
                                1.84631831751005468180e-5, 1.42151175831644588870e-7,
                                2.04426310338993978564e-15};
    double q = u - 0.5, r, x;
    if (fabs(q) <= 0.425)
        return q * stream_ratio(a, b, 0.180625 - q * q);
    r = sqrt(-log(q < 0.0 ? u : 1.0 - u));
    x = r <= 5.0 ? stream_ratio(c, d, r - 1.6) : stream_ratio(e, f, r - 5.0);
    return q < 0.0 ? -x : x;
}

/* The next sample: ids 1 and 10 Bernoulli, 2..5 a shift of the mean, 6..8 of the spread,
 * 9 a ramp, all else N(0, 1). */
static inline double stream_next(drift_stream *s)
{
    static const double shift[4] = {0.25, 0.5, 1.0, 2.0}, spread[3] = {1.5, 2.0, 0.5};
    double u = stream_uniform(s), z;
    int changed = s->t >= STREAM_CHANGE;
    uint32_t t = s->t++;
    if (s->id == 1 || s->id == 10)
        return u < (s->id == 1 && changed ? 0.4 : 0.2) ? 1.0 : 0.0;
    z = stream_quantile(u);
    if (!changed)
        return z;
    if (s->id >= 2 && s->id <= 5)
        return z + shift[s->id - 2];
    if (s->id >= 6 && s->id <= 8)
        return z * spread[s->id - 6];
    return s->id == 9 ? z + (double)(t - STREAM_CHANGE) / 5000.0 : z;
}

#endif
