#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write frames.h: what T2, SPE and the parts of the channels are, from the textbook.

Nothing here works as the library does: the covariance of the model is written out and
inverted whole, what the others make of a channel is a regression on them, and a missing
channel is the regression on all that are there. Doubles, the standard library alone.
"""
import math
import os
import random

N, K, FRAMES, GONE = 12, 3, 6, (2, 7, 8)
rng = random.Random(20)


def invert(a):
    n = len(a)
    m = [list(r) + [float(i == j) for j in range(n)] for i, r in enumerate(a)]
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(m[r][i]))
        m[i], m[p] = m[p], m[i]
        m[i] = [v / m[i][i] for v in m[i]]
        for r in range(n):
            if r != i:
                m[r] = [v - m[r][i] * w for v, w in zip(m[r], m[i])]
    return [r[n:] for r in m]


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def loadings():
    out = []
    while len(out) < K:
        v = [rng.gauss(0, 1) for _ in range(N)]
        for _ in range(2):
            for u in out:
                d = dot(u, v)
                v = [x - d * y for x, y in zip(v, u)]
        size = math.sqrt(dot(v, v))
        out.append([x / size for x in v])
    return out


P = loadings()
VARIANCE = [4.0, 2.0, 1.0]
REST = 0.25                                    # of each direction outside
MEAN = [round(rng.uniform(-20, 20), 2) for _ in range(N)]
DEVIATION = [round(rng.uniform(0.5, 5), 2) for _ in range(N)]
COV = [[sum(P[a][i] * (VARIANCE[a] - REST) * P[a][j] for a in range(K)) + REST * (i == j) for j in range(N)]
       for i in range(N)]


def expect(z, which):
    """What the channels that are not in `which` make of those that are: S12 S22^-1 z2."""
    rest = [i for i in range(N) if i not in which]
    inner = invert([[COV[i][j] for j in rest] for i in rest])
    weight = [dot(row, [z[i] for i in rest]) for row in inner]
    return [dot([COV[w][i] for i in rest], weight) for w in which]


def spread(j):
    rest = [i for i in range(N) if i != j]
    inner = invert([[COV[a][b] for b in rest] for a in rest])
    c = [COV[j][i] for i in rest]
    return math.sqrt(COV[j][j] - dot(c, [dot(row, c) for row in inner]))


def row(z):
    t = [dot(p, z) for p in P]
    e = [z[j] - math.fsum(t[a] * P[a][j] for a in range(K)) for j in range(N)]
    t2 = math.fsum(x * x / v for x, v in zip(t, VARIANCE))
    return {"t2": t2, "spe": dot(e, e),
            "part_t2": [z[j] * math.fsum(P[a][j] * t[a] / VARIANCE[a] for a in range(K)) for j in range(N)],
            "part_spe": [x * x for x in e],
            "unexplained": [(z[j] - expect(z, [j])[0]) / spread(j) for j in range(N)]}


def text(values):
    return "{" + ", ".join(f"{v:.9g}" if "." in f"{v:.9g}" or "e" in f"{v:.9g}" else f"{v:.9g}.0" for v in values) + "}"


def main():
    values = MEAN + [1 / d for d in DEVIATION] + VARIANCE + [v for p in P for v in p] + [REST * (N - K), 1, 0.25, 1, 0.5]
    out = ["/* SPDX-License-Identifier: Apache-2.0 */", "/* Written by make_frames.py. */",
           f"enum {{ V_N = {N}, V_K = {K}, V_FRAMES = {FRAMES}, V_GONE = {len(GONE)} }};",
           f"static const float v_values[] = {text(values)};",
           f"static const int v_gone[V_GONE] = {{{', '.join(map(str, GONE))}}};",
           "static const struct {", "    float x[V_N];",
           "    double t2, spe, part_t2[V_N], part_spe[V_N], unexplained[V_N];",
           "    double filled[V_GONE], filled_t2, filled_spe, lone, lone_t2, lone_spe;", "} v_frames[V_FRAMES] = {"]
    for f in range(FRAMES):
        x = [m + d * rng.gauss(0, 1) for m, d in zip(MEAN, DEVIATION)]
        x[f] += 4 * DEVIATION[f]
        z = [(v - m) / d for v, m, d in zip(x, MEAN, DEVIATION)]
        r = row(z)
        filled = expect(z, list(GONE))
        with_filled = list(z)
        for g, v in zip(GONE, filled):
            with_filled[g] = v
        one = list(z)
        one[GONE[0]] = expect(z, [GONE[0]])[0]
        a, b = row(with_filled), row(one)
        out.append("    {" + ", ".join([text(x), text([r["t2"], r["spe"]])[1:-1], text(r["part_t2"]), text(r["part_spe"]),
                                        text(r["unexplained"]), text(filled), text([a["t2"], a["spe"]])[1:-1],
                                        text([one[GONE[0]], b["t2"], b["spe"]])[1:-1]]) + "},")
    out.append("};")
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "frames.h"), "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


main()
