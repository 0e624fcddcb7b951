/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `dura demo` writes before the run: a recording, three models, the policy learned from
 * the first, what lets it run, and two releases. All of it through the library calls behind
 * `dura learn`, `dura key factory`, `dura release` and `dura sign`, with the development key.
 *
 * The policy is as learned, but for what docs/cmd/learn.md tells an engineer to do then:
 *   - it enforces, knows its asset, and takes updates where the clock is trusted;
 *   - limits from physics instead of a recording of two hours: what an oil thermometer can
 *     show, where the valve may stand for ever and how fast it is;
 *   - channels the model does not eat stop nothing;
 *   - no drift reference that learning itself says it can promise nothing for: moving
 *     averages, say, of channels that are watched anyway;
 *   - windows of the correlator for a plant whose drifts take minutes and whose detector
 *     speaks every minute;
 *   - logs durable every minute, since a plant's minute passes here in milliseconds.
 */
#include "dura_args.h"
#include "dura_demo.h"

#include <dura/host/json.h>
#include <dura/host/keys.h>
#include <dura/host/learn.h>
#include <dura/host/pack.h>
#include <dura/host/release.h>
#include <dura/host/session.h>

#include <stdlib.h>
#include <string.h>

#define DEVICE "simulated-press-line"
enum {
    RECORDING = 72000,        /* frames: two hours */
    GOLDEN = 64,              /* vectors */
    GOLDEN_APART = 50,        /* frames from one to the next */
    DAY = 864000              /* frames: the run is the day after the recording */
};
#define THIN 1.15             /* oil of the recording the good update is fitted on */

const char *demo_path(const demo *d, const char *name, char buf[DEMO_PATH])
{
    int n = snprintf(buf, DEMO_PATH, "%s/%s", d->out, name);
    return n > 0 && n < DEMO_PATH ? buf : "";
}

static int write_file(const demo *d, const char *name, const void *p, size_t n, dura_error *err)
{
    char path[DEMO_PATH];
    return cli_write_file(demo_path(d, name, path), p, n, 0, err);
}

static int failed(const demo *d, const char *name, dura_error *err)
{
    char path[DEMO_PATH];
    return dura_error_set(err, DURA_EIO, demo_path(d, name, path), 0, NULL, "cannot be written");
}

/* ---- the plan in the hands of the plant ----------------------------------------------- */

int demo_begin(const demo *d, plant *p)
{
    int rc = 0;
    plant_init(p, d->seed + 1);     /* not the noise that was learned from */
    p->frame = p->heartbeat = DAY;
    for (int i = 0; i < DEMO_EPISODES && rc == 0; i++) {
        const demo_plan *k = &demo_plans[i];
        uint64_t at = DAY + d->result[i].at;
        double size = k->happening == PLANT_DRIFT ? THIN : k->happening == PLANT_RECALIBRATION ? 1.2 : 0.0;
        if (k->happening)
            rc = plant_episode(p, k->happening, at, k->lasts, size);
        if (rc == 0 && k->undone)
            rc = plant_episode(p, k->happening, at + k->undone, k->undoing,
                               k->happening == PLANT_DRIFT ? 1.0 / size : -size);
    }
    return rc == 0 ? DURA_OK : DURA_ELIMIT;
}

/* What the intrusion detector will say: it depends on the plan, not on the valve. */
static int make_events(const demo *d, dura_error *err)
{
    char path[DEMO_PATH], line[1024];
    float values[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    plant p;
    if (demo_begin(d, &p) != DURA_OK)
        return dura_error_set(err, DURA_ELIMIT, NULL, 0, NULL, "too many episodes");
    FILE *f = fopen(demo_path(d, "events.ndjson", path), "w");
    if (!f)
        return failed(d, "events.ndjson", err);
    for (uint64_t i = 0; i < d->frames; i++) {
        plant_step(&p, p.command, values, missing);
        while (plant_event(&p, line, sizeof line))
            fprintf(f, "%s\n", line);
    }
    int bad = ferror(f);
    return fclose(f) != 0 || bad ? failed(d, "events.ndjson", err) : DURA_OK;
}

/* ---- models ------------------------------------------------------------------------------ */

static const char *const model_file[3] = {"model.json", "good.model.json", "bad.model.json"};

static int make_models(demo *d, dura_error *err)
{
    char path[DEMO_PATH];
    if (plant_record(demo_path(d, "clean.csv", path), RECORDING, d->seed) != 0)
        return failed(d, "clean.csv", err);
    if (plant_fit(&d->model[0], RECORDING, d->seed, 1.0) != 0 || plant_fit(&d->model[1], RECORDING, d->seed + 2, THIN) != 0)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "model", "the recording fits no model");
    d->model[2] = d->model[1];
    plant_spoil(&d->model[2]);
    for (int i = 0; i < 3; i++)
        if (plant_model_save(&d->model[i], demo_path(d, model_file[i], path)) != 0)
            return failed(d, model_file[i], err);
    return DURA_OK;
}

/* ---- the policy ----------------------------------------------------------------------------- */

/* text with the one place from `head` up to the next `tail` (NULL: just head) replaced, on the
 * heap; NULL: it is not there exactly once, or no memory. */
static char *edit(char *text, const char *head, const char *tail, const char *with)
{
    char *at = text ? strstr(text, head) : NULL, *end = at ? at + strlen(head) : NULL, *out = NULL;
    if (at && strstr(at + 1, head))
        at = NULL;
    if (at && tail)
        end = strstr(end, tail);
    if (at && end) {
        size_t n = strlen(text) + strlen(with) + 1;
        out = malloc(n);
        if (out)
            snprintf(out, n, "%.*s%s%s", (int)(at - text), text, with, end);
    }
    free(text);
    return out;
}

/* Without the references that promise no rate of false alarms: each is a line of its own. */
static char *drop_unpromised(char *text)
{
    const char *list = text ? strstr(text, "\"references\": ") : NULL;   /* channels have a "why" as well */
    for (char *why; list && (why = strstr(list, "\"why\": ")) != NULL;) {
        char *end = strchr(why, '\n'), *begin = why;
        while (begin > text && *begin != '\n')
            begin--;
        if (!end || *begin != '\n') {
            free(text);
            return NULL;
        }
        if (end[-1] != ',' && begin > text && begin[-1] == ',')
            begin--;               /* it was the last one: the one before is now */
        memmove(begin, end, strlen(end) + 1);
    }
    return text;
}

static char *copy(const char *text, size_t n)
{
    char *out = malloc(n + 1);
    if (out) {
        memcpy(out, text, n);
        out[n] = '\0';
    }
    return out;
}

/* What an engineer sets, each with its reason in the header of this file. */
static char *tighten(char *text)
{
    text = edit(text, "\"mode\": \"observe\"", NULL, "\"mode\": \"enforce\", \"asset\": 3");
    for (int c = 0; c < PLANT_CHANNELS; c++) {
        int spare = c == PLANT_CURRENT || c == PLANT_VIBRATION || c == PLANT_VALVE_FB;
        char old[64], with[128];
        snprintf(old, sizeof old, "{\"name\": \"%s\", \"fail_lo\"", plant_channel[c]);
        snprintf(with, sizeof with, "{\"name\": \"%s\", \"unit\": \"%s\", %s\"fail_lo\"", plant_channel[c], plant_unit[c],
                 spare ? "\"required\": false, " : "");
        text = edit(text, old, NULL, with);
    }
    text = edit(text, "\"Cel\", \"fail_lo\"", ", \"rate_fail\"", "\"Cel\", \"fail_lo\": 10, \"fail_hi\": 70");
    text = edit(text, "{\"name\": \"valve\", \"lo\"", ", \"safe\"",
                "{\"name\": \"valve\", \"unit\": \"%\", \"lo\": 45, \"hi\": 55, \"rate\": 100");
    text = edit(text, "\"correlate\": {}", NULL,
                "\"correlate\": {\"window_ms\": 180000, \"quiet_ms\": 300000, \"heartbeat_ms\": 180000},\n"
                "  \"updates\": {\"slot_bytes\": 16384, \"probation_frames\": 600, \"max_disagreement\": 0.03, "
                "\"min_clock\": \"synced\"}");
    text = edit(text, "\"commit_ms\": 1000", NULL, "\"commit_ms\": 60000");
    return drop_unpromised(text);
}

static double number(const dura_json *doc, uint32_t object, const char *name)
{
    double v = 0.0;
    return dura_json_get_f64(doc, dura_json_member(doc, object, name), &v, NULL) == DURA_OK ? v : 0.0;
}

/* What the judge needs to know of the policy: it reads it like anybody else. */
static int read_policy(demo *d, const char *text, dura_error *err)
{
    dura_json *doc;
    int rc = dura_json_parse(text, strlen(text), "policy.json", &doc, err);
    if (rc != DURA_OK)
        return rc;
    uint32_t p1 = dura_json_first(doc, dura_json_member(doc, DURA_JSON_ROOT, "channels"));
    uint32_t valve = dura_json_first(doc, dura_json_member(doc, DURA_JSON_ROOT, "outputs"));
    d->band_lo = number(doc, p1, "fail_lo");
    d->band_hi = number(doc, p1, "fail_hi");
    d->far = number(doc, dura_json_member(doc, DURA_JSON_ROOT, "updates"), "max_disagreement") *
             (number(doc, valve, "hi") - number(doc, valve, "lo"));
    dura_json_deinit(doc);
    return d->band_hi > d->band_lo && d->far > 0.0 ? DURA_OK
               : dura_error_set(err, DURA_EINVAL, "policy.json", 0, NULL, "has no limits for p1 or the valve");
}

static int make_policy(demo *d, dura_error *err)
{
    char csv[DEMO_PATH], model[DEMO_PATH];
    dura_learn_options o = DURA_LEARN_OPTIONS_INIT;
    dura_learned *l;
    size_t n;
    o.frames = demo_path(d, "clean.csv", csv);
    o.model = demo_path(d, model_file[0], model);
    o.baseline = "valve";
    o.name = DEVICE;
    o.checks = "none";          /* the story's figures (docs/cmd/demo.md) are those of limits, drift and events */
    int rc = dura_learn_csv(&l, &o, err);
    if (rc != DURA_OK)
        return rc;
    const char *learned = dura_learned_policy(l, &n);
    char *text = tighten(copy(learned, n));
    dura_learned_deinit(l);
    if (!text)
        return dura_error_set(err, DURA_EINVAL, "policy.json", 0, NULL, "is not as `dura learn` used to write it");
    rc = read_policy(d, text, err);
    if (rc == DURA_OK)
        rc = write_file(d, "policy.json", text, strlen(text), err);
    free(text);
    return rc;
}

/* ---- what is signed ---------------------------------------------------------------------------- */

/* Golden inputs from clean operation. */
static void golden_inputs(const demo *d, float x[GOLDEN * PLANT_INPUTS])
{
    plant p;
    plant_eye eye = {{0}, 0.0, 0};
    float v[PLANT_CHANNELS];
    uint8_t missing[PLANT_CHANNELS];
    double in[PLANT_INPUTS];
    plant_init(&p, d->seed);
    double command = p.command;
    for (int i = 0; i < GOLDEN * GOLDEN_APART; i++) {
        plant_step(&p, command, v, missing);
        command = plant_expert(&p, v);
        (void)plant_look(&eye, v, in);
        for (int k = 0; k < PLANT_INPUTS && (i + 1) % GOLDEN_APART == 0; k++)
            x[i / GOLDEN_APART * PLANT_INPUTS + k] = (float)in[k];
    }
}

/* The envelope around a brain, signed. */
static int sign(const demo *d, const char *name, uint64_t version, const void *policy, size_t policy_len, const void *brain,
                size_t len, dura_error *err)
{
    uint8_t payload[DURA_RELEASE_PAYLOAD_MAX], envelope[DURA_RELEASE_MAX];
    size_t n = sizeof payload, size = sizeof envelope;
    dura_release r = DURA_RELEASE_INIT;
    r.component = DURA_COMPONENT_BRAIN;
    r.version = r.floor_ = version;
    r.length = len;
    dura_sha256_query(r.digest, brain, len);
    dura_sha256_query(r.policy, policy, policy_len);
    snprintf(r.device, sizeof r.device, "%s", DEVICE);
    snprintf(r.name, sizeof r.name, "%s", name);
    int rc = dura_release_encode(&r, payload, &n, err);
    if (rc == DURA_OK)
        rc = dura_envelope_make(payload, n, envelope, &size);
    if (rc == DURA_OK)
        rc = dura_envelope_sign(envelope, &size, sizeof envelope, dura_dev_seed());
    return rc == DURA_OK ? write_file(d, name, envelope, size, err) : rc;
}

/* Model number `version` as a release: its golden vectors are what it answers itself, so a
 * wrong model has them right. */
static int make_release(const demo *d, const char *name, uint64_t version, const void *policy, size_t policy_len,
                        dura_error *err)
{
    float x[GOLDEN * PLANT_INPUTS];
    char path[DEMO_PATH], brain_name[64];
    void *model = NULL, *brain = NULL;
    size_t model_len, len = 0;
    int kind = DURA_PACK_LINEAR;
    dura_golden g = DURA_GOLDEN_INIT;
    golden_inputs(d, x);
    int rc = cli_load_image(demo_path(d, model_file[version], path), &kind, &model, &model_len, err);
    if (rc == DURA_OK)
        rc = dura_golden_from(&g, model, model_len, x, GOLDEN, 1e-4f, 1e-5f, err);
    if (rc == DURA_OK)
        rc = dura_brain_make(model, model_len, &g, &brain, &len, err);
    snprintf(brain_name, sizeof brain_name, "%s.brain", name);
    if (rc == DURA_OK)
        rc = write_file(d, brain_name, brain, len, err);
    if (rc == DURA_OK)
        rc = sign(d, name, version, policy, policy_len, brain, len, err);
    dura_golden_deinit(&g);
    dura_pack_deinit(brain);
    dura_pack_deinit(model);
    return rc;
}

static int make_factory(const demo *d, const void *policy, size_t policy_len, dura_error *err)
{
    char path[DEMO_PATH];
    uint8_t record[512];
    void *model;
    size_t model_len, n = sizeof record;
    int kind = DURA_PACK_LINEAR;
    int rc = cli_load_image(demo_path(d, model_file[0], path), &kind, &model, &model_len, err);
    if (rc != DURA_OK)
        return rc;
    rc = dura_factory_make(record, &n, policy, policy_len, model, model_len, 0, dura_dev_seed());
    dura_pack_deinit(model);
    return rc == DURA_OK ? write_file(d, "factory.record", record, n, err) : rc;
}

int demo_make(demo *d, dura_error *err)
{
    char path[DEMO_PATH];
    void *policy;
    size_t len;
    int kind = DURA_PACK_POLICY;
    int rc = make_models(d, err);
    if (rc == DURA_OK)
        rc = make_policy(d, err);
    if (rc == DURA_OK)
        rc = make_events(d, err);
    if (rc == DURA_OK)
        rc = cli_load_image(demo_path(d, "policy.json", path), &kind, &policy, &len, err);
    if (rc != DURA_OK)
        return rc;
    rc = make_factory(d, policy, len, err);
    if (rc == DURA_OK)
        rc = make_release(d, "good.dura", DEMO_GOOD, policy, len, err);
    if (rc == DURA_OK)
        rc = make_release(d, "bad.dura", DEMO_BAD, policy, len, err);
    dura_pack_deinit(policy);
    return rc;
}
