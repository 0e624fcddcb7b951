# SPDX-License-Identifier: Apache-2.0
"""The sensor with the limits that `dura learn` writes, by itself and with the drift monitor.

The words of a policy's channels and checks are handed to dura.Sensor as they are (times in
seconds, channels by number), so a check that `dura learn` begins to write takes part here by
itself; a word that the binding does not know is an error, not left out.
"""
import json
import os
import subprocess

import numpy as np

UNKNOWN, FLT_MAX = 2, 3.4028234663852886e38


def write_csv(path, names, stamps, values):
    with open(path, "w", encoding="ascii") as f:
        f.write("time," + ",".join(names) + "\n")
        for t, row in zip(stamps.tolist(), values):
            f.write(f"{t / 1e9:.3f}," + ",".join(f"{v:.9g}" for v in row.tolist()) + "\n")


def in_seconds(words):
    """A channel of a policy as dura.Sensor takes it."""
    return {k[:-3] if k.endswith("_ms") else k: v / 1000 if k.endswith("_ms") else v for k, v in words.items() if k not in ("name", "why")}


def whole(triangle, n):
    """Rows of W, zeros included."""
    rows, at = [], 0
    for i in range(n):
        rows.append([0.0] * i + triangle[at:at + n - i])
        at += n - i
    return rows


def by_number(words, names):
    """A check of a policy as dura.Sensor takes it."""
    out = {k: v for k, v in words.items() if k not in ("why", "terms", "triangle")}
    for key in ("channel", "other"):
        if key in out:
            out[key] = names.index(out[key])
    if words["kind"] in ("rule", "forbid", "transition"):
        for low, high in (("lo", "hi"), ("if_lo", "if_hi"), ("from_lo", "from_hi")):
            if words["kind"] == "transition" or low != "from_lo":
                out.setdefault(low, -FLT_MAX)
                out.setdefault(high, FLT_MAX)
    if "terms" in words:
        out["terms"] = [(names.index(t["channel"]), t.get("weight", t.get("mean", 0.0)), t.get("back", 0))
                        for t in words["terms"]]
    if "triangle" in words:
        out["whiten"] = whole(words["triangle"], len(words["terms"]))
    return out


class Peer:
    name = "dura sensor"

    def __init__(self, cli, names, folder, *options):
        self.cli, self.names, self.folder, self.policy, self.options = cli, names, folder, None, options

    def learn(self, stamps, values):
        frames, policy = os.path.join(self.folder, "clean.csv"), os.path.join(self.folder, "policy.json")
        write_csv(frames, self.names, stamps, values)
        done = subprocess.run([self.cli, "learn", "--frames", frames, "-o", policy, *self.options], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"dura learn: {done.stderr}")
        with open(policy, encoding="utf-8") as f:
            self.policy = json.load(f)
        if [c["name"] for c in self.policy["channels"]] != self.names:
            raise RuntimeError("dura learn took other channels than it was given")
        self.channels = [in_seconds(c) for c in self.policy["channels"]]
        self.checks = [by_number(c, self.names) for c in self.policy.get("checks", ())]
        self.gap = self.policy.get("sensor", {}).get("gap_ms", 0) / 1000

    def verdicts(self, stamps, values):
        import dura
        sensor = dura.Sensor(self.channels, checks=self.checks, gap=self.gap)
        return sensor.update_n(np.ascontiguousarray(values, np.float32), np.ascontiguousarray(stamps, np.int64))[1]

    def alarms(self, stamps, values, channel):
        return self.verdicts(stamps, values)[:, channel] > UNKNOWN


class ByFrame:
    """The same sensor, asked what the guard asks: is the frame refused, whichever channel is named?"""

    name = "dura frame"

    def __init__(self, sensor):
        self.sensor = sensor

    def learn(self, stamps, values):
        if self.sensor.policy is None:
            self.sensor.learn(stamps, values)

    def alarms(self, stamps, values, channel):
        return (self.sensor.verdicts(stamps, values) > UNKNOWN).any(axis=1)


class WithDrift:
    """The sensor, and the drift monitor on what it let through."""

    name = "dura + drift"

    def __init__(self, sensor):
        self.sensor, self.monitor = sensor, None

    def learn(self, stamps, values):
        if self.sensor.policy is None:
            self.sensor.learn(stamps, values)

    def alarms(self, stamps, values, channel):
        import dura
        if self.monitor is None:
            self.monitor = dura.Drift(self.sensor.policy)
        verdicts, name = self.sensor.verdicts(stamps, values), self.sensor.names[channel]
        out = verdicts[:, channel] > UNKNOWN
        if name not in self.monitor.references:
            return out
        self.monitor.reset()
        passed, drifted = np.where(verdicts <= 3, values, np.nan).tolist(), False
        index = self.monitor.names.index(name)
        blank = [None] * len(self.monitor.names)       # the limit is that of all of them; only one moves here
        for row, (frame, ok) in enumerate(zip(passed, (verdicts[:, channel] <= 3).tolist())):
            blank[index] = frame[channel] if ok else None
            for alarm in self.monitor.update(blank):
                drifted = not alarm.back if alarm.channel == name else drifted
            out[row] |= drifted
        return out
