#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pages point at things that exist.

Relative links of every .md file lead somewhere; paths in backticks that begin with a folder
of this tree exist; every proof `suite::name` in docs/invariants.md is a test, and invariants
are numbered without a gap. A source that says "invariant N" means one that is there.
"""
import os
import re
import sys

import ctext

FOLDERS = ("include/", "src/", "tests/", "fuzz/", "scripts/", "docs/", "examples/", "bench/",
           "tools/", "bindings/", "cmake/")


def tests(top):
    names = set()
    for path in ctext.files(top, (".c",), "tests/"):
        names |= {f"{s}::{n}" for s, n in re.findall(r"\bDT_TEST\((\w+),\s*(\w+)\)", ctext.read(top, path))}
    return names


def link_problems(top, page):
    text = re.sub(r"```.*?```", lambda m: "\n" * m.group(0).count("\n"), ctext.read(top, page), flags=re.S)
    for number, line in enumerate(text.split("\n"), 1):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
            if not re.match(r"[a-z]+:", target) and not os.path.exists(
                    os.path.join(top, os.path.dirname(page), target)):
                yield f"{page}:{number}: link to {target} leads nowhere"
        for path in re.findall(r"`([\w./-]+)`", line):
            if path.startswith(FOLDERS) and not os.path.exists(os.path.join(top, path)):
                yield f"{page}:{number}: there is no {path}"


def invariant_problems(top, known):
    page = "docs/invariants.md"
    text = ctext.read(top, page)
    numbers = [int(n) for n in re.findall(r"^(\d+)\. ", text, flags=re.M)]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{page}:1: numbers are not 1..{len(numbers)}: {numbers}"
    for name in re.findall(r"`(\w+::\w+)`", text):
        if name not in known:
            yield f"{page}:1: there is no test {name}"
    for path in ctext.files(top, (".c", ".h"), "src/") + ctext.files(top, (".h",), "include/"):
        for line, content in enumerate(ctext.read(top, path).split("\n"), 1):
            for n in re.findall(r"\binvariants? (\d+)", content):
                if int(n) not in numbers:
                    yield f"{path}:{line}: there is no invariant {n}"


def main():
    top, problems = ctext.root(), []
    pages = ctext.files(top, (".md",))
    for page in pages:
        problems += link_problems(top, page)
    known = tests(top)
    problems += invariant_problems(top, known)
    return ctext.report(problems, f"{len(pages)} pages, {len(known)} tests")


sys.exit(main())
