/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merkle proofs over RFC 6962 trees: inclusion, consistency and subtrees are one thing.
 *
 * A subtree [start, end) sits in the tree of `size` leaves at the end of a way down: at each
 * node the range lies in the left half, in the right half, or - when it starts where the node
 * does - it holds the whole left half and goes on into the right one. Walking the way back up
 * folds one hash of the proof per step: into the big tree's hash always, into the subtree's
 * where its range went on. A leaf is the subtree of one; an older tree is [0, size1).
 */
#include <dura/host/crypto.h>
#include <dura/host/proof.h>
#include <dura/host/record.h>

#include "../base/dura_base_priv.h"

#include <stdlib.h>

static void hash_node(const uint8_t left[32], const uint8_t right[32], uint8_t out[32])
{
    uint8_t pair[64], digest[1][32];
    const void *in = pair;
    size_t len = sizeof pair;
    memcpy(pair, left, 32);
    memcpy(pair + 32, right, 32);
    dura_sha256_query_n(0x01, &in, &len, 1, digest);
    memcpy(out, digest[0], 32);
}

/* The largest power of two below n; n > 1. */
static uint64_t half_of(uint64_t n)
{
    uint64_t k = 1;
    DURA_ASSERT(n > 1);
    while (n - k > k)
        k *= 2;
    return k;
}

static int subtree_valid(uint64_t start, uint64_t end, uint64_t size)
{
    if (start >= end || end > size)
        return 0;
    uint64_t n = end - start, hold = n > 1 ? half_of(n) : 1; /* holds n: twice that, but for 1 */
    return (start & (n > 1 ? 2 * hold - 1 : 0)) == 0;
}

/* ---- the way down ------------------------------------------------------------------- */

enum { WENT_LEFT = 0, WENT_RIGHT = 1, WENT_ON = 2 };

typedef struct way_down {
    uint8_t step[DURA_PROOF_MAX];    /* WENT_*, from the root */
    uint64_t at[DURA_PROOF_MAX];     /* leaves of the other half: first, and how many */
    uint64_t count[DURA_PROOF_MAX];
    uint64_t left, size;             /* the node where it ends */
    size_t n;
    int split;                       /* it went on at least once */
} way_down;

static void go_down(way_down *w, uint64_t start, uint64_t end, uint64_t size)
{
    uint64_t left = 0;
    w->n = 0;
    w->split = 0;
    while (start != 0 || end != size) {
        uint64_t k = half_of(size);
        int step = end <= k ? WENT_LEFT : start >= k ? WENT_RIGHT : WENT_ON;
        DURA_ASSERT(w->n < DURA_PROOF_MAX && (step != WENT_ON || start == 0));
        w->step[w->n] = (uint8_t)step;
        w->at[w->n] = step == WENT_LEFT ? left + k : left;
        w->count[w->n] = step == WENT_LEFT ? size - k : k;
        w->n++;
        if (step == WENT_LEFT) {
            size = k;
            continue;
        }
        w->split |= step == WENT_ON;
        left += k;
        start = step == WENT_ON ? 0 : start - k;
        end -= k;
        size -= k;
    }
    w->left = left;
    w->size = size;
}

int dura_proof_subtree(uint64_t start, uint64_t end, const uint8_t sub[32], uint64_t size, const uint8_t root[32],
                       const uint8_t (*path)[32], size_t n)
{
    uint8_t small[32], big[32];
    way_down w;
    if (!sub || !root || (n && !path) || !subtree_valid(start, end, size))
        return DURA_EAUTH;
    go_down(&w, start, end, size);
    if (n != w.n + (w.split ? 1u : 0u))
        return DURA_EAUTH;
    memcpy(small, w.split ? path[0] : sub, 32);
    memcpy(big, small, 32);
    if (w.split)
        path++;
    for (size_t i = 0; i < w.n; i++) {
        int step = w.step[w.n - 1 - i];
        if (step == WENT_LEFT)
            hash_node(big, path[i], big);
        else
            hash_node(path[i], big, big);
        if (step == WENT_ON)
            hash_node(path[i], small, small);
    }
    return memcmp(small, sub, 32) == 0 && memcmp(big, root, 32) == 0 ? DURA_OK : DURA_EAUTH;
}

int dura_proof_inclusion(const uint8_t leaf[32], uint64_t index, uint64_t size, const uint8_t root[32],
                         const uint8_t (*path)[32], size_t n)
{
    return index >= size ? DURA_EAUTH : dura_proof_subtree(index, index + 1, leaf, size, root, path, n);
}

int dura_proof_consistency(uint64_t size1, const uint8_t root1[32], uint64_t size2, const uint8_t root2[32],
                           const uint8_t (*path)[32], size_t n)
{
    return dura_proof_subtree(0, size1, root1, size2, root2, path, n);
}

/* ---- a tree in memory ------------------------------------------------------------------ */

/* Hashes of leaves and of complete subtrees, each in the place of in-order numbering: leaf i at
 * 2i, the node over [a, a + 2^k) at 2a + 2^k - 1. Growing moves nothing. */
struct dura_leaves {
    uint8_t (*node)[32];
    uint64_t size, room;             /* leaves */
};

int dura_leaves_open(dura_leaves **out)
{
    if (!out)
        return DURA_EINVAL;
    *out = calloc(1, sizeof **out);
    return *out ? DURA_OK : DURA_ENOSPC;
}

uint64_t dura_leaves_size(const dura_leaves *t)
{
    return t ? t->size : 0;
}

int dura_leaves_append(dura_leaves *t, const uint8_t leaf[32])
{
    if (!t || !leaf)
        return DURA_EINVAL;
    if (t->size == t->room) {
        uint64_t room = t->room ? 2 * t->room : 256;
        void *more = room > SIZE_MAX / 64 ? NULL : realloc(t->node, (size_t)room * 64);
        if (!more)
            return DURA_ENOSPC;
        t->node = more;
        t->room = room;
    }
    uint64_t at = 2 * t->size;
    memcpy(t->node[at], leaf, 32);
    for (uint64_t half = 1; t->size & half; half *= 2) { /* a pair of equals is complete */
        uint64_t up = at - half;
        hash_node(t->node[up - half], t->node[at], t->node[up]);
        at = up;
    }
    t->size++;
    return DURA_OK;
}

/* Hash over [from, from + n), from a multiple of the power of two that holds n. */
static void range_hash(const dura_leaves *t, uint64_t from, uint64_t n, uint8_t out[32])
{
    uint64_t part[64];
    size_t parts = 0;
    DURA_ASSERT(n > 0 && from + n <= t->size);
    while (n > 1 && (n & (n - 1)) != 0) { /* the complete left half stands aside */
        uint64_t k = half_of(n);
        part[parts++] = 2 * from + k - 1;
        from += k;
        n -= k;
    }
    memcpy(out, t->node[2 * from + n - 1], 32);
    while (parts > 0)
        hash_node(t->node[part[--parts]], out, out);
}

int dura_leaves_root(const dura_leaves *t, uint64_t start, uint64_t end, uint8_t out[32])
{
    if (!t || !out || (start == end ? start > t->size : !subtree_valid(start, end, t->size)))
        return DURA_EINVAL;
    if (start == end)
        dura_sha256_query(out, NULL, 0);
    else
        range_hash(t, start, end - start, out);
    return DURA_OK;
}

int dura_leaves_prove(const dura_leaves *t, uint64_t start, uint64_t end, uint64_t size,
                      uint8_t path[DURA_PROOF_MAX][32], size_t *n)
{
    way_down w;
    if (!t || !path || !n || size > t->size || !subtree_valid(start, end, size))
        return DURA_EINVAL;
    go_down(&w, start, end, size);
    *n = 0;
    if (w.split)
        range_hash(t, w.left, w.size, path[(*n)++]);
    for (size_t i = w.n; i > 0; i--)
        range_hash(t, w.at[i - 1], w.count[i - 1], path[(*n)++]);
    DURA_ASSERT(*n <= DURA_PROOF_MAX);
    return DURA_OK;
}

void dura_leaves_close(dura_leaves *t)
{
    if (!t)
        return;
    free(t->node);
    free(t);
}

int dura_leaves_load(dura_leaves **out, const char *folder, int log, dura_error *err)
{
    dura_records *in = NULL;
    dura_record r;
    uint8_t leaf[1][32];
    if (!out || (log != DURA_LOG_SECURITY && log != DURA_LOG_DECISION))
        return dura_error_set(err, DURA_EINVAL, folder, 0, NULL, "one of the two logs must be given");
    int rc = dura_leaves_open(out);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, folder, 0, NULL, "out of memory");
    memset(&r, 0, sizeof r);
    r.struct_size = sizeof r;
    rc = dura_records_open(&in, folder, log, err);
    while (rc >= 0 && (rc = dura_records_next(in, &r, err)) == 1) {
        const void *p = r.cbor;
        size_t len = r.len;
        dura_sha256_query_n(0x00, &p, &len, 1, leaf);
        if (dura_leaves_append(*out, leaf[0]) != DURA_OK)
            rc = dura_error_set(err, DURA_ENOSPC, folder, 0, NULL, "out of memory");
    }
    dura_records_close(in);
    if (rc < 0) {
        dura_leaves_close(*out);
        *out = NULL;
    }
    return rc;
}
