/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the learned limits do to a recording: its rows through the guard's own sensor, set
 * up from the packed policy as the guard does. A trip is a
 * rejected frame while the model drives; it drives again after recover_frames good ones.
 */
#include "dura_host_learn_priv.h"
#include "dura_host_sensor.h"

#include "../guard/dura_guard_policy.h"

#include <dura/sensor.h>
#include <stdlib.h>
#include <string.h>

/* Frames that follow each other; counts where the model stops driving. */
typedef struct driving {
    uint32_t good, recover;    /* good frames in a row; wanted */
    int drives;
    uint64_t trips, idle;      /* begun; rows in which the model would not drive */
} driving;

static void drive(driving *d, int rejected)
{
    d->good = rejected ? 0 : d->good + 1;
    d->trips += rejected && d->drives;
    d->drives = rejected ? 0 : d->drives || d->good >= d->recover;
    d->idle += !d->drives;
}

int durai_learn_trips(const void *policy, const durai_recording *r, size_t from, size_t to, uint64_t *trips,
                      uint64_t *idle)
{
    dura_sensor *s = NULL;
    dura_sensor_report report = {0};
    durai_policy_guard guard;
    void *mem = NULL;
    float *x = malloc(r->n * sizeof *x);
    uint8_t *missing = malloc(r->n);
    int rc = x && missing ? durai_policy_get_guard(policy, &guard) : DURA_ENOSPC;
    if (rc == DURA_OK)
        rc = durai_sensor_make(&s, &mem, policy, NULL);
    driving d = {0, rc == DURA_OK ? guard.recover_frames : 0, 1, 0, 0};
    report.struct_size = sizeof report;
    for (size_t row = from; rc == DURA_OK && row < to; row++) {
        for (uint32_t c = 0; c < r->n; c++) {
            x[c] = r->v[(size_t)c * r->rows + row];
            missing[c] = r->flag[(size_t)c * r->rows + row] == DURAI_MISSING;
        }
        rc = dura_sensor_update(s, r->t_ns[row], x, missing, r->n, NULL, &report);
        drive(&d, report.action == DURA_REJECT);
    }
    *trips = d.trips;
    *idle = d.idle;
    free(mem);
    free(x);
    free(missing);
    return rc;
}
