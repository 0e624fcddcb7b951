/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sources of the run-length solver share.
 */
#ifndef DURA_HOST_ARL_PRIV_H
#define DURA_HOST_ARL_PRIV_H

#include "../base/dura_base_priv.h"

#include <dura/host/arl.h>

#define ARL_V1 64u              /* bytes of a dura_arl that every caller has */
#define ARL_NODES_MOST 1600u

/* s(t) = stay x s(t-1) + step x z + drift with z normal and cut to +-clip. An alarm is
 * s >= limit; both: or s <= -limit. Not both: s is not below 0. It starts at 0. */
typedef struct durai_arl_chain {
    double stay, step, drift, limit;
    int both;
    double clip;
    double mean, spread;        /* of z after the change; N(0, 1) before it */
} durai_arl_chain;

/* Mean samples to an alarm from 0, and from where a chain that saw N(0, 1) stands (NULL: not
 * wanted). DURA_OK, DURA_ELIMIT (more than ARL_NODES_MOST nodes), DURA_ENOSPC. */
int durai_arl_solve(const durai_arl_chain *c, double *zero, double *steady);

#endif
