#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_vectors_gate.py [FOLDER]: writes tests/vectors/gate/*.json, the attack rows of docs/gate.md that are bytes.

Written from docs/formats/release.md with a CBOR encoder of its own and Ed25519 from `cryptography`: what is
expected comes from the format and the table, never from running the gate. Same bytes every time. chunks.json has trees
over chunks, with the path of every one.
"""
import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OUT = pathlib.Path(__file__).resolve().parents[1] / "tests" / "vectors" / "gate"
RELEASE, APPROVE = "application/vnd.dura.release+cbor", "application/vnd.dura.approve+cbor"
ORDER = 2**252 + 27742317777372353535851937790883648493
NOW = 1700000000
POLICY = bytes([0x33] * 32)


class Key:
    def __init__(self, name):
        self.secret = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"dura gate vectors: {name}".encode()).digest())
        self.pub = self.secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = hashlib.sha256(self.pub).digest()[:8]


VENDOR, OPERATOR, SAFETY, STRANGER = (Key(n) for n in ("vendor", "operator", "safety", "stranger"))
ROLES = {VENDOR: "vendor", OPERATOR: "operator", SAFETY: "safety"}


def head(major, n):
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << 8 * size:
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")


class Raw(bytes):
    """Bytes that are CBOR already."""


def cbor(v):
    if isinstance(v, Raw):
        return bytes(v)
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(cbor, v))
    return head(5, len(v)) + b"".join(cbor(k) + cbor(x) for k, x in sorted(v.items()))


def pae(kind, body):
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(body), body)


def signature(key, kind, body):
    return {1: key.id, 2: key.secret.sign(pae(kind, body))}


def envelope(body, signatures, kind=RELEASE):
    return cbor({1: kind, 2: body, 3: signatures})


def payload(**more):
    said = {1: 1, 2: 1, 3: 7, 4: 7, 5: hashlib.sha256(b"firmware").digest(), 6: 8, 7: "press-7", 8: "vectors"}
    said.update({int(k[1:]): v for k, v in more.items()})
    return cbor({k: v for k, v in said.items() if v is not None})


def right(body, kind=RELEASE, keys=(VENDOR, OPERATOR)):
    return envelope(body, [signature(k, kind, body) for k in keys], kind)


def approval(release, keys=(SAFETY,), **more):
    said = {1: 1, 2: hashlib.sha256(release).digest(), 3: "press-7", 4: 1, 6: POLICY}
    said.update({int(k[1:]): v for k, v in more.items()})
    return right(cbor(said), APPROVE, keys)


FILES = {}


def row(name, about, offer, code="DURA_OK", why=(), approve=None, **device):
    """One vector: `offer`, and behind it `approve`; code and why are those of the last one."""
    v = {"name": about, "offer": offer.hex(), "code": code, "why": sorted(why)}
    if approve is not None:
        v["approve"] = approve.hex()
    if device:
        v["device"] = device
    FILES.setdefault(name, []).append(v)


def bit(data, at, mask=1):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


UNKNOWN, FEW = ("signature", "threshold", "role"), ("threshold", "role")
EAUTH, DENIED, CORRUPT, VERSION = "DURA_EAUTH", "DURA_EDENIED", "DURA_ECORRUPT", "DURA_EVERSION"


def a1_to_a4():
    body = payload()
    good = [signature(VENDOR, RELEASE, body), signature(OPERATOR, RELEASE, body)]
    row("A01", "two keys have signed it", envelope(body, good))
    row("A01", "nobody has signed it", envelope(body, []), EAUTH, UNKNOWN)
    row("A01", "a stranger has signed it", right(body, keys=(STRANGER,)), EAUTH, UNKNOWN)
    row("A01", "the payload was signed without its type", envelope(body, [{1: VENDOR.id, 2: VENDOR.secret.sign(body)},
                                                                       {1: OPERATOR.id, 2: OPERATOR.secret.sign(body)}]), EAUTH, UNKNOWN)
    row("A01", "a bit of the payload was flipped", envelope(bit(body, 60), good), EAUTH, UNKNOWN)
    row("A01", "a stranger signs under the vendor's key id", envelope(body, [signature(STRANGER, RELEASE, body) | {1: VENDOR.id}]),
        EAUTH, UNKNOWN)

    def malleable(sig):
        s = int.from_bytes(sig[32:], "little") + ORDER
        return sig[:32] + s.to_bytes(32, "little")
    row("A02", "S and the group's order added: the same equation, another encoding",
        envelope(body, [{1: g[1], 2: malleable(g[2])} for g in good]), EAUTH, UNKNOWN)
    row("A02", "a signature of zeros", envelope(body, [{1: g[1], 2: bytes(64)} for g in good]), EAUTH, UNKNOWN)
    row("A02", "R is the neutral element and S is 0", envelope(body, [{1: g[1], 2: b"\1" + bytes(63)} for g in good]), EAUTH, UNKNOWN)
    row("A02", "a signature of 63 bytes", envelope(body, [{1: VENDOR.id, 2: good[0][2][:63]}]), CORRUPT, ("format",))
    row("A03", "one key for a threshold of two", envelope(body, good[:1]), EAUTH, FEW)
    row("A03", "the same signature twice", envelope(body, [good[0], good[0]]), EAUTH, FEW)
    row("A03", "the same key under another id", envelope(body, [good[0], {1: OPERATOR.id, 2: good[0][2]}]), EAUTH, FEW)
    row("A03", "two keys, but none of the operator's", right(body, keys=(VENDOR, SAFETY)), EAUTH, ("role",))
    row("A04", "a wrong signature among right ones is passed over", envelope(body, [{1: SAFETY.id, 2: bytes(64)}] + good))
    row("A04", "a stranger's among right ones is passed over", envelope(body, [signature(STRANGER, RELEASE, body)] + good))
    row("A04", "a key id that means nothing is no harm", envelope(body, [{1: bytes(8), 2: g[2]} for g in good]))


def a5_to_a11():
    row("A05", "the version that runs", right(payload(k3=5, k4=5)), DENIED, ("version",), version=5)
    row("A05", "an older one", right(payload(k3=4, k4=4)), DENIED, ("version",), version=5)
    row("A05", "the next one", right(payload(k3=6, k4=6)), version=5)
    row("A05", "a brain that goes back, where nothing does", right(payload(k2=2, k16=4)), DENIED, ("back", "version", "went_back"))
    row("A06", "as far as one release may go", right(payload(k3=105, k4=5)), version=5, max_jump=100)
    row("A06", "one further", right(payload(k3=106, k4=5)), DENIED, ("jump",), version=5, max_jump=100)
    row("A06", "all versions at once", right(payload(k3=2**64 - 1, k4=5)), DENIED, ("jump",), version=5)
    row("A07", "over since a second", right(payload(k11=NOW - 1)), DENIED, ("expired",))
    row("A07", "in its last second", right(payload(k11=NOW)))
    row("A08", "it wants a brain of 2 and 0 runs", right(payload(k13=[2, 2, 9])), DENIED, ("requires",))
    row("A08", "any brain up to 9 will do", right(payload(k13=[2, 0, 9])))
    row("A08", "tested under this policy", right(payload(k9=POLICY)))
    row("A08", "tested under another policy", right(payload(k9=bytes([0x34] * 32))), DENIED, ("policy",))
    row("A08", "firmware where only models are planned", right(payload()), DENIED, ("planned",), substantial_role="safety", planned=2)
    row("A08", "firmware where firmware is planned", right(payload()), substantial_role="safety", planned=1)
    row("A08", "substantial, without the role for that", right(payload(k16=8)), DENIED, ("planned", "substantial"),
        substantial_role="safety", planned=2)
    row("A08", "substantial, with that role", right(payload(k16=8), keys=(VENDOR, OPERATOR, SAFETY)), substantial_role="safety", planned=2)
    wide = right(payload(), keys=(VENDOR, OPERATOR))
    row("A09", "a byte behind the envelope", wide + b"\0", CORRUPT, ("format",))
    row("A09", "more than a device reads", wide + bytes(1025 - len(wide)), CORRUPT, ("format",))
    big = payload(k7="d" * 63, k8="n" * 63, k64=bytes(160))
    row("A09", "a payload above 312 bytes", right(big), CORRUPT, ("format",))
    row("A10", "for another device", right(payload(k7="press-8")), DENIED, ("device",))
    row("A10", "for a name that begins with ours", right(payload(k7="press-77")), DENIED, ("device",))
    row("A10", "for any device", right(payload(k7="*")))
    row("A10", "of a component this device does not take", right(payload(k2=3)), DENIED, ("component",), components=["box"])
    row("A11", "signed by a key that the policy has dropped", right(payload(), keys=(VENDOR, STRANGER)), EAUTH, FEW)


def a13_a14():
    body = payload()
    yes = cbor({1: 1, 2: hashlib.sha256(body).digest(), 3: "press-7", 4: 1, 6: POLICY})
    row("A13", "an approval offered as a release", right(yes, APPROVE), CORRUPT, ("format",))
    row("A13", "an approval's payload, signed as one, called a release",
        envelope(yes, [signature(k, APPROVE, yes) for k in (VENDOR, OPERATOR)]), EAUTH, UNKNOWN)
    row("A13", "a release signed as an approval", envelope(body, [signature(k, APPROVE, body) for k in (VENDOR, OPERATOR)]), EAUTH, UNKNOWN)
    row("A13", "an approval's payload, signed as a release", right(yes), CORRUPT, ("format",))
    row("A13", "another type of statement", right(body, "application/vnd.in-toto+json"), CORRUPT, ("format",))

    def said(about, raw, code=CORRUPT):
        row("A14", about, right(raw), code, () if code == "DURA_OK" else ("format",))
    items = [(k, v) for k, v in ((1, 1), (2, 1), (3, 7), (4, 7), (5, hashlib.sha256(b"firmware").digest()), (6, 8), (7, "press-7"))]

    def as_map(pairs, n=None):
        return head(5, len(pairs) if n is None else n) + b"".join(cbor(k) + cbor(v) for k, v in pairs)
    said("an extension that is passed over", payload(k64="mine"), "DURA_OK")
    said("keys ascending", as_map(items), "DURA_OK")
    said("a key twice", as_map(items[:3] + [(3, 9)] + items[3:]))
    said("keys out of order", as_map([items[1], items[0]] + items[2:]))
    said("a number not in its shortest form", as_map([(1, 1), (2, 1), (3, Raw(b"\x18\x07"))] + items[3:]))
    said("a map of no stated length", b"\xbf" + as_map(items)[1:] + b"\xff")
    said("a map that is longer than it says", as_map(items, len(items) - 1))
    said("a map that is shorter than it says", as_map(items, len(items) + 1))
    said("a negative version", payload(k3=-1))
    said("a floating version", payload(k3=Raw(b"\xfb\x40\x1c\0\0\0\0\0\0")))
    said("a text that is not UTF-8", payload(k8=Raw(b"\x62\xc3\x28")))
    said("a line end in a text", payload(k8="a\nb"))
    said("a digest of 31 bytes", payload(k5=bytes(31)))
    said("bytes behind the map", body + b"\0")
    said("a field this build does not know", payload(k19=1), VERSION)
    said("a flag this build does not know", payload(k16=2), VERSION)
    said("a metric of firmware", payload(k17=1))
    said("a metric above one", payload(k2=2, k17=10001))
    said("data of zeros", payload(k2=2, k18=bytes(32)))
    said("firmware that goes back", payload(k16=4))
    said("a way back that is an emergency", payload(k2=2, k16=5))
    said("a newer schema", payload(k1=2), VERSION)
    said("practices without evidence", payload(k15=1))
    said("no digest", payload(k5=None))
    for about, raw in (("signatures of no stated length", cbor({1: RELEASE, 2: body})[:1].replace(b"\xa2", b"\xa3") +
                        cbor({1: RELEASE, 2: body})[1:] + b"\x03\x9f\xff"),
                       ("an envelope with a fourth member", b"\xa4" + right(body)[1:] + b"\x04\x00"),
                       ("an envelope cut in half", right(body)[:100]), ("nothing", b"")):
        row("A14", about, raw, CORRUPT, ("format",))


def a15():
    body = payload()
    offer = right(body)
    device = {"approvers": ["safety"]}

    def said(about, yes, code="DURA_OK", why=()):
        row("A15", about, offer, code, why, yes, **device)
    said("safety says yes to this attempt", approval(body))
    said("to another attempt", approval(body, k4=2), DENIED, ("replay",))
    said("to another release over the same bytes", approval(payload(k8="other")), DENIED, ("digest",))
    said("to another device", approval(body, k3="press-8"), DENIED, ("device",))
    said("to any device", approval(body, k3="*"), DENIED, ("device",))
    said("under another policy", approval(body, k6=bytes(32)), DENIED, ("policy",))
    said("over since a second", approval(body, k5=NOW - 1), DENIED, ("expired",))
    said("the vendor's, who is not asked", approval(body, keys=(VENDOR,)), EAUTH, ("role",))
    said("a stranger's", approval(body, keys=(STRANGER,)), EAUTH, ("signature",))
    said("the release itself as its approval", right(body, keys=(SAFETY,)), CORRUPT, ("format",))


def tree(parts):
    """RFC 9162, section 2.1.1, over digests of leaves."""
    if len(parts) == 1:
        return parts[0]
    k = 1 << (len(parts) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree(parts[:k]) + tree(parts[k:])).digest()


def path(m, parts):
    """Section 2.1.3.1."""
    if len(parts) == 1:
        return []
    k = 1 << (len(parts) - 1).bit_length() - 1
    return path(m, parts[:k]) + [tree(parts[k:])] if m < k else path(m - k, parts[k:]) + [tree(parts[:k])]


def chunk_file(parts, length):
    """The file beside a release: a head of 16 bytes and all levels from the leaves up."""
    out = b"DCHT" + (1).to_bytes(2, "little") + (16).to_bytes(2, "little") + length.to_bytes(8, "little")
    while True:
        out += b"".join(parts)
        if len(parts) == 1:
            return out
        parts = [tree(parts[i:i + 2]) for i in range(0, len(parts), 2)]


def chunks():
    """Trees over chunks of 64 KiB: byte i of a subject is (7 i + i / 65536) mod 256. Each with a release that signs its root."""
    rows = []
    for length in (1, 65536, 65537, 131072, 200000, 327685, 458752):
        data = bytes((7 * i + (i >> 16)) & 255 for i in range(length))
        parts = [hashlib.sha256(b"\x00" + data[i:i + 65536]).digest() for i in range(0, length, 65536)]
        body = payload(k2=2, k5=hashlib.sha256(data).digest(), k6=length, k64=tree(parts))
        rows.append({"length": length, "root": tree(parts).hex(), "file_sha256": hashlib.sha256(chunk_file(parts, length)).hexdigest(),
                     "offer": right(body).hex(),
                     "chunks": [{"leaf": d.hex(), "path": [n.hex() for n in path(i, parts)]} for i, d in enumerate(parts)]})
    return rows


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    for make in (a1_to_a4, a5_to_a11, a13_a14, a15):
        make()
    keys = [{"pub": k.pub.hex(), "role": role} for k, role in ROLES.items()]
    for name, vectors in FILES.items():
        text = json.dumps({"row": name, "keys": keys, "threshold": 2, "roles": ["vendor", "operator"], "name": "press-7", "now": NOW,
                           "policy": POLICY.hex(), "vectors": vectors}, indent=1)
        (out / f"{name}.json").write_text(text + "\n")
    (out / "chunks.json").write_text(json.dumps({"keys": keys, "name": "press-7", "trees": chunks()}, indent=1) + "\n")
    print(sum(map(len, FILES.values())), "vectors in", len(FILES), "files")


if __name__ == "__main__":
    main()
