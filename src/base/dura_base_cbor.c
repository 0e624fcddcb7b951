/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deterministic CBOR, the part that records need (RFC 8949 section 4.2): integers, byte
 * and text strings, arrays, maps, false, true, null. There is one encoding per value, so
 * the hash of a record is the hash of what it says; the reader refuses every other one.
 *
 * No floats: a float has many encodings and many NaNs. They travel as byte strings of
 * little-endian binary32. No tags, no indefinite lengths.
 */
#include "dura_base_priv.h"

enum { MAX_DEPTH = 8 };

/* ---- writer --------------------------------------------------------------------- */

void durai_cbor_init(durai_cbor *c, void *buf, size_t cap)
{
    c->p = buf;
    c->cap = cap;
    c->len = 0;
    c->err = DURA_OK;
}

/* Room for n more bytes, or NULL; len counts on, so an overflow says what was needed. */
static uint8_t *room(durai_cbor *c, size_t n)
{
    uint8_t *at = NULL;
    if (c->err == DURA_OK && n <= c->cap - c->len)
        at = c->p + c->len;
    else
        c->err = DURA_ENOSPC;
    c->len += n;
    return at;
}

void durai_cbor_raw(durai_cbor *c, const void *p, size_t n)
{
    uint8_t *at = room(c, n);
    if (at && n)
        memcpy(at, p, n);
}

/* The shortest head for (major type, argument). */
static void head(durai_cbor *c, unsigned major, uint64_t v)
{
    uint8_t b[9];
    size_t n = v < 24 ? 0 : v <= 0xFF ? 1 : v <= 0xFFFF ? 2 : v <= 0xFFFFFFFFu ? 4 : 8;
    unsigned info = n == 0 ? (unsigned)v : n == 1 ? 24u : n == 2 ? 25u : n == 4 ? 26u : 27u;
    DURA_ASSERT(major <= 7);
    b[0] = (uint8_t)(major << 5 | info);
    for (size_t i = 0; i < n; i++)
        b[1 + i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    durai_cbor_raw(c, b, 1 + n);
}

void durai_cbor_uint(durai_cbor *c, uint64_t v) { head(c, DURAI_CBOR_UINT, v); }

void durai_cbor_int(durai_cbor *c, int64_t v)
{
    if (v >= 0)
        head(c, DURAI_CBOR_UINT, (uint64_t)v);
    else
        head(c, DURAI_CBOR_NINT, (uint64_t)(-1 - v));
}

void durai_cbor_bool(durai_cbor *c, int v) { head(c, DURAI_CBOR_SIMPLE, v ? 21 : 20); }

void durai_cbor_bytes(durai_cbor *c, const void *p, size_t n)
{
    head(c, DURAI_CBOR_BYTES, n);
    durai_cbor_raw(c, p, n);
}

void durai_cbor_text(durai_cbor *c, const char *p, size_t n)
{
    head(c, DURAI_CBOR_TEXT, n);
    durai_cbor_raw(c, p, n);
}

void durai_cbor_array(durai_cbor *c, size_t n) { head(c, DURAI_CBOR_ARRAY, n); }

void durai_cbor_map(durai_cbor *c, size_t n) { head(c, DURAI_CBOR_MAP, n); }

void durai_cbor_f32s(durai_cbor *c, const void *v, size_t n)
{
    const uint8_t *p = v;
    head(c, DURAI_CBOR_BYTES, 4 * n);
    uint8_t *at = room(c, 4 * n);
    for (size_t i = 0; at && i < n; i++) {
        uint32_t bits;
        memcpy(&bits, p + 4 * i, sizeof bits);
        durai_put32(at + 4 * i, bits);
    }
}

void durai_cbor_kuint(durai_cbor *c, uint64_t key, uint64_t v)
{
    durai_cbor_uint(c, key);
    durai_cbor_uint(c, v);
}

void durai_cbor_kint(durai_cbor *c, uint64_t key, int64_t v)
{
    durai_cbor_uint(c, key);
    durai_cbor_int(c, v);
}

void durai_cbor_kbytes(durai_cbor *c, uint64_t key, const void *p, size_t n)
{
    durai_cbor_uint(c, key);
    durai_cbor_bytes(c, p, n);
}

void durai_cbor_ktext(durai_cbor *c, uint64_t key, const char *p, size_t n)
{
    durai_cbor_uint(c, key);
    durai_cbor_text(c, p, n);
}

/* ---- reader --------------------------------------------------------------------- */

void durai_cbor_open(durai_cbor_in *in, const void *p, size_t n)
{
    in->p = p;
    in->end = in->p + n;
}

/* Argument of `info` in shortest form. Advances. */
static int argument(durai_cbor_in *in, unsigned info, uint64_t *v)
{
    static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000u};
    if (info < 24) {
        *v = info;
        return DURA_OK;
    }
    if (info > 27)
        return DURA_ECORRUPT;
    size_t n = (size_t)1 << (info - 24);
    if ((size_t)(in->end - in->p) < n)
        return DURA_ECORRUPT;
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++)
        x = x << 8 | in->p[i];
    in->p += n;
    *v = x;
    return x < least[info - 24] ? DURA_ECORRUPT : DURA_OK;
}

int durai_cbor_next(durai_cbor_in *in, durai_item *it)
{
    if (in->p >= in->end)
        return DURA_ECORRUPT;
    unsigned first = *in->p++;
    it->type = (uint8_t)(first >> 5);
    it->p = NULL;
    if (argument(in, first & 31u, &it->v) != DURA_OK)
        return DURA_ECORRUPT;
    uint64_t left = (uint64_t)(in->end - in->p);
    switch (it->type) {
    case DURAI_CBOR_UINT:
    case DURAI_CBOR_NINT:
        return DURA_OK;
    case DURAI_CBOR_BYTES:
    case DURAI_CBOR_TEXT:
        if (it->v > left)
            return DURA_ECORRUPT;
        it->p = in->p;
        in->p += (size_t)it->v;
        return DURA_OK;
    case DURAI_CBOR_ARRAY: /* each item takes a byte at least: bounds every count */
        return it->v > left ? DURA_ECORRUPT : DURA_OK;
    case DURAI_CBOR_MAP:
        return it->v > left / 2 ? DURA_ECORRUPT : DURA_OK;
    case DURAI_CBOR_SIMPLE:
        return it->v >= 20 && it->v <= 22 && (first & 31u) < 24 ? DURA_OK : DURA_ECORRUPT;
    default: /* tags */
        return DURA_ECORRUPT;
    }
}

/* Well-formed UTF-8, shortest forms, no surrogates (RFC 3629). */
static int utf8(const uint8_t *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t i = 0;
    while (i < n) {
        uint32_t b = p[i];
        size_t len = b < 0x80 ? 1 : (b & 0xE0u) == 0xC0 ? 2 : (b & 0xF0u) == 0xE0 ? 3 : (b & 0xF8u) == 0xF0 ? 4 : 0;
        if (len == 0 || len > n - i)
            return 0;
        uint32_t cp = len == 1 ? b : b & (0x7Fu >> len);
        for (size_t k = 1; k < len; k++) {
            if ((p[i + k] & 0xC0u) != 0x80)
                return 0;
            cp = cp << 6 | (p[i + k] & 0x3Fu);
        }
        if (len > 1 && (cp < least[len] || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)))
            return 0;
        i += len;
    }
    return 1;
}

/* Deterministic map order: bytewise order of the encoded keys. */
static int ascending(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
    int c = memcmp(a, b, na < nb ? na : nb);
    return c < 0 || (c == 0 && na < nb);
}

/* One open container. A map counts keys and values as items; its last key is kept to
 * compare with the next one. */
typedef struct level {
    uint64_t left;
    const uint8_t *key;
    size_t key_len;
    uint8_t is_map;
} level;

/* A map's key just ended at `end`: in order after the one before? */
static int key_done(level *l, const uint8_t *start, const uint8_t *end)
{
    size_t n = (size_t)(end - start);
    if (l->key && !ascending(l->key, l->key_len, start, n))
        return DURA_ECORRUPT;
    l->key = start;
    l->key_len = n;
    return DURA_OK;
}

int durai_cbor_skip(durai_cbor_in *in)
{
    level stack[MAX_DEPTH];
    unsigned depth = 0;
    do {
        const uint8_t *start = in->p;
        durai_item it;
        if (durai_cbor_next(in, &it) != DURA_OK)
            return DURA_ECORRUPT;
        if (it.type == DURAI_CBOR_TEXT && !utf8(it.p, (size_t)it.v))
            return DURA_ECORRUPT;
        level *top = depth ? &stack[depth - 1] : NULL;
        int container = it.type == DURAI_CBOR_ARRAY || it.type == DURAI_CBOR_MAP;
        if (top && top->is_map && top->left % 2 == 0) {
            /* Keys are scalars: nothing of ours has others, and order stays cheap. */
            if (container || key_done(top, start, in->p) != DURA_OK)
                return DURA_ECORRUPT;
        }
        if (top)
            top->left--;
        if (container && depth == MAX_DEPTH)
            return DURA_ECORRUPT;
        if (container && it.v > 0) {
            level *l = &stack[depth++];
            l->is_map = it.type == DURAI_CBOR_MAP;
            l->left = l->is_map ? 2 * it.v : it.v;
            l->key = NULL;
            l->key_len = 0;
        }
        while (depth && stack[depth - 1].left == 0)
            depth--;
    } while (depth);
    return DURA_OK;
}

int durai_cbor_check(const void *p, size_t n)
{
    durai_cbor_in in;
    durai_cbor_open(&in, p, n);
    if (durai_cbor_skip(&in) != DURA_OK || in.p != in.end)
        return DURA_ECORRUPT;
    return DURA_OK;
}

int durai_cbor_find(const void *map, size_t n, uint64_t key, durai_item *it, durai_cbor_in *rest)
{
    durai_cbor_in in;
    durai_item head_item, k;
    durai_cbor_open(&in, map, n);
    if (durai_cbor_next(&in, &head_item) != DURA_OK || head_item.type != DURAI_CBOR_MAP)
        return DURA_ECORRUPT;
    for (uint64_t i = 0; i < head_item.v; i++) {
        if (durai_cbor_next(&in, &k) != DURA_OK || k.type != DURAI_CBOR_UINT)
            return DURA_ECORRUPT;
        if (k.v == key) {
            if (durai_cbor_next(&in, it) != DURA_OK)
                return DURA_ECORRUPT;
            if (rest)
                *rest = in;
            return DURA_OK;
        }
        if (k.v > key)
            return DURA_ENOENT;
        if (durai_cbor_skip(&in) != DURA_OK)
            return DURA_ECORRUPT;
    }
    return DURA_ENOENT;
}

static int find_typed(const void *map, size_t n, uint64_t key, uint8_t type, durai_item *it)
{
    int rc = durai_cbor_find(map, n, key, it, NULL);
    return rc == DURA_OK && it->type != type ? DURA_ECORRUPT : rc;
}

int durai_cbor_find_uint(const void *map, size_t n, uint64_t key, uint64_t *v)
{
    durai_item it;
    int rc = find_typed(map, n, key, DURAI_CBOR_UINT, &it);
    if (rc == DURA_OK)
        *v = it.v;
    return rc;
}

int durai_cbor_find_int(const void *map, size_t n, uint64_t key, int64_t *v)
{
    durai_item it;
    int rc = durai_cbor_find(map, n, key, &it, NULL);
    if (rc != DURA_OK)
        return rc;
    if (it.type > DURAI_CBOR_NINT || it.v > INT64_MAX)
        return DURA_ECORRUPT;
    *v = it.type == DURAI_CBOR_UINT ? (int64_t)it.v : -1 - (int64_t)it.v;
    return DURA_OK;
}

int durai_cbor_find_bytes(const void *map, size_t n, uint64_t key, const uint8_t **p, size_t *len)
{
    durai_item it;
    int rc = find_typed(map, n, key, DURAI_CBOR_BYTES, &it);
    if (rc == DURA_OK) {
        *p = it.p;
        *len = (size_t)it.v;
    }
    return rc;
}

int durai_cbor_find_text(const void *map, size_t n, uint64_t key, const char **p, size_t *len)
{
    durai_item it;
    int rc = find_typed(map, n, key, DURAI_CBOR_TEXT, &it);
    if (rc == DURA_OK) {
        *p = (const char *)it.p;
        *len = (size_t)it.v;
    }
    return rc;
}
