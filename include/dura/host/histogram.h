/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/histogram.h - from clean samples to a reference for dura/histogram.h.
 *
 * Bins of about equal probability, cut between values and never at one, so that samples of
 * a few values (counts, a 12-bit converter) fall on the same side everywhere.
 *
 * Memory: heap for the time of the call. Same result on every target. Unstable until 1.0.
 */
#ifndef DURA_HOST_HISTOGRAM_H
#define DURA_HOST_HISTOGRAM_H

#include <dura/histogram.h>
#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_HISTOGRAM_ROWS_MIN 64u      /* samples; 1000 for a promise */

/** Learn a reference from n clean samples in order; missing: NULL, or n bytes, non-zero
 *  where x has none. bins: most bins, 2..16; 0: 16. There are fewer when there are fewer values,
 *  or less than ten samples would be in one.
 *  returns  DURA_OK (look at out->why); DURA_EINVAL (an argument, a sample that is not finite);
 *           DURA_ENOENT (fewer than 64 samples, or all of them equal, told in err); DURA_ENOSPC
 *           (heap). On error *out is unchanged.                       [any] O(n log n) */
DURA_API DURA_CHECK int dura_histogram_learn(dura_histogram_reference *out, const float *x,
                                             const uint8_t *missing, size_t n, uint32_t bins,
                                             dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
