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
#include <dura/histogram.h>
#include <dura/mspc.h>

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
    uint8_t blamed;               /* T2, SPE: the worst input, its place plus 1 */
    uint8_t spare[4];
} durai_standing;

/* Does the monitor work, and what of it when it finds something? Only where the policy asks. */
typedef struct durai_alive {
    dura_drift_probe probe;       /* the self-test under way */
    uint64_t decisions;           /* since this boot began */
    uint64_t due;                 /* the decision with which the next test begins */
    uint64_t spoke;               /* the decision with the last alarm */
    int64_t kept_ns;              /* monotonic time of the last point; -1: none in this boot */
    int64_t keep_ns;              /* between two points at least */
    uint16_t selftest, confirm;   /* of the policy */
    uint16_t next, n_references;  /* what is tested next */
    uint16_t n_standing, more;    /* drifts that stand: named, and beyond */
    uint8_t running;              /* a test is under way */
    uint8_t round;                /* what the next change is: up, down, wider */
    uint8_t asked;                /* for retraining, of this model and these drifts */
    uint8_t has_brain;
    uint8_t point;                /* with the last fact or decision the state may be kept */
    uint8_t brain[8];             /* the model that answered last */
    durai_standing standing[DURAI_STANDING];
} durai_alive;

/* What may be linked in; the policy says what of it is used. */
typedef struct durai_watch_parts {
    const dura_drift_calls *drift, *chart;
    const dura_mspc_calls *mspc;
    const dura_histogram_calls *histogram;
    const dura_correlate_calls *correlate;
} durai_watch_parts;

typedef struct durai_watch {
    const dura_drift_calls *drift_calls;          /* mixture or charts; NULL: no drift monitor */
    const dura_correlate_calls *correlate_calls;  /* NULL: no correlator */
    const dura_mspc_calls *mspc_calls;            /* with an object only */
    const dura_histogram_calls *histogram_calls;
    dura_mspc *mspc;
    dura_histogram *histogram;
    float *mspc_x;                /* n_inputs, and 2 for the values: T2, SPE */
    uint8_t *mspc_missing;
    const uint8_t *input;         /* n_inputs indices, u32 as in the image */
    float *shape_x;               /* n_histograms */
    uint32_t *shape_n;            /* samples of the monitor when the last whitened one was taken */
    uint8_t *shape_missing;
    dura_drift *drift;
    dura_correlate *correlate;
    const void *policy;
    float *x;                     /* a sample of everything: channels, outputs, features */
    uint8_t *missing;
    uint8_t *verdict;             /* per channel, of the decision before; UNKNOWN as GOOD */
    uint16_t n_channels, n_outputs, n_features;
    uint16_t n_plain, n_things;   /* the three together; with T2 and SPE behind them */
    uint16_t n_inputs, n_histograms;
    uint8_t detector;             /* DURA_DRIFT_MIXTURE.. */
    uint8_t blamed[2];            /* of the last alarm of T2, of SPE: as in durai_standing */
    uint8_t spare2[3];
    uint32_t reasons;             /* DURA_G_* of the decision before */
    uint16_t n_facts;
    uint16_t spare;
    dura_fact fact[DURAI_WATCH_FACTS + 1]; /* one more for the self-test */
    durai_alive *alive;           /* NULL: neither self-test nor retraining is asked for */
    union {                       /* one at a time, and so not on the stack */
        dura_fact fact;           /* what the correlator is being told */
        dura_event event;
        dura_drift_reference reference;
        dura_histogram_reference shape;
        dura_mspc_share share[DURA_DRIFT_BLAMED];
    } hand;
} durai_watch;

/* The input that is least explained, of a DRIFT fact's reasons: its place plus 1; 0: none. */
static inline uint8_t durai_blamed(uint32_t reasons)
{
    return (uint8_t)(reasons >> DURA_DRIFT_BLAMED_AT & ((1u << DURA_DRIFT_BLAMED_BITS) - 1u));
}

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
 * watch. Each of the parts may be NULL; a correlator that is there is used. A checked policy. */
size_t durai_watch_bytes(const void *policy, const durai_watch_parts *parts);
/* Build in mem of durai_watch_bytes() bytes, 8-byte aligned. */
int durai_watch_init(durai_watch *w, void *mem, const void *policy, const durai_watch_parts *parts);
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
 * Bytes or an error; on error nothing changed, but that histograms may begin anew. */
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

/* ---- dura_guard_shape.c: T2 and SPE, and histograms ----------------------------------------- */

/* Samples between false alarms that are the part's whose records are in `section`: of those asked
 * for of all, so that all of them together keep it. */
float durai_shape_share(const void *policy, float arl0, uint32_t section);
size_t durai_shape_bytes(const void *policy, const durai_watch_parts *parts);
int durai_shape_init(durai_watch *w, uint8_t **at, const durai_watch_parts *parts);
/* A sample was taken: T2 and SPE into w->x. */
void durai_shape_together(durai_watch *w);
/* It was judged: n facts are in w->fact; what histograms say comes behind them. Returns how many. */
int durai_shape_judge(durai_watch *w, int n);
/* Who found it and, of T2 and SPE, whose doing it is, into the n facts of the monitor. */
void durai_shape_sign(durai_watch *w, int n);
/* The inputs that are least explained now, as in `reasons` of a DRIFT fact. */
uint32_t durai_shape_blame(durai_watch *w);
/* Histograms go on from saved bytes; NULL: anew. A code of the part's. */
int durai_shape_load(durai_watch *w, const uint8_t *in, size_t len);
/* Samples up to here are known. */
void durai_shape_resume(durai_watch *w);

/* Reference `index` of the policy into w->hand.reference, and of what it is. */
int durai_watch_reference(durai_watch *w, uint32_t index, uint16_t *of);

/* An incident as CBOR pairs with keys 16.. (docs/formats/log.md, INCIDENT). Bytes, or
 * DURA_ENOSPC. */
enum { DURAI_INCIDENT_MAX = 900 };
int durai_incident_encode(const dura_incident *i, uint8_t *out, size_t cap, uint16_t *n_pairs);

#endif
