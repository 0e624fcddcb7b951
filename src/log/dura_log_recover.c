/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What init() does with regions that hold something. docs/formats/log.md section 5.
 *
 * A segment header carries the tree's peaks and a gseq below which both logs are
 * durable, so the last segment of each log is enough: walk both in the order of gseq and
 * keep the longest dense run. What lies behind it was never promised to anyone, unless
 * something that is only written after a sync (a header, a seal, the provider's epoch)
 * says otherwise: then it is damage and no power cut.
 *
 * Nothing here trusts what it reads: a forged region may make init() refuse or keep
 * nonsense that the verifier then names, but never leave the object's own invariants.
 */
#include "dura_log_priv.h"

#define GSEQ_LIMIT ((uint64_t)1 << 62)     /* above: no honest log; keeps sums in range */

static uint64_t place(const dura_log *log, uint32_t index, uint32_t at)
{
    return (uint64_t)index * log->cfg.segment_bytes + at;
}

static int read_at(dura_log *log, uint32_t i, uint64_t at, void *p, uint32_t n)
{
    const dura_region *r = log->side[i].region;
    return durai_log_hook(log, r->read(r->user, at, p, n));
}

/* ---- segment headers -------------------------------------------------------------- */

/* CRC over p peaks and the value stored behind them. 0 or DURAI_NONE. */
static int header_crc(dura_log *log, uint32_t i, uint64_t at, uint32_t p, uint32_t crc)
{
    uint8_t *b = log->scratch.header.part;

    at += DURAI_SEG_FIXED;
    for (; p > 0; p--) {
        if (read_at(log, i, at, b, 32) < 0)
            return log->last_error;
        crc = durai_crc32c(crc, b, 32);
        at += 32u;
    }
    if (read_at(log, i, at, b, 4) < 0)
        return log->last_error;
    if (durai_le32(b) != crc)
        return DURAI_NONE;
    return DURA_OK;
}

/* Zeros from the CRC's end to where the first frame lies: a header may be torn there. */
static int header_padding(dura_log *log, uint32_t i, uint64_t at, uint32_t n)
{
    uint8_t *b = log->scratch.header.part;

    while (n > 0) {
        uint32_t part = n < 32u ? n : 32u;
        if (read_at(log, i, at, b, part) < 0)
            return log->last_error;
        at += part;
        n -= part;
        while (part-- > 0) {
            if (b[part] != 0)
                return DURAI_NONE;
        }
    }
    return DURA_OK;
}

/* The peaks into the tree; the header was checked. */
static int load_peaks(dura_log *log, uint32_t i, uint64_t at, uint64_t seq)
{
    durai_tree *t = &log->side[i].tree;

    at += DURAI_SEG_FIXED;
    for (uint32_t level = t->height; level-- > 0;) {
        if (((seq >> level) & 1u) == 0)
            continue;
        if (read_at(log, i, at, t->peak[level], 32) < 0)
            return log->last_error;
        at += 32u;
    }
    t->size = seq;
    return DURA_OK;
}

static uint32_t ones(uint64_t v)
{
    uint32_t n = 0;
    for (; v != 0; v &= v - 1u)
        n++;
    return n;
}

int durai_log_read_header(dura_log *log, uint32_t i, uint32_t k, durai_log_header *h, int peaks)
{
    const durai_log_side *s = &log->side[i];
    uint8_t *b = log->scratch.header.fixed;
    uint64_t at = place(log, k, 0);
    uint32_t p, version;
    int rc = read_at(log, i, at, b, DURAI_SEG_FIXED);

    if (rc < 0)
        return rc;
    version = durai_le16(b + 4);
    /* a version torn after its first byte is no later version: those avoid 0, 1, 0xFF */
    if (durai_le32(b) != DURAI_SEG_MAGIC || b[4] == 0x00 || b[4] == 0xFF ||
        (b[4] == 1 && version != 1))
        return DURAI_NONE;
    if (version != 1)
        return DURA_EVERSION;
    p = b[7];
    h->seq = durai_le64(b + 16);
    h->gseq = durai_le64(b + 24);
    h->prev_end = durai_le64(b + 40);
    h->epoch = durai_le32(b + 32);
    h->generation = durai_le32(b + 12);
    h->bytes = durai_log_up(DURAI_SEG_FIXED + 32u * p + 4u, s->align);
    memcpy(h->origin, b + 48, sizeof h->origin);
    if (b[6] != i + 1u || p > 40u || p != ones(h->seq) || durai_le32(b + 8) != k)
        return DURAI_NONE;
    if (h->seq > h->gseq || h->gseq > GSEQ_LIMIT || h->prev_end > log->cfg.segment_bytes)
        return DURAI_NONE;
    rc = header_crc(log, i, at, p, durai_crc32c(0, b, DURAI_SEG_FIXED));
    if (rc != DURA_OK)
        return rc;
    if (durai_le32(b + 36) != log->cfg.segment_bytes || durai_le32(b + 64) != s->align ||
        h->seq >= (uint64_t)1 << log->cfg.tree_height)
        return DURA_EINVAL;
    p = DURAI_SEG_FIXED + 32u * p + 4u;
    rc = header_padding(log, i, at + p, h->bytes - p);
    if (rc != DURA_OK)
        return rc;
    return peaks ? load_peaks(log, i, at, h->seq) : DURA_OK;
}

/* ---- blank or not ----------------------------------------------------------------- */

/* 1: all bytes of [from, to) of segment k have one value, 0x00 or 0xFF, so they were
 * never programmed or might as well not have been. 0: no. Reads through the buffer. */
static int blank(dura_log *log, uint32_t i, uint32_t k, uint32_t from, uint32_t to)
{
    durai_log_side *s = &log->side[i];
    uint8_t value = 0;

    DURA_ASSERT(s->staged == 0);
    for (uint32_t at = from; at < to;) {
        uint32_t n = to - at < s->cap ? to - at : s->cap;
        if (read_at(log, i, place(log, k, at), s->buf, n) < 0)
            return log->last_error;
        if (at == from)
            value = s->buf[0];
        if (s->buf[0] != value || memcmp(s->buf, s->buf + 1, n - 1u) != 0)
            return 0;                    /* each byte is like the one before it */
        at += n;
    }
    return value == 0x00 || value == 0xFF;
}

/* H of the bytes from `at` to the end of the segment, as they are. */
static int digest_rest(dura_log *log, uint32_t i, uint32_t at, uint8_t out[32])
{
    const dura_crypto *c = log->crypto;
    durai_log_side *s = &log->side[i];
    int rc = c->hash_init(c->user, &log->hash);

    while (rc == 0 && at < log->cfg.segment_bytes) {
        uint32_t left = log->cfg.segment_bytes - at, n = left < s->cap ? left : s->cap;
        rc = s->region->read(s->region->user, place(log, s->index, at), s->buf, n);
        if (rc == 0)
            rc = c->hash_update(c->user, &log->hash, s->buf, n);
        at += n;
    }
    if (rc == 0)
        rc = c->hash_final(c->user, &log->hash, out);
    return durai_log_hook(log, rc);
}

/* ---- frames ------------------------------------------------------------------------ */

/* What recovery wants from a record: keys 3..6 and 11, 16 and 22 of a SEAL, 16 of a
 * RECOVER. p holds the whole record or at least its first DURAI_SEAL_MAX bytes. */
static int take_key(durai_log_cursor *c, uint64_t key, const durai_item *it, uint32_t i)
{
    uint64_t v = it->v;

    if (key <= 11u && it->type != DURAI_CBOR_UINT)
        return DURA_ECORRUPT;
    if ((key == 1 && v != 1) || (key == 2 && v != i + 1u) || (key == 6 && v > INT64_MAX) ||
        (key == 5 && v > UINT32_MAX) || (key == 11 && v > UINT16_MAX) ||
        (key == 4 && v >= GSEQ_LIMIT))
        return DURA_ECORRUPT;
    if (key == 3)
        c->seq = v;
    else if (key == 4)
        c->gseq = v;
    else if (key == 5)
        c->boot = (uint32_t)v;
    else if (key == 6)
        c->mono = (int64_t)v;
    else if (key == 11)
        c->kind = (uint16_t)v;
    else if (key == 16 && c->kind == DURA_REC_SEAL)
        c->epoch = (uint32_t)(v < UINT32_MAX ? v : UINT32_MAX - 1u);
    else if (key == 16 && c->kind == DURA_REC_RECOVER)
        c->cause = (uint8_t)(v < 255u ? v : 255u);
    else if (key == 22 && c->kind == DURA_REC_SEAL)
        c->final = it->type == DURAI_CBOR_SIMPLE && v == 21u;
    return DURA_OK;
}

static int parse(dura_log *log, uint32_t i, const uint8_t *p, uint32_t n)
{
    durai_log_cursor *c = &log->phase.walk.cursor[i];
    durai_cbor_in *in = &log->scratch.record.in;
    durai_item *key = &log->scratch.record.key, *value = &log->scratch.record.value;
    uint32_t seen = 0;

    c->kind = 0;
    c->final = c->cause = 0;
    c->epoch = 0;
    durai_cbor_open(in, p, n);
    if (durai_cbor_next(in, key) != 0 || key->type != DURAI_CBOR_MAP)
        return DURA_ECORRUPT;
    for (uint64_t left = key->v; left > 0; left--) {
        if (durai_cbor_next(in, key) != 0 || key->type != DURAI_CBOR_UINT ||
            durai_cbor_next(in, value) != 0 || take_key(c, key->v, value, i) != 0)
            return DURA_ECORRUPT;
        if (key->v < 12u)
            seen |= 1u << key->v;
        if (key->v >= 11u && c->kind != DURA_REC_SEAL && c->kind != DURA_REC_RECOVER)
            break;                       /* the caller's pairs: not recovery's business */
        if (c->kind == DURA_REC_RECOVER && key->v >= 16u)
            break;
    }
    return (seen & 0x87Eu) == 0x87Eu ? DURA_OK : DURA_ECORRUPT;  /* keys 1..6 and 11 */
}

/* Read the record and its padding behind `at`: CRC, leaf hash, padding, keys. */
static int look_record(dura_log *log, uint32_t i, uint32_t at, uint32_t len, uint32_t crc[2])
{
    const dura_crypto *k = log->crypto;
    durai_log_side *s = &log->side[i];
    durai_log_cursor *c = &log->phase.walk.cursor[i];
    const uint8_t zero = 0;
    uint32_t total = c->size - DURAI_FRAME_HEAD, done = 0;
    int rc = k->hash_init(k->user, &log->hash);

    if (rc == 0)
        rc = k->hash_update(k->user, &log->hash, &zero, 1);
    while (rc == 0 && done < total) {
        uint32_t n = total - done < s->cap ? total - done : s->cap;
        uint32_t of_record = done >= len ? 0 : len - done < n ? len - done : n;
        rc = s->region->read(s->region->user, place(log, s->index, at + done), s->buf, n);
        if (rc == 0 && of_record > 0)
            rc = k->hash_update(k->user, &log->hash, s->buf, of_record);
        if (rc != 0)
            break;
        crc[0] = durai_crc32c(crc[0], s->buf, of_record);
        for (uint32_t j = of_record; j < n; j++) {
            if (s->buf[j] != 0)
                c->size = 0;             /* torn inside the padding */
        }
        if (done == 0 && parse(log, i, s->buf, of_record) != 0)
            c->size = 0;
        done += n;
    }
    if (rc == 0)
        rc = k->hash_final(k->user, &log->hash, c->leaf);
    if (crc[0] != crc[1])
        c->size = 0;
    return durai_log_hook(log, rc);
}

/* Look at what lies at the side's end: log->phase.walk.cursor[i], size 0 when that is no whole
 * frame that can come next in this log. */
static DURAI_NOINLINE int look(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];
    durai_log_cursor *c = &log->phase.walk.cursor[i];
    uint8_t *f = log->scratch.frame, generation[4];
    uint32_t len, gseq, crc[2];
    int rc;

    c->size = 0;
    if (s->end + DURAI_FRAME_HEAD >= s->limit)
        return DURA_OK;
    if (read_at(log, i, place(log, s->index, s->end), f, DURAI_FRAME_HEAD) < 0)
        return log->last_error;
    len = durai_le16(f + 4);
    if (durai_le32(f) != DURAI_FRAME_MAGIC || len == 0 || f[6] != i + 1u || f[7] != 0 ||
        durai_log_up(DURAI_FRAME_HEAD + len, s->align) > s->limit - s->end)
        return DURA_OK;
    c->size = durai_log_up(DURAI_FRAME_HEAD + len, s->align);
    durai_put32(generation, s->generation);
    crc[0] = durai_crc32c(durai_crc32c(0, generation, 4), f, 12);
    crc[1] = durai_le32(f + 12);
    gseq = durai_le32(f + 8);           /* f is gone when the record was read */
    rc = look_record(log, i, s->end + DURAI_FRAME_HEAD, len, crc);
    if (c->size != 0 && (c->seq != s->seq || (uint32_t)c->gseq != gseq))
        c->size = 0;
    return rc;
}

/* Keep the frame looked at, and look at the one behind it. */
static int keep(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];
    durai_log_cursor *c = &log->phase.walk.cursor[i];
    int rc = durai_tree_add(&s->tree, c->leaf, durai_log_node, log);

    if (rc < 0)
        return rc;
    s->seq++;
    s->end += c->size;
    s->final = c->kind == DURA_REC_SEAL && c->final;
    if (c->kind == DURA_REC_SEAL)
        s->epoch = c->epoch + 1u;
    if (log->unsealed < UINT32_MAX)
        log->unsealed++;
    if (c->kind == DURA_REC_SEAL && i == 1)
        log->unsealed = 0;
    if (c->boot > log->boot) {
        log->boot = log->now.boot = c->boot;
        log->now.mono_ns = c->mono;
    } else if (c->boot == log->now.boot && c->mono > log->now.mono_ns) {
        log->now.mono_ns = c->mono;
    }
    return look(log, i);
}

/* ---- which segments ---------------------------------------------------------------- */

/* Count segments up to the highest valid header. Above it, DURAI_LOG_HOLE blank header
 * places in a row end the search: segments are used in order. */
static DURAI_NOINLINE int find_last(dura_log *log, uint32_t i, uint32_t *n)
{
    durai_log_side *s = &log->side[i];
    uint64_t all = s->region->size / log->cfg.segment_bytes;
    uint32_t hole = 0;

    *n = 0;
    for (uint32_t k = 0; k < all && k < UINT32_MAX && hole < DURAI_LOG_HOLE; k++) {
        int rc = durai_log_read_header(log, i, k, &log->phase.walk.other, 0);
        if (rc == DURA_OK) {
            *n = k + 1u;
            hole = 0;
            continue;
        }
        if (rc != DURAI_NONE)
            return rc;
        rc = blank(log, i, k, 0, DURAI_SEG_FIXED + 4u);
        if (rc < 0)
            return rc;
        hole = rc ? hole + 1u : 0;
        if (!rc && k > 0)
            s->stray = 1;
    }
    return DURA_OK;
}

/* Stand behind the header of segment k. */
static int enter(dura_log *log, uint32_t i, uint32_t k, durai_log_header *h)
{
    durai_log_side *s = &log->side[i];
    int rc = durai_log_read_header(log, i, k, h, 1);

    if (rc < 0)
        return rc;
    s->index = k;
    s->next = k + 1u;
    s->generation = h->generation;
    s->end = h->bytes;
    s->limit = log->cfg.segment_bytes;
    s->seq = h->seq;
    s->epoch = h->epoch < UINT32_MAX ? h->epoch : UINT32_MAX - 1u;
    return look(log, i);
}

/* Largest place a first own record can take behind a header of `bytes`. */
static uint32_t behind_first(const dura_log *log, uint32_t i, uint32_t bytes)
{
    uint32_t to = bytes + durai_log_up(DURAI_FRAME_HEAD + DURAI_OWN_MAX, log->side[i].align);
    return to < log->cfg.segment_bytes ? to : log->cfg.segment_bytes;
}

/* A cut between the header of a segment and the RECOVER record it was begun for leaves
 * a segment with no frame behind one with bytes nobody accounts for. Then stand in the
 * older one again: the debt is found there anew, and the new segment erased. Frames that
 * were given up stay so: their numbers may have been used again in the other log. */
static int step_back(dura_log *log, uint32_t i, uint32_t k, const durai_log_header *h)
{
    durai_log_header *before = &log->phase.walk.other;
    int rc;

    if (k == 0 || log->phase.walk.cursor[i].size != 0)
        return DURA_OK;
    rc = blank(log, i, k, behind_first(log, i, h->bytes), log->cfg.segment_bytes);
    if (rc <= 0)
        return rc;
    rc = blank(log, i, k - 1u, (uint32_t)h->prev_end, log->cfg.segment_bytes);
    if (rc != 0 || h->prev_end == log->cfg.segment_bytes)
        return rc < 0 ? rc : DURA_OK;
    rc = durai_log_read_header(log, i, k - 1u, before, 0);
    if (rc == DURAI_NONE || (rc == DURA_OK && h->prev_end < before->bytes))
        return DURA_OK;
    if (rc == DURA_OK)
        rc = enter(log, i, k - 1u, before);
    log->side[i].limit = (uint32_t)h->prev_end;
    return rc == DURA_OK ? look(log, i) : rc;
}

/* 1: nothing but an unfinished beginning, which no record was ever accepted behind. */
static int young(dura_log *log, uint32_t i, uint32_t n)
{
    durai_log_side *s = &log->side[i];
    uint32_t bytes = durai_log_up(DURAI_SEG_FIXED + 4u, s->align);

    if (n > 1 || s->stray)
        return 0;
    return blank(log, i, 0, behind_first(log, i, bytes), log->cfg.segment_bytes);
}

/* ---- the walk ----------------------------------------------------------------------- */

/* Keep the longest run: all below `floor`, which was durable, then dense. */
static DURAI_NOINLINE int walk(dura_log *log, uint64_t floor)
{
    int rc = DURA_OK;

    for (uint32_t i = 0; i < 2 && rc == DURA_OK; i++) {
        uint64_t last = 0;
        while (rc == DURA_OK && log->phase.walk.cursor[i].size != 0 && log->phase.walk.cursor[i].gseq < floor &&
               log->phase.walk.cursor[i].gseq >= last) {
            last = log->phase.walk.cursor[i].gseq + 1u;
            rc = keep(log, i);
        }
    }
    log->gseq = floor;
    while (rc == DURA_OK) {
        uint32_t i = log->phase.walk.cursor[0].size != 0 && log->phase.walk.cursor[0].gseq == log->gseq ? 0 : 1u;
        if (log->phase.walk.cursor[i].size == 0 || log->phase.walk.cursor[i].gseq != log->gseq)
            break;
        if (log->phase.walk.cursor[i].boot < log->boot)
            break;      /* given up before: its number's turn came again in a later boot */
        rc = keep(log, i);
        log->gseq++;
    }
    return rc;
}

/* A seal behind the run: all before it was durable once, so something is missing. */
static int sealed_beyond(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];
    uint32_t end = s->end;
    uint64_t seq = s->seq;
    int rc = DURA_OK;

    while (rc == DURA_OK && log->phase.walk.cursor[i].size != 0) {
        if (log->phase.walk.cursor[i].kind == DURA_REC_SEAL)
            log->damage = 1;
        s->end += log->phase.walk.cursor[i].size;
        s->seq++;
        rc = look(log, i);
    }
    s->end = end;
    s->seq = seq;
    return rc;
}

/* Find the latest segment of a log that begins with a RECOVER of damage. */
static int find_damage(dura_log *log, uint32_t i, durai_log_header *h)
{
    durai_log_side *s = &log->side[i];
    uint64_t seq = s->seq;
    uint32_t index = s->index, generation = s->generation, end = s->end, limit = s->limit;
    int rc = DURAI_NONE;

    for (uint32_t k = index + 1u; k-- > 0 && rc == DURAI_NONE;) {
        rc = durai_log_read_header(log, i, k, h, 0);
        if (rc != DURA_OK)
            continue;
        s->index = k;
        s->generation = h->generation;
        s->end = h->bytes;
        s->limit = log->cfg.segment_bytes;
        s->seq = h->seq;
        rc = look(log, i);
        if (rc == DURA_OK && (log->phase.walk.cursor[i].size == 0 || log->phase.walk.cursor[i].cause != 2))
            rc = DURAI_NONE;
    }
    s->index = index;
    s->generation = generation;
    s->end = end;
    s->limit = limit;
    s->seq = seq;
    return rc;
}

/* Numbers below `floor` that no record has. Those lost by damage that recover records
 * tell of already are no news: the headers of both their segments say how many. */
static int missing(dura_log *log, uint64_t floor)
{
    durai_log_header *h = log->phase.walk.head;
    uint64_t known = 0, have = log->side[0].seq + log->side[1].seq, below = log->gseq - floor;
    int rc = DURA_OK;

    have -= below;
    if (have == floor)
        return DURA_OK;
    for (uint32_t i = 0; i < 2 && rc == DURA_OK; i++)
        rc = find_damage(log, i, &h[i]);
    if (rc == DURA_OK && h[1].gseq == h[0].gseq)
        known = h[0].gseq - h[0].seq - h[1].seq;
    if (rc == DURA_OK || rc == DURAI_NONE)
        log->damage |= have + known != floor;
    return rc == DURAI_NONE ? DURA_OK : rc;
}

/* ---- epochs -------------------------------------------------------------------------- */

/* Bring log and provider together. Cuts leave exactly three pictures: no seal begun,
 * security sealed alone, both sealed and the key not moved on. */
static int epochs(dura_log *log)
{
    uint32_t a = log->side[0].epoch, b = log->side[1].epoch, p = a == b + 1u ? b : a;
    int rc = DURA_OK;

    if (log->signs)
        rc = durai_log_hook(log, log->crypto->key_epoch(log->crypto->user, log->cfg.key_slot, &p));
    log->epoch = p;
    if (a == b && p == a)
        return rc;
    if (a == b + 1u && p == b)
        log->seal = DURAI_SEAL_DECISION;
    else if (a == b && a == p + 1u)
        log->seal = DURAI_SEAL_ADVANCE;
    else {
        log->damage = 1;
        log->side[0].epoch = log->side[1].epoch = p;
    }
    return rc;
}

/* ---- all together --------------------------------------------------------------------- */

/* After the walk: who needs a new segment, where it goes, what the bytes given up were. */
static DURAI_NOINLINE int settle(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];
    int rc = blank(log, i, s->index, s->end, log->cfg.segment_bytes);

    if (rc < 0)
        return rc;
    if (s->end < log->cfg.segment_bytes && !rc)
        s->recover = DURAI_REC_SEGMENT;
    /* a torn header is used again; one that lost its segment's frames is evidence */
    while (s->next < s->region->size / log->cfg.segment_bytes) {
        rc = blank(log, i, s->next, 0, DURAI_SEG_FIXED + 4u);
        if (rc == 0)
            rc = blank(log, i, s->next,
                       behind_first(log, i, durai_log_up(DURAI_SEG_FIXED + 4u + 32u * ones(s->seq),
                                                         s->align)),
                       log->cfg.segment_bytes);
        if (rc != 0)
            break;
        log->damage = 1;
        s->next++;
    }
    return rc < 0 ? rc : DURA_OK;
}

static DURAI_NOINLINE int give_up(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];

    if (log->damage)
        s->recover = DURAI_REC_SEGMENT;
    s->dirty = 1;                       /* what was read may not have been synced yet */
    if (s->recover == DURAI_REC_NONE)
        return DURA_OK;
    s->lost_index = s->index;
    s->lost_at = s->end;
    log->lost_bytes += log->cfg.segment_bytes - s->end;
    return digest_rest(log, i, s->end, log->root[i]);
}

/* Both headers of the last segments, and stand behind them. */
static DURAI_NOINLINE int enter_both(dura_log *log, const uint32_t n[2], uint64_t *floor)
{
    durai_log_header *h = log->phase.walk.head;
    int rc = DURA_OK;

    *floor = 0;
    for (uint32_t i = 0; i < 2 && rc == DURA_OK; i++) {
        rc = enter(log, i, n[i] - 1u, &h[i]);
        if (rc == DURA_OK && h[i].gseq > *floor)
            *floor = h[i].gseq;
        if (rc == DURA_OK)
            rc = step_back(log, i, n[i] - 1u, &h[i]);
    }
    if (rc == DURA_OK && memcmp(h[0].origin, h[1].origin, sizeof h[0].origin) != 0)
        return DURA_ECORRUPT;
    memcpy(log->origin, h[0].origin, sizeof log->origin);
    return rc;
}

/* Whether the regions are blank or hold no more than an unfinished beginning: 1, 0. */
static int fresh(dura_log *log, const uint32_t n[2])
{
    int rc = young(log, 0, n[0]);
    if (rc > 0)
        rc = young(log, 1, n[1]);
    if (rc > 0 && n[0] == 1 && n[1] == 1) {   /* both genesis records: it is finished */
        uint64_t floor;
        rc = enter_both(log, n, &floor);
        if (rc == DURA_OK)
            rc = log->phase.walk.cursor[0].size == 0 || log->phase.walk.cursor[1].size == 0;
    }
    return rc;
}

/* A beginning: nothing was accepted yet. A provider further than epoch 0 knew a log. */
static int begin(dura_log *log)
{
    for (uint32_t i = 0; i < 2; i++) {
        durai_log_side *s = &log->side[i];
        s->seq = s->tree.size = 0;
        s->index = s->next = s->end = 0;
        s->dirty = 0;
    }
    log->found = DURA_LOG_FRESH;
    log->epoch = 0;
    log->boot = log->now.boot = 0;
    log->now.mono_ns = 0;
    if (log->signs &&
        durai_log_hook(log, log->crypto->key_epoch(log->crypto->user, log->cfg.key_slot, &log->epoch)) < 0)
        return log->last_error;
    log->side[0].epoch = log->side[1].epoch = log->epoch;
    if (log->epoch != 0)
        log->found = DURA_LOG_DAMAGED;
    return DURAI_NONE;
}

int durai_log_recover(dura_log *log)
{
    uint32_t n[2];
    uint64_t floor;
    int rc = find_last(log, 0, &n[0]);

    if (rc == DURA_OK)
        rc = find_last(log, 1, &n[1]);
    if (rc == DURA_OK)
        rc = fresh(log, n);
    if (rc != 0)
        return rc < 0 ? rc : begin(log);
    if (n[0] == 0 || n[1] == 0)
        return DURA_ECORRUPT;
    rc = enter_both(log, n, &floor);
    /* Of what lies before the segments that are read nobody knows that it is sealed: a box that
     * is switched off again and again must not put the seal off for ever. */
    log->unsealed = floor == 0 ? 1u : floor < UINT32_MAX ? (uint32_t)floor : UINT32_MAX;
    if (rc == DURA_OK)
        rc = walk(log, floor);
    log->damage |= log->gseq < 2;        /* both genesis records were durable */
    if (rc == DURA_OK)
        rc = missing(log, floor);
    for (uint32_t i = 0; i < 2 && rc == DURA_OK; i++)
        rc = look(log, i);
    for (uint32_t i = 0; i < 2 && rc == DURA_OK; i++)
        rc = sealed_beyond(log, i);
    if (rc == DURA_OK)
        rc = epochs(log);
    for (uint32_t i = 0; i < 2 && rc == DURA_OK; i++)
        rc = settle(log, i);
    for (uint32_t i = 0; i < 2 && rc == DURA_OK; i++)
        rc = give_up(log, i);
    log->found = DURA_LOG_CUT;
    if (log->damage)
        log->found = DURA_LOG_DAMAGED;
    else if (log->side[0].final && log->side[1].final &&
             log->side[0].recover + log->side[1].recover == 0)
        log->found = DURA_LOG_CLOSED;
    return rc;
}

/* The RECOVER record, first in its new segment. */
static void put_recover(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];
    durai_cbor c;

    durai_log_begin(log, i, &c, NULL, DURA_REC_RECOVER, 5);
    durai_cbor_kuint(&c, 16, log->damage ? 2u : 1u);
    durai_cbor_kuint(&c, 17, s->lost_index);
    durai_cbor_kuint(&c, 18, s->lost_at);
    durai_cbor_kuint(&c, 19, log->cfg.segment_bytes - s->lost_at);
    durai_cbor_kbytes(&c, 20, log->root[i], 32);
    DURA_ASSERT(c.err == 0 && c.len <= DURAI_OWN_MAX);
    durai_log_put(log, i, (uint32_t)c.len);
    s->recover = DURAI_REC_NONE;
}

int durai_log_recovered(dura_log *log)
{
    int rc = durai_log_commit(log);

    /* Both headers before any record: a number may only be used again when the frames
     * that had it are given up for good. */
    for (uint32_t i = 0; i < 2 && rc == DURAI_DONE; i++) {
        if (log->side[i].recover == DURAI_REC_SEGMENT) {
            log->side[i].recover = DURAI_REC_RECORD;
            return durai_log_open(log, i);
        }
    }
    /* One log after the other: a RECOVER may only be found when the one before it is. */
    for (uint32_t i = 0; i < 2 && rc == DURAI_DONE; i++) {
        if (log->side[i].recover == DURAI_REC_RECORD) {
            put_recover(log, i);
            return DURAI_MORE;
        }
    }
    return rc;
}
