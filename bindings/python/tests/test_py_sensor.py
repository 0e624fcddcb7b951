# SPDX-License-Identifier: Apache-2.0
"""Sensor: one frame at a time and whole buffers give the same answers."""
import array
import math
import random

import pytest

import dura
from dura import errors

SECOND = 10**9
CHANNELS = [{"fail_lo": -10, "fail_hi": 10, "suspect_hi": 8, "hold": 3.0},
            {"rate_fail": 5.0}, {"flat_tolerance": 0.01, "flat_suspect": 3.0, "flat_fail": 6.0, "required": False}]


def test_a_frame_gets_verdicts_and_usable_values():
    s = dura.Sensor(CHANNELS)
    s.update([1, 1, 1], 0)
    r = s.update([1, 2, 2], SECOND)
    assert (r.action, r.worst_channel, r.reasons) == ("PASS", None, ())
    assert r.verdicts[:2] == ("GOOD", "GOOD") and r.usable == (1.0, 2.0, 2.0)
    r = s.update([99, 3, 3], 2 * SECOND)
    assert r.action == "SUBSTITUTE" and r.usable[0] == 1.0 and set(r.reasons) == {"range_fail", "substituted"}
    r = s.update([9, 50, None], 3 * SECOND)
    assert r.action == "REJECT" and r.verdict == "FAIL" and r.worst_channel == 1
    assert r.verdicts == ("SUSPECT", "FAIL", "MISSING")


def test_a_channel_can_be_asked():
    s = dura.Sensor(CHANNELS)
    s.update([1, 1, 1], 0)
    s.update([math.nan, 2, 3], SECOND)
    told = s.query(0)
    assert told["verdict"] == "FAIL" and "nonfinite" in told["reasons"] and told["value"] == 1.0
    assert told["quality"] == 0.0
    with pytest.raises(errors.EINVAL):
        s.query(3)


def test_reset_forgets():
    s = dura.Sensor([{"rate_fail": 5.0}])
    s.update([0], 0)
    s.reset()
    assert s.update([100], SECOND).verdict == "UNKNOWN"


@pytest.mark.parametrize("channels", [
    [], [{"fail_low": 1}], [{"time": False, "finite": False}], [{"fail_lo": 5, "fail_hi": 1}],
    [{"fail_lo": math.nan, "fail_hi": 1}], [{"flat_suspect": 3.0, "flat_fail": 1.0}],
])
def test_wrong_channels_are_refused(channels):
    with pytest.raises(ValueError):
        dura.Sensor(channels)


def test_wrong_frames_are_refused():
    s = dura.Sensor(CHANNELS)
    with pytest.raises(errors.EINVAL):
        s.update([1, 2], 0)
    with pytest.raises(errors.EINVAL):
        s.update([1, 2, 3], -1)


def recording(frames, seed=3):
    """Walks with NaN, jumps and still stretches."""
    rng, x, out = random.Random(seed), [0.0, 0.0, 0.0], []
    for i in range(frames):
        x = [v + rng.uniform(-3, 3) * (i % 20 < 12) for v in x]
        out += [math.nan if rng.random() < 0.05 else 12.5 if rng.random() < 0.05 else v for v in x]
    return array.array("f", out), array.array("q", [i * SECOND for i in range(frames)])


def one_by_one(values, times):
    s = dura.Sensor(CHANNELS)
    codes = {"PASS": 1, "SUBSTITUTE": 2, "REJECT": 3}
    marks = {"GOOD": 1, "UNKNOWN": 2, "SUSPECT": 3, "FAIL": 4, "MISSING": 9}
    reports = [s.update(values[3 * i:3 * i + 3], t) for i, t in enumerate(times)]
    return bytes(codes[r.action] for r in reports), bytes(marks[v] for r in reports for v in r.verdicts)


def test_a_buffer_gives_what_its_frames_give():
    values, times = recording(500)
    actions, verdicts = dura.Sensor(CHANNELS).update_n(values, times)
    assert (bytes(actions), bytes(verdicts)) == one_by_one(values, times)
    assert set(actions) == {1, 2, 3}


def test_a_buffer_may_be_cut_anywhere():
    values, times = recording(60)
    whole = dura.Sensor(CHANNELS).update_n(values, times)
    for cut in (0, 1, 17, 60):
        s = dura.Sensor(CHANNELS)
        first = s.update_n(values[:3 * cut], times[:cut])
        second = s.update_n(values[3 * cut:], times[cut:])
        assert (first[0] + second[0], first[1] + second[1]) == whole, cut


def test_read_only_buffers_are_read():
    values, times = recording(20)
    frozen = memoryview(bytes(values)).cast("f"), memoryview(bytes(times)).cast("q")
    assert dura.Sensor(CHANNELS).update_n(*frozen) == dura.Sensor(CHANNELS).update_n(values, times)


def test_wrong_buffers_are_refused():
    values, times = recording(4)
    s = dura.Sensor(CHANNELS)
    for bad_values, bad_times in ((array.array("d", values), times), (values, array.array("f", times)),
                                  (memoryview(values)[::2], times)):
        with pytest.raises(TypeError):
            s.update_n(bad_values, bad_times)
    with pytest.raises(ValueError):
        s.update_n(values[:-1], times)


def test_numpy_arrays_come_back_as_numpy_arrays():
    numpy = pytest.importorskip("numpy")
    values, times = recording(50)
    actions, verdicts = dura.Sensor(CHANNELS).update_n(
        numpy.array(values, numpy.float32).reshape(50, 3), numpy.array(times, numpy.int64))
    assert actions.shape == (50,) and verdicts.shape == (50, 3) and actions.dtype == numpy.uint8
    assert (actions.tobytes(), verdicts.tobytes()) == one_by_one(values, times)
    with pytest.raises(TypeError):
        dura.Sensor(CHANNELS).update_n(numpy.zeros((2, 3)), numpy.arange(2))


def test_checks_look_at_the_past_and_at_neighbours():
    s = dura.Sensor([{"fail_lo": -100.0, "fail_hi": 100.0, "hold": 5.0}] * 3, checks=[
        {"kind": "spike", "channel": 0, "fail": 4.0},
        {"kind": "parity", "channel": 1, "mean": 1.0, "scale": 0.5, "fail": 6.0, "estimates": True,
         "terms": [(0, 2.0)]},
        {"kind": "joint", "suspect": 9.0, "terms": [(0, 10.0), (2, 5.0)], "whiten": [(1.0, -1.0), (0.0, 2.0)]}])
    assert s.update([10.0, 21.0, 5.0], 0).verdict == "GOOD"
    assert s.update([10.0, 21.0, 5.0], 10**9).verdict == "GOOD"
    r = s.update([30.0, 21.0, 5.0], 2 * 10**9)
    assert "spike_fail" in r.reasons and r.usable[0] == 10.0
    r = s.update([10.0, 31.0, 5.0], 3 * 10**9)
    assert "estimated" in r.reasons and r.usable[1] == 21.0
    r = s.update([10.0, 21.0, 7.0], 4 * 10**9)
    assert r.reasons == ("joint",) and r.worst_channel == 2


def test_a_check_that_is_none_is_refused():
    with pytest.raises(ValueError, match="kind"):
        dura.Sensor([{}], checks=[{"kind": "smell"}])
    with pytest.raises(ValueError, match="no 'limit'"):
        dura.Sensor([{}], checks=[{"kind": "spike", "limit": 1.0}])
    with pytest.raises(dura.DuraError):
        dura.Sensor([{}], checks=[{"kind": "spike", "channel": 7, "fail": 1.0}])


def test_silence_is_asked_for():
    s = dura.Sensor([{"fail_lo": 0.0, "fail_hi": 9.0, "max_age": 2.0}])
    s.update([1.0], 0)
    assert s.poll(2 * 10**9).verdict == "GOOD"
    assert s.poll(3 * 10**9).reasons == ("missing", "stale")
    assert s.query(0)["state"] == "INIT"
