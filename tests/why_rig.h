/* SPDX-License-Identifier: Apache-2.0 */
/* A run folder made in a temporary folder, its time and every value chosen by the test:
 * what the tests of `why`, of the exports and of the people's door begin with. */
#ifndef WHY_RIG_H
#define WHY_RIG_H

#include "dt.h"

#include <dura/dura.h>
#include <dura/host/events.h>
#include <dura/host/json.h>
#include <dura/host/session.h>
#include <dura/host/verify.h>

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define RIG_START 1700000000           /* seconds since 1970 of frame 0, which is at 1 s */

static char rig_dir[256];
static uint64_t rig_frame, rig_seed;

static int rig_drop(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    (void)type;
    (void)f;
    return remove(path);
}

static inline void rig_sweep(void) { (void)nftw(rig_dir, rig_drop, 16, FTW_DEPTH | FTW_PHYS); }

/* rig_dir/name; sixteen may be in use at a time. */
static inline const char *rig_in(const char *name)
{
    static char path[16][512];
    static int turn;
    turn = (turn + 1) % 16;
    snprintf(path[turn], sizeof path[0], "%s/%s", rig_dir, name);
    return path[turn];
}

static inline void rig_put(const char *name, const char *text)
{
    FILE *f = fopen(rig_in(name), "w");
    dt_ok(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, "%s", name);
}

static inline char *rig_get(const char *name)
{
    static char text[1 << 20];
    FILE *f = fopen(rig_in(name), "r");
    dt_ok(f != NULL, "%s", name);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

static inline int rig_has(const char *name) { return access(rig_in(name), F_OK) == 0; }

/* %s stand for: drift and correlate sections, in front of the end. */
#define RIG_POLICY(more)                                                                                       \
    "{\"device\": {\"name\": \"press\", \"asset\": 7, \"zone\": 2},\n"                                         \
    " \"channels\": [{\"name\": \"a\", \"unit\": \"bar\", \"fail_lo\": -100, \"fail_hi\": 100, \"suspect_hi\": 90,\n" \
    "   \"suspect_ok\": true, \"rate_fail\": 400, \"flat_tolerance\": 0.01, \"flat_fail_ms\": 3000},\n"        \
    "  {\"name\": \"b\", \"fail_lo\": -100, \"fail_hi\": 100},\n"                                              \
    "  {\"name\": \"c\", \"fail_lo\": -100, \"fail_hi\": 100, \"required\": false}],\n"                        \
    " \"outputs\": [{\"name\": \"y\", \"unit\": \"mm\", \"lo\": -20, \"hi\": 20, \"safe\": 0},\n"              \
    "  {\"name\": \"b\", \"lo\": -900, \"hi\": 900, \"safe\": 1}],\n"                                          \
    " \"model\": {\"inputs\": [\"a\", \"b\"]},\n"                                                              \
    " \"logs\": {\"seal_records\": 64, \"commit_records\": 16}" more "}"
#define RIG_WATCHED                                                                                            \
    ",\n \"drift\": {\"arl0\": 100000, \"references\": [{\"of\": \"a\", \"n\": 5000, \"mean\": 0.5, \"deviation\": 1},\n" \
    "   {\"of\": \"c\", \"n\": 5000, \"mean\": 0, \"deviation\": 1}]},\n"                                       \
    " \"correlate\": {\"window_ms\": 20000, \"quiet_ms\": 10000}"
#define RIG_MODEL                                                                                              \
    "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"b\"],\n"                                  \
    " \"outputs\": [{\"name\": \"y\", \"bias\": 1, \"weights\": [2, -0.5]}, {\"name\": \"b\", \"bias\": 0, \"weights\": [0, 1]}]}"

static inline void rig_setup(const char *policy)
{
    snprintf(rig_dir, sizeof rig_dir, "/tmp/dura_why_XXXXXX");
    dt_ok(mkdtemp(rig_dir) != NULL, "mkdtemp");
    rig_put("policy.json", policy);
    rig_put("model.json", RIG_MODEL);
    rig_frame = 0;
    rig_seed = 5;
}

static inline dura_session *rig_begin_as(const char *out, const dura_fn *call)
{
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_session *s;
    dura_error err = {0};
    o.policy = rig_in("policy.json");
    o.model = call ? NULL : rig_in("model.json");
    o.call = call;
    o.call_id = call ? "hand made, version 1" : NULL;
    o.state = rig_in("state");
    o.out = rig_in(out);
    int rc = dura_session_open(&s, &o, &err);
    dt_ok(rc == DURA_OK, "%s: %s: %s", err.file, err.field, err.text);
    return s;
}

static inline dura_session *rig_begin(const char *out) { return rig_begin_as(out, NULL); }

static inline dura_time rig_now(void)
{
    dura_time t = {0};
    t.mono_ns = (int64_t)(rig_frame + 1) * 1000000000;
    t.wall_ns = t.mono_ns + (int64_t)RIG_START * 1000000000;
    t.quality = DURA_CLOCK_SYNCED;
    t.wall_err_us = 1000;
    return t;
}

/* The next frame, a second after the one before. */
static inline void rig_step(dura_session *s, float a, float b, float c)
{
    dura_error err = {0};
    float v[3] = {a, b, c};
    dura_frame f = DURA_FRAME_INIT;
    dura_decision d = DURA_DECISION_INIT;
    f.frame = rig_frame;
    f.n = 3;
    f.time = rig_now();
    f.values = v;
    int rc = dura_session_step(s, &f, &d, &err);
    dt_ok(rc == DURA_OK, "%s: %s", err.field, err.text);
    rig_frame++;
}

/* Roughly normal noise from whole numbers: the same everywhere. */
static inline float rig_noise(void)
{
    int32_t sum = 0;
    for (int i = 0; i < 12; i++) {
        rig_seed = rig_seed * 6364136223846793005u + 1442695040888963407u;
        sum += (int32_t)(rig_seed >> 48);
    }
    return (float)(sum - 6 * 65535) / 65536.0f;
}

/* n quiet frames. */
static inline void rig_calm(dura_session *s, int n)
{
    for (int i = 0; i < n; i++)
        rig_step(s, 0.5f + rig_noise(), rig_noise(), rig_noise());
}

static inline void rig_event(dura_session *s, const char *category, const char *type, uint8_t severity, const char *actor)
{
    uint8_t pairs[DURA_EVENT_BYTES_MAX];
    uint16_t n;
    dura_error err = {0};
    dura_events_row row = DURA_EVENTS_ROW_INIT;
    dura_time t = rig_now();
    row.event = (dura_event)DURA_EVENT_INIT;
    row.event.severity = severity;
    row.event.trust = DURA_TRUST_SOURCE;
    row.event.asset = 7;
    row.category = category;
    row.type = type;
    row.actor = actor;
    row.id = row.result = row.peer = row.detail = "";
    int len = dura_event_encode(&row, pairs, sizeof pairs, &n);
    dt_ok(len > 0, "%s", dura_strerror(len));
    int rc = dura_session_event(s, pairs, (size_t)len, n, &t, &err);
    dt_ok(rc == DURA_OK, "%s", err.text);
}

static inline void rig_close(dura_session *s)
{
    dura_error err = {0};
    dt_ok(dura_session_close(s, &err) == DURA_OK, "%s: %s", err.file, err.text);
}

/* The word verify has for a run of this rig. */
static inline int rig_word(const char *out)
{
    dura_verify_options o = DURA_VERIFY_OPTIONS_INIT;
    dura_verify_report r = {0};
    dura_error err = {0};
    char state[512];
    snprintf(state, sizeof state, "%s", rig_in("state"));
    o.state_dir = state;
    r.struct_size = sizeof r;
    dt_ok(dura_verify_folder(rig_in(out), &o, &r, &err) == DURA_OK, "%s: %s", err.file, err.text);
    return r.word;
}

/* ---- JSON by path: "measured.1.broke.0.by" ------------------------------------------------- */

static inline uint32_t rig_at(const dura_json *doc, const char *path)
{
    uint32_t v = DURA_JSON_ROOT;
    char step[64];
    while (*path && v != DURA_JSON_NONE) {
        size_t n = strcspn(path, ".");
        snprintf(step, sizeof step, "%.*s", (int)n, path);
        if (dura_json_type(doc, v) == DURA_JSON_ARRAY) {
            int i = atoi(step);
            for (v = dura_json_first(doc, v); i > 0 && v != DURA_JSON_NONE; i--)
                v = dura_json_next(doc, v);
        } else {
            v = dura_json_member(doc, v, step);
        }
        path += n + (path[n] == '.');
    }
    return v;
}

static inline double rig_number(const dura_json *doc, const char *path)
{
    double d = 0;
    dura_error err = {0};
    dt_ok(dura_json_get_f64(doc, rig_at(doc, path), &d, &err) == DURA_OK, "%s: %s", path, err.text);
    return d;
}

static inline const char *rig_text(const dura_json *doc, const char *path)
{
    const char *t = "";
    dura_error err = {0};
    dt_ok(dura_json_get_text(doc, rig_at(doc, path), 0, 4096, &t, &err) == DURA_OK, "%s: %s", path, err.text);
    return t;
}

static inline int rig_null(const dura_json *doc, const char *path)
{
    return dura_json_type(doc, rig_at(doc, path)) == DURA_JSON_NULL;
}

static inline int rig_true(const dura_json *doc, const char *path)
{
    int b = 0;
    dura_error err = {0};
    dt_ok(dura_json_get_bool(doc, rig_at(doc, path), &b, &err) == DURA_OK, "%s: %s", path, err.text);
    return b;
}

/* Two doubles, to a part in 100,000. */
static inline int rig_near(double a, double b)
{
    double d = a - b, size = (a < 0 ? -a : a) + 1e-9;
    return (d < 0 ? -d : d) <= size * 1e-5;
}

#endif
