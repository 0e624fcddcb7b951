/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/confidence.h - what may be promised about a model's answers, found on rows that
 * it was not trained on.
 *
 * All promises are for rows drawn like those: when the process has moved away, they are void,
 * and drift is what says so. docs/confidence.md has the rules and what was measured.
 *
 * Memory: heap while a call runs, nothing kept. Unstable until 1.0.
 */
#ifndef DURA_HOST_CONFIDENCE_H
#define DURA_HOST_CONFIDENCE_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_CONFIDENCE_CLASSES_MAX 16

/** Intervals: answer - *half .. answer + *half holds the truth of a new row with probability
 *  1 - miss or more (split conformal; Vovk 2005, Lei 2018). answer, truth: n finite values.
 *  returns  DURA_OK; DURA_EINVAL (NULL, a value, miss outside 0..1); DURA_ELIMIT (n rows are
 *           too few for this miss: 1 / miss - 1 are needed); DURA_ENOSPC. [any] O(n log n) */
DURA_API DURA_CHECK int dura_conformal_interval(const float *answer, const float *truth, size_t n, double miss,
                                                float *half);

/** Sets: all classes whose probability is *threshold or more hold the true one of a new row
 *  with probability 1 - miss or more. probability: n rows of n_classes (2..16) values in
 *  0..1; label: n class numbers. returns as dura_conformal_interval().  [any] O(n log n) */
DURA_API DURA_CHECK int dura_conformal_set(const float *probability, const uint32_t *label, size_t n, size_t n_classes,
                                           double miss, float *threshold);

/** The temperature, 0.05 to 20, that makes softmax(margin / T) most likely; with n_classes
 *  1 the logistic of margin / T. Order and decision of answers stay as they are (Guo 2017).
 *  margin: n rows of n_classes finite values; label: n class numbers, with one class 0 or 1.
 *  returns  DURA_OK; DURA_EINVAL.                                  [any] O(n x n_classes) */
DURA_API DURA_CHECK int dura_confidence_temperature(const float *margin, const uint32_t *label, size_t n,
                                                    size_t n_classes, double *temperature);

/** When to abstain: of the answers with a confidence of *threshold or more, at most the share
 *  `risk` is wrong, with probability 1 - miss or more over the draw of these rows. The lowest
 *  of 101 thresholds in 0..1 that an exact binomial test passes at miss / 101. *kept (may be
 *  NULL) gets the share of these rows that is answered. confidence: n values in 0..1; right: n
 *  of 0 or 1.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ELIMIT: no threshold can promise it.  [any] O(101 n) */
DURA_API DURA_CHECK int dura_confidence_abstain(const float *confidence, const uint8_t *right, size_t n, double risk,
                                                double miss, float *threshold, double *kept);

#ifdef __cplusplus
}
#endif
#endif
