/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_backend_trees.c - gradient-boosted trees, read in place from a packed image.
 *
 * The image (docs/formats/model-trees.md) has 8 bytes per node: a threshold or a leaf's
 * value, and a word with the feature, where a missing value goes and how far behind the
 * node its two children stand. The nodes of a tree stand level by level, children in the
 * order of their parents. There is one such order for a tree, so the check is one walk
 * without memory: the next pair of children must be the one that the next parent names.
 * What passes is a tree (every node has one parent, children stand behind it), so run()
 * ends after at most 64 steps per tree and looks at nothing twice.
 *
 * Sums are XGBoost's: binary32, from the base margin on, in the order of the trees; a
 * value that is less than the threshold goes left, a missing one (NaN) where training
 * sent it. Everything is read in its byte order and at any alignment; the walk itself
 * through four bytes at a time, which is one instruction where the processor can.
 */
#include <dura/backend.h>

#include "../base/dura_base_priv.h"

#define TREES_MAGIC 0x45525444u     /* 'DTRE' */
#define TREES_VERSION 1u
#define TREES_HEADER 24u
#define TREES_TRAILER 8u            /* 4 zero bytes, CRC-32C */
#define TREES_MAX ((size_t)1 << 24) /* bytes of an image: less than 2^21 nodes, 21 bits of distance */
#define DEPTH_MAX 64u               /* steps from a root to a leaf */

#define ROOT_MASK 0xFFFFFFu         /* of a tree's word; its output is above */
#define FEATURE_MASK 0x3FFu         /* of a node's word */
#define MISSING_LEFT 0x400u
#define DISTANCE_SHIFT 11u          /* nodes to the left child, 0: leaf; the right one is behind it */

#define EXP_MOST 88.7f              /* e to this is finite; XGBoost's bound in the logistic */
#define IO_V1 8u

typedef struct trees_inst {
    const uint8_t *image;
} trees_inst;

static uint32_t n_outputs(const uint8_t *p) { return durai_le16(p + 6); }
static uint32_t n_inputs(const uint8_t *p) { return durai_le16(p + 12); }
static uint32_t is_logistic(const uint8_t *p) { return durai_le16(p + 14); }
static uint32_t n_trees(const uint8_t *p) { return durai_le32(p + 16); }
static uint32_t n_nodes(const uint8_t *p) { return durai_le32(p + 20); }

/* The trees' words; the nodes are behind them. */
static const uint8_t *forest(const uint8_t *p)
{
    return p + TREES_HEADER + (size_t)4 * n_outputs(p);
}

/* ---- the check ------------------------------------------------------------------- */

/* Length, magic, version, checksum. */
static int check_frame(const uint8_t *p, size_t len)
{
    if (len < TREES_HEADER + TREES_TRAILER || len > TREES_MAX || len % 8u != 0)
        return DURA_ECORRUPT;
    if (durai_le32(p) != TREES_MAGIC)
        return DURA_ECORRUPT;
    if (durai_le16(p + 4) != TREES_VERSION)
        return DURA_EVERSION;
    if (durai_le32(p + 8) != len || durai_le32(p + len - 8) != 0)
        return DURA_ECORRUPT;
    return durai_crc32c(0, p, len - 4) == durai_le32(p + len - 4) ? DURA_OK : DURA_ECORRUPT;
}

/* Counts in their ranges, and room for all of it. */
static int check_counts(const uint8_t *p, size_t len)
{
    uint32_t words = (uint32_t)(len - TREES_HEADER - TREES_TRAILER) / 4u, nodes = n_nodes(p);
    if (n_inputs(p) < 1 || n_inputs(p) > DURA_MODEL_INPUTS_MAX)
        return DURA_ECORRUPT;
    if (n_outputs(p) < 1 || n_outputs(p) > DURA_OUTPUTS_MAX || is_logistic(p) > 1)
        return DURA_ECORRUPT;
    if (nodes > words / 2u || n_trees(p) < 1 || n_trees(p) > nodes)
        return DURA_ECORRUPT;
    return n_outputs(p) + n_trees(p) + 2u * nodes <= words ? DURA_OK : DURA_ECORRUPT;
}

/* One tree, its nodes at `node` up to `n`. `child` is where the next pair must stand,
 * `level` where the level that is being walked ends. */
static int check_tree(const uint8_t *node, uint32_t n, uint32_t inputs)
{
    uint32_t i, child = 1, level = 1, depth = 0;
    for (i = 0; i < n; i++, node += 8) {
        uint32_t word = durai_le32(node + 4);
        if (i == level) {
            depth++;
            level = child;
        }
        if (i >= child || depth > DEPTH_MAX || !durai_finite(durai_f32(durai_le32(node))))
            return DURA_ECORRUPT;
        if (word == 0)
            continue;
        if (word >> DISTANCE_SHIFT != child - i || (word & FEATURE_MASK) >= inputs)
            return DURA_ECORRUPT;
        child += 2;
        DURA_ASSERT(child > i + 2u);
    }
    return child == n ? DURA_OK : DURA_ECORRUPT;
}

/* Every tree begins where the one before it ends. */
static int check_forest(const uint8_t *p)
{
    const uint8_t *tree = forest(p), *node = tree + (size_t)4 * n_trees(p);
    uint32_t t, begin = 0, trees = n_trees(p);
    for (t = 0; t < trees; t++) {
        uint32_t word = durai_le32(tree + (size_t)4 * t);
        uint32_t end = t + 1u < trees ? durai_le32(tree + (size_t)4 * t + 4) & ROOT_MASK : n_nodes(p);
        if ((word & ROOT_MASK) != begin || word >> 24 >= n_outputs(p))
            return DURA_ECORRUPT;
        if (end <= begin || end > n_nodes(p))
            return DURA_ECORRUPT;
        if (check_tree(node + (size_t)8 * begin, end - begin, n_inputs(p)) < 0)
            return DURA_ECORRUPT;
        begin = end;
    }
    DURA_ASSERT(begin == n_nodes(p));
    return DURA_OK;
}

int dura_trees_check(const void *image, size_t len)
{
    const uint8_t *p = image;
    uint32_t k;
    int rc = p ? check_frame(p, len) : DURA_EINVAL;
    if (rc == DURA_OK)
        rc = check_counts(p, len);
    if (rc < 0)
        return rc;
    for (k = 0; k < n_outputs(p); k++)
        if (!durai_finite(durai_f32(durai_le32(p + TREES_HEADER + (size_t)4 * k))))
            return DURA_ECORRUPT;
    return check_forest(p);
}

/* ---- the backend ----------------------------------------------------------------- */

static int32_t trees_mem_req(const void *config, const void *image, size_t image_len, size_t *bytes,
                             size_t *align)
{
    int32_t rc;
    if (config || !bytes || !align)
        return DURA_EINVAL;
    rc = dura_trees_check(image, image_len);
    if (rc < 0)
        return rc;
    *bytes = sizeof(trees_inst);
    *align = 8;
    return DURA_OK;
}

static int32_t trees_open(void *inst, const void *config, const void *image, size_t image_len)
{
    int32_t rc;
    if (!inst || config)
        return DURA_EINVAL;
    rc = dura_trees_check(image, image_len);
    if (rc < 0)
        return rc;
    ((trees_inst *)inst)->image = image;
    return DURA_OK;
}

static int32_t trees_io(const void *inst, dura_backend_io *out)
{
    const trees_inst *t = inst;
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    if (!t || !out)
        return DURA_EINVAL;
    io.n_inputs = (uint16_t)n_inputs(t->image);
    io.n_outputs = (uint16_t)n_outputs(t->image);
    return durai_struct_out(out, &io, (uint32_t)sizeof io, IO_V1);
}

static inline uint32_t trees_word(const uint8_t *p)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
#else
    return durai_le32(p);
#endif
}

/* The leaf's value that in falls to, from the root at `node` on. */
static float leaf(const uint8_t *node, const float *in)
{
    uint32_t word = trees_word(node + 4);
    while (word != 0) {
        float x = in[word & FEATURE_MASK];
        uint32_t right;
        if ((durai_f32_bits(x) & 0x7FFFFFFFu) > 0x7F800000u)
            right = (word & MISSING_LEFT) == 0;
        else
            right = !(x < durai_f32(trees_word(node)));
        node += (size_t)8 * ((word >> DISTANCE_SHIFT) + right);
        word = trees_word(node + 4);
    }
    return durai_f32(trees_word(node));
}

static float logistic(float margin)
{
    float up = -margin;
    return 1.0f / (1.0f + durai_exp(up > EXP_MOST ? EXP_MOST : up));
}

static int32_t trees_run(void *inst, const float *in, size_t n_in, float *out, size_t n_out,
                         int64_t deadline_ns)
{
    const trees_inst *t = inst;
    const uint8_t *p, *tree, *node;
    uint32_t k, n;
    (void)deadline_ns;
    if (!t || !in || !out || n_in != n_inputs(t->image) || n_out != n_outputs(t->image))
        return DURA_EINVAL;
    p = t->image;
    n = n_trees(p);
    tree = forest(p);
    node = tree + (size_t)4 * n;
    for (k = 0; k < n_out; k++)
        out[k] = durai_f32(durai_le32(p + TREES_HEADER + (size_t)4 * k));
    for (; n > 0; n--, tree += 4) {
        uint32_t word = durai_le32(tree);
        DURA_ASSERT(word >> 24 < n_out);
        out[word >> 24] += leaf(node + (size_t)8 * (word & ROOT_MASK), in);
    }
    for (k = 0; k < n_out && is_logistic(p); k++)
        out[k] = logistic(out[k]);
    return DURA_OK;
}

const dura_backend *dura_backend_trees(void)
{
    static const dura_backend table = {(uint32_t)sizeof(dura_backend),
                                       1,
                                       0,
                                       "org.dura.trees",
                                       DURA_VERSION,
                                       trees_mem_req,
                                       trees_open,
                                       trees_io,
                                       trees_run,
                                       NULL,
                                       NULL,
                                       NULL,
                                       NULL};
    return &table;
}
