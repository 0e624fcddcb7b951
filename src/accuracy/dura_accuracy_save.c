/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_accuracy_save.c - the counts as bytes, and back (docs/formats/accuracy.md).
 *
 * One block of counts for the whole and, as format 2, one per slice with its statistics. The
 * head carries a digest of configuration and reference: counts per cell mean nothing under
 * other cells. Loading checks the whole first, also that the counts are ones update() and
 * label() can have left behind.
 */
#include "dura_accuracy_priv.h"

#define MAGIC 0x31434341u       /* "ACC1" */
#define FORMAT 1u
#define FORMAT_SLICES 2u
#define STATISTIC_BITS 0x7149F2CAu      /* of STATISTIC_MOST */
/* Offsets in a block of counts, and of what a slice has behind it. */
enum { HEAD = 12, MADE = 0, OUTSIDE = 96, LABELS = 104, RIGHT = 152, COUNT = 200, BLOCK = 216, WORSE = 224, SLICE = 240 };

/* CRC-32C over what the counts depend on. */
static DURAI_NOINLINE uint32_t digest(const dura_accuracy *a)
{
    const dura_accuracy_reference *r = &a->ref;
    const float *f[8];
    uint8_t b[4];
    uint32_t crc = 0, i;
    const accuracy_slice *s = durai_accuracy_slices_of(a);
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
    for (i = 0; i < a->slices; i++) {
        durai_put32(b, durai_f32_bits(s[i].limit));
        crc = durai_crc32c(crc, b, 4);
    }
    if (a->slices) {
        durai_put32(b, a->every);
        crc = durai_crc32c(crc, b, 4);
    }
    return crc;
}

static size_t image_bytes(const dura_accuracy *a)
{
    return (size_t)HEAD + BLOCK + (size_t)a->slices * SLICE + 4u;
}

static void put_counts(uint8_t *p, const accuracy_counts *c)
{
    uint32_t i, k;
    DURA_ASSERT(MADE + 8 * (int)CELLS == OUTSIDE && RIGHT + 4 * (int)CELLS == COUNT);
    for (k = 0; k < 2; k++) {
        durai_put32(p + OUTSIDE + 4 * k, c->outside[k]);
        for (i = 0; i < CELLS; i++) {
            durai_put32(p + MADE + 4 * (k * CELLS + i), c->made[k][i]);
            durai_put16(p + LABELS + 2 * (k * CELLS + i), c->labels[k][i]);
            durai_put16(p + RIGHT + 2 * (k * CELLS + i), c->right[k][i]);
        }
    }
    durai_put64(p + COUNT, c->n);
    durai_put64(p + COUNT + 8, c->n_labels);
}

int durai_accuracy_save(const dura_accuracy *a, void *out, size_t *len)
{
    uint8_t *p = out;
    uint32_t i, k;
    size_t size = a ? image_bytes(a) : 0;
    if (!a || !len)
        return DURA_EINVAL;
    if (*len < size) {
        *len = size;
        return DURA_ENOSPC;
    }
    if (!out)
        return DURA_EINVAL;
    durai_put32(p, MAGIC);
    durai_put16(p + 4, (uint16_t)(a->slices ? FORMAT_SLICES : FORMAT));
    durai_put16(p + 6, 0);
    durai_put32(p + 8, digest(a));
    put_counts(p + HEAD, &a->all);
    for (i = 0; i < a->slices; i++) {
        const accuracy_slice *s = &durai_accuracy_slices_of(a)[i];
        uint8_t *at = p + HEAD + BLOCK + (size_t)i * SLICE;
        put_counts(at, &s->count);
        durai_put64(at + BLOCK, s->alarm_at);
        for (k = 0; k < ODDS; k++)
            durai_put32(at + WORSE + 4 * k, durai_f32_bits(s->worse[k]));
    }
    durai_put32(p + size - 4, durai_crc32c(0, p, size - 4));
    *len = size;
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

/* Slices have no more than the whole; no statistic without a label, no alarm before one. */
static int sound_slices(const dura_accuracy *a, const uint8_t *all)
{
    uint64_t n = 0, labels = 0;
    uint32_t i, k;
    int good = 1;
    for (i = 0; i < a->slices; i++) {
        const uint8_t *p = all + BLOCK + (size_t)i * SLICE;
        uint64_t here = durai_le64(p + COUNT + 8);
        good &= sound_counts(a, p) && durai_le64(p + BLOCK) <= durai_le64(all + COUNT + 8);
        good &= here > 0 || durai_le64(p + BLOCK) == 0;
        for (k = 0; k < ODDS; k++)
            good &= durai_le32(p + WORSE + 4 * k) <= (here ? STATISTIC_BITS : 0u);
        good &= durai_le64(p + COUNT) <= durai_le64(all + COUNT) - n;
        n += durai_le64(p + COUNT);
        good &= here <= durai_le64(all + COUNT + 8) - labels;
        labels += here;
    }
    return good;
}

static int check(const dura_accuracy *a, const uint8_t *p, size_t len)
{
    if (len < (size_t)HEAD + 4u || durai_le32(p) != MAGIC || durai_le32(p + len - 4) != durai_crc32c(0, p, len - 4))
        return DURA_ECORRUPT;
    if (durai_le16(p + 4) != FORMAT && durai_le16(p + 4) != FORMAT_SLICES)
        return DURA_EVERSION;
    if (durai_le16(p + 6) != 0)
        return DURA_ECORRUPT;
    if (durai_le16(p + 4) != (a->slices ? FORMAT_SLICES : FORMAT) || durai_le32(p + 8) != digest(a))
        return DURA_EAUTH;
    return len == image_bytes(a) && sound_counts(a, p + HEAD) && sound_slices(a, p + HEAD) ? DURA_OK : DURA_ECORRUPT;
}

static void get_counts(accuracy_counts *c, const uint8_t *p)
{
    uint32_t i, k;
    for (k = 0; k < 2; k++) {
        c->outside[k] = durai_le32(p + OUTSIDE + 4 * k);
        for (i = 0; i < CELLS; i++) {
            c->made[k][i] = durai_le32(p + MADE + 4 * (k * CELLS + i));
            c->labels[k][i] = durai_le16(p + LABELS + 2 * (k * CELLS + i));
            c->right[k][i] = durai_le16(p + RIGHT + 2 * (k * CELLS + i));
        }
    }
    c->n = durai_le64(p + COUNT);
    c->n_labels = durai_le64(p + COUNT + 8);
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
    get_counts(&a->all, p + HEAD);
    for (i = 0; i < a->slices; i++) {
        accuracy_slice *s = &durai_accuracy_slices(a)[i];
        const uint8_t *at = p + HEAD + BLOCK + (size_t)i * SLICE;
        get_counts(&s->count, at);
        s->alarm_at = durai_le64(at + BLOCK);
        for (k = 0; k < ODDS; k++)
            s->worse[k] = durai_f32(durai_le32(at + WORSE + 4 * k));
    }
    return DURA_OK;
}
