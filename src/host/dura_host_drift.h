/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wide drift monitor of dura_host_drift_wide.c. That file gives the core's names other
 * meanings before it includes their header, so this one includes nothing of the core.
 */
#ifndef DURA_HOST_DRIFT_PRIV_H
#define DURA_HOST_DRIFT_PRIV_H

#include <stddef.h>

struct dura_drift_calls;

/* The calls of the monitor compiled for AVX2; NULL: this build has none. */
const struct dura_drift_calls *durai_drift_wide_part(void);

#endif
