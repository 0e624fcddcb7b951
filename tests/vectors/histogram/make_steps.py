#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write steps.h: the statistic of docs/histogram.md after every sample of a short story.

Exact fractions, counts kept as lists of samples where that is easier to believe: halving is
done on the counts as the page says. The standard library alone.
"""
import math
import os
import random
from fractions import Fraction as F

P = [F(1, 10), F(1, 5), F(2, 5), F(1, 5), F(1, 10)]
EDGES = [-1.5, -0.5, 0.5, 2.0]
EVERY = (32, 128, 1024)
N, STEPS = 1000, 1500
rng = random.Random(7)


def value(b):
    lo, hi = ([-4.0] + EDGES)[b], (EDGES + [5.0])[b]
    return round(lo + (hi - lo) * rng.random(), 3) if rng.random() < 0.8 else lo


def main():
    factor = 1.0 + 0.0                            # arl0 1000 = n: nothing beyond the samples
    slack = 1 / (1 + factor * (len(P) - 1) / N)
    counts = [[0] * len(P) for _ in EVERY]
    r, aged = [0.0] * 3, [0.0] * 3
    xs, bins, stats, onsets = [], [], [], []
    for t in range(1, STEPS + 1):
        weights = [1, 2, 4, 2, 1] if t < 1200 else [3, 1, 2, 1, 3]
        b = rng.choices(range(5), weights)[0]
        x = value(b)
        b = sum(x >= e for e in EDGES)
        for m, c in enumerate(counts):
            q = (c[b] + F(2 * len(P)) * P[b]) / F(sum(c) + 2 * len(P))
            lr = float(q / P[b]) * slack
            aged[m] = (aged[m] + r[m] + 1 / 3) * lr
            r[m] = (r[m] + 1 / 3) * lr
            c[b] += 1
            if t % EVERY[m] == 0:
                counts[m] = [v // 2 for v in c]
        best = max(range(3), key=lambda m: r[m])
        xs.append(x)
        bins.append(b)
        stats.append(math.fsum(r))
        onsets.append(aged[best] / r[best])
    def floats(v):
        return ",\n    ".join(", ".join(f"{x:.9e}" for x in v[i:i + 8]) for i in range(0, len(v), 8))
    text = ["/* SPDX-License-Identifier: Apache-2.0 */", "/* Written by make_steps.py. */",
            f"enum {{ H_N = {N}, H_STEPS = {STEPS} }};",
            f"static const float h_edges[4] = {{{', '.join(map(str, EDGES))}}};",
            f"static const float h_p[5] = {{{', '.join(str(float(p)) for p in P)}}};",
            f"static const float h_x[H_STEPS] = {{\n    {floats(xs)}}};",
            f"static const unsigned char h_bin[H_STEPS] = {{{', '.join(map(str, bins))}}};",
            f"static const double h_statistic[H_STEPS] = {{\n    {floats(stats)}}};",
            f"static const double h_onset[H_STEPS] = {{\n    {floats(onsets)}}};"]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "steps.h"), "w", encoding="utf-8") as f:
        f.write("\n".join(text) + "\n")
    print(max(stats[:1200]), stats[-1])


main()
