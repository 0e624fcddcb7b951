/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/sensor_checks.h - checks that need a channel's past, or its neighbours.
 *
 * dura/sensor.h judges a value by itself and by the one before. This extends a sensor by
 * checks that look further: spike, noise, and drift of one channel; conditional ranges
 * and forbidden combinations between two; votes of redundant channels; linear parity
 * rows; and the distance of the whole frame from what was normal.
 *
 *   dura_sensor_init -> dura_sensor_extend -> attach (each channel)
 *     -> dura_sensor_add (each check) -> dura_sensor_update... as before
 *
 * Their reasons join those of the channel, their verdicts follow the same rule, and the
 * frame's action is that of all checks together. A sensor that is not extended does not
 * link this.
 *
 * Order in a frame: spike, noise, drift with the channel's own checks; then, over the
 * values as they stand, votes, rules, parity rows and the joint distance, in the order
 * they were added within each kind. What a vote replaced, the later ones see replaced.
 *
 * Numbers: binary32, no fused operations. In these checks what is no larger than 1e-18
 * in magnitude counts as zero, so that flush-to-zero changes no verdict.
 * Memory: yours. Threads: as the sensor they belong to.
 * Reference: docs/sensor-checks.md.
 */
#ifndef DURA_SENSOR_CHECKS_H
#define DURA_SENSOR_CHECKS_H

#include <dura/sensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a check looks at. */
enum {
    DURA_CK_SPIKE = 1,      /* a jump that does not follow from the last two values */
    DURA_CK_NOISE = 2,      /* mean square step over a window: too small, too large */
    DURA_CK_DRIFT = 3,      /* mean over a window, away from the reference */
    DURA_CK_VOTE = 4,       /* 2 to 8 redundant channels against their mid-value */
    DURA_CK_RULE = 5,       /* while `other` is in a range, `channel` is in a range */
    DURA_CK_FORBID = 6,     /* while `other` is in a range, `channel` is not */
    DURA_CK_TRANSITION = 7, /* `channel` goes from one range to another only while `other`
                               is in a range */
    DURA_CK_PARITY = 8,     /* `channel` against a weighted sum of others */
    DURA_CK_JOINT = 9       /* up to 64 channels together against their joint normal */
};

/* Flags of a check. */
enum {
    DURA_CK_ESTIMATES = 1 << 0 /* VOTE, PARITY: a failed or missing channel that may be
                                  held (hold_ns) gets the mid-value or the sum instead */
};

#define DURA_CK_TERM_BYTES 8u
#define DURA_CK_VOTE_MAX 8u
#define DURA_CK_TERMS_MAX 2048u
#define DURA_CK_JOINT_MAX 64u

/* One check. Which fields a kind reads; the others are 0:
 *
 *  SPIKE      channel, suspect, fail (each 0: no such level). FAIL, at once: the value is
 *             farther than `fail` from the last accepted one and from the straight line
 *             through the last two; a second one that stays within `fail` of the first is
 *             a step, and accepted. SUSPECT, one frame late: the value *before* stood out
 *             by more than `suspect` from both its neighbours, on the same side.
 *  NOISE      channel, window, lo, hi (each 0: no such level): the root of the mean square
 *             step between frames over about `window` frames, below lo is ATTENUATED,
 *             above hi is NOISY. UNKNOWN until `window` steps were seen since the start
 *             or the last gap.
 *  DRIFT      channel, window, mean, scale > 0, suspect > 0: the mean over about `window`
 *             frames of (value - mean) / scale, each clamped to 4 x suspect, in magnitude
 *             above suspect.
 *  VOTE       terms: the channels; suspect, fail (units; fail > 0): distance from the
 *             mid-value; window: frames in a row before it speaks. With two channels both
 *             are named. Fewer than two usable: says nothing.
 *  RULE       other in [if_lo, if_hi] and channel outside [lo, hi] for `window` frames in
 *  FORBID     a row; FORBID: inside. level: DURA_SUSPECT or DURA_FAIL.
 *  TRANSITION channel was in [from_lo, from_hi] and is in [lo, hi] while other is outside
 *             [if_lo, if_hi]; said in that frame. level as above; window 0.
 *  PARITY     terms, mean (the constant), scale > 0, window, suspect, fail (0: none):
 *             the mean over about `window` frames of (value - sum) / scale, each clamped
 *             to 4 x the largest limit, in magnitude above a limit. A frame in which a
 *             term is not usable is passed over.
 *  JOINT      terms, window, window2, suspect > 0: T2 of the channels' mean over about
 *             `window` frames, itself averaged over about `window2`, above suspect. The
 *             channel that contributes most is named.
 *
 * `window` 0 and 1 mean no averaging; the mean is exponential with weight 2/(window+1).
 *
 * terms, little-endian bytes, yours, 4-byte aligned, read in place for ever:
 *  VOTE    n x { u16 channel; u16 0; f32 0 }
 *  PARITY  n x { u16 channel; u16 frames back, 0 or 1; f32 weight }
 *  JOINT   n x { u16 channel; u16 0; f32 mean }, then n(n+1)/2 f32: the rows of the upper
 *          triangle of W, with T2 = |W (x - mean)|^2
 * A weight is 0 or between 1e-18 and 1e18 in magnitude. */
typedef struct dura_sensor_check {
    uint32_t struct_size;
    uint8_t  kind;           /* DURA_CK_* */
    uint8_t  level;          /* RULE, FORBID, TRANSITION: DURA_SUSPECT or DURA_FAIL */
    uint8_t  flags;          /* DURA_CK_ESTIMATES */
    uint8_t  reserved;       /* 0 */
    uint16_t channel;
    uint16_t other;
    uint16_t window;         /* frames */
    uint16_t window2;
    float    suspect, fail;
    float    mean, scale;
    float    lo, hi;
    float    if_lo, if_hi;
    float    from_lo, from_hi;
    uint32_t n_terms;
    uint32_t reserved2;      /* 0 */
    const void *terms;
} dura_sensor_check;

/* How much room the checks need. */
typedef struct dura_sensor_extra {
    uint32_t struct_size;
    uint16_t n_channels;     /* of the sensor */
    uint16_t n_checks;       /* that will be added at most, 0..1024; SPIKE, NOISE and DRIFT
                                have their room in each channel and do not count */
    uint16_t n_joint;        /* channels of all JOINT checks together */
    uint16_t reserved[3];    /* 0 */
} dura_sensor_extra;
#define DURA_SENSOR_EXTRA_INIT { (uint32_t)sizeof(dura_sensor_extra), 0, 0, 0, {0, 0, 0} }

/* Bytes the extension of a sensor may ever need in this ABI, for static arrays. */
#define DURA_SENSOR_EXTRA_BYTES(channels, checks, joint)                               \
    ((size_t)192 + (size_t)128 * (((size_t)(channels) + 7u) / 8u * 8u) +               \
     (size_t)128 * (size_t)(checks) + (size_t)8 * (size_t)(joint))

/** Exact bytes extend() needs for *extra; 0 when it is invalid.        [any] O(1) */
DURA_API DURA_CHECK size_t dura_sensor_extra_bytes(const dura_sensor_extra *extra);

/** Give a sensor room for further checks: mem (8-byte aligned, len bytes) is yours until
 *  you stop using the sensor. Once, before its first frame.
 *  returns  DURA_OK; DURA_EINVAL (extra, or n_channels is not the sensor's), DURA_ENOSPC,
 *           DURA_EALIGN, DURA_EVERSION; DURA_ESTATE (extended already, or a frame was
 *           judged). On error nothing changed.               [init] O(n_channels) */
DURA_API DURA_CHECK int dura_sensor_extend(dura_sensor *s, void *mem, size_t len,
                                           const dura_sensor_extra *extra);

/** Add one check to channels that are attached. check is copied, its terms are not.
 *  returns  DURA_OK; DURA_EINVAL (a field outside what its kind allows, a channel that is
 *           not attached, a term with a bad weight or channel); DURA_EVERSION (kind, flag
 *           or field this build does not know); DURA_ENOSPC (more checks or joint channels
 *           than *extra said); DURA_ESTATE (not extended; a frame was judged; SPIKE, NOISE
 *           or DRIFT twice on a channel).               [init] O(terms) */
DURA_API DURA_CHECK int dura_sensor_add(dura_sensor *s, const dura_sensor_check *check);

/* What the guard calls; see dura/feature.h. */
typedef struct dura_sensor_calls {
    uint32_t struct_size;
    uint32_t reserved;         /* 0 */
    size_t (*bytes)(const dura_sensor_extra *extra);
    int (*extend)(dura_sensor *s, void *mem, size_t len, const dura_sensor_extra *extra);
    int (*add)(dura_sensor *s, const dura_sensor_check *check);
} dura_sensor_calls;

/** The table of the functions above. Static storage.                    [any] O(1) */
DURA_API DURA_CHECK const dura_sensor_calls *dura_sensor_part(void);

#ifdef __cplusplus
}
#endif
#endif
