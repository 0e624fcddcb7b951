#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/drift_chart_load: saved states as docs/formats/drift-chart.md has them.

fuzz_drift_chart_load.c makes digest and CRC right itself, so here the blocks matter: CUSUM,
EWMA with an autoregression of order 3, RAMP of a held channel, RAMP.
"""
import os
import struct

import ctext

NAN, INF = float("nan"), float("inf")


def block(stat=(0.0, 0.0), aged=(0.0, 0.0), past=(0.0,) * 4, z=0.0, last=0.0, keep=1.0, since=0, fill=0, flags=0,
          gap=0, usual=0, spare=0, n=0):
    return struct.pack("<4ff f2f2ffIBBBBIQ".replace(" ", ""), *past, z, last, *stat, *aged, keep, since, fill, flags,
                       gap, usual, spare, n)


def image(*blocks, magic=b"DFC1", version=1, channels=5, watched=4, reserved=0):
    head = magic + struct.pack("<HHHHI", version, channels, watched, reserved, 0)
    return head + b"".join(blocks) + bytes(4)


FRESH = (block(), block(fill=3), block(), block())


def four(cusum=None, ewma=None, held=None, ramp=None):
    own = (cusum, ewma, held, ramp)
    return image(*[o or f for o, f in zip(own, FRESH)])


SEEDS = {
    "fresh": image(*FRESH),
    "calm": four(block((1.0, 0.5), (3.0, 2.0), n=99), block((-0.2, 0.0), (7.0, 0.0), (1, -1, 0.5, 0), z=0.3, n=99),
                 block((3.0, 2.0), (60.0, 40.0), last=0.5, n=99), block((9.0, 1.0), (30.0, 2.0), n=99)),
    "latched": four(block((10.0, 0.0), (40.0, 0.0), flags=3), block((0.9, 0.0), (50.0, 0.0), flags=3),
                    block((9e4, 1.0), (9e6, 1.0), keep=0.9, since=7, flags=3),
                    block((9e15, 1.0), (1e17, 1.0), keep=1e-5, since=16777216, flags=3)),
    "alarm_not_told": four(block((6.0, 0.0), (9.0, 0.0), flags=1), None, block((200.0, 0.0), (2000.0, 0.0), flags=1)),
    "back_not_told": four(block((1.0, 0.0), (9.0, 0.0), flags=2), block((0.1, 0.0), (9.0, 0.0), flags=2)),
    "oldest": four(block((1.0, 0.0), (16777216.0, 0.0)), block((0.1, 0.0), (16777216.0, 0.0)),
                   block((1.0, 1.0), (33554432.0, 33554432.0))),
    "too_old": four(None, None, block((1.0, 1.0), (33554436.0, 1.0))),
    "sum_without_age": four(block((1.0, 0.0), (0.0, 0.0))),
    "no_whole_age": four(block((10.0, 0.0), (1e-38, 0.0)), block((0.1, 0.0), (1.5, 0.0))),
    "smallest": four(block((1e-45, 0.0), (1.0, 0.0)), block((1e-45, 0.0), (1.0, 0.0)), block((1e-45, 1e-45))),
    "above_cap": four(None, None, block((1e12, 0.0), (1e12, 0.0))),
    "not_a_number": four(block((NAN, 0.0)), block((NAN, 0.0)), block((NAN, NAN), (NAN, NAN))),
    "infinite": four(None, block(past=(INF, -INF, 0, 0)), block((INF, 0.0), (INF, 0.0))),
    "far_past": four(None, block(past=(1e30, -1e30, 1e30, 0))),
    "past_of_no_order": four(block(past=(1, 0, 0, 0))),
    "gaps": four(block(gap=255, usual=255), block(gap=1, usual=255)),
    "count_at_its_end": four(block(n=2**64 - 1)),
    "kept_nothing": four(None, None, block(keep=0.0)),
    "kept_all_twice": four(None, None, block(keep=2.0)),
    "second_of_ewma": four(None, block((0.1, 0.1), (1.0, 1.0))),
    "negative_sum": four(block((-1.0, 0.0), (1.0, 0.0))),
    "minus_nothing": four(block((-0.0, 0.0)), block((-0.0, 0.0)), block((-0.0, 0.0))),
    "spare": four(block(spare=1)),
    "unknown_flags": four(block(flags=4)),
    "short": image(*FRESH[:3]),
    "long": image(*FRESH, block()),
    "other_version": image(*FRESH, version=2),
    "empty_head": image(),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "drift_chart_load")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


main()
