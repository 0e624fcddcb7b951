# SPDX-License-Identifier: Apache-2.0
"""Reads the two logs of a run folder, from docs/formats/log.md alone.

No code of the library is used, so this file proves that the page is enough. It checks
frames, checksums, the one allowed CBOR encoding, dense numbers, Merkle roots, peaks,
recover records and seals; signatures when `cryptography` or `nacl` can be imported.

    python3 log_reader.py RUN        one JSON line per record, then one with the summary

Exit status 0: everything that can be read is right. 1: a rule is broken (the last line
says which). 2: not a run folder.
"""
import base64
import hashlib
import json
import os
import re
import struct
import sys

LOGS = {1: "security.log", 2: "decision.log"}
KINDS = {1: "genesis", 2: "seal", 3: "drop", 4: "recover", 5: "close", 6: "space",
         16: "fact", 17: "decision", 18: "boot", 19: "event"}
GENESIS, SEAL, DROP, RECOVER, CLOSE = 1, 2, 3, 4, 5


class Broken(Exception):
    """A rule of the format page does not hold."""


def need(condition, text, *args):
    if not condition:
        raise Broken(text % args)


# ---- CRC-32C ---------------------------------------------------------------------------

def _table():
    rows = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        rows.append(byte)
    return rows


_CRC = _table()


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


# ---- CBOR, the one allowed encoding ------------------------------------------------------

class Cbor:
    """Strict reader: shortest heads, definite lengths, ascending keys, no floats or tags."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(n <= len(self.data) - self.at, "CBOR: cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def head(self):
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if info < 24:
            return major, info
        need(info <= 27, "CBOR: indefinite or reserved")
        size = 1 << info - 24
        value = int.from_bytes(self.take(size), "big")
        need(value >= (24, 1 << 8, 1 << 16, 1 << 32)[info - 24], "CBOR: not the shortest form")
        need(major != 7, "CBOR: float or simple value")
        return major, value

    def item(self, depth=0):
        need(depth <= 8, "CBOR: too deep")
        major, value = self.head()
        if major == 0:
            return value
        if major == 1:
            return -1 - value
        if major == 2:
            return bytes(self.take(value))
        if major == 3:
            try:
                return bytes(self.take(value)).decode("utf-8")
            except UnicodeDecodeError as error:
                raise Broken("CBOR: text is not UTF-8") from error
        if major == 4:
            need(value <= len(self.data) - self.at, "CBOR: array longer than the data")
            return [self.item(depth + 1) for _ in range(value)]
        if major == 5:
            return self.map(value, depth)
        need(major == 7 and value in (20, 21, 22), "CBOR: tag or simple value")
        return {20: False, 21: True, 22: None}[value]

    def map(self, pairs, depth):
        need(pairs <= (len(self.data) - self.at) // 2, "CBOR: map longer than the data")
        out, last = {}, None
        for _ in range(pairs):
            start = self.at
            key = self.item(depth + 1)
            need(not isinstance(key, (list, dict)), "CBOR: a key is a container")
            coded = bytes(self.data[start:self.at])
            need(last is None or coded > last, "CBOR: keys not ascending")
            last = coded
            out[key] = self.item(depth + 1)
        return out


def decode(data):
    reader = Cbor(data)
    value = reader.item()
    need(reader.at == len(data), "CBOR: bytes behind the record")
    need(isinstance(value, dict), "a record is a map")
    return value


# ---- Merkle tree (RFC 6962 section 2.1) ---------------------------------------------------

def sha(data):
    return hashlib.sha256(data).digest()


class Tree:
    """Roots of the complete subtrees, largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def add(self, record):
        node, size = sha(b"\0" + record), self.size
        while size & 1:
            node = sha(b"\1" + self.peaks.pop() + node)
            size >>= 1
        self.peaks.append(node)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha(b"")
        node = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            node = sha(b"\1" + left + node)
        return node


# ---- Ed25519, when somebody can ------------------------------------------------------------

def ed25519():
    """A function (public key, text, signature) -> bool, or None."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        def check(key, text, signature):
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
                return True
            except (InvalidSignature, ValueError):
                return False
        return check
    except ImportError:
        pass
    try:
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey

        def check_nacl(key, text, signature):
            try:
                VerifyKey(key).verify(text, signature)
                return True
            except (BadSignatureError, ValueError):
                return False
        return check_nacl
    except ImportError:
        return None


# ---- segments and frames ---------------------------------------------------------------------

def blank(data):
    return not data or (data[0] in (0, 255) and data.count(data[0]) == len(data))


class Header:
    def __init__(self, data):
        need(len(data) >= 72 and data[:4] == b"DSG1", "not a segment header")
        (self.version, self.log, self.n_peaks, self.index, self.generation, self.seq, self.gseq, self.epoch,
         self.segment_bytes, self.prev_end, self.origin, self.align) = struct.unpack("<HBBIIQQIIQ16sI", data[4:68])
        end = 68 + 32 * self.n_peaks
        need(self.n_peaks <= 40 and len(data) >= end + 4, "segment header: peaks")
        need(crc32c(data[:end]) == struct.unpack("<I", data[end:end + 4])[0], "segment header: checksum")
        self.peaks = [data[68 + 32 * i:100 + 32 * i] for i in range(self.n_peaks)]
        need(self.align >= 8 and self.align & self.align - 1 == 0, "segment header: align")
        self.size = -(-(end + 4) // self.align) * self.align
        need(data[end + 4:self.size].count(0) == self.size - end - 4, "segment header: padding")


class Log:
    """One log's frames in order; `stopped` says why there are no more."""

    def __init__(self, folder, log):
        self.folder, self.log, self.name = os.path.join(folder, LOGS[log]), log, LOGS[log]
        self.tree, self.gap, self.stopped, self.epoch = Tree(), None, None, 0
        self.final = False
        self.index, self.first, self.recover_due = 0, True, None
        self.data, self.head, self.next = b"", None, None
        self.load(0)

    def read(self, index):
        try:
            with open(os.path.join(self.folder, "%08d.seg" % index), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def header_of(self, data):
        try:
            return Header(data)
        except Broken:
            return None

    def load(self, index):
        self.index, self.data, self.first = index, self.read(index), True
        self.head = self.header_of(self.data)
        self.next = self.header_of(self.read(index + 1))
        if not self.head:
            self.at, self.stopped = 0, "end" if blank(self.data) and not self.next else "no header"
            return
        head = self.head
        need(head.version == 1 and head.log == self.log and head.index == index, "%s: header %d", self.name, index)
        need(len(self.data) <= head.segment_bytes, "%s: segment %d is too long", self.name, index)
        need(bin(head.seq).count("1") == head.n_peaks, "%s: peaks of %d", self.name, index)
        need(head.seq == self.tree.size and head.peaks == self.tree.peaks, "%s: tree at %d", self.name, index)
        self.at = head.size

    def end(self):
        return self.next.prev_end if self.next else self.head.segment_bytes

    def frame(self):
        """(record bytes, size, low gseq) at the cursor, or None."""
        while True:
            if self.stopped:
                return None
            if self.next and self.at == self.end():
                self.leave_segment()
                continue
            data = self.data[self.at:self.end()]
            if not self.next and blank(data):
                self.stopped = "end"
                return None
            found = self.parse(data)
            if not found:
                self.stopped = "not a frame"
            return found

    def parse(self, data):
        if len(data) < 16 or data[:4] != b"DLR1":
            return None
        length, log, zero, gseq, crc = struct.unpack("<HBBII", data[4:16])
        size = -(-(16 + length) // self.head.align) * self.head.align
        if length == 0 or size > len(data):
            return None
        generation = struct.pack("<I", self.head.generation)
        if crc32c(data[16:16 + length], crc32c(data[:12], crc32c(generation))) != crc:
            return None
        if data[16 + length:size].count(0) != size - 16 - length:
            return None
        need(log == self.log and zero == 0, "%s: frame of another log", self.name)
        return data[16:16 + length], size, gseq

    def leave_segment(self):
        rest = self.data[self.at:].ljust(self.head.segment_bytes - self.at, b"\0")
        need(self.recover_due is None, "%s: segment without records behind lost bytes", self.name)
        self.recover_due = None if blank(rest) else True
        self.gap = {17: self.index, 18: self.at, 19: len(rest), 20: sha(rest)}
        self.load(self.index + 1)


# ---- both logs -----------------------------------------------------------------------------------

def common(record, log):
    keys = [key for key in record if key < 16]
    need(all(isinstance(key, int) and key >= 1 for key in record), "keys are positive integers")
    need(set(keys) <= set(range(1, 12)), "common key that the page does not have")
    for key in (1, 2, 3, 4, 5, 6, 11):
        need(isinstance(record.get(key), int) and not isinstance(record[key], bool) and record[key] >= 0,
             "common key %d", key)
    need(record[1] == 1 and record[2] == log, "schema or log")
    need((7 in record) == (9 in record), "wall time and quality go together")
    need(8 not in record or 9 in record, "error bound without a wall time")
    need(record.get(9, 1) > 0, "quality 0 is left out")


def seal_text(origin, log, record):
    lines = ["dura:%s/%s" % (origin.hex(), "security" if log == 1 else "decision"), str(record[3]),
             base64.b64encode(record[17]).decode(), "epoch %d" % record[16],
             "other %d %s" % (record[18], base64.b64encode(record[19]).decode()),
             "next %s" % base64.b64encode(record[20]).decode(), "gseq %d" % record[4]]
    if record.get(22):
        lines.append("final")
    return ("\n".join(lines) + "\n").encode()


class Run:
    def __init__(self, folder):
        self.folder = folder
        self.logs = {log: Log(folder, log) for log in LOGS}
        self.gseq, self.boot, self.pair, self.key, self.next_key = 0, 0, False, None, None
        self.origin, self.seals, self.signatures, self.recoveries = None, 0, 0, 0
        self.manifest, self.last_seal, self.check = None, {}, ed25519()

    def records(self):
        """Every record in the order of gseq, checked."""
        while True:
            for log in self.logs.values():
                found = log.frame()
                if found and found[2] == self.gseq & 0xFFFFFFFF:
                    yield self.accept(log, *found)
                    break
            else:
                return

    def accept(self, log, data, size, low):
        record = decode(data)
        common(record, log.log)
        need(record[4] == self.gseq and low == self.gseq & 0xFFFFFFFF, "gseq %d", self.gseq)
        need(record[3] == log.tree.size, "%s: seq %d", log.name, record[3])
        need(record[5] >= self.boot, "boot goes back")
        need((record[3] == 0) == (record[11] == GENESIS), "%s: genesis", log.name)
        if log.first:
            need(log.head.gseq <= self.gseq, "%s: header's gseq", log.name)
        need(log.recover_due is None or record[11] == RECOVER, "%s: bytes nobody accounts for", log.name)
        need(not self.pair or record[11] == RECOVER or (record[11] == SEAL and log.log == 2),
             "record between the two seals")
        if record[11] != SEAL:
            self.logs[1].final = self.logs[2].final = False
            self.manifest = None
        {GENESIS: self.genesis, SEAL: self.seal, RECOVER: self.recover, CLOSE: self.close}.get(
            record[11], lambda *_: None)(log, record)
        log.tree.add(data)
        log.at += size
        log.first, log.recover_due = False, None
        self.boot, self.gseq = record[5], self.gseq + 1
        return record

    def genesis(self, log, record):
        need(len(record[16]) == 16 and len(record[17]) == 32, "genesis: lengths")
        need(sha(record[17])[:16] == record[16] == log.head.origin, "genesis: origin")
        need(self.origin in (None, record[16]), "genesis: two origins")
        self.origin, self.key = record[16], record[17]

    def seal(self, log, record):
        other = self.logs[3 - log.log]
        need(record[16] == log.epoch, "seal: epoch")
        need((log.log == 2) == self.pair, "seal: order of the two")
        need(record[17] == log.tree.root(), "seal: root")
        need(record[18] == other.tree.size and record[19] == other.tree.root(), "seal: other log")
        if log.log == 2:
            first = self.last_seal[1]
            need(record[20] == first[20] and record[16] == first[16], "seal: the two differ")
            need(record.get(22) == first.get(22), "seal: one final")
        self.signature(log, record)
        self.last_seal[log.log] = record
        log.epoch, log.final, self.pair = log.epoch + 1, bool(record.get(22)), log.log == 1
        log.note = self.note(log, record)
        if log.log == 2:
            self.key = record[20]
        self.seals += 1

    def signature(self, log, record):
        if self.key == bytes(32):
            need(record[21] == b"" and record[20] == bytes(32), "seal: signed without a key")
            return
        need(len(record[21]) == 64, "seal: signature missing")
        if self.check:
            need(self.check(self.key, seal_text(self.origin, log.log, record), record[21]), "seal: signature")
            self.signatures += 1

    def note(self, log, record):
        text = seal_text(self.origin, log.log, record)
        name = text.split(b"\n")[0]
        key_id = sha(name + b"\n\x01" + self.key)[:4]
        return text + b"\n\xe2\x80\x94 " + name + b" " + base64.b64encode(key_id + record[21]) + b"\n"

    def recover(self, log, record):
        need(log.first and log.index > 0, "recover: not the first of its segment")
        need(record[16] == 1, "recover: the device found damage")
        need(all(record[key] == log.gap[key] for key in (17, 18, 19, 20)), "recover: place or digest")
        self.recoveries += 1

    def close(self, log, record):
        if log.log == 1 and isinstance(record.get(16), dict):
            self.manifest = record[16]

    # ---- behind the last record ----

    def finish(self):
        """True when the log is closed. Raises Broken where no cut can explain what is there."""
        floors = [0]
        for log in self.logs.values():
            found = log.frame()
            need(not found or decode(found[0])[3] == log.tree.size, "%s: seq jumps", log.name)
            floors += self.floors(log)
        need(max(floors) <= self.gseq, "gseq %d is missing though it was durable", self.gseq)
        closed = all(log.final for log in self.logs.values())
        for log in self.logs.values():
            path = os.path.join(log.folder, "checkpoint")
            if os.path.exists(path):
                need(log.final, "%s: checkpoint without a final seal", log.name)
                with open(path, "rb") as file:
                    need(file.read() == log.note, "%s: checkpoint differs", log.name)
            else:
                closed = closed and self.key == bytes(32)
        if closed:
            need(all(log.stopped == "end" for log in self.logs.values()), "bytes behind the final seals")
            self.check_files()
        return closed

    def floors(self, log):
        """gseqs that seals and headers behind the stop vouch for."""
        names = [name for name in os.listdir(log.folder)] if os.path.isdir(log.folder) else []
        for name in sorted(names):
            if not re.fullmatch(r"[0-9]{8}\.seg", name) or int(name[:8]) < log.index:
                continue
            data = log.read(int(name[:8]))
            head = log.header_of(data)
            if head:
                yield head.gseq
            probe = Log.__new__(Log)
            probe.head, probe.log, probe.name = head or log.head, log.log, log.name
            start = log.at if int(name[:8]) == log.index else 0
            for at in range(start, len(data) - 15, 8) if probe.head else ():
                found = probe.parse(data[at:]) if data[at:at + 4] == b"DLR1" else None
                record = decode(found[0]) if found else {}
                if record.get(11) == SEAL:
                    yield record[4]

    def check_files(self):
        manifest = self.manifest or {}
        for name, digest in manifest.items():
            try:
                with open(os.path.join(self.folder, name), "rb") as file:
                    need(sha(file.read()) == digest, "%s was altered", name)
            except FileNotFoundError as error:
                raise Broken("%s is missing" % name) from error
        extra = set(os.listdir(self.folder)) - set(manifest) - set(LOGS.values())
        need(not extra, "nobody vouches for %s", sorted(extra))


def plain(value):
    """For JSON: bytes as hex, keys as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def main(argv):
    if len(argv) != 2 or not any(os.path.isdir(os.path.join(argv[1], name)) for name in LOGS.values()):
        print("usage: log_reader.py RUN", file=sys.stderr)
        return 2
    summary, run = {"ok": True}, None
    try:
        run = Run(argv[1])
        for record in run.records():
            print(json.dumps({"gseq": record[4], "log": record[2], "kind": KINDS.get(record[11], record[11]),
                              "record": plain(record)}))
        summary["closed"] = run.finish()
    except Broken as error:
        summary = {"ok": False, "broken": str(error)}
    if run:
        summary.update(records=run.gseq, seals=run.seals, signatures=run.signatures, recoveries=run.recoveries,
                       origin=run.origin.hex() if run.origin else None,
                       roots=[run.logs[log].tree.root().hex() for log in LOGS])
    print(json.dumps({"summary": summary}))
    return 0 if summary["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
