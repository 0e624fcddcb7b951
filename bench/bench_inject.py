#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_inject.py: sixteen faults put into real recordings, and who notices.

    PYTHONPATH=bindings/python DURA_LIBRARY=build/release/libdura.so DURA_DATA=... \\
        PYTHON bench/bench_inject.py --dura build/release/dura

PYTHON needs bench/peers/requirements.txt. Every validator learns limits from the first half of a
recording and is asked about the second half, into which each fault is put in each chosen column at
three places drawn by the seed: the same bytes for all, from dura/host/inject.h. An event is caught
when a sample of the columns injected into is alarmed on while the fault lasts (a spike: three rows
more) and is not in the clean run. What comes after the fault has ended, such as the time-out when a
clock is right again, is counted beside. False alarms are samples of the whole second half as it is.
"""
import argparse
import json
import os
import random
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peers import baseline, injector, ioos, ours, px4_rules, recordings  # noqa: E402

BEFORE, AFTER, SPIKE_TAIL, PLACES = 300, 10, 3, 3
APART = ("replay",)             # old good values: only authenticated frames tell them apart


def places(recording, seed):
    """One per equal part of what was not learned from."""
    rng, begin = random.Random(seed), recording.split + max(BEFORE, recording.length)
    span = len(recording.stamps) - begin - recording.length - AFTER
    return [begin + span * i // PLACES + rng.randrange(max(1, span // PLACES)) for i in range(PLACES)]


def make_peers(recording, cli, folder, spurious):
    out = [px4_rules.Peer()]
    try:
        out.append(ioos.Peer())
    except ImportError as error:
        print(f"NOT COMPARED: ioos_qc is not installed ({error}); see bench/peers/requirements.txt")
    sensor = ours.Peer(cli, recording.columns, folder, "--spurious", spurious)
    plain = ours.Peer(cli, recording.columns, folder, "--spurious", spurious, "--checks", "none")
    plain.name = "dura limits"
    return out + [baseline.Peer(), plain, sensor, ours.ByFrame(sensor), ours.WithDrift(sensor)]


class Scene:
    """One stretch around a place: clean, and what each peer says of it as it is."""

    def __init__(self, recording, first, peers):
        self.low = first - max(BEFORE, recording.length)
        high = first + recording.length + AFTER
        self.first, self.length = first - self.low, recording.length
        self.stamps, self.values = recording.stamps[self.low:high], recording.values[self.low:high]
        self.peers, self.clean = peers, {}

    def anyway(self, peer, channel):
        key = (peer.name, channel)
        if key not in self.clean:
            self.clean[key] = peer.alarms(self.stamps, self.values, channel)
        return self.clean[key]

    def caught(self, peer, fault, channels, stamps, values):
        """(while it lasts, then or just after)"""
        new = np.zeros(len(stamps), bool)
        for c in channels:
            new |= peer.alarms(stamps, values, c) & ~self.anyway(peer, c)
        last = self.first + (1 + SPIKE_TAIL if fault == "spike" else self.length)
        return bool(new[self.first:last].any()), bool(new[self.first:last + AFTER].any())


def bench(recording, cli, seed, spurious):
    with tempfile.TemporaryDirectory() as folder:
        peers = make_peers(recording, cli, folder, spurious)
        clean = recording.stamps[:recording.split], recording.values[:recording.split]
        for p in peers:
            p.learn(*clean)
        inject = injector.Injector(clean[1])
        table = {f: {p.name: [0, 0, 0] for p in peers} for f in inject.faults}   # injected, caught, or after
        for place, first in enumerate(places(recording, seed)):
            scene = Scene(recording, first, peers)
            for c in recording.chosen:
                for f in inject.faults:
                    stamps, values = inject.run(f, c, scene.stamps, scene.values, scene.first, scene.length,
                                                seed * 1000003 + 1009 * c + place)
                    if np.array_equal(stamps, scene.stamps) and np.array_equal(values, scene.values):
                        continue                       # nothing changed: no event
                    touched = [c, inject.neighbour(c)] if f == "swap" else [c]
                    for p in peers:
                        now, after = scene.caught(p, f, touched, stamps, values)
                        row = table[f][p.name]
                        row[0], row[1], row[2] = row[0] + 1, row[1] + now, row[2] + after
        raised = {p.name: p.raised for p in peers if getattr(p, "raised", 0)}
        return table, false_alarms(recording, peers), raised


def false_alarms(recording, peers):
    """Share of samples of the chosen columns in the second half, as it is; per column the worst."""
    stamps, values, out = recording.stamps[recording.split:], recording.values[recording.split:], {}
    for p in peers:
        share = [float(p.alarms(stamps, values, c).mean()) for c in recording.chosen]
        out[p.name] = (sum(share) / len(share), max(share), recording.columns[recording.chosen[int(np.argmax(share))]])
    return out


def show(recording, table, far, raised):
    names = list(next(iter(table.values())))
    print(f"\n{recording.name}: {len(recording.stamps)} rows, learned from the first {recording.split}; "
          f"{len(recording.chosen)} columns x {PLACES} places, {recording.length} rows each")
    print(f"{'fault':<16}{'events':>7}" + "".join(f"{n:>14}" for n in names))
    sums = {n: [0, 0, 0] for n in names}
    for f, row in table.items():
        print(f"{f:<16}{row[names[0]][0]:>7}" + "".join(f"{percent(row[n][1], row[n][0]):>14}" for n in names)
              + ("   apart: luck, or authenticated frames" if f in APART else ""))
        for n in names:
            if f not in APART:
                sums[n] = [a + b for a, b in zip(sums[n], row[n])]
    print(f"{'all but replay':<16}{sums[names[0]][0]:>7}" + "".join(f"{percent(sums[n][1], sums[n][0]):>14}" for n in names))
    print(f"{'  or just after':<16}{'':>7}" + "".join(f"{percent(sums[n][2], sums[n][0]):>14}" for n in names))
    print(f"{'false alarms':<16}{'':>7}" + "".join(f"{100 * far[n][0]:>12.3f} %" for n in names) + "   of samples")
    print(f"{'  worst column':<16}{'':>7}" + "".join(f"{100 * far[n][1]:>12.3f} %" for n in names))
    for n, count in raised.items():
        print(f"{n} raised an exception {count} times: counted as no alarm")


def percent(part, of):
    return "-" if of == 0 else f"{100 * part / of:.0f} %"


def main():
    p = argparse.ArgumentParser(description="sixteen faults in real recordings, and who notices")
    p.add_argument("--data", default=os.environ.get("DURA_DATA", "../shared/data"), help="folder with tep/ and batadal/")
    p.add_argument("--dura", default=os.environ.get("DURA_CLI", "build/release/dura"), help="the command line")
    p.add_argument("--recordings", default="tep,batadal")
    p.add_argument("--seed", type=int, default=1, help="of places and chance")
    p.add_argument("--spurious", default="1", help="trips per 30 days that dura learn is asked for")
    p.add_argument("--json", metavar="FILE", help="the tables as JSON too")
    o = p.parse_args()
    if not os.path.isdir(o.data):
        print(f"SKIPPED: there is no folder {o.data}; DURA_DATA names the one with the recordings")
        return 77
    told = {}
    for name in o.recordings.split(","):
        began, recording = time.monotonic(), recordings.ALL[name](o.data)
        table, far, raised = bench(recording, os.path.abspath(o.dura), o.seed, o.spurious)
        show(recording, table, far, raised)
        print(f"{time.monotonic() - began:.0f} s")
        told[name] = {"events": table, "false_alarms": {n: v[0] for n, v in far.items()}, "raised": raised}
    if o.json:
        with open(o.json, "w", encoding="utf-8") as f:
            json.dump(told, f, indent=1)
    return 0


sys.exit(main())
