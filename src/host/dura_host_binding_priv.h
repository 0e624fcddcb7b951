/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of the binding share. */
#ifndef DURA_HOST_BINDING_PRIV_H
#define DURA_HOST_BINDING_PRIV_H

#include <dura/guard.h>
#include <dura/host/binding.h>
#include <dura/host/record.h>

#include "../base/dura_base_priv.h"
#include "../guard/dura_guard_policy.h"
#include "dura_host_monitor.h"
#include "dura_host_register_priv.h"

/* Hooks, in the order of durai_reg_hooks. */
enum {
    BIND_TIME, BIND_FINITE, BIND_RANGE, BIND_RATE, BIND_SPIKE, BIND_FLAT, BIND_NOISE, BIND_STALE, BIND_MEAN, BIND_VOTE,
    BIND_PARITY, BIND_JOINT, BIND_RULE, BIND_STATE, BIND_BLOCK, BIND_AUTH, BIND_COUNTER, BIND_MONITOR, BIND_CHART,
    BIND_HISTOGRAM, BIND_MSPC, BIND_SELFTEST, BIND_ESTIMATE, BIND_OUT_RANGE, BIND_OUT_RATE, BIND_FALLBACK, BIND_STOP,
    BIND_DEADLINE, BIND_VERIFY, BIND_APPROVE, BIND_WINDOW, BIND_GOLDEN, BIND_SHADOW, BIND_ROLLBACK, BIND_FLOOR,
    BIND_MANIFEST, BIND_LOG_SECURITY, BIND_LOG_DECISION, BIND_SEAL, BIND_ANCHOR, BIND_QUERY, BIND_VERDICT, BIND_LABEL,
    BIND_TRAINING, BIND_ALERTS, BIND_HOOKS
};

/* The packed policy of the run, and which channels a control is about. */
typedef struct bind_policy {
    uint8_t *image;
    size_t len;
    uint8_t digest[32];
    const char **channel, **output;   /* names */
    uint32_t n_channels, n_outputs;
    durai_policy_drift drift;
    durai_policy_updates updates;
    int has_drift, has_updates, has_correlate;
} bind_policy;

/* A control while it is counted. */
typedef struct bind_count {
    dura_binding_control out;
    uint8_t *channel;                 /* per channel: 1, the control is about it */
    uint8_t on_outputs;               /* its assets name outputs */
    uint8_t configured, built, counted;  /* counted: the run folder can show it at all */
    uint8_t drill_bad;
    uint64_t waiting_ns;              /* armed, but no heartbeat has vouched for it yet */
    dura_time fired;                  /* the last time, and ... */
    uint64_t fired_n, judged_n;       /* fires so far; of them with a verdict */
    int64_t seen_wall, fired_wall;    /* last evaluation, last fire with a verdict; 0: no clock */
    int64_t tested_wall;
    const char *missing;              /* why it is not configured */
} bind_count;

/* A start, as its record has it. */
typedef struct bind_boot {
    uint64_t gseq;
    uint32_t boot;
    uint8_t known, bound;             /* the record names policy and model; a register */
    uint8_t policy[32], model[32], reg[32];
} bind_boot;

/* What is in force. */
typedef struct bind_now {
    bind_boot start;
    int in_force;                     /* the start is under the folder's policy */
    int has_last;
    uint64_t frame;
    int64_t first_ns, last_ns;
    uint64_t version;                 /* of the release that was switched to; 0: none */
    int switched;
    uint64_t pending, pending_gseq;   /* decisions of a model whose release is not recorded yet */
    int64_t stopped_ns;               /* a stop nobody has obeyed yet; -1: none */
} bind_now;

struct dura_binding {
    const dura_register *r;
    dura_binding_info info;
    dura_verify_report verify;
    bind_policy policy;
    durai_reg_arena arena;
    bind_count *control;
    dura_binding_entry *entry;
    dura_binding_need *need;
    dura_binding_problem *problem;
    dura_binding_set *set;
    uint32_t set_cap, problem_cap;
    bind_boot *boot;                  /* all starts */
    uint32_t n_boot;
    bind_now now;
    durai_beats beats;
    int64_t wall;                     /* of the record at hand; 0: no clock */
    uint32_t fresh_days;
    uint64_t modules;
    uint32_t forced;                  /* starts under the folder's policy */
    uint64_t lost_gseq;               /* first decision without a set */
    int rc;
};

/* dura_host_binding.c */

/* b->policy.image is there: its names and what it asks for. */
int durai_bind_policy(dura_binding *b, dura_error *err);
/* The channels of an asset: the names it gives, or its own id; a model is all of the policy. */
void durai_bind_asset(const dura_binding *b, bind_count *c, const reg_asset *a);
/* Which channels control i is about, and why the policy does not configure it. */
int durai_bind_about(dura_binding *b, uint32_t i, bind_count *c);

/* dura_host_binding_hooks.c */

/* Is the hook configured for these channels? NULL: it is; else why not. */
const char *durai_bind_configured(const bind_policy *p, int hook, const bind_count *c);
/* Bits of DURA_R_* and DURA_G_* that are the hook's. */
uint32_t durai_bind_sensor_bits(int hook);
uint32_t durai_bind_guard_bits(int hook);
/* DURA_WHY_* with which a release is refused by it. */
uint32_t durai_bind_why_bits(int hook);
/* Does any output have a rate? */
int durai_bind_has_rate(const bind_policy *p);
/* Can a run folder show it at all? */
int durai_bind_in_log(int hook);
/* The hook that a drift fact's reasons speak for. */
int durai_bind_drift_hook(const bind_policy *p, uint64_t reasons, uint64_t thing);

/* dura_host_binding_count.c: the start in a BOOT record. DURA_ENOSPC. */
int durai_bind_boot(dura_binding *b, const dura_record *r);
/* One record that counts. */
void durai_bind_count(dura_binding *b, const dura_record *r);
/* Behind the last one. */
void durai_bind_settle(dura_binding *b);
void durai_bind_problem(dura_binding *b, int code, const char *subject, uint64_t gseq, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* dura_host_binding_level.c */
int durai_bind_drill(dura_binding *b, const dura_json *drill, dura_error *err);
int durai_bind_levels(dura_binding *b, dura_error *err);

#endif
