/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drills with a known answer. The recordings are made here from a seed: white noise of
 * deviation 1 around 0, a second a row, so that what each injection must look like and
 * when each check must speak follows from docs/sensor.md and docs/drift.md, not from the
 * code under test. The injections themselves are looked at sample by sample.
 */
#include "dt.h"

#include "../src/host/dura_host_drill_priv.h"

#include <dura/host/json.h>
#include <dura/host/pack.h>
#include <math.h>
#include <unistd.h>

enum { ROWS = 1200, N = 3 };

/* ---- files ------------------------------------------------------------------------------ */

static const char *path(const char *end)
{
    static char text[8][80];
    static int at;
    at = (at + 1) % 8;
    snprintf(text[at], sizeof text[at], "/tmp/dura_drill_%d.%s", (int)getpid(), end);
    return text[at];
}

static void put(const char *end, const char *text)
{
    FILE *f = fopen(path(end), "w");
    dt_ok(f && fputs(text, f) >= 0 && fclose(f) == 0, "cannot write %s", end);
}

static void sweep(void)
{
    static const char *const ends[] = {"csv", "policy", "model", "bin"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        (void)remove(path(ends[i]));
}

static uint64_t chance;

/* Roughly normal noise from whole numbers: the same everywhere. */
static double noise(void)
{
    int32_t sum = 0;
    for (int i = 0; i < 12; i++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        sum += (int32_t)(chance >> 48);
    }
    return (double)(sum - 6 * 65535) / 65536.0;
}

/* ROWS rows of a, b, c; c is what `c` says from row `from` on: a text, or NULL for noise. */
static void record(int rows, int from, const char *c)
{
    FILE *f = fopen(path("csv"), "w");
    dt_ok(f != NULL, "cannot write");
    fprintf(f, "time,a,b,c\n");
    chance = 11;
    for (int i = 0; i < rows; i++) {
        double x = noise(), y = noise(), z = noise();
        fprintf(f, "%d,%.3f,%.3f,", 1000 + i, x, y);
        if (c && i >= from)
            fprintf(f, "%s\n", c);
        else
            fprintf(f, "%.3f\n", z);
    }
    fclose(f);
}

#define CHANNELS(a) "\"channels\": [{\"name\": \"a\", \"fail_lo\": -100, \"fail_hi\": 100" a "},\n" \
    " {\"name\": \"b\", \"fail_lo\": -100, \"fail_hi\": 100}, {\"name\": \"c\", \"fail_lo\": -100, \"fail_hi\": 100}],\n"
#define OUTPUTS "\"outputs\": [{\"name\": \"y\", \"lo\": -50, \"hi\": 50, \"safe\": 0}]"
#define REFERENCES "\"drift\": {\"arl0\": 100000, \"references\": [\n" \
    " {\"of\": \"a\", \"n\": 5000, \"mean\": 0, \"deviation\": 1}, {\"of\": \"b\", \"n\": 5000, \"mean\": 0, \"deviation\": 1},\n" \
    " {\"of\": \"c\", \"n\": 5000, \"mean\": 0, \"deviation\": 1}]}"
#define FLAT ", \"flat_fail_ms\": 5000, \"flat_tolerance\": 0.0005"

static const char watched[] = "{\"device\": {\"name\": \"bench\"}, " CHANNELS(FLAT) OUTPUTS ",\n"
    "\"model\": {\"inputs\": [\"a\", \"b\"]}, " REFERENCES ", \"correlate\": {\"quiet_ms\": 20000}}";
static const char bare[] = "{\"device\": {\"name\": \"bench\"}, " CHANNELS(FLAT) OUTPUTS ",\n"
    "\"model\": {\"inputs\": [\"a\", \"b\"]}}";
static const char model[] = "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"b\"],\n"
    " \"outputs\": [{\"name\": \"y\", \"bias\": 1, \"weights\": [0.25, 0.5]}]}";

static dura_drill_options options(void)
{
    static char p[80], m[80], f[80];
    dura_drill_options o = DURA_DRILL_OPTIONS_INIT;
    snprintf(p, sizeof p, "%s", path("policy"));
    snprintf(m, sizeof m, "%s", path("model"));
    snprintf(f, sizeof f, "%s", path("csv"));
    o.policy = p;
    o.model = m;
    o.frames = f;
    return o;
}

static dura_drill *begin(const char *policy, const dura_drill_options *o)
{
    dura_drill *d;
    dura_error err = {0};
    put("policy", policy);
    put("model", model);
    int rc = dura_drill_open(&d, o, &err);
    dt_ok(rc == DURA_OK, "%d: %.60s %.30s: %.90s", rc, err.file, err.field, err.text);
    return d;
}

/* The entry of this kind and size; the drill goes on behind it. */
static dura_drill_entry find(dura_drill *d, uint8_t kind, double size, const char *channel)
{
    dura_drill_entry e = DURA_DRILL_ENTRY_INIT;
    dura_error err = {0};
    int rc;
    while ((rc = dura_drill_next(d, &e, &err)) == 1)
        if (e.kind == kind && fabs(e.size - size) < 1e-9 && strcmp(e.name, channel) == 0)
            return e;
    dt_fail("no entry %s %g on %s: %d", dura_drill_kind(kind), size, channel, rc);
    return e;
}

static dura_drill_report figures(const dura_drill *d)
{
    dura_drill_report r = DURA_DRILL_REPORT_INIT;
    dt_eq(dura_drill_query(d, &r), DURA_OK, "query");
    return r;
}

/* ---- what is found --------------------------------------------------------------------------- */

DT_TEST(host_drill_next, finds_what_must_be_found_and_says_when)
{
    dura_drill_options o = options();
    record(ROWS, 0, NULL);
    dura_drill *d = begin(watched, &o);
    for (uint16_t c = 0; c < N; c++) {
        const char *name = c == 0 ? "a" : c == 1 ? "b" : "c";
        dura_drill_entry e = find(d, DURA_DRILL_STUCK, 0.0, name);
        if (c == 0) {
            /* five seconds after the last sample that moved, which is a row before the first stuck one */
            dt_eq(e.by[DURA_DRILL_BY_FLAT], 3, "stuck");
            dt_eq(e.delay_median, 4, "stuck");
            dt_eq(e.delay_max, 4, "stuck");
            dt_ok(fabs(e.delay_s_median - 4.0) < 1e-9, "stuck: %g s", e.delay_s_median);
            dt_eq(e.action, DURA_FALLBACK, "stuck");
            dt_eq(e.verdict[DURA_CAUSE_FAULT], 3, "stuck");
        } else {
            dt_eq(e.by[DURA_DRILL_BY_FLAT], 0, "%s has no flat-line check", name);
        }
        e = find(d, DURA_DRILL_DROPOUT, 0.0, name);
        dt_eq(e.by[DURA_DRILL_BY_MISSING], 3, "dropout %s", name);
        dt_eq(e.delay_max, 0, "dropout %s", name);
        dt_ok(e.moved <= 0.0, "dropout %s: what follows a catch is no move", name);
        dt_eq(e.starts, 3, "dropout %s", name);
        e = find(d, DURA_DRILL_BIAS, 4.0, name);
        dt_eq(e.by[DURA_DRILL_BY_DRIFT], 3, "bias %s", name);
        dt_ok(e.delay_max > 0 && e.delay_max < 40, "bias %s: %d frames", name, (int)e.delay_max);
        double moved = c == 0 ? 0.01 : c == 1 ? 0.02 : 0.0; /* weight x 4 over 100 */
        dt_ok(fabs(e.moved - moved) < 0.003, "bias %s moved the answer by %g", name, e.moved);
        e = find(d, DURA_DRILL_DRIFT, 4.0, name);
        dt_eq(e.by[DURA_DRILL_BY_DRIFT], 3, "drift %s", name);
        dt_eq(find(d, DURA_DRILL_NOISE, 5.0, name).by[DURA_DRILL_BY_DRIFT], 3, "noise %s", name);
        e = find(d, DURA_DRILL_REPLAY, 0.0, name);
        dt_eq(e.caught, 0, "replay %s", name);
        dt_eq(e.starts, 3, "replay %s", name);
        dt_eq(e.action, DURA_ACT, "replay %s", name);
        dt_eq(find(d, DURA_DRILL_NAN, 0.0, name).by[DURA_DRILL_BY_NONFINITE], 3, "nan %s", name);
        e = find(d, DURA_DRILL_INF, 0.0, name);
        dt_eq(e.by[DURA_DRILL_BY_NONFINITE], 3, "inf %s", name);
        dt_eq(e.delay_max, 0, "inf %s", name);
        dt_eq(find(d, DURA_DRILL_UNIT, 0.0, name).by[DURA_DRILL_BY_DRIFT], 3, "unit %s", name);
    }
    dura_drill_entry e = find(d, DURA_DRILL_REPLAY_ALL, 0.0, "*");
    dt_eq(e.channel, DURA_NONE, "replay_all");
    dt_eq(e.starts, 3, "replay_all");
    dt_eq(e.caught, 0, "replay_all");
    static const uint8_t stamps[] = {DURA_DRILL_TIME_REVERSED, DURA_DRILL_TIME_DUPLICATE};
    for (size_t i = 0; i < sizeof stamps; i++) {
        e = find(d, stamps[i], 0.0, "*");
        dt_eq(e.by[DURA_DRILL_BY_TIME], 3, "%s", dura_drill_kind(stamps[i]));
        dt_eq(e.delay_max, 0, "%s", dura_drill_kind(stamps[i]));
        dt_eq(e.action, DURA_FALLBACK, "%s", dura_drill_kind(stamps[i]));
    }
    e = find(d, DURA_DRILL_TIME_GAP, 0.0, "*");
    dt_eq(e.starts, 3, "the policy names no gap_ms, so %u of 3", e.caught);
    dt_eq(dura_drill_next(d, &e, NULL), 0, "the end");
    dura_drill_report r = figures(d);
    dt_eq(r.entries, 3 * 22 + 4, "all were drilled");
    dt_eq(r.total[DURA_DRILL_BIAS], 36, "four sizes, three channels, three places");
    dt_eq(r.caught[DURA_DRILL_DROPOUT], 9, "dropouts");
    dura_drill_close(d);
    sweep();
}

/* The recording with the drill's injection at its first start written into channel c. */
static void record_injected(const dura_drill *d, uint16_t c, uint64_t n)
{
    FILE *f = fopen(path("csv"), "w");
    dt_ok(f != NULL, "cannot write");
    fprintf(f, "time,a,b,c\n");
    for (uint64_t row = 0; row < d->data.rows; row++) {
        uint64_t k = row - d->report.start_row[0];
        fprintf(f, "%d", 1000 + (int)row);
        for (uint16_t i = 0; i < N; i++)
            fprintf(f, ",%.9g", (double)(i == c && row >= d->report.start_row[0] && k < n ? d->value[d->wide ? k * N + c : k]
                                                                                        : d->data.value[row * N + i]));
        fprintf(f, "\n");
    }
    fclose(f);
}

/* A guard put back to a state is that guard: an injected recording that is run from its
 * first row says the same in the same row. */
DT_TEST(host_drill_next, finds_what_a_whole_run_over_the_injected_recording_finds)
{
    static const struct { uint8_t kind; double size; } rows[] = {
        {DURA_DRILL_BIAS, 1.0}, {DURA_DRILL_BIAS, 4.0}, {DURA_DRILL_DRIFT, 2.0}, {DURA_DRILL_NOISE, 5.0}, {DURA_DRILL_STUCK, 0.0},
    };
    dura_drill_options o = options();
    o.starts = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        record(ROWS, 0, NULL);
        dura_drill *d = begin(watched, &o);
        drill_task t = {rows[i].kind, 1, rows[i].size};
        uint64_t first = d->report.start_row[0], row = first;
        dura_drill_entry e = find(d, rows[i].kind, rows[i].size, "b");
        dt_eq(e.by[DURA_DRILL_BY_DRIFT], 1, "row %zu", i);
        record_injected(d, 1, durai_drill_inject(d, &t, 0));
        dura_drill *whole = begin(watched, &o);
        for (size_t k = whole->control.n_said; k > 0; k--)
            if (whole->control.said[k - 1].kind == DURA_FACT_DRIFT)
                row = whole->control.said[k - 1].row; /* the first one in the end */
        dt_eq(row - first, e.delay_median, "row %zu", i);
        dura_drill_close(whole);
        dura_drill_close(d);
    }
    sweep();
}

DT_TEST(host_drill_open, tells_first_how_the_recording_is_by_itself)
{
    dura_drill_options o = options();
    record(ROWS, 0, NULL);
    dura_drill *d = begin(watched, &o);
    dura_drill_report r = figures(d);
    dt_eq(r.rows, ROWS, "rows");
    dt_eq(r.trips + r.drift_alarms + r.suspect_rows + r.bounded_rows + r.incidents, 0, "clean");
    dt_eq(r.length, ROWS / 8, "length");
    dt_eq(r.tail, ROWS / 20, "tail");
    dt_eq(r.unclean_starts, 0, "places");
    dt_ok(r.has_drift && r.has_correlate && !r.has_checks, "parts");
    for (uint32_t i = 0; i < r.starts; i++)
        dt_ok(r.start_row[i] >= ROWS / 2 && r.start_row[i] + r.length + r.tail <= ROWS, "place %u", i);
    dt_ok(r.start_row[0] < r.start_row[1] && r.start_row[1] < r.start_row[2], "places differ");
    dura_drill_close(d);
    sweep();
}

DT_TEST(host_drill_next, does_not_count_what_the_guard_says_anyway)
{
    dura_drill_options o = options();
    o.channels = "c";
    record(ROWS, ROWS / 2, "150.5"); /* out of range, and no place without it */
    dura_drill *d = begin(watched, &o);
    dura_drill_report r = figures(d);
    dt_eq(r.unclean_starts, 3, "nowhere clean");
    dt_ok(r.trips == 1 && r.suspect_rows == ROWS / 2 && r.not_acted == ROWS / 2 && r.incidents > 0, "false alarms are told");
    dura_drill_entry e = find(d, DURA_DRILL_SPIKE, 8.0, "c");
    dt_eq(e.starts, 3, "spike");
    dt_eq(e.caught, 0, "the range check spoke before the spike");
    e = find(d, DURA_DRILL_DROPOUT, 0.0, "c");
    dt_eq(e.by[DURA_DRILL_BY_MISSING], 3, "MISSING is worse than FAIL");
    dt_eq(e.action, DURA_ACT, "and the guard had fallen back already");
    dura_drill_close(d);
    sweep();
}

DT_TEST(host_drill_next, says_that_drift_was_in_alarm_already)
{
    dura_drill_options o = options();
    o.channels = "c";
    o.kinds = "bias";
    record(ROWS, ROWS / 4, "2.5"); /* within the limits, far from the reference, for good */
    dura_drill *d = begin(watched, &o);
    dura_drill_report r = figures(d);
    dt_eq(r.drift_alarms, 1, "control");
    dt_eq(r.drifted, 1, "control");
    dura_drill_entry e = find(d, DURA_DRILL_BIAS, 4.0, "c");
    dt_eq(e.blind, 3, "the monitor is silent until the channel is back");
    dt_eq(e.caught, 0, "so it catches nothing");
    dura_drill_close(d);
    sweep();
}

DT_TEST(host_drill_next, misses_what_a_policy_without_drift_cannot_see)
{
    dura_drill_options o = options();
    o.channels = "b";
    record(ROWS, 0, NULL);
    dura_drill *d = begin(bare, &o);
    dura_drill_entry e = DURA_DRILL_ENTRY_INIT;
    while (dura_drill_next(d, &e, NULL) == 1) {
        if (e.kind == DURA_DRILL_BOUNDED) { /* 0.5 x 100 is where the answer's envelope ends */
            dt_eq(e.caught, e.by[DURA_DRILL_BY_OUTPUT], "bounded");
            dt_ok(e.size > 90 && e.size < 115 && e.moved > 0.4, "bounded: %g, %g", e.size, e.moved);
            continue;
        }
        int seen = e.kind == DURA_DRILL_DROPOUT || e.kind == DURA_DRILL_NAN || e.kind == DURA_DRILL_INF;
        dt_eq(e.caught, seen ? 3 : 0, "%s %g", dura_drill_kind(e.kind), e.size);
        dt_eq(e.verdict[DURA_DRILL_NO_INCIDENT], seen ? 3 : 0, "nobody correlates");
    }
    dura_drill_report r = figures(d);
    dt_ok(!r.has_drift && !r.has_correlate, "parts");
    dt_eq(r.total[DURA_DRILL_REPLAY_ALL], 0, "not of one channel");
    dura_drill_close(d);
    sweep();
}

DT_TEST(host_drill_next, sees_an_answer_that_breaks_its_envelope)
{
    static const char narrow[] = "{\"device\": {\"name\": \"bench\"}, " CHANNELS("") "\"outputs\": [{\"name\": \"y\",\n"
        " \"lo\": -2, \"hi\": 4, \"safe\": 0}], \"model\": {\"inputs\": [\"a\", \"b\"]}}";
    dura_drill_options o = options();
    o.channels = "b";
    o.kinds = "spike,bias";
    record(ROWS, 0, NULL);
    dura_drill *d = begin(narrow, &o);
    dura_drill_entry e = find(d, DURA_DRILL_SPIKE, 8.0, "b"); /* 0.5 x 8 from about 1: beyond 4 or -2 but for luck */
    dt_ok(e.by[DURA_DRILL_BY_OUTPUT] >= 2 && e.delay_max == 0, "spike: %u", e.by[DURA_DRILL_BY_OUTPUT]);
    e = find(d, DURA_DRILL_BIAS, 1.0, "b");
    dt_eq(e.by[DURA_DRILL_BY_RANGE] + e.by[DURA_DRILL_BY_DRIFT], 0, "no other could");
    dura_drill_close(d);
    sweep();
}

DT_TEST(host_drill_next, does_not_count_an_envelope_that_breaks_all_the_time)
{
    static const char always[] = "{\"device\": {\"name\": \"bench\"}, " CHANNELS("") "\"outputs\": [{\"name\": \"y\",\n"
        " \"lo\": 0.95, \"hi\": 1.05, \"safe\": 1}], \"model\": {\"inputs\": [\"a\", \"b\"]}}";
    dura_drill_options o = options();
    o.channels = "b";
    o.kinds = "bias";
    record(ROWS, 0, NULL);
    dura_drill *d = begin(always, &o);
    dt_ok(figures(d).bounded_rows > ROWS * 3 / 4, "control");
    dura_drill_entry e = find(d, DURA_DRILL_BIAS, 4.0, "b");
    dt_eq(e.starts, 3, "drilled");
    dt_eq(e.caught, 0, "the envelope says nothing new");
    dura_drill_close(d);
    sweep();
}

DT_TEST(host_drill_next, does_not_count_a_drift_alarm_that_comes_anyway)
{
    static const struct { int from; uint32_t caught; const char *text; } rows[] = {
        {ROWS / 2 + 30, 0, "the channel moves by itself soon after"},
        {ROWS - 60, 1, "it does so long after"},
    };
    dura_drill_options o = options();
    o.channels = "c";
    o.kinds = "bias";
    o.starts = 1;
    o.length = ROWS / 2 - ROWS / 20; /* one place is left: the middle */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        record(ROWS, rows[i].from, "2.5");
        dura_drill *d = begin(watched, &o);
        dura_drill_report r = figures(d);
        dt_eq(r.start_row[0], ROWS / 2, "%s", rows[i].text);
        dt_eq(r.drift_alarms, 1, "%s", rows[i].text);
        dura_drill_entry e = find(d, DURA_DRILL_BIAS, 2.0, "c");
        dt_eq(e.starts, 1, "%s", rows[i].text);
        dt_eq(e.caught, rows[i].caught, "%s: delay %d", rows[i].text, (int)e.delay_median);
        dura_drill_close(d);
    }
    sweep();
}

DT_TEST(host_drill_next, drills_what_features_and_updates_make_of_a_policy)
{
    static const char rich[] = "{\"device\": {\"name\": \"bench\", \"mode\": \"enforce\"}, " CHANNELS("") OUTPUTS ",\n"
        "\"features\": [{\"name\": \"a\", \"channel\": \"a\"}, {\"name\": \"b\", \"op\": \"lag\", \"channel\": \"b\", \"n\": 2}],\n"
        "\"updates\": {\"slot_bytes\": 4096}, \"drift\": {\"arl0\": 100000, \"references\": [\n"
        " {\"of\": \"y\", \"n\": 5000, \"mean\": 1, \"deviation\": 0.559}]}}";
    dura_drill_options o = options();
    o.channels = "a,b";
    o.kinds = "bias,dropout";
    record(ROWS, 0, NULL);
    dura_drill *d = begin(rich, &o);
    dura_drill_entry e = find(d, DURA_DRILL_DROPOUT, 0.0, "a");
    dt_eq(e.by[DURA_DRILL_BY_MISSING], 3, "dropout");
    dt_eq(e.action, DURA_FALLBACK, "no input, no answer");
    dt_eq(find(d, DURA_DRILL_BIAS, 4.0, "a").by[DURA_DRILL_BY_OUTPUT_DRIFT], 3, "only the output is watched");
    dura_drill_close(d);
    sweep();
}

/* ---- how it is injected ------------------------------------------------------------------------- */

/* What the file says at this row of this channel. */
static double original(const dura_drill *d, uint64_t row, uint16_t c)
{
    return (double)d->data.value[row * d->data.n + c];
}

DT_TEST(host_drill_inject, changes_what_the_kind_says_and_nothing_else)
{
    dura_drill_options o = options();
    record(ROWS, 0, NULL);
    dura_drill *d = begin(watched, &o);
    uint64_t first = d->report.start_row[1], length = d->report.length;
    double s = d->measure[1].deviation;
    dt_ok(s > 0.9 && s < 1.1, "deviation of unit noise is %g", s);
    for (size_t i = 0; i < d->n_tasks; i++) {
        const drill_task *t = &d->task[i];
        if (t->channel != 1)
            continue;
        uint64_t n = durai_drill_inject(d, t, 1);
        dt_eq(n, t->kind == DURA_DRILL_SPIKE ? 1 : length, "%s lasts", dura_drill_kind(t->kind));
        double sign = 0.0;
        for (uint64_t k = 0; k < n; k++) {
            const float *row = d->wide ? d->value + k * N : d->value + k - 1; /* so that [1] is the channel */
            double x = original(d, first + k, 1), y = (double)row[1], want = x, off = y - x;
            if (k == 0)
                sign = off < 0.0 ? -1.0 : 1.0;
            switch (t->kind) {
            case DURA_DRILL_STUCK: want = original(d, first - 1, 1); break;
            case DURA_DRILL_SPIKE:
            case DURA_DRILL_BIAS: want = x + sign * t->size * s; break;
            case DURA_DRILL_DRIFT:
                want = x + sign * t->size * s * (k + 1 < length / 2 ? (double)(k + 1) / (double)(length / 2) : 1.0);
                break;
            case DURA_DRILL_SCALE: want = 1.2 * x; break;
            case DURA_DRILL_UNIT: want = 1.8 * x + 32.0; break;
            case DURA_DRILL_SIGN: want = -x; break;
            case DURA_DRILL_SWAP: want = original(d, first + k, 2); break;
            case DURA_DRILL_NAN: dt_ok(isnan(y), "NaN at %d", (int)k); continue;
            case DURA_DRILL_INF: dt_ok(isinf(y), "Inf at %d", (int)k); continue;
            default: want = y; break;
            }
            dt_ok(fabs(y - want) < 1e-4, "%s %g at %d: %g, want %g", dura_drill_kind(t->kind), t->size, (int)k, y, want);
            if (d->wide)
                dt_ok(row[0] == (float)original(d, first + k, 0), "%s: another channel", dura_drill_kind(t->kind));
            dt_eq(d->missing[d->wide ? k * N + 1 : k], t->kind == DURA_DRILL_DROPOUT, "%s at %d", dura_drill_kind(t->kind), (int)k);
        }
    }
    dura_drill_close(d);
    sweep();
}

/* The window that is played, looked for in all that came before; UINT64_MAX: none. */
static uint64_t played(const dura_drill *d, uint16_t from, uint16_t width, uint64_t first)
{
    for (uint64_t w = 0; w + d->report.length <= first; w++) {
        uint64_t k = 0;
        while (k < d->report.length && memcmp(d->value + k * width, d->data.value + (w + k) * d->data.n + from,
                                              width * sizeof(float)) == 0)
            k++;
        if (k == d->report.length)
            return w;
    }
    return UINT64_MAX;
}

DT_TEST(host_drill_inject, plays_a_window_of_the_past_that_goes_on_where_the_present_ends)
{
    dura_drill_options o = options();
    record(ROWS, 0, NULL);
    dura_drill *d = begin(watched, &o);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t first = d->report.start_row[i];
        drill_task one = {DURA_DRILL_REPLAY, 2, 0.0}, all = {DURA_DRILL_REPLAY_ALL, DURA_NONE, 0.0};
        dt_eq(durai_drill_inject(d, &one, i), d->report.length, "one");
        uint64_t w = played(d, 2, 1, first);
        dt_ok(w != UINT64_MAX, "start %u: not of the past", i);
        dt_ok(fabs(original(d, w - 1, 2) - original(d, first - 1, 2)) < 0.05, "start %u: a seam that shows", i);
        dt_eq(durai_drill_inject(d, &all, i), d->report.length, "all");
        dt_ok(played(d, 0, N, first) != UINT64_MAX, "start %u: all channels, one window", i);
    }
    dura_drill_close(d);
    sweep();
}

DT_TEST(host_drill_inject, does_not_play_faults_of_the_past)
{
    dura_drill_options o = options();
    FILE *f;
    record(ROWS, 0, NULL);
    f = fopen(path("csv"), "r+"); /* one sample of the first half is missing: all windows with it are bad */
    dt_ok(f != NULL, "open");
    char line[80];
    long at = 0;
    for (int i = 0; i < 302 && fgets(line, sizeof line, f); i++)
        at = ftell(f) - (long)strlen(line);
    char *comma = strrchr(line, ',');
    dt_ok(comma != NULL, "row");
    memset(comma + 1, ' ', strlen(comma + 1) - 1);
    fseek(f, at, SEEK_SET);
    fputs(line, f);
    fclose(f);
    dura_drill *d = begin(watched, &o);
    dt_eq(figures(d).suspect_rows, 1, "control");
    for (uint32_t i = 0; i < 3; i++) {
        drill_task t = {DURA_DRILL_REPLAY_ALL, DURA_NONE, 0.0};
        dt_eq(durai_drill_inject(d, &t, i), d->report.length, "all");
        for (uint64_t k = 0; k < d->report.length * N; k++)
            dt_eq(d->missing[k], 0, "start %u plays the hole", i);
    }
    dura_drill_close(d);
    sweep();
}

DT_TEST(host_drill_inject, bounds_an_attack_by_range_and_rate)
{
    static const struct { const char *limits; double lo, hi, rate; } rows[] = {
        {", \"fail_lo\": -8, \"fail_hi\": 30", -8, 30, 1e9},
        {", \"fail_lo\": -40, \"fail_hi\": 30", -40, 30, 1e9},
        {", \"fail_lo\": -90, \"fail_hi\": 90, \"suspect_lo\": -9, \"suspect_hi\": 9", -9, 9, 1e9},
        {", \"fail_lo\": -9000, \"fail_hi\": 9000, \"rate_fail\": 6.5", -9000, 9000, 6.5},
        {", \"fail_lo\": -9000, \"fail_hi\": 9000, \"rate_fail\": 9, \"rate_suspect\": 6.2", -9000, 9000, 6.2},
        {", \"flat_fail_ms\": 60000", -1e9, 1e9, 1e9},
    };
    dura_drill_options o = options();
    o.channels = "a";
    record(ROWS, 0, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char policy[1024];
        snprintf(policy, sizeof policy, "{\"device\": {\"name\": \"bench\"}, \"channels\": [{\"name\": \"a\"%s},\n"
                 "{\"name\": \"b\", \"fail_lo\": -100, \"fail_hi\": 100}], " OUTPUTS ", \"model\": {\"inputs\": [\"a\", \"b\"]}}",
                 rows[i].limits);
        dura_drill *d = begin(policy, &o);
        drill_task t = {DURA_DRILL_BOUNDED, 0, 0.0};
        uint64_t n = durai_drill_inject(d, &t, 0), first = d->report.start_row[0];
        dt_eq(n, d->report.length, "row %zu", i);
        double before = original(d, first - 1, 0), nearest = 1e9, last = 0.0;
        for (uint64_t k = 0; k < n; k++) {
            double y = (double)d->value[k];
            dt_ok(y >= rows[i].lo && y <= rows[i].hi, "row %zu: %g at %d", i, y, (int)k);
            dt_ok(fabs(y - before) <= rows[i].rate, "row %zu: step %g at %d", i, y - before, (int)k);
            nearest = fmin(nearest, fmin(fmin(y - rows[i].lo, rows[i].hi - y), rows[i].rate - fabs(y - before)));
            before = y;
            last = fabs(y - original(d, first + k, 0));
        }
        if (rows[i].hi < 1e8)
            dt_ok(nearest < 0.2, "row %zu: %g more was to be had", i, nearest);
        else
            dt_ok(fabs(last - 20.0 * d->measure[0].deviation) < 1e-3, "row %zu: no limit: %g", i, last);
        dt_ok(fabs(d->reached * d->measure[0].deviation - last) < 1e-3, "row %zu: reached %g", i, d->reached);
        dura_drill_close(d);
    }
    sweep();
}

DT_TEST(host_drill_inject, keeps_a_bias_inside_the_limits_or_leaves_it)
{
    static const struct { const char *limits; double lo, hi; int drilled; const char *text; } rows[] = {
        {"\"fail_lo\": -100, \"fail_hi\": 3.9", -100, 3.9, 1, "goes the other way"},
        {"\"fail_lo\": -3.9, \"fail_hi\": 100", -3.9, 100, 1, "goes the other way"},
        {"\"fail_lo\": -6, \"fail_hi\": 6", -6, 6, 1, "is made smaller"},
        {"\"fail_lo\": -2.9, \"fail_hi\": 2.9", -2.9, 2.9, 0, "no room"},
    };
    dura_drill_options o = options();
    o.channels = "a";
    record(ROWS, 0, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char policy[1024];
        snprintf(policy, sizeof policy, "{\"device\": {\"name\": \"bench\"}, \"channels\": [{\"name\": \"a\", %s},\n"
                 "{\"name\": \"b\", \"fail_lo\": -100, \"fail_hi\": 100}], " OUTPUTS ", \"model\": {\"inputs\": [\"a\", \"b\"]}}",
                 rows[i].limits);
        dura_drill *d = begin(policy, &o);
        for (uint32_t start = 0; start < 3; start++) {
            drill_task t = {DURA_DRILL_BIAS, 0, 4.0};
            uint64_t n = durai_drill_inject(d, &t, start);
            dt_eq(n != 0, rows[i].drilled, "%s, start %u", rows[i].text, start);
            for (uint64_t k = 0; k < n; k++)
                dt_ok((double)d->value[k] >= rows[i].lo && (double)d->value[k] <= rows[i].hi, "%s: %g", rows[i].text,
                      (double)d->value[k]);
        }
        dura_drill_close(d);
    }
    sweep();
}

DT_TEST(host_drill_next, says_what_could_not_be_drilled)
{
    dura_drill_options o = options();
    o.channels = "c";
    record(ROWS, 0, "0");
    dura_drill *d = begin(bare, &o);
    dura_drill_entry e = DURA_DRILL_ENTRY_INIT;
    uint32_t drilled = 0;
    while (dura_drill_next(d, &e, NULL) == 1) {
        drilled += e.starts != 0;
        int possible = e.kind == DURA_DRILL_DROPOUT || e.kind == DURA_DRILL_BOUNDED || e.kind == DURA_DRILL_NAN ||
                       e.kind == DURA_DRILL_INF || e.kind == DURA_DRILL_SWAP || e.kind == DURA_DRILL_UNIT;
        dt_ok(e.starts == 0 || possible, "%s of a constant", dura_drill_kind(e.kind));
        dt_eq(e.starts == 0 && (e.caught || e.action != DURA_ACT), 0, "and nothing is claimed");
    }
    dura_drill_report r = figures(d);
    dt_eq(r.entries, drilled, "entries");
    dt_eq(r.entries + r.not_drilled, 22, "all are told");
    dura_drill_close(d);
    sweep();
}

/* ---- the same again --------------------------------------------------------------------------------- */

/* All lines of a drill, behind each other. */
static char *lines(const char *policy, const dura_drill_options *o)
{
    char *all = calloc(1, 131072), buf[DURA_DRILL_TEXT_MAX];
    dura_drill *d = begin(policy, o);
    dura_drill_entry e = DURA_DRILL_ENTRY_INIT;
    dt_ok(all != NULL, "heap");
    while (dura_drill_next(d, &e, NULL) == 1) {
        dt_ok(dura_drill_text(d, &e, buf, sizeof buf) == (int)strlen(buf), "length");
        strcat(strcat(all, buf), "\n");
    }
    dt_ok(dura_drill_text(d, NULL, buf, sizeof buf) == (int)strlen(buf), "length");
    strcat(all, buf);
    dura_drill_close(d);
    return all;
}

DT_TEST(host_drill_text, is_the_same_for_the_same_seed_and_whatever_stands_beside)
{
    dura_drill_options o = options();
    record(ROWS, 0, NULL);
    char *first = lines(watched, &o), *second = lines(watched, &o);
    dt_str(first, second, "twice");
    free(second);
    o.channels = "b"; /* an entry of b comes out the same when a was drilled before it and not */
    second = lines(watched, &o);
    char *end = strstr(second, "{\"summary\"");
    dt_ok(end != NULL, "summary");
    *end = '\0';
    dt_ok(strstr(first, second) != NULL, "alone and beside others");
    free(second);
    o.channels = NULL;
    o.seed = 2;
    second = lines(watched, &o);
    dt_ok(strcmp(first, second) != 0, "another seed");
    free(second);
    free(first);
    sweep();
}

DT_TEST(host_drill_text, is_json_with_the_members_that_are_promised)
{
    static const char *const entry[] = {"channel", "kind", "size", "starts", "caught", "by", "delay_frames_median",
        "delay_frames_max", "delay_s_median", "action", "verdicts", "moved", "blind", NULL};
    static const char *const summary[] = {"summary", "control", "kinds", "all_but_replay", "entries", "not_drilled", "starts", "start_rows",
        "unclean_starts", "length", "tail", "seed", "drift", "correlate", "checks", "policy_sha256", "model_sha256", "frames_sha256",
        "dura", NULL};
    dura_drill_options o = options();
    o.seed = UINT64_MAX;
    record(ROWS, 0, NULL);
    char *all = lines(watched, &o);
    uint32_t n = 0;
    for (char *at = all; at; n++) {
        char *end = strchr(at, '\n');
        dura_json *doc;
        dura_error err = {0};
        dt_eq(dura_json_parse(at, end ? (size_t)(end - at) : strlen(at), "line", &doc, &err), DURA_OK, "%.99s", err.text);
        dt_eq(dura_json_only(doc, DURA_JSON_ROOT, end ? entry : summary, &err), DURA_OK, "%.99s", err.text);
        dt_eq(dura_json_count(doc, DURA_JSON_ROOT), end ? 13 : 19, "members");
        dura_json_deinit(doc);
        at = end ? end + 1 : NULL;
    }
    dt_eq(n, 3 * 22 + 5, "lines");
    dt_ok(strstr(all, "\"seed\":\"18446744073709551615\"") != NULL, "64 bits are a string");
    dt_ok(strstr(all, "{\"channel\":\"a\",\"kind\":\"stuck\",\"size\":null,\"starts\":3,\"caught\":3,\"by\":[\"flat\"],"
                      "\"delay_frames_median\":4,\"delay_frames_max\":4,\"delay_s_median\":4,\"action\":\"FALLBACK\","
                      "\"verdicts\":{\"fault\":3},") == all, "the first line: %.120s", all);
    dt_ok(strstr(all, "\"kind\":\"replay_all\",\"size\":null,\"starts\":3,\"caught\":0,\"by\":[],\"delay_frames_median\":null")
          != NULL, "a miss has no delay");
    free(all);
    sweep();
}

DT_TEST(host_drill_text, names_digests_of_what_was_drilled)
{
    dura_drill_options o = options();
    uint8_t h[32];
    char text[20000];
    o.kinds = "dropout";
    o.channels = "a";
    record(200, 0, NULL);
    dura_drill *d = begin(watched, &o);
    FILE *f = fopen(path("csv"), "rb");
    dt_ok(f != NULL, "open");
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    dura_sha256_query(h, text, n);
    dura_drill_report r = figures(d);
    dt_mem(r.frames, h, 32, "frames");
    void *image;
    dt_eq(dura_pack_policy(watched, strlen(watched), NULL, &image, &n, NULL), DURA_OK, "pack");
    dura_sha256_query(h, image, n);
    dt_mem(r.policy, h, 32, "policy");
    f = fopen(path("bin"), "wb"); /* an image is as good as the JSON it was packed from */
    dt_ok(f && fwrite(image, 1, n, f) == n && fclose(f) == 0, "image");
    dura_pack_deinit(image);
    dura_drill_close(d);
    char bin[80];
    snprintf(bin, sizeof bin, "%s", path("bin"));
    o.policy = bin;
    d = begin(watched, &o);
    dura_drill_report again = figures(d);
    dt_mem(again.policy, r.policy, 32, "image");
    dt_mem(again.model, r.model, 32, "model");
    dura_drill_close(d);
    sweep();
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

DT_TEST(host_drill_open, refuses_with_the_place_and_the_reason)
{
    static const struct { const char *member, *value; int code; const char *says; } rows[] = {
        {"policy", NULL, DURA_EINVAL, "required"},
        {"model", NULL, DURA_EINVAL, "required"},
        {"frames", NULL, DURA_EINVAL, "required"},
        {"frames", "-", DURA_EINVAL, "must be a file"},
        {"frames", "/nowhere/at.all", DURA_ENOENT, ""},
        {"policy", "/nowhere/at.all", DURA_ENOENT, ""},
        {"model", "/nowhere/at.all", DURA_ENOENT, ""},
        {"channels", "a,z", DURA_EINVAL, "\"z\""},
        {"channels", "a,,b", DURA_EINVAL, "\"\""},
        {"channels", "ab", DURA_EINVAL, "\"ab\""},
        {"kinds", "stuck,fire", DURA_EINVAL, "\"fire\""},
    };
    record(ROWS, 0, NULL);
    put("policy", watched);
    put("model", model);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dura_drill_options o = options();
        dura_drill *d = (dura_drill *)&o;
        dura_error err = {0};
        const char **at = strcmp(rows[i].member, "policy") == 0 ? &o.policy
                          : strcmp(rows[i].member, "model") == 0 ? &o.model
                          : strcmp(rows[i].member, "frames") == 0 ? &o.frames
                          : strcmp(rows[i].member, "channels") == 0 ? &o.channels : &o.kinds;
        *at = rows[i].value;
        dt_eq(dura_drill_open(&d, &o, &err), rows[i].code, "%s %s", rows[i].member, rows[i].value ? rows[i].value : "NULL");
        dt_ok(d == NULL && strstr(err.text, rows[i].says) != NULL, "%s: %.99s", rows[i].member, err.text);
    }
    sweep();
}

DT_TEST(host_drill_open, refuses_spans_that_do_not_fit)
{
    static const struct { int rows; uint32_t starts; uint64_t length; int code; } cases[] = {
        {79, 0, 0, DURA_EINVAL},   {80, 0, 0, DURA_OK},       {80, 32, 8, DURA_OK},          {80, 33, 0, DURA_EINVAL},
        {80, 0, 7, DURA_EINVAL},   {80, 0, 36, DURA_OK},      {80, 0, 37, DURA_EINVAL},      {80, 0, UINT64_MAX, DURA_EINVAL},
        {81, 1, 37, DURA_OK},
    };
    put("policy", bare);
    put("model", model);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dura_drill_options o = options();
        dura_drill_entry e = DURA_DRILL_ENTRY_INIT;
        dura_drill *d;
        dura_error err = {0};
        int rc;
        record(cases[i].rows, 0, NULL);
        o.starts = cases[i].starts;
        o.length = cases[i].length;
        dt_eq(dura_drill_open(&d, &o, &err), cases[i].code, "row %zu: %.99s", i, err.text);
        while (d && (rc = dura_drill_next(d, &e, &err)) != 0)
            dt_eq(rc, 1, "row %zu: %.99s", i, err.text);
        dura_drill_close(d);
    }
    sweep();
}

DT_TEST(host_drill_open, refuses_files_that_do_not_fit_each_other)
{
    static const char other[] = "{\"dura_model\": 1, \"kind\": \"linear\", \"inputs\": [\"a\", \"q\"],\n"
        " \"outputs\": [{\"name\": \"y\", \"bias\": 1, \"weights\": [0.25, 0.5]}]}";
    dura_drill_options o = options();
    dura_drill *d;
    dura_error err = {0};
    record(ROWS, 0, NULL);
    put("policy", watched);
    put("model", other);
    dt_eq(dura_drill_open(&d, &o, &err), DURA_EINVAL, "another model");
    put("policy", model);
    put("model", model);
    dt_eq(dura_drill_open(&d, &o, &err), DURA_EINVAL, "a model for a policy");
    put("policy", watched);
    put("csv", "time,a,b\n1,2,3\n");
    dt_eq(dura_drill_open(&d, &o, &err), DURA_ESYNTAX, "a channel that is no column");
    sweep();
}

DT_TEST(host_drill_query, and_the_others_refuse_what_is_not_there)
{
    dura_drill_options o = options(), older = o;
    dura_drill_entry e = DURA_DRILL_ENTRY_INIT, small = e;
    dura_drill_report r = DURA_DRILL_REPORT_INIT;
    dura_drill *d;
    char buf[DURA_DRILL_TEXT_MAX];
    o.kinds = "stuck";
    record(ROWS, 0, NULL);
    d = begin(bare, &o);
    older.struct_size = 8;
    small.struct_size = 8;
    dt_eq(dura_drill_open(NULL, &o, NULL), DURA_EINVAL, "out");
    dura_drill *none = d;
    dt_eq(dura_drill_open(&none, NULL, NULL), DURA_EINVAL, "options");
    dt_ok(none == NULL, "out");
    dt_eq(dura_drill_open(&none, &older, NULL), DURA_EINVAL, "older options");
    dt_eq(dura_drill_next(NULL, &e, NULL), DURA_EINVAL, "next");
    dt_eq(dura_drill_next(d, NULL, NULL), DURA_EINVAL, "next");
    dt_eq(dura_drill_next(d, &small, NULL), DURA_EINVAL, "next");
    dt_eq(dura_drill_query(NULL, &r), DURA_EINVAL, "query");
    dt_eq(dura_drill_query(d, NULL), DURA_EINVAL, "query");
    dt_eq(dura_drill_next(d, &e, NULL), 1, "a refused call skips nothing");
    dt_str(e.name, "a", "the first channel");
    dt_eq(dura_drill_text(NULL, &e, buf, sizeof buf), DURA_EINVAL, "text");
    dt_eq(dura_drill_text(d, &e, NULL, 10), DURA_EINVAL, "text");
    dt_eq(dura_drill_text(d, &e, buf, 0), DURA_EINVAL, "text");
    int n = dura_drill_text(d, &e, buf, sizeof buf);
    dt_eq(dura_drill_text(d, &e, buf, (size_t)n), DURA_ENOSPC, "no room for the zero");
    dt_eq(dura_drill_text(d, &e, buf, (size_t)n + 1), n, "just enough");
    e.kind = DURA_DRILL_KINDS;
    dt_eq(dura_drill_text(d, &e, buf, sizeof buf), DURA_EINVAL, "a kind that is none");
    dt_ok(dura_drill_kind(0) == NULL && dura_drill_kind(DURA_DRILL_KINDS) == NULL, "kinds");
    dt_ok(dura_drill_by(DURA_DRILL_BY_END) == NULL, "bys");
    dt_str(dura_drill_by(DURA_DRILL_BY_JOINT), "joint", "bys");
    dt_str(dura_drill_kind(DURA_DRILL_BOUNDED), "bounded", "kinds");
    dt_str(dura_drill_by(DURA_DRILL_BY_INCIDENT), "incident", "bys");
    dura_drill_close(NULL);
    dura_drill_close(d);
    sweep();
}

/* What the progress callback was told. */
typedef struct heard { uint64_t calls, done, total, frames; } heard;

static void hear(void *user, uint64_t done, uint64_t total, uint64_t frames)
{
    heard *h = user;
    dt_ok(done >= h->done && done <= total && frames >= h->frames, "goes forward");
    *h = (heard){h->calls + 1, done, total, frames};
}

DT_TEST(host_drill_next, tells_how_far_it_is)
{
    dura_drill_options o = options();
    heard h = {0, 0, 0, 0};
    o.kinds = "stuck,dropout";
    o.starts = 2;
    o.progress = hear;
    o.user = &h;
    record(ROWS, 0, NULL);
    dura_drill *d = begin(bare, &o);
    dura_drill_entry e = DURA_DRILL_ENTRY_INIT;
    dt_ok(h.calls > ROWS, "the control run too");
    while (dura_drill_next(d, &e, NULL) == 1)
        ;
    dt_eq(h.total, 2 * 3 * 2, "kinds, channels, places");
    dt_eq(h.done, h.total - 1, "the last one while it runs");
    dura_drill_close(d);
    sweep();
}
