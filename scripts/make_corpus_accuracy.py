#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/accuracy_load: saved counts as docs/formats/accuracy.md has them.

fuzz_accuracy_load.c makes digest and CRC right itself, so here the counts matter: five cells, or
three; panes of any size, or of 50 decisions and 20 labels.
"""
import os
import struct

import ctext


def image(made=((), ()), outside=(0, 0), labels=((), ()), right=((), ()), n=None, told=None, magic=b"ACC1", version=1,
          reserved=0):
    def pane(values):
        return tuple(values) + (0,) * (12 - len(values))
    n = sum(map(sum, made)) if n is None else n
    told = sum(map(sum, labels)) if told is None else told
    return (magic + struct.pack("<HHI", version, reserved, 0) + struct.pack("<24I", *pane(made[0]), *pane(made[1])) +
            struct.pack("<2I", *outside) + struct.pack("<24H", *pane(labels[0]), *pane(labels[1])) +
            struct.pack("<24H", *pane(right[0]), *pane(right[1])) + struct.pack("<QQ", n, told) + bytes(4))


def sliced(*slices, all=None, alarms=(0, 0), worse=((0,) * 4,) * 2):
    """Two slices behind the whole: each is a block of counts as image() has it."""
    body = b"".join(s[12:-4] + struct.pack("<Q4f", alarm, *w) for s, alarm, w in zip(slices, alarms, worse))
    return (all or image(made=((), (20,)), labels=((), (10,)), right=((), (9,))))[:-4] + body + bytes(4)


HALF = image(made=((), (10,)), labels=((), (5,)), right=((), (4,)))
SEEDS = {
    "slices": sliced(HALF, HALF, worse=((1.5, 2.0, 3.0, 4.0),) * 2),
    "slices_fresh": sliced(image(), image(), all=image()),
    "slices_alarm": sliced(HALF, HALF, alarms=(0, 7), worse=((0.5,) * 4, (400.0, 300.0, 1e30, 0.0))),
    "slices_late_alarm": sliced(HALF, HALF, alarms=(0, 11), worse=((1.0,) * 4,) * 2),
    "slices_more_than_all": sliced(HALF, image(made=((), (11,)))),
    "slices_not_a_number": sliced(HALF, HALF, worse=((float("nan"),) * 4,) * 2),
    "slices_beyond": sliced(HALF, HALF, worse=((2e30,) * 4, (-1.0,) * 4)),
    "slices_without_labels": sliced(image(made=((), (1,))), HALF, worse=((1.0,) * 4,) * 2),
    "fresh": image(),
    "first_pane": image(made=((), (1, 2, 3)), labels=((), (1, 1, 1)), right=((), (0, 1, 1))),
    "five_cells": image(made=((), (1, 2, 3, 4, 30)), labels=((), (1, 1, 1, 1, 15)), right=((), (0, 1, 1, 0, 15))),
    "both_panes": image(made=((10, 20, 20), (1, 2, 3)), outside=(50, 6), labels=((5, 5, 10), (1, 0, 0)), right=((0, 5, 9), (1, 0, 0))),
    "older_pane_part": image(made=((10, 20, 19), ())),
    "many": image(made=((), (2**30, 2**29, 2**28)), labels=((), (20000, 20000, 20000)), right=((), (1, 2, 20000))),
    "too_many": image(made=((), (2**31, 0, 0))),
    "over_the_top": image(made=((2**32 - 1,) * 3, (2**32 - 1,) * 3)),
    "all_labels_wrong": image(made=((), (5,)), labels=((), (0, 0, 19))),
    "more_right_than_labels": image(made=((), (5,)), labels=((), (1,)), right=((), (2,))),
    "more_outside_than_made": image(made=((), (5,)), outside=(0, 6)),
    "cell_not_there": image(made=((), (0,) * 11 + (1,))),
    "fewer_than_there_are": image(made=((), (5,)), n=4),
    "count_at_its_end": image(made=((), (5,)), n=2**64 - 1, told=2**64 - 1),
    "labels_only": image(labels=((), (1, 2, 3)), right=((), (1, 0, 3))),
    "other_version": image(version=2),
    "reserved": image(reserved=1),
    "short": image()[:100],
    "long": image() + bytes(4),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "accuracy_load")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


main()
