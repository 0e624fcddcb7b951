/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura drift`: has a recording moved away from its own beginning?
 *
 * The first rows are the reference, the rest is monitored; alarms go to standard output as
 * NDJSON, what the reference can and cannot promise to standard error in words. With
 * --reference the rows are judged as they come, so a pipe works; without it the recording
 * is read whole first and its first half is the reference.
 */
#include "dura_args.h"
#include "dura_drift_chart.h"
#include "dura_drift_trend.h"

#include <dura/host/arl.h>
#include <dura/host/frames.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_MAX 100000000u
#define ORDER_DEFAULT 4u
#define ARL0_DEFAULT 100000u
#define ROWS_ASKED_MAX 1000000000u

static const char *words[1], *columns, *arl0_text, *reference_text, *order_text, *time_column, *time_format, *fail_on, *detector_text, *shift_text, *limit_text;
static int as_json, with_trend;

static const cli_option options[] = {
    {"--column", NULL, "NAMES", &columns, NULL, "the columns to watch, separated by commas"},
    {"--arl0", NULL, "N", &arl0_text, NULL, "rows between two false alarms, all columns together, or a time: 12h, 30d (default 100000)"},
    {"--reference", NULL, "N", &reference_text, NULL, "learn from the first N rows (default: the first half)"},
    {"--order", NULL, "K", &order_text, NULL, "highest autoregression tried, 0..4 (default 4)"},
    {"--detector", NULL, "NAME", &detector_text, NULL, "mixture (default: any size), cusum, ewma or ramp: for --shift"},
    {"--shift", NULL, "D", &shift_text, NULL, "what a chart is to find, in the columns' units; ramp: units a row"},
    {"--trend", NULL, NULL, NULL, &with_trend, "also each column's slope at the end, where the data support one"},
    {"--limit", NULL, "NAME=V,..", &limit_text, NULL, "and when its line reaches these values"},
    {"--time-column", NULL, "NAME", &time_column, NULL, "default: time, t, timestamp, datetime or date"},
    {"--time-format", NULL, "FORMAT", &time_format, NULL, "such as \"%d/%m/%y %H\" (default: ISO 8601 or seconds since 1970)"},
    {"--fail-on", NULL, "drift", &fail_on, NULL, "exit 1 if there was an alarm"},
    {"--json", NULL, NULL, NULL, &as_json, "the references and the totals as NDJSON too, in front and behind"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "drift", "FILE --column NAMES [options]",
    "Learns each column's mean, spread and autocorrelation from the first rows of a CSV or NDJSON\n"
    "recording (- is standard input) and watches the rest. One JSON object per alarm: row (data\n"
    "rows from 0), t, channel, direction (up, down, wider, narrower; back: it has come back),\n"
    "size, onset_row, statistic, limit. --detector cusum (a step), ewma or ramp (it creeps) find a\n"
    "size you name, say how soon, and have an exact limit. A column that drifted is silent until it has come back.\n"
    "--trend and --limit add what creeps and when it reaches a value, as intervals (trend, limit).\n"
    "The recording must have a time column. Exit 0 whatever was found, but for --fail-on.\n",
    options, words, 1, 1,
};

typedef struct job {
    const char *name[DURA_DRIFT_CHANNELS_MAX];
    char *names;                       /* the list, cut at its commas */
    uint16_t n;
    uint64_t arl0, reference, order;   /* reference 0: half of what is there */
    double arl0_s;                     /* asked for in time; 0: in rows */
    dura_frames *frames;
    float *value;                      /* rows x n, until the reference is learned */
    uint8_t *missing;
    int64_t *t;
    size_t rows, room;
    void *memory;
    const dura_drift_calls *calls;
    dura_drift *drift;
    uint32_t detector;                 /* DURA_DRIFT_MIXTURE.. */
    double shift;
    trend_rows last;
    trend_limit limits[TREND_LIMITS];
    uint32_t n_limits;
    uint64_t alarms, back, watched;
} job;

static void free_job(job *j)
{
    dura_frames_close(j->frames);
    free(j->names);
    free(j->value);
    free(j->missing);
    free(j->t);
    free(j->memory);
    trend_free(&j->last);
}

/* ---- what was asked -------------------------------------------------------------- */

static int split_names(job *j)
{
    size_t len = strlen(columns) + 1;
    uint16_t i;
    char *at;
    j->names = malloc(len);
    if (!j->names)
        {
        dura_error none = {0};
        return cli_fail(&self, DURA_ENOSPC, &none);
    }
    memcpy(j->names, columns, len);
    for (at = j->names; at;) {
        char *comma = strchr(at, ',');
        if (comma)
            *comma++ = 0;
        if (!*at)
            return cli_usage(&self, "--column %s: a name is empty", columns);
        if (j->n == DURA_DRIFT_CHANNELS_MAX)
            return cli_usage(&self, "--column: more than %d names", DURA_DRIFT_CHANNELS_MAX);
        for (i = 0; i < j->n; i++)
            if (strcmp(j->name[i], at) == 0)
                return cli_usage(&self, "--column %s: %s is named twice", columns, at);
        j->name[j->n++] = at;
        at = comma;
    }
    return -1;
}

/* -1 to go on, else the exit code. */
static int check_chart(job *j)
{
    int detector = detector_text ? chart_detector(detector_text) : DURA_DRIFT_MIXTURE;
    char *end = NULL;
    if (detector < 0)
        return cli_usage(&self, "--detector %s: want mixture, cusum, ewma or ramp", detector_text);
    j->detector = (uint32_t)detector;
    j->calls = detector == DURA_DRIFT_MIXTURE ? dura_drift_part() : dura_drift_chart_part();
    if ((detector != DURA_DRIFT_MIXTURE) != (shift_text != NULL))
        return cli_usage(&self, shift_text ? "--shift wants --detector cusum, ewma or ramp"
                                           : "--detector %s wants --shift", chart_name(j->detector));
    if (shift_text)
        j->shift = strtod(shift_text, &end);
    if (shift_text && (*end || end == shift_text || !(j->shift > 0.0 && j->shift < 1e30)))
        return cli_usage(&self, "--shift %s: want a number above 0", shift_text);
    return -1;
}

/* "30d" in seconds: a number and s, m, h or d. 0; -1: it is none. */
static int read_time(const char *text, double *seconds)
{
    static const struct { char unit; double seconds; } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end = NULL;
    double n = strtod(text, &end);
    size_t i;
    for (i = 0; i < sizeof units / sizeof *units; i++)
        if (strspn(text, ".0123456789") == (size_t)(end - text) && end > text && end[0] == units[i].unit && end[1] == 0 && n > 0.0) {
            *seconds = n * units[i].seconds;
            return 0;
        }
    return -1;
}

/* -1 to go on, else the exit code. */
static int check_usage(job *j)
{
    int rc;
    j->arl0 = ARL0_DEFAULT;
    j->order = ORDER_DEFAULT;
    if (!columns)
        return cli_usage(&self, "--column is missing");
    if (arl0_text && read_time(arl0_text, &j->arl0_s) != 0 && (cli_number(arl0_text, ROWS_ASKED_MAX, &j->arl0) != 0 || j->arl0 < 100))
        return cli_usage(&self, "--arl0 %s: want 100 to 1000000000 rows, or a time such as 90m, 12h, 30d", arl0_text);
    if (reference_text && (cli_number(reference_text, ROWS_MAX, &j->reference) != 0 || j->reference < 8))
        return cli_usage(&self, "--reference %s: want 8 to %u rows", reference_text, ROWS_MAX);
    if (order_text && (cli_number(order_text, 99, &j->order) != 0 || j->order > DURA_DRIFT_ORDER_MAX))
        return cli_usage(&self, "--order %s: want 0 to %d", order_text, DURA_DRIFT_ORDER_MAX);
    if (fail_on && strcmp(fail_on, "drift") != 0)
        return cli_usage(&self, "--fail-on %s: want drift", fail_on);
    rc = check_chart(j) < 0 ? split_names(j) : CLI_USAGE;
    j->last.columns = j->n;
    if (rc < 0 && limit_text && trend_limits(limit_text, j->name, j->n, j->limits, &j->n_limits) != 0)
        return cli_usage(&self, "--limit %s: want COLUMN=NUMBER,... of --column, %u at most", limit_text, TREND_LIMITS);
    return rc;
}

/* ---- what comes out -------------------------------------------------------------- */

static void print_time(int64_t ns)
{
    time_t s = (time_t)(ns / 1000000000);
    char text[40];
    struct tm tm;
    if (!gmtime_r(&s, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm)) {
        printf("null");
        return;
    }
    printf("\"%s", text);
    if (ns % 1000000000)
        printf(".%09" PRId64, ns % 1000000000);
    printf("Z\"");
}

static void print_alarm(const job *j, const dura_fact *f, uint64_t row, int64_t t)
{
    static const char *const direction[] = {"back", "up", "down", "wider", "narrower"};
    dura_drift_state s = DURA_DRIFT_STATE_INIT;
    uint64_t ago = (uint64_t)f->value[2];
    if (j->calls->query(j->drift, f->channel, &s) != DURA_OK)
        return;
    printf("{\"row\":%" PRIu64 ",\"t\":", row);
    print_time(t);
    printf(",\"channel\":");
    cli_print_json_text(stdout, j->name[f->channel]);
    printf(",\"direction\":\"%s\"", direction[f->value[0]]);
    if (f->value[0] == DURA_DRIFT_BACK)
        printf(",\"size\":null,\"onset_row\":null");
    else
        printf(",\"size\":%g,\"onset_row\":%" PRIu64, (double)f->value[1] / 1000.0, ago < row ? row - ago : 0);
    printf(",\"statistic\":%.9g,\"limit\":%.9g}\n", (double)f->value[3] / 1000.0 * (double)s.limit, (double)s.limit);
}

static const struct reason { uint32_t bit; const char *name, *text; } reasons[] = {
    {DURA_DRIFT_SHORT, "short", "fewer than 1000 effective samples: take more reference rows"},
    {DURA_DRIFT_CORRELATED, "correlated", "still autocorrelated after whitening: slow swings may pass for drift"},
    {DURA_DRIFT_TAILS, "tails", "heavier tails than a Gaussian's: a few far values may pass for a wider spread"},
    {DURA_DRIFT_CONSTANT, "constant", "never moved in the reference: any change is an alarm"},
    {DURA_DRIFT_HELD, "held", "values repeat: only new ones count as samples"},
    {DURA_DRIFT_TREND, "trend", "the reference itself moves: its halves differ"},
};
enum { REASONS = sizeof reasons / sizeof *reasons };

/* What a chart is expected to do. */
typedef struct promise {
    double deviations, delay;           /* delay < 0: not known */
} promise;

static void print_promise(const job *j, uint16_t i, const dura_drift_reference *r, const promise *p)
{
    if (j->detector == DURA_DRIFT_MIXTURE)
        return;
    fprintf(stderr, "dura drift: %s: %s, limit %.6g: %g%s is %.3g deviations%s", j->name[i], chart_name(r->detector), (double)r->limit,
            j->shift, r->detector == DURA_DRIFT_RAMP ? " a row" : "", p->deviations, r->detector == DURA_DRIFT_RAMP ? " a row" : "");
    if (p->delay >= 0.0)
        fprintf(stderr, ", found after %.*f rows on average", p->delay < 20.0 ? 1 : 0, p->delay);
    if (r->why == 0)
        fprintf(stderr, "; one false alarm of all columns together in %" PRIu64 " rows", j->arl0);
    fprintf(stderr, "\n");
}

static void print_chart(const job *j, const dura_drift_reference *r, const promise *p)
{
    if (j->detector == DURA_DRIFT_MIXTURE)
        return;
    printf(",\"detector\":\"%s\",\"shift\":%.9g,\"deviations\":%.9g,\"parameter\":%.9g,\"limit\":%.9g,\"delay\":", chart_name(r->detector),
           j->shift, p->deviations, (double)r->shift, (double)r->limit);
    if (p->delay < 0.0)
        printf("null");
    else
        printf("%.6g", p->delay);
}

static void print_reference(const job *j, uint16_t i, const dura_drift_reference *r, const promise *p)
{
    size_t k;
    int first = 1;
    print_promise(j, i, r, p);
    for (k = 0; k < REASONS; k++)
        if (r->why & reasons[k].bit)
            fprintf(stderr, "dura drift: %s: no rate is promised: %s\n", j->name[i], reasons[k].text);
    if (!as_json)
        return;
    printf("{\"reference\":");
    cli_print_json_text(stdout, j->name[i]);
    printf(",\"n\":%" PRIu32 ",\"mean\":%.9g,\"deviation\":%.9g,\"phi\":[", r->n, (double)r->mean, (double)r->deviation);
    for (k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
        printf("%s%.9g", k ? "," : "", (double)r->phi[k]);
    printf("],\"resolution\":%.9g,\"why\":[", (double)r->resolution);
    for (k = 0; k < REASONS; k++)
        if (r->why & reasons[k].bit) {
            printf("%s\"%s\"", first ? "" : ",", reasons[k].name);
            first = 0;
        }
    printf("]");
    print_chart(j, r, p);
    printf("}\n");
}

/* ---- learning and watching ------------------------------------------------------- */

static int keep_row(job *j, const dura_frames_row *row)
{
    if (j->rows == j->room) {
        size_t room = j->room ? 2 * j->room : 1024;
        float *value = realloc(j->value, room * j->n * sizeof *value);
        uint8_t *missing = value ? realloc(j->missing, room * j->n) : NULL;
        int64_t *t = missing ? realloc(j->t, room * sizeof *t) : NULL;
        j->value = value ? value : j->value;
        j->missing = missing ? missing : j->missing;
        j->t = t ? t : j->t;
        if (!t)
            return DURA_ENOSPC;
        j->room = room;
    }
    memcpy(j->value + j->rows * j->n, row->values, j->n * sizeof *j->value);
    memcpy(j->missing + j->rows * j->n, row->missing, j->n);
    j->t[j->rows++] = row->time.wall_ns;
    return DURA_OK;
}

/* Column i of the first `rows` rows; what is not finite is missing, as update() has it. */
static int learn_reference(const job *j, uint16_t i, size_t rows, dura_drift_reference *ref)
{
    float *x = malloc((rows ? rows : 1) * sizeof *x);
    uint8_t *missing = malloc(rows ? rows : 1);
    int rc = DURA_ENOSPC;
    size_t k;
    for (k = 0; x && missing && k < rows; k++) {
        uint32_t bits;
        x[k] = j->value[k * j->n + i];
        memcpy(&bits, &x[k], sizeof bits);
        missing[k] = j->missing[k * j->n + i] || (bits & 0x7F800000u) == 0x7F800000u;
    }
    if (x && missing)
        rc = dura_drift_learn(ref, x, missing, rows, (uint32_t)j->order);
    free(x);
    free(missing);
    return rc;
}

static int learn_column(job *j, uint16_t i, size_t rows, dura_error *err)
{
    dura_drift_reference ref = DURA_DRIFT_REFERENCE_INIT;
    promise p = {0.0, -1.0};
    dura_error why = {0};
    int rc = learn_reference(j, i, rows, &ref);
    if (rc < 0)
        return rc == DURA_ENOSPC ? rc : dura_error_set(err, rc == DURA_ENOENT ? DURA_ESYNTAX : rc, words[0], 0, j->name[i],
            "no reference can be learned from the first %zu rows: 8 numbers are the least", rows);
    if (j->detector != DURA_DRIFT_MIXTURE)
        rc = dura_arl_chart(&ref, j->detector, j->shift, (double)j->arl0, j->n, &p.deviations, &p.delay, &why);
    if (rc < 0)
        return dura_error_set(err, rc, words[0], 0, j->name[i], "%s", why.text);
    rc = j->calls->attach(j->drift, i, &ref);
    if (rc == DURA_OK)
        print_reference(j, i, &ref, &p);
    return rc;
}

static int by_length(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A time in rows, by the median step of the reference. */
static int count_rows(job *j, size_t rows, dura_error *err)
{
    int64_t *step = malloc((rows ? rows : 1) * sizeof *step), period = 0;
    size_t n = 0, i;
    if (!step)
        return DURA_ENOSPC;
    for (i = 1; i < rows; i++)
        if (j->t[i] > j->t[i - 1])
            step[n++] = j->t[i] - j->t[i - 1];
    qsort(step, n, sizeof *step, by_length);
    period = n ? step[n / 2] : 0;
    free(step);
    double asked = period > 0 ? j->arl0_s * 1e9 / (double)period : 0.0;
    if (!(asked >= 100.0 && asked <= (double)ROWS_ASKED_MAX))
        return dura_error_set(err, DURA_EINVAL, words[0], 0, "--arl0", "%s is %.6g rows of %.6g s: want 100 to %u rows", arl0_text, asked,
                              (double)period * 1e-9, ROWS_ASKED_MAX);
    j->arl0 = (uint64_t)(asked + 0.5);
    fprintf(stderr, "dura drift: %s is %" PRIu64 " rows of %.6g s\n", arl0_text, j->arl0, (double)period * 1e-9);
    return DURA_OK;
}

static int learn(job *j, size_t rows, dura_error *err)
{
    dura_drift_config c = DURA_DRIFT_CONFIG_INIT;
    size_t bytes;
    uint16_t i;
    int rc = j->arl0_s > 0.0 ? count_rows(j, rows, err) : DURA_OK;
    if (rc != DURA_OK)
        return rc;
    c.n_channels = j->n;
    c.arl0 = (float)j->arl0;
    bytes = j->calls->bytes(&c);
    j->memory = malloc(bytes);
    if (!j->memory)
        return DURA_ENOSPC;
    rc = j->calls->init(&j->drift, j->memory, bytes, &c);
    for (i = 0; rc == DURA_OK && i < j->n; i++)
        rc = learn_column(j, i, rows, err);
    return rc;
}

static int watch(job *j, uint64_t row, int64_t t, const float *x, const uint8_t *missing)
{
    static dura_fact facts[DURA_DRIFT_CHANNELS_MAX];    /* room for all: none has to wait */
    int n = j->calls->update(j->drift, x, missing, j->n, facts, DURA_DRIFT_CHANNELS_MAX), k;
    for (k = 0; k < n; k++) {
        print_alarm(j, &facts[k], row, t);
        if (facts[k].value[0] == DURA_DRIFT_BACK)
            j->back++;
        else
            j->alarms++;
    }
    j->watched++;
    if (n > 0)
        fflush(stdout);
    return with_trend || limit_text ? trend_keep(&j->last, row, t, x, missing) : DURA_OK;
}

static int watch_all(job *j, dura_error *err)
{
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    size_t k, first;
    int rc;
    while ((!j->reference || j->rows < j->reference) && (rc = dura_frames_next(j->frames, &row, err)) != 0) {
        if (rc < 0 || (rc = keep_row(j, &row)) < 0)
            return rc;
    }
    if (j->reference > j->rows)
        return dura_error_set(err, DURA_ESYNTAX, words[0], 0, "--reference", "there are only %zu rows", j->rows);
    first = j->reference ? (size_t)j->reference : j->rows / 2;
    rc = learn(j, first, err);
    if (rc < 0)
        return rc;
    for (k = first; rc == DURA_OK && k < j->rows; k++)
        rc = watch(j, k, j->t[k], j->value + k * j->n, j->missing + k * j->n);
    while (rc >= 0 && (rc = dura_frames_next(j->frames, &row, err)) > 0)
        rc = watch(j, row.row, row.time.wall_ns, row.values, row.missing);
    return rc < 0 || !(with_trend || limit_text) ? rc : trend_print(&j->last, j->name, j->limits, j->n_limits);
}

static int run_all(job *j, dura_error *err)
{
    dura_frames_options o = DURA_FRAMES_OPTIONS_INIT;
    int rc;
    o.path = words[0];
    o.channels = j->name;
    o.n_channels = j->n;
    o.time_column = time_column;
    o.time_format = time_format;
    rc = dura_frames_open(&j->frames, &o, err);
    return rc == DURA_OK ? watch_all(j, err) : rc;
}

static void print_totals(const job *j)
{
    if (as_json)
        printf("{\"rows_watched\":%" PRIu64 ",\"alarms\":%" PRIu64 ",\"back\":%" PRIu64 ",\"arl0\":%" PRIu64 "}\n",
               j->watched, j->alarms, j->back, j->arl0);
    fprintf(stderr, "dura drift: %" PRIu64 " rows watched, %" PRIu64 " alarms, %" PRIu64
            " came back; one false alarm in %" PRIu64 " rows was asked for\n", j->watched, j->alarms, j->back, j->arl0);
}

int cmd_drift(int argc, char **argv)
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
        rc = run_all(j, &err);
        if (rc < 0) {
            fflush(stdout);
            rc = cli_fail(&self, rc, &err);
        } else {
            print_totals(j);
            rc = cli_end(&self, fail_on && j->alarms ? CLI_NO : CLI_OK);
        }
    }
    free_job(j);
    free(j);
    return rc;
}
