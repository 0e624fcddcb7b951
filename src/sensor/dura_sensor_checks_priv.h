/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an extended sensor keeps, shared by the three sources of the extension:
 * dura_sensor_checks.c builds it and leads a frame through it, dura_sensor_shape.c judges
 * a channel by its own past, dura_sensor_relate.c channels by each other.
 *
 * Spike, noise and drift are kept in blocks as the sensor's own channels are, lane by lane,
 * and look at those for the values accepted last.
 */
#ifndef DURA_SENSOR_CHECKS_PRIV_H
#define DURA_SENSOR_CHECKS_PRIV_H

#include <dura/sensor_checks.h>

#include "dura_sensor_priv.h"

/* Magnitudes up to this count as zero in every product here, so that no product of two
 * numbers that count is subnormal: flush-to-zero then changes nothing. */
#define SMALL_BITS 0x219392EF    /* 1e-18f; signed compares are what vectors have */
#define SMALL 1e-18f
#define LARGE 1e18f

#define CLAMP 4.0f               /* innovations are clamped to so many limits */

/* The channels of one sensor_block: their limits, and what they are measured against. A
 * check that is off has limits that nothing exceeds. The statistics are there twice: as of
 * the last frame, checks.side says which, and what this frame would make of them. */
typedef struct shape_block {
    float spike_suspect[LANES], spike_fail[LANES];
    float spike_least[LANES];                    /* a smaller step is no spike of either kind */
    float noise_low[LANES], noise_high[LANES];   /* squares; off: -1 and FLT_MAX */
    float noise_weight[LANES];
    float mean[LANES], per_scale[LANES];         /* off: 0, 0 */
    float drift_limit[LANES], drift_weight[LANES];
    float most_square[LANES], most_lean[LANES];  /* what innovations are clamped to */
    float square[2][LANES], lean[2][LANES];      /* mean square step, mean deviation */
    uint16_t steps[LANES];       /* accepted values in a row, as far as they matter */
    uint16_t full[LANES];        /* steps NOISE wants first; 0: off */
    uint16_t on;                 /* any check of these channels */
    uint16_t counts;             /* by channel: its cells are int32_t */
    uint16_t filling;            /* by channel: its steps still matter */
    uint16_t reserved;
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
    uint8_t side;                /* of the statistics, see shape_block */
    uint8_t has_found;           /* something is in `found` */
    uint32_t filling;            /* not 0: some shape_block.filling is not */
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
void durai_shape_restart(shape_block *b);                  /* windows begin anew */
void durai_shape_look(checks *k, const sensor_frame *f);   /* fills k->found */
void durai_shape_move(checks *k, const sensor_frame *f);   /* after the verdicts */

/* dura_sensor_relate.c */
int durai_relation_sound(const dura_sensor *s, const dura_sensor_check *c);
void durai_relations_forget(checks *k);
/* Run every relation over the frame; 1 when any had something to say. */
int durai_relations_judge(checks *k, sensor_frame *f);

#endif
