# SPDX-License-Identifier: Apache-2.0
"""What an afternoon with numpy gives: every check that fits in a line, limits from clean data."""
import numpy as np

from . import MARGIN
from .limits import Limits, rests, rolling_std

LAMBDA = 0.1     # of the exponentially weighted mean
GAP = 5          # periods


def ewma(x):
    out, s = np.empty(len(x)), 0.0
    for i, v in enumerate(x.tolist()):
        s += LAMBDA * (v - s)
        out[i] = s
    return out


class Peer:
    name = "numpy"

    def learn(self, stamps, values):
        self.limits = [Limits(stamps, values[:, c]) for c in range(values.shape[1])]
        for c, m in enumerate(self.limits):
            m.ewma = MARGIN * np.abs(self._ewma(values[:, c].astype(float), m)).max()

    @staticmethod
    def _ewma(x, m):
        return ewma((x - m.mean) / (m.deviation or 1.0))

    def alarms(self, stamps, values, channel):
        m, x = self.limits[channel], values[:, channel].astype(float)
        bad = ~np.isfinite(x)
        x = np.where(bad, m.mean, x)                   # what is no number is judged once, as that
        dt = np.diff(stamps, prepend=stamps[0] - int(m.period * 1e9)) * 1e-9
        out = bad | (dt <= 0) | (dt > GAP * m.period) | (x < m.low) | (x > m.high)
        out |= np.abs(np.diff(x, prepend=x[0])) > m.rate * np.maximum(dt, 0)
        out |= rests(x, m.tolerance) > m.rest
        deviation = rolling_std(x)
        out |= (deviation < m.quiet) | (deviation > m.loud)
        return out | (np.abs(self._ewma(x, m)) > m.ewma)
