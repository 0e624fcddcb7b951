# SPDX-License-Identifier: Apache-2.0
"""dura catalog: what is listed, what is shown, what verify says of a register."""
import json
import re

import pytest
from cliworld import TREE

PAGE = (TREE / "docs" / "catalogs.md").read_text(encoding="utf-8")


def lines(told):
    return [json.loads(line) for line in told.stdout.splitlines()]


def data(name):
    return json.loads((TREE / "catalogs" / f"{name}.json").read_text(encoding="utf-8"))


def test_help_is_as_it_was(world, golden):
    told = world.dura("catalog", "--help")
    assert told.returncode == 0 and told.stderr == ""
    golden("help-catalog.txt", told.stdout)


def test_list_has_the_counts_of_the_page(world):
    told = world.dura("catalog", "list")
    assert told.returncode == 0, told.stderr
    for line in told.stdout.splitlines():
        name, ids = line.split()[0], int(line.split()[1])
        loose = re.search(r"(\d+) unverified", line)
        row = re.search(rf"^\| `{re.escape(name)}` \|[^|]*\| (\d+) \| (\d+) \|", PAGE, re.M)
        assert (ids, int(loose.group(1)) if loose else 0) == (int(row.group(1)), int(row.group(2))), line
    assert len(told.stdout.splitlines()) == len(re.findall(r"^\| `[\w-]+` \|", PAGE, re.M))


@pytest.mark.parametrize("name", ["62443-4-2", "42001", "atlas", "attack-ics", "dura"])
def test_list_of_one_is_the_file_in_its_order(world, name):
    rows, want = lines(world.dura("catalog", "list", name, "--json")), data(name)["entries"]
    assert [r["id"] for r in rows] == [e["id"] for e in want]
    for row, entry in zip(rows, want):
        assert row["title"] == entry["title"] and row["kind"] == entry["kind"]
        assert row["maps"] == entry.get("maps", []) and row["sl"] == entry.get("sl", 0)
        assert row["outside"] == entry.get("outside", False) and row["unverified"] == entry.get("unverified", False)
        assert row["causes"] == [c for c in ("fault", "drift", "attack", "misuse") if c in entry.get("causes", [])]
    for_people = world.dura("catalog", "list", name)
    assert for_people.returncode == 0 and data(name)["notice"] in for_people.stdout


def test_show_prints_the_row_of_the_bridge(world):
    rows = {r["from"]: r for r in data("bridge")["rows"]}
    item, row = lines(world.dura("catalog", "show", "https://atlas.mitre.org/techniques/AML.T0043", "--json"))
    assert item["id"] == row["bridge"] == "AML.T0043"
    for key in ("ics", "requirements", "controls", "hooks"):
        assert row[key] == rows["AML.T0043"][key]
    assert row["reason"].startswith(rows["AML.T0043"]["reason"]) and len(row["reason"]) > len(rows["AML.T0043"]["reason"])
    told = world.dura("catalog", "show", "AML.T0000")
    assert told.returncode == 0 and "no component requirement answers it" in told.stdout


@pytest.mark.parametrize("id, words", [("AML.T0045", "AML.T0048.004"), ("T0808", "revoked"), ("SM-14", "close: SM-1"),
                                       ("whatever", "no catalogue has it")])
def test_show_says_no_to_what_is_not_in_force(world, id, words):
    told = world.dura("catalog", "show", id)
    assert told.returncode == 1 and words in told.stdout and told.stderr == ""


def test_verify_of_the_shipped_tables_says_the_figures_of_the_page(world):
    told = world.dura("catalog", "verify")
    assert told.returncode == 0 and "0 dangling" in told.stdout
    assert re.search(r"^atlas +170 techniques: 76 lead to a requirement, 30 have an argued none, 64 out of", told.stdout, re.M)
    assert re.search(r"^attack-ics +83 techniques: 82 lead to a requirement, 1 have an argued none, 0 out of", told.stdout, re.M)
    assert world.dura("catalog", "verify", "--json").stdout == ""


def test_verify_names_file_line_path_and_what_to_write(world):
    world.write("register.json", '{"entries": [\n {"id": "R-1",\n  "threats": ["AML.T0045", "T0831"],\n'
                                 '  "hooks": ["sensor.vote", "sensor.rnage"]}\n]}\n')
    told = world.dura("catalog", "verify", "register.json")
    assert told.returncode == 1 and told.stderr == ""
    assert 'register.json:3: entries[0].threats[0]: "AML.T0045": renamed: the id is now AML.T0048.004' in told.stdout
    assert 'register.json:4: entries[0].hooks[1]: "sensor.rnage": no catalogue has it; close: sensor.range' in told.stdout
    assert "register.json: 4 ids looked at, 2 not in force" in told.stdout
    found = lines(world.dura("catalog", "verify", "register.json", "--json"))
    assert [(f["path"], f["status"], f["line"]) for f in found] == [
        ("entries[0].threats[0]", "renamed", 3), ("entries[0].hooks[1]", "unknown", 4)]


def test_verify_takes_our_own_data(world):
    files = [str(TREE / "catalogs" / f"{n}.json") for n in ("bridge", "translation", "42001", "cra", "dura")]
    told = world.dura("catalog", "verify", *files)
    assert told.returncode == 0, told.stdout
    assert re.search(r"bridge.json: [1-9]\d* ids looked at, 0 not in force", told.stdout)


@pytest.mark.parametrize("arguments, code, words", [
    ([], 2, "catalog"), (["look"], 2, "want list, show or verify"), (["list", "62443"], 2, "no such catalogue"),
    (["list", "atlas", "cra"], 2, "at most one"), (["show"], 2, "want one ID"), (["show", "CR 3.4", "CR 3.5"], 2, "want one ID"),
    (["verify", "missing.json"], 3, "missing.json"),
])
def test_wrong_usage(world, arguments, code, words):
    told = world.dura("catalog", *arguments)
    assert told.returncode == code and words in told.stderr


def test_a_file_that_is_no_json_is_named(world):
    world.write("register.json", '{"a": 1, "a": 2}')
    told = world.dura("catalog", "verify", "register.json")
    assert told.returncode == 2 and "register.json:1" in told.stderr
