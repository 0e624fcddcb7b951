# SPDX-License-Identifier: Apache-2.0
"""A policy, a model and a state folder for each test; the library is DURA_LIBRARY's."""
import copy
import json
import pathlib
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TREE / "bindings" / "python"))

POLICY = {
    "dura_policy": 1,
    "device": {"name": "bench", "mode": "enforce"},
    "channels": [{"name": "a", "fail_lo": -100, "fail_hi": 100}, {"name": "b", "fail_lo": -1000, "fail_hi": 1000}],
    "outputs": [{"name": "y", "lo": -50, "hi": 50, "safe": 7}],
    "logs": {"commit_records": 256},
}
MODEL = {"dura_model": 1, "kind": "linear", "inputs": ["a", "b"],
         "outputs": [{"name": "y", "bias": 1, "weights": [0.5, 0.25]}]}


class World:
    def __init__(self, folder):
        self.folder, self.out, self.state = folder, folder / "run", folder / "state"
        self.policy, self.model = self.write("policy.json", POLICY), self.write("model.json", MODEL)

    def write(self, name, value):
        path = self.folder / name
        path.write_text(json.dumps(value, indent=1))
        return path

    def change_policy(self, change):
        policy = copy.deepcopy(POLICY)
        change(policy)
        return self.write("policy.json", policy)

    def factory(self, model, model_id):
        """A factory record by the development key, or None when nothing can be signed."""
        import ctypes
        from dura._load import lib
        image, n, room = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.create_string_buffer(512)
        text = pathlib.Path(self.policy).read_bytes()
        if lib.dura_pack_policy(text, len(text), None, ctypes.byref(image), ctypes.byref(n), None) != 0:
            return None
        policy = ctypes.string_at(image, n.value)
        lib.dura_pack_deinit(image)
        if callable(model):
            bytes_of = model_id.encode()
        else:
            text = pathlib.Path(model).read_bytes() if pathlib.Path(model).exists() else b""
            if lib.dura_pack_model(text, len(text), None, ctypes.byref(image), ctypes.byref(n), None) != 0:
                return None
            bytes_of = ctypes.string_at(image, n.value)
            lib.dura_pack_deinit(image)
        size = ctypes.c_size_t(len(room))
        if lib.dura_factory_make(room, ctypes.byref(size), policy, len(policy), bytes_of, len(bytes_of), 0,
                                 lib.dura_dev_seed()) != 0:
            return None
        path = self.folder / "factory.rec"
        path.write_bytes(room.raw[:size.value])
        return path

    def guard(self, model=None, **how):
        import dura
        how.setdefault("out", self.out)
        if "factory" not in how:
            how["factory"] = self.factory(self.model if model is None else model, how.get("model_id", ""))
        return dura.Guard(self.policy, self.model if model is None else model, state=self.state, **how)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DURA_STATE", str(tmp_path / "default-state"))
    return World(tmp_path)
