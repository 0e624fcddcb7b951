/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of drift share: the layout of the object and the hypotheses.
 */
#ifndef DURA_DRIFT_PRIV_H
#define DURA_DRIFT_PRIV_H

#include "../base/dura_base_priv.h"

#include <dura/drift.h>

/* Channels lie side by side in blocks as wide as a vector of the target; without vectors a
 * block is one channel. Every lane is worked on alone, so the width changes no bit. A byte
 * of every lane is one drift_bytes. */
#if defined(__AVX2__)
#define DRIFT_LANES 8u
#define DRIFT_EVERY(x) {x, x, x, x, x, x, x, x}
typedef uint64_t drift_bytes;
#elif defined(__SSE2__) || defined(__ARM_NEON)
#define DRIFT_LANES 4u
#define DRIFT_EVERY(x) {x, x, x, x}
typedef uint32_t drift_bytes;
#else
#define DRIFT_LANES 1u
#define DRIFT_EVERY(x) {x}
typedef uint8_t drift_bytes;
#endif

#if defined(__GNUC__)
#define DRIFT_ALIGNED __attribute__((aligned(4 * DRIFT_LANES)))
#else
#define DRIFT_ALIGNED
#endif

/* Eleven changes: mean up by 0.16 times 1, 3, 7, 15 deviations, down by the same, spread
 * times sqrt 2, 2, 1 / sqrt 3.25. */
enum { SHIFTS = 4, UP = 0, DOWN = 4, SPREAD = 8, HYPOTHESES = 11 };

#define DRIFT_REFERENCE_V1 56u        /* bytes of a dura_drift_reference that every caller has */
#define CLIP_DEFAULT 6.0f
#define CLIP_LEAST 3.0f         /* below it a narrower spread gains by clipping: E[LR] > 1 */
#define CLIP_MOST 6.0f
#define FAR_AWAY 1e30f          /* of the mean, in deviations: no sum of products overflows */
#define AGE_MAX 33554432.0f     /* 2^25; an age stops growing at 2^24, where 1 is lost in it */
#define CAP 1000.0f             /* a latched mixture is kept below this many limits */
#define RATIO_MOST 4e5f         /* no likelihood ratio is larger */
#define SHARE_NOBODY 1e20f      /* of a lane that is not watched; times a limit it is a float */

/* drift_reference.flags */
enum {
    REF_WATCHED = 1,
    REF_BOUNDED = 2,            /* bets on a bounded sample instead of Gaussian ratios */
    REF_HELD = 4                /* a value equal to the last one is no sample */
};

/* What update() needs of the references. 48 bytes a channel. A lane that is not watched has
 * slacks of 0 and a share that no statistic reaches: it goes along and says nothing. */
typedef struct drift_reference {
    float mean[DRIFT_LANES];
    float scale[DRIFT_LANES];           /* 1 / deviation */
    float clip[DRIFT_LANES];
    float shift_slack[DRIFT_LANES];     /* exp(-0.16 s): shifts of the mean by s count for
                                           nothing; BOUNDED: s */
    float narrow_slack[DRIFT_LANES];    /* factor of the narrower spread, 1 or a little less */
    float floor[DRIFT_LANES];           /* of z^2: 1 when calm is no sign of a narrower spread */
    float share[DRIFT_LANES];           /* of the common limit */
    float phi[DURA_DRIFT_ORDER_MAX][DRIFT_LANES];   /* BOUNDED: phi[0], [1]: how far down and
                                           up a sample can be, in deviations */
    uint16_t why[DRIFT_LANES];          /* DURA_DRIFT_* */
    uint8_t order[DRIFT_LANES];         /* of the autoregression: past samples needed */
    uint8_t flags[DRIFT_LANES];         /* REF_* */
} drift_reference;

/* drift_block.flags */
enum { CH_ALARM = 1, CH_TOLD = 2, CH_CAPPED = 4 /* `keep` is below 1; not saved */ };

/* What the channels know. 128 bytes each. */
typedef struct drift_block {
    float r[HYPOTHESES][DRIFT_LANES];   /* Shiryaev-Roberts statistics, each times its weight */
    float aged[HYPOTHESES][DRIFT_LANES];/* each r times the age of its change: samples since
                                           then, averaged over where it may have begun */
    float past[DURA_DRIFT_ORDER_MAX][DRIFT_LANES];  /* the last samples in deviations, latest
                                           first; means something up to the order */
    float z[DRIFT_LANES];
    float last[DRIFT_LANES];            /* the last sample in deviations, not cut; means
                                           something with HELD */
    float keep[DRIFT_LANES];            /* what the next sample multiplies everything by: 1,
                                           less above the cap */
    uint8_t fill[DRIFT_LANES];          /* samples still to come before the past is whole */
    uint8_t gap[DRIFT_LANES];           /* frames without a sample since the last one; 255:
                                           or more */
    uint8_t usual[DRIFT_LANES];         /* the gap before that */
    uint8_t flags[DRIFT_LANES];         /* CH_* */
    uint64_t n[DRIFT_LANES];            /* samples judged */
} drift_block;

struct dura_drift {
    uint16_t n, watched;
    uint16_t flags;             /* DURA_DRIFT_RESTART */
    uint16_t blocks;
    float arl0;
    float limit;                /* arl0 x watched; each channel has its share of it */
    drift_block *block;         /* behind this struct */
    drift_reference *reference;
};

/* Of each hypothesis, the same in every lane: its weight, and its likelihood ratio at z = 0. */
extern const float durai_drift_weight[HYPOTHESES][DRIFT_LANES] DRIFT_ALIGNED;
extern const float durai_drift_at_zero[HYPOTHESES][DRIFT_LANES] DRIFT_ALIGNED;

/* Where channel i is. */
static inline uint32_t durai_drift_lane(uint32_t i) { return i % DRIFT_LANES; }
static inline uint32_t durai_drift_block(uint32_t i) { return i / DRIFT_LANES; }

static inline int durai_drift_watched(const dura_drift *d, uint32_t i)
{
    return d->reference[durai_drift_block(i)].flags[durai_drift_lane(i)] & REF_WATCHED;
}

/* What mixture and charts ask of a configuration and a reference alike. */
int durai_drift_config(dura_drift_config *c, const dura_drift_config *theirs);
/* chart: it must name one, else none. An older struct than has the fields of charts names none. */
int durai_drift_check(const dura_drift_reference *theirs, int chart);
/* Past samples an autoregression needs. */
uint32_t durai_drift_order(const float *phi);
/* The deviation that is used; *floor: 1 when a calm stretch says nothing. */
float durai_drift_deviation(const dura_drift_reference *r, float *floor);
/* How many standard errors of a reference are allowed for. */
float durai_drift_errors(const dura_drift_reference *r, float arl0);

/* The mixture of a channel, in the one order every target uses. */
float durai_drift_sum(const drift_block *b, uint32_t lane);
/* As if no sample had come. */
void durai_drift_forget(drift_block *b, uint32_t lane, const drift_reference *r);
/* Statistics and onset begin anew, the past stays. */
void durai_drift_restart(drift_block *b, uint32_t lane);
/* The leading hypothesis: DURA_DRIFT_*, its size and the age of the change. */
uint8_t durai_drift_leader(const drift_block *b, uint32_t lane, float *size, uint32_t *onset);
/* dura_drift_update.c: the next sample of channel i alone. 1: *f is what it has to say. */
int durai_drift_sample(dura_drift *d, uint16_t i, float x, dura_fact *f);
float durai_drift_standardise(const drift_reference *r, uint32_t lane, float x);
/* ln of the likelihood ratio of hypothesis i < SPREAD at z, and the weight it has. */
float durai_drift_gain(const drift_reference *r, uint32_t lane, uint32_t i, float z, float *weight);
/* dura_drift.c: does lane hold what attaching `ref` to this monitor puts there? */
int durai_drift_same_reference(const dura_drift *d, const drift_reference *r, uint32_t lane,
                               const dura_drift_reference *ref);
/* dura_drift_save.c: a channel in the bytes of docs/formats/drift.md; is it one that update()
 * could have left? */
void durai_drift_put(uint8_t out[128], const drift_block *b, const drift_reference *r, uint32_t lane);
int durai_drift_sound(const uint8_t p[128], const drift_reference *r, uint32_t lane, float limit);
/* dura_drift_probe.c */
int durai_drift_probe(dura_drift *d, const dura_drift_reference *ref, dura_drift_probe *probe, uint32_t max_samples);
/* BOUNDED: what hypothesis i bets on a deviation, and its weight. */
float durai_drift_bet(const drift_reference *r, uint32_t lane, uint32_t i);
float durai_drift_bet_weight(uint32_t i);

#endif
