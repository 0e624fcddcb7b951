/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drill as NDJSON: what `--json` prints and what lies in the evidence file, the same
 * bytes for the same input. Nothing of the machine or the day is in it.
 */
#include "dura_host_drill_priv.h"

#include <dura/host/record.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const bys[DURA_DRILL_BY_END] = {
    "missing", "time", "nonfinite", "range", "rate", "flat", "output", "drift", "output_drift", "action", "incident",
    "spike", "noise", "mean", "rule", "vote", "parity", "joint",
};

const char *dura_drill_by(uint32_t by) { return by < DURA_DRILL_BY_END ? bys[by] : NULL; }

uint32_t *durai_drill_by(dura_drill_entry *e, uint32_t by)
{
    DURA_ASSERT(by < DURA_DRILL_BY_END);
    return by < DURA_DRILL_BYS ? &e->by[by] : &e->by_check[by - DURA_DRILL_BYS];
}

/* Text that grows in a buffer; full is remembered. */
typedef struct line {
    char *buf;
    size_t cap, len;
    int full;
} line;

static void put(line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(line *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(l->buf + l->len, l->cap - l->len, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= l->cap - l->len)
        l->full = 1;
    else
        l->len += (size_t)n;
}

static void put_text(line *l, const char *text)
{
    put(l, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(l, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            put(l, "\\u%04x", (unsigned)*text);
        else
            put(l, "%c", *text);
    }
    put(l, "\"");
}

static void put_hex(line *l, const char *name, const uint8_t *p)
{
    put(l, ",\"%s\":\"", name);
    for (int i = 0; i < 32; i++)
        put(l, "%02x", p[i]);
    put(l, "\"");
}

static const char *action_word(uint8_t action)
{
    return action == DURA_ACT ? "none" : dura_record_name(DURA_NAME_ACTION, action);
}

/* Most frequent first, in the order of the enum where equal. */
static void put_by(line *l, const dura_drill_entry *e)
{
    const char *between = "";
    put(l, ",\"by\":[");
    for (uint32_t n = e->caught; n > 0; n--)
        for (uint32_t i = 0; i < DURA_DRILL_BY_END; i++)
            if ((i < DURA_DRILL_BYS ? e->by[i] : e->by_check[i - DURA_DRILL_BYS]) == n) {
                put(l, "%s\"%s\"", between, bys[i]);
                between = ",";
            }
    put(l, "]");
}

static void put_verdicts(line *l, const dura_drill_entry *e)
{
    const char *between = "";
    put(l, ",\"verdicts\":{");
    for (uint32_t i = 0; i < DURA_DRILL_VERDICTS; i++)
        if (e->verdict[i]) {
            const char *word = i == DURA_DRILL_NO_INCIDENT ? "no_incident" : dura_record_name(DURA_NAME_CAUSE, i);
            put(l, "%s\"%s\":%" PRIu32, between, word ? word : "?", e->verdict[i]);
            between = ",";
        }
    put(l, "}");
}

static void put_entry(line *l, const dura_drill_entry *e)
{
    int sized = e->size > 0.0 && e->starts > 0;
    put(l, "{\"channel\":");
    put_text(l, e->name);
    put(l, ",\"kind\":\"%s\"", dura_drill_kind(e->kind));
    put(l, sized ? ",\"size\":%.6g" : ",\"size\":null", e->size);
    put(l, ",\"starts\":%" PRIu32 ",\"caught\":%" PRIu32, e->starts, e->caught);
    put_by(l, e);
    if (e->caught)
        put(l, ",\"delay_frames_median\":%" PRIu64 ",\"delay_frames_max\":%" PRIu64 ",\"delay_s_median\":%.9g",
            e->delay_median, e->delay_max, e->delay_s_median);
    else
        put(l, ",\"delay_frames_median\":null,\"delay_frames_max\":null,\"delay_s_median\":null");
    put(l, ",\"action\":\"%s\"", action_word(e->action));
    put_verdicts(l, e);
    put(l, ",\"moved\":%.4g,\"blind\":%" PRIu32 "}", e->moved, e->blind);
}

static void put_control(line *l, const dura_drill_report *r)
{
    put(l, "\"control\":{\"rows\":%" PRIu64 ",\"days\":%.6g,\"trips\":%" PRIu64 ",\"not_acted\":%" PRIu64
           ",\"suspect_rows\":%" PRIu64 ",\"bounded_rows\":%" PRIu64 ",\"drift_alarms\":%" PRIu64 ",\"drifted\":%" PRIu64
           ",\"incidents\":%" PRIu64 "}",
        r->rows, r->days, r->trips, r->not_acted, r->suspect_rows, r->bounded_rows, r->drift_alarms, r->drifted,
        r->incidents);
}

static void put_kinds(line *l, const dura_drill_report *r)
{
    const char *between = "";
    put(l, ",\"kinds\":{");
    for (uint32_t k = 1; k < DURA_DRILL_KINDS; k++)
        if (r->total[k]) {
            put(l, "%s\"%s\":{\"injected\":%" PRIu64 ",\"caught\":%" PRIu64 ",\"share\":%.4g}", between,
                dura_drill_kind(k), r->total[k], r->caught[k], (double)r->caught[k] / (double)r->total[k]);
            between = ",";
        }
    put(l, "}");
}

/* Replays are left out: what catches one is luck, unless frames are authenticated. */
static void put_all(line *l, const dura_drill_report *r)
{
    uint64_t total = 0, caught = 0;
    for (uint32_t k = 1; k < DURA_DRILL_KINDS; k++)
        if (k != DURA_DRILL_REPLAY && k != DURA_DRILL_REPLAY_ALL) {
            total += r->total[k];
            caught += r->caught[k];
        }
    put(l, ",\"all_but_replay\":{\"injected\":%" PRIu64 ",\"caught\":%" PRIu64, total, caught);
    put(l, total ? ",\"share\":%.4g}" : ",\"share\":null}", total ? (double)caught / (double)total : 0.0);
}

static void put_summary(line *l, const dura_drill_report *r)
{
    put(l, "{\"summary\":true,");
    put_control(l, r);
    put_kinds(l, r);
    put_all(l, r);
    put(l, ",\"entries\":%" PRIu64 ",\"not_drilled\":%" PRIu64 ",\"starts\":%" PRIu32 ",\"start_rows\":[", r->entries,
        r->not_drilled, r->starts);
    for (uint32_t i = 0; i < r->starts; i++)
        put(l, "%s%" PRIu64, i ? "," : "", r->start_row[i]);
    put(l, "],\"unclean_starts\":%" PRIu64 ",\"length\":%" PRIu64 ",\"tail\":%" PRIu64 ",\"seed\":\"%" PRIu64 "\"",
        r->unclean_starts, r->length, r->tail, r->seed);
    put(l, ",\"drift\":%s,\"correlate\":%s,\"checks\":%s", r->has_drift ? "true" : "false",
        r->has_correlate ? "true" : "false", r->has_checks ? "true" : "false");
    put_hex(l, "policy_sha256", r->policy);
    put_hex(l, "model_sha256", r->model);
    put_hex(l, "frames_sha256", r->frames);
    put(l, ",\"dura\":\"%s\"}", dura_version());
}

int dura_drill_text(const dura_drill *d, const dura_drill_entry *e, char *buf, size_t n)
{
    line l = {buf, n, 0, 0};
    dura_drill_entry full = DURA_DRILL_ENTRY_INIT;
    if (!d || !buf || n == 0 || (e && (e->struct_size < DURAI_DRILL_ENTRY_V1 || !e->name || !dura_drill_kind(e->kind))))
        return DURA_EINVAL;
    if (e) {
        memcpy(&full, e, e->struct_size < sizeof full ? e->struct_size : sizeof full);
        put_entry(&l, &full);
    } else {
        put_summary(&l, &d->report);
    }
    return l.full ? DURA_ENOSPC : (int)l.len;
}
