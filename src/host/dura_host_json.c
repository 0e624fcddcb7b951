/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON documents: the scanner's tokens joined to cJSON's tree.
 *
 * cJSON decodes strings and numbers of a text the scanner has accepted. Both walk the
 * text in the same order, so the n-th token is the n-th node; a disagreement is refused
 * rather than resolved. Why not cJSON alone: it keeps duplicate members and answers with
 * the first, compares names without case by default, rounds 2^53+1 to 2^53 and takes
 * bytes behind the value.
 */
#include "dura_host_json_priv.h"
#include "../base/dura_base_priv.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct dura_json {
    durai_json_text t;
    cJSON *tree;
    char *text;         /* ours, zero-terminated */
    char *filename;
};

/* ---- building -------------------------------------------------------------------- */

/* The scanner's kind of a token and cJSON's of a node are the same. */
static int same_kind(char first, const cJSON *node)
{
    switch (first) {
    case '{': return cJSON_IsObject(node);
    case '[': return cJSON_IsArray(node);
    case '"': return cJSON_IsString(node);
    case 't': return cJSON_IsTrue(node);
    case 'f': return cJSON_IsFalse(node);
    case 'n': return cJSON_IsNull(node);
    default: return cJSON_IsNumber(node);
    }
}

/* Give each token its node. 0, or DURA_ESYNTAX when the two trees differ. A first child's
 * node is set by its parent, any other's by the sibling before it. */
static int bind_nodes(dura_json *d)
{
    uint32_t i;
    d->t.token[0].node = d->tree;
    for (i = 0; i < d->t.n; i++) {
        durai_json_token *k = &d->t.token[i];
        cJSON *node = k->node;
        DURA_ASSERT(k->parent == DURA_JSON_NONE || k->parent < i);
        if (!node || !same_kind(d->t.p[k->value], node) || (!k->count && node->child))
            return DURA_ESYNTAX;
        if (k->count)
            d->t.token[i + 1].node = node->child;
        if (k->next != DURA_JSON_NONE)
            d->t.token[k->next].node = node->next;
        else if (node->next)
            return DURA_ESYNTAX;
    }
    return DURA_OK;
}

/* A number that overflows, or becomes 0 without being written as 0, is another number. */
static int refuse_out_of_range(const dura_json *d, dura_error *err)
{
    uint32_t i;
    for (i = 0; i < d->t.n; i++) {
        const durai_json_token *k = &d->t.token[i];
        double v = k->node->valuedouble;
        int written = 0;
        uint32_t c;
        if (dura_json_type(d, i) != DURA_JSON_NUMBER)
            continue;
        for (c = k->value; c < k->end && d->t.p[c] != 'e' && d->t.p[c] != 'E'; c++)
            written |= d->t.p[c] >= '1' && d->t.p[c] <= '9';
        if (isinf(v))
            return dura_json_fail(d, i, err, DURA_ESYNTAX, "this number is too large; at most 1.7e308");
        if (written && !(v > 0 || v < 0))
            return dura_json_fail(d, i, err, DURA_ESYNTAX, "this number is too small; write 0 if you mean 0");
    }
    return DURA_OK;
}

typedef struct member_name {
    const char *name;
    uint32_t token;
} member_name;

static int by_name(const void *a, const void *b)
{
    const member_name *x = (const member_name *)a, *y = (const member_name *)b;
    int c = strcmp(x->name, y->name);
    return c ? c : (x->token > y->token) - (x->token < y->token);
}

/* The first member, in text order, whose decoded name the object had already. */
static int find_twice(const dura_json *d, uint32_t object, member_name *names, uint32_t *twice)
{
    uint32_t i, n = 0;
    *twice = DURA_JSON_NONE;
    for (i = dura_json_first(d, object); i != DURA_JSON_NONE; i = dura_json_next(d, i)) {
        names[n].name = dura_json_name(d, i);
        names[n++].token = i;
    }
    DURA_ASSERT(n == d->t.token[object].count);
    qsort(names, n, sizeof *names, by_name);
    for (i = 1; i < n; i++)
        if (strcmp(names[i - 1].name, names[i].name) == 0 && names[i].token < *twice)
            *twice = names[i].token;
    return *twice != DURA_JSON_NONE;
}

static int refuse_duplicates(const dura_json *d, dura_error *err)
{
    uint32_t i, twice = DURA_JSON_NONE, most = 0;
    member_name *names;
    for (i = 0; i < d->t.n; i++)
        if (d->t.token[i].count > most)
            most = d->t.token[i].count;
    if (most < 2)
        return DURA_OK;
    names = (member_name *)malloc(most * sizeof *names);
    if (!names)
        return dura_error_set(err, DURA_ENOSPC, d->filename, 0, "", "out of memory");
    for (i = 0; i < d->t.n && twice == DURA_JSON_NONE; i++)
        if (dura_json_type(d, i) == DURA_JSON_OBJECT)
            (void)find_twice(d, i, names, &twice);
    free(names);
    if (twice == DURA_JSON_NONE)
        return DURA_OK;
    return dura_json_fail(d, twice, err, DURA_ESYNTAX, "\"%.63s\" is given twice in this object; keep one",
                          dura_json_name(d, twice));
}

static char *copy_bytes(const char *p, size_t n)
{
    char *out = (char *)malloc(n + 1);
    if (!out)
        return NULL;
    memcpy(out, p, n);
    out[n] = 0;
    return out;
}

/* Everything behind the allocation of d. */
static int build(dura_json *d, const char *text, size_t len, const char *filename, dura_error *err)
{
    int rc;
    d->filename = copy_bytes(filename ? filename : "", filename ? strlen(filename) : 0);
    d->text = len <= d->t.bytes_max ? copy_bytes(text, len) : NULL;
    d->t.p = d->text ? d->text : text;
    d->t.len = len;
    d->t.filename = d->filename;
    if (!d->filename || (!d->text && len <= d->t.bytes_max))
        return dura_error_set(err, DURA_ENOSPC, filename, 0, "", "out of memory");
    rc = durai_json_scan(&d->t, err);
    if (rc < 0)
        return rc;
    d->tree = cJSON_ParseWithLength(d->text, len);
    if (!d->tree || bind_nodes(d) < 0)
        return dura_error_set(err, DURA_ESYNTAX, filename, 0, "", "two parsers read this text differently");
    rc = refuse_out_of_range(d, err);
    return rc < 0 ? rc : refuse_duplicates(d, err);
}

int durai_json_parse_within(const char *text, size_t len, const char *filename, size_t bytes_max,
                            uint32_t values_max, dura_json **out, dura_error *err)
{
    dura_json *d;
    int rc;
    if (!out)
        return dura_error_set(err, DURA_EINVAL, filename, 0, "", "no place for the document");
    *out = NULL;
    if (!text)
        return dura_error_set(err, DURA_EINVAL, filename, 0, "", "no text");
    d = (dura_json *)calloc(1, sizeof *d);
    if (!d)
        return dura_error_set(err, DURA_ENOSPC, filename, 0, "", "out of memory");
    DURA_ASSERT(bytes_max <= UINT32_MAX);
    d->t.bytes_max = bytes_max;
    d->t.values_max = values_max;
    rc = build(d, text, len, filename, err);
    if (rc < 0) {
        dura_json_deinit(d);
        return rc;
    }
    *out = d;
    return DURA_OK;
}

int dura_json_parse(const char *text, size_t len, const char *filename, dura_json **out,
                    dura_error *err)
{
    return durai_json_parse_within(text, len, filename, DURA_JSON_BYTES_MAX, DURA_JSON_VALUES_MAX, out, err);
}

/* Up to one byte more than is allowed, so that the limit is the scanner's to report. */
static int read_all(const char *filename, char **text, size_t *len, dura_error *err)
{
    FILE *f = fopen(filename, "rb");
    int bad;
    *text = (char *)malloc(DURA_JSON_BYTES_MAX + 1);
    *len = 0;
    if (f && *text)
        *len = fread(*text, 1, DURA_JSON_BYTES_MAX + 1, f);
    bad = !f || ferror(f);
    if (f)
        (void)fclose(f);
    if (!bad && *text)
        return DURA_OK;
    free(*text);
    *text = NULL;
    if (!bad)
        return dura_error_set(err, DURA_ENOSPC, filename, 0, "", "out of memory");
    return dura_error_set(err, DURA_EIO, filename, 0, "", "cannot be read; does it exist and may you read it?");
}

int dura_json_load(const char *filename, dura_json **out, dura_error *err)
{
    char *text;
    size_t len;
    int rc;
    if (!out || !filename)
        return dura_error_set(err, DURA_EINVAL, filename, 0, "", "no file name or no place for the document");
    *out = NULL;
    rc = read_all(filename, &text, &len, err);
    if (rc < 0)
        return rc;
    rc = dura_json_parse(text, len, filename, out, err);
    free(text);
    return rc;
}

void dura_json_deinit(dura_json *doc)
{
    if (!doc)
        return;
    cJSON_Delete(doc->tree);
    free(doc->t.token);
    free(doc->text);
    free(doc->filename);
    free(doc);
}

/* ---- walking --------------------------------------------------------------------- */

/* The token of a value, or NULL. */
static const durai_json_token *token_of(const dura_json *doc, uint32_t value)
{
    return doc && value < doc->t.n ? &doc->t.token[value] : NULL;
}

int dura_json_type(const dura_json *doc, uint32_t value)
{
    const durai_json_token *k = token_of(doc, value);
    if (!k)
        return 0;
    switch (doc->t.p[k->value]) {
    case '{': return DURA_JSON_OBJECT;
    case '[': return DURA_JSON_ARRAY;
    case '"': return DURA_JSON_TEXT;
    case 't':
    case 'f': return DURA_JSON_BOOL;
    case 'n': return DURA_JSON_NULL;
    default: return DURA_JSON_NUMBER;
    }
}

uint32_t dura_json_count(const dura_json *doc, uint32_t value)
{
    const durai_json_token *k = token_of(doc, value);
    return k ? k->count : 0;
}

uint32_t dura_json_first(const dura_json *doc, uint32_t value)
{
    /* The first child is the token right behind its container. */
    return dura_json_count(doc, value) ? value + 1 : DURA_JSON_NONE;
}

uint32_t dura_json_next(const dura_json *doc, uint32_t value)
{
    const durai_json_token *k = token_of(doc, value);
    return k ? k->next : DURA_JSON_NONE;
}

const char *dura_json_name(const dura_json *doc, uint32_t value)
{
    const durai_json_token *k = token_of(doc, value);
    return k && k->node->string ? k->node->string : "";
}

uint32_t dura_json_member(const dura_json *doc, uint32_t object, const char *name)
{
    uint32_t i;
    if (!name || dura_json_type(doc, object) != DURA_JSON_OBJECT)
        return DURA_JSON_NONE;
    for (i = dura_json_first(doc, object); i != DURA_JSON_NONE; i = dura_json_next(doc, i))
        if (strcmp(dura_json_name(doc, i), name) == 0)
            return i;
    return DURA_JSON_NONE;
}

uint32_t dura_json_line(const dura_json *doc, uint32_t value)
{
    const durai_json_token *k = token_of(doc, value);
    return k ? durai_json_line_at(&doc->t, k->at) : 0;
}

const char *dura_json_path(const dura_json *doc, uint32_t value, char *buf, size_t n)
{
    if (n)
        buf[0] = 0;
    return token_of(doc, value) ? durai_json_path_of(&doc->t, value, buf, n) : buf;
}

const char *dura_json_file(const dura_json *doc)
{
    return doc ? doc->filename : "";
}

int dura_json_fail(const dura_json *doc, uint32_t value, dura_error *err, int code,
                   const char *fmt, ...)
{
    char path[128], text[384];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return dura_error_set(err, code, dura_json_file(doc), dura_json_line(doc, value),
                          dura_json_path(doc, value, path, sizeof path), "%s", text);
}

/* ---- typed access ---------------------------------------------------------------- */

/* The value as it is written, for a message: at most 40 bytes, cut between characters. */
static const char *excerpt(const dura_json *doc, uint32_t value, char buf[48])
{
    const durai_json_token *k = token_of(doc, value);
    size_t i, n = k ? k->end - k->value : 0;
    const char *p = k ? doc->t.p + k->value : "";
    int cut = n > 40;
    if (cut)
        n = 40;
    while (cut && n > 0 && ((uint8_t)p[n] & 0xC0u) == 0x80u)
        n--;
    for (i = 0; i < n; i++)
        buf[i] = (uint8_t)p[i] < 0x20 ? ' ' : p[i];
    (void)snprintf(buf + n, 48 - n, "%s", cut ? "..." : "");
    return buf;
}

static int refuse(const dura_json *doc, uint32_t value, dura_error *err, const char *wanted)
{
    char said[48];
    return dura_json_fail(doc, value, err, DURA_EINVAL, "wants %s, not %s", wanted,
                          excerpt(doc, value, said));
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Edits from a to b without regard to case; names of 31 bytes at most, else far. */
static size_t distance(const char *a, const char *b)
{
    size_t row[33], i, k, na = strlen(a), nb = strlen(b);
    if (na > 31 || nb > 31)
        return 99;
    for (k = 0; k <= nb; k++)
        row[k] = k;
    for (i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (k = 1; k <= nb; k++) {
            size_t best = diagonal + (lower(a[i - 1]) != lower(b[k - 1]));
            diagonal = row[k];
            if (row[k] + 1 < best)
                best = row[k] + 1;
            row[k] = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
        }
    }
    return row[nb];
}

/* The known name nearest to a wrong one, or NULL when none is near. The beginning of a
 * name ("gap" for "gap_ms") counts as one edit. */
static const char *nearest(const char *name, const char *const *names)
{
    const char *best = NULL;
    size_t least = 4, n = strlen(name);
    for (; *names; names++) {
        size_t d = n >= 3 && strncmp(name, *names, n) == 0 ? 1 : distance(name, *names);
        if (d < least && d <= n / 2 + 1) {
            least = d;
            best = *names;
        }
    }
    return best;
}

static int is_among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return 1;
    return 0;
}

int dura_json_only(const dura_json *doc, uint32_t object, const char *const *names, dura_error *err)
{
    uint32_t i;
    int rc = dura_json_want(doc, object, DURA_JSON_OBJECT, 0, UINT32_MAX, err);
    if (rc < 0)
        return rc;
    for (i = dura_json_first(doc, object); i != DURA_JSON_NONE; i = dura_json_next(doc, i)) {
        const char *name = dura_json_name(doc, i), *near;
        if (is_among(name, names))
            continue;
        near = nearest(name, names);
        return dura_json_fail(doc, i, err, DURA_EINVAL, "there is no member \"%.63s\" here; %s%s%s", name,
                              near ? "did you mean \"" : "remove it", near ? near : "", near ? "\"?" : "");
    }
    return DURA_OK;
}

int dura_json_want(const dura_json *doc, uint32_t value, int type, uint32_t min, uint32_t max,
                   dura_error *err)
{
    const char *many = type == DURA_JSON_OBJECT ? "members" : "items";
    uint32_t n = dura_json_count(doc, value);
    if (dura_json_type(doc, value) != type)
        return refuse(doc, value, err, type == DURA_JSON_OBJECT ? "an object {...}" : "a list [...]");
    if (n < min || n > max)
        return dura_json_fail(doc, value, err, DURA_EINVAL, "wants %u to %u %s, not %u", (unsigned)min,
                              (unsigned)max, many, (unsigned)n);
    return DURA_OK;
}

int dura_json_get_text(const dura_json *doc, uint32_t value, size_t min, size_t max, const char **out,
                       dura_error *err)
{
    const char *text, *p;
    size_t n;
    if (dura_json_type(doc, value) != DURA_JSON_TEXT)
        return refuse(doc, value, err, "text in double quotes");
    text = doc->t.token[value].node->valuestring;
    n = strlen(text);
    if (n < min || n > max)
        return dura_json_fail(doc, value, err, DURA_EINVAL, "wants text of %zu to %zu bytes, not %zu", min, max, n);
    for (p = text; *p; p++)
        if ((uint8_t)*p < 0x20 || *p == 0x7F)
            return refuse(doc, value, err, "text without control characters");
    *out = text;
    return DURA_OK;
}

int dura_json_get_bool(const dura_json *doc, uint32_t value, int *out, dura_error *err)
{
    if (dura_json_type(doc, value) != DURA_JSON_BOOL)
        return refuse(doc, value, err, "true or false");
    *out = doc->t.p[doc->t.token[value].value] == 't';
    return DURA_OK;
}

/* Written as an integer: no point, no exponent. The scanner has made sure it is exact. */
static int is_integer(const dura_json *doc, uint32_t value)
{
    const durai_json_token *k = token_of(doc, value);
    uint32_t i;
    if (dura_json_type(doc, value) != DURA_JSON_NUMBER)
        return 0;
    for (i = k->value; i < k->end; i++)
        if (doc->t.p[i] == '.' || doc->t.p[i] == 'e' || doc->t.p[i] == 'E')
            return 0;
    return 1;
}

int dura_json_get_int(const dura_json *doc, uint32_t value, int64_t lo, int64_t hi, int64_t *out,
                      dura_error *err)
{
    char wanted[96];
    int64_t v;
    DURA_ASSERT(lo <= hi);
    (void)snprintf(wanted, sizeof wanted, "an integer %lld..%lld", (long long)lo, (long long)hi);
    if (!is_integer(doc, value))
        return refuse(doc, value, err, wanted);
    v = (int64_t)doc->t.token[value].node->valuedouble;
    if (v < lo || v > hi)
        return refuse(doc, value, err, wanted);
    *out = v;
    return DURA_OK;
}

/* A decimal string without leading zeros that fits 64 bits. */
static int decimal_u64(const char *p, uint64_t *out)
{
    uint64_t v = 0;
    if (!*p || (*p == '0' && p[1]))
        return 0;
    for (; *p; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (*p < '0' || *p > '9' || v > (UINT64_MAX - digit) / 10)
            return 0;
        v = v * 10 + digit;
    }
    *out = v;
    return 1;
}

int dura_json_get_u64(const dura_json *doc, uint32_t value, uint64_t *out, dura_error *err)
{
    double v;
    if (is_integer(doc, value)) {
        v = doc->t.token[value].node->valuedouble;
        if (v >= 0) {
            *out = (uint64_t)v;
            return DURA_OK;
        }
    }
    if (dura_json_type(doc, value) == DURA_JSON_TEXT &&
        decimal_u64(doc->t.token[value].node->valuestring, out))
        return DURA_OK;
    return refuse(doc, value, err, "0..18446744073709551615 as a decimal string");
}

int dura_json_get_f64(const dura_json *doc, uint32_t value, double *out, dura_error *err)
{
    if (dura_json_type(doc, value) != DURA_JSON_NUMBER)
        return refuse(doc, value, err, "a number");
    *out = doc->t.token[value].node->valuedouble;
    return DURA_OK;
}

int dura_json_get_f32(const dura_json *doc, uint32_t value, float *out, dura_error *err)
{
    double v = 0;
    float f;
    int rc = dura_json_get_f64(doc, value, &v, err);
    if (rc < 0)
        return rc;
    /* The first double that rounds to infinity as binary32 is 2^128 - 2^103. */
    if (v >= 0x1.ffffffp127 || v <= -0x1.ffffffp127)
        return refuse(doc, value, err, "a number within +-3.4e38");
    f = (float)v;
    if ((durai_f32_bits(f) & 0x7FFFFFFFu) == 0 && (v > 0 || v < 0))
        return refuse(doc, value, err, "a number of at least 1.4e-45, or 0,");
    *out = f + 0.0f;    /* -0 becomes 0: one value, one encoding */
    return DURA_OK;
}

int dura_json_get_word(const dura_json *doc, uint32_t value, const char *const *words, uint32_t *out,
                       dura_error *err)
{
    char wanted[160] = "one of";
    size_t n = strlen(wanted);
    uint32_t i;
    for (i = 0; words[i]; i++) {
        if (dura_json_type(doc, value) == DURA_JSON_TEXT &&
            strcmp(doc->t.token[value].node->valuestring, words[i]) == 0) {
            *out = i;
            return DURA_OK;
        }
        if (n < sizeof wanted)
            n += (size_t)snprintf(wanted + n, sizeof wanted - n, "%s \"%s\"", i ? "," : "", words[i]);
    }
    return refuse(doc, value, err, wanted);
}

static int nibble(char c)
{
    int l = lower(c);
    if (l >= '0' && l <= '9')
        return l - '0';
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

int dura_json_get_hex(const dura_json *doc, uint32_t value, uint8_t *out, size_t n, dura_error *err)
{
    char wanted[48];
    const char *p = "";
    size_t i;
    (void)snprintf(wanted, sizeof wanted, "%zu hex digits", 2 * n);
    if (dura_json_type(doc, value) == DURA_JSON_TEXT)
        p = doc->t.token[value].node->valuestring;
    if (strlen(p) != 2 * n)
        return refuse(doc, value, err, wanted);
    for (i = 0; i < n; i++)
        if (nibble(p[2 * i]) < 0 || nibble(p[2 * i + 1]) < 0)
            return refuse(doc, value, err, wanted);
    for (i = 0; i < n; i++)
        out[i] = (uint8_t)(nibble(p[2 * i]) * 16 + nibble(p[2 * i + 1]));
    return DURA_OK;
}
