/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura learn --frames CSV -o policy.json`: limits, envelopes and drift references from clean
 * data, and what they will cost in spurious trips. docs/cmd/learn.md has the method.
 */
#include "dura_args.h"

#include <dura/drift.h>
#include <dura/host/learn.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *frames, *model, *out, *watch_only, *spurious, *holdout, *period, *time_column, *time_format;
static const char *exclude, *outputs, *baseline, *name, *report_path, *checks, *resolution, *keep, *drift, *detector, *shift;
static int as_json;

static const cli_option options[] = {
    {"--frames", NULL, "CSV", &frames, NULL, "a recording of clean operation"},
    {"--out", "-o", "FILE", &out, NULL, "where the policy goes; an older one is replaced"},
    {"--model", NULL, "FILE", &model, NULL, "the model to be guarded (default: none, a policy that only watches)"},
    {"--watch-only", NULL, "FILE", &watch_only, NULL, "where the constant model of such a policy goes (default: beside it)"},
    {"--spurious", NULL, "N", &spurious, NULL, "trips per 30 days that clean data may cause (default: 1)"},
    {"--holdout", NULL, "SHARE", &holdout, NULL, "do not learn from this last share, say what happens in it"},
    {"--checks", NULL, "KIND,..", &checks, NULL, "all, none, or of rule, vote, parity, joint, drift, range, noise, spike (default: all)"},
    {"--resolution", NULL, "UNITS", &resolution, NULL, "round every value to the device's resolution first (default: as found)"},
    {"--keep", NULL, "POLICY", &keep, NULL, "a policy whose fail_lo, fail_hi and rate_fail win over learned ones"},
    {"--drift", NULL, "WHAT,..", &drift, NULL, "histogram, mspc or both: watch shapes, and whether channels belong together"},
    {"--detector", NULL, "NAME", &detector, NULL, "mixture (default: any size), cusum, ewma or ramp, which want --shift"},
    {"--shift", NULL, "D", &shift, NULL, "what a chart is to find, in deviations of a channel; ramp: a frame"},
    {"--exclude", NULL, "COL,..", &exclude, NULL, "columns that are no channels"},
    {"--outputs", NULL, "NAME,..", &outputs, NULL, "names of the outputs (default: the model's)"},
    {"--baseline", NULL, "COL,..", &baseline, NULL, "what the existing control drove, a column per output: no channels"},
    {"--name", NULL, "DEVICE", &name, NULL, "name of the device (default: the file's)"},
    {"--period", NULL, "MS", &period, NULL, "frame period (default: auto, the median step)"},
    {"--time-column", NULL, "NAME", &time_column, NULL, "default: time, t, timestamp, datetime or date"},
    {"--time-format", NULL, "FORMAT", &time_format, NULL, "such as \"%d/%m/%y %H\" (default: ISO 8601 or seconds since 1970)"},
    {"--report", NULL, "FILE", &report_path, NULL, "what is printed, into a file as well"},
    {"--json", NULL, NULL, NULL, &as_json, "the report as one JSON object"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "learn", "--frames CSV -o FILE [--model FILE] [options]",
    "Makes a policy that runs as it is: channels from the header, the model's inputs by their\n"
    "names (p1, p1_lag1, p1_diff2, p1_mean12, p1_std12, p1_min5, p1_max5, a_over_b, mode_is_3),\n"
    "limits and further checks that trip no more than --spurious times in 30 days of clean\n"
    "data, an envelope around what the model answered, drift references. Prints what was learned and what it\n"
    "does not promise. Tighten it: limits from physics beat limits from a recording.\n",
    options, NULL, 0, 0,
};

/* ---- options --------------------------------------------------------------------------- */

/* A decimal number without a sign. 0; -1: it is none. */
static int decimal(const char *text, double *v)
{
    char *end;
    *v = strtod(text, &end);
    return *end == '\0' && strspn(text, ".0123456789") == strlen(text) ? 0 : -1;
}

static int fill(dura_learn_options *o)
{
    uint64_t ms = 0;
    if (!frames || !out)
        return cli_usage(&self, frames ? "want -o FILE" : "--frames is missing");
    if (model && watch_only)
        return cli_usage(&self, "--watch-only is for a policy without a model");
    if (spurious && (decimal(spurious, &o->spurious) < 0 || !(o->spurious > 0.0)))
        return cli_usage(&self, "--spurious %s: want a number of trips, more than 0", spurious);
    if (holdout && decimal(holdout, &o->holdout) < 0)
        return cli_usage(&self, "--holdout %s: want a share such as 0.5", holdout);
    if (period && strcmp(period, "auto") != 0 && (cli_number(period, 86400000000u, &ms) < 0 || ms == 0))
        return cli_usage(&self, "--period %s: want milliseconds, or auto", period);
    if (resolution && (decimal(resolution, &o->resolution) < 0 || !(o->resolution > 0.0)))
        return cli_usage(&self, "--resolution %s: want units such as 0.01", resolution);
    if (shift && (decimal(shift, &o->shift) < 0 || !(o->shift > 0.0)))
        return cli_usage(&self, "--shift %s: want deviations such as 1", shift);
    o->drift = drift;
    o->detector = detector;
    o->checks = checks;
    o->keep = keep;
    o->frames = frames;
    o->model = model;
    o->time_column = time_column;
    o->time_format = time_format;
    o->exclude = exclude;
    o->outputs = outputs;
    o->baseline = baseline;
    o->name = name;
    o->period_ns = (int64_t)ms * 1000000;
    return -1;
}

/* ---- the report in words ------------------------------------------------------------------ */

/* One column of the table: `width` wide. */
static void print_limit(FILE *f, double v, int there)
{
    if (there)
        fprintf(f, " %11.6g", v);
    else
        fprintf(f, " %11s", "-");
}

static void why_words(char *text, size_t n, uint32_t why)
{
    static const char *const words[] = {"short", "correlated", "tails", "constant", "held", "trend"};
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words && len < n; i++)
        if (why >> i & 1u)
            len += (size_t)snprintf(text + len, n - len, "%s%s", len ? ", " : "", words[i]);
}

static void print_channels(FILE *f, const dura_learned *l)
{
    dura_learn_channel c = DURA_LEARN_CHANNEL_INIT;
    char why[80];
    fprintf(f, "%-20s %11s %11s %11s %11s %11s %11s  %s\n", "channel", "seen from", "to", "fail below", "above",
            "rate /s", "still s", "drift rate not promised");
    for (uint32_t i = 0; dura_learned_channel(l, i, &c) == DURA_OK; i++) {
        int limited = c.fail_hi > c.fail_lo, there = !(c.flags & (uint32_t)DURA_LEARN_EMPTY);
        why_words(why, sizeof why, c.drift_why);
        fprintf(f, "%-20s", c.name);
        print_limit(f, c.seen_lo, there);
        print_limit(f, c.seen_hi, there);
        print_limit(f, c.fail_lo, limited);
        print_limit(f, c.fail_hi, limited);
        print_limit(f, c.rate_fail, c.rate_fail > 0.0);
        print_limit(f, (double)c.flat_fail_ns * 1e-9, c.flat_fail_ns > 0);
        fprintf(f, "  %s\n", why);
    }
}

/* Upper end of what a rate may be when k were seen in so many days: 95 %, per 30 days. */
static double at_most(uint64_t k, double days)
{
    static const double upper[] = {3.00, 4.74, 6.30, 7.75, 9.15, 10.51};   /* chi-squared / 2 */
    double n = k < 6 ? upper[k] : (double)k + 1.645 * (double)k / 2.0 + 3.0;
    return days > 0.0 ? n / days * 30.0 : 0.0;
}

static void print_holdout(FILE *f, const dura_learn_report *r)
{
    double scale = r->holdout_days > 0.0 ? 30.0 / r->holdout_days : 0.0;
    if (r->holdout_rows == 0)
        return;
    fprintf(f, "held out: %" PRIu64 " rows, %.3g days\n", r->holdout_rows, r->holdout_days);
    fprintf(f, "  spurious trips per 30 days: stated %.3g, realised %.3g (%" PRIu64 " in %.3g days; the stated figure "
               "agrees with %.0f to %.0f)\n", r->expected, (double)r->holdout_trips * scale, r->holdout_trips,
            r->holdout_days, r->holdout_least, r->holdout_most);
    fprintf(f, "  rows in which the model would not have driven: %" PRIu64 " (%.3g %%)\n", r->holdout_idle,
            100.0 * (double)r->holdout_idle / (double)r->holdout_rows);
    fprintf(f, "  what %.3g days can tell: the true rate is below %.3g per 30 days (95 %%)\n", r->holdout_days,
            at_most(r->holdout_trips, r->holdout_days));
    fprintf(f, "  drift alarms: %" PRIu64 " (asked: one in %.3g samples; %u of %u references promise it)\n",
            r->holdout_drifts, r->arl0, r->promised, r->references);
}

/* What became of every kind of check. */
static void print_families(FILE *f, const dura_learned *l)
{
    static const char *const words[] = {"", "nothing of its kind in the recording", "too few rows for so many channels",
                                        "remembers too long for this recording", "held-out blocks contradict it",
                                        "not asked for"};
    dura_learn_family k = {0};
    fprintf(f, "%-12s %7s %11s %10s %20s\n", "checks", "in all", "limit", "promised", "held out, 95 %");
    k.struct_size = sizeof k;
    for (uint32_t i = 0; dura_learned_family(l, i, &k) == DURA_OK; i++) {
        if (k.refused == DURA_LEARN_FAMILY_KEPT)
            fprintf(f, "%-12s %7u %11.4g %10.3g %8.3g, %.3g to %.3g\n", k.name, k.checks, k.limit, k.promised, k.realised,
                    k.least, k.most);
        else
            fprintf(f, "%-12s %7s %s\n", k.name, "-", words[k.refused]);
        k.struct_size = sizeof k;
    }
    fprintf(f, "\n");
}

static void print_words(FILE *f, const dura_learned *l, const dura_learn_report *r)
{
    const char *note;
    fprintf(f, "learned from %" PRIu64 " rows, %.3g days, a frame every %.6g s", r->rows, r->days,
            (double)r->period_ns * 1e-9);
    if (r->irregular)
        fprintf(f, " (%" PRIu64 " steps are not)", r->irregular);
    fprintf(f, "\n%u channels, %u required, %u limits, %u further checks\n\n", r->channels, r->required, r->limits,
            r->checks);
    print_channels(f, l);
    fprintf(f, "\n");
    print_families(f, l);
    fprintf(f, "spurious trips per 30 days: asked %.6g, stated %.3g; in 95 of 100 spans of 30 days %.0f to %.0f\n",
            r->asked, r->expected, r->least, r->most);
    fprintf(f, "  in the recording itself: %" PRIu64 " (%" PRIu64 " rows in which the model would not have driven), margins "
               "multiplied by %.3g after a held-out quarter\n", r->trips, r->idle, r->factor);
    fprintf(f, "drift: one false alarm in %.6g samples asked; %u of %u references promise it\n", r->arl0, r->promised,
            r->references);
    if (detector && r->references)
        fprintf(f, "  watched by %s for a shift of %s deviations; limits are solved when the policy is packed\n", detector, shift ? shift : "?");
    if (r->histograms || r->mspc_inputs)
        fprintf(f, "  %u histograms; T2 and SPE of %u channels\n", r->histograms, r->mspc_inputs);
    print_holdout(f, r);
    for (uint32_t i = 0; (note = dura_learned_note(l, i)) != NULL; i++)
        fprintf(f, "note: %s\n", note);
}

/* ---- the report for machines ---------------------------------------------------------------- */

static void json_channel(FILE *f, const dura_learn_channel *c, int first)
{
    fprintf(f, "%s{\"name\":", first ? "" : ",");
    cli_print_json_text(f, c->name);
    fprintf(f, ",\"required\":%s,\"seen\":[%.9g,%.9g],\"fail\":", c->flags & (uint32_t)DURA_LEARN_REQUIRED ? "true" : "false",
            c->seen_lo, c->seen_hi);
    if (c->fail_hi > c->fail_lo)
        fprintf(f, "[%.9g,%.9g]", c->fail_lo, c->fail_hi);
    else
        fprintf(f, "null");
    fprintf(f, ",\"suspect\":");
    if (c->suspect_hi > c->suspect_lo)
        fprintf(f, "[%.9g,%.9g]", c->suspect_lo, c->suspect_hi);
    else
        fprintf(f, "null");
    fprintf(f, ",\"rate_fail\":%.9g,\"flat_fail_s\":%.9g,\"max_age_s\":%.9g,\"expected\":%.6g,\"flags\":%u,\"drift_why\":%u}",
            c->rate_fail, (double)c->flat_fail_ns * 1e-9, (double)c->max_age_ns * 1e-9, c->expected, c->flags, c->drift_why);
}

static void json_families(FILE *f, const dura_learned *l)
{
    dura_learn_family k = {0};
    k.struct_size = sizeof k;
    for (uint32_t i = 0; dura_learned_family(l, i, &k) == DURA_OK; i++) {
        fprintf(f, "%s{\"name\":\"%s\",\"refused\":%u,\"checks\":%u,\"limit\":%.9g,\"factor\":%.6g,\"memory\":%u,"
                   "\"promised\":%.6g,\"realised\":%.6g,\"least\":%.6g,\"most\":%.6g,\"trips\":%" PRIu64 "}",
                i ? ",\n" : "", k.name, k.refused, k.checks, k.limit, k.factor, k.memory, k.promised, k.realised, k.least,
                k.most, k.trips);
        k.struct_size = sizeof k;
    }
}

static void print_json(FILE *f, const dura_learned *l, const dura_learn_report *r)
{
    dura_learn_channel c = DURA_LEARN_CHANNEL_INIT;
    const char *note;
    fprintf(f, "{\"rows\":%" PRIu64 ",\"days\":%.6g,\"period_s\":%.9g,\"gap_s\":%.9g,\"irregular\":%" PRIu64
               ",\"stamps\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"limits\":%u,\"checks\":%u,\"factor\":%.6g,\n", r->rows, r->days,
            (double)r->period_ns * 1e-9, (double)r->gap_ns * 1e-9, r->irregular, r->stamps, r->gaps, r->limits, r->checks,
            r->factor);
    fprintf(f, "\"spurious\":{\"asked\":%.6g,\"stated\":%.6g,\"least\":%.0f,\"most\":%.0f,\"recording\":%" PRIu64
               ",\"idle_rows\":%" PRIu64 "},\n", r->asked, r->expected, r->least, r->most, r->trips, r->idle);
    fprintf(f, "\"drift\":{\"arl0\":%.9g,\"references\":%u,\"promised\":%u,\"histograms\":%u,\"mspc_inputs\":%u},\n", r->arl0, r->references,
            r->promised, r->histograms, r->mspc_inputs);
    fprintf(f, "\"holdout\":{\"rows\":%" PRIu64 ",\"days\":%.6g,\"trips\":%" PRIu64 ",\"least\":%.0f,\"most\":%.0f,"
               "\"idle_rows\":%" PRIu64 ",\"drift_alarms\":%" PRIu64 "},\n\"channels\":[", r->holdout_rows, r->holdout_days,
            r->holdout_trips, r->holdout_least, r->holdout_most, r->holdout_idle, r->holdout_drifts);
    for (uint32_t i = 0; dura_learned_channel(l, i, &c) == DURA_OK; i++)
        json_channel(f, &c, i == 0);
    fprintf(f, "],\n\"families\":[");
    json_families(f, l);
    fprintf(f, "],\n\"notes\":[");
    for (uint32_t i = 0; (note = dura_learned_note(l, i)) != NULL; i++) {
        fputs(i ? "," : "", f);
        cli_print_json_text(f, note);
    }
    fprintf(f, "]}\n");
}

static void print_report(FILE *f, const dura_learned *l, const dura_learn_report *r)
{
    if (as_json)
        print_json(f, l, r);
    else
        print_words(f, l, r);
}

/* ---- files -------------------------------------------------------------------------------------- */

/* policy.json -> policy.model.json, on the heap. */
static char *beside(const char *policy)
{
    size_t n = strlen(policy);
    char *path = malloc(n + sizeof ".model.json");
    if (!path)
        return NULL;
    memcpy(path, policy, n + 1);
    if (n > 5 && strcmp(path + n - 5, ".json") == 0)
        n -= 5;
    memcpy(path + n, ".model.json", sizeof ".model.json");
    return path;
}

static int write_report(const dura_learned *l, const dura_learn_report *r, dura_error *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    print_report(f, l, r);
    int rc = fclose(f) == 0 ? cli_write_file(report_path, text, n, 1, err) : DURA_ENOSPC;
    free(text);
    return rc;
}

static int write_all(const dura_learned *l, const dura_learn_report *r, const char *watch_path, dura_error *err)
{
    size_t n;
    const char *text = dura_learned_policy(l, &n);
    int rc = cli_write_file(out, text, n, 1, err);
    text = dura_learned_model(l, &n);
    if (rc == DURA_OK && text)
        rc = cli_write_file(watch_path, text, n, 1, err);
    if (rc == DURA_OK && report_path)
        rc = write_report(l, r, err);
    return rc;
}

int cmd_learn(int argc, char **argv)
{
    dura_learn_options o = DURA_LEARN_OPTIONS_INIT;
    dura_learn_report r = {0};
    dura_learned *l = NULL;
    dura_error err = {0};
    int rc = cli_parse(&self, argc, argv);
    if (rc < 0)
        rc = fill(&o);
    if (rc >= 0)
        return rc;
    char *made = model || watch_only ? NULL : beside(out);
    rc = dura_learn_csv(&l, &o, &err);
    r.struct_size = sizeof r;
    if (rc == DURA_OK)
        rc = dura_learned_query(l, &r);
    if (rc == DURA_OK && !model && !watch_only && !made)
        rc = dura_error_set(&err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    if (rc == DURA_OK)
        rc = write_all(l, &r, made ? made : watch_only, &err);
    if (rc == DURA_OK)
        print_report(stdout, l, &r);
    if (rc == DURA_OK && !model && !as_json)
        printf("model: %s, a constant; run with it: dura run --policy %s --model %s --frames LIVE --out DIR\n",
               made ? made : watch_only, out, made ? made : watch_only);
    dura_learned_deinit(l);
    free(made);
    return rc == DURA_OK ? cli_end(&self, CLI_OK) : cli_fail(&self, rc, &err);
}
