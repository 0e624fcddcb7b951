/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is drawn against time: decisions, channels, outputs and drift, in buckets.
 *
 * A bucket holds equally many decisions in a row, not an equal time: then resolution goes
 * where the data is, and a gap in time stays a gap. It ends early at a new start of the
 * device and at a long pause. Extremes and worst verdicts are kept, never means: one bad
 * decision among a thousand is still seen.
 */
#include "dura_host_story_priv.h"

#include <stdlib.h>

#define QUERY_ALL 64u       /* watched quantities that are asked at every decision */
#define LONG_PAUSE 0.02     /* of the axis: ends a bucket */

static const float NOTHING_LO = 3.4e38f;

uint32_t durai_story_verdict(uint32_t qartod)
{
    return qartod == DURA_GOOD ? 0 : qartod == DURA_SUSPECT ? 2 : qartod == DURA_FAIL ? 3 : qartod == DURA_MISSING ? 4 : 1;
}

static uint32_t action_place(uint64_t action)
{
    return action == DURA_ACT ? 0 : action == DURA_HOLD ? 1 : action == DURA_STOP ? 3 : 2;
}

/* ---- beginning and end ------------------------------------------------------------------ */

static int new_strip(durai_strip *p, uint32_t n)
{
    p->lo = calloc(n, sizeof *p->lo);
    p->hi = calloc(n, sizeof *p->hi);
    for (uint32_t i = 0; p->lo && p->hi && i < n; i++) {
        p->lo[i] = NOTHING_LO;
        p->hi[i] = -NOTHING_LO;
    }
    return p->lo && p->hi ? 0 : -1;
}

static void add(durai_strip *p, uint32_t at, float v)
{
    if (!durai_finite(v))
        return;
    p->lo[at] = v < p->lo[at] ? v : p->lo[at];
    p->hi[at] = v > p->hi[at] ? v : p->hi[at];
}

static int begin_channels(durai_story *s)
{
    s->channel = calloc(s->n_channels ? s->n_channels : 1u, sizeof *s->channel);
    for (uint16_t i = 0; s->channel && i < s->n_channels; i++) {
        durai_channel *c = &s->channel[i];
        c->lo = NOTHING_LO;
        c->hi = -NOTHING_LO;
        c->last = NOTHING_LO;
        c->verdict = calloc(s->cap_buckets, 1);
        if (!c->verdict || new_strip(&c->value, s->cap_buckets) < 0)
            return -1;
    }
    s->output = calloc(s->n_outputs ? s->n_outputs : 1u, sizeof *s->output);
    for (uint16_t i = 0; s->output && i < s->n_outputs; i++)
        if (new_strip(&s->output[i].driven, s->cap_buckets) < 0 || new_strip(&s->output[i].proposed, s->cap_buckets) < 0 ||
            new_strip(&s->output[i].model, s->cap_buckets) < 0)
            return -1;
    return s->channel && s->output ? 0 : -1;
}

static int begin_watch(durai_story *s)
{
    dura_error quiet;
    dura_drift_state st = DURA_DRIFT_STATE_INIT;
    const char *name;
    uint16_t id;
    if (!s->image || dura_watch_open(&s->watch, s->image, s->image_len, &quiet) != DURA_OK)
        return 0;                    /* nothing to draw, and the page says so */
    while (dura_watch_drift(s->watch, s->n_watched, &name, &id, &st) == DURA_OK)
        s->n_watched++;
    s->monitored = s->n_watched > 0;
    s->watched = calloc(s->n_watched ? s->n_watched : 1u, sizeof *s->watched);
    for (uint32_t i = 0; s->watched && i < s->n_watched; i++) {
        durai_watched *w = &s->watched[i];
        int rc = dura_watch_drift(s->watch, i, &w->name, &w->id, &st);
        w->statistic = calloc(s->cap_buckets, sizeof *w->statistic);
        w->alarms = calloc(DURAI_STORY_ALARMS, sizeof *w->alarms);
        w->limit = st.limit;
        w->why = st.why;
        w->detector = dura_watch_detector(s->watch, i);
        if (rc != DURA_OK || !w->statistic || !w->alarms)
            return -1;
    }
    return s->watched ? 0 : -1;
}

int durai_story_begin_strips(durai_story *s, dura_error *err)
{
    uint32_t strips = (uint32_t)s->n_channels + 3u * s->n_outputs, n = s->options.buckets;
    if (strips > DURAI_STORY_STRIPS)
        n = n * DURAI_STORY_STRIPS / strips;
    if (n < DURAI_STORY_BUCKETS_MIN && n < s->options.buckets)
        n = DURAI_STORY_BUCKETS_MIN < s->options.buckets ? DURAI_STORY_BUCKETS_MIN : s->options.buckets;
    s->per_bucket = (uint32_t)((s->decisions + n - 1u) / n);
    if (s->per_bucket == 0)
        s->per_bucket = 1;
    s->cap_buckets = n + DURAI_STORY_GAPS + 2u;
    s->bucket = calloc(s->cap_buckets, sizeof *s->bucket);
    if (!s->bucket || begin_channels(s) < 0 || begin_watch(s) < 0)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    return DURA_OK;
}

static void free_strip(durai_strip *p)
{
    free(p->lo);
    free(p->hi);
}

void durai_story_end_strips(durai_story *s)
{
    for (uint32_t i = 0; s->bucket && i < s->n_buckets; i++)
        free(s->bucket[i].record);
    for (uint16_t i = 0; s->channel && i < s->n_channels; i++) {
        free(s->channel[i].verdict);
        free_strip(&s->channel[i].value);
    }
    for (uint16_t i = 0; s->output && i < s->n_outputs; i++) {
        free_strip(&s->output[i].driven);
        free_strip(&s->output[i].proposed);
        free_strip(&s->output[i].model);
    }
    for (uint32_t i = 0; s->watched && i < s->n_watched; i++) {
        free(s->watched[i].statistic);
        free(s->watched[i].alarms);
    }
    free(s->bucket);
    free(s->channel);
    free(s->output);
    free(s->watched);
    dura_watch_close(s->watch);
}

/* ---- one decision ------------------------------------------------------------------------- */

/* The bucket for a decision at `at`: the last one, or a new one. */
static durai_bucket *bucket_for(durai_story *s, const dura_record *r, double at)
{
    durai_bucket *b = s->n_buckets ? &s->bucket[s->n_buckets - 1] : NULL;
    double span = (double)(s->end - s->begin) * 1e-6;
    int full = !b || b->n >= s->per_bucket;
    int apart = b && !full && (r->time.boot != s->boot_of_last || at - b->to > LONG_PAUSE * span);
    if (apart && s->gaps < DURAI_STORY_GAPS) {
        s->gaps++;
        full = 1;
    }
    s->boot_of_last = r->time.boot;
    if (!full || s->n_buckets == s->cap_buckets)
        return b;
    b = &s->bucket[s->n_buckets++];
    b->from = b->to = at;
    b->gseq = r->gseq;
    b->frame = durai_story_uint(r, 16, 0);
    return b;
}

static size_t floats(const dura_record *r, uint32_t key, const uint8_t **p)
{
    size_t n;
    return dura_record_bytes(r, key, p, &n) == DURA_OK ? n / 4 : 0;
}

static void draw_channel(durai_channel *c, uint32_t at, float v, int missing, uint32_t verdict)
{
    if (!missing) {
        add(&c->value, at, v);
        if (durai_finite(v)) {
            c->lo = v < c->lo ? v : c->lo;
            c->hi = v > c->hi ? v : c->hi;
            c->last = v;
        }
    }
    c->verdict[at] = verdict > c->verdict[at] ? (uint8_t)verdict : c->verdict[at];
    c->count[verdict]++;
    c->bad_at_end = verdict >= 3 ? c->bad_at_end + 1u : 0;
}

static void draw_channels(durai_story *s, const dura_record *r, uint32_t at)
{
    const uint8_t *values = NULL, *verdict = NULL, *missing = NULL;
    size_t n_verdict = 0, n_missing = 0, n = floats(r, 22, &values);
    if (dura_record_bytes(r, 27, &verdict, &n_verdict) != DURA_OK)
        n_verdict = 0;
    if (dura_record_bytes(r, 30, &missing, &n_missing) != DURA_OK)
        n_missing = 0;
    for (size_t i = 0; i < n && i < s->n_channels; i++) {
        int gone = i / 8 < n_missing && ((uint32_t)missing[i / 8] >> (i % 8)) & 1u;
        uint32_t v = i < n_verdict ? durai_story_verdict(verdict[i]) : 0;
        draw_channel(&s->channel[i], at, durai_f32(durai_le32(values + 4 * i)), gone, v);
    }
}

static void draw_outputs(durai_story *s, const dura_record *r, uint32_t at)
{
    const uint8_t *proposed = NULL, *driven = NULL, *raw = NULL;
    size_t n = floats(r, 25, &proposed), n_driven = floats(r, 26, &driven), n_raw = floats(r, 24, &raw);
    for (size_t i = 0; i < n && i < s->n_outputs; i++) {
        durai_output *o = &s->output[i];
        uint32_t p = durai_le32(proposed + 4 * i), d = i < n_driven ? durai_le32(driven + 4 * i) : p;
        add(&o->driven, at, durai_f32(d));
        add(&o->proposed, at, durai_f32(p));
        o->proposed_differs |= d != p;
        if (i >= n_raw)
            continue;
        uint32_t m = durai_le32(raw + 4 * i);
        add(&o->model, at, durai_f32(m));
        o->model_differs |= m != p;
    }
}

static void draw_watched(durai_story *s, uint32_t at, int all)
{
    dura_drift_state st = DURA_DRIFT_STATE_INIT;
    if (!s->watch || (!all && s->n_watched > QUERY_ALL))
        return;
    for (uint32_t i = 0; i < s->n_watched; i++) {
        durai_watched *w = &s->watched[i];
        if (dura_watch_drift(s->watch, i, NULL, NULL, &st) != DURA_OK)
            continue;
        if (durai_finite(st.statistic) && st.statistic > w->statistic[at])
            w->statistic[at] = st.statistic;
        w->limit = st.limit;
        w->why = st.why;
        w->alarm = st.alarm;
        w->n = st.n;
    }
}

/* The record of the worst decision of a bucket comes along. */
static void draw_decision(durai_story *s, durai_bucket *b, const dura_record *r, double at)
{
    uint32_t action = action_place(durai_story_uint(r, 18, DURA_FALLBACK));
    uint32_t verdict = durai_story_verdict((uint32_t)durai_story_uint(r, 21, 2));
    uint8_t rank = (uint8_t)(1u + 8u * action + verdict);
    b->to = at > b->to ? at : b->to;
    b->n++;
    b->action[action]++;
    b->reasons |= (uint32_t)durai_story_uint(r, 19, 0);
    b->verdict = verdict > b->verdict ? (uint8_t)verdict : b->verdict;
    s->actions[action]++;
    s->verdicts[verdict]++;
    s->last_action = (uint8_t)action;
    s->last_mode = (uint8_t)durai_story_uint(r, 17, 0);
    s->modes |= (uint8_t)(1u << (s->last_mode & 3u));
    if (rank <= b->rank)
        return;
    b->rank = rank;
    b->worst = r->gseq;
    if (b->record)
        s->record_bytes -= strlen(b->record);
    free(b->record);
    b->record = durai_story_record(s, r);
}

int durai_story_draw(durai_story *s, const dura_record *r, double at)
{
    uint32_t before = s->n_buckets;
    int bits = s->watch ? dura_watch_record(s->watch, r) : 0;
    dura_incident i;
    i.struct_size = sizeof i;
    if (r->kind == DURA_REC_DECISION) {
        durai_bucket *b = bucket_for(s, r, at);
        uint32_t n = (uint32_t)(b - s->bucket);
        DURA_ASSERT(n < s->cap_buckets);
        draw_decision(s, b, r, at);
        draw_channels(s, r, n);
        draw_outputs(s, r, n);
        draw_watched(s, n, s->n_buckets != before || b->n == s->per_bucket || bits > 0);
    }
    if (bits > 0 && (bits & DURA_WATCH_DRIFT))
        durai_story_silence(s, r, at);
    if (bits > 0 && (bits & DURA_WATCH_INCIDENT) && !s->incidents_recorded && dura_watch_incident(s->watch, &i) == DURA_OK)
        return durai_story_see_incident(s, &i, r, at);
    return DURA_OK;
}

int durai_story_drift_fact(durai_story *s, const dura_record *r, double at)
{
    uint64_t id = durai_story_uint(r, 18, DURA_NONE);
    uint32_t reasons = (uint32_t)durai_story_uint(r, 24, 0), by = reasons >> DURA_DRIFT_DETECTOR_AT & 7u;
    for (uint32_t i = 0; i < s->n_watched; i++) {
        durai_watched *w = &s->watched[i];
        if (w->id != id || (w->detector == DURA_DRIFT_HISTOGRAM) != (by == DURA_DRIFT_HISTOGRAM) ||
            w->n_alarms++ >= DURAI_STORY_ALARMS)
            continue;
        durai_alarm *a = &w->alarms[w->n_alarms - 1];
        a->t = at;
        a->gseq = r->gseq;
        a->reasons = reasons;
        durai_story_values(r, a->value);
        return 1;
    }
    return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Milliseconds with three decimals carry a microsecond and stay short. */
static void write_ms(durai_out *o, const char *key, double ms) { durai_out_num(o, key, (double)(int64_t)(ms * 1000.0 + 0.5) / 1000.0, 15); }

#define COLUMN(o, s, key, WRITE)                                                       \
    do {                                                                               \
        durai_out_open(o, key, '[');                                                   \
        for (uint32_t k = 0; k < (s)->n_buckets; k++)                                  \
            WRITE;                                                                     \
        durai_out_close(o, ']');                                                       \
    } while (0)

static void write_actions(durai_out *o, const durai_bucket *b)
{
    durai_out_open(o, NULL, '[');
    for (int i = 0; i < 4; i++)
        durai_out_uint(o, NULL, b->action[i]);
    durai_out_close(o, ']');
}

static void write_record(durai_out *o, const char *record)
{
    if (record)
        durai_out_json(o, NULL, record, strlen(record));
    else
        durai_out_null(o, NULL);
}

static void write_buckets(const durai_story *s, durai_out *o)
{
    const durai_bucket *b = s->bucket;
    durai_out_open(o, "buckets", '{');
    durai_out_uint(o, "decisions_each", s->per_bucket);
    COLUMN(o, s, "from", write_ms(o, NULL, b[k].from));
    COLUMN(o, s, "to", write_ms(o, NULL, b[k].to));
    COLUMN(o, s, "n", durai_out_uint(o, NULL, b[k].n));
    COLUMN(o, s, "actions", write_actions(o, &b[k]));
    COLUMN(o, s, "verdict", durai_out_uint(o, NULL, b[k].verdict));
    COLUMN(o, s, "reasons", durai_out_uint(o, NULL, b[k].reasons));
    COLUMN(o, s, "gseq", durai_out_uint(o, NULL, b[k].gseq));
    COLUMN(o, s, "frame", durai_out_uint(o, NULL, b[k].frame));
    COLUMN(o, s, "worst", durai_out_uint(o, NULL, b[k].worst));
    COLUMN(o, s, "record", write_record(o, b[k].record));
    durai_out_close(o, '}');
}

static void write_float(durai_out *o, float v, int nothing)
{
    if (nothing)
        durai_out_null(o, NULL);
    else
        durai_out_num(o, NULL, (double)v, 6);
}

static void write_if(durai_out *o, const char *key, int known, float v)
{
    if (known)
        durai_out_num(o, key, (double)v, 6);
    else
        durai_out_null(o, key);
}

static void write_strip(const durai_story *s, durai_out *o, const durai_strip *p)
{
    COLUMN(o, s, "lo", write_float(o, p->lo[k], p->lo[k] > p->hi[k]));
    COLUMN(o, s, "hi", write_float(o, p->hi[k], p->lo[k] > p->hi[k]));
}

static void write_name(durai_out *o, const char *const *names, uint16_t n, uint16_t i, const char *word)
{
    char own[24] = "channel";
    size_t at = strlen(word);
    memcpy(own, word, at);
    own[at + durai_dec(own + at, i)] = '\0';
    durai_out_text(o, "name", names && i < n && names[i] ? names[i] : own);
}

/* The range the policy allows, when it checks one. */
static void write_limits(const durai_story *s, durai_out *o, uint16_t i)
{
    durai_policy_channel p;
    if (!s->image || durai_policy_get_channel(s->image, i, &p) != DURA_OK || !(p.checks & DURA_CHECK_RANGE)) {
        durai_out_null(o, "limits");
        return;
    }
    const float limit[4] = {p.fail_lo, p.suspect_lo, p.suspect_hi, p.fail_hi};
    durai_out_open(o, "limits", '[');
    for (int k = 0; k < 4; k++)
        write_float(o, limit[k], limit[k] > 3e38f || limit[k] < -3e38f);
    durai_out_close(o, ']');
}

static void write_channel(const durai_story *s, durai_out *o, uint16_t i)
{
    const durai_channel *c = &s->channel[i];
    durai_out_open(o, NULL, '{');
    write_name(o, s->channel_names, s->names.n_channels, i, "channel");
    durai_out_text(o, "unit", s->channel_units && i < s->names.n_channels ? s->channel_units[i] : "");
    write_limits(s, o, i);
    durai_out_open(o, "verdicts", '[');
    for (int k = 0; k < 5; k++)
        durai_out_uint(o, NULL, c->count[k]);
    durai_out_close(o, ']');
    write_if(o, "min", c->lo <= c->hi, c->lo);
    write_if(o, "max", c->lo <= c->hi, c->hi);
    write_if(o, "last", c->lo <= c->hi, c->last);
    write_strip(s, o, &c->value);
    COLUMN(o, s, "verdict", durai_out_uint(o, NULL, c->verdict[k]));
    durai_out_close(o, '}');
}

static void write_line(const durai_story *s, durai_out *o, const char *key, const durai_strip *p, int there)
{
    if (!there) {
        durai_out_null(o, key);
        return;
    }
    durai_out_open(o, key, '{');
    write_strip(s, o, p);
    durai_out_close(o, '}');
}

static void write_output(const durai_story *s, durai_out *o, uint16_t i)
{
    const durai_output *out = &s->output[i];
    durai_policy_output p = {0};
    int known = s->image && durai_policy_get_output(s->image, i, &p) == DURA_OK;
    durai_out_open(o, NULL, '{');
    write_name(o, s->output_names, s->names.n_outputs, i, "output");
    durai_out_text(o, "unit", s->output_units && i < s->names.n_outputs ? s->output_units[i] : "");
    write_if(o, "lo", known, p.lo);
    write_if(o, "hi", known, p.hi);
    write_if(o, "safe", known, p.safe);
    write_line(s, o, "driven", &out->driven, 1);
    write_line(s, o, "proposed", &out->proposed, out->proposed_differs);
    write_line(s, o, "model", &out->model, out->model_differs);
    durai_out_close(o, '}');
}

static void write_alarm(const durai_story *s, durai_out *o, const durai_alarm *a)
{
    const char *name;
    durai_out_open(o, NULL, '{');
    write_ms(o, "t", a->t);
    durai_out_uint(o, "gseq", a->gseq);
    durai_out_name(o, "direction", DURA_NAME_DRIFT, (uint32_t)a->value[0]);
    durai_out_num(o, "size", (double)a->value[1] / 1000.0, 9);
    durai_out_int(o, "onset", a->value[2]);
    durai_out_num(o, "of_limit", (double)a->value[3] / 1000.0, 9);
    durai_out_open(o, "blamed", '[');
    for (uint32_t k = 0; dura_watch_blamed(s->watch, a->reasons, k, &name) == DURA_OK; k++)
        durai_out_text(o, NULL, name);
    durai_out_close(o, ']');
    durai_out_close(o, '}');
}

static void write_watched(const durai_story *s, durai_out *o, const durai_watched *w)
{
    durai_out_open(o, NULL, '{');
    durai_out_text(o, "name", w->name);
    durai_out_text(o, "of", w->id < s->n_channels ? "channel" : w->id < s->n_channels + s->n_outputs ? "output"
                            : w->id < (uint32_t)s->n_channels + s->n_outputs + s->n_features ? "feature" : "mspc");
    durai_out_name(o, "detector", DURA_NAME_DETECTOR, w->detector);
    durai_out_num(o, "limit", (double)w->limit, 6);
    durai_out_bits(o, "why", DURA_NAME_DRIFT_WHY, w->why);
    durai_out_uint(o, "n", w->n);
    durai_out_bool(o, "alarm", w->alarm);
    durai_out_uint(o, "alarms_left_out", w->n_alarms > DURAI_STORY_ALARMS ? w->n_alarms - DURAI_STORY_ALARMS : 0);
    durai_out_open(o, "alarms", '[');
    for (uint32_t i = 0; i < w->n_alarms && i < DURAI_STORY_ALARMS; i++)
        write_alarm(s, o, &w->alarms[i]);
    durai_out_close(o, ']');
    COLUMN(o, s, "statistic", durai_out_num(o, NULL, (double)w->statistic[k], 3));
    durai_out_close(o, '}');
}

static void write_drift(const durai_story *s, durai_out *o)
{
    durai_policy_drift p;
    if (!s->monitored || durai_policy_get_drift(s->image, &p) != DURA_OK) {
        durai_out_null(o, "drift");
        return;
    }
    durai_out_open(o, "drift", '{');
    durai_out_num(o, "arl0", (double)p.arl0, 9);
    durai_out_uint(o, "selftest", p.selftest);
    durai_out_uint(o, "confirm", p.confirm);
    durai_out_open(o, "monitor", '{');
    durai_out_uint(o, "heartbeats", s->monitor.heartbeats);
    durai_out_uint(o, "failures", s->monitor.failures);
    durai_out_uint(o, "silences", s->monitor.silences);
    durai_out_uint(o, "requests", s->monitor.requests);
    if (s->monitor.heartbeats)
        durai_out_uint(o, "last", s->monitor.last_gseq);
    else
        durai_out_null(o, "last");
    durai_out_close(o, '}');
    durai_out_open(o, "quantities", '[');
    for (uint32_t i = 0; i < s->n_watched; i++)
        write_watched(s, o, &s->watched[i]);
    durai_out_close(o, ']');
    durai_out_close(o, '}');
}

static void write_clocks(const durai_story *s, durai_out *o)
{
    durai_out_open(o, "clock", '[');
    for (uint32_t i = 0; i < s->n_clocks; i++) {
        durai_out_open(o, NULL, '{');
        write_ms(o, "from", s->clock[i].from);
        write_ms(o, "to", s->clock[i].to);
        durai_out_name(o, "quality", DURA_NAME_CLOCK, s->clock[i].quality);
        if (s->clock[i].err_us == UINT32_MAX)
            durai_out_null(o, "err_us");
        else
            durai_out_uint(o, "err_us", s->clock[i].err_us);
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
}

void durai_story_write_strips(const durai_story *s, durai_out *o)
{
    write_clocks(s, o);
    write_buckets(s, o);
    durai_out_open(o, "channels", '[');
    for (uint16_t i = 0; i < s->n_channels; i++)
        write_channel(s, o, i);
    durai_out_close(o, ']');
    durai_out_open(o, "outputs", '[');
    for (uint16_t i = 0; i < s->n_outputs; i++)
        write_output(s, o, i);
    durai_out_close(o, ']');
    write_drift(s, o);
}
