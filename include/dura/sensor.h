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
    DURA_R_SUBSTITUTED   = 1 << 13,  /* the usable value is not the channel's own */
    /* what follows comes from the checks of dura/sensor_checks.h */
    DURA_R_SPIKE_BEFORE  = 1 << 14,  /* SUSPECT: the value before stood out of its neighbours */
    DURA_R_SPIKE_FAIL    = 1 << 15,  /* a jump that does not follow from the last values */
    DURA_R_NOISY         = 1 << 16,  /* SUSPECT: its steps have become too large */
    DURA_R_ATTENUATED    = 1 << 17,  /* SUSPECT: its steps have become too small */
    DURA_R_DRIFT         = 1 << 18,  /* SUSPECT: its mean has left the reference */
    DURA_R_CONTEXT_SUSPECT = 1 << 19,/* does not fit another channel's state */
    DURA_R_CONTEXT_FAIL  = 1 << 20,
    DURA_R_VOTE_SUSPECT  = 1 << 21,  /* far from its redundant channels */
    DURA_R_VOTE_FAIL     = 1 << 22,
    DURA_R_PARITY_SUSPECT = 1 << 23, /* does not follow from the other channels */
    DURA_R_PARITY_FAIL   = 1 << 24,
    DURA_R_JOINT         = 1 << 25,  /* SUSPECT: the frame is unlike any normal one, and
                                        this channel contributes most */
    DURA_R_ESTIMATED     = 1 << 26   /* the usable value is a vote's or a parity row's */
};

/* What a channel's value is. */
enum {
    DURA_KIND_F32 = 0,
    DURA_KIND_I32 = 1      /* a count: its cell of values[], and every limit of the
                              channel but the rates, holds the bits of an int32_t, see
                              dura_i32_cell(); compared exactly. usable[] gets it as a
                              float less `origin` */
};

/* Which checks run. Zero is an error: an unchecked channel is a configuration fault. */
enum {
    DURA_CHECK_TIME   = 1 << 0,  /* order of the frame stamp, gap */
    DURA_CHECK_FINITE = 1 << 1,
    DURA_CHECK_RANGE  = 1 << 2,
    DURA_CHECK_RATE   = 1 << 3,
    DURA_CHECK_FLAT   = 1 << 4
};

/* What a channel has been like over its last 64 frames. It becomes worse at once, and
 * VALID again when few enough of them were not GOOD and none of the most recent. */
enum {
    DURA_STATE_INIT = 0,     /* was never VALID since init or reset */
    DURA_STATE_VALID = 1,
    DURA_STATE_DEGRADED = 2,
    DURA_STATE_INVALID = 3
};

/* Channel flags. */
enum {
    DURA_CHANNEL_REQUIRED = 1 << 0,   /* its verdict decides over the frame */
    DURA_CHANNEL_SUSPECT_OK = 1 << 1  /* SUSPECT does not reject the frame */
};

/* A count as a cell of values[], or as a limit of a DURA_KIND_I32 channel. */
static inline float dura_i32_cell(int32_t count)
{
    union { int32_t count; float cell; } bits;
    bits.count = count;
    return bits.cell;
}

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
    int32_t  origin;         /* I32: usable[] gets the count less this; F32: 0 */
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
    uint8_t  degraded_at;    /* of a channel's last 64 frames so many were not GOOD: it is
                                DEGRADED; 1..64, default 8 */
    uint8_t  invalid_at;     /* so many: INVALID; degraded_at..64, default 32 */
    uint8_t  valid_at;       /* so few, and it may be VALID again; below degraded_at,
                                default 2 */
    uint8_t  dwell_frames;   /* and none of the most recent so many; 1..64, default 16 */
    uint32_t reserved;       /* 0 */
} dura_sensor_config;
#define DURA_SENSOR_CONFIG_INIT { (uint32_t)sizeof(dura_sensor_config), 0, 0, 0, 0, 0, 0, 0, 0 }

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
    uint8_t  state;          /* DURA_STATE_* */
    uint8_t  reserved[2];    /* 0 */
    uint32_t reasons;        /* DURA_R_* */
    float    value;          /* what the model may use; the last good one when held */
    float    quality;        /* share of the last 64 frames that were GOOD, 0..1; 0 while
                                FAIL or MISSING */
    float    ratio;          /* largest measured deviation / its FAIL limit; > 1 fails.
                                Of range, rate and flat line; an i32 channel has none */
} dura_sensor_state;
#define DURA_SENSOR_STATE_INIT { (uint32_t)sizeof(dura_sensor_state), 0, 0, {0, 0}, 0, 0.0f, 0.0f, 0.0f }

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

/** No frame came: say so. A channel whose last accepted value is older than its
 *  max_age_ns, or where that is 0 than the sensor's gap_ns, becomes MISSING with STALE;
 *  where both are 0 silence is legal. No frame is counted and no statistic moves; a clock
 *  that runs backwards changes nothing. The next frame is judged as if nobody had asked.
 *  returns  DURA_OK; DURA_EINVAL (NULL, mono_ns < 0); DURA_ESTATE.
 *                                                     [serial, isr] O(n_channels) */
DURA_API DURA_CHECK int dura_sensor_poll(dura_sensor *s, int64_t mono_ns, dura_sensor_report *out);

/* The same verdict in the words of other systems. */
enum {                       /* NAMUR NE 107, numbered as OPC UA DeviceHealth */
    DURA_NE107_NORMAL = 0,
    DURA_NE107_FAILURE = 1,
    DURA_NE107_CHECK = 2,          /* check function */
    DURA_NE107_OFF_SPEC = 3,       /* out of specification */
    DURA_NE107_MAINTENANCE = 4     /* maintenance required */
};

/* IEC 61850-7-3 quality: bit k is element k of the standard's bit string of 13. */
enum {
    DURA_Q_INVALID = 2, DURA_Q_QUESTIONABLE = 3, DURA_Q_OVERFLOW = 1 << 2,
    DURA_Q_OUT_OF_RANGE = 1 << 3, DURA_Q_BAD_REFERENCE = 1 << 4, DURA_Q_OSCILLATORY = 1 << 5,
    DURA_Q_FAILURE = 1 << 6, DURA_Q_OLD_DATA = 1 << 7, DURA_Q_INCONSISTENT = 1 << 8,
    DURA_Q_INACCURATE = 1 << 9, DURA_Q_SUBSTITUTED = 1 << 10, DURA_Q_TEST = 1 << 11,
    DURA_Q_OPERATOR_BLOCKED = 1 << 12
};

typedef struct dura_sensor_status {
    uint32_t struct_size;
    uint32_t opcua;          /* OPC UA StatusCode, Part 4 table of status codes */
    uint16_t iec61850;       /* DURA_Q_* */
    uint8_t  ne107;          /* DURA_NE107_* */
    uint8_t  reserved;       /* 0 */
} dura_sensor_status;
#define DURA_SENSOR_STATUS_INIT { (uint32_t)sizeof(dura_sensor_status), 0, 0, 0, 0 }

/** Translate reason bits of one channel. ne107: NULL for the table of docs/sensor.md, or
 *  32 bytes, the NE 107 status of each reason bit: NE 107 wants that assignment to be the
 *  user's. Of several bits FAILURE wins, then CHECK, OFF_SPEC, MAINTENANCE.
 *  returns  DURA_OK; DURA_EINVAL (NULL, an entry above 4).               [any] O(1) */
DURA_API DURA_CHECK int dura_sensor_translate(uint32_t reasons, const uint8_t *ne107,
                                              dura_sensor_status *out);

/** Forget all history, keep the configuration: the next frame is a first frame.
 *  returns  DURA_OK; DURA_EINVAL.                              [serial] O(n_channels) */
DURA_API DURA_CHECK int dura_sensor_reset(dura_sensor *s);

#ifdef __cplusplus
}
#endif
#endif
