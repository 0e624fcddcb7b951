/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy's sensor without a guard, for what judges recorded frames again.
 */
#ifndef DURA_HOST_SENSOR_H
#define DURA_HOST_SENSOR_H

#include <dura/sensor.h>

/* The sensor of a checked policy image, channels and checks, before its first frame. *mem:
 * NULL, or from an earlier call with the same policy; free() it when the sensor is no longer
 * used. The image must stay. *check, unless NULL, gets the check that was refused.
 * DURA_OK; DURA_ENOSPC; what attaching and adding say. */
int durai_sensor_make(dura_sensor **out, void **mem, const void *policy, uint32_t *check);

#endif
