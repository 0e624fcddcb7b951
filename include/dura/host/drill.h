/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/drill.h - would this policy have noticed?
 *
 * Faults, drift, replays and bounded attacks are put into the user's own recording, one at
 * a time, and the guard runs over it as it would run on the device. Per channel, kind and
 * size: caught by what, after how long, with which action and verdict; or missed. The
 * recording as it is comes first: what trips there is a false alarm, and what the guard
 * also says without the injection is never counted as a catch.
 *
 *   dura_drill_open -> next ... -> query -> close
 *
 * The guard has run over the whole recording up to the injection: that is its warm-up, and
 * all injections at one place begin from the same bytes of state. An injection lasts
 * `length` frames and is judged while it lasts; the jump back to normal afterwards is no
 * catch. docs/cmd/drill.md has every kind with its limits. Same input, same seed, same
 * answer. A catch shows that the policy noticed this injection: it is no proof for others.
 * Memory: heap, freed by close; the recording is held whole. Unstable until 1.0.
 */
#ifndef DURA_HOST_DRILL_H
#define DURA_HOST_DRILL_H

#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_DRILL_STARTS_MAX 32u
#define DURA_DRILL_ROWS_MIN 80u
#define DURA_DRILL_TEXT_MAX 4096u        /* bytes that hold any line of dura_drill_text() */

/* What is injected. "Deviation" is the channel's robust one in the first half. What stands
 * in dura/host/inject.h too is made by that injector. */
enum {
    DURA_DRILL_STUCK = 1,      /* the last value before it, frozen */
    DURA_DRILL_SPIKE = 2,      /* one sample off by 8 deviations */
    DURA_DRILL_DROPOUT = 3,    /* no value */
    DURA_DRILL_BIAS = 4,       /* a step of 1, 2, 3, 4 deviations, kept within the limits */
    DURA_DRILL_DRIFT = 5,      /* a ramp to 1, 2, 4, 5 over half the length, then kept */
    DURA_DRILL_NOISE = 6,      /* white noise: five times the channel's own */
    DURA_DRILL_SCALE = 7,      /* gain 1.2 */
    DURA_DRILL_REPLAY = 8,     /* an earlier window again, of this channel */
    DURA_DRILL_REPLAY_ALL = 9, /* ... of all channels together */
    DURA_DRILL_BOUNDED = 10,   /* the largest ramp that keeps range and rate: the attacker
                                  has read the policy */
    DURA_DRILL_ATTENUATED = 11,/* 0.2 times as far from where it was */
    DURA_DRILL_NAN = 12,
    DURA_DRILL_INF = 13,
    DURA_DRILL_SWAP = 14,      /* with the next channel that moves */
    DURA_DRILL_UNIT = 15,      /* 1.8 x + 32 */
    DURA_DRILL_SIGN = 16,      /* -x */
    DURA_DRILL_SATURATED = 17, /* nothing above the median */
    DURA_DRILL_TIME_REVERSED = 18,  /* stamps of all channels together: backwards, */
    DURA_DRILL_TIME_DUPLICATE = 19, /* standing still, */
    DURA_DRILL_TIME_GAP = 20,  /* ahead by as long as an injection lasts */
    DURA_DRILL_KINDS = 21
};

/* What noticed it first. */
enum {
    DURA_DRILL_BY_MISSING = 0, /* the sensor, on a channel that was injected into ... */
    DURA_DRILL_BY_TIME = 1,
    DURA_DRILL_BY_NONFINITE = 2,
    DURA_DRILL_BY_RANGE = 3,
    DURA_DRILL_BY_RATE = 4,
    DURA_DRILL_BY_FLAT = 5,
    DURA_DRILL_BY_OUTPUT = 6,  /* the model's answer broke its envelope, or it failed */
    DURA_DRILL_BY_DRIFT = 7,   /* drift alarm on a channel or a feature made from it */
    DURA_DRILL_BY_OUTPUT_DRIFT = 8, /* drift alarm on an output */
    DURA_DRILL_BY_ACTION = 9,  /* HOLD or FALLBACK for another reason */
    DURA_DRILL_BY_INCIDENT = 10, /* an incident and nothing else */
    DURA_DRILL_BYS = 11,       /* of by[]; what follows is counted in by_check[], from its
                                  first on: checks of the sensor that need a past or others */
    DURA_DRILL_BY_SPIKE = 11,
    DURA_DRILL_BY_NOISE = 12,  /* too noisy, or too quiet */
    DURA_DRILL_BY_MEAN = 13,   /* the sensor's drift check */
    DURA_DRILL_BY_RULE = 14,   /* these four on any channel: they blame whom they can */
    DURA_DRILL_BY_VOTE = 15,
    DURA_DRILL_BY_PARITY = 16,
    DURA_DRILL_BY_JOINT = 17,
    DURA_DRILL_BY_END = 18
};

enum { DURA_DRILL_NO_INCIDENT = 6, DURA_DRILL_VERDICTS = 7 };  /* behind DURA_CAUSE_* */

/* Zero any field for its default. Start from DURA_DRILL_OPTIONS_INIT. Texts are borrowed
 * until open returns. */
typedef struct dura_drill_options {
    uint32_t struct_size;
    uint32_t starts;           /* places per channel and kind, 1..32; 0: 3 */
    uint64_t seed;             /* of places and signs */
    uint64_t length;           /* frames an injection lasts, at least 8; 0: an eighth of the
                                  recording, at most 500; more where a flat-line check needs
                                  it, at most a quarter */
    const char *policy;        /* JSON or image; required */
    const char *model;         /* JSON or image; required */
    const char *frames;        /* CSV or NDJSON; required, a file */
    const char *time_column;   /* as in dura_frames_options */
    const char *time_format;
    const char *channels;      /* names with commas between; NULL: all, and what is of all
                                  together: REPLAY_ALL and the faults of time */
    const char *kinds;         /* "stuck,bias,replay_all"; NULL: all */
    void (*progress)(void *user, uint64_t done, uint64_t total, uint64_t frames); /* optional:
                                  every frame; done of total injections */
    void *user;
} dura_drill_options;
#define DURA_DRILL_OPTIONS_INIT                                                        \
    { (uint32_t)sizeof(dura_drill_options), 0, 1, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/* One channel, kind and size, over its starts. */
typedef struct dura_drill_entry {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint8_t  kind;             /* DURA_DRILL_* */
    uint8_t  action;           /* strongest over the starts: DURA_HOLD, DURA_FALLBACK; DURA_ACT:
                                  the guard went on as without the injection */
    uint16_t channel;          /* DURA_NONE: all together */
    const char *name;          /* of the channel, "*" for all; static until close */
    double   size;             /* deviations, factor or gain; BOUNDED: deviations reached (median
                                  over the starts); 0: the kind has none */
    uint32_t starts;           /* places where it could be injected: 0, nothing was drilled (a
                                  constant channel, no room within the limits) */
    uint32_t caught;
    uint32_t blind;            /* starts at which the drift monitor was in alarm on the channel
                                  already (a false alarm of the control) and so silent */
    uint32_t by[DURA_DRILL_BYS];          /* of those caught */
    uint32_t verdict[DURA_DRILL_VERDICTS];/* last verdict of the correlator on those caught:
                                  DURA_CAUSE_*, DURA_DRILL_NO_INCIDENT */
    uint64_t delay_median;     /* frames from the first injected one (0: that very frame) */
    uint64_t delay_max;
    double   delay_s_median;   /* the same in the recording's time */
    double   moved;            /* farthest an answer to be driven was moved before it was noticed
                                  (ever, when missed), over the output's lo..hi */
    uint32_t by_check[8];      /* of those caught, from DURA_DRILL_BY_SPIKE on */
} dura_drill_entry;
#define DURA_DRILL_ENTRY_INIT                                                          \
    { (uint32_t)sizeof(dura_drill_entry), 0, 0, 0, NULL, 0.0, 0, 0, 0, {0}, {0}, 0,    \
      0, 0.0, 0.0, {0} }

/* What is so without any injection, and what came out so far. */
typedef struct dura_drill_report {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint32_t starts;
    uint64_t seed, length;
    uint64_t tail;             /* frames after a spike in which it may still be noticed */
    uint64_t rows;             /* the control run: the recording as it is */
    double   days;
    uint64_t not_acted;        /* rows in HOLD, FALLBACK, STOP */
    uint64_t trips;            /* how often that began after the model first drove */
    uint64_t suspect_rows;     /* with a channel that was SUSPECT, FAIL or MISSING */
    uint64_t bounded_rows;     /* whose answer broke the envelope */
    uint64_t drift_alarms;
    uint64_t drifted;          /* quantities in alarm at the end: blind until they come back */
    uint64_t incidents;
    uint64_t start_row[DURA_DRILL_STARTS_MAX];
    uint64_t unclean_starts;   /* where no place without false alarms was found */
    uint64_t entries;          /* of next() so far, that were drilled at all */
    uint64_t not_drilled;
    uint64_t total[DURA_DRILL_KINDS];   /* injections per kind ... */
    uint64_t caught[DURA_DRILL_KINDS];  /* ... and caught */
    uint8_t  has_drift, has_correlate;  /* the policy asks for them */
    uint8_t  has_checks;       /* its checks hold channels against each other: vote, rule, parity, ... */
    uint8_t  reserved[5];      /* 0 */
    uint8_t  policy[32], model[32], frames[32]; /* SHA-256 of packed policy, image, file */
} dura_drill_report;
#define DURA_DRILL_REPORT_INIT                                                         \
    { (uint32_t)sizeof(dura_drill_report), 0, 0, 0, 0, 0, 0.0, 0, 0, 0, 0, 0, 0, 0,    \
      {0}, 0, 0, 0, {0}, {0}, 0, 0, 0, {0}, {0}, {0}, {0} }

typedef struct dura_drill dura_drill;

/** Read the recording, run the guard over it as it is, choose the places.
 *  returns  DURA_OK; DURA_EINVAL (options, a name that is none, policy and model that do not
 *           fit, too few rows); DURA_ENOENT, DURA_ESYNTAX, DURA_ELIMIT, DURA_ETIME, DURA_EIO
 *           (a file: err says which and where); DURA_ENOSPC.
 *           On error *out is NULL.                       [init] O(rows x channels), I/O */
DURA_API DURA_CHECK int dura_drill_open(dura_drill **out, const dura_drill_options *o, dura_error *err);

/** Drill the next entry (set out->struct_size first): channel by channel, kinds in order.
 *  returns  1: *out is filled. 0: all are done. < 0: DURA_EINVAL, a guard's code.
 *                                                  [serial] O(starts x length x channels) */
DURA_API DURA_CHECK int dura_drill_next(dura_drill *d, dura_drill_entry *out, dura_error *err);

/** Figures so far. returns DURA_OK, DURA_EINVAL.                      [serial] O(1) */
DURA_API DURA_CHECK int dura_drill_query(const dura_drill *d, dura_drill_report *out);

/** One line of NDJSON without its newline: the entry, or with NULL the summary. Same input
 *  and seed: same bytes.
 *  returns  bytes without the zero; DURA_EINVAL; DURA_ENOSPC.        [serial] O(1) */
DURA_API DURA_CHECK int dura_drill_text(const dura_drill *d, const dura_drill_entry *e, char *buf,
                                        size_t n);

/** "stuck", "replay_all" of DURA_DRILL_*; NULL: none. Static.              [any] O(1) */
DURA_API DURA_CHECK const char *dura_drill_kind(uint32_t kind);

/** "range", "drift" of DURA_DRILL_BY_*; NULL: none. Static.                [any] O(1) */
DURA_API DURA_CHECK const char *dura_drill_by(uint32_t by);

/** Release; NULL is allowed.                                              [serial] */
DURA_API void dura_drill_close(dura_drill *d);

#ifdef __cplusplus
}
#endif
#endif
