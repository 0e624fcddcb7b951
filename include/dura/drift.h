/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/drift.h - has the world moved away from the reference?
 *
 * Asked in the user's terms: the expected number of samples between two false alarms of
 * the whole monitor (ARL0). Per channel a Shiryaev-Roberts statistic, mixed over shifts
 * of the mean (0.16 to 2.4 deviations, both ways) and changes of the spread (up, down):
 * R = (1 + R) x likelihood ratio, alarm when the mixture reaches the limit. Under the
 * reference R - t is a martingale, so E[samples to a false alarm] is what R is on average
 * when it crosses (Pollak 1985; Shin, Ramdas, Rinaldo, e-detectors): with n channels the
 * limit of each is n x ARL0 less what crossing overshoots, a constant (docs/drift.md).
 *
 * Errors, confidences and other samples with bounds are bet on instead, with mean 1 under
 * any law that has the reference's mean: give the reference `low` and `high`.
 *
 * Samples are standardised by a reference learned once from clean data and kept as part
 * of the policy: mean, autoregression of order up to 4 (real sensors are autocorrelated,
 * and that alone multiplies false alarms by hundreds), deviation of what remains. Where
 * the reference cannot carry the promise the monitor says so by name.
 *
 *   dura_drift_learn -> references
 *   dura_drift_bytes -> init -> attach (per channel) -> update... -> query, save, load
 *
 * Memory: yours, fixed, 128 bytes of state and 48 of reference a channel (in fours where the
 * target has vectors). No allocation, no globals, no clock, no I/O, no libm. The work of
 * update() does not depend on the data (but for facts that are written, alarms that stand,
 * and samples that are missing or repeats of a HELD channel, which count as no sample). Threads: one caller at a time per object.
 */
#ifndef DURA_DRIFT_H
#define DURA_DRIFT_H

#include <dura/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_DRIFT_CHANNELS_MAX 1024
#define DURA_DRIFT_ORDER_MAX 4

/* Why a reference cannot carry the asked rate. Bits; 0 when it can. */
enum {
    DURA_DRIFT_SHORT = 1 << 0,      /* fewer than 1000 samples, or 250 that are independent */
    DURA_DRIFT_CORRELATED = 1 << 1, /* what the autoregression leaves is still correlated */
    DURA_DRIFT_TAILS = 1 << 2,      /* heavier tails than a Gaussian's */
    DURA_DRIFT_CONSTANT = 1 << 3,   /* the reference never moved: any change is an alarm */
    DURA_DRIFT_HELD = 1 << 4,       /* values repeat: sampled and held elsewhere */
    DURA_DRIFT_TREND = 1 << 5       /* the reference itself moves: its halves differ */
};

/* Bit of `order` for learn: the samples are in 0..1 (errors, confidences, scores). */
#define DURA_DRIFT_BOUNDED 0x100u

/* How a channel is watched. The mixture is dura_drift_part(), the others, for who knows the
 * size that matters, dura_drift_chart_part() (dura/drift_chart.h); each refuses the other's. */
enum {
    DURA_DRIFT_MIXTURE = 0,
    DURA_DRIFT_CUSUM = 1,
    DURA_DRIFT_EWMA = 2,
    DURA_DRIFT_RAMP = 3,
    DURA_DRIFT_HISTOGRAM = 4   /* in facts alone: dura/histogram.h */
};

/* `reasons` of a DURA_FACT_DRIFT of the guard: who found it beside why no rate is promised. Of
 * T2 and SPE (dura/mspc.h) also the inputs that are least explained, worst first, each as its
 * place in drift.mspc's inputs plus 1, and 0 for none. Bits 16..31 of a histogram: which bins
 * grew. */
enum {
    DURA_DRIFT_WHY = 63,           /* mask of DURA_DRIFT_SHORT.. */
    DURA_DRIFT_DETECTOR_AT = 6,    /* lowest of 3 bits: DURA_DRIFT_MIXTURE.. */
    DURA_DRIFT_BLAMED_AT = 11,     /* lowest bit of the worst input; */
    DURA_DRIFT_BLAMED_BITS = 7,    /* so many for each */
    DURA_DRIFT_BLAMED = 3          /* of them */
};

/* One channel's reference. Start from DURA_DRIFT_REFERENCE_INIT. 72 bytes. */
typedef struct dura_drift_reference {
    uint32_t struct_size;
    uint32_t n;                /* samples it was learned from; what they leave open is allowed
                                  for; 0: exactly known */
    float    mean;             /* finite */
    float    deviation;        /* of x - mean - autoregression; >= 0; 0 with CONSTANT only */
    float    phi[DURA_DRIFT_ORDER_MAX]; /* y = sum phi[k] y(k+1) + noise, y = x - mean */
    float    resolution;       /* smallest step seen: the floor of `deviation`; >= 0 */
    float    clip;             /* standardised samples are cut to +- this, 3..6; 0: 6 */
    uint32_t why;              /* DURA_DRIFT_* */
    float    hold;             /* HELD: frames a value stays, on average; 0: 1 */
    float    low, high;        /* both 0: none. A sample is never outside, and is bet on
                                  instead of taken for Gaussian: errors, confidences */
    uint32_t detector;         /* DURA_DRIFT_MIXTURE.. */
    float    shift;            /* charts: dura/drift_chart.h; mixture: 0 */
    float    limit;            /* charts: of the statistic; mixture: 0 */
    uint32_t reserved2;        /* 0 */
} dura_drift_reference;
#define DURA_DRIFT_REFERENCE_INIT                                                      \
    { (uint32_t)sizeof(dura_drift_reference), 0, 0.0f, 0.0f, {0.0f, 0.0f, 0.0f, 0.0f}, \
      0.0f, 0.0f, 0, 0.0f, 0.0f, 0.0f, 0, 0.0f, 0.0f, 0 }

enum {
    DURA_DRIFT_RESTART = 1     /* after an alarm the statistic starts anew at once; without:
                                  one alarm, then silence until the channel has come back */
};

typedef struct dura_drift_config {
    uint32_t struct_size;
    uint16_t n_channels;       /* 1..DURA_DRIFT_CHANNELS_MAX */
    uint16_t flags;            /* DURA_DRIFT_RESTART */
    float    arl0;             /* samples between false alarms, all channels together;
                                  100..1e9 */
    uint32_t reserved;         /* 0 */
} dura_drift_config;
#define DURA_DRIFT_CONFIG_INIT { (uint32_t)sizeof(dura_drift_config), 0, 0, 0.0f, 0 }

typedef struct dura_drift dura_drift;          /* lives in memory you give to init */

/* value[0] of a DURA_FACT_DRIFT. */
enum {
    DURA_DRIFT_BACK = 0,       /* the channel is back at its reference (never an alarm) */
    DURA_DRIFT_UP = 1,         /* mean */
    DURA_DRIFT_DOWN = 2,
    DURA_DRIFT_WIDER = 3,      /* spread */
    DURA_DRIFT_NARROWER = 4
};

/* What query() says of a channel. */
typedef struct dura_drift_state {
    uint32_t struct_size;
    uint8_t  alarm;            /* 1: drifted, and not back yet */
    uint8_t  direction;        /* DURA_DRIFT_*, of the leading hypothesis */
    uint16_t reserved;         /* 0 */
    uint32_t why;              /* why no rate is promised for this channel; 0: it is */
    uint32_t onset;            /* samples since the change is thought to have begun */
    float    statistic;        /* mixture of the Shiryaev-Roberts statistics */
    float    limit;            /* alarm at this */
    float    size;             /* of the leading hypothesis: shift in deviations, or the
                                  ratio of the spreads */
    float    z;                /* last standardised sample */
    uint64_t n;                /* samples judged */
} dura_drift_state;
#define DURA_DRIFT_STATE_INIT                                                          \
    { (uint32_t)sizeof(dura_drift_state), 0, 0, 0, 0, 0, 0.0f, 0.0f, 0.0f, 0.0f, 0 }

/** Learn a reference from n clean samples in order; missing: NULL, or n bytes, non-zero
 *  where x has none. order: highest autoregression tried, 0..4; the fit that predicts best
 *  by the Akaike criterion is taken. DURA_DRIFT_BOUNDED instead: the samples are in 0..1.
 *  returns  DURA_OK (look at out->why); DURA_EINVAL (NULL, order, a sample that is not
 *           finite or not in its bounds); DURA_ENOENT (fewer than 8 samples).          [any] O(n x order) */
DURA_API DURA_CHECK int dura_drift_learn(dura_drift_reference *out, const float *x,
                                         const uint8_t *missing, size_t n, uint32_t order);

/** Exact bytes init() needs; 0 when cfg is invalid.                     [any] O(1) */
DURA_API DURA_CHECK size_t dura_drift_bytes(const dura_drift_config *cfg);

/** Build in mem (8-byte aligned). cfg is copied. returns DURA_OK; DURA_EINVAL,
 *  DURA_ENOSPC, DURA_EALIGN, DURA_EVERSION.                      [init] O(n_channels) */
DURA_API DURA_CHECK int dura_drift_init(dura_drift **out, void *mem, size_t len,
                                        const dura_drift_config *cfg);

/** Set channel `index`; ref is copied. A channel never attached is not watched.
 *  returns  DURA_OK; DURA_EINVAL; DURA_EVERSION; DURA_ESTATE (attached twice). [init] */
DURA_API DURA_CHECK int dura_drift_attach(dura_drift *d, uint16_t index,
                                          const dura_drift_reference *ref);

/** One sample of every channel: n == n_channels; missing: NULL, or n bytes, non-zero where
 *  there is none (the channel's statistic then stays). Not finite counts as missing.
 *  facts: room for max_facts facts; kind DURA_FACT_DRIFT, channel, severity, reasons = why,
 *  value[0] DURA_DRIFT_UP.., [1] size in thousandths, [2] onset in samples ago, [3]
 *  statistic in thousandths of the limit. When more than max_facts channels speak at once
 *  the rest do so at the next call.
 *  returns  >= 0: facts written; DURA_EINVAL.        [serial] O(n), equal work for all x */
DURA_API DURA_CHECK int dura_drift_update(dura_drift *d, const float *x, const uint8_t *missing,
                                          size_t n, dura_fact *facts, size_t max_facts);

/** Fill *out for a channel (set out->struct_size first). returns DURA_OK, DURA_EINVAL,
 *  DURA_ENOENT (not watched).                                         [serial] O(1) */
DURA_API DURA_CHECK int dura_drift_query(const dura_drift *d, uint16_t channel,
                                         dura_drift_state *out);

/** Begin anew: all channels, as if no sample had come. returns DURA_OK, DURA_EINVAL.
 *                                                              [serial] O(n_channels) */
DURA_API DURA_CHECK int dura_drift_reset(dura_drift *d);

/** The state as portable bytes (docs/formats/drift.md): same bytes on every target, exact
 *  resume. *len: in, room at out; out, bytes.
 *  returns  DURA_OK; DURA_ENOSPC (*len: wanted); DURA_EINVAL.  [serial] O(n_channels) */
DURA_API DURA_CHECK int dura_drift_save(const dura_drift *d, void *out, size_t *len);

/** Go on from saved bytes: same channels, same references.
 *  returns  DURA_OK; DURA_ECORRUPT, DURA_EVERSION; DURA_EAUTH (other configuration or
 *           references); DURA_EINVAL. On error nothing changed.  [serial] O(n_channels) */
DURA_API DURA_CHECK int dura_drift_load(dura_drift *d, const void *bytes, size_t len);

/* A synthetic shift on its way through the monitor: does it still find what it is there for?
 * All zero but for struct_size, channel and shift to begin with; the same struct goes to
 * probe() until the probe is over. */
typedef struct dura_drift_probe {
    uint32_t struct_size;
    uint16_t channel;
    uint8_t  direction;        /* out: DURA_DRIFT_* that was found; 0: nothing yet */
    uint8_t  over;             /* out: 1: found, or given up */
    float    shift;            /* in deviations, beyond what the reference leaves open: 0.75..6
                                  up, -6..-0.75 down; bets go where the bounds leave room.
                                  With `spread`: samples so far from the mean, 1.5..6 */
    uint32_t samples;          /* out: synthetic samples so far; found: the delay */
    uint32_t bound;            /* out: within so many theory has the alarm */
    uint32_t spread;           /* 1: not the mean moves but the spread grows: samples above and
                                  below in turn. Bets on bounded samples know no spread */
    uint64_t n;                /* out: samples of the process that were judged before */
    uint32_t lane[32];         /* the channel as the probe left it */
    dura_fact fact;            /* out: what the monitor would have said */
} dura_drift_probe;

/* value[0] of a DURA_FACT_MONITOR: how the monitor failed to prove that it works. */
enum {
    DURA_MONITOR_MISSED = 1,   /* a synthetic shift was not found */
    DURA_MONITOR_LATE = 2,     /* found later than theory has it */
    DURA_MONITOR_FAILED = 3,   /* the test itself failed: value[1] is its code */
    DURA_MONITOR_SILENT = 4,   /* no heartbeat for longer than one is owed: value[1] decisions
                                  since, [2] within how many it was owed */
    DURA_MONITOR_ANEW = 5,     /* what was saved of it is not of this policy, or damaged:
                                  value[1] the code; it begins anew */
    DURA_MONITOR_RESUMED = 6   /* it goes on from what was saved: value[1] gseq of the record up
                                  to which that knew everything, [2] boot of that record */
};

/* What the guard calls; see dura/feature.h. */
typedef struct dura_drift_calls {
    uint32_t struct_size;
    uint32_t reserved;         /* 0 */
    size_t (*bytes)(const dura_drift_config *cfg);
    int (*init)(dura_drift **out, void *mem, size_t len, const dura_drift_config *cfg);
    int (*attach)(dura_drift *d, uint16_t index, const dura_drift_reference *ref);
    int (*update)(dura_drift *d, const float *x, const uint8_t *missing, size_t n,
                  dura_fact *facts, size_t max_facts);
    int (*query)(const dura_drift *d, uint16_t channel, dura_drift_state *out);
    int (*reset)(dura_drift *d);
    int (*save)(const dura_drift *d, void *out, size_t *len);
    int (*load)(dura_drift *d, const void *bytes, size_t len);
    /* At most max_samples synthetic samples into probe->channel, through the code and the
     * memory that judge the process; what the channel knew is put back bit for bit before
     * the call returns, so update() may come between two calls. ref: what the channel was
     * attached with, or NULL: the monitor's own copy is held against it.
     * returns  1: over, look at direction, samples, bound (`direction` 0: missed, given up
     *          at twice the bound); 0: goes on; DURA_EINVAL, DURA_EVERSION; DURA_ENOENT (not
     *          watched); DURA_ENOTSUP (no such shift can be found with this reference);
     *          DURA_ECORRUPT (reference or state are not what they were). [serial]
     *          O(max_samples) */
    int (*probe)(dura_drift *d, const dura_drift_reference *ref, dura_drift_probe *probe, uint32_t max_samples);
} dura_drift_calls;

/** The table of the functions above. Static storage.                    [any] O(1) */
DURA_API DURA_CHECK const dura_drift_calls *dura_drift_part(void);

#ifdef __cplusplus
}
#endif
#endif
