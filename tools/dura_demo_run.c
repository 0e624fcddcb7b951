/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed loop of `dura demo`: what the guard says to drive is the valve command of the
 * next 100 ms. Events of the network come from the file, as they would for `dura run`.
 *
 * Beside the guard, and unknown to it, the model that was kept last answers the same frames:
 * that is how outputs are counted that an update should not have driven.
 */
#include "dura_args.h"
#include "dura_demo.h"
#include "dura_progress.h"

#include <dura/host/events.h>
#include <dura/host/session.h>

#include <string.h>

enum { CLOCK_ERROR_US = 1000 };

/* The loop as it stands. */
typedef struct loop {
    demo *d;
    plant plant;
    plant_eye eye;
    dura_session *session;
    dura_events *events;
    dura_events_row event;
    int has_event;
    int64_t zero;              /* wall clock at frame 0, ns */
    double command;
    int former;                /* which of the models was kept last */
} loop;

/* A clock that a time server keeps: monotonic since frame 0, wall within a millisecond. */
static dura_time at(const loop *l, int64_t wall_ns)
{
    dura_time t;
    memset(&t, 0, sizeof t);
    t.mono_ns = wall_ns > l->zero ? wall_ns - l->zero : 0;
    t.wall_ns = wall_ns;
    t.wall_err_us = CLOCK_ERROR_US;
    t.quality = DURA_CLOCK_SYNCED;
    return t;
}

static int open_events(loop *l, dura_error *err)
{
    char path[DEMO_PATH];
    dura_events_options o = DURA_EVENTS_OPTIONS_INIT;
    o.path = demo_path(l->d, "events.ndjson", path);
    o.trust = DURA_TRUST_SOURCE;
    return dura_events_open(&l->events, &o, err);
}

static int open_session(loop *l, dura_error *err)
{
    char policy[DEMO_PATH], model[DEMO_PATH], factory[DEMO_PATH], out[DEMO_PATH], state[DEMO_PATH];
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    o.flags = DURA_SESSION_ENFORCE;
    o.policy = demo_path(l->d, "policy.json", policy);
    o.model = demo_path(l->d, "model.json", model);
    o.factory = demo_path(l->d, "factory.record", factory);
    o.out = demo_path(l->d, "run", out);
    o.state = demo_path(l->d, "state", state);
    return dura_session_open(&l->session, &o, err);
}

/* The next event into l->event. A DURA_E* code. */
static int next_event(loop *l, dura_error *err)
{
    l->event = (dura_events_row)DURA_EVENTS_ROW_INIT;
    int rc = dura_events_next(l->events, &l->event, err);
    l->has_event = rc == 1;
    return rc < 0 ? rc : DURA_OK;
}

/* Every event up to this time into the security log. */
static int take_events(loop *l, int64_t until, dura_error *err)
{
    uint8_t pairs[DURA_EVENT_BYTES_MAX];
    uint16_t n;
    int rc = DURA_OK;
    while (rc == DURA_OK && l->has_event && l->event.time.wall_ns <= until) {
        dura_time t = at(l, l->event.time.wall_ns);
        int len = dura_event_encode(&l->event, pairs, sizeof pairs, &n);
        rc = len < 0 ? dura_error_set(err, len, "events.ndjson", (uint32_t)l->event.line, NULL, "%s", dura_strerror(len))
                     : dura_session_event(l->session, pairs, (size_t)len, n, &t, err);
        if (rc == DURA_OK)
            rc = next_event(l, err);
    }
    return rc;
}

/* A release that the gate refuses is an answer, and the run goes on. */
static int offer(loop *l, demo_result *r, uint8_t which, uint64_t frame, dura_error *err)
{
    char path[DEMO_PATH];
    dura_gate_status st = DURA_GATE_STATUS_INIT;
    int rc = dura_session_offer(l->session, demo_path(l->d, which == DEMO_GOOD ? "good.dura" : "bad.dura", path), NULL, err);
    if (rc != DURA_EDENIED && rc != DURA_EAUTH && rc != DURA_ESTATE)
        return rc;
    r->gate = DURA_GATE_REJECTED;
    r->known = 1;
    r->frame = frame;
    if (dura_guard_release(dura_session_guard(l->session), &st) == DURA_OK)
        r->why = st.why;
    return DURA_OK;
}

/* Where the release of this episode stands, and which model is the kept one. */
static void follow_release(loop *l, demo_result *r, uint8_t which, uint64_t frame)
{
    dura_gate_status st = DURA_GATE_STATUS_INIT;
    if (r->known || dura_guard_release(dura_session_guard(l->session), &st) != DURA_OK)
        return;
    r->gate = st.state;
    if (st.state != DURA_GATE_COMMITTED && st.state != DURA_GATE_ROLLED_BACK && st.state != DURA_GATE_REJECTED)
        return;
    r->known = 1;
    r->frame = frame;
    r->why = st.why;
    if (st.state == DURA_GATE_COMMITTED && which == DEMO_GOOD)
        l->former = which;     /* a bad one never becomes what others are measured by */
}

/* What the kept model would have driven, against what was driven. */
static void compare(const loop *l, demo_result *r, const dura_decision *d, const double x[PLANT_INPUTS])
{
    double apart = (double)d->output[0] - plant_answer(&l->d->model[l->former], x);
    if (d->action != DURA_ACT)     /* no model drove */
        return;
    r->seen++;
    r->bad += apart > l->d->far || -apart > l->d->far;
}

static int step(loop *l, uint64_t frame, int episode, dura_error *err)
{
    const demo_plan *plan = &demo_plans[episode];
    demo_result *r = &l->d->result[episode];
    float values[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    double x[PLANT_INPUTS];
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    int64_t now = plant_time_ns(l->plant.frame);
    plant_step(&l->plant, l->command, values, missing);
    (void)plant_look(&l->eye, values, x);   /* complete long before the first release */
    int rc = take_events(l, now, err);
    if (rc == DURA_OK && plan->release && frame == r->at)
        rc = offer(l, r, plan->release, frame, err);
    f.n = PLANT_CHANNELS;
    f.frame = frame;
    f.time = at(l, now);
    f.values = values;
    f.missing = missing;
    if (rc == DURA_OK)
        rc = dura_session_step(l->session, &f, &d, err);
    if (rc != DURA_OK)
        return rc;
    l->command = (double)d.output[0];
    r->lo = frame == r->start || l->plant.pressure < r->lo ? l->plant.pressure : r->lo;
    r->hi = frame == r->start || l->plant.pressure > r->hi ? l->plant.pressure : r->hi;
    if (plan->release && frame >= r->at) {
        compare(l, r, &d, x);
        follow_release(l, r, plan->release, frame);
    }
    return DURA_OK;
}

static int all_frames(loop *l, dura_error *err)
{
    progress bar;
    int rc = DURA_OK, episode = 0;
    progress_begin(&bar);
    for (uint64_t i = 0; i < l->d->frames && rc == DURA_OK; i++) {
        if (episode + 1 < DEMO_EPISODES && i == l->d->result[episode + 1].start)
            episode++;
        rc = step(l, i, episode, err);
        progress_show(&bar, i, l->d->frames, i, demo_plans[episode].name);
    }
    progress_end(&bar);
    return rc;
}

int demo_run(demo *d, dura_error *err)
{
    static loop l;             /* a plant is some kilobytes */
    memset(&l, 0, sizeof l);
    l.d = d;
    int rc = demo_begin(d, &l.plant);
    if (rc == DURA_OK)
        rc = open_events(&l, err);
    if (rc == DURA_OK)
        rc = next_event(&l, err);
    if (rc == DURA_OK)
        rc = open_session(&l, err);
    l.zero = plant_time_ns(l.plant.frame);
    l.command = l.plant.command;
    if (rc == DURA_OK)
        rc = all_frames(&l, err);
    if (rc == DURA_OK) {
        rc = dura_session_close(l.session, err);
        l.session = NULL;
    }
    dura_session_abort(l.session);
    dura_events_close(l.events);
    return rc;
}
