/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing, the public side: which document it is, what an image says to people, whether a
 * model fits a policy, and an image as C source for a firmware.
 *
 * Everything that reads an image checks it first: these calls are given files.
 */
#include "dura_host_json_priv.h"
#include "dura_host_pack_priv.h"
#include "../guard/dura_guard_policy.h"

#include <dura/host/keys.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the buffer ------------------------------------------------------------------ */

void durai_pack_put(durai_pack *b, const void *from, size_t n)
{
    if (b->err)
        return;
    if (n > b->cap - b->len) {
        size_t cap = (b->cap + n) * 2 + 256;
        uint8_t *more = (uint8_t *)realloc(b->p, cap);
        if (!more) {
            b->err = DURA_ENOSPC;
            return;
        }
        b->p = more;
        b->cap = cap;
    }
    if (n && from)
        memcpy(b->p + b->len, from, n);
    else if (n)
        memset(b->p + b->len, 0, n);
    b->len += n;
    DURA_ASSERT(b->len <= b->cap);
}

void durai_pack_align(durai_pack *b)
{
    durai_pack_put(b, NULL, (8 - b->len % 8) % 8);
}

void durai_pack_finish(durai_pack *b, size_t at)
{
    uint8_t crc[4];
    durai_pack_align(b);
    durai_pack_put(b, NULL, 4);
    if (b->err)
        return;
    DURA_ASSERT(at + 4 <= b->len && b->len % 8 == 4);
    durai_put32(b->p + at, (uint32_t)b->len + 4);
    durai_put32(crc, durai_crc32c(0, b->p, b->len));
    durai_pack_put(b, crc, sizeof crc);
}

int durai_pack_give(durai_pack *b, void **image, size_t *len, dura_error *err)
{
    if (b->err) {
        free(b->p);
        return dura_error_set(err, b->err, "", 0, "", "out of memory");
    }
    *image = b->p;
    *len = b->len;
    return DURA_OK;
}

/* ---- names given twice ------------------------------------------------------------ */

typedef struct named {
    const char *name;
    uint32_t value;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = (const named *)a, *y = (const named *)b;
    int c = strcmp(x->name, y->name);
    return c ? c : (x->value > y->value) - (x->value < y->value);
}

/* The text of an item, or of its member "name". */
static uint32_t name_value(const dura_json *doc, uint32_t item)
{
    return dura_json_type(doc, item) == DURA_JSON_OBJECT ? dura_json_member(doc, item, "name") : item;
}

int durai_pack_unique(const dura_json *doc, uint32_t list, const char *what, dura_error *err)
{
    uint32_t i, n = 0, count = dura_json_count(doc, list);
    named *names = (named *)malloc((count + 1) * sizeof *names);
    int rc = DURA_OK;
    if (!names)
        return dura_error_set(err, DURA_ENOSPC, dura_json_file(doc), 0, "", "out of memory");
    for (i = dura_json_first(doc, list); i != DURA_JSON_NONE; i = dura_json_next(doc, i)) {
        names[n].value = name_value(doc, i);
        names[n].name = "";
        rc = dura_json_get_text(doc, names[n].value, 0, DURAI_NAME_MAX, &names[n].name, err);
        if (rc < 0)
            break;
        n++;
    }
    DURA_ASSERT(rc < 0 || n == count);
    qsort(names, n, sizeof *names, by_name);
    for (i = 1; rc == DURA_OK && i < n; i++)
        if (strcmp(names[i - 1].name, names[i].name) == 0)
            rc = dura_json_fail(doc, names[i].value, err, DURA_EINVAL, "another %s is called \"%s\"; names are unique",
                                what, names[i].name);
    free(names);
    return rc;
}

/* ---- packing ---------------------------------------------------------------------- */

/* Is the document a model that XGBoost saved? It has no member that says so. */
static int is_xgboost(const dura_json *doc)
{
    return dura_json_member(doc, DURA_JSON_ROOT, "dura_model") == DURA_JSON_NONE &&
           dura_json_type(doc, dura_json_member(doc, DURA_JSON_ROOT, "learner")) == DURA_JSON_OBJECT;
}

/* XGBoost's other format begins with the length of a name behind the brace. */
static int is_ubjson(const char *text, size_t len)
{
    return text && len > 2 && text[0] == '{' && memchr("iUIlL", text[1], 5) != NULL;
}

/* XGBoost writes NaN, which is no JSON, where a split is on categories or leads to a leaf
 * that is a vector. Say that instead. */
static int explain_nan(int rc, const char *filename, dura_error *err)
{
    dura_error was;
    if (rc != DURA_ESYNTAX || !err)
        return rc;
    was = *err;
    if (strncmp(was.text, "NaN", 3) != 0 || !strstr(was.field, "gradient_booster") || !strstr(was.field, "split_conditions"))
        return rc;
    return dura_error_set(err, rc, filename, was.line, was.field,
                          "XGBoost wrote NaN: the model splits on categories or has vectors as leaves, which is not "
                          "converted; train with one-hot columns and multi_strategy=one_output_per_tree");
}

/* What people write keeps the small limits; a text beyond them must turn out to be a
 * model that a program wrote. */
static int parse(const char *text, size_t len, const char *filename, int may_be_model, dura_json **doc,
                 dura_error *err)
{
    int rc;
    if (may_be_model && is_ubjson(text, len))
        return dura_error_set(err, DURA_ESYNTAX, filename, 1, "",
                              "this is UBJSON, not JSON; save the model under a name that ends in .json");
    if (!may_be_model || len <= DURA_JSON_BYTES_MAX)
        return explain_nan(dura_json_parse(text, len, filename, doc, err), filename, err);
    rc = durai_json_parse_within(text, len, filename, DURA_MODEL_TEXT_MAX, DURA_MODEL_VALUES_MAX, doc, err);
    if (rc < 0 || is_xgboost(*doc))
        return explain_nan(rc, filename, err);
    dura_json_deinit(*doc);
    return dura_error_set(err, DURA_ELIMIT, filename, 0, "",
                          "the text has %zu bytes, at most %zu are read unless XGBoost saved it", len,
                          DURA_JSON_BYTES_MAX);
}

/* *kind: in, DURA_PACK_POLICY, any kind of model, or DURA_PACK_NONE; out, what it is. */
static int pack(const char *text, size_t len, const char *filename, void **image, size_t *image_len,
                int *kind, dura_error *err)
{
    dura_json *doc;
    int rc;
    if (!image || !image_len)
        return dura_error_set(err, DURA_EINVAL, filename, 0, "", "no place for the image");
    *image = NULL;
    *image_len = 0;
    rc = parse(text, len, filename, *kind != DURA_PACK_POLICY, &doc, err);
    if (rc < 0)
        return rc;
    if (*kind != DURA_PACK_POLICY && is_xgboost(doc))
        *kind = DURA_PACK_TREES;
    if (*kind == DURA_PACK_NONE)
        *kind = dura_json_member(doc, DURA_JSON_ROOT, "dura_model") == DURA_JSON_NONE ? DURA_PACK_POLICY
                                                                                      : DURA_PACK_LINEAR;
    if (*kind == DURA_PACK_POLICY)
        rc = durai_pack_policy_doc(doc, image, image_len, err);
    else
        rc = *kind == DURA_PACK_TREES ? durai_pack_trees_doc(doc, image, image_len, err)
                                      : durai_pack_model_doc(doc, image, image_len, err);
    dura_json_deinit(doc);
    return rc;
}

int dura_pack_policy(const char *text, size_t len, const char *filename, void **image,
                     size_t *image_len, dura_error *err)
{
    int kind = DURA_PACK_POLICY;
    return pack(text, len, filename, image, image_len, &kind, err);
}

int dura_pack_model(const char *text, size_t len, const char *filename, void **image,
                    size_t *image_len, dura_error *err)
{
    int kind = DURA_PACK_LINEAR;
    return pack(text, len, filename, image, image_len, &kind, err);
}

int dura_pack_json(const char *text, size_t len, const char *filename, void **image,
                   size_t *image_len, int *kind, dura_error *err)
{
    int found = DURA_PACK_NONE;
    int rc = pack(text, len, filename, image, image_len, &found, err);
    if (kind)
        *kind = found;
    return rc;
}

void dura_pack_deinit(void *image)
{
    free(image);
}

/* ---- reading images ---------------------------------------------------------------- */

/* What people are shown: min to 63 bytes of UTF-8 without control characters. The CBOR
 * reader knows UTF-8, so the text is shown to it as an item. */
static int text_ok(const char *text, size_t min)
{
    uint8_t item[DURAI_NAME_MAX + 2];
    durai_cbor c;
    size_t i, n = strlen(text);
    if (n < min || n > DURAI_NAME_MAX)
        return 0;
    for (i = 0; i < n; i++)
        if ((uint8_t)text[i] < 0x20 || text[i] == 0x7F)
            return 0;
    durai_cbor_init(&c, item, sizeof item);
    durai_cbor_text(&c, text, n);
    DURA_ASSERT(c.err == 0);
    return durai_cbor_check(item, c.len) == DURA_OK;
}

/* n names from p on, each followed by a unit when units is set. Behind the first `must`
 * names, a name may be empty. */
static int texts_ok(const char *p, uint32_t n, int units, uint32_t must)
{
    uint32_t i;
    for (i = 0; i < (units ? 2 * n : n); i++) {
        if (!text_ok(p, (units && i % 2) || (!units && i >= must) ? 0 : 1))
            return DURA_ECORRUPT;
        p += strlen(p) + 1;
    }
    return DURA_OK;
}

static int check_policy(const void *image, size_t len)
{
    durai_policy_device device;
    int rc = durai_policy_check(image, len);
    if (rc == DURA_OK)
        rc = durai_policy_get_device(image, &device);
    if (rc < 0)
        return rc;
    if (!text_ok(device.name, 1))
        return DURA_ECORRUPT;
    return texts_ok((const char *)durai_policy_section(image, DURAI_POLICY_NAMES, NULL, NULL),
                    (uint32_t)device.n_channels + device.n_outputs + device.n_features, 1, UINT32_MAX);
}

static int check_linear(const void *image, size_t len)
{
    uint32_t n_in, n_out;
    const char *names;
    int rc = dura_linear_check(image, len);
    if (rc < 0)
        return rc;
    names = durai_linear_names(image, &n_in, &n_out);
    return texts_ok(names, n_in + n_out, 0, UINT32_MAX);
}

/* Outputs of trees may have no name. */
static int check_trees(const void *image, size_t len)
{
    uint32_t n_in, n_out;
    const char *names;
    int rc = durai_trees_check_names(image, len);
    if (rc < 0)
        return rc;
    names = durai_trees_names(image, &n_in, &n_out);
    return texts_ok(names, n_in + n_out, 0, n_in);
}

int dura_pack_check(const void *image, size_t len, int *kind)
{
    int found = DURA_PACK_NONE, rc;
    if (image && len >= 4 && memcmp(image, "DLIN", 4) == 0)
        found = DURA_PACK_LINEAR;
    if (image && len >= 4 && memcmp(image, "DTRE", 4) == 0)
        found = DURA_PACK_TREES;
    if (image && len >= 4 && memcmp(image, "DPK1", 4) == 0)
        found = DURA_PACK_POLICY;
    if (found == DURA_PACK_TREES)
        rc = check_trees(image, len);
    else
        rc = found == DURA_PACK_LINEAR ? check_linear(image, len) : check_policy(image, len);
    if (kind)
        *kind = found;
    return rc;
}

int dura_policy_query(const void *image, size_t len, dura_policy_info *out)
{
    durai_policy_device device;
    durai_policy_gate gate;
    dura_policy_info info = DURA_POLICY_INFO_INIT;
    int rc = check_policy(image, len);
    if (!out)
        return DURA_EINVAL;
    if (rc == DURA_OK)
        rc = durai_policy_get_device(image, &device);
    if (rc == DURA_OK)
        rc = durai_policy_get_gate(image, &gate);
    if (rc < 0)
        return rc;
    info.zone = device.zone;
    info.asset = device.asset;
    info.source = device.source;
    info.mode = device.mode;
    info.n_channels = device.n_channels;
    info.n_inputs = (uint16_t)(device.n_inputs + device.n_features); /* one of them is 0 */
    info.n_outputs = device.n_outputs;
    info.development = memcmp(gate.factory_key, dura_dev_public_key(), 32) == 0;
    memcpy(info.factory_key, gate.factory_key, 32);
    (void)snprintf(info.name, sizeof info.name, "%s", device.name);
    return durai_struct_out(out, &info, sizeof info, sizeof info);
}

/* Where the texts of a kind begin, how many, and how many texts each has. */
typedef struct name_list {
    const char *p;
    uint32_t skip, n, texts;
} name_list;

static int policy_list(const void *image, int what, name_list *l)
{
    uint32_t channels, outputs, features;
    l->p = (const char *)durai_policy_section(image, DURAI_POLICY_NAMES, NULL, NULL);
    (void)durai_policy_section(image, DURAI_POLICY_CHANNELS, &channels, NULL);
    (void)durai_policy_section(image, DURAI_POLICY_OUTPUTS, &outputs, NULL);
    (void)durai_policy_section(image, DURAI_POLICY_FEATURES, &features, NULL);
    l->texts = 2;
    l->skip = what == DURA_NAMES_OUTPUTS ? channels : what == DURA_NAMES_FEATURES ? channels + outputs : 0;
    l->n = what == DURA_NAMES_OUTPUTS ? outputs : what == DURA_NAMES_FEATURES ? features : channels;
    return what == DURA_NAMES_CHANNELS || what == DURA_NAMES_OUTPUTS || what == DURA_NAMES_FEATURES ? DURA_OK
                                                                                                 : DURA_EINVAL;
}

static int model_list(const void *image, int kind, int what, name_list *l)
{
    uint32_t n_in, n_out;
    l->p = kind == DURA_PACK_TREES ? durai_trees_names(image, &n_in, &n_out)
                                   : durai_linear_names(image, &n_in, &n_out);
    l->texts = 1;
    l->skip = what == DURA_NAMES_OUTPUTS ? n_in : 0;
    l->n = what == DURA_NAMES_OUTPUTS ? n_out : n_in;
    return what == DURA_NAMES_INPUTS || what == DURA_NAMES_OUTPUTS ? DURA_OK : DURA_EINVAL;
}

/* The name at p and its unit; returns what is behind. */
static const char *one_name(const char *p, const name_list *l, const char **name, const char **unit)
{
    *name = p;
    p += strlen(p) + 1;
    *unit = "";
    if (l->texts == 2) {
        *unit = p;
        p += strlen(p) + 1;
    }
    return p;
}

static void list_names(const name_list *l, const char **names, const char **units)
{
    const char *p = l->p, *name, *unit;
    uint32_t i;
    for (i = 0; i < l->skip; i++)
        p = one_name(p, l, &name, &unit);
    for (i = 0; i < l->n; i++) {
        p = one_name(p, l, &name, &unit);
        if (names)
            names[i] = name;
        if (units)
            units[i] = unit;
    }
}

/* Is the model of this policy fed by features? */
static int has_features(const void *image)
{
    uint32_t n;
    (void)durai_policy_section(image, DURAI_POLICY_FEATURES, &n, NULL);
    return n > 0;
}

/* A policy's inputs: the channels' names in the model's order. */
static int input_names(const void *image, const char **names, const char **units, size_t cap, size_t *n)
{
    uint32_t count, inputs, i;
    const char **all;
    name_list l;
    (void)policy_list(image, DURA_NAMES_CHANNELS, &l);
    (void)durai_policy_section(image, DURAI_POLICY_INPUTS, &inputs, NULL);
    count = l.n;
    *n = inputs;
    if ((names || units) && cap < inputs)
        return DURA_ENOSPC;
    all = (const char **)malloc(2 * count * sizeof *all);
    if (!all)
        return DURA_ENOSPC;
    list_names(&l, all, all + count);
    for (i = 0; i < inputs; i++) {
        uint16_t channel = durai_policy_get_input(image, i);
        DURA_ASSERT(channel < count);
        if (names)
            names[i] = all[channel];
        if (units)
            units[i] = all[count + channel];
    }
    free(all);
    return DURA_OK;
}

/* Inputs of mspc: each by its place over all that has a name. */
static int mspc_names(const void *image, const char **names, const char **units, size_t cap, size_t *n)
{
    durai_policy_mspc m;
    const char *name, *unit;
    name_list l;
    (void)policy_list(image, DURA_NAMES_CHANNELS, &l);
    *n = durai_policy_get_mspc(image, &m) == DURA_OK ? m.n_inputs : 0;
    if ((names || units) && cap < *n)
        return DURA_ENOSPC;
    for (size_t i = 0; (names || units) && i < *n; i++) {
        const uint8_t *numbers = durai_policy_section(image, DURAI_POLICY_NUMBERS, NULL, NULL);
        const char *p = l.p;
        for (uint32_t k = durai_le32(numbers + 4u * (m.first + i)); k > 0; k--)
            p = one_name(p, &l, &name, &unit);
        (void)one_name(p, &l, &name, &unit);
        if (names)
            names[i] = name;
        if (units)
            units[i] = unit;
    }
    return DURA_OK;
}

int dura_pack_names(const void *image, size_t len, int what, const char **names, const char **units,
                    size_t cap, size_t *n)
{
    name_list l;
    int kind, rc = dura_pack_check(image, len, &kind);
    if (rc < 0 || !n)
        return rc < 0 ? rc : DURA_EINVAL;
    if (kind == DURA_PACK_POLICY && what == DURA_NAMES_INPUTS && has_features(image))
        what = DURA_NAMES_FEATURES;
    if (kind == DURA_PACK_POLICY && what == DURA_NAMES_INPUTS)
        return input_names(image, names, units, cap, n);
    if (kind == DURA_PACK_POLICY && what == DURA_NAMES_MSPC)
        return mspc_names(image, names, units, cap, n);
    rc = kind == DURA_PACK_POLICY ? policy_list(image, what, &l) : model_list(image, kind, what, &l);
    if (rc < 0)
        return rc;
    *n = l.n;
    if (!names && !units)
        return DURA_OK;
    if (cap < l.n)
        return DURA_ENOSPC;
    list_names(&l, names, units);
    return DURA_OK;
}

/* ---- does the model fit ------------------------------------------------------------ */

/* Both lists of one kind, from the heap; the caller frees *policy_names. */
static int both_names(const void *policy, size_t policy_len, const void *model, size_t model_len, int what,
                      const char ***list, size_t *n_policy, size_t *n_model)
{
    int rc = dura_pack_names(policy, policy_len, what, NULL, NULL, 0, n_policy);
    if (rc == DURA_OK)
        rc = dura_pack_names(model, model_len, what, NULL, NULL, 0, n_model);
    if (rc < 0)
        return rc;
    *list = (const char **)malloc((*n_policy + *n_model) * sizeof **list);
    if (!*list)
        return DURA_ENOSPC;
    rc = dura_pack_names(policy, policy_len, what, *list, NULL, *n_policy, n_policy);
    if (rc == DURA_OK)
        rc = dura_pack_names(model, model_len, what, *list + *n_policy, NULL, *n_model, n_model);
    return rc;
}

/* Outputs without a name are any outputs, by position. */
static int is_nameless(const char *const *list, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++)
        if (list[i][0] != 0)
            return 0;
    return 1;
}

static int is_in(const char *name, const char *const *list, size_t n)
{
    size_t i;
    for (i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return 1;
    return 0;
}

typedef struct fit {
    const char *policy_name, *model_name, *field;   /* for messages */
    const char *const *policy, *const *model;
    size_t n_policy, n_model;
} fit;

/* The first name that does not fit. */
static int compare_names(const fit *f, dura_error *err)
{
    size_t i;
    if (is_nameless(f->model, f->n_model) && f->n_policy != f->n_model)
        return dura_error_set(err, DURA_EINVAL, f->policy_name, 0, f->field,
                              "%zu here, %zu in the model %s, which does not name them; they go by position",
                              f->n_policy, f->n_model, f->model_name);
    if (is_nameless(f->model, f->n_model))
        return DURA_OK;
    for (i = 0; i < f->n_model; i++)
        if (!is_in(f->model[i], f->policy, f->n_policy))
            return dura_error_set(err, DURA_EINVAL, f->policy_name, 0, f->field,
                                  "the model %s has \"%s\", which is missing here; add it or take the "
                                  "model made for this policy", f->model_name, f->model[i]);
    for (i = 0; i < f->n_policy; i++)
        if (!is_in(f->policy[i], f->model, f->n_model))
            return dura_error_set(err, DURA_EINVAL, f->policy_name, 0, f->field,
                                  "\"%s\" is missing in the model %s; remove it here or take the model "
                                  "made for this policy",
                                  f->policy[i], f->model_name);
    for (i = 0; i < f->n_model && i < f->n_policy; i++)
        if (strcmp(f->policy[i], f->model[i]) != 0)
            return dura_error_set(err, DURA_EINVAL, f->policy_name, 0, f->field,
                                  "place %zu is \"%s\" here and \"%s\" in the model %s; put them in the model's order",
                                  i, f->policy[i], f->model[i], f->model_name);
    return DURA_OK;
}

int dura_pack_check_model(const void *policy, size_t policy_len, const void *model, size_t model_len,
                          const char *policy_name, const char *model_name, dura_error *err)
{
    static const int kinds[] = {DURA_NAMES_INPUTS, DURA_NAMES_OUTPUTS};
    int i, kind, rc = check_policy(policy, policy_len);
    if (rc < 0)
        return dura_error_set(err, rc, policy_name, 0, "", "this is no packed policy: %s", dura_strerror(rc));
    rc = dura_pack_check(model, model_len, &kind);
    if (rc == DURA_OK && kind == DURA_PACK_POLICY)
        rc = DURA_ECORRUPT;
    if (rc < 0)
        return dura_error_set(err, rc, model_name, 0, "", "this is no packed model: %s", dura_strerror(rc));
    for (i = 0; i < 2 && rc == DURA_OK; i++) {
        const char **list = NULL;
        fit f = {policy_name, model_name ? model_name : "", i ? "outputs" : "model.inputs", NULL, NULL, 0, 0};
        kind = kinds[i];
        rc = both_names(policy, policy_len, model, model_len, kind, &list, &f.n_policy, &f.n_model);
        f.policy = (const char *const *)list;
        f.model = f.policy ? f.policy + f.n_policy : NULL;
        rc = rc < 0 ? dura_error_set(err, rc, policy_name, 0, "", "out of memory") : compare_names(&f, err);
        free((void *)list);
    }
    return rc;
}

int dura_model_open(dura_model *out, dura_fn *fn, const void *image, size_t len)
{
    dura_fn linear = DURA_FN_INIT;
    int kind, rc;
    if (!out || !fn || out->struct_size < sizeof *out || fn->struct_size < sizeof *fn)
        return DURA_EINVAL;
    rc = dura_pack_check(image, len, &kind);
    if (rc == DURA_OK && kind == DURA_PACK_LINEAR)
        rc = dura_linear_fn(&linear, image, len);
    else if (rc == DURA_OK && kind != DURA_PACK_TREES)
        rc = DURA_EINVAL;
    if (rc < 0)
        return rc;
    *fn = linear;
    out->reserved = 0;
    out->backend = kind == DURA_PACK_LINEAR ? dura_backend_fn() : dura_backend_trees();
    out->config = kind == DURA_PACK_LINEAR ? fn : NULL;
    out->image = image;
    out->image_len = len;
    return DURA_OK;
}

/* ---- C source ---------------------------------------------------------------------- */

static int is_identifier(const char *name)
{
    size_t i, n = strlen(name);
    for (i = 0; i < n; i++) {
        char c = name[i];
        int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return 0;
    }
    return n >= 1 && n <= 31;
}

static void put_line(durai_pack *b, const char *line)
{
    durai_pack_put(b, line, strlen(line));
}

/* Words composed from bytes by the compiler, so that the bytes in memory are the image's
 * on either byte order and the array is 8-byte aligned without an attribute. */
static void put_table_head(durai_pack *b, const char *name, const char *upper, size_t len, size_t guard)
{
    char line[256];
    put_line(b, "/* Written by `dura pack`. The bytes are what digests and signatures cover. */\n"
                "#include <stdint.h>\n\n");
    (void)snprintf(line, sizeof line, "#define %s_IMAGE_BYTES %zu\n", upper, len);
    put_line(b, line);
    if (guard) {
        (void)snprintf(line, sizeof line, "#define %s_GUARD_BYTES %zu\n", upper, (guard + 7) / 8 * 8);
        put_line(b, line);
    }
    put_line(b, "\n#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__\n"
                "#define DURA_W8(a, b, c, d, e, f, g, h) \\\n"
                "    0x##a##b##c##d##e##f##g##h##u\n"
                "#else\n"
                "#define DURA_W8(a, b, c, d, e, f, g, h) \\\n"
                "    0x##h##g##f##e##d##c##b##a##u\n"
                "#endif\n\n");
    (void)snprintf(line, sizeof line, "static const uint64_t %s_image[%zu] = {\n", name, len / 8);
    put_line(b, line);
}

int dura_pack_c_table(const void *image, size_t len, const char *name, size_t guard_bytes, char **text,
                      size_t *text_len, dura_error *err)
{
    const uint8_t *p = (const uint8_t *)image;
    durai_pack b = {NULL, 0, 0, 0};
    char upper[32], line[96];
    void *out = NULL;
    size_t i;
    int rc;
    if (!image || !text || !text_len || !name || !len || len % 8 || !is_identifier(name))
        return dura_error_set(err, DURA_EINVAL, "", 0, "", "wants an image and a C identifier of 1 to 31 characters");
    for (i = 0; i <= strlen(name); i++)
        upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
    put_table_head(&b, name, upper, len, guard_bytes);
    for (i = 0; i < len; i += 8) {
        (void)snprintf(line, sizeof line, "    DURA_W8(%02X, %02X, %02X, %02X, %02X, %02X, %02X, %02X)%s\n",
                       p[i], p[i + 1], p[i + 2], p[i + 3], p[i + 4], p[i + 5], p[i + 6], p[i + 7],
                       i + 8 < len ? "," : "");
        put_line(&b, line);
    }
    put_line(&b, "};\n#undef DURA_W8\n");
    durai_pack_put(&b, "", 1);
    rc = durai_pack_give(&b, &out, text_len, err);
    if (rc < 0)
        return rc;
    *text = (char *)out;
    (*text_len)--;
    return DURA_OK;
}
