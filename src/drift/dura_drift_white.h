/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sample meets before any statistic, the same for mixture and charts: gaps, the
 * autoregression, the cut. Arrays may lie in lanes, so a stride says how far apart the
 * values of one channel are.
 */
#ifndef DURA_DRIFT_WHITE_H
#define DURA_DRIFT_WHITE_H

#include "dura_drift_priv.h"

/* As compares and moves, not branches. */
static DURAI_INLINE float durai_drift_within(float x, float lo, float hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

/* A sample in deviations, whitened and cut, into the past; z comes back. The past keeps the
 * cut value: a lone spike leaves it after one sample, a shift is followed within a few. */
static DURAI_INLINE float durai_drift_whiten(float *restrict past, const float *restrict phi, size_t stride,
                                             float clip, float u)
{
    float expected = (phi[0] * past[0] + phi[stride] * past[stride]) +
                     (phi[2 * stride] * past[2 * stride] + phi[3 * stride] * past[3 * stride]);
    past[3 * stride] = past[2 * stride];
    past[2 * stride] = past[stride];
    past[stride] = past[0];
    past[0] = durai_drift_within(durai_drift_within(u, expected - clip, expected + clip), -FAR_AWAY, FAR_AWAY);
    return durai_drift_within(u - expected, -clip, clip);
}

/* No sample. The gap is counted: after one longer than usual the past is of no use. */
static inline void durai_drift_skip(uint8_t *gap)
{
    *gap = (uint8_t)(*gap + (*gap < UINT8_MAX));
}

/* A sample is there: 1 when it can be judged, 0 while the past is being filled. Values
 * that come every so many frames are a series of their own; only a gap more than twice
 * the one before breaks it. */
static inline int durai_drift_arrive(uint8_t *gap, uint8_t *usual, uint8_t *fill, uint8_t order)
{
    if (*gap > 2u * *usual)
        *fill = order;
    *usual = *gap;
    *gap = 0;
    if (*fill == 0)
        return 1;
    --*fill;
    return 0;
}

static inline uint32_t durai_drift_thousandths(float x)
{
    return x < 4e6f ? (uint32_t)(x * 1000.0f + 0.5f) : UINT32_MAX;
}

/* A fact about channel i, its values still 0. severity: 5, out of the reference: look at it,
 * nothing was hurt; 1, back. */
static inline void durai_drift_fact(dura_fact *f, uint16_t i, int alarm, uint32_t why)
{
    memset(f, 0, sizeof *f);
    f->kind = DURA_FACT_DRIFT;
    f->severity = alarm ? 5 : 1;
    f->log = DURA_LOG_DECISION;
    f->channel = i;
    f->asset = f->zone = f->source = f->control = f->risk = f->component = DURA_NONE;
    f->reasons = why;
}

#endif
