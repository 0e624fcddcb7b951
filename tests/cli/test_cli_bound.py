# SPDX-License-Identifier: Apache-2.0
"""`dura bound`: the model of the world is y = 1 + 0.5 a + 0.25 b, so every bound is known."""
import hashlib
import json

import pytest
from cliworld import TREE

REGISTER = TREE / "examples" / "register" / "complete.json"


@pytest.fixture
def ran(world):
    done = world.run()
    assert done.returncode == 0, done.stderr
    return world


def test_one_percent_of_every_range_moves_the_answer_by_six(ran):
    told = ran.dura("bound", ran.out, "--rows", "20", "--starts", "200")
    assert told.returncode == 0, told.stderr
    assert "can be moved by at most 6.0000" in told.stdout and "(bound 1.00 x that)" in told.stdout, told.stdout
    assert "20 decisions, 40 bounds attained by a row, 0 attacks outside" in told.stdout, told.stdout


def test_a_budget_of_its_own_and_a_limit(ran):
    told = ran.dura("bound", ran.out, "--budget", "a=0,b=8", "--limit", "1", "--rows", "5", "--starts", "50")
    assert told.returncode == 1 and "at most 2.0000" in told.stdout and told.stdout.endswith("FAILED\n"), told.stdout
    told = ran.dura("bound", ran.out, "--budget", "a=0,b=8", "--limit", "2.01", "--rows", "5", "--starts", "50")
    assert told.returncode == 0 and told.stdout.endswith("PASSED\n"), told.stdout


def test_a_release_rests_on_it_and_it_names_the_entry_of_the_register(ran):
    told = ran.dura("bound", ran.out, "--rows", "5", "--starts", "50", "-o", "bound.json", "--register", REGISTER, "--entry", "R-01")
    assert told.returncode == 0, told.stderr
    s = json.loads((ran.folder / "bound.json").read_text())
    said = s["predicate"]
    assert s["subject"][0]["digest"]["sha256"] == hashlib.sha256((ran.out / "model.bin").read_bytes()).hexdigest()
    assert said["result"] == "PASSED" and said["passedTests"] == ["bound.y"] and said["failedTests"] == [] and said["entry"] == "R-01"
    assert said["bound"]["budget"] == {"a": 2, "b": 20} and abs(said["bound"]["outputs"][0]["bound"] - 6) < 1e-3
    names = {c["name"]: c["digest"]["sha256"] for c in said["configuration"]}
    assert names["policy.bin"] == hashlib.sha256((ran.out / "policy.bin").read_bytes()).hexdigest() and "register" in names
    made = ran.dura("release", "make", "--component", "brain", "--policy", "policy.json", "--version", "5", "-o", "rel.dura",
                    "--model", "model.json", "--golden", "frames.csv", "--attest", "bound.json")
    assert made.returncode == 0, made.stderr
    assert "test" in (ran.folder / "rel.dura.evidence.json").read_text()


@pytest.mark.parametrize("words, said", [
    (["--budget", "c=1"], "want CHANNEL=AMOUNT"), (["--budget", "a=x"], "an amount of 0 or more"), (["--percent", "0"], "--percent 0"),
    (["--rows", "0"], "--rows 0"), (["--register", "r.json"], "goes with --entry"),
    (["--register", str(REGISTER), "--entry", "nobody"], "nobody")])
def test_wrong_words_are_named(ran, words, said):
    told = ran.dura("bound", ran.out, *words)
    assert told.returncode == 2 and said in told.stderr, told.stderr
    assert ran.dura("bound", "nowhere").returncode == 2
