/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/feature.h - what does the model eat?
 *
 * Turns the usable values of a frame into the model's inputs: the value itself, a value
 * of earlier frames, differences, rolling statistics, a ratio, a class indicator; each
 * shifted and scaled. The same code makes the training data (through Python) and the
 * inputs on the device, so that the two cannot differ.
 *
 *   dura_feature_bytes -> init -> attach (once per feature) -> update...
 *
 * A window counts frames, not time: the last `n` frames given to update(), the present
 * one included. A value that is not usable never enters a statistic; a feature whose
 * values are not there (yet) is itself not usable, and the guard then does not infer.
 * A value that is not finite is not usable, whatever the caller says of it, and so is a
 * result that is not finite.
 *
 * Memory: yours. No allocation, no globals, no clock, no I/O, no libm.
 * Threads: one caller at a time per object [serial]; objects are independent.
 * Floats: IEEE 754 binary32 in a stated order: the same bits on every target.
 */
#ifndef DURA_FEATURE_H
#define DURA_FEATURE_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_FEATURES_MAX 1024
#define DURA_FEATURE_WINDOW_MAX 1024     /* frames */

/* x is the channel's usable value now, x(k) the one k frames ago. The result is
 * (f - offset) * scale. Values never move; new ones are appended. */
enum {
    DURA_FEATURE_VALUE = 1,    /* f = x */
    DURA_FEATURE_LAG = 2,      /* f = x(n) */
    DURA_FEATURE_DIFF = 3,     /* f = x - x(n) */
    DURA_FEATURE_MEAN = 4,     /* mean of the window of n frames */
    DURA_FEATURE_STD = 5,      /* its standard deviation, divisor count - 1 */
    DURA_FEATURE_MIN = 6,
    DURA_FEATURE_MAX = 7,
    DURA_FEATURE_RATIO = 8,    /* f = x / y, y of channel2; not usable when y is 0 */
    DURA_FEATURE_ONEHOT = 9    /* f = 1 when x equals `match`, else 0 */
};

/* One feature. Start from DURA_FEATURE_SPEC_INIT. Mean, deviation, minimum and maximum
 * need at least half of the window (and two values for the deviation); lag and difference
 * need exactly the frame they name. */
typedef struct dura_feature_spec {
    uint32_t struct_size;
    uint8_t  op;               /* DURA_FEATURE_* */
    uint8_t  reserved;         /* 0 */
    uint16_t channel;          /* 0..n_channels-1 */
    uint16_t channel2;         /* RATIO only, else DURA_NONE */
    uint16_t n;                /* LAG, DIFF: 1..1024 frames back; MEAN, MIN, MAX: window
                                  1..1024; STD: 2..1024; else 0 */
    float    offset;           /* finite */
    float    scale;            /* finite, not 0 */
    float    match;            /* ONEHOT only, else 0; finite */
} dura_feature_spec;
#define DURA_FEATURE_SPEC_INIT                                                         \
    { (uint32_t)sizeof(dura_feature_spec), 0, 0, 0, DURA_NONE, 0, 0.0f, 1.0f, 0.0f }

typedef struct dura_feature_config {
    uint32_t struct_size;
    uint16_t n_channels;       /* 1..1024 */
    uint16_t n_features;       /* 1..DURA_FEATURES_MAX */
    uint32_t history;          /* values kept in all: sum over the channels of the deepest
                                  look back of any feature on it (dura_feature_depth), 0
                                  for a channel no feature looks back on */
} dura_feature_config;
#define DURA_FEATURE_CONFIG_INIT { (uint32_t)sizeof(dura_feature_config), 0, 0, 0 }

typedef struct dura_feature dura_feature;      /* lives in memory you give to init */

/** Values a feature needs its channel to keep: n + 1 for LAG and DIFF, n for the window
 *  statistics, 0 for the others.                                        [any] O(1) */
DURA_API DURA_CHECK uint32_t dura_feature_depth(const dura_feature_spec *spec);

/** Exact bytes init() needs; 0 when cfg is invalid.                     [any] O(1) */
DURA_API DURA_CHECK size_t dura_feature_bytes(const dura_feature_config *cfg);

/** Build in mem (8-byte aligned). cfg is copied.
 *  returns  DURA_OK; DURA_EINVAL, DURA_ENOSPC, DURA_EALIGN, DURA_EVERSION. On error *out
 *           is NULL and mem is unchanged.       [init] O(channels + features + history) */
DURA_API DURA_CHECK int dura_feature_init(dura_feature **out, void *mem, size_t len,
                                          const dura_feature_config *cfg);

/** Set feature `index`. Every feature is attached once before the first update.
 *  returns  DURA_OK; DURA_EINVAL (index, field out of range); DURA_ENOSPC (history is too
 *           small for all features so far); DURA_EVERSION (an op this build does not
 *           know); DURA_ESTATE (attached twice, or after an update).    [init] O(1) */
DURA_API DURA_CHECK int dura_feature_attach(dura_feature *f, uint16_t index,
                                            const dura_feature_spec *spec);

/** One frame: n == n_channels values; usable: NULL (all are), or n bytes, 0 where the
 *  value must not be used. out gets n_features floats, 0 for a feature that is not usable;
 *  ok: NULL, or n_features bytes, 1 where the feature is usable.
 *  returns  >= 0: how many features are not usable; DURA_EINVAL; DURA_ESTATE (a feature
 *           was never attached). On error nothing changed.
 *                                 [serial, isr] O(features + sum of the windows) */
DURA_API DURA_CHECK int dura_feature_update(dura_feature *f, const float *values,
                                            const uint8_t *usable, size_t n, float *out,
                                            uint8_t *ok);

/** The same for `frames` frames in a row: values frames x n, usable NULL or frames x n,
 *  out frames x n_features, ok NULL or frames x n_features.
 *  returns  features that were not usable, over all frames (capped at INT32_MAX); as
 *           update().                                      [serial, isr] O(frames x ...) */
DURA_API DURA_CHECK int dura_feature_update_n(dura_feature *f, const float *values,
                                              const uint8_t *usable, size_t frames, size_t n,
                                              float *out, uint8_t *ok);

/** Forget the history. returns DURA_OK, DURA_EINVAL.            [serial] O(history) */
DURA_API DURA_CHECK int dura_feature_reset(dura_feature *f);

/* What the guard calls. A port that names this table (dura_port.feature) has the module
 * linked in; one that does not, has not. */
typedef struct dura_feature_calls {
    uint32_t struct_size;
    uint32_t reserved;         /* 0 */
    uint32_t (*depth)(const dura_feature_spec *spec);
    size_t (*bytes)(const dura_feature_config *cfg);
    int (*init)(dura_feature **out, void *mem, size_t len, const dura_feature_config *cfg);
    int (*attach)(dura_feature *f, uint16_t index, const dura_feature_spec *spec);
    int (*update)(dura_feature *f, const float *values, const uint8_t *usable, size_t n,
                  float *out, uint8_t *ok);
    int (*reset)(dura_feature *f);
} dura_feature_calls;

/** The table of the functions above. Static storage.                    [any] O(1) */
DURA_API DURA_CHECK const dura_feature_calls *dura_feature_part(void);

#ifdef __cplusplus
}
#endif
#endif
