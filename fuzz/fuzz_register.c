/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a register, a product or a packed register; behind a zero byte any bytes as the
 * evidence, the profile or the view beside it. What is accepted has one digest however it is
 * written, is checked the same twice, comes back from both views as it was, and is packed into
 * what the strict reader takes.
 */
#include <dura/host/register.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int ok)
{
    if (!ok)
        abort();
}

static void same(const dura_register *r, const char *text, size_t len)
{
    dura_register *again;
    dura_register_info a = DURA_REGISTER_INFO_INIT, b = DURA_REGISTER_INFO_INIT;
    want(dura_register_parse(text, len, NULL, &again, NULL) == DURA_OK);
    want(dura_register_query(r, &a) == DURA_OK && dura_register_query(again, &b) == DURA_OK);
    want(memcmp(a.digest, b.digest, 32) == 0);
    dura_register_deinit(again);
}

static void checked(const dura_register *r, const dura_json *beside)
{
    dura_register_options o = DURA_REGISTER_OPTIONS_INIT;
    for (int turn = 0; turn < 3; turn++) {
        dura_findings f = DURA_FINDINGS_INIT, g = DURA_FINDINGS_INIT;
        o.today = 20261123;
        o.evidence = turn == 1 ? beside : NULL;
        o.profile = turn == 2 ? beside : NULL;
        int rc = dura_register_check(r, &o, &f, NULL);
        want(rc == DURA_OK || (turn && beside && !f.memory));
        want(dura_register_check(r, &o, &g, NULL) == rc);
        want(f.count == g.count && f.open + f.waived == f.count && f.covered + f.holes == f.cells);
        for (uint32_t i = 0; rc == DURA_OK && i < f.count; i++)
            want(f.finding[i].text[0] && f.finding[i].fix[0] && strcmp(f.finding[i].text, g.finding[i].text) == 0);
        dura_register_free(f.memory);
        dura_register_free(g.memory);
    }
}

static void viewed(const dura_register *r, const dura_json *beside)
{
    dura_json *view;
    char *text, *back;
    for (int side = DURA_REGISTER_62443; side <= DURA_REGISTER_42001; side++) {
        want(dura_register_show(r, side, NULL, &text, NULL) == DURA_OK);
        want(dura_json_parse(text, strlen(text), NULL, &view, NULL) == DURA_OK);
        want(dura_register_apply(r, view, &back, NULL) == DURA_OK);
        same(r, back, strlen(back));
        dura_register_free(back);
        dura_register_free(text);
        dura_json_deinit(view);
    }
    if (beside && dura_register_apply(r, beside, &back, NULL) == DURA_OK)
        dura_register_free(back);
}

static void packed(const dura_register *r)
{
    dura_register_info info = DURA_REGISTER_INFO_INIT, of = DURA_REGISTER_INFO_INIT;
    void *image;
    size_t n;
    want(dura_register_pack(r, &image, &n) == DURA_OK);
    want(dura_register_image_check(image, n, &info) == DURA_OK && dura_register_query(r, &of) == DURA_OK);
    want(memcmp(info.digest, of.digest, 32) == 0 && info.entries == of.entries && info.controls == of.controls);
    dura_register_free(image);
}

static void as_image(const uint8_t *data, size_t size)
{
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    const char *name;
    if (dura_register_image_check(data, size, &info) != DURA_OK)
        return;
    for (uint32_t i = 1; i <= info.entries; i++)
        want(dura_register_image_name(data, size, DURA_REGISTER_RISK, (uint16_t)i, &name) == DURA_OK && name[0]);
    for (uint32_t i = 1; i <= info.controls; i++)
        want(dura_register_image_name(data, size, DURA_REGISTER_CONTROL, (uint16_t)i, &name) == DURA_OK && name[0]);
}

static void as_product(const char *text, size_t len)
{
    dura_json *product;
    dura_register *r;
    char *draft;
    if (dura_json_parse(text, len, NULL, &product, NULL) != DURA_OK)
        return;
    if (dura_register_draft(product, 1, &draft, NULL) == DURA_OK) {
        want(dura_register_parse(draft, strlen(draft), NULL, &r, NULL) == DURA_OK);
        checked(r, NULL);
        dura_register_deinit(r);
        dura_register_free(draft);
    }
    dura_json_deinit(product);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t len = zero ? (size_t)(zero - data) : size;
    const char *text = (const char *)data;
    dura_json *beside = NULL, *doc;
    dura_register *r;
    dura_error err = {0};
    char *canonical;
    size_t n;
    if (size >= 4 && memcmp(data, "DREG", 4) == 0) {
        as_image(data, size);
        return 0;
    }
    as_product(text, len);
    int rc = dura_register_parse(text, len, "fuzz", &r, &err);
    if (rc != DURA_OK) {
        want(r == NULL && err.code == rc && err.text[0]);
        return 0;
    }
    if (zero && dura_json_parse((const char *)zero + 1, size - len - 1, NULL, &beside, NULL) != DURA_OK)
        beside = NULL;
    want(dura_json_parse(text, len, NULL, &doc, NULL) == DURA_OK);
    want(dura_register_canonical(doc, DURA_JSON_ROOT, &canonical, &n) == DURA_OK);
    same(r, canonical, n);
    dura_register_free(canonical);
    dura_json_deinit(doc);
    checked(r, beside);
    viewed(r, beside);
    packed(r);
    dura_json_deinit(beside);
    dura_register_deinit(r);
    return 0;
}
