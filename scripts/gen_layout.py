#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_layout.py [--check]: write src/base/dura_base_layout.c from the public headers.

One row per struct of the core's headers and one per field. The numbers are the compiler's
own (sizeof, offsetof), so the table is right on every target; only the names are generated.
--check says whether the committed file is what would be written.
"""
import os
import sys

import abitext
import ctext

FILE = "src/base/dura_base_layout.c"
HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout table: every struct that crosses the ABI, field by field.
 *
 * A binding in another language keeps a mirror of these structs by hand or by generator;
 * comparing it with this table before the first call turns silent corruption into an error
 * message. The names are generated from the headers (scripts/gen_layout.py, do not edit),
 * the numbers are this compiler's own. The only file below guard that sees every header:
 * it calls nothing in them.
 */
#include <dura/dura.h>

#define STRUCT(s) {#s, 0, (uint32_t)sizeof(s)},
#define FIELD(s, f) {#s "." #f, (uint32_t)offsetof(s, f), (uint32_t)sizeof(((s *)0)->f)},

static const dura_layout_row layout_rows[] = {
"""
TAIL = """};

const dura_layout_row *dura_layout(size_t *n)
{
    if (n)
        *n = sizeof layout_rows / sizeof layout_rows[0];
    return layout_rows;
}
"""


def table(api):
    out = []
    for name, fields in api.structs.items():
        out.append(f"    STRUCT({name})\n")
        out += [f"    FIELD({name}, {field})\n" for field, _, _ in fields]
    return "".join(out)


def main():
    top = ctext.root()
    api = abitext.load(top)
    text = HEAD + table(api) + TAIL
    path = os.path.join(top, FILE)
    rows = text.count("STRUCT(") + text.count("FIELD(") - 2
    if "--check" not in sys.argv:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return ctext.report([], f"{rows} rows in {FILE}")
    stale = not os.path.exists(path) or ctext.read(top, FILE) != text
    return ctext.report([f"{FILE}: not what scripts/gen_layout.py writes; run it"] if stale else [],
                        f"{rows} rows")


sys.exit(main())
