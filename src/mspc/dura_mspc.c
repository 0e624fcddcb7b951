/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_mspc.c - T2 and SPE of a frame under a pinned basis, and whose doing they are.
 *
 * All sums run over ascending indices in binary32, so the bits are the same everywhere.
 *
 * With Q = P (L^-1 - I / r) P' + I / r, the inverse covariance of the model, and g = Q z,
 * what channel j reads beyond its conditional mean given the others is g(j) / Q(j, j), with
 * variance 1 / Q(j, j); so g(j) / sqrt Q(j, j) has unit variance, and its square is what
 * z'Qz loses when z(j) is set to that mean (the reconstruction-based contribution of Alcala
 * and Qin 2009, for T2 + SPE / r). Missing channels are found by setting them to that mean
 * one after the other, Gauss-Seidel on a positive definite system: every step lowers z'Qz,
 * one missing channel is exact after one.
 *
 * Nothing overflows: |z| <= 1e6, n <= 256, variances >= 1e-6, so T2 < 1e26.
 */
#include "../base/dura_base_priv.h"

#include <dura/mspc.h>

#define BASIS_V1 (8u + 8u + (uint32_t)sizeof(const float *))
#define STATE_V1 32u
#define FURTHEST 1e6f           /* deviations */
#define LEAST 1e-6f
#define MOST 1e30f
#define SQUARE 1e-3f            /* how far P'P may be from 1 */
#define NEWEST_LEAST 1e-3f
enum { SWEEPS = 16 };           /* several missing channels; the rest of them is below rounding
                                   unless they are nearly copies of each other */

struct dura_mspc {
    const float *mean, *scale, *variance, *loading, *figure;    /* into the caller's values */
    uint64_t n;                 /* frames */
    uint16_t channels, components;
    uint32_t replaced;
    float newest;
    float least;                /* 1 / r: 1 / variance of a direction outside */
    float t2, spe;              /* of the last frame */
    float *z;                   /* channels: the last frame, in deviations */
    float *average;             /* channels */
    float *work;                /* channels: next frame, residues */
    float *score;               /* components */
};

/* figure[] */
enum { MEAN_SPE, MEAN_T2_ROOT, DEV_T2_ROOT, MEAN_SPE_ROOT, DEV_SPE_ROOT, FIGURES };

/* ---- the basis --------------------------------------------------------------------- */

static int read_basis(dura_mspc_basis *b, const dura_mspc_basis *theirs)
{
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(b, (uint32_t)sizeof *b, theirs, theirs->struct_size, BASIS_V1);
    if (rc < 0)
        return rc;
    if (b->n_channels < 2 || b->n_channels > DURA_MSPC_CHANNELS_MAX)
        return DURA_EINVAL;
    if (b->n_components < 1 || b->n_components > DURA_MSPC_COMPONENTS_MAX || b->n_components >= b->n_channels)
        return DURA_EINVAL;
    if (!durai_finite(b->newest) || (b->newest != 0.0f && b->newest < NEWEST_LEAST) || b->newest > 1.0f)
        return DURA_EINVAL;
    if (b->n_values != DURA_MSPC_VALUES(b->n_channels, b->n_components) || !b->values)
        return DURA_EINVAL;
    return DURA_OK;
}

static size_t object_bytes(const dura_mspc_basis *b)
{
    size_t floats = (size_t)3 * b->n_channels + b->n_components;
    return sizeof(dura_mspc) + ((floats + 1u) & ~(size_t)1) * sizeof(float);
}

static size_t mspc_bytes(const dura_mspc_basis *basis)
{
    dura_mspc_basis b;
    return read_basis(&b, basis) < 0 ? 0 : object_bytes(&b);
}

static void place(dura_mspc *m, const dura_mspc_basis *b)
{
    uint32_t n = b->n_channels, k = b->n_components;
    m->mean = b->values;
    m->scale = m->mean + n;
    m->variance = m->scale + n;
    m->loading = m->variance + k;
    m->figure = m->loading + (size_t)k * n;
    DURA_ASSERT(m->figure + FIGURES == b->values + b->n_values);
    m->channels = b->n_channels;
    m->components = b->n_components;
    m->newest = b->newest > 0.0f ? b->newest : 1.0f;
    m->z = (float *)(void *)(m + 1);
    m->average = m->z + n;
    m->work = m->average + n;
    m->score = m->work + n;
    DURA_ASSERT((const uint8_t *)(m->score + k) <= (const uint8_t *)m + object_bytes(b));
}

/* A number in [least, MOST]; by bits, so that nothing but a number passes. */
static int positive(float f, float least)
{
    return durai_finite(f) && f >= least && f <= MOST;
}

static int sound_values(const dura_mspc_basis *b)
{
    uint32_t i;
    for (i = 0; i < b->n_values; i++)
        if (!durai_finite(b->values[i]) || b->values[i] > MOST || b->values[i] < -MOST)
            return 0;
    return 1;
}

static int sound_scales(const dura_mspc *m)
{
    uint32_t i;
    int good = 1;
    for (i = 0; i < m->channels; i++)
        good &= positive(m->scale[i], 1.0f / MOST);
    for (i = 0; i < m->components; i++)
        good &= positive(m->variance[i], LEAST) && (i == 0 || m->variance[i] <= m->variance[i - 1u]);
    good &= positive(m->figure[MEAN_SPE], LEAST);
    good &= positive(m->figure[DEV_T2_ROOT], LEAST) && positive(m->figure[DEV_SPE_ROOT], LEAST);
    return good;
}

static float product(const float *a, const float *b, uint32_t n)
{
    float sum = 0.0f;
    uint32_t i;
    DURA_ASSERT(n >= 2 && n <= DURA_MSPC_CHANNELS_MAX);
    for (i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Each loading of length 1 and at right angles to those before it. No sum here overflows
 * unseen: what is infinite or not a number is not within SQUARE. */
static int orthonormal(const dura_mspc *m)
{
    uint32_t a, b, n = m->channels;
    for (a = 0; a < m->components; a++)
        for (b = 0; b <= a; b++) {
            float p = product(m->loading + (size_t)a * n, m->loading + (size_t)b * n, n);
            float off = a == b ? p - 1.0f : p;
            if (!(off >= -SQUARE && off <= SQUARE))
                return 0;
        }
    return 1;
}

static int mspc_reset(dura_mspc *m)
{
    if (!m)
        return DURA_EINVAL;
    memset(m->z, 0, ((size_t)3 * m->channels + m->components) * sizeof(float));
    m->n = 0;
    m->replaced = 0;
    m->t2 = m->spe = 0.0f;
    return DURA_OK;
}

static int mspc_init(dura_mspc **out, void *mem, size_t len, const dura_mspc_basis *basis)
{
    dura_mspc_basis b;
    dura_mspc *m = mem;
    int rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = read_basis(&b, basis);
    if (rc < 0)
        return rc;
    if (!mem)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < object_bytes(&b))
        return DURA_ENOSPC;
    memset(m, 0, object_bytes(&b));
    place(m, &b);
    if (!sound_values(&b) || !sound_scales(m) || !orthonormal(m))
        return DURA_ECORRUPT;
    m->least = (float)(m->channels - m->components) / m->figure[MEAN_SPE];
    *out = m;
    return DURA_OK;
}

/* ---- a frame ------------------------------------------------------------------------- */

/* m->score = P'z */
static void project(dura_mspc *m, const float *z)
{
    uint32_t a;
    for (a = 0; a < m->components; a++)
        m->score[a] = product(m->loading + (size_t)a * m->channels, z, m->channels);
}

/* z(j) - (P score)(j) */
static float outside(const dura_mspc *m, const float *z, uint32_t j)
{
    const float *p = m->loading + j;
    float inside = 0.0f;
    uint32_t a;
    for (a = 0; a < m->components; a++, p += m->channels)
        inside += *p * m->score[a];
    return z[j] - inside;
}

static void measure(dura_mspc *m, const float *z, float *t2, float *spe)
{
    uint32_t a, j;
    float in = 0.0f, out = 0.0f;
    for (a = 0; a < m->components; a++)
        in += m->score[a] * m->score[a] / m->variance[a];
    for (j = 0; j < m->channels; j++) {
        float e = outside(m, z, j);
        out += e * e;
    }
    DURA_ASSERT(in >= 0.0f && out >= 0.0f && durai_finite(in) && durai_finite(out));
    *t2 = in;
    *spe = out;
}

/* (Q z)(j) and Q(j, j); the latter is at least min(1 / variance[0], 1 / r) less rounding. */
static void pull_of(const dura_mspc *m, const float *z, uint32_t j, float *pull, float *stiff)
{
    const float *p = m->loading + j;
    float left = 1.0f, g = 0.0f, q = 0.0f;
    uint32_t a;
    DURA_ASSERT(j < m->channels && m->least > 0.0f);
    for (a = 0; a < m->components; a++, p += m->channels) {
        g += *p * m->score[a] / m->variance[a];
        q += *p * *p / m->variance[a];
        left -= *p * *p;
    }
    /* A channel wholly inside the subspace has nothing outside, whatever rounding says. */
    left = left > 0.0f ? left : 0.0f;
    q += left * m->least;
    *pull = g + outside(m, z, j) * m->least;
    *stiff = q > 1e-12f ? q : 1e-12f;
}

static float unexplained(const dura_mspc *m, const float *z, uint32_t j)
{
    float g, q;
    pull_of(m, z, j, &g, &q);
    return g / durai_sqrt(q);
}

static float within(float x, float most)
{
    return x > most ? most : x < -most ? -most : x;
}

/* x in deviations, 0 where nothing is; how many were missing. */
static uint32_t standardise(dura_mspc *m, const float *x, const uint8_t *missing)
{
    uint32_t j, gone = 0;
    for (j = 0; j < m->channels; j++) {
        int here = durai_finite(x[j]) && !(missing && missing[j]);
        m->work[j] = here ? within((x[j] - m->mean[j]) * m->scale[j], FURTHEST) : 0.0f;
        gone += (uint32_t)!here;
    }
    return gone;
}

/* One sweep over the missing channels; the scores follow. */
static void replace(dura_mspc *m, const float *x, const uint8_t *missing)
{
    uint32_t j, a;
    for (j = 0; j < m->channels; j++) {
        float g, q, was = m->work[j], step;
        if (durai_finite(x[j]) && !(missing && missing[j]))
            continue;
        pull_of(m, m->work, j, &g, &q);
        m->work[j] = within(was - g / q, FURTHEST);
        step = m->work[j] - was;
        for (a = 0; a < m->components; a++)
            m->score[a] += m->loading[(size_t)a * m->channels + j] * step;
    }
}

static float standing(float t, float usual, float mean, float deviation)
{
    DURA_ASSERT(t >= 0.0f && usual > 0.0f && deviation > 0.0f);
    return within((durai_cbrt(t / usual) - mean) / deviation, 1e12f);
}

static int mspc_update(dura_mspc *m, const float *x, const uint8_t *missing, size_t n, float out[2])
{
    uint32_t gone, j, sweep;
    if (!m || !x || !out || n != m->channels)
        return DURA_EINVAL;
    gone = standardise(m, x, missing);
    if (gone > m->channels / 4u)
        return DURA_ENOENT;
    project(m, m->work);
    for (sweep = 0; sweep < (gone == 0 ? 0u : gone == 1 ? 1u : (uint32_t)SWEEPS); sweep++)
        replace(m, x, missing);
    if (gone > 0)
        project(m, m->work);
    memcpy(m->z, m->work, (size_t)m->channels * sizeof(float));
    for (j = 0; j < m->channels; j++)
        m->average[j] += m->newest * (m->z[j] - m->average[j]);
    measure(m, m->z, &m->t2, &m->spe);
    out[0] = standing(m->t2, (float)m->components, m->figure[MEAN_T2_ROOT], m->figure[DEV_T2_ROOT]);
    out[1] = standing(m->spe, m->figure[MEAN_SPE], m->figure[MEAN_SPE_ROOT], m->figure[DEV_SPE_ROOT]);
    DURA_ASSERT(durai_finite(out[0]) && durai_finite(out[1]));
    m->replaced = gone;
    m->n++;
    return (int)gone;
}

/* ---- whose doing ----------------------------------------------------------------------- */

static int mspc_residuals(dura_mspc *m, float *out, size_t n)
{
    uint32_t j;
    if (!m || !out || n != m->channels)
        return DURA_EINVAL;
    if (m->n == 0)
        return DURA_ENOENT;
    project(m, m->z);
    for (j = 0; j < m->channels; j++)
        out[j] = unexplained(m, m->z, j);
    return DURA_OK;
}

/* The channel behind `last` in the order of falling magnitude of work[], then of number. */
static uint32_t next_of(const dura_mspc *m, uint32_t last)
{
    uint32_t j, best = m->channels;
    float most = last < m->channels ? m->work[last] : MOST;
    for (j = 0; j < m->channels; j++) {
        float w = m->work[j];
        int after = w < most || (!(w > most) && (last == m->channels || j > last));
        if (after && (best == m->channels || w > m->work[best]))
            best = j;
    }
    DURA_ASSERT(best < m->channels);
    return best;
}

static void share_of(const dura_mspc *m, uint32_t j, dura_mspc_share *s)
{
    const float *p = m->loading + j;
    float e = outside(m, m->average, j), t = 0.0f;
    uint32_t a;
    DURA_ASSERT(j < m->channels);
    for (a = 0; a < m->components; a++, p += m->channels)
        t += *p * m->score[a] / m->variance[a];
    s->channel = (uint16_t)j;
    s->reserved = 0;
    s->z = m->average[j];
    s->unexplained = unexplained(m, m->average, j);
    s->t2 = m->average[j] * t;
    s->spe = e * e;
}

static int mspc_blame(dura_mspc *m, dura_mspc_share *out, size_t max)
{
    uint32_t j, last, count;
    if (!m || (!out && max > 0))
        return DURA_EINVAL;
    if (m->n == 0)
        return DURA_ENOENT;
    project(m, m->average);
    for (j = 0; j < m->channels; j++) {
        float u = unexplained(m, m->average, j);
        m->work[j] = u < 0.0f ? -u : u;
    }
    count = max < m->channels ? (uint32_t)max : m->channels;
    for (j = 0, last = m->channels; j < count; j++) {
        last = next_of(m, last);
        share_of(m, last, &out[j]);
    }
    return (int)count;
}

static int mspc_query(dura_mspc *m, dura_mspc_state *out)
{
    dura_mspc_state s = DURA_MSPC_STATE_INIT;
    if (!m || !out)
        return DURA_EINVAL;
    s.replaced = m->replaced;
    s.t2 = m->t2;
    s.spe = m->spe;
    project(m, m->average);
    measure(m, m->average, &s.average_t2, &s.average_spe);
    s.n = m->n;
    return durai_struct_out(out, &s, (uint32_t)sizeof s, STATE_V1);
}

const dura_mspc_calls *dura_mspc_part(void)
{
    static const dura_mspc_calls calls = {(uint32_t)sizeof(dura_mspc_calls), 0, mspc_bytes, mspc_init, mspc_update,
                                          mspc_blame, mspc_residuals, mspc_query, mspc_reset};
    return &calls;
}
