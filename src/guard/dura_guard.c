/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a guard from a packed policy, and the worker's calls.
 *
 * Everything the guard needs is carved from the caller's memory once, in one order, by
 * one function that runs twice: without memory to count, with it to place. Whatever
 * init() finds wrong with the gate record leaves a working guard that answers FALLBACK:
 * a machine must get an answer even from a box that was provisioned badly (invariant 2).
 */
#include <dura/backend_ext.h>

#include "dura_guard_priv.h"
#include "dura_guard_sensor.h"

enum { STATUS_V1 = offsetof(dura_guard_status, unheard) };

/* Memory handed out in pieces of 16 bytes; base NULL only counts. */
typedef struct carver {
    uint8_t *base;
    size_t used;
} carver;

static void *carve(carver *c, size_t n)
{
    void *at = c->base ? c->base + c->used : NULL;
    DURA_ASSERT(c->used % 16 == 0);
    c->used += (n + 15u) & ~(size_t)15u;
    return at;
}

/* Everything init needs to know, decoded from the policy. */
typedef struct plan {
    durai_policy_device device;
    durai_policy_guard guard;
    dura_sensor_config sensor;
    dura_sensor_extra extra;
    dura_log_config log;
    dura_feature_config feature;
    size_t sensor_bytes, checks_bytes, log_bytes, feature_bytes;
} plan;

/* Where the parts lie that are opened later, and how large those are that are measured
 * before the plan is made: what measures them goes deep. */
typedef struct places {
    void *sensor, *log, *instance, *feature, *watcher, *swap;
    size_t log_bytes, instance_bytes, watcher_bytes, swap_bytes;
} places;

static int model_usable(const dura_model *m)
{
    return m && m->struct_size >= sizeof(dura_model) && m->image && m->image_len > 0 &&
           m->image_len <= SIZE_MAX && dura_backend_check(m->backend) == DURA_OK;
}

static int port_usable(const dura_port *p)
{
    if (!p || p->struct_size < offsetof(dura_port, feature) || !p->crypto || !p->region[DURA_REGION_NV])
        return 0;
    const dura_region *nv = p->region[DURA_REGION_NV];
    return nv->size >= 4u * (uint64_t)nv->erase_size && nv->prog_size <= 64 && nv->read && nv->prog && nv->erase;
}

/* Inputs of the model: channels or features. */
static uint16_t inputs_of(const durai_policy_device *d) { return (uint16_t)(d->n_inputs + d->n_features); }

/* Bytes of the largest decision record: common keys and scalars, then what locate() in
 * dura_guard_record.c lists; a channel that is not GOOD takes a reason of up to 5 bytes. */
static uint32_t record_bytes(const durai_policy_device *d)
{
    return 160u + 4u * d->n_channels + 4u * inputs_of(d) + 12u * d->n_outputs + 6u * d->n_channels +
           (d->n_channels + 7u) / 8u;
}

/* What a decision takes in a ring: length word, entry, raw record, padding. */
static uint32_t ring_need(const durai_policy_device *d)
{
    return durai_raw_bytes(d->n_channels, inputs_of(d), d->n_outputs) + (uint32_t)sizeof(dura_log_entry) + 8u;
}

/* Default ring: eight of the largest decisions, never below the log's own default. */
static uint32_t ring_default(const durai_policy_device *d)
{
    uint32_t n = 4096;
    while (n < 8u * ring_need(d))
        n *= 2u;
    return n;
}

/* Log sizes from the policy; 0 there means "as large as this policy needs". */
static DURAI_NOINLINE int plan_log(const void *policy, const durai_policy_device *d, dura_log_config *c)
{
    durai_policy_logs l;
    durai_policy_correlate k;
    durai_policy_drift drift;
    uint32_t need = record_bytes(d), ring = ring_need(d), incident = DURAI_INCIDENT_MAX + 80u;
    uint32_t retrain = DURAI_RETRAIN_MAX + 80u;
    int rc = durai_policy_get_logs(policy, &l);
    if (rc != DURA_OK)
        return rc;
    if (durai_policy_get_correlate(policy, &k) == DURA_OK) { /* incidents are records too */
        need = need > incident ? need : incident;
        ring = ring > incident + 80u ? ring : incident + 80u;
    }
    if (durai_policy_get_drift(policy, &drift) == DURA_OK && drift.confirm) { /* and requests */
        need = need > retrain ? need : retrain;
        ring = ring > retrain + 80u ? ring : retrain + 80u;
    }
    if (l.max_record == 0)
        l.max_record = (uint16_t)(need > DURA_RECORD_MAX ? DURA_RECORD_MAX : need > 512u ? need : 512u);
    if (l.ring_bytes == 0)
        l.ring_bytes = ring_default(d);
    if (l.max_record < need || l.ring_bytes < ring)
        return DURA_EINVAL; /* a decision that can never be recorded is a fault of the policy */
    memset(c, 0, sizeof *c);
    c->struct_size = sizeof *c;
    c->n_rings = RINGS;
    c->max_record = l.max_record;
    c->ring_bytes = l.ring_bytes;
    c->buffer_bytes = l.buffer_bytes;
    c->segment_bytes = l.segment_bytes;
    c->commit_records = l.commit_records;
    c->commit_ms = l.commit_ms;
    c->seal_records = l.seal_records;
    c->seal_ms = l.seal_ms;
    c->tree_height = l.tree_height;
    c->key_slot = DURA_KEY_LOG;
    c->encode = durai_guard_encode;
    return DURA_OK;
}

static int feature_spec(const void *policy, uint32_t index, dura_feature_spec *s)
{
    durai_policy_feature f;
    int rc = durai_policy_get_feature(policy, index, &f);
    memset(s, 0, sizeof *s);
    if (rc != DURA_OK)
        return rc;
    s->struct_size = sizeof *s;
    s->op = f.op;
    s->channel = f.channel;
    s->channel2 = f.channel2;
    s->n = f.n;
    s->offset = f.offset;
    s->scale = f.scale;
    s->match = f.match;
    return DURA_OK;
}

/* Values the history has to keep: per channel the deepest look back of its features. */
static DURAI_NOINLINE int plan_features(plan *p, const void *policy, const dura_feature_calls *feature_calls)
{
    dura_feature_spec s;
    p->feature_bytes = 0;
    if (p->device.n_features == 0)
        return DURA_OK;
    if (!feature_calls)
        return DURA_ENOTSUP;
    p->feature.struct_size = sizeof p->feature;
    p->feature.n_channels = p->device.n_channels;
    p->feature.n_features = p->device.n_features;
    for (uint16_t c = 0; c < p->device.n_channels; c++) {
        uint32_t deepest = 0;
        for (uint16_t i = 0; i < p->device.n_features; i++) {
            int rc = feature_spec(policy, i, &s);
            uint32_t depth = rc == DURA_OK && s.channel == c ? feature_calls->depth(&s) : 0;
            deepest = depth > deepest ? depth : deepest;
        }
        p->feature.history += deepest;
    }
    p->feature_bytes = feature_calls->bytes(&p->feature);
    return p->feature_bytes ? DURA_OK : DURA_EINVAL;
}

/* What the checks need beside the sensor's own room. */
static DURAI_NOINLINE int plan_checks(plan *p, const void *policy, const dura_sensor_calls *sensor_calls)
{
    int rc = durai_sensor_extra(policy, &p->extra);
    if (rc != DURA_OK)
        return rc == DURA_ENOENT ? DURA_OK : rc;
    if (!sensor_calls)
        return DURA_ENOTSUP;
    p->checks_bytes = sensor_calls->bytes(&p->extra);
    return p->checks_bytes ? DURA_OK : DURA_EINVAL;
}

/* Does the policy ask for something this port has not linked in? */
static DURAI_NOINLINE int parts_missing(const void *policy, const dura_port *port)
{
    durai_policy_drift d;
    durai_policy_correlate c;
    durai_policy_updates u;
    uint32_t mspc, histograms;
    if (durai_policy_get_drift(policy, &d) == DURA_OK &&
        !(DURAI_PART(port, watch) && (d.detector ? DURAI_PART(port, chart) : DURAI_PART(port, drift))))
        return 1;
    (void)durai_policy_section(policy, DURAI_POLICY_MSPC, &mspc, NULL);
    (void)durai_policy_section(policy, DURAI_POLICY_HISTOGRAMS, &histograms, NULL);
    if ((mspc && !DURAI_PART(port, mspc)) || (histograms && !DURAI_PART(port, histogram)))
        return 1;
    if (durai_policy_get_correlate(policy, &c) == DURA_OK && !(DURAI_PART(port, correlate) && DURAI_PART(port, watch)))
        return 1;
    return durai_policy_get_updates(policy, &u) == DURA_OK &&
           (!DURAI_PART(port, gate) || !port->region[DURA_REGION_JOURNAL]); /* a gate: so a port */
}

/* Check policy and model, and measure what the plan does not. */
static DURAI_NOINLINE int measure(places *at, const void *policy, size_t len, const dura_model *model,
                                  const dura_port *port)
{
    durai_policy_updates u;
    size_t align;
    int rc = durai_policy_check(policy, len);
    memset(at, 0, sizeof *at);
    if (rc != DURA_OK)
        return rc;
    if (!model_usable(model))
        return DURA_EINVAL;
    rc = model->backend->mem_req(model->config, model->image, (size_t)model->image_len, &at->instance_bytes, &align);
    if (rc != DURA_OK)
        return rc;
    if (align > 16 || parts_missing(policy, port))
        return DURA_ENOTSUP;
    at->watcher_bytes = DURAI_PART(port, watch) ? port->watch->bytes(policy, port) : 0;
    if (durai_policy_get_updates(policy, &u) != DURA_OK)
        return DURA_OK;
    at->swap_bytes = durai_swap_bytes(policy, port->gate, at->instance_bytes);
    return at->swap_bytes ? DURA_OK : DURA_EINVAL;
}

static DURAI_NOINLINE int make_plan(plan *p, const void *policy, const dura_port *port)
{
    memset(p, 0, sizeof *p);
    int rc = durai_policy_get_device(policy, &p->device);
    if (rc == DURA_OK)
        rc = durai_sensor_config(policy, &p->sensor);
    if (rc == DURA_OK)
        rc = durai_policy_get_guard(policy, &p->guard);
    if (rc == DURA_OK)
        rc = plan_checks(p, policy, DURAI_PART(port, sensor));
    if (rc != DURA_OK)
        return rc;
    p->sensor_bytes = (dura_sensor_bytes(&p->sensor) + 7u) & ~(size_t)7u; /* what checks need comes behind it */
    rc = plan_log(policy, &p->device, &p->log);
    if (rc != DURA_OK)
        return rc;
    p->log_bytes = dura_log_bytes(&p->log, port);
    if (p->sensor_bytes == 0 || p->log_bytes == 0)
        return DURA_EINVAL;
    return plan_features(p, policy, DURAI_PART(port, feature));
}

static dura_guard *place(carver *c, const plan *p, places *at)
{
    const durai_policy_device *d = &p->device;
    uint32_t scratch = durai_raw_bytes(d->n_channels, inputs_of(d), d->n_outputs);
    dura_guard *g = carve(c, sizeof *g);
    uint16_t *input = carve(c, sizeof *input * d->n_inputs);
    durai_bounds *envelope = carve(c, sizeof *envelope * d->n_outputs);
    float *usable = carve(c, sizeof *usable * d->n_channels);
    float *inputs = carve(c, sizeof *inputs * inputs_of(d));
    float *raw = carve(c, 3u * sizeof *raw * d->n_outputs);
    uint8_t *bytes = carve(c, scratch);
    at->sensor = carve(c, p->sensor_bytes + p->checks_bytes);
    at->log = carve(c, p->log_bytes);
    at->log_bytes = p->log_bytes;
    at->instance = carve(c, at->instance_bytes);
    at->feature = carve(c, p->feature_bytes);
    at->watcher = at->watcher_bytes ? carve(c, at->watcher_bytes) : NULL;
    at->swap = at->swap_bytes ? carve(c, at->swap_bytes) : NULL;
    if (g) {
        memset(g, 0, sizeof *g);
        memset(raw, 0, 3u * sizeof *raw * d->n_outputs);
        g->input = input;
        g->envelope = envelope;
        g->usable = usable;
        g->inputs = inputs;
        g->raw = raw;
        g->bounded = raw + d->n_outputs;
        g->driven = raw + 2u * d->n_outputs;
        g->scratch = bytes;
        g->scratch_len = scratch;
    }
    return g;
}

/* The caller's memory is 8-byte aligned; pieces want 16 for the backend's instance. */
enum { SLACK = 8 };

static DURAI_NOINLINE size_t count(places *at, const void *policy, const dura_port *port)
{
    plan p;
    carver c = {NULL, 0};
    if (make_plan(&p, policy, port) != DURA_OK)
        return 0;
    (void)place(&c, &p, at);
    return c.used + SLACK;
}

size_t dura_guard_bytes(const void *policy, size_t policy_len, const dura_model *model, const dura_port *port)
{
    places at;
    return measure(&at, policy, policy_len, model, port) == DURA_OK ? count(&at, policy, port) : 0;
}

/* ---- init --------------------------------------------------------------------------- */

static DURAI_NOINLINE int build_outputs(dura_guard *g, const void *policy)
{
    for (uint16_t i = 0; i < g->n_outputs; i++) {
        durai_policy_output o;
        int rc = durai_policy_get_output(policy, i, &o);
        if (rc != DURA_OK)
            return rc;
        durai_bounds e = {o.lo, o.hi, o.rate, o.safe, o.on_violation == DURAI_OUTPUT_FALLBACK};
        g->envelope[i] = e;
    }
    for (uint16_t i = 0; !g->feature && i < g->n_inputs; i++)
        g->input[i] = durai_policy_get_input(policy, i);
    return DURA_OK;
}

static DURAI_NOINLINE int build_features(dura_guard *g, const void *policy)
{
    dura_feature_spec s;
    int rc = DURA_OK;
    for (uint16_t i = 0; rc == DURA_OK && g->feature && i < g->n_inputs; i++) {
        rc = feature_spec(policy, i, &s);
        if (rc == DURA_OK)
            rc = g->port->feature->attach(g->feature, i, &s);
    }
    return rc;
}

static void settle(dura_guard *g, const plan *p, const dura_model *model, const dura_port *port)
{
    g->port = port;
    g->model = model;
    g->hold_ns = (int64_t)p->guard.hold_ms * 1000000;
    g->deadline_ns = (int64_t)p->guard.deadline_us * 1000;
    g->n_channels = p->device.n_channels;
    g->n_inputs = inputs_of(&p->device);
    g->n_outputs = p->device.n_outputs;
    g->recover_frames = p->guard.recover_frames;
    g->asset = p->device.asset;
    g->zone = p->device.zone;
    g->mode = p->device.mode == DURAI_DEVICE_ENFORCE ? DURA_ENFORCE : DURA_OBSERVE;
    g->last_action = DURA_FALLBACK;
    g->recorded_action = DURA_FALLBACK;
}

/* The gate's answer for this policy and this model. */
static DURAI_NOINLINE int32_t ask_gate(dura_guard *g, const void *policy)
{
    durai_policy_gate gate;
    int rc = durai_policy_get_gate(policy, &gate);
    return rc == DURA_OK ? durai_factory_check(g, gate.factory_key) : rc;
}

/* The model the gate allowed. */
static DURAI_NOINLINE int32_t open_model(dura_guard *g, void *mem)
{
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    const dura_backend *b = g->model->backend;
    int32_t rc = b->open(mem, g->model->config, g->model->image, (size_t)g->model->image_len);
    if (rc != DURA_OK)
        return rc;
    rc = b->io(mem, &io);
    if (rc == DURA_OK && (io.n_inputs != g->n_inputs || io.n_outputs != g->n_outputs))
        rc = DURA_EINVAL;
    if (rc == DURA_OK)
        g->instance = mem;
    else if (b->close)
        b->close(mem);
    return rc;
}

/* Boot counter and latches from NV, the new boot durable before anything is recorded. */
static DURAI_NOINLINE int open_nv(dura_guard *g)
{
    int rc = durai_nv_read(g->port, &g->nv);
    if (rc < 0)
        return rc;
    g->clean_start = g->nv.clean != 0;
    g->nv.boot++;
    g->nv.clean = 0;
    rc = durai_nv_write(g->port, &g->nv);
    durai_store(&g->latch, g->nv.latch);
    return rc;
}

/* NV remembers that the journal has been written: from then on a blank one is a loss. */
static DURAI_NOINLINE int note_journal(dura_guard *g)
{
    dura_gate_status *st = &g->swap->start.status;
    if (g->nv.journal)
        return DURA_OK;
    memset(st, 0, sizeof *st);
    st->struct_size = sizeof *st;
    int rc = g->port->gate->query(g->swap->gate, st);
    if (rc != DURA_OK || st->seq == 0)
        return rc;
    g->nv.journal = 1;
    rc = durai_nv_write(g->port, &g->nv);
    if (rc < 0)
        g->nv.journal = 0;
    return rc;
}

/* The gate's journal, when the policy takes updates; it may have put this policy in force. */
static DURAI_NOINLINE int open_gate(dura_guard *g, const places *at, const void *policy)
{
    static const uint8_t none[32];
    if (!at->swap)
        return DURA_OK;
    int rc = durai_swap_init(g, policy, at->swap, at->instance_bytes, g->nv.journal == 0);
    if (rc != DURA_OK)
        return rc;
    dura_gate_status *st = &g->swap->start.status;
    memset(st, 0, sizeof *st);
    st->struct_size = sizeof *st;
    rc = g->port->gate->query(g->swap->gate, st);
    if (rc != DURA_OK)
        return rc;
    if (memcmp(st->policy, none, 32) != 0) {
        g->released = memcmp(st->policy, g->policy_digest, 32) == 0;
        if (!g->released)
            g->gate = DURA_EDENIED; /* another policy is in force */
    }
    return note_journal(g);
}

/* NV and logs must remember the same past. */
static DURAI_NOINLINE int compare_pasts(dura_guard *g, int first_boot, const dura_time *now)
{
    dura_log_status st = DURA_LOG_STATUS_INIT;
    int rc = dura_log_query(g->log, &st);
    if (rc != DURA_OK)
        return rc;
    int fresh = st.found == DURA_LOG_FRESH;
    if (fresh == first_boot)
        return DURA_OK;
    if (!fresh) { /* NV was wiped: a stop that a person latched may be lost with it */
        g->nv.latch |= LATCH_STOP;
        rc = durai_nv_write(g->port, &g->nv);
        durai_store(&g->latch, g->nv.latch);
        if (rc < 0)
            return rc;
    }
    dura_fact *f = durai_fact_start(g, DURA_FACT_LOG_LOST, DURA_LOG_SECURITY, 8);
    f->value[0] = fresh ? 1 : 2; /* 1: the logs are gone, 2: NV is */
    f->value[1] = g->nv.boot;
    return durai_fact_append(g, now, NULL, NULL);
}

static size_t strlen_of(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

/* DURA_OFFERS_*: what is not there is an assurance nobody has, and the log says so. */
static uint32_t offers(const dura_guard *g)
{
    static const char *const name[] = {DURA_EXT_MODEL_ID, DURA_EXT_CONFIDENCE, DURA_EXT_ATTRIBUTION,
                                       DURA_EXT_TIMING, DURA_EXT_SELFTEST};
    const dura_backend *b = g->model->backend;
    void *inst = g->swap ? g->swap->brain[g->swap->champion].instance : g->instance;
    uint32_t bits = 0;
    for (uint32_t i = 0; inst && b->get_extension && i < sizeof name / sizeof *name; i++)
        bits |= b->get_extension(inst, name[i]) ? 1u << i : 0;
    DURA_ASSERT(bits <= 31u && (inst || !bits));
    return bits;
}

static DURAI_NOINLINE int record_boot(dura_guard *g, const dura_time *now)
{
    dura_log_entry *e = &g->work.boot.entry;
    durai_cbor c;
    const char *version = dura_version();
    uint32_t offered = offers(g);
    DURA_ASSERT(g->log != NULL);
    memset(e, 0, sizeof *e);
    e->struct_size = sizeof *e;
    e->log = DURA_LOG_SECURITY;
    e->kind = DURA_REC_BOOT;
    e->source = DURA_NONE;
    const uint8_t *r = g->risk_register;
    int bound = r[0] != 0 || memcmp(r, r + 1, 31) != 0; /* zeros: the policy names none */
    e->n_pairs = (uint16_t)(7 + bound);
    e->time = *now;
    durai_cbor_init(&c, g->work.boot.pairs, sizeof g->work.boot.pairs);
    durai_cbor_kbytes(&c, 16, g->policy_digest, 32);
    durai_cbor_kbytes(&c, 17, g->swap ? g->swap->brain[g->swap->champion].digest : g->model_digest, 32);
    durai_cbor_kint(&c, 18, durai_guard_gate(g));
    durai_cbor_kuint(&c, 19, g->mode);
    durai_cbor_kuint(&c, 20, g->nv.latch & LATCH_STOP ? 1 : 0);
    durai_cbor_uint(&c, 21);
    durai_cbor_bool(&c, g->clean_start);
    durai_cbor_ktext(&c, 23, version, strlen_of(version));
    if (bound)
        durai_cbor_kbytes(&c, 24, r, 32);
    if (offered) {
        durai_cbor_kuint(&c, 31, offered);
        e->n_pairs++;
    }
    DURA_ASSERT(c.err == DURA_OK);
    return dura_log_append(g->log, RING_WORKER, e, g->work.boot.pairs, c.len);
}

const dura_time *durai_guard_stamp(dura_guard *g, const dura_time *now)
{
    g->now = *now;
    g->now.boot = g->nv.boot;
    return &g->now;
}

/* Plan, place what the plan says, and forget the plan: it is large, and what comes after
 * goes deep. The log's configuration waits in g->work. */
static DURAI_NOINLINE int lay_out(dura_guard **out, places *at, void *mem, size_t len, const void *policy,
                                  const dura_model *model, const dura_port *port)
{
    plan p;
    carver c = {NULL, 0};
    int rc = make_plan(&p, policy, port);
    if (rc != DURA_OK)
        return rc;
    (void)place(&c, &p, at);
    if (len < c.used + SLACK)
        return DURA_ENOSPC;
    c.base = (uint8_t *)mem + (uintptr_t)mem % 16;
    c.used = 0;
    DURA_ASSERT((uintptr_t)c.base % 16 == 0);
    dura_guard *g = place(&c, &p, at);
    DURA_ASSERT(c.used + SLACK <= len);
    settle(g, &p, model, port);
    g->work.init.log = p.log;
    *out = g;
    rc = dura_sensor_init(&g->sensor, at->sensor, p.sensor_bytes, &p.sensor);
    const dura_sensor_calls *sensor_calls = DURAI_PART(port, sensor);
    if (rc == DURA_OK && p.checks_bytes)
        rc = sensor_calls->extend(g->sensor, (uint8_t *)at->sensor + p.sensor_bytes, p.checks_bytes, &p.extra);
    if (rc == DURA_OK && p.feature_bytes)
        rc = port->feature->init(&g->feature, at->feature, p.feature_bytes, &p.feature);
    return rc;
}

static DURAI_NOINLINE int open_logs(dura_guard *g, const places *at, const void *policy, const dura_time *now)
{
    int rc = at->watcher ? g->port->watch->init(g, at->watcher, policy) : DURA_OK;
    if (rc != DURA_OK)
        return rc;
    g->work.init.log.encode_user = g;
    g->work.init.log.noted = at->watcher ? g->port->watch->noted : NULL;
    g->work.init.log.noted_user = g;
    rc = dura_log_init(&g->log, at->log, at->log_bytes, &g->work.init.log, g->port, now);
    if (rc == DURA_OK)
        rc = compare_pasts(g, g->nv.boot == 1, now);
    if (rc == DURA_OK)
        rc = record_boot(g, now);
    if (rc == DURA_OK && g->watcher)
        g->port->watch->started(g, now);
    return rc == DURA_OK && g->swap ? durai_swap_tell(g) : rc;
}

/* Everything that touches the port. */
static int bring_up(dura_guard *g, const places *at, const void *policy, size_t policy_len, const dura_time *now)
{
    int rc = durai_hash(g->port->crypto, policy, policy_len, g->policy_digest);
    g->risk_register = durai_policy_section(policy, DURAI_POLICY_GATE, NULL, NULL) + DURAI_POLICY_GATE_RISK_REGISTER_AT;
    if (rc == DURA_OK)
        rc = durai_hash(g->port->crypto, g->model->image, (size_t)g->model->image_len, g->model_digest);
    if (rc != DURA_OK)
        return rc;
    rc = open_nv(g);
    if (rc < 0)
        return rc;
    now = durai_guard_stamp(g, now);
    rc = open_gate(g, at, policy);
    if (rc < 0)
        return rc;
    if (g->gate == DURA_OK)
        g->gate = ask_gate(g, policy);
    if (g->gate == DURA_OK)
        g->gate = open_model(g, at->instance);
    if (g->swap && g->gate == DURA_OK)
        rc = durai_swap_start(g);
    return rc == DURA_OK ? open_logs(g, at, policy, now) : rc;
}

static void close_models(dura_guard *g)
{
    if (g->swap)
        durai_swap_deinit(g);
    if (g->instance && g->model->backend->close)
        g->model->backend->close(g->instance);
    g->instance = NULL;
}

int dura_guard_init(dura_guard **out, void *mem, size_t len, const void *policy, size_t policy_len,
                    const dura_model *model, const dura_port *port, const dura_time *now)
{
    places at;
    dura_guard *g = NULL;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    if (!mem || !now)
        return DURA_EINVAL;
    if ((uintptr_t)mem % 8 != 0)
        return DURA_EALIGN;
    if (!port_usable(port))
        return DURA_ENOTSUP;
    int rc = measure(&at, policy, policy_len, model, port);
    if (rc == DURA_OK)
        rc = lay_out(&g, &at, mem, len, policy, model, port);
    if (rc == DURA_OK)
        rc = durai_sensor_channels(g->sensor, policy);
    if (rc == DURA_OK)
        rc = durai_sensor_checks(g->sensor, policy, DURAI_PART(port, sensor), NULL);
    if (rc == DURA_OK)
        rc = build_outputs(g, policy);
    if (rc == DURA_OK)
        rc = build_features(g, policy);
    if (rc == DURA_OK)
        rc = bring_up(g, &at, policy, policy_len, now);
    if (rc == DURA_OK)
        *out = g;
    else if (g)
        close_models(g);
    return rc;
}

/* ---- the worker's calls ------------------------------------------------------------- */

int dura_guard_idle(dura_guard *g, const dura_time *now, uint32_t budget)
{
    if (!g || !now)
        return DURA_EINVAL;
    now = durai_guard_stamp(g, now);
    int rc = dura_log_step(g->log, now, budget);
    if (rc >= 0 && g->watcher)
        rc += (int)g->port->watch->step(g, now, (uint32_t)rc < budget ? budget - (uint32_t)rc : 0);
    if (rc < 0 || !g->swap || (uint32_t)rc >= budget)
        return rc;
    int more = g->port->gate->step(g->swap->gate, now, budget - (uint32_t)rc);
    int noted = more >= 0 ? note_journal(g) : more;
    if (noted < 0)
        return noted;
    return more > INT32_MAX - rc ? INT32_MAX : rc + more;
}

int dura_guard_save(dura_guard *g, const dura_time *now)
{
    if (!g || !now)
        return DURA_EINVAL;
    now = durai_guard_stamp(g, now);
    int rc = g->watcher ? g->port->watch->settle(g, now) : DURA_OK;
    return rc == DURA_OK ? dura_log_save(g->log, now) : rc;
}

int dura_guard_event(dura_guard *g, const dura_log_entry *e, const void *payload, size_t len)
{
    if (!g || !e || e->struct_size < sizeof *e || e->kind != DURA_REC_EVENT || e->log != DURA_LOG_SECURITY || e->raw)
        return DURA_EINVAL;
    dura_log_entry mine = *e;
    mine.struct_size = sizeof mine;
    mine.time.boot = g->nv.boot;
    return dura_log_append(g->log, RING_EVENT, &mine, payload, len);
}

static int text_usable(const char *s)
{
    size_t n = 0;
    if (!s)
        return 0;
    while (n <= DURA_ACTOR_MAX && s[n])
        n++;
    return n >= 1 && n <= DURA_ACTOR_MAX;
}

/* Put the latch into NV; on failure NV's idea is the old one. */
static int latch_durable(dura_guard *g, uint32_t latch)
{
    uint32_t before = g->nv.latch;
    g->nv.latch = latch;
    int rc = durai_nv_write(g->port, &g->nv);
    if (rc < 0)
        g->nv.latch = before;
    return rc;
}

int dura_guard_override(dura_guard *g, int what, const char *actor, const char *reason, const dura_time *now)
{
    if (!g || !now || !text_usable(actor) || !text_usable(reason) ||
        (what != DURA_OVERRIDE_STOP && what != DURA_OVERRIDE_RELEASE))
        return DURA_EINVAL;
    now = durai_guard_stamp(g, now);
    durai_fact_start(g, DURA_FACT_OVERRIDE, DURA_LOG_SECURITY, what == DURA_OVERRIDE_STOP ? 6 : 3)->value[0] = what;
    /* STOP acts before it is recorded, RELEASE is recorded before it acts. */
    if (what == DURA_OVERRIDE_STOP)
        durai_store(&g->latch, LATCH_STOP);
    int rc = what == DURA_OVERRIDE_STOP ? latch_durable(g, LATCH_STOP) : DURA_OK;
    if (rc == DURA_OK)
        rc = durai_fact_append(g, now, actor, reason);
    if (rc == DURA_OK)
        rc = dura_log_save(g->log, now);
    if (what == DURA_OVERRIDE_STOP || rc < 0)
        return rc;
    rc = latch_durable(g, 0);
    if (rc == DURA_OK)
        durai_store(&g->latch, 0);
    return rc;
}

int dura_guard_deinit(dura_guard *g, const dura_time *now, const void *pairs, size_t len, uint16_t n_pairs)
{
    if (!g || !now)
        return DURA_EINVAL;
    now = durai_guard_stamp(g, now);
    int rc = g->watcher ? g->port->watch->settle(g, now) : DURA_OK;
    if (rc == DURA_OK)
        rc = dura_log_deinit(g->log, now, pairs, len, n_pairs);
    if (rc < 0)
        return rc;
    if (g->watcher)
        g->port->watch->finish(g);
    close_models(g);
    g->gate = DURA_ESTATE; /* a step after this answers FALLBACK and records nothing */
    g->nv.clean = 1;
    return durai_nv_write(g->port, &g->nv);
}

/* ---- figures ------------------------------------------------------------------------ */

/* Counters as one moment saw them: again while the producer is changing them. An
 * interrupt that steps always ends before this code goes on. */
static void read_counts(const durai_counts *c, uint64_t out[COUNTS], uint8_t *action)
{
    uint32_t before;
    do {
        before = durai_load(&c->version);
        for (uint32_t i = 0; i < COUNTS; i++)
            out[i] = (uint64_t)durai_load(&c->word[i][1]) << 32 | durai_load(&c->word[i][0]);
        *action = (uint8_t)durai_load(&c->action);
    } while ((before & 1u) || durai_load(&c->version) != before);
}

int dura_guard_query(const dura_guard *g, dura_guard_status *out)
{
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    uint64_t counts[COUNTS];
    if (!g || !out)
        return DURA_EINVAL;
    read_counts(&g->counts, counts, &st.action);
    st.boot = g->nv.boot;
    st.gate = durai_guard_gate(g);
    st.stopped = (durai_load(&g->latch) & LATCH_STOP) != 0;
    st.mode = g->mode;
    st.clean_start = g->clean_start;
    st.steps = counts[COUNT_STEPS];
    for (uint32_t i = 0; i < 4; i++)
        st.actions[i] = counts[COUNT_ACT + i];
    st.unrecorded = counts[COUNT_UNRECORDED];
    if (g->watcher)
        st.unheard = g->port->watch->unheard(g, &st.owed);
    return durai_struct_out(out, &st, sizeof st, STATUS_V1);
}

int dura_guard_log(const dura_guard *g, dura_log_status *out)
{
    return g && out ? dura_log_query(g->log, out) : DURA_EINVAL;
}
