/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts that learn further checks share (include/dura/sensor_checks.h): the rows
 * that are complete (learn_sheet.c), coefficients from some of them (learn_relate.c), what
 * a family of checks hears of each row (learn_hear.c), its limit (learn_family.c), and the
 * checks that come out of it (learn_emit.c, in order by learn_checks.c).
 *
 * A family is one kind of check over all channels. It has one limit, on its worst channel,
 * each channel in deviations of its own: channels share a limit, families share the promise.
 */
#ifndef DURA_HOST_LEARN_CHECKS_H
#define DURA_HOST_LEARN_CHECKS_H

#include <dura/host/learn.h>
#include <dura/sensor_checks.h>
#include <stddef.h>
#include <stdint.h>

#define DURAI_CHECK_BLOCKS 5u             /* of time; each is judged by what the others taught */
#define DURAI_CHECK_MEMORIES 25u          /* a recording must hold so many of a statistic's memory */
#define DURAI_HOLE (-3e38f)               /* in a heard series: the check says nothing here */

struct durai_recording;
struct durai_clock;

/* ---- complete rows ---------------------------------------------------------------------- */

enum { DURAI_STATUS = 1, DURAI_STEPS = 2, DURAI_LEVEL = 3 };

/* Rows in which every channel that takes part has a value. */
typedef struct durai_sheet {
    uint32_t n;                /* channels that take part: they move, and are rarely missing */
    uint16_t *channel;         /* n: their numbers in the recording */
    uint8_t *kind;             /* n: DURAI_STATUS.. */
    uint32_t n_level;
    uint16_t *level;           /* n_level: which of the n are DURAI_LEVEL */
    uint32_t left_out;         /* channels that move, but are missing too often */
    size_t rows;
    float *x;                  /* rows x n */
    uint8_t *follows;          /* rows: the row before is the frame before */
} durai_sheet;

int durai_sheet_make(durai_sheet *s, const struct durai_recording *r, size_t rows, const struct durai_clock *c);
void durai_sheet_free(durai_sheet *s);
/* The block of time a row is in. */
static inline uint32_t durai_sheet_block(const durai_sheet *s, size_t row)
{
    return (uint32_t)(row * DURAI_CHECK_BLOCKS / s->rows);
}

/* ---- coefficients --------------------------------------------------------------------------- */

/* While channel `other` is v, channel `of` is in lo..hi (a side nothing goes beyond: infinite). */
typedef struct durai_rule {
    uint16_t other, of;        /* of the sheet */
    float v;
    double lo, hi;             /* -DBL_MAX, DBL_MAX: no such side */
    size_t rows;               /* in which other was v */
} durai_rule;

/* Channels that tell the same. */
typedef struct durai_group {
    uint16_t member[DURA_CK_VOTE_MAX];
    uint16_t n;
    double unit;               /* deviation of the first */
} durai_group;

/* What is learned of some blocks, without any limit. */
typedef struct durai_relations {
    size_t rows;               /* it was learned from */
    double *mean, *sd, *step, *span; /* n each; step: root mean square */
    int has_parity, has_joint;
    uint32_t n_joint;          /* the first so many levels */
    double *weight;            /* n_level x 2n: of this frame, then of the one before */
    double *constant;          /* n_level */
    double *whiten;            /* n_joint x n_joint, lower: of (x - mean) in units */
    durai_rule *rule;
    uint32_t n_rules, rules_room;
} durai_relations;

/* Sums over each block, from which any choice of blocks is learned. */
typedef struct durai_moments {
    double *centre, *scale;    /* n: of all rows */
    size_t count[DURAI_CHECK_BLOCKS];
    double *first;             /* block x 2n */
    double *second;            /* block x 2n x 2n, columns from the row on */
    double *step;              /* block x n: squared */
} durai_moments;

int durai_moments_make(durai_moments *m, const durai_sheet *s);
void durai_moments_free(durai_moments *m);
/* Learn from all blocks but `without` (DURAI_CHECK_BLOCKS: from all). */
int durai_relations_learn(durai_relations *k, const durai_sheet *s, const durai_moments *m, uint32_t without);
void durai_relations_free(durai_relations *k);
/* Groups of the whole recording; *n of them, heap. */
int durai_groups_learn(durai_group **out, uint32_t *n, const durai_sheet *s, const durai_moments *m);
/* The inverse lower Cholesky factor of a symmetric n x n, in place; 0: it has none. */
int durai_inverse_factor(double *a, size_t n);

/* ---- what a family hears ------------------------------------------------------------------------ */

enum {
    DURAI_SIGNAL_RULE,         /* one column: the worst break, in spans */
    DURAI_SIGNAL_VOTE,         /* one per group: the worst member's distance, in deviations */
    DURAI_SIGNAL_PARITY,       /* one per level: the residual, in deviations */
    DURAI_SIGNAL_JOINT,        /* one: T2 */
    DURAI_SIGNAL_LEAN,         /* one per level: distance from the mean, in deviations */
    DURAI_SIGNAL_STEP,         /* one per level: square of the step over its mean */
    DURAI_SIGNAL_JUMP,         /* one per level: distance from the last and from the line, in steps */
    DURAI_SIGNALS
};

/* Columns of a signal. */
uint32_t durai_signal_columns(int signal, const durai_sheet *s, uint32_t n_groups);
/* Rows from..to of a signal into y, column after column, `rows` apart. */
void durai_signal_hear(float *y, int signal, const durai_sheet *s, const durai_relations *k, const durai_group *group,
                       uint32_t n_groups, size_t from, size_t to);

/* ---- families -------------------------------------------------------------------------------------- */

enum {
    DURAI_RULE, DURAI_VOTE, DURAI_PARITY, DURAI_PARITY_SLOW, DURAI_JOINT, DURAI_JOINT_SLOW, DURAI_DRIFT,
    DURAI_RANGE, DURAI_NOISE, DURAI_SPIKE, DURAI_FAMILIES
};

typedef struct durai_family {
    uint32_t n;                /* columns */
    int refused;               /* DURA_LEARN_FAMILY_* */
    uint16_t *window;          /* n: 1: not averaged; 0: this column is not checked */
    double *first;             /* n: deviation before averaging */
    double *scale;             /* n: and after */
    double *clamp;             /* n: what the check clamps a frame to */
    double limit;              /* on the worst column in deviations; of rule and joint in their units */
    double factor;             /* what held-out blocks multiplied it by */
    double share;              /* promised, per 30 days */
    size_t memory;             /* rows */
    uint64_t trips;            /* of each block, with the limit of the others */
    double due;                /* promised in the recording */
    double least, most;        /* 95 % of a rate of which so many were counted, per 30 days */
    uint32_t checks;           /* that came of it */
    uint32_t left_out;         /* columns that would have cost the others too much */
} durai_family;

const char *durai_family_name(int family);
int durai_family_signal(int family);
int durai_family_is_slow(int family);
/* Columns, their averaging and scales; refused when nothing is left. y: rows x columns. */
int durai_family_fit(durai_family *f, int family, const float *y, uint32_t columns, const durai_sheet *s);
/* The limit at per_row trips a row, and what the blocks say about it. */
int durai_family_limit(durai_family *f, int family, const float *y, const durai_sheet *s, double per_row);
/* One number a row: the worst column over the limit; above 1 is an alarm. */
int durai_family_severity(double *out, const durai_family *f, int family, const float *y, const durai_sheet *s);
void durai_family_free(durai_family *f);

/* ---- checks --------------------------------------------------------------------------------------------- */

typedef struct durai_learned_check {
    dura_sensor_check c;       /* terms point into the heap */
    int family;
    uint8_t *terms;
    char why[256];             /* what a policy takes */
} durai_learned_check;

typedef struct durai_checks {
    durai_sheet sheet;
    durai_relations k;         /* of the whole recording */
    durai_group *group;
    uint32_t n_groups;
    durai_family family[DURAI_FAMILIES];
    durai_learned_check *check;
    uint32_t n, room;
    uint32_t rules_dropped, refused; /* no room; not for a sensor */
    double *suspect_lo, *suspect_hi; /* per channel of the recording; lo > hi: none */
    double channels_share;     /* trips per 30 days that are left for the limits of channels */
    double share;              /* ... and promised by the checks */
} durai_checks;

/* Take out the checks that a sensor would not take. */
int durai_checks_admit(durai_checks *c, const struct durai_recording *r);
/* Emit what the families promise. */
int durai_checks_emit(durai_checks *c, const struct durai_recording *r, double days);
void durai_checks_free(durai_checks *c);

#endif
