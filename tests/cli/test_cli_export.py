# SPDX-License-Identifier: Apache-2.0
"""`dura export`: training data that a model may learn from, alerts that a SIEM can read."""
import csv as tables
import hashlib
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


def manifest(world, name="t.csv", *more):
    ran = world.dura("export", world.out, "--training", name, "--state", world.state, *more)
    assert ran.returncode == 0, ran.stderr
    return ran, json.loads((world.folder / f"{name}.quarantine.json").read_text())


def test_the_manifest_names_the_run_and_every_row(faulty):
    _, said = manifest(faulty)
    rows = (faulty.folder / "t.csv").read_bytes()
    assert said["dura_training"] == 1 and said["csv"] == "t.csv"
    assert said["sha256"] == hashlib.sha256(rows).hexdigest() and said["bytes"] == len(rows)
    run = said["run"]
    assert (run["verify"], run["vouched"], run["device"]) == ("INTACT", "state folder", "test-bench")
    for name in ("security", "decision"):
        own = (faulty.out / f"{name}.log" / "checkpoint").read_bytes()
        assert run[f"{name}_checkpoint"] == hashlib.sha256(own).hexdigest()
    assert run["policy"] == hashlib.sha256((faulty.out / "policy.bin").read_bytes()).hexdigest()
    frames = [f for s in said["spans"] + said["taken"] for f in range(s["first_frame"], s["last_frame"] + 1)]
    assert sorted(frames) == list(range(400)), "each row is in one list, once"
    assert sum(s["rows"] for s in said["taken"]) == said["kept"] and said["suspect"] == said["released"] == 0


def test_a_person_may_call_an_incident_normal(faulty):
    _, before = manifest(faulty, "before.csv")
    ran = faulty.dura("incident", "normal", "1", faulty.out, "--reason", "planned: probe swapped", "--actor", "anna",
                      "--state", faulty.state)
    assert ran.returncode == 0 and "incident 1 called normal by anna" in ran.stdout, ran.stderr
    ran, said = manifest(faulty)
    assert {s["incident"] for s in before["spans"]} == {"1/1", "1/2", None}
    assert {s["incident"] for s in said["spans"]} == {"1/2", None}, "the other one is as suspect as before"
    assert said["kept"] > before["kept"] and said["not_good"] > before["not_good"] >= 1
    free = [s for s in said["taken"] if s["mark"] == "released"]
    assert free and sum(s["rows"] for s in free) == said["released"] == said["kept"] - before["kept"]
    assert {(s["actor"], s["because"], s["verdict"]) for s in free} == {("anna", "planned: probe swapped", "fault")}
    assert f"called it normal: {said['released']}" in ran.stdout
    assert "called normal by anna" in faulty.dura("correlate", faulty.out).stdout
    assert faulty.verify().stdout.split()[0] == "INTACT"


def test_suspect_rows_can_be_looked_at_and_are_counted(faulty):
    _, plain = manifest(faulty, "plain.csv")
    ran, said = manifest(faulty, "t.csv", "--mark")
    with open(faulty.folder / "t.csv", newline="") as file:
        kept = list(tables.DictReader(file))
    marked = [r for r in kept if r["span"] == "fault"]
    assert len(marked) == said["suspect"] == said["kept"] - plain["kept"] > 0
    assert f"SUSPECT and kept all the same: {len(marked)}" in ran.stdout


def test_a_feed_cannot_call_its_own_incident_normal(faulty):
    """The same words from a security tool, even from one that is trusted, are no person's."""
    line = {"t": 1300, "category": "incident", "type": "normal", "id": "1", "actor": "mallory", "detail": "nothing", "trusted": True}
    faulty.write("feed.ndjson", json.dumps(line) + "\n")
    ran = faulty.dura("run", "--policy", "policy.json", "--model", "model.json", "--frames", "frames.csv", "--out", "second",
                      "--state", faulty.state, "--security", "feed.ndjson", "--trust", "source")
    assert ran.returncode == 0, ran.stderr
    shown = [json.loads(r) for r in faulty.dura("show", "second", "--json", "--log", "security").stdout.splitlines()]
    assert [r["category"] for r in shown if r["kind"] == "event" and r.get("actor") == "mallory"] == ["other"]
    ran = faulty.dura("export", "second", "--training", "s.csv")
    assert ran.returncode == 0 and "called it normal" not in ran.stdout


def test_a_run_that_was_tampered_with_teaches_nothing(faulty):
    segment = next((faulty.out / "security.log").glob("*[0-9]*"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(bytes(data))
    ran = faulty.dura("export", faulty.out, "--training", "t.csv")
    assert ran.returncode == 2 and "is TAMPERED" in ran.stderr, ran.stderr
    assert not (faulty.folder / "t.csv").exists()


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
    (("--cef", "--mark"), "--mark does nothing without --training"),
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


def test_proof_of_one_record_stands_alone(world):
    assert world.run().returncode == 0
    records = world.records()
    wanted = next(r for r in records if r["kind"] == "decision")
    shown = world.dura("export", world.out, "--proof", wanted["gseq"])
    assert shown.returncode == 0 and shown.stdout.startswith("c2sp.org/tlog-proof@v1\nextra "), shown.stderr
    proof, key = world.write("one.tlog-proof", shown.stdout), shown.stderr.strip()
    good = world.dura("verify", "--proof", proof, "--key", key)
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.startswith(f"INTACT\n  record {wanted['gseq']} of the decision log")
    assert '"kind":"decision"' in good.stdout
    other = world.write("other.tlog-proof", shown.stdout.replace(f"\nindex {wanted['seq']}\n", f"\nindex {wanted['seq'] + 1}\n"))
    bad = world.dura("verify", "--proof", other, "--key", key)
    assert bad.returncode == 1 and bad.stdout.startswith("TAMPERED\n")
    assert world.dura("verify", "--proof", proof).returncode == 2
    assert world.dura("export", world.out, "--proof", 10**9).returncode != 0
    last = world.dura("export", world.out, "--proof", records[-1]["gseq"])
    assert last.returncode != 0 and "no seal covers" in last.stderr


def test_a_kept_checkpoint_may_have_to_be_cosigned(world):
    assert world.run().returncode == 0
    kept = world.out / "decision.log" / "checkpoint"
    witness = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert world.verify("--checkpoint", kept).returncode == 0
    refused = world.verify("--checkpoint", kept, "--witness", witness)
    assert refused.returncode not in (0, 1) and "no line of this witness" in refused.stderr
    assert world.verify("--checkpoint", kept, "--witness", "x").returncode not in (0, 1)
    assert world.verify("--witness", witness).returncode == 2
