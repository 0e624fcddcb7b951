/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the watch has found, for those who ask: the gate and the caller. The watch itself is
 * a part (dura_guard_watcher.c); without it there is nothing to tell.
 */
#include "dura_guard_priv.h"

int durai_guard_blocks(const dura_guard *g)
{
    const durai_watcher *w = g->watcher;
    if (!w || !w->watch.correlate || w->incident.state == 0 || w->incident.state == DURA_INCIDENT_CLOSED)
        return 0;
    /* Without what nobody vouches for: forged events may neither lock the gate nor open it. */
    return w->incident.trusted != DURA_CAUSE_NORMAL && w->incident.trusted != DURA_CAUSE_CHANGE;
}

uint32_t durai_guard_alarm(const dura_guard *g) { return g->watcher && g->watcher->drifted ? DURA_WHY_DRIFT : 0; }

int dura_guard_incident(const dura_guard *g, dura_incident *out)
{
    if (!g || !out)
        return DURA_EINVAL;
    if (!g->watcher || !g->watcher->watch.correlate)
        return DURA_ENOTSUP;
    return g->watcher->watch.correlate_calls->query(g->watcher->watch.correlate, out);
}

int dura_guard_drift(const dura_guard *g, uint16_t index, dura_drift_state *out)
{
    if (!g || !out)
        return DURA_EINVAL;
    if (!g->watcher || !g->watcher->watch.drift)
        return DURA_ENOTSUP;
    return g->watcher->watch.drift_calls->query(g->watcher->watch.drift, index, out);
}
