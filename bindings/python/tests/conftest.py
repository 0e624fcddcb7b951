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

    def guard(self, model=None, **how):
        import dura
        how.setdefault("out", self.out)
        return dura.Guard(self.policy, self.model if model is None else model, state=self.state, **how)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DURA_STATE", str(tmp_path / "default-state"))
    return World(tmp_path)
