/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time that stops, steps, drifts, wraps and survives reboots wrongly.
 *
 * Ordering in dura rests on (boot, monotonic) alone; these are the ways a wall clock, or
 * a badly written time hook, tries to upset it.
 */
#include "dt_sim.h"

#include <string.h>

void dt_clock_init(dt_clock *c, int64_t wall_ns)
{
    memset(c, 0, sizeof *c);
    c->now.boot = 1;
    c->now.wall_ns = wall_ns;
    c->now.wall_err_us = 1000;
    c->now.quality = DURA_CLOCK_SYNCED;
}

const dura_time *dt_clock_tick(dt_clock *c, int64_t ns)
{
    if (c->stopped)
        return &c->now;
    c->now.mono_ns += ns;
    c->now.wall_ns += ns + ns / 1000000 * c->wall_ppm;
    if (c->wrap_ns && c->now.mono_ns >= c->wrap_ns)
        c->now.mono_ns %= c->wrap_ns;
    return &c->now;
}

void dt_clock_step(dt_clock *c, int64_t ns)
{
    c->now.wall_ns += ns;
}

void dt_clock_reboot(dt_clock *c, int64_t off_ns)
{
    c->now.boot++;
    c->now.mono_ns = 0;
    c->now.wall_ns += off_ns;
}
