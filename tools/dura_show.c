/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `dura show DIR`: the records, merged in the order of the one timeline. --json prints
 * what dura_record_json gives, a line each; otherwise the same line is turned into aligned
 * words, so that people and machines never see two different stories.
 */
#include "dura_args.h"

#include <dura/host/pack.h>
#include <dura/drift.h>
#include <dura/host/record.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *folder, *log_name, *last_text;
static int as_json;

static const cli_option options[] = {
    {"--log", NULL, "LOG", &log_name, NULL, "security or decision only (default: both)"},
    {"--last", NULL, "N", &last_text, NULL, "only the last N records"},
    {"--json", NULL, NULL, NULL, &as_json, "one JSON object per line"},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
static const cli_command self = {
    "show", "DIR [--log security|decision] [--last N] [--json]",
    "The records of a run folder in the order of the timeline over both logs. Showing is not\n"
    "verifying: `dura verify DIR` says whether to believe them.\n",
    options, &folder, 1, 1,
};

/* ---- names ----------------------------------------------------------------------- */

/* The policy image and the names in it; records are shown with numbers without one. */
typedef struct naming {
    void *image;
    const char **channels, **outputs, **features, **mspc;
    uint16_t n_features, n_mspc;
    dura_record_names names;
} naming;

static const char **list_names(const void *image, size_t len, int what, uint16_t *count)
{
    size_t n = 0;
    int rc = dura_pack_names(image, len, what, NULL, NULL, 0, &n);
    const char **names = (rc == DURA_OK || rc == DURA_ENOSPC) && n ? calloc(n, sizeof *names) : NULL;
    if (!names || dura_pack_names(image, len, what, names, NULL, n, &n) != DURA_OK)
        n = 0;
    *count = (uint16_t)n;
    return names;
}

static void load_names(naming *n)
{
    size_t len;
    int kind = DURA_PACK_POLICY;
    char *path = cli_join(folder, "policy.bin");
    *n = (naming){0};
    n->names = (dura_record_names)DURA_RECORD_NAMES_INIT;
    if (path && cli_load_image(path, &kind, &n->image, &len, NULL) == DURA_OK) {
        n->channels = list_names(n->image, len, DURA_NAMES_CHANNELS, &n->names.n_channels);
        n->outputs = list_names(n->image, len, DURA_NAMES_OUTPUTS, &n->names.n_outputs);
        n->features = list_names(n->image, len, DURA_NAMES_FEATURES, &n->n_features);
        n->mspc = list_names(n->image, len, DURA_NAMES_MSPC, &n->n_mspc);
        n->names.channels = n->channels;
        n->names.outputs = n->outputs;
    }
    free(path);
}

static void free_names(naming *n)
{
    free((void *)n->channels);
    free((void *)n->outputs);
    free((void *)n->features);
    free((void *)n->mspc);
    dura_pack_deinit(n->image);
}

/* ---- JSON to words ------------------------------------------------------------------ */

/* Our own JSON: no blanks, always valid. Where the string at p ends, quotes included. */
static const char *string_end(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        p += *p == '\\' && p[1];
    return *p ? p + 1 : p;
}

static const char *value_end(const char *p)
{
    int depth = 0;
    while (*p && (depth || (*p != ',' && *p != '}' && *p != ']'))) {
        if (*p == '"') {
            p = string_end(p);
            continue;
        }
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
    }
    return p;
}

static int key_is(const char *key, const char *end, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == (size_t)(end - key) && strncmp(key, *list, (size_t)(end - key)) == 0)
            return 1;
    return 0;
}

/* A string without its quotes; digests and signatures are cut short. */
static void print_string(const char *p, const char *end)
{
    int n = (int)(end - p) - 2;
    if (n >= 32 && strspn(p + 1, "0123456789abcdef") >= (size_t)n)
        printf("%.12s..", p + 1);
    else
        printf("%.*s", n, p + 1);
}

/* A member's name as words: "name=", "name: " before an object, nothing for verdict and
 * reasons, which speak for themselves. Returns where its value begins; end of the value
 * for what is in --json only. */
static const char *print_name(const char *name, const char *end, const char **sep)
{
    static const char *const bare[] = {"verdict", "reasons", NULL}, *const hidden[] = {"quality", NULL};
    const char *value = end + 2;
    if (key_is(name, end, hidden)) {
        *sep = "";
        return value_end(value);
    }
    fputs(*sep, stdout);
    *sep = "";
    if (!key_is(name, end, bare))
        printf("%.*s%s", (int)(end - name), name, *value == '{' ? ": " : "=");
    return value;
}

/* Objects as "name=value name=value", lists as "a,b". A separator is printed when
 * something follows it. */
static void print_value(const char *p, const char *end)
{
    const char *sep = "";
    int lists = 0;
    while (p < end) {
        const char *next = *p == '"' ? string_end(p) : p + 1;
        if (*p == '"' && *next == ':') {
            next = print_name(p + 1, next - 1, &sep);
        } else if (*p == ',') {
            sep = lists ? "," : " ";
        } else if (strchr("{}[]", *p)) {
            lists += (*p == '[') - (*p == ']');
        } else {
            fputs(sep, stdout);
            sep = "";
            if (*p == '"')
                print_string(p, next);
            else
                fputc(*p, stdout);
        }
        p = next;
    }
}

/* What a fact's numbers are names of. */
typedef struct fact_words {
    int is_fact, is_action, is_drift, is_release, is_feature, about_channel, is_alive, is_monitor;
} fact_words;

static fact_words words_of(const dura_record *r)
{
    uint64_t fact = 0;
    fact_words w = {0, 0, 0, 0, 0, 0, 0, 0};
    w.is_fact = r->kind == DURA_REC_FACT && dura_record_uint(r, 16, &fact) == DURA_OK;
    w.is_action = w.is_fact && fact == DURA_FACT_ACTION;
    w.is_drift = w.is_fact && fact == DURA_FACT_DRIFT;
    w.is_alive = w.is_fact && fact == DURA_FACT_ALIVE;
    w.is_monitor = w.is_fact && fact == DURA_FACT_MONITOR;
    w.is_release = w.is_fact && fact == DURA_FACT_RELEASE;
    w.is_feature = w.is_fact && fact == DURA_FACT_FEATURE;
    w.about_channel = w.is_fact && (fact == DURA_FACT_CHANNEL || fact == DURA_FACT_INPUT_REJECTED);
    return w;
}

static void print_bits(const char *label, unsigned long bits, int list)
{
    printf("  %s=", label);
    for (uint32_t bit = 0, any = 0; bit < 32; bit++) {
        const char *name = dura_record_name(list, bit);
        if ((bits >> bit) & 1u && name)
            printf("%s%s", any++ ? "," : "", name);
    }
}

/* "[26,43]" as "  ACT -> HOLD". */
static int print_actions(const char *list)
{
    char *comma;
    const char *from = dura_record_name(DURA_NAME_ACTION, (uint32_t)strtoul(list + 1, &comma, 10));
    const char *to = *comma == ',' ? dura_record_name(DURA_NAME_ACTION, (uint32_t)strtoul(comma + 1, NULL, 10)) : NULL;
    if (to)
        printf("  %s -> %s", from ? from : "start", to);
    return to != NULL;
}

/* The numbers of "[1,-2,3]", zeros behind them. */
static void read_list(const char *list, long long v[4])
{
    for (int i = 0; i < 4; i++) {
        char *end = NULL;
        v[i] = *list && *list != ']' ? strtoll(list + 1, &end, 10) : 0;
        list = end && end != list + 1 ? end : "]";
    }
}

/* "[1,750,40,1200]" as "up  size=0.75  began 40 samples ago  at 1.20 of its limit". */
static int print_drift(const char *list)
{
    long long v[4];
    read_list(list, v);
    const char *way = dura_record_name(DURA_NAME_DRIFT, (uint32_t)v[0]);
    printf("  %s  size=%.3g  began %lld samples ago  at %.2f of its limit", way ? way : "?", (double)v[1] / 1000.0, v[2],
           (double)v[3] / 1000.0);
    return 1;
}

/* "[22,25,1001]" as "  shift found after 22 samples of 25  decision 1001". */
static int print_alive(const char *list)
{
    long long v[4];
    read_list(list, v);
    printf("  shift found after %lld samples of %lld  decision %lld", v[0], v[1], v[2]);
    if (v[3])
        printf("  %lld drifts stand", v[3]);
    return 1;
}

/* "[2,40,25,1001]" as "  LATE: after 40 samples of 25  decision 1001". */
static int print_monitor(const char *list)
{
    long long v[4];
    read_list(list, v);
    if (v[0] == DURA_MONITOR_SILENT)
        printf("  SILENT: no heartbeat in %lld decisions, one in %lld is owed", v[1], v[2]);
    else if (v[0] == DURA_MONITOR_FAILED)
        printf("  FAILED: %s", dura_strerror((int)v[1]));
    else if (v[0] == DURA_MONITOR_RESUMED)
        printf("  goes on from record %lld of boot %lld", v[1], v[2]);
    else if (v[0] == DURA_MONITOR_ANEW)
        printf("  begins anew: %s", dura_strerror((int)v[1]));
    else
        printf("  %s: after %lld samples of %lld", v[0] == DURA_MONITOR_LATE ? "LATE" : "MISSED", v[1], v[2]);
    if (v[0] <= DURA_MONITOR_SILENT)
        printf("  decision %lld", v[3]);
    return 1;
}

/* "[4,5,7,131072]" as "accepted -> armed  version=7  why=incident". */
static int print_release(const char *list)
{
    long long v[4];
    read_list(list, v);
    const char *from = dura_record_name(DURA_NAME_GATE, (uint32_t)v[0]), *to = dura_record_name(DURA_NAME_GATE, (uint32_t)v[1]);
    printf("  %s -> %s  version=%lld", from ? from : "?", to ? to : "?", v[2]);
    if (v[3])
        print_bits("why", (unsigned long)v[3], DURA_NAME_WHY);
    return 1;
}

/* Channels, then outputs, then features: what a drift alarm is about. */
static int print_watched(const naming *n, unsigned long v)
{
    const dura_record_names *r = &n->names;
    if (v < r->n_channels && r->channels)
        printf("  channel=%s", r->channels[v]);
    else if (v < (unsigned long)r->n_channels + r->n_outputs && r->outputs)
        printf("  output=%s", r->outputs[v - r->n_channels]);
    else if (r->n_channels && v - r->n_channels - r->n_outputs < n->n_features)
        printf("  feature=%s", n->features[v - r->n_channels - r->n_outputs]);
    else if (r->n_channels)
        printf("  %s", v - r->n_channels - r->n_outputs == n->n_features ? "mspc.t2" : "mspc.spe");
    else
        return 0;
    return 1;
}

/* Who found it, whose doing it is, what is not promised. */
static int print_drift_reasons(const naming *n, unsigned long v)
{
    uint32_t by = (uint32_t)(v >> DURA_DRIFT_DETECTOR_AT & 7u);
    if (by != DURA_DRIFT_MIXTURE)
        printf("  by %s", dura_record_name(DURA_NAME_DETECTOR, by) ? dura_record_name(DURA_NAME_DETECTOR, by) : "?");
    for (uint32_t k = 0; by != DURA_DRIFT_HISTOGRAM && k < DURA_DRIFT_BLAMED; k++) {
        unsigned long place = v >> (DURA_DRIFT_BLAMED_AT + DURA_DRIFT_BLAMED_BITS * k) & ((1u << DURA_DRIFT_BLAMED_BITS) - 1u);
        if (place && place <= n->n_mspc)
            printf("%s%s", k ? "," : "  explained least: ", n->mspc[place - 1]);
    }
    if (v & DURA_DRIFT_WHY)
        print_bits("no rate promised", v & DURA_DRIFT_WHY, DURA_NAME_DRIFT_WHY);
    return 1;
}

/* What only drift, release and feature facts have. 1: it was said in words. */
static int print_new_fact(const naming *n, const fact_words *w, const char *key, const char *end, const char *value)
{
    static const char *const channel[] = {"channel", NULL}, *const reasons[] = {"reasons", NULL},
                      *const values[] = {"values", NULL}, *const component[] = {"component", NULL};
    unsigned long v = strtoul(value, NULL, 10);
    const char *part = dura_record_name(DURA_NAME_COMPONENT, (uint32_t)v);
    if (w->is_drift && key_is(key, end, values))
        return print_drift(value);
    if (w->is_alive && key_is(key, end, values))
        return print_alive(value);
    if (w->is_monitor && key_is(key, end, values))
        return print_monitor(value);
    if ((w->is_drift || w->is_alive || w->is_monitor) && key_is(key, end, channel))
        return print_watched(n, v);
    if (w->is_drift && key_is(key, end, reasons))
        return print_drift_reasons(n, v);
    if (w->is_release && key_is(key, end, values))
        return print_release(value);
    if (w->is_release && part && key_is(key, end, component))
        return printf("  %s", part) > 0;
    if (w->is_feature && key_is(key, end, channel))
        return printf("  feature=%lu", v) > 0;
    return 0;
}

/* A fact speaks of a channel, an output, reason bits or actions by number. 1: it was said
 * here in words. */
static int print_fact_member(const naming *n, const fact_words *w, const char *key, const char *end, const char *value)
{
    unsigned long v = strtoul(value, NULL, 10);
    const char *const *names = w->about_channel ? n->names.channels : n->names.outputs;
    unsigned long count = w->about_channel ? n->names.n_channels : n->names.n_outputs;
    static const char *const channel[] = {"channel", NULL}, *const reasons[] = {"reasons", NULL},
                      *const values[] = {"values", NULL};
    if (w->is_action && key_is(key, end, values))
        return print_actions(value);
    if (w->is_drift || w->is_release || w->is_feature || w->is_alive || w->is_monitor)
        return print_new_fact(n, w, key, end, value);
    if (key_is(key, end, channel) && names && v < count) {
        printf("  %s=%s", w->about_channel ? "channel" : "output", names[v]);
        return 1;
    }
    if (!key_is(key, end, reasons))
        return 0;
    print_bits("reasons", v, w->about_channel ? DURA_NAME_SENSOR_REASON : DURA_NAME_GUARD_REASON);
    return 1;
}

/* The kinds of an incident's evidence, strongest first; weights and places are in --json. */
static void print_evidence(const char *p, const char *end)
{
    static const char mark[] = "\"kind\":";
    const char *sep = "  evidence=";
    while ((p = strstr(p, mark)) != NULL && p < end) {
        p += sizeof mark - 1;
        const char *stop = string_end(p);
        fputs(sep, stdout);
        print_string(p, stop);
        sep = ",";
        p = stop;
    }
}

/* Members behind the head, but for those that fill a screen and say little. */
static void print_members(const naming *n, const dura_record *r, const char *json)
{
    static const char *const skip[] = {"gseq", "t", "log", "seq", "kind", "boot", "mono_ns", "clock", "err_us",
                                       "source", "model", "inputs", "raw_outputs", "mode", "verdict",
                                       "sensor_reasons", "zone", "asset", "start_ns", "end_ns", "totals", NULL};
    static const char *const measured[] = {"values", NULL}, *const evidence[] = {"evidence", NULL},
                      *const verdict[] = {"verdict", NULL}, *const untrusted[] = {"untrusted", NULL};
    int incident = r->kind == DURA_REC_INCIDENT;
    fact_words w = words_of(r);
    if (w.is_drift && !strstr(json, "\"values\":"))
        fputs("  back at its reference", stdout);    /* all its numbers are 0 and left out */
    for (const char *p = json + 1; *p == '"';) {
        const char *key = p + 1, *key_end = string_end(p) - 1;
        const char *value = key_end + 2, *end = value_end(value);
        int empty = end - value == 2 && strchr("{[", *value);
        p = *end == ',' ? end + 1 : end;
        if (incident && key_is(key, key_end, evidence)) {
            print_evidence(value, end);
            continue;
        }
        if (incident && key_is(key, key_end, untrusted) && *value == 'f')
            continue;
        if (!(incident && key_is(key, key_end, verdict)) && key_is(key, key_end, skip))
            continue;
        if (empty || strncmp(value, "null", 4) == 0 ||
            (r->kind == DURA_REC_DECISION && key_is(key, key_end, measured)))
            continue;
        if (w.is_fact && print_fact_member(n, &w, key, key_end, value))
            continue;
        printf("  %.*s%s", (int)(key_end - key), key, *value == '{' ? ": " : "=");
        print_value(value, end);
    }
    fputc('\n', stdout);
}

/* "2026-03-01T06:00:00.000Z", or time since the start where there is no wall clock. */
static void print_time(const dura_record *r, const char *json)
{
    const char *t = strstr(json, "\"t\":\"");
    char text[40];
    if (r->time.quality && t)
        snprintf(text, sizeof text, "%.23sZ", t + 5);
    else
        snprintf(text, sizeof text, "start %u +%" PRId64 ".%03d s", (unsigned)r->time.boot,
                 r->time.mono_ns / 1000000000, (int)(r->time.mono_ns / 1000000 % 1000));
    printf("%-24s", text);
}

static void print_words(const naming *n, const dura_record *r, const char *json)
{
    const char *log = dura_record_name(DURA_NAME_LOG, r->log), *kind = dura_record_name(DURA_NAME_KIND, r->kind);
    printf("%8" PRIu64 "  ", r->gseq);
    print_time(r, json);
    printf("  %-8s  %-8s", log ? log : "?", kind ? kind : "?");
    print_members(n, r, json);
}

/* ---- the records ------------------------------------------------------------------- */

/* Room for one line grows with the largest record. */
typedef struct line {
    char *p;
    size_t cap;
} line;

static int print_record(const naming *n, const dura_record *r, line *l, dura_error *err)
{
    size_t len = l->cap;
    int rc = dura_record_json(r, &n->names, l->p, &len);
    if (rc == DURA_ENOSPC) {
        char *more = realloc(l->p, len + 1024);
        if (!more)
            return dura_error_set(err, DURA_ENOSPC, folder, 0, NULL, "out of memory");
        l->p = more;
        l->cap = len + 1024;
        len = l->cap;
        rc = dura_record_json(r, &n->names, l->p, &len);
    }
    if (rc != DURA_OK)
        return dura_error_set(err, rc, folder, 0, NULL, "record %" PRIu64 ": %s", r->gseq, dura_strerror(rc));
    if (as_json)
        puts(l->p);
    else
        print_words(n, r, l->p);
    return DURA_OK;
}

/* A closed log ends in a seal. When the last readable record is none, the rest is damaged,
 * which reading alone cannot tell from a torn end. */
static int check_end(const dura_record *last, dura_error *err)
{
    char *path = cli_join(folder, "security.log/checkpoint");
    int closed = path && access(path, F_OK) == 0;
    free(path);
    if (!closed || last->kind == DURA_REC_SEAL)
        return DURA_OK;
    return dura_error_set(err, DURA_ECORRUPT, folder, 0, NULL,
                          "the log was closed, but nothing behind record %" PRIu64 " can be read: `dura verify` says where "
                          "it breaks", last->gseq);
}

/* Records from number `from` on; n NULL: counted only. A DURA_E* code. */
static int walk(int log, uint64_t from, const naming *n, uint64_t *count, dura_error *err)
{
    dura_records *in;
    dura_record r = {0};
    line l = {NULL, 0};
    r.struct_size = sizeof r;
    int rc = dura_records_open(&in, folder, log, err);
    *count = 0;
    while (rc >= 0 && (rc = dura_records_next(in, &r, err)) == 1) {
        if (n && *count >= from)
            rc = print_record(n, &r, &l, err);
        ++*count;
    }
    if (rc == 0)
        rc = check_end(&r, err);
    free(l.p);
    dura_records_close(in);
    return rc;
}

int cmd_show(int argc, char **argv)
{
    uint64_t last = UINT64_MAX, count = 0, from = 0;
    int log = 0, rc = cli_parse(&self, argc, argv);
    dura_error err = {0};
    naming names;
    if (rc >= 0)
        return rc;
    if (log_name)
        log = strcmp(log_name, "security") == 0 ? DURA_LOG_SECURITY
              : strcmp(log_name, "decision") == 0 ? DURA_LOG_DECISION : -1;
    if (log < 0)
        return cli_usage(&self, "--log %s: want security or decision", log_name);
    if (last_text && cli_number(last_text, UINT64_MAX, &last) != 0)
        return cli_usage(&self, "--last %s: want a whole number", last_text);
    if (last_text) {                 /* once to count: memory stays the same for any N */
        (void)walk(log, 0, NULL, &count, &err);
        from = count > last ? count - last : 0;
    }
    err = (dura_error){0};
    load_names(&names);
    rc = walk(log, from, &names, &count, &err);
    free_names(&names);
    return rc < 0 ? cli_fail(&self, rc, &err) : cli_end(&self, CLI_OK);
}
