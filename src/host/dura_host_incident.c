/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents: out of records, as JSON, and all of a run folder in their last state. */
#include <dura/host/incident.h>
#include <dura/host/pack.h>
#include <dura/host/watch.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/dura_base_priv.h"
#include "dura_host_files_priv.h"

/* ---- out of a record ------------------------------------------------------------------ */

/* The next item must be an integer of lo..hi. */
static int next_int(durai_cbor_in *in, int64_t lo, int64_t hi, int64_t *out)
{
    durai_item it;
    if (durai_cbor_next(in, &it) != DURA_OK || it.type > DURAI_CBOR_NINT || it.v > INT64_MAX)
        return DURA_ECORRUPT;
    *out = it.type == DURAI_CBOR_UINT ? (int64_t)it.v : -1 - (int64_t)it.v;
    return *out >= lo && *out <= hi ? DURA_OK : DURA_ECORRUPT;
}

static int enter(durai_cbor_in *in, uint64_t least, uint64_t most, uint64_t *n)
{
    durai_item it;
    if (durai_cbor_next(in, &it) != DURA_OK || it.type != DURAI_CBOR_ARRAY || it.v < least || it.v > most)
        return DURA_ECORRUPT;
    *n = it.v;
    return DURA_OK;
}

/* An array under a key: opened, with its length. */
static int array_of(const dura_record *r, uint64_t key, uint64_t most, durai_cbor_in *in, uint64_t *n)
{
    durai_item it;
    int rc = durai_cbor_find(r->cbor, r->len, key, &it, in);
    *n = 0;
    if (rc == DURA_ENOENT)
        return rc;
    if (rc != DURA_OK || it.type != DURAI_CBOR_ARRAY || it.v > most)
        return DURA_ECORRUPT;
    *n = it.v;
    return DURA_OK;
}

static int weights_of(durai_cbor_in *in, int16_t out[DURA_CAUSES])
{
    uint64_t n;
    int64_t v;
    int rc = enter(in, DURA_CAUSES, DURA_CAUSES, &n);
    for (uint32_t i = 0; rc == DURA_OK && i < DURA_CAUSES; i++) {
        rc = next_int(in, INT16_MIN, INT16_MAX, &v);
        out[i] = (int16_t)v;
    }
    return rc;
}

static int evidence_of(durai_cbor_in *in, dura_evidence *e)
{
    int64_t v[6] = {0};
    uint64_t n;
    durai_item it;
    int rc = enter(in, 9, 9, &n);
    if (rc == DURA_OK)
        rc = next_int(in, 0, 255, &v[0]);
    if (rc == DURA_OK)
        rc = next_int(in, 1, 2, &v[1]);
    if (rc == DURA_OK)
        rc = next_int(in, 0, INT64_MAX, &v[2]);
    if (rc != DURA_OK || durai_cbor_next(in, &it) != DURA_OK || it.type != DURAI_CBOR_BYTES || it.v != 8)
        return DURA_ECORRUPT;
    memcpy(e->leaf, it.p, 8);
    rc = next_int(in, 0, 2, &v[3]);
    if (rc == DURA_OK)
        rc = next_int(in, 0, 255, &v[4]);
    if (rc == DURA_OK)
        rc = next_int(in, 0, DURA_NONE, &v[5]);
    if (rc == DURA_OK)
        rc = weights_of(in, e->weight);
    e->kind = (uint8_t)v[0];
    e->log = (uint8_t)v[1];
    e->gseq = (uint64_t)v[2];
    e->trust = (uint8_t)v[3];
    e->event = (uint8_t)v[4];
    e->channel = (uint16_t)v[5];
    if (rc == DURA_OK)
        rc = next_int(in, 0, UINT32_MAX, &v[0]);
    e->count = (uint32_t)v[0];
    return rc;
}

static int time_of(const dura_record *r, uint64_t key, dura_time *t)
{
    durai_cbor_in in;
    uint64_t n;
    int64_t boot = 0, mono = 0, wall = 0;
    int rc = array_of(r, key, 3, &in, &n);
    if (rc == DURA_OK && n != 3)
        rc = DURA_ECORRUPT;
    if (rc == DURA_OK)
        rc = next_int(&in, 0, UINT32_MAX, &boot);
    if (rc == DURA_OK)
        rc = next_int(&in, 0, INT64_MAX, &mono);
    if (rc == DURA_OK)
        rc = next_int(&in, INT64_MIN, INT64_MAX, &wall);
    t->boot = (uint32_t)boot;
    t->mono_ns = mono;
    t->wall_ns = wall;
    t->quality = wall ? DURA_CLOCK_UNSYNCED : DURA_CLOCK_NONE;
    return rc == DURA_ENOENT ? DURA_ECORRUPT : rc;
}

static uint64_t uint_of(const dura_record *r, uint32_t key)
{
    uint64_t v;
    return dura_record_uint(r, key, &v) == DURA_OK ? v : 0;
}

static int16_t small_of(const dura_record *r, uint32_t key)
{
    int64_t v;
    return dura_record_int(r, key, &v) == DURA_OK && v >= INT16_MIN && v <= INT16_MAX ? (int16_t)v : 0;
}

static int lists_of(const dura_record *r, dura_incident *i)
{
    durai_cbor_in in;
    uint64_t n;
    int64_t v;
    int rc = array_of(r, 22, DURA_CAUSES, &in, &n);
    for (uint64_t k = 0; rc == DURA_OK && k < n; k++) {
        rc = next_int(&in, INT16_MIN, INT16_MAX, &v);
        i->total[k] = (int16_t)v;
    }
    if (rc == DURA_OK)
        rc = array_of(r, 26, DURA_INCIDENT_CHANNELS, &in, &n);
    if (rc == DURA_ENOENT)
        rc = DURA_OK;
    for (uint64_t k = 0; rc == DURA_OK && k < n; k++) {
        rc = next_int(&in, 0, DURA_NONE, &v);
        i->channel[i->n_channels++] = (uint16_t)v;
    }
    if (rc == DURA_OK)
        rc = array_of(r, 27, DURA_EVIDENCE_MAX, &in, &n);
    for (uint64_t k = 0; rc == DURA_OK && k < n; k++)
        rc = evidence_of(&in, &i->evidence[i->n_evidence++]);
    return rc == DURA_OK ? rc : DURA_ECORRUPT;
}

int dura_incident_decode(const dura_record *r, dura_incident *out)
{
    dura_incident i;
    if (!r || !out || r->kind != DURA_REC_INCIDENT)
        return DURA_EINVAL;
    memset(&i, 0, sizeof i);
    i.id = (uint32_t)uint_of(r, 16);
    i.state = (uint8_t)uint_of(r, 17);
    i.cause = (uint8_t)uint_of(r, 18);
    i.flags = (uint8_t)uint_of(r, 19);
    i.score = small_of(r, 20);
    i.margin = small_of(r, 21);
    i.missing = (uint32_t)uint_of(r, 23);
    uint64_t trusted = i.cause;
    if (dura_record_uint(r, 28, &trusted) == DURA_ECORRUPT || trusted > DURA_CAUSE_UNKNOWN)
        return DURA_ECORRUPT;
    i.trusted = (uint8_t)trusted;
    int rc = time_of(r, 24, &i.begin);
    if (rc == DURA_OK)
        rc = time_of(r, 25, &i.end);
    if (rc == DURA_OK)
        rc = lists_of(r, &i);
    if (rc != DURA_OK || i.state < DURA_INCIDENT_OPENED || i.state > DURA_INCIDENT_CLOSED || i.cause > DURA_CAUSE_UNKNOWN)
        return DURA_ECORRUPT;
    return durai_struct_out(out, &i, sizeof i, sizeof i);
}

/* ---- as JSON ----------------------------------------------------------------------------- */

/* Text that grows; the first failed allocation stays. */
typedef struct text {
    char *p;
    size_t len, cap;
    int err;
} text;

static void put(text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(text *t, const char *fmt, ...)
{
    va_list a;
    va_start(a, fmt);
    int n = vsnprintf(NULL, 0, fmt, a);
    va_end(a);
    if (t->err || n < 0)
        return;
    if (t->len + (size_t)n + 1 > t->cap) {
        size_t cap = 2 * (t->len + (size_t)n + 256);
        char *p = realloc(t->p, cap);
        if (!p) {
            t->err = DURA_ENOSPC;
            return;
        }
        t->p = p;
        t->cap = cap;
    }
    va_start(a, fmt);
    (void)vsnprintf(t->p + t->len, t->cap - t->len, fmt, a);
    va_end(a);
    t->len += (size_t)n;
}

static void put_text(text *t, const char *s)
{
    put(t, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            put(t, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            put(t, "\\u%04x", (unsigned)(unsigned char)*s);
        else
            put(t, "%c", *s);
    }
    put(t, "\"");
}

static void put_word(text *t, int list, uint32_t value)
{
    const char *name = dura_record_name(list, value);
    if (name)
        put_text(t, name);
    else
        put(t, "\"%u\"", (unsigned)value);
}

/* A wall clock time as the records show it; without one, null. */
static void put_when(text *t, const char *key, const dura_time *at)
{
    char iso[48];
    if (at->quality > DURA_CLOCK_NONE && durai_host_iso8601(at->wall_ns, iso, sizeof iso))
        put(t, "\"%s\":\"%s\",\"%s_ns\":\"%" PRId64 "\"", key, iso, key, at->mono_ns);
    else
        put(t, "\"%s\":null,\"%s_ns\":\"%" PRId64 "\"", key, key, at->mono_ns);
}

static void put_channel(text *t, const dura_record_names *names, uint16_t c)
{
    char own[24];
    if (names && c < names->n_channels && names->channels && names->channels[c]) {
        put_text(t, names->channels[c]);
        return;
    }
    uint32_t o = names && c >= names->n_channels ? (uint32_t)(c - names->n_channels) : UINT32_MAX;
    if (names && names->outputs && o < names->n_outputs && names->outputs[o]) {
        put_text(t, names->outputs[o]);
        return;
    }
    (void)snprintf(own, sizeof own, "channel%u", (unsigned)c);
    put_text(t, own);
}

static void put_causes(text *t, const int16_t w[DURA_CAUSES])
{
    put(t, "{");
    for (uint32_t i = 0; i < DURA_CAUSES; i++) {
        put(t, "%s", i ? "," : "");
        put_word(t, DURA_NAME_CAUSE, DURA_CAUSE_FAULT + i);
        put(t, ":%d", w[i]);
    }
    put(t, "}");
}

/* The column a weight is told for: the verdict's, or the leading one's. */
static uint32_t column(const dura_incident *i)
{
    uint32_t best = 0;
    if (i->cause >= DURA_CAUSE_FAULT && i->cause <= DURA_CAUSE_CHANGE)
        return (uint32_t)i->cause - DURA_CAUSE_FAULT;
    for (uint32_t k = 1; k < DURA_CAUSES; k++)
        best = i->total[k] > i->total[best] ? k : best;
    return best;
}

static void put_evidence(text *t, const dura_incident *i, const dura_record_names *names)
{
    uint32_t col = column(i);
    put(t, ",\"evidence\":[");
    for (uint32_t k = 0; k < i->n_evidence; k++) {
        const dura_evidence *e = &i->evidence[k];
        char hex[17];
        hex[durai_hex(hex, e->leaf, 8)] = 0;
        put(t, "%s{\"log\":", k ? "," : "");
        put_word(t, DURA_NAME_LOG, e->log);
        put(t, ",\"gseq\":%" PRIu64 ",\"leaf\":\"%s\",\"kind\":", e->gseq, hex);
        put_word(t, DURA_NAME_EVIDENCE, e->kind);
        if (e->event) {
            put(t, ",\"event\":");
            put_word(t, DURA_NAME_EVENT, e->event);
        }
        put(t, ",\"trust\":\"%s\"", e->trust == DURA_TRUST_LOCAL ? "local" : e->trust == DURA_TRUST_SOURCE ? "source" : "none");
        if (e->channel != DURA_NONE) {
            put(t, ",\"channel\":");
            put_channel(t, names, e->channel);
        }
        put(t, ",\"count\":%" PRIu32 ",\"weight_dban\":%d,\"weights\":", e->count, e->weight[col]);
        put_causes(t, e->weight);
        put(t, "}");
    }
    put(t, "]");
}

static void put_incident(text *t, const dura_incident *i, const dura_record_names *names)
{
    static const char *const states[] = {"opened", "revised", "closed"};
    uint32_t n = 0;
    put(t, "{\"id\":%" PRIu32 ",\"state\":\"%s\",", i->id, states[i->state - DURA_INCIDENT_OPENED]);
    put_when(t, "start", &i->begin);
    put(t, ",");
    put_when(t, "end", &i->end);
    put(t, ",\"boot\":%" PRIu32 ",\"verdict\":", i->begin.boot);
    put_word(t, DURA_NAME_CAUSE, i->cause);
    put(t, ",\"score\":%d,\"margin_dban\":%d,\"untrusted\":%s,\"totals\":", i->score, i->margin,
        i->flags & DURA_INCIDENT_UNTRUSTED ? "true" : "false");
    put_causes(t, i->total);
    if (i->trusted != i->cause) {
        put(t, ",\"trusted\":");
        put_word(t, DURA_NAME_CAUSE, i->trusted);
    }
    put(t, ",\"channels\":[");
    for (uint32_t k = 0; k < i->n_channels; k++) {
        put(t, "%s", k ? "," : "");
        put_channel(t, names, i->channel[k]);
    }
    put(t, "]");
    put_evidence(t, i, names);
    put(t, ",\"missing\":[");
    for (uint32_t bit = 0; bit < 32; bit++)
        if (i->missing >> bit & 1u) {
            put(t, "%s", n++ ? "," : "");
            put_word(t, DURA_NAME_MISSING, bit);
        }
    put(t, "]}");
}

int dura_incident_json(const dura_incident *i, const dura_record_names *names, char *buf, size_t *len)
{
    text t = {0};
    if (!i || !len || i->struct_size < sizeof *i || i->state < DURA_INCIDENT_OPENED || i->state > DURA_INCIDENT_CLOSED)
        return DURA_EINVAL;
    put_incident(&t, i, names);
    if (t.err) {
        free(t.p);
        return t.err;
    }
    int fits = buf && *len > t.len;
    if (fits)
        memcpy(buf, t.p, t.len + 1);
    *len = fits ? t.len : t.len + 1;
    free(t.p);
    return fits ? DURA_OK : DURA_ENOSPC;
}

/* ---- all of a run folder ------------------------------------------------------------------- */

typedef struct all {
    dura_incident *p;
    size_t n, cap;
    dura_record_names names;
    const char **channels, **outputs;
    uint8_t *policy;
    size_t policy_len;
} all;

/* Its last state counts; ids begin anew with every boot. */
static int keep(all *a, const dura_incident *i)
{
    for (size_t k = 0; k < a->n; k++)
        if (a->p[k].id == i->id && a->p[k].begin.boot == i->begin.boot) {
            a->p[k] = *i;
            return DURA_OK;
        }
    if (a->n == a->cap) {
        size_t cap = a->cap ? 2 * a->cap : 64;
        dura_incident *p = realloc(a->p, cap * sizeof *p);
        if (!p)
            return DURA_ENOSPC;
        a->p = p;
        a->cap = cap;
    }
    a->p[a->n++] = *i;
    return DURA_OK;
}

static int load_names(all *a)
{
    dura_policy_info info = DURA_POLICY_INFO_INIT;
    size_t n;
    int rc = dura_policy_query(a->policy, a->policy_len, &info);
    if (rc != DURA_OK)
        return rc;
    a->channels = calloc(info.n_channels, sizeof *a->channels);
    a->outputs = calloc(info.n_outputs, sizeof *a->outputs);
    if (!a->channels || !a->outputs)
        return DURA_ENOSPC;
    rc = dura_pack_names(a->policy, a->policy_len, DURA_NAMES_CHANNELS, a->channels, NULL, info.n_channels, &n);
    if (rc == DURA_OK)
        rc = dura_pack_names(a->policy, a->policy_len, DURA_NAMES_OUTPUTS, a->outputs, NULL, info.n_outputs, &n);
    a->names = (dura_record_names){sizeof a->names, info.n_channels, info.n_outputs, a->channels, a->outputs};
    return rc;
}

static int one_record(all *a, dura_watch *w, const dura_record *r)
{
    dura_incident i;
    i.struct_size = sizeof i;
    if (!w) {
        if (r->kind != DURA_REC_INCIDENT)
            return DURA_OK;
        int rc = dura_incident_decode(r, &i);
        return rc == DURA_OK ? keep(a, &i) : rc;
    }
    int rc = dura_watch_record(w, r);
    if (rc <= 0 || !(rc & DURA_WATCH_INCIDENT))
        return rc < 0 ? rc : DURA_OK;
    rc = dura_watch_incident(w, &i);
    return rc == DURA_OK ? keep(a, &i) : rc;
}

static int collect(all *a, const char *folder, int again, dura_error *err)
{
    dura_watch *w = NULL;
    dura_records *in;
    dura_record r;
    int rc = again ? dura_watch_open(&w, a->policy, a->policy_len, err) : DURA_OK;
    if (rc == DURA_OK)
        rc = dura_records_open(&in, folder, again ? 0 : DURA_LOG_DECISION, err);
    if (rc != DURA_OK) {
        dura_watch_close(w);
        return rc;
    }
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    while (rc == DURA_OK && (rc = dura_records_next(in, &r, err)) == 1) {
        rc = one_record(a, w, &r);
        if (rc != DURA_OK)
            (void)dura_error_set(err, rc, folder, 0, NULL, "record %" PRIu64 " is not what its kind says: %s", r.gseq,
                                 dura_strerror(rc));
    }
    dura_records_close(in);
    dura_watch_close(w);
    return rc;
}

int dura_incidents_json(const char *folder, int again, char **out, size_t *len, size_t *count, dura_error *err)
{
    all a;
    text t = {0};
    if (!folder || !out || !len)
        return DURA_EINVAL;
    *out = NULL;
    memset(&a, 0, sizeof a);
    int rc = durai_host_read_in(folder, "policy.bin", &a.policy, &a.policy_len, err);
    if (rc == DURA_OK) {
        rc = load_names(&a);
        if (rc != DURA_OK)
            (void)dura_error_set(err, rc, folder, 0, "policy.bin", "cannot be used: %s", dura_strerror(rc));
    }
    if (rc == DURA_OK)
        rc = collect(&a, folder, again, err);
    put(&t, "%s", "");
    for (size_t k = 0; rc == DURA_OK && k < a.n; k++) {
        put_incident(&t, &a.p[k], &a.names);
        put(&t, "\n");
    }
    if (rc == DURA_OK && t.err)
        rc = dura_error_set(err, t.err, NULL, 0, NULL, "out of memory");
    if (count)
        *count = a.n;
    free(a.p);
    free((void *)a.channels);
    free((void *)a.outputs);
    free(a.policy);
    if (rc != DURA_OK) {
        free(t.p);
        return rc;
    }
    *out = t.p;
    *len = t.len;
    return DURA_OK;
}
