#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The drift monitor beside river's, frouros' and menelaus' detectors, same streams, same run.

    python3 -m venv build/ci/drift-peers
    build/ci/drift-peers/bin/pip install --no-deps -r bench/drift_requirements.txt
    DURA_LIBRARY=$PWD/build/release/libdura.so PYTHONPATH=bindings/python \\
        build/ci/drift-peers/bin/python bench/bench_drift_peers.py [SEEDS]

Streams 1 to 9 of bench/drift_kit: 5,000 samples, a change, 5,000 more. Every detector runs as it comes, the monitor at one false alarm in 1e5 with the parameters
known; it starts anew after an alarm before the change. Printed per stream: missed, false alarms
before the change per million samples, mean delay of those found. Three figures, never a ratio of
them. A detector that is late is not worse than one that is seldom wrong: read both.
"""
import os
import statistics
import sys
import time

import dura

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "drift_kit"))
import kit  # noqa: E402  (beside this file, not installed)

N, CHANGE = 10_000, 5_000


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


def frouros():
    from importlib.metadata import version

    from frouros.detectors import concept_drift

    def make(name, kind):
        class Peer:
            def __init__(self, _stream_id):
                self.detector = kind()

            def alarm(self, x):
                self.detector.update(value=x)
                drifted = self.detector.drift
                if drifted:
                    self.detector.reset()
                return drifted
        Peer.name = f"frouros {version('frouros')} {name}"
        return Peer
    # Its ADWIN refuses a sum below 0, and so every Gaussian stream.
    return [make("CUSUM", concept_drift.CUSUM), make("PageHinkley", concept_drift.PageHinkley)]


def menelaus():
    from importlib.metadata import version

    from menelaus import change_detection

    def make(name, kind):
        class Peer:
            def __init__(self, _stream_id):
                self.detector = kind()

            def alarm(self, x):
                try:
                    self.detector.update(x)  # starts anew by itself after a drift
                except ValueError:           # CUSUM: its first 30 samples were all equal
                    self.detector = kind()
                    return False
                return self.detector.drift_state == "drift"
        Peer.name = f"menelaus {version('menelaus')} {name}"
        return Peer
    return [make("CUSUM", change_detection.CUSUM), make("PageHinkley", change_detection.PageHinkley)]


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
    kinds = [Ours] + rivers() + frouros() + menelaus()
    began, total = time.monotonic(), {kind.name: [0, 0, 0] for kind in kinds}
    print(f"{seeds} seeds each; missed / false alarms per 1e6 samples / mean delay of those found")
    if kit.check(long=False) != 0:
        sys.exit("these are not the published streams")
    for stream_id, spec in kit.STREAMS.items():
        if spec["rows"] != N:
            continue
        data, what = [list(kit.samples(stream_id, seed)) for seed in range(1, seeds + 1)], spec["what"]
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
