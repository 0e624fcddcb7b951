#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No function is longer than 80 lines; the core states its assumptions.

Counts from the first line of a definition to its closing brace in src, tools and examples.
Exceptions, each with a reason, are lines "path:function reason" in function_exceptions.txt.
Assertions: DURA_ASSERT per 1000 lines of code (no blanks, no comments) of the core >= 15.
"""
import os
import re
import statistics
import sys

import ctext

MAX, AIM_MEDIAN, AIM_P90, ASSERTS = 80, 12, 40, 15


def exceptions(top):
    allowed = {}
    path = os.path.join(top, "scripts", "function_exceptions.txt")
    if os.path.exists(path):
        for line in open(path, encoding="utf-8"):
            if line.strip() and not line.startswith("#"):
                where, _, reason = line.strip().partition(" ")
                allowed[where] = reason
    return allowed


def code_lines(text):
    return sum(1 for line in ctext.blank(text, strings=False).split("\n") if line.strip())


def figures(sizes):
    ordered = sorted(sizes)
    return (statistics.median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)],
            ordered[-1])


def main():
    top = ctext.root()
    allowed, used, problems, groups = exceptions(top), set(), [], {}
    code = asserts = 0
    for path in ctext.files(top, (".c", ".h")):
        part = path.split("/")[0]
        if part not in ("src", "tools", "examples", "include"):
            continue
        text = ctext.read(top, path)
        core = part == "src" and path.split("/")[1] in ctext.CORE
        group = "core" if core else path.split("/")[1] if part == "src" else part
        if core:
            code += code_lines(text)
            asserts += len(re.findall(r"(?<!define )\bDURA_ASSERT\(", ctext.blank(text)))
        for name, first, last, _ in ctext.functions(text):
            groups.setdefault(group, []).append(last - first + 1)
            where = f"{path}:{name}"
            if last - first + 1 > MAX:
                used.add(where)
                if not allowed.get(where):
                    problems.append(f"{path}:{first}: {name} is {last - first + 1} lines long, "
                                    f"at most {MAX}")
    problems += [f"function_exceptions.txt: {w} needs no exception" for w in allowed if w not in used]
    for group, sizes in sorted(groups.items()):
        median, p90, longest = figures(sizes)
        print(f"{group:10} {len(sizes):4} functions  median {median:g} (aim {AIM_MEDIAN})  "
              f"p90 {p90} (aim {AIM_P90})  longest {longest}")
    rate = 1000 * asserts / code if code else 0
    if rate < ASSERTS:
        problems.append(f"core: {asserts} assertions in {code} lines of code are {rate:.1f} per "
                        f"1000, at least {ASSERTS}")
    return ctext.report(problems, f"core: {code} lines of code, {rate:.1f} assertions per 1000")


sys.exit(main())
