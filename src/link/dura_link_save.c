/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_link_save.c - a receiver's freshness as bytes, and back (docs/formats/link.md).
 *
 * After a reset nothing up to the saved number is accepted, so what was accepted since the
 * save must lie below it: `ahead` numbers are given away at once and refused after a reset
 * until the sender has passed them. At the end of all numbers this says "none", never 0.
 */
#include "dura_link_priv.h"

#define MAGIC 0x314B4C44u       /* "DLK1" */
#define FORMAT 1u
#define ALL_SEEN 0xFFFFFFFFFFFFFFFFu

/* Where the fields lie. */
enum {
    AT_FORMAT = 4, AT_SOURCE = 6, AT_NUMBER = 8, AT_MARK = 16, AT_LEFT = 24, AT_KEY = 28, AT_PROFILE = 29,
    AT_HELD = 30, AT_ZERO = 31, AT_CRC = 36
};

static uint64_t ahead_of(uint64_t number, uint64_t by)
{
    return number > ALL_SEEN - by ? ALL_SEEN : number + by;
}

int dura_link_save(dura_link *l, void *out, size_t *len)
{
    uint8_t *p = out;
    if (!l || !len)
        return DURA_EINVAL;
    if (l->flags & DURAI_LINK_SENDER)
        return DURA_ESTATE;
    if (*len < DURA_LINK_SAVE_BYTES) {
        *len = DURA_LINK_SAVE_BYTES;
        return DURA_ENOSPC;
    }
    if (!out)
        return DURA_EINVAL;
    memset(p, 0, DURA_LINK_SAVE_BYTES);
    durai_put32(p, MAGIC);
    durai_put16(p + AT_FORMAT, FORMAT);
    durai_put16(p + AT_SOURCE, l->source);
    if (l->flags & DURAI_LINK_HELD) {
        uint64_t upto = ahead_of(l->number, l->ahead);
        l->saved = upto > l->saved ? upto : l->saved;       /* what was promised stays so */
        l->flags |= (uint8_t)DURAI_LINK_SAVED;
        durai_put64(p + AT_NUMBER, l->saved);
        durai_put64(p + AT_MARK, l->mark);
        p[AT_HELD] = 1;
    }
    durai_put32(p + AT_LEFT, l->former_left);
    p[AT_KEY] = l->key[0].id;
    p[AT_PROFILE] = l->key[0].profile;
    durai_put32(p + AT_CRC, durai_crc32c(0, p, AT_CRC));
    *len = DURA_LINK_SAVE_BYTES;
    return DURA_OK;
}

/* DURA_OK, or what is wrong with the bytes. Magic and CRC before the version. */
static int check_saved(const dura_link *l, const uint8_t *p, size_t len)
{
    if (len < DURA_LINK_SAVE_BYTES || durai_le32(p) != MAGIC || durai_le32(p + AT_CRC) != durai_crc32c(0, p, AT_CRC))
        return DURA_ECORRUPT;
    if (durai_le16(p + AT_FORMAT) != FORMAT)
        return DURA_EVERSION;
    if (len != DURA_LINK_SAVE_BYTES || p[AT_HELD] > 1 || p[AT_PROFILE] > DURA_LINK_CRC || p[AT_ZERO] != 0 ||
        durai_le32(p + AT_ZERO + 1) != 0)
        return DURA_ECORRUPT;
    return durai_le16(p + AT_SOURCE) == l->source ? DURA_OK : DURA_EAUTH;
}

/* The saved key in use was the next one here: it had rotated before the reset. */
static void load_key(dura_link *l, const uint8_t *p)
{
    uint32_t left = durai_le32(p + AT_LEFT);
    if (l->role != DURAI_LINK_NEXT || l->key[1].id != p[AT_KEY] || l->key[1].profile != p[AT_PROFILE])
        return;
    durai_link_rotate(l);
    l->former_left = left < l->former_left ? left : l->former_left;
    if (l->former_left == 0) {
        memset(&l->key[1], 0, sizeof l->key[1]);
        l->role = DURAI_LINK_NONE;
    }
}

int dura_link_load(dura_link *l, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t number, mark;
    int rc;
    if (!l || !bytes)
        return DURA_EINVAL;
    if ((l->flags & DURAI_LINK_SENDER) || l->key[0].profile == 0)
        return DURA_ESTATE;
    rc = check_saved(l, p, len);
    if (rc < 0)
        return rc;
    load_key(l, p);
    number = durai_le64(p + AT_NUMBER);
    mark = durai_le64(p + AT_MARK);
    if (p[AT_HELD] == 0 || ((l->flags & DURAI_LINK_HELD) && number <= l->number))
        return DURA_OK;
    DURA_ASSERT(number >= l->number);
    l->number = number;
    l->seen = ALL_SEEN;
    l->mark = mark > l->mark ? mark : l->mark;
    l->wrong = 0;
    l->saved = number > l->saved ? number : l->saved;
    l->flags |= (uint8_t)(DURAI_LINK_HELD | DURAI_LINK_LOADED | DURAI_LINK_SAVED);
    return DURA_OK;
}
