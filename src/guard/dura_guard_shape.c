/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside each quantity's own mean and spread: do they belong together, and has a distribution
 * changed its shape?
 *
 * T2 and SPE (mspc.h) are two more quantities for the drift monitor, behind the features: its
 * references, its limits, its state over a start and its self-test are theirs, too. Their alarm
 * names the inputs that the others explain least.
 *
 * Histograms (histogram.h) are fed beside the monitor, with its whitened samples where the policy
 * says so: what is autocorrelated fills the bins in runs, and no theorem holds. Both share the
 * asked rate by the number of their references, so that it is kept by all of them together.
 */
#include "dura_guard_policy.h"
#include "dura_guard_watch.h"

#define ARL0_MOST 1e9f

static size_t up8(size_t n) { return (n + 7u) & ~(size_t)7u; }

static uint32_t count_of(const void *policy, uint32_t section)
{
    uint32_t n = 0;
    (void)durai_policy_section(policy, section, &n, NULL);
    return n;
}

float durai_shape_share(const void *policy, float arl0, uint32_t section)
{
    uint32_t mine = count_of(policy, section);
    uint32_t all = count_of(policy, DURAI_POLICY_REFERENCES) + count_of(policy, DURAI_POLICY_HISTOGRAMS);
    if (mine == all || mine == 0)
        return arl0; /* to the bit, as without histograms */
    arl0 = arl0 * (float)all / (float)mine;
    return arl0 < ARL0_MOST ? arl0 : ARL0_MOST;
}

/* ---- building ------------------------------------------------------------------------------ */

/* An image's numbers are those of a little-endian machine. */
static int same_order(void)
{
    const uint32_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first;
}

/* All but the values. */
static int basis_of(const void *policy, dura_mspc_basis *b, const uint8_t **input)
{
    durai_policy_mspc p;
    int rc = durai_policy_get_mspc(policy, &p);
    if (rc != DURA_OK)
        return rc;
    *b = (dura_mspc_basis)DURA_MSPC_BASIS_INIT;
    b->n_channels = p.n_inputs;
    b->n_components = p.components;
    b->newest = p.newest;
    b->n_values = (uint32_t)DURA_MSPC_VALUES(p.n_inputs, p.components);
    *input = durai_policy_section(policy, DURAI_POLICY_NUMBERS, NULL, NULL) + 4u * p.first;
    b->values = (const float *)(const void *)(*input + 4u * p.n_inputs);
    return DURA_OK;
}

static DURAI_NOINLINE size_t together_bytes(const void *policy, const dura_mspc_calls *mspc_calls)
{
    dura_mspc_basis b;
    const uint8_t *input;
    if (!mspc_calls || basis_of(policy, &b, &input) != DURA_OK)
        return 0;
    return up8(mspc_calls->bytes(&b)) + up8(5u * b.n_channels) + (same_order() ? 0 : up8(4u * b.n_values));
}

static void shape_config(const void *policy, dura_histogram_config *c)
{
    durai_policy_drift p;
    memset(c, 0, sizeof *c);
    c->struct_size = sizeof *c;
    c->n_channels = (uint16_t)count_of(policy, DURAI_POLICY_HISTOGRAMS);
    if (durai_policy_get_drift(policy, &p) == DURA_OK)
        c->arl0 = durai_shape_share(policy, p.arl0, DURAI_POLICY_HISTOGRAMS);
}

static DURAI_NOINLINE size_t histogram_bytes(const void *policy, const dura_histogram_calls *histogram_calls)
{
    dura_histogram_config c;
    shape_config(policy, &c);
    return histogram_calls && c.n_channels ? up8(histogram_calls->bytes(&c)) + up8(9u * c.n_channels) : 0;
}

size_t durai_shape_bytes(const void *policy, const durai_watch_parts *parts)
{
    return together_bytes(policy, parts->mspc) + histogram_bytes(policy, parts->histogram);
}

static DURAI_NOINLINE int build_together(durai_watch *w, uint8_t **at)
{
    dura_mspc_basis b;
    int rc = basis_of(w->policy, &b, &w->input);
    size_t bytes = rc == DURA_OK ? w->mspc_calls->bytes(&b) : 0;
    if (bytes == 0)
        return DURA_EINVAL;
    DURA_ASSERT(((uintptr_t)*at & 7u) == 0);
    w->n_inputs = b.n_channels;
    w->n_things = (uint16_t)(w->n_plain + 2u);
    if (!same_order()) {
        float *v = (float *)(void *)*at;
        for (uint32_t i = 0; i < b.n_values; i++)
            v[i] = durai_f32(durai_le32(w->input + 4u * (b.n_channels + i)));
        b.values = v;
        *at += up8(4u * b.n_values);
    } else if (((uintptr_t)b.values & 3u) != 0) {
        return DURA_EALIGN;
    }
    rc = w->mspc_calls->init(&w->mspc, *at, bytes, &b);
    *at += up8(bytes);
    w->mspc_x = (float *)(void *)*at;
    w->mspc_missing = *at + 4u * b.n_channels;
    *at += up8(5u * b.n_channels);
    return rc;
}

/* The i-th histogram into w->hand.shape. */
static DURAI_NOINLINE int shape_of(durai_watch *w, uint32_t i)
{
    durai_policy_histogram p;
    dura_histogram_reference *r = &w->hand.shape;
    int rc = durai_policy_get_histogram(w->policy, i, &p);
    if (rc != DURA_OK)
        return rc;
    const uint8_t *v = durai_policy_section(w->policy, DURAI_POLICY_NUMBERS, NULL, NULL) + 4u * p.first;
    *r = (dura_histogram_reference)DURA_HISTOGRAM_REFERENCE_INIT;
    r->n = p.n;
    r->n_bins = p.n_bins;
    r->why = p.why;
    DURA_ASSERT(p.n_bins >= 2 && p.n_bins <= DURA_HISTOGRAM_BINS_MAX);
    for (uint32_t k = 0; k + 1u < p.n_bins; k++, v += 4)
        r->edge[k] = durai_f32(durai_le32(v));
    for (uint32_t k = 0; k < p.n_bins; k++, v += 4)
        r->p[k] = durai_f32(durai_le32(v));
    return DURA_OK;
}

static DURAI_NOINLINE int init_histograms(durai_watch *w, uint8_t **at)
{
    dura_histogram_config c;
    shape_config(w->policy, &c);
    size_t bytes = w->histogram_calls->bytes(&c);
    w->n_histograms = c.n_channels;
    int rc = bytes ? w->histogram_calls->init(&w->histogram, *at, bytes, &c) : DURA_EINVAL;
    *at += up8(bytes);
    return rc;
}

static int build_histograms(durai_watch *w, uint8_t **at)
{
    int rc = init_histograms(w, at);
    uint16_t n = w->n_histograms;
    w->shape_x = (float *)(void *)*at;
    w->shape_n = (uint32_t *)(void *)(w->shape_x + n);
    w->shape_missing = (uint8_t *)(w->shape_n + n);
    memset(w->shape_x, 0, 9u * n);
    *at += up8(9u * n);
    for (uint16_t i = 0; rc == DURA_OK && i < n; i++) {
        rc = shape_of(w, i);
        if (rc == DURA_OK)
            rc = w->histogram_calls->attach(w->histogram, i, &w->hand.shape);
    }
    return rc;
}

int durai_shape_init(durai_watch *w, uint8_t **at, const durai_watch_parts *parts)
{
    int rc = DURA_OK;
    if (parts->mspc && count_of(w->policy, DURAI_POLICY_MSPC)) {
        w->mspc_calls = parts->mspc;
        rc = build_together(w, at);
    }
    if (rc == DURA_OK && parts->histogram && count_of(w->policy, DURAI_POLICY_HISTOGRAMS)) {
        w->histogram_calls = parts->histogram;
        rc = build_histograms(w, at);
    }
    return rc;
}

/* ---- what comes ----------------------------------------------------------------------------- */

void durai_shape_together(durai_watch *w)
{
    float *out = w->x + w->n_plain;
    for (uint32_t i = 0; i < w->n_inputs; i++) {
        uint32_t thing = durai_le32(w->input + 4u * i);
        w->mspc_x[i] = w->x[thing];
        w->mspc_missing[i] = w->missing[thing];
    }
    int rc = w->mspc_calls->update(w->mspc, w->mspc_x, w->mspc_missing, w->n_inputs, out);
    w->missing[w->n_plain] = w->missing[w->n_plain + 1u] = rc < 0;
}

/* Ranked by what the others do not explain. */
DURAI_NOINLINE uint32_t durai_shape_blame(durai_watch *w)
{
    uint32_t bits = 0;
    int n = w->mspc_calls->blame(w->mspc, w->hand.share, DURA_DRIFT_BLAMED);
    for (int i = 0; i < n; i++)
        bits |= (w->hand.share[i].channel + 1u) << (DURA_DRIFT_BLAMED_AT + DURA_DRIFT_BLAMED_BITS * i);
    return bits;
}

void durai_shape_sign(durai_watch *w, int n)
{
    for (int i = 0; i < n; i++) {
        dura_fact *f = &w->fact[i];
        f->reasons |= (uint32_t)w->detector << DURA_DRIFT_DETECTOR_AT;
        if (f->channel >= w->n_plain)
            f->reasons |= durai_shape_blame(w);
    }
}

/* What histogram i is given: 0 when there is nothing new. */
static DURAI_NOINLINE int sample_of(durai_watch *w, uint32_t i, const durai_policy_histogram *p)
{
    dura_drift_state q = DURA_DRIFT_STATE_INIT;
    w->shape_x[i] = w->x[p->of];
    if (!p->whitened)
        return !w->missing[p->of];
    if (w->drift_calls->query(w->drift, p->of, &q) != DURA_OK || (uint32_t)q.n == w->shape_n[i])
        return 0;
    w->shape_n[i] = (uint32_t)q.n;
    w->shape_x[i] = q.z;
    return 1;
}

int durai_shape_judge(durai_watch *w, int n)
{
    durai_policy_histogram p;
    for (uint32_t i = 0; i < w->n_histograms; i++)
        w->shape_missing[i] = durai_policy_get_histogram(w->policy, i, &p) != DURA_OK || !sample_of(w, i, &p);
    int more = w->histogram_calls->update(w->histogram, w->shape_x, w->shape_missing, w->n_histograms, w->fact + n,
                                          (size_t)(DURAI_WATCH_FACTS - n));
    DURA_ASSERT(more >= 0 && n + more <= DURAI_WATCH_FACTS);
    for (int i = 0; i < more; i++) {
        dura_fact *f = &w->fact[n + i];
        if (durai_policy_get_histogram(w->policy, f->channel, &p) == DURA_OK)
            f->channel = p.of;
        f->reasons |= (uint32_t)DURA_DRIFT_HISTOGRAM << DURA_DRIFT_DETECTOR_AT;
    }
    return more > 0 ? more : 0;
}

/* ---- over a start --------------------------------------------------------------------------- */

int durai_shape_load(durai_watch *w, const uint8_t *in, size_t len)
{
    if (!w->histogram)
        return DURA_OK;
    return in ? w->histogram_calls->load(w->histogram, in, len) : w->histogram_calls->reset(w->histogram);
}

/* A whitened sample that was taken before the start is not taken again. */
void durai_shape_resume(durai_watch *w)
{
    durai_policy_histogram p;
    dura_drift_state q = DURA_DRIFT_STATE_INIT;
    for (uint32_t i = 0; i < w->n_histograms; i++)
        if (durai_policy_get_histogram(w->policy, i, &p) == DURA_OK && p.whitened &&
            w->drift_calls->query(w->drift, p.of, &q) == DURA_OK)
            w->shape_n[i] = (uint32_t)q.n;
}
