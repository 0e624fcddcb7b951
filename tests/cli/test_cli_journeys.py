# SPDX-License-Identifier: Apache-2.0
"""Four people, one library: the first day, a line that drifts, an update by night, an incident
and the audit after it. Each test is one of them with the real commands, in the order in which
they would type them. (The fifth, a product-security manager's, is test_cli_risk.py.)"""
import json
import os
import random
import re
import subprocess
import sys
import time

import evidenceworld
import pytest
from cliworld import TREE

START = 1772323200 + 5400                   # 2026-03-01T01:30:00Z
MODEL = {"dura_model": 1, "kind": "linear", "inputs": ["p", "q", "t"],
         "outputs": [{"name": "valve", "bias": 1.0, "weights": [0.5, 0.25, 0.1]}]}


def rows(n, seed, p=lambda i, x: x, q=lambda i, x: x):
    """Two pressure taps that move together and a temperature, a frame each second."""
    r, a, c, out = random.Random(seed), 0.0, 0.0, ["time,p,q,t"]
    for i in range(n):
        a, c = 0.8 * a + r.gauss(0, 0.2), 0.9 * c + r.gauss(0, 0.05)
        out.append("%d,%.4f,%.4f,%.4f" % (START + i, p(i, 50 + a), q(i, 49 + a + 0.1 * r.gauss(0, 0.3)), 30 + c))
    return "\n".join(out) + "\n"


def at(row):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + row))


def event(row, category, kind, **more):
    return dict({"t": at(row), "source": "ids", "category": category, "type": kind, "severity": 5, "asset": 3, "result": "success"}, **more)


@pytest.fixture
def line(world):
    """A commissioned line: a policy learned from a clean recording, with both monitors on."""
    world.write("clean.csv", rows(8000, 1))
    world.write("model.json", json.dumps(MODEL))
    told = world.dura("learn", "--frames", "clean.csv", "--model", "model.json", "-o", "policy.json", "--checks", "none", "--name", "line-7")
    assert told.returncode == 0, told.stderr
    world.policy = json.loads((world.folder / "policy.json").read_text())
    world.policy["device"]["asset"] = 3
    world.policy["correlate"] = {"window_ms": 600000, "quiet_ms": 300000, "heartbeat_ms": 4294967295}
    world.policy["drift"].update(selftest=256, confirm=300)
    world.write("policy.json", json.dumps(world.policy, indent=1))
    return world


def drive(world, frames, events=(), *more):
    world.write("frames.csv", frames)
    world.write("events.ndjson", "".join(json.dumps(e) + "\n" for e in events))
    told = world.run("--security", "events.ndjson", "--trust", "source", "--clock-error", "1", *more)
    assert told.returncode == 0, told.stderr
    return told


def incidents(world):
    return [json.loads(x) for x in world.dura("correlate", world.out, "--json").stdout.splitlines()]


# ---- J1: day one -------------------------------------------------------------------------------

def test_j1_a_stuck_sensor_is_named_held_and_recorded_and_a_flipped_byte_found(line):
    stuck = 60
    drive(line, rows(300, 4, p=lambda i, x: x if i < stuck else 50.1234))
    limit = next(c for c in line.policy["channels"] if c["name"] == "p")["flat_fail_ms"] / 1000
    bad = [d for d in line.decisions() if "p" in d["channels"] and "flat_fail" in d["channels"]["p"]["reasons"]]
    assert stuck + limit <= bad[0]["frame"] <= stuck + limit + 2, "within the delay that the policy states"
    assert bad[0]["channels"]["p"]["verdict"] == "FAIL" and bad[0]["action"] in ("HOLD", "FALLBACK") and "input" in bad[0]["reasons"]
    found = incidents(line)
    assert [i["verdict"] for i in found] == ["fault"] and found[0]["channels"][0] == "p"
    kinds = {r["log"] for r in line.records() if r["kind"] in ("boot", "decision", "incident")}
    assert kinds == {"security", "decision"}, "both logs speak of this run"
    why = line.dura("why", line.out, "--frame", bad[0]["frame"])
    assert why.returncode == 0 and "flat" in why.stdout
    assert line.verify().stdout.startswith("INTACT")
    path = line.out / "decision.log" / "00000000.seg"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    broken = line.verify()
    assert broken.returncode == 1 and broken.stdout.startswith("TAMPERED") and re.search(r"record \d+", broken.stdout)


def test_j1_sixty_lines_of_her_own_are_enough():
    text = (TREE / "examples" / "02_guarded_run.c").read_text()
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    assert len([x for x in code.splitlines() if x.strip()]) <= 60
    assert not re.search(r"\b(malloc|calloc|socket|connect)\b", code), "no heap, no network"


# ---- J3: day thirty ------------------------------------------------------------------------------

def test_j3_a_material_change_is_drift_although_somebody_logged_in(line):
    def creep(i, x):
        return x + min(max(i - 1500, 0) / 2000, 1) * 0.6
    drive(line, rows(5000, 2, creep, creep), [event(2400, "access", "login", actor="engineer", severity=2)])
    found = incidents(line)
    assert found and "attack" not in {i["verdict"] for i in found}, "the login was innocent"
    assert {i["verdict"] for i in found if i["channels"]} == {"drift"}
    assert {e["channel"] for i in found for e in i["evidence"] if e["kind"].startswith("drift")} & {"p", "q"}
    said = line.dura("correlate", line.out).stdout
    assert re.search(r"next +find out what moved in the plant", said), "one sentence says what to do"
    asked = [r for r in line.records("--log", "decision") if r["kind"] == "retrain"]
    assert asked and asked[0]["drifts"], "a request for retraining stands in the log, with its evidence"
    strict = line.verify("--strict")
    assert strict.returncode == 0 and re.search(r"(\d+) heartbeats of the drift monitor, 0 self-tests failed", strict.stdout)
    line.write("so_far.csv", "\n".join(rows(3300, 2, creep, creep).splitlines()) + "\n")
    trend = line.dura("drift", "so_far.csv", "--column", "p", "--reference", "1400", "--trend", "--limit", "p=51.5")
    limit = [json.loads(x) for x in trend.stdout.splitlines() if x.startswith('{"limit"')]
    assert limit and limit[0]["channel"] == "p"
    truth = 1500 + 1.5 / 0.6 * 2000 - 3300               # rows from there until the line itself is at 51.5
    assert limit[0]["rows"] is not None and limit[0]["low"] <= truth <= limit[0]["high"], (limit, truth)


# ---- J4: update night ---------------------------------------------------------------------------------

def release(world, name, model, *attest):
    world.write("next.json", json.dumps(model))
    world.write("golden.csv", "\n".join(rows(101, 9).splitlines()) + "\n")
    return world.dura("release", "make", "--component", "brain", "--model", "next.json", "--golden", "golden.csv", "--policy", "policy.json",
                      "--version", name, "-o", f"{name}.dura", "--attest", *attest)


def with_updates(line):
    for who in ("vendor", "operator"):
        assert line.dura("key", "make", who).returncode == 0
    keys = {w: re.search(r"[0-9a-f]{64}", (line.folder / f"{w}.pub").read_text())[0] for w in ("vendor", "operator")}
    line.policy["device"]["mode"] = "enforce"
    line.policy["gate"] = {"factory_key": keys["vendor"]}
    line.policy["updates"] = {"slot_bytes": 16384, "probation_frames": 200, "max_disagreement": 0.4, "shadow_frames": 300,
                              "shadow_disagreement": 0.4, "window_begin": 120, "window_minutes": 60, "min_clock": "unsynced",
                              "threshold": 2, "roles": 6, "require": ["A.7.5"]}
    line.policy["release_keys"] = [{"key": k, "role": w} for w, k in keys.items()]
    line.policy.pop("correlate")
    line.write("policy.json", json.dumps(line.policy, indent=1))
    made = line.dura("key", "factory", "--policy", "policy.json", "--model", "model.json", "--key", "vendor", "-o", "factory.rec")
    assert made.returncode == 0, made.stderr


def gate_moves(world):
    return [(r["values"][1], r["t"]) for r in world.records() if r["kind"] == "fact" and r["fact"] == "release"]


STATES = {2: "received", 4: "accepted", 5: "armed", 6: "activating", 7: "probation", 9: "committed", 10: "rolled back"}


def test_j4_a_suspect_span_does_not_train_a_window_is_kept_and_a_cut_does_not_cost_a_decision(line):
    drive(line, rows(1200, 5, p=lambda i, x: x if not 400 <= i < 520 else 50.1234))
    assert line.dura("export", line.out, "--training", "all.csv", "--mark", "--state", line.state).returncode == 0
    assert line.dura("export", line.out, "--training", "good.csv", "--state", line.state).returncode == 0
    with_updates(line)
    refitted = json.loads(json.dumps(MODEL))
    refitted["outputs"][0]["bias"] = 1.02
    refused = release(line, "1", refitted, "all.csv.quarantine.json")
    assert refused.returncode == 2 and "rows lie under a fault" in refused.stderr
    assert release(line, "1", refitted, "good.csv.quarantine.json").returncode == 0
    alone = line.dura("gate", "check", "1.dura", "--policy", "policy.json", "--subject", "1.dura.brain", "--now", START + 1900)
    assert alone.returncode == 1 and "threshold" in alone.stdout, "nobody signed it"
    for who in ("vendor", "operator"):
        assert line.dura("sign", "1.dura", "--key", who).returncode == 0
    early = line.dura("gate", "check", "1.dura", "--policy", "policy.json", "--subject", "1.dura.brain", "--now", START + 60)
    assert early.returncode == 1 and "outside the maintenance window" in early.stdout, early.stdout
    in_time = line.dura("gate", "check", "1.dura", "--policy", "policy.json", "--subject", "1.dura.brain", "--now", START + 1900)
    assert in_time.returncode == 0, in_time.stdout

    line.out = line.folder / "night"
    line.write("frames.csv", rows(3600, 6))
    more = ["--factory", "factory.rec", "--device", "device", "--release", "1.dura", "--release-row", "100"]
    killed = subprocess.Popen(line.command(*line.run_args(*more, frames="-")), cwd=line.folder, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, env=dict(os.environ, DURA_STATE=str(line.state), HOME=str(line.folder)))
    text = (line.folder / "frames.csv").read_text().splitlines(keepends=True)
    killed.stdin.write("".join(text[:1200]).encode())
    killed.stdin.flush()
    end = time.monotonic() + 20
    while time.monotonic() < end and not gate_moves_reached(line, 500):
        time.sleep(0.05)
    killed.kill()                                               # the power goes in the middle
    killed.wait()
    told = line.dura("run", "--resume", "--out", line.out, "--state", line.state, "--frames", "frames.csv", "--factory", "factory.rec",
                     "--device", "device", "--release", "1.dura")
    assert told.returncode == 0, told.stderr
    moves = gate_moves(line)
    names = [STATES.get(s) for s, _ in moves]
    assert "committed" in names and "rolled back" not in names, moves
    assert all(t[11:16] >= "02:00" for s, t in moves if STATES.get(s) in ("activating", "probation")), "not before the window opens"
    frames = [d["frame"] for d in line.decisions()]
    assert sorted(set(frames)) == list(range(3600)), "every row was decided"
    assert line.verify().stdout.split()[0] in ("INTACT", "CUT")


def gate_moves_reached(world, frame):
    path = world.out / "decision.log"
    return path.exists() and sum(p.stat().st_size for p in path.iterdir()) > frame * 100


# ---- J5: three in the morning, and the audit --------------------------------------------------------------

def press(world):
    """The register of this line."""
    reg = evidenceworld.register()
    for asset in reg["assets"]:
        asset.update({"a": {"channels": ["p"]}, "b": {"channels": ["q"]}, "y": {"channels": ["valve"]}}.get(asset["id"], {}))
    reg["controls"] = [evidenceworld.control("K-RANGE", "sensor.range", ["a", "b"]), evidenceworld.control("K-RATE", "sensor.rate", ["b"]),
                       evidenceworld.control("K-BOUND", "output.range", ["y"], reacts_ms=100),
                       evidenceworld.control("K-SEAL", "log.seal", ["log"]), evidenceworld.control("K-DRIFT", "drift.monitor", ["model"], delay_s=900)]
    world.write("register.json", json.dumps(reg))


def test_j5_from_the_panel_to_the_auditor(line):
    def pull(i, x):
        return x + min(max(i - 1500, 0) / 60, 1) * 0.7
    drive(line, rows(3000, 3, p=pull), [
        event(1200, "recon", "port_scan", src="10.0.4.7"), event(1400, "access", "login_failed", src="10.0.4.7", result="failure"),
        event(1495, "config", "param_write", severity=8, actor="maint", src="10.0.4.7")])
    press(line)
    last = line.dura("why", line.out, "--last")
    assert last.returncode == 0 and "p" in last.stdout
    attack = [i for i in incidents(line) if i["verdict"] == "attack"]
    assert len(attack) == 1 and "p" in attack[0]["channels"], incidents(line)
    assert attack[0]["totals"]["attack"] > max(attack[0]["totals"][c] for c in ("fault", "drift", "change")), "the others are there with their weights"
    begin = time.monotonic()
    bundle = json.loads(line.dura("bundle", "--cra-24h", line.out, "--state", line.state, "--json").stdout)
    assert time.monotonic() - begin < 5
    assert next(q for q in bundle["questions"] if q["id"] == "suspected")["answer"].startswith("Yes, suspected")
    write = next(r for r in bundle["records"] if r["kind"] == "event" and r["category"] == "config")
    assert write["peer"] == "10.0.4.7"
    stop = line.dura("override", "stop", line.out, "--reason", "valve guard acted", "--actor", "k.weber", "--state", line.state)
    assert stop.returncode == 0, stop.stderr

    told = evidenceworld.evidence(line)
    assert told.returncode == 0, told.stderr
    pack = line.folder / "pack"
    page = (pack / "index.html").read_text()
    assert "<script" not in page and "outside software" in page and "R-1" in page and "CR 3.5" in page
    checked = subprocess.run([sys.executable, "-I", pack / "verify.py"], stdout=subprocess.PIPE, text=True)
    assert checked.returncode == 0 and checked.stdout.startswith("RIGHT"), checked.stdout
    assert line.dura("replay", line.out).returncode == 0, "any decision can be run again"
    (pack / "run" / "decision.log" / "00000002.seg").unlink()
    said = subprocess.run([sys.executable, "-I", pack / "verify.py"], stdout=subprocess.PIPE, text=True)
    fallen = set(re.findall(r"FALLS (.+?): run/", said.stdout))
    page_says = set(re.findall(r">([a-z]+:[^<]+)</a>", re.search(r"<tr><td>(?:<i id=\"s-1-\d+\"></i>)*<i id=\"s-1-2\"></i>.*?</tr>", page)[0]))
    assert said.returncode == 1 and fallen == page_says, "the page says which claims fall with it"
