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
#define STATE_V1 40u
#define ARL0_MIN 100.0f
#define ARL0_MAX 1e9f
#define WHY_KNOWN 0x3Fu
#define HOLD_MOST 1e6f
#define OVERSHOOT_6 1.455f
#define OVERSHOOT_4 1.49f
#define OVERSHOOT_3 1.75f

/* ---- hypotheses ------------------------------------------------------------------- */

/* Weights, with sum 1. A small change needs the statistic for longer and has more to gain
 * from a nat than a large one, so it weighs more (docs/drift.md, Weights). In every lane,
 * and here, where a compiler does not see the values: a vector of them is then one load. */
const float durai_drift_weight[HYPOTHESES][DRIFT_LANES] = {
    DRIFT_EVERY(0.165f), DRIFT_EVERY(0.069f), DRIFT_EVERY(0.062f), DRIFT_EVERY(0.072f),
    DRIFT_EVERY(0.165f), DRIFT_EVERY(0.069f), DRIFT_EVERY(0.062f), DRIFT_EVERY(0.072f),
    DRIFT_EVERY(0.1f), DRIFT_EVERY(0.09f), DRIFT_EVERY(0.074f)};

/* What a likelihood ratio is at z = 0: exp(-d^2/2), and 1/s. */
const float durai_drift_at_zero[HYPOTHESES][DRIFT_LANES] = {
    DRIFT_EVERY(0.987281572f), DRIFT_EVERY(0.891187889f), DRIFT_EVERY(0.534085148f), DRIFT_EVERY(0.0561347628f),
    DRIFT_EVERY(0.987281572f), DRIFT_EVERY(0.891187889f), DRIFT_EVERY(0.534085148f), DRIFT_EVERY(0.0561347628f),
    DRIFT_EVERY(0.707106781f), DRIFT_EVERY(0.5f), DRIFT_EVERY(1.80277564f)};

/* ---- building -------------------------------------------------------------------- */

int durai_drift_config(dura_drift_config *c, const dura_drift_config *theirs)
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

static uint32_t blocks_of(uint32_t n)
{
    return durai_drift_block(n + DRIFT_LANES - 1u);
}

static size_t object_bytes(uint16_t n)
{
    return sizeof(dura_drift) + (size_t)blocks_of(n) * (sizeof(drift_block) + sizeof(drift_reference));
}

size_t dura_drift_bytes(const dura_drift_config *cfg)
{
    dura_drift_config c;
    return durai_drift_config(&c, cfg) < 0 ? 0 : object_bytes(c.n_channels);
}

int dura_drift_init(dura_drift **out, void *mem, size_t len, const dura_drift_config *cfg)
{
    dura_drift_config c;
    dura_drift *d = mem;
    uint32_t i;
    int rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = durai_drift_config(&c, cfg);
    if (rc < 0)
        return rc;
    if (!mem)
        return DURA_EINVAL;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < object_bytes(c.n_channels))
        return DURA_ENOSPC;
    memset(d, 0, object_bytes(c.n_channels));
    DURA_ASSERT(sizeof(drift_block) == 128 * DRIFT_LANES && sizeof(drift_reference) == 48 * DRIFT_LANES);
    d->n = c.n_channels;
    d->flags = c.flags;
    d->arl0 = c.arl0;
    d->blocks = (uint16_t)blocks_of(d->n);
    d->block = (drift_block *)(void *)(d + 1);
    d->reference = (drift_reference *)(void *)(d->block + d->blocks);
    for (i = 0; i < d->blocks * DRIFT_LANES; i++)
        d->reference[durai_drift_block(i)].share[durai_drift_lane(i)] = SHARE_NOBODY;
    *out = d;
    return dura_drift_reset(d);
}

void durai_drift_restart(drift_block *b, uint32_t l)
{
    uint32_t i;
    for (i = 0; i < HYPOTHESES; i++) {
        b->r[i][l] = 0.0f;
        b->aged[i][l] = 0.0f;
    }
    b->keep[l] = 1.0f;
    b->flags[l] = 0;
}

void durai_drift_forget(drift_block *b, uint32_t l, const drift_reference *r)
{
    uint32_t k;
    DURA_ASSERT(r->order[l] <= DURA_DRIFT_ORDER_MAX);
    durai_drift_restart(b, l);
    for (k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
        b->past[k][l] = 0.0f;
    b->z[l] = b->last[l] = 0.0f;
    b->gap[l] = b->usual[l] = 0;
    b->fill[l] = r->order[l];
    b->n[l] = 0;
}

int dura_drift_reset(dura_drift *d)
{
    uint32_t i;
    if (!d)
        return DURA_EINVAL;
    for (i = 0; i < d->blocks * DRIFT_LANES; i++)
        durai_drift_forget(&d->block[durai_drift_block(i)], durai_drift_lane(i), &d->reference[durai_drift_block(i)]);
    return DURA_OK;
}

/* ---- references ------------------------------------------------------------------ */

/* All reflection coefficients of the autoregression are inside (-1, 1). */
static DURAI_NOINLINE int stationary(const float *phi, uint32_t order)
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

uint32_t durai_drift_order(const float *phi)
{
    uint32_t m = DURA_DRIFT_ORDER_MAX;
    while (m > 0 && (durai_f32_bits(phi[m - 1u]) & 0x7FFFFFFFu) == 0)
        m--;
    return m;
}

static int all_finite(const dura_drift_reference *r)
{
    uint32_t i;
    int good = durai_finite(r->mean) && durai_finite(r->deviation) && durai_finite(r->resolution) &&
               durai_finite(r->clip) && durai_finite(r->hold) && durai_finite(r->low) && durai_finite(r->high);
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        good &= durai_finite(r->phi[i]);
    return good;
}

/* Not zero, as bits: no comparison of floats for equality. */
static int given(float x)
{
    return (durai_f32_bits(x) & 0x7FFFFFFFu) != 0;
}

static int bounded(const dura_drift_reference *r)
{
    return r->low < 0.0f || r->low > 0.0f || r->high < 0.0f || r->high > 0.0f;
}

/* Bets want the mean inside the bounds, a deviation that is possible there, and samples
 * that are taken as they come. */
static int sound_bounds(const dura_drift_reference *r)
{
    const uint32_t cannot = DURA_DRIFT_HELD | DURA_DRIFT_CONSTANT;
    float width = r->high - r->low;
    return r->low < r->mean && r->mean < r->high && durai_finite(width) && r->deviation > width * 1e-6f &&
           r->deviation <= 0.51f * width && durai_drift_order(r->phi) == 0 && (r->why & cannot) == 0;
}

static int sound(const dura_drift_reference *r)
{
    if (!all_finite(r))
        return 0;
    if (r->deviation < 0.0f || r->resolution < 0.0f || (r->why & ~WHY_KNOWN) != 0)
        return 0;
    if (!(r->deviation > 0.0f) && !(r->why & (uint32_t)DURA_DRIFT_CONSTANT))
        return 0;
    if (r->clip != 0.0f && (r->clip < CLIP_LEAST || r->clip > CLIP_MOST))
        return 0;
    if (r->hold != 0.0f && (r->hold < 1.0f || r->hold > HOLD_MOST || !(r->why & (uint32_t)DURA_DRIFT_HELD)))
        return 0;
    if (bounded(r))
        return sound_bounds(r);
    return stationary(r->phi, durai_drift_order(r->phi));
}

/* The fields that older references lack. The copy is gone before anything else is looked at:
 * attach is deep in a guard's init, and the first fields are there in every reference. */
static DURAI_NOINLINE int check_newer(const dura_drift_reference *theirs, int chart)
{
    dura_drift_reference r;
    int rc = durai_struct_in(&r, (uint32_t)sizeof r, theirs, theirs->struct_size, DRIFT_REFERENCE_V1);
    if (rc < 0)
        return rc;
    if (r.reserved2 != 0 || (r.detector != DURA_DRIFT_MIXTURE) != (chart != 0))
        return DURA_EINVAL;
    return !chart && (given(r.shift) || given(r.limit)) ? DURA_EINVAL : DURA_OK;
}

int durai_drift_check(const dura_drift_reference *theirs, int chart)
{
    int rc = check_newer(theirs, chart);
    return rc < 0 ? rc : sound(theirs) ? DURA_OK : DURA_EINVAL;
}

/* How many standard errors of the reference are allowed for. The longer the samples between
 * false alarms are to be, beside those it was learned from, the smaller an error of it is
 * seen in time, and the rarer an error must be that may pass for a drift (docs/drift.md,
 * What n samples leave open). */
float durai_drift_errors(const dura_drift_reference *r, float arl0)
{
    float times = arl0 / (float)r->n;
    return (times > 1.0f ? 0.3f + 0.18f * durai_log(times) : 0.3f) +
           (float)((r->why & (uint32_t)DURA_DRIFT_SHORT) != 0) +
           (float)((r->why & (uint32_t)DURA_DRIFT_CORRELATED) != 0);
}

/* What n samples leave open about the reference, so that it does not pass for a drift: up
 * to `errors` standard errors, the mean is off by s = errors / sqrt(n) and the deviation by
 * the factor f = 1 + errors / sqrt(2 n). A shift by d keeps E[LR] <= 1 when its ratio is
 * multiplied by exp(-d s); the wider spreads when f raises the deviation; the narrower one,
 * with 1/s^2 = 3.25, under a true one of 1 / f^2, when its ratio is multiplied by
 * sqrt((1 + 2.25 f^-4) / 3.25). One error more is allowed for when the reference is SHORT,
 * as its autoregression is uncertain too; one more when the residue is CORRELATED, as its
 * mean is then less certain than 1 / sqrt(n). arl0: of this channel. Returns f. */
static DURAI_NOINLINE float allow_for(drift_reference *out, uint32_t l, const dura_drift_reference *r, float arl0)
{
    float s = r->n > 0 ? durai_drift_errors(r, arl0) / durai_sqrt((float)r->n) : 0.0f;
    float f = 1.0f + s * 0.707106781f, f4 = f * f * f * f;
    out->shift_slack[l] = bounded(r) ? s : durai_exp(-0.16f * s);
    out->narrow_slack[l] = durai_sqrt((1.0f + 2.25f / f4) / 3.25f);
    return bounded(r) ? 1.0f : f;
}

/* What crossing the limit overshoots it by, on average and with the Gaussian ratios; by
 * simulation (docs/drift.md, Overshoot). */
static float overshoot(float clip)
{
    return clip >= 5.0f ? OVERSHOOT_6 : clip >= 3.5f ? OVERSHOOT_4 : OVERSHOOT_3;
}

/* The same for bets. Where samples are either bound, a statistic crosses by steps of ln(1 +
 * bet x largest z) = a, lands anywhere in the last one, and 1 / overshoot is (1 - e^-a) / a
 * on average. Six tenths of that are divided out; of anything else nothing is, and the
 * theorem holds as it stands. Two values at the bounds have the largest deviation there is. */
static DURAI_NOINLINE float overshoot_of_bets(const drift_reference *out, uint32_t l)
{
    float kept = 0.0f, lo = out->phi[0][l], hi = out->phi[1][l];
    uint32_t i;
    if (lo * hi > 1.02f)
        return 1.0f;
    for (i = 0; i < SPREAD; i++) {
        float most = 1.0f + durai_drift_bet(out, l, i) * (i < DOWN ? hi : lo);
        kept += durai_drift_bet_weight(i) * (1.0f - 1.0f / most) / durai_log(most);
    }
    return 1.0f + 0.6f * (1.0f / kept - 1.0f);
}

/* The deviation that is used: one below what the values can show is raised to it; then a
 * calm stretch says nothing. */
float durai_drift_deviation(const dura_drift_reference *r, float *floor)
{
    float least = r->resolution, deviation = r->deviation;
    if (!(deviation > 0.0f) && !(least > 0.0f))
        least = (r->mean < 0.0f ? -r->mean : r->mean) * 1e-6f + 1e-12f;
    if (bounded(r) || least < 1e-30f)   /* so that the reciprocal is a normal number */
        least = 1e-30f;
    *floor = (float)(deviation < least || (r->why & (uint32_t)DURA_DRIFT_CONSTANT));
    return deviation < least ? least : deviation;
}

static DURAI_NOINLINE void settle(drift_reference *out, uint32_t l, const dura_drift_reference *r, float arl0)
{
    float deviation = durai_drift_deviation(r, &out->floor[l]), clip = r->clip != 0.0f ? r->clip : CLIP_DEFAULT;
    uint32_t k;
    out->flags[l] = REF_WATCHED;
    if (r->why & (uint32_t)DURA_DRIFT_HELD)
        out->flags[l] |= REF_HELD;
    deviation *= allow_for(out, l, r, arl0);
    out->mean[l] = r->mean;
    out->scale[l] = 1.0f / deviation;
    out->clip[l] = clip;
    out->why[l] = (uint16_t)r->why;
    out->order[l] = (uint8_t)durai_drift_order(r->phi);
    for (k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
        out->phi[k][l] = r->phi[k];
    if (bounded(r)) {
        out->flags[l] |= REF_BOUNDED;
        out->phi[0][l] = (r->mean - r->low) * out->scale[l];
        out->phi[1][l] = (r->high - r->mean) * out->scale[l];
    }
    /* Less too where a channel is judged less often than frames come. */
    out->share[l] = 1.0f / (bounded(r) ? overshoot_of_bets(out, l) : overshoot(clip));
    out->share[l] /= r->hold > 1.0f ? r->hold : 1.0f;
    DURA_ASSERT(durai_finite(out->scale[l]) && clip >= CLIP_LEAST);
}

int durai_drift_same_reference(const dura_drift *d, const drift_reference *r, uint32_t l,
                               const dura_drift_reference *ref)
{
    drift_reference own;
    uint32_t k, same = 1;
    memset(&own, 0, sizeof own);
    settle(&own, 0, ref, d->arl0 * (float)d->n);
    for (k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
        same &= (uint32_t)(durai_f32_bits(own.phi[k][0]) == durai_f32_bits(r->phi[k][l]));
    return same && durai_f32_bits(own.mean[0]) == durai_f32_bits(r->mean[l]) &&
           durai_f32_bits(own.scale[0]) == durai_f32_bits(r->scale[l]) &&
           durai_f32_bits(own.clip[0]) == durai_f32_bits(r->clip[l]) &&
           durai_f32_bits(own.shift_slack[0]) == durai_f32_bits(r->shift_slack[l]) &&
           durai_f32_bits(own.narrow_slack[0]) == durai_f32_bits(r->narrow_slack[l]) &&
           durai_f32_bits(own.floor[0]) == durai_f32_bits(r->floor[l]) &&
           durai_f32_bits(own.share[0]) == durai_f32_bits(r->share[l]) && own.why[0] == r->why[l] &&
           own.order[0] == r->order[l] && own.flags[0] == r->flags[l];
}

int dura_drift_attach(dura_drift *d, uint16_t index, const dura_drift_reference *ref)
{
    int rc;
    if (!d || !ref || index >= d->n)
        return DURA_EINVAL;
    rc = durai_drift_check(ref, 0);
    if (rc < 0)
        return rc;
    if (durai_drift_watched(d, index))
        return DURA_ESTATE;
    settle(&d->reference[durai_drift_block(index)], durai_drift_lane(index), ref,
           d->arl0 * (float)d->n);
    durai_drift_forget(&d->block[durai_drift_block(index)], durai_drift_lane(index),
                       &d->reference[durai_drift_block(index)]);
    d->watched++;
    /* One limit for all: the sum of the channels' statistics less watched x t is a
     * martingale, so the first of them reaches arl0 x watched after arl0 samples or more. */
    d->limit = d->arl0 * (float)d->watched;
    DURA_ASSERT(d->watched <= d->n);
    return DURA_OK;
}

/* ---- what it knows --------------------------------------------------------------- */

uint8_t durai_drift_leader(const drift_block *b, uint32_t l, float *size, uint32_t *onset)
{
    static const float sizes[HYPOTHESES] = {0.16f, 0.48f, 1.12f, 2.4f, 0.16f, 0.48f, 1.12f, 2.4f,
                                            1.41421356f, 2.0f, 0.554700196f};
    static const uint8_t ways[HYPOTHESES] = {DURA_DRIFT_UP, DURA_DRIFT_UP, DURA_DRIFT_UP, DURA_DRIFT_UP,
                                             DURA_DRIFT_DOWN, DURA_DRIFT_DOWN, DURA_DRIFT_DOWN, DURA_DRIFT_DOWN,
                                             DURA_DRIFT_WIDER, DURA_DRIFT_WIDER, DURA_DRIFT_NARROWER};
    uint32_t i, best = 0;
    float age;
    for (i = 1; i < HYPOTHESES; i++)
        best = b->r[i][l] > b->r[best][l] ? i : best;
    *size = sizes[best];
    age = b->r[best][l] > 0.0f ? b->aged[best][l] / b->r[best][l] : 0.0f;
    age = age < AGE_MAX ? age : AGE_MAX;
    *onset = age > 1.0f ? (uint32_t)(age - 0.5f) : 0u;  /* the sample of now has age 1 */
    return ways[best];
}

int dura_drift_query(const dura_drift *d, uint16_t channel, dura_drift_state *out)
{
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    const drift_reference *r;
    const drift_block *b;
    uint32_t l;
    if (!d || !out || channel >= d->n)
        return DURA_EINVAL;
    if (!durai_drift_watched(d, channel))
        return DURA_ENOENT;
    b = &d->block[durai_drift_block(channel)];
    r = &d->reference[durai_drift_block(channel)];
    l = durai_drift_lane(channel);
    s.alarm = b->flags[l] & CH_ALARM;
    s.direction = durai_drift_leader(b, l, &s.size, &s.onset);
    s.why = r->why[l];
    s.statistic = durai_drift_sum(b, l) * b->keep[l];
    s.limit = d->limit * r->share[l];
    s.z = b->z[l];
    s.n = b->n[l];
    return durai_struct_out(out, &s, (uint32_t)sizeof s, STATE_V1);
}

const dura_drift_calls *dura_drift_part(void)
{
    static const dura_drift_calls part = {
        (uint32_t)sizeof(dura_drift_calls), 0, dura_drift_bytes, dura_drift_init, dura_drift_attach,
        dura_drift_update, dura_drift_query, dura_drift_reset, dura_drift_save, dura_drift_load, durai_drift_probe};
    return &part;
}
