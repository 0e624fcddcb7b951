/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of accuracy share: the layout of the object.
 */
#ifndef DURA_ACCURACY_PRIV_H
#define DURA_ACCURACY_PRIV_H

#include "../base/dura_base_priv.h"

#include <dura/accuracy.h>

#define CELLS ((uint32_t)DURA_ACCURACY_CELLS_MAX)

/* Counts are all there is: what is estimated from them is the same on every target,
 * whenever it is asked. Pane 0 is the older one, whole or empty; pane 1 fills. */
struct dura_accuracy {
    uint64_t n, n_labels;
    uint32_t made[2][CELLS];        /* decisions */
    uint32_t outside[2];
    uint16_t labels[2][CELLS];
    uint16_t right[2][CELLS];       /* of those */
    uint32_t window, labels_most;   /* a pane's size, >= 1 */
    dura_accuracy_reference ref;
};

/* Cells the reference has, at most CELLS. */
static inline uint32_t durai_accuracy_cells(const dura_accuracy_reference *r)
{
    return ((uint32_t)r->n_edges + 1u) * ((uint32_t)r->opinions + 1u);
}

int durai_accuracy_query(const dura_accuracy *a, dura_accuracy_state *out);
int durai_accuracy_save(const dura_accuracy *a, void *out, size_t *len);
int durai_accuracy_load(dura_accuracy *a, const void *bytes, size_t len);

#endif
