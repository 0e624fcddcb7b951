/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/accuracy.h - how often is the model right, with few labels or none?
 *
 * Always an interval, and the reasons why it may not hold. Without labels accuracy can only
 * be inferred from how decisions look: how many second opinions (small models of other
 * kinds, pinned beside the model) agree with it, or how confident it is. That a change in
 * what the inputs mean (P(y|x)) leaves both untouched cannot be known without labels, and
 * every answer without labels says so (NO_LABELS). The estimate is the reference's accuracy
 * less the agreement that was lost, never more than the reference's; its interval is as
 * wide as such estimates were wrong on groups the reference was checked on (batches, days,
 * units kept out of training), and reaches from "right only where more opinions than usual
 * are unanimous" to "right wherever one agrees". Where agreement fell further than in any
 * of those groups the answer is 0 to 1: UNKNOWABLE.
 *
 * Labels may be rare and late. They are compared with what was expected of the decision
 * they belong to (prediction-powered inference), and bets against every possible mean of
 * the difference give an interval that holds at any time the caller looks.
 *
 * A good average hides a bad operating condition. With slices (one number per decision, the
 * caller says which) everything is kept per slice too, each has a limit of its own, and
 * labels that show a slice to be below its limit raise an alarm: at most one false alarm in
 * `every` labels of all slices together, on average, however many slices there are.
 *
 *   dura_accuracy_part()-> bytes -> init -> update..., label... -> query, save, load
 *   with slices:                            update_slice..., label_slice... -> slice
 *
 * Memory: yours, fixed: 240 bytes of counts, beside a copy of the reference; 248 per slice.
 * No allocation, no globals, no clock, no I/O, no libm. update() and label() count one thing;
 * their work does not depend on the data. query() does the arithmetic (docs/accuracy.md, Cost).
 * Threads: one caller at a time per object.
 */
#ifndef DURA_ACCURACY_H
#define DURA_ACCURACY_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_ACCURACY_CELLS_MAX 12
#define DURA_ACCURACY_LABELS_MAX 65535
#define DURA_ACCURACY_SLICES_MAX 32
#define DURA_ACCURACY_WORST 65535u  /* slice(): whichever is the worst */

/* Why the answer is less than a promise. Bits; values are only appended. */
enum {
    DURA_ACCURACY_NO_LABELS = 1 << 0,      /* no label is weighed: whether inputs still mean the
                                              same cannot be known; it is presumed */
    DURA_ACCURACY_FEW_LABELS = 1 << 1,     /* too few labels to say more than the inputs do: the
                                              same is presumed */
    DURA_ACCURACY_OUT_OF_SUPPORT = 1 << 2, /* less agreement, or more inputs outside, than in any
                                              group of the reference */
    DURA_ACCURACY_UNKNOWABLE = 1 << 3,     /* that, and no labels: low is 0 and high is 1 */
    DURA_ACCURACY_CONTRADICTED = 1 << 4,   /* labels exclude what would be presumed without them:
                                              inputs no longer mean the same */
    DURA_ACCURACY_NO_GROUPS = 1 << 5,      /* the reference has no groups: any loss of agreement
                                              is out of support */
    DURA_ACCURACY_NO_OPINIONS = 1 << 6,    /* fewer than two second opinions: confidence alone is
                                              often high where a model is wrong */
    DURA_ACCURACY_SHORT = 1 << 7           /* fewer than 100 decisions in the reference or 30 here */
};

/* What is pinned with the model. A decision falls into cell agree x (n_edges + 1) + the
 * number of edges <= its confidence. Learned by dura_accuracy_learn (dura/host/accuracy.h).
 * Start from DURA_ACCURACY_REFERENCE_INIT. 152 bytes. */
typedef struct dura_accuracy_reference {
    uint32_t struct_size;
    uint32_t n;                /* decisions of known truth it was learned from, >= 1 */
    uint32_t groups;           /* groups it was checked on; 0: none */
    uint16_t n_edges;          /* of confidence */
    uint16_t opinions;         /* second opinions per decision; (n_edges + 1) x (opinions + 1)
                                  is at most DURA_ACCURACY_CELLS_MAX */
    float    edge[DURA_ACCURACY_CELLS_MAX - 1];    /* rising, 0..1; 0 where there is none */
    float    value[DURA_ACCURACY_CELLS_MAX];       /* share expected to be right, 0..1 */
    float    accuracy;         /* of the reference, 0..1 */
    float    base;             /* mean value over the reference, 0..1 */
    float    all, any;         /* shares of the reference where all, where any opinions agree */
    float    margin;           /* half width from the groups' errors, at `level`; 0..1 */
    float    drop;             /* furthest the mean value fell in a group, 0..1 */
    float    outside;          /* largest share of inputs outside, reference and groups, 0..1 */
    float    level;            /* of the interval, .5 .. .999 */
    uint32_t reserved[3];      /* 0 */
} dura_accuracy_reference;
#define DURA_ACCURACY_REFERENCE_INIT                                                   \
    { (uint32_t)sizeof(dura_accuracy_reference), 0, 0, 0, 0,                           \
      {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f},              \
      {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f},        \
      0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, {0, 0, 0} }

/* Start from DURA_ACCURACY_CONFIG_INIT. */
typedef struct dura_accuracy_config {
    uint32_t struct_size;
    uint32_t window;           /* the last window to 2 x window decisions are weighed; 0: all
                                  since init or reset. Shorter: follows sooner, wider interval */
    uint32_t labels;           /* the same for labels, up to DURA_ACCURACY_LABELS_MAX; 0: that.
                                  Labels are rare: keep them longer than decisions */
    uint32_t reserved;         /* 0 */
    uint32_t slices;           /* 0: none .. DURA_ACCURACY_SLICES_MAX */
    uint32_t every;            /* labels between false alarms, all slices together, 100..1e9;
                                  0: 10000 */
    const float *limit;        /* one per slice, above 0, below 1: right less often than this is
                                  an alarm. Copied. NULL without slices */
} dura_accuracy_config;
#define DURA_ACCURACY_CONFIG_INIT { (uint32_t)sizeof(dura_accuracy_config), 0, 0, 0, 0, 0, NULL }

typedef struct dura_accuracy dura_accuracy;    /* lives in memory you give to init */

/* What query() says. */
typedef struct dura_accuracy_state {
    uint32_t struct_size;
    uint32_t why;              /* DURA_ACCURACY_* */
    float    estimate;         /* share of the weighed decisions that is right; low..high */
    float    low, high;        /* 0 <= low <= high <= 1 */
    float    level;            /* how often such intervals hold what they are about */
    float    reference;        /* accuracy of the reference: "nothing changed" */
    float    outside;          /* share of inputs said to be outside */
    uint32_t decisions;        /* weighed */
    uint32_t labels;           /* weighed */
    uint64_t n;                /* decisions since init or reset */
    uint64_t n_labels;
} dura_accuracy_state;
#define DURA_ACCURACY_STATE_INIT                                                       \
    { (uint32_t)sizeof(dura_accuracy_state), 0, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0, 0, 0, 0 }

/* What slice() says beside that. */
typedef struct dura_accuracy_slice {
    uint32_t struct_size;
    uint32_t slice;            /* which */
    uint32_t alarm;            /* 1: proved worse than its limit since init or reset */
    float    limit;
    float    statistic;        /* evidence that it is worse; 0: no label yet */
    float    threshold;        /* alarm at this: config.every */
    uint64_t alarm_at;         /* labels of all slices so far when the alarm came; 0: none */
} dura_accuracy_slice;
#define DURA_ACCURACY_SLICE_INIT { (uint32_t)sizeof(dura_accuracy_slice), 0, 0, 0.0f, 0.0f, 0.0f, 0 }

/* The calls. */
typedef struct dura_accuracy_calls {
    uint32_t struct_size;
    uint32_t reserved;         /* 0 */
    /* Exact bytes init() needs; 0 when cfg is invalid. [any] O(1) */
    size_t (*bytes)(const dura_accuracy_config *cfg);
    /* Build in mem (8-byte aligned). cfg and ref are copied. returns DURA_OK; DURA_EINVAL
     * (also a field of ref out of its range), DURA_ENOSPC, DURA_EALIGN, DURA_EVERSION. On
     * error *out is NULL and mem unchanged. [init] O(1) */
    int (*init)(dura_accuracy **out, void *mem, size_t len, const dura_accuracy_config *cfg,
                const dura_accuracy_reference *ref);
    /* One decision: its confidence 0..1 (ignored when the reference has no edges, but
     * finite), how many opinions agree, and whether its input lies outside what the model
     * was trained on (0 or 1; 0 when nobody looks). returns DURA_OK; DURA_EINVAL: nothing
     * was counted. [serial, isr] O(1), equal work for all */
    int (*update)(dura_accuracy *a, float confidence, uint32_t agree, uint32_t outside);
    /* The truth about a decision, however late: correct 0 or 1, with the confidence and
     * agreement it was made with. Which decisions get labels must not depend on whether
     * they are right. Each label once. returns DURA_OK; DURA_EINVAL. [serial, isr] O(1) */
    int (*label)(dura_accuracy *a, float confidence, uint32_t agree, uint32_t correct);
    /* Fill *out (set out->struct_size first). returns DURA_OK; DURA_EINVAL; DURA_ENOENT (no
     * decision yet). [serial] O(1): about 10^4 logarithms when there are labels */
    int (*query)(const dura_accuracy *a, dura_accuracy_state *out);
    /* Begin anew. returns DURA_OK, DURA_EINVAL. [serial] O(1) */
    int (*reset)(dura_accuracy *a);
    /* The state as portable bytes (docs/formats/accuracy.md). *len: in, room at out; out,
     * bytes. returns DURA_OK; DURA_ENOSPC (*len: wanted); DURA_EINVAL. [serial] O(1) */
    int (*save)(const dura_accuracy *a, void *out, size_t *len);
    /* Go on from saved bytes. returns DURA_OK; DURA_ECORRUPT, DURA_EVERSION; DURA_EAUTH
     * (other configuration or reference); DURA_EINVAL. On error nothing changed.
     * [serial] O(1) */
    int (*load)(dura_accuracy *a, const void *bytes, size_t len);
    /* update() and label() of a decision in slice 0 .. config.slices - 1; they count for the
     * whole too. returns as those; label_slice 1 when its slice is in alarm. [serial, isr] */
    int (*update_slice)(dura_accuracy *a, uint32_t slice, float confidence, uint32_t agree, uint32_t outside);
    int (*label_slice)(dura_accuracy *a, uint32_t slice, float confidence, uint32_t agree, uint32_t correct);
    /* Slice `index`, or DURA_ACCURACY_WORST: of those in alarm, or else of all, the one whose
     * estimate is furthest below its limit. Fill *out and *state (set their struct_size; state
     * may be NULL). Intervals are wider than query()'s: those of all slices hold together at
     * the level. returns DURA_OK; DURA_EINVAL; DURA_ENOENT (no decision in it yet).
     * [serial] O(1), WORST: O(slices) */
    int (*slice)(const dura_accuracy *a, uint32_t index, dura_accuracy_slice *out, dura_accuracy_state *state);
} dura_accuracy_calls;

/** The table of the calls. Static storage.                               [any] O(1) */
DURA_API DURA_CHECK const dura_accuracy_calls *dura_accuracy_part(void);

#ifdef __cplusplus
}
#endif
#endif
