/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One guarded run on a computer with files: policy and model packed, keys from the state
 * folder, POSIX storage, a guard over them; docs/cmd/run.md tells what lies where and why.
 *
 * Order at the start: files of the run folder, keys, NV with the factory record, logs,
 * guard. A kill between any two leaves a folder that --resume takes up or starts again.
 * Order at the end: summary, manifest record, final seals, trim, checkpoint files: the
 * checkpoints are the mark of a closed run, so nothing is written after them.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include <dura/drift_chart.h>
#include <dura/histogram.h>
#include <dura/host/drift.h>
#include <dura/host/incident.h>
#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/record.h>
#include <dura/host/release.h>
#include <dura/host/session.h>
#include <dura/host/storage.h>
#include <dura/host/verify.h>
#include <dura/mspc.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../guard/dura_guard_priv.h"
#include "dura_host_session_priv.h"

/* ---- policy and model ---------------------------------------------------------------- */

static int names_of(dura_session *s, int what, uint16_t n, const char ***out)
{
    size_t found;
    const char **names = calloc(n ? n : 1u, sizeof *names);
    *out = names;
    return names ? dura_pack_names(s->policy, s->policy_len, what, names, NULL, n, &found) : DURA_ENOSPC;
}

static int load_policy(dura_session *s, const char *path, uint8_t **text, size_t *n, dura_error *err)
{
    void *image;
    int rc = durai_host_read(path, text, n, err);
    if (rc != DURA_OK)
        return rc;
    rc = dura_pack_policy((const char *)*text, *n, path, &image, &s->policy_len, err);
    if (rc != DURA_OK)
        return rc;
    s->policy = durai_host_copy(image, s->policy_len);
    dura_pack_deinit(image);
    if (!s->policy)
        return durai_session_oom(err);
    s->info.struct_size = sizeof s->info;
    rc = dura_policy_query(s->policy, s->policy_len, &s->info);
    if (rc == DURA_OK)
        rc = names_of(s, DURA_NAMES_CHANNELS, s->info.n_channels, &s->channels);
    if (rc == DURA_OK)
        rc = names_of(s, DURA_NAMES_OUTPUTS, s->info.n_outputs, &s->outputs);
    if (rc == DURA_OK && (s->flags & DURA_SESSION_ENFORCE) && s->info.mode != DURA_ENFORCE)
        return dura_error_set(err, DURA_EINVAL, path, 0, "device.mode", "is observe; set it to enforce and sign again");
    return rc == DURA_OK ? rc : dura_error_set(err, rc, path, 0, NULL, "%s", dura_strerror(rc));
}

/* In place of a model, where only people speak. */
static int32_t silent(void *user, const float *in, size_t n_in, float *out, size_t n_out)
{
    (void)user;
    (void)in;
    (void)n_in;
    (void)out;
    (void)n_out;
    return DURA_ESTATE;
}

/* The run's own model as bytes: its digest is recorded, it does not run. */
static int load_silent(dura_session *s, dura_error *err)
{
    int rc = durai_host_read_in(s->out, "model.bin", &s->image, &s->image_len, err);
    if (rc != DURA_OK)
        return rc;
    s->fn = (dura_fn){sizeof s->fn, s->info.n_inputs, s->info.n_outputs, silent, NULL};
    s->model = (dura_model){sizeof s->model, 0, dura_backend_fn(), &s->fn, s->image, s->image_len};
    return DURA_OK;
}

static int load_model(dura_session *s, const dura_session_options *o, const char *policy, dura_error *err)
{
    int rc;
    if (s->flags & DURA_SESSION_PEOPLE)
        return load_silent(s, err);
    if (o->model && o->call)
        return dura_error_set(err, DURA_EINVAL, o->model, 0, NULL, "give a model file or a C function, not both");
    if (o->model) {
        rc = durai_host_load_model(o->model, &s->image, &s->image_len, err);
        if (rc == DURA_OK)
            rc = dura_pack_check_model(s->policy, s->policy_len, s->image, s->image_len, policy, o->model, err);
        if (rc != DURA_OK)
            return rc;
        s->model.backend = dura_backend_packed();
    } else {
        if (!o->call || !o->call_id || !*o->call_id)
            return dura_error_set(err, DURA_EINVAL, NULL, 0, "model", "a run needs a model file, or a C function with a name");
        s->fn = *o->call;
        s->image_len = strlen(o->call_id);
        s->image = durai_host_copy(o->call_id, s->image_len);
        if (!s->image)
            return durai_session_oom(err);
    }
    s->model.struct_size = sizeof s->model;
    if (!o->model) {
        s->model.backend = dura_backend_fn();
        s->model.config = &s->fn;
    }
    s->model.image = s->image;
    s->model.image_len = s->image_len;
    return DURA_OK;
}

/* ---- keys and NV --------------------------------------------------------------------------- */

static int open_keys(dura_session *s, dura_error *err)
{
    uint8_t origin[DURA_ORIGIN_BYTES];
    int resumed = (s->flags & DURA_SESSION_RESUME) && durai_session_origin(s, origin);
    int rc = resumed ? durai_session_progress(s, UINT64_MAX, err) : DURA_OK;
    if (rc != DURA_OK)
        return rc;
    if (s->flags & DURA_SESSION_DEMO_KEY)
        rc = dura_keys_demo(&s->keys, s->epoch);
    else if (resumed)
        rc = dura_keys_open(&s->keys, s->state, origin, err);
    else
        rc = dura_keys_create(&s->keys, s->state, 0, err);
    if (rc != DURA_OK)
        return rc;
    if (resumed && memcmp(origin, s->keys.origin, sizeof origin) != 0)
        return dura_error_set(err, DURA_ESTATE, s->out, 0, "--resume", "the run was not begun with the demo key");
    if (!resumed)
        s->flags &= ~(uint32_t)DURA_SESSION_RESUME; /* nothing was there: a first boot */
    durai_hex(s->origin, s->keys.origin, sizeof s->keys.origin);
    return DURA_OK;
}

/* NV lies beside the secrets. The demo has no secrets and one NV per run folder. */
static int nv_path(dura_session *s, char *path, size_t room, dura_error *err)
{
    char real[PATH_ROOM], hex[17] = "";
    uint8_t digest[32];
    if (!(s->flags & DURA_SESSION_DEMO_KEY))
        return durai_host_join(path, room, s->keys.path, "nv") ? DURA_OK : durai_session_too_long(s->keys.path, err);
    if (!realpath(s->out, real))
        return dura_error_set(err, DURA_EIO, s->out, 0, "--out", "%s", strerror(errno));
    dura_sha256_query(digest, real, strlen(real));
    durai_hex(hex, digest, 8);
    /* mkdir -p: each existing level is fine, the open below reports what is not */
    for (char *p = s->state + 1; *p; p++) {
        if (*p == '/') {
            *p = 0;
            (void)mkdir(s->state, 0700);
            *p = '/';
        }
    }
    (void)mkdir(s->state, 0700);
    int n = snprintf(path, room, "%s/demo-%s.nv", s->state, hex);
    if (n < 0 || (size_t)n >= room)
        return durai_session_too_long(s->state, err);
    if (!(s->flags & DURA_SESSION_RESUME))
        (void)unlink(path); /* a first boot starts with blank NV */
    return DURA_OK;
}

static int has_updates(const dura_session *s)
{
    durai_policy_updates u;
    return durai_policy_get_updates(s->policy, &u) == DURA_OK;
}

/* The factory record as given, or one by the development key. */
static int factory_record(const dura_session *s, const char *path, uint8_t *rec, size_t *len, dura_error *err)
{
    uint8_t *file;
    size_t n;
    if (!path) {
        if (s->info.mode == DURA_ENFORCE && !has_updates(s))
            return dura_error_set(err, DURA_EDENIED, NULL, 0, "device.mode",
                                  "is enforce: give the factory record that was signed for it with --factory "
                                  "(dura key factory), or observe");
        if (!s->info.development)
            return dura_error_set(err, DURA_EDENIED, NULL, 0, "gate.factory_key",
                                  "the policy names a factory key: give the record it signed with --factory");
        return dura_factory_make(rec, len, s->policy, s->policy_len, s->image, s->image_len, 0, dura_dev_seed());
    }
    int rc = durai_host_read(path, &file, &n, err);
    if (rc != DURA_OK)
        return rc;
    if (n == 0 || n > *len)
        rc = dura_error_set(err, DURA_ECORRUPT, path, 0, NULL, "is not a factory record (made by `dura key factory`)");
    else
        memcpy(rec, file, n);
    *len = n;
    free(file);
    return rc;
}

static int open_nv(dura_session *s, const char *factory, dura_error *err)
{
    char path[PATH_ROOM];
    uint8_t rec[512] = {0};
    size_t len = sizeof rec;
    int people = (s->flags & DURA_SESSION_PEOPLE) != 0;
    int rc = people ? DURA_OK : factory_record(s, factory, rec, &len, err);
    if (rc == DURA_OK)
        rc = nv_path(s, path, sizeof path, err);
    if (rc == DURA_OK)
        rc = dura_file_open(&s->nv, path, NV_BYTES, NV_BLOCK, DURA_FILES_CREATE, err);
    if (rc != DURA_OK || people)
        return rc; /* what allowed the model stays as it is */
    const dura_region *r = &s->nv.region;
    rc = r->erase(r->user, 0, NV_BLOCK);
    if (rc == DURA_OK)
        rc = r->prog(r->user, 0, rec, len);
    if (rc == DURA_OK)
        rc = r->sync(r->user);
    return rc == DURA_OK ? rc : dura_file_error(&s->nv, err);
}

/* ---- what updates change ----------------------------------------------------------------- */

enum { JOURNAL_BYTES = 4 * NV_BLOCK };

/* A path in the device's folder: given, or the folder of the keys; the demo has neither
 * and keeps everything beside its NV. */
static int device_path(const dura_session *s, const char *name, char *path, size_t room, dura_error *err)
{
    int n;
    if (s->device)
        n = snprintf(path, room, "%s/%s", s->device, name);
    else if (s->flags & DURA_SESSION_DEMO_KEY)
        n = snprintf(path, room, "%s-%s", s->nv.path, name);
    else
        n = snprintf(path, room, "%s/%s", s->keys.path, name);
    return n >= 0 && (size_t)n < room ? DURA_OK : durai_session_too_long(s->device ? s->device : s->state, err);
}

/* Open one of the device's files; the demo's are made anew by a run that does not resume. */
static int open_part(dura_session *s, dura_file *f, const char *name, uint64_t size, dura_error *err)
{
    char path[PATH_ROOM];
    int rc = device_path(s, name, path, sizeof path, err);
    if (rc != DURA_OK)
        return rc;
    if (!s->device && (s->flags & DURA_SESSION_DEMO_KEY) && !(s->flags & DURA_SESSION_RESUME))
        (void)unlink(path);
    return dura_file_open(f, path, size, NV_BLOCK, DURA_FILES_CREATE, err);
}

/* A device that outlives its runs has a key of its own for the tags on its journal. */
static int device_key(dura_session *s, dura_error *err)
{
    uint8_t *key;
    size_t n;
    if (mkdir(s->device, 0700) != 0 && errno != EEXIST)
        return dura_error_set(err, DURA_EIO, s->device, 0, "--device", "cannot be made: %s", strerror(errno));
    int rc = durai_host_read_in(s->device, "device.key", &key, &n, err);
    if (rc == DURA_ENOENT) {
        uint8_t fresh[DURA_SEED_BYTES];
        randombytes_buf(fresh, sizeof fresh);
        rc = durai_host_write_secret(s->device, "device.key", fresh, sizeof fresh, err);
        if (rc == DURA_OK)
            rc = dura_sodium_key(&s->keys.sodium, DURA_KEY_DEVICE, fresh, sizeof fresh);
        sodium_memzero(fresh, sizeof fresh);
        return rc;
    }
    if (rc != DURA_OK)
        return rc;
    if (n == DURA_SEED_BYTES)
        rc = dura_sodium_key(&s->keys.sodium, DURA_KEY_DEVICE, key, n);
    else
        rc = dura_error_set(err, DURA_ECORRUPT, s->device, 0, "device.key", "is not 32 bytes: damaged");
    sodium_memzero(key, n);
    free(key);
    return rc;
}

static int open_device(dura_session *s, dura_error *err)
{
    static const char *const names[2] = {"slot_a", "slot_b"};
    durai_policy_updates u;
    int rc = DURA_OK;
    if (!has_updates(s))
        return s->device ? dura_error_set(err, DURA_EINVAL, s->device, 0, "--device",
                                          "the policy takes no updates; add \"updates\": {} to it, or leave --device out")
                         : DURA_OK;
    if (durai_policy_get_updates(s->policy, &u) != DURA_OK)
        return DURA_EINVAL;
    if (rc == DURA_OK)
        rc = open_part(s, &s->journal, "journal", JOURNAL_BYTES, err);
    uint64_t size = ((uint64_t)u.slot_bytes + NV_BLOCK - 1) / NV_BLOCK * NV_BLOCK;
    for (int i = 0; rc == DURA_OK && u.slot_bytes && i < 2; i++)
        rc = open_part(s, &s->slot[i], names[i], size, err);
    return rc;
}

static int open_logs(dura_session *s, dura_error *err)
{
    static const char *const names[2] = {"security.log", "decision.log"};
    char path[PATH_ROOM];
    durai_policy_logs l;
    int rc = durai_policy_get_logs(s->policy, &l);
    for (int i = 0; rc == DURA_OK && i < 2; i++) {
        if (!durai_host_join(path, sizeof path, s->out, names[i]))
            return durai_session_too_long(s->out, err);
        rc = dura_files_open(&s->logs[i], path, l.segment_bytes ? l.segment_bytes : DEFAULT_SEGMENT,
                             DURA_FILES_CREATE, err);
    }
    return rc;
}

/* ---- guard ----------------------------------------------------------------------------------- */

/* Words for a code that came out of the guard: whichever store failed knows best. */
static int explain(dura_session *s, int rc, dura_error *err)
{
    if (rc == DURA_OK)
        return rc;
    dura_error_set(err, rc, s->out, 0, NULL, "%s", dura_storage_strerror(rc));
    for (int i = 0; i < 2; i++)
        if (s->logs[i].code == rc)
            (void)dura_files_error(&s->logs[i], err);
    if (s->nv.code == rc)
        (void)dura_file_error(&s->nv, err);
    if (s->journal.code == rc)
        (void)dura_file_error(&s->journal, err);
    if (s->keys.code == rc && rc < -100)
        (void)dura_keys_error(&s->keys, err);
    return rc;
}

/* A release has put this very policy in force. */
static int released(const dura_session *s)
{
    dura_gate_status st = DURA_GATE_STATUS_INIT;
    uint8_t digest[32];
    dura_sha256_query(digest, s->policy, s->policy_len);
    return dura_guard_release(s->guard, &st) == DURA_OK && memcmp(st.policy, digest, sizeof digest) == 0;
}

static int start_guard(dura_session *s, dura_error *err)
{
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    s->port.struct_size = sizeof s->port;
    s->port.crypto = dura_keys_crypto(&s->keys);
    s->port.region[DURA_REGION_SECURITY] = &s->logs[0].region;
    s->port.region[DURA_REGION_DECISION] = &s->logs[1].region;
    s->port.region[DURA_REGION_NV] = &s->nv.region;
    s->port.feature = dura_feature_part();
    s->port.drift = dura_host_drift_part();
    s->port.correlate = dura_correlate_part();
    s->port.watch = dura_guard_watch_part();
    s->port.gate = dura_gate_part();
    s->port.sensor = dura_sensor_part();
    s->port.chart = dura_drift_chart_part();
    s->port.mspc = dura_mspc_part();
    s->port.histogram = dura_histogram_part();
    if (s->journal.fd >= 0)
        s->port.region[DURA_REGION_JOURNAL] = &s->journal.region;
    for (int i = 0; i < 2; i++)
        if (s->slot[i].fd >= 0)
            s->port.region[DURA_REGION_SLOT_A + i] = &s->slot[i].region;
    size_t need = dura_guard_bytes(s->policy, s->policy_len, &s->model, &s->port);
    if (need == 0)
        return dura_error_set(err, DURA_EINVAL, s->out, 0, "logs",
                              "max_record or ring_bytes cannot take one decision of this policy; leave them out");
    s->mem = malloc(need);
    if (!s->mem)
        return durai_session_oom(err);
    int rc = dura_guard_init(&s->guard, s->mem, need, s->policy, s->policy_len, &s->model, &s->port, &s->last);
    if (rc == DURA_OK)
        rc = dura_guard_query(s->guard, &st);
    if (rc != DURA_OK)
        return explain(s, rc, err);
    if (s->flags & DURA_SESSION_PEOPLE)
        return DURA_OK;
    if (st.gate == DURA_OK && s->info.mode == DURA_ENFORCE && !s->enforced_by_factory && !released(s))
        return dura_error_set(err, DURA_EDENIED, NULL, 0, "device.mode",
                              "is enforce, and no release has put this policy in force: offer one to this device "
                              "(dura release --component policy), or give a factory record with --factory");
    if (st.gate != DURA_OK)
        return dura_error_set(err, st.gate, NULL, 0, "factory record",
                              "does not allow this model under this policy: %s; sign them with `dura key factory`",
                              dura_strerror(st.gate));
    return DURA_OK;
}

/* The log may have given up records that were read before it was opened: a kill between the
 * writes of the two logs leaves decisions behind a gap. Their rows are to be guarded again. */
static int settle_progress(dura_session *s, dura_error *err)
{
    dura_log_status st = DURA_LOG_STATUS_INIT;
    int rc = dura_log_query(s->guard->log, &st);
    if (rc != DURA_OK || s->recorded <= st.seq[1])
        return rc;
    return durai_session_progress(s, st.seq[1], err);
}

/* ---- open ------------------------------------------------------------------------------------- */

static int check_options(const dura_session_options *o, dura_error *err)
{
    if (!o || o->struct_size < sizeof *o)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options of another version");
    if (!o->policy && !(o->flags & DURA_SESSION_PEOPLE))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "policy", "is required");
    if (!o->out || !*o->out)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "out", "is required");
    return DURA_OK;
}

static int open_all(dura_session *s, const dura_session_options *o, dura_error *err)
{
    uint8_t *json = NULL;
    size_t n = 0;
    char own[PATH_ROOM];
    const char *policy = o->policy;
    if (s->flags & DURA_SESSION_PEOPLE) {
        if (!durai_host_join(own, sizeof own, s->out, "policy.json"))
            return durai_session_too_long(s->out, err);
        policy = own;
    }
    int rc = load_policy(s, policy, &json, &n, err);
    if (rc == DURA_OK)
        rc = load_model(s, o, policy, err);
    if (rc == DURA_OK)
        rc = durai_session_claim(s, err);
    if (rc == DURA_OK)
        rc = durai_session_fill(s, json, n, err);
    free(json);
    if (rc == DURA_OK)
        rc = open_keys(s, err);
    if (rc == DURA_OK && s->device)
        rc = device_key(s, err);
    if (rc == DURA_OK)
        rc = durai_session_unmark(s, err);
    if (rc == DURA_OK)
        rc = open_nv(s, o->factory, err);
    if (rc == DURA_OK)
        rc = open_device(s, err);
    if (rc == DURA_OK)
        rc = open_logs(s, err);
    if (rc == DURA_OK)
        rc = start_guard(s, err);
    return rc == DURA_OK ? settle_progress(s, err) : rc;
}

/* Refused: the folder is as it was. What the device keeps (--device) is not ours to remove. */
static void give_up(dura_session *s)
{
    char *out = s->fresh ? durai_host_copy(s->out, strlen(s->out)) : NULL, keys[PATH_ROOM] = "";
    int made = s->made_out;
    if (!(s->flags & DURA_SESSION_DEMO_KEY))
        snprintf(keys, sizeof keys, "%s", s->keys.path);
    dura_session_abort(s);
    if (out)
        durai_session_forget(out, keys, made);
    free(out);
}

int dura_session_open(dura_session **out, const dura_session_options *o, dura_error *err)
{
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    int rc = check_options(o, err);
    if (rc != DURA_OK)
        return rc;
    dura_session *s = calloc(1, sizeof *s);
    if (!s)
        return durai_session_oom(err);
    s->flags = o->flags | (o->flags & DURA_SESSION_PEOPLE ? (uint32_t)DURA_SESSION_RESUME : 0);
    s->enforced_by_factory = o->factory != NULL;
    s->journal.fd = s->slot[0].fd = s->slot[1].fd = -1;
    s->keys.folder = s->nv.fd = s->logs[0].folder = s->logs[1].folder = -1;
    s->out = durai_host_copy(o->out, strlen(o->out));
    if (s->out && o->device)
        s->device = durai_host_copy(o->device, strlen(o->device));
    if (!s->out || (o->device && !s->device))
        rc = durai_session_oom(err);
    else if (o->state)
        rc = snprintf(s->state, sizeof s->state, "%s", o->state) < (int)sizeof s->state ? DURA_OK : DURA_ELIMIT;
    else
        rc = dura_keys_state_dir(s->state, sizeof s->state);
    if (rc != DURA_OK)
        (void)dura_error_set(err, rc, NULL, 0, "--state", "no usable state folder: give one with --state");
    else
        rc = open_all(s, o, err);
    if (rc != DURA_OK)
        give_up(s);
    else
        *out = s;
    return rc;
}

/* ---- step ---------------------------------------------------------------------------------------- */

int dura_session_step(dura_session *s, const dura_frame *f, dura_decision *d, dura_error *err)
{
    if (!s)
        return DURA_EINVAL;
    int rc = dura_guard_step(s->guard, f, d);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "the frame is unusable: %s", dura_strerror(rc));
    s->frames++;
    if (f->time.mono_ns > s->last.mono_ns)
        s->last = f->time;
    rc = dura_guard_idle(s->guard, &s->last, UINT32_MAX);
    return rc < 0 ? explain(s, rc, err) : DURA_OK;
}

/* ---- events and releases ------------------------------------------------------------------------ */

int dura_session_event(dura_session *s, const void *pairs, size_t len, uint16_t n_pairs, const dura_time *t,
                       dura_error *err)
{
    dura_log_entry e;
    if (!s || !pairs || !t)
        return DURA_EINVAL;
    memset(&e, 0, sizeof e);
    e.struct_size = sizeof e;
    e.log = DURA_LOG_SECURITY;
    e.kind = DURA_REC_EVENT;
    e.source = DURA_NONE;
    e.n_pairs = n_pairs;
    e.time = *t;
    if (t->mono_ns > s->last.mono_ns)
        s->last = *t;
    int rc = dura_guard_event(s->guard, &e, pairs, len);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, "event", "%s", dura_strerror(rc));
    rc = dura_guard_idle(s->guard, &s->last, UINT32_MAX);
    return rc < 0 ? explain(s, rc, err) : DURA_OK;
}

/* The names of DURA_WHY_* bits, with commas between. */
static void why_words(uint64_t why, char *buf, size_t n)
{
    size_t at = 0;
    for (uint32_t bit = 0; bit < 64; bit++) {
        const char *name = why >> bit & 1u ? dura_record_name(DURA_NAME_WHY, bit) : NULL;
        int k = name ? snprintf(buf + at, n - at, "%s%s", at ? ", " : "", name) : 0;
        at += k > 0 && (size_t)k < n - at ? (size_t)k : 0;
    }
}

static int say_why(uint64_t why, int rc, const char *path, dura_error *err)
{
    char words[256] = "";
    why_words(why, words, sizeof words);
    return dura_error_set(err, rc, path, 0, NULL, "the gate refuses it: %s", words[0] ? words : dura_strerror(rc));
}

static int say_refused(dura_session *s, int rc, const char *path, dura_error *err)
{
    dura_gate_status st = DURA_GATE_STATUS_INIT;
    return say_why(dura_guard_release(s->guard, &st) == DURA_OK ? (uint64_t)st.why2 << 32 | st.why : 0, rc, path, err);
}

/* Bytes of a file that is read whole. */
typedef struct held {
    uint8_t *p;
    size_t n;
} held;

static int read_held(void *user, uint64_t off, void *p, size_t n)
{
    const held *h = user;
    if (off > h->n || n > h->n - off)
        return DURA_ECORRUPT;
    memcpy(p, h->p + off, n);
    return DURA_OK;
}

/* The tree over its chunks, where the release signs one and the file is beside it. 1; 0. */
static int open_tree(dura_chunks *c, held *tree, const held *envelope, const char *path, uint64_t length)
{
    char own[PATH_ROOM];
    const void *payload;
    size_t n;
    uint8_t root[DURA_HASH_BYTES];
    if (dura_envelope_open(envelope->p, envelope->n, &payload, &n, NULL) != DURA_OK || dura_chunks_root(payload, n, root) != DURA_OK)
        return 0;
    int k = snprintf(own, sizeof own, "%s.chunks", path);
    if (k < 0 || (size_t)k >= sizeof own || durai_host_read(own, &tree->p, &tree->n, NULL) != DURA_OK)
        return 0;
    return dura_chunks_open(c, root, length, read_held, tree) == DURA_OK;
}

static int prove(dura_session *s, dura_chunks *c, const held *envelope, uint64_t at)
{
    uint8_t leaf[DURA_HASH_BYTES], path[DURA_CHUNKS_PATH][DURA_HASH_BYTES];
    uint32_t n;
    int rc = dura_chunks_path(c, at / DURA_CHUNK_BYTES, leaf, path, &n);
    return rc == DURA_OK ? dura_guard_prove(s->guard, envelope->p, envelope->n, leaf, path[0], n) : rc;
}

/* The subject's bytes, in pieces as they would come over a wire. A tree that does not fit is as
 * good as none: the gate judges the whole. */
static int write_subject(dura_session *s, const char *path, const char *release, const held *envelope, dura_error *err)
{
    held subject = {NULL, 0}, tree = {NULL, 0};
    dura_chunks c;
    int rc = durai_host_read(path, &subject.p, &subject.n, err);
    int proven = rc == DURA_OK && subject.n && open_tree(&c, &tree, envelope, release, subject.n);
    for (size_t at = 0; rc == DURA_OK && at < subject.n; at += 4096) {
        size_t piece = subject.n - at < 4096 ? subject.n - at : 4096;
        if (proven && at % DURA_CHUNK_BYTES == 0)
            (void)prove(s, &c, envelope, at);
        rc = dura_guard_write(s->guard, at, subject.p + at, piece, &s->last);
        if (rc == DURA_EDENIED) {
            int noted = dura_guard_idle(s->guard, &s->last, UINT32_MAX); /* its end, or it would keep out the next one */
            (void)dura_error_set(err, rc, path, 0, NULL, "chunk %zu is not what was signed%s", at / DURA_CHUNK_BYTES,
                                 noted < 0 ? "; the journal could not note it" : "");
        } else if (rc != DURA_OK)
            (void)dura_error_set(err, rc, path, 0, NULL, "the gate does not take its bytes: %s", dura_strerror(rc));
    }
    free(tree.p);
    free(subject.p);
    return rc;
}

/* A policy release: its policy beside it, which stays ours as long as the session. A file
 * that is not there is none: the gate says that it is missing. */
static int give_successor(dura_session *s, const uint8_t *envelope, size_t len, const char *subject, const char *path,
                          dura_error *err)
{
    char own[PATH_ROOM];
    const void *payload;
    uint8_t *p = NULL;
    size_t n, size = 0;
    dura_release r = DURA_RELEASE_INIT;
    if (dura_envelope_open(envelope, len, &payload, &n, NULL) != DURA_OK || dura_release_decode(payload, n, &r) != DURA_OK ||
        r.component != DURA_COMPONENT_POLICY)
        return DURA_OK;
    int k = snprintf(own, sizeof own, "%s.policy", path);
    if (!subject && (k < 0 || (size_t)k >= sizeof own))
        return durai_session_too_long(path, err);
    int rc = durai_host_read(subject ? subject : own, &p, &size, err);
    if (rc != DURA_OK)
        return rc;
    rc = dura_guard_successor(s->guard, p, size);
    free(s->successor);
    s->successor = p;
    if (rc != DURA_OK && rc != DURA_ENOTSUP)
        (void)dura_error_set(err, rc, subject ? subject : own, 0, NULL, "is no packed policy this build reads: %s", dura_strerror(rc));
    return rc;
}

int dura_session_offer(dura_session *s, const char *path, const char *subject, dura_error *err)
{
    char own[PATH_ROOM];
    dura_gate_status st = DURA_GATE_STATUS_INIT;
    held e = {NULL, 0};
    if (!s || !path)
        return DURA_EINVAL;
    int rc = durai_host_read(path, &e.p, &e.n, err);
    if (rc != DURA_OK)
        return rc;
    rc = give_successor(s, e.p, e.n, subject, path, err);
    if (rc != DURA_OK && rc != DURA_ENOTSUP) {
        free(e.p);
        return rc;
    }
    rc = rc == DURA_OK ? dura_guard_offer(s->guard, e.p, e.n, &s->last) : rc;
    if (rc == DURA_ENOTSUP)
        (void)dura_error_set(err, rc, path, 0, NULL, "this policy takes no updates; add \"updates\": {} to it");
    else if (rc != DURA_OK)
        (void)say_refused(s, rc, path, err);
    if (rc == DURA_OK && dura_guard_release(s->guard, &st) == DURA_OK && st.component == DURA_COMPONENT_BRAIN) {
        int k = snprintf(own, sizeof own, "%s.brain", path);
        rc = !subject && (k < 0 || (size_t)k >= sizeof own) ? durai_session_too_long(path, err)
                                                            : write_subject(s, subject ? subject : own, path, &e, err);
    }
    free(e.p);
    return rc;
}

int dura_session_approve(dura_session *s, const char *path, dura_error *err)
{
    uint8_t *p;
    size_t n;
    uint32_t why = 0;
    if (!s || !path)
        return DURA_EINVAL;
    int rc = durai_host_read(path, &p, &n, err);
    if (rc != DURA_OK)
        return rc;
    rc = dura_guard_approve(s->guard, p, n, &s->last, &why);
    free(p);
    if (rc == DURA_ESTATE)
        return dura_error_set(err, rc, path, 0, NULL, "no release is in hand that can still be approved");
    if (rc == DURA_ENOTSUP)
        return dura_error_set(err, rc, path, 0, NULL, "this policy takes no updates; add \"updates\": {} to it");
    return rc == DURA_OK ? rc : say_why(why, rc, path, err);
}

/* ---- close --------------------------------------------------------------------------------------- */

static int write_summary(const dura_session *s, dura_error *err)
{
    char text[1024], digest[2][65];
    uint8_t h[32];
    dura_guard_status g = DURA_GUARD_STATUS_INIT;
    dura_log_status l = DURA_LOG_STATUS_INIT;
    if (dura_guard_query(s->guard, &g) != DURA_OK || dura_guard_log(s->guard, &l) != DURA_OK)
        return DURA_EINVAL;
    dura_sha256_query(h, s->policy, s->policy_len);
    digest[0][durai_hex(digest[0], h, 32)] = 0;
    dura_sha256_query(h, s->image, s->image_len);
    digest[1][durai_hex(digest[1], h, 32)] = 0;
    int n = snprintf(text, sizeof text,
                     "{\n  \"dura\": \"%s\",\n  \"origin\": \"%s\",\n  \"policy_sha256\": \"%s\",\n"
                     "  \"model_sha256\": \"%s\",\n  \"mode\": \"%s\",\n  \"boots\": %u,\n"
                     "  \"frames_this_boot\": %" PRIu64 ",\n"
                     "  \"actions_this_boot\": {\"ACT\": %" PRIu64 ", \"HOLD\": %" PRIu64 ", \"FALLBACK\": %" PRIu64
                     ", \"STOP\": %" PRIu64 "},\n  \"unrecorded\": %" PRIu64 ",\n  \"dropped\": %" PRIu64 "\n}\n",
                     dura_version(), s->origin, digest[0], digest[1], g.mode == DURA_ENFORCE ? "enforce" : "observe",
                     (unsigned)g.boot, g.steps, g.actions[0], g.actions[1], g.actions[2], g.actions[3], g.unrecorded,
                     l.dropped);
    return durai_host_write_in(s->out, "summary.json", text, (size_t)n, err);
}

/* Names in the order deterministic CBOR wants: shorter first. */
static int build_manifest(const dura_session *s, uint8_t *out, size_t cap, size_t *len, dura_error *err)
{
    static const char *const names[] = {"model.bin", "policy.bin", "policy.json", "summary.json",
                                        "incidents.ndjson"};
    durai_cbor c;
    durai_cbor_init(&c, out, cap);
    durai_cbor_uint(&c, 16);
    durai_cbor_map(&c, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint8_t *p, h[32];
        size_t n;
        int rc = durai_host_read_in(s->out, names[i], &p, &n, err);
        if (rc != DURA_OK)
            return rc;
        dura_sha256_query(h, p, n);
        free(p);
        durai_cbor_text(&c, names[i], strlen(names[i]));
        durai_cbor_bytes(&c, h, sizeof h);
    }
    *len = c.len;
    return c.err;
}

/* Size and root out of a checkpoint file, for the state folder. */
static int read_head(const dura_session *s, const char *name, uint64_t *size, uint8_t root[32])
{
    uint8_t *text;
    size_t n, got = 0;
    char b64[64] = "";
    if (durai_host_read_in(s->out, name, &text, &n, NULL) != DURA_OK)
        return DURA_ENOENT;
    int ok = sscanf((const char *)text, "%*[^\n]\n%" SCNu64 "\n%63[^\n]", size, b64) == 2 &&
             sodium_base642bin(root, 32, b64, strlen(b64), NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
             got == 32;
    free(text);
    return ok ? DURA_OK : DURA_ECORRUPT;
}

static int note_head(dura_session *s, uint32_t epoch, dura_error *err)
{
    dura_keys_head head;
    if (s->flags & DURA_SESSION_DEMO_KEY)
        return DURA_OK;
    memset(&head, 0, sizeof head);
    head.known = 1;
    head.epoch = epoch;
    if (read_head(s, "security.log/checkpoint", &head.size[0], head.root[0]) != DURA_OK ||
        read_head(s, "decision.log/checkpoint", &head.size[1], head.root[1]) != DURA_OK)
        return dura_error_set(err, DURA_ECORRUPT, s->out, 0, "checkpoint", "was not written as it should be");
    int rc = dura_keys_note_head(&s->keys, &head);
    return rc == DURA_OK ? rc : dura_keys_error(&s->keys, err);
}

/* incidents.ndjson, from the records that are durable by now. */
static int write_incidents(dura_session *s, dura_error *err)
{
    char *text;
    size_t n;
    int rc = dura_guard_save(s->guard, &s->last);
    if (rc != DURA_OK)
        return explain(s, rc, err);
    rc = dura_incidents_json(s->out, 0, &text, &n, NULL, err);
    if (rc == DURA_OK)
        rc = durai_host_write_in(s->out, "incidents.ndjson", text, n, err);
    if (rc == DURA_OK)
        free(text);
    return rc;
}

static int close_all(dura_session *s, dura_error *err)
{
    uint8_t manifest[512];
    size_t len = 0;
    dura_log_status before = DURA_LOG_STATUS_INIT, after = DURA_LOG_STATUS_INIT;
    int rc = write_incidents(s, err);
    if (rc == DURA_OK)
        rc = write_summary(s, err);
    if (rc == DURA_OK)
        rc = build_manifest(s, manifest, sizeof manifest, &len, err);
    if (rc != DURA_OK)
        return rc;
    rc = dura_guard_log(s->guard, &before);
    if (rc == DURA_OK)
        rc = dura_guard_deinit(s->guard, &s->last, manifest, len, 1);
    if (rc == DURA_OK)
        rc = dura_guard_log(s->guard, &after);
    for (int i = 0; rc == DURA_OK && i < 2; i++)
        rc = dura_files_trim(&s->logs[i], after.end[i]);
    for (int i = 0; i < 2; i++) {
        int closed = dura_files_close(&s->logs[i]);
        rc = rc == DURA_OK ? closed : rc;
    }
    if (rc != DURA_OK)
        return explain(s, rc, err);
    rc = dura_checkpoint_save(s->out, err);
    return rc == DURA_OK ? note_head(s, after.epoch - 1u, err) : rc;
}

int dura_session_close(dura_session *s, dura_error *err)
{
    if (!s)
        return DURA_EINVAL;
    int rc = close_all(s, err);
    dura_session_abort(s);
    return rc;
}

void dura_session_abort(dura_session *s)
{
    if (!s)
        return;
    for (int i = 0; i < 2; i++)
        (void)dura_files_close(&s->logs[i]);
    (void)dura_file_close(&s->nv);
    (void)dura_file_close(&s->journal);
    for (int i = 0; i < 2; i++)
        (void)dura_file_close(&s->slot[i]);
    dura_keys_close(&s->keys);
    free(s->mem);
    free(s->policy);
    free(s->image);
    free(s->successor);
    free((void *)s->channels);
    free((void *)s->outputs);
    free(s->out);
    free(s->device);
    free(s);
}

/* ---- figures --------------------------------------------------------------------------------------- */

dura_guard *dura_session_guard(dura_session *s) { return s ? s->guard : NULL; }

uint16_t dura_session_channels(const dura_session *s) { return s ? s->info.n_channels : 0; }

uint16_t dura_session_outputs(const dura_session *s) { return s ? s->info.n_outputs : 0; }

const char *dura_session_channel(const dura_session *s, uint16_t index)
{
    return s && index < s->info.n_channels ? s->channels[index] : NULL;
}

const char *dura_session_output(const dura_session *s, uint16_t index)
{
    return s && index < s->info.n_outputs ? s->outputs[index] : NULL;
}

uint64_t dura_session_next_frame(const dura_session *s) { return s ? s->next_frame : 0; }

const char *dura_session_origin(const dura_session *s) { return s ? s->origin : ""; }
