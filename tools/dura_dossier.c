/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that grows, as JSON, HTML and CSV; UUIDs of version 5 (RFC 9562 section 5.5), which want
 * SHA-1 (FIPS 180-4 section 6.1): here it names things and protects nothing.
 */
#include "dura_dossier.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void text_put(text *t, const char *p, size_t n)
{
    if (!t->failed && t->cap - t->n <= n) {
        size_t cap = 2 * (t->n + n) + 256;
        char *more = realloc(t->p, cap);
        t->failed = !more;
        t->p = more ? more : t->p;
        t->cap = more ? cap : t->cap;
    }
    if (t->failed)
        return;
    memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
}

static void put_args(text *t, const char *fmt, va_list args)
{
    char small[512];
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    if (n >= 0 && (size_t)n < sizeof small) {
        text_put(t, small, (size_t)n);
    } else if (n >= 0) {
        char *p = malloc((size_t)n + 1);
        t->failed |= !p;
        if (p && vsnprintf(p, (size_t)n + 1, fmt, again) == n)
            text_put(t, p, (size_t)n);
        free(p);
    }
    va_end(again);
}

void text_add(text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    put_args(t, fmt, args);
    va_end(args);
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void json_text(text *t, const char *s)
{
    text_put(t, "\"", 1);
    for (const char *p = s; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            text_put(t, "\\", 1);
        if (c < 0x20)
            text_add(t, "\\u%04x", (unsigned)c);
        else
            text_put(t, p, 1);
    }
    text_put(t, "\"", 1);
}

void text_key(text *t, const char *key)
{
    if (t->comma)
        text_put(t, ",", 1);
    t->comma = 1;
    if (key) {
        json_text(t, key);
        text_put(t, ":", 1);
    }
}

void text_open(text *t, const char *key, char bracket)
{
    text_key(t, key);
    text_put(t, &bracket, 1);
    t->comma = 0;
}

void text_close(text *t, char bracket)
{
    text_put(t, &bracket, 1);
    t->comma = 1;
}

void text_str(text *t, const char *key, const char *value)
{
    text_key(t, key);
    json_text(t, value ? value : "");
}

void text_fmt(text *t, const char *key, const char *fmt, ...)
{
    text one = {NULL, 0, 0, 0, 0};
    va_list args;
    va_start(args, fmt);
    put_args(&one, fmt, args);
    va_end(args);
    text_str(t, key, one.p);
    t->failed |= one.failed;
    free(one.p);
}

void text_int(text *t, const char *key, uint64_t value)
{
    text_key(t, key);
    text_add(t, "%llu", (unsigned long long)value);
}

void text_bool(text *t, const char *key, int value)
{
    text_key(t, key);
    text_add(t, "%s", value ? "true" : "false");
}

/* ---- names ------------------------------------------------------------------------------- */

static uint32_t rol(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

static void sha1_block(uint32_t h[5], const uint8_t p[64])
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; i++)
        w[i] = i < 16 ? (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3]
                      : rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
        uint32_t k = i < 20 ? 0x5A827999u : i < 40 ? 0x6ED9EBA1u : i < 60 ? 0x8F1BBCDCu : 0xCA62C1D6u;
        uint32_t s = rol(a, 5) + f + e + k + w[i];
        e = d;
        d = c;
        c = rol(b, 30);
        b = a;
        a = s;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

static void sha1(uint8_t out[20], const uint8_t *p, size_t n)
{
    uint32_t h[5] = {0x67452301u, 0xEFCDAB89u, 0x98BADCFEu, 0x10325476u, 0xC3D2E1F0u};
    uint8_t tail[128] = {0};
    size_t rest = n % 64, end = rest < 56 ? 64 : 128;
    for (size_t i = 0; i + 64 <= n; i += 64)
        sha1_block(h, p + i);
    memcpy(tail, p + n - rest, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[end - 1 - (size_t)i] = (uint8_t)((uint64_t)n * 8 >> 8 * i);
    sha1_block(h, tail);
    if (end == 128)
        sha1_block(h, tail + 64);
    for (int i = 0; i < 20; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* The space: version 5 of "urn:dura:evidence" in the space of URLs. */
static const uint8_t space[16] = {0x0c, 0x52, 0x9d, 0xaa, 0xb1, 0xc8, 0x5d, 0xfb, 0x80, 0xaa, 0x04, 0x6c, 0x06, 0x50, 0x34, 0x0a};

void text_uuid(text *t, const char *key, const char *name)
{
    uint8_t in[512], u[20];
    size_t n = strlen(name);
    n = n < sizeof in - 16 ? n : sizeof in - 16;
    memcpy(in, space, 16);
    memcpy(in + 16, name, n);
    sha1(u, in, 16 + n);
    u[6] = (uint8_t)((u[6] & 0x0F) | 0x50);
    u[8] = (uint8_t)((u[8] & 0x3F) | 0x80);
    text_fmt(t, key, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3], u[4], u[5],
             u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

void text_html(text *t, const char *value)
{
    for (const char *p = value; *p; p++) {
        const char *as = *p == '&' ? "&amp;" : *p == '<' ? "&lt;" : *p == '>' ? "&gt;" : *p == '"' ? "&quot;" : NULL;
        text_put(t, as ? as : p, as ? strlen(as) : 1);
    }
}

void text_csv(text *t, const char *value, char end)
{
    /* A cell that begins like a formula would be run by a spreadsheet. */
    int formula = *value && strchr("=+-@\t\r", *value) != NULL;
    int quote = formula || strpbrk(value, ",\"\n") != NULL;
    text_put(t, "\"", quote ? 1 : 0);
    text_put(t, "'", formula ? 1 : 0);
    for (const char *p = value; *p; p++) {
        text_put(t, "\"", *p == '"' ? 1 : 0);
        text_put(t, p, 1);
    }
    text_put(t, "\"", quote ? 1 : 0);
    text_put(t, &end, 1);
}

const char *text_token(char *out, size_t n, const char *value)
{
    size_t at = 0;
    if (!isalpha((unsigned char)*value))
        out[at++] = '_';
    for (; *value && at + 1 < n; value++)
        out[at++] = (char)(isalnum((unsigned char)*value) || strchr(".-_", *value) ? tolower((unsigned char)*value) : '-');
    while (at > 1 && out[at - 1] == '-')
        at--;
    out[at] = '\0';
    return out;
}

const char *text_time(char out[40], int64_t wall_ns)
{
    time_t s = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    if (!gmtime_r(&s, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return strcpy(out, "1970-01-01T00:00:00.000Z");
    snprintf(out + 19, 20, ".%03dZ", (int)(wall_ns / 1000000 % 1000));
    return out;
}

/* ---- small readers ---------------------------------------------------------------------- */

const char *dossier_str(const dura_json *j, uint32_t object, const char *name)
{
    const char *s = "";
    uint32_t v = dura_json_member(j, object, name);
    dura_error err;
    if (v == DURA_JSON_NONE || dura_json_type(j, v) != DURA_JSON_TEXT || dura_json_get_text(j, v, 0, 100000, &s, &err) != DURA_OK)
        return "";
    return s;
}

int64_t dossier_num(const dura_json *j, uint32_t object, const char *name)
{
    int64_t n = 0;
    uint32_t v = dura_json_member(j, object, name);
    dura_error err;
    if (v == DURA_JSON_NONE || dura_json_get_int(j, v, INT64_MIN, INT64_MAX, &n, &err) != DURA_OK)
        return 0;
    return n;
}

int dossier_has(const dura_json *j, uint32_t object, const char *name, const char *value)
{
    uint32_t list = dura_json_member(j, object, name);
    for (uint32_t v = dura_json_first(j, list); v != DURA_JSON_NONE; v = dura_json_next(j, v)) {
        const char *s;
        dura_error err;
        if (dura_json_type(j, v) == DURA_JSON_TEXT && dura_json_get_text(j, v, 0, 100000, &s, &err) == DURA_OK &&
            strcmp(s, value) == 0)
            return 1;
    }
    return 0;
}
