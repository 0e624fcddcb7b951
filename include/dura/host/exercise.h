/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/exercise.h - a drill of every entry of a register.
 *
 * dura/host/drill.h injects everything into every channel. This asks the register instead:
 * which faults, drifts, replays and bounded attacks does each entry name, and which of its own
 * controls noticed? What something else noticed does not count: an entry stands on the controls
 * it names. Beside injections into the recording there are acts: a model that answers wildly,
 * a stop, a forged release, a record altered.
 *
 *   dura_exercise_run -> query, entry_at, case_at, control_at -> text, page -> deinit
 *
 * docs/cmd/drill.md says which injections an entry gets. The text is the evidence that
 * dura_binding_read() takes for E2: same input, same seed, same bytes.
 * Memory: heap, freed by deinit; texts live as long as the exercise and its register.
 * Unstable until 1.0.
 */
#ifndef DURA_HOST_EXERCISE_H
#define DURA_HOST_EXERCISE_H

#include <dura/host/drill.h>
#include <dura/host/register.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How an entry, a control or a case came out. */
enum {
    DURA_EXERCISE_CAUGHT = 1,      /* everywhere, by a control of the entry */
    DURA_EXERCISE_PARTLY = 2,
    DURA_EXERCISE_MISSED = 3,      /* nowhere */
    DURA_EXERCISE_NOT_DRILLED = 4  /* nothing of it could be: a blind spot */
};

typedef struct dura_exercise dura_exercise;

typedef struct dura_exercise_info {
    uint32_t struct_size;          /* in: sizeof in your build; out: bytes filled */
    uint32_t entries, controls;
    uint32_t drilled;              /* entries of which at least one case was */
    uint32_t results[5];           /* entries by DURA_EXERCISE_* */
    uint32_t injections, caught;   /* all cases of all entries */
    uint32_t weak;                 /* controls that missed something made for them */
    uint32_t idle;                 /* controls that nothing could be made for */
    uint32_t reserved;             /* 0 */
    uint8_t  digest[32];           /* of the register */
    dura_drill_report drill;       /* the recording as it is, places, digests */
} dura_exercise_info;

typedef struct dura_exercise_entry {
    uint32_t struct_size;          /* in: sizeof in your build; out: bytes filled */
    uint8_t  result;               /* DURA_EXERCISE_* */
    uint8_t  cause;                /* 0 fault, 1 drift, 2 attack, 3 misuse */
    uint16_t reserved;             /* 0 */
    const char *id, *title;
    uint32_t cases, missed_cases;  /* missed at one place at least */
    uint32_t injections, caught;
    uint32_t elsewhere;            /* of those not caught: noticed by what the entry does not name */
    uint32_t spurious;             /* how often its controls speak in the recording as it is */
    uint64_t delay_median, delay_max;  /* frames, of those caught */
    double   delay_s_max;
} dura_exercise_entry;

typedef struct dura_exercise_case {
    uint32_t struct_size;          /* in: sizeof in your build; out: bytes filled */
    uint8_t  result;               /* DURA_EXERCISE_* */
    uint8_t  action;               /* strongest that followed: DURA_ACT, HOLD, FALLBACK, STOP */
    uint8_t  verdict;              /* of the correlator, most often: DURA_CAUSE_*, DURA_DRILL_NO_INCIDENT */
    uint8_t  reserved;             /* 0 */
    const char *injection;         /* "stuck", "model_wild" */
    const char *where;             /* a channel, "*", "" for an act */
    const char *by;                /* the entry's control that spoke first; "" nobody */
    const char *elsewhere;         /* hook that spoke and is not the entry's; "" none */
    const char *note;              /* why it could not be drilled; "" */
    double   size;                 /* as dura_drill_entry */
    uint32_t starts, caught;
    uint64_t delay_median, delay_max;  /* frames from the injection's first */
    double   moved;                /* as dura_drill_entry: what a miss would have cost */
} dura_exercise_case;

typedef struct dura_exercise_control {
    uint32_t struct_size;          /* in: sizeof in your build; out: bytes filled */
    uint8_t  result;               /* DURA_EXERCISE_*; of what was made for it */
    uint8_t  reserved[3];          /* 0 */
    const char *id, *hook;
    const char *note;              /* what to do about it; "" */
    uint32_t drilled, caught;      /* injections made for its hook */
    uint32_t spurious;             /* as in an entry */
    uint32_t reserved2;            /* 0 */
} dura_exercise_control;

/** Drill every entry of r, which must outlive *out. o as for dura_drill_open(); channels and
 *  kinds must be NULL: the register says what is drilled.
 *  returns  DURA_OK, whatever was found; as dura_drill_open().
 *                                  [any] O(cases x starts x length x channels), I/O */
DURA_API DURA_CHECK int dura_exercise_run(dura_exercise **out, const dura_register *r,
                                          const dura_drill_options *o, dura_error *err);

/** Release. NULL is allowed.                                              [any] O(n) */
DURA_API void dura_exercise_deinit(dura_exercise *x);

/** returns DURA_OK; DURA_EINVAL; DURA_ENOENT: n is behind the last. Set out->struct_size first.
 *                                                                          [any] O(1) */
DURA_API DURA_CHECK int dura_exercise_query(const dura_exercise *x, dura_exercise_info *out);
DURA_API DURA_CHECK int dura_exercise_entry_at(const dura_exercise *x, uint32_t n, dura_exercise_entry *out);
DURA_API DURA_CHECK int dura_exercise_case_at(const dura_exercise *x, uint32_t entry, uint32_t n, dura_exercise_case *out);
DURA_API DURA_CHECK int dura_exercise_control_at(const dura_exercise *x, uint32_t n, dura_exercise_control *out);

/** The evidence as JSON in canonical form. *text goes to dura_register_free().
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOSPC.                             [any] O(n) */
DURA_API DURA_CHECK int dura_exercise_text(const dura_exercise *x, char **text, size_t *len);

/** The same as one HTML page without scripts. As dura_exercise_text().     [any] O(n) */
DURA_API DURA_CHECK int dura_exercise_page(const dura_exercise *x, char **text, size_t *len);

#ifdef __cplusplus
}
#endif
#endif
