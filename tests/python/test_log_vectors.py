# SPDX-License-Identifier: Apache-2.0
"""tests/vectors/log: what its script writes, judged by the library and by RFC 9162 as it stands."""
import base64
import ctypes
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
VECTORS = TREE / "tests" / "vectors" / "log"
U64, SIZE = ctypes.c_uint64, ctypes.c_size_t


def load(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def inclusion(index, size, leaf, root, path):
    """RFC 9162 section 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistency(first, second, old, new, path):
    """RFC 9162 section 2.1.4.2; equal sizes need no proof."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and old == new
    if not path:
        return False
    path = [old] + path if first & (first - 1) == 0 else path
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old and sr == new and sn == 0


@pytest.fixture(scope="module")
def lib():
    return ctypes.CDLL(os.environ["DURA_LIBRARY"])


def test_every_proof_is_judged_as_it_says(lib):
    rows = load("proofs.json")
    assert len(rows) == 228 and sum(r["good"] for r in rows) == 17
    for r in rows:
        start, end, size = r["start"], r["end"], r["size"]
        sub, root, *path = [base64.b64decode(h) for h in [r["sub"], r["root"], *r["proof"]]]
        rc = lib.dura_proof_subtree(U64(start), U64(end), sub, U64(size), root, b"".join(path), SIZE(len(path)))
        assert (rc == 0) == r["good"], r["name"]
        if end == start + 1:
            assert inclusion(start, size, sub, root, path) == r["good"], r["name"]
        if start == 0:
            assert consistency(end, size, sub, root, path) == r["good"], r["name"]


def test_every_note_is_judged_as_it_says(lib):
    data = load("notes.json")
    kind, key = data["keys"]["log.example/one"]
    for r in data["notes"]:
        note, text = ctypes.create_string_buffer(4096), r["note"].encode()
        good = lib.dura_note_parse(note, text, SIZE(len(text))) == 0
        good = good and lib.dura_note_check(note, b"log.example/one", base64.b64decode(key), kind, None) == 0
        assert good == r["good"], r["name"]


def test_the_files_are_those_of_the_script(tmp_path):
    pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    subprocess.run([sys.executable, str(TREE / "scripts" / "make_vectors_log.py"), str(tmp_path)], check=True)
    for name in ("proofs.json", "notes.json"):
        assert (tmp_path / name).read_bytes() == (VECTORS / name).read_bytes()
