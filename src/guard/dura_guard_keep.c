/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the drift monitor knows, over a start (docs/formats/drift.md, Kept).
 *
 * A monitor that forgets at every start never finds what is slower than the time between two
 * of them. So its state is written, at a heartbeat, into one of two slots in turn, and the
 * slot that is not written holds a whole one at every moment of a power cut.
 *
 * Who reads the logs must come to the same state (invariant 22). So an image says up to which
 * record it knows everything, is programmed only when that record is durable, and is taken
 * up when the fact that says so gets its number: the reader, who has passed that record,
 * has the same bytes. Image and policy belong together by digest, and the device's own key
 * stands for the image: who can write storage must not be able to make a drift unseen.
 *
 * The place is optional, and failing it is no reason to be without a guard: then the monitor
 * begins anew, and says why.
 */
#include "dura_guard_priv.h"

enum {
    KEPT_MAGIC = 0x314B5744,    /* "DWK1" */
    KEPT_VERSION = 1,
    KEPT_HEAD = 64,
    KEPT_TAIL = DURA_TAG_BYTES + 4,
    KEPT_PIECE = 256,           /* programmed at once, or a program unit when that is larger */
    KEPT_REGION = 6             /* value[1] of a STORAGE fact */
};
enum { KEEP_IDLE, KEEP_FOUND, KEEP_WAIT, KEEP_ERASE, KEEP_PROG, KEEP_SYNC };

static uint32_t up(uint32_t n, uint32_t unit) { return (n + unit - 1u) & ~(unit - 1u); }

static uint32_t piece_of(const dura_region *r) { return r->prog_size > KEPT_PIECE ? r->prog_size : KEPT_PIECE; }

static uint64_t slot_bytes(const dura_region *r) { return r->size / 2u & ~((uint64_t)r->erase_size - 1u); }

static uint32_t room(const void *policy, const dura_region *r)
{
    return up((uint32_t)(KEPT_HEAD + durai_kept_bytes(policy) + KEPT_TAIL), piece_of(r));
}

/* 0: there is no place, or nothing to keep there. */
size_t durai_keep_bytes(const void *policy, const dura_port *port)
{
    const dura_region *r = DURAI_PART(port, kept);
    if (!r || durai_alive_bytes(policy) == 0 || !r->read || !r->prog || !r->erase || r->erase_size == 0 ||
        r->prog_size == 0 || slot_bytes(r) < room(policy, r))
        return 0;
    return ((sizeof(durai_keep) + 15u) & ~(size_t)15u) + room(policy, r);
}

void durai_keep_init(dura_guard *g, void *mem, const void *policy)
{
    durai_keep *k = mem;
    memset(k, 0, sizeof *k);
    k->region = g->port->kept;
    k->bytes = (uint8_t *)mem + ((sizeof *k + 15u) & ~(size_t)15u);
    k->cap = room(policy, k->region);
    DURA_ASSERT(k->cap % k->region->prog_size == 0 && k->cap <= slot_bytes(k->region));
    g->watcher->keep = k;
}

/* ---- reading ----------------------------------------------------------------------------- */

static int tag_of(dura_guard *g, const uint8_t *p, size_t n, uint8_t tag[DURA_TAG_BYTES])
{
    const dura_crypto *c = g->port->crypto;
    memset(tag, 0, DURA_TAG_BYTES);
    return c->mac ? c->mac(c->user, DURA_KEY_DEVICE, p, n, tag) : DURA_OK;
}

/* The image of a slot into the buffer. DURA_OK, DURA_ENOENT (none), DURA_ECORRUPT (torn), DURA_EVERSION,
 * DURA_EAUTH (not this device's), or a hook's code. */
static DURAI_NOINLINE int read_slot(dura_guard *g, uint32_t slot)
{
    durai_keep *k = g->watcher->keep;
    uint8_t tag[DURA_TAG_BYTES], *p = k->bytes;
    uint64_t at = slot * slot_bytes(k->region);
    int rc = k->region->read(k->region->user, at, p, KEPT_HEAD);
    if (rc < 0)
        return rc;
    uint32_t body = durai_le32(p + 8);
    if (durai_le32(p) != KEPT_MAGIC)
        return DURA_ENOENT;
    if (body > k->cap - KEPT_HEAD - KEPT_TAIL)
        return DURA_ECORRUPT;
    rc = k->region->read(k->region->user, at, p, KEPT_HEAD + body + KEPT_TAIL);
    if (rc < 0)
        return rc;
    p += KEPT_HEAD + body;
    if (durai_le32(p + DURA_TAG_BYTES) != durai_crc32c(0, k->bytes, KEPT_HEAD + body + DURA_TAG_BYTES))
        return DURA_ECORRUPT;
    if (durai_le16(k->bytes + 4) != KEPT_VERSION)
        return DURA_EVERSION;
    rc = tag_of(g, k->bytes, KEPT_HEAD + body, tag);
    k->len = body;
    return rc < 0 ? rc : memcmp(tag, p, sizeof tag) == 0 ? DURA_OK : DURA_EAUTH;
}

/* The newest image into the buffer. */
static DURAI_NOINLINE int read_newest(dura_guard *g)
{
    durai_keep *k = g->watcher->keep;
    int rc[2], found = DURA_ENOENT;
    for (uint32_t s = 0; s < 2; s++) {
        rc[s] = read_slot(g, s);
        uint64_t counter = rc[s] == DURA_OK ? durai_le64(k->bytes + 16) : 0;
        if (rc[s] == DURA_OK && (found != DURA_OK || counter > k->counter)) {
            found = DURA_OK;
            k->counter = counter;
            k->slot = (uint8_t)(1u - s);
        }
    }
    if (found == DURA_OK)
        return read_slot(g, 1u - k->slot);
    return rc[0] != DURA_ENOENT ? rc[0] : rc[1];
}

void durai_keep_open(dura_guard *g)
{
    durai_keep *k = g->watcher->keep;
    k->why = read_newest(g);
    if (k->why != DURA_OK)
        return;
    if (memcmp(k->bytes + 32, g->policy_digest, 32) != 0)
        k->why = DURA_EAUTH;
    else
        k->why = durai_watch_resume(&g->watcher->watch, k->bytes + KEPT_HEAD, k->len);
    k->boot = durai_le32(k->bytes + 12);
    k->gseq = durai_le64(k->bytes + 24);
    if (k->why == DURA_OK)
        k->state = KEEP_FOUND;
}

void durai_keep_tell(dura_guard *g, const dura_time *now)
{
    const durai_keep *k = g->watcher->keep;
    if (k->why == DURA_ENOENT)
        return; /* nothing was ever kept */
    dura_fact *f = durai_fact_start(g, DURA_FACT_MONITOR, DURA_LOG_DECISION, k->why == DURA_OK ? 0 : 3);
    f->value[0] = k->why == DURA_OK ? DURA_MONITOR_RESUMED : DURA_MONITOR_ANEW;
    f->value[1] = k->why == DURA_OK ? (int64_t)k->gseq : k->why;
    f->value[2] = k->why == DURA_OK ? k->boot : 0;
    (void)!durai_fact_first(g, now); /* refused: it begins anew, and the log counts it */
}

void durai_keep_resume(dura_guard *g)
{
    durai_keep *k = g->watcher->keep;
    if (k->state != KEEP_FOUND)
        return;
    int rc = durai_watch_resume(&g->watcher->watch, k->bytes + KEPT_HEAD, k->len);
    DURA_ASSERT(rc == DURA_OK); /* it was tried on */
    (void)rc;
    k->state = KEEP_IDLE;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* One is under way still: the next point will do. */
void durai_keep_take(dura_guard *g)
{
    durai_keep *k = g->watcher->keep;
    uint8_t *p = k->bytes;
    if (k->state != KEEP_IDLE)
        return;
    int n = durai_watch_keep(&g->watcher->watch, p + KEPT_HEAD, k->cap - KEPT_HEAD - KEPT_TAIL);
    if (n < 0)
        return;
    uint32_t body = (uint32_t)n;
    memset(p, 0, KEPT_HEAD);
    durai_put32(p, KEPT_MAGIC);
    durai_put16(p + 4, KEPT_VERSION);
    durai_put32(p + 8, body);
    durai_put32(p + 12, g->nv.boot);
    durai_put64(p + 16, k->counter + 1u);
    durai_put64(p + 24, g->watcher->known);
    memcpy(p + 32, g->policy_digest, 32);
    if (tag_of(g, p, KEPT_HEAD + body, p + KEPT_HEAD + body) < 0)
        return;
    durai_put32(p + KEPT_HEAD + body + DURA_TAG_BYTES, durai_crc32c(0, p, KEPT_HEAD + body + DURA_TAG_BYTES));
    k->gseq = g->watcher->known;
    k->len = up(KEPT_HEAD + body + KEPT_TAIL, piece_of(k->region));
    memset(p + KEPT_HEAD + body + KEPT_TAIL, 0, k->len - (KEPT_HEAD + body + KEPT_TAIL));
    k->at = 0;
    k->state = KEEP_WAIT;
}

/* One storage operation. Negative: a hook's code. */
static int operate(durai_keep *k)
{
    const dura_region *r = k->region;
    uint64_t base = k->slot * slot_bytes(r);
    DURA_ASSERT(k->slot < 2 && k->len <= k->cap && k->at <= k->len);
    int rc = 0;
    if (k->state == KEEP_ERASE) {
        rc = r->erase(r->user, base, up(k->len, r->erase_size));
        k->state = KEEP_PROG;
    } else if (k->state == KEEP_PROG) {
        rc = r->prog(r->user, base + k->at, k->bytes + k->at, piece_of(r));
        k->at += piece_of(r);
        k->state = k->at < k->len ? KEEP_PROG : KEEP_SYNC;
    } else {
        rc = r->sync ? r->sync(r->user) : 0;
        if (rc >= 0) {
            k->counter++;
            k->slot = (uint8_t)(1u - k->slot);
        }
        k->state = KEEP_IDLE;
    }
    if (rc < 0)
        k->state = KEEP_IDLE; /* the slot is no whole image; the other one is */
    return rc;
}

uint32_t durai_keep_step(dura_guard *g, const dura_time *now, uint32_t budget)
{
    durai_keep *k = g->watcher->keep;
    uint32_t n = 0;
    if (k->state == KEEP_WAIT && dura_log_durable(g->log) > k->gseq)
        k->state = KEEP_ERASE;
    for (; k->state >= KEEP_ERASE && n < budget; n++) {
        int rc = operate(k);
        if (rc >= 0)
            continue;
        dura_fact *f = durai_fact_start(g, DURA_FACT_STORAGE, DURA_LOG_SECURITY, 5);
        f->value[0] = rc;
        f->value[1] = KEPT_REGION;
        (void)!durai_fact_append(g, now, NULL, NULL);
    }
    return n;
}

void durai_keep_finish(dura_guard *g)
{
    durai_keep *k = g->watcher->keep;
    k->state = KEEP_IDLE;       /* an older one is of no use any more */
    durai_keep_take(g);
    if (k->state == KEEP_WAIT)
        k->state = KEEP_ERASE;  /* the log has ended, and so it is durable */
    while (k->state != KEEP_IDLE)
        if (operate(k) < 0)
            return;
}
