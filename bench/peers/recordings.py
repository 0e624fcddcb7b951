# SPDX-License-Identifier: Apache-2.0
"""Public recordings that lie outside this tree, in DURA_DATA; docs/results.md names their sources."""
import csv
import datetime
import os

import numpy as np


class Recording:
    def __init__(self, name, columns, stamps, values, split, chosen, length):
        self.name, self.columns, self.stamps, self.values = name, columns, stamps, values.astype(np.float32)
        self.split = split       # rows learned from; what comes behind is judged
        self.chosen = chosen     # columns that are injected into
        self.length = length     # rows an injection lasts


def tep(data):
    """Tennessee Eastman without a fault: d00 and d00_te in a row, 3 minutes a row; every fourth column."""
    parts = [np.loadtxt(os.path.join(data, "tep", f)) for f in ("d00.dat", "d00_te.dat")]
    values = np.vstack([p.T if p.shape[0] == 52 else p for p in parts])
    stamps = (1_000_000_000 + 180 * np.arange(len(values))) * 10**9
    return Recording("Tennessee Eastman, normal", [f"x{i + 1}" for i in range(52)], stamps, values, len(values) // 2,
                     list(range(0, 52, 4)), 100)


def batadal(data):
    """A year of a water network without attacks, an hour a row; seven levels and every second pressure."""
    with open(os.path.join(data, "batadal", "BATADAL_dataset03.csv"), encoding="ascii", newline="") as f:
        rows = list(csv.DictReader(f))
    columns = [c for c in rows[0] if c not in ("DATETIME", "ATT_FLAG")]
    values = np.array([[float(r[c]) for c in columns] for r in rows])
    epoch = datetime.datetime(1970, 1, 1)
    hours = [(datetime.datetime.strptime(r["DATETIME"], "%d/%m/%y %H") - epoch).total_seconds() for r in rows]
    chosen = [c for c in columns if c.startswith("L_")] + [c for c in columns if c.startswith("P_")][::2]
    return Recording("BATADAL dataset03", columns, np.array(hours, np.int64) * 10**9, values, len(values) // 2,
                     [columns.index(c) for c in chosen], 168)


ALL = {"tep": tep, "batadal": batadal}
