/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block's object, shared by its sources: dura_block.c builds and shows it,
 * dura_block_judge.c says what a block is worth, dura_block_image.c and
 * dura_block_window.c measure it, dura_block_spectrum.c is the transform.
 *
 * Measuring writes only into scratch of the object: features, rows, points. What is
 * compared with later blocks (history, projections, stamps) moves in one place, when the
 * verdict is known.
 */
#ifndef DURA_BLOCK_PRIV_H
#define DURA_BLOCK_PRIV_H

#include <dura/block.h>

#include "../base/dura_base_priv.h"

#define F DURA_BLOCK_FEATURES

/* Bytes of each struct as first released; the frozen-v1 rule reads against these. */
#define BLOCK_CONFIG_V1 ((uint32_t)(560u + sizeof(const float *)))
#define BLOCK_REPORT_V1 24u
#define BLOCK_STATE_V1 64u

#define NS_NEVER ((int64_t)-1)
#define PROFILE 16u              /* bins of a projection of an image */
#define BREAKS 2u                /* row steps looked at for a sideways shift, of each kind */

/* What a repeat is compared with, and how often it came in a row. */
typedef struct block_past {
    uint64_t newest;             /* digest of the last accepted block */
    uint32_t n;                  /* digests in the ring */
    uint32_t next;               /* where the next one goes */
    uint32_t repeats;            /* in a row, up to the last block */
} block_past;

struct dura_block {
    dura_block_config c;         /* checked, defaults filled in; pin_matrix is NULL */
    int64_t last_ns;             /* last accepted stamp */
    int64_t reversed_ns;         /* last reversed one */
    int64_t poll_ns;             /* first poll before any block */
    uint64_t blocks;
    uint64_t accepted;
    uint64_t repeated;
    uint64_t bad;                /* one bit per block, newest lowest: 1 was not GOOD */
    block_past past;
    uint32_t reversed;           /* consecutive reversed stamps */
    uint32_t measured;           /* 1: `feature` holds a block */
    uint32_t moved;              /* of those so many in a row that agree */
    uint32_t has_profile;        /* 1: `profile` is that of the last accepted block */
    uint32_t bin[DURA_BLOCK_BANDS][2];   /* first point of a band, first behind it */
    uint32_t line[DURA_BLOCK_LINES][2];
    float feature[F];
    float profile[2 * PROFILE];  /* of the last accepted image: columns, then rows */
    float fresh[2 * PROFILE];    /* of the one that is judged */
    float moved_to[2 * PROFILE]; /* of the last one refused for CHANGE alone */
    dura_block_report last;
    /* Where each array begins, in bytes from the object; 0: it has none. */
    uint32_t ring_at;            /* uint64_t: digests, c.history of them */
    uint32_t matrix_at;          /* float: F x F */
    uint32_t sine_at;            /* float: a quarter wave, points / 4 + 1 */
    uint32_t point_at;           /* float: the transform in place, points */
    uint32_t power_at;           /* float: mean square per point, points / 2 + 1 */
    uint32_t column_at;          /* uint16_t: sums of up to 256 rows, width */
    uint32_t row_at;             /* uint8_t: U16: three rows of 8 bits, 3 x width */
    uint32_t bytes;              /* all of it */
};

static inline float *durai_block_floats(dura_block *b, uint32_t at)
{
    DURA_ASSERT(at >= sizeof *b && at % sizeof(float) == 0);
    return (float *)(void *)((uint8_t *)b + at);
}
static inline uint64_t *durai_block_ring(dura_block *b)
{
    return (uint64_t *)(void *)((uint8_t *)b + b->ring_at);
}
static inline uint16_t *durai_block_column(dura_block *b)
{
    return (uint16_t *)(void *)((uint8_t *)b + b->column_at);
}
static inline int durai_block_is_image(const dura_block_config *c)
{
    return c->kind == DURA_BLOCK_U8 || c->kind == DURA_BLOCK_U16;
}
static inline uint32_t durai_block_unit(const dura_block_config *c)
{
    return c->kind == DURA_BLOCK_U8 ? 1u : c->kind == DURA_BLOCK_F32 ? 4u : 2u;
}

/* 64 bits of n bytes, going on from h. Words are mixed by steps that can be undone, so
 * two blocks that differ in one word of eight bytes never have the same digest. */
uint64_t durai_block_digest(uint64_t h, const uint8_t *p, size_t n);

/* Features of the block at data into b->feature (and b->fresh). The window says whether
 * all samples are finite; if not, the features before stay. */
void durai_block_image(dura_block *b, const uint8_t *data, size_t stride);
/* Mean change from the projections in `profile`, levels. */
float durai_block_change(const dura_block *b, const float *profile);
int durai_block_window(dura_block *b, const uint8_t *data, size_t stride);

/* One window's samples, `first` on, n of them, settled; 0 when one is not finite. */
int durai_block_load(const dura_block *b, const uint8_t *data, size_t stride, uint32_t first,
                     uint32_t n, float *out);
/* The check a feature is limited by; 0: none. */
uint32_t durai_block_check_of(const dura_block_config *c, uint32_t feature);
/* The quarter wave for b->c.spectrum points. */
void durai_block_waves(dura_block *b);
/* The power array: mean square of the window about `mean` per point, averaged over segments. */
void durai_block_spectrum(dura_block *b, const uint8_t *data, size_t stride, float mean);

#endif
