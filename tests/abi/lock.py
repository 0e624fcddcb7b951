#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The layout lock: what the public headers are on every target, without running anything.

  lock.py emit [--root DIR]                 C whose section .lock holds every size, offset
                                            and value as u32, in a fixed order
  lock.py freeze                            frozen_v1.c, once, when a version is released
  lock.py compare DUMP... [--update] [--root DIR] [--baseline FILE]
                                            DUMP is target=file, the section's bytes

Structs without pointers must be equal on all targets; all must be as in layout.txt, which
also names the types, because u32 and i32 have the same size. Used by check_layout.sh.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
import abitext                                                                # noqa: E402
import ctext                                                                  # noqa: E402

MAGIC = 0x64757261
HEAD = """# SPDX-License-Identifier: Apache-2.0
# The binary interface, by heart. Rows: struct NAME SIZE / field NAME OFFSET SIZE TYPE /
# value NAME NUMBER. [all] holds what is the same on every target (structs without pointers),
# the other sections structs with pointers. Until 1.0 a change is allowed and goes to the
# changelog; then: scripts/check_layout.sh --update
"""


def items(api):
    """(section, row without numbers, C expressions, type) in emission order."""
    for name, fields in api.structs.items():
        where = "own" if name in api.pointers else "all"
        yield where, f"struct {name}", [f"sizeof({name})"], ""
        for field, kind, dims in fields:
            yield (where, f"field {name}.{field}",
                   [f"offsetof({name}, {field})", f"sizeof((({name} *)0)->{field})"], kind + dims)
    for name in api.enums + api.macros:
        yield "all", f"value {name}", [name], ""


def emit(api):
    words = [e for _, _, expressions, _ in items(api) for e in expressions]
    print("#include <dura/dura.h>")
    print("extern const uint32_t lock[];")
    print('__attribute__((section(".lock"), used)) const uint32_t lock[] = {')
    print(f"    0x{MAGIC:08x}u,")
    for word in words:
        print(f"    (uint32_t)({word}),")
    print("};")


def numbers(path):
    with open(path, "rb") as f:
        data = f.read()
    for order in "<>":
        words = struct.unpack(f"{order}{len(data) // 4}I", data[:len(data) // 4 * 4])
        if words and words[0] == MAGIC:
            return words[1:]
    raise SystemExit(f"{path}: not a dump of section .lock")


def rows(api, words):
    """{section: {row: value text}} of one target."""
    out, at = {"all": {}, "own": {}}, 0
    for where, name, expressions, kind in items(api):
        got = words[at:at + len(expressions)]
        at += len(expressions)
        if name.startswith("value"):
            got = [got[0] - (1 << 32) if got[0] >> 31 else got[0]]
        out[where][name] = " ".join([str(v) for v in got] + ([kind] if kind else []))
    if at != len(words):
        raise SystemExit("a dump has another length than the headers ask for")
    return out


def load_baseline(path):
    sections, here = {}, None
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.rstrip("\n")
            if line.startswith("["):
                here = sections.setdefault(line[1:-1], {})
            elif line and line[0] != "#":
                kind, name, rest = line.split(" ", 2)
                here[f"{kind} {name}"] = rest
    return sections


def differences(section, old, new):
    out = [f"[{section}] {n}: was {old[n]}, now {new[n]}" for n in old if n in new and old[n] != new[n]]
    out += [f"[{section}] {n}: gone" for n in old if n not in new]
    out += [f"[{section}] {n}: not in the baseline" for n in new if n not in old]
    if not out and list(old) != list(new):
        out.append(f"[{section}] rows in another order")
    return out


def padding(api, got):
    """Bytes no field owns would be hashed and stored with whatever was in memory."""
    for name, fields in api.structs.items():
        if name in api.pointers:
            continue
        end = 0
        for field, _, _ in fields:
            offset, size = (int(v) for v in got[f"field {name}.{field}"].split()[:2])
            if offset != end:
                yield f"[all] field {name}.{field}: {offset - end} bytes of padding before it"
            end = offset + size
        if end != int(got[f"struct {name}"]):
            yield f"[all] struct {name}: {int(got[f'struct {name}']) - end} bytes of padding at its end"


def compare(api, dumps, baseline, update):
    by_target = {t: rows(api, numbers(f)) for t, f in dumps}
    reference = next(iter(by_target))
    problems = []
    for target, got in by_target.items():
        problems += [p.replace("was", f"on {reference}").replace("now", f"on {target}")
                     for p in differences(f"all: {target}", by_target[reference]["all"], got["all"])]
    problems += padding(api, by_target[reference]["all"])
    now = {"all": by_target[reference]["all"]}
    now.update({t: got["own"] for t, got in by_target.items()})
    if update and not problems:
        with open(baseline, "w", encoding="utf-8") as f:
            f.write(HEAD)
            for section, content in now.items():
                f.write(f"\n[{section}]\n" + "".join(f"{n} {v}\n" for n, v in content.items()))
    old = load_baseline(baseline)
    for section, content in now.items():
        problems += differences(section, old.get(section, {}), content)
    return ctext.report(problems, f"layout of {len(api.structs)} structs, {len(api.enums) + len(api.macros)} "
                        f"values on {len(by_target)} targets ({' '.join(by_target)})")


FROZEN = """/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first version of every public struct, enumerator and constant of ABI %d. DO NOT EDIT.
 *
 * What was released never moves: a later header must still have each of these fields in
 * its place, with its type, and each value. Structs that carry struct_size may grow behind
 * the last field; all others keep their size. Compiled, never run, for every target by
 * scripts/check_layout.sh. Before 1.0 a break is allowed: it goes into the changelog and
 * tests/abi/lock.py freeze writes this file anew.
 */
#include <dura/dura.h>

#define KEEPS(s, f)                                                                        \\
    __extension__ _Static_assert(offsetof(s, f) == offsetof(v1_##s, f), #s "." #f " moved"); \\
    __extension__ _Static_assert(                                                          \\
        __builtin_types_compatible_p(__typeof__(((s *)0)->f), __typeof__(((v1_##s *)0)->f)), \\
        #s "." #f " has another type")
#define GROWS(s) __extension__ _Static_assert(sizeof(s) >= sizeof(v1_##s), #s " shrank")
#define STAYS(s) __extension__ _Static_assert(sizeof(s) == sizeof(v1_##s), #s " has another size")
#define VALUE(name, n) __extension__ _Static_assert((name) == (n), #name " has another value")
"""


def declare(field, kind, dims, values):
    """One member as C again; enumerators in dimensions become the numbers they are today."""
    if kind.startswith("call "):
        result, rest = kind[5:].split("(", 1)
        return f"{result.strip()} (*{field})({rest}"
    for name, n in values.items():
        dims = dims.replace(f"[{name}]", f"[{n}]")
    return f"{kind}{'' if kind.endswith('*') else ' '}{field}{dims}"


def freeze(api, baseline):
    table = load_baseline(baseline)["all"]
    values = {n.split(" ", 1)[1]: v for n, v in table.items() if n.startswith("value ")}
    print(FROZEN % int(values["DURA_ABI"]))
    for name, fields in api.structs.items():
        print(f"typedef struct v1_{name} {{")
        for row in fields:
            print(f"    {declare(*row, values)};")
        print(f"}} v1_{name};")
        for row in fields:
            print(f"KEEPS({name}, {row[0]});")
        print(f"{'GROWS' if fields[0][0] == 'struct_size' else 'STAYS'}({name});\n")
    for name, v in values.items():
        if name != "DURA_ABI" and not name.endswith("_"):     # a count that grows by design
            print(f"VALUE({name}, {v});")


def main():
    words = sys.argv[1:]
    baseline = os.path.join(os.path.dirname(os.path.abspath(__file__)), "layout.txt")
    if "--baseline" in words:
        baseline = words[words.index("--baseline") + 1]
    api = abitext.load(ctext.root())
    if words[0] == "emit":
        return emit(api)
    if words[0] == "freeze":
        return freeze(api, baseline)
    dumps = [w.split("=", 1) for w in words[1:] if "=" in w]
    return compare(api, dumps, baseline, "--update" in words)


sys.exit(main())
