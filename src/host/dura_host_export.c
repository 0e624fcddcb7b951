/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded decisions as training data. The run is verified: where records could be taken out,
 * so could incidents. Then one pass over the decisions with the incidents at hand; what is
 * left out is collected as spans, what is taken as well: neighbours with the same reason are
 * one. An incident that a person of the run called normal holds nothing back.
 */
#include <dura/host/crypto.h>
#include <dura/host/export.h>
#include <dura/host/verify.h>

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

#define OPTIONS_V1 ((uint32_t)offsetof(dura_export_options, state))
#define REPORT_V1 ((uint32_t)offsetof(dura_export_report, released))

/* Neighbouring rows that were left out, or taken, for one reason. */
typedef struct span {
    const durai_case_of *of;     /* NULL: no incident */
    uint64_t first_frame, last_frame, first_gseq, last_gseq, rows;
    dura_time begin, end;
    char reason[REASON];
} span;

typedef struct spans {
    span *p;
    size_t n, cap;
} spans;

/* "This was normal", said of an incident by a person who holds the run's keys. */
typedef struct word {
    uint64_t gseq;               /* 0: nobody said so */
    char actor[65], reason[65];
} word;

typedef struct work {
    const dura_export_options *o;
    durai_run run;
    durai_cases cases;
    word *said;                  /* one per case */
    durai_view v;
    FILE *csv;
    spans left, taken;
    int in_span;                 /* the row before was left out (1), or taken (2) */
    dura_verify_report seen;
    uint8_t sha256[DURA_HASH_BYTES]; /* of the CSV */
    uint64_t bytes;
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

static const word *said_of(const work *w, const durai_case_of *c)
{
    const word *said = c ? &w->said[c - w->cases.p] : NULL;
    return said && said->gseq ? said : NULL;
}

/* The first suspect incident over a row that nobody called normal; else the first other one. */
static const durai_case_of *case_at(const work *w, const dura_time *t)
{
    const durai_case_of *mild = NULL;
    for (size_t k = 0; k < w->cases.n; k++) {
        const durai_case_of *c = &w->cases.p[k];
        int suspect = is_suspect(c->i.cause);
        if (suspect && !said_of(w, c) && covers(c, t, w->o->margin_ns))
            return c;
        if (!mild && c->i.cause != DURA_CAUSE_NORMAL && covers(c, t, suspect ? w->o->margin_ns : 0))
            mild = c;
    }
    return mild;
}

/* An id of `dura incident`: BOOT/NUMBER, or the number of the last one that had it by then. */
static word *word_for(work *w, const char *id, uint64_t gseq)
{
    char full[48], plain[24];
    for (size_t k = w->cases.n; k-- > 0;) {
        const dura_incident *i = &w->cases.p[k].i;
        snprintf(full, sizeof full, "%" PRIu32 "/%" PRIu32, i->begin.boot, i->id);
        snprintf(plain, sizeof plain, "%" PRIu32, i->id);
        if (w->cases.p[k].gseq < gseq && (strcmp(id, full) == 0 || strcmp(id, plain) == 0))
            return &w->said[k];
    }
    return NULL;
}

/* Only what came with the keys counts: whoever may feed events must not free what he did. */
static void see_word(work *w, const dura_record *r)
{
    char text[48];
    uint64_t trust = 0;
    if (r->kind != DURA_REC_EVENT || dura_record_uint(r, 26, &trust) != DURA_OK || trust != DURA_TRUST_SOURCE ||
        strcmp(durai_text_of(r, 16, text, sizeof text), "incident") != 0 ||
        strcmp(durai_text_of(r, 17, text, sizeof text), "normal") != 0)
        return;
    word *said = word_for(w, durai_text_of(r, 18, text, sizeof text), r->gseq);
    if (!said)
        return;
    said->gseq = r->gseq;
    (void)durai_text_of(r, 21, said->actor, sizeof said->actor);
    (void)durai_text_of(r, 25, said->reason, sizeof said->reason);
}

static int all_words(work *w, dura_error *err)
{
    dura_records *in;
    dura_record r;
    int rc = dura_records_open(&in, w->run.folder, DURA_LOG_SECURITY, err);
    if (rc != DURA_OK)
        return rc;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    while ((rc = dura_records_next(in, &r, err)) == 1)
        see_word(w, &r);
    dura_records_close(in);
    return rc;
}

/* ---- what is left out ------------------------------------------------------------------------ */

static int list_row(work *w, int taken, const dura_record *r, const durai_case_of *c, const char *reason)
{
    spans *list = taken ? &w->taken : &w->left;
    span *s = w->in_span == 1 + taken ? &list->p[list->n - 1] : NULL;
    if (!s || s->of != c || s->begin.boot != r->time.boot || strcmp(s->reason, reason) != 0) {
        if (list->n == list->cap) {
            size_t cap = list->cap ? 2 * list->cap : 32;
            span *more = realloc(list->p, cap * sizeof *more);
            if (!more)
                return DURA_ENOSPC;
            list->p = more;
            list->cap = cap;
        }
        s = &list->p[list->n++];
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
    w->in_span = 1 + taken;
    return DURA_OK;
}

static int leave_out(work *w, const dura_record *r, const durai_case_of *c, const char *reason)
{
    return list_row(w, 0, r, c, reason);
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
    if (said_of(w, c))
        return "released";
    if (c && is_suspect(c->i.cause))
        return dura_record_name(DURA_NAME_CAUSE, c->i.cause);
    if (c && c->i.cause == DURA_CAUSE_CHANGE)
        return "change";
    return c || w->n_alarms ? "drift" : "";
}

static int take(work *w, const dura_record *r, const durai_case_of *c)
{
    const char *mark = mark_of(w, c);
    int suspect = c && is_suspect(c->i.cause) && !said_of(w, c);
    w->rep.kept++;
    w->rep.suspect += (uint64_t)suspect;
    w->rep.released += (uint64_t)(said_of(w, c) != NULL);
    w->rep.drift += strcmp(mark, "drift") == 0;
    w->rep.change += strcmp(mark, "change") == 0;
    put_row(w, r, mark);
    return list_row(w, 1, r, c, mark);
}

static int one_decision(work *w, const dura_record *r)
{
    char reason[REASON] = "";
    int rc = durai_view_read(&w->v, &w->run, r);
    if (rc != DURA_OK)
        return rc;
    const durai_case_of *c = case_at(w, &r->time);
    w->rep.rows++;
    if (c && is_suspect(c->i.cause) && !said_of(w, c) && !(w->o->flags & DURA_EXPORT_MARK)) {
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
    return take(w, r, c);
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

static void out_span(durai_out *o, const work *w, const span *s, int taken)
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
    const word *said = said_of(w, s->of);
    if (s->of) {
        snprintf(id, sizeof id, "%" PRIu32 "/%" PRIu32, s->of->i.begin.boot, s->of->i.id);
        durai_out_name(o, "verdict", DURA_NAME_CAUSE, s->of->i.cause);
        durai_out_text(o, "incident", id);
        durai_out_bool(o, "open", s->of->i.state != DURA_INCIDENT_CLOSED);
    } else {
        durai_out_null(o, "verdict");
        durai_out_null(o, "incident");
    }
    durai_out_text(o, taken ? "mark" : "reason", s->reason);
    if (said) {
        durai_out_text(o, "actor", said->actor);
        durai_out_text(o, "because", said->reason);
        durai_out_uint(o, "said_gseq", said->gseq);
    }
    durai_out_close(o, '}');
}

static void out_spans(durai_out *o, const work *w, const char *key, const spans *list)
{
    durai_out_open(o, key, '[');
    for (size_t i = 0; i < list->n; i++)
        out_span(o, w, &list->p[i], list == &w->taken);
    durai_out_close(o, ']');
}

/* A file's digest as hex, or null: two runs that were closed differ in it. */
static void out_digest(durai_out *o, const work *w, const char *key, const char *folder, const char *name)
{
    char path[PATH_ROOM];
    uint8_t *p, digest[DURA_HASH_BYTES];
    size_t n;
    if (!durai_host_join(path, sizeof path, w->run.folder, folder) ||
        durai_host_read_in(path, name, &p, &n, NULL) != DURA_OK) {
        durai_out_null(o, key);
        return;
    }
    dura_sha256_query(digest, p, n);
    free(p);
    durai_out_hex(o, key, digest, sizeof digest);
}

static void out_run(durai_out *o, const work *w)
{
    const dura_verify_report *v = &w->seen;
    uint8_t policy[DURA_HASH_BYTES];
    dura_sha256_query(policy, w->run.policy, w->run.policy_len);
    durai_out_open(o, "run", '{');
    durai_out_text(o, "device", w->run.device.name);
    durai_out_hex(o, "origin", v->origin, sizeof v->origin);
    durai_out_hex(o, "policy", policy, sizeof policy);
    durai_out_text(o, "verify", dura_verify_word(v->word));
    durai_out_text(o, "vouched", v->vouched[0] ? v->vouched : NULL);
    durai_out_bool(o, "demo_key", v->demo_key);
    durai_out_uint(o, "security_records", v->records[0]);
    durai_out_uint(o, "decision_records", v->records[1]);
    out_digest(o, w, "security_checkpoint", "security.log", "checkpoint");
    out_digest(o, w, "decision_checkpoint", "decision.log", "checkpoint");
    durai_out_close(o, '}');
}

static const char *base_of(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

static int write_quarantine(const work *w, FILE *f, dura_error *err)
{
    durai_out o;
    memset(&o, 0, sizeof o);
    durai_out_open(&o, NULL, '{');
    durai_out_uint(&o, "dura_training", 1);
    durai_out_text(&o, "device", w->run.device.name);
    durai_out_text(&o, "csv", base_of(w->o->csv));
    durai_out_hex(&o, "sha256", w->sha256, sizeof w->sha256);
    durai_out_uint(&o, "bytes", w->bytes);
    out_run(&o, w);
    durai_out_text(&o, "incidents", w->cases.anew ? "joined anew" : "recorded");
    durai_out_num(&o, "margin_s", (double)w->o->margin_ns * 1e-9, 12);
    durai_out_uint(&o, "rows", w->rep.rows);
    durai_out_uint(&o, "kept", w->rep.kept);
    durai_out_uint(&o, "in_incidents", w->rep.incident);
    durai_out_uint(&o, "not_good", w->rep.not_good);
    durai_out_uint(&o, "unusable", w->rep.unusable);
    durai_out_uint(&o, "marked_drift", w->rep.drift);
    durai_out_uint(&o, "marked_change", w->rep.change);
    durai_out_uint(&o, "released", w->rep.released);
    durai_out_uint(&o, "suspect", w->rep.suspect);
    out_spans(&o, w, "spans", &w->left);
    out_spans(&o, w, "taken", &w->taken);
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

/* What is in the file, not what was meant to be. */
static int digest_csv(work *w, dura_error *err)
{
    uint8_t part[16384];
    dura_sha256 sha;
    FILE *f = fflush(w->csv) == 0 ? fopen(w->o->csv, "rb") : NULL;
    if (!f)
        return dura_error_set(err, DURA_EIO, w->o->csv, 0, NULL, "cannot be read back: %s", strerror(errno));
    dura_sha256_init(&sha);
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0; w->bytes += n)
        dura_sha256_update(&sha, part, n);
    dura_sha256_final(&sha, w->sha256);
    int bad = ferror(f) | (fclose(f) != 0);
    return bad ? dura_error_set(err, DURA_EIO, w->o->csv, 0, NULL, "cannot be read back") : DURA_OK;
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
            rc = digest_csv(w, err);
        if (rc == DURA_OK)
            rc = write_quarantine(w, q, err);
        rc = shut(q, beside, rc, err);
    }
    rc = shut(w->csv, w->o->csv, rc, err);
    if (rc != DURA_OK && q)
        (void)unlink(beside);
    return rc;
}

/* Incidents, and people's words on them. */
static int load(work *w, dura_error *err)
{
    int rc = durai_cases_load(&w->cases, &w->run, err);
    if (rc != DURA_OK)
        return rc;
    w->said = calloc(w->cases.n + 1, sizeof *w->said);
    w->alarm = calloc(things_of(w), 1);
    if (!w->said || !w->alarm || durai_view_init(&w->v, &w->run) != DURA_OK)
        return oom(err);
    return all_words(w, err);
}

/* Records that were taken out would take their incidents along. */
static int verified(work *w, dura_error *err)
{
    dura_verify_options v = DURA_VERIFY_OPTIONS_INIT;
    v.state_dir = w->o->state;
    w->seen.struct_size = (uint32_t)sizeof w->seen;
    int rc = dura_verify_folder(w->o->folder, &v, &w->seen, err);
    w->rep.word = w->seen.word;
    if (rc == DURA_OK && w->seen.word == DURA_VERIFY_TAMPERED)
        rc = dura_error_set(err, DURA_ECORRUPT, w->o->folder, 0, NULL,
                            "is TAMPERED (%s): incidents may have been taken out; `dura verify` says more",
                            dura_verify_rule(w->seen.rule));
    return rc;
}

static void clean(work *w)
{
    free(w->left.p);
    free(w->taken.p);
    free(w->said);
    free(w->alarm);
    durai_view_free(&w->v);
    durai_cases_free(&w->cases);
    durai_run_close(&w->run);
}

int dura_export_training(const dura_export_options *options, dura_export_report *report, dura_error *err)
{
    char beside[PATH_ROOM];
    dura_export_options o = DURA_EXPORT_OPTIONS_INIT;
    work w;
    if (!options || durai_struct_in(&o, (uint32_t)sizeof o, options, options->struct_size, OPTIONS_V1) != DURA_OK ||
        !o.folder || !o.csv || !*o.csv || o.margin_ns < 0 || (o.flags & ~(uint32_t)DURA_EXPORT_MARK))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options of another version");
    memset(&w, 0, sizeof w);
    w.o = &o;
    w.rep = (dura_export_report)DURA_EXPORT_REPORT_INIT;
    int n = snprintf(beside, sizeof beside, "%s.quarantine.json", o.csv);
    if (n < 0 || (size_t)n >= sizeof beside)
        return dura_error_set(err, DURA_ELIMIT, o.csv, 0, NULL, "the path is too long");
    int rc = durai_run_open(&w.run, o.folder, err);
    if (rc == DURA_OK)
        rc = outside(&w, err);
    if (rc == DURA_OK)
        rc = verified(&w, err);
    if (rc == DURA_OK)
        rc = load(&w, err);
    if (rc == DURA_OK)
        rc = write_all(&w, beside, err);
    w.rep.spans = (uint32_t)w.left.n;
    if (rc == DURA_OK && report)
        rc = durai_struct_out(report, &w.rep, (uint32_t)sizeof w.rep, REPORT_V1);
    clean(&w);
    return rc;
}
