/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/mspc.h - do the channels still belong together?
 *
 * A pinned principal component basis turns a frame into two numbers: T2, how far it lies
 * from the centre inside the subspace of the reference, and SPE, how far outside of it
 * (Jackson and Mudholkar 1979; Kourti and MacGregor 1996). Both come as cube roots less
 * their mean over their deviation, which makes them near enough to Gaussian (Wilson and
 * Hilferty 1931) to be watched by the drift monitor like any channel. Whose doing it is
 * says blame().
 *
 *   host: dura_mspc_learn -> basis         device: bytes -> init -> update... -> blame
 *
 * With z the frame in deviations, P the loadings, L their variances, r the variance of each
 * direction outside: T2 = z'P L^-1 P'z, SPE = |z - PP'z|^2, and the distance of the whole
 * frame under the model z ~ N(0, PLP' + r (I - PP')) is T2 + SPE / r.
 *
 * A channel without a sample is replaced by what the others make of it: the value that
 * makes T2 + SPE / r smallest, its conditional mean under that model. So a missing channel
 * never adds to that distance; T2 and SPE by themselves are then a little lower than
 * usual, never the reason of an alarm. Its reference mean would not do: it contradicts the
 * channels it goes with. With more than a quarter of the channels missing there is no
 * sample.
 *
 * Memory: yours, fixed; the basis stays where it is. No allocation, no globals, no clock,
 * no I/O, no libm. Same numbers on every target. Threads: one caller at a time per object.
 */
#ifndef DURA_MSPC_H
#define DURA_MSPC_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_MSPC_CHANNELS_MAX 256
#define DURA_MSPC_COMPONENTS_MAX 128

/* Floats of a basis of n channels and k components, in this order: n means, n times 1 /
 * deviation, k variances (of the components, falling), k x n loadings (component by
 * component, orthonormal), mean of SPE, then mean and deviation of the cube root of T2 / k,
 * mean and deviation of the cube root of SPE / its mean. */
#define DURA_MSPC_VALUES(n, k) ((size_t)2 * (n) + (k) + (size_t)(k) * (n) + 5)

/* Start from DURA_MSPC_BASIS_INIT. */
typedef struct dura_mspc_basis {
    uint32_t struct_size;
    uint16_t n_channels;       /* 2..DURA_MSPC_CHANNELS_MAX */
    uint16_t n_components;     /* 1..DURA_MSPC_COMPONENTS_MAX, below n_channels */
    float    newest;           /* weight of the newest frame in the average that blame() looks
                                  at, 0.001..1; 0: 1, the last frame alone */
    uint32_t n_values;         /* DURA_MSPC_VALUES(n_channels, n_components) */
    const float *values;       /* not copied: must stay as long as the object is used */
} dura_mspc_basis;
#define DURA_MSPC_BASIS_INIT { (uint32_t)sizeof(dura_mspc_basis), 0, 0, 0.0f, 0, NULL }

typedef struct dura_mspc dura_mspc;            /* lives in memory you give to init */

/* One channel's part. */
typedef struct dura_mspc_share {
    uint16_t channel;
    uint16_t reserved;         /* 0 */
    float    z;                /* deviations from its mean */
    float    unexplained;      /* from what the other channels make of it, in deviations of
                                  that; its square is what the distance of the frame falls
                                  by when the channel is taken out */
    float    t2;               /* part of T2, signed: they add up to it */
    float    spe;              /* part of SPE, >= 0: they add up to it */
} dura_mspc_share;

typedef struct dura_mspc_state {
    uint32_t struct_size;
    uint32_t replaced;         /* channels of the last frame that had no sample */
    float    t2, spe;          /* of the last frame */
    float    average_t2;       /* of the average: with `newest` a MEWMA */
    float    average_spe;
    uint64_t n;                /* frames judged */
} dura_mspc_state;
#define DURA_MSPC_STATE_INIT \
    { (uint32_t)sizeof(dura_mspc_state), 0, 0.0f, 0.0f, 0.0f, 0.0f, 0 }

typedef struct dura_mspc_calls {
    uint32_t struct_size;
    uint32_t reserved;         /* 0 */

    /* Exact bytes init() needs; 0 when the numbers of `basis` are invalid. [any] O(1) */
    size_t (*bytes)(const dura_mspc_basis *basis);

    /* Build in mem (8-byte aligned). The values are checked here, once and whole: finite,
     * 1 / deviation above 0, variances falling and at least 1e-6, loadings orthonormal within
     * 1e-3, mean of SPE at least 1e-6, both deviations at least 1e-6, nothing above 1e30.
     * returns  DURA_OK; DURA_EINVAL, DURA_ENOSPC, DURA_EALIGN, DURA_EVERSION; DURA_ECORRUPT
     *          (the values). On error *out is NULL.                 [init] O(k x k x n) */
    int (*init)(dura_mspc **out, void *mem, size_t len, const dura_mspc_basis *basis);

    /* One frame: n == n_channels values in the units of the means; missing: NULL, or n
     * bytes, non-zero where there is no sample. Not finite counts as missing. out[0], out[1]:
     * the standardised cube roots of T2 and SPE.
     * returns  >= 0: channels that were replaced; DURA_ENOENT: more than a quarter were
     *          missing, nothing changed; DURA_EINVAL.               [serial] O(k x n) */
    int (*update)(dura_mspc *m, const float *x, const uint8_t *missing, size_t n, float out[2]);

    /* Each channel's part in the average, most unexplained first (equal: lower channel first).
     * A single reading that is off ranks first however it is smeared over T2 and SPE.
     * returns  >= 0: shares written, min(max, n_channels); DURA_EINVAL; DURA_ENOENT (no frame
     *          yet).                                          [serial] O((k + max) x n) */
    int (*blame)(dura_mspc *m, dura_mspc_share *out, size_t max);

    /* `unexplained` of every channel of the last frame: n series for a drift monitor, each of
     * unit deviation when the model holds. returns DURA_OK; DURA_EINVAL; DURA_ENOENT.
     *                                                              [serial] O(k x n) */
    int (*residuals)(dura_mspc *m, float *out, size_t n);

    /* Fill *out (set out->struct_size first). returns DURA_OK, DURA_EINVAL. [serial] O(k x n) */
    int (*query)(dura_mspc *m, dura_mspc_state *out);

    /* Forget the frames. returns DURA_OK, DURA_EINVAL.                  [serial] O(n) */
    int (*reset)(dura_mspc *m);
} dura_mspc_calls;

/** The table of this part's calls. Static storage.                       [any] O(1) */
DURA_API DURA_CHECK const dura_mspc_calls *dura_mspc_part(void);

#ifdef __cplusplus
}
#endif
#endif
