#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_check_pictures.py [--check]: docs/checks/*.svg, one per check, from what the library says.

    PYTHONPATH=bindings/python DURA_LIBRARY=build/release/libdura.so python3 scripts/make_check_pictures.py

Each picture is a short made series with a fault, the limits as they are configured and a band with
the verdict the library gave to every frame. Series are made of integers and simple curves, so the
bytes are the same everywhere; --check compares them with the committed ones.
"""
import ctypes
import os
import struct
import sys

import ctext

sys.path.insert(0, os.path.join(ctext.root(), "bindings", "python"))
import dura  # noqa: E402
from dura import _abi  # noqa: E402
from dura._load import lib  # noqa: E402
from dura.errors import check  # noqa: E402

FOLDER = os.path.join(ctext.root(), "docs", "checks")
WIDTH, HEIGHT, LEFT, TOP, BAND = 640, 266, 52, 26, 14
PLOT_RIGHT, PLOT_BOTTOM = WIDTH - 12, 188
COLOURS = {"GOOD": "#4c9f70", "UNKNOWN": "#b8bcc2", "SUSPECT": "#e0a72e", "FAIL": "#c8413b", "MISSING": "#3b3f46"}
LINES = ("#1f4e8c", "#8a5a00", "#7b4a9e")
S = 10**9


# ---- series ------------------------------------------------------------------------------------

class Dice:
    """A small generator of its own, so that no version of Python changes a picture."""

    def __init__(self, seed):
        self.state = seed

    def __call__(self, below):
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return (self.state >> 16) % below

    def noise(self, size):
        return (self(2001) - 1000) / 1000 * size


def wave(i, period):
    """-1..1, two parabolas: a sine to the eye, without libm."""
    x = i % period / period * 2 - 1
    return 4 * x * (1 - abs(x))


# ---- drawing -----------------------------------------------------------------------------------

def number(x):
    return f"{x:.1f}".rstrip("0").rstrip(".")


class Picture:
    def __init__(self, title, low, high, frames, unit="", across="frame"):
        self.low, self.high, self.frames, self.unit = low, high, frames, unit
        self.out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
                    f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
                    f"<title>{title}</title>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
                    f'<text x="{LEFT}" y="16" font-weight="bold">{title}</text>',
                    f'<path d="M{LEFT} {TOP}V{PLOT_BOTTOM}H{PLOT_RIGHT}" fill="none" stroke="#888888"/>']
        for value in (low, high):
            self.out.append(f'<text x="{LEFT - 6}" y="{number(self.y(value) + 4)}" text-anchor="end" '
                            f'fill="#555555">{number(value)}</text>')
        self.out.append(f'<text x="{PLOT_RIGHT}" y="{PLOT_BOTTOM + 14}" text-anchor="end" fill="#555555">{across} '
                        f"{frames - 1}</text>")

    def x(self, i):
        return LEFT + 6 + (PLOT_RIGHT - LEFT - 12) * i / (self.frames - 1)

    def y(self, value):
        value = min(max(value, self.low), self.high)
        return PLOT_BOTTOM - 4 - (PLOT_BOTTOM - TOP - 8) * (value - self.low) / (self.high - self.low)

    def limit(self, value, word, colour="#c8413b"):
        y = number(self.y(value))
        self.out.append(f'<path d="M{LEFT} {y}H{PLOT_RIGHT}" stroke="{colour}" stroke-dasharray="5 4"/>')
        self.out.append(f'<text x="{PLOT_RIGHT - 4}" y="{number(self.y(value) - 3)}" text-anchor="end" '
                        f'fill="{colour}">{word}</text>')

    def area(self, first, last, word):
        """What was done to the series, from frame to frame."""
        x, wide = self.x(first) - 3, self.x(last) - self.x(first) + 6
        self.out.append(f'<rect x="{number(x)}" y="{TOP}" width="{number(wide)}" height="{PLOT_BOTTOM - TOP}" '
                        'fill="#f3e6c8" opacity="0.6"/>')
        self.out.append(f'<text x="{number(x + 2)}" y="{TOP + 11}" fill="#7a5c12">{word}</text>')

    def line(self, values, which=0, word="", at=0):
        """None breaks the line; what is outside is drawn at the edge."""
        path, pen = "", "M"
        for i, v in enumerate(values):
            if v is None or v != v:
                pen = "M"
                continue
            path += f"{pen}{number(self.x(i))} {number(self.y(v))}"
            pen = "L"
        self.out.append(f'<path d="{path}" fill="none" stroke="{LINES[which]}" stroke-width="1.5"/>')
        if word:
            self.out.append(f'<text x="{number(self.x(at))}" y="{number(self.y(values[at]) - 6)}" '
                            f'fill="{LINES[which]}">{word}</text>')

    def cross(self, i, value, word=""):
        x, y = self.x(i), self.y(value)
        self.out.append(f'<path d="M{number(x - 4)} {number(y - 4)}l8 8m0 -8l-8 8" stroke="#c8413b" stroke-width="2"/>')
        if word:
            self.out.append(f'<text x="{number(x + 7)}" y="{number(y + 4)}" fill="#c8413b">{word}</text>')

    def band(self, verdicts, word="verdict", row=0):
        """One bar per run of equal verdicts."""
        y, first = PLOT_BOTTOM + 20 + row * (BAND + 3), 0
        self.out.append(f'<text x="{LEFT - 6}" y="{y + 11}" text-anchor="end" fill="#555555">{word}</text>')
        step = (PLOT_RIGHT - LEFT - 12) / (self.frames - 1)
        for i in range(1, len(verdicts) + 1):
            if i == len(verdicts) or verdicts[i] != verdicts[first]:
                self.out.append(f'<rect x="{number(self.x(first) - step / 2)}" y="{y}" '
                                f'width="{number((i - first) * step)}" height="{BAND}" fill="{COLOURS[verdicts[first]]}">'
                                f"<title>{verdicts[first]}</title></rect>")
                first = i

    def legend(self, verdicts):
        x = LEFT
        for word in [w for w in COLOURS if w in verdicts]:
            self.out.append(f'<rect x="{x}" y="{HEIGHT - 18}" width="10" height="10" fill="{COLOURS[word]}"/>')
            self.out.append(f'<text x="{x + 14}" y="{HEIGHT - 9}">{word}</text>')
            x += 86

    def text(self):
        return "\n".join(self.out + ["</svg>", ""])


# ---- what the sensor says ------------------------------------------------------------------------

def judge(channels, frames, checks=(), step=S, **options):
    """Verdicts of every channel per frame, and the values the model may use."""
    sensor = dura.Sensor(channels, checks=checks, **options)
    reports = [sensor.update(values, i * step) for i, values in enumerate(frames)]
    return [[r.verdicts[c] for r in reports] for c in range(len(channels))], [r.usable for r in reports]


def alone(title, low, high, values, channel, checks=(), limits=(), areas=(), unit="", **options):
    """One channel, one band."""
    (verdicts,), _ = judge([channel], [[v] for v in values], checks, **options)
    p = Picture(title, low, high, len(values), unit)
    for first, last, word in areas:
        p.area(first, last, word)
    for value, word, colour in limits:
        p.limit(value, word, colour)
    p.line(values)
    p.band(verdicts)
    p.legend(verdicts)
    return p


RED, AMBER, GREY = "#c8413b", "#b07d10", "#888888"


def time_picture():
    stamps = [2 * i for i in range(40)]
    stamps[12] = stamps[11]
    for i in (20, 21):
        stamps[i] = stamps[i] - 12
    stamps[30:] = [s + 14 for s in stamps[30:]]
    sensor = dura.Sensor([{"time": True}], gap=6.0)
    verdicts = [sensor.update([float(i % 5)], s * S).verdicts[0] for i, s in enumerate(stamps)]
    p = Picture("time: stamps as they arrive (seconds)", 0, 100, 40)
    p.line(stamps)
    p.cross(12, stamps[12], "the same stamp")
    p.cross(20, stamps[20], "reversed")
    p.cross(30, stamps[30], "gap of 16 s")
    p.band(verdicts)
    p.legend(verdicts)
    return p


def finite_picture():
    values = [50 + 20 * wave(i, 24) for i in range(60)]
    for i in (14, 15, 33):
        values[i] = float("nan") if i < 20 else float("inf")
    sensor = dura.Sensor([{"finite": True}])
    verdicts = [sensor.update([v], i * S).verdicts[0] for i, v in enumerate(values)]
    p = Picture("finite: NaN and infinity, by bit pattern", 0, 100, 60)
    p.line([None if i == 33 else v for i, v in enumerate(values)])
    p.cross(14, 95)
    p.cross(15, 95, "NaN")
    p.cross(33, 95, "infinity")
    p.band(verdicts)
    p.legend(verdicts)
    return p


def range_picture():
    dice = Dice(1)
    values = [50 + 22 * wave(i, 40) + dice.noise(2) + (28 if 66 <= i < 72 else 0) + (16 if 26 <= i < 33 else 0)
              for i in range(80)]
    return alone("range", 0, 105, values, {"fail_lo": 10, "suspect_lo": 20, "suspect_hi": 80, "fail_hi": 95},
                 limits=[(95, "fail_hi", RED), (80, "suspect_hi", AMBER), (20, "suspect_lo", AMBER), (10, "fail_lo", RED)])


def rate_picture():
    values = [40 + 10 * wave(i, 60) for i in range(60)]
    for i in range(25, 60):
        values[i] += 24
    values[44] -= 12
    return alone("rate: steps of more than 6 per second fail, of more than 3 are suspect", 20, 85, values,
                 {"rate_suspect": 3, "rate_fail": 6}, areas=[(25, 28, "a real step comes back"), (44, 45, "jump")])


def flat_picture():
    dice = Dice(2)
    values = [50 + 12 * wave(i, 30) + dice.noise(1.5) for i in range(80)]
    for i in range(34, 66):
        values[i] = values[33] + (i % 2) * 0.2
    return alone("flat: within flat_tolerance for 8 s is suspect, for 16 s fails", 30, 70, values,
                 {"flat_tolerance": 0.5, "flat_suspect": 8, "flat_fail": 16}, areas=[(34, 65, "stuck")])


def stale_picture():
    values = [50 + 20 * wave(i, 40) if not 24 <= i < 44 and i != 12 else None for i in range(70)]
    (verdicts,), usable = judge([{"max_age": 5.0}], [[v] for v in values])
    p = Picture("age: a missing value serves for max_age (5 s), then it is MISSING", 0, 100, 70)
    p.area(24, 43, "nothing comes")
    p.line([u[0] if v != "MISSING" else None for u, v in zip(usable, verdicts)], 1)
    p.line(values)
    p.band(verdicts)
    p.legend(verdicts)
    return p


def spike_picture():
    dice = Dice(3)
    values = [40 + 12 * wave(i, 48) + dice.noise(0.6) for i in range(70)]
    values[20] += 30
    values[32] += 5
    for i in range(48, 70):
        values[i] += 25
    return alone("spike: fail 10, suspect 3 (said one frame late)", 20, 85, values, {},
                 [{"kind": "spike", "channel": 0, "suspect": 3.0, "fail": 10.0}],
                 areas=[(20, 20, "spike"), (32, 32, "stands out"), (48, 48, "a step")])


def noise_picture():
    dice = Dice(4)
    values = [50 + 8 * wave(i, 70) + dice.noise(0.1 if 50 <= i < 80 else 7.0 if 105 <= i < 125 else 1.5) for i in range(150)]
    return alone("noise: steps of 0.6 to 2.5 (root mean square over 12 frames)", 35, 65, values, {},
                 [{"kind": "noise", "channel": 0, "window": 12, "lo": 0.6, "hi": 2.5}],
                 areas=[(50, 79, "too quiet"), (105, 124, "too wild")])


def drift_picture():
    dice = Dice(5)
    values = [50 + dice.noise(4) + (0 if i < 60 else (i - 60) * 0.12) for i in range(150)]
    return alone("drift: mean over 30 frames, 1.2 deviations from 50", 40, 66, values, {},
                 [{"kind": "drift", "channel": 0, "window": 30, "mean": 50.0, "scale": 3.0, "suspect": 1.2}],
                 limits=[(50, "mean", GREY), (53.6, "mean + suspect x scale", AMBER)], areas=[(60, 149, "the ramp begins")])


def several(title, low, high, series, channels, checks, shown, words, areas=(), limits=()):
    """Several lines; a band for each (channel, word) of `shown`."""
    frames = [list(row) for row in zip(*series)]
    verdicts, _ = judge(channels, frames, checks)
    p = Picture(title, low, high, len(frames))
    for first, last, word in areas:
        p.area(first, last, word)
    for value, word, colour in limits:
        p.limit(value, word, colour)
    for c, values in enumerate(series):
        p.line(values, c, words[c][0], words[c][1])
    for row, (c, word) in enumerate(shown):
        p.band(verdicts[c], word, row)
    p.legend({v for c, _ in shown for v in verdicts[c]})
    return p


def vote_picture():
    dice = Dice(6)
    base = [50 + 15 * wave(i, 60) for i in range(90)]
    series = [[b + dice.noise(1) + k * 0.8 for b in base] for k in range(3)]
    series[1] = [v + (0 if i < 45 else (i - 45) * 0.7) for i, v in enumerate(series[1])]
    return several("vote: 4 from the mid-value is suspect, 8 for three frames fails", 20, 90, series, [{}] * 3,
                   [{"kind": "vote", "terms": [(0, 0.0), (1, 0.0), (2, 0.0)], "suspect": 4.0, "fail": 8.0, "window": 3}],
                   [(0, "A"), (1, "B")], [("A", 12), ("B", 80), ("C", 26)], areas=[(45, 89, "B departs")])


def states(*runs):
    return [float(v) for v, n in runs for _ in range(n)]


def rule_picture():
    dice = Dice(7)
    pump = states((0, 15), (1, 30), (0, 15), (1, 30))
    flow = [0.0]
    for i in range(1, 90):
        flow.append(flow[-1] + (70 * pump[i] - flow[-1]) * 0.5)
    flow = [f * (0.3 if i >= 70 else 1) + dice.noise(1.5) for i, f in enumerate(flow)]
    return several("rule: while the pump runs, its flow is 50..90 (after 4 frames)", -5, 100,
                   [flow, [p * 95 for p in pump]], [{}, {}],
                   [{"kind": "rule", "channel": 0, "other": 1, "if_lo": 90.0, "if_hi": 100.0, "lo": 50.0, "hi": 90.0,
                     "window": 4, "level": "fail"}],
                   [(0, "flow")], [("flow", 30), ("pump runs", 16)], areas=[(70, 89, "the pump runs dry")],
                   limits=[(50, "lo", RED), (90, "hi", RED)])


def forbid_picture():
    inlet, outlet = states((0, 12), (1, 16), (0, 12), (1, 20), (0, 10)), states((1, 10), (0, 20), (1, 20), (0, 20))
    return several("forbid: both valves are never open (for longer than 2 frames)", -0.4, 2.2,
                   [inlet, [1.1 + v for v in outlet]], [{}, {}],
                   [{"kind": "forbid", "channel": 0, "other": 1, "if_lo": 2.0, "if_hi": 2.2, "lo": 0.9, "hi": 1.1,
                     "window": 2, "level": "fail"}],
                   [(0, "inlet")], [("inlet open", 13), ("outlet open", 31)], areas=[(40, 49, "both")])


def transition_picture():
    gate = states((0, 14), (1, 12), (0, 22), (1, 12), (0, 10))
    lock = states((0, 8), (1, 22), (0, 40))
    return several("transition: the gate opens only while the lock is released", -0.4, 2.4,
                   [gate, [1.2 + v for v in lock]], [{}, {}],
                   [{"kind": "transition", "channel": 0, "other": 1, "from_lo": -0.1, "from_hi": 0.1, "lo": 0.9, "hi": 1.1,
                     "if_lo": 2.1, "if_hi": 2.3, "level": "fail"}],
                   [(0, "gate")], [("gate open", 15), ("lock released", 10)], areas=[(48, 48, "opens locked")])


def parity_picture():
    dice = Dice(8)
    a = [30 + 8 * wave(i, 50) + dice.noise(0.5) for i in range(90)]
    b = [20 + 5 * wave(i + 9, 34) + dice.noise(0.5) for i in range(90)]
    total = [x + y + dice.noise(0.5) - (6 if 50 <= i < 75 else 0) for i, (x, y) in enumerate(zip(a, b))]
    return several("parity: outflow = A + B within 1.5 (suspect) and 3 (fail), mean over 3 frames", 0, 75, [total, a, b],
                   [{}] * 3,
                   [{"kind": "parity", "channel": 0, "terms": [(1, 1.0), (2, 1.0)], "mean": 0.0, "scale": 1.0, "window": 3,
                     "suspect": 1.5, "fail": 3.0}],
                   [(0, "outflow")], [("outflow", 20), ("A", 40), ("B", 12)], areas=[(50, 74, "reads 6 too low")])


def joint_picture():
    dice = Dice(9)
    a = [50 + 10 * wave(i, 44) for i in range(100)]
    b = [x + dice.noise(2) for x in a]
    b = [100 - v if 60 <= i < 80 else v for i, v in enumerate(b)]
    # b is a and some noise: the first row measures b - a in deviations of it, the second b in its own.
    whiten = [(0.833, -0.833), (0.0, 0.137)]
    return several("joint: each is in its range, together they are not", 30, 70, [a, b], [{}, {}],
                   [{"kind": "joint", "terms": [(0, 50.0), (1, 50.0)], "whiten": whiten, "window": 2, "window2": 2,
                     "suspect": 12.0}],
                   [(0, "a"), (1, "b")], [("a", 8), ("b", 64)], areas=[(60, 79, "b follows the wrong way")])


# ---- what the block says ---------------------------------------------------------------------------

W, H, N = 64, 48, 512
ANY = 3.4028234663852886e38


class Block:
    """One checker with the limits of a dictionary {feature: (lo, hi)}; everything else is open."""

    def __init__(self, checks, limits, image=True, **fields):
        c = _abi.dura_block_config()
        c.struct_size, c.checks = ctypes.sizeof(c), checks
        c.kind = _abi.DURA_BLOCK_U8 if image else _abi.DURA_BLOCK_F32
        c.width, c.height = (W, H) if image else (N, 0)
        c.clip_lo, c.clip_hi = (4.0, 251.0) if image else (-4.0, 4.0)
        for i in range(_abi.DURA_BLOCK_FEATURES):
            c.fail_lo[i], c.fail_hi[i] = limits.get(i, (-ANY, ANY))
        for name, value in fields.items():
            if isinstance(value, (tuple, list)):
                for i, v in enumerate(value):
                    getattr(c, name)[i] = v
            else:
                setattr(c, name, value)
        size = lib.dura_block_bytes(ctypes.byref(c))
        self._memory, self._handle = (ctypes.c_uint64 * (size // 8 + 1))(), ctypes.c_void_p()
        check(lib.dura_block_init(ctypes.byref(self._handle), self._memory, size, ctypes.byref(c)))

    def update(self, data, stamp, now):
        """(verdict, features); data None: missing."""
        r, f = _abi.dura_block_report(), (ctypes.c_float * _abi.DURA_BLOCK_FEATURES)()
        r.struct_size = ctypes.sizeof(r)
        check(lib.dura_block_update(self._handle, stamp, now, data, len(data or b""), 0, ctypes.byref(r)))
        lib.dura_block_features(self._handle, f, len(f))
        return NAMES[r.verdict], [float(x) for x in f], r


NAMES = {_abi.DURA_GOOD: "GOOD", _abi.DURA_UNKNOWN: "UNKNOWN", _abi.DURA_SUSPECT: "SUSPECT", _abi.DURA_FAIL: "FAIL",
         _abi.DURA_MISSING: "MISSING"}


def scene(dice, at, mean=110, contrast=45, noise=2):
    """Rows of a soft pattern, `at` pixels further."""
    across = [contrast * wave(x + at, 37) + contrast / 3 * wave(x + at, 11) for x in range(W)]
    down = [contrast / 2 * wave(y, 29) for y in range(H)]
    return [[mean + a + d + dice.noise(noise) for a in across] for d in down]


def pixels(rows):
    return bytes(min(255, max(0, int(v + 0.5))) for row in rows for v in row)


def machine(dice, size=1.0, noise=0.3, offset=0.0, tone=0.0, rough=False):
    """A shaft and some noise; tone: a line at 0.31 of the sampling rate."""
    out, before = [], 0.0
    for i in range(N):
        fresh = dice.noise(noise)
        before = fresh if rough else (before + fresh) / 2
        out.append(offset + size * (wave(i, 51.2) + 0.4 * wave(i, 25.6)) + before + tone * wave(i * 31, 100))
    return out


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def blocks(title, feature, low, high, block, data, areas, limits=(), stamps=None, also=()):
    """One line per feature, one band; the limits are drawn where they are given."""
    verdicts, lines = [], {f: [] for f in (feature,) + tuple(f for f, _ in also)}
    for i, d in enumerate(data):
        stamp, now = stamps[i] if stamps else (i, i)
        verdict, f, _ = block.update(d, stamp, now)
        verdicts.append(verdict)
        for k, line in lines.items():
            line.append(f[k] if d is not None else None)
    p = Picture(title, low, high, len(verdicts), across="block")
    for first, last, word in areas:
        p.area(first, last, word)
    for value, word, colour in limits:
        p.limit(value, word, colour)
    for which, (k, line) in enumerate(lines.items()):
        p.line(line, which, dict(also).get(k, ""), 2)
    p.band(verdicts)
    p.legend(verdicts)
    return p


A = _abi


def bytes_picture():
    dice, data = Dice(21), []
    for i in range(40):
        data.append(pixels(scene(dice, i, mean=110 + 8 * wave(i, 30))))
    data[10] = data[9]
    data[18:21] = data[13:16]
    data[32] = None
    stamps = [(i * 100, i * 100 + (90 if i == 26 else 10)) for i in range(40)]
    block = Block(A.DURA_B_TIME_REVERSED | A.DURA_B_TIME_DUPLICATE | A.DURA_B_TIME_GAP | A.DURA_B_FROZEN |
                  A.DURA_B_REPEATED | A.DURA_B_LATE, {}, late_ns=50)
    return blocks("bytes and stamps (drawn: mean)", A.DURA_IMAGE_MEAN, 90, 135, block, data,
                  [(10, 10, "frozen"), (18, 20, "an old clip"), (26, 26, "late"), (32, 32, "missing")], stamps=stamps)


def change_picture():
    dice, data = Dice(22), []
    for i in range(60):
        if i < 20:
            at, mean = i, 110
        elif i < 30:
            at, mean = 20, 110
        else:
            at, mean = i + 40, 110 if i < 44 else 160
        data.append(pixels(scene(dice, at, mean=mean)))
    block = Block(A.DURA_B_CHANGE, {A.DURA_IMAGE_CHANGE: (2.0, 8.0)})
    return blocks("change: mean change of the projections, 2..8 levels", A.DURA_IMAGE_CHANGE, 0, 32, block, data,
                  [(21, 29, "stands still"), (30, 30, "turned"), (44, 46, "jumps, and stays")],
                  [(8, "fail_hi", RED), (2, "fail_lo", RED)])


def exposure_picture():
    dice, data = Dice(23), []
    for i in range(50):
        rows = scene(dice, i, mean=110 + (90 if 12 <= i < 18 else -70 if 26 <= i < 32 else 0))
        if 40 <= i < 46:
            rows = [[v * 0.45 if x < W // 2 else v for x, v in enumerate(row)] for row in rows]
        data.append(pixels(rows))
    block = Block(A.DURA_B_EXPOSURE | A.DURA_B_BALANCE,
                  {A.DURA_IMAGE_MEAN: (75.0, 150.0), A.DURA_IMAGE_BRIGHT: (-1.0, 0.05), A.DURA_IMAGE_DARK: (-1.0, 0.05),
                   A.DURA_IMAGE_LEFT_RIGHT: (-35.0, 35.0), A.DURA_IMAGE_TOP_BOTTOM: (-35.0, 35.0)})
    return blocks("exposure and balance: mean, and left half less right half (levels)", A.DURA_IMAGE_MEAN, -75, 215, block,
                  data, [(12, 17, "too bright"), (26, 31, "too dark"), (40, 45, "half covered")],
                  [(150, "mean: fail_hi", RED), (75, "mean: fail_lo", RED), (-35, "left - right: fail_lo", RED)],
                  also=[(A.DURA_IMAGE_LEFT_RIGHT, "left - right")])


def texture_picture():
    dice, data = Dice(24), []
    for i in range(60):
        rows = scene(dice, i, contrast=8 if 40 <= i < 46 else 45, noise=14 if 26 <= i < 32 else 2)
        if 12 <= i < 18:
            rows = [[sum(row[max(0, x - 4):x + 5]) / len(row[max(0, x - 4):x + 5]) for x in range(W)] for row in rows]
        data.append(pixels(rows))
    block = Block(A.DURA_B_CONTRAST | A.DURA_B_BLUR | A.DURA_B_NOISE,
                  {A.DURA_IMAGE_CONTRAST: (20.0, 60.0), A.DURA_IMAGE_SHARPNESS: (0.12, 0.3), A.DURA_IMAGE_NOISE: (0.7, 4.0)})
    return blocks("contrast, blur, noise (levels)", A.DURA_IMAGE_NOISE, 0, 40, block, data,
                  [(12, 17, "out of focus"), (26, 31, "gain too high"), (40, 45, "fog")],
                  [(4, "noise: fail_hi", RED), (20, "contrast: fail_lo", RED)], also=[(A.DURA_IMAGE_CONTRAST, "contrast")])


def lines_picture():
    dice, data = Dice(25), []
    for i in range(50):
        rows = scene(dice, i)
        if i in (10, 11):
            rows[20] = [0.0] * W
        if i in (22, 23):
            rows[30] = list(rows[29])
        if i in (36, 37):
            rows[16:24] = [row[-9:] + row[:-9] for row in rows[16:24]]
        data.append(pixels(rows))
    limits = {A.DURA_IMAGE_LINE_ODD: (-1.0, 3.0), A.DURA_IMAGE_LINE_BREAK: (-1.0, 6.0), A.DURA_IMAGE_LINE_SHIFT: (-1.0, 6.0),
              A.DURA_IMAGE_LINE_VOID: (-1.0, 0.5)}
    return blocks("lines: what a sideways shift explains, and a step of one row (levels)", A.DURA_IMAGE_LINE_SHIFT, 0, 45,
                  Block(A.DURA_B_LINES, limits), data,
                  [(10, 11, "row empty"), (22, 23, "row twice"), (36, 37, "rows shifted")], [(6, "fail_hi", RED)],
                  also=[(A.DURA_IMAGE_LINE_BREAK, "")])


def elements_picture():
    dice, data = Dice(26), []
    for i in range(50):
        rows = scene(dice, i)
        if i in (10, 11):
            rows[20][30] = 255
        if i in (22, 23):
            rows[12][40] = rows[33][9] = 0
        if i in (36, 37):
            for row in rows:
                row[25] += 40
        data.append(pixels(rows))
    limits = {A.DURA_IMAGE_DEAD: (-1.0, 0.5), A.DURA_IMAGE_HOT: (-1.0, 0.5), A.DURA_IMAGE_COLUMN_ODD: (-1.0, 6.0)}
    return blocks("elements: a column unlike both neighbours (levels), hot pixels", A.DURA_IMAGE_COLUMN_ODD, 0, 42,
                  Block(A.DURA_B_ELEMENTS, limits), data,
                  [(10, 11, "a hot pixel"), (22, 23, "two dead"), (36, 37, "a column")], [(6, "column: fail_hi", RED)],
                  also=[(A.DURA_IMAGE_HOT, "")])


def windows(title, feature, low, high, checks, limits, make, areas, drawn, count=50, also=(), **fields):
    dice = Dice(27)
    data = [floats(make(dice, i)) for i in range(count)]
    return blocks(title, feature, low, high, Block(checks, limits, False, **fields), data, areas, drawn, also=also)


def rails_picture():
    def make(dice, i):
        x = machine(dice, offset=0.5 if 24 <= i < 28 else 0.0)
        if 10 <= i < 14:
            x = [min(4.0, max(-4.0, v * 4)) for v in x]
        if 38 <= i < 42:
            x[100:140] = [x[99]] * 40
        return x
    return windows("rails, offset, stuck (drawn: mean, and share at the rails)", A.DURA_WINDOW_MEAN, -0.2, 0.8,
                   A.DURA_B_CLIPPED | A.DURA_B_OFFSET | A.DURA_B_STUCK,
                   {A.DURA_WINDOW_CLIPPED: (-1.0, 0.01), A.DURA_WINDOW_MEAN: (-0.15, 0.15), A.DURA_WINDOW_RUN: (-1.0, 6.0)},
                   make, [(10, 13, "at the rails"), (24, 27, "DC shift"), (38, 41, "40 stuck")], [(0.15, "mean: fail_hi", RED)],
                   also=[(A.DURA_WINDOW_CLIPPED, "")])


def level_picture():
    def make(dice, i):
        x = machine(dice, size=0.5 if 10 <= i < 14 else 1.7 if 24 <= i < 28 else 1.0)
        if 38 <= i < 42:
            for k in range(30, N, 70):
                x[k] += 6.0
        return x
    return windows("level and shape (drawn: rms, and crest factor)", A.DURA_WINDOW_RMS, 0, 8,
                   A.DURA_B_LEVEL | A.DURA_B_SHAPE,
                   {A.DURA_WINDOW_RMS: (0.5, 1.1), A.DURA_WINDOW_CREST: (1.0, 3.5), A.DURA_WINDOW_KURTOSIS: (1.0, 4.0)},
                   make, [(10, 13, "too weak"), (24, 27, "too strong"), (38, 41, "knocks")],
                   [(1.1, "rms: fail_hi", RED), (3.5, "crest: fail_hi", RED)], also=[(A.DURA_WINDOW_CREST, "")])


def spectrum_picture():
    def make(dice, i):
        return machine(dice, noise=1.2 if 10 <= i < 14 else 0.3, tone=0.25 if 26 <= i < 30 else 0.0, rough=10 <= i < 14)
    return windows("band, spectrum, line (drawn: rms of the strongest line in 0.29..0.33)", A.DURA_WINDOW_LINE, 0, 0.3,
                   A.DURA_B_BAND | A.DURA_B_SPECTRUM | A.DURA_B_LINE,
                   {A.DURA_WINDOW_BAND: (-10.0, 5.0), A.DURA_WINDOW_BAND + 1: (-45.0, -12.0), A.DURA_WINDOW_LINE: (-1.0, 0.1),
                    A.DURA_WINDOW_DISTANCE: (-1.0, 0.2)}, make,
                   [(10, 13, "white noise"), (26, 29, "sound at the resonance")], [(0.1, "line: fail_hi", RED)], 40,
                   spectrum=256, rate_hz=1.0, n_bands=2, n_lines=1, band_hz=(0.0, 0.1, 0.5), share=(0.98, 0.02),
                   line_lo_hz=(0.29,), line_hi_hz=(0.33,))


def unlike_picture():
    dice, data = Dice(28), []
    for i in range(60):
        odd = 36 <= i < 46
        data.append(pixels(scene(dice, i, mean=130 if odd else 110, contrast=36 if odd else 45, noise=2.8 if odd else 2)))
    pins = {A.DURA_IMAGE_MEAN: (110.0, 4.0), A.DURA_IMAGE_CONTRAST: (33.0, 2.0), A.DURA_IMAGE_NOISE: (1.2, 0.15)}
    mean, scale = [0.0] * 16, [0.0] * 16
    for k, (m, d) in pins.items():
        mean[k], scale[k] = m, 1 / d
    block = Block(A.DURA_B_UNLIKE, {}, unlike_suspect=16.0, unlike_fail=30.0, pin_mean=mean, pin_scale=scale)
    verdicts, distance = [], []
    for i, d in enumerate(data):
        verdict, _, report = block.update(d, i, i)
        verdicts.append(verdict)
        distance.append(report.distance)
    p = Picture("unlike: squared distance of mean, contrast and noise from the pinned vector", 0, 80, 60, across="block")
    p.area(36, 45, "a little brighter, flatter, noisier")
    p.limit(30, "unlike_fail", RED)
    p.limit(16, "unlike_suspect", AMBER)
    p.line(distance)
    p.band(verdicts)
    p.legend(verdicts)
    return p


PICTURES = {"time": time_picture, "finite": finite_picture, "range": range_picture, "rate": rate_picture,
            "flat": flat_picture, "stale": stale_picture, "spike": spike_picture, "noise": noise_picture,
            "drift": drift_picture, "vote": vote_picture, "rule": rule_picture, "forbid": forbid_picture,
            "transition": transition_picture, "parity": parity_picture, "joint": joint_picture,
            "block-bytes": bytes_picture, "block-change": change_picture, "block-exposure": exposure_picture,
            "block-texture": texture_picture, "block-lines": lines_picture, "block-elements": elements_picture,
            "block-rails": rails_picture, "block-level": level_picture, "block-spectrum": spectrum_picture,
            "block-unlike": unlike_picture}


def main():
    stale = []
    for name, make in PICTURES.items():
        path, text = os.path.join(FOLDER, name + ".svg"), make().text()
        if "--check" in sys.argv:
            with open(path, encoding="utf-8") as f:
                stale += [] if f.read() == text else [f"docs/checks/{name}.svg:1: the library draws another one"]
        else:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
    return ctext.report(stale, f"{len(PICTURES)} pictures")


if __name__ == "__main__":
    sys.exit(main())
