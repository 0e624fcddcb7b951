# SPDX-License-Identifier: Apache-2.0
"""`dura accuracy RUN`: decisions and labels from a run folder's own records."""
import json
import random

import pytest

N = 400


def build(world, out, seed, truth, labelled):
    """A run of N frames. Output p is what channel a says, q (a second opinion) what b says; labels
    say 1 with chance truth(a), for every frame in `labelled`. Returns the share that is right."""
    noise = random.Random(seed)
    rows, right, labels = ["time,a,b"], 0, ["frame,name,value"]
    for i in range(N):
        a = noise.random()
        b = a if noise.random() < .9 else 1 - a
        rows.append(f"{1000 + i},{a:.4f},{b:.4f}")
        label = int(noise.random() < truth(a))
        right += int((a > .5) == label)
        if i in labelled:
            labels.append(f"{i},p,{label}")
    told = labels[1:]
    noise.shuffle(told)
    labels[1:] = told
    world.write("frames.csv", "\n".join(rows) + "\n")
    world.out = world.folder / out
    assert world.run().returncode == 0
    if len(labels) > 1:
        world.write("labels.csv", "\n".join(labels) + "\n")
        ran = world.dura("label", world.out, "labels.csv", "--state", world.state)
        assert ran.returncode == 0, ran.stderr
    return right / N


@pytest.fixture
def runs(world):
    def policy(p):
        p["outputs"] = [{"name": "p", "lo": 0, "hi": 1, "safe": 0}, {"name": "q", "lo": 0, "hi": 1, "safe": 0}]
        p["channels"] = [{"name": "a", "fail_lo": -1, "fail_hi": 2}, {"name": "b", "fail_lo": -1, "fail_hi": 2}]

    def model(m):
        m["outputs"] = [{"name": "p", "bias": 0, "weights": [1, 0]}, {"name": "q", "bias": 0, "weights": [0, 1]}]
    world.write_policy(policy)
    world.write_model(model)
    build(world, "known", 1, lambda a: .95 if a > .5 else .05, range(N))
    return world


def accuracy(world, *words, code=0):
    ran = world.dura("accuracy", "use", "--reference", "known", "--output", "p", *words)
    assert ran.returncode == code, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr


def test_labels_of_the_run_count_however_late_and_few(runs):
    true = build(runs, "use", 2, lambda a: .95 if a > .5 else .05, range(0, N, 5))
    (found,), said = accuracy(runs, "--agree", "q")
    assert (found["row"], found["decisions"], found["labels"]) == (N - 1, N, N // 5)
    assert abs(found["reference"] - .95) < .04 and found["low"] <= true <= found["high"]
    assert "left out" not in said


def test_without_labels_it_is_presumed_and_said(runs):
    build(runs, "use", 3, lambda a: .5, [])
    (found,), said = accuracy(runs, "--confidence", "p")
    assert found["labels"] == 0 and "no_labels" in found["why"] and "cannot be known without labels" in said


def test_labels_show_a_meaning_that_changed(runs):
    true = build(runs, "use", 4, lambda a: .5, range(0, N, 2))
    (found,), _ = accuracy(runs, "--confidence", "p")
    assert "contradicted" in found["why"] and found["low"] <= true <= found["high"] < .8


def test_a_slice_that_fails_is_an_alarm(runs):
    build(runs, "use", 5, lambda a: .05 if a < .5 else .4 if a > .8 else .95, range(N))
    (found,), said = accuracy(runs, "--agree", "q", "--slice", "a=0.2,0.4,0.6,0.8", "--every", "1000", code=1)
    assert found["worst"] == 4 and [s["alarm"] for s in found["slices"]] == [False] * 4 + [True]
    assert "worst slice: a from 0.8" in said


def test_a_label_said_again_replaces_the_first(runs):
    build(runs, "use", 6, lambda a: 1, [])
    first, second = (f"frame,name,value\n{''.join(f'{i},p,{v}' + chr(10) for i in range(100))}" for v in (7, 0.5))
    for text in (first, second):
        runs.write("labels.csv", text + "3,q,1\n4,p,good\n")
        assert runs.dura("label", runs.out, "labels.csv", "--state", runs.state).returncode == 0
    (found,), said = accuracy(runs, "--agree", "q")
    assert found["labels"] == 100 and found["estimate"] > .9 and "2 labels left out: not a number" in said


def test_labels_nobody_vouches_for_are_left_out(runs):
    frames = (runs.folder / "frames.csv").read_text()
    rows = [{"t": 1000 + i, "category": "label", "type": "value", "severity": 1, "id": str(i), "detail": "p=9"} for i in range(50)]
    runs.write("events.ndjson", "".join(json.dumps(r) + "\n" for r in rows))
    runs.write("frames.csv", frames)
    runs.out = runs.folder / "use"
    ran = runs.run("--security", "events.ndjson")
    assert ran.returncode == 0, ran.stderr
    (found,), _ = accuracy(runs, "--agree", "q")
    assert found["labels"] == 0     # a feed's label is recorded as "other"; the tool would not take trust 0 either


def test_within_decides_what_is_right(runs):
    build(runs, "use", 8, lambda a: 1, range(N))
    (found,), _ = accuracy(runs, "--agree", "q", "--within", "2")
    assert found["reference"] == 1 and found["estimate"] > .97


def test_wrong_words_are_refused(runs):
    build(runs, "use", 9, lambda a: 1, [])
    good = ["use", "--reference", "known"]
    for words, said in ((good + ["--agree", "q"], "--output: is missing: the policy has 2 outputs"),
                        (good + ["--output", "a", "--agree", "q"], "is no output"),
                        (good + ["--output", "p", "--agree", "c"], "is no output and no channel"),
                        (good + ["--output", "p", "--agree", "q", "--labels", "x"], "a run folder's labels are its own"),
                        (good + ["--output", "p", "--agree", "q", "--group", "x"], "columns of a file"),
                        (good + ["--output", "p", "--agree", "q", "--within", "-1"], "--within"),
                        (["known", "--reference", "use", "--output", "p", "--agree", "q"], "8 are the least")):
        ran = runs.dura("accuracy", *words)
        assert ran.returncode == 2 and said in ran.stderr, (words, ran.returncode, ran.stderr)
