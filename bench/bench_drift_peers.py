#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The drift monitor beside river's detectors, on the same streams in the same run.

    python3 -m venv build/ci/drift-peers
    build/ci/drift-peers/bin/pip install --no-deps -r bench/drift_requirements.txt
    DURA_LIBRARY=$PWD/build/release/libdura.so PYTHONPATH=bindings/python \\
        build/ci/drift-peers/bin/python bench/bench_drift_peers.py [SEEDS]

Streams 1 to 9 of tests/drift_streams.h, made here a second time (SplitMix64, and the normal
quantile of Python's statistics module, which is AS 241 as well): 5,000 samples, a change, 5,000
more. Every detector runs as it comes, the monitor at one false alarm in 1e5 with the parameters
known; it starts anew after an alarm before the change. Printed per stream: missed, false alarms
before the change per million samples, mean delay of those found. Three figures, never a ratio of
them. A detector that is late is not worse than one that is seldom wrong: read both.
"""
import statistics
import sys
import time

import dura

N, CHANGE, MASK = 10_000, 5_000, (1 << 64) - 1
WHAT = {1: "Bernoulli .2 -> .4", 2: "mean +0.25", 3: "mean +0.5", 4: "mean +1", 5: "mean +2", 6: "spread x1.5",
        7: "spread x2", 8: "spread x0.5", 9: "ramp 1 / 5000"}
SHIFT, SPREAD = {2: .25, 3: .5, 4: 1., 5: 2.}, {6: 1.5, 7: 2., 8: .5}
QUANTILE = statistics.NormalDist().inv_cdf


def stream(stream_id, seed):
    """All samples of one stream."""
    state, out = ((stream_id << 32) + seed) & MASK, []
    for t in range(N):
        state = z = (state + 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        u = (((z ^ (z >> 31)) >> 11) + .5) * 2.0 ** -53
        changed = t >= CHANGE
        if stream_id == 1:
            out.append(1.0 if u < (.4 if changed else .2) else 0.0)
            continue
        x = QUANTILE(u)
        if changed and stream_id in SHIFT:
            x += SHIFT[stream_id]
        elif changed and stream_id in SPREAD:
            x *= SPREAD[stream_id]
        elif changed and stream_id == 9:
            x += (t - CHANGE) / 5000
        out.append(x)
    return out


SUMS = {1: 3025, 2: 1200.761187, 3: 2643.512356, 4: 5073.362752, 5: 10062.16831, 6: 117.2572075, 7: -125.2557534,
        8: 97.19254914, 9: 2486.693077}   # of seed 1, as bench_drift_rates.c has them


class Ours:
    name = f"dura {dura.__version__}, arl0 1e5"

    def __init__(self, stream_id):
        bernoulli = stream_id == 1
        self.monitor = dura.Drift({"x": dura.Reference(0, .2, .4, low=0, high=1) if bernoulli else dura.Reference(0, 0, 1)},
                                  1e5, restart=True)

    def alarm(self, x):
        return bool(self.monitor.update([x]))


def rivers():
    import river
    from river import drift

    def make(name, kind):
        class Peer:
            def __init__(self, _stream_id):
                self.detector = kind()

            def alarm(self, x):
                self.detector.update(x)
                return self.detector.drift_detected
        Peer.name = f"river {river.__version__} {name}"
        return Peer
    return [make("ADWIN", drift.ADWIN), make("PageHinkley", drift.PageHinkley), make("KSWIN", lambda: drift.KSWIN(seed=1))]


def judge(kind, stream_id, samples):
    """(false alarms before the change, delay or None)."""
    detector, early = kind(stream_id), 0
    for t, x in enumerate(samples):
        if not detector.alarm(x):
            continue
        if t >= CHANGE:
            return early, t - CHANGE + 1
        early += 1
    return early, None


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    kinds = [Ours] + rivers()
    began, total = time.monotonic(), {kind.name: [0, 0, 0] for kind in kinds}
    print(f"{seeds} seeds each; missed / false alarms per 1e6 samples / mean delay of those found")
    for stream_id, what in WHAT.items():
        data = [stream(stream_id, seed) for seed in range(1, seeds + 1)]
        if abs(sum(data[0]) - SUMS[stream_id]) > 2e-6 * (abs(SUMS[stream_id]) + 1):
            sys.exit(f"stream {stream_id} is another one here: its sum is {sum(data[0])}")
        print(f"{stream_id} {what}")
        for kind in kinds:
            found = [judge(kind, stream_id, samples) for samples in data]
            early, delays = sum(e for e, _ in found), [d for _, d in found if d is not None]
            missed = seeds - len(delays)
            mean = f"{statistics.fmean(delays):8.1f}" if delays else "       -"
            print(f"    {kind.name:<28} {missed:4d} {early / (seeds * CHANGE) * 1e6:9.1f} {mean}")
            total[kind.name][0] += missed
            total[kind.name][1] += early
            total[kind.name][2] += seeds
    print("all streams: missed of, false alarms per 1e6")
    for name, (missed, early, n) in total.items():
        print(f"    {name:<28} {missed:4d} of {n} {early / (n * CHANGE) * 1e6:9.1f}")
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
