/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the two drift monitors this processor gets (dura/host/drift.h).
 */
#include <dura/host/drift.h>

#include "dura_host_drift.h"

static int wide_vectors(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx2") != 0;
#else
    return 0;
#endif
}

const dura_drift_calls *dura_host_drift_part(void)
{
    const dura_drift_calls *wide = durai_drift_wide_part();
    return wide && wide_vectors() ? wide : dura_drift_part();
}
