/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an extended sensor keeps, shared by the three sources of the extension:
 * dura_sensor_checks.c builds it and leads a frame through it, dura_sensor_shape.c judges
 * a channel by its own past, dura_sensor_relate.c channels by each other.
 *
 * Per-channel fields are arrays over all channels, rounded up to WIDTH, and the loops over
 * them run WIDTH channels at a time without a branch: compilers make vectors of that.
 */
#ifndef DURA_SENSOR_CHECKS_PRIV_H
#define DURA_SENSOR_CHECKS_PRIV_H

#include <dura/sensor_checks.h>

#include "dura_sensor_priv.h"

#define WIDTH 8u

/* Magnitudes up to this count as zero in every product here, so that no product of two
 * numbers that count is subnormal: flush-to-zero then changes nothing. */
#define SMALL_BITS 0x219392EF    /* 1e-18f; signed compares are what vectors have */
#define SMALL 1e-18f
#define LARGE 1e18f

#define CLAMP 4.0f               /* innovations are clamped to so many limits */

/* Eight channels: their limits, their past, what this frame would make of it. A check that
 * is off has limits that nothing exceeds. */
typedef struct shape_block {
    float spike_suspect[WIDTH], spike_fail[WIDTH];
    float noise_low[WIDTH], noise_high[WIDTH];   /* squares; off: -1 and FLT_MAX */
    float noise_weight[WIDTH];
    float mean[WIDTH], per_scale[WIDTH];         /* off: 0, 0 */
    float drift_limit[WIDTH], drift_weight[WIDTH];
    float most_square[WIDTH], most_lean[WIDTH];  /* what innovations are clamped to */
    float last[WIDTH], former[WIDTH];            /* the last accepted values */
    float square[WIDTH], lean[WIDTH];            /* mean square step, mean deviation */
    float refused[WIDTH];                        /* a spike the frame before, see `spiked` */
    float new_square[WIDTH], new_lean[WIDTH], x[WIDTH];
    uint16_t steps[WIDTH];       /* accepted values in a row, up to `full` + 1 */
    uint16_t full[WIDTH];        /* steps NOISE wants first; 0: off */
    uint16_t on;                 /* any check of these channels */
    uint16_t counts;             /* by channel: its cells are int32_t */
    uint16_t spiked;             /* by channel: the last value was refused as a spike */
} shape_block;

/* One relation and what it remembers. */
typedef struct relation {
    dura_sensor_check c;
    float weight, weight2;       /* of averaging, 2 / (window + 1) */
    float per_scale;
    float mean;                  /* of the statistic */
    uint16_t run;                /* frames in a row */
    uint16_t set;                /* VOTE: which members stood out in them */
    uint32_t first;              /* JOINT: its place in `joint` */
} relation;

/* Where a channel's last unobjected value is, for a relation that objects to a newer one. */
typedef struct kept_value {
    int64_t ns;
    uint32_t cell;
    uint32_t reserved;
} kept_value;

typedef struct checks {
    sensor_extra base;
    uint16_t n, blocks;
    uint16_t n_relations, max_checks;
    uint16_t n_joint, max_joint;
    uint8_t has_former;          /* `former` is of the frame before */
    uint8_t has_shapes;
    shape_block *shape;
    relation *relation;          /* by kind, and within a kind as they were added */
    kept_value *kept;
    float *former;               /* per channel: usable values of the frame before */
    uint32_t *found;             /* per channel: what its shape says */
    float *joint;                /* averaged deviations of JOINT members, */
    float *scratch;              /* and what of them is worked on */
} checks;

static inline checks *durai_checks_of(const dura_sensor *s)
{
    return (checks *)(void *)s->extra;
}

/* x, or 0 where its magnitude counts as zero. */
static inline float durai_checks_settle(float x)
{
    uint32_t u = durai_f32_bits(x);
    return durai_f32(u & (0u - (uint32_t)((int32_t)(u & 0x7FFFFFFFu) > SMALL_BITS)));
}

static inline float durai_checks_magnitude(float x)
{
    return durai_f32(durai_f32_bits(x) & 0x7FFFFFFFu);
}

/* Weight of the newest value in an exponential mean over about `window`. */
static inline float durai_checks_weight(uint16_t window)
{
    return window < 2 ? 1.0f : 2.0f / ((float)window + 1.0f);
}

static inline float durai_checks_clamp(float x, float limit)
{
    float below = x > limit ? limit : x;
    return below < -limit ? -limit : below;
}

/* The channel's value may be used: it is there, and nothing failed it. */
static inline int durai_checks_usable(const sensor_frame *f, size_t channel)
{
    return durai_sensor_verdicts(f->s)[channel] <= DURA_SUSPECT;
}

/* dura_sensor_shape.c */
void durai_shape_clear(shape_block *b);                    /* no check, no history */
void durai_shape_forget(shape_block *b);
int durai_shape_add(shape_block *b, size_t i, const dura_sensor_check *c);
/* Fills k->found; not 0 when any channel has something to be said of it. */
int durai_shape_look(checks *k, const sensor_frame *f);
void durai_shape_move(checks *k, const sensor_frame *f);   /* after the verdicts */

/* dura_sensor_relate.c */
int durai_relation_sound(const dura_sensor *s, const dura_sensor_check *c);
void durai_relations_forget(checks *k);
/* Run every relation over the frame; 1 when any had something to say. */
int durai_relations_judge(checks *k, sensor_frame *f);

#endif
