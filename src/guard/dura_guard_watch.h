/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What watches behind the decisions: the drift monitor and the correlator, as a policy
 * asks for them. The guard's worker feeds it record by record; src/host/dura_host_watch.c
 * feeds the same code from a run folder, so that live and later cannot differ.
 */
#ifndef DURA_GUARD_WATCH_H
#define DURA_GUARD_WATCH_H

#include <dura/correlate.h>
#include <dura/drift.h>

#include "../base/dura_base_priv.h"

enum {
    DURAI_WATCH_FACTS = 4,   /* drift facts one decision can raise; the rest follow */
    DURAI_STANDING = 16      /* drifts that a request for retraining names; the rest are counted */
};

/* What a watch says of a record. Bits. */
enum { DURAI_WATCH_DRIFT = 1, DURAI_WATCH_INCIDENT = 2, DURAI_WATCH_RETRAIN = 4 };

/* A drift alarm that nothing took back yet. */
typedef struct durai_standing {
    uint64_t gseq;                /* of the record of its alarm */
    uint64_t since;               /* decisions before its time began */
    int64_t size, onset;          /* as in the alarm */
    uint16_t thing;
    uint8_t direction;
    uint8_t spare[5];
} durai_standing;

/* Does the monitor work, and what of it when it finds something? Only where the policy asks. */
typedef struct durai_alive {
    dura_drift_probe probe;       /* the self-test under way */
    uint64_t decisions;           /* since this boot began */
    uint64_t due;                 /* the decision with which the next test begins */
    int64_t kept_ns;              /* monotonic time of the last point; -1: none in this boot */
    int64_t keep_ns;              /* between two points at least */
    uint16_t selftest, confirm;   /* of the policy */
    uint16_t next, n_references;  /* what is tested next */
    uint16_t n_standing, more;    /* drifts that stand: named, and beyond */
    uint8_t running;              /* a test is under way */
    uint8_t round;                /* what the next change is: up, down, wider */
    uint8_t asked;                /* for retraining, of this model and these drifts */
    uint8_t has_brain;
    uint8_t point;                /* with the last fact the state may be kept */
    uint8_t brain[8];             /* the model that answered last */
    durai_standing standing[DURAI_STANDING];
} durai_alive;

typedef struct durai_watch {
    const dura_drift_calls *drift_calls;          /* NULL: no drift monitor */
    const dura_correlate_calls *correlate_calls;  /* NULL: no correlator */
    dura_drift *drift;
    dura_correlate *correlate;
    const void *policy;
    float *x;                     /* a sample of everything: channels, outputs, features */
    uint8_t *missing;
    uint8_t *verdict;             /* per channel, of the decision before; UNKNOWN as GOOD */
    uint16_t n_channels, n_outputs, n_features, n_things;
    uint32_t reasons;             /* DURA_G_* of the decision before */
    uint16_t n_facts;
    uint16_t spare;
    dura_fact fact[DURAI_WATCH_FACTS + 1]; /* one more for the self-test */
    durai_alive *alive;           /* NULL: neither self-test nor retraining is asked for */
    union {                       /* one at a time, and so not on the stack */
        dura_fact fact;           /* what the correlator is being told */
        dura_event event;
        dura_drift_reference reference;
    } hand;
} durai_watch;

/* One decision as it was recorded. Pointers need no alignment. */
typedef struct durai_seen {
    dura_ref at;
    uint32_t reasons;             /* DURA_G_* */
    int32_t backend_rc;
    uint16_t n_values, n_inputs, n_raw, n_verdicts;
    const uint8_t *values, *inputs, *raw;         /* f32, native order */
    const uint8_t *verdicts;      /* n_verdicts bytes: all channels, or 0 when all are GOOD */
    const uint8_t *not_good;      /* native u32 of reasons per channel that is not GOOD */
    const uint8_t *missing;       /* bitmap; NULL: none */
    const uint8_t *brain;         /* first 8 bytes of the model's digest; NULL: not known */
} durai_seen;

/* Bytes a watch needs behind the struct for this policy and these parts; 0: nothing to
 * watch. parts may be NULL. A checked policy. */
size_t durai_watch_bytes(const void *policy, const dura_drift_calls *d, const dura_correlate_calls *c);
/* Build in mem of durai_watch_bytes() bytes, 8-byte aligned. */
int durai_watch_init(durai_watch *w, void *mem, const void *policy, const dura_drift_calls *d,
                     const dura_correlate_calls *c);
/* The next decision, fact, event (its CBOR pairs). Bits DURAI_WATCH_*. */
int durai_watch_decision(durai_watch *w, const durai_seen *s);
int durai_watch_fact(durai_watch *w, const dura_fact *f, const dura_ref *at);
int durai_watch_event(durai_watch *w, const uint8_t *pairs, size_t len, uint32_t n_pairs, const dura_ref *at);

/* ---- dura_guard_alive.c ------------------------------------------------------------------ */

/* Bytes for *alive, 0 when the policy asks for nothing of it; filled as at a boot. */
size_t durai_alive_bytes(const void *policy);
void durai_alive_init(durai_alive *a, const void *policy);
/* A decision was judged; a drift fact or a heartbeat was recorded. Bits DURAI_WATCH_*. */
int durai_alive_decision(durai_watch *w, const durai_seen *s);
void durai_alive_fact(durai_watch *w, const dura_fact *f, const dura_ref *at);
/* MONITOR facts that say that it does not work; the rest are notes. */
int durai_alive_failed(const dura_fact *f);
/* All the monitor knows as bytes (docs/formats/drift.md, Kept), and back; the most it can be.
 * Bytes or an error; on error nothing changed. */
size_t durai_kept_bytes(const void *policy);
int durai_watch_keep(const durai_watch *w, uint8_t *out, size_t cap);
int durai_watch_resume(durai_watch *w, const uint8_t *in, size_t len);
/* Within how many decisions a heartbeat is owed: the interval twice, and what may wait in a
 * ring. first: none came in this boot yet. 0: none is owed. */
uint32_t durai_alive_owed(uint16_t selftest, int first);
/* No heartbeat for that many decisions, into *f. */
void durai_alive_silent(dura_fact *f, uint64_t since, uint32_t owed, uint64_t decisions);
/* What asks for retraining: as a fact for a sink, and as CBOR pairs with keys 16..
 * (docs/formats/log.md, RETRAIN). digest: of the model, n bytes. Bytes, or DURA_ENOSPC. */
enum { DURAI_RETRAIN_MAX = 640 };
void durai_retrain_fact(const durai_watch *w, dura_fact *f);
int durai_retrain_encode(const durai_watch *w, const uint8_t *digest, size_t n, uint8_t *out, size_t cap,
                         uint16_t *n_pairs);

/* Reference `index` of the policy into w->hand.reference, and of what it is. */
int durai_watch_reference(durai_watch *w, uint32_t index, uint16_t *of);

/* An incident as CBOR pairs with keys 16.. (docs/formats/log.md, INCIDENT). Bytes, or
 * DURA_ENOSPC. */
enum { DURAI_INCIDENT_MAX = 900 };
int durai_incident_encode(const dura_incident *i, uint8_t *out, size_t cap, uint16_t *n_pairs);

#endif
