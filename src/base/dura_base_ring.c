/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring between one producer and one consumer, without a lock.
 *
 * head and tail run freely modulo 2^32 and are masked on use, so "empty" and "full" need
 * no spare byte. Each side writes its own position only; the release store of head
 * publishes a message after its bytes, the release store of tail gives room back after
 * the bytes were read. Correct between threads, and between an interrupt and the code it
 * interrupts (Lamport 1977, "Proving the correctness of multiprocess programs").
 */
#include "dura_base_priv.h"

enum { HEADER = 4 };

static uint32_t padded(uint32_t n) { return (n + 3u) & ~3u; }

static void copy_in(durai_ring *r, uint32_t pos, const void *p, uint32_t n)
{
    uint32_t at = pos & r->mask, room = r->mask + 1u - at;
    uint32_t first = n < room ? n : room;
    DURA_ASSERT(n <= r->mask + 1u);
    if (first)
        memcpy(r->buf + at, p, first);
    if (n > first)
        memcpy(r->buf, (const uint8_t *)p + first, n - first);
}

static void copy_out(const durai_ring *r, uint32_t pos, void *p, uint32_t n)
{
    uint32_t at = pos & r->mask, room = r->mask + 1u - at;
    uint32_t first = n < room ? n : room;
    DURA_ASSERT(n <= r->mask + 1u);
    if (first)
        memcpy(p, r->buf + at, first);
    if (n > first)
        memcpy((uint8_t *)p + first, r->buf, n - first);
}

void durai_ring_init(durai_ring *r, uint8_t *buf, uint32_t size)
{
    DURA_ASSERT(size >= 2 * HEADER && (size & (size - 1u)) == 0);
    r->head = r->tail = r->high_water = 0;
    r->mask = size - 1u;
    r->buf = buf;
}

int durai_ring_put(durai_ring *r, const void *a, uint32_t na, const void *b, uint32_t nb)
{
    uint32_t head = r->head, used = head - durai_load(&r->tail), size = r->mask + 1u;
    if (na > size || nb > size)
        return DURA_EFULL;
    uint32_t n = na + nb, need = HEADER + padded(n);
    DURA_ASSERT(n > 0 && used <= size);
    if (need > size - used)
        return DURA_EFULL;
    uint8_t len[HEADER];
    durai_put32(len, n);
    copy_in(r, head, len, HEADER);
    copy_in(r, head + HEADER, a, na);
    copy_in(r, head + HEADER + na, b, nb);
    if (used + need > r->high_water)
        durai_store(&r->high_water, used + need);
    durai_store(&r->head, head + need);
    return DURA_OK;
}

uint32_t durai_ring_next(const durai_ring *r)
{
    uint8_t len[HEADER];
    if (durai_load(&r->head) == r->tail)
        return 0;
    copy_out(r, r->tail, len, HEADER);
    DURA_ASSERT(durai_le32(len) > 0 && durai_le32(len) <= r->mask + 1u);
    return durai_le32(len);
}

void durai_ring_peek(const durai_ring *r, uint32_t off, void *out, uint32_t n)
{
    DURA_ASSERT(off + n <= durai_ring_next(r));
    copy_out(r, r->tail + HEADER + off, out, n);
}

void durai_ring_pop(durai_ring *r)
{
    uint32_t n = durai_ring_next(r);
    DURA_ASSERT(n > 0);
    durai_store(&r->tail, r->tail + HEADER + padded(n));
}

uint32_t durai_ring_used(const durai_ring *r) { return durai_load(&r->head) - durai_load(&r->tail); }
