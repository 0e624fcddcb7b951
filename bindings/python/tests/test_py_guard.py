# SPDX-License-Identifier: Apache-2.0
"""Guard: decisions as values, models as functions, clean and unclean ends."""
import datetime
import gc
import math

import pytest

import dura
from dura import errors


def test_a_good_frame_is_acted_on(world):
    with world.guard() as g:
        assert g.channels == ("a", "b") and g.outputs == ("y",) and len(g.origin) == 32
        g.step([1.0, 2.0], 1.0)
        d = g.step([2.0, 4.0], 2.0)
    assert d == dura.Decision(1, "ACT", "enforce", "GOOD", {"y": 3.0}, {"y": 3.0}, (), (), None)


def test_values_by_name_and_by_position_are_the_same(world):
    with world.guard() as g:
        g.step([0, 0], 0)
        by_position = g.step([2.0, 4.0], 1)
        by_name = g.step({"b": 4.0, "a": 2.0}, 2)
    assert by_position.outputs == by_name.outputs


def test_a_bad_frame_gets_the_safe_value_and_says_why(world):
    rows = [
        ("nan", [math.nan, 1.0], "FAIL", ("nonfinite",), "a"),
        ("out of range", [1.0, 2000.0], "FAIL", ("range_fail",), "b"),
        ("missing", [None, 1.0], "MISSING", ("missing", "stale"), "a"),
        ("name left out", {"a": 1.0}, "MISSING", ("missing", "stale"), "b"),
        ("too large for a float", [1e300, 1.0], "FAIL", ("nonfinite",), "a"),
    ]
    with world.guard() as g:
        g.step([1, 1], 0)
        for i, (what, values, verdict, reasons, worst) in enumerate(rows):
            d = g.step(values, i + 1)
            assert (d.action, d.verdict, d.worst_channel) == ("FALLBACK", verdict, worst), what
            assert d.outputs == {"y": 7.0} and "input" in d.reasons and set(reasons) <= set(d.sensor_reasons), what


def test_checks_of_the_policy_look_at_neighbours_and_the_past(world):
    world.change_policy(lambda p: p.update(checks=[
        {"kind": "spike", "channel": "a", "fail": 5},
        {"kind": "parity", "channel": "b", "scale": 1, "fail": 3, "terms": [{"channel": "a", "weight": 2}]}]))
    rows = [([1, 2], "ACT", ()), ([2, 5], "ACT", ()), ([3, 12], "FALLBACK", ("parity_fail",)), ([3, 6], "ACT", ()),
            ([50, 100], "FALLBACK", ("spike_fail",)), ([4, 8], "ACT", ())]
    with world.guard() as g:
        g.step([1, 2], 0)
        for i, (values, action, reasons) in enumerate(rows):
            d = g.step(values, i + 1)
            assert d.action == action and set(reasons) <= set(d.sensor_reasons), (i, d)
    world.change_policy(lambda p: p.update(checks=[{"kind": "vote", "fail": 1, "terms": [{"channel": "a"}, {"channel": "z"}]}]))
    with pytest.raises(errors.DuraError, match=r'checks\[0\].terms\[1\].*no channel "z"'):
        world.guard()


def test_the_envelope_bounds_the_model(world):
    with world.guard() as g:
        g.step([0, 0], 0)
        d = g.step([100, 1000], 1)
    assert d.outputs == {"y": 50.0} and d.action == "ACT" and "range" in d.reasons


def test_wrong_calls_raise_and_record_nothing(world):
    with world.guard() as g:
        for values in ([1.0], [1.0, 2.0, 3.0], {"a": 1.0, "c": 2.0}):
            with pytest.raises(ValueError):
                g.step(values, 1)
        with pytest.raises(TypeError):
            g.step(["one", 2.0], 1)
        assert g.next_frame == 0 and g.status()["steps"] == 0
    with pytest.raises(ValueError, match="closed"):
        g.step([1.0, 2.0], 2)
    g.close()


def test_times_are_taken_as_numbers_and_dates(world):
    utc = datetime.timezone.utc
    with world.guard() as g:
        for when in (1, 2.5, datetime.datetime(1970, 1, 1, 0, 0, 3), datetime.datetime(1970, 1, 1, 0, 0, 4, tzinfo=utc)):
            g.step([1, 1], when)
    stamps = [int(r["mono_ns"]) for r in dura.Log(world.out).decisions()]
    assert stamps == [1_000_000_000, 2_500_000_000, 3_000_000_000, 4_000_000_000]


def test_without_a_time_it_is_now(world):
    with world.guard() as g:
        g.step([1, 1])
        g.step([1, 1])
    first, second = dura.Log(world.out).decisions()
    assert int(first["mono_ns"]) < int(second["mono_ns"]) < 60_000_000_000
    assert first["t"][:4] >= "2024"


def test_observe_mode_passes_the_baseline_through(world):
    world.change_policy(lambda p: p["device"].update(mode="observe"))
    with world.guard() as g:
        g.step([0, 0], 0, baseline=[12.5])
        d = g.step([2.0, 4.0], 1, baseline=[12.5])
    assert d.mode == "observe" and d.outputs == {"y": 12.5} and d.proposed == {"y": 3.0}


def test_enforce_can_be_demanded(world):
    world.change_policy(lambda p: p["device"].update(mode="observe"))
    with pytest.raises(errors.EINVAL, match="observe"):
        world.guard(enforce=True)


# ---- the end of a run -------------------------------------------------------------------

def test_leaving_the_block_closes_the_run(world):
    with world.guard() as g:
        g.step([1, 1], 1)
    assert dura.verify(world.out, state=world.state).word == "INTACT"


def test_an_exception_abandons_the_run_and_resume_goes_on(world):
    with pytest.raises(RuntimeError):
        with world.guard() as g:
            for i in range(300):
                g.step([i % 7, 1], i)
            raise RuntimeError("the plant is gone")
    assert dura.verify(world.out, state=world.state).word == "CUT"
    with world.guard(resume=True) as g:
        assert 0 < g.next_frame <= 300
        for i in range(g.next_frame, 320):
            g.step([i % 7, 1], i)
    assert dura.verify(world.out, state=world.state).intact
    assert dura.replay(world.out).equal == 320


def test_a_forgotten_guard_is_released(world):
    g = world.guard()
    g.step([1, 1], 1)
    del g
    gc.collect()
    assert dura.verify(world.out, state=world.state).word == "CUT"
    world.guard(resume=True).close()


def test_operator_stop_and_release(world):
    with world.guard() as g:
        g.step([1, 1], 1)
        g.stop("anna", "smoke")
        assert g.step([1, 1], 2).action == "STOP" and g.status()["stopped"] == 1
        g.release("anna", "false alarm")
        g.step([1, 1], 3)
        assert g.step([1, 1], 4).action == "ACT"
        told = g.status()
    assert told["steps"] == 4 and told["STOP"] == 1 and told["boot"] == 1
    actors = [r["actor"] for r in dura.Log(world.out, "security") if r["kind"] == "fact" and "actor" in r]
    assert actors == ["anna", "anna"]


# ---- what cannot be opened ------------------------------------------------------------------

def test_errors_name_file_line_and_field(world):
    world.change_policy(lambda p: p["channels"][0].update(colour="red"))
    with pytest.raises(errors.DuraError) as caught:
        world.guard()
    error = caught.value
    assert error.file == str(world.policy) and error.line > 1 and error.field == "channels[0].colour"
    assert str(error).startswith(f"{error.file}:{error.line}: {error.field}: ")
    assert not world.out.exists()


def test_a_missing_policy_is_a_missing_file(world):
    world.policy.unlink()
    with pytest.raises(FileNotFoundError):
        world.guard()


def test_a_run_folder_is_not_written_over(world):
    world.guard().close()
    with pytest.raises(errors.ESTATE):
        world.guard()


def test_a_folder_that_cannot_be_made(world):
    (world.folder / "file").write_text("")
    with pytest.raises(OSError):
        world.guard(out=world.folder / "file" / "run")


# ---- models that are Python functions -----------------------------------------------------

def test_a_python_function_is_a_model(world):
    seen = []

    def model(x):
        seen.append(list(x))
        return [x[0] + x[1]]

    with world.guard(model, model_id="sum 1") as g:
        g.step([1, 2], 0)
        d = g.step([3, 4], 1)
    assert seen == [[1.0, 2.0], [3.0, 4.0]] and d.outputs == {"y": 7.0}
    assert dura.verify(world.out, state=world.state).intact


def test_a_function_stays_alive_with_its_guard(world):
    g = world.guard(lambda x: [x[0]], model_id="first")
    gc.collect()
    junk = [bytes(64) for _ in range(1000)]
    for i in range(50):
        g.step([i, 0], i)
    assert len(junk) == 1000 and g.status()["ACT"] >= 49
    g.close()


def test_an_exception_in_the_model_comes_out_of_step(world):
    def model(x):
        if x[0] == 5:
            raise KeyError("no such weight")
        return [x[0]]

    with world.guard(model, model_id="fails") as g:
        g.step([1, 0], 0)
        with pytest.raises(KeyError, match="no such weight"):
            g.step([5, 0], 1)
        assert g.step([2, 0], 2).action in ("ACT", "FALLBACK")
    records = list(dura.Log(world.out).decisions())
    assert [r["action"] for r in records][1] == "FALLBACK" and records[1]["reasons"] == ["backend"]


@pytest.mark.parametrize("answer", [[], [1.0, 2.0], ["text"], None])
def test_a_model_of_another_shape_raises(world, answer):
    with world.guard(lambda x: answer, model_id="odd") as g:
        with pytest.raises((TypeError, ValueError)):
            g.step([1, 0], 0)
            g.step([1, 0], 1)


def test_a_model_that_answers_nan_is_bounded(world):
    with world.guard(lambda x: [math.nan], model_id="nan") as g:
        g.step([1, 0], 0)
        d = g.step([1, 0], 1)
    assert d.outputs == {"y": 7.0} and "nonfinite" in d.reasons


def test_a_function_needs_a_name(world):
    with pytest.raises(errors.EINVAL):
        world.guard(lambda x: [0.0])
