/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift_save.c - the state as bytes, and back (docs/formats/drift.md).
 *
 * A head, one block per watched channel, a CRC. The head carries a digest of the
 * configuration and of every reference: a statistic means nothing under another one.
 * Loading checks the whole before it touches the state, also what only a deliberate
 * forger gets past the CRC: no later update may meet a number outside its range.
 */
#include "dura_drift_priv.h"

#define MAGIC 0x31544644u       /* "DFT1" */
#define FORMAT 1u
#define CAP_SEEN (CAP * 1.0001f)        /* capping multiplies, and the product is rounded */
#define AGED_MOST 1099511627776.0f      /* 2^40 samples */
enum { HEAD = 16, BLOCK = 128, TAIL = 4 };
/* Offsets in a block; the statistics come first. */
enum { AGED = 48, PAST = 96, LAST_Z = 112, FILL = 116, COUNT = 120 };

static size_t image_bytes(const dura_drift *d)
{
    return (size_t)HEAD + (size_t)d->watched * BLOCK + TAIL;
}

/* CRC-32C over what the statistics depend on, in channel order. */
static DURAI_NOINLINE uint32_t digest(const dura_drift *d)
{
    uint8_t b[44];
    uint32_t crc, k;
    uint16_t i;
    durai_put16(b, d->n);
    durai_put16(b + 2, d->flags);
    durai_put32(b + 4, durai_f32_bits(d->arl0));
    crc = durai_crc32c(0, b, 8);
    for (i = 0; i < d->n; i++) {
        const drift_reference *r = &d->reference[i];
        if (!(r->flags & REF_WATCHED))
            continue;
        durai_put32(b, i);
        durai_put32(b + 4, durai_f32_bits(r->mean));
        durai_put32(b + 8, durai_f32_bits(r->scale));
        durai_put32(b + 12, durai_f32_bits(r->clip));
        durai_put32(b + 16, durai_f32_bits(r->shift_slack));
        durai_put32(b + 20, durai_f32_bits(r->narrow_slack));
        for (k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
            durai_put32(b + 24 + 4 * k, durai_f32_bits(r->phi[k]));
        durai_put16(b + 40, r->why);
        b[42] = r->order;
        b[43] = r->flags;
        crc = durai_crc32c(crc, b, sizeof b);
    }
    return crc;
}

static void put_channel(uint8_t *p, const drift_channel *c)
{
    uint32_t i;
    for (i = 0; i < HYPOTHESES; i++)
        durai_put32(p + 4 * i, durai_f32_bits(c->r[i]));
    for (i = 0; i < HYPOTHESES; i++)
        durai_put32(p + AGED + 4 * i, durai_f32_bits(c->aged[i]));
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        durai_put32(p + PAST + 4 * i, durai_f32_bits(c->past[i]));
    durai_put32(p + LAST_Z, durai_f32_bits(c->z));
    p[FILL] = c->fill;
    p[FILL + 1] = c->flags;
    p[FILL + 2] = c->gap;
    p[FILL + 3] = c->usual;
    durai_put64(p + COUNT, c->n);
}

static void get_channel(drift_channel *c, const uint8_t *p)
{
    uint32_t i;
    for (i = 0; i < HYPOTHESES; i++)
        c->r[i] = durai_f32(durai_le32(p + 4 * i));
    for (i = 0; i < HYPOTHESES; i++) {
        /* No real age comes near; a forged one must not grow out of a float's range. */
        float aged = durai_f32(durai_le32(p + AGED + 4 * i)), most = AGED_MOST * c->r[i];
        c->aged[i] = aged < most ? aged : most;
    }
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        c->past[i] = durai_f32(durai_le32(p + PAST + 4 * i));
    c->z = durai_f32(durai_le32(p + LAST_Z));
    c->fill = p[FILL];
    c->flags = p[FILL + 1];
    c->gap = p[FILL + 2];
    c->usual = p[FILL + 3];
    c->n = durai_le64(p + COUNT);
}

/* The bits of a float from -top to top; of one from 0 to top when no sign is allowed.
 * Magnitudes of floats are in the order of their bits. */
static int in_range(uint32_t bits, float top, uint32_t sign)
{
    return (bits & ~sign) <= durai_f32_bits(top);
}

/* A block update() could have left behind. */
static int sound_channel(const uint8_t *p, const drift_reference *r, float cap)
{
    const uint32_t sign = 0x80000000u;
    int good = 1;
    uint32_t i;
    for (i = 0; i < HYPOTHESES; i++)
        good &= in_range(durai_le32(p + 4 * i), cap, 0);
    for (i = 0; i < HYPOTHESES; i++)
        good &= in_range(durai_le32(p + AGED + 4 * i), 2.0f * AGED_MOST * cap, 0);
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        good &= in_range(durai_le32(p + PAST + 4 * i), FAR_AWAY, sign);
    good &= in_range(durai_le32(p + LAST_Z), r->clip, sign);
    good &= p[FILL] <= r->order && p[FILL + 1] <= (CH_ALARM | CH_TOLD);
    return good;
}

int dura_drift_save(const dura_drift *d, void *out, size_t *len)
{
    uint8_t *p = out;
    size_t wanted, at = HEAD;
    uint16_t i;
    if (!d || !len)
        return DURA_EINVAL;
    wanted = image_bytes(d);
    if (*len < wanted) {
        *len = wanted;
        return DURA_ENOSPC;
    }
    if (!out)
        return DURA_EINVAL;
    durai_put32(p, MAGIC);
    durai_put16(p + 4, FORMAT);
    durai_put16(p + 6, d->n);
    durai_put16(p + 8, d->watched);
    durai_put16(p + 10, 0);
    durai_put32(p + 12, digest(d));
    for (i = 0; i < d->n; i++) {
        if (!(d->reference[i].flags & REF_WATCHED))
            continue;
        put_channel(p + at, &d->channel[i]);
        at += BLOCK;
    }
    DURA_ASSERT(at + TAIL == wanted);
    durai_put32(p + at, durai_crc32c(0, p, at));
    *len = wanted;
    return DURA_OK;
}

/* Whole and ours? Magic and CRC before the version: a damaged version is damage. */
static int check_head(const dura_drift *d, const uint8_t *p, size_t len)
{
    if (len < (size_t)HEAD + TAIL || durai_le32(p) != MAGIC)
        return DURA_ECORRUPT;
    if (durai_le32(p + len - TAIL) != durai_crc32c(0, p, len - TAIL))
        return DURA_ECORRUPT;
    if (durai_le16(p + 4) != FORMAT)
        return DURA_EVERSION;
    if (len != (size_t)HEAD + (size_t)durai_le16(p + 8) * BLOCK + TAIL || durai_le16(p + 10) != 0)
        return DURA_ECORRUPT;
    if (durai_le16(p + 6) != d->n || durai_le16(p + 8) != d->watched || durai_le32(p + 12) != digest(d))
        return DURA_EAUTH;
    return DURA_OK;
}

int dura_drift_load(dura_drift *d, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    size_t at = HEAD;
    uint16_t i;
    int rc;
    if (!d || !bytes)
        return DURA_EINVAL;
    rc = check_head(d, p, len);
    if (rc < 0)
        return rc;
    for (i = 0; i < d->n; i++) {
        if (!(d->reference[i].flags & REF_WATCHED))
            continue;
        if (!sound_channel(p + at, &d->reference[i], CAP_SEEN * d->limit))
            return DURA_ECORRUPT;
        at += BLOCK;
    }
    DURA_ASSERT(at + TAIL == len);
    for (i = 0, at = HEAD; i < d->n; i++) {
        if (!(d->reference[i].flags & REF_WATCHED))
            continue;
        get_channel(&d->channel[i], p + at);
        at += BLOCK;
    }
    return DURA_OK;
}
