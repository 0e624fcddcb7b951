/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drift monitor once more, eight channels side by side (AVX2).
 *
 * The core is built for the least processor of its target. A block of the monitor is as
 * wide as a vector and its width changes no bit, so the same sources, compiled for wider
 * vectors under other names, are the same monitor at half the price. This file alone is
 * compiled with AVX2 (CMakeLists.txt); where it is not, there is no such monitor.
 */
#include "dura_host_drift.h"

#if defined(__AVX2__)

/* Every name of the core's monitor that the linker would see twice. */
#define dura_drift_bytes durai_drift_wide_bytes
#define dura_drift_init durai_drift_wide_init
#define dura_drift_attach durai_drift_wide_attach
#define dura_drift_update durai_drift_wide_update
#define dura_drift_query durai_drift_wide_query
#define dura_drift_reset durai_drift_wide_reset
#define dura_drift_save durai_drift_wide_save
#define dura_drift_load durai_drift_wide_load
#define dura_drift_part durai_drift_wide_part
#define durai_drift_sum durai_drift_wide_sum_
#define durai_drift_forget durai_drift_wide_forget_
#define durai_drift_restart durai_drift_wide_restart_
#define durai_drift_leader durai_drift_wide_leader_
#define durai_drift_bet durai_drift_wide_bet_
#define durai_drift_bet_weight durai_drift_wide_bet_weight_
#define durai_drift_weight durai_drift_wide_weight_
#define durai_drift_at_zero durai_drift_wide_at_zero_
#define durai_drift_sample durai_drift_wide_sample_
#define durai_drift_standardise durai_drift_wide_standardise_
#define durai_drift_gain durai_drift_wide_gain_
#define durai_drift_same_reference durai_drift_wide_same_reference_
#define durai_drift_put durai_drift_wide_put_
#define durai_drift_sound durai_drift_wide_sound_
#define durai_drift_probe durai_drift_wide_probe_
#define durai_drift_config durai_drift_wide_config_
#define durai_drift_order durai_drift_wide_order_
#define durai_drift_errors durai_drift_wide_errors_
#define durai_drift_deviation durai_drift_wide_deviation_
#define durai_drift_check durai_drift_wide_check_

#include "../drift/dura_drift.c"
#include "../drift/dura_drift_probe.c"
#include "../drift/dura_drift_save.c"
#include "../drift/dura_drift_update.c"

#else

const struct dura_drift_calls *durai_drift_wide_part(void)
{
    return NULL;
}

#endif
