/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the charts of `dura drift` are called.
 */
#ifndef DURA_DRIFT_CHART_TOOL_H
#define DURA_DRIFT_CHART_TOOL_H

#include <dura/drift_chart.h>

/* DURA_DRIFT_* of a name; -1: none. */
int chart_detector(const char *name);
const char *chart_name(uint32_t detector);

#endif
