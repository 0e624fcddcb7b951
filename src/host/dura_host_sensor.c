/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy's sensor in one piece of heap: the sensor first, what its checks need behind it.
 */
#include "dura_host_sensor.h"
#include "../guard/dura_guard_sensor.h"

#include <stdlib.h>

int durai_sensor_make(dura_sensor **out, void **mem, const void *policy, uint32_t *check)
{
    dura_sensor_config cfg;
    dura_sensor_extra extra;
    size_t more = 0;
    int rc = durai_sensor_config(policy, &cfg), has = durai_sensor_extra(policy, &extra);
    size_t bytes = rc == DURA_OK ? dura_sensor_bytes(&cfg) : 0;
    if (has == DURA_OK)
        more = dura_sensor_extra_bytes(&extra);
    if (rc != DURA_OK || bytes == 0 || (has == DURA_OK && more == 0) || (has != DURA_OK && has != DURA_ENOENT))
        return DURA_EINVAL;
    bytes = (bytes + 7u) & ~(size_t)7u;
    if (!*mem)
        *mem = malloc(bytes + more);
    if (!*mem)
        return DURA_ENOSPC;
    rc = dura_sensor_init(out, *mem, bytes, &cfg);
    if (rc == DURA_OK && more)
        rc = dura_sensor_extend(*out, (uint8_t *)*mem + bytes, more, &extra);
    if (rc == DURA_OK)
        rc = durai_sensor_channels(*out, policy);
    if (rc == DURA_OK)
        rc = durai_sensor_checks(*out, policy, dura_sensor_part(), check);
    return rc;
}
