#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""When a mixture of Shiryaev-Roberts statistics finds a shift without noise: double precision.

Weights, shifts, spreads and overshoot are those docs/drift.md lists. Prints the rows of
tests/test_drift_probe.c.
"""
import math

WEIGHTS = [0.165, 0.069, 0.062, 0.072] * 2 + [0.1, 0.09, 0.074]
SHIFTS = [0.16, 0.48, 1.12, 2.4]
SPREADS = [math.sqrt(2), 2, 1 / math.sqrt(3.25)]
OVERSHOOT = 1.455


def delay(arl0, z):
    """Samples of exactly z deviations until the mixture reaches the limit."""
    ratios = [math.exp(s * z - s * s / 2) for s in SHIFTS] + [math.exp(-s * z - s * s / 2) for s in SHIFTS]
    ratios += [math.exp(z * z / 2 * (1 - 1 / s ** 2)) / s for s in SPREADS]
    t = 0
    while True:
        t += 1
        total = sum(w * sum(r ** k for k in range(1, t + 1)) for w, r in zip(WEIGHTS, ratios))
        if total >= arl0 / OVERSHOOT:
            return t


def wide_delay(arl0, z):
    """The same for samples of z and -z deviations in turn, sample by sample."""
    r, t = [0.0] * 11, 0
    while True:
        x, t = (z if t % 2 == 0 else -z), t + 1
        ratios = [math.exp(s * x - s * s / 2) for s in SHIFTS] + [math.exp(-s * x - s * s / 2) for s in SHIFTS]
        ratios += [math.exp(x * x / 2 * (1 - 1 / s ** 2)) / s for s in SPREADS]
        r = [(a + w) * lr for a, w, lr in zip(r, WEIGHTS, ratios)]
        if sum(r) >= arl0 / OVERSHOOT:
            return t


for arl0 in (1e3, 1e4, 1e5, 1e6, 1e9):
    print("        " + " ".join("{%gf, %gf, %d}," % (arl0, z, delay(arl0, z)) for z in (0.75, 1.0, -1.0, 2.0, -3.5, 6.0)))
print()
for arl0 in (1e3, 1e4, 1e5, 1e6, 1e9):
    print("        " + " ".join("{%gf, %gf, %d}," % (arl0, z, wide_delay(arl0, z)) for z in (1.5, 2.0, 3.0, 6.0)))
