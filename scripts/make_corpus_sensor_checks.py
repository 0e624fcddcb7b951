#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/sensor_checks: one per kind of check, with frames that meet it.

The layout is the one fuzz_sensor_checks.c reads: eight channel heads, the checks with their
terms, then frames of a step byte and eight values.
"""
import os
import struct

import ctext

SPIKE, NOISE, DRIFT, VOTE, RULE, FORBID, TRANSITION, PARITY, JOINT = range(1, 10)
HEAD = 2 | 4 | 8 | 128         # f32, required, SUSPECT_OK, range, hold
NAN = float("nan")


def number(x):
    """Half steps up to 63 in one byte, all else behind a marker."""
    if x == x and abs(x) < 60 and (2 * x) == int(2 * x) and int(2 * x) % 2 == 0:
        return struct.pack("<b", int(2 * x))
    return b"\x01" + struct.pack("<f", x)


def check(kind, channel=0, other=0, level=1, flags=0, window=0, window2=0, suspect=0, fail=0, mean=0,
          scale=0, span=(0, 0), when=(0, 0), was=(0, 0), terms=(), triangle=()):
    head = bytes((kind, level, flags, channel, other, window, window2))
    limits = b"".join(number(x) for x in (suspect, fail, mean, scale, *span, *when, *was))
    tail = bytes((len(terms),)) + b"".join(bytes((c, back)) + number(w) for c, back, w in terms)
    return head + limits + tail + b"".join(map(number, triangle))


def seed(checks, frames, heads=(HEAD,) * 8):
    return bytes(heads) + bytes((len(checks),)) + b"".join(checks) + b"".join(frames)


def frame(*values, step=0):
    return bytes((step,)) + b"".join(number(x) for x in list(values) + [0] * (8 - len(values)))


MEMBERS = [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
SEEDS = {
    "spike": seed([check(SPIKE, suspect=2, fail=4)], [frame(10), frame(10), frame(50), frame(10), frame(13), frame(10)]),
    "noise": seed([check(NOISE, window=3, span=(1, 4))], [frame(k % 2) for k in range(8)] + [frame(1)] * 6 + [frame(40)]),
    "drift": seed([check(DRIFT, window=3, mean=10, scale=2, suspect=1)], [frame(10 + k) for k in range(8)]),
    "vote": seed([check(VOTE, flags=1, suspect=1, fail=3, terms=MEMBERS)],
                 [frame(10, 10, 10), frame(10, 20, 10), frame(10, NAN, 10), frame(10, 10, 12)]),
    "rule": seed([check(RULE, 0, 1, span=(20, 30), when=(1, 2)), check(FORBID, 2, 1, span=(5, 6), when=(1, 2))],
                 [frame(25, 1), frame(10, 1), frame(10, 0), frame(25, 1, 5)]),
    "transition": seed([check(TRANSITION, 0, 1, span=(10, 20), when=(1, 2), was=(0, 4))],
                       [frame(0), frame(15, 1), frame(0), frame(15)]),
    "parity": seed([check(PARITY, flags=1, suspect=1, fail=4, mean=1, scale=1, terms=[(1, 0, 2), (2, 1, -1)])],
                   [frame(17, 10, 4), frame(17, 10, 4), frame(30, 10, 4), frame(NAN, 10, 4)]),
    "joint": seed([check(JOINT, window=2, window2=2, suspect=4, terms=[(0, 0, 10), (1, 0, 20)], triangle=(1, -1, 2))],
                  [frame(10, 20), frame(12, 20), frame(16, 20), frame(16, 10)]),
    "gap_and_reversal": seed([check(SPIKE, fail=4), check(NOISE, window=2, span=(1, 9)), check(VOTE, fail=3, terms=MEMBERS)],
                             [frame(10, 10, 10), frame(11, 11, 11), frame(12, 12, 12, step=250), frame(9, 9, 9, step=252),
                              frame(9, 9, 9, step=255), frame(50, 9, 9)]),
    "counts": seed([check(SPIKE, fail=4), check(VOTE, fail=3, terms=MEMBERS)], [frame(10, 11, 12), frame(NAN, 11, 12)] * 3,
                   (HEAD | 1,) * 3 + (HEAD,) * 5),
    "counts_beside_a_check": seed([check(NOISE, 7, window=2, span=(0, 9))], [frame(NAN, NAN, 1, 1)] * 6, (HEAD | 1,) * 3 + (HEAD,) * 5),
    "everything": seed([check(JOINT, suspect=4, terms=[(3, 0, 1)], triangle=(1,)), check(PARITY, 4, suspect=2, scale=1, terms=[(5, 1, 1)]),
                        check(RULE, 6, 7, level=0, span=(0, 1), when=(0, 1)), check(VOTE, fail=3, terms=MEMBERS), check(DRIFT, 3, scale=1, suspect=2),
                        check(NOISE, 3, window=2, span=(0, 9)), check(SPIKE, 3, suspect=9)],
                       [frame(k % 3, 1, 1, k % 5, 2, 2, 3, k % 2) for k in range(12)]),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz/corpus/sensor_checks")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds")


main()
