#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes fuzz/corpus/note: checkpoints (0), proofs of a record (1), witness' answers (2).

    python3 scripts/make_corpus_note.py
"""
import base64
import hashlib
import os


def b64(data):
    return base64.b64encode(data).decode()


def line(name, n):
    return f"\u2014 {name} {b64(hashlib.sha512(name.encode()).digest() + bytes(n))}\n"


def note(origin="example.com/log", size=7, extension="", lines=1):
    root = b64(hashlib.sha256(origin.encode()).digest())
    return f"{origin}\n{size}\n{root}\n{extension}\n" + "".join(line(f"w{k}.example", 4 + 8 * (k > 0)) for k in range(lines))


def proof(index, hashes, extra=""):
    path = "".join(b64(bytes([k]) * 32) + "\n" for k in range(hashes))
    return f"c2sp.org/tlog-proof@v1\n{extra}index {index}\n{path}\n{note(size=index + 1, lines=2)}"


SEEDS = {
    "note_one": (0, note()),
    "note_sixteen": (0, note(lines=16)),
    "note_seventeen": (0, note(lines=17)),
    "note_extension": (0, note(extension="epoch 3\nother 9 x\n")),
    "note_large": (0, note(size=2**64 - 1, origin="dura:00/\u00e9")),
    "note_zero": (0, note(size=0)),
    "proof_alone": (1, proof(0, 0)),
    "proof_five": (1, proof(21, 5)),
    "proof_extra": (1, proof(3, 2, "extra AAEC\n")),
    "answer_lines": (2, "\x01" + line("k", 12) + line("other", 12)),
    "answer_size": (2, "\x0020852014\n"),
}

if __name__ == "__main__":
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fuzz", "corpus", "note")
    os.makedirs(folder, exist_ok=True)
    for name, (kind, text) in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as out:
            out.write(bytes([kind]) + text.encode())
    print(f"{len(SEEDS)} seeds in {folder}")
