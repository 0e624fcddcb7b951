/* SPDX-License-Identifier: Apache-2.0 */
/* A run on files from open to close, what verify and replay say of it, and what is refused. */
#include "temp_dir.h"

#include <dura/dura.h>
#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/record.h>
#include <dura/host/session.h>
#include <dura/host/verify.h>

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

static const char policy[] =
    "{\"device\": {\"name\": \"t\", \"mode\": \"observe\"},\n"
    " \"channels\": [{\"name\": \"a\", \"fail_lo\": 0, \"fail_hi\": 100}, {\"name\": \"b\", \"fail_lo\": 0, \"fail_hi\": 100}],\n"
    " \"outputs\": [{\"name\": \"y\", \"lo\": 0, \"hi\": 50, \"safe\": 5}],\n"
    " \"logs\": {\"seal_records\": 16, \"commit_records\": 4}%s}";
static const char model[] =
    "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"b\"],\n"
    " \"outputs\": [{\"name\": \"y\", \"bias\": 1, \"weights\": [0.25, 0.5]}]}";

static void setup(void)
{
    char text[1024];
    make_dir("session");
    snprintf(text, sizeof text, policy, "");
    put("policy.json", text);
    put("model.json", model);
}

static dura_session_options options(const char *out, uint32_t flags)
{
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    static char p[3][512];
    snprintf(p[0], 512, "%s", in("policy.json"));
    snprintf(p[1], 512, "%s", in("model.json"));
    snprintf(p[2], 512, "%s", in("state"));
    o.policy = p[0];
    o.model = p[1];
    o.state = p[2];
    o.out = out;
    o.flags = flags;
    return o;
}

static dura_session *opened(const dura_session_options *o)
{
    dura_session *s;
    dura_error err = {0};
    int rc = dura_session_open(&s, o, &err);
    dt_ok(rc == DURA_OK, "%s: %s: %s", err.file, err.field, err.text);
    return s;
}

static void refused(const dura_session_options *o, int want, const char *field, const char *row)
{
    dura_session *s;
    dura_error err = {0};
    int rc = dura_session_open(&s, o, &err);
    dt_ok(rc == want, "row: %s: %s (%s: %s)", row, dura_errname(rc), err.field, err.text);
    dt_ok(s == NULL, "row: %s", row);
    dt_ok(strstr(err.field, field) != NULL, "row: %s: field %s", row, err.field);
    dt_ok(err.text[0] != 0, "row: %s", row);
}

/* Frames first..first+n-1; every 7th one is out of range. */
static void frames(dura_session *s, uint64_t first, uint64_t n)
{
    dura_error err;
    for (uint64_t i = first; i < first + n; i++) {
        float v[2] = {i % 7 == 3 ? 400.0f : (float)(i % 50), (float)(i % 30)};
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        f.frame = i;
        f.n = 2;
        f.time.mono_ns = (int64_t)(i + 1) * 1000000000;
        f.values = v;
        int rc = dura_session_step(s, &f, &d, &err);
        dt_ok(rc == DURA_OK, "frame %u: %s", (unsigned)i, err.text);
        dt_eq(d.action, i % 7 == 3 ? DURA_FALLBACK : DURA_ACT, "frame %u", (unsigned)i);
    }
}

static dura_verify_report verified(const char *out, const char *state)
{
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    dura_verify_report r = {0};
    dura_error err = {0};
    char keep[512];
    snprintf(keep, sizeof keep, "%s", state ? state : "");
    o.state_dir = state ? keep : NULL;
    r.struct_size = sizeof r;
    int rc = dura_verify_folder(out, &o, &r, &err);
    dt_ok(rc == DURA_OK, "%s: %s", err.file, err.text);
    return r;
}

static dura_replay_report replayed(const char *out, const char *with)
{
    dura_replay_report r = {0};
    dura_error err = {0};
    r.struct_size = sizeof r;
    int rc = dura_replay(out, with, NULL, NULL, &r, &err);
    dt_ok(rc == DURA_OK, "%s: %s: %s", err.file, err.field, err.text);
    return r;
}

DT_TEST(session_close, leaves_a_run_that_verifies_and_replays)
{
    dura_error err = {0};
    setup();
    char out[512];
    snprintf(out, sizeof out, "%s", in("run"));
    dura_session_options o = options(out, 0);
    dura_session *s = opened(&o);
    dt_eq(dura_session_channels(s), 2, "");
    dt_eq(dura_session_outputs(s), 1, "");
    dt_str(dura_session_channel(s, 1), "b", "");
    dt_str(dura_session_output(s, 0), "y", "");
    dt_ok(dura_session_channel(s, 2) == NULL && dura_session_output(s, 1) == NULL, "past the end");
    dt_eq(strlen(dura_session_origin(s)), 32, "");
    dt_eq(dura_session_next_frame(s), 0, "");
    frames(s, 0, 100);
    int rc = dura_session_close(s, &err);
    dt_ok(rc == DURA_OK, "%s: %s", err.file, err.text);
    dura_verify_report v = verified(out, in("state"));
    dt_ok(v.word == DURA_VERIFY_INTACT, "%s: %s", dura_verify_rule(v.rule), v.text);
    dt_eq(v.closed, 1, "");
    dt_eq(v.demo_key, 0, "");
    dt_eq(verified(out, in("elsewhere")).word, DURA_VERIFY_UNANCHORED, "another computer knows no key");
    dura_replay_report r = replayed(out, NULL);
    dt_eq(r.decisions, 100, "");
    dt_ok(r.equal == 100, "%s", r.difference);
    dt_eq(r.boots, 1, "");
    sweep();
}

DT_TEST(session_resume, goes_on_after_a_kill_and_replays_over_both_boots)
{
    dura_error err = {0};
    setup();
    char out[512];
    snprintf(out, sizeof out, "%s", in("run"));
    dura_session_options o = options(out, 0);
    dura_session *s = opened(&o);
    frames(s, 0, 41);
    dt_eq(dura_guard_override(dura_session_guard(s), DURA_OVERRIDE_STOP, "op", "test", &(dura_time){0}), DURA_OK, "");
    dt_eq(dura_guard_override(dura_session_guard(s), DURA_OVERRIDE_RELEASE, "op", "test", &(dura_time){0}), DURA_OK, "");
    frames(s, 41, 3);
    dura_session_abort(s);
    dt_eq(verified(out, in("state")).word, DURA_VERIFY_CUT, "");
    refused(&o, DURA_ESTATE, "--out", "the folder is taken");
    o.flags = DURA_SESSION_RESUME;
    s = opened(&o);
    uint64_t next = dura_session_next_frame(s);
    dt_ok(next >= 40 && next <= 44, "next frame %u: at most commit_records are lost", (unsigned)next);
    frames(s, next, 60);
    int rc = dura_session_close(s, &err);
    dt_ok(rc == DURA_OK, "%s: %s", err.file, err.text);
    dura_verify_report v = verified(out, in("state"));
    dt_ok(v.word == DURA_VERIFY_INTACT, "%s: %s", dura_verify_rule(v.rule), v.text);
    dura_replay_report r = replayed(out, NULL);
    dt_eq(r.boots, 2, "");
    dt_ok(r.equal == r.decisions && r.decisions == next + 60, "%u of %u: %s", (unsigned)r.equal, (unsigned)r.decisions,
          r.difference);
    refused(&o, DURA_ESTATE, "--resume", "a closed run");
    sweep();
}

/* Zeros from the last record of the security log to the end of its segment, as if the kill
 * had come before it was written. */
static void forget_last_security_record(const char *out)
{
    char path[600];
    uint64_t at = 0;
    uint32_t segment = 0;
    dura_error err = {0};
    dura_records *r;
    dura_record rec = {0};
    rec.struct_size = sizeof rec;
    dt_eq(dura_records_open(&r, out, DURA_LOG_SECURITY, &err), DURA_OK, "%s", err.text);
    while (dura_records_next(r, &rec, &err) == 1) {
        at = rec.offset;
        segment = rec.segment;
    }
    dura_records_close(r);
    snprintf(path, sizeof path, "%s/security.log/%08u.seg", out, (unsigned)segment);
    FILE *f = fopen(path, "r+b");
    dt_ok(f != NULL && fseek(f, 0, SEEK_END) == 0, "%s", path);
    long end = ftell(f);
    dt_ok(fseek(f, (long)at, SEEK_SET) == 0 && (long)at < end, "%s", path);
    for (long i = (long)at; i < end; i++)
        dt_ok(putc(0, f) == 0, "%s", path);
    dt_eq(fclose(f), 0, "%s", path);
}

/* Numbers of the decisions, in order; how many. */
static uint64_t decisions_from_0(const char *out, int dense)
{
    uint64_t n = 0, v;
    dura_error err = {0};
    dura_records *r;
    dura_record rec = {0};
    rec.struct_size = sizeof rec;
    dt_eq(dura_records_open(&r, out, DURA_LOG_DECISION, &err), DURA_OK, "%s", err.text);
    while (dura_records_next(r, &rec, &err) == 1)
        if (rec.kind == DURA_REC_DECISION) {
            dt_eq(dura_record_uint(&rec, 16, &v), DURA_OK, "");
            dt_ok(!dense || v == n, "frame %u is at %u", (unsigned)v, (unsigned)n);
            n++;
        }
    dura_records_close(r);
    return n;
}

DT_TEST(session_resume, guards_again_what_lies_behind_a_gap)
{
    uint32_t gaps = 0;
    for (uint64_t behind = 1; behind < 12; behind++) {
        dura_error err = {0};
        char out[512];
        setup();
        snprintf(out, sizeof out, "%s", in("run"));
        dura_session_options o = options(out, 0);
        dura_session *s = opened(&o);
        frames(s, 0, 4);
        dt_eq(dura_guard_override(dura_session_guard(s), DURA_OVERRIDE_RELEASE, "op", "test", &(dura_time){0}), DURA_OK, "");
        frames(s, 4, behind);
        dura_session_abort(s);
        uint64_t written = decisions_from_0(out, 1);
        forget_last_security_record(out);
        o.flags = DURA_SESSION_RESUME;
        s = opened(&o);
        uint64_t next = dura_session_next_frame(s);
        gaps += next < written;
        frames(s, next, 40 - next);
        int rc = dura_session_close(s, &err);
        dt_ok(rc == DURA_OK, "%s: %s", err.file, err.text);
        dt_eq(decisions_from_0(out, 1), 40, "%u behind", (unsigned)behind);
        dura_replay_report r = replayed(out, NULL);
        dt_ok(r.decisions == 40 && r.equal == 40, "%u of %u: %s", (unsigned)r.equal, (unsigned)r.decisions, r.difference);
        sweep();
    }
    dt_ok(gaps > 3, "%u of 11 had decisions behind the gap", (unsigned)gaps);
}

DT_TEST(session_resume, goes_on_after_a_kill_between_the_two_checkpoints)
{
    dura_error err = {0};
    setup();
    char out[512];
    snprintf(out, sizeof out, "%s", in("run"));
    dura_session_options o = options(out, 0);
    dura_session *s = opened(&o);
    frames(s, 0, 20);
    dt_eq(dura_session_close(s, &err), DURA_OK, "%s", err.text);
    dt_eq(remove(in("run/decision.log/checkpoint")), 0, "as a kill between the two leaves it");
    dt_eq(verified(out, in("state")).word, DURA_VERIFY_CUT, "");
    o.flags = DURA_SESSION_RESUME;
    s = opened(&o);
    frames(s, dura_session_next_frame(s), 20);
    dt_eq(dura_session_close(s, &err), DURA_OK, "%s", err.text);
    dura_verify_report v = verified(out, in("state"));
    dt_ok(v.word == DURA_VERIFY_INTACT, "%s: %s", dura_verify_rule(v.rule), v.text);
    dura_replay_report r = replayed(out, NULL);
    dt_ok(r.equal == 40 && r.decisions == 40, "%s", r.difference);
    sweep();
}

DT_TEST(session_replay, finds_the_first_decision_of_another_model)
{
    dura_error err = {0};
    setup();
    char out[512];
    snprintf(out, sizeof out, "%s", in("run"));
    dura_session_options o = options(out, 0);
    dura_session *s = opened(&o);
    frames(s, 0, 30);
    dt_eq(dura_session_close(s, &err), DURA_OK, "");
    put("other.json", "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"b\"], \"outputs\": [{\"name\": \"y\", "
                      "\"bias\": 1, \"weights\": [0.25, 0.5000001]}]}");
    dura_replay_report r = replayed(out, in("other.json"));
    dt_eq(r.decisions, 30, "");
    dt_eq(r.equal, 0, "the model's digest is in every record");
    dt_ok(r.first_gseq != UINT64_MAX && r.difference[0], "it says where");
    sweep();
}

DT_TEST(session_demo, repeats_every_byte_and_never_counts_as_proof)
{
    dura_error err = {0};
    setup();
    char out[2][512];
    for (int i = 0; i < 2; i++) {
        snprintf(out[i], sizeof out[i], "%s", in(i ? "run1" : "run0"));
        dura_session_options o = options(out[i], DURA_SESSION_DEMO_KEY);
        dura_session *s = opened(&o);
        frames(s, 0, 60);
        dt_eq(dura_session_close(s, &err), DURA_OK, "");
        dura_verify_report v = verified(out[i], in("state"));
        dt_eq(v.word, DURA_VERIFY_UNANCHORED, "");
        dt_eq(v.demo_key, 1, "");
    }
    static const char *const files[] = {"security.log/00000000.seg", "decision.log/00000000.seg", "security.log/checkpoint",
                                        "decision.log/checkpoint", "summary.json", "policy.bin", "model.bin"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        static unsigned char a[1 << 18], b[1 << 18];
        char path[600];
        snprintf(path, sizeof path, "%s/%s", out[0], files[i]);
        FILE *f = fopen(path, "rb");
        snprintf(path, sizeof path, "%s/%s", out[1], files[i]);
        FILE *g = fopen(path, "rb");
        dt_ok(f && g, "%s", files[i]);
        size_t n = fread(a, 1, sizeof a, f), m = fread(b, 1, sizeof b, g);
        fclose(f);
        fclose(g);
        dt_ok(n == m && n > 0 && memcmp(a, b, n) == 0, "%s", files[i]);
    }
    sweep();
}

DT_TEST(session_demo, resumes_without_any_stored_secret)
{
    dura_error err = {0};
    setup();
    char out[512];
    snprintf(out, sizeof out, "%s", in("run"));
    dura_session_options o = options(out, DURA_SESSION_DEMO_KEY);
    dura_session *s = opened(&o);
    frames(s, 0, 90);
    dura_session_abort(s);
    o.flags |= DURA_SESSION_RESUME;
    s = opened(&o);
    frames(s, dura_session_next_frame(s), 20);
    int rc = dura_session_close(s, &err);
    dt_ok(rc == DURA_OK, "%s: %s", err.file, err.text);
    dura_verify_report v = verified(out, NULL);
    dt_ok(v.word == DURA_VERIFY_UNANCHORED, "%s: %s", dura_verify_rule(v.rule), v.text);
    sweep();
}

/* A factory record by the development key over what is in policy.json and model.json. */
static void development_record(void)
{
    char text[1024];
    uint8_t rec[512];
    void *image[2];
    size_t len[2], n = sizeof rec;
    dura_error err = {0};
    snprintf(text, sizeof text, policy, "");
    char *mode = strstr(text, "observe");
    dt_ok(mode != NULL, "");
    memcpy(mode, "enforce", 7);
    put("policy.json", text);
    dt_eq(dura_pack_policy(text, strlen(text), NULL, &image[0], &len[0], &err), DURA_OK, "%s", err.text);
    dt_eq(dura_pack_model(model, strlen(model), NULL, &image[1], &len[1], &err), DURA_OK, "%s", err.text);
    dt_eq(dura_factory_make(rec, &n, image[0], len[0], image[1], len[1], 0, dura_dev_seed()), DURA_OK, "");
    FILE *f = fopen(in("dev.rec"), "wb");
    dt_ok(f && fwrite(rec, 1, n, f) == n && fclose(f) == 0, "");
    dura_pack_deinit(image[0]);
    dura_pack_deinit(image[1]);
}

DT_TEST(session_open, enforces_only_what_somebody_signed_for_it)
{
    char rec[512];
    setup();
    dura_session_options o = options("", DURA_SESSION_ENFORCE);
    o.out = in("a");
    refused(&o, DURA_EINVAL, "device.mode", "observe is not what was asked for");
    development_record();
    o.out = in("b");
    refused(&o, DURA_EDENIED, "device.mode", "enforce without a record of its own");
    snprintf(rec, sizeof rec, "%s", in("dev.rec"));
    o.factory = rec;
    o.out = in("c");
    dura_session *s = opened(&o);
    frames(s, 0, 5);
    dura_session_abort(s);
    sweep();
}

DT_TEST(session_open, runs_only_what_its_factory_key_allowed)
{
    static const uint8_t vendor_seed[32] = "a vendor's provisioning key ...";
    uint8_t sig[64], pub[32], rec[512];
    char text[1024], key[65] = "", gate[128], out[512], rec_path[512];
    void *image[2];
    size_t len[2], n = sizeof rec;
    dura_error err = {0};
    setup();
    dura_keyfile_sign(vendor_seed, "", 0, sig, pub);
    for (int i = 0; i < 32; i++)
        snprintf(key + 2 * i, 3, "%02x", pub[i]);
    snprintf(gate, sizeof gate, ",\n \"gate\": {\"factory_key\": \"%s\"}", key);
    snprintf(text, sizeof text, policy, gate);
    put("policy.json", text);
    snprintf(out, sizeof out, "%s", in("run"));
    dura_session_options o = options(out, 0);
    refused(&o, DURA_EDENIED, "gate.factory_key", "the development key does not open a vendor's policy");
    rmdir(out);
    dt_eq(dura_pack_policy(text, strlen(text), NULL, &image[0], &len[0], &err), DURA_OK, "%s", err.text);
    dt_eq(dura_pack_model(model, strlen(model), NULL, &image[1], &len[1], &err), DURA_OK, "%s", err.text);
    dt_eq(dura_factory_make(rec, &n, image[0], len[0], image[1], len[1], 1, vendor_seed), DURA_OK, "");
    FILE *f = fopen(in("factory.rec"), "wb");
    dt_ok(f && fwrite(rec, 1, n, f) == n && fclose(f) == 0, "record");
    snprintf(rec_path, sizeof rec_path, "%s", in("factory.rec"));
    sweep();
    dt_eq(mkdir(dir, 0700), 0, "");
    put("policy.json", text);
    put("model.json", model);
    f = fopen(rec_path, "wb");
    dt_ok(f && fwrite(rec, 1, n, f) == n && fclose(f) == 0, "record");
    o.factory = rec_path;
    dura_session *s = opened(&o);
    frames(s, 0, 5);
    dt_eq(dura_session_close(s, &err), DURA_OK, "");
    /* the same record for another model */
    put("model.json", "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"b\"], \"outputs\": [{\"name\": \"y\", "
                      "\"bias\": 2, \"weights\": [0.25, 0.5]}]}");
    char other[512];
    snprintf(other, sizeof other, "%s", in("run2"));
    o.out = other;
    refused(&o, DURA_EAUTH, "factory record", "a record of another model");
    /* room for a record that is too small, and nothing to sign */
    n = 10;
    dt_eq(dura_factory_make(rec, &n, image[0], len[0], image[1], len[1], 1, vendor_seed), DURA_ENOSPC, "");
    dt_eq(dura_factory_make(rec, &n, NULL, 0, image[1], len[1], 1, vendor_seed), DURA_EINVAL, "");
    dura_pack_deinit(image[0]);
    dura_pack_deinit(image[1]);
    sweep();
}

DT_TEST(session_open, names_what_is_wrong)
{
    setup();
    char out[512];
    snprintf(out, sizeof out, "%s", in("run"));
    dura_session_options o = options(out, 0), bad;
    dura_session *s;
    dura_error err;
    bad = o;
    bad.policy = NULL;
    refused(&bad, DURA_EINVAL, "policy", "no policy");
    bad = o;
    bad.out = "";
    refused(&bad, DURA_EINVAL, "out", "no run folder");
    bad = o;
    bad.model = NULL;
    refused(&bad, DURA_EINVAL, "model", "no model");
    bad = o;
    bad.policy = "/nowhere/policy.json";
    refused(&bad, DURA_ENOENT, "", "policy not there");
    bad = o;
    bad.model = bad.policy = o.policy;
    refused(&bad, DURA_EINVAL, "", "a policy as model");
    bad = o;
    bad.out = "/proc/nothing/here";
    refused(&bad, DURA_EIO, "--out", "a folder that cannot be made");
    bad = o;
    bad.factory = o.model;
    refused(&bad, DURA_EDENIED, "factory record", "a model as factory record");
    bad = o;
    bad.struct_size = 4;
    dt_eq(dura_session_open(&s, &bad, &err), DURA_EINVAL, "");
    dt_eq(dura_session_open(NULL, &o, &err), DURA_EINVAL, "");
    dt_eq(dura_session_close(NULL, NULL), DURA_EINVAL, "");
    dura_session_abort(NULL);
    sweep();
}

DT_TEST(session_open, lets_one_run_at_a_time_write_a_folder)
{
    setup();
    char out[512];
    snprintf(out, sizeof out, "%s", in("run"));
    dura_session_options o = options(out, 0);
    dura_session *s = opened(&o);
    o.flags = DURA_SESSION_RESUME;
    refused(&o, DURA_ESTATE, "", "in use");
    dura_session_abort(s);
    sweep();
}
