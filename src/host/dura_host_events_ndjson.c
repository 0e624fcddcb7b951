/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own events: one flat JSON object per line, three members required.
 *
 * A member nobody knows is no error, since other tools may add theirs, but it is counted
 * and the first one named: a misspelt "serverity" must not pass unseen.
 */
#include "dura_host_events_priv.h"

#include "../base/dura_base_priv.h"

#include <stdlib.h>

enum { SEVERITY_UNSAID = 3 };

static const char *const known[] = {"t",      "source", "id",    "category",     "type",   "severity", "asset", "zone",
                                    "actor",  "result", "src",   "dst",          "src_mac", "dst_mac", "peer",
                                    "proto",  "detail", "trusted", "community_id", NULL};

/* Members that are in no list: counted, the first one kept. */
static void note_unknown(dura_events *e, const dura_json *doc)
{
    for (uint32_t m = dura_json_first(doc, DURA_JSON_ROOT); m != DURA_JSON_NONE; m = dura_json_next(doc, m)) {
        const char *name = dura_json_name(doc, m);
        size_t i = 0;
        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        if (known[i])
            continue;
        if (e->counts.unknown++ == 0) {
            e->counts.unknown_line = e->line_no;
            snprintf(e->counts.unknown_name, sizeof e->counts.unknown_name, "%.*s",
                     (int)sizeof e->counts.unknown_name - 1, name);
        }
    }
}

/* Texts that go into the row as they are. */
static int take_texts(dura_events *e, const dura_json *doc, dura_error *err)
{
    static const struct { const char *name; int which; } plain[] = {
        {"category", DURAI_TEXT_CATEGORY}, {"type", DURAI_TEXT_TYPE},   {"result", DURAI_TEXT_RESULT},
        {"actor", DURAI_TEXT_ACTOR},       {"detail", DURAI_TEXT_DETAIL}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        const char *text;
        int rc = durai_events_text(e, doc, DURA_JSON_ROOT, plain[i].name, &text, err);
        if (rc < 0)
            return rc;
        if (plain[i].which <= DURAI_TEXT_TYPE && (!text || !*text))
            return durai_events_error(e, err, DURA_ESYNTAX, plain[i].name, "is required");
        /* What people say of incidents and labels comes through their own door (dura/host/people.h). */
        if (text && i == 0 && (strcmp(text, "incident") == 0 || strcmp(text, "label") == 0))
            text = "other";
        if (text)
            durai_events_put(e, plain[i].which, text);
    }
    return 0;
}

static int take_time(dura_events *e, const dura_json *doc, dura_error *err)
{
    char text[64];
    uint32_t t = dura_json_member(doc, DURA_JSON_ROOT, "t");
    if (t == DURA_JSON_NONE)
        return durai_events_error(e, err, DURA_ETIME, "t", "the event has no time");
    int rc = durai_events_scalar(e, doc, t, text, sizeof text, err);
    return rc < 0 ? rc : durai_events_time(e, "t", text, err);
}

static int take_id(dura_events *e, const dura_json *doc, dura_error *err)
{
    char text[256]; /* a number; longer ones are no identifier of anybody */
    const char *whole;
    uint32_t v = dura_json_member(doc, DURA_JSON_ROOT, "id");
    if (v == DURA_JSON_NONE || dura_json_type(doc, v) == DURA_JSON_NULL)
        return 0;
    if (dura_json_get_text(doc, v, 0, DURA_EVENTS_LINE_MAX, &whole, NULL) == DURA_OK) {
        durai_events_put(e, DURAI_TEXT_ID, whole);
        return 0;
    }
    int rc = durai_events_scalar(e, doc, v, text, sizeof text, err);
    if (rc == 0)
        durai_events_put(e, DURAI_TEXT_ID, text);
    return rc;
}

/* A number of the policy, as a number or as its digits; DURA_NONE when absent. */
static int take_index(const dura_events *e, const dura_json *doc, const char *name, uint16_t *out, dura_error *err)
{
    int64_t n = DURA_NONE;
    char *end;
    const char *text;
    uint32_t v = dura_json_member(doc, DURA_JSON_ROOT, name);
    if (v == DURA_JSON_NONE || dura_json_type(doc, v) == DURA_JSON_NULL)
        return 0;
    if (dura_json_get_text(doc, v, 1, 5, &text, NULL) == DURA_OK) {
        n = strtol(text, &end, 10);
        n = *end || text[0] < '0' || text[0] > '9' ? -1 : n;
    } else if (dura_json_get_int(doc, v, 0, DURA_NONE - 1, &n, NULL) < 0) {
        n = -1;
    }
    if (n < 0 || n >= DURA_NONE)
        return durai_events_error(e, err, DURA_ESYNTAX, name,
                                  "want the %s's number in the policy, 0 to 65534, not a name", name);
    *out = (uint16_t)n;
    return 0;
}

/* Where it happened: said in so many words, or known from an address. */
static int take_place(dura_events *e, const dura_json *doc, dura_error *err)
{
    static const char *const names[] = {"dst", "src", "dst_mac", "src_mac", "peer"};
    const char *a[5];
    for (size_t i = 0; i < 5; i++) {
        int rc = durai_events_text(e, doc, DURA_JSON_ROOT, names[i], &a[i], err);
        if (rc < 0)
            return rc;
    }
    if (a[4] || a[1])
        durai_events_put(e, DURAI_TEXT_PEER, a[4] ? a[4] : a[1]);
    uint16_t asset = DURA_NONE, zone = DURA_NONE;
    int rc = take_index(e, doc, "asset", &asset, err);
    if (rc == 0)
        rc = take_index(e, doc, "zone", &zone, err);
    if (asset == DURA_NONE)
        durai_events_locate(e, a[0], a[1] ? a[1] : a[4], a[2], a[3]);
    else
        e->event.asset = asset;
    if (zone != DURA_NONE)
        e->event.zone = zone;
    return rc;
}

static int take_trust(dura_events *e, const dura_json *doc, dura_error *err)
{
    int yes = 0;
    uint32_t v = dura_json_member(doc, DURA_JSON_ROOT, "trusted");
    if (v == DURA_JSON_NONE || !e->trust_file)
        return 0;
    if (dura_json_get_bool(doc, v, &yes, NULL) < 0)
        return durai_events_error(e, err, DURA_ESYNTAX, "trusted", "want true or false");
    e->event.trust = yes ? DURA_TRUST_SOURCE : DURA_TRUST_NONE;
    return 0;
}

int durai_events_ndjson(dura_events *e, const dura_json *doc, dura_error *err)
{
    int64_t severity = 0;
    int rc = take_time(e, doc, err);
    if (rc == 0)
        rc = take_texts(e, doc, err);
    if (rc == 0)
        rc = take_id(e, doc, err);
    if (rc == 0)
        rc = durai_events_int(e, doc, DURA_JSON_ROOT, "severity", 0, 10, SEVERITY_UNSAID, &severity, err);
    if (rc == 0)
        rc = take_place(e, doc, err);
    if (rc == 0)
        rc = take_trust(e, doc, err);
    if (rc < 0)
        return rc;
    e->event.severity = (uint8_t)severity;
    note_unknown(e, doc);
    return 1;
}
