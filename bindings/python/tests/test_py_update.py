# SPDX-License-Identifier: Apache-2.0
"""Updates: a brain is made, signed, checked, offered, tried, kept or refused; and learn()."""
import copy
import csv
import datetime
import hashlib
import json
import math
import random

import pytest

import dura
from dura import errors

MODEL = {"dura_model": 1, "kind": "linear", "inputs": ["a", "b"],
         "outputs": [{"name": "y", "bias": 1, "weights": [0.5, 0.25]}]}      # as conftest has it

VENDOR, OPERATOR, STRANGER = bytes(range(32)), bytes(range(1, 33)), b"s" * 32


def public(seed):
    """Public key of a seed, by the envelope it signs: its key id is half of a digest, so ask C."""
    import ctypes
    from dura._load import lib
    out, sig = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    lib.dura_keyfile_sign(seed, b"", ctypes.c_size_t(0), sig, out)
    return out.raw.hex()


@pytest.fixture
def box(world):
    """A device that takes updates signed by a vendor."""
    world.change_policy(lambda p: p.update(
        updates={"slot_bytes": 8192, "probation_frames": 10},
        release_keys=[{"key": public(VENDOR), "role": "vendor"}, {"key": public(OPERATOR), "role": "operator"}]))
    world.device = world.folder / "device"
    return world


def better(bias=3):
    model = copy.deepcopy(MODEL)
    model["outputs"][0]["bias"] = bias
    return model


def release(box, version=2, model=None, key=VENDOR, **how):
    made = dura.Release.make(dura.make_brain(model or better(), 8), policy=box.policy, version=version, **how)
    return made.sign(key) if key else made


def run(g, n, start=0):
    return [g.step([i % 7, i % 5], start + i).outputs["y"] for i in range(n)]


# ---- making and checking -------------------------------------------------------------------

def test_a_release_says_what_it_is_about(box):
    brain = dura.make_brain(better(), 8)
    r = dura.Release.make(brain, policy=box.policy, version=7, floor=3, name="summer", probation_frames=50,
                          not_before=1_000, not_after=datetime.datetime(2030, 1, 1))
    assert (r.component, r.version, r.floor, r.length, r.device, r.name) == ("brain", 7, 3, len(brain), "bench", "summer")
    assert r.digest == hashlib.sha256(brain).hexdigest() and r.probation_frames == 50
    assert r.policy == hashlib.sha256(dura.pack_policy(box.policy)).hexdigest()
    assert r.not_before == 1000 and r.not_after == 1893456000 and r.signers == () and "brain 7" in repr(r)
    assert dura.Release.make(brain, policy=box.policy, version=7, any_policy=True).policy is None
    assert dura.Release.make(brain, device="*", version=7).device == "*"


def test_a_brain_is_its_model_and_golden_vectors():
    rows = {"a": [1.0, 2.0, math.nan], "b": [3.0, 4.0, 5.0]}
    one, two = dura.make_brain(MODEL, rows), dura.make_brain(MODEL, {"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert one == two != dura.make_brain(MODEL, 2)
    assert dura.make_brain(MODEL, 4, seed=1) == dura.make_brain(MODEL, 4, seed=1) != dura.make_brain(MODEL, 4, seed=2)
    for golden in (0, {"a": [], "b": []}, {"a": [math.nan], "b": [1.0]}):
        with pytest.raises(errors.DuraError):
            dura.make_brain(MODEL, golden)
    with pytest.raises(ValueError, match="no column 'b'"):
        dura.make_brain(MODEL, {"a": [1.0]})


def test_a_signed_release_is_what_the_device_wants(box):
    r = release(box)
    assert len(r.signers) == 1 and len(r.signers[0]) == 16
    told = r.check(box.policy)
    assert told.ok and told.why == () == told.words


@pytest.mark.parametrize("spoil, why", [
    (lambda box: release(box, key=None), "signature"),
    (lambda box: release(box, key=STRANGER), "signature"),
    (lambda box: release(box, device="other"), "device"),
    (lambda box: release(box, not_after=1_000), "expired"),
    (lambda box: release(box, not_before=4_000_000_000), "not_yet"),
    (lambda box: dura.Release(release(box).envelope, b"x" + release(box).subject[1:]), "digest"),
    (lambda box: dura.Release.make(bytes(9000), policy=box.policy, version=2).sign(VENDOR), "size"),
    (lambda box: release(box, model={**MODEL, "inputs": ["a", "z"]}), "open"),
])
def test_what_the_device_would_refuse_is_said_before(box, spoil, why):
    told = spoil(box).check(box.policy)
    assert not told.ok and why in told.why and len(told.words) == len(told.why)


def test_two_keys_where_two_are_asked(box):
    policy = json.loads(box.policy.read_text())
    policy["updates"]["threshold"] = 2
    box.write("policy.json", policy)
    r = release(box)
    assert "threshold" in r.check(box.policy).why
    assert r.sign(OPERATOR).check(box.policy).ok and len(r.signers) == 2
    with pytest.raises(errors.ESTATE, match="signed it already"):
        r.sign(OPERATOR)


def test_a_release_lives_in_two_files(box, tmp_path):
    path = tmp_path / "rel.dura"
    r = release(box).save(path)
    assert path.read_bytes() == r.envelope and (tmp_path / "rel.dura.brain").read_bytes() == r.subject
    again = dura.Release.load(path)
    assert again.envelope == r.envelope and again.subject == r.subject and again.check(box.policy).ok
    with pytest.raises(FileExistsError):
        r.save(path)
    (tmp_path / "rel.dura.brain").unlink()
    assert dura.Release.load(path).subject is None


def test_keys_are_files_or_seeds(box, tmp_path):
    path = tmp_path / "vendor.key"
    path.write_text(f"dura-ed25519-secret {VENDOR.hex()}\n")
    assert release(box, key=path).envelope == release(box).envelope
    with pytest.raises(FileNotFoundError):
        release(box, key=tmp_path / "none.key")


@pytest.mark.parametrize("how, said", [
    ({"component": "soul"}, "component is 'soul': want box, brain, policy"), ({"version": 0}, "version"),
    ({"name": "x" * 64}, "name: 64 bytes, at most 63"), ({"floor": 9}, "floor"),
])
def test_releases_that_cannot_be_are_named(box, how, said):
    with pytest.raises(ValueError) as caught:
        dura.Release.make(b"x" * 8, **{"policy": box.policy, "version": 2, **how})
    assert said in str(caught.value)
    with pytest.raises(ValueError, match="device"):
        dura.Release.make(b"x" * 8, version=2)
    with pytest.raises(ValueError, match="takes no updates"):
        release(box).check({"dura_policy": 1, "device": {"name": "d"}, "channels": [{"name": "a"}],
                            "outputs": [{"name": "y", "lo": 0, "hi": 1, "safe": 0}]})
    with pytest.raises(errors.DuraError):
        dura.Release(b"no envelope")


# ---- on the device ------------------------------------------------------------------------------

def test_a_brain_is_offered_tried_and_kept(box, tmp_path):
    release(box).save(tmp_path / "rel.dura")
    with box.guard(device=box.device) as g:
        run(g, 5)
        assert g.gate.state == "idle" and g.gate.running == "factory" and g.gate.versions["brain"] == 0
        told = g.offer(tmp_path / "rel.dura")
        assert told.candidate == 2 and told.component == "brain" and "brain 2 in hand" in str(told)
        states = []
        for i in range(60):
            g.step([2.0, 4.0], 10 + i)
            states.append(g.gate.state)
        end = g.gate
        assert g.step([2.0, 4.0], 80).outputs["y"] == 5.0
    assert "probation" in states and end.state == "committed" and end.versions["brain"] == 2 and end.running in ("A", "B")
    assert end.digest == hashlib.sha256((tmp_path / "rel.dura.brain").read_bytes()).hexdigest()
    assert dura.verify(box.out, state=box.state).intact


def test_what_was_kept_drives_the_next_run(box, tmp_path):
    release(box).save(tmp_path / "rel.dura")
    with box.guard(device=box.device) as g:
        run(g, 3)
        g.offer(tmp_path / "rel.dura")
        run(g, 60, start=10)
    box.out = box.folder / "second"
    with box.guard(device=box.device) as g:
        assert g.gate.versions["brain"] == 2
        g.step([2.0, 4.0], 1)
        assert g.step([2.0, 4.0], 2).outputs["y"] == 5.0


def test_a_refusal_says_why(box, tmp_path):
    release(box, key=STRANGER).save(tmp_path / "bad.dura")
    with box.guard(device=box.device) as g:
        run(g, 3)
        with pytest.raises(errors.DuraError) as caught:
            g.offer(tmp_path / "bad.dura")
        assert "signature" in str(caught.value) and caught.value.file == str(tmp_path / "bad.dura")
        assert g.gate.why and g.gate.words and g.gate.candidate is None
        with pytest.raises(FileNotFoundError):
            g.offer(tmp_path / "none.dura")


def test_a_brain_that_answers_badly_is_rolled_back(box, tmp_path):
    release(box, model=better(bias=4000)).save(tmp_path / "rel.dura")
    with box.guard(device=box.device) as g:
        run(g, 3)
        g.offer(tmp_path / "rel.dura")
        run(g, 60, start=10)
        assert g.gate.state == "rolled_back" and "output" in g.gate.why and g.gate.running == "factory"
        assert g.step([2.0, 4.0], 80).outputs["y"] == 3.0


def test_a_release_in_hand_can_be_withdrawn(box, tmp_path):
    policy = json.loads(box.policy.read_text())
    policy["updates"]["probation_frames"] = 100000
    box.write("policy.json", policy)
    release(box).save(tmp_path / "rel.dura")
    with box.guard(device=box.device) as g:
        run(g, 3)
        g.offer(tmp_path / "rel.dura")
        run(g, 20, start=10)
        assert g.gate.state == "probation"
        g.withdraw()
        run(g, 5, start=40)
        assert g.gate.state == "rolled_back" and "aborted" in g.gate.why and g.gate.running == "factory"


def test_a_policy_without_updates_says_what_to_add(world, tmp_path):
    with world.guard() as g:
        g.step([1, 1], 0)
        with pytest.raises(errors.ENOTSUP, match="add \"updates\": {}"):
            g.gate
    world.out = world.folder / "second"
    with pytest.raises(errors.EINVAL, match="takes no updates"):
        world.guard(device=tmp_path / "device")


# ---- learn ---------------------------------------------------------------------------------------

@pytest.fixture
def clean(tmp_path):
    r, path = random.Random(1), tmp_path / "clean.csv"
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["time", "a", "b", "note"])
        for i in range(3000):
            out.writerow([1_790_000_000 + i, f"{r.gauss(0, 3):.4f}", f"{100 + r.gauss(0, 20):.3f}", "7"])
    return path


def test_what_is_learned_runs_as_it_is(clean, world):
    learned = dura.learn(clean, world.model, exclude=["note"], spurious=2, holdout=0.25, name="line")
    assert learned.policy["device"]["name"] == "line" and learned.model is None
    assert [c.name for c in learned.channels] == ["a", "b"] and learned.report["rows"] == 2250
    assert learned.report["asked"] == 2 and learned.report["holdout_rows"] == 750
    a = learned.channels[0]
    assert a.fail_lo < a.seen_lo < a.seen_hi < a.fail_hi and "required" in a.flags and a.expected > 0
    assert "2250 rows, 2 channels" in str(learned) and all(isinstance(n, str) for n in learned.notes)
    assert {f.name for f in learned.families if not f.refused} >= {"parity", "range", "noise"}
    assert not dura.learn(clean, checks=(), exclude=["note"]).policy.get("checks")
    learned.save(world.policy)
    with dura.Guard(world.policy, world.model, out=world.out, state=world.state) as g:
        assert g.channels == ("a", "b")
        g.step([0.0, 100.0], 1_790_100_000)
        assert g.step([0.5, 101.0], 1_790_100_001).verdict == "UNKNOWN", "the noise check has no window yet"
        assert g.step([500.0, 101.0], 1_790_100_002).verdict == "FAIL"
    assert set(dura.Drift(world.policy).names) >= {"a", "b"}


def test_watching_only_makes_the_model_beside_it(clean, tmp_path):
    learned = dura.learn(clean)
    assert learned.model["dura_model"] == 1 and learned.report["period_ns"] == 10**9
    assert dura.learn(clean, period=2.0).report["period_ns"] == 2 * 10**9
    learned.save(tmp_path / "p.json", tmp_path / "m.json")
    assert dura.pack_model(tmp_path / "m.json") == dura.pack_model(learned.model)
    assert dura.pack_policy(tmp_path / "p.json") == dura.pack_policy(learned.policy)


@pytest.mark.parametrize("how, error", [
    ({"frames": "none.csv"}, FileNotFoundError), ({"time_column": "when"}, errors.DuraError),
    ({"spurious": -1.0}, ValueError), ({"exclude": ["x,y"]}, ValueError), ({"exclude": ["z"]}, errors.DuraError),
])
def test_what_cannot_be_learned_from_is_named(clean, how, error):
    with pytest.raises(error) as caught:
        dura.learn(**{"frames": clean, **how})
    assert len(str(caught.value)) > 15


def test_requirements_of_other_components_are_key_13(world):
    brain = dura.make_brain(world.folder / "model.json", 3)
    made = dura.Release.make(brain, version=2, device="*", requires={"policy": (2, None), "box": (3, 7)})
    assert made.requires == {"box": (3, 7), "policy": (2, None)}
    assert bytes.fromhex("0d 86 01 03 07 03 02 1a ffffffff") in made.envelope, "key 13: six integers, ascending"
    assert dura.Release.make(brain, version=2, device="*").requires == {}


def test_a_release_names_its_evidence_and_what_that_satisfies(world):
    brain = dura.make_brain(world.folder / "model.json", 3)
    made = dura.Release.make(brain, version=2, device="*", evidence=b"index", practices=["A.7.5", "SVV-3"], emergency=True)
    assert made.evidence == hashlib.sha256(b"index").hexdigest() and made.practices == ("SVV-3", "A.7.5") and made.emergency
    assert dura.Release.make(brain, version=2, device="*").evidence is None
    with pytest.raises(ValueError, match="practices names 'SVV-9'"):
        dura.Release.make(brain, version=2, device="*", evidence=b"index", practices=["SVV-9"])
    with pytest.raises(ValueError, match="requires names 'brain'"):
        dura.Release.make(brain, version=2, device="*", requires={"brain": (1, 2)})
    with pytest.raises(errors.DuraError, match="requires"):
        dura.Release.make(brain, version=2, device="*", requires={"box": (3, 2)})
