#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""whole_path.py --data DIR --dura PROGRAM --out DIR: Tennessee Eastman, from the files to a verdict.

An XGBoost model of the reactor pressure three minutes ahead and a policy by `dura learn`, both from the normal training run d00; every test run at hand guarded in observe mode.
In a test run the fault begins at sample 161; the normal one has none. README.md has the figures.

Needs the PyPI packages xgboost and numpy. Everything made is under --out, which must be new.
Exit 0 whatever the figures are, 1 when something broke, 2 wrong usage.
"""
import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "batadal"))
import path_common as common
from path_common import Broken, Dura, Said, counted, top

NAMES = ["XMEAS%d" % k for k in range(1, 42)] + ["XMV%d" % k for k in range(1, 12)]
TARGETS = ["XMEAS7"]                                # reactor pressure, kPa
SECONDS, START = 180, 1767225600                    # 2026-01-01: the files have no times
FAULT = 160                                         # rows before the fault
FAULTS = range(1, 22)


# ---- the files -------------------------------------------------------------------------------

def load(path):
    """Rows x 52; d00.dat is transposed."""
    table = np.loadtxt(path, dtype=np.float32)
    return table.T if table.shape[0] == len(NAMES) else table


def write_frames(path, table):
    with open(path, "w", encoding="utf-8") as f:
        f.write(",".join(["time"] + NAMES) + "\n")
        for k, row in enumerate(table):
            f.write(",".join([str(START + SECONDS * k)] + ["%.9g" % v for v in row]) + "\n")


# ---- counting -----------------------------------------------------------------------------------

def errors(said, table):
    """|measured now - what the previous decision's answer said| per target; NaN without an answer."""
    at = [NAMES.index(t) for t in TARGETS]
    e = np.full((len(table), len(at)), np.nan)
    for k in range(1, len(table)):
        if said.answer[k - 1]:
            e[k] = np.abs(table[k, at] - np.array(said.answer[k - 1]))
    return e


def delay(flags):
    """Samples from the first faulty one to the first alarm; with a star: it was on before the fault."""
    hit = np.flatnonzero(flags[FAULT:])
    return "-" if not len(hit) else "%d%s" % (hit[0], "*" if flags[FAULT - 1] else "")


def share(flags):
    return "%5.1f %5.1f %5s" % (100 * flags[:FAULT].mean(), 100 * flags[FAULT:].mean(), delay(flags))


# ---- the path -------------------------------------------------------------------------------------

class Path:
    def __init__(self, args):
        self.out, self.dura = args.out, Dura(args.dura, args.out)
        self.source = os.path.join(args.data, "tep")
        os.makedirs(args.out)
        self.clean = load(os.path.join(self.source, "d00.dat"))
        write_frames(self.at("clean.csv"), self.clean)
        self.half = len(self.clean) // 2
        self.by_name = {n: self.clean[:, k] for k, n in enumerate(NAMES)}

    def at(self, name):
        return os.path.join(self.out, name)

    def train(self):
        eaten = ["XMEAS%d" % k for k in (6, 7, 8, 9, 13, 16, 21)] + ["XMV6", "XMV10"]
        inputs, f = common.features(eaten, self.by_name, ["XMEAS6", "XMEAS7", "XMEAS8", "XMEAS9"], ["XMEAS7", "XMEAS8"], 3)
        y = np.stack([self.by_name[t] for t in TARGETS], axis=1)
        booster = common.train(inputs, f[:self.half - 1], y[1:self.half], ["next_" + t for t in TARGETS], self.at("model.json"),
                               100, 3, 0.1)
        import xgboost
        held = booster.predict(xgboost.DMatrix(f[self.half:-1], feature_names=inputs))
        e = held.reshape(-1, len(TARGETS)) - y[self.half + 1:]      # one target: XGBoost leaves the axis out
        print("model: %d inputs, trained on %d samples; error in the other %d, share of the variance: %s"
              % (len(inputs), self.half, len(e), ", ".join("%s %.2f" % (t, v) for t, v in
                 zip(TARGETS, (e ** 2).mean(0) / y[self.half + 1:].var(0)))))

    def run(self, policy, frames, name, n):
        self.dura.run(policy, self.at("model.json"), frames, self.at(name))
        return Said(self.dura, self.at(name), n)

    def learn(self, name, *more):
        r = self.dura.learn(self.at("clean.csv"), self.at("model.json"), self.at(name + ".json"), "--name", "reactor", *more)
        policy = common.set_times(common.read_json(self.at(name + ".json")), SECONDS * 1000)
        common.write_json(self.at(name + ".run.json"), policy)
        return r, policy

    def hold_out(self):
        r, _ = self.learn("half", "--holdout", "0.5")
        days = r["holdout"]["days"]
        print("learned from %d samples, asked %g trips in 30 days: stated %.2f; the other %d (%.2f days): %d trips, %.2f in 30 "
              "days (%g to %g trips would agree)" % (r["rows"], r["spurious"]["asked"], r["spurious"]["stated"],
              r["holdout"]["rows"], days, r["holdout"]["trips"], r["holdout"]["trips"] * 30.0 / days,
              r["holdout"]["least"], r["holdout"]["most"]))
        print("  drift: %d alarms in them, 1 asked in %g; %d of %d references promise their rate"
              % (r["holdout"]["drift_alarms"], r["drift"]["arl0"], r["drift"]["promised"], r["drift"]["references"]))
        rest = self.clean[self.half:]
        write_frames(self.at("held.csv"), rest)
        self.held = self.run(self.at("half.run.json"), self.at("held.csv"), "run.held", len(rest))
        print("  guarded: %s; %d incidents: %s; drift alarms by %s" % (counted(self.held.action), len(self.held.incidents),
              counted(i["verdict"] for i in self.held.incidents), top(self.held.alarms) or "none"))
        self.limit = np.nanmax(errors(self.held, rest), axis=0)    # the largest error of samples not trained on

    def policies(self):
        r, policy = self.learn("whole")
        print("policy from all %d samples: %d limits, %d of %d drift references promise their rate"
              % (r["rows"], r["limits"], r["drift"]["promised"], r["drift"]["references"]))
        print("tightened, from d00 alone:")
        for line in common.tighten(policy, common.too_many(self.held.flat, self.held), self.held):
            print("  " + line)
        common.write_json(self.at("tightened.json"), policy)
        self.tightened = policy != common.read_json(self.at("whole.run.json"))

    def one(self, fault, policy, kind):
        file = os.path.join(self.source, "d%02d_te.dat" % fault)
        if not os.path.exists(file):
            return None
        table = load(file)
        frames = self.at("d%02d.csv" % fault)
        if not os.path.exists(frames):
            write_frames(frames, table)
        said = self.run(policy, frames, "%s.d%02d" % (kind, fault), len(table))
        said.tripped = np.array([a != "ACT" for a in said.action])
        said.tripped[:said.warm()] = False
        said.wrong = (errors(said, table) > self.limit).any(axis=1)
        said.any = said.incident_at | said.tripped | said.drifted
        for i in said.incidents:
            if "security" not in i["missing"]:
                raise Broken("d%02d: incident %d does not name the missing security log" % (fault, i["id"]))
        return said

    def line(self, name, said):
        before = [i["verdict"] for i, begin, _ in said.spans() if begin < FAULT]
        after = [i["verdict"] for i, begin, _ in said.spans() if begin >= FAULT]
        print("%-7s %s | %s | %s | %s | %s | %s; %s" % (name, share(said.any), share(said.incident_at), share(said.tripped),
              share(said.drifted), share(said.wrong), counted(before), counted(after)))

    def table(self, policy, kind):
        print("\n%s; %% of samples before and after sample 160, samples to the first alarm behind it (*: on before it)" % kind)
        print("%-7s %-17s | %-17s | %-17s | %-17s | %-17s | incidents opened before; after"
              % ("run", "any but model err.", "incident open", "not ACT", "drift", "model error"))
        runs = {}
        normal = self.one(0, policy, kind)
        if normal is None:
            raise Broken("d00_te.dat is missing")
        self.line("normal", normal)
        for fault in FAULTS:
            said = self.one(fault, policy, kind)
            if said is not None:
                runs[fault] = said
                self.line("d%02d" % fault, said)
        self.sums(normal, runs)

    @staticmethod
    def sums(normal, runs):
        for what, flags in (("any but model error", lambda s: s.any), ("incident open", lambda s: s.incident_at),
                            ("not ACT", lambda s: s.tripped), ("drift", lambda s: s.drifted), ("model error", lambda s: s.wrong)):
            fresh = [f for f, s in runs.items() if (flags(s)[FAULT:] & ~flags(s)[FAULT - 1:-1]).any()]
            clear = [f for f, s in runs.items() if not flags(s)[:FAULT].any() and flags(s)[FAULT:].any()]
            late = [int(np.flatnonzero(flags(runs[f])[FAULT:])[0]) for f in clear]
            print("  %-20s began after the fault in %d of %d; silent before it and then on: %d, median delay %s; after the fault "
                  "%.1f %% of samples; normal run %.1f %%, %d alarms" % (what, len(fresh), len(runs), len(clear),
                  "%g" % np.median(late) if late else "-", 100 * np.mean([flags(s)[FAULT:].mean() for s in runs.values()]),
                  100 * flags(normal).mean(), int((flags(normal) & ~np.r_[False, flags(normal)[:-1]]).sum())))
        print("  normal run: %s; drift alarms by %s; rejected by %s" % (counted(normal.action), top(normal.alarms) or "none",
                                                                      top(normal.rejects) or "none"))


def job(args):
    path = Path(args)
    path.train()
    path.hold_out()
    path.policies()
    path.table(path.at("whole.run.json"), "as learned")
    if path.tightened:
        path.table(path.at("tightened.json"), "tightened")
    else:
        print("\ntightened: the same policy")
    print("\ncontrols: never alarm 0 %, 0 %; always alarm 100 %, 100 %, 0 samples")
    return path.dura


if __name__ == "__main__":
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, text in (("--data", "folder with tep/"), ("--dura", "the command line"), ("--out", "a new folder")):
        cli.add_argument(name, required=True, help=text)
    chosen = cli.parse_args()
    if os.path.exists(chosen.out):
        cli.error("--out %s is there already" % chosen.out)
    sys.exit(common.main(lambda: job(chosen)))
