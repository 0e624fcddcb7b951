/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packed register (docs/formats/register.md): numbers for risks and controls, so that a
 * record can name them in 16 bits. One register has one encoding; the reader checks all of it.
 */
#include "dura_host_register_priv.h"

#include <stdlib.h>
#include <string.h>

#include "../base/dura_base_priv.h"

enum { HEAD = 64, ROW = 8, TAIL = 4, VERSION = 1 };

/* Where the parts of an image lie. */
typedef struct layout {
    uint32_t risks, controls, bindings, names, total;
    uint32_t at_controls, at_bindings, at_names;
} layout;

static void lay_out(layout *l)
{
    l->at_controls = HEAD + l->risks * ROW;
    l->at_bindings = l->at_controls + l->controls * ROW;
    l->at_names = l->at_bindings + ((2 * l->bindings + 3u) & ~3u);
    l->total = l->at_names + ((l->names + 3u) & ~3u) + TAIL;
}

static uint32_t put_name(uint8_t *image, const layout *l, uint32_t at, const char *name)
{
    size_t n = strlen(name) + 1;
    memcpy(image + l->at_names + at, name, n);
    return at + (uint32_t)n;
}

static void fill(const dura_register *r, const layout *l, uint8_t *p)
{
    uint32_t name = 0, binding = 0;
    for (uint32_t i = 0; i < r->n_entry; i++) {
        const reg_entry *e = &r->entry[i];
        uint8_t *row = p + HEAD + i * ROW;
        durai_put32(row, name);
        row[4] = e->cause;
        row[5] = e->after.figure;
        durai_put16(row + 6, (uint16_t)e->controls.n);
        for (uint32_t k = 0; k < e->controls.n; k++)
            durai_put16(p + l->at_bindings + 2 * binding++, (uint16_t)(e->controls.at[k] + 1u));
        name = put_name(p, l, name, e->id);
    }
    for (uint32_t i = 0; i < r->n_control; i++) {
        uint8_t *row = p + l->at_controls + i * ROW;
        durai_put32(row, name);
        row[4] = r->control[i].hook;
        row[5] = r->control[i].armed_percent;
        name = put_name(p, l, name, r->control[i].id);
    }
}

int dura_register_pack(const dura_register *r, void **out, size_t *len)
{
    layout l = {0};
    if (!r || !out || !len)
        return DURA_EINVAL;
    *out = NULL;
    *len = 0;
    l.risks = r->n_entry;
    l.controls = r->n_control;
    for (uint32_t i = 0; i < r->n_entry; i++) {
        l.bindings += r->entry[i].controls.n;
        l.names += (uint32_t)strlen(r->entry[i].id) + 1;
    }
    for (uint32_t i = 0; i < r->n_control; i++)
        l.names += (uint32_t)strlen(r->control[i].id) + 1;
    if (l.bindings > UINT16_MAX)
        return DURA_ELIMIT;
    lay_out(&l);
    uint8_t *p = calloc(1, l.total);
    if (!p)
        return DURA_ENOSPC;
    memcpy(p, "DREG", 4);
    durai_put16(p + 4, VERSION);
    durai_put32(p + 8, l.total);
    durai_put16(p + 12, (uint16_t)l.risks);
    durai_put16(p + 14, (uint16_t)l.controls);
    durai_put16(p + 16, (uint16_t)l.bindings);
    durai_put32(p + 20, l.names);
    memcpy(p + 24, r->digest, 32);
    fill(r, &l, p);
    durai_put32(p + l.total - TAIL, durai_crc32c(0, p, l.total - TAIL));
    *out = p;
    *len = l.total;
    return DURA_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

static int all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return 0;
    return 1;
}

static int head_of(const uint8_t *p, size_t len, layout *l)
{
    if (len < HEAD + TAIL || memcmp(p, "DREG", 4) != 0)
        return DURA_ECORRUPT;
    if (durai_le16(p + 4) != VERSION)
        return DURA_EVERSION;
    l->risks = durai_le16(p + 12);
    l->controls = durai_le16(p + 14);
    l->bindings = durai_le16(p + 16);
    l->names = durai_le32(p + 20);
    if (l->names > 49u * (l->risks + l->controls))
        return DURA_ECORRUPT;
    lay_out(l);
    return l->total == len && durai_le32(p + 8) == len && all_zero(p + 6, 2) && all_zero(p + 18, 2) &&
                   all_zero(p + 56, 8) && durai_le32(p + len - TAIL) == durai_crc32c(0, p, len - TAIL)
               ? DURA_OK
               : DURA_ECORRUPT;
}

/* The name at `at` ends within the names; *next is where the next one must begin. */
static int name_ok(const uint8_t *p, const layout *l, uint32_t at, uint32_t *next)
{
    const char *name = (const char *)p + l->at_names + at;
    if (at != *next || at >= l->names)
        return 0;
    const char *end = memchr(name, 0, l->names - at);
    if (!end || end == name)
        return 0;
    *next = at + (uint32_t)(end - name) + 1;
    return 1;
}

static int rows_ok(const uint8_t *p, const layout *l)
{
    uint32_t next = 0, bound = 0;
    for (uint32_t i = 0; i < l->risks; i++) {
        const uint8_t *row = p + HEAD + i * ROW;
        if (!name_ok(p, l, durai_le32(row), &next) || row[4] >= REG_CAUSES || !row[5] || row[5] > 99)
            return 0;
        bound += durai_le16(row + 6);
    }
    for (uint32_t i = 0; i < l->controls; i++) {
        const uint8_t *row = p + l->at_controls + i * ROW;
        if (!name_ok(p, l, durai_le32(row), &next) || !row[5] || row[5] > 100 || durai_le16(row + 6))
            return 0;
    }
    for (uint32_t i = 0; i < l->bindings; i++) {
        uint16_t n = durai_le16(p + l->at_bindings + 2 * i);
        if (n < 1 || n > l->controls)
            return 0;
    }
    return next == l->names && bound == l->bindings &&
           all_zero(p + l->at_bindings + 2 * l->bindings, l->at_names - l->at_bindings - 2 * l->bindings) &&
           all_zero(p + l->at_names + l->names, l->total - TAIL - l->at_names - l->names);
}

int dura_register_image_check(const void *image, size_t len, dura_register_info *out)
{
    layout l = {0};
    dura_register_info info = DURA_REGISTER_INFO_INIT;
    if (!image)
        return DURA_EINVAL;
    int rc = head_of(image, len, &l);
    if (rc == DURA_OK && !rows_ok(image, &l))
        rc = DURA_ECORRUPT;
    if (rc != DURA_OK || !out)
        return rc;
    info.entries = l.risks;
    info.controls = l.controls;
    memcpy(info.digest, (const uint8_t *)image + 24, sizeof info.digest);
    return durai_struct_out(out, &info, sizeof info, sizeof info);
}

int dura_register_image_name(const void *image, size_t len, int kind, uint16_t n, const char **out)
{
    layout l = {0};
    if (!image || !out || head_of(image, len, &l) != DURA_OK)
        return DURA_ENOENT;
    const uint8_t *p = image;
    uint32_t count = kind == DURA_REGISTER_RISK ? l.risks : kind == DURA_REGISTER_CONTROL ? l.controls : 0;
    if (n < 1 || n > count)
        return DURA_ENOENT;
    p += (kind == DURA_REGISTER_RISK ? HEAD : l.at_controls) + (n - 1u) * ROW;
    *out = (const char *)image + l.at_names + durai_le32(p);
    return DURA_OK;
}
