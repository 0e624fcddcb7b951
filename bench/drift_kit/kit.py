#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Streams to measure a drift detector on, and the scoring: nothing but Python's own library.

    kit.py check                          the streams are the published ones, by their checksums
    kit.py stream ID SEED [--rows N]      one stream as CSV: time (seconds), x
    kit.py score ALARMS.ndjson [--seeds N] [--arl0 FIGURE]
                                          {"stream": 4, "seed": 1, "row": 5012} per line and alarm

README.md beside this file says what the streams are and how they are scored.
"""
import argparse
import collections
import csv
import json
import math
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MASK = (1 << 64) - 1
QUANTILE = statistics.NormalDist().inv_cdf      # Wichura 1988, AS 241, PPND16

with open(os.path.join(HERE, "streams.json"), encoding="utf-8") as f:
    STREAMS = {s["id"]: s for s in json.load(f)["streams"]}


def samples(stream_id, seed, rows=None):
    """The samples of a stream, one by one."""
    spec, state = STREAMS[stream_id], ((stream_id << 32) + seed) & MASK
    change, after = spec.get("change"), spec.get("after", {})
    for t in range(rows or spec["rows"]):
        state = z = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        u = (((z ^ (z >> 31)) >> 11) + .5) * 2.0 ** -53
        changed = change is not None and t >= change
        if spec["law"] == "bernoulli":
            yield 1.0 if u < (after["p"] if changed else spec["p"]) else 0.0
            continue
        x = QUANTILE(u)
        if changed:
            x = x * after.get("sigma", 1.0) + after.get("mean", 0.0) + after.get("slope", 0.0) * (t - change)
        yield x


def check(long):
    """0 when every stream is the published one."""
    wrong = 0
    for s in STREAMS.values():
        if s["rows"] > 100_000 and not long:
            continue
        data = list(samples(s["id"], 1))
        good = abs(sum(data) - s["sum"]) <= 2e-9 * s["rows"] + 1e-6 * abs(s["sum"])
        good &= all(abs(a - b) <= 1e-9 for a, b in zip(data, s["first"]))
        print(f"{s['id']:2d}  sum {sum(data):.9g}  {s['what']}" + ("" if good else f"  WRONG: published {s['sum']:.9g}"))
        wrong += not good
    return int(wrong > 0)


def interval_of_rate(alarms, rows):
    """95 % interval of alarms per row: the square root of a count has a variance of 1/4."""
    root = math.sqrt(alarms)
    return max(0.0, root - .98) ** 2 / rows, (root + .98) ** 2 / rows


def read_alarms(name):
    """{(stream, seed): rows in order}; SystemExit names the line that is wrong."""
    found = collections.defaultdict(list)
    with (sys.stdin if name == "-" else open(name, encoding="utf-8")) as lines:
        for number, line in enumerate(lines, 1):
            try:
                a = json.loads(line)
                key, row = (int(a["stream"]), int(a["seed"])), int(a["row"])
                if key[0] not in STREAMS or not 0 <= row < STREAMS[key[0]]["rows"]:
                    raise ValueError("no such stream or row")
            except (ValueError, KeyError, TypeError) as e:
                raise SystemExit(f"kit.py: {name}: line {number}: {e}; want "
                                 '{"stream": 1..11, "seed": 1.., "row": from 0}') from None
            found[key].append(row)
    return found


def optimum(stream_id, arl0):
    """Mean delay of the CUSUM that knows the change, at this rate: optimum.csv, straight lines in ln(arl0)."""
    with open(os.path.join(HERE, "optimum.csv"), encoding="utf-8", newline="") as f:
        rows = [(float(r["arl0"]), float(r["delay"])) for r in csv.DictReader(l for l in f if l[0] != "#")
                if int(r["stream"]) == stream_id]
    if not rows or not rows[0][0] / 3 <= arl0 <= rows[-1][0] * 10:
        return None
    low = [r for r in rows if r[0] <= arl0][-1:] or rows[:1]
    i = min(rows.index(low[0]), len(rows) - 2)
    (a, da), (b, db) = rows[i], rows[i + 1]
    return da + (db - da) * math.log(arl0 / a) / math.log(b / a)


def score(name, seeds, arl0):
    """Misses, false alarms and delay of each stream; never a ratio of them."""
    found = read_alarms(name)
    print("stream  missed  false alarms per 1e6 rows [95 %]     delay +- s.e.  optimum  what")
    for s in STREAMS.values():
        change = s.get("change")
        runs = [sorted(found.get((s["id"], seed), [])) for seed in range(1, seeds + 1)]
        if change is None:
            runs, rows = runs[:1], s["rows"]
            if not runs[0] and not any(k[0] == s["id"] for k in found):
                continue
        else:
            rows = change * seeds
        early = sum(row < (change if change is not None else s["rows"]) for run in runs for row in run)
        low, high = interval_of_rate(early, rows)
        text = f"{s['id']:6d}"
        rate = f"{early / rows * 1e6:8.1f} [{low * 1e6:.1f}, {high * 1e6:.1f}]"
        if change is None:
            print(f"{text}       -  {rate:<36}                         {s['what']}")
            continue
        delays = [next(row for row in run if row >= change) - change + 1 for run in runs if run and run[-1] >= change]
        mean = statistics.fmean(delays) if delays else math.nan
        error = statistics.stdev(delays) / math.sqrt(len(delays)) if len(delays) > 1 else math.nan
        best = optimum(s["id"], arl0) if arl0 else None
        print(f"{text}  {seeds - len(delays):6d}  {rate:<36} {mean:7.1f} +- {error:5.1f}  "
              f"{f'{best:7.1f}' if best else '      -'}  {s['what']}")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="kit.py", description=__doc__.split("\n", maxsplit=1)[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("check")
    verb.add_argument("--long", action="store_true", help="the streams of 1e6 rows as well")
    verb = verbs.add_parser("stream")
    verb.add_argument("id", type=int, choices=sorted(STREAMS))
    verb.add_argument("seed", type=int)
    verb.add_argument("--rows", type=int)
    verb = verbs.add_parser("score")
    verb.add_argument("alarms")
    verb.add_argument("--seeds", type=int, default=200, help="runs of each stream there were, found or not")
    verb.add_argument("--arl0", type=float, help="rows between false alarms as you measured them: prints the optimum there")
    a = parser.parse_args()
    if a.verb == "check":
        return check(a.long)
    if a.verb == "score":
        return score(a.alarms, a.seeds, a.arl0)
    print("time,x")
    for t, x in enumerate(samples(a.id, a.seed, a.rows)):
        print(f"{t},{x!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
