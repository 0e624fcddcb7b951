# SPDX-License-Identifier: Apache-2.0
"""`dura accuracy`: what it answers, what it says it cannot know, and every wrong word."""
import json
import random

HEAD = "time,confidence,a,b,c,correct,batch,right,far"


def decisions(n, agree, truth, seed=1, batch=0, labels=0.0, t=0):
    """n rows; each opinion agrees with chance `agree`; truth(agreeing, noise) says right or wrong."""
    noise, lines = random.Random(seed), []
    for i in range(n):
        bits = [int(noise.random() < agree) for _ in range(3)]
        right = int(truth(sum(bits), noise))
        told = right if noise.random() < labels else ""
        lines.append(f"{t + i},{.4 + .2 * sum(bits)},{bits[0]},{bits[1]},{bits[2]},{right},{batch},{told},0")
    return lines


def usual(agreeing, noise):
    return noise.random() < (.1, .4, .7, .98)[agreeing]


def reference(world, groups=True):
    rows = decisions(600, .97, usual)
    if groups:
        rows += decisions(300, .75, usual, seed=2, batch=1) + decisions(300, .85, usual, seed=3, batch=2)
    world.write("known.csv", "\n".join([HEAD] + rows) + "\n")


def use(world, **how):
    rows = decisions(**{"n": 400, "agree": .97, "truth": usual, "seed": 9, **how})
    world.write("use.csv", "\n".join([HEAD] + rows) + "\n")
    return sum(int(r.split(",")[5]) for r in rows) / len(rows)


def answers(world, *words, code=0):
    ran = world.dura("accuracy", "use.csv", "--reference", "known.csv", "--agree", "a,b,c", *words)
    assert ran.returncode == code, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr


def test_answers_with_an_interval_and_says_labels_are_needed(world):
    reference(world)
    for agree in (.97, .85, .75):
        true = use(world, agree=agree)
        (found,), said = answers(world, "--group", "batch")
        assert list(found) == ["row", "decisions", "labels", "estimate", "low", "high", "level", "reference", "outside", "why"]
        assert found["low"] <= true <= found["high"] and abs(found["estimate"] - true) < .1
        assert found["why"] == ["no_labels"] and "cannot be known without labels" in said
        assert (found["row"], found["decisions"], found["labels"], found["level"]) == (399, 400, 0, 0.9)


def test_says_unknowable_beyond_what_the_groups_showed(world):
    reference(world)
    use(world, agree=.2)
    (found,), said = answers(world, "--group", "batch")
    assert found["why"] == ["unknowable", "out_of_support", "no_labels"] and (found["low"], found["high"]) == (0, 1)
    assert "dura accuracy: unknowable: cannot be known without labels" in said


def test_without_groups_says_so(world):
    reference(world, groups=False)
    use(world)
    (found,), _ = answers(world)
    assert found["why"] == ["no_labels", "no_groups"]


def test_labels_show_what_inputs_do_not(world):
    reference(world)
    true = use(world, truth=lambda agreeing, noise: noise.random() < .5, labels=.3, n=1000)
    (found,), said = answers(world, "--group", "batch", "--labels", "right")
    assert found["why"] == ["contradicted"] and found["low"] <= true <= found["high"] and found["labels"] > 200
    assert found["high"] - found["low"] < .25 and "inputs no longer mean the same" in said


def test_windows_answer_about_the_last_decisions(world):
    reference(world)
    use(world, n=1000)
    found, _ = answers(world, "--group", "batch", "--window", "300")
    assert [(f["row"], f["decisions"]) for f in found] == [(299, 300), (599, 300), (899, 300), (999, 400)]


def test_confidence_is_enough_and_says_so(world):
    reference(world)
    use(world)
    ran = world.dura("accuracy", "use.csv", "--reference", "known.csv", "--confidence", "confidence", "--group", "batch", "--json")
    assert ran.returncode == 0, ran.stderr
    ref, found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ref["opinions"] == 0 and ref["groups"] == 2 and ref["values"] == sorted(ref["values"])
    assert "no_opinions" in found["why"]


def test_outside_inputs_make_it_unknowable(world):
    reference(world)
    rows = decisions(400, .97, usual, seed=9)
    world.write("use.csv", "\n".join([HEAD] + [r[:-1] + "1" for r in rows]) + "\n")
    (found,), _ = answers(world, "--group", "batch", "--outside", "far")
    assert "unknowable" in found["why"] and found["outside"] == 1


def test_fail_below_and_left_out_rows(world):
    reference(world)
    use(world)
    assert answers(world, "--group", "batch", "--fail-below", "0.1")[0]
    answers(world, "--group", "batch", "--fail-below", "0.99", code=1)
    rows = decisions(400, .97, usual, seed=9) + ["500,0.5,,1,1,1,0,,0"]
    world.write("use.csv", "\n".join([HEAD] + rows) + "\n")
    (found,), said = answers(world, "--group", "batch")
    assert found["decisions"] == 400 and "1 decisions left out" in said


def test_every_wrong_word_is_refused(world):
    reference(world)
    use(world)
    good = ["use.csv", "--reference", "known.csv"]
    for words, said in ((["use.csv"], "--reference is missing"), (good, "--confidence or --agree is missing"),
                        (good + ["--agree", "a,"], "a name is empty"), (good + ["--agree", ",".join("abcdefghijkl")], "more than 11 names"),
                        (good + ["--agree", "a", "--window", "0"], "--window"), (good + ["--agree", "a", "--level", "1"], "--level"),
                        (good + ["--agree", "a", "--level", "nan"], "--level"), (good + ["--agree", "a", "--fail-below", "x"], "--fail-below"),
                        (good + ["--agree", "a", "--keep-labels", "65536"], "--keep-labels"),
                        (good + ["--agree", "nothing"], "nothing"), (good + ["--confidence", "batch"], "want 0 to 1"),
                        (good + ["--agree", "confidence"], "want 0 or 1"),
                        (good + ["--agree", "a", "--group", "confidence"], "want a whole number"),
                        (["-", "--reference", "-", "--agree", "a"], "only one")):
        ran = world.dura("accuracy", *words)
        assert ran.returncode == 2 and said in ran.stderr, (words, ran.returncode, ran.stderr)
    world.write("use.csv", HEAD + "\n")
    assert world.dura("accuracy", *good, "--agree", "a").returncode == 2
    world.write("known.csv", "\n".join([HEAD] + decisions(5, .9, usual)) + "\n")
    use(world)
    ran = world.dura("accuracy", *good, "--agree", "a")
    assert ran.returncode == 2 and "8 are the least" in ran.stderr


# ---- slices

def sliced(n, truth, seed, labels=1.0):
    """decisions() with a column `speed`, 0 to 3.99 in quarters of which truth(speed, noise) is right."""
    noise, lines = random.Random(seed), [HEAD + ",speed"]
    for i, line in enumerate(decisions(n, .97, lambda agreeing, noise: 1, seed=seed)):
        cells, speed = line.split(","), 4 * noise.random()
        cells[5] = str(int(truth(speed, noise)))
        cells[7] = cells[5] if noise.random() < labels else ""
        lines.append(",".join(cells) + ("," if i % 50 == 49 else f",{speed:.3f}"))
    return "\n".join(lines) + "\n"


def test_one_failing_slice_is_an_alarm_though_the_average_is_good(world):
    world.write("known.csv", sliced(2000, lambda speed, noise: noise.random() < .97, 1))
    world.write("use.csv", sliced(1000, lambda speed, noise: noise.random() < .97, 2))
    words = ["--labels", "right", "--slice", "speed=1,2,3"]
    (found,), said = answers(world, *words)
    assert [s["slice"] for s in found["slices"]] == [0, 1, 2, 3] and not any(s["alarm"] for s in found["slices"])
    assert [(s["from"], s["to"]) for s in found["slices"]] == [(None, 1), (1, 2), (2, 3), (3, None)]
    assert sum(s["decisions"] for s in found["slices"]) == 980 and found["decisions"] == 1000
    assert "ALARM" not in said
    world.write("use.csv", sliced(1000, lambda speed, noise: noise.random() < (.6 if 2 <= speed < 3 else .99), 2, labels=.4))
    (found,), said = answers(world, *words, code=1)
    assert found["worst"] == 2 and [s["alarm"] for s in found["slices"]] == [False, False, True, False]
    bad = found["slices"][2]
    assert bad["low"] <= .6 <= bad["high"] and bad["statistic"] >= bad["threshold"] == 10000 and .9 < bad["limit"] < .97
    assert "worst slice: speed from 2 below 3: " in said and "ALARM" in said
    (found,), _ = answers(world, *words, "--slice-limit", "0.4")
    assert not any(s["alarm"] for s in found["slices"]) and found["slices"][0]["limit"] == .4


def test_every_wrong_slice_is_refused(world):
    world.write("known.csv", sliced(200, lambda speed, noise: 1, 1))
    world.write("use.csv", sliced(100, lambda speed, noise: 1, 2))
    edges = ",".join(str(i) for i in range(32))
    for words, said in ((["--slice", "speed"], "NAME=E1"), (["--slice", "=1"], "NAME=E1"), (["--slice", "speed="], "NAME=E1"),
                        (["--slice", "speed=1,1"], "rising"), (["--slice", "speed=1,"], "rising"), (["--slice", "speed=nan"], "rising"),
                        (["--slice", "speed=inf"], "rising"), (["--slice", "speed=" + edges], "1 to 31"),
                        (["--slice", "nothing=1"], "nothing"), (["--slice-limit", ".9"], "need --slice"),
                        (["--slice", "speed=1", "--slice-limit", "1"], "--slice-limit"), (["--slice", "speed=1", "--every", "99"], "--every"),
                        (["--slice", "speed=9"], "0 decisions in slice 1: 20 are the least")):
        ran = world.dura("accuracy", "use.csv", "--reference", "known.csv", "--agree", "a,b,c", *words)
        assert ran.returncode == 2 and said in ran.stderr, (words, ran.returncode, ran.stderr)
