#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""MISRA C:2012 deviations of the core are counted, and may only shrink.

cppcheck's addon names rules by number. deviations.txt holds, per rule, the number of places
and the reason; a new rule, a higher count or a rule without a reason is red. After a count
went down: check_misra.py --update, which writes counts and keeps reasons. Errors and
warnings cppcheck itself finds are red too.
"""
import collections
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import ctext

TABLE = "scripts/misra/deviations.txt"
HEAD = """# SPDX-License-Identifier: Apache-2.0
# MISRA C:2012 deviations of the core: rule, places, reason. Written by
# scripts/misra/check_misra.py --update; the reasons are kept.
"""


def sources(top):
    return [p for m in ctext.CORE for p in ctext.files(top, (".c",), f"src/{m}/")]


def run(top):
    """(places per rule, what else cppcheck found)."""
    command = ["cppcheck", "--addon=misra", "--std=c99", "--platform=unix64", "-j2", "-Iinclude",
               "--enable=warning,portability", "--inline-suppr", "--quiet", "-D__GNUC__=12",
               "--suppress=missingIncludeSystem", "--template={file}:{line}:{severity}:{id}:{message}"]
    found = subprocess.run(command + sources(top), cwd=top, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False).stdout
    places, other = collections.defaultdict(set), []
    for line in found.splitlines():
        rule = re.match(r"([^:]+:\d+):[^:]*:misra-c2012-([\d.]+):", line)
        if rule:
            places[rule.group(2)].add(rule.group(1))
        elif re.match(r"[^:]+:\d+:(error|warning|portability):", line):
            other.append(line)
    return places, other


def table(top):
    rows = {}
    if os.path.exists(os.path.join(top, TABLE)):
        for line in ctext.read(top, TABLE).splitlines():
            match = re.match(r"(\d+\.\d+)\s+(\d+)\s*(.*)", line)
            if match:
                rows[match.group(1)] = (int(match.group(2)), match.group(3).strip())
    return rows


def update(top, places, rows):
    with open(os.path.join(top, TABLE), "w", encoding="utf-8") as f:
        f.write(HEAD)
        for rule in sorted(places, key=lambda r: [int(x) for x in r.split(".")]):
            f.write(f"{rule:6} {len(places[rule]):4}  {rows.get(rule, (0, ''))[1]}\n".rstrip() + "\n")


def main():
    top = ctext.root()
    if not shutil.which("cppcheck"):
        print("cppcheck is not installed")
        return 1
    places, problems = run(top)
    rows = table(top)
    if "--update" in sys.argv:
        update(top, places, rows)
        rows = table(top)
    for rule, where in sorted(places.items()):
        allowed, reason = rows.get(rule, (0, "-"))
        if len(where) > allowed:
            problems.append(f"rule {rule}: {len(where)} places, {allowed} allowed: "
                            + " ".join(sorted(where)[:6]))
        if not reason:
            problems.append(f"rule {rule}: no reason in {TABLE}")
    for rule, (allowed, _) in rows.items():
        if len(places.get(rule, ())) < allowed:
            print(f"rule {rule}: down to {len(places.get(rule, ()))} from {allowed}: run --update")
    if not places:
        problems.append("cppcheck counted nothing: this check has lost its subject")
    total = sum(len(p) for p in places.values())
    return ctext.report(problems, f"{len(places)} rules, {total} places in {len(sources(top))} files")


sys.exit(main())
