#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/sensor_update: one per thing the sensor can be made to do.

The layout is the one fuzz_sensor_update.c reads: channels, rebase, gap; per channel a head
byte (checks, and which optional fields follow), flags, limits, times; then frames.
"""
import os
import struct

import ctext

TIME, FINITE, RANGE, RATE, FLAT, ALL = 1, 2, 4, 8, 16, 31
NAN, INF = float("nan"), float("inf")
GAP = 0x73                    # (3 << 28) ns, about 0.8 s: how take_time() reads this byte
LONG = 0x85                   # (5 << 33) ns, about 43 s


def channel(checks=ALL, flags=1, limits=(0, 10, 90, 100), rates=(5, 10, 0.01), age=0, hold=0,
            flat=(0x73, 0x7B)):
    return (struct.pack("<BB", checks | 32 | 64 | 128, flags) + struct.pack("<4f", *limits)
            + struct.pack("<3f", *rates) + bytes((age, hold)) + bytes(flat))


def frame(values, step=1, absent=None, stamp=None):
    head = bytes([step]) if stamp is None else bytes([192]) + struct.pack("<Q", stamp << 1)
    head += b"\0" if absent is None else b"\1" + absent.to_bytes(5, "little")
    return head + struct.pack(f"<{len(values)}f", *values)


def seed(channels, frames, rebase=0, gap=LONG):
    return bytes((len(channels) - 1, rebase, gap)) + b"".join(channels) + b"".join(frames)


def walk(k, n=1):
    return [50 + ((k * 7 + i) % 5) * 0.1 for i in range(n)]


SEEDS = {
    "calm": seed([channel()], [frame(walk(k)) for k in range(20)]),
    "not_finite": seed([channel(hold=LONG)], [frame([x]) for x in (50, NAN, INF, -INF, 50.1, NAN)]),
    "range": seed([channel(RANGE)], [frame([x]) for x in (50, 9, 95, -1, 101, 0, 100, -0.0, 50)]),
    "rate": seed([channel(RATE)], [frame([x]) for x in (50, 50.6, 52, 90, 90, 90, 50)]),
    "stuck": seed([channel(FLAT)], [frame([50], step=5) for _ in range(20)] + [frame([51])]),
    "reversed": seed([channel(), channel(RANGE)],
                     [frame(walk(k, 2), step=60) for k in range(5)]
                     + [frame(walk(k, 2), step=170 if k == 0 else 1) for k in range(6)], rebase=3),
    "duplicate": seed([channel(hold=LONG)], [frame(walk(k), step=k % 2) for k in range(8)]),
    "gap": seed([channel()], [frame(walk(k), step=60 if k == 4 else 1) for k in range(9)], gap=GAP),
    "mixed_rates": seed([channel(age=GAP), channel(age=LONG, flags=3)],
                        [frame(walk(k, 2), absent=0 if k % 5 == 0 else 2) for k in range(40)]),
    "missing": seed([channel(age=GAP)], [frame([50], absent=k & 1) for k in range(20)]),
    "substituted": seed([channel(RANGE, hold=GAP)], [frame([500 if k % 9 > 1 else 50]) for k in range(30)]),
    "subnormal": seed([channel(limits=(0, 0, 1e-40, 1e-39), rates=(0, 2e-38, 1e-39))],
                      [frame([x]) for x in (1e-45, -1e-45, 1e-40, 2e-40, 1.2e-38, 1e-39, 0, -0.0)]),
    "largest": seed([channel(RATE, rates=(0, 3.4e38, 3.4e38))],
                    [frame([x], stamp=t) for t, x in ((0, -3.4e38), (1, 3.4e38), (2**62, -3.4e38))]),
    "many_channels": seed([channel(flags=i & 3, hold=LONG if i & 1 else 0) for i in range(33)],
                          [frame([500 if i == k * 5 else v for i, v in enumerate(walk(k, 33))])
                           for k in range(7)]),
    "refused_limits": seed([channel(limits=(5, 4, 3, 2)), channel(limits=(NAN,) * 4),
                            channel(0), channel(RATE, rates=(1, 0, 0))], [frame(walk(k, 4)) for k in range(4)]),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "sensor_update")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


main()
