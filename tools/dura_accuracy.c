/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura accuracy`: how often is the model right, with few labels or none?
 *
 * Two recordings of decisions: one of known truth, which the reference is learned from, and
 * one of decisions made in use, where a few or none have a label. Either may be a run folder,
 * whose labels are those of `dura label`. Every window's estimate
 * goes to standard output as NDJSON with its interval; why it may not hold goes to standard
 * error in words.
 */
#include "dura_accuracy_run.h"
#include "dura_args.h"

#include <dura/accuracy.h>
#include <dura/host/accuracy.h>
#include <dura/host/frames.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 100000000u
#define COLUMNS_MAX (DURA_ACCURACY_CELLS_MAX + 4)
#define SLICES_MAX DURA_ACCURACY_SLICES_MAX
#define NO_SLICE 0xFFFFFFFFu
#define SLICE_ROWS 20u          /* of the reference, for a limit from it */
#define GROUP_MAX 16777216.0f   /* whole numbers of a float */

static const char *words[1], *reference_path, *confidence_name, *agree_names, *correct_name, *outside_name,
    *group_name, *labels_name, *window_text, *kept_text, *level_text, *below_text, *time_column, *time_format,
    *slice_text, *limit_text, *every_text, *output_name, *within_text;
static int as_json;

static const cli_option options[] = {
    {"--reference", NULL, "FILE", &reference_path, NULL, "decisions of known truth, not in the training data"},
    {"--confidence", NULL, "NAME", &confidence_name, NULL, "column of the model's confidence, 0 to 1"},
    {"--agree", NULL, "NAMES", &agree_names, NULL, "columns, one per second opinion: 1 where it agrees with the model, else 0"},
    {"--correct", NULL, "NAME", &correct_name, NULL, "of the reference: 1 right, 0 wrong (default correct)"},
    {"--group", NULL, "NAME", &group_name, NULL, "of the reference: 0, or the number of a batch, day or unit the model had not seen"},
    {"--outside", NULL, "NAME", &outside_name, NULL, "1 where the input lies outside the training data"},
    {"--labels", NULL, "NAME", &labels_name, NULL, "of FILE: 1 right, 0 wrong, empty where nobody knows"},
    {"--window", NULL, "N", &window_text, NULL, "an answer every N decisions (default: one at the end)"},
    {"--keep-labels", NULL, "N", &kept_text, NULL, "weigh the last N to 2 N labels (default: all)"},
    {"--level", NULL, "P", &level_text, NULL, "of the intervals, 0.5 to 0.999 (default 0.9)"},
    {"--fail-below", NULL, "P", &below_text, NULL, "exit 1 if an interval reaches below this accuracy"},
    {"--output", NULL, "NAME", &output_name, NULL, "of a run folder: the output that is judged (default: the only one)"},
    {"--within", NULL, "D", &within_text, NULL, "of a run folder: right is within D of the label, agreement within D (default 0.5)"},
    {"--slice", NULL, "NAME=E1,..", &slice_text, NULL, "also per operating condition: a column of both files, cut at these values"},
    {"--slice-limit", NULL, "P", &limit_text, NULL, "a slice right less often is an alarm (default: low end of the 99 % interval of its reference)"},
    {"--every", NULL, "N", &every_text, NULL, "labels between false alarms of all slices together (default 10000)"},
    {"--time-column", NULL, "NAME", &time_column, NULL, "default: time, t, timestamp, datetime or date"},
    {"--time-format", NULL, "FORMAT", &time_format, NULL, "such as \"%d/%m/%y %H\" (default: ISO 8601 or seconds since 1970)"},
    {"--json", NULL, NULL, NULL, &as_json, "the reference as an object too, in front"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "accuracy", "FILE|DIR --reference FILE|DIR [options]",
    "Estimates how often the decisions in FILE (CSV or NDJSON, - is standard input) are right, or\n"
    "those in a run folder DIR by its own `dura label` records, of which there may be few, and late.\n"
    "One JSON object per answer: row (last one, from 0), decisions, labels, estimate, low, high,\n"
    "level, reference, outside, why. Without labels only what shows in the inputs can be seen,\n"
    "and the answer says so. --confidence or --agree is required; files have a time column. In a\n"
    "run folder the names are those of outputs and channels, and row is the frame's number.\n"
    "With --slice every answer has worst and slices; a slice that labels prove to be below its\n"
    "limit is an alarm: exit 1.\n",
    options, words, 1, 1,
};

/* Where in a row's values what is; -1: not asked for. */
typedef struct layout {
    const char *name[COLUMNS_MAX];
    uint32_t n;
    int confidence, agree, truth, outside, group, slice;
} layout;

typedef struct row {
    float confidence;
    uint32_t agree, group, slice;
    uint8_t truth, outside, known, whole;
} row;

typedef struct job {
    char *names;                        /* --agree, cut at its commas */
    const char *agree[DURA_ACCURACY_CELLS_MAX];
    uint32_t opinions;
    uint64_t window, kept, every;
    float level, below, within;
    char *slice_name;                   /* --slice, cut at its = */
    float edge[SLICES_MAX], limit[SLICES_MAX];
    uint32_t slices;                    /* edges and one */
    int alarm;
    dura_frames *frames;
    accuracy_run *run;
    row *rows;                          /* of the reference */
    size_t n, room;
    const dura_accuracy_calls *part;
    void *memory;
    dura_accuracy *accuracy;
    uint64_t skipped, answers, under;
    uint32_t why;
    dura_accuracy_state last;
} job;

static void free_job(job *j)
{
    dura_frames_close(j->frames);
    accuracy_run_close(j->run);
    free(j->names);
    free(j->slice_name);
    free(j->rows);
    free(j->memory);
}

/* ---- what was asked -------------------------------------------------------------- */

static int split_names(job *j)
{
    dura_error none = {0};
    char *at, *comma;
    if (!agree_names)
        return -1;
    j->names = malloc(strlen(agree_names) + 1);
    if (!j->names)
        return cli_fail(&self, DURA_ENOSPC, &none);
    memcpy(j->names, agree_names, strlen(agree_names) + 1);
    for (at = j->names; at; at = comma) {
        comma = strchr(at, ',');
        if (comma)
            *comma++ = 0;
        if (!*at)
            return cli_usage(&self, "--agree %s: a name is empty", agree_names);
        if (j->opinions == DURA_ACCURACY_CELLS_MAX - 1)
            return cli_usage(&self, "--agree: more than %d names", DURA_ACCURACY_CELLS_MAX - 1);
        j->agree[j->opinions++] = at;
    }
    return -1;
}

/* A share such as 0.95; -1 when it is none. */
static int read_share(const char *text, float low, float high, float *out)
{
    char *end = NULL;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= (double)low && v <= (double)high))
        return -1;
    *out = (float)v;
    return 0;
}

/* NAME=E1,E2: rising. */
static int split_slices(job *j)
{
    dura_error none = {0};
    char *at, *end;
    if (!slice_text)
        return limit_text || every_text ? cli_usage(&self, "--slice-limit and --every need --slice") : -1;
    j->slice_name = malloc(strlen(slice_text) + 1);
    if (!j->slice_name)
        return cli_fail(&self, DURA_ENOSPC, &none);
    memcpy(j->slice_name, slice_text, strlen(slice_text) + 1);
    at = strrchr(j->slice_name, '=');
    if (!at || at == j->slice_name || !at[1])
        return cli_usage(&self, "--slice %s: want NAME=E1,E2,...", slice_text);
    for (*at++ = 0, j->slices = 1; ; at = end + 1) {
        float edge = strtof(at, &end);
        if (end == at || (*end && *end != ',') || !(edge > -INFINITY && edge < INFINITY) ||
            (j->slices > 1 && edge <= j->edge[j->slices - 2]) || j->slices == SLICES_MAX)
            return cli_usage(&self, "--slice %s: want 1 to %d rising numbers", slice_text, SLICES_MAX - 1);
        j->edge[j->slices++ - 1] = edge;
        if (!*end)
            return -1;
    }
}

static int check_slices(job *j)
{
    uint32_t i;
    int rc = split_slices(j);
    if (rc >= 0 || !j->slices)
        return rc;
    if (limit_text && read_share(limit_text, 1e-3f, 0.999f, &j->limit[0]) != 0)
        return cli_usage(&self, "--slice-limit %s: want 0.001 to 0.999", limit_text);
    for (i = 1; limit_text && i < j->slices; i++)
        j->limit[i] = j->limit[0];
    if (every_text && (cli_number(every_text, 1000000000u, &j->every) != 0 || j->every < 100))
        return cli_usage(&self, "--every %s: want 100 to 1000000000 labels", every_text);
    return -1;
}

/* -1 to go on, else the exit code. */
static int check_usage(job *j)
{
    int rc;
    if (!reference_path)
        return cli_usage(&self, "--reference is missing");
    if (!confidence_name && !agree_names)
        return cli_usage(&self, "--confidence or --agree is missing");
    if (strcmp(words[0], "-") == 0 && strcmp(reference_path, "-") == 0)
        return cli_usage(&self, "only one of the files can be standard input");
    if (window_text && (cli_number(window_text, ROWS_MAX, &j->window) != 0 || j->window < 1))
        return cli_usage(&self, "--window %s: want 1 to %u decisions", window_text, ROWS_MAX);
    if (kept_text && (cli_number(kept_text, DURA_ACCURACY_LABELS_MAX, &j->kept) != 0 || j->kept < 1))
        return cli_usage(&self, "--keep-labels %s: want 1 to %d", kept_text, DURA_ACCURACY_LABELS_MAX);
    if (level_text && read_share(level_text, 0.5f, 0.999f, &j->level) != 0)
        return cli_usage(&self, "--level %s: want 0.5 to 0.999", level_text);
    if (below_text && read_share(below_text, 0.0f, 1.0f, &j->below) != 0)
        return cli_usage(&self, "--fail-below %s: want 0 to 1", below_text);
    j->within = 0.5f;
    if (within_text && read_share(within_text, 0.0f, 3e38f, &j->within) != 0)
        return cli_usage(&self, "--within %s: want 0 or more", within_text);
    if (labels_name && accuracy_run_is(words[0]))
        return cli_usage(&self, "--labels: a run folder's labels are its own");
    if ((group_name || correct_name) && accuracy_run_is(reference_path))
        return cli_usage(&self, "--group and --correct are columns of a file");
    rc = check_slices(j);
    return rc < 0 ? split_names(j) : rc;
}

/* ---- rows ------------------------------------------------------------------------ */

static int column(layout *l, const char *name)
{
    if (!name)
        return -1;
    l->name[l->n] = name;
    return (int)l->n++;
}

static layout layout_of(const job *j, const char *truth, const char *group)
{
    layout l = {{NULL}, 0, -1, -1, -1, -1, -1, -1};
    uint32_t i;
    l.agree = (int)l.n;
    for (i = 0; i < j->opinions; i++)
        l.name[l.n++] = j->agree[i];
    l.confidence = column(&l, confidence_name);
    l.truth = column(&l, truth);
    l.outside = column(&l, outside_name);
    l.group = column(&l, group);
    l.slice = column(&l, j->slice_name);
    return l;
}

/* A column that is 0 or 1. */
static int bit_at(const layout *l, const dura_frames_row *f, int at, uint8_t *out, const char *file, dura_error *err)
{
    float x = f->values[at];
    if (x > 0.0f && x < 1.0f)
        x = 2.0f;
    if (!(x >= 0.0f && x <= 1.0f))
        return dura_error_set(err, DURA_ESYNTAX, file, (uint32_t)f->line, l->name[at], "want 0 or 1");
    *out = x > 0.5f;
    return DURA_OK;
}

static uint32_t slice_of(const job *j, float x)
{
    uint32_t i = 0;
    while (i + 1 < j->slices && x >= j->edge[i])
        i++;
    return i;
}

static int read_extras(const job *j, const layout *l, const dura_frames_row *f, row *out, const char *file, dura_error *err)
{
    int rc = DURA_OK;
    out->slice = l->slice >= 0 && !f->missing[l->slice] ? slice_of(j, f->values[l->slice]) : NO_SLICE;
    out->known = l->truth >= 0 && !f->missing[l->truth];
    if (out->known)
        rc = bit_at(l, f, l->truth, &out->truth, file, err);
    if (rc == DURA_OK && l->outside >= 0 && !f->missing[l->outside])
        rc = bit_at(l, f, l->outside, &out->outside, file, err);
    if (rc == DURA_OK && l->group >= 0 && !f->missing[l->group]) {
        float g = f->values[l->group];
        if (!(g >= 0.0f && g <= GROUP_MAX) || g > (float)(uint32_t)g)
            return dura_error_set(err, DURA_ESYNTAX, file, (uint32_t)f->line, l->name[l->group], "want a whole number");
        out->group = (uint32_t)g;
    }
    return rc;
}

/* A decision without confidence or without one of its opinions is not whole. */
static int read_row(const job *j, const layout *l, const dura_frames_row *f, row *out, const char *file, dura_error *err)
{
    uint32_t i;
    int rc = DURA_OK;
    memset(out, 0, sizeof *out);
    out->whole = 1;
    for (i = 0; rc == DURA_OK && i < j->opinions; i++) {
        uint8_t agrees = 0;
        int at = l->agree + (int)i;
        if (f->missing[at])
            out->whole = 0;
        else
            rc = bit_at(l, f, at, &agrees, file, err);
        out->agree += agrees;
    }
    if (rc == DURA_OK && l->confidence >= 0) {
        out->confidence = f->values[l->confidence];
        out->whole &= !f->missing[l->confidence];
        if (!(out->confidence >= 0.0f && out->confidence <= 1.0f))
            rc = dura_error_set(err, DURA_ESYNTAX, file, (uint32_t)f->line, confidence_name, "want 0 to 1");
    }
    return rc == DURA_OK ? read_extras(j, l, f, out, file, err) : rc;
}

/* What the layout's columns are in a run folder. */
static int open_run(job *j, const char *path, const layout *l, dura_error *err)
{
    accuracy_run_options o = {path, output_name, l->name, NULL, l->n, j->within};
    static uint8_t roles[COLUMNS_MAX];
    uint32_t i;
    for (i = 0; i < l->n; i++) {
        int at = (int)i;
        roles[i] = at < (int)j->opinions ? RUN_AGREES : at == l->truth ? RUN_RIGHT :
                   at == l->confidence && output_name && strcmp(confidence_name, output_name) == 0 ? RUN_SURE : RUN_VALUE;
    }
    o.roles = roles;
    return accuracy_run_open(&j->run, &o, err);
}

static int next_row(job *j, dura_frames_row *f, dura_error *err)
{
    return j->run ? accuracy_run_next(j->run, f, err) : dura_frames_next(j->frames, f, err);
}

static int open_file(job *j, const char *path, const layout *l, dura_error *err)
{
    dura_frames_options o = DURA_FRAMES_OPTIONS_INIT;
    dura_frames_close(j->frames);
    accuracy_run_close(j->run);
    j->frames = NULL;
    j->run = NULL;
    if (accuracy_run_is(path))
        return open_run(j, path, l, err);
    o.path = path;
    o.channels = l->name;
    o.n_channels = l->n;
    o.time_column = time_column;
    o.time_format = time_format;
    return dura_frames_open(&j->frames, &o, err);
}

/* ---- what comes out -------------------------------------------------------------- */

static const struct reason { uint32_t bit; const char *name, *text; } reasons[] = {
    {DURA_ACCURACY_UNKNOWABLE, "unknowable", "cannot be known without labels: less agreement, or more inputs outside, than in any group of the reference"},
    {DURA_ACCURACY_OUT_OF_SUPPORT, "out_of_support", "inputs are further from the reference than any of its groups"},
    {DURA_ACCURACY_NO_LABELS, "no_labels", "whether inputs still mean the same cannot be known without labels; it is presumed"},
    {DURA_ACCURACY_FEW_LABELS, "few_labels", "too few labels to say more than the inputs do"},
    {DURA_ACCURACY_CONTRADICTED, "contradicted", "labels exclude what would be presumed without them: inputs no longer mean the same"},
    {DURA_ACCURACY_NO_GROUPS, "no_groups", "the reference has no --group: how far off estimates are once inputs move is not known"},
    {DURA_ACCURACY_NO_OPINIONS, "no_opinions", "fewer than two --agree columns: confidence alone is often high where a model is wrong"},
    {DURA_ACCURACY_SHORT, "short", "fewer than 100 decisions in the reference or 30 in the window"},
};
enum { REASONS = sizeof reasons / sizeof *reasons };

static void print_reference(const dura_accuracy_reference *r)
{
    uint32_t i, cells = (r->n_edges + 1u) * (r->opinions + 1u);
    printf("{\"reference\":%.9g,\"n\":%" PRIu32 ",\"groups\":%" PRIu32 ",\"opinions\":%u,\"edges\":[", (double)r->accuracy,
           r->n, r->groups, r->opinions);
    for (i = 0; i < r->n_edges; i++)
        printf("%s%.9g", i ? "," : "", (double)r->edge[i]);
    printf("],\"values\":[");
    for (i = 0; i < cells; i++)
        printf("%s%.9g", i ? "," : "", (double)r->value[i]);
    printf("],\"margin\":%.9g,\"drop\":%.9g,\"outside\":%.9g,\"level\":%.9g}\n", (double)r->margin, (double)r->drop,
           (double)r->outside, (double)r->level);
}

/* Where a slice begins and ends, as JSON. */
static void print_edges(const job *j, uint32_t i)
{
    printf("{\"slice\":%" PRIu32 ",\"from\":", i);
    if (i)
        printf("%.9g", (double)j->edge[i - 1]);
    else
        printf("null");
    if (i + 1 < j->slices)
        printf(",\"to\":%.9g", (double)j->edge[i]);
    else
        printf(",\"to\":null");
}

static void answer_slices(job *j)
{
    dura_accuracy_slice o = DURA_ACCURACY_SLICE_INIT;
    dura_accuracy_state s = DURA_ACCURACY_STATE_INIT;
    uint32_t i;
    if (j->part->slice(j->accuracy, DURA_ACCURACY_WORST, &o, NULL) == DURA_OK)
        printf(",\"worst\":%" PRIu32, o.slice);
    else
        printf(",\"worst\":null");
    printf(",\"slices\":[");
    for (i = 0; i < j->slices; i++) {
        printf("%s", i ? "," : "");
        print_edges(j, i);
        if (j->part->slice(j->accuracy, i, &o, &s) == DURA_OK) {
            printf(",\"decisions\":%" PRIu32 ",\"labels\":%" PRIu32 ",\"estimate\":%.6f,\"low\":%.6f,\"high\":%.6f,\"limit\":%.6f"
                   ",\"statistic\":%.6g,\"threshold\":%g,\"alarm\":%s}", s.decisions, s.labels, (double)s.estimate, (double)s.low,
                   (double)s.high, (double)o.limit, (double)o.statistic, (double)o.threshold, o.alarm ? "true" : "false");
            j->alarm |= o.alarm != 0;
        } else {
            printf(",\"decisions\":0}");
        }
    }
    printf("]");
}

static int answer(job *j, uint64_t at)
{
    dura_accuracy_state s = DURA_ACCURACY_STATE_INIT;
    size_t k;
    int rc = j->part->query(j->accuracy, &s), first = 1;
    if (rc < 0)
        return rc;
    printf("{\"row\":%" PRIu64 ",\"decisions\":%" PRIu32 ",\"labels\":%" PRIu32 ",\"estimate\":%.6f,\"low\":%.6f,\"high\":%.6f"
           ",\"level\":%g,\"reference\":%.6f,\"outside\":%.6f,\"why\":[", at, s.decisions, s.labels, (double)s.estimate,
           (double)s.low, (double)s.high, (double)s.level, (double)s.reference, (double)s.outside);
    for (k = 0; k < REASONS; k++)
        if (s.why & reasons[k].bit) {
            printf("%s\"%s\"", first ? "" : ",", reasons[k].name);
            first = 0;
        }
    printf("]");
    if (j->slices)
        answer_slices(j);
    printf("}\n");
    j->answers++;
    j->under += below_text && s.low < j->below;
    j->why |= s.why;
    j->last = s;
    return DURA_OK;
}

static void print_worst(const job *j)
{
    dura_accuracy_slice o = DURA_ACCURACY_SLICE_INIT;
    dura_accuracy_state s = DURA_ACCURACY_STATE_INIT;
    char from[32] = "", to[32] = "";
    if (!j->slices || j->part->slice(j->accuracy, DURA_ACCURACY_WORST, &o, &s) < 0)
        return;
    if (o.slice)
        snprintf(from, sizeof from, " from %g", (double)j->edge[o.slice - 1]);
    if (o.slice + 1 < j->slices)
        snprintf(to, sizeof to, " below %g", (double)j->edge[o.slice]);
    fprintf(stderr, "dura accuracy: worst slice: %s%s%s: %.1f %% right, between %.1f and %.1f; limit %.1f%s\n", j->slice_name, from,
            to, 100.0 * (double)s.estimate, 100.0 * (double)s.low, 100.0 * (double)s.high, 100.0 * (double)o.limit,
            o.alarm ? ": ALARM, labels prove it worse" : "");
}

static void print_totals(const job *j)
{
    size_t k;
    if (j->skipped)
        fprintf(stderr, "dura accuracy: %" PRIu64 " decisions left out: confidence or an opinion is missing\n", j->skipped);
    for (k = 0; k < REASONS; k++)
        if (j->why & reasons[k].bit)
            fprintf(stderr, "dura accuracy: %s: %s\n", reasons[k].name, reasons[k].text);
    if (j->answers)
        fprintf(stderr, "dura accuracy: %.1f %% right, between %.1f and %.1f (level %g); reference %.1f; %" PRIu64
                " decisions, %" PRIu64 " labels\n", 100.0 * (double)j->last.estimate, 100.0 * (double)j->last.low,
                100.0 * (double)j->last.high, (double)j->last.level, 100.0 * (double)j->last.reference, j->last.n, j->last.n_labels);
    print_worst(j);
}

/* ---- learning and watching ------------------------------------------------------- */

static int keep_row(job *j, const row *r)
{
    if (j->n == j->room) {
        size_t room = j->room ? 2 * j->room : 1024;
        row *rows = realloc(j->rows, room * sizeof *rows);
        if (!rows)
            return DURA_ENOSPC;
        j->rows = rows;
        j->room = room;
    }
    j->rows[j->n++] = *r;
    return DURA_OK;
}

static void print_labels(const job *j, const char *path)
{
    accuracy_run_labels t;
    if (!j->run)
        return;
    t = accuracy_run_told(j->run);
    if (t.unvouched)
        fprintf(stderr, "dura accuracy: %s: %" PRIu64 " labels left out: nobody vouches for them (trust none)\n", path, t.unvouched);
    if (t.not_numbers)
        fprintf(stderr, "dura accuracy: %s: %" PRIu64 " labels left out: not a number\n", path, t.not_numbers);
    if (t.of_no_decision)
        fprintf(stderr, "dura accuracy: %s: %" PRIu64 " labels left out: no decision, or the model gave no answer\n", path, t.of_no_decision);
}

static int read_reference(job *j, dura_error *err)
{
    dura_frames_row f = DURA_FRAMES_ROW_INIT;
    layout l = layout_of(j, correct_name ? correct_name : "correct", group_name);
    row r;
    int rc = open_file(j, reference_path, &l, err);
    if (rc < 0)
        return rc;
    while ((rc = next_row(j, &f, err)) > 0) {
        rc = read_row(j, &l, &f, &r, reference_path, err);
        if (rc == DURA_OK && r.whole && r.known)
            rc = keep_row(j, &r);
        if (rc < 0)
            break;
    }
    print_labels(j, reference_path);
    return rc;
}

/* The rows as columns, and what they teach. */
static int learn(job *j, dura_accuracy_reference *ref, dura_error *err)
{
    dura_accuracy_rows r = DURA_ACCURACY_ROWS_INIT;
    size_t i, n = j->n ? j->n : 1;
    float *confidence = malloc(n * sizeof *confidence);
    uint32_t *agree = malloc(2 * n * sizeof *agree);
    uint8_t *correct = malloc(2 * n);
    int rc = DURA_ENOSPC;
    for (i = 0; confidence && agree && correct && i < j->n; i++) {
        confidence[i] = j->rows[i].confidence;
        agree[i] = j->rows[i].agree;
        agree[n + i] = j->rows[i].group;
        correct[i] = j->rows[i].truth;
        correct[n + i] = j->rows[i].outside;
    }
    if (confidence && agree && correct) {
        r.n = j->n;
        r.opinions = j->opinions;
        r.confidence = confidence_name ? confidence : NULL;
        r.agree = j->opinions ? agree : NULL;
        r.correct = correct;
        r.outside = correct + n;
        r.group = agree + n;
        r.level = j->level;
        rc = dura_accuracy_learn(ref, &r, err);
    }
    free(confidence);
    free(agree);
    free(correct);
    return rc == DURA_ENOENT ? DURA_ESYNTAX : rc;
}

/* The low end of Wilson's 99 % interval of right in n: the least p with (right - n p)^2 <= z^2 n p (1 - p). */
static float wilson(double right, double n)
{
    const double z = 2.576;
    double low = 1e-3, high = right / n > low ? right / n : low;
    int k;
    for (k = 0; k < 50; k++) {
        double p = 0.5 * (low + high);
        if ((right - n * p) * (right - n * p) > z * z * n * p * (1.0 - p))
            low = p;
        else
            high = p;
    }
    return (float)low;
}

static int limit_slices(job *j, dura_error *err)
{
    uint32_t s;
    size_t i;
    for (s = 0; !limit_text && s < j->slices; s++) {
        double n = 0.0, right = 0.0;
        for (i = 0; i < j->n; i++)
            if (j->rows[i].group == 0 && j->rows[i].slice == s) {
                n += 1.0;
                right += j->rows[i].truth;
            }
        if (n < SLICE_ROWS)
            return dura_error_set(err, DURA_ESYNTAX, reference_path, 0, j->slice_name,
                                  "%.0f decisions in slice %" PRIu32 ": %u are the least, or give --slice-limit", n, s, SLICE_ROWS);
        j->limit[s] = wilson(right, n);
    }
    return DURA_OK;
}

static int build(job *j, dura_error *err)
{
    dura_accuracy_reference ref = DURA_ACCURACY_REFERENCE_INIT;
    dura_accuracy_config c = DURA_ACCURACY_CONFIG_INIT;
    size_t bytes;
    int rc = learn(j, &ref, err);
    if (rc == DURA_OK)
        rc = limit_slices(j, err);
    if (rc < 0)
        return rc;
    if (as_json)
        print_reference(&ref);
    j->part = dura_accuracy_part();
    c.window = (uint32_t)j->window;
    c.labels = (uint32_t)j->kept;
    c.slices = j->slices;
    c.every = (uint32_t)j->every;
    c.limit = j->slices ? j->limit : NULL;
    bytes = j->part->bytes(&c);
    j->memory = malloc(bytes);
    return j->memory ? j->part->init(&j->accuracy, j->memory, bytes, &c, &ref) : DURA_ENOSPC;
}

static int watch(job *j, const row *r, uint64_t *made)
{
    int rc;
    if (!r->whole) {
        j->skipped++;
        return DURA_OK;
    }
    if (r->slice != NO_SLICE)
        rc = j->part->update_slice(j->accuracy, r->slice, r->confidence, r->agree, r->outside);
    else
        rc = j->part->update(j->accuracy, r->confidence, r->agree, r->outside);
    if (rc == DURA_OK && r->known)
        rc = r->slice != NO_SLICE ? j->part->label_slice(j->accuracy, r->slice, r->confidence, r->agree, r->truth)
                                  : j->part->label(j->accuracy, r->confidence, r->agree, r->truth);
    *made += rc >= 0;
    return rc < 0 ? rc : DURA_OK;
}

static int watch_all(job *j, dura_error *err)
{
    dura_frames_row f = DURA_FRAMES_ROW_INIT;
    layout l = layout_of(j, accuracy_run_is(words[0]) ? "label" : labels_name, NULL);
    uint64_t made = 0, told = 0, at = 0;
    row r;
    int rc = open_file(j, words[0], &l, err);
    if (rc < 0)
        return rc;
    while ((rc = next_row(j, &f, err)) > 0) {
        at = f.row;
        rc = read_row(j, &l, &f, &r, words[0], err);
        if (rc == DURA_OK)
            rc = watch(j, &r, &made);
        if (rc == DURA_OK && j->window && made >= told + j->window) {
            rc = answer(j, at);
            told = made;
        }
        if (rc < 0)
            return rc;
    }
    print_labels(j, words[0]);
    if (rc == 0 && made == 0)
        rc = dura_error_set(err, DURA_ESYNTAX, words[0], 0, NULL, "no decision in it");
    return rc == 0 && made > told ? answer(j, at) : rc;
}

int cmd_accuracy(int argc, char **argv)
{
    dura_error err = {0};
    job *j;
    int rc = cli_parse(&self, argc, argv);
    if (rc >= 0)
        return rc;
    j = calloc(1, sizeof *j);
    if (!j)
        return cli_fail(&self, DURA_ENOSPC, &err);
    rc = check_usage(j);
    if (rc < 0) {
        rc = read_reference(j, &err);
        rc = rc < 0 ? rc : build(j, &err);
        rc = rc < 0 ? rc : watch_all(j, &err);
        if (rc < 0) {
            fflush(stdout);
            rc = cli_fail(&self, rc, &err);
        } else {
            print_totals(j);
            rc = cli_end(&self, j->under || j->alarm ? CLI_NO : CLI_OK);
        }
    }
    free_job(j);
    free(j);
    return rc;
}
