/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last word on a learned check is the sensor's: what it does not take is taken out, so
 * that no recording, however odd, makes a policy that does not pack.
 */
#include "dura_host_learn_priv.h"

#include <stdlib.h>

/* A sensor of bare channels with room for all checks. */
typedef struct trial {
    dura_sensor *s;
    void *mem, *room;
} trial;

static int open_trial(trial *t, const durai_checks *c, uint16_t n)
{
    dura_sensor_config cfg = DURA_SENSOR_CONFIG_INIT;
    dura_sensor_channel ch = DURA_SENSOR_CHANNEL_INIT;
    dura_sensor_extra extra = DURA_SENSOR_EXTRA_INIT;
    cfg.n_channels = extra.n_channels = n;
    extra.n_checks = (uint16_t)c->n;
    extra.n_joint = 2u * DURA_CK_JOINT_MAX;
    ch.checks = DURA_CHECK_FINITE;
    size_t bytes = dura_sensor_bytes(&cfg), more = dura_sensor_extra_bytes(&extra);
    t->mem = malloc(bytes);
    t->room = malloc(more);
    if (!t->mem || !t->room)
        return DURA_ENOSPC;
    int rc = dura_sensor_init(&t->s, t->mem, bytes, &cfg);
    for (uint16_t i = 0; rc == DURA_OK && i < n; i++)
        rc = dura_sensor_attach(t->s, i, &ch);
    return rc == DURA_OK ? dura_sensor_extend(t->s, t->room, more, &extra) : rc;
}

int durai_checks_admit(durai_checks *c, const durai_recording *r)
{
    trial t = {NULL, NULL, NULL};
    int rc = open_trial(&t, c, (uint16_t)r->n);
    uint32_t kept = 0;
    for (uint32_t i = 0; rc == DURA_OK && i < c->n; i++) {
        if (dura_sensor_add(t.s, &c->check[i].c) == DURA_OK) {
            c->check[kept++] = c->check[i];
            continue;
        }
        free(c->check[i].terms);
        c->family[c->check[i].family].checks--;
        c->refused++;
    }
    if (rc == DURA_OK)
        c->n = kept;
    free(t.mem);
    free(t.room);
    return rc;
}
