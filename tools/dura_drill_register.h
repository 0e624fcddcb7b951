/* SPDX-License-Identifier: Apache-2.0 */
/* A register drilled, as `dura drill --register` tells it. */
#ifndef DURA_DRILL_REGISTER_H
#define DURA_DRILL_REGISTER_H

#include "dura_args.h"
#include "dura_progress.h"

#include <dura/host/drill.h>

/* Every entry of the register at path. out: folder for drill.json and drill.html, or NULL; all: print
 * what was caught, too; bar ends before anything is printed. *missed: something was, or an entry was not drilled. DURA_OK or a code. */
int drill_register(const char *path, const dura_drill_options *o, const char *out, int as_json, int all, progress *bar,
                   int *missed, dura_error *err);

#endif
