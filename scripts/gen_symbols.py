#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_symbols.py [--check]: write src/dura.map and tests/abi/symbols.txt.

The list of exported names is explicit: a function is exported because it has a line here,
not because somebody forgot `static`. symbols.txt remembers the release that introduced each
name; a new name gets this release, a name that is gone is taken out and said aloud (from
1.0 that is a break). The core's names and the host library's (unstable until 1.0) are
separate version nodes. --check says whether headers, list and map agree.
"""
import os
import re
import sys

import abitext
import ctext

LIST, MAP = "tests/abi/symbols.txt", "src/dura.map"
LIST_HEAD = """# SPDX-License-Identifier: Apache-2.0
# Every name libdura.so exports: name, release that introduced it, core or host (unstable
# until 1.0). Changed by scripts/gen_symbols.py, compared with the library by check_symbols.sh.
"""
MAP_HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* What libdura.so exports, name by name: one node per release that added names. Written by
 * scripts/gen_symbols.py from the headers and tests/abi/symbols.txt. */
"""


def release(top):
    return re.search(r'DURA_VERSION "(\d+\.\d+)', ctext.read(top, "include/dura/base.h")).group(1)


def load_list(top):
    rows = {}
    if os.path.exists(os.path.join(top, LIST)):
        for line in ctext.read(top, LIST).split("\n"):
            if line and line[0] != "#":
                name, since, layer = line.split()
                rows[name] = (since, layer)
    return rows


def list_text(rows):
    return LIST_HEAD + "".join(f"{n} {since} {layer}\n" for n, (since, layer) in sorted(rows.items()))


def map_text(rows):
    nodes = {}
    for name, (since, layer) in sorted(rows.items()):
        nodes.setdefault(("DURA_" if layer == "core" else "DURA_HOST_") + since, []).append(name)
    out, local = [MAP_HEAD], "local:\n    *;\n"
    for node, names in sorted(nodes.items()):
        out.append(f"{node} {{\nglobal:\n" + "".join(f"    {n};\n" for n in names) + local + "};\n")
        local = ""
    return "\n".join(out)


def main():
    top = ctext.root()
    declared = {n: "host" if "/host/" in h else "core" for n, h in abitext.load(top, host=True).functions}
    old, now = load_list(top), release(top)
    rows = {n: (old[n][0] if n in old else now, layer) for n, layer in declared.items()}
    if "--check" not in sys.argv:
        for text, path in ((list_text(rows), LIST), (map_text(rows), MAP)):
            with open(os.path.join(top, path), "w", encoding="utf-8") as f:
                f.write(text)
        for n in sorted(set(old) - set(rows)):
            print(f"gone: {n}, introduced in {old[n][0]}")
        for n in sorted(set(rows) - set(old)):
            print(f"new in {now}: {n}")
        return ctext.report([], f"{len(rows)} names")
    problems = [f"{n}: declared in a header, not in {LIST}" for n in sorted(set(rows) - set(old))]
    problems += [f"{n}: in {LIST}, not declared in a header" for n in sorted(set(old) - set(rows))]
    if not problems and ctext.read(top, MAP) != map_text(old):
        problems.append(f"{MAP} is not what scripts/gen_symbols.py writes")
    return ctext.report(problems, f"{len(rows)} declared names")


sys.exit(main())
