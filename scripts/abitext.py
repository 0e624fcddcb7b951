# SPDX-License-Identifier: Apache-2.0
"""What the public headers promise, as data: structs, enumerators, constants, functions.

The compiler preprocesses (so macros in arrays and the error list are expanded) and its line
markers say which header a line came from; what is left is regular enough to be read by
rules, because the style allows few forms. Every ABI gate starts here.
"""
import os
import re
import subprocess
import tempfile

import ctext

CC = os.environ.get("CC", "cc").split()


class Api:
    """structs: {name: [(field, type, dims)]}; enums: [name]; macros: [name];
    functions: [(name, header)]; pointers: names of structs and types that hold one."""

    def __init__(self):
        self.structs, self.enums, self.macros, self.functions = {}, [], [], []
        self.pointers = set()


def headers(top, host=False):
    found = ctext.files(top, (".h",), "include/dura/")
    return [h for h in found if host or "/host/" not in h]


def preprocess(top, names):
    """[(header, code)] in the order of inclusion, without comments and system headers."""
    text = "".join(f"#include <{n[len('include/'):]}>\n" for n in names)
    with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
        f.write(text)
        f.flush()
        out = subprocess.run(CC + ["-std=c99", "-E", "-I", os.path.join(top, "include"), f.name],
                             stdout=subprocess.PIPE, check=True).stdout.decode()
    parts, here = [], None
    for line in out.split("\n"):
        mark = re.match(r'# \d+ "([^"]*)"', line)
        if mark:
            here = os.path.relpath(mark.group(1), top) if mark.group(1).startswith("/") else None
            if here not in names:
                here = None
        elif here:
            if not parts or parts[-1][0] != here:
                parts.append((here, []))
            parts[-1][1].append(line)
    return [(h, "\n".join(lines)) for h, lines in parts]


def clean(code):
    """One line, without attributes."""
    code = re.sub(r"__attribute__\s*\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)", " ", code)
    return re.sub(r"\s+", " ", code)


def split_members(body):
    """'a; b { c; } d;' -> declarations at depth 0."""
    out, depth, start = [], 0, 0
    for i, c in enumerate(body):
        depth += (c in "({") - (c in ")}")
        if c == ";" and depth == 0:
            out.append(body[start:i].strip())
            start = i + 1
    return [m for m in out if m]


def members(body):
    """(field, type, dims) of each declarator. A call in a vtable has the type 'call'."""
    out = []
    for decl in split_members(body):
        call = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", decl)
        if call:
            out.append((call.group(1), "call " + re.sub(r"\(\s*\*\s*\w+\s*\)", "", decl, count=1), ""))
            continue
        array = re.match(r"(.*?)\(\s*\*\s*(\w+)\s*\)\s*\[[^\]]*\]$", decl)      # pointer to an array
        if array:
            out.append((array.group(2), array.group(1) + "*", ""))
            continue
        first, *rest = decl.split(",")
        head = re.match(r"(.*?)\s*(\**)\s*(\w+)\s*((?:\[[^\]]*\]\s*)*)$", first)
        if not head:
            raise SystemExit(f"abitext: cannot read the member '{decl}'")
        base = head.group(1)
        out.append((head.group(3), (base + " " + head.group(2)).strip(), head.group(4).strip()))
        for more in rest:
            m = re.match(r"\s*(\**)\s*(\w+)\s*((?:\[[^\]]*\]\s*)*)$", more)
            out.append((m.group(2), (base + " " + m.group(1)).strip(), m.group(3).strip()))
    return out


def balanced(code, at):
    """Index after the brace that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        depth += (code[i] == "{") - (code[i] == "}")
        if depth == 0:
            return i + 1
    raise SystemExit("abitext: unbalanced braces")


def read_types(api, code):
    for m in re.finditer(r"typedef struct (\w+) \{", code):
        end = balanced(code, m.end() - 1)
        api.structs[m.group(1)] = members(code[m.end():end - 1])
    for m in re.finditer(r"\benum \{", code):
        end = balanced(code, m.end() - 1)
        for item in code[m.end():end - 1].split(","):
            name = item.split("=")[0].strip()
            if name:
                api.enums.append(name)
    for m in re.finditer(r"typedef [\w ]+ \**\(\s*\*\s*(\w+)\s*\)\s*\(", code):
        api.pointers.add(m.group(1))


def read_functions(api, header, code):
    flat = re.sub(r"\{[^{}]*\}", "", re.sub(r"\{[^{}]*\}", "", code))
    for m in re.finditer(r"(?<![\w*(])(?!typedef)[\w *]*?\b(dura_\w+)\s*\([^;{}]*?\)\s*;", flat):
        if "typedef" not in m.group(0):
            api.functions.append((m.group(1), header))


def mark_pointers(api):
    """A struct holds a pointer if a field is one, is a call or size_t, or contains such."""
    changed = True
    while changed:
        changed = False
        for name, fields in api.structs.items():
            words = {w for _, t, _ in fields for w in re.findall(r"\w+", t)}
            holds = any("*" in t or t.startswith("call ") for _, t, _ in fields)
            if name not in api.pointers and (holds or words & (api.pointers | {"size_t"})):
                api.pointers.add(name)
                changed = True


def macros(top, names):
    """Constants: #define DURA_X followed by one number."""
    out = []
    for h in names:
        out += re.findall(r"^#define (DURA_\w+)[ \t]+(?:\d+|0x[0-9A-Fa-f]+)u?[ \t]*(?:/\*.*)?$", ctext.read(top, h),
                          flags=re.M)
    return out


def load(top, host=False):
    api = Api()
    names = headers(top, host)
    for header, code in preprocess(top, names):
        code = clean(code)
        read_types(api, code)
        read_functions(api, header, code)
    mark_pointers(api)
    api.macros = macros(top, names)
    if not api.structs or not api.functions:
        raise SystemExit("abitext: no struct or function found: the gates have lost their subject")
    return api
