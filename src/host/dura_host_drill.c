/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drill from its options: files in, the recording in memory, the list of what is to be
 * drilled, and one entry after the other.
 */
#include "dura_host_drill_priv.h"

#include <dura/host/frames.h>
#include <dura/host/pack.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dura_host_files_priv.h"

enum { LENGTH_MAX = 500, LENGTH_MIN = 8, TAIL_MAX = 100, STARTS = 3 };

static const char *const kinds[DURA_DRILL_KINDS] = {
    NULL, "stuck", "spike", "dropout", "bias", "drift", "noise", "scale", "replay", "replay_all", "bounded",
    "attenuated", "nan", "inf", "swap", "unit", "sign", "saturated", "time_reversed", "time_duplicate", "time_gap",
};

/* Every kind with its size, that of a channel first. 1, 2 and 4 deviations are what
 * docs/drift.md states delays for; the others are those of dura/host/inject.h. */
static const struct sized { uint8_t kind; double size; } sizes[] = {
    {DURA_DRILL_STUCK, 0.0}, {DURA_DRILL_SPIKE, 8.0}, {DURA_DRILL_DROPOUT, 0.0}, {DURA_DRILL_BIAS, 1.0},
    {DURA_DRILL_BIAS, 2.0},  {DURA_DRILL_BIAS, 3.0},  {DURA_DRILL_BIAS, 4.0},    {DURA_DRILL_DRIFT, 1.0},
    {DURA_DRILL_DRIFT, 2.0}, {DURA_DRILL_DRIFT, 4.0}, {DURA_DRILL_DRIFT, 5.0},   {DURA_DRILL_NOISE, 5.0},
    {DURA_DRILL_SCALE, 1.2}, {DURA_DRILL_REPLAY, 0.0}, {DURA_DRILL_BOUNDED, 0.0}, {DURA_DRILL_ATTENUATED, 0.2},
    {DURA_DRILL_NAN, 0.0},   {DURA_DRILL_INF, 0.0},   {DURA_DRILL_SWAP, 0.0},    {DURA_DRILL_UNIT, 0.0},
    {DURA_DRILL_SIGN, 0.0},  {DURA_DRILL_SATURATED, 0.0},
};
/* What is of all channels together. */
static const uint8_t whole[] = {
    DURA_DRILL_REPLAY_ALL, DURA_DRILL_TIME_REVERSED, DURA_DRILL_TIME_DUPLICATE, DURA_DRILL_TIME_GAP,
};
enum { SIZES = sizeof sizes / sizeof *sizes, WHOLE = sizeof whole };

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

const char *dura_drill_kind(uint32_t kind) { return kind < DURA_DRILL_KINDS ? kinds[kind] : NULL; }

/* ---- policy and model ------------------------------------------------------------------- */

/* A policy as an image on the heap, whichever it was. */
static int load_policy(drill_world *w, const char *path, dura_error *err)
{
    int kind = DURA_PACK_NONE, rc = durai_host_read(path, &w->policy, &w->policy_len, err);
    if (rc != DURA_OK)
        return rc;
    if (dura_pack_check(w->policy, w->policy_len, &kind) == DURA_OK)
        return kind == DURA_PACK_POLICY ? DURA_OK
                                        : dura_error_set(err, DURA_EINVAL, path, 0, NULL, "is a model: want a policy");
    void *image = NULL;
    size_t len = 0;
    rc = dura_pack_policy((const char *)w->policy, w->policy_len, path, &image, &len, err);
    free(w->policy);
    w->policy = NULL;
    if (rc != DURA_OK)
        return rc;
    w->policy = durai_host_copy(image, len);
    w->policy_len = len;
    dura_pack_deinit(image);
    return w->policy ? DURA_OK : oom(err);
}

static int load_model(drill_world *w, const dura_drill_options *o, dura_error *err)
{
    int rc = durai_host_load_model(o->model, &w->image, &w->image_len, err);
    if (rc == DURA_OK)
        rc = dura_pack_check_model(w->policy, w->policy_len, w->image, w->image_len, o->policy, o->model, err);
    w->model.struct_size = sizeof w->model;
    w->model.backend = dura_backend_packed();
    w->model.image = w->image;
    w->model.image_len = w->image_len;
    return rc;
}

/* Does a check hold a channel against others? */
static uint8_t relates(const void *policy)
{
    durai_policy_sensor_check c;
    for (uint32_t i = 0; durai_policy_get_sensor_check(policy, i, &c) == DURA_OK; i++)
        if (c.kind > DURAI_SENSOR_CHECK_DRIFT)
            return 1;
    return 0;
}

static int read_policy(dura_drill *d, dura_error *err)
{
    dura_policy_info info = DURA_POLICY_INFO_INIT;
    durai_policy_drift drift;
    durai_policy_correlate correlate;
    drill_world *w = &d->world;
    size_t n;
    int rc = dura_policy_query(w->policy, w->policy_len, &info);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "%s", dura_strerror(rc));
    d->data.n = info.n_channels;
    d->n_outputs = info.n_outputs;
    d->n_inputs = info.n_inputs;
    for (uint16_t i = 0; i < info.n_outputs; i++) {
        durai_policy_output out;
        d->span[i] = durai_policy_get_output(w->policy, i, &out) == DURA_OK ? (double)out.hi - (double)out.lo : 0.0;
    }
    w->source = info.source;
    d->report.has_drift = durai_policy_get_drift(w->policy, &drift) == DURA_OK;
    d->report.has_correlate = durai_policy_get_correlate(w->policy, &correlate) == DURA_OK;
    d->report.has_checks = relates(w->policy);
    d->names = calloc(info.n_channels, sizeof *d->names);
    d->measure = calloc(info.n_channels, sizeof *d->measure);
    if (!d->names || !d->measure)
        return oom(err);
    return dura_pack_names(w->policy, w->policy_len, DURA_NAMES_CHANNELS, d->names, NULL, info.n_channels, &n);
}

/* ---- the recording ------------------------------------------------------------------------ */

static int keep_row(drill_data *r, const dura_frames_row *row, uint64_t *room)
{
    if (r->rows == *room) {
        uint64_t more = *room ? 2 * *room : 1024;
        float *value = realloc(r->value, (size_t)more * r->n * sizeof *value);
        r->value = value ? value : r->value;
        uint8_t *missing = value ? realloc(r->missing, (size_t)more * r->n) : NULL;
        r->missing = missing ? missing : r->missing;
        dura_time *t = missing ? realloc(r->time, (size_t)more * sizeof *t) : NULL;
        r->time = t ? t : r->time;
        if (!t)
            return DURA_ENOSPC;
        *room = more;
    }
    memcpy(r->value + r->rows * r->n, row->values, r->n * sizeof *r->value);
    memcpy(r->missing + r->rows * r->n, row->missing, r->n);
    r->time[r->rows++] = row->time;
    return DURA_OK;
}

static int read_frames(dura_drill *d, const dura_drill_options *o, dura_error *err)
{
    dura_frames_options f = DURA_FRAMES_OPTIONS_INIT;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dura_frames *in;
    uint64_t room = 0;
    f.path = o->frames;
    f.channels = d->names;
    f.n_channels = d->data.n;
    f.time_column = o->time_column;
    f.time_format = o->time_format;
    int rc = dura_frames_open(&in, &f, err);
    if (rc != DURA_OK)
        return rc;
    while ((rc = dura_frames_next(in, &row, err)) == 1)
        if (keep_row(&d->data, &row, &room) != DURA_OK) {
            rc = oom(err);
            break;
        }
    dura_frames_close(in);
    if (rc == DURA_OK && d->data.rows < DURA_DRILL_ROWS_MIN)
        rc = dura_error_set(err, DURA_EINVAL, o->frames, 0, NULL, "has %llu rows: a drill wants at least %u",
                            (unsigned long long)d->data.rows, DURA_DRILL_ROWS_MIN);
    return rc;
}

static int digest_file(const char *path, uint8_t out[32], dura_error *err)
{
    uint8_t buf[16384];
    dura_sha256 h;
    size_t n;
    FILE *f = fopen(path, "rb");
    dura_sha256_init(&h);
    while (f && (n = fread(buf, 1, sizeof buf, f)) > 0)
        dura_sha256_update(&h, buf, n);
    int failed = !f || ferror(f);
    if (f)
        fclose(f);
    dura_sha256_final(&h, out);
    return failed ? dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be read") : DURA_OK;
}

/* ---- what is to be drilled ------------------------------------------------------------------ */

/* name, n bytes long, stands in a list with commas between. */
static int listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return 1;
    return 0;
}

/* Every word of the list is one of n names. */
static int check_list(const char *list, const char *const *names, size_t n, const char *option,
                      const char *hint, dura_error *err)
{
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t len = strcspn(at, ","), i = 0;
        while (i < n && !(names[i] && strlen(names[i]) == len && strncmp(names[i], at, len) == 0))
            i++;
        if (i == n)
            return dura_error_set(err, DURA_EINVAL, NULL, 0, option, "there is no \"%.*s\"%s", (int)(len < 64 ? len : 64),
                                  at, hint);
    }
    return DURA_OK;
}

/* Who names a kind that is none is told which there are. */
static int check_kinds(const char *list, dura_error *err)
{
    char hint[288] = "; there are";
    size_t n = strlen(hint);
    for (size_t k = 1; k < DURA_DRILL_KINDS && n < sizeof hint; k++)
        n += (size_t)snprintf(hint + n, sizeof hint - n, " %s", kinds[k]);
    return check_list(list, kinds, DURA_DRILL_KINDS, "--kinds", hint, err);
}

static void add_task(dura_drill *d, const dura_drill_options *o, uint8_t kind, uint16_t channel, double size)
{
    if (!o->kinds || listed(o->kinds, kinds[kind]))
        d->task[d->n_tasks++] = (drill_task){kind, channel, size};
}

static int list_tasks(dura_drill *d, const dura_drill_options *o, dura_error *err)
{
    int rc = check_list(o->channels, d->names, d->data.n, "--channels", "", err);
    if (rc == DURA_OK)
        rc = check_kinds(o->kinds, err);
    if (rc != DURA_OK)
        return rc;
    d->task = calloc((size_t)d->data.n * SIZES + WHOLE, sizeof *d->task);
    if (!d->task)
        return oom(err);
    for (uint16_t c = 0; c < d->data.n; c++)
        for (size_t i = 0; i < SIZES; i++)
            if (!o->channels || listed(o->channels, d->names[c]))
                add_task(d, o, sizes[i].kind, c, sizes[i].size);
    for (size_t i = 0; i < WHOLE && !o->channels; i++)
        add_task(d, o, whole[i], DURA_NONE, 0.0);
    return d->n_tasks ? DURA_OK
                      : dura_error_set(err, DURA_EINVAL, NULL, 0, "--channels",
                                       "replay_all and time_... are of all channels: leave --channels out");
}

/* An eighth of the recording, but long enough for the slowest flat-line check, if a quarter
 * is: a stuck value that nobody had time to notice would say nothing. */
static uint64_t default_length(const dura_drill *d)
{
    const drill_data *r = &d->data;
    uint64_t length = r->rows / 8 < LENGTH_MAX ? r->rows / 8 : LENGTH_MAX, slowest = 0;
    double frame_ms = (double)(r->time[r->rows - 1].mono_ns - r->time[0].mono_ns) * 1e-6 / (double)(r->rows - 1);
    for (uint16_t c = 0; c < r->n; c++) {
        durai_policy_channel p;
        if (durai_policy_get_channel(d->world.policy, c, &p) == DURA_OK && (p.checks & DURA_CHECK_FLAT) &&
            p.flat_fail_ms != UINT32_MAX && frame_ms > 0.0 && (double)p.flat_fail_ms / frame_ms > (double)slowest)
            slowest = (uint64_t)((double)p.flat_fail_ms / frame_ms);
    }
    if (length < slowest + slowest / 4 + LENGTH_MIN)
        length = slowest + slowest / 4 + LENGTH_MIN;
    return length < r->rows / 4 ? length : r->rows / 4;
}

/* Length, tail, starts; the first start needs an equally long window before it to replay. */
static int set_span(dura_drill *d, const dura_drill_options *o, dura_error *err)
{
    dura_drill_report *rep = &d->report;
    const drill_data *r = &d->data;
    uint64_t tail = r->rows / 20;
    rep->rows = r->rows;
    rep->seed = o->seed;
    rep->starts = o->starts ? o->starts : STARTS;
    rep->length = o->length ? o->length : default_length(d);
    rep->tail = tail < TAIL_MAX ? tail : TAIL_MAX;
    rep->days = (double)(r->time[r->rows - 1].mono_ns - r->time[0].mono_ns) * 1e-9 / 86400.0;
    if (rep->starts > DURA_DRILL_STARTS_MAX)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "--starts", "want 1 to %u", DURA_DRILL_STARTS_MAX);
    if (rep->length < LENGTH_MIN || rep->length > r->rows || rep->length + rep->tail > r->rows - r->rows / 2)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "--length",
                              "want %d to %llu frames: injection and tail must fit the second half", LENGTH_MIN,
                              (unsigned long long)(r->rows - r->rows / 2 - rep->tail));
    return DURA_OK;
}

static int make_room(dura_drill *d, dura_error *err)
{
    uint64_t rows = d->data.rows, n = d->data.n, length = d->report.length;
    drill_control *k = &d->control;
    k->verdict = malloc((size_t)(rows * n));
    k->action = malloc((size_t)rows);
    k->reasons = malloc((size_t)rows * sizeof *k->reasons);
    k->why = malloc((size_t)(rows * n) * sizeof *k->why);
    k->answer = malloc((size_t)(rows * d->n_outputs) * sizeof *k->answer);
    d->value = malloc((size_t)(length * n) * sizeof *d->value);
    d->missing = malloc((size_t)(length * n));
    d->stamp = malloc((size_t)length * sizeof *d->stamp);
    d->row = malloc((size_t)n * sizeof *d->row);
    d->row_missing = malloc((size_t)n);
    return k->verdict && k->action && k->reasons && k->why && k->answer && d->value && d->missing && d->stamp && d->row &&
                   d->row_missing
               ? DURA_OK
               : oom(err);
}

/* ---- calls -------------------------------------------------------------------------------------- */

static int check_options(const dura_drill_options *o, dura_error *err)
{
    if (!o || o->struct_size < sizeof *o)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options of another version");
    if (!o->policy || !o->model || !o->frames)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, !o->policy ? "policy" : !o->model ? "model" : "frames", "is required");
    if (strcmp(o->frames, "-") == 0)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "frames", "must be a file: its digest is part of the evidence");
    return DURA_OK;
}

static int open_all(dura_drill *d, const dura_drill_options *o, dura_error *err)
{
    int rc = load_policy(&d->world, o->policy, err);
    if (rc == DURA_OK)
        rc = load_model(&d->world, o, err);
    if (rc == DURA_OK)
        rc = read_policy(d, err);
    if (rc == DURA_OK)
        rc = list_tasks(d, o, err);
    if (rc == DURA_OK)
        rc = read_frames(d, o, err);
    if (rc == DURA_OK)
        rc = digest_file(o->frames, d->report.frames, err);
    if (rc == DURA_OK)
        rc = set_span(d, o, err);
    if (rc == DURA_OK)
        rc = make_room(d, err);
    if (rc == DURA_OK &&
        dura_inject_measure(d->measure, d->data.value, d->data.missing, d->data.rows / 2, d->data.n) != DURA_OK)
        rc = oom(err);
    if (rc == DURA_OK)
        rc = durai_drill_plug(&d->world, err);
    if (rc != DURA_OK)
        return rc;
    dura_sha256_query(d->report.policy, d->world.policy, d->world.policy_len);
    dura_sha256_query(d->report.model, d->world.image, d->world.image_len);
    rc = durai_drill_control(d, err);
    return rc == DURA_ENOSPC ? oom(err) : rc;
}

int durai_drill_open_bare(dura_drill **out, const dura_drill_options *o, dura_error *err)
{
    int rc = dura_drill_open(out, o, err);
    if (rc == DURA_OK)
        (*out)->to_end = 1;
    return rc;
}

int dura_drill_open(dura_drill **out, const dura_drill_options *o, dura_error *err)
{
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    int rc = check_options(o, err);
    if (rc != DURA_OK)
        return rc;
    dura_drill *d = calloc(1, sizeof *d);
    if (!d)
        return oom(err);
    d->report.struct_size = sizeof d->report;
    d->progress = o->progress;
    d->user = o->user;
    rc = open_all(d, o, err);
    if (rc == DURA_OK)
        *out = d;
    else
        dura_drill_close(d);
    return rc;
}

int dura_drill_next(dura_drill *d, dura_drill_entry *out, dura_error *err)
{
    dura_drill_entry e;
    if (!d || !out || out->struct_size < DURAI_DRILL_ENTRY_V1)
        return DURA_EINVAL;
    if (d->at == d->n_tasks)
        return 0;
    int rc = durai_drill_score(d, &d->task[d->at++], &e, err);
    if (rc != DURA_OK)
        return rc;
    d->report.entries += e.starts != 0;
    d->report.not_drilled += e.starts == 0;
    d->report.total[e.kind] += e.starts;
    d->report.caught[e.kind] += e.caught;
    rc = durai_struct_out(out, &e, sizeof e, DURAI_DRILL_ENTRY_V1);
    return rc == DURA_OK ? 1 : rc;
}

int dura_drill_query(const dura_drill *d, dura_drill_report *out)
{
    if (!d || !out)
        return DURA_EINVAL;
    return durai_struct_out(out, &d->report, sizeof d->report, sizeof d->report);
}

void dura_drill_close(dura_drill *d)
{
    if (!d)
        return;
    durai_drill_unplug(&d->world);
    free(d->data.value);
    free(d->data.missing);
    free(d->data.time);
    free(d->control.verdict);
    free(d->control.action);
    free(d->control.reasons);
    free(d->control.why);
    free(d->control.answer);
    free(d->control.said);
    free(d->names);
    free(d->measure);
    free(d->task);
    free(d->snapshot);
    free(d->value);
    free(d->missing);
    free(d->stamp);
    free(d->row);
    free(d->row_missing);
    free(d);
}
