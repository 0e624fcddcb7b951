#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/block_update: a head of 28 bytes (see fuzz_block_update.c), then bytes."""
import os
import struct

import ctext

CHECKS = struct.pack("<I", 0xFFFFFFFF)


def head(kind, bits=4, width=16, height=16):
    return bytes((kind - 1, bits, width, height, 200)) + CHECKS + b"\xff" * 19


SEEDS = {
    "image": head(1) + bytes(range(0, 250, 3)),
    "image_dark": head(1) + bytes(64),
    "image_16": head(2) + b"".join(struct.pack("<H", 37 * i % 4096) for i in range(300)),
    "window_words": head(3) + b"".join(struct.pack("<h", (i * 7919) % 65536 - 32768) for i in range(120)),
    "window_floats": head(4) + b"".join(struct.pack("<f", (i * 31 % 17) - 8.0) for i in range(120)),
    "window_nan": head(4) + struct.pack("<4f", 1.0, float("nan"), float("inf"), 2.0),
    "window_tiny": head(4) + struct.pack("<4f", 1e-40, 1e-12, -2e-12, 1e12),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "block_update")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


main()
