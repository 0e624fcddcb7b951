/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_accuracy_save.c - the counts as bytes, and back (docs/formats/accuracy.md).
 *
 * One size for all. The head carries a digest of configuration and reference: counts per
 * cell mean nothing under other cells. Loading checks the whole first, also that the
 * counts are ones update() and label() can have left behind.
 */
#include "dura_accuracy_priv.h"

#define MAGIC 0x31434341u       /* "ACC1" */
#define FORMAT 1u
/* Offsets. */
enum { MADE = 12, OUTSIDE = 108, LABELS = 116, RIGHT = 164, COUNT = 212, CRC = 228, IMAGE = 232 };

/* CRC-32C over what the counts depend on. */
static DURAI_NOINLINE uint32_t digest(const dura_accuracy *a)
{
    const dura_accuracy_reference *r = &a->ref;
    const float *f[8];
    uint8_t b[4];
    uint32_t crc = 0, i;
    const uint32_t head[5] = {a->window, a->labels_most, r->n, r->groups,
                              (uint32_t)r->n_edges | ((uint32_t)r->opinions << 16)};
    f[0] = &r->accuracy;
    f[1] = &r->base;
    f[2] = &r->all;
    f[3] = &r->any;
    f[4] = &r->margin;
    f[5] = &r->drop;
    f[6] = &r->outside;
    f[7] = &r->level;
    for (i = 0; i < 5; i++) {
        durai_put32(b, head[i]);
        crc = durai_crc32c(crc, b, 4);
    }
    for (i = 0; i < CELLS - 1u; i++) {
        durai_put32(b, durai_f32_bits(r->edge[i]));
        crc = durai_crc32c(crc, b, 4);
    }
    for (i = 0; i < CELLS; i++) {
        durai_put32(b, durai_f32_bits(r->value[i]));
        crc = durai_crc32c(crc, b, 4);
    }
    for (i = 0; i < 8; i++) {
        durai_put32(b, durai_f32_bits(*f[i]));
        crc = durai_crc32c(crc, b, 4);
    }
    return crc;
}

int durai_accuracy_save(const dura_accuracy *a, void *out, size_t *len)
{
    uint8_t *p = out;
    uint32_t i, k;
    if (!a || !len)
        return DURA_EINVAL;
    if (*len < (size_t)IMAGE) {
        *len = IMAGE;
        return DURA_ENOSPC;
    }
    if (!out)
        return DURA_EINVAL;
    DURA_ASSERT(MADE + 8 * (int)CELLS == OUTSIDE && RIGHT + 4 * (int)CELLS == COUNT);
    durai_put32(p, MAGIC);
    durai_put16(p + 4, FORMAT);
    durai_put16(p + 6, 0);
    durai_put32(p + 8, digest(a));
    for (k = 0; k < 2; k++) {
        durai_put32(p + OUTSIDE + 4 * k, a->outside[k]);
        for (i = 0; i < CELLS; i++) {
            durai_put32(p + MADE + 4 * (k * CELLS + i), a->made[k][i]);
            durai_put16(p + LABELS + 2 * (k * CELLS + i), a->labels[k][i]);
            durai_put16(p + RIGHT + 2 * (k * CELLS + i), a->right[k][i]);
        }
    }
    durai_put64(p + COUNT, a->n);
    durai_put64(p + COUNT + 8, a->n_labels);
    durai_put32(p + CRC, durai_crc32c(0, p, CRC));
    *len = IMAGE;
    return DURA_OK;
}

/* Pane k of counts of `size` bytes: their sum; *good is cleared when a cell that is not
 * there has one. */
static uint64_t pane_sum(const uint8_t *p, uint32_t size, uint32_t cells, int *good)
{
    uint64_t sum = 0;
    uint32_t i;
    DURA_ASSERT((size == 4u || size == 2u) && cells <= CELLS);
    for (i = 0; i < CELLS; i++) {
        uint32_t v = size == 4u ? durai_le32(p + 4 * i) : (uint32_t)durai_le16(p + 2 * i);
        *good &= i < cells || v == 0;
        sum += v;
    }
    return sum;
}

/* The older pane is whole or empty, the other not yet whole. */
static int sound_counts(const dura_accuracy *a, const uint8_t *p)
{
    uint32_t cells = durai_accuracy_cells(&a->ref), i, k;
    uint64_t made[2], labels[2];
    int good = 1;
    for (k = 0; k < 2; k++) {
        made[k] = pane_sum(p + MADE + 4 * k * CELLS, 4, cells, &good);
        labels[k] = pane_sum(p + LABELS + 2 * k * CELLS, 2, cells, &good);
        good &= durai_le32(p + OUTSIDE + 4 * k) <= made[k];
        for (i = 0; i < CELLS; i++)
            good &= durai_le16(p + RIGHT + 2 * (k * CELLS + i)) <= durai_le16(p + LABELS + 2 * (k * CELLS + i));
    }
    good &= made[0] == 0 || made[0] == a->window;
    good &= labels[0] == 0 || labels[0] == a->labels_most;
    good &= made[1] < a->window && labels[1] < a->labels_most;
    good &= durai_le64(p + COUNT) >= made[0] + made[1] && durai_le64(p + COUNT + 8) >= labels[0] + labels[1];
    return good;
}

static int check(const dura_accuracy *a, const uint8_t *p, size_t len)
{
    if (len != (size_t)IMAGE || durai_le32(p) != MAGIC || durai_le32(p + CRC) != durai_crc32c(0, p, CRC))
        return DURA_ECORRUPT;
    if (durai_le16(p + 4) != FORMAT)
        return DURA_EVERSION;
    if (durai_le16(p + 6) != 0)
        return DURA_ECORRUPT;
    if (durai_le32(p + 8) != digest(a))
        return DURA_EAUTH;
    return sound_counts(a, p) ? DURA_OK : DURA_ECORRUPT;
}

int durai_accuracy_load(dura_accuracy *a, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint32_t i, k;
    int rc;
    if (!a || !bytes)
        return DURA_EINVAL;
    rc = check(a, p, len);
    if (rc < 0)
        return rc;
    for (k = 0; k < 2; k++) {
        a->outside[k] = durai_le32(p + OUTSIDE + 4 * k);
        for (i = 0; i < CELLS; i++) {
            a->made[k][i] = durai_le32(p + MADE + 4 * (k * CELLS + i));
            a->labels[k][i] = durai_le16(p + LABELS + 2 * (k * CELLS + i));
            a->right[k][i] = durai_le16(p + RIGHT + 2 * (k * CELLS + i));
        }
    }
    a->n = durai_le64(p + COUNT);
    a->n_labels = durai_le64(p + COUNT + 8);
    return DURA_OK;
}
