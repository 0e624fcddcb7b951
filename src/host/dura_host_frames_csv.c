/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV records (RFC 4180): fields between commas, quotes around fields that hold commas,
 * quotes or line ends, a doubled quote for one inside. Blanks around a field are not part
 * of it. A record is taken apart in place, one field at a time, so that a row of a file
 * with a thousand columns costs no memory of its own.
 */
#include "dura_host_frames_priv.h"

#include "../base/dura_base_priv.h"

#include <stdlib.h>

static char *skip_blanks(char *p)
{
    return p + strspn(p, " \t");
}

/* A quoted field at p: its text is moved over the quotes. Where the field ends (a comma
 * or the end of the record), or NULL. */
static char *quoted_field(char *p, char **text)
{
    char *out = ++p;
    *text = out;
    for (; *p; p++) {
        if (*p == '"' && p[1] != '"')
            break;
        p += *p == '"';
        *out++ = *p;
    }
    if (*p != '"')
        return NULL;
    p = skip_blanks(p + 1);
    char end = *p;
    *out = '\0';                      /* out <= p: at most over the quote or a blank */
    return end == ',' || end == '\0' ? p : NULL;
}

static char *plain_field(char *p, char **text)
{
    *text = p;
    char *end = p + strcspn(p, ",");
    return memchr(p, '"', (size_t)(end - p)) ? NULL : end;
}

/* The next field of a record. *next gets where the one after it begins, NULL behind the
 * last. The text, or NULL when the quotes are wrong. */
static char *next_field(char *p, char **next)
{
    char *text;
    p = skip_blanks(p);
    int quoted = *p == '"';
    char *end = quoted ? quoted_field(p, &text) : plain_field(p, &text);
    if (!end)
        return NULL;
    DURA_ASSERT(*end == ',' || *end == '\0');
    *next = *end == ',' ? end + 1 : NULL;
    if (!quoted) {
        while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        *end = '\0';
    }
    return text;
}

static int quote_error(const dura_frames *f, dura_error *err, uint32_t column)
{
    return durai_frames_error(f, err, DURA_ESYNTAX, NULL,
                              "column %u: a quote must open and close a whole field, \"\" inside",
                              column + 1);
}

/* Commas bound the number of columns. 0, or an error. */
static int allocate_columns(dura_frames *f, char ***columns, dura_error *err)
{
    uint32_t n = 1;
    for (const char *p = f->line; *p; p++)
        n += *p == ',';
    if (n > DURA_FRAMES_COLUMNS_MAX)
        return durai_frames_error(f, err, DURA_ELIMIT, NULL, "%u columns: at most %u", n,
                                  DURA_FRAMES_COLUMNS_MAX);
    *columns = calloc(n, sizeof **columns);
    f->column = calloc(n, sizeof *f->column);
    if (!*columns || !f->column)
        return durai_frames_error(f, err, DURA_ENOSPC, NULL, "out of memory");
    return 0;
}

int durai_frames_csv_header(dura_frames *f, dura_error *err)
{
    char **columns = NULL, *next = f->line;
    int rc = allocate_columns(f, &columns, err);
    while (rc == 0 && next) {
        columns[f->n_columns] = next_field(next, &next);
        if (!columns[f->n_columns])
            rc = quote_error(f, err, f->n_columns);
        f->n_columns++;
    }
    if (rc == 0 && f->n_columns == 1 && strpbrk(f->line, ";\t"))
        rc = durai_frames_error(f, err, DURA_ESYNTAX, NULL,
                                "one column only: fields are separated by commas, not by semicolons or tabs");
    if (rc == 0)
        rc = durai_frames_bind(f, columns, f->n_columns, f->column, err);
    free(columns);
    return rc;
}

/* One field into its channel, the time, or nowhere. */
static int take_cell(dura_frames *f, uint32_t column, const char *text, dura_error *err)
{
    if (column >= f->n_columns || f->column[column] == DURAI_COLUMN_IGNORED)
        return 0;
    if (f->column[column] == DURAI_COLUMN_TIME)
        return durai_frames_time(f, text, err);
    return durai_frames_value(f, (uint32_t)f->column[column], text, err);
}

/* Cells are read after the count is known to be right: a field too few or too many moves
 * the others, and "not a number" would then name the wrong column. */
static int count_fields(const dura_frames *f, dura_error *err)
{
    uint32_t n = 1;
    int inside = 0;
    for (const char *p = f->line; *p; p++) {
        inside ^= *p == '"';
        n += *p == ',' && !inside;
    }
    if (n == f->n_columns)
        return 0;
    return durai_frames_error(f, err, DURA_ESYNTAX, NULL, "%u fields where the header has %u columns", n,
                              f->n_columns);
}

int durai_frames_csv_row(dura_frames *f, dura_error *err)
{
    int rc = count_fields(f, err);
    char *next = f->line;
    for (uint32_t column = 0; rc == 0 && next; column++) {
        const char *text = next_field(next, &next);
        rc = text ? take_cell(f, column, text, err) : quote_error(f, err, column);
    }
    return rc;
}
