/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees over the chunks of a release's subject (docs/formats/release.md): made at a desk, kept in
 * a file beside the subject, and followed while the subject comes in, one chunk at a time.
 *
 * A chunk is hashed twice, for the whole and as a leaf. Both run in lock step, so that the second
 * one costs little where the processor has SHA instructions. A subject of any length takes one
 * dura_chunks and the caller's buffer.
 */
#include <dura/host/pack.h>
#include <dura/host/release.h>

#include <sodium.h>

#include <stdlib.h>

#include "../gate/dura_gate_priv.h"
#include "dura_host_sha256.h"

enum { FILE_HEAD = 16, FILE_VERSION = 1, CHUNK_BITS = 16, HASH = DURA_HASH_BYTES };

static uint64_t chunks_of(uint64_t length) { return (length - 1) / DURA_CHUNK_BYTES + 1; }

/* ---- hashing ------------------------------------------------------------------------------ */

static void node(uint8_t out[HASH], const uint8_t *left, const uint8_t *right)
{
    uint8_t both[1 + 2 * HASH] = {1};
    memcpy(both + 1, left, HASH);
    memcpy(both + 1 + HASH, right, HASH);
    dura_sha256_query(out, both, sizeof both);
}

/* n bytes into the whole and as a leaf: byte 0 and then the bytes, so its blocks lie one off. */
static void hash_both(dura_sha256 *whole, uint8_t leaf[HASH], const uint8_t *p, size_t n)
{
    const durai_sha256_engine *e = durai_sha256_best();
    static const uint8_t prefix = 0;
    size_t blocks = e->pair && whole->n % 64 == 0 ? n / 64 : 0;
    dura_sha256 l;
    dura_sha256_init(&l);
    dura_sha256_update(&l, &prefix, 1);
    if (blocks) {
        memcpy(l.block + 1, p, 63);
        e->pair(whole->h, p, l.h, l.block, 1);
        e->pair(whole->h, p + 64, l.h, p + 63, blocks - 1);
        whole->n += 64 * (uint64_t)blocks;
        l.n = 64 * (uint64_t)blocks;
    }
    dura_sha256_update(whole, p + 64 * blocks, n - 64 * blocks);
    size_t from = blocks ? 64 * blocks - 1 : 0;
    dura_sha256_update(&l, p + from, n - from);
    dura_sha256_final(&l, leaf);
}

/* ---- making ------------------------------------------------------------------------------- */

/* Nodes of all levels; the one without a neighbour goes up as it is. */
static uint64_t nodes_of(uint64_t n)
{
    uint64_t sum = n;
    for (; n > 1; sum += n)
        n = (n + 1) / 2;
    return sum;
}

int dura_chunks_make(const void *subject, size_t len, void **tree, size_t *tree_len, uint8_t root[DURA_HASH_BYTES],
                     dura_error *err)
{
    if (tree)
        *tree = NULL;
    if (!subject || !len || !tree || !tree_len || !root)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "there is no subject");
    uint64_t n = chunks_of(len), total = FILE_HEAD + HASH * nodes_of(n);
    uint8_t *file = total <= SIZE_MAX ? malloc((size_t)total) : NULL;
    if (!file)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "no memory for the tree");
    memcpy(file, "DCHT", 4);
    durai_put16(file + 4, FILE_VERSION);
    durai_put16(file + 6, CHUNK_BITS);
    durai_put64(file + 8, len);
    uint8_t *at = file + FILE_HEAD;
    for (uint64_t i = 0; i < n; i++) {
        const void *p = (const uint8_t *)subject + i * DURA_CHUNK_BYTES;
        size_t left = len - (size_t)i * DURA_CHUNK_BYTES, size = left < DURA_CHUNK_BYTES ? left : DURA_CHUNK_BYTES;
        dura_sha256_query_n(0, &p, &size, 1, (uint8_t(*)[HASH])(void *)(at + HASH * i));
    }
    for (; n > 1; n = (n + 1) / 2) {
        uint8_t *up = at + HASH * n;
        for (uint64_t i = 0; i + 1 < n; i += 2)
            node(up + HASH * (i / 2), at + HASH * i, at + HASH * (i + 1));
        if (n % 2)
            memcpy(up + HASH * (n / 2), at + HASH * (n - 1), HASH);
        at = up;
    }
    memcpy(root, at, HASH);
    *tree = file;
    *tree_len = (size_t)total;
    return DURA_OK;
}

/* ---- paths -------------------------------------------------------------------------------- */

int dura_chunks_open(dura_chunks *c, const uint8_t root[DURA_HASH_BYTES], uint64_t length, dura_chunks_read read, void *user)
{
    uint8_t head[FILE_HEAD];
    if (!c || !length || length > (uint64_t)INT64_MAX || (root && !read))
        return DURA_EINVAL;
    memset(c, 0, sizeof *c);
    c->length = length;
    c->read = read;
    c->user = user;
    dura_sha256_init(&c->whole);
    if (!root)
        return DURA_OK;
    memcpy(c->root, root, HASH);
    c->has_root = 1;
    int rc = read(user, 0, head, sizeof head);
    if (rc < 0)
        return rc;
    if (memcmp(head, "DCHT", 4) != 0 || durai_le16(head + 6) != CHUNK_BITS || durai_le64(head + 8) != length)
        return DURA_ECORRUPT;
    return durai_le16(head + 4) == FILE_VERSION ? DURA_OK : DURA_EVERSION;
}

int dura_chunks_path(dura_chunks *c, uint64_t index, uint8_t leaf[DURA_HASH_BYTES], uint8_t path[DURA_CHUNKS_PATH][DURA_HASH_BYTES],
                     uint32_t *n)
{
    if (!c || !leaf || !path || !n || !c->has_root || index >= chunks_of(c->length))
        return DURA_EINVAL;
    uint64_t at = FILE_HEAD, width = chunks_of(c->length);
    int rc = c->read(c->user, at + HASH * index, leaf, HASH);
    *n = 0;
    for (; rc >= 0 && width > 1; width = (width + 1) / 2, index /= 2) {
        if ((index ^ 1) < width)
            rc = c->read(c->user, at + HASH * (index ^ 1), path[(*n)++], HASH);
        at += HASH * width;
    }
    return rc < 0 ? rc : DURA_OK;
}

/* From a leaf to the root along its path: DURA_OK; DURA_EAUTH. */
static int climb_to(const uint8_t *root, const uint8_t *leaf, uint64_t index, uint64_t width, uint8_t (*path)[HASH])
{
    uint8_t sum[HASH];
    memcpy(sum, leaf, HASH);
    for (; width > 1; width = (width + 1) / 2, index /= 2)
        if ((index ^ 1) < width) {
            node(sum, index % 2 ? *path : sum, index % 2 ? sum : *path);
            path++;
        }
    return memcmp(sum, root, HASH) == 0 ? DURA_OK : DURA_EAUTH;
}

int dura_chunks_next(dura_chunks *c, const void *p, size_t n)
{
    uint8_t want[HASH], leaf[HASH], path[DURA_CHUNKS_PATH][HASH];
    uint32_t k = 0;
    if (!c || !p || c->at >= c->length || n != (c->length - c->at < DURA_CHUNK_BYTES ? c->length - c->at : DURA_CHUNK_BYTES))
        return DURA_EINVAL;
    uint64_t index = c->at / DURA_CHUNK_BYTES;
    if (!c->has_root) {
        dura_sha256_update(&c->whole, p, n);
    } else {
        int rc = dura_chunks_path(c, index, want, path, &k);
        if (rc == DURA_OK)
            rc = climb_to(c->root, want, index, chunks_of(c->length), path);
        if (rc < 0)
            return rc; /* of the tree's file, not of the chunk */
        hash_both(&c->whole, leaf, p, n);
        if (memcmp(leaf, want, HASH) != 0)
            return DURA_ECORRUPT;
    }
    c->at += n;
    return DURA_OK;
}

int dura_chunks_digest(dura_chunks *c, uint8_t digest[DURA_HASH_BYTES])
{
    if (!c || !digest || c->at != c->length)
        return DURA_ESTATE;
    dura_sha256_final(&c->whole, digest);
    c->at = 0;
    c->length = 0;
    return DURA_OK;
}

/* ---- payloads ------------------------------------------------------------------------------- */

int dura_chunks_root(const void *payload, size_t n, uint8_t root[DURA_HASH_BYTES])
{
    dura_release r = DURA_RELEASE_INIT;
    if (!payload || !root || dura_release_decode(payload, n, &r) != DURA_OK)
        return DURA_EINVAL;
    const uint8_t *p = durai_release_chunks(payload, n);
    if (!p)
        return DURA_ENOENT;
    memcpy(root, p, HASH);
    return DURA_OK;
}

int dura_chunks_sign(void *payload, size_t *n, size_t cap, const uint8_t root[DURA_HASH_BYTES])
{
    uint8_t there[HASH], *p = payload;
    durai_cbor c;
    int rc = payload && n && root ? dura_chunks_root(payload, *n, there) : DURA_EINVAL;
    if (rc != DURA_ENOENT)
        return rc == DURA_OK ? DURA_ESTATE : rc;
    if ((p[0] & 0x1F) >= 23 || *n > cap)
        return DURA_EINVAL;
    durai_cbor_init(&c, p + *n, cap - *n);
    durai_cbor_kbytes(&c, DURAI_K_CHUNKS, root, HASH);
    if (c.err != DURA_OK || *n + c.len > DURA_RELEASE_PAYLOAD_MAX)
        return DURA_ENOSPC;
    p[0]++;
    rc = dura_chunks_root(payload, *n + c.len, there);
    p[0] = (uint8_t)(p[0] - (rc != DURA_OK));
    *n += rc == DURA_OK ? c.len : 0;
    return rc;
}
