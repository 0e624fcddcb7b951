/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chart for one column of `dura drift`: from a size in the column's own units to what
 * dura/drift_chart.h wants.
 */
#ifndef DURA_DRIFT_CHART_TOOL_H
#define DURA_DRIFT_CHART_TOOL_H

#include <dura/drift_chart.h>
#include <dura/host/error.h>

/* DURA_DRIFT_* of a name; -1: none. */
int chart_detector(const char *name);
const char *chart_name(uint32_t detector);

/* Make r, as learned, a chart that finds a shift by `size` of the column's units (RAMP: per
 * row) and is limited for arl0 rows of n columns. *delay: rows until it is found, on average;
 * below 0: not known (RAMP). *deviations: size, whitened. A DURA_E* code, *err filled. */
int chart_reference(dura_drift_reference *r, uint32_t detector, double size, double arl0, uint32_t n,
                    double *deviations, double *delay, dura_error *err);

#endif
