# SPDX-License-Identifier: Apache-2.0
"""`dura learn`: what it prints, what it writes, and that `dura run` takes it as it is."""
import json
import os
import pathlib
import random

import pytest

MODEL = {
    "dura_model": 1,
    "kind": "linear",
    "inputs": ["p", "p_lag1", "oil_mean5"],
    "outputs": [{"name": "valve", "bias": 10, "weights": [0.2, 0.1, 0.05]}],
}


def clean(rows, seed=1, start=1000, spike=None):
    rng = random.Random(seed)
    lines = ["time,p,oil,note,hand"]
    for i in range(rows):
        p = 900.0 if i == spike else 165 + rng.gauss(0, 0.6)
        lines.append(f"{start + i},{p:.2f},{47 + rng.gauss(0, 0.2):.2f},ok,{50 + rng.gauss(0, 1):.2f}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def plant(world):
    world.write("clean.csv", clean(3000))
    world.write("brain.json", json.dumps(MODEL))
    return world


def learn(world, *more, frames="clean.csv"):
    return world.dura("learn", "--frames", frames, "-o", "learned.json", *more)


def learn_json(world, *more, frames="clean.csv"):
    told = learn(world, "--json", *more, frames=frames)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def policy(world):
    return json.loads((world.folder / "learned.json").read_text())


def test_a_learned_policy_runs_as_it_is(plant):
    told = learn(plant, "--model", "brain.json", "--baseline", "hand")
    assert told.returncode == 0 and told.stderr == "", told.stderr
    assert "spurious trips per 30 days: asked 1, stated 0." in told.stdout
    plant.write("live.csv", clean(300, seed=2, spike=200))
    ran = plant.dura("run", "--policy", "learned.json", "--model", "brain.json", "--frames", "live.csv",
                     "--out", plant.out, "--state", plant.state)
    assert ran.returncode == 0, ran.stderr
    done = plant.decisions()
    held = [d["frame"] for d in done if d["action"] != "ACT"]
    assert held[:1] == [0] and 200 in held and len(held) < 20, "the windows fill, then only the spike trips"


def test_without_a_model_the_policy_watches(plant):
    told = learn(plant, "--exclude", "hand")
    assert told.returncode == 0, told.stderr
    assert "learned.model.json, a constant" in told.stdout
    live = clean(200, seed=2, spike=150)
    plant.write("live.csv", live)
    ran = plant.dura("run", "--policy", "learned.json", "--model", "learned.model.json", "--frames", "live.csv",
                     "--out", plant.out, "--state", plant.state, "--json")
    assert ran.returncode == 0, ran.stderr
    bad = [d for d in plant.decisions() if d["channels"].get("p", {}).get("verdict") == "FAIL"]
    assert [d["frame"] for d in bad][:1] == [150], "the clean rows pass, the spike does not"


def test_watch_only_says_where_the_constant_goes(plant):
    assert learn(plant, "--watch-only", "constant.json").returncode == 0
    assert json.loads((plant.folder / "constant.json").read_text())["outputs"][0]["weights"] == [0]
    assert not (plant.folder / "learned.model.json").exists()
    both = learn(plant, "--watch-only", "constant.json", "--model", "brain.json")
    assert both.returncode == 2 and "--watch-only" in both.stderr


def test_features_come_from_the_names_of_the_inputs(plant):
    learn_json(plant, "--model", "brain.json")
    assert policy(plant)["features"] == [
        {"name": "p", "op": "value", "channel": "p"},
        {"name": "p_lag1", "op": "lag", "channel": "p", "n": 1},
        {"name": "oil_mean5", "op": "mean", "channel": "oil", "n": 5},
    ]
    assert {r["of"] for r in policy(plant)["drift"]["references"]} == {"p", "oil", "hand", "valve", "p_lag1", "oil_mean5"}


def test_the_holdout_stands_beside_what_was_stated(plant):
    told = learn(plant, "--holdout", "0.5")
    assert told.returncode == 0
    line = next(row for row in told.stdout.splitlines() if "stated" in row and "realised" in row)
    assert "realised 0 (0 in" in line
    plant.write("foul.csv", clean(3000, spike=2500))
    seen = learn_json(plant, "--holdout", "0.5", frames="foul.csv")
    assert seen["holdout"]["trips"] == 1 and seen["holdout"]["rows"] == 1500 and seen["rows"] == 1500
    assert seen["spurious"]["recording"] == 0


def test_the_report_names_what_was_left_out(plant):
    seen = learn_json(plant)
    assert any('"note", holds text' in n for n in seen["notes"])
    assert [c["name"] for c in seen["channels"]] == ["p", "oil", "hand"]
    assert seen["period_s"] == 1 and seen["gap_s"] == 5


def test_every_kind_of_check_says_what_it_promises(plant):
    told = learn(plant)
    table = told.stdout[told.stdout.index("checks        in all"):].split("\n\n")[0].splitlines()[1:]
    assert [row[:12].strip() for row in table] == ["rule", "vote", "parity", "parity slow", "joint", "joint slow", "drift",
                                                   "range", "noise", "spike"]
    assert "nothing of its kind in the recording" in table[0], "there is no status in it"
    seen = learn_json(plant)
    kept = [f for f in seen["families"] if f["refused"] == 0]
    assert seen["checks"] == len(policy(plant)["checks"]) == sum(f["checks"] for f in kept if f["name"] != "range")
    assert all(f["least"] <= f["realised"] <= f["most"] and 0 < f["promised"] < 1 for f in kept)
    assert all("learned from 3000 rows" in c["why"] and len(c["why"]) < 256 for c in policy(plant)["checks"])


def test_checks_and_limits_are_those_that_were_asked_for(plant):
    assert learn_json(plant, "--checks", "none")["checks"] == 0 and "checks" not in policy(plant)
    learn_json(plant, "--checks", "parity,drift")
    assert {c["kind"] for c in policy(plant)["checks"]} <= {"parity", "drift"}
    plant.write("drawing.json", json.dumps({"channels": [{"name": "p", "fail_lo": 0, "fail_hi": 400}]}))
    learn_json(plant, "--keep", "drawing.json", "--resolution", "0.1")
    p = policy(plant)["channels"][0]
    assert (p["fail_lo"], p["fail_hi"]) == (0, 400) and 160 < p["suspect_lo"] < p["suspect_hi"] < 170


def test_a_policy_to_keep_has_to_be_there(plant):
    told = learn(plant, "--keep", "nowhere.json")
    assert told.returncode == 3 and "nowhere.json" in told.stderr and not (plant.folder / "learned.json").exists()


def test_the_report_is_a_file_as_well(plant):
    told = learn(plant, "--report", "report.txt")
    written = (plant.folder / "report.txt").read_text()
    assert written and told.stdout.startswith(written)


def test_the_period_and_the_rate_are_as_told(plant):
    seen = learn_json(plant, "--period", "500", "--spurious", "2.5")
    assert seen["period_s"] == 0.5 and seen["spurious"]["asked"] == 2.5
    assert learn_json(plant, "--period", "auto")["period_s"] == 1


def test_time_formats_are_those_of_run(plant):
    rows = clean(100).splitlines()
    rows = [rows[0].replace("time", "when")] + [f"01/03/26 {i // 3600:02}:{i // 60 % 60:02}:{i % 60:02},{row.split(',', 1)[1]}"
                                                 for i, row in enumerate(rows[1:])]
    plant.write("other.csv", "\n".join(rows) + "\n")
    assert learn(plant, frames="other.csv").returncode == 2
    seen = learn_json(plant, "--time-column", "when", "--time-format", "%d/%m/%y %H:%M:%S", frames="other.csv")
    assert seen["rows"] == 100 and seen["period_s"] == 1


@pytest.mark.parametrize("args, says", [
    (["--spurious", "0"], "--spurious 0"),
    (["--spurious", "-1"], "--spurious -1"),
    (["--spurious", "often"], "--spurious often"),
    (["--holdout", "half"], "--holdout half"),
    (["--holdout", "0.95"], "holdout"),
    (["--period", "0"], "--period 0"),
    (["--period", "1s"], "--period 1s"),
    (["--checks", "rules"], "checks"),
    (["--resolution", "0"], "--resolution 0"),
    (["--exclude", "q"], '"p"'),
    (["--baseline", "hnad"], '"hand"'),
    (["--model", "absent.json"], "absent.json"),
])
def test_wrong_words_are_usage_errors_and_write_nothing(plant, args, says):
    told = learn(plant, *args)
    assert told.returncode == 2 and says in told.stderr, told.stderr
    assert not (plant.folder / "learned.json").exists()


def test_an_input_that_is_no_feature_is_answered_with_what_is_close(plant):
    plant.write("brain.json", json.dumps(dict(MODEL, inputs=["p", "p_lagg1", "oil_mean5"])))
    told = learn(plant, "--model", "brain.json")
    assert told.returncode == 2 and "p_lagg1" in told.stderr and 'close: "p' in told.stderr


def test_missing_options_are_named(plant):
    assert "--frames is missing" in plant.dura("learn", "-o", "x.json").stderr
    assert "want -o FILE" in plant.dura("learn", "--frames", "clean.csv").stderr


def test_tep_states_and_realises(world):
    """Tennessee Eastman, normal operation: the first half learned, the second half run."""
    data = pathlib.Path(os.environ.get("DURA_DATA", "")) / "tep" / "d00_te.dat"
    if not data.is_file():
        pytest.skip(f"no {data}: set DURA_DATA to the folder of the public data sets")
    rows = [line.split() for line in data.read_text().splitlines()]
    names = [f"XMEAS{i}" for i in range(1, 42)] + [f"XMV{i}" for i in range(1, 12)]
    world.write("tep.csv", "time," + ",".join(names) + "\n" +
                "".join(f"{10**9 + 180 * i}," + ",".join(row) + "\n" for i, row in enumerate(rows)))
    seen = learn_json(world, "--holdout", "0.5", frames="tep.csv")
    print("stated", seen["spurious"]["stated"], "realised", seen["holdout"]["trips"], "in", seen["holdout"]["days"], "days")
    assert seen["spurious"]["stated"] <= 1.0
    assert seen["holdout"]["least"] <= seen["holdout"]["trips"] <= seen["holdout"]["most"]
