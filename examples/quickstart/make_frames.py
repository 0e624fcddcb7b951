#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_frames.py > frames.csv: a press line for 2,000 seconds, with four faults in it.

The recording is made, not measured; the same seed gives the same bytes. Rows (from 0):
  400..459    the pressure sensor sticks at its last value
  800         the oil temperature spikes for one row
  1100..1111  the ram speed drops out (empty fields)
  1500        the vibration sensor answers nan
"""
import datetime
import math
import random
import sys

ROWS, SEED = 2000, 20260301
START = datetime.datetime(2026, 3, 1, 6, 0, 0)


def rows():
    rng = random.Random(SEED)
    noise = [0.0] * 4
    stuck = None
    for i in range(ROWS):
        # Slow noise: sensors of one machine do not jump between two seconds.
        noise = [0.8 * n + rng.gauss(0.0, 1.0) for n in noise]
        stroke = math.sin(2.0 * math.pi * i / 45.0)
        pressure = 180.0 + 25.0 * stroke + 1.5 * noise[0]
        speed = 120.0 + 30.0 * stroke + 2.0 * noise[1]
        oil = 46.0 + 6.0 * math.sin(2.0 * math.pi * i / 1500.0) + 0.1 * noise[2]
        vibration = 2.5 + 0.6 * abs(stroke) + 0.08 * noise[3]
        stuck = pressure if stuck is None and i == 400 else None if i == 460 else stuck
        cells = [f"{pressure if stuck is None else stuck:.2f}", f"{speed:.2f}", f"{oil:.2f}", f"{vibration:.3f}"]
        if i == 800:
            cells[2] = f"{oil + 95.0:.2f}"
        if 1100 <= i < 1112:
            cells[1] = ""
        if i == 1500:
            cells[3] = "nan"
        yield [(START + datetime.timedelta(seconds=i)).isoformat() + "Z", *cells]


sys.stdout.write("time,pressure_bar,ram_speed_mm_s,oil_temp_c,vibration_mm_s\n")
for row in rows():
    sys.stdout.write(",".join(row) + "\n")
