/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A label file: small, written by hand or by a spreadsheet, so it is read whole. Cells may
 * be quoted ("" inside is one quote); a byte order mark and CRLF are fine.
 */
#include "dura_host_people_priv.h"

#include <stdlib.h>
#include <strings.h>

#include "dura_host_files_priv.h"
#include "dura_host_frames_priv.h"

enum { COLUMNS_MAX = 256, NONE = -1 };

/* Which column is what. */
typedef struct columns {
    int frame, time, name, value, n;
} columns;

typedef struct reader {
    const char *path;
    char *at;
    uint32_t line;
    char *cell[COLUMNS_MAX];
    int n;
} reader;

static int wrong(const reader *r, dura_error *err, const char *field, const char *text)
{
    return dura_error_set(err, DURA_ESYNTAX, r->path, r->line, field, "%s", text);
}

/* A quoted cell at r->at: unescaped in place; NULL when it does not end on its line. */
static char *quoted(reader *r)
{
    char *to = ++r->at, *begin = to;
    while (*r->at && *r->at != '\n') {
        if (*r->at == '"') {
            if (r->at[1] != '"') {
                r->at++;
                *to = '\0';
                return begin;
            }
            r->at++;
        }
        *to++ = *r->at++;
    }
    return NULL;
}

/* The cells of the line at hand. 1; 0 at the end of the file; an error. */
static int next_row(reader *r, dura_error *err)
{
    r->n = 0;
    r->line++;
    if (!*r->at)
        return 0;
    for (;;) {
        char *cell = r->at;
        int is_quoted = *cell == '"';
        if (r->n == COLUMNS_MAX)
            return wrong(r, err, NULL, "has more than 256 cells");
        if (is_quoted && (cell = quoted(r)) == NULL)
            return wrong(r, err, NULL, "a quote is not closed on its line");
        size_t n = strcspn(r->at, ",\r\n");
        if (is_quoted && n > 0)
            return wrong(r, err, NULL, "there is text behind a closing quote");
        char *end = r->at + n, mark = *end;
        r->cell[r->n++] = cell;
        r->at = end + (mark != '\0') + (mark == '\r' && end[1] == '\n');
        *end = '\0';
        if (mark != ',')
            return 1;
    }
}

static int is_one(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(name, *list) == 0)
            return 1;
    return 0;
}

static int bind(const reader *r, columns *c, dura_error *err)
{
    static const char *const frames[] = {"frame", NULL}, *const times[] = {"time", "t", "timestamp", "datetime", "date", NULL},
                      *const names[] = {"name", "output", "channel", NULL}, *const values[] = {"value", "label", NULL};
    *c = (columns){NONE, NONE, NONE, NONE, r->n};
    for (int i = 0; i < r->n; i++) {
        int *place = is_one(r->cell[i], frames) ? &c->frame : is_one(r->cell[i], times) ? &c->time
                     : is_one(r->cell[i], names) ? &c->name : is_one(r->cell[i], values) ? &c->value : NULL;
        if (place && *place != NONE)
            return wrong(r, err, r->cell[i], "there are two such columns");
        if (place)
            *place = i;
    }
    if (c->frame == NONE && c->time == NONE)
        return wrong(r, err, "frame", "the header names neither frame nor time");
    if (c->name == NONE || c->value == NONE)
        return wrong(r, err, c->name == NONE ? "name" : "value", "the header does not name it: want frame,name,value");
    return DURA_OK;
}

static int read_frame(const reader *r, const char *text, uint64_t *out, dura_error *err)
{
    uint64_t v = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9' && v <= (UINT64_MAX - 9) / 10; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    *out = v;
    return p == text || *p ? wrong(r, err, "frame", "is no frame number") : DURA_OK;
}

/* The frame a row means. */
static int place(const reader *r, const columns *c, const durai_index *x, const char *folder, const char *format,
                 uint64_t *frame, dura_error *err)
{
    durai_place_of at;
    int64_t ns;
    int rc;
    if (c->frame != NONE && r->cell[c->frame][0]) {
        rc = read_frame(r, r->cell[c->frame], frame, err);
        if (rc == DURA_OK)
            rc = durai_index_frame(x, folder, *frame, &at, err);
    } else if (c->time == NONE || !r->cell[c->time][0]) {
        return wrong(r, err, "frame", "is empty");
    } else if (durai_time_text(r->cell[c->time], format, &ns) < 0) {
        return dura_error_set(err, DURA_ETIME, r->path, r->line, "time", "%.40s is no time", r->cell[c->time]);
    } else {
        rc = durai_index_at(x, folder, ns, &at, err);
    }
    if (rc == DURA_OK)
        *frame = at.frame;
    else if (err && rc == DURA_ENOENT) {     /* the row is where it is wrong, not the folder */
        char text[sizeof err->text];
        memcpy(text, err->text, sizeof text);
        rc = dura_error_set(err, rc, r->path, r->line, c->frame != NONE && r->cell[c->frame][0] ? "frame" : "time", "%s", text);
    }
    return rc;
}

static int one_label(const reader *r, const columns *c, const durai_run *run, durai_label *out, dura_error *err)
{
    uint32_t n = (uint32_t)run->n_channels + run->n_outputs;
    out->name = NULL;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(run->names[i], r->cell[c->name]) == 0)
            out->name = run->names[i];
    if (!out->name)
        return dura_error_set(err, DURA_EINVAL, r->path, r->line, "name", "%.63s is no output or channel of this run's policy",
                              r->cell[c->name]);
    out->value = r->cell[c->value];
    return durai_people_text(out->value, r->path, r->line, "value", err);
}

static int all_rows(durai_labels *l, reader *r, const durai_run *run, const durai_index *x, const char *format,
                    dura_error *err)
{
    columns c;
    size_t cap = 0;
    int rc = next_row(r, err);
    if (rc == 0)
        return wrong(r, err, NULL, "is empty: want frame,name,value");
    if (rc == 1)
        rc = bind(r, &c, err);
    while (rc == DURA_OK && (rc = next_row(r, err)) == 1) {
        rc = DURA_OK;
        if (r->n == 1 && !r->cell[0][0])
            continue;                        /* an empty line */
        if (r->n != c.n)
            return dura_error_set(err, DURA_ESYNTAX, r->path, r->line, NULL, "has %d cells where the header has %d", r->n, c.n);
        if (l->n == cap) {
            cap = cap ? 2 * cap : 64;
            durai_label *more = realloc(l->p, cap * sizeof *more);
            if (!more)
                return dura_error_set(err, DURA_ENOSPC, NULL, 0, NULL, "out of memory");
            l->p = more;
        }
        rc = place(r, &c, x, run->folder, format, &l->p[l->n].frame, err);
        if (rc == DURA_OK)
            rc = one_label(r, &c, run, &l->p[l->n], err);
        l->n += rc == DURA_OK;
    }
    return rc == DURA_OK && l->n == 0 ? wrong(r, err, NULL, "there is a header but no label") : rc;
}

int durai_labels_load(durai_labels *l, const durai_run *run, const char *path, const char *time_format, dura_error *err)
{
    durai_index x;
    reader r;
    size_t len;
    memset(l, 0, sizeof *l);
    memset(&r, 0, sizeof r);
    if (time_format && !durai_time_format_ok(time_format))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, "--time-format", "%.60s: is no format", time_format);
    int rc = durai_host_read(path, &l->text, &len, err);
    if (rc != DURA_OK)
        return rc;
    r.path = path;
    r.at = (char *)l->text;
    if (strlen(r.at) != len)
        rc = dura_error_set(err, DURA_ESYNTAX, path, 0, NULL, "is no text: it holds a zero byte");
    if (len >= 3 && memcmp(r.at, "\xEF\xBB\xBF", 3) == 0)
        r.at += 3;
    if (rc == DURA_OK)
        rc = durai_index_load(&x, run->folder, err);
    if (rc == DURA_OK) {
        rc = all_rows(l, &r, run, &x, time_format, err);
        durai_index_free(&x);
    }
    if (rc != DURA_OK)
        durai_labels_free(l);
    return rc;
}

void durai_labels_free(durai_labels *l)
{
    free(l->p);
    free(l->text);
    memset(l, 0, sizeof *l);
}
