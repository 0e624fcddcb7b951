/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard's sources share: the object, the raw records of its hot path, NV. */
#ifndef DURA_GUARD_PRIV_H
#define DURA_GUARD_PRIV_H

#include <dura/guard.h>

#include "../base/dura_base_priv.h"
#include "dura_guard_policy.h"
#include "dura_guard_swap.h"
#include "dura_guard_watch.h"

/* Rings of the log: who produces into which. */
enum { RING_STEP = 0, RING_WORKER = 1, RING_EVENT = 2, RINGS = 3 };

/* The latch word, shared by worker (writer) and producer (reader). */
enum { LATCH_STOP = 1u };

/* Counters the producer keeps and the worker reads: two 32-bit words each, because a
 * small core has no 64-bit atomics; `version` is odd while they change. */
enum { COUNT_STEPS, COUNT_ACT, COUNT_HOLD, COUNT_FALLBACK, COUNT_STOP, COUNT_UNRECORDED, COUNTS };
typedef struct durai_counts {
    uint32_t version;
    uint32_t action;
    uint32_t word[COUNTS][2];
} durai_counts;

/* One output's envelope, decoded from the policy. */
typedef struct durai_bounds {
    float lo, hi, rate, safe;
    uint32_t fallback; /* 1: a violation is a FALLBACK, 0: it is clamped */
} durai_bounds;

/* A decision on its way through the ring: this head, then floats and bytes in the order
 * of the counts. Native byte order: it never leaves the machine. */
typedef struct durai_raw_decision {
    uint64_t frame;
    uint32_t reasons;
    uint32_t sensor_reasons;
    int32_t backend_rc;
    uint16_t n_values;   /* f32 as measured; 0 when the frame was unusable */
    uint16_t n_inputs;   /* f32 the model was given; 0 when it was not run */
    uint16_t n_raw;      /* f32 it answered; 0 when it failed */
    uint16_t n_outputs;  /* f32 proposed */
    uint16_t n_driven;   /* f32 driven; 0 when equal to proposed */
    uint16_t n_verdicts; /* u8, then n_not_good u32 of reasons; 0 when all GOOD */
    uint16_t n_not_good;
    uint16_t n_missing;  /* bytes of the missing bitmap */
    uint8_t mode, action, verdict, spare;
    uint8_t brain[8];    /* first bytes of the digest of the model that answered */
} durai_raw_decision;

/* Facts of the worker carry who and why. */
typedef struct durai_raw_fact {
    dura_fact fact;
    uint32_t serial;            /* tells a fact encoded again (a segment ended) from a new one */
    uint8_t actor_len, reason_len; /* no actor: `reason` is the model the fact is about */
    char text[2 * DURA_ACTOR_MAX];
} durai_raw_fact;

/* What NV remembers across boots. */
typedef struct durai_nv {
    uint64_t counter;   /* rises with every checkpoint written */
    uint32_t boot;
    uint32_t latch;
    uint32_t clean;     /* 1: the last stop was clean */
    uint32_t found;     /* 1: a checkpoint was read */
    uint32_t journal;   /* 1: the gate's journal has been written: blank is a loss now */
    uint64_t next;      /* where the next checkpoint goes in the region */
} durai_nv;

/* The factory record with its body where the signed text wants it, so that both are made
 * in one place: the text's head of up to 47 bytes ends where the body begins, and the
 * record's own head of 8 lies at the end of that. */
enum { DURAI_PAE_HEAD_MAX = 47, DURAI_FACTORY_BODY_MAX = 96,
       DURAI_FACTORY_MAX = 8 + DURAI_FACTORY_BODY_MAX + DURA_SIG_BYTES + 4,
       DURAI_FACTORY_WORK = DURAI_PAE_HEAD_MAX - 8 + DURAI_FACTORY_MAX };

/* What the worker has in hand: one at a time, and so not on the stack. */
typedef union durai_work {
    struct {
        dura_log_config log;
        uint8_t factory[DURAI_FACTORY_WORK];
    } init;
    struct {
        dura_log_entry entry;
        durai_raw_fact fact;    /* being made or being encoded */
    } say;
    struct {
        dura_log_entry entry;
        uint8_t pairs[152];
    } boot;
} durai_work;

struct dura_guard {
    /* set by init */
    const dura_port *port;
    const dura_model *model;
    dura_sensor *sensor;
    dura_log *log;
    void *instance;             /* of the backend; NULL when the model may not run */
    uint16_t *input;            /* channel of each model input */
    durai_bounds *envelope;
    const uint8_t *risk_register; /* its digest, in the policy; zeros: none */
    int64_t hold_ns;
    int64_t deadline_ns;
    uint8_t policy_digest[32];
    uint8_t model_digest[32];
    uint16_t n_channels, n_inputs, n_outputs;
    uint16_t asset, zone;
    uint32_t recover_frames;
    uint8_t mode;
    uint8_t clean_start;
    uint8_t released;           /* 1: a release put this policy in force */
    int32_t gate;               /* DURA_OK, or why no model may run; durai_guard_gate() knows SAFE too */

    /* what the policy may ask for; NULL: it does not */
    dura_feature *feature;
    durai_swap *swap;
    struct durai_watcher *watcher;

    /* shared */
    uint32_t latch;             /* worker writes, producer reads */
    durai_counts counts;        /* producer writes, worker reads */

    /* the producer's */
    float *usable;              /* what the sensor lets through */
    float *inputs;              /* as the model gets them */
    float *raw;                 /* the model's own answer */
    float *bounded;             /* after the envelope */
    float *driven;              /* last proposed values: reference for rate and hold */
    uint8_t *scratch;           /* the raw record being built */
    uint32_t scratch_len;
    int64_t driven_ns;          /* stamp of `driven` */
    int64_t acted_ns;           /* stamp of the last ACT */
    uint64_t last_frame;
    uint32_t good_frames;       /* in a row, capped at recover_frames */
    uint8_t has_driven, has_acted, has_frame, last_action;

    /* the worker's */
    durai_nv nv;
    uint32_t recorded_action;   /* of the decision encoded last */
    uint32_t fact_serial;       /* of the fact made last */
    uint32_t heard_serial;      /* of the fact the sink was told last */
    dura_time now;              /* of the call being served, with this boot */
    durai_work work;
};

/* dura_guard_nv.c */
size_t durai_factory_body(uint8_t *out, size_t cap, const uint8_t policy[32], const uint8_t model[32],
                          uint64_t floor_);
size_t durai_factory_pae(uint8_t *out, size_t cap, const uint8_t *body, size_t len);
size_t durai_factory_wrap(uint8_t *out, size_t cap, const uint8_t *body, size_t len, const uint8_t sig[64]);
int durai_factory_check(dura_guard *g, const uint8_t key[32]); /* DURA_OK when g->released stands for the policy */
int durai_nv_read(const dura_port *port, durai_nv *nv);
int durai_nv_write(const dura_port *port, durai_nv *nv);
int durai_hash(const dura_crypto *c, const void *p, size_t n, uint8_t out[32]);
/* The same where the stack has no room for the state. */
int durai_hash_in(const dura_crypto *c, dura_hash_state *s, const void *p, size_t n, uint8_t out[32]);

/* dura_guard_record.c */
uint32_t durai_raw_bytes(uint16_t channels, uint16_t inputs, uint16_t outputs);
int durai_guard_encode(void *user, const dura_log_entry *e, const void *payload, size_t len,
                       uint8_t *out, size_t cap, uint16_t *n_pairs);
/* A fact of the worker: start one in g->work, fill it in, hand it to the worker's ring. */
dura_fact *durai_fact_start(dura_guard *g, uint16_t kind, uint8_t log, uint8_t severity);
int durai_fact_append(dura_guard *g, const dura_time *t, const char *actor, const char *reason);
/* During init, where nobody steps yet: before the first decision. */
int durai_fact_first(dura_guard *g, const dura_time *t);
/* A fact somebody else made, into the log it names; brain: NULL, or the first 8 bytes of the
 * digest of the model it is about. */
int durai_guard_say(dura_guard *g, const dura_fact *f, const uint8_t *brain, const dura_time *t);

/* dura_guard_watcher.c: the watch, with what the worker needs around it. */
typedef struct durai_watcher {
    durai_watch watch;
    durai_watch_parts parts;
    dura_hash_state hash;        /* of the record looked at */
    dura_ref at;                 /* of that record */
    durai_seen seen;             /* the decision in it */
    uint8_t digest[32];
    dura_incident incident;      /* as it is recorded */
    uint8_t pairs[DURAI_INCIDENT_MAX];
    uint32_t drifted;            /* watched outputs that are in alarm */
    uint32_t heard;              /* steps, modulo 2^32, when the last heartbeat was recorded */
    uint32_t beaten;             /* 1: there was one in this boot */
    uint64_t known;              /* gseq of the last decision or fact it has seen */
    struct durai_keep *keep;     /* NULL: the port has no place for it */
} durai_watcher;

/* dura_guard_keep.c: what the drift monitor knows, over a start. */
typedef struct durai_keep {
    const dura_region *region;
    uint8_t *bytes;              /* cap bytes: what was read, until it is taken up; then what is written */
    uint32_t cap, len, at;       /* len: of the image; at: programmed so far */
    uint64_t counter;            /* of the newest image there is */
    uint64_t gseq;               /* up to where the image knows everything */
    uint32_t boot;               /* of that record */
    int32_t why;                 /* nothing to go on from: 0, or the code */
    uint8_t slot;                /* that is written next */
    uint8_t state;               /* KEEP_* of dura_guard_keep.c */
} durai_keep;

size_t durai_keep_bytes(const void *policy, const dura_port *port);
void durai_keep_init(dura_guard *g, void *mem, const void *policy);
/* Read the newest image; does it belong to this policy? Leaves the watch as it was. */
void durai_keep_open(dura_guard *g);
/* The fact of a start: it goes on, or begins anew. */
void durai_keep_tell(dura_guard *g, const dura_time *now);
/* That fact has its number: from here on the watch knows what was kept. */
void durai_keep_resume(dura_guard *g);
/* Take what the watch knows now, to be written; at a clean end all of it at once. */
void durai_keep_take(dura_guard *g);
void durai_keep_finish(dura_guard *g);
/* At most budget storage operations. Returns how many. */
uint32_t durai_keep_step(dura_guard *g, const dura_time *now, uint32_t budget);

/* What the guard asks of its watch, through the table that the port names: all but `bytes`
 * with a watcher. */
struct dura_guard_watch_calls {
    uint32_t struct_size;
    uint32_t reserved;           /* 0 */
    /* What init() needs; 0: this policy has nothing watched. */
    size_t (*bytes)(const void *policy, const dura_port *port);
    int (*init)(dura_guard *g, void *mem, const void *policy);
    /* The log's: a record has its number. */
    void (*noted)(void *user, const dura_log_note *note);
    /* The log is open: what there is to say of the start. */
    void (*started)(dura_guard *g, const dura_time *now);
    /* Silence is raised as a fact; at most budget storage operations. Returns how many. */
    uint32_t (*step)(dura_guard *g, const dura_time *now, uint32_t budget);
    /* Before an end: an open incident once more, with the evidence since its last record. */
    int (*settle)(dura_guard *g, const dura_time *now);
    /* The log is closed. */
    void (*finish)(dura_guard *g);
    /* Decisions since the last heartbeat, and within how many one is owed (0: never). */
    uint32_t (*unheard)(const dura_guard *g, uint32_t *owed);
};

/* dura_guard_found.c */
int durai_guard_blocks(const dura_guard *g);     /* an incident that locks the gate is open */
uint32_t durai_guard_alarm(const dura_guard *g); /* DURA_WHY_* the watch has against a candidate */

/* dura_guard_swap.c */
size_t durai_swap_bytes(const void *policy, const dura_gate_calls *gate_calls, size_t instance);
int durai_swap_init(dura_guard *g, const void *policy, void *mem, size_t instance, uint32_t fresh);
int durai_swap_start(dura_guard *g);
int durai_swap_tell(dura_guard *g);
void durai_swap_deinit(dura_guard *g);

/* dura_guard.c: the time of a worker's call as records have it. */
const dura_time *durai_guard_stamp(dura_guard *g, const dura_time *now);

/* DURA_OK, or why no model may run now. */
static inline int32_t durai_guard_gate(const dura_guard *g)
{
    uint32_t drives = g->swap ? durai_drives(durai_load(&g->swap->active)) : DURAI_BRAIN_FACTORY;
    return (g->gate == DURA_OK) && (drives == DURAI_BRAIN_NOBODY) ? DURA_EDENIED : g->gate;
}

/* A part of the port, or NULL when the port is older or has none. */
#define DURAI_PART(port, name)                                                                            \
    ((port) && (port)->struct_size >= offsetof(dura_port, name) + sizeof((port)->name) ? (port)->name : NULL)

/* Where a decision's parts lie in its raw record. */
typedef struct durai_parts {
    const uint8_t *values, *inputs, *raw, *outputs, *driven, *verdicts, *not_good, *missing;
    size_t total;
} durai_parts;
void durai_locate(const durai_raw_decision *h, const uint8_t *payload, durai_parts *p);

#endif
