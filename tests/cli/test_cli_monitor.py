# SPDX-License-Identifier: Apache-2.0
"""What verify, why and export say of the drift monitor's heartbeats and retraining requests."""
import json
import random

import pytest


def rows(n, moved_from, seed=1):
    noise = random.Random(seed)
    lines = ["time,a,b"]
    for i in range(n):
        lines.append(f"{1000 + i},{noise.gauss(0, 1) + (4 if i >= moved_from else 0):.4f},{noise.gauss(0, 1):.4f}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def watched(world):
    def policy(p):
        p["drift"] = {"arl0": 100000, "selftest": 64, "confirm": 100, "references": [
            {"of": "a", "n": 5000, "mean": 0, "deviation": 1}, {"of": "b", "n": 5000, "mean": 0, "deviation": 1}]}
    world.write_policy(policy)
    world.write("frames.csv", rows(400, 200))
    assert world.run().returncode == 0
    return world


def test_verify_strict_counts_heartbeats(watched):
    ran = watched.verify("--strict")
    assert ran.returncode == 0 and "  monitor  7 heartbeats of the drift monitor, 0 self-tests failed\n" in ran.stdout, ran.stdout
    assert "SILENT" not in ran.stdout and "monitor" not in watched.verify().stdout
    found = json.loads(watched.verify("--strict", "--json").stdout)["monitor"]
    assert found == {"promised": 64, "heartbeats": 7, "failures": 0, "silences": 0, "silent_gseq": 0, "silent_for": 0, "owed": 0}


def test_verify_strict_says_when_none_is_promised(world):
    assert world.run().returncode == 0
    assert "the policy promises no heartbeats of a drift monitor" in world.verify("--strict").stdout


def test_why_says_who_looked_for_drift_and_what_was_asked(watched):
    said = watched.dura("why", watched.out, "--last", "--state", watched.state).stdout
    assert "  alive    record " in said and "decisions before: the drift monitor works: a synthetic shift on" in said
    assert "  retrain  record " in said and "retraining is asked for: a drifted " in said
    said = watched.dura("why", watched.out, "--frame", "210", "--state", watched.state).stdout
    assert "behind this decision: retraining is asked for" in said
    said = watched.dura("why", watched.out, "--frame", "0", "--state", watched.state).stdout
    assert "no heartbeat in this start before the decision: nothing proves that drift was looked for" in said


def test_export_carries_heartbeats_and_requests(watched):
    for form in ("cef", "syslog", "ocsf"):
        ran = watched.dura("export", watched.out, "--" + form)
        assert ran.returncode == 0, ran.stderr
        lines = ran.stdout.splitlines()
        assert sum("monitor.alive" in line for line in lines) == 7, form
        assert sum("retraining is asked for: a drifted " in line for line in lines) == 1, form
