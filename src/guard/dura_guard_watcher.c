/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's ear, a part of the port: who watches nothing does not link it. Every record of a ring, as it gets its number, goes through the watch
 * (dura_guard_watch.c). What the watch finds is recorded like anything else and comes by
 * here again: a drift alarm is a fact of the log before it is evidence.
 */
#include "dura_guard_priv.h"

/* Does the policy ask for the correlator? */
static int asked(const void *policy)
{
    uint32_t n;
    (void)durai_policy_section(policy, DURAI_POLICY_CORRELATE, &n, NULL);
    return n > 0;
}

static void parts_of(durai_watch_parts *p, const void *policy, const dura_port *port)
{
    p->drift = DURAI_PART(port, drift);
    p->chart = DURAI_PART(port, chart);
    p->mspc = DURAI_PART(port, mspc);
    p->histogram = DURAI_PART(port, histogram);
    p->correlate = asked(policy) ? DURAI_PART(port, correlate) : NULL;
}

static DURAI_NOINLINE size_t bytes_of_watch(const void *policy, const dura_port *port)
{
    durai_watch_parts p;
    parts_of(&p, policy, port);
    return durai_watch_bytes(policy, &p);
}

static size_t watch_bytes(const void *policy, const dura_port *port)
{
    size_t n = bytes_of_watch(policy, port);
    return n ? ((sizeof(durai_watcher) + 15u) & ~(size_t)15u) + ((n + 7u) & ~(size_t)7u) + durai_keep_bytes(policy, port) : 0;
}

static DURAI_NOINLINE int watch_anew(dura_guard *g, void *mem, const void *policy)
{
    durai_watch_parts *p = &g->watcher->parts;
    parts_of(p, policy, g->port);
    return durai_watch_init(&g->watcher->watch, (uint8_t *)mem + ((sizeof *g->watcher + 15u) & ~(size_t)15u), policy, p);
}

static int watch_init(dura_guard *g, void *mem, const void *policy)
{
    durai_watcher *w = mem;
    memset(w, 0, sizeof *w);
    g->watcher = w;
    int rc = watch_anew(g, mem, policy);
    if (rc != DURA_OK || durai_keep_bytes(policy, g->port) == 0)
        return rc;
    uint8_t *behind = (uint8_t *)mem + ((sizeof *w + 15u) & ~(size_t)15u);
    size_t n = bytes_of_watch(policy, g->port);
    durai_keep_init(g, behind + ((n + 7u) & ~(size_t)7u), policy);
    durai_keep_open(g);
    return w->keep->why == DURA_OK ? watch_anew(g, mem, policy) : rc; /* it was tried on, and is taken off again */
}

/* RFC 6962 leaf hash of the record, its first bytes: how evidence names it. */
static DURAI_NOINLINE void name_leaf(dura_guard *g, const void *record, size_t len, uint8_t leaf[8])
{
    const dura_crypto *c = g->port->crypto;
    dura_hash_state *h = &g->watcher->hash;
    uint8_t *digest = g->watcher->digest;
    static const uint8_t prefix = 0;
    int rc = c->hash_init(c->user, h);
    if (rc == DURA_OK)
        rc = c->hash_update(c->user, h, &prefix, 1);
    if (rc == DURA_OK)
        rc = c->hash_update(c->user, h, record, len);
    if (rc == DURA_OK)
        rc = c->hash_final(c->user, h, digest);
    if (rc == DURA_OK)
        memcpy(leaf, digest, 8); /* else zeros: gseq names it still */
}

/* The incident as it stands, into the decision log and to the sink. */
static DURAI_NOINLINE void record_incident(dura_guard *g, const dura_time *t)
{
    durai_watcher *w = g->watcher;
    dura_log_entry *e = &g->work.say.entry;
    DURA_ASSERT(w->watch.correlate != NULL);
    w->incident.struct_size = sizeof w->incident;
    if (w->watch.correlate_calls->query(w->watch.correlate, &w->incident) != DURA_OK)
        return;
    memset(e, 0, sizeof *e);
    int n = durai_incident_encode(&w->incident, w->pairs, sizeof w->pairs, &e->n_pairs);
    e->struct_size = sizeof *e;
    e->log = DURA_LOG_DECISION;
    e->kind = DURA_REC_INCIDENT;
    e->source = DURA_NONE;
    e->time = *t;
    int rc = dura_log_append(g->log, RING_WORKER, e, w->pairs, (size_t)n);
    DURA_ASSERT(n > 0 && (rc == DURA_OK || rc == DURA_EFULL)); /* EFULL: the log counts it */
    (void)rc;
    if (g->port->sink) {
        dura_fact *f = durai_fact_start(g, DURA_FACT_INCIDENT, DURA_LOG_DECISION,
                                        w->incident.cause == DURA_CAUSE_ATTACK ? 9 : 6);
        f->value[0] = w->incident.id;
        f->value[1] = w->incident.cause;
        f->value[2] = w->incident.score;
        f->value[3] = w->incident.margin;
        g->port->sink(g->port->sink_user, f, t);
    }
}

/* The whole digest of the model that answered last; the eight bytes decisions carry when it
 * is gone already. */
static const uint8_t *model_of(const dura_guard *g, const durai_alive *a, size_t *n)
{
    *n = 32;
    for (uint32_t i = 0; g->swap && i < sizeof g->swap->brain / sizeof g->swap->brain[0]; i++)
        if (memcmp(g->swap->brain[i].digest, a->brain, sizeof a->brain) == 0)
            return g->swap->brain[i].digest;
    if (!a->has_brain || memcmp(g->model_digest, a->brain, sizeof a->brain) == 0)
        return g->model_digest;
    *n = sizeof a->brain;
    return a->brain;
}

/* A drift is confirmed: the request for retraining, into the decision log and to the sink. */
static DURAI_NOINLINE void ask_retraining(dura_guard *g, const dura_time *t)
{
    durai_watcher *w = g->watcher;
    dura_log_entry *e = &g->work.say.entry;
    size_t digest_bytes;
    const uint8_t *digest = model_of(g, w->watch.alive, &digest_bytes);
    memset(e, 0, sizeof *e);
    int n = durai_retrain_encode(&w->watch, digest, digest_bytes, w->pairs, sizeof w->pairs, &e->n_pairs);
    e->struct_size = sizeof *e;
    e->log = DURA_LOG_DECISION;
    e->kind = DURA_REC_RETRAIN;
    e->source = DURA_NONE;
    e->time = *t;
    int rc = dura_log_append(g->log, RING_WORKER, e, w->pairs, (size_t)n);
    DURA_ASSERT(n > 0 && (rc == DURA_OK || rc == DURA_EFULL)); /* EFULL: the log counts it */
    (void)rc;
    if (g->port->sink) {
        dura_fact *f = durai_fact_start(g, DURA_FACT_RETRAIN, DURA_LOG_DECISION, 0);
        uint16_t asset = f->asset, zone = f->zone;
        durai_retrain_fact(&w->watch, f);
        f->asset = asset;
        f->zone = zone;
        g->port->sink(g->port->sink_user, f, t);
    }
}

/* Outputs of the model that drifted are a reason to end a probation. */
static DURAI_NOINLINE void count_outputs(durai_watcher *w, const dura_fact *f)
{
    uint16_t first = w->watch.n_channels, end = (uint16_t)(first + w->watch.n_outputs);
    if (f->kind != DURA_FACT_DRIFT || f->channel < first || f->channel >= end)
        return;
    if (f->value[0] != DURA_DRIFT_BACK)
        w->drifted++;
    else if (w->drifted)
        w->drifted--;
}

static DURAI_NOINLINE void look_at(durai_watcher *w, const durai_raw_decision *h)
{
    durai_parts p;
    durai_seen *s = &w->seen;
    memset(s, 0, sizeof *s);
    durai_locate(h, (const uint8_t *)h, &p);
    s->at = w->at;
    s->reasons = h->reasons;
    s->backend_rc = h->backend_rc;
    s->n_values = h->n_values;
    s->n_inputs = h->n_inputs;
    s->n_raw = h->n_raw;
    s->n_verdicts = h->n_verdicts;
    s->values = p.values;
    s->inputs = p.inputs;
    s->raw = p.raw;
    s->verdicts = p.verdicts;
    s->not_good = p.not_good;
    s->missing = h->n_missing ? p.missing : NULL;
    s->brain = h->brain;
}

/* A heartbeat, or what stands for one, has become a record. */
static void hear(dura_guard *g, const dura_fact *f)
{
    if (f->kind != DURA_FACT_ALIVE && !durai_alive_failed(f))
        return;
    durai_store(&g->watcher->heard, durai_load(&g->counts.word[COUNT_STEPS][0]));
    durai_store(&g->watcher->beaten, 1);
}

/* Drift facts of a decision into the decision log: they come by here again. */
static DURAI_NOINLINE void record_drift(dura_guard *g, const durai_raw_decision *h, const dura_log_entry *e)
{
    durai_watch *w = &g->watcher->watch;
    for (uint16_t i = 0; i < w->n_facts; i++) {
        dura_fact *f = &w->fact[i];
        f->log = DURA_LOG_DECISION;
        f->frame = h->frame;
        f->source = e->source;
        (void)durai_guard_say(g, f, f->kind == DURA_FACT_DRIFT ? h->brain : NULL, &e->time); /* refused: the log counts it */
    }
}

/* The monitor is where it was before the start, and so are the outputs that had drifted. */
static DURAI_NOINLINE void go_on(dura_guard *g)
{
    durai_watcher *w = g->watcher;
    durai_keep_resume(g);
    for (uint32_t i = 0; i < w->watch.alive->n_standing; i++) {
        uint16_t thing = w->watch.alive->standing[i].thing, first = w->watch.n_channels;
        w->drifted += thing >= first && thing < first + w->watch.n_outputs;
    }
}

/* What a fact changes beside the watch. */
static DURAI_NOINLINE void before_fact(dura_guard *g, const dura_fact *f)
{
    count_outputs(g->watcher, f);
    hear(g, f);
    if (g->watcher->keep && f->kind == DURA_FACT_MONITOR && f->value[0] == DURA_MONITOR_RESUMED)
        go_on(g);
}

/* A record was looked at with which the state may be kept. */
static DURAI_NOINLINE void keep_point(dura_guard *g)
{
    if (g->watcher->keep && g->watcher->watch.alive->point)
        durai_keep_take(g);
}

static void watch_noted(void *user, const dura_log_note *note)
{
    dura_guard *g = user;
    const dura_log_entry *e = note->entry;
    DURA_ASSERT(note->record_len > 0 && note->payload_len <= DURA_RECORD_MAX);
    durai_watcher *w = g->watcher;
    dura_ref *at = &w->at;
    int bits = 0;
    memset(at, 0, sizeof *at);
    at->time = e->time;
    at->time.boot = g->nv.boot;
    at->gseq = note->gseq;
    at->log = e->log;
    if (e->kind == DURA_REC_DECISION || e->kind == DURA_REC_FACT)
        w->known = note->gseq;
    if (w->watch.correlate && e->kind != DURA_REC_INCIDENT)
        name_leaf(g, note->record, note->record_len, at->leaf);
    if (e->kind == DURA_REC_DECISION) {
        const durai_raw_decision *h = note->payload;
        look_at(w, h);
        bits = durai_watch_decision(&w->watch, &w->seen);
        if (bits & DURAI_WATCH_DRIFT)
            record_drift(g, h, e);
        if (bits & DURAI_WATCH_RETRAIN)
            ask_retraining(g, &at->time);
        keep_point(g);
    } else if (e->kind == DURA_REC_FACT) {
        const durai_raw_fact *r = note->payload;
        before_fact(g, &r->fact);
        bits = durai_watch_fact(&w->watch, &r->fact, &w->at);
        keep_point(g);
    } else if (e->kind == DURA_REC_EVENT) {
        bits = durai_watch_event(&w->watch, note->payload, note->payload_len, e->n_pairs, at);
    }
    if (bits & DURAI_WATCH_INCIDENT)
        record_incident(g, &at->time);
}

/* Decisions the caller made since the last heartbeat; modulo 2^32, as the counter. */
static uint32_t unheard(const dura_guard *g)
{
    return durai_load(&g->counts.word[COUNT_STEPS][0]) - durai_load(&g->watcher->heard);
}

static uint32_t watch_unheard(const dura_guard *g, uint32_t *owed)
{
    const durai_watcher *w = g->watcher;
    *owed = w->watch.alive ? durai_alive_owed(w->watch.alive->selftest, !durai_load(&w->beaten)) : 0;
    return *owed ? unheard(g) : 0;
}

/* The step counts on while the watch does not: whoever comes by here says so. */
static void heed(dura_guard *g, const dura_time *now)
{
    uint32_t owed, since = watch_unheard(g, &owed);
    dura_fact f;
    if (owed == 0 || since <= owed)
        return;
    durai_alive_silent(&f, since, owed, g->watcher->watch.alive->decisions);
    if (durai_guard_say(g, &f, NULL, now) == DURA_OK)
        durai_store(&g->watcher->heard, g->watcher->heard + since);
}

static uint32_t watch_step(dura_guard *g, const dura_time *now, uint32_t budget)
{
    heed(g, now);
    return g->watcher->keep && budget ? durai_keep_step(g, now, budget) : 0;
}

static int watch_settle(dura_guard *g, const dura_time *now)
{
    durai_watcher *w = g->watcher;
    if (!w->watch.correlate)
        return DURA_OK;
    int rc = dura_log_step(g->log, now, UINT32_MAX); /* what is still in the rings may be evidence */
    if (rc < 0)
        return rc == DURA_ESTATE ? DURA_OK : rc; /* the log is being closed already */
    int64_t recorded = w->incident.end.mono_ns;
    w->incident.struct_size = sizeof w->incident;
    if (w->watch.correlate_calls->query(w->watch.correlate, &w->incident) != DURA_OK ||
        w->incident.state == DURA_INCIDENT_CLOSED || w->incident.end.mono_ns == recorded)
        return DURA_OK;
    record_incident(g, now);
    return DURA_OK;
}

static void watch_started(dura_guard *g, const dura_time *now)
{
    if (g->watcher->keep)
        durai_keep_tell(g, now);
}

static void watch_finish(dura_guard *g)
{
    if (g->watcher->keep)
        durai_keep_finish(g);
}

const dura_guard_watch_calls *dura_guard_watch_part(void)
{
    static const dura_guard_watch_calls part = {(uint32_t)sizeof(dura_guard_watch_calls), 0, watch_bytes, watch_init,
                                                watch_noted, watch_started, watch_step, watch_settle, watch_finish,
                                                watch_unheard};
    return &part;
}
