/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/shap.h - Shapley values: what each input contributed to an answer, adding up.
 *
 * Trees are taken apart exactly, against one of two baselines:
 *   the training rows, as the image keeps them (covers): dura_shap_row(). These are the
 *       values of TreeSHAP (Lundberg et al. 2020, path-dependent), which XGBoost gives as
 *       pred_contribs. The model's digest pins the baseline.
 *   one row of inputs: dura_shap_against(). Exact Shapley values of the game "this input
 *       from the row, the others from the baseline".
 * Any other model is asked again and again, within a budget: dura_shap_sample(). Its bound
 * on the error is stated and holds with the probability that was asked for.
 *
 * Contributions are of the margin: of a logistic model that is the logarithm of the odds.
 * They add up to the last bit: base + contributions, in binary64, in any order, is the
 * margin. For that every number is a multiple of one power of two, and what the model's own
 * binary32 sums rounded away is with the largest contribution.
 *
 *   dura_shap_open -> dura_shap_row | dura_shap_against ... -> dura_shap_close
 *
 * Memory: heap. Unstable until 1.0.
 */
#ifndef DURA_HOST_SHAP_H
#define DURA_HOST_SHAP_H

#include <dura/backend.h>
#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dura_shap dura_shap;

/** Make the trees of a packed image ready to be taken apart. The image is read here only.
 *  returns  DURA_OK; DURA_EINVAL (NULL, no trees); DURA_ELIMIT (more than 4194304 splits
 *           on the paths of all leaves); DURA_ENOSPC; as dura_pack_check(). On error *out
 *           is NULL and err (may be NULL) says why.           [any] O(leaves x depth) */
DURA_API DURA_CHECK int dura_shap_open(dura_shap **out, const void *image, size_t len, dura_error *err);

/** Release. NULL is allowed.                                               [any] O(1) */
DURA_API void dura_shap_close(dura_shap *s);

/** Against the training rows. in: n_in values, NaN is missing. contribution: n_out rows of
 *  n_in. base (the mean answer of training) and margin: n_out values. margin is what the
 *  backend sums up, as long as it is above 2^-29 of all contributions' sizes together; a
 *  smaller one is rounded to the common power of two.
 *  returns  DURA_OK; DURA_EINVAL (NULL, other counts, an input or an answer that is
 *           infinite); DURA_ENOTSUP (the image keeps no covers: pack the model again from
 *           what XGBoost saved).                         [any] O(leaves x depth^2), no heap */
DURA_API DURA_CHECK int dura_shap_row(const dura_shap *s, const float *in, size_t n_in, double *contribution,
                                      double *base, double *margin, size_t n_out);

/** Against one row: baseline has n_in values, NaN is missing. base is the baseline's margin.
 *  returns  DURA_OK; DURA_EINVAL as dura_shap_row().          [any] O(leaves x depth), no heap */
DURA_API DURA_CHECK int dura_shap_against(const dura_shap *s, const float *in, const float *baseline, size_t n_in,
                                          double *contribution, double *base, double *margin, size_t n_out);

/* How dura_shap_sample() asks. Start from DURA_SHAP_BUDGET_INIT. */
typedef struct dura_shap_budget {
    uint32_t struct_size;
    uint32_t orders;        /* random orders of the inputs, 2..1000000; each costs n_in + 1
                               runs of the model */
    uint64_t seed;          /* the same seed, the same values */
    double   lo, hi;        /* what every answer lies in, e.g. the policy's output limits;
                               lo < hi. An answer outside is EINVAL: the bound would be none */
    double   miss;          /* probability that any bound does not hold, 0 < miss < 1 */
} dura_shap_budget;
#define DURA_SHAP_BUDGET_INIT { (uint32_t)sizeof(dura_shap_budget), 1000, 1, 0.0, 0.0, 0.05 }

/** Any opened model (backend and its instance), against one row of finite values.
 *  contribution and bound: n_out rows of n_in. |contribution - Shapley value| <= bound holds
 *  for all of them at once with probability 1 - miss (the smaller of Hoeffding's bound and
 *  the empirical Bernstein bound, Maurer and Pontil 2009). The contributions add up to
 *  answer - answer at the baseline, but for rounding, with any budget.
 *  returns  DURA_OK; DURA_EINVAL (NULL, budget, counts, a value that is not finite, an answer
 *           outside lo..hi); the backend's code; DURA_ENOSPC.
 *                                                   [any] O(orders x n_in) runs of the model */
DURA_API DURA_CHECK int dura_shap_sample(const dura_backend *b, void *inst, const float *in, const float *baseline,
                                         size_t n_in, const dura_shap_budget *budget, double *contribution,
                                         double *bound, size_t n_out);

#ifdef __cplusplus
}
#endif
#endif
