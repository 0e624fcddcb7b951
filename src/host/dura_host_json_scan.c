/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict scanner: RFC 8259 with the doors closed that RFC 7493 (I-JSON) lists.
 *
 * It decides alone whether a text is acceptable and where each value stands; cJSON then
 * only builds the tree of a text that is known to be unambiguous. It keeps its own stack,
 * so depth costs no C stack. Two things are left to the document, which has the decoded
 * tree: names given twice, and reals outside the range of binary64.
 */
#include "dura_host_json_priv.h"
#include "../base/dura_base_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Longest number taken. cJSON cuts at 63 characters; 17 digits say all a double can. */
#define SCAN_NUMBER_MAX 48u
/* 2^53 - 1: up to here every integer is one double and no other (RFC 7493 section 2.2). */
#define SCAN_EXACT_DIGITS "9007199254740991"

typedef struct scan {
    durai_json_text *t;
    dura_error *err;
    size_t pos;
    uint32_t current;                      /* token that errors are about */
    uint32_t depth;
    uint32_t open[DURA_JSON_DEPTH_MAX];    /* containers */
    uint32_t last[DURA_JSON_DEPTH_MAX];    /* their latest child */
} scan;

uint32_t durai_json_line_at(const durai_json_text *t, size_t at)
{
    uint32_t line = 1;
    size_t i;
    for (i = 0; i < at && i < t->len; i++)
        line += t->p[i] == '\n';
    return line;
}

/* One step of a path: ".name" or "[3]", into step. */
static size_t path_step(const durai_json_text *t, const durai_json_token *k, int top, char *step,
                        size_t n)
{
    int got;
    if (t->p[k->at] == '"' && k->value != k->at)
        got = snprintf(step, n, "%s%.*s", top ? "" : ".", (int)(k->name_len < 63 ? k->name_len : 63),
                       t->p + k->at + 1);
    else
        got = snprintf(step, n, "[%u]", (unsigned)k->ordinal);
    DURA_ASSERT(got >= 0 && (size_t)got < n);
    return (size_t)got;
}

const char *durai_json_path_of(const durai_json_text *t, uint32_t i, char *buf, size_t n)
{
    char step[80];
    size_t at, len;
    if (!n)
        return buf;
    at = n - 1;
    buf[at] = 0;
    while (i != DURA_JSON_NONE && t->token[i].parent != DURA_JSON_NONE) {
        uint32_t parent = t->token[i].parent;
        len = path_step(t, &t->token[i], parent == DURA_JSON_ROOT, step, sizeof step);
        if (len > at)
            break;
        at -= len;
        memcpy(buf + at, step, len);
        i = parent;
    }
    memmove(buf, buf + at, n - at);
    return buf;
}

static int scan_fail(scan *s, int code, size_t at, const char *fmt, ...)
{
    char path[128], text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    durai_json_path_of(s->t, s->current, path, sizeof path);
    return dura_error_set(s->err, code, s->t->filename, durai_json_line_at(s->t, at), path, "%s", text);
}

/* Next byte, or -1 at the end. */
static int scan_peek(const scan *s)
{
    return s->pos < s->t->len ? (uint8_t)s->t->p[s->pos] : -1;
}

static void scan_space(scan *s)
{
    int c = scan_peek(s);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        s->pos++;
        c = scan_peek(s);
    }
}

/* "found ..." for what stands at the current place. */
static int scan_unexpected(scan *s, const char *wanted)
{
    int c = scan_peek(s);
    if (c < 0)
        return scan_fail(s, DURA_ESYNTAX, s->pos, "the text ends where %s is wanted", wanted);
    if (c > 0x20 && c < 0x7F)
        return scan_fail(s, DURA_ESYNTAX, s->pos, "found '%c' where %s is wanted", c, wanted);
    return scan_fail(s, DURA_ESYNTAX, s->pos, "found byte 0x%02X where %s is wanted", (unsigned)c, wanted);
}

/* ---- strings --------------------------------------------------------------------- */

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at the current place, or -1. */
static int scan_hex4(scan *s)
{
    int i, v = 0;
    for (i = 0; i < 4; i++) {
        int d = hex_digit(scan_peek(s));
        if (d < 0)
            return -1;
        v = v * 16 + d;
        s->pos++;
    }
    return v;
}

static int scan_half(scan *s, size_t at, int v)
{
    return scan_fail(s, DURA_ESYNTAX, at, "\\u%04X is half of a surrogate pair without the other half",
                     (unsigned)v);
}

/* Behind "\u". */
static int scan_unicode(scan *s)
{
    size_t at = s->pos - 2;
    int low, v = scan_hex4(s);
    if (v < 0)
        return scan_fail(s, DURA_ESYNTAX, at, "\\u wants four hex digits");
    if (v == 0)
        return scan_fail(s, DURA_ESYNTAX, at, "\\u0000 is refused: C strings would end here");
    if (v >= 0xDC00 && v <= 0xDFFF)
        return scan_half(s, at, v);
    if (v < 0xD800 || v > 0xDBFF)
        return DURA_OK;
    if (s->t->len - s->pos < 6 || s->t->p[s->pos] != '\\' || s->t->p[s->pos + 1] != 'u')
        return scan_half(s, at, v);
    s->pos += 2;
    low = scan_hex4(s);
    if (low < 0xDC00 || low > 0xDFFF)
        return scan_half(s, at, v);
    return DURA_OK;
}

/* At a backslash. */
static int scan_escape(scan *s)
{
    int c;
    s->pos++;
    c = scan_peek(s);
    if (c < 0)
        return scan_unexpected(s, "the rest of an escape");
    if (!strchr("\"\\/bfnrtu", c) || c == 0)
        return scan_unexpected(s, "one of \" \\ / b f n r t u behind a backslash");
    s->pos++;
    return c == 'u' ? scan_unicode(s) : DURA_OK;
}

/* At a byte above 0x7F: one UTF-8 sequence, shortest form, no surrogate (RFC 3629). */
static int scan_utf8(scan *s)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const char *p = s->t->p + s->pos;
    uint32_t c = (uint8_t)p[0], v;
    size_t i, n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || s->t->len - s->pos < n)
        return scan_fail(s, DURA_ESYNTAX, s->pos, "byte 0x%02X is not UTF-8; save the file as UTF-8", (unsigned)c);
    v = c & (0xFFu >> (n + 1));
    for (i = 1; i < n; i++) {
        if (((uint8_t)p[i] & 0xC0u) != 0x80u)
            return scan_fail(s, DURA_ESYNTAX, s->pos, "a UTF-8 sequence is cut; save the file as UTF-8");
        v = (v << 6) | ((uint8_t)p[i] & 0x3Fu);
    }
    if (v < least[n] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
        return scan_fail(s, DURA_ESYNTAX, s->pos, "U+%04X is not UTF-8 in this form; save the file as UTF-8",
                         (unsigned)v);
    s->pos += n;
    return DURA_OK;
}

/* At the opening quote; ends behind the closing one. */
static int scan_string(scan *s)
{
    size_t begin = s->pos++;
    DURA_ASSERT(s->t->p[begin] == '"');
    for (;;) {
        int rc = DURA_OK, c = scan_peek(s);
        if (c < 0)
            return scan_fail(s, DURA_ESYNTAX, begin, "a string begins here and never ends");
        if (c < 0x20)
            return scan_fail(s, DURA_ESYNTAX, s->pos,
                             "byte 0x%02X inside a string; write it as an escape or close the string", (unsigned)c);
        if (c == '\\')
            rc = scan_escape(s);
        else if (c > 0x7F)
            rc = scan_utf8(s);
        else
            s->pos++;
        if (rc < 0)
            return rc;
        if (c == '"')
            return DURA_OK;
    }
}

/* ---- numbers --------------------------------------------------------------------- */

static size_t scan_digits(scan *s)
{
    size_t begin = s->pos;
    while (scan_peek(s) >= '0' && scan_peek(s) <= '9')
        s->pos++;
    return s->pos - begin;
}

/* An integer of n digits is exact as a double, and no other integer reads the same. */
static int digits_exact(const char *p, size_t n)
{
    const size_t most = sizeof SCAN_EXACT_DIGITS - 1;
    return n < most || (n == most && memcmp(p, SCAN_EXACT_DIGITS, most) <= 0);
}

/* Behind the integer part: fraction and exponent. *real says whether there was one. */
static int scan_fraction(scan *s, int *real)
{
    if (scan_peek(s) == '.') {
        *real = 1;
        s->pos++;
        if (!scan_digits(s))
            return scan_unexpected(s, "a digit behind the decimal point");
    }
    if (scan_peek(s) == 'e' || scan_peek(s) == 'E') {
        *real = 1;
        s->pos++;
        if (scan_peek(s) == '+' || scan_peek(s) == '-')
            s->pos++;
        if (!scan_digits(s))
            return scan_unexpected(s, "a digit of the exponent");
    }
    return DURA_OK;
}

static int scan_number(scan *s)
{
    size_t begin = s->pos, first, n;
    int real = 0;
    if (scan_peek(s) == '-')
        s->pos++;
    first = s->pos;
    n = scan_digits(s);
    if (!n)
        return scan_unexpected(s, "a digit");
    if (n > 1 && s->t->p[first] == '0')
        return scan_fail(s, DURA_ESYNTAX, begin, "a number has no leading zeros");
    if (scan_fraction(s, &real) < 0)
        return DURA_ESYNTAX;
    if (!real && !digits_exact(s->t->p + first, n))
        return scan_fail(s, DURA_ESYNTAX, begin,
                         "this integer is beyond 2^53-1 and would be rounded; write it as a decimal string");
    if (s->pos - begin > SCAN_NUMBER_MAX)
        return scan_fail(s, DURA_ELIMIT, begin, "a number has at most %u characters", SCAN_NUMBER_MAX);
    return DURA_OK;
}

/* ---- values ---------------------------------------------------------------------- */

static int scan_literal(scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    size_t i;
    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);
        if (s->t->len - s->pos >= n && memcmp(s->t->p + s->pos, words[i], n) == 0) {
            s->pos += n;
            return DURA_OK;
        }
    }
    if (scan_peek(s) == 'N' || scan_peek(s) == 'I')
        return scan_fail(s, DURA_ESYNTAX, s->pos, "NaN and Infinity are no numbers of JSON; leave the member out");
    if (scan_peek(s) == '+')
        return scan_fail(s, DURA_ESYNTAX, s->pos, "a number has no plus sign");
    return scan_unexpected(s, "a value");
}

static int scan_grow(scan *s)
{
    durai_json_text *t = s->t;
    uint32_t cap = t->cap ? t->cap * 2 : 64;
    durai_json_token *more;
    if (t->n == t->values_max)
        return scan_fail(s, DURA_ELIMIT, s->pos, "more than %u values", (unsigned)t->values_max);
    if (t->n < t->cap)
        return DURA_OK;
    more = (durai_json_token *)realloc(t->token, cap * sizeof *more);
    if (!more)
        return scan_fail(s, DURA_ENOSPC, s->pos, "out of memory");
    t->token = more;
    t->cap = cap;
    return DURA_OK;
}

/* A new token in the open container; `at` is where it or its name begins. */
static int scan_token(scan *s, size_t at, size_t name_len)
{
    durai_json_text *t = s->t;
    uint32_t top = s->depth - 1;
    durai_json_token *k;
    int rc = scan_grow(s);
    if (rc < 0)
        return rc;
    k = &t->token[t->n];
    memset(k, 0, sizeof *k);
    k->at = (uint32_t)at;
    k->name_len = (uint32_t)name_len;
    k->value = (uint32_t)s->pos;
    k->next = k->parent = DURA_JSON_NONE;
    if (s->depth) {
        k->parent = s->open[top];
        k->ordinal = t->token[k->parent].count++;
        if (k->ordinal)
            t->token[s->last[top]].next = t->n;
        s->last[top] = t->n;
    }
    s->current = t->n++;
    return DURA_OK;
}

/* Enter an object or array. */
static int scan_open(scan *s)
{
    if (s->depth == DURA_JSON_DEPTH_MAX)
        return scan_fail(s, DURA_ELIMIT, s->pos, "nesting is deeper than %d", DURA_JSON_DEPTH_MAX);
    s->open[s->depth++] = s->current;
    s->pos++;
    return DURA_OK;
}

/* One value at the current place; containers are only entered. */
static int scan_value(scan *s)
{
    uint32_t self = s->current;
    int rc, c = scan_peek(s);
    if (c == '{' || c == '[')
        return scan_open(s);
    if (c == '"')
        rc = scan_string(s);
    else if (c == '-' || (c >= '0' && c <= '9'))
        rc = scan_number(s);
    else
        rc = scan_literal(s);
    s->t->token[self].end = (uint32_t)s->pos;
    return rc;
}

/* A member with its name, or an item. */
static int scan_child(scan *s, int object)
{
    size_t at = s->pos, name_len = 0;
    int rc;
    if (object) {
        if (scan_peek(s) != '"')
            return scan_unexpected(s, "a member's name in double quotes");
        rc = scan_string(s);
        if (rc < 0)
            return rc;
        name_len = s->pos - at - 2;
        scan_space(s);
        if (scan_peek(s) != ':')
            return scan_unexpected(s, "':'");
        s->pos++;
        scan_space(s);
    }
    rc = scan_token(s, at, name_len);
    return rc < 0 ? rc : scan_value(s);
}

/* The next thing inside the innermost open container: a child or its end. */
static int scan_step(scan *s)
{
    uint32_t self = s->open[s->depth - 1];
    int object = s->t->p[s->t->token[self].value] == '{', c;
    s->current = self;
    scan_space(s);
    c = scan_peek(s);
    if (c == (object ? '}' : ']')) {
        s->t->token[self].end = (uint32_t)++s->pos;
        s->depth--;
        return DURA_OK;
    }
    if (s->t->token[self].count) {
        if (c != ',')
            return scan_unexpected(s, object ? "',' or '}'" : "',' or ']'");
        s->pos++;
        scan_space(s);
    }
    return scan_child(s, object);
}

int durai_json_scan(durai_json_text *t, dura_error *err)
{
    scan s;
    int rc;
    memset(&s, 0, sizeof s);
    s.t = t;
    s.err = err;
    s.current = DURA_JSON_NONE;
    if (t->len > t->bytes_max)
        return scan_fail(&s, DURA_ELIMIT, 0, "the text has %zu bytes, at most %zu are read", t->len, t->bytes_max);
    if (t->len >= 3 && memcmp(t->p, "\xEF\xBB\xBF", 3) == 0)
        return scan_fail(&s, DURA_ESYNTAX, 0, "the file begins with a byte order mark; save it without");
    scan_space(&s);
    rc = scan_child(&s, 0);
    while (rc == DURA_OK && s.depth)
        rc = scan_step(&s);
    if (rc < 0)
        return rc;
    scan_space(&s);
    s.current = DURA_JSON_NONE;
    return s.pos == t->len ? DURA_OK : scan_unexpected(&s, "the end of the text");
}
