#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_vectors_log.py [folder]: write tests/vectors/log/proofs.json and notes.json.

An RFC 6962 tree written down as the RFC has it, on hashlib, with no line of the library: proofs
that hold and proofs that must fail, and signed notes (Ed25519 by `cryptography`). The files are ours
and anybody may use them; README.md beside them says what is in them.
"""
import base64
import hashlib
import json
import os
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def sha(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def subproof(start, end, leaves, known):
    """RFC 6962 sections 2.1.1 and 2.1.2 as one: [start, end) within these leaves."""
    n = len(leaves)
    if (start, end) == (0, n):
        return [] if known else [root(leaves)]
    k = 1 << (n - 1).bit_length() - 1
    if end <= k:
        return subproof(start, end, leaves[:k], known) + [root(leaves[k:])]
    if start >= k:
        return subproof(start - k, end - k, leaves[k:], known) + [root(leaves[:k])]
    return subproof(0, end - k, leaves[k:], False) + [root(leaves[:k])]


def row(name, good, start, end, sub, size, whole, proof):
    return {"name": name, "good": good, "start": start, "end": end, "sub": b64(sub), "size": size, "root": b64(whole),
            "proof": [b64(h) for h in proof]}


def proofs():
    leaves = [sha(b"\x00record %d" % i) for i in range(300)]
    out = []
    for size, start, end in [(1, 0, 1), (2, 1, 2), (7, 6, 7), (8, 3, 4), (300, 0, 1), (300, 255, 256), (300, 299, 300), (7, 0, 3),
                             (8, 0, 8), (64, 0, 63), (300, 0, 256), (300, 0, 257), (300, 0, 299), (300, 128, 192), (300, 256, 300),
                             (300, 264, 269), (129, 128, 129)]:
        sub, whole, path = root(leaves[start:end]), root(leaves[:size]), subproof(start, end, leaves[:size], True)

        def add(name, good=False, **other):
            one = {"start": start, "end": end, "sub": sub, "size": size, "whole": whole, "proof": path, **other}
            if good or one != {"start": start, "end": end, "sub": sub, "size": size, "whole": whole, "proof": path}:
                out.append(row(f"[{start}, {end}) of {size}: {name}", good, *(one[k] for k in ("start", "end", "sub", "size", "whole", "proof"))))
        add("as it is", True)
        add("another root", whole=sha(whole))
        add("another subtree", sub=sha(sub))
        add("one hash more", proof=path + [sha(b"more")])
        add("one hash in front", proof=[sub] + path)
        add("first hash twice", proof=path[:1] + path)
        add("last hash missing", proof=path[:-1])
        add("backwards", proof=path[::-1])
        add("empty range", end=start)
        add("beyond the tree", start=start + size, end=end + size)
        for k in range(len(path)):
            add(f"hash {k} altered", proof=path[:k] + [bytes([path[k][0] ^ 1]) + path[k][1:]] + path[k + 1:])
    return out


def key(name):
    return Ed25519PrivateKey.from_private_bytes(sha(b"dura log vectors: " + name.encode()))


def pub(name):
    return key(name).public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def key_id(name, kind):
    return sha(name.encode() + b"\n" + bytes([kind]) + pub(name))[:4]


def line(name, text, kind, time=0):
    if kind == 1:
        blob = key(name).sign(text.encode())
    else:
        blob = time.to_bytes(8, "big") + key(name).sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    return f"\u2014 {name} {b64(key_id(name, kind) + blob)}\n"


def notes():
    log, wit = "log.example/one", "witness.example/w"
    text = f"{log}\n300\n{b64(sha(b'root'))}\n"
    good = text + "\n" + line(log, text, 1) + line(wit, text, 4, 1700000000)
    many = text + "\n" + line(log, text, 1) + "".join(line(f"{wit}{k}", text, 4, 1700000000 + k) for k in range(15))
    keys = {log: [1, b64(pub(log))], wit: [4, b64(pub(wit))]}
    rows = [("both lines", good, True), ("sixteen lines", many, True),
            ("with an extension", (t := text + "epoch 3\n") + "\n" + line(log, t, 1) + line(wit, t, 4, 1), True),
            ("size with a leading zero", good.replace("\n300\n", "\n0300\n"), False),
            ("another size", good.replace("\n300\n", "\n301\n"), False),
            ("carriage returns", good.replace("\n", "\r\n"), False),
            ("no empty line", good.replace("\n\n", "\n"), False),
            ("no signature", text + "\n", False), ("a hyphen for the dash", good.replace("\u2014", "-"), False),
            ("no newline at the end", good[:-1], False), ("a tab", good.replace("one\n300", "one\t\n300"), False),
            ("the witness' line as the log's", text + "\n" + line(wit, text, 1), False),
            ("a line that is no base64", good[:-7] + "\n", False)]
    return {"keys": keys, "notes": [{"name": n, "note": v, "good": g} for n, v, g in rows]}


if __name__ == "__main__":
    top = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "vectors", "log")
    folder = sys.argv[1] if len(sys.argv) > 1 else top
    os.makedirs(folder, exist_ok=True)
    for name, data in (("proofs.json", proofs()), ("notes.json", notes())):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            json.dump(data, out, indent=1, ensure_ascii=False)
            out.write("\n")
