/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One supply for all fakes of a box: it decides when the power goes and which call fails.
 *
 * Exhaustive by counting: run once undisturbed, read `mutations` (or `calls`), then run
 * again for every k up to it. littlefs tests its power-loss behaviour the same way.
 * A failed call never counts as a mutation: nothing happened.
 */
#include "dt_sim.h"

#include <string.h>

uint64_t dt_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint32_t dt_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(((dt_random(state) >> 32) * n) >> 32);
}

void dt_power_on(dt_power *p)
{
    p->off = 0;
    p->cut_at = 0;
    p->mutations = 0;
    p->calls = 0;
}

/* Is this the call, or one of the calls, that was asked to fail? */
static int fails(dt_power *p, uint32_t kind)
{
    if (p->fail_mask && !(p->fail_mask & kind))
        return 0;
    p->calls++;
    if (!p->fail_at || p->calls < p->fail_at)
        return 0;
    return !p->fail_times || p->calls - p->fail_at < p->fail_times;
}

int dt_power_call(dt_power *p, uint32_t kind)
{
    if (!p)
        return 0;
    if (p->off)
        return DT_EPOWER;
    if (fails(p, kind))
        return p->fail_code ? p->fail_code : DT_EFAULT;
    if (!(kind & DT_MUTATION))
        return 0;
    p->mutations++;
    if (!p->cut_at || p->mutations != p->cut_at)
        return 0;
    p->off = 1;
    return DT_CUT_NOW;
}
