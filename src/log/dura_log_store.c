/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames, trees and segments of one log; commit over both. Bytes: docs/formats/log.md.
 *
 * A frame is built in the buffer where it will be programmed from, so a record is
 * copied once. Its leaf (RFC 6962 section 2.1) is hashed when the buffer is about to be
 * programmed: then many leaves wait and hash_many can work on several at a time. A leaf
 * is carried into the tree one node per step, since a carry can be 40 nodes long and a
 * budget may be 1.
 *
 * A failed prog may have come some way, and most flash refuses to program a place twice.
 * So the next try reads first and begins at the first prog unit that is not as wanted. A
 * unit half programmed gets the same bits once more, which NOR allows; storage that does
 * not must leave a unit of a failed prog whole or untouched.
 */
#include "dura_log_priv.h"

int durai_log_afford(dura_log *log, uint32_t cost)
{
    if (log->spent != 0 && log->budget != UINT32_MAX &&
        (log->spent >= log->budget || cost > log->budget - log->spent))
        return 0;
    log->spent = cost < UINT32_MAX - log->spent ? log->spent + cost : UINT32_MAX;
    return 1;
}

int durai_log_hook(dura_log *log, int rc)
{
    if (rc > 0)
        rc = DURA_EIO;
    if (rc < 0)
        log->last_error = rc;
    return rc;
}

/* ---- records -------------------------------------------------------------------- */

void durai_log_begin(dura_log *log, uint32_t i, durai_cbor *c, const dura_log_entry *e,
                     uint16_t kind, uint32_t n_pairs)
{
    durai_log_side *s = &log->side[i];
    const dura_time *t = e != NULL ? &e->time : &log->now;
    uint32_t wall = t->quality > DURA_CLOCK_NONE && t->wall_ns >= 0;
    uint32_t err = wall && t->wall_err_us != UINT32_MAX;
    uint32_t src = e != NULL && e->source != DURA_NONE;
    uint32_t room = s->cap - s->staged - DURAI_FRAME_HEAD;

    DURA_ASSERT(s->staged + DURAI_FRAME_HEAD <= s->cap);
    if (t->boot > log->boot)
        log->boot = t->boot;
    durai_cbor_init(c, s->buf + s->staged + DURAI_FRAME_HEAD,
                    room < log->cfg.max_record ? room : log->cfg.max_record);
    durai_cbor_map(c, 7u + 2u * wall + err + src + n_pairs);
    durai_cbor_kuint(c, 1, 1);
    durai_cbor_kuint(c, 2, i + 1u);
    durai_cbor_kuint(c, 3, s->seq);
    durai_cbor_kuint(c, 4, log->gseq);
    /* a verifier refuses a boot that goes back, so a late entry counts as this boot's */
    durai_cbor_kuint(c, 5, log->boot);
    durai_cbor_kuint(c, 6, (uint64_t)t->mono_ns);
    if (wall)
        durai_cbor_kuint(c, 7, (uint64_t)t->wall_ns);
    if (err)
        durai_cbor_kuint(c, 8, t->wall_err_us);
    if (wall)
        durai_cbor_kuint(c, 9, t->quality);
    if (src)
        durai_cbor_kuint(c, 10, e->source);
    durai_cbor_kuint(c, 11, kind);
}

void durai_log_put(dura_log *log, uint32_t i, uint32_t len)
{
    durai_log_side *s = &log->side[i];
    uint8_t *f = s->buf + s->staged;
    uint32_t size = durai_log_up(DURAI_FRAME_HEAD + len, s->align), crc;
    uint8_t generation[4];

    DURA_ASSERT(len >= 1 && len <= DURA_RECORD_MAX);
    DURA_ASSERT(s->staged + size <= s->cap);
    DURA_ASSERT(s->end + s->staged + size <= log->cfg.segment_bytes);
    durai_put32(generation, s->generation);
    durai_put32(f, DURAI_FRAME_MAGIC);
    durai_put16(f + 4, (uint16_t)len);
    f[6] = (uint8_t)(i + 1u);
    f[7] = 0;
    durai_put32(f + 8, (uint32_t)log->gseq);
    crc = durai_crc32c(durai_crc32c(0, generation, 4), f, 12);
    durai_put32(f + 12, durai_crc32c(crc, f + DURAI_FRAME_HEAD, len));
    memset(f + DURAI_FRAME_HEAD + len, 0, size - DURAI_FRAME_HEAD - len);
    s->staged += size;
    s->final = 0;
    s->seq++;
    log->gseq++;
    if (log->uncommitted++ == 0)
        log->commit_since = log->now.mono_ns;
    if (log->unsealed < UINT32_MAX)
        log->unsealed++;
}

int durai_log_room(dura_log *log, uint32_t i, uint32_t len)
{
    durai_log_side *s = &log->side[i];
    uint32_t size = durai_log_up(DURAI_FRAME_HEAD + len, s->align);

    DURA_ASSERT(size <= s->cap);
    if (s->seq + 1u >= (uint64_t)1 << log->cfg.tree_height)
        return DURA_EFULL;              /* a leaf more would need one peak more */
    if (s->end + s->staged + size > log->cfg.segment_bytes)
        return durai_log_open(log, i);
    if (s->cap - s->staged < size)
        return durai_log_flush(log, i);
    return DURAI_DONE;
}

/* ---- leaves and nodes ------------------------------------------------------------ */

/* Blocks SHA-256 works on for n bytes with its padding, in work units. */
static uint32_t hash_cost(const dura_log *log, uint32_t n)
{
    return (n + 9u + 63u) / 64u * log->cost.hash_block;
}

static int hash_short(const dura_crypto *c, dura_hash_state *h, uint8_t prefix,
                      const uint8_t *in, size_t n, uint8_t out[32])
{
    int rc = c->hash_init(c->user, h);
    if (rc == 0)
        rc = c->hash_update(c->user, h, &prefix, 1);
    if (rc == 0)
        rc = c->hash_update(c->user, h, in, n);
    return rc == 0 ? c->hash_final(c->user, h, out) : rc;
}

int durai_log_node(void *ctx, const uint8_t left[32], const uint8_t right[32], uint8_t out[32])
{
    dura_log *log = (dura_log *)ctx;
    const dura_crypto *c = log->crypto;
    uint8_t *pair = log->scratch.node.pair;
    const void *in = pair;
    size_t n = sizeof log->scratch.node.pair;
    int rc;

    memcpy(pair, left, 32);
    memcpy(pair + 32, right, 32);
    if (c->hash_many != NULL)
        rc = c->hash_many(c->user, 1, &in, &n, 1, log->scratch.node.out);
    else
        rc = hash_short(c, &log->hash, 1, pair, n, log->scratch.node.out[0]);
    if (rc == 0)                        /* out may be an input that a retry needs */
        memcpy(out, log->scratch.node.out[0], 32);
    return durai_log_hook(log, rc);
}

static uint32_t frame_len(const uint8_t *frame) { return durai_le16(frame + 4); }

static uint32_t frame_size(const durai_log_side *s, const uint8_t *frame)
{
    return durai_log_up(DURAI_FRAME_HEAD + frame_len(frame), s->align);
}

static uint32_t budget_left(const dura_log *log)
{
    if (log->budget == UINT32_MAX)
        return log->budget;
    return log->spent < log->budget ? log->budget - log->spent : 0;
}

/* Hash n more bytes of the record at hash_pos; the last ones finish the leaf. */
static int leaf_piece(dura_log *log, const uint8_t *record, uint32_t len, uint32_t n)
{
    const dura_crypto *c = log->crypto;
    const uint8_t leaf_prefix = 0;
    uint32_t done = log->hash_pos > 0 ? log->hash_pos - 1u : 0;
    int rc = 0;

    DURA_ASSERT(done + n <= len);
    if (log->hash_pos == 0) {
        rc = c->hash_init(c->user, &log->hash);
        if (rc == 0)
            rc = c->hash_update(c->user, &log->hash, &leaf_prefix, 1);
    }
    if (rc == 0)
        rc = c->hash_update(c->user, &log->hash, record + done, n);
    if (rc == 0 && done + n == len)
        rc = c->hash_final(c->user, &log->hash, log->phase.leaf[0]);
    if (rc == 0 && done + n == len)
        log->n_leaf = 1;
    log->hash_pos = rc == 0 && done + n < len ? done + n + 1u : 0;  /* failed: from the start */
    return durai_log_hook(log, rc);
}

/* Step: the next leaf through the streaming hash, as much of it as the budget allows. */
static DURAI_NOINLINE int leaf_stream(dura_log *log, const durai_log_side *s)
{
    const uint8_t *f = s->buf + s->hashed;
    uint32_t len = frame_len(f), done = log->hash_pos > 0 ? log->hash_pos - 1u : 0;
    uint32_t blocks = budget_left(log) / log->cost.hash_block, n = len - done;
    int rc;

    if (blocks == 0)
        blocks = 1;
    if (n > 54u && n - 54u > (uint64_t)(blocks - 1u) * 64u)  /* 10 of 64: prefix and padding */
        n = 54u + (blocks - 1u) * 64u;
    if (!durai_log_afford(log, hash_cost(log, n + 1u)))
        return DURAI_WAIT;
    rc = leaf_piece(log, f + DURAI_FRAME_HEAD, len, n);
    return rc < 0 ? rc : DURAI_MORE;
}

/* Step: as many leaves as the budget allows through hash_many; DONE when not even one. */
static int leaf_batch(dura_log *log, const durai_log_side *s)
{
    const dura_crypto *c = log->crypto;
    const void **in = log->scratch.lanes.in;
    size_t *len = log->scratch.lanes.len;
    uint32_t at = s->hashed, n = 0, cost = 0, left = budget_left(log);
    int rc;

    while (n < DURAI_LANES && at < s->staged) {
        uint32_t one = hash_cost(log, frame_len(s->buf + at) + 1u);
        if (one > left - cost)
            break;
        cost += one;
        in[n] = s->buf + at + DURAI_FRAME_HEAD;
        len[n++] = frame_len(s->buf + at);
        at += frame_size(s, s->buf + at);
    }
    if (n == 0 || !durai_log_afford(log, cost))
        return DURAI_DONE;
    rc = durai_log_hook(log, c->hash_many(c->user, 0, in, len, n, log->phase.leaf));
    if (rc < 0)
        return rc;
    log->n_leaf = (uint8_t)n;
    return DURAI_MORE;
}

/* Step: put the leaves that wait into the tree, node by node. */
static int carry(dura_log *log, durai_log_side *s)
{
    durai_tree *t = &s->tree;
    uint8_t *node = log->phase.leaf[log->leaf_at];

    DURA_ASSERT(log->leaf_at < log->n_leaf && log->n_leaf <= DURAI_LANES);
    for (; (t->size >> log->leaf_level) & 1u; log->leaf_level++) {
        int rc;
        if (!durai_log_afford(log, hash_cost(log, 65)))
            return DURAI_WAIT;
        rc = durai_log_node(log, t->peak[log->leaf_level], node, node);
        if (rc < 0)
            return rc;
    }
    DURA_ASSERT(log->leaf_level < t->height);
    memcpy(t->peak[log->leaf_level], node, 32);
    t->size++;
    s->hashed += frame_size(s, s->buf + s->hashed);
    DURA_ASSERT(s->hashed <= s->staged);
    log->leaf_level = 0;
    if (++log->leaf_at == log->n_leaf)
        log->leaf_at = log->n_leaf = 0;
    return DURAI_MORE;
}

int durai_log_hash(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];
    int rc = DURAI_DONE;

    DURA_ASSERT(log->hash_pos == 0 || log->leaf_side == i);
    DURA_ASSERT(log->n_leaf == 0 || log->leaf_side == i);
    if (log->n_leaf > 0)
        return carry(log, s);
    if (s->hashed == s->staged)
        return DURAI_DONE;
    log->leaf_side = (uint8_t)i;
    if (log->hash_pos == 0 && log->crypto->hash_many != NULL)
        rc = leaf_batch(log, s);
    return rc == DURAI_DONE ? leaf_stream(log, s) : rc;
}

/* ---- prog and sync --------------------------------------------------------------- */

/* After a failed prog: how many bytes of the buffer are in storage already, in whole
 * prog units, into *done. */
static int as_wanted(dura_log *log, const durai_log_side *s, uint64_t at, uint32_t *done)
{
    uint8_t *b = log->scratch.header.part;
    uint32_t pos = 0;

    while (pos < s->staged) {
        uint32_t n = s->staged - pos < 32u ? s->staged - pos : 32u, same = 0;
        int rc = s->region->read(s->region->user, at + pos, b, n);
        if (durai_log_hook(log, rc) < 0)
            return log->last_error;
        while (same < n && b[same] == s->buf[pos + same])
            same++;
        pos += same;
        if (same < n)
            break;
    }
    *done = pos & ~(s->region->prog_size - 1u);
    return DURA_OK;
}

/* Program what the buffer holds. */
static DURAI_NOINLINE int prog_staged(dura_log *log, durai_log_side *s)
{
    uint64_t at = (uint64_t)s->index * log->cfg.segment_bytes + s->end;
    uint32_t done = 0;
    int rc = DURA_OK;

    if (s->failed)
        rc = as_wanted(log, s, at, &done);
    if (rc == DURA_OK && done < s->staged)
        rc = s->region->prog(s->region->user, at + done, s->buf + done, s->staged - done);
    s->failed = rc != 0;
    return durai_log_hook(log, rc);
}

int durai_log_flush(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];
    int rc = durai_log_hash(log, durai_log_hashing(log) ? log->leaf_side : i);

    if (rc != DURAI_DONE)
        return rc;
    if (s->staged == 0)
        return DURAI_DONE;
    DURA_ASSERT(s->staged % s->align == 0 && s->end % s->align == 0);
    DURA_ASSERT(s->end + s->staged <= log->cfg.segment_bytes);
    if (!durai_log_afford(log, log->cost.prog))
        return DURAI_WAIT;
    rc = prog_staged(log, s);
    if (rc < 0)
        return rc;
    s->end += s->staged;
    s->staged = s->hashed = 0;
    s->dirty = 1;
    return DURAI_MORE;
}

static int sync_side(dura_log *log, durai_log_side *s)
{
    if (s->region->sync != NULL) {
        if (!durai_log_afford(log, log->cost.sync))
            return DURAI_WAIT;
        if (durai_log_hook(log, s->region->sync(s->region->user)) < 0)
            return log->last_error;
    }
    s->dirty = 0;
    return DURAI_MORE;
}

int durai_log_commit(dura_log *log)
{
    for (uint32_t i = 0; i < 2; i++) {
        int rc = durai_log_flush(log, i);
        if (rc != DURAI_DONE)
            return rc;
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (log->side[i].dirty)
            return sync_side(log, &log->side[i]);
    }
    log->durable = log->gseq;
    log->uncommitted = 0;
    return DURAI_DONE;
}

/* ---- a new segment --------------------------------------------------------------- */

int durai_log_open(dura_log *log, uint32_t i)
{
    DURA_ASSERT(log->seg == DURAI_SEG_NONE);
    log->seg = DURAI_SEG_COMMIT;
    log->seg_side = (uint8_t)i;
    return DURAI_MORE;
}

static uint32_t peaks_of(uint64_t size)
{
    uint32_t n = 0;
    for (; size != 0; size &= size - 1u)
        n++;
    return n;
}

/* The tree's peak that stands at place n in a header: largest first. */
static const uint8_t *peak_at(const durai_tree *t, uint32_t n)
{
    uint32_t level = 63;
    for (;; level--) {
        if (((t->size >> level) & 1u) && n-- == 0)
            return t->peak[level];
        DURA_ASSERT(level > 0);
    }
}

/* The header's bytes up to the peaks, into the scratch; returns the CRC over all. */
static uint32_t header_fixed(dura_log *log, const durai_log_side *s, uint32_t n_peaks)
{
    uint8_t *h = log->scratch.header.fixed;
    uint32_t crc;

    durai_put32(h, DURAI_SEG_MAGIC);
    durai_put16(h + 4, 1);
    h[6] = (uint8_t)(log->seg_side + 1u);
    h[7] = (uint8_t)n_peaks;
    durai_put32(h + 8, s->next);
    durai_put32(h + 12, log->seg_generation);
    durai_put64(h + 16, s->seq);
    durai_put64(h + 24, log->gseq);
    durai_put32(h + 32, s->epoch);
    durai_put32(h + 36, log->cfg.segment_bytes);
    durai_put64(h + 40, s->end);
    memcpy(h + 48, log->origin, 16);
    durai_put32(h + 64, s->align);
    crc = durai_crc32c(0, h, DURAI_SEG_FIXED);
    for (uint32_t n = 0; n < n_peaks; n++)
        crc = durai_crc32c(crc, peak_at(&s->tree, n), 32);
    return crc;
}

/* Bytes [from, from + n) of the header, zeros behind its end, into the side's buffer: it
 * is empty, and smaller than a header with many peaks may be. */
static void header_piece(dura_log *log, durai_log_side *s, uint32_t from, uint32_t n)
{
    uint32_t n_peaks = peaks_of(s->tree.size), peaks_end = DURAI_SEG_FIXED + 32u * n_peaks;
    uint32_t crc = header_fixed(log, s, n_peaks);

    DURA_ASSERT(s->staged == 0 && n <= s->cap && s->tree.size == s->seq);
    for (uint32_t at = from; at < from + n; at++) {
        uint8_t v = 0;
        if (at < DURAI_SEG_FIXED)
            v = log->scratch.header.fixed[at];
        else if (at < peaks_end)
            v = peak_at(&s->tree, (at - DURAI_SEG_FIXED) / 32u)[(at - DURAI_SEG_FIXED) % 32u];
        else if (at < peaks_end + 4u)
            v = (uint8_t)(crc >> (8u * (at - peaks_end)));
        s->buf[at - from] = v;
    }
}

static uint32_t header_bytes(const durai_log_side *s)
{
    return durai_log_up(DURAI_SEG_FIXED + 32u * peaks_of(s->tree.size) + 4u, s->align);
}

/* Step: program the next piece of the header. */
static DURAI_NOINLINE int header_prog(dura_log *log, durai_log_side *s)
{
    uint32_t n = header_bytes(s) - log->seg_pos;
    uint64_t at = (uint64_t)s->next * log->cfg.segment_bytes + log->seg_pos;

    if (n > s->cap)
        n = s->cap;
    if (!durai_log_afford(log, log->cost.prog))
        return DURAI_WAIT;
    header_piece(log, s, log->seg_pos, n);
    if (durai_log_hook(log, s->region->prog(s->region->user, at, s->buf, n)) < 0) {
        log->seg = DURAI_SEG_ERASE;     /* nobody knows how far it came */
        log->seg_pos = 0;
        return log->last_error;
    }
    log->seg_pos += n;
    if (log->seg_pos == header_bytes(s))
        log->seg = DURAI_SEG_SYNC;
    return DURAI_MORE;
}

/* Segments a region has. */
static uint64_t segments(const dura_log *log, const durai_log_side *s)
{
    return s->region->size / log->cfg.segment_bytes;
}

int durai_log_beyond(const dura_log *log, const durai_log_side *s, uint32_t size, uint32_t kept)
{
    uint32_t fits = s->end + s->staged + size <= log->cfg.segment_bytes;
    return (fits ? s->index : s->next) + (uint64_t)kept >= segments(log, s);
}

void durai_log_space(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];
    uint32_t warn = log->cfg.warn_permille;

    s->full = (uint8_t)durai_log_beyond(log, s, 0, log->cfg.reserve_segments);
    if (s->warn == DURAI_WARN_NONE && warn != 0 && (s->index + 1u) * (uint64_t)1000 >= warn * segments(log, s))
        s->warn = DURAI_WARN_DUE;
}

/* Step: both logs durable, then make sure there is a next segment and what it held. */
static int segment_commit(dura_log *log, durai_log_side *s)
{
    durai_log_header *old = &log->phase.walk.other;
    int rc = durai_log_commit(log);

    if (rc != DURAI_DONE)
        return rc;
    if (s->next >= segments(log, s)) {
        log->seg = DURAI_SEG_NONE;      /* the other log is not full */
        return DURA_EFULL;
    }
    rc = durai_log_read_header(log, log->seg_side, s->next, old, 0);
    if (rc < 0 && rc != DURA_EINVAL && rc != DURA_EVERSION)
        return rc;
    log->seg_generation = rc == DURA_OK ? old->generation + 1u : 1u;
    log->seg_pos = 0;
    log->seg = DURAI_SEG_ERASE;
    return DURAI_MORE;
}

/* Step: erase one block. Always, and synced before the header is programmed: a header
 * that survives a power cut must never stand before what an erase did not reach. */
static int segment_erase(dura_log *log, durai_log_side *s)
{
    uint64_t at = (uint64_t)s->next * log->cfg.segment_bytes + log->seg_pos;

    if (!durai_log_afford(log, log->cost.prog))
        return DURAI_WAIT;
    if (durai_log_hook(log, s->region->erase(s->region->user, at, s->region->erase_size)) < 0)
        return log->last_error;
    log->seg_pos += s->region->erase_size;
    if (log->seg_pos >= log->cfg.segment_bytes) {
        log->seg_pos = 0;
        log->seg = DURAI_SEG_BLANK;
    }
    return DURAI_MORE;
}

/* The header is durable: frames go into the new segment from now on. */
static void segment_enter(dura_log *log, durai_log_side *s)
{
    s->index = s->next++;
    s->generation = log->seg_generation;
    s->end = header_bytes(s);
    log->seg = DURAI_SEG_NONE;
    durai_log_space(log, log->seg_side);
}

int durai_log_segment(dura_log *log)
{
    durai_log_side *s = &log->side[log->seg_side];
    int rc = DURAI_MORE;

    switch (log->seg) {
    case DURAI_SEG_COMMIT:
        return segment_commit(log, s);
    case DURAI_SEG_ERASE:
        return segment_erase(log, s);
    case DURAI_SEG_BLANK:
        rc = sync_side(log, s);
        if (rc == DURAI_MORE)
            log->seg = DURAI_SEG_HEADER;
        return rc;
    case DURAI_SEG_HEADER:
        return header_prog(log, s);
    default:
        DURA_ASSERT(log->seg == DURAI_SEG_SYNC);
        rc = sync_side(log, s);
        if (rc == DURAI_MORE)
            segment_enter(log, s);
        return rc;
    }
}
