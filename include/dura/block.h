/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/block.h - may the model see this image, this vibration window?
 *
 * A block is one time-stamped image or window of samples. From one pass over it come a
 * digest and a short vector of features, each with a name, an order and a unit
 * (docs/block.md). A check is a limit on some of them, or a rule on stamps and digests;
 * it runs when its reason bit is set in `checks`. The block gets a QARTOD verdict, its
 * reasons and an action, as a frame does from the sensor. Nothing latches.
 *
 *   dura_block_bytes -> init -> update... (poll while nothing comes) -> query, features
 *
 * A block that failed never updates what later blocks are compared with, but for a scene
 * that jumped and stays (`rebase_after`).
 * The digest finds faults. It is no signature: whoever can choose the bytes can choose
 * the digest, and only an authenticated link keeps that out.
 *
 * Memory: yours. No allocation, no globals, no clock, no I/O, no libm. Images are counted
 * in integers; windows use binary32 +, -, * and / alone: the same vector on every target.
 * Threads: one caller at a time per object [serial]; objects are independent.
 */
#ifndef DURA_BLOCK_H
#define DURA_BLOCK_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_BLOCK_FEATURES 16       /* length of every per-feature array */
#define DURA_BLOCK_BANDS 8
#define DURA_BLOCK_LINES 4
#define DURA_BLOCK_SIDE_MAX 8192     /* pixels */
#define DURA_BLOCK_SAMPLES_MAX 65536
#define DURA_BLOCK_SAMPLE_MAX 1e12f  /* |sample| above counts as not finite */
#define DURA_BLOCK_ANY 3.402823466e38f   /* as a limit: none on this side (negated: below) */

/* What a block is made of. */
enum {
    DURA_BLOCK_U8 = 1,     /* gray image, 8 bits */
    DURA_BLOCK_U16 = 2,    /* gray image, `bits` of 16; features see the top 8, the digest all */
    DURA_BLOCK_I16 = 3,    /* window of samples */
    DURA_BLOCK_F32 = 4
};

/* Why, and which checks run: the same bits. Never renumbered; the first six mean what
 * they mean in DURA_R_*. MISSING, STALE, NONFINITE, SHORT need no configuration. */
enum {
    DURA_B_MISSING       = 1 << 0,   /* no block came, or none came for max_age_ns */
    DURA_B_STALE         = 1 << 1,   /* beside MISSING: there once was one */
    DURA_B_TIME_REVERSED = 1 << 2,   /* stamp earlier than the last accepted one */
    DURA_B_TIME_DUPLICATE = 1 << 3,  /* stamp equal to it */
    DURA_B_TIME_GAP      = 1 << 4,   /* stamp more than gap_ns after it: SUSPECT */
    DURA_B_NONFINITE     = 1 << 5,   /* a sample is NaN, infinite or beyond SAMPLE_MAX */
    DURA_B_LATE          = 1 << 6,   /* delivered more than late_ns after its stamp */
    DURA_B_SHORT         = 1 << 7,   /* fewer bytes than the block has */
    DURA_B_FROZEN        = 1 << 8,   /* the bytes of the last block */
    DURA_B_REPEATED      = 1 << 9,   /* the bytes of an older one in the history */
    DURA_B_WARMUP        = 1 << 10,  /* UNKNOWN: CHANGE has nothing to compare with yet */
    DURA_B_CHANGE        = 1 << 11,  /* the scene stands still, or jumped */
    DURA_B_EXPOSURE      = 1 << 12,  /* too dark, too bright, too much of it at the end */
    DURA_B_BALANCE       = 1 << 13,  /* light is on another side */
    DURA_B_CONTRAST      = 1 << 14,
    DURA_B_BLUR          = 1 << 15,
    DURA_B_NOISE         = 1 << 16,
    DURA_B_LINES         = 1 << 17,  /* lines dropped, repeated, empty or shifted */
    DURA_B_ELEMENTS      = 1 << 18,  /* dead or hot pixels, a column that stands out */
    DURA_B_CLIPPED       = 1 << 19,
    DURA_B_OFFSET        = 1 << 20,
    DURA_B_LEVEL         = 1 << 21,
    DURA_B_SHAPE         = 1 << 22,  /* crest factor, kurtosis */
    DURA_B_STUCK         = 1 << 23,  /* a run of equal samples */
    DURA_B_BAND          = 1 << 24,  /* energy in a band */
    DURA_B_SPECTRUM      = 1 << 25,  /* how energy is spread over the bands */
    DURA_B_LINE          = 1 << 26,  /* a narrow line, as acoustic injection makes it */
    DURA_B_UNLIKE        = 1 << 27   /* out of distribution: far from the pinned vector */
};
#define DURA_B_TIME   /* in `checks` all three or none */ \
    (DURA_B_TIME_REVERSED | DURA_B_TIME_DUPLICATE | DURA_B_TIME_GAP)
#define DURA_B_REPEAT (DURA_B_FROZEN | DURA_B_REPEATED)

/* Features of an image; gray levels are of 0..255 in both kinds. */
enum {
    DURA_IMAGE_MEAN = 0,         /* levels                                    EXPOSURE */
    DURA_IMAGE_DARK = 1,         /* share of pixels <= clip_lo                EXPOSURE */
    DURA_IMAGE_BRIGHT = 2,       /* share of pixels >= clip_hi                EXPOSURE */
    DURA_IMAGE_CONTRAST = 3,     /* standard deviation, levels                CONTRAST */
    DURA_IMAGE_SHARPNESS = 4,    /* rms step between neighbours / contrast        BLUR */
    DURA_IMAGE_NOISE = 5,        /* standard deviation, levels (Immerkaer)       NOISE */
    DURA_IMAGE_LINE_ODD = 6,     /* a row unlike both its neighbours, levels     LINES */
    DURA_IMAGE_LINE_BREAK = 7,   /* a step between two rows and not around, levels   . */
    DURA_IMAGE_LINE_SHIFT = 8,   /* what of such a step a sideways shift explains    . */
    DURA_IMAGE_LINE_VOID = 9,    /* rows that are one value or equal the row above   . */
    DURA_IMAGE_COLUMN_ODD = 10,  /* a column unlike both neighbours, levels   ELEMENTS */
    DURA_IMAGE_DEAD = 11,        /* pixels `step` below their four neighbours        . */
    DURA_IMAGE_HOT = 12,         /* pixels `step` above them                         . */
    DURA_IMAGE_LEFT_RIGHT = 13,  /* mean of left half - right half, levels     BALANCE */
    DURA_IMAGE_TOP_BOTTOM = 14,  /* upper - lower                                    . */
    DURA_IMAGE_CHANGE = 15       /* mean change of the projections, levels      CHANGE */
};

/* Features of a window; units are those of the samples (counts for I16). */
enum {
    DURA_WINDOW_MEAN = 0,        /*                                             OFFSET */
    DURA_WINDOW_RMS = 1,         /* about the mean                               LEVEL */
    DURA_WINDOW_CREST = 2,       /* largest deviation / RMS                      SHAPE */
    DURA_WINDOW_KURTOSIS = 3,    /* 3 for a Gaussian, 1.5 for a sine                 . */
    DURA_WINDOW_CLIPPED = 4,     /* share of samples <= clip_lo or >= clip_hi  CLIPPED */
    DURA_WINDOW_RUN = 5,         /* longest run of equal samples                 STUCK */
    DURA_WINDOW_LINE = 6,        /* rms of the strongest line in the line ranges  LINE */
    DURA_WINDOW_DISTANCE = 7,    /* half the sum of |share - pinned share|    SPECTRUM */
    DURA_WINDOW_BAND = 8         /* 8..15: level of band 0..7, dB re 1 unit rms   BAND */
};

enum { DURA_BLOCK_SUSPECT_OK = 1 << 0 };   /* flags: SUSPECT does not reject the block */

/* Start from DURA_BLOCK_CONFIG_INIT. */
typedef struct dura_block_config {
    uint32_t struct_size;
    uint32_t checks;         /* DURA_B_*, at least one that is a check of this kind */
    uint8_t  kind;           /* DURA_BLOCK_* */
    uint8_t  bits;           /* U16: bits that carry the image, 8..16; others: 0 */
    uint8_t  flags;          /* DURA_BLOCK_SUSPECT_OK */
    uint8_t  rebase_after;   /* stamps: as in dura_sensor_config; CHANGE: so many blocks in a
                                row refused for it alone, like one another, are the new
                                scene; default 3 */
    uint32_t width;          /* image: pixels per row, 16..SIDE_MAX; window: samples,
                                64..SAMPLES_MAX */
    uint32_t height;         /* image: rows, 16..SIDE_MAX; window: 0 */
    uint16_t history;        /* REPEAT: distinct blocks remembered, 1..64; default 16 */
    uint16_t repeat_fail;    /* so many repeats in a row FAIL, fewer are SUSPECT; default 1 */
    int64_t  gap_ns;         /* TIME: a longer step is a gap; 0: no limit */
    int64_t  late_ns;        /* LATE: > 0 when checked */
    int64_t  max_age_ns;     /* poll: a longer silence is MISSING; 0: poll never says so */
    float    clip_lo;        /* image: levels, 0..255; window: the rails; lo < hi */
    float    clip_hi;
    float    step;           /* ELEMENTS: levels, 1..254; default 32 */
    float    rate_hz;        /* BAND, SPECTRUM, LINE: samples per second, > 0 */
    uint16_t spectrum;       /* points of the transform, a power of two, 64..4096 and at
                                most width; 0: no spectrum */
    uint8_t  n_bands;        /* 0..8 */
    uint8_t  n_lines;        /* ranges in which LINE looks, 0..4 */
    float    band_hz[9];     /* edges of the bands, ascending, at most rate_hz / 2, each
                                band at least one point wide */
    float    share[8];       /* SPECTRUM: pinned shares of the bands; sum 1 */
    float    line_lo_hz[4];  /* LINE: ranges, within rate_hz / 2 */
    float    line_hi_hz[4];
    /* One limit per feature, needed where a check in `checks` uses it: outside
     * fail_lo..fail_hi is FAIL, else outside suspect_lo..suspect_hi SUSPECT. */
    float    fail_lo[16];    /* < fail_hi; -DURA_BLOCK_ANY: none */
    float    suspect_lo[16]; /* suspect_lo == suspect_hi: no SUSPECT level */
    float    suspect_hi[16];
    float    fail_hi[16];
    float    pin_mean[16];   /* UNLIKE: the pinned vector, */
    float    pin_scale[16];  /* and 1 / its deviation; 0 leaves the feature out */
    float    unlike_suspect; /* UNLIKE: squared distance; 0: no such level */
    float    unlike_fail;    /* > 0 */
    const float *pin_matrix; /* UNLIKE: 16 x 16, row after row, applied to the scaled
                                deviations; NULL: none. Copied by init */
} dura_block_config;
#define DURA_BLOCK_CONFIG_INIT                                                         \
    { (uint32_t)sizeof(dura_block_config), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,         \
      0.0f, 0.0f, 0.0f, 0.0f, 0, 0, 0, {0.0f}, {0.0f}, {0.0f}, {0.0f},                 \
      {0.0f}, {0.0f}, {0.0f}, {0.0f}, {0.0f}, {0.0f}, 0.0f, 0.0f, NULL }

typedef struct dura_block dura_block;      /* lives in memory you give to init */

/* What update() and poll() say. 24 bytes. */
typedef struct dura_block_report {
    uint32_t struct_size;    /* in: sizeof in your build; out: bytes filled */
    uint8_t  verdict;        /* QARTOD, DURA_GOOD.. */
    uint8_t  action;         /* DURA_PASS, DURA_REJECT */
    uint16_t feature;        /* the failed one farthest out; DURA_NONE: none failed */
    uint32_t reasons;        /* DURA_B_* */
    uint32_t fails;          /* those of them that are FAIL */
    float    ratio;          /* largest deviation of a feature or of the distance / its FAIL
                                limit; > 1 exactly when one of them fails */
    float    distance;       /* UNLIKE: squared distance; 0 when not measured */
} dura_block_report;
#define DURA_BLOCK_REPORT_INIT { (uint32_t)sizeof(dura_block_report), 0, 0, 0, 0, 0, 0.0f, 0.0f }

typedef struct dura_block_state {
    uint32_t struct_size;
    float    quality;        /* share of the last 64 blocks that were GOOD; 0 while FAIL
                                or MISSING */
    uint64_t blocks;         /* judged since init or reset, */
    uint64_t accepted;       /* of these: those that did not fail, on a good stamp, */
    uint64_t repeats;        /* and those that repeated an older one */
    int64_t  last_ns;        /* last accepted stamp; -1: none */
    dura_block_report last;  /* what was said last */
} dura_block_state;
#define DURA_BLOCK_STATE_INIT { (uint32_t)sizeof(dura_block_state), 0.0f, 0, 0, 0, 0, DURA_BLOCK_REPORT_INIT }

/* Bytes an object may ever need in this ABI, for static arrays. width: pixels, 0 for a
 * window; points: `spectrum`. */
#define DURA_BLOCK_BYTES(width, points, history)                                       \
    ((size_t)2560 + (size_t)5 * (width) + (size_t)7 * (points) + (size_t)8 * (history))

/** Exact bytes init() needs for *cfg; 0 when cfg is invalid. Always <= DURA_BLOCK_BYTES.
 *                                                                       [any] O(1) */
DURA_API DURA_CHECK size_t dura_block_bytes(const dura_block_config *cfg);

/** Build a checker in mem (8-byte aligned, len bytes, yours until you stop using *out).
 *  cfg and the matrix it points at are copied. There is no deinit.
 *  returns  DURA_OK; DURA_EINVAL (a field outside its range, no check, a check without
 *           its limit or of another kind), DURA_ENOSPC (len), DURA_EALIGN (mem),
 *           DURA_EVERSION (cfg sets what this build does not know).
 *           On error *out is NULL and mem is unchanged.        [init] O(bytes) */
DURA_API DURA_CHECK int dura_block_init(dura_block **out, void *mem, size_t len,
                                        const dura_block_config *cfg);

/** Judge one block, taken at mono_ns (>= 0), delivered at now_ns (>= 0; only LATE looks
 *  at it). data: `len` bytes, borrowed for the call, any alignment; NULL: the block is
 *  missing. stride: bytes from one row to the next, for a window from one sample to the
 *  next (interleaved axes); 0: packed. What lies between is never read.
 *  returns  DURA_OK; DURA_EINVAL (NULL, a time < 0, a stride smaller than a row). On error
 *           nothing changed.       [serial, isr] O(width x height), no lock, no libm;
 *                                  stack below 512 bytes on a Cortex-M4 */
DURA_API DURA_CHECK int dura_block_update(dura_block *b, int64_t mono_ns, int64_t now_ns,
                                          const void *data, size_t len, size_t stride,
                                          dura_block_report *out);

/** Nothing came: say what holds at now_ns (>= 0). More than max_age_ns after the last
 *  accepted stamp, or after the first poll when there was none, that is MISSING;
 *  before that, what was said last. Statistics do not move.
 *  returns  DURA_OK; DURA_EINVAL.                                 [serial, isr] O(1) */
DURA_API DURA_CHECK int dura_block_poll(dura_block *b, int64_t now_ns, dura_block_report *out);

/** What is known after the last block (set out->struct_size first).
 *  returns  DURA_OK; DURA_EINVAL.                                      [serial] O(1) */
DURA_API DURA_CHECK int dura_block_query(const dura_block *b, dura_block_state *out);

/** The features of the last block that was measured, accepted or not: n values, 1..16,
 *  all finite, as channels for drift and correlate.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOENT (none was measured).      [serial] O(1) */
DURA_API DURA_CHECK int dura_block_features(const dura_block *b, float *out, size_t n);

/** Forget all history, keep the configuration.
 *  returns  DURA_OK; DURA_EINVAL.                                 [serial] O(history) */
DURA_API DURA_CHECK int dura_block_reset(dura_block *b);

#ifdef __cplusplus
}
#endif
#endif
