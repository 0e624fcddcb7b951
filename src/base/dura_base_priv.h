/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core modules share and nobody outside sees: byte order, CRC-32C, compiler
 * atomics, the single-producer single-consumer ring, deterministic CBOR.
 *
 * Every name is durai_: internal, but not static. Nothing here keeps state.
 */
#ifndef DURA_BASE_PRIV_H
#define DURA_BASE_PRIV_H

#include <dura/base.h>
#include <string.h>

#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && !defined(DURA_NO_FLOAT)
#error "dura needs FLT_EVAL_METHOD 0: on i386 build with -msse2 -mfpmath=sse"
#endif

/* States what the programmer of a file guarantees; never guards data. */
#ifdef DURA_ASSERTS
void durai_assert_failed(const char *text, const char *file, int line);
#define DURA_ASSERT(c) ((c) ? (void)0 : durai_assert_failed(#c, __FILE__, __LINE__))
#else
#define DURA_ASSERT(c) ((void)0)
#endif

/* Keeps a frame's locals out of its caller's: worst stack is a budget. */
#define DURAI_NOINLINE __attribute__((noinline))
#define DURAI_INLINE inline __attribute__((always_inline))

/* ---- byte order ----------------------------------------------------------------- */

static inline uint16_t durai_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | (uint16_t)(p[1] << 8));
}
static inline uint32_t durai_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
}
static inline uint64_t durai_le64(const uint8_t *p)
{
    return (uint64_t)durai_le32(p) | ((uint64_t)durai_le32(p + 4) << 32);
}
static inline void durai_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void durai_put32(uint8_t *p, uint32_t v)
{
    durai_put16(p, (uint16_t)v);
    durai_put16(p + 2, (uint16_t)(v >> 16));
}
static inline void durai_put64(uint8_t *p, uint64_t v)
{
    durai_put32(p, (uint32_t)v);
    durai_put32(p + 4, (uint32_t)(v >> 32));
}
/* A float's bits, and back: the only way floats are looked at or stored. */
static inline uint32_t durai_f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}
static inline float durai_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
/* True for every float but NaN and the infinities; survives -ffast-math. */
static inline int durai_finite(float f)
{
    return (durai_f32_bits(f) & 0x7F800000u) != 0x7F800000u;
}

/* ---- the frozen-v1 rule --------------------------------------------------------- */

/* Copy a caller's in-struct over zeros: theirs may be older (>= v1 bytes) or newer, but
 * then must not set what this build does not know. DURA_OK, EINVAL, EVERSION. */
int durai_struct_in(void *ours, uint32_t our_size, const void *theirs, uint32_t their_size,
                    uint32_t v1_size);
/* Fill a caller's out-struct: min(theirs, ours) bytes, size written back. DURA_OK, EINVAL. */
int durai_struct_out(void *theirs, const void *ours, uint32_t our_size, uint32_t v1_size);

/* ---- CRC-32C (Castagnoli) ------------------------------------------------------- */

/* Start with 0; feed what the last call returned. */
uint32_t durai_crc32c(uint32_t crc, const void *p, size_t n);

/* dura_base_saved.c: saved state of watched channels, a head, their blocks in channel order, a CRC. */
enum { DURAI_SAVED_HEAD = 16, DURAI_SAVED_TAIL = 4 };
typedef struct durai_saved {
    uint32_t magic;
    uint32_t digest;        /* of what the blocks mean something under */
    uint16_t format;
    uint16_t n, watched;    /* channels; those with a block */
    uint16_t block;         /* bytes of one */
} durai_saved;
/* Is there room at out? *len: in, room; out, bytes. DURA_OK; DURA_ENOSPC; DURA_EINVAL (no out). */
int durai_saved_room(const durai_saved *s, const void *out, size_t *len);
/* Head and CRC around the blocks that are at p. */
void durai_saved_close(const durai_saved *s, uint8_t *p);
/* Whole and ours? DURA_OK; DURA_ECORRUPT; DURA_EVERSION; DURA_EAUTH. */
int durai_saved_check(const durai_saved *s, const uint8_t *p, size_t len);

/* ---- atomics and the ring ------------------------------------------------------- */

static inline uint32_t durai_load(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void durai_store(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

/* One producer, one consumer, messages of any length up to half the ring. Positions run
 * freely modulo 2^32; the buffer's size is a power of two. A message is a 4-byte length
 * and the bytes, padded to 4; it is visible whole or not at all. */
typedef struct durai_ring {
    uint32_t head;       /* written by the producer */
    uint32_t tail;       /* written by the consumer */
    uint32_t mask;       /* size - 1 */
    uint32_t high_water; /* producer: most bytes that ever waited */
    uint8_t *buf;
} durai_ring;

void durai_ring_init(durai_ring *r, uint8_t *buf, uint32_t size);
/* Producer: append one message made of two parts. 0, or DURA_EFULL. */
int durai_ring_put(durai_ring *r, const void *a, uint32_t na, const void *b, uint32_t nb);
/* Consumer: length of the next message, or 0 when there is none. */
uint32_t durai_ring_next(const durai_ring *r);
/* Consumer: copy out n bytes of the next message from offset off. */
void durai_ring_peek(const durai_ring *r, uint32_t off, void *out, uint32_t n);
/* Consumer: drop the next message. */
void durai_ring_pop(durai_ring *r);
/* Either side: bytes waiting, headers included. */
uint32_t durai_ring_used(const durai_ring *r);

/* ---- CBOR, deterministic (RFC 8949 section 4.2) ---------------------------------- */

/* Writer: sticky error, check once at the end. */
typedef struct durai_cbor {
    uint8_t *p;          /* buffer */
    size_t cap;
    size_t len;          /* bytes written, or wanted when it overflowed */
    int err;             /* 0 or DURA_ENOSPC */
} durai_cbor;

void durai_cbor_init(durai_cbor *c, void *buf, size_t cap);
void durai_cbor_uint(durai_cbor *c, uint64_t v);
void durai_cbor_int(durai_cbor *c, int64_t v);
void durai_cbor_bool(durai_cbor *c, int v);
void durai_cbor_bytes(durai_cbor *c, const void *p, size_t n);
void durai_cbor_text(durai_cbor *c, const char *p, size_t n);
void durai_cbor_array(durai_cbor *c, size_t n);      /* n items follow */
void durai_cbor_map(durai_cbor *c, size_t n);        /* n pairs follow, keys ascending */
/* n native floats at v, any alignment, as one byte string of little-endian binary32 */
void durai_cbor_f32s(durai_cbor *c, const void *v, size_t n);
void durai_cbor_raw(durai_cbor *c, const void *p, size_t n);   /* encoded already */
/* key then value, for maps with small unsigned keys */
void durai_cbor_kuint(durai_cbor *c, uint64_t key, uint64_t v);
void durai_cbor_kint(durai_cbor *c, uint64_t key, int64_t v);
void durai_cbor_kbytes(durai_cbor *c, uint64_t key, const void *p, size_t n);
void durai_cbor_ktext(durai_cbor *c, uint64_t key, const char *p, size_t n);

enum { DURAI_CBOR_UINT = 0, DURAI_CBOR_NINT = 1, DURAI_CBOR_BYTES = 2, DURAI_CBOR_TEXT = 3,
       DURAI_CBOR_ARRAY = 4, DURAI_CBOR_MAP = 5, DURAI_CBOR_SIMPLE = 7 };

/* One item as the reader saw it. */
typedef struct durai_item {
    uint8_t type;        /* DURAI_CBOR_* */
    uint64_t v;          /* value, -1-v for NINT, count of items or pairs, 20/21/22 simple */
    const uint8_t *p;    /* BYTES, TEXT: v bytes here */
} durai_item;

/* Reader: strict. Non-shortest, indefinite, tags, floats, other simple values: ECORRUPT. */
typedef struct durai_cbor_in {
    const uint8_t *p, *end;
} durai_cbor_in;

void durai_cbor_open(durai_cbor_in *in, const void *p, size_t n);
/* Next item's head (containers are entered, not skipped). 0, DURA_ECORRUPT. */
int durai_cbor_next(durai_cbor_in *in, durai_item *it);
/* Skip one whole item, checking it: depth <= 8, map keys ascending and distinct,
 * text valid UTF-8. */
int durai_cbor_skip(durai_cbor_in *in);
/* The whole input is exactly one well-formed deterministic item. 0, DURA_ECORRUPT. */
int durai_cbor_check(const void *p, size_t n);
/* In a checked map with unsigned keys: find `key`. 0; DURA_ENOENT; DURA_ECORRUPT. For
 * containers, *rest (may be NULL) is opened on the item's content. */
int durai_cbor_find(const void *map, size_t n, uint64_t key, durai_item *it, durai_cbor_in *rest);
/* Same, with the type wanted; unsigned value. 0, ENOENT, ECORRUPT (other type). */
int durai_cbor_find_uint(const void *map, size_t n, uint64_t key, uint64_t *v);
int durai_cbor_find_int(const void *map, size_t n, uint64_t key, int64_t *v);
int durai_cbor_find_bytes(const void *map, size_t n, uint64_t key, const uint8_t **p, size_t *len);
int durai_cbor_find_text(const void *map, size_t n, uint64_t key, const char **p, size_t *len);

/* ---- RFC 6962 compact range ------------------------------------------------------ */

/* Hashes of the complete subtrees of `size` leaves; peak i covers 2^i leaves when bit i
 * of size is set. The storage is the owner's: `height` hashes. */
typedef struct durai_tree {
    uint64_t size;
    uint32_t height;
    uint8_t (*peak)[32];
} durai_tree;

/* Hash of two 32-byte nodes with prefix 0x01, through whatever hash the owner has. */
typedef int (*durai_node_hash)(void *ctx, const uint8_t left[32], const uint8_t right[32],
                               uint8_t out[32]);
/* 0; DURA_ELIMIT (2^height - 1 leaves reached); the hash's code. */
int durai_tree_add(durai_tree *t, const uint8_t leaf[32], durai_node_hash h, void *ctx);
/* Root over all leaves; for an empty tree the hash of nothing must be supplied by the
 * caller in out beforehand and stays. */
int durai_tree_root(const durai_tree *t, uint8_t out[32], durai_node_hash h, void *ctx);

/* ---- elementary functions: the same bits on every target ------------------------- */

float durai_sqrt(float x);   /* correctly rounded; below 0: NaN; -0: -0; infinity: infinity */
float durai_cbrt(float x);   /* < 0.75 ulp; of infinity and NaN: itself; -0: -0 */
float durai_exp(float x);    /* < 0.99 ulp; above 88.72283: infinity; below
                                -103.97208: 0 */
float durai_log(float x);    /* < 0.93 ulp; 0 and -0: -infinity; below 0: NaN; infinity: itself */

/* ---- text helpers without a C library ------------------------------------------- */

size_t durai_base64(char *out, const uint8_t *p, size_t n);   /* padded; no terminator */
size_t durai_hex(char *out, const uint8_t *p, size_t n);      /* lower case; no terminator */
size_t durai_dec(char *out, uint64_t v);                      /* <= 20 digits; no terminator */

#endif
