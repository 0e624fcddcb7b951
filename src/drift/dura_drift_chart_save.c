/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_drift_chart_save.c - the charts' state as bytes, and back (docs/formats/drift-chart.md).
 *
 * A head, one block per watched channel, a CRC, as for the mixture. What means nothing to a
 * channel's chart is written as 0 and nothing else is taken, so one state has one image.
 */
#include "dura_drift_chart_priv.h"

#define MAGIC 0x31434644u       /* "DFC1" */
#define FORMAT 1u
#define KEEP_LEAST 1e-7f
enum { BLOCK = 64 };
/* Offsets in a block; the past comes first. */
enum { LAST_Z = 16, LAST = 20, STAT = 24, AGED = 32, KEEP = 40, SINCE = 44, FILL = 48, SPARE = 52, COUNT = 56 };

/* CRC-32C over what the statistics depend on, in channel order. */
static DURAI_NOINLINE uint32_t digest(const drift_chart *c)
{
    uint8_t b[52];
    uint32_t crc, k, i;
    durai_put16(b, c->n);
    durai_put16(b + 2, c->flags);
    durai_put32(b + 4, durai_f32_bits(c->arl0));
    crc = durai_crc32c(0, b, 8);
    for (i = 0; i < c->n; i++) {
        const chart_reference *r = &c->reference[i];
        if (!(r->flags & REF_WATCHED))
            continue;
        durai_put32(b, i);
        durai_put32(b + 4, r->detector);
        durai_put32(b + 8, durai_f32_bits(r->mean));
        durai_put32(b + 12, durai_f32_bits(r->scale));
        durai_put32(b + 16, durai_f32_bits(r->clip));
        durai_put32(b + 20, durai_f32_bits(r->rate));
        durai_put32(b + 24, durai_f32_bits(r->limit));
        durai_put32(b + 28, durai_f32_bits(r->slack));
        for (k = 0; k < DURA_DRIFT_ORDER_MAX; k++)
            durai_put32(b + 32 + 4 * k, durai_f32_bits(r->phi[k]));
        durai_put16(b + 48, r->why);
        b[50] = r->order;
        b[51] = r->flags;
        crc = durai_crc32c(crc, b, sizeof b);
    }
    return crc;
}

static durai_saved saved_of(const drift_chart *c)
{
    durai_saved s = {MAGIC, digest(c), FORMAT, c->n, c->watched, BLOCK};
    return s;
}

static void put_channel(uint8_t *p, const chart_state *s, const chart_reference *r)
{
    uint32_t i;
    DURA_ASSERT(s->keep > KEEP_LEAST && s->keep <= 1.0f);
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        durai_put32(p + 4 * i, i < r->order ? durai_f32_bits(s->past[i]) : 0u);
    durai_put32(p + LAST_Z, durai_f32_bits(s->z));
    durai_put32(p + LAST, r->flags & REF_HELD ? durai_f32_bits(s->last) : 0u);
    for (i = 0; i < 2; i++) {
        durai_put32(p + STAT + 4 * i, durai_f32_bits(s->stat[i]));
        durai_put32(p + AGED + 4 * i, durai_f32_bits(s->aged[i]));
    }
    durai_put32(p + KEEP, durai_f32_bits(s->keep));
    durai_put32(p + SINCE, s->since);
    p[FILL] = s->fill;
    p[FILL + 1] = s->flags;
    p[FILL + 2] = s->gap;
    p[FILL + 3] = s->usual;
    durai_put32(p + SPARE, 0);
    durai_put64(p + COUNT, s->n);
}

static void get_channel(chart_state *s, const uint8_t *p)
{
    uint32_t i;
    memset(s, 0, sizeof *s);
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        s->past[i] = durai_f32(durai_le32(p + 4 * i));
    s->z = durai_f32(durai_le32(p + LAST_Z));
    s->last = durai_f32(durai_le32(p + LAST));
    for (i = 0; i < 2; i++) {
        s->stat[i] = durai_f32(durai_le32(p + STAT + 4 * i));
        s->aged[i] = durai_f32(durai_le32(p + AGED + 4 * i));
    }
    s->keep = durai_f32(durai_le32(p + KEEP));
    s->since = durai_le32(p + SINCE);
    s->fill = p[FILL];
    s->flags = p[FILL + 1];
    s->gap = p[FILL + 2];
    s->usual = p[FILL + 3];
    s->n = durai_le64(p + COUNT);
}

/* The bits of a float from -top to top; of one from 0 to top when no sign is allowed.
 * Magnitudes of floats are in the order of their bits. */
static int in_range(uint32_t bits, float top, uint32_t sign)
{
    return (bits & ~sign) <= durai_f32_bits(top);
}

/* A number of samples: whole, and one that a float still counts. */
static int is_count(uint32_t bits)
{
    float x = durai_f32(bits);
    return in_range(bits, AGE_LAST, 0) && durai_f32_bits((float)(uint32_t)x) == bits;
}

/* Statistic i of a block is one that this chart can have. */
static int sound_statistic(const uint8_t *p, const chart_reference *r, uint32_t i)
{
    uint32_t stat = durai_le32(p + STAT + 4 * i), aged = durai_le32(p + AGED + 4 * i);
    if (r->detector == DURA_DRIFT_CUSUM)
        return in_range(stat, CHART_FAR * r->limit, 0) && is_count(aged) && (stat == 0) == (aged == 0);
    if (r->detector == DURA_DRIFT_EWMA)
        return i ? (stat | aged) == 0 : in_range(stat, r->clip, 0x80000000u) && is_count(aged);
    /* The age is the quotient; no real one comes near AGE_MAX. */
    return in_range(stat, CAP * 1.01f * CHART_RATIO_MOST * r->limit, 0) &&
           in_range(aged, AGE_MAX * durai_f32(stat), 0);
}

/* A block update() could have left behind. */
static int sound_channel(const uint8_t *p, const chart_reference *r)
{
    const uint32_t sign = 0x80000000u;
    uint32_t keep = durai_le32(p + KEEP), since = durai_le32(p + SINCE), i;
    int good = sound_statistic(p, r, 0) && sound_statistic(p, r, 1);
    for (i = 0; i < DURA_DRIFT_ORDER_MAX; i++)
        good &= in_range(durai_le32(p + 4 * i), i < r->order ? FAR_AWAY : 0.0f, i < r->order ? sign : 0u);
    good &= in_range(durai_le32(p + LAST_Z), r->clip, sign);
    good &= in_range(durai_le32(p + LAST), r->flags & REF_HELD ? FAR_AWAY : 0.0f, r->flags & REF_HELD ? sign : 0u);
    if (r->detector == DURA_DRIFT_RAMP)
        good &= in_range(keep, 1.0f, 0) && !in_range(keep, KEEP_LEAST, 0) && since <= (uint32_t)AGE_LAST;
    else
        good &= keep == durai_f32_bits(1.0f) && since == 0;
    good &= p[FILL] <= r->order && p[FILL + 1] <= (CH_ALARM | CH_TOLD) && durai_le32(p + SPARE) == 0;
    return good;
}

int durai_chart_save(const dura_drift *d, void *out, size_t *len)
{
    const drift_chart *c = durai_chart_of(d);
    uint8_t *p = (uint8_t *)out;
    size_t at = DURAI_SAVED_HEAD;
    durai_saved around;
    uint16_t i;
    int rc;
    if (!c || !len)
        return DURA_EINVAL;
    around = saved_of(c);
    rc = durai_saved_room(&around, out, len);
    if (rc < 0)
        return rc;
    for (i = 0; i < c->n; i++) {
        if (!(c->reference[i].flags & REF_WATCHED))
            continue;
        put_channel(p + at, &c->state[i], &c->reference[i]);
        at += BLOCK;
    }
    DURA_ASSERT(at + DURAI_SAVED_TAIL == *len);
    durai_saved_close(&around, p);
    return DURA_OK;
}

int durai_chart_load(dura_drift *d, const void *bytes, size_t len)
{
    drift_chart *c = durai_chart(d);
    const uint8_t *p = (const uint8_t *)bytes;
    size_t at = DURAI_SAVED_HEAD;
    durai_saved around;
    uint16_t i;
    int rc;
    if (!c || !bytes)
        return DURA_EINVAL;
    around = saved_of(c);
    rc = durai_saved_check(&around, p, len);
    if (rc < 0)
        return rc;
    for (i = 0; i < c->n; i++) {
        if (!(c->reference[i].flags & REF_WATCHED))
            continue;
        if (!sound_channel(p + at, &c->reference[i]))
            return DURA_ECORRUPT;
        at += BLOCK;
    }
    DURA_ASSERT(at + DURAI_SAVED_TAIL == len);
    for (i = 0, at = DURAI_SAVED_HEAD; i < c->n; i++) {
        if (!(c->reference[i].flags & REF_WATCHED))
            continue;
        get_channel(&c->state[i], p + at);
        at += BLOCK;
    }
    return DURA_OK;
}
