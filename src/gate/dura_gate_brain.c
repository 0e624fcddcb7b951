/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brain images: what lies in a model slot (docs/formats/brain.md). A header, a table of
 * sections, the sections: one set under one digest. There is one encoding only: sections
 * ascend, nothing overlaps, what lies between is zero. The checksum finds damage; what may
 * run is decided by the signed digest.
 */
#include "dura_gate_priv.h"

enum {
    BRAIN_MAGIC = 0x4E524244,  /* "DBRN" */
    BRAIN_VERSION = 1,
    BRAIN_HEAD = 16,
    BRAIN_ROW = 16,
    BRAIN_SECTIONS_MAX = 16,
    SECTION_OPTIONAL = 64,     /* types from here on may be passed over */
    GOLDEN_HEAD = 16,
    GOLDEN_INPUTS_MAX = 1024,  /* as dura/backend.h: no model has more */
    GOLDEN_OUTPUTS_MAX = 16,
    GOLDEN_MAX = 65536
};

/* A row of the table behind what ended at `end`: known, in order, inside. */
static int row_ok(const uint8_t *p, size_t len, uint32_t last, uint64_t end)
{
    uint32_t type = durai_le32(p), off = durai_le32(p + 4), n = durai_le32(p + 8);
    if (type <= last || durai_le32(p + 12) != 0 || n == 0)
        return DURA_ECORRUPT;
    if (off % 8u != 0 || off != ((end + 7u) & ~(uint64_t)7u) || n > len - off || off > len)
        return DURA_ECORRUPT;
    return type > DURA_BRAIN_PARTS && type < SECTION_OPTIONAL ? DURA_EVERSION : DURA_OK;
}

static int gap_zero(const uint8_t *p, uint64_t from, uint64_t to)
{
    for (; from < to; from++)
        if (p[from] != 0)
            return 0;
    return 1;
}

static int table_ok(const uint8_t *p, size_t len)
{
    uint32_t n = durai_le16(p + 6), last = 0;
    uint64_t end = BRAIN_HEAD + BRAIN_ROW * n;
    int answer = DURA_OK;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *row = p + BRAIN_HEAD + BRAIN_ROW * i;
        int rc = row_ok(row, len, last, end);
        if (rc == DURA_ECORRUPT || !gap_zero(p, end, durai_le32(row + 4)))
            return DURA_ECORRUPT;
        answer = rc != DURA_OK ? rc : answer;
        last = durai_le32(row);
        end = (uint64_t)durai_le32(row + 4) + durai_le32(row + 8);
    }
    DURA_ASSERT(end <= len);
    if (((end + 7u) & ~(uint64_t)7u) != len || !gap_zero(p, end, len))
        return DURA_ECORRUPT;
    return answer;
}

int dura_brain_check(const void *image, size_t len)
{
    const uint8_t *p = image;
    if (!p)
        return DURA_EINVAL;
    if (len < BRAIN_HEAD || durai_le32(p) != BRAIN_MAGIC)
        return DURA_ECORRUPT;
    if (durai_le16(p + 4) != BRAIN_VERSION)
        return DURA_EVERSION;
    uint32_t n = durai_le16(p + 6);
    if (durai_le32(p + 8) != len || len % 8u != 0 || n < 1 || n > BRAIN_SECTIONS_MAX ||
        len < BRAIN_HEAD + (size_t)BRAIN_ROW * n)
        return DURA_ECORRUPT;
    if (durai_le32(p + 12) != durai_crc32c(durai_crc32c(0, p, 12), p + BRAIN_HEAD, len - BRAIN_HEAD))
        return DURA_ECORRUPT;
    return table_ok(p, len);
}

int dura_brain_section(const void *image, size_t len, uint32_t type, const void **p, size_t *n)
{
    const uint8_t *at = image;
    if (!at || !p || !n || len < BRAIN_HEAD)
        return DURA_EINVAL;
    for (uint32_t i = 0; i < durai_le16(at + 6); i++) {
        const uint8_t *row = at + BRAIN_HEAD + BRAIN_ROW * i;
        if (durai_le32(row) != type)
            continue;
        DURA_ASSERT((uint64_t)durai_le32(row + 4) + durai_le32(row + 8) <= len);
        *p = at + durai_le32(row + 4);
        *n = durai_le32(row + 8);
        return DURA_OK;
    }
    return DURA_ENOENT;
}

/* Of the rows of one part one is enough: so a part is changed without a moment in which neither
 * fits, by a brain that takes the old and the new one. */
int durai_brain_fits(const dura_gate_hooks *hooks, const uint8_t *policy, const void *image, size_t len)
{
    const void *section;
    size_t n;
    if (dura_brain_section(image, len, DURA_BRAIN_PARTS, &section, &n) != DURA_OK)
        return 1;
    const uint8_t *row = section;
    uint32_t part = 0, met = 1;
    if (!hooks->part || n % DURA_BRAIN_PART_BYTES != 0)
        return 0;
    for (; n > 0; n -= DURA_BRAIN_PART_BYTES, row += DURA_BRAIN_PART_BYTES) {
        uint32_t of = durai_le32(row);
        if (of == 0 || of < part || (of != part && !met))
            return 0;
        met = (of == part && met) || hooks->part(hooks->user, policy, of, row + 4) == 1;
        part = of;
    }
    return (int)met;
}

int durai_golden_open(durai_golden *out, const void *image, size_t len)
{
    const void *section;
    size_t n;
    int rc = dura_brain_section(image, len, DURA_BRAIN_GOLDEN, &section, &n);
    const uint8_t *p = section;
    if (rc != DURA_OK)
        return rc;
    if (n < GOLDEN_HEAD)
        return DURA_ECORRUPT;
    out->n = durai_le32(p);
    out->n_in = durai_le16(p + 4);
    out->n_out = durai_le16(p + 6);
    out->abs_tol = durai_f32(durai_le32(p + 8));
    out->rel_tol = durai_f32(durai_le32(p + 12));
    out->at = p + GOLDEN_HEAD;
    if (out->n < 1 || out->n > GOLDEN_MAX || out->n_in < 1 || out->n_in > GOLDEN_INPUTS_MAX || out->n_out < 1 ||
        out->n_out > GOLDEN_OUTPUTS_MAX || !durai_finite(out->abs_tol) || !durai_finite(out->rel_tol) ||
        out->abs_tol < 0.0f || out->rel_tol < 0.0f)
        return DURA_ECORRUPT;
    return n == GOLDEN_HEAD + (uint64_t)out->n * 4u * ((uint32_t)out->n_in + out->n_out) ? DURA_OK : DURA_ECORRUPT;
}

/* A bound that is infinite would pass everything, so that is wrong as well. */
int durai_golden_right(const durai_golden *g, float got, float want)
{
    float size = want < 0.0f ? -want : want, bound = g->abs_tol + g->rel_tol * size, off;
    if (!durai_finite(got) || !durai_finite(want) || !durai_finite(bound))
        return 0;
    off = got - want;
    return (off < 0.0f ? -off : off) <= bound;
}
