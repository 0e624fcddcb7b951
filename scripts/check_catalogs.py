#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The catalogues, read without the generator: counts, links, words, notices, the page.

Counts are those of the owners' editions (58 CR, 47 practices, 32 ZCR, 38 controls, 170 and 83
techniques, 52 ICS mitigations of which 39 name a CR); each technique that concerns a predictive
model has a row or an argued none; no id dangles; nobody is called what only an audit could; and
docs/catalogs.md has the counts that the data have.  [--root DIR]"""
import json
import os
import re
import sys

import ctext

# catalogue, what, pattern of the id, how many are in force
COUNTS = (
    ("62443-4-2", "CR", r"CR \d+\.\d+", 58), ("62443-4-2", "CCSC", r"CCSC \d", 4),
    ("62443-4-1", "practices", r"[A-Z]+-\d+", 47), ("62443-3-2", "ZCR", r"ZCR \d\.\d+", 32),
    ("62443-3-3", "SR", r"SR \d\.\d+", 51), ("42001", "controls", r"A\.\d+\.\d+(\.\d+)?", 38),
    ("atlas", "techniques", r"AML\.T\d{4}(\.\d{3})?", 170), ("atlas", "mitigations", r"AML\.M\d{4}", 35),
    ("attack-ics", "techniques", r"T\d{4}", 83), ("attack-ics", "mitigations", r"M\d{4}", 52),
)
FAMILY = {"SM": 13, "SR": 5, "SD": 4, "SI": 2, "SVV": 5, "DM": 6, "SUM": 5, "SG": 7}
CR_OF_FR = {1: 14, 2: 13, 3: 14, 4: 3, 5: 4, 6: 2, 7: 8}
FORBIDDEN = r"(?i)\b(compliant|certified|guarantees|detects all)\b"
NOTICES = (
    ("catalogs/atlas.json", "Apache License 2.0"), ("NOTICE", "Apache License, Version 2.0"),
    ("catalogs/attack-ics.json", "reproduce MITRE's copyright designation and this license"),
    ("catalogs/attack-ics.json", "(c) The MITRE Corporation"), ("NOTICE", "ATT&CK is a registered trademark"),
)


def load(top):
    out = {}
    for name in ctext.files(top, (".json",), "catalogs/"):
        out[os.path.basename(name)[:-5]] = json.loads(ctext.read(top, name))
    return out


def active(c):
    return [e for e in c["entries"] if e.get("status", "active") == "active"]


def counts(data):
    for name, what, pattern, wanted in COUNTS:
        found = sum(bool(re.fullmatch(pattern, e["id"])) for e in active(data[name]))
        if found != wanted:
            yield f"catalogs/{name}.json: {found} {what}, want {wanted}"
    ids = [e["id"] for e in data["62443-4-1"]["entries"]]
    for family, wanted in FAMILY.items():
        for n in range(1, wanted + 1):
            if f"{family}-{n}" not in ids:
                yield f"catalogs/62443-4-1.json: {family}-{n} is missing"
    ids = [e["id"] for e in data["62443-4-2"]["entries"]]
    for fr, wanted in CR_OF_FR.items():
        for n in range(1, wanted + 1):
            if f"CR {fr}.{n}" not in ids:
                yield f"catalogs/62443-4-2.json: CR {fr}.{n} is missing"
    named = sum(bool(e.get("maps")) for e in data["attack-ics"]["entries"] if e["kind"] == "mitigation")
    if named != 39:
        yield f"catalogs/attack-ics.json: {named} mitigations name a requirement, want 39"


def levels(data):
    for e in data["62443-4-2"]["entries"]:
        if e["kind"] == "enhancement":
            parent = next(p for p in data["62443-4-2"]["entries"] if p["id"] == e["parent"])
            if not parent.get("sl") or e["sl"] < parent["sl"] or e["id"].split(" RE")[0] != e["parent"]:
                yield f"catalogs/62443-4-2.json: {e['id']} is asked before what it enhances"
        elif (e["kind"] == "requirement") != bool(e.get("sl")):
            yield f"catalogs/62443-4-2.json: {e['id']}: requirements, and only they, have a level"


def links(data):
    home = {e["id"]: (n, e) for n, c in data.items() if "entries" in c for e in c["entries"]}
    good = {i for i, (_, e) in home.items() if e.get("status", "active") == "active"}
    looked = 0
    for i, (name, e) in home.items():
        for to in e.get("maps", []) + [e[k] for k in ("parent", "successor") if e.get(k)]:
            looked += 1
            if to not in good:
                yield f"catalogs/{name}.json: {i}: {to} dangles"
    rows = {}
    for row in data["bridge"]["rows"]:
        rows[row["from"]] = row
        for key in ("ics", "requirements", "controls", "hooks"):
            for to in row.get(key, []):
                looked += 1
                if to not in good:
                    yield f"catalogs/bridge.json: {row['from']}: {to} dangles"
    for name in ("atlas", "attack-ics"):
        for e in active(data[name]):
            if e["kind"] == "technique" and not e.get("generative") and e["id"] not in rows:
                yield f"catalogs/bridge.json: {e['id']} has no row"
    for asset in data["translation"]["assets"].values():
        for to in [r["id"] for r in asset["requirements"]] + asset["controls"] + asset["hooks"]:
            looked += 1
            if to not in good:
                yield f"catalogs/translation.json: {to} dangles"
    print(f"{looked} links")


def reasons(data):
    said = {}
    for row in data["bridge"]["rows"]:
        if len(row["reason"].split()) < 6:
            yield f"catalogs/bridge.json: {row['from']}: its reason is no sentence"
        said.setdefault(row["reason"], []).append(row["from"])
    for reason, who in said.items():
        if len(who) > 3:
            yield f"catalogs/bridge.json: {', '.join(who)} have the same reason: share it by name, or think again"


def words(top):
    for name in ctext.files(top, (".json",), "catalogs/") + ["docs/catalogs.md"]:
        for number, line in enumerate(ctext.read(top, name).split("\n"), 1):
            found = re.search(FORBIDDEN, line)
            if found and "never" not in line:
                yield f"{name}:{number}: {found.group(0)}: only an audit can say that"
    for name, text in NOTICES:
        if text not in re.sub(r"\s+", " ", ctext.read(top, name)):
            yield f"{name}: lacks the notice \"{text}\""


def page(top, data):
    """Each row of the page's table of catalogues has the counts of the file."""
    text = ctext.read(top, "docs/catalogs.md")
    for name, c in data.items():
        if "entries" not in c:
            continue
        found = re.search(rf"^\| `{re.escape(name)}` \|[^|]*\| (\d+) \| (\d+) \|", text, re.M)
        unverified = sum(bool(e.get("unverified")) for e in c["entries"])
        if not found:
            yield f"docs/catalogs.md: no row for {name}"
        elif (int(found.group(1)), int(found.group(2))) != (len(c["entries"]), unverified):
            yield f"docs/catalogs.md: {name} has {len(c['entries'])} ids, {unverified} unverified"
    atlas = [e for e in active(data["atlas"]) if e["kind"] == "technique"]
    none = sum(bool(r.get("none")) for r in data["bridge"]["rows"] if r["from"].startswith("AML."))
    rows = sum(r["from"].startswith("AML.") for r in data["bridge"]["rows"])
    for figure in (f"{rows} of {len(atlas)}", f"{rows - none} lead to a requirement", f"{none} have an argued none"):
        if figure not in text:
            yield f"docs/catalogs.md: does not say \"{figure}\""


def main():
    top = ctext.root()
    data = load(top)
    problems = [p for check in (counts, levels, links, reasons) for p in check(data)]
    problems += list(words(top)) + list(page(top, data))
    return ctext.report(problems, f"{sum(len(c.get('entries', ())) for c in data.values())} ids, "
                                  f"{len(data['bridge']['rows'])} rows of the bridge")


sys.exit(main())
