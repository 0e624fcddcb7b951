/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/drift.h - the drift monitor at the width of this machine's vectors.
 *
 * The core is built for the least processor of its target. On a host that has AVX2 the same
 * monitor is there a second time, eight channels side by side: same calls, same facts, same
 * saved bytes, about half the time a channel.
 *
 *   dura_host_drift_part -> what dura_drift_part() gives, or its wide twin
 *
 * An object belongs to the table whose init built it. Unstable until 1.0.
 */
#ifndef DURA_HOST_DRIFT_H
#define DURA_HOST_DRIFT_H

#include <dura/drift.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The table of the fastest drift monitor this processor has. Static storage.
 *                                                                          [any] O(1) */
DURA_API DURA_CHECK const dura_drift_calls *dura_host_drift_part(void);

#ifdef __cplusplus
}
#endif
#endif
