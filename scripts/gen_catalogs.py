#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen_catalogs.py [--check] [--root DIR]: src/host/dura_host_catalog_data.c out of catalogs/*.json.

Catalogues, bridge and rules of translation are data; this turns them into constant tables and
refuses what does not hold together: an id in two catalogues, a list that names nothing in force, a
row without a reason, a predictive technique or an ICS technique without a row."""
import json
import os
import re
import sys

TOP = os.path.abspath(sys.argv[sys.argv.index("--root") + 1]) if "--root" in sys.argv else \
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
OUT = "src/host/dura_host_catalog_data.c"
ORDER = ("62443-4-2", "62443-4-1", "62443-3-2", "62443-3-3", "42001", "atlas", "attack-ics",
         "ai-act", "cra", "machinery", "dura")
KINDS = ("requirement", "enhancement", "control", "technique", "mitigation", "duty", "hook", "heading")
CAUSES = ("fault", "drift", "attack", "misuse")
FRS = ("IAC", "UC", "SI", "DC", "RDF", "TRE", "RA")
ASSETS = ("sensor", "model", "actuator", "dataset", "update", "log", "human", "network", "brain-part",
          "compute", "secret")
HEAD_KEYS = {"catalog", "title", "source", "version", "date", "licence", "notice", "entries"}
ITEM_KEYS = {"id", "title", "kind", "group", "parent", "successor", "status", "note", "maps", "fr", "sl",
             "unverified", "generative", "outside", "causes", "days", "hours"}
ROW_KEYS = {"from", "ics", "requirements", "controls", "hooks", "causes", "reason", "shared", "none"}
problems = []


def wrong(where, what):
    problems.append(f"{where}: {what}")


def strict(pairs):
    keys = [k for k, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a member stands twice among {keys}")
    return dict(pairs)


def load(name):
    path = os.path.join(TOP, "catalogs", name + ".json")
    if not os.path.exists(path):
        wrong(f"catalogs/{name}.json", "is not there")
        return None
    with open(path, encoding="utf-8") as f:
        return json.load(f, object_pairs_hook=strict)


def known(where, got, allowed):
    for key in sorted(set(got) - allowed):
        wrong(where, f"{key}: there is no such member")


def text(s):
    out = json.dumps(s, ensure_ascii=False)
    return re.sub(r"\?\?", r"?\\?", out)


class Lists:
    """NULL-ended lists of texts, each written once."""
    def __init__(self):
        self.number = {}

    def name(self, items):
        key = tuple(items or ())
        return f"list_{self.number.setdefault(key, len(self.number))}"

    def lines(self):
        return [f"static const char *const list_{n}[] = {{{', '.join([text(x) for x in k] + ['NULL'])}}};"
                for k, n in self.number.items()]


def check_item(where, item):
    known(where, item, ITEM_KEYS)
    for key in ("id", "title", "kind"):
        if not item.get(key):
            wrong(where, f"{key} is missing")
    if item.get("kind") not in KINDS:
        wrong(where, f"kind {item.get('kind')}: want one of {', '.join(KINDS)}")
    if item.get("status", "active") not in ("active", "revoked", "renamed"):
        wrong(where, f"status {item['status']}: want active, revoked or renamed")
    if (item.get("status") == "renamed") != bool(item.get("successor")):
        wrong(where, "renamed and successor go together")
    if not 0 <= item.get("fr", 0) <= 7 or not 0 <= item.get("sl", 0) <= 4:
        wrong(where, "fr is 0..7, sl 0..4")
    if item.get("generative") and not item.get("note"):
        wrong(where, "out of a predictive model's way, and no note says why")
    if (item.get("kind") == "hook") != bool(item.get("causes")):
        wrong(where, "hooks, and only hooks, have causes")


def catalogues():
    out, home = [], {}
    for name in ORDER:
        c = load(name)
        if c is None:
            continue
        where = f"catalogs/{name}.json"
        known(where, c, HEAD_KEYS)
        for key in HEAD_KEYS - {"entries"}:
            if not c.get(key):
                wrong(where, f"{key} is missing")
        if c.get("catalog") != name:
            wrong(where, f"calls itself {c.get('catalog')}")
        for i, item in enumerate(c["entries"]):
            check_item(f"{where}: entries[{i}] {item.get('id')}", item)
            if item["id"] in home:
                wrong(f"{where}: entries[{i}]", f"{item['id']} stands in {home[item['id']][0]} already")
            home[item["id"]] = (name, item)
        out.append(c)
    return out, home


def in_force(where, ids, home, kinds=None, catalogs=None):
    for i in ids:
        if i not in home:
            wrong(where, f"{i}: no catalogue has it")
        elif home[i][1].get("status", "active") != "active":
            wrong(where, f"{i}: is {home[i][1]['status']}")
        elif kinds and home[i][1]["kind"] not in kinds:
            wrong(where, f"{i}: is a {home[i][1]['kind']}, want {' or '.join(kinds)}")
        elif catalogs and home[i][0] not in catalogs:
            wrong(where, f"{i}: is of {home[i][0]}, want {' or '.join(catalogs)}")


def check_links(cats, home):
    for c in cats:
        for item in c["entries"]:
            where = f"catalogs/{c['catalog']}.json: {item['id']}"
            in_force(where, item.get("maps", ()), home)
            for key in ("parent", "successor"):
                if item.get(key) and item[key] not in home:
                    wrong(where, f"{key} {item[key]}: no catalogue has it")
            successor = home.get(item.get("successor"), (0, {}))[1]
            if successor.get("status", "active") != "active":
                wrong(where, f"successor {item['successor']} is not in force")


def bridge(home):
    data = load("bridge") or {"rows": []}
    groups, rows, seen = data.get("shared", {}), data["rows"], set()
    order = {i: n for n, i in enumerate(home)}
    for row in rows:
        where = f"catalogs/bridge.json: {row.get('from')}"
        known(where, row, ROW_KEYS)
        in_force(where, [row["from"]], home, ("technique",), ("atlas", "attack-ics"))
        if row["from"] in seen:
            wrong(where, "has two rows")
        seen.add(row["from"])
        in_force(where, row.get("ics", ()), home, ("technique",), ("attack-ics",))
        in_force(where, row.get("requirements", ()), home, ("requirement", "enhancement"), ("62443-4-2", "62443-4-1"))
        in_force(where, row.get("controls", ()), home, ("control",))
        in_force(where, row.get("hooks", ()), home, ("hook",))
        for h in row.get("hooks", ()):
            if h in home and not set(home[h][1].get("causes", ())) & set(row.get("causes", ())):
                wrong(where, f"{h} counts for none of its causes")
        if row.get("shared") and row["shared"] not in groups:
            wrong(where, f"shares {row['shared']}, which says nothing")
        if len(row.get("reason", "").split()) < 6:
            wrong(where, "its reason is no sentence")
        if bool(row.get("none")) == bool(row.get("requirements")):
            wrong(where, "wants requirements, or none: true with an argument")
        if not set(row.get("causes", ())) <= set(CAUSES) or not row.get("causes"):
            wrong(where, f"causes are of {', '.join(CAUSES)}, at least one")
        if home.get(row["from"], (0, {}))[1].get("generative"):
            wrong(where, "is out of a predictive model's way and has a row")
    for i, (name, item) in home.items():
        if name in ("atlas", "attack-ics") and item["kind"] == "technique" and \
                item.get("status", "active") == "active" and not item.get("generative") and i not in seen:
            wrong("catalogs/bridge.json", f"{i} {item['title']} has no row")
    return sorted(rows, key=lambda r: order.get(r["from"], 0)), groups


def rules(home):
    data = load("translation")
    if data is None:
        return None
    where = "catalogs/translation.json"
    known(where, data, {"raise", "information", "conduit", "assets", "causes"})
    for name in ASSETS:
        if name not in data["assets"]:
            wrong(where, f"assets: {name} is missing")
    for r in data["information"]["requirements"] + [data["conduit"]]:
        in_force(where, [r["id"]], home, ("requirement",), ("62443-4-2",))
    for cause in CAUSES:
        in_force(f"{where}: {cause}", data["causes"][cause]["met"], home, ("hook",))
    for name, a in data["assets"].items():
        for row in a["requirements"]:
            in_force(f"{where}: {name}", [row["id"]], home, ("requirement",), ("62443-4-2",))
            if len(row["why"].split()) < 4:
                wrong(f"{where}: {name}: {row['id']}", "why is no sentence")
        in_force(f"{where}: {name}", a["controls"], home, ("control",))
        in_force(f"{where}: {name}", a["hooks"], home, ("hook",))
    return data


def mask(names, order):
    return sum(2 << order.index(n) for n in names)


def item_line(item, n, lists):
    status = ("", "active", "revoked", "renamed").index(item.get("status", "active"))
    group = item.get("group") or (f"FR {item['fr']}" if item.get("fr") else "")
    flags = (1 if item.get("unverified") else 0) | (2 if item.get("generative") else 0) | \
        (4 if item.get("outside") else 0)
    words = [item["id"], item["title"], group, item.get("parent", ""), item.get("successor", ""), item.get("note", "")]
    numbers = [item.get("days", 0), item.get("hours", 0), n, status, KINDS.index(item["kind"]) + 1, flags,
               item.get("fr", 0), item.get("sl", 0), mask(item.get("causes", ()), CAUSES), 0]
    return f"    {{{', '.join(text(w) for w in words)}, {lists.name(item.get('maps'))}, {', '.join(map(str, numbers))}}},"


def catalogue_tables(cats, lists):
    items, heads, where = [], [], {}
    for n, c in enumerate(cats):
        items.append(f"static const dura_catalog_item items_{n}[] = {{")
        for i, item in enumerate(c["entries"]):
            items.append(item_line(item, n, lists))
            where[item["id"]] = (n, i)
        items.append("};")
        active = sum(i.get("status", "active") == "active" for i in c["entries"])
        loose = sum(bool(i.get("unverified")) for i in c["entries"])
        words = [c[k] for k in ("catalog", "title", "source", "version", "date", "licence", "notice")]
        heads.append(f"    {{{', '.join(text(w) for w in words)}, items_{n}, {len(c['entries'])}, {active}, {loose}, 0}},")
    index = [f"    &items_{n}[{i}]," for _, (n, i) in sorted(where.items(), key=lambda kv: kv[0].encode())]
    return items, heads, index


def bridge_tables(rows, groups, lists):
    out = []
    for row in rows:
        reason = row["reason"] + ((" " + groups[row["shared"]]) if row.get("shared") in groups else "")
        cells = [text(row["from"])] + [lists.name(row.get(k)) for k in ("ics", "requirements", "controls", "hooks")]
        cells += [text(reason), text(row.get("shared", "")), "2" if row.get("none") else "1",
                  str(mask(row["causes"], CAUSES)), "{0}"]
        out.append(f"    {{{', '.join(cells)}}},")
    order = sorted(range(len(rows)), key=lambda i: rows[i]["from"].encode())
    return out, [f"    {i}," for i in order]


def rule_tables(data, lists):
    assets, wanted = [], []
    for name in ASSETS:
        a = data["assets"][name]
        wanted.append(f"static const durai_rule_row rule_{name.replace('-', '_')}[] = {{" + \
            "".join(f"\n    {{{text(r['id'])}, {text(r['why'])}}}," for r in a["requirements"]) + "\n};")
        assets.append(f"    {{{text(name)}, rule_{name.replace('-', '_')}, {len(a['requirements'])}, "
                      f"{lists.name(a['controls'])}, {lists.name(a['hooks'])}, {1 if a.get('flow') else 0}}},")
    causes = []
    for c in CAUSES:
        d = data["causes"][c]
        causes.append(f"    {{{text(c)}, {text(d['demand'])}, {text(d['why'])}, {lists.name(d['met'])}}},")
    r, info, lane = data["raise"], data["information"], data["conduit"]
    return assets, wanted, causes, [f"const uint8_t durai_rule_raise_by = {r['by']};",
                                    f"const uint8_t durai_rule_raise_cap = {r['cap']};",
                                    f"const uint8_t durai_rule_information = {mask(info['fr'], FRS) >> 1};",
                                    "const durai_rule_row durai_rule_lost[] = {"] + \
        [f"    {{{text(q['id'])}, {text(q['why'])}}}," for q in info["requirements"]] + \
        ["    {NULL, NULL}", "};", f"const durai_rule_row durai_rule_conduit = {{{text(lane['id'])}, {text(lane['why'])}}};"]


def whole():
    cats, home = catalogues()
    check_links(cats, home)
    rows, groups = bridge(home)
    data, lists = rules(home), Lists()
    if problems:
        return ""
    items, heads, index = catalogue_tables(cats, lists)
    bridge_rows, by_from = bridge_tables(rows, groups, lists)
    none = lists.name(())
    assets, wanted, causes, numbers = rule_tables(data, lists)
    parts = ["/* SPDX-License-Identifier: Apache-2.0 */",
             "/* generated by scripts/gen_catalogs.py from catalogs/; do not edit. Names of ATLAS and of",
             " * ATT&CK for ICS are MITRE's: NOTICE has what must be said. */",
             '#include "dura_host_catalog_priv.h"', ""]
    parts += lists.lines() + [""] + items + ["", "const dura_catalog durai_catalogs[] = {"] + heads + ["};"]
    parts += [f"const uint32_t durai_n_catalogs = {len(heads)};", "",
              "const dura_catalog_item *const durai_catalog_index[] = {"] + index + ["};"]
    parts += [f"const uint32_t durai_n_catalog_index = {len(index)};", ""]
    parts += ["const dura_bridge_row durai_bridge[] = {"] + bridge_rows + \
        [f"    {{NULL, {none}, {none}, {none}, {none}, NULL, NULL, 0, 0, {{0}}}}", "};",
              f"const uint32_t durai_n_bridge = {len(bridge_rows)};", "const uint16_t durai_bridge_index[] = {"]
    parts += by_from + ["    0", "};", ""] + wanted + ["const durai_rule_asset durai_rule_assets[] = {"] + assets + ["};"]
    parts += ["const durai_rule_cause durai_rule_causes[] = {"] + causes + ["};"] + numbers
    return "\n".join(parts) + "\n"


def main():
    made = whole()
    if not problems and "--check" in sys.argv:
        path = os.path.join(TOP, OUT)
        if not os.path.exists(path) or open(path, encoding="utf-8").read() != made:
            problems.append(f"{OUT} is not what scripts/gen_catalogs.py writes: run it")
    elif not problems:
        with open(os.path.join(TOP, OUT), "w", encoding="utf-8") as f:
            f.write(made)
    for p in problems[:60]:
        print(p)
    if len(problems) > 60:
        print(f"and {len(problems) - 60} more")
    return 1 if problems else 0


sys.exit(main())
