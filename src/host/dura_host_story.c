/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a run folder: three readings of its records, one verification, one document.
 *
 * Nothing here decides whether records are to be believed; the document says what verify
 * says, and when the reading itself ends early, where. What is drawn is bounded by the
 * limits in dura_host_story_priv.h, whatever the length of the run, and every limit that
 * was met is told as a count of what is not shown.
 */
#include "dura_host_story_priv.h"

#include <dura/host/crypto.h>
#include <dura/host/error.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dura_host_files_priv.h"

/* Frozen: bytes of the first version. */
#define OPTIONS_V1 ((uint32_t)sizeof(dura_story_options))

/* ---- the policy ---------------------------------------------------------------------------- */

static const char **list(const durai_story *s, int what, int units, uint16_t *count)
{
    size_t n = 0;
    int rc = dura_pack_names(s->image, s->image_len, what, NULL, NULL, 0, &n);
    const char **p = rc == DURA_OK && n ? calloc(n, sizeof *p) : NULL;
    if (p && dura_pack_names(s->image, s->image_len, what, units ? NULL : p, units ? p : NULL, n, &n) != DURA_OK)
        n = 0;
    *count = p ? (uint16_t)n : 0;
    return p;
}

/* Without a policy the records still tell what happened, with numbers for names. */
static int load_policy(durai_story *s)
{
    dura_error quiet;
    uint16_t same;
    int kind, rc = durai_host_read_in(s->folder, "policy.bin", &s->image, &s->image_len, &quiet);
    s->info = (dura_policy_info)DURA_POLICY_INFO_INIT;
    s->names = (dura_record_names)DURA_RECORD_NAMES_INIT;
    if (rc == DURA_OK)
        rc = dura_pack_check(s->image, s->image_len, &kind);
    if (rc == DURA_OK && kind == DURA_PACK_POLICY)
        rc = dura_policy_query(s->image, s->image_len, &s->info);
    else if (rc == DURA_OK)
        rc = DURA_EINVAL;
    if (rc != DURA_OK) {
        free(s->image);
        s->image = NULL;
        return rc == DURA_ENOSPC ? rc : DURA_OK;
    }
    dura_sha256_query(s->policy_digest, s->image, s->image_len);
    s->channel_names = list(s, DURA_NAMES_CHANNELS, 0, &s->names.n_channels);
    s->channel_units = list(s, DURA_NAMES_CHANNELS, 1, &same);
    s->output_names = list(s, DURA_NAMES_OUTPUTS, 0, &s->names.n_outputs);
    s->output_units = list(s, DURA_NAMES_OUTPUTS, 1, &same);
    s->feature_names = list(s, DURA_NAMES_FEATURES, 0, &s->n_features);
    s->names.channels = s->channel_names;
    s->names.outputs = s->output_names;
    return DURA_OK;
}

/* ---- readings -------------------------------------------------------------------------------- */

typedef int (*reading)(durai_story *s, const dura_record *r);

static size_t count_floats(const dura_record *r, uint32_t key)
{
    const uint8_t *p;
    size_t n;
    return dura_record_bytes(r, key, &p, &n) == DURA_OK ? n / 4 : 0;
}

static int survey(durai_story *s, const dura_record *r)
{
    int log = r->log == DURA_LOG_DECISION;
    uint8_t severity = durai_story_severity(r);
    s->records[log]++;
    s->next_gseq = r->gseq + 1;
    s->last_kind = r->kind;
    if (severity <= 10)
        s->severity[log][severity]++;
    s->incidents_recorded |= r->kind == DURA_REC_INCIDENT;
    if (r->kind == DURA_REC_DECISION) {
        size_t channels = count_floats(r, 22), outputs = count_floats(r, 25);
        s->decisions++;
        if (channels > s->wide_channels && channels <= DURA_CHANNELS_MAX)
            s->wide_channels = (uint16_t)channels;
        if (outputs > s->wide_outputs && outputs <= DURA_OUTPUTS_MAX)
            s->wide_outputs = (uint16_t)outputs;
    }
    return durai_story_see_time(s, r);
}

static int draw(durai_story *s, const dura_record *r)
{
    double at = durai_story_place(s, r);
    dura_incident i;
    i.struct_size = sizeof i;
    if (r->kind == DURA_REC_DECISION || r->kind == DURA_REC_EVENT)
        durai_story_see_clock(s, &r->time, at);
    durai_story_tell(s, r, at);
    if (r->kind == DURA_REC_INCIDENT && dura_incident_decode(r, &i) == DURA_OK) {
        int rc = durai_story_see_incident(s, &i, r, at);
        if (rc != DURA_OK)
            return rc;
    }
    return durai_story_draw(s, r, at);
}

static int pick(durai_story *s, const dura_record *r) { return durai_story_pick(s, r, durai_story_place(s, r)); }

/* One reading of both logs. Damage ends it and is kept for the document. */
static int read_all(durai_story *s, reading see, dura_error *err)
{
    dura_records *in;
    dura_record r;
    dura_error why = {0};
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    s->now = 0;
    int rc = dura_records_open(&in, s->folder, 0, err);
    if (rc != DURA_OK)
        return rc;
    while ((rc = dura_records_next(in, &r, &why)) == 1) {
        rc = see(s, &r);
        if (rc < 0) {
            (void)dura_error_set(&why, rc, NULL, 0, NULL, "%s", rc == DURA_ENOSPC ? "out of memory" : dura_strerror(rc));
            break;
        }
    }
    dura_records_close(in);
    if (rc == DURA_ECORRUPT) {
        s->read_rc = rc;
        s->read_error = why;
        return DURA_OK;
    }
    if (rc < 0 && err)
        *err = why;
    return rc;
}

/* ---- the document ------------------------------------------------------------------------------- */

static void write_verify(const durai_story *s, durai_out *o)
{
    const dura_verify_report *v = &s->verify;
    char text[512];
    durai_out_open(o, "verify", '{');
    if (s->verify_rc != DURA_OK) {
        durai_out_null(o, "word");
        durai_out_text(o, "text", dura_error_text(&s->verify_error, text, sizeof text));
    } else {
        durai_out_text(o, "word", dura_verify_word(v->word));
        durai_out_text(o, "text", v->text);
        durai_out_text(o, "rule", dura_verify_rule(v->rule));
        durai_out_text(o, "rule_text", dura_verify_rule_text(v->rule));
        durai_out_text(o, "file", v->file);
        durai_out_uint(o, "offset", v->offset);
        durai_out_uint(o, "gseq", v->gseq);
        durai_out_bool(o, "closed", v->closed);
        durai_out_bool(o, "rollback_excluded", v->rollback_excluded != 0);
        durai_out_text(o, "vouched", v->vouched);
        durai_out_hex(o, "origin", v->origin, sizeof v->origin);
        durai_out_hex(o, "key", v->key, sizeof v->key);
    }
    durai_out_bool(o, "demo_key", v->demo_key);
    durai_out_bool(o, "development_key", s->info.development);
    durai_out_bool(o, "unsigned", v->unsigned_logs);
    durai_out_close(o, '}');
}

static void write_reading(const durai_story *s, durai_out *o)
{
    char text[512];
    durai_out_open(o, "reading", '{');
    durai_out_bool(o, "complete", s->read_rc == DURA_OK);
    durai_out_text(o, "text", s->read_rc == DURA_OK ? "" : dura_error_text(&s->read_error, text, sizeof text));
    durai_out_uint(o, "next_gseq", s->next_gseq);
    durai_out_close(o, '}');
}

static void write_policy(const durai_story *s, durai_out *o)
{
    durai_policy_drift d;
    durai_policy_correlate c;
    durai_policy_updates u;
    int known = s->image != NULL;
    durai_out_open(o, "policy", '{');
    durai_out_bool(o, "known", known);
    if (known && s->have_boot_policy)
        durai_out_bool(o, "matches", memcmp(s->boot_policy, s->policy_digest, 32) == 0);
    else
        durai_out_null(o, "matches");
    durai_out_bool(o, "drift", known && durai_policy_get_drift(s->image, &d) == DURA_OK);
    durai_out_bool(o, "correlate", known && durai_policy_get_correlate(s->image, &c) == DURA_OK);
    durai_out_bool(o, "updates", known && durai_policy_get_updates(s->image, &u) == DURA_OK);
    if (known)
        durai_out_hex(o, "digest", s->policy_digest, 32);
    durai_out_close(o, '}');
}

static void write_counts(durai_out *o, const char *key, const uint64_t *n, int count)
{
    durai_out_open(o, key, '[');
    for (int i = 0; i < count; i++)
        durai_out_uint(o, NULL, n[i]);
    durai_out_close(o, ']');
}

static void write_run(const durai_story *s, durai_out *o)
{
    durai_out_open(o, "run", '{');
    durai_out_iso(o, "begin", s->wall, s->begin);
    durai_out_iso(o, "end", s->wall, s->end);
    durai_out_num(o, "begin_ms", s->wall ? (double)s->begin * 1e-6 : 0.0, 17);
    durai_out_num(o, "ms", (double)(s->end - s->begin) * 1e-6, 15);
    durai_out_text(o, "axis", s->wall ? "wall" : "monotonic");
    durai_out_bool(o, "clock_moved", s->moved);
    durai_out_uint(o, "starts", s->n_boots);
    durai_out_uint(o, "decisions", s->decisions);
    write_counts(o, "actions", s->actions, 4);
    write_counts(o, "verdicts", s->verdicts, 5);
    durai_out_close(o, '}');
}

static void write_list(durai_out *o, const char *key, int names, uint32_t n)
{
    durai_out_open(o, key, '[');
    for (uint32_t i = 0; i < n && dura_record_name(names, i); i++)
        durai_out_name(o, NULL, names, i);
    durai_out_close(o, ']');
}

/* What the numbers in the columns stand for. */
static void write_words(durai_out *o)
{
    static const char *const actions[] = {"ACT", "HOLD", "FALLBACK", "STOP"};
    static const char *const verdicts[] = {"GOOD", "UNKNOWN", "SUSPECT", "FAIL", "MISSING"};
    durai_out_open(o, "words", '{');
    durai_out_open(o, "actions", '[');
    for (int i = 0; i < 4; i++)
        durai_out_text(o, NULL, actions[i]);
    durai_out_close(o, ']');
    durai_out_open(o, "verdicts", '[');
    for (int i = 0; i < 5; i++)
        durai_out_text(o, NULL, verdicts[i]);
    durai_out_close(o, ']');
    write_list(o, "guard_reasons", DURA_NAME_GUARD_REASON, 32);
    write_list(o, "sensor_reasons", DURA_NAME_SENSOR_REASON, 32);
    durai_out_close(o, '}');
}

static void write_head(const durai_story *s, durai_out *o)
{
    const char *mode = dura_record_name(DURA_NAME_MODE, s->last_mode ? s->last_mode : s->info.mode);
    const char *device = s->info.name[0] ? s->info.name : "unknown device";
    durai_out_uint(o, "dura_story", DURA_STORY_VERSION);
    durai_out_text(o, "dura", dura_version());
    durai_out_text(o, "title", s->options.title ? s->options.title : device);
    durai_out_text(o, "device", device);
    durai_out_text(o, "mode", mode ? mode : "unknown");
    durai_out_bool(o, "mode_changed", s->modes == 6);
    write_verify(s, o);
    write_reading(s, o);
    write_policy(s, o);
    write_run(s, o);
    write_words(o);
}

static int write_all(const durai_story *s, char **text, size_t *len, dura_error *err)
{
    durai_out o = {0};
    durai_out_open(&o, NULL, '{');
    write_head(s, &o);
    durai_story_write_advice(s, &o);
    durai_story_write_strips(s, &o);
    durai_story_write_cases(s, &o);
    durai_story_write_marks(s, &o);
    durai_story_write_history(s, &o);
    durai_story_write_health(s, &o);
    durai_out_close(&o, '}');
    if (o.failed) {
        free(o.p);
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    }
    *text = o.p;
    *len = o.len;
    return DURA_OK;
}

/* ---- the call -------------------------------------------------------------------------------------- */

static int take_options(durai_story *s, const dura_story_options *given, dura_error *err)
{
    int rc = DURA_OK;
    if (given)
        rc = durai_struct_in(&s->options, sizeof s->options, given, given->struct_size, OPTIONS_V1);
    if (s->options.buckets == 0)
        s->options.buckets = DURA_STORY_BUCKETS;
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, "struct_size", "%s", dura_strerror(rc));
    if (s->options.buckets < 16 || s->options.buckets > 4096)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "buckets", "is %u: want 16..4096", (unsigned)s->options.buckets);
    return DURA_OK;
}

/* A closed log ends in a seal. When the last readable record is none, the rest is damaged,
 * which reading alone cannot tell from a torn end. */
static void check_end(durai_story *s)
{
    char path[512];
    int closed = durai_host_join(path, sizeof path, s->folder, "security.log/checkpoint") && access(path, F_OK) == 0;
    if (s->read_rc != DURA_OK || !closed || s->last_kind == DURA_REC_SEAL)
        return;
    s->read_rc = dura_error_set(&s->read_error, DURA_ECORRUPT, s->folder, 0, NULL,
                                "the log was closed, but nothing behind record %" PRIu64 " can be read",
                                s->next_gseq ? s->next_gseq - 1 : 0);
}

static void verify_folder(durai_story *s)
{
    dura_verify_options none = DURA_VERIFY_OPTIONS_INIT;
    s->verify.struct_size = sizeof s->verify;
    s->verify_rc = dura_verify_folder(s->folder, s->options.verify ? s->options.verify : &none, &s->verify, &s->verify_error);
}

static int tell(durai_story *s, dura_error *err)
{
    int rc = load_policy(s);
    s->line = calloc(DURAI_STORY_EVENTS, sizeof *s->line);
    s->trouble = calloc(DURAI_STORY_TROUBLES, sizeof *s->trouble);
    if (rc != DURA_OK || !s->line || !s->trouble)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    rc = read_all(s, survey, err);
    if (rc != DURA_OK)
        return rc;
    check_end(s);
    verify_folder(s);
    durai_story_end_times(s);
    s->n_channels = s->wide_channels > s->names.n_channels ? s->wide_channels : s->names.n_channels;
    s->n_outputs = s->wide_outputs > s->names.n_outputs ? s->wide_outputs : s->names.n_outputs;
    rc = durai_story_begin_strips(s, err);
    if (rc == DURA_OK)
        rc = read_all(s, draw, err);
    if (rc == DURA_OK) {
        durai_story_collect_evidence(s);
        rc = durai_story_begin_marks(s, err);
    }
    return rc == DURA_OK ? read_all(s, pick, err) : rc;
}

static void release(durai_story *s)
{
    durai_story_end_strips(s);
    for (uint32_t i = 0; s->mark && i < s->n_marks; i++)
        free(s->mark[i].record);
    free(s->mark);
    free(s->cases);
    free(s->line);
    free(s->trouble);
    free(s->boot);
    free((void *)s->channel_names);
    free((void *)s->channel_units);
    free((void *)s->output_names);
    free((void *)s->output_units);
    free((void *)s->feature_names);
    free(s->image);
    free(s);
}

int dura_story_json(const char *folder, const dura_story_options *options, char **text, size_t *len, dura_error *err)
{
    if (text)
        *text = NULL;
    if (!folder || !text || !len)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "folder, text and len are needed");
    durai_story *s = calloc(1, sizeof *s);
    if (!s)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    s->folder = folder;
    int rc = take_options(s, options, err);
    if (rc == DURA_OK)
        rc = tell(s, err);
    if (rc == DURA_OK)
        rc = write_all(s, text, len, err);
    release(s);
    return rc;
}

void dura_story_deinit(char *text) { free(text); }
