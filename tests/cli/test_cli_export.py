# SPDX-License-Identifier: Apache-2.0
"""`dura export`: training data that a model may learn from, alerts that a SIEM can read."""
import csv as tables
import json
import re

import pytest
from cliworld import csv


@pytest.fixture
def faulty(world):
    """400 rows; a is out of range in 200..204; no drift monitor."""
    def change(policy):
        policy["device"]["mode"] = "observe"
        policy["outputs"][0].update(lo=-500, hi=500)
        policy["correlate"] = {"quiet_ms": 20000}
    world.write_policy(change)
    rows = csv(400).splitlines()
    for i in range(200, 205):
        rows[i + 1] = f"{1000 + i},{500 + i},0"
    rows[301] = "1300,,1"
    world.write("frames.csv", "\n".join(rows) + "\n")
    assert world.run().returncode == 0
    return world


def test_rows_in_incidents_and_bad_channels_are_quarantined(faulty):
    ran = faulty.dura("export", faulty.out, "--training", "t.csv")
    assert ran.returncode == 0, ran.stderr
    with open(faulty.folder / "t.csv", newline="") as file:
        kept = list(tables.DictReader(file))
    quarantine = json.loads((faulty.folder / "t.csv.quarantine.json").read_text())
    assert list(kept[0]) == ["time", "a", "b", "y", "span"]
    assert len(kept) == quarantine["kept"] and quarantine["rows"] == 400
    assert quarantine["kept"] + quarantine["in_incidents"] + quarantine["not_good"] + quarantine["unusable"] == 400
    assert sum(s["rows"] for s in quarantine["spans"]) == 400 - len(kept)
    assert all(abs(float(r["a"])) < 100 for r in kept)
    out = {f for s in quarantine["spans"] for f in range(s["first_frame"], s["last_frame"] + 1)}
    assert set(range(140, 205)) <= out and 139 not in out and 300 in out
    verdicts = {s["reason"]: s["verdict"] for s in quarantine["spans"]}
    assert verdicts["inside an incident"] == verdicts["before an incident"] == "fault"
    by_time = {r["time"]: r for r in kept}
    assert by_time["1970-01-01T00:16:50.000000000Z"] == {
        "time": "1970-01-01T00:16:50.000000000Z", "a": "-10.5", "b": "20", "y": "0", "span": ""}
    assert f"{len(kept)} of 400 rows in t.csv" in ran.stdout
    assert faulty.verify().stdout.split()[0] == "INTACT"


def test_what_is_exported_can_be_learned_from(faulty):
    assert faulty.dura("export", faulty.out, "--training", "t.csv").returncode == 0
    ran = faulty.dura("drift", "t.csv", "--column", "a", "--reference", "100")
    assert ran.returncode == 0, ran.stderr


def test_margin_and_json(faulty):
    figures = []
    for margin in ("0", "30", "60"):
        ran = faulty.dura("export", faulty.out, "--training", f"t{margin}.csv", "--margin", margin, "--json")
        assert ran.returncode == 0, ran.stderr
        figures.append(json.loads(ran.stdout))
    assert figures[1]["in_incidents"] - figures[0]["in_incidents"] >= 30
    assert figures[2]["kept"] < figures[1]["kept"] < figures[0]["kept"]


def test_nothing_is_overwritten_and_nothing_lands_in_the_run(faulty):
    faulty.write("t.csv", "mine")
    ran = faulty.dura("export", faulty.out, "--training", "t.csv")
    assert ran.returncode == 2 and "is there already" in ran.stderr
    ran = faulty.dura("export", faulty.out, "--training", faulty.out / "t.csv")
    assert ran.returncode == 2 and "nobody vouches for" in ran.stderr
    assert faulty.verify().stdout.split()[0] == "INTACT"


def override(world, reason):
    ran = world.dura("override", "stop", world.out, "--reason", reason, "--actor", 'o"p|=', "--state", world.state)
    assert ran.returncode == 0, ran.stderr


def cef(line):
    """Header fields and extension of a CEF line, unescaped."""
    parts = re.split(r"(?<!\\)\|", line, maxsplit=7)
    assert len(parts) == 8 and parts[0] == "CEF:0"
    found = re.findall(r"(\w+)=((?:\\.|[^\\=])*?)(?=\s\w+=|$)", parts[7])
    unescape = {"\\\\": "\\", "\\=": "=", "\\n": "\n", "\\r": "\r"}
    return parts[1:7], {k: re.sub(r"\\.", lambda m: unescape[m.group(0)], v) for k, v in found}


def test_cef_lines_parse(faulty):
    override(faulty, r"a|b=c\d")
    ran = faulty.dura("export", faulty.out, "--cef")
    assert ran.returncode == 0 and ran.stderr == ""
    alerts = [cef(line) for line in ran.stdout.splitlines()]
    heads = [head for head, _ in alerts]
    assert ["dura", "dura"] == heads[0][:2] and heads[0][3:6] == ["incident.fault", "Incident: fault", "6"]
    assert alerts[0][1]["start"] == "1200000" and alerts[0][1]["cs1"] == "a"
    assert heads[-1][3] == "override.stop"
    assert alerts[-1][1]["suser"] == 'o"p|=' and alerts[-1][1]["reason"] == r"a|b=c\d"
    assert faulty.dura("export", faulty.out, "--cef").stdout == ran.stdout


def test_syslog_lines_parse(faulty):
    override(faulty, 'a]b"c\\d')
    ran = faulty.dura("export", faulty.out, "--syslog")
    assert ran.returncode == 0
    shape = re.compile(r'<(\d+)>1 (\S+) (\S+) dura - (\S+) \[dura@32473((?: \w+="(?:\\["\\\]]|[^"\\\]])*")*)\] \ufeff(.*)$')
    found = [shape.match(line) for line in ran.stdout.splitlines()]
    assert all(found) and len(found) >= 2
    assert found[0].group(1) == "108" and found[0].group(2).startswith("1970-01-01T00:20:0") and found[0].group(3) == "test-bench"
    values = dict(re.findall(r'(\w+)="((?:\\.|[^"\\])*)"', found[-1].group(5)))
    assert re.sub(r"\\(.)", r"\1", values["reason"]) == 'a]b"c\\d'


def test_ocsf_lines_are_detection_findings(faulty):
    override(faulty, "r")
    ran = faulty.dura("export", faulty.out, "--ocsf")
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    for f in found:
        assert f["class_uid"] == 2004 and f["category_uid"] == 2 and f["type_uid"] == 200400 + f["activity_id"]
        assert f["severity_id"] in range(1, 6) and isinstance(f["time"], int)
        assert f["metadata"]["product"]["name"] == "dura" and f["finding_info"]["uid"] and f["finding_info"]["title"]
    assert found[0]["evidences"][0]["data"]["gseq"] > 0
    assert len({f["finding_info"]["uid"] for f in found}) == len(found)


@pytest.mark.parametrize("args, words", [
    ((), "want exactly one"),
    (("--cef", "--ocsf"), "want exactly one"),
    (("--cef", "--training", "t.csv"), "want exactly one"),
    (("--cef", "--margin", "3"), "--margin does nothing without --training"),
    (("--cef", "--json"), "--json does nothing without --training"),
    (("--training", "t.csv", "--margin", "x"), "--margin x"),
    (("--training", "no/t.csv"), "no"),
])
def test_wrong_words_exit_2(faulty, args, words):
    ran = faulty.dura("export", faulty.out, *args)
    assert ran.returncode == 2 and words in ran.stderr, ran.stderr
    assert not (faulty.folder / "t.csv").exists()


def test_no_run_folder(world):
    ran = world.dura("export", "nowhere", "--cef")
    assert ran.returncode == 2 and "nowhere" in ran.stderr
    assert world.dura("export", "--help").returncode == 0
