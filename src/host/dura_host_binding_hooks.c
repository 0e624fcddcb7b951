/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each hook of the register is on the device: where the policy configures it and by
 * which bits of a record it is heard.
 */
#include "dura_host_binding_priv.h"

#include <dura/drift.h>
#include <dura/gate.h>
#include <dura/sensor_checks.h>

/* What is heard of a hook, and whether a run folder can show it. */
static const struct heard {
    uint32_t sensor, guard, why;
    uint8_t in_log;
} heard[BIND_HOOKS] = {
    [BIND_TIME] = {DURA_R_TIME_REVERSED | DURA_R_TIME_DUPLICATE | DURA_R_TIME_GAP, 0, 0, 1},
    [BIND_FINITE] = {DURA_R_NONFINITE, 0, 0, 1},
    [BIND_RANGE] = {DURA_R_RANGE_SUSPECT | DURA_R_RANGE_FAIL, 0, 0, 1},
    [BIND_RATE] = {DURA_R_RATE_SUSPECT | DURA_R_RATE_FAIL, 0, 0, 1},
    [BIND_SPIKE] = {DURA_R_SPIKE_BEFORE | DURA_R_SPIKE_FAIL, 0, 0, 1},
    [BIND_FLAT] = {DURA_R_FLAT_SUSPECT | DURA_R_FLAT_FAIL, 0, 0, 1},
    [BIND_NOISE] = {DURA_R_NOISY | DURA_R_ATTENUATED, 0, 0, 1},
    [BIND_STALE] = {DURA_R_MISSING | DURA_R_STALE, 0, 0, 1},
    [BIND_MEAN] = {DURA_R_DRIFT, 0, 0, 1},
    [BIND_VOTE] = {DURA_R_VOTE_SUSPECT | DURA_R_VOTE_FAIL, 0, 0, 1},
    [BIND_PARITY] = {DURA_R_PARITY_SUSPECT | DURA_R_PARITY_FAIL, 0, 0, 1},
    [BIND_JOINT] = {DURA_R_JOINT, 0, 0, 1},
    [BIND_RULE] = {DURA_R_CONTEXT_SUSPECT | DURA_R_CONTEXT_FAIL, 0, 0, 1},
    [BIND_STATE] = {DURA_R_CONTEXT_SUSPECT | DURA_R_CONTEXT_FAIL, 0, 0, 1},
    [BIND_AUTH] = {0, 0, 0, 1},
    [BIND_COUNTER] = {0, 0, 0, 1},
    [BIND_MONITOR] = {0, 0, 0, 1},
    [BIND_CHART] = {0, 0, 0, 1},
    [BIND_HISTOGRAM] = {0, 0, 0, 1},
    [BIND_MSPC] = {0, 0, 0, 1},
    [BIND_SELFTEST] = {0, 0, 0, 1},
    [BIND_OUT_RANGE] = {0, DURA_G_RANGE | DURA_G_NONFINITE, 0, 1},
    [BIND_OUT_RATE] = {0, DURA_G_RATE, 0, 1},
    [BIND_FALLBACK] = {0, 0, 0, 1},
    [BIND_STOP] = {0, DURA_G_STOPPED, 0, 1},
    [BIND_DEADLINE] = {0, DURA_G_BACKEND, 0, 1},
    [BIND_VERIFY] = {0, DURA_G_GATE,
                     DURA_WHY_FORMAT | DURA_WHY_SIGNATURE | DURA_WHY_THRESHOLD | DURA_WHY_ROLE | DURA_WHY_DEVICE |
                         DURA_WHY_COMPONENT | DURA_WHY_DIGEST | DURA_WHY_INCOMPLETE | DURA_WHY_POLICY | DURA_WHY_SIZE, 1},
    [BIND_APPROVE] = {0, 0, DURA_WHY_APPROVALS | DURA_WHY_REPLAY, 1},
    [BIND_WINDOW] = {0, 0, DURA_WHY_WINDOW | DURA_WHY_CLOCK | DURA_WHY_NOT_YET | DURA_WHY_EXPIRED, 1},
    [BIND_GOLDEN] = {0, 0, DURA_WHY_GOLDEN | DURA_WHY_OPEN, 1},
    [BIND_SHADOW] = {0, 0, DURA_WHY_DISAGREE, 1},
    [BIND_ROLLBACK] = {0, DURA_G_CHAMPION, DURA_WHY_OUTPUT | DURA_WHY_BACKEND | DURA_WHY_DRIFT | DURA_WHY_REBOOT, 1},
    [BIND_FLOOR] = {0, 0, DURA_WHY_VERSION | DURA_WHY_JUMP, 1},
    [BIND_MANIFEST] = {0, 0, DURA_WHY_REQUIRES, 1},
    [BIND_LOG_SECURITY] = {0, 0, 0, 1},
    [BIND_LOG_DECISION] = {0, 0, 0, 1},
    [BIND_SEAL] = {0, 0, 0, 1},
    [BIND_ANCHOR] = {0, 0, 0, 1},
    [BIND_VERDICT] = {0, 0, 0, 1},
    [BIND_LABEL] = {0, 0, 0, 1},
};

uint32_t durai_bind_sensor_bits(int hook) { return heard[hook].sensor; }
uint32_t durai_bind_guard_bits(int hook) { return heard[hook].guard; }
uint32_t durai_bind_why_bits(int hook) { return heard[hook].why; }
int durai_bind_in_log(int hook) { return heard[hook].in_log; }

/* ---- what the policy says ------------------------------------------------------------------ */

/* The check of the sensor that a hook is, 0: none. */
static int is_check(int hook, int kind)
{
    switch (hook) {
    case BIND_SPIKE: return kind == DURAI_SENSOR_CHECK_SPIKE;
    case BIND_NOISE: return kind == DURAI_SENSOR_CHECK_NOISE;
    case BIND_MEAN: return kind == DURAI_SENSOR_CHECK_DRIFT;
    case BIND_VOTE: return kind == DURAI_SENSOR_CHECK_VOTE;
    case BIND_PARITY: return kind == DURAI_SENSOR_CHECK_PARITY;
    case BIND_JOINT: return kind == DURAI_SENSOR_CHECK_JOINT;
    case BIND_RULE: return kind == DURAI_SENSOR_CHECK_RULE || kind == DURAI_SENSOR_CHECK_FORBID;
    default: return hook == BIND_STATE && kind == DURAI_SENSOR_CHECK_TRANSITION;
    }
}

/* Does the check look at the channel? Terms of 8 bytes begin with the channel's number. */
static int looks_at(const bind_policy *p, const durai_policy_sensor_check *c, uint32_t channel)
{
    const uint8_t *terms = durai_policy_section(p->image, DURAI_POLICY_TERMS, NULL, NULL);
    if (c->kind != DURAI_SENSOR_CHECK_VOTE && c->kind != DURAI_SENSOR_CHECK_JOINT && c->channel == channel)
        return 1;
    if (c->other == channel && (c->kind == DURAI_SENSOR_CHECK_RULE || c->kind == DURAI_SENSOR_CHECK_FORBID ||
                                c->kind == DURAI_SENSOR_CHECK_TRANSITION))
        return 1;
    for (uint32_t i = 0; terms && i < c->n_terms; i++)
        if (durai_le16(terms + 4u * c->first + DURA_CK_TERM_BYTES * i) == channel)
            return 1;
    return 0;
}

static int has_check(const bind_policy *p, int hook, uint32_t channel)
{
    durai_policy_sensor_check c;
    for (uint32_t i = 0; durai_policy_get_sensor_check(p->image, i, &c) == DURA_OK; i++)
        if (is_check(hook, c.kind) && looks_at(p, &c, channel))
            return 1;
    return 0;
}

static int channel_has(const bind_policy *p, int hook, uint32_t channel)
{
    durai_policy_channel c;
    if (durai_policy_get_channel(p->image, channel, &c) != DURA_OK)
        return 0;
    switch (hook) {
    case BIND_TIME: return (c.checks & DURA_CHECK_TIME) != 0;
    case BIND_FINITE: return (c.checks & DURA_CHECK_FINITE) != 0;
    case BIND_RANGE: return (c.checks & DURA_CHECK_RANGE) != 0;
    case BIND_RATE: return (c.checks & DURA_CHECK_RATE) != 0;
    case BIND_FLAT: return (c.checks & DURA_CHECK_FLAT) != 0;
    case BIND_STALE: return c.required != 0;
    default: return has_check(p, hook, channel);
    }
}

static int has_records(const bind_policy *p, uint32_t section)
{
    uint32_t n = 0;
    (void)durai_policy_section(p->image, section, &n, NULL);
    return n != 0;
}

int durai_bind_has_rate(const bind_policy *p)
{
    durai_policy_output o;
    for (uint32_t i = 0; durai_policy_get_output(p->image, i, &o) == DURA_OK; i++)
        if (o.rate > 0.0f)
            return 1;
    return 0;
}

static int has_deadline(const bind_policy *p)
{
    durai_policy_guard g;
    return durai_policy_get_guard(p->image, &g) == DURA_OK && g.deadline_us > 0;
}

static const char *sensor_configured(const bind_policy *p, int hook, const bind_count *c)
{
    uint32_t n = 0, have = 0;
    for (uint32_t i = 0; i < p->n_channels; i++)
        if (c->channel[i]) {
            n++;
            have += (uint32_t)channel_has(p, hook, i);
        }
    if (n == 0)
        return "its assets name no channel of the policy";
    if (have == 0)
        return "the policy has no such check on its channels";
    return have < n ? "the policy has no such check on some of its channels" : NULL;
}

static const char *gate_configured(const bind_policy *p, int hook)
{
    const durai_policy_updates *u = &p->updates;
    if (hook == BIND_VERIFY)
        return NULL; /* the factory record is asked for at every start */
    if (!p->has_updates)
        return "the policy takes no updates";
    switch (hook) {
    case BIND_APPROVE: return u->approve ? NULL : "`updates.approve` asks for nobody";
    case BIND_WINDOW: return u->window_minutes ? NULL : "`updates.window_minutes` is 0: any time will do";
    case BIND_SHADOW: return u->shadow_frames ? NULL : "`updates.shadow_frames` is 0";
    case BIND_ROLLBACK: return u->probation_frames ? NULL : "`updates.probation_frames` is 0";
    case BIND_MANIFEST: return u->require ? NULL : "`updates.require` asks for no practice";
    default: return NULL;
    }
}

static const char *drift_configured(const bind_policy *p, int hook)
{
    if (!p->has_drift)
        return "the policy has no `drift`";
    switch (hook) {
    case BIND_CHART: return p->drift.detector ? NULL : "`drift.detector` is the mixture";
    case BIND_HISTOGRAM: return has_records(p, DURAI_POLICY_HISTOGRAMS) ? NULL : "`drift` has no histograms";
    case BIND_MSPC: return has_records(p, DURAI_POLICY_MSPC) ? NULL : "`drift` has no mspc";
    case BIND_SELFTEST: return p->drift.selftest ? NULL : "`drift.selftest` is 0";
    default: return p->drift.detector ? "`drift.detector` is a chart" : NULL;
    }
}

const char *durai_bind_configured(const bind_policy *p, int hook, const bind_count *c)
{
    if (!heard[hook].in_log)
        return "it works outside the device: no run folder can show it";
    if (hook <= BIND_STATE)
        return sensor_configured(p, hook, c);
    if (hook >= BIND_MONITOR && hook <= BIND_SELFTEST)
        return drift_configured(p, hook);
    if (hook >= BIND_VERIFY && hook <= BIND_MANIFEST)
        return gate_configured(p, hook);
    switch (hook) {
    case BIND_OUT_RATE: return durai_bind_has_rate(p) ? NULL : "no output has a rate";
    case BIND_DEADLINE: return has_deadline(p) ? NULL : "`guard.deadline_us` is 0";
    case BIND_VERDICT: return p->has_correlate ? NULL : "the policy has no `correlate`";
    case BIND_AUTH:
    case BIND_COUNTER: return "the policy does not configure links: only their facts in the log can show it";
    default: return NULL;
    }
}

/* Reasons of a drift: dura/drift.h has who found it. */
int durai_bind_drift_hook(const bind_policy *p, uint64_t reasons, uint64_t thing)
{
    uint32_t mspc = p->n_channels + p->n_outputs, features = 0;
    (void)durai_policy_section(p->image, DURAI_POLICY_FEATURES, &features, NULL);
    if ((reasons >> DURA_DRIFT_DETECTOR_AT & 7u) == DURA_DRIFT_HISTOGRAM)
        return BIND_HISTOGRAM;
    if (has_records(p, DURAI_POLICY_MSPC) && thing >= mspc + features)
        return BIND_MSPC;
    return p->drift.detector ? BIND_CHART : BIND_MONITOR;
}
