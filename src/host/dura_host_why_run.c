/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run folder as its readers need it: names of its policy, decisions by frame and time,
 * decision records as arrays, incidents in their last state.
 */
#include "dura_host_why_priv.h"

#include <dura/host/crypto.h>
#include <dura/host/incident.h>
#include <dura/host/watch.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dura_host_files_priv.h"
#include "dura_host_pack_priv.h"

enum { DEFAULT_WINDOW_MS = 300000 };     /* of a correlator that nobody configured */

static int oom(dura_error *err) { return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory"); }

/* ---- the run ---------------------------------------------------------------------------- */

static int load_names(durai_run *r)
{
    static const int lists[] = {DURA_NAMES_CHANNELS, DURA_NAMES_OUTPUTS, DURA_NAMES_FEATURES};
    size_t all = (size_t)r->n_channels + r->n_outputs + r->n_features, at = 0, n;
    int rc = DURA_OK;
    r->names = calloc(all, sizeof *r->names);
    r->units = calloc(all, sizeof *r->units);
    if (!r->names || !r->units)
        return DURA_ENOSPC;
    for (int i = 0; rc == DURA_OK && i < 3; i++) {
        rc = dura_pack_names(r->policy, r->policy_len, lists[i], r->names + at, i < 2 ? r->units + at : NULL, all - at, &n);
        at += rc == DURA_OK ? n : 0;
    }
    for (size_t i = 0; i < all; i++)
        r->units[i] = r->units[i] ? r->units[i] : "";
    return rc;
}

static int read_policy(durai_run *r)
{
    durai_policy_correlate c;
    int kind, rc = dura_pack_check(r->policy, r->policy_len, &kind);
    if (rc == DURA_OK && kind != DURA_PACK_POLICY)
        rc = DURA_ECORRUPT;
    if (rc == DURA_OK)
        rc = durai_policy_get_device(r->policy, &r->device);
    if (rc != DURA_OK)
        return rc;
    r->n_channels = r->device.n_channels;
    r->n_outputs = r->device.n_outputs;
    r->n_features = r->device.n_features;
    r->n_inputs = (uint16_t)(r->device.n_inputs + r->device.n_features);
    r->correlates = durai_policy_get_correlate(r->policy, &c) == DURA_OK;
    r->window_ns = (int64_t)(r->correlates && c.window_ms ? c.window_ms : DEFAULT_WINDOW_MS) * 1000000;
    rc = load_names(r);
    r->shown = (dura_record_names)DURA_RECORD_NAMES_INIT;
    r->shown.n_channels = r->n_channels;
    r->shown.n_outputs = r->n_outputs;
    r->shown.channels = r->names;
    r->shown.outputs = r->names ? r->names + r->n_channels : NULL;
    return rc;
}

int durai_run_open(durai_run *r, const char *folder, dura_error *err)
{
    memset(r, 0, sizeof *r);
    r->folder = folder;
    int rc = durai_host_read_in(folder, "policy.bin", &r->policy, &r->policy_len, err);
    if (rc != DURA_OK)
        return rc;
    rc = read_policy(r);
    if (rc == DURA_OK)
        return rc;
    durai_run_close(r);
    return dura_error_set(err, rc, folder, 0, "policy.bin", "cannot be used: %s", dura_strerror(rc));
}

void durai_run_close(durai_run *r)
{
    free(r->policy);
    free((void *)r->names);
    free((void *)r->units);
    r->policy = NULL;
    r->names = r->units = NULL;
}

const char *durai_run_name(const durai_run *r, uint32_t thing)
{
    uint32_t n = (uint32_t)r->n_channels + r->n_outputs + r->n_features;
    return thing < n ? r->names[thing] : thing == n ? DURAI_T2_NAME : thing == n + 1u ? DURAI_SPE_NAME : "?";
}

uint32_t durai_run_input(const durai_run *r, uint32_t i)
{
    return r->n_features ? (uint32_t)r->n_channels + r->n_outputs + i : durai_policy_get_input(r->policy, i);
}

/* ---- decisions by frame and by time ------------------------------------------------------ */

static int by_frame(const void *a, const void *b)
{
    const durai_place_of *x = a, *y = b;
    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    return x->gseq < y->gseq ? -1 : x->gseq > y->gseq;
}

static int by_time(const void *a, const void *b)
{
    const durai_place_of *x = a, *y = b;
    if (x->wall_ns != y->wall_ns)
        return x->wall_ns < y->wall_ns ? -1 : 1;
    return x->gseq < y->gseq ? -1 : x->gseq > y->gseq;
}

static int add_place(durai_index *x, size_t *cap, const dura_record *r)
{
    if (x->n == *cap) {
        size_t room = *cap ? 2 * *cap : 1024;
        durai_place_of *more = realloc(x->by_gseq, room * sizeof *more);
        if (!more)
            return DURA_ENOSPC;
        x->by_gseq = more;
        *cap = room;
    }
    durai_place_of *p = &x->by_gseq[x->n];
    memset(p, 0, sizeof *p);
    if (dura_record_uint(r, 16, &p->frame) != DURA_OK)
        return DURA_OK;
    p->gseq = r->gseq;
    p->mono_ns = r->time.mono_ns;
    p->wall_ns = r->time.wall_ns;
    p->boot = r->time.boot;
    p->quality = r->time.quality;
    x->n++;
    return DURA_OK;
}

static int sort_places(durai_index *x)
{
    size_t bytes = (x->n ? x->n : 1) * sizeof *x->by_gseq;
    x->by_frame = malloc(bytes);
    x->by_time = malloc(bytes);
    if (!x->by_frame || !x->by_time)
        return DURA_ENOSPC;
    for (size_t i = 0; i < x->n; i++) {
        x->by_frame[i] = x->by_gseq[i];
        if (x->by_gseq[i].quality)
            x->by_time[x->n_timed++] = x->by_gseq[i];
    }
    qsort(x->by_frame, x->n, sizeof *x->by_frame, by_frame);
    qsort(x->by_time, x->n_timed, sizeof *x->by_time, by_time);
    return DURA_OK;
}

int durai_index_load(durai_index *x, const char *folder, dura_error *err)
{
    dura_records *in;
    dura_record r;
    size_t cap = 0;
    memset(x, 0, sizeof *x);
    int rc = dura_records_open(&in, folder, DURA_LOG_DECISION, err);
    if (rc != DURA_OK)
        return rc;
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    while (rc == DURA_OK && (rc = dura_records_next(in, &r, err)) == 1)
        rc = r.kind == DURA_REC_DECISION ? add_place(x, &cap, &r) : DURA_OK;
    dura_records_close(in);
    if (rc == DURA_OK)
        rc = sort_places(x);
    if (rc == DURA_ENOSPC)
        (void)oom(err);
    if (rc == DURA_OK && x->n == 0)
        rc = dura_error_set(err, DURA_ENOENT, folder, 0, NULL, "holds no decision");
    if (rc != DURA_OK)
        durai_index_free(x);
    return rc;
}

void durai_index_free(durai_index *x)
{
    free(x->by_gseq);
    free(x->by_frame);
    free(x->by_time);
    memset(x, 0, sizeof *x);
}

int durai_index_frame(const durai_index *x, const char *folder, uint64_t frame, durai_place_of *out, dura_error *err)
{
    size_t lo = 0, hi = x->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x->by_frame[mid].frame < frame)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == x->n || x->by_frame[lo].frame != frame)
        return dura_error_set(err, DURA_ENOENT, folder, 0, "frame", "%" PRIu64 " is not in the log: it holds frames %" PRIu64
                              " to %" PRIu64, frame, x->by_frame[0].frame, x->by_frame[x->n - 1].frame);
    *out = x->by_frame[lo];
    return DURA_OK;
}

int durai_index_at(const durai_index *x, const char *folder, int64_t wall_ns, durai_place_of *out, dura_error *err)
{
    char from[48] = "", to[48] = "";
    size_t lo = 0, hi = x->n_timed;
    if (hi == 0)
        return dura_error_set(err, DURA_ENOENT, folder, 0, "time", "the decisions have no wall clock: ask by frame");
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x->by_time[mid].wall_ns <= wall_ns)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0 || wall_ns > x->by_time[x->n_timed - 1].wall_ns) {
        (void)durai_host_iso8601(x->by_time[0].wall_ns, from, sizeof from);
        (void)durai_host_iso8601(x->by_time[x->n_timed - 1].wall_ns, to, sizeof to);
        return dura_error_set(err, DURA_ENOENT, folder, 0, "time", "is outside the run, which goes from %s to %s", from, to);
    }
    *out = x->by_time[lo - 1];
    return DURA_OK;
}

/* ---- a decision record as arrays ---------------------------------------------------------- */

int durai_view_init(durai_view *v, const durai_run *r)
{
    size_t n = r->n_channels, out = r->n_outputs;
    memset(v, 0, sizeof *v);
    v->values = calloc(n, sizeof *v->values);
    v->missing = calloc(n, 1);
    v->verdict = calloc(n, 1);
    v->why = calloc(n, sizeof *v->why);
    v->inputs = calloc(r->n_inputs, sizeof *v->inputs);
    v->raw = calloc(out, sizeof *v->raw);
    v->proposed = calloc(out, sizeof *v->proposed);
    v->driven = calloc(out, sizeof *v->driven);
    if (v->values && v->missing && v->verdict && v->why && v->inputs && v->raw && v->proposed && v->driven)
        return DURA_OK;
    durai_view_free(v);
    return DURA_ENOSPC;
}

void durai_view_free(durai_view *v)
{
    free(v->values);
    free(v->missing);
    free(v->verdict);
    free(v->why);
    free(v->inputs);
    free(v->raw);
    free(v->proposed);
    free(v->driven);
    memset(v, 0, sizeof *v);
}

/* Exactly n floats under a key, or none. How many; negative: another number. */
static int floats_of(const dura_record *r, uint32_t key, float *out, size_t n)
{
    const uint8_t *p;
    size_t len;
    int rc = dura_record_bytes(r, key, &p, &len);
    if (rc == DURA_ENOENT)
        return 0;
    if (rc != DURA_OK || len != 4 * n)
        return DURA_ECORRUPT;
    for (size_t i = 0; i < n; i++)
        out[i] = durai_f32(durai_le32(p + 4 * i));
    return (int)n;
}

static int channels_of(durai_view *v, const durai_run *r, const dura_record *rec)
{
    const uint8_t *p;
    size_t n;
    durai_item list, bits;
    durai_cbor_in in;
    uint64_t left = 0;
    for (uint32_t c = 0; c < r->n_channels; c++) {
        v->verdict[c] = DURA_GOOD;
        v->why[c] = 0;
        v->missing[c] = 0;
    }
    int rc = dura_record_bytes(rec, 30, &p, &n);
    for (uint32_t c = 0; rc == DURA_OK && c < r->n_channels && c / 8 < n; c++)
        v->missing[c] = (uint8_t)((uint32_t)p[c / 8] >> (c % 8) & 1u);
    rc = dura_record_bytes(rec, 27, &p, &n);
    if (rc != DURA_OK)
        return rc == DURA_ENOENT ? DURA_OK : rc;
    if (n != r->n_channels)
        return DURA_ECORRUPT;
    if (durai_cbor_find(rec->cbor, rec->len, 28, &list, &in) == DURA_OK && list.type == DURAI_CBOR_ARRAY)
        left = list.v;
    for (uint32_t c = 0; c < r->n_channels; c++) {
        v->verdict[c] = p[c];
        if (p[c] == DURA_GOOD || left == 0 || durai_cbor_next(&in, &bits) != DURA_OK)
            continue;
        v->why[c] = bits.type == DURAI_CBOR_UINT ? (uint32_t)bits.v : 0;
        left--;
    }
    return DURA_OK;
}

static uint64_t uint_of(const dura_record *r, uint32_t key)
{
    uint64_t v;
    return dura_record_uint(r, key, &v) == DURA_OK ? v : 0;
}

int durai_view_read(durai_view *v, const durai_run *r, const dura_record *rec)
{
    const uint8_t *p;
    size_t n = 0;
    int values = floats_of(rec, 22, v->values, r->n_channels), inputs = floats_of(rec, 23, v->inputs, r->n_inputs);
    int raw = floats_of(rec, 24, v->raw, r->n_outputs), proposed = floats_of(rec, 25, v->proposed, r->n_outputs);
    int driven = floats_of(rec, 26, v->driven, r->n_outputs);
    if (values < 0 || inputs < 0 || raw < 0 || proposed <= 0 || driven < 0 || channels_of(v, r, rec) < 0)
        return DURA_ECORRUPT;
    if (driven == 0)
        memcpy(v->driven, v->proposed, r->n_outputs * sizeof *v->driven);
    v->n_values = (uint16_t)values;
    v->n_inputs = (uint16_t)inputs;
    v->n_raw = (uint16_t)raw;
    v->frame = uint_of(rec, 16);
    v->mode = (uint8_t)uint_of(rec, 17);
    v->action = (uint8_t)uint_of(rec, 18);
    v->reasons = (uint32_t)uint_of(rec, 19);
    v->frame_verdict = (uint8_t)uint_of(rec, 21);
    v->brain_len = 0;
    if (dura_record_bytes(rec, 29, &p, &n) == DURA_OK && n <= sizeof v->brain) {
        memcpy(v->brain, p, n);
        v->brain_len = (uint8_t)n;
    }
    return DURA_OK;
}

/* ---- incidents ---------------------------------------------------------------------------- */

static int keep(durai_cases *c, const dura_incident *i, uint64_t gseq)
{
    for (size_t k = c->n; k-- > 0;)
        if (c->p[k].i.id == i->id && c->p[k].i.begin.boot == i->begin.boot) {
            c->p[k].i = *i;
            c->p[k].last = gseq;
            return DURA_OK;
        }
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 16;
        durai_case_of *more = realloc(c->p, cap * sizeof *more);
        if (!more)
            return DURA_ENOSPC;
        c->p = more;
        c->cap = cap;
    }
    c->p[c->n++] = (durai_case_of){*i, gseq, gseq};
    return DURA_OK;
}

static int see(durai_cases *c, dura_watch *w, const dura_record *r)
{
    dura_incident i = DURA_INCIDENT_INIT;
    int rc;
    if (!w) {
        if (r->kind != DURA_REC_INCIDENT)
            return DURA_OK;
        rc = dura_incident_decode(r, &i);
        return rc == DURA_OK ? keep(c, &i, r->gseq) : rc;
    }
    rc = dura_watch_record(w, r);
    if (rc <= 0 || !(rc & DURA_WATCH_INCIDENT))
        return rc < 0 ? rc : DURA_OK;
    rc = dura_watch_incident(w, &i);
    return rc == DURA_OK ? keep(c, &i, r->gseq) : rc;
}

int durai_cases_load(durai_cases *c, const durai_run *r, dura_error *err)
{
    dura_watch *w = NULL;
    dura_records *in;
    dura_record rec;
    memset(c, 0, sizeof *c);
    c->anew = !r->correlates;
    int rc = c->anew ? dura_watch_open(&w, r->policy, r->policy_len, err) : DURA_OK;
    if (rc == DURA_OK)
        rc = dura_records_open(&in, r->folder, c->anew ? 0 : DURA_LOG_DECISION, err);
    if (rc != DURA_OK) {
        dura_watch_close(w);
        return rc;
    }
    memset(&rec, 0, sizeof rec);
    rec.struct_size = sizeof rec;
    while (rc == DURA_OK && (rc = dura_records_next(in, &rec, err)) == 1) {
        rc = see(c, w, &rec);
        if (rc != DURA_OK)
            (void)dura_error_set(err, rc, r->folder, 0, NULL, "record %" PRIu64 " is not what its kind says: %s", rec.gseq,
                                 dura_strerror(rc));
    }
    dura_records_close(in);
    dura_watch_close(w);
    if (rc != DURA_OK)
        durai_cases_free(c);
    return rc;
}

void durai_cases_free(durai_cases *c)
{
    free(c->p);
    memset(c, 0, sizeof *c);
}

/* ---- records ------------------------------------------------------------------------------ */

void durai_leaf_of(const dura_record *r, uint8_t leaf[32])
{
    uint8_t digest[1][32];
    dura_sha256_query_n(0, (const void *const[]){r->cbor}, (const size_t[]){r->len}, 1, digest);
    memcpy(leaf, digest[0], 32);
}

const char *durai_text_of(const dura_record *r, uint32_t key, char *buf, size_t n)
{
    const char *p;
    size_t len;
    if (dura_record_text(r, key, &p, &len) != DURA_OK)
        len = 0;
    len = len < n ? len : n - 1;
    if (len)
        memcpy(buf, p, len);
    buf[len] = '\0';
    return buf;
}
