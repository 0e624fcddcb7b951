# SPDX-License-Identifier: Apache-2.0
"""label, incident, override: what they add, what verify says afterwards, and every wrong word."""
import json
import subprocess
import time

import pytest
from cliworld import csv

LONG = "x" * 65


def faulty(n=300, bad=range(100, 110)):
    """n rows a second apart; a is out of range in the bad ones."""
    lines = csv(n).splitlines()
    for i in bad:
        lines[i + 1] = f"{1000 + i},{500 + i},0"
    return "\n".join(lines) + "\n"


def correlating(policy):
    policy["device"]["mode"] = "observe"
    policy["outputs"][0].update(lo=-500, hi=500)
    policy["correlate"] = {"quiet_ms": 20000}


@pytest.fixture
def closed(world):
    """A world with a closed run that holds one incident."""
    world.write_policy(correlating)
    world.write("frames.csv", faulty())
    assert world.run().returncode == 0
    return world


@pytest.fixture
def cut(world):
    """A world with a run that an unreadable row ended: not closed."""
    world.write_policy(correlating)
    lines = faulty().splitlines()
    world.write("broken.csv", "\n".join(lines[:201] + ["never,1,2"]) + "\n")
    world.write("frames.csv", faulty())
    assert world.run(frames="broken.csv").returncode == 2
    return world


def say(world, *args):
    return world.dura(*args, "--state", world.state)


def word(world):
    return world.verify().stdout.split()[0]


def events(world):
    return [r for r in world.records("--log", "security") if r["kind"] == "event"]


# ---- labels ----------------------------------------------------------------------------------

def test_labels_become_signed_records_and_the_run_stays_intact(closed):
    closed.write("labels.csv", 'frame,output,value\n7,y,1.5\n8,a,"so, so"\n')
    ran = say(closed, "label", closed.out, "labels.csv", "--actor", "anna")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "2 labels recorded by anna; the run is closed again\n"
    first, second = events(closed)
    assert (first["category"], first["type"], first["id"], first["detail"], first["actor"]) == (
        "label", "value", "7", "y=1.5", "anna")
    assert second["id"] == "8" and second["detail"] == "a=so, so"
    assert first["clock"] == "unsynced" and first["t"] > "2026"
    assert word(closed) == "INTACT"
    replayed = closed.dura("replay", closed.out)
    assert replayed.stdout == "300 of 300 decisions equal, bit for bit\n"


def test_labels_by_time_mean_the_decision_at_or_before_it(closed):
    closed.write("labels.csv", "value,name,time\r\n1,y,1003.9\r\n\r\n2,y,1970-01-01T00:16:45Z\r\n")
    assert say(closed, "label", closed.out, "labels.csv").returncode == 0
    assert [(e["id"], e["detail"], e["actor"]) for e in events(closed)] == [
        ("3", "y=1", "operator"), ("5", "y=2", "operator")]
    closed.write("labels.csv", "time,name,value\n01/01/70 00:17,y,3\n")
    assert say(closed, "label", closed.out, "labels.csv", "--time-format", "%d/%m/%y %H:%M").returncode == 0
    assert events(closed)[-1]["id"] == "20"


@pytest.mark.parametrize("text, words", [
    ("", "is empty"),
    ("frame,name,value\n", "no label"),
    ("name,value\ny,1\n", "neither frame nor time"),
    ("frame,value\n1,1\n", "name"),
    ("frame,name\n1,y\n", "value"),
    ("frame,name,value,frame\n1,y,1,2\n", "two such columns"),
    ("frame,name,value\n1,y\n", "labels.csv:2: has 2 cells"),
    ("frame,name,value\n1,y,1\n300,y,1\n", "labels.csv:3: frame: 300 is not in the log: it holds frames 0 to 299"),
    ("frame,name,value\nx,y,1\n", "labels.csv:2: frame: is no frame number"),
    ("frame,name,value\n,y,1\n", "labels.csv:2: frame: is empty"),
    ("frame,name,value\n99999999999999999999,y,1\n", "is no frame number"),
    ("time,name,value\nnoon,y,1\n", "labels.csv:2: time: noon is no time"),
    ("time,name,value\n999,y,1\n", "is outside the run, which goes from 1970-01-01T00:16:40"),
    ("frame,name,value\n1,z,1\n", "labels.csv:2: name: z is no output or channel"),
    ("frame,name,value\n1,y,\n", "labels.csv:2: value: is missing"),
    (f"frame,name,value\n1,y,{LONG}\n", "labels.csv:2: value: has 65 bytes: want at most 64"),
    ("frame,name,value\n1,y,\x1b[2J\n", "is not UTF-8 text without control characters"),
    (b"frame,name,value\n1,y,\xff\n", "is not UTF-8 text"),
    ('frame,name,value\n1,y,"open\n', "a quote is not closed"),
    ('frame,name,value\n1,y,"a"b\n', "behind a closing quote"),
    ("frame,name,value\n1,y,a\0b\n", "zero byte"),
])
def test_a_wrong_label_adds_nothing(closed, text, words):
    closed.write("labels.csv", text)
    before = len(closed.records())
    ran = say(closed, "label", closed.out, "labels.csv")
    assert ran.returncode == 2 and words in ran.stderr, ran.stderr
    assert len(closed.records()) == before and word(closed) == "INTACT"


def test_labels_of_a_cut_run_leave_it_cut_and_it_goes_on(cut):
    cut.write("labels.csv", "frame,name,value\n150,y,4\n")
    ran = say(cut, "label", cut.out, "labels.csv")
    assert ran.returncode == 0 and "stays open" in ran.stdout
    assert word(cut) == "CUT"
    assert events(cut)[0]["id"] == "150"
    assert cut.run("--resume").returncode == 0
    assert word(cut) == "INTACT"
    assert [d["frame"] for d in cut.decisions()] == list(range(300))
    assert len(events(cut)) == 1


def test_a_demo_run_is_signed_with_the_demo_key_again(world):
    world.write_policy(correlating)
    assert world.run("--demo-key").returncode == 0
    world.write("labels.csv", "frame,name,value\n1,y,4\n")
    assert say(world, "label", world.out, "labels.csv").returncode == 0
    assert word(world) == "UNANCHORED" and len(events(world)) == 1


def test_without_the_keys_nobody_adds_anything(closed):
    closed.write("labels.csv", "frame,name,value\n1,y,4\n")
    before = len(closed.records())
    ran = closed.dura("label", closed.out, "labels.csv", "--state", closed.folder / "other")
    assert ran.returncode == 2, ran.stderr
    assert len(closed.records()) == before and word(closed) == "INTACT"


# ---- incidents --------------------------------------------------------------------------------

def test_ack_and_close_are_shown_by_correlate_and_why(closed):
    ran = say(closed, "incident", "ack", "1", closed.out, "--reason", "seen", "--actor", "bert")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "incident 1 acknowledged by bert; the run is closed again\n"
    assert word(closed) == "INTACT"
    told = closed.dura("correlate", closed.out).stdout
    assert "acknowledged by bert on " in told and ": seen\n" in told and "next     have sensors" in told
    assert say(closed, "incident", "close", "1/1", closed.out, "--reason", "cable", "--actor", "anna").returncode == 0
    assert [(e["type"], e["id"], e["detail"]) for e in events(closed)] == [("ack", "1", "seen"), ("close", "1", "cable")]
    told = closed.dura("correlate", closed.out).stdout
    assert "closed by anna" in told and "next     nothing: a person closed it" in told
    line = json.loads(closed.dura("correlate", closed.out, "--json").stdout)
    assert [s["type"] for s in line["said"]] == ["ack", "close"] and line["said"][0]["actor"] == "bert"
    why = closed.dura("why", closed.out, "--frame", "105", "--state", closed.state).stdout
    assert "closed by anna" in why and "INTACT" in why
    assert word(closed) == "INTACT"


def test_an_incident_of_a_run_that_does_not_correlate_can_be_closed(world):
    world.write_policy(lambda p: p["device"].update(mode="observe"))
    world.write("frames.csv", faulty())
    assert world.run().returncode == 0
    assert say(world, "incident", "close", "1", world.out, "--reason", "r", "--actor", "a").returncode == 0
    assert "closed by a" in world.dura("correlate", world.out).stdout


def test_no_such_incident(closed):
    for name in ("2", "1/2", "9/1", "x", "01"):
        ran = say(closed, "incident", "ack", name, closed.out, "--reason", "r", "--actor", "a")
        assert ran.returncode == 2 and f"{name} is not there: the run has (BOOT/ID) 1/1" in ran.stderr
    assert events(closed) == []


# ---- stop and release ---------------------------------------------------------------------------

def test_a_stop_holds_for_resume_until_it_is_released(cut):
    ran = say(cut, "override", "stop", cut.out, "--reason", "valve open", "--actor", "anna")
    assert ran.returncode == 0, ran.stderr
    assert "`dura run --resume` starts stopped" in ran.stdout
    assert word(cut) == "CUT"
    fact = [r for r in cut.records() if r.get("fact") == "override"]
    assert [(f["values"], f["actor"], f["reason"]) for f in fact] == [([1], "anna", "valve open")]
    assert cut.run("--resume", frames="frames.csv").returncode == 0
    assert {d["action"] for d in cut.decisions()[200:]} == {"STOP"}
    assert word(cut) == "INTACT"


def test_a_release_lets_the_model_answer_again(cut):
    for what in ("stop", "release"):
        assert say(cut, "override", what, cut.out, "--reason", "r", "--actor", "a").returncode == 0
        assert word(cut) == "CUT"
    assert cut.run("--resume", frames="frames.csv").returncode == 0
    assert {d["action"] for d in cut.decisions()[210:]} == {"ACT"}


def test_an_override_of_a_closed_run_is_recorded_and_says_what_it_is_worth(closed):
    ran = say(closed, "override", "stop", closed.out, "--reason", "r", "--actor", "a")
    assert ran.returncode == 0 and "nothing runs in it any more" in ran.stdout
    assert word(closed) == "INTACT"
    assert [r["values"] for r in closed.records() if r.get("fact") == "override"] == [[1]]


def test_a_run_in_progress_has_a_door_of_its_own(world):
    world.write_policy(correlating)
    world.write("labels.csv", "frame,name,value\n1,y,1\n")
    child = subprocess.Popen(world.command(*world.run_args(frames="-")), cwd=world.folder, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.stdin.write(csv(250))
    child.stdin.flush()
    until = time.monotonic() + 20
    while time.monotonic() < until and not (world.out / "decision.log").exists():
        time.sleep(0.02)
    for args in (("label", world.out, "labels.csv"), ("override", "stop", world.out, "--reason", "r", "--actor", "a")):
        assert say(world, *args).returncode == 2
    assert child.communicate()[1] == "" and child.returncode == 0
    assert word(world) == "INTACT" and events(world) == []
    assert {d["action"] for d in world.decisions()} == {"ACT"}


# ---- wrong words ------------------------------------------------------------------------------------

@pytest.mark.parametrize("args, words", [
    (("label",), "want: dura label"),
    (("label", "run"), "want: dura label"),
    (("label", "run", "none.csv"), "none.csv"),
    (("label", "nowhere", "labels.csv"), "nowhere"),
    (("label", "run", "labels.csv", "--actor", LONG), "--actor: has 65 bytes"),
    (("label", "run", "labels.csv", "--actor", "a\nb"), "--actor: is not UTF-8 text"),
    (("label", "run", "labels.csv", "--time-format", "%Q"), "--time-format"),
    (("incident", "see", "1", "run", "--reason", "r", "--actor", "a"), "want ack, close or normal"),
    (("incident", "ack", "1", "run", "--actor", "a"), "--reason is missing"),
    (("incident", "ack", "1", "run", "--reason", "r"), "--actor is missing"),
    (("incident", "ack", "1", "run", "--reason", LONG, "--actor", "a"), "--reason: has 65 bytes"),
    (("incident", "ack", "1", "run", "--reason", "ü" * 33, "--actor", "a"), "--reason: has 66 bytes"),
    (("override", "halt", "run", "--reason", "r", "--actor", "a"), "want stop or release"),
    (("override", "stop", "run", "--reason", "r"), "--actor is missing"),
    (("override", "stop", "run", "--actor", "a"), "--reason is missing"),
    (("override", "stop", "nowhere", "--reason", "r", "--actor", "a"), "nowhere"),
    (("override", "stop", "run", "--reason", "r", "--actor", LONG), "--actor: has 65 bytes"),
])
def test_wrong_words_change_nothing(closed, args, words):
    closed.write("labels.csv", "frame,name,value\n1,y,1\n")
    ran = say(closed, *args)
    assert ran.returncode == 2 and words in ran.stderr, ran.stderr
    assert events(closed) == [] and word(closed) == "INTACT"


def test_64_bytes_are_enough_for_everybody(closed):
    ran = say(closed, "incident", "ack", "1", closed.out, "--reason", "ü" * 32, "--actor", "y" * 64)
    assert ran.returncode == 0, ran.stderr
    assert events(closed)[0]["detail"] == "ü" * 32


@pytest.mark.parametrize("command", ["label", "incident", "override"])
def test_help_says_what_it_does(world, command):
    told = world.dura(command, "--help")
    assert told.returncode == 0 and told.stderr == "" and f"usage: dura {command} " in told.stdout
