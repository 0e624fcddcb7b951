#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every row of the table of attacks and faults in docs/gate.md has its tests, by name.

  check_attacks.py [--root DIR]

The rows are A1..A17 and F1..F10, in order. A test belongs to a row when its name begins with the
row's id (`a1_a3_...` belongs to two), and stands there; none stands there that does not exist or
belongs elsewhere. Each DURA_* name in the row's last column is in the body of one of its tests.
"""
import re
import sys

import ctext

PAGE = "docs/gate.md"
ROWS = [f"A{i}" for i in range(1, 18)] + [f"F{i}" for i in range(1, 11)]


def tests(top):
    """{suite::name: body} of the tests whose names begin with a row."""
    found = {}
    for path in ctext.files(top, (".c",), "tests/"):
        text = ctext.read(top, path)
        for m in re.finditer(r"^DT_TEST\((\w+),\s*(\w+)\)\n\{\n(.*?)^\}", text, flags=re.M | re.S):
            if rows_of(m.group(2)):
                found[f"{m.group(1)}::{m.group(2)}"] = ctext.blank(m.group(3))
    return found


def rows_of(name):
    ids = re.match(r"(?:[af]\d+_)*", name).group(0)
    return [i.upper() for i in ids.split("_") if i.upper() in ROWS]


def main():
    top, problems, seen = ctext.root(), [], []
    known = tests(top)
    for number, line in enumerate(ctext.read(top, PAGE).split("\n"), 1):
        cells = [c.strip() for c in line.strip("|").split("|")]
        if not re.match(r"\| [AF]\d+ \|", line) or len(cells) != 4:
            continue
        row, named = cells[0], re.findall(r"`(\w+::\w+)`", cells[2])
        seen.append(row)
        for name in named:
            if name not in known:
                problems.append(f"{PAGE}:{number}: {row}: there is no test {name}")
            elif row not in rows_of(name.split("::")[1]):
                problems.append(f"{PAGE}:{number}: {row}: {name} is not named after it")
        for name in sorted(known):
            if row in rows_of(name.split("::")[1]) and name not in named:
                problems.append(f"{PAGE}:{number}: {row}: {name} is missing")
        codes = re.findall(r"`(DURA_\w+)`", cells[3])
        if not codes:
            problems.append(f"{PAGE}:{number}: {row}: names no code")
        for code in codes:
            if not any(re.search(rf"\b{code}\b", known.get(name, "")) for name in named):
                problems.append(f"{PAGE}:{number}: {row}: no test of it asserts {code}")
    if seen != ROWS:
        problems.append(f"{PAGE}:1: the rows are {' '.join(seen) or 'none'}, want A1..A17, F1..F10")
    return ctext.report(problems, f"{len(seen)} rows, {len(known)} tests")


sys.exit(main())
