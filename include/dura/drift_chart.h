/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/drift_chart.h - drift of a size that is known: CUSUM, EWMA, and ramps.
 *
 * The mixture of dura/drift.h asks for no size and pays for it. Who can say "a shift of
 * 0.3 bar matters" or "it creeps by 0.01 bar an hour" takes a chart instead: the same
 * calls, the same references, whitening, facts, latch and queries, another table. Which
 * chart, and for what, is said in the reference, channel by channel:
 *
 *   detector             shift                                limit is of
 *   DURA_DRIFT_CUSUM     the shift to find, in deviations     the larger of both sums,
 *                        of the whitened sample; k = shift/2  S = max(0, S +- z - k)
 *                        0.02..12, below 2 x clip             above 0, up to 1e4
 *   DURA_DRIFT_EWMA      lambda, the weight of a new sample   |E|, E += lambda (z - E)
 *                        1e-3..1                              above 0, up to clip
 *   DURA_DRIFT_RAMP      slope to find, in deviations of the  a sum over onsets of their
 *                        whitened sample per sample           likelihood ratios
 *                        1e-7..0.25                           10..1e13
 *
 * A shift of D in the units of the channel is D x (1 - phi[0] - .. - phi[3]) / deviation
 * whitened. `limit` comes from the solver on the host (dura/host/arl.h), which knows clip,
 * number of channels, `n` and the samples between false alarms that are asked for: the
 * monitor takes it as it is and `arl0` of the configuration is only bound to what is saved.
 * (RAMP also allows here for what `n` leaves open, as the mixture does.)
 *
 * RAMP: R = (1 + R) x exp(m z - m^2 / 2) either way, m = slope x the age of the change,
 * averaged over where it may have begun with those likelihoods. m depends on the past
 * alone, so R - t is a martingale as in the mixture: `limit` samples or more between false
 * alarms, by theorem.
 *
 * Facts: value[0] UP or DOWN (or BACK); [1] size in thousandths: CUSUM k + S / its age, EWMA
 * |E|, RAMP the level reached, m. A channel that alarmed is BACK when CUSUM and EWMA are
 * below half of their limit, RAMP below its root. Bounded references (`low`, `high`) are
 * not for charts: DURA_ENOTSUP from attach; a detector or a shift that is none, DURA_EINVAL.
 *
 * Memory: 64 bytes of state and 48 of reference a channel. The rest as dura/drift.h.
 */
#ifndef DURA_DRIFT_CHART_H
#define DURA_DRIFT_CHART_H

#include <dura/drift.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The table of the charts' functions: what each takes and returns as in dura/drift.h,
 *  attach also DURA_ENOTSUP. An object made by this table's init is for this table only.
 *  Saved bytes: docs/formats/drift-chart.md. Static storage.             [any] O(1) */
DURA_API DURA_CHECK const dura_drift_calls *dura_drift_chart_part(void);

#ifdef __cplusplus
}
#endif
#endif
