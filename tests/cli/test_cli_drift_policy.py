# SPDX-License-Identifier: Apache-2.0
"""What a policy asks to be watched by: learned, run, shown, asked why, replayed."""
import json
import random


def rows(n, moved=None, seed=1, start=0):
    draw = random.Random(seed)
    for i in range(n):
        cause = draw.gauss(0, 1)
        v = [10 + 2 * cause + 0.5 * draw.gauss(0, 1), 20 + 2 * cause + 0.5 * draw.gauss(0, 1),
             30 - cause + 0.3 * draw.gauss(0, 1), draw.gauss(5, 2)]
        if moved == "b":
            v[1] += 1.5
        if moved == "d":
            v[3] = 5 + (1.9 if draw.random() < 0.5 else -1.9) + 0.6 * draw.gauss(0, 1)
        yield f"{1700000000 + start + i}," + ",".join(f"{x:.4f}" for x in v)


def csv(*parts):
    return "time,a,b,c,d\n" + "\n".join(line for part in parts for line in part) + "\n"


def learned(world, *more, n=1500):
    world.write("clean.csv", csv(rows(n)))
    return world.dura("learn", "--frames", "clean.csv", "-o", "policy.json", "--checks", "none", *more)


def test_learn_writes_what_is_asked_for_and_run_finds_what_it_is_for(world):
    told = learned(world, "--drift", "histogram,mspc")
    assert told.returncode == 0, told.stderr
    assert "4 histograms; T2 and SPE of 4 channels" in told.stdout
    policy = json.loads((world.folder / "policy.json").read_text())["drift"]
    assert [r["of"] for r in policy["references"]] == ["a", "b", "c", "d", "mspc.t2", "mspc.spe"]
    assert policy["mspc"]["inputs"] == ["a", "b", "c", "d"] and policy["period_ms"] == 1000 and policy["selftest"] == 1000
    assert all(abs(sum(h["p"]) - 1) < 1e-3 and h["whitened"] for h in policy["histograms"])
    world.write("live.csv", csv(rows(300, seed=2), rows(120, "b", 3, 300), rows(300, seed=4, start=420), rows(400, "d", 5, 720)))
    ran = world.dura("run", "--policy", "policy.json", "--model", "policy.model.json", "--frames", "live.csv", "--out", "run")
    assert ran.returncode == 0, ran.stderr
    shown = world.dura("show", "run").stdout
    assert "mspc.spe  explained least: b," in shown
    assert "channel=d  by histogram" in shown and "  shape  size=" in shown
    why = world.dura("why", "run", "--frame", "400").stdout
    assert "mspc.spe" in why and "DRIFTED" in why and "explained least: b," in why
    report = world.dura("report", "run", "-o", "report.html")
    assert report.returncode == 0
    page = (world.folder / "report.html").read_text()
    assert '"blamed":["b",' in page and '"direction":"shape"' in page and '"detector":"histogram"' in page
    same = world.dura("replay", "run", "--model", "policy.model.json")
    assert same.returncode == 0 and "1120 of 1120 decisions equal" in same.stdout


def test_learn_makes_charts_without_a_selftest(world):
    told = learned(world, "--detector", "cusum", "--shift", "1")
    assert told.returncode == 0, told.stderr
    assert "watched by cusum for a shift of 1 deviations" in told.stdout
    drift = json.loads((world.folder / "policy.json").read_text())["drift"]
    assert drift["detector"] == "cusum" and drift["shift"] == 1 and drift["selftest"] == 0
    world.write("live.csv", csv(rows(200, seed=2), rows(60, "b", 3, 200)))
    world.dura("run", "--policy", "policy.json", "--model", "policy.model.json", "--frames", "live.csv", "--out", "run")
    assert "channel=b  by cusum" in world.dura("show", "run").stdout
    for more, said in ((("--detector", "cusum"), "wants the shift"), (("--shift", "1"), "is for a detector"),
                       (("--drift", "psi"), "histogram, mspc"), (("--detector", "page", "--shift", "1"), "cusum, ewma or ramp")):
        told = learned(world, *more, n=200)
        assert told.returncode != 0 and said in told.stderr, told.stderr


def test_a_rate_is_asked_for_in_time(world):
    world.write("r.csv", csv(rows(900)))
    told = world.dura("drift", "r.csv", "--column", "a,b", "--arl0", "2h", "--json")
    assert told.returncode == 0, told.stderr
    assert "2h is 7200 rows of 1 s" in told.stderr
    assert json.loads(told.stdout.splitlines()[-1])["arl0"] == 7200
    for text in ("2w", "-1h", "2hh"):
        assert "want 100 to" in world.dura("drift", "r.csv", "--column", "a", "--arl0", text).stderr
    assert "is 60 rows" in world.dura("drift", "r.csv", "--column", "a", "--arl0", "1m").stderr
