/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of accuracy share: the layout of the object.
 */
#ifndef DURA_ACCURACY_PRIV_H
#define DURA_ACCURACY_PRIV_H

#include "../base/dura_base_priv.h"

#include <dura/accuracy.h>

#define CELLS ((uint32_t)DURA_ACCURACY_CELLS_MAX)

#define ACCURACY_STATE_V1 56u            /* bytes of a dura_accuracy_state */
#define ODDS 4u                 /* hypotheses of a slice */
#define STATISTIC_MOST 1e30f

/* What is estimated from counts is the same on every target, whenever it is asked. Pane 0 is
 * the older one, whole or empty; pane 1 fills. */
typedef struct accuracy_counts {
    uint64_t n, n_labels;
    uint32_t made[2][CELLS];        /* decisions */
    uint32_t outside[2];
    uint16_t labels[2][CELLS];
    uint16_t right[2][CELLS];       /* of those */
} accuracy_counts;

/* One operating condition. `worse` are Shiryaev-Roberts statistics, one per odds. */
typedef struct accuracy_slice {
    accuracy_counts count;
    uint64_t alarm_at;              /* labels of all slices at the alarm; 0: none */
    float    worse[ODDS];
    float    limit;
    uint32_t unused;
} accuracy_slice;

struct dura_accuracy {
    accuracy_counts all;
    uint32_t window, labels_most;   /* a pane's size, >= 1 */
    uint32_t slices, every;
    dura_accuracy_reference ref;    /* the slices follow */
};

/* Cells the reference has, at most CELLS. */
static inline uint32_t durai_accuracy_cells(const dura_accuracy_reference *r)
{
    return ((uint32_t)r->n_edges + 1u) * ((uint32_t)r->opinions + 1u);
}

static inline accuracy_slice *durai_accuracy_slices(dura_accuracy *a)
{
    return (accuracy_slice *)(void *)(a + 1);
}

static inline const accuracy_slice *durai_accuracy_slices_of(const dura_accuracy *a)
{
    return (const accuracy_slice *)(const void *)(a + 1);
}

/* What the counts say, at the level: out is whole. DURA_ENOENT: no decision. */
int durai_accuracy_judge(const dura_accuracy *a, const accuracy_counts *c, float level, dura_accuracy_state *s);
int durai_accuracy_query(const dura_accuracy *a, dura_accuracy_state *out);
int durai_accuracy_slice(const dura_accuracy *a, uint32_t index, dura_accuracy_slice *out, dura_accuracy_state *state);
/* A label of the slice: 1 when it is worse than its limit. */
int durai_accuracy_weigh(const dura_accuracy *a, accuracy_slice *s, uint32_t correct);
int durai_accuracy_save(const dura_accuracy *a, void *out, size_t *len);
int durai_accuracy_load(dura_accuracy *a, const void *bytes, size_t len);

#endif
