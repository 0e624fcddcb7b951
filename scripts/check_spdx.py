#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence in one of its first three lines."""
import sys

import ctext

KINDS = (".c", ".h", ".S", ".ld", ".py", ".sh", ".cmake", ".cmake.in", ".pc.in", ".map",
         "CMakeLists.txt", ".ci/run", ".dict")
LINE = "SPDX-License-Identifier: Apache-2.0"


def main():
    top = ctext.root()
    names = ctext.files(top, KINDS)
    bad = [f"{n}:1: lacks {LINE}" for n in names
           if LINE not in "\n".join(ctext.read(top, n).split("\n")[:3])]
    if not names:
        bad.append("no source file found: this check has lost its subject")
    return ctext.report(bad, f"{len(names)} files")


sys.exit(main())
