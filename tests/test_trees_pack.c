/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a model as XGBoost saves it to an image: against a second packer
 * (scripts/make_corpus_trees.py), against margins worked out by hand, and everything that
 * is refused, with where and what to do.
 */
#include "dt.h"

#include <dura/host/json.h>
#include <dura/host/pack.h>

#include "base/dura_base_priv.h"

#define CORPUS DURA_SOURCE_DIR "/fuzz/corpus/"

typedef struct bytes {
    uint8_t *p;
    size_t n;
} bytes;

/* Two trees over speed and load; of the second, nodes 1 and 2 were pruned. One member a
 * line, so that an error's line can be told. */
#define TREE_0                                                                             \
    "{\"left_children\":[1,3,-1,-1,-1],\"right_children\":[2,4,-1,-1,-1],\"split_indices\":[0,1,0,0,0],\n" \
    "\"split_conditions\":[1,5E-1,3E0,-2E0,1.25E0],\"default_left\":[1,0,0,0,0],\"split_type\":[0,0,0,0,0],\n" \
    "\"categories\":[],\"tree_param\":{\"num_deleted\":\"0\",\"size_leaf_vector\":\"1\"}}"
#define TREE_1                                                                             \
    "{\"left_children\":[3,-1,-1,-1,-1],\"right_children\":[4,-1,-1,-1,-1],\"split_indices\":[1,0,0,0,0],\n" \
    "\"split_conditions\":[-1E0,7,7,1E1,2E1],\"default_left\":[false,false,true,false,false]}"
#define XGB(booster, objective, base, n_class, n_target, attributes)                       \
    "{\"learner\":{\"attributes\":{" attributes "},\n\"feature_names\":[\"speed\",\"load\"],\n"           \
    "\"gradient_booster\":{\"model\":{\n\"tree_info\":[0,0],\n\"trees\":[" TREE_0 ",\n" TREE_1 "]},\n" \
    "\"name\":\"" booster "\"},\n\"learner_model_param\":{\"base_score\":\"" base "\",\"num_class\":\"" n_class \
    "\",\"num_feature\":\"2\",\"num_target\":\"" n_target "\"},\n\"objective\":{\"name\":\"" objective  \
    "\"}},\n\"version\":[2,1,4]}\n"
#define PLAIN XGB("gbtree", "reg:squarederror", "5E-1", "0", "1", "")

static const char *said(const dura_error *e)
{
    static char text[200];
    snprintf(text, sizeof text, "%.60s: %.130s", e->field, e->text);
    return text;
}

static bytes packed(const char *text)
{
    bytes b = {NULL, 0};
    void *image = NULL;
    dura_error e = {0};
    dt_eq(dura_pack_model(text, strlen(text), "m.json", &image, &b.n, &e), DURA_OK, "%s", said(&e));
    b.p = image;
    return b;
}

/* text with the first `from` replaced. */
static char *edited(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out = malloc(strlen(text) + strlen(to) + 1);
    dt_ok(at != NULL, "\"%s\" is not in the text", from);
    memcpy(out, text, (size_t)(at - text));
    strcpy(out + (at - text), to);
    strcat(out, at + strlen(from));
    return out;
}

static float base_of(bytes image, size_t k)
{
    return durai_f32(durai_le32(image.p + 24 + 4 * k));
}

static bytes file_of(const char *folder, const char *name)
{
    char path[512];
    bytes b = {malloc(1 << 16), 0};
    FILE *f;
    snprintf(path, sizeof path, CORPUS "%s/%s", folder, name);
    f = fopen(path, "rb");
    dt_ok(f != NULL, "%s", path);
    b.n = fread(b.p, 1, (1 << 16) - 1, f);
    b.p[b.n] = 0;
    fclose(f);
    return b;
}

/* ---- what is packed -------------------------------------------------------------------- */

DT_TEST(pack_trees, gives_the_bytes_of_the_second_packer)
{
    static const char *const names[] = {"regression", "plain_names", "binary", "classes", "targets"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bytes text = file_of("model_json", names[i]), want = file_of("trees_image", names[i]);
        bytes image = packed((const char *)text.p);
        int kind = 0;
        dt_eq(image.n, want.n, "%s", names[i]);
        dt_mem(image.p, want.p, want.n, "%s", names[i]);
        dt_eq(dura_pack_check(image.p, image.n, &kind), DURA_OK, "%s", names[i]);
        dt_eq(kind, DURA_PACK_TREES, "%s", names[i]);
        dura_pack_deinit(image.p);
        free(text.p);
        free(want.p);
    }
}

DT_TEST(pack_trees, answers_as_the_trees_in_the_text_say)
{
    const float nan = durai_f32(0x7FC00000u);
    const struct { float speed, load, want; } rows[] = {
        {0, 0, 0.5f - 2 + 20}, {0, 0.5f, 0.5f + 1.25f + 20}, {1, 0, 0.5f + 3 + 20}, {1, -1.5f, 0.5f + 3 + 10},
        {0, -2, 0.5f - 2 + 10}, {nan, 0, 0.5f - 2 + 20}, {0, nan, 0.5f + 1.25f + 20}, {nan, nan, 0.5f + 1.25f + 20}};
    bytes image = packed(PLAIN);
    dura_model m = DURA_MODEL_INIT;
    dura_fn fn = DURA_FN_INIT;
    uint64_t inst[2];
    dt_eq(dura_model_open(&m, &fn, image.p, image.n), DURA_OK, "");
    dt_eq(m.backend->open(inst, m.config, m.image, (size_t)m.image_len), DURA_OK, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float x[2] = {rows[i].speed, rows[i].load}, y;
        dt_eq(m.backend->run(inst, x, 2, &y, 1, 0), DURA_OK, "");
        dt_ok(y == rows[i].want, "row %zu: %g, want %g", i, (double)y, (double)rows[i].want);
    }
    dura_pack_deinit(image.p);
}

DT_TEST(pack_trees, leaves_out_what_was_pruned)
{
    bytes image = packed(PLAIN);
    dt_eq(durai_le32(image.p + 16), 2, "trees");
    dt_eq(durai_le32(image.p + 20), 8, "5 nodes and 3, of 5 and 5");
    dura_pack_deinit(image.p);
}

DT_TEST(pack_trees, turns_base_scores_into_margins)
{
    static const struct { const char *objective, *base; float want; uint16_t logistic; } rows[] = {
        {"reg:squarederror", "5E-1", 0.5f, 0}, {"reg:squarederror", "[-2.5E-1]", -0.25f, 0},
        {"reg:squarederror", "8.075549E0", 8.075549f, 0}, {"reg:absoluteerror", "0E0", 0, 0},
        {"binary:logitraw", "-1.12E-1", -0.112f, 0}, {"binary:logistic", "5E-1", 0, 1},
        {"binary:logistic", "2.5E-1", -1.09861231f, 1}, {"reg:logistic", "[7.5E-1]", 1.09861219f, 1},
        {"binary:logistic", "1E-6", -13.8155098f, 1}, {"binary:logistic", "9.99E-1", 6.90675545f, 1},
        {"rank:ndcg", "5E-1", 0.5f, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *a = edited(PLAIN, "reg:squarederror", rows[i].objective), *b = edited(a, "5E-1\",\"num", "@\",\"num");
        char *text = edited(b, "@", rows[i].base);
        bytes image = packed(text);
        dt_eq(durai_f32_bits(base_of(image, 0)), durai_f32_bits(rows[i].want), "%s %s: %.9g", rows[i].objective,
              rows[i].base, (double)base_of(image, 0));
        dt_eq(durai_le16(image.p + 14), rows[i].logistic, "%s", rows[i].objective);
        dura_pack_deinit(image.p);
        free(a);
        free(b);
        free(text);
    }
}

static void names_are(bytes image, int what, const char *const *want, size_t n_want)
{
    const char *names[16], *units[16];
    size_t n = 0;
    dt_eq(dura_pack_names(image.p, image.n, what, names, units, 16, &n), DURA_OK, "");
    dt_eq(n, n_want, "");
    for (size_t i = 0; i < n; i++) {
        dt_str(names[i], want[i], "name %zu", i);
        dt_str(units[i], "", "a model has no units");
    }
}

DT_TEST(pack_trees, names_inputs_and_outputs_as_far_as_the_model_does)
{
    static const struct { const char *text, *out[3]; size_t n; } rows[] = {
        {PLAIN, {""}, 1},
        {XGB("gbtree", "reg:squarederror", "5E-1", "0", "2", ""), {"", ""}, 2},
        {XGB("gbtree", "multi:softprob", "5E-1", "3", "1", ""), {"class0", "class1", "class2"}, 3},
        {XGB("gbtree", "multi:softmax", "[1,2,3]", "3", "0", "\"dura_outputs\":\"a,b,c d\""), {"a", "b", "c d"}, 3},
        {XGB("gbtree", "reg:squarederror", "5E-1", "0", "1", "\"best_score\":\"1\",\"dura_outputs\":\"pump\""), {"pump"}, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bytes image = packed(rows[i].text);
        names_are(image, DURA_NAMES_INPUTS, (const char *const[]){"speed", "load"}, 2);
        names_are(image, DURA_NAMES_OUTPUTS, rows[i].out, rows[i].n);
        dura_pack_deinit(image.p);
    }
    static const char *const without[] = {"\"feature_names\":[]", "\"other\":[]"};
    for (size_t i = 0; i < 2; i++) {
        char *text = edited(PLAIN, "\"feature_names\":[\"speed\",\"load\"]", without[i]);
        bytes image = packed(text);
        names_are(image, DURA_NAMES_INPUTS, (const char *const[]){"f0", "f1"}, 2);
        dura_pack_deinit(image.p);
        free(text);
    }
}

/* A chain: at each level the right node goes on. */
static char *chain(int depth)
{
    static const char *const heads[] = {"{\"left_children\":[", "],\"right_children\":[", "],\"split_indices\":[",
                                        "],\"split_conditions\":[", "],\"default_left\":["};
    char *tree = malloc(1 << 16), *out;
    size_t at = 0;
    int n = 2 * depth + 1;
    for (int field = 0; field < 5; field++) {
        at += (size_t)sprintf(tree + at, "%s", heads[field]);
        for (int i = 0; i < n; i++) {
            int inner = i % 2 == 0 && i < n - 1;
            int v = field == 0 ? (inner ? i + 1 : -1) : field == 1 ? (inner ? i + 2 : -1) : 0;
            at += (size_t)sprintf(tree + at, "%s%d", i ? "," : "", v);
        }
    }
    strcpy(tree + at, "]}");
    out = edited(PLAIN, TREE_1, tree);
    free(tree);
    return out;
}

DT_TEST(pack_trees, takes_trees_of_64_levels_and_no_more)
{
    for (int depth = 64; depth <= 65; depth++) {
        char *text = chain(depth);
        void *image;
        size_t n;
        dura_error e = {0};
        int rc = dura_pack_model(text, strlen(text), NULL, &image, &n, &e);
        dt_eq(rc, depth == 64 ? DURA_OK : DURA_EINVAL, "%s", said(&e));
        if (rc < 0)
            dt_ok(strstr(e.text, "max_depth") != NULL && strstr(e.field, "trees[1]") != NULL, "%s", said(&e));
        else
            dt_eq(dura_pack_check(image, n, NULL), DURA_OK, "");
        dura_pack_deinit(image);
        free(text);
    }
}

/* ---- what is refused ------------------------------------------------------------------- */

typedef struct edit {
    const char *row, *from, *to, *field, *said;
} edit;

static void refused(const edit *r)
{
    char *text = edited(PLAIN, r->from, r->to);
    void *image = text;
    size_t n = 1;
    dura_error e = {0};
    int rc = dura_pack_model(text, strlen(text), "m.json", &image, &n, &e);
    dt_ok(rc == DURA_EINVAL || rc == DURA_ESYNTAX, "row %s: %d", r->row, rc);
    dt_ok(image == NULL && n == 0, "row %s", r->row);
    dt_ok(e.line >= 1 && strcmp(e.file, "m.json") == 0, "row %s", r->row);
    dt_ok(strstr(e.field, r->field) != NULL, "row %s: %s", r->row, said(&e));
    dt_ok(strstr(e.text, r->said) != NULL, "row %s: %s", r->row, said(&e));
    free(text);
}

DT_TEST(pack_trees, refuses_models_that_are_not_boosted_trees_and_says_what_to_do)
{
    static const edit rows[] = {
        {"dart", "gbtree", "dart", "gradient_booster", "train with booster=gbtree"},
        {"gblinear", "gbtree", "gblinear", "gradient_booster", "give the weights as a linear model"},
        {"poisson", "reg:squarederror", "count:poisson", "objective", "\"count:poisson\""},
        {"hinge", "reg:squarederror", "binary:hinge", "objective", "train with reg:squarederror, binary:logistic"},
        {"categories", "\"split_type\":[0,0", "\"split_type\":[0,1", "trees[0]", "one-hot"},
        {"category list", "\"categories\":[]", "\"categories\":[2]", "trees[0]", "one-hot"},
        {"vectors", "size_leaf_vector\":\"1", "size_leaf_vector\":\"2", "trees[0]", "multi_strategy=one_output_per_tree"},
        {"NaN", "1.25E0", "NaN", "split_conditions[4]", "train with one-hot columns"},
        {"XGBoost 1", "[2,1,4]", "[1,7,6]", "version", "load and save the model"},
        {"XGBoost 4", "[2,1,4]", "[4,0,0]", "version", "saved by XGBoost 4"},
        {"no version", "\"version\":[2,1,4]", "\"v\":0", "", "\"version\" is missing"},
        {"classes and targets", "\"num_class\":\"0\",\"num_feature\":\"2\",\"num_target\":\"1\"",
         "\"num_class\":\"3\",\"num_feature\":\"2\",\"num_target\":\"2\"", "learner_model_param", "one model per target"},
        {"17 targets", "num_target\":\"1", "num_target\":\"17", "learner_model_param", "at most 16 outputs"},
        {"1025 features", "num_feature\":\"2", "num_feature\":\"1025", "learner_model_param", "1 to 1024"},
        {"no features", "num_feature\":\"2", "num_feature\":\"0", "learner_model_param", "1 to 1024"},
        {"no trees", "\"trees\":[" TREE_0 ",\n" TREE_1 "]", "\"trees\":[]", "trees", "train it first"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refused(&rows[i]);
}

DT_TEST(pack_trees, refuses_damaged_trees_at_their_place)
{
    static const edit rows[] = {
        {"cycle", "[1,3,-1,-1,-1]", "[1,0,-1,-1,-1]", "trees[0]", "do not form a tree"},
        {"itself", "[1,3,-1,-1,-1]", "[0,3,-1,-1,-1]", "trees[0]", "do not form a tree"},
        {"shared child", "[2,4,-1,-1,-1]", "[2,3,-1,-1,-1]", "trees[0]", "do not form a tree"},
        {"child of two", "[2,4,-1,-1,-1]", "[2,2,-1,-1,-1]", "trees[0]", "do not form a tree"},
        {"one child", "[2,4,-1,-1,-1]", "[2,-1,-1,-1,-1]", "trees[0]", "do not form a tree"},
        {"child that is not there", "[1,3,-1,-1,-1]", "[1,5,-1,-1,-1]", "left_children[1]", "wants"},
        {"child below -1", "[1,3,-1,-1,-1]", "[1,3,-2,-1,-1]", "left_children[2]", "wants"},
        {"feature that is not there", "[0,1,0,0,0]", "[0,2,0,0,0]", "trees[0]", "a feature the model does not have"},
        {"feature below 0", "[0,1,0,0,0]", "[0,-1,0,0,0]", "split_indices[1]", "wants"},
        {"too few thresholds", "1,5E-1,3E0", "5E-1,3E0", "split_conditions", "5 items"},
        {"threshold too large", "3E0", "3E39", "split_conditions[2]", "wants"},
        {"direction", "\"default_left\":[1,0", "\"default_left\":[1,2", "default_left[1]", "wants"},
        {"no directions", "\"default_left\":[1,0,0,0,0],", "", "trees[0]", "\"default_left\" is missing"},
        {"no nodes", "[1,3,-1,-1,-1]", "[]", "left_children", "wants 1 to"},
        {"no tree", TREE_1, "7", "trees[1]", "an object"},
        {"output", "\"tree_info\":[0,0]", "\"tree_info\":[0,1]", "tree_info[1]", "wants"},
        {"too few outputs", "\"tree_info\":[0,0]", "\"tree_info\":[0]", "tree_info", "one number per tree"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refused(&rows[i]);
}

DT_TEST(pack_trees, refuses_names_and_scores_that_do_not_fit)
{
    static const edit rows[] = {
        {"feature twice", "[\"speed\",\"load\"]", "[\"speed\",\"speed\"]", "feature_names[1]", "names are unique"},
        {"a name too few", "[\"speed\",\"load\"]", "[\"speed\"]", "feature_names", "wants 2 to 2"},
        {"an empty name", "[\"speed\",\"load\"]", "[\"speed\",\"\"]", "feature_names[1]", "wants"},
        {"outputs", "\"attributes\":{", "\"attributes\":{\"dura_outputs\":\"a,b\"", "attributes.dura_outputs", "wants 1 name"},
        {"no output", "\"attributes\":{", "\"attributes\":{\"dura_outputs\":\",\"", "attributes.dura_outputs", "wants 1 name"},
        {"score", "\"5E-1\",\"num", "\"high\",\"num", "base_score", "wants a finite number"},
        {"scores", "\"5E-1\",\"num", "\"[1,2]\",\"num", "base_score", "wants one number"},
        {"no score", "\"5E-1\",\"num", "\"[]\",\"num", "base_score", "wants one number"},
        {"infinite score", "\"5E-1\",\"num", "\"1E39\",\"num", "base_score", "wants one number"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refused(&rows[i]);
    static const char *const scores[] = {"0E0", "1E0", "-1E0", "1E-45"};
    for (size_t i = 0; i < 4; i++) {
        char *a = edited(PLAIN, "reg:squarederror", "binary:logistic"), *b = edited(a, "5E-1\",\"num", "@\",\"num");
        char *text = edited(b, "@", scores[i]);
        void *image;
        size_t n;
        dt_eq(dura_pack_model(text, strlen(text), NULL, &image, &n, NULL), DURA_EINVAL, "%s", scores[i]);
        free(a);
        free(b);
        free(text);
    }
}

DT_TEST(pack_trees, refuses_two_outputs_of_one_name)
{
    const char *text = XGB("gbtree", "reg:squarederror", "5E-1", "0", "2", "\"dura_outputs\":\"a,a\"");
    void *image;
    size_t n;
    dura_error e = {0};
    dt_eq(dura_pack_model(text, strlen(text), NULL, &image, &n, &e), DURA_EINVAL, "");
    dt_ok(strstr(e.text, "\"a\"; names are unique") != NULL, "%s", said(&e));
}

DT_TEST(pack_trees, says_that_ubjson_is_not_json)
{
    static const char text[] = "{L\0\0\0\0\0\0\0\7learner";
    void *image;
    size_t n;
    int kind = 0;
    dura_error e = {0};
    dt_eq(dura_pack_model(text, sizeof text, "m.ubj", &image, &n, &e), DURA_ESYNTAX, "");
    dt_ok(strstr(e.text, "ends in .json") != NULL, "%s", said(&e));
    dt_eq(dura_pack_json(text, sizeof text, "m.ubj", &image, &n, &kind, NULL), DURA_ESYNTAX, "");
}

/* ---- which text is what, and how much of it -------------------------------------------- */

DT_TEST(pack_json, tells_a_model_of_xgboost_by_its_learner)
{
    static const char linear[] = "{\"dura_model\":1,\"kind\":\"linear\",\"learner\":{},\"inputs\":[\"a\"],\"outputs\":[]}";
    void *image;
    size_t n;
    int kind = 0;
    dt_eq(dura_pack_json(PLAIN, strlen(PLAIN), NULL, &image, &n, &kind, NULL), DURA_OK, "");
    dt_eq(kind, DURA_PACK_TREES, "");
    dura_pack_deinit(image);
    dt_eq(dura_pack_policy(PLAIN, strlen(PLAIN), NULL, &image, &n, NULL), DURA_EINVAL, "a model is no policy");
    dt_eq(dura_pack_json(linear, strlen(linear), NULL, &image, &n, &kind, NULL), DURA_EINVAL, "");
    dt_eq(kind, DURA_PACK_LINEAR, "the mark decides");
}

/* text with blanks in front, up to n bytes. */
static char *padded(const char *text, size_t n)
{
    char *out = malloc(n + 1);
    memset(out, ' ', n);
    memcpy(out + n - strlen(text), text, strlen(text) + 1);
    return out;
}

DT_TEST(pack_json, reads_long_texts_only_of_programs)
{
    static const char policy[] = "{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"x\"}],"
                                 "\"outputs\":[{\"name\":\"y\",\"lo\":0,\"hi\":1,\"safe\":0}]}";
    const size_t n = DURA_JSON_BYTES_MAX + 1;
    static const struct { const char *row, *text; int want; } rows[] = {
        {"a model of xgboost", PLAIN, DURA_OK}, {"a policy", policy, DURA_ELIMIT},
        {"a linear model", "{\"dura_model\":1}", DURA_ELIMIT}, {"anything", "[]", DURA_ELIMIT}};
    for (size_t i = 0; i < 4; i++) {
        char *text = padded(rows[i].text, n);
        void *image;
        size_t len;
        dura_error e = {0};
        dt_eq(dura_pack_json(text, n, NULL, &image, &len, NULL, &e), rows[i].want, "row %s", rows[i].row);
        if (rows[i].want < 0)
            dt_ok(strstr(e.text, "4194304") != NULL, "row %s: %s", rows[i].row, said(&e));
        dura_pack_deinit(image);
        if (i == 1)
            dt_eq(dura_pack_policy(text, n, NULL, &image, &len, NULL), DURA_ELIMIT, "as a policy");
        free(text);
    }
}

DT_TEST(pack_model, stops_at_the_size_it_states)
{
    char *text = padded(PLAIN, DURA_MODEL_TEXT_MAX + 1);
    void *image;
    size_t len;
    dura_error e = {0};
    dt_eq(dura_pack_model(text, DURA_MODEL_TEXT_MAX + 1, NULL, &image, &len, &e), DURA_ELIMIT, "");
    dt_ok(strstr(e.text, "67108864") != NULL, "%s", said(&e));
    free(text);
}

/* ---- images ---------------------------------------------------------------------------- */

DT_TEST(pack_check, refuses_names_of_trees_that_are_not_as_they_should_be)
{
    static const struct { const char *row; long at; uint8_t value; } rows[] = {
        {"a control character", 0, 7}, {"no UTF-8", 0, 0xFF}, {"an input without a name", 0, 0},
        {"bytes behind the names", -1, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bytes image = packed(PLAIN);
        size_t names = 24 + 4 + 8 + 8 * 8, at = rows[i].at < 0 ? image.n - 9 : names + (size_t)rows[i].at;
        dt_mem(image.p + names, "speed\0load\0\0", 12, "two inputs and an output without a name");
        image.p[at] = rows[i].value;
        durai_put32(image.p + image.n - 4, durai_crc32c(0, image.p, image.n - 4));
        dt_eq(dura_pack_check(image.p, image.n, NULL), DURA_ECORRUPT, "row %s", rows[i].row);
        dt_eq(dura_trees_check(image.p, image.n), DURA_OK, "row %s: no device reads names", rows[i].row);
        dura_pack_deinit(image.p);
    }
}

DT_TEST(pack_check, refuses_every_flipped_bit_of_an_image_of_trees)
{
    bytes image = packed(PLAIN);
    for (size_t i = 0; i < image.n * 8; i++) {
        image.p[i / 8] ^= (uint8_t)(1u << i % 8);
        dt_ok(dura_pack_check(image.p, image.n, NULL) < 0, "bit %zu", i);
        image.p[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    dura_pack_deinit(image.p);
}

#define POLICY(inputs, outputs)                                                            \
    "{\"device\":{\"name\":\"d\"},\"channels\":[{\"name\":\"load\"},{\"name\":\"speed\"},{\"name\":\"z\"}]," \
    "\"model\":{\"inputs\":[" inputs "]},\"outputs\":[" outputs "]}"
#define OUTPUT(name) "{\"name\":\"" name "\",\"lo\":0,\"hi\":1,\"safe\":0}"

DT_TEST(pack_check_model, fits_trees_to_a_policy)
{
    static const char nameless[] = XGB("gbtree", "reg:squarederror", "5E-1", "0", "2", ""),
                      named[] = XGB("gbtree", "reg:squarederror", "5E-1", "0", "2", "\"dura_outputs\":\"pump,fan\"");
    static const struct { const char *row, *model, *policy, *field, *said; } rows[] = {
        {"by position", nameless, POLICY("\"speed\",\"load\"", OUTPUT("a") "," OUTPUT("b")), NULL, ""},
        {"by name", named, POLICY("\"speed\",\"load\"", OUTPUT("pump") "," OUTPUT("fan")), NULL, ""},
        {"other names", named, POLICY("\"speed\",\"load\"", OUTPUT("a") "," OUTPUT("b")), "outputs", "\"pump\""},
        {"other order", named, POLICY("\"speed\",\"load\"", OUTPUT("fan") "," OUTPUT("pump")), "outputs", "place 0"},
        {"one output", nameless, POLICY("\"speed\",\"load\"", OUTPUT("a")), "outputs", "1 here, 2 in the model m.json"},
        {"inputs go by name", nameless, POLICY("\"load\",\"speed\"", OUTPUT("a") "," OUTPUT("b")), "model.inputs", "place 0"},
        {"input", nameless, POLICY("\"speed\",\"z\"", OUTPUT("a") "," OUTPUT("b")), "model.inputs", "\"load\""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bytes m = packed(rows[i].model);
        void *policy = NULL;
        size_t n = 0;
        dura_error e = {0};
        dt_eq(dura_pack_policy(rows[i].policy, strlen(rows[i].policy), NULL, &policy, &n, &e), DURA_OK, "%s", said(&e));
        dt_eq(dura_pack_check_model(policy, n, m.p, m.n, "p.json", "m.json", &e), rows[i].field ? DURA_EINVAL : DURA_OK,
              "row %s: %s", rows[i].row, said(&e));
        if (rows[i].field) {
            dt_str(e.field, rows[i].field, "row %s", rows[i].row);
            dt_ok(strstr(e.text, rows[i].said) != NULL, "row %s: %s", rows[i].row, said(&e));
        }
        dura_pack_deinit(m.p);
        dura_pack_deinit(policy);
    }
}

DT_TEST(model_open, opens_either_kind_and_nothing_else)
{
    static const char linear[] = "{\"dura_model\":1,\"kind\":\"linear\",\"inputs\":[\"a\"],"
                                 "\"outputs\":[{\"name\":\"y\",\"bias\":1,\"weights\":[2]}]}";
    bytes trees = packed(PLAIN), line = packed(linear);
    void *policy = NULL;
    size_t n = 0;
    const char *text = POLICY("\"z\"", OUTPUT("a"));
    dura_model m = DURA_MODEL_INIT, untouched = DURA_MODEL_INIT;
    dura_fn fn = DURA_FN_INIT, short_fn = DURA_FN_INIT;
    dt_eq(dura_pack_policy(text, strlen(text), NULL, &policy, &n, NULL), DURA_OK, "");
    dt_eq(dura_model_open(&m, &fn, policy, n), DURA_EINVAL, "a policy");
    dt_eq(dura_model_open(&m, &fn, NULL, 8), DURA_EINVAL, "no image");
    dt_eq(dura_model_open(&m, &fn, trees.p, trees.n - 8), DURA_ECORRUPT, "half an image");
    dt_eq(dura_model_open(&m, &fn, line.p, line.n - 8), DURA_ECORRUPT, "half a linear one");
    dt_eq(dura_model_open(NULL, &fn, trees.p, trees.n), DURA_EINVAL, "no model");
    dt_eq(dura_model_open(&m, NULL, trees.p, trees.n), DURA_EINVAL, "no function");
    short_fn.struct_size = 4;
    dt_eq(dura_model_open(&m, &short_fn, trees.p, trees.n), DURA_EINVAL, "an uninitialised function");
    dt_mem(&m, &untouched, sizeof m, "errors change nothing");
    dt_eq(dura_model_open(&m, &fn, trees.p, trees.n), DURA_OK, "");
    dt_ok(m.backend == dura_backend_trees() && m.config == NULL && m.image == trees.p && m.image_len == trees.n, "");
    dt_eq(dura_model_open(&m, &fn, line.p, line.n), DURA_OK, "");
    dt_ok(m.backend == dura_backend_fn() && m.config == &fn && m.image == line.p && m.image_len == line.n, "");
    dt_eq(fn.n_inputs, 1, "");
    dura_pack_deinit(trees.p);
    dura_pack_deinit(line.p);
    dura_pack_deinit(policy);
}
