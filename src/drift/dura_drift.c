/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift.c - builds a monitor, takes the references, shows what it knows.
 *
 * The statistics are worked on in dura_drift_update.c, saved and loaded in
 * dura_drift_save.c; references are learned in dura_drift_learn.c, which a device that
 * is given its references does not link.
 *
 * A reference is checked here once and whole: finite, a stationary autoregression (the
 * step-down recursion, Levinson's run backwards: all reflection coefficients inside the
 * unit circle), a clip that keeps E[likelihood ratio] <= 1. update() relies on it.
 */
#include "dura_drift_priv.h"

#define CONFIG_V1 16u
#define REFERENCE_V1 56u
#define STATE_V1 40u
#define ARL0_MIN 100.0f
#define ARL0_MAX 1e9f
#define WHY_KNOWN 0x3Fu

/* ---- building -------------------------------------------------------------------- */

static int read_config(dura_drift_config *c, const dura_drift_config *theirs)
{
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(c, (uint32_t)sizeof *c, theirs, theirs->struct_size, CONFIG_V1);
    if (rc < 0)
        return rc;
    if (c->n_channels < 1 || c->n_channels > DURA_DRIFT_CHANNELS_MAX || c->reserved != 0 ||
        (c->flags & ~(uint32_t)DURA_DRIFT_RESTART) != 0)
        return DURA_EINVAL;
    if (!durai_finite(c->arl0) || c->arl0 < ARL0_MIN || c->arl0 > ARL0_MAX)
        return DURA_EINVAL;
    return DURA_OK;
}

static size_t object_bytes(uint16_t n)
{
    return sizeof(dura_drift) + (size_t)n * (sizeof(drift_channel) + sizeof(drift_reference));
}

size_t dura_drift_bytes(const dura_drift_config *cfg)
{
    dura_drift_config c;
    return read_config(&c, cfg) < 0 ? 0 : object_bytes(c.n_channels);
}

int dura_drift_init(dura_drift **out, void *mem, size_t len, const dura_drift_config *cfg)
{
    dura_drift_config c;
    dura_drift *d = mem;
    int rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = read_config(&c, cfg);
    if (rc < 0)
        return rc;
    if (!mem)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < object_bytes(c.n_channels))
        return DURA_ENOSPC;
    memset(d, 0, object_bytes(c.n_channels));
    DURA_ASSERT(sizeof(drift_channel) == 128 && sizeof(drift_reference) == 40);
    d->n = c.n_channels;
    d->flags = c.flags;
    d->arl0 = c.arl0;
    d->channel = (drift_channel *)(void *)(d + 1);
    d->reference = (drift_reference *)(void *)(d->channel + d->n);
    *out = d;
    return DURA_OK;
}

void durai_drift_restart(drift_channel *c)
{
    memset(c->r, 0, sizeof c->r);
    memset(c->aged, 0, sizeof c->aged);
    c->flags = 0;
}

void durai_drift_forget(drift_channel *c, const drift_reference *r)
{
    DURA_ASSERT(r->order <= DURA_DRIFT_ORDER_MAX);
    memset(c, 0, sizeof *c);
    c->fill = r->order;
}

int dura_drift_reset(dura_drift *d)
{
    uint16_t i;
    if (!d)
        return DURA_EINVAL;
    for (i = 0; i < d->n; i++)
        durai_drift_forget(&d->channel[i], &d->reference[i]);
    return DURA_OK;
}

/* ---- references ------------------------------------------------------------------ */

/* All reflection coefficients of the autoregression are inside (-1, 1). */
static int stationary(const float *phi, uint32_t order)
{
    float a[DURA_DRIFT_ORDER_MAX], b[DURA_DRIFT_ORDER_MAX];
    uint32_t i, m;
    DURA_ASSERT(order <= DURA_DRIFT_ORDER_MAX);
    memcpy(a, phi, sizeof a);
    for (m = order; m > 0; m--) {
        float k = a[m - 1u], rest = 1.0f - k * k;
        if (!(k > -1.0f && k < 1.0f) || !(rest > 0.0f))
            return 0;
        for (i = 0; i + 1u < m; i++)
            b[i] = (a[i] + k * a[m - 2u - i]) / rest;
        memcpy(a, b, (m - 1u) * sizeof *a);
    }
    return 1;
}

static uint32_t order_of(const float *phi)
{
    uint32_t m = DURA_DRIFT_ORDER_MAX;
    while (m > 0 && (durai_f32_bits(phi[m - 1u]) & 0x7FFFFFFFu) == 0)
        m--;
    return m;
}

static int sound(const dura_drift_reference *r)
{
    uint32_t i;
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        if (!durai_finite(r->phi[i]))
            return 0;
    if (!durai_finite(r->mean) || !durai_finite(r->deviation) || !durai_finite(r->resolution) ||
        !durai_finite(r->clip))
        return 0;
    if (r->deviation < 0.0f || r->resolution < 0.0f || (r->why & ~WHY_KNOWN) != 0 ||
        (r->reserved[0] | r->reserved[1] | r->reserved[2]) != 0)
        return 0;
    if (!(r->deviation > 0.0f) && !(r->why & (uint32_t)DURA_DRIFT_CONSTANT))
        return 0;
    if (r->clip != 0.0f && (r->clip < CLIP_LEAST || r->clip > CLIP_MOST))
        return 0;
    return stationary(r->phi, order_of(r->phi));
}

/* What n samples leave open about the reference, so that it does not pass for a drift: up
 * to `errors` standard errors, the mean is off by s = errors / sqrt(n) and the deviation by
 * the factor f = 1 + errors / sqrt(2 n). A shift by d keeps E[LR] <= 1 when its ratio is
 * multiplied by exp(-d s); the wider spreads when f raises the deviation; a spread of
 * sqrt(1/2), under a true one of 1 / f^2, when its ratio is multiplied by
 * sqrt((1 + f^-4) / 2), and one of 1/2 by the cube of that. One error is allowed for; one
 * more when the reference is SHORT, as its autoregression is uncertain too; one more when
 * the residue is CORRELATED, as its mean is then less certain than 1 / sqrt(n). Returns
 * f. */
static float allow_for(drift_reference *out, uint32_t n, uint32_t why)
{
    float errors = 1.0f + (float)((why & (uint32_t)DURA_DRIFT_SHORT) != 0) +
                   (float)((why & (uint32_t)DURA_DRIFT_CORRELATED) != 0);
    float s = n > 0 ? errors / durai_sqrt((float)n) : 0.0f;
    float f = 1.0f + s * 0.707106781f, f4 = f * f * f * f;
    out->shift_slack = durai_exp(-0.25f * s);
    out->narrow_slack = durai_sqrt((1.0f + 1.0f / f4) * 0.5f);
    return f;
}

/* A deviation below what the values can show is raised to it; then a calm stretch says
 * nothing. */
static void settle(drift_reference *out, const dura_drift_reference *r)
{
    float least = r->resolution, deviation = r->deviation;
    if (!(deviation > 0.0f) && !(least > 0.0f))
        least = (r->mean < 0.0f ? -r->mean : r->mean) * 1e-6f + 1e-12f;
    if (least < 1e-30f)         /* so that the reciprocal is a normal number */
        least = 1e-30f;
    out->flags = REF_WATCHED;
    if (r->why & (uint32_t)DURA_DRIFT_HELD)
        out->flags |= REF_HELD;
    if (deviation < least || (r->why & (uint32_t)DURA_DRIFT_CONSTANT))
        out->flags |= REF_COARSE;
    if (deviation < least)
        deviation = least;
    deviation *= allow_for(out, r->n, r->why);
    out->mean = r->mean;
    out->scale = 1.0f / deviation;
    out->clip = r->clip != 0.0f ? r->clip : CLIP_DEFAULT;
    out->why = (uint16_t)r->why;
    out->order = (uint8_t)order_of(r->phi);
    memcpy(out->phi, r->phi, sizeof out->phi);
    DURA_ASSERT(durai_finite(out->scale) && out->clip >= CLIP_LEAST);
}

int dura_drift_attach(dura_drift *d, uint16_t index, const dura_drift_reference *ref)
{
    dura_drift_reference r;
    int rc;
    if (!d || !ref || index >= d->n)
        return DURA_EINVAL;
    rc = durai_struct_in(&r, (uint32_t)sizeof r, ref, ref->struct_size, REFERENCE_V1);
    if (rc < 0)
        return rc;
    if (!sound(&r))
        return DURA_EINVAL;
    if (d->reference[index].flags & REF_WATCHED)
        return DURA_ESTATE;
    settle(&d->reference[index], &r);
    durai_drift_forget(&d->channel[index], &d->reference[index]);
    d->watched++;
    /* One limit for all: the sum of the channels' statistics less watched x t is a
     * martingale, so the first of them reaches arl0 x watched after arl0 samples or more. */
    d->limit = d->arl0 * (float)d->watched;
    d->back = durai_sqrt(d->limit);
    DURA_ASSERT(d->watched <= d->n && d->back < d->limit);
    return DURA_OK;
}

/* ---- what it knows --------------------------------------------------------------- */

uint8_t durai_drift_leader(const drift_channel *c, float *size, uint32_t *onset)
{
    static const float sizes[DRIFT_LANES + DRIFT_LANES] = {0.25f, 0.5f, 1.0f, 2.0f,
                                               1.41421356f, 2.0f, 0.707106781f, 0.5f};
    uint32_t i, best = 0, family;
    float age;
    for (i = 1; i < HYPOTHESES; i++)
        if (c->r[i] > c->r[best])
            best = i;
    family = best < SPREAD ? best / DRIFT_LANES : 2u + (best - SPREAD) / 2u;
    DURA_ASSERT(DURA_DRIFT_UP + family <= DURA_DRIFT_NARROWER);
    *size = sizes[best < SPREAD ? best % DRIFT_LANES : best - DRIFT_LANES];
    age = c->r[best] > 0.0f ? c->aged[best] / c->r[best] : 0.0f;
    age = age < AGE_MAX ? age : AGE_MAX;
    *onset = age > 1.0f ? (uint32_t)(age - 0.5f) : 0u;  /* the sample of now has age 1 */
    return (uint8_t)(DURA_DRIFT_UP + family);
}

int dura_drift_query(const dura_drift *d, uint16_t channel, dura_drift_state *out)
{
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    const drift_channel *c;
    if (!d || !out || channel >= d->n)
        return DURA_EINVAL;
    if (!(d->reference[channel].flags & REF_WATCHED))
        return DURA_ENOENT;
    c = &d->channel[channel];
    s.alarm = c->flags & CH_ALARM;
    s.direction = durai_drift_leader(c, &s.size, &s.onset);
    s.why = d->reference[channel].why;
    s.statistic = durai_drift_sum(c->r);
    s.limit = d->limit;
    s.z = c->z;
    s.n = c->n;
    return durai_struct_out(out, &s, (uint32_t)sizeof s, STATE_V1);
}

const dura_drift_calls *dura_drift_part(void)
{
    static const dura_drift_calls part = {
        (uint32_t)sizeof(dura_drift_calls), 0, dura_drift_bytes, dura_drift_init, dura_drift_attach,
        dura_drift_update, dura_drift_query, dura_drift_reset, dura_drift_save, dura_drift_load};
    return &part;
}
