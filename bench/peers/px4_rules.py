# SPDX-License-Identifier: Apache-2.0
"""The rules of PX4's DataValidator, written anew from a description of what they do.

One validator watches a sensor of up to three axes; a scalar is axis 0 and the other two stay
0. What a sample does: the driver's error count rises -> error density rises by as much, else
it falls by one, never below 0. A finite axis that is within 1e-6 of its last value adds one to
*the* counter of equal values, else sets it to 0: one counter for all axes, looked at one after
the other, so that of a scalar a frozen value adds three and a live one leaves two. A value that
is not finite is passed over. The stamp is kept whatever it is.
What is asked: 0 without any stamp but 0; 0 when now is past the last stamp by more than the
time-out; 0 when the counter is above its threshold; 0 for ever after 10,000 errors; else
1 - density / 100. There is no range, no rate, no spike and no look at another sensor.
"""
import math

import numpy as np

EQUAL, EQUAL_COUNT, NO_RETURN, DENSITY_WINDOW = 1e-6, 100, 10000, 100
NO_DATA, STALE, TIMEOUT, HIGH_COUNT, HIGH_DENSITY = 1, 2, 4, 8, 16
GOOD_ENOUGH = 0.9    # below this the group looks for another sensor


class Validator:
    """put() and confidence() in microseconds."""

    def __init__(self, timeout_us, equal_threshold=EQUAL_COUNT):
        self.timeout_us, self.equal_threshold = timeout_us, equal_threshold
        self.last_us = self.errors = self.density = self.equal = 0
        self.value = [0.0, 0.0, 0.0]

    def put(self, stamp_us, value, errors=0):
        self.density = self.density + errors - self.errors if errors > self.errors else max(0, self.density - 1)
        self.errors = errors
        for axis, x in enumerate(value):
            if not math.isfinite(x):
                continue
            self.equal = self.equal + 1 if abs(x - self.value[axis]) < EQUAL else 0
            self.value[axis] = x
        self.last_us = stamp_us

    def confidence(self, now_us):
        """(confidence, flags)"""
        if self.last_us == 0:
            return 0.0, NO_DATA
        if now_us > self.last_us + self.timeout_us:
            return 0.0, TIMEOUT
        if self.equal > self.equal_threshold:
            return 0.0, STALE
        if self.errors > NO_RETURN:
            return 0.0, HIGH_COUNT
        density = min(self.density, DENSITY_WINDOW)
        return 1.0 - density / DENSITY_WINDOW, HIGH_DENSITY if density else 0


class Peer:
    name = "PX4 rules"

    def learn(self, stamps, values):
        """Its thresholds are constants; only the time-out needs the period: three of them."""
        self.timeout_us = 3 * int(np.median(np.diff(stamps))) // 1000

    def alarms(self, stamps, values, channel):
        """Asked when a frame comes in, before it is put (a gap) and after (the rest)."""
        v, out = Validator(self.timeout_us), np.zeros(len(stamps), bool)
        for row, (stamp, x) in enumerate(zip((stamps // 1000).tolist(), values[:, channel].tolist())):
            late = row > 0 and v.confidence(stamp)[0] < GOOD_ENOUGH
            v.put(stamp, (x, 0.0, 0.0))
            out[row] = late or v.confidence(stamp)[0] < GOOD_ENOUGH
        return out
