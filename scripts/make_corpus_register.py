#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/register: the examples without blanks, alone and with what lies beside
them behind a zero byte, a smallest register, a product, and a packed register as
docs/formats/register.md has it."""
import json
import os
import struct

import ctext


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def plain(name):
    with open(os.path.join(ctext.root(), "examples", "register", name), encoding="utf-8") as f:
        return json.dumps(json.load(f), separators=(",", ":")).encode()


SMALLEST = {
    "dura_register": 1, "product": {
        "id": "p", "version": "1", "intended_use": "u", "owners": {"box": "a", "brain": "b"},
        "risk_matrix": [[1] * 4] * 5, "tolerable": 1},
    "zones": [], "conduits": [], "assets": [], "impact_assessments": [], "hazards": [], "entries": [],
    "controls": [], "waivers": []}


def packed():
    rows = struct.pack("<IBBH", 0, 2, 3, 1) + struct.pack("<IBBH", 2, 9, 90, 0)
    body = rows + struct.pack("<H", 1) + bytes(2) + b"R\0K\0"
    head = b"DREG" + struct.pack("<HHIHHHHI", 1, 0, 64 + len(body) + 4, 1, 1, 1, 0, 4) + bytes(range(32)) + bytes(8)
    return head + body + struct.pack("<I", crc32c(head + body))


def view():
    entry = {"id": "R-01", "title": "t", "cause": "attack", "assessments": [], "controls_of_42001": ["A.7.4"]}
    return json.dumps({"dura_register_view": "42001", "register": "00" * 32, "entries": [entry]}).encode()


SEEDS = {
    "smallest": json.dumps(SMALLEST).encode(),
    "complete_evidence": plain("complete.json") + b"\0" + plain("complete-evidence.json"),
    "gaps_evidence": plain("gaps.json") + b"\0" + plain("gaps-evidence.json"),
    "gaps_profile": plain("gaps.json") + b"\0" + plain("profile.json"),
    "gaps_view": plain("gaps.json") + b"\0" + view(),
    "product": plain("product.json"),
    "packed": packed(),
}


def main():
    folder = os.path.join(ctext.root(), "fuzz", "corpus", "register")
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    print(f"{len(SEEDS)} seeds in {folder}")


main()
