/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a packed policy to its sensor: one record after the other is decoded and handed
 * over, so nothing of the policy is kept twice. Milliseconds of the policy become
 * nanoseconds here and nowhere else.
 */
#include "dura_guard_sensor.h"
#include "../base/dura_base_priv.h"

#define MS INT64_C(1000000)

int durai_sensor_config(const void *policy, dura_sensor_config *out)
{
    durai_policy_sensor p;
    uint32_t n;
    int rc = durai_policy_get_sensor(policy, &p);
    if (rc != DURA_OK)
        return rc;
    (void)durai_policy_section(policy, DURAI_POLICY_CHANNELS, &n, NULL);
    DURA_ASSERT(n >= 1 && n <= DURAI_POLICY_CHANNELS_MAX);
    memset(out, 0, sizeof *out);
    out->struct_size = (uint32_t)sizeof *out;
    out->n_channels = (uint16_t)n;
    out->rebase_after = p.rebase_after;
    out->gap_ns = (int64_t)p.gap_ms * MS;
    return DURA_OK;
}

/* ---- channels ------------------------------------------------------------------------ */

static DURAI_NOINLINE int attach(dura_sensor *s, const void *policy, uint16_t i)
{
    durai_policy_channel c;
    dura_sensor_channel ch = DURA_SENSOR_CHANNEL_INIT;
    int rc = durai_policy_get_channel(policy, i, &c);
    if (rc != DURA_OK)
        return rc;
    ch.flags = (uint8_t)((c.required ? DURA_CHANNEL_REQUIRED : 0) | (c.suspect_ok ? DURA_CHANNEL_SUSPECT_OK : 0));
    ch.checks = c.checks;
    ch.fail_lo = c.fail_lo;
    ch.suspect_lo = c.suspect_lo;
    ch.suspect_hi = c.suspect_hi;
    ch.fail_hi = c.fail_hi;
    ch.rate_suspect = c.rate_suspect;
    ch.rate_fail = c.rate_fail;
    ch.flat_tolerance = c.flat_tolerance;
    ch.flat_suspect_ns = (int64_t)c.flat_suspect_ms * MS;
    ch.flat_fail_ns = (int64_t)c.flat_fail_ms * MS;
    ch.max_age_ns = (int64_t)c.max_age_ms * MS;
    ch.hold_ns = (int64_t)c.hold_ms * MS;
    return dura_sensor_attach(s, i, &ch);
}

int durai_sensor_channels(dura_sensor *s, const void *policy)
{
    uint32_t n;
    int rc = DURA_OK;
    (void)durai_policy_section(policy, DURAI_POLICY_CHANNELS, &n, NULL);
    for (uint32_t i = 0; rc == DURA_OK && i < n; i++)
        rc = attach(s, policy, (uint16_t)i);
    return rc;
}

/* ---- checks -------------------------------------------------------------------------- */

/* Spike, noise and drift have their room in the channel. */
static int has_room_of_its_own(const durai_policy_sensor_check *c) { return c->kind > DURAI_SENSOR_CHECK_DRIFT; }

int durai_sensor_extra(const void *policy, dura_sensor_extra *out)
{
    durai_policy_sensor_check c;
    uint32_t i, count, channels, joint = 0;
    DURA_ASSERT(policy != NULL && out != NULL);
    (void)durai_policy_section(policy, DURAI_POLICY_CHECKS, &count, NULL);
    (void)durai_policy_section(policy, DURAI_POLICY_CHANNELS, &channels, NULL);
    if (count == 0)
        return DURA_ENOENT;
    memset(out, 0, sizeof *out);
    out->struct_size = (uint32_t)sizeof *out;
    out->n_channels = (uint16_t)channels;
    for (i = 0; i < count; i++) {
        int rc = durai_policy_get_sensor_check(policy, i, &c);
        if (rc != DURA_OK)
            return rc;
        out->n_checks = (uint16_t)(out->n_checks + has_room_of_its_own(&c));
        joint += c.kind == DURAI_SENSOR_CHECK_JOINT ? c.n_terms : 0u;
    }
    if (joint > UINT16_MAX)
        return DURA_EINVAL;
    out->n_joint = (uint16_t)joint;
    return DURA_OK;
}

static uint16_t channel_or_0(uint16_t channel) { return channel == DURA_NONE ? (uint16_t)0 : channel; }

static DURAI_NOINLINE int add(dura_sensor *s, const void *policy, const dura_sensor_calls *sensor_calls, uint32_t i)
{
    durai_policy_sensor_check p;
    dura_sensor_check c;
    const uint8_t *terms = durai_policy_section(policy, DURAI_POLICY_TERMS, NULL, NULL);
    int rc = durai_policy_get_sensor_check(policy, i, &p);
    if (rc != DURA_OK)
        return rc;
    DURA_ASSERT(p.kind >= DURA_CK_SPIKE && p.kind <= DURA_CK_JOINT && terms != NULL);
    memset(&c, 0, sizeof c);
    c.struct_size = (uint32_t)sizeof c;
    c.kind = p.kind;
    c.level = p.level;
    c.flags = p.estimates ? DURA_CK_ESTIMATES : 0;
    c.channel = channel_or_0(p.channel);
    c.other = channel_or_0(p.other);
    c.window = p.window;
    c.window2 = p.window2;
    c.suspect = p.suspect;
    c.fail = p.fail;
    c.mean = p.mean;
    c.scale = p.scale;
    c.lo = p.lo;
    c.hi = p.hi;
    c.if_lo = p.if_lo;
    c.if_hi = p.if_hi;
    c.from_lo = p.from_lo;
    c.from_hi = p.from_hi;
    c.n_terms = p.n_terms;
    c.terms = p.n_terms ? terms + 4u * p.first : NULL;
    return sensor_calls->add(s, &c);
}

int durai_sensor_checks(dura_sensor *s, const void *policy, const dura_sensor_calls *sensor_calls, uint32_t *index)
{
    uint32_t i, count, words;
    int rc = DURA_OK;
    (void)durai_policy_section(policy, DURAI_POLICY_CHECKS, &count, NULL);
    (void)durai_policy_section(policy, DURAI_POLICY_TERMS, &words, NULL);
    DURA_ASSERT(count == 0 || sensor_calls != NULL);
    if (words > 0 && ((uintptr_t)policy & 3u) != 0)
        return DURA_EALIGN;
    for (i = 0; rc == DURA_OK && i < count; i++) {
        if (index)
            *index = i;
        rc = add(s, policy, sensor_calls, i);
    }
    return rc;
}
