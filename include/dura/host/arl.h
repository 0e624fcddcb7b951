/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/arl.h - how long a control chart runs, exactly: limits for asked rates.
 *
 * The charts of dura/drift_chart.h are given their limit; this is where it comes from. The
 * mean number of samples to an alarm, from state s, is L(s) = 1 + the integral of L over
 * the states the next sample can lead to: a Fredholm equation of the second kind (Page
 * 1954; Crowder 1987 for EWMA). Solved on Gauss-Legendre nodes, every row made to keep all
 * its probability, by elimination without a subtraction (Grassmann, Taksar, Heyman 1985), so
 * that 1e12 samples are as exact as 100. Samples are independent and normal, cut to +-clip.
 *
 *   two-sided CUSUM, from its start   1/L = 1/L+ + 1/L-: exact (Kemp 1961; both sums are
 *                                     never above 0 long enough to spoil it as k > 0)
 *   two-sided CUSUM, steady state     the same sum, of the one-sided ones: approximate
 *   EWMA                              one equation for both sides: exact
 *   RAMP                              two numbers either way, no such equation: its limit is
 *                                     the theorem's with the overshoot divided out, both
 *                                     measured in bench_drift_charts
 *
 * n > 0: the reference was learned from n samples. Its mean is then off by N(0, 1/n), its
 * deviation by N(0, 1/2n) of itself, and the autoregression by what makes slow sums wider or
 * narrower by N(0, (order + 1)/n), one for those looked for; the run length is that of the
 * mean rate of alarms over these, and limits widen accordingly.
 *
 * Memory: heap while a call runs. Threads: any. Unstable until 1.0.
 */
#ifndef DURA_HOST_ARL_H
#define DURA_HOST_ARL_H

#include <dura/drift.h>
#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    DURA_ARL_ONE_SIDED = 1     /* CUSUM: the upper sum alone */
};

/* A chart and the samples it sees. */
typedef struct dura_arl {
    uint32_t struct_size;
    uint32_t detector;         /* DURA_DRIFT_CUSUM, _EWMA; limits also _RAMP */
    uint32_t flags;            /* DURA_ARL_* */
    uint32_t n;                /* samples the reference was learned from; 0: exactly known */
    double   shift;            /* as in dura/drift_chart.h */
    double   limit;
    double   clip;             /* 3..6; 0: samples are not cut */
    double   mean;             /* of the samples it sees, in deviations: 0 while nothing
                                  changed; -20..20 */
    double   spread;           /* their deviation; 0: 1; 0.25..4 */
    uint32_t order;            /* n > 0: of the autoregression that was learned */
    uint32_t reserved;         /* 0 */
} dura_arl;
#define DURA_ARL_INIT { (uint32_t)sizeof(dura_arl), 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0 }

/** Mean samples to an alarm. *zero: of a chart that starts with the first of them; *steady
 *  (NULL: not wanted): of one that had been watching N(0, 1), restarted after each of its
 *  false alarms, when they began.
 *  returns  DURA_OK; DURA_EINVAL; DURA_ENOTSUP (RAMP); DURA_ELIMIT (too wide a chart for
 *           its step: docs/drift.md, Charts); DURA_ENOSPC.           [any] O(nodes^3) */
DURA_API DURA_CHECK int dura_arl_run(const dura_arl *c, double *zero, double *steady,
                                     dura_error *err);

/** The limit at which c, whose own is not looked at, runs arl0 samples (10..1e13) on average.
 *  returns  as dura_arl_run(), RAMP too; DURA_ELIMIT also when n is too small for the shift:
 *           no limit holds the rate, a longer reference does.        [any] O(nodes^3) */
DURA_API DURA_CHECK int dura_arl_limit(const dura_arl *c, double arl0, double *limit,
                                       dura_error *err);

/** The EWMA lambda that sees a shift of the mean by `shift` deviations (0.1..6) soonest at
 *  arl0, among powers of 2^(1/2).  returns  as dura_arl_limit().   [any] O(nodes^3) */
DURA_API DURA_CHECK int dura_arl_lambda(double shift, double arl0, double *lambda,
                                        dura_error *err);

/** Fill r->limit for r->detector, shift, clip, n and hold as they are. arl0: samples between
 *  false alarms of a monitor of `channels` (>= 1) channels.
 *  returns  as dura_arl_limit(); DURA_ENOTSUP (bounded).           [any] O(nodes^3) */
DURA_API DURA_CHECK int dura_arl_reference(dura_drift_reference *r, double arl0, uint32_t channels,
                                           dura_error *err);

/** Make r, as learned, a chart that finds a shift of the mean by `size` in the units of the
 *  samples (RAMP: a sample) and runs arl0 samples of a monitor of `channels`: detector, shift,
 *  limit. *deviations: size, of the whitened sample; *delay: samples until it is found, on average;
 *  below 0: not known (RAMP).
 *  returns  as dura_arl_reference(); DURA_EINVAL also for a size no chart is for.
 *                                                                  [any] O(nodes^3) */
DURA_API DURA_CHECK int dura_arl_chart(dura_drift_reference *r, uint32_t detector, double size, double arl0,
                                       uint32_t channels, double *deviations, double *delay, dura_error *err);

#ifdef __cplusplus
}
#endif
#endif
