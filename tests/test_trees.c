/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend of boosted trees: images written here byte by byte, answers by hand and by a
 * recursive second reader, and every way in which an image can be wrong.
 */
#include <dura/backend.h>

#include "base/dura_base_priv.h"
#include "dt.h"

enum { ROOM = 16384, NODES = 600, TREES = 40, LEAF = -1 };

/* A node as a test writes it; trees are level by level, where children stand follows. */
typedef struct node {
    int feature;            /* LEAF, or what is compared */
    float value;            /* threshold, or the leaf's value */
    int missing_left;
} node;

typedef struct forest {
    uint16_t n_in, n_out, logistic;
    float base[DURA_OUTPUTS_MAX];
    uint32_t n_trees, n_nodes;
    uint32_t root[TREES], output[TREES];
    node node[NODES];
    uint32_t left[NODES];   /* set by write_image */
} forest;

static uint64_t image_mem[ROOM / 8 + 1];
static uint8_t *const image = (uint8_t *)image_mem;
static size_t image_len;
static forest f;

static float quiet_nan(void) { return durai_f32(0x7FC00000u); }

static void start(uint16_t n_in, uint16_t n_out, uint16_t logistic)
{
    memset(&f, 0, sizeof f);
    f.n_in = n_in;
    f.n_out = n_out;
    f.logistic = logistic;
}

static void add_tree(uint32_t output, const node *nodes, uint32_t n)
{
    f.root[f.n_trees] = f.n_nodes;
    f.output[f.n_trees++] = output;
    memcpy(f.node + f.n_nodes, nodes, n * sizeof *nodes);
    f.n_nodes += n;
}
#define TREE(output, ...) add_tree(output, (const node[])__VA_ARGS__, sizeof((const node[])__VA_ARGS__) / sizeof(node))

static void repair(void)
{
    durai_put32(image + 8, (uint32_t)image_len);
    durai_put32(image + image_len - 4, durai_crc32c(0, image, image_len - 4));
}

static uint8_t *forest_at(void) { return image + 24 + 4 * f.n_out; }
static uint8_t *node_at(uint32_t i) { return forest_at() + 4 * f.n_trees + 8 * i; }

static void write_nodes(uint32_t t)
{
    uint32_t end = t + 1 < f.n_trees ? f.root[t + 1] : f.n_nodes, i, child = f.root[t] + 1;
    for (i = f.root[t]; i < end; i++) {
        uint32_t word = 0;
        if (f.node[i].feature != LEAF) {
            word = (child - i) << 11 | (f.node[i].missing_left ? 0x400u : 0u) | (uint32_t)f.node[i].feature;
            f.left[i] = child;
            child += 2;
        }
        durai_put32(node_at(i), durai_f32_bits(f.node[i].value));
        durai_put32(node_at(i) + 4, word);
    }
}

static void write_image(void)
{
    uint32_t k;
    size_t n = 24 + 4 * f.n_out + 4 * f.n_trees + 8 * f.n_nodes + 2 * f.n_in + f.n_out;
    memset(image, 0, ROOM);
    image_len = (n + 7) / 8 * 8 + 8;
    dt_ok(image_len <= ROOM, "");
    durai_put32(image, 0x45525444);
    durai_put16(image + 4, 1);
    durai_put16(image + 6, f.n_out);
    durai_put16(image + 12, f.n_in);
    durai_put16(image + 14, f.logistic);
    durai_put32(image + 16, f.n_trees);
    durai_put32(image + 20, f.n_nodes);
    for (k = 0; k < f.n_out; k++)
        durai_put32(image + 24 + 4 * k, durai_f32_bits(f.base[k]));
    for (k = 0; k < f.n_trees; k++) {
        durai_put32(forest_at() + 4 * k, f.root[k] | f.output[k] << 24);
        write_nodes(k);
    }
    for (k = 0; k < f.n_in; k++)
        node_at(f.n_nodes)[2 * k] = (uint8_t)('a' + k % 26);
    repair();
}

/* The answer through the table, as the guard asks for it. */
static void ask(const float *in, float *out)
{
    uint64_t inst[8];
    size_t bytes = 0, align = 0;
    const dura_backend *b = dura_backend_trees();
    dt_eq(b->mem_req(NULL, image, image_len, &bytes, &align), DURA_OK, "");
    dt_ok(bytes <= 16 && align == 8, "tiny: %zu bytes", bytes);
    dt_eq(b->open(inst, NULL, image, image_len), DURA_OK, "");
    dt_eq(b->run(inst, in, f.n_in, out, f.n_out, 0), DURA_OK, "");
}

/* The same by recursion over what the test wrote. */
static float slow_leaf(uint32_t i, const float *in)
{
    const node *n = &f.node[i];
    int left;
    if (n->feature == LEAF)
        return n->value;
    left = in[n->feature] != in[n->feature] ? n->missing_left : in[n->feature] < n->value;
    return slow_leaf(f.left[i] + !left, in);
}

/* ---- run ----------------------------------------------------------------------------- */

DT_TEST(trees_run, goes_left_only_below_the_threshold)
{
    static const struct { float x, want; } rows[] = {{-1, 10}, {0.99999994f, 10}, {1, 20}, {1.5f, 20}, {3e38f, 20}};
    start(1, 1, 0);
    TREE(0, {{0, 1, 1}, {LEAF, 10, 0}, {LEAF, 20, 0}});
    write_image();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float y;
        ask(&rows[i].x, &y);
        dt_ok(y == rows[i].want, "x %.9g gives %g", (double)rows[i].x, (double)y);
    }
}

DT_TEST(trees_run, sends_what_is_missing_where_training_sent_it)
{
    const float missing[] = {quiet_nan(), durai_f32(0xFFC00001u), durai_f32(0x7F800001u), durai_f32(0xFFFFFFFFu)};
    for (int left = 0; left < 2; left++) {
        start(1, 1, 0);
        TREE(0, {{0, 1, left}, {LEAF, 10, 0}, {LEAF, 20, 0}});
        write_image();
        for (size_t i = 0; i < 4; i++) {
            float y, infinity = durai_f32(i % 2 ? 0xFF800000u : 0x7F800000u);
            ask(&missing[i], &y);
            dt_ok(y == (left ? 10.0f : 20.0f), "left %d NaN %zu", left, i);
            ask(&infinity, &y);
            dt_ok(y == (i % 2 ? 10.0f : 20.0f), "infinity is a number");
        }
    }
}

DT_TEST(trees_run, walks_down_several_levels)
{
    static const struct { float x[3], want; } rows[] = {
        {{0, 0, 0}, 1}, {{0, 6, 0}, 2}, {{2, 0, 0}, 3}, {{2, 0, -4}, 4}, {{2, 0, 9}, 3}, {{0, 5, 0}, 2}};
    start(3, 1, 0);
    f.base[0] = 0;
    TREE(0, {{0, 1, 0}, {1, 5, 0}, {2, -3, 1}, {LEAF, 1, 0}, {LEAF, 2, 0}, {LEAF, 4, 0}, {LEAF, 3, 0}});
    write_image();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float y;
        ask(rows[i].x, &y);
        dt_ok(y == rows[i].want, "row %zu gives %g", i, (double)y);
    }
}

DT_TEST(trees_run, adds_in_the_order_of_the_trees_from_the_base_on)
{
    float x = 0, y;
    start(1, 1, 0);
    f.base[0] = 1;
    TREE(0, {{LEAF, 1e8f, 0}});
    TREE(0, {{LEAF, -1e8f, 0}});
    TREE(0, {{LEAF, 0.25f, 0}});
    write_image();
    ask(&x, &y);
    dt_ok(y == 0.25f, "the base is lost in 1e8: %g", (double)y);
    f.base[0] = 0;
    f.node[2].value = 1;
    f.node[0].value = 0.25f;
    f.node[1].value = 1e8f;
    write_image();
    ask(&x, &y);
    dt_ok(y == 1e8f, "1 is lost: %g", (double)y);
}

DT_TEST(trees_run, adds_each_tree_to_its_output)
{
    float x = 0, y[3];
    start(1, 3, 0);
    f.base[0] = 100;
    f.base[1] = 200;
    f.base[2] = -0.5f;
    TREE(2, {{LEAF, 1, 0}});
    TREE(0, {{LEAF, 2, 0}});
    TREE(2, {{LEAF, 4, 0}});
    write_image();
    ask(&x, y);
    dt_ok(y[0] == 102 && y[1] == 200 && y[2] == 4.5f, "%g %g %g", (double)y[0], (double)y[1], (double)y[2]);
}

DT_TEST(trees_run, turns_margins_into_probabilities_when_the_image_says_so)
{
    static const struct { float margin, want, off; } rows[] = {
        {0, 0.5f, 0}, {1, 0.731058578f, 1e-7f}, {-1, 0.268941421f, 1e-7f}, {-5, 0.00669285092f, 1e-9f},
        {20, 1, 0}, {3e38f, 1, 0}, {-80, 1.80485138e-35f, 1e-41f}, {-89, 3.0e-39f, 1e-40f}, {-3e38f, 3.0e-39f, 1e-40f}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float x = 0, y[2];
        start(1, 2, 1);
        TREE(1, {{LEAF, rows[i].margin, 0}});
        write_image();
        ask(&x, y);
        dt_ok(y[0] == 0.5f, "every output");
        dt_ok(y[1] >= rows[i].want - rows[i].off && y[1] <= rows[i].want + rows[i].off, "%g gives %.9g",
              (double)rows[i].margin, (double)y[1]);
    }
}

DT_TEST(trees_run, reads_an_image_at_any_alignment)
{
    float x = 2, y = 0;
    start(1, 1, 0);
    TREE(0, {{0, 1, 1}, {LEAF, 10, 0}, {LEAF, 20, 0}});
    write_image();
    for (size_t at = 0; at < 4; at++) {
        uint64_t inst[2];
        uint8_t *copy = malloc(image_len + at);
        memcpy(copy + at, image, image_len);
        dt_eq(dura_backend_trees()->open(inst, NULL, copy + at, image_len), DURA_OK, "at %zu", at);
        dt_eq(dura_backend_trees()->run(inst, &x, 1, &y, 1, 0), DURA_OK, "");
        dt_ok(y == 20, "at %zu", at);
        free(copy);
    }
}

DT_TEST(trees_run, refuses_other_shapes)
{
    uint64_t inst[2];
    float x[3] = {0, 0, 0}, y[3] = {7, 7, 7};
    const dura_backend *b = dura_backend_trees();
    start(2, 1, 0);
    TREE(0, {{LEAF, 1, 0}});
    write_image();
    dt_eq(b->open(inst, NULL, image, image_len), DURA_OK, "");
    dt_eq(b->run(inst, x, 1, y, 1, 0), DURA_EINVAL, "too few inputs");
    dt_eq(b->run(inst, x, 3, y, 1, 0), DURA_EINVAL, "too many inputs");
    dt_eq(b->run(inst, x, 2, y, 2, 0), DURA_EINVAL, "too many outputs");
    dt_eq(b->run(inst, NULL, 2, y, 1, 0), DURA_EINVAL, "no inputs");
    dt_eq(b->run(inst, x, 2, NULL, 1, 0), DURA_EINVAL, "no outputs");
    dt_eq(b->run(NULL, x, 2, y, 1, 0), DURA_EINVAL, "no instance");
    dt_ok(y[0] == 7, "");
    dt_eq(b->run(inst, x, 2, y, 1, 0), DURA_OK, "");
}

/* ---- a second reader ------------------------------------------------------------------- */

static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static float any_float(uint64_t *r)
{
    return (float)((int32_t)(next(r) >> 44) - 524288) * (1.0f / 65536.0f);
}

/* A tree of at most `most` nodes, an odd number. */
static void any_tree(uint64_t *r, uint32_t most)
{
    node nodes[NODES];
    uint32_t i, n = 1;
    for (i = 0; i < n; i++) {
        int split = n + 2 <= most && (next(r) % 3 != 0 || i == 0);
        nodes[i].feature = split ? (int)(next(r) % f.n_in) : LEAF;
        nodes[i].value = any_float(r);
        nodes[i].missing_left = (int)(next(r) & 1);
        n += split ? 2 : 0;
    }
    add_tree((uint32_t)(next(r) % f.n_out), nodes, n);
}

static void any_forest(uint64_t *r)
{
    uint32_t t, n = 1 + (uint32_t)(next(r) % 20);
    uint16_t n_in = (uint16_t)(1 + next(r) % 9);
    start(n_in, (uint16_t)(1 + next(r) % 4), 0);
    for (t = 0; t < f.n_out; t++)
        f.base[t] = any_float(r);
    for (t = 0; t < n; t++)
        any_tree(r, 1 + (uint32_t)(next(r) % 14) * 2);
    write_image();
}

DT_TEST(trees_run, gives_the_bits_of_a_recursive_reader_on_every_target)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint64_t r = seed;
        any_forest(&r);
        dt_eq(dura_trees_check(image, image_len), DURA_OK, "seed %d", (int)seed);
        for (int row = 0; row < 20; row++) {
            float x[9], y[4], want[4];
            for (int i = 0; i < 9; i++)
                x[i] = next(&r) % 8 == 0 ? quiet_nan() : any_float(&r);
            ask(x, y);
            memcpy(want, f.base, sizeof want);
            for (uint32_t t = 0; t < f.n_trees; t++)
                want[f.output[t]] += slow_leaf(f.root[t], x);
            dt_mem(y, want, f.n_out * sizeof *y, "seed %d row %d", (int)seed, row);
            for (uint32_t k = 0; k < f.n_out; k++)
                h = (h ^ durai_f32_bits(y[k])) * UINT64_C(0x100000001B3);
        }
    }
    dt_ok(h == UINT64_C(0x115F3BDE662606AD), "0x%08lX%08lX", (unsigned long)(h >> 32), (unsigned long)(h & 0xFFFFFFFFu));
}

/* ---- the check ------------------------------------------------------------------------- */

static void two_trees(void)
{
    start(3, 2, 0);
    f.base[0] = 1;
    TREE(0, {{0, 1, 0}, {1, 5, 1}, {LEAF, -3, 0}, {LEAF, 1, 0}, {LEAF, 2, 0}});
    TREE(1, {{2, 1, 0}, {LEAF, 7, 0}, {LEAF, 8, 0}});
    write_image();
}

DT_TEST(trees_check, accepts_the_least_and_the_most)
{
    start(1, 1, 0);
    TREE(0, {{LEAF, 1, 0}});
    write_image();
    dt_eq(dura_trees_check(image, image_len), DURA_OK, "one leaf");
    start(1024, 16, 1);
    TREE(15, {{1023, 1, 0}, {LEAF, 1, 0}, {LEAF, 1, 0}});
    write_image();
    dt_eq(dura_trees_check(image, image_len), DURA_OK, "most inputs and outputs");
    dt_eq(dura_trees_check(NULL, image_len), DURA_EINVAL, "NULL");
}

DT_TEST(trees_check, refuses_every_wrong_field_even_with_a_right_checksum)
{
    enum { NAN_BITS = 0x7FC00000, INF_BITS = 0x7F800000 };
    two_trees();
    const size_t trees = 24 + 8, nodes = trees + 8;
    const struct { const char *row; size_t at; int bytes; uint32_t v; int want; } rows[] = {
        {"magic", 0, 1, 'X', DURA_ECORRUPT}, {"version 0", 4, 2, 0, DURA_EVERSION}, {"version 2", 4, 2, 2, DURA_EVERSION},
        {"no output", 6, 2, 0, DURA_ECORRUPT}, {"17 outputs", 6, 2, 17, DURA_ECORRUPT},
        {"no input", 12, 2, 0, DURA_ECORRUPT}, {"1025 inputs", 12, 2, 1025, DURA_ECORRUPT},
        {"an input too few", 12, 2, 2, DURA_ECORRUPT}, {"an unknown kind", 14, 2, 2, DURA_ECORRUPT},
        {"no tree", 16, 4, 0, DURA_ECORRUPT}, {"a tree more", 16, 4, 3, DURA_ECORRUPT},
        {"a tree less", 16, 4, 1, DURA_ECORRUPT}, {"very many trees", 16, 4, 0x3FFFFFFF, DURA_ECORRUPT},
        {"as many trees as make the sum wrap", 16, 4, 0xFFFFFFF0, DURA_ECORRUPT},
        {"as many nodes as make the sum wrap", 20, 4, 0x80000008, DURA_ECORRUPT},
        {"no node", 20, 4, 0, DURA_ECORRUPT}, {"a node less", 20, 4, 7, DURA_ECORRUPT},
        {"a node more", 20, 4, 9, DURA_ECORRUPT}, {"very many nodes", 20, 4, 0x20000001, DURA_ECORRUPT},
        {"most nodes", 20, 4, 0xFFFFFFFF, DURA_ECORRUPT},
        {"base NaN", 24, 4, NAN_BITS, DURA_ECORRUPT}, {"base infinite", 28, 4, INF_BITS, DURA_ECORRUPT},
        {"first root not 0", trees, 4, 1, DURA_ECORRUPT}, {"output", trees, 4, 2u << 24, DURA_ECORRUPT},
        {"second root in the first tree", trees + 4, 4, 4 | 1u << 24, DURA_ECORRUPT},
        {"an empty tree", trees + 4, 4, 0 | 1u << 24, DURA_ECORRUPT},
        {"a root behind the nodes", trees + 4, 4, 8 | 1u << 24, DURA_ECORRUPT},
        {"threshold NaN", nodes, 4, NAN_BITS, DURA_ECORRUPT}, {"leaf infinite", nodes + 16, 4, INF_BITS, DURA_ECORRUPT},
        {"feature", nodes + 4, 4, 1u << 11 | 3, DURA_ECORRUPT}, {"a child at itself", nodes + 4, 4, 1, DURA_ECORRUPT},
        {"children elsewhere", nodes + 4, 4, 2u << 11, DURA_ECORRUPT},
        {"the same children twice", nodes + 12, 4, 1u << 11, DURA_ECORRUPT},
        {"children behind the tree", nodes + 20, 4, 3u << 11, DURA_ECORRUPT},
        {"a leaf with a direction", nodes + 20, 4, 0x400, DURA_ECORRUPT},
        {"a leaf with a feature", nodes + 20, 4, 1, DURA_ECORRUPT},
        {"an inner node as leaf: children without a parent", nodes + 12, 4, 0, DURA_ECORRUPT},
        {"a root as leaf: a tree without a root", nodes + 4, 4, 0, DURA_ECORRUPT},
        {"behind the data", image_len - 8, 4, 1, DURA_ECORRUPT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        two_trees();
        dt_eq(dura_trees_check(image, image_len), DURA_OK, "as it is");
        for (int k = 0; k < rows[i].bytes; k++)
            image[rows[i].at + (size_t)k] = (uint8_t)(rows[i].v >> (8 * k));
        durai_put32(image + image_len - 4, durai_crc32c(0, image, image_len - 4));
        dt_eq(dura_trees_check(image, image_len), rows[i].want, "row %s", rows[i].row);
    }
}

DT_TEST(trees_check, refuses_trees_that_overlap)
{
    start(1, 1, 0);
    for (int t = 0; t < 3; t++)
        TREE(0, {{0, 1, 0}, {LEAF, 1, 0}, {LEAF, 2, 0}});
    write_image();
    dt_eq(dura_trees_check(image, image_len), DURA_OK, "");
    for (uint32_t root = 0; root <= 9; root++) {
        durai_put32(forest_at() + 8, root);
        repair();
        dt_eq(dura_trees_check(image, image_len), root == 6 ? DURA_OK : DURA_ECORRUPT, "third root %u", (unsigned)root);
    }
}

/* Inner nodes up to the end, whose children would stand behind the image: a walk that
 * believes the counts goes on there. The copy ends where the image ends: ASan watches. */
DT_TEST(trees_check, reads_nothing_behind_an_image_whose_counts_lie)
{
    static const struct { const char *row; uint32_t trees; size_t at; uint32_t v; } rows[] = {
        {"a tree that ends before it begins", 3, 24 + 8 + 8, 0},
        {"a tree that ends behind the nodes", 2, 24 + 4 + 4, 100},
        {"more nodes than there are bytes", 1, 20, 0x80000009u}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        node inner[9];
        uint8_t *copy;
        for (int k = 0; k < 9; k++)
            inner[k] = (node){0, 1, 0};
        start(1, rows[i].trees == 2 ? 1 : 2, 0);
        if (rows[i].trees == 3)
            TREE(0, {{0, 1, 0}, {LEAF, 1, 0}, {LEAF, 2, 0}});
        add_tree(0, inner, 9);
        while (f.n_trees < rows[i].trees) {
            f.root[f.n_trees] = f.n_nodes;
            f.n_trees++;
        }
        write_image();
        durai_put32(image + rows[i].at, rows[i].v);
        repair();
        copy = malloc(image_len);
        memcpy(copy, image, image_len);
        dt_eq(dura_trees_check(copy, image_len), DURA_ECORRUPT, "row %s", rows[i].row);
        free(copy);
    }
}

/* An orphan that names itself must not pass: a pair whose parent is a leaf. */
DT_TEST(trees_check, refuses_nodes_without_a_parent)
{
    start(1, 1, 0);
    TREE(0, {{LEAF, 1, 0}, {LEAF, 2, 0}, {LEAF, 3, 0}});
    write_image();
    dt_eq(dura_trees_check(image, image_len), DURA_ECORRUPT, "three roots");
    durai_put32(node_at(1) + 4, 0x400u);
    repair();
    dt_eq(dura_trees_check(image, image_len), DURA_ECORRUPT, "children at distance 0");
    start(1, 1, 0);
    TREE(0, {{0, 1, 0}, {LEAF, 2, 0}});
    write_image();
    dt_eq(dura_trees_check(image, image_len), DURA_ECORRUPT, "one child");
}

DT_TEST(trees_check, refuses_every_flipped_bit_and_every_other_length)
{
    two_trees();
    for (size_t i = 0; i < image_len * 8; i++) {
        image[i / 8] ^= (uint8_t)(1u << i % 8);
        dt_ok(dura_trees_check(image, image_len) < 0, "bit %zu", i);
        image[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t n = 0; n < image_len; n++)
        dt_ok(dura_trees_check(image, n) < 0, "%zu bytes", n);
    dt_ok(dura_trees_check(image, image_len + 8) < 0, "8 bytes more");
    dt_eq(dura_trees_check(image, image_len), DURA_OK, "");
}

/* What passes with a repaired checksum runs inside the image: ASan watches. */
DT_TEST(trees_check, lets_nothing_through_that_leaves_the_image)
{
    uint64_t r = 9;
    int passed = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t inst[2];
        float x[1024] = {0}, y[16];
        uint8_t *copy;
        size_t at;
        two_trees();
        at = (size_t)(next(&r) % (image_len - 8));
        image[at] = (uint8_t)(next(&r) % 4 ? next(&r) % 8 : next(&r));
        repair();
        if (dura_trees_check(image, image_len) != DURA_OK)
            continue;
        copy = malloc(image_len);
        memcpy(copy, image, image_len);
        dt_eq(dura_backend_trees()->open(inst, NULL, copy, image_len), DURA_OK, "");
        dt_eq(dura_backend_trees()->run(inst, x, durai_le16(copy + 12), y, durai_le16(copy + 6), 0), DURA_OK, "");
        free(copy);
        passed++;
    }
    dt_ok(passed > 1000, "%d", passed);
}

DT_TEST(trees_check, allows_64_steps_and_no_more)
{
    for (uint32_t depth = 63; depth <= 65; depth++) {
        node nodes[2 * 65 + 1];
        float x = 0, y;
        for (uint32_t i = 0; i <= 2 * depth; i++) { /* the right one of each pair goes on */
            int inner = i % 2 == 0 && i < 2 * depth;
            nodes[i] = (node){inner ? 0 : LEAF, inner ? -1.0f : (float)i, 0};
        }
        start(1, 1, 0);
        add_tree(0, nodes, 2 * depth + 1);
        write_image();
        dt_eq(dura_trees_check(image, image_len), depth <= 64 ? DURA_OK : DURA_ECORRUPT, "depth %u", (unsigned)depth);
        if (depth > 64)
            continue;
        ask(&x, &y);
        dt_ok(y == (float)(2 * depth), "the deepest leaf");
    }
}

/* ---- the table ------------------------------------------------------------------------- */

DT_TEST(trees_open, refuses_what_it_cannot_read)
{
    uint64_t inst[2];
    size_t bytes, align;
    int config = 0;
    const dura_backend *b = dura_backend_trees();
    two_trees();
    dt_eq(b->mem_req(&config, image, image_len, &bytes, &align), DURA_EINVAL, "a configuration");
    dt_eq(b->mem_req(NULL, image, image_len, NULL, &align), DURA_EINVAL, "no bytes");
    dt_eq(b->mem_req(NULL, image, image_len, &bytes, NULL), DURA_EINVAL, "no align");
    dt_eq(b->mem_req(NULL, NULL, image_len, &bytes, &align), DURA_EINVAL, "no image");
    dt_eq(b->mem_req(NULL, image, image_len - 8, &bytes, &align), DURA_ECORRUPT, "half an image");
    dt_eq(b->open(inst, &config, image, image_len), DURA_EINVAL, "a configuration");
    dt_eq(b->open(NULL, NULL, image, image_len), DURA_EINVAL, "no memory");
    dt_eq(b->open(inst, NULL, NULL, 0), DURA_EINVAL, "no image");
    image[4] = 2;
    repair();
    dt_eq(b->open(inst, NULL, image, image_len), DURA_EVERSION, "a later version");
}

DT_TEST(trees_open, shows_the_shapes)
{
    uint64_t inst[2];
    dura_backend_io io = DURA_BACKEND_IO_INIT;
    const dura_backend *b = dura_backend_trees();
    two_trees();
    dt_eq(b->open(inst, NULL, image, image_len), DURA_OK, "");
    dt_eq(b->io(inst, &io), DURA_OK, "");
    dt_eq(io.n_inputs, 3, "");
    dt_eq(io.n_outputs, 2, "");
    dt_eq(b->io(inst, NULL), DURA_EINVAL, "");
    dt_eq(b->io(NULL, &io), DURA_EINVAL, "");
}

DT_TEST(trees_open, keeps_the_contract_of_a_backend)
{
    const dura_backend *b = dura_backend_trees();
    dt_eq(dura_backend_check(b), DURA_OK, "");
    dt_ok(b == dura_backend_trees(), "one table for all");
    dt_str(b->id, "org.dura.trees", "");
    dt_ok(!b->reset && !b->close && !b->get_extension, "nothing to forget or release");
}
