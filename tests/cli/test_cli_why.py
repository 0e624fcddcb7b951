# SPDX-License-Identifier: Apache-2.0
"""`dura why`: one decision in words and as JSON, found by frame, time or as the last one."""
import json

import pytest
from cliworld import csv

EVENTS = [
    {"t": "1970-01-01T00:16:40Z", "category": "heartbeat", "type": "alive", "severity": 0},
    {"t": "1970-01-01T00:18:15Z", "category": "access", "type": "login_failed", "severity": 5, "actor": "eve",
     "detail": "three times"},
    {"t": "1970-01-01T00:18:25Z", "category": "config", "type": "param_write", "severity": 8},
]


@pytest.fixture
def closed(world):
    """300 rows; a is out of range in 100..109, a NaN in 200, an answer of 173.5 in 250; events
    around 100."""
    def change(policy):
        policy["device"]["mode"] = "observe"
        policy["channels"][0]["unit"] = "bar"
        policy["outputs"][0].update(lo=-500, hi=100, unit="mm")
        policy["correlate"] = {"quiet_ms": 20000, "window_ms": 30000}
    world.write_policy(change)
    rows = csv(300).splitlines()
    for i in range(100, 110):
        rows[i + 1] = f"{1000 + i},{150 + i},0"
    rows[201] = "1200,nan,40"
    rows[251] = "1250,95,500"
    world.write("frames.csv", "\n".join(rows) + "\n")
    world.write("events.ndjson", "".join(json.dumps(e) + "\n" for e in EVENTS))
    ran = world.run("--security", "events.ndjson", "--trust", "source")
    assert ran.returncode == 0, ran.stderr
    return world


def why(world, *args):
    ran = world.dura("why", world.out, "--state", world.state, *args)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def as_json(world, *args):
    return json.loads(why(world, "--json", *args))


def test_a_rejected_frame_in_words(closed):
    told = why(closed, "--frame", "100")
    for words in ("frame 100 at 1970-01-01T00:18:20.000Z: FALLBACK - the policy's safe values",
                  "because  the sensor checks rejected the frame, so the model was not asked",
                  "a              250 bar  FAIL (range_fail)  quality 0.00",
                  "range_fail: 250, limit 100, by 150 bar",
                  "given    nothing: it was not asked", "none: the model was not asked",
                  "the policy watches none", "incident 1/1: fault", "records, root ",
                  "access/login_failed  by eve  three times", "config/param_write",
                  "covered by the seal of epoch", "verify   INTACT: "):
        assert words in told, (words, told)


def test_an_answer_in_words_with_its_envelope_and_its_inputs(closed):
    told = why(closed, "--frame", "80")                  # a -20.5, b 160: 1 - 10.25 + 40
    for words in ("ACT - the model's answer, within its envelope", "given    a = -20.5 bar", "b = 160",
                  "y: answered 30.75, envelope -500..100; proposed 30.75, left at 0 mm",
                  "medians of 2 inputs over the first 80 decisions; exact, since the model is linear",
                  "explains 100 % of the distance from the baseline answer", "incident (recorded)\nnone\n"):
        assert words in told, (words, told)


def test_json_has_the_members_of_a_decision_and_what_is_around_it(closed):
    d = as_json(closed, "--frame", "80")
    shown = [r for r in closed.decisions() if r["frame"] == 80][0]
    for member, value in shown.items():
        assert d[member] == value, member
    assert [m["name"] for m in d["measured"]] == ["a", "b"] and d["measured"][0]["quality"] == 1
    assert set(d["top"][0]) == {"name", "value", "baseline", "contribution", "share"}
    assert abs(sum(t["share"] for t in d["top"]) - 1) < 1e-5
    weights = {"a": 0.5, "b": 0.25}
    for t in d["top"]:
        assert t["contribution"] == pytest.approx(weights[t["name"]] * (t["value"] - t["baseline"]), abs=1e-4)
    assert d["attribution"]["method"] == "exact" and d["brain"]["kind"] == "linear"
    assert d["proof"]["verify"]["word"] == "INTACT" and d["proof"]["sealed"]
    assert d["incident"] is None and d["drift"] is None


def test_security_events_are_joined_by_time_and_silence_is_named(closed):
    d = as_json(closed, "--frame", "100")
    assert [(e["type"], e["after_s"]) for e in d["security"]["events"]] == [("login_failed", -5), ("param_write", 5)]
    assert d["security"]["in_run"] == 3 and d["security"]["heartbeats"] == 1
    names = [m["name"] for m in d["security"]["missing"]]
    assert "security" not in names and "drift" in names and "assets" in names
    assert as_json(closed, "--frame", "290")["security"]["events"] == []


def test_a_run_nobody_watched_says_so(world):
    world.write_policy(lambda p: p["device"].update(mode="observe"))
    world.out = world.folder / "silent"
    assert world.run().returncode == 0
    told = why(world, "--last")
    assert "frame 299 at" in told
    assert "no security event was ever recorded: nothing can be said about the network" in told
    assert "incident (joined anew)" in told


def test_at_takes_the_decision_at_or_before(closed):
    for at, frame in (("1970-01-01T00:16:40Z", 0), ("1003.7", 3), ("1970-01-01T00:21:39Z", 299)):
        assert as_json(closed, "--at", at)["frame"] == frame
    assert as_json(closed, "--at", "01/01/70 00:17", "--time-format", "%d/%m/%y %H:%M")["frame"] == 20


def test_the_model_from_outside_must_be_the_one_that_answered(closed):
    assert as_json(closed, "--frame", "80", "--model", "model.json")["attribution"]["why_not"] is None
    closed.write_model(lambda m: m["outputs"][0].update(bias=2))
    d = as_json(closed, "--frame", "80", "--model", "model.json")
    assert "another model answered" in d["attribution"]["why_not"] and d["top"] == []


def test_top_is_how_many_are_shown(closed):
    assert len(as_json(closed, "--frame", "80", "--top", "1")["top"]) == 1


def test_the_answer_that_the_envelope_bounded(closed):
    answer = as_json(closed, "--frame", "250")["answer"][0]
    assert answer["changed"] == ["hi"] and answer["raw"] == 173.5 and answer["proposed"] == 100
    told = why(closed, "--frame", "250")
    assert "answered 173.5, envelope -500..100, bounded by hi; proposed 100, left at 0 mm" in told
    assert "because  the model's answer was outside lo..hi" in told
    assert as_json(closed, "--frame", "119")["answer"][0]["changed"] == []


def test_an_altered_log_is_told_not_hidden(closed):
    segment = closed.out / "decision.log" / "00000000.seg"
    data = bytearray(segment.read_bytes())
    data[-200] ^= 1
    segment.write_bytes(data)
    ran = closed.dura("why", closed.out, "--state", closed.state, "--frame", "100")
    assert ran.returncode == 0, ran.stderr
    assert "verify   TAMPERED" in ran.stdout


def test_key_vouches_as_in_verify(closed):
    pub = next(closed.state.glob("*/pub"))
    d = json.loads(closed.dura("why", closed.out, "--last", "--json", "--key", pub).stdout)
    assert d["proof"]["verify"]["word"] == "INTACT"
    d = json.loads(closed.dura("why", closed.out, "--last", "--json").stdout)
    assert d["proof"]["verify"]["word"] == "UNANCHORED"


@pytest.mark.parametrize("args, words", [
    ((), "want exactly one of --last, --at and --frame"),
    (("--last", "--frame", "1"), "want exactly one"),
    (("--frame", "x"), "--frame x: want a whole number"),
    (("--frame", "300"), "300 is not in the log: it holds frames 0 to 299"),
    (("--at", "999"), "is outside the run, which goes from 1970-01-01T00:16:40.000000000Z to 1970-01-01T00:21:39"),
    (("--at", "1300"), "is outside the run"),
    (("--at", "noon"), "noon is no time"),
    (("--at", "1000", "--time-format", "%Q"), "--time-format"),
    (("--last", "--time-format", "%H"), "does nothing without --at"),
    (("--last", "--top", "0"), "--top 0"),
    (("--last", "--model", "none.json"), "none.json"),
    (("--last", "--model", "policy.json"), "policy.json"),
])
def test_wrong_words_exit_2(closed, args, words):
    ran = closed.dura("why", closed.out, "--state", closed.state, *args)
    assert ran.returncode == 2 and words in ran.stderr and ran.stdout == "", ran.stderr


def test_no_run_folder(world):
    ran = world.dura("why", "nowhere", "--last")
    assert ran.returncode == 2 and "nowhere" in ran.stderr
    assert world.dura("why", "--help").returncode == 0


def test_of_many_channels_only_what_stands_out_is_shown(world):
    names = [f"c{i:02d}" for i in range(20)]
    world.write_policy(lambda p: p.update(channels=[{"name": n, "fail_lo": 0, "fail_hi": 10} for n in names]))
    world.write_model(lambda m: m.update(inputs=names, outputs=[{"name": "y", "bias": 1, "weights": [0.5] * 20}]))
    rows = [",".join(["time", *names])]
    rows += [",".join([str(1000 + r), *(["11" if r == 5 and n == "c07" else str(r % 9) for n in names])]) for r in range(30)]
    world.write("frames.csv", "\n".join(rows) + "\n")
    assert world.run().returncode == 0
    told = why(world, "--frame", "5")
    assert "  c07            11  FAIL (range_fail)" in told and "  19 other channels GOOD (--json has them)\n" in told
    assert "c08 " not in told.split("\nmodel\n")[0]
    assert "  20 channels GOOD (--json has them)\n" in why(world, "--frame", "4")


def test_a_relation_that_broke_is_judged_again_and_weighed(world):
    """The parity row stands in the policy; the sensor of `why` and `replay` runs it anew."""
    def change(policy):
        policy["correlate"] = {"quiet_ms": 20000}
        policy["checks"] = [{"kind": "parity", "channel": "b", "scale": 1, "suspect": 2, "why": "b follows a",
                             "terms": [{"channel": "a", "weight": 2}]}]
    world.write_policy(change)
    rows = ["time,a,b"] + [f"{1000 + i},{i % 40},{(i % 40) * 2 + (9 if i == 150 else 0)}" for i in range(300)]
    world.write("frames.csv", "\n".join(rows) + "\n")
    ran = world.run()
    assert ran.returncode == 0 and "parity_suspect 1" in ran.stdout, ran.stdout + ran.stderr
    told = why(world, "--frame", "150")
    assert "SUSPECT (parity_suspect)" in told and "implausible" in told, told
    again = world.dura("replay", world.out)
    assert again.returncode == 0, again.stdout + again.stderr
