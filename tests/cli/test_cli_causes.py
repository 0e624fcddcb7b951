# SPDX-License-Identifier: Apache-2.0
"""The benchmark of verdicts: its data are the same everywhere, and it runs."""
import hashlib
import json
import os
import subprocess
import sys

import pytest

numpy = pytest.importorskip("numpy")
BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/causes")
sys.path.insert(0, BENCH)
import scenarios  # noqa: E402


def digest(scene):
    h = hashlib.sha256(numpy.ascontiguousarray(numpy.round(scene.rows, 4)).tobytes())
    h.update(json.dumps(scene.events, sort_keys=True).encode())
    return h.hexdigest()[:16]


def test_a_scenario_is_the_same_whenever_it_is_made():
    for name, plant in (("replayed", "chemical"), ("gateway_flood", "water"), ("maintenance_storm", "press")):
        one, two = (digest(scenarios.make(name, plant, 2, 5)) for _ in range(2))
        assert one == two
        assert digest(scenarios.make(name, plant, 2, 6)) != one


def test_the_split_names_families_and_plants_that_exist():
    assert set(scenarios.SPLIT["families"]) < set(scenarios.FAMILIES)
    assert set(scenarios.SPLIT["plants"]) < set(scenarios.PLANTS)
    assert len(scenarios.INCIDENTS) == 22


def test_every_scenario_can_be_made_and_spans_what_was_done():
    for name in scenarios.INCIDENTS:
        scene = scenarios.make_incident(name, 1)
        assert scene.rows.shape[0] == scenarios.ROWS and scene.accept
        assert 0 <= scene.span[0] < scene.span[1] < scenarios.ROWS, name
    for name in scenarios.FAMILIES:
        scene = scenarios.Scene(name, "water", 3, 1)
        scenarios.FAMILIES[name](scene)
        assert scene.truth in scene.accept and (scene.done or scene.moved or scene.truth == "normal"), name


def test_the_benchmark_runs_and_says_what_was_said(tmp_path):
    p = subprocess.run([sys.executable, os.path.join(BENCH, "bench_causes.py"), "--dura", os.environ["DURA_CLI"], "--seeds", "1",
                        "--only", "train", "--name", "frozen", "--plant", "press"],
                       capture_output=True, text=True, timeout=300, env=dict(os.environ, TMPDIR=str(tmp_path)))
    assert p.returncode == 0, p.stderr
    assert "3 scenarios" in p.stdout and "fault" in p.stdout.splitlines()[-1]
