/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every module stands on: errors, the rule by which structs grow, byte order, CRC-32C,
 * the ring, deterministic CBOR, the compact range, numbers as text.
 *
 * Expected bytes come from the standards: RFC 8949 appendix A (the rows our subset has),
 * RFC 3720 appendix B.4 (CRC-32C), RFC 4648 section 10 (base64). The tree is compared with
 * the recursive definition of RFC 6962 section 2.1 written out plainly below. No crypto
 * provider is needed: the node hash here is a mixing function that depends on every bit and
 * on the order of its arguments, which is all the tree's shape can be wrong about.
 */
#include "dt.h"

#include "base/dura_base_priv.h"

enum { BUF = 512 };

static uint32_t rnd(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

/* Bytes of a hex text; returns their number. */
static size_t unhex(const char *text, uint8_t *out)
{
    size_t n = 0;
    for (; text[0] && text[1]; text += 2) {
        char pair[3] = {text[0], text[1], 0};
        out[n++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

/* ---- errors and versions ----------------------------------------------------------- */

DT_TEST(base_strerror, has_a_name_and_a_sentence_for_every_code)
{
    for (int code = 0; code >= DURA_ERROR_LAST_; code--) {
        dt_ok(strcmp(dura_strerror(code), "unknown error") != 0, "code %d", code);
        dt_ok(strlen(dura_strerror(code)) >= 7, "code %d says \"%s\"", code, dura_strerror(code));
        dt_ok(strcmp(dura_errname(code), "E?") != 0, "code %d", code);
    }
}

DT_TEST(base_strerror, gives_no_two_codes_the_same_words)
{
    for (int a = 0; a >= DURA_ERROR_LAST_; a--)
        for (int b = a - 1; b >= DURA_ERROR_LAST_; b--) {
            dt_ok(strcmp(dura_strerror(a), dura_strerror(b)) != 0, "codes %d and %d", a, b);
            dt_ok(strcmp(dura_errname(a), dura_errname(b)) != 0, "codes %d and %d", a, b);
        }
}

DT_TEST(base_strerror, answers_for_codes_it_does_not_know)
{
    static const int unknown[] = {1, DURA_ERROR_LAST_ - 1, -100, -900, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        dt_str(dura_strerror(unknown[i]), "unknown error", "code %d", unknown[i]);
        dt_str(dura_errname(unknown[i]), "E?", "code %d", unknown[i]);
    }
}

DT_TEST(base_strerror, never_moves_a_value)
{
    static const struct { int value, want; const char *name; } row[] = {
        {DURA_OK, 0, "OK"},               {DURA_EINVAL, -1, "EINVAL"},
        {DURA_ENOSPC, -2, "ENOSPC"},      {DURA_EALIGN, -3, "EALIGN"},
        {DURA_EVERSION, -4, "EVERSION"},  {DURA_ECORRUPT, -5, "ECORRUPT"},
        {DURA_ENOTSUP, -6, "ENOTSUP"},    {DURA_ESTATE, -7, "ESTATE"},
        {DURA_EIO, -8, "EIO"},            {DURA_EAUTH, -9, "EAUTH"},
        {DURA_EFULL, -10, "EFULL"},       {DURA_ENOENT, -11, "ENOENT"},
        {DURA_ETIME, -12, "ETIME"},       {DURA_EDENIED, -13, "EDENIED"},
        {DURA_ESYNTAX, -14, "ESYNTAX"},   {DURA_ELIMIT, -15, "ELIMIT"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        dt_eq(row[i].value, row[i].want, "%s", row[i].name);
        dt_str(dura_errname(row[i].want), row[i].name, "");
    }
}

DT_TEST(base_version, is_the_headers_own)
{
    dt_eq(dura_abi(), DURA_ABI, "");
    dt_str(dura_version(), DURA_VERSION, "");
}

DT_TEST(base_layout, lists_every_field_inside_its_struct)
{
    size_t n = 0, whole = 0;
    uint32_t size = 0;
    const char *of = "";
    const dura_layout_row *t = dura_layout(&n);
    dt_ok(t && n > 20, "%zu rows", n);
    for (size_t i = 0; i < n; i++) {
        const char *dot = strchr(t[i].name, '.');
        if (!dot) {
            dt_eq(t[i].offset, 0, "%s", t[i].name);
            of = t[i].name;
            size = t[i].size;
            whole++;
            continue;
        }
        dt_eq(strncmp(t[i].name, of, strlen(of)), 0, "%s does not follow its struct", t[i].name);
        dt_ok(t[i].size > 0 && t[i].offset + t[i].size <= size, "%s", t[i].name);
    }
    dt_ok(whole > 3, "%zu structs", whole);
}

DT_TEST(base_layout, knows_the_frozen_structs)
{
    size_t n = 0, seen = 0;
    const dura_layout_row *t = dura_layout(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(t[i].name, "dura_time") == 0)
            dt_eq((seen++, t[i].size), 32, "");
        if (strcmp(t[i].name, "dura_fact") == 0)
            dt_eq((seen++, t[i].size), 64, "");
        if (strcmp(t[i].name, "dura_time.boot") == 0)
            dt_eq((seen++, t[i].offset), offsetof(dura_time, boot), "");
        if (strcmp(t[i].name, "dura_fact.value") == 0)
            dt_eq((seen++, t[i].offset), offsetof(dura_fact, value), "");
    }
    dt_eq(seen, 4, "");
}

/* ---- structs that grow -------------------------------------------------------------- */

/* "Ours" has three fields, the first two were in version 1. */
typedef struct grown {
    uint32_t struct_size, a, b;
} grown;
enum { V1 = 8 };

DT_TEST(base_struct_in, takes_older_equal_and_newer_structs)
{
    static const struct {
        const char *row;
        uint32_t size, tail;      /* the caller's size; the value of its fourth word */
        int want;
        uint32_t b;
    } row[] = {
        {"nothing", 0, 0, DURA_EINVAL, 0},      {"one byte short", V1 - 1, 0, DURA_EINVAL, 0},
        {"first version", V1, 0, DURA_OK, 0},   {"half a field more", V1 + 2, 0, DURA_OK, 0x0B0B},
        {"ours", 12, 0, DURA_OK, 0x0B0B0B0B},   {"newer, unset", 16, 0, DURA_OK, 0x0B0B0B0B},
        {"newer, set", 16, 1, DURA_EVERSION, 0}, {"newer, last byte set", 16, 0x01000000, DURA_EVERSION, 0},
        {"newer, first byte only", 13, 0x00000100, DURA_OK, 0x0B0B0B0B},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t theirs[16], tail[4];
        grown ours = {9, 9, 9};
        memset(theirs, 0x0B, sizeof theirs);
        durai_put32(theirs, row[i].size);
        durai_put32(tail, row[i].tail);
        memcpy(theirs + 12, tail, 4);
        dt_eq(durai_struct_in(&ours, sizeof ours, theirs, row[i].size, V1), row[i].want, "%s", row[i].row);
        if (row[i].want == DURA_OK) {
            uint8_t b[4];
            memcpy(b, &ours.b, 4);
            dt_eq(durai_le32(b), row[i].b, "%s", row[i].row);
            dt_eq(ours.a, 0x0B0B0B0B, "%s", row[i].row);
        } else {
            dt_eq(ours.a, 9, "%s: an error changes nothing", row[i].row);
        }
    }
}

DT_TEST(base_struct_in, reads_no_byte_behind_the_callers_struct)
{
    for (uint32_t n = V1; n <= 24; n++) {
        uint8_t *theirs = calloc(1, n);   /* the sanitizer sees one byte too many */
        grown ours;
        dt_eq(durai_struct_in(&ours, sizeof ours, theirs, n, V1), DURA_OK, "%u bytes", n);
        free(theirs);
    }
}

DT_TEST(base_struct_out, fills_what_fits_and_says_how_much)
{
    static const struct { uint32_t size; int want; uint32_t filled; } row[] = {
        {0, DURA_EINVAL, 0}, {V1 - 1, DURA_EINVAL, 0}, {V1, DURA_OK, V1},
        {10, DURA_OK, 10},   {12, DURA_OK, 12},        {16, DURA_OK, 12},
        {UINT32_MAX, DURA_OK, 12},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t theirs[16];
        uint32_t filled;
        grown ours = {77, 0xA1A2A3A4, 0xB1B2B3B4};
        memset(theirs, 0xEE, sizeof theirs);
        memcpy(theirs, &row[i].size, 4);
        dt_eq(durai_struct_out(theirs, &ours, sizeof ours, V1), row[i].want, "size %u", row[i].size);
        memcpy(&filled, theirs, 4);
        dt_eq(filled, row[i].want == DURA_OK ? row[i].filled : row[i].size, "size %u", row[i].size);
        size_t end = row[i].want == DURA_OK ? row[i].filled : 4;
        if (end > 4)
            dt_mem(theirs + 4, (uint8_t *)&ours + 4, end - 4, "size %u", row[i].size);
        for (size_t k = end; k < sizeof theirs; k++)
            dt_eq(theirs[k], 0xEE, "size %u, byte %zu was written", row[i].size, k);
    }
}

/* ---- byte order, floats, CRC --------------------------------------------------------- */

DT_TEST(base_bytes, are_little_endian_on_every_target)
{
    uint8_t b[8];
    static const uint8_t want[8] = {0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01};
    durai_put64(b, 0x0123456789ABCDEFu);
    dt_mem(b, want, 8, "put64");
    dt_ok(durai_le64(want) == 0x0123456789ABCDEFu, "le64");
    dt_eq(durai_le32(want), 0x89ABCDEFu, "");
    dt_eq(durai_le16(want), 0xCDEF, "");
    durai_put32(b, 0x01020304);
    dt_eq(b[0] << 8 | b[3], 0x0401, "");
    durai_put16(b, 0x0102);
    dt_eq(b[0] << 8 | b[1], 0x0201, "");
}

DT_TEST(base_finite, looks_at_bits)
{
    static const struct { uint32_t bits; int want; } row[] = {
        {0x00000000, 1}, {0x80000000, 1}, {0x00000001, 1}, {0x007FFFFF, 1}, {0x7F7FFFFF, 1},
        {0xFF7FFFFF, 1}, {0x7F800000, 0}, {0xFF800000, 0}, {0x7F800001, 0}, {0x7FC00000, 0},
        {0xFFC00000, 0}, {0xFFFFFFFF, 0},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        dt_eq(durai_finite(durai_f32(row[i].bits)), row[i].want, "bits %08x", (unsigned)row[i].bits);
        if (row[i].want)
            dt_eq(durai_f32_bits(durai_f32(row[i].bits)), row[i].bits, "bits %08x", (unsigned)row[i].bits);
    }
}

DT_TEST(base_crc32c, gives_the_published_values)
{
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    for (int i = 0; i < 32; i++) {
        ones[i] = 0xFF;
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    dt_eq(durai_crc32c(0, "123456789", 9), 0xE3069283u, "check value");
    dt_eq(durai_crc32c(0, zeros, 32), 0x8A9136AAu, "32 zeros");
    dt_eq(durai_crc32c(0, ones, 32), 0x62A8AB43u, "32 ones");
    dt_eq(durai_crc32c(0, up, 32), 0x46DD794Eu, "ascending");
    dt_eq(durai_crc32c(0, down, 32), 0x113FDB5Cu, "descending");
    dt_eq(durai_crc32c(0, zeros, 0), 0, "nothing");
}

DT_TEST(base_crc32c, may_be_fed_in_pieces)
{
    uint8_t data[64];
    uint32_t s = 7;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)rnd(&s);
    uint32_t whole = durai_crc32c(0, data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut++)
        dt_eq(durai_crc32c(durai_crc32c(0, data, cut), data + cut, sizeof data - cut), whole,
              "cut at %zu", cut);
}

DT_TEST(base_crc32c, sees_every_single_bit)
{
    uint8_t data[16] = "sixteen bytes..";
    uint32_t whole = durai_crc32c(0, data, sizeof data);
    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        dt_ok(durai_crc32c(0, data, sizeof data) != whole, "bit %zu", bit);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* ---- the ring -------------------------------------------------------------------------- */

DT_TEST(base_ring, is_empty_after_init)
{
    uint8_t buf[64];
    durai_ring r;
    memset(buf, 0xCC, sizeof buf);
    durai_ring_init(&r, buf, sizeof buf);
    dt_eq(durai_ring_next(&r), 0, "");
    dt_eq(durai_ring_used(&r), 0, "");
}

DT_TEST(base_ring, gives_back_what_was_put_in_order)
{
    uint8_t buf[64], got[16];
    durai_ring r;
    durai_ring_init(&r, buf, sizeof buf);
    dt_eq(durai_ring_put(&r, "ab", 2, "cde", 3), DURA_OK, "");
    dt_eq(durai_ring_put(&r, NULL, 0, "x", 1), DURA_OK, "first part empty");
    dt_eq(durai_ring_put(&r, "yz", 2, NULL, 0), DURA_OK, "second part empty");
    dt_eq(durai_ring_used(&r), 4 + 8 + 4 + 4 + 4 + 4, "");
    dt_eq(durai_ring_next(&r), 5, "");
    durai_ring_peek(&r, 0, got, 5);
    dt_mem(got, "abcde", 5, "");
    durai_ring_peek(&r, 3, got, 2);
    dt_mem(got, "de", 2, "from an offset");
    durai_ring_pop(&r);
    dt_eq(durai_ring_next(&r), 1, "");
    durai_ring_pop(&r);
    durai_ring_peek(&r, 0, got, 2);
    dt_mem(got, "yz", 2, "");
    durai_ring_pop(&r);
    dt_eq(durai_ring_next(&r), 0, "");
    dt_eq(r.high_water, 28, "the most that waited");
}

DT_TEST(base_ring, refuses_what_does_not_fit_and_stays_as_it_was)
{
    uint8_t buf[32], big[64] = {0}, got[28];
    durai_ring r;
    durai_ring_init(&r, buf, sizeof buf);
    memset(big, 0x5A, sizeof big);
    static const struct { uint32_t a, b; int want; } row[] = {
        {29, 0, DURA_EFULL}, {14, 15, DURA_EFULL}, {0, 64, DURA_EFULL},
        {UINT32_MAX, 1, DURA_EFULL}, {1, UINT32_MAX, DURA_EFULL}, {14, 14, DURA_OK},
        {1, 0, DURA_EFULL},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint32_t before = durai_ring_used(&r);
        dt_eq(durai_ring_put(&r, big, row[i].a, big, row[i].b), row[i].want, "row %zu", i);
        if (row[i].want != DURA_OK)
            dt_eq(durai_ring_used(&r), before, "row %zu", i);
    }
    dt_eq(durai_ring_next(&r), 28, "the one that fitted");
    durai_ring_peek(&r, 0, got, 28);
    dt_mem(got, big, 28, "");
}

/* Messages of random lengths against a plain queue, from a position just below 2^32, so the
 * positions wrap as well as the buffer. */
DT_TEST(base_ring, keeps_every_byte_across_both_wraps)
{
    enum { SIZE = 128, ROUNDS = 20000 };
    uint8_t buf[SIZE];
    durai_ring r;
    uint32_t s = 99, put = 0, popped = 0, refused = 0;
    durai_ring_init(&r, buf, SIZE);
    r.head = r.tail = 0u - 64u * 40u;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t a[40], b[40], got[80];
        if (rnd(&s) % 2) {
            uint32_t na = put % 37, nb = 1 + put % 29;
            for (uint32_t k = 0; k < na + nb; k++)
                *(k < na ? &a[k] : &b[k - na]) = (uint8_t)(put * 7u + k);
            if (durai_ring_put(&r, a, na, b, nb) == DURA_OK)
                put++;
            else
                refused++;
        } else if (durai_ring_next(&r)) {
            uint32_t na = popped % 37, nb = 1 + popped % 29;
            dt_eq(durai_ring_next(&r), na + nb, "message %u", popped);
            durai_ring_peek(&r, 0, got, na + nb);
            for (uint32_t k = 0; k < na + nb; k++)
                dt_eq(got[k], (uint8_t)(popped * 7u + k), "message %u byte %u", popped, k);
            durai_ring_pop(&r);
            popped++;
        }
        dt_ok(durai_ring_used(&r) <= SIZE, "round %d", i);
        dt_eq(durai_ring_used(&r) == 0, put == popped, "round %d", i);
    }
    dt_ok(popped > 4000 && refused > 100, "%u popped, %u refused", popped, refused);
    dt_ok(r.high_water <= SIZE && r.high_water > SIZE / 2, "high water %u", r.high_water);
}

/* ---- CBOR: writer ------------------------------------------------------------------------ */

/* Rows of RFC 8949 appendix A that our subset has, and the argument's boundaries. */
static const struct { int64_t v; const char *hex; } integer_row[] = {
    {0, "00"}, {1, "01"}, {10, "0a"}, {23, "17"}, {24, "1818"}, {25, "1819"}, {100, "1864"},
    {255, "18ff"}, {256, "190100"}, {1000, "1903e8"}, {65535, "19ffff"}, {65536, "1a00010000"},
    {1000000, "1a000f4240"}, {4294967295, "1affffffff"}, {4294967296, "1b0000000100000000"},
    {1000000000000, "1b000000e8d4a51000"}, {INT64_MAX, "1b7fffffffffffffff"}, {-1, "20"},
    {-10, "29"}, {-24, "37"}, {-25, "3818"}, {-100, "3863"}, {-256, "38ff"}, {-257, "390100"},
    {-1000, "3903e7"}, {-65536, "39ffff"}, {-65537, "3a00010000"}, {INT64_MIN, "3b7fffffffffffffff"},
};

DT_TEST(base_cbor, writes_integers_as_rfc_8949_does)
{
    for (size_t i = 0; i < sizeof integer_row / sizeof integer_row[0]; i++) {
        uint8_t out[16], want[16];
        durai_cbor c;
        size_t n = unhex(integer_row[i].hex, want);
        durai_cbor_init(&c, out, sizeof out);
        durai_cbor_int(&c, integer_row[i].v);
        dt_eq(c.len, n, "%s", integer_row[i].hex);
        dt_mem(out, want, n, "%s", integer_row[i].hex);
        if (integer_row[i].v >= 0) {
            durai_cbor_init(&c, out, sizeof out);
            durai_cbor_uint(&c, (uint64_t)integer_row[i].v);
            dt_mem(out, want, n, "unsigned %s", integer_row[i].hex);
        }
    }
}

DT_TEST(base_cbor, reads_integers_back)
{
    for (size_t i = 0; i < sizeof integer_row / sizeof integer_row[0]; i++) {
        uint8_t in[16];
        durai_cbor_in r;
        durai_item it;
        int64_t v = integer_row[i].v;
        size_t n = unhex(integer_row[i].hex, in);
        durai_cbor_open(&r, in, n);
        dt_eq(durai_cbor_next(&r, &it), DURA_OK, "%s", integer_row[i].hex);
        dt_eq(it.type, v < 0 ? DURAI_CBOR_NINT : DURAI_CBOR_UINT, "%s", integer_row[i].hex);
        dt_ok(it.v == (v < 0 ? (uint64_t)(-1 - v) : (uint64_t)v), "%s", integer_row[i].hex);
        dt_eq(durai_cbor_check(in, n), DURA_OK, "%s", integer_row[i].hex);
    }
}

DT_TEST(base_cbor, writes_every_other_kind)
{
    uint8_t out[BUF], want[BUF];
    durai_cbor c;
    float f[2] = {1.0f, -2.5f};
    durai_cbor_init(&c, out, sizeof out);
    durai_cbor_map(&c, 8);
    durai_cbor_kuint(&c, 0, UINT64_MAX);
    durai_cbor_kint(&c, 1, -500);
    durai_cbor_kbytes(&c, 2, "\1\2\3\4", 4);
    durai_cbor_ktext(&c, 3, "IETF", 4);
    durai_cbor_uint(&c, 4);
    durai_cbor_array(&c, 3);
    durai_cbor_bool(&c, 0);
    durai_cbor_bool(&c, 7);                /* any non-zero is true */
    durai_cbor_raw(&c, "\xf6", 1);         /* null */
    durai_cbor_uint(&c, 5);
    durai_cbor_f32s(&c, f, 2);
    durai_cbor_ktext(&c, 6, "", 0);
    durai_cbor_kbytes(&c, 24, NULL, 0);
    size_t n = unhex("a8" "001bffffffffffffffff" "013901f3" "024401020304" "036449455446"
                     "0483f4f5f6" "0548" "0000803f" "000020c0" "0660" "181840", want);
    dt_eq(c.err, DURA_OK, "");
    dt_eq(c.len, n, "");
    dt_mem(out, want, n, "");
    dt_eq(durai_cbor_check(out, n), DURA_OK, "and reads it back");
}

DT_TEST(base_cbor, takes_floats_at_any_alignment)
{
    uint8_t room[4 + 3 * 4], out[32];
    float f[3] = {0.5f, 3.25f, -1e9f};
    for (size_t shift = 0; shift < 4; shift++) {
        durai_cbor c;
        memcpy(room + shift, f, sizeof f);
        durai_cbor_init(&c, out, sizeof out);
        durai_cbor_f32s(&c, room + shift, 3);
        dt_eq(c.len, 13, "shift %zu", shift);
        for (size_t i = 0; i < 3; i++)
            dt_eq(durai_le32(out + 1 + 4 * i), durai_f32_bits(f[i]), "shift %zu", shift);
    }
}

DT_TEST(base_cbor, says_what_it_needed_and_writes_nothing_beyond)
{
    uint8_t whole[64], out[64];
    durai_cbor c;
    for (size_t cap = 0; cap <= sizeof whole; cap++) {
        memset(out, 0xEE, sizeof out);
        durai_cbor_init(&c, out, cap);
        durai_cbor_map(&c, 3);
        durai_cbor_kuint(&c, 1, 70000);
        durai_cbor_ktext(&c, 2, "twenty four characters..", 24);
        durai_cbor_kbytes(&c, 3, "0123456789", 10);
        dt_eq(c.len, 1 + 6 + 27 + 12, "cap %zu", cap);
        dt_eq(c.err, cap < 46 ? DURA_ENOSPC : DURA_OK, "cap %zu", cap);
        for (size_t i = cap; i < sizeof out; i++)
            dt_eq(out[i], 0xEE, "cap %zu, byte %zu", cap, i);
    }
    dt_eq(durai_cbor_check(out, 46), DURA_OK, "");
}

/* ---- CBOR: reader -------------------------------------------------------------------------- */

DT_TEST(base_cbor_check, takes_what_is_deterministic)
{
    static const char *const row[] = {
        "00", "1bffffffffffffffff", "3bffffffffffffffff", "40", "4401020304", "60", "6161",
        "6449455446", "62225c", "62c3bc", "63e6b0b4", "64f0908591", "64f48fbfbf", "80", "83010203",
        "8301820203820405", "98190102030405060708090a0b0c0d0e0f101112131415161718181819", "a0",
        "a201020304", "a26161016162820203", "826161a161626163", "a56161614161626142616361436164614461656145",
        "f4", "f5", "f6", "a2182001182100", "a3000020004000", /* ordered by encoded bytes: 0, -1, h'' */
        "a31901000041ff006000",    /* 256 < h'ff' < "" */
        "818181818181818100",      /* depth 8 */
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t in[128];
        size_t n = unhex(row[i], in);
        dt_eq(durai_cbor_check(in, n), DURA_OK, "%s", row[i]);
    }
}

DT_TEST(base_cbor_check, refuses_every_other_encoding)
{
    static const struct { const char *hex, *why; } row[] = {
        {"", "nothing"},
        {"0000", "something follows"}, {"a0f6", "something follows a map"},
        {"1800", "not shortest: 1 byte"}, {"1817", "not shortest: 23 in 1 byte"},
        {"190017", "not shortest: 2 bytes"}, {"1900ff", "not shortest: 255 in 2 bytes"},
        {"1a0000ffff", "not shortest: 4 bytes"}, {"1b00000000ffffffff", "not shortest: 8 bytes"},
        {"3817", "not shortest, negative"}, {"5800", "not shortest length of bytes"},
        {"7801" "61", "not shortest length of text"}, {"980101", "not shortest count"},
        {"b8010101", "not shortest pair count"},
        {"1c", "reserved info 28"}, {"1d", "29"}, {"1e", "30"}, {"1f", "31"},
        {"5f42010243030405ff", "indefinite bytes"}, {"7f657374726561646d696e67ff", "indefinite text"},
        {"9fff", "indefinite array"}, {"bfff", "indefinite map"}, {"ff", "break alone"},
        {"f90000", "half float"}, {"fa47c35000", "float"}, {"fb3ff199999999999a", "double"},
        {"f7", "undefined"}, {"f0", "simple 16"}, {"f8ff", "simple 255"}, {"f818", "simple 24"},
        {"f814", "false in two bytes"}, {"e0", "simple 0"},
        {"c074323031332d30332d32315432303a30343a30305a", "tag 0"}, {"c249010000000000000000", "bignum"},
        {"d74401020304", "tag 23"}, {"d818456449455446", "tag 24"},
        {"18", "argument missing"}, {"1b00000000000000", "argument cut"}, {"41", "bytes missing"},
        {"62" "61", "text cut"}, {"81", "item missing"}, {"830102", "item of three missing"},
        {"a1", "pair missing"}, {"a100", "value missing"}, {"a2000001", "second value missing"},
        {"5bffffffffffffffff00", "length beyond memory"}, {"9bffffffffffffffff00", "count beyond memory"},
        {"bb800000000000000000", "pair count whose double wraps to 0"},
        {"a201000000", "keys descend"}, {"a201000100", "a key twice"}, {"a2616201616100", "text keys descend"},
        {"a2" "62616100" "616200", "longer key first"}, {"a2200000" "00", "negative before unsigned"},
        {"a18000", "array as key"}, {"a1a000", "map as key"},
        {"61ff", "not UTF-8"}, {"61c3", "UTF-8 cut"}, {"62c080", "UTF-8 not shortest"},
        {"63e08080", "UTF-8 not shortest, 3"}, {"63eda080", "surrogate"}, {"63edbfbf", "surrogate"},
        {"64f4908080", "above U+10FFFF"}, {"64f0808080", "UTF-8 not shortest, 4"}, {"65f888808080", "5 bytes"},
        {"62c328", "wrong continuation"}, {"6180", "continuation alone"},
        {"81818181818181818100", "depth 9"},
        {"a100a100a100a100a100a100a100a100a10000", "maps of depth 9"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t all[64];
        size_t n = unhex(row[i].hex, all);
        uint8_t *in = malloc(n + 1);       /* exactly n readable bytes at in + 1 */
        memcpy(in + 1, all, n);
        dt_eq(durai_cbor_check(in + 1, n), DURA_ECORRUPT, "%s: %s", row[i].why, row[i].hex);
        free(in);
    }
}

DT_TEST(base_cbor_check, refuses_every_cut_of_a_record)
{
    uint8_t whole[128];
    size_t n = unhex("a6001903e80129021a000f42400343010203046568656c6c6f05"
                     "83f4f6a2004101" "0163e6b0b4", whole);
    dt_eq(durai_cbor_check(whole, n), DURA_OK, "whole");
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *part = malloc(cut ? cut : 1);
        memcpy(part, whole, cut);
        dt_eq(durai_cbor_check(part, cut), DURA_ECORRUPT, "cut at %zu", cut);
        free(part);
    }
}

/* A count is bounded by the bytes that are left, before anyone loops over it. */
DT_TEST(base_cbor_next, refuses_a_count_the_bytes_cannot_hold)
{
    static const struct { const char *hex; int want; } row[] = {
        {"80", DURA_OK}, {"8100", DURA_OK}, {"81", DURA_ECORRUPT}, {"820000", DURA_OK},
        {"8200", DURA_ECORRUPT}, {"a10000", DURA_OK}, {"a100", DURA_ECORRUPT},
        {"a200000100", DURA_OK}, {"a2000001", DURA_ECORRUPT}, {"4100", DURA_OK}, {"4200", DURA_ECORRUPT},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint8_t in[16];
        durai_cbor_in r;
        durai_item it;
        durai_cbor_open(&r, in, unhex(row[i].hex, in));
        dt_eq(durai_cbor_next(&r, &it), row[i].want, "%s", row[i].hex);
    }
}

DT_TEST(base_cbor_skip, stops_behind_one_item)
{
    uint8_t in[32];
    durai_cbor_in r;
    size_t n = unhex("a201820203186300" "8101" "f5", in);
    /* the map's keys are 1 and 99 */
    durai_cbor_open(&r, in, n);
    dt_eq(durai_cbor_skip(&r), DURA_OK, "map");
    dt_eq(r.p - in, 8, "");
    dt_eq(durai_cbor_skip(&r), DURA_OK, "array");
    dt_eq(r.p - in, 10, "");
    dt_eq(durai_cbor_skip(&r), DURA_OK, "true");
    dt_eq(durai_cbor_skip(&r), DURA_ECORRUPT, "end");
}

/* Random trees out of the writer are taken; with one byte changed the reader either refuses
 * or sees a different but still deterministic item: writing what it read gives its input. */
static void write_random(durai_cbor *c, uint32_t *s, int depth)
{
    uint32_t kind = rnd(s) % (depth > 4 ? 5u : 7u), n = rnd(s) % 5;
    uint8_t bytes[4] = {1, 2, 3, 4};
    switch (kind) {
    case 0: durai_cbor_uint(c, (uint64_t)rnd(s) << (rnd(s) % 32)); break;
    case 1: durai_cbor_int(c, -1 - (int64_t)(rnd(s) >> (rnd(s) % 32))); break;
    case 2: durai_cbor_bytes(c, bytes, n % 5); break;
    case 3: durai_cbor_text(c, "text", n % 5); break;
    case 4: durai_cbor_bool(c, (int)(n & 1)); break;
    case 5:
        durai_cbor_array(c, n);
        while (n--)
            durai_cbor_uint(c, rnd(s));
        break;
    default:
        durai_cbor_map(c, n);
        for (uint32_t i = 0; i < n; i++) {
            durai_cbor_uint(c, 30u * i);
            write_random(c, s, depth + 1);
        }
    }
}

/* Write again what the reader sees, head by head. */
static void copy_items(const uint8_t *p, size_t n, durai_cbor *c)
{
    durai_cbor_in r;
    durai_item it;
    durai_cbor_open(&r, p, n);
    while (r.p < r.end) {
        dt_eq(durai_cbor_next(&r, &it), DURA_OK, "");
        switch (it.type) {
        case DURAI_CBOR_UINT: durai_cbor_uint(c, it.v); break;
        case DURAI_CBOR_NINT: durai_cbor_raw(c, r.p - (it.v < 24 ? 1 : it.v < 256 ? 2 : it.v < 65536 ? 3 : it.v >> 32 ? 9 : 5),
                                             it.v < 24 ? 1 : it.v < 256 ? 2 : it.v < 65536 ? 3 : it.v >> 32 ? 9 : 5); break;
        case DURAI_CBOR_BYTES: durai_cbor_bytes(c, it.p, (size_t)it.v); break;
        case DURAI_CBOR_TEXT: durai_cbor_text(c, (const char *)it.p, (size_t)it.v); break;
        case DURAI_CBOR_ARRAY: durai_cbor_array(c, (size_t)it.v); break;
        case DURAI_CBOR_MAP: durai_cbor_map(c, (size_t)it.v); break;
        default: durai_cbor_raw(c, it.v == 20 ? "\xf4" : it.v == 21 ? "\xf5" : "\xf6", 1);
        }
    }
}

DT_TEST(base_cbor_check, accepts_only_what_the_writer_writes)
{
    uint32_t s = 2024, taken = 0, refused = 0;
    for (int i = 0; i < 400; i++) {
        uint8_t item[BUF], again[BUF];
        durai_cbor c;
        durai_cbor_init(&c, item, sizeof item);
        write_random(&c, &s, 0);
        if (c.err != DURA_OK)
            continue;
        dt_eq(durai_cbor_check(item, c.len), DURA_OK, "item %d", i);
        for (int k = 0; k < 40; k++) {
            size_t at = rnd(&s) % c.len;
            uint8_t was = item[at];
            item[at] = (uint8_t)rnd(&s);
            if (durai_cbor_check(item, c.len) == DURA_OK) {
                durai_cbor w;
                durai_cbor_init(&w, again, sizeof again);
                copy_items(item, c.len, &w);
                dt_eq(w.len, c.len, "item %d", i);
                dt_mem(again, item, c.len, "item %d", i);
                taken++;
            } else {
                refused++;
            }
            item[at] = was;
        }
    }
    dt_ok(taken > 1000 && refused > 1000, "%u taken, %u refused", taken, refused);
}

DT_TEST(base_cbor_find, finds_each_key_of_each_type)
{
    uint8_t map[BUF];
    durai_cbor c;
    uint64_t u = 0;
    int64_t i = 0;
    const uint8_t *b = NULL;
    const char *t = NULL;
    size_t n = 0;
    durai_item it;
    durai_cbor_in rest;
    durai_cbor_init(&c, map, sizeof map);
    durai_cbor_map(&c, 6);
    durai_cbor_kuint(&c, 0, 7);
    durai_cbor_kint(&c, 1, -8);
    durai_cbor_kbytes(&c, 5, "bin", 3);
    durai_cbor_ktext(&c, 24, "text", 4);
    durai_cbor_uint(&c, 25);
    durai_cbor_array(&c, 2);
    durai_cbor_uint(&c, 1);
    durai_cbor_uint(&c, 2);
    durai_cbor_kuint(&c, 70000, UINT64_MAX);
    dt_eq(durai_cbor_find_uint(map, c.len, 0, &u), DURA_OK, "");
    dt_eq(u, 7, "");
    dt_eq(durai_cbor_find_int(map, c.len, 1, &i), DURA_OK, "");
    dt_eq(i, -8, "");
    dt_eq(durai_cbor_find_int(map, c.len, 0, &i), DURA_OK, "an unsigned is an integer too");
    dt_eq(i, 7, "");
    dt_eq(durai_cbor_find_bytes(map, c.len, 5, &b, &n), DURA_OK, "");
    dt_ok(n == 3 && memcmp(b, "bin", 3) == 0, "");
    dt_eq(durai_cbor_find_text(map, c.len, 24, &t, &n), DURA_OK, "");
    dt_ok(n == 4 && memcmp(t, "text", 4) == 0, "");
    dt_eq(durai_cbor_find(map, c.len, 25, &it, &rest), DURA_OK, "");
    dt_eq(it.type, DURAI_CBOR_ARRAY, "");
    dt_eq(durai_cbor_next(&rest, &it), DURA_OK, "the array's content");
    dt_eq(it.v, 1, "");
    dt_eq(durai_cbor_find_uint(map, c.len, 70000, &u), DURA_OK, "");
    dt_ok(u == UINT64_MAX, "");
    dt_eq(durai_cbor_find_int(map, c.len, 70000, &i), DURA_ECORRUPT, "does not fit");
}

DT_TEST(base_cbor_find, tells_absent_from_wrong)
{
    uint8_t map[64], list[4];
    uint64_t u = 5;
    int64_t i = 5;
    const uint8_t *b = map;
    const char *t = "";
    size_t n = unhex("a3014102030504613f", map), len = 5;
    static const uint64_t absent[] = {0, 2, 5, UINT64_MAX};
    for (size_t k = 0; k < 4; k++)
        dt_eq(durai_cbor_find_uint(map, n, absent[k], &u), DURA_ENOENT, "key %zu", k);
    dt_eq(durai_cbor_find_uint(map, n, 1, &u), DURA_ECORRUPT, "bytes are no uint");
    dt_eq(durai_cbor_find_int(map, n, 4, &i), DURA_ECORRUPT, "text is no int");
    dt_eq(durai_cbor_find_bytes(map, n, 4, &b, &len), DURA_ECORRUPT, "text is no bytes");
    dt_eq(durai_cbor_find_text(map, n, 1, &t, &len), DURA_ECORRUPT, "bytes are no text");
    dt_ok(u == 5 && i == 5 && len == 5 && b == map, "an error changes nothing");
    dt_eq(durai_cbor_find_uint(map, n - 1, 4, &u), DURA_ECORRUPT, "cut");
    dt_eq(durai_cbor_find_uint(map, 0, 4, &u), DURA_ECORRUPT, "empty");
    dt_eq(durai_cbor_find_uint(list, unhex("820102", list), 1, &u), DURA_ECORRUPT, "no map");
    dt_eq(durai_cbor_find_uint(map, unhex("a1613f01", map), 1, &u), DURA_ECORRUPT, "a text key");
}

/* ---- the compact range ------------------------------------------------------------------ */

/* Mixes left and right into out, so that order and every byte count. Fails on request. */
typedef struct mixer {
    int calls, fail_at;
} mixer;

static int mix(void *ctx, const uint8_t left[32], const uint8_t right[32], uint8_t out[32])
{
    mixer *m = ctx;
    uint32_t h[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    if (++m->calls == m->fail_at)
        return -777;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 64; i++) {
            uint8_t byte = i < 32 ? left[i] : right[i - 32];
            h[i % 8] = (h[i % 8] ^ byte) * 16777619u + h[(i + 3) % 8];
        }
    for (int i = 0; i < 8; i++)
        durai_put32(out + 4 * i, h[i]);
    return DURA_OK;
}

/* RFC 6962 section 2.1: split at the largest power of two below n. */
static void naive(uint8_t (*leaf)[32], size_t n, uint8_t out[32])
{
    mixer m = {0, 0};
    uint8_t left[32], right[32];
    size_t k = 1;
    if (n == 1) {
        memcpy(out, leaf[0], 32);
        return;
    }
    while (2 * k < n)
        k *= 2;
    naive(leaf, k, left);
    naive(leaf + k, n - k, right);
    mix(&m, left, right, out);
}

enum { LEAVES = 130 };

static void make_leaves(uint8_t (*leaf)[32])
{
    uint32_t s = 5;
    for (size_t i = 0; i < LEAVES; i++)
        for (size_t k = 0; k < 32; k++)
            leaf[i][k] = (uint8_t)rnd(&s);
}

DT_TEST(base_tree, has_the_root_of_rfc_6962_at_every_size)
{
    static uint8_t leaf[LEAVES][32], peak[8][32];
    uint8_t want[32], got[32];
    mixer m = {0, 0};
    durai_tree t = {0, 8, peak};
    make_leaves(leaf);
    memset(got, 0xE0, 32);
    dt_eq(durai_tree_root(&t, got, mix, &m), DURA_OK, "empty");
    dt_eq(got[0] + got[31], 2 * 0xE0, "the caller's hash of nothing stays");
    for (size_t n = 1; n <= LEAVES; n++) {
        dt_eq(durai_tree_add(&t, leaf[n - 1], mix, &m), DURA_OK, "%zu leaves", n);
        dt_eq(t.size, n, "");
        naive(leaf, n, want);
        memset(got, 0, 32);
        dt_eq(durai_tree_root(&t, got, mix, &m), DURA_OK, "%zu leaves", n);
        dt_mem(got, want, 32, "%zu leaves", n);
    }
}

DT_TEST(base_tree, hashes_each_node_once)
{
    static uint8_t leaf[LEAVES][32], peak[8][32];
    mixer m = {0, 0};
    durai_tree t = {0, 8, peak};
    make_leaves(leaf);
    for (size_t n = 1; n <= 128; n++)
        dt_eq(durai_tree_add(&t, leaf[n - 1], mix, &m), DURA_OK, "%zu", n);
    dt_eq(m.calls, 127, "128 leaves have 127 inner nodes");
}

DT_TEST(base_tree, refuses_a_leaf_it_has_no_room_for)
{
    for (uint32_t height = 1; height <= 4; height++) {
        static uint8_t leaf[LEAVES][32], peak[6][32];
        uint8_t before[32], after[32];
        mixer m = {0, 0};
        durai_tree t = {0, height, peak};
        uint64_t n = 0;
        make_leaves(leaf);
        memset(peak, 0xCC, sizeof peak);
        while (n < 40 && durai_tree_add(&t, leaf[n], mix, &m) == DURA_OK)
            n++;
        dt_eq(n, (1u << height) - 1u, "height %u", height);
        dt_eq(durai_tree_root(&t, before, mix, &m), DURA_OK, "");
        dt_eq(durai_tree_add(&t, leaf[n], mix, &m), DURA_ELIMIT, "height %u", height);
        dt_eq(durai_tree_root(&t, after, mix, &m), DURA_OK, "");
        dt_mem(before, after, 32, "height %u: a refused leaf changes nothing", height);
        dt_eq(peak[height][0], 0xCC, "height %u: nothing behind the peaks", height);
    }
}

/* A crypto engine may fail at any node: the tree stays as it was, and the leaf can be
 * offered again. */
DT_TEST(base_tree, survives_a_hash_that_fails)
{
    static uint8_t leaf[LEAVES][32], peak[8][32];
    uint8_t want[32], got[32];
    make_leaves(leaf);
    for (int fail_at = 1; fail_at <= 63; fail_at++) {
        mixer m = {0, fail_at};
        durai_tree t = {0, 8, peak};
        for (size_t n = 0; n < 64; n++) {
            int rc = durai_tree_add(&t, leaf[n], mix, &m);
            if (rc != DURA_OK) {
                dt_eq(rc, -777, "the hash's own code");
                dt_eq(t.size, n, "fail at %d", fail_at);
                dt_eq(durai_tree_add(&t, leaf[n], mix, &m), DURA_OK, "again");
            }
        }
        naive(leaf, 64, want);
        dt_eq(durai_tree_root(&t, got, mix, &m), DURA_OK, "");
        dt_mem(got, want, 32, "fail at %d", fail_at);
    }
    mixer m = {0, 1};
    durai_tree t = {3, 8, peak};
    dt_eq(durai_tree_root(&t, got, mix, &m), -777, "root hands it on");
}

/* ---- text ------------------------------------------------------------------------------ */

DT_TEST(base_base64, gives_the_rows_of_rfc_4648)
{
    static const char *const row[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "+/+/"}, {"\xff\xff\xff", "////"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char out[16];
        memset(out, '#', sizeof out);
        size_t n = durai_base64(out, (const uint8_t *)row[i][0], strlen(row[i][0]));
        dt_eq(n, strlen(row[i][1]), "row %zu", i);
        dt_mem(out, row[i][1], n, "row %zu", i);
        dt_eq(out[n], '#', "row %zu: nothing behind the text", i);
    }
}

DT_TEST(base_hex, writes_two_lower_case_digits_per_byte)
{
    static const uint8_t in[] = {0x00, 0x0F, 0x10, 0x9A, 0xBC, 0xFF};
    char out[14];
    memset(out, '#', sizeof out);
    dt_eq(durai_hex(out, in, 6), 12, "");
    dt_mem(out, "000f109abcff#", 13, "");
    dt_eq(durai_hex(out, in, 0), 0, "");
}

DT_TEST(base_dec, writes_every_number_without_leading_zeros)
{
    static const struct { uint64_t v; const char *text; } row[] = {
        {0, "0"}, {9, "9"}, {10, "10"}, {99, "99"}, {100, "100"}, {4294967296u, "4294967296"},
        {10000000000000000000u, "10000000000000000000"}, {UINT64_MAX, "18446744073709551615"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char out[24];
        memset(out, '#', sizeof out);
        size_t n = durai_dec(out, row[i].v);
        dt_eq(n, strlen(row[i].text), "%s", row[i].text);
        dt_mem(out, row[i].text, n, "%s", row[i].text);
        dt_eq(out[n], '#', "%s: nothing behind the text", row[i].text);
    }
}
