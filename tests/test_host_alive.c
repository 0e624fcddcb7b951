/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drift monitor proves that it works, by count of decisions, live and to whoever reads
 * the log; a failed proof, or none, is an alarm; a drift that stands asks for retraining.
 */
#include "noise.h"
#include "temp_dir.h"

#include <dura/dura.h>
#include <dura/host/export.h>
#include <dura/host/incident.h>
#include <dura/host/pack.h>
#include <dura/host/record.h>
#include <dura/host/session.h>
#include <dura/host/watch.h>
#include <dura/host/why.h>

#include "../src/drift/dura_drift_priv.h"
#include "../src/guard/dura_guard_priv.h"

#include <sys/stat.h>
#include <unistd.h>

enum { TEST_EVERY = 64, CONFIRM = 200, CHANNELS = 3 };

static uint64_t frame;

static const char policy[] =
    "{\"device\": {\"name\": \"press\", \"asset\": 7, \"zone\": 2},\n"
    " \"channels\": [{\"name\": \"a\", \"fail_lo\": -100, \"fail_hi\": 100},\n"
    "  {\"name\": \"b\", \"fail_lo\": -100, \"fail_hi\": 100}, {\"name\": \"c\", \"fail_lo\": -100, \"fail_hi\": 100}],\n"
    " \"outputs\": [{\"name\": \"y\", \"lo\": -50, \"hi\": 50, \"safe\": 0}],\n"
    " \"logs\": {\"seal_records\": 64, \"commit_records\": 16},\n"
    " \"drift\": {\"arl0\": 100000, \"selftest\": 64, \"confirm\": 200, \"references\": [\n"
    "  {\"of\": \"a\", \"n\": 5000, \"mean\": 0, \"deviation\": 1}, {\"of\": \"b\", \"n\": 5000, \"mean\": 0, \"deviation\": 1},\n"
    "  {\"of\": \"y\", \"n\": 5000, \"mean\": 1, \"deviation\": 0.6}]},\n"
    " \"correlate\": {\"window_ms\": 30000, \"quiet_ms\": 10000}}";
static const char model[] =
    "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"b\", \"c\"],\n"
    " \"outputs\": [{\"name\": \"y\", \"bias\": 1, \"weights\": [0.25, 0.5, 0]}]}";

static void setup(void)
{
    make_dir("alive");
    put("policy.json", policy);
    put("model.json", model);
    frame = 0;
    seed = 5;
}

static dura_session *begin(const char *out)
{
    static char p[4][512];
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_session *s;
    dura_error err = {0};
    snprintf(p[0], 512, "%s", in("policy.json"));
    snprintf(p[1], 512, "%s", in("model.json"));
    snprintf(p[2], 512, "%s", in("state"));
    snprintf(p[3], 512, "%s", in(out));
    o.policy = p[0];
    o.model = p[1];
    o.state = p[2];
    o.out = p[3];
    int rc = dura_session_open(&s, &o, &err);
    dt_ok(rc == DURA_OK, "%s: %s: %s", err.file, err.field, err.text);
    return s;
}

/* n frames of noise, channel c moved by shift. */
static void run(dura_session *s, int n, int c, float shift)
{
    dura_error err = {0};
    for (int i = 0; i < n; i++, frame++) {
        float v[CHANNELS];
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        for (int k = 0; k < CHANNELS; k++)
            v[k] = noise() + (k == c ? shift : 0.0f);
        f.frame = frame;
        f.n = CHANNELS;
        f.time.mono_ns = (int64_t)(frame + 1) * 100000000;
        f.time.wall_ns = f.time.mono_ns + (int64_t)1700000000 * 1000000000;
        f.time.quality = DURA_CLOCK_SYNCED;
        f.time.wall_err_us = 1000;
        f.values = v;
        dt_ok(dura_session_step(s, &f, &d, &err) == DURA_OK, "%s: %s", err.field, err.text);
    }
}

static void finish(dura_session *s)
{
    dura_error err = {0};
    dt_ok(dura_session_close(s, &err) == DURA_OK, "%s: %s", err.file, err.text);
}

/* ---- reading a run -------------------------------------------------------------------- */

static uint8_t *load(const char *name, size_t *len)
{
    FILE *f = fopen(in(name), "rb");
    uint8_t *p = malloc(65536);
    dt_ok(f && p, "%s", name);
    *len = fread(p, 1, 65536, f);
    fclose(f);
    return p;
}

typedef struct fact_of {
    uint64_t kind, channel;
    int64_t v[4];
} fact_of;

static fact_of fact_in(const dura_record *r)
{
    fact_of f = {0, DURA_NONE, {0, 0, 0, 0}};
    durai_item it, one;
    durai_cbor_in at;
    (void)!dura_record_uint(r, 16, &f.kind);
    (void)!dura_record_uint(r, 18, &f.channel);
    if (durai_cbor_find(r->cbor, r->len, 26, &it, &at) == DURA_OK)
        for (uint64_t i = 0; i < it.v && i < 4; i++)
            if (durai_cbor_next(&at, &one) == DURA_OK)
                f.v[i] = one.type == DURAI_CBOR_UINT ? (int64_t)one.v : -1 - (int64_t)one.v;
    return f;
}

typedef struct seen {
    fact_of live[512], found[512];   /* heartbeats, failures, drift alarms: recorded; read again */
    size_t n_live, n_found;
    uint64_t decisions[512];         /* of this boot, when the recorded one came */
    int incidents, retrains, found_retrains;
    uint64_t retrain_at, found_at;   /* decisions */
    dura_record last_retrain;
    uint8_t keep[1024];
    uint64_t skip;                   /* kind of fact that is kept from the watch */
} seen;

static void read_run(const char *name, seen *s)
{
    dura_error err = {0};
    dura_records *all;
    dura_record r;
    dura_watch *w;
    size_t len;
    uint64_t decisions = 0, skip = s->skip;
    uint32_t boot = 0;
    char path[600];
    memset(s, 0, sizeof *s);
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    snprintf(path, sizeof path, "%s/policy.bin", name);
    uint8_t *image = load(path, &len);
    dt_eq(dura_watch_open(&w, image, len, &err), DURA_OK, "%s", err.text);
    dt_eq(dura_records_open(&all, in(name), 0, &err), DURA_OK, "%s", err.text);
    while (dura_records_next(all, &r, &err) == 1) {
        fact_of f = r.kind == DURA_REC_FACT ? fact_in(&r) : (fact_of){0, 0, {0, 0, 0, 0}};
        dura_fact found;
        if (r.time.boot != boot)
            decisions = 0;
        boot = r.time.boot;
        decisions += r.kind == DURA_REC_DECISION;
        if (f.kind == DURA_FACT_ALIVE || f.kind == DURA_FACT_MONITOR || f.kind == DURA_FACT_DRIFT) {
            s->decisions[s->n_live] = decisions;
            s->live[s->n_live++] = f;
        }
        if (r.kind == DURA_REC_RETRAIN) {
            s->retrains++;
            s->retrain_at = decisions;
            memcpy(s->keep, r.cbor, r.len);
            s->last_retrain = r;
            s->last_retrain.cbor = s->keep;
        }
        if (skip && f.kind == skip)
            continue;
        int rc = dura_watch_record(w, &r);
        dt_ok(rc >= 0, "%d", rc);
        s->incidents += (rc & DURA_WATCH_INCIDENT) != 0;
        while (dura_watch_fact(w, &found) == 1) {
            if (found.kind == DURA_FACT_RETRAIN) {
                s->found_retrains++;
                s->found_at = decisions;
                continue;
            }
            s->found[s->n_found] = (fact_of){found.kind, found.channel, {0, 0, 0, 0}};
            memcpy(s->found[s->n_found++].v, found.value, sizeof found.value);
        }
    }
    dt_ok(err.text[0] == 0, "%s", err.text);
    dura_records_close(all);
    dura_watch_close(w);
    free(image);
}

static size_t count(const fact_of *p, size_t n, uint64_t kind)
{
    size_t hits = 0;
    for (size_t i = 0; i < n; i++)
        hits += p[i].kind == kind;
    return hits;
}

static seen got;

/* ---- heartbeats --------------------------------------------------------------------------- */

DT_TEST(selftest, tells_of_every_watched_thing_in_turn_and_up_down_and_wider)
{
    setup();
    dura_session *s = begin("run");
    run(s, 10 * TEST_EVERY, -1, 0.0f);
    finish(s);
    read_run("run", &got);
    dt_eq(count(got.live, got.n_live, DURA_FACT_ALIVE), 10, "");
    dt_eq(count(got.live, got.n_live, DURA_FACT_MONITOR), 0, "");
    int64_t first = 0;
    for (size_t i = 0, k = 0; i < got.n_live; i++) {
        static const uint16_t things[] = {0, 1, 3};
        const fact_of *f = &got.live[i];
        if (f->kind != DURA_FACT_ALIVE)
            continue;
        dt_eq(f->channel, things[k % 3], "test %zu", k);
        dt_ok(f->v[0] > 5 && f->v[0] <= f->v[1] && f->v[1] < 60, "delay %lld of %lld", (long long)f->v[0], (long long)f->v[1]);
        dt_ok((uint64_t)f->v[2] > k * TEST_EVERY && (uint64_t)f->v[2] <= k * TEST_EVERY + 8, "at %lld", (long long)f->v[2]);
        dt_eq(f->v[3], 0, "nothing stands");
        first = k == 0 ? f->v[0] : first;
        dt_ok(k / 3 == 2 ? f->v[0] < first : f->v[0] >= first - 1, "test %zu: %lld, a wider spread is found sooner", k, (long long)f->v[0]);
        k++;
    }
    sweep();
}

DT_TEST(selftest, changes_no_alarm_and_no_decision)
{
    static fact_of with[512];
    static const char marker[] = "\"selftest\": 64, \"confirm\": 200, ";
    setup();
    dura_session *s = begin("run");
    run(s, 300, -1, 0.0f);
    run(s, 200, 1, 1.0f);
    run(s, 500, -1, 0.0f);
    finish(s);
    read_run("run", &got);
    size_t n = 0;
    for (size_t i = 0; i < got.n_live; i++)
        if (got.live[i].kind == DURA_FACT_DRIFT)
            with[n++] = got.live[i];
    sweep();
    setup();
    char plain[sizeof policy];
    memcpy(plain, policy, sizeof plain);
    char *at = strstr(plain, marker);
    memset(at, ' ', sizeof marker - 1);
    put("policy.json", plain);
    s = begin("run");
    run(s, 300, -1, 0.0f);
    run(s, 200, 1, 1.0f);
    run(s, 500, -1, 0.0f);
    finish(s);
    read_run("run", &got);
    dt_ok(n >= 2, "%zu", n);
    dt_eq(got.n_live, n, "drift facts alone");
    dt_mem(got.live, with, n * sizeof *with);
    sweep();
}

DT_TEST(selftest, is_found_again_by_a_reader_of_the_log)
{
    setup();
    dura_session *s = begin("run");
    run(s, 400, -1, 0.0f);
    run(s, 400, 0, 1.0f);
    run(s, 900, -1, 0.0f);
    finish(s);
    read_run("run", &got);
    dt_ok(count(got.live, got.n_live, DURA_FACT_DRIFT) >= 2, "");
    dt_eq(got.n_live, got.n_found, "");
    dt_mem(got.live, got.found, got.n_live * sizeof got.live[0]);
    sweep();
}

DT_TEST(selftest, owes_one_soon_after_every_start)
{
    setup();
    for (int boot = 0; boot < 3; boot++) {
        char out[16];
        snprintf(out, sizeof out, "run%d", boot);
        dura_session *s = begin(out);
        run(s, 40, -1, 0.0f);
        finish(s);
        read_run(out, &got);
        dt_eq(count(got.live, got.n_live, DURA_FACT_ALIVE), 1, "boot %d", boot);
        dt_ok(got.decisions[0] <= 8, "after %llu decisions", (unsigned long long)got.decisions[0]);
    }
    sweep();
}

/* ---- a monitor that does not work ----------------------------------------------------------- */

static char *incidents(const char *out, int again)
{
    char *text;
    size_t len, n;
    dura_error err = {0};
    dt_ok(dura_incidents_json(in(out), again, &text, &len, &n, &err) == DURA_OK, "%s: %s", err.file, err.text);
    return text;
}

DT_TEST(selftest, raises_an_alarm_when_the_monitor_is_not_what_it_was)
{
    setup();
    dura_session *s = begin("run");
    run(s, 200, -1, 0.0f);
    dura_drift *d = dura_session_guard(s)->watcher->watch.drift;
    d->limit *= 1000.0f;                /* memory that decays: it would never alarm again */
    run(s, 100, -1, 0.0f);
    finish(s);
    read_run("run", &got);
    dt_eq(count(got.live, got.n_live, DURA_FACT_ALIVE), 4, "");
    dt_ok(count(got.live, got.n_live, DURA_FACT_MONITOR) >= 1, "");
    const fact_of *last = &got.live[got.n_live - 1];
    dt_eq(last->v[0], DURA_MONITOR_FAILED, "");
    dt_eq(last->v[1], DURA_ECORRUPT, "");
    char *text = incidents("run", 0);
    dt_ok(strstr(text, "\"kind\":\"monitor\"") != NULL, "%s", text);
    dt_ok(strstr(text, "\"missing\":[\"security\",\"drift\"") != NULL, "%s", text);
    free(text);
    sweep();
}

DT_TEST(selftest, says_late_or_missed_by_the_samples_it_took)
{
    static const struct { float times; int64_t what; } rows[] = {{100.0f, DURA_MONITOR_LATE}, {1e15f, DURA_MONITOR_MISSED}};
    for (size_t k = 0; k < 2; k++) {
        char rare[sizeof policy + 2];
        setup();
        const char *at = strstr(policy, "64, \"confirm");
        snprintf(rare, sizeof rare, "%.*s1000%s", (int)(at - policy), policy, at + 2);
        put("policy.json", rare);
        dura_session *s = begin("run");
        run(s, 1, -1, 0.0f);                    /* the test has had its first share */
        dura_drift *d = dura_session_guard(s)->watcher->watch.drift;
        d->limit *= rows[k].times;              /* held against its parts when a test begins only */
        run(s, 40, -1, 0.0f);
        finish(s);
        read_run("run", &got);
        dt_eq(count(got.live, got.n_live, DURA_FACT_MONITOR), 1, "");
        const fact_of *last = &got.live[got.n_live - 1];
        dt_eq(last->v[0], rows[k].what, "");
        dt_ok(last->v[1] > last->v[2] && last->v[2] > 0, "%lld, bound %lld", (long long)last->v[1], (long long)last->v[2]);
        sweep();
    }
}

DT_TEST(selftest, is_missed_by_a_reader_when_the_log_has_no_heartbeat)
{
    setup();
    dura_session *s = begin("run");
    run(s, 1500, -1, 0.0f);
    finish(s);
    memset(&got, 0, sizeof got);
    got.skip = DURA_FACT_ALIVE;                 /* as if none had been recorded */
    read_run("run", &got);
    size_t silent = 0;
    for (size_t i = 0; i < got.n_found; i++)
        silent += got.found[i].kind == DURA_FACT_MONITOR && got.found[i].v[0] == DURA_MONITOR_SILENT;
    dt_ok(silent >= 3 && silent <= 5, "%zu", silent);
    dt_ok(got.incidents > 0, "evidence");
    got.skip = 0;
    read_run("run", &got);
    dt_eq(count(got.found, got.n_found, DURA_FACT_MONITOR), 0, "with them nothing is amiss");
    sweep();
}

/* ---- what verify, why and the exports say of it ---------------------------------------------- */

static dura_verify_report verified(uint32_t flags)
{
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    dura_verify_report r;
    dura_error err = {0};
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    o.state_dir = in("state");
    o.flags = flags;
    dt_ok(dura_verify_folder(in("run"), &o, &r, &err) == DURA_OK, "%s", err.text);
    return r;
}

static char lines[65536];

static int take_line(void *user, const char *line, size_t len)
{
    (void)user;
    strncat(lines, line, sizeof lines - strlen(lines) - 2);
    strcat(lines, "\n");
    return len == 0;
}

static char *asked_why(void)
{
    char *text;
    size_t len;
    dura_error err = {0};
    dt_ok(dura_why_json(in("run"), NULL, &text, &len, &err) == DURA_OK, "%s", err.text);
    return text;
}

static void export_lines(void)
{
    dura_error err = {0};
    lines[0] = 0;
    dt_ok(dura_export_alerts(in("run"), DURA_EXPORT_CEF, take_line, NULL, NULL, &err) == DURA_OK, "%s", err.text);
}

DT_TEST(heartbeats, are_counted_by_verify_and_told_by_why_and_the_exports)
{
    setup();
    dura_session *s = begin("run");
    run(s, 400, -1, 0.0f);
    finish(s);
    dura_verify_report r = verified(DURA_VERIFY_MONITOR);
    dt_eq(r.word, DURA_VERIFY_INTACT, "%s", r.text);
    dt_eq(r.promised, 64, "");
    dt_eq((int)r.heartbeats, 7, "one soon, then one every 64");
    dt_eq((int)r.silences, 0, "");
    dt_eq((int)verified(0).heartbeats, 0, "not asked for");
    char *text = asked_why();
    dt_ok(strstr(text, "\"monitor\":{\"promised\":64,\"heartbeats\":7,\"failures\":0,\"silences\":0,\"alive\":{") != NULL, "%s", text);
    dt_ok(strstr(text, "the drift monitor works: a synthetic shift on") != NULL, "%s", text);
    free(text);
    export_lines();
    dt_ok(strstr(lines, "|monitor.alive|Drift monitor works|") != NULL, "%s", lines);
    dt_ok(strstr(lines, "monitor.silent") == NULL, "%s", lines);
    sweep();
}

/* The device's own watch does not run: nothing in its log says so, but nothing says it works. */
DT_TEST(heartbeats, are_missed_where_the_policy_promises_them)
{
    setup();
    dura_session *s = begin("run");
    dura_session_guard(s)->watcher->watch.alive->selftest = 0;
    run(s, 1000, -1, 0.0f);
    finish(s);
    dura_verify_report r = verified(DURA_VERIFY_MONITOR);
    dt_eq(r.word, DURA_VERIFY_INTACT, "the log is whole: %s", r.text);
    dt_eq((int)r.heartbeats, 0, "");
    dt_eq((int)r.owed, 64 + 256, "");
    dt_eq((int)r.silent_for, 64 + 256 + 1, "");
    dt_eq((int)r.silences, 3, "");
    dt_ok(r.silent_gseq > 320, "");
    char *text = asked_why();
    dt_ok(strstr(text, "\"alive\":null") != NULL && strstr(text, "the drift monitor is silent: no heartbeat in 321 decisions") != NULL,
          "%s", text);
    free(text);
    export_lines();
    dt_ok(strstr(lines, "|monitor.silent|Drift monitor failed|7|") != NULL, "%s", lines);
    sweep();
}

DT_TEST(heartbeats, of_a_retraining_request_are_told_before_and_behind)
{
    setup();
    dura_session *s = begin("run");
    run(s, 300, -1, 0.0f);
    run(s, 600, 1, 3.0f);
    finish(s);
    char *text = asked_why();
    dt_ok(strstr(text, "\"before\":true") != NULL && strstr(text, "retraining is asked for: ") != NULL,
          "%s", text);
    free(text);
    dura_why_options o = DURA_WHY_OPTIONS_INIT;
    size_t len;
    o.which = DURA_PICK_FRAME;
    o.frame = 310;
    dt_eq(dura_why_json(in("run"), &o, &text, &len, NULL), DURA_OK, "");
    dt_ok(strstr(text, "\"before\":false,\"text\":\"retraining is asked for") != NULL, "%s", text);
    free(text);
    export_lines();
    dt_ok(strstr(lines, "|retrain|Retraining is asked for|5|") != NULL, "%s", lines);
    sweep();
}

/* ---- retraining ------------------------------------------------------------------------------- */

static size_t entries(const dura_record *r, int64_t first[6])
{
    durai_item it, one;
    durai_cbor_in at;
    dt_eq(durai_cbor_find(r->cbor, r->len, 18, &it, &at), DURA_OK, "key 18");
    dt_eq(durai_cbor_next(&at, &one), DURA_OK, "");
    dt_eq(one.v, 6, "members");
    for (int i = 0; i < 6; i++) {
        dt_eq(durai_cbor_next(&at, &one), DURA_OK, "");
        first[i] = (int64_t)one.v;
    }
    return (size_t)it.v;
}

DT_TEST(retraining, is_asked_for_once_when_a_drift_has_stood)
{
    int64_t first[6];
    const uint8_t *digest;
    size_t n, len;
    uint8_t want[32];
    setup();
    dura_session *s = begin("run");
    run(s, 300, -1, 0.0f);
    run(s, 1500, 1, 1.5f);
    finish(s);
    read_run("run", &got);
    dt_eq(got.retrains, 1, "once");
    dt_eq(got.found_retrains, 1, "and a reader finds it");
    dt_ok(got.found_at <= got.retrain_at && got.retrain_at - got.found_at <= 1, "at %llu, recorded behind %llu",
          (unsigned long long)got.found_at, (unsigned long long)got.retrain_at);
    size_t i = 0;
    while (i < got.n_live && (got.live[i].kind != DURA_FACT_DRIFT || got.live[i].channel != 1))
        i++;
    dt_ok(i < got.n_live, "an alarm of b");
    n = entries(&got.last_retrain, first);
    dt_ok(n >= 1, "%zu", n);
    dt_eq(first[1], DURA_DRIFT_UP, "direction");
    dt_ok(first[4] >= CONFIRM && first[4] <= CONFIRM + 2, "stood %lld", (long long)first[4]);
    dt_ok(got.found_at >= got.decisions[i] + CONFIRM && got.found_at <= got.decisions[i] + CONFIRM + 2, "in time");
    dt_eq(dura_record_bytes(&got.last_retrain, 16, &digest, &len), DURA_OK, "");
    dt_eq(len, 32, "the whole digest");
    memset(want, 0, sizeof want);
    dt_ok(memcmp(digest, want, 32) != 0, "of a model");
    sweep();
}

DT_TEST(retraining, is_not_asked_for_when_the_channel_comes_back_in_time)
{
    setup();
    dura_session *s = begin("run");
    run(s, 300, -1, 0.0f);
    run(s, 60, 1, 1.5f);
    run(s, 1500, -1, 0.0f);
    finish(s);
    read_run("run", &got);
    dt_ok(count(got.live, got.n_live, DURA_FACT_DRIFT) >= 2, "an alarm, and back");
    dt_eq(got.retrains, 0, "");
    sweep();
}

DT_TEST(retraining, is_asked_for_again_after_everything_had_come_back)
{
    setup();
    dura_session *s = begin("run");
    for (int k = 0; k < 2; k++) {
        run(s, 300, -1, 0.0f);
        run(s, 400, 1, 1.5f);
        run(s, 1500, -1, 0.0f);
    }
    finish(s);
    read_run("run", &got);
    dt_eq(got.retrains, 2, "");
    dt_eq(got.found_retrains, 2, "");
    sweep();
}

DT_TEST(retraining, names_the_record_of_the_alarm_and_alarms_name_the_model)
{
    int64_t first[6];
    dura_error err = {0};
    dura_records *all;
    dura_record r;
    uint8_t brain[8] = {0};
    const uint8_t *p;
    size_t n, drifts = 0;
    setup();
    dura_session *s = begin("run");
    run(s, 300, -1, 0.0f);
    run(s, 900, 0, -2.0f);
    finish(s);
    read_run("run", &got);
    (void)entries(&got.last_retrain, first);
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    dt_eq(dura_records_open(&all, in("run"), 0, &err), DURA_OK, "%s", err.text);
    while (dura_records_next(all, &r, &err) == 1) {
        if (r.kind == DURA_REC_DECISION && dura_record_bytes(&r, 29, &p, &n) == DURA_OK)
            memcpy(brain, p, 8);
        if (r.gseq == (uint64_t)first[5]) {
            fact_of f = fact_in(&r);
            dt_eq(f.kind, DURA_FACT_DRIFT, "");
            dt_eq((int64_t)f.channel, first[0], "");
            dt_eq(f.v[1], first[2], "size");
            dt_eq(f.v[2], first[3], "onset");
        }
        if (r.kind != DURA_REC_FACT || fact_in(&r).kind != DURA_FACT_DRIFT)
            continue;
        drifts++;
        dt_eq(dura_record_bytes(&r, 29, &p, &n), DURA_OK, "the model of the alarm");
        dt_eq(n, 8, "");
        dt_mem(p, brain, 8);
    }
    dt_ok(drifts > 0, "");
    dura_records_close(all);
    sweep();
}

DT_TEST(retraining, is_asked_for_again_when_another_model_answers_and_the_drift_stands)
{
    static uint64_t mem[8192];
    static durai_watch_parts parts;
    durai_watch w;
    durai_seen seen_one;
    float x[CHANNELS] = {0}, y = 1.0f;
    uint8_t brain[8] = {1};
    dura_error err = {0};
    void *image;
    size_t len;
    seed = 5;
    dt_eq(dura_pack_policy(policy, sizeof policy - 1, "policy.json", &image, &len, &err), DURA_OK, "%s", err.text);
    parts.drift = dura_drift_part();
    dt_ok(durai_watch_bytes(image, &parts) <= sizeof mem, "");
    dt_eq(durai_watch_init(&w, mem, image, &parts), DURA_OK, "");
    memset(&seen_one, 0, sizeof seen_one);
    seen_one.n_values = CHANNELS;
    seen_one.values = (const uint8_t *)x;
    seen_one.n_raw = 1;
    seen_one.raw = (const uint8_t *)&y;
    seen_one.brain = brain;
    int asked = 0, at_switch = 0;
    for (int t = 0; t < 1500; t++) {
        dura_fact f;
        dura_ref at;
        memset(&at, 0, sizeof at);
        at.gseq = (uint64_t)t;
        for (int k = 0; k < CHANNELS; k++)
            x[k] = noise();
        y = 1.0f + 0.6f * noise();
        if (t == 20) {                  /* an alarm that nothing takes back */
            memset(&f, 0, sizeof f);
            f.kind = DURA_FACT_DRIFT;
            f.channel = 1;
            f.value[0] = DURA_DRIFT_UP;
            (void)durai_watch_fact(&w, &f, &at);
        }
        if (t == 600) {
            brain[0] = 2;
            at_switch = asked;
        }
        int bits = durai_watch_decision(&w, &seen_one);
        asked += (bits & DURAI_WATCH_RETRAIN) != 0;
        if (bits & DURAI_WATCH_RETRAIN)
            dt_ok(t == 20 + CONFIRM - 1 || t == 600 + CONFIRM - 1, "at %d", t);
    }
    dt_eq(at_switch, 1, "of the first model");
    dt_eq(asked, 2, "and of the second");
    dura_pack_deinit(image);
}
