/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/mspc.h - from clean frames to a basis for dura/mspc.h.
 *
 * Principal components of the correlation matrix, as many as hold a share of the variance
 * (Jacobi's method, in doubles). What T2 and SPE are on frames the basis was not made from
 * is found by leaving out one fifth of the rows after the other: on its own rows a basis
 * looks better than it is, and limits learned there cry wolf. Those numbers come back too,
 * to learn the references of the drift monitor from.
 *
 * Memory: heap, freed by deinit. Results are the same on every target. Unstable until 1.0.
 */
#ifndef DURA_HOST_MSPC_H
#define DURA_HOST_MSPC_H

#include <dura/host/error.h>
#include <dura/mspc.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_MSPC_ROWS_MIN 64u           /* and four times the channels */

/* Zero any field for its default. */
typedef struct dura_mspc_options {
    uint32_t struct_size;
    uint32_t components;       /* 0: as many as hold `share` of the variance */
    double   share;            /* 0.1..0.999; 0: 0.9 */
} dura_mspc_options;
#define DURA_MSPC_OPTIONS_INIT { (uint32_t)sizeof(dura_mspc_options), 0, 0.0 }

/* Start from DURA_MSPC_LEARNED_INIT. */
typedef struct dura_mspc_learned {
    uint32_t struct_size;
    uint32_t rows;             /* learned from */
    dura_mspc_basis basis;     /* its values lie in this object's memory */
    double   share;            /* of the variance the components hold */
    float   *t2, *spe;         /* rows numbers each: the standardised cube roots, every row
                                  under a basis made without it */
} dura_mspc_learned;
#define DURA_MSPC_LEARNED_INIT \
    { (uint32_t)sizeof(dura_mspc_learned), 0, DURA_MSPC_BASIS_INIT, 0.0, NULL, NULL }

/** Learn from rows x channels values, row by row in order of time. options: NULL for the
 *  defaults. Fill out with DURA_MSPC_LEARNED_INIT first.
 *  returns  DURA_OK; DURA_EINVAL (an argument; a value that is not finite; a channel that
 *           never moves, all told in err->field as channels[i]); DURA_ENOENT (too few rows);
 *           DURA_ELIMIT (the components hold everything: the channels are copies of each
 *           other); DURA_ENOSPC (heap). On error *out is unchanged.
 *                                              [any] O(rows x channels^2 + channels^3) */
DURA_API DURA_CHECK int dura_mspc_learn(dura_mspc_learned *out, const float *values, size_t rows,
                                        uint32_t channels, const dura_mspc_options *options,
                                        dura_error *err);

/** Free what learn gave; NULL and twice are allowed.                      [any] O(1) */
DURA_API void dura_mspc_learned_deinit(dura_mspc_learned *learned);

#ifdef __cplusplus
}
#endif
#endif
