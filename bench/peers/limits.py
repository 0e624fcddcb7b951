# SPDX-License-Identifier: Apache-2.0
"""Limits of one channel from clean rows, the same for every peer that has no calibrator of its own."""
import numpy as np

from . import MARGIN

WINDOW = 32    # samples of a windowed deviation


def rolling_std(x):
    """Of the last WINDOW samples, NaN before there are as many."""
    out = np.full(len(x), np.nan)
    if len(x) >= WINDOW:
        out[WINDOW - 1:] = np.lib.stride_tricks.sliding_window_view(x, WINDOW).std(axis=1)
    return out


def rests(x, tolerance):
    """How many samples in a row, up to each, lie within tolerance of where the row began."""
    out, began, n = np.zeros(len(x), int), None, 0
    for i, v in enumerate(x.tolist()):
        if began is None or not abs(v - began) <= tolerance:
            began, n = v, 0
        out[i] = n
        n += 1
    return out


class Limits:
    def __init__(self, stamps, x):
        x = x.astype(float)
        seconds = np.diff(stamps) * 1e-9
        steps = np.abs(np.diff(x))
        middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
        self.period = float(np.median(seconds))
        self.low, self.high = middle - MARGIN * half, middle + MARGIN * half
        self.rate = MARGIN * (steps / seconds).max()
        self.spike = MARGIN * np.abs(x[1:-1] - (x[:-2] + x[2:]) / 2).max()
        self.tolerance = 1.5 * steps[steps > 0].min() if (steps > 0).any() else 0.0
        self.rest = int(MARGIN * rests(x, self.tolerance).max()) + 2
        deviations = rolling_std(x)[WINDOW - 1:]
        self.quiet, self.loud = deviations.min() / MARGIN, MARGIN * deviations.max()
        self.mean, self.deviation = x.mean(), x.std()
