/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/accuracy.h - learn what accuracy without labels is compared with.
 *
 * From decisions whose truth is known and that the model was not trained on. Group 0 is the
 * reference: drawn from the same batches, days, units as the training data. Every other
 * group is one batch, day or unit the model (trained anew without it) had not seen: only
 * those tell how far such estimates are off once inputs move. docs/accuracy.md has the
 * method. Unstable until 1.0.
 *
 * Memory: heap during the call only. Threads: [any].
 */
#ifndef DURA_HOST_ACCURACY_H
#define DURA_HOST_ACCURACY_H

#include <dura/accuracy.h>
#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_ACCURACY_GROUPS_MAX 1000

/* Start from DURA_ACCURACY_ROWS_INIT. Arrays have n entries and are borrowed for the call. */
typedef struct dura_accuracy_rows {
    uint32_t struct_size;
    uint32_t opinions;             /* second opinions per decision, 0..11 */
    size_t n;
    const float *confidence;       /* 0..1; NULL: none, then opinions >= 1 */
    const uint32_t *agree;         /* how many opinions agree; NULL with opinions 0 */
    const uint8_t *correct;        /* 0, 1; required */
    const uint8_t *outside;        /* 0, 1: the input is outside the training data; NULL: all 0 */
    const uint32_t *group;         /* 0: the reference; NULL: all are */
    float level;                   /* of the intervals, .5 .. .999; 0: .9 */
    uint32_t reserved;             /* 0 */
} dura_accuracy_rows;
#define DURA_ACCURACY_ROWS_INIT                                                        \
    { (uint32_t)sizeof(dura_accuracy_rows), 0, 0, NULL, NULL, NULL, NULL, NULL, 0.0f, 0 }

/** Learn a reference. Opinions, where there are any, decide the cells; else confidence, cut
 *  into up to ten parts of equal size that rise in accuracy.
 *  returns  DURA_OK; DURA_EINVAL (rows, a value outside its range; err says which);
 *           DURA_ENOENT (fewer than 8 rows in group 0); DURA_ELIMIT (more than
 *           DURA_ACCURACY_GROUPS_MAX groups); DURA_ENOSPC.             [any] O(n log n) */
DURA_API DURA_CHECK int dura_accuracy_learn(dura_accuracy_reference *out, const dura_accuracy_rows *rows,
                                            dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
