/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `drift` has beside references, on request: histograms, T2 and SPE, charts.
 *
 * T2 and SPE get references like any quantity, from rows that the basis was made without. A histogram
 * is learned from what the device will give it: whitened samples where a reference whitens.
 * Where no chart can be made for a quantity its reference is left out, and a note says why: a
 * policy that does not pack helps nobody.
 */
#include "dura_host_learn_priv.h"

#include "../guard/dura_guard_watch.h"
#include "../guard/dura_guard_policy.h"

#include <dura/drift_chart.h>
#include <dura/host/drift.h>
#include <dura/host/histogram.h>

#include <stdlib.h>
#include <string.h>

#define NEWEST 0.1f            /* weight of a frame in what is asked for whose doing it is */
#define HERE_LEAST 0.99        /* of the rows an input of mspc has a value in */

static const char *const detector_words[] = {"mixture", "cusum", "ewma", "ramp"};

int durai_learn_choose_drift(durai_shapes *s, const dura_learn_options *o, dura_error *err)
{
    char **item = NULL;
    uint32_t n = 0, i;
    int rc = o->drift ? durai_learn_list(o->drift, &item, &n) : DURA_OK;
    for (i = 0; rc == DURA_OK && i < n; i++) {
        if (strcmp(item[i], "histogram") == 0)
            s->histograms = 1;
        else if (strcmp(item[i], "mspc") == 0)
            s->together = 1;
        else
            rc = dura_error_set(err, DURA_EINVAL, NULL, 0, "drift", "want histogram, mspc or both with a comma between, not \"%.60s\"", item[i]);
    }
    durai_learn_list_free(item, n);
    if (rc != DURA_OK)
        return rc;
    while (s->detector < 4 && o->detector && strcmp(o->detector, detector_words[s->detector]) != 0)
        s->detector++;
    if (s->detector == 4)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "detector", "want mixture, cusum, ewma or ramp, not \"%.60s\"", o->detector);
    s->shift = o->shift;
    if ((s->detector != 0) != (s->shift > 0.0) || s->shift < 0.0 || s->shift > 1e6)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "shift",
                              s->detector ? "a chart wants the shift it is to find, in deviations" : "is for a detector: cusum, ewma or ramp");
    return DURA_OK;
}

/* ---- T2 and SPE -------------------------------------------------------------------------- */

static int is_here(const durai_recording *r, uint32_t c, size_t row) { return r->flag[(size_t)c * r->rows + row] == DURAI_HERE; }

/* Channels that move and are there. */
static void choose_inputs(durai_shapes *s, const dura_learned *l)
{
    for (uint32_t c = 0; c < l->rec.n && s->n_inputs < DURAI_MSPC_INPUTS_MAX; c++) {
        size_t here = 0;
        for (size_t row = 0; row < l->rows; row++)
            here += (size_t)is_here(&l->rec, c, row);
        if (l->watched[c].known && !(l->watched[c].ref.why & (uint32_t)DURA_DRIFT_CONSTANT) &&
            (double)here >= HERE_LEAST * (double)l->rows)
            s->input[s->n_inputs++] = c;
    }
}

/* Rows in which all of them have a value. */
static float *whole_rows(const durai_shapes *s, const dura_learned *l, size_t *rows)
{
    float *x = malloc((l->rows * s->n_inputs + 1u) * sizeof *x);
    *rows = 0;
    for (size_t row = 0; x && row < l->rows; row++) {
        float *to = x + *rows * s->n_inputs;
        uint32_t i = 0;
        for (; i < s->n_inputs && is_here(&l->rec, s->input[i], row); i++)
            to[i] = l->rec.v[(size_t)s->input[i] * l->rec.rows + row];
        *rows += i == s->n_inputs;
    }
    return x;
}

/* T2 and SPE of every row of the recording, as the device will have them. */
static int run_basis(durai_shapes *s, const dura_learned *l)
{
    const dura_mspc_calls *part = dura_mspc_part();
    size_t bytes = part->bytes(&s->learned.basis), rows = l->rec.rows;
    float x[DURAI_MSPC_INPUTS_MAX], out[2];
    uint8_t missing[DURAI_MSPC_INPUTS_MAX];
    dura_mspc *m = NULL;
    void *mem = malloc(bytes ? bytes : 1);
    s->series = calloc(2 * rows, sizeof *s->series);
    s->none = calloc(rows, 1);
    int rc = mem && s->series && s->none ? part->init(&m, mem, bytes, &s->learned.basis) : DURA_ENOSPC;
    for (size_t row = 0; rc == DURA_OK && row < rows; row++) {
        for (uint32_t i = 0; i < s->n_inputs; i++) {
            x[i] = l->rec.v[(size_t)s->input[i] * rows + row];
            missing[i] = !is_here(&l->rec, s->input[i], row);
        }
        s->none[row] = part->update(m, x, missing, s->n_inputs, out) < 0;
        s->series[row] = s->none[row] ? 0.0f : out[0];
        s->series[rows + row] = s->none[row] ? 0.0f : out[1];
    }
    free(mem);
    return rc;
}

static void watch_series(dura_learned *l, const char *name, const float *held_out, const float *series)
{
    durai_watched *w = &l->watched[l->n_watched];
    w->name = name;
    w->x = series;
    w->missing = l->shapes.none;
    w->ref = (dura_drift_reference)DURA_DRIFT_REFERENCE_INIT;
    w->known = dura_drift_learn(&w->ref, held_out, NULL, l->shapes.learned.rows, DURA_DRIFT_ORDER_MAX) == DURA_OK;
    l->n_watched++;
    l->report.references += w->known != 0;
    l->report.promised += w->known && w->ref.why == 0;
}

/* A recording no basis can be made from is said, and the policy has none. */
static int learn_together(dura_learned *l)
{
    durai_shapes *s = &l->shapes;
    dura_error why = {0};
    size_t rows;
    s->input = calloc(l->rec.n + 1u, sizeof *s->input);
    if (!s->input)
        return DURA_ENOSPC;
    choose_inputs(s, l);
    float *x = whole_rows(s, l, &rows);
    s->learned = (dura_mspc_learned)DURA_MSPC_LEARNED_INIT;
    int rc = x ? dura_mspc_learn(&s->learned, x, rows, s->n_inputs, NULL, &why) : DURA_ENOSPC;
    free(x);
    if (rc != DURA_OK && rc != DURA_ENOSPC) {
        durai_text_put(&l->notes, "no mspc: %s\n", why.text);
        s->n_inputs = 0;
        return DURA_OK;
    }
    if (rc == DURA_OK)
        rc = run_basis(s, l);
    if (rc != DURA_OK)
        return rc;
    watch_series(l, DURAI_T2_NAME, s->learned.t2, s->series);
    watch_series(l, DURAI_SPE_NAME, s->learned.spe, s->series + l->rec.rows);
    l->report.mspc_inputs = s->n_inputs;
    return DURA_OK;
}

/* ---- charts ------------------------------------------------------------------------------- */

static void drop_reference(dura_learned *l, durai_watched *w, const char *why)
{
    durai_text_put(&l->notes, "%s is not watched for drift: %s\n", w->name, why);
    l->report.references--;
    l->report.promised -= w->ref.why == 0;
    w->known = 0;
}

static void try_charts(dura_learned *l)
{
    uint32_t all = l->report.references * (l->shapes.histograms ? 2u : 1u);
    for (uint32_t i = 0; i < l->n_watched; i++) {
        durai_watched *w = &l->watched[i];
        dura_drift_reference r = w->ref;
        dura_error why = {0};
        if (w->known && durai_pack_limit(&r, l->shapes.detector, l->shapes.shift, l->report.arl0, all, &why) != DURA_OK)
            drop_reference(l, w, why.text);
    }
    if (l->shapes.n_inputs && !l->watched[l->n_watched - 1].known && !l->watched[l->n_watched - 2].known)
        l->shapes.n_inputs = l->report.mspc_inputs = 0; /* nobody would look at it */
}

/* ---- histograms ---------------------------------------------------------------------------- */

/* What the monitor makes of the samples, in place; those it makes nothing of are missing. */
static int whiten(const durai_watched *w, float *x, uint8_t *missing, size_t n)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    dura_drift_state q = DURA_DRIFT_STATE_INIT;
    dura_drift *d;
    dura_fact f;
    uint64_t before = 0;
    c.n_channels = 1;
    c.arl0 = 1e9f;
    size_t bytes = dura_drift_bytes(&c);
    void *mem = malloc(bytes);
    int rc = mem ? dura_drift_init(&d, mem, bytes, &c) : DURA_ENOSPC;
    if (rc == DURA_OK)
        rc = dura_drift_attach(d, 0, &w->ref);
    for (size_t i = 0; rc >= 0 && i < n; i++) {
        rc = dura_drift_update(d, &x[i], &missing[i], 1, &f, 1);
        if (rc >= 0)
            rc = dura_drift_query(d, 0, &q);
        missing[i] = q.n == before;
        x[i] = q.z;
        before = q.n;
    }
    free(mem);
    return rc < 0 ? rc : DURA_OK;
}

static int learn_histogram(dura_learned *l, uint32_t i, float *x, uint8_t *missing)
{
    const durai_watched *w = &l->watched[i];
    durai_histogram_learned *h = &l->shapes.histogram[l->report.histograms];
    dura_error quiet;
    int rc = DURA_OK;
    memcpy(x, w->x, l->rows * sizeof *x);
    memcpy(missing, w->missing, l->rows);
    h->whitened = w->ref.low >= w->ref.high;
    if (h->whitened)
        rc = whiten(w, x, missing, l->rows);
    if (rc != DURA_OK)
        return rc == DURA_ENOSPC ? rc : DURA_OK;
    h->of = i;
    h->ref = (dura_histogram_reference)DURA_HISTOGRAM_REFERENCE_INIT;
    rc = dura_histogram_learn(&h->ref, x, missing, l->rows, 0, &quiet);
    l->report.histograms += rc == DURA_OK;
    return rc == DURA_ENOSPC ? rc : DURA_OK;
}

static int learn_histograms(dura_learned *l)
{
    float *x = malloc(l->rows * sizeof *x);
    uint8_t *missing = malloc(l->rows);
    l->shapes.histogram = calloc(l->n_watched + 1u, sizeof *l->shapes.histogram);
    int rc = x && missing && l->shapes.histogram ? DURA_OK : DURA_ENOSPC;
    for (uint32_t i = 0; rc == DURA_OK && i < l->n_watched; i++)
        if (l->watched[i].known && l->watched[i].missing != l->shapes.none &&
            !(l->watched[i].ref.why & (uint32_t)(DURA_DRIFT_CONSTANT | DURA_DRIFT_HELD)))
            rc = learn_histogram(l, i, x, missing);
    free(x);
    free(missing);
    return rc;
}

int durai_learn_shapes(dura_learned *l)
{
    int rc = l->shapes.together ? learn_together(l) : DURA_OK;
    if (rc == DURA_OK && l->shapes.detector)
        try_charts(l);
    return rc == DURA_OK && l->shapes.histograms ? learn_histograms(l) : rc;
}

void durai_learn_shapes_free(durai_shapes *s)
{
    free(s->input);
    free(s->series);
    free(s->none);
    free(s->histogram);
    dura_mspc_learned_deinit(&s->learned);
}

/* ---- the policy's text ------------------------------------------------------------------------ */

static void put_numbers(durai_text *t, const char *name, const float *v, size_t n)
{
    durai_text_put(t, ", \"%s\": [", name);
    for (size_t i = 0; i < n; i++)
        durai_text_put(t, "%s%.9g", i ? ", " : "", (double)v[i]);
    durai_text_put(t, "]");
}

void durai_learn_put_detector(durai_text *t, const durai_shapes *s)
{
    if (s->detector)
        durai_text_put(t, "\"detector\": \"%s\", \"shift\": %.9g, ", detector_words[s->detector], s->shift);
}

void durai_learn_put_shapes(durai_text *t, const dura_learned *l)
{
    const durai_shapes *s = &l->shapes;
    for (uint32_t i = 0; i < l->report.histograms; i++) {
        const durai_histogram_learned *h = &s->histogram[i];
        durai_text_put(t, "%s    {\"of\": ", i ? ",\n" : ",\n    \"histograms\": [\n");
        durai_text_json(t, l->watched[h->of].name);
        durai_text_put(t, ", \"n\": %u%s", (unsigned)h->ref.n, h->whitened ? ", \"whitened\": true" : "");
        if (h->ref.why)
            durai_text_put(t, ", \"why\": %u", (unsigned)h->ref.why);
        put_numbers(t, "edges", h->ref.edge, h->ref.n_bins - 1u);
        put_numbers(t, "p", h->ref.p, h->ref.n_bins);
        durai_text_put(t, "}%s", i + 1 < l->report.histograms ? "" : "]");
    }
    if (!s->n_inputs)
        return;
    durai_text_put(t, ",\n    \"mspc\": {\"n\": %u, \"newest\": %.9g, \"components\": %u, \"inputs\": [", (unsigned)s->learned.rows,
                   (double)NEWEST, (unsigned)s->learned.basis.n_components);
    for (uint32_t i = 0; i < s->n_inputs; i++) {
        durai_text_put(t, "%s", i ? ", " : "");
        durai_text_json(t, l->rec.name[s->input[i]]);
    }
    durai_text_put(t, "]");
    put_numbers(t, "values", s->learned.basis.values, s->learned.basis.n_values);
    durai_text_put(t, "}");
}

/* ---- alarms over rows -------------------------------------------------------------------------- */

typedef struct rows_watch {
    durai_watch watch;
    durai_watch_parts parts;
    void *mem;
    float *values, *raw, *inputs;
    uint8_t *missing;
} rows_watch;

static int open_watch(rows_watch *w, const void *policy, const dura_learned *l)
{
    size_t outputs = l->brain.n_outputs ? l->brain.n_outputs : 1u, inputs = (size_t)l->brain.n_inputs + 1u;
    w->parts.drift = dura_host_drift_part();
    w->parts.chart = dura_drift_chart_part();
    w->parts.mspc = dura_mspc_part();
    w->parts.histogram = dura_histogram_part();
    size_t bytes = durai_watch_bytes(policy, &w->parts);
    w->mem = malloc(bytes ? bytes : 1);
    w->values = calloc(l->rec.n, sizeof *w->values);
    w->raw = calloc(outputs, sizeof *w->raw);
    w->inputs = calloc(inputs, sizeof *w->inputs);
    w->missing = calloc(l->rec.n / 8u + 1u, 1);
    if (!w->mem || !w->values || !w->raw || !w->inputs || !w->missing)
        return DURA_ENOSPC;
    return durai_watch_init(&w->watch, w->mem, policy, &w->parts);
}

/* A row as the decision that the device would have recorded. */
static void see_row(rows_watch *w, durai_seen *s, const dura_learned *l, size_t row)
{
    const durai_recording *r = &l->rec;
    const durai_brain *b = &l->brain;
    memset(s, 0, sizeof *s);
    memset(w->missing, 0, r->n / 8u + 1u);
    for (uint32_t c = 0; c < r->n; c++) {
        w->values[c] = r->v[(size_t)c * r->rows + row];
        if (r->flag[(size_t)c * r->rows + row] != DURAI_HERE)
            w->missing[c / 8] = (uint8_t)(w->missing[c / 8] | 1u << c % 8);
    }
    for (uint32_t i = 0; b->image && i < b->n_outputs; i++)
        w->raw[i] = b->answer[(size_t)i * r->rows + row];
    for (uint32_t i = 0; !b->plain && i < b->n_inputs; i++)
        w->inputs[i] = b->fed_missing[(size_t)i * r->rows + row] ? durai_f32(0x7FC00000u) : b->fed[(size_t)i * r->rows + row];
    s->values = (const uint8_t *)w->values;
    s->raw = (const uint8_t *)w->raw;
    s->inputs = (const uint8_t *)w->inputs;
    s->missing = w->missing;
    s->n_values = (uint16_t)r->n;
    s->n_raw = b->image && !b->silent[row] ? w->watch.n_outputs : 0;
    s->n_inputs = b->plain ? 0 : w->watch.n_features;
    s->at.time.mono_ns = r->t_ns[row] - r->t_ns[0];
}

int durai_learn_alarms(const void *policy, const dura_learned *l, size_t from, size_t to, uint64_t *alarms)
{
    rows_watch w;
    durai_seen s;
    memset(&w, 0, sizeof w);
    int rc = open_watch(&w, policy, l);
    *alarms = 0;
    for (size_t row = from; rc == DURA_OK && row < to; row++) {
        see_row(&w, &s, l, row);
        (void)durai_watch_decision(&w.watch, &s);
        for (uint16_t k = 0; k < w.watch.n_facts; k++)
            *alarms += w.watch.fact[k].kind == DURA_FACT_DRIFT && w.watch.fact[k].value[0] != DURA_DRIFT_BACK;
    }
    free(w.mem);
    free(w.values);
    free(w.raw);
    free(w.inputs);
    free(w.missing);
    return rc;
}
