# SPDX-License-Identifier: Apache-2.0
"""dura bundle: facts for a report, and what nobody's log knows said as unknown.

Runs with incidents are in test_cli_demo.py, which has one; here is what a quiet or a damaged
run gives."""
import json

import pytest


def bundle(world, *more):
    ran = world.dura("bundle", *more, world.out, "--state", world.state, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def answers(said):
    return {q["id"]: q.get("answer") for q in said["questions"]}


def test_a_quiet_run_has_no_incident_and_says_that_this_proves_nothing(world):
    assert world.run().returncode == 0
    said = bundle(world, "--cra-24h")
    assert said["incidents"] == 0 and "incident" not in said and said["report"] == "early warning, 24 hours"
    assert "no incident" in answers(said)["suspected"] and "no proof" in answers(said)["suspected"]
    assert said["simulated"] is True and said["logs"] == "INTACT"


@pytest.mark.parametrize("stage, more, ids", [
    ("--cra-24h", 0, ("product", "member_states", "others", "suspected", "known_since")),
    ("--cra-72h", 1, ("nature", "effect", "impact", "measures", "users", "sensitivity")),
    ("--final", 2, ("actor", "root_cause", "update")),
])
def test_each_stage_asks_what_the_one_before_asked_and_more(world, stage, more, ids):
    assert world.run().returncode == 0
    said = bundle(world, stage)
    found = [q["id"] for q in said["questions"]]
    assert set(ids) <= set(found) and len(found) == (5, 11, 14)[more]
    for q in said["questions"]:
        assert (q["state"] == "unknown") == ("answer" not in q) and (q["state"] != "unknown" or q["who_may_know"])
    assert answers(said)["member_states"] is None, "no log knows it"


def test_the_product_comes_from_the_register(world):
    import evidenceworld
    assert world.run().returncode == 0
    world.write("register.json", json.dumps(evidenceworld.register()))
    said = bundle(world, "--cra-24h", "--register", world.folder / "register.json")
    assert answers(said)["product"] == "test-bench 1: a test. Device test-bench"


def test_altered_logs_are_said_first(world):
    assert world.run().returncode == 0
    path = world.out / "decision.log" / "00000000.seg"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    said = bundle(world, "--final")
    assert said["logs"] == "TAMPERED"
    shown = world.dura("bundle", "--final", world.out, "--state", world.state)
    assert "TAMPERED" in shown.stdout.splitlines()[2]


def test_wrong_words(world):
    assert world.run().returncode == 0
    for words in ([], ["--cra-24h", "--final"]):
        assert world.dura("bundle", *words, world.out).returncode == 2
    ran = world.dura("bundle", "--final", world.out, "--incident", "1/7")
    assert ran.returncode == 2 and "1/7 is not in these records" in ran.stderr
    assert world.dura("bundle", "--final", world.out, "--incident", "x").returncode == 2
    assert world.dura("bundle", "--final", world.folder / "nowhere").returncode == 2
    assert world.dura("bundle", "--final", world.out, "-o", world.folder / "b.json").returncode == 0
    assert world.dura("bundle", "--final", world.out, "-o", world.folder / "b.json").returncode == 2, "it is there already"
