/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model as XGBoost saves it (Booster.save_model("m.json")) into a tree image
 * (docs/formats/model-trees.md).
 *
 * XGBoost's files grow with its releases, so members that are not needed are passed over;
 * whatever would change an answer is either understood or refused, with a sentence that
 * says what to do. A tree is walked from its root, level by level, and written in that
 * order: nodes that pruning left behind fall away, and a cycle or a shared child is found.
 *
 * What training counted at each node (its cover) goes behind the names, where no device
 * looks: attribution on a computer needs it, and so it is under the model's digest.
 *
 * The one value that is computed here is the base margin of a logistic objective. The
 * logarithm is our own, in binary64 with the four operations alone, so that one model has
 * one image wherever it is packed.
 */
#include "dura_host_pack_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TREES_MAGIC = 0x45525444,       /* 'DTRE' */
    TREES_VERSION = 1,
    TREES_HEADER = 24,
    TREES_NODES_MAX = 2097151,      /* 21 bits of distance */
    TREES_BYTES_MAX = 1 << 24,
    DEPTH_MAX = 64,                 /* as the backend has it */
    DISTANCE_SHIFT = 11,
    MISSING_LEFT = 0x400,
    XGBOOST_MAJOR_MIN = 2,          /* releases whose files were compared with their answers */
    XGBOOST_MAJOR_MAX = 3,
    OUTPUT_NAMES_MAX = DURA_OUTPUTS_MAX * 64
};

/* The objectives whose answer is the margin, or its logistic. */
static const struct {
    const char *name;
    int logistic;
} objectives[] = {
    {"reg:squarederror", 0}, {"reg:squaredlogerror", 0}, {"reg:absoluteerror", 0},
    {"reg:pseudohubererror", 0}, {"reg:quantileerror", 0}, {"reg:logistic", 1},
    {"binary:logistic", 1}, {"binary:logitraw", 0}, {"multi:softmax", 0}, {"multi:softprob", 0},
    {"rank:pairwise", 0}, {"rank:ndcg", 0}, {"rank:map", 0},
};

typedef struct job {
    const dura_json *doc;
    dura_error *err;
    uint32_t learner, param, booster;        /* values of the document */
    uint32_t n_in, n_out, n_class;
    int logistic;
    float base[DURA_OUTPUTS_MAX];
    uint32_t n_trees, n_nodes;
    durai_pack trees, nodes, names, covers;
    int has_covers;                          /* so far every tree has them */
} job;

/* ---- the document ---------------------------------------------------------------- */

static int need(const job *j, uint32_t object, const char *name, int type, uint32_t *out)
{
    *out = dura_json_member(j->doc, object, name);
    if (*out == DURA_JSON_NONE)
        return dura_json_fail(j->doc, object, j->err, DURA_EINVAL,
                              "the member \"%s\" is missing: this is not a model as XGBoost saves it", name);
    if (type == DURA_JSON_OBJECT || type == DURA_JSON_ARRAY)
        return dura_json_want(j->doc, *out, type, 0, UINT32_MAX, j->err);
    return DURA_OK;
}

/* A text that is always there, e.g. a name. */
static int need_text(const job *j, uint32_t object, const char *name, const char **out)
{
    uint32_t value;
    int rc = need(j, object, name, DURA_JSON_TEXT, &value);
    return rc == DURA_OK ? dura_json_get_text(j->doc, value, 0, 4096, out, j->err) : rc;
}

/* A count, which XGBoost writes as text. Absent: 0. */
static int get_count(const job *j, uint32_t object, const char *name, uint32_t *out)
{
    uint32_t value = dura_json_member(j->doc, object, name);
    uint64_t v = 0;
    int rc = value == DURA_JSON_NONE ? DURA_OK : dura_json_get_u64(j->doc, value, &v, j->err);
    *out = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
    return rc;
}

static int check_version(const job *j)
{
    uint32_t version, major;
    int64_t v;
    int rc = need(j, DURA_JSON_ROOT, "version", DURA_JSON_ARRAY, &version);
    if (rc < 0)
        return rc;
    major = dura_json_first(j->doc, version);
    rc = dura_json_get_int(j->doc, major, 0, 1000000, &v, j->err);
    if (rc < 0 || (v >= XGBOOST_MAJOR_MIN && v <= XGBOOST_MAJOR_MAX))
        return rc;
    return dura_json_fail(j->doc, version, j->err, DURA_EINVAL,
                          "saved by XGBoost %d; %d to %d are understood: load and save the model with one of those",
                          (int)v, XGBOOST_MAJOR_MIN, XGBOOST_MAJOR_MAX);
}

static int check_booster(job *j)
{
    const char *name;
    uint32_t booster;
    int rc = need(j, j->learner, "gradient_booster", DURA_JSON_OBJECT, &booster);
    if (rc == DURA_OK)
        rc = need_text(j, booster, "name", &name);
    if (rc < 0)
        return rc;
    if (strcmp(name, "gbtree") != 0)
        return dura_json_fail(j->doc, booster, j->err, DURA_EINVAL,
                              "the booster is \"%.31s\", only \"gbtree\" is converted; train with booster=gbtree%s", name,
                              strcmp(name, "gblinear") == 0 ? ", or give the weights as a linear model" : "");
    return need(j, booster, "model", DURA_JSON_OBJECT, &j->booster);
}

static int check_objective(job *j)
{
    const char *name;
    uint32_t objective;
    size_t i;
    int rc = need(j, j->learner, "objective", DURA_JSON_OBJECT, &objective);
    if (rc == DURA_OK)
        rc = need_text(j, objective, "name", &name);
    if (rc < 0)
        return rc;
    for (i = 0; i < sizeof objectives / sizeof objectives[0]; i++)
        if (strcmp(name, objectives[i].name) == 0) {
            j->logistic = objectives[i].logistic;
            return DURA_OK;
        }
    return dura_json_fail(j->doc, objective, j->err, DURA_EINVAL,
                          "the objective \"%.63s\" turns margins into answers in a way that is not converted; train with "
                          "reg:squarederror, binary:logistic, multi:softprob or another of docs/formats/model-trees.md",
                          name);
}

static int get_shape(job *j)
{
    uint32_t targets = 0;
    int rc = need(j, j->learner, "learner_model_param", DURA_JSON_OBJECT, &j->param);
    if (rc == DURA_OK)
        rc = get_count(j, j->param, "num_feature", &j->n_in);
    if (rc == DURA_OK)
        rc = get_count(j, j->param, "num_class", &j->n_class);
    if (rc == DURA_OK)
        rc = get_count(j, j->param, "num_target", &targets);
    if (rc < 0)
        return rc;
    if (j->n_in < 1 || j->n_in > DURA_MODEL_INPUTS_MAX)
        return dura_json_fail(j->doc, j->param, j->err, DURA_EINVAL, "%u features; a model here has 1 to %d", j->n_in,
                              DURA_MODEL_INPUTS_MAX);
    if (j->n_class > 1 && targets > 1)
        return dura_json_fail(j->doc, j->param, j->err, DURA_EINVAL,
                              "several classes and several targets at once; train one model per target");
    j->n_out = j->n_class > 1 ? j->n_class : targets > 1 ? targets : 1;
    if (j->n_out > DURA_OUTPUTS_MAX)
        return dura_json_fail(j->doc, j->param, j->err, DURA_EINVAL,
                              "%u classes or targets; a model here has at most %d outputs", j->n_out, DURA_OUTPUTS_MAX);
    return DURA_OK;
}

/* ---- the base margin ------------------------------------------------------------- */

/* ln x, 0 < x finite, error below 1e-15 of it: x = m 2^e with m around 1, and the series of
 * 2 artanh((m - 1) / (m + 1)), whose argument is at most 0.1716. */
static double natural_log(double x)
{
    const double ln2 = 0.69314718055994530942;
    double s, square, sum = 0;
    int e = 0, k;
    for (; x > 1.4142135623730951; e++)
        x *= 0.5;
    for (; x < 0.70710678118654752; e--)
        x *= 2;
    s = (x - 1) / (x + 1);
    square = s * s;
    for (k = 25; k >= 1; k -= 2)
        sum = sum * square + 1.0 / k;
    return 2 * s * sum + e * ln2;
}

/* XGBoost keeps the base score of a logistic objective as a probability. */
static int to_margin(const job *j, uint32_t value, float *score)
{
    float odds;
    if (!j->logistic)
        return DURA_OK;
    odds = *score > 0.0f ? 1.0f / *score - 1.0f : 0.0f;
    if (odds <= 0.0f || !durai_finite(odds))
        return dura_json_fail(j->doc, value, j->err, DURA_EINVAL,
                              "a logistic objective wants a base score between 0 and 1");
    *score = -(float)natural_log((double)odds);
    *score = durai_f32_bits(*score) << 1 ? *score : 0.0f;
    return DURA_OK;
}

/* base_score: a text that holds a number (to 3.0) or a list of one or n_out (from 3.1). */
static int read_base(job *j, const dura_json *text, uint32_t value)
{
    int list = dura_json_type(text, DURA_JSON_ROOT) == DURA_JSON_ARRAY;
    uint32_t n = list ? dura_json_count(text, DURA_JSON_ROOT) : 1, k;
    uint32_t item = list ? dura_json_first(text, DURA_JSON_ROOT) : DURA_JSON_ROOT;
    float score = 0;
    int rc = n == 1 || n == j->n_out ? DURA_OK : DURA_EINVAL;
    for (k = 0; rc == DURA_OK && k < j->n_out; k++) {
        if (k < n) {
            rc = dura_json_get_f32(text, item, &score, NULL);
            item = dura_json_next(text, item);
            if (rc == DURA_OK && (rc = to_margin(j, value, &score)) < 0)
                return rc;
        }
        j->base[k] = score;
    }
    if (rc == DURA_OK)
        return rc;
    return dura_json_fail(j->doc, value, j->err, DURA_EINVAL, "wants one number, or one for each of %u outputs", j->n_out);
}

static int get_base(job *j)
{
    const char *said;
    uint32_t value = dura_json_member(j->doc, j->param, "base_score");
    dura_json *text;
    int rc = need_text(j, j->param, "base_score", &said);
    if (rc < 0)
        return rc;
    if (dura_json_parse(said, strlen(said), NULL, &text, NULL) < 0)
        return dura_json_fail(j->doc, value, j->err, DURA_EINVAL, "wants a finite number, or a list of them");
    rc = read_base(j, text, value);
    dura_json_deinit(text);
    return rc;
}

/* ---- names ----------------------------------------------------------------------- */

static int put_input_names(job *j)
{
    uint32_t list = dura_json_member(j->doc, j->learner, "feature_names"), i;
    char plain[16];
    const char *name;
    int rc = DURA_OK;
    if (dura_json_count(j->doc, list) == 0) {
        for (i = 0; i < j->n_in; i++) {
            (void)snprintf(plain, sizeof plain, "f%u", (unsigned)i);
            durai_pack_put(&j->names, plain, strlen(plain) + 1);
        }
        return DURA_OK;
    }
    rc = dura_json_want(j->doc, list, DURA_JSON_ARRAY, j->n_in, j->n_in, j->err);
    for (i = dura_json_first(j->doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(j->doc, i)) {
        rc = dura_json_get_text(j->doc, i, 1, DURAI_NAME_MAX, &name, j->err);
        if (rc == DURA_OK)
            durai_pack_put(&j->names, name, strlen(name) + 1);
    }
    return rc == DURA_OK ? durai_pack_unique(j->doc, list, "feature", j->err) : rc;
}

/* Is one of the n names from p on the one of len bytes? */
static int is_taken(const char *p, uint32_t n, const char *name, size_t len)
{
    for (; n > 0; n--, p += strlen(p) + 1)
        if (strlen(p) == len && memcmp(p, name, len) == 0)
            return 1;
    return 0;
}

/* "a,b": one name per output. */
static int put_said_names(job *j, uint32_t value)
{
    const char *p, *end;
    size_t begin = j->names.len;
    uint32_t n = 0;
    int rc = dura_json_get_text(j->doc, value, 1, OUTPUT_NAMES_MAX, &p, j->err);
    if (rc < 0)
        return rc;
    for (; p; p = *end ? end + 1 : NULL) {
        end = strchr(p, ',');
        end = end ? end : p + strlen(p);
        if (end == p || (size_t)(end - p) > DURAI_NAME_MAX || n == j->n_out)
            return dura_json_fail(j->doc, value, j->err, DURA_EINVAL,
                                  "wants %u names of 1 to 63 bytes with commas between", j->n_out);
        if (j->names.err == 0 && n > 0 && is_taken((const char *)j->names.p + begin, n, p, (size_t)(end - p)))
            return dura_json_fail(j->doc, value, j->err, DURA_EINVAL, "another output is called \"%.*s\"; names are unique",
                                  (int)(end - p), p);
        durai_pack_put(&j->names, p, (size_t)(end - p));
        durai_pack_put(&j->names, "", 1);
        n++;
    }
    if (n == j->n_out)
        return DURA_OK;
    return dura_json_fail(j->doc, value, j->err, DURA_EINVAL, "wants %u names with commas between, not %u", j->n_out, n);
}

/* XGBoost has no names for outputs: the attribute dura_outputs, class numbers, or nothing. */
static int put_output_names(job *j)
{
    uint32_t value = dura_json_member(j->doc, j->learner, "attributes"), k;
    char name[16];
    value = dura_json_member(j->doc, value, "dura_outputs");
    if (value != DURA_JSON_NONE)
        return put_said_names(j, value);
    for (k = 0; k < j->n_out; k++) {
        name[0] = 0;
        if (j->n_class > 1)
            (void)snprintf(name, sizeof name, "class%u", (unsigned)k);
        durai_pack_put(&j->names, name, strlen(name) + 1);
    }
    return DURA_OK;
}

/* ---- one tree -------------------------------------------------------------------- */

/* A tree as the text has it, one array per field. */
typedef struct tree {
    uint32_t value;             /* where it stands in the document */
    uint32_t n;                 /* nodes, deleted ones too */
    int32_t *left, *right, *feature, *missing_left, *seen;
    uint32_t *queue;            /* nodes in the order they are written */
    float *split;               /* threshold, or a leaf's value */
    float *cover;               /* weight of the training rows that came by */
} tree;

/* The array called name: n integers, lo to hi; true and false count as 1 and 0. */
static int read_ints(const job *j, const tree *t, const char *name, int64_t lo, int64_t hi, int32_t *out)
{
    uint32_t list, i, k = 0;
    int rc = need(j, t->value, name, DURA_JSON_ARRAY, &list);
    if (rc == DURA_OK)
        rc = dura_json_want(j->doc, list, DURA_JSON_ARRAY, t->n, t->n, j->err);
    for (i = dura_json_first(j->doc, list); rc == DURA_OK && k < t->n; i = dura_json_next(j->doc, i)) {
        int64_t v = 0;
        int truth = 0;
        if (dura_json_type(j->doc, i) == DURA_JSON_BOOL)
            rc = dura_json_get_bool(j->doc, i, &truth, j->err);
        else
            rc = dura_json_get_int(j->doc, i, lo, hi, &v, j->err);
        out[k++] = truth ? 1 : (int32_t)v;
    }
    return rc;
}

static int read_splits(const job *j, const tree *t)
{
    uint32_t list, i, k = 0;
    int rc = need(j, t->value, "split_conditions", DURA_JSON_ARRAY, &list);
    if (rc == DURA_OK)
        rc = dura_json_want(j->doc, list, DURA_JSON_ARRAY, t->n, t->n, j->err);
    for (i = dura_json_first(j->doc, list); rc == DURA_OK && k < t->n; i = dura_json_next(j->doc, i))
        rc = dura_json_get_f32(j->doc, i, &t->split[k++], j->err);
    return rc;
}

/* What a tree may have that the image cannot say. */
static int check_tree_kind(const job *j, const tree *t)
{
    uint32_t param = dura_json_member(j->doc, t->value, "tree_param"), vector = 0, i;
    int rc = get_count(j, param, "size_leaf_vector", &vector);
    if (rc < 0)
        return rc;
    if (vector > 1)
        return dura_json_fail(j->doc, t->value, j->err, DURA_EINVAL,
                              "its leaves are vectors; train with multi_strategy=one_output_per_tree");
    rc = dura_json_count(j->doc, dura_json_member(j->doc, t->value, "categories")) ? DURA_EINVAL : DURA_OK;
    i = dura_json_first(j->doc, dura_json_member(j->doc, t->value, "split_type"));
    for (; rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(j->doc, i)) {
        int64_t type = 0;
        rc = dura_json_get_int(j->doc, i, 0, 0, &type, NULL);
    }
    if (rc == DURA_OK)
        return rc;
    return dura_json_fail(j->doc, t->value, j->err, DURA_EINVAL,
                          "it splits on categories, which are not converted; train with one-hot columns instead");
}

/* Covers are for attribution alone: without them a model runs as well. */
static int read_covers(const job *j, const tree *t)
{
    uint32_t list = dura_json_member(j->doc, t->value, "sum_hessian"), i, k = 0;
    if (dura_json_count(j->doc, list) != t->n || dura_json_type(j->doc, list) != DURA_JSON_ARRAY)
        return 0;
    for (i = dura_json_first(j->doc, list); k < t->n; i = dura_json_next(j->doc, i), k++)
        if (dura_json_get_f32(j->doc, i, &t->cover[k], NULL) != DURA_OK)
            return 0;
    return 1;
}

static int read_tree(const job *j, tree *t)
{
    int rc = check_tree_kind(j, t);
    if (rc == DURA_OK)
        rc = read_ints(j, t, "left_children", -1, (int64_t)t->n - 1, t->left);
    if (rc == DURA_OK)
        rc = read_ints(j, t, "right_children", -1, (int64_t)t->n - 1, t->right);
    if (rc == DURA_OK)
        rc = read_ints(j, t, "split_indices", 0, INT32_MAX, t->feature);
    if (rc == DURA_OK)
        rc = read_ints(j, t, "default_left", 0, 1, t->missing_left);
    if (rc == DURA_OK)
        rc = read_splits(j, t);
    return rc;
}

static int bad_tree(const job *j, const tree *t, const char *what)
{
    return dura_json_fail(j->doc, t->value, j->err, DURA_EINVAL, "%s", what);
}

/* A cover that is not above 0 ends them all: nothing can be divided by it. */
static void put_cover(job *j, float cover)
{
    uint8_t le[4];
    j->has_covers = j->has_covers && cover > 0 && durai_finite(cover);
    durai_put32(le, durai_f32_bits(cover));
    durai_pack_put(&j->covers, le, sizeof le);
}

static void put_node(job *j, float value, uint32_t word)
{
    uint8_t le[8];
    durai_put32(le, durai_f32_bits(value));
    durai_put32(le + 4, word);
    durai_pack_put(&j->nodes, le, sizeof le);
}

/* Append both children of node i, whose place is `at`; its word gets how far they stand. */
static int enqueue(const job *j, const tree *t, uint32_t i, uint32_t at, uint32_t *end, uint32_t *word)
{
    uint32_t left = (uint32_t)t->left[i], right = (uint32_t)t->right[i];
    if (t->left[i] < 0 || t->right[i] < 0 || left == right || t->seen[left] || t->seen[right])
        return bad_tree(j, t, "its nodes do not form a tree; the file is damaged");
    if ((uint32_t)t->feature[i] >= j->n_in)
        return bad_tree(j, t, "it splits on a feature the model does not have; the file is damaged");
    DURA_ASSERT(*end + 2 <= t->n && *end > at);
    *word = (*end - at) << DISTANCE_SHIFT | (t->missing_left[i] ? MISSING_LEFT : 0u) | (uint32_t)t->feature[i];
    t->seen[left] = t->seen[right] = 1;
    t->queue[(*end)++] = left;
    t->queue[(*end)++] = right;
    return DURA_OK;
}

/* Level by level from the root: the place in the queue is the place in the image. */
static int put_tree(job *j, const tree *t)
{
    uint32_t at, end = 1, level = 1, depth = 0;
    t->queue[0] = 0;
    t->seen[0] = 1;
    for (at = 0; at < end; at++) {
        uint32_t i = t->queue[at], word = 0;
        if (at == level) {
            depth++;
            level = end;
        }
        if (depth > DEPTH_MAX)
            return bad_tree(j, t, "it is deeper than 64; train with max_depth");
        if (t->left[i] != -1 || t->right[i] != -1) {
            int rc = enqueue(j, t, i, at, &end, &word);
            if (rc < 0)
                return rc;
        }
        put_node(j, t->split[i], word);
        if (j->has_covers)
            put_cover(j, t->cover[i]);
    }
    j->n_nodes += end;
    if (j->n_nodes > TREES_NODES_MAX)
        return bad_tree(j, t, "with it the model has more than 2097151 nodes; train fewer or smaller trees");
    return DURA_OK;
}

/* One tree for output `group`. */
static int convert_tree(job *j, uint32_t value, uint32_t group)
{
    tree t = {value, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    uint32_t list, *words;
    uint8_t le[4];
    int rc = dura_json_want(j->doc, value, DURA_JSON_OBJECT, 0, UINT32_MAX, j->err);
    if (rc == DURA_OK)
        rc = need(j, value, "left_children", DURA_JSON_ARRAY, &list);
    if (rc == DURA_OK)
        rc = dura_json_want(j->doc, list, DURA_JSON_ARRAY, 1, TREES_NODES_MAX, j->err);
    if (rc < 0)
        return rc;
    t.n = dura_json_count(j->doc, list);
    words = (uint32_t *)calloc(t.n, 8 * sizeof *words);
    if (!words)
        return dura_error_set(j->err, DURA_ENOSPC, dura_json_file(j->doc), 0, "", "out of memory");
    t.left = (int32_t *)words;
    t.right = t.left + t.n;
    t.feature = t.right + t.n;
    t.missing_left = t.feature + t.n;
    t.seen = t.missing_left + t.n;
    t.queue = words + (size_t)5 * t.n;
    t.split = (float *)(void *)(words + (size_t)6 * t.n);
    t.cover = t.split + t.n;
    durai_put32(le, j->n_nodes | group << 24);
    rc = read_tree(j, &t);
    j->has_covers = j->has_covers && rc == DURA_OK && read_covers(j, &t);
    if (rc == DURA_OK)
        rc = put_tree(j, &t);
    durai_pack_put(&j->trees, le, sizeof le);
    j->n_trees++;
    free(words);
    return rc;
}

/* ---- the model ------------------------------------------------------------------- */

/* tree_info says which output a tree adds to. */
static int put_trees(job *j)
{
    uint32_t trees, info, t, g;
    int rc = need(j, j->booster, "trees", DURA_JSON_ARRAY, &trees);
    if (rc == DURA_OK)
        rc = need(j, j->booster, "tree_info", DURA_JSON_ARRAY, &info);
    if (rc < 0)
        return rc;
    if (dura_json_count(j->doc, trees) == 0)
        return dura_json_fail(j->doc, trees, j->err, DURA_EINVAL, "the model has no tree; train it first");
    if (dura_json_count(j->doc, info) != dura_json_count(j->doc, trees))
        return dura_json_fail(j->doc, info, j->err, DURA_EINVAL, "wants one number per tree: %u, not %u",
                              dura_json_count(j->doc, trees), dura_json_count(j->doc, info));
    t = dura_json_first(j->doc, trees);
    for (g = dura_json_first(j->doc, info); rc == DURA_OK && t != DURA_JSON_NONE; g = dura_json_next(j->doc, g)) {
        int64_t group = 0;
        rc = dura_json_get_int(j->doc, g, 0, (int64_t)j->n_out - 1, &group, j->err);
        if (rc == DURA_OK)
            rc = convert_tree(j, t, (uint32_t)group);
        t = dura_json_next(j->doc, t);
    }
    return rc;
}

/* The attribute dura_covers says "no" for a device that has no flash to spare. */
static int want_covers(const job *j)
{
    uint32_t value = dura_json_member(j->doc, dura_json_member(j->doc, j->learner, "attributes"), "dura_covers");
    const char *said = "";
    return dura_json_get_text(j->doc, value, 0, 8, &said, NULL) != DURA_OK || strcmp(said, "no") != 0;
}

static int read_model(job *j)
{
    int rc = check_version(j);
    if (rc == DURA_OK)
        rc = need(j, DURA_JSON_ROOT, "learner", DURA_JSON_OBJECT, &j->learner);
    if (rc == DURA_OK)
        rc = check_booster(j);
    j->has_covers = rc == DURA_OK && want_covers(j);
    if (rc == DURA_OK)
        rc = check_objective(j);
    if (rc == DURA_OK)
        rc = get_shape(j);
    if (rc == DURA_OK)
        rc = get_base(j);
    if (rc == DURA_OK)
        rc = put_input_names(j);
    if (rc == DURA_OK)
        rc = put_output_names(j);
    return rc == DURA_OK ? put_trees(j) : rc;
}

static void put_image(const job *j, durai_pack *image)
{
    uint8_t head[TREES_HEADER], le[4];
    uint32_t k;
    memset(head, 0, sizeof head);
    durai_put32(head, TREES_MAGIC);
    durai_put16(head + 4, TREES_VERSION);
    durai_put16(head + 6, (uint16_t)j->n_out);
    durai_put16(head + 12, (uint16_t)j->n_in);
    durai_put16(head + 14, (uint16_t)j->logistic);
    durai_put32(head + 16, j->n_trees);
    durai_put32(head + 20, j->n_nodes);
    durai_pack_put(image, head, sizeof head);
    for (k = 0; k < j->n_out; k++) {
        durai_put32(le, durai_f32_bits(j->base[k]));
        durai_pack_put(image, le, sizeof le);
    }
    durai_pack_put(image, j->trees.p, j->trees.len);
    durai_pack_put(image, j->nodes.p, j->nodes.len);
    durai_pack_put(image, j->names.p, j->names.len);
    if (j->has_covers) {
        durai_pack_align(image);
        durai_pack_put(image, j->covers.p, j->covers.len);
    }
    durai_pack_finish(image, 8);
    if (j->trees.err || j->nodes.err || j->names.err || j->covers.err)
        image->err = DURA_ENOSPC;
}

int durai_pack_trees_doc(const dura_json *doc, void **image, size_t *len, dura_error *err)
{
    durai_pack b = {NULL, 0, 0, 0};
    job j;
    int rc;
    memset(&j, 0, sizeof j);
    j.doc = doc;
    j.err = err;
    rc = read_model(&j);
    if (rc == DURA_OK)
        put_image(&j, &b);
    free(j.trees.p);
    free(j.nodes.p);
    free(j.names.p);
    free(j.covers.p);
    if (rc == DURA_OK && b.len > TREES_BYTES_MAX)
        rc = dura_error_set(err, DURA_EINVAL, dura_json_file(doc), 0, "",
                            "the image would have %zu bytes, at most %d; train fewer or smaller trees", b.len, TREES_BYTES_MAX);
    if (rc < 0) {
        free(b.p);
        return rc;
    }
    return durai_pack_give(&b, image, len, err);
}

/* ---- reading an image ------------------------------------------------------------ */

const char *durai_trees_names(const void *image, uint32_t *n_in, uint32_t *n_out)
{
    const uint8_t *p = (const uint8_t *)image;
    *n_out = durai_le16(p + 6);
    *n_in = durai_le16(p + 12);
    return (const char *)p + TREES_HEADER + (size_t)4 * *n_out + (size_t)4 * durai_le32(p + 16) +
           (size_t)8 * durai_le32(p + 20);
}

static int all_zero(const uint8_t *p, size_t n)
{
    while (n > 0 && *p == 0) {
        p++;
        n--;
    }
    return n == 0;
}

/* Behind the names: zeros up to a multiple of 8, then nothing or a cover per node. */
static int check_rest(const uint8_t *image, const uint8_t *p, const uint8_t *end, size_t n_nodes)
{
    const uint8_t *cover = image + ((size_t)(p - image) + 7) / 8 * 8;
    if (!all_zero(p, (size_t)(cover - p)))
        return DURA_ECORRUPT;
    if (cover == end)
        return DURA_OK;
    if ((size_t)(end - cover) != (4 * n_nodes + 7) / 8 * 8)
        return DURA_ECORRUPT;
    for (size_t i = 0; i < n_nodes; i++) {
        float f = durai_f32(durai_le32(cover + 4 * i));
        if (!(f > 0) || !durai_finite(f))
            return DURA_ECORRUPT;
    }
    cover += 4 * n_nodes;
    return all_zero(cover, (size_t)(end - cover)) ? DURA_OK : DURA_ECORRUPT;
}

/* Where the names end, NULL when they do not. */
static const uint8_t *names_end(const void *image, size_t len)
{
    uint32_t n_in, n_out, i;
    const char *p = durai_trees_names(image, &n_in, &n_out), *end = (const char *)image + len - 8;
    for (i = 0; i < n_in + n_out; i++) {
        const char *zero = p < end ? (const char *)memchr(p, 0, (size_t)(end - p)) : NULL;
        if (!zero)
            return NULL;
        p = zero + 1;
    }
    return (const uint8_t *)p;
}

/* What a name may hold is looked at with the other texts of images. */
int durai_trees_check_names(const void *image, size_t len)
{
    const uint8_t *p = (const uint8_t *)image, *rest;
    int rc = dura_trees_check(image, len);
    if (rc < 0)
        return rc;
    rest = names_end(image, len);
    return rest ? check_rest(p, rest, p + len - 8, durai_le32(p + 20)) : DURA_ECORRUPT;
}

const uint8_t *durai_trees_covers(const void *image, size_t len)
{
    const uint8_t *p = (const uint8_t *)image, *rest = names_end(image, len);
    size_t at = rest ? ((size_t)(rest - p) + 7) / 8 * 8 : len;
    return at + 8 < len ? p + at : NULL;
}
