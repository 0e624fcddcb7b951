/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard's watch has beside the mixture: charts, T2 and SPE that name whose doing it is,
 * histograms. Policies are learned here from clean noise, then one thing is changed.
 */
#include "noise.h"
#include "temp_dir.h"

#include <dura/dura.h>
#include <dura/host/histogram.h>
#include <dura/host/incident.h>
#include <dura/host/mspc.h>
#include <dura/host/pack.h>
#include <dura/host/record.h>
#include <dura/host/session.h>
#include <dura/host/watch.h>

#include <stdarg.h>

#include "../src/base/dura_base_priv.h"
#include "sim/dt_box.h"

enum { CHANNELS = 5, ROWS = 3000, FACTS = 256 };

static uint64_t frame;
static char text[32768];

typedef struct world {
    int moved;                   /* channel that is moved; -1: none */
    float by;
    int torn;                    /* channel 4 has two states, of the same mean and deviation */
} world;

/* Channels 0 to 3 follow one cause; 4 is by itself. */
static void row(float v[CHANNELS], const world *w)
{
    float cause = noise();
    for (int i = 0; i < 4; i++)
        v[i] = (float)(10 * i) + 2.0f * cause + 0.5f * noise();
    v[4] = noise();
    if (w->torn)
        v[4] = (v[4] < 0.0f ? -0.95f : 0.95f) + 0.3f * noise();
    if (w->moved >= 0)
        v[w->moved] += w->by;
}

static void say(const char *fmt, ...)
{
    va_list ap;
    size_t at = strlen(text);
    va_start(ap, fmt);
    vsnprintf(text + at, sizeof text - at, fmt, ap);
    va_end(ap);
    dt_ok(strlen(text) + 1 < sizeof text, "");
}

static void say_reference(const char *of, const float *x, const char *before)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    dt_eq(dura_drift_learn(&r, x, NULL, ROWS, 4), DURA_OK, "");
    say("%s{\"of\": \"%s\", \"n\": %u, \"mean\": %.9g, \"deviation\": %.9g, \"phi1\": %.9g, \"phi2\": %.9g, \"phi3\": %.9g, \"phi4\": %.9g}",
        before, of, (unsigned)r.n, (double)r.mean, (double)r.deviation, (double)r.phi[0], (double)r.phi[1], (double)r.phi[2],
        (double)r.phi[3]);
}

static void say_numbers(const char *name, const float *v, size_t n)
{
    say(", \"%s\": [", name);
    for (size_t i = 0; i < n; i++)
        say("%s%.9g", i ? "," : "", (double)v[i]);
    say("]");
}

/* Behind the first members of the histogram of channel 4. */
static void say_shapes(const dura_mspc_learned *m, const dura_histogram_reference *h)
{
    if (!m)
        return;
    say_numbers("edges", h->edge, h->n_bins - 1u);
    say_numbers("p", h->p, h->n_bins);
    say("}],\n\"mspc\": {\"n\": %u, \"newest\": 0.1, \"components\": %u, \"inputs\": [\"a\", \"b\", \"c\", \"d\"]", (unsigned)m->rows,
        (unsigned)m->basis.n_components);
    say_numbers("values", m->basis.values, m->basis.n_values);
    say("}}}");
}

/* A policy with everything, learned from clean rows; of charts with channel 4 alone, as each limit
 * takes its time. */
static void learn(const char *detector, const char *more)
{
    static float rows[ROWS][CHANNELS], column[CHANNELS][ROWS], together[ROWS][4];
    static const char *const name[CHANNELS] = {"a", "b", "c", "d", "e"};
    const world clean = {-1, 0.0f, 0};
    dura_mspc_learned m = DURA_MSPC_LEARNED_INIT;
    dura_histogram_reference h = DURA_HISTOGRAM_REFERENCE_INIT;
    dura_error err = {0};
    seed = 11;
    for (int i = 0; i < ROWS; i++) {
        row(rows[i], &clean);
        memcpy(together[i], rows[i], sizeof together[i]);
        for (int c = 0; c < CHANNELS; c++)
            column[c][i] = rows[i][c];
    }
    dt_eq(dura_mspc_learn(&m, &together[0][0], ROWS, 4, NULL, &err), DURA_OK, "%s", err.text);
    dt_eq(dura_histogram_learn(&h, column[4], NULL, ROWS, 8, &err), DURA_OK, "%s", err.text);
    text[0] = 0;
    say("{\"device\": {\"name\": \"mill\", \"asset\": 7, \"zone\": 2}, \"channels\": [");
    for (int c = 0; c < CHANNELS; c++)
        say("%s{\"name\": \"%s\", \"fail_lo\": -1000, \"fail_hi\": 1000}", c ? "," : "", name[c]);
    say("], \"outputs\": [{\"name\": \"y\", \"lo\": -50, \"hi\": 50, \"safe\": 0}],\n"
        "\"logs\": {\"seal_records\": 64, \"commit_records\": 16}, \"correlate\": {\"window_ms\": 30000, \"quiet_ms\": 10000},\n"
        "\"drift\": {\"arl0\": 100000%s%s, \"references\": [", detector, more);
    for (int c = *detector ? 4 : 0; c < CHANNELS; c++)
        say_reference(name[c], column[c], c && !*detector ? ",\n" : "\n");
    if (!*detector) {
        say_reference("mspc.t2", m.t2, ",\n");
        say_reference("mspc.spe", m.spe, ",\n");
    }
    say("]%s", *detector ? "}}" : "");
    if (!*detector)
        say(",\n\"histograms\": [{\"of\": \"e\", \"n\": %u, \"whitened\": false", (unsigned)h.n);
    say_shapes(*detector ? NULL : &m, &h);
    dura_mspc_learned_deinit(&m);
    make_dir("shape");
    put("policy.json", text);
    put("model.json", "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"b\", \"c\", \"d\", \"e\"], \"outputs\":"
                      " [{\"name\": \"y\", \"bias\": 1, \"weights\": [0.1, 0, 0, 0, 0]}]}");
    frame = 0;
}

static dura_session *begin(void)
{
    static char p[4][512];
    dura_session_options o = DURA_SESSION_OPTIONS_INIT;
    dura_session *s;
    dura_error err = {0};
    snprintf(p[0], 512, "%s", in("policy.json"));
    snprintf(p[1], 512, "%s", in("model.json"));
    snprintf(p[2], 512, "%s", in("state"));
    snprintf(p[3], 512, "%s", in("run"));
    o.policy = p[0];
    o.model = p[1];
    o.state = p[2];
    o.out = p[3];
    int rc = dura_session_open(&s, &o, &err);
    dt_ok(rc == DURA_OK, "%s: %s: %s", err.file, err.field, err.text);
    return s;
}

static void run(dura_session *s, int n, world w)
{
    dura_error err = {0};
    for (int i = 0; i < n; i++, frame++) {
        float v[CHANNELS];
        dura_frame f = DURA_FRAME_INIT;
        dura_decision d = DURA_DECISION_INIT;
        row(v, &w);
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

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct found {
    uint16_t thing;
    uint32_t reasons;
    int64_t v[4];
} found;

static found live[FACTS], again[FACTS];
static size_t n_live, n_again;
static int retrains;
static char blamed[3][16];       /* by the last alarm of T2 or SPE */
static uint64_t retrain_directions; /* bit of each that the last request names */

static void read_retrain(const dura_record *r)
{
    durai_item it, field;
    durai_cbor_in at;
    retrain_directions = 0;
    dt_eq(durai_cbor_find(r->cbor, r->len, 18, &it, &at), DURA_OK, "");
    for (uint64_t i = 0; i < it.v; i++)
        for (int k = -1; k < 6; k++) {
            dt_eq(durai_cbor_next(&at, &field), DURA_OK, "");
            if (k == 1)
                retrain_directions |= (uint64_t)1 << field.v;
        }
}

static void read_alarm(const dura_record *r)
{
    uint64_t kind = 0, thing = 0, reasons = 0;
    durai_item it, one;
    durai_cbor_in at;
    (void)!dura_record_uint(r, 16, &kind);
    if (kind != DURA_FACT_DRIFT)
        return;
    (void)!dura_record_uint(r, 18, &thing);
    (void)!dura_record_uint(r, 24, &reasons);
    found *a = &live[n_live++];
    memset(a, 0, sizeof *a);
    a->thing = (uint16_t)thing;
    a->reasons = (uint32_t)reasons;
    dt_eq(durai_cbor_find(r->cbor, r->len, 26, &it, &at), DURA_OK, "");
    for (uint64_t i = 0; i < it.v && i < 4 && durai_cbor_next(&at, &one) == DURA_OK; i++)
        a->v[i] = (int64_t)one.v;
}

static void read_run(void)
{
    dura_error err = {0};
    dura_records *all;
    dura_record r;
    dura_watch *w;
    void *image;
    size_t len;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    n_live = n_again = 0;
    retrains = 0;
    memset(blamed, 0, sizeof blamed);
    dt_eq(dura_pack_json(text, strlen(text), "p.json", &image, &len, NULL, &err), DURA_OK, "%s: %s", err.field, err.text);
    dt_eq(dura_watch_open(&w, image, len, &err), DURA_OK, "%s", err.text);
    dt_eq(dura_records_open(&all, in("run"), 0, &err), DURA_OK, "%s", err.text);
    while (dura_records_next(all, &r, &err) == 1) {
        dura_fact f;
        if (r.kind == DURA_REC_FACT)
            read_alarm(&r);
        if (r.kind == DURA_REC_RETRAIN) {
            retrains++;
            read_retrain(&r);
        }
        dt_ok(dura_watch_record(w, &r) >= 0, "");
        while (dura_watch_fact(w, &f) == 1) {
            const char *name;
            if (f.kind != DURA_FACT_DRIFT)
                continue;
            found *a = &again[n_again++];
            memset(a, 0, sizeof *a);
            a->thing = f.channel;
            a->reasons = f.reasons;
            memcpy(a->v, f.value, sizeof a->v);
            for (uint32_t k = 0; f.value[0] && k < 3 && dura_watch_blamed(w, f.reasons, k, &name) == DURA_OK; k++)
                snprintf(blamed[k], sizeof blamed[k], "%.15s", name);
        }
    }
    dt_ok(err.text[0] == 0, "%s", err.text);
    dt_eq(n_live, n_again, "live and later");
    dt_mem(live, again, n_live * sizeof live[0]);
    dura_records_close(all);
    dura_watch_close(w);
    dura_pack_deinit(image);
}

static const found *first_of(uint16_t thing, uint32_t detector)
{
    for (size_t i = 0; i < n_live; i++)
        if (live[i].thing == thing && (live[i].reasons >> DURA_DRIFT_DETECTOR_AT & 7u) == detector && live[i].v[0])
            return &live[i];
    return NULL;
}

static void finish(dura_session *s)
{
    dura_error err = {0};
    dt_ok(dura_session_close(s, &err) == DURA_OK, "%s: %s", err.file, err.text);
    read_run();
    sweep();
}

enum { T2 = CHANNELS + 1, SPE = CHANNELS + 2 };

/* ---- T2 and SPE ----------------------------------------------------------------------------- */

DT_TEST(guard_shape, names_the_channel_that_left_the_others)
{
    /* 1.5 is 0.73 deviations of the channel, 3 of what the others leave open. */
    for (int c = 1; c < 4; c += 2) {
        learn("", "");
        dura_session *s = begin();
        run(s, 400, (world){-1, 0.0f, 0});
        run(s, 60, (world){c, 1.5f, 0});
        size_t n;
        char *incidents = NULL;
        dura_error err = {0};
        dt_eq(dura_session_close(s, &err), DURA_OK, "%s", err.text);
        read_run();
        const found *a = first_of(SPE, DURA_DRIFT_MIXTURE);
        dt_ok(a != NULL && a->v[0] == DURA_DRIFT_UP && a->v[2] <= 30 && a->v[3] >= 1000, "channel %d", c);
        dt_eq(blamed[0][0], 'a' + c, "first of %s, %s, %s", blamed[0], blamed[1], blamed[2]);
        dt_ok(blamed[1][0] && blamed[2][0] && strcmp(blamed[1], blamed[2]) != 0, "three are named");
        dt_eq(dura_incidents_json(in("run"), 0, &incidents, &n, NULL, &err), DURA_OK, "%s", err.text);
        if (n > 2) {
            char who[16];
            snprintf(who, sizeof who, "\"%c\"", 'a' + c);
            dt_ok(strstr(incidents, who) != NULL, "%s in %s", who, incidents);
        }
        free(incidents);
        sweep();
    }
}

DT_TEST(guard_shape, is_quiet_while_nothing_changes)
{
    learn("", "");
    dura_session *s = begin();
    run(s, 1000, (world){-1, 0.0f, 0});
    finish(s);
    dt_eq(n_live, 0, "");
}

/* ---- histograms ------------------------------------------------------------------------------- */

DT_TEST(guard_shape, sees_a_shape_that_mean_and_spread_do_not_show)
{
    learn("", ", \"confirm\": 200");
    dura_session *s = begin();
    run(s, 300, (world){-1, 0.0f, 0});
    run(s, 600, (world){-1, 0.0f, 1});
    run(s, 1800, (world){-1, 0.0f, 0});
    finish(s);
    const found *a = first_of(4, DURA_DRIFT_HISTOGRAM);
    dt_ok(a != NULL && a->v[0] == DURA_HISTOGRAM_SHAPE && a->v[1] > 100 && a->v[3] >= 1000 && a->reasons >> 16, "");
    dt_eq(retrains, 1, "");
    dt_ok(retrain_directions >> DURA_HISTOGRAM_SHAPE & 1, "%llx", (unsigned long long)retrain_directions);
    int back = 0;
    for (size_t i = 0; i < n_live; i++)
        back += live[i].thing == 4 && live[i].v[0] == DURA_HISTOGRAM_BACK &&
                (live[i].reasons >> DURA_DRIFT_DETECTOR_AT & 7u) == DURA_DRIFT_HISTOGRAM;
    dt_eq(back, 1, "");
}

/* ---- charts ----------------------------------------------------------------------------------- */

DT_TEST(guard_shape, finds_with_the_chart_that_is_asked_for)
{
    static const struct { const char *word; uint32_t detector; } rows[] = {
        {", \"detector\": \"cusum\", \"shift\": 1", DURA_DRIFT_CUSUM},
        {", \"detector\": \"ramp\", \"shift\": 0.01", DURA_DRIFT_RAMP}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        learn(rows[i].word, "");
        dura_session *s = begin();
        run(s, 300, (world){-1, 0.0f, 0});
        run(s, 200, (world){4, 1.0f, 0});
        finish(s);
        const found *a = first_of(4, rows[i].detector);
        dt_ok(a != NULL && a->v[0] == DURA_DRIFT_UP && a->v[3] >= 1000, "%s", rows[i].word);
        dt_ok(first_of(4, DURA_DRIFT_MIXTURE) == NULL, "%s", rows[i].word);
    }
}

/* ---- parts that are not there ------------------------------------------------------------------ */

static uint64_t flash_mem[DT_BOX_FLASH(16) / 8];
static uint64_t guard_mem[DT_BOX_GUARD / 8];
static dt_box box;

static int boot_without(const dt_spec *s, const void **part)
{
    dt_box_init(&box, s, flash_mem, 16, guard_mem);
    if (part)
        *part = NULL;
    return dt_box_boot(&box);
}

DT_TEST(guard_shape, refuses_a_policy_whose_part_is_not_linked)
{
    dt_spec s;
    dt_spec_init(&s);
    s.arl0 = 1e5f;
    s.ref = 50.0f;
    s.shapes = 1;
    dt_eq(boot_without(&s, NULL), DURA_OK, "");
    dt_eq(boot_without(&s, (const void **)(void *)&box.port.mspc), DURA_ENOTSUP, "T2 and SPE");
    dt_eq(boot_without(&s, (const void **)(void *)&box.port.histogram), DURA_ENOTSUP, "histograms");
    s.shapes = 0;
    s.detector = DURA_DRIFT_EWMA;
    s.shift = 0.1f;
    s.limit = 1.0f;
    dt_eq(boot_without(&s, (const void **)(void *)&box.port.drift), DURA_OK, "charts alone");
    dt_eq(boot_without(&s, (const void **)(void *)&box.port.chart), DURA_ENOTSUP, "charts");
    s.selftest = 64;
    dt_eq(boot_without(&s, NULL), DURA_ENOTSUP, "charts have no self-test, and no heartbeat says so");
}
