/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift_probe.c - does the monitor still find what it is there for?
 *
 * A channel's state is taken out of its place, and a state that begins anew is put there
 * instead; synthetic samples go through the code that judges the process, and then both
 * change places again. So reference, memory and arithmetic are those that count, and the
 * process's own state is bit for bit what it was.
 *
 * The samples have no noise, which makes the delay a theorem: under a constant z every
 * hypothesis' statistic is at least w x LR(z)^t, so the mixture has reached the limit after
 * ln(limit / w) / ln LR(z) samples of the best one. Whoever is later is broken.
 *
 * A wider spread is samples equally far above and below in turn: the ratios of the wider
 * hypotheses know z^2 only, so the same holds of them.
 *
 * The limit is held against what it is made from, the reference against what was attached,
 * the process's state against what update() can leave: a shift that is drawn from a broken
 * reference would be found in it.
 */
#include "dura_drift_priv.h"

#define SHIFT_LEAST 0.75f          /* below, samples without noise are found as a narrower spread */
#define SHIFT_MOST 6.0f
#define SPREAD_LEAST 1.5f          /* as far from the mean: below, the wider spreads gain too little */
#define BOUND_MOST 2000.0f          /* samples: what is slower than that is no detection */
#define NUDGES 40u                  /* doublings of the last place until a sample is there */

/* ---- a lane and the probe's state change places ------------------------------------------ */

static void change_places(float *a, uint32_t *b)
{
    uint32_t was = durai_f32_bits(*a);
    *a = durai_f32(*b);
    *b = was;
}

static void change_bytes(uint8_t *a, uint32_t *word, uint32_t shift)
{
    uint32_t was = *a;
    *a = (uint8_t)(*word >> shift);
    *word = (*word & ~(0xFFu << shift)) | was << shift;
}

static void exchange(drift_block *b, uint32_t l, uint32_t lane[32])
{
    uint32_t i, at = 0;
    uint64_t n = b->n[l];
    for (i = 0; i < HYPOTHESES; i++)
        change_places(&b->r[i][l], &lane[at++]);
    for (i = 0; i < HYPOTHESES; i++)
        change_places(&b->aged[i][l], &lane[at++]);
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        change_places(&b->past[i][l], &lane[at++]);
    change_places(&b->z[l], &lane[at++]);
    change_places(&b->last[l], &lane[at++]);
    change_places(&b->keep[l], &lane[at++]);
    change_bytes(&b->fill[l], &lane[at], 0);
    change_bytes(&b->gap[l], &lane[at], 8);
    change_bytes(&b->usual[l], &lane[at], 16);
    change_bytes(&b->flags[l], &lane[at++], 24);
    b->n[l] = (uint64_t)lane[at + 1u] << 32 | lane[at];
    lane[at++] = (uint32_t)n;
    lane[at++] = (uint32_t)(n >> 32);
    DURA_ASSERT(at == 32u);
}

/* ---- what is given, and what theory says of it --------------------------------------------- */

/* How far from the expected value the samples of this probe are, with its sign. Bets are
 * made where the bounds leave more room: beyond them no sample is. */
static float distance(const drift_reference *r, uint32_t l, const dura_drift_probe *p)
{
    float far = p->shift < 0.0f ? -p->shift : p->shift, room = r->clip[l];
    int up = p->shift > 0.0f;
    if (p->spread) {
        up = 1;
    } else if (r->flags[l] & REF_BOUNDED) {
        far += r->shift_slack[l];
        up = r->phi[1][l] >= r->phi[0][l];
        room = up ? r->phi[1][l] : r->phi[0][l];
    } else {
        far += durai_log(r->shift_slack[l]) * (-1.0f / 0.16f);
    }
    far = far < room ? far : room;
    return up ? far : -far;
}

/* Samples within which the mixture reaches the limit; 0: it need not. */
static DURAI_NOINLINE uint32_t bound_of(const drift_reference *r, uint32_t l, const dura_drift_probe *p, float limit)
{
    float best = BOUND_MOST, z = distance(r, l, p);
    uint32_t i = p->spread ? SPREAD : 0, end = p->spread ? SPREAD + 2u : (uint32_t)SPREAD;
    DURA_ASSERT(limit > 0.0f && r->share[l] > 0.0f);
    if (p->spread && (r->flags[l] & REF_BOUNDED))
        return 0;
    for (; i < end; i++) {
        float weight, gain = durai_drift_gain(r, l, i, z, &weight), samples;
        if (!(gain > 1e-4f))
            continue;
        samples = durai_log(limit * r->share[l] / weight) / gain;
        best = samples < best ? samples : best;
    }
    if (!(best < BOUND_MOST))
        return 0;
    /* What was begun counts as a sample, and one more is for the rounding of logarithms. */
    return (best > 0.0f ? (uint32_t)best : 0u) + 2u + r->order[l];
}

/* What the autoregression expects next, in deviations. */
static float expected(const drift_block *b, const drift_reference *r, uint32_t l)
{
    float sum = 0.0f;
    uint32_t k;
    for (k = 0; k < r->order[l]; k++)
        sum += r->phi[k][l] * b->past[k][l];
    return sum;
}

/* A sample that is not nearer than z to what is expected, and not the one before: values that
 * a float cannot tell apart, or that a HELD channel takes for a repetition, are moved on. */
static float next_sample(const drift_block *b, const drift_reference *r, uint32_t l, float z)
{
    float target = (r->flags[l] & REF_BOUNDED) ? z : expected(b, r, l) + z;
    float x = r->mean[l] + target / r->scale[l], size = x < 0.0f ? -x : x;
    float step = size * 1.2e-7f + 1e-37f;
    uint32_t k;
    for (k = 0; k < NUDGES; k++) {
        float u = durai_drift_standardise(r, l, x);
        int far = z > 0.0f ? u >= target : u <= target;
        if (far && (u < b->last[l] || u > b->last[l]))
            break;
        x += z > 0.0f ? step : -step;
        step += step;
    }
    return x;
}

/* ---- a probe --------------------------------------------------------------------------- */

static int asked_well(const dura_drift *d, const dura_drift_probe *p)
{
    float size = p->shift < 0.0f && !p->spread ? -p->shift : p->shift, least = p->spread ? SPREAD_LEAST : SHIFT_LEAST;
    return p->channel < d->n && !p->over && p->spread <= 1 && size >= least && size <= SHIFT_MOST;
}

/* Is everything what it was when the monitor was built? */
static DURAI_NOINLINE int intact(const dura_drift *d, const dura_drift_reference *ref, dura_drift_probe *p)
{
    const drift_reference *r = &d->reference[durai_drift_block(p->channel)];
    uint32_t l = durai_drift_lane(p->channel);
    if (durai_f32_bits(d->limit) != durai_f32_bits(d->arl0 * (float)d->watched))
        return 0;
    if (ref && !durai_drift_same_reference(d, r, l, ref))
        return 0;
    durai_drift_put((uint8_t *)p->lane, &d->block[durai_drift_block(p->channel)], r, l);
    return durai_drift_sound((const uint8_t *)p->lane, r, l, d->limit);
}

static DURAI_NOINLINE int begin(dura_drift *d, const dura_drift_reference *ref, dura_drift_probe *p)
{
    drift_block *b = &d->block[durai_drift_block(p->channel)];
    const drift_reference *r = &d->reference[durai_drift_block(p->channel)];
    uint32_t l = durai_drift_lane(p->channel), bound;
    if (!intact(d, ref, p))
        return DURA_ECORRUPT;
    bound = bound_of(r, l, p, d->limit);
    if (bound == 0)
        return DURA_ENOTSUP;
    p->samples = 0;
    p->direction = 0;
    p->n = b->n[l];
    /* The probe's state: as if no sample had come. */
    memset(p->lane, 0, sizeof p->lane);
    exchange(b, l, p->lane);
    durai_drift_forget(b, l, r);
    exchange(b, l, p->lane);
    p->bound = bound;
    return DURA_OK;
}

/* At most so many samples more: 1 when it is over. */
static DURAI_NOINLINE int go_on(dura_drift *d, dura_drift_probe *p, uint32_t max_samples)
{
    drift_block *b = &d->block[durai_drift_block(p->channel)];
    const drift_reference *r = &d->reference[durai_drift_block(p->channel)];
    uint32_t l = durai_drift_lane(p->channel);
    float z = distance(r, l, p);
    DURA_ASSERT(p->bound > 0 && p->samples < 2u * p->bound);
    exchange(b, l, p->lane);
    for (; max_samples > 0 && !p->over; max_samples--) {
        float at = p->spread && (p->samples & 1u) ? -z : z;
        int found = durai_drift_sample(d, p->channel, next_sample(b, r, l, at), &p->fact);
        p->samples++;
        if (found)
            p->direction = (uint8_t)p->fact.value[0];
        p->over = (uint8_t)(found || p->samples >= 2u * p->bound);
    }
    exchange(b, l, p->lane);
    return p->over;
}

int durai_drift_probe(dura_drift *d, const dura_drift_reference *ref, dura_drift_probe *p, uint32_t max_samples)
{
    if (!d || !p)
        return DURA_EINVAL;
    if (p->struct_size != sizeof *p || (ref && ref->struct_size != sizeof *ref))
        return DURA_EVERSION;
    if (!asked_well(d, p))
        return DURA_EINVAL;
    if (!durai_drift_watched(d, p->channel))
        return DURA_ENOENT;
    int rc = p->bound ? DURA_OK : begin(d, ref, p);
    return rc < 0 ? rc : go_on(d, p, max_samples);
}
