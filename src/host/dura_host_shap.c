/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapley values of boosted trees.
 *
 * A leaf with value v whose path splits on m different inputs is a game of its own: input i
 * keeps the row on the path (o = 1) or not (o = 0) when it is known, and the share z of the
 * training rows stays on it when it is not. The Shapley weight k! (m-1-k)! / m! is the
 * integral over 0..1 of t^k (1-t)^(m-1-k), so the sum over all subsets is
 *
 *     phi_i = v (o_i - z_i) integral of product over j /= i of (t o_j + (1-t) z_j) dt,
 *
 * a polynomial of degree m - 1, which Gauss and Legendre's rule with ceil(m / 2) points
 * integrates exactly. All factors are positive: nothing cancels, at any depth. For paths of
 * few inputs the 2^m possible results are worked out when the image is opened.
 *
 * Against a single row the leaf's game is simpler still: inputs of which only the row stays
 * on the path (a of them) share v (a-1)! b! / (a+b)! each, those of which only the baseline
 * does (b) the opposite with a and b exchanged, and one that does neither ends the leaf.
 */
#include <dura/host/shap.h>

#include <dura/host/pack.h>

#include <math.h>
#include <stdlib.h>

#include "../base/dura_base_priv.h"
#include "dura_host_pack_priv.h"

enum {
    TREES_HEADER = 24,
    FEATURE_MASK = 0x3FF,
    ROOT_MASK = 0xFFFFFF,
    MISSING_LEFT = 0x400,
    DISTANCE_SHIFT = 11,
    PATH_MAX_LEN = 64,                        /* splits from a root to a leaf, as the backend has it */
    POINTS_MAX = PATH_MAX_LEN / 2,
    TABLE_INPUTS = 6,                         /* paths of that many inputs have tables ... */
    TABLE_VALUES = 1 << 20,                   /* ... as long as there is room */
    SPLITS_MAX = 1 << 22
};

/* What keeps a row on a leaf's path as far as one input goes. */
typedef struct shap_split {
    float lo, hi;               /* lo <= x < hi */
    uint16_t input;
    uint16_t missing;           /* 1: a missing value stays, too */
    double share;               /* of the training rows that came so far, what stays */
} shap_split;

typedef struct shap_leaf {
    double value;
    uint32_t first;             /* split */
    uint32_t table;             /* first value, UINT32_MAX: none */
    uint16_t n, output;
} shap_leaf;

struct dura_shap {
    uint32_t n_in, n_out, n_leaves, n_splits, n_table;
    int has_covers;
    shap_leaf *leaf;
    shap_split *split;
    double *table;
    double margin0[DURA_OUTPUTS_MAX];                    /* the image's base margin */
    double base[DURA_OUTPUTS_MAX];                       /* and the mean answer of the trees */
    double point[POINTS_MAX][POINTS_MAX], weight[POINTS_MAX][POINTS_MAX];   /* [points - 1] */
    double single[PATH_MAX_LEN + 1][PATH_MAX_LEN + 1];   /* [a][b]: (a-1)! b! / (a+b)! */
};

/* ---- integration ----------------------------------------------------------------- */

/* Legendre's polynomial of degree n at x, and its derivative where that is asked for. */
static double legendre(uint32_t n, double x, double *slope)
{
    double p = 1, before = 0;
    for (uint32_t k = 0; k < n; k++) {
        double next = ((2.0 * k + 1) * x * p - k * before) / (k + 1.0);
        before = p;
        p = next;
    }
    if (slope)
        *slope = n * (before - x * p) / (1 - x * x);
    return p;
}

/* The one root between two neighbours of the degree below. */
static double root_between(uint32_t n, double lo, double hi)
{
    double at_lo = legendre(n, lo, NULL);
    for (int i = 0; i < 64; i++) {
        double mid = 0.5 * (lo + hi);
        if ((legendre(n, mid, NULL) < 0) == (at_lo < 0))
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

/* Points and weights over 0..1 for 1 to most points: roots lie between those before. */
static void make_points(dura_shap *s, uint32_t most)
{
    double root[POINTS_MAX + 2] = {-1, 1}, next[POINTS_MAX + 2];
    for (uint32_t n = 1; n <= most; n++) {
        next[0] = -1;
        next[n + 1] = 1;
        for (uint32_t i = 0; i < n; i++) {
            double x = next[i + 1] = root_between(n, root[i], root[i + 1]), slope;
            (void)legendre(n, x, &slope);
            s->point[n - 1][i] = 0.5 * (1 + x);
            s->weight[n - 1][i] = 1 / ((1 - x * x) * slope * slope);
        }
        memcpy(root, next, (n + 2) * sizeof *root);
    }
}

/* The contributions of a leaf's n inputs to a row of which bits says what stays. */
static void integrate(const dura_shap *s, const shap_leaf *leaf, uint64_t bits, double *phi)
{
    const shap_split *split = s->split + leaf->first;
    uint32_t n = leaf->n, points = (n + 1u) / 2u;
    memset(phi, 0, n * sizeof *phi);
    for (uint32_t q = 0; q < points; q++) {
        double t = s->point[points - 1][q], product = leaf->value * s->weight[points - 1][q];
        for (uint32_t i = 0; i < n; i++)
            product *= (1 - t) * split[i].share + (bits >> i & 1 ? t : 0);
        for (uint32_t i = 0; i < n; i++) {
            double z = split[i].share;
            phi[i] += bits >> i & 1 ? product * (1 - z) / ((1 - t) * z + t) : -product / (1 - t);
        }
    }
}

/* ---- opening ----------------------------------------------------------------------- */

/* One image while it is taken apart. */
typedef struct shap_reader {
    const uint8_t *node, *cover;              /* cover may be NULL */
    const uint32_t *parent;                   /* per node of the tree; of the tree, too */
    dura_shap *s;
    uint32_t room_leaves, room_splits;
} shap_reader;

static uint32_t word_of(const shap_reader *r, uint32_t i) { return durai_le32(r->node + (size_t)8 * i + 4); }
static float value_of(const shap_reader *r, uint32_t i) { return durai_f32(durai_le32(r->node + (size_t)8 * i)); }
static float cover_of(const shap_reader *r, uint32_t i) { return durai_f32(durai_le32(r->cover + (size_t)4 * i)); }

/* Join the split of node `at` that leads to its child into the path's n splits. */
static uint32_t join(const shap_reader *r, shap_split *path, uint32_t n, uint32_t at, uint32_t child)
{
    uint32_t word = word_of(r, at), i = 0, input = word & FEATURE_MASK;
    int left = child == at + (word >> DISTANCE_SHIFT);
    float threshold = value_of(r, at);
    while (i < n && path[i].input != input)
        i++;
    if (i == n)
        path[n++] = (shap_split){-INFINITY, INFINITY, (uint16_t)input, 1, 1};
    if (left && threshold < path[i].hi)
        path[i].hi = threshold;
    if (!left && threshold > path[i].lo)
        path[i].lo = threshold;
    path[i].missing = path[i].missing && left == ((word & MISSING_LEFT) != 0);
    if (r->cover)
        path[i].share *= (double)cover_of(r, child) / (double)cover_of(r, at);
    return n;
}

static void put_leaf(shap_reader *r, uint32_t root, uint32_t i, uint32_t output)
{
    dura_shap *s = r->s;
    shap_leaf *leaf = &s->leaf[s->n_leaves++];
    uint32_t n = 0;
    double stays = 1;
    *leaf = (shap_leaf){(double)value_of(r, i), s->n_splits, UINT32_MAX, 0, (uint16_t)output};
    for (uint32_t child = i; child != root; child = root + r->parent[child - root])
        n = join(r, s->split + leaf->first, n, root + r->parent[child - root], child);
    for (uint32_t k = 0; k < n; k++)
        stays *= s->split[leaf->first + k].share;
    leaf->n = (uint16_t)n;
    s->n_splits += n;
    s->base[output] += leaf->value * stays;
    DURA_ASSERT(s->n_leaves <= r->room_leaves && s->n_splits <= r->room_splits);
}

/* Nodes stand level by level, so the next pair of children belongs to the next inner node. */
static uint32_t find_parents(const shap_reader *r, uint32_t root, uint32_t end, uint32_t *parent, uint32_t *leaves)
{
    uint32_t splits = 0, child = 1;
    for (uint32_t i = root; i < end; i++) {
        uint32_t d = 0;
        if (word_of(r, i)) {
            parent[child] = parent[child + 1] = i - root;
            child += 2;
            continue;
        }
        for (uint32_t k = i - root; k != 0; k = parent[k])
            d++;
        splits += d;
        ++*leaves;
        if (splits > SPLITS_MAX)
            return splits;
    }
    return splits;
}

/* Trees in a checked image. */
typedef struct shap_forest {
    const uint8_t *tree;
    uint32_t n_trees, n_nodes;
} shap_forest;

static uint32_t root_of(const shap_forest *f, uint32_t t)
{
    return t < f->n_trees ? durai_le32(f->tree + (size_t)4 * t) & ROOT_MASK : f->n_nodes;
}

/* A cover above the one of the node before it is no share. */
static int covers_shrink(const shap_reader *r, uint32_t n_nodes)
{
    for (uint32_t i = 0, word; i < n_nodes; i++)
        if ((word = word_of(r, i)) != 0)
            for (uint32_t k = 0; k < 2; k++)
                if (cover_of(r, i + (word >> DISTANCE_SHIFT) + k) > cover_of(r, i) * 1.001f)
                    return 0;
    return 1;
}

/* How much room all leaves want; parents are found on the way, tree by tree, in one array. */
static int measure(shap_reader *r, const shap_forest *f, uint32_t *parent)
{
    for (uint32_t t = 0; t < f->n_trees; t++) {
        uint32_t root = root_of(f, t);
        r->room_splits += find_parents(r, root, root_of(f, t + 1), parent + root, &r->room_leaves);
        if (r->room_splits > SPLITS_MAX)
            return DURA_ELIMIT;
    }
    return DURA_OK;
}

static void make_tables(dura_shap *s)
{
    double phi[PATH_MAX_LEN];
    uint32_t used = 0;
    for (shap_leaf *leaf = s->leaf; leaf < s->leaf + s->n_leaves; leaf++) {
        for (uint32_t bits = 0; leaf->table != UINT32_MAX && bits < 1u << leaf->n; bits++) {
            integrate(s, leaf, bits, phi);
            memcpy(s->table + used, phi, leaf->n * sizeof *phi);
            used += leaf->n;
        }
    }
    DURA_ASSERT(used == s->n_table);
}

/* Which leaves get a table, and how large all of them are. */
static void plan_tables(dura_shap *s)
{
    uint32_t most = 0;
    for (shap_leaf *leaf = s->leaf; leaf < s->leaf + s->n_leaves; leaf++) {
        uint32_t values = leaf->n <= TABLE_INPUTS ? (uint32_t)leaf->n << leaf->n : UINT32_MAX;
        most = leaf->n > most ? leaf->n : most;
        if (!s->has_covers || values > TABLE_VALUES - s->n_table)
            continue;
        leaf->table = s->n_table;
        s->n_table += values;
    }
    make_points(s, (most + 1) / 2);
}

/* Multiples of this power of two add up exactly while their sizes together are below size. */
static double grid_of(double size)
{
    int e;
    (void)frexp(size, &e);
    return ldexp(1, e + 1 - 53 < -1000 ? -1000 : e + 1 - 53);
}

/* The mean answer, on a grid so coarse that it is a multiple of every row's. */
static void settle_base(dura_shap *s)
{
    double most[DURA_OUTPUTS_MAX];
    for (uint32_t k = 0; k < s->n_out; k++)
        most[k] = fabs(s->margin0[k]) * 8;
    for (const shap_leaf *leaf = s->leaf; leaf < s->leaf + s->n_leaves; leaf++)
        most[leaf->output] += fabs(leaf->value) * (leaf->n + 1u) * 8;
    for (uint32_t k = 0; k < s->n_out; k++) {
        double grid = grid_of(most[k]);
        s->base[k] = rint((s->base[k] + s->margin0[k]) / grid) * grid;
    }
}

static void make_single(dura_shap *s)
{
    for (uint32_t a = 1; a <= PATH_MAX_LEN; a++) {
        s->single[a][0] = 1.0 / a;
        for (uint32_t b = 1; a + b <= PATH_MAX_LEN; b++)
            s->single[a][b] = s->single[a][b - 1] * b / (a + b);
    }
}

static int take_apart(dura_shap *s, shap_reader *r, const shap_forest *f, uint32_t *parent)
{
    int rc = measure(r, f, parent);
    if (rc != DURA_OK)
        return rc;
    s->leaf = calloc(r->room_leaves, sizeof *s->leaf);
    s->split = calloc((size_t)r->room_splits + 1, sizeof *s->split);
    if (!s->leaf || !s->split)
        return DURA_ENOSPC;
    for (uint32_t t = 0; t < f->n_trees; t++) {
        uint32_t root = root_of(f, t), end = root_of(f, t + 1);
        r->parent = parent + root;
        for (uint32_t i = root; i < end; i++)
            if (word_of(r, i) == 0)
                put_leaf(r, root, i, durai_le32(f->tree + (size_t)4 * t) >> 24);
    }
    plan_tables(s);
    s->table = calloc((size_t)s->n_table + 1, sizeof *s->table);
    if (!s->table)
        return DURA_ENOSPC;
    make_tables(s);
    make_single(s);
    settle_base(s);
    return DURA_OK;
}

static int open_image(dura_shap *s, const uint8_t *p, size_t len)
{
    shap_forest f = {NULL, durai_le32(p + 16), durai_le32(p + 20)};
    shap_reader r = {NULL, durai_trees_covers(p, len), NULL, s, 0, 0};
    uint32_t *parent = calloc(f.n_nodes, sizeof *parent);
    s->n_out = durai_le16(p + 6);
    s->n_in = durai_le16(p + 12);
    f.tree = p + TREES_HEADER + (size_t)4 * s->n_out;
    r.node = f.tree + (size_t)4 * f.n_trees;
    for (uint32_t k = 0; k < s->n_out; k++)
        s->margin0[k] = (double)durai_f32(durai_le32(p + TREES_HEADER + (size_t)4 * k));
    if (r.cover && !covers_shrink(&r, f.n_nodes))
        r.cover = NULL;
    s->has_covers = r.cover != NULL;
    int rc = parent ? take_apart(s, &r, &f, parent) : DURA_ENOSPC;
    free(parent);
    return rc;
}

int dura_shap_open(dura_shap **out, const void *image, size_t len, dura_error *err)
{
    int kind, rc;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = dura_pack_check(image, len, &kind);
    if (rc == DURA_OK && kind != DURA_PACK_TREES)
        rc = DURA_EINVAL;
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "this is no image of trees");
    dura_shap *s = calloc(1, sizeof *s);
    rc = s ? open_image(s, (const uint8_t *)image, len) : DURA_ENOSPC;
    if (rc != DURA_OK) {
        dura_shap_close(s);
        return dura_error_set(err, rc, NULL, 0, NULL, rc == DURA_ENOSPC ? "out of memory"
                              : "the paths of all leaves have more than 4194304 splits together");
    }
    *out = s;
    return DURA_OK;
}

void dura_shap_close(dura_shap *s)
{
    if (!s)
        return;
    free(s->leaf);
    free(s->split);
    free(s->table);
    free(s);
}

/* ---- a row ----------------------------------------------------------------------------- */

/* Which of a leaf's inputs keep the row on its path. NaN is neither above nor below. */
static inline uint64_t stays_of(const shap_split *split, uint32_t n, const float *in, int any_missing)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < n; i++) {
        float x = in[split[i].input];
        uint64_t stays = (uint64_t)((x >= split[i].lo) & (x < split[i].hi));
        if (any_missing && isnan(x))
            stays = split[i].missing;
        bits |= stays << i;
    }
    return bits;
}

/* 1: has a missing value, 0: none, below: an infinity. */
static int look_at(const float *in, uint32_t n)
{
    int missing = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (isinf(in[i]))
            return -1;
        missing |= isnan(in[i]) != 0;
    }
    return missing;
}

/* Put every number on the row's grid; what is left over goes to the largest contribution.
 * from and to: where the sum of the contributions begins and ends. A base that was settled
 * before stays as it is. */
static int settle(double *phi, uint32_t n, double *from, double *to)
{
    double size = fabs(*from) + fabs(*to), left, grid;
    uint32_t largest = 0;
    for (uint32_t i = 0; i < n; i++)
        size += fabs(phi[i]);
    if (!isfinite(size))
        return DURA_EINVAL;
    if (size <= 0)
        return DURA_OK;
    grid = grid_of(size * 2);
    *from = rint(*from / grid) * grid;
    *to = rint(*to / grid) * grid;
    left = *to - *from;
    for (uint32_t i = 0; i < n; i++) {
        phi[i] = rint(phi[i] / grid) * grid;
        left -= phi[i];
        largest = fabs(phi[i]) > fabs(phi[largest]) ? i : largest;
    }
    phi[largest] += left;
    return DURA_OK;
}

static void add_row(const dura_shap *s, const float *in, int missing, double *contribution, float *sum)
{
    double phi[PATH_MAX_LEN];
    for (const shap_leaf *leaf = s->leaf, *end = leaf + s->n_leaves; leaf < end; leaf++) {
        const shap_split *split = s->split + leaf->first;
        double *c = contribution + (size_t)leaf->output * s->n_in;
        uint64_t bits = stays_of(split, leaf->n, in, missing);
        const double *add = phi;
        if (leaf->table != UINT32_MAX)
            add = s->table + leaf->table + bits * leaf->n;
        else
            integrate(s, leaf, bits, phi);
        for (uint32_t i = 0; i < leaf->n; i++)
            c[split[i].input] += add[i];
        if (bits + 1 == (leaf->n < 64 ? UINT64_C(1) << leaf->n : 0))
            sum[leaf->output] += (float)leaf->value;
    }
}

int dura_shap_row(const dura_shap *s, const float *in, size_t n_in, double *contribution, double *base, double *margin,
                  size_t n_out)
{
    float sum[DURA_OUTPUTS_MAX];
    int missing, rc = DURA_OK;
    if (!s || !in || !contribution || !base || !margin || n_in != s->n_in || n_out != s->n_out ||
        (missing = look_at(in, s->n_in)) < 0)
        return DURA_EINVAL;
    if (!s->has_covers)
        return DURA_ENOTSUP;
    for (size_t k = 0; k < n_out; k++)
        sum[k] = (float)s->margin0[k];
    memset(contribution, 0, n_in * n_out * sizeof *contribution);
    add_row(s, in, missing, contribution, sum);
    for (size_t k = 0; rc == DURA_OK && k < n_out; k++) {
        base[k] = s->base[k];
        margin[k] = (double)sum[k];
        rc = settle(contribution + k * n_in, s->n_in, &base[k], &margin[k]);
    }
    return rc;
}

/* ---- against one row -------------------------------------------------------------------- */

static void add_single(const dura_shap *s, const shap_leaf *leaf, uint64_t row, uint64_t other, double *c)
{
    const shap_split *split = s->split + leaf->first;
    uint64_t all = leaf->n < 64 ? (UINT64_C(1) << leaf->n) - 1 : UINT64_MAX, only = row & ~other, against = other & ~row;
    uint32_t a = (uint32_t)__builtin_popcountll(only), b = (uint32_t)__builtin_popcountll(against);
    if ((row | other) != all || a + b == 0)
        return;
    for (uint32_t i = 0; i < leaf->n; i++) {
        if (only >> i & 1)
            c[split[i].input] += leaf->value * s->single[a][b];
        if (against >> i & 1)
            c[split[i].input] -= leaf->value * s->single[b][a];
    }
}

int dura_shap_against(const dura_shap *s, const float *in, const float *baseline, size_t n_in, double *contribution,
                      double *base, double *margin, size_t n_out)
{
    float sum[2][DURA_OUTPUTS_MAX];
    int missing, gaps, rc = DURA_OK;
    if (!s || !in || !baseline || !contribution || !base || !margin || n_in != s->n_in || n_out != s->n_out ||
        (missing = look_at(in, s->n_in)) < 0 || (gaps = look_at(baseline, s->n_in)) < 0)
        return DURA_EINVAL;
    for (size_t k = 0; k < n_out; k++)
        sum[0][k] = sum[1][k] = (float)s->margin0[k];
    memset(contribution, 0, n_in * n_out * sizeof *contribution);
    for (const shap_leaf *leaf = s->leaf, *end = leaf + s->n_leaves; leaf < end; leaf++) {
        uint64_t row = stays_of(s->split + leaf->first, leaf->n, in, missing);
        uint64_t other = stays_of(s->split + leaf->first, leaf->n, baseline, gaps);
        uint64_t all = leaf->n < 64 ? (UINT64_C(1) << leaf->n) - 1 : UINT64_MAX;
        add_single(s, leaf, row, other, contribution + (size_t)leaf->output * n_in);
        sum[0][leaf->output] += row == all ? (float)leaf->value : 0.0f;
        sum[1][leaf->output] += other == all ? (float)leaf->value : 0.0f;
    }
    for (size_t k = 0; rc == DURA_OK && k < n_out; k++) {
        base[k] = (double)sum[1][k];
        margin[k] = (double)sum[0][k];
        rc = settle(contribution + k * n_in, s->n_in, &base[k], &margin[k]);
    }
    return rc;
}
