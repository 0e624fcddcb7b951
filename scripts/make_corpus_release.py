#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of fuzz/corpus/release, approve, brain and journal: one per thing each reader can meet.

Written from docs/formats/release.md and brain.md, apart from the C code; the journal's layout
is the one fuzz_journal.c reads.
"""
import base64
import json
import os
import struct

import ctext

TYPE = "application/vnd.dura.release+cbor"


def head(major, v):
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if v < 24:
            return bytes([major << 5 | v])
        if v < 1 << 8 * size:
            return bytes([major << 5 | info]) + v.to_bytes(size, "big")
    raise ValueError(v)


def cbor(v):
    if isinstance(v, int):
        return head(0, v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(cbor, v))
    return head(5, len(v)) + b"".join(cbor(k) + cbor(x) for k, x in sorted(v.items()))


def payload(**change):
    fields = {1: 1, 2: 2, 3: 7, 4: 5, 5: bytes(range(32)), 6: 4096, 7: "press-7", 8: "spring"}
    fields.update({int(k[1:]): v for k, v in change.items()})
    return cbor({k: v for k, v in fields.items() if v is not None})


def envelope(body, signers=1, kind=TYPE):
    return cbor({1: kind, 2: body, 3: [{1: bytes([i] * 8), 2: bytes([i] * 64)} for i in range(signers)]})


def dsse(body, url=False, **more):
    code = base64.urlsafe_b64encode if url else base64.b64encode
    return json.dumps({"payload": code(body).decode(), "payloadType": TYPE,
                       "signatures": [{"keyid": "00" * 8, "sig": code(bytes(64)).decode()}], **more}).encode()


FULL = dict(_3=2**64 - 1, _4=2**64 - 1, _6=2**64 - 1, _7="d" * 63, _8="n" * 63, _9=b"\7" * 32, _10=9 * 10**9,
            _11=9 * 10**9 + 1, _12=2**31)
RELEASE = {
    "payload": payload(), "payload_full": payload(**FULL), "payload_box": payload(_2=1), "payload_policy": payload(_2=3),
    "payload_any_device": payload(_7="*", _8=None), "payload_extension": payload(_64="x", _65=b"y"), "payload_chunks": payload(_64=bytes(range(32))),
    "payload_unknown": payload(_17=1), "payload_evidence": payload(_14=b"\x0e" * 32, _15=1 << 7 | 1 << 19, _16=1),
    "payload_claim": payload(_15=1), "payload_no_evidence": payload(_14=bytes(32)), "payload_flag": payload(_16=2),
    "payload_requires": payload(_13=[1, 3, 2**32 - 1, 3, 0, 9]),
    "payload_requires_itself": payload(_13=[2, 1, 1]), "payload_schema_2": payload(_1=2), "payload_floor": payload(_4=8),
    "payload_dates": payload(_10=5, _11=4), "payload_nested": payload(_64=[[[1]]]),
    "unsigned": envelope(payload(), 0), "signed": envelope(payload(), 1), "signed_full": envelope(payload(**FULL), 8),
    "signed_two": envelope(payload(), 2), "too_many": envelope(payload(), 17), "other_type": envelope(payload(), 1, TYPE[:-1] + "x"),
    "short_payload": envelope(b"\xa0", 1), "json": dsse(payload()), "json_url": dsse(payload(**FULL), True),
    "json_more": dsse(payload(), x={"y": [1]}),
}


def approval(**change):
    fields = {1: 1, 2: bytes(32), 3: "press-7", 4: 1, 6: b"\x33" * 32}
    fields.update({int(k[1:]): v for k, v in change.items()})
    return cbor({k: v for k, v in fields.items() if v is not None})


def over(body, at=1, n=60):
    """A payload, with n bytes of the true one put over it from `at` on."""
    return bytes([2 + (at - 1) % 2, at, n]) + body[2:]


YES = TYPE.replace("release", "approve")
APPROVE = {
    "right": bytes([2, 0, 255]), "dated": b"\x01" + approval(_5=1800000000), "over": b"\x01" + approval(_5=5),
    "extension": b"\x01" + approval(_64="x", _65=b"y"), "nested": b"\x01" + approval(_64=[[1]]),
    "unknown": b"\x01" + approval(_7=b"\0" * 32), "no_policy": b"\x01" + approval(_6=None), "nonce_0": b"\x01" + approval(_4=0),
    "nonce_max": b"\x01" + approval(_4=2**64 - 1), "any_device": b"\x01" + approval(_3="*"), "long": b"\x01" + approval(_3="d" * 63),
    "schema_2": b"\x01" + approval(_1=2), "unsigned": b"\0" + envelope(approval(), 0, YES), "signed": b"\0" + envelope(approval(), 2, YES),
    "release": b"\0" + envelope(payload(), 1), "release_inside": b"\0" + envelope(payload(), 1, YES),
    "overlaid": over(approval(), 4, 40), "overlaid_more": over(approval(_5=1800000000), 3, 90), "empty": b"\x01\xa0\0",
}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def brain(sections, version=1):
    at, table, body = 16 + 16 * len(sections), b"", b""
    start = at
    for kind, data in sections:
        body += bytes(-(start + len(body)) % 8)
        table += struct.pack("<IIII", kind, start + len(body), len(data), 0)
        body += data
    body += bytes(-(start + len(body)) % 8)
    first = struct.pack("<4sHHI", b"DBRN", version, len(sections), at + len(body))
    return first + struct.pack("<I", crc32c(first + table + body)) + table + body


def golden(n, n_in, n_out, abs_tol=1e-3, rel_tol=0.0):
    return struct.pack("<IHHff", n, n_in, n_out, abs_tol, rel_tol) + struct.pack(f"<{n * (n_in + n_out)}f",
                                                                                 *range(n * (n_in + n_out)))


BRAIN = {
    "both": brain([(1, b"MODL\0\0\0\0"), (2, golden(3, 2, 1))]), "odd": brain([(1, b"M"), (2, golden(1, 1, 16))]),
    "model_only": brain([(1, b"model")]), "unknown": brain([(1, b"m"), (3, b"x")]),
    "optional": brain([(1, b"m"), (2, golden(2, 1, 1)), (64, b"more")]), "version_2": brain([(1, b"m")], 2),
    "no_vectors": brain([(1, b"m"), (2, golden(0, 1, 1))]), "endless": brain([(1, b"m"), (2, golden(1, 1, 1, 3e38, 3e38))]),
    "sixteen": brain([(1, b"m"), (2, golden(1, 1, 1))] + [(64 + i, b"x") for i in range(14)]), "head": brain([(1, b"m")])[:16],
}

STEP, OFFER, STRANGER, WRITE, SEND, RESET, REBOOT, MOOD, TIME, ROT, APPROVE_IT = range(11)


def journal(history, calls, fresh=0, repair=0, patches=(), approve=0):
    return (bytes([history | repair << 2 | fresh << 3 | approve << 4, len(patches)]) + b"".join(bytes(p) for p in patches) + bytes(calls))


ALL = [OFFER, SEND, 200, STEP, 255, STEP, 255, REBOOT, 0]
JOURNAL = {
    "update": journal(1, ALL), "fresh": journal(0, ALL, fresh=1), "lost": journal(0, ALL),
    "staged": journal(2, [STEP, 255, STEP, 255]), "probation": journal(3, [STEP, 255]),
    "stranger": journal(1, [STRANGER, 9] + list(b"\xa3\x01\x78\x21appli")), "reset": journal(2, [STEP, 30, RESET, OFFER, RESET]),
    "bytewise": journal(1, [OFFER] + [WRITE, 100] * 6 + [STEP, 255, STEP, 255]),
    "waits": journal(1, [OFFER, SEND, 99, MOOD, 9, STEP, 200, MOOD, 0, STEP, 200, MOOD, 2, STEP, 200, STEP, 200]),
    "drop_later": journal(1, [OFFER, SEND, 99, STEP, 100, MOOD, 6, STEP, 200, RESET, STEP, 200]),
    "reboots": journal(1, [OFFER, REBOOT, 0, SEND, 255, REBOOT, 1, STEP, 5, REBOOT, 2, STEP, 60, REBOOT, 3, STEP, 255] + ALL),
    "rot": journal(2, [STEP, 20, ROT, 3, STEP, 255, REBOOT, 0, STEP, 255]), "clock": journal(2, [TIME, 200, STEP, 255, TIME, 9, STEP, 255]),
    "approved": journal(1, [OFFER, APPROVE_IT, 1, SEND, 200, STEP, 255, APPROVE_IT, 3, STEP, 255, STEP, 255], approve=1),
    "approved_late": journal(2, [STEP, 255, REBOOT, 1, APPROVE_IT, 1, RESET, OFFER, SEND, 99, APPROVE_IT, 0, STEP, 255, APPROVE_IT, 1,
                                 STEP, 255, STEP, 255], approve=1),
    "patched": journal(2, ALL, patches=((0, 16, 7), (0, 18, 2), (3, 18, 0))),
    "patched_right_crc": journal(2, [STEP, 255] + ALL, repair=1, patches=((0, 16, 6), (3, 144, 5), (6, 18, 2))),
}


def main():
    for entry, seeds in (("release", RELEASE), ("approve", APPROVE), ("brain", BRAIN), ("journal", JOURNAL)):
        folder = os.path.join(ctext.root(), "fuzz", "corpus", entry)
        os.makedirs(folder, exist_ok=True)
        for name, data in seeds.items():
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)
        print(f"{len(seeds)} seeds in {folder}")


main()
