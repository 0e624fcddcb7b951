#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes fuzz/corpus/record and fuzz/corpus/verify, and runs for the Python tests.

A second writer of docs/formats/log.md, in Python: records of every kind, and pairs of
logs that are fresh, sealed, recovered, closed, torn. Ed25519 comes from `cryptography`
when it can be imported; without it only logs that cannot sign are written.

    python3 scripts/make_corpus_log.py [--check]     (--check: compare, write nothing)
"""
import base64
import hashlib
import os
import struct
import sys

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:
    Ed25519PrivateKey = None

SEGMENT = 4096
NAMES = {1: "security", 2: "decision"}


def sha(data):
    return hashlib.sha256(data).digest()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# ---- CBOR -------------------------------------------------------------------------------

def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << 8 * size:
            return bytes([major << 5 | info]) + value.to_bytes(size, "big")
    raise ValueError(value)


def cbor(value):
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(cbor(item) for item in value)
    pairs = sorted((cbor(key), cbor(item)) for key, item in value.items())
    return head(5, len(pairs)) + b"".join(key + item for key, item in pairs)


def f32(*values):
    return struct.pack("<%df" % len(values), *values)


# ---- logs --------------------------------------------------------------------------------

def root(leaves):
    """RFC 6962 section 2.1, recursively."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha(b"\1" + root(leaves[:k]) + root(leaves[k:]))


class Keys:
    """Ed25519 keys by epoch; with signs=False the provider that cannot sign."""

    def __init__(self, who, signs=True):
        self.who, self.signs = who, signs and Ed25519PrivateKey is not None

    def key(self, epoch):
        return Ed25519PrivateKey.from_private_bytes(sha(("%s %d" % (self.who, epoch)).encode()))

    def public(self, epoch):
        if not self.signs:
            return bytes(32)
        return self.key(epoch).public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def sign(self, epoch, text):
        return self.key(epoch).sign(text) if self.signs else b""


class Log:
    def __init__(self):
        self.segments, self.leaves, self.epoch, self.note = [], [], 0, b""


class Writer:
    """Two logs in memory; append, seal, recover, close; then save() or blob()."""

    def __init__(self, who="corpus", signs=True):
        self.keys, self.logs, self.gseq, self.boot, self.records = Keys(who, signs), {1: Log(), 2: Log()}, 0, 1, []
        self.origin = sha(self.keys.public(0))[:16]
        self.files = {}
        for log in (1, 2):
            self.segment(log, 0)
        for log in (1, 2):
            self.append(log, 1, {16: self.origin, 17: self.keys.public(0)})

    def segment(self, log, prev_end):
        own, peaks, done = self.logs[log], [], 0
        size = len(own.leaves)
        for bit in range(40, -1, -1):
            if size >> bit & 1:
                peaks.append(root(own.leaves[done:done + (1 << bit)]))
                done += 1 << bit
        body = struct.pack("<4sHBBIIQQIIQ16sI", b"DSG1", 1, log, len(peaks), len(own.segments), 1, size, self.gseq,
                           own.epoch, SEGMENT, prev_end, self.origin, 8) + b"".join(peaks)
        body += struct.pack("<I", crc32c(body))
        own.segments.append(bytearray(body.ljust(-(-len(body) // 8) * 8, b"\0")))

    def append(self, log, kind, payload, wall=None):
        own = self.logs[log]
        record = {1: 1, 2: log, 3: len(own.leaves), 4: self.gseq, 5: self.boot, 6: 1000 * self.gseq, 11: kind}
        if wall is not None:
            record.update({7: wall, 8: 250, 9: 3})
        record.update(payload)
        data = cbor(record)
        frame_head = struct.pack("<4sHBBI", b"DLR1", len(data), log, 0, self.gseq & 0xFFFFFFFF)
        crc = crc32c(struct.pack("<I", 1) + frame_head + data)
        frame = frame_head + struct.pack("<I", crc) + data
        frame = frame.ljust(-(-len(frame) // 8) * 8, b"\0")
        if len(own.segments[-1]) + len(frame) > SEGMENT:
            self.segment(log, len(own.segments[-1]))
        own.segments[-1] += frame
        own.leaves.append(sha(b"\0" + data))
        self.records.append(data)
        self.gseq += 1

    def seal(self, log, final=False):
        own, other = self.logs[log], self.logs[3 - log]
        payload = {16: own.epoch, 17: root(own.leaves), 18: len(other.leaves), 19: root(other.leaves),
                   20: self.keys.public(own.epoch + 1)}
        name = "dura:%s/%s" % (self.origin.hex(), NAMES[log])
        lines = [name, str(len(own.leaves)), base64.b64encode(payload[17]).decode(), "epoch %d" % own.epoch,
                 "other %d %s" % (len(other.leaves), base64.b64encode(payload[19]).decode()),
                 "next %s" % base64.b64encode(payload[20]).decode(), "gseq %d" % self.gseq] + ["final"] * final
        text = ("\n".join(lines) + "\n").encode()
        payload[21] = self.keys.sign(own.epoch, text)
        if final:
            payload[22] = True
        key_id = sha(name.encode() + b"\n\x01" + self.keys.public(own.epoch))[:4]
        own.note = (text + b"\n\xe2\x80\x94 " + name.encode() + b" " +
                    base64.b64encode(key_id + payload[21]) + b"\n")
        self.append(log, 2, payload)
        own.epoch += 1

    def seal_both(self, final=False):
        self.seal(1, final)
        self.seal(2, final)

    def recover(self, log, torn):
        """A power cut left `torn` behind the last frame; recovery gave it up."""
        own = self.logs[log]
        index, end = len(own.segments) - 1, len(own.segments[-1])
        lost = torn.ljust(SEGMENT - end, b"\0")
        own.segments[-1] += lost
        self.segment(log, end)
        self.append(log, 4, {16: 1, 17: index, 18: end, 19: len(lost), 20: sha(lost)})

    def close(self, files=None):
        self.files = dict(files or {})
        self.append(1, 5, {16: {name: sha(data) for name, data in self.files.items()}} if self.files else {})
        self.seal_both(True)

    def region(self, log):
        segments = [bytes(s).ljust(SEGMENT, b"\0") for s in self.logs[log].segments]
        segments[-1] = bytes(self.logs[log].segments[-1])
        return b"".join(segments)

    def blob(self):
        """Input of fuzz_verify."""
        return struct.pack("<I", len(self.region(1))) + self.region(1) + self.region(2)

    def save(self, folder, checkpoints=True):
        for log, name in ((1, "security.log"), (2, "decision.log")):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
            region = self.region(log)
            for k in range(0, len(region), SEGMENT):
                with open(os.path.join(folder, name, "%08d.seg" % (k // SEGMENT)), "wb") as file:
                    file.write(region[k:k + SEGMENT])
            if checkpoints and self.keys.signs:
                with open(os.path.join(folder, name, "checkpoint"), "wb") as file:
                    file.write(self.logs[log].note)
        for name, data in self.files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)


def users(writer, n, wall=1_700_000_000_000_000_000):
    """n records of the kinds a guard writes."""
    for i in range(n):
        if i % 3 == 0:
            writer.append(1, 16, {16: 7, 17: i % 10 + 1, 18: i, 24: 64, 25: i + 1, 26: [1, -2, i], 27: "op\u00e9rateur",
                                  28: "why \"not\""}, wall + i)
        elif i % 3 == 1:
            writer.append(2, 17, {16: i, 17: 2, 18: 0x1A, 19: 1, 20: 128, 21: 4, 22: f32(1.5, float(i), -0.0),
                                  23: f32(1.5, 2.0), 24: f32(0.1), 25: f32(0.1), 26: f32(0.2), 27: b"\x01\x04\x09",
                                  28: [128, 1], 29: b"\xab" * 8, 30: b"\x04", 31: -8})
        else:
            writer.append(1, 19, {16: "access", 17: "login", 18: "a-%d" % i, 19: "failure", 20: 5, 21: "mallory",
                                  22: 3, 23: 1, 24: "192.0.2.7", 25: "twice", 26: 1}, wall + i)


def samples():
    """name -> bytes for both corpora."""
    out = {}

    def keep(name, writer, tail=b""):
        blob = writer.blob() + tail
        out["verify/" + name] = blob
        out["verify/repaired-" + name] = bytes([blob[0] | 2]) + blob[1:]   # flag 2 of the target

    for signs in (False, True) if Ed25519PrivateKey else (False,):
        kind = "signed" if signs else "unsigned"
        w = Writer(signs=signs)
        keep("fresh-" + kind, w)
        users(w, 6)
        keep("open-" + kind, w)
        keep("torn-" + kind, w, b"DLR1\x40\x00\x02\x00torn")
        w.seal_both()
        users(w, 4)
        w.append(2, 3, {16: 0, 17: 12, 18: 5, 19: 9000})
        w.recover(2, b"DLR1 given up")
        w.boot = 2
        w.append(1, 18, {16: sha(b"p"), 17: sha(b"m"), 18: -11, 19: 1, 20: 0, 21: False, 22: 9, 23: "0.1.0"})
        w.seal_both()
        w.close({"policy.bin": b"policy"})
        keep("closed-" + kind, w)
        for i, data in enumerate(w.records):
            out["record/%s-%02d" % (kind, i)] = data
        w = Writer(signs=signs)
        users(w, 60)
        keep("segments-" + kind, w)
    out["record/nested"] = cbor({1: 1, 2: 1, 3: 0, 4: 0, 5: 0, 6: 0, 11: 99, 16: {"a": [True, {}, None], -5: b"\0"},
                                 17: 2 ** 64 - 1, 18: -2 ** 64, 19: [[[[[[]]]]]]})
    return out


def main(argv):
    base = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "corpus")
    wrong = 0
    for name, data in samples().items():
        path = os.path.join(base, name)
        if "--check" in argv:
            with open(path, "rb") as file:
                same = file.read() == data
            wrong += not same
            if not same:
                print("%s differs from what this script writes" % name)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
