# SPDX-License-Identifier: Apache-2.0
"""What both whole paths (BATADAL here, ../tep) need: the command line as a user would call it,
features by the names `dura learn` knows, a model by XGBoost, and what the logs say per frame.

Everything that is scored is read back from the two logs (`dura show --json`, incidents.ndjson):
nothing is counted that a device would not have recorded.
"""
import json
import os
import subprocess
import sys
import time

import numpy as np

CLEAN_MOST = 0.01                       # share of held-out clean frames a check may reject before it is dropped
SETTLED = ("change", "normal")          # verdicts that are no alarm


class Broken(Exception):
    """Something did not work; a poor result is not this."""


class Dura:
    """The command line; every call and its seconds are kept."""

    def __init__(self, program, out):
        self.program, self.state, self.calls = os.path.abspath(program), os.path.join(out, "state"), []

    def __call__(self, *words):
        began = time.monotonic()
        done = subprocess.run([self.program, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.calls.append((words[0], time.monotonic() - began))
        if done.returncode != 0:
            raise Broken("dura %s: exit %d: %s" % (" ".join(map(str, words)), done.returncode, done.stderr.strip()))
        return done.stdout

    def learn(self, frames, model, policy, *more):
        text = self("learn", "--frames", frames, "--model", model, "-o", policy, "--checks", "none",
                    "--report", policy[:-5] + ".report.txt", "--json", *more)
        return json.loads(text)

    def run(self, policy, model, frames, out, *more):
        return self("run", "--policy", policy, "--model", model, "--frames", frames, "--out", out, "--state", self.state, *more)

    def seconds(self):
        return sum(s for _, s in self.calls)


# ---- features and the model ---------------------------------------------------------------

def shifted(x, n):
    y = np.full(len(x), np.nan, np.float32)
    y[n:] = x[:len(x) - n]      # n = 0 is x itself
    return y


def rolling_mean(x, n):
    """As docs/feature.md has it: binary32, from the oldest value of the window on."""
    x = x.astype(np.float32)
    oldest, total = shifted(x, n - 1), np.zeros(len(x), np.float32)
    for k in range(n - 1, -1, -1):
        total = total + (shifted(x, k) - oldest)
    return oldest + total / np.float32(n)


def features(names, x, lags, means, window):
    """Columns: `names` as they are, `lags` one frame back, `means` over `window` frames."""
    out = [(n, x[n]) for n in names]
    out += [("%s_lag1" % n, shifted(x[n], 1)) for n in lags]
    out += [("%s_mean%d" % (n, window), rolling_mean(x[n], window)) for n in means]
    return [n for n, _ in out], np.stack([c for _, c in out], axis=1)


def train(inputs, f, targets, outputs, path, rounds, depth, eta):
    """One booster, a tree per output and round; deterministic. `targets` are one frame ahead."""
    import xgboost
    keep = ~np.isnan(f).any(axis=1)
    data = xgboost.DMatrix(f[keep], targets[keep], feature_names=inputs)
    booster = xgboost.train({"objective": "reg:squarederror", "tree_method": "hist", "max_bin": 128, "max_depth": depth,
                             "eta": eta, "seed": 1, "nthread": 1, "multi_strategy": "one_output_per_tree"}, data, rounds)
    booster.set_attr(dura_outputs=",".join(outputs))
    booster.save_model(path)
    return booster


# ---- policies -----------------------------------------------------------------------------------

def read_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, indent=1)


def set_times(policy, period_ms, frames=24):
    """What `dura learn` leaves at defaults made for seconds: the correlator's times in frames ("some
    tens of frames", docs/formats/policy.md), and no seal or commit per frame, which costs a sync each."""
    policy["correlate"] = {"window_ms": frames * period_ms, "quiet_ms": frames * period_ms,
                           "heartbeat_ms": 3 * frames * period_ms}
    policy["logs"] = {"commit_records": 1024, "seal_records": 4096}
    policy["device"].update(asset=1, zone=1)
    return policy


def drop_flat(policy, names):
    for c in policy["channels"]:
        if c["name"] in names:
            c.pop("flat_fail_ms", None)
            c.pop("flat_tolerance", None)


def too_many(table, held):
    return sorted(n for n, k in table.items() if k > CLEAN_MOST * len(held.action))


def tighten(policy, flat, held):
    """The engineer's part, from clean data alone: a check or reference that rejected or alarmed in clean
    frames that nothing was learned from is no evidence. `flat` are flat line checks found so, `held` the
    held-out run without them. Returns what was done, in words."""
    drop_flat(policy, flat)
    done = ["flat line checks dropped, since they rejected clean held-out frames: %s" % (", ".join(flat) or "none")]
    for c in policy["channels"]:
        if c["name"] in too_many(held.rejects, held):
            c["required"] = False
            done.append("%s is not required: it rejected %d clean frames" % (c["name"], held.rejects[c["name"]]))
    bad, references = {n for n, k in held.alarms.items() if k > 1}, policy["drift"]["references"]
    policy["drift"]["references"] = [r for r in references if r["of"] not in bad]
    done.append("%d of %d drift references kept; dropped, since they alarmed more than once in %d clean frames: %s"
                % (len(policy["drift"]["references"]), len(references), len(held.action), ", ".join(sorted(bad)) or "none"))
    return done


# ---- what the logs say --------------------------------------------------------------------------

class Said:
    """A run per frame: rejected, action, the model's raw answer, drifted, drift alarm, incident."""

    def __init__(self, dura, run, n):
        policy = read_json(os.path.join(run, "policy.json"))
        self.names = [c["name"] for c in policy["channels"]] + [o["name"] for o in policy["outputs"]] + \
                     [f["name"] for f in policy.get("features", [])]
        self.rejected, self.drifted, self.alarm = (np.zeros(n, bool) for _ in range(3))
        self.action, self.answer, self.inputs, self.wall = [""] * n, [None] * n, [None] * n, [0] * n
        self.rejects, self.flat, self.alarms, self.incident_at = {}, {}, {}, np.zeros(n, bool)
        self.frame, self.in_drift, self.last = -1, set(), -1
        self.steps = []                 # (frame, id, state, verdict)
        for line in dura("show", run, "--json").splitlines():
            self.take(json.loads(line))
        self.spread_drift(self.frame + 1)
        if self.frame + 1 != n:
            raise Broken("%s: %d decisions for %d frames" % (run, self.frame + 1, n))
        self.join(run)

    def take(self, r):
        if r["kind"] == "decision":
            self.spread_drift(r["frame"])
            self.frame = k = r["frame"]
            self.wall[k] = int(r["mono_ns"])
            self.action[k], self.answer[k], self.inputs[k] = r["action"], r.get("raw_outputs"), r.get("inputs")
            self.rejected[k] = "input" in r.get("reasons", [])
            if self.rejected[k]:
                for name, c in r.get("channels", {}).items():
                    if c.get("verdict") in ("FAIL", "MISSING"):
                        self.rejects[name] = self.rejects.get(name, 0) + 1
                        if "flat_fail" in c.get("reasons", []):
                            self.flat[name] = self.flat.get(name, 0) + 1
        elif r["kind"] == "fact" and r.get("fact") == "drift":
            self.take_drift(r)
        elif r["kind"] == "incident":
            self.steps.append((self.frame, r["id"], r["state"], r["verdict"]))

    def take_drift(self, r):
        channel, values = r.get("channel", 0), r.get("values", [])
        if values and values[0]:
            self.in_drift.add(channel)
            self.alarm[self.frame] = True
            name = self.names[channel]
            self.alarms[name] = self.alarms.get(name, 0) + 1
        else:                           # 0, or cut as a trailing zero: it is back
            self.in_drift.discard(channel)

    def spread_drift(self, until):
        """Frames from the last decision on, as the facts of that frame left them."""
        for k in range(max(self.frame, 0), until):
            self.drifted[k] = bool(self.in_drift)

    def join(self, run):
        """An hour is an alarm while an incident, not a settled one, is open: from its opening to its closing."""
        at, open_from, verdict = 0, None, None
        for frame, _, state, said in self.steps + [(len(self.action), 0, "end", "")]:
            if open_from is not None:
                self.incident_at[at:frame] |= verdict not in SETTLED
            at, verdict = frame, said
            open_from = frame if state in ("opened", "revised") else None
        with open(os.path.join(run, "incidents.ndjson"), encoding="utf-8") as f:
            self.incidents = [json.loads(line) for line in f]
        by_id = {i["id"] for i in self.incidents}
        if by_id != {s[1] for s in self.steps}:
            raise Broken("%s: incidents.ndjson and the decision log do not hold the same incidents" % run)

    def spanned(self):
        """Frames between an incident's recorded start and end. An incident that is still open at the end of
        the run has the end of its last report, so this is less than what an operator saw."""
        flags, wall = np.zeros(len(self.wall), bool), np.array(self.wall)
        for i in self.incidents:
            if i["verdict"] not in SETTLED:
                flags |= (wall >= int(i["start_ns"])) & (wall <= int(i["end_ns"]))
        return flags

    def warm(self):
        """Frames until the model ran first: its features had no past yet."""
        return next((k for k, a in enumerate(self.action) if a == "ACT"), len(self.action))

    def spans(self):
        """(incident, first frame, frame behind its last): an open one reaches to the end."""
        begin, end = {}, {}
        for frame, i, state, _ in self.steps:
            begin.setdefault(i, frame)
            end[i] = frame if state == "closed" else len(self.action)
        return [(i, begin[i["id"]], end[i["id"]]) for i in self.incidents]


def same_as_training(said, f, booster):
    """(frames whose inputs are those of the training's code, frames whose answer is XGBoost's own, frames in which
    the model ran), compared bit for bit."""
    import xgboost
    ran = [k for k, a in enumerate(said.answer) if a]
    given, told = np.array([said.inputs[k] for k in ran], np.float32), np.array([said.answer[k] for k in ran], np.float32)
    own = booster.predict(xgboost.DMatrix(given, feature_names=booster.feature_names))
    return int((given == f[ran]).all(axis=1).sum()), int((told == own).all(axis=1).sum()), len(ran)


def counted(words):
    n = {}
    for w in words:
        n[w] = n.get(w, 0) + 1
    return ", ".join("%s %d" % (w, n[w]) for w in sorted(n, key=lambda w: (-n[w], w))) or "none"


def top(table, n=6):
    order = sorted(table, key=lambda k: (-table[k], k))
    return ", ".join("%s %d" % (k, table[k]) for k in order[:n]) + (" and %d more" % (len(order) - n) if len(order) > n else "")


def main(job):
    """Exit 1 only when something broke."""
    began = time.monotonic()
    try:
        dura = job()
    except Broken as e:
        print("BROKEN: %s" % e, file=sys.stderr)
        return 1
    print("\n%.1f s in all, %.1f s of it in %d dura commands" % (time.monotonic() - began, dura.seconds(), len(dura.calls)))
    return 0
