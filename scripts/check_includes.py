#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dependencies point one way (docs/design.md, layers and walls).

A core module includes its own headers, base and port, and of the C library only what a
freestanding build has (plus string.h for four functions); guard sees every module.
The core never sees the host library. Tools and examples see public headers only. Private
headers are named relative to the including file, so that -Iinclude alone compiles the core.
"""
import os
import re
import sys

import ctext

FREESTANDING = {"stddef.h", "stdint.h", "limits.h", "float.h", "stdarg.h", "string.h"}
LAYOUT = "src/base/dura_base_layout.c"           # a table of every header's structs, no calls
ASSERTS_ONLY = {"src/base/dura_base_assert.c"}    # empty without DURA_ASSERTS


def public_problem(owner, name):
    """What is wrong with <dura/name> in a file of core module `owner`."""
    if name.startswith("host/"):
        return "the core does not know the host library"
    module, owner = name[:-2].split("_")[0], owner.split("_")[0]   # sensor_checks.h is sensor's
    if owner not in ("guard", "dura") and module not in (owner, "base", "port"):
        return f"module {owner} does not see module {module}"
    if owner == "base" and module != "base" or owner == "port" and module not in ("base", "port"):
        return f"module {owner} lies below {module}"
    return ""


def core_problem(path, owner, form, name):
    if form == "<":
        if path == LAYOUT and name == "dura/dura.h":
            return ""
        if name.startswith("dura/"):
            return public_problem(owner, name[5:])
        if name in FREESTANDING or path in ASSERTS_ONLY:
            return ""
        return f"the core does not use <{name}>"
    target = os.path.normpath(os.path.join(os.path.dirname(path), name))
    parts = target.split("/")
    if parts[0] != "src" or len(parts) != 3:
        return f'"{name}" must be relative to the file and lead into src/<module>/'
    if parts[1] == owner or parts[1] == "base" or parts[1] == "port" and owner != "base":
        return ""
    return "" if owner == "guard" and parts[1] in ctext.CORE else \
        f"module {owner} does not see module {parts[1]}"


def host_problem(path, form, name):
    if form == "<":
        return ""
    target = os.path.normpath(os.path.join(os.path.dirname(path), name))
    return "" if target.startswith("src/") else f'"{name}" must lead into src/'


def outside_problem(path, form, name):
    """Tools and examples are what a vendor could have written."""
    if form == "<":
        return ""
    target = os.path.normpath(os.path.join(os.path.dirname(path), name))
    return "" if target.startswith(path.split("/")[0] + "/") else f'"{name}" is not public'


def problem(path, form, name):
    parts = path.split("/")
    if parts[0] == "include":
        if "host" in parts:
            return "" if form == "<" else "public headers are included with <>"
        owner = parts[-1][:-2]
        return core_problem(path, owner, form, name) if form == "<" else \
            "public headers are included with <>"
    if parts[0] == "src":
        return core_problem(path, parts[1], form, name) if parts[1] in ctext.CORE else \
            host_problem(path, form, name)
    return outside_problem(path, form, name)


def main():
    top, problems, count = ctext.root(), [], 0
    for path in ctext.files(top, (".c", ".h")):
        if path.split("/")[0] not in ("include", "src", "tools", "examples"):
            continue
        for number, line in enumerate(ctext.blank(ctext.read(top, path), False).split("\n"), 1):
            found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not found:
                continue
            count += 1
            form, name = found.groups()
            if form == '"' and not os.path.exists(os.path.join(top, os.path.dirname(path), name)):
                problems.append(f'{path}:{number}: "{name}" is not relative to this file')
                continue
            wrong = problem(path, form, name)
            if wrong:
                problems.append(f"{path}:{number}: {wrong}")
    if not count:
        problems.append("no #include found: this check has lost its subject")
    return ctext.report(problems, f"{count} includes")


sys.exit(main())
