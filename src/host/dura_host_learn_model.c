/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model as learning sees it: what its inputs are made of, by their names, and what it
 * answered over the recording. Features and answers come from the code the device runs.
 */
#include "dura_host_learn_priv.h"
#include "dura_host_files_priv.h"

#include <dura/host/pack.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TREES_KIND = 14 }; /* docs/formats/model-trees.md */

/* ---- names --------------------------------------------------------------------------------- */

static const struct suffix { const char *word; uint8_t op; uint16_t least; } suffixes[] = {
    {"lag", DURA_FEATURE_LAG, 1},   {"diff", DURA_FEATURE_DIFF, 1}, {"mean", DURA_FEATURE_MEAN, 1},
    {"std", DURA_FEATURE_STD, 2},   {"min", DURA_FEATURE_MIN, 1},   {"max", DURA_FEATURE_MAX, 1},
};

/* Channel whose name is the first len bytes of `name`; n: none. */
static uint32_t channel_at(const char *name, size_t len, char *const *channels, uint32_t n)
{
    uint32_t c = 0;
    while (c < n && !(strlen(channels[c]) == len && memcmp(channels[c], name, len) == 0))
        c++;
    return c;
}

/* 1..1024 in decimal without a leading zero; 0: no such number. */
static uint16_t frames_in(const char *text)
{
    uint32_t v = 0;
    for (; *text >= '0' && *text <= '9' && v <= DURA_FEATURE_WINDOW_MAX; text++) {
        if (v == 0 && *text == '0')
            return 0;
        v = v * 10u + (uint32_t)(*text - '0');
    }
    return *text == '\0' && v <= DURA_FEATURE_WINDOW_MAX ? (uint16_t)v : 0;
}

static int is_window(dura_feature_spec *f, const char *tail)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t len = strlen(suffixes[i].word);
        if (strncmp(tail, suffixes[i].word, len) != 0)
            continue;
        f->op = suffixes[i].op;
        f->n = frames_in(tail + len);
        return f->n >= suffixes[i].least;
    }
    return 0;
}

/* A whole number, or one with a decimal point, exact in binary32. */
static int is_class(dura_feature_spec *f, const char *text)
{
    char *end;
    float x = strtof(text, &end);
    f->op = DURA_FEATURE_ONEHOT;
    f->match = x + 0.0f;        /* -0 is 0 */
    return end > text && *end == '\0' && durai_finite(x) && strspn(text, "-.0123456789") == strlen(text);
}

/* What stands behind a channel's name and an underscore. */
static int is_made(dura_feature_spec *f, const char *tail, char *const *channels, uint32_t n)
{
    if (is_window(f, tail))
        return 1;
    f->n = 0;
    if (strncmp(tail, "over_", 5) == 0) {
        uint32_t other = channel_at(tail + 5, strlen(tail + 5), channels, n);
        f->op = DURA_FEATURE_RATIO;
        f->channel2 = (uint16_t)other;
        return other < n;
    }
    return strncmp(tail, "is_", 3) == 0 && is_class(f, tail + 3);
}

/* The longest channel name that fits is tried first: p1_a_lag2 is of p1_a, not of p1. */
int durai_learn_feature(dura_feature_spec *out, const char *name, char *const *channels, uint32_t n)
{
    dura_feature_spec f = DURA_FEATURE_SPEC_INIT;
    uint32_t c = channel_at(name, strlen(name), channels, n);
    f.op = DURA_FEATURE_VALUE;
    f.channel = (uint16_t)c;
    for (size_t len = strlen(name); c == n && len-- > 1;) {
        f = (dura_feature_spec)DURA_FEATURE_SPEC_INIT;
        uint32_t head = name[len] == '_' ? channel_at(name, len, channels, n) : n;
        f.channel = (uint16_t)head;
        if (head < n && is_made(&f, name + len + 1, channels, n))
            c = head;
    }
    if (c == n)
        return DURA_ENOENT;
    *out = f;
    return DURA_OK;
}

static int no_such_input(const char *input, const durai_recording *r, const dura_learn_options *o, dura_error *err)
{
    char near[160];
    return dura_error_set(err, DURA_EINVAL, o->model, 0, input,
                          "the model wants this input, but it is no column with numbers of %.80s and no feature of one "
                          "(_lag1, _diff1, _mean12, _std12, _min5, _max5, A_over_B, A_is_3)%s",
                          o->frames, durai_learn_close(input, r->name, r->n, near));
}

/* ---- outputs --------------------------------------------------------------------------------- */

static int name_output(durai_brain *b, uint16_t i, const char *name)
{
    b->output[i] = durai_host_copy(name, strlen(name));
    return b->output[i] ? DURA_OK : DURA_ENOSPC;
}

/* Names from --outputs, else the model's own, else y1, y2; a watch has one output "none". */
static int name_outputs(durai_brain *b, const char *const *own, const dura_learn_options *o, dura_error *err)
{
    char **given, made[16];
    uint32_t n = 0;
    int rc = durai_learn_list(o->outputs, &given, &n);
    if (!b->image)
        b->n_outputs = (uint16_t)(n ? n : 1u);
    if (rc == DURA_OK && n > DURA_OUTPUTS_MAX)
        rc = dura_error_set(err, DURA_EINVAL, NULL, 0, "--outputs", "%u names: a policy has at most %u outputs", n,
                            (unsigned)DURA_OUTPUTS_MAX);
    else if (rc == DURA_OK && b->image && n && n != b->n_outputs)
        rc = dura_error_set(err, DURA_EINVAL, o->model, 0, "--outputs", "%u names for %u outputs of the model", n,
                            (unsigned)b->n_outputs);
    b->output = rc == DURA_OK ? calloc(b->n_outputs, sizeof *b->output) : NULL;
    for (uint16_t i = 0; rc == DURA_OK && b->output && i < b->n_outputs; i++) {
        snprintf(made, sizeof made, "y%u", i + 1u);
        rc = name_output(b, i, n ? given[i] : !b->image ? "none" : own[i][0] ? own[i] : made);
    }
    if (rc == DURA_OK && !b->output)
        rc = DURA_ENOSPC;
    durai_learn_list_free(given, n);
    return rc;
}

/* ---- loading ------------------------------------------------------------------------------------ */

static int load_inputs(durai_brain *b, const durai_recording *r, const dura_learn_options *o, dura_error *err)
{
    size_t n = 0;
    int rc = dura_pack_names(b->image, b->len, DURA_NAMES_INPUTS, NULL, NULL, 0, &n);
    if (rc != DURA_OK && rc != DURA_ENOSPC)
        return rc;
    b->n_inputs = (uint16_t)n;
    b->input = calloc(n ? n : 1u, sizeof *b->input);
    b->spec = calloc(n ? n : 1u, sizeof *b->spec);
    if (!b->input || !b->spec)
        return DURA_ENOSPC;
    rc = dura_pack_names(b->image, b->len, DURA_NAMES_INPUTS, b->input, NULL, n, &n);
    b->plain = 1;
    for (uint16_t i = 0; rc == DURA_OK && i < b->n_inputs; i++) {
        if (durai_learn_feature(&b->spec[i], b->input[i], r->name, r->n) != DURA_OK)
            return no_such_input(b->input[i], r, o, err);
        b->plain &= b->spec[i].op == DURA_FEATURE_VALUE;
    }
    return rc;
}

static int load_model(durai_brain *b, const durai_recording *r, const dura_learn_options *o, dura_error *err)
{
    const char *own[DURA_OUTPUTS_MAX];
    size_t n = 0;
    int rc = durai_host_load_model(o->model, &b->image, &b->len, err);
    if (rc == DURA_OK)
        rc = load_inputs(b, r, o, err);
    if (rc == DURA_OK)
        rc = dura_pack_names(b->image, b->len, DURA_NAMES_OUTPUTS, own, NULL, DURA_OUTPUTS_MAX, &n);
    b->n_outputs = (uint16_t)n;
    return rc == DURA_OK ? name_outputs(b, own, o, err) : rc;
}

int durai_learn_brain(durai_brain *b, const durai_recording *r, const dura_learn_options *o, dura_error *err)
{
    dura_error first = {0};
    int rc;
    memset(b, 0, sizeof *b);
    if (o->model) {
        rc = load_model(b, r, o, &first);
    } else {                    /* a constant needs an input all the same: the first channel */
        b->plain = 1;
        rc = name_outputs(b, NULL, o, &first);
    }
    if (rc == DURA_OK && r->n_base && r->n_base != b->n_outputs)
        rc = dura_error_set(&first, DURA_EINVAL, NULL, 0, "--baseline", "%u columns for %u outputs", r->n_base,
                            (unsigned)b->n_outputs);
    if (rc != DURA_OK && first.code == 0)
        dura_error_set(&first, rc, o->model, 0, NULL, "%s", dura_strerror(rc));
    if (rc != DURA_OK && err)
        *err = first;
    return rc;
}

void durai_learn_brain_free(durai_brain *b)
{
    durai_learn_list_free(b->output, b->output ? b->n_outputs : 0);
    free(b->image);
    free((void *)b->input);
    free(b->spec);
    free(b->answer);
    free(b->fed);
    free(b->fed_missing);
    free(b->silent);
}

/* ---- answers --------------------------------------------------------------------------------------- */

/* What one pass over the rows needs. */
typedef struct pass {
    dura_feature *feature;
    void *feature_mem, *instance;
    dura_model model;
    dura_fn fn;
    float *values, *in;
    uint8_t *usable, *ok;
} pass;

/* Sum over the channels of the deepest look back. */
static uint32_t history_of(const durai_brain *b, uint32_t n_channels)
{
    uint32_t sum = 0;
    for (uint32_t c = 0; c < n_channels; c++) {
        uint32_t deepest = 0;
        for (uint16_t i = 0; i < b->n_inputs; i++) {
            uint32_t depth = b->spec[i].channel == c ? dura_feature_depth(&b->spec[i]) : 0;
            deepest = depth > deepest ? depth : deepest;
        }
        sum += deepest;
    }
    return sum;
}

static int open_features(pass *p, const durai_brain *b, uint32_t n_channels)
{
    dura_feature_config cfg = DURA_FEATURE_CONFIG_INIT;
    cfg.n_channels = (uint16_t)n_channels;
    cfg.n_features = b->n_inputs;
    cfg.history = history_of(b, n_channels);
    size_t bytes = dura_feature_bytes(&cfg);
    p->feature_mem = bytes ? malloc(bytes) : NULL;
    int rc = !bytes ? DURA_EINVAL : !p->feature_mem ? DURA_ENOSPC
                                                    : dura_feature_init(&p->feature, p->feature_mem, bytes, &cfg);
    for (uint16_t i = 0; rc == DURA_OK && i < b->n_inputs; i++)
        rc = dura_feature_attach(p->feature, i, &b->spec[i]);
    return rc;
}

static int open_model(pass *p, const durai_brain *b)
{
    size_t bytes = 0, align = 0;
    p->model = (dura_model)DURA_MODEL_INIT;
    p->fn = (dura_fn)DURA_FN_INIT;
    int rc = dura_model_open(&p->model, &p->fn, b->image, b->len);
    if (rc != DURA_OK)
        return rc;
    const dura_backend *k = p->model.backend;
    rc = k->mem_req(p->model.config, b->image, b->len, &bytes, &align);
    p->instance = rc == DURA_OK ? malloc(bytes + 16u) : NULL;
    if (rc == DURA_OK && !p->instance)
        return DURA_ENOSPC;
    return rc == DURA_OK ? k->open(p->instance, p->model.config, b->image, b->len) : rc;
}

static int allocate(pass *p, durai_brain *b, const durai_recording *r)
{
    size_t features = b->plain ? 0 : b->n_inputs;
    p->values = malloc(r->n * sizeof *p->values);
    p->usable = malloc(r->n);
    p->in = calloc(b->n_inputs, sizeof *p->in);
    p->ok = calloc(b->n_inputs, 1);
    b->answer = calloc((size_t)b->n_outputs * r->rows, sizeof *b->answer);
    b->silent = calloc(r->rows, 1);
    if (features) {
        b->fed = calloc(features * r->rows, sizeof *b->fed);
        b->fed_missing = calloc(features * r->rows, 1);
    }
    return p->values && p->usable && p->in && p->ok && b->answer && b->silent &&
                   (!features || (b->fed && b->fed_missing))
               ? DURA_OK
               : DURA_ENOSPC;
}

/* One row; *rc gets what the model said about it when that is an error. */
static void run_row(pass *p, durai_brain *b, const durai_recording *r, size_t row, int *rc)
{
    float out[DURA_OUTPUTS_MAX] = {0};
    for (uint32_t c = 0; c < r->n; c++) {
        size_t at = (size_t)c * r->rows + row;
        p->usable[c] = r->flag[at] == DURAI_HERE;
        p->values[c] = p->usable[c] ? r->v[at] : 0.0f;
    }
    b->silent[row] = dura_feature_update(p->feature, p->values, p->usable, r->n, p->in, p->ok) != 0;
    for (uint16_t i = 0; b->fed && i < b->n_inputs; i++) {
        b->fed[(size_t)i * r->rows + row] = p->in[i];
        b->fed_missing[(size_t)i * r->rows + row] = !p->ok[i];
    }
    if (b->silent[row])
        return;
    int said = p->model.backend->run(p->instance, p->in, b->n_inputs, out, b->n_outputs, 0);
    *rc = said != DURA_OK ? said : *rc;
    b->silent[row] = said != DURA_OK;
    for (uint16_t k = 0; k < b->n_outputs; k++) {
        b->silent[row] |= !durai_finite(out[k]);
        b->answer[(size_t)k * r->rows + row] = out[k];
    }
}

int durai_learn_answers(durai_brain *b, const durai_recording *r, const char *model, dura_error *err)
{
    pass p = {0};
    size_t spoke = 0;
    int said = DURA_OK, opened = 0;
    if (!b->image)
        return DURA_OK;
    int rc = allocate(&p, b, r);
    if (rc == DURA_OK)
        rc = open_features(&p, b, r->n);
    if (rc == DURA_OK) {
        rc = open_model(&p, b);
        opened = rc == DURA_OK;
    }
    for (size_t row = 0; rc == DURA_OK && row < r->rows; row++) {
        run_row(&p, b, r, row, &said);
        spoke += !b->silent[row];
    }
    if (opened && p.model.backend->close)
        p.model.backend->close(p.instance);
    free(p.instance);
    free(p.feature_mem);
    free(p.values);
    free(p.usable);
    free(p.in);
    free(p.ok);
    if (rc != DURA_OK)
        return dura_error_set(err, rc, model, 0, NULL, "cannot be run: %s", dura_strerror(rc));
    if (spoke == 0)
        return dura_error_set(err, said != DURA_OK ? said : DURA_EINVAL, model, 0, NULL,
                              "gave no finite answer on any row: an input may never be there");
    return DURA_OK;
}

int durai_learn_confidence(const durai_brain *b)
{
    int kind;
    return b->image && dura_pack_check(b->image, b->len, &kind) == DURA_OK && kind == DURA_PACK_TREES && b->len > 16 &&
           durai_le16(b->image + TREES_KIND) == 1;
}
