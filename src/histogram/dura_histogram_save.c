/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_histogram_save.c - the state as bytes, and back (docs/formats/histogram.md).
 *
 * A head, one block per watched channel, a CRC. The head carries a digest of the
 * configuration and of every reference. Loading checks the whole before it touches the
 * state, also what only a deliberate forger gets past the CRC: counts must add up to
 * their totals and leave room until they are halved, statistics be in their range.
 */
#include "dura_histogram_priv.h"

#define MAGIC 0x31545348u       /* "HST1" */
#define FORMAT 1u
#define R_MOST (HIST_CAP * 1.01f * 1001.0f)          /* of the limit: a sample above the cap */
#define KEEP_LEAST 1e-4f
#define AGED_MOST 33554432.0f   /* 2^25 samples */
enum { BLOCK = 108 };
/* Offsets in a block. */
enum {
    COUNT = 0, R = 8, AGED = 20, KEEP = 32, TOTAL = 36, FLAGS = 42, LAST = 43, SLOW_AT = 44, MIDDLE_AT = 76, FAST_AT = 92
};

/* CRC-32C over what the statistics depend on, in channel order. */
static DURAI_NOINLINE uint32_t digest(const dura_histogram *h)
{
    uint8_t b[8];
    uint32_t crc, k, i;
    durai_put16(b, h->n);
    durai_put16(b + 2, h->flags);
    durai_put32(b + 4, durai_f32_bits(h->arl0));
    crc = durai_crc32c(0, b, 8);
    for (i = 0; i < h->n; i++) {
        const histogram_reference *r = &h->reference[i];
        if (!durai_histogram_watched(h, i))
            continue;
        durai_put16(b, (uint16_t)i);
        b[2] = r->bins;
        b[3] = r->why;
        durai_put32(b + 4, durai_f32_bits(r->slack));
        crc = durai_crc32c(crc, b, 8);
        for (k = 0; k < HIST_BINS; k++) {
            durai_put32(b, k + 1u < HIST_BINS ? durai_f32_bits(r->edge[k]) : 0);
            durai_put32(b + 4, durai_f32_bits(r->p[k]));
            crc = durai_crc32c(crc, b, 8);
        }
    }
    return crc;
}

static durai_saved saved_of(const dura_histogram *h)
{
    durai_saved s = {MAGIC, digest(h), FORMAT, h->n, h->watched, BLOCK};
    return s;
}

static void put_channel(uint8_t *p, const histogram_channel *c)
{
    uint32_t i;
    DURA_ASSERT(c->keep > KEEP_LEAST && c->keep <= 1.0f);
    durai_put64(p + COUNT, c->n);
    for (i = 0; i < MEMORIES; i++) {
        durai_put32(p + R + 4 * i, durai_f32_bits(c->r[i]));
        durai_put32(p + AGED + 4 * i, durai_f32_bits(c->aged[i]));
        durai_put16(p + TOTAL + 2 * i, c->total[i]);
    }
    durai_put32(p + KEEP, durai_f32_bits(c->keep));
    p[FLAGS] = c->flags;
    p[LAST] = c->last;
    for (i = 0; i < HIST_BINS; i++) {
        durai_put16(p + SLOW_AT + 2 * i, c->slow[i]);
        p[MIDDLE_AT + i] = c->middle[i];
        p[FAST_AT + i] = c->fast[i];
    }
}

static void get_channel(histogram_channel *c, const uint8_t *p)
{
    uint32_t i;
    c->n = durai_le64(p + COUNT);
    for (i = 0; i < MEMORIES; i++) {
        float aged = durai_f32(durai_le32(p + AGED + 4 * i)), most;
        c->r[i] = durai_f32(durai_le32(p + R + 4 * i));
        most = AGED_MOST * c->r[i];
        c->aged[i] = aged < most ? aged : most;
        c->total[i] = durai_le16(p + TOTAL + 2 * i);
    }
    c->keep = durai_f32(durai_le32(p + KEEP));
    c->flags = p[FLAGS];
    c->last = p[LAST];
    for (i = 0; i < HIST_BINS; i++) {
        c->slow[i] = durai_le16(p + SLOW_AT + 2 * i);
        c->middle[i] = p[MIDDLE_AT + i];
        c->fast[i] = p[FAST_AT + i];
    }
}

/* The bits of a float from least to most, both above 0 or 0. */
static int in_range(uint32_t bits, float least, float most)
{
    return bits >= durai_f32_bits(least) && bits <= durai_f32_bits(most);
}

/* Counts add up to the total, none in a bin that is not there, and there are no more than
 * halving has left and samples have come since. */
static int sound_counts(const uint8_t *p, uint32_t bins, uint32_t m, uint32_t every)
{
    uint32_t i, sum = 0, since = (uint32_t)(durai_le64(p + COUNT) % every);
    for (i = 0; i < HIST_BINS; i++) {
        uint32_t count = m == SLOW ? durai_le16(p + SLOW_AT + 2 * i) : m == MIDDLE ? p[MIDDLE_AT + i] : p[FAST_AT + i];
        if (i >= bins && count != 0)
            return 0;
        sum += count;
    }
    return sum == durai_le16(p + TOTAL + 2 * m) && sum < every + since;
}

/* A block update() could have left behind. */
static int sound_channel(const uint8_t *p, const histogram_reference *r, float limit)
{
    float most = R_MOST * limit;
    int good = 1;
    uint32_t i;
    for (i = 0; i < MEMORIES; i++) {
        good &= in_range(durai_le32(p + R + 4 * i), 0.0f, most);
        good &= in_range(durai_le32(p + AGED + 4 * i), 0.0f, AGED_MOST * most);
    }
    good &= in_range(durai_le32(p + KEEP), 2.0f * KEEP_LEAST, 1.0f);
    good &= p[FLAGS] <= (HIST_ALARM | HIST_TOLD) && p[LAST] < r->bins;
    good &= sound_counts(p, r->bins, FAST, FAST_EVERY);
    good &= sound_counts(p, r->bins, MIDDLE, MIDDLE_EVERY);
    good &= sound_counts(p, r->bins, SLOW, SLOW_EVERY);
    return good;
}

int durai_histogram_save(const dura_histogram *h, void *out, size_t *len)
{
    uint8_t *p = out;
    size_t at = DURAI_SAVED_HEAD;
    durai_saved around;
    uint32_t i;
    int rc;
    if (!h || !len)
        return DURA_EINVAL;
    around = saved_of(h);
    rc = durai_saved_room(&around, out, len);
    if (rc < 0)
        return rc;
    for (i = 0; i < h->n; i++) {
        if (!durai_histogram_watched(h, i))
            continue;
        put_channel(p + at, &h->channel[i]);
        at += BLOCK;
    }
    DURA_ASSERT(at + DURAI_SAVED_TAIL == *len);
    durai_saved_close(&around, p);
    return DURA_OK;
}

int durai_histogram_load(dura_histogram *h, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    size_t at = DURAI_SAVED_HEAD;
    durai_saved around;
    uint32_t i;
    int rc;
    if (!h || !bytes)
        return DURA_EINVAL;
    around = saved_of(h);
    rc = durai_saved_check(&around, p, len);
    if (rc < 0)
        return rc;
    for (i = 0; i < h->n; i++) {
        if (!durai_histogram_watched(h, i))
            continue;
        if (!sound_channel(p + at, &h->reference[i], h->limit))
            return DURA_ECORRUPT;
        at += BLOCK;
    }
    DURA_ASSERT(at + DURAI_SAVED_TAIL == len);
    for (i = 0, at = DURAI_SAVED_HEAD; i < h->n; i++) {
        if (!durai_histogram_watched(h, i))
            continue;
        get_channel(&h->channel[i], p + at);
        at += BLOCK;
    }
    return DURA_OK;
}
