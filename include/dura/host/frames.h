/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dura/host/frames.h - recordings and live rows as frames: CSV and NDJSON.
 *
 * A streaming reader in constant memory. The header of a CSV file, or the first object
 * of an NDJSON file, must name every wanted channel exactly once; other columns are
 * ignored. Which of the two it is shows in the content. docs/formats/frames.md has the
 * whole format.
 *
 *   dura_frames_open -> next ... -> close
 *
 * A row is passed on as it is: repeated and reversed times, NaN and infinities are for
 * the guard to judge. What is not a number, or a row of another width, is an error that
 * names file, line and column. Numbers are read the same in every locale. Unstable until
 * 1.0.
 *
 * Memory: heap, freed by close. Threads: one caller at a time per object.
 */
#ifndef DURA_HOST_FRAMES_H
#define DURA_HOST_FRAMES_H

#include <dura/host/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DURA_FRAMES_LINE_MAX (1u << 20)   /* bytes of one line */
#define DURA_FRAMES_COLUMNS_MAX 16384u    /* columns of a CSV file */

typedef struct dura_frames dura_frames;

/* Start from DURA_FRAMES_OPTIONS_INIT. Texts are copied. */
typedef struct dura_frames_options {
    uint32_t struct_size;
    uint32_t n_channels;            /* 1..65535 */
    const char *path;               /* "-": standard input; required */
    const char *const *channels;    /* wanted names, in the order of row->values; required */
    const char *time_column;        /* NULL: time, t, timestamp, datetime or date in any
                                       case, whichever comes first in this list */
    const char *time_format;        /* NULL: ISO 8601, or seconds since 1970 as a decimal
                                       number. Else %Y %y %m %d %H %M %S %f and literal
                                       text, e.g. "%d/%m/%y %H"; UTC */
    const volatile int *stop;       /* NULL; else: not 0 ends the rows when a read was
                                       interrupted by a signal */
} dura_frames_options;
#define DURA_FRAMES_OPTIONS_INIT                                                       \
    { (uint32_t)sizeof(dura_frames_options), 0, NULL, NULL, NULL, NULL, NULL }

/* One row. Pointers are borrowed until the next call on the reader. */
typedef struct dura_frames_row {
    uint32_t struct_size;
    uint32_t n;                     /* channels */
    uint64_t row;                   /* data rows from 0 */
    uint64_t line;                  /* 1-based, where the row begins */
    dura_time time;                 /* the recording's own clock: mono_ns = wall_ns >= 0,
                                       unsynchronised, error unknown */
    const float *values;            /* n; 0 where missing */
    const uint8_t *missing;         /* n; 1: empty, null or absent */
} dura_frames_row;
#define DURA_FRAMES_ROW_INIT                                                           \
    { (uint32_t)sizeof(dura_frames_row), 0, 0, 0, {0, 0, 0, 0, 0, {0, 0, 0, 0, 0, 0, 0}}, NULL, NULL }

/** Open and read the header.
 *  returns  DURA_OK; DURA_EINVAL (options, time format); DURA_ENOENT (no such file);
 *           DURA_ESYNTAX (header: err names the column and those that are close);
 *           DURA_ELIMIT (line, columns); DURA_EIO; DURA_ENOSPC (out of memory).
 *           On error *out is NULL.                                    [init] one line */
DURA_API DURA_CHECK int dura_frames_open(dura_frames **out, const dura_frames_options *o,
                                         dura_error *err);

/** The next row.
 *  returns  1: *row is filled. 0: the end. < 0: DURA_ESYNTAX (err has file, line and
 *           column), DURA_ETIME (time not readable or before 1970), DURA_ELIMIT (line),
 *           DURA_EIO, DURA_ENOSPC. After an error the reader is only good for close.
 *                                                          [serial] O(line), may wait */
DURA_API DURA_CHECK int dura_frames_next(dura_frames *f, dura_frames_row *row, dura_error *err);

/** Bytes read so far; *total gets the file's size, 0 when it has none (a pipe).
 *                                                                      [serial] O(1) */
DURA_API DURA_CHECK uint64_t dura_frames_bytes(const dura_frames *f, uint64_t *total);

/** Release; NULL is allowed.                                              [serial] */
DURA_API void dura_frames_close(dura_frames *f);

#ifdef __cplusplus
}
#endif
#endif
