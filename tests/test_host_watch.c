/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard's watch finds live is what the records give later; and what a flood of
 * events that nobody vouches for can do: nothing. */
#include "noise.h"
#include "temp_dir.h"

#include <dura/dura.h>
#include <dura/host/crypto.h>
#include <dura/host/incident.h>
#include <dura/host/keys.h>
#include <dura/host/pack.h>
#include <dura/host/record.h>
#include <dura/host/session.h>
#include <dura/host/watch.h>

#include "../src/base/dura_base_priv.h"

#include <sys/stat.h>
#include <unistd.h>

static const char policy[] =
    "{\"device\": {\"name\": \"press\", \"asset\": 7, \"zone\": 2},\n"
    " \"channels\": [{\"name\": \"a\", \"fail_lo\": -100, \"fail_hi\": 100, \"flat_fail_ms\": 3000},\n"
    "  {\"name\": \"b\", \"fail_lo\": -100, \"fail_hi\": 100}, {\"name\": \"c\", \"fail_lo\": -100, \"fail_hi\": 100},\n"
    "  {\"name\": \"d\", \"fail_lo\": -100, \"fail_hi\": 100}],\n"
    " \"outputs\": [{\"name\": \"y\", \"lo\": -50, \"hi\": 50, \"safe\": 0}],\n"
    " \"features\": [{\"name\": \"a\", \"channel\": \"a\"}, {\"name\": \"b_mean3\", \"channel\": \"b\", \"op\": \"mean\", \"n\": 3}],\n"
    " \"logs\": {\"seal_records\": 64, \"commit_records\": 16},\n"
    " \"drift\": {\"arl0\": 100000, \"references\": [{\"of\": \"a\", \"n\": 5000, \"mean\": 0, \"deviation\": 1},\n"
    "  {\"of\": \"b\", \"n\": 5000, \"mean\": 0, \"deviation\": 1}, {\"of\": \"c\", \"n\": 5000, \"mean\": 0, \"deviation\": 1},\n"
    "  {\"of\": \"d\", \"n\": 5000, \"mean\": 0, \"deviation\": 1}]},\n"
    " \"correlate\": {\"window_ms\": 30000, \"quiet_ms\": 10000}, \"updates\": {\"slot_bytes\": 4096}}";
static const char model[] =
    "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"b_mean3\"],\n"
    " \"outputs\": [{\"name\": \"y\", \"bias\": 1, \"weights\": [0.25, 0.5]}]}";

static uint64_t frame;

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
    frame = 0;
    seed = 5;
    return s;
}

static void setup(void)
{
    make_dir("watch");
    put("policy.json", policy);
    put("model.json", model);
}

static dura_time now(void)
{
    dura_time t = {0};
    t.mono_ns = (int64_t)(frame + 1) * 100000000;
    t.wall_ns = t.mono_ns + (int64_t)1700000000 * 1000000000;
    t.quality = DURA_CLOCK_SYNCED;
    t.wall_err_us = 1000;
    return t;
}

/* n frames of noise: channel 0 frozen when `stuck`, every channel moved by shift. */
static void run(dura_session *s, int n, int stuck, const float shift[4], uint32_t *digest)
{
    dura_error err = {0};
    for (int i = 0; i < n; i++, frame++) {
        float v[4];
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        for (int c = 0; c < 4; c++)
            v[c] = noise() + (shift ? shift[c] : 0.0f);
        if (stuck)
            v[0] = 0.125f;
        f.frame = frame;
        f.n = 4;
        f.time = now();
        f.values = v;
        int rc = dura_session_step(s, &f, &d, &err);
        dt_ok(rc == DURA_OK, "%s: %s", err.field, err.text);
        if (digest) {
            uint8_t bytes[8] = {d.action, d.verdict};
            durai_put32(bytes + 4, durai_f32_bits(d.output[0]));
            *digest = durai_crc32c(*digest, bytes, sizeof bytes);
        }
    }
}

static void event(dura_session *s, const char *category, const char *type, uint32_t severity, uint32_t trust)
{
    uint8_t pairs[128];
    durai_cbor c;
    dura_error err = {0};
    dura_time t = now();
    durai_cbor_init(&c, pairs, sizeof pairs);
    durai_cbor_ktext(&c, 16, category, strlen(category));
    durai_cbor_ktext(&c, 17, type, strlen(type));
    durai_cbor_kuint(&c, 20, severity);
    durai_cbor_kuint(&c, 22, 7);
    durai_cbor_kuint(&c, 23, 2);
    durai_cbor_kuint(&c, 26, trust);
    int rc = dura_session_event(s, pairs, c.len, 6, &t, &err);
    dt_ok(rc == DURA_OK || rc == DURA_EFULL, "%s", err.text);
}

static void finish(dura_session *s)
{
    dura_error err = {0};
    dt_ok(dura_session_close(s, &err) == DURA_OK, "%s: %s", err.file, err.text);
}

static char *incidents(const char *out, int again, size_t *n)
{
    char *text;
    size_t len;
    dura_error err = {0};
    int rc = dura_incidents_json(in(out), again, &text, &len, n, &err);
    dt_ok(rc == DURA_OK, "%s: %s", err.file, err.text);
    return text;
}

/* A story with a fault, a drift and an attack in it. */
static void story(dura_session *s)
{
    static const float moved[4] = {0.0f, 1.5f, 1.5f, 1.5f}, one[4] = {0.0f, 0.0f, 3.0f, 0.0f};
    event(s, "heartbeat", "alive", 0, 1);
    run(s, 300, 0, NULL, NULL);
    run(s, 80, 1, NULL, NULL);
    run(s, 400, 0, NULL, NULL);
    for (int k = 1; k <= 300; k++) {         /* three channels creep away */
        const float creep[4] = {0.0f, moved[1] * (float)k / 300, moved[2] * (float)k / 300, moved[3] * (float)k / 300};
        run(s, 1, 0, creep, NULL);
    }
    run(s, 600, 0, NULL, NULL);
    event(s, "heartbeat", "alive", 0, 1);
    event(s, "access", "login_failed", 5, 1);
    event(s, "access", "login", 3, 1);
    event(s, "config", "param_write", 8, 1);
    run(s, 200, 0, one, NULL);
    run(s, 600, 0, NULL, NULL);
}

DT_TEST(watch_record, finds_later_what_the_guard_found_live)
{
    size_t live_n, again_n;
    setup();
    dura_session *s = begin("run");
    story(s);
    finish(s);
    char *live = incidents("run", 0, &live_n), *again = incidents("run", 1, &again_n);
    dt_ok(live_n >= 3, "%zu incidents: %s", live_n, live);
    dt_eq(live_n, again_n, "");
    dt_str(live, again, "live and later");
    dt_ok(strstr(live, "\"verdict\":\"fault\"") != NULL, "%s", live);
    dt_ok(strstr(live, "\"verdict\":\"drift\"") != NULL, "%s", live);
    dt_ok(strstr(live, "\"verdict\":\"attack\"") != NULL, "%s", live);
    free(live);
    free(again);
    sweep();
}

DT_TEST(watch_record, replays_bit_for_bit_with_features_drift_and_correlation)
{
    dura_replay_report rep;
    dura_error err = {0};
    setup();
    dura_session *s = begin("run");
    story(s);
    finish(s);
    memset(&rep, 0, sizeof rep);
    rep.struct_size = sizeof rep;
    dt_ok(dura_replay(in("run"), NULL, NULL, NULL, &rep, &err) == DURA_OK, "%s", err.text);
    dt_ok(rep.decisions == frame && rep.equal == frame, "%llu of %llu equal: %s", (unsigned long long)rep.equal,
          (unsigned long long)rep.decisions, rep.difference);
    sweep();
}

/* ---- a flood ----------------------------------------------------------------------------- */

/* The same frames with and without 200 hostile events a frame from nobody. */
static uint32_t flooded(const char *out, int flood, int *blocked)
{
    uint32_t digest = 0;
    dura_gate_status st = DURA_GATE_STATUS_INIT;
    dura_session *s = begin(out);
    static const char *const what[][2] = {{"exploit", "spoof"}, {"recon", "scan"}, {"access", "login_failed"},
                                          {"malware", "trojan"}, {"config", "program_download"}, {"nonsense", "x"}};
    for (int i = 0; i < 60; i++) {
        for (int k = 0; flood && k < 200; k++)
            event(s, what[k % 6][0], what[k % 6][1], 10, 0);
        run(s, 1, i > 20 && i < 30, NULL, &digest);
    }
    dt_eq(dura_guard_release(dura_session_guard(s), &st), DURA_OK, "");
    dura_incident inc = DURA_INCIDENT_INIT;
    *blocked = dura_guard_incident(dura_session_guard(s), &inc) == DURA_OK && inc.cause == DURA_CAUSE_ATTACK;
    finish(s);
    return digest;
}

DT_TEST(watch_event, a_flood_that_nobody_vouches_for_changes_no_decision_and_no_verdict)
{
    int calm, called;
    setup();
    uint32_t quiet = flooded("quiet", 0, &calm), loud = flooded("loud", 1, &called);
    dt_eq(quiet, loud, "every action, verdict and output is the same");
    dt_ok(!calm && !called, "nobody is called an attacker on hearsay");
    size_t n;
    char *text = incidents("loud", 0, &n);
    dt_ok(strstr(text, "\"verdict\":\"attack\"") == NULL, "%s", text);
    free(text);
    sweep();
}

/* A release of the policy that runs, signed with the development key, its only one. */
static size_t policy_release(uint8_t *envelope, size_t cap, const void *image, size_t len)
{
    static const char type[] = DURA_RELEASE_TYPE;
    uint8_t payload[256], pae[512], sig[64], pub[32], id[32], digest[32];
    durai_cbor c;
    dura_sha256_query(digest, image, len);
    durai_cbor_init(&c, payload, sizeof payload);
    durai_cbor_map(&c, 8);
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kuint(&c, 2, DURA_COMPONENT_POLICY);
    durai_cbor_kuint(&c, 3, 1);
    durai_cbor_kuint(&c, 4, 0);
    durai_cbor_kbytes(&c, 5, digest, 32);
    durai_cbor_kuint(&c, 6, len);
    durai_cbor_ktext(&c, 7, "press", 5);
    durai_cbor_ktext(&c, 8, "test", 4);
    size_t n = (size_t)snprintf((char *)pae, sizeof pae, "DSSEv1 %zu %s %zu ", sizeof type - 1, type, c.len);
    memcpy(pae + n, payload, c.len);
    dura_keyfile_sign(dura_dev_seed(), pae, n + c.len, sig, pub);
    dura_sha256_query(id, pub, sizeof pub);
    n = c.len;
    durai_cbor_init(&c, envelope, cap);
    durai_cbor_map(&c, 3);
    durai_cbor_ktext(&c, 1, type, sizeof type - 1);
    durai_cbor_kbytes(&c, 2, payload, n);
    durai_cbor_uint(&c, 3);
    durai_cbor_array(&c, 1);
    durai_cbor_map(&c, 2);
    durai_cbor_kbytes(&c, 1, id, 8);
    durai_cbor_kbytes(&c, 2, sig, sizeof sig);
    return c.len;
}

DT_TEST(watch_event, a_flood_that_nobody_vouches_for_locks_no_gate)
{
    static const struct { const char *row; int flood, stuck; uint8_t state; } rows[] = {
        {"calm", 0, 0, DURA_GATE_COMMITTED}, {"a flood", 200, 0, DURA_GATE_COMMITTED},
        {"a fault of its own", 0, 60, DURA_GATE_ARMED}};
    uint8_t envelope[1024];
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        dura_gate_status st = DURA_GATE_STATUS_INIT;
        setup();
        dura_session *s = begin("run");
        run(s, 20, 0, NULL, NULL);
        for (int k = 0; k < 20 * rows[r].flood; k++)
            event(s, k % 2 ? "exploit" : "config", k % 2 ? "spoof" : "program_download", 10, 0);
        run(s, rows[r].stuck, 1, NULL, NULL);
        dura_time t = now();
        void *image;
        size_t len, n;
        dt_eq(dura_pack_policy(policy, strlen(policy), "policy.json", &image, &len, NULL), DURA_OK, "");
        n = policy_release(envelope, sizeof envelope, image, len);
        dt_eq(dura_guard_successor(dura_session_guard(s), image, len), DURA_OK, "");
        dt_eq(dura_guard_offer(dura_session_guard(s), envelope, n, &t), DURA_OK, "row %s", rows[r].row);
        run(s, 5, rows[r].stuck > 0, NULL, NULL);
        dt_eq(dura_guard_release(dura_session_guard(s), &st), DURA_OK, "");
        dt_eq(st.state, rows[r].state, "row %s why %x", rows[r].row, (unsigned)st.why);
        finish(s);
        dura_pack_deinit(image);
        sweep();
    }
}

DT_TEST(watch_open, refuses_what_is_no_policy)
{
    dura_watch *w = (dura_watch *)1;
    dura_error err = {0};
    dt_eq(dura_watch_open(NULL, policy, 4, &err), DURA_EINVAL, "");
    dt_ok(dura_watch_open(&w, policy, 64, &err) < 0 && w == NULL, "");
    dt_ok(err.text[0] != 0, "");
    dt_eq(dura_watch_record(NULL, NULL), DURA_EINVAL, "");
    dt_eq(dura_watch_end(NULL), DURA_EINVAL, "");
    dura_watch_close(NULL);
}
