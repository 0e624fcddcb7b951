# SPDX-License-Identifier: Apache-2.0
"""verify, replay and Log on good, altered and foreign folders."""
import json
import shutil

import pytest

import dura
from dura import errors


@pytest.fixture
def done(world):
    with world.guard() as g:
        for i in range(100):
            g.step([i % 9, None if i == 50 else i % 5], i)
    return world


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def test_an_intact_run_says_so_in_full(done):
    v = dura.verify(done.out, state=done.state)
    assert v.word == "INTACT" and v.intact and v.rule == "none" and v.closed and not v.demo_key
    assert v.vouched == "state folder" and v.boots == 1 and v.dropped == 0 and len(v.key) == 64
    assert sum(v.records) == len(list(dura.Log(done.out)))


def test_without_a_fact_from_outside_it_is_unanchored(done):
    assert dura.verify(done.out).word == "UNANCHORED"


def test_a_key_vouches_in_every_form(done):
    public = next(done.state.glob("*/pub"))
    digits = public.read_text().strip()
    for key in (public, str(public), digits, bytes.fromhex(digits)):
        assert dura.verify(done.out, key=key).word == "INTACT"
    assert dura.verify(done.out, key="00" * 32).word == "TAMPERED"
    with pytest.raises(errors.DuraError):
        dura.verify(done.out, key=done.folder / "nothing.pub")


def test_a_kept_checkpoint_of_another_run_contradicts(done, world):
    kept = shutil.copy(done.out / "decision.log" / "checkpoint", done.folder / "kept")
    assert dura.verify(done.out, checkpoint=kept).word != "TAMPERED"
    world.out = world.folder / "other"
    with world.guard() as g:
        g.step([1, 1], 1)
    assert dura.verify(world.out, checkpoint=kept).word == "TAMPERED"


def test_an_altered_record_is_found_and_placed(done):
    flip(done.out / "decision.log" / "00000000.seg", 3000)
    v = dura.verify(done.out, state=done.state)
    assert v.word == "TAMPERED" and not v.intact and v.file == "decision.log/00000000.seg" and v.offset <= 3000


def test_one_altered_byte_of_any_file_of_a_closed_run_is_tampering(world):
    with world.guard() as g:
        for i in range(12):
            g.step([i % 9, 500 if i == 5 else i % 5], i)
    files = sorted(p for p in world.out.rglob("*") if p.is_file())
    assert len(files) == 9      # two segments, two checkpoints, two policies, model, summary
    for path in files:
        good = path.read_bytes()
        for at in range(len(good)):
            with open(path, "r+b") as f:
                f.seek(at)
                f.write(bytes([good[at] ^ 1 << at % 8]))
            v = dura.verify(world.out, state=world.state)
            assert v.word == "TAMPERED" and v.rule != "none" and v.file, f"{path.name} byte {at}: {v.word} {v.text}"
            with open(path, "r+b") as f:
                f.seek(at)
                f.write(good[at:at + 1])
    assert dura.verify(world.out, state=world.state).word == "INTACT"


def test_the_demo_key_never_vouches(world):
    with world.guard(demo_key=True) as g:
        g.step([1, 1], 1)
    v = dura.verify(world.out, state=world.state)
    assert v.demo_key and v.word == "UNANCHORED"


@pytest.mark.parametrize("call", [dura.verify, dura.replay, dura.Log])
def test_a_folder_that_is_no_run_is_an_error(tmp_path, call):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(errors.DuraError) as caught:
            call(folder)
        assert str(folder) in str(caught.value)


def test_replay_with_the_same_and_another_model(done):
    same = dura.replay(done.out)
    assert same.same and same.equal == same.decisions == 100 and same.first_gseq is None
    assert dura.replay(done.out, done.model).same
    model = json.loads(done.model.read_text())
    model["outputs"][0]["bias"] = 2
    other = dura.replay(done.out, done.write("other.json", model))
    assert not other.same and other.first_gseq is not None and other.difference


def test_records_come_in_the_order_of_the_timeline(done):
    everything = list(dura.Log(done.out))
    assert [r["gseq"] for r in everything] == list(range(len(everything)))
    for log in ("security", "decision"):
        assert list(dura.Log(done.out, log)) == [r for r in everything if r["log"] == log]
    with pytest.raises(ValueError):
        dura.Log(done.out, "both")


def test_a_log_can_be_read_twice_and_half(done):
    log = dura.Log(done.out)
    half = iter(log)
    first = [next(half) for _ in range(10)]
    del half
    assert list(log)[:10] == first == list(log)[:10]


def test_decisions_name_channels_and_outputs(done):
    decisions = list(dura.Log(done.out).decisions())
    assert [d["frame"] for d in decisions] == list(range(100))
    assert set(decisions[3]["values"]) == {"a", "b"} and set(decisions[3]["outputs"]) == {"y"}
    assert decisions[50]["channels"]["b"]["verdict"] == "MISSING" and decisions[50]["values"]["b"] is None
    (done.out / "policy.bin").unlink()
    assert set(next(dura.Log(done.out).decisions())["outputs"]) == {"output0"}


def test_lines_are_those_of_the_command_line(done):
    lines = list(dura.Log(done.out).lines())
    assert [json.loads(line) for line in lines] == list(dura.Log(done.out))
    assert all("\n" not in line for line in lines)


def test_a_long_record_has_room(world):
    wide = 400
    world.change_policy(lambda p: p.update(
        channels=[{"name": f"channel_with_a_long_name_{i}", "fail_lo": -10, "fail_hi": 10} for i in range(wide)]))
    with world.guard(lambda x: [0.0], model_id="zero") as g:
        g.step([0.123456789 * i / wide for i in range(wide)], 0)
        g.step([100.0] * wide, 1)
    bad = list(dura.Log(world.out).decisions())[1]
    assert len(bad["channels"]) == wide and len(bad["values"]) == wide


def test_pandas_gets_one_row_per_decision(done):
    pandas = pytest.importorskip("pandas")
    frame = dura.Log(done.out).to_pandas()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 100
    assert frame["outputs.y"].dtype.kind == "f" and list(frame["frame"]) == list(range(100))
