#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is this evidence pack whole, and which of its claims still stand?

    python3 verify.py [PACK] [--key HEX] [--device HEX] [--json]

Python's standard library is all it needs. It checks the digest of every file (manifest.json),
the signature over them (manifest.dsse.json; --key says whose), and both logs: frames,
checksums, trees, every seal and its signature along the chain of keys (--device: the epoch-0
key you know from elsewhere). A claim stands when every segment and file it rests on is right.

Exit 0: all claims stand. 1: something is wrong; what falls is listed. 2: not a pack.
"""
import base64
import hashlib
import json
import os
import re
import struct
import sys

LOGS = {"security": 1, "decision": 2}


def sha(data):
    return hashlib.sha256(data).digest()


# ---- Ed25519 (RFC 8032 section 6) -------------------------------------------------------------

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    A, B = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    C, E = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = B - A, E - C, E + C, B + A
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(s, point):
    total = (0, 1, 1, 0)
    while s:
        if s & 1:
            total = add(total, point)
        point, s = add(point, point), s >> 1
    return total


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(key, text, signature):
    """Is it a right signature? Keys of small order and signatures that can be bent are refused."""
    a, r = point(key), point(signature[:32]) if len(signature) == 64 else None
    if not a or not r or times(8, a)[0] % P == 0:
        return False
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, a))
    return s < L and (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# ---- bytes of the logs (docs/formats/log.md of dura) --------------------------------------------

def crc_table():
    rows = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        rows.append(byte)
    return rows


CRC = crc_table()


def crc32c(data):
    crc, table = 0xFFFFFFFF, CRC
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def cbor(data, at=0):
    """One value and where it ends. The records are deterministic CBOR without floats and tags."""
    major, info, at = data[at] >> 5, data[at] & 31, at + 1
    if info > 23:
        n = 1 << info - 24
        info, at = int.from_bytes(data[at:at + n], "big"), at + n
    if major == 0:
        return info, at
    if major == 1:
        return -1 - info, at
    if major in (2, 3):
        piece = bytes(data[at:at + info])
        return piece if major == 2 else piece.decode(), at + info
    if major == 4:
        out = []
        for _ in range(info):
            value, at = cbor(data, at)
            out.append(value)
        return out, at
    if major == 5:
        pairs = {}
        for _ in range(info):
            key, at = cbor(data, at)
            pairs[key], at = cbor(data, at)
        return pairs, at
    return {20: False, 21: True, 22: None}[info], at


class Tree:
    """RFC 6962: the complete subtrees, largest first."""

    def __init__(self, size=0, peaks=()):
        self.size, self.peaks = size, list(peaks)

    def add(self, record):
        node, size = sha(b"\0" + record), self.size
        while size & 1:
            node, size = sha(b"\1" + self.peaks.pop() + node), size >> 1
        self.peaks.append(node)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha(b"")
        node = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            node = sha(b"\1" + left + node)
        return node


class Bad(Exception):
    pass


def header(data):
    if data[:4] != b"DSG1":
        raise Bad("it has no segment header")
    fields = struct.unpack("<HBBIIQQIIQ16sI", data[4:68])
    end = 68 + 32 * fields[2]
    if crc32c(data[:end]) != struct.unpack("<I", data[end:end + 4])[0]:
        raise Bad("the checksum of its header is wrong")
    peaks = [data[68 + 32 * i:100 + 32 * i] for i in range(fields[2])]
    return {"log": fields[1], "index": fields[3], "generation": fields[4], "seq": fields[5], "origin": fields[10],
            "align": fields[11], "prev_end": fields[9], "peaks": peaks, "bytes": -(-(end + 4) // fields[11]) * fields[11]}


def frames(data, head, end):
    """Every record up to `end`."""
    at, generation = head["bytes"], struct.pack("<I", head["generation"])
    while at + 16 <= end and data[at:at + 4] == b"DLR1":
        length, log, _, _, crc = struct.unpack("<HBBII", data[at + 4:at + 16])
        record = bytes(data[at + 16:at + 16 + length])
        if len(record) != length or log != head["log"] or crc32c(generation + data[at:at + 12] + record) != crc:
            raise Bad("a frame at byte %d is damaged" % at)
        yield record
        at += -(-(16 + length) // head["align"]) * head["align"]
    if any(data[at:end]) and data[at:end].count(255) != end - at:
        raise Bad("bytes at %d are no frame" % at)


def seal_text(origin, log, record):
    lines = ["dura:%s/%s" % (origin.hex(), log), str(record[3]), base64.b64encode(record[17]).decode(), "epoch %d" % record[16],
             "other %d %s" % (record[18], base64.b64encode(record[19]).decode()),
             "next %s" % base64.b64encode(record[20]).decode(), "gseq %d" % record[4]]
    return ("\n".join(lines + (["final"] if record.get(22) else [])) + "\n").encode()


class Log:
    """One log, segment by segment. What cannot be read is bad, and reading goes on behind it:
    a header holds the tree of all that was before."""

    def __init__(self, folder, name, count):
        self.folder, self.name, self.bad, self.seals, self.origin = folder, name, {}, [], None
        self.genesis, self.tree, self.since = None, None, 0
        for index in range(count):
            try:
                self.segment(index, index + 1 < count)
            except (Bad, IndexError, KeyError, ValueError, struct.error, OSError) as error:
                self.bad[index] = str(error) or "it cannot be read"
                self.tree = None

    def read(self, index):
        path = os.path.join(self.folder, "%s.log" % self.name, "%08d.seg" % index)
        if not os.path.exists(path):
            raise Bad("it is missing")
        with open(path, "rb") as file:
            return file.read()

    def end(self, index, data, more):
        try:
            return header(self.read(index + 1))["prev_end"] if more else len(data)
        except (Bad, IndexError, struct.error):
            return len(data)

    def segment(self, index, more):
        data = self.read(index)
        if not any(data):
            return
        head = header(data)
        if head["log"] != LOGS[self.name] or head["index"] != index:
            raise Bad("it belongs elsewhere")
        if self.tree and (self.tree.size != head["seq"] or self.tree.peaks != head["peaks"]):
            self.doubt(index - 1, "the tree of the next segment is another one")
            self.tree = None
        if not self.tree:
            self.tree, self.since = Tree(head["seq"], head["peaks"]), index
        self.origin = head["origin"]
        for record in frames(data, head, min(self.end(index, data, more), len(data))):
            self.record(index, record)

    def record(self, index, raw):
        kind = 0
        value, end = cbor(raw)
        if end != len(raw) or value[2] != LOGS[self.name] or value[3] != self.tree.size:
            raise Bad("a record is not in its place")
        kind = value[11]
        if kind == 1:
            self.genesis = value
        if kind == 2:
            if value[17] != self.tree.root():
                self.doubt(index, "the seal at record %d is over other records" % value[4])
            self.seals.append((index, self.since, value))
            self.since = index
        self.tree.add(raw)

    def doubt(self, index, why):
        """Everything since the last good seal may be what was altered."""
        for k in range(self.since, index + 1):
            self.bad.setdefault(k, why)


def check_seals(logs, device):
    """Signatures along the chain of keys: both seals of an epoch name the next key."""
    keys, wrong, right, unknown = {}, [], 0, 0
    genesis = [log.genesis for log in logs if log.genesis]
    if genesis:
        keys[0] = genesis[0][17]
    if device:
        if keys.get(0, device) != device:
            wrong.append("the logs do not begin with the key that --device names")
        keys[0] = device
    for index, since, value, log in sorted(((s[0], s[1], s[2], log) for log in logs for s in log.seals), key=lambda s: s[2][4]):
        key = keys.get(value[16])
        if key is None:
            unknown += 1
            continue
        if key != bytes(32) and not signed(key, seal_text(log.origin, log.name, value), value[21]):
            wrong.append("the seal of epoch %d in the %s log is not signed by its key" % (value[16], log.name))
            for k in range(since, index + 1):
                log.bad.setdefault(k, "its seal is not signed by its key")
            continue
        right += 1
        keys[value[16] + 1] = value[20]
    return wrong, right, unknown


# ---- the pack --------------------------------------------------------------------------------------

def check_files(pack, manifest, text, keys):
    bad, notes = {}, []
    for subject in manifest["subject"]:
        path = os.path.join(pack, *subject["name"].split("/"))
        if not os.path.isfile(path):
            bad[subject["name"]] = "is missing"
            continue
        with open(path, "rb") as file:
            if sha(file.read()).hex() != subject["digest"]["sha256"]:
                bad[subject["name"]] = "was altered"
    listed = {s["name"] for s in manifest["subject"]} | {"manifest.json", "manifest.dsse.json"}
    for folder, _, names in os.walk(pack):
        for name in names:
            inside = os.path.relpath(os.path.join(folder, name), pack).replace(os.sep, "/")
            if inside not in listed:
                notes.append("%s is in no list: nobody vouches for it" % inside)
    path = os.path.join(pack, "manifest.dsse.json")
    if os.path.exists(path):
        with open(path, "rb") as file:
            envelope = json.load(file)
        payload = base64.b64decode(envelope["payload"])
        kind = envelope["payloadType"]
        pae = b"DSSEv1 %d %s %d " % (len(kind), kind.encode(), len(payload)) + payload
        if payload != text:
            bad["manifest.json"] = "is not what was signed"
        hits = [k for k in keys for s in envelope["signatures"] if signed(k, pae, base64.b64decode(s["sig"]))]
        if keys and not hits:
            bad["manifest.dsse.json"] = "is not signed by the key you gave"
        notes.append("manifest: signed by the key you gave" if hits else "manifest: signed; without --key nobody knows by whom")
    elif keys:
        bad["manifest.dsse.json"] = "is missing, and you gave a key"
    else:
        notes.append("manifest: not signed; the seals in the logs still are")
    return bad, notes


def counts(pack, manifest):
    found = {name: 0 for name in LOGS}
    for name in [s["name"] for s in manifest["subject"]]:
        match = re.fullmatch(r"run/(security|decision)\.log/(\d{8})\.seg", name)
        if match:
            found[match[1]] = max(found[match[1]], int(match[2]) + 1)
    return found


def falls(claim, logs, bad):
    """Why a claim no longer stands; None: it does."""
    for log in logs:
        for first, last in claim["segments"][log.name]:
            for index in sorted(log.bad):
                if first <= index <= last:
                    return "run/%s.log/%08d.seg: %s" % (log.name, index, log.bad[index])
    for name in claim["files"]:                          # one that ends with / is a folder
        for found in sorted(b for b in bad if b == name or (name.endswith("/") and b.startswith(name))):
            return "%s %s" % (found, bad[found])
    for name in ("claims.json", "manifest.json", "manifest.dsse.json"):
        if name in bad:
            return "%s %s: no claim can be read from it" % (name, bad[name])
    return None


def verify(pack, keys=(), device=None):
    with open(os.path.join(pack, "manifest.json"), "rb") as file:
        text = file.read()
    manifest = json.loads(text)
    if manifest.get("predicateType") != "urn:dura:evidence-pack:1":
        raise ValueError("manifest.json is no evidence pack's")
    bad, notes = check_files(pack, manifest, text, keys)
    logs = [Log(os.path.join(pack, "run"), name, count) for name, count in counts(pack, manifest).items()]
    wrong, right, unknown = check_seals(logs, device)
    for name, why in bad.items():
        match = re.fullmatch(r"run/(security|decision)\.log/(\d{8})\.seg", name)
        if match:
            next(log for log in logs if log.name == match[1]).bad.setdefault(int(match[2]), why)
    for log in logs:
        for index, why in log.bad.items():
            bad.setdefault("run/%s.log/%08d.seg" % (log.name, index), why)
    claims = []
    if "claims.json" not in bad:
        with open(os.path.join(pack, "claims.json"), "rb") as file:
            claims = json.load(file)["claims"]
    fallen = {c["id"]: why for c in claims for why in [falls(c, logs, bad)] if why}
    return {"evidence": manifest["predicate"]["evidence"], "files": len(manifest["subject"]), "bad": bad, "wrong": wrong,
            "notes": notes, "seals": right, "seals_unknown": unknown, "claims": len(claims), "fallen": fallen}


def main(argv):
    options = {"--key": [], "--device": []}
    words, as_json = [], False
    while argv:
        word = argv.pop(0)
        if word in options and argv and re.fullmatch("[0-9a-fA-F]{64}", argv[0]):
            options[word].append(bytes.fromhex(argv.pop(0)))
        elif word == "--json":
            as_json = True
        elif word.startswith("-"):
            print(__doc__, file=sys.stderr)
            return 2
        else:
            words.append(word)
    pack = words[0] if words else os.path.dirname(os.path.abspath(__file__))
    try:
        said = verify(pack, options["--key"], (options["--device"] or [None])[0])
    except (OSError, ValueError, KeyError) as error:
        print("%s: not an evidence pack: %s" % (pack, error), file=sys.stderr)
        return 2
    code = 1 if said["bad"] or said["wrong"] or said["fallen"] else 0
    if as_json:
        print(json.dumps(said, indent=1, sort_keys=True))
        return code
    print("%s: %d files, %d seals right%s" % ("WRONG" if code else "RIGHT", said["files"], said["seals"],
                                            ", %d without a known key" % said["seals_unknown"] if said["seals_unknown"] else ""))
    if said["evidence"] == "SIMULATED":
        print("  SIMULATED: this is no field evidence")
    for line in said["notes"] + said["wrong"] + ["%s %s" % pair for pair in sorted(said["bad"].items())]:
        print("  " + line)
    print("  %d of %d claims stand" % (said["claims"] - len(said["fallen"]), said["claims"]))
    for name, why in said["fallen"].items():
        print("  FALLS %s: %s" % (name, why))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
