#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the core costs on a Cortex-M4: flash per module, writable data, stack per call, objects.

  check_footprint.py [--update] [--root DIR] [--baseline FILE] [--list]

Two link sets, the compiler's run-time library included: small (the README's loop, linked with
garbage collection) and full (every object of the core but block and the layout table, which only
bindings read). The stack of a public call is the deepest path below it, from gcc's own
per-function figures and call graph: hooks of the caller count 0, and calls through pointers
that stay inside the core are named below. Object sizes come from a program that asks
dura_*_bytes() and runs under QEMU.

Limits that must hold are here, all other figures in tests/footprint.txt may grow by 2 %. A
limit that is known to be exceeded has a line "over ROW: reason" there, and is still printed.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

import ctext

CC = "arm-none-eabi-gcc"
FLAGS = ["-std=c99", "-Os", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16",
         "-ffp-contract=off", "-ffunction-sections", "-fdata-sections", "-fvisibility=hidden", "-DDURA_STATIC"]
BINDINGS_ONLY = "dura_base_layout.o"       # names of all fields, for mirrors in other languages
APART = "block"                            # a budget of its own, in no link set
# What the compiler's helpers push: __aeabi_uldivmod 16 and __udivmoddi4 below it 32 is the
# deepest of those the core calls; the four of C push at most 16 (libgcc and newlib-nano 12.2.1).
RUNTIME_STACK, MEM_STACK = 48, 16
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KIB = 1024
# Calls through a pointer that end in the core: the member's name, and which functions whose
# address is taken it may be. Every other one must be a hook of port.h or a dura_fn.
INSIDE = {"encode": r"durai_guard_encode$", "noted": r".*:watch_noted$", "h": r".*durai_log_node$",
          "mem_req": r".*:fn_mem_req$", "open": r".*:fn_open$", "io": r".*:fn_io$", "run": r".*:fn_run$",
          "reset": r".*:fn_reset$", "close": r".*:fn_close$",
          "get_extension": r".*:fn_get_extension$"}
HOOKS = {"call", "persist"}
# Tables that a part of the core lends to another: how the expression names the table, and
# what its members are called behind it; of several tables in one place, each.
TABLES = {"feature": "dura_feature_", "feature_calls": "dura_feature_",
          "drift_calls": ("dura_drift_", "src/drift/dura_drift_chart.c:chart_", "durai_chart_"),
          "mspc_calls": "src/mspc/dura_mspc.c:mspc_",
          "histogram_calls": ("src/histogram/dura_histogram.c:histogram_", "durai_histogram_"),
          "correlate_calls": "dura_correlate_", "gate": "dura_gate_", "gate_calls": "dura_gate_",
          "sensor_calls": "dura_sensor_", "hooks": "src/guard/dura_guard_swap.c:hook_",
          "watch": "src/guard/dura_guard_watcher.c:watch_"}
RENAMED = {"dura_correlate_classify": "dura_event_class", "dura_sensor_bytes": "dura_sensor_extra_bytes",
           "dura_drift_probe": "durai_drift_probe", "dura_gate_prove": "durai_gate_prove"}
MUST = {"flash small total": 20 * KIB, "flash full total": 40 * KIB, "data core .data+.bss": 0,
        "stack worst": 512, "ram small": 6 * KIB}
HEAD = """# SPDX-License-Identifier: Apache-2.0
# Cortex-M4, -Os, bytes. Compared by scripts/check_footprint.py, which allows 2 %% more;
# written by scripts/check_footprint.py --update with %s
"""


def run(*words, **how):
    return subprocess.run(list(words), stdout=subprocess.PIPE, check=True, **how).stdout.decode()


def build(top, out):
    sources = [s for m in ctext.CORE for s in ctext.files(top, (".c",), f"src/{m}/")]
    if not sources:
        raise SystemExit("no core source found: this check has lost its subject")
    for source in sources:
        target = os.path.join(out, os.path.basename(source)[:-2])
        run(CC, *FLAGS, "-fcallgraph-info=su", "-Iinclude", "-c", source, "-o", target + ".o", cwd=top)
    return {os.path.basename(s)[:-2] + ".o": s.split("/")[1] for s in sources}


def sections(objects):
    """{object: {section: size}}"""
    out, here = {}, None
    for line in run("arm-none-eabi-size", "-A", *objects).split("\n"):
        if line.endswith(":"):
            here = out.setdefault(os.path.basename(line.split()[0]), {})
        row = re.match(r"(\.\S+)\s+(\d+)\s+\d+$", line)
        if row:
            here[row.group(1)] = here.get(row.group(1), 0) + int(row.group(2))
    return out


def is_flash(section):
    return section.startswith((".text", ".rodata", ".data", ".ARM.ex"))


def full_set(out, modules, figures):
    sizes = sections([os.path.join(out, o) for o in modules])
    data = 0
    for name, parts in sizes.items():
        data += sum(n for s, n in parts.items() if s.startswith((".data", ".bss", ".tdata", ".tbss", "COMMON")))
        row = "flash full " + modules[name]
        if name == BINDINGS_ONLY:
            row = "flash layout table"
        elif modules[name] == APART:
            row = "flash block alone"
        figures[row] = figures.get(row, 0) + sum(n for s, n in parts.items() if is_flash(s))
    figures["data core .data+.bss"] = data
    runtime = linked(out, {o: m for o, m in modules.items() if m != APART}, ["-Wl,--no-gc-sections", "-Wl,--whole-archive"], "")
    figures["flash full compiler run time"] = runtime.get("runtime", 0)
    figures["flash full total"] = sum(n for r, n in figures.items() if r.startswith("flash full"))


def linked(out, modules, options, main):
    """{module or 'runtime': bytes} of what the linker keeps, from its map."""
    archive, mapfile = os.path.join(out, "core.a"), os.path.join(out, "link.map")
    if os.path.exists(archive):
        os.unlink(archive)
    run("arm-none-eabi-ar", "rc", archive, *[os.path.join(out, o) for o in modules if o != BINDINGS_ONLY])
    run(CC, *FLAGS, "-nostdlib", "-nostartfiles", "--specs=nano.specs", "-Wl,-e,footprint", f"-Wl,-Map,{mapfile}",
        "-Wl,--unresolved-symbols=ignore-all", *options, *([main] if main else []), archive,
        "-Wl,--no-whole-archive", "-lgcc", "-lc", "-o", os.path.join(out, "set.elf"), stderr=subprocess.DEVNULL)
    kept, text = {}, open(mapfile, encoding="utf-8").read()
    text = text[text.index("Linker script and memory map"):]
    for m in re.finditer(r"^ (\.\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+(\S+)$", text, flags=re.M):
        section, size, source = m.group(1), int(m.group(2), 16), m.group(3)
        if not is_flash(section) or source == main:
            continue
        member = re.search(r"core\.a\((\S+)\)$", source)
        owner = modules[member.group(1)] if member else "runtime" if re.search(r"lib(gcc|c_nano|c)\.a", source) else ""
        if owner:
            kept[owner] = kept.get(owner, 0) + size
    return kept


def small_set(top, out, modules, figures):
    main = os.path.join(out, "main_small.o")
    run(CC, *FLAGS, "-I" + os.path.join(top, "include"), "-c",
        os.path.join(HERE, "tests/target/footprint_small.c"), "-o", main)
    for owner, n in sorted(linked(out, modules, ["-Wl,--gc-sections"], main).items()):
        figures["flash small " + ("compiler run time" if owner == "runtime" else owner)] = n
    figures["flash small total"] = sum(n for r, n in figures.items() if r.startswith("flash small"))


class Graph:
    """Stack and calls of every function, from gcc's .ci files."""

    def __init__(self, top, out):
        self.own, self.calls = {}, {}
        self.hooks = HOOKS | set(re.findall(r"\(\*(\w+)\)\(", ctext.read(top, "include/dura/port.h")))
        pointers = []
        for path in glob.glob(os.path.join(out, "*.ci")):
            text = open(path, encoding="utf-8").read()
            for name, size, kind in re.findall(r'node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \((\w+)', text):
                self.own[name] = int(size)
                if kind != "static":
                    raise SystemExit(f"{name}: stack is {kind}, not static")
            for source, target, place in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"'
                                                    r'(?: label: "([^"]+)")?', text):
                if target == "__indirect_call":
                    pointers.append((source, place))
                else:
                    self.calls.setdefault(source, set()).add(target)
        taken = self.addresses(out)
        for source, place in pointers:
            self.calls.setdefault(source, set()).update(self.reached(top, place, taken))

    def reached(self, top, place, taken):
        """Functions of the core the call at file:line:column may end in."""
        path, line, column = place.split(":")
        text = ctext.read(top, os.path.relpath(path, top) if path.startswith("/") else path).split("\n")
        row = text[int(line) - 1]
        for owner, name in re.findall(r"(\w+)(?:->|\.)(\w+)\(", row):
            if owner in TABLES:
                prefixes = TABLES[owner] if isinstance(TABLES[owner], tuple) else (TABLES[owner],)
                targets = {RENAMED.get(p + name, p + name) for p in prefixes}
                return {t for t in targets if t in self.own} if len(targets) > 1 else targets
        for name in re.findall(r"(\w+)\(", row[int(column) - 1:]):
            if name in self.hooks:
                return set()
            if name in INSIDE:
                found = {t for t in taken if re.match(INSIDE[name], t)}
                if not found and ":fn_" not in INSIDE[name]:    # an empty one of theirs is another's twin
                    raise SystemExit(f"{place}: {name}: nothing is {INSIDE[name]} any more; say in check_footprint.py what it is")
                return found
        raise SystemExit(f"{place}: a call through a pointer; say in check_footprint.py what it may reach")

    def addresses(self, out):
        """Functions whose address is data or loaded by code."""
        text = run("arm-none-eabi-objdump", "-r", *glob.glob(os.path.join(out, "dura_*.o")))
        names = set(re.findall(r"R_ARM_(?:ABS32|MOVW_ABS_NC|THM_MOVW_ABS_NC)\s+(?:\.text\.)?(\w+)", text))
        return {n for n in self.own if n.split(":")[-1] in names}

    def depth(self, name, path=()):
        if name in path:
            raise SystemExit("recursion: " + " > ".join(path + (name,)))
        if name not in self.own:
            return MEM_STACK if name.startswith("mem") else RUNTIME_STACK
        return self.own[name] + max((self.depth(c, path + (name,)) for c in self.calls.get(name, ())), default=0)

    def deepest(self, name):
        """The path that costs most, for people: 'f 40 > g 200'."""
        path = [name]
        while self.calls.get(path[-1]):
            path.append(max(self.calls[path[-1]], key=self.depth))
        return " > ".join(f"{n.split(':')[-1]} {self.own.get(n, self.depth(n))}" for n in path)


def stacks(top, out, public, figures):
    graph = Graph(top, out)
    for name in sorted(public):
        if name in graph.own:
            figures["stack " + name] = graph.depth(name)
            if figures["stack " + name] > MUST["stack worst"] and "--list" in sys.argv:
                print(graph.deepest(name))
    figures["stack worst"] = max(n for r, n in figures.items() if r.startswith("stack "))


def objects(top, out, figures):
    """Sizes the library itself reports, on the target."""
    program = os.path.join(out, "objects.elf")
    here = HERE
    sims = [os.path.join(here, s) for s in ctext.files(here, (".c",), "tests/sim/") if "_host" not in s]
    run(CC, *FLAGS, "-w", "-I" + os.path.join(top, "include"), "-I" + os.path.join(here, "tests"),
        os.path.join(here, "tests/target/footprint_objects.c"), os.path.join(here, "tests/target/dt_start.c"), *sims,
        "-nostartfiles", "--specs=rdimon.specs", "-Wl,--gc-sections", "-T",
        os.path.join(here, "tests/target/mps2_an386.ld"), os.path.join(out, "core.a"), "-o", program)
    for line in run(os.path.join(here, "scripts/cross/run_arm.sh"), program).splitlines():
        row, n = line.rsplit(" ", 1)
        figures[row] = int(n)


def measure(top):
    figures = {}
    with tempfile.TemporaryDirectory() as out:
        modules = build(top, out)
        full_set(out, modules, figures)
        small_set(top, out, modules, figures)
        headers = "".join(ctext.read(top, h) for h in ctext.files(top, (".h",), "include/dura/") if "/host/" not in h)
        stacks(top, out, set(re.findall(r"\b(dura_\w+)\(", headers)), figures)
        objects(top, out, figures)
    return figures


def compiler():
    return run(CC, "-dumpfullversion").strip()


def baseline_of(path):
    version, figures, over = "", {}, {}
    if os.path.exists(path):
        for line in open(path, encoding="utf-8"):
            m = re.match(r"# .* with gcc (\S+)$", line)
            version = m.group(1) if m else version
            if line.startswith("over "):
                row, reason = line[5:].strip().split(":", 1)
                over[row] = reason
            elif line.strip() and line[0] != "#":
                row, n = line.rsplit(" ", 1)
                figures[row] = int(n)
    return version, figures, over


def problems_of(figures, version, old, over):
    out = [f"{r}: {figures[r]} is over the limit of {limit}" for r, limit in MUST.items()
           if r in figures and figures[r] > limit and r not in over]
    out += [f"{r}: is within its limit again, take its line 'over' out" for r in over if figures[r] <= MUST[r]]
    out += [f"{r}: no longer measured" for r in MUST if r not in figures and r in old]
    if version == compiler():
        out += [f"{r}: {n}, was {old[r]} (2 % is allowed)" for r, n in figures.items()
                if r in old and n * 100 > old[r] * 102]
        out += [f"{r}: not in the baseline" for r in figures if r not in old]
        out += [f"{r}: no longer measured" for r in old if r not in figures]
    return out


def main():
    top = ctext.root()
    path = os.path.join(top, "tests/footprint.txt")
    if "--baseline" in sys.argv:
        path = sys.argv[sys.argv.index("--baseline") + 1]
    try:
        run(CC, "--version")
    except OSError:
        print(f"footprint: no {CC}, nothing measured")
        return 1 if os.environ.get("DURA_ALL_TARGETS") else 0
    figures = measure(top)
    over = baseline_of(path)[2]
    if "--update" in sys.argv:
        with open(path, "w", encoding="utf-8") as f:
            f.write(HEAD % f"gcc {compiler()}" + "".join(f"over {r}:{why}\n" for r, why in over.items()) +
                    "".join(f"{r} {n}\n" for r, n in figures.items()))
    for row, n in figures.items():
        if not row.startswith("stack dura_") or "--list" in sys.argv:
            print(f"{n:8}  {row}" + (f"  (must be <= {MUST[row]})" if row in MUST else "") +
                  (f"  OVER:{over[row]}" if row in over else ""))
    return ctext.report(problems_of(figures, *baseline_of(path)), f"{len(figures)} figures")


if __name__ == "__main__":
    sys.exit(main())
