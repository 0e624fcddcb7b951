/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds on a model's answers over a box of inputs, and an attack inside the box.
 *
 * Rounding to nearest is monotone: a sum of larger terms, added in the same order, is never
 * smaller. So the sum of every tree's largest reachable leaf, in the backend's order and
 * binary32, is above every answer of the box, without a margin for rounding. That sum is
 * loose where one tree's worst leaf excludes another's. Best first, the box with the highest
 * bound is cut in two where the tree with the widest choice splits it; a box in which no tree
 * has a choice left is a set of rows with one answer, and when that comes first, it is the
 * worst one.
 *
 * A linear model's worst row is a corner, the same for its rounded sums.
 */
#include <dura/host/bound.h>

#include <dura/host/pack.h>

#include <math.h>
#include <stdlib.h>

#include "../base/dura_base_priv.h"

enum {
    TREES_HEADER = 24,
    LINEAR_HEADER = 16,
    FEATURE_MASK = 0x3FF,
    ROOT_MASK = 0xFFFFFF,
    DISTANCE_SHIFT = 11,
    STACK = 66,                   /* a path and its siblings */
    BOXES_MAX = 1000000,
    BOX_BYTES = 64 << 20,
    NO_SPLIT = -1,
    TRIES = 6,                    /* random values per input, beside both ends */
    SWEEPS = 4
};

/* The logistic of the backend is off by some units in the last place; this is 17 of them. */
#define LOGISTIC_SLACK 2e-6

struct dura_bound {
    const uint8_t *image, *tree, *node;
    size_t len;
    int trees, logistic;
    uint32_t n_in, n_out, n_trees;
    const dura_backend *backend;
    void *mem, *inst;
};

int dura_bound_open(dura_bound **out, const void *image, size_t len, dura_error *err)
{
    int kind, rc;
    size_t bytes = 0, align = 16;
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    rc = dura_pack_check(image, len, &kind);
    if (rc == DURA_OK && kind == DURA_PACK_POLICY)
        rc = DURA_EINVAL;
    if (rc != DURA_OK)
        return dura_error_set(err, rc, NULL, 0, NULL, "this is no packed model");
    dura_bound *b = calloc(1, sizeof *b);
    if (!b)
        return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
    b->image = (const uint8_t *)image;
    b->len = len;
    b->trees = kind == DURA_PACK_TREES;
    b->n_out = durai_le16(b->image + 6);
    b->n_in = durai_le16(b->image + 12);
    b->logistic = b->trees && durai_le16(b->image + 14);
    b->n_trees = b->trees ? durai_le32(b->image + 16) : 0;
    b->tree = b->image + TREES_HEADER + (size_t)4 * b->n_out;
    b->node = b->tree + (size_t)4 * b->n_trees;
    b->backend = dura_backend_packed();
    rc = b->backend->mem_req(NULL, image, len, &bytes, &align);
    b->mem = rc == DURA_OK ? malloc(bytes + align) : NULL;
    if (b->mem) {
        b->inst = (uint8_t *)b->mem + ((align - (uintptr_t)b->mem % align) % align);
        rc = b->backend->open(b->inst, NULL, image, len);
    }
    if (rc != DURA_OK || !b->mem) {
        dura_bound_close(b);
        return dura_error_set(err, rc != DURA_OK ? rc : DURA_ENOSPC, NULL, 0, NULL, "the model cannot be opened");
    }
    *out = b;
    return DURA_OK;
}

void dura_bound_close(dura_bound *b)
{
    if (b)
        free(b->mem);
    free(b);
}

/* ---- one box of trees --------------------------------------------------------------------- */

typedef struct tree_reach {
    float lo, hi;               /* smallest and largest leaf that is reached */
    int32_t split;              /* the first node with a choice, or NO_SPLIT */
} tree_reach;

static uint32_t word_at(const dura_bound *b, uint32_t i) { return durai_le32(b->node + (size_t)8 * i + 4); }
static float value_at(const dura_bound *b, uint32_t i) { return durai_f32(durai_le32(b->node + (size_t)8 * i)); }

static tree_reach reach_of(const dura_bound *b, uint32_t root, const float *lo, const float *hi)
{
    tree_reach r = {INFINITY, -INFINITY, NO_SPLIT};
    uint32_t stack[STACK], n = 0;
    stack[n++] = root;
    while (n > 0) {
        uint32_t i = stack[--n], word = word_at(b, i);
        float v = value_at(b, i);
        if (word == 0) {
            r.lo = v < r.lo ? v : r.lo;
            r.hi = v > r.hi ? v : r.hi;
            continue;
        }
        int left = lo[word & FEATURE_MASK] < v, right = hi[word & FEATURE_MASK] >= v;
        if (left && right && r.split == NO_SPLIT)
            r.split = (int32_t)i;
        DURA_ASSERT(n + 2 <= STACK && (left || right));
        if (left)
            stack[n++] = i + (word >> DISTANCE_SHIFT);
        if (right)
            stack[n++] = i + (word >> DISTANCE_SHIFT) + 1;
    }
    return r;
}

/* A box in the queue: sign x its bound; where it can be cut. */
typedef struct bound_box {
    float key;
    int32_t split;
    uint32_t at;                /* of its intervals */
} bound_box;

/* One side of one output. */
typedef struct bound_side {
    const dura_bound *b;
    uint32_t output, n, most;
    int up;
    bound_box *heap;
    float *room;                /* lo then hi of every box */
} bound_side;

static float *lo_of(const bound_side *s, uint32_t at) { return s->room + (size_t)at * 2 * s->b->n_in; }
static float *hi_of(const bound_side *s, uint32_t at) { return lo_of(s, at) + s->b->n_in; }

/* Without a NaN on the way: leaves are finite, and a sum that overflowed stays infinite
 * unless another comes from the other side; then nothing is known. */
static bound_box look(const bound_side *s, uint32_t at)
{
    bound_box box = {durai_f32(durai_le32(s->b->image + TREES_HEADER + (size_t)4 * s->output)), NO_SPLIT, at};
    float widest = -1;
    for (uint32_t t = 0; t < s->b->n_trees; t++) {
        uint32_t word = durai_le32(s->b->tree + (size_t)4 * t);
        if (word >> 24 != s->output)
            continue;
        tree_reach r = reach_of(s->b, word & ROOT_MASK, lo_of(s, at), hi_of(s, at));
        box.key += s->up ? r.hi : r.lo;
        if (r.split != NO_SPLIT && !(r.hi - r.lo <= widest)) {
            widest = r.hi - r.lo;
            box.split = r.split;
        }
    }
    if (isnan(box.key))
        box.key = s->up ? INFINITY : -INFINITY;
    return box;
}

static int before(const bound_side *s, const bound_box *a, const bound_box *c)
{
    return s->up ? a->key > c->key : a->key < c->key;
}

static void push(bound_side *s, bound_box box)
{
    uint32_t i = s->n++;
    for (; i > 0 && before(s, &box, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = box;
}

static bound_box pop(bound_side *s)
{
    bound_box top = s->heap[0], last = s->heap[--s->n];
    uint32_t i = 0, c;
    while ((c = 2 * i + 1) < s->n) {
        c += c + 1 < s->n && before(s, &s->heap[c + 1], &s->heap[c]);
        if (!before(s, &s->heap[c], &last))
            break;
        s->heap[i] = s->heap[c];
        i = c;
    }
    s->heap[i] = last;
    return top;
}

/* The worst margin of one side; *exact: a row gives it. */
static float worst(bound_side *s, const float *lo, const float *hi, int *exact, uint32_t *boxes)
{
    size_t bytes = s->b->n_in * sizeof(float);
    uint32_t used = 1;
    bound_box top;
    memcpy(lo_of(s, 0), lo, bytes);
    memcpy(hi_of(s, 0), hi, bytes);
    s->n = 0;
    top = look(s, 0);
    while (top.split != NO_SPLIT && used < s->most) {
        uint32_t f = word_at(s->b, (uint32_t)top.split) & FEATURE_MASK;
        float threshold = value_at(s->b, (uint32_t)top.split);
        memcpy(lo_of(s, used), lo_of(s, top.at), 2 * bytes);
        hi_of(s, top.at)[f] = nextafterf(threshold, -INFINITY);
        lo_of(s, used)[f] = threshold;
        push(s, look(s, top.at));
        push(s, look(s, used));
        used++;
        top = pop(s);
    }
    *exact = top.split == NO_SPLIT;
    *boxes += used;
    return top.key;
}

static float logistic_end(float margin, int up)
{
    double p = 1 / (1 + exp(-(double)margin));
    p = up ? p * (1 + LOGISTIC_SLACK) + 1e-38 : p * (1 - LOGISTIC_SLACK) - 1e-38;
    return p > 1 ? 1.0f : p < 0 ? 0.0f : (float)p;
}

static int box_of_trees(const dura_bound *b, const float *lo, const float *hi, uint32_t boxes, dura_bound_range *out)
{
    size_t each = 2 * (size_t)b->n_in * sizeof(float);
    bound_side s = {b, 0, 0, boxes < BOX_BYTES / each ? boxes : (uint32_t)(BOX_BYTES / each), 0, NULL, NULL};
    s.heap = malloc((size_t)(s.most + 1) * sizeof *s.heap);
    s.room = malloc((size_t)(s.most + 1) * each);
    for (; s.heap && s.room && s.output < b->n_out; s.output++) {
        dura_bound_range *r = &out[s.output];
        int exact[2];
        s.up = 0;
        r->lo = worst(&s, lo, hi, &exact[0], &r->boxes);
        s.up = 1;
        r->hi = worst(&s, lo, hi, &exact[1], &r->boxes);
        r->lo_exact = (uint8_t)(exact[0] && !b->logistic);
        r->hi_exact = (uint8_t)(exact[1] && !b->logistic);
        if (b->logistic) {
            r->lo = logistic_end(r->lo, 0);
            r->hi = logistic_end(r->hi, 1);
        }
    }
    free(s.heap);
    free(s.room);
    return s.output == b->n_out ? DURA_OK : DURA_ENOSPC;
}

/* ---- linear ---------------------------------------------------------------------------------- */

static int run(const dura_bound *b, const float *x, float *out)
{
    return b->backend->run(b->inst, x, b->n_in, out, b->n_out, 0);
}

static int box_of_weights(const dura_bound *b, const float *lo, const float *hi, dura_bound_range *out)
{
    float y[DURA_OUTPUTS_MAX], *x = malloc(b->n_in * sizeof *x);
    const uint8_t *row = b->image + LINEAR_HEADER;
    int rc = x ? DURA_OK : DURA_ENOSPC;
    for (uint32_t k = 0; rc == DURA_OK && k < b->n_out; k++, row += (size_t)4 * (b->n_in + 1))
        for (int up = 0; rc == DURA_OK && up < 2; up++) {
            for (uint32_t i = 0; i < b->n_in; i++) {
                int rises = durai_f32(durai_le32(row + 4 + (size_t)4 * i)) > 0;
                x[i] = rises == up ? hi[i] : lo[i];
            }
            rc = run(b, x, y);
            *(up ? &out[k].hi : &out[k].lo) = y[k];
            out[k].lo_exact = out[k].hi_exact = 1;
            out[k].boxes++;
        }
    free(x);
    return rc;
}

static int is_box(const dura_bound *b, const float *lo, const float *hi, size_t n_in, const void *out, size_t n_out)
{
    if (!b || !lo || !hi || !out || n_in != b->n_in || n_out != b->n_out)
        return 0;
    for (size_t i = 0; i < n_in; i++)
        if (!durai_finite(lo[i]) || !durai_finite(hi[i]) || lo[i] > hi[i])
            return 0;
    return 1;
}

int dura_bound_box(const dura_bound *b, const float *lo, const float *hi, size_t n_in, uint32_t boxes,
                   dura_bound_range *out, size_t n_out)
{
    if (!is_box(b, lo, hi, n_in, out, n_out) || boxes < 1 || boxes > BOXES_MAX)
        return DURA_EINVAL;
    memset(out, 0, n_out * sizeof *out);
    return b->trees ? box_of_trees(b, lo, hi, boxes, out) : box_of_weights(b, lo, hi, out);
}

/* ---- the attack --------------------------------------------------------------------------------- */

typedef struct attack {
    const dura_bound *b;
    const float *lo, *hi;
    float *x;
    uint64_t state;
    uint32_t output;
    int up;
    float best;
} attack;

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint32_t roll(attack *a)
{
    uint64_t z = a->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ z >> 31) >> 32);
}

static float somewhere(attack *a, uint32_t i)
{
    double u = roll(a) / 4294967295.0;
    float x = (float)((double)a->lo[i] + u * ((double)a->hi[i] - (double)a->lo[i]));
    return x < a->lo[i] ? a->lo[i] : x > a->hi[i] ? a->hi[i] : x;
}

/* Is the answer to x worse than the worst of this start? */
static int worse(attack *a, int *rc)
{
    float y[DURA_OUTPUTS_MAX];
    *rc = run(a->b, a->x, y);
    if (*rc != DURA_OK || !(a->up ? y[a->output] > a->best : y[a->output] < a->best))
        return 0;
    a->best = y[a->output];
    return 1;
}

/* Put input i where the answer is worst; did it help? */
static int move(attack *a, uint32_t i, int *rc)
{
    float kept = a->x[i];
    int helped = 0;
    for (int k = 0; *rc == DURA_OK && k < TRIES + 2; k++) {
        a->x[i] = k == 0 ? a->lo[i] : k == 1 ? a->hi[i] : somewhere(a, i);
        if (!worse(a, rc)) {
            a->x[i] = kept;
            continue;
        }
        kept = a->x[i];
        helped = 1;
    }
    return helped;
}

static int start(attack *a, int corner, dura_bound_range *out)
{
    int rc = DURA_OK, helped = 1;
    for (uint32_t i = 0; i < a->b->n_in; i++)
        a->x[i] = !corner ? somewhere(a, i) : roll(a) & 1 ? a->hi[i] : a->lo[i];
    a->best = a->up ? -INFINITY : INFINITY;
    (void)worse(a, &rc);
    for (int sweep = 0; rc == DURA_OK && helped && sweep < SWEEPS; sweep++) {
        uint32_t first = roll(a) % a->b->n_in;
        helped = 0;
        for (uint32_t i = 0; rc == DURA_OK && i < a->b->n_in; i++)
            helped |= move(a, (first + i) % a->b->n_in, &rc);
    }
    if (a->up && a->best > out->hi)
        out->hi = a->best;
    if (!a->up && a->best < out->lo)
        out->lo = a->best;
    return rc;
}

int dura_bound_search(const dura_bound *b, const float *lo, const float *hi, size_t n_in, uint32_t starts, uint64_t seed,
                      dura_bound_range *out, size_t n_out)
{
    if (!is_box(b, lo, hi, n_in, out, n_out) || starts < 1)
        return DURA_EINVAL;
    attack a = {b, lo, hi, malloc(n_in * sizeof(float)), seed, 0, 0, 0};
    float y[DURA_OUTPUTS_MAX];
    if (!a.x)
        return DURA_ENOSPC;
    memcpy(a.x, lo, n_in * sizeof(float));
    int rc = run(b, a.x, y);
    for (size_t k = 0; rc == DURA_OK && k < n_out; k++)
        out[k] = (dura_bound_range){y[k], y[k], 1, 1, 0, 0};
    for (uint64_t n = seed % (4 * b->n_out), end = n + starts; rc == DURA_OK && n < end; n++) {
        a.up = (int)(n & 1);
        a.output = (uint32_t)(n / 2 % b->n_out);
        rc = start(&a, (int)(n / 2 / b->n_out & 1), &out[a.output]);
    }
    free(a.x);
    return rc;
}
