/* SPDX-License-Identifier: Apache-2.0 */
/* What the story of a run says: counts, buckets, hostile words, incidents, damage. */
#include "temp_dir.h"

#include <dura/dura.h>
#include <dura/host/incident.h>
#include <dura/host/json.h>
#include <dura/host/record.h>
#include <dura/host/session.h>
#include <dura/host/story.h>

#include "base/dura_base_priv.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a world ---------------------------------------------------------------------------- */

static char run[300];

#define PLAIN "\"seal_records\": 64, \"commit_records\": 32"

/* A policy with two channels and one output; more: further members of the root. */
static void setup(const char *a, const char *more)
{
    char text[2048];
    make_dir("story");
    snprintf(run, sizeof run, "%s/run", dir);
    snprintf(text, sizeof text,
             "{\"device\": {\"name\": \"press\", \"mode\": \"observe\"},\n"
             " \"channels\": [{\"name\": \"%s\", \"unit\": \"bar\", \"fail_lo\": 0, \"fail_hi\": 100},\n"
             "  {\"name\": \"b\", \"fail_lo\": 0, \"fail_hi\": 100}],\n"
             " \"outputs\": [{\"name\": \"y\", \"unit\": \"%%\", \"lo\": 0, \"hi\": 20, \"safe\": 5}],\n"
             " \"logs\": {" PLAIN "}%s}",
             a, more);
    put("policy.json", text);
    snprintf(text, sizeof text,
             "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"%s\", \"b\"],\n"
             " \"outputs\": [{\"name\": \"y\", \"bias\": 1, \"weights\": [0.25, 0.5]}]}", a);
    put("model.json", text);
}

static dura_session *opened(uint32_t flags)
{
    static char p[3][600];
    dura_session *s;
    dura_error err = {0};
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    snprintf(p[0], sizeof p[0], "%s", in("policy.json"));
    snprintf(p[1], sizeof p[1], "%s", in("model.json"));
    snprintf(p[2], sizeof p[2], "%s", in("state"));
    o.policy = p[0];
    o.model = p[1];
    o.state = p[2];
    o.out = run;
    o.flags = flags;
    int rc = dura_session_open(&s, &o, &err);
    dt_ok(rc == DURA_OK, "%s: %s: %s", err.file, err.field, err.text);
    return s;
}

static void closed(dura_session *s)
{
    dura_error err = {0};
    int rc = dura_session_close(s, &err);
    dt_ok(rc == DURA_OK, "%s: %s", err.file, err.text);
}

#define WALL 1772344800000000000        /* 2026-03-01T06:00:00Z */

static dura_time second(int64_t i, int quality)
{
    dura_time t = {0};
    t.mono_ns = (i + 1) * 1000000000;
    t.wall_ns = quality ? WALL + i * 1000000000 : 0;
    t.quality = (uint8_t)quality;
    t.wall_err_us = quality ? 20000 : 0;
    return t;
}

static void frame_of(dura_session *s, uint64_t i, int64_t at, int quality, float a, float b)
{
    dura_error err = {0};
    float v[2] = {a, b};
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    f.frame = i;
    f.n = 2;
    f.time = second(at, quality);
    f.values = v;
    int rc = dura_session_step(s, &f, &d, &err);
    dt_ok(rc == DURA_OK, "frame %u: %s", (unsigned)i, err.text);
}

/* Frame i at second `at`, with a in range unless bad. */
static void frame(dura_session *s, uint64_t i, int64_t at, int quality, int bad)
{
    frame_of(s, i, at, quality, bad ? 400.0f : (float)(i % 50), (float)(i % 30));
}

/* Every 7th frame from the fourth on is bad. */
static void frames(dura_session *s, uint64_t first, uint64_t n, int quality)
{
    for (uint64_t i = first; i < first + n; i++)
        frame(s, i, (int64_t)i, quality, i % 7 == 3);
}

static void event(dura_session *s, int64_t at, const char *category, const char *type, const char *id, uint64_t severity,
                  const char *actor, const char *detail)
{
    uint8_t buf[512];
    durai_cbor c;
    dura_error err = {0};
    dura_time t = second(at, DURA_CLOCK_SYNCED);
    durai_cbor_init(&c, buf, sizeof buf);
    durai_cbor_ktext(&c, 16, category, strlen(category));
    durai_cbor_ktext(&c, 17, type, strlen(type));
    durai_cbor_ktext(&c, 18, id, strlen(id));
    durai_cbor_kuint(&c, 20, severity);
    durai_cbor_ktext(&c, 21, actor, strlen(actor));
    durai_cbor_ktext(&c, 25, detail, strlen(detail));
    int rc = dura_session_event(s, buf, c.len, 6, &t, &err);
    dt_ok(rc == DURA_OK, "event: %s", err.text);
}

/* ---- reading what was told ------------------------------------------------------------------ */

static dura_json *told(const dura_story_options *given)
{
    char *text;
    size_t len;
    char state[600];
    dura_json *doc = NULL;
    dura_error err = {0};
    dura_verify_options v = DURA_VERIFY_OPTIONS_INIT;
    dura_story_options o = DURA_STORY_OPTIONS_INIT;
    if (given)
        o = *given;
    snprintf(state, sizeof state, "%s", in("state"));
    v.state_dir = state;
    o.verify = &v;
    int rc = dura_story_json(run, &o, &text, &len, &err);
    dt_ok(rc == DURA_OK && text && strlen(text) == len, "%s: %s", err.file, err.text);
    rc = dura_json_parse(text, len, "story", &doc, &err);
    dt_ok(rc == DURA_OK, "line %u: %s: %s", (unsigned)err.line, err.field, err.text);
    dura_story_deinit(text);
    return doc;
}

/* "buckets.n[3]": members and places. */
static uint32_t find(const dura_json *d, const char *path)
{
    uint32_t at = DURA_JSON_ROOT;
    for (const char *p = path; *p && at != DURA_JSON_NONE;) {
        char name[64];
        size_t n = strcspn(p, ".[");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        if (n)
            at = dura_json_member(d, at, name);
        p += n;
        if (*p == '[') {
            long k = strtol(p + 1, NULL, 10);
            for (at = dura_json_first(d, at); k > 0 && at != DURA_JSON_NONE; k--)
                at = dura_json_next(d, at);
            p = strchr(p, ']') + 1;
        }
        p += *p == '.';
    }
    dt_ok(at != DURA_JSON_NONE, "no %s", path);
    return at;
}

static double number(const dura_json *d, const char *path)
{
    double v = 0;
    dura_error err = {0};
    int rc = dura_json_get_f64(d, find(d, path), &v, &err);
    dt_ok(rc == DURA_OK, "%s: %s", path, err.text);
    return v;
}

static const char *words(const dura_json *d, const char *path)
{
    const char *t = "";
    dura_error err = {0};
    int rc = dura_json_get_text(d, find(d, path), 0, 4096, &t, &err);
    dt_ok(rc == DURA_OK, "%s: %s", path, err.text);
    return t;
}

static int yes(const dura_json *d, const char *path)
{
    int v = 0;
    dura_error err = {0};
    int rc = dura_json_get_bool(d, find(d, path), &v, &err);
    dt_ok(rc == DURA_OK, "%s: %s", path, err.text);
    return v;
}

static uint32_t count(const dura_json *d, const char *path) { return dura_json_count(d, find(d, path)); }
static int is_null(const dura_json *d, const char *path) { return dura_json_type(d, find(d, path)) == DURA_JSON_NULL; }

static double sum(const dura_json *d, const char *path)
{
    double all = 0, v;
    for (uint32_t k = dura_json_first(d, find(d, path)); k != DURA_JSON_NONE; k = dura_json_next(d, k))
        if (dura_json_get_f64(d, k, &v, NULL) == DURA_OK)
            all += v;
    return all;
}

/* The place in a list whose member is this text; -1: nowhere. */
static int place_of(const dura_json *d, const char *list, const char *member, const char *text)
{
    int k = 0;
    const char *t;
    for (uint32_t i = dura_json_first(d, find(d, list)); i != DURA_JSON_NONE; i = dura_json_next(d, i), k++)
        if (dura_json_get_text(d, dura_json_member(d, i, member), 0, 4096, &t, NULL) == DURA_OK && strcmp(t, text) == 0)
            return k;
    return -1;
}

/* ---- counts -------------------------------------------------------------------------------------- */

DT_TEST(story_json, counts_what_a_small_run_did)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 100, DURA_CLOCK_SYNCED);
    closed(s);
    dura_json *d = told(NULL);
    dt_eq(number(d, "dura_story"), DURA_STORY_VERSION, "");
    dt_str(words(d, "title"), "press", "the device's name");
    dt_str(words(d, "mode"), "observe", "");
    dt_str(words(d, "verify.word"), "INTACT", "");
    dt_ok(yes(d, "verify.development_key") && !yes(d, "verify.demo_key") && yes(d, "verify.closed"), "marks");
    dt_ok(yes(d, "reading.complete") && yes(d, "policy.known") && yes(d, "policy.matches"), "policy and reading");
    dt_eq(number(d, "run.decisions"), 100, "");
    dt_eq(number(d, "run.actions[0]"), 86, "ACT");
    dt_eq(number(d, "run.actions[2]"), 14, "FALLBACK: 3, 10, .. 94");
    dt_eq(sum(d, "run.verdicts"), 100, "");
    dt_eq(number(d, "run.verdicts[3]"), 14, "FAIL");
    dt_eq(number(d, "run.starts"), 1, "");
    dt_str(words(d, "run.axis"), "wall", "");
    dt_str(words(d, "run.begin"), "2026-03-01T06:00:00.000000000Z", "");
    dt_str(words(d, "run.end"), "2026-03-01T06:01:39.000000000Z", "");
    dt_eq(number(d, "run.ms"), 99000, "");
    dt_eq(count(d, "clock"), 1, "one clock all along");
    dt_str(words(d, "clock[0].quality"), "synced", "");
    dt_eq(number(d, "clock[0].err_us"), 20000, "");
    dt_eq(number(d, "health.records.security") + number(d, "health.records.decision"), number(d, "reading.next_gseq"), "dense");
    dt_ok(number(d, "health.epochs") >= 2 && !is_null(d, "health.last_seal_security"), "seals");
    dt_str(words(d, "words.guard_reasons[0]"), "input", "");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, draws_channels_with_their_limits_and_outputs_with_their_envelope)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 50, DURA_CLOCK_SYNCED);
    closed(s);
    dura_json *d = told(NULL);
    dt_eq(count(d, "channels"), 2, "");
    dt_str(words(d, "channels[0].name"), "a", "");
    dt_str(words(d, "channels[0].unit"), "bar", "");
    dt_eq(number(d, "channels[0].limits[0]"), 0, "");
    dt_eq(number(d, "channels[0].limits[3]"), 100, "");
    dt_eq(number(d, "channels[0].verdicts[0]"), 43, "GOOD");
    dt_eq(number(d, "channels[0].verdicts[3]"), 7, "FAIL");
    dt_eq(number(d, "channels[1].verdicts[0]"), 50, "b is never bad");
    dt_eq(number(d, "channels[0].max"), 400, "as measured, not as allowed");
    dt_eq(number(d, "channels[0].min"), 0, "");
    dt_eq(number(d, "channels[0].lo[3]"), 400, "");
    dt_eq(number(d, "channels[0].verdict[3]"), 3, "");
    dt_eq(number(d, "channels[0].verdict[4]"), 0, "");
    dt_eq(number(d, "outputs[0].lo"), 0, "");
    dt_eq(number(d, "outputs[0].hi"), 20, "");
    dt_eq(number(d, "outputs[0].safe"), 5, "");
    dt_eq(number(d, "outputs[0].driven.hi[2]"), 5, "observe drives the safe value");
    dt_ok(number(d, "outputs[0].proposed.hi[2]") == 2.5, "1 + 2/4 + 2/2");
    dt_ok(number(d, "outputs[0].model.hi[49]") == 22.75 && number(d, "outputs[0].proposed.hi[49]") == 20, "bounded");
    dt_ok(is_null(d, "drift"), "nothing is watched");
    dura_json_deinit(d);
    sweep();
}

/* ---- buckets ---------------------------------------------------------------------------------------- */

DT_TEST(story_json, puts_equally_many_decisions_into_each_bucket)
{
    dura_story_options o = DURA_STORY_OPTIONS_INIT;
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 100, DURA_CLOCK_SYNCED);
    closed(s);
    o.buckets = 16;
    dura_json *d = told(&o);
    dt_eq(number(d, "buckets.decisions_each"), 7, "ceil(100 / 16)");
    dt_eq(count(d, "buckets.n"), 15, "14 of 7 and one of 2");
    dt_eq(number(d, "buckets.n[0]"), 7, "");
    dt_eq(number(d, "buckets.n[13]"), 7, "");
    dt_eq(number(d, "buckets.n[14]"), 2, "");
    dt_eq(sum(d, "buckets.n"), 100, "");
    dt_eq(number(d, "buckets.from[1]"), 7000, "ms");
    dt_eq(number(d, "buckets.to[0]"), 6000, "");
    dt_eq(number(d, "buckets.frame[14]"), 98, "");
    dt_eq(number(d, "buckets.actions[0][0]"), 6, "ACT");
    dt_eq(number(d, "buckets.actions[0][2]"), 1, "FALLBACK");
    dt_eq(number(d, "buckets.verdict[0]"), 3, "the worst, not the last");
    dt_eq(number(d, "channels[0].lo[0]"), 0, "");
    dt_eq(number(d, "channels[0].hi[0]"), 400, "the one bad value is not averaged away");
    dt_eq(number(d, "channels[1].lo[1]"), 7, "b is the frame modulo 30");
    dt_eq(number(d, "channels[1].hi[1]"), 13, "");
    dt_str(words(d, "buckets.record[0].action"), "FALLBACK", "the record of the worst decision");
    dt_eq(number(d, "buckets.record[0].frame"), 3, "");
    dt_eq(number(d, "buckets.record[0].gseq"), number(d, "buckets.worst[0]"), "");
    dt_eq(number(d, "buckets.actions[14][2]"), 0, "98, 99");
    dt_eq(number(d, "buckets.record[14].frame"), 98, "the first of equally bad ones");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, ends_a_bucket_at_a_pause_and_at_a_start)
{
    dura_story_options o = DURA_STORY_OPTIONS_INIT;
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 40, DURA_CLOCK_SYNCED);
    for (uint64_t i = 40; i < 80; i++)
        frame(s, i, (int64_t)i + 1000, DURA_CLOCK_SYNCED, 0);
    dura_session_abort(s);
    s = opened(DURA_SESSION_RESUME);
    uint64_t next = dura_session_next_frame(s);
    for (uint64_t i = next; i < next + 21; i++)
        frame(s, i, (int64_t)i + 1100, DURA_CLOCK_SYNCED, 0);
    closed(s);
    o.buckets = 16;
    dura_json *d = told(&o);
    dt_eq(number(d, "run.starts"), 2, "");
    dt_eq(sum(d, "buckets.n"), number(d, "run.decisions"), "none is lost");
    uint32_t n = count(d, "buckets.from");
    for (uint32_t k = 0; k < n; k++) {
        char path[64];
        snprintf(path, sizeof path, "buckets.from[%u]", (unsigned)k);
        double from = number(d, path);
        snprintf(path, sizeof path, "buckets.to[%u]", (unsigned)k);
        double to = number(d, path);
        dt_ok(to >= from && to - from < 50000, "bucket %u spans %g..%g ms", (unsigned)k, from, to);
    }
    dt_eq(number(d, "health.recoveries") >= 0, 1, "");
    dt_ok(place_of(d, "history", "kind", "start") >= 0, "starts are history");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, has_a_bucket_of_its_own_for_each_decision_of_a_short_run)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 9, DURA_CLOCK_SYNCED);
    closed(s);
    dura_json *d = told(NULL);
    dt_eq(count(d, "buckets.n"), 9, "");
    dt_eq(number(d, "buckets.decisions_each"), 1, "");
    dt_eq(number(d, "buckets.n[8]"), 1, "");
    dt_eq(number(d, "buckets.from[8]"), 8000, "");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, tells_a_run_without_any_decision)
{
    setup("a", "");
    closed(opened(0));
    dura_json *d = told(NULL);
    dt_eq(number(d, "run.decisions"), 0, "");
    dt_eq(count(d, "buckets.n"), 0, "");
    dt_eq(number(d, "run.ms"), 0, "");
    dt_ok(is_null(d, "channels[0].min"), "nothing was seen");
    dt_str(words(d, "next.do"), "nothing", "");
    dura_json_deinit(d);
    sweep();
}

/* ---- time ------------------------------------------------------------------------------------------------ */

DT_TEST(story_json, counts_time_from_the_start_without_a_wall_clock)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 20, DURA_CLOCK_NONE);
    closed(s);
    dura_json *d = told(NULL);
    dt_str(words(d, "run.axis"), "monotonic", "");
    dt_ok(is_null(d, "run.begin") && is_null(d, "run.end"), "no date is made up");
    dt_eq(number(d, "run.ms"), 19000, "");
    dt_eq(number(d, "buckets.from[19]"), 19000, "");
    dt_str(words(d, "clock[0].quality"), "none", "");
    dt_ok(is_null(d, "clock[0].err_us"), "");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, keeps_the_order_when_the_clock_steps_within_a_start)
{
    setup("a", "");
    dura_session *s = opened(0);
    dura_error err = {0};
    for (int64_t i = 0; i < 20; i++) {
        float v[2] = {1, 1};
        dura_frame f = DURA_FRAME_INIT;
        dura_decision dec = DURA_DECISION_INIT;
        f.frame = (uint64_t)i;
        f.n = 2;
        f.time = second(i, DURA_CLOCK_UNSYNCED);
        if (i >= 10)
            f.time.wall_ns -= (int64_t)3600 * 1000000000;      /* an hour back */
        f.values = v;
        dt_eq(dura_session_step(s, &f, &dec, &err), DURA_OK, "%s", err.text);
    }
    closed(s);
    dura_json *d = told(NULL);
    dt_eq(number(d, "run.ms"), 19000, "the axis is monotonic time");
    for (int k = 1; k < 20; k++) {
        char path[2][40];
        snprintf(path[0], sizeof path[0], "buckets.from[%d]", k - 1);
        snprintf(path[1], sizeof path[1], "buckets.from[%d]", k);
        dt_ok(number(d, path[1]) - number(d, path[0]) == 1000, "bucket %d", k);
    }
    dura_json_deinit(d);
    sweep();
}

/* ---- words that would break out ------------------------------------------------------------------------------ */

DT_TEST(story_json, stays_strict_whatever_names_hold)
{
    dura_story_options o = DURA_STORY_OPTIONS_INIT;
    setup("</script><b a='\\\"'>\xC3\xBC\xE2\x82\xAC", "");
    dura_session *s = opened(0);
    frames(s, 0, 8, DURA_CLOCK_SYNCED);
    event(s, 9, "label", "value", "3", 0, "o'\"brien\\", "</script>\xF0\x9F\x94\xA7");
    closed(s);
    o.title = "a\xFF\xC3 \xED\xA0\x80\x01\"\\</script>";
    dura_json *d = told(&o);
    dt_str(words(d, "channels[0].name"), "</script><b a='\"'>\xC3\xBC\xE2\x82\xAC", "the name comes back as it was");
    const char *text = words(d, "history[0].text");
    dt_ok(text[0] != 0, "");
    int k = place_of(d, "history", "kind", "label");
    dt_ok(k >= 0, "a label is history");
    char path[40];
    snprintf(path, sizeof path, "history[%d].text", k);
    dt_ok(strstr(words(d, path), "</script>\xF0\x9F\x94\xA7") != NULL, "%s", words(d, path));
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, mends_a_title_that_is_no_utf8)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"plain", "plain"}, {"\xC3\xBC", "\xC3\xBC"}, {"\xFFx", "\xEF\xBF\xBDx"}, {"\xC3", "\xEF\xBF\xBD"},
        {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"}, {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, {"\xF0\x9F\x94\xA7", "\xF0\x9F\x94\xA7"},
        {"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"}, {"q\"b\\", "q\"b\\"},
    };
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 3, DURA_CLOCK_NONE);
    closed(s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_story_options o = DURA_STORY_OPTIONS_INIT;
        o.title = rows[i].in;
        dura_json *d = told(&o);
        dt_str(words(d, "title"), rows[i].out, "row %u", (unsigned)i);
        dura_json_deinit(d);
    }
    sweep();
}

/* ---- marks ------------------------------------------------------------------------------------------------------ */

DT_TEST(story_json, marks_the_worst_of_a_flood_and_counts_the_rest)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 10, DURA_CLOCK_SYNCED);
    for (int i = 0; i < 400; i++)
        event(s, 10 + i, "other", "chatter", "", 3, "x", "");
    event(s, 420, "other", "late and bad", "", 6, "x", "");
    closed(s);
    dura_json *d = told(NULL);
    uint32_t security = 0, events = 0;
    const char *log;
    for (uint32_t i = dura_json_first(d, find(d, "marks")); i != DURA_JSON_NONE; i = dura_json_next(d, i)) {
        dt_eq(dura_json_get_text(d, dura_json_member(d, i, "log"), 1, 16, &log, NULL), DURA_OK, "");
        security += strcmp(log, "security") == 0;
        dt_eq(dura_json_get_text(d, dura_json_member(d, i, "kind"), 1, 16, &log, NULL), DURA_OK, "");
        events += strcmp(log, "event") == 0;
    }
    dt_ok(security <= 300, "%u marks", (unsigned)security);
    dt_ok(place_of(d, "marks", "label", "other: late and bad, by x") >= 0, "the worst one is marked though it came last");
    dt_eq(number(d, "unmarked.security.records") + security, number(d, "health.records.security"), "every record is counted");
    dt_eq(sum(d, "unmarked.security.n"), number(d, "unmarked.security.records"), "");
    dt_ok(events == 300, "%u", (unsigned)events);
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, shows_each_mark_with_its_record)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 5, DURA_CLOCK_SYNCED);
    event(s, 6, "access", "login", "77", 2, "meier", "console");
    closed(s);
    dura_json *d = told(NULL);
    char path[64];
    int k = place_of(d, "marks", "label", "access: login, by meier");
    dt_ok(k >= 0, "");
    snprintf(path, sizeof path, "marks[%d].record.detail", k);
    dt_str(words(d, path), "console", "");
    snprintf(path, sizeof path, "marks[%d].t", k);
    dt_eq(number(d, path), 6000, "");
    snprintf(path, sizeof path, "marks[%d].err_us", k);
    dt_eq(number(d, path), 20000, "the clock's bound comes along");
    snprintf(path, sizeof path, "marks[%d].iso", k);
    dt_str(words(d, path), "2026-03-01T06:00:06.000000000Z", "");
    dura_json_deinit(d);
    sweep();
}

/* ---- incidents ---------------------------------------------------------------------------------------------------- */

static const char correlate[] = ", \"correlate\": {\"window_ms\": 60000, \"quiet_ms\": 20000}";

/* 40 good frames, 15 with a out of range, 60 good ones; answers stay in the envelope. */
static void faulty(dura_session *s)
{
    for (uint64_t i = 0; i < 115; i++)
        frame_of(s, i, (int64_t)i, DURA_CLOCK_SYNCED, i >= 40 && i < 55 ? 400.0f : (float)(i % 10), (float)(i % 7));
}

DT_TEST(story_json, tells_an_incident_with_evidence_and_what_would_change_it)
{
    setup("a", correlate);
    dura_session *s = opened(0);
    faulty(s);
    closed(s);
    dura_json *d = told(NULL);
    dt_ok(yes(d, "policy.correlate") && yes(d, "incidents_recorded"), "the device joined its logs itself");
    dt_eq(count(d, "incidents"), 1, "");
    uint32_t last = count(d, "incidents") - 1;
    char path[96];
#define I(member) (snprintf(path, sizeof path, "incidents[%u]." member, (unsigned)last), path)
    dt_str(words(d, I("incident.verdict")), "fault", "");
    dt_str(words(d, I("incident.state")), "closed", "");
    dt_ok(!yes(d, I("open")), "");
    dt_str(words(d, I("things[0]")), "a", "");
    dt_ok(count(d, I("incident.evidence")) >= 1, "");
    dt_eq(strlen(words(d, I("incident.evidence[0].leaf"))), 16, "first 8 bytes of the leaf hash");
    dt_ok(number(d, I("from")) >= 39000 && number(d, I("from")) <= 41000, "begins at %g ms", number(d, I("from")));
    dt_ok(number(d, I("to")) <= 56000, "ends at %g ms", number(d, I("to")));
    dt_str(words(d, I("change.leader")), "fault", "");
    double lead = number(d, I("change.lead"));
    dt_eq(number(d, I("change.to_unknown")), lead - 10 + 1 < 1 ? 1 : lead - 10 + 1, "one above what the margin needs");
    dt_eq(number(d, I("change.to_other")), lead + 10, "to overtake by the margin");
    dt_ok(strstr(words(d, I("change.text")), "decibans more for") != NULL, "");
    dt_ok(count(d, I("revisions")) >= 2, "opened, closed");
    dt_str(words(d, I("revisions[0].state")), "opened", "");
    dt_str(words(d, "next.do"), "replace_sensor", "%s", words(d, "next.why"));
    dt_ok(strstr(words(d, "next.text"), " a,") != NULL, "names the channel: %s", words(d, "next.text"));
    dt_eq(number(d, "next.incident"), last, "");
    snprintf(path, sizeof path, "%u", (unsigned)number(d, I("incident.evidence[0].gseq")));
    unsigned gseq = (unsigned)atoi(path), seen = 0;
    for (uint32_t i = dura_json_first(d, find(d, "marks")); i != DURA_JSON_NONE; i = dura_json_next(d, i)) {
        double g = 0;
        int evidence = 0;
        dt_eq(dura_json_get_f64(d, dura_json_member(d, i, "gseq"), &g, NULL), DURA_OK, "");
        dt_eq(dura_json_get_bool(d, dura_json_member(d, i, "evidence"), &evidence, NULL), DURA_OK, "");
        seen += (unsigned)g == gseq && evidence;
    }
    dt_eq(seen, 1, "evidence always gets a mark");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, says_how_much_is_missing_for_a_verdict)
{
    char path[96];
    uint32_t last = 0;
    setup("a", correlate);
    dura_session *s = opened(0);
    for (uint64_t i = 0; i < 60; i++)      /* one answer outside its envelope, and nothing else */
        frame_of(s, i, (int64_t)i, DURA_CLOCK_SYNCED, 1, i == 20 ? 90.0f : 1.0f);
    closed(s);
    dura_json *d = told(NULL);
    dt_str(words(d, I("incident.verdict")), "unknown", "");
    double lead = number(d, I("incident.margin_dban")), score = number(d, I("incident.score"));
    dt_ok(score < 10 && lead < 10, "score %g, margin %g", score, lead);
    dt_eq(number(d, I("change.to_other")), 10 - lead > 10 - score ? 10 - lead : 10 - score, "margin and score must both be met");
    dt_eq(number(d, I("change.to_unknown")), 0, "it is");
    dt_str(words(d, "next.do"), "nothing", "over, and never enough evidence: %s", words(d, "next.why"));
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, finds_incidents_afterwards_where_the_device_did_not_join_its_logs)
{
    setup("a", "");
    dura_session *s = opened(0);
    faulty(s);
    closed(s);
    dura_json *d = told(NULL);
    dt_ok(!yes(d, "policy.correlate") && !yes(d, "incidents_recorded"), "");
    dt_eq(count(d, "incidents"), 1, "");
    dt_str(words(d, "incidents[0].incident.verdict"), "fault", "");
    dt_str(words(d, "next.do"), "replace_sensor", "the same advice");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, lets_a_person_close_an_incident)
{
    setup("a", correlate);
    dura_session *s = opened(0);
    faulty(s);
    for (int id = 1; id <= 4; id++) {
        char text[16];
        snprintf(text, sizeof text, "%d", id);
        event(s, 120 + id, "incident", "close", text, 0, "r.meier", "sensor replaced");
    }
    closed(s);
    dura_json *d = told(NULL);
    uint32_t last = count(d, "incidents") - 1;
    char path[96];
    dt_ok(yes(d, I("closed_by_person")), "");
    dt_str(words(d, I("actor")), "r.meier", "");
    dt_str(words(d, "next.do"), "nothing", "%s", words(d, "next.why"));
    int k = place_of(d, "history", "kind", "operator");
    dt_ok(k >= 0, "");
    snprintf(path, sizeof path, "history[%d].text", k);
    dt_str(words(d, path), "incident 1 close by r.meier: sensor replaced", "");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, asks_for_the_sensor_that_is_bad_at_the_end)
{
    setup("a", "");
    dura_session *s = opened(0);
    for (uint64_t i = 0; i < 30; i++)
        frame(s, i, (int64_t)i, DURA_CLOCK_SYNCED, i >= 29);
    event(s, 40, "incident", "close", "1", 0, "x", "y");
    closed(s);
    dura_json *d = told(NULL);
    dt_str(words(d, "next.do"), "replace_sensor", "%s", words(d, "next.why"));
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, tells_a_persons_stop_and_release)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 3, DURA_CLOCK_SYNCED);
    dura_time t = second(3, DURA_CLOCK_SYNCED);
    dt_eq(dura_guard_override(dura_session_guard(s), DURA_OVERRIDE_STOP, "anna", "smoke", &t), DURA_OK, "");
    frame(s, 4, 4, DURA_CLOCK_SYNCED, 0);
    t = second(5, DURA_CLOCK_SYNCED);
    dt_eq(dura_guard_override(dura_session_guard(s), DURA_OVERRIDE_RELEASE, "anna", "false alarm", &t), DURA_OK, "");
    frame(s, 6, 6, DURA_CLOCK_SYNCED, 0);
    closed(s);
    dura_json *d = told(NULL);
    char path[64];
    int k = place_of(d, "history", "kind", "override");
    dt_ok(k >= 0, "");
    snprintf(path, sizeof path, "history[%d].text", k);
    dt_str(words(d, path), "stop by anna: smoke", "");
    dt_ok(place_of(d, "history", "text", "release by anna: false alarm") > k, "in order");
    dt_eq(number(d, "run.actions[3]"), 1, "STOP");
    dt_ok(place_of(d, "history", "kind", "model") >= 0, "which model answered");
    dura_json_deinit(d);
    sweep();
}

/* ---- drift ---------------------------------------------------------------------------------------------------------- */

DT_TEST(story_json, says_whether_the_monitor_proved_that_it_works)
{
    setup("a", ", \"drift\": {\"arl0\": 10000, \"selftest\": 64, \"confirm\": 20, \"references\": [{\"of\": \"b\", \"n\": 500,"
               " \"mean\": 50, \"deviation\": 1, \"resolution\": 0.01, \"why\": 1}]}");
    dura_session *s = opened(0);
    frames(s, 0, 300, DURA_CLOCK_SYNCED);
    closed(s);
    dura_json *d = told(NULL);
    dt_eq(number(d, "drift.selftest"), 64, "");
    dt_eq(number(d, "drift.confirm"), 20, "");
    dt_ok(number(d, "drift.monitor.heartbeats") >= 4, "");
    dt_eq(number(d, "drift.monitor.failures"), 0, "");
    dt_eq(number(d, "drift.monitor.silences"), 0, "");
    dt_eq(number(d, "drift.monitor.requests"), 1, "");
    dt_ok(number(d, "drift.monitor.last") > 0, "");
    int told_of = 0;
    for (size_t k = 0; k < count(d, "history"); k++) {
        char path[64];
        snprintf(path, sizeof path, "history[%zu].kind", k);
        if (strcmp(words(d, path), "retrain") != 0)
            continue;
        snprintf(path, sizeof path, "history[%zu].text", k);
        dt_ok(strstr(words(d, path), "retraining is asked for: b drifted") != NULL, "%s", words(d, path));
        told_of++;
    }
    dt_eq(told_of, 1, "");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, draws_drift_against_its_limit)
{
    setup("a", ", \"drift\": {\"arl0\": 10000, \"references\": [{\"of\": \"b\", \"n\": 500, \"mean\": 50, \"deviation\": 1,"
               " \"resolution\": 0.01, \"why\": 1}]}");
    dura_session *s = opened(0);
    frames(s, 0, 60, DURA_CLOCK_SYNCED);       /* b is 0..29: far below 50 */
    closed(s);
    dura_json *d = told(NULL);
    dt_ok(yes(d, "policy.drift"), "");
    dt_eq(number(d, "drift.arl0"), 10000, "");
    dt_eq(count(d, "drift.quantities"), 1, "");
    dt_str(words(d, "drift.quantities[0].name"), "b", "");
    dt_str(words(d, "drift.quantities[0].of"), "channel", "");
    dt_str(words(d, "drift.quantities[0].why[0]"), "short", "what is not promised");
    dt_eq(count(d, "drift.quantities[0].statistic"), count(d, "buckets.n"), "one per bucket");
    dt_ok(count(d, "drift.quantities[0].alarms") >= 1, "");
    dt_ok(strcmp(words(d, "drift.quantities[0].alarms[0].direction"), "back") != 0, "");
    dt_ok(number(d, "drift.quantities[0].alarms[0].onset") >= 0, "");
    dt_ok(number(d, "drift.quantities[0].alarms[0].of_limit") >= 1, "");
    dt_ok(number(d, "drift.quantities[0].limit") > 0 && yes(d, "drift.quantities[0].alarm"), "");
    dura_json_deinit(d);
    sweep();
}

/* ---- damage ------------------------------------------------------------------------------------------------------------ */

static void flip(const char *name, long at)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", run, name);
    FILE *f = fopen(path, "r+b");
    dt_ok(f != NULL, "%s", path);
    fseek(f, at, SEEK_SET);
    int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    dt_ok(fputc(c ^ 1, f) != EOF && fclose(f) == 0, "");
}

DT_TEST(story_json, says_how_far_a_damaged_log_could_be_read)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 100, DURA_CLOCK_SYNCED);
    closed(s);
    flip("decision.log/00000000.seg", 6000);
    dura_json *d = told(NULL);
    dt_str(words(d, "verify.word"), "TAMPERED", "");
    dt_str(words(d, "next.do"), "call_soc", "nothing below is proven");
    dt_ok(is_null(d, "next.incident"), "");
    dt_ok(!yes(d, "reading.complete") && strstr(words(d, "reading.text"), "nothing behind record") != NULL, "");
    dt_ok(number(d, "run.decisions") < 100 && number(d, "run.decisions") > 0, "%g decisions were read", number(d, "run.decisions"));
    dt_eq(sum(d, "buckets.n"), number(d, "run.decisions"), "");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, tells_a_run_that_was_cut)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 70, DURA_CLOCK_SYNCED);
    dura_session_abort(s);
    dura_json *d = told(NULL);
    dt_str(words(d, "verify.word"), "CUT", "");
    dt_ok(!yes(d, "verify.closed"), "");
    dt_ok(number(d, "run.decisions") >= 30, "");
    dura_json_deinit(d);
    sweep();
}

DT_TEST(story_json, uses_numbers_where_the_policy_is_gone_or_another)
{
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 10, DURA_CLOCK_SYNCED);
    closed(s);
    flip("policy.bin", 100);
    dura_json *d = told(NULL);
    dt_ok(!yes(d, "policy.known") && is_null(d, "policy.matches"), "");
    dt_str(words(d, "channels[0].name"), "channel0", "");
    dt_str(words(d, "outputs[0].name"), "output0", "");
    dt_ok(is_null(d, "channels[0].limits") && is_null(d, "outputs[0].lo"), "");
    dt_str(words(d, "device"), "unknown device", "");
    dt_eq(number(d, "channels[0].verdicts[3]"), 1, "the records still tell");
    dura_json_deinit(d);
    sweep();
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------ */

DT_TEST(story_json, refuses_what_it_cannot_use)
{
    static const struct {
        uint32_t size, buckets;
        int want;
        const char *row;
    } rows[] = {
        {sizeof(dura_story_options), 15, DURA_EINVAL, "too few buckets"},
        {sizeof(dura_story_options), 4097, DURA_EINVAL, "too many"},
        {8, 0, DURA_EINVAL, "a struct smaller than the first version"},
        {sizeof(dura_story_options), 16, DURA_OK, "least"},
        {sizeof(dura_story_options), 4096, DURA_OK, "most"},
    };
    char *text;
    size_t len;
    dura_error err = {0};
    setup("a", "");
    dura_session *s = opened(0);
    frames(s, 0, 3, DURA_CLOCK_NONE);
    closed(s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_story_options o = DURA_STORY_OPTIONS_INIT;
        o.struct_size = rows[i].size;
        o.buckets = rows[i].buckets;
        text = run;
        dt_eq(dura_story_json(run, &o, &text, &len, &err), rows[i].want, "row: %s", rows[i].row);
        dt_ok((text != NULL) == (rows[i].want == DURA_OK), "row: %s", rows[i].row);
        if (rows[i].want == DURA_OK)
            dura_story_deinit(text);
    }
    dt_eq(dura_story_json(NULL, NULL, &text, &len, &err), DURA_EINVAL, "");
    dt_eq(dura_story_json(run, NULL, NULL, &len, &err), DURA_EINVAL, "");
    dt_eq(dura_story_json(run, NULL, &text, NULL, NULL), DURA_EINVAL, "no error object");
    dt_eq(dura_story_json(in("nowhere"), NULL, &text, &len, &err), DURA_ENOENT, "");
    dt_ok(text == NULL, "");
    dt_eq(dura_story_json(dir, NULL, &text, &len, &err), DURA_ENOENT, "a folder without logs");
    dura_story_deinit(NULL);
    dt_eq(dura_story_json(run, NULL, &text, &len, NULL), DURA_OK, "options may be NULL");
    dura_story_deinit(text);
    sweep();
}

/* ---- names and the record of an incident ------------------------------------------------------------------------------------ */

DT_TEST(record_name, has_a_word_for_every_value_of_the_newer_lists)
{
    static const struct {
        int list;
        uint32_t first, end;
        const char *of_first, *of_last;
    } rows[] = {
        {DURA_NAME_CAUSE, 0, DURA_CAUSE_UNKNOWN + 1, "normal", "unknown"},
        {DURA_NAME_EVIDENCE, 1, DURA_EV_END, "flat", "monitor"},
        {DURA_NAME_MISSING, 0, 8, "security", "window"},
        {DURA_NAME_EVENT, 0, DURA_EVENT_CLASSES, "other", "heartbeat"},
        {DURA_NAME_GATE, 9, DURA_GATE_SAFE + 1, "committed", "safe"},
        {DURA_NAME_GATE, 0, DURA_GATE_PROBATION + 1, "idle", "probation"},
        {DURA_NAME_WHY, 0, 31, "format", "replay"},
        {DURA_NAME_DRIFT, 0, DURA_HISTOGRAM_SHAPE + 1, "back", "shape"},
        {DURA_NAME_DETECTOR, DURA_DRIFT_MIXTURE, DURA_DRIFT_HISTOGRAM + 1, "mixture", "histogram"},
        {DURA_NAME_COMPONENT, 1, DURA_COMPONENTS, "box", "policy"},
        {DURA_NAME_INCIDENT, 1, 4, "opened", "closed"},
        {DURA_NAME_TRUST, 0, 3, "none", "local"},
        {DURA_NAME_DRIFT_WHY, 0, 6, "short", "trend"},
        {DURA_NAME_FACT, DURA_FACT_DRIFT, DURA_FACT_SHADOW + 1, "drift", "shadow"},
        {DURA_NAME_GUARD_REASON, 0, 15, "input", "feature"},
        {DURA_NAME_KIND, DURA_REC_FACT, DURA_REC_RETRAIN + 1, "fact", "retrain"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (uint32_t v = rows[i].first; v < rows[i].end; v++)
            dt_ok(dura_record_name(rows[i].list, v) != NULL, "list %d has no word for %u", rows[i].list, (unsigned)v);
        dt_str(dura_record_name(rows[i].list, rows[i].first), rows[i].of_first, "list %d", rows[i].list);
        dt_str(dura_record_name(rows[i].list, rows[i].end - 1), rows[i].of_last, "list %d", rows[i].list);
        dt_ok(rows[i].end == DURA_GATE_PROBATION + 1 || dura_record_name(rows[i].list, rows[i].end) == NULL, "list %d ends",
              rows[i].list);
    }
    dt_ok(dura_record_name(DURA_NAME_GATE, 8) == NULL, "8 was never used");
    dt_ok(dura_record_name(DURA_NAME_DETECTOR + 1, 0) == NULL && dura_record_name(-1, 0) == NULL, "no such list");
}

DT_TEST(record_json, shows_an_incident_as_dura_incident_json_does)
{
    dura_records *r;
    dura_record rec;
    dura_error err = {0};
    uint32_t seen = 0;
    char line[8192];
    setup("a", correlate);
    dura_session *s = opened(0);
    faulty(s);
    closed(s);
    memset(&rec, 0, sizeof rec);
    rec.struct_size = sizeof rec;
    dt_eq(dura_records_open(&r, run, DURA_LOG_DECISION, &err), DURA_OK, "%s", err.text);
    while (dura_records_next(r, &rec, &err) == 1) {
        dura_json *d = NULL;
        size_t n = sizeof line, want = 0;
        if (rec.kind != DURA_REC_INCIDENT)
            continue;
        dt_eq(dura_record_json(&rec, NULL, NULL, &want), DURA_ENOSPC, "");
        dt_eq(dura_record_json(&rec, NULL, line, &n), DURA_OK, "");
        dt_eq(want, n + 1, "the room asked for is the room used");
        dt_eq(strlen(line), n, "");
        int rc = dura_json_parse(line, n, "record", &d, &err);
        dt_ok(rc == DURA_OK, "one member of each name: %s %s", err.field, err.text);
        dt_str(words(d, "kind"), "incident", "");
        dt_str(words(d, "state"), seen == 0 ? "opened" : words(d, "state"), "");
        dt_eq(number(d, "boot"), 1, "the head's");
        dt_eq(number(d, "gseq"), (long long)rec.gseq, "");
        dt_ok(count(d, "evidence") >= 1 && count(d, "totals") == DURA_CAUSES, "");
        dt_str(words(d, "evidence[0].channel"), "channel0", "without names");
        dura_json_deinit(d);
        seen++;
    }
    dura_records_close(r);
    dt_ok(seen >= 2, "%u records", (unsigned)seen);
    sweep();
}

/* A record of this kind with one pair that is not an incident. */
DT_TEST(record_json, shows_the_keys_of_an_incident_it_cannot_read)
{
    uint8_t buf[128];
    char line[512];
    size_t n = sizeof line;
    durai_cbor c;
    dura_record r;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    durai_cbor_init(&c, buf, sizeof buf);
    durai_cbor_map(&c, 9);
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kuint(&c, 2, 2);
    durai_cbor_kuint(&c, 3, 5);
    durai_cbor_kuint(&c, 4, 9);
    durai_cbor_kuint(&c, 5, 1);
    durai_cbor_kuint(&c, 6, 77);
    durai_cbor_kuint(&c, 11, DURA_REC_INCIDENT);
    durai_cbor_kuint(&c, 16, 4);
    durai_cbor_kuint(&c, 17, 99);
    dt_eq(dura_record_decode(buf, c.len, &r), DURA_OK, "");
    dt_eq(dura_record_json(&r, NULL, line, &n), DURA_OK, "");
    dt_ok(strstr(line, "\"kind\":\"incident\"") && strstr(line, "\"16\":4") && strstr(line, "\"17\":99"), "%s", line);
}
