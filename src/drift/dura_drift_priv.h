/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of drift share: the layout of the object and the hypotheses.
 */
#ifndef DURA_DRIFT_PRIV_H
#define DURA_DRIFT_PRIV_H

#include "../base/dura_base_priv.h"

#include <dura/drift.h>

/* Channels lie side by side in blocks as wide as a vector of the target; without vectors a
 * block is one channel. Every lane is worked on alone, so the width changes no bit. */
#if defined(__SSE2__) || defined(__ARM_NEON)
#define DRIFT_LANES 4u
#else
#define DRIFT_LANES 1u
#endif

/* Eleven changes: mean up by 0.16 times 1, 3, 7, 15 deviations, down by the same, spread
 * times sqrt 2, 2, 1 / sqrt 3.25. */
enum { SHIFTS = 4, UP = 0, DOWN = 4, SPREAD = 8, HYPOTHESES = 11 };

#define REFERENCE_V1 56u        /* bytes of a dura_drift_reference that every caller has */
#define CLIP_DEFAULT 6.0f
#define CLIP_LEAST 3.0f         /* below it a narrower spread gains by clipping: E[LR] > 1 */
#define CLIP_MOST 6.0f
#define FAR_AWAY 1e30f          /* of the mean, in deviations: no sum of products overflows */
#define AGE_MAX 33554432.0f     /* 2^25; an age stops growing at 2^24, where 1 is lost in it */
#define CAP 1000.0f             /* a latched mixture is kept below this many limits */
#define RATIO_MOST 4e5f         /* no likelihood ratio is larger */

/* drift_reference.flags */
enum {
    REF_WATCHED = 1,
    REF_BOUNDED = 2,            /* bets on a bounded sample instead of Gaussian ratios */
    REF_HELD = 4                /* a value equal to the last one is no sample */
};

/* What update() needs of the references. 48 bytes a channel. */
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
enum { CH_ALARM = 1, CH_TOLD = 2 };

/* What the channels know. 128 bytes each. */
typedef struct drift_block {
    float r[HYPOTHESES][DRIFT_LANES];   /* Shiryaev-Roberts statistics, each times its weight */
    float aged[HYPOTHESES][DRIFT_LANES];/* each r times the age of its change: samples since
                                           then, averaged over where it may have begun */
    float past[DURA_DRIFT_ORDER_MAX][DRIFT_LANES];  /* the last samples in deviations, latest
                                           first */
    float z[DRIFT_LANES];
    float last[DRIFT_LANES];            /* the last sample in deviations, not cut */
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
/* BOUNDED: what hypothesis i bets on a deviation, and its weight. */
float durai_drift_bet(const drift_reference *r, uint32_t lane, uint32_t i);
float durai_drift_bet_weight(uint32_t i);

#endif
