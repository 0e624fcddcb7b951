#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Words that do not belong in a released tree: somebody's machine, unfinished work.

The patterns are written with character classes so that this file does not match itself.
Corpora and vectors are bytes, not words, and are left out.
"""
import re
import sys

import ctext

WORDS = (
    (r"(?<![A-Za-z0-9_.$}])/(?:[w]ork|[f]arm|[r]oot|[h]ome/[a-z]\w*|[U]sers/\w+)/", "a path of somebody's machine"),
    (r"/[t]mp/(?!dura)[a-z]+/", "a path of somebody's machine"),
    (r"https?://[^\s\"'>)]*(?:[r]egistry|[p]ypi|[n]pmjs|[a]rtifactory|[n]exus|[c]rates\.io)", "a package registry"),
    (r"\b(?:[T]ODO|[F]IXME|[X]XX|[H]ACK)\b", "unfinished work"),
    (r"\b(?:[n]ot yet [i]mplemented|[f]or now,? [w]e|[p]laceholder)\b", "unfinished work"),
    (r"(?i)\b(?:[t]his session|[s]ession \d+|[s]ubagent|[i]ssue #?\d+|[l]anguage model assistant)\b", "how it was made"),
    (r"(?i)\b(?:[b]efore-stop|[D]EVELOPERS\.md|[f]arm-\w+)\b", "how it was made"),
    (r"(?i)\bthe (?:engineer|helper) \"", "how it was made"),
)
LEFT_OUT = ("fuzz/corpus/", "tests/vectors/", "LICENSE")


def main():
    top, problems, count = ctext.root(), [], 0
    for name in ctext.files(top, ("",)):
        if name.startswith(LEFT_OUT):
            continue
        try:
            text = ctext.read(top, name)
        except UnicodeDecodeError:
            continue
        count += 1
        for number, line in enumerate(text.split("\n"), 1):
            problems += [f"{name}:{number}: {why}: {m.group(0)}"
                         for pattern, why in WORDS for m in [re.search(pattern, line)] if m]
    if not count:
        problems.append("no file found: this check has lost its subject")
    return ctext.report(problems, f"{count} files")


sys.exit(main())
