/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated press line: the same bytes everywhere, a clean run that is clean, episodes
 * that do what they are called, events that are NDJSON, models that dura packs. The digest
 * was taken on x86-64 with gcc 12 and stands for every other computer.
 */
#include "dt.h"

#include "../tools/dura_plant.c"

#include <dura/host/json.h>
#include <dura/host/learn.h>
#include <dura/host/pack.h>
#include <unistd.h>

enum { RUN = 3000, AT = 1000 };

/* FNV-1a over the frames of a run. */
static uint64_t digest(uint64_t seed)
{
    plant p;
    float v[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    plant_init(&p, seed);
    double command = p.command;
    for (int i = 0; i < RUN; i++) {
        plant_step(&p, command, v, missing);
        command = plant_expert(&p, v);
        for (int c = 0; c < PLANT_CHANNELS; c++) {
            uint32_t u;
            memcpy(&u, &v[c], sizeof u);
            for (int b = 0; b < 4; b++)
                h = (h ^ (u >> (8 * b) & 0xFFu)) * UINT64_C(0x100000001B3);
        }
    }
    return h;
}

/* A run with one episode: mean of every channel before AT, and in the last third. */
typedef struct before_after {
    double before[PLANT_CHANNELS], after[PLANT_CHANNELS];
    uint32_t missing[PLANT_CHANNELS], still[PLANT_CHANNELS];
} before_after;

static before_after watch(int kind, uint64_t frames, double size)
{
    plant p;
    before_after w;
    float v[PLANT_CHANNELS], last[PLANT_CHANNELS] = {0};
    uint8_t missing[PLANT_CHANNELS];
    memset(&w, 0, sizeof w);
    plant_init(&p, 5);
    if (kind)
        dt_eq(plant_episode(&p, kind, AT, frames, size), 0, "");
    double command = p.command;
    for (int i = 0; i < RUN; i++) {
        plant_step(&p, command, v, missing);
        command = plant_expert(&p, v);
        for (int c = 0; c < PLANT_CHANNELS; c++) {
            w.before[c] += i < AT ? (double)v[c] / AT : 0.0;
            w.after[c] += i >= 2 * AT ? (double)v[c] / AT : 0.0;
            w.missing[c] += missing[c];
            w.still[c] += i >= AT && v[c] >= last[c] && v[c] <= last[c];
            last[c] = v[c];
        }
    }
    return w;
}

static double moved(const before_after *w, int c) { return w->after[c] - w->before[c]; }

DT_TEST(plant_step, a_seed_gives_the_same_bytes_everywhere)
{
    uint64_t h = digest(1);
    dt_eq((int64_t)h, (int64_t)UINT64_C(0xF9A142A2B64F0BFE), "%016llx", (unsigned long long)h);
    dt_eq((int64_t)digest(1), (int64_t)h, "again");
    dt_ok(digest(2) != h, "another seed is another run");
}

DT_TEST(plant_step, a_clean_run_stays_where_it_is)
{
    static const double band[PLANT_CHANNELS] = {0.3, 0.3, 0.1, 0.1, 0.02, 0.5, 4.0, 0.5};
    before_after w = watch(0, 0, 0.0);
    for (int c = 0; c < PLANT_CHANNELS; c++) {
        dt_ok(moved(&w, c) < band[c] && moved(&w, c) > -band[c], "%s moved by %g", plant_channel[c], moved(&w, c));
        dt_eq(w.missing[c], 0, "%s", plant_channel[c]);
        dt_ok(w.still[c] < RUN / 2, "%s rests", plant_channel[c]);
    }
    double apart = w.before[PLANT_P1] - w.before[PLANT_P2];
    dt_ok(apart < 0.05 && apart > -0.05, "two sensors of one pressure: %g", apart);
}

DT_TEST(plant_step, pressure_follows_the_valve)
{
    plant p;
    float v[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    double sum[2] = {0.0, 0.0};
    for (int open = 0; open < 2; open++) {
        plant_init(&p, 3);
        for (int i = 0; i < 100; i++) {
            plant_step(&p, open ? 60.0 : 40.0, v, missing);
            sum[open] += i >= 50 ? (double)v[PLANT_P1] / 50.0 : 0.0;
        }
        dt_ok(v[PLANT_VALVE_FB] > (open ? 59.0f : 39.0f) && v[PLANT_VALVE_FB] < (open ? 61.0f : 41.0f), "");
    }
    dt_ok(sum[1] - sum[0] > 25.0, "%g", sum[1] - sum[0]);
    plant_step(&p, 1e9, v, missing);
    dt_ok(p.command >= 100.0 && p.command <= 100.0, "a valve has ends");
}

/* ---- episodes ---------------------------------------------------------------------------------- */

DT_TEST(plant_episode, a_stuck_sensor_shows_one_value_and_comes_back)
{
    before_after w = watch(PLANT_STUCK, 300, 0.0);
    dt_ok(w.still[PLANT_P1] >= 299, "%u", w.still[PLANT_P1]);
    dt_ok(w.still[PLANT_P1] < 900, "%u: it never came back", w.still[PLANT_P1]);
    dt_ok(w.still[PLANT_P2] < 600, "the other one goes on");
}

DT_TEST(plant_episode, thin_oil_moves_what_oil_moves)
{
    before_after w = watch(PLANT_DRIFT, 500, 0.0);
    dt_ok(moved(&w, PLANT_OIL) > 0.1, "%g", moved(&w, PLANT_OIL));
    dt_ok(moved(&w, PLANT_CURRENT) > 0.2, "%g", moved(&w, PLANT_CURRENT));
    dt_ok(moved(&w, PLANT_P1) < -0.4 && moved(&w, PLANT_P2) < -0.4, "%g", moved(&w, PLANT_P1));
    dt_ok(moved(&w, PLANT_VALVE_FB) > 0.1, "the expert opens further: %g", moved(&w, PLANT_VALVE_FB));
}

DT_TEST(plant_episode, an_injection_moves_one_reading_and_through_it_the_plant)
{
    before_after w = watch(PLANT_INJECTION, RUN, 0.0);
    double apart = w.after[PLANT_P1] - w.after[PLANT_P2];
    dt_ok(apart > 1.3 && apart < 1.5, "%g", apart);
    dt_ok(moved(&w, PLANT_P2) < -0.1, "the true pressure is lowered: %g", moved(&w, PLANT_P2));
}

DT_TEST(plant_episode, a_dropout_is_missing_values_and_nothing_else)
{
    before_after w = watch(PLANT_DROPOUT, 200, 0.0);
    dt_eq(w.missing[PLANT_VIBRATION], 200, "");
    for (int c = 0; c < PLANT_CHANNELS; c++)
        dt_ok(c == PLANT_VIBRATION || w.missing[c] == 0, "%s", plant_channel[c]);
}

DT_TEST(plant_episode, a_recalibration_stays)
{
    before_after w = watch(PLANT_RECALIBRATION, 1, 0.0);
    double apart = w.after[PLANT_P2] - w.after[PLANT_P1];
    dt_ok(apart > 1.1 && apart < 1.3, "%g", apart);
    w = watch(PLANT_RECALIBRATION, 1, -3.0);
    apart = w.after[PLANT_P2] - w.after[PLANT_P1];
    dt_ok(apart < -2.9 && apart > -3.1, "of the size that was asked for: %g", apart);
}

DT_TEST(plant_episode, what_it_does_not_know_is_refused)
{
    plant p;
    plant_init(&p, 1);
    dt_eq(plant_episode(&p, 0, 1, 1, 0.0), -1, "");
    dt_eq(plant_episode(&p, PLANT_EPISODE_KINDS, 1, 1, 0.0), -1, "");
    dt_eq(plant_episode(&p, PLANT_STUCK, 1, 0, 0.0), -1, "no frames");
    for (int i = 0; i < PLANT_EPISODES; i++)
        dt_eq(plant_episode(&p, PLANT_STUCK, 1, 1, 0.0), 0, "");
    dt_eq(plant_episode(&p, PLANT_STUCK, 1, 1, 0.0), -1, "full");
}

/* ---- events ---------------------------------------------------------------------------------------- */

static int text_of(const dura_json *doc, const char *name, const char *want)
{
    const char *text = "";
    return dura_json_get_text(doc, dura_json_member(doc, DURA_JSON_ROOT, name), 0, 200, &text, NULL) == DURA_OK &&
           strcmp(text, want) == 0;
}

/* Events of a type in a run with these episodes; every line must be an object in order. */
static uint32_t count_events(const int *kinds, size_t n, const char *type)
{
    plant p;
    float v[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    char line[512], last[PLANT_TIME_TEXT] = "";
    uint32_t found = 0;
    plant_init(&p, 1);
    for (size_t k = 0; k < n; k++)
        dt_eq(plant_episode(&p, kinds[k], AT + 200 * k, 100, 0.0), 0, "");
    for (int i = 0; i < RUN; i++) {
        plant_step(&p, 50.0, v, missing);
        while (plant_event(&p, line, sizeof line)) {
            dura_json *doc;
            const char *t = "";
            dura_error err;
            dt_eq(dura_json_parse(line, strlen(line), NULL, &doc, &err), DURA_OK, "%.100s", line);
            dt_eq(dura_json_get_text(doc, dura_json_member(doc, DURA_JSON_ROOT, "t"), 24, 24, &t, NULL), DURA_OK, "");
            dt_ok(strcmp(t, last) >= 0, "%s after %s", t, last);
            snprintf(last, sizeof last, "%s", t);
            found += text_of(doc, "type", type);
            dura_json_deinit(doc);
        }
    }
    return found;
}

DT_TEST(plant_event, a_detector_that_sees_nothing_says_so_every_minute)
{
    dt_eq(count_events(NULL, 0, "heartbeat"), RUN / 600, "");
}

DT_TEST(plant_event, every_episode_leaves_its_traces_in_order)
{
    static const int all[] = {PLANT_INJECTION, PLANT_DROPOUT, PLANT_RECALIBRATION, PLANT_STUCK, PLANT_DRIFT};
    static const struct { const char *type; uint32_t n; } rows[] = {
        {"scan", 2}, {"login_failed", 3}, {"login", 1}, {"param_write", 1}, {"calibration", 1}, {"heartbeat", RUN / 600},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        dt_eq(count_events(all, 5, rows[k].type), rows[k].n, "%s", rows[k].type);
    dt_eq(count_events(all + 3, 2, "scan"), 0, "wear and weather leave none");
}

DT_TEST(plant_event, none_comes_before_its_frame)
{
    plant p;
    float v[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    char line[512];
    plant_init(&p, 1);
    dt_eq(plant_event(&p, line, sizeof line), 0, "nothing has happened yet");
    plant_step(&p, 50.0, v, missing);
    dt_eq(plant_event(&p, line, sizeof line), 1, "the heartbeat of frame 0");
    dt_eq(plant_event(&p, line, sizeof line), 0, "");
}

DT_TEST(plant_time_text, is_the_calendars)
{
    /* Python: datetime.fromtimestamp(1772344800 + frame / 10, UTC).isoformat() */
    static const struct { uint64_t frame; const char *text; } rows[] = {
        {0, "2026-03-01T06:00:00.000Z"},          {1, "2026-03-01T06:00:00.100Z"},
        {647999, "2026-03-01T23:59:59.900Z"},     {648000, "2026-03-02T00:00:00.000Z"},
        {26568000, "2026-04-01T00:00:00.000Z"},   {264168000, "2027-01-01T00:00:00.000Z"},
    };
    char t[PLANT_TIME_TEXT];
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        plant_time_text(rows[k].frame, t);
        dt_str(t, rows[k].text, "");
    }
    dt_eq(plant_time_ns(1) - plant_time_ns(0), PLANT_PERIOD_NS, "");
}

/* ---- models -------------------------------------------------------------------------------------------- */

static const char *file(const char *end)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/dura_plant_%d.%s", (int)getpid(), end);
    return path;
}

DT_TEST(plant_fit, finds_what_the_expert_does)
{
    static const double expert[PLANT_INPUTS] = {-0.15, -0.15, -0.02, -0.01, 0.3, 0.05};
    plant_model m;
    dt_eq(plant_fit(&m, 20000, 1, 1.0), 0, "");
    for (int i = 0; i < PLANT_INPUTS; i++) {
        double off = (double)m.weight[i] - expert[i];
        dt_ok(off < 0.04 && off > -0.04, "%s: %g", plant_input[i], (double)m.weight[i]);
    }
    dt_eq(plant_fit(&m, 3, 1, 1.0), -1, "three rows do not suffice");
}

DT_TEST(plant_fit, a_spoiled_model_agrees_at_the_set_point_only)
{
    plant_model good, bad;
    dt_eq(plant_fit(&good, 5000, 1, 1.0), 0, "");
    bad = good;
    plant_spoil(&bad);
    double at_rest = (double)(bad.bias - good.bias) + (double)(bad.weight[0] - good.weight[0]) * SET_POINT;
    dt_ok(at_rest < 0.01 && at_rest > -0.01, "%g", at_rest);
    dt_ok(bad.weight[0] * good.weight[0] < 0.0f, "");
    dt_mem(&bad.weight[1], &good.weight[1], sizeof bad.weight - sizeof bad.weight[0], "");
}

DT_TEST(plant_model_save, writes_what_dura_packs)
{
    plant_model m;
    char text[2048];
    void *image;
    size_t len;
    dura_error err;
    dt_eq(plant_fit(&m, 2000, 1, 1.15), 0, "");
    dt_eq(plant_model_save(&m, file("json")), 0, "");
    FILE *f = fopen(file("json"), "r");
    dt_ok(f != NULL, "");
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    unlink(file("json"));
    dt_eq(dura_pack_model(text, n, NULL, &image, &len, &err), DURA_OK, "%.100s", err.text);
    dura_pack_deinit(image);
    dt_eq(plant_model_save(&m, "/nowhere/at/all.json"), -1, "");
    dt_eq(plant_record("/nowhere/at/all.csv", 1, 1), -1, "");
}

DT_TEST(plant_record, can_be_learned_from_without_a_spurious_trip)
{
    dura_learn_options o = DURA_LEARN_OPTIONS_INIT;
    dura_learn_report r = {0};
    dura_learned *l;
    dura_error err = {0};
    char csv[64];
    snprintf(csv, sizeof csv, "%s", file("csv"));
    dt_eq(plant_record(csv, 6000, 1), 0, "");
    o.frames = csv;
    o.baseline = "valve";
    o.holdout = 0.5;
    int rc = dura_learn_csv(&l, &o, &err);
    unlink(csv);
    dt_eq(rc, DURA_OK, "%.100s", err.text);
    r.struct_size = sizeof r;
    dt_eq(dura_learned_query(l, &r), DURA_OK, "");
    dt_eq(r.channels, PLANT_CHANNELS, "");
    dt_eq(r.period_ns, PLANT_PERIOD_NS, "");
    dt_eq(r.trips + r.holdout_trips + r.irregular, 0, "");
    dura_learned_deinit(l);
}
