/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Merkle tree of RFC 6962 section 2.1 as a compact range: only the roots of the
 * complete subtrees are kept, one per set bit of the size. Adding a leaf is a binary
 * increment; the root folds the peaks from the smallest up.
 */
#include "dura_base_priv.h"

int durai_tree_add(durai_tree *t, const uint8_t leaf[32], durai_node_hash h, void *ctx)
{
    uint8_t node[32];
    uint32_t level = 0;
    if (t->size >> t->height)
        return DURA_ELIMIT;
    if (t->size == ((uint64_t)1 << t->height) - 1u && t->height > 0)
        return DURA_ELIMIT; /* the top peak would need one more hash of storage */
    memcpy(node, leaf, sizeof node);
    for (; (t->size >> level) & 1u; level++) {
        int rc = h(ctx, t->peak[level], node, node);
        if (rc != DURA_OK)
            return rc;
    }
    DURA_ASSERT(level < t->height);
    memcpy(t->peak[level], node, sizeof node);
    t->size++;
    return DURA_OK;
}

int durai_tree_root(const durai_tree *t, uint8_t out[32], durai_node_hash h, void *ctx)
{
    int have = 0;
    for (uint32_t level = 0; level < t->height; level++) {
        if (!((t->size >> level) & 1u))
            continue;
        if (have) {
            int rc = h(ctx, t->peak[level], out, out);
            if (rc != DURA_OK)
                return rc;
        } else {
            memcpy(out, t->peak[level], 32);
            have = 1;
        }
    }
    return DURA_OK;
}
