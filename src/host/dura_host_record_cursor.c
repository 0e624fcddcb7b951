/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments and frames of docs/formats/log.md section 1, one segment in memory at a time.
 *
 * Where a segment ends is said by the header of the next one (prev_end); only the last
 * segment ends where its frames end. Bytes behind a short file read as unprogrammed: a
 * clean close cuts the last file down.
 */
#include "dura_host_record_priv.h"

#include <dura/host/verify.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__x86_64__) && defined(__GNUC__)
/* Eight bytes per instruction; the tables of base know no processor. */
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
    uint64_t c = ~crc;
    for (; n >= 8; n -= 8, p += 8)
        c = __builtin_ia32_crc32di(c, durai_le64(p));
    uint32_t r = (uint32_t)c;
    for (; n; n--)
        r = __builtin_ia32_crc32qi(r, *p++);
    return ~r;
}

uint32_t durai_rec_crc(uint32_t crc, const void *p, size_t n)
{
    return __builtin_cpu_supports("sse4.2") ? crc_sse42(crc, p, n) : durai_crc32c(crc, p, n);
}
#else
uint32_t durai_rec_crc(uint32_t crc, const void *p, size_t n)
{
    return durai_crc32c(crc, p, n);
}
#endif

int durai_blank(const uint8_t *p, size_t n)
{
    if (n == 0)
        return 1;
    if (p[0] != 0x00 && p[0] != 0xFF)
        return 0;
    return memcmp(p, p + 1, n - 1) == 0; /* each byte equals the one before it */
}

static int all_zero(const uint8_t *p, size_t n)
{
    return n == 0 || (p[0] == 0 && durai_blank(p, n));
}

const char *durai_log_folder(uint8_t log)
{
    return log == DURA_LOG_SECURITY ? "security.log" : "decision.log";
}

const char *durai_seg_name(char out[DURAI_PATH_MAX], uint8_t log, uint32_t k)
{
    snprintf(out, DURAI_PATH_MAX, "%s/%08u.seg", durai_log_folder(log), (unsigned)k);
    return out;
}

/* ---- segment headers ------------------------------------------------------------- */

int durai_seg_parse(durai_seg_head *h, const uint8_t *p, size_t n)
{
    if (durai_blank(p, n))
        return DURAI_SEG_BLANK;
    if (n < 72 || durai_le32(p) != 0x31475344u || p[7] > 40)
        return DURAI_SEG_BAD;
    uint32_t body = 68u + 32u * p[7];
    if (n < body + 4u || durai_le32(p + body) != durai_rec_crc(0, p, body))
        return DURAI_SEG_BAD;
    memset(h, 0, sizeof *h);
    h->version = durai_le16(p + 4);
    h->log = p[6];
    h->peaks = p[7];
    h->index = durai_le32(p + 8);
    h->generation = durai_le32(p + 12);
    h->seq = durai_le64(p + 16);
    h->gseq = durai_le64(p + 24);
    h->epoch = durai_le32(p + 32);
    h->segment_bytes = durai_le32(p + 36);
    h->prev_end = durai_le64(p + 40);
    memcpy(h->origin, p + 48, 16);
    h->align = durai_le32(p + 64);
    memcpy(h->peak, p + 68, (size_t)32 * h->peaks);
    h->bytes = body + 4u;
    /* An impossible align is the caller's to report; here it must only not hurt. */
    if (h->align >= 8 && h->align <= 4096 && (h->align & (h->align - 1u)) == 0)
        h->bytes = (h->bytes + h->align - 1u) & ~(h->align - 1u);
    return DURAI_SEG_GOOD;
}

/* ---- opening --------------------------------------------------------------------- */

/* "00000012.seg" -> 12; 0 when the name is another. */
static int segment_number(const char *name, uint32_t *k)
{
    uint32_t v = 0;
    for (int i = 0; i < 8; i++) {
        if (name[i] < '0' || name[i] > '9')
            return 0;
        v = 10 * v + (uint32_t)(name[i] - '0');
    }
    *k = v;
    return strcmp(name + 8, ".seg") == 0;
}

static int note_file(void *ctx, const char *name, int is_file)
{
    durai_cursor *c = ctx;
    uint32_t k;
    if (!is_file || !segment_number(name, &k))
        return DURA_OK;
    if ((c->n_segments & (c->n_segments + 1)) == 0) { /* grows at 1, 3, 7, ... */
        uint32_t *more = realloc(c->segment, (2 * c->n_segments + 1) * sizeof *more);
        if (!more)
            return DURA_ENOSPC;
        c->segment = more;
    }
    c->segment[c->n_segments++] = k;
    return DURA_OK;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

int durai_cursor_open(durai_cursor *c, const durai_files *store, uint8_t log)
{
    DURA_ASSERT(log == DURA_LOG_SECURITY || log == DURA_LOG_DECISION);
    memset(c, 0, sizeof *c);
    c->store = store;
    c->log = log;
    int rc = store->list(store->user, durai_log_folder(log), note_file, c);
    if (rc == DURA_ENOENT || rc == DURA_EINVAL)
        rc = DURA_OK; /* nothing there: an empty log */
    if (rc == DURA_OK && c->n_segments > 1)
        qsort(c->segment, c->n_segments, sizeof *c->segment, by_number);
    if (rc == DURA_OK)
        rc = durai_cursor_segment(c, 0);
    if (rc != DURA_OK)
        durai_cursor_close(c);
    return rc;
}

void durai_cursor_close(durai_cursor *c)
{
    free(c->segment);
    free(c->buf);
    c->segment = NULL;
    c->buf = NULL;
    c->n_segments = c->len = c->cap = 0;
}

/* ---- a segment into memory -------------------------------------------------------- */

static int load(durai_cursor *c, const char *name)
{
    uint64_t size = 0;
    c->len = 0;
    int rc = c->store->size(c->store->user, name, &size);
    if (rc == DURA_ENOENT || rc == DURA_EINVAL)
        return DURA_OK;
    if (rc != DURA_OK)
        return rc;
    if (size > DURAI_SEG_MAX)
        return DURA_ELIMIT;
    if (size > c->cap) {
        uint8_t *more = realloc(c->buf, (size_t)size);
        if (!more)
            return DURA_ENOSPC;
        c->buf = more;
        c->cap = (size_t)size;
    }
    return size ? c->store->read(c->store->user, name, 0, c->buf, (size_t)size, &c->len) : DURA_OK;
}

/* The header behind segment k, and where k therefore ends. */
static int load_next(durai_cursor *c, uint32_t k)
{
    uint8_t head[DURAI_SEG_HEAD_MAX];
    char name[DURAI_PATH_MAX];
    uint64_t size;
    size_t got = 0;
    c->have_next = c->bad_next = 0;
    c->end = c->have_head ? c->head.segment_bytes : c->len;
    if (k == UINT32_MAX)
        return DURA_OK;
    durai_seg_name(name, c->log, k + 1);
    int rc = c->store->size(c->store->user, name, &size);
    if (rc == DURA_OK)
        rc = c->store->read(c->store->user, name, 0, head, sizeof head, &got);
    if (rc == DURA_ENOENT || rc == DURA_EINVAL)
        return DURA_OK;
    if (rc != DURA_OK)
        return rc;
    if (durai_seg_parse(&c->next, head, got) == DURAI_SEG_GOOD) {
        c->have_next = 1;
        c->end = c->next.prev_end;
    }
    c->bad_next = (uint8_t)(!c->have_next && !durai_blank(head, got));
    return DURA_OK;
}

int durai_cursor_segment(durai_cursor *c, uint32_t k)
{
    char name[DURAI_PATH_MAX];
    int rc = load(c, durai_seg_name(name, c->log, k));
    if (rc != DURA_OK)
        return rc;
    c->index = k;
    c->why = DURA_VERIFY_RULE_NONE;
    c->frame_bytes = 0;
    c->offset = 0;
    c->have_head = durai_seg_parse(&c->head, c->buf, c->len) == DURAI_SEG_GOOD;
    if (c->have_head)
        c->offset = c->head.bytes;
    return load_next(c, k);
}

/* ---- frames ---------------------------------------------------------------------- */

uint32_t durai_frame_check(const uint8_t *p, uint64_t n, uint32_t generation, uint32_t align,
                           uint32_t *rec_len, int32_t *why)
{
    uint8_t gen[4];
    *why = DURA_VERIFY_RULE_FRAME_MAGIC;
    if (n < 16 || durai_le32(p) != 0x31524C44u)
        return 0;
    uint32_t len = durai_le16(p + 4);
    uint32_t total = (16u + len + align - 1u) & ~(align - 1u);
    *why = DURA_VERIFY_RULE_FRAME_LENGTH;
    if (len == 0 || total > n)
        return 0;
    *why = DURA_VERIFY_RULE_FRAME_CRC;
    durai_put32(gen, generation);
    uint32_t crc = durai_rec_crc(durai_rec_crc(0, gen, 4), p, 12);
    if (durai_rec_crc(crc, p + 16, len) != durai_le32(p + 12))
        return 0;
    *why = DURA_VERIFY_RULE_FRAME_PADDING;
    if (!all_zero(p + 16 + len, total - 16 - len))
        return 0;
    *why = DURA_VERIFY_RULE_NONE;
    *rec_len = len;
    return total;
}

/* The checksum is right, so a cut cannot explain anything below. */
static int judge_frame(durai_cursor *c, const uint8_t *p, uint32_t len)
{
    c->why_segment = c->index;
    c->why_offset = c->offset;
    c->why = DURA_VERIFY_RULE_FRAME_LOG;
    if (p[6] != c->log || p[7] != 0)
        return DURAI_AT_WRONG;
    c->why = DURA_VERIFY_RULE_RECORD_CBOR;
    if (dura_record_decode(p + 16, len, &c->rec) != DURA_OK)
        return DURAI_AT_WRONG;
    c->why = DURA_VERIFY_RULE_RECORD_LOG;
    if (c->rec.log != c->log)
        return DURAI_AT_WRONG;
    c->why = DURA_VERIFY_RULE_FRAME_GSEQ;
    if ((uint32_t)c->rec.gseq != durai_le32(p + 8))
        return DURAI_AT_WRONG;
    c->why = DURA_VERIFY_RULE_NONE;
    c->rec.segment = c->index;
    c->rec.offset = c->offset;
    return DURAI_AT_FRAME;
}

static int bad_at(durai_cursor *c, int32_t why, uint64_t offset)
{
    c->why = why;
    c->why_segment = c->index;
    c->why_offset = offset;
    return DURAI_AT_BAD;
}

/* No frame follows in this segment and no valid header behind it. */
static int look_past_end(durai_cursor *c)
{
    if (!c->bad_next)
        return DURAI_AT_END;
    c->why = DURA_VERIFY_RULE_SEGMENT_HEADER;
    c->why_segment = c->index + 1u;
    c->why_offset = 0;
    return DURAI_AT_BAD;
}

int durai_cursor_look(durai_cursor *c)
{
    if (!c->have_head) {
        if (durai_blank(c->buf, c->len) && !c->have_next)
            return look_past_end(c);
        return bad_at(c, DURA_VERIFY_RULE_SEGMENT_HEADER, 0);
    }
    if (c->have_next && c->offset == c->end)
        return DURAI_AT_SEG_END;
    if (c->have_next && (c->offset > c->end || c->end > c->head.segment_bytes))
        return bad_at(c, DURA_VERIFY_RULE_SEGMENT_END, c->offset);
    uint64_t stop = c->end < c->len ? c->end : c->len;
    uint64_t n = c->offset < stop ? stop - c->offset : 0;
    const uint8_t *p = n ? c->buf + c->offset : NULL;
    uint32_t len = 0, align = c->head.align;
    if (!c->have_next && (n == 0 || durai_blank(p, (size_t)n)))
        return look_past_end(c);
    if (align < 8 || align > 4096 || (align & (align - 1u)))
        return bad_at(c, DURA_VERIFY_RULE_SEGMENT_SIZE, 64);
    int32_t why;
    c->frame_bytes = durai_frame_check(p, n, c->head.generation, align, &len, &why);
    if (c->frame_bytes == 0) {
        uint64_t all = c->offset < c->len ? c->len - c->offset : 0;
        int32_t ignore;
        if (all > n && durai_frame_check(p, all, c->head.generation, align, &len, &ignore) > 0)
            why = DURA_VERIFY_RULE_SEGMENT_END; /* a good frame the next header cuts off */
        return bad_at(c, why, c->offset);
    }
    return judge_frame(c, p, len);
}

void durai_cursor_pass(durai_cursor *c)
{
    DURA_ASSERT(c->frame_bytes > 0 && c->offset + c->frame_bytes <= c->len);
    c->offset += c->frame_bytes;
    c->frame_bytes = 0;
}
