/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift_chart.c - builds a monitor of charts, takes the references, shows what it knows.
 *
 * The statistics are worked on in dura_drift_chart_update.c, saved and loaded in
 * dura_drift_chart_save.c. What configuration and reference must be like is asked of
 * dura_drift.c, as the mixture does; here only the fields of charts are looked at.
 */
#include "dura_drift_chart_priv.h"

#define STATE_V1 40u
#define SHIFT_LEAST 0.02f
#define SHIFT_MOST 12.0f
#define SUM_MOST 1e4f           /* a limit of CUSUM: floats still add k of SHIFT_LEAST to it */
#define LAMBDA_LEAST 1e-3f
#define SLOPE_LEAST 1e-7f
#define SLOPE_MOST 0.25f
#define RAMP_LIMIT_LEAST 10.0f
#define RAMP_LIMIT_MOST 1e13f

/* ---- building -------------------------------------------------------------------- */

static size_t object_bytes(uint16_t n)
{
    return sizeof(drift_chart) + (size_t)n * (sizeof(chart_state) + sizeof(chart_reference));
}

static size_t chart_bytes(const dura_drift_config *cfg)
{
    dura_drift_config c;
    return durai_drift_config(&c, cfg) < 0 ? 0 : object_bytes(c.n_channels);
}

void durai_chart_restart(chart_state *s)
{
    s->stat[0] = s->stat[1] = s->aged[0] = s->aged[1] = 0.0f;
    s->keep = 1.0f;
    s->since = 0;
    s->flags = 0;
}

/* As if no sample had come. */
static void forget(chart_state *s, const chart_reference *r)
{
    DURA_ASSERT(r->order <= DURA_DRIFT_ORDER_MAX);
    memset(s, 0, sizeof *s);
    durai_chart_restart(s);
    s->fill = r->order;
}

static int chart_reset(dura_drift *d)
{
    drift_chart *c = durai_chart(d);
    uint32_t i;
    if (!c)
        return DURA_EINVAL;
    for (i = 0; i < c->n; i++)
        forget(&c->state[i], &c->reference[i]);
    return DURA_OK;
}

static int chart_init(dura_drift **out, void *mem, size_t len, const dura_drift_config *cfg)
{
    dura_drift_config c;
    drift_chart *d = (drift_chart *)mem;
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
    DURA_ASSERT(sizeof(chart_state) == 64 && sizeof(chart_reference) == 48);
    d->n = c.n_channels;
    d->flags = c.flags;
    d->arl0 = c.arl0;
    d->state = (chart_state *)(void *)(d + 1);
    d->reference = (chart_reference *)(void *)(d->state + d->n);
    *out = (dura_drift *)(void *)d;
    return chart_reset(*out);
}

/* ---- references ------------------------------------------------------------------ */

static int between(float x, float least, float most)
{
    return durai_finite(x) && x >= least && x <= most;
}

/* The fields only charts have. */
static int sound_chart(const dura_drift_reference *r, float clip)
{
    switch (r->detector) {
    case DURA_DRIFT_CUSUM:
        return between(r->shift, SHIFT_LEAST, SHIFT_MOST) && r->shift < 2.0f * clip &&
               between(r->limit, 0.0f, SUM_MOST) && r->limit > 0.0f;
    case DURA_DRIFT_EWMA:
        return between(r->shift, LAMBDA_LEAST, 1.0f) && between(r->limit, 0.0f, clip) && r->limit > 0.0f;
    case DURA_DRIFT_RAMP:
        return between(r->shift, SLOPE_LEAST, SLOPE_MOST) && between(r->limit, RAMP_LIMIT_LEAST, RAMP_LIMIT_MOST);
    default:
        return 0;
    }
}

static DURAI_NOINLINE void settle(chart_reference *out, const dura_drift_reference *r, float clip, float arl0)
{
    float calm;
    out->mean = r->mean;
    out->scale = 1.0f / durai_drift_deviation(r, &calm);
    out->clip = clip;
    memcpy(out->phi, r->phi, sizeof out->phi);
    out->limit = r->limit;
    out->rate = r->detector == DURA_DRIFT_CUSUM ? 0.5f * r->shift : r->shift;
    /* The solver raises the limits of CUSUM and EWMA for what n samples leave open. */
    out->slack = r->n > 0 && r->detector == DURA_DRIFT_RAMP ? durai_drift_errors(r, arl0) / durai_sqrt((float)r->n) : 0.0f;
    out->why = (uint16_t)r->why;
    out->order = (uint8_t)durai_drift_order(r->phi);
    out->flags = (r->why & (uint32_t)DURA_DRIFT_HELD) ? REF_WATCHED | REF_HELD : REF_WATCHED;
    out->detector = r->detector;
}

static int chart_attach(dura_drift *d, uint16_t index, const dura_drift_reference *ref)
{
    drift_chart *c = durai_chart(d);
    float clip;
    int rc;
    if (!c || !ref || index >= c->n)
        return DURA_EINVAL;
    rc = durai_drift_check(ref, 1);
    if (rc < 0)
        return rc;
    clip = ref->clip > 0.0f ? ref->clip : CLIP_DEFAULT;
    if (!sound_chart(ref, clip))
        return DURA_EINVAL;
    if (ref->low < 0.0f || ref->low > 0.0f || ref->high < 0.0f || ref->high > 0.0f)
        return DURA_ENOTSUP;
    if (c->reference[index].flags & REF_WATCHED)
        return DURA_ESTATE;
    settle(&c->reference[index], ref, clip, c->arl0 * (float)c->n);
    forget(&c->state[index], &c->reference[index]);
    c->watched++;
    DURA_ASSERT(c->watched <= c->n);
    return DURA_OK;
}

/* ---- what it knows --------------------------------------------------------------- */

float durai_chart_statistic(const chart_state *s, const chart_reference *r)
{
    if (r->detector == DURA_DRIFT_RAMP)
        return (s->stat[0] + s->stat[1]) * s->keep;
    if (r->detector == DURA_DRIFT_EWMA)
        return s->stat[0] < 0.0f ? -s->stat[0] : s->stat[0];
    return s->stat[0] > s->stat[1] ? s->stat[0] : s->stat[1];
}

uint8_t durai_chart_leader(const chart_state *s, const chart_reference *r, float *size, uint32_t *onset)
{
    uint32_t way = s->stat[1] > s->stat[0];
    float age = s->aged[way];
    if (r->detector == DURA_DRIFT_RAMP) {
        age = s->stat[way] > 0.0f ? age / s->stat[way] : 0.0f;
        *size = r->rate * age < LEVEL_MOST ? r->rate * age : LEVEL_MOST;
        age += (float)s->since - 0.5f;
    } else if (r->detector == DURA_DRIFT_EWMA) {
        way = s->stat[0] < 0.0f;
        age = s->aged[0];
        *size = durai_chart_statistic(s, r);
    } else {
        *size = r->rate + (age > 0.0f ? s->stat[way] / age : 0.0f);
    }
    age = age < AGE_LAST ? age : AGE_LAST;
    *onset = age > 1.0f ? (uint32_t)(age - (r->detector == DURA_DRIFT_RAMP ? 0.0f : 1.0f)) : 0u;  /* the sample of now has age 1 */
    return way ? DURA_DRIFT_DOWN : DURA_DRIFT_UP;
}

static int chart_query(const dura_drift *d, uint16_t channel, dura_drift_state *out)
{
    const drift_chart *c = durai_chart_of(d);
    dura_drift_state q = DURA_DRIFT_STATE_INIT;
    const chart_reference *r;
    const chart_state *s;
    if (!c || !out || channel >= c->n)
        return DURA_EINVAL;
    r = &c->reference[channel];
    s = &c->state[channel];
    if (!(r->flags & REF_WATCHED))
        return DURA_ENOENT;
    q.alarm = s->flags & CH_ALARM;
    q.direction = durai_chart_leader(s, r, &q.size, &q.onset);
    q.why = r->why;
    q.statistic = durai_chart_statistic(s, r);
    q.limit = r->limit;
    q.z = s->z;
    q.n = s->n;
    return durai_struct_out(out, &q, (uint32_t)sizeof q, STATE_V1);
}

const dura_drift_calls *dura_drift_chart_part(void)
{
    static const dura_drift_calls part = {
        (uint32_t)sizeof(dura_drift_calls), 0, chart_bytes, chart_init, chart_attach,
        durai_chart_update, chart_query, chart_reset, durai_chart_save, durai_chart_load,
        NULL /* no self-test yet */};
    return &part;
}
