/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeding drift monitor and correlator from decisions, facts and events.
 *
 * The hot path leaves what it saw in the ring; this runs in the worker, over the same
 * bytes that are recorded, in the order in which they are recorded. So whoever has the
 * logs can run it again and must get the same alarms and incidents (invariant 22).
 *
 * Modules do not know each other: what the sensor said becomes a CHANNEL fact when it
 * changed, what the guard did a fact when it began, and only facts reach the correlator.
 */
#include <dura/guard.h>

#include "dura_guard_policy.h"
#include "dura_guard_watch.h"

static size_t up8(size_t n) { return (n + 7u) & ~(size_t)7u; }

/* ---- building ------------------------------------------------------------------------ */

/* Channels, outputs and features can have references. */
static uint16_t things(const durai_policy_device *d)
{
    return (uint16_t)(d->n_channels + d->n_outputs + d->n_features);
}

static int drift_config(const void *policy, dura_drift_config *c)
{
    durai_policy_device d;
    durai_policy_drift p;
    uint32_t n;
    int rc = durai_policy_get_device(policy, &d);
    memset(c, 0, sizeof *c);
    if (rc == DURA_OK)
        rc = durai_policy_get_drift(policy, &p);
    if (rc != DURA_OK)
        return rc;
    (void)durai_policy_section(policy, DURAI_POLICY_MSPC, &n, NULL);
    c->struct_size = sizeof *c;
    c->n_channels = (uint16_t)(things(&d) + 2u * n);
    c->arl0 = durai_shape_share(policy, p.arl0, DURAI_POLICY_REFERENCES);
    return DURA_OK;
}

static const dura_drift_calls *calls_of(const durai_watch_parts *parts, uint8_t detector)
{
    return detector == DURAI_DRIFT_MIXTURE ? parts->drift : parts->chart;
}

static int correlate_config(const void *policy, dura_correlate_config *c)
{
    durai_policy_device d;
    durai_policy_correlate p;
    durai_policy_drift drift;
    int rc = durai_policy_get_device(policy, &d);
    memset(c, 0, sizeof *c);
    if (rc != DURA_OK)
        return rc;
    c->struct_size = sizeof *c;
    c->n_channels = d.n_channels;
    c->asset = d.asset;
    c->zone = d.zone;
    c->drift_watched = durai_policy_get_drift(policy, &drift) == DURA_OK;
    if (durai_policy_get_correlate(policy, &p) == DURA_OK) {
        c->margin = p.margin;
        c->score = p.score;
        c->window_ns = (int64_t)p.window_ms * 1000000;
        c->quiet_ns = (int64_t)p.quiet_ms * 1000000;
        c->heartbeat_ns = (int64_t)p.heartbeat_ms * 1000000;
    }
    return DURA_OK;
}

static DURAI_NOINLINE const dura_drift_calls *monitor_of(const void *policy, const durai_watch_parts *parts)
{
    durai_policy_drift p;
    return durai_policy_get_drift(policy, &p) == DURA_OK ? calls_of(parts, p.detector) : NULL;
}

static DURAI_NOINLINE size_t drift_bytes(const void *policy, const durai_watch_parts *parts)
{
    dura_drift_config c;
    const dura_drift_calls *drift_calls = monitor_of(policy, parts);
    if (!drift_calls || drift_config(policy, &c) != DURA_OK)
        return 0;
    return up8(drift_calls->bytes(&c)) + up8(5u * c.n_channels) + up8(durai_alive_bytes(policy)) +
           durai_shape_bytes(policy, parts);
}

static DURAI_NOINLINE size_t correlate_bytes(const void *policy, const dura_correlate_calls *correlate_calls)
{
    dura_correlate_config c;
    if (!correlate_calls || correlate_config(policy, &c) != DURA_OK)
        return 0;
    return up8(correlate_calls->bytes(&c)) + up8(c.n_channels);
}

size_t durai_watch_bytes(const void *policy, const durai_watch_parts *parts)
{
    return drift_bytes(policy, parts) + correlate_bytes(policy, parts->correlate);
}

DURAI_NOINLINE int durai_watch_reference(durai_watch *w, uint32_t index, uint16_t *of)
{
    durai_policy_reference p;
    dura_drift_reference *r = &w->hand.reference;
    int rc = durai_policy_get_reference(w->policy, index, &p);
    if (rc != DURA_OK)
        return rc;
    *r = (dura_drift_reference)DURA_DRIFT_REFERENCE_INIT;
    r->n = p.n;
    r->mean = p.mean;
    r->deviation = p.deviation;
    r->phi[0] = p.phi1;
    r->phi[1] = p.phi2;
    r->phi[2] = p.phi3;
    r->phi[3] = p.phi4;
    r->resolution = p.resolution;
    r->clip = p.clip;
    r->hold = p.hold;
    r->low = p.low;
    r->high = p.high;
    r->why = p.why;
    r->detector = w->detector;
    r->shift = p.shift;
    r->limit = p.limit;
    *of = p.of;
    return DURA_OK;
}

/* A part from before there were self-tests has none. */
static int can_probe(const dura_drift_calls *c)
{
    return c->struct_size >= offsetof(dura_drift_calls, probe) + sizeof c->probe && c->probe;
}

static DURAI_NOINLINE int build_drift(durai_watch *w, uint8_t **at)
{
    dura_drift_config c;
    uint32_t n;
    int rc = drift_config(w->policy, &c);
    size_t bytes = rc == DURA_OK ? w->drift_calls->bytes(&c) : 0;
    if (bytes == 0)
        return DURA_EINVAL;
    rc = w->drift_calls->init(&w->drift, *at, bytes, &c);
    *at += up8(bytes);
    w->x = (float *)(void *)*at;
    w->missing = *at + 4u * c.n_channels;
    *at += up8(5u * c.n_channels);
    (void)durai_policy_section(w->policy, DURAI_POLICY_REFERENCES, &n, NULL);
    for (uint32_t i = 0; rc == DURA_OK && i < n; i++) {
        uint16_t of = 0;
        rc = durai_watch_reference(w, i, &of);
        if (rc == DURA_OK)
            rc = w->drift_calls->attach(w->drift, of, &w->hand.reference);
    }
    if (durai_alive_bytes(w->policy) > 0) {
        w->alive = (durai_alive *)(void *)*at;
        *at += up8(sizeof *w->alive);
        durai_alive_init(w->alive, w->policy);
        if (w->alive->selftest && !can_probe(w->drift_calls))
            rc = DURA_ENOTSUP;
    }
    return rc;
}

static DURAI_NOINLINE int build_correlate(durai_watch *w, uint8_t **at)
{
    dura_correlate_config c;
    int rc = correlate_config(w->policy, &c);
    size_t bytes = rc == DURA_OK ? w->correlate_calls->bytes(&c) : 0;
    if (bytes == 0)
        return DURA_EINVAL;
    rc = w->correlate_calls->init(&w->correlate, *at, bytes, &c);
    *at += up8(bytes);
    w->verdict = *at;
    memset(w->verdict, DURA_GOOD, c.n_channels);
    *at += up8(c.n_channels);
    return rc;
}

/* What there is to watch, and by which of the two monitors. */
static DURAI_NOINLINE int describe(durai_watch *w, const void *policy, const durai_watch_parts *parts)
{
    durai_policy_device device;
    durai_policy_drift drift;
    int rc = durai_policy_get_device(policy, &device);
    memset(w, 0, sizeof *w);
    w->policy = policy;
    w->n_channels = device.n_channels;
    w->n_outputs = device.n_outputs;
    w->n_features = device.n_features;
    w->n_plain = w->n_things = things(&device);
    if (durai_policy_get_drift(policy, &drift) == DURA_OK) {
        w->detector = drift.detector;
        w->drift_calls = calls_of(parts, drift.detector);
    }
    return rc;
}

int durai_watch_init(durai_watch *w, void *mem, const void *policy, const durai_watch_parts *parts)
{
    uint8_t *at = mem;
    int rc = describe(w, policy, parts);
    if (rc == DURA_OK && w->drift_calls)
        rc = build_drift(w, &at);
    if (rc == DURA_OK && w->drift_calls)
        rc = durai_shape_init(w, &at, parts);
    if (rc == DURA_OK && parts->correlate) {
        w->correlate_calls = parts->correlate;
        rc = build_correlate(w, &at);
    }
    return rc;
}

/* ---- the correlator ------------------------------------------------------------------- */

static int told(int rc) { return rc > 0 && (rc & 2) ? DURAI_WATCH_INCIDENT : 0; }

/* A fact that is not in the log, into w->hand.fact: its evidence is the decision it came with. */
static DURAI_NOINLINE dura_fact *begin(durai_watch *w, uint16_t kind, uint16_t channel, uint32_t reasons)
{
    dura_fact *f = &w->hand.fact;
    DURA_ASSERT(w->correlate != NULL && (channel == DURA_NONE || channel < w->n_channels));
    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->severity = 4;
    f->log = DURA_LOG_DECISION;
    f->channel = channel;
    f->asset = f->zone = f->source = f->control = f->risk = f->component = DURA_NONE;
    f->reasons = reasons;
    return f;
}

/* What begin() began, to the correlator. */
static int say(durai_watch *w, const dura_ref *at)
{
    return told(w->correlate_calls->update(w->correlate, &w->hand.fact, at));
}

/* Channels whose verdict is another one than in the decision before. */
static DURAI_NOINLINE int tell_channels(durai_watch *w, const durai_seen *s)
{
    const uint8_t *why = s->not_good;
    int bits = 0;
    for (uint16_t c = 0; c < w->n_channels; c++) {
        uint8_t v = c < s->n_verdicts ? s->verdicts[c] : (uint8_t)DURA_GOOD, old = w->verdict[c];
        uint32_t reasons = 0;
        if (v != DURA_GOOD) {
            memcpy(&reasons, why, sizeof reasons);
            why += sizeof reasons;
        }
        if (v == DURA_UNKNOWN)
            v = DURA_GOOD; /* nothing is known against it */
        if (v != old) {
            w->verdict[c] = v;
            dura_fact *f = begin(w, DURA_FACT_CHANNEL, c, reasons);
            f->value[0] = old;
            f->value[1] = v;
            bits |= say(w, &s->at);
        }
    }
    return bits;
}

/* What began with this decision. */
static int tell_actions(durai_watch *w, const durai_seen *s)
{
    uint32_t begun = s->reasons & ~w->reasons, bounded = DURA_G_RANGE | DURA_G_RATE | DURA_G_NONFINITE;
    int bits = 0;
    w->reasons = s->reasons;
    if (begun & bounded) {
        (void)begin(w, DURA_FACT_OUTPUT_BOUNDED, DURA_NONE, begun & bounded);
        bits |= say(w, &s->at);
    }
    if (begun & DURA_G_BACKEND) {
        begin(w, DURA_FACT_BACKEND_FAILED, DURA_NONE, DURA_G_BACKEND)->value[0] = s->backend_rc;
        bits |= say(w, &s->at);
    }
    return bits;
}

/* ---- drift ----------------------------------------------------------------------------- */

static void take(durai_watch *w, uint16_t first, const uint8_t *p, uint16_t have, uint16_t n)
{
    DURA_ASSERT((uint32_t)first + n <= w->n_plain && have <= n);
    for (uint16_t i = 0; i < n; i++) {
        w->missing[first + i] = i >= have;
        if (i < have)
            memcpy(&w->x[first + i], p + 4u * i, 4);
    }
}

/* A value that failed is no sample: the sensor has said what there is to say of it. */
static DURAI_NOINLINE void take_sample(durai_watch *w, const durai_seen *s)
{
    memset(w->x, 0, 4u * w->n_plain);
    take(w, 0, s->values, s->n_values, w->n_channels);
    for (uint16_t c = 0; c < s->n_verdicts && c < w->n_channels; c++)
        if (s->verdicts[c] > DURA_SUSPECT)
            w->missing[c] = 1;
    for (uint16_t c = 0; s->missing && c < w->n_channels; c++)
        if ((uint32_t)s->missing[c / 8] >> (c % 8) & 1u)
            w->missing[c] = 1;
    take(w, w->n_channels, s->raw, s->n_raw, w->n_outputs);
    take(w, (uint16_t)(w->n_channels + w->n_outputs), s->inputs, w->n_features ? s->n_inputs : 0, w->n_features);
}

/* What the correlator is told of a feature is told of the channel it is made from, and what it is
 * told of T2 and SPE of whose doing it was most. */
static uint16_t origin_of(const durai_watch *w, uint16_t thing)
{
    durai_policy_feature f;
    uint16_t first = (uint16_t)(w->n_channels + w->n_outputs);
    uint32_t place = thing >= w->n_plain && thing < w->n_things ? w->blamed[thing - w->n_plain] : 0;
    if (place > 0 && place <= w->n_inputs)
        thing = (uint16_t)durai_le32(w->input + 4u * (place - 1u));
    if (thing < first || durai_policy_get_feature(w->policy, (uint32_t)thing - first, &f) != DURA_OK)
        return thing;
    return f.channel;
}

/* ---- what comes ------------------------------------------------------------------------- */

/* The values through everything that watches them: facts in w->fact. */
static DURAI_NOINLINE void judge_sample(durai_watch *w, const durai_seen *s)
{
    take_sample(w, s);
    if (w->mspc)
        durai_shape_together(w);
    int n = w->drift_calls->update(w->drift, w->x, w->missing, w->n_things, w->fact, DURAI_WATCH_FACTS);
    DURA_ASSERT(n >= 0 && n <= DURAI_WATCH_FACTS);
    durai_shape_sign(w, n);
    if (w->histogram)
        n += durai_shape_judge(w, n);
    w->n_facts = (uint16_t)(n > 0 ? n : 0);
}

int durai_watch_decision(durai_watch *w, const durai_seen *s)
{
    int bits = 0;
    DURA_ASSERT(s->n_verdicts == 0 || s->n_verdicts == w->n_channels);
    DURA_ASSERT(s->n_values == 0 || s->n_values == w->n_channels);
    if (w->correlate) {
        bits |= told(w->correlate_calls->poll(w->correlate, &s->at.time));
        bits |= tell_channels(w, s);
        bits |= tell_actions(w, s);
    }
    w->n_facts = 0;
    if (w->drift && s->n_values)
        judge_sample(w, s);
    if (w->alive)
        bits |= durai_alive_decision(w, s);
    return bits | (w->n_facts > 0 ? DURAI_WATCH_DRIFT : 0);
}

/* The correlator begins anew at a start, what drifted before it did not: told again, as part
 * of the record that says that the monitor goes on. */
static DURAI_NOINLINE int tell_standing(durai_watch *w, const dura_ref *at)
{
    int bits = 0;
    for (uint32_t i = 0; i < w->alive->n_standing; i++) {
        const durai_standing *s = &w->alive->standing[i];
        dura_fact *f = begin(w, DURA_FACT_DRIFT, DURA_NONE, 0);
        if (s->thing >= w->n_plain)
            w->blamed[s->thing - w->n_plain] = s->blamed;
        f->channel = origin_of(w, s->thing);
        f->value[0] = s->direction;
        f->value[1] = s->size;
        f->value[2] = s->onset;
        bits |= say(w, at);
    }
    return bits;
}

/* What comes back is who was blamed when it left. */
static void remember_blame(durai_watch *w, const dura_fact *f)
{
    if (f->channel >= w->n_plain && f->channel < w->n_things && f->value[0] != DURA_DRIFT_BACK)
        w->blamed[f->channel - w->n_plain] = durai_blamed(f->reasons);
}

int durai_watch_fact(durai_watch *w, const dura_fact *f, const dura_ref *at)
{
    if (w->alive)
        durai_alive_fact(w, f, at);
    if (!w->correlate)
        return 0;
    w->hand.fact = *f;
    if (f->kind == DURA_FACT_DRIFT) {
        remember_blame(w, f);
        w->hand.fact.channel = origin_of(w, f->channel);
        w->hand.fact.reasons &= DURA_DRIFT_WHY;
    }
    int bits = told(w->correlate_calls->poll(w->correlate, &at->time));
    bits |= told(w->correlate_calls->update(w->correlate, &w->hand.fact, at));
    if (w->alive && f->kind == DURA_FACT_MONITOR && f->value[0] == DURA_MONITOR_RESUMED)
        bits |= tell_standing(w, at);
    return bits;
}

/* The pairs of an EVENT record into numbers. Unknown keys are nobody's business here. */
static DURAI_NOINLINE void read_event(const durai_watch *w, const uint8_t *pairs, size_t len, uint32_t n_pairs,
                                      dura_event *e)
{
    durai_cbor_in in;
    durai_item key, v, text[2];
    memset(text, 0, sizeof text);
    durai_cbor_open(&in, pairs, len);
    for (; n_pairs > 0 && durai_cbor_next(&in, &key) == DURA_OK && durai_cbor_next(&in, &v) == DURA_OK; n_pairs--) {
        if (v.type == DURAI_CBOR_ARRAY || v.type == DURAI_CBOR_MAP)
            break; /* no event of this version has one */
        switch (key.v) {
        case 16:
        case 17: text[key.v - 16] = v; break;
        case 19: e->failed = v.type == DURAI_CBOR_TEXT && v.v >= 4 && memcmp(v.p, "fail", 4) == 0; break;
        case 20: e->severity = v.type == DURAI_CBOR_UINT && v.v <= 10 ? (uint8_t)v.v : 0; break;
        case 21: e->actor = v.type == DURAI_CBOR_TEXT ? durai_crc32c(0, v.p, (size_t)v.v) : 0; break;
        case 22: e->asset = v.type == DURAI_CBOR_UINT && v.v < DURA_NONE ? (uint16_t)v.v : DURA_NONE; break;
        case 23: e->zone = v.type == DURAI_CBOR_UINT && v.v < DURA_NONE ? (uint16_t)v.v : DURA_NONE; break;
        case 26: e->trust = v.type == DURAI_CBOR_UINT && v.v == 1 ? DURA_TRUST_SOURCE : DURA_TRUST_NONE; break;
        default: break;
        }
    }
    if (text[0].type == DURAI_CBOR_TEXT && text[1].type == DURAI_CBOR_TEXT)
        e->type = w->correlate_calls->classify((const char *)text[0].p, (size_t)text[0].v,
                                               (const char *)text[1].p, (size_t)text[1].v);
}

int durai_watch_event(durai_watch *w, const uint8_t *pairs, size_t len, uint32_t n_pairs, const dura_ref *at)
{
    if (!w->correlate)
        return 0;
    w->hand.event = (dura_event)DURA_EVENT_INIT;
    read_event(w, pairs, len, n_pairs, &w->hand.event);
    int bits = told(w->correlate_calls->poll(w->correlate, &at->time));
    return bits | told(w->correlate_calls->event(w->correlate, &w->hand.event, at));
}

/* ---- the record of an incident ------------------------------------------------------------ */

static void put_time(durai_cbor *c, uint64_t key, const dura_time *t)
{
    durai_cbor_uint(c, key);
    durai_cbor_array(c, 3);
    durai_cbor_uint(c, t->boot);
    durai_cbor_uint(c, (uint64_t)t->mono_ns);
    durai_cbor_int(c, t->quality > DURA_CLOCK_NONE ? t->wall_ns : 0);
}

static void put_evidence(durai_cbor *c, const dura_evidence *e)
{
    durai_cbor_array(c, 9);
    durai_cbor_uint(c, e->kind);
    durai_cbor_uint(c, e->log);
    durai_cbor_uint(c, e->gseq);
    durai_cbor_bytes(c, e->leaf, sizeof e->leaf);
    durai_cbor_uint(c, e->trust);
    durai_cbor_uint(c, e->event);
    durai_cbor_uint(c, e->channel);
    durai_cbor_array(c, DURA_CAUSES);
    for (uint32_t i = 0; i < DURA_CAUSES; i++)
        durai_cbor_int(c, e->weight[i]);
    durai_cbor_uint(c, e->count);
}

int durai_incident_encode(const dura_incident *i, uint8_t *out, size_t cap, uint16_t *n_pairs)
{
    durai_cbor c;
    uint32_t n = 9;
    durai_cbor_init(&c, out, cap);
    durai_cbor_kuint(&c, 16, i->id);
    durai_cbor_kuint(&c, 17, i->state);
    durai_cbor_kuint(&c, 18, i->cause);
    if (i->flags)
        durai_cbor_kuint(&c, 19, i->flags);
    durai_cbor_kint(&c, 20, i->score);
    durai_cbor_kint(&c, 21, i->margin);
    durai_cbor_uint(&c, 22);
    durai_cbor_array(&c, DURA_CAUSES);
    for (uint32_t k = 0; k < DURA_CAUSES; k++)
        durai_cbor_int(&c, i->total[k]);
    if (i->missing)
        durai_cbor_kuint(&c, 23, i->missing);
    put_time(&c, 24, &i->begin);
    put_time(&c, 25, &i->end);
    if (i->n_channels) {
        durai_cbor_uint(&c, 26);
        durai_cbor_array(&c, i->n_channels);
        for (uint32_t k = 0; k < i->n_channels; k++)
            durai_cbor_uint(&c, i->channel[k]);
    }
    durai_cbor_uint(&c, 27);
    durai_cbor_array(&c, i->n_evidence);
    for (uint32_t k = 0; k < i->n_evidence; k++)
        put_evidence(&c, &i->evidence[k]);
    if (i->trusted != i->cause)
        durai_cbor_kuint(&c, 28, i->trusted);
    *n_pairs = (uint16_t)(n + (i->flags != 0) + (i->missing != 0) + (i->n_channels != 0) + (i->trusted != i->cause));
    return c.err == DURA_OK ? (int)c.len : c.err;
}
