/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of learning share: the recording (learn_data.c), tails and their limits
 * (learn_tail.c), limits of channels (learn_limits.c), the model's inputs and answers
 * (learn_model.c), further checks (dura_host_learn_checks.h), limits that were given
 * (learn_keep.c), the policy's text (learn_policy.c), what the limits do to a recording
 * (learn_check.c), and the call that strings them together (learn.c).
 */
#ifndef DURA_HOST_LEARN_PRIV_H
#define DURA_HOST_LEARN_PRIV_H

#include <dura/drift.h>
#include <dura/feature.h>
#include <dura/host/learn.h>
#include <dura/host/mspc.h>
#include <dura/histogram.h>
#include <dura/host/pack.h>

#include "../base/dura_base_priv.h"
#include "dura_host_learn_checks.h"
#include "dura_host_pack_priv.h"

#define DURAI_LEARN_RECOVER 3u            /* good frames before the model drives again */
#define DURAI_LEARN_DAYS30 2592000.0      /* seconds */

/* ---- text that grows ----------------------------------------------------------------- */

typedef struct durai_text {
    char *p;                   /* zero-terminated; NULL: nothing yet */
    size_t len, cap;
    int failed;                /* out of memory */
} durai_text;

void durai_text_put(durai_text *t, const char *fmt, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
/* A JSON string, quotes included. */
void durai_text_json(durai_text *t, const char *s);

/* ---- the recording ---------------------------------------------------------------------- */

enum { DURAI_HERE = 0, DURAI_MISSING = 1, DURAI_NONFINITE = 2 };

typedef struct durai_recording {
    size_t rows;
    uint32_t n, n_base;        /* channels; baseline columns behind them */
    char **name;               /* n + n_base */
    float *v;                  /* column after column */
    uint8_t *flag;             /* DURAI_HERE.. of each */
    int64_t *t_ns;
} durai_recording;

/* Read what the options name. notes gets what was left out. A DURA_E* code. */
int durai_learn_read(durai_recording *r, const dura_learn_options *o, durai_text *notes, dura_error *err);
void durai_learn_free(durai_recording *r);
/* Items of a list with commas between, as heap strings. A DURA_E* code. */
int durai_learn_list(const char *list, char ***items, uint32_t *n);
void durai_learn_list_free(char **items, uint32_t n);
/* "; close: "a", "b"" or "" */
const char *durai_learn_close(const char *wanted, char *const *names, uint32_t n, char out[160]);

/* ---- tails ------------------------------------------------------------------------------ */

/* Numbers of which large ones are bad, in order of time. */
typedef struct durai_series {
    double *y;
    uint8_t *hole;             /* 1: no number here */
    double *work;              /* as many again */
    size_t n;
    size_t apart;              /* excursions closer than this are one */
    size_t merge;              /* trips closer than this are one */
    double seconds;            /* what the series spans */
} durai_series;

/* What lies beyond a high quantile. */
typedef struct durai_tail {
    double centre, scale, edge;     /* z = (y - centre) / scale; the quantile's z */
    double beta;               /* mean excess of an excursion on the scale `form` */
    double per_s;              /* excursions beyond the quantile per second */
    double most;               /* largest y */
    uint32_t n;                /* independent excursions; 0: nothing lies beyond */
    uint32_t form;             /* DURAI_TAIL_* */
    uint32_t used;             /* 0: there is no such statistic */
    uint32_t spare;
} durai_tail;
enum { DURAI_TAIL_GAUSS = 0, DURAI_TAIL_LINEAR = 1, DURAI_TAIL_LOG = 2 };

/* Fit; centred on the median, or on zero with the lower half folded up. form: the
 * lightest that is tried. */
void durai_tail_fit(durai_tail *t, durai_series *s, uint32_t form, int from_zero);
/* The y beyond which there are per_s excursions a second; margins multiplied by factor. */
double durai_tail_limit(const durai_tail *t, double per_s, double factor);
/* Excursions per second beyond y. */
double durai_tail_rate(const durai_tail *t, double y, double factor);
/* By what the margin at per_s must be multiplied for y to be no excursion. */
double durai_tail_needed(const durai_tail *t, double per_s, double y);
/* Lag at which the series has forgotten itself. */
size_t durai_tail_memory(const durai_series *s);
/* Counts that 95 % of Poisson variables of this mean lie between. */
void durai_poisson_span(double mean, double *least, double *most);
/* The means of which a count of k is among the likeliest 95 % (exact, two-sided). */
void durai_poisson_rate(uint64_t k, double *least, double *most);
/* Without libm, the same on every target. x > 0 for the logarithm. */
double durai_learn_ln(double x);
double durai_learn_exp(double x);
double durai_learn_root(double x);

/* ---- limits ------------------------------------------------------------------------------- */

enum { DURAI_HI, DURAI_LO, DURAI_RATE, DURAI_FLAT, DURAI_AGE, DURAI_KINDS };

typedef struct durai_limits {
    uint32_t flags;            /* DURA_LEARN_* */
    double seen_lo, seen_hi, lo, hi, rate, resolution, still;
    int64_t flat_ns, age_ns;
    uint64_t nonfinite;
    double needed;             /* what the last quarter multiplied its margins by, at most */
    double expected;           /* per 30 days */
    double suspect_lo, suspect_hi, rate_suspect; /* lo > hi: none; 0: none */
    durai_tail tail[DURAI_KINDS];
} durai_limits;

/* What the rows' stamps are like. */
typedef struct durai_clock {
    int64_t period_ns, gap_ns;
    uint64_t irregular, stamps, gaps;
    double seconds;
} durai_clock;

int durai_learn_clock(durai_clock *c, const durai_recording *r, size_t rows, int64_t period_ns);
/* Limits of every channel from the first `rows`, that promise `asked` trips per 30 days
 * together. is_input: the model eats it. */
int durai_learn_limits(durai_limits *l, const durai_recording *r, size_t rows, const durai_clock *c,
                       const uint8_t *is_input, double asked, dura_learn_report *report);

/* ---- model ------------------------------------------------------------------------------- */

typedef struct durai_brain {
    uint8_t *image;            /* NULL: watch only */
    size_t len;
    uint16_t n_inputs, n_outputs;
    int plain;                 /* every input is a channel */
    const char **input;        /* names, into image or the recording */
    char **output;             /* names */
    dura_feature_spec *spec;   /* n_inputs */
    float *answer;             /* n_outputs columns of rows */
    float *fed;                /* n_inputs columns of rows; NULL when plain */
    uint8_t *fed_missing;      /* as fed */
    uint8_t *silent;           /* rows: 1: no answer */
} durai_brain;

int durai_learn_brain(durai_brain *b, const durai_recording *r, const dura_learn_options *o, dura_error *err);
/* Run the model over all rows. */
int durai_learn_answers(durai_brain *b, const durai_recording *r, const char *model, dura_error *err);
/* Its answers are probabilities: trees with a logistic objective. */
int durai_learn_confidence(const durai_brain *b);
void durai_learn_brain_free(durai_brain *b);
/* What a feature of this name is made of; the channel itself has its own name.
 * DURA_OK, DURA_ENOENT. */
int durai_learn_feature(dura_feature_spec *out, const char *name, char *const *channels, uint32_t n);

/* ---- drift, policy, check --------------------------------------------------------------------- */

typedef struct durai_envelope_learned {
    double lo, hi, rate, safe;
} durai_envelope_learned;

/* One reference of the policy: channels, then outputs, then features that are more than a
 * channel. */
typedef struct durai_watched {
    const char *name;
    const float *x;            /* rows */
    const uint8_t *missing;
    int known;                 /* ref was learned */
    dura_drift_reference ref;
} durai_watched;

/* Families that a list names; NULL: all. asked: DURAI_FAMILIES. DURA_OK, DURA_EINVAL. */
int durai_learn_choose_checks(uint8_t *asked, const char *list);
/* Further checks from the first `rows`. A DURA_E* code. */
int durai_learn_checks(durai_checks *c, const durai_recording *r, size_t rows, const durai_clock *clock,
                       const uint8_t *asked, double spurious, durai_text *notes);

typedef struct durai_histogram_learned {
    uint32_t of;               /* watched */
    int whitened;
    dura_histogram_reference ref;
} durai_histogram_learned;

typedef struct durai_shapes {
    uint32_t detector;         /* DURA_DRIFT_MIXTURE.. */
    double shift;
    int histograms, together;  /* asked for */
    uint32_t *input, n_inputs; /* channels of mspc; 0: there is none */
    dura_mspc_learned learned;
    float *series;             /* T2 of every row, then SPE */
    uint8_t *none;             /* rows that have none */
    durai_histogram_learned *histogram;   /* report.histograms of them */
} durai_shapes;

struct dura_learned {
    durai_recording rec;
    durai_brain brain;
    durai_limits *limits;
    durai_checks checks;
    durai_clock clock;
    durai_envelope_learned envelope[DURA_OUTPUTS_MAX];
    durai_shapes shapes;
    durai_watched *watched;
    uint8_t *watched_missing;  /* 1 where the value is not usable, for all columns */
    uint32_t n_watched;
    size_t rows;               /* learned from */
    dura_learn_report report;
    durai_text policy, model, notes;
    char device[64];
};

/* Limits of a policy that was given replace what was learned, which becomes SUSPECT limits
 * inside them. path NULL: there is none. A DURA_E* code. */
int durai_learn_keep(dura_learned *l, const char *path, dura_error *err);

void durai_learn_policy(durai_text *t, const dura_learned *l);
void durai_learn_constant(durai_text *t, const dura_learned *l);
/* Trips of a packed policy over rows from..to. A DURA_E* code. */
int durai_learn_trips(const void *policy, const durai_recording *r, size_t from, size_t to, uint64_t *trips,
                      uint64_t *idle);
/* Drift alarms over rows from..to, by the guard's own watch. */
int durai_learn_alarms(const void *policy, const dura_learned *l, size_t from, size_t to, uint64_t *alarms);

/* What the options ask of `drift`. A DURA_E* code. */
int durai_learn_choose_drift(durai_shapes *s, const dura_learn_options *o, dura_error *err);
/* Behind the references: T2 and SPE, charts, histograms. DURA_OK, DURA_ENOSPC. */
int durai_learn_shapes(dura_learned *l);
void durai_learn_shapes_free(durai_shapes *s);
/* Members of `drift`. */
void durai_learn_put_detector(durai_text *t, const durai_shapes *s);
void durai_learn_put_shapes(durai_text *t, const dura_learned *l);

#endif
