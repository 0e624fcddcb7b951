/* SPDX-License-Identifier: Apache-2.0 */
/* Random trees as a test wrote them, and packed from the text that XGBoost would save. */
#ifndef DT_FOREST_RIG_H
#define DT_FOREST_RIG_H

#include "dt.h"

#include <dura/host/pack.h>

#include <stdarg.h>

#include "base/dura_base_priv.h"

enum { NODES = 127, TREES = 8, INPUTS = 6, TEXT = 1 << 17 };

typedef struct tree {
    int n, left[NODES], feature[NODES], missing_left[NODES];    /* left 0: a leaf; right is behind it */
    float split[NODES], cover[NODES];
} tree;

typedef struct forest {
    int n_in, n_out, n_trees, no_covers;
    float base;
    const char *objective;      /* NULL: regression, or classes */
    tree tree[TREES];
} forest;

static forest f;
static char text[TEXT];
static size_t used;
static uint64_t seed;

static uint32_t draw(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

static float draw_value(void) { return (float)((int)draw(2001) - 1000) / 128.0f; }

/* A random tree, its nodes level by level; inner nodes up to depth levels. */
static void grow(tree *t, int n_in, int depth)
{
    int end = 1, level[NODES] = {0};
    t->cover[0] = 1000;
    for (int i = 0; i < end; i++) {
        t->left[i] = 0;
        t->split[i] = draw_value();
        if (level[i] == depth || (i > 0 && draw(5) == 0) || end + 2 > NODES)
            continue;
        t->left[i] = end;
        t->feature[i] = (int)draw((uint32_t)n_in);
        t->missing_left[i] = (int)draw(2);
        for (int k = 0; k < 2; k++, end++) {
            level[end] = level[i] + 1;
            t->cover[end] = t->cover[i] * (k ? 0.625f : 0.375f);
        }
    }
    t->n = end;
}

static void put(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    used += (size_t)vsnprintf(text + used, TEXT - used, fmt, ap);
    va_end(ap);
    dt_ok(used < TEXT, "");
}

static void put_ints(const char *name, const tree *t, int what)
{
    put("\"%s\":[", name);
    for (int i = 0; i < t->n; i++) {
        int left = t->left[i] ? t->left[i] : -1, right = t->left[i] ? t->left[i] + 1 : -1;
        put("%s%d", i ? "," : "", what == 0 ? left : what == 1 ? right : what == 2 ? t->feature[i] : t->missing_left[i]);
    }
    put("],");
}

static void put_floats(const char *name, const float *v, int n)
{
    put("\"%s\":[", name);
    for (int i = 0; i < n; i++)
        put("%s%.9g", i ? "," : "", (double)v[i]);
    put("]");
}

/* The forest as XGBoost saves one, packed. */
static void *packed(size_t *len)
{
    void *image = NULL;
    dura_error e = {0};
    used = 0;
    put("{\"learner\":{\"attributes\":{%s},\"gradient_booster\":{\"model\":{\"tree_info\":[",
        f.no_covers ? "\"dura_covers\":\"no\"" : "");
    for (int i = 0; i < f.n_trees; i++)
        put("%s%d", i ? "," : "", i % f.n_out);
    put("],\"trees\":[");
    for (int i = 0; i < f.n_trees; i++) {
        const tree *t = &f.tree[i];
        put("%s{", i ? "," : "");
        put_ints("left_children", t, 0);
        put_ints("right_children", t, 1);
        put_ints("split_indices", t, 2);
        put_ints("default_left", t, 3);
        put_floats("split_conditions", t->split, t->n);
        put(",");
        put_floats("sum_hessian", t->cover, t->n);
        put("}");
    }
    put("]},\"name\":\"gbtree\"},\"learner_model_param\":{\"base_score\":\"%.9g\",\"num_class\":\"%d\",\"num_feature\":\"%d\","
        "\"num_target\":\"1\"},\"objective\":{\"name\":\"%s\"}},\"version\":[2,1,4]}",
        (double)f.base, f.n_out > 1 ? f.n_out : 0, f.n_in, f.objective ? f.objective : f.n_out > 1 ? "multi:softprob" : "reg:squarederror");
    dt_eq(dura_pack_model(text, used, "m.json", &image, len, &e), DURA_OK, "%s %s", e.field, e.text);
    return image;
}

static void make(uint64_t from, int n_in, int n_out, int n_trees, int depth)
{
    memset(&f, 0, sizeof f);
    seed = from;
    f.n_in = n_in;
    f.n_out = n_out;
    f.n_trees = n_trees;
    f.base = 0.5f;
    for (int i = 0; i < n_trees; i++)
        grow(&f.tree[i], n_in, depth);
}

#endif
