/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/sensor.h - may the model see this frame?
 *
 * A frame is one time-stamped set of channel values. Every configured check runs on
 * every channel, in the order of the reason bits; each channel gets a QARTOD verdict,
 * its reasons and the value the model may use; the frame gets the worst verdict of its
 * required channels and an action. The sensor never latches: that is the guard's.
 *
 *   dura_sensor_bytes -> init -> attach (once per channel) -> update... -> query
 *
 * A value that failed never updates a statistic. State is laid out as one array per
 * field over four channels; a channel that stays GOOD costs two stores per frame.
 *
 * Memory: yours. No allocation, no globals, no clock, no I/O, no libm.
 * Threads: one caller at a time per object [serial]; objects are independent.
 * Floats: IEEE 754 binary32, subtracted, multiplied and compared; -0.0 equals 0.0;
 * subnormals give the same verdict whether or not the machine flushes them to zero.
 * Reference: QARTOD flags and tests, IOOS manuals; semantics in docs/sensor.md.
 */
#ifndef DURA_SENSOR_H
#define DURA_SENSOR_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_CHANNELS_MAX 1024

/* Why. Bits are never renumbered; further checks take further bits. */
enum {
    DURA_R_MISSING       = 1 << 0,   /* the frame has no value for the channel */
    DURA_R_STALE         = 1 << 1,   /* the last value is older than max_age_ns */
    DURA_R_TIME_REVERSED = 1 << 2,   /* stamp earlier than the last accepted one */
    DURA_R_TIME_DUPLICATE = 1 << 3,  /* stamp equal to the last accepted one */
    DURA_R_TIME_GAP      = 1 << 4,   /* stamp more than gap_ns after it: windows restart */
    DURA_R_NONFINITE     = 1 << 5,   /* NaN or infinity, by bit pattern */
    DURA_R_RANGE_SUSPECT = 1 << 6,
    DURA_R_RANGE_FAIL    = 1 << 7,
    DURA_R_RATE_SUSPECT  = 1 << 8,
    DURA_R_RATE_FAIL     = 1 << 9,
    DURA_R_FLAT_SUSPECT  = 1 << 10,
    DURA_R_FLAT_FAIL     = 1 << 11,
    DURA_R_WARMUP        = 1 << 12,  /* UNKNOWN: a configured check has no history yet */
    DURA_R_SUBSTITUTED   = 1 << 13   /* the usable value is a held one */
};

/* What a channel's value is. */
enum { DURA_KIND_F32 = 0 };

/* Which checks run. Zero is an error: an unchecked channel is a configuration fault. */
enum {
    DURA_CHECK_TIME   = 1 << 0,  /* order of the frame stamp, gap */
    DURA_CHECK_FINITE = 1 << 1,
    DURA_CHECK_RANGE  = 1 << 2,
    DURA_CHECK_RATE   = 1 << 3,
    DURA_CHECK_FLAT   = 1 << 4
};

/* Channel flags. */
enum {
    DURA_CHANNEL_REQUIRED = 1 << 0,   /* its verdict decides over the frame */
    DURA_CHANNEL_SUSPECT_OK = 1 << 1  /* SUSPECT does not reject the frame */
};

/* One channel: limits in the channel's own unit. Start from DURA_SENSOR_CHANNEL_INIT. */
typedef struct dura_sensor_channel {
    uint32_t struct_size;
    uint8_t  kind;           /* DURA_KIND_* */
    uint8_t  flags;          /* DURA_CHANNEL_* */
    uint16_t checks;         /* DURA_CHECK_*, at least one */
    float    fail_lo;        /* RANGE: below is FAIL; finite, <= suspect_lo */
    float    suspect_lo;     /* RANGE: below is SUSPECT; equal to fail_lo: no such band */
    float    suspect_hi;     /* RANGE: above is SUSPECT */
    float    fail_hi;        /* RANGE: above is FAIL; >= suspect_hi */
    float    rate_suspect;   /* RATE: |dx| per second above is SUSPECT; 0: no such level */
    float    rate_fail;      /* RATE: above is FAIL; > 0, >= rate_suspect */
    float    flat_tolerance; /* FLAT: the value stays within this of where the window
                                began; >= 0; choose at least the sensor's resolution */
    uint32_t reserved;       /* 0 */
    int64_t  flat_suspect_ns;/* FLAT: unchanged this long is SUSPECT; 0: no such level */
    int64_t  flat_fail_ns;   /* FLAT: unchanged this long is FAIL; > 0, >= suspect */
    int64_t  max_age_ns;     /* a missing value stays usable this long; 0: not at all */
    int64_t  hold_ns;        /* a FAILed value may be replaced by the last good one for
                                this long (SUBSTITUTE); 0: never. Not on a bad stamp:
                                then nobody knows how old that one is */
} dura_sensor_channel;
#define DURA_SENSOR_CHANNEL_INIT                                                       \
    { (uint32_t)sizeof(dura_sensor_channel), 0, DURA_CHANNEL_REQUIRED, 0,              \
      0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0, 0, 0, 0, 0 }

typedef struct dura_sensor_config {
    uint32_t struct_size;
    uint16_t n_channels;     /* 1..DURA_CHANNELS_MAX; no default */
    uint16_t rebase_after;   /* consecutive reversed stamps, consistent among themselves,
                                after which the new time base is taken; default 3 */
    int64_t  gap_ns;         /* a longer step between frames is a gap; 0: no limit */
} dura_sensor_config;
#define DURA_SENSOR_CONFIG_INIT { (uint32_t)sizeof(dura_sensor_config), 0, 0, 0 }

typedef struct dura_sensor dura_sensor;    /* lives in memory you give to init */

/* What update() says of a frame. */
typedef struct dura_sensor_report {
    uint32_t struct_size;    /* in: sizeof in your build; out: bytes filled */
    uint8_t  verdict;        /* worst of the required channels */
    uint8_t  action;         /* DURA_PASS, DURA_SUBSTITUTE, DURA_REJECT */
    uint16_t worst_channel;  /* the first required channel with that verdict; DURA_NONE
                                when it is GOOD */
    uint32_t reasons;        /* bits of all channels, or-ed */
    uint16_t n_not_good;     /* channels whose verdict is not GOOD */
    uint16_t reserved;       /* 0 */
} dura_sensor_report;
#define DURA_SENSOR_REPORT_INIT { (uint32_t)sizeof(dura_sensor_report), 0, 0, 0, 0, 0, 0 }

/* What query() says of a channel after the last frame. */
typedef struct dura_sensor_state {
    uint32_t struct_size;
    uint8_t  verdict;        /* QARTOD */
    uint8_t  reserved[3];    /* 0 */
    uint32_t reasons;        /* DURA_R_* */
    float    value;          /* what the model may use; the last good one when held */
    float    quality;        /* share of the last 64 frames that were GOOD, 0..1; 0 while
                                FAIL or MISSING */
    float    ratio;          /* largest measured deviation / its FAIL limit; > 1 fails */
} dura_sensor_state;
#define DURA_SENSOR_STATE_INIT { (uint32_t)sizeof(dura_sensor_state), 0, {0, 0, 0}, 0, 0.0f, 0.0f, 0.0f }

/* Bytes an object with n channels may ever need in this ABI, for static arrays. */
#define DURA_SENSOR_BYTES(n) ((size_t)192 + (size_t)128 * (((size_t)(n) + 15u) / 16u * 16u))

/** Exact bytes init() needs for *cfg; 0 when cfg is invalid.
 *  Always <= DURA_SENSOR_BYTES(n_channels).                             [any] O(1) */
DURA_API DURA_CHECK size_t dura_sensor_bytes(const dura_sensor_config *cfg);

/** Build a sensor in mem (8-byte aligned, len bytes, yours until you stop using *out).
 *  cfg is copied. There is no deinit.
 *  returns  DURA_OK; DURA_EINVAL (cfg), DURA_ENOSPC (len), DURA_EALIGN (mem),
 *           DURA_EVERSION (cfg sets a field this build does not know).
 *           On error *out is NULL and mem is unchanged.        [init] O(n_channels) */
DURA_API DURA_CHECK int dura_sensor_init(dura_sensor **out, void *mem, size_t len,
                                         const dura_sensor_config *cfg);

/** Set channel `index` (0..n_channels-1). Every channel must be attached once before
 *  the first update; ch is copied.
 *  returns  DURA_OK; DURA_EINVAL (index, or a field outside its range: limits that are
 *           not finite or not ordered, no check at all, a check without its limit);
 *           DURA_EVERSION (a kind, flag, check or field this build does not know);
 *           DURA_ESTATE (attached twice, or after the first update). [init] O(1) */
DURA_API DURA_CHECK int dura_sensor_attach(dura_sensor *s, uint16_t index,
                                           const dura_sensor_channel *ch);

/** Judge one frame: n == n_channels values in channel order, stamped mono_ns (>= 0).
 *  missing: NULL, or n bytes, non-zero where the frame has no value.
 *  usable: NULL, or room for n floats that get what the model may see (held values in
 *  place; 0.0f where nothing usable exists).
 *  returns  DURA_OK; DURA_EINVAL (NULL, n, mono_ns < 0); DURA_ESTATE (a channel was
 *           never attached). On error nothing changed.
 *                                         [serial, isr] O(n), no lock, no libm */
DURA_API DURA_CHECK int dura_sensor_update(dura_sensor *s, int64_t mono_ns, const float *values,
                                           const uint8_t *missing, size_t n, float *usable,
                                           dura_sensor_report *out);

/** The same for `frames` frames in a row: values is frames x n, mono_ns has `frames`
 *  stamps, actions gets `frames` DURA_PASS.. values and verdicts (may be NULL)
 *  frames x n QARTOD numbers. Exactly what calling update() in turn gives.
 *  returns  as update(); a stamp < 0 anywhere changes nothing.
 *                                                       [serial, isr] O(frames x n) */
DURA_API DURA_CHECK int dura_sensor_update_n(dura_sensor *s, const int64_t *mono_ns,
                                             const float *values, size_t frames, size_t n,
                                             uint8_t *actions, uint8_t *verdicts);

/** Verdicts of all channels after the last frame, n bytes; valid until the next update.
 *  Before the first frame every one is UNKNOWN. NULL when s is NULL.     [serial] O(1) */
DURA_API DURA_CHECK const uint8_t *dura_sensor_verdicts(const dura_sensor *s);

/** Reason bits of all channels, as above.                              [serial] O(1) */
DURA_API DURA_CHECK const uint32_t *dura_sensor_reasons(const dura_sensor *s);

/** One channel after the last frame (set out->struct_size first).
 *  returns  DURA_OK; DURA_EINVAL.                                       [serial] O(1) */
DURA_API DURA_CHECK int dura_sensor_query(const dura_sensor *s, uint16_t channel,
                                          dura_sensor_state *out);

/** Forget all history, keep the configuration: the next frame is a first frame.
 *  returns  DURA_OK; DURA_EINVAL.                              [serial] O(n_channels) */
DURA_API DURA_CHECK int dura_sensor_reset(dura_sensor *s);

#ifdef __cplusplus
}
#endif
#endif
