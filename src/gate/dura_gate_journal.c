/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's journal (docs/formats/journal.md): whole records, one behind the other in one
 * of two banks; when that is full the other is erased and used. The bank that holds the
 * newest valid record is never erased, so a power cut at any moment leaves that record or
 * the next one. Every attempt has a number of its own: what a failed write left behind
 * never ties with what was written after it.
 */
#include "dura_gate_priv.h"

enum { RECORD_MAGIC = 0x314A4744 /* "DGJ1" */, RECORD_VERSION = 3, HEAD = 32, DIGESTS_AT = HEAD + 8 * DURAI_NUMBERS,
       NEEDS_AT = DIGESTS_AT + DURA_HASH_BYTES * DURAI_DIGESTS, NEED = 16,
       NONCE_AT = NEEDS_AT + NEED * DURAI_NEEDS, RELEASE_AT = NONCE_AT + 8,
       PRACTICES_AT = RELEASE_AT + DURA_HASH_BYTES,
       TAGGED = DURAI_GATE_RECORD - DURAI_GATE_SEAL };

/* ---- bytes ------------------------------------------------------------------------ */

static void encode(const durai_gate_record *r, uint8_t *b)
{
    DURA_ASSERT(NONCE_AT == DURAI_GATE_RECORD_V2 - DURAI_GATE_SEAL && PRACTICES_AT + 8 == TAGGED);
    memset(b, 0, DURAI_GATE_RECORD);
    durai_put32(b, RECORD_MAGIC);
    durai_put16(b + 4, RECORD_VERSION);
    durai_put16(b + 6, DURAI_GATE_RECORD);
    durai_put64(b + 8, r->seq);
    b[16] = r->state;
    b[17] = r->component;
    b[18] = r->active;
    b[19] = r->slot;
    b[20] = r->attempt;
    b[21] = r->approved;
    durai_put16(b + 22, (uint16_t)(r->why >> 32));
    durai_put32(b + 24, (uint32_t)r->why);
    durai_put32(b + 28, r->probation);
    for (uint32_t i = 0; i < DURAI_NUMBERS; i++)
        durai_put64(b + HEAD + 8u * i, r->n[i]);
    memcpy(b + DIGESTS_AT, r->d, sizeof r->d);
    for (uint32_t i = 0; i < DURAI_NEEDS; i++)
        for (uint32_t k = 0; k < 2; k++) {
            durai_put32(b + NEEDS_AT + NEED * i + 8u * k, r->need[i].least[k]);
            durai_put32(b + NEEDS_AT + NEED * i + 8u * k + 4u, r->need[i].most[k]);
        }
    durai_put64(b + NONCE_AT, r->nonce);
    memcpy(b + RELEASE_AT, r->release, DURA_HASH_BYTES);
    durai_put32(b + PRACTICES_AT, r->practices);
    b[PRACTICES_AT + 4] = r->flags & DURAI_F_WRITTEN;
    b[PRACTICES_AT + 5] = r->signed_by;
}

/* The keyed tag, or zeros when the provider has no key; the CRC always. */
static int seal(const dura_crypto *c, uint8_t *b)
{
    int rc = DURA_OK;
    memset(b + TAGGED, 0, DURA_TAG_BYTES);
    if (c->mac)
        rc = c->mac(c->user, DURA_KEY_DEVICE, b, TAGGED, b + TAGGED);
    durai_put32(b + DURAI_GATE_RECORD - 4, durai_crc32c(0, b, DURAI_GATE_RECORD - 4));
    return rc;
}

/* Values no record of ours has. */
static int sensible(const durai_gate_record *r)
{
    int state = r->state <= DURA_GATE_PROBATION || (r->state >= DURA_GATE_COMMITTED && r->state <= DURA_GATE_SAFE);
    int in_hand = r->state >= DURA_GATE_RECEIVED && r->state <= DURA_GATE_PROBATION;
    int brain = !in_hand || r->component != DURA_COMPONENT_BRAIN || (r->slot >= 1 && r->slot != r->active);
    return state && brain && r->component < DURA_COMPONENTS && (r->component > 0 || !in_hand) && r->slot <= 2 &&
           (r->active <= 2 || r->active == DURAI_BRAIN_NOTHING) && r->seq > 0 &&
           r->nonce <= r->seq && r->n[DURAI_N_OFFSET] <= r->n[DURAI_C_LENGTH] && r->n[DURAI_N_WALL] <= INT64_MAX / 1000000000;
}

static void parse(const uint8_t *b, durai_gate_record *r)
{
    r->seq = durai_le64(b + 8);
    r->state = b[16];
    r->component = b[17];
    r->active = b[18];
    r->slot = b[19];
    r->attempt = b[20];
    int old = durai_le16(b + 4) != RECORD_VERSION;
    r->approved = old ? 0 : b[21];
    r->why = (old ? 0 : DURAI_WHY2(durai_le16(b + 22))) | durai_le32(b + 24);
    r->probation = durai_le32(b + 28);
    for (uint32_t i = 0; i < DURAI_NUMBERS; i++)
        r->n[i] = durai_le64(b + HEAD + 8u * i);
    memcpy(r->d, b + DIGESTS_AT, sizeof r->d);
    for (uint32_t i = 0; i < DURAI_NEEDS; i++)
        for (uint32_t k = 0; k < 2; k++) {
            r->need[i].least[k] = durai_le32(b + NEEDS_AT + NEED * i + 8u * k);
            r->need[i].most[k] = durai_le32(b + NEEDS_AT + NEED * i + 8u * k + 4u);
        }
    r->nonce = old ? 0 : durai_le64(b + NONCE_AT);
    memset(r->release, 0, sizeof r->release);
    if (!old)
        memcpy(r->release, b + RELEASE_AT, sizeof r->release);
    r->practices = old ? 0 : durai_le32(b + PRACTICES_AT);
    r->flags = old ? DURAI_F_OLD : b[PRACTICES_AT + 4] & DURAI_F_WRITTEN;
    r->signed_by = old ? 0 : b[PRACTICES_AT + 5];
}

/* Bytes of a record, from its head; 0: it is none. */
static uint32_t record_bytes(const uint8_t *b)
{
    uint32_t n = durai_le16(b + 4) == RECORD_VERSION ? DURAI_GATE_RECORD : DURAI_GATE_RECORD_V2;
    int known = durai_le16(b + 4) == RECORD_VERSION || durai_le16(b + 4) == 2;
    return durai_le32(b) == RECORD_MAGIC && known && durai_le16(b + 6) == n ? n : 0;
}

int durai_gate_decode(const uint8_t *b, size_t room, const dura_crypto *c, durai_gate_record *r)
{
    uint8_t tag[DURA_TAG_BYTES] = {0};
    uint32_t n = record_bytes(b);
    if (n == 0 || n > room || durai_le32(b + n - 4) != durai_crc32c(0, b, n - 4))
        return 0;
    n -= DURAI_GATE_SEAL;
    if (c && c->mac) {
        int rc = c->mac(c->user, DURA_KEY_DEVICE, b, n, tag);
        if (rc < 0)
            return rc;
    }
    if (c && memcmp(tag, b + n, sizeof tag) != 0)
        return 0;
    parse(b, r);
    return sensible(r);
}

/* ---- reading ---------------------------------------------------------------------- */

static int erased(const uint8_t *p, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (p[i] != p[0])
            return 0;
    return p[0] == 0x00 || p[0] == 0xFF;
}

static int power_of_two(uint32_t v) { return v != 0 && (v & (v - 1)) == 0; }

int durai_gate_region_ok(const dura_region *r)
{
    return r->read && r->prog && r->erase && power_of_two(r->prog_size) && r->prog_size <= DURAI_GATE_CHUNK &&
           power_of_two(r->erase_size) && r->prog_size <= r->erase_size;
}

static uint32_t up_to(uint32_t n, uint32_t unit) { return (n + unit - 1) & ~(unit - 1); }

/* How far from each other records of version 2 lie. Where that made banks of another size,
 * below 64 bytes of erase block, they cannot be followed without a loss, and count as none. */
static uint32_t old_slot(const dura_gate *g) { return up_to(DURAI_GATE_RECORD_V2, g->journal->prog_size); }

static int layout(dura_gate *g)
{
    const dura_region *j = g->journal;
    durai_gate_place *at = &g->place;
    memset(at, 0, sizeof *at);
    if (!durai_gate_region_ok(j))
        return DURA_EINVAL;
    at->slot = up_to(DURAI_GATE_RECORD, j->prog_size);
    at->bank = up_to(at->slot, j->erase_size);
    return j->size >= 2u * (uint64_t)at->bank ? DURA_OK : DURA_EINVAL;
}

/* One bank, in steps of `slot`. *end: offset behind its last slot that was touched. */
static int scan(dura_gate *g, uint32_t bank, uint32_t slot, uint64_t *end)
{
    const dura_region *j = g->journal;
    uint8_t *b = (uint8_t *)g->work;
    uint64_t base = (uint64_t)bank * g->place.bank;
    *end = base;
    for (uint64_t at = base; at + slot <= base + g->place.bank; at += slot) {
        int rc = j->read(j->user, at, b, slot);
        if (rc < 0)
            return rc;
        if (erased(b, slot))
            continue; /* a torn record may be followed by good ones */
        *end = at + slot;
        if (durai_le64(b + 8) <= g->rec.seq && g->place.found)
            continue;
        rc = durai_gate_decode(b, slot, g->crypto, &g->draft);
        if (rc < 0)
            return rc;
        if (rc == 0 || ((g->draft.flags & DURAI_F_OLD) && up_to(old_slot(g), j->erase_size) != g->place.bank))
            continue;
        g->rec = g->draft;
        g->place.found = 1;
        g->place.good = bank;
    }
    return DURA_OK;
}

/* Only records of version 2 are there, if any, and they lay closer to each other. The next
 * record then begins the other bank. */
static int shifted(const dura_gate *g)
{
    return (!g->place.found || (g->rec.flags & DURAI_F_OLD)) && old_slot(g) != g->place.slot;
}

int durai_gate_load(dura_gate *g)
{
    uint64_t end[2], unused;
    int rc = layout(g);
    DURA_ASSERT(DURAI_GATE_RECORD <= DURAI_GATE_CHUNK);
    for (uint32_t bank = 0; rc == DURA_OK && bank < 2; bank++)
        rc = scan(g, bank, g->place.slot, &end[bank]);
    for (uint32_t bank = 0; rc == DURA_OK && bank < 2 && shifted(g); bank++)
        rc = scan(g, bank, old_slot(g), &unused);
    if (rc < 0)
        return rc;
    g->seq = g->place.found ? g->rec.seq : 0;
    g->place.next = g->place.found && !shifted(g) ? end[g->place.good] : 2u * (uint64_t)g->place.bank;
    return (int)g->place.found;
}

/* ---- writing ---------------------------------------------------------------------- */

/* The next slot, in the other bank when this one is full or was never begun. */
static int make_room(dura_gate *g)
{
    const dura_region *j = g->journal;
    durai_gate_place *at = &g->place;
    uint64_t bank = at->next / at->bank;
    if (bank < 2 && at->next % at->bank != 0 && at->next % at->bank + at->slot <= at->bank)
        return DURA_OK;
    bank = at->found ? at->good ^ 1u : 0; /* never the one that holds the newest record */
    at->next = 2u * (uint64_t)at->bank;   /* until it is erased */
    int rc = j->erase(j->user, bank * at->bank, at->bank);
    if (rc >= 0)
        at->next = bank * at->bank;
    return rc;
}

/* What storage says it holds. */
static int read_back(dura_gate *g, uint64_t at)
{
    const dura_region *j = g->journal;
    uint8_t piece[64];
    for (uint32_t i = 0; i < DURAI_GATE_RECORD; i += sizeof piece) {
        size_t n = DURAI_GATE_RECORD - i < sizeof piece ? DURAI_GATE_RECORD - i : sizeof piece;
        int rc = j->read(j->user, at + i, piece, n);
        if (rc < 0)
            return rc;
        if (memcmp(piece, (const uint8_t *)g->work + i, n) != 0)
            return DURA_EIO;
    }
    return DURA_OK;
}

int durai_gate_store(dura_gate *g)
{
    const dura_region *j = g->journal;
    DURA_ASSERT(g->fill == 0);
    g->draft.seq = ++g->seq;
    encode(&g->draft, (uint8_t *)g->work);
    int rc = seal(g->crypto, (uint8_t *)g->work);
    if (rc >= 0)
        rc = make_room(g);
    if (rc < 0)
        return rc;
    uint64_t at = g->place.next;
    g->place.next += g->place.slot; /* even when prog fails: what is half written is not reused */
    rc = j->prog(j->user, at, g->work, g->place.slot);
    if (rc >= 0 && j->sync)
        rc = j->sync(j->user);
    if (rc >= 0)
        rc = read_back(g, at);
    if (rc < 0)
        return rc;
    g->place.found = 1;
    g->place.good = (uint32_t)(at / g->place.bank);
    g->rec = g->draft;
    return DURA_OK;
}
