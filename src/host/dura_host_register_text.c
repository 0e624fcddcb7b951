/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the register's sources write with: memory that goes at once, a growing text, and
 * JSON out of a document - canonical for digests (RFC 8785), indented for people.
 */
#include "dura_host_register_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- arena ---------------------------------------------------------------------------- */

struct durai_reg_block {
    durai_reg_block *before;
    uint64_t bytes[1];
};

void *durai_reg_take(durai_reg_arena *a, size_t n)
{
    n = (n + 7u) & ~(size_t)7;
    if (!a->last || n > a->room - a->used) {
        size_t room = n > 65536 ? n : 65536;
        durai_reg_block *b = calloc(1, sizeof *b + room);
        if (!b)
            return NULL;
        b->before = a->last;
        a->last = b;
        a->used = 0;
        a->room = room;
    }
    void *p = (uint8_t *)a->last->bytes + a->used;
    a->used += n;
    return p;
}

void durai_reg_drop(durai_reg_arena *a)
{
    while (a->last) {
        durai_reg_block *b = a->last;
        a->last = b->before;
        free(b);
    }
}

char *durai_reg_print(durai_reg_arena *a, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    char *p = durai_reg_take(a, len + 1);
    if (p)
        memcpy(p, line, len);
    return p;
}

/* ---- text ------------------------------------------------------------------------------- */

void durai_reg_put(durai_reg_text *t, const char *p, size_t n)
{
    if (t->failed)
        return;
    if (n >= t->cap - t->n) {
        size_t cap = 2 * (t->cap + n) + 256;
        char *more = realloc(t->p, cap);
        if (!more) {
            t->failed = 1;
            return;
        }
        t->p = more;
        t->cap = cap;
    }
    memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
}

void durai_reg_say(durai_reg_text *t, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    durai_reg_put(t, line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void durai_reg_quote(durai_reg_text *t, const char *text)
{
    durai_reg_put(t, "\"", 1);
    for (const char *p = text; *p; p++) {
        const char *shorts = "\b\t\n\f\r", *names = "btnfr";
        const char *s = strchr(shorts, *p);
        if (*p == '"' || *p == '\\')
            durai_reg_say(t, "\\%c", *p);
        else if (s)
            durai_reg_say(t, "\\%c", names[s - shorts]);
        else if ((unsigned char)*p < 0x20)
            durai_reg_say(t, "\\u%04x", (unsigned)*p);
        else
            durai_reg_put(t, p, 1);
    }
    durai_reg_put(t, "\"", 1);
}

int durai_reg_done(durai_reg_text *t, char **out, size_t *len)
{
    durai_reg_put(t, "", 0);
    *out = t->failed ? NULL : t->p;
    if (len)
        *len = t->failed ? 0 : t->n;
    if (t->failed)
        free(t->p);
    return *out ? DURA_OK : DURA_ENOSPC;
}

/* ---- JSON out of a document ------------------------------------------------------------ */

typedef struct member {
    const char *name;
    uint32_t value;
} member;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const member *)a)->name, ((const member *)b)->name);
}

static int write_plain(durai_reg_text *t, const dura_json *doc, uint32_t value)
{
    int64_t n;
    int b;
    const char *s;
    switch (dura_json_type(doc, value)) {
    case DURA_JSON_NULL:
        durai_reg_put(t, "null", 4);
        return DURA_OK;
    case DURA_JSON_BOOL:
        if (dura_json_get_bool(doc, value, &b, NULL) == DURA_OK)
            durai_reg_say(t, b ? "true" : "false");
        return DURA_OK;
    case DURA_JSON_TEXT:
        if (dura_json_get_text(doc, value, 0, DURA_JSON_BYTES_MAX, &s, NULL) != DURA_OK)
            return DURA_EINVAL;
        durai_reg_quote(t, s);
        return DURA_OK;
    default:
        if (dura_json_get_int(doc, value, -((int64_t)1 << 53), (int64_t)1 << 53, &n, NULL) != DURA_OK)
            return DURA_EINVAL;
        durai_reg_say(t, "%" PRId64, n);
        return DURA_OK;
    }
}

static void new_line(durai_reg_text *t, int indent)
{
    static const char blanks[] = "                                                                ";
    if (indent < 0)
        return;
    durai_reg_put(t, "\n", 1);
    durai_reg_put(t, blanks, (size_t)indent < sizeof blanks ? (size_t)indent : sizeof blanks - 1);
}

/* Lists of words and numbers stay on one line for people. */
static int is_flat(const dura_json *doc, uint32_t value)
{
    for (uint32_t v = dura_json_first(doc, value); v != DURA_JSON_NONE; v = dura_json_next(doc, v))
        if (dura_json_type(doc, v) >= DURA_JSON_ARRAY && dura_json_count(doc, v) > 0)
            return 0;
    return 1;
}

/* Recursion: no deeper than DURA_JSON_DEPTH_MAX, which the document's reader holds. */
int durai_reg_write(durai_reg_text *t, const dura_json *doc, uint32_t value, int indent)
{
    int type = dura_json_type(doc, value), rc = DURA_OK;
    uint32_t n = dura_json_count(doc, value), k = 0;
    if (type < DURA_JSON_ARRAY)
        return write_plain(t, doc, value);
    member *m = malloc((n + 1) * sizeof *m);
    if (!m)
        return DURA_ENOSPC;
    for (uint32_t v = dura_json_first(doc, value); v != DURA_JSON_NONE; v = dura_json_next(doc, v))
        m[k++] = (member){dura_json_name(doc, v), v};
    if (type == DURA_JSON_OBJECT && indent < 0)
        qsort(m, n, sizeof *m, by_name);
    int deeper = indent < 0 || (type == DURA_JSON_ARRAY && is_flat(doc, value)) ? -1 : indent + 1;
    durai_reg_put(t, type == DURA_JSON_OBJECT ? "{" : "[", 1);
    for (k = 0; k < n && rc == DURA_OK; k++) {
        if (k)
            durai_reg_put(t, indent >= 0 && deeper < 0 ? ", " : ",", indent >= 0 && deeper < 0 ? 2 : 1);
        new_line(t, deeper);
        if (type == DURA_JSON_OBJECT) {
            durai_reg_quote(t, m[k].name);
            durai_reg_put(t, ": ", indent < 0 ? 1 : 2);
        }
        rc = durai_reg_write(t, doc, m[k].value, deeper);
    }
    if (n)
        new_line(t, deeper < 0 ? -1 : indent);
    durai_reg_put(t, type == DURA_JSON_OBJECT ? "}" : "]", 1);
    free(m);
    return rc;
}

int dura_register_canonical(const dura_json *doc, uint32_t value, char **out, size_t *len)
{
    durai_reg_text t = {0};
    if (!doc || !out || !len || !dura_json_type(doc, value))
        return DURA_EINVAL;
    *out = NULL;
    int rc = durai_reg_write(&t, doc, value, -1);
    if (rc == DURA_OK)
        return durai_reg_done(&t, out, len);
    free(t.p);
    return rc;
}

void dura_register_free(void *p)
{
    free(p);
}
