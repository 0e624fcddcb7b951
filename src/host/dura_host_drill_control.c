/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control: the guard over the recording as it is. What trips here is a false alarm (or
 * something the user did not know of), and is not counted as a catch later.
 *
 * It runs twice. The first run says where nothing trips, and there the injections begin:
 * one place per equal part of the second half, drawn by the seed, drawn again up to 64
 * times while the place is not clean. The second run stops at each place and keeps the
 * guard's state.
 */
#include "dura_host_drill_priv.h"

#include <stdlib.h>
#include <string.h>

enum { DRAWS = 64 };

static int keep_said(drill_control *k, const drill_world *w)
{
    for (uint32_t i = 0; i < w->n_said; i++) {
        if (k->n_said == k->room) {
            size_t more = k->room ? 2 * k->room : 64;
            drill_said *said = realloc(k->said, more * sizeof *said);
            if (!said)
                return DURA_ENOSPC;
            k->said = said;
            k->room = more;
        }
        k->said[k->n_said++] = w->said[i];
    }
    return DURA_OK;
}

static void count_said(dura_drill_report *rep, const drill_world *w, int64_t *last_incident)
{
    for (uint32_t i = 0; i < w->n_said; i++) {
        const drill_said *s = &w->said[i];
        rep->drift_alarms += s->kind == DURA_FACT_DRIFT;
        if (s->kind == DURA_FACT_INCIDENT && s->value[0] != *last_incident) {
            *last_incident = s->value[0];
            rep->incidents++;
        }
    }
}

static int keep_row(dura_drill *d, uint64_t row)
{
    const drill_world *w = &d->world;
    drill_control *k = &d->control;
    uint16_t n = d->data.n;
    memcpy(k->verdict + row * n, dura_sensor_verdicts(w->guard->sensor), n);
    memcpy(k->why + row * n, dura_sensor_reasons(w->guard->sensor), n * sizeof *k->why);
    k->action[row] = w->decision.action;
    k->reasons[row] = w->decision.reasons;
    memcpy(k->answer + row * d->n_outputs, w->decision.proposed, d->n_outputs * sizeof *k->answer);
    return keep_said(k, w);
}

static int worse_than_unknown(const uint8_t *verdict, uint16_t n)
{
    for (uint16_t c = 0; c < n; c++)
        if (verdict[c] > DURA_UNKNOWN)
            return 1;
    return 0;
}

static void count_row(dura_drill *d, uint64_t row, int *driving)
{
    dura_drill_report *rep = &d->report;
    const drill_control *k = &d->control;
    int acted = k->action[row] == DURA_ACT;
    rep->not_acted += !acted;
    rep->trips += *driving && !acted;
    *driving = acted;
    rep->suspect_rows += (uint64_t)worse_than_unknown(k->verdict + row * d->data.n, d->data.n);
    rep->bounded_rows += (k->reasons[row] & (DURA_G_RANGE | DURA_G_RATE | DURA_G_NONFINITE)) != 0;
}

static int step_plain(dura_drill *d, uint64_t row, dura_error *err)
{
    const drill_data *r = &d->data;
    if (d->progress)
        d->progress(d->user, 0, d->n_tasks * d->report.starts, d->frames);
    d->frames++;
    return durai_drill_step(&d->world, row, &r->time[row], r->value + row * r->n, r->missing + row * r->n, r->n, err);
}

static int first_run(dura_drill *d, dura_error *err)
{
    int64_t incident = 0;
    int driving = 0, rc = durai_drill_boot(&d->world, &d->data.time[0], err);
    for (uint64_t row = 0; rc == DURA_OK && row < d->data.rows; row++) {
        rc = step_plain(d, row, err);
        if (rc == DURA_OK)
            rc = keep_row(d, row);
        if (rc == DURA_OK) {
            count_row(d, row, &driving);
            count_said(&d->report, &d->world, &incident);
        }
    }
    uint32_t things = (uint32_t)d->data.n + d->n_outputs + d->n_inputs;
    for (uint32_t i = 0; rc == DURA_OK && i < things; i++) {
        dura_drift_state s = DURA_DRIFT_STATE_INIT;
        d->report.drifted += dura_guard_drift(d->world.guard, (uint16_t)i, &s) == DURA_OK && s.alarm;
    }
    return rc;
}

/* ---- places -------------------------------------------------------------------------------- */

/* Rows from first on, while an injection there is judged, in which something is wrong. */
static uint64_t dirt(const dura_drill *d, uint64_t first)
{
    const drill_control *k = &d->control;
    uint64_t end = first + d->report.length + d->report.tail, n = 0;
    for (uint64_t row = first; row < end; row++)
        n += k->action[row] != DURA_ACT || worse_than_unknown(k->verdict + row * d->data.n, d->data.n);
    for (size_t i = 0; i < k->n_said; i++)
        n += k->said[i].row >= first && k->said[i].row < end;
    return n;
}

static void choose_places(dura_drill *d)
{
    dura_drill_report *rep = &d->report;
    uint64_t begin = rep->rows / 2, span = rep->rows - begin - rep->length - rep->tail + 1;
    for (uint32_t i = 0; i < rep->starts; i++) {
        uint64_t from = begin + span * i / rep->starts, to = begin + span * (i + 1u) / rep->starts;
        uint64_t part = to > from ? to - from : 1, best = from, least = UINT64_MAX;
        for (uint32_t draw = 0; draw < DRAWS && least > 0; draw++) {
            uint64_t at = from + durai_drill_random(rep->seed, DURA_NONE, i, draw) % part, n = dirt(d, at);
            if (n < least) {
                least = n;
                best = at;
            }
        }
        rep->start_row[i] = best;
        rep->unclean_starts += least > 0;
    }
}

static int second_run(dura_drill *d, dura_error *err)
{
    uint32_t next = 0;
    int rc = durai_drill_boot(&d->world, &d->data.time[0], err);
    for (uint64_t row = 0; rc == DURA_OK && next < d->report.starts; row++) {
        for (; next < d->report.starts && d->report.start_row[next] == row; next++)
            memcpy(d->snapshot + next * d->world.state_len, d->world.state, d->world.state_len);
        rc = next < d->report.starts ? step_plain(d, row, err) : DURA_OK;
    }
    return rc;
}

int durai_drill_control(dura_drill *d, dura_error *err)
{
    int rc = first_run(d, err);
    if (rc != DURA_OK)
        return rc;
    choose_places(d);
    d->snapshot = malloc(d->report.starts * d->world.state_len);
    return d->snapshot ? second_run(d, err) : DURA_ENOSPC;
}
