/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One decision as a document: the members of its record as `dura show --json` has them,
 * and behind them what was read around it. docs/cmd/why.md has the members.
 */
#include "dura_host_why_read.h"

#include <dura/host/crypto.h>
#include <dura/host/incident.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dura_host_files_priv.h"
#include "dura_host_frames_priv.h"
#include "dura_host_story_priv.h"

enum { TOP = 10 };

/* The shortest decimal that reads back as the same binary32. */
static void out_f32(durai_out *o, const char *key, float v)
{
    char d[32];
    int digits = 6;
    if (!durai_finite(v)) {
        durai_out_null(o, key);
        return;
    }
    do
        snprintf(d, sizeof d, "%.*g", digits, (double)v);
    while (durai_f32_bits(strtof(d, NULL)) != durai_f32_bits(v) && ++digits <= 9);
    durai_out_json(o, key, d, strlen(d));
}

static void out_seconds(durai_out *o, const char *key, int64_t ns)
{
    durai_out_num(o, key, (double)ns * 1e-9, 12);
}

/* ---- what was measured --------------------------------------------------------------------- */

static void out_broken(durai_out *o, const char *check, double value, double limit, const char *unit)
{
    durai_out_open(o, NULL, '{');
    durai_out_text(o, "check", check);
    durai_out_num(o, "value", value, 7);
    durai_out_num(o, "limit", limit, 7);
    durai_out_num(o, "by", value > limit ? value - limit : limit - value, 7);
    durai_out_text(o, "unit", unit);
    durai_out_close(o, '}');
}

static void out_range(durai_out *o, const durai_policy_channel *c, float x, uint32_t why, const char *unit)
{
    int fail = (why & DURA_R_RANGE_FAIL) != 0;
    float lo = fail ? c->fail_lo : c->suspect_lo, hi = fail ? c->fail_hi : c->suspect_hi;
    if (why & (DURA_R_RANGE_FAIL | DURA_R_RANGE_SUSPECT))
        out_broken(o, fail ? "range_fail" : "range_suspect", (double)x, (double)(x < lo ? lo : hi), unit);
}

static void out_rate(durai_out *o, const durai_why *w, uint32_t c, float x, uint32_t why, const char *unit)
{
    const durai_past *p = &w->before[c];
    const durai_policy_channel *l = &w->limit[c];
    char per[72];
    int fail = (why & DURA_R_RATE_FAIL) != 0;
    double dt = (double)(w->at.mono_ns - p->last_ns) * 1e-9, dx = (double)x - (double)p->last;
    if (!(why & (DURA_R_RATE_FAIL | DURA_R_RATE_SUSPECT)) || !p->has_last || dt <= 0)
        return;
    snprintf(per, sizeof per, "%s/s", unit[0] ? unit : "1");
    out_broken(o, fail ? "rate_fail" : "rate_suspect", (dx < 0 ? -dx : dx) / dt,
               (double)(fail ? l->rate_fail : l->rate_suspect), per);
}

static void out_flat(durai_out *o, const durai_why *w, uint32_t c, uint32_t why)
{
    const durai_past *p = &w->before[c];
    const durai_policy_channel *l = &w->limit[c];
    int fail = (why & DURA_R_FLAT_FAIL) != 0;
    if ((why & (DURA_R_FLAT_FAIL | DURA_R_FLAT_SUSPECT)) && p->has_rest)
        out_broken(o, fail ? "flat_fail" : "flat_suspect", (double)(w->at.mono_ns - p->rest_ns) * 1e-9,
                   (double)(fail ? l->flat_fail_ms : l->flat_suspect_ms) * 1e-3, "s");
}

/* Which limits a channel broke, and by how much. */
static void out_limits(durai_out *o, const durai_why *w, uint32_t c)
{
    const durai_past *p = &w->before[c];
    const char *unit = w->run.units[c];
    uint32_t why = w->v.why[c];
    float x = w->v.values[c];
    durai_out_open(o, "broke", '[');
    if (durai_finite(x) && w->v.n_values && !w->v.missing[c]) {
        out_range(o, &w->limit[c], x, why, unit);
        out_rate(o, w, c, x, why, unit);
        out_flat(o, w, c, why);
    }
    if ((why & DURA_R_STALE) && p->has_last)
        out_broken(o, "stale", (double)(w->at.mono_ns - p->last_ns) * 1e-9, (double)w->limit[c].max_age_ms * 1e-3, "s");
    if ((why & DURA_R_TIME_GAP) && w->gap_ns)
        out_broken(o, "time_gap", (double)w->step_ns * 1e-9, (double)w->gap_ns * 1e-9, "s");
    durai_out_close(o, ']');
}

static void out_measured(durai_out *o, const durai_why *w)
{
    durai_out_open(o, "measured", '[');
    for (uint32_t c = 0; w->v.n_values && c < w->run.n_channels; c++) {
        durai_out_open(o, NULL, '{');
        durai_out_text(o, "name", w->run.names[c]);
        durai_out_text(o, "unit", w->run.units[c]);
        if (w->v.missing[c])
            durai_out_null(o, "value");
        else
            out_f32(o, "value", w->v.values[c]);
        durai_out_name(o, "verdict", DURA_NAME_VERDICT, w->v.verdict[c]);
        durai_out_bits(o, "reasons", DURA_NAME_SENSOR_REASON, w->v.why[c]);
        if (w->state[c].struct_size)
            out_f32(o, "quality", w->state[c].quality);
        else
            durai_out_null(o, "quality");
        durai_out_bool(o, "required", w->limit[c].required);
        out_limits(o, w, c);
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
}

/* ---- what the model was given and said ------------------------------------------------------ */

static void out_fed(durai_out *o, const durai_why *w)
{
    durai_out_open(o, "fed", '[');
    for (uint32_t i = 0; i < w->v.n_inputs; i++) {
        uint32_t thing = durai_run_input(&w->run, i);
        durai_out_open(o, NULL, '{');
        durai_out_text(o, "name", durai_run_name(&w->run, thing));
        durai_out_text(o, "unit", w->run.units[thing]);
        out_f32(o, "value", w->v.inputs[i]);
        if (thing < w->run.n_channels && (w->v.why[thing] & DURA_R_SUBSTITUTED))
            durai_out_bool(o, "held", 1);
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
}

/* What the envelope did to output k. */
static void out_changed(durai_out *o, const durai_why *w, uint32_t k, const durai_policy_output *p)
{
    float x = w->v.raw[k], reach = 0;
    durai_out_open(o, "changed", '[');
    if (w->v.n_raw && x < p->lo)
        durai_out_text(o, NULL, "lo");
    else if (w->v.n_raw && x > p->hi)
        durai_out_text(o, NULL, "hi");
    if (w->v.n_raw && w->has_reach && p->rate > 0) {
        int64_t dt = w->at.mono_ns - w->reach_ns;
        reach = p->rate * (dt > 0 ? (float)dt * 1e-9f : 0.0f);
        x = x < p->lo ? p->lo : x > p->hi ? p->hi : x;
        if (x > w->reach[k] + reach || x < w->reach[k] - reach)
            durai_out_text(o, NULL, "rate");
    }
    durai_out_close(o, ']');
}

static void out_answer(durai_out *o, const durai_why *w)
{
    durai_out_open(o, "answer", '[');
    for (uint32_t k = 0; k < w->run.n_outputs; k++) {
        durai_policy_output p;
        uint32_t thing = (uint32_t)w->run.n_channels + k;
        if (durai_policy_get_output(w->run.policy, k, &p) != DURA_OK)
            continue;
        durai_out_open(o, NULL, '{');
        durai_out_text(o, "name", w->run.names[thing]);
        durai_out_text(o, "unit", w->run.units[thing]);
        if (w->v.n_raw)
            out_f32(o, "raw", w->v.raw[k]);
        else
            durai_out_null(o, "raw");
        out_f32(o, "lo", p.lo);
        out_f32(o, "hi", p.hi);
        out_f32(o, "rate", p.rate);
        out_f32(o, "safe", p.safe);
        durai_out_text(o, "on_violation", p.on_violation == DURAI_OUTPUT_FALLBACK ? "fallback" : "clamp");
        out_changed(o, w, k, &p);
        if (w->has_reach)
            out_f32(o, "before", w->reach[k]);
        out_f32(o, "proposed", w->v.proposed[k]);
        out_f32(o, "driven", w->v.driven[k]);
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
}

/* ---- attribution ------------------------------------------------------------------------------ */

/* What attribution works with. */
typedef struct share_work {
    uint8_t *model;
    size_t model_len;
    uint8_t digest[32];
    int kind, how;
    float *baseline, *contribution, *share;
    uint8_t *known;
    uint32_t n_known;
    float answer[DURA_OUTPUTS_MAX], base[DURA_OUTPUTS_MAX];
    char why_not[256];
} share_work;

static int float_order(const void *a, const void *b)
{
    float x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* The median of the first decisions where the policy knows no mean. */
static int fill_medians(share_work *s, const durai_why *w)
{
    float *col = malloc((w->n_rows ? w->n_rows : 1) * sizeof *col);
    if (!col)
        return DURA_ENOSPC;
    for (uint32_t i = 0; i < w->run.n_inputs; i++) {
        if (s->known[i])
            continue;
        for (uint32_t k = 0; k < w->n_rows; k++)
            col[k] = w->rows[(size_t)k * w->run.n_inputs + i];
        qsort(col, w->n_rows, sizeof *col, float_order);
        s->baseline[i] = w->n_rows ? col[w->n_rows / 2] : w->v.inputs[i];
    }
    free(col);
    return DURA_OK;
}

/* Is there a model to ask, and is it the one that answered? */
static int ready(share_work *s, const durai_why *w)
{
    int rc = dura_pack_check(s->model, s->model_len, &s->kind);
    if (w->v.n_raw == 0)
        snprintf(s->why_not, sizeof s->why_not, "%s", w->v.n_inputs ? "the model gave no answer" : "the model was not asked");
    else if (rc != DURA_OK || s->kind == DURA_PACK_POLICY)
        snprintf(s->why_not, sizeof s->why_not,
                 "the model is a C function: its bytes are not in the folder, only the name of it; give the packed model "
                 "with --model if there is one");
    else if (w->v.brain_len && memcmp(s->digest, w->v.brain, w->v.brain_len) != 0)
        snprintf(s->why_not, sizeof s->why_not,
                 "another model answered (an update, or the former one in probation): give it with --model");
    else if (w->n_rows == 0 && s->n_known < w->run.n_inputs)
        snprintf(s->why_not, sizeof s->why_not,
                 "there is nothing to compare with: the policy has no references, and this is the first decision");
    return s->why_not[0] == 0;
}

static int attribute(share_work *s, const durai_why *w)
{
    uint32_t n = w->run.n_inputs;
    s->baseline = calloc(n, sizeof *s->baseline);
    s->known = calloc(n, 1);
    s->share = calloc(n, sizeof *s->share);
    s->contribution = calloc((size_t)n * w->run.n_outputs, sizeof *s->contribution);
    if (!s->baseline || !s->known || !s->share || !s->contribution)
        return DURA_ENOSPC;
    int known = dura_why_baseline(w->run.policy, w->run.policy_len, s->baseline, s->known, n);
    s->n_known = known > 0 ? (uint32_t)known : 0;
    if (!ready(s, w))
        return DURA_OK;
    int rc = fill_medians(s, w);
    if (rc == DURA_OK)
        rc = dura_why_contributions(s->model, s->model_len, w->v.inputs, s->baseline, n, s->answer, s->base,
                                    w->run.n_outputs, s->contribution, &s->how);
    if (rc == DURA_ENOSPC)
        return rc;
    if (rc != DURA_OK)
        snprintf(s->why_not, sizeof s->why_not, "the model cannot be asked again: %s", dura_strerror(rc));
    return DURA_OK;
}

/* Shares of output k; how much of the distance they explain. */
static double share_out(const durai_why *w, share_work *s, uint32_t k)
{
    double explained = 0;
    const float *c = s->contribution + (size_t)k * w->run.n_inputs;
    int rc = dura_why_shares(c, w->run.n_inputs, s->answer[k], s->base[k], s->share, &explained);
    DURA_ASSERT(rc == DURA_OK);
    return rc == DURA_OK ? explained : 0;
}

/* The largest shares of an output, equal ones in the order of the inputs. */
static void out_top(durai_out *o, const durai_why *w, const share_work *s, uint32_t k)
{
    uint32_t n = w->run.n_inputs, most = w->options->top ? w->options->top : TOP, last = UINT32_MAX;
    const float *c = s->contribution + (size_t)k * n;
    float above = 2.0f;
    durai_out_open(o, "top", '[');
    for (uint32_t told = 0; told < most && told < n; told++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < n; i++) {
            int behind = s->share[i] < above || (last != UINT32_MAX && !(s->share[i] > above) && i > last);
            if (behind && (best == UINT32_MAX || s->share[i] > s->share[best]))
                best = i;
        }
        if (best == UINT32_MAX)
            break;
        above = s->share[best];
        last = best;
        durai_out_open(o, NULL, '{');
        durai_out_text(o, "name", durai_run_name(&w->run, durai_run_input(&w->run, best)));
        out_f32(o, "value", w->v.inputs[best]);
        out_f32(o, "baseline", s->baseline[best]);
        out_f32(o, "contribution", c[best]);
        durai_out_num(o, "share", (double)s->share[best], 6);
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
}

static void out_output(durai_out *o, const durai_why *w, share_work *s, uint32_t k)
{
    double explained = share_out(w, s, k);
    durai_out_open(o, NULL, '{');
    durai_out_text(o, "name", w->run.names[w->run.n_channels + k]);
    out_f32(o, "answer", s->answer[k]);
    out_f32(o, "baseline_answer", s->base[k]);
    if (s->answer[k] < s->base[k] || s->answer[k] > s->base[k])
        durai_out_num(o, "explained", explained, 6);
    else
        durai_out_null(o, "explained");
    out_top(o, w, s, k);
    durai_out_close(o, '}');
}

static void out_attribution(durai_out *o, const durai_why *w, share_work *s)
{
    static const char *const methods[] = {NULL, "exact", "occlusion", "shapley"};
    if (!s->why_not[0]) {        /* "top" of the decision itself: its first output's */
        (void)share_out(w, s, 0);
        out_top(o, w, s, 0);
    } else {
        durai_out_open(o, "top", '[');
        durai_out_close(o, ']');
    }
    durai_out_open(o, "attribution", '{');
    durai_out_text(o, "why_not", s->why_not[0] ? s->why_not : NULL);
    durai_out_text(o, "method", methods[s->how]);
    durai_out_uint(o, "inputs", w->run.n_inputs);
    durai_out_uint(o, "baseline_from_references", s->n_known);
    durai_out_uint(o, "baseline_from_medians", s->why_not[0] ? 0 : w->run.n_inputs - s->n_known);
    durai_out_uint(o, "median_of", s->n_known < w->run.n_inputs ? w->n_rows : 0);
    durai_out_open(o, "outputs", '[');
    for (uint32_t k = 0; !s->why_not[0] && k < w->run.n_outputs; k++)
        out_output(o, w, s, k);
    durai_out_close(o, ']');
    durai_out_close(o, '}');
}

/* The model that answered: which it is, as far as the records say. */
static void out_brain(durai_out *o, const durai_why *w, const share_work *s)
{
    int mine = w->v.brain_len && memcmp(s->digest, w->v.brain, w->v.brain_len) == 0;
    int first = w->has_start && memcmp(w->start_model, w->v.brain, sizeof w->start_model) == 0;
    uint64_t version = w->trial_version ? w->trial_version : w->kept_version;
    durai_out_open(o, "brain", '{');
    durai_out_hex(o, "digest", w->v.brain, w->v.brain_len);
    if (mine)
        durai_out_hex(o, "sha256", s->digest, 32);
    else
        durai_out_null(o, "sha256");
    durai_out_text(o, "kind", !mine ? NULL : s->kind == DURA_PACK_LINEAR ? "linear" : s->kind == DURA_PACK_TREES ? "trees"
                                                                                                 : "function");
    durai_out_bool(o, "of_the_start", first);
    if (version && !first)
        durai_out_uint(o, "release", version);
    else
        durai_out_null(o, "release");
    durai_out_bool(o, "probation", w->trial_version != 0);
    durai_out_close(o, '}');
}

static int load_model(share_work *s, const durai_why *w, dura_error *err)
{
    int rc = w->options->model ? durai_host_load_model(w->options->model, &s->model, &s->model_len, err)
                               : durai_host_read_in(w->run.folder, "model.bin", &s->model, &s->model_len, err);
    if (rc == DURA_OK)
        dura_sha256_query(s->digest, s->model, s->model_len);
    return rc;
}

static int out_model(durai_out *o, const durai_why *w, dura_error *err)
{
    share_work s;
    memset(&s, 0, sizeof s);
    int rc = load_model(&s, w, err);
    if (rc == DURA_OK && (rc = attribute(&s, w)) != DURA_OK)
        (void)dura_error_set(err, rc, NULL, 0, NULL, "out of memory");
    if (rc == DURA_OK) {
        out_brain(o, w, &s);
        out_attribution(o, w, &s);
    }
    free(s.model);
    free(s.baseline);
    free(s.known);
    free(s.share);
    free(s.contribution);
    return rc;
}

/* ---- drift, incident --------------------------------------------------------------------------- */

static void out_drift(durai_out *o, const durai_why *w)
{
    if (!w->watched) {
        durai_out_null(o, "drift");
        return;
    }
    durai_out_open(o, "drift", '[');
    for (uint32_t i = 0; i < w->n_gauges; i++) {
        const durai_gauge *g = &w->gauge[i];
        durai_out_open(o, NULL, '{');
        durai_out_text(o, "name", g->name);
        durai_out_text(o, "of", g->id < w->run.n_channels ? "channel"
                                : g->id < (uint32_t)w->run.n_channels + w->run.n_outputs ? "output"
                                : g->id < (uint32_t)w->run.n_channels + w->run.n_outputs + w->run.n_features ? "feature" : "mspc");
        durai_out_name(o, "detector", DURA_NAME_DETECTOR, g->detector);
        durai_out_bool(o, "alarm", g->s.alarm);
        durai_out_name(o, "direction", DURA_NAME_DRIFT, g->s.direction);
        out_f32(o, "size", g->s.size);
        durai_out_uint(o, "onset", g->s.onset);
        out_f32(o, "statistic", g->s.statistic);
        out_f32(o, "limit", g->s.limit);
        out_f32(o, "z", g->s.z);
        durai_out_uint(o, "samples", g->s.n);
        durai_out_bits(o, "why", DURA_NAME_DRIFT_WHY, g->s.why);
        durai_out_open(o, "blamed", '[');
        for (uint32_t k = 0; k < DURA_DRIFT_BLAMED && g->blamed[k]; k++)
            durai_out_text(o, NULL, g->blamed[k]);
        durai_out_close(o, ']');
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
}

static void out_told(durai_out *o, const char *name, const durai_why *w, const durai_told *t)
{
    durai_out_open(o, name, '{');
    durai_out_uint(o, "gseq", t->gseq);
    durai_out_iso(o, "t", t->time.quality != 0, t->time.wall_ns);
    durai_out_bool(o, "before", t->before);
    if (t->before)
        durai_out_uint(o, "decisions_ago", w->beats.decisions - t->decisions);
    durai_out_text(o, "text", t->text);
    durai_out_close(o, '}');
}

static void out_monitor(durai_out *o, const durai_why *w)
{
    if (!w->watched) {
        durai_out_null(o, "monitor");
        return;
    }
    durai_out_open(o, "monitor", '{');
    durai_out_uint(o, "promised", w->beats.selftest);
    durai_out_uint(o, "heartbeats", w->beats.heartbeats);
    durai_out_uint(o, "failures", w->beats.failures);
    durai_out_uint(o, "silences", w->beats.silences);
    if (w->alive.gseq)
        out_told(o, "alive", w, &w->alive);
    else
        durai_out_null(o, "alive");
    durai_out_open(o, "trouble", '[');
    for (uint32_t i = 0; i < w->n_trouble; i++)
        out_told(o, NULL, w, &w->trouble[i]);
    durai_out_close(o, ']');
    durai_out_open(o, "retrain", '[');
    for (uint32_t i = 0; i < DURAI_WHY_RETRAIN; i++)
        if (w->retrain[i].gseq)
            out_told(o, NULL, w, &w->retrain[i]);
    durai_out_close(o, ']');
    durai_out_close(o, '}');
}

static void out_said(durai_out *o, const durai_said *s)
{
    durai_out_open(o, NULL, '{');
    durai_out_uint(o, "gseq", s->gseq);
    durai_out_iso(o, "t", s->time.quality != 0, s->time.wall_ns);
    durai_out_text(o, "type", s->type);
    durai_out_text(o, "actor", s->actor[0] ? s->actor : NULL);
    durai_out_text(o, "detail", s->detail);
    durai_out_close(o, '}');
}

/* A number alone means the last incident of that number before it was said. */
static int means(const durai_why *w, const durai_said *s, const durai_case_of *c)
{
    char plain[24], full[48];
    snprintf(plain, sizeof plain, "%" PRIu32, c->i.id);
    snprintf(full, sizeof full, "%" PRIu32 "/%" PRIu32, c->i.begin.boot, c->i.id);
    if (strcmp(s->id, full) == 0)
        return 1;
    if (strcmp(s->id, plain) != 0 || c->gseq > s->gseq)
        return 0;
    for (const durai_case_of *k = c + 1; k < w->cases.p + w->cases.n; k++)
        if (k->i.id == c->i.id && k->gseq < s->gseq)
            return 0;
    return 1;
}

static int out_incident(durai_out *o, const durai_why *w)
{
    const durai_case_of *c = durai_why_case(w);
    size_t n = 0;
    durai_out_text(o, "incidents", w->cases.anew ? "joined anew" : "recorded");
    if (!c) {
        durai_out_null(o, "incident");
        return DURA_OK;
    }
    char *text = dura_incident_json(&c->i, &w->run.shown, NULL, &n) == DURA_ENOSPC ? malloc(n) : NULL;
    int rc = text ? dura_incident_json(&c->i, &w->run.shown, text, &n) : DURA_ENOSPC;
    if (rc == DURA_OK)
        durai_out_json(o, "incident", text, n);
    free(text);
    durai_out_open(o, "said", '[');
    for (uint32_t i = 0; rc == DURA_OK && i < w->n_said; i++)
        if (means(w, &w->said[i], c))
            out_said(o, &w->said[i]);
    durai_out_close(o, ']');
    return rc;
}

/* ---- security ------------------------------------------------------------------------------------ */

static void out_near(durai_out *o, const durai_near *n)
{
    durai_out_open(o, NULL, '{');
    durai_out_uint(o, "gseq", n->gseq);
    durai_out_iso(o, "t", n->time.quality != 0, n->time.wall_ns);
    out_seconds(o, "after_s", n->after_ns);
    durai_out_text(o, "category", n->category);
    durai_out_text(o, "type", n->type);
    durai_out_name(o, "class", DURA_NAME_EVENT, n->class_);
    durai_out_uint(o, "severity", n->severity);
    durai_out_bool(o, "trusted", n->trusted);
    durai_out_bool(o, "mapped", n->mapped);
    durai_out_text(o, "result", n->result[0] ? n->result : NULL);
    durai_out_text(o, "actor", n->actor[0] ? n->actor : NULL);
    durai_out_text(o, "peer", n->peer[0] ? n->peer : NULL);
    durai_out_text(o, "detail", n->detail[0] ? n->detail : NULL);
    durai_out_close(o, '}');
}

static void out_gap(durai_out *o, const char *name, const char *text)
{
    durai_out_open(o, NULL, '{');
    durai_out_text(o, "name", name);
    durai_out_text(o, "text", text);
    durai_out_close(o, '}');
}

/* Silence proves nothing: what was not looked at is named. */
static void out_missing(durai_out *o, const durai_why *w)
{
    char text[200];
    durai_out_open(o, "missing", '[');
    if (w->events == 0)
        out_gap(o, "security", "no security event was ever recorded: nothing can be said about the network");
    else if (w->last_event_ns < 0 || w->last_event_ns > w->heartbeat_ns)
        out_gap(o, "heartbeat", "no security source spoke for so long before the decision that its silence says nothing");
    if (w->events && w->trusted == 0)
        out_gap(o, "trust", "no security event is authenticated: anybody on the network could have sent or kept them back");
    if (w->unmapped) {
        snprintf(text, sizeof text, "%" PRIu64 " events around the decision could not be mapped to an asset", w->unmapped);
        out_gap(o, "assets", text);
    }
    if (!w->watched)
        out_gap(o, "drift", "the policy watches no drift");
    if (w->dropped) {
        snprintf(text, sizeof text, "%" PRIu64 " records were lost before the decision", w->dropped);
        out_gap(o, "log", text);
    }
    if (w->at.quality == 0)
        out_gap(o, "clock", "the decision has no wall clock: only events of the same start can be joined to it");
    durai_out_close(o, ']');
}

static void out_security(durai_out *o, const durai_why *w)
{
    durai_out_open(o, "security", '{');
    out_seconds(o, "window_s", w->run.window_ns);
    durai_out_uint(o, "in_window", w->in_window);
    durai_out_uint(o, "in_run", w->events);
    durai_out_uint(o, "heartbeats", w->heartbeats);
    durai_out_open(o, "events", '[');
    for (uint32_t i = 0; i < w->n_before; i++)
        out_near(o, &w->before_event[i]);
    for (uint32_t i = 0; i < w->n_after; i++)
        out_near(o, &w->after_event[i]);
    durai_out_close(o, ']');
    durai_out_uint(o, "left_out", w->in_window - w->n_before - w->n_after);
    out_missing(o, w);
    durai_out_close(o, '}');
    durai_out_open(o, "labels", '[');
    for (uint32_t i = 0; i < w->n_labels; i++)
        out_said(o, &w->label[i]);
    durai_out_close(o, ']');
}

/* ---- proof ------------------------------------------------------------------------------------------ */

static void out_verify(durai_out *o, const durai_why *w)
{
    char text[1024];
    durai_out_open(o, "verify", '{');
    if (w->verify_rc != DURA_OK) {
        durai_out_null(o, "word");
        durai_out_text(o, "text", dura_error_text(&w->verify_error, text, sizeof text));
    } else {
        durai_out_text(o, "word", dura_verify_word(w->verify.word));
        durai_out_text(o, "rule", dura_verify_rule(w->verify.rule));
        durai_out_text(o, "text", w->verify.text);
        durai_out_text(o, "vouched", w->verify.vouched[0] ? w->verify.vouched : NULL);
        durai_out_bool(o, "demo_key", w->verify.demo_key);
        durai_out_uint(o, "sealed", w->verify.sealed);
    }
    durai_out_close(o, '}');
}

static void out_proof(durai_out *o, const durai_why *w)
{
    char text[1024];
    durai_out_open(o, "proof", '{');
    durai_out_uint(o, "gseq", w->at.gseq);
    durai_out_uint(o, "seq", w->seq);
    durai_out_hex(o, "leaf", w->leaf, 32);
    durai_out_bool(o, "sealed", w->sealed);
    if (w->sealed) {
        durai_out_uint(o, "epoch", w->seal_epoch);
        durai_out_uint(o, "tree_size", w->seal_size);
        durai_out_hex(o, "root", w->seal_root, 32);
        durai_out_uint(o, "seal_gseq", w->seal_gseq);
    }
    durai_out_text(o, "damage", w->read_rc < 0 ? dura_error_text(&w->read_error, text, sizeof text) : NULL);
    out_verify(o, w);
    durai_out_close(o, '}');
}

/* ---- the call ---------------------------------------------------------------------------------------- */

int durai_why_write(const durai_why *w, char **text, size_t *len, dura_error *err)
{
    durai_out o;
    memset(&o, 0, sizeof o);
    durai_out_json(&o, NULL, w->json, strlen(w->json) - 1u);     /* its closing brace comes last */
    out_measured(&o, w);
    out_fed(&o, w);
    out_answer(&o, w);
    int rc = out_model(&o, w, err);
    out_drift(&o, w);
    out_monitor(&o, w);
    if (rc == DURA_OK && out_incident(&o, w) != DURA_OK)
        rc = dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    out_security(&o, w);
    out_proof(&o, w);
    durai_out_close(&o, '}');
    if (rc == DURA_OK && o.failed)
        rc = dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    if (rc != DURA_OK) {
        free(o.p);
        return rc;
    }
    *text = o.p;
    *len = o.len;
    return DURA_OK;
}

static int pick(durai_why *w, dura_error *err)
{
    const dura_why_options *o = w->options;
    durai_index x;
    int64_t at = 0;
    if (o->which == DURA_PICK_AT && o->time_format && !durai_time_format_ok(o->time_format))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "--time-format", "%s: is no format", o->time_format);
    if (o->which == DURA_PICK_AT && durai_time_text(o->at, o->time_format, &at) < 0)
        return dura_error_set(err, DURA_ETIME, NULL, 0, "--at", "%s is no time: want ISO 8601, seconds since 1970, or "
                              "--time-format", o->at);
    int rc = durai_index_load(&x, w->run.folder, err);
    if (rc != DURA_OK)
        return rc;
    if (o->which == DURA_PICK_FRAME)
        rc = durai_index_frame(&x, w->run.folder, o->frame, &w->at, err);
    else if (o->which == DURA_PICK_AT)
        rc = durai_index_at(&x, w->run.folder, at, &w->at, err);
    else
        w->at = x.by_gseq[x.n - 1];
    durai_index_free(&x);
    return rc;
}

int dura_why_json(const char *folder, const dura_why_options *options, char **text, size_t *len, dura_error *err)
{
    dura_why_options none = DURA_WHY_OPTIONS_INIT;
    const dura_why_options *o = options ? options : &none;
    if (!folder || !text || !len || o->struct_size < sizeof *o || o->which > DURA_PICK_AT ||
        (o->which == DURA_PICK_AT && !o->at))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options of another version");
    *text = NULL;
    *len = 0;
    durai_why *w = calloc(1, sizeof *w);
    if (!w)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    w->options = o;
    int rc = durai_run_open(&w->run, folder, err);
    if (rc == DURA_OK)
        rc = pick(w, err);
    if (rc == DURA_OK)
        rc = durai_why_read(w, err);
    if (rc == DURA_OK)
        rc = durai_why_write(w, text, len, err);
    durai_why_free(w);
    free(w);
    return rc;
}

void dura_why_deinit(char *text) { free(text); }

int dura_why_time(const char *text, const char *format, int64_t *ns)
{
    int64_t v;
    if (!text || !ns || (format && !durai_time_format_ok(format)))
        return DURA_EINVAL;
    if (durai_time_text(text, format, &v) < 0)
        return DURA_ETIME;
    *ns = v;
    return DURA_OK;
}
