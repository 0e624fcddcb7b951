/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A linear model's JSON into its image (docs/formats/model-linear.md).
 *
 * Strict like the policy: unknown members, missing weights and names given twice are
 * errors at their place. Numbers become binary32 here, once, so that every device and
 * every replay multiplies with the same bits.
 */
#include "dura_host_pack_priv.h"

#include <stdlib.h>

enum { MODEL_MAGIC = 0x4E494C44, MODEL_VERSION = 1 };   /* 'DLIN' */

/* A member that must be there. */
static int need(const dura_json *doc, uint32_t object, const char *name, uint32_t *out, dura_error *err)
{
    *out = dura_json_member(doc, object, name);
    if (*out != DURA_JSON_NONE)
        return DURA_OK;
    return dura_json_fail(doc, object, err, DURA_EINVAL, "the member \"%s\" is missing; add it", name);
}

static int put_name(const dura_json *doc, uint32_t value, durai_pack *names, dura_error *err)
{
    const char *text;
    int rc = dura_json_get_text(doc, value, 1, DURAI_NAME_MAX, &text, err);
    if (rc == DURA_OK)
        durai_pack_put(names, text, strlen(text) + 1);
    return rc;
}

static int put_float(const dura_json *doc, uint32_t value, durai_pack *image, dura_error *err)
{
    uint8_t le[4];
    float f = 0;
    int rc = dura_json_get_f32(doc, value, &f, err);
    durai_put32(le, durai_f32_bits(f));
    if (rc == DURA_OK)
        durai_pack_put(image, le, sizeof le);
    return rc;
}

/* "inputs": a list of names, each once. */
static int put_inputs(const dura_json *doc, uint32_t list, durai_pack *names, dura_error *err)
{
    uint32_t i;
    int rc = dura_json_want(doc, list, DURA_JSON_ARRAY, 1, DURA_MODEL_INPUTS_MAX, err);
    for (i = dura_json_first(doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(doc, i))
        rc = put_name(doc, i, names, err);
    return rc == DURA_OK ? durai_pack_unique(doc, list, "input", err) : rc;
}

/* One output: bias and a weight per input. */
static int put_output(const dura_json *doc, uint32_t output, uint32_t n_in, durai_pack *image,
                      durai_pack *names, dura_error *err)
{
    static const char *const members[] = {"name", "bias", "weights", NULL};
    uint32_t name = DURA_JSON_NONE, bias = name, weights = name, i;
    int rc = dura_json_only(doc, output, members, err);
    if (rc == DURA_OK)
        rc = need(doc, output, "name", &name, err);
    if (rc == DURA_OK)
        rc = put_name(doc, name, names, err);
    if (rc == DURA_OK)
        rc = need(doc, output, "bias", &bias, err);
    if (rc == DURA_OK)
        rc = put_float(doc, bias, image, err);
    if (rc == DURA_OK)
        rc = need(doc, output, "weights", &weights, err);
    if (rc == DURA_OK)
        rc = dura_json_want(doc, weights, DURA_JSON_ARRAY, 0, UINT32_MAX, err);
    if (rc < 0)
        return rc;
    if (dura_json_count(doc, weights) != n_in)
        return dura_json_fail(doc, weights, err, DURA_EINVAL, "wants one weight per input: %u, not %u",
                              (unsigned)n_in, (unsigned)dura_json_count(doc, weights));
    for (i = dura_json_first(doc, weights); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(doc, i))
        rc = put_float(doc, i, image, err);
    return rc;
}

static int put_outputs(const dura_json *doc, uint32_t list, uint32_t n_in, durai_pack *image,
                       durai_pack *names, dura_error *err)
{
    uint32_t i;
    int rc = dura_json_want(doc, list, DURA_JSON_ARRAY, 1, DURA_OUTPUTS_MAX, err);
    for (i = dura_json_first(doc, list); rc == DURA_OK && i != DURA_JSON_NONE; i = dura_json_next(doc, i))
        rc = put_output(doc, i, n_in, image, names, err);
    return rc == DURA_OK ? durai_pack_unique(doc, list, "output", err) : rc;
}

/* "dura_model": 1 and "kind": "linear". */
static int check_kind(const dura_json *doc, dura_error *err)
{
    static const char *const members[] = {"$schema", "dura_model", "kind", "inputs", "outputs", NULL};
    static const char *const kinds[] = {"linear", NULL};
    uint32_t value = DURA_JSON_NONE, kind;
    int64_t version;
    int rc = dura_json_only(doc, DURA_JSON_ROOT, members, err);
    if (rc == DURA_OK)
        rc = need(doc, DURA_JSON_ROOT, "dura_model", &value, err);
    if (rc == DURA_OK)
        rc = dura_json_get_int(doc, value, 1, 1, &version, err);
    if (rc == DURA_OK)
        rc = need(doc, DURA_JSON_ROOT, "kind", &value, err);
    return rc == DURA_OK ? dura_json_get_word(doc, value, kinds, &kind, err) : rc;
}

static void put_header(durai_pack *image, uint32_t n_in, uint32_t n_out)
{
    uint8_t head[16];
    memset(head, 0, sizeof head);
    durai_put32(head, MODEL_MAGIC);
    durai_put16(head + 4, MODEL_VERSION);
    durai_put16(head + 6, (uint16_t)n_out);
    durai_put16(head + 12, (uint16_t)n_in);
    durai_pack_put(image, head, sizeof head);
}

int durai_pack_model_doc(const dura_json *doc, void **image, size_t *len, dura_error *err)
{
    durai_pack b = {NULL, 0, 0, 0}, names = {NULL, 0, 0, 0};
    uint32_t inputs = DURA_JSON_NONE, outputs = DURA_JSON_NONE;
    int rc = check_kind(doc, err);
    if (rc == DURA_OK)
        rc = need(doc, DURA_JSON_ROOT, "inputs", &inputs, err);
    if (rc == DURA_OK)
        rc = need(doc, DURA_JSON_ROOT, "outputs", &outputs, err);
    put_header(&b, dura_json_count(doc, inputs), dura_json_count(doc, outputs));
    if (rc == DURA_OK)
        rc = put_inputs(doc, inputs, &names, err);
    if (rc == DURA_OK)
        rc = put_outputs(doc, outputs, dura_json_count(doc, inputs), &b, &names, err);
    durai_pack_put(&b, names.p, names.len);
    durai_pack_finish(&b, 8);
    if (names.err)
        b.err = names.err;
    free(names.p);
    if (rc < 0) {
        free(b.p);
        return rc;
    }
    return durai_pack_give(&b, image, len, err);
}
