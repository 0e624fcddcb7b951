/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learning, step by step: read, run the model, further checks, limits, envelopes, references, policy, and
 * the policy's own behaviour on the recording. Nothing is returned that did not pack.
 */
#include "dura_host_learn_priv.h"
#include "dura_host_files_priv.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define ENVELOPE_MARGIN 0.1     /* of the span of the answers, on both sides */
#define ENVELOPE_RATE 1.5       /* times the fastest answer */
#define NEEDED_NOTED 2.0        /* times the margin: more is worth a word */
#define ARL0_LEAST 1000.0
#define ARL0_MOST 1e9
#define SPURIOUS_LEAST 0.001
#define SPURIOUS_MOST 1e6
#define HOLDOUT_MOST 0.9

#define RESOLUTION_MOST 1e9
#define RESOLUTION_LEAST 1e-9

/* Sizes as first released. */
#define OPTIONS_V1 ((uint32_t)offsetof(dura_learn_options, checks))
#define CHANNEL_V1 ((uint32_t)offsetof(dura_learn_channel, suspect_lo))
#define REPORT_V1 ((uint32_t)offsetof(dura_learn_report, checks))
#define FAMILY_V1 ((uint32_t)sizeof(dura_learn_family))

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

/* ---- options ------------------------------------------------------------------------------- */

static int read_check_options(const dura_learn_options *o, dura_error *err)
{
    uint8_t asked[DURAI_FAMILIES];
    if (o->resolution < 0.0 || o->resolution > 0.0)
        if (!(o->resolution >= RESOLUTION_LEAST && o->resolution <= RESOLUTION_MOST))
            return dura_error_set(err, DURA_EINVAL, NULL, 0, "resolution", "want 1e-9..1e9 units");
    durai_shapes drift;
    memset(&drift, 0, sizeof drift);
    int rc = durai_learn_choose_drift(&drift, o, err);
    if (rc != DURA_OK)
        return rc;
    if (durai_learn_choose_checks(asked, o->checks) != DURA_OK)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "checks", "want all, none, or some of rule, vote, parity, "
                              "joint, drift, range, noise, spike with commas between, not \"%.60s\"", o->checks);
    return DURA_OK;
}

static int read_options(dura_learn_options *o, const dura_learn_options *given, dura_error *err)
{
    int rc = given ? durai_struct_in(o, (uint32_t)sizeof *o, given, given->struct_size, OPTIONS_V1) : DURA_EINVAL;
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "options of another version");
    if (!o->frames || !*o->frames || strcmp(o->frames, "-") == 0)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "frames", "want a CSV file; it is read twice, so no pipe");
    if (!(o->spurious > 0.0))
        o->spurious = o->spurious < 0.0 ? -1.0 : 1.0;
    if (!(o->spurious >= SPURIOUS_LEAST && o->spurious <= SPURIOUS_MOST))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "spurious", "want 0.001..1e6 trips per 30 days");
    if (!(o->holdout >= 0.0 && o->holdout <= HOLDOUT_MOST))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "holdout", "want a share of 0..0.9");
    if (o->period_ns < 0)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "period", "want more than 0");
    return read_check_options(o, err);
}

/* The device is called as told, or as its recording. */
static void name_device(dura_learned *l, const dura_learn_options *o)
{
    const char *slash = strrchr(o->frames, '/'), *name = o->name ? o->name : slash ? slash + 1 : o->frames;
    size_t n = strnlen(name, sizeof l->device - 1);
    const char *dot = o->name ? NULL : strrchr(name, '.');
    if (dot && dot > name && (size_t)(dot - name) < n)
        n = (size_t)(dot - name);
    while (n && n < strlen(name) && ((unsigned char)name[n] & 0xC0u) == 0x80u)
        n--;                    /* no half of a UTF-8 character */
    memcpy(l->device, name, n);
}

/* ---- envelopes ------------------------------------------------------------------------------- */

static int rises(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Extremes, fastest step and median of a column, added to *e. */
static int widen(durai_envelope_learned *e, const dura_learned *l, const float *x, const uint8_t *skip, int *any)
{
    size_t n = 0, last = 0;
    float *sorted = malloc(l->rows * sizeof *sorted);
    if (!sorted)
        return DURA_ENOSPC;
    for (size_t i = 0; i < l->rows; i++) {
        if (skip[i])
            continue;
        int64_t dt = n ? l->rec.t_ns[i] - l->rec.t_ns[last] : 0;
        double y = (double)x[i], step = n ? y - (double)x[last] : 0.0;
        double rate = dt > 0 ? (step < 0.0 ? -step : step) / ((double)dt * 1e-9) : 0.0;
        e->lo = *any && e->lo < y ? e->lo : y;
        e->hi = *any && e->hi > y ? e->hi : y;
        e->rate = rate > e->rate ? rate : e->rate;
        sorted[n++] = x[i];
        last = i;
        *any = 1;
    }
    if (n) {
        qsort(sorted, n, sizeof *sorted, rises);
        e->safe = (double)sorted[n / 2];
    }
    free(sorted);
    return DURA_OK;
}

/* The answers' range with a margin; the baseline belongs to it, and has the last word on
 * what is safe: it drove the plant. */
static int learn_envelope(dura_learned *l, uint16_t i)
{
    const durai_recording *r = &l->rec;
    durai_envelope_learned *e = &l->envelope[i];
    int any = 0, rc = DURA_OK;
    if (l->brain.image)
        rc = widen(e, l, l->brain.answer + (size_t)i * r->rows, l->brain.silent, &any);
    if (rc == DURA_OK && r->n_base) {
        size_t at = (size_t)(r->n + i) * r->rows;
        rc = widen(e, l, r->v + at, r->flag + at, &any);
    }
    double room = ENVELOPE_MARGIN * (e->hi - e->lo);
    e->lo -= room;
    e->hi += room;
    e->rate *= ENVELOPE_RATE;
    return rc;
}

/* ---- drift --------------------------------------------------------------------------------------- */

/* An answer that is a probability is bet on between its bounds, unless that would promise less
 * than the autoregression does. */
static void bound_confidence(const dura_learned *l, durai_watched *w)
{
    dura_drift_reference r = DURA_DRIFT_REFERENCE_INIT;
    if (w->known && durai_learn_confidence(&l->brain) &&
        dura_drift_learn(&r, w->x, w->missing, l->rows, DURA_DRIFT_BOUNDED) == DURA_OK &&
        !(r.why & (uint32_t)DURA_DRIFT_CONSTANT) && (r.why == 0 || w->ref.why != 0))
        w->ref = r;
}

static void watch(dura_learned *l, const char *name, const float *x, const uint8_t *missing, int answer)
{
    durai_watched *w = &l->watched[l->n_watched];
    w->name = name;
    w->x = x;
    w->missing = missing;
    w->ref = (dura_drift_reference)DURA_DRIFT_REFERENCE_INIT;
    w->known = dura_drift_learn(&w->ref, x, missing, l->rows, DURA_DRIFT_ORDER_MAX) == DURA_OK;
    if (answer && !l->shapes.detector)
        bound_confidence(l, w);
    l->n_watched++;
    l->report.references += w->known != 0;
    l->report.promised += w->known && w->ref.why == 0;
}

static int is_channel(const dura_learned *l, const char *name)
{
    for (uint32_t c = 0; c < l->rec.n; c++)
        if (strcmp(l->rec.name[c], name) == 0)
            return 1;
    return 0;
}

/* Channels, outputs, and features that are more than a channel. */
static int learn_references(dura_learned *l)
{
    const durai_recording *r = &l->rec;
    const durai_brain *b = &l->brain;
    size_t cells = (size_t)r->n * r->rows;
    l->watched = calloc((size_t)r->n + DURA_OUTPUTS_MAX + b->n_inputs + 2u, sizeof *l->watched);
    l->watched_missing = malloc(cells);
    if (!l->watched || !l->watched_missing)
        return DURA_ENOSPC;
    for (size_t i = 0; i < cells; i++)
        l->watched_missing[i] = r->flag[i] != DURAI_HERE;
    for (uint32_t c = 0; c < r->n; c++)
        watch(l, r->name[c], r->v + (size_t)c * r->rows, l->watched_missing + (size_t)c * r->rows, 0);
    for (uint16_t i = 0; b->image && i < b->n_outputs; i++)
        if (!is_channel(l, b->output[i]))   /* the policy has one reference per name */
            watch(l, b->output[i], b->answer + (size_t)i * r->rows, b->silent, 1);
    for (uint16_t i = 0; !b->plain && i < b->n_inputs; i++)
        if (b->spec[i].op != DURA_FEATURE_VALUE)
            watch(l, b->input[i], b->fed + (size_t)i * r->rows, b->fed_missing + (size_t)i * r->rows, 0);
    double arl0 = DURAI_LEARN_DAYS30 * 1e9 / (double)l->clock.period_ns / l->report.asked;
    l->report.arl0 = arl0 < ARL0_LEAST ? ARL0_LEAST : arl0 > ARL0_MOST ? ARL0_MOST : arl0;
    return durai_learn_shapes(l);
}

/* ---- notes ------------------------------------------------------------------------------------------ */

static void note_channel(dura_learned *l, uint32_t c)
{
    static const struct { uint32_t flag; const char *text; } lines[] = {
        {DURA_LEARN_EMPTY, "has no value in any row: not required, not checked"},
        {DURA_LEARN_CONSTANT, "never moved: no limits can be learned; check by hand what it may be, or --exclude it"},
        {DURA_LEARN_NONFINITE, "held NaN or infinities: each of them trips"},
        {DURA_LEARN_SHORT, "made fewer than five independent excursions: its limits are wide guesses; a longer "
                           "recording narrows them"},
        {DURA_LEARN_HEAVY, "has heavier than exponential tails: its limits are wide"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (l->limits[c].flags & lines[i].flag)
            durai_text_put(&l->notes, "%s %s\n", l->rec.name[c], lines[i].text);
    if (l->limits[c].needed > NEEDED_NOTED)
        durai_text_put(&l->notes, "%s needed margins %.3g times as wide in the last quarter as the rest had promised: "
                       "is the recording clean, and long enough? What is stated may not hold\n",
                       l->rec.name[c], l->limits[c].needed);
}

static void write_notes(dura_learned *l)
{
    for (uint32_t c = 0; c < l->rec.n; c++)
        note_channel(l, c);
    if (l->clock.stamps)
        durai_text_put(&l->notes, "%llu repeated or reversed stamps: each of them trips\n",
                       (unsigned long long)l->clock.stamps);
    if (l->clock.gap_ns != 5 * l->clock.period_ns)
        durai_text_put(&l->notes, "the recording pauses often: a gap is only what is longer than %.6g s\n",
                       (double)l->clock.gap_ns * 1e-9);
    if (!l->brain.image)
        durai_text_put(&l->notes, "no model was given: a constant stands in for it, and nothing is driven by dura\n");
    for (size_t i = 0; i < l->notes.len; i++)
        if (l->notes.p[i] == '\n')
            l->notes.p[i] = '\0'; /* dura_learned_note() counts texts */
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static int learn_model(dura_learned *l, const dura_learn_options *o, dura_error *err)
{
    int rc = durai_learn_brain(&l->brain, &l->rec, o, err);
    return rc == DURA_OK ? durai_learn_answers(&l->brain, &l->rec, o->model, err) : rc;
}

/* Which channels the model eats; a watch eats the first. */
static void mark_inputs(const dura_learned *l, uint8_t *is_input)
{
    for (uint16_t i = 0; i < l->brain.n_inputs; i++) {
        is_input[l->brain.spec[i].channel] = 1;
        if (l->brain.spec[i].op == DURA_FEATURE_RATIO)
            is_input[l->brain.spec[i].channel2] = 1;
    }
}

static int learn_channels(dura_learned *l, const dura_learn_options *o, dura_error *err)
{
    uint8_t *is_input = calloc(l->rec.n, 1);
    l->limits = calloc(l->rec.n, sizeof *l->limits);
    if (!is_input || !l->limits) {
        free(is_input);
        return oom(err);
    }
    mark_inputs(l, is_input);
    int rc = durai_learn_limits(l->limits, &l->rec, l->rows, &l->clock, is_input, l->checks.channels_share, &l->report);
    for (uint32_t c = 0; rc == DURA_OK && c < l->rec.n; c++)
        if (is_input[c] && (l->limits[c].flags & (uint32_t)DURA_LEARN_EMPTY))
            rc = dura_error_set(err, DURA_EINVAL, o->frames, 0, l->rec.name[c],
                                "feeds the model and has no value in the rows learned from");
    free(is_input);
    return rc == DURA_ENOSPC ? oom(err) : rc;
}

static int learn_checks(dura_learned *l, const dura_learn_options *o, dura_error *err)
{
    uint8_t asked[DURAI_FAMILIES];
    int rc = durai_learn_choose_checks(asked, o->checks);
    if (rc == DURA_OK)
        rc = durai_learn_checks(&l->checks, &l->rec, l->rows, &l->clock, asked, o->spurious, &l->notes);
    return rc == DURA_OK ? rc : oom(err);
}

static int set_clock(dura_learned *l, const dura_learn_options *o, dura_error *err)
{
    l->report.struct_size = sizeof l->report;
    l->report.asked = o->spurious;
    l->rows = l->rec.rows - (size_t)(o->holdout * (double)l->rec.rows);
    if (l->rows < DURA_LEARN_ROWS_MIN)
        return dura_error_set(err, DURA_EINVAL, o->frames, 0, "holdout", "leaves %u rows: at least %u are needed",
                              (unsigned)l->rows, DURA_LEARN_ROWS_MIN);
    int rc = durai_learn_clock(&l->clock, &l->rec, l->rows, o->period_ns);
    if (rc == DURA_ETIME)
        return dura_error_set(err, rc, o->frames, 0, NULL, "time does not move on from row to row");
    return rc == DURA_OK ? rc : oom(err);
}

static double per_30_days(const dura_learned *l, uint64_t count)
{
    return (double)count / l->clock.seconds * DURAI_LEARN_DAYS30;
}

static void sum_up(dura_learned *l)
{
    dura_learn_report *p = &l->report;
    p->channels = l->rec.n;
    p->rows = l->rows;
    p->holdout_rows = l->rec.rows - l->rows;
    p->period_ns = l->clock.period_ns;
    p->gap_ns = l->clock.gap_ns;
    p->irregular = l->clock.irregular;
    p->stamps = l->clock.stamps;
    p->gaps = l->clock.gaps;
    p->days = l->clock.seconds / 86400.0;
    for (uint32_t c = 0; c < l->rec.n; c++) {
        p->required += (l->limits[c].flags & (uint32_t)DURA_LEARN_REQUIRED) != 0;
        p->expected += l->limits[c].expected;
    }
    p->checks = l->checks.n;
    p->checks_expected = l->checks.share;
    p->expected += per_30_days(l, p->stamps + p->gaps) + l->checks.share;
    durai_poisson_span(p->expected, &p->least, &p->most);
    for (size_t i = l->rows + 1; i < l->rec.rows; i++) {
        int64_t step = l->rec.t_ns[i] - l->rec.t_ns[i - 1];
        p->holdout_days += step > 0 ? (double)(step > p->gap_ns ? p->period_ns : step) * 1e-9 / 86400.0 : 0.0;
    }
    durai_poisson_span(p->expected * p->holdout_days / 30.0, &p->holdout_least, &p->holdout_most);
}

/* What the finished policy does, by the code that reads policies. */
static int try_policy(dura_learned *l, const dura_learn_options *o, dura_error *err)
{
    void *image = NULL;
    size_t len = 0;
    int rc = dura_pack_policy(l->policy.p, l->policy.len, "the learned policy", &image, &len, err);
    if (rc == DURA_OK && l->brain.image)
        rc = dura_pack_check_model(image, len, l->brain.image, l->brain.len, "the learned policy", o->model, err);
    if (rc != DURA_OK) {
        dura_pack_deinit(image);
        return rc;
    }
    rc = durai_learn_trips(image, &l->rec, 0, l->rows, &l->report.trips, &l->report.idle);
    if (rc == DURA_OK)
        rc = durai_learn_trips(image, &l->rec, l->rows, l->rec.rows, &l->report.holdout_trips,
                               &l->report.holdout_idle);
    if (rc == DURA_OK && l->report.references)
        rc = durai_learn_alarms(image, l, l->rows, l->rec.rows, &l->report.holdout_drifts);
    dura_pack_deinit(image);
    return rc == DURA_OK ? rc : dura_error_set(err, rc, NULL, 0, NULL, "the learned policy: %s", dura_strerror(rc));
}

static int learn(dura_learned *l, const dura_learn_options *o, dura_error *err)
{
    int rc = durai_learn_choose_drift(&l->shapes, o, err);
    if (rc == DURA_OK)
        rc = durai_learn_read(&l->rec, o, &l->notes, err);
    if (rc == DURA_OK)
        rc = learn_model(l, o, err);
    if (rc == DURA_OK)
        rc = set_clock(l, o, err);
    if (rc == DURA_OK)
        rc = learn_checks(l, o, err);
    if (rc == DURA_OK)
        rc = learn_channels(l, o, err);
    if (rc == DURA_OK)
        rc = durai_learn_keep(l, o->keep, err);
    if (rc != DURA_OK)
        return rc;
    for (uint16_t i = 0; rc == DURA_OK && i < l->brain.n_outputs; i++)
        rc = learn_envelope(l, i);
    if (rc == DURA_OK)
        rc = learn_references(l);
    if (rc != DURA_OK)
        return oom(err);
    name_device(l, o);
    sum_up(l);
    write_notes(l);
    durai_learn_policy(&l->policy, l);
    if (!l->brain.image)
        durai_learn_constant(&l->model, l);
    if (l->policy.failed || l->model.failed || l->notes.failed)
        return oom(err);
    return try_policy(l, o, err);
}

int dura_learn_csv(dura_learned **out, const dura_learn_options *options, dura_error *err)
{
    dura_learn_options o;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    int rc = read_options(&o, options, err);
    if (rc != DURA_OK)
        return rc;
    dura_learned *l = calloc(1, sizeof *l);
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* numbers have points, here and there */
    if (!l || !c) {
        rc = oom(err);
    } else {
        locale_t before = uselocale(c);
        rc = learn(l, &o, err);
        uselocale(before);
    }
    if (c)
        freelocale(c);
    if (rc == DURA_OK)
        *out = l;
    else
        dura_learned_deinit(l);
    return rc;
}

/* ---- what was learned ---------------------------------------------------------------------------------- */

static const char *text_of(const durai_text *t, size_t *len)
{
    if (len)
        *len = t->len;
    return t->p;
}

const char *dura_learned_policy(const dura_learned *l, size_t *len) { return l ? text_of(&l->policy, len) : NULL; }

const char *dura_learned_model(const dura_learned *l, size_t *len) { return l ? text_of(&l->model, len) : NULL; }

int dura_learned_query(const dura_learned *l, dura_learn_report *out)
{
    return l && out ? durai_struct_out(out, &l->report, (uint32_t)sizeof l->report, REPORT_V1) : DURA_EINVAL;
}

int dura_learned_channel(const dura_learned *l, uint32_t index, dura_learn_channel *out)
{
    dura_learn_channel c = DURA_LEARN_CHANNEL_INIT;
    if (!l || !out)
        return DURA_EINVAL;
    if (index >= l->rec.n)
        return DURA_ENOENT;
    const durai_limits *k = &l->limits[index];
    c.flags = k->flags;
    c.drift_why = l->watched[index].ref.why;
    c.name = l->rec.name[index];
    c.seen_lo = k->seen_lo;
    c.seen_hi = k->seen_hi;
    c.fail_lo = k->lo;
    c.fail_hi = k->hi;
    c.rate_fail = k->rate;
    c.flat_fail_ns = k->flat_ns;
    c.max_age_ns = k->age_ns;
    c.expected = k->expected;
    c.suspect_lo = k->suspect_lo;
    c.suspect_hi = k->suspect_hi;
    return durai_struct_out(out, &c, (uint32_t)sizeof c, CHANNEL_V1);
}

int dura_learned_family(const dura_learned *l, uint32_t index, dura_learn_family *out)
{
    dura_learn_family f;
    if (!l || !out)
        return DURA_EINVAL;
    if (index >= DURAI_FAMILIES)
        return DURA_ENOENT;
    const durai_family *k = &l->checks.family[index];
    double per = l->report.days > 0.0 ? 30.0 / l->report.days : 0.0;
    memset(&f, 0, sizeof f);
    f.refused = (uint32_t)k->refused;
    f.name = durai_family_name((int)index);
    f.checks = k->checks;
    f.memory = (uint32_t)k->memory;
    f.limit = k->limit;
    f.factor = k->factor;
    f.promised = k->share;
    f.realised = (double)k->trips * per;
    f.least = k->least * per;
    f.most = k->most * per;
    f.trips = k->trips;
    return durai_struct_out(out, &f, (uint32_t)sizeof f, FAMILY_V1);
}

const char *dura_learned_note(const dura_learned *l, uint32_t index)
{
    const char *p = l ? l->notes.p : NULL;
    for (; p && *p && index > 0; index--)
        p += strlen(p) + 1;
    return p && *p ? p : NULL;
}

void dura_learned_deinit(dura_learned *l)
{
    if (!l)
        return;
    durai_learn_brain_free(&l->brain);
    durai_learn_free(&l->rec);
    durai_checks_free(&l->checks);
    free(l->limits);
    free(l->watched);
    free(l->watched_missing);
    free(l->policy.p);
    free(l->model.p);
    durai_learn_shapes_free(&l->shapes);
    free(l->notes.p);
    free(l);
}
