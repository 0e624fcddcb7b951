/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both frames targets do: read a text once as a file and once through a pipe, check
 * every row and every error, and demand that both readings are the same.
 */
#ifndef FUZZ_FRAMES_H
#define FUZZ_FRAMES_H

#include <dura/host/frames.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MUST(c) ((c) ? (void)0 : (fprintf(stderr, "broken: %s\n", #c), abort()))

enum { PIPE_ROOM = 60000 };      /* a pipe takes this much before anybody reads */

typedef struct reading {
    int rc;                      /* how it ended */
    uint64_t rows, line, sum;    /* of the rows, and where it ended */
} reading;

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * UINT64_C(1099511628211);
    return h;
}

static void check_row(reading *r, const dura_frames_row *row)
{
    MUST(row->n == 2 && row->row == r->rows && row->line >= r->line);
    MUST(row->time.wall_ns >= 0 && row->time.mono_ns == row->time.wall_ns);
    for (uint32_t k = 0; k < row->n; k++)
        MUST(row->missing[k] <= 1 && (!row->missing[k] || row->values[k] == 0.0f));
    r->sum = mix(mix(mix(r->sum, row->values, 8), row->missing, 2), &row->time, sizeof row->time);
    r->line = row->line;
    r->rows++;
}

static void check_error(int rc, const dura_error *err)
{
    MUST(err->code == rc && err->text[0] && strlen(err->text) < sizeof err->text);
    for (const char *p = err->text; *p; p++)
        MUST((unsigned char)*p >= 0x20);
}

static reading read_all(int fd, const char *format)
{
    static const char *const channels[] = {"a", "b"};
    char path[32];
    dura_frames *f;
    dura_error err;
    dura_frames_row row = DURA_FRAMES_ROW_INIT;
    dura_frames_options o = DURA_FRAMES_OPTIONS_INIT;
    reading r = {0, 0, 0, 0};
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    o.path = path;
    o.channels = channels;
    o.n_channels = 2;
    o.time_format = format;
    r.rc = dura_frames_open(&f, &o, &err);
    MUST((r.rc == 0) == (f != NULL));
    if (r.rc == 0)
        while ((r.rc = dura_frames_next(f, &row, &err)) == 1)
            check_row(&r, &row);
    if (r.rc < 0) {
        check_error(r.rc, &err);
        r.line = err.line;
    }
    dura_frames_close(f);
    return r;
}

static void write_all(int fd, const void *p, size_t n)
{
    MUST(n == 0 || write(fd, p, n) == (ssize_t)n);
}

/* head, then data: as a file and, when it fits, through a pipe. */
static void feed(const char *head, const uint8_t *data, size_t size, const char *format)
{
    int ends[2], file = memfd_create("frames", 0);
    MUST(file >= 0);
    write_all(file, head, strlen(head));
    write_all(file, data, size);
    reading a = read_all(file, format);
    close(file);
    if (strlen(head) + size > PIPE_ROOM)
        return;
    MUST(pipe(ends) == 0);
    write_all(ends[1], head, strlen(head));
    write_all(ends[1], data, size);
    close(ends[1]);
    reading b = read_all(ends[0], format);
    close(ends[0]);
    MUST(a.rc == b.rc && a.rows == b.rows && a.line == b.line && a.sum == b.sum);
}

#endif
