/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's public calls: memory, rings, drops, encoding, and the order of work.
 *
 * Producers only ever touch a ring and, when it is full, their own drop counters under
 * a sequence lock. Everything else belongs to the worker, which asks one question again
 * and again: what is the next single hook call that has to happen? Unfinished work
 * first (a leaf, a segment, recovery, a seal), then what is due (commit, seal), then
 * new records. So a budget of 1 and no budget write the same bytes.
 */
#include "dura_log_priv.h"

/* Frozen v1 sizes of what callers hand in. */
enum { V1_CONFIG = offsetof(dura_log_config, noted), V1_ENTRY = 64, V1_STATUS = 112 };
enum { NS_PER_MS = 1000000 };

/* ---- configuration and memory ------------------------------------------------------ */

static int power_of_two(uint64_t v) { return v != 0 && (v & (v - 1u)) == 0; }

static uint32_t align_of(const dura_region *r)
{
    return r != NULL && r->prog_size > 8u ? r->prog_size : 8u;
}

static void set_default(uint32_t *field, uint32_t value)
{
    if (*field == 0)
        *field = value;
}

static void config_defaults(dura_log_config *c, uint32_t prog_size)
{
    if (c->n_rings == 0)
        c->n_rings = 2;
    if (c->max_record == 0)
        c->max_record = 512;
    set_default(&c->ring_bytes, 4096);
    set_default(&c->buffer_bytes, 2u * (c->max_record + 32u + prog_size));
    set_default(&c->segment_bytes, 65536);
    set_default(&c->commit_records, 1);
    set_default(&c->seal_records, 1024);
    set_default(&c->tree_height, 32);
}

static int region_fits(const dura_log_config *c, const dura_region *r)
{
    return r->struct_size >= sizeof *r && power_of_two(r->prog_size) && r->prog_size <= 4096u &&
           power_of_two(r->erase_size) && r->erase_size >= 64u &&
           r->prog_size <= r->erase_size && r->erase_size <= c->segment_bytes &&
           r->size >= (c->reserve_segments + 1u) * (uint64_t)c->segment_bytes;
}

/* Ranges, and that a segment holds its header and any record. */
static int config_fits(const dura_log_config *c, uint32_t prog_size)
{
    uint32_t align = prog_size > 8u ? prog_size : 8u;

    if (c->warn_permille > 1000u || c->when_full > DURA_LOG_FULL_DROP)
        return 0;
    if (c->n_rings > DURA_LOG_RINGS_MAX || c->max_record < 256u || c->tree_height < 8u ||
        c->tree_height > 40u)
        return 0;
    if (!power_of_two(c->ring_bytes) || c->ring_bytes < 256u || c->ring_bytes > 1u << 24)
        return 0;
    if (!power_of_two(c->segment_bytes) || c->segment_bytes < 4096u ||
        c->segment_bytes > 1u << 30 || c->buffer_bytes > 1u << 30)
        return 0;
    return c->buffer_bytes >= c->max_record + 32u + prog_size &&
           (c->buffer_bytes & ~(align - 1u)) >= durai_log_up(c->max_record + 16u, align) &&
           c->segment_bytes >= durai_log_up(DURAI_SEG_FIXED + 32u * c->tree_height + 4u, align) +
                                   durai_log_up(c->max_record + 16u, align);
}

/* Their config into ours, defaults filled in, checked. DURA_OK, EINVAL, EVERSION. */
static int config_in(dura_log_config *c, const dura_log_config *cfg, const dura_port *port)
{
    uint32_t prog_size = 1;
    int rc;

    if (cfg == NULL)
        return DURA_EINVAL;
    rc = durai_struct_in(c, (uint32_t)sizeof *c, cfg, cfg->struct_size, V1_CONFIG);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; port != NULL && i < 2u; i++) {
        const dura_region *r = port->region[DURA_REGION_SECURITY + i];
        if (r != NULL && r->prog_size > prog_size)
            prog_size = r->prog_size;
    }
    if (prog_size > 4096u)
        return DURA_EINVAL;
    config_defaults(c, prog_size);
    if (!config_fits(c, prog_size))
        return DURA_EINVAL;
    for (uint32_t i = 0; port != NULL && i < 2u; i++) {
        const dura_region *r = port->region[DURA_REGION_SECURITY + i];
        if (r != NULL && !region_fits(c, r))
            return DURA_EINVAL;
    }
    return DURA_OK;
}

static size_t up8(size_t n) { return (n + 7u) & ~(size_t)7u; }

static size_t object_bytes(const dura_log_config *c)
{
    return up8(sizeof(dura_log)) + (size_t)c->n_rings * c->ring_bytes +
           2u * up8(c->buffer_bytes) + (c->encode != NULL ? up8(c->max_record) : 0) +
           (size_t)64u * c->tree_height;
}

size_t dura_log_bytes(const dura_log_config *cfg, const dura_port *port)
{
    dura_log_config c;
    return config_in(&c, cfg, port) == DURA_OK ? object_bytes(&c) : 0;
}

static int port_fits(const dura_port *port)
{
    const dura_crypto *k;

    if (port == NULL || port->struct_size < offsetof(dura_port, feature))
        return DURA_EINVAL;
    k = port->crypto;
    if (k == NULL || k->hash_init == NULL || k->hash_update == NULL || k->hash_final == NULL)
        return DURA_ENOTSUP;
    for (uint32_t i = 0; i < 2u; i++) {
        const dura_region *r = port->region[DURA_REGION_SECURITY + i];
        if (r == NULL || r->read == NULL || r->prog == NULL || r->erase == NULL)
            return DURA_ENOTSUP;
    }
    return k->struct_size < sizeof *k ? DURA_EINVAL : DURA_OK;
}

/* Lay the object out in its memory. */
static void carve(dura_log *log, const dura_log_config *c, const dura_port *port)
{
    uint8_t *at = (uint8_t *)log + up8(sizeof *log);

    memset(log, 0, sizeof *log);
    log->cfg = *c;
    log->port = port;
    log->crypto = port->crypto;
    for (uint32_t i = 0; i < 2u; i++) {
        durai_log_side *s = &log->side[i];
        s->region = port->region[DURA_REGION_SECURITY + i];
        s->align = align_of(s->region);
        s->cap = c->buffer_bytes & ~(s->align - 1u);
        s->tree.height = c->tree_height;
        s->tree.peak = (uint8_t(*)[32])(void *)at;
        at += (size_t)32u * c->tree_height;
        s->buf = at;
        at += up8(c->buffer_bytes);
    }
    for (uint32_t r = 0; r < c->n_rings; r++) {
        durai_ring_init(&log->ring[r], at, c->ring_bytes);
        at += c->ring_bytes;
    }
    if (c->encode != NULL)
        log->raw = at;
    DURA_ASSERT((size_t)(at - (uint8_t *)log) <= object_bytes(c));
}

static uint16_t at_least_one(uint16_t v) { return v != 0 ? v : 1u; }

static void take_costs(dura_log *log)
{
    const dura_crypto *k = log->crypto;
    const dura_cost *c = &log->port->cost;

    log->cost.hash_block = at_least_one(c->hash_block);
    log->cost.prog = at_least_one(c->prog);
    log->cost.sync = at_least_one(c->sync);
    log->cost.sign = at_least_one(c->sign);
    log->signs = k->key_epoch != NULL && k->key_public != NULL && k->sign != NULL &&
                 k->key_advance != NULL;
}

/* ---- time and drops ----------------------------------------------------------------- */

/* The caller's clock, but never backwards: records and intervals rely on it. */
static void take_time(dura_log *log, const dura_time *now)
{
    if (now->mono_ns < 0 || now->boot < log->now.boot)
        return;
    if (now->boot > log->now.boot) {      /* intervals do not reach over a boot */
        log->commit_since = log->seal_since = now->mono_ns;
    } else if (now->mono_ns < log->now.mono_ns) {
        return;
    }
    log->now = *now;
}

static int passed(const dura_log *log, int64_t since, uint32_t ms)
{
    return ms != 0 && log->now.mono_ns - since >= (int64_t)ms * NS_PER_MS;
}

static void store64(uint32_t w[2], uint64_t v)
{
    durai_store(&w[0], (uint32_t)v);
    durai_store(&w[1], (uint32_t)(v >> 32));
}

static int64_t load64(const uint32_t w[2])
{
    return (int64_t)(durai_load(&w[0]) | (uint64_t)durai_load(&w[1]) << 32);
}

/* Producer: one more record of this log is lost. */
static DURAI_NOINLINE void count_drop(durai_log_drops *d, uint32_t side, int64_t mono)
{
    uint32_t lock = d->lock;
    DURA_ASSERT(side < 2 && (lock & 1u) == 0);
    durai_store(&d->lock, lock + 1u);
    if (d->count[side] == durai_load(&d->ack[side]))
        store64(d->first[side], (uint64_t)mono);
    store64(d->last[side], (uint64_t)mono);
    durai_store(&d->count[side], d->count[side] + 1u);
    durai_store(&d->lock, lock + 2u);
}

/* Worker: what was lost and not told yet; count 0 also when the producer keeps writing. */
static void read_drops(const durai_log_drops *d, uint32_t side, durai_log_loss *out)
{
    memset(out, 0, sizeof *out);
    if (durai_load(&d->count[side]) == d->ack[side])
        return;
    for (int tries = 0; tries < 8; tries++) {
        uint32_t before = durai_load(&d->lock), count = durai_load(&d->count[side]);
        out->first = load64(d->first[side]);
        out->last = load64(d->last[side]);
        if ((before & 1u) == 0 && durai_load(&d->lock) == before) {
            out->count = count - d->ack[side];
            out->why = DURA_LOST_RING;
            return;
        }
    }
}

/* Worker: a record it cannot write. */
static void refuse(dura_log *log, uint32_t ring, uint32_t side, int64_t mono, uint32_t why)
{
    durai_log_loss *l = &log->refused[ring][side];
    if (l->count++ == 0)
        l->first = mono;
    l->last = mono;
    l->why |= why;
}

static void put_drop(dura_log *log, uint32_t ring, uint32_t i, const durai_log_loss *l)
{
    durai_cbor c;
    durai_log_begin(log, i, &c, NULL, DURA_REC_DROP, 6);
    durai_cbor_kuint(&c, 16, ring);
    durai_cbor_kuint(&c, 17, l->count);
    durai_cbor_kuint(&c, 18, (uint64_t)l->first);
    durai_cbor_kuint(&c, 19, (uint64_t)l->last);
    durai_cbor_kuint(&c, 20, l->why);
    durai_cbor_kuint(&c, 21, durai_load(&log->ring[ring].high_water));
    DURA_ASSERT(c.err == 0 && c.len <= DURAI_OWN_MAX);
    durai_log_put(log, i, (uint32_t)c.len);
    log->dropped += l->count;
}

/* Step: a drop record for what this ring lost of log i. */
static DURAI_NOINLINE int tell_drops(dura_log *log, uint32_t ring, uint32_t i)
{
    durai_log_loss *l = &log->scratch.loss, *mine = &log->refused[ring][i];
    uint32_t of_ring;
    int rc;

    read_drops(&log->drops[ring], i, l);
    if (l->count == 0 && mine->count == 0)
        return DURAI_DONE;
    rc = durai_log_room(log, i, DURAI_OWN_MAX);
    if (rc != DURAI_DONE)
        return rc;
    of_ring = l->count;
    if (mine->count != 0) {
        l->first = of_ring == 0 || mine->first < l->first ? mine->first : l->first;
        l->last = of_ring == 0 || mine->last > l->last ? mine->last : l->last;
        l->count += mine->count;
        l->why |= mine->why;
    }
    put_drop(log, ring, i, l);
    mine->count = mine->why = 0;
    durai_store(&log->drops[ring].ack[i], log->drops[ring].ack[i] + of_ring);
    return DURAI_MORE;
}

/* Step: every loss of every ring is told. */
static DURAI_NOINLINE int tell_all(dura_log *log)
{
    int rc = DURAI_DONE;
    for (uint32_t n = 0; n < 2u * log->cfg.n_rings && rc == DURAI_DONE; n++)
        rc = tell_drops(log, n / 2u, n & 1u);
    return rc;
}

/* Step: the security log says which log is nearly full. */
static DURAI_NOINLINE int tell_space(dura_log *log, uint32_t i)
{
    durai_log_side *s = &log->side[i];
    durai_cbor c;
    int rc = durai_log_room(log, 0, DURAI_OWN_MAX);

    if (rc != DURAI_DONE)
        return rc;
    durai_log_begin(log, 0, &c, NULL, DURA_REC_SPACE, 4);
    durai_cbor_kuint(&c, 16, i + 1u);
    durai_cbor_kuint(&c, 17, (uint64_t)s->index * log->cfg.segment_bytes + s->end + s->staged);
    durai_cbor_kuint(&c, 18, s->region->size);
    durai_cbor_kuint(&c, 19, log->cfg.warn_permille);
    DURA_ASSERT(c.err == 0 && c.len <= DURAI_OWN_MAX);
    durai_log_put(log, 0, (uint32_t)c.len);
    s->warn = DURAI_WARN_TOLD;
    return DURAI_MORE;
}

/* ---- records out of the rings ------------------------------------------------------- */

/* The payload behind the common keys, encoded by the configuration when raw. Returns
 * the pairs, or negative: the record cannot be written. */
static int take_payload(dura_log *log, const durai_ring *r, uint32_t n)
{
    const dura_log_entry *e = &log->scratch.record.entry;
    durai_cbor *c = &log->scratch.record.cbor;
    uint16_t pairs = 0;
    int wrote;

    if (!e->raw) {
        if (n > c->cap - c->len)
            return DURA_ENOSPC;
        durai_ring_peek(r, (uint32_t)sizeof *e, c->p + c->len, n);
        c->len += n;
        return e->n_pairs;
    }
    DURA_ASSERT(log->raw != NULL && n <= log->cfg.max_record);
    durai_ring_peek(r, (uint32_t)sizeof *e, log->raw, n);
    wrote = log->cfg.encode(log->cfg.encode_user, e, log->raw, n, c->p + c->len,
                            c->cap - c->len, &pairs);
    if (wrote < 0 || (size_t)wrote > c->cap - c->len)
        return DURA_ENOSPC;
    c->len += (size_t)wrote;
    return pairs;
}

/* The map's head for `pairs` more pairs than it says now. */
static int fix_head(durai_cbor *c, uint32_t pairs)
{
    uint8_t bytes[5];
    durai_cbor head;

    DURA_ASSERT(c->len >= 1 && (c->p[0] & 0xE0u) == 0xA0u && (c->p[0] & 0x1Fu) <= 11u);
    durai_cbor_init(&head, bytes, sizeof bytes);
    durai_cbor_map(&head, (c->p[0] & 0x1Fu) + pairs);
    if (c->len + head.len - 1u > c->cap)
        return DURA_ENOSPC;
    if (head.len > 1)
        memmove(c->p + head.len, c->p + 1, c->len - 1u);
    memcpy(c->p, bytes, head.len);
    c->len += head.len - 1u;
    return DURA_OK;
}

/* The record made ends with `pairs` pairs in n bytes, in the one allowed encoding. Its
 * length, or 0: a single wrong record would make a verifier refuse the whole log. */
static DURAI_NOINLINE uint32_t checked(dura_log *log, uint32_t n, uint32_t pairs)
{
    const durai_cbor *c = &log->scratch.record.cbor;
    durai_cbor_in *in = &log->scratch.record.in;
    durai_item *key = &log->scratch.record.key;
    uint64_t least = 16;
    int nested = 0;

    durai_cbor_open(in, c->p + c->len - n, n);
    for (; pairs > 0; pairs--) {
        if (durai_cbor_next(in, key) != 0 || key->type != DURAI_CBOR_UINT || key->v < least ||
            key->v == UINT64_MAX || in->p == in->end) /* behind the last key anything would pass */
            return 0;
        least = key->v + 1u;
        nested |= (*in->p & 0xC0u) == 0x80u;             /* an array or a map */
        if (durai_cbor_skip(in) != 0)
            return 0;
    }
    if (in->p != in->end || (nested && durai_cbor_check(c->p, c->len) != 0))
        return 0;
    return (uint32_t)c->len;
}

/* Build the record of a ring's entry in the buffer. *n: bytes of its payload, then of
 * its pairs. Returns how many pairs, or negative: it cannot be written. */
static DURAI_NOINLINE int build(dura_log *log, const durai_ring *r, uint32_t *n)
{
    const dura_log_entry *e = &log->scratch.record.entry;
    durai_cbor *c = &log->scratch.record.cbor;
    size_t common;
    int pairs;

    durai_log_begin(log, e->log - 1u, c, e, e->kind, 0);
    DURA_ASSERT(c->err == 0);
    common = c->len;
    pairs = take_payload(log, r, *n);
    *n = (uint32_t)(c->len - common);
    return pairs >= 0 && fix_head(c, (uint32_t)pairs) != 0 ? DURA_ENOSPC : pairs;
}

/* Tell the owner what was numbered last: record of len bytes, its payload n. */
static DURAI_NOINLINE void tell_noted(dura_log *log, uint32_t len, uint32_t raw, uint32_t n)
{
    const dura_log_entry *e = &log->scratch.record.entry;
    const uint8_t *record = log->scratch.record.cbor.p;
    dura_log_note *note = &log->scratch.record.note;

    DURA_ASSERT(n <= len && log->gseq > 0);
    note->entry = e;
    note->payload = e->raw ? log->raw : record + len - n;
    note->record = record;
    note->payload_len = e->raw ? raw : n;
    note->record_len = len;
    note->gseq = log->gseq - 1u;
    log->cfg.noted(log->cfg.noted_user, note);
}

/* Where the entry's record of len bytes goes: DONE: here; MORE: a new segment comes first;
 * DURA_EFULL: nowhere, also when only the reserve is left: its last segment is the log's own. */
static DURAI_NOINLINE int place_for(const dura_log *log, durai_log_side *s, uint32_t len)
{
    uint32_t size = durai_log_up(DURAI_FRAME_HEAD + len, s->align), kept = log->cfg.reserve_segments;

    if ((log->scratch.record.entry.flags & DURA_LOG_URGENT) != 0 && kept > 0)
        kept = 1;
    if (durai_log_beyond(log, s, size, kept)) {
        s->full = 1;
        return DURA_EFULL;
    }
    return s->end + s->staged + size > log->cfg.segment_bytes ? DURAI_MORE : DURAI_DONE;
}

/* Nobody can wait for place any more, or nobody should. */
static int drops_when_full(const dura_log *log)
{
    return log->cfg.when_full == DURA_LOG_FULL_DROP ||
           (log->closed != DURAI_OPEN && log->cfg.reserve_segments > 0);
}

/* Step: the next record of one ring. Room for any record comes first, so that what is
 * built can be staged; only the segment's end needs the exact length. */
static int drain_ring(dura_log *log, uint32_t ring)
{
    durai_ring *r = &log->ring[ring];
    uint32_t n = durai_ring_next(r), side, len, raw;
    durai_log_side *s;
    dura_log_entry *e = &log->scratch.record.entry;
    int rc;

    if (n == 0)
        return DURAI_DONE;
    DURA_ASSERT(n >= sizeof *e);
    durai_ring_peek(r, 0, e, (uint32_t)sizeof *e);
    side = e->log - 1u;
    DURA_ASSERT(side < 2);
    s = &log->side[side];
    if (s->seq + 1u >= (uint64_t)1 << log->cfg.tree_height)
        return DURA_EFULL;
    if (s->cap - s->staged < durai_log_up(DURAI_FRAME_HEAD + log->cfg.max_record, s->align))
        return durai_log_flush(log, side);
    if (!durai_log_afford(log, log->cost.hash_block))
        return DURAI_WAIT;
    n -= (uint32_t)sizeof *e;
    raw = n;
    rc = build(log, r, &n);
    len = rc < 0 ? 0 : checked(log, n, (uint32_t)rc);
    rc = len == 0 ? DURA_ECORRUPT : place_for(log, s, len);
    if (rc == DURAI_MORE)
        return durai_log_open(log, side);
    if (rc == DURA_EFULL && !drops_when_full(log))
        return rc;
    if (rc < 0) {
        refuse(log, ring, side, e->time.mono_ns, rc == DURA_EFULL ? DURA_LOST_STORAGE : DURA_LOST_PAYLOAD);
    } else {
        durai_log_put(log, side, len);
        if (log->cfg.noted != NULL)
            tell_noted(log, len, raw, n);
    }
    durai_ring_pop(r);
    log->turn = ring + 1u < log->cfg.n_rings ? ring + 1u : 0;
    return DURAI_MORE;
}

/* Step: the next record of the rings in turn, drops before what came after them. A full log
 * tells its drops before its next seal: the reserve is small. A ring whose record finds no
 * place does not hold up the others. */
static DURAI_NOINLINE int drain(dura_log *log)
{
    uint32_t ring = log->turn;

    log->waits = 0;

    for (uint32_t n = 0; n < log->cfg.n_rings; n++) {
        int rc = log->side[0].full ? DURAI_DONE : tell_drops(log, ring, 0);
        if (rc == DURAI_DONE && !log->side[1].full)
            rc = tell_drops(log, ring, 1);
        if (rc == DURAI_DONE)
            rc = drain_ring(log, ring);
        if (rc == DURA_EFULL)
            log->waits = 1;
        else if (rc != DURAI_DONE)
            return rc;
        ring = ring + 1u < log->cfg.n_rings ? ring + 1u : 0;
    }
    return DURAI_DONE;
}

/* ---- the order of work ---------------------------------------------------------------- */

static int commit_due(const dura_log *log)
{
    return log->uncommitted >= log->cfg.commit_records ||
           (log->uncommitted > 0 && passed(log, log->commit_since, log->cfg.commit_ms));
}

/* By count at commit boundaries only, so that a seal adds no commit of its own. A full log
 * seals no empty epochs. */
static int seal_due(const dura_log *log)
{
    return (log->uncommitted == 0 && log->unsealed >= log->cfg.seal_records) ||
           (passed(log, log->seal_since, log->cfg.seal_ms) &&
            (log->unsealed > 0 || log->side[0].full + log->side[1].full == 0));
}

/* Step: what is unfinished and must end before anything new begins. */
static int unfinished(dura_log *log)
{
    if (durai_log_hashing(log))
        return durai_log_hash(log, log->leaf_side);
    if (log->seg != DURAI_SEG_NONE)
        return durai_log_segment(log);
    if (log->side[0].recover != DURAI_REC_NONE || log->side[1].recover != DURAI_REC_NONE)
        return durai_log_recovered(log);
    if (log->seal != DURAI_SEAL_NONE)
        return durai_log_seal(log);
    return DURAI_DONE;
}

/* Step: the next hook call there is a reason for. DONE: there is none. */
static int work(dura_log *log)
{
    int rc = unfinished(log);

    if (rc != DURAI_DONE)
        return rc;
    if (commit_due(log)) {
        rc = durai_log_commit(log);
        if (rc != DURAI_DONE)
            return rc;
    }
    if (seal_due(log)) {
        rc = tell_all(log);
        if (rc == DURAI_DONE) {
            log->seal = DURAI_SEAL_SECURITY;
            return DURAI_MORE;
        }
        return rc;
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (log->side[i].warn != DURAI_WARN_DUE)
            continue;
        rc = tell_space(log, i);
        if (rc != DURA_EFULL)
            return rc;
        log->side[i].warn = DURAI_WARN_TOLD;    /* too late, and no reason to stop */
    }
    rc = drain(log);
    if (rc == DURAI_DONE && log->waits) {
        rc = durai_log_commit(log);
        return rc == DURAI_DONE ? DURA_EFULL : rc;
    }
    return rc;
}

/* What follows repeats a step until nothing is left, the budget is spent, or a hook
 * fails. A loop for each, and no pointer to the step: it is plain what calls what. */
static int ended(dura_log *log, int rc)
{
    log->last_error = rc < 0 ? rc : 0;
    return log->last_error;
}

static void unbounded(dura_log *log)
{
    log->budget = UINT32_MAX;
    log->spent = 0;
}

static int finish(dura_log *log)
{
    int rc;
    unbounded(log);
    do
        rc = unfinished(log);
    while (rc == DURAI_MORE);
    return ended(log, rc);
}

static int commit(dura_log *log)
{
    int rc;
    unbounded(log);
    do
        rc = durai_log_commit(log);
    while (rc == DURAI_MORE);
    return ended(log, rc);
}

/* All there is to do, and everything numbered durable. */
static int work_and_commit(dura_log *log)
{
    int rc;
    do {
        unbounded(log);
        rc = work(log);
        if (rc == DURAI_DONE)
            rc = tell_all(log);
        if (rc == DURAI_DONE)
            rc = durai_log_commit(log);
    } while (rc == DURAI_MORE);
    return ended(log, rc);
}

static int seal_now(dura_log *log)
{
    if (log->unsealed == 0)
        return DURA_OK;
    log->seal = DURAI_SEAL_SECURITY;
    return finish(log);
}

/* ---- init ------------------------------------------------------------------------------- */

/* Segments and genesis records of both logs, one log's durable before the next one's. */
static DURAI_NOINLINE int write_genesis(dura_log *log)
{
    uint8_t *pub = log->root[0];        /* free until the first seal */
    int rc = durai_log_origin(log, pub);

    for (uint32_t i = 0; i < 2 && rc == DURA_OK; i++) {
        (void)durai_log_open(log, i);
        rc = finish(log);
    }
    for (uint32_t i = 0; i < 2 && rc == DURA_OK; i++) {
        rc = durai_log_genesis(log, i, pub);
        DURA_ASSERT(rc == DURA_OK);     /* a new segment has room for its first record */
        if (rc == DURA_OK)
            rc = commit(log);
    }
    return rc;
}

/* Read, then write what a new or a cut log needs. A full log opens: step() says so. */
static int open_logs(dura_log *log, const dura_time *now)
{
    int rc, found;

    log->budget = UINT32_MAX;
    found = durai_log_recover(log);
    if (found < 0)
        return found;
    take_time(log, now);
    log->commit_since = log->seal_since = log->now.mono_ns;
    if (found == DURAI_NONE)
        return write_genesis(log);
    rc = commit(log);
    if (rc == DURA_OK)
        rc = finish(log);
    if (rc == DURA_OK)
        rc = commit(log);
    for (uint32_t i = 0; i < 2; i++)
        durai_log_space(log, i);
    return rc == DURA_EFULL ? DURA_OK : rc;
}

/* Check everything, then lay the object out: on error mem is as it was. */
static DURAI_NOINLINE int lay_out(void *mem, size_t len, const dura_log_config *cfg,
                                  const dura_port *port)
{
    dura_log_config c;
    int rc = port_fits(port);

    if (rc == DURA_OK)
        rc = config_in(&c, cfg, port);
    if (rc < 0)
        return rc;
    if (((uintptr_t)mem & 7u) != 0)
        return DURA_EALIGN;
    if (len < object_bytes(&c))
        return DURA_ENOSPC;
    carve((dura_log *)mem, &c, port);
    take_costs((dura_log *)mem);
    return DURA_OK;
}

int dura_log_init(dura_log **out, void *mem, size_t len, const dura_log_config *cfg,
                  const dura_port *port, const dura_time *now)
{
    dura_log *log = (dura_log *)mem;
    int rc;

    if (out == NULL)
        return DURA_EINVAL;
    *out = NULL;
    if (mem == NULL || now == NULL || now->mono_ns < 0)
        return DURA_EINVAL;
    rc = lay_out(mem, len, cfg, port);
    if (rc == DURA_OK)
        rc = open_logs(log, now);
    if (rc < 0)
        return rc;
    *out = log;
    return DURA_OK;
}

/* ---- append -------------------------------------------------------------------------------- */

static DURAI_NOINLINE int entry_fits(const dura_log *log, const dura_log_entry *e, const void *payload, size_t len)
{
    uint32_t room = log->cfg.max_record - (e->raw ? 0 : DURAI_COMMON_MAX);

    if (e->log != DURA_LOG_SECURITY && e->log != DURA_LOG_DECISION)
        return 0;
    if (e->kind < DURA_REC_FACT || e->raw > 1 || e->flags > DURA_LOG_URGENT || e->time.mono_ns < 0 ||
        e->time.quality > DURA_CLOCK_AUTHENTICATED)
        return 0;
    if ((payload == NULL && len > 0) || (!e->raw && (len == 0) != (e->n_pairs == 0)))
        return 0;
    return len <= room && len + sizeof *e + 8u <= log->cfg.ring_bytes / 2u;
}

int dura_log_append(dura_log *log, uint32_t ring, const dura_log_entry *e, const void *payload,
                    size_t len)
{
    dura_log_entry mine;
    int rc;

    if (log == NULL || e == NULL || ring >= log->cfg.n_rings)
        return DURA_EINVAL;
    if (e->struct_size != sizeof mine) {        /* else a copy for nothing, on the hot path */
        rc = durai_struct_in(&mine, (uint32_t)sizeof mine, e, e->struct_size, V1_ENTRY);
        if (rc < 0)
            return rc;
        e = &mine;
    }
    if (!entry_fits(log, e, payload, len))
        return DURA_EINVAL;
    if (e->raw && log->cfg.encode == NULL)
        return DURA_ENOTSUP;
    if (durai_load(&log->closed) != DURAI_OPEN)
        return DURA_ESTATE;
    rc = durai_ring_put(&log->ring[ring], e, (uint32_t)sizeof *e, payload, (uint32_t)len);
    if (rc == DURA_EFULL)
        count_drop(&log->drops[ring], e->log - 1u, e->time.mono_ns);
    return rc;
}

/* ---- the worker ------------------------------------------------------------------------------ */

int dura_log_step(dura_log *log, const dura_time *now, uint32_t budget)
{
    int rc;

    if (log == NULL || now == NULL)
        return DURA_EINVAL;
    if (log->closed != DURAI_OPEN)
        return DURA_ESTATE;
    take_time(log, now);
    if (budget == 0)
        return 0;
    log->budget = budget;
    log->spent = 0;
    do
        rc = work(log);
    while (rc == DURAI_MORE);
    rc = ended(log, rc);
    return rc < 0 ? rc : log->spent < INT32_MAX ? (int)log->spent : INT32_MAX;
}

uint64_t dura_log_durable(const dura_log *log) { return log != NULL ? log->durable : 0; }

int dura_log_save(dura_log *log, const dura_time *now)
{
    int rc;

    if (log == NULL || now == NULL)
        return DURA_EINVAL;
    if (log->closed != DURAI_OPEN)
        return DURA_ESTATE;
    take_time(log, now);
    rc = work_and_commit(log);
    return rc == DURA_OK ? seal_now(log) : rc;
}

/* The close record: the last one before the final seals. */
static DURAI_NOINLINE int put_close(dura_log *log, const void *pairs, uint32_t len, uint32_t n_pairs)
{
    durai_cbor *c = &log->scratch.record.cbor;
    int rc;

    log->budget = UINT32_MAX;
    do {
        log->spent = 0;
        rc = unfinished(log);
        if (rc == DURAI_DONE)
            rc = durai_log_room(log, 0, DURAI_COMMON_MAX + len);
    } while (rc == DURAI_MORE);
    if (rc < 0)
        return rc;
    durai_log_begin(log, 0, c, NULL, DURA_REC_CLOSE, 0);
    if (len > 0)
        durai_cbor_raw(c, pairs, len);
    if (c->err != 0 || fix_head(c, n_pairs) != 0 || checked(log, len, n_pairs) == 0)
        return DURA_EINVAL;
    durai_log_put(log, 0, (uint32_t)c->len);
    return DURA_OK;
}

int dura_log_deinit(dura_log *log, const dura_time *now, const void *pairs, size_t len,
                    uint16_t n_pairs)
{
    int rc = DURA_OK;

    if (log == NULL || now == NULL || (pairs == NULL && len > 0) || (len == 0) != (n_pairs == 0))
        return DURA_EINVAL;
    if (log->closed == DURAI_CLOSED)
        return DURA_ESTATE;
    if (len > (size_t)log->cfg.max_record - DURAI_COMMON_MAX)
        return DURA_EINVAL;
    take_time(log, now);
    if (log->closed == DURAI_OPEN)
        durai_store(&log->closed, DURAI_DRAINING);  /* nothing is accepted and then lost */
    if (log->closed == DURAI_DRAINING) {
        rc = work_and_commit(log);
        if (rc == DURA_OK)
            rc = put_close(log, pairs, (uint32_t)len, n_pairs);
        if (rc < 0)
            return rc;
        durai_store(&log->closed, DURAI_CLOSING);
        log->seal = DURAI_SEAL_SECURITY;
    }
    rc = finish(log);   /* again after an error: only what is missing */
    if (rc == DURA_OK)
        durai_store(&log->closed, DURAI_CLOSED);
    return rc;
}

/* ---- query --------------------------------------------------------------------------------------- */

static void query_rings(const dura_log *log, dura_log_status *st)
{
    for (uint32_t r = 0; r < log->cfg.n_rings; r++) {
        uint32_t high = durai_load(&log->ring[r].high_water);
        st->pending += durai_ring_used(&log->ring[r]);
        st->high_water = high > st->high_water ? high : st->high_water;
        for (uint32_t i = 0; i < 2; i++)
            st->dropped += (durai_load(&log->drops[r].count[i]) - log->drops[r].ack[i]) +
                           log->refused[r][i].count;
    }
}

int dura_log_query(const dura_log *log, dura_log_status *out)
{
    dura_log_status st = DURA_LOG_STATUS_INIT;

    if (log == NULL || out == NULL)
        return DURA_EINVAL;
    st.found = log->found;
    st.sealed = log->unsealed == 0;
    st.gseq = log->gseq;
    st.durable = log->durable;
    st.dropped = log->dropped;
    st.lost_bytes = log->lost_bytes;
    st.epoch = log->epoch;
    st.last_error = log->last_error;
    memcpy(st.origin, log->origin, sizeof st.origin);
    for (uint32_t i = 0; i < 2; i++) {
        const durai_log_side *s = &log->side[i];
        st.seq[i] = s->seq;
        st.end[i] = (uint64_t)s->index * log->cfg.segment_bytes + s->end + s->staged;
    }
    query_rings(log, &st);
    return durai_struct_out(out, &st, (uint32_t)sizeof st, V1_STATUS);
}
