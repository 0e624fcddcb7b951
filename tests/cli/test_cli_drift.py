# SPDX-License-Identifier: Apache-2.0
"""`dura drift`: what it finds, what it says of its reference, and every wrong word."""
import json
import random


def recording(n=4000, change=3000, shift=1.0, spread=1.0, columns=("a", "b"), moved="a", seed=1, back=None):
    """n rows a minute apart; `moved` changes at row `change` and comes back at row `back`."""
    noise = random.Random(seed)
    lines = ["time," + ",".join(columns)]
    for i in range(n):
        there = change <= i and (back is None or i < back)
        row = []
        for c in columns:
            x = noise.gauss(0, 1)
            if c == moved and there:
                x = shift + spread * x
            row.append(f"{20 + 2 * x:.4f}")
        minutes = i % 60
        hours = i // 60
        lines.append(f"2026-03-{1 + hours // 24:02d}T{hours % 24:02d}:{minutes:02d}:00Z," + ",".join(row))
    return "\n".join(lines) + "\n"


def alarms(ran):
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_names_row_time_channel_direction_size_and_onset(world):
    world.write("r.csv", recording())
    found = alarms(world.dura("drift", "r.csv", "--column", "a,b", "--reference", "2000"))
    assert len(found) == 1
    alarm = found[0]
    assert list(alarm) == ["row", "t", "channel", "direction", "size", "onset_row", "statistic", "limit"]
    assert alarm["channel"] == "a" and alarm["direction"] == "up"
    assert 3000 < alarm["row"] < 3060 and abs(alarm["onset_row"] - 3000) < 15
    assert alarm["size"] in (0.48, 1.12, 2.4)
    assert 100000 < alarm["limit"] < 200000 and alarm["statistic"] >= alarm["limit"]
    hours, minutes = divmod(alarm["row"], 60)
    assert alarm["t"] == f"2026-03-{1 + hours // 24:02d}T{hours % 24:02d}:{minutes:02d}:00Z"


def test_says_down_wider_narrower_and_back(world):
    for name, change in (("down", {"shift": -1}), ("wider", {"shift": 0, "spread": 2.5}),
                         ("narrower", {"shift": 0, "spread": 0.3})):
        world.write("r.csv", recording(back=3300, **change))
        words = [a["direction"] for a in alarms(world.dura("drift", "r.csv", "--column", "a", "--reference", "2000"))]
        assert words[0] == name, words
    world.write("r.csv", recording(n=4000, back=3300, shift=1))
    found = alarms(world.dura("drift", "r.csv", "--column", "a", "--reference", "2000"))
    assert [a["direction"] for a in found] == ["up", "back"]
    assert found[1]["size"] is None and found[1]["onset_row"] is None


def test_takes_the_first_half_without_reference_and_reads_a_pipe(world):
    text = recording(n=4000, change=2500)
    world.write("r.csv", text)
    half = world.dura("drift", "r.csv", "--column", "a")
    assert half.stdout == world.dura("drift", "r.csv", "--column", "a", "--reference", "2000").stdout
    assert half.stdout == world.dura("drift", "-", "--column", "a", input=text).stdout
    assert half.stdout == world.dura("drift", "-", "--column", "a", "--reference", "2000", input=text).stdout
    assert "2000 rows watched" in half.stderr


def test_is_silent_where_nothing_moves_and_exits_0(world):
    world.write("r.csv", recording(change=10**9))
    ran = world.dura("drift", "r.csv", "--column", "a,b", "--fail-on", "drift")
    assert ran.returncode == 0 and ran.stdout == ""
    assert "no rate is promised" not in ran.stderr
    assert "one false alarm in 100000 rows" in ran.stderr


def test_fail_on_drift_exits_1(world):
    world.write("r.csv", recording())
    assert world.dura("drift", "r.csv", "--column", "a", "--fail-on", "drift").returncode == 1
    assert world.dura("drift", "r.csv", "--column", "a").returncode == 0


def test_json_adds_references_and_totals(world):
    world.write("r.csv", recording())
    lines = alarms(world.dura("drift", "r.csv", "--column", "a,b", "--json", "--order", "0", "--arl0", "5000"))
    assert [line["reference"] for line in lines[:2]] == ["a", "b"]
    assert abs(lines[0]["mean"] - 20) < 0.2 and abs(lines[0]["deviation"] - 2) < 0.2
    assert lines[0]["phi"] == [0, 0, 0, 0] and lines[0]["why"] == []
    assert lines[-1]["rows_watched"] == 2000 and lines[-1]["alarms"] >= 1 and lines[-1]["arl0"] == 5000
    assert 5000 < lines[2]["limit"] < 10000, "arl0 x channels, less what crossing it overshoots"


def test_names_the_reasons_why_no_rate_is_promised(world):
    text = "time,short,still,held\n" + "".join(
        f"{1000 + i},{random.Random(i).gauss(0, 1):.4f},7,{random.Random(i // 4).gauss(0, 1):.4f}\n" for i in range(800))
    world.write("r.csv", text)
    ran = world.dura("drift", "r.csv", "--column", "short,still,held", "--json")
    why = {line["reference"]: line["why"] for line in alarms(ran) if "reference" in line}
    assert "short" in why["short"] and why["still"] == ["constant"] and "held" in why["held"]
    for words in ("short: no rate is promised: fewer than 1000", "still: no rate is promised: never moved",
                  "held: no rate is promised: values repeat"):
        assert words in ran.stderr


def test_missing_values_do_not_count(world):
    lines = recording(n=2000, change=10**9, columns=("a",)).splitlines()
    lines = [line.split(",")[0] + "," if i and i % 5 == 0 else line for i, line in enumerate(lines)]
    world.write("r.csv", "\n".join(lines) + "\n")
    found = alarms(world.dura("drift", "r.csv", "--column", "a", "--json"))
    assert found[0]["n"] == 800


def test_wrong_usage_and_input_exit_2_and_name_it(world):
    world.write("r.csv", recording(n=40))
    world.write("no_time.csv", "a,b\n1,2\n")
    world.write("letters.csv", "time,a\n1000,1\n1001,x\n")
    for args, words in (
            (["r.csv"], "--column is missing"),
            (["--column", "a"], ""),
            (["r.csv", "--column", "a,,b"], "a name is empty"),
            (["r.csv", "--column", "zz"], "zz"),
            (["r.csv", "--column", "a", "--arl0", "99"], "--arl0 99"),
            (["r.csv", "--column", "a", "--arl0", "x"], "--arl0 x"),
            (["r.csv", "--column", "a", "--order", "5"], "--order 5"),
            (["r.csv", "--column", "a", "--reference", "7"], "--reference 7"),
            (["r.csv", "--column", "a", "--reference", "41"], "only 40 rows"),
            (["r.csv", "--column", "a", "--fail-on", "rain"], "--fail-on rain"),
            (["r.csv", "--column", "a,b,a"], "a is named twice"),
            (["no_time.csv", "--column", "a"], "time"),
            (["letters.csv", "--column", "a"], "letters.csv:3"),
            (["none.csv", "--column", "a"], "none.csv")):
        ran = world.dura("drift", *args)
        assert ran.returncode == 2, (args, ran.returncode, ran.stderr)
        assert words in ran.stderr, (args, ran.stderr)
        assert ran.stdout == "", args


def test_too_few_numbers_for_a_reference(world):
    world.write("r.csv", "time,a\n" + "".join(f"{1000 + i},{i if i < 5 else ''}\n" for i in range(40)))
    ran = world.dura("drift", "r.csv", "--column", "a")
    assert ran.returncode == 2 and "8 numbers are the least" in ran.stderr


def test_help_says_the_time_column_is_needed(world):
    ran = world.dura("drift", "--help")
    assert ran.returncode == 0 and "must have a time column" in ran.stdout


def test_charts_find_a_named_size_and_say_how_soon(world):
    world.write("r.csv", recording(shift=1.0))
    for detector, found_by in (("cusum", 3040), ("ewma", 3040)):
        ran = world.dura("drift", "r.csv", "--column", "a,b", "--reference", "2000", "--detector", detector, "--shift", "2",
                         "--json")
        lines = alarms(ran)
        reference, found = lines[0], [r for r in lines if "row" in r]
        assert reference["detector"] == detector and abs(reference["deviations"] - 1) < 0.1
        assert 15 < reference["delay"] < 35, reference
        assert f"found after {reference['delay']:.0f} rows on average" in ran.stderr
        assert [a["channel"] for a in found] == ["a"] and found[0]["direction"] == "up"
        assert 3000 < found[0]["row"] < found_by and found[0]["statistic"] >= found[0]["limit"]


def test_a_ramp_is_named_by_its_slope_a_row(world):
    text = recording(n=4000, change=4000).splitlines()
    for i in range(2001, len(text)):
        t, a, b = text[i].split(",")
        text[i] = f"{t},{float(a) - 0.004 * max(0, i - 2500):.4f},{b}"
    world.write("r.csv", "\n".join(text) + "\n")
    ran = world.dura("drift", "r.csv", "--column", "a,b", "--reference", "2000", "--detector", "ramp", "--shift", "0.004",
                     "--json")
    lines = alarms(ran)
    assert lines[0]["delay"] is None and "a row is" in ran.stderr
    found = [r for r in lines if "row" in r]
    assert [(a["channel"], a["direction"]) for a in found] == [("a", "down")]
    assert 2500 < found[0]["row"] < 2900 and abs(found[0]["onset_row"] - 2500) < 150


def test_refuses_charts_by_what_is_wrong(world):
    world.write("r.csv", recording())
    for words, said in ((("--detector", "shewhart", "--shift", "1"), "want mixture, cusum, ewma or ramp"),
                        (("--detector", "cusum"), "wants --shift"), (("--shift", "1"), "wants --detector"),
                        (("--detector", "cusum", "--shift", "-1"), "above 0"),
                        (("--detector", "cusum", "--shift", "nan"), "above 0"),
                        (("--detector", "cusum", "--shift", "1m"), "above 0"),
                        (("--detector", "cusum", "--shift", "0.001"), "a: a shift of 0.001 is"),
                        (("--detector", "ewma", "--shift", "1000"), "can be charted"),
                        (("--detector", "ramp", "--shift", "10"), "can be charted"),
                        (("--detector", "cusum", "--shift", "0.25", "--arl0", "1000000", "--reference", "40"), "longer reference")):
        ran = world.dura("drift", "r.csv", "--column", "a", *words)
        assert ran.returncode == 2 and said in ran.stderr, (words, ran.stderr)


def creeping(world, slope=0.002):
    text = recording(n=4000, change=4000).splitlines()
    for i in range(1, len(text)):
        t, a, b = text[i].split(",")
        text[i] = f"{t},{float(a) + slope * i:.4f},{b}"
    world.write("r.csv", "\n".join(text) + "\n")


def test_trend_is_an_interval_and_a_limit_a_time(world):
    creeping(world)
    ran = world.dura("drift", "r.csv", "--column", "a,b", "--reference", "1000", "--limit", "a=40,b=100,a=-40")
    lines = alarms(ran)
    trend = {r["trend"]: r for r in lines if "trend" in r}
    limit = {(r["channel"], r["limit"]): r for r in lines if "limit" in r and "reached" in r}
    a, b = trend["a"], trend["b"]
    assert a["why"] is None and a["low"] <= 0.002 <= a["high"] and a["high"] - a["low"] < 0.001 and a["level"] == 0.9
    assert b["why"] == "none" and b["low"] < 0 < b["high"]
    at = limit["a", 40]
    start = a["now"] - 0.002 * 3999
    assert at["reached"] and at["low"] <= (40 - start) / 0.002 - 3999 <= at["high"] and at["seconds_a_row"] > 0
    assert not limit["a", -40]["reached"] and limit["b", 100]["rows"] is None
    assert "a: rises by " in ran.stderr and "b: no trend that the data support" in ran.stderr
    assert "a: reaches 40 in " in ran.stderr and "if it goes on like this" in ran.stderr


def test_trend_alone_and_of_too_few_rows(world):
    world.write("r.csv", recording(n=120))
    ran = world.dura("drift", "r.csv", "--column", "a", "--trend")
    (found,) = [r for r in alarms(ran) if "trend" in r]
    assert found["why"] == "short" and found["slope"] is None and "no trend can be told: too few rows" in ran.stderr
    for words in ("c=1", "a", "a=", "a=1,", "a=nan", "a=1m", ",".join(["a=1"] * 33)):
        ran = world.dura("drift", "r.csv", "--column", "a", "--limit", words)
        assert ran.returncode == 2 and "--limit" in ran.stderr, words
