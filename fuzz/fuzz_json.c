/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON on any bytes. What is refused names a line of the text; what is accepted has
 * names that are unique in their object, numbers that are finite, values whose path leads
 * back to them, and is valid for a second parse.
 */
#include <dura/host/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int ok)
{
    if (!ok)
        abort();
}

/* One value, and that its parent finds it again. */
static void visit(const dura_json *d, uint32_t v, uint32_t *seen)
{
    char path[64];
    double number = 0;
    int type = dura_json_type(d, v);
    want(type >= DURA_JSON_NULL && type <= DURA_JSON_OBJECT);
    want(dura_json_line(d, v) >= 1);
    want(dura_json_path(d, v, path, sizeof path) == path && strlen(path) < sizeof path);
    if (type == DURA_JSON_NUMBER)
        want(dura_json_get_f64(d, v, &number, NULL) == DURA_OK && isfinite(number));
    for (uint32_t i = dura_json_first(d, v), n = 0; i != DURA_JSON_NONE; i = dura_json_next(d, i), n++) {
        want(i > v && n < dura_json_count(d, v));
        /* Only among few: member() is a linear search. */
        if (type == DURA_JSON_OBJECT && n < 32)
            want(dura_json_member(d, v, dura_json_name(d, i)) == i);
        ++*seen;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dura_json *d, *again;
    dura_error e;
    uint32_t lines = 1, values = 0, seen = 1;
    int rc = dura_json_parse((const char *)data, size, "fuzz", &d, &e);
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (rc < 0) {
        want(d == NULL && e.code == rc && e.line >= 1 && e.line <= lines && e.text[0]);
        return 0;
    }
    while (dura_json_type(d, values))
        visit(d, values++, &seen);
    want(values >= 1 && seen == values);
    want(dura_json_parse((const char *)data, size, NULL, &again, NULL) == DURA_OK);
    dura_json_deinit(again);
    dura_json_deinit(d);
    return 0;
}
