/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of a brain that is coming (docs/formats/release.md): a release may sign the root of
 * an RFC 6962 tree over 64 KiB chunks. Who brings the path of a chunk before its bytes has a
 * wrong one refused as soon as it is complete, and not when all of it was read back.
 *
 * Nothing of this is kept: the root is taken from the envelope each time, whose statement has
 * the digest that the journal noted, so it is the one that was verified. That holds after a
 * restart, too, and costs the object no byte. The digest over the whole still decides.
 */
#include "dura_gate_priv.h"

enum { NODE = 1 + 2 * DURA_HASH_BYTES };

int durai_gate_hash(dura_gate *g, const void *p, size_t n)
{
    const dura_crypto *c = g->crypto;
    int rc = c->hash_init(c->user, &g->u.hash);
    if (rc >= 0)
        rc = c->hash_update(c->user, &g->u.hash, p, n);
    return rc < 0 ? rc : c->hash_final(c->user, &g->u.hash, g->sum);
}

/* Item by item: a statement's values are flat or arrays of numbers, and the stack is small here. */
DURAI_NOINLINE const uint8_t *durai_release_chunks(const uint8_t *payload, size_t len)
{
    durai_cbor_in in;
    durai_item it;
    uint32_t key = 0, of_key = 0;
    durai_cbor_open(&in, payload, len);
    for (int rc = durai_cbor_next(&in, &it); rc == DURA_OK; rc = durai_cbor_next(&in, &it)) {
        if (it.type == DURAI_CBOR_MAP)
            continue;
        if (of_key) { /* a value, or one of an array's */
            of_key += it.type == DURAI_CBOR_ARRAY ? (uint32_t)it.v : 0;
            if (key == DURAI_K_CHUNKS && it.type == DURAI_CBOR_BYTES && it.v == DURA_HASH_BYTES)
                return it.p;
            of_key--;
        } else {
            key = it.v <= DURAI_K_CHUNKS ? (uint32_t)it.v : 0;
            of_key = 1;
        }
    }
    return NULL;
}

/* From the leaf in g->sum to the root, there, along n nodes: DURA_OK; DURA_EAUTH: not so many; a
 * hook's code. RFC 9162, section 2.1.3, seen level by level: the last node of an odd level has no
 * neighbour and goes up as it is. */
static int climb(dura_gate *g, const uint8_t *path, uint32_t n)
{
    uint8_t *b = (uint8_t *)g->work;
    uint32_t at = (uint32_t)(g->pos / DURA_CHUNK_BYTES), width = (uint32_t)((g->rec.n[DURAI_C_LENGTH] - 1) / DURA_CHUNK_BYTES) + 1;
    int rc = DURA_OK;
    DURA_ASSERT(at < width && g->fill == 0);
    b[0] = 1;
    for (; width > 1 && rc >= 0; width = (width + 1) / 2, at /= 2) {
        if ((at ^ 1u) >= width)
            continue;
        if (n == 0)
            return DURA_EAUTH;
        n--;
        memcpy(b + 1 + DURA_HASH_BYTES * (at & 1u), g->sum, DURA_HASH_BYTES);
        memcpy(b + 1 + DURA_HASH_BYTES * (~at & 1u), path, DURA_HASH_BYTES);
        path += DURA_HASH_BYTES;
        rc = durai_gate_hash(g, b, NODE);
    }
    return rc >= 0 && n ? DURA_EAUTH : rc;
}

int durai_gate_prove(dura_gate *g, const void *envelope, size_t len, const uint8_t *leaf, const uint8_t *path, uint32_t n)
{
    durai_envelope e;
    if (!g || !envelope || !leaf || (n && !path))
        return DURA_EINVAL;
    if (!durai_gate_takes(g) || g->pos % DURA_CHUNK_BYTES || g->pos >= g->rec.n[DURAI_C_LENGTH])
        return DURA_ESTATE;
    if (durai_envelope_open(&e, envelope, len) != DURA_OK)
        return DURA_ECORRUPT;
    g->checked = 0;
    int rc = durai_gate_hash(g, e.payload, e.len);
    if (rc < 0)
        return rc;
    if (memcmp(g->sum, g->rec.release, sizeof g->sum) != 0)
        return DURA_EDENIED;
    const uint8_t *root = durai_release_chunks(e.payload, e.len);
    if (!root)
        return DURA_ENOENT;
    memcpy(g->sum, leaf, sizeof g->sum);
    rc = climb(g, path, n);
    if (rc >= 0 && memcmp(g->sum, root, sizeof g->sum) != 0)
        rc = DURA_EAUTH;
    if (rc >= 0)
        rc = g->crypto->hash_init(g->crypto->user, &g->u.hash);
    if (rc >= 0)
        rc = g->crypto->hash_update(g->crypto->user, &g->u.hash, "", 1); /* a leaf: 0, then its bytes */
    memcpy(g->sum, leaf, sizeof g->sum);
    g->checked = rc >= 0;
    return rc;
}

int durai_gate_chunk(dura_gate *g, const uint8_t *p, size_t n)
{
    const dura_crypto *c = g->crypto;
    uint8_t is[DURA_HASH_BYTES] = {0};
    uint64_t end = g->pos + n;
    if (!g->checked)
        return DURA_OK;
    int rc = c->hash_update(c->user, &g->u.hash, p, n);
    if (rc >= 0 && end % DURA_CHUNK_BYTES != 0 && end != g->rec.n[DURAI_C_LENGTH])
        return DURA_OK;
    g->checked = 0; /* of a chunk that could not be hashed nothing is known: the whole will tell */
    if (rc >= 0)
        rc = c->hash_final(c->user, &g->u.hash, is);
    if (rc < 0 || memcmp(is, g->sum, sizeof is) == 0)
        return rc < 0 ? rc : DURA_OK;
    g->fail |= DURA_WHY_DIGEST;
    return DURA_EDENIED;
}
