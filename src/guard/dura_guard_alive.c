/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the drift monitor alive, and what follows from what it finds.
 *
 * A monitor that is quiet may be content or broken. So one watched thing after the other is
 * tested: a synthetic shift goes through the monitor's own memory and code (drift.h, probe),
 * and has to be found as soon as theory has it. What comes of it is a fact of the decision
 * log: a heartbeat, or an alarm. Everything is counted in decisions, never in time, so that a
 * reader of the log finds the same test at the same record (invariant 22), and knows by
 * counting when a heartbeat is missing.
 *
 * An alarm that stands is a drift that was not a passing one: after as many decisions as the
 * policy says, retraining is asked for, once for a model and what drifted.
 */
#include <dura/guard.h>

#include "dura_guard_policy.h"
#include "dura_guard_watch.h"

enum {
    SAMPLES = 8,              /* of a test per decision, about what eight channels cost */
    PROBE_MOST = 4000,        /* samples of the longest test: it ends before the next is due */
    WAITING = 256,            /* decisions a heartbeat may wait behind in the rings */
    SEVERITY_MONITOR = 7      /* nothing is watched now, and nobody would know */
};
#define SHIFT 1.0f            /* deviations: what is worth finding, and small for a test */
#define WIDE 2.0f             /* the same of a wider spread */
enum { TEST_UP = 0, TEST_DOWN = 1, TEST_WIDER = 2, ROUNDS = 3 };

static void start(dura_fact *f, uint16_t kind, uint16_t channel, uint8_t severity)
{
    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->severity = severity;
    f->log = DURA_LOG_DECISION;
    f->channel = channel;
    f->asset = f->zone = f->source = f->control = f->risk = f->component = DURA_NONE;
}

size_t durai_alive_bytes(const void *policy)
{
    durai_policy_drift p;
    return durai_policy_get_drift(policy, &p) == DURA_OK && (p.selftest || p.confirm) ? sizeof(durai_alive) : 0;
}

void durai_alive_init(durai_alive *a, const void *policy)
{
    durai_policy_drift p;
    durai_policy_guard g;
    uint32_t n = 0;
    memset(a, 0, sizeof *a);
    if (durai_policy_get_drift(policy, &p) != DURA_OK || durai_policy_get_guard(policy, &g) != DURA_OK)
        return;
    a->kept_ns = -1;
    a->keep_ns = (int64_t)g.checkpoint_ms * 1000000;
    (void)durai_policy_section(policy, DURAI_POLICY_REFERENCES, &n, NULL);
    a->selftest = p.selftest;
    a->confirm = p.confirm;
    a->n_references = (uint16_t)n;
}

/* ---- the self-test ---------------------------------------------------------------------- */

/* What a test that is over, or could not be made, says of the monitor. */
static DURAI_NOINLINE void conclude(durai_watch *w, int rc)
{
    durai_alive *a = w->alive;
    dura_drift_probe *p = &a->probe;
    dura_fact *f = &w->fact[w->n_facts++];
    int good = rc == 1 && p->direction != DURA_DRIFT_BACK && p->samples <= p->bound;
    DURA_ASSERT(w->n_facts <= DURAI_WATCH_FACTS + 1);
    start(f, good ? DURA_FACT_ALIVE : DURA_FACT_MONITOR, p->channel, good ? 0 : SEVERITY_MONITOR);
    a->running = 0;
    if (good) {
        f->value[0] = p->samples;
        f->value[1] = p->bound;
        f->value[2] = (int64_t)a->decisions;
        f->value[3] = a->n_standing + a->more;
        return;
    }
    f->value[0] = rc < 0 ? DURA_MONITOR_FAILED : p->direction != DURA_DRIFT_BACK ? DURA_MONITOR_LATE : DURA_MONITOR_MISSED;
    f->value[1] = rc < 0 ? rc : (int64_t)p->samples;
    f->value[2] = rc < 0 ? 0 : (int64_t)p->bound;
    f->value[3] = (int64_t)a->decisions;
}

/* The next watched thing in turn; one round after the other up, down, wider. */
static void begin(durai_watch *w)
{
    durai_alive *a = w->alive;
    memset(&a->probe, 0, sizeof a->probe);
    a->probe.struct_size = sizeof a->probe;
    a->probe.spread = a->round == TEST_WIDER;
    a->probe.shift = a->round == TEST_WIDER ? WIDE : a->round == TEST_DOWN ? -SHIFT : SHIFT;
    DURA_ASSERT(!a->running && a->selftest > 0 && a->next < a->n_references);
    a->due = a->decisions + a->selftest;
    a->running = 1;
}

/* A share of the test: the same for every reader, and over before the next one is due. */
static DURAI_NOINLINE void test(durai_watch *w)
{
    durai_alive *a = w->alive;
    if (!a->running && a->decisions < a->due)
        return;
    if (!a->running)
        begin(w);
    uint32_t share = SAMPLES + (uint32_t)PROBE_MOST / a->selftest;
    int rc = durai_watch_reference(w, a->next, &a->probe.channel);
    if (rc == DURA_OK)
        rc = w->drift_calls->probe(w->drift, &w->hand.reference, &a->probe, share);
    if (rc == DURA_ENOTSUP && a->probe.spread) {    /* bets know no spread: up again */
        a->probe.spread = 0;
        a->probe.shift = SHIFT;
        rc = w->drift_calls->probe(w->drift, &w->hand.reference, &a->probe, share);
    }
    if (rc == 0 && a->decisions + 1u < a->due)
        return;
    conclude(w, rc);
    a->next++;
    if (a->next >= a->n_references) {
        a->next = 0;
        a->round = (uint8_t)((a->round + 1u) % ROUNDS);
    }
}

int durai_alive_failed(const dura_fact *f)
{
    return f->kind == DURA_FACT_MONITOR && f->value[0] != DURA_MONITOR_ANEW && f->value[0] != DURA_MONITOR_RESUMED;
}

uint32_t durai_alive_owed(uint16_t selftest, int first)
{
    if (selftest == 0)
        return 0;
    return (first ? selftest : 2u * selftest) + WAITING;
}

void durai_alive_silent(dura_fact *f, uint64_t since, uint32_t owed, uint64_t decisions)
{
    start(f, DURA_FACT_MONITOR, DURA_NONE, SEVERITY_MONITOR);
    f->value[0] = DURA_MONITOR_SILENT;
    f->value[1] = (int64_t)since;
    f->value[2] = owed;
    f->value[3] = (int64_t)decisions;
}

/* ---- what stands ------------------------------------------------------------------------- */

/* A histogram's alarm stands and comes back beside that of the same thing's monitor. */
static durai_standing *find(durai_alive *a, const dura_fact *f)
{
    int shape = (f->reasons >> DURA_DRIFT_DETECTOR_AT & 7u) == DURA_DRIFT_HISTOGRAM;
    uint32_t i = 0;
    while (i < a->n_standing && (a->standing[i].thing != f->channel ||
                                 (a->standing[i].direction == DURA_HISTOGRAM_SHAPE) != shape))
        i++;
    return &a->standing[i];
}

static void take_back(durai_alive *a, const dura_fact *f)
{
    durai_standing *s = find(a, f), *end = a->standing + a->n_standing;
    DURA_ASSERT(a->n_standing <= DURAI_STANDING);
    if (s < end) {
        memmove(s, s + 1, (size_t)(end - s - 1) * sizeof *s);
        a->n_standing--;
    } else if (a->more > 0) {
        a->more--;
    }
    if (a->n_standing + a->more == 0)
        a->asked = 0;
}

static void put_down(durai_alive *a, const dura_fact *f, const dura_ref *at)
{
    if (find(a, f) < a->standing + a->n_standing)
        return; /* said twice, as after a restart of the statistic */
    if (a->n_standing == DURAI_STANDING) {
        a->more = (uint16_t)(a->more + (a->more < UINT16_MAX));
        return;
    }
    durai_standing *s = &a->standing[a->n_standing++];
    memset(s, 0, sizeof *s);
    s->gseq = at->gseq;
    s->since = a->decisions;
    s->thing = f->channel;
    s->direction = (uint8_t)f->value[0];
    s->blamed = durai_blamed(f->reasons);
    s->size = f->value[1];
    s->onset = f->value[2];
}

/* Time to keep the state? */
static int is_due(durai_alive *a, int64_t now_ns)
{
    if (a->kept_ns >= 0 && now_ns - a->kept_ns < a->keep_ns)
        return 0;
    a->kept_ns = now_ns;
    return 1;
}

void durai_alive_fact(durai_watch *w, const dura_fact *f, const dura_ref *at)
{
    durai_alive *a = w->alive;
    a->point = f->kind == DURA_FACT_ALIVE && is_due(a, at->time.mono_ns);
    if (f->kind != DURA_FACT_DRIFT)
        return;
    if (f->value[0] == DURA_DRIFT_BACK)
        take_back(a, f);
    else
        put_down(a, f, at);
}

/* Another model answers: what drifted under the former one has to stand under this one. */
static void see_model(durai_alive *a, const durai_seen *s)
{
    if (!s->brain || s->n_raw == 0 || (a->has_brain && memcmp(a->brain, s->brain, sizeof a->brain) == 0))
        return;
    memcpy(a->brain, s->brain, sizeof a->brain);
    for (uint32_t i = 0; a->has_brain && i < a->n_standing; i++)
        a->standing[i].since = a->decisions;
    a->asked = 0;
    a->has_brain = 1;
}

/* Has one of them stood for long enough? Once for this model and these drifts. */
static int confirmed(durai_alive *a)
{
    if (a->confirm == 0 || a->asked)
        return 0;
    for (uint32_t i = 0; i < a->n_standing; i++)
        if (a->decisions - a->standing[i].since >= a->confirm)
            a->asked = 1;
    return a->asked;
}

int durai_alive_decision(durai_watch *w, const durai_seen *s)
{
    durai_alive *a = w->alive;
    see_model(a, s);
    a->decisions++;
    if (w->n_facts)
        a->spoke = a->decisions;
    /* Without heartbeats, where no alarm may be on its way to its record still. */
    a->point = a->selftest == 0 && a->decisions - a->spoke >= WAITING && is_due(a, s->at.time.mono_ns);
    if (a->selftest)
        test(w);
    return confirmed(a) ? DURAI_WATCH_RETRAIN : 0;
}

/* ---- asking for retraining ----------------------------------------------------------------- */

static uint64_t longest(const durai_alive *a)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < a->n_standing; i++)
        most = a->decisions - a->standing[i].since > most ? a->decisions - a->standing[i].since : most;
    return most;
}

void durai_retrain_fact(const durai_watch *w, dura_fact *f)
{
    const durai_alive *a = w->alive;
    start(f, DURA_FACT_RETRAIN, a->n_standing ? a->standing[0].thing : DURA_NONE, 5);
    f->value[0] = a->n_standing + a->more;
    f->value[1] = (int64_t)longest(a);
    f->value[2] = a->n_standing ? (int64_t)a->standing[0].gseq : 0;
}

static void put_standing(durai_cbor *c, const durai_alive *a, const durai_standing *s)
{
    DURA_ASSERT(s->direction != DURA_DRIFT_BACK);
    durai_cbor_array(c, 6);
    durai_cbor_uint(c, s->thing);
    durai_cbor_uint(c, s->direction);
    durai_cbor_int(c, s->size);
    durai_cbor_int(c, s->onset);
    durai_cbor_uint(c, a->decisions - s->since);
    durai_cbor_uint(c, s->gseq);
}

int durai_retrain_encode(const durai_watch *w, const uint8_t *digest, size_t n, uint8_t *out, size_t cap,
                         uint16_t *n_pairs)
{
    const durai_alive *a = w->alive;
    durai_cbor c;
    durai_cbor_init(&c, out, cap);
    durai_cbor_kbytes(&c, 16, digest, n);
    durai_cbor_kuint(&c, 17, longest(a));
    durai_cbor_uint(&c, 18);
    durai_cbor_array(&c, a->n_standing);
    for (uint32_t i = 0; i < a->n_standing; i++)
        put_standing(&c, a, &a->standing[i]);
    if (a->more)
        durai_cbor_kuint(&c, 19, a->more);
    *n_pairs = (uint16_t)(3 + (a->more != 0));
    return c.err == DURA_OK ? (int)c.len : c.err;
}

/* ---- over a start ---------------------------------------------------------------------------- */

/* docs/formats/drift.md, Kept. */
enum { KEPT_HEAD = 24, KEPT_ENTRY = 36, DRIFT_HEAD = 20, DRIFT_CHANNEL = 128, SHAPE_CHANNEL = 108 };

size_t durai_kept_bytes(const void *policy)
{
    uint32_t n = 0, shapes = 0;
    (void)durai_policy_section(policy, DURAI_POLICY_REFERENCES, &n, NULL);
    (void)durai_policy_section(policy, DURAI_POLICY_HISTOGRAMS, &shapes, NULL);
    return (size_t)KEPT_HEAD + (size_t)KEPT_ENTRY * DURAI_STANDING + 2u * DRIFT_HEAD + (size_t)DRIFT_CHANNEL * n +
           (size_t)SHAPE_CHANNEL * shapes;
}

static void put_entry(uint8_t *p, const durai_alive *a, const durai_standing *s)
{
    durai_put64(p, s->gseq);
    durai_put64(p + 8, a->decisions - s->since);
    durai_put64(p + 16, (uint64_t)s->size);
    durai_put64(p + 24, (uint64_t)s->onset);
    durai_put16(p + 32, s->thing);
    p[34] = s->direction;
    p[35] = s->direction == DURA_HISTOGRAM_SHAPE ? 0 : s->blamed;
}

int durai_watch_keep(const durai_watch *w, uint8_t *out, size_t cap)
{
    const durai_alive *a = w->alive;
    DURA_ASSERT(a != NULL && a->n_standing <= DURAI_STANDING);
    size_t at = KEPT_HEAD + (size_t)KEPT_ENTRY * a->n_standing, rest;
    if (cap < at)
        return DURA_ENOSPC;
    memset(out, 0, KEPT_HEAD);
    durai_put16(out, a->next);
    durai_put16(out + 2, a->n_standing);
    durai_put16(out + 4, a->more);
    out[6] = a->round;
    out[7] = a->asked;
    out[8] = a->has_brain;
    memcpy(out + 16, a->brain, sizeof a->brain);
    for (uint32_t i = 0; i < a->n_standing; i++)
        put_entry(out + KEPT_HEAD + (size_t)KEPT_ENTRY * i, a, &a->standing[i]);
    rest = cap - at;
    int rc = w->drift_calls->save(w->drift, out + at, &rest);
    at += rest;
    if (rc == DURA_OK && w->histogram) {
        rest = cap - at;
        rc = w->histogram_calls->save(w->histogram, out + at, &rest);
        durai_put32(out + 12, (uint32_t)rest);
        at += rest;
    }
    return rc == DURA_OK ? (int)at : rc;
}

/* Numbers no alarm has would make a request longer than its room. */
static int sound_entry(const durai_watch *w, const uint8_t *p)
{
    return durai_le64(p + 16) <= UINT32_MAX && durai_le64(p + 24) <= UINT32_MAX && durai_le16(p + 32) < w->n_things &&
           p[34] >= DURA_DRIFT_UP && p[34] <= DURA_HISTOGRAM_SHAPE &&
           p[35] <= (durai_le16(p + 32) < w->n_plain ? 0 : w->n_inputs);
}

/* Nothing a later record could trip over. */
static int sound(const durai_watch *w, const uint8_t *in, size_t len)
{
    const durai_alive *a = w->alive;
    if (len < KEPT_HEAD)
        return 0;
    uint32_t n = durai_le16(in + 2);
    if (n > DURAI_STANDING || len < KEPT_HEAD + (size_t)KEPT_ENTRY * n || durai_le16(in) >= a->n_references ||
        in[6] >= ROUNDS || in[7] > 1 || in[8] > 1 || in[9] != 0 || durai_le16(in + 10) != 0 ||
        durai_le32(in + 12) > len - (KEPT_HEAD + (size_t)KEPT_ENTRY * n) || (durai_le32(in + 12) > 0) != (w->histogram != NULL))
        return 0;
    for (uint32_t i = 0; i < n; i++)
        if (!sound_entry(w, in + KEPT_HEAD + (size_t)KEPT_ENTRY * i))
            return 0;
    return 1;
}

static void get_entry(durai_standing *s, const durai_alive *a, const uint8_t *p)
{
    memset(s, 0, sizeof *s);
    s->gseq = durai_le64(p);
    s->since = a->decisions - durai_le64(p + 8); /* modulo 2^64: it may lie before this boot */
    s->size = (int64_t)durai_le64(p + 16);
    s->onset = (int64_t)durai_le64(p + 24);
    s->thing = durai_le16(p + 32);
    s->direction = p[34];
    s->blamed = p[35];
}

int durai_watch_resume(durai_watch *w, const uint8_t *in, size_t len)
{
    durai_alive *a = w->alive;
    if (!a || !sound(w, in, len))
        return DURA_ECORRUPT;
    uint16_t n = durai_le16(in + 2);
    size_t at = KEPT_HEAD + (size_t)KEPT_ENTRY * n, shapes = durai_le32(in + 12);
    int rc = w->histogram ? durai_shape_load(w, in + (len - shapes), shapes) : DURA_OK;
    if (rc == DURA_OK)
        rc = w->drift_calls->load(w->drift, in + at, len - shapes - at);
    if (rc != DURA_OK) {
        (void)durai_shape_load(w, NULL, 0);
        return rc;
    }
    durai_shape_resume(w);
    a->next = durai_le16(in);
    a->n_standing = n;
    a->more = durai_le16(in + 4);
    a->round = in[6];
    a->asked = in[7];
    a->has_brain = in[8];
    memcpy(a->brain, in + 16, sizeof a->brain);
    for (uint32_t i = 0; i < n; i++)
        get_entry(&a->standing[i], a, in + KEPT_HEAD + (size_t)KEPT_ENTRY * i);
    a->running = 0;
    a->due = a->decisions; /* a test that was under way begins anew with the next decision */
    return DURA_OK;
}
