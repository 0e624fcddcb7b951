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
 * A block of which every watched channel has a sample goes through `advance`, where the
 * compiler makes vectors of the lanes; any other one is worked on lane by lane. Both do the
 * same arithmetic in the same order, so which way was taken shows in no bit.
 *
 * Nothing overflows: z is cut to +-6 at most, so LR < 4e5, R <= 1000 limits x LR <= 4e20
 * and S <= 2^25 R; nothing becomes subnormal either: LR > 1e-18, and `keep` > 1e-7.
 */
#include "dura_drift_white.h"

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

/* Hypothesis i of one lane takes a sample whose ratio is c x lr. capped: the mixture was
 * above the cap, and `keep` is not 1. */
static DURAI_INLINE void grow(drift_block *restrict b, uint32_t i, uint32_t l, float lr, int capped)
{
    float r = b->r[i][l] + durai_drift_weight[i][l];
    lr *= capped ? durai_drift_at_zero[i][l] * b->keep[l] : durai_drift_at_zero[i][l];
    b->aged[i][l] = (b->aged[i][l] + r) * lr;
    b->r[i][l] = r * lr;
}

static inline float standardise(const drift_reference *restrict r, uint32_t l, float x)
{
    return durai_drift_within((x - r->mean[l]) * r->scale[l], -FAR_AWAY, FAR_AWAY);
}

static DURAI_INLINE float whiten(drift_block *restrict b, const drift_reference *restrict r, uint32_t l, float u)
{
    return durai_drift_whiten(b->past[0] + l, r->phi[0] + l, DRIFT_LANES, r->clip[l], u);
}

/* What the ratios of a sample are powers of. */
typedef struct drift_powers {
    float up[DRIFT_LANES], down[DRIFT_LANES];       /* exp(0.16 z), exp(-0.16 z) */
    float wider[DRIFT_LANES], narrower[DRIFT_LANES];/* exp(q / 64), exp(-q / 64) */
} drift_powers;

static DURAI_INLINE void powers_of(drift_powers *restrict e, const drift_reference *restrict r, uint32_t l, float z)
{
    float q = z * z;
    exp_both(0.16f * z, exp_wide, &e->up[l], &e->down[l]);
    q = q < r->floor[l] ? r->floor[l] : q;
    exp_both(0.015625f * q, exp_close, &e->wider[l], &e->narrower[l]);
}

/* Four shifts one way: the first, third, seventh and fifteenth power, in few steps that wait
 * for each other. */
static DURAI_INLINE void grow_shifts(drift_block *restrict b, uint32_t first, uint32_t l, float one, int capped)
{
    float two = one * one, three = two * one, four = two * two, seven = four * three;
    grow(b, first, l, one, capped);
    grow(b, first + 1, l, three, capped);
    grow(b, first + 2, l, seven, capped);
    grow(b, first + 3, l, (four * four) * seven, capped);
}

/* A sample of one lane; the mixture comes back. */
static DURAI_INLINE float judge(drift_block *restrict b, const drift_reference *restrict r, uint32_t l,
                                const drift_powers *restrict e, int capped)
{
    float t = e->wider[l], i = e->narrower[l], two;
    grow_shifts(b, UP, l, e->up[l] * r->shift_slack[l], capped);
    grow_shifts(b, DOWN, l, e->down[l] * r->shift_slack[l], capped);
    t *= t;
    t *= t;
    t *= t;                             /* exp(q/8) */
    two = t * t;
    grow(b, SPREAD, l, two, capped);
    grow(b, SPREAD + 1, l, two * t, capped);
    i *= i;
    i *= i;
    i *= i;                             /* exp(-q/8), to the ninth: */
    two = i * i;
    two *= two;
    grow(b, SPREAD + 2, l, two * two * (i * r->narrow_slack[l]), capped);
    return mixture(b, l);
}

/* One sample in every lane: first what it is, */
static DURAI_INLINE void see(drift_block *restrict b, const drift_reference *restrict r, const float *restrict x,
                             drift_powers *restrict e, int white)
{
    uint32_t l;
    for (l = 0; l < DRIFT_LANES; l++) {
        float u = standardise(r, l, x[l]);
        float z = white ? whiten(b, r, l, u) : durai_drift_within(u, -r->clip[l], r->clip[l]);
        b->z[l] = z;
        powers_of(e, r, l, z);
    }
}

static DURAI_NOINLINE void see_usual(drift_block *restrict b, const drift_reference *restrict r,
                                     const float *restrict x, drift_powers *restrict e)
{
    see(b, r, x, e, 0);
}

static DURAI_NOINLINE void see_white(drift_block *restrict b, const drift_reference *restrict r,
                                     const float *restrict x, drift_powers *restrict e)
{
    see(b, r, x, e, 1);
}

/* then what follows: the mixtures. */
static DURAI_INLINE void advance(drift_block *restrict b, const drift_reference *restrict r,
                                 const drift_powers *restrict e, float *restrict sum, int capped)
{
    uint32_t l;
    for (l = 0; l < DRIFT_LANES; l++)
        sum[l] = judge(b, r, l, e, capped);
    for (l = 0; l < DRIFT_LANES; l++)
        b->n[l]++;
}

static DURAI_NOINLINE void advance_usual(drift_block *restrict b, const drift_reference *restrict r,
                                         const drift_powers *restrict e, float *restrict sum)
{
    advance(b, r, e, sum, 0);
}

static DURAI_NOINLINE void advance_capped(drift_block *restrict b, const drift_reference *restrict r,
                                          const drift_powers *restrict e, float *restrict sum)
{
    advance(b, r, e, sum, 1);
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
static DURAI_NOINLINE float bet_on(drift_block *b, const drift_reference *r, uint32_t l, float u)
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
    b->z[l] = z;
    return mixture(b, l);
}

/* The alarm of a lane after a sample, and what the next one multiplies by. What was not told
 * yet is told, even when the channel came back in between. */
static inline void decide(drift_block *b, const drift_reference *r, uint32_t l, float sum, float limit)
{
    uint32_t alarm = b->flags[l] & CH_ALARM, told = b->flags[l] & CH_TOLD;
    float own = limit * r->share[l], cap = CAP * own, least = sum < 1e18f ? sum : 1e18f; /* its square is a float */
    uint32_t back = (uint32_t)(least * least < own) & (uint32_t)(told != 0);
    DURA_ASSERT(sum >= 0.0f && durai_finite(sum) && cap > 0.0f);
    alarm = (uint32_t)(sum >= own) | (alarm & ~back);
    b->keep[l] = cap / (sum > cap ? sum : cap);
    b->flags[l] = (uint8_t)(alarm | told | (sum > cap ? CH_CAPPED : 0));
}

static inline int has_news(uint8_t flags)
{
    flags &= CH_ALARM | CH_TOLD;
    return flags == CH_ALARM || flags == CH_TOLD;
}

/* One sample of one lane. */
static DURAI_NOINLINE void advance_one(drift_block *b, const drift_reference *r, uint32_t l, float x, float limit)
{
    drift_powers e;
    float u = standardise(r, l, x), z, sum;
    int ready;
    DURA_ASSERT(r->flags[l] & REF_WATCHED);
    if ((r->flags[l] & REF_HELD) && !(u < b->last[l] || u > b->last[l])) {
        durai_drift_skip(&b->gap[l]);
        return;
    }
    b->last[l] = u;
    ready = durai_drift_arrive(&b->gap[l], &b->usual[l], &b->fill[l], r->order[l]);
    if (r->flags[l] & REF_BOUNDED) {
        sum = bet_on(b, r, l, u);
    } else {
        z = whiten(b, r, l, u);
        if (!ready)
            return;
        b->z[l] = z;
        powers_of(&e, r, l, z);
        /* Without vectors there is one way, and the other is not in the device's flash. */
        if (DRIFT_LANES == 1u || (b->flags[l] & CH_CAPPED))
            sum = judge(b, r, l, &e, 1);
        else
            sum = judge(b, r, l, &e, 0);
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
static inline drift_bytes lanes_of(const uint8_t *p)
{
    drift_bytes v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The samples of a block that the frame does not fill: anything finite behind the last. */
static DURAI_NOINLINE const float *gather(float *restrict v, const float *restrict x, size_t n)
{
    uint32_t l;
    for (l = 0; l < DRIFT_LANES; l++)
        v[l] = l < n ? x[l] : 0.0f;
    return v;
}

/* The bits of lanes into one, by or. */
static DURAI_INLINE uint32_t any_of(const uint32_t *lane)
{
    uint32_t l, any = 0;
    for (l = 0; l < DRIFT_LANES; l++)
        any |= lane[l];
    return any;
}

/* Bit 31 of a lane whose sample is not finite: an exponent of all ones carries into it. */
static DURAI_INLINE void find_wild(uint32_t *restrict odd, const float *restrict x)
{
    uint32_t l;
    for (l = 0; l < DRIFT_LANES; l++)
        odd[l] |= (durai_f32_bits(x[l]) & 0x7FFFFFFFu) + 0x00800000u;
}

/* Bit 31 of a lane whose mixture has reached its limit. Neither is negative, so their bits
 * are in the order of their values. */
static DURAI_INLINE void find_reached(uint32_t *restrict odd, const float *restrict sum,
                                      const drift_reference *restrict r, float limit)
{
    uint32_t l;
    for (l = 0; l < DRIFT_LANES; l++)
        odd[l] |= ~(durai_f32_bits(sum[l]) - durai_f32_bits(limit * r->share[l]));
}

/* A byte with this value in every lane. */
static DURAI_INLINE drift_bytes every(uint32_t value)
{
    return (drift_bytes)(UINT64_C(0x0101010101010101) * value);
}

/* Every watched lane is Gaussian, changes, and waits for nothing; those that are not so, and
 * those missing, have a bit in what comes back. n: samples from the block's first on. */
static DURAI_INLINE drift_bytes not_plain(const drift_block *b, const drift_reference *r, const uint8_t *missing, size_t n)
{
    drift_bytes watched = lanes_of(r->flags), absent = 0;
    drift_bytes odd = lanes_of(b->fill) | lanes_of(b->gap) | lanes_of(b->usual) | (watched & (drift_bytes)~every(REF_WATCHED));
    if (missing && n >= DRIFT_LANES)
        absent = lanes_of(missing);
    else if (missing)
        memcpy(&absent, missing, n);
    return odd | (absent & (drift_bytes)(watched * 255u));
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

int durai_drift_sample(dura_drift *d, uint16_t i, float x, dura_fact *f)
{
    drift_block *b = &d->block[durai_drift_block(i)];
    advance_one(b, &d->reference[durai_drift_block(i)], durai_drift_lane(i), x, d->limit);
    if (!has_news(b->flags[durai_drift_lane(i)]))
        return 0;
    tell(d, i, f);
    return 1;
}

float durai_drift_standardise(const drift_reference *r, uint32_t l, float x) { return standardise(r, l, x); }

float durai_drift_gain(const drift_reference *r, uint32_t l, uint32_t i, float z, float *own)
{
    static const float times[SHIFTS] = {1.0f, 3.0f, 7.0f, 15.0f};
    float way = i < DOWN ? z : -z;
    DURA_ASSERT(i < HYPOTHESES - 1);
    *own = (r->flags[l] & REF_BOUNDED) ? bet_weight[i % SHIFTS] : durai_drift_weight[i][l];
    if (r->flags[l] & REF_BOUNDED) {
        float lr = 1.0f + durai_drift_bet(r, l, i) * (way - r->shift_slack[l]);
        return lr > 1e-6f ? durai_log(lr) : -14.0f;
    }
    if (i >= SPREAD)
        return durai_log(durai_drift_at_zero[i][l]) + (i == SPREAD ? 0.25f : 0.375f) * (z * z);
    return durai_log(durai_drift_at_zero[i][l]) + times[i % SHIFTS] * (0.16f * way + durai_log(r->shift_slack[l]));
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

/* Blocks are seen before they are worked on: what a sample is takes long chains of few
 * steps, and those of several blocks fill each other's gaps. Eight blocks at a time. */
enum { CHUNK = 8 };
typedef struct drift_chunk {
    drift_powers powers[CHUNK];
    float sum[CHUNK][DRIFT_LANES];
    float some[DRIFT_LANES];    /* samples of a block that the frame does not fill */
    uint32_t seen;              /* bit: the block is worked on with all its lanes at once */
    uint32_t n;
} drift_chunk;

/* Every sample of a chunk is finite. */
static DURAI_INLINE int all_tame(drift_chunk *c, const float *x, size_t n)
{
    uint32_t i, odd[DRIFT_LANES] = {0};
    size_t whole = n / DRIFT_LANES < c->n ? n / DRIFT_LANES : c->n;
    for (i = 0; i < whole; i++)
        find_wild(odd, x + i * DRIFT_LANES);
    if (whole < c->n)
        find_wild(odd, gather(c->some, x + whole * DRIFT_LANES, n % DRIFT_LANES));
    return any_of(odd) < 0x80000000u;
}

/* Sees the blocks of a chunk, or works on them lane by lane; n: samples from the first
 * block's first on. 1 when there is news already. */
static DURAI_INLINE int see_all(drift_chunk *c, drift_block *b, const drift_reference *r, const float *x,
                                const uint8_t *missing, size_t n, float limit)
{
    int tame = all_tame(c, x, n), news = 0;
    uint32_t i, blocks = c->n, seen = 0;
    DURA_ASSERT(blocks > 0 && blocks <= CHUNK && n > (size_t)(blocks - 1u) * DRIFT_LANES);
    for (i = 0; i < blocks; i++, b++, r++, x += DRIFT_LANES, n -= DRIFT_LANES) {
        const uint8_t *gone = missing ? missing + (size_t)i * DRIFT_LANES : NULL;
        const float *v = n < DRIFT_LANES ? c->some : x;
        if (lanes_of(r->flags) == 0)
            continue;
        if (!tame || not_plain(b, r, gone, n)) {
            news |= advance_some(b, r, x, gone, n, limit);
            continue;
        }
        if (lanes_of(r->order) != 0)
            see_white(b, r, v, &c->powers[i]);
        else
            see_usual(b, r, v, &c->powers[i]);
        seen |= 1u << i;
    }
    c->seen = seen;
    return news;
}

/* What the mixtures of a chunk mean, in the blocks that one of them can mean something in:
 * 1 when there is news. */
static DURAI_NOINLINE int conclude(const drift_chunk *c, drift_block *b, const drift_reference *r, float limit)
{
    uint32_t i, l;
    int news = 0;
    for (i = 0; i < c->n; i++) {
        uint32_t odd[DRIFT_LANES] = {0};
        if (!(c->seen >> i & 1u))
            continue;
        find_reached(odd, c->sum[i], &r[i], limit);
        if (lanes_of(b[i].flags) == 0 && any_of(odd) < 0x80000000u)
            continue;
        for (l = 0; l < DRIFT_LANES; l++) {
            decide(&b[i], &r[i], l, c->sum[i][l], limit);
            news |= has_news(b[i].flags[l]);
        }
    }
    return news;
}

/* One frame of at most CHUNK blocks: 1 when one has something to tell. n: samples from the
 * first block's first on. */
static DURAI_NOINLINE int frame_of(drift_chunk *c, drift_block *b, const drift_reference *r, const float *x,
                                   const uint8_t *missing, size_t n, float limit)
{
    int news = see_all(c, b, r, x, missing, n, limit);
    uint32_t i, blocks = c->n, seen = c->seen, odd[DRIFT_LANES] = {0};
    drift_bytes flags = 0;
    DURA_ASSERT(seen >> blocks == 0);
    for (i = 0; i < blocks; i++) {
        drift_bytes now = lanes_of(b[i].flags);
        if (!(seen >> i & 1u))
            continue;
        if (now & every(CH_CAPPED))
            advance_capped(&b[i], &r[i], &c->powers[i], c->sum[i]);
        else
            advance_usual(&b[i], &r[i], &c->powers[i], c->sum[i]);
        flags |= now;
        find_reached(odd, c->sum[i], &r[i], limit);
    }
    if (flags != 0 || any_of(odd) >= 0x80000000u)
        news |= conclude(c, b, r, limit);
    return news;
}

static int side_by_side(dura_drift *d, const float *x, const uint8_t *missing)
{
    drift_chunk c;
    uint32_t k;
    int speak = 0;
    for (k = 0; k < d->blocks; k += CHUNK) {
        size_t at = (size_t)k * DRIFT_LANES;
        c.n = d->blocks - k < CHUNK ? d->blocks - k : CHUNK;
        speak |= frame_of(&c, d->block + k, d->reference + k, x + at, missing ? missing + at : NULL, d->n - at, d->limit);
    }
    return speak;
}

static int one_by_one(dura_drift *d, const float *x, const uint8_t *missing)
{
    uint32_t k;
    int speak = 0;
    for (k = 0; k < d->blocks; k++)
        speak |= advance_some(d->block + k, d->reference + k, x + k, missing ? missing + k : NULL, 1, d->limit);
    return speak;
}

int dura_drift_update(dura_drift *d, const float *x, const uint8_t *missing, size_t n,
                      dura_fact *facts, size_t max_facts)
{
    int speak;
    if (!d || !x || n != d->n || (!facts && max_facts > 0))
        return DURA_EINVAL;
    /* Without vectors there is one way, and the other is not in the device's flash. */
    if (DRIFT_LANES == 1u || n == 1)
        speak = one_by_one(d, x, missing);
    else
        speak = side_by_side(d, x, missing);
    return speak ? tell_all(d, facts, max_facts) : 0;
}
