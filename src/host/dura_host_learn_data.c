/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recording a policy is learned from: a CSV file read twice. The first time finds out
 * which columns hold numbers and how many rows there are; the second time is the frames
 * reader of every other command, with those columns as channels, so that what learning
 * sees is what the guard will see.
 */
#include "dura_host_learn_priv.h"
#include "dura_host_frames_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAME_BYTES = 64 };       /* of a name that is compared */

/* ---- text ------------------------------------------------------------------------------ */

static int text_room(durai_text *t, size_t more)
{
    if (t->len + more + 1 > t->cap) {
        size_t cap = 2 * (t->len + more) + 256;
        char *p = t->failed ? NULL : realloc(t->p, cap);
        if (!p) {
            t->failed = 1;
            return 0;
        }
        t->p = p;
        t->cap = cap;
    }
    return 1;
}

void durai_text_put(durai_text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0 || !text_room(t, (size_t)n))
        return;
    va_start(args, fmt);
    vsnprintf(t->p + t->len, (size_t)n + 1, fmt, args);
    va_end(args);
    t->len += (size_t)n;
}

void durai_text_json(durai_text *t, const char *s)
{
    durai_text_put(t, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            durai_text_put(t, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            durai_text_put(t, "\\u%04x", (unsigned)*s);
        else
            durai_text_put(t, "%c", *s);
    }
    durai_text_put(t, "\"");
}

/* ---- lists ------------------------------------------------------------------------------ */

void durai_learn_list_free(char **items, uint32_t n)
{
    for (uint32_t i = 0; items && i < n; i++)
        free(items[i]);
    free(items);
}

int durai_learn_list(const char *list, char ***items, uint32_t *n)
{
    uint32_t room = 1;
    *n = 0;
    for (const char *p = list; p && *p; p++)
        room += *p == ',';
    *items = calloc(room, sizeof **items);
    while (*items && list && *list) {
        size_t len = strcspn(list, ",");
        if (len && ((*items)[*n] = strndup(list, len)) == NULL)
            break;
        *n += len > 0;
        list += len + (list[len] == ',');
    }
    return *items && (!list || !*list) ? DURA_OK : DURA_ENOSPC;
}

static int is_in(const char *name, char *const *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return 1;
    return 0;
}

/* Edit distance (Levenshtein 1966), the case of letters aside. */
static uint32_t distance(const char *a, const char *b)
{
    uint32_t row[NAME_BYTES + 1];
    size_t na = strnlen(a, NAME_BYTES), nb = strnlen(b, NAME_BYTES);
    for (size_t j = 0; j <= nb; j++)
        row[j] = (uint32_t)j;
    for (size_t i = 1; i <= na; i++) {
        uint32_t corner = row[0];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= nb; j++) {
            uint32_t best = corner + (strncasecmp(a + i - 1, b + j - 1, 1) != 0);
            corner = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[nb];
}

const char *durai_learn_close(const char *wanted, char *const *names, uint32_t n, char out[160])
{
    size_t len = 0;
    uint32_t near = (uint32_t)(strlen(wanted) / 3 + 1), listed = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < n && listed < 3 && len < 100; i++) {
        size_t head = strlen(names[i]);     /* "p1_lagg2" is close to p1 */
        int begins = strncmp(wanted, names[i], head) == 0 && wanted[head] == '_';
        if (!begins && distance(wanted, names[i]) > near)
            continue;
        len += (size_t)snprintf(out + len, 160 - len, "%s\"%.40s\"", listed++ ? ", " : "; close: ", names[i]);
    }
    return out;
}

/* ---- the first look ----------------------------------------------------------------------- */

/* The header and what the columns hold. */
typedef struct look {
    char **name;
    uint8_t *numeric;          /* every cell so far is a number, or empty */
    uint32_t n;
    uint64_t rows;
} look;

/* Another line in the record, while a quote is open. -1 at the end. */
static ssize_t read_record(FILE *f, char **line, size_t *cap)
{
    ssize_t len = getline(line, cap, f);
    for (;;) {
        size_t quotes = 0, room = 0;
        char *more = NULL;
        for (ssize_t i = 0; i < len; i++)
            quotes += (*line)[i] == '"';
        if (len < 0 || quotes % 2 == 0)
            return len;
        ssize_t n = getline(&more, &room, f);
        char *joined = n < 0 ? NULL : realloc(*line, (size_t)(len + n) + 1);
        if (joined) {
            memcpy(joined + len, more, (size_t)n + 1);
            *line = joined;
            *cap = (size_t)(len + n) + 1;
            len += n;
        }
        free(more);
        if (!joined)
            return len;       /* the frames reader will say what is wrong with it */
    }
}

/* The next field, cut out in place. *p moves behind it, NULL at the end. */
static char *next_field(char **p)
{
    char *at = *p + strspn(*p, " \t"), *text = at, *out = at;
    if (*at == '"') {
        text = out = ++at;
        for (; *at && (*at != '"' || at[1] == '"'); at++) {
            at += *at == '"';
            *out++ = *at;
        }
        at += *at == '"';
        at += strcspn(at, ",\r\n");
    } else {
        at += strcspn(at, ",\r\n");
        for (out = at; out > text && (out[-1] == ' ' || out[-1] == '\t'); out--)
            ;
    }
    *p = *at == ',' ? at + 1 : NULL;
    *out = '\0';
    return text;
}

static int is_blank(const char *line) { return line[strspn(line, " \t\r\n")] == '\0'; }

static void look_at_row(look *k, char *line)
{
    float x;
    char *p = line;
    for (uint32_t c = 0; p && c < k->n; c++) {
        const char *cell = next_field(&p);
        if (k->numeric[c] && *cell && durai_number_text(cell, &x) != 0)
            k->numeric[c] = 0;
    }
    k->rows++;
}

static int look_at_header(look *k, char *line, const char *path, dura_error *err)
{
    static const char mark[] = "\xEF\xBB\xBF";
    char *p = strncmp(line, mark, 3) == 0 ? line + 3 : line;
    uint32_t n = 1;
    if (p[strspn(p, " \t")] == '{')
        return dura_error_set(err, DURA_ESYNTAX, path, 1, NULL, "learning reads CSV, not NDJSON");
    for (const char *q = p; *q; q++)
        n += *q == ',';
    if (n > DURA_FRAMES_COLUMNS_MAX)
        return dura_error_set(err, DURA_ELIMIT, path, 1, NULL, "%u columns: at most %u", n, DURA_FRAMES_COLUMNS_MAX);
    k->name = calloc(n, sizeof *k->name);
    k->numeric = malloc(n);
    while (k->name && k->numeric && p) {
        k->numeric[k->n] = 1;
        k->name[k->n] = strdup(next_field(&p));
        if (!k->name[k->n++])
            break;
    }
    return k->name && k->numeric && !p ? DURA_OK : dura_error_set(err, DURA_ENOSPC, path, 0, NULL, "out of memory");
}

static int look_at_file(look *k, const char *path, dura_error *err)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(path, "rb");
    int rc = DURA_OK, header = 0;
    if (!f)
        return dura_error_set(err, errno == ENOENT ? DURA_ENOENT : DURA_EIO, path, 0, NULL, "cannot be opened: %s",
                              strerror(errno));
    while (rc == DURA_OK && read_record(f, &line, &cap) >= 0) {
        if (is_blank(line))
            continue;
        if (header)
            look_at_row(k, line);
        else
            rc = look_at_header(k, line, path, err);
        header = 1;
    }
    if (rc == DURA_OK && ferror(f))
        rc = dura_error_set(err, DURA_EIO, path, 0, NULL, "cannot be read: %s", strerror(errno));
    if (rc == DURA_OK && !header)
        rc = dura_error_set(err, DURA_ESYNTAX, path, 0, NULL, "is empty: want a header that names the columns");
    free(line);
    fclose(f);
    return rc;
}

/* ---- which columns --------------------------------------------------------------------------- */

/* The time column as the frames reader will find it; UINT32_MAX: it will say there is none. */
static uint32_t find_time(const look *k, const char *given)
{
    static const char *const usual[] = {"time", "t", "timestamp", "datetime", "date"};
    for (uint32_t c = 0; given && c < k->n; c++)
        if (strcmp(k->name[c], given) == 0)
            return c;
    for (size_t u = 0; !given && u < sizeof usual / sizeof *usual; u++)
        for (uint32_t c = 0; c < k->n; c++)
            if (strcasecmp(k->name[c], usual[u]) == 0)
                return c;
    return UINT32_MAX;
}

/* Every name of a list is a column. */
static int check_list(const look *k, const char *option, char *const *list, uint32_t n, const char *path,
                      dura_error *err)
{
    char near[160];
    for (uint32_t i = 0; i < n; i++)
        if (!is_in(list[i], k->name, k->n))
            return dura_error_set(err, DURA_EINVAL, path, 1, option, "there is no column \"%.60s\"%s", list[i],
                                  durai_learn_close(list[i], k->name, k->n, near));
    return DURA_OK;
}

static int keep(durai_recording *r, const char *name)
{
    r->name[r->n + r->n_base] = strdup(name);
    return r->name[r->n + r->n_base] ? DURA_OK : DURA_ENOSPC;
}

static int choose(durai_recording *r, const look *k, const dura_learn_options *o, char *const *exclude,
                  uint32_t n_exclude, char *const *base, uint32_t n_base, durai_text *notes)
{
    uint32_t time = find_time(k, o->time_column);
    int rc = DURA_OK;
    r->name = calloc((size_t)k->n + n_base + 1u, sizeof *r->name);
    if (!r->name)
        return DURA_ENOSPC;
    for (uint32_t c = 0; rc == DURA_OK && c < k->n; c++) {
        if (c == time || is_in(k->name[c], exclude, n_exclude) || is_in(k->name[c], base, n_base))
            continue;
        if (!k->numeric[c] || !*k->name[c]) {
            durai_text_put(notes, "column %u, \"%s\", %s and was left out\n", c + 1, k->name[c],
                           *k->name[c] ? "holds text" : "has no name");
            continue;
        }
        rc = keep(r, k->name[c]);
        r->n += rc == DURA_OK;
    }
    for (uint32_t i = 0; rc == DURA_OK && i < n_base; i++) {
        rc = keep(r, base[i]);
        r->n_base += rc == DURA_OK;
    }
    return rc;
}

/* ---- the second look ---------------------------------------------------------------------------- */

static void take_row(durai_recording *r, size_t at, const dura_frames_row *row)
{
    r->t_ns[at] = row->time.mono_ns;
    for (uint32_t c = 0; c < r->n + r->n_base; c++) {
        size_t i = (size_t)c * r->rows + at;
        r->v[i] = row->values[c];
        r->flag[i] = row->missing[c] ? DURAI_MISSING : durai_finite(row->values[c]) ? DURAI_HERE : DURAI_NONFINITE;
    }
}

static int read_rows(durai_recording *r, const dura_learn_options *o, dura_error *err)
{
    dura_frames_options fo = DURA_FRAMES_OPTIONS_INIT;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dura_frames *f;
    size_t at = 0;
    fo.path = o->frames;
    fo.channels = (const char *const *)r->name;
    fo.n_channels = r->n + r->n_base;
    fo.time_column = o->time_column;
    fo.time_format = o->time_format;
    int rc = dura_frames_open(&f, &fo, err);
    if (rc != DURA_OK)
        return rc;
    while (at < r->rows && (rc = dura_frames_next(f, &row, err)) == 1)
        take_row(r, at++, &row);
    dura_frames_close(f);
    if (rc < 0)
        return rc;
    if (at < r->rows)
        return dura_error_set(err, DURA_EIO, o->frames, 0, NULL, "changed while it was read");
    return DURA_OK;
}

static int allocate(durai_recording *r, uint64_t rows)
{
    size_t cells = (size_t)(r->n + r->n_base) * (size_t)rows;
    r->rows = (size_t)rows;
    r->v = malloc(cells * sizeof *r->v);
    r->flag = malloc(cells);
    r->t_ns = malloc(r->rows * sizeof *r->t_ns);
    return r->v && r->flag && r->t_ns ? DURA_OK : DURA_ENOSPC;
}

static int bad_size(const durai_recording *r, const look *k, const char *path, dura_error *err)
{
    if (r->n == 0)
        return dura_error_set(err, DURA_EINVAL, path, 1, NULL, "no column with numbers is left to be a channel");
    if (r->n > 1024)
        return dura_error_set(err, DURA_ELIMIT, path, 1, NULL, "%u channels: a policy has at most 1024; --exclude some",
                              r->n);
    if (k->rows < DURA_LEARN_ROWS_MIN)
        return dura_error_set(err, DURA_EINVAL, path, 0, NULL, "%u rows: at least %u are needed, and weeks are better",
                              (unsigned)k->rows, DURA_LEARN_ROWS_MIN);
    return DURA_OK;
}

/* To what the device can tell apart: relations learned from finer values do not hold there. */
static void round_values(durai_recording *r, double resolution)
{
    size_t cells = (size_t)(r->n + r->n_base) * r->rows;
    double per_unit = 1.0 / resolution;
    for (size_t i = 0; i < cells; i++) {
        double steps = r->flag[i] == DURAI_HERE ? (double)r->v[i] / resolution : 0.0;
        if (!(steps < 1e15 && steps > -1e15) || r->flag[i] != DURAI_HERE)
            continue;
        double whole = (double)(int64_t)(steps + (steps < 0.0 ? -0.5 : 0.5));
        /* 0.01 is no binary number but 100 is: 4.32 stays the number that "4.32" is */
        r->v[i] = (float)(resolution < 1.0 ? whole / (double)(int64_t)(per_unit + 0.5) : whole * resolution);
    }
}

int durai_learn_read(durai_recording *r, const dura_learn_options *o, durai_text *notes, dura_error *err)
{
    look k = {0};
    char **exclude = NULL, **base = NULL;
    uint32_t n_exclude = 0, n_base = 0;
    int rc = look_at_file(&k, o->frames, err);
    if (rc == DURA_OK && (durai_learn_list(o->exclude, &exclude, &n_exclude) != DURA_OK ||
                          durai_learn_list(o->baseline, &base, &n_base) != DURA_OK))
        rc = dura_error_set(err, DURA_ENOSPC, o->frames, 0, NULL, "out of memory");
    if (rc == DURA_OK)
        rc = check_list(&k, "--exclude", exclude, n_exclude, o->frames, err);
    if (rc == DURA_OK)
        rc = check_list(&k, "--baseline", base, n_base, o->frames, err);
    if (rc == DURA_OK) {
        rc = choose(r, &k, o, exclude, n_exclude, base, n_base, notes);
        if (rc == DURA_OK)
            rc = bad_size(r, &k, o->frames, err);
        else
            rc = dura_error_set(err, rc, o->frames, 0, NULL, "out of memory");
    }
    if (rc == DURA_OK && allocate(r, k.rows) != DURA_OK)
        rc = dura_error_set(err, DURA_ENOSPC, o->frames, 0, NULL, "out of memory: the recording is held whole");
    if (rc == DURA_OK)
        rc = read_rows(r, o, err);
    if (rc == DURA_OK && o->resolution > 0.0)
        round_values(r, o->resolution);
    durai_learn_list_free(k.name, k.n);
    free(k.numeric);
    durai_learn_list_free(exclude, n_exclude);
    durai_learn_list_free(base, n_base);
    return rc;
}

void durai_learn_free(durai_recording *r)
{
    durai_learn_list_free(r->name, r->n + r->n_base);
    free(r->v);
    free(r->flag);
    free(r->t_ns);
}
