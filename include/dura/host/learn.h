/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/learn.h - from a clean recording to a policy that runs as it is.
 *
 * Asked in the user's terms: how many spurious trips (HOLD, FALLBACK or STOP begun) per 30
 * days. Every limit of every channel gets an equal share of that. What happened beyond a
 * high quantile is extrapolated to the share with an exponential tail on the scale where
 * the recording's own tail is exponential (Gaussian, linear, logarithmic); the limit is
 * the predictive one, wider the fewer independent excursions there were. A held-out
 * quarter of the recording then says by how much the margins were too small.
 *
 *   dura_learn_csv -> policy, model, query, channel, note -> dura_learned_deinit
 *
 * The policy also declares the model's features by their names, bounds the model's answers
 * by what it said over the recording, and carries a drift reference for everything.
 * docs/cmd/learn.md has the method with its limits. Results are the same on every target.
 * Memory: heap, freed by deinit; the recording is held whole. Unstable until 1.0.
 */
#ifndef DURA_HOST_LEARN_H
#define DURA_HOST_LEARN_H

#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_LEARN_ROWS_MIN 64u          /* rows to learn from; fewer are refused */

/* Zero any field for its default. Start from DURA_LEARN_OPTIONS_INIT. Lists are names
 * with commas between; a name may not hold one. */
typedef struct dura_learn_options {
    uint32_t struct_size;
    uint32_t reserved;         /* 0 */
    const char *frames;        /* a CSV file of clean operation; required, no pipe */
    const char *model;         /* model to be guarded; NULL: watch only, a model that always
                                  answers the same is made beside the policy */
    const char *time_column;   /* as in dura_frames_options */
    const char *time_format;
    const char *exclude;       /* columns that are no channels */
    const char *outputs;       /* names of the outputs; NULL: the model's, or "none" */
    const char *baseline;      /* columns with what the existing control drove, one per
                                  output: no channels, but part of the envelope; their
                                  medians are the safe values */
    const char *name;          /* of the device; NULL: the file's name without its end */
    double spurious;           /* trips per 30 days, 0.001..1e6; 0: 1 */
    double holdout;            /* last share of the rows that is not learned from but run
                                  through what was learned; 0..0.9, 0: none */
    int64_t period_ns;         /* of the frames; 0: the median step */
    const char *checks;        /* families of further checks: "all" (NULL), "none", or of
                                  rule, vote, parity, joint, drift, range, noise, spike */
    double resolution;         /* of the device: every value is rounded to a multiple of it
                                  before anything is learned; 0: as it stands */
    const char *keep;          /* a policy whose fail_lo, fail_hi and rate_fail are kept, by
                                  channel name; what is learned inside them is SUSPECT */
    const char *drift;         /* beside references: "histogram", "mspc" or both with a comma
                                  between; NULL: neither */
    const char *detector;      /* "mixture" (NULL), "cusum", "ewma" or "ramp", which want `shift`
                                  and have no self-test */
    double shift;              /* deviations of a channel; ramp: a frame */
} dura_learn_options;
#define DURA_LEARN_OPTIONS_INIT                                                        \
    { (uint32_t)sizeof(dura_learn_options), 0, NULL, NULL, NULL, NULL, NULL, NULL,     \
      NULL, NULL, 0.0, 0.0, 0, NULL, 0.0, NULL, NULL, NULL, 0.0 }

/* What there is to say about a channel. Bits. */
enum {
    DURA_LEARN_REQUIRED = 1 << 0,    /* its verdict decides over the frame */
    DURA_LEARN_CONSTANT = 1 << 1,    /* it never moved: no limits */
    DURA_LEARN_EMPTY = 1 << 2,       /* it never had a value */
    DURA_LEARN_SHORT = 1 << 3,       /* fewer than five independent excursions: the limits
                                        are wide, and guesses */
    DURA_LEARN_HEAVY = 1 << 4,       /* heavier than exponential tails */
    DURA_LEARN_NO_FLAT = 1 << 5,     /* rests too long for a flat-line check, or has a few
                                        states only */
    DURA_LEARN_GAPS = 1 << 6,        /* had missing values: max_age_ms is set */
    DURA_LEARN_NONFINITE = 1 << 7,   /* had NaN or infinities, each of them a trip */
    DURA_LEARN_KEPT = 1 << 8         /* a limit was given, and kept */
};

typedef struct dura_learn_channel {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint32_t flags;            /* DURA_LEARN_* */
    uint32_t drift_why;        /* DURA_DRIFT_*: why no rate of drift alarms is promised */
    uint32_t reserved;         /* 0 */
    const char *name;          /* lives as long as what was learned */
    double seen_lo, seen_hi;   /* in the rows learned from */
    double fail_lo, fail_hi;
    double rate_fail;          /* per second; 0: not checked */
    int64_t flat_fail_ns;      /* 0: not checked */
    int64_t max_age_ns;
    double expected;           /* spurious trips per 30 days by this channel */
    double suspect_lo, suspect_hi; /* lo > hi: none */
} dura_learn_channel;
#define DURA_LEARN_CHANNEL_INIT                                                        \
    { (uint32_t)sizeof(dura_learn_channel), 0, 0, 0, NULL, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0.0, 0.0, 0.0 }

/* Trips are counted as the guard begins them: a rejected frame while the model drives; it
 * drives again after recover_frames good ones. */
typedef struct dura_learn_report {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint32_t channels;
    uint32_t required;         /* ... of them decide over a frame */
    uint32_t limits;           /* limits among which the asked rate was shared */
    uint64_t rows;             /* learned from */
    uint64_t holdout_rows;     /* behind them */
    int64_t period_ns;
    int64_t gap_ns;            /* a longer step is a gap */
    uint64_t irregular;        /* steps more than a tenth of a period off */
    uint64_t stamps;           /* repeated or reversed stamps, each of them a trip */
    uint64_t gaps;             /* steps beyond gap_ns, each of them a trip */
    double days, holdout_days;
    double asked;              /* trips per 30 days */
    double expected;           /* stated for the limits of the policy, per 30 days */
    double least, most;        /* ... and the count of 95 % of all spans of 30 days */
    double factor;             /* what the held-out quarter multiplied the margins by */
    double arl0;               /* samples between false drift alarms, asked of the monitor */
    uint64_t trips;            /* realised in the rows learned from */
    uint64_t holdout_trips;    /* realised behind them */
    double holdout_least, holdout_most; /* the count there that `expected` agrees with, 95 % */
    uint64_t holdout_drifts;   /* drift alarms behind them */
    uint32_t promised;         /* references that promise their rate */
    uint32_t references;
    uint64_t idle;             /* rows learned from in which the model would not have driven: a
                                  trip that never ends is one trip */
    uint64_t holdout_idle;     /* ... behind them */
    uint32_t checks;           /* further checks in the policy */
    uint32_t reserved;         /* 0 */
    double checks_expected;    /* what they promise of `expected`, per 30 days */
    uint32_t histograms;       /* in the policy */
    uint32_t mspc_inputs;      /* of its basis; 0: it has none */
} dura_learn_report;

/* Why a family of checks is not in the policy. */
enum {
    DURA_LEARN_FAMILY_KEPT = 0,     /* it is */
    DURA_LEARN_FAMILY_NOTHING = 1,  /* nothing in the recording is of its kind */
    DURA_LEARN_FAMILY_FEW_ROWS = 2, /* too few rows for so many channels */
    DURA_LEARN_FAMILY_SLOW = 3,     /* its statistics remember too long for the recording */
    DURA_LEARN_FAMILY_BROKEN = 4,   /* held-out blocks contradict the promise */
    DURA_LEARN_FAMILY_UNASKED = 5
};

/* Checks of one kind share a limit and a part of the promise. Held out: each fifth of the
 * recording against coefficients and a limit that were learned from the other four. */
typedef struct dura_learn_family {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint32_t refused;          /* DURA_LEARN_FAMILY_* */
    const char *name;          /* static */
    uint32_t checks;           /* that came of it; of range: channels with SUSPECT limits */
    uint32_t memory;           /* rows until its series forgets */
    double limit;              /* in deviations; of rule in spans, of joint in T2 */
    double factor;             /* what held-out blocks multiplied it by */
    double promised;           /* trips per 30 days */
    double realised;           /* ... in the held-out blocks */
    double least, most;        /* ... the rates that agree with that count, 95 % */
    uint64_t trips;            /* that count */
} dura_learn_family;

typedef struct dura_learned dura_learned;

/** Learn. *out holds everything; it is never partly there.
 *  returns  DURA_OK; DURA_EINVAL (options; columns or inputs that fit nothing: err names
 *           those that are close; too few rows); DURA_ESYNTAX, DURA_ETIME, DURA_ELIMIT,
 *           DURA_ENOENT, DURA_EIO (files); DURA_ENOSPC (heap).
 *                                       [any] O(columns x rows log rows), memory alike */
DURA_API DURA_CHECK int dura_learn_csv(dura_learned **out, const dura_learn_options *o,
                                       dura_error *err);

/** The policy's JSON, zero-terminated behind *len bytes.                  [any] O(1) */
DURA_API DURA_CHECK const char *dura_learned_policy(const dura_learned *l, size_t *len);

/** JSON of the constant model of a policy that only watches; NULL when there was a model.
 *                                                                         [any] O(1) */
DURA_API DURA_CHECK const char *dura_learned_model(const dura_learned *l, size_t *len);

/** Figures (set out->struct_size first). returns DURA_OK, DURA_EINVAL.    [any] O(1) */
DURA_API DURA_CHECK int dura_learned_query(const dura_learned *l, dura_learn_report *out);

/** One channel; DURA_ENOENT past the last.  returns DURA_OK, DURA_EINVAL. [any] O(1) */
DURA_API DURA_CHECK int dura_learned_channel(const dura_learned *l, uint32_t index,
                                             dura_learn_channel *out);

/** One family of further checks; DURA_ENOENT past the last. Set out->struct_size first.
 *  returns  DURA_OK, DURA_EINVAL.                                         [any] O(1) */
DURA_API DURA_CHECK int dura_learned_family(const dura_learned *l, uint32_t index,
                                            dura_learn_family *out);

/** Sentences about what was left out, is not promised or looks wrong; NULL past the last.
 *                                                                       [any] O(notes) */
DURA_API DURA_CHECK const char *dura_learned_note(const dura_learned *l, uint32_t index);

/** Release; NULL is allowed.                                                    [any] */
DURA_API void dura_learned_deinit(dura_learned *l);

#ifdef __cplusplus
}
#endif
#endif
