# SPDX-License-Identifier: Apache-2.0
"""`dura run`: what it prints, where rows come from, how it ends, how it goes on."""
import json
import os
import pty
import signal
import subprocess
import time

import pytest

from cliworld import csv


def start(world, *more):
    """A run that reads from a pipe."""
    return subprocess.Popen(world.command(*world.run_args(*more, frames="-")), cwd=world.folder,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(child):
    """Wait for a child whose input may be closed already; its code and outputs."""
    out, err = child.stdout.read(), child.stderr.read()
    child.stdout.close()
    child.stderr.close()
    return child.wait(60), out, err


def mixed(world):
    """300 good rows with a dropout, a jump of b, and a NaN in a."""
    rows = csv(300).splitlines()
    rows[101] = "1100,,1"
    rows[201:203] = ["1200,nan,1", "1201,nan,1"]
    rows[251] = "1250,0,999"
    world.write("frames.csv", "\n".join(rows) + "\n")


# ---- output ------------------------------------------------------------------------------

def test_the_summary_for_people(world, golden):
    mixed(world)
    done = world.run("--demo-key")
    assert done.returncode == 0 and done.stderr == ""
    golden("run.txt", done.stdout.replace(str(world.folder), "HERE"))


def test_the_next_command_is_the_right_one(world):
    told = world.run().stdout.rsplit("next      dura ", 1)[1]
    assert world.dura(*told.split()).stdout.startswith("INTACT\n")
    world.out, world.state = world.folder / "second", None
    told = world.dura("run", "--policy", "policy.json", "--model", "model.json", "--frames", "frames.csv",
                      "--out", world.out).stdout.rsplit("next      dura ", 1)[1]
    assert world.dura(*told.split()).stdout.startswith("INTACT\n")


def test_the_summary_for_machines(world):
    mixed(world)
    done = world.run("--demo-key", "--json")
    assert done.returncode == 0 and done.stderr == ""
    told = json.loads(done.stdout)
    assert told["rows"] == 300 and sum(told["actions"].values()) == 300 and told["actions"]["STOP"] == 0
    assert [c["channel"] for c in told["rejected"]] == ["a", "b"]
    assert told["rejected"][0]["rows"] == 3
    assert told["rejected"][0]["reasons"] == {"missing": 1, "stale": 1, "nonfinite": 2}
    assert told["demo_key"] is True and told["development_key"] is True
    assert told["first"] == "1970-01-01T00:16:40Z" and told["last"] == "1970-01-01T00:21:39Z"


def test_the_summary_counts_what_was_recorded(world):
    mixed(world)
    told = json.loads(world.run("--json").stdout)
    actions = [d["action"] for d in world.decisions()]
    assert {a: actions.count(a) for a in ("ACT", "HOLD", "FALLBACK", "STOP")} == told["actions"]
    assert told["epochs"] == len([r for r in world.records("--log", "security") if r["kind"] == "seal"])
    sizes = {log: sum(f.stat().st_size for f in (world.out / log).iterdir()) for log in ("security.log", "decision.log")}
    assert told["security_bytes"] == sizes["security.log"] and told["decision_bytes"] == sizes["decision.log"]


def test_the_demo_key_repeats_every_byte(world):
    assert world.run("--demo-key").returncode == 0
    first = {p.name: p.read_bytes() for p in sorted(world.out.glob("*.log/*"))}
    world.out = world.folder / "again"
    assert world.run("--demo-key").returncode == 0
    assert first == {p.name: p.read_bytes() for p in sorted(world.out.glob("*.log/*"))}


def test_two_runs_have_two_origins(world):
    origin = json.loads(world.run("--json").stdout)["origin"]
    world.out = world.folder / "again"
    assert json.loads(world.run("--json").stdout)["origin"] != origin


def test_no_progress_bar_in_a_pipe(world):
    world.write("frames.csv", csv(5000))
    done = world.run()
    assert done.stderr == "" and "\r" not in done.stdout


def test_a_progress_bar_on_a_terminal(world):
    try:
        ours, theirs = pty.openpty()
    except OSError as why:
        pytest.skip(f"no terminal can be made here: {why}")
    world.write("frames.csv", csv(60000))
    child = subprocess.Popen(world.command(*world.run_args("--json")), cwd=world.folder, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    drawn = b""
    try:
        while piece := os.read(ours, 4096):
            drawn += piece
    except OSError:                            # the other end is closed
        pass
    os.close(ours)
    told = json.loads(child.stdout.read())
    child.stdout.close()
    assert child.wait(60) == 0 and told["rows"] == 60000
    assert b" rows, " in drawn and b" %  " in drawn and drawn.endswith(b"\r\x1b[K")


def test_the_envelope_holds(world):
    world.write("frames.csv", "time,a,b\n1,0,0\n2,90,100\n3,-90,-100\n4,2,4\n")
    told = json.loads(world.run("--json").stdout)
    assert told["bounded"] == 2
    assert [d["proposed"]["y"] for d in world.decisions()][1:] == [50, -50, 3]


# ---- exit codes ----------------------------------------------------------------------------

def test_fail_on_says_no_only_when_it_was_met(world):
    for word, code in (("SUSPECT", 0), ("FAIL", 0), ("MISSING", 0), ("HOLD", 0), ("STOP", 0)):
        world.out = world.folder / word
        assert world.run("--fail-on", word).returncode == code, word
    mixed(world)
    for word, code in (("SUSPECT", 1), ("FAIL", 1), ("MISSING", 1), ("FALLBACK", 1), ("HOLD", 0), ("STOP", 0)):
        world.out = world.folder / ("mixed-" + word)
        assert world.run("--fail-on", word).returncode == code, word


def test_observe_mode_drives_nothing(world):
    world.write_policy(lambda p: p["device"].update(mode="observe"))
    assert "mode observe" in world.run().stdout
    decided = world.decisions()[50]
    assert decided["mode"] == "observe" and decided["proposed"]["y"] != 0


# ---- where rows come from ---------------------------------------------------------------------

def test_standard_input_and_file_give_the_same_records(world):
    assert world.run("--demo-key").returncode == 0
    from_file = (world.out / "decision.log" / "00000000.seg").read_bytes()
    world.out = world.folder / "piped"
    assert world.run("--demo-key", frames="-", input=csv(300)).returncode == 0
    assert from_file == (world.out / "decision.log" / "00000000.seg").read_bytes()


def test_ndjson_and_csv_give_the_same_records(world):
    assert world.run("--demo-key").returncode == 0
    rows = [line.split(",") for line in csv(300).splitlines()[1:]]
    world.write("frames.csv", "".join(json.dumps({"b": float(b), "note": "x", "time": int(t), "a": float(a)}) + "\n"
                                      for t, a, b in rows))
    from_csv = (world.out / "decision.log" / "00000000.seg").read_bytes()
    world.out = world.folder / "json"
    assert world.run("--demo-key").returncode == 0
    assert from_csv == (world.out / "decision.log" / "00000000.seg").read_bytes()


def test_a_time_column_and_format_of_ones_own(world):
    world.write("frames.csv", "DATETIME, a, b\n04/07/16 00, 1, 2\n04/07/16 01, 1, 3\n")
    told = json.loads(world.run("--time-format", "%d/%m/%y %H", "--json").stdout)
    assert told["first"] == "2016-07-04T00:00:00Z" and told["last"] == "2016-07-04T01:00:00Z"
    world.write("frames.csv", "when,a,b\n5,1,2\n")
    world.out = world.folder / "second"
    assert world.run("--time-column", "when").returncode == 0


def test_a_row_is_recorded_before_the_next_one_comes(world):
    world.write_policy(lambda p: p["logs"].update(commit_records=1))
    child = start(world)
    child.stdin.write(csv(3))
    child.stdin.flush()
    segment = world.out / "decision.log" / "00000000.seg"
    for _ in range(500):
        if segment.exists() and len([r for r in world.records() if r["kind"] == "decision"]) == 3:
            break
        time.sleep(0.01)
    assert len(world.decisions()) == 3 and child.poll() is None
    child.stdin.close()
    assert finish(child)[0] == 0


# ---- signals and resuming ---------------------------------------------------------------------

def test_a_signal_closes_the_run(world):
    for number in (signal.SIGINT, signal.SIGTERM):
        world.out = world.folder / number.name
        child = start(world)
        child.stdin.write(csv(3))
        child.stdin.flush()
        while not (world.out / "decision.log" / "00000000.seg").exists():
            time.sleep(0.005)
        time.sleep(0.1)
        child.send_signal(number)
        code, out, err = finish(child)
        child.stdin.close()
        assert code == 0 and "stopped   by a signal" in out, err
        assert world.verify().stdout.split()[0] == "INTACT"


def kill(world):
    """A run killed after a few hundred of its rows."""
    child = start(world)
    child.stdin.write(csv(300))
    child.stdin.flush()
    while not (world.out / "decision.log" / "00000000.seg").exists():
        time.sleep(0.005)
    time.sleep(0.05)
    child.kill()
    child.stdin.close()
    finish(child)


def test_a_killed_run_is_cut_and_goes_on(world):
    world.write("frames.csv", csv(400))
    kill(world)
    assert world.verify().stdout.split()[0] == "CUT"
    before = len(world.decisions())
    told = json.loads(world.run("--resume", "--json").stdout)
    assert told["skipped"] == before and told["rows"] == 400 - before
    assert [d["frame"] for d in world.decisions()] == list(range(400))
    assert world.verify().stdout.split()[0] == "INTACT"
    assert world.dura("replay", world.out).stdout == "400 of 400 decisions equal, bit for bit\n"


def test_resume_finds_policy_and_model_in_the_folder(world):
    world.write("frames.csv", csv(400))
    kill(world)
    done = world.dura("run", "--resume", "--frames", "frames.csv", "--out", world.out, "--state", world.state)
    assert done.returncode == 0 and "resumed " in done.stdout, done.stderr
    assert world.verify().stdout.split()[0] == "INTACT"


def test_resume_with_another_policy_is_refused(world):
    kill(world)
    world.write_policy(lambda p: p["outputs"][0].update(hi=49))
    done = world.run("--resume")
    assert done.returncode == 2 and "policy.bin" in done.stderr


def test_resume_of_nothing_begins(world):
    assert world.run("--resume").returncode == 0
    assert world.verify().stdout.split()[0] == "INTACT"


def test_resume_of_the_demo_key(world):
    world.write("frames.csv", csv(700))
    child = start(world, "--demo-key")
    child.stdin.write(csv(500))
    child.stdin.flush()
    time.sleep(0.3)
    child.kill()
    child.stdin.close()
    finish(child)
    assert world.run("--resume", "--demo-key").returncode == 0
    assert len(world.decisions()) == 700
    assert "DEMO KEY" in world.verify().stdout


# ---- refused ------------------------------------------------------------------------------

def test_a_refused_run_leaves_the_place_as_it_was(world):
    world.write_policy(lambda p: p["device"].update(mode="enforce"))
    refused = world.run()
    assert refused.returncode == 2 and "--factory" in refused.stderr
    assert not world.out.exists()
    world.write("wrong.rec", b"not a record at all, but some bytes")
    world.out.mkdir()
    for record in ("nowhere.rec", "wrong.rec"):
        assert world.run("--factory", record).returncode != 0
        assert list(world.out.iterdir()) == []
    assert not [p for p in (world.state).rglob("*") if p.is_file()]
    world.write_policy()
    assert world.run().returncode == 0
    assert world.verify().stdout.split()[0] == "INTACT"
    kept = sorted(world.out.rglob("*"))
    again = world.run()
    assert again.returncode == 2 and "holds files already" in again.stderr
    assert sorted(world.out.rglob("*")) == kept


# ---- events --------------------------------------------------------------------------------

EVENT = '{"t": %s, "category": "access", "type": "login", "severity": 4, "asset": 3}\n'


def test_events_behind_the_last_row_and_of_nobodys_asset_are_said(world):
    world.write("events.ndjson", "".join(EVENT % t for t in (1100, 1200, 2000, 2001, 2002)))
    told = world.run("--security", "events.ndjson")
    assert told.returncode == 0, told.stderr
    assert "events    2 from outside" in told.stdout
    assert "3 after the last row were left out; the first is of 1970-01-01T00:33:20Z" in told.stdout
    assert "2 name an asset or a zone, and the policy does not say which it is" in told.stdout
    world.out = world.folder / "second"
    world.write_policy(lambda p: p["device"].update(asset=3))
    told = world.run("--security", "events.ndjson", "--json")
    assert json.loads(told.stdout)["events_left"] == 3
    world.out = world.folder / "third"
    assert "device.asset" not in world.run("--security", "events.ndjson").stdout


def test_what_is_known_of_the_clocks_is_recorded(world):
    world.write("events.ndjson", EVENT % 1100)
    for more, quality, error in ((), "unsynced", None), (("--clock-error", "0.25"), "synced", 250000):
        world.out = world.folder / f"run-{quality}"
        assert world.run("--security", "events.ndjson", *more).returncode == 0
        row = world.decisions()[5]
        event = [r for r in world.records("--log", "security") if r["kind"] == "event"][0]
        assert [r["clock"] for r in (row, event)] == [quality] * 2, (row, event)
        assert [r.get("err_us") for r in (row, event)] == [error] * 2
    for wrong in ("0", "-1", "x", "1s", "4000", "nan"):
        told = world.run("--security", "events.ndjson", "--clock-error", wrong)
        assert told.returncode == 2 and f"--clock-error {wrong}: want seconds" in told.stderr
    assert world.run("--clock-error", "1").returncode == 2
