/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CBOR reader on any bytes. What it accepts must be the one deterministic encoding:
 * written again from what was read, the same bytes come out; its items, walked one by one,
 * end where it ended; a key that is there is found, with the value that is there; and no
 * proper beginning of an accepted item is accepted.
 */
#include "base/dura_base_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 4096 };

static void must(int holds)
{
    if (!holds)
        abort();
}

static void write_item(durai_cbor *w, const durai_item *it)
{
    switch (it->type) {
    case DURAI_CBOR_UINT: durai_cbor_uint(w, it->v); break;
    case DURAI_CBOR_NINT:
        if (it->v <= INT64_MAX) {
            durai_cbor_int(w, -1 - (int64_t)it->v);
        } else {                               /* below what an int64 holds: head by hand */
            uint8_t head[9] = {0x3B};
            for (int i = 0; i < 8; i++)
                head[1 + i] = (uint8_t)(it->v >> (56 - 8 * i));
            durai_cbor_raw(w, head, sizeof head);
        }
        break;
    case DURAI_CBOR_BYTES: durai_cbor_bytes(w, it->p, (size_t)it->v); break;
    case DURAI_CBOR_TEXT: durai_cbor_text(w, (const char *)it->p, (size_t)it->v); break;
    case DURAI_CBOR_ARRAY: durai_cbor_array(w, (size_t)it->v); break;
    case DURAI_CBOR_MAP: durai_cbor_map(w, (size_t)it->v); break;
    default:
        must(it->v >= 20 && it->v <= 22);
        durai_cbor_raw(w, it->v == 20 ? "\xF4" : it->v == 21 ? "\xF5" : "\xF6", 1);
    }
}

/* Every item again through the writer. */
static void writes_the_same(const uint8_t *data, size_t size)
{
    static uint8_t again[MAX];
    durai_cbor_in in;
    durai_cbor w;
    durai_item it;
    durai_cbor_open(&in, data, size);
    durai_cbor_init(&w, again, sizeof again);
    while (in.p < in.end) {
        must(durai_cbor_next(&in, &it) == DURA_OK);
        write_item(&w, &it);
    }
    must(w.err == DURA_OK && w.len == size && memcmp(again, data, size) == 0);
}

/* Each unsigned key of the outer map is found where it is; keys between are not. */
static void finds_its_keys(const uint8_t *data, size_t size)
{
    durai_cbor_in in, rest;
    durai_item map, key, it;
    uint64_t u = 0, next = 0;
    durai_cbor_open(&in, data, size);
    must(durai_cbor_next(&in, &map) == DURA_OK);
    if (map.type != DURAI_CBOR_MAP)
        return;
    for (uint64_t i = 0; i < map.v; i++) {
        must(durai_cbor_next(&in, &key) == DURA_OK);
        if (key.type != DURAI_CBOR_UINT)
            return;                            /* such maps are read by nobody */
        if (key.v > next)
            must(durai_cbor_find(data, size, key.v - 1, &it, NULL) == DURA_ENOENT);
        must(durai_cbor_find(data, size, key.v, &it, &rest) == DURA_OK);
        must(rest.p > in.p && rest.p <= in.end);
        int rc = durai_cbor_find_uint(data, size, key.v, &u);
        must(it.type == DURAI_CBOR_UINT ? rc == DURA_OK && u == it.v : rc == DURA_ECORRUPT);
        next = key.v + 1;
        must(durai_cbor_skip(&in) == DURA_OK);
    }
    must(in.p == in.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    durai_cbor_in in;
    durai_item it;
    uint64_t u;
    if (size > MAX)
        return 0;
    /* Unchecked bytes may be given to find: it may say anything, but stays inside. */
    (void)durai_cbor_find(data, size, 5, &it, &in);
    (void)durai_cbor_find_uint(data, size, UINT64_MAX, &u);
    if (durai_cbor_check(data, size) != DURA_OK)
        return 0;
    durai_cbor_open(&in, data, size);
    must(durai_cbor_skip(&in) == DURA_OK && in.p == data + size);
    must(durai_cbor_check(data, size - 1) == DURA_ECORRUPT);
    must(durai_cbor_check(data, size / 2) == DURA_ECORRUPT);
    writes_the_same(data, size);
    finds_its_keys(data, size);
    return 0;
}
