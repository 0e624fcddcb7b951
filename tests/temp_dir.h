/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of its own for a test of the host library: made, filled, swept away.
 */
#ifndef DURA_TESTS_TEMP_DIR_H
#define DURA_TESTS_TEMP_DIR_H

#include "dt.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[256];

/* A new and empty one, with `what` in its name. */
static inline void make_dir(const char *what)
{
    snprintf(dir, sizeof dir, "/tmp/dura_%s_XXXXXX", what);
    dt_ok(mkdtemp(dir) != NULL, "mkdtemp");
}

static inline int drop(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    (void)type;
    (void)f;
    return remove(path);
}

static inline void sweep(void) { (void)nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS); }

/* dir/name; eight may be in use at a time. */
static inline const char *in(const char *name)
{
    static char path[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[0], "%s/%s", dir, name);
    return path[turn];
}

static inline void put(const char *name, const char *text)
{
    FILE *f = fopen(in(name), "w");
    dt_ok(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, "%s", name);
}

#endif
