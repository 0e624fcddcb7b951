/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run folder and a register: open both, verify, read the records that may be believed, and
 * hand out what came of it.
 */
#include "dura_host_binding_priv.h"

#include <dura/host/crypto.h>
#include <dura/host/pack.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dura_host_files_priv.h"

enum { FRESH_DAYS = 30 };

static int no_memory(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory"); }

/* ---- the policy ------------------------------------------------------------------------------- */

static int names_of(dura_binding *b, int what, uint32_t n, const char ***out)
{
    size_t got;
    *out = durai_reg_take(&b->arena, (n + 1) * sizeof **out);
    return *out ? dura_pack_names(b->policy.image, b->policy.len, what, *out, NULL, n, &got) : DURA_ENOSPC;
}

int durai_bind_policy(dura_binding *b, dura_error *err)
{
    bind_policy *p = &b->policy;
    dura_policy_info info = DURA_POLICY_INFO_INIT;
    durai_policy_correlate c;
    int rc = dura_policy_query(p->image, p->len, &info);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, "policy.bin", 0, NULL, "is no packed policy: %s", dura_strerror(rc));
    dura_sha256_query(p->digest, p->image, p->len);
    p->n_channels = info.n_channels;
    p->n_outputs = info.n_outputs;
    p->has_drift = durai_policy_get_drift(p->image, &p->drift) == DURA_OK;
    p->has_updates = durai_policy_get_updates(p->image, &p->updates) == DURA_OK;
    p->has_correlate = durai_policy_get_correlate(p->image, &c) == DURA_OK;
    b->beats.selftest = p->has_drift ? p->drift.selftest : 0;
    memcpy(b->info.policy_digest, p->digest, 32);
    rc = names_of(b, DURA_NAMES_CHANNELS, p->n_channels, &p->channel);
    if (rc == DURA_OK)
        rc = names_of(b, DURA_NAMES_OUTPUTS, p->n_outputs, &p->output);
    return rc == DURA_OK ? DURA_OK : no_memory(err);
}

static int read_policy(dura_binding *b, const char *run, dura_error *err)
{
    int rc = durai_host_read_in(run, "policy.bin", &b->policy.image, &b->policy.len, err);
    return rc == DURA_OK ? durai_bind_policy(b, err) : rc;
}

/* ---- which channels a control is about ---------------------------------------------------------- */

static void name_channel(const dura_binding *b, bind_count *c, const char *name)
{
    for (uint32_t i = 0; i < b->policy.n_channels; i++)
        c->channel[i] |= (uint8_t)(strcmp(b->policy.channel[i], name) == 0);
    for (uint32_t i = 0; i < b->policy.n_outputs; i++)
        c->on_outputs |= (uint8_t)(strcmp(b->policy.output[i], name) == 0);
}

/* What an asset is in the policy: the names it gives, or its own id; a model is all of it. */
void durai_bind_asset(const dura_binding *b, bind_count *c, const reg_asset *a)
{
    const dura_json *d = b->r->doc;
    uint32_t list = dura_json_member(d, a->value, "channels");
    const char *name;
    if (list == DURA_JSON_NONE)
        name_channel(b, c, a->id);
    for (uint32_t v = dura_json_first(d, list); v != DURA_JSON_NONE; v = dura_json_next(d, v))
        if (dura_json_get_text(d, v, 1, 1000, &name, NULL) == DURA_OK)
            name_channel(b, c, name);
    if (list == DURA_JSON_NONE && (a->kind == REG_MODEL || a->kind == REG_BRAIN_PART)) {
        memset(c->channel, 1, b->policy.n_channels);
        c->on_outputs = 1;
    }
}

int durai_bind_about(dura_binding *b, uint32_t i, bind_count *c)
{
    const reg_control *k = &b->r->control[i];
    c->channel = durai_reg_take(&b->arena, b->policy.n_channels + 1);
    if (!c->channel)
        return DURA_ENOSPC;
    for (uint32_t a = 0; a < k->on.n; a++)
        durai_bind_asset(b, c, &b->r->asset[k->on.at[a]]);
    for (uint32_t n = 0; n < b->policy.n_channels; n++)
        c->out.channels += c->channel[n];
    c->missing = durai_bind_configured(&b->policy, k->hook, c);
    return DURA_OK;
}

static int bind_control(dura_binding *b, uint32_t i)
{
    const reg_control *k = &b->r->control[i];
    bind_count *c = &b->control[i];
    dura_binding_control *o = &c->out;
    int rc = durai_bind_about(b, i, c);
    o->struct_size = (uint32_t)sizeof *o;
    o->number = (uint16_t)(i + 1);
    o->id = k->id;
    o->hook = durai_reg_hooks[k->hook].name;
    o->expected_percent = k->armed_percent;
    o->first_gseq = o->last_gseq = o->fire_gseq = o->last_fire_gseq = UINT64_MAX;
    c->counted = (uint8_t)durai_bind_in_log(k->hook);
    c->built = (uint8_t)(b->modules == 0 || (b->modules >> k->hook & 1));
    c->configured = (uint8_t)(c->missing == NULL && c->built);
    return rc;
}

static int bind_all(dura_binding *b)
{
    b->control = durai_reg_take(&b->arena, (b->r->n_control + 1) * sizeof *b->control);
    b->entry = durai_reg_take(&b->arena, (b->r->n_entry + 1) * sizeof *b->entry);
    int rc = b->control && b->entry ? DURA_OK : DURA_ENOSPC;
    for (uint32_t i = 0; i < b->r->n_control && rc == DURA_OK; i++)
        rc = bind_control(b, i);
    b->info.controls = b->r->n_control;
    b->info.entries = b->r->n_entry;
    return rc;
}

/* ---- the log -------------------------------------------------------------------------------------- */

/* Rules about single files leave the records as they are; all others end the belief in them at
 * the last good seal. */
static int verify(dura_binding *b, const char *run, const dura_verify_options *given, dura_error *err)
{
    dura_verify_options o = {0};
    dura_verify_report *v = &b->verify;
    if (given)
        o = *given;
    o.struct_size = (uint32_t)sizeof o;
    memset(v, 0, sizeof *v);
    v->struct_size = (uint32_t)sizeof *v;
    int rc = dura_verify_folder(run, &o, v, err);
    if (rc != DURA_OK)
        return rc;
    b->info.verify = v;
    b->info.word = v->word;
    b->info.simulated = v->demo_key;
    b->info.limit = UINT64_MAX;
    if (v->word != DURA_VERIFY_TAMPERED)
        return DURA_OK;
    if (v->rule >= DURA_VERIFY_RULE_OUTSIDE_KEY)
        b->info.limit = 0;
    else if (v->rule < DURA_VERIFY_RULE_CHECKPOINT_FILE)
        b->info.limit = v->since;
    durai_bind_problem(b, DURA_BIND_LOG, v->file[0] ? v->file : "log", v->gseq, "%s: %s", dura_verify_rule(v->rule), v->text);
    return DURA_OK;
}

/* Give each record of one log, or of both, that counts to `one`. */
static int each_record(dura_binding *b, const char *run, int log, int (*one)(dura_binding *, const dura_record *),
                       dura_error *err)
{
    dura_records *in;
    dura_record r = {0};
    r.struct_size = (uint32_t)sizeof r;
    int rc = dura_records_open(&in, run, log, err);
    if (rc != DURA_OK)
        return rc;
    while ((rc = dura_records_next(in, &r, err)) == 1 && r.gseq < b->info.limit && (rc = one(b, &r)) == DURA_OK)
        ;
    dura_records_close(in);
    if (rc == DURA_ECORRUPT && b->info.word == DURA_VERIFY_TAMPERED)
        rc = DURA_OK; /* said already, and behind what counts */
    return rc < 0 ? rc : DURA_OK;
}

static int note_boot(dura_binding *b, const dura_record *r)
{
    return r->kind == DURA_REC_BOOT ? durai_bind_boot(b, r) : DURA_OK;
}

static int count(dura_binding *b, const dura_record *r)
{
    durai_bind_count(b, r);
    return b->rc;
}

static int read_records(dura_binding *b, const char *run, dura_error *err)
{
    int rc = each_record(b, run, DURA_LOG_SECURITY, note_boot, err);
    if (rc == DURA_OK)
        rc = each_record(b, run, 0, count, err);
    durai_bind_settle(b);
    return rc;
}

static int read_all(dura_binding *b, const char *run, const dura_binding_options *o, dura_error *err)
{
    int rc = read_policy(b, run, err);
    if (rc == DURA_OK && (rc = bind_all(b)) != DURA_OK)
        rc = no_memory(err);
    if (rc == DURA_OK)
        rc = verify(b, run, o->verify, err);
    if (rc == DURA_OK)
        rc = read_records(b, run, err);
    b->wall = o->now_ns ? o->now_ns : b->info.last_wall_ns; /* from here on: what ages are counted from */
    if (rc == DURA_OK)
        rc = durai_bind_drill(b, o->drill, err);
    return rc == DURA_OK ? durai_bind_levels(b, err) : rc;
}

int dura_binding_read(dura_binding **out, const char *run, const dura_register *r, const dura_binding_options *options,
                      dura_error *err)
{
    dura_binding_options o = DURA_BINDING_OPTIONS_INIT;
    if (out)
        *out = NULL;
    if (!out || !run || !r ||
        (options && durai_struct_in(&o, (uint32_t)sizeof o, options, options->struct_size, (uint32_t)sizeof o) != DURA_OK))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "options", "run folder, register or options are missing");
    dura_binding *b = calloc(1, sizeof *b);
    if (!b)
        return no_memory(err);
    b->r = r;
    b->modules = o.modules;
    b->fresh_days = o.fresh_days ? o.fresh_days : FRESH_DAYS;
    b->lost_gseq = UINT64_MAX;
    b->now.stopped_ns = -1;
    memcpy(b->info.register_digest, r->digest, 32);
    int rc = read_all(b, run, &o, err);
    if (rc == DURA_OK)
        *out = b;
    else
        dura_binding_deinit(b);
    return rc;
}

void dura_binding_deinit(dura_binding *b)
{
    if (!b)
        return;
    free(b->policy.image);
    free(b->boot);
    free(b->set);
    free(b->problem);
    durai_reg_drop(&b->arena);
    free(b);
}

/* ---- answers ---------------------------------------------------------------------------------------- */

int dura_binding_query(const dura_binding *b, dura_binding_info *out)
{
    return b && out ? durai_struct_out(out, &b->info, (uint32_t)sizeof b->info, (uint32_t)sizeof b->info) : DURA_EINVAL;
}

static int give(const dura_binding *b, const void *list, size_t each, uint32_t count, uint32_t n, void *out)
{
    if (!b || !out)
        return DURA_EINVAL;
    if (n >= count)
        return DURA_ENOENT;
    return durai_struct_out(out, (const uint8_t *)list + n * each, (uint32_t)each, (uint32_t)each);
}

int dura_binding_control_at(const dura_binding *b, uint32_t n, dura_binding_control *out)
{
    return give(b, b && n < b->info.controls ? &b->control[n].out : NULL, sizeof *out, b && n < b->info.controls, 0, out);
}

int dura_binding_entry_at(const dura_binding *b, uint32_t n, dura_binding_entry *out)
{
    return give(b, b ? b->entry : NULL, sizeof *out, b ? b->info.entries : 0, n, out);
}

int dura_binding_need_at(const dura_binding *b, uint32_t n, dura_binding_need *out)
{
    return give(b, b ? b->need : NULL, sizeof *out, b ? b->info.needs : 0, n, out);
}

int dura_binding_problem_at(const dura_binding *b, uint32_t n, dura_binding_problem *out)
{
    return give(b, b ? b->problem : NULL, sizeof *out, b ? b->info.problems : 0, n, out);
}

int dura_binding_set_at(const dura_binding *b, uint32_t n, dura_binding_set *out)
{
    return give(b, b ? b->set : NULL, sizeof *out, b ? b->info.sets : 0, n, out);
}
