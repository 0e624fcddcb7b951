#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_onnx.py OUT [WIDTH...]: a multi-layer perceptron as an ONNX file, 8-16-4 unless told.

Gemm and Relu in float32, weights of a fixed seed. The file is protocol buffers, of which a
handful of fields is enough, so nothing needs to be installed. Opset 13, IR 8.
"""
import random
import struct
import sys


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def part(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, dims, values):
    return b"".join(number(1, d) for d in dims) + number(2, 1) + part(8, name) + part(9, struct.pack(f"<{len(values)}f", *values))


def value(name, dims):
    shape = b"".join(part(1, number(1, d)) for d in dims)
    return part(1, name) + part(2, part(1, number(1, 1) + part(2, shape)))


def node(kind, inputs, output):
    return b"".join(part(1, i) for i in inputs) + part(2, output) + part(4, kind)


def weights(widths):
    rng = random.Random(2026)
    return [([rng.uniform(-1, 1) / n ** 0.5 for _ in range(n * m)], [rng.uniform(-0.1, 0.1) for _ in range(m)])
            for n, m in zip(widths, widths[1:])]


def model(widths):
    nodes, tensors, at = b"", b"", "x"
    for i, ((w, b), n, m) in enumerate(zip(weights(widths), widths, widths[1:])):
        last = i == len(widths) - 2
        nodes += part(1, node("Gemm", [at, f"w{i}", f"b{i}"], "y" if last else f"g{i}"))
        tensors += part(5, tensor(f"w{i}", [n, m], w)) + part(5, tensor(f"b{i}", [m], b))
        if not last:
            nodes += part(1, node("Relu", [f"g{i}"], f"r{i}"))
        at = f"r{i}"
    graph = nodes + part(2, "mlp") + tensors + part(11, value("x", [1, widths[0]])) + part(12, value("y", [1, widths[-1]]))
    return number(1, 8) + part(2, "dura") + part(7, graph) + part(8, part(1, "") + number(2, 13))


def answer(widths, x):
    """What it answers, in double precision."""
    for i, (w, b) in enumerate(weights(widths)):
        m = widths[i + 1]
        x = [sum(x[k] * w[k * m + j] for k in range(len(x))) + b[j] for j in range(m)]
        if i < len(widths) - 2:
            x = [max(v, 0.0) for v in x]
    return x


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as f:
        f.write(model([int(n) for n in sys.argv[2:]] or [8, 16, 4]))
