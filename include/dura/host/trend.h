/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/trend.h - does it creep, how fast, and when does it reach a limit?
 *
 * A slope with an interval, or none: "no trend that the data support". The samples are cut
 * into blocks so long that their means hardly know of one another, as long as the samples'
 * own autocorrelation demands; the slope is the median of the slopes between all pairs of
 * blocks and its interval the one that belongs to Kendall's test (Theil, Sen), whatever the
 * noise's distribution; outliers count for little. A line is only claimed where neither a
 * bend nor a step shows: of a series that began to creep lately, the last half, quarter or
 * eighth is used. docs/drift.md has how often the intervals hold.
 *
 *   dura_trend_fit -> dura_trend_reach
 *
 * Memory: heap during the call only. Threads: [any]. Unstable until 1.0.
 */
#ifndef DURA_HOST_TREND_H
#define DURA_HOST_TREND_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why there is no slope, or none to rely on. Bits; values are only appended. */
enum {
    DURA_TREND_NONE = 1 << 0,      /* no trend that the data support: the slope's interval at .99 (or
                                      the level, if that is more) holds 0 */
    DURA_TREND_SHORT = 1 << 1,     /* too few samples for their autocorrelation: slope 0 */
    DURA_TREND_BENT = 1 << 2       /* no stretch up to the end is straight: slope 0 */
};

/* Per sample. Start from DURA_TREND_INIT. */
typedef struct dura_trend {
    uint32_t struct_size;
    uint32_t why;              /* DURA_TREND_*; 0: a trend */
    uint64_t from;             /* sample the straight stretch begins with */
    uint64_t n;                /* samples in it, without missing ones */
    uint64_t last;             /* the last one */
    uint32_t blocks;
    uint32_t reserved;         /* 0 */
    double   independent;      /* samples that weigh as one */
    double   level;            /* of the intervals; NONE: .99 at least, and they hold 0 */
    double   slope, low, high; /* per sample; interval at the level */
    double   now;              /* the line there */
    double   middle;           /* sample the following are about */
    double   value[2];         /* interval of the line there, for reach() */
    double   steep[2];         /* interval of the slope, for reach() */
} dura_trend;
#define DURA_TREND_INIT                                                                \
    { (uint32_t)sizeof(dura_trend), 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,  \
      {0.0, 0.0}, {0.0, 0.0} }

/** Fit n samples in order; missing: NULL, or n bytes, non-zero where x has none (what is not
 *  finite is missing too). level: .5 .. .999; 0: .9.
 *  returns  DURA_OK (look at out->why); DURA_EINVAL; DURA_ENOSPC.
 *                                     [any] O(n log n + n x autocorrelation) */
DURA_API DURA_CHECK int dura_trend_fit(dura_trend *out, const float *x, const uint8_t *missing, size_t n,
                                       double level);

/** When does the line reach `limit`? Samples from the last one: about *at, with the trend's level
 *  between *low and *high; *high is infinite where the data allow that it never does.
 *  returns  1: filled; 0: there is no trend, or it leads away from the limit, or the line is
 *           beyond it already; DURA_EINVAL.                                [any] O(1) */
DURA_API DURA_CHECK int dura_trend_reach(const dura_trend *t, double limit, double *at, double *low, double *high);

#ifdef __cplusplus
}
#endif
#endif
