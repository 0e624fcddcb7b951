/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A progress line on standard error, on a terminal only: a pipe or a log file gets
 * nothing. It is redrawn at most ten times a second and gone when the work is done.
 */
#ifndef DURA_PROGRESS_H
#define DURA_PROGRESS_H

#include <stdint.h>

typedef struct progress {
    int on;              /* standard error is a terminal */
    uint64_t next_ms;    /* monotonic time of the next drawing */
    uint64_t start_ms;
    uint32_t calls;
} progress;

void progress_begin(progress *p);
/* done of total bytes (total 0: unknown), `count` things so far, called `what`. */
void progress_show(progress *p, uint64_t done, uint64_t total, uint64_t count, const char *what);
void progress_end(progress *p);

#endif
