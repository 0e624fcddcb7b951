/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packed policy's local time as the gate takes it; device and desk read it alike.
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

#endif
