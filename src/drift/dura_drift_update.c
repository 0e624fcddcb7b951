/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift_update.c - one sample of every channel.
 *
 * R(t) = (R(t-1) + 1) x LR(z), LR the density of the changed law over that of N(0, 1), is
 * the sum over all past moments of the likelihood that the change began there (Shiryaev
 * 1963, Roberts 1966). Under the reference E[LR] = 1, so R(t) - t is a martingale and
 * stays one when several R are averaged: E[samples to the first R >= limit] >= limit
 * (Pollak 1985). Each R is kept times its weight, so their mixture is a plain sum.
 *
 * The hypotheses are chosen so that one exponential serves each kind: shifts of a quarter
 * times 1, 2, 4, 8 are powers of exp(z/4); spreads with 1 - 1/s^2 = 1/2, 3/4, -1, -3 are
 * powers of exp(z^2/8). The age of a change, averaged over its possible beginnings with
 * those likelihoods as weights, is S / R with S(t) = (S(t-1) + R(t-1) + 1) x LR(z).
 *
 * Nothing overflows: z is cut to +-6 at most, so LR < 4e5, R <= 10 limits <= 1e13 and
 * S <= 2^25 R; nothing becomes subnormal either: LR > 1e-24.
 */
#include "dura_drift_priv.h"

/* Weights, with sum 1. A small change needs the statistic for longer and has more to gain
 * from a nat than a large one, so it weighs more (docs/drift.md, Weights). */
static const float weight[HYPOTHESES] = {0.105f, 0.1f,  0.085f, 0.075f, 0.105f, 0.1f,
                                         0.085f, 0.075f, 0.08f, 0.08f,  0.055f, 0.055f};

/* What a likelihood ratio is at z = 0: exp(-d^2/2), and 1/s. */
static const float at_zero[HYPOTHESES] = {
    0.969233234f, 0.882496903f, 0.60653066f, 0.135335283f,
    0.969233234f, 0.882496903f, 0.60653066f, 0.135335283f,
    0.707106781f, 0.5f, 1.41421356f, 2.0f};

#define SEVERITY_ALARM 5        /* out of the reference: look at it, nothing was hurt */
#define SEVERITY_BACK 1

/* As compares and moves, not branches. */
static inline float within(float x, float lo, float hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

float durai_drift_sum(const float r[HYPOTHESES])
{
    float lane[DRIFT_LANES];
    uint32_t i;
    for (i = 0; i < DRIFT_LANES; i++)
        lane[i] = r[UP + i] + r[DOWN + i] + r[SPREAD + i];
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

/* u, a sample in deviations, whitened and cut. The past keeps the cut value: a lone spike leaves it after one
 * sample, a shift is followed within a few. */
static float whiten(drift_channel *c, const drift_reference *r, float u)
{
    float expected = (r->phi[0] * c->past[0] + r->phi[1] * c->past[1]) +
                     (r->phi[2] * c->past[2] + r->phi[3] * c->past[3]);
    float z = within(u - expected, -r->clip, r->clip);
    DURA_ASSERT(durai_finite(expected));
    c->past[3] = c->past[2];
    c->past[2] = c->past[1];
    c->past[1] = c->past[0];
    /* u itself where it is not cut: a repeated value must be known again. */
    c->past[0] = within(within(u, expected - r->clip, expected + r->clip), -FAR_AWAY, FAR_AWAY);
    return z;
}

/* Likelihood ratios of the twelve, less at_zero. */
static void ratios(float lr[HYPOTHESES], float z, const drift_reference *r)
{
    float coarse = (float)((r->flags & REF_COARSE) != 0);
    float q = z * z, up = durai_exp(0.25f * z), down = r->shift_slack / up, wide, narrow;
    up *= r->shift_slack;
    q = q < coarse ? coarse : q;
    wide = durai_exp(0.125f * q);
    narrow = 1.0f / wide;
    narrow *= narrow;
    narrow *= narrow * r->narrow_slack;
    lr[UP] = up;
    lr[UP + 1] = up * up;
    lr[UP + 2] = lr[UP + 1] * lr[UP + 1];
    lr[UP + 3] = lr[UP + 2] * lr[UP + 2];
    lr[DOWN] = down;
    lr[DOWN + 1] = down * down;
    lr[DOWN + 2] = lr[DOWN + 1] * lr[DOWN + 1];
    lr[DOWN + 3] = lr[DOWN + 2] * lr[DOWN + 2];
    lr[SPREAD] = wide * wide;
    lr[SPREAD + 1] = lr[SPREAD] * wide;
    lr[SPREAD + 2] = narrow;
    lr[SPREAD + 3] = narrow * narrow * narrow;
}

/* One sample of one channel; the mixture comes back. */
static float judge(drift_channel *c, const drift_reference *ref, float z, float cap)
{
    float lr[HYPOTHESES], sum, keep;
    uint32_t i;
    ratios(lr, z, ref);
    for (i = 0; i < HYPOTHESES; i++) {
        float factor = at_zero[i] * lr[i], r = c->r[i] + weight[i];
        c->aged[i] = (c->aged[i] + r) * factor;
        c->r[i] = r * factor;
    }
    sum = durai_drift_sum(c->r);
    /* Always multiplied, so that the work is the same: by 1 while nothing is latched. */
    keep = cap / (sum > cap ? sum : cap);
    for (i = 0; i < HYPOTHESES; i++) {
        c->aged[i] *= keep;
        c->r[i] *= keep;
    }
    c->z = z;
    c->n++;
    return sum * keep;
}

/* No sample. The gap is counted: after one longer than usual the past is of no use. */
static void skip(drift_channel *c)
{
    if (c->gap < UINT8_MAX)
        c->gap++;
}

/* A sample is there: 1 when it can be judged, 0 while the past is being filled. Values
 * that come every so many frames are a series of their own; only a gap more than twice
 * the one before breaks it. */
static int arrive(drift_channel *c, uint8_t order)
{
    if (c->gap > 2u * c->usual)
        c->fill = order;
    c->usual = c->gap;
    c->gap = 0;
    if (c->fill == 0)
        return 1;
    c->fill--;
    return 0;
}

/* One channel, one sample: 1 when it has something to tell. */
static int step(dura_drift *d, drift_channel *c, const drift_reference *r, float x)
{
    float u = within((x - r->mean) * r->scale, -FAR_AWAY, FAR_AWAY), z, sum;
    uint32_t alarm = c->flags & CH_ALARM, told = (c->flags & CH_TOLD) != 0;
    int ready;
    if ((r->flags & REF_HELD) && !(u < c->past[0] || u > c->past[0])) {
        skip(c);
        return alarm != told;
    }
    ready = arrive(c, r->order);
    z = whiten(c, r, u);
    if (!ready)
        return alarm != told;
    sum = judge(c, r, z, CAP * d->limit);
    DURA_ASSERT(sum >= 0.0f && durai_finite(sum));
    /* What was not told yet is told, even when the channel came back in between. */
    alarm = (uint32_t)(sum >= d->limit) | (alarm & ~((uint32_t)(sum < d->back) & told));
    c->flags = (uint8_t)(alarm | (told ? CH_TOLD : 0));
    return alarm != told;
}

static uint32_t thousandths(float x)
{
    return x < 4e6f ? (uint32_t)(x * 1000.0f + 0.5f) : UINT32_MAX;
}

/* What channel i has to say, and the state after it was said. */
static void tell(dura_drift *d, uint16_t i, dura_fact *f)
{
    drift_channel *c = &d->channel[i];
    uint32_t onset;
    float size;
    uint8_t direction = durai_drift_leader(c, &size, &onset);
    int alarm = c->flags & CH_ALARM;
    memset(f, 0, sizeof *f);
    f->kind = DURA_FACT_DRIFT;
    f->severity = alarm ? SEVERITY_ALARM : SEVERITY_BACK;
    f->log = DURA_LOG_DECISION;
    f->channel = i;
    f->asset = f->zone = f->source = f->control = f->risk = f->component = DURA_NONE;
    f->reasons = d->reference[i].why;
    f->value[3] = thousandths(durai_drift_sum(c->r) / d->limit);
    if (alarm) {
        f->value[0] = direction;
        f->value[1] = thousandths(size);
        f->value[2] = onset;
        c->flags |= CH_TOLD;
    }
    if (!alarm || (d->flags & DURA_DRIFT_RESTART))
        durai_drift_restart(c);
}

/* The facts of those that have something to tell, as far as there is room. */
static DURAI_NOINLINE int tell_all(dura_drift *d, dura_fact *facts, size_t max_facts)
{
    size_t told = 0;
    uint16_t i;
    for (i = 0; i < d->n && told < max_facts; i++) {
        uint8_t flags = d->channel[i].flags;
        if (flags == CH_ALARM || flags == CH_TOLD)
            tell(d, i, &facts[told++]);
    }
    return (int)told;
}

int dura_drift_update(dura_drift *d, const float *x, const uint8_t *missing, size_t n,
                      dura_fact *facts, size_t max_facts)
{
    int speak = 0;
    uint16_t i;
    if (!d || !x || n != d->n || (!facts && max_facts > 0))
        return DURA_EINVAL;
    for (i = 0; i < d->n; i++) {
        drift_channel *c = &d->channel[i];
        const drift_reference *r = &d->reference[i];
        if (!(r->flags & REF_WATCHED))
            continue;
        if ((missing && missing[i]) || !durai_finite(x[i])) {
            skip(c);
            speak |= c->flags == CH_ALARM || c->flags == CH_TOLD;
        } else {
            speak |= step(d, c, r, x[i]);
        }
    }
    return speak ? tell_all(d, facts, max_facts) : 0;
}
