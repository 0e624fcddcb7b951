# SPDX-License-Identifier: Apache-2.0
"""What the gates share about C text: blanking comments and strings, finding functions.

A parser of our own, because it must run where nothing but Python is installed, and because
the house style (one definition per line, no macro that opens a brace) makes it exact.
"""
import os
import re
import subprocess
import sys

CORE = ("base", "port", "link", "sensor", "block", "feature", "backend", "drift", "mspc", "histogram", "accuracy", "log", "correlate", "gate", "guard")


def root():
    """The tree to look at: --root DIR, or the one this script lies in."""
    if "--root" in sys.argv:
        return os.path.abspath(sys.argv[sys.argv.index("--root") + 1])
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def files(top, suffixes, under=""):
    """Paths relative to top, sorted: what git knows or would add; else what is there."""
    try:
        out = subprocess.run(["git", "-C", top, "ls-files", "-co", "--exclude-standard"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        names = out.stdout.decode().splitlines()
        if not names:
            raise OSError
    except (OSError, subprocess.CalledProcessError):
        names = [os.path.relpath(os.path.join(d, f), top) for d, _, fs in os.walk(top) for f in fs
                 if not re.search(r"(^|/)(\.git|build|__pycache__)(/|$)", os.path.relpath(d, top))]
    return sorted(n for n in set(names) if n.startswith(under) and n.endswith(tuple(suffixes))
                  and os.path.isfile(os.path.join(top, n)))


def read(top, name):
    with open(os.path.join(top, name), encoding="utf-8") as f:
        return f.read()


def blank(text, strings=True):
    """Comments (and the inside of strings) become spaces; every line stays where it is."""
    def gone(match):
        found = match.group(0)
        if not strings and found[0] in "\"'":
            return found
        if found[0] in "\"'":
            return found[0] + " " * (len(found) - 2) + found[0]
        return re.sub(r"[^\n]", " ", found)
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", gone, text,
                  flags=re.S)


def no_directives(text):
    """Preprocessor lines, continuations included, become empty lines."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda m: "\n" * m.group(0).count("\n"), text, flags=re.M)


def functions(text):
    """(name, first line, last line, is static) of every function defined in the text."""
    code = no_directives(blank(text))
    code = re.sub(r'extern\s+"[^"]*"\s*\{', lambda m: re.sub(r"[^\n]", " ", m.group(0)), code)
    found, depth, start, head, opened = [], 0, None, 0, 0
    for i, c in enumerate(code):
        if c == "{":
            if depth == 0:
                start, opened = head, i
            depth += 1
        elif c == "}":
            depth = max(depth - 1, 0)
            if depth == 0:
                row = _function(code, start, opened, i) if start is not None else None
                if row:
                    found.append(row)
                head = i + 1
        elif c == ";" and depth == 0:
            head = i + 1
    return found


def _function(code, start, opened, closed):
    before = code[start:opened]
    if not before.rstrip().endswith(")") or re.search(r"(?<![=!<>])=(?!=)", before):
        return None
    names = re.finditer(r"\b([A-Za-z_]\w*)\s*\(", before)
    name = next((m for m in names if not m.group(1).startswith("__")
                 and m.group(1) not in ("constructor", "format")), None)
    if not name:
        return None
    first = start + len(before) - len(before.lstrip())
    return (name.group(1), code.count("\n", 0, first) + 1, code.count("\n", 0, closed) + 1,
            bool(re.search(r"\bstatic\b", before)))


def report(problems, summary):
    """Print each problem and the summary; the exit code of the gate."""
    for line in problems:
        print(line)
    print(summary + (f"; {len(problems)} problem(s)" if problems else "; ok"))
    return 1 if problems else 0
