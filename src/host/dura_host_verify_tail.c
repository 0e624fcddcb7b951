/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the pass stops: an end, a power cut, or tampering?
 *
 * Power cuts damage only what was not synced. So whatever was written behind a sync - a
 * seal, a segment header - and is found behind the stop vouches that everything below
 * its gseq was durable once: what is missing there was taken away. Without such a
 * witness the bytes behind the stop are what a cut leaves.
 */
#include "dura_host_verify_priv.h"

/* Frames of the segment at hand from `off` on, aligned or not to what came before. */
static int scan_frames(durai_side *s, uint64_t off, uint32_t generation, uint32_t align)
{
    const durai_cursor *c = &s->cur;
    int frames = 0;
    for (off = (off + 7u) & ~(uint64_t)7; off + 16 <= c->len; off += 8) {
        dura_record r;
        uint32_t len;
        int32_t why;
        if (durai_frame_check(c->buf + off, c->len - off, generation, align, &len, &why) == 0)
            continue;
        frames++;
        if (dura_record_decode(c->buf + off + 16, len, &r) == DURA_OK && r.kind == DURA_REC_SEAL &&
            r.gseq > s->floor)
            s->floor = r.gseq;
    }
    return frames;
}

/* Bytes up to the last programmed one. */
static uint64_t used_bytes(const uint8_t *p, uint64_t n)
{
    if (n == 0 || (p[n - 1] != 0x00 && p[n - 1] != 0xFF))
        return n;
    uint8_t fill = p[n - 1];
    while (n > 0 && p[n - 1] == fill)
        n--;
    return n;
}

/* A header that is torn leaves bytes only where it was being programmed. */
static int torn_header(const durai_side *s)
{
    uint64_t seq = s->n;
    uint32_t bytes = 72;
    for (; seq; seq &= seq - 1u)
        bytes += 32;
    return used_bytes(s->cur.buf, s->cur.len) <= bytes;
}

/* One segment behind the one the pass stopped in. `next` : right behind it. */
static int scan_segment(durai_verify *v, int i, uint32_t k, int next)
{
    durai_side *s = &v->side[i];
    durai_cursor *c = &s->cur;
    int rc = durai_cursor_segment(c, k);
    if (rc != DURA_OK || durai_blank(c->buf, c->len))
        return rc;
    if (c->have_head) {
        if (c->head.gseq > s->floor)
            s->floor = c->head.gseq;
        s->hole = 1; /* the pass would have entered a segment that follows in order */
        v->rep->torn_bytes += used_bytes(c->buf, c->len);
        scan_frames(s, 0, c->head.generation, 8);
    } else if (scan_frames(s, 0, 1, 8) > 0) {
        s->hole = 1; /* headers are synced before frames: this one was damaged later */
        v->rep->torn_bytes += used_bytes(c->buf, c->len);
    } else if (!next || !torn_header(s)) {
        v->rep->torn_bytes += used_bytes(c->buf, c->len);
    }
    return DURA_OK;
}

/* Everything of log i behind the stop. */
static int scan(durai_verify *v, int i)
{
    durai_side *s = &v->side[i];
    durai_cursor *c = &s->cur;
    uint32_t at = c->index;
    s->floor = c->have_head ? c->head.gseq : 0;
    if (c->offset < c->len)
        v->rep->torn_bytes += used_bytes(c->buf + c->offset, c->len - c->offset);
    if (scan_frames(s, c->offset, c->have_head ? c->head.generation : 1, 8) > 0 && !c->have_head)
        s->hole = 1;
    for (size_t k = 0; k < c->n_segments; k++) {
        if (c->segment[k] <= at)
            continue;
        int rc = scan_segment(v, i, c->segment[k], c->segment[k] == at + 1u);
        if (rc != DURA_OK)
            return rc;
    }
    return DURAI_GO;
}

typedef struct stop {
    uint64_t offset;
    uint32_t segment;
    int32_t why;
    int32_t at;
} stop;

/* Frames that follow without a gap but with the wrong number: no cut does that. */
static int check_neighbours(durai_verify *v)
{
    int both = v->side[0].at == DURAI_AT_FRAME && v->side[1].at == DURAI_AT_FRAME;
    for (int i = 0; i < 2; i++) /* seq first: it names the log that was altered */
        if (v->side[i].at == DURAI_AT_FRAME && v->side[i].cur.rec.seq != v->side[i].n)
            return durai_broken_here(v, DURA_VERIFY_RULE_SEQ_DENSE, i);
    for (int i = 0; i < 2; i++)
        if (v->side[i].at == DURAI_AT_FRAME && (both || v->side[i].cur.rec.gseq < v->expect))
            return durai_broken_here(v, DURA_VERIFY_RULE_GSEQ_DENSE, i);
    return DURAI_GO;
}

/* Which log lost the expected record: the one whose bytes are wrong, else the one that
 * has come to its end. */
static int blame(durai_verify *v, const stop where[2])
{
    int i = where[0].at == DURAI_AT_BAD ? 0 : where[1].at == DURAI_AT_BAD ? 1
          : where[0].at == DURAI_AT_END ? 0 : 1;
    const stop *w = &where[i];
    if (where[0].at == DURAI_AT_END && where[1].at == DURAI_AT_END && v->side[1].hole)
        i = 1;
    return durai_broken(v, w->at == DURAI_AT_BAD ? w->why : DURA_VERIFY_RULE_FRAME_MISSING, i,
                        where[i].segment, where[i].offset);
}

static int is_closed_file(durai_verify *v, int i)
{
    char name[DURAI_PATH_MAX];
    uint64_t size;
    size_t n = strlen(durai_log_folder((uint8_t)(i + 1)));
    memcpy(name, durai_log_folder((uint8_t)(i + 1)), n);
    memcpy(name + n, "/checkpoint", sizeof "/checkpoint");
    return v->files->size(v->files->user, name, &size) != DURA_ENOENT;
}

int durai_verify_tail(durai_verify *v)
{
    stop where[2];
    uint64_t floor = 0;
    for (int i = 0; i < 2; i++) {
        const durai_cursor *c = &v->side[i].cur;
        where[i].at = v->side[i].at;
        where[i].why = c->why;
        where[i].segment = where[i].at == DURAI_AT_BAD ? c->why_segment : c->index;
        where[i].offset = where[i].at == DURAI_AT_BAD ? c->why_offset : c->offset;
        v->side[i].stop_segment = c->index;
        v->side[i].stop_offset = c->offset;
        v->rep->bytes += v->side[i].walked + c->offset;
        if (v->side[i].at == DURAI_AT_WRONG)
            return durai_broken(v, c->why, i, c->index, c->offset);
    }
    int rc = check_neighbours(v);
    for (int i = 0; i < 2 && rc == DURAI_GO; i++) {
        if (!v->side[i].open)
            continue;
        rc = scan(v, i);
        if (v->side[i].floor > floor)
            floor = v->side[i].floor;
    }
    if (rc != DURAI_GO)
        return rc;
    if (floor > v->expect || v->side[0].hole || v->side[1].hole)
        return blame(v, where);
    int final = v->side[0].final && v->side[1].final;
    int files = is_closed_file(v, 0) + is_closed_file(v, 1);
    if (v->rep->torn_bytes && files == 2) { /* it was closed, so nothing was under way */
        int i = where[0].at == DURAI_AT_END ? 1 : 0;
        int rule = final || where[i].at != DURAI_AT_BAD ? DURA_VERIFY_RULE_STRAY_BYTES : where[i].why;
        return durai_broken(v, rule, i, where[i].segment, where[i].offset);
    }
    v->rep->closed = (uint8_t)(final && v->rep->torn_bytes == 0 && (files == 2 || !v->signs));
    return DURAI_GO;
}
