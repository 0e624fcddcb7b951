# SPDX-License-Identifier: Apache-2.0
"""`dura demo`: what it prints is what its own files say when they are read by other commands.

The story is told once for all tests (module scope); what it claims is looked up again in the
logs, and the outputs of the bad update are compared with a model evaluated here.
"""
import datetime
import json
import os
import pathlib
import re
import shlex
import tempfile
import time

import pytest

from cliworld import TREE, World, find_cli

PERIOD_NS = 100_000_000
EPISODES = ("clean", "stuck sensor", "plant drift", "intrusion", "dropout", "calibration", "good update", "bad update")
SAID = ("no incident", "fault", "drift", "attack", "fault", "change", "committed", "rolled_back")
STARTS = (0, 12000, 18000, 42000, 51000, 57000, 63000, 69000, 75000)   # frames
COMMITTED, ROLLED_BACK = 9, 10
MARGIN = SCORE = 10                                                     # the policy's


def make_world():
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="dura-", dir=os.environ.get("DURA_TEST_TMP", memory))


@pytest.fixture(scope="module")
def told():
    """The story told once, into the default folder; how long it took."""
    with make_world() as folder:
        world = World(pathlib.Path(folder), find_cli())
        begin = time.monotonic()
        world.demo = world.dura("demo")
        world.seconds = time.monotonic() - begin
        world.dir = world.folder / "dura-demo"
        yield world


def incidents(folder):
    return [json.loads(line) for line in (folder / "run" / "incidents.ndjson").read_text().splitlines()]


def episode_of(start_ns):
    frame = int(start_ns) // PERIOD_NS
    return max(e for e in range(8) if STARTS[e] <= frame)


def shown(world, log):
    out = world.dura("show", world.dir / "run", "--json", "--log", log)
    assert out.returncode == 0, out.stderr
    return [json.loads(line) for line in out.stdout.splitlines()]


# ---- what it prints ----------------------------------------------------------------------------

def test_every_episode_gets_its_verdict(told):
    assert told.demo.returncode == 0, told.demo.stdout + told.demo.stderr
    rows = re.findall(r"^([1-8]) (.{13}) .{50} (\S.{11}) .*  (right|WRONG)$", told.demo.stdout, re.M)
    assert [(int(n), name.strip(), said.strip(), word) for n, name, said, word in rows] == \
        [(i + 1, EPISODES[i], SAID[i], "right") for i in range(8)]
    assert "8 of 8 right. Bad update: 0 of" in told.demo.stdout and "Logs: INTACT" in told.demo.stdout
    assert "simulated" in told.demo.stdout and "development key" in told.demo.stdout


def test_it_is_quiet_and_quick(told):
    assert told.demo.stderr == "", "a progress line is for terminals"
    assert told.seconds < 60, told.seconds


def test_the_commands_it_names_work(told):
    commands = re.findall(r"^  dura (.+?)(?:   \(.*)?$", told.demo.stdout, re.M)
    assert [c.split()[0] for c in commands] == ["verify", "correlate", "why", "replay", "report"]
    for command in commands:
        out = told.dura(*shlex.split(command))
        assert out.returncode == 0, (command, out.stdout, out.stderr)


def test_it_leaves_what_it_says(told):
    names = {p.name for p in told.dir.iterdir()}
    assert names == {"clean.csv", "model.json", "policy.json", "factory.record", "good.dura", "good.dura.brain",
                     "good.model.json", "bad.dura", "bad.dura.brain", "bad.model.json", "events.ndjson", "run", "state",
                     "report.html"}
    assert (told.dir / "state").stat().st_mode & 0o077 == 0, "the keys are nobody else's"
    policy = json.loads((told.dir / "policy.json").read_text())
    assert policy["device"]["mode"] == "enforce" and "correlate" in policy and "updates" in policy
    assert all("why" not in r for r in policy["drift"]["references"]), "each of them promises its rate"


# ---- what the logs say ------------------------------------------------------------------------------

def test_the_logs_are_intact_and_not_under_the_demo_key(told):
    out = told.dura("verify", told.dir / "run", "--state", told.dir / "state", "--json")
    report = json.loads(out.stdout)
    assert out.returncode == 0 and report["word"] == "INTACT"
    assert not report["demo_key"] and report["vouched"] == "state folder" and report["dropped"] == 0


def test_incidents_are_where_something_happened_and_nowhere_else(told):
    verdicts = {}
    for i in incidents(told.dir):
        assert i["state"] == "closed" and i["score"] >= SCORE and i["margin_dban"] >= MARGIN, i
        assert not i["untrusted"], i
        verdicts.setdefault(episode_of(i["start_ns"]), set()).add(i["verdict"])
    assert verdicts == {1: {"fault"}, 2: {"drift"}, 3: {"attack"}, 4: {"fault"}, 5: {"change"}, 7: {"change"}}


@pytest.mark.parametrize("episode, kinds, channel", [
    (1, {"flat", "isolated"}, "p1"), (2, {"drift_slow", "many"}, "oil_temp"),
    (3, {"event_asset", "config", "access", "recon"}, "p1"), (4, {"missing", "recon"}, "vibration"),
    (5, {"calibration"}, "p2"), (7, {"update", "backend"}, None),
])
def test_the_verdict_stands_on_the_evidence_that_was_injected(told, episode, kinds, channel):
    found = [i for i in incidents(told.dir) if episode_of(i["start_ns"]) == episode]
    assert found and kinds <= {e["kind"] for i in found for e in i["evidence"]}
    assert channel is None or channel in {c for i in found for c in i["channels"]}


def test_joining_the_records_again_gives_the_same_incidents(told):
    out = told.dura("correlate", told.dir / "run", "--json")
    again = [json.loads(line) for line in out.stdout.splitlines()]
    again = [i.get("incident", i) for i in again if "evidence" in i or "incident" in i]
    assert [(i["id"], i["verdict"], i["score"]) for i in again] == \
        [(i["id"], i["verdict"], i["score"]) for i in incidents(told.dir)]


def test_the_good_update_stays_and_the_bad_one_does_not(told):
    ends = [(r["values"][2], r["values"][1]) for r in shown(told, "security")
            if r.get("fact") == "release" and r["values"][1] in (COMMITTED, ROLLED_BACK)]
    assert ends == [(1, COMMITTED), (2, ROLLED_BACK)]


def test_the_bad_update_drives_nothing_that_the_model_before_it_would_not(told):
    policy = json.loads((told.dir / "policy.json").read_text())
    out = policy["outputs"][0]
    far = policy["updates"]["max_disagreement"] * (out["hi"] - out["lo"])
    good, bad = (json.loads((told.dir / f"{n}.model.json").read_text())["outputs"][0] for n in ("good", "bad"))
    tried, apart_most, would = 0, 0.0, 0.0
    records = [r for r in shown(told, "decision") if r["kind"] == "decision" and r["frame"] >= STARTS[7]]
    assert len(records) == STARTS[8] - STARTS[7] and all(r["action"] == "ACT" for r in records)
    models = {r["model"] for r in records}
    assert len(models) == 2, "both have driven"
    for r in records:
        answers = [m["bias"] + sum(w * x for w, x in zip(m["weights"], r["inputs"])) for m in (good, bad)]
        apart_most = max(apart_most, abs(r["outputs"]["valve"] - answers[0]))
        would = max(would, abs(answers[1] - answers[0]))
        tried += r["model"] != records[0]["model"]
    assert 0 < tried < 600 and apart_most <= far + 1e-3 and would > far, (tried, apart_most, far, would)


# ---- the report ---------------------------------------------------------------------------------------

def test_the_report_has_both_logs_on_one_axis(told):
    page = (told.dir / "report.html").read_text()
    story = json.loads(re.search(r'<script type="application/json" id="story">(.*?)</script>', page, re.S).group(1))
    assert story["title"] == "simulated-press-line" and story["verify"]["word"] == "INTACT"
    assert [c["name"] for c in story["channels"]] == ["p1", "p2", "oil_temp", "motor_current", "vibration", "speed", "load",
                                                      "valve_fb"]
    assert story["channels"][0]["unit"] == "bar" and [o["name"] for o in story["outputs"]] == ["valve"]
    assert {m["log"] for m in story["marks"]} == {"security", "decision"}
    assert [i["incident"]["verdict"] for i in story["incidents"]] == [i["verdict"] for i in incidents(told.dir)]
    assert story["gate"]["state"] == "rolled_back" and story["run"]["decisions"] == STARTS[8]
    assert "<script src" not in page and "<link" not in page


# ---- again, and otherwise ---------------------------------------------------------------------------------

def test_a_seed_tells_one_story_and_another_seed_another(told):
    assert told.dura("demo", "--out", "again", "--seed", "1").returncode == 0
    for name in ("policy.json", "clean.csv", "events.ndjson", "factory.record", "good.dura", "bad.dura.brain",
                 "run/incidents.ndjson", "run/policy.bin"):
        assert (told.folder / "again" / name).read_bytes() == (told.dir / name).read_bytes(), name
    key = [json.loads(told.dura("verify", d / "run", "--state", d / "state", "--json").stdout)["key"]
           for d in (told.dir, told.folder / "again")]
    assert key[0] != key[1], "real keys, each run its own"


def test_json_says_the_same_for_machines(told):
    out = told.dura("demo", "--out", "other", "--seed", "7", "--json")
    story = json.loads(out.stdout)
    assert out.returncode == 0 and story["seed"] == "7" and story["right"] == 8 and story["logs"] == "INTACT"
    assert [e["name"] for e in story["episodes"]] == list(EPISODES)
    assert [e["said"] for e in story["episodes"]] == list(SAID)
    for e in story["episodes"]:
        assert e["right"] and story["band"][0] <= e["pressure"][0] < e["pressure"][1] <= story["band"][1]
        assert e.get("delay_s", 0) < 300
    assert story["episodes"][7]["bad_outputs"] == 0 and story["episodes"][7]["compared"] > 1000
    assert [i["verdict"] for i in incidents(told.folder / "other")] == [e["verdict"] for e in story["episodes"] if "verdict" in e]
    assert (told.folder / "other/clean.csv").read_bytes() != (told.dir / "clean.csv").read_bytes()


@pytest.mark.parametrize("args, code, said", [
    (["--out", "full"], 2, "holds files already"), (["--seed", "x"], 2, "--seed x"), (["--seed", "-1"], 2, "--seed -1"),
    (["--seed", "4294967296"], 2, "--seed"), (["--out", "full/kept"], 3, "full/kept"), (["--out", "no/where"], 3, "no/where"),
    (["--out", "x" * 2000], 2, "too long"), (["word"], 2, "one argument too many"),
])
def test_what_cannot_be_is_said_and_nothing_is_touched(world, args, code, said):
    (world.folder / "full").mkdir()
    world.write("full/kept", "mine")
    before = sorted(world.folder.rglob("*"))
    out = world.dura("demo", *args)
    assert out.returncode == code and said in out.stderr and out.stdout == "", (out.returncode, out.stderr)
    assert sorted(world.folder.rglob("*")) == before and (world.folder / "full/kept").read_text() == "mine"


# ---- the night after, and the audit ----------------------------------------------------------

def test_a_bundle_names_the_attack_and_what_nobody_knows(told):
    ran = told.dura("bundle", "--cra-24h", told.dir / "run", "--state", told.dir / "state", "--json")
    said = json.loads(ran.stdout)
    attack = next(i for i in incidents(told.dir) if i["verdict"] == "attack")
    answer = {q["id"]: q.get("answer") for q in said["questions"]}
    assert ran.returncode == 0 and said["incident"] == f"1/{attack['id']}" and said["simulated"]
    assert answer["suspected"].startswith(f"Yes, suspected. Verdict attack, score {attack['score']}")
    assert attack["start"][:19] in answer["known_since"] and answer["member_states"] is None
    recorded = datetime.datetime.fromisoformat(re.search(r"as an incident (\S+)Z\.", answer["known_since"])[1])
    assert attack["start"][:19] <= recorded.isoformat()[:19] <= attack["end"][:19]
    assert answer["due"].startswith((recorded + datetime.timedelta(hours=24)).isoformat()[:19]), "24 hours after it was recorded"
    named = {e["gseq"] for e in attack["evidence"]}
    assert named <= {r["gseq"] for r in said["records"]}, "every record its evidence names is there"
    assert ran.stdout.count('"state":"unknown"') >= 2
    chosen = told.dura("bundle", "--final", told.dir / "run", "--state", told.dir / "state", "--incident", "1/1", "--json")
    assert json.loads(chosen.stdout)["incident"] == "1/1"


def test_dura_s_own_register_is_shown_by_the_demo_as_its_page_says(told):
    """docs/evidence/shown.json, of which docs/evidence/README.md is made, against these records."""
    own = TREE / "docs" / "evidence"
    ran = told.dura("evidence", told.dir / "run", "--register", own / "register.json", "--state", told.dir / "state", "-o", "own")
    assert ran.returncode == 0 and ran.stdout.startswith("SIMULATED"), ran.stderr
    claims = json.loads((told.folder / "own" / "claims.json").read_text())["claims"]
    shown = {kind: {c["subject"]: c["strength"] for c in claims if c["kind"] == kind} for kind in ("control", "requirement", "risk")}
    assert shown == json.loads((own / "shown.json").read_text()), "scripts/gen_evidence.py --pack takes it over"
    assert "boundary 21 of 21 cells" in ran.stdout
    told_of = {c["subject"]: c["says"] for c in claims if c["kind"] == "incident"}
    assert {says.split(",")[0] for says in told_of.values()} == {i["verdict"] for i in incidents(told.dir)}
