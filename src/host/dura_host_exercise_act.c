/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts: what threatens a decision without touching a sensor. The model answers wildly, fails or
 * is stopped; a release is forged or old; a log is altered or cut.
 *
 * Acts on model and gate begin from the guard's state at the drill's places, as injections do.
 * Logs are really written, to a folder of their own that is removed.
 */
#define _XOPEN_SOURCE 700 /* nftw */
#include "dura_host_exercise_priv.h"

#include <dura/host/frames.h>
#include <dura/host/release.h>
#include <dura/host/session.h>
#include <dura/host/verify.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dura_host_files_priv.h"

enum { FRAMES = 64, LOG_FRAMES = 200 };

static void hears(drill_outcome *o, int hook, uint64_t delay)
{
    if (o->hook_at[hook] == DRILL_NEVER)
        o->hook_at[hook] = (uint32_t)delay;
}

/* ---- on the model ---------------------------------------------------------------------------- */

static uint8_t sabotage_of(uint8_t act)
{
    static const uint8_t does[] = {DRILL_MODEL_WILD, DRILL_MODEL_JUMPS, DRILL_MODEL_NAN, DRILL_MODEL_FAILS};
    return act <= ACT_FAILS ? does[act - ACT_WILD] : (uint8_t)DRILL_MODEL_RIGHT;
}

/* What leaves the guard is inside the envelope, whatever the model said. */
static int within(const drill_world *w)
{
    durai_policy_output o;
    for (uint32_t i = 0; durai_policy_get_output(w->policy, i, &o) == DURA_OK; i++)
        if (!(w->decision.proposed[i] >= o.lo && w->decision.proposed[i] <= o.hi))
            return 0;
    return 1;
}

static void hear_model(const dura_drill *d, uint8_t act, uint64_t first, uint64_t row, drill_outcome *o)
{
    if (!within(&d->world))
        return; /* noticed or not, it came through */
    durai_drill_hear_hooks(d, DURA_NONE, first, row, o);
    if (act == ACT_STOP && d->world.decision.action == DURA_STOP)
        hears(o, BIND_STOP, row - first);
    uint8_t action = d->world.decision.action;
    if (action != DURA_ACT)
        o->action = action;
}

static int on_model(dura_exercise *x, uint8_t act, uint32_t start, drill_outcome *o, dura_error *err)
{
    dura_drill *d = x->drill;
    const drill_data *r = &d->data;
    uint64_t first = d->report.start_row[start], n = d->report.length < FRAMES ? d->report.length : FRAMES;
    int rc = DURA_OK;
    durai_drill_put_back(d, start);
    if (act == ACT_STOP)
        rc = dura_guard_override(d->world.guard, DURA_OVERRIDE_STOP, "drill", "drill", &r->time[first]);
    d->world.sabotage = sabotage_of(act);
    for (uint64_t k = 0; rc == DURA_OK && k < n; k++) {
        uint64_t row = first + k;
        memcpy(d->row, r->value + row * r->n, r->n * sizeof *d->row);
        memcpy(d->row_missing, r->missing + row * r->n, r->n);
        if (act == ACT_NO_INPUT)
            memset(d->row_missing, 1, r->n);
        rc = durai_drill_step(&d->world, row, &r->time[row], d->row, d->row_missing, r->n, err);
        if (rc == DURA_OK)
            hear_model(d, act, first, row, o);
    }
    d->world.sabotage = DRILL_MODEL_RIGHT;
    return rc;
}

/* ---- on the gate ------------------------------------------------------------------------------ */

static int refuse(void *user, const uint8_t pub[DURA_PUBKEY_BYTES], const void *msg, size_t n,
                  const uint8_t sig[DURA_SIG_BYTES])
{
    (void)user;
    (void)pub;
    (void)msg;
    (void)n;
    (void)sig;
    return DURA_EAUTH;
}

/* A release of the running model's bytes, signed by a key that no policy names. */
static int forge(dura_exercise *x, uint8_t *envelope, size_t *len, size_t cap)
{
    static const uint8_t stranger[DURA_SEED_BYTES] = {7};
    dura_release r = DURA_RELEASE_INIT;
    uint8_t payload[1024];
    size_t n = sizeof payload;
    r.component = DURA_COMPONENT_BRAIN;
    r.version = 1;
    r.length = x->drill->world.image_len;
    memcpy(r.digest, x->drill->report.model, 32);
    strcpy(r.device, "*");
    strcpy(r.name, "drill");
    int rc = dura_release_encode(&r, payload, &n, NULL);
    *len = cap;
    if (rc == DURA_OK)
        rc = dura_envelope_make(payload, n, envelope, len);
    return rc == DURA_OK ? dura_envelope_sign(envelope, len, cap, stranger) : rc;
}

static int on_gate(dura_exercise *x, uint32_t start, drill_outcome *o)
{
    dura_drill *d = x->drill;
    uint8_t envelope[4096];
    size_t len;
    durai_drill_put_back(d, start);
    int (*verify)(void *, const uint8_t *, const void *, size_t, const uint8_t *) = d->world.crypto.verify;
    int rc = forge(x, envelope, &len, sizeof envelope);
    if (rc != DURA_OK)
        return rc;
    d->world.crypto.verify = refuse;
    rc = dura_guard_offer(d->world.guard, envelope, len, &d->data.time[d->report.start_row[start]]);
    d->world.crypto.verify = verify;
    if (rc == DURA_EAUTH || rc == DURA_EDENIED)
        hears(o, BIND_VERIFY, 0);
    return DURA_OK;
}

/* ---- on the logs ------------------------------------------------------------------------------- */

static int drop(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    (void)type;
    (void)f;
    return remove(path);
}

/* A policy and a model of nothing much, for a device whose own may only run where its keys are:
 * how records are sealed does not hang on them. */
static const char plain_policy[] =
    "{\"device\": {\"name\": \"drill\", \"mode\": \"observe\"}, \"channels\": [{\"name\": \"x\"}],"
    " \"model\": {\"inputs\": [\"x\"]}, \"outputs\": [{\"name\": \"y\", \"lo\": -1, \"hi\": 1, \"safe\": 0}],"
    " \"logs\": {\"seal_records\": 64}}";
static const char plain_model[] = "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"x\"],"
                                  " \"outputs\": [{\"name\": \"y\", \"bias\": 0, \"weights\": [1]}]}";

static int open_plain(dura_session **s, dura_session_options *o, const char *folder, dura_error *err)
{
    char policy[600], model[600];
    (void)durai_host_join(policy, sizeof policy, folder, "policy.json");
    (void)durai_host_join(model, sizeof model, folder, "model.json");
    int rc = durai_host_write_in(folder, "policy.json", plain_policy, sizeof plain_policy - 1, err);
    if (rc == DURA_OK)
        rc = durai_host_write_in(folder, "model.json", plain_model, sizeof plain_model - 1, err);
    o->policy = policy;
    o->model = model;
    return rc == DURA_OK ? dura_session_open(s, o, err) : rc;
}

/* The recording's beginning through a session of its own, closed: its folder is ready to be harmed. */
static int write_logs(dura_exercise *x, const char *folder, dura_error *err)
{
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_session *s;
    char run[600], state[600];
    const drill_data *r = &x->drill->data;
    (void)durai_host_join(run, sizeof run, folder, "run");
    (void)durai_host_join(state, sizeof state, folder, "state");
    o.policy = x->policy;
    o.model = x->model;
    o.out = run;
    o.state = state;
    int rc = dura_session_open(&s, &o, err);
    if (rc == DURA_EDENIED || rc == DURA_EAUTH || rc == DURA_ESTATE || rc == DURA_EINVAL || rc == DURA_ESYNTAX)
        rc = open_plain(&s, &o, folder, err);
    if (rc != DURA_OK)
        return rc;
    uint16_t width = dura_session_channels(s);
    for (uint64_t row = 0; rc == DURA_OK && row < r->rows && row < LOG_FRAMES; row++) {
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        f.source = x->drill->world.source;
        f.n = width < r->n ? width : r->n;
        f.frame = row;
        f.time = r->time[row];
        f.values = r->value + row * r->n;
        f.missing = r->missing + row * r->n;
        rc = dura_session_step(s, &f, &d, err);
    }
    int ended = dura_session_close(s, err);
    return rc == DURA_OK ? ended : rc;
}

static int word_of(const char *folder)
{
    dura_verify_options o = {0};
    dura_verify_report v = {0};
    char run[600], state[600];
    (void)durai_host_join(run, sizeof run, folder, "run");
    (void)durai_host_join(state, sizeof state, folder, "state");
    o.struct_size = (uint32_t)sizeof o;
    o.state_dir = state;
    v.struct_size = (uint32_t)sizeof v;
    return dura_verify_folder(run, &o, &v, NULL) == DURA_OK ? v.word : -1;
}

/* One bit of the middle of the decision log, or its last third. */
static int harm(const char *folder, uint8_t act)
{
    char path[700];
    struct stat st;
    (void)durai_host_join(path, sizeof path, folder, "run/decision.log/00000000.seg");
    if (stat(path, &st) != 0)
        return DURA_EIO;
    if (act == ACT_CUT)
        return truncate(path, st.st_size * 2 / 3) == 0 ? DURA_OK : DURA_EIO;
    FILE *f = fopen(path, "r+b");
    int c = f && fseek(f, (long)(st.st_size / 2), SEEK_SET) == 0 ? fgetc(f) : EOF;
    int done = c != EOF && fseek(f, (long)(st.st_size / 2), SEEK_SET) == 0 && fputc(c ^ 1, f) != EOF;
    if (f && fclose(f) != 0)
        done = 0;
    return done ? DURA_OK : DURA_EIO;
}

static int on_log(dura_exercise *x, uint8_t act, ex_task *t, dura_error *err)
{
    const char *tmp = getenv("TMPDIR");
    char folder[512];
    dura_error why = {0};
    (void)snprintf(folder, sizeof folder, "%s/dura_drill_XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return dura_error_set(err, DURA_EIO, folder, 0, NULL, "cannot be made");
    int rc = write_logs(x, folder, &why), before = rc == DURA_OK ? word_of(folder) : -1;
    if (rc != DURA_OK || before != DURA_VERIFY_INTACT)
        t->note = durai_reg_print(&x->binding.arena, "no log of its own could be written: %.200s",
                                  rc != DURA_OK ? why.text : "it does not verify before it is harmed");
    else if ((rc = harm(folder, act)) == DURA_OK) {
        durai_drill_begin(&t->start[0]);
        t->starts = 1;
        if (word_of(folder) == DURA_VERIFY_TAMPERED) {
            hears(&t->start[0], BIND_SEAL, 0);
            hears(&t->start[0], BIND_ANCHOR, 0);
        }
    }
    (void)nftw(folder, drop, 16, FTW_DEPTH | FTW_PHYS);
    return DURA_OK;
}

/* ---- all starts ---------------------------------------------------------------------------------- */

int durai_exercise_act(dura_exercise *x, ex_task *t, dura_error *err)
{
    int rc = DURA_OK;
    if (t->kind >= ACT_ALTERED)
        return on_log(x, t->kind, t, err);
    if (t->kind == ACT_FORGED && !x->binding.policy.has_updates) {
        t->note = "the policy takes no updates: no release can be offered";
        return DURA_OK;
    }
    if (t->kind == ACT_JUMPS && !durai_bind_has_rate(&x->binding.policy)) {
        t->note = "no output has a rate";
        return DURA_OK;
    }
    for (uint32_t i = 0; rc == DURA_OK && i < x->drill->report.starts; i++) {
        drill_outcome *o = &t->start[t->starts++];
        durai_drill_begin(o);
        rc = t->kind == ACT_FORGED ? on_gate(x, i, o) : on_model(x, t->kind, i, o, err);
    }
    return rc;
}
