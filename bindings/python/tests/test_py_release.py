# SPDX-License-Identifier: Apache-2.0
"""Releases read and signed without our code: a CBOR reader of 30 lines, DSSE's
pre-authentication encoding from its specification, Ed25519 from `cryptography`.

What the command line makes is verified here; what is signed here the command line accepts.
"""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import warnings

import pytest

TREE = pathlib.Path(__file__).resolve().parents[3]
TYPE = "application/vnd.dura.release+cbor"

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:
    warnings.warn("cryptography is not installed: no independent check of release signatures")
    pytest.skip("cryptography is not installed", allow_module_level=True)


def find_cli():
    named = [os.environ.get("DURA_CLI")] + [str(TREE / "build" / p / "dura") for p in ("check", "release", "debug")]
    return next((c for c in named if c and os.path.exists(c)), shutil.which("dura"))


# ---- an independent reader ---------------------------------------------------------------------

def decode(data, at=0):
    """One item of deterministic CBOR: (value, offset behind it)."""
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info >= 24:
        size = 1 << (info - 24)
        arg, at = int.from_bytes(data[at:at + size], "big"), at + size
        assert arg >= (24 if size == 1 else 1 << 4 * size), "not the shortest form"
    else:
        arg = info
    if major == 0:
        return arg, at
    if major in (2, 3):
        raw = data[at:at + arg]
        assert len(raw) == arg
        return (bytes(raw) if major == 2 else raw.decode()), at + arg
    items, count = [], arg * (2 if major == 5 else 1)
    assert major in (4, 5)
    for _ in range(count):
        item, at = decode(data, at)
        items.append(item)
    if major == 4:
        return items, at
    keys = items[::2]
    assert keys == sorted(set(keys)), "keys ascend, each once"
    return dict(zip(keys, items[1::2])), at


def encode(value):
    def head(major, n):
        for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if n < 24:
                return bytes([major << 5 | n])
            if n < 1 << 8 * size:
                return bytes([major << 5 | info]) + n.to_bytes(size, "big")
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    return head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in sorted(value.items()))


def pae(kind, body):
    """DSSE 1.0, protocol.md: SP is a space, LEN is ASCII decimal."""
    kind = kind.encode()
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(body)).encode(), body])


def key_id(pub):
    return hashlib.sha256(pub).digest()[:8]


# ---- a desk ---------------------------------------------------------------------------------------

class Desk:
    def __init__(self, world, cli):
        self.world, self.folder, self.cli = world, world.folder, cli
        for name in ("vendor", "operator"):
            self.dura("key", "make", name)
        self.pubs = [bytes.fromhex((self.folder / f"{n}.pub").read_text()) for n in ("vendor", "operator")]
        world.change_policy(lambda p: p.update(updates={"threshold": 2, "roles": 6}, release_keys=[
            {"key": pub.hex(), "role": role} for pub, role in zip(self.pubs, ("vendor", "operator"))]))
        (self.folder / "rows.csv").write_text("time,a,b\n1,1,2\n2,-3,4\n")
        self.dura("release", "--component", "brain", "--model", "model.json", "--golden", "rows.csv", "--policy",
                  "policy.json", "--version", "7", "--floor", "2", "--name", "spring", "--not-after",
                  "2040-01-01", "--probation", "50", "-o", "rel.dura")

    def dura(self, *args, code=0):
        done = subprocess.run([self.cli, *map(str, args)], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def check(self, name="rel.dura", code=0):
        return json.loads(self.dura("gate", "check", name, "--policy", "policy.json", "--subject", "rel.dura.brain",
                                    "--json", code=code))

    def envelope(self, name="rel.dura"):
        data = (self.folder / name).read_bytes()
        value, end = decode(data)
        assert end == len(data) and encode(value) == data
        return value

    def private(self, name):
        word, seed = (self.folder / name).read_text().split()
        assert word == "dura-ed25519-secret"
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


@pytest.fixture
def desk(world):
    cli = find_cli()
    if not cli:
        pytest.fail("no dura to test: build it, or set DURA_CLI")
    return Desk(world, cli)


# ---- what the command line made ------------------------------------------------------------------

def test_the_payload_says_what_was_asked_for(desk):
    envelope = desk.envelope()
    assert envelope[1] == TYPE and envelope[3] == []
    said, end = decode(envelope[2])
    brain = (desk.folder / "rel.dura.brain").read_bytes()
    desk.dura("pack", "policy.json", "-o", "policy.bin")
    assert end == len(envelope[2])
    assert said == {1: 1, 2: 2, 3: 7, 4: 2, 5: hashlib.sha256(brain).digest(), 6: len(brain), 7: "bench", 8: "spring",
                    9: hashlib.sha256((desk.folder / "policy.bin").read_bytes()).digest(), 11: 2208988800, 12: 50}


def test_the_payload_binds_evidence_practices_and_the_emergency_flag(desk):
    (desk.folder / "index.json").write_text('{"sbom": "..."}')
    desk.dura("release", "--component", "policy", "--policy", "policy.json", "--version", "8", "--evidence", "index.json",
              "--practices", "SVV-1,A.6.2.4,SM-9", "--emergency", "-o", "now.dura")
    said, _ = decode(desk.envelope("now.dura")[2])
    assert said[14] == hashlib.sha256(b'{"sbom": "..."}').digest()
    assert said[15] == 1 << 0 | 1 << 7 | 1 << 19 and said[16] == 1
    assert 14 not in decode(desk.envelope()[2])[0]


def test_its_signatures_are_right_over_the_encoding_dsse_prescribes(desk):
    for n, name in enumerate(("vendor", "operator"), 1):
        desk.dura("sign", "rel.dura", "--key", name)
        envelope = desk.envelope()
        assert len(envelope[3]) == n
        for signature, pub in zip(envelope[3], desk.pubs):
            assert signature[1] == key_id(pub)
            Ed25519PublicKey.from_public_bytes(pub).verify(signature[2], pae(TYPE, envelope[2]))
            with pytest.raises(InvalidSignature):
                Ed25519PublicKey.from_public_bytes(pub).verify(signature[2], envelope[2])
    assert desk.check()["answer"]


def test_the_dsse_example_vector():
    assert pae("http://example.com/HelloWorld", b"hello world") == \
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


# ---- what was signed here --------------------------------------------------------------------------

def sign_here(desk, keys, body=None, kind=TYPE, name="here.dura", wrap=TYPE):
    body = desk.envelope()[2] if body is None else body
    signatures = []
    for key in keys:
        pub = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        signatures.append({1: key_id(pub), 2: key.sign(pae(kind, body))})
    (desk.folder / name).write_bytes(encode({1: wrap, 2: body, 3: signatures}))


def test_a_release_signed_here_is_accepted_there(desk):
    sign_here(desk, [desk.private("operator"), desk.private("vendor")])
    assert desk.check("here.dura")["answer"]


def test_a_release_made_here_is_accepted_there(desk):
    brain = (desk.folder / "rel.dura.brain").read_bytes()
    body = encode({1: 1, 2: 2, 3: 2**64 - 1, 4: 0, 5: hashlib.sha256(brain).digest(), 6: len(brain), 7: "*", 64: "mine"})
    sign_here(desk, [desk.private("vendor"), desk.private("operator")], body)
    answer = desk.check("here.dura")
    assert answer["answer"] and answer["release"]["version"] == str(2**64 - 1)


@pytest.mark.parametrize("what, why", [
    ("stranger", ["signature", "threshold", "role"]), ("one", ["threshold", "role"]),
    ("twice", ["threshold", "role"]), ("other type", ["signature", "threshold", "role"]),
    ("wrapped type", ["format"]), ("unknown field", ["format"]),
])
def test_what_is_not_right_is_refused_with_its_reason(desk, what, why):
    vendor, operator = desk.private("vendor"), desk.private("operator")
    if what == "stranger":
        sign_here(desk, [Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()])
    elif what == "one":
        sign_here(desk, [vendor, Ed25519PrivateKey.generate()])
    elif what == "twice":
        sign_here(desk, [vendor, vendor])
    elif what == "other type":
        sign_here(desk, [vendor, operator], kind="application/vnd.dura.factory+cbor")
    elif what == "wrapped type":
        sign_here(desk, [vendor, operator], kind="text/plain", wrap="text/plain")
    else:
        said, _ = decode(desk.envelope()[2])
        sign_here(desk, [vendor, operator], encode({**said, 19: 1}))
    assert desk.check("here.dura", code=1)["why"] == why


# ---- a tree over its chunks -------------------------------------------------------------------------

def merkle(parts):
    """RFC 9162, section 2.1.1."""
    if len(parts) == 1:
        return parts[0]
    k = 1 << (len(parts) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + merkle(parts[:k]) + merkle(parts[k:])).digest()


def firmware(desk, data, name="fw.dura"):
    (desk.folder / "fw.bin").write_bytes(data)
    said = desk.dura("release", "--component", "box", "--policy", "policy.json", "--firmware", "fw.bin", "--version", "3", "-o", name)
    assert said
    return decode(desk.envelope(name)[2])[0]


def test_above_one_chunk_it_signs_the_root_of_a_tree(desk):
    data = os.urandom(3 * 65536 + 17)
    leaves = [hashlib.sha256(b"\0" + data[i:i + 65536]).digest() for i in range(0, len(data), 65536)]
    assert firmware(desk, data)[64] == merkle(leaves)
    side = (desk.folder / "fw.dura.chunks").read_bytes()
    assert side[:16] == b"DCHT\1\0\x10\0" + len(data).to_bytes(8, "little")
    assert side[16:144] == b"".join(leaves) and side[-32:] == merkle(leaves)
    assert merkle(leaves).hex() in desk.dura("release", "inspect", "fw.dura")
    assert json.loads(desk.dura("release", "inspect", "fw.dura", "--json"))["chunks"] == merkle(leaves).hex()


def test_one_chunk_needs_no_tree(desk):
    assert 64 not in firmware(desk, bytes(65536)) and not (desk.folder / "fw.dura.chunks").exists()


def test_a_wrong_chunk_is_found_before_the_next_is_read(desk):
    data = os.urandom(5 * 65536 + 99)
    firmware(desk, data)
    for signer in ("vendor", "operator"):
        desk.dura("sign", "fw.dura", "--key", signer)
    bytes_only = ("release", "verify", "fw.dura", "--bytes", "--subject", "fw.bin")
    assert f"{len(data)} of {len(data)} bytes read" in desk.dura(*bytes_only)
    check = ("gate", "check", "fw.dura", "--policy", "policy.json", "--subject", "fw.bin", "--json")
    assert json.loads(desk.dura(*check))["answer"]
    for at in (0, 65535, 65536, len(data) - 1):
        (desk.folder / "fw.bin").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
        read = min(len(data), (at // 65536 + 1) * 65536)
        assert f"is not what was released, {read} of {len(data)}" in desk.dura(*bytes_only, code=1)
        assert json.loads(desk.dura(*check, code=1))["why"] == ["digest"]
    for other, why in ((data[:-1], ["incomplete", "digest"]), (data + b"x", ["digest"]), (b"", ["incomplete", "digest"])):
        (desk.folder / "fw.bin").write_bytes(other)
        assert json.loads(desk.dura(*check, code=1))["why"] == why
    (desk.folder / "fw.bin").write_bytes(data)
    side = (desk.folder / "fw.dura.chunks").read_bytes()
    (desk.folder / "fw.dura.chunks").write_bytes(side[:20] + bytes([side[20] ^ 1]) + side[21:])
    assert "the tree over its chunks is not the one that was signed" in desk.dura(*bytes_only, code=1)
    (desk.folder / "fw.dura.chunks").unlink()
    assert "is what was released" in desk.dura(*bytes_only)


# ---- DSSE JSON -----------------------------------------------------------------------------------------

def as_json(desk):
    desk.dura("sign", "rel.dura", "--key", "vendor")
    desk.dura("sign", "rel.dura", "--json", "-o", "rel.json")
    return json.loads((desk.folder / "rel.json").read_text())


def test_dsse_json_carries_the_same_bytes(desk):
    said, envelope = as_json(desk), desk.envelope()
    assert said["payloadType"] == TYPE and base64.b64decode(said["payload"]) == envelope[2]
    assert [(s["keyid"], base64.b64decode(s["sig"])) for s in said["signatures"]] == \
        [(s[1].hex(), s[2]) for s in envelope[3]]


def test_dsse_json_signed_here_is_accepted_there(desk):
    body = desk.envelope()[2]
    signatures = [{"keyid": "anything", "sig": base64.urlsafe_b64encode(desk.private(n).sign(pae(TYPE, body))).decode()}
                  for n in ("vendor", "operator")]
    (desk.folder / "here.json").write_text(json.dumps({
        "payload": base64.b64encode(body).decode(), "payloadType": TYPE, "signatures": signatures, "more": [1]}))
    assert desk.check("here.json")["answer"]


def test_securesystemslib_verifies_dsse_json(desk):
    dsse = pytest.importorskip("securesystemslib.dsse", reason="securesystemslib is not installed: DSSE JSON is not "
                                                               "compared with it")
    signer = pytest.importorskip("securesystemslib.signer")
    if not hasattr(dsse.Envelope, "from_dict"):
        pytest.skip("securesystemslib has no DSSE envelope of its own")
    said = as_json(desk)
    envelope = dsse.Envelope.from_dict(said)
    key = signer.SSlibKey(key_id(desk.pubs[0]).hex(), "ed25519", "ed25519", {"public": desk.pubs[0].hex()})
    accepted = envelope.verify([key], 1)
    assert len(accepted) == 1
    envelope.payload += b" "
    with pytest.raises(Exception):
        envelope.verify([key], 1)
