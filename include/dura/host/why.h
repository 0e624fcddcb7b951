/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/why.h - why was this decided?
 *
 * One decision of a run folder with everything the records know around it: what was
 * measured and which limit it broke, what the model was given and what each input
 * contributed to its answer, what the envelope changed, the drift monitor at that moment,
 * the incident it belongs to, what the security log saw and what it cannot have seen, and
 * what proves all that. docs/cmd/why.md has the members of the document.
 *
 * Attribution compares with a baseline input, and adds up. A linear model is taken apart
 * exactly: weight x (input - baseline). Trees by their exact Shapley values
 * (dura/host/shap.h). Where those would take too much memory, by occlusion (Zeiler and
 * Fergus 2014): one input at a time is put back to its baseline, and the change of the
 * answer is what it contributed. Occlusion does not add up where inputs act together, so
 * the share of the distance that is explained is always told beside it.
 *
 * Memory: heap. Unstable until 1.0.
 */
#ifndef DURA_HOST_WHY_H
#define DURA_HOST_WHY_H

#include <dura/host/verify.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How contributions were found. */
enum {
    DURA_SHARE_EXACT = 1,        /* linear: they add up */
    DURA_SHARE_OCCLUSION = 2,    /* one input at a time: they need not */
    DURA_SHARE_SHAPLEY = 3       /* trees: they add up */
};

/* Which decision. */
enum {
    DURA_PICK_LAST = 0,         /* the last one recorded */
    DURA_PICK_FRAME = 1,        /* the first record of this frame number */
    DURA_PICK_AT = 2            /* the last one at or before a time */
};

/* Start from DURA_WHY_OPTIONS_INIT. */
typedef struct dura_why_options {
    uint32_t struct_size;
    uint32_t which;            /* DURA_PICK_* */
    uint64_t frame;            /* FRAME */
    const char *at;            /* AT: ISO 8601, seconds since 1970, or as time_format says */
    const char *time_format;   /* as in dura_frames_options; NULL: see `at` */
    const char *model;         /* the model that answered; NULL: the folder's model.bin */
    const dura_verify_options *verify;  /* facts from outside; NULL: none */
    uint32_t top;              /* contributions per output; 0: 10 */
    uint32_t reserved;         /* 0 */
} dura_why_options;
#define DURA_WHY_OPTIONS_INIT                                                          \
    { (uint32_t)sizeof(dura_why_options), DURA_PICK_LAST, 0, NULL, NULL, NULL, NULL, 0, 0 }

/** The decision explained, as one JSON object; options may be NULL. *text is
 *  zero-terminated; give it to dura_why_deinit(). What cannot be said is in the document
 *  with the reason: a model that is no image, damage behind the decision.
 *  returns  DURA_OK; DURA_EINVAL (options, model); DURA_ENOENT (no run folder, no such
 *           frame, a time outside the run: err names the span); DURA_ETIME (a text that is
 *           no time); DURA_ECORRUPT, DURA_EIO; DURA_ENOSPC.    [serial] O(bytes), I/O */
DURA_API DURA_CHECK int dura_why_json(const char *folder, const dura_why_options *options,
                                      char **text, size_t *len, dura_error *err);

/** Release; NULL is allowed.                                               [any] O(1) */
DURA_API void dura_why_deinit(char *text);

/** What each input contributed to each answer of a packed model. inputs and baseline: n_in
 *  finite values. answer and base_answer: n_out values, what the model says to either.
 *  contribution: n_out rows of n_in values. *how (may be NULL) gets DURA_SHARE_*. Shapley
 *  values of a logistic model are those of the logarithm of the odds, all in the one ratio
 *  that makes them add up to the distance of the probabilities.
 *  returns  DURA_OK; DURA_EINVAL (NULL, a value, counts that are not the model's, an image
 *           that is no model); as dura_pack_check() and the backend's run; DURA_ENOSPC.
 *                                                        [any] O(leaves x depth) or O(n_in) runs */
DURA_API DURA_CHECK int dura_why_contributions(const void *model, size_t len, const float *inputs,
                                               const float *baseline, size_t n_in, float *answer,
                                               float *base_answer, size_t n_out,
                                               float *contribution, int *how);

/** The baseline a policy knows for its model's inputs: the mean of the input's drift
 *  reference, of a feature that is the value itself also the channel's. known[i] is 1
 *  where baseline[i] was set; the others are left as they are.
 *  returns  >= 0: how many are known; DURA_EINVAL (NULL, n is not the number of inputs);
 *           as dura_pack_check().                           [any] O(inputs x references) */
DURA_API DURA_CHECK int dura_why_baseline(const void *policy, size_t len, float *baseline,
                                          uint8_t *known, size_t n);

/** Shares of one output's contributions: |contribution| over their sum, all 0 when that is
 *  0. *explained (may be NULL) gets the sum of the contributions over the distance between
 *  answer and baseline answer: 1 is all of it; 0 when there is no distance.
 *  returns  DURA_OK; DURA_EINVAL.                                           [any] O(n) */
DURA_API DURA_CHECK int dura_why_shares(const float *contribution, size_t n, float answer,
                                        float base_answer, float *share, double *explained);

/** A time as people write it to ns since 1970: format NULL: ISO 8601 or seconds since 1970;
 *  else as in dura_frames_options.
 *  returns  DURA_OK; DURA_EINVAL (NULL, a format that is none); DURA_ETIME.  [any] O(len) */
DURA_API DURA_CHECK int dura_why_time(const char *text, const char *format, int64_t *ns);

#ifdef __cplusplus
}
#endif
#endif
