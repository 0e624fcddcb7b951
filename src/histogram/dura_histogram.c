/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_histogram.c - a sequential test of pinned bins against whatever the samples become.
 *
 * For each memory m, with q the probabilities its counts give (the reference counts as HIST_PRIOR
 * samples a bin, so that no bin is ever impossible):
 *     R(t) = (R(t-1) + w) x q(b) / p(b),      S(t) = (S(t-1) + R(t-1) + w) x q(b) / p(b)
 * q is known before the sample, so E[q(b) / p(b)] = sum of q = 1 under the reference, and the sum
 * of the R's less t is a martingale. S / R is the age of the change.
 *
 * Under probabilities p' that the reference missed a little, E[q(b) / p(b)] is at most 1 + w x
 * chi2(p', p) with w the weight of the samples in q, and chi2 is (bins - 1) / n on average when
 * p was learned from n: that is divided out, times a factor (docs/histogram.md).
 *
 * Nothing overflows: q / p <= 1000, R <= 1000 limits x 1000, S <= 2^25 R; nothing becomes
 * subnormal: q / p > 0.001, `slack` > 0.01 and `keep` > 5e-4, and every step adds a third.
 */
#include "dura_histogram_priv.h"

#define CONFIG_V1 16u
#define REFERENCE_V1 136u
#define STATE_V1 40u
#define ARL0_MIN 100.0f
#define ARL0_MAX 1e9f
#define EDGE_MOST 3e38f
#define WEIGHT 0.333333343f
#define WHY_KNOWN (DURA_HISTOGRAM_SHORT | DURA_HISTOGRAM_CORRELATED | DURA_HISTOGRAM_TREND)
#define SEVERITY_ALARM 5
#define SEVERITY_BACK 1

/* ---- building ------------------------------------------------------------------------ */

static int read_config(dura_histogram_config *c, const dura_histogram_config *theirs)
{
    int rc;
    if (!theirs)
        return DURA_EINVAL;
    rc = durai_struct_in(c, (uint32_t)sizeof *c, theirs, theirs->struct_size, CONFIG_V1);
    if (rc < 0)
        return rc;
    if (c->n_channels < 1 || c->n_channels > DURA_HISTOGRAM_CHANNELS_MAX || c->reserved != 0 ||
        (c->flags & ~(uint32_t)DURA_HISTOGRAM_RESTART) != 0)
        return DURA_EINVAL;
    if (!durai_finite(c->arl0) || c->arl0 < ARL0_MIN || c->arl0 > ARL0_MAX)
        return DURA_EINVAL;
    return DURA_OK;
}

static size_t object_bytes(uint16_t n)
{
    DURA_ASSERT(sizeof(histogram_channel) == 112 && sizeof(histogram_reference) == 136);
    return sizeof(dura_histogram) + (size_t)n * (sizeof(histogram_channel) + sizeof(histogram_reference));
}

static size_t histogram_bytes(const dura_histogram_config *cfg)
{
    dura_histogram_config c;
    return read_config(&c, cfg) < 0 ? 0 : object_bytes(c.n_channels);
}

/* Statistics and counts begin anew. */
static void restart(histogram_channel *c)
{
    uint64_t n = c->n;
    memset(c, 0, sizeof *c);
    c->n = n;
    c->keep = 1.0f;
}

static int histogram_reset(dura_histogram *h)
{
    uint32_t i;
    if (!h)
        return DURA_EINVAL;
    for (i = 0; i < h->n; i++) {
        h->channel[i].n = 0;
        restart(&h->channel[i]);
    }
    return DURA_OK;
}

static int histogram_init(dura_histogram **out, void *mem, size_t len, const dura_histogram_config *cfg)
{
    dura_histogram_config c;
    dura_histogram *h = mem;
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
    memset(h, 0, object_bytes(c.n_channels));
    h->n = c.n_channels;
    h->flags = c.flags;
    h->arl0 = c.arl0;
    h->channel = (histogram_channel *)(void *)(h + 1);
    h->reference = (histogram_reference *)(void *)(h->channel + h->n);
    *out = h;
    return histogram_reset(h);
}

/* ---- references ---------------------------------------------------------------------- */

/* n floats of which all are +0. */
static int none(const float *f, uint32_t n)
{
    uint32_t bits = 0;
    while (n > 0)
        bits |= durai_f32_bits(f[--n]);
    return bits == 0;
}

static int sound(const dura_histogram_reference *r)
{
    float sum = 0.0f;
    uint32_t i;
    if (r->n_bins < 2 || r->n_bins > HIST_BINS || (r->why & ~(uint32_t)WHY_KNOWN) != 0)
        return 0;
    for (i = 0; i + 1u < r->n_bins; i++)
        if (!(r->edge[i] >= -EDGE_MOST && r->edge[i] <= EDGE_MOST) || (i > 0 && !(r->edge[i] > r->edge[i - 1u])))
            return 0;
    for (i = 0; i < r->n_bins; i++) {
        if (!(r->p[i] >= HIST_P_LEAST && r->p[i] <= 1.0f))
            return 0;
        sum += r->p[i];
    }
    return sum >= 0.999f && sum <= 1.001f && none(r->edge + (r->n_bins - 1u), HIST_BINS - r->n_bins) &&
           none(r->p + r->n_bins, HIST_BINS - r->n_bins);
}

/* The longer the time asked for beside the samples learned from, the more of an error of the
 * reference is seen in it; CORRELATED samples count for half. */
static float slack_of(const dura_histogram_reference *r, float arl0)
{
    float n = (float)r->n, times, factor = 1.0f;
    if (r->n == 0)
        return 1.0f;
    if (r->why & (uint32_t)DURA_HISTOGRAM_CORRELATED)
        n *= 0.5f;
    times = arl0 / n;
    if (times > 1.0f)
        factor += 0.1f * durai_log(times);
    return 1.0f / (1.0f + factor * (float)(r->n_bins - 1) / n);
}

static void settle(histogram_reference *out, const dura_histogram_reference *r, float arl0)
{
    float sum = 0.0f;
    uint32_t i;
    for (i = 0; i < r->n_bins; i++)
        sum += r->p[i];
    DURA_ASSERT(sum > 0.99f && sum < 1.01f);
    for (i = 0; i < HIST_BINS; i++)
        out->p[i] = i < r->n_bins ? r->p[i] / sum : 1.0f;
    for (i = 0; i + 1u < HIST_BINS; i++)
        out->edge[i] = i + 1u < r->n_bins ? r->edge[i] : durai_f32(0x7F800000u);
    out->slack = slack_of(r, arl0);
    out->why = (uint8_t)r->why;
    out->bins = (uint8_t)r->n_bins;
}

static int histogram_attach(dura_histogram *h, uint16_t index, const dura_histogram_reference *ref)
{
    dura_histogram_reference r;
    int rc;
    if (!h || !ref || index >= h->n)
        return DURA_EINVAL;
    rc = durai_struct_in(&r, (uint32_t)sizeof r, ref, ref->struct_size, REFERENCE_V1);
    if (rc < 0)
        return rc;
    if (!sound(&r))
        return DURA_EINVAL;
    if (durai_histogram_watched(h, index))
        return DURA_ESTATE;
    settle(&h->reference[index], &r, h->arl0 * (float)h->n);
    h->watched++;
    h->limit = h->arl0 * (float)h->watched;
    return DURA_OK;
}

/* ---- a sample ------------------------------------------------------------------------- */

static uint32_t bin_of(const histogram_reference *r, float x)
{
    uint32_t i, b = 0;
    for (i = 0; i + 1u < HIST_BINS; i++)
        b += (uint32_t)(x >= r->edge[i]);
    DURA_ASSERT(b < r->bins);
    return b;
}

static uint32_t count_of(const histogram_channel *c, uint32_t m, uint32_t b)
{
    return m == SLOW ? c->slow[b] : m == MIDDLE ? c->middle[b] : c->fast[b];
}

/* What memory m makes of bin b over what the reference does: q(b) / p(b). */
static float ratio(const histogram_channel *c, const histogram_reference *r, uint32_t m, uint32_t b)
{
    float prior = HIST_PRIOR * (float)r->bins;
    return ((float)count_of(c, m, b) / r->p[b] + prior) / ((float)c->total[m] + prior);
}

static float mixture(const histogram_channel *c)
{
    return (c->r[FAST] + c->r[MIDDLE]) + c->r[SLOW];
}

static void halve(histogram_channel *c, uint32_t m)
{
    uint32_t i, total = 0;
    for (i = 0; i < HIST_BINS; i++) {
        if (m == SLOW)
            c->slow[i] = (uint16_t)(c->slow[i] >> 1);
        else if (m == MIDDLE)
            c->middle[i] = (uint8_t)(c->middle[i] >> 1);
        else
            c->fast[i] = (uint8_t)(c->fast[i] >> 1);
        total += count_of(c, m, i);
    }
    DURA_ASSERT(total < SLOW_EVERY);
    c->total[m] = (uint16_t)total;
}

static void remember(histogram_channel *c, uint32_t b)
{
    static const uint32_t every[MEMORIES] = {FAST_EVERY, MIDDLE_EVERY, SLOW_EVERY};
    uint32_t m;
    DURA_ASSERT(c->fast[b] < 2u * FAST_EVERY - 1u && c->middle[b] < 2u * MIDDLE_EVERY - 1u);
    c->fast[b]++;
    c->middle[b]++;
    c->slow[b]++;
    c->n++;
    for (m = 0; m < MEMORIES; m++) {
        c->total[m]++;
        if (c->n % every[m] == 0)
            halve(c, m);
    }
}

/* One sample; 1 when the channel has something to tell. */
static int advance(histogram_channel *c, const histogram_reference *r, float x, float limit)
{
    uint32_t b = bin_of(r, x), m, alarm = c->flags & HIST_ALARM, told = c->flags & HIST_TOLD;
    float sum;
    for (m = 0; m < MEMORIES; m++) {
        float lr = ratio(c, r, m, b) * r->slack * c->keep, was = c->r[m] + WEIGHT;
        c->aged[m] = (c->aged[m] + was) * lr;
        c->r[m] = was * lr;
    }
    remember(c, b);
    c->last = (uint8_t)b;
    sum = mixture(c);
    DURA_ASSERT(sum > 0.0f && durai_finite(sum));
    c->keep = HIST_CAP * limit / (sum > HIST_CAP * limit ? sum : HIST_CAP * limit);
    if (told && sum < durai_sqrt(limit))
        alarm = 0;
    if (sum >= limit)
        alarm = HIST_ALARM;
    c->flags = (uint8_t)(alarm | told);
    return c->flags == HIST_ALARM || c->flags == HIST_TOLD;
}

/* ---- what it says ----------------------------------------------------------------------- */

static uint32_t leader(const histogram_channel *c)
{
    uint32_t m, best = FAST;
    for (m = MIDDLE; m < MEMORIES; m++)
        best = c->r[m] > c->r[best] ? m : best;
    return best;
}

/* How much probability has moved, by the leading memory. */
static float moved_of(const histogram_channel *c, const histogram_reference *r)
{
    uint32_t m = leader(c), b;
    float moved = 0.0f;
    for (b = 0; b < r->bins; b++) {
        float over = (ratio(c, r, m, b) - 1.0f) * r->p[b];
        moved += over > 0.0f ? over : 0.0f;
    }
    DURA_ASSERT(moved >= 0.0f);
    return moved < 1.0f ? moved : 1.0f;
}

/* The bins beyond three deviations in any memory and the one that is furthest (bins: none is
 * above what was expected), which always counts. */
static uint32_t grown(const histogram_channel *c, const histogram_reference *r, uint8_t *bin)
{
    uint32_t m, b, bits = 0;
    float most = 0.0f;
    *bin = r->bins;
    for (m = 0; m < MEMORIES; m++)
        for (b = 0; b < r->bins; b++) {
            float usual = (float)c->total[m] * r->p[b], more = (float)count_of(c, m, b) - usual;
            float z2 = more > 0.0f ? more * more / (usual * (1.0f - r->p[b])) : 0.0f;
            bits |= (uint32_t)(z2 > 9.0f) << b;
            *bin = z2 > most ? (uint8_t)b : *bin;
            most = z2 > most ? z2 : most;
        }
    DURA_ASSERT(*bin <= r->bins && bits < 1u << HIST_BINS);
    return *bin < r->bins ? bits | 1u << *bin : bits;
}

static uint32_t onset_of(const histogram_channel *c)
{
    uint32_t m = leader(c);
    float age = c->r[m] > 0.0f ? c->aged[m] / c->r[m] : 0.0f;
    return age < 33554432.0f ? (uint32_t)age : 33554432u;
}

static int64_t thousandths(float x)
{
    return x < 4e6f ? (int64_t)(x * 1000.0f + 0.5f) : (int64_t)UINT32_MAX;
}

/* What channel i has to say, and the state after it was said. */
static void tell(dura_histogram *h, uint32_t i, dura_fact *f)
{
    histogram_channel *c = &h->channel[i];
    int alarm = c->flags & HIST_ALARM;
    uint8_t bin;
    DURA_ASSERT(i < h->n && (c->flags == HIST_ALARM || c->flags == HIST_TOLD));
    memset(f, 0, sizeof *f);
    f->kind = DURA_FACT_DRIFT;
    f->severity = alarm ? SEVERITY_ALARM : SEVERITY_BACK;
    f->log = DURA_LOG_DECISION;
    f->channel = (uint16_t)i;
    f->asset = f->zone = f->source = f->control = f->risk = f->component = DURA_NONE;
    f->reasons = h->reference[i].why;
    f->value[3] = thousandths(mixture(c) * c->keep / h->limit);
    if (alarm) {
        f->reasons |= grown(c, &h->reference[i], &bin) << 16;
        f->value[0] = DURA_HISTOGRAM_SHAPE;
        f->value[1] = thousandths(moved_of(c, &h->reference[i]));
        f->value[2] = onset_of(c);
        c->flags |= HIST_TOLD;
    }
    if (!alarm || (h->flags & DURA_HISTOGRAM_RESTART))
        restart(c);
}

static int histogram_update(dura_histogram *h, const float *x, const uint8_t *missing, size_t n, dura_fact *facts,
                            size_t max_facts)
{
    size_t told = 0;
    uint32_t i;
    if (!h || !x || n != h->n || (!facts && max_facts > 0))
        return DURA_EINVAL;
    for (i = 0; i < h->n; i++) {
        histogram_channel *c = &h->channel[i];
        if (!durai_histogram_watched(h, i))
            continue;
        if (durai_finite(x[i]) && !(missing && missing[i]))
            (void)advance(c, &h->reference[i], x[i], h->limit);
        if ((c->flags == HIST_ALARM || c->flags == HIST_TOLD) && told < max_facts)
            tell(h, i, &facts[told++]);
    }
    return (int)told;
}

static int histogram_query(const dura_histogram *h, uint16_t channel, dura_histogram_state *out)
{
    dura_histogram_state s = DURA_HISTOGRAM_STATE_INIT;
    const histogram_channel *c;
    if (!h || !out || channel >= h->n)
        return DURA_EINVAL;
    if (!durai_histogram_watched(h, channel))
        return DURA_ENOENT;
    c = &h->channel[channel];
    s.alarm = (uint8_t)(c->flags & HIST_ALARM);
    s.grown = (uint16_t)grown(c, &h->reference[channel], &s.bin);
    s.size = moved_of(c, &h->reference[channel]);
    s.why = h->reference[channel].why;
    s.onset = onset_of(c);
    s.statistic = mixture(c) * c->keep;
    s.limit = h->limit;
    s.last = c->last;
    s.n = c->n;
    return durai_struct_out(out, &s, (uint32_t)sizeof s, STATE_V1);
}

const dura_histogram_calls *dura_histogram_part(void)
{
    static const dura_histogram_calls calls = {
        (uint32_t)sizeof(dura_histogram_calls), 0, histogram_bytes, histogram_init, histogram_attach, histogram_update,
        histogram_query, histogram_reset, durai_histogram_save, durai_histogram_load};
    return &calls;
}
