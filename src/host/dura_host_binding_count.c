/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting, record by record in the order of gseq.
 *
 * Armed time is proven, not assumed: it is the time between two decisions of one start whose
 * frame numbers follow each other, under a policy whose digest the start recorded and which
 * configures the control. What a drift monitor watched counts up to its last heartbeat: time
 * behind it nobody has vouched for.
 */
#include "dura_host_binding_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dura/drift.h>
#include <dura/gate.h>

void durai_bind_problem(dura_binding *b, int code, const char *subject, uint64_t gseq, const char *fmt, ...)
{
    char text[400];
    va_list args;
    if (b->rc != DURA_OK)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (b->info.problems == b->problem_cap) {
        uint32_t cap = 2 * b->problem_cap + 16;
        dura_binding_problem *more = realloc(b->problem, cap * sizeof *more);
        if (!more) {
            b->rc = DURA_ENOSPC;
            return;
        }
        b->problem = more;
        b->problem_cap = cap;
    }
    dura_binding_problem *p = &b->problem[b->info.problems++];
    memset(p, 0, sizeof *p);
    p->struct_size = (uint32_t)sizeof *p;
    p->code = (uint8_t)code;
    p->gseq = gseq;
    p->subject = durai_reg_print(&b->arena, "%s", subject);
    p->text = durai_reg_print(&b->arena, "%s", text);
    if (!p->subject || !p->text)
        b->rc = DURA_ENOSPC;
}

/* A number of the record; other where there is none. */
static uint64_t uint_of(const dura_record *r, uint32_t key, uint64_t other)
{
    uint64_t v;
    return dura_record_uint(r, key, &v) == DURA_OK ? v : other;
}

/* ---- one control ----------------------------------------------------------------------------- */

static void evaluated(dura_binding *b, bind_count *c, uint64_t gseq)
{
    c->out.evaluations++;
    c->out.last_gseq = gseq;
    if (c->out.first_gseq == UINT64_MAX)
        c->out.first_gseq = gseq;
    if (b->wall)
        c->seen_wall = b->wall;
}

static void fired(bind_count *c, const dura_record *r)
{
    c->out.fires++;
    c->fired_n++;
    c->fired = r->time;
    c->out.last_fire_gseq = r->gseq;
    if (c->out.fire_gseq == UINT64_MAX)
        c->out.fire_gseq = r->gseq;
}

/* The fire is its own verdict: a refusal, a person's name. */
static void judged(dura_binding *b, bind_count *c)
{
    c->out.verdicts++;
    c->judged_n = c->fired_n;
    if (b->wall)
        c->fired_wall = b->wall;
}

static int hook_of(const dura_binding *b, uint32_t i) { return b->r->control[i].hook; }

/* Something is recorded that only these hooks do, in force or not. */
static void mark(dura_binding *b, int hook, const dura_record *r, int fire, int verdict)
{
    for (uint32_t i = 0; i < b->r->n_control; i++) {
        bind_count *c = &b->control[i];
        if (hook_of(b, i) != hook || !c->configured || !b->now.in_force)
            continue;
        evaluated(b, c, r->gseq);
        if (fire)
            fired(c, r);
        if (fire && verdict)
            judged(b, c);
    }
}

/* ---- a start ------------------------------------------------------------------------------------ */

static int digest_of(const dura_record *r, uint32_t key, uint8_t out[32])
{
    const uint8_t *p;
    size_t n;
    memset(out, 0, 32);
    if (dura_record_bytes(r, key, &p, &n) != DURA_OK || n != 32)
        return 0;
    memcpy(out, p, 32);
    return 1;
}

static void put_off_waiting(dura_binding *b)
{
    for (uint32_t i = 0; i < b->r->n_control; i++)
        b->control[i].waiting_ns = 0;
}

int durai_bind_boot(dura_binding *b, const dura_record *r)
{
    bind_boot *more = realloc(b->boot, (b->n_boot + 1) * sizeof *more);
    if (!more)
        return DURA_ENOSPC;
    b->boot = more;
    bind_boot *s = &b->boot[b->n_boot++];
    memset(s, 0, sizeof *s);
    s->gseq = r->gseq;
    s->boot = r->time.boot;
    s->known = (uint8_t)(digest_of(r, 16, s->policy) && digest_of(r, 17, s->model));
    s->bound = (uint8_t)digest_of(r, 24, s->reg);
    return DURA_OK;
}

/* Decisions of a model that nothing in this start speaks for. */
static void give_up_pending(dura_binding *b)
{
    if (b->now.pending && b->lost_gseq == UINT64_MAX)
        b->lost_gseq = b->now.pending_gseq;
    b->now.pending = 0;
}

/* The first record of another start. A decision may be written before the BOOT record of its own
 * start: they come through different rings. */
static void begin(dura_binding *b, const dura_record *r)
{
    bind_now *n = &b->now;
    char name[32];
    snprintf(name, sizeof name, "boot %" PRIu32, r->time.boot);
    b->info.span_ns += n->has_last ? (uint64_t)(n->last_ns - n->first_ns) : 0;
    give_up_pending(b);
    memset(n, 0, sizeof *n);
    put_off_waiting(b);
    n->stopped_ns = -1;
    n->start.boot = r->time.boot;
    for (uint32_t i = 0; i < b->n_boot; i++)
        if (b->boot[i].boot == r->time.boot)
            n->start = b->boot[i];
    if (!n->start.known)
        return;
    n->in_force = memcmp(n->start.policy, b->policy.digest, 32) == 0;
    b->forced += (uint32_t)n->in_force;
    if (!n->in_force)
        durai_bind_problem(b, DURA_BIND_POLICY, name, n->start.gseq,
                           "it began under another policy than the folder's policy.bin: nothing was armed as far as this shows");
    int mine = n->start.bound && memcmp(n->start.reg, b->r->digest, 32) == 0;
    if (n->start.bound && !mine)
        durai_bind_problem(b, DURA_BIND_REGISTER, name, n->start.gseq,
                           "the device was bound to another register, or to another state of it");
    b->info.device_bound = (uint8_t)((b->info.boots == 0 || b->info.device_bound) && mine);
    b->info.boots++;
}

static void see_boot(dura_binding *b, const dura_record *r)
{
    int64_t gate;
    if (dura_record_int(r, 18, &gate) == DURA_OK)
        mark(b, BIND_VERIFY, r, gate != DURA_OK, 1);
}

/* ---- inventory ------------------------------------------------------------------------------------ */

static dura_binding_set *new_set(dura_binding *b)
{
    if (b->info.sets == b->set_cap) {
        uint32_t cap = 2 * b->set_cap + 8;
        dura_binding_set *more = realloc(b->set, cap * sizeof *more);
        if (!more) {
            b->rc = DURA_ENOSPC;
            return NULL;
        }
        b->set = more;
        b->set_cap = cap;
    }
    return &b->set[b->info.sets++];
}

/* The set of this start with this model, made when it is not there. */
static dura_binding_set *set_of(dura_binding *b, const uint8_t model[8], uint64_t version)
{
    for (uint32_t i = b->info.sets; i-- > 0 && b->set[i].boot == b->now.start.boot;)
        if (memcmp(b->set[i].model, model, 8) == 0)
            return &b->set[i];
    dura_binding_set *s = new_set(b);
    if (!s)
        return NULL;
    memset(s, 0, sizeof *s);
    s->struct_size = (uint32_t)sizeof *s;
    s->boot = b->now.start.boot;
    memcpy(s->policy, b->now.start.policy, 32);
    memcpy(s->reg, b->now.start.reg, 32);
    memcpy(s->model, model, 8);
    s->version = version;
    s->first_gseq = UINT64_MAX;
    s->boot_gseq = b->now.start.gseq;
    return s;
}

/* One set for each decision: the start's record names policy, register and the model that drives;
 * another model answers only when the log says that a release was switched to. That fact may come
 * behind the first decisions of the new model: they come through another ring. */
static void resolve(dura_binding *b, const dura_record *r)
{
    static const uint8_t none[8];
    const uint8_t *model;
    size_t n;
    if (dura_record_bytes(r, 29, &model, &n) != DURA_OK || n != 8)
        model = none;
    int start = memcmp(model, b->now.start.model, 8) == 0, nobody = memcmp(model, none, 8) == 0;
    int waits = !start && !nobody && !b->now.switched;
    if (!b->now.start.known) {
        b->lost_gseq = b->lost_gseq == UINT64_MAX ? r->gseq : b->lost_gseq;
        return;
    }
    dura_binding_set *s = set_of(b, model, start || nobody ? 0 : b->now.version);
    if (!s)
        return;
    s->decisions++;
    s->last_gseq = r->gseq;
    s->first_gseq = s->first_gseq == UINT64_MAX ? r->gseq : s->first_gseq;
    b->info.resolved += !waits;
    if (waits && b->now.pending++ == 0)
        b->now.pending_gseq = r->gseq;
}

/* ---- a decision ------------------------------------------------------------------------------------ */

/* What the record says, decoded once for all controls. */
typedef struct seen {
    uint64_t reasons, sensor, action;
    int answered;                       /* the model was asked */
    uint64_t step_ns;                   /* proven since the decision before */
    uint32_t channel[1024];             /* reasons of each channel that is not GOOD */
    uint32_t n;
} seen;

static void read_channels(const dura_binding *b, const dura_record *r, seen *s)
{
    const uint8_t *verdict;
    durai_item it;
    durai_cbor_in in;
    size_t n = 0;
    s->n = b->policy.n_channels < 1024 ? b->policy.n_channels : 1024;
    memset(s->channel, 0, s->n * sizeof *s->channel);
    if (dura_record_bytes(r, 27, &verdict, &n) != DURA_OK || durai_cbor_find(r->cbor, r->len, 28, &it, &in) != DURA_OK)
        return;
    for (size_t i = 0; i < n && i < s->n; i++)
        if (verdict[i] != DURA_GOOD && durai_cbor_next(&in, &it) == DURA_OK && it.type == DURAI_CBOR_UINT)
            s->channel[i] = (uint32_t)it.v;
}

/* Reasons of the channels the control is about. */
static uint32_t about(const bind_count *c, const seen *s)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < s->n; i++)
        bits |= c->channel[i] ? s->channel[i] : 0;
    return bits;
}

/* Does the hook work on a decision at all, and did it fire? */
static int on_decision(const bind_count *c, int hook, const seen *s, int *fire)
{
    *fire = 0;
    if (hook <= BIND_STATE) {
        *fire = (about(c, s) & durai_bind_sensor_bits(hook)) != 0;
        return 1;
    }
    if (hook == BIND_FALLBACK) {
        *fire = s->action == DURA_FALLBACK;
        return 1;
    }
    if (hook == BIND_ROLLBACK) {
        *fire = (s->reasons & DURA_G_CHAMPION) != 0;
        return *fire;
    }
    if (hook >= BIND_OUT_RANGE && hook <= BIND_DEADLINE) {
        *fire = (s->reasons & durai_bind_guard_bits(hook)) != 0;
        return s->answered || *fire;
    }
    return (hook >= BIND_MONITOR && hook <= BIND_MSPC) || hook == BIND_LOG_DECISION || hook == BIND_VERDICT;
}

static int waits_for_heartbeat(const dura_binding *b, int hook)
{
    return hook >= BIND_MONITOR && hook <= BIND_SELFTEST && b->policy.has_drift && b->policy.drift.selftest;
}

static void count_decision(dura_binding *b, bind_count *c, int hook, const seen *s, const dura_record *r)
{
    int fire;
    if (!c->configured || !b->now.in_force)
        return;
    if (waits_for_heartbeat(b, hook))
        c->waiting_ns += s->step_ns;
    else
        c->out.armed_ns += s->step_ns;
    if (on_decision(c, hook, s, &fire))
        evaluated(b, c, r->gseq);
    if (!fire)
        return;
    fired(c, r);
    c->out.blocks += s->action != DURA_ACT;
    if (hook == BIND_STOP)
        judged(b, c); /* the stop's own record has a name */
}

static void see_decision(dura_binding *b, const dura_record *r)
{
    bind_now *n = &b->now;
    seen s;
    uint64_t frame = 0;
    const uint8_t *raw;
    size_t len = 0;
    memset(&s, 0, offsetof(seen, channel));
    frame = uint_of(r, 16, frame);
    s.action = uint_of(r, 18, s.action);
    s.reasons = uint_of(r, 19, s.reasons);
    s.sensor = uint_of(r, 20, s.sensor);
    s.answered = dura_record_bytes(r, 24, &raw, &len) == DURA_OK;
    read_channels(b, r, &s);
    b->info.decisions++;
    resolve(b, r);
    if (n->has_last && frame == n->frame + 1 && r->time.mono_ns > n->last_ns)
        s.step_ns = (uint64_t)(r->time.mono_ns - n->last_ns);
    if (!n->has_last)
        n->first_ns = r->time.mono_ns;
    n->has_last = 1;
    n->frame = frame;
    n->last_ns = r->time.mono_ns > n->last_ns ? r->time.mono_ns : n->last_ns;
    b->info.proven_ns += s.step_ns;
    for (uint32_t i = 0; i < b->r->n_control; i++) {
        bind_count *c = &b->control[i];
        count_decision(b, c, hook_of(b, i), &s, r);
        uint64_t took = n->stopped_ns >= 0 && s.action == DURA_STOP ? (uint64_t)(r->time.mono_ns - n->stopped_ns) : 0;
        if (hook_of(b, i) == BIND_STOP && c->configured && took > c->out.worst_ns)
            c->out.worst_ns = took;
    }
    if (s.action == DURA_STOP)
        n->stopped_ns = -1;
}

/* ---- facts, incidents, events ---------------------------------------------------------------------- */

/* A heartbeat vouches for the time since the one before; a failure takes it away. */
static void see_selftest(dura_binding *b, const dura_record *r, int passed, int64_t samples)
{
    for (uint32_t i = 0; i < b->r->n_control; i++) {
        bind_count *c = &b->control[i];
        int hook = hook_of(b, i);
        if (hook < BIND_MONITOR || hook > BIND_SELFTEST || !c->configured || !b->now.in_force)
            continue;
        c->out.tests_passed += (uint64_t)passed;
        c->out.tests_failed += (uint64_t)!passed;
        if (hook == BIND_SELFTEST) {
            evaluated(b, c, r->gseq);
            if (!passed)
                fired(c, r);
        }
        if (passed) {
            c->out.armed_ns += c->waiting_ns;
            c->tested_wall = b->wall ? b->wall : c->tested_wall;
            if (samples > 0 && (uint64_t)samples > c->out.worst_samples)
                c->out.worst_samples = (uint64_t)samples;
        }
        c->waiting_ns = 0;
    }
}

static void see_drift(dura_binding *b, const dura_record *r, int64_t direction)
{
    uint64_t reasons = 0, thing = DURA_NONE;
    if (direction == DURA_DRIFT_BACK)
        return;
    reasons = uint_of(r, 24, reasons);
    thing = uint_of(r, 18, thing);
    int hook = durai_bind_drift_hook(&b->policy, reasons, thing);
    for (uint32_t i = 0; i < b->r->n_control; i++) {
        bind_count *c = &b->control[i];
        if (hook_of(b, i) == hook && c->configured && b->now.in_force &&
            (thing >= b->policy.n_channels || c->channel[thing] || c->on_outputs))
            fired(c, r);
    }
}

/* The gate moved. A refusal names its reason; a brain that passed a stage was looked at there. */
static void see_release(dura_binding *b, const dura_record *r, const int64_t v[4])
{
    bind_now *n = &b->now;
    if (v[1] == DURA_GATE_PROBATION || v[1] == DURA_GATE_COMMITTED || v[1] == DURA_GATE_ACTIVATING) {
        n->switched = 1;
        n->version = (uint64_t)v[2];
        for (uint32_t i = 0; n->pending && i < b->info.sets; i++)
            if (b->set[i].boot == n->start.boot && b->set[i].first_gseq == n->pending_gseq)
                b->set[i].version = n->version;
        b->info.resolved += n->pending;
        n->pending = 0;
    }
    for (int hook = BIND_VERIFY; hook <= BIND_MANIFEST; hook++) {
        int refused = v[1] == DURA_GATE_REJECTED && (v[3] & durai_bind_why_bits(hook)) != 0;
        if (v[1] == DURA_GATE_REJECTED && !refused)
            continue;
        mark(b, hook, r, refused, 1);
        for (uint32_t i = 0; refused && i < b->r->n_control; i++)
            b->control[i].out.blocks += hook_of(b, i) == hook && b->control[i].configured && n->in_force;
    }
}

static void see_override(dura_binding *b, const dura_record *r, int64_t what)
{
    for (uint32_t i = 0; i < b->r->n_control; i++)
        if (hook_of(b, i) == BIND_STOP && b->control[i].configured && b->now.in_force) {
            b->control[i].out.overrides++;
            evaluated(b, &b->control[i], r->gseq);
        }
    b->now.stopped_ns = what == DURA_OVERRIDE_STOP ? r->time.mono_ns : -1;
}

static void see_ids(dura_binding *b, const dura_record *r)
{
    uint64_t control = 0, risk = 0;
    int has = dura_record_uint(r, 21, &control) == DURA_OK, of = dura_record_uint(r, 22, &risk) == DURA_OK;
    if ((has && (control < 1 || control > b->r->n_control)) || (of && (risk < 1 || risk > b->r->n_entry)))
        durai_bind_problem(b, DURA_BIND_IDS, "record", r->gseq, "record %" PRIu64 " names control %" PRIu64 " and risk %" PRIu64
                           ", which the register has not", r->gseq, control, risk);
}

static void see_fact(dura_binding *b, const dura_record *r)
{
    uint64_t kind = 0;
    int64_t v[4];
    kind = uint_of(r, 16, kind);
    durai_fact_values(r, v);
    see_ids(b, r);
    switch (kind) {
    case DURA_FACT_DRIFT: see_drift(b, r, v[0]); break;
    case DURA_FACT_ALIVE: see_selftest(b, r, 1, v[0]); break;
    case DURA_FACT_MONITOR:
        if (v[0] != DURA_MONITOR_RESUMED && v[0] != DURA_MONITOR_ANEW)
            see_selftest(b, r, 0, 0);
        break;
    case DURA_FACT_RELEASE: see_release(b, r, v); break;
    case DURA_FACT_OVERRIDE: see_override(b, r, v[0]); break;
    case DURA_FACT_LINK:
        mark(b, BIND_AUTH, r, 1, 0);
        mark(b, BIND_COUNTER, r, 1, 0);
        break;
    default: break;
    }
}

static int cause_fits(int hook, uint64_t cause)
{
    return cause >= 1 && cause <= 3 ? (durai_reg_hooks[hook].causes >> (cause - 1) & 1) != 0 : 0;
}

/* An incident is a verdict for what fired since it began and can speak to its cause. */
static void see_incident(dura_binding *b, const dura_record *r)
{
    uint64_t cause = 0, state = 0;
    int64_t begin[2] = {0, 0};
    durai_item it;
    durai_cbor_in in;
    state = uint_of(r, 17, state);
    cause = uint_of(r, 18, cause);
    if (durai_cbor_find(r->cbor, r->len, 24, &it, &in) != DURA_OK || it.type != DURAI_CBOR_ARRAY)
        return;
    for (int i = 0; i < 2; i++)
        begin[i] = durai_cbor_next(&in, &it) == DURA_OK && it.type == DURAI_CBOR_UINT ? (int64_t)it.v : 0;
    for (uint32_t i = 0; i < b->r->n_control; i++) {
        bind_count *c = &b->control[i];
        int since = c->fired_n > c->judged_n && (int64_t)c->fired.boot == begin[0] && c->fired.mono_ns >= begin[1];
        if (since && cause_fits(hook_of(b, i), cause))
            judged(b, c);
        if (hook_of(b, i) == BIND_VERDICT && c->configured && b->now.in_force) {
            fired(c, r);
            uint64_t took = (int64_t)r->time.boot == begin[0] && r->time.mono_ns > begin[1] ? (uint64_t)(r->time.mono_ns - begin[1]) : 0;
            if (state == 1 && took > c->out.worst_ns)
                c->out.worst_ns = took;
            if (cause >= 1 && cause <= 4)
                judged(b, c);
        }
    }
}

static void see_event(dura_binding *b, const dura_record *r)
{
    const char *type;
    size_t n;
    if (dura_record_text(r, 17, &type, &n) == DURA_OK && n == 5 && memcmp(type, "label", 5) == 0)
        mark(b, BIND_LABEL, r, 1, 1);
}

/* ---- the record ------------------------------------------------------------------------------------ */

void durai_bind_count(dura_binding *b, const dura_record *r)
{
    b->wall = r->time.quality > DURA_CLOCK_NONE ? r->time.wall_ns : 0;
    b->info.records++;
    if (r->time.boot != b->now.start.boot)
        begin(b, r);
    if (b->wall) {
        b->info.last_wall_ns = b->wall > b->info.last_wall_ns ? b->wall : b->info.last_wall_ns;
        b->info.first_wall_ns = b->info.first_wall_ns && b->info.first_wall_ns < b->wall ? b->info.first_wall_ns : b->wall;
    }
    if (r->log == DURA_LOG_SECURITY)
        mark(b, BIND_LOG_SECURITY, r, r->kind == DURA_REC_EVENT, 0);
    switch (r->kind) {
    case DURA_REC_BOOT: see_boot(b, r); break;
    case DURA_REC_DECISION: see_decision(b, r); break;
    case DURA_REC_FACT: see_fact(b, r); break;
    case DURA_REC_INCIDENT: see_incident(b, r); break;
    case DURA_REC_EVENT: see_event(b, r); break;
    case DURA_REC_SEAL: mark(b, BIND_SEAL, r, 0, 0); break;
    case DURA_REC_RECOVER: mark(b, BIND_SEAL, r, 1, 1); break;
    default: break;
    }
    if (durai_beats_see(&b->beats, r)) {
        durai_bind_problem(b, DURA_BIND_SELFTEST, "drift monitor", r->gseq,
                           "no heartbeat in %" PRIu64 " decisions, one in %" PRIu32 " is owed: nobody vouches for what it watched",
                           b->beats.silent_for, b->beats.owed);
        put_off_waiting(b);
    }
}

void durai_bind_settle(dura_binding *b)
{
    b->info.span_ns += b->now.has_last ? (uint64_t)(b->now.last_ns - b->now.first_ns) : 0;
    b->now.has_last = 0;
    give_up_pending(b);
    if (b->info.resolved < b->info.decisions)
        durai_bind_problem(b, DURA_BIND_INVENTORY, "decisions", b->lost_gseq,
                           "%" PRIu64 " of %" PRIu64 " decisions resolve to no inventory set: no start, or no release, says what answered",
                           b->info.decisions - b->info.resolved, b->info.decisions);
}
