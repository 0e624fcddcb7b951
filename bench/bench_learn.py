#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_learn.py [--only PART,...]: does what `dura learn` writes keep its promises, and what does it find?

    PYTHONPATH=bindings/python DURA_LIBRARY=$PWD/build/release/libdura.so DURA_DATA=... \\
        python3 bench/bench_learn.py --dura build/release/dura

The same recordings, folds, scores and controls as bench/eval_sensor.py, the numpy reference of the recipe, but with
the real command and the real sensor: `dura learn` reads a CSV file, its policy's channels and checks go into
dura.Sensor, and an alarm is a frame in which any channel is SUSPECT, FAIL or MISSING: one the guard would refuse.
PART is one of promise, batadal, tep, nab. Needs numpy; no random number is drawn.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import eval_sensor as ev  # noqa: E402
from peers import ours  # noqa: E402

UNKNOWN = 2
START = 1_400_000_000
OWN = ("required", "suspect_lo", "suspect_hi", "max_age")     # of a channel, when its FAIL limits are left out


class Learned:
    """What the command made of some rows of a recording; rows keep their place in time."""

    def __init__(self, cli, x, rows, period, promise, *options):
        names = ["c%d" % i for i in range(x.shape[1])]
        with tempfile.TemporaryDirectory() as folder:
            path, policy = os.path.join(folder, "clean.csv"), os.path.join(folder, "policy.json")
            self.period = int(period * 1e9)
            ours.write_csv(path, names, self.stamps(np.flatnonzero(rows)), x[rows])
            done = subprocess.run([cli, "learn", "--frames", path, "-o", policy, "--spurious", "%g" % promise,
                                   "--period", "%d" % (period * 1000), "--json", *options], capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError("dura learn: " + done.stderr)
            self.report = json.loads(done.stdout)
            with open(policy, encoding="utf-8") as f:
                self.policy = json.load(f)
            self.bytes = os.path.getsize(policy)
        self.channels = [ours.in_seconds(c) for c in self.policy["channels"]]
        self.checks = [ours.by_number(c, names) for c in self.policy.get("checks", ())]
        self.gap = self.policy["sensor"]["gap_ms"] / 1000

    def stamps(self, rows):
        return START * 10**9 + rows.astype(np.int64) * self.period

    def alarm(self, y, limits=True):
        """limits: with the FAIL limits of the channels."""
        import dura
        channels = self.channels if limits else [alone(c) for c in self.channels]
        sensor = dura.Sensor(channels, checks=self.checks, gap=self.gap)
        said = sensor.update_n(np.ascontiguousarray(y, np.float32), self.stamps(np.arange(len(y))))[1]
        return (said > UNKNOWN).any(axis=1)


def alone(channel):
    """A channel without its FAIL limits; the SUSPECT ones are those of the family range."""
    out = {k: v for k, v in channel.items() if k in OWN}
    if "suspect_lo" in out:
        out.update(fail_lo=-ours.FLT_MAX, fail_hi=ours.FLT_MAX)
    return out


def whole(x):
    return np.ones(len(x), bool)


# ---- promise ---------------------------------------------------------------------------------------------------

def promised(cli, label, x, rows, tests, period, promises, *options):
    out, n = [], sum(int(m.sum()) for _, m in tests)
    for promise in promises:
        p = Learned(cli, x, rows, period, promise, *options)
        k = sum(ev.trips(p.alarm(y)[m]) for y, m in tests)
        alone_k = sum(ev.trips(p.alarm(y, limits=False)[m]) for y, m in tests)
        due, (lo, hi) = promise * n * period / ev.DAYS30, ev.poisson_span(k)
        out.append((label, "%g" % promise, "%.1f" % due, k, "%.2f" % (k / due), "%.2f..%.2f" % (lo / due, hi / due), alone_k))
    return out


def part_promise(cli, data):
    x, normal, faulty = ev.read_tep(data)
    before = [(v[:ev.FAULT_AT], whole(v[:ev.FAULT_AT])) for v in faulty.values()]
    half = np.arange(len(normal)) < len(normal) // 2
    tep, many, few = ev.MINUTES3, (10.0, 30.0, 100.0), (30.0, 100.0)
    rows = promised(cli, "TEP d00, then d00_te", x, whole(x), [(normal, whole(normal))], tep, many)
    rows += promised(cli, "TEP d00, then d00_te and %d x 160 rows before faults" % len(faulty), x, whole(x),
                     [(normal, whole(normal))] + before, tep, many)
    rows += promised(cli, "TEP d00_te, then d00 and those", normal, whole(normal), [(x, whole(x))] + before, tep, many)
    rows += promised(cli, "TEP half of d00_te, then the other", normal, half, [(normal[~half], whole(normal[~half]))], tep, few)
    rows += promised(cli, "TEP half of d00_te, then the other", normal, ~half, [(normal[half], whole(normal[half]))], tep, few)
    _, x3 = ev.read_batadal(data, 3)
    month = np.arange(len(x3)) // 730
    for first in (4, 6, 8):
        rows += promised(cli, "BATADAL months 1-%d, then %d-12" % (first, first + 1), x3, month < first,
                         [(x3, month >= first)], ev.HOUR, (1.0, 3.0, 10.0))
    rows += promised(cli, "BATADAL months 7-12, then 1-6", x3, month >= 6, [(x3, month < 6)], ev.HOUR, (1.0, 3.0, 10.0))
    ev.table("Promise: spurious trips in 30 days asked of `dura learn`, expected in unseen rows, counted by the sensor",
             ("learned, then counted", "asked", "due", "counted", "counted / due", "95 % interval", "checks alone"), rows)


# ---- BATADAL -----------------------------------------------------------------------------------------------------

SETS = {"rules": "rule", "parity": "parity", "fast": "rule,vote,parity,joint", "all": "all"}
PROMISES = ev.PROMISES
SLOW = ("window", "window2")


def batadal_alarms(cli, x3, x4, limits):
    """(set, promise) -> alarms on dataset03, each sixth by the rest; on dataset04."""
    parts = [np.arange(len(x3)) * ev.PARTS03 // len(x3) == k for k in range(ev.PARTS03)]
    out = {}
    for name, families in SETS.items():
        for promise in PROMISES:
            held = np.zeros(len(x3), bool)
            for part in parts:
                p = learned_set(cli, x3, ~part, promise, name, families)
                held[part] = p.alarm(x3, limits)[part]
            out[name, promise] = held, learned_set(cli, x3, whole(x3), promise, name, families).alarm(x4, limits)
    return out


def learned_set(cli, x, rows, promise, name, families):
    p = Learned(cli, x, rows, ev.HOUR, promise, "--checks", families)
    if name == "fast":
        p.checks = [c for c in p.checks if not any(c.get(w) for w in SLOW)]
    return p


def part_batadal(cli, data):
    _, x3 = ev.read_batadal(data, 3)
    times, x4 = ev.read_batadal(data, 4)
    span, n = ev.spans(times), len(times)
    cut = [0] + [(span[a[-1]][1] + span[b[0]][0]) // 2 for a, b in zip(ev.FOLDS, ev.FOLDS[1:])] + [n]
    runs = batadal_alarms(cli, x3, x4, False)
    tnr = {(a, b, h): 1.0 - float(ev.Numpy.hold(c, h).mean()) for (a, b), (c, _) in runs.items() for h in ev.HOLDS}
    held = {(a, b, h): ev.Numpy.hold(d, h) for (a, b), (_, d) in runs.items() for h in ev.HOLDS}
    rows, pooled, tnr03 = [], np.zeros(n, bool), []
    for k, fold in enumerate(ev.FOLDS):
        lo, hi = cut[k], cut[k + 1]
        pick = ev.choose(runs, tnr, held, span, lo, hi)
        pooled[lo:hi] = held[pick][lo:hi]
        tnr03.append(tnr[pick])
        s = ev.score(pooled, span, lo, hi)
        rows.append(("{%s}" % ",".join(str(a + 1) for a in fold), "%s, %g a month, hold %d" % pick) + s[:3] +
                    (tnr[pick], hours(s[3])))
    s = ev.score(pooled, span, 0, n)
    rows.append(("pooled", "") + s[:3] + (min(tnr03), hours(s[3])))
    for name, alarm in (("never", np.zeros(n, bool)), ("always", np.ones(n, bool))):
        rows.append(("control: %s alarm" % name, "") + ev.score(alarm, span, 0, n)[:3] + (1.0 - float(alarm[0]), ""))
    ev.table("BATADAL: policies of `dura learn`, checks alone; every choice made without the scored fold",
             ("attacks", "choice", "S", "TPR", "TNR", "TNR dataset03 held out", "hours to alarm"), rows)
    ev.pure(runs, tnr, held, span, n)
    p = Learned(cli, x3, whole(x3), ev.HOUR, 1.0)
    rows = [(words,) + ev.score(ev.Numpy.hold(p.alarm(x4, limits), hold), span, 0, n)[:3]
            for words, limits, hold in (("checks alone", False, 0), ("checks alone, hold 12", False, 12),
                                        ("as written, with the FAIL limits of channels", True, 0))]
    ev.table("BATADAL: the policy as it is, 1 trip a month asked (%d checks, %d bytes of JSON)" % (len(p.checks), p.bytes),
             ("what", "S", "TPR", "TNR"), rows)


def hours(delays):
    return ", ".join("-" if d is None else str(d) for d in delays)


# ---- Tennessee Eastman -----------------------------------------------------------------------------------------------

def part_tep(cli, data):
    x, normal, faulty = ev.read_tep(data)
    rows, per = [], []
    for promise in (1.0, 10.0, 30.0, 100.0):
        p = Learned(cli, x, whole(x), ev.MINUTES3, promise)
        y = {k: p.alarm(v) for k, v in faulty.items()}
        found = [float(v[ev.FAULT_AT:].mean()) for v in y.values()]
        before = np.concatenate([v[:ev.FAULT_AT] for v in y.values()])
        rows.append(("%g" % promise, float(np.mean(found)), float(before.mean()), float(p.alarm(normal).mean()),
                     sum(bool(v[ev.FAULT_AT:].any() and not v[:ev.FAULT_AT].any()) for v in y.values())))
        per.append(("%g" % promise,) + tuple("%.0f" % (100.0 * v) for v in found))
    ev.table("TEP: policies learned on d00 (no test row seen), frames refused",
             ("trips a month asked", "mean detection", "pre-fault alarm", "alarm on d00_te",
              "silent before, then found, of %d" % len(faulty)), rows)
    ev.table("TEP: per fault, per cent of the frames behind its begin",
             ("trips a month asked",) + tuple("d%02d" % k for k in faulty), per)


# ---- NAB ---------------------------------------------------------------------------------------------------------------

FIVE_MINUTES = 300.0


def part_nab(cli, data):
    times, x = ev.read_nab(data, ev.MACHINE)
    with open(os.path.join(data, "nab", "combined_windows.json"), encoding="utf-8") as f:
        marked = json.load(f)["realKnownCause/%s.csv" % ev.MACHINE]
    windows = [(times.index(a[:19]), times.index(b[:19])) for a, b in marked]
    rows = []
    for promise in (0.1, 1.0, 10.0):
        first = np.arange(len(x)) < min(int(0.15 * len(x)), 750)
        p = Learned(cli, x[:, None], first, FIVE_MINUTES, promise)
        found, false = ev.nab_count(p.alarm(x[:, None]).astype(float), 0.5, windows, 750, len(x))
        quiet = []
        for name in ev.QUIET:
            q = ev.read_nab(data, name)[1]
            if q[:600].std() > 0.0:
                a = Learned(cli, q[:, None], np.arange(len(q)) < min(int(0.15 * len(q)), 750), FIVE_MINUTES, promise)
                quiet.append(len(ev.begins(ev.Numpy.hold(a.alarm(q[:, None]), ev.DAY))))
        kept = ", ".join(f["name"] for f in p.report["families"] if f["refused"] == 0)
        rows.append(("%g" % promise, found, false, "%d in %d series" % (sum(quiet), len(quiet)), kept))
    ev.table("NAB: machine temperature, learned on the first 750 rows; of 4 windows, alarms held for a day",
             ("trips a month asked", "windows found", "false alarms", "alarms in quiet series that move", "families"), rows)


PARTS = {"promise": part_promise, "batadal": part_batadal, "tep": part_tep, "nab": part_nab}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ap = argparse.ArgumentParser(description="what `dura learn` writes, on recordings it has not seen")
    ap.add_argument("--data", default=os.environ.get("DURA_DATA") or os.path.join(here, "..", "..", "shared", "data"))
    ap.add_argument("--dura", default=os.environ.get("DURA_CLI", "build/release/dura"), help="the command line")
    ap.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    args = ap.parse_args()
    if any(p not in PARTS for p in args.only.split(",")):
        ap.error("parts are " + ", ".join(PARTS))
    missing = [d for d in ("batadal", "tep", "nab") if not os.path.isdir(os.path.join(args.data, d))]
    if missing:
        print("SKIPPED: bench_learn: no %s in the data folder; set DURA_DATA. Nothing was measured." % ", ".join(missing))
        return 77
    for part in args.only.split(","):
        PARTS[part](os.path.abspath(args.dura), args.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
