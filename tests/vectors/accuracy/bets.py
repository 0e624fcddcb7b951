#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of bets.h: the interval of labels by betting, in double precision, apart from the C.

Five cells with the values of opinions() in test_accuracy.c, level .9, mean value of the decisions
.73. For each row: capital against mean m of x = correct - value / 2, spread over eight sizes of
bet, is 20 at the end of the interval; found by bisection. Then the digest of that reference with
window 50 and 20 labels, as docs/formats/accuracy.md has it.
"""
import math
import struct

VALUES = [0.0, 0.23, 0.48, 0.73, 0.98]
BETS = [0.95, 0.75, 0.5] + [2.0 ** -k for k in range(2, 7)]
ROWS = [([0, 0, 0, 0, 10], [0, 0, 0, 0, 0]), ([0, 0, 0, 0, 20], [0, 0, 0, 0, 10]), ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        ([0, 0, 0, 0, 0], [0, 0, 0, 0, 30]), ([0, 5, 20, 40, 400], [10, 20, 20, 12, 15]), ([3000, 0, 0, 0, 30000], [900, 0, 0, 0, 700]),
        ([0, 0, 1, 0, 0], [0, 0, 0, 0, 0])]


def log_capital(right, wrong, m, way):
    room = m + .5 if way > 0 else 1 - m
    logs = []
    for b in BETS:
        s = 0.0
        for v, r, w in zip(VALUES, right, wrong):
            for count, x in ((r, 1 - v / 2), (w, -v / 2)):
                if count:
                    s += count * math.log(1 + way * b * (x - m) / room)
        logs.append(s)
    top = max(logs)
    return top + math.log(sum(math.exp(s - top) for s in logs) / len(BETS))


def edge(right, wrong, way):
    inside, outside = (-.5, 1.0) if way > 0 else (1.0, -.5)
    for _ in range(80):
        m = (inside + outside) / 2
        if m in (-.5, 1.0):
            break
        if log_capital(right, wrong, m, way) >= math.log(20):
            inside = m
        else:
            outside = m
    return inside


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */\n/* Written by bets.py: labels right and wrong per cell, the interval's ends. */")
    for right, wrong in ROWS:
        ends = [min(1.0, max(0.0, edge(right, wrong, way) + .5 * .73)) for way in (1, -1)]
        print("{{%s}, {%s}, %.7ff, %.7ff}," % (", ".join(map(str, right)), ", ".join(map(str, wrong)), *ends))
    digest = struct.pack("<5I11f12f8f", 50, 20, 1000, 2, 4 << 16, *[0.0] * 11, *VALUES, *[0.0] * 7, .9, .9, .8, .98, .1, .25, 0, .9)
    print(f"#define ACCURACY_DIGEST 0x{crc32c(digest):08X}u")


main()
