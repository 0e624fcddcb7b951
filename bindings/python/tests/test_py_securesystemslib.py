# SPDX-License-Identifier: Apache-2.0
"""securesystemslib (the library under python-tuf and in-toto) and dura sign and verify each other's
DSSE envelopes: releases and in-toto Statements, in both directions.

It is installed by `.ci/run release` (bench/securesystemslib_requirements.txt), where a test that is
missing is a failure (DURA_PEERS=required); elsewhere a missing library is said and skipped."""
import json
import os
import subprocess
import warnings

import pytest

try:
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import CryptoSigner, SSlibKey
    SIGNERS = [CryptoSigner.generate_ed25519() for _ in range(3)]
except Exception as error:                               # not installed, or its cryptography is too old
    if os.environ.get("DURA_PEERS") == "required":
        raise
    warnings.warn(f"securesystemslib is not usable here ({error}): no second implementation of DSSE envelopes")
    pytest.skip("securesystemslib is not usable here", allow_module_level=True)

from test_py_release import find_cli  # noqa: E402

RELEASE, STATEMENT = "application/vnd.dura.release+cbor", "application/vnd.in-toto+json"


def public(signer):
    return signer.public_key.keyval["public"]            # 64 hex digits for Ed25519


class Desk:
    def __init__(self, world):
        self.world, self.folder, self.cli = world, world.folder, find_cli()
        assert self.cli, "no dura to test: build it, or set DURA_CLI"
        for name in ("vendor", "operator"):
            self.dura("key", "make", name)
        self.pubs = [(self.folder / f"{n}.pub").read_text().strip() for n in ("vendor", "operator")]

    def dura(self, *args, code=0):
        done = subprocess.run([self.cli, *map(str, args)], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def release(self, pubs, *more):
        """An unsigned envelope as DSSE JSON; the policy asks for both keys."""
        self.world.change_policy(lambda p: p.update(updates={"threshold": 2, "roles": 6}, release_keys=[
            {"key": pub, "role": role} for pub, role in zip(pubs, ("vendor", "operator"))]))
        self.dura("release", "make", "--component", "brain", "--model", "model.json", "--golden-random", "9", "--policy",
                  "policy.json", "--version", "7", "--json", "-o", "rel.json", *more)
        return self.load("rel.json")

    def load(self, name):
        return Envelope.from_dict(json.loads((self.folder / name).read_text()))

    def save(self, name, envelope):
        (self.folder / name).write_text(json.dumps(envelope.to_dict()))

    def check(self, name, code=0):
        return json.loads(self.dura("gate", "check", name, "--policy", "policy.json", "--subject", "rel.json.brain", "--json",
                                    code=code))["why"]

    def keys(self):
        """Our public keys as securesystemslib's, under the ids that our signatures carry."""
        return [SSlibKey(sig["keyid"], "ed25519", "ed25519", {"public": pub})
                for sig, pub in zip(json.loads((self.folder / "rel.json").read_text())["signatures"], self.pubs)]


@pytest.fixture
def desk(world):
    return Desk(world)


def test_releases_that_dura_signed_are_right_there(desk):
    desk.release(desk.pubs)
    for name in ("vendor", "operator"):
        desk.dura("sign", "rel.json", "--key", name)
    envelope, keys = desk.load("rel.json"), desk.keys()
    assert envelope.payload_type == RELEASE and len(envelope.verify(keys, 2)) == 2
    envelope.payload = envelope.payload[:-1] + bytes([envelope.payload[-1] ^ 1])
    with pytest.raises(VerificationError):
        envelope.verify(keys, 1)
    envelope = desk.load("rel.json")
    envelope.payload_type = "application/vnd.dura.approve+cbor"
    with pytest.raises(VerificationError):
        envelope.verify(keys, 1)


def test_releases_that_it_signed_are_right_here(desk):
    envelope = desk.release([public(s) for s in SIGNERS[:2]])
    assert desk.check("rel.json", 1) == ["signature", "threshold", "role"]
    envelope.sign(SIGNERS[0])
    desk.save("one.json", envelope)
    assert desk.check("one.json", 1) == ["threshold", "role"]
    envelope.sign(SIGNERS[1])
    envelope.sign(SIGNERS[2])                             # a stranger's is passed over
    desk.save("all.json", envelope)
    assert desk.check("all.json") == []
    desk.dura("sign", "all.json", "--cbor", "-o", "all.dura")
    assert desk.check("all.dura") == [], "the same signatures in the bytes a device reads"


def test_what_it_signed_as_another_type_is_nobodys_here(desk):
    envelope = desk.release([public(s) for s in SIGNERS[:2]])
    envelope.payload_type = STATEMENT
    for signer in SIGNERS[:2]:
        envelope.sign(signer)
    envelope.payload_type = RELEASE
    desk.save("wrong.json", envelope)
    assert desk.check("wrong.json", 1) == ["signature", "threshold", "role"]


def test_statements_go_both_ways(desk):
    desk.release(desk.pubs)
    desk.dura("release", "provenance", "rel.json", "--builder", "urn:it", "--key", "vendor", "-o", "ours.json")
    ours = desk.load("ours.json")
    (keyid,) = ours.signatures
    assert ours.payload_type == STATEMENT and ours.verify([SSlibKey(keyid, "ed25519", "ed25519", {"public": desk.pubs[0]})], 1)
    theirs = Envelope(ours.payload, STATEMENT, {})
    theirs.sign(SIGNERS[0])
    desk.save("theirs.json", theirs)
    args = ("release", "make", "--component", "brain", "--model", "model.json", "--golden-random", "9", "--policy", "policy.json",
            "--version", "7")
    desk.dura(*args, "-o", "two.dura", "--attest-key", public(SIGNERS[0]), "--attest", "theirs.json")
    desk.dura(*args, "-o", "no.dura", "--attest-key", public(SIGNERS[1]), "--attest", "theirs.json", code=2)
    theirs.payload = theirs.payload.replace(b"urn:it", b"urn:me")
    desk.save("theirs.json", theirs)
    desk.dura(*args, "-o", "no.dura", "--attest-key", public(SIGNERS[0]), "--attest", "theirs.json", code=2)
