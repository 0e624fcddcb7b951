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
 * The hypotheses are chosen so that one exponential serves each kind: shifts by 0.16 times
 * 1, 3, 7, 15 are powers of exp(0.16 z); spreads with 1 - 1/s^2 = 1/2, 3/4, -9/4 are
 * powers of exp(z^2/64). The age of a change, averaged over its possible beginnings with
 * those likelihoods as weights, is S / R with S(t) = (S(t-1) + R(t-1) + 1) x LR(z).
 *
 * A bounded sample is bet on instead: LR = 1 + bet x z has mean 1 under any law with that
 * mean, and is the likelihood ratio itself where there are two values.
 *
 * A block of which every channel has a sample goes through `advance`, where the compiler
 * makes vectors of the lanes; any other one is worked on lane by lane. Both do the same
 * arithmetic in the same order, so which way was taken shows in no bit.
 *
 * Nothing overflows: z is cut to +-6 at most, so LR < 4e5, R <= 1000 limits x LR <= 4e20
 * and S <= 2^25 R; nothing becomes subnormal either: LR > 1e-18, and `keep` > 1e-7.
 */
#include "dura_drift_white.h"

/* Weights, with sum 1. A small change needs the statistic for longer and has more to gain
 * from a nat than a large one, so it weighs more (docs/drift.md, Weights). */
static const float weight[HYPOTHESES] = {0.165f, 0.069f, 0.062f, 0.072f, 0.165f, 0.069f,
                                         0.062f, 0.072f, 0.1f,   0.09f,  0.074f};

/* What a likelihood ratio is at z = 0: exp(-d^2/2), and 1/s. */
static const float at_zero[HYPOTHESES] = {
    0.987281572f, 0.891187889f, 0.534085148f, 0.0561347628f,
    0.987281572f, 0.891187889f, 0.534085148f, 0.0561347628f,
    0.707106781f, 0.5f, 1.80277564f};

/* BOUNDED: what is bet on a deviation, and what of a stake may be lost at most. The weights
 * are those of one direction. */
static const float bets[SHIFTS] = {0.16f, 0.48f, 0.96f, 1.92f};
static const float stake[SHIFTS] = {0.5f, 0.75f, 0.9f, 0.95f};
static const float bet_weight[SHIFTS] = {0.1f, 0.2f, 0.1f, 0.1f};

/* exp(x) and exp(-x) for |x| <= 0.96, as even part plus and minus odd part, in few steps
 * that wait for each other; c: coefficients of x .. x^7. */
static DURAI_INLINE void exp_both(float x, const float c[7], float *up, float *down)
{
    float y = x * x, y2 = y * y;
    float even = (1.0f + c[1] * y) + y2 * (c[3] + c[5] * y);
    float odd = ((c[0] + c[2] * y) + y2 * (c[4] + c[6] * y)) * x;
    *up = even + odd;
    *down = even - odd;
}

/* Fitted here by Lawson's iteration for the smallest relative error: 2^-22.6 for |x| <= 0.96,
 * 2^-28 for |x| <= 0.5625. */
static const float exp_wide[7] = {1.00000068f,   0.500002997f,   0.166660186f, 0.0416450765f,
                                  0.00834671179f, 0.00143158934f, 0.000192991197f};
static const float exp_close[7] = {1.00000001f,    0.500000136f,  0.166666395f, 0.0416639798f,
                                   0.0083349534f, 0.00140381591f, 0.000196493484f};

static DURAI_INLINE float mixture(const drift_block *b, uint32_t l)
{
    float up = (b->r[UP][l] + b->r[UP + 1][l]) + (b->r[UP + 2][l] + b->r[UP + 3][l]);
    float down = (b->r[DOWN][l] + b->r[DOWN + 1][l]) + (b->r[DOWN + 2][l] + b->r[DOWN + 3][l]);
    return (up + down) + ((b->r[SPREAD][l] + b->r[SPREAD + 1][l]) + b->r[SPREAD + 2][l]);
}

float durai_drift_sum(const drift_block *b, uint32_t l)
{
    return mixture(b, l);
}

/* Hypothesis i of one lane takes a sample whose ratio is c x lr. */
static DURAI_INLINE void grow(drift_block *restrict b, uint32_t i, uint32_t l, float lr)
{
    float r = b->r[i][l] + weight[i];
    lr *= at_zero[i] * b->keep[l];
    b->aged[i][l] = (b->aged[i][l] + r) * lr;
    b->r[i][l] = r * lr;
}

static inline float standardise(const drift_reference *restrict r, uint32_t l, float x)
{
    return durai_drift_within((x - r->mean[l]) * r->scale[l], -FAR_AWAY, FAR_AWAY);
}

static DURAI_INLINE float whiten(drift_block *restrict b, const drift_reference *restrict r, uint32_t l, float u)
{
    b->last[l] = u;
    return durai_drift_whiten(b->past[0] + l, r->phi[0] + l, DRIFT_LANES, r->clip[l], u);
}

/* The mixture after a sample, and what the next one multiplies by. */
static DURAI_INLINE float conclude(drift_block *restrict b, uint32_t l, float z, float cap)
{
    float sum = mixture(b, l);
    DURA_ASSERT(cap > 0.0f);
    b->keep[l] = cap / (sum > cap ? sum : cap);
    b->z[l] = z;
    return sum;
}

/* A whitened sample of one lane; the mixture comes back. */
static DURAI_INLINE float judge(drift_block *restrict b, const drift_reference *restrict r, uint32_t l, float z, float limit)
{
    float q = z * z, one, back, two, three, seven, t, i;
    exp_both(0.16f * z, exp_wide, &one, &back);
    one *= r->shift_slack[l];
    two = one * one;
    three = two * one;
    seven = three * three * one;
    grow(b, UP, l, one);
    grow(b, UP + 1, l, three);
    grow(b, UP + 2, l, seven);
    grow(b, UP + 3, l, seven * seven * one);
    back *= r->shift_slack[l];
    two = back * back;
    three = two * back;
    seven = three * three * back;
    grow(b, DOWN, l, back);
    grow(b, DOWN + 1, l, three);
    grow(b, DOWN + 2, l, seven);
    grow(b, DOWN + 3, l, seven * seven * back);
    q = q < r->floor[l] ? r->floor[l] : q;
    exp_both(0.015625f * q, exp_close, &t, &i);
    t *= t;
    t *= t;
    t *= t;                             /* exp(q/8) */
    two = t * t;
    grow(b, SPREAD, l, two);
    grow(b, SPREAD + 1, l, two * t);
    i *= i;
    i *= i;
    i *= i;                             /* exp(-q/8), to the ninth: */
    two = i * i;
    two *= two;
    grow(b, SPREAD + 2, l, two * two * (i * r->narrow_slack[l]));
    return conclude(b, l, z, CAP * limit * r->share[l]);
}

/* One sample in every lane; the mixtures come back in sum. */
static DURAI_NOINLINE void advance(drift_block *restrict b, const drift_reference *restrict r,
                                   const float *restrict x, float limit, float *restrict sum)
{
    uint32_t l;
    for (l = 0; l < DRIFT_LANES; l++)
        sum[l] = judge(b, r, l, whiten(b, r, l, standardise(r, l, x[l])), limit);
    for (l = 0; l < DRIFT_LANES; l++)
        b->n[l]++;
}

/* ---- lanes that are not like the others -------------------------------------------- */

float durai_drift_bet_weight(uint32_t i) { return bet_weight[i % SHIFTS]; }

float durai_drift_bet(const drift_reference *r, uint32_t l, uint32_t i)
{
    float slack = r->shift_slack[l], most = stake[i % SHIFTS], bet = bets[i % SHIFTS];
    float room = (i < DOWN ? r->phi[0][l] : r->phi[1][l]) + slack;
    DURA_ASSERT(i < SPREAD && room > 0.0f);
    return bet * room < most ? bet : most / room;
}

/* A bounded sample in deviations; the mixture comes back. */
static DURAI_NOINLINE float bet_on(drift_block *b, const drift_reference *r, uint32_t l, float u, float limit)
{
    float z = durai_drift_within(u, -r->phi[0][l], r->phi[1][l]), s = r->shift_slack[l];
    uint32_t i;
    for (i = 0; i < SPREAD; i++) {
        float bet = durai_drift_bet(r, l, i), lr = i < DOWN ? 1.0f + bet * (z - s) : 1.0f - bet * (z + s);
        float was = b->r[i][l] + bet_weight[i % SHIFTS];
        lr *= b->keep[l];
        b->aged[i][l] = (b->aged[i][l] + was) * lr;
        b->r[i][l] = was * lr;
    }
    b->last[l] = u;
    return conclude(b, l, z, CAP * limit * r->share[l]);
}

/* The alarm of a lane after a sample. What was not told yet is told, even when the channel
 * came back in between. */
static inline void decide(drift_block *b, const drift_reference *r, uint32_t l, float sum, float limit)
{
    uint32_t alarm = b->flags[l] & CH_ALARM, told = b->flags[l] & CH_TOLD;
    float least = sum < 1e18f ? sum : 1e18f;    /* its square is a float */
    uint32_t back = (uint32_t)(least * least < limit * r->share[l]) & (uint32_t)(told != 0);
    DURA_ASSERT(sum >= 0.0f && durai_finite(sum));
    alarm = (uint32_t)(sum >= limit * r->share[l]) | (alarm & ~back);
    b->flags[l] = (uint8_t)(alarm | told);
}

static inline int has_news(uint8_t flags)
{
    return flags == CH_ALARM || flags == CH_TOLD;
}

/* One sample of one lane. */
static DURAI_NOINLINE void advance_one(drift_block *b, const drift_reference *r, uint32_t l, float x, float limit)
{
    float u = standardise(r, l, x), z, sum;
    int ready;
    DURA_ASSERT(r->flags[l] & REF_WATCHED);
    if ((r->flags[l] & REF_HELD) && !(u < b->last[l] || u > b->last[l])) {
        durai_drift_skip(&b->gap[l]);
        return;
    }
    ready = durai_drift_arrive(&b->gap[l], &b->usual[l], &b->fill[l], r->order[l]);
    if (r->flags[l] & REF_BOUNDED) {
        sum = bet_on(b, r, l, u, limit);
    } else {
        z = whiten(b, r, l, u);
        if (!ready)
            return;
        sum = judge(b, r, l, z, limit);
    }
    b->n[l]++;
    decide(b, r, l, sum, limit);
}

/* A frame lane by lane; n samples from the block's first channel on. 1: there is news. */
static DURAI_NOINLINE int advance_some(drift_block *b, const drift_reference *r, const float *x,
                                       const uint8_t *missing, size_t n, float limit)
{
    uint32_t l, lanes = n < DRIFT_LANES ? (uint32_t)n : DRIFT_LANES;
    int news = 0;
    for (l = 0; l < lanes; l++) {
        if (!(r->flags[l] & REF_WATCHED))
            continue;
        if ((missing && missing[l]) || !durai_finite(x[l]))
            durai_drift_skip(&b->gap[l]);
        else
            advance_one(b, r, l, x[l], limit);
        news |= has_news(b->flags[l]);
    }
    return news;
}

/* The bytes of all lanes as one number. */
static inline uint32_t lanes_of(const uint8_t *p)
{
    uint32_t v = 0;
    memcpy(&v, p, DRIFT_LANES);
    return v;
}

/* Every lane is there, watched, Gaussian, changes, and waits for nothing. */
static inline int plain(const drift_block *b, const drift_reference *r, const float *x, const uint8_t *missing)
{
    static const uint8_t watched[4] = {REF_WATCHED, REF_WATCHED, REF_WATCHED, REF_WATCHED};
    uint32_t l, odd = lanes_of(b->fill) | lanes_of(b->gap) | lanes_of(b->usual);
    odd |= lanes_of(r->flags) ^ lanes_of(watched);
    if (missing)
        odd |= lanes_of(missing);
    for (l = 0; l < DRIFT_LANES; l++)
        odd |= (uint32_t)!durai_finite(x[l]);
    return odd == 0;
}

/* ---- alarms ------------------------------------------------------------------------- */

/* What channel i has to say, and the state after it was said. */
static void tell(dura_drift *d, uint16_t i, dura_fact *f)
{
    drift_block *b = &d->block[durai_drift_block(i)];
    const drift_reference *r = &d->reference[durai_drift_block(i)];
    uint32_t l = durai_drift_lane(i), onset;
    float size;
    uint8_t direction = durai_drift_leader(b, l, &size, &onset);
    int alarm = b->flags[l] & CH_ALARM;
    DURA_ASSERT(i < d->n && has_news(b->flags[l]));
    durai_drift_fact(f, i, alarm, r->why[l]);
    f->value[3] = durai_drift_thousandths(mixture(b, l) * b->keep[l] / (d->limit * r->share[l]));
    if (alarm) {
        f->value[0] = direction;
        f->value[1] = durai_drift_thousandths(size);
        f->value[2] = onset;
        b->flags[l] |= CH_TOLD;
    }
    if (!alarm || (d->flags & DURA_DRIFT_RESTART))
        durai_drift_restart(b, l);
}

/* The facts of those that have something to tell, as far as there is room. */
static DURAI_NOINLINE int tell_all(dura_drift *d, dura_fact *facts, size_t max_facts)
{
    size_t told = 0;
    uint32_t k, l;
    for (k = 0; k < d->blocks; k++) {
        if (lanes_of(d->block[k].flags) == 0)
            continue;
        for (l = 0; l < DRIFT_LANES && told < max_facts; l++)
            if (has_news(d->block[k].flags[l]))
                tell(d, (uint16_t)(k * DRIFT_LANES + l), &facts[told++]);
    }
    return (int)told;
}

/* ---- a frame ------------------------------------------------------------------------ */

/* A frame of a block all of whose lanes are alike: 1 when there is news. */
static inline int advance_all(drift_block *b, const drift_reference *r, const float *x, float limit)
{
    float sum[DRIFT_LANES];
    uint32_t l, any;
    int news = 0;
    advance(b, r, x, limit, sum);
    any = lanes_of(b->flags);
    for (l = 0; l < DRIFT_LANES; l++)
        any |= (uint32_t)(sum[l] >= limit * r->share[l]);
    for (l = 0; any && l < DRIFT_LANES; l++) {
        decide(b, r, l, sum[l], limit);
        news |= has_news(b->flags[l]);
    }
    return news;
}

/* One frame of block k: 1 when it has something to tell. n: samples from its first on. */
static inline int frame_of(dura_drift *d, uint32_t k, const float *x, const uint8_t *missing, size_t n)
{
    drift_block *b = &d->block[k];
    const drift_reference *r = &d->reference[k];
    DURA_ASSERT(k < d->blocks && n > 0);
    /* Without vectors there is one way, and the other is not in the device's flash. */
    if (DRIFT_LANES == 1u || n < DRIFT_LANES || !plain(b, r, x, missing))
        return advance_some(b, r, x, missing, n, d->limit);
    return advance_all(b, r, x, d->limit);
}

int dura_drift_update(dura_drift *d, const float *x, const uint8_t *missing, size_t n,
                      dura_fact *facts, size_t max_facts)
{
    int speak = 0;
    uint32_t k, at = 0;
    if (!d || !x || n != d->n || (!facts && max_facts > 0))
        return DURA_EINVAL;
    for (k = 0; k < d->blocks; k++, at += DRIFT_LANES)
        speak |= frame_of(d, k, x + at, missing ? missing + at : NULL, n - at);
    return speak ? tell_all(d, facts, max_facts) : 0;
}
