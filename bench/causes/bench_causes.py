#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fault, drift or attack? The verdicts of `dura run` on scenarios it did not make.

    bench/causes/bench_causes.py [--dura PROGRAM] [--seeds N] [--only train|held|incidents] [--name SCENARIO]
                                 [--plant PLANT] [--json]

For each plant a policy is learned from six hours of clean operation; a linear model fitted to
what the old control drove decides, so the decision log is a real one. Each scenario is run
three times: both logs, the decision log alone (no --security), the security log alone (a day
nothing happens in the process). The verdict is that of the strongest incident that overlaps
the labelled span, `normal` when there is none. Beside it the naive rule: both anomalous is an
attack, the decision log alone a fault.

Prints, per part of the split (scenarios.py): macro-F1 over the verdicts with abstention counted
as an error, recall of attacks, pure faults called attack, coverage; the 22 incidents; the three
ablations; and what was said of each family. docs/correlate-benchmark.md reads it.
"""
import argparse
import collections
import concurrent.futures
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone

import numpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scenarios as sc
from plants import PLANTS

VERDICTS = ["normal", "fault", "drift", "attack", "change"]
CLEAN_ROWS, CLEAN_SEED = 21600, 4711
HOSTILE = {"recon", "access", "config", "exploit", "dos", "audit", "malware"}
GRACE = 120             # seconds behind the span in which a verdict may still begin


def stamp(seconds):
    return datetime.fromtimestamp(sc.EPOCH + seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def write_frames(path, names, rows, times, blind=(), command=None, output=None):
    with open(path, "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["time"] + names + ([output] if output else []))
        for t, row in enumerate(rows):
            if t in blind:
                continue
            cells = ["" if numpy.isnan(v) else "%.6g" % v for v in row]
            out.writerow([stamp(times[t])] + cells + (["%.6g" % command[t]] if output else []))


def write_events(path, events):
    with open(path, "w") as f:
        for e in events:
            e = dict(e)
            e["t"] = stamp(max(0.0, e["t"]))
            f.write(json.dumps(e) + "\n")


class Bench:
    def __init__(self, dura, folder):
        self.dura, self.folder, self.clean = dura, folder, {}
        self.state = os.path.join(folder, "state")

    def call(self, *words):
        p = subprocess.run([self.dura] + [str(w) for w in words], capture_output=True, text=True, timeout=300)
        if p.returncode != 0:
            raise RuntimeError("dura %s: %s" % (" ".join(str(w) for w in words), p.stderr.strip()))
        return p.stdout

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def learn(self, plant):
        """Recording, model and policy of a plant, as an engineer would make them once."""
        p = PLANTS[plant]
        rows, command = sc.clean(plant, CLEAN_ROWS, CLEAN_SEED)
        inputs = numpy.c_[numpy.ones(len(rows)), rows[:, [p.index(i) for i in p.inputs]]]
        weights = numpy.linalg.lstsq(inputs, command, rcond=None)[0]
        model = {"dura_model": 1, "kind": "linear", "inputs": p.inputs,
                 "outputs": [{"name": p.output, "bias": float("%.7g" % weights[0]),
                              "weights": [float("%.7g" % w) for w in weights[1:]]}]}
        with open(self.path(plant + ".model.json"), "w") as f:
            json.dump(model, f)
        write_frames(self.path(plant + ".csv"), p.names(), rows, range(-CLEAN_ROWS - 86400, -86400), command=command, output=p.output)
        self.call("learn", "--frames", self.path(plant + ".csv"), "--model", self.path(plant + ".model.json"),
                  "--baseline", p.output, "-o", self.path(plant + ".policy.json"))
        with open(self.path(plant + ".policy.json")) as f:
            policy = json.load(f)
        policy["device"].update(asset=sc.ASSET, zone=sc.ZONE)
        for c in policy["channels"]:
            c["required"] = c["name"] in p.inputs
        policy["correlate"] = {"window_ms": 300000, "quiet_ms": 60000, "heartbeat_ms": 180000}
        with open(self.path(plant + ".policy.json"), "w") as f:
            json.dump(policy, f)

    def run(self, plant, frames, events, tag):
        out = self.path("run." + tag)
        words = ["run", "--policy", self.path(plant + ".policy.json"), "--model", self.path(plant + ".model.json"),
                 "--frames", frames, "--out", out, "--state", self.state + "." + tag, "--demo-key"]
        if events:
            words += ["--security", events, "--trust", "source", "--clock-error", "5"]
        try:
            self.call(*words)
            with open(os.path.join(out, "incidents.ndjson")) as f:
                return [json.loads(line) for line in f if line.strip()]
        finally:
            shutil.rmtree(out, ignore_errors=True)
            shutil.rmtree(self.state + "." + tag, ignore_errors=True)


def seconds(incident, end):
    text = incident[end]
    whole = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    return whole - sc.EPOCH


def verdict(incidents, span):
    """What was said of a span, and the incident it comes from."""
    best = None
    for i in incidents:
        if seconds(i, "start") > span[1] + GRACE or seconds(i, "end") < span[0] - 300:
            continue
        if best is None or i["score"] > best["score"]:
            best = i
    return ("normal", None) if best is None else (best["verdict"], best)


def naive(scene, incidents):
    process = any(e["log"] == "decision" and e["kind"] not in ("recovered", "network_quiet") for i in incidents
                  for e in i["evidence"] if seconds(i, "start") <= scene.span[1] + GRACE and seconds(i, "end") >= scene.span[0] - 300)
    network = any(e["category"] in HOSTILE and scene.span[0] - 300 <= e["t"] <= scene.span[1] for e in scene.events)
    return "attack" if process and network else "fault" if process else "normal"


def work(bench, part, name, plant, severity, seed):
    scene = sc.make_incident(name, seed) if part == "incidents" else sc.make(name, plant, severity, seed)
    tag = "%s.%s.%d.%d" % (name, plant, severity, seed)
    frames, still, events = (bench.path(tag + end) for end in (".csv", ".still.csv", ".ndjson"))
    names = scene.plant.names()
    write_frames(frames, names, scene.rows, scene.times, scene.blind)
    day, _ = sc.clean(scene.plant.name, sc.ROWS, 31 + seed)
    write_frames(still, names, day, range(sc.ROWS))
    write_events(events, scene.events)
    result = {"part": part, "name": name, "plant": scene.plant.name, "severity": severity, "seed": seed,
              "truth": scene.truth, "accept": sorted(scene.accept)}
    both = bench.run(scene.plant.name, frames, events, tag + ".b")
    for key, incidents in (("both", both), ("decision", bench.run(scene.plant.name, frames, None, tag + ".d")),
                           ("security", bench.run(scene.plant.name, still, events, tag + ".s"))):
        result[key], best = verdict(incidents, scene.span)
        if key == "both":
            result["margin"] = best["margin_dban"] if best else 0
            result["evidence"] = sorted((e["kind"], e["count"]) for e in best["evidence"]) if best else []
    result["naive"] = naive(scene, both)
    for path in (frames, still, events):
        os.remove(path)
    return result


# ---- figures -------------------------------------------------------------------------------------

def f1(rows, key, v):
    hit = sum(r["truth"] == v and r[key] == v for r in rows)
    wrong = sum(r["truth"] != v and r[key] == v for r in rows)
    missed = sum(r["truth"] == v and r[key] != v for r in rows)
    return 2.0 * hit / (2.0 * hit + wrong + missed) if hit + missed else None


def figures(rows, key):
    """Macro-F1 over the verdicts that are right of some scenario; an abstention is an error there."""
    values = [f for f in (f1(rows, key, v) for v in VERDICTS) if f is not None]
    attacks = [r for r in rows if r["truth"] == "attack"]
    faults = [r for r in rows if r["truth"] == "fault"]
    share = lambda part, whole: len(part) / len(whole) if whole else float("nan")
    return {"n": len(rows), "macro_f1": sum(values) / len(values),
            "attack_recall": share([r for r in attacks if r[key] == "attack"], attacks),
            "fault_called_attack": share([r for r in faults if r[key] == "attack"], faults),
            "coverage": share([r for r in rows if r[key] != "unknown"], rows),
            "right_or_open": share([r for r in rows if r[key] in r["accept"] or r[key] == "unknown"], rows)}


def table(rows, out):
    out("%-24s %-9s %5s %9s %9s %9s %9s %9s" % ("", "logs", "n", "macro-F1", "attacks", "false att", "coverage", "right/open"))
    parts = [("train", [r for r in rows if r["part"] == "train"]), ("held out", [r for r in rows if r["part"] == "held"]),
             ("22 incidents", [r for r in rows if r["part"] == "incidents"])]
    for title, some in parts:
        for key in ("both", "decision", "security", "naive") if some else ():
            f = figures(some, key)
            out("%-24s %-9s %5d %9s %9.3f %9.3f %9.3f %9.3f" % (
                title, key, f["n"], "-" if title == "22 incidents" else "%.3f" % f["macro_f1"], f["attack_recall"],
                f["fault_called_attack"], f["coverage"], f["right_or_open"]))
            title = ""


def said(rows, out):
    out("\n%-24s %-18s %s" % ("scenario", "right is", "said, of both logs"))
    groups = collections.OrderedDict()
    for r in rows:
        groups.setdefault((r["part"], r["name"]), []).append(r)
    for (part, name), some in groups.items():
        count = collections.Counter(r["both"] for r in some)
        out("%-24s %-18s %s" % (name, "/".join(some[0]["accept"]), "  ".join("%s %d" % c for c in count.most_common())))


def jobs(seeds, only):
    for name in sc.FAMILIES:
        for plant in PLANTS:
            part = "train" if name in sc.SPLIT["families"] and plant in sc.SPLIT["plants"] else "held"
            if only and only != part:
                continue
            for severity in (1, 2, 3):
                for seed in range(seeds):
                    yield part, name, plant, severity, seed
    if not only or only == "incidents":
        for name in sc.INCIDENTS:
            for seed in range(max(seeds * 5, 2) if seeds < 20 else seeds):
                yield "incidents", name, sc.INCIDENTS[name][0], 1, seed


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parse.add_argument("--dura", default=os.path.join(here, "../../build/release/dura"))
    parse.add_argument("--seeds", type=int, default=4, help="per family, plant and severity; five times as many per incident")
    parse.add_argument("--only", choices=["train", "held", "incidents"])
    parse.add_argument("--name", help="this family or incident only")
    parse.add_argument("--plant", choices=sorted(PLANTS), help="this plant only")
    parse.add_argument("--json", action="store_true", help="one object per scenario, then the figures")
    a = parse.parse_args()
    folder = tempfile.mkdtemp(prefix="causes.")
    try:
        bench = Bench(os.path.abspath(a.dura), folder)
        todo = [j for j in jobs(a.seeds, a.only) if a.name in (None, j[1]) and a.plant in (None, j[2])]
        for plant in sorted({j[2] for j in todo}):
            bench.learn(plant)
        began, rows = time.time(), []
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            for k, r in enumerate(pool.map(work, [bench] * len(todo), *zip(*todo), chunksize=4)):
                rows.append(r)
                if a.json:
                    print(json.dumps(r))
                if sys.stderr.isatty():
                    sys.stderr.write("\r%d of %d" % (k + 1, len(todo)))
        print("%d scenarios, seeds 0 to %d, %.0f s\n" % (len(rows), a.seeds - 1, time.time() - began))
        table(rows, print)
        said(rows, print)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
