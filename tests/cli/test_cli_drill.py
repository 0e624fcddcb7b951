# SPDX-License-Identifier: Apache-2.0
"""`dura drill`: what it says first, what it calls missed, evidence, and every wrong word."""
import hashlib
import json
import random


def clean(rows=1200, seed=1, late=None):
    """White noise on three channels; from row `late` on, b is out of its range."""
    rng = random.Random(seed)
    lines = ["time,a,b,c"]
    for i in range(rows):
        b = 5000.0 if late is not None and i >= late else rng.gauss(0, 1)
        lines.append(f"{1000 + i},{rng.gauss(0, 1):.3f},{b:.3f},{rng.gauss(0, 1):.3f}")
    return "\n".join(lines) + "\n"


def watched(policy):
    policy["channels"].append({"name": "c", "fail_lo": -50, "fail_hi": 50, "flat_fail_ms": 5000, "flat_tolerance": 0.0005})
    del policy["channels"][1]["rate_fail"]
    policy["model"] = {"inputs": ["a", "b"]}
    policy["drift"] = {"arl0": 100000,
                       "references": [{"of": n, "n": 5000, "mean": 0, "deviation": 1} for n in "abc"]}
    policy["correlate"] = {}


def drill(world, *more, policy=watched, frames=None, **how):
    world.write_policy(policy)
    world.write("clean.csv", frames or clean())
    return world.dura("drill", "--policy", "policy.json", "--model", "model.json", "--frames", "clean.csv", *more, **how)


def entries(ran):
    assert ran.returncode == 0 and ran.stderr == "", ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert lines[-1]["summary"] is True and not any("summary" in e for e in lines[:-1])
    return lines[:-1], lines[-1]


def pick(lines, channel, kind, size=None):
    found = [e for e in lines if e["channel"] == channel and e["kind"] == kind and (size is None or e["size"] == size)]
    assert len(found) == 1, (channel, kind, size)
    return found[0]


def test_every_channel_and_kind_has_a_line_with_its_answer(world):
    lines, summary = entries(drill(world, "--json"))
    assert len(lines) == 3 * 22 + 4 and summary["entries"] == 70 and summary["not_drilled"] == 0
    stuck = pick(lines, "c", "stuck")
    assert stuck["by"] == ["flat"] and stuck["caught"] == 3 and stuck["delay_frames_median"] == 4
    assert stuck["delay_s_median"] == 4 and stuck["action"] == "FALLBACK" and stuck["verdicts"] == {"fault": 3}
    for name in "abc":
        assert pick(lines, name, "dropout")["delay_frames_max"] == 0
        bias = pick(lines, name, "bias", 4)
        assert bias["by"] == ["drift"] and bias["caught"] == 3 and 0 < bias["delay_frames_max"] < 40
        assert pick(lines, name, "replay")["caught"] == 0
    everything = pick(lines, "*", "replay_all")
    assert everything["starts"] == 3 and everything["caught"] == 0 and everything["delay_frames_median"] is None
    assert summary["control"]["trips"] == summary["control"]["drift_alarms"] == 0
    assert summary["kinds"]["bias"] == {"injected": 36, "caught": sum(e["caught"] for e in lines if e["kind"] == "bias"),
                                        "share": float("%.4g" % (summary["kinds"]["bias"]["caught"] / 36))}
    rest = [e for e in lines if e["kind"] not in ("replay", "replay_all")]
    assert summary["all_but_replay"]["injected"] == sum(e["starts"] for e in rest)
    assert summary["all_but_replay"]["caught"] == sum(e["caught"] for e in rest)
    for kind in ("time_reversed", "time_duplicate"):
        assert pick(lines, "*", kind)["by"] == ["time"] and pick(lines, "*", kind)["caught"] == 3


def test_words_begin_with_the_false_alarms_and_shout_what_was_missed(world):
    ran = drill(world)
    assert ran.returncode == 0 and ran.stderr == "", ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("the recording as it is: 1200 rows")
    assert "false alarms" in lines[1] and "0 trips" in lines[1] and "0 drift alarms" in lines[1]
    table = lines.index(next(line for line in lines if line.startswith("result")))
    grades = [line.split("  ")[0] for line in lines[table + 1:] if line.startswith(("MISSED", "PARTLY", "caught"))]
    assert grades[0] == "MISSED" and "caught" in grades and grades == sorted(grades), "worst first"
    assert any(line.startswith("MISSED") and "replay_all" in line and "all together" in line for line in lines)
    assert any(line.split()[:1] == ["dropout"] and line.endswith("9 (100 %)") for line in lines)
    totals = [line.split("  ")[0] for line in lines]
    assert totals.index("all of these") < totals.index("apart: replay") < totals.index("replay_all"), "replays count apart"
    assert "replays are missed because" in ran.stdout and "No physics and no redundancy" in ran.stdout


def test_channels_that_check_each_other_are_not_told_to_get_physics(world):
    def related(policy):
        watched(policy)
        policy["checks"] = [{"kind": "parity", "channel": "b", "scale": 1, "suspect": 200,
                             "terms": [{"channel": "a", "weight": 1}]}]
    ran = drill(world, "--starts", "1", policy=related)
    assert ran.returncode == 0 and "bounded attacks" in ran.stdout, ran.stdout + ran.stderr
    assert "physics" not in ran.stdout
    assert json.loads(drill(world, "--starts", "1", "--json", policy=related).stdout.splitlines()[-1])["checks"] is True


def test_a_policy_that_watches_nothing_is_told_why_it_misses(world):
    def bare(policy):
        watched(policy)
        del policy["drift"], policy["correlate"]
    ran = drill(world, "--kinds", "bias,stuck,bounded", policy=bare)
    assert "no drift monitor, no correlator" in ran.stdout
    assert "the policy has no \"drift\"" in ran.stdout and "flat_fail_ms" in ran.stdout
    assert "`dura learn` writes references" in ran.stdout


def test_what_trips_anyway_is_told_and_does_not_count(world):
    ran = drill(world, "--channels", "b", "--kinds", "spike,scale", frames=clean(late=600))
    assert "1 trips" in ran.stdout and "3 of these places are not clean" in ran.stdout
    lines, summary = entries(drill(world, "--channels", "b", "--kinds", "spike,scale", "--json", frames=clean(late=600)))
    assert summary["control"]["suspect_rows"] == 600 and summary["unclean_starts"] == 3
    assert [e["caught"] for e in lines] == [0, 0]


def test_evidence_names_what_was_drilled_and_repeats(world):
    first = drill(world, "--out", "one", "--seed", "7")
    assert first.returncode == 0, first.stderr
    evidence = (world.folder / "one" / "drill.ndjson").read_bytes()
    shown = drill(world, "--out", "two", "--seed", "7", "--json")
    assert (world.folder / "two" / "drill.ndjson").read_bytes() == evidence == shown.stdout.encode()
    summary = json.loads(evidence.splitlines()[-1])
    frames = hashlib.sha256((world.folder / "clean.csv").read_bytes()).hexdigest()
    packed = world.dura("pack", "policy.json", "-o", "policy.bin")
    assert packed.returncode == 0, packed.stderr
    policy = hashlib.sha256((world.folder / "policy.bin").read_bytes()).hexdigest()
    assert summary["frames_sha256"] == frames and summary["policy_sha256"] == policy and summary["seed"] == "7"
    assert drill(world, "--json", "--seed", "8").stdout != shown.stdout
    again = drill(world, "--out", "one")
    assert again.returncode == 2 and "evidence is not written over" in again.stderr


def test_channels_kinds_starts_and_length_choose(world):
    lines, summary = entries(drill(world, "--json", "--channels", "c,a", "--kinds", "drift,dropout", "--starts", "5",
                                   "--length", "60"))
    assert [(e["channel"], e["kind"], e["size"]) for e in lines] == [
        (c, k, s) for c in "ac" for k, s in (("dropout", None), ("drift", 1), ("drift", 2), ("drift", 4), ("drift", 5))]
    assert all(e["starts"] == 5 for e in lines) and len(summary["start_rows"]) == 5 and summary["length"] == 60


def test_fail_on_missed(world):
    assert drill(world, "--kinds", "dropout", "--fail-on", "missed").returncode == 0
    assert drill(world, "--kinds", "replay", "--fail-on", "missed").returncode == 1
    assert drill(world, "--kinds", "replay").returncode == 0


def test_wrong_words(world):
    for more, says in (
        (("--starts", "0"), "--starts 0: want 1 to 32"), (("--starts", "33"), "--starts 33"),
        (("--seed", "-1"), "--seed -1: want a whole number"), (("--length", "x"), "--length x"),
        (("--length", "0"), "--length 0"), (("--length", "601"), "want 8 to 540 frames"),
        (("--channels", "a,nobody"), "--channels: there is no \"nobody\""),
        (("--kinds", "fire"), "--kinds: there is no \"fire\"; there are stuck spike"), (("--fail-on", "caught"), "want missed"),
        (("--channels", "a", "--kinds", "replay_all"), "leave --channels out"), (("more",), "one argument too many"),
    ):
        ran = drill(world, *more)
        assert ran.returncode == 2 and says in ran.stderr and ran.stdout == "", (more, ran.stderr)
    for missing in ("--policy", "--model", "--frames"):
        args = ["--policy", "policy.json", "--model", "model.json", "--frames", "clean.csv"]
        at = args.index(missing)
        ran = world.dura("drill", *args[:at], *args[at + 2:])
        assert ran.returncode == 2 and f"{missing} is missing" in ran.stderr
    short = drill(world, frames=clean(79))
    assert short.returncode == 2 and "has 79 rows: a drill wants at least 80" in short.stderr
    piped = world.dura("drill", "--policy", "policy.json", "--model", "model.json", "--frames", "-")
    assert piped.returncode == 2 and "must be a file" in piped.stderr
    wrong = drill(world, frames="time,a,b\n1,2,3\n")
    assert wrong.returncode == 2 and "clean.csv" in wrong.stderr


def test_a_folder_that_cannot_be_made_is_said_before_the_work(world):
    world.write("file", "x")
    ran = drill(world, "--out", "file/sub")
    assert ran.returncode == 3 and "cannot be made" in ran.stderr
