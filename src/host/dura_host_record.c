/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: the strict decoder of docs/formats/log.md section 2, and the cursor over a run
 * folder that `dura show`, `dura why` and the bindings read through.
 *
 * One encoding per record: what is refused here could otherwise say the same thing with
 * two different hashes.
 */
#include "dura_host_record_priv.h"

#include <dura/host/verify.h>
#include <stdio.h>
#include <stdlib.h>

/* Frozen: bytes of dura_record's first version. */
#define RECORD_V1 ((uint32_t)sizeof(dura_record))

/* ---- decoding --------------------------------------------------------------------- */

/* The pairs with keys 1..11, in order. `at` is the next pair, `left` how many follow. */
typedef struct head_reader {
    durai_cbor_in in;
    uint64_t left;
} head_reader;

/* durai_cbor_next for what most items are, small enough to be put in line: unsigned integers,
 * and byte strings shorter than 256. Everything else goes the long way. */
static inline int next_item(durai_cbor_in *in, durai_item *it)
{
    const uint8_t *p = in->p;
    uint8_t first = in->end - p >= 9 ? *p : 0xFF;
    it->p = NULL;
    it->type = DURAI_CBOR_UINT;
    if (first < 24) {
        it->v = first;
        in->p = p + 1;
        return DURA_OK;
    }
    if (first == 24 && p[1] >= 24) {
        it->v = p[1];
        in->p = p + 2;
        return DURA_OK;
    }
    if (first == 25 && p[1] > 0) {
        it->v = (uint64_t)p[1] << 8 | p[2];
        in->p = p + 3;
        return DURA_OK;
    }
    if (first == 26 && (p[1] | p[2])) {
        it->v = (uint64_t)p[1] << 24 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 8 | p[4];
        in->p = p + 5;
        return DURA_OK;
    }
    if (first == 0x58 && p[1] >= 24 && in->end - p >= p[1] + 2) {
        it->type = DURAI_CBOR_BYTES;
        it->v = p[1];
        it->p = p + 2;
        in->p = p + 2 + p[1];
        return DURA_OK;
    }
    return durai_cbor_next(in, it);
}

/* If the next pair has this key: its item. 1, 0 (another key), ECORRUPT. Keys below 24
 * are one byte, so a glance tells. */
static int take(head_reader *h, uint8_t key, durai_item *it)
{
    DURA_ASSERT(key < 24);
    if (h->left == 0 || h->in.p >= h->in.end || *h->in.p != key)
        return 0;
    h->in.p++;
    h->left--;
    return next_item(&h->in, it) == DURA_OK ? 1 : DURA_ECORRUPT;
}

/* An unsigned value up to `most` that must be there. */
static int must(head_reader *h, uint8_t key, uint64_t most, uint64_t *v)
{
    durai_item it;
    if (take(h, key, &it) != 1 || it.type != DURAI_CBOR_UINT || it.v > most)
        return DURA_ECORRUPT;
    *v = it.v;
    return DURA_OK;
}

/* Same, but it may be absent: *v stays. */
static int may(head_reader *h, uint8_t key, uint64_t least, uint64_t most, uint64_t *v)
{
    durai_item it;
    int rc = take(h, key, &it);
    if (rc != 1)
        return rc;
    if (it.type != DURAI_CBOR_UINT || it.v < least || it.v > most)
        return DURA_ECORRUPT;
    *v = it.v;
    return DURA_OK;
}

/* Keys 7..9: a wall time is there exactly when somebody says how good it is. */
static int read_wall(head_reader *h, dura_time *t)
{
    uint64_t err = UINT32_MAX, quality = 0;
    durai_item wall;
    int have = take(h, 7, &wall);
    if (have < 0 || (have && (wall.type > DURAI_CBOR_NINT || wall.v > INT64_MAX)))
        return DURA_ECORRUPT;
    if (may(h, 8, 0, UINT32_MAX - 1u, &err) != DURA_OK || may(h, 9, 1, UINT8_MAX, &quality) != DURA_OK)
        return DURA_ECORRUPT;
    if (have != (quality > 0) || (!have && err != UINT32_MAX))
        return DURA_ECORRUPT;
    t->quality = (uint8_t)quality;
    t->wall_err_us = have ? (uint32_t)err : 0;
    if (have)
        t->wall_ns = wall.type == DURAI_CBOR_UINT ? (int64_t)wall.v : -1 - (int64_t)wall.v;
    return DURA_OK;
}

static int read_common(head_reader *h, dura_record *r)
{
    uint64_t schema, log, boot, mono, source = DURA_NONE, kind;
    if (must(h, 1, UINT64_MAX, &schema) != DURA_OK)
        return DURA_ECORRUPT;
    if (schema != 1)
        return DURA_EVERSION;
    if (must(h, 2, 2, &log) != DURA_OK || log == 0 || must(h, 3, UINT64_MAX, &r->seq) != DURA_OK ||
        must(h, 4, UINT64_MAX, &r->gseq) != DURA_OK || must(h, 5, UINT32_MAX, &boot) != DURA_OK ||
        must(h, 6, INT64_MAX, &mono) != DURA_OK || read_wall(h, &r->time) != DURA_OK ||
        may(h, 10, 0, DURA_NONE - 1u, &source) != DURA_OK || must(h, 11, UINT16_MAX, &kind) != DURA_OK)
        return DURA_ECORRUPT;
    r->log = (uint8_t)log;
    r->time.boot = (uint32_t)boot;
    r->time.mono_ns = (int64_t)mono;
    r->source = (uint16_t)source;
    r->kind = (uint16_t)kind;
    return DURA_OK;
}

static int has_bytes(const dura_record *r, uint32_t key, size_t n)
{
    const uint8_t *p;
    size_t len;
    return dura_record_bytes(r, key, &p, &len) == DURA_OK && len == n;
}

static int has_uints(const dura_record *r, uint32_t first, uint32_t last)
{
    uint64_t v;
    for (uint32_t key = first; key <= last; key++)
        if (dura_record_uint(r, key, &v) != DURA_OK)
            return 0;
    return 1;
}

static int seal_keys(const dura_record *r)
{
    durai_item final;
    uint64_t epoch, other;
    int rc = durai_cbor_find(r->cbor, r->len, 22, &final, NULL);
    if (rc == DURA_OK && (final.type != DURAI_CBOR_SIMPLE || final.v != 21))
        return 0;
    return dura_record_uint(r, 16, &epoch) == DURA_OK && epoch <= UINT32_MAX && has_bytes(r, 17, 32) &&
           dura_record_uint(r, 18, &other) == DURA_OK && has_bytes(r, 19, 32) && has_bytes(r, 20, 32) &&
           (has_bytes(r, 21, 64) || has_bytes(r, 21, 0));
}

/* What the log itself writes must be whole: the verifier leans on it. */
static int own_keys(const dura_record *r)
{
    switch (r->kind) {
    case DURA_REC_GENESIS:
        return has_bytes(r, 16, 16) && has_bytes(r, 17, 32);
    case DURA_REC_SEAL:
        return seal_keys(r);
    case DURA_REC_DROP:
    case DURA_REC_SPACE:
        return has_uints(r, 16, 19);
    case DURA_REC_RECOVER:
        return has_uints(r, 16, 19) && has_bytes(r, 20, 32);
    default:
        return 1;
    }
}

/* All keys behind the common ones are unsigned, 16 or more, ascending. Values without
 * containers are checked on the way; one container sends the whole record through the
 * general check, which also bounds the depth. */
static int read_payload(head_reader *h, dura_record *r)
{
    durai_cbor_in *in = &h->in;
    uint64_t last = 15;
    int containers = 0;
    r->payload = in->p;
    r->payload_len = (uint32_t)(in->end - in->p);
    r->n_pairs = (uint32_t)h->left;
    for (uint64_t i = 0; i < h->left; i++) {
        durai_item key;
        if (next_item(in, &key) != DURA_OK || key.type != DURAI_CBOR_UINT || key.v <= last)
            return DURA_ECORRUPT;
        last = key.v;
        uint8_t kind = in->p < in->end ? (uint8_t)(*in->p >> 5) : (uint8_t)DURAI_CBOR_SIMPLE;
        if (kind <= DURAI_CBOR_BYTES) { /* nothing inside it */
            if (next_item(in, &key) != DURA_OK)
                return DURA_ECORRUPT;
            continue;
        }
        containers |= in->p < in->end && (*in->p >> 5 == DURAI_CBOR_ARRAY || *in->p >> 5 == DURAI_CBOR_MAP);
        if (durai_cbor_skip(in) != DURA_OK)
            return DURA_ECORRUPT;
    }
    if (in->p != in->end)
        return DURA_ECORRUPT;
    return containers ? durai_cbor_check(r->cbor, r->len) : DURA_OK;
}

int dura_record_decode(const void *cbor, size_t len, dura_record *out)
{
    head_reader h;
    durai_item map;
    dura_record r;
    if (!cbor || !out)
        return DURA_EINVAL;
    if (len == 0 || len > DURA_RECORD_MAX)
        return DURA_ECORRUPT;
    memset(&r, 0, sizeof r);
    r.struct_size = RECORD_V1;
    durai_cbor_open(&h.in, cbor, len);
    if (durai_cbor_next(&h.in, &map) != DURA_OK || map.type != DURAI_CBOR_MAP)
        return DURA_ECORRUPT;
    h.left = map.v;
    r.cbor = cbor;
    r.len = (uint32_t)len;
    int rc = read_common(&h, &r);
    if (rc == DURA_OK)
        rc = read_payload(&h, &r);
    if (rc == DURA_OK && !own_keys(&r))
        rc = DURA_ECORRUPT;
    if (rc == DURA_OK)
        *out = r;
    return rc;
}

int dura_record_uint(const dura_record *r, uint32_t key, uint64_t *v)
{
    return durai_cbor_find_uint(r->cbor, r->len, key, v);
}

int dura_record_int(const dura_record *r, uint32_t key, int64_t *v)
{
    return durai_cbor_find_int(r->cbor, r->len, key, v);
}

int dura_record_bytes(const dura_record *r, uint32_t key, const uint8_t **p, size_t *n)
{
    return durai_cbor_find_bytes(r->cbor, r->len, key, p, n);
}

int dura_record_text(const dura_record *r, uint32_t key, const char **p, size_t *n)
{
    return durai_cbor_find_text(r->cbor, r->len, key, p, n);
}

/* ---- reading a folder ------------------------------------------------------------- */

struct dura_records {
    durai_folder folder;
    durai_files store;
    durai_cursor log[2];
    char path[200];
    uint64_t gseq;           /* next one when merging */
    int32_t pass;            /* log whose frame was handed out: pass it first; -1 none */
    uint8_t only;            /* DURA_LOG_*, 0 both */
    uint8_t open[2];
    uint8_t reserved;
};

static int fail(const dura_records *r, int i, int rc, dura_error *err, const char *what)
{
    char name[DURAI_PATH_MAX], file[sizeof r->path + DURAI_PATH_MAX + 2];
    const durai_cursor *c = &r->log[i];
    snprintf(file, sizeof file, "%s/%s", r->path, durai_seg_name(name, c->log, c->index));
    return dura_error_set(err, rc, file, 0, NULL, "byte %llu: %s", (unsigned long long)c->offset, what);
}

int dura_records_open(dura_records **out, const char *folder, int log, dura_error *err)
{
    if (!out)
        return dura_error_set(err, DURA_EINVAL, folder, 0, NULL, "no place for the cursor");
    *out = NULL;
    if (!folder || log < 0 || log > DURA_LOG_DECISION)
        return dura_error_set(err, DURA_EINVAL, folder, 0, NULL, "folder and log must be given");
    dura_records *r = calloc(1, sizeof *r);
    if (!r)
        return dura_error_set(err, DURA_ENOSPC, folder, 0, NULL, "out of memory");
    r->only = (uint8_t)log;
    r->pass = -1;
    r->folder.fd = -1;
    snprintf(r->path, sizeof r->path, "%s", folder);
    int rc = durai_folder_open(&r->folder, &r->store, folder, err);
    for (int i = 0; i < 2 && rc == DURA_OK; i++) {
        if (log && log != i + 1)
            continue;
        rc = durai_cursor_open(&r->log[i], &r->store, (uint8_t)(i + 1));
        if (rc != DURA_OK)
            fail(r, i, rc, err, dura_strerror(rc));
        r->open[i] = rc == DURA_OK;
    }
    if (rc != DURA_OK) {
        dura_records_close(r);
        return rc;
    }
    *out = r;
    return DURA_OK;
}

/* What log i has at its cursor, segments joined. */
static int look(dura_records *r, int i)
{
    durai_cursor *c = &r->log[i];
    int at = durai_cursor_look(c);
    while (at == DURAI_AT_SEG_END) {
        int rc = durai_cursor_segment(c, c->index + 1u);
        at = rc == DURA_OK ? durai_cursor_look(c) : rc;
    }
    return at;
}

static int hand_out(dura_records *r, int i, dura_record *rec)
{
    *rec = r->log[i].rec;
    r->pass = i;
    r->gseq = rec->gseq + 1;
    return 1;
}

/* Neither log goes on: the end, a torn tail, or damage with more behind it? */
static int stop(dura_records *r, const int at[2], dura_error *err)
{
    for (int i = 0; i < 2; i++) {
        if (!r->open[i])
            continue;
        if (at[i] < 0)
            return fail(r, i, at[i], err, dura_strerror(at[i]));
        if (at[i] == DURAI_AT_WRONG)
            return fail(r, i, DURA_ECORRUPT, err, dura_verify_rule_text(r->log[i].why));
        if (at[i] == DURAI_AT_BAD && r->log[i].have_next)
            return fail(r, i, DURA_ECORRUPT, err, dura_verify_rule_text(r->log[i].why));
        if (at[i] == DURAI_AT_FRAME && r->log[i].rec.gseq < r->gseq)
            return fail(r, i, DURA_ECORRUPT, err, "this gseq was there before");
    }
    return 0;
}

int dura_records_next(dura_records *r, dura_record *rec, dura_error *err)
{
    int at[2] = {DURAI_AT_END, DURAI_AT_END};
    if (!r || !rec)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "no cursor or no record");
    if (r->pass >= 0)
        durai_cursor_pass(&r->log[r->pass]);
    r->pass = -1;
    for (int i = 0; i < 2; i++) {
        if (!r->open[i])
            continue;
        at[i] = look(r, i);
        if (at[i] == DURAI_AT_FRAME && (r->only || r->log[i].rec.gseq == r->gseq))
            return hand_out(r, i, rec);
    }
    return stop(r, at, err);
}

void dura_records_close(dura_records *r)
{
    if (!r)
        return;
    for (int i = 0; i < 2; i++)
        if (r->open[i])
            durai_cursor_close(&r->log[i]);
    durai_folder_close(&r->folder);
    free(r);
}
