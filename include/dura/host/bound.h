/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/bound.h - how far can somebody who moves the inputs a little move the answer?
 *
 * An attacker who stays inside the contract may move every input within an interval. The
 * answer then stays within bounds that hold for every row in that box: interval arithmetic
 * over trees or weights, in the model's own binary32, tightened by splitting the box where a
 * tree splits until the worst row itself is found or the budget of boxes is used up. Beside
 * it an attack that knows nothing of the model but its answers: what it finds must lie
 * inside, and how close it comes says how tight the bounds are.
 *
 *   dura_bound_open -> dura_bound_box, dura_bound_search ... -> dura_bound_close
 *   dura_bound_run: both over the decisions of a run folder, as a statement for a release
 *
 * A bound says nothing of a value that is missing, and nothing of an attacker who leaves the
 * box. Memory: heap. Unstable until 1.0.
 */
#ifndef DURA_HOST_BOUND_H
#define DURA_HOST_BOUND_H

#include <dura/host/error.h>

#include <dura/backend.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dura_bound dura_bound;

/* Answers of one output. */
typedef struct dura_bound_range {
    float lo, hi;
    uint8_t lo_exact;       /* 1: a row of the box gives it; 0: none gives less, perhaps none
                               gives so little */
    uint8_t hi_exact;
    uint16_t reserved;      /* 0 */
    uint32_t boxes;         /* that were looked at */
} dura_bound_range;

/** Make a packed model ready: linear or trees. The image is borrowed until close.
 *  returns  DURA_OK; DURA_EINVAL (NULL, a policy); DURA_ENOSPC; as dura_pack_check(). On
 *           error *out is NULL and err (may be NULL) says why.              [any] O(len) */
DURA_API DURA_CHECK int dura_bound_open(dura_bound **out, const void *image, size_t len, dura_error *err);

/** Release. NULL is allowed.                                               [any] O(1) */
DURA_API void dura_bound_close(dura_bound *b);

/** Bounds on every answer when input i is anywhere in lo[i]..hi[i], all finite, lo <= hi.
 *  boxes: how many may be looked at for each bound, 1..1000000; 1 is plain interval
 *  arithmetic. More never loosens. out: n_out of them.
 *  returns  DURA_OK; DURA_EINVAL (NULL, counts, boxes, an interval); DURA_ENOSPC.
 *                                                            [any] O(boxes x nodes) */
DURA_API DURA_CHECK int dura_bound_box(const dura_bound *b, const float *lo, const float *hi, size_t n_in,
                                       uint32_t boxes, dura_bound_range *out, size_t n_out);

/** What an attack finds in the box: by turns for every output up and down, from a random
 *  row or a random corner on, one input after the other is put where the answer is worst,
 *  until nothing helps. *_exact is 1: found rows are rows.
 *  returns  DURA_OK; DURA_EINVAL as above or no starts; the backend's code; DURA_ENOSPC.
 *                                                [any] O(starts x inputs) runs of the model */
DURA_API DURA_CHECK int dura_bound_search(const dura_bound *b, const float *lo, const float *hi, size_t n_in,
                                          uint32_t starts, uint64_t seed, dura_bound_range *out, size_t n_out);

/* What the attacker may do, and how hard it is looked at. Start from
 * DURA_BOUND_OPTIONS_INIT. */
typedef struct dura_bound_options {
    uint32_t struct_size;
    uint32_t rows;             /* decisions, evenly over the run; 0: 50 */
    uint32_t starts;           /* of the attack, over all rows; 0: 1000 */
    uint32_t boxes;            /* per bound; 0: 20000 */
    uint64_t seed;             /* of the attack */
    double   percent;          /* of a channel's fail range that it may be moved by; 0: 1 */
    const char *budget;        /* "NAME=1.5,...": units of these channels instead; NULL: none */
    double   limit;            /* percent of an output's range; more fails. 0: no limit */
    const char *entry;         /* id of the register's entry this is about; NULL: none */
    const uint8_t *register_digest;  /* SHA-256 of that register; NULL: none */
} dura_bound_options;
#define DURA_BOUND_OPTIONS_INIT                                                        \
    { (uint32_t)sizeof(dura_bound_options), 0, 0, 0, 1, 0.0, NULL, 0.0, NULL, NULL }

/* The worst over all rows, of the output where bound / range is worst. */
typedef struct dura_bound_report {
    uint32_t struct_size;      /* in: sizeof in your build; out: bytes filled */
    uint32_t rows;             /* that were looked at */
    uint32_t exact;            /* bounds that a row attains, of rows x outputs x 2 */
    uint32_t exceeded;         /* attacks that left the bounds: not 0 is a fault of dura */
    double   bound;            /* change of the answer that nobody in the budget exceeds */
    double   found;            /* change that the attack found */
    uint16_t output;           /* whose */
    uint16_t passed;           /* 1: within the limit, and nothing exceeded */
    uint32_t reserved;         /* 0 */
    uint64_t frame;            /* where */
} dura_bound_report;
#define DURA_BOUND_REPORT_INIT { (uint32_t)sizeof(dura_bound_report), 0, 0, 0, 0.0, 0.0, 0, 0, 0, 0 }

/** Both over the rows that the model of a run folder was given. *text (may be NULL) gets an
 *  in-toto Statement of a test result about that model, zero-terminated; give it to
 *  dura_bound_free(). docs/cmd/bound.md has the members.
 *  returns  DURA_OK; DURA_EINVAL (options; a name that is no channel; a channel without a
 *           fail range that has no budget; a feature that is a ratio); DURA_ENOENT (no run,
 *           no decision of this model); DURA_ECORRUPT, DURA_EIO; DURA_ENOSPC.
 *                                                     [serial] O(rows x boxes x nodes), I/O */
DURA_API DURA_CHECK int dura_bound_run(const char *folder, const dura_bound_options *options,
                                       dura_bound_report *report, char **text, size_t *len, dura_error *err);

/** Release a statement. NULL is allowed.                                   [any] O(1) */
DURA_API void dura_bound_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
