/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of the charts share: the layout of the object.
 */
#ifndef DURA_DRIFT_CHART_PRIV_H
#define DURA_DRIFT_CHART_PRIV_H

#include "dura_drift_white.h"

#include <dura/drift_chart.h>

#define CHART_FAR 2.0f          /* a latched CUSUM is kept below so many limits */
#define LEVEL_MOST 3.0f         /* a ramp is thought to reach no further: deviations */
#define CHART_RATIO_MOST 8e5f   /* above exp(LEVEL_MOST clip - LEVEL_MOST^2 / 2) */
#define AGE_LAST 16777216.0f    /* 2^24: one more is lost in a float, so ages stop here */

/* What update() needs of a reference. 48 bytes. */
typedef struct chart_reference {
    float mean;
    float scale;                /* 1 / deviation */
    float clip;
    float phi[DURA_DRIFT_ORDER_MAX];
    float limit;
    float rate;                 /* CUSUM k, EWMA lambda, RAMP slope */
    float slack;                /* RAMP: shifts of the mean by so much count for nothing */
    uint16_t why;               /* DURA_DRIFT_* */
    uint8_t order;              /* of the autoregression: past samples needed */
    uint8_t flags;              /* REF_* */
    uint32_t detector;          /* DURA_DRIFT_CUSUM.. */
} chart_reference;

/* What a channel knows. 64 bytes. */
typedef struct chart_state {
    float past[DURA_DRIFT_ORDER_MAX];   /* the last samples in deviations, latest first */
    float z;
    float last;                 /* the last sample in deviations, not cut */
    float stat[2];              /* CUSUM up, down; EWMA [0]; RAMP up, down */
    float aged[2];              /* CUSUM: samples since the sum was 0; EWMA [0]: since it
                                   changed its sign; RAMP: stat x age of the change */
    float keep;                 /* RAMP: what the next sample multiplies by, 1 below the cap */
    uint32_t since;             /* RAMP: samples since the alarm; the age then stands */
    uint8_t fill;               /* samples still to come before the past is whole */
    uint8_t gap;                /* frames without a sample since the last; 255: or more */
    uint8_t usual;              /* the gap before that */
    uint8_t flags;              /* CH_* */
    uint32_t reserved;
    uint64_t n;                 /* samples judged */
} chart_state;

typedef struct drift_chart {
    uint16_t n, watched;
    uint16_t flags;             /* DURA_DRIFT_RESTART */
    uint16_t reserved;
    float arl0;
    uint32_t reserved2;
    chart_state *state;         /* behind this struct */
    chart_reference *reference;
} drift_chart;

/* A dura_drift is whatever the table's init made. */
static inline drift_chart *durai_chart(dura_drift *d) { return (drift_chart *)(void *)d; }
static inline const drift_chart *durai_chart_of(const dura_drift *d) { return (const drift_chart *)(const void *)d; }

/* The statistic that is compared with the limit. */
float durai_chart_statistic(const chart_state *s, const chart_reference *r);
/* DURA_DRIFT_UP or DOWN, the size, and the samples since the change began. */
uint8_t durai_chart_leader(const chart_state *s, const chart_reference *r, float *size, uint32_t *onset);
/* Statistic and onset begin anew, the past stays. */
void durai_chart_restart(chart_state *s);

int durai_chart_update(dura_drift *d, const float *x, const uint8_t *missing, size_t n, dura_fact *facts,
                       size_t max_facts);
int durai_chart_save(const dura_drift *d, void *out, size_t *len);
int durai_chart_load(dura_drift *d, const void *bytes, size_t len);

#endif
