# SPDX-License-Identifier: Apache-2.0
"""Five tests of ioos_qc: gross range, spike, rate of change, flat line, attenuated signal.

The package judges whole series; the alarm of a sample is SUSPECT, FAIL or MISSING of any test.
A test that raises says nothing, and is counted.
"""
import warnings

import numpy as np

from .limits import WINDOW, Limits

GOOD, UNKNOWN, SUSPECT, FAIL, MISSING = 1, 2, 3, 4, 9


class Peer:
    name = "ioos_qc"

    def __init__(self):
        from ioos_qc import qartod     # without the package there is no such peer
        self.qartod, self.raised = qartod, 0

    def learn(self, stamps, values):
        self.limits = [Limits(stamps, values[:, c]) for c in range(values.shape[1])]

    def _tests(self, m, x, t):
        q = self.qartod
        rest = max(m.rest * m.period, 1)
        yield lambda: q.gross_range_test(x, (m.low, m.high))
        yield lambda: q.spike_test(x, None, m.spike)
        yield lambda: q.rate_of_change_test(x, t, m.rate, m.rate)
        yield lambda: q.flat_line_test(x, t, rest, rest, m.tolerance)
        yield lambda: q.attenuated_signal_test(x, t, m.quiet, m.quiet, test_period=int(WINDOW * m.period), min_obs=WINDOW)

    def alarms(self, stamps, values, channel):
        x, t = values[:, channel].astype(float), stamps.astype("datetime64[ns]")
        out = np.zeros(len(x), bool)
        for test in self._tests(self.limits[channel], x, t):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    out |= np.isin(np.asarray(test()), (SUSPECT, FAIL, MISSING))
            except ValueError:
                self.raised += 1
        return out
