#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The public headers keep their contract: every function documented, tagged, exported.

For each prototype in include/dura: a /** comment just above (one for a group of prototypes
without a gap), a context tag of the closed list in base.h, DURA_API, the dura_ prefix, no
struct by value; in the core also DURA_CHECK where something is returned, and a "returns"
where an error can be.
The core has at most 120 public functions. Sizes and comment shares are printed.
"""
import re
import sys

import ctext

TAGS = ("any", "serial", "isr", "port", "init")
ROLE = r"(?: worker| producer| when the backend is)?"          # who, inside a tag
EXTRA = r"one producer(?: per ring)?"
TAG = re.compile(r"(?:(?:%s)%s|%s)" % ("|".join(TAGS), ROLE, EXTRA))
MAX_CORE, MAX_LINES = 120, 250


def tag_problem(comment):
    flat = re.sub(r"\s*\n\s*\*?\s*", " ", comment)
    found = [t for t in re.findall(r"\[([a-z][a-z ,!]*)\]", flat) if t.split()[0].strip(",") in TAGS]
    if not found:
        return "no context tag of the closed list"
    items = [item.strip() for item in found[-1].split(",")]
    bad = [item for item in items if not TAG.fullmatch(item)]
    return f"unknown context tag [{', '.join(bad)}]" if bad else ""


def prototypes(text):
    """(name, return type, whole declaration, comment above, line) of every prototype."""
    code = ctext.no_directives(ctext.blank(text))
    code = re.sub(r'extern\s+"[^"]*"\s*\{', lambda m: " " * len(m.group(0)), code)
    code = re.sub(r"\{[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}",
                  lambda m: re.sub(r"[^\n]", " ", m.group(0)), code)   # bodies of types
    # no_directives keeps lines but not columns, so positions are looked up again by line.
    lines, last, ended = text.split("\n"), "", 0
    for match in re.finditer(r"[^;]+;", code):
        found = match.group(0)
        if re.match(r"\s*(typedef|struct|enum|union)\b[^(]*;", found) or "typedef" in found:
            continue
        head = re.search(r"([A-Za-z_][\w \t\n\*]*?)\b([a-z]\w*)\s*\(", found)
        if not head or head.group(2).startswith("__"):
            continue
        line = code.count("\n", 0, match.start() + head.start()) + 1
        above = "\n".join(lines[:line - 1]).rstrip()
        comment = above[above.rfind("/*"):] if above.endswith("*/") else ""
        if not comment and ended == line - 1:     # one comment for a group without a gap
            comment = last
        last, ended = comment, code.count("\n", 0, match.end()) + 1
        yield head.group(2), head.group(1).strip(), found.strip(), comment, line


def callbacks(top):
    """Types of the headers that are pointers to functions; they go by value."""
    names = set()
    for path in ctext.files(top, (".h",), "include/dura/"):
        names |= set(re.findall(r"typedef[^;{]*?\(\*(\w+)\)\s*\(", ctext.blank(ctext.read(top, path))))
    return names


def check_one(name, kind, declaration, comment, core, pointers):
    if not comment.startswith("/**"):
        yield "has no /** comment"
    elif tag_problem(comment):
        yield tag_problem(comment)
    if "DURA_API" not in kind:
        yield "lacks DURA_API"
    value = re.sub(r"\b(DURA_API|DURA_CHECK|const|extern)\b", "", kind).split()
    if core and value != ["void"] and "DURA_CHECK" not in kind:
        yield "lacks DURA_CHECK"
    if value == ["void"] and "DURA_CHECK" in kind:
        yield "has DURA_CHECK but returns nothing"
    if core and value == ["int"] and not re.search(r"[Rr]eturns|gives|as `?dura_", comment):
        yield "does not say what it returns"
    if not name.startswith("dura_"):
        yield "does not start with dura_"
    arguments = declaration[declaration.find("("):]
    values = re.findall(r"[(,]\s*(?:const\s+)?(?:struct\s+)?(dura_\w+)\s+[a-z]", arguments)
    if set(values) - pointers:
        yield "takes a struct by value"


def check_header(top, path, pointers):
    text, problems, count = ctext.read(top, path), [], 0
    core = not path.startswith("include/dura/host/")
    if not re.match(r"/\* SPDX[^\n]*\n/\*", text):
        problems.append(f"{path}:2: does not open with an essay comment")
    if not path.endswith("dura.h") and 'extern "C"' not in text:
        problems.append(f'{path}:1: lacks extern "C"')
    for name, kind, declaration, comment, line in prototypes(text):
        count += 1
        problems += [f"{path}:{line}: {name} {p}"
                     for p in check_one(name, kind, declaration, comment, core, pointers)]
    lines = text.count("\n")
    prose = sum(1 for a, b in zip(text.split("\n"), ctext.blank(text).split("\n"))
                if a.strip() and a.rstrip() != b.rstrip())
    used = sum(1 for line in text.split("\n") if line.strip())
    long = f"  longer than {MAX_LINES}: split it or say less" if lines > MAX_LINES else ""
    print(f"{path:34} {lines:4} lines  {100 * prose // max(used, 1):3} % with comment  "
          f"{count:3} functions{long}")
    return problems, count if core else 0


def main():
    top, problems, total = ctext.root(), [], 0
    headers, pointers = ctext.files(top, (".h",), "include/dura/"), callbacks(top)
    for path in headers:
        found, count = check_header(top, path, pointers)
        problems, total = problems + found, total + count
    if not total:
        problems.append("no public function found: this check has lost its subject")
    if total > MAX_CORE:
        problems.append(f"the core has {total} public functions, at most {MAX_CORE}")
    return ctext.report(problems, f"{len(headers)} headers, {total} core functions")


sys.exit(main())
