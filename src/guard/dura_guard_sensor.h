/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sensor a packed policy describes: for the guard, and for what runs a policy's sensor
 * without one.
 *
 * Memory: the image stays the caller's; a sensor with checks reads their terms in it.
 */
#ifndef DURA_GUARD_SENSOR_H
#define DURA_GUARD_SENSOR_H

#include "dura_guard_policy.h"

#include <dura/sensor_checks.h>

/* All want an image that durai_policy_check() accepted. */

int durai_sensor_config(const void *policy, dura_sensor_config *out);

/* Room its checks need; DURA_OK, or DURA_ENOENT when it has none. O(checks) */
int durai_sensor_extra(const void *policy, dura_sensor_extra *out);

/* Attach every channel of a sensor made by durai_sensor_config(). */
int durai_sensor_channels(dura_sensor *s, const void *policy);

/* Then add every check; the sensor was extended by what durai_sensor_extra() said. *index,
 * unless NULL, gets the check that was refused. DURA_OK, also without checks; DURA_EALIGN
 * (the image is not 4-byte aligned and has terms); what add() says. */
int durai_sensor_checks(dura_sensor *s, const void *policy, const dura_sensor_calls *sensor_calls, uint32_t *index);

#endif
