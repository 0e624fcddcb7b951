# SPDX-License-Identifier: Apache-2.0
"""The whole paths of examples/batadal and examples/tep on the real recordings.

Wanted: DURA_DATA (folder with batadal/ and tep/), DURA_CLI (the command line) and a Python with
xgboost and numpy (this one, or the first python3 on PATH). Without them the tests are skipped and
say what is missing. No figure is a target here: a poor result passes, a broken path does not.
"""
import json
import os
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA, CLI = os.environ.get("DURA_DATA", ""), os.environ.get("DURA_CLI", os.path.join(ROOT, "build", "release", "dura"))


def python_with_xgboost():
    for program in (sys.executable, shutil.which("python3")):
        if program and subprocess.run([program, "-c", "import xgboost, numpy"], stderr=subprocess.DEVNULL).returncode == 0:
            return program
    return None


def lacking(folder):
    if not os.path.isdir(os.path.join(DATA, folder)):
        return "DURA_DATA has no folder %s: REAL DATA NOT TESTED" % folder
    if not os.access(CLI, os.X_OK):
        return "DURA_CLI %s is no program: REAL DATA NOT TESTED" % CLI
    return None if python_with_xgboost() else "no python3 has xgboost and numpy: REAL DATA NOT TESTED"


def walk(folder, tmp):
    why = lacking(folder)
    if why:
        pytest.skip(why)
    out = str(tmp / "out")
    done = subprocess.run([python_with_xgboost(), "-B", os.path.join(ROOT, "examples", folder, "whole_path.py"), "--data", DATA,
                           "--dura", CLI, "--out", out], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, out


def load(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return json.load(f)


def incidents(run):
    with open(os.path.join(run, "incidents.ndjson"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


@pytest.fixture(scope="module")
def batadal(tmp_path_factory):
    return walk("batadal", tmp_path_factory.mktemp("batadal"))


@pytest.fixture(scope="module")
def tep(tmp_path_factory):
    return walk("tep", tmp_path_factory.mktemp("tep"))


def row(text, title):
    """S, attacks, new, TPR, TNR of a line of the score table."""
    line = next(x for x in text.splitlines() if x.startswith(title))
    return line[46:].split()[:5]


def test_batadal_the_blind_controls_score_what_the_organisers_say(batadal):
    assert row(batadal[0], "control: never") == ["0.250", "0/7", "0/7", "0.000", "1.000"]
    assert row(batadal[0], "control: always") == ["0.750", "7/7", "0/7", "1.000", "0.000"]


def test_batadal_every_incident_names_the_missing_security_log(batadal):
    for run in ("run.learned", "run", "run.peeked"):
        all_of_them = incidents(os.path.join(batadal[1], run))
        assert all_of_them, run
        for i in all_of_them:
            assert "security" in i["missing"] and i["verdict"] != "attack", (run, i["id"])


def test_batadal_the_tightened_policy_owes_nothing_to_the_attacked_half_year(batadal):
    """A flat line check is dropped only where held-out clean hours tripped it; P_J280's is not one of these."""
    learned, tight, peeked = (load(batadal[1], n) for n in ("learned.run.json", "tightened.json", "peeked.json"))

    def flat(policy):
        return {c["name"] for c in policy["channels"] if "flat_fail_ms" in c}

    said = next(x for x in batadal[0].splitlines() if x.startswith("  flat line checks dropped"))
    dropped = flat(learned) - flat(tight)
    assert (", ".join(sorted(dropped)) or "none") == said.split(": ")[1]
    assert flat(tight) - flat(peeked) <= {"P_J280"}
    assert "NO RESULT" in batadal[0]


def test_batadal_one_decision_is_explained_and_the_run_is_proved(batadal):
    assert "dura verify: INTACT" in batadal[0]
    assert "4177 of 4177 decisions equal, bit for bit" in batadal[0]
    with open(os.path.join(batadal[1], "why.txt"), encoding="utf-8") as f:
        why = f.read()
    for word in ("measured", "incident", "no security event was ever recorded", "proof", "INTACT"):
        assert word in why, word


def test_batadal_the_device_answers_as_xgboost_does(batadal):
    line = next(x for x in batadal[0].splitlines() if x.startswith("inputs as in training"))
    own, ran = line.split("XGBoost's in ")[1].split(" decisions")[0].split(" of ")
    assert own == ran and int(ran) > 0


def test_tep_every_run_at_hand_has_a_line_and_the_normal_one_too(tep):
    files = [n for n in os.listdir(os.path.join(DATA, "tep")) if n.endswith("_te.dat")]
    lines = tep[0].split("as learned; ")[1].split("\n  any but model error ")[0].splitlines()[2:]
    assert len(lines) == len(files)
    assert lines[0].startswith("normal")


def test_tep_stated_and_realised_trips_stand_side_by_side(tep):
    line = next(x for x in tep[0].splitlines() if x.startswith("learned from 250 samples"))
    assert "stated" in line and "trips" in line


def test_an_out_folder_that_is_there_is_refused(tmp_path):
    program = python_with_xgboost()
    if not program:
        pytest.skip("no python3 has xgboost and numpy: REAL DATA NOT TESTED")
    for folder in ("batadal", "tep"):
        done = subprocess.run([program, "-B", os.path.join(ROOT, "examples", folder, "whole_path.py"), "--data", "x", "--dura",
                               "x", "--out", str(tmp_path)], stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2 and "is there already" in done.stderr, folder
