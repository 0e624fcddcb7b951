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
#define FORMAT 3u
#define R_MOST (CAP * 1.01f * RATIO_MOST)       /* of the limit: a sample above the cap */
#define KEEP_LEAST 1e-7f
#define AGED_MOST 1099511627776.0f      /* 2^40 samples */
enum { BLOCK = 128 };   /* bytes of a channel */
/* Offsets in a block; the statistics come first. */
enum { AGED = 44, PAST = 88, LAST_Z = 104, LAST = 108, KEEP = 112, FILL = 116, COUNT = 120 };

/* CRC-32C over what the statistics depend on, in channel order. */
static DURAI_NOINLINE uint32_t digest(const dura_drift *d)
{
    uint8_t b[52];
    uint32_t crc, k, i;
    durai_put16(b, d->n);
    durai_put16(b + 2, d->flags);
    durai_put32(b + 4, durai_f32_bits(d->arl0));
    crc = durai_crc32c(0, b, 8);
    for (i = 0; i < d->n; i++) {
        const drift_reference *r = &d->reference[durai_drift_block(i)];
        uint32_t l = durai_drift_lane(i);
        if (!durai_drift_watched(d, i))
            continue;
        durai_put32(b, i);
        durai_put32(b + 4, durai_f32_bits(r->mean[l]));
        durai_put32(b + 8, durai_f32_bits(r->scale[l]));
        durai_put32(b + 12, durai_f32_bits(r->clip[l]));
        durai_put32(b + 16, durai_f32_bits(r->shift_slack[l]));
        durai_put32(b + 20, durai_f32_bits(r->narrow_slack[l]));
        durai_put32(b + 24, durai_f32_bits(r->floor[l]));
        durai_put32(b + 28, durai_f32_bits(r->share[l]));
        for (k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
            durai_put32(b + 32 + 4 * k, durai_f32_bits(r->phi[k][l]));
        durai_put16(b + 48, r->why[l]);
        b[50] = r->order[l];
        b[51] = r->flags[l];
        crc = durai_crc32c(crc, b, sizeof b);
    }
    return crc;
}

static durai_saved saved_of(const dura_drift *d)
{
    durai_saved s = {MAGIC, digest(d), FORMAT, d->n, d->watched, BLOCK};
    return s;
}

/* What means nothing under this reference is 0: which way a sample went shows in no byte. */
void durai_drift_put(uint8_t p[128], const drift_block *b, const drift_reference *r, uint32_t l)
{
    uint32_t i;
    for (i = 0; i < HYPOTHESES; i++)
        durai_put32(p + 4 * i, durai_f32_bits(b->r[i][l]));
    for (i = 0; i < HYPOTHESES; i++)
        durai_put32(p + AGED + 4 * i, durai_f32_bits(b->aged[i][l]));
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        durai_put32(p + PAST + 4 * i, i < r->order[l] ? durai_f32_bits(b->past[i][l]) : 0u);
    durai_put32(p + LAST_Z, durai_f32_bits(b->z[l]));
    durai_put32(p + LAST, r->flags[l] & REF_HELD ? durai_f32_bits(b->last[l]) : 0u);
    durai_put32(p + KEEP, durai_f32_bits(b->keep[l]));
    p[FILL] = b->fill[l];
    p[FILL + 1] = b->flags[l] & (CH_ALARM | CH_TOLD);
    p[FILL + 2] = b->gap[l];
    p[FILL + 3] = b->usual[l];
    durai_put64(p + COUNT, b->n[l]);
}

static void get_channel(drift_block *b, uint32_t l, const uint8_t *p)
{
    uint32_t i;
    for (i = 0; i < HYPOTHESES; i++)
        b->r[i][l] = durai_f32(durai_le32(p + 4 * i));
    for (i = 0; i < HYPOTHESES; i++) {
        /* No real age comes near; a forged one must not grow out of a float's range. */
        float aged = durai_f32(durai_le32(p + AGED + 4 * i)), most = AGED_MOST * b->r[i][l];
        b->aged[i][l] = aged < most ? aged : most;
    }
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        b->past[i][l] = durai_f32(durai_le32(p + PAST + 4 * i));
    b->z[l] = durai_f32(durai_le32(p + LAST_Z));
    b->last[l] = durai_f32(durai_le32(p + LAST));
    b->keep[l] = durai_f32(durai_le32(p + KEEP));
    b->fill[l] = p[FILL];
    b->flags[l] = (uint8_t)(p[FILL + 1] | (b->keep[l] < 1.0f ? CH_CAPPED : 0));
    b->gap[l] = p[FILL + 2];
    b->usual[l] = p[FILL + 3];
    b->n[l] = durai_le64(p + COUNT);
}

/* The bits of a float from -top to top; of one from 0 to top when no sign is allowed.
 * Magnitudes of floats are in the order of their bits. */
static int in_range(uint32_t bits, float top, uint32_t sign)
{
    return (bits & ~sign) <= durai_f32_bits(top);
}

/* How far from the mean a sample is cut, either way. */
static float widest(const drift_reference *r, uint32_t l)
{
    if (!(r->flags[l] & REF_BOUNDED))
        return r->clip[l];
    return r->phi[0][l] > r->phi[1][l] ? r->phi[0][l] : r->phi[1][l];
}

static float statistic(const uint8_t *p, uint32_t i) { return durai_f32(durai_le32(p + 4 * i)); }

/* What the next sample multiplies by follows from the statistics, bit for bit: the same sum in
 * the same order as in update(). With another one they could leave their range. */
static float keep_of(const uint8_t *p, float cap)
{
    float up = (statistic(p, 0) + statistic(p, 1)) + (statistic(p, 2) + statistic(p, 3));
    float down = (statistic(p, 4) + statistic(p, 5)) + (statistic(p, 6) + statistic(p, 7));
    float sum = (up + down) + ((statistic(p, 8) + statistic(p, 9)) + statistic(p, 10));
    DURA_ASSERT(HYPOTHESES == 11 && cap > 0.0f);
    return cap / (sum > cap ? sum : cap);
}

/* A block update() could have left behind. */
int durai_drift_sound(const uint8_t p[128], const drift_reference *r, uint32_t l, float limit)
{
    const uint32_t sign = 0x80000000u;
    float most = R_MOST * limit * r->share[l];
    int good = 1;
    uint32_t i;
    for (i = 0; i < HYPOTHESES; i++)
        good &= in_range(durai_le32(p + 4 * i), most, 0);
    for (i = 0; i < HYPOTHESES; i++)
        good &= in_range(durai_le32(p + AGED + 4 * i), AGED_MOST * most, 0);
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        good &= in_range(durai_le32(p + PAST + 4 * i), i < r->order[l] ? FAR_AWAY : 0.0f, i < r->order[l] ? sign : 0);
    good &= in_range(durai_le32(p + LAST_Z), widest(r, l), sign);
    good &= in_range(durai_le32(p + LAST), r->flags[l] & REF_HELD ? FAR_AWAY : 0.0f, r->flags[l] & REF_HELD ? sign : 0);
    if (!good)
        return 0;
    good &= durai_le32(p + KEEP) == durai_f32_bits(keep_of(p, CAP * (limit * r->share[l])));
    good &= p[FILL] <= r->order[l] && p[FILL + 1] <= (CH_ALARM | CH_TOLD);
    return good;
}

int dura_drift_save(const dura_drift *d, void *out, size_t *len)
{
    uint8_t *p = out;
    size_t at = DURAI_SAVED_HEAD;
    durai_saved around;
    uint16_t i;
    int rc;
    if (!d || !len)
        return DURA_EINVAL;
    around = saved_of(d);
    rc = durai_saved_room(&around, out, len);
    if (rc < 0)
        return rc;
    for (i = 0; i < d->n; i++) {
        if (!durai_drift_watched(d, i))
            continue;
        DURA_ASSERT(d->block[durai_drift_block(i)].keep[durai_drift_lane(i)] > KEEP_LEAST);
        durai_drift_put(p + at, &d->block[durai_drift_block(i)], &d->reference[durai_drift_block(i)],
                        durai_drift_lane(i));
        at += BLOCK;
    }
    DURA_ASSERT(at + DURAI_SAVED_TAIL == *len);
    durai_saved_close(&around, p);
    return DURA_OK;
}

int dura_drift_load(dura_drift *d, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    size_t at = DURAI_SAVED_HEAD;
    durai_saved around;
    uint16_t i;
    int rc;
    if (!d || !bytes)
        return DURA_EINVAL;
    around = saved_of(d);
    rc = durai_saved_check(&around, p, len);
    if (rc < 0)
        return rc;
    for (i = 0; i < d->n; i++) {
        if (!durai_drift_watched(d, i))
            continue;
        if (!durai_drift_sound(p + at, &d->reference[durai_drift_block(i)], durai_drift_lane(i), d->limit))
            return DURA_ECORRUPT;
        at += BLOCK;
    }
    DURA_ASSERT(at + DURAI_SAVED_TAIL == len);
    for (i = 0, at = DURAI_SAVED_HEAD; i < d->n; i++) {
        if (!durai_drift_watched(d, i))
            continue;
        get_channel(&d->block[durai_drift_block(i)], durai_drift_lane(i), p + at);
        at += BLOCK;
    }
    return DURA_OK;
}
