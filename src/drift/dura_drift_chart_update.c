/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift_chart_update.c - one sample of every channel's chart.
 *
 * CUSUM (Page 1954): S = max(0, S +- z - k), the log of the largest likelihood ratio of a
 * shift by 2k over all moments it may have begun, in units of 2k. EWMA (Roberts 1959).
 *
 * RAMP: R(t) = (R(t-1) + 1/2) x exp(m z - m^2/2 - m slack), once for either way. A ramp
 * that began a samples ago is at slope x a. The sum over all beginnings has no recursion
 * of fixed size; so one m stands for them all: slope x their mean age, weighted by their
 * likelihoods, S / R with S(t) = (S(t-1) + R(t-1) + 1/2) x ratio. m is known before z is, so
 * E[ratio] = 1 whatever m is and the martingale holds; what is lost beside the full sum is
 * about one in a hundred of the delay (docs/drift.md, Charts).
 *
 * After an alarm the age stands: a level that has come to rest is then still found out of
 * place, where a hypothesis that climbs on would soon be further from it than 0 is.
 */
#include "dura_drift_chart_priv.h"

static DURAI_INLINE void cusum(chart_state *s, const chart_reference *r, float z)
{
    float far = CHART_FAR * r->limit;
    uint32_t i;
    for (i = 0; i < 2; i++) {
        float sum = durai_drift_within(s->stat[i] + ((i ? -z : z) - r->rate), 0.0f, far);
        s->aged[i] = sum > 0.0f ? durai_drift_within(s->aged[i] + 1.0f, 0.0f, AGE_LAST) : 0.0f;
        s->stat[i] = sum;
    }
}

static DURAI_INLINE void ewma(chart_state *s, const chart_reference *r, float z)
{
    float was = s->stat[0], now = was + r->rate * (z - was);
    int same = (was < 0.0f) == (now < 0.0f);
    s->aged[0] = same ? durai_drift_within(s->aged[0] + 1.0f, 0.0f, AGE_LAST) : 1.0f;
    now = durai_drift_within(now, -r->clip, r->clip);
    s->stat[0] = now < 1e-30f && now > -1e-30f ? 0.0f : now;    /* no subnormals: some targets have none */
}

static DURAI_INLINE void ramp(chart_state *s, const chart_reference *r, float z)
{
    uint32_t alarm = s->flags & CH_ALARM, i;
    float sum, most = CAP * r->limit;
    for (i = 0; i < 2; i++) {
        float stat = s->stat[i] + 0.5f, aged = s->aged[i] + (alarm ? 0.0f : stat);
        float m = durai_drift_within(r->rate * (aged / stat), 0.0f, LEVEL_MOST);
        float ratio = durai_exp(m * ((i ? -z : z) - (0.5f * m + r->slack))) * s->keep;
        s->stat[i] = stat * ratio;
        s->aged[i] = aged * ratio;
    }
    sum = s->stat[0] + s->stat[1];
    s->keep = most / (sum > most ? sum : most);
    s->since = alarm ? s->since + (s->since < (uint32_t)AGE_LAST) : 0u;
    DURA_ASSERT(durai_finite(sum) && sum > 0.0f);
}

/* Below what a channel that alarmed is back. */
static DURAI_INLINE int is_back(const chart_reference *r, float x)
{
    if (r->detector != DURA_DRIFT_RAMP)
        return x < 0.5f * r->limit;
    x = x < 1e18f ? x : 1e18f;          /* its square is a float */
    return x * x < r->limit;
}

/* What was not told yet is told, even when the channel came back in between. */
static DURAI_INLINE void decide(chart_state *s, const chart_reference *r)
{
    float x = durai_chart_statistic(s, r);
    uint32_t alarm = s->flags & CH_ALARM, told = s->flags & CH_TOLD;
    uint32_t back = (uint32_t)is_back(r, x) & (uint32_t)(told != 0);
    alarm = (uint32_t)(x >= r->limit) | (alarm & ~back);
    s->flags = (uint8_t)(alarm | told);
}

static inline int has_news(uint8_t flags)
{
    return flags == CH_ALARM || flags == CH_TOLD;
}

static DURAI_NOINLINE void advance(chart_state *s, const chart_reference *r, float x)
{
    float u = durai_drift_within((x - r->mean) * r->scale, -FAR_AWAY, FAR_AWAY), z;
    int ready;
    if ((r->flags & REF_HELD) && !(u < s->last || u > s->last)) {
        durai_drift_skip(&s->gap);
        return;
    }
    ready = durai_drift_arrive(&s->gap, &s->usual, &s->fill, r->order);
    s->last = u;
    z = durai_drift_whiten(s->past, r->phi, 1, r->clip, u);
    if (!ready)
        return;
    s->z = z;
    s->n++;
    if (r->detector == DURA_DRIFT_CUSUM)
        cusum(s, r, z);
    else if (r->detector == DURA_DRIFT_EWMA)
        ewma(s, r, z);
    else
        ramp(s, r, z);
    decide(s, r);
}

/* What channel i has to say, and the state after it was said. */
static void tell(drift_chart *c, uint16_t i, dura_fact *f)
{
    chart_state *s = &c->state[i];
    const chart_reference *r = &c->reference[i];
    uint32_t onset;
    float size;
    uint8_t direction = durai_chart_leader(s, r, &size, &onset);
    int alarm = s->flags & CH_ALARM;
    DURA_ASSERT(i < c->n && has_news(s->flags));
    durai_drift_fact(f, i, alarm, r->why);
    f->value[3] = durai_drift_thousandths(durai_chart_statistic(s, r) / r->limit);
    if (alarm) {
        f->value[0] = direction;
        f->value[1] = durai_drift_thousandths(size);
        f->value[2] = onset;
        s->flags |= CH_TOLD;
    }
    if (!alarm || (c->flags & DURA_DRIFT_RESTART))
        durai_chart_restart(s);
}

int durai_chart_update(dura_drift *d, const float *x, const uint8_t *missing, size_t n, dura_fact *facts,
                       size_t max_facts)
{
    drift_chart *c = durai_chart(d);
    size_t told = 0;
    int speak = 0;
    uint16_t i;
    if (!c || !x || n != c->n || (!facts && max_facts > 0))
        return DURA_EINVAL;
    for (i = 0; i < c->n; i++) {
        if (!(c->reference[i].flags & REF_WATCHED))
            continue;
        if ((missing && missing[i]) || !durai_finite(x[i]))
            durai_drift_skip(&c->state[i].gap);
        else
            advance(&c->state[i], &c->reference[i], x[i]);
        speak |= has_news(c->state[i].flags);
    }
    for (i = 0; speak && i < c->n && told < max_facts; i++)
        if (has_news(c->state[i].flags))
            tell(c, i, &facts[told++]);
    return (int)told;
}
