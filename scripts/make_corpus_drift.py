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
CAP = 2.5e17                  # above a thousand limits, by less than a sample may add


def block(r=(0.0,) * 11, aged=None, past=(0.0,) * 4, z=0.0, last=0.0, keep=1.0, fill=0, flags=0, gap=0, usual=0,
          n=0):
    aged = [3 * x for x in r] if aged is None else aged
    return struct.pack("<11f11f4ffffBBBBQ", *r, *aged, *past, z, last, keep, fill, flags, gap, usual, n)


def image(*blocks, magic=b"DFT1", version=3, channels=4, watched=3, reserved=0):
    head = magic + struct.pack("<HHHHI", version, channels, watched, reserved, 0)
    return head + b"".join(blocks) + bytes(4)


HIGH = [CAP / 11] * 11
SEEDS = {
    "fresh": image(block(), block(fill=3), block()),
    "calm": image(*[block(r=[0.1 * k for k in range(11)], past=p, z=0.3, n=1000) for p in ((0,) * 4, (1, -1, 0.5, 0),
                                                                                     (0,) * 4)]),
    "latched": image(*[block(r=HIGH, flags=3, z=6, keep=1e-5, n=5000)] * 3),
    "alarm_not_told": image(*[block(r=HIGH, flags=1, n=9)] * 3),
    "back_not_told": image(*[block(r=[1.0] * 11, flags=2)] * 3),
    "oldest": image(*[block(r=[1.0] * 11, aged=[33554432.0] * 11)] * 3),
    "too_old": image(*[block(r=[1.0] * 11, aged=[33554436.0] * 11)] * 3),
    "smallest": image(*[block(r=[1e-45] * 11, aged=[1e-38] * 11)] * 3),
    "above_cap": image(*[block(r=[1e20] + [0.0] * 10)] * 3),
    "not_a_number": image(*[block(r=[NAN] * 11)] * 3),
    "infinite_past": image(*[block(past=(INF, -INF, 0, 0))] * 3),
    "far_past": image(block(), block(past=(1e30, -1e30, 1e30, 0)), block()),
    "past_without_order": image(block(past=(1, 0, 0, 0)), block(), block()),
    "last_without_hold": image(block(last=1.0), block(), block()),
    "gaps": image(*[block(gap=255, usual=255, fill=0)] * 3),
    "count_at_its_end": image(*[block(n=2**64 - 1)] * 3),
    "kept_nothing": image(*[block(keep=0.0)] * 3),
    "kept_all_twice": image(*[block(keep=2.0)] * 3),
    "far_last": image(*[block(last=NAN)] * 3),
    "unknown_flags": image(*[block(flags=4)] * 3),
    "short": image(block(), block()),
    "long": image(*[block()] * 4),
    "other_version": image(*[block()] * 3, version=1),
    "empty_head": image(),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "drift_load")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


if __name__ == "__main__":
    main()
