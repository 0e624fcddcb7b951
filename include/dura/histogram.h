/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/histogram.h - has the shape of a distribution changed, whatever it was?
 *
 * The reference is a histogram: up to 16 bins with their probabilities p. Every sample
 * falls into a bin b, and R = (R + 1) x q(b) / p(b), where q is what the last samples (about
 * 48, 190 and 1500 of them, three R's side by side) make of the probabilities, known before
 * the sample is. Under the reference E[q(b) / p(b)] = 1 whatever q is, so R - t is a
 * martingale, and the average number of samples to a false alarm is the limit at least: by
 * theorem, for any distribution, without a Gaussian (e-detectors; Shin, Ramdas, Rinaldo).
 * It sees what mean and spread do not: two humps, heavier tails, values that got coarse. For
 * a shift of the mean the drift monitor is faster.
 *
 * The theorem wants samples that do not depend on each other. Give it those that the drift
 * monitor has whitened (dura_drift_query, z) where the channel is autocorrelated.
 * For probabilities learned from n samples what they leave open is divided out; that is
 * measured, not proved (docs/histogram.md).
 *
 *   host: dura_histogram_learn -> reference
 *   dura_histogram_part(): bytes -> init -> attach (per channel) -> update... -> query, save, load
 *
 * Memory: yours, fixed, 112 bytes of state and 136 of reference a channel. No allocation, no
 * globals, no clock, no I/O, no libm. The work of update() does not depend on the samples (but
 * for facts that are written and samples that are missing). Threads: one caller at a time per object.
 */
#ifndef DURA_HISTOGRAM_H
#define DURA_HISTOGRAM_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_HISTOGRAM_CHANNELS_MAX 1024
#define DURA_HISTOGRAM_BINS_MAX 16

/* Why a reference cannot carry the asked rate. Bits; 0 when it can. The bits are those of
 * DURA_DRIFT_*. */
enum {
    DURA_HISTOGRAM_SHORT = 1 << 0,      /* fewer than 1000 samples */
    DURA_HISTOGRAM_CORRELATED = 1 << 1, /* the bins of samples in a row depend on each other */
    DURA_HISTOGRAM_TREND = 1 << 5       /* the halves differ */
};

/* One channel's reference. Start from DURA_HISTOGRAM_REFERENCE_INIT. A sample's bin is the
 * number of edges that are not above it. */
typedef struct dura_histogram_reference {
    uint32_t struct_size;
    uint32_t n;                /* samples it was learned from; 0: exactly known */
    uint16_t n_bins;           /* 2..DURA_HISTOGRAM_BINS_MAX */
    uint16_t why;              /* DURA_HISTOGRAM_* */
    float    edge[DURA_HISTOGRAM_BINS_MAX - 1]; /* n_bins - 1 rising ones, the rest 0 */
    float    p[DURA_HISTOGRAM_BINS_MAX];        /* n_bins, each 0.001 at least, sum 1 within
                                                   0.001; the rest 0 */
} dura_histogram_reference;
#define DURA_HISTOGRAM_REFERENCE_INIT \
    { (uint32_t)sizeof(dura_histogram_reference), 0, 0, 0, {0.0f}, {0.0f} }

enum {
    DURA_HISTOGRAM_RESTART = 1 /* after an alarm the statistic starts anew at once; without:
                                  one alarm, then silence until the channel has come back */
};

typedef struct dura_histogram_config {
    uint32_t struct_size;
    uint16_t n_channels;       /* 1..DURA_HISTOGRAM_CHANNELS_MAX */
    uint16_t flags;            /* DURA_HISTOGRAM_RESTART */
    float    arl0;             /* samples between false alarms, all channels together;
                                  100..1e9 */
    uint32_t reserved;         /* 0 */
} dura_histogram_config;
#define DURA_HISTOGRAM_CONFIG_INIT { (uint32_t)sizeof(dura_histogram_config), 0, 0, 0.0f, 0 }

typedef struct dura_histogram dura_histogram;  /* lives in memory you give to init */

/* value[0] of its facts: behind those of the drift monitor, so that one reader has both. */
enum {
    DURA_HISTOGRAM_BACK = 0,   /* the channel is back at its reference (never an alarm) */
    DURA_HISTOGRAM_SHAPE = 5   /* its distribution has changed */
};

/* What query() says of a channel. */
typedef struct dura_histogram_state {
    uint32_t struct_size;
    uint8_t  alarm;            /* 1: changed, and not back yet */
    uint8_t  bin;              /* that grew most, in deviations; n_bins: none did */
    uint16_t grown;            /* bit b: bin b did, or has lately had more samples than three
                                  deviations above what the reference expects */
    uint32_t why;              /* why no rate is promised for this channel; 0: it is */
    uint32_t onset;            /* samples since the change is thought to have begun */
    float    statistic;
    float    limit;            /* alarm at this */
    float    size;             /* probability that has moved to other bins, 0..1 */
    uint8_t  last;             /* bin of the last sample */
    uint8_t  reserved[3];      /* 0 */
    uint64_t n;                /* samples judged */
} dura_histogram_state;
#define DURA_HISTOGRAM_STATE_INIT \
    { (uint32_t)sizeof(dura_histogram_state), 0, 0, 0, 0, 0, 0.0f, 0.0f, 0.0f, 0, {0, 0, 0}, 0 }

typedef struct dura_histogram_calls {
    uint32_t struct_size;
    uint32_t reserved;         /* 0 */

    /* Exact bytes init() needs; 0 when cfg is invalid.                  [any] O(1) */
    size_t (*bytes)(const dura_histogram_config *cfg);

    /* Build in mem (8-byte aligned). cfg is copied. returns DURA_OK; DURA_EINVAL,
     * DURA_ENOSPC, DURA_EALIGN, DURA_EVERSION. On error *out is NULL.
     *                                                         [init] O(n_channels) */
    int (*init)(dura_histogram **out, void *mem, size_t len, const dura_histogram_config *cfg);

    /* Set channel `index`; ref is copied. A channel never attached is not watched.
     * returns  DURA_OK; DURA_EINVAL; DURA_EVERSION; DURA_ESTATE (attached twice).  [init] */
    int (*attach)(dura_histogram *h, uint16_t index, const dura_histogram_reference *ref);

    /* One sample of every channel: n == n_channels; missing: NULL, or n bytes, non-zero where
     * there is none (the channel then stays as it is). Not finite counts as missing.
     * facts: room for max_facts; kind DURA_FACT_DRIFT, channel, severity, reasons = why + (bins
     * that grew << 16), value[0] DURA_HISTOGRAM_*, [1] size in thousandths, [2] onset in samples ago, [3]
     * statistic in thousandths of the limit. When more channels speak at once than there is
     * room for, the rest do so at the next call.
     * returns  >= 0: facts written; DURA_EINVAL.                       [serial] O(n) */
    int (*update)(dura_histogram *h, const float *x, const uint8_t *missing, size_t n,
                  dura_fact *facts, size_t max_facts);

    /* Fill *out for a channel (set out->struct_size first). returns DURA_OK, DURA_EINVAL,
     * DURA_ENOENT (not watched).                                       [serial] O(1) */
    int (*query)(const dura_histogram *h, uint16_t channel, dura_histogram_state *out);

    /* Begin anew, as if no sample had come. returns DURA_OK, DURA_EINVAL.
     *                                                       [serial] O(n_channels) */
    int (*reset)(dura_histogram *h);

    /* The state as portable bytes (docs/formats/histogram.md): same bytes on every target,
     * exact resume. *len: in, room at out; out, bytes.
     * returns  DURA_OK; DURA_ENOSPC (*len: wanted); DURA_EINVAL. [serial] O(n_channels) */
    int (*save)(const dura_histogram *h, void *out, size_t *len);

    /* Go on from saved bytes: same channels, same references.
     * returns  DURA_OK; DURA_ECORRUPT, DURA_EVERSION; DURA_EAUTH (other configuration or
     *          references); DURA_EINVAL. On error nothing changed. [serial] O(n_channels) */
    int (*load)(dura_histogram *h, const void *bytes, size_t len);
} dura_histogram_calls;

/** The table of this part's calls. Static storage.                       [any] O(1) */
DURA_API DURA_CHECK const dura_histogram_calls *dura_histogram_part(void);

#ifdef __cplusplus
}
#endif
#endif
