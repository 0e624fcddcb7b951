/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded decisions as training data. One pass over the decisions with the incidents at
 * hand; what is left out is collected as spans: neighbours with the same reason are one.
 */
#include <dura/host/export.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dura_host_files_priv.h"
#include "dura_host_story_priv.h"
#include "dura_host_why_priv.h"

enum { PATH_ROOM = 4096, REASON = 160 };

/* Neighbouring rows that were left out for one reason. */
typedef struct span {
    const durai_case_of *of;     /* NULL: no incident */
    uint64_t first_frame, last_frame, first_gseq, last_gseq, rows;
    dura_time begin, end;
    char reason[REASON];
} span;

typedef struct work {
    const dura_export_options *o;
    durai_run run;
    durai_cases cases;
    durai_view v;
    FILE *csv;
    span *span;
    size_t n_spans, cap_spans;
    int in_span;                 /* the row before was left out, too */
    uint8_t *alarm;              /* per watched thing: a drift alarm is in force */
    uint32_t n_alarms, boot;
    dura_export_report rep;
} work;

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

/* ---- which incident a row lies in ----------------------------------------------------------- */

static int is_suspect(uint8_t cause)
{
    return cause == DURA_CAUSE_FAULT || cause == DURA_CAUSE_ATTACK || cause == DURA_CAUSE_UNKNOWN;
}

/* An incident that was not closed goes on to the end of its boot. */
static int covers(const durai_case_of *c, const dura_time *t, int64_t margin)
{
    const dura_incident *i = &c->i;
    if (t->boot != i->begin.boot || t->mono_ns < i->begin.mono_ns - margin)
        return 0;
    return i->state != DURA_INCIDENT_CLOSED || i->end.boot > t->boot || t->mono_ns <= i->end.mono_ns;
}

/* The first suspect incident over a row; else the first drift or change. */
static const durai_case_of *case_at(const work *w, const dura_time *t)
{
    const durai_case_of *mild = NULL;
    for (size_t k = 0; k < w->cases.n; k++) {
        const durai_case_of *c = &w->cases.p[k];
        if (is_suspect(c->i.cause) && covers(c, t, w->o->margin_ns))
            return c;
        if (!mild && !is_suspect(c->i.cause) && c->i.cause != DURA_CAUSE_NORMAL && covers(c, t, 0))
            mild = c;
    }
    return mild;
}

/* ---- what is left out ------------------------------------------------------------------------ */

static int leave_out(work *w, const dura_record *r, const durai_case_of *c, const char *reason)
{
    span *s = w->in_span ? &w->span[w->n_spans - 1] : NULL;
    if (!s || s->of != c || strcmp(s->reason, reason) != 0) {
        if (w->n_spans == w->cap_spans) {
            size_t cap = w->cap_spans ? 2 * w->cap_spans : 32;
            span *more = realloc(w->span, cap * sizeof *more);
            if (!more)
                return DURA_ENOSPC;
            w->span = more;
            w->cap_spans = cap;
        }
        s = &w->span[w->n_spans++];
        memset(s, 0, sizeof *s);
        s->of = c;
        s->first_frame = w->v.frame;
        s->first_gseq = r->gseq;
        s->begin = r->time;
        (void)snprintf(s->reason, sizeof s->reason, "%s", reason);
    }
    s->last_frame = w->v.frame;
    s->last_gseq = r->gseq;
    s->end = r->time;
    s->rows++;
    w->in_span = 1;
    return DURA_OK;
}

/* "channel flow FAIL: range_fail" of the first channel that is not GOOD; 0: all are. */
static int name_channel(const work *w, char *reason)
{
    for (uint32_t c = 0; c < w->run.n_channels; c++) {
        const char *verdict = dura_record_name(DURA_NAME_VERDICT, w->v.verdict[c]);
        int n;
        if (w->v.verdict[c] == DURA_GOOD)
            continue;
        n = snprintf(reason, REASON, "channel %s %s", w->run.names[c], verdict ? verdict : "?");
        for (uint32_t bit = 0, any = 0; bit < 32 && n > 0 && n < REASON; bit++) {
            const char *why = w->v.why[c] >> bit & 1u ? dura_record_name(DURA_NAME_SENSOR_REASON, bit) : NULL;
            if (why)
                n += snprintf(reason + n, (size_t)(REASON - n), "%s%s", any++ ? "," : ": ", why);
        }
        return 1;
    }
    return 0;
}

/* ---- rows ------------------------------------------------------------------------------------- */

static void put_f32(FILE *f, float v)
{
    char d[32];
    int digits = 6;
    if (!durai_finite(v))
        return;                  /* an empty cell is a missing value */
    do
        snprintf(d, sizeof d, "%.*g", digits, (double)v);
    while (durai_f32_bits(strtof(d, NULL)) != durai_f32_bits(v) && ++digits <= 9);
    fputs(d, f);
}

static void put_cell(FILE *f, const char *prefix, const char *text)
{
    int quote = strpbrk(text, ",\"\r\n") != NULL;
    fputs(quote ? ",\"" : ",", f);
    fputs(prefix, f);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', f);
        fputc(*text, f);
    }
    if (quote)
        fputc('"', f);
}

/* An output that is called like a channel, or like one of our own columns. */
static int taken(const durai_run *r, const char *name)
{
    for (uint32_t c = 0; c < r->n_channels; c++)
        if (strcmp(name, r->names[c]) == 0)
            return 1;
    return strcmp(name, "time") == 0 || strcmp(name, "span") == 0;
}

static void put_header(work *w)
{
    const durai_run *r = &w->run;
    fputs("time", w->csv);
    for (uint32_t c = 0; c < r->n_channels; c++)
        put_cell(w->csv, "", r->names[c]);
    for (uint32_t k = 0; k < r->n_outputs; k++)
        put_cell(w->csv, taken(r, r->names[r->n_channels + k]) ? "output:" : "", r->names[r->n_channels + k]);
    fputs(",span\n", w->csv);
}

/* The wall clock, or seconds of the monotonic one. */
static void put_time(FILE *f, const dura_time *t)
{
    char iso[48];
    if (t->quality && durai_host_iso8601(t->wall_ns, iso, sizeof iso))
        fputs(iso, f);
    else
        fprintf(f, "%" PRId64 ".%09" PRId64, t->mono_ns / 1000000000, t->mono_ns % 1000000000);
}

static void put_row(work *w, const dura_record *r, const char *mark)
{
    put_time(w->csv, &r->time);
    for (uint32_t c = 0; c < w->run.n_channels; c++) {
        fputc(',', w->csv);
        if (!w->v.missing[c])
            put_f32(w->csv, w->v.values[c]);
    }
    for (uint32_t k = 0; k < w->run.n_outputs; k++) {
        fputc(',', w->csv);
        put_f32(w->csv, w->v.driven[k]);
    }
    fprintf(w->csv, ",%s\n", mark);
}

/* What can drift: T2 and SPE stand behind the features. */
static uint32_t things_of(const work *w) { return (uint32_t)w->run.n_channels + w->run.n_outputs + w->run.n_features + 2u; }

/* An incident ends with its last evidence, a drift alarm when the thing has come back:
 * until then the rows are marked, too. */
static void see_drift(work *w, const dura_record *r)
{
    uint64_t kind = 0, thing = 0;
    durai_item it, way;
    durai_cbor_in in;
    uint64_t reasons = 0;
    uint32_t n = things_of(w), shape;
    if (dura_record_uint(r, 16, &kind) != DURA_OK || kind != DURA_FACT_DRIFT || dura_record_uint(r, 18, &thing) != DURA_OK ||
        thing >= n)
        return;
    uint32_t on = durai_cbor_find(r->cbor, r->len, 26, &it, &in) == DURA_OK && it.type == DURAI_CBOR_ARRAY && it.v > 0 &&
                 durai_cbor_next(&in, &way) == DURA_OK && way.v != DURA_DRIFT_BACK;
    (void)!dura_record_uint(r, 24, &reasons);
    shape = (reasons >> DURA_DRIFT_DETECTOR_AT & 7u) == DURA_DRIFT_HISTOGRAM;
    uint32_t was = (uint32_t)w->alarm[thing] >> shape & 1u;
    w->n_alarms = w->n_alarms + on - was;
    w->alarm[thing] = (uint8_t)(w->alarm[thing] ^ (was ^ on) << shape);
}

/* A new start watches anew. */
static void see_start(work *w, const dura_record *r)
{
    if (r->time.boot == w->boot)
        return;
    memset(w->alarm, 0, things_of(w));
    w->n_alarms = 0;
    w->boot = r->time.boot;
}

static const char *mark_of(const work *w, const durai_case_of *c)
{
    if (c && c->i.cause == DURA_CAUSE_CHANGE)
        return "change";
    return c || w->n_alarms ? "drift" : "";
}

static int one_decision(work *w, const dura_record *r)
{
    char reason[REASON] = "";
    int rc = durai_view_read(&w->v, &w->run, r);
    if (rc != DURA_OK)
        return rc;
    const durai_case_of *c = case_at(w, &r->time);
    w->rep.rows++;
    if (c && is_suspect(c->i.cause)) {
        w->rep.incident++;
        return leave_out(w, r, c, r->time.mono_ns < c->i.begin.mono_ns ? "before an incident" : "inside an incident");
    }
    if (w->v.n_values == 0 || (w->v.reasons & (DURA_G_ORDER | DURA_G_ARGUMENT))) {
        w->rep.unusable++;
        return leave_out(w, r, NULL, "the frame was not usable or came again");
    }
    if (name_channel(w, reason)) {
        w->rep.not_good++;
        return leave_out(w, r, NULL, reason);
    }
    w->in_span = 0;
    w->rep.kept++;
    const char *mark = mark_of(w, c);
    w->rep.drift += mark[0] == 'd';
    w->rep.change += mark[0] == 'c';
    put_row(w, r, mark);
    return DURA_OK;
}

static int all_rows(work *w, dura_error *err)
{
    dura_records *in;
    dura_record r;
    int rc = dura_records_open(&in, w->run.folder, 0, err);
    if (rc != DURA_OK)
        return rc;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    put_header(w);
    while (rc == DURA_OK && (rc = dura_records_next(in, &r, err)) == 1) {
        see_start(w, &r);
        if (r.kind == DURA_REC_FACT)
            see_drift(w, &r);
        rc = r.kind == DURA_REC_DECISION ? one_decision(w, &r) : DURA_OK;
        if (rc != DURA_OK)
            (void)dura_error_set(err, rc, w->run.folder, 0, NULL, "record %" PRIu64 " is not what its kind says: %s", r.gseq,
                                 dura_strerror(rc));
    }
    dura_records_close(in);
    return rc;
}

/* ---- the quarantine ------------------------------------------------------------------------------ */

static void out_span(durai_out *o, const span *s)
{
    char id[48];
    durai_out_open(o, NULL, '{');
    durai_out_iso(o, "start", s->begin.quality != 0, s->begin.wall_ns);
    durai_out_iso(o, "end", s->end.quality != 0, s->end.wall_ns);
    durai_out_uint(o, "boot", s->begin.boot);
    durai_out_uint(o, "first_frame", s->first_frame);
    durai_out_uint(o, "last_frame", s->last_frame);
    durai_out_uint(o, "first_gseq", s->first_gseq);
    durai_out_uint(o, "last_gseq", s->last_gseq);
    durai_out_uint(o, "rows", s->rows);
    if (s->of) {
        snprintf(id, sizeof id, "%" PRIu32 "/%" PRIu32, s->of->i.begin.boot, s->of->i.id);
        durai_out_name(o, "verdict", DURA_NAME_CAUSE, s->of->i.cause);
        durai_out_text(o, "incident", id);
        durai_out_bool(o, "open", s->of->i.state != DURA_INCIDENT_CLOSED);
    } else {
        durai_out_null(o, "verdict");
        durai_out_null(o, "incident");
    }
    durai_out_text(o, "reason", s->reason);
    durai_out_close(o, '}');
}

static int write_quarantine(const work *w, FILE *f, dura_error *err)
{
    durai_out o;
    memset(&o, 0, sizeof o);
    durai_out_open(&o, NULL, '{');
    durai_out_text(&o, "device", w->run.device.name);
    durai_out_text(&o, "incidents", w->cases.anew ? "joined anew" : "recorded");
    durai_out_num(&o, "margin_s", (double)w->o->margin_ns * 1e-9, 12);
    durai_out_uint(&o, "rows", w->rep.rows);
    durai_out_uint(&o, "kept", w->rep.kept);
    durai_out_uint(&o, "in_incidents", w->rep.incident);
    durai_out_uint(&o, "not_good", w->rep.not_good);
    durai_out_uint(&o, "unusable", w->rep.unusable);
    durai_out_uint(&o, "marked_drift", w->rep.drift);
    durai_out_uint(&o, "marked_change", w->rep.change);
    durai_out_open(&o, "spans", '[');
    for (size_t i = 0; i < w->n_spans; i++)
        out_span(&o, &w->span[i]);
    durai_out_close(&o, ']');
    durai_out_close(&o, '}');
    int rc = o.failed ? oom(err) : DURA_OK;
    if (rc == DURA_OK && (fwrite(o.p, 1, o.len, f) != o.len || fputc('\n', f) == EOF))
        rc = dura_error_set(err, DURA_EIO, w->o->csv, 0, "quarantine", "cannot be written: %s", strerror(errno));
    free(o.p);
    return rc;
}

/* ---- files ------------------------------------------------------------------------------------------ */

/* A file that appears in a run folder is TAMPERED for verify: refuse to make one. */
static int outside(const work *w, dura_error *err)
{
    static const char *const inside[] = {".", "security.log", "decision.log"};
    char dir[PATH_ROOM], path[PATH_ROOM];
    struct stat there, own;
    size_t n = strlen(w->o->csv);
    while (n > 0 && w->o->csv[n - 1] != '/')
        n--;
    if (n >= sizeof dir)
        return dura_error_set(err, DURA_ELIMIT, w->o->csv, 0, NULL, "the path is too long");
    (void)snprintf(dir, sizeof dir, "%.*s", n ? (int)n : 1, n ? w->o->csv : ".");
    if (stat(dir, &there) != 0)
        return dura_error_set(err, errno == ENOENT ? DURA_ENOENT : DURA_EIO, dir, 0, NULL, "%s", strerror(errno));
    for (int i = 0; i < 3; i++)
        if (durai_host_join(path, sizeof path, w->run.folder, inside[i]) && stat(path, &own) == 0 &&
            own.st_dev == there.st_dev && own.st_ino == there.st_ino)
            return dura_error_set(err, DURA_EINVAL, w->o->csv, 0, NULL,
                                  "lies in the run folder, where `dura verify` would call it a file nobody vouches for");
    return DURA_OK;
}

static FILE *make(const char *path, int *rc, dura_error *err)
{
    struct stat st;
    if (lstat(path, &st) == 0) {
        *rc = dura_error_set(err, DURA_ESTATE, path, 0, NULL, "is there already");
        return NULL;
    }
    FILE *f = fopen(path, "w");
    if (!f)
        *rc = dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be made: %s", strerror(errno));
    return f;
}

static int shut(FILE *f, const char *path, int rc, dura_error *err)
{
    int bad = ferror(f) || fflush(f) != 0 || (fsync(fileno(f)) != 0 && errno != EINVAL), why = errno;
    bad |= fclose(f) != 0;
    if (rc == DURA_OK && bad)
        rc = dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be written: %s", strerror(why));
    if (rc != DURA_OK)
        (void)unlink(path);              /* half a file must not pass for a whole one */
    return rc;
}

static int write_all(work *w, const char *beside, dura_error *err)
{
    int rc = DURA_OK;
    w->csv = make(w->o->csv, &rc, err);
    if (!w->csv)
        return rc;
    FILE *q = make(beside, &rc, err);
    if (q) {
        rc = all_rows(w, err);
        if (rc == DURA_OK)
            rc = write_quarantine(w, q, err);
        rc = shut(q, beside, rc, err);
    }
    rc = shut(w->csv, w->o->csv, rc, err);
    if (rc != DURA_OK && q)
        (void)unlink(beside);
    return rc;
}

int dura_export_training(const dura_export_options *o, dura_export_report *report, dura_error *err)
{
    char beside[PATH_ROOM];
    work w;
    if (!o || o->struct_size < sizeof *o || !o->folder || !o->csv || !*o->csv || o->margin_ns < 0)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options of another version");
    memset(&w, 0, sizeof w);
    w.o = o;
    w.rep = (dura_export_report)DURA_EXPORT_REPORT_INIT;
    int n = snprintf(beside, sizeof beside, "%s.quarantine.json", o->csv);
    if (n < 0 || (size_t)n >= sizeof beside)
        return dura_error_set(err, DURA_ELIMIT, o->csv, 0, NULL, "the path is too long");
    int rc = durai_run_open(&w.run, o->folder, err);
    if (rc == DURA_OK)
        rc = outside(&w, err);
    if (rc == DURA_OK)
        rc = durai_cases_load(&w.cases, &w.run, err);
    if (rc == DURA_OK)
        w.alarm = calloc(things_of(&w), 1);
    if (rc == DURA_OK && (!w.alarm || durai_view_init(&w.v, &w.run) != DURA_OK))
        rc = oom(err);
    if (rc == DURA_OK)
        rc = write_all(&w, beside, err);
    w.rep.spans = (uint32_t)w.n_spans;
    if (rc == DURA_OK && report)
        rc = durai_struct_out(report, &w.rep, sizeof w.rep, sizeof w.rep);
    free(w.span);
    free(w.alarm);
    durai_view_free(&w.v);
    durai_cases_free(&w.cases);
    durai_run_close(&w.run);
    return rc;
}
