#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/cbor: items of each kind, a map like a record, and what is refused."""
import os

import ctext

SEEDS = {
    "integers": "88 00 17 1818 190100 1a00010000 1b0000000100000000 20 3818",
    "texts": "83 60 6449455446 63e6b0b4",
    "bytes": "82 40 581a " + "41" * 26,
    "simple": "83 f4 f5 f6",
    "nested": "81 81 81 81 81 81 81 81 00",
    "map": "a3 00 01 02 f5 04 41ff",
    "record": "a8 00 01 01 182a 02 1903e8 03 1a3b9aca00 04 1b17979cfe362a0000 05 10 10 44dddddddd "
              "11 83 01 02 a1 00 60",
    "map_of_maps": "a2 00 a1 182a 81 00 01 a0",
    "negative": "a2 01 390100 02 3bffffffffffffffff",
    "long_text": "7818" + "61" * 24,
    "text_keys": "a2 6161 01 6162 8102",
    "refused_float": "fa47c35000",
    "refused_order": "a2 01 00 00 00",
    "refused_indefinite": "9f 01 ff",
    "refused_tag": "c1 1a514b67b0",
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "cbor")
    os.makedirs(folder, exist_ok=True)
    for name, text in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(bytes.fromhex(text))
    print(f"{len(SEEDS)} seeds in {folder}")


main()
