/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the charts for `dura drift`.
 */
#include "dura_drift_chart.h"

#include <string.h>

static const char *const names[] = {"mixture", "cusum", "ewma", "ramp"};
enum { NAMES = sizeof names / sizeof *names };

int chart_detector(const char *name)
{
    int i;
    for (i = 0; i < NAMES; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

const char *chart_name(uint32_t detector)
{
    return detector < NAMES ? names[detector] : "?";
}
