#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/histogram_load: saved states as docs/formats/histogram.md has them.

fuzz_histogram_load.c makes digest and CRC right itself, so here the blocks matter: two
channels, of sixteen bins and of two.
"""
import os
import struct

import ctext

NAN, INF = float("nan"), float("inf")
LIMIT = 2e9


def block(n=0, r=(0.0,) * 3, aged=None, keep=1.0, flags=0, last=0, slow=(), middle=(), fast=(), totals=None):
    pad = [list(c) + [0] * (16 - len(c)) for c in (fast, middle, slow)]
    totals = [sum(c) for c in pad] if totals is None else totals
    aged = [5 * x for x in r] if aged is None else aged
    return struct.pack("<Q3f3ff3HBB16H16B16B", n, *r, *aged, keep, *totals, flags, last, *pad[2], *pad[1], *pad[0])


def image(*blocks, version=1, channels=3, watched=2, reserved=0):
    head = b"HST1" + struct.pack("<HHHHI", version, channels, watched, reserved, 0)
    return head + b"".join(blocks) + bytes(4)


FULL = dict(n=1023, slow=[2046], middle=[254], fast=[62])
SEEDS = {
    "fresh": image(block(), block()),
    "calm": image(*[block(n=1000, r=(1, 2, 3), slow=[500, 400], middle=[100, 50], fast=[10, 20])] * 2),
    "full": image(*[block(**FULL)] * 2),
    "beyond_full": image(*[block(**dict(FULL, n=1024))] * 2),
    "latched": image(*[block(n=5000, r=(3e14, 3e14, 3e14), keep=1e-3, flags=3)] * 2),
    "alarm_not_told": image(*[block(r=(LIMIT,) * 3, flags=1, n=9)] * 2),
    "back_not_told": image(*[block(r=(1.0,) * 3, flags=2)] * 2),
    "too_old": image(*[block(r=(1.0,) * 3, aged=(1e8,) * 3)] * 2),
    "smallest": image(*[block(r=(1e-45,) * 3, aged=(1e-45,) * 3)] * 2),
    "above_cap": image(*[block(r=(1e19, 0, 0))] * 2),
    "not_a_number": image(*[block(r=(NAN, INF, -1))] * 2),
    "kept_nothing": image(*[block(keep=0.0)] * 2),
    "other_total": image(*[block(n=100, fast=[3], totals=(4, 0, 0))] * 2),
    "third_bin": image(block(), block(n=9, fast=[3, 3, 3], middle=[3, 3, 3], slow=[3, 3, 3])),
    "unknown_flags": image(*[block(flags=4)] * 2),
    "bin_16": image(*[block(last=16)] * 2),
    "count_at_its_end": image(*[block(n=2**64 - 1)] * 2),
    "short": image(block()),
    "empty_head": image(),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "histogram_load")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


main()
