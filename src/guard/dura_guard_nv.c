/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard keeps across boots: the factory record that lets a model run, and
 * checkpoints of boot counter and latches. docs/formats/nv.md has the bytes.
 *
 * NV is at least four erase blocks: 0 holds the factory record, 1 and 2 take checkpoints
 * in turn, 3 is kept free. A checkpoint is appended to its block until that is full, then
 * the other is erased: one of the two always holds the newest whole record, at every
 * moment of a power cut (invariant 7), and wear is a record's, not a block's.
 *
 * The factory record is signed over the DSSE pre-authentication encoding (DSSE 1.0,
 * protocol.md, PAE), so a signature for anything else is never one for this.
 */
#include "dura_guard_priv.h"

enum {
    FACTORY_MAGIC = 0x31524644, /* "DFR1" */
    NV_MAGIC = 0x314B4344,      /* "DCK1" */
    NV_RECORD = 64,
    NV_TAGGED = 40              /* bytes before the tag */
};

static const char pae_head[] = "DSSEv1 33 application/vnd.dura.factory+cbor ";

/* ---- factory record --------------------------------------------------------------- */

size_t durai_factory_body(uint8_t *out, size_t cap, const uint8_t policy[32], const uint8_t model[32],
                          uint64_t floor_)
{
    durai_cbor c;
    durai_cbor_init(&c, out, cap);
    durai_cbor_map(&c, 4);
    durai_cbor_kuint(&c, 1, 1);
    durai_cbor_kbytes(&c, 2, policy, 32);
    durai_cbor_kbytes(&c, 3, model, 32);
    durai_cbor_kuint(&c, 4, floor_);
    return c.err == DURA_OK ? c.len : 0;
}

size_t durai_factory_pae(uint8_t *out, size_t cap, const uint8_t *body, size_t len)
{
    char digits[20];
    size_t n = sizeof pae_head - 1, d = durai_dec(digits, len);
    if (n + d + 1 + len > cap)
        return 0;
    memmove(out + n + d + 1, body, len); /* it may lie there already */
    memcpy(out, pae_head, n);
    memcpy(out + n, digits, d);
    out[n + d] = ' ';
    return n + d + 1 + len;
}

size_t durai_factory_wrap(uint8_t *out, size_t cap, const uint8_t *body, size_t len, const uint8_t sig[64])
{
    size_t n = 8 + len + DURA_SIG_BYTES;
    if (len > DURAI_FACTORY_BODY_MAX || n + 4 > cap) /* version 1 says up to 83 */
        return 0;
    durai_put32(out, FACTORY_MAGIC);
    durai_put16(out + 4, (uint16_t)len);
    durai_put16(out + 6, 0);
    memcpy(out + 8, body, len);
    memcpy(out + 8 + len, sig, DURA_SIG_BYTES);
    durai_put32(out + n, durai_crc32c(0, out, n));
    return n + 4;
}

/* The value of `key` 1..3 of the body is what it must be. */
static int body_value(const dura_guard *g, uint64_t key, const durai_item *v)
{
    if (key == 1)
        return v->type != DURAI_CBOR_UINT ? DURA_ECORRUPT : v->v == 1 ? DURA_OK : DURA_EVERSION;
    if (v->type != DURAI_CBOR_BYTES || v->v != 32)
        return DURA_ECORRUPT;
    if (key == 2 && g->released)
        return DURA_OK; /* a release has put another policy in force */
    return memcmp(v->p, key == 2 ? g->policy_digest : g->model_digest, 32) == 0 ? DURA_OK : DURA_EAUTH;
}

/* The checked body says: this policy, this model, nothing this build does not understand.
 * One pass over its ascending keys, because looking for each costs a stack of its own. */
static int body_allows(const dura_guard *g, const uint8_t *body, size_t len)
{
    durai_cbor_in in;
    durai_item it;
    uint64_t want = 1;
    int rc, answer = DURA_OK;
    durai_cbor_open(&in, body, len);
    if (durai_cbor_next(&in, &it) != DURA_OK || it.type != DURAI_CBOR_MAP)
        return DURA_ECORRUPT;
    for (uint64_t left = it.v; left > 0 && want <= 3; left--) {
        if (durai_cbor_next(&in, &it) != DURA_OK || it.type != DURAI_CBOR_UINT || it.v > want)
            return DURA_ECORRUPT;
        if (it.v < want) { /* 0, of which version 1 says nothing */
            if (durai_cbor_skip(&in) != DURA_OK)
                return DURA_ECORRUPT;
            continue;
        }
        rc = durai_cbor_next(&in, &it) == DURA_OK ? body_value(g, want, &it) : DURA_ECORRUPT;
        if (rc == DURA_EAUTH)
            answer = rc; /* said when the body is whole */
        else if (rc != DURA_OK)
            return rc;
        want++;
    }
    return want > 3 ? answer : DURA_ECORRUPT;
}

/* Read the factory record to where it is wanted. *len: bytes of its body. */
static int read_factory(dura_guard *g, size_t *len)
{
    const dura_region *nv = g->port->region[DURA_REGION_NV];
    uint8_t *rec = g->work.init.factory + DURAI_PAE_HEAD_MAX - 8;
    int rc = nv->read(nv->user, 0, rec, DURAI_FACTORY_MAX);
    if (rc < 0)
        return rc;
    if (durai_le32(rec) != FACTORY_MAGIC)
        return DURA_EDENIED;
    *len = durai_le16(rec + 4);
    if (*len == 0 || *len > DURAI_FACTORY_BODY_MAX || durai_le16(rec + 6) != 0)
        return DURA_ECORRUPT;
    size_t n = 8 + *len + DURA_SIG_BYTES;
    return durai_le32(rec + n) == durai_crc32c(0, rec, n) ? DURA_OK : DURA_ECORRUPT;
}

/* The provider's word on the signature. */
static int verify_factory(dura_guard *g, const uint8_t key[32], size_t len)
{
    const dura_crypto *c = g->port->crypto;
    uint8_t *body = g->work.init.factory + DURAI_PAE_HEAD_MAX, *text = body - DURAI_PAE_HEAD_MAX + (len < 10);
    if (!c->verify)
        return DURA_ENOTSUP;
    DURA_ASSERT(DURAI_PAE_HEAD_MAX == sizeof pae_head - 1 + 3);
    size_t n = durai_factory_pae(text, DURAI_PAE_HEAD_MAX + len, body, len);
    DURA_ASSERT(text + n == body + len);
    return c->verify(c->user, key, text, n, body + len);
}

int durai_factory_check(dura_guard *g, const uint8_t key[32])
{
    const uint8_t *body = g->work.init.factory + DURAI_PAE_HEAD_MAX;
    size_t len;
    int rc = read_factory(g, &len);
    if (rc == DURA_OK)
        rc = verify_factory(g, key, len);
    if (rc == DURA_OK)
        rc = durai_cbor_check(body, len); /* DURA_ECORRUPT */
    return rc != DURA_OK ? rc : body_allows(g, body, len);
}

/* ---- checkpoints ------------------------------------------------------------------ */

int durai_hash_in(const dura_crypto *c, dura_hash_state *s, const void *p, size_t n, uint8_t out[32])
{
    int rc = c->hash_init(c->user, s);
    if (rc == DURA_OK)
        rc = c->hash_update(c->user, s, p, n);
    return rc == DURA_OK ? c->hash_final(c->user, s, out) : rc;
}

int durai_hash(const dura_crypto *c, const void *p, size_t n, uint8_t out[32])
{
    dura_hash_state s;
    return durai_hash_in(c, &s, p, n, out);
}

/* The keyed tag, or zeros when the provider has no key; the CRC always. */
static int seal_record(const dura_port *port, uint8_t rec[NV_RECORD])
{
    int rc = DURA_OK;
    memset(rec + NV_TAGGED, 0, DURA_TAG_BYTES);
    if (port->crypto->mac)
        rc = port->crypto->mac(port->crypto->user, DURA_KEY_DEVICE, rec, NV_TAGGED, rec + NV_TAGGED);
    durai_put32(rec + 60, durai_crc32c(0, rec, 60));
    return rc;
}

/* Is rec a whole checkpoint of ours? Fills *nv when its counter is the highest so far. */
static int take_record(const dura_port *port, const uint8_t rec[NV_RECORD], durai_nv *nv)
{
    uint8_t again[NV_RECORD];
    if (durai_le32(rec) != NV_MAGIC || durai_le32(rec + 60) != durai_crc32c(0, rec, 60))
        return DURA_OK;
    memcpy(again, rec, NV_RECORD);
    int rc = seal_record(port, again);
    if (rc != DURA_OK || memcmp(again, rec, NV_RECORD) != 0)
        return rc;
    if (nv->found && durai_le64(rec + 8) < nv->counter)
        return DURA_OK;
    nv->found = 1;
    nv->counter = durai_le64(rec + 8);
    nv->boot = durai_le32(rec + 16);
    nv->latch = durai_le32(rec + 20);
    nv->clean = durai_le32(rec + 24);
    nv->journal = durai_le32(rec + 28);
    return 1;
}

static int erased(const uint8_t *p, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (p[i] != p[0])
            return 0;
    return p[0] == 0x00 || p[0] == 0xFF;
}

/* Read one checkpoint block. *end: offset behind its last used slot. 1: the newest record
 * so far is in this block. */
static int scan_block(const dura_port *port, uint64_t base, durai_nv *nv, uint64_t *end)
{
    const dura_region *r = port->region[DURA_REGION_NV];
    uint8_t rec[NV_RECORD];
    int newest = 0;
    *end = base;
    for (uint64_t at = base; at + NV_RECORD <= base + r->erase_size; at += NV_RECORD) {
        int rc = r->read(r->user, at, rec, sizeof rec);
        if (rc < 0)
            return rc;
        if (erased(rec, sizeof rec))
            continue; /* a torn record may be followed by good ones */
        *end = at + NV_RECORD;
        rc = take_record(port, rec, nv);
        if (rc < 0)
            return rc;
        newest |= rc;
    }
    return newest;
}

int durai_nv_read(const dura_port *port, durai_nv *nv)
{
    const dura_region *r = port->region[DURA_REGION_NV];
    uint64_t end[2];
    uint32_t current = 0;
    memset(nv, 0, sizeof *nv);
    for (uint32_t b = 0; b < 2; b++) {
        int rc = scan_block(port, (uint64_t)(1 + b) * r->erase_size, nv, &end[b]);
        if (rc < 0)
            return rc;
        if (rc == 1)
            current = b;
    }
    nv->next = end[current];
    return DURA_OK;
}

int durai_nv_write(const dura_port *port, durai_nv *nv)
{
    const dura_region *r = port->region[DURA_REGION_NV];
    uint8_t rec[NV_RECORD];
    uint64_t block = nv->next / r->erase_size;
    int rc;
    if (block > 2 || nv->next % r->erase_size == 0 || nv->next + NV_RECORD > (block + 1) * r->erase_size) {
        /* full, or never written: the other block, erased, so that this one stays whole */
        uint64_t used = nv->next % r->erase_size == 0 ? block - 1 : block;
        block = nv->found && used == 1 ? 2 : 1;
        rc = r->erase(r->user, block * r->erase_size, r->erase_size);
        if (rc < 0)
            return rc;
        nv->next = block * r->erase_size;
    }
    memset(rec, 0, sizeof rec);
    durai_put32(rec, NV_MAGIC);
    durai_put16(rec + 4, 1);
    durai_put64(rec + 8, nv->counter + 1);
    durai_put32(rec + 16, nv->boot);
    durai_put32(rec + 20, nv->latch);
    durai_put32(rec + 24, nv->clean);
    durai_put32(rec + 28, nv->journal);
    rc = seal_record(port, rec);
    if (rc < 0)
        return rc;
    uint64_t at = nv->next;
    nv->next += NV_RECORD; /* even when prog fails: what is half written is not reused */
    rc = r->prog(r->user, at, rec, sizeof rec);
    if (rc >= 0 && r->sync)
        rc = r->sync(r->user);
    if (rc < 0)
        return rc;
    nv->counter++;
    nv->found = 1;
    return DURA_OK;
}
