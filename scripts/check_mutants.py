#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the gate's tests notice when the gate is wrong?

Makes wrong versions of src/gate/*.c by rules (a condition turned round or taken out, a bound moved
by one, a statement lost, two swapped, a result replaced), builds each with the plain runner and runs
the gate's tests until one fails. What no test notices is a survivor; the score is the share noticed.

  check_mutants.py                  a seeded sample: every rule, every file, 100 mutants
  check_mutants.py --all            every mutant there is (some minutes)
  check_mutants.py --count N --seed S --only TEXT [-j N] [--list]

A mutant that does not compile is none. One that comes out as the same machine code at -O2 is none
either: it says the same in other words. A survivor that cannot be told from the original by its
behaviour has a line in EXPLAINED; a rule that meets nothing is an error, an explanation
that does is said. Exit 1 below 95 % noticed.
"""
import argparse
import collections
import concurrent.futures
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile

import ctext

SOURCES = "src/gate/"
TESTS = ["tests/test_gate_bounds.c", "tests/test_gate_approve.c", "tests/test_gate.c", "tests/test_gate_conditions.c",
         "tests/test_gate_sequences.c", "tests/test_gate_power.c", "tests/test_gate_cuts.c",
         "tests/test_gate_chunks.c", "tests/test_gate_hints.c", "tests/test_gate_window.c"]
FIRST = {"dura_gate_window.c": "tests/test_gate_window.c"}      # what knows most about a file is run first
FLAGS = ["-std=gnu99", "-O1", "-w", "-DDT_PLAIN", "-DDT_FIRST", "-DDURA_STATIC", "-DDURA_ASSERTS", "-Iinclude", "-Isrc", "-Itests"]
WANT = 0.95
SECONDS = 20             # of processor time: a mutant that needs more hangs
STATEMENT = r"[A-Za-z_*][^;{}=!<>\n]*(?:=(?!=)[^;{}\n]*|\([^;{}\n]*\));"

ACTS = r"g->hooks|move\(|j->|r->(?:prog|erase|sync|read)\b|c->|draft\(|say\(|note_time|flush|memcpy|memset|durai_|blank\("

# name: (pattern on code without comments and strings, what takes its place)
RULES = {
    "condition turned round": (r"\bif \((?P<c>COND)\)", r"if (!(\g<c>))"),
    "condition never true": (r"\bif \((?P<c>COND)\)", r"if (0 && (\g<c>))"),
    "condition always true": (r"\bif \((?P<c>COND)\)", r"if (1 || (\g<c>))"),
    "<= for <": (r"(?<=[\w)\]]) < (?=[\w(&*-])", " <= "),
    "< for <=": (r" <= ", " < "),
    ">= for >": (r"(?<=[\w)\]]) > (?=[\w(&*-])", " >= "),
    "> for >=": (r" >= ", " > "),
    "!= for ==": (r" == ", " != "),
    "== for !=": (r" != ", " == "),
    "|| for &&": (r" && ", " || "),
    "&& for ||": (r" \|\| ", " && "),
    "one more": (r"(?<=[\w)\]]) \+ 1u?\b", " + 2"),
    "one less": (r"(?<=[\w)\]]) - 1u?\b", " - 0"),
    "another bit": (r"\b1u <<", "2u <<"),
    "reason lost": (r"(?<=\n)(?P<s> +)why \|= [^;]*;", r"\g<s>;"),
    "statement lost": (r"(?<=\n)(?P<s> +)(?!return|static|const|uint|int|size_t|dura|struct|enum|goto|break|continue|typedef)" + STATEMENT, r"\g<s>;"),
    "two swapped": (r"(?<=\n)(?P<s> +)(?P<a>(?:rc = |\(void\))?(?:ACTS)[^;{}\n]*;)\n(?P=s)(?P<b>(?!return|int|uint|for)[A-Za-z_>.\-\[\]]+(?: [|&]?= |\()[^;{}\n]*;)", r"\g<s>\g<b>\n\g<s>\g<a>"),
    "well for nothing": (r"\breturn 0;", "return 1;"),
    "nothing for well": (r"\breturn 1;", "return 0;"),
    "failed for well": (r"\breturn DURA_OK;", "return DURA_EIO;"),
    "well for refused": (r"\breturn DURA_E[A-Z]+;", "return DURA_OK;"),
    "other answer": (r"\? (?P<a>[\w>.\-()]+) : (?P<b>[\w>.\-()]+)(?=[;)])", r"? \g<b> : \g<a>"),
}
# (file, rule, the line): why nobody can tell it from the original.
EXPLAINED = {
    ("dura_gate_chunks.c", "two swapped", "memcpy(b + 1 + DURA_HASH_BYTES * (at & 1u), g->sum, DURA_HASH_BYTES);"):
        "the two write different halves",
    ("dura_gate_window.c", "condition never true", "if (c->window_minutes == 0)"): "the gate asks only where there is a window",
    ("dura_gate.c", "<= for <", "if (after && (d->n[DURAI_C_AFTER] == 0 || after < d->n[DURAI_C_AFTER]))"):
        "of two equal days either is the earlier",
    ("dura_gate_window.c", "one more", "int32_t days = w->days ? w->days : EVERY_DAY, last = (to + w->utc_minutes) / DAY + 1;"):
        "one day more is looked at, which opens behind the end",
    ("dura_gate_approve.c", "condition always true", "else if (rc == DURA_OK)"): "what is checked as a whole has no broken part",
    ("dura_gate_release.c", "condition always true", "else if (rc == DURA_OK)"): "what is checked as a whole has no broken part",
    ("dura_gate_release.c", "< for <=", "if (key <= K_LAST)"): "the last field is none that must be there",
    ("dura_gate_journal.c", "<= for <", "for (uint32_t i = 0; i < DURAI_NEEDS; i++)"):
        "one too many lies behind the array, where the number that follows is written next; UBSan stops it in check",
    ("dura_gate_release.c", "> for >=", "uint32_t head = *p >= 0x40 && *p < 0x58 ? 1 : *p == 0x58 ? 2 : *p == 0x59 ? 3 : 0;"):
        "no bytes at all are refused for their length in place of their head",
    ("dura_gate_approve.c", "&& for ||", "if (durai_cbor_next(&in, &it) != DURA_OK || it.type != DURAI_CBOR_MAP)"):
        "what is whole and no map holds nothing that reads as pairs",
    ("dura_gate_release.c", "&& for ||", "if (durai_cbor_next(&in, &it) != DURA_OK || it.type != DURAI_CBOR_MAP)"):
        "what is whole and no map holds nothing that reads as pairs",
    ("dura_gate_journal.c", "statement lost", "*end = base;"): "it is asked only of a bank that holds a record",
    ("dura_gate.c", ">= for >", "d->probation = r->probation_frames > g->cfg.probation_frames ? r->probation_frames : g->cfg.probation_frames;"):
        "of two equal numbers either is the larger",
    ("dura_gate.c", "two swapped", "note_time(g, now);"): "neither looks at the other's",
    ("dura_gate.c", "two swapped", "memcpy(d->d[DURAI_D_BOUND], g->cfg.policy, DURA_HASH_BYTES);"): "neither looks at the other's",
    ("dura_gate.c", ">= for >", "first = slot_version(g, 2) > slot_version(g, 1) ? 2 : 1;"):
        "each release is above the one that runs: two slots of one version are both empty",
    ("dura_gate_brain.c", "&& for ||", "if (!durai_finite(got) || !durai_finite(want) || !durai_finite(bound))"):
        "what is not finite is within no bound either",
    ("dura_gate_brain.c", "<= for <", "return (off < 0.0f ? -off : off) <= bound;"): "it is about the sign of a zero",
    ("dura_gate_window.c", "well for nothing", "return 0;"): "the gate asks only where there is a window",
    ("dura_gate_approve.c", "two swapped", "memset(out, 0, sizeof *out);"): "neither looks at the other's",
    ("dura_gate.c", "two swapped", "memset(out, 0, sizeof g->out);"): "neither looks at the other's",
}


def balanced(code, at):
    """End of the parenthesis that opens at `at`."""
    depth = 0
    for i in range(at, len(code)):
        depth += (code[i] == "(") - (code[i] == ")")
        if depth == 0:
            return i
    raise SystemExit("a parenthesis that does not close")


def mutants(top):
    """(file, line, rule, whole text)"""
    out = []
    for name in ctext.files(top, (".c",), SOURCES):
        text = ctext.read(top, name)
        code = re.sub(r"^#[^\n]*|\bDURA_ASSERT\([^;]*;", lambda m: re.sub(r"[^\n]", " ", m.group(0)), ctext.blank(text), flags=re.M)
        inside = [False] * (len(code) + 1)
        lines = [0]
        for line in code.split("\n"):
            lines.append(lines[-1] + len(line) + 1)
        for _, first, last, _ in ctext.functions(text):
            for i in range(lines[first - 1], lines[last]):
                inside[i] = True
        for rule, (pattern, becomes) in RULES.items():
            for m in found(pattern, code):
                if not inside[m[0]]:
                    continue
                new = replaced(pattern, becomes, text, m)
                if new is not None and new != text:
                    out.append((name, text.count("\n", 0, m[0] + (text[m[0]] == "\n")) + 1, rule, new))
    return out


def found(pattern, code):
    if "ACTS" in pattern:
        return [(m.start(), m.end()) for m in re.finditer(pattern.replace("ACTS", ACTS), code)]
    if "COND" not in pattern:
        return [(m.start(), m.end()) for m in re.finditer(pattern, code)]
    return [(m.start(), balanced(code, m.end() - 1) + 1) for m in re.finditer(r"\bif \(", code)]


def replaced(pattern, becomes, text, span):
    start, end = span
    if "COND" in pattern:
        condition = text[start + len("if ("):end - 1]
        return text[:start] + becomes.replace(r"\g<c>", condition) + text[end:]
    m = re.compile(pattern.replace("ACTS", ACTS)).match(text, start)
    return text[:start] + m.expand(becomes) + text[m.end():] if m else None


def sample(all_, count, seed):
    """Every file and every rule gets its share."""
    rng, groups = random.Random(seed), {}
    for one in all_:
        groups.setdefault((one[0], one[2]), []).append(one)
    for group in groups.values():
        rng.shuffle(group)
    order, out = sorted(groups), []
    rng.shuffle(order)
    while len(out) < count and any(groups.values()):
        for key in order:
            if groups[key] and len(out) < count:
                out.append(groups[key].pop())
    return out


class Bench:
    def __init__(self, top, work):
        self.top, self.work = top, work
        self.objects = {}
        tests = [t for t in TESTS if os.path.exists(os.path.join(top, t))]
        missing = [t for t in TESTS if t not in tests]
        if missing:
            sys.exit(f"no {', '.join(missing)}: this check has lost its subject")
        helpers = [f for f in ctext.files(top, (".c",), "tests/sim/") + ctext.files(top, (".c",), "src/base/")
                   if not f.endswith("dt_box.c") and "_host" not in f]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = {f: pool.submit(self.compile, f) for f in
                    ctext.files(top, (".c",), SOURCES) + tests + helpers + ["tests/dt_main.c"]}
            self.objects = {f: job.result() for f, job in jobs.items()}
        if not all(self.objects.values()):
            sys.exit("the original does not compile: " + ", ".join(f for f, o in self.objects.items() if not o))
        archive = os.path.join(work, "helpers.a")
        subprocess.run(["ar", "rc", archive] + [self.objects[f] for f in helpers], check=True)
        self.tests, self.archive = tests, archive

    def compile(self, name, text=None, mark="", optimise=None):
        source = os.path.join(self.top, name)
        out = os.path.join(self.work, mark + name.replace("/", "_") + ".o")
        words = ["gcc"] + FLAGS + ([optimise] if optimise else []) + [f"-I{os.path.dirname(source)}"]
        if text is not None:
            source = os.path.join(self.work, mark + os.path.basename(name))
            with open(source, "w", encoding="utf-8") as f:
                f.write(f'#line 1 "{name}"\n' + text)
        done = subprocess.run(words + ["-c", source, "-o", out], cwd=self.top, stderr=subprocess.DEVNULL, check=False)
        return out if done.returncode == 0 else None

    def run(self, name, obj, mark):
        """What happens: "" when all tests pass, else the first test that does not."""
        first = FIRST.get(os.path.basename(name))
        tests = sorted(self.tests, key=lambda t: t != first)
        program = os.path.join(self.work, mark + "program")
        gate = [obj if f == name else o for f, o in self.objects.items() if f.startswith(SOURCES)]
        subprocess.run(["gcc"] + [self.objects[t] for t in tests] + gate + [self.objects["tests/dt_main.c"], self.archive, "-o", program],
                       check=True)
        done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1)))
        os.unlink(program)
        if done.returncode == -signal.SIGXCPU:
            return "hangs"
        if done.returncode == 0:
            return ""
        failed = re.search(rb"FAIL: (\S+)", done.stdout)
        return failed.group(1).decode() if failed else "crashes"

    def code(self, name, text, mark):
        """Machine code at -O2, without what only says where it stands."""
        obj = self.compile(name, text, mark + "o2", "-O2")
        out = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", obj], stdout=subprocess.PIPE, check=True).stdout
        return re.sub(rb"^.*file format.*$", b"", out, flags=re.M)

    def judge(self, number, mutant):
        name, _, _, text = mutant
        mark = f"m{number}_"
        try:
            obj = self.compile(name, text, mark)
            if obj is None:
                return None
            said = self.run(name, obj, mark)
            if not said and self.code(name, text, mark) == self.code(name, ctext.read(self.top, name), mark + "orig"):
                return None
            return said
        finally:
            for leftover in os.listdir(self.work):
                if leftover.startswith(mark):
                    os.unlink(os.path.join(self.work, leftover))


def line_of(top, mutant):
    return ctext.read(top, mutant[0]).split("\n")[mutant[1] - 1].strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--only", default="", help="mutants whose file, rule or line contains this")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="say who noticed what")
    parser.add_argument("--root", default=ctext.root())
    args = parser.parse_args()
    everything = mutants(args.root)
    idle = [rule for rule in RULES if not any(m[2] == rule for m in everything)]
    if idle:
        sys.exit(f"rules that meet nothing in {SOURCES}: {', '.join(idle)}")
    known = {(os.path.basename(m[0]), m[2], line_of(args.root, m)) for m in everything}
    stale = [key for key in EXPLAINED if key not in known]
    for key in stale:
        print(f"an explanation that meets nothing any more, take it out: {key}")
    chosen = [m for m in everything if args.only in f"{m[0]}: {m[2]}: {line_of(args.root, m)}"]
    if not args.all and not args.only:
        chosen = sample(everything, args.count, args.seed)
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(args.root, work)
        original = bench.run("", None, "original")
        if original:
            sys.exit(f"the original fails: {original}")
        with concurrent.futures.ThreadPoolExecutor(args.j) as pool:
            for mutant, said in zip(chosen, pool.map(bench.judge, range(len(chosen)), chosen)):
                line = line_of(args.root, mutant)
                why = EXPLAINED.get((os.path.basename(mutant[0]), mutant[2], line))
                if said is not None:
                    counts["noticed" if said else "explained" if why else "survived"] += 1
                if said == "" or (said and args.list):
                    print(f"{said or 'survived'}: {mutant[0]}:{mutant[1]}: {mutant[2]}: {line}" + (f" ({why})" if why and not said else ""),
                          flush=True)
    noticed, survived, explained = counts["noticed"], counts["survived"], counts["explained"]
    total = noticed + survived + explained
    score = (noticed / (total - explained)) if total > explained else 0.0
    print(f"{len(everything)} mutants, {total} tried: {noticed} noticed, {explained} explained, {survived} survived; "
          f"{100 * noticed / total:.1f} % noticed, {100 * score:.1f} % of what can be" if total else "nothing was tried")
    return 0 if total and score >= WANT else 1


sys.exit(main())
