/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/guard.h - the only way a decision leaves the library.
 *
 * The guard validates a frame, lets the model infer if the frame allows it, bounds what
 * the model says, and always answers with a value that is safe to drive. It records
 * every decision. It sees all modules; no module sees another.
 *
 *   dura_guard_bytes -> init -> step ... (idle between) -> deinit
 *
 * Two contexts, no lock: one producer calls step() (an interrupt may), one worker calls
 * everything else. They share rings and one latch word.
 *
 * No call order reaches the model unless the NV region holds a factory record, signed
 * by the key the policy names, that carries the digests of this policy and this model.
 * There is no switch that says otherwise.
 *
 * dura is not a safety function: interlocks and SIL loops stay independent of it.
 */
#ifndef DURA_GUARD_H
#define DURA_GUARD_H

#include <dura/backend.h>
#include <dura/correlate.h>
#include <dura/drift.h>
#include <dura/feature.h>
#include <dura/gate.h>
#include <dura/log.h>
#include <dura/sensor.h>
#include <dura/sensor_checks.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the guard did. Values are far apart; anything else means FALLBACK. */
enum {
    DURA_ACT = 0x1A,       /* the model's answer, within its envelope */
    DURA_HOLD = 0x2B,      /* the last driven answer, for at most hold_ns */
    DURA_FALLBACK = 0x4C,  /* the policy's safe values */
    DURA_STOP = 0x8D       /* a person stopped the model: safe values until released */
};

enum { DURA_OBSERVE = 1, DURA_ENFORCE = 2 };

/* Why it did so. */
enum {
    DURA_G_INPUT = 1 << 0,        /* the sensor rejected the frame */
    DURA_G_SUBSTITUTED = 1 << 1,  /* the model saw at least one held value */
    DURA_G_BACKEND = 1 << 2,      /* the model failed or was late */
    DURA_G_NONFINITE = 1 << 3,    /* the model answered NaN or infinity */
    DURA_G_RANGE = 1 << 4,        /* the answer was outside lo..hi */
    DURA_G_RATE = 1 << 5,         /* the answer moved faster than rate */
    DURA_G_GATE = 1 << 6,         /* no gate record allows this model */
    DURA_G_STOPPED = 1 << 7,      /* operator stop */
    DURA_G_RECOVERING = 1 << 8,   /* waiting for recover_frames good frames in a row */
    DURA_G_HELD_TOO_LONG = 1 << 9,/* hold_ns is over */
    DURA_G_ARGUMENT = 1 << 10,    /* the call itself was wrong: see the return value */
    DURA_G_LOG = 1 << 11,         /* the decision could not be recorded: ring full */
    DURA_G_ORDER = 1 << 12,       /* frame number not above the last one of its source */
    DURA_G_CHAMPION = 1 << 13,    /* the model on probation failed: the former one answered */
    DURA_G_FEATURE = 1 << 14      /* an input of the model could not be made (yet) */
};

/* The answer. output[] is safe to drive for every action and every return value. */
typedef struct dura_decision {
    uint32_t struct_size;     /* in: sizeof in your build; out: bytes filled */
    uint8_t  action;          /* DURA_ACT, HOLD, FALLBACK, STOP */
    uint8_t  mode;            /* DURA_OBSERVE, DURA_ENFORCE */
    uint8_t  verdict;         /* the frame's QARTOD verdict */
    uint8_t  reserved;        /* 0 */
    uint32_t reasons;         /* DURA_G_* */
    uint32_t sensor_reasons;  /* DURA_R_* of all channels */
    uint16_t n_outputs;
    uint16_t worst_channel;   /* DURA_NONE when all is GOOD */
    uint32_t reserved2;       /* 0 */
    uint64_t frame;
    float    output[DURA_OUTPUTS_MAX];    /* drive this */
    float    proposed[DURA_OUTPUTS_MAX];  /* what enforce mode drives: equal to output[]
                                             there, recorded beside it in observe mode */
} dura_decision;
#define DURA_DECISION_INIT                                                             \
    { (uint32_t)sizeof(dura_decision), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0} }

/* override() actions. */
enum { DURA_OVERRIDE_STOP = 1, DURA_OVERRIDE_RELEASE = 2 };

#define DURA_ACTOR_MAX 64     /* bytes of an actor's or a reason's text */

typedef struct dura_guard dura_guard;   /* lives in memory you give to init */

/* Figures. */
typedef struct dura_guard_status {
    uint32_t struct_size;     /* in: sizeof in your build; out: bytes filled */
    uint32_t boot;            /* this boot's number, from 1 */
    int32_t  gate;            /* DURA_OK: the model may run; else why not (DURA_EDENIED no
                                 record, DURA_EAUTH signature or digest, ...) */
    uint8_t  stopped;         /* operator stop is latched */
    uint8_t  mode;
    uint8_t  action;          /* of the last step */
    uint8_t  clean_start;     /* 1: the stop before this boot was clean */
    uint64_t steps;           /* since init */
    uint64_t actions[4];      /* steps that ended in ACT, HOLD, FALLBACK, STOP */
    uint64_t unrecorded;      /* steps whose record did not fit the ring */
    uint64_t reserved;        /* 0 */
    uint32_t unheard;         /* decisions since the drift monitor last proved that it works */
    uint32_t owed;            /* within how many it has to; 0: no self-test is asked for.
                                 unheard > owed: nothing is watched, and the worker may be
                                 dead as well */
} dura_guard_status;
#define DURA_GUARD_STATUS_INIT                                                         \
    { (uint32_t)sizeof(dura_guard_status), 0, 0, 0, 0, 0, 0, 0, {0, 0, 0, 0}, 0, 0, 0, 0 }

/* What feeds drift monitor and correlator with what is recorded. Its calls are the guard's
 * own: name the table in dura_port.watch beside those of drift and correlate. */
typedef struct dura_guard_watch_calls dura_guard_watch_calls;

/** The table of the watch. Static storage.                               [any] O(1) */
DURA_API DURA_CHECK const dura_guard_watch_calls *dura_guard_watch_part(void);

/** Exact bytes init() needs for this policy and model; 0 when either is invalid.
 *  `dura pack` prints the same number as POLICY_GUARD_BYTES.   [any] O(policy_len) */
DURA_API DURA_CHECK size_t dura_guard_bytes(const void *policy, size_t policy_len,
                                            const dura_model *model, const dura_port *port);

/** Build a guard in mem (8-byte aligned). policy (packed image), model and port are
 *  borrowed until the guard is no longer used. Reads NV, checks the factory record,
 *  raises the boot counter durably, opens the logs, writes a boot record. Without a valid
 *  gate record the guard works and answers FALLBACK with DURA_G_GATE.
 *  returns  DURA_OK; DURA_EINVAL, DURA_ENOSPC, DURA_EALIGN; DURA_ECORRUPT or
 *           DURA_EVERSION (policy image); DURA_ENOTSUP (port lacks NV, a log region or
 *           crypto); the backend's or a hook's code. On error *out is NULL.
 *                                            [init, port] O(policy + model + segment) */
DURA_API DURA_CHECK int dura_guard_init(dura_guard **out, void *mem, size_t len,
                                        const void *policy, size_t policy_len,
                                        const dura_model *model, const dura_port *port,
                                        const dura_time *now);

/** One guarded decision: validate, infer, bound, record. d->output is always set when
 *  d is usable (struct_size at least the first version's).
 *  returns  DURA_OK, whatever the action. DURA_EINVAL: the frame is unusable (NULL,
 *           width, values, time < 0): action is FALLBACK or STOP, DURA_G_ARGUMENT, and
 *           that is recorded too.
 *           [serial producer, isr when the backend is] O(channels + outputs) + the model */
DURA_API DURA_CHECK int dura_guard_step(dura_guard *g, const dura_frame *f, dura_decision *d);

/** The worker's share: records, commits, seals, NV checkpoints; at most budget units.
 *  returns  >= 0: units spent, 0: nothing to do. < 0: a hook's code; tried again later.
 *                                                           [serial worker, port] */
DURA_API DURA_CHECK int dura_guard_idle(dura_guard *g, const dura_time *now, uint32_t budget);

/** A person stops or releases the model. Takes effect on the next step at once; the call
 *  returns when the latch and its record are durable. actor, reason: UTF-8 text of 1 to
 *  DURA_ACTOR_MAX bytes, recorded.
 *  returns  DURA_OK; DURA_EINVAL; a hook's code (STOP is then in force but not yet
 *           durable; RELEASE is not in force).                [serial worker, port] */
DURA_API DURA_CHECK int dura_guard_override(dura_guard *g, int what, const char *actor,
                                            const char *reason, const dura_time *now);

/** Offer a release to the gate: envelope as dura_gate_offer(). The gate goes on in
 *  dura_guard_idle(); the switch to a new brain is at a frame boundary and misses none.
 *  returns  as dura_gate_offer(); DURA_ENOTSUP (the policy takes no updates).
 *                                                           [serial worker, port] */
DURA_API DURA_CHECK int dura_guard_offer(dura_guard *g, const void *envelope, size_t len,
                                         const dura_time *now);

/** The packed policy that the next policy release is about, before it is offered: the gate
 *  asks every key it brings for a signature (dura_gate_hooks.next_key). Borrowed until
 *  another one is given; NULL: none.
 *  returns  DURA_OK; DURA_EINVAL, DURA_ECORRUPT, DURA_EVERSION (the image); DURA_ENOTSUP; a
 *           hook's code.                                    [serial worker, port] O(len) */
DURA_API DURA_CHECK int dura_guard_successor(dura_guard *g, const void *policy, size_t len);

/** Bytes of the offered release, as dura_gate_write().      [serial worker, port] */
DURA_API DURA_CHECK int dura_guard_write(dura_guard *g, uint64_t offset, const void *p, size_t n,
                                         const dura_time *now);

/** The digest of the chunk that comes next, as dura_gate_calls.prove; DURA_ENOTSUP.
 *                                                           [serial worker, port] */
DURA_API DURA_CHECK int dura_guard_prove(dura_guard *g, const void *envelope, size_t len,
                                         const uint8_t *leaf, const uint8_t *path, uint32_t n);

/** Approve the release in hand, as dura_gate_approve(); DURA_ENOTSUP.
 *                                                           [serial worker, port] */
DURA_API DURA_CHECK int dura_guard_approve(dura_guard *g, const void *envelope, size_t len,
                                           const dura_time *now, uint32_t *why);

/** Give up the release in hand, as dura_gate_reset().        [serial worker, port] */
DURA_API DURA_CHECK int dura_guard_withdraw(dura_guard *g, const dura_time *now);

/** Where the gate stands, as dura_gate_query(); DURA_ENOTSUP.   [serial worker] O(1) */
DURA_API DURA_CHECK int dura_guard_release(const dura_guard *g, dura_gate_status *out);

/** The incident of now or the last one, as dura_correlate_query(); DURA_ENOTSUP (the
 *  policy does not correlate).                                  [serial worker] O(1) */
DURA_API DURA_CHECK int dura_guard_incident(const dura_guard *g, dura_incident *out);

/** Drift of one watched quantity, as dura_drift_query(): channels, then outputs, then
 *  features; DURA_ENOTSUP (the policy watches none).            [serial worker] O(1) */
DURA_API DURA_CHECK int dura_guard_drift(const dura_guard *g, uint16_t index, dura_drift_state *out);

/** A security-relevant event from outside, into the security log through a ring of its
 *  own. e->kind is DURA_REC_EVENT; payload as dura_log_append wants it.
 *  returns  as dura_log_append().                  [isr, one producer] O(len) */
DURA_API DURA_CHECK int dura_guard_event(dura_guard *g, const dura_log_entry *e,
                                         const void *payload, size_t len);

/** Clean end: rings emptied, NV checkpoint, close record, final seals. pairs as in
 *  dura_log_deinit. returns as that.              [serial worker, port] unbounded */
DURA_API DURA_CHECK int dura_guard_deinit(dura_guard *g, const dura_time *now, const void *pairs,
                                          size_t len, uint16_t n_pairs);

/** Empty the rings, commit and seal now. returns as dura_log_save().
 *                                                   [serial worker, port] unbounded */
DURA_API DURA_CHECK int dura_guard_save(dura_guard *g, const dura_time *now);

/** Fill *out (set out->struct_size first). returns DURA_OK, DURA_EINVAL.
 *                                                              [serial worker] O(1) */
DURA_API DURA_CHECK int dura_guard_query(const dura_guard *g, dura_guard_status *out);

/** Figures of the logs, as dura_log_query().                   [serial worker] O(1) */
DURA_API DURA_CHECK int dura_guard_log(const dura_guard *g, dura_log_status *out);

#ifdef __cplusplus
}
#endif
#endif
