/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over both logs in the order of gseq, with both trees at hand (RFC 6962 compact
 * ranges): so that every root a seal names, of its own log and of the other, can be
 * compared at the moment it was signed.
 *
 * Frames of one log that lie back to back were numbered one after the other, whatever cut
 * the power: a jump between neighbours is tampering, and only bytes that are not frames
 * can be the work of a cut.
 */
#include "dura_host_verify_priv.h"

static int node(void *ctx, const uint8_t left[32], const uint8_t right[32], uint8_t out[32])
{
    uint8_t pair[64];
    const void *in = pair;
    size_t len = sizeof pair;
    uint8_t digest[1][32];
    (void)ctx;
    memcpy(pair, left, 32);
    memcpy(pair + 32, right, 32);
    dura_sha256_query_n(0x01, &in, &len, 1, digest);
    memcpy(out, digest[0], 32);
    return DURA_OK;
}

/* The leaves that wait, and all nodes they complete, level by level: independent hashes are
 * many times quicker side by side. Their bytes are about to go, or the root is wanted. */
static void settle_leaves(durai_side *s)
{
    uint8_t (*const base)[32] = s->batch + 1; /* in front: room for a peak that gets a partner */
    uint8_t (*node)[32] = base;
    uint64_t at = s->tree.size;
    size_t n = s->n_wait;
    dura_sha256_query_n(0x00, s->wait, s->wait_len, n, base);
    for (uint32_t level = 0; n > 0; level++, at /= 2, n /= 2) {
        DURA_ASSERT(level < s->tree.height); /* 2^40 records do not fit a folder */
        node = base;
        if (at & 1u) {
            memcpy(*--node, s->peak[level], 32);
            n++;
        }
        if (n & 1u)
            memcpy(s->peak[level], node[n - 1], 32);
        for (size_t i = 0; i < n / 2; i++) {
            s->wait[i] = node[2 * i];
            s->wait_len[i] = 64;
        }
        dura_sha256_query_n(0x01, s->wait, s->wait_len, n / 2, base);
    }
    s->tree.size += s->n_wait;
    s->n_wait = 0;
    DURA_ASSERT(s->tree.size == s->n);
}

static void add_leaf(durai_side *s, const dura_record *r)
{
    s->n++;
    s->wait[s->n_wait] = r->cbor;
    s->wait_len[s->n_wait++] = r->len;
    if (s->n_wait == DURAI_BATCH)
        settle_leaves(s);
}

void durai_side_root(durai_side *s, uint8_t out[32])
{
    settle_leaves(s);
    if (s->tree.size == 0)
        dura_sha256_query(out, NULL, 0);
    int rc = durai_tree_root(&s->tree, out, node, NULL);
    DURA_ASSERT(rc == DURA_OK);
    (void)rc;
}

/* ---- segments --------------------------------------------------------------------- */

static int peaks_equal(const durai_side *s, const durai_seg_head *h)
{
    uint32_t k = 0;
    for (uint32_t level = 40; level > 0; level--) {
        if (!((h->seq >> (level - 1u)) & 1u))
            continue;
        if (k >= h->peaks || memcmp(h->peak[k++], s->peak[level - 1u], 32) != 0)
            return 0;
    }
    return k == h->peaks;
}

/* The rule the header of the segment at hand breaks; NONE. */
static int header_rule(const durai_verify *v, int i)
{
    const durai_side *s = &v->side[i];
    const durai_seg_head *h = &s->cur.head;
    uint32_t body = 72u + 32u * h->peaks;
    if (h->version != 1 || h->generation == 0)
        return DURA_VERIFY_RULE_SEGMENT_HEADER;
    if (h->log != i + 1)
        return DURA_VERIFY_RULE_SEGMENT_LOG;
    if (h->index != s->cur.index)
        return DURA_VERIFY_RULE_SEGMENT_INDEX;
    if (h->segment_bytes < 4096 || h->segment_bytes > DURAI_SEG_MAX ||
        (h->segment_bytes & (h->segment_bytes - 1u)) || s->cur.len > h->segment_bytes)
        return DURA_VERIFY_RULE_SEGMENT_SIZE;
    if (h->align < 8 || h->align > 4096 || (h->align & (h->align - 1u)))
        return DURA_VERIFY_RULE_SEGMENT_SIZE;
    if (s->segment_bytes && (s->segment_bytes != h->segment_bytes || s->align != h->align))
        return DURA_VERIFY_RULE_SEGMENT_SIZE;
    if (h->bytes > s->cur.len || (h->bytes > body && (s->cur.buf[body] != 0 ||
                                                       !durai_blank(s->cur.buf + body, h->bytes - body))))
        return DURA_VERIFY_RULE_SEGMENT_HEADER;
    if (v->have_origin && memcmp(h->origin, v->origin, 16) != 0)
        return DURA_VERIFY_RULE_SEGMENT_ORIGIN;
    if (h->seq != s->n)
        return DURA_VERIFY_RULE_SEGMENT_SEQ;
    if (!peaks_equal(s, h))
        return DURA_VERIFY_RULE_SEGMENT_PEAKS;
    if (h->epoch < v->side[1].epoch || h->epoch > v->side[0].epoch)
        return DURA_VERIFY_RULE_SEGMENT_EPOCH;
    if (h->gseq < s->next_gseq)
        return DURA_VERIFY_RULE_SEGMENT_GSEQ;
    if (h->index == 0 && h->prev_end != 0)
        return DURA_VERIFY_RULE_SEGMENT_END;
    return DURA_VERIFY_RULE_NONE;
}

static int check_header(durai_verify *v, int i)
{
    durai_side *s = &v->side[i];
    int rule = header_rule(v, i);
    if (rule != DURA_VERIFY_RULE_NONE)
        return durai_broken(v, rule, i, s->cur.index, 0);
    s->segment_bytes = s->cur.head.segment_bytes;
    s->align = s->cur.head.align;
    s->first = 1;
    if (!v->have_origin) {
        memcpy(v->origin, s->cur.head.origin, 16);
        memcpy(v->rep->origin, v->origin, 16);
        v->have_origin = 1;
    }
    return DURAI_GO;
}

static void progress(const durai_verify *v)
{
    uint64_t done = 0;
    if (!v->opt->progress)
        return;
    for (int i = 0; i < 2; i++)
        done += v->side[i].walked + v->side[i].cur.offset;
    v->opt->progress(v->opt->user, done < v->total ? done : v->total, v->total);
}

/* A seal was programmed only after everything before it was durable, so recovery keeps
 * every whole one: a whole seal among given-up bytes means that records were taken away. */
static int seal_given_up(const durai_cursor *c)
{
    dura_record r;
    uint32_t len;
    int32_t why;
    for (uint64_t off = (c->offset + 7u) & ~(uint64_t)7; off + 16 <= c->len; off += 8) {
        if (durai_frame_check(c->buf + off, c->len - off, c->head.generation, c->head.align, &len, &why) == 0)
            continue;
        if (dura_record_decode(c->buf + off + 16, len, &r) == DURA_OK && r.kind == DURA_REC_SEAL)
            return 1;
    }
    return 0;
}

static void measure_gap(durai_side *s)
{
    static const uint8_t zeros[256] = {0};
    const durai_cursor *c = &s->cur;
    durai_gap *g = &s->gap;
    uint64_t stored = c->len > c->offset ? c->len - c->offset : 0;
    const uint8_t *p = stored ? c->buf + c->offset : NULL;
    memset(g, 0, sizeof *g);
    g->there = 1;
    g->segment = c->index;
    g->offset = c->offset;
    g->bytes = s->segment_bytes - c->offset;
    g->used = (uint8_t)!durai_blank(p, (size_t)stored);
    g->fill = stored ? p[stored - 1] : 0;
    if (!g->used)
        return;
    dura_sha256 h;
    dura_sha256_init(&h);
    dura_sha256_update(&h, p, (size_t)stored);
    for (uint64_t left = g->bytes - stored; left;) { /* a short file reads as zeros */
        size_t n = left < sizeof zeros ? (size_t)left : sizeof zeros;
        dura_sha256_update(&h, zeros, n);
        left -= n;
    }
    dura_sha256_final(&h, g->digest);
}

/* From the end of a segment into the next one. */
static int next_segment(durai_verify *v, int i)
{
    durai_side *s = &v->side[i];
    durai_cursor *c = &s->cur;
    if (s->gap.there) /* a segment without records behind bytes that were given up */
        return durai_broken(v, DURA_VERIFY_RULE_RECOVER_PLACE, i, c->index, c->offset);
    measure_gap(s);
    if (s->gap.used && seal_given_up(c))
        return durai_broken(v, DURA_VERIFY_RULE_RECOVER_DAMAGE, i, c->index, c->offset);
    s->gap.there = s->gap.used;
    s->walked += c->offset;
    settle_leaves(s); /* their bytes lie in the segment that goes now */
    int rc = durai_cursor_segment(c, c->index + 1u);
    if (rc != DURA_OK)
        return rc;
    progress(v);
    return check_header(v, i);
}

/* ---- records ---------------------------------------------------------------------- */

/* Where log i stands: over segment ends to a frame or to a stop. */
static int advance(durai_verify *v, int i)
{
    durai_side *s = &v->side[i];
    if (!s->open)
        return DURAI_GO;
    s->at = durai_cursor_look(&s->cur);
    while (s->at == DURAI_AT_SEG_END) {
        int rc = next_segment(v, i);
        if (rc != DURAI_GO)
            return rc;
        s->at = durai_cursor_look(&s->cur);
    }
    return s->at < 0 ? s->at : DURAI_GO;
}

static int check_order(durai_verify *v, int i, const dura_record *r)
{
    const durai_side *s = &v->side[i];
    if (r->seq != s->n)
        return durai_broken_here(v, DURA_VERIFY_RULE_SEQ_DENSE, i);
    if (s->first && r->gseq < s->cur.head.gseq)
        return durai_broken(v, DURA_VERIFY_RULE_SEGMENT_GSEQ, i, s->cur.index, 0);
    if (v->expect > 0 && r->time.boot < v->boot)
        return durai_broken_here(v, DURA_VERIFY_RULE_BOOT_ORDER, i);
    if ((r->seq == 0) != (r->kind == DURA_REC_GENESIS))
        return durai_broken_here(v, DURA_VERIFY_RULE_GENESIS, i);
    if (v->opt->max_unsealed && v->expect - v->rep->sealed > v->opt->max_unsealed)
        return durai_broken_here(v, DURA_VERIFY_RULE_SEAL_OVERDUE, i);
    return DURAI_GO;
}

static int consume(durai_verify *v, int i)
{
    durai_side *s = &v->side[i];
    const dura_record *r = &s->cur.rec;
    int rc = check_order(v, i, r);
    if (rc == DURAI_GO)
        rc = durai_verify_record(v, i, r);
    if (rc == DURAI_GO)
        rc = durai_verify_size(v, i);
    if (rc != DURAI_GO)
        return rc;
    if (v->expect == 0 || r->time.boot != v->boot)
        v->rep->boots++;
    v->boot = r->time.boot;
    add_leaf(s, r);
    s->first = 0;
    s->gap.there = 0;
    s->next_gseq = r->gseq + 1u;
    v->rep->records[i]++;
    v->expect++;
    durai_cursor_pass(&s->cur);
    if ((v->expect & 0x3FFFu) == 0)
        progress(v);
    return advance(v, i);
}

int durai_verify_walk(durai_verify *v)
{
    for (int i = 0; i < 2; i++) {
        durai_side *s = &v->side[i];
        s->tree.peak = s->peak;
        s->tree.height = 40;
        s->at = DURAI_AT_END;
        if (s->cur.have_head) {
            int rc = check_header(v, i);
            if (rc != DURAI_GO)
                return rc;
        }
        int rc = advance(v, i);
        if (rc != DURAI_GO)
            return rc;
    }
    for (;;) {
        int i = v->side[0].at == DURAI_AT_FRAME && v->side[0].cur.rec.gseq == v->expect ? 0
              : v->side[1].at == DURAI_AT_FRAME && v->side[1].cur.rec.gseq == v->expect ? 1 : -1;
        if (i < 0)
            return DURAI_GO;
        int rc = consume(v, i);
        if (rc != DURAI_GO)
            return rc;
    }
}
