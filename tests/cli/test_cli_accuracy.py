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
