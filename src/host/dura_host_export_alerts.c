/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incidents and security-relevant records as alerts.
 *
 *   CEF        ArcSight Common Event Format, version 0 (header, extension, both escapings)
 *   syslog     RFC 5424, one structured data element, facility 13 (log audit)
 *   OCSF       Detection Finding, class 2004 of schema 1.3
 *
 * An alert is made once, as plain fields; each format only writes it. An incident stands
 * where it was opened, in its last state.
 */
#include <dura/host/export.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dura_host_files_priv.h"
#include "dura_host_monitor.h"
#include "dura_host_story_priv.h"
#include "dura_host_why_priv.h"

enum { ENTERPRISE = 32473 };             /* RFC 5612: for documentation; there is no own number */

/* One alert, before anybody's syntax. "" where there is nothing to say. */
typedef struct alert {
    uint64_t gseq;
    dura_time time, begin, end;
    const dura_incident *incident;       /* NULL: a record */
    const char *log;
    char leaf[65];
    char code[40];                       /* "incident.attack": what rules of a SIEM match */
    char title[96];
    char id[48];
    char actor[72], reason[72];
    char channels[512], evidence[512], missing[160];
    char text[1024];
    uint8_t severity;                    /* 0..10, as in the records */
} alert;

/* One line that grows. */
typedef struct line {
    char *p;
    size_t len, cap;
    int failed;
} line;

typedef struct exporter {
    durai_run run;
    durai_cases cases;
    durai_beats beats;
    size_t told;                         /* cases that are out */
    int format;
    dura_export_line take;
    void *user;
    uint64_t count;
    char origin[33];
    line l;
    alert a;
} exporter;

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

/* ---- text --------------------------------------------------------------------------------- */

static void put_n(line *l, const char *p, size_t n)
{
    if (l->failed)
        return;
    if (l->cap - l->len <= n) {
        size_t cap = 2 * (l->len + n) + 512;
        char *more = realloc(l->p, cap);
        if (!more) {
            l->failed = 1;
            return;
        }
        l->p = more;
        l->cap = cap;
    }
    memcpy(l->p + l->len, p, n);
    l->len += n;
    l->p[l->len] = '\0';
}

static void put(line *l, const char *text) { put_n(l, text, strlen(text)); }

/* A backslash before each byte of `marks`. Line ends become \n and \r with `ends`, else
 * blanks; other control characters become blanks. */
static void put_escaped(line *l, const char *text, const char *marks, int ends)
{
    for (; *text; text++) {
        if (strchr(marks, *text))
            put(l, "\\");
        if (ends && (*text == '\n' || *text == '\r'))
            put(l, *text == '\n' ? "\\n" : "\\r");
        else if ((unsigned char)*text < 0x20 || *text == 0x7F)
            put(l, " ");
        else
            put_n(l, text, 1);
    }
}

static void add(char *buf, size_t cap, const char *sep, const char *text)
{
    size_t n = strlen(buf);
    if (n < cap)
        (void)snprintf(buf + n, cap - n, "%s%s", n ? sep : "", text);
}

/* ---- incidents ------------------------------------------------------------------------------ */

static const char *name_of(int list, uint32_t v)
{
    const char *name = dura_record_name(list, v);
    return name ? name : "?";
}

/* An attack may go on; an unknown may be one; a change was meant. */
static uint8_t severity_of(uint8_t cause)
{
    static const uint8_t severity[] = {1, 6, 5, 9, 3, 7};
    return cause < sizeof severity ? severity[cause] : 7;
}

/* The column a weight is told for: the verdict's, else the leading one's. */
static uint32_t column(const dura_incident *i)
{
    uint32_t best = 0;
    if (i->cause >= DURA_CAUSE_FAULT && i->cause <= DURA_CAUSE_CHANGE)
        return (uint32_t)i->cause - DURA_CAUSE_FAULT;
    for (uint32_t k = 1; k < DURA_CAUSES; k++)
        best = i->total[k] > i->total[best] ? k : best;
    return best;
}

static void fill_lists(exporter *x, const dura_incident *i)
{
    char one[96];
    alert *a = &x->a;
    for (uint32_t k = 0; k < i->n_channels; k++)
        add(a->channels, sizeof a->channels, ",", durai_run_name(&x->run, i->channel[k]));
    for (uint32_t k = 0; k < i->n_evidence; k++) {
        const dura_evidence *e = &i->evidence[k];
        if (e->weight[column(i)] == 0)
            continue;                    /* it speaks neither for the verdict nor against it */
        (void)snprintf(one, sizeof one, "%s %+d dban (record %" PRIu64 ")", name_of(DURA_NAME_EVIDENCE, e->kind),
                       e->weight[column(i)], e->gseq);
        add(a->evidence, sizeof a->evidence, "; ", one);
    }
    for (uint32_t bit = 0; bit < 32; bit++)
        if (i->missing >> bit & 1u)
            add(a->missing, sizeof a->missing, ",", name_of(DURA_NAME_MISSING, bit));
}

static void fill_incident(exporter *x, const durai_case_of *c)
{
    const dura_incident *i = &c->i;
    alert *a = &x->a;
    const char *verdict = name_of(DURA_NAME_CAUSE, i->cause);
    memset(a, 0, sizeof *a);
    a->incident = i;
    a->gseq = c->gseq;
    a->time = i->end;
    a->begin = i->begin;
    a->end = i->end;
    a->log = "decision";
    a->severity = severity_of(i->cause);
    (void)snprintf(a->code, sizeof a->code, "incident.%s", verdict);
    (void)snprintf(a->title, sizeof a->title, "Incident: %s", verdict);
    (void)snprintf(a->id, sizeof a->id, "%" PRIu32 "/%" PRIu32, i->begin.boot, i->id);
    fill_lists(x, i);
    (void)snprintf(a->text, sizeof a->text, "incident %s, %s: %s with %d dban, %d above the next cause%s%s%s%s", a->id,
                   name_of(DURA_NAME_INCIDENT, i->state), verdict, i->score, i->margin, a->channels[0] ? ", on " : "",
                   a->channels, a->missing[0] ? "; could not be looked at: " : "", a->missing);
}

/* ---- records ---------------------------------------------------------------------------------- */

static uint64_t uint_of(const dura_record *r, uint32_t key)
{
    uint64_t v;
    return dura_record_uint(r, key, &v) == DURA_OK ? v : 0;
}

static void begin_record(alert *a, const dura_record *r, const char *code, const char *title, uint8_t severity)
{
    uint8_t leaf[32];
    memset(a, 0, sizeof *a);
    a->gseq = r->gseq;
    a->time = a->begin = a->end = r->time;
    a->log = name_of(DURA_NAME_LOG, r->log);
    a->severity = severity > 10 ? 10 : severity;
    durai_leaf_of(r, leaf);
    a->leaf[durai_hex(a->leaf, leaf, sizeof leaf)] = '\0';
    (void)snprintf(a->code, sizeof a->code, "%s", code);
    (void)snprintf(a->title, sizeof a->title, "%s", title);
    (void)snprintf(a->id, sizeof a->id, "record/%" PRIu64, r->gseq);
}

/* A release is told when it begins to drive, stays, or fails. */
static int fill_release(alert *a, const dura_record *r, const int64_t v[4], uint8_t severity)
{
    const char *component = name_of(DURA_NAME_COMPONENT, (uint32_t)uint_of(r, 23));
    if (v[1] != DURA_GATE_PROBATION && v[1] < DURA_GATE_COMMITTED)
        return 0;
    begin_record(a, r, "release", "Release", severity);
    add(a->code, sizeof a->code, ".", name_of(DURA_NAME_GATE, (uint32_t)v[1]));
    (void)snprintf(a->text, sizeof a->text, "%s release, version %" PRId64 ": %s -> %s", component, v[2],
                   name_of(DURA_NAME_GATE, (uint32_t)v[0]), name_of(DURA_NAME_GATE, (uint32_t)v[1]));
    for (uint32_t bit = 0, any = 0; bit < 64; bit++)
        if ((uint64_t)v[3] >> bit & 1u)
            add(a->text, sizeof a->text, any++ ? ", " : "; why: ", name_of(DURA_NAME_WHY, bit));
    return 1;
}

static int fill_override(alert *a, const dura_record *r, const int64_t v[4], uint8_t severity)
{
    int stops = v[0] == DURA_OVERRIDE_STOP;
    begin_record(a, r, stops ? "override.stop" : "override.release", stops ? "Operator stop" : "Operator release", severity);
    (void)durai_text_of(r, 27, a->actor, sizeof a->actor);
    (void)durai_text_of(r, 28, a->reason, sizeof a->reason);
    (void)snprintf(a->text, sizeof a->text, "%s %s the model: %s", a->actor, stops ? "stopped" : "released", a->reason);
    return 1;
}

/* Heartbeats go out too: only who hears them regularly can miss one. */
static int fill_monitor(alert *a, const durai_run *run, const dura_record *r, const int64_t v[4], uint8_t severity)
{
    static const char *const what[] = {"alive", "missed", "late", "failed", "silent", "anew", "resumed"};
    uint64_t fact = uint_of(r, 16), thing = DURA_NONE;
    int64_t i = fact == DURA_FACT_ALIVE ? 0 : v[0] >= 1 && v[0] <= 6 ? v[0] : 3;
    if (dura_record_uint(r, 18, &thing) != DURA_OK)
        thing = DURA_NONE;
    begin_record(a, r, "monitor.", i == 0 ? "Drift monitor works" : i < 5 ? "Drift monitor failed" : "Drift monitor restarted", severity);
    add(a->code, sizeof a->code, "", what[i]);
    durai_monitor_say(a->text, sizeof a->text, fact, durai_run_name(run, (uint32_t)thing), v);
    return 1;
}

static int fill_retrain(alert *a, const durai_run *run, const dura_record *r)
{
    durai_retrain t;
    durai_retrain_read(r, &t);
    begin_record(a, r, "retrain", "Retraining is asked for", 5);
    durai_retrain_say(a->text, sizeof a->text, durai_run_name(run, t.thing > DURA_NONE ? DURA_NONE : (uint32_t)t.thing), &t);
    return 1;
}

/* A heartbeat that is owed and not in the log: nobody recorded it, a reader misses it. */
static void fill_silence(alert *a, const durai_beats *b, const dura_record *r)
{
    int64_t v[4] = {DURA_MONITOR_SILENT, (int64_t)b->silent_for, b->owed, 0};
    begin_record(a, r, "monitor.silent", "Drift monitor failed", 7);
    durai_monitor_say(a->text, sizeof a->text, DURA_FACT_MONITOR, "", v);
}

/* 1: *a is an alert on this fact. */
static int fill_fact(alert *a, const durai_run *run, const dura_record *r)
{
    int64_t v[4];
    uint8_t severity = (uint8_t)uint_of(r, 17);
    durai_fact_values(r, v);
    switch (uint_of(r, 16)) {
    case DURA_FACT_OVERRIDE: return fill_override(a, r, v, severity);
    case DURA_FACT_RELEASE: return fill_release(a, r, v, severity);
    case DURA_FACT_MODE:
        begin_record(a, r, "mode", "Mode changed", severity);
        (void)snprintf(a->text, sizeof a->text, "the mode is %s now", name_of(DURA_NAME_MODE, (uint32_t)v[0]));
        return 1;
    case DURA_FACT_GATE:
        if (v[0] == 0)
            return 0;
        begin_record(a, r, "gate.refused", "Model refused", severity);
        (void)snprintf(a->text, sizeof a->text, "the gate does not allow this model: %s", dura_strerror((int)v[0]));
        return 1;
    case DURA_FACT_CLOCK_STEP:
        begin_record(a, r, "clock.step", "Clock stepped", severity);
        (void)snprintf(a->text, sizeof a->text, "the wall clock jumped by %.3f s", (double)v[0] * 1e-9);
        return 1;
    case DURA_FACT_LOG_LOST:
        begin_record(a, r, "log.lost", "Log or memory of it lost", severity);
        (void)snprintf(a->text, sizeof a->text, v[0] == 2 ? "the logs are there, the device's memory of them is gone"
                                                          : "the device remembers logs that storage no longer has");
        return 1;
    case DURA_FACT_MONITOR:
    case DURA_FACT_ALIVE:
        return fill_monitor(a, run, r, v, severity);
    case DURA_FACT_STORAGE:
        begin_record(a, r, "storage", "Storage failed", severity);
        (void)snprintf(a->text, sizeof a->text, "storage region %" PRId64 " failed with %" PRId64, v[1], v[0]);
        return 1;
    default:
        return 0;
    }
}

static int fill_record(alert *a, const durai_run *run, const dura_record *r)
{
    switch (r->kind) {
    case DURA_REC_FACT:
        return fill_fact(a, run, r);
    case DURA_REC_RETRAIN:
        return fill_retrain(a, run, r);
    case DURA_REC_DROP:
        begin_record(a, r, "log.drop", "Records lost", 6);
        (void)snprintf(a->text, sizeof a->text, "%" PRIu64 " records of the %s log did not fit and were lost", uint_of(r, 17),
                       a->log);
        return 1;
    case DURA_REC_SPACE:
        begin_record(a, r, "log.space", "Log nearly full", 5);
        (void)snprintf(a->text, sizeof a->text, "the %s log has used %" PRIu64 " of its %" PRIu64 " bytes",
                       uint_of(r, 16) == DURA_LOG_SECURITY ? "security" : "decision", uint_of(r, 17), uint_of(r, 18));
        return 1;
    case DURA_REC_RECOVER:
        begin_record(a, r, uint_of(r, 16) == 2 ? "log.damage" : "log.cut",
                     uint_of(r, 16) == 2 ? "Log damaged" : "Log cut", uint_of(r, 16) == 2 ? 8 : 3);
        (void)snprintf(a->text, sizeof a->text, "%" PRIu64 " bytes of the %s log were given up after %s", uint_of(r, 19), a->log,
                       uint_of(r, 16) == 2 ? "damage" : "a cut");
        return 1;
    default:
        return 0;
    }
}

/* ---- CEF ------------------------------------------------------------------------------------------ */

static void cef(line *l, const char *key, const char *value)
{
    if (!*value)
        return;
    put(l, " ");
    put(l, key);
    put(l, "=");
    put_escaped(l, value, "\\=", 1);
}

static void cef_time(line *l, const char *key, const dura_time *t)
{
    char ms[24];
    if (!t->quality)
        return;
    (void)snprintf(ms, sizeof ms, "%" PRId64, t->wall_ns / 1000000);
    cef(l, key, ms);
}

static void cef_labelled(line *l, const char *key, const char *label, const char *value)
{
    char name[16];
    if (!*value)
        return;
    cef(l, key, value);
    (void)snprintf(name, sizeof name, "%sLabel", key);
    cef(l, name, label);
}

static void write_cef(exporter *x)
{
    const alert *a = &x->a;
    char n[24];
    line *l = &x->l;
    put(l, "CEF:0|dura|dura|" DURA_VERSION "|");
    put_escaped(l, a->code, "\\|", 0);
    put(l, "|");
    put_escaped(l, a->title, "\\|", 0);
    (void)snprintf(n, sizeof n, "|%u|", (unsigned)a->severity);
    put(l, n);
    size_t head = l->len;
    cef_time(l, "rt", &a->time);
    cef(l, "dvchost", x->run.device.name);
    cef(l, "deviceExternalId", x->origin);
    cef(l, "externalId", a->id);
    cef(l, "cat", a->incident ? "incident" : "record");
    if (a->incident) {
        cef_time(l, "start", &a->begin);
        cef_time(l, "end", &a->end);
        (void)snprintf(n, sizeof n, "%d", a->incident->score);
        cef_labelled(l, "cn1", "score_dban", n);
        (void)snprintf(n, sizeof n, "%d", a->incident->margin);
        cef_labelled(l, "cn2", "margin_dban", n);
    }
    cef(l, "suser", a->actor);
    cef(l, "reason", a->reason);
    cef_labelled(l, "cs1", "channels", a->channels);
    cef_labelled(l, "cs2", "evidence", a->evidence);
    cef_labelled(l, "cs3", "missing", a->missing);
    (void)snprintf(n, sizeof n, "%" PRIu64, a->gseq);
    cef_labelled(l, "cs4", "gseq", n);
    cef_labelled(l, "cs5", "leaf", a->leaf);
    cef(l, "msg", a->text);
    if (!l->failed && l->len > head) {   /* no blank behind the last bar */
        memmove(l->p + head, l->p + head + 1, l->len - head);
        l->len--;
    }
}

/* ---- syslog ---------------------------------------------------------------------------------------- */

/* 0..10 to RFC 5424's critical, error, warning, notice, informational. */
static unsigned syslog_severity(uint8_t s) { return s >= 9 ? 2 : s >= 7 ? 3 : s >= 4 ? 4 : s >= 2 ? 5 : 6; }

static void sd(line *l, const char *key, const char *value)
{
    if (!*value)
        return;
    put(l, " ");
    put(l, key);
    put(l, "=\"");
    put_escaped(l, value, "\"\\]", 0);
    put(l, "\"");
}

static void sd_int(line *l, const char *key, int64_t v)
{
    char n[24];
    (void)snprintf(n, sizeof n, "%" PRId64, v);
    sd(l, key, n);
}

/* HOSTNAME: printable ASCII, no blank, at most 255. */
static void put_host(line *l, const char *name)
{
    for (; *name; name++)
        put_n(l, *name > 0x20 && *name < 0x7F ? name : "_", 1);
}

/* TIMESTAMP with microseconds, the most RFC 5424 allows. */
static void put_stamp(line *l, const dura_time *t)
{
    char iso[48];
    if (!t->quality || !durai_host_iso8601(t->wall_ns, iso, sizeof iso)) {
        put(l, "-");
        return;
    }
    size_t n = strlen(iso);
    put_n(l, iso, n - 4);
    put(l, "Z");
}

static void write_syslog(exporter *x)
{
    const alert *a = &x->a;
    char n[48];
    line *l = &x->l;
    (void)snprintf(n, sizeof n, "<%u>1 ", 13u * 8u + syslog_severity(a->severity));
    put(l, n);
    put_stamp(l, &a->time);
    put(l, " ");
    put_host(l, x->run.device.name);
    put(l, " dura - ");
    put(l, a->code);
    (void)snprintf(n, sizeof n, " [dura@%d", ENTERPRISE);
    put(l, n);
    sd(l, "device", x->run.device.name);
    sd(l, "origin", x->origin);
    sd(l, "id", a->id);
    sd_int(l, "severity", a->severity);
    if (a->incident) {
        sd_int(l, "score_dban", a->incident->score);
        sd_int(l, "margin_dban", a->incident->margin);
        sd(l, "state", name_of(DURA_NAME_INCIDENT, a->incident->state));
    }
    sd(l, "actor", a->actor);
    sd(l, "reason", a->reason);
    sd(l, "channels", a->channels);
    sd(l, "evidence", a->evidence);
    sd(l, "missing", a->missing);
    sd_int(l, "gseq", (int64_t)a->gseq);
    sd(l, "leaf", a->leaf);
    put(l, "] \xEF\xBB\xBF");           /* the message is UTF-8: it begins with the mark */
    put_escaped(l, a->text, "", 0);
}

/* ---- OCSF ------------------------------------------------------------------------------------------- */

/* 0..10 to informational, low, medium, high, critical. */
static unsigned ocsf_severity(uint8_t s) { return s >= 9 ? 5 : s >= 7 ? 4 : s >= 4 ? 3 : s >= 2 ? 2 : 1; }

static void out_ms(durai_out *o, const char *key, const dura_time *t)
{
    if (t->quality)
        durai_out_int(o, key, t->wall_ns / 1000000);
}

static void out_finding(durai_out *o, const exporter *x)
{
    const alert *a = &x->a;
    char uid[96];
    (void)snprintf(uid, sizeof uid, "%s/%s", x->origin, a->id);
    durai_out_open(o, "finding_info", '{');
    durai_out_text(o, "uid", uid);
    durai_out_text(o, "title", a->title);
    durai_out_text(o, "desc", a->text);
    durai_out_open(o, "types", '[');
    durai_out_text(o, NULL, a->code);
    durai_out_close(o, ']');
    out_ms(o, "first_seen_time", &a->begin);
    out_ms(o, "last_seen_time", &a->end);
    durai_out_close(o, '}');
}

static void out_evidences(durai_out *o, const dura_incident *i)
{
    durai_out_open(o, "evidences", '[');
    for (uint32_t k = 0; k < i->n_evidence; k++) {
        const dura_evidence *e = &i->evidence[k];
        durai_out_open(o, NULL, '{');
        durai_out_open(o, "data", '{');
        durai_out_name(o, "kind", DURA_NAME_EVIDENCE, e->kind);
        durai_out_name(o, "log", DURA_NAME_LOG, e->log);
        durai_out_uint(o, "gseq", e->gseq);
        durai_out_hex(o, "leaf", e->leaf, sizeof e->leaf);
        durai_out_name(o, "trust", DURA_NAME_TRUST, e->trust);
        durai_out_uint(o, "count", e->count);
        durai_out_int(o, "weight_dban", e->weight[column(i)]);
        durai_out_close(o, '}');
        durai_out_close(o, '}');
    }
    durai_out_close(o, ']');
}

/* What the schema has no member for. */
static void out_unmapped(durai_out *o, const exporter *x)
{
    const alert *a = &x->a;
    durai_out_open(o, "unmapped", '{');
    durai_out_text(o, "code", a->code);
    durai_out_text(o, "log", a->log);
    durai_out_uint(o, "gseq", a->gseq);
    durai_out_text(o, "leaf", a->leaf[0] ? a->leaf : NULL);
    durai_out_bool(o, "clock", a->time.quality != 0);
    durai_out_text(o, "actor", a->actor[0] ? a->actor : NULL);
    durai_out_text(o, "reason", a->reason[0] ? a->reason : NULL);
    if (a->incident) {
        durai_out_name(o, "verdict", DURA_NAME_CAUSE, a->incident->cause);
        durai_out_int(o, "score_dban", a->incident->score);
        durai_out_int(o, "margin_dban", a->incident->margin);
        durai_out_bits(o, "missing", DURA_NAME_MISSING, a->incident->missing);
        durai_out_open(o, "channels", '[');
        for (uint32_t k = 0; k < a->incident->n_channels; k++)
            durai_out_text(o, NULL, durai_run_name(&x->run, a->incident->channel[k]));
        durai_out_close(o, ']');
    }
    durai_out_close(o, '}');
}

static void out_place(durai_out *o, const exporter *x)
{
    durai_out_open(o, "metadata", '{');
    durai_out_text(o, "version", "1.3.0");
    durai_out_open(o, "product", '{');
    durai_out_text(o, "name", "dura");
    durai_out_text(o, "vendor_name", "dura");
    durai_out_text(o, "version", DURA_VERSION);
    durai_out_close(o, '}');
    durai_out_close(o, '}');
    durai_out_open(o, "device", '{');
    durai_out_text(o, "name", x->run.device.name);
    durai_out_text(o, "uid", x->origin);
    durai_out_uint(o, "type_id", 7);
    durai_out_text(o, "type", "IOT");
    durai_out_close(o, '}');
}

static int write_ocsf(exporter *x)
{
    static const char *const words[] = {"Informational", "Low", "Medium", "High", "Critical"};
    static const char *const acts[] = {"Create", "Update", "Close"};
    const alert *a = &x->a;
    durai_out o;
    unsigned severity = ocsf_severity(a->severity), state = a->incident ? a->incident->state : DURA_INCIDENT_OPENED;
    memset(&o, 0, sizeof o);
    durai_out_open(&o, NULL, '{');
    durai_out_uint(&o, "activity_id", state);
    durai_out_text(&o, "activity_name", acts[state - 1]);
    durai_out_uint(&o, "category_uid", 2);
    durai_out_text(&o, "category_name", "Findings");
    durai_out_uint(&o, "class_uid", 2004);
    durai_out_text(&o, "class_name", "Detection Finding");
    durai_out_uint(&o, "type_uid", 200400 + state);
    durai_out_int(&o, "time", a->time.quality ? a->time.wall_ns / 1000000 : 0);
    durai_out_uint(&o, "severity_id", severity);
    durai_out_text(&o, "severity", words[severity - 1]);
    durai_out_uint(&o, "status_id", state == DURA_INCIDENT_CLOSED ? 4 : 1);
    durai_out_text(&o, "status", state == DURA_INCIDENT_CLOSED ? "Resolved" : "New");
    durai_out_text(&o, "message", a->text);
    out_place(&o, x);
    out_finding(&o, x);
    if (a->incident)
        out_evidences(&o, a->incident);
    out_unmapped(&o, x);
    durai_out_close(&o, '}');
    if (!o.failed)
        put_n(&x->l, o.p, o.len);
    free(o.p);
    return o.failed ? DURA_ENOSPC : DURA_OK;
}

/* ---- the call ----------------------------------------------------------------------------------------- */

static int tell(exporter *x)
{
    x->l.len = 0;
    if (x->format == DURA_EXPORT_CEF)
        write_cef(x);
    else if (x->format == DURA_EXPORT_SYSLOG)
        write_syslog(x);
    else if (write_ocsf(x) != DURA_OK)
        return DURA_ENOSPC;
    if (x->l.failed)
        return DURA_ENOSPC;
    x->count++;
    return x->take(x->user, x->l.p, x->l.len);
}

/* Incidents that were opened up to this record. */
static int tell_cases(exporter *x, uint64_t gseq)
{
    int rc = DURA_OK;
    for (; rc == DURA_OK && x->told < x->cases.n && x->cases.p[x->told].gseq <= gseq; x->told++) {
        fill_incident(x, &x->cases.p[x->told]);
        rc = tell(x);
    }
    return rc;
}

static int one_record(exporter *x, const dura_record *r)
{
    const uint8_t *p;
    size_t n;
    if (r->kind == DURA_REC_GENESIS && dura_record_bytes(r, 16, &p, &n) == DURA_OK && n == 16)
        x->origin[durai_hex(x->origin, p, n)] = '\0';
    int rc = tell_cases(x, r->gseq);
    if (rc == DURA_OK && r->log == DURA_LOG_DECISION && durai_beats_see(&x->beats, r)) {
        fill_silence(&x->a, &x->beats, r);
        rc = tell(x);
    }
    return rc == DURA_OK && fill_record(&x->a, &x->run, r) ? tell(x) : rc;
}

static int all_records(exporter *x, dura_error *err)
{
    dura_records *in;
    dura_record r;
    int rc = dura_records_open(&in, x->run.folder, 0, err);
    if (rc != DURA_OK)
        return rc;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    while (rc == DURA_OK && (rc = dura_records_next(in, &r, err)) == 1) {
        rc = one_record(x, &r);
        if (rc == DURA_ENOSPC)
            (void)oom(err);
    }
    dura_records_close(in);
    return rc == DURA_OK ? tell_cases(x, UINT64_MAX) : rc;
}

int dura_export_alerts(const char *folder, int format, dura_export_line take, void *user, uint64_t *count,
                       dura_error *err)
{
    if (!folder || !take || format < DURA_EXPORT_CEF || format > DURA_EXPORT_OCSF)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "want a folder, a format and somebody to take the lines");
    exporter *x = calloc(1, sizeof *x);
    if (!x)
        return oom(err);
    x->format = format;
    x->take = take;
    x->user = user;
    durai_policy_drift drift;
    int rc = durai_run_open(&x->run, folder, err);
    if (rc == DURA_OK && durai_policy_get_drift(x->run.policy, &drift) == DURA_OK)
        x->beats.selftest = drift.selftest;
    if (rc == DURA_OK)
        rc = durai_cases_load(&x->cases, &x->run, err);
    if (rc == DURA_OK)
        rc = all_records(x, err);
    if (count)
        *count = x->count;
    durai_cases_free(&x->cases);
    durai_run_close(&x->run);
    free(x->l.p);
    free(x);
    return rc;
}
