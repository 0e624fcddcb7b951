/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every logged decision again: the recorded frames go through a guard built from the run's
 * own packed policy, and the records it makes are compared byte for byte.
 *
 * The guard under replay writes into a region that keeps nothing but the decision records
 * passing by, and has a provider that cannot sign; its outputs go nowhere. What a frame
 * record does not hold (the operator's latch, the gate's answer at boot) is taken from the
 * records that do.
 */
#include <dura/drift_chart.h>
#include <dura/histogram.h>
#include <dura/host/crypto.h>
#include <dura/host/drift.h>
#include <dura/host/pack.h>
#include <dura/host/record.h>
#include <dura/host/session.h>
#include <dura/mspc.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/dura_base_priv.h"
#include "dura_host_files_priv.h"

enum { NV_BYTES = 4096, NV_BLOCK = 1024, SEGMENT_MAGIC = 0x31475344, FRAME_MAGIC = 0x31524C44 };

/* A decision waiting for its twin. */
typedef struct waiting {
    struct waiting *next;
    uint64_t gseq;
    uint32_t len;
    uint8_t payload[];
} waiting;

typedef struct boot_gate {
    uint32_t boot;
    int32_t gate;
    uint8_t model[8];           /* that ran at its start: an update brings another one */
} boot_gate;

typedef struct replay {
    dura_replay_report *report;
    /* the world of the guard under replay */
    dura_region log, nv, journal;
    uint8_t nv_bytes[NV_BYTES], journal_bytes[NV_BYTES];
    dura_sodium provider;
    dura_crypto crypto;
    dura_port port;
    dura_model model;
    dura_fn fn;
    int32_t gate;               /* what verify answers in this boot */
    uint8_t *policy, *image;
    size_t policy_len, image_len;
    uint64_t *mem;
    size_t mem_len;
    dura_guard *guard;
    int stopped;
    uint32_t boot;              /* of the records now replayed; 0: none yet */
    int lost;                   /* records are missing, or another model answered: history
                                   unknown until the next boot */
    const boot_gate *start;     /* of the boot now replayed */
    /* originals whose twins have not come by yet, oldest first */
    waiting *first, **last;
    boot_gate *boots;
    size_t n_boots;
    /* one frame, rebuilt */
    float values[DURA_CHANNELS_MAX], base[DURA_OUTPUTS_MAX];
    uint8_t missing[DURA_CHANNELS_MAX];
} replay;

/* ---- the capturing region ------------------------------------------------------------- */

static void note_difference(replay *r, const waiting *w, const dura_record *twin)
{
    dura_replay_report *rep = r->report;
    if (rep->first_gseq != UINT64_MAX)
        return;
    rep->first_gseq = w->gseq;
    size_t at = 0;
    while (at < w->len && at < twin->payload_len && w->payload[at] == twin->payload[at])
        at++;
    snprintf(rep->difference, sizeof rep->difference,
             "decision gseq %" PRIu64 ": payload of %u bytes, replayed %u bytes, first difference at byte %zu",
             w->gseq, (unsigned)w->len, (unsigned)twin->payload_len, at);
}

static void compare(replay *r, const uint8_t *rec, size_t len)
{
    dura_record twin;
    waiting *w = r->first;
    memset(&twin, 0, sizeof twin);
    twin.struct_size = sizeof twin;
    if (dura_record_decode(rec, len, &twin) != DURA_OK || twin.kind != DURA_REC_DECISION || !w)
        return;
    if (twin.payload_len == w->len && memcmp(twin.payload, w->payload, w->len) == 0)
        r->report->equal++;
    else
        note_difference(r, w, &twin);
    r->first = w->next;
    if (!r->first)
        r->last = &r->first;
    free(w);
}

/* Frames back to back, or one segment header: what the log programs. */
static int capture(void *user, uint64_t off, const void *buf, size_t len)
{
    const uint8_t *p = buf;
    (void)off;
    if (len < 16 || durai_le32(p) == SEGMENT_MAGIC)
        return 0;
    for (size_t at = 0; at + 16 <= len && durai_le32(p + at) == FRAME_MAGIC;) {
        size_t n = durai_le16(p + at + 4);
        if (n > len - at - 16)
            break;
        compare(user, p + at + 16, n);
        at += (16 + n + 7) & ~(size_t)7;
    }
    return 0;
}

static int blank_read(void *user, uint64_t off, void *buf, size_t len)
{
    (void)user;
    (void)off;
    memset(buf, 0, len);
    return 0;
}

static int ignore_erase(void *user, uint64_t off, size_t len)
{
    (void)user;
    (void)off;
    (void)len;
    return 0;
}

static int nv_read(void *user, uint64_t off, void *buf, size_t len)
{
    const uint8_t *nv = user;
    if (off > NV_BYTES || len > NV_BYTES - off)
        return DURA_EIO;
    memcpy(buf, nv + off, len);
    return 0;
}

static int nv_prog(void *user, uint64_t off, const void *buf, size_t len)
{
    uint8_t *nv = user;
    if (off > NV_BYTES || len > NV_BYTES - off)
        return DURA_EIO;
    memcpy(nv + off, buf, len);
    return 0;
}

static int nv_erase(void *user, uint64_t off, size_t len)
{
    uint8_t *nv = user;
    if (off > NV_BYTES || len > NV_BYTES - off)
        return DURA_EIO;
    memset(nv + off, 0, len);
    return 0;
}

static int answer_gate(void *user, const uint8_t pub[DURA_PUBKEY_BYTES], const void *msg, size_t n,
                       const uint8_t sig[DURA_SIG_BYTES])
{
    const replay *r = user;
    (void)pub;
    (void)msg;
    (void)n;
    (void)sig;
    return r->gate;
}

/* hash hooks of the real provider, reached through the one `user` of our own table */
static int hash_init(void *user, dura_hash_state *s)
{
    replay *r = user;
    return r->provider.crypto.hash_init(r->provider.crypto.user, s);
}
static int hash_update(void *user, dura_hash_state *s, const void *p, size_t n)
{
    replay *r = user;
    return r->provider.crypto.hash_update(r->provider.crypto.user, s, p, n);
}
static int hash_final(void *user, dura_hash_state *s, uint8_t out[DURA_HASH_BYTES])
{
    replay *r = user;
    return r->provider.crypto.hash_final(r->provider.crypto.user, s, out);
}

static int plug(replay *r, dura_error *err)
{
    static const uint8_t seed[32] = {0};
    uint8_t rec[256];
    size_t len = sizeof rec;
    int rc = dura_sodium_init(&r->provider, NULL, 0, NULL, NULL, NULL);
    if (rc == DURA_OK)
        rc = dura_factory_make(rec, &len, r->policy, r->policy_len, r->image, r->image_len, 0, seed);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "the replay could not be set up: %s", dura_strerror(rc));
    memcpy(r->nv_bytes, rec, len);
    dura_region log = {sizeof log, 4096, 1, 0, (uint64_t)1 << 50, r, blank_read, capture, ignore_erase, NULL};
    dura_region nv = {sizeof nv, NV_BLOCK, 1, 0, NV_BYTES, r->nv_bytes, nv_read, nv_prog, nv_erase, NULL};
    r->log = log;
    r->nv = nv;
    r->journal = nv;
    r->journal.user = r->journal_bytes;
    r->crypto.struct_size = sizeof r->crypto;
    r->crypto.user = r;
    r->crypto.hash_init = hash_init;
    r->crypto.hash_update = hash_update;
    r->crypto.hash_final = hash_final;
    r->crypto.verify = answer_gate;
    r->port.struct_size = sizeof r->port;
    r->port.crypto = &r->crypto;
    r->port.region[DURA_REGION_SECURITY] = r->port.region[DURA_REGION_DECISION] = &r->log;
    r->port.region[DURA_REGION_NV] = &r->nv;
    r->port.region[DURA_REGION_JOURNAL] = &r->journal;
    r->port.feature = dura_feature_part();
    r->port.drift = dura_host_drift_part();
    r->port.correlate = dura_correlate_part();
    r->port.watch = dura_guard_watch_part();
    r->port.gate = dura_gate_part();
    r->port.sensor = dura_sensor_part();
    r->port.chart = dura_drift_chart_part();
    r->port.mspc = dura_mspc_part();
    r->port.histogram = dura_histogram_part();
    return DURA_OK;
}

/* ---- boots ------------------------------------------------------------------------------ */

static int add_boot(replay *r, const dura_record *rec)
{
    int64_t gate;
    const uint8_t *model;
    size_t n;
    if (dura_record_int(rec, 18, &gate) != DURA_OK || dura_record_bytes(rec, 17, &model, &n) != DURA_OK || n != 32)
        return DURA_ECORRUPT;
    boot_gate *more = realloc(r->boots, (r->n_boots + 1) * sizeof *more);
    if (!more)
        return DURA_ENOSPC;
    r->boots = more;
    memcpy(more[r->n_boots].model, model, sizeof more->model);
    more[r->n_boots].boot = rec->time.boot;
    more[r->n_boots++].gate = (int32_t)gate;
    return DURA_OK;
}

static int read_boots(replay *r, const char *run, dura_error *err)
{
    dura_records *in;
    dura_record rec = {sizeof rec, 0, 0, 0, {0}, 0, 0, 0, 0, {0, 0, 0, 0, 0, {0}}, NULL, NULL, 0, 0, 0, 0};
    int rc = dura_records_open(&in, run, DURA_LOG_SECURITY, err);
    if (rc != DURA_OK)
        return rc;
    while ((rc = dura_records_next(in, &rec, err)) == 1) {
        if (rec.kind == DURA_REC_BOOT && (rc = add_boot(r, &rec)) != DURA_OK)
            break;
    }
    dura_records_close(in);
    return rc;
}

static int start_boot(replay *r, uint32_t boot, const dura_time *t, dura_error *err)
{
    r->boot = boot;
    r->stopped = 0;
    r->lost = 0;
    r->gate = DURA_OK;
    r->start = NULL;
    for (size_t i = 0; i < r->n_boots; i++)
        if (r->boots[i].boot == boot)
            r->start = &r->boots[i];
    if (r->start)
        r->gate = r->start->gate;
    memset(r->nv_bytes + NV_BLOCK, 0, NV_BYTES - NV_BLOCK);
    memset(r->journal_bytes, 0, sizeof r->journal_bytes);
    r->report->boots++;
    int rc = dura_guard_init(&r->guard, r->mem, r->mem_len, r->policy, r->policy_len, &r->model, &r->port, t);
    return rc == DURA_OK ? rc
                         : dura_error_set(err, rc, NULL, 0, NULL, "the guard does not start under replay: %s",
                                          dura_strerror(rc));
}

/* ---- one decision ------------------------------------------------------------------------ */

/* n floats of a byte string; NULL when it is absent. */
static const float *floats(const dura_record *rec, uint32_t key, float *out, size_t want)
{
    const uint8_t *p;
    size_t n;
    if (dura_record_bytes(rec, key, &p, &n) != DURA_OK || n != 4 * want)
        return NULL;
    for (size_t i = 0; i < want; i++)
        out[i] = durai_f32(durai_le32(p + 4 * i));
    return out;
}

static const uint8_t *bits(const dura_record *rec, uint32_t key, uint8_t *out, size_t want)
{
    const uint8_t *p;
    size_t n;
    if (dura_record_bytes(rec, key, &p, &n) != DURA_OK || n != (want + 7) / 8)
        return NULL;
    for (size_t i = 0; i < want; i++)
        out[i] = (uint8_t)(((uint32_t)p[i / 8] >> (i % 8)) & 1u);
    return out;
}

static int keep(replay *r, const dura_record *rec)
{
    waiting *w = malloc(sizeof *w + rec->payload_len);
    if (!w)
        return DURA_ENOSPC;
    w->next = NULL;
    w->gseq = rec->gseq;
    w->len = rec->payload_len;
    memcpy(w->payload, rec->payload, rec->payload_len);
    *r->last = w;
    r->last = &w->next;
    return DURA_OK;
}

/* The recorded latch, put on the guard under replay. */
static int set_latch(replay *r, const dura_record *rec)
{
    uint64_t action = 0;
    int want = dura_record_uint(rec, 18, &action) == DURA_OK && action == DURA_STOP;
    if (want == r->stopped)
        return DURA_OK;
    r->stopped = want;
    return dura_guard_override(r->guard, want ? DURA_OVERRIDE_STOP : DURA_OVERRIDE_RELEASE, "replay", "as recorded",
                               &rec->time);
}

static int again(replay *r, const dura_record *rec)
{
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    dura_policy_info info = DURA_POLICY_INFO_INIT;
    int rc = dura_policy_query(r->policy, r->policy_len, &info);
    if (rc == DURA_OK)
        rc = keep(r, rec);
    if (rc == DURA_OK)
        rc = set_latch(r, rec);
    if (rc < 0)
        return rc;
    if (dura_record_uint(rec, 16, &f.frame) != DURA_OK)
        return DURA_ECORRUPT;
    f.source = rec->source;
    f.time = rec->time;
    f.n = info.n_channels;
    f.values = floats(rec, 22, r->values, info.n_channels);
    f.missing = bits(rec, 30, r->missing, info.n_channels);
    f.baseline = floats(rec, 26, r->base, info.n_outputs);
    if (!f.baseline)
        f.baseline = floats(rec, 25, r->base, info.n_outputs);
    const dura_frame *given = f.values || rec->source != DURA_NONE ? &f : NULL;
    rc = dura_guard_step(r->guard, given, &d);
    if (rc < 0 && rc != DURA_EINVAL)
        return rc;
    r->report->decisions++;
    rc = dura_guard_idle(r->guard, &rec->time, UINT32_MAX);
    return rc < 0 ? rc : DURA_OK;
}

/* An update was on the way: the model of this decision is not the one the boot began
 * with, or two of them ran. What the envelope makes of later answers depends on this one. */
static int another_model(const replay *r, const dura_record *rec)
{
    const uint8_t *p;
    size_t n;
    uint64_t reasons;
    if (dura_record_uint(rec, 19, &reasons) == DURA_OK && (reasons & DURA_G_CHAMPION))
        return 1;
    return r->start && dura_record_bytes(rec, 29, &p, &n) == DURA_OK && n == 8 && memcmp(p, r->start->model, 8) != 0;
}

static int on_record(replay *r, const dura_record *rec, dura_error *err)
{
    if (rec->kind == DURA_REC_DROP)
        r->lost = 1;
    if (rec->kind != DURA_REC_DECISION)
        return DURA_OK;
    if (rec->time.boot != r->boot) {
        int rc = r->guard ? dura_guard_save(r->guard, &rec->time) : DURA_OK;
        if (rc == DURA_OK)
            rc = start_boot(r, rec->time.boot, &rec->time, err);
        if (rc < 0)
            return rc;
    }
    r->lost |= another_model(r, rec);
    if (r->lost) {
        r->report->not_replayed++;
        return DURA_OK;
    }
    int rc = again(r, rec);
    return rc == DURA_OK ? rc
                         : dura_error_set(err, rc, NULL, 0, NULL, "decision gseq %" PRIu64 " cannot be replayed: %s",
                                          rec->gseq, dura_strerror(rc));
}

static int run_through(replay *r, const char *run, dura_error *err)
{
    dura_records *in;
    dura_record rec = {sizeof rec, 0, 0, 0, {0}, 0, 0, 0, 0, {0, 0, 0, 0, 0, {0}}, NULL, NULL, 0, 0, 0, 0};
    dura_time end = {0};
    int rc = dura_records_open(&in, run, DURA_LOG_DECISION, err);
    if (rc != DURA_OK)
        return rc;
    while ((rc = dura_records_next(in, &rec, err)) == 1) {
        end = rec.time;
        rc = on_record(r, &rec, err);
        if (rc != DURA_OK)
            break;
    }
    dura_records_close(in);
    if (rc == DURA_OK && r->guard)
        rc = dura_guard_save(r->guard, &end);
    return rc;
}

/* ---- the call ----------------------------------------------------------------------------- */

static int load_model(replay *r, const char *run, const char *model, const dura_fn *call, const char *call_id,
                      dura_error *err)
{
    int rc;
    if (call && call_id) {
        r->fn = *call;
        r->image_len = strlen(call_id);
        r->image = (uint8_t *)durai_host_copy(call_id, r->image_len);
        rc = r->image ? DURA_OK : DURA_ENOSPC;
    } else if (model) {
        rc = durai_host_load_model(model, &r->image, &r->image_len, err);
    } else {
        rc = durai_host_read_in(run, "model.bin", &r->image, &r->image_len, err);
    }
    if (rc == DURA_OK && !call) {
        rc = dura_pack_check(r->image, r->image_len, NULL);
        if (rc != DURA_OK)
            return dura_error_set(err, rc, model ? model : run, 0, "model",
                                  "no packed model; a run of a C function is replayed with that function");
    }
    r->model.struct_size = sizeof r->model;
    r->model.backend = call ? dura_backend_fn() : dura_backend_packed();
    r->model.config = call ? &r->fn : NULL;
    r->model.image = r->image;
    r->model.image_len = r->image_len;
    return rc;
}

int dura_replay(const char *run, const char *model, const dura_fn *call, const char *call_id,
                dura_replay_report *out, dura_error *err)
{
    dura_replay_report report;
    replay *r = calloc(1, sizeof *r);
    if (!run || !out || out->struct_size < sizeof *out || (call && !call_id)) {
        free(r);
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "replay wants a run folder, and a name with a C function");
    }
    if (!r)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    report.first_gseq = UINT64_MAX;
    r->report = &report;
    r->last = &r->first;
    int rc = durai_host_read_in(run, "policy.bin", &r->policy, &r->policy_len, err);
    if (rc == DURA_OK)
        rc = load_model(r, run, model, call, call_id, err);
    if (rc == DURA_OK)
        rc = plug(r, err);
    if (rc == DURA_OK) {
        r->mem_len = dura_guard_bytes(r->policy, r->policy_len, &r->model, &r->port);
        r->mem = malloc(r->mem_len ? r->mem_len : 8);
        rc = r->mem_len && r->mem ? read_boots(r, run, err)
                                  : dura_error_set(err, DURA_EINVAL, run, 0, NULL, "policy.bin and model do not fit");
    }
    if (rc == DURA_OK)
        rc = run_through(r, run, err);
    while (r->first) {
        waiting *next = r->first->next;
        free(r->first);
        r->first = next;
    }
    free(r->policy);
    free(r->image);
    free(r->mem);
    free(r->boots);
    dura_sodium_deinit(&r->provider);
    free(r);
    *out = report;
    return rc;
}
