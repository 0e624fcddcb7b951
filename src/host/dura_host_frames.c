/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames reader: bytes to lines, names to columns, cells to values.
 *
 * Lines come from one 64 KiB buffer straight over read(2), so that a row on a pipe is
 * handed on as soon as its newline is there. A CSV record goes on over a newline while
 * its quotes are odd in number (RFC 4180: a doubled quote flips twice). Memory is the
 * buffer, one line of at most 1 MiB and one entry per column, whatever the length of the
 * recording.
 */
#include "dura_host_frames_priv.h"

#include "../base/dura_base_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 65536, NEAR_MAX = 64 };   /* bytes per read; bytes of a name compared */

/* ---- messages -------------------------------------------------------------------- */

int durai_frames_error(const dura_frames *f, dura_error *err, int code, const char *field,
                       const char *fmt, ...)
{
    char text[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    uint64_t line = f->line_no > UINT32_MAX ? UINT32_MAX : f->line_no;
    return dura_error_set(err, code, f->path, (uint32_t)line, field, "%s", text);
}

const char *durai_frames_show(const char *text, char out[48])
{
    size_t n = 0;
    for (; text[n] && n < 40; n++)
        out[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7F ? '?' : text[n];
    memcpy(out + n, text[n] ? "..." : "", text[n] ? 4 : 1);
    return out;
}

static int io_error(const dura_frames *f, dura_error *err, int code)
{
    return dura_error_set(err, code, f->path, 0, NULL, "cannot be read: %s", strerror(errno));
}

static int memory_error(const dura_frames *f, dura_error *err)
{
    return dura_error_set(err, DURA_ENOSPC, f->path, 0, NULL, "out of memory");
}

/* ---- bytes and lines --------------------------------------------------------------- */

/* More bytes into an empty buffer. 1; 0 at the end; an error. */
static int refill(dura_frames *f, dura_error *err)
{
    DURA_ASSERT(f->pos == f->end);
    while (!f->eof) {
        ssize_t got = read(f->fd, f->buf, BUFFER);
        if (got > 0) {
            f->pos = 0;
            f->end = (size_t)got;
            f->taken += (uint64_t)got;
            return 1;
        }
        if (got < 0 && errno != EINTR)
            return io_error(f, err, DURA_EIO);
        f->eof = got == 0 || (f->stop && *f->stop);
    }
    return 0;
}

/* n more bytes behind the line; room is doubled up to the limit and one for the end. */
static int line_append(dura_frames *f, const uint8_t *p, size_t n, dura_error *err)
{
    size_t want = f->line_len + n + 1;
    if (want > (size_t)DURA_FRAMES_LINE_MAX + 1)
        return durai_frames_error(f, err, DURA_ELIMIT, NULL,
                                  "the line is longer than 1 MiB, or a quote is not closed");
    if (want > f->line_cap) {
        size_t cap = want < 512 ? 1024 : want * 2;
        char *line = realloc(f->line, cap);
        if (!line)
            return memory_error(f, err);
        f->line = line;
        f->line_cap = cap;
    }
    memcpy(f->line + f->line_len, p, n);
    f->line_len += n;
    f->line[f->line_len] = '\0';
    return 0;
}

static int odd_quotes(const uint8_t *p, size_t n)
{
    int odd = 0;
    const uint8_t *q;
    while ((q = memchr(p, '"', n)) != NULL) {
        odd ^= 1;
        n -= (size_t)(q + 1 - p);
        p = q + 1;
    }
    return odd;
}

/* Bytes up to and with the next newline, or all, into the line. 1: it ends in a newline. */
static int take_piece(dura_frames *f, int *open_quote, dura_error *err)
{
    const uint8_t *p = f->buf + f->pos;
    size_t n = f->end - f->pos;
    const uint8_t *newline = memchr(p, '\n', n);
    if (newline)
        n = (size_t)(newline - p) + 1;
    int rc = line_append(f, p, n, err);
    if (rc < 0)
        return rc;
    if (!f->json)
        *open_quote ^= odd_quotes(p, n);
    f->pos += n;
    f->next_line += newline != NULL;
    return newline != NULL;
}

/* The next record into f->line, without its line end. 1; 0 at the end; an error. */
static int read_record(dura_frames *f, dura_error *err)
{
    int open_quote = 0, ended = 0, rc = 1;
    f->line_len = 0;
    f->line_no = f->next_line;
    while (!ended || open_quote) {
        if (f->pos == f->end && (rc = refill(f, err)) <= 0)
            break;
        ended = take_piece(f, &open_quote, err);
        if (ended < 0)
            return ended;
    }
    if (rc < 0 || f->line_len == 0)
        return rc < 0 ? rc : 0;
    if (open_quote)
        return durai_frames_error(f, err, DURA_ESYNTAX, NULL, "the file ends inside a quoted field");
    while (f->line_len && (f->line[f->line_len - 1] == '\n' || f->line[f->line_len - 1] == '\r'))
        f->line[--f->line_len] = '\0';
    if (memchr(f->line, 0, f->line_len))
        return durai_frames_error(f, err, DURA_ESYNTAX, NULL, "the line holds a NUL byte: not a text file");
    return 1;
}

static int is_blank(const char *line)
{
    return line[strspn(line, " \t")] == '\0';
}

/* The next record that is not blank. */
static int next_record(dura_frames *f, dura_error *err)
{
    int rc;
    do
        rc = read_record(f, err);
    while (rc == 1 && is_blank(f->line));
    return rc;
}

/* ---- columns --------------------------------------------------------------------- */

/* Edit distance of two names, the case of letters aside; beyond NEAR_MAX bytes cut off. */
static uint32_t distance(const char *a, const char *b)
{
    uint8_t row[NEAR_MAX + 1];
    size_t na = strlen(a) < NEAR_MAX ? strlen(a) : NEAR_MAX;
    size_t nb = strlen(b) < NEAR_MAX ? strlen(b) : NEAR_MAX;
    for (size_t j = 0; j <= nb; j++)
        row[j] = (uint8_t)j;
    for (size_t i = 1; i <= na; i++) {
        uint8_t corner = row[0];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= nb; j++) {
            uint8_t best = (uint8_t)(corner + (strncasecmp(a + i - 1, b + j - 1, 1) != 0));
            corner = row[j];
            if (row[j] + 1 < best)
                best = (uint8_t)(row[j] + 1);
            if (row[j - 1] + 1 < best)
                best = (uint8_t)(row[j - 1] + 1);
            row[j] = best;
        }
    }
    return row[nb];
}

/* "name", "name", ... of up to three columns close to `wanted`; else the first columns. */
static const char *close_names(const char *wanted, char *const *columns, uint32_t n, char out[160])
{
    uint32_t near = (uint32_t)(strlen(wanted) / 3 + 1), listed = 0;
    size_t len = (size_t)snprintf(out, 160, "; close: ");
    for (uint32_t i = 0; i < n && listed < 3; i++) {
        char shown[48];
        if (distance(wanted, columns[i]) > near)
            continue;
        len += (size_t)snprintf(out + len, 160 - len, "%s\"%s\"", listed ? ", " : "",
                                durai_frames_show(columns[i], shown));
        listed++;
    }
    if (listed)
        return out;
    len = (size_t)snprintf(out, 160, "; the %u columns begin with ", n);
    for (uint32_t i = 0; i < n && i < 3; i++) {
        char shown[48];
        len += (size_t)snprintf(out + len, 160 - len, "%s\"%.20s\"", i ? ", " : "",
                                durai_frames_show(columns[i], shown));
    }
    return out;
}

/* How many columns are called `name`; *at gets the last of them. */
static uint32_t count_named(char *const *columns, uint32_t n, const char *name, int fold, uint32_t *at)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++)
        if ((fold ? strcasecmp(columns[i], name) : strcmp(columns[i], name)) == 0) {
            *at = i;
            found++;
        }
    return found;
}

static int is_wanted(const dura_frames *f, const char *name)
{
    for (uint32_t k = 0; k < f->n; k++)
        if (strcmp(f->name[k], name) == 0)
            return 1;
    return 0;
}

static int find_error(dura_frames *f, const char *name, uint32_t found, char *const *columns, uint32_t n,
                      dura_error *err)
{
    char near[160];
    if (found)
        return durai_frames_error(f, err, DURA_ESYNTAX, name, "%u columns have this name: want exactly one",
                                  found);
    return durai_frames_error(f, err, DURA_ESYNTAX, name, "there is no such column%s",
                              close_names(name, columns, n, near));
}

/* The time column by its usual names; a wanted channel called "t" is a channel. */
static int find_time(dura_frames *f, char *const *columns, uint32_t n, uint32_t *at, dura_error *err)
{
    static const char *const usual[] = {"time", "t", "timestamp", "datetime", "date"};
    if (f->time_name) {
        uint32_t found = count_named(columns, n, f->time_name, 0, at);
        return found == 1 ? 0 : find_error(f, f->time_name, found, columns, n, err);
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        uint32_t found = count_named(columns, n, usual[i], 1, at);
        if (found == 0 || (found == 1 && is_wanted(f, columns[*at])))
            continue;
        if (found > 1)
            return find_error(f, columns[*at], found, columns, n, err);
        f->time_name = strdup(columns[*at]);
        return f->time_name ? 0 : memory_error(f, err);
    }
    return durai_frames_error(f, err, DURA_ESYNTAX, "time",
                              "there is no time column (time, t, timestamp, datetime, date): name yours");
}

int durai_frames_bind(dura_frames *f, char *const *columns, uint32_t n, int32_t *role, dura_error *err)
{
    uint32_t at = 0;
    int rc = find_time(f, columns, n, &at, err);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; role && i < n; i++)
        role[i] = i == at ? DURAI_COLUMN_TIME : DURAI_COLUMN_IGNORED;
    for (uint32_t k = 0; k < f->n; k++) {
        uint32_t found = count_named(columns, n, f->name[k], 0, &at);
        if (found != 1)
            return find_error(f, f->name[k], found, columns, n, err);
        if (strcmp(f->name[k], f->time_name) == 0)
            return durai_frames_error(f, err, DURA_ESYNTAX, f->name[k], "is the time column and a channel");
        if (role)
            role[at] = (int32_t)k;
    }
    return 0;
}

/* ---- cells ----------------------------------------------------------------------- */

int durai_frames_value(dura_frames *f, uint32_t k, const char *text, dura_error *err)
{
    char shown[48];
    DURA_ASSERT(k < f->n);
    f->missing[k] = *text == '\0';
    f->value[k] = 0.0f;
    if (f->missing[k] || durai_number_text(text, &f->value[k]) == 0)
        return 0;
    return durai_frames_error(f, err, DURA_ESYNTAX, f->name[k],
                              "\"%s\" is not a number: want a decimal number, nan, inf or nothing",
                              durai_frames_show(text, shown));
}

int durai_frames_time(dura_frames *f, const char *text, dura_error *err)
{
    char shown[48];
    int rc = durai_time_text(text, f->time_format, &f->time_ns);
    durai_frames_show(text, shown);
    if (rc == -1 && f->time_format)
        return durai_frames_error(f, err, DURA_ETIME, f->time_name, "\"%s\" is not a time in the format \"%s\"",
                                  shown, f->time_format);
    if (rc == -1)
        return durai_frames_error(f, err, DURA_ETIME, f->time_name,
                                  "\"%s\" is not a time: want ISO 8601 or seconds since 1970, or give a "
                                  "format such as \"%%d/%%m/%%y %%H\"", shown);
    if (rc == -2 || f->time_ns < 0)
        return durai_frames_error(f, err, DURA_ETIME, f->time_name, "\"%s\" is before 1970 or after 2261",
                                  shown);
    return 0;
}

/* ---- open, next, close --------------------------------------------------------------- */

static int check_options(const dura_frames_options *o, dura_error *err)
{
    if (!o || o->struct_size < sizeof *o || !o->path || !o->channels || o->n_channels < 1 ||
        o->n_channels > 65535)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options: path and 1 to 65535 channels are needed");
    for (uint32_t k = 0; k < o->n_channels; k++)
        if (!o->channels[k] || strlen(o->channels[k]) >= DURAI_FRAMES_NAME)
            return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options: channel %u has no usable name", k);
    if (o->time_column && strlen(o->time_column) >= DURAI_FRAMES_NAME)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "options: the time column's name is too long");
    if (o->time_format && !durai_time_format_ok(o->time_format))
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL,
                              "time format \"%.40s\": want %%Y %%y %%m %%d %%H %%M %%S %%f and literal text",
                              o->time_format);
    return 0;
}

/* Everything of a size known now. 0, or out of memory. */
static int allocate(dura_frames *f, const dura_frames_options *o)
{
    f->n = o->n_channels;
    f->stop = o->stop;
    f->path = strdup(strcmp(o->path, "-") == 0 ? "<stdin>" : o->path);
    f->buf = malloc(BUFFER);
    f->name = calloc(f->n, sizeof *f->name);
    f->value = calloc(f->n, sizeof *f->value);
    f->missing = calloc(f->n, 1);
    f->seen = calloc(f->n, 1);
    f->time_name = o->time_column ? strdup(o->time_column) : NULL;
    f->time_format = o->time_format ? strdup(o->time_format) : NULL;
    f->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!f->path || !f->buf || !f->name || !f->value || !f->missing || !f->seen || !f->c ||
        (o->time_column && !f->time_name) || (o->time_format && !f->time_format))
        return -1;
    for (uint32_t k = 0; k < f->n; k++)
        if ((f->name[k] = strdup(o->channels[k])) == NULL)
            return -1;
    return 0;
}

static int open_file(dura_frames *f, const char *path, dura_error *err)
{
    struct stat st;
    f->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0)
        return io_error(f, err, errno == ENOENT || errno == ENOTDIR ? DURA_ENOENT : DURA_EIO);
    if (fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode))
        f->size = (uint64_t)st.st_size;
    return 0;
}

/* The next byte without taking it; -1 at the end; an error below -1. */
static int peek(dura_frames *f, dura_error *err)
{
    int rc = f->pos < f->end ? 1 : refill(f, err);
    return rc < 0 ? rc - 1 : rc == 0 ? -1 : f->buf[f->pos];
}

/* Past the byte order mark and leading blanks to what shows the kind of file. The kind
 * must be known before the first record: an odd quote matters to CSV only. */
static int sniff(dura_frames *f, dura_error *err)
{
    static const uint8_t mark[3] = {0xEF, 0xBB, 0xBF};
    int c, marked = 0;
    while (marked < 3 && (c = peek(f, err)) == mark[marked]) {
        f->pos++;
        marked++;
    }
    while ((c = peek(f, err)) == ' ' || c == '\t' || c == '\r' || c == '\n') {
        f->next_line += c == '\n';
        f->pos++;
    }
    if (c < -1)
        return c + 1;
    if (c == -1)
        return durai_frames_error(f, err, DURA_ESYNTAX, NULL, "the file is empty: want a header");
    if (c >= 0xFE)
        return durai_frames_error(f, err, DURA_ESYNTAX, NULL, "the file is UTF-16 or no text: save it as UTF-8");
    f->json = c == '{';
    return 0;
}

static int read_header(dura_frames *f, dura_error *err)
{
    f->next_line = f->line_no = 1;
    int rc = sniff(f, err);
    if (rc == 0)
        rc = next_record(f, err);
    if (rc <= 0)
        return rc < 0 ? rc : durai_frames_error(f, err, DURA_ESYNTAX, NULL, "the file has no header");
    return f->json ? durai_frames_json_header(f, err) : durai_frames_csv_header(f, err);
}

int dura_frames_open(dura_frames **out, const dura_frames_options *o, dura_error *err)
{
    if (!out)
        return DURA_EINVAL;
    *out = NULL;
    int rc = check_options(o, err);
    if (rc < 0)
        return rc;
    dura_frames *f = calloc(1, sizeof *f);
    if (!f)
        return dura_error_set(err, DURA_ENOSPC, o->path, 0, NULL, "out of memory");
    f->fd = -1;
    rc = allocate(f, o) < 0 ? memory_error(f, err) : open_file(f, o->path, err);
    if (rc == 0)
        rc = read_header(f, err);
    if (rc < 0) {
        dura_frames_close(f);
        return rc;
    }
    *out = f;
    return DURA_OK;
}

/* The record of the next row: the first object of NDJSON is header and row in one. */
static int row_record(dura_frames *f, dura_error *err)
{
    if (!f->first)
        return next_record(f, err);
    f->first = 0;
    return 1;
}

int dura_frames_next(dura_frames *f, dura_frames_row *row, dura_error *err)
{
    if (!f || !row || row->struct_size < sizeof *row)
        return dura_error_set(err, DURA_EINVAL, NULL, 0, NULL, "frames: no reader or no row");
    int rc = row_record(f, err);
    if (rc <= 0)
        return rc;
    locale_t before = uselocale(f->c);
    rc = f->json ? durai_frames_json_row(f, err) : durai_frames_csv_row(f, err);
    uselocale(before);
    if (rc < 0)
        return rc;
    *row = (dura_frames_row){(uint32_t)sizeof *row, f->n, f->rows++, f->line_no,
                             {f->time_ns, f->time_ns, 0, UINT32_MAX, DURA_CLOCK_UNSYNCED, {0}},
                             f->value, f->missing};
    return 1;
}

uint64_t dura_frames_bytes(const dura_frames *f, uint64_t *total)
{
    if (total)
        *total = f ? f->size : 0;
    return f ? f->taken - (f->end - f->pos) : 0;
}

void dura_frames_close(dura_frames *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    for (uint32_t k = 0; f->name && k < f->n; k++)
        free(f->name[k]);
    if (f->c)
        freelocale(f->c);
    free(f->name);
    free(f->path);
    free(f->buf);
    free(f->line);
    free(f->value);
    free(f->missing);
    free(f->seen);
    free(f->time_name);
    free(f->time_format);
    free(f->column);
    free(f);
}
