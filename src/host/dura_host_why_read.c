/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reading of both logs around one decision.
 *
 * The recorded frames of its boot go through a sensor of the same policy again, so that
 * quality and the values a check compared with are known exactly, and through the watch,
 * so that the drift monitor stands where it stood. Behind the decision only events, what
 * people said and the seal that covers it are looked for.
 */
#include "dura_host_why_read.h"
#include "dura_host_sensor.h"

#include <dura/host/events.h>
#include <dura/host/watch.h>

#include <inttypes.h>
#include <stdlib.h>

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

/* ---- the sensor, again -------------------------------------------------------------------- */

/* A sensor as it stands after a boot. */
static int fresh_sensor(durai_why *w)
{
    durai_policy_sensor p;
    int rc = durai_policy_get_sensor(w->run.policy, &p);
    if (rc != DURA_OK)
        return DURA_EINVAL;
    w->gap_ns = (int64_t)p.gap_ms * 1000000;
    rc = durai_sensor_make(&w->sensor, &w->sensor_mem, w->run.policy, NULL);
    memset(w->past, 0, w->run.n_channels * sizeof *w->past);
    w->frame_ns = -1;
    w->has_reach = 0;
    return rc;
}

/* What the next frame of a channel will be compared with. */
static void remember(durai_past *p, const durai_policy_channel *limit, float x, uint8_t verdict, int64_t now)
{
    if (verdict > DURA_SUSPECT)
        return;
    float away = x - p->rest;
    if (!p->has_rest || away > limit->flat_tolerance || -away > limit->flat_tolerance) {
        p->rest = x;
        p->rest_ns = now;
        p->has_rest = 1;
    }
    p->last = x;
    p->last_ns = now;
    p->has_last = 1;
}

/* One recorded frame through the sensor; v is its record. */
static void sense(durai_why *w, const durai_view *v, int64_t now)
{
    if (v->n_values == 0 || (v->reasons & (DURA_G_ORDER | DURA_G_ARGUMENT)) || now < 0)
        return;
    dura_sensor_report rep = DURA_SENSOR_REPORT_INIT;
    if (dura_sensor_update(w->sensor, now, v->values, v->missing, w->run.n_channels, NULL, &rep) != DURA_OK)
        return;
    w->frame_ns = now;
    for (uint32_t c = 0; c < w->run.n_channels; c++)
        if (!v->missing[c])
            remember(&w->past[c], &w->limit[c], v->values[c], v->verdict[c], now);
}

/* ---- the decision ------------------------------------------------------------------------- */

static int keep_json(durai_why *w, const dura_record *r)
{
    size_t n = 0;
    int rc = dura_record_json(r, &w->run.shown, NULL, &n);
    if (rc != DURA_ENOSPC)
        return rc;
    w->json = malloc(n);
    return w->json ? dura_record_json(r, &w->run.shown, w->json, &n) : DURA_ENOSPC;
}

static int keep_decision(durai_why *w, const dura_record *r)
{
    int rc = durai_view_read(&w->v, &w->run, r);
    if (rc == DURA_OK)
        rc = keep_json(w, r);
    if (rc != DURA_OK)
        return rc;
    durai_leaf_of(r, w->leaf);
    w->seq = r->seq;
    w->step_ns = w->frame_ns >= 0 ? r->time.mono_ns - w->frame_ns : 0;
    memcpy(w->before, w->past, w->run.n_channels * sizeof *w->past);
    sense(w, &w->v, r->time.mono_ns);
    for (uint16_t c = 0; c < w->run.n_channels; c++) {
        w->state[c].struct_size = sizeof w->state[c];
        if (dura_sensor_query(w->sensor, c, &w->state[c]) != DURA_OK || w->state[c].verdict != w->v.verdict[c] || w->holes)
            w->state[c].struct_size = 0;
    }
    w->passed = 1;
    return DURA_OK;
}

static int see_decision(durai_why *w, const dura_record *r)
{
    int rc;
    if (r->time.boot != w->boot) {
        rc = fresh_sensor(w);
        if (rc != DURA_OK)
            return rc;
        w->boot = r->time.boot;
    }
    if (r->gseq == w->at.gseq)
        return keep_decision(w, r);
    if (w->passed)
        return DURA_OK;
    rc = durai_view_read(&w->w, &w->run, r);
    if (rc != DURA_OK)
        return rc;
    sense(w, &w->w, r->time.mono_ns);
    memcpy(w->reach, w->w.proposed, w->run.n_outputs * sizeof *w->reach);
    w->reach_ns = r->time.mono_ns;
    w->has_reach = !(w->w.reasons & DURA_G_ARGUMENT);
    if (w->w.n_inputs && w->n_rows < DURAI_WHY_ROWS) {
        memcpy(w->rows + (size_t)w->n_rows * w->run.n_inputs, w->w.inputs, w->run.n_inputs * sizeof *w->rows);
        w->n_rows++;
    }
    return DURA_OK;
}

/* ---- security ----------------------------------------------------------------------------- */

/* Nanoseconds behind the decision: by the clock of the boot, else by the wall clocks.
 * 0: they cannot be compared. */
static int apart(const durai_why *w, const dura_time *t, int64_t *ns)
{
    if (t->boot == w->at.boot)
        *ns = t->mono_ns - w->at.mono_ns;
    else if (t->quality && w->at.quality)
        *ns = t->wall_ns - w->at.wall_ns;
    else
        return 0;
    return 1;
}

static void keep_said(const dura_record *r, durai_said *list, uint32_t cap, uint32_t *n)
{
    if (*n == cap) {             /* the last ones count */
        memmove(list, list + 1, (cap - 1u) * sizeof *list);
        --*n;
    }
    durai_said *s = &list[(*n)++];
    s->gseq = r->gseq;
    s->time = r->time;
    (void)durai_text_of(r, 17, s->type, sizeof s->type);
    (void)durai_text_of(r, 18, s->id, sizeof s->id);
    (void)durai_text_of(r, 21, s->actor, sizeof s->actor);
    (void)durai_text_of(r, 25, s->detail, sizeof s->detail);
}

/* 1: it came through the people's door, and is no security tool's. */
static int see_people(durai_why *w, const dura_record *r)
{
    char category[40], id[40], frame[24];
    (void)durai_text_of(r, 16, category, sizeof category);
    if (strcmp(category, "incident") == 0) {
        keep_said(r, w->said, DURAI_WHY_SAID, &w->n_said);
        return 1;
    }
    if (strcmp(category, "label") != 0)
        return 0;
    frame[durai_dec(frame, w->at.frame)] = '\0';
    if (strcmp(durai_text_of(r, 18, id, sizeof id), frame) == 0) {
        w->labels_more += w->n_labels == DURAI_WHY_LABELS;
        keep_said(r, w->label, DURAI_WHY_LABELS, &w->n_labels);
    }
    return 1;
}

static durai_near *room_for(durai_why *w, int64_t after)
{
    if (after > 0)
        return w->n_after < DURAI_WHY_AFTER ? &w->after_event[w->n_after++] : NULL;
    if (w->n_before == DURAI_WHY_BEFORE) {
        memmove(w->before_event, w->before_event + 1, (DURAI_WHY_BEFORE - 1u) * sizeof *w->before_event);
        w->n_before--;
    }
    return &w->before_event[w->n_before++];
}

static void see_event(durai_why *w, const dura_record *r)
{
    dura_event e = DURA_EVENT_INIT;
    int64_t after;
    if (see_people(w, r) || dura_event_of_record(r, &e) != DURA_OK)
        return;
    w->events++;
    w->trusted += e.trust != DURA_TRUST_NONE;
    w->heartbeats += e.type == DURA_EVENT_HEARTBEAT;
    if (!apart(w, &r->time, &after))
        return;
    if (after <= 0 && (w->last_event_ns < 0 || -after < w->last_event_ns))
        w->last_event_ns = -after;
    if (after > w->run.window_ns || after < -w->run.window_ns || e.type == DURA_EVENT_HEARTBEAT)
        return;
    w->in_window++;
    w->unmapped += e.asset == DURA_NONE && e.zone == DURA_NONE;
    durai_near *n = room_for(w, after);
    if (!n)
        return;
    n->gseq = r->gseq;
    n->time = r->time;
    n->after_ns = after;
    n->class_ = e.type;
    n->severity = e.severity;
    n->trusted = e.trust != DURA_TRUST_NONE;
    n->mapped = e.asset != DURA_NONE || e.zone != DURA_NONE;
    (void)durai_text_of(r, 16, n->category, sizeof n->category);
    (void)durai_text_of(r, 17, n->type, sizeof n->type);
    (void)durai_text_of(r, 19, n->result, sizeof n->result);
    (void)durai_text_of(r, 21, n->actor, sizeof n->actor);
    (void)durai_text_of(r, 24, n->peer, sizeof n->peer);
    (void)durai_text_of(r, 25, n->detail, sizeof n->detail);
}

/* ---- what changed the model, what covers the decision ---------------------------------------- */

static void see_fact(durai_why *w, const dura_record *r)
{
    uint64_t kind = 0, component = 0;
    durai_item it, v[3];
    durai_cbor_in in;
    if (w->passed || dura_record_uint(r, 16, &kind) != DURA_OK || kind != DURA_FACT_RELEASE)
        return;
    if (dura_record_uint(r, 23, &component) != DURA_OK || component != DURA_COMPONENT_BRAIN)
        return;
    if (durai_cbor_find(r->cbor, r->len, 26, &it, &in) != DURA_OK || it.type != DURAI_CBOR_ARRAY || it.v < 3)
        return;
    for (int i = 0; i < 3; i++)
        if (durai_cbor_next(&in, &v[i]) != DURA_OK || v[i].type != DURAI_CBOR_UINT)
            return;
    if (v[1].v == DURA_GATE_COMMITTED)
        w->kept_version = v[2].v;
    w->trial_version = v[1].v == DURA_GATE_PROBATION ? v[2].v : 0;
}

static void see_boot(durai_why *w, const dura_record *r)
{
    const uint8_t *p;
    size_t n;
    if (w->passed || dura_record_bytes(r, 17, &p, &n) != DURA_OK || n < sizeof w->start_model)
        return;
    memcpy(w->start_model, p, sizeof w->start_model);
    w->has_start = 1;
    w->trial_version = 0;
}

static void see_seal(durai_why *w, const dura_record *r)
{
    const uint8_t *p;
    size_t n;
    uint64_t epoch;
    if (!w->passed || w->sealed || r->log != DURA_LOG_DECISION || dura_record_uint(r, 16, &epoch) != DURA_OK ||
        dura_record_bytes(r, 17, &p, &n) != DURA_OK || n != 32)
        return;
    w->sealed = 1;
    w->seal_epoch = epoch;
    w->seal_gseq = r->gseq;
    w->seal_size = r->seq;
    memcpy(w->seal_root, p, 32);
}

static void see_drop(durai_why *w, const dura_record *r)
{
    uint64_t n;
    if (!w->passed && r->time.boot == w->at.boot && dura_record_uint(r, 17, &n) == DURA_OK) {
        w->dropped += n;
        w->holes |= r->log == DURA_LOG_DECISION;
    }
}

/* ---- the monitor -------------------------------------------------------------------------- */

static void tell(durai_told *t, const durai_why *w, const dura_record *r)
{
    t->gseq = r->gseq;
    t->time = r->time;
    t->decisions = w->beats.decisions;
    t->before = !w->passed;
}

static durai_told *room_for_trouble(durai_why *w)
{
    if (w->n_trouble == DURAI_WHY_TROUBLE) {
        memmove(w->trouble, w->trouble + 1, (DURAI_WHY_TROUBLE - 1u) * sizeof *w->trouble);
        w->n_trouble--;
    }
    return &w->trouble[w->n_trouble++];
}

static void see_monitor(durai_why *w, const dura_record *r)
{
    uint64_t kind = 0, thing = DURA_NONE;
    int64_t v[4];
    if (dura_record_uint(r, 16, &kind) != DURA_OK || (kind != DURA_FACT_ALIVE && kind != DURA_FACT_MONITOR))
        return;
    if (dura_record_uint(r, 18, &thing) != DURA_OK || thing > DURA_NONE)
        thing = DURA_NONE;
    durai_told *t = kind == DURA_FACT_ALIVE ? &w->alive : room_for_trouble(w);
    tell(t, w, r);
    durai_fact_values(r, v);
    durai_monitor_say(t->text, sizeof t->text, kind, durai_run_name(&w->run, (uint32_t)thing), v);
}

static void see_retrain(durai_why *w, const dura_record *r)
{
    durai_told *t = &w->retrain[w->passed != 0];
    durai_retrain x;
    if (w->passed && t->gseq)
        return;
    durai_retrain_read(r, &x);
    tell(t, w, r);
    durai_retrain_say(t->text, sizeof t->text, durai_run_name(&w->run, x.thing > DURA_NONE ? DURA_NONE : (uint32_t)x.thing), &x);
}

/* Of the decision's own boot only: a start watches anew. */
static void see_watch(durai_why *w, const dura_record *r)
{
    int64_t v[4] = {DURA_MONITOR_SILENT, 0, 0, 0};
    if (r->log != DURA_LOG_DECISION || r->time.boot != w->at.boot)
        return;
    if (r->kind == DURA_REC_RETRAIN)
        see_retrain(w, r);
    if (w->passed)
        return;
    if (r->kind == DURA_REC_FACT)
        see_monitor(w, r);
    if (durai_beats_see(&w->beats, r)) {
        durai_told *t = room_for_trouble(w);
        tell(t, w, r);
        v[1] = (int64_t)w->beats.silent_for;
        v[2] = w->beats.owed;
        durai_monitor_say(t->text, sizeof t->text, DURA_FACT_MONITOR, "", v);
    }
}

static int see(durai_why *w, const dura_record *r)
{
    see_watch(w, r);
    if (!w->passed && r->gseq != w->next_gseq)
        w->holes = 1;
    w->next_gseq = r->gseq + 1;
    switch (r->kind) {
    case DURA_REC_DECISION: return see_decision(w, r);
    case DURA_REC_EVENT: see_event(w, r); break;
    case DURA_REC_FACT: see_fact(w, r); break;
    case DURA_REC_BOOT: see_boot(w, r); break;
    case DURA_REC_SEAL: see_seal(w, r); break;
    case DURA_REC_DROP: see_drop(w, r); break;
    default: break;
    }
    return DURA_OK;
}

/* ---- drift -------------------------------------------------------------------------------- */

/* Names live in the watch; the run has the same. */
static void keep_blame(durai_why *w, dura_watch *watch, uint32_t i)
{
    uint32_t reasons = dura_watch_reasons(watch, i);
    const char *name;
    w->gauge[i].detector = dura_watch_detector(watch, i);
    for (uint32_t k = 0; dura_watch_blamed(watch, reasons, k, &name) == DURA_OK; k++)
        for (uint32_t c = 0; c < (uint32_t)w->run.n_channels + w->run.n_outputs + w->run.n_features; c++)
            if (strcmp(durai_run_name(&w->run, c), name) == 0)
                w->gauge[i].blamed[k] = durai_run_name(&w->run, c);
}

static int keep_gauges(durai_why *w, dura_watch *watch)
{
    uint32_t n = 0;
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    while (dura_watch_drift(watch, n, NULL, NULL, &s) == DURA_OK)
        n++;
    w->gauge = calloc(n ? n : 1, sizeof *w->gauge);
    if (!w->gauge)
        return DURA_ENOSPC;
    for (uint32_t i = 0; i < n; i++) {
        durai_gauge *g = &w->gauge[i];
        const char *name;        /* lives in the watch: the run has the same */
        g->s = (dura_drift_state)DURA_DRIFT_STATE_INIT;
        if (dura_watch_drift(watch, i, &name, &g->id, &g->s) == DURA_OK)
            g->name = durai_run_name(&w->run, g->id);
        keep_blame(w, watch, i);
    }
    w->n_gauges = n;
    w->watched = 1;
    return DURA_OK;
}

/* ---- the reading -------------------------------------------------------------------------- */

static int one_record(durai_why *w, dura_watch *watch, const dura_record *r)
{
    int before = !w->passed, rc;
    if (before && watch) {
        rc = dura_watch_record(watch, r);
        if (rc < 0)
            return rc;
    }
    rc = see(w, r);
    if (rc == DURA_OK && before && w->passed && watch)
        rc = keep_gauges(w, watch);
    return rc;
}

static int walk(durai_why *w, dura_watch *watch, dura_error *err)
{
    dura_records *in;
    dura_record r;
    int rc = dura_records_open(&in, w->run.folder, 0, err);
    if (rc != DURA_OK)
        return rc;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    while (rc == DURA_OK && (rc = dura_records_next(in, &r, err)) == 1) {
        rc = one_record(w, watch, &r);
        if (rc != DURA_OK)
            (void)dura_error_set(err, rc, w->run.folder, 0, NULL, "record %" PRIu64 " is not what its kind says: %s",
                                 r.gseq, dura_strerror(rc));
    }
    dura_records_close(in);
    if (rc != DURA_OK && w->passed) {    /* damage behind the decision: told, not fatal */
        w->read_rc = rc;
        if (err)
            w->read_error = *err;
        return DURA_OK;
    }
    if (rc == DURA_OK && !w->passed)
        rc = dura_error_set(err, DURA_ECORRUPT, w->run.folder, 0, NULL, "the decision cannot be read again");
    return rc;
}

static int make_room(durai_why *w)
{
    size_t n = w->run.n_channels;
    w->limit = calloc(n, sizeof *w->limit);
    w->state = calloc(n, sizeof *w->state);
    w->past = calloc(n, sizeof *w->past);
    w->before = calloc(n, sizeof *w->before);
    w->reach = calloc(w->run.n_outputs, sizeof *w->reach);
    w->rows = calloc((size_t)DURAI_WHY_ROWS * w->run.n_inputs, sizeof *w->rows);
    if (!w->limit || !w->state || !w->past || !w->before || !w->reach || !w->rows)
        return DURA_ENOSPC;
    int rc = durai_view_init(&w->v, &w->run);
    if (rc == DURA_OK)
        rc = durai_view_init(&w->w, &w->run);
    for (uint32_t c = 0; rc == DURA_OK && c < n; c++)
        rc = durai_policy_get_channel(w->run.policy, c, &w->limit[c]);
    return rc == DURA_OK ? fresh_sensor(w) : rc;
}

static void verify(durai_why *w)
{
    dura_verify_options none = DURA_VERIFY_OPTIONS_INIT;
    const dura_verify_options *o = w->options->verify ? w->options->verify : &none;
    w->verify.struct_size = sizeof w->verify;
    w->verify_rc = dura_verify_folder(w->run.folder, o, &w->verify, &w->verify_error);
}

int durai_why_read(durai_why *w, dura_error *err)
{
    dura_watch *watch = NULL;
    durai_policy_drift drift;
    durai_policy_correlate c;
    w->last_event_ns = -1;
    w->boot = w->at.boot;
    w->heartbeat_ns = (int64_t)3600 * 1000000000;
    if (durai_policy_get_correlate(w->run.policy, &c) == DURA_OK && c.heartbeat_ms)
        w->heartbeat_ns = (int64_t)c.heartbeat_ms * 1000000;
    int rc = make_room(w);
    if (rc == DURA_ENOSPC)
        return oom(err);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, w->run.folder, 0, "policy.bin", "cannot be used: %s", dura_strerror(rc));
    if (durai_policy_get_drift(w->run.policy, &drift) == DURA_OK) {
        w->beats.selftest = drift.selftest;
        rc = dura_watch_open(&watch, w->run.policy, w->run.policy_len, err);
    }
    if (rc == DURA_OK)
        rc = walk(w, watch, err);
    dura_watch_close(watch);
    if (rc == DURA_OK)
        rc = durai_cases_load(&w->cases, &w->run, err);
    if (rc < 0 && rc != DURA_ENOSPC && w->read_rc < 0)
        rc = DURA_OK;                    /* the same damage again */
    if (rc == DURA_OK)
        verify(w);
    return rc;
}

void durai_why_free(durai_why *w)
{
    durai_run_close(&w->run);
    durai_cases_free(&w->cases);
    durai_view_free(&w->v);
    durai_view_free(&w->w);
    free(w->json);
    free(w->limit);
    free(w->state);
    free(w->past);
    free(w->before);
    free(w->reach);
    free(w->rows);
    free(w->gauge);
    free(w->sensor_mem);
}

/* The decision lies in its span; of several the one that began last. One that is not
 * closed goes on to the end of the boot. */
const durai_case_of *durai_why_case(const durai_why *w)
{
    const durai_case_of *best = NULL;
    for (size_t k = 0; k < w->cases.n; k++) {
        const dura_incident *i = &w->cases.p[k].i;
        int inside = i->begin.boot == w->at.boot && i->begin.mono_ns <= w->at.mono_ns &&
                     (i->end.boot > w->at.boot || w->at.mono_ns <= i->end.mono_ns || i->state != DURA_INCIDENT_CLOSED);
        if (inside)
            best = &w->cases.p[k];
    }
    return best;
}
