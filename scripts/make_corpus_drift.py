#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/drift_load: saved states as docs/formats/drift.md has them.

fuzz_drift_load.c makes digest and CRC right itself, so here the blocks matter: three
channels, autoregressive of order 3 the second one.
"""
import os
import struct

import ctext

NAN, INF = float("nan"), float("inf")
CAP = 3e10                    # ten limits of three channels at 1e9


def block(r=(0.0,) * 12, aged=None, past=(0.0,) * 4, z=0.0, fill=0, flags=0, gap=0, usual=0, n=0):
    aged = [3 * x for x in r] if aged is None else aged
    return struct.pack("<12f12f4ffBBBBQ", *r, *aged, *past, z, fill, flags, gap, usual, n)


def image(*blocks, magic=b"DFT1", version=1, channels=4, watched=3, reserved=0):
    head = magic + struct.pack("<HHHHI", version, channels, watched, reserved, 0)
    return head + b"".join(blocks) + bytes(4)


HIGH = [CAP / 12] * 12
SEEDS = {
    "fresh": image(block(), block(fill=3), block()),
    "calm": image(*[block(r=[0.1 * k for k in range(12)], past=(1, -1, 0.5, 2), z=0.3, n=1000)] * 3),
    "latched": image(*[block(r=HIGH, flags=3, z=6, n=5000)] * 3),
    "alarm_not_told": image(*[block(r=HIGH, flags=1, n=9)] * 3),
    "back_not_told": image(*[block(r=[1.0] * 12, flags=2)] * 3),
    "oldest": image(*[block(r=[1.0] * 12, aged=[33554432.0] * 12)] * 3),
    "too_old": image(*[block(r=[1.0] * 12, aged=[33554436.0] * 12)] * 3),
    "smallest": image(*[block(r=[1e-45] * 12, aged=[1e-38] * 12)] * 3),
    "above_cap": image(*[block(r=[CAP * 1.01] + [0.0] * 11)] * 3),
    "not_a_number": image(*[block(r=[NAN] * 12)] * 3),
    "infinite_past": image(*[block(past=(INF, -INF, 0, 0))] * 3),
    "far_past": image(*[block(past=(1e30, -1e30, 1e30, -1e30))] * 3),
    "gaps": image(*[block(gap=255, usual=255, fill=0)] * 3),
    "count_at_its_end": image(*[block(n=2**64 - 1)] * 3),
    "unknown_flags": image(*[block(flags=4)] * 3),
    "short": image(block(), block()),
    "long": image(*[block()] * 4),
    "other_version": image(*[block()] * 3, version=2),
    "empty_head": image(),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "drift_load")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


main()
