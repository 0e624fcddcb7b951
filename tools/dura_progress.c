/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line. The clock is read every 64th call only: a row takes microseconds. */
#include "dura_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_MS = 100, BAR = 24 };

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void progress_begin(progress *p)
{
    *p = (progress){isatty(STDERR_FILENO) == 1, 0, 0, 0};
    if (p->on)
        p->start_ms = now_ms();
}

static void bar(uint64_t done, uint64_t total)
{
    char cells[BAR + 1];
    unsigned full = total ? (unsigned)((double)done / (double)total * BAR) : 0;
    for (unsigned i = 0; i < BAR; i++)
        cells[i] = i < full ? '#' : '.';
    cells[BAR] = '\0';
    fprintf(stderr, "[%s] %3u %%  ", cells, total ? (unsigned)((double)done * 100 / (double)total) : 0);
}

void progress_show(progress *p, uint64_t done, uint64_t total, uint64_t count, const char *what)
{
    if (!p->on || p->calls++ % 64)
        return;
    uint64_t now = now_ms(), spent = now - p->start_ms;
    if (now < p->next_ms)
        return;
    p->next_ms = now + EVERY_MS;
    fputc('\r', stderr);
    if (total)
        bar(done < total ? done : total, total);
    fprintf(stderr, "%" PRIu64 " %s, %" PRIu64 " per second\x1b[K", count, what,
            spent ? count * 1000 / spent : 0);
    fflush(stderr);
}

void progress_end(progress *p)
{
    if (p->on)
        fputs("\r\x1b[K", stderr);
    p->on = 0;
}
