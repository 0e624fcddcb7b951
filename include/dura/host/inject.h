/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/inject.h - sixteen ways in which sensors fail, put into clean frames.
 *
 * One injector puts one fault into a stream: hand it every frame in order, it changes in
 * place those in which the fault is. Chain several for several faults. Use it on your own
 * recordings, against dura or against your own checks.
 *
 *   dura_inject_measure -> open -> next (every frame) -> close
 *
 * Sizes are in the channel's own deviations, which measure() takes from a clean stretch;
 * only frames that came before the fault are looked at, so a live stream will do. Same
 * seed, same frames: same answer. Faults of time change stamps and no value. A sample that
 * is missing or not finite stays as it is, but under REPLAY.
 * Threads: one caller at a time per injector [serial]. Unstable until 1.0.
 */
#ifndef DURA_HOST_INJECT_H
#define DURA_HOST_INJECT_H

#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is injected; in brackets what `size` is and its default. */
enum {
    DURA_INJECT_SPIKE = 1,      /* the first frame off, up or down by chance [8 deviations] */
    DURA_INJECT_NOISE = 2,      /* white noise that makes the channel's own [5] times as large */
    DURA_INJECT_ATTENUATED = 3, /* moves [0.2] times as far from its mean over the 17 frames
                                   before the fault */
    DURA_INJECT_NAN = 4,
    DURA_INJECT_INF = 5,        /* plus or minus by chance */
    DURA_INJECT_SWAP = 6,       /* with channel `other` */
    DURA_INJECT_UNIT = 7,       /* 1.8 x + 32: another unit with another zero */
    DURA_INJECT_STUCK = 8,      /* the last value before it */
    DURA_INJECT_BIAS = 9,       /* a step, up or down by chance [3 deviations] */
    DURA_INJECT_DRIFT = 10,     /* a ramp from nothing over the whole length [5 deviations] */
    DURA_INJECT_SIGN = 11,      /* -x */
    DURA_INJECT_SATURATED = 12, /* nothing above the channel's median */
    DURA_INJECT_TIME_REVERSED = 13,  /* the clock runs backwards from the last stamp; not below 0 */
    DURA_INJECT_TIME_DUPLICATE = 14, /* the clock stands still at the last stamp */
    DURA_INJECT_TIME_GAP = 15,  /* the clock is ahead from here on, for good [seconds; length
                                   times the last step] */
    DURA_INJECT_REPLAY = 16,    /* the `length` frames before it once more */
    DURA_INJECT_KINDS = 17
};

/* What sizes are measured in. */
typedef struct dura_inject_channel {
    double median;
    double deviation;           /* robust: 1.4826 x the median distance from the median; the
                                   standard deviation where that is 0 */
    double noise;               /* the same of the steps between neighbours, over sqrt 2 */
} dura_inject_channel;

/* Zero any field for its default. Start from DURA_INJECT_FAULT_INIT. */
typedef struct dura_inject_fault {
    uint32_t struct_size;
    uint8_t  kind;              /* DURA_INJECT_*; no default */
    uint8_t  reserved;          /* 0 */
    uint16_t channel;           /* one; REPLAY takes DURA_NONE, all; faults of time do not look */
    uint16_t other;             /* SWAP: the other one, not the same */
    uint16_t reserved2[3];      /* 0 */
    uint64_t first;             /* frame it begins in, the stream's first being 0; REPLAY: at
                                   least `length`, since that much must have been seen */
    uint64_t length;            /* frames it lasts, at least 1 (SPIKE: 1 whatever is said here) */
    double   size;              /* 0: see the kind; >= 0, finite */
} dura_inject_fault;
#define DURA_INJECT_FAULT_INIT { (uint32_t)sizeof(dura_inject_fault), 0, 0, 0, 0, {0, 0, 0}, 0, 0, 0.0 }

typedef struct dura_inject dura_inject;

/** Measure n channels over rows x n clean values into out[n]. missing: NULL, or a byte per
 *  value, not 0 where there is none. A channel without a number gets zeros.
 *  returns  DURA_OK; DURA_EINVAL (NULL, no rows, no channels); DURA_ENOSPC.
 *                                                        [any] O(rows log rows x n) */
DURA_API DURA_CHECK int dura_inject_measure(dura_inject_channel *out, const float *values,
                                            const uint8_t *missing, uint64_t rows, uint16_t n);

/** An injector for frames of n channels; channel[n] and *f are copied.
 *  returns  DURA_OK; DURA_EINVAL (NULL, a kind, channel, size or length that is none);
 *           DURA_ENOSPC. On error *out is NULL.            [init] O(n), REPLAY: O(length x n) */
DURA_API DURA_CHECK int dura_inject_open(dura_inject **out, const dura_inject_channel *channel, uint16_t n,
                                         const dura_inject_fault *f, uint64_t seed);

/** The next frame, changed in place: its stamp, n values, n bytes that are not 0 where there
 *  is no value (NULL: none is missing, and REPLAY then hides none).
 *  returns  1: the fault is in this frame; 0: it is not (after TIME_GAP the stamp still is
 *           ahead); DURA_EINVAL (NULL, a stamp below 0).            [serial] O(n) */
DURA_API DURA_CHECK int dura_inject_next(dura_inject *x, int64_t *mono_ns, float *values, uint8_t *missing);

/** "spike", "time_gap" of DURA_INJECT_*; NULL: none. Static.              [any] O(1) */
DURA_API DURA_CHECK const char *dura_inject_name(uint32_t kind);

/** Release; NULL is allowed.                                              [serial] */
DURA_API void dura_inject_close(dura_inject *x);

#ifdef __cplusplus
}
#endif
#endif
