/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The people's door: checks first, then one short session that appends and ends as the
 * run was found.
 */
#include <dura/host/events.h>
#include <dura/host/keys.h>
#include <dura/host/people.h>
#include <dura/host/session.h>
#include <dura/host/verify.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "dura_host_files_priv.h"
#include "dura_host_frames_priv.h"
#include "dura_host_people_priv.h"
#include "dura_host_why_priv.h"

/* ---- texts ---------------------------------------------------------------------------- */

/* Bytes of the well-formed UTF-8 character at p, 0 when there is none or it is a control
 * character (RFC 3629). */
static size_t character(const unsigned char *p)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
               : p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0u) != 0x80u)
            return 0;                /* the terminator ends it too */
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
        (p[0] == 0xF4 && p[1] > 0x8F) || p[0] < 0x20 || p[0] == 0x7F || (p[0] == 0xC2 && p[1] < 0xA0))
        return 0;
    return n;
}

int durai_people_text(const char *text, const char *file, uint32_t line, const char *field, dura_error *err)
{
    const unsigned char *p = (const unsigned char *)text;
    if (!text || !*text)
        return dura_error_set(err, DURA_EINVAL, file, line, field, "is missing");
    if (strlen(text) > DURA_PEOPLE_TEXT_MAX)
        return dura_error_set(err, DURA_EINVAL, file, line, field, "has %zu bytes: want at most %d", strlen(text),
                              DURA_PEOPLE_TEXT_MAX);
    while (*p) {
        size_t n = character(p);
        if (n == 0)
            return dura_error_set(err, DURA_EINVAL, file, line, field,
                                  "is not UTF-8 text without control characters (byte %zu)",
                                  (size_t)(p - (const unsigned char *)text) + 1u);
        p += n;
    }
    return DURA_OK;
}

static int check_options(const dura_people_options *o, int wants_reason, dura_error *err)
{
    if (!o || o->struct_size < sizeof *o)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options of another version");
    if (!o->folder || !*o->folder)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "folder", "is missing");
    int rc = durai_people_text(o->actor, NULL, 0, "--actor", err);
    return rc == DURA_OK && wants_reason ? durai_people_text(o->reason, NULL, 0, "--reason", err) : rc;
}

/* ---- one short session ------------------------------------------------------------------- */

typedef struct door {
    dura_session *s;
    dura_time now;
    int closed, demo;
    uint8_t origin[DURA_ORIGIN_BYTES];
    uint64_t records;
} door;

static int has(const char *folder, const char *name)
{
    char path[4096];
    return durai_host_join(path, sizeof path, folder, name) && access(path, F_OK) == 0;
}

/* Whose key it is, and the last time of the run. */
static int look(door *d, const char *folder, dura_error *err)
{
    dura_records *in;
    dura_record r;
    int rc = dura_records_open(&in, folder, 0, err);
    if (rc != DURA_OK)
        return rc;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    while ((rc = dura_records_next(in, &r, err)) == 1) {
        const uint8_t *key;
        size_t n;
        if (r.kind == DURA_REC_GENESIS && dura_record_bytes(&r, 17, &key, &n) == DURA_OK && n == 32)
            d->demo = memcmp(key, dura_keys_demo_public(), 32) == 0;
        if (r.kind == DURA_REC_GENESIS && dura_record_bytes(&r, 16, &key, &n) == DURA_OK && n == sizeof d->origin)
            memcpy(d->origin, key, n);
        if (r.time.mono_ns > d->now.mono_ns)
            d->now.mono_ns = r.time.mono_ns;
    }
    dura_records_close(in);
    return rc;
}

/* Opening a closed run takes its checkpoints away: whoever has not got the keys must be
 * turned away before that. */
static int has_keys(const door *d, const char *state, dura_error *err)
{
    uint8_t pub[DURA_PUBKEY_BYTES];
    return d->demo ? DURA_OK : dura_keys_lookup(state, d->origin, pub, NULL, NULL, err);
}

static int open_door(door *d, const dura_people_options *o, dura_error *err)
{
    dura_session_options s = DURA_SESSION_OPTIONS_INIT;
    struct timespec now;
    memset(d, 0, sizeof *d);
    d->closed = has(o->folder, "security.log/checkpoint") && has(o->folder, "decision.log/checkpoint");
    int rc = look(d, o->folder, err);
    if (rc == DURA_OK)
        rc = has_keys(d, o->state, err);
    if (rc != DURA_OK)
        return rc;
    if (clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec > 0) {
        d->now.wall_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
        d->now.quality = DURA_CLOCK_UNSYNCED;
        d->now.wall_err_us = UINT32_MAX;
    }
    s.flags = DURA_SESSION_PEOPLE | (d->demo ? (uint32_t)DURA_SESSION_DEMO_KEY : 0);
    s.out = o->folder;
    s.state = o->state;
    rc = dura_session_open(&d->s, &s, err);
    if (rc != DURA_OK && rc != DURA_ESTATE && d->closed)     /* nothing was added: it stays closed */
        (void)!dura_checkpoint_save(o->folder, NULL);
    return rc;
}

/* Everything durable, then the folder as it was found: closed, or open. */
static int shut_door(door *d, int rc, dura_people_report *report, dura_error *err)
{
    dura_guard_status st = DURA_GUARD_STATUS_INIT;
    dura_people_report r = DURA_PEOPLE_REPORT_INIT;
    if (!d->s)
        return rc;
    if (dura_guard_query(dura_session_guard(d->s), &st) == DURA_OK)
        r.stopped = st.stopped;
    if (rc == DURA_OK && d->closed) {
        rc = dura_session_close(d->s, err);
    } else {
        int saved = dura_guard_save(dura_session_guard(d->s), &d->now);
        if (rc == DURA_OK && saved != DURA_OK)
            rc = dura_error_set(err, saved, NULL, 0, NULL, "the records are not durable: %s", dura_strerror(saved));
        dura_session_abort(d->s);
    }
    r.closed = (uint8_t)(d->closed != 0);
    r.demo_key = (uint8_t)(d->demo != 0);
    r.records = d->records;
    if (rc == DURA_OK && report)
        rc = durai_struct_out(report, &r, sizeof r, sizeof r);
    return rc;
}

static int say(door *d, const dura_people_options *o, const char *category, const char *type, const char *id,
               const char *detail, dura_error *err)
{
    uint8_t pairs[DURA_EVENT_BYTES_MAX];
    uint16_t n;
    dura_events_row row = DURA_EVENTS_ROW_INIT;
    row.event = (dura_event)DURA_EVENT_INIT;
    row.event.trust = DURA_TRUST_SOURCE;     /* whoever can open the door holds the keys */
    row.time = d->now;
    row.category = category;
    row.type = type;
    row.id = id;
    row.result = row.peer = "";
    row.actor = o->actor;
    row.detail = detail;
    int len = dura_event_encode(&row, pairs, sizeof pairs, &n);
    if (len < 0)
        return dura_error_set(err, len, NULL, 0, id, "cannot be recorded: %s", dura_strerror(len));
    int rc = dura_session_event(d->s, pairs, (size_t)len, n, &d->now, err);
    d->records += rc == DURA_OK;
    return rc;
}

/* ---- labels ---------------------------------------------------------------------------------- */

int dura_people_label(const dura_people_options *o, const char *csv, dura_people_report *report, dura_error *err)
{
    durai_labels l;
    durai_run run;
    door d;
    if (!csv)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "labels", "is missing");
    int rc = check_options(o, 0, err);
    if (rc == DURA_OK)
        rc = durai_run_open(&run, o->folder, err);
    if (rc != DURA_OK)
        return rc;
    rc = durai_labels_load(&l, &run, csv, o->time_format, err);
    if (rc == DURA_OK) {
        rc = open_door(&d, o, err);
        for (size_t i = 0; rc == DURA_OK && i < l.n; i++) {
            char id[24], detail[DURA_EVENT_DETAIL_MAX];
            snprintf(id, sizeof id, "%" PRIu64, l.p[i].frame);
            snprintf(detail, sizeof detail, "%s=%s", l.p[i].name, l.p[i].value);
            rc = say(&d, o, "label", "value", id, detail, err);
        }
        rc = shut_door(&d, rc, report, err);
        durai_labels_free(&l);
    }
    durai_run_close(&run);
    return rc;
}

/* ---- incidents --------------------------------------------------------------------------------- */

/* All ids there are, for the error. */
static void list_cases(const durai_cases *c, char *buf, size_t n)
{
    size_t at = 0;
    buf[0] = '\0';
    for (size_t k = 0; k < c->n && at + 32 < n; k++)
        at += (size_t)snprintf(buf + at, n - at, "%s%" PRIu32 "/%" PRIu32, k ? ", " : "", c->p[k].i.begin.boot, c->p[k].i.id);
}

/* The incident an id names, as the record names it: the plain number when that is the last
 * one of it. */
static int name_case(const durai_cases *c, const dura_people_options *o, const char *id, char *name, size_t room,
                     dura_error *err)
{
    char ids[256], full[48], plain[24];
    int newer = 0;
    for (size_t k = c->n; k-- > 0;) {
        const dura_incident *i = &c->p[k].i;
        snprintf(full, sizeof full, "%" PRIu32 "/%" PRIu32, i->begin.boot, i->id);
        snprintf(plain, sizeof plain, "%" PRIu32, i->id);
        const char *number = strchr(id, '/') ? strchr(id, '/') + 1 : id;
        if (strcmp(plain, number) != 0)
            continue;
        if (strcmp(id, full) == 0 || strcmp(id, plain) == 0) {
            snprintf(name, room, "%s", newer ? full : plain);
            return DURA_OK;
        }
        newer = 1;
    }
    list_cases(c, ids, sizeof ids);
    return dura_error_set(err, DURA_ENOENT, o->folder, 0, "incident", "%.40s is not there: %s%s", id,
                          c->n ? "the run has (BOOT/ID) " : "the run has none", ids);
}

int dura_people_incident(const dura_people_options *o, int what, const char *id, dura_people_report *report,
                         dura_error *err)
{
    static const char *const types[] = {"ack", "close", "normal"};
    durai_run run;
    durai_cases cases;
    door d;
    char name[48];
    int rc = check_options(o, 1, err);
    if (rc != DURA_OK)
        return rc;
    if (!id || !*id || what < DURA_PEOPLE_ACK || what > DURA_PEOPLE_NORMAL)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "incident", "want ack, close or normal, and an id");
    rc = durai_run_open(&run, o->folder, err);
    if (rc != DURA_OK)
        return rc;
    rc = durai_cases_load(&cases, &run, err);
    durai_run_close(&run);
    if (rc != DURA_OK)
        return rc;
    rc = name_case(&cases, o, id, name, sizeof name, err);
    durai_cases_free(&cases);
    if (rc != DURA_OK)
        return rc;
    rc = open_door(&d, o, err);
    if (rc == DURA_OK)
        rc = say(&d, o, "incident", types[what - DURA_PEOPLE_ACK], name, o->reason, err);
    return shut_door(&d, rc, report, err);
}

/* ---- stop and release ---------------------------------------------------------------------------- */

int dura_people_override(const dura_people_options *o, int what, dura_people_report *report, dura_error *err)
{
    door d;
    int rc = check_options(o, 1, err);
    if (rc != DURA_OK)
        return rc;
    if (what != DURA_OVERRIDE_STOP && what != DURA_OVERRIDE_RELEASE)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "override", "want stop or release");
    rc = open_door(&d, o, err);
    if (rc == DURA_OK) {
        rc = dura_guard_override(dura_session_guard(d.s), what, o->actor, o->reason, &d.now);
        if (rc != DURA_OK)
            (void)dura_error_set(err, rc, o->folder, 0, "override", "is not durable: %s", dura_strerror(rc));
        d.records += rc == DURA_OK;
    }
    return shut_door(&d, rc, report, err);
}
