# SPDX-License-Identifier: Apache-2.0
"""The command line under test (DURA_CLI) and a small world to run it in.

Each test gets a folder with policy.json, model.json, frames.csv and a state folder of its
own; nothing outside it is read or written.
"""
import copy
import json
import os
import pathlib
import shutil
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]

POLICY = {
    "dura_policy": 1,
    "device": {"name": "test-bench", "mode": "observe"},
    "channels": [
        {"name": "a", "unit": "bar", "fail_lo": -100, "fail_hi": 100},
        {"name": "b", "fail_lo": -1000, "fail_hi": 1000, "rate_fail": 500},
    ],
    "outputs": [{"name": "y", "lo": -50, "hi": 50, "safe": 0}],
    "logs": {"commit_records": 64, "seal_records": 200},
}
MODEL = {
    "dura_model": 1,
    "kind": "linear",
    "inputs": ["a", "b"],
    "outputs": [{"name": "y", "bias": 1, "weights": [0.5, 0.25]}],
}


def find_cli():
    named = os.environ.get("DURA_CLI")
    if named:
        return named
    for preset in ("check", "release", "debug"):
        if (TREE / "build" / preset / "dura").exists():
            return str(TREE / "build" / preset / "dura")
    return shutil.which("dura")


def csv(n, start=1000):
    """n rows, a second apart, that every check accepts."""
    lines = ["time,a,b"]
    lines += [f"{start + i},{(i % 40) - 20}.5,{(i % 90) * 2}" for i in range(n)]
    return "\n".join(lines) + "\n"


class World:
    def __init__(self, folder, cli):
        self.folder, self.cli = folder, cli
        self.out, self.state = folder / "run", folder / "state"
        self.write_policy()
        self.write_model()
        self.write("frames.csv", csv(300))

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def write_policy(self, change=None):
        policy = copy.deepcopy(POLICY)
        if change:
            change(policy)
        return self.write("policy.json", json.dumps(policy, indent=1))

    def write_model(self, change=None):
        model = copy.deepcopy(MODEL)
        if change:
            change(model)
        return self.write("model.json", json.dumps(model, indent=1))

    def command(self, *args):
        return [self.cli, *map(str, args)]

    def dura(self, *args, **how):
        """Run `dura args` in the world's folder; standard output and error as text."""
        how.setdefault("stdin", subprocess.DEVNULL if "input" not in how else None)
        if how["stdin"] is None:
            del how["stdin"]
        env = dict(os.environ, DURA_STATE=str(self.folder / "default-state"), HOME=str(self.folder))
        return subprocess.run(self.command(*args), cwd=self.folder, env=env, text=True, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)

    def run_args(self, *more, frames="frames.csv"):
        return ["run", "--policy", "policy.json", "--model", "model.json", "--frames", frames,
                "--out", self.out, "--state", self.state, *more]

    def run(self, *more, frames="frames.csv", **how):
        return self.dura(*self.run_args(*more, frames=frames), **how)

    def verify(self, *more):
        return self.dura("verify", self.out, "--state", self.state, *more)

    def records(self, *more):
        shown = self.dura("show", self.out, "--json", *more)
        assert shown.returncode == 0, shown.stderr
        return [json.loads(line) for line in shown.stdout.splitlines()]

    def decisions(self):
        return [r for r in self.records("--log", "decision") if r["kind"] == "decision"]
