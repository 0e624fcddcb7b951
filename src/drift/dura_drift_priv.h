/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of drift share: the layout of the object and the hypotheses.
 */
#ifndef DURA_DRIFT_PRIV_H
#define DURA_DRIFT_PRIV_H

#include "../base/dura_base_priv.h"

#include <dura/drift.h>

/* Twelve changes in three rows of four, so that a row is one vector: mean up by a
 * quarter, half, one, two deviations; down by the same; spread times sqrt 2, 2, sqrt 1/2,
 * 1/2. */
enum { DRIFT_LANES = 4, UP = 0, DOWN = 4, SPREAD = 8, HYPOTHESES = 12 };

#define CLIP_DEFAULT 6.0f
#define CLIP_LEAST 3.0f         /* below it a narrower spread gains by clipping: E[LR] > 1 */
#define CLIP_MOST 6.0f          /* above it exp(-3/2 clip^2) comes close to subnormal */
#define FAR_AWAY 1e30f          /* of the mean, in deviations: no sum of products overflows */
#define AGE_MAX 33554432.0f     /* 2^25; an age stops growing at 2^24, where 1 is lost in it */
#define CAP 10.0f               /* a latched mixture is kept below this many limits */

/* drift_reference.flags */
enum {
    REF_WATCHED = 1,
    REF_COARSE = 2,             /* a calm stretch is no sign of a narrower spread */
    REF_HELD = 4                /* a value equal to the last one is no sample */
};

/* What update() needs of a reference. 40 bytes. */
typedef struct drift_reference {
    float mean;
    float scale;                /* 1 / deviation */
    float clip;
    float shift_slack;          /* exp(-s/4): shifts of the mean by s count for nothing */
    float narrow_slack;         /* factor of the narrower spreads, 1 or a little less */
    float phi[DURA_DRIFT_ORDER_MAX];
    uint16_t why;               /* DURA_DRIFT_* */
    uint8_t order;              /* of the autoregression: past samples needed */
    uint8_t flags;              /* REF_* */
} drift_reference;

/* drift_channel.flags */
enum { CH_ALARM = 1, CH_TOLD = 2 };

/* What a channel knows. 128 bytes. */
typedef struct drift_channel {
    float r[HYPOTHESES];        /* Shiryaev-Roberts statistics, each times its weight */
    float aged[HYPOTHESES];     /* each r times the age of its change: samples since then,
                                   averaged over where it may have begun */
    float past[DURA_DRIFT_ORDER_MAX];   /* the last samples in deviations, latest first */
    float z;
    uint8_t fill;               /* samples still to come before the past is whole */
    uint8_t flags;              /* CH_* */
    uint8_t gap;                /* frames without a sample since the last one; 255: or more */
    uint8_t usual;              /* the gap before that */
    uint64_t n;                 /* samples judged */
} drift_channel;

struct dura_drift {
    uint16_t n, watched;
    uint16_t flags;             /* DURA_DRIFT_RESTART */
    uint16_t reserved;
    float arl0;
    float limit;                /* arl0 x watched */
    float back;                 /* below it a drifted channel has come back */
    float reserved2;
    drift_channel *channel;     /* behind this struct, n each */
    drift_reference *reference;
};

/* Sum of the statistics in the one order every target uses. */
float durai_drift_sum(const float r[HYPOTHESES]);
/* As if no sample had come. */
void durai_drift_forget(drift_channel *c, const drift_reference *r);
/* Statistics and onset begin anew, the past stays. */
void durai_drift_restart(drift_channel *c);
/* The leading hypothesis: DURA_DRIFT_*, its size and the age of the change. */
uint8_t durai_drift_leader(const drift_channel *c, float *size, uint32_t *onset);

#endif
