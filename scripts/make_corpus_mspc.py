#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/mspc_basis: head (channels, components, average, 0), then the values.

fuzz_mspc_basis.c also takes what is behind the head as pairs of index and value, written over
a sound basis, so the seeds called change_* are lists of such pairs.
"""
import os
import struct

import ctext

NAN, INF = float("nan"), float("inf")


def seed(n, k, average, *values):
    return bytes((n - 2, k - 1, average, 0)) + struct.pack(f"<{len(values)}f", *values)


def change(n, k, *pairs):
    return bytes((n - 2, k - 1, 1, 0)) + b"".join(struct.pack("<If", i, v) for i, v in pairs)


def basis(n, k, variance=None, rest=1.0, roots=(1.0, 0.3, 1.0, 0.4)):
    axes = [float(i == a) for a in range(k) for i in range(n)]
    return [0.5] * n + [2.0] * n + (variance or [float(k - a) for a in range(k)]) + axes + [rest, *roots]


SEEDS = {
    "axes": seed(6, 2, 0, *basis(6, 2)),
    "average": seed(8, 3, 1, *basis(8, 3)),
    "smallest": seed(2, 1, 0, *basis(2, 1)),
    "largest": seed(9, 8, 1, *basis(9, 8)),
    "turned": seed(2, 1, 0, 0, 0, 1, 1, 1.6, 0.5 ** 0.5, 0.5 ** 0.5, 0.4, 1, 0.3, 1, 0.4),
    "tiny_variances": seed(5, 2, 0, *basis(5, 2, [1e-6, 1e-6], 1e-6)),
    "huge_variances": seed(5, 2, 0, *basis(5, 2, [1e30, 1e30], 1e30)),
    "mixed_variances": seed(5, 2, 0, *basis(5, 2, [1e30, 1e-6], 1e-6)),
    "rising_variances": seed(5, 2, 0, *basis(5, 2, [1.0, 2.0])),
    "tiny_roots": seed(5, 2, 0, *basis(5, 2, None, 1.0, (1e30, 1e-6, -1e30, 1e-6))),
    "empty": seed(9, 4, 0),
    "change_nan": change(6, 2, (14, NAN)),
    "change_far": change(6, 2, (0, 1e30), (7, 1e30), (1, -1e30)),
    "change_lean": change(6, 2, (14, 0.9999), (15, 0.01)),
    "change_scale": change(6, 2, (6, 1e-30), (7, 1e30), (8, INF)),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "mspc_basis")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


main()
