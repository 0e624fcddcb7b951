/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura_base_saved.c - what is around the saved state of channels, the same for every module
 * that watches some: a head, one block per watched channel, a CRC (docs/formats/drift.md).
 *
 * The head carries a digest of configuration and references: a statistic means nothing under
 * others. What is in a block is its module's business.
 */
#include "dura_base_priv.h"

static size_t bytes_of(const durai_saved *s)
{
    return (size_t)DURAI_SAVED_HEAD + (size_t)s->watched * s->block + DURAI_SAVED_TAIL;
}

int durai_saved_room(const durai_saved *s, const void *out, size_t *len)
{
    size_t wanted = bytes_of(s);
    if (*len < wanted) {
        *len = wanted;
        return DURA_ENOSPC;
    }
    if (!out)
        return DURA_EINVAL;
    *len = wanted;
    return DURA_OK;
}

void durai_saved_close(const durai_saved *s, uint8_t *p)
{
    size_t end = bytes_of(s) - DURAI_SAVED_TAIL;
    DURA_ASSERT(s->watched <= s->n && s->block > 0);
    durai_put32(p, s->magic);
    durai_put16(p + 4, s->format);
    durai_put16(p + 6, s->n);
    durai_put16(p + 8, s->watched);
    durai_put16(p + 10, 0);
    durai_put32(p + 12, s->digest);
    durai_put32(p + end, durai_crc32c(0, p, end));
}

/* Magic and CRC before the version: a damaged version is damage. */
int durai_saved_check(const durai_saved *s, const uint8_t *p, size_t len)
{
    const size_t least = (size_t)DURAI_SAVED_HEAD + DURAI_SAVED_TAIL;
    if (len < least || durai_le32(p) != s->magic)
        return DURA_ECORRUPT;
    if (durai_le32(p + len - DURAI_SAVED_TAIL) != durai_crc32c(0, p, len - DURAI_SAVED_TAIL))
        return DURA_ECORRUPT;
    if (durai_le16(p + 4) != s->format)
        return DURA_EVERSION;
    if (len != least + (size_t)durai_le16(p + 8) * s->block || durai_le16(p + 10) != 0)
        return DURA_ECORRUPT;
    if (durai_le16(p + 6) != s->n || durai_le16(p + 8) != s->watched || durai_le32(p + 12) != s->digest)
        return DURA_EAUTH;
    return DURA_OK;
}
