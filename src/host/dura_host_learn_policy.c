/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was learned, as the JSON people read and tighten. Members stand in the order of
 * docs/formats/policy.md; defaults are left out, so that what is there was learned.
 */
#include "dura_host_learn_priv.h"

#include <float.h>

/* Where the limits come from, in a sentence. */
static void put_why(durai_text *t, const dura_learned *l, uint32_t c)
{
    const durai_limits *k = &l->limits[c];
    durai_text_put(t, ", \"why\": \"%.7g to %.7g in %zu rows, %.3g days", k->seen_lo, k->seen_hi, l->rows,
                   l->clock.seconds / 86400.0);
    if (k->flags & (uint32_t)DURA_LEARN_KEPT)
        durai_text_put(t, "; fail limits as given, learned ones are suspect\"");
    else
        durai_text_put(t, "; limits pass %.3g trips in 30 days\"", k->expected);
}

static void put_channel(durai_text *t, const dura_learned *l, uint32_t c)
{
    const durai_limits *k = &l->limits[c];
    durai_text_put(t, "    {\"name\": ");
    durai_text_json(t, l->rec.name[c]);
    if (!(k->flags & (uint32_t)DURA_LEARN_REQUIRED))
        durai_text_put(t, ", \"required\": false");
    if (k->hi > k->lo)
        durai_text_put(t, ", \"fail_lo\": %.9g, \"fail_hi\": %.9g", k->lo, k->hi);
    if (k->hi > k->lo && k->suspect_hi > k->suspect_lo)
        durai_text_put(t, ", \"suspect_lo\": %.9g, \"suspect_hi\": %.9g", k->suspect_lo, k->suspect_hi);
    if (k->rate_suspect > 0.0)
        durai_text_put(t, ", \"rate_suspect\": %.9g", k->rate_suspect);
    if (k->rate > 0.0)
        durai_text_put(t, ", \"rate_fail\": %.9g", k->rate);
    if (k->flat_ns > 0)
        durai_text_put(t, ", \"flat_tolerance\": %.9g, \"flat_fail_ms\": %lld", k->still,
                       (long long)(k->flat_ns / 1000000));
    if (k->age_ns > 0)
        durai_text_put(t, ", \"max_age_ms\": %lld", (long long)(k->age_ns / 1000000));
    if (k->hi > k->lo)
        put_why(t, l, c);
    durai_text_put(t, "}%s\n", c + 1 < l->rec.n ? "," : "");
}

static void put_feature(durai_text *t, const dura_learned *l, uint16_t i)
{
    static const char *const ops[] = {"", "value", "lag", "diff", "mean", "std", "min", "max", "ratio", "onehot"};
    const dura_feature_spec *f = &l->brain.spec[i];
    durai_text_put(t, "    {\"name\": ");
    durai_text_json(t, l->brain.input[i]);
    durai_text_put(t, ", \"op\": \"%s\", \"channel\": ", ops[f->op]);
    durai_text_json(t, l->rec.name[f->channel]);
    if (f->op == DURA_FEATURE_RATIO) {
        durai_text_put(t, ", \"channel2\": ");
        durai_text_json(t, l->rec.name[f->channel2]);
    }
    if (f->n > 0)
        durai_text_put(t, ", \"n\": %u", f->n);
    if (f->op == DURA_FEATURE_ONEHOT)
        durai_text_put(t, ", \"match\": %.9g", (double)f->match);
    durai_text_put(t, "}%s\n", i + 1 < l->brain.n_inputs ? "," : "");
}

static void put_inputs(durai_text *t, const dura_learned *l)
{
    const durai_brain *b = &l->brain;
    if (!b->plain) {
        durai_text_put(t, "  \"features\": [\n");
        for (uint16_t i = 0; i < b->n_inputs; i++)
            put_feature(t, l, i);
        durai_text_put(t, "  ],\n");
        return;
    }
    durai_text_put(t, "  \"model\": {\"inputs\": [");
    for (uint16_t i = 0; i < (b->image ? b->n_inputs : 1u); i++) {
        durai_text_put(t, i ? ", " : "");
        durai_text_json(t, b->image ? b->input[i] : l->rec.name[0]);
    }
    durai_text_put(t, "]},\n");
}

static void put_output(durai_text *t, const dura_learned *l, uint16_t i)
{
    const durai_envelope_learned *e = &l->envelope[i];
    durai_text_put(t, "    {\"name\": ");
    durai_text_json(t, l->brain.output[i]);
    durai_text_put(t, ", \"lo\": %.9g, \"hi\": %.9g", e->lo, e->hi);
    if (e->rate > 0.0)
        durai_text_put(t, ", \"rate\": %.9g", e->rate);
    durai_text_put(t, ", \"safe\": %.9g}%s\n", e->safe, i + 1 < l->brain.n_outputs ? "," : "");
}

static void put_reference(durai_text *t, const durai_watched *w, int last)
{
    durai_text_put(t, "    {\"of\": ");
    durai_text_json(t, w->name);
    durai_text_put(t, ", \"n\": %u, \"mean\": %.9g, \"deviation\": %.9g", w->ref.n, (double)w->ref.mean,
                   (double)w->ref.deviation);
    for (int k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
        if (w->ref.phi[k] < 0.0f || w->ref.phi[k] > 0.0f)
            durai_text_put(t, ", \"phi%d\": %.9g", k + 1, (double)w->ref.phi[k]);
    if (w->ref.resolution > 0.0f)
        durai_text_put(t, ", \"resolution\": %.9g", (double)w->ref.resolution);
    if (w->ref.clip > 0.0f)
        durai_text_put(t, ", \"clip\": %.9g", (double)w->ref.clip);
    if (w->ref.hold > 0.0f)
        durai_text_put(t, ", \"hold\": %.9g", (double)w->ref.hold);
    if (w->ref.low < w->ref.high)
        durai_text_put(t, ", \"low\": %.9g, \"high\": %.9g", (double)w->ref.low, (double)w->ref.high);
    if (w->ref.why)
        durai_text_put(t, ", \"why\": %u", w->ref.why);
    durai_text_put(t, "}%s\n", last ? "" : ",");
}

/* One watched thing is tested, and a heartbeat recorded, in a thousand decisions: a thousandth
 * of the log. A drift that has stood for as long has left what a new reference is learned
 * from (drift.h, SHORT). */
enum { DRIFT_SELFTEST = 1000, DRIFT_CONFIRM = 1000 };

static void put_drift(durai_text *t, const dura_learned *l)
{
    uint32_t left = l->report.references;
    durai_text_put(t, "  \"drift\": {\"arl0\": %.9g, \"period_ms\": %.9g, \"selftest\": %d, \"confirm\": %d, ", l->report.arl0,
                   (double)l->clock.period_ns * 1e-6, l->shapes.detector ? 0 : DRIFT_SELFTEST, DRIFT_CONFIRM);
    durai_learn_put_detector(t, &l->shapes);
    durai_text_put(t, "\"references\": [\n");
    for (uint32_t i = 0; i < l->n_watched; i++)
        if (l->watched[i].known)
            put_reference(t, &l->watched[i], --left == 0);
    durai_text_put(t, "  ]");
    durai_learn_put_shapes(t, l);
    durai_text_put(t, "},\n");
}

/* ---- further checks ---------------------------------------------------------------------- */

static const char *const check_words[] = {"", "spike", "noise", "drift", "vote", "rule", "forbid", "transition",
                                          "parity", "joint"};

static void put_number(durai_text *t, const char *name, float v, float absent)
{
    if (v < absent || v > absent)
        durai_text_put(t, ", \"%s\": %.9g", name, (double)v);
}

static float term_number(const uint8_t *p) { return durai_f32(durai_le32(p)); }

static void put_term(durai_text *t, const dura_learned *l, const dura_sensor_check *c, const uint8_t *p)
{
    durai_text_put(t, "{\"channel\": ");
    durai_text_json(t, l->rec.name[durai_le16(p)]);
    if (durai_le16(p + 2))
        durai_text_put(t, ", \"back\": 1");
    if (c->kind != DURA_CK_VOTE)
        durai_text_put(t, ", \"%s\": %.9g", c->kind == DURA_CK_PARITY ? "weight" : "mean", (double)term_number(p + 4));
    durai_text_put(t, "}");
}

static void put_terms(durai_text *t, const dura_learned *l, const dura_sensor_check *c)
{
    const uint8_t *p = c->terms;
    size_t cells = (size_t)c->n_terms * (c->n_terms + 1u) / 2u;
    durai_text_put(t, ",\n     \"terms\": [");
    for (uint32_t i = 0; i < c->n_terms; i++, p += DURA_CK_TERM_BYTES) {
        durai_text_put(t, i ? ", " : "");
        put_term(t, l, c, p);
    }
    durai_text_put(t, "]");
    if (c->kind != DURA_CK_JOINT)
        return;
    durai_text_put(t, ",\n     \"triangle\": [");
    for (size_t i = 0; i < cells; i++, p += 4)
        durai_text_put(t, i ? ", %.9g" : "%.9g", (double)term_number(p));
    durai_text_put(t, "]");
}

static void put_check(durai_text *t, const dura_learned *l, const durai_learned_check *k)
{
    const dura_sensor_check *c = &k->c;
    int rule = c->kind == DURA_CK_RULE;
    durai_text_put(t, "    {\"kind\": \"%s\"", check_words[c->kind]);
    if (c->kind != DURA_CK_VOTE && c->kind != DURA_CK_JOINT) {
        durai_text_put(t, ", \"channel\": ");
        durai_text_json(t, l->rec.name[c->channel]);
    }
    if (rule) {
        durai_text_put(t, ", \"other\": ");
        durai_text_json(t, l->rec.name[c->other]);
        durai_text_put(t, ", \"if_lo\": %.9g, \"if_hi\": %.9g", (double)c->if_lo, (double)c->if_hi);
    }
    if (c->window)
        durai_text_put(t, ", \"window\": %u", c->window);
    if (c->window2)
        durai_text_put(t, ", \"window2\": %u", c->window2);
    put_number(t, "mean", c->mean, 0.0f);
    put_number(t, "scale", c->scale, 0.0f);
    put_number(t, "suspect", c->suspect, 0.0f);
    put_number(t, "fail", c->fail, 0.0f);
    put_number(t, "lo", c->lo, rule ? -FLT_MAX : 0.0f);
    put_number(t, "hi", c->hi, rule ? FLT_MAX : 0.0f);
    durai_text_put(t, ",\n     \"why\": \"%s\"", k->why);
    if (c->n_terms)
        put_terms(t, l, c);
    durai_text_put(t, "}");
}

static void put_checks(durai_text *t, const dura_learned *l)
{
    durai_text_put(t, "  \"checks\": [\n");
    for (uint32_t i = 0; i < l->checks.n; i++) {
        put_check(t, l, &l->checks.check[i]);
        durai_text_put(t, i + 1 < l->checks.n ? ",\n" : "\n");
    }
    durai_text_put(t, "  ],\n");
}

/* ---- the rest ----------------------------------------------------------------------------- */

/* So many periods in ms, `least` at least, what a policy can say at most. */
static long long spans(const dura_learned *l, int periods, long long least)
{
    long long ms = (long long)((double)l->clock.period_ns * periods / 1e6);
    return ms < least ? least : ms > UINT32_MAX ? (long long)UINT32_MAX : ms;
}

/* Quiet, window and heartbeat count in frames where frames are slow: a minute says nothing of
 * an hourly recording. Below two seconds a frame the defaults stand. */
static void put_correlate(durai_text *t, const dura_learned *l)
{
    if (l->clock.period_ns <= INT64_C(2000000000))
        durai_text_put(t, "  \"correlate\": {},\n");
    else
        durai_text_put(t, "  \"correlate\": {\"window_ms\": %lld, \"quiet_ms\": %lld, \"heartbeat_ms\": %lld},\n",
                       spans(l, 30, 300000), spans(l, 30, 60000), spans(l, 30, 3600000));
}

void durai_learn_policy(durai_text *t, const dura_learned *l)
{
    durai_text_put(t, "{\n  \"dura_policy\": 1,\n  \"device\": {\"name\": ");
    durai_text_json(t, l->device);
    durai_text_put(t, ", \"mode\": \"observe\"},\n  \"sensor\": {\"gap_ms\": %lld},\n  \"channels\": [\n",
                   (long long)((l->clock.gap_ns + 999999) / 1000000));
    for (uint32_t c = 0; c < l->rec.n; c++)
        put_channel(t, l, c);
    durai_text_put(t, "  ],\n");
    if (l->checks.n)
        put_checks(t, l);
    put_inputs(t, l);
    durai_text_put(t, "  \"outputs\": [\n");
    for (uint16_t i = 0; i < l->brain.n_outputs; i++)
        put_output(t, l, i);
    durai_text_put(t, "  ],\n  \"guard\": {\"hold_ms\": %lld, \"recover_frames\": %u},\n",
                   (long long)((3 * l->clock.period_ns + 999999) / 1000000), DURAI_LEARN_RECOVER);
    if (l->report.references)
        put_drift(t, l);
    put_correlate(t, l);
    durai_text_put(t, "  \"logs\": {\"commit_records\": 1024, \"commit_ms\": 1000, \"seal_records\": 4096, \"seal_ms\": %lld}\n}\n",
                   spans(l, 24, 3600000));
}

void durai_learn_constant(durai_text *t, const dura_learned *l)
{
    durai_text_put(t, "{\n  \"dura_model\": 1,\n  \"kind\": \"linear\",\n  \"inputs\": [");
    durai_text_json(t, l->rec.name[0]);
    durai_text_put(t, "],\n  \"outputs\": [\n");
    for (uint16_t i = 0; i < l->brain.n_outputs; i++) {
        durai_text_put(t, "    {\"name\": ");
        durai_text_json(t, l->brain.output[i]);
        durai_text_put(t, ", \"bias\": %.9g, \"weights\": [0]}%s\n", l->envelope[i].safe,
                       i + 1 < l->brain.n_outputs ? "," : "");
    }
    durai_text_put(t, "  ]\n}\n");
}
