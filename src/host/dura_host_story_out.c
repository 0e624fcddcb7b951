/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON that grows: strict, valid UTF-8 whatever the records hold, numbers as short as
 * their use allows. What is written here is read by a page and by dura/host/json.h.
 */
#include "dura_host_story_priv.h"

#include "dura_host_files_priv.h"

#include <stdio.h>
#include <stdlib.h>

static void put(durai_out *o, const char *p, size_t n)
{
    if (o->failed)
        return;
    if (o->cap - o->len <= n) {
        size_t cap = 2 * (o->len + n) + 4096;
        char *more = realloc(o->p, cap);
        if (!more) {
            o->failed = 1;
            return;
        }
        o->p = more;
        o->cap = cap;
    }
    memcpy(o->p + o->len, p, n);
    o->len += n;
    o->p[o->len] = '\0';
}

static void puts_(durai_out *o, const char *s) { put(o, s, strlen(s)); }

/* What stands before a value. */
static void lead(durai_out *o, const char *key)
{
    if (o->comma)
        puts_(o, ",");
    o->comma = 1;
    if (!key)
        return;
    puts_(o, "\"");
    puts_(o, key);
    puts_(o, "\":");
}

void durai_out_open(durai_out *o, const char *key, char bracket)
{
    lead(o, key);
    put(o, &bracket, 1);
    o->comma = 0;
}

void durai_out_close(durai_out *o, char bracket)
{
    put(o, &bracket, 1);
    o->comma = 1;
}

/* Integers that a JSON reader may not hold exactly are decimal strings, as everywhere. */
void durai_out_uint(durai_out *o, const char *key, uint64_t v)
{
    char d[24];
    int quote = v > ((uint64_t)1 << 53);
    size_t n = durai_dec(d, v);
    lead(o, key);
    puts_(o, quote ? "\"" : "");
    put(o, d, n);
    puts_(o, quote ? "\"" : "");
}

void durai_out_int(durai_out *o, const char *key, int64_t v)
{
    if (v >= 0) {
        durai_out_uint(o, key, (uint64_t)v);
        return;
    }
    char d[26] = "-";
    size_t n = durai_dec(d + 1, (uint64_t)0 - (uint64_t)v) + 1u;
    int quote = v < -((int64_t)1 << 53);
    lead(o, key);
    puts_(o, quote ? "\"" : "");
    put(o, d, n);
    puts_(o, quote ? "\"" : "");
}

void durai_out_bool(durai_out *o, const char *key, int v)
{
    lead(o, key);
    puts_(o, v ? "true" : "false");
}

void durai_out_null(durai_out *o, const char *key)
{
    lead(o, key);
    puts_(o, "null");
}

void durai_out_num(durai_out *o, const char *key, double v, int digits)
{
    char d[40];
    if (!(v - v == 0.0)) {           /* NaN and infinities */
        durai_out_null(o, key);
        return;
    }
    lead(o, key);
    (void)snprintf(d, sizeof d, "%.*g", digits, v);
    puts_(o, d);
}

/* Bytes of the well-formed UTF-8 sequence at p, 0 when there is none (RFC 3629). */
static size_t sequence(const unsigned char *p)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
               : p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0u) != 0x80u)
            return 0;                /* the terminator ends it too */
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
        (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

static void put_string(durai_out *o, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    char esc[8];
    puts_(o, "\"");
    while (*p) {
        size_t n = sequence(p);
        if (n == 0)
            puts_(o, "\xEF\xBF\xBD");
        else if (*p == '"' || *p == '\\')
            put(o, esc, (size_t)snprintf(esc, sizeof esc, "\\%c", *p));
        else if (*p < 0x20 || *p == 0x7F)
            put(o, esc, (size_t)snprintf(esc, sizeof esc, "\\u%04x", *p));
        else
            put(o, (const char *)p, n);
        p += n ? n : 1;
    }
    puts_(o, "\"");
}

void durai_out_text(durai_out *o, const char *key, const char *text)
{
    if (!text) {
        durai_out_null(o, key);
        return;
    }
    lead(o, key);
    put_string(o, text);
}

void durai_out_hex(durai_out *o, const char *key, const uint8_t *p, size_t n)
{
    char h[2];
    lead(o, key);
    puts_(o, "\"");
    for (size_t i = 0; i < n; i++)
        put(o, h, durai_hex(h, p + i, 1));
    puts_(o, "\"");
}

void durai_out_json(durai_out *o, const char *key, const char *text, size_t n)
{
    lead(o, key);
    put(o, text, n);
}

void durai_out_name(durai_out *o, const char *key, int list, uint32_t v)
{
    char d[16];
    const char *name = dura_record_name(list, v);
    if (!name)
        (void)snprintf(d, sizeof d, "%u", (unsigned)v);
    durai_out_text(o, key, name ? name : d);
}

void durai_out_bits(durai_out *o, const char *key, int list, uint64_t bits)
{
    durai_out_open(o, key, '[');
    for (uint32_t i = 0; i < 64; i++)
        if ((bits >> i) & 1u)
            durai_out_name(o, NULL, list, i);
    durai_out_close(o, ']');
}

void durai_out_iso(durai_out *o, const char *key, int have, int64_t wall_ns)
{
    char iso[48];
    if (have && durai_host_iso8601(wall_ns, iso, sizeof iso))
        durai_out_text(o, key, iso);
    else
        durai_out_null(o, key);
}
