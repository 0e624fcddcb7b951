/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packed policy's rules of updates as the gate takes them; device and desk read them alike.
 */
#ifndef DURA_GUARD_CALENDAR_H
#define DURA_GUARD_CALENDAR_H

#include <dura/gate.h>

#include "../base/dura_base_priv.h"
#include "dura_guard_policy.h"

static inline void durai_calendar_rule(const uint8_t *p, dura_gate_rule *r)
{
    r->minute = (int16_t)durai_le16(p);
    r->month = p[2];
    r->week = p[3];
    r->day = p[4];
}

/* c: zeros. */
static inline void durai_calendar(const durai_policy_updates *u, dura_gate_calendar *c)
{
    c->utc_minutes = (int16_t)durai_le16(u->window_zone);
    c->dst_minutes = u->window_zone[2];
    c->days = u->window_days;
    c->must_finish = u->must_finish_min;
    durai_calendar_rule(u->window_zone + 3, &c->begin);
    durai_calendar_rule(u->window_zone + 8, &c->end);
}

/* c: zeros in all that is read here. */
static inline void durai_updates(const durai_policy_updates *u, dura_gate_config *c)
{
    c->threshold = u->threshold;
    c->roles = u->roles;
    c->approve = u->approve;
    c->require = u->require;
    c->shadow_frames = u->shadow_frames;
    c->incident_role = u->incident_role;
    c->emergency_role = u->emergency_role;
    c->rollback_role = u->rollback_role;
    c->substantial_role = u->substantial_role;
    c->planned = u->planned;
    c->planned_metric = u->planned_metric;
    c->planned_data = u->planned_data;
    c->min_clock = u->min_clock;
    c->probation_frames = u->probation_frames;
    c->max_jump = u->max_jump;
    c->window_begin = u->window_begin;
    c->window_minutes = u->window_minutes;
    durai_calendar(u, &c->calendar);
}

#endif
