/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NDJSON rows: one JSON object per line (RFC 8259), walked in place without a tree.
 *
 * The first object is the header too: it names every wanted channel, null where there is
 * no value; later ones may leave channels out. Values are numbers, null, or text with what
 * a CSV cell may hold ("nan", "inf", "", digits). The bare words NaN and Infinity, which
 * Python and JavaScript libraries write, are taken as well. Members that nobody wants may
 * be anything; they are checked for their grammar without recursion.
 */
#include "dura_host_frames_priv.h"

#include "../base/dura_base_priv.h"

#include <stdlib.h>

enum { DEPTH_MAX = 63, TEXT_MAX = 64 };   /* nested containers (bits of a word); cell bytes */

/* A cursor on the line, with the one error a walk can end in. */
typedef struct walk {
    dura_frames *f;
    const char *p;
    dura_error *err;
} walk;

static int fail(const walk *w, const char *what)
{
    return durai_frames_error(w->f, w->err, DURA_ESYNTAX, NULL, "byte %u: %s",
                              (unsigned)(w->p - w->f->line) + 1, what);
}

static void blanks(walk *w)
{
    w->p += strspn(w->p, " \t\r");
}

/* ---- strings ---------------------------------------------------------------------- */

/* What is cut off at `cap` can be no name and no number we want. */
typedef struct text_out {
    char *p;
    size_t n, cap;
} text_out;

static void put(text_out *o, uint32_t byte)
{
    if (o->n + 1 < o->cap)
        o->p[o->n] = (char)byte;
    o->n++;
}

static void put_utf8(text_out *o, uint32_t c)
{
    if (c < 0x80) {
        put(o, c);
        return;
    }
    if (c < 0x800) {
        put(o, 0xC0 | (c >> 6));
    } else {
        if (c < 0x10000) {
            put(o, 0xE0 | (c >> 12));
        } else {
            put(o, 0xF0 | (c >> 18));
            put(o, 0x80 | ((c >> 12) & 0x3F));
        }
        put(o, 0x80 | ((c >> 6) & 0x3F));
    }
    put(o, 0x80 | (c & 0x3F));
}

/* Four hexadecimal digits. -1: none. */
static int32_t hex4(const char *p)
{
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int c = p[i] | 0x20;
        if (p[i] >= '0' && p[i] <= '9')
            v = v * 16 + (p[i] - '0');
        else if (c >= 'a' && c <= 'f')
            v = v * 16 + (c - 'a' + 10);
        else
            return -1;
    }
    return v;
}

/* \uXXXX at p, two of them for what lies beyond 16 bits. Bytes taken; 0: wrong. */
static size_t unicode_escape(const char *p, text_out *o)
{
    int32_t c = hex4(p + 2);
    if (c <= 0 || (c >= 0xDC00 && c <= 0xDFFF))
        return 0;
    if (c < 0xD800 || c > 0xDBFF) {
        put_utf8(o, (uint32_t)c);
        return 6;
    }
    int32_t low = p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return 0;
    put_utf8(o, 0x10000 + ((uint32_t)(c - 0xD800) << 10) + (uint32_t)(low - 0xDC00));
    return 12;
}

static size_t escape(const char *p, text_out *o)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (p[1] == 'u')
        return unicode_escape(p, o);
    const char *at = p[1] ? strchr(from, p[1]) : NULL;
    if (!at)
        return 0;
    put(o, (unsigned char)to[at - from]);
    return 2;
}

/* The string at w->p into o, terminated and cut off at its room. */
static int string(walk *w, text_out *o)
{
    DURA_ASSERT(*w->p == '"' && o->cap > 0);
    for (w->p++; *w->p != '"';) {
        size_t n = 1;
        if ((unsigned char)*w->p < 0x20)
            return fail(w, *w->p ? "a control character in a string" : "the line ends inside a string");
        if (*w->p == '\\')
            n = escape(w->p, o);
        else
            put(o, (unsigned char)*w->p);
        if (!n)
            return fail(w, "no such escape in a string");
        w->p += n;
    }
    w->p++;
    o->p[o->n < o->cap ? o->n : o->cap - 1] = '\0';
    return 0;
}

/* ---- other values ------------------------------------------------------------------- */

/* Length of a JSON number at p; 0: none. */
static size_t number_len(const char *p)
{
    static const char digit[] = "0123456789";
    const char *q = p + (*p == '-');
    size_t n = strspn(q, digit);
    if (!n || (n > 1 && *q == '0'))
        return 0;
    q += n;
    if (*q == '.') {
        n = strspn(++q, digit);
        if (!n)
            return 0;
        q += n;
    }
    if (*q == 'e' || *q == 'E') {
        q += 1 + (q[1] == '+' || q[1] == '-');
        n = strspn(q, digit);
        if (!n)
            return 0;
        q += n;
    }
    return (size_t)(q - p);
}

/* Length of a word that stands for a value; 0: none. */
static size_t word_len(const char *p)
{
    static const char *const words[] = {"null", "true", "false", "NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(p, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    return 0;
}

/* A scalar as the text of a CSV cell: null is the empty text. */
static int scalar(walk *w, text_out *o)
{
    if (*w->p == '"')
        return string(w, o);
    size_t n = number_len(w->p);
    if (!n)
        n = word_len(w->p);
    if (!n)
        return fail(w, *w->p ? "want a number, text or null" : "the line ends before the object does");
    for (size_t i = 0; i < n && *w->p != 'n'; i++)
        put(o, (unsigned char)w->p[i]);
    o->p[o->n < o->cap ? o->n : o->cap - 1] = '\0';
    w->p += n;
    return 0;
}

/* ---- members nobody wants ------------------------------------------------------------- */

/* Containers that are open, innermost in the lowest bit: 1 is an object. */
typedef struct nest {
    uint64_t kinds;
    int depth;
} nest;

static int nest_open(walk *w, nest *s)
{
    if (s->depth == DEPTH_MAX)
        return fail(w, "nested too deep");
    s->kinds = (s->kinds << 1) | (*w->p++ == '{');
    s->depth++;
    blanks(w);
    return 0;
}

/* Closing brackets as far as they go. 1 while something is still open. */
static int nest_close(walk *w, nest *s)
{
    while (s->depth && *w->p == ((s->kinds & 1) ? '}' : ']')) {
        s->kinds >>= 1;
        s->depth--;
        w->p++;
        if (s->depth)
            blanks(w);
    }
    return s->depth > 0;
}

static int skip_key(walk *w)
{
    char none[1];
    text_out o = {none, 0, 1};
    if (*w->p != '"')
        return fail(w, *w->p ? "want a name in quotes" : "the line ends before the object does");
    int rc = string(w, &o);
    if (rc < 0)
        return rc;
    blanks(w);
    if (*w->p != ':')
        return fail(w, "want a colon behind the name");
    w->p++;
    blanks(w);
    return 0;
}

/* Any value, checked, without recursion. */
static int skip_value(walk *w)
{
    nest s = {0, 0};
    char none[1];
    int rc = 0;
    for (;;) {
        int fresh = *w->p == '{' || *w->p == '[';
        text_out o = {none, 0, 1};
        rc = fresh ? nest_open(w, &s) : scalar(w, &o);
        if (rc < 0)
            return rc;
        if (s.depth)
            blanks(w);
        int empty = fresh && (*w->p == ']' || *w->p == '}');
        if ((!fresh || empty) && !nest_close(w, &s))
            return 0;
        if (!fresh || empty) {
            if (*w->p != ',')
                return fail(w, *w->p ? "want a comma or the closing bracket" : "the line ends before the object does");
            w->p++;
            blanks(w);
        }
        if ((s.kinds & 1) && (rc = skip_key(w)) < 0)
            return rc;
    }
}

/* ---- the object ---------------------------------------------------------------------- */

/* The next member's name into key, the cursor on its value. 1; 0 behind the last. */
static int next_member(walk *w, int first, text_out *key)
{
    blanks(w);
    if (*w->p == '}') {
        w->p++;
        blanks(w);
        return *w->p ? fail(w, "something follows the object: want one object per line") : 0;
    }
    if (!first && *w->p++ != ',') {
        w->p--;
        return fail(w, *w->p ? "want a comma or the closing brace" : "the line ends before the object does");
    }
    blanks(w);
    if (*w->p != '"')
        return fail(w, *w->p ? "want a name in quotes" : "the line ends before the object does");
    key->n = 0;
    int rc = string(w, key);
    blanks(w);
    if (rc == 0 && *w->p != ':')
        rc = fail(w, "want a colon behind the name");
    if (rc < 0)
        return rc;
    w->p++;
    blanks(w);
    return 1;
}

static int open_object(walk *w)
{
    blanks(w);
    if (*w->p != '{')
        return fail(w, "want one JSON object per line");
    w->p++;
    return 0;
}

/* The names of the first object, n of them, each on the heap. */
static int collect_names(walk *w, char ***names, uint32_t *n)
{
    char name[DURAI_FRAMES_NAME];
    text_out key = {name, 0, sizeof name};
    int rc = open_object(w);
    while (rc == 0 && (rc = next_member(w, *n == 0, &key)) == 1) {
        char **more = *n % 64 ? *names : realloc(*names, (*n + 64) * sizeof *more);
        if (!more)
            return durai_frames_error(w->f, w->err, DURA_ENOSPC, NULL, "out of memory");
        *names = more;
        more[*n] = strdup(name);
        if (!more[*n])
            return durai_frames_error(w->f, w->err, DURA_ENOSPC, NULL, "out of memory");
        ++*n;
        rc = *n >= DURA_FRAMES_COLUMNS_MAX ? fail(w, "too many members") : skip_value(w);
    }
    return rc;
}

int durai_frames_json_header(dura_frames *f, dura_error *err)
{
    walk w = {f, f->line, err};
    char **names = NULL;
    uint32_t n = 0;
    int rc = collect_names(&w, &names, &n);
    if (rc == 0)
        rc = durai_frames_bind(f, names, n, NULL, err);
    for (uint32_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    f->first = 1;
    return rc;
}

/* The channel called `name`, or f->n. Rows mostly repeat the policy's order, so the
 * search begins behind the last one found. */
static uint32_t channel_named(const dura_frames *f, const char *name, uint32_t from)
{
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t k = from + i < f->n ? from + i : from + i - f->n;
        if (strcmp(f->name[k], name) == 0)
            return k;
    }
    return f->n;
}

/* A wanted member's value as text. A cut-off text is no number, so it fails as one. */
static int cell(walk *w, const char *name, char text[TEXT_MAX])
{
    text_out o = {text, 0, TEXT_MAX};
    if (*w->p == '{' || *w->p == '[')
        return durai_frames_error(w->f, w->err, DURA_ESYNTAX, name, "is an object or a list: want a number");
    int rc = scalar(w, &o);
    if (rc == 0 && o.n >= TEXT_MAX)
        return durai_frames_error(w->f, w->err, DURA_ESYNTAX, name, "has %u bytes: no number is that long",
                                  (unsigned)o.n);
    return rc;
}

static int twice(walk *w, const char *name)
{
    return durai_frames_error(w->f, w->err, DURA_ESYNTAX, name, "stands twice in one object");
}

/* One member into its channel, the time, or nowhere. */
static int take_member(walk *w, const char *name, uint32_t *from, int *timed)
{
    dura_frames *f = w->f;
    char text[TEXT_MAX];
    int is_time = strcmp(name, f->time_name) == 0;
    uint32_t k = is_time ? f->n : channel_named(f, name, *from);
    if (!is_time && k == f->n)
        return skip_value(w);
    if (is_time ? *timed : f->seen[k])
        return twice(w, name);
    int rc = cell(w, name, text);
    if (rc < 0)
        return rc;
    if (is_time) {
        *timed = 1;
        return durai_frames_time(f, text, w->err);
    }
    f->seen[k] = 1;
    *from = k + 1;
    return durai_frames_value(f, k, text, w->err);
}

int durai_frames_json_row(dura_frames *f, dura_error *err)
{
    walk w = {f, f->line, err};
    char name[DURAI_FRAMES_NAME];
    text_out key = {name, 0, sizeof name};
    uint32_t from = 0;
    int timed = 0, first = 1;
    memset(f->seen, 0, f->n);
    memset(f->missing, 1, f->n);
    memset(f->value, 0, f->n * sizeof *f->value);
    int rc = open_object(&w);
    while (rc == 0 && (rc = next_member(&w, first, &key)) == 1) {
        rc = take_member(&w, name, &from, &timed);
        first = 0;
    }
    if (rc == 0 && !timed)
        return durai_frames_error(f, err, DURA_ETIME, f->time_name, "the row has no time");
    return rc;
}
