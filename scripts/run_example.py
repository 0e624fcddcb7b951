#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run_example.py SOURCE [EMULATOR...] PROGRAM: the output is what the source promises.

The last comment of an example holds its standard output, line by line after " * ". The
program runs in an empty folder of its own, must exit 0 and print exactly that.
"""
import difflib
import re
import subprocess
import sys
import tempfile


def promised(source):
    text = open(source, encoding="utf-8").read().rstrip()
    comments = re.findall(r"/\*.*?\*/", text, re.S)
    if not comments or not text.endswith(comments[-1]):
        sys.exit(f"{source}: the file must end with a comment that holds its output")
    lines = comments[-1][2:-2].strip("\n").split("\n")
    lines = [re.sub(r"^ ?\*? ?", "", line).rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    while lines and (not lines[0] or lines[0].lower().rstrip(":") in ("output", "prints")):
        lines.pop(0)
    if not lines:
        sys.exit(f"{source}: the last comment is empty")
    return lines


def main():
    source, command = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, timeout=120,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    want, got = promised(source), [line.rstrip() for line in run.stdout.rstrip().split("\n")]
    if run.returncode == 0 and want == got:
        return 0
    print("\n".join(difflib.unified_diff(want, got, "last comment", "printed", lineterm="")))
    print(run.stderr, f"exit code {run.returncode}", sep="")
    return 1


sys.exit(main())
