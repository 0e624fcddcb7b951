/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One injection, judged against the control run of the same frames.
 *
 * What counts: a verdict of a channel that was injected into, worse than the control's in
 * that row; an answer that broke its envelope where the control's did not within two rows;
 * a drift alarm on a quantity for which the control has none from the injection until a
 * tail behind this row (the same false alarm may come a little earlier or later); an
 * action stronger than the control's. An incident is what the correlator makes of these:
 * its verdict is told, and it counts by itself only where nothing else did.
 *
 * After the first catch the guard runs on for a tail: the action and the verdict that
 * follow are part of the answer.
 */
#include "dura_host_drill_priv.h"
#include "../base/dura_base_priv.h"
#include "dura_host_binding_priv.h"

#include <math.h> /* fabs and INFINITY, which need no library */
#include <stdlib.h>
#include <string.h>

enum { NEAR = 2 };              /* rows in which an envelope may break a little sooner or later */

typedef drill_outcome outcome;

/* ---- one frame ---------------------------------------------------------------------------- */

static double larger(double a, double b) { return a > b ? a : b; }

/* What other channels say; -1: nothing. */
static int process_by(uint32_t reasons)
{
    if (reasons & (DURA_R_VOTE_FAIL | DURA_R_VOTE_SUSPECT))
        return DURA_DRILL_BY_VOTE;
    if (reasons & (DURA_R_CONTEXT_FAIL | DURA_R_CONTEXT_SUSPECT))
        return DURA_DRILL_BY_RULE;
    if (reasons & (DURA_R_PARITY_FAIL | DURA_R_PARITY_SUSPECT))
        return DURA_DRILL_BY_PARITY;
    return reasons & DURA_R_JOINT ? DURA_DRILL_BY_JOINT : -1;
}

static int sensor_by(uint32_t reasons)
{
    if (reasons & (DURA_R_MISSING | DURA_R_STALE))
        return DURA_DRILL_BY_MISSING;
    if (reasons & (DURA_R_TIME_REVERSED | DURA_R_TIME_DUPLICATE | DURA_R_TIME_GAP))
        return DURA_DRILL_BY_TIME;
    if (reasons & DURA_R_NONFINITE)
        return DURA_DRILL_BY_NONFINITE;
    if (reasons & (DURA_R_RANGE_FAIL | DURA_R_RANGE_SUSPECT))
        return DURA_DRILL_BY_RANGE;
    if (reasons & (DURA_R_RATE_FAIL | DURA_R_RATE_SUSPECT))
        return DURA_DRILL_BY_RATE;
    if (reasons & (DURA_R_FLAT_FAIL | DURA_R_FLAT_SUSPECT))
        return DURA_DRILL_BY_FLAT;
    if (reasons & (DURA_R_SPIKE_FAIL | DURA_R_SPIKE_BEFORE))
        return DURA_DRILL_BY_SPIKE;
    if (reasons & (DURA_R_NOISY | DURA_R_ATTENUATED))
        return DURA_DRILL_BY_NOISE;
    return reasons & DURA_R_DRIFT ? DURA_DRILL_BY_MEAN : process_by(reasons);
}

static int look_at_sensor(const dura_drill *d, const drill_task *t, uint64_t row)
{
    const uint8_t *now = dura_sensor_verdicts(d->world.guard->sensor), *then = d->control.verdict + row * d->data.n;
    const uint32_t *why = dura_sensor_reasons(d->world.guard->sensor);
    uint16_t from = t->channel == DURA_NONE ? 0 : t->channel;
    uint16_t to = t->channel == DURA_NONE ? d->data.n : (uint16_t)(t->channel + 1u);
    for (uint16_t c = from; c < to; c++)
        if (now[c] > DURA_UNKNOWN && now[c] > then[c])
            return sensor_by(why[c]);
    from = d->other;
    if (from != DURA_NONE && now[from] > DURA_UNKNOWN && now[from] > then[from])
        return sensor_by(why[from]);
    for (uint16_t c = 0; c < d->data.n; c++) /* a relation that is broken may blame another of its channels */
        if (now[c] > DURA_UNKNOWN && now[c] > then[c] && process_by(why[c]) >= 0)
            return process_by(why[c]);
    return -1;
}

static int look_at_answer(const dura_drill *d, uint64_t row)
{
    const uint32_t broken = DURA_G_RANGE | DURA_G_RATE | DURA_G_NONFINITE | DURA_G_BACKEND;
    uint32_t before = 0;
    uint64_t from = row > NEAR ? row - NEAR : 0;
    for (uint64_t i = from; i <= row + NEAR && i < d->data.rows; i++)
        before |= d->control.reasons[i];
    return d->world.decision.reasons & broken & ~before ? DURA_DRILL_BY_OUTPUT : -1;
}

/* The control raises the same alarm around here. */
static int alarmed_anyway(const dura_drill *d, const drill_said *s, uint64_t first)
{
    const drill_control *k = &d->control;
    for (size_t i = 0; i < k->n_said; i++)
        if (k->said[i].kind == DURA_FACT_DRIFT && k->said[i].thing == s->thing && k->said[i].row >= first &&
            k->said[i].row <= s->row + d->report.tail)
            return 1;
    return 0;
}

static int look_at_drift(const dura_drill *d, uint64_t first)
{
    for (uint32_t i = 0; i < d->world.n_said; i++) {
        const drill_said *s = &d->world.said[i];
        if (s->kind != DURA_FACT_DRIFT || alarmed_anyway(d, s, first))
            continue;
        int output = s->thing >= d->data.n && s->thing < d->data.n + d->n_outputs;
        return output ? DURA_DRILL_BY_OUTPUT_DRIFT : DURA_DRILL_BY_DRIFT;
    }
    return -1;
}

static int same_step(const drill_said *a, const drill_said *b)
{
    return a->kind == b->kind && a->row == b->row && memcmp(a->value, b->value, sizeof a->value) == 0;
}

/* Verdict of the last step of an incident that the control does not have; -1: none. */
static int look_at_incidents(const dura_drill *d)
{
    int cause = -1;
    for (uint32_t i = 0; i < d->world.n_said; i++) {
        const drill_said *s = &d->world.said[i];
        int known = s->kind != DURA_FACT_INCIDENT;
        for (size_t k = 0; !known && k < d->control.n_said; k++)
            known = same_step(s, &d->control.said[k]);
        if (!known && s->value[1] >= 0 && s->value[1] < DURA_DRILL_NO_INCIDENT)
            cause = (int)s->value[1];
    }
    return cause;
}

/* An incident that began with the injection, where the control has none around: one that
 * was open before may be revised or closed in another row, and that is no catch. */
static int is_own_incident(const dura_drill *d, uint64_t first)
{
    const drill_control *k = &d->control;
    int64_t last = 0, mine = 0;
    for (uint32_t i = 0; i < d->world.n_said; i++)
        if (d->world.said[i].kind == DURA_FACT_INCIDENT && d->world.said[i].value[0] > mine)
            mine = d->world.said[i].value[0];
    for (size_t i = 0; i < k->n_said; i++) {
        const drill_said *s = &k->said[i];
        if (s->kind != DURA_FACT_INCIDENT)
            continue;
        if (s->row >= first && s->row <= d->world.row + d->report.tail)
            return 0;
        if (s->row < first && s->value[0] > last)
            last = s->value[0];
    }
    return mine > last;
}

static int rank(uint8_t action) { return action == DURA_ACT ? 0 : action == DURA_HOLD ? 1 : 2; }

/* Farthest that what would be driven lies from the control's, over lo..hi. */
static double farthest(const dura_drill *d, uint64_t row)
{
    double most = 0.0;
    for (uint16_t i = 0; i < d->n_outputs; i++) {
        double span = d->span[i];
        double apart = fabs((double)d->world.decision.proposed[i] - (double)d->control.answer[row * d->n_outputs + i]);
        if (span > 0.0 && apart / span > most)
            most = apart / span;
    }
    return most;
}

/* ---- which hooks spoke -------------------------------------------------------------------- */

void durai_drill_begin(outcome *o)
{
    memset(o, 0, sizeof *o);
    o->by = -1;
    o->action = DURA_ACT;
    o->verdict = DURA_DRILL_NO_INCIDENT;
    for (int i = 0; i < DRILL_HOOKS; i++)
        o->hook_at[i] = DRILL_NEVER;
}

static void spoke(outcome *o, int hook, uint64_t delay)
{
    if (o->hook_at[hook] == DRILL_NEVER)
        o->hook_at[hook] = (uint32_t)delay;
}

/* Reasons of a channel that the control does not have; a relation may blame any of its channels. */
static void hear_channels(const dura_drill *d, uint16_t channel, uint64_t row, uint64_t delay, outcome *o)
{
    const uint8_t *now = dura_sensor_verdicts(d->world.guard->sensor), *then = d->control.verdict + row * d->data.n;
    const uint32_t *why = dura_sensor_reasons(d->world.guard->sensor);
    for (uint16_t c = 0; c < d->data.n; c++) {
        int target = channel == DURA_NONE || c == channel || c == d->other;
        if (now[c] <= DURA_UNKNOWN || now[c] <= then[c])
            continue;
        for (int hook = target ? BIND_TIME : BIND_VOTE; hook <= BIND_STATE; hook++)
            if (why[c] & durai_bind_sensor_bits(hook))
                spoke(o, hook, delay);
    }
}

static void hear_drift(const dura_drill *d, uint64_t first, uint64_t delay, outcome *o)
{
    for (uint32_t i = 0; i < d->world.n_said; i++) {
        const drill_said *s = &d->world.said[i];
        if (s->kind != DURA_FACT_DRIFT || alarmed_anyway(d, s, first))
            continue;
        if (s->thing >= d->data.n + d->n_outputs + d->n_inputs)
            spoke(o, BIND_MSPC, delay);
        spoke(o, s->detector == DURA_DRIFT_HISTOGRAM ? BIND_HISTOGRAM : s->detector ? BIND_CHART : BIND_MONITOR, delay);
    }
}

void durai_drill_hear_hooks(const dura_drill *d, uint16_t channel, uint64_t first, uint64_t row, outcome *o)
{
    uint64_t delay = row - first;
    uint32_t before = 0;
    hear_channels(d, channel, row, delay, o);
    hear_drift(d, first, delay, o);
    for (uint64_t i = row > NEAR ? row - NEAR : 0; i <= row + NEAR && i < d->data.rows; i++)
        before |= d->control.reasons[i];
    for (int hook = BIND_OUT_RANGE; hook <= BIND_DEADLINE; hook++)
        if (d->world.decision.reasons & durai_bind_guard_bits(hook) & ~before)
            spoke(o, hook, delay);
    if (d->world.decision.action == DURA_FALLBACK && d->control.action[row] != DURA_FALLBACK)
        spoke(o, BIND_FALLBACK, delay);
    if (look_at_incidents(d) >= 0 && is_own_incident(d, first))
        spoke(o, BIND_VERDICT, delay);
}

/* ---- one start ------------------------------------------------------------------------------- */

static void judge(const dura_drill *d, const drill_task *t, uint64_t first, uint64_t row, outcome *o)
{
    uint8_t action = d->world.decision.action;
    int stronger = rank(action) > rank(d->control.action[row]);
    int cause = look_at_incidents(d), by = o->by;
    if (by < 0)
        by = look_at_sensor(d, t, row);
    if (by < 0)
        by = look_at_answer(d, row);
    if (by < 0)
        by = look_at_drift(d, first);
    if (by < 0 && stronger)
        by = DURA_DRILL_BY_ACTION;
    if (by < 0 && cause >= 0 && is_own_incident(d, first))
        by = DURA_DRILL_BY_INCIDENT;
    if (o->by < 0 && by >= 0) {
        o->by = by;
        o->delay = row - first;
        o->delay_s = (double)(d->data.time[row].mono_ns - d->data.time[first].mono_ns) * 1e-9;
    }
    if (o->by < 0)
        o->moved = larger(o->moved, farthest(d, row));
    if (stronger && rank(action) > rank(o->action))
        o->action = action;
    if (cause >= 0)
        o->verdict = (uint8_t)cause;
}

/* The frame at row with the injection in it, which has gone on for k frames of n. */
static void mix(dura_drill *d, const drill_task *t, uint64_t row, uint64_t k, uint64_t n)
{
    const drill_data *r = &d->data;
    memcpy(d->row, r->value + row * r->n, r->n * sizeof *d->row);
    memcpy(d->row_missing, r->missing + row * r->n, r->n);
    if (k >= n)
        return;
    if (!d->wide) {
        d->row[t->channel] = d->value[k];
        d->row_missing[t->channel] = d->missing[k];
    } else {
        memcpy(d->row, d->value + k * r->n, r->n * sizeof *d->row);
        memcpy(d->row_missing, d->missing + k * r->n, r->n);
    }
}

static int run_one(dura_drill *d, const drill_task *t, uint32_t start, uint64_t n, outcome *o, dura_error *err)
{
    uint64_t first = d->report.start_row[start], end = n + (t->kind == DURA_DRILL_SPIKE ? d->report.tail : 0);
    int rc = DURA_OK;
    for (uint64_t k = 0; rc == DURA_OK && k < end; k++) {
        uint64_t row = first + k;
        dura_time at = d->data.time[row];
        if (d->timed && k < n)
            at.mono_ns = d->stamp[k];
        mix(d, t, row, k, n);
        rc = durai_drill_step(&d->world, row, &at, d->row, d->row_missing, d->data.n, err);
        if (rc != DURA_OK)
            break;
        judge(d, t, first, row, o);
        durai_drill_hear_hooks(d, t->channel, first, row, o);
        d->frames++;
        if (d->progress)
            d->progress(d->user, d->runs, d->n_tasks * d->report.starts, d->frames);
        if (o->by >= 0 && !d->to_end && k >= o->delay + d->report.tail)
            break;
    }
    return rc;
}

void durai_drill_put_back(dura_drill *d, uint32_t start)
{
    memcpy(d->world.state, d->snapshot + start * d->world.state_len, d->world.state_len);
}

static int is_blind(const dura_drill *d, const drill_task *t)
{
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    return t->channel != DURA_NONE && dura_guard_drift(d->world.guard, t->channel, &s) == DURA_OK && s.alarm;
}

/* ---- all starts -------------------------------------------------------------------------------- */

static int by_delay(const void *a, const void *b)
{
    const outcome *x = a, *y = b;
    if ((x->by < 0) != (y->by < 0))
        return x->by < 0 ? 1 : -1; /* missed ones last */
    return (x->delay > y->delay) - (x->delay < y->delay);
}

static int by_reached(const void *a, const void *b)
{
    const outcome *x = a, *y = b;
    return (x->reached > y->reached) - (x->reached < y->reached);
}

/* Medians are the lower one of two: a figure that did occur. */
static void sum_up(dura_drill_entry *e, outcome *o)
{
    if (e->starts == 0)
        return;
    if (e->kind == DURA_DRILL_BOUNDED) {
        qsort(o, e->starts, sizeof *o, by_reached);
        e->size = o[(e->starts - 1u) / 2u].reached;
    }
    qsort(o, e->starts, sizeof *o, by_delay);
    for (uint32_t i = 0; i < e->starts; i++) {
        e->moved = larger(e->moved, o[i].moved);
        if (rank(o[i].action) > rank(e->action))
            e->action = o[i].action;
        if (o[i].by < 0)
            continue;
        e->caught++;
        (*durai_drill_by(e, (uint32_t)o[i].by))++;
        e->verdict[o[i].verdict]++;
        e->delay_max = o[i].delay;
    }
    if (e->caught) {
        e->delay_median = o[(e->caught - 1u) / 2u].delay;
        e->delay_s_median = o[(e->caught - 1u) / 2u].delay_s;
    }
}

int durai_drill_score(dura_drill *d, const drill_task *t, dura_drill_entry *e, dura_error *err)
{
    outcome o[DURA_DRILL_STARTS_MAX];
    int rc = DURA_OK;
    memset(e, 0, sizeof *e);
    e->kind = t->kind;
    e->action = DURA_ACT;
    e->channel = t->channel;
    e->name = t->channel == DURA_NONE ? "*" : d->names[t->channel];
    e->size = t->size;
    for (uint32_t i = 0; rc == DURA_OK && i < d->report.starts; i++) {
        uint64_t n = durai_drill_inject(d, t, i);
        if (n) {
            outcome *at = &o[e->starts++];
            durai_drill_begin(at);
            at->reached = d->reached;
            durai_drill_put_back(d, i);
            e->blind += (uint32_t)is_blind(d, t);
            rc = run_one(d, t, i, n, at, err);
        }
        d->runs++;
    }
    d->n_last = e->starts;
    memcpy(d->last, o, e->starts * sizeof *o);
    sum_up(e, o);
    return rc;
}
