/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds and attacks over what the model of a run folder was given, and the statement a
 * release can rest on. The budget of a channel is turned into one of every input made of it:
 * half-widths that hold for the op, seen from the recorded input.
 */
#include <dura/host/bound.h>

#include <dura/host/crypto.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dura_host_files_priv.h"
#include "dura_host_story_priv.h"
#include "dura_host_why_priv.h"

enum { ROWS = 50, STARTS = 1000, BOXES = 20000, CHECK_RANGE = 4, CHECK_RATE = 8 };

/* A decision whose inputs are taken. */
typedef struct bound_row {
    uint64_t frame;
    float *x;                    /* inputs, then raw answers */
} bound_row;

/* One output's worst. */
typedef struct bound_worst {
    double bound, found;
    uint64_t frame;
} bound_worst;

typedef struct bound_job {
    const dura_bound_options *o;
    durai_run run;
    uint8_t *model;
    size_t model_len;
    uint8_t model_digest[32], policy_digest[32];
    dura_bound *b;
    uint32_t n_rows, cap, starts, boxes;
    uint64_t n_seen, step;
    double period_s;
    float *all;                  /* n_rows rows */
    uint64_t *frames;
    double *budget;              /* per channel, half-width */
    float *lo, *hi;              /* the box of one row */
    bound_worst worst[DURA_OUTPUTS_MAX];
    dura_bound_report report;
} bound_job;

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

/* ---- the rows ------------------------------------------------------------------------------- */

/* Every step-th decision of this model; first pass: how many there are. */
static int keep_row(bound_job *j, const durai_view *v, uint64_t n)
{
    size_t each = (size_t)j->run.n_inputs + j->run.n_outputs;
    if (!j->step || n % j->step != 0 || j->n_rows == j->cap)
        return DURA_OK;
    memcpy(j->all + j->n_rows * each, v->inputs, j->run.n_inputs * sizeof(float));
    memcpy(j->all + j->n_rows * each + j->run.n_inputs, v->raw, j->run.n_outputs * sizeof(float));
    j->frames[j->n_rows++] = v->frame;
    return DURA_OK;
}

static int mine(const bound_job *j, const durai_view *v)
{
    return v->n_inputs && v->n_raw && (!v->brain_len || memcmp(v->brain, j->model_digest, v->brain_len) == 0);
}

static int walk(bound_job *j, durai_view *v, dura_error *err)
{
    dura_records *in;
    dura_record r;
    int64_t first = 0, last = 0;
    uint64_t all = 0, n = 0;
    int rc = dura_records_open(&in, j->run.folder, DURA_LOG_DECISION, err);
    if (rc != DURA_OK)
        return rc;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    while ((rc = dura_records_next(in, &r, err)) == 1) {
        if (r.kind != DURA_REC_DECISION || durai_view_read(v, &j->run, &r) != DURA_OK)
            continue;
        first = all == 0 ? r.time.mono_ns : first;
        last = r.time.mono_ns;
        all++;
        if (mine(j, v))
            (void)keep_row(j, v, n++);
    }
    dura_records_close(in);
    j->n_seen = n;
    j->period_s = all > 1 && last > first ? (double)(last - first) * 1e-9 / (double)(all - 1) : 0;
    return rc;
}

static int read_rows(bound_job *j, dura_error *err)
{
    durai_view v;
    int rc = durai_view_init(&v, &j->run);
    if (rc == DURA_OK)
        rc = walk(j, &v, err);
    if (rc == DURA_OK && j->n_seen == 0)
        rc = dura_error_set(err, DURA_ENOENT, j->run.folder, 0, NULL, "holds no answer of this model");
    if (rc == DURA_OK) {
        j->step = j->n_seen > j->cap ? j->n_seen / j->cap : 1;
        j->all = calloc((size_t)j->cap * ((size_t)j->run.n_inputs + j->run.n_outputs), sizeof *j->all);
        j->frames = calloc(j->cap, sizeof *j->frames);
        rc = j->all && j->frames ? walk(j, &v, err) : oom(err);
    }
    durai_view_free(&v);
    return rc;
}

/* ---- the budget ------------------------------------------------------------------------------- */

/* What "NAME=1.5,..." says of a channel; below 0: nothing; NaN: no number. */
static double said(const char *list, const char *name)
{
    size_t n = strlen(name);
    while (list && *list) {
        size_t len = strcspn(list, ",");
        if (len > n && strncmp(list, name, n) == 0 && list[n] == '=') {
            char *end;
            double v = strtod(list + n + 1, &end);
            return end == list + len && v >= 0 && isfinite(v) ? v : NAN;
        }
        list += len + (list[len] == ',');
    }
    return -1;
}

static int check_names(const bound_job *j, dura_error *err)
{
    for (const char *list = j->o->budget; list && *list;) {
        size_t len = strcspn(list, ","), name = strcspn(list, "=");
        uint32_t c = 0;
        while (c < j->run.n_channels && (strlen(j->run.names[c]) != name || strncmp(j->run.names[c], list, name) != 0))
            c++;
        if (c == j->run.n_channels)
            return dura_error_set(err, DURA_EINVAL, NULL, 0, "--budget", "%.*s: want CHANNEL=AMOUNT, more with a comma between",
                                  (int)len, list);
        list += len + (list[len] == ',');
    }
    return DURA_OK;
}

/* At most what the rate check lets through on both sides of the frame before. */
static int find_budget(bound_job *j, dura_error *err)
{
    int rc = check_names(j, err);
    for (uint32_t c = 0; rc == DURA_OK && c < j->run.n_channels; c++) {
        durai_policy_channel ch;
        double v = said(j->o->budget, j->run.names[c]);
        rc = durai_policy_get_channel(j->run.policy, c, &ch);
        if (isnan(v))
            return dura_error_set(err, DURA_EINVAL, NULL, 0, "--budget", "%s: want an amount of 0 or more", j->run.names[c]);
        if (v < 0 && (ch.checks & CHECK_RANGE) && durai_finite(ch.fail_lo) && durai_finite(ch.fail_hi))
            v = (j->o->percent > 0 ? j->o->percent : 1) / 100 * ((double)ch.fail_hi - (double)ch.fail_lo);
        if (v >= 0 && (ch.checks & CHECK_RATE) && durai_finite(ch.rate_fail) && 2 * (double)ch.rate_fail * j->period_s < v)
            v = 2 * (double)ch.rate_fail * j->period_s;
        j->budget[c] = v;
    }
    return rc;
}

/* ---- the box of a row ---------------------------------------------------------------------------- */

/* How much a feature may move when each value it is made of moves by 1; below 0: no bound. */
static double spread_of(uint8_t op)
{
    switch (op) {
    case DURAI_FEATURE_DIFF: return 2;
    case DURAI_FEATURE_STD: return 1.4143;     /* a seminorm; sqrt(n / (n - 1)) at n = 2 */
    case DURAI_FEATURE_RATIO: return -1;
    default: return 1;
    }
}

static int no_budget(const bound_job *j, uint32_t c, dura_error *err)
{
    return dura_error_set(err, DURA_EINVAL, NULL, 0, "--budget", "channel %s has no fail range: say by how much it may be moved, %s=AMOUNT",
                          j->run.names[c], j->run.names[c]);
}

static void put_side(bound_job *j, uint32_t i, double x, double half, double least, double most)
{
    double lo = x - half, hi = x + half;
    lo = lo < least && least <= x ? least : lo;
    hi = hi > most && most >= x ? most : hi;
    j->lo[i] = half > 0 ? nextafterf((float)lo, -INFINITY) : (float)x;
    j->hi[i] = half > 0 ? nextafterf((float)hi, INFINITY) : (float)x;
}

/* Input i is channel c as it is, or a feature of it. */
static int box_input(bound_job *j, uint32_t i, float x, dura_error *err)
{
    durai_policy_feature f = {0, 1, 0, 0, 0, 0, DURAI_FEATURE_VALUE};
    durai_policy_channel ch;
    double least = -INFINITY, most = INFINITY;
    int rc = DURA_OK;
    f.channel = 0;
    if (j->run.n_features)
        rc = durai_policy_get_feature(j->run.policy, i, &f);
    else
        f.channel = (uint16_t)durai_policy_get_input(j->run.policy, i);
    if (rc == DURA_OK)
        rc = durai_policy_get_channel(j->run.policy, f.channel, &ch);
    if (rc != DURA_OK)
        return rc;
    if (j->budget[f.channel] < 0)
        return no_budget(j, f.channel, err);
    double spread = spread_of(f.op), scale = (double)f.scale, half = j->budget[f.channel] * spread * fabs(scale);
    if (spread < 0)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "feature %s is a ratio: no bound is known for it",
                              durai_run_name(&j->run, durai_run_input(&j->run, i)));
    if (f.op == DURAI_FEATURE_ONEHOT && half > 0) {      /* either category */
        double none = (0 - (double)f.offset) * scale, one = (1 - (double)f.offset) * scale;
        j->lo[i] = (float)fmin(none, one);
        j->hi[i] = (float)fmax(none, one);
        return DURA_OK;
    }
    if ((ch.checks & CHECK_RANGE) && f.op != DURAI_FEATURE_DIFF && f.op != DURAI_FEATURE_STD) {
        double a = ((double)ch.fail_lo - (double)f.offset) * scale, b = ((double)ch.fail_hi - (double)f.offset) * scale;
        least = fmin(a, b);
        most = fmax(a, b);
    }
    put_side(j, i, (double)x, half, least, most);
    return DURA_OK;
}

/* ---- bounds and attack ------------------------------------------------------------------------------ */

static void take(bound_job *j, uint32_t k, float raw, const dura_bound_range *bound, const dura_bound_range *found, uint64_t frame)
{
    double up = (double)bound->hi - (double)raw, down = (double)raw - (double)bound->lo, most = up > down ? up : down;
    double hit_up = (double)found->hi - (double)raw, hit_down = (double)raw - (double)found->lo;
    bound_worst *w = &j->worst[k];
    j->report.exceeded += found->hi > bound->hi || found->lo < bound->lo;
    j->report.exact += (uint32_t)bound->lo_exact + bound->hi_exact;
    if (most > w->bound) {
        w->bound = most;
        w->frame = frame;
    }
    w->found = hit_up > w->found ? hit_up : w->found;
    w->found = hit_down > w->found ? hit_down : w->found;
}

static int judge_row(bound_job *j, uint32_t n, dura_error *err)
{
    dura_bound_range bound[DURA_OUTPUTS_MAX], found[DURA_OUTPUTS_MAX];
    const float *x = j->all + (size_t)n * ((size_t)j->run.n_inputs + j->run.n_outputs), *raw = x + j->run.n_inputs;
    uint32_t starts = j->starts / j->n_rows + (n < j->starts % j->n_rows);
    int rc = DURA_OK;
    for (uint32_t i = 0; rc == DURA_OK && i < j->run.n_inputs; i++)
        rc = box_input(j, i, x[i], err);
    if (rc != DURA_OK)
        return rc;
    rc = dura_bound_box(j->b, j->lo, j->hi, j->run.n_inputs, j->boxes, bound, j->run.n_outputs);
    if (rc == DURA_OK)
        rc = dura_bound_search(j->b, j->lo, j->hi, j->run.n_inputs, starts ? starts : 1, j->o->seed + (uint64_t)n * j->starts / j->n_rows, found, j->run.n_outputs);
    for (uint32_t k = 0; rc == DURA_OK && k < j->run.n_outputs; k++)
        take(j, k, raw[k], &bound[k], &found[k], j->frames[n]);
    return rc == DURA_OK ? rc : dura_error_set(err, rc, j->run.folder, 0, NULL, "%s", dura_strerror(rc));
}

/* The output whose bound is the largest part of its range. */
static void sum_up(bound_job *j)
{
    double largest = -1;
    dura_bound_report *r = &j->report;
    r->rows = j->n_rows;
    for (uint32_t k = 0; k < j->run.n_outputs; k++) {
        durai_policy_output out;
        double range = durai_policy_get_output(j->run.policy, k, &out) == DURA_OK ? (double)out.hi - (double)out.lo : 0;
        double part = range > 0 ? j->worst[k].bound / range : j->worst[k].bound;
        if (part <= largest)
            continue;
        largest = part;
        r->output = (uint16_t)k;
        r->bound = j->worst[k].bound;
        r->found = j->worst[k].found;
        r->frame = j->worst[k].frame;
    }
    r->passed = r->exceeded == 0 && (j->o->limit <= 0 || largest * 100 <= j->o->limit);
}

/* ---- the statement ------------------------------------------------------------------------------------ */

static void out_digest(durai_out *o, const char *name, const uint8_t digest[32])
{
    durai_out_open(o, NULL, '{');
    durai_out_open(o, "digest", '{');
    durai_out_hex(o, "sha256", digest, 32);
    durai_out_close(o, '}');
    durai_out_text(o, "name", name);
    durai_out_close(o, '}');
}

static void out_tests(durai_out *o, const bound_job *j, const char *key, int passed)
{
    char name[128];
    durai_out_open(o, key, '[');
    for (uint32_t k = 0; k < j->run.n_outputs && passed == j->report.passed; k++) {
        snprintf(name, sizeof name, "bound.%s", j->run.names[j->run.n_channels + k]);
        durai_out_text(o, NULL, name);
    }
    durai_out_close(o, ']');
}

static void out_bounds(durai_out *o, const bound_job *j)
{
    durai_out_open(o, "bound", '{');
    durai_out_uint(o, "rows", j->n_rows);
    durai_out_uint(o, "starts", j->starts);
    durai_out_uint(o, "boxes", j->boxes);
    durai_out_uint(o, "seed", j->o->seed);
    durai_out_uint(o, "exact", j->report.exact);
    durai_out_uint(o, "exceeded", j->report.exceeded);
    durai_out_num(o, "period_s", j->period_s, 9);
    durai_out_open(o, "budget", '{');
    for (uint32_t c = 0; c < j->run.n_channels; c++)
        if (j->budget[c] >= 0)
            durai_out_num(o, j->run.names[c], j->budget[c], 9);
    durai_out_close(o, '}');
    durai_out_open(o, "outputs", '[');
    for (uint32_t k = 0; k < j->run.n_outputs; k++) {
        durai_out_open(o, NULL, '{');
        durai_out_text(o, "name", j->run.names[j->run.n_channels + k]);
        durai_out_num(o, "bound", j->worst[k].bound, 9);
        durai_out_num(o, "found", j->worst[k].found, 9);
        durai_out_uint(o, "frame", j->worst[k].frame);
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
    durai_out_close(o, '}');
}

static int write_statement(const bound_job *j, char **text, size_t *len)
{
    durai_out o;
    memset(&o, 0, sizeof o);
    durai_out_open(&o, NULL, '{');
    durai_out_text(&o, "_type", "https://in-toto.io/Statement/v1");
    durai_out_open(&o, "predicate", '{');
    out_bounds(&o, j);
    durai_out_open(&o, "configuration", '[');
    out_digest(&o, "policy.bin", j->policy_digest);
    if (j->o->register_digest)
        out_digest(&o, "register", j->o->register_digest);
    durai_out_close(&o, ']');
    durai_out_text(&o, "entry", j->o->entry);
    out_tests(&o, j, "failedTests", 0);
    out_tests(&o, j, "passedTests", 1);
    durai_out_text(&o, "result", j->report.passed ? "PASSED" : "FAILED");
    durai_out_open(&o, "warnedTests", '[');
    durai_out_close(&o, ']');
    durai_out_close(&o, '}');
    durai_out_text(&o, "predicateType", "https://in-toto.io/attestation/test-result/v0.1");
    durai_out_open(&o, "subject", '[');
    out_digest(&o, "model.bin", j->model_digest);
    durai_out_close(&o, ']');
    durai_out_close(&o, '}');
    if (o.failed) {
        free(o.p);
        return DURA_ENOSPC;
    }
    *text = o.p;
    *len = o.len;
    return DURA_OK;
}

/* ---- the call --------------------------------------------------------------------------------------------- */

static int prepare(bound_job *j, const char *folder, dura_error *err)
{
    int rc = durai_run_open(&j->run, folder, err);
    if (rc == DURA_OK)
        rc = durai_host_read_in(folder, "model.bin", &j->model, &j->model_len, err);
    if (rc != DURA_OK)
        return rc;
    dura_sha256_query(j->model_digest, j->model, j->model_len);
    dura_sha256_query(j->policy_digest, j->run.policy, j->run.policy_len);
    rc = dura_bound_open(&j->b, j->model, j->model_len, err);
    j->budget = calloc(j->run.n_channels, sizeof *j->budget);
    j->lo = calloc(j->run.n_inputs, sizeof *j->lo);
    j->hi = calloc(j->run.n_inputs, sizeof *j->hi);
    if (rc == DURA_OK && (!j->budget || !j->lo || !j->hi))
        rc = oom(err);
    if (rc == DURA_OK)
        rc = read_rows(j, err);
    return rc == DURA_OK ? find_budget(j, err) : rc;
}

static void end(bound_job *j)
{
    dura_bound_close(j->b);
    durai_run_close(&j->run);
    free(j->model);
    free(j->all);
    free(j->frames);
    free(j->budget);
    free(j->lo);
    free(j->hi);
}

int dura_bound_run(const char *folder, const dura_bound_options *options, dura_bound_report *report, char **text, size_t *len,
                   dura_error *err)
{
    dura_bound_options none = DURA_BOUND_OPTIONS_INIT;
    const dura_bound_options *o = options ? options : &none;
    bound_job j;
    if (!folder || !report || report->struct_size < sizeof *report || o->struct_size < sizeof *o || o->boxes > 1000000 ||
        o->rows > 100000 || !(o->percent >= 0 && o->percent <= 100) || !(o->limit >= 0) || (text && !len))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options outside their ranges");
    memset(&j, 0, sizeof j);
    j.o = o;
    j.cap = o->rows ? o->rows : ROWS;
    j.starts = o->starts ? o->starts : STARTS;
    j.boxes = o->boxes ? o->boxes : BOXES;
    j.report = (dura_bound_report)DURA_BOUND_REPORT_INIT;
    int rc = prepare(&j, folder, err);
    for (uint32_t n = 0; rc == DURA_OK && n < j.n_rows; n++)
        rc = judge_row(&j, n, err);
    if (rc == DURA_OK)
        sum_up(&j);
    if (rc == DURA_OK && text && write_statement(&j, text, len) != DURA_OK)
        rc = oom(err);
    if (rc == DURA_OK)
        *report = j.report;
    end(&j);
    return rc;
}

void dura_bound_free(char *text) { free(text); }
