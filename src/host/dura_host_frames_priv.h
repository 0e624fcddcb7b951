/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the frames reader share: the line reader and the columns (frames.c),
 * numbers and times (frames_time.c), CSV and NDJSON rows (frames_csv.c, frames_json.c).
 */
#ifndef DURA_HOST_FRAMES_PRIV_H
#define DURA_HOST_FRAMES_PRIV_H

#include <dura/host/frames.h>
#include <locale.h>

#define DURAI_FRAMES_NAME 256        /* bytes of a column name that can be wanted, with NUL */
#define DURAI_COLUMN_IGNORED (-1)
#define DURAI_COLUMN_TIME (-2)

struct dura_frames {
    int fd;                          /* -1: none */
    int json;
    int eof;
    const volatile int *stop;
    char *path;                      /* as errors name it */
    uint8_t *buf;                    /* what was read and not yet taken: buf[pos..end) */
    size_t pos, end;
    uint64_t taken, size;            /* bytes read; of a regular file, its size */
    char *line;                      /* the record, terminated; line_cap bytes of room */
    size_t line_len, line_cap;
    uint64_t line_no, next_line;     /* where the record begins; lines seen so far + 1 */
    uint64_t rows;
    uint32_t n;
    char **name;                     /* n wanted channels */
    float *value;
    uint8_t *missing, *seen;         /* seen: in the object at hand */
    char *time_name, *time_format;   /* time_format NULL: by content */
    int64_t time_ns;
    int32_t *column;                 /* CSV: what column i is: a channel or DURAI_COLUMN_* */
    uint32_t n_columns;
    int first;                       /* NDJSON: the line at hand was not given out yet */
    locale_t c;
};

/* Fill err with the file and the line at hand; return code. */
int durai_frames_error(const dura_frames *f, dura_error *err, int code, const char *field,
                       const char *fmt, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 5, 6)))
#endif
    ;
/* At most 40 bytes of text made fit for an error message: no control characters. */
const char *durai_frames_show(const char *text, char out[48]);

/* Resolve the time column and the wanted channels among n columns; role[i] (may be NULL)
 * gets DURAI_COLUMN_* or the channel. 0, or DURA_ESYNTAX with the reason. */
int durai_frames_bind(dura_frames *f, char *const *columns, uint32_t n, int32_t *role, dura_error *err);
/* The text of one cell into channel k, the text of a time into time_ns. 0, or an error. */
int durai_frames_value(dura_frames *f, uint32_t k, const char *text, dura_error *err);
int durai_frames_time(dura_frames *f, const char *text, dura_error *err);

/* One line at hand: the header, a row. 0, or an error. */
int durai_frames_csv_header(dura_frames *f, dura_error *err);
int durai_frames_csv_row(dura_frames *f, dura_error *err);
int durai_frames_json_header(dura_frames *f, dura_error *err);
int durai_frames_json_row(dura_frames *f, dura_error *err);

/* Text of a number to the nearest double and then float; "nan", "inf" and what overflows
 * give NaN and infinities. The caller holds the C locale. 0; -1: no number. */
int durai_number_text(const char *text, float *out);
/* Text of a time to ns since 1970. format NULL: ISO 8601 or decimal seconds. 0; -1: not
 * a time; -2: a time outside 1677..2262. */
int durai_time_text(const char *text, const char *format, int64_t *ns);
/* Is every conversion of format one we know, and is there any? */
int durai_time_format_ok(const char *format);

#endif
