#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/kept: bodies of what a guard keeps of its drift monitor, as
docs/formats/drift.md has them under Kept. fuzz_kept.c makes head, digest and CRC of the drift
state right itself."""
import os
import struct

import ctext
from make_corpus_drift import HIGH, block, image


def body(*entries, tested=0, more=0, down=0, asked=0, answered=1, zeros=bytes(7), brain=b"BRAIN001", n=None, drift=None):
    n = len(entries) if n is None else n
    head = struct.pack("<HHHBBB", tested, n, more, down, asked, answered) + zeros + brain
    return head + b"".join(entries) + (image(block(), block(), channels=3, watched=2) if drift is None else drift)


def entry(gseq=7, stood=3, size=480, onset=40, thing=0, way=1, zero=0):
    return struct.pack("<QQqqHBB", gseq, stood, size, onset, thing, way, zero)


ALARMS = image(*[block(r=[x / 1e15 for x in HIGH], flags=3, z=3, keep=1.0, n=900)] * 2, channels=3, watched=2)
UNCAPPED = image(*[block(r=[x / 1e8 for x in HIGH], keep=1.0)] * 2, channels=3, watched=2)
SEEDS = {
    "fresh": body(answered=0, brain=bytes(8)), "one": body(entry()), "asked": body(entry(), asked=1),
    "both": body(entry(), entry(thing=1, way=2), down=1, tested=1, drift=ALARMS),
    "sixteen": body(*[entry(thing=k % 3, way=1 + k % 4, size=2**32 - 1, onset=2**32 - 1, stood=2**64 - 1, gseq=2**64 - 1)
                      for k in range(16)], more=65535),
    "seventeen": body(*[entry()] * 17), "no_such_thing": body(entry(thing=3)), "no_such_way": body(entry(way=5)),
    "back": body(entry(way=0)), "too_large": body(entry(size=2**40)), "before": body(entry(onset=-1)),
    "tested_behind": body(tested=2), "flags": body(asked=2), "reserved": body(zeros=b"\1" + bytes(6)),
    "zero": body(entry(zero=1)), "cut": body(entry())[:50], "no_drift": body(entry(), drift=b""), "many": body(n=3),
    "statistics_without_their_cap": body(entry(), drift=UNCAPPED),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "kept")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main()
