/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard under drill: the real one, over regions that keep nothing.
 *
 * A guard lives in the memory it was given and nowhere else, so a copy of that memory is
 * the guard of that moment: thousands of injections begin from the state that the whole
 * recording before them has made, and none has to be warmed up again. A model that keeps
 * something outside its instance could not be put back; packed models do not.
 *
 * The provider cannot sign, and says yes to the factory record it is shown: whether this
 * model may run on a device is the gate's question, and not that of a drill.
 */
#include "dura_host_drill_priv.h"

#include <dura/drift_chart.h>
#include <dura/histogram.h>
#include <dura/host/drift.h>
#include <dura/host/pack.h>
#include <dura/host/session.h>
#include <dura/mspc.h>

#include <stdlib.h>
#include <string.h>

/* ---- regions and provider ------------------------------------------------------------- */

static int blank_read(void *user, uint64_t off, void *buf, size_t len)
{
    (void)user;
    (void)off;
    memset(buf, 0, len);
    return 0;
}

static int ignore_prog(void *user, uint64_t off, const void *buf, size_t len)
{
    (void)user;
    (void)off;
    (void)buf;
    (void)len;
    return 0;
}

static int ignore_erase(void *user, uint64_t off, size_t len)
{
    (void)user;
    (void)off;
    (void)len;
    return 0;
}

static int fits(uint64_t off, size_t len) { return off <= DRILL_NV_BYTES && len <= DRILL_NV_BYTES - off; }

static int ram_read(void *user, uint64_t off, void *buf, size_t len)
{
    if (!fits(off, len))
        return DURA_EIO;
    memcpy(buf, (const uint8_t *)user + off, len);
    return 0;
}

static int ram_prog(void *user, uint64_t off, const void *buf, size_t len)
{
    if (!fits(off, len))
        return DURA_EIO;
    memcpy((uint8_t *)user + off, buf, len);
    return 0;
}

static int ram_erase(void *user, uint64_t off, size_t len)
{
    if (!fits(off, len))
        return DURA_EIO;
    memset((uint8_t *)user + off, 0, len);
    return 0;
}

static int say_yes(void *user, const uint8_t pub[DURA_PUBKEY_BYTES], const void *msg, size_t n,
                   const uint8_t sig[DURA_SIG_BYTES])
{
    (void)user;
    (void)pub;
    (void)msg;
    (void)n;
    (void)sig;
    return DURA_OK;
}

/* Facts that a score hangs on. */
static void hear(void *user, const dura_fact *f, const dura_time *t)
{
    drill_world *w = user;
    (void)t;
    if ((f->kind != DURA_FACT_DRIFT || f->value[0] == DURA_DRIFT_BACK) && f->kind != DURA_FACT_INCIDENT)
        return;
    if (w->n_said == DRILL_FACTS)
        return; /* a frame raises a few; the first ones are what counts */
    drill_said *s = &w->said[w->n_said++];
    s->row = w->row;
    s->kind = f->kind;
    s->thing = f->channel;
    s->detector = (uint8_t)(f->kind == DURA_FACT_DRIFT ? f->reasons >> DURA_DRIFT_DETECTOR_AT & 7u : 0);
    memcpy(s->value, f->value, sizeof s->value);
}

/* ---- the model ------------------------------------------------------------------------------ */

/* The packed backend, which an act may make answer wrongly. Its instance lies behind a pointer
 * to the world, which does not move. */
enum { WORLD_BYTES = 16 };

static void *inner(void *inst) { return (uint8_t *)inst + WORLD_BYTES; }

static int32_t world_mem_req(const void *config, const void *image, size_t len, size_t *bytes, size_t *align)
{
    (void)config;
    int32_t rc = dura_backend_packed()->mem_req(NULL, image, len, bytes, align);
    if (rc == DURA_OK) {
        *bytes += WORLD_BYTES;
        *align = 16;
    }
    return rc;
}

static int32_t world_open(void *inst, const void *config, const void *image, size_t len)
{
    memcpy(inst, &config, sizeof config);
    return dura_backend_packed()->open(inner(inst), NULL, image, len);
}

static int32_t world_io(const void *inst, dura_backend_io *out)
{
    return dura_backend_packed()->io((const uint8_t *)inst + WORLD_BYTES, out);
}

static int32_t world_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out, int64_t deadline_ns)
{
    drill_world *w;
    memcpy(&w, inst, sizeof w);
    int32_t rc = dura_backend_packed()->run(inner(inst), in, n_in, out, n_out, deadline_ns);
    w->answers++;
    for (size_t i = 0; rc == DURA_OK && w->sabotage && i < n_out; i++) {
        durai_policy_output o = {0};
        if (durai_policy_get_output(w->policy, (uint32_t)i, &o) != DURA_OK)
            continue;
        if (w->sabotage == DRILL_MODEL_WILD)
            out[i] = o.hi + (o.hi - o.lo) + 1.0f;
        if (w->sabotage == DRILL_MODEL_JUMPS)
            out[i] = w->answers & 1u ? o.hi : o.lo;
        if (w->sabotage == DRILL_MODEL_NAN)
            out[i] = durai_f32(0x7FC00000u);
    }
    return w->sabotage == DRILL_MODEL_FAILS ? DURA_EIO : rc;
}

static int32_t world_reset(void *inst)
{
    const dura_backend *b = dura_backend_packed();
    return b->reset ? b->reset(inner(inst)) : DURA_OK;
}

static void world_close(void *inst)
{
    const dura_backend *b = dura_backend_packed();
    if (b->close)
        b->close(inner(inst));
}

static const dura_backend world_backend = {
    sizeof world_backend, 1, 0, "org.dura.drill", "1", world_mem_req, world_open, world_io, world_run, world_reset,
    world_close, NULL, NULL,
};

int durai_drill_plug(drill_world *w, dura_error *err)
{
    int rc = dura_sodium_init(&w->provider, NULL, 0, NULL, NULL, NULL);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "the drill could not be set up: %s", dura_strerror(rc));
    w->model.backend = &world_backend;
    w->model.config = w;
    w->crypto = w->provider.crypto;
    w->crypto.verify = say_yes;
    w->port.struct_size = sizeof w->port;
    w->port.crypto = &w->crypto;
    w->port.sink = hear;
    w->port.sink_user = w;
    w->port.feature = dura_feature_part();
    w->port.drift = dura_host_drift_part();
    w->port.correlate = dura_correlate_part();
    w->port.watch = dura_guard_watch_part();
    w->port.gate = dura_gate_part();
    w->port.sensor = dura_sensor_part();
    w->port.chart = dura_drift_chart_part();
    w->port.mspc = dura_mspc_part();
    w->port.histogram = dura_histogram_part();
    w->log = (dura_region){sizeof w->log, 4096, 1, 0, (uint64_t)1 << 50, NULL, blank_read, ignore_prog, ignore_erase, NULL};
    w->nv = (dura_region){sizeof w->nv, DRILL_NV_BLOCK, 1, 0, DRILL_NV_BYTES, NULL, ram_read, ram_prog, ram_erase, NULL};
    w->journal = w->nv;
    w->port.region[DURA_REGION_SECURITY] = w->port.region[DURA_REGION_DECISION] = &w->log;
    w->port.region[DURA_REGION_NV] = &w->nv;
    w->port.region[DURA_REGION_JOURNAL] = &w->journal;
    w->mem_len = dura_guard_bytes(w->policy, w->policy_len, &w->model, &w->port);
    if (w->mem_len == 0)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "logs",
                              "max_record or ring_bytes cannot take one decision of this policy; leave them out");
    w->mem_len = (w->mem_len + 15u) & ~(size_t)15u;
    w->state_len = w->mem_len + 2 * (size_t)DRILL_NV_BYTES;
    w->state = malloc(w->state_len);
    if (!w->state)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    w->nv.user = w->state + w->mem_len;
    w->journal.user = w->state + w->mem_len + DRILL_NV_BYTES;
    return DURA_OK;
}

int durai_drill_boot(drill_world *w, const dura_time *now, dura_error *err)
{
    static const uint8_t seed[DURA_SEED_BYTES] = {0};
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    uint8_t rec[512];
    size_t len = sizeof rec;
    memset(w->state, 0, w->state_len); /* the same bytes whatever the heap held */
    int rc = dura_factory_make(rec, &len, w->policy, w->policy_len, w->image, w->image_len, 0, seed);
    if (rc == DURA_OK) {
        memcpy(w->nv.user, rec, len);
        rc = dura_guard_init(&w->guard, w->state, w->mem_len, w->policy, w->policy_len, &w->model, &w->port, now);
    }
    if (rc == DURA_OK)
        rc = dura_guard_query(w->guard, &st);
    if (rc == DURA_OK)
        rc = st.gate;
    return rc == DURA_OK ? rc : dura_error_set(err, rc, NULL, 0, NULL, "the guard does not start: %s", dura_strerror(rc));
}

int durai_drill_step(drill_world *w, uint64_t row, const dura_time *t, const float *values, const uint8_t *missing,
                     uint16_t n, dura_error *err)
{
    dura_frame f = DURA_FRAME_INIT;
    f.source = w->source;
    f.n = n;
    f.frame = row;
    f.time = *t;
    f.values = values;
    f.missing = missing;
    w->row = row;
    w->n_said = 0;
    w->decision = (dura_decision)DURA_DECISION_INIT;
    int rc = dura_guard_step(w->guard, &f, &w->decision);
    if (rc == DURA_OK)
        rc = dura_guard_idle(w->guard, t, UINT32_MAX);
    return rc >= 0 ? DURA_OK
                   : dura_error_set(err, rc, NULL, 0, NULL, "the guard fails at row %llu: %s", (unsigned long long)row,
                                    dura_strerror(rc));
}

void durai_drill_unplug(drill_world *w)
{
    free(w->state);
    free(w->policy);
    free(w->image);
    dura_sodium_deinit(&w->provider);
}
