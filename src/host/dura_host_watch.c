/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's watch, fed from records.
 *
 * A decision record holds every value the watch saw live, in little-endian binary32; they
 * are turned into native floats here and go through the same code. Where the device had a
 * drift monitor, its recorded alarms are the evidence, so that a dropped record cannot
 * make a second history; where it had none there is nothing to draw and nothing to join.
 */
#include <dura/drift_chart.h>
#include <dura/guard.h>
#include <dura/host/crypto.h>
#include <dura/host/drift.h>
#include <dura/host/pack.h>
#include <dura/host/watch.h>

#include <stdlib.h>

#include "../guard/dura_guard_policy.h"
#include "../guard/dura_guard_watch.h"
#include "dura_host_pack_priv.h"

/* Points that are remembered: the newest, the one before, one whose writing the start cut, and
 * the end of the boot before. */
enum { KEPT = 8 };

struct dura_watch {
    durai_watch watch;
    durai_watch_parts parts;
    durai_policy_device device;
    int monitored;               /* the device had a drift monitor */
    uint64_t *mem;
    float *values, *inputs, *raw;
    uint32_t *reasons;
    uint32_t boot;               /* of the records so far; each begins anew, as the device did */
    uint16_t told;               /* facts given out of `found` */
    uint16_t n_found;
    dura_fact found[DURAI_WATCH_FACTS + 3];     /* about this record */
    uint64_t decisions, beat;    /* of this boot, and with which of them the last heartbeat came */
    int beaten;
    uint16_t selftest;
    /* What the device may have kept, and go on from after a start. */
    struct {
        uint64_t gseq;
        int len;
        uint8_t *bytes;
    } kept[KEPT];
    uint32_t n_kept;             /* so far; the place of the next is n_kept % KEPT */
    size_t kept_bytes;
    uint64_t known;              /* gseq of the last decision or fact */
    const char **names;          /* channels, outputs, features, T2, SPE */
};

/* ---- opening ------------------------------------------------------------------------ */

static int load_names(dura_watch *w, const void *policy, size_t len)
{
    static const int lists[] = {DURA_NAMES_CHANNELS, DURA_NAMES_OUTPUTS, DURA_NAMES_FEATURES};
    size_t at = 0, all = w->watch.n_plain, n;
    w->names = calloc(all + 2, sizeof *w->names);
    if (!w->names)
        return DURA_ENOSPC;
    for (int i = 0; i < 3; i++) {
        int rc = dura_pack_names(policy, len, lists[i], w->names + at, NULL, all - at, &n);
        if (rc != DURA_OK)
            return rc;
        at += n;
    }
    w->names[all] = DURAI_T2_NAME;
    w->names[all + 1] = DURAI_SPE_NAME;
    return DURA_OK;
}

static void parts_of(durai_watch_parts *p)
{
    p->drift = dura_host_drift_part();
    p->chart = dura_drift_chart_part();
    p->mspc = dura_mspc_part();
    p->histogram = dura_histogram_part();
    p->correlate = dura_correlate_part();
}

static int build(dura_watch *w, const void *policy, size_t len)
{
    durai_policy_drift drift;
    int rc = durai_policy_get_device(policy, &w->device);
    if (rc != DURA_OK)
        return rc;
    w->monitored = durai_policy_get_drift(policy, &drift) == DURA_OK;
    w->selftest = w->monitored ? drift.selftest : 0;
    w->kept_bytes = durai_kept_bytes(policy);
    parts_of(&w->parts);
    size_t bytes = durai_watch_bytes(policy, &w->parts);
    size_t inputs = (size_t)w->device.n_inputs + w->device.n_features;
    w->mem = malloc(bytes ? bytes : 8);
    w->values = calloc(w->device.n_channels, sizeof *w->values);
    w->inputs = calloc(inputs, sizeof *w->inputs);
    w->raw = calloc(w->device.n_outputs, sizeof *w->raw);
    w->reasons = calloc(w->device.n_channels, sizeof *w->reasons);
    if (bytes == 0 || !w->mem || !w->values || !w->inputs || !w->raw || !w->reasons)
        return DURA_ENOSPC;
    rc = durai_watch_init(&w->watch, w->mem, policy, &w->parts);
    return rc == DURA_OK ? load_names(w, policy, len) : rc;
}

int dura_watch_open(dura_watch **out, const void *policy, size_t len, dura_error *err)
{
    int kind;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    int rc = dura_pack_check(policy, len, &kind);
    if (rc == DURA_OK && kind != DURA_PACK_POLICY)
        rc = DURA_EINVAL;
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, "policy.bin", "is no packed policy: %s", dura_strerror(rc));
    dura_watch *w = calloc(1, sizeof *w);
    rc = w ? build(w, policy, len) : DURA_ENOSPC;
    if (rc != DURA_OK) {
        dura_watch_close(w);
        return dura_error_set(err, rc, NULL, 0, "policy.bin", "cannot be watched: %s", dura_strerror(rc));
    }
    *out = w;
    return DURA_OK;
}

void dura_watch_close(dura_watch *w)
{
    if (!w)
        return;
    free(w->mem);
    free(w->values);
    free(w->inputs);
    free(w->raw);
    free(w->reasons);
    free((void *)w->names);
    for (int i = 0; i < KEPT; i++)
        free(w->kept[i].bytes);
    free(w);
}

/* ---- records into what the watch sees -------------------------------------------------- */

/* Floats of a key, at most n; how many there were. Negative: they do not fit. */
static int take_floats(const dura_record *r, uint32_t key, float *out, size_t n)
{
    const uint8_t *p;
    size_t len;
    int rc = dura_record_bytes(r, key, &p, &len);
    if (rc == DURA_ENOENT)
        return 0;
    if (rc != DURA_OK || len % 4 || len / 4 != n)
        return DURA_ECORRUPT;
    for (size_t i = 0; i < n; i++)
        out[i] = durai_f32(durai_le32(p + 4 * i));
    return (int)n;
}

/* Key 28: reasons of the channels that are not GOOD, an array of integers. */
static int take_reasons(const dura_record *r, uint32_t *out, size_t cap, size_t *n)
{
    durai_item it;
    durai_cbor_in in;
    *n = 0;
    int rc = durai_cbor_find(r->cbor, r->len, 28, &it, &in);
    if (rc == DURA_ENOENT)
        return DURA_OK;
    if (rc != DURA_OK || it.type != DURAI_CBOR_ARRAY || it.v > cap)
        return DURA_ECORRUPT;
    for (uint64_t left = it.v; left > 0; left--) {
        durai_item one;
        if (durai_cbor_next(&in, &one) != DURA_OK || one.type != DURAI_CBOR_UINT || one.v > UINT32_MAX)
            return DURA_ECORRUPT;
        out[(*n)++] = (uint32_t)one.v;
    }
    return DURA_OK;
}

/* Verdicts, and as many reasons as there are channels that are not GOOD. */
static int take_verdicts(dura_watch *w, const dura_record *r, durai_seen *s)
{
    size_t n, reasons, not_good = 0;
    int rc = dura_record_bytes(r, 27, &s->verdicts, &n);
    if (rc == DURA_ENOENT)
        return DURA_OK;
    if (rc != DURA_OK || n != w->device.n_channels)
        return DURA_ECORRUPT;
    rc = take_reasons(r, w->reasons, w->device.n_channels, &reasons);
    for (size_t i = 0; i < n; i++)
        not_good += s->verdicts[i] != DURA_GOOD;
    s->n_verdicts = (uint16_t)n;
    s->not_good = (const uint8_t *)w->reasons;
    return rc == DURA_OK && reasons == not_good ? DURA_OK : DURA_ECORRUPT;
}

static int see_decision(dura_watch *w, const dura_record *r, const dura_ref *at)
{
    durai_seen s;
    uint64_t reasons = 0;
    int64_t backend = 0;
    size_t bitmap = 0;
    memset(&s, 0, sizeof s);
    s.at = *at;
    int n = take_floats(r, 22, w->values, w->device.n_channels);
    int in = take_floats(r, 23, w->inputs, (size_t)w->device.n_inputs + w->device.n_features);
    int raw = take_floats(r, 24, w->raw, w->device.n_outputs);
    int rc = take_verdicts(w, r, &s);
    if (n < 0 || in < 0 || raw < 0 || rc < 0)
        return DURA_ECORRUPT;
    rc = dura_record_bytes(r, 30, &s.missing, &bitmap);
    if ((rc != DURA_OK && rc != DURA_ENOENT) || (rc == DURA_OK && bitmap != (w->device.n_channels + 7u) / 8u))
        return DURA_ECORRUPT;
    (void)(dura_record_uint(r, 19, &reasons) == DURA_OK && dura_record_int(r, 31, &backend) == DURA_OK);
    s.reasons = (uint32_t)reasons;
    s.backend_rc = (int32_t)backend;
    s.n_values = (uint16_t)n;
    s.n_inputs = (uint16_t)in;
    s.n_raw = (uint16_t)raw;
    s.values = (const uint8_t *)w->values;
    s.inputs = (const uint8_t *)w->inputs;
    s.raw = (const uint8_t *)w->raw;
    if (dura_record_bytes(r, 29, &s.brain, &bitmap) != DURA_OK || bitmap != 8)
        s.brain = NULL;
    return durai_watch_decision(&w->watch, &s);
}

/* ---- heartbeats ---------------------------------------------------------------------------- */

static void put_found(dura_watch *w, const dura_fact *f)
{
    if (w->n_found < sizeof w->found / sizeof w->found[0])
        w->found[w->n_found++] = *f;
}

/* A decision that should have had a heartbeat before it: the device watched nothing, or its log
 * was bent. Said once per interval, like the device would have. */
static int miss_heartbeat(dura_watch *w, const dura_ref *at)
{
    dura_fact f;
    uint32_t owed = durai_alive_owed(w->selftest, !w->beaten);
    w->decisions++;
    if (owed == 0 || w->decisions - w->beat <= owed)
        return 0;
    durai_alive_silent(&f, w->decisions - w->beat, owed, w->decisions);
    f.frame = 0;
    put_found(w, &f);
    w->beat = w->decisions;
    return DURA_WATCH_DRIFT | durai_watch_fact(&w->watch, &f, at);
}

/* A heartbeat, or the word that there is none, stands in the log. */
static void take_heartbeat(dura_watch *w, const dura_fact *f)
{
    if (f->kind != DURA_FACT_ALIVE && !durai_alive_failed(f))
        return;
    w->beat = w->decisions;
    w->beaten = 1;
}

/* ---- over a start ------------------------------------------------------------------------- */

static int keep(dura_watch *w)
{
    uint32_t i = w->n_kept % KEPT;
    if (!w->watch.alive)
        return DURA_OK;
    if (!w->kept[i].bytes)
        w->kept[i].bytes = malloc(w->kept_bytes);
    if (!w->kept[i].bytes)
        return DURA_ENOSPC;
    w->kept[i].gseq = w->known;
    w->kept[i].len = durai_watch_keep(&w->watch, w->kept[i].bytes, w->kept_bytes);
    w->n_kept++;
    return w->kept[i].len < 0 ? w->kept[i].len : DURA_OK;
}

/* The device went on from what it knew at that record. One that was not read here, or is too
 * long ago, is said: from there on nothing can be found again. */
static void resume(dura_watch *w, uint64_t gseq)
{
    dura_fact f;
    for (uint32_t i = 0; i < KEPT; i++)
        if (w->kept[i].bytes && w->kept[i].gseq == gseq && w->kept[i].len > 0 &&
            durai_watch_resume(&w->watch, w->kept[i].bytes, (size_t)w->kept[i].len) == DURA_OK)
            return;
    memset(&f, 0, sizeof f);
    f.kind = DURA_FACT_MONITOR;
    f.log = DURA_LOG_DECISION;
    f.channel = f.asset = f.zone = f.source = f.control = f.risk = f.component = DURA_NONE;
    f.value[0] = DURA_MONITOR_ANEW;
    f.value[1] = DURA_ENOENT;
    put_found(w, &f);
}

/* What the watch says of a record, to be given out. */
static void collect(dura_watch *w, int bits)
{
    dura_fact f;
    for (uint16_t i = 0; i < w->watch.n_facts; i++)
        put_found(w, &w->watch.fact[i]);
    if (!(bits & DURAI_WATCH_RETRAIN))
        return;
    durai_retrain_fact(&w->watch, &f);
    put_found(w, &f);
}

static uint16_t id_of(const dura_record *r, uint32_t key)
{
    uint64_t v;
    return dura_record_uint(r, key, &v) == DURA_OK && v <= DURA_NONE ? (uint16_t)v : (uint16_t)DURA_NONE;
}

static uint64_t number_of(const dura_record *r, uint32_t key)
{
    uint64_t v;
    return dura_record_uint(r, key, &v) == DURA_OK ? v : 0;
}

static int take_values(const dura_record *r, int64_t value[4])
{
    durai_item it;
    durai_cbor_in in;
    int rc = durai_cbor_find(r->cbor, r->len, 26, &it, &in);
    if (rc == DURA_ENOENT)
        return DURA_OK;
    if (rc != DURA_OK || it.type != DURAI_CBOR_ARRAY || it.v > 4)
        return DURA_ECORRUPT;
    for (uint64_t i = 0; i < it.v; i++) {
        durai_item one;
        if (durai_cbor_next(&in, &one) != DURA_OK || one.type > DURAI_CBOR_NINT || one.v > INT64_MAX)
            return DURA_ECORRUPT;
        value[i] = one.type == DURAI_CBOR_UINT ? (int64_t)one.v : -1 - (int64_t)one.v;
    }
    return DURA_OK;
}

static int see_fact(dura_watch *w, const dura_record *r, const dura_ref *at)
{
    dura_fact f;
    memset(&f, 0, sizeof f);
    f.kind = (uint16_t)number_of(r, 16);
    f.severity = (uint8_t)number_of(r, 17);
    f.log = r->log;
    f.channel = id_of(r, 18);
    f.asset = id_of(r, 19);
    f.zone = id_of(r, 20);
    f.source = r->source;
    f.control = id_of(r, 21);
    f.risk = id_of(r, 22);
    f.component = id_of(r, 23);
    f.reasons = (uint32_t)number_of(r, 24);
    f.frame = number_of(r, 25);
    int rc = take_values(r, f.value);
    if (rc != DURA_OK)
        return rc;
    take_heartbeat(w, &f);
    if (w->watch.alive && f.kind == DURA_FACT_MONITOR && f.value[0] == DURA_MONITOR_RESUMED)
        resume(w, (uint64_t)f.value[1]);
    int bits = durai_watch_fact(&w->watch, &f, at);
    w->known = r->gseq;
    rc = w->watch.alive && w->watch.alive->point ? keep(w) : DURA_OK;
    return rc == DURA_OK ? bits : rc;
}

/* A clean end records an open incident once more, with all its evidence. */
static int still_open(const dura_watch *w)
{
    dura_incident i = DURA_INCIDENT_INIT;
    return dura_correlate_query(w->watch.correlate, &i) == DURA_OK && i.state != DURA_INCIDENT_CLOSED;
}

int dura_watch_record(dura_watch *w, const dura_record *r)
{
    dura_ref at;
    uint8_t digest[32];
    int rc = 0;
    if (!w || !r)
        return DURA_EINVAL;
    memset(&at, 0, sizeof at);
    at.time = r->time;
    at.gseq = r->gseq;
    at.log = r->log;
    if (r->time.boot != w->boot) {
        rc = w->boot ? keep(w) : DURA_OK;
        if (rc == DURA_OK)
            rc = durai_watch_init(&w->watch, w->mem, w->watch.policy, &w->parts);
        if (rc != DURA_OK)
            return rc;
        w->boot = r->time.boot;
        w->decisions = w->beat = 0;
        w->beaten = 0;
    }
    dura_sha256_query_n(0, (const void *const[]){r->cbor}, (const size_t[]){r->len}, 1, &digest);
    memcpy(at.leaf, digest, sizeof at.leaf);
    w->told = w->n_found = w->watch.n_facts = 0;
    switch (r->kind) {
    case DURA_REC_DECISION:
        rc = see_decision(w, r, &at);
        if (rc >= 0) {
            w->known = r->gseq;
            collect(w, rc);
            rc |= miss_heartbeat(w, &at);
            if (w->watch.alive && w->watch.alive->point && keep(w) != DURA_OK)
                rc = DURA_ENOSPC;
        }
        break;
    case DURA_REC_FACT: rc = see_fact(w, r, &at); break;
    case DURA_REC_EVENT: rc = durai_watch_event(&w->watch, r->payload, r->payload_len, r->n_pairs, &at); break;
    case DURA_REC_CLOSE: rc = still_open(w) ? DURA_WATCH_INCIDENT : 0; break;
    default: break;
    }
    return rc;
}

int dura_watch_end(dura_watch *w) { return w ? 0 : DURA_EINVAL; }

/* ---- what was found ---------------------------------------------------------------------- */

int dura_watch_fact(dura_watch *w, dura_fact *out)
{
    if (!w || !out)
        return DURA_EINVAL;
    if (w->told >= w->n_found)
        return 0;
    *out = w->found[w->told++];
    return 1;
}

int dura_watch_incident(const dura_watch *w, dura_incident *out)
{
    return w && out ? dura_correlate_query(w->watch.correlate, out) : DURA_EINVAL;
}

/* A histogram as the monitor's own channels are told of. */
static int shape_state(const dura_watch *w, uint32_t index, uint16_t *of, dura_drift_state *out)
{
    dura_histogram_state h = DURA_HISTOGRAM_STATE_INIT;
    dura_drift_state q = DURA_DRIFT_STATE_INIT;
    durai_policy_histogram p;
    if (!w->watch.histogram || durai_policy_get_histogram(w->watch.policy, index, &p) != DURA_OK)
        return DURA_ENOENT;
    int rc = w->watch.histogram_calls->query(w->watch.histogram, (uint16_t)index, &h);
    if (rc != DURA_OK)
        return rc;
    *of = p.of;
    q.alarm = h.alarm;
    q.direction = DURA_HISTOGRAM_SHAPE;
    q.why = h.why;
    q.onset = h.onset;
    q.statistic = h.statistic;
    q.limit = h.limit;
    q.size = h.size;
    q.n = h.n;
    return durai_struct_out(out, &q, (uint32_t)sizeof q, (uint32_t)offsetof(dura_drift_state, n));
}

int dura_watch_drift(const dura_watch *w, uint32_t index, const char **name, uint16_t *id, dura_drift_state *out)
{
    durai_policy_reference r;
    uint16_t of = 0;
    uint32_t n = 0;
    int rc;
    if (!w || !out)
        return DURA_EINVAL;
    if (!w->watch.drift)
        return DURA_ENOENT;
    (void)durai_policy_section(w->watch.policy, DURAI_POLICY_REFERENCES, &n, NULL);
    if (durai_policy_get_reference(w->watch.policy, index, &r) == DURA_OK) {
        of = r.of;
        rc = w->watch.drift_calls->query(w->watch.drift, of, out);
    } else {
        rc = shape_state(w, index - n, &of, out);
    }
    if (rc == DURA_OK && name)
        *name = w->names[of];
    if (rc == DURA_OK && id)
        *id = of;
    return rc;
}

uint32_t dura_watch_detector(const dura_watch *w, uint32_t index)
{
    uint32_t n = 0;
    if (!w)
        return DURA_DRIFT_MIXTURE;
    (void)durai_policy_section(w->watch.policy, DURAI_POLICY_REFERENCES, &n, NULL);
    return index < n ? w->watch.detector : (uint32_t)DURA_DRIFT_HISTOGRAM;
}

uint32_t dura_watch_reasons(dura_watch *w, uint32_t index)
{
    durai_policy_reference r;
    if (!w || !w->watch.mspc || durai_policy_get_reference(w->watch.policy, index, &r) != DURA_OK || r.of < w->watch.n_plain)
        return dura_watch_detector(w, index) << DURA_DRIFT_DETECTOR_AT;
    return durai_shape_blame(&w->watch) | (uint32_t)w->watch.detector << DURA_DRIFT_DETECTOR_AT;
}

int dura_watch_blamed(const dura_watch *w, uint32_t reasons, uint32_t rank, const char **name)
{
    if (!w || !name || rank >= DURA_DRIFT_BLAMED)
        return DURA_EINVAL;
    uint32_t place = durai_blamed(reasons >> DURA_DRIFT_BLAMED_BITS * rank);
    if ((reasons >> DURA_DRIFT_DETECTOR_AT & 7u) == DURA_DRIFT_HISTOGRAM || place == 0 || place > w->watch.n_inputs)
        return DURA_ENOENT;
    *name = w->names[durai_le32(w->watch.input + 4u * (place - 1u))];
    return DURA_OK;
}
