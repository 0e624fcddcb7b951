# SPDX-License-Identifier: Apache-2.0
"""What XGBoost trained, `dura pack` packed and the tree backend answers is what XGBoost
itself answers: the same bits of the margin, for every row, missing values included."""
import ctypes
import json
import os
import struct
import subprocess

import pytest

from dura import _load

try:
    import numpy
    import xgboost
except ImportError as absent:
    numpy = xgboost = None
    WHY = f"trees are NOT compared with XGBoost here: {absent}; pip install xgboost==2.1.4"
    pytestmark = pytest.mark.skip(reason=WHY)
    print(WHY)

ROWS, ROUNDS = 1000, 25
CLI = os.environ.get("DURA_CLI", "dura")


class Backend(ctypes.Structure):
    """dura_backend of dura/backend.h, as far as it is called here."""
    _fields_ = [
        ("struct_size", ctypes.c_uint32), ("abi_major", ctypes.c_uint16), ("abi_minor_needed", ctypes.c_uint16),
        ("id", ctypes.c_char_p), ("version", ctypes.c_char_p),
        ("mem_req", ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t,
                                     ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t))),
        ("open", ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)),
        ("io", ctypes.c_void_p),
        ("run", ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
                                 ctypes.c_size_t, ctypes.c_int64))]


def backend():
    _load.lib.dura_backend_trees.restype = ctypes.POINTER(Backend)
    return _load.lib.dura_backend_trees().contents


def answers(image, rows):
    """One row at a time through mem_req, open and run."""
    n_out, = struct.unpack_from("<H", image, 6)
    held = ctypes.create_string_buffer(image, len(image))
    size, align, b = ctypes.c_size_t(), ctypes.c_size_t(), backend()
    assert b.mem_req(None, held, len(image), size, align) == 0
    inst = (ctypes.c_uint64 * ((size.value + 7) // 8))()
    assert b.open(inst, None, held, len(image)) == 0
    out = numpy.empty((len(rows), n_out), dtype=numpy.float32)
    for given, answer in zip(numpy.ascontiguousarray(rows, dtype=numpy.float32), out):
        assert b.run(inst, given.ctypes.data, given.size, answer.ctypes.data, n_out, 0) == 0
    return out


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def without_logistic(image):
    """The same trees, answering with the margin."""
    raw = image[:14] + b"\0\0" + image[16:-4]
    return raw + struct.pack("<I", crc32c(raw))


def data(seed, columns=6):
    r = numpy.random.default_rng(seed)
    x = r.normal(size=(ROWS, columns)).astype(numpy.float32)
    x[:, 1] = numpy.round(x[:, 1] * 4) / 4          # many values equal a threshold's neighbours
    x[r.random(x.shape) < 0.1] = numpy.nan
    z = numpy.nan_to_num(x)
    y = 3 * z[:, 0] + z[:, 1] ** 2 - numpy.sin(3 * z[:, 2]) + 40 + r.normal(size=ROWS) * 0.1
    return x, y


def pack(path):
    out = path.with_suffix(".bin")
    done = subprocess.run([CLI, "pack", str(path), "-o", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)
    return done, out.read_bytes() if done.returncode == 0 else b""


def train(folder, x, y, params, **attributes):
    booster = xgboost.train({"verbosity": 0, "seed": 7, **params}, xgboost.DMatrix(x, y), ROUNDS)
    booster.set_attr(**attributes)
    path = folder / "m.json"
    booster.save_model(str(path))
    return booster, path


def quantiles(y, n):
    return numpy.digitize(y, numpy.quantile(y, [i / n for i in range(1, n)]))


MODELS = {
    "regression": ({"objective": "reg:squarederror"}, lambda y: y),
    "regression, exact, pruned": ({"objective": "reg:squarederror", "tree_method": "exact", "gamma": 20, "max_depth": 9},
                                  lambda y: y),
    "lossguide": ({"objective": "reg:squarederror", "grow_policy": "lossguide", "max_leaves": 40, "max_depth": 0},
                  lambda y: y),
    "forest": ({"objective": "reg:squarederror", "num_parallel_tree": 4, "subsample": 0.5}, lambda y: y),
    "absolute": ({"objective": "reg:absoluteerror"}, lambda y: y),
    "raw": ({"objective": "binary:logitraw"}, lambda y: y > 41),
    "classes": ({"objective": "multi:softprob", "num_class": 4}, lambda y: quantiles(y, 4)),
    "classes, hard": ({"objective": "multi:softmax", "num_class": 3}, lambda y: quantiles(y, 3)),
    "targets": ({"objective": "reg:squarederror", "multi_strategy": "one_output_per_tree"},
                lambda y: numpy.stack([y, -y, y * y], axis=1)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", [1, 2])
def test_margins_are_equal_to_the_last_bit(tmp_path, name, seed):
    params, target = MODELS[name]
    x, y = data(seed)
    booster, path = train(tmp_path, x, target(y), params)
    done, image = pack(path)
    assert done.returncode == 0, done.stderr
    fresh, _ = data(seed + 100)
    fresh[:50] = x[:50]
    fresh[0] = numpy.nan
    want = booster.predict(xgboost.DMatrix(fresh), output_margin=True).reshape(ROWS, -1)
    assert numpy.isnan(fresh).sum() > 400 and len(numpy.unique(want)) > 100
    assert answers(image, fresh).tobytes() == want.astype(numpy.float32).tobytes()


@pytest.mark.parametrize("base", [None, 0.5, 0.03])
@pytest.mark.parametrize("objective", ["binary:logistic", "reg:logistic"])
def test_a_logistic_model_answers_with_the_probability(tmp_path, objective, base):
    x, y = data(3)
    params = {"objective": objective, **({} if base is None else {"base_score": base})}
    booster, path = train(tmp_path, x, y > 42, params)
    done, image = pack(path)
    assert done.returncode == 0, done.stderr
    margins = booster.predict(xgboost.DMatrix(x), output_margin=True)
    assert answers(without_logistic(image), x).tobytes() == margins.astype(numpy.float32).tobytes()
    want, found = booster.predict(xgboost.DMatrix(x)), answers(image, x)[:, 0]
    apart = numpy.abs(want.view(numpy.int32).astype(int) - found.view(numpy.int32).astype(int))
    assert apart.max() <= 4, "units in the last place"
    assert want.min() < 0.01 and want.max() > 0.9


def test_names_come_from_the_model(tmp_path):
    x, y = data(4, columns=3)
    matrix = xgboost.DMatrix(x, numpy.stack([y, -y], axis=1), feature_names=["speed", "load", "temp"])
    booster = xgboost.train({"objective": "reg:squarederror"}, matrix, 2)
    path = tmp_path / "m.json"
    booster.save_model(str(path))
    assert pack(path)[1].rstrip(b"\0").find(b"speed\0load\0temp\0") > 0
    booster.set_attr(dura_outputs="pump,fan")
    booster.save_model(str(path))
    assert b"temp\0pump\0fan\0" in pack(path)[1]
    booster.set_attr(dura_outputs="pump")
    booster.save_model(str(path))
    done, _ = pack(path)
    assert done.returncode != 0 and "wants 2 names" in done.stderr and "dura_outputs" in done.stderr


REFUSED = {
    "dart": ({"booster": "dart"}, "booster is \"dart\""),
    "linear": ({"booster": "gblinear"}, "give the weights as a linear model"),
    "counts": ({"objective": "count:poisson"}, "objective \"count:poisson\""),
    "vectors": ({"multi_strategy": "multi_output_tree", "tree_method": "hist"}, "multi_strategy=one_output_per_tree"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_converted_is_refused_with_a_way_out(tmp_path, name):
    params, said = REFUSED[name]
    x, y = data(5)
    _, path = train(tmp_path, x, numpy.stack([y, -y], axis=1) if name == "vectors" else y, params)
    done, _ = pack(path)
    assert done.returncode != 0 and said in done.stderr, done.stderr


def test_categorical_splits_are_refused(tmp_path):
    x, y = data(6, columns=3)
    x = numpy.nan_to_num(numpy.abs(numpy.round(x)))
    matrix = xgboost.DMatrix(x, y, feature_types=["c", "q", "q"], enable_categorical=True)
    booster = xgboost.train({"tree_method": "hist", "max_cat_to_onehot": 1}, matrix, 3)
    path = tmp_path / "m.json"
    booster.save_model(str(path))
    done, _ = pack(path)
    assert done.returncode != 0 and "one-hot" in done.stderr, done.stderr


def test_ubjson_is_refused_by_name(tmp_path):
    x, y = data(7)
    booster = xgboost.train({}, xgboost.DMatrix(x, y), 2)
    path = tmp_path / "m.ubj"
    booster.save_model(str(path))
    done, _ = pack(path)
    assert done.returncode != 0 and "ends in .json" in done.stderr, done.stderr


def test_a_model_of_many_megabytes_is_read(tmp_path):
    x, y = data(8)
    booster = xgboost.train({"max_depth": 9, "eta": 0.02}, xgboost.DMatrix(x, y), 400)
    path = tmp_path / "m.json"
    booster.save_model(str(path))
    assert path.stat().st_size > 4 << 20 and json.loads(path.read_text())["learner"]
    done, image = pack(path)
    assert done.returncode == 0, done.stderr
    want = booster.predict(xgboost.DMatrix(x), output_margin=True)
    assert answers(image, x)[:, 0].tobytes() == want.tobytes()


@pytest.mark.parametrize("name", MODELS)
def test_contributions_are_those_of_the_library_it_came_from(tmp_path, name):
    params, target = MODELS[name]
    x, y = data(11)
    booster, path = train(tmp_path, x, target(y), params)
    done, image = pack(path)
    assert done.returncode == 0, done.stderr
    lib, shap, columns = _load.lib, ctypes.c_void_p(), x.shape[1]
    want = booster.predict(xgboost.DMatrix(x[:200]), pred_contribs=True).reshape(200, -1, columns + 1).astype(float)
    n_out = want.shape[1]
    assert lib.dura_shap_open(ctypes.byref(shap), image, ctypes.c_size_t(len(image)), None) == 0
    phi, base, margin = numpy.zeros((n_out, columns)), numpy.zeros(n_out), numpy.zeros(n_out)
    apart = 0.0
    for row, theirs in zip(x, want):
        row = numpy.ascontiguousarray(row)
        assert lib.dura_shap_row(shap, ctypes.c_void_p(row.ctypes.data), ctypes.c_size_t(columns), ctypes.c_void_p(phi.ctypes.data),
                                 ctypes.c_void_p(base.ctypes.data), ctypes.c_void_p(margin.ctypes.data),
                                 ctypes.c_size_t(n_out)) == 0
        assert [sum(p, b) for p, b in zip(phi.tolist(), base.tolist())] == margin.tolist(), "adds up to the last bit"
        apart = max(apart, abs(phi - theirs[:, :columns]).max(), abs(base - theirs[:, columns]).max())
    lib.dura_shap_close(shap)
    assert apart <= 1e-5 * abs(want).max(), f"{apart:.2g} of {abs(want).max():.3g}: XGBoost adds in binary32"
