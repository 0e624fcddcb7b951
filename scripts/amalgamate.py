#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""amalgamate.py [--out DIR]: the core as two files, dura.h and dura.c.

dura.h is the public headers in order, dura.c the private headers and all sources. Two
sources may use one name for different things; in one file they would clash or shadow, so
a source's static names that another source also uses get the file's name in front. Macros a source defines end with it. The result passes
the core's tests (ctest -R amalgamated).
"""
import os
import re
import sys

import ctext

HEADERS = ("base", "port", "link", "sensor", "sensor_checks", "block", "feature", "backend", "backend_ext", "drift", "drift_chart", "mspc", "histogram", "accuracy", "log", "correlate", "gate", "guard")
NAME = r"[A-Za-z_]\w*"
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */"


def version(top):
    return re.search(r'DURA_VERSION "([^"]+)"', ctext.read(top, "include/dura/base.h")).group(1)


def without_ours(text):
    """Without the #include lines of our own headers; those of the system stay in place."""
    return re.sub(r'^[ \t]*#[ \t]*include[ \t]*(?:"[^"]*"|<dura/[^>]*>)[^\n]*\n', "", text, flags=re.M)


def one(top, path):
    return without_ours(ctext.read(top, path).replace(SPDX + "\n", "", 1))


def priv_headers(top):
    """Private headers of the core, each after those it includes."""
    order = []
    paths = [p for m in ctext.CORE for p in ctext.files(top, (".h",), f"src/{m}/")]

    def needs(path):
        for name in re.findall(r'^\s*#\s*include "([^"]+)"', ctext.read(top, path), flags=re.M):
            yield os.path.normpath(os.path.join(os.path.dirname(path), name))
    waiting = list(paths)
    while waiting:
        ready = [p for p in waiting if all(n in order for n in needs(p))]
        if not ready:
            sys.exit(f"private headers include each other or miss one: {waiting}")
        order += ready
        waiting = [p for p in waiting if p not in ready]
    return order


def flatten(code):
    """Text at brace depth 0, bodies replaced by {}."""
    out, depth = [], 0
    for c in code:
        if c == "{":
            depth += 1
            out.append("{" if depth == 1 else "")
        elif c == "}":
            depth -= 1
            out.append("}" if depth == 0 else "")
        elif depth == 0:
            out.append(c)
    return "".join(out)


def private_names(text):
    """Names a source keeps to itself: static functions and data, tags, types, enumerators."""
    code = ctext.no_directives(ctext.blank(text))
    names = {f[0] for f in ctext.functions(text) if f[3]}
    flat = flatten(code)
    names |= set(re.findall(rf"\bstatic\b[^;{{}}(=]*?({NAME})\s*(?:\[[^;=]*\])?\s*[=;]", flat))
    names |= set(re.findall(rf"\bstatic\b[^;{{}}=]*?\b({NAME})\s*\([^;{{}}]*\)\s*;", flat))
    names |= set(re.findall(rf"\b(?:struct|union|enum)\s+({NAME})\s*\{{", flat))
    names |= set(re.findall(rf"\btypedef\b[^;]*?\b({NAME})\s*;", flat))
    for body in re.findall(r"\benum\b[^{};]*\{([^}]*)\}", code):
        while "(" in body:       # the arguments of a value's expression are no names of ours
            body = re.sub(r"\([^()]*\)", "", body)
        names |= {m for m in re.findall(rf"(?:^|,)\s*({NAME})", body)}
    return {n for n in names if not n.startswith(("dura_", "durai_", "DURA_", "DURAI_"))}


def member_spans(code):
    """Where struct and union bodies lie: names in there are members."""
    for start in re.finditer(rf"\b(?:struct|union)\b\s*(?:{NAME}\s*)?\{{", code):
        depth, at = 1, start.end()
        while at < len(code) and depth:
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            at += 1
        yield start.end(), at


def rename(text, names, prefix):
    code, spans = ctext.blank(text), None
    out, last = [], 0
    for match in re.finditer(NAME, code):
        if match.group(0) not in names or code[match.start()] != text[match.start()]:
            continue
        before = code[:match.start()].rstrip()[-2:]
        if before.endswith(".") or before == "->":
            continue
        spans = list(member_spans(code)) if spans is None else spans
        after = code[match.end():].lstrip()[:1]
        if any(a <= match.start() < b for a, b in spans) and after in ";,[:":
            continue
        out += [text[last:match.start()], prefix, "_", match.group(0)]
        last = match.end()
    return "".join(out) + text[last:]


def sources(top):
    return [p for m in ctext.CORE for p in ctext.files(top, (".c",), f"src/{m}/")]


def dura_h(top):
    note = (f"{SPDX}\n/* dura {version(top)}: the core's public headers in one file, made by\n"
            " * scripts/amalgamate.py. Change the sources, not this file. */\n")
    return note + "\n".join(one(top, f"include/dura/{h}.h") for h in HEADERS)


def dura_c(top):
    parts = [f"/* ---- {path} */\n" + one(top, path) for path in priv_headers(top)]
    texts = {path: one(top, path) for path in sources(top)}
    words = {path: set(re.findall(NAME, ctext.blank(text))) for path, text in texts.items()}
    for path, text in texts.items():
        others = set().union(*(w for p, w in words.items() if p != path))
        text = rename(text, private_names(text) & others, os.path.basename(path)[:-2])
        macros = re.findall(rf"^[ \t]*#[ \t]*define[ \t]+({NAME})", text, flags=re.M)
        undone = "".join(f"#undef {m}\n" for m in sorted(set(macros)))
        parts.append(f"/* ---- {path} */\n{text}{undone}")
    note = (f"{SPDX}\n/* dura {version(top)}: the core in one file, made by scripts/amalgamate.py.\n"
            ' * Change the sources, not this file. */\n#include "dura.h"\n')
    return note + "\n".join(parts)


def main():
    top = ctext.root()
    out = sys.argv[sys.argv.index("--out") + 1] if "--out" in sys.argv else \
        os.path.join(top, "build", "amalgamation")
    os.makedirs(out, exist_ok=True)
    for name, text in (("dura.h", dura_h(top)), ("dura.c", dura_c(top))):
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            f.write(text)
        print(f"{os.path.join(out, name)}: {text.count(chr(10))} lines")


main()
