/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what the hot path leaves in the ring to the CBOR of docs/formats/log.md section 4.
 * The step copies bits; the encoding happens here, in the worker, so that a decision costs
 * the control loop a memcpy and not a serialisation.
 */
#include "dura_guard_priv.h"

enum { BRAIN_BYTES = 8 }; /* of a model's digest in a record */

void durai_locate(const durai_raw_decision *h, const uint8_t *payload, durai_parts *p)
{
    p->values = payload + sizeof *h;
    p->inputs = p->values + 4u * h->n_values;
    p->raw = p->inputs + 4u * h->n_inputs;
    p->outputs = p->raw + 4u * h->n_raw;
    p->driven = p->outputs + 4u * h->n_outputs;
    p->not_good = p->driven + 4u * h->n_driven;
    p->verdicts = p->not_good + 4u * h->n_not_good;
    p->missing = p->verdicts + h->n_verdicts;
    p->total = (size_t)(p->missing - payload) + h->n_missing;
}

uint32_t durai_raw_bytes(uint16_t channels, uint16_t inputs, uint16_t outputs)
{
    /* values, inputs, raw + proposed + driven, reasons, verdicts, missing bitmap */
    return (uint32_t)sizeof(durai_raw_decision) + 4u * channels + 4u * inputs + 12u * outputs +
           4u * channels + channels + (channels + 7u) / 8u;
}

/* key: n floats, when there are any. Returns pairs written, as all put_ below do. */
static int put_floats(durai_cbor *c, uint64_t key, const uint8_t *p, uint16_t n)
{
    if (n == 0)
        return 0;
    durai_cbor_uint(c, key);
    durai_cbor_f32s(c, p, n);
    return 1;
}

static int put_uint(durai_cbor *c, uint64_t key, uint64_t v)
{
    if (v == 0)
        return 0;
    durai_cbor_kuint(c, key, v);
    return 1;
}

static int put_id(durai_cbor *c, uint64_t key, uint16_t id)
{
    if (id == DURA_NONE)
        return 0;
    durai_cbor_kuint(c, key, id);
    return 1;
}

static int put_verdicts(durai_cbor *c, const durai_raw_decision *h, const durai_parts *p)
{
    if (h->n_verdicts == 0)
        return 0;
    durai_cbor_kbytes(c, 27, p->verdicts, h->n_verdicts);
    durai_cbor_uint(c, 28);
    durai_cbor_array(c, h->n_not_good);
    for (uint16_t i = 0; i < h->n_not_good; i++) {
        uint32_t bits;
        memcpy(&bits, p->not_good + 4u * i, sizeof bits);
        durai_cbor_uint(c, bits);
    }
    return 2;
}

/* The action is another one than in the decision before: a fact of its own, which the
 * worker makes so that the step need not. It follows its decision through the worker's
 * ring; when that is full the log counts it. */
static void action_changed(dura_guard *g, const durai_raw_decision *h, const dura_log_entry *e)
{
    dura_fact *f = durai_fact_start(g, DURA_FACT_ACTION, DURA_LOG_DECISION, h->action == DURA_ACT ? 0 : 4);
    f->source = e->source;
    f->reasons = h->reasons;
    f->frame = h->frame;
    f->value[0] = (int64_t)g->recorded_action;
    f->value[1] = h->action;
    g->recorded_action = h->action;
    int rc = durai_fact_append(g, &e->time, NULL, NULL);
    DURA_ASSERT(rc == DURA_OK || rc == DURA_EFULL);
    (void)rc;
}

static DURAI_NOINLINE int encode_decision(const durai_raw_decision *h, size_t len, durai_cbor *c)
{
    durai_parts p;
    int n = 3;
    durai_locate(h, (const uint8_t *)h, &p);
    DURA_ASSERT(p.total == len);
    (void)len;
    durai_cbor_kuint(c, 16, h->frame);
    durai_cbor_kuint(c, 17, h->mode);
    durai_cbor_kuint(c, 18, h->action);
    n += put_uint(c, 19, h->reasons);
    n += put_uint(c, 20, h->sensor_reasons);
    durai_cbor_kuint(c, 21, h->verdict);
    n += put_floats(c, 22, p.values, h->n_values);
    n += put_floats(c, 23, p.inputs, h->n_inputs);
    n += put_floats(c, 24, p.raw, h->n_raw);
    n += put_floats(c, 25, p.outputs, h->n_outputs);
    n += put_floats(c, 26, p.driven, h->n_driven);
    n += put_verdicts(c, h, &p);
    durai_cbor_kbytes(c, 29, h->brain, 8);
    if (h->n_missing) {
        durai_cbor_kbytes(c, 30, p.missing, h->n_missing);
        n++;
    }
    if (h->backend_rc) {
        durai_cbor_kint(c, 31, h->backend_rc);
        n++;
    }
    return n + 2; /* 21 and 29 */
}

static int put_values(durai_cbor *c, const dura_fact *f)
{
    size_t n = 4;
    while (n > 0 && f->value[n - 1] == 0)
        n--;
    if (n == 0)
        return 0;
    durai_cbor_uint(c, 26);
    durai_cbor_array(c, n);
    for (size_t i = 0; i < n; i++)
        durai_cbor_int(c, f->value[i]);
    return 1;
}

static int encode_fact(dura_guard *g, const dura_log_entry *e, const uint8_t *payload, size_t len,
                       durai_cbor *c)
{
    durai_raw_fact *r = &g->work.say.fact;
    const dura_fact *f = &r->fact;
    int n = 1;
    DURA_ASSERT(len <= sizeof *r);
    memset(r, 0, sizeof *r);
    memcpy(r, payload, len);
    durai_cbor_kuint(c, 16, f->kind);
    n += put_uint(c, 17, f->severity);
    n += put_id(c, 18, f->channel);
    n += put_id(c, 19, f->asset);
    n += put_id(c, 20, f->zone);
    n += put_id(c, 21, f->control);
    n += put_id(c, 22, f->risk);
    n += put_id(c, 23, f->component);
    n += put_uint(c, 24, f->reasons);
    n += put_uint(c, 25, f->frame);
    n += put_values(c, f);
    if (r->actor_len) {
        durai_cbor_ktext(c, 27, r->text, r->actor_len);
        durai_cbor_ktext(c, 28, r->text + r->actor_len, r->reason_len);
        n += 2;
    } else if (r->reason_len) {
        durai_cbor_kbytes(c, 29, r->text, r->reason_len);
        n++;
    }
    if (g->port->sink && (r->serial != g->heard_serial)) {
        g->heard_serial = r->serial;
        g->port->sink(g->port->sink_user, f, &e->time);
    }
    return n;
}

int durai_guard_encode(void *user, const dura_log_entry *e, const void *payload, size_t len,
                       uint8_t *out, size_t cap, uint16_t *n_pairs)
{
    dura_guard *g = user;
    const durai_raw_decision *h = payload; /* in place: the log's buffer for it is aligned */
    durai_cbor c;
    durai_cbor_init(&c, out, cap);
    if (e->kind != DURA_REC_DECISION) {
        *n_pairs = (uint16_t)encode_fact(g, e, payload, len, &c);
    } else {
        DURA_ASSERT(len >= sizeof *h && (uintptr_t)payload % 8 == 0);
        if (h->action != g->recorded_action)
            action_changed(g, h, e);
        *n_pairs = (uint16_t)encode_decision(h, len, &c);
    }
    return c.err == DURA_OK ? (int)c.len : c.err;
}

/* ---- facts ------------------------------------------------------------------------- */

static size_t strlen_max(const char *s)
{
    size_t n = 0;
    while (n < DURA_ACTOR_MAX && s[n])
        n++;
    return n;
}

dura_fact *durai_fact_start(dura_guard *g, uint16_t kind, uint8_t log, uint8_t severity)
{
    dura_fact *f = &g->work.say.fact.fact;
    memset(&g->work.say.fact, 0, sizeof g->work.say.fact);
    f->kind = kind;
    f->log = log;
    f->severity = severity;
    f->asset = g->asset;
    f->zone = g->zone;
    f->channel = f->source = DURA_NONE;
    f->control = f->risk = f->component = DURA_NONE;
    return f;
}

int durai_guard_say(dura_guard *g, const dura_fact *f, const uint8_t *brain, const dura_time *t)
{
    dura_fact *mine = durai_fact_start(g, f->kind, f->log, f->severity);
    uint16_t asset = mine->asset, zone = mine->zone;
    *mine = *f;
    if (mine->asset == DURA_NONE)
        mine->asset = asset;
    if (mine->zone == DURA_NONE)
        mine->zone = zone;
    if (brain) {
        g->work.say.fact.reason_len = BRAIN_BYTES;
        memcpy(g->work.say.fact.text, brain, BRAIN_BYTES);
    }
    return durai_fact_append(g, t, NULL, NULL);
}

static int append(dura_guard *g, uint32_t ring, const dura_time *t, const char *actor, const char *reason)
{
    durai_raw_fact *r = &g->work.say.fact;
    dura_log_entry *e = &g->work.say.entry;
    memset(e, 0, sizeof *e);
    g->fact_serial++;
    r->serial = g->fact_serial;
    if (actor) {
        r->actor_len = (uint8_t)strlen_max(actor);
        r->reason_len = (uint8_t)strlen_max(reason);
        memcpy(r->text, actor, r->actor_len);
        memcpy(r->text + r->actor_len, reason, r->reason_len);
    }
    e->struct_size = sizeof *e;
    e->log = r->fact.log;
    e->raw = 1;
    e->kind = DURA_REC_FACT;
    e->source = r->fact.source;
    e->time = *t;
    e->time.boot = g->nv.boot;
    return dura_log_append(g->log, ring, e, r, offsetof(durai_raw_fact, text) + r->actor_len + r->reason_len);
}

int durai_fact_append(dura_guard *g, const dura_time *t, const char *actor, const char *reason)
{
    return append(g, RING_WORKER, t, actor, reason);
}

int durai_fact_first(dura_guard *g, const dura_time *t) { return append(g, RING_STEP, t, NULL, NULL); }
