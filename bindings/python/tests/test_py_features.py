# SPDX-License-Identifier: Apache-2.0
"""features, pack_model and Model: training sees what the device computes."""
import copy
import json
import math
import random
import sys
from array import array

import pytest

import dura
from dura import errors

try:
    import numpy
except ImportError:
    numpy = None

CHANNELS = [{"name": n, "fail_lo": -1e6, "fail_hi": 1e6} for n in ("p", "q", "unused")]
SPECS = [
    {"name": "p", "channel": "p"},
    {"name": "p_back", "channel": "p", "op": "lag", "n": 2},
    {"name": "p_step", "channel": "p", "op": "diff", "n": 1},
    {"name": "p_mean", "channel": "p", "op": "mean", "n": 4},
    {"name": "p_std", "channel": "p", "op": "std", "n": 4},
    {"name": "q_low", "channel": "q", "op": "min", "n": 3},
    {"name": "q_high", "channel": "q", "op": "max", "n": 3},
    {"name": "p_per_q", "channel": "p", "op": "ratio", "channel2": "q"},
    {"name": "q_two", "channel": "q", "op": "onehot", "match": 2},
    {"name": "scaled", "channel": "q", "offset": 1.5, "scale": -0.25},
]
POLICY = {"dura_policy": 1, "device": {"name": "bench"}, "channels": CHANNELS, "features": SPECS,
          "outputs": [{"name": "y", "lo": -1e9, "hi": 1e9, "safe": 0}]}
NAMES = [s["name"] for s in SPECS]


def f32(x):
    return array("f", [x])[0]


def recording(n, seed=1, holes=0.1):
    """Columns of small steps, whole numbers among them, with holes."""
    r = random.Random(seed)
    columns = {"p": [], "q": []}
    for _ in range(n):
        columns["p"].append(None if r.random() < holes else f32(100 + r.gauss(0, 5)))
        columns["q"].append(None if r.random() < holes else float(r.randrange(4)))
    return columns


def expected(columns, i):
    """Frame i by the words of docs/feature.md, in doubles. None: not usable."""
    def at(name, back):
        return columns[name][i - back] if i >= back else None

    def window(name, n):
        return [x for x in (at(name, k) for k in range(n)) if x is not None]

    def when(ok, value):
        return value() if ok else None
    p, q = at("p", 0), at("q", 0)
    four, three = window("p", 4), window("q", 3)
    mean = sum(four) / len(four) if four else 0
    return [
        p, at("p", 2), when(None not in (p, at("p", 1)), lambda: p - at("p", 1)),
        when(len(four) >= 2, lambda: mean),
        when(len(four) >= 2, lambda: math.sqrt(sum((x - mean) ** 2 for x in four) / (len(four) - 1))),
        when(len(three) >= 2, lambda: min(three)), when(len(three) >= 2, lambda: max(three)),
        when(None not in (p, q) and q, lambda: p / q), when(q is not None, lambda: float(q == 2)),
        when(q is not None, lambda: (q - 1.5) * -0.25)]


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(POLICY))
    return path


def test_every_op_is_what_its_page_says(policy):
    columns = recording(300)
    made = dura.features(policy, columns)
    assert list(made) == NAMES == dura.feature_names(policy)
    blanks = 0
    for i in range(300):
        for name, want in zip(NAMES, expected(columns, i)):
            got = made[name][i]
            blanks += math.isnan(got)
            if want is None:
                assert math.isnan(got), (i, name)
            else:
                assert got == pytest.approx(want, rel=1e-5, abs=1e-5), (i, name)
    assert 100 < blanks < 2000


def test_a_policy_in_any_form_gives_the_same(policy):
    columns = recording(50, holes=0)
    want = {k: v.tobytes() for k, v in dura.features(policy, columns).items()}
    image = dura.pack_policy(policy)
    for form in (str(policy), POLICY, image, dura.feature_list(policy)):
        assert {k: v.tobytes() for k, v in dura.features(form, columns).items()} == want
    assert dura.pack_policy(image) == image == dura.pack_policy(POLICY)


def test_specs_survive_the_way_through_a_policy(policy):
    specs = dura.feature_list(policy)
    assert [s.to_policy() for s in specs] == [
        {**{"op": "value"}, **s} for s in SPECS]
    assert specs[7] == dura.Feature("p_per_q", "p", "ratio", channel2="q")


def test_a_policy_without_features_gives_its_model_inputs():
    plain = {k: v for k, v in POLICY.items() if k != "features"}
    assert dura.feature_names(plain) == ["p", "q", "unused"]
    plain["model"] = {"inputs": ["q", "p"]}
    assert dura.feature_names(plain) == ["q", "p"]
    made = dura.features(plain, {"p": [1, 2], "q": [3, None], "other": ["text", "text"]})
    assert list(made) == ["q", "p"] and list(made["p"]) == [1, 2] and math.isnan(made["q"][1])


def test_rows_without_names_are_the_channels_in_order(policy):
    columns = {**recording(40), "unused": [0] * 40}
    rows = list(zip(columns["p"], columns["q"], columns["unused"]))
    want, got = dura.features(policy, columns), dura.features(policy, rows)
    assert all(want[n].tobytes() == got[n].tobytes() for n in NAMES)
    specs = [dura.Feature("q", "q"), dura.Feature("d", "p", "diff", 1)]       # first named: q, then p
    assert list(dura.features(specs, [[1, 10], [2, 14]])["d"])[1] == 4


def test_what_the_guard_gives_the_model_is_the_same_bits(world):
    world.change_policy(lambda p: p.update(features=[
        {"name": "a", "channel": "a"}, {"name": "m", "channel": "a", "op": "mean", "n": 3},
        {"name": "s", "channel": "b", "op": "std", "n": 5}, {"name": "d", "channel": "b", "op": "diff", "n": 2}]))
    r, seen = random.Random(5), []
    rows = [[f32(r.gauss(0, 20)), f32(r.gauss(5, 100))] for _ in range(200)]

    def model(x):
        seen.append(array("f", x).tobytes())
        return [0.0]

    with world.guard(model, model_id="spy") as g:
        for i, row in enumerate(rows):
            g.step(row, i)
    made = dura.features(world.policy, rows)
    usable = [array("f", row).tobytes() for row in zip(*made.values()) if not any(map(math.isnan, row))]
    assert len(seen) > 190 and seen == usable[-len(seen):]


def test_nothing_in_nothing_out(policy):
    assert [len(v) for v in dura.features(policy, {"p": [], "q": []}).values()] == [0] * len(NAMES)


@pytest.mark.parametrize("rows, said", [
    ({"p": [1]}, "no column 'q'; there are 'p'"),
    ({"p": [1, 2], "q": [1]}, "column 'q' has 1 rows, 'p' has 2"),
    ({"p": [1, "two"], "q": [1, 2]}, "column 'p', row 1: 'two' is no number"),
    ([[1, 2]], "row 0 has 2 values, want 3: p, q, unused"),
])
def test_rows_that_do_not_fit_are_named(policy, rows, said):
    with pytest.raises(ValueError) as caught:
        dura.features(policy, rows)
    assert said in str(caught.value)
    with pytest.raises(TypeError):
        dura.features(policy, "p,q\n1,2\n")


@pytest.mark.parametrize("feature, said", [
    (dura.Feature("f", "p", "median"), "feature 'f': op is 'median'"),
    (dura.Feature("f", "p", "mean", 0), "feature 'f': mean with n=0"),
    (dura.Feature("f", "p", "lag", 65537), "feature 'f': n is 65537, want 0..1024"),
    (dura.Feature("f", "p", scale=0), "scale=0"),
    (dura.Feature("f", "p", "ratio"), "channel2=None"),
])
def test_features_that_cannot_be_are_named(feature, said):
    with pytest.raises(ValueError) as caught:
        dura.features([dura.Feature("good", "p"), feature], {"p": [1.0]})
    assert said in str(caught.value)
    with pytest.raises(ValueError, match="at least one"):
        dura.features([], {})


def test_a_policy_that_is_wrong_names_file_and_field(policy):
    wrong = copy.deepcopy(POLICY)
    wrong["features"][1]["channel"] = "z"
    policy.write_text(json.dumps(wrong, indent=1))
    with pytest.raises(errors.EINVAL) as caught:
        dura.features(policy, {})
    assert caught.value.file == str(policy) and caught.value.field == "features[1].channel" and caught.value.line > 1


# ---- in kind ------------------------------------------------------------------------------

@pytest.mark.skipif(numpy is None, reason="no NumPy")
def test_numpy_in_numpy_out(policy):
    columns = recording(100)
    arrays = {k: numpy.array([math.nan if x is None else x for x in v]) for k, v in columns.items()}
    plain, made = dura.features(policy, columns), dura.features(policy, arrays)
    for name in NAMES:
        assert made[name].dtype == numpy.float32 and made[name].tobytes() == plain[name].tobytes()
    wide = numpy.stack([arrays["p"], arrays["q"], numpy.zeros(100)], axis=1)
    for rows in (wide, numpy.asfortranarray(wide), wide[::1]):
        assert dura.features(policy, rows)["p_mean"].tobytes() == plain["p_mean"].tobytes()
    with pytest.raises(ValueError, match="shape"):
        dura.features(policy, wide[:, :2])


def test_a_frame_comes_back_as_a_frame(policy):
    pandas = pytest.importorskip("pandas")
    columns = recording(60)
    frame = pandas.DataFrame(columns, index=range(1000, 1060))
    made = dura.features(policy, frame)
    assert list(made.columns) == NAMES and list(made.index) == list(frame.index)
    assert made["p_mean"].to_numpy("float32").tobytes() == dura.features(policy, columns)["p_mean"].tobytes()


def test_numpy_is_not_imported_for_lists(policy):
    import subprocess
    code = ("import sys, json, dura\n"
            "dura.features(sys.argv[1], {'p': [1.0], 'q': [2]})\n"
            "dura.Drift.learn({'p': [i % 7 for i in range(99)]}, 1000).update([3])\n"
            "assert not {'numpy', 'pandas'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code, str(policy)], check=True, timeout=60)


# ---- models --------------------------------------------------------------------------------

LINEAR = {"dura_model": 1, "kind": "linear", "inputs": ["a", "b"],
          "outputs": [{"name": "y", "bias": 1, "weights": [0.5, 0.25]}, {"name": "z", "bias": 0, "weights": [0, -3]}]}


def xgboost_json():
    """Two trees of one split each, as XGBoost 2 saves them."""
    def tree(split, condition, left, right):
        return {"base_weights": [0, left, right], "categories": [], "categories_nodes": [], "categories_segments": [],
                "categories_sizes": [], "default_left": [1, 0, 0], "id": 0, "left_children": [1, -1, -1],
                "loss_changes": [1, 0, 0], "parents": [2147483647, 0, 0], "right_children": [2, -1, -1],
                "split_conditions": [condition, left, right], "split_indices": [split, 0, 0], "split_type": [0, 0, 0],
                "sum_hessian": [2, 1, 1],
                "tree_param": {"num_deleted": "0", "num_feature": "2", "num_nodes": "3", "size_leaf_vector": "1"}}
    trees = [tree(0, 0.5, -1.25, 2.5), tree(1, 10, 0.125, -0.5)]
    return {"learner": {"attributes": {}, "feature_names": ["a", "b"], "feature_types": ["float", "float"],
                        "gradient_booster": {"model": {"gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "2"},
                                                       "iteration_indptr": [0, 1, 2], "tree_info": [0, 0], "trees": trees},
                                             "name": "gbtree"},
                        "learner_model_param": {"base_score": "5E-1", "boost_from_average": "1", "num_class": "0",
                                                "num_feature": "2", "num_target": "1"},
                        "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}}},
            "version": [2, 1, 4]}


def test_a_model_is_packed_from_every_form(tmp_path):
    path = tmp_path / "m.json"
    path.write_text(json.dumps(LINEAR))
    image = dura.pack_model(path)
    assert image[:4] == b"DLIN"
    for form in (str(path), LINEAR, json.dumps(LINEAR).encode(), image):
        assert dura.pack_model(form) == image
    packed = tmp_path / "m.bin"
    packed.write_bytes(image)
    assert dura.pack_model(packed) == image


def test_a_linear_model_answers_in_columns():
    m = dura.Model(LINEAR)
    assert (m.kind, m.inputs, m.outputs, m.n_inputs, m.n_outputs) == ("linear", ("a", "b"), ("y", "z"), 2, 2)
    out = m.run({"b": [4.0, 0.0], "a": [2.0, 1.0], "time": ["x", "y"]})
    assert [list(out["y"]), list(out["z"])] == [[3.0, 1.5], [-12.0, 0.0]]
    assert m.answer([2.0, 4.0]) == [3.0, -12.0] and list(m.run([])["y"]) == []
    with pytest.raises(ValueError, match="no column 'b'"):
        m.run({"a": [1.0]})


def test_trees_answer_as_their_json_says():
    m = dura.Model(xgboost_json())
    assert (m.kind, m.inputs, m.outputs) == ("trees", ("a", "b"), ("output0",))
    rows = [[0.0, 0.0], [0.5, 0.0], [0.0, 10.0], [1.0, 11.0], [math.nan, math.nan]]
    want = [0.5 - 1.25 + 0.125, 0.5 + 2.5 + 0.125, 0.5 - 1.25 - 0.5, 0.5 + 2.5 - 0.5, 0.5 - 1.25 + 0.125]
    assert list(m.run(rows)["output0"]) == want


def test_what_xgboost_trained_is_packed_from_memory():
    xgboost = pytest.importorskip("xgboost")
    r = numpy.random.default_rng(1)
    x = r.normal(size=(200, 3)).astype("float32")
    booster = xgboost.train({"max_depth": 3}, xgboost.DMatrix(x, x[:, 0] * 2 + x[:, 1]), 10)
    got = dura.Model(booster).run(x)["output0"]
    assert got.tobytes() == booster.predict(xgboost.DMatrix(x)).tobytes()


def test_the_guard_and_the_model_answer_alike(world):
    model, r = dura.Model(world.model), random.Random(3)
    rows = [[f32(r.uniform(-10, 10)), f32(r.uniform(-10, 10))] for _ in range(60)]
    with world.guard() as g:
        driven = [g.step(row, i).outputs["y"] for i, row in enumerate(rows)]
    assert driven[1:] == list(model.run(rows)["y"])[1:]


@pytest.mark.parametrize("spoil, said", [
    (lambda m: m["outputs"][0]["weights"].pop(), "outputs[0].weights"),
    (lambda m: m.update(kind="magic"), "kind"),
    (lambda m: m.update(colour=1), "colour"),
])
def test_a_wrong_model_names_its_field(spoil, said):
    model = copy.deepcopy(LINEAR)
    spoil(model)
    with pytest.raises(errors.DuraError) as caught:
        dura.Model(model)
    assert said in caught.value.field and caught.value.file == "model"


def test_damaged_images_and_missing_files_are_refused(tmp_path):
    image = bytearray(dura.pack_model(LINEAR))
    image[20] ^= 1
    with pytest.raises(errors.ECORRUPT):
        dura.Model(bytes(image))
    with pytest.raises(FileNotFoundError):
        dura.pack_model(tmp_path / "none.json")
    with pytest.raises(errors.DuraError):
        dura.pack_model(POLICY)
    broken = bytearray(dura.pack_policy(POLICY))
    broken[100] ^= 1
    with pytest.raises(errors.DuraError):
        dura.features(bytes(broken), {})
