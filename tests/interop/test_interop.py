# SPDX-License-Identifier: Apache-2.0
"""Proofs and checkpoints beside other implementations, both ways.

DURA_INTEROP names the folder where `go build` put tests/interop and tests/interop/witness, and
DURA_MERKLE the source of github.com/transparency-dev/merkle. What is missing is skipped, not
passed; .ci/run has all of it.
"""
import base64
import ctypes
import glob
import hashlib
import json
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import cliworld  # noqa: E402

FOLDER, MERKLE = os.environ.get("DURA_INTEROP", ""), os.environ.get("DURA_MERKLE", "")
lib = ctypes.CDLL(os.environ["DURA_LIBRARY"])
OK, EAUTH, ENOENT, ESTATE, EDENIED = 0, -9, -11, -7, -13
U64, SIZE = ctypes.c_uint64, ctypes.c_size_t
SEED = bytes(range(32))


def need(name):
    path = os.path.join(FOLDER, name)
    if not FOLDER or not os.path.exists(path):
        pytest.skip(f"no {name} in DURA_INTEROP")
    return path


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def b64(data):
    return base64.b64encode(data).decode()


def path_of(proof):
    hashes = [base64.b64decode(h) for h in proof or []]
    return b"".join(hashes), SIZE(len(hashes)), all(len(h) == 32 for h in hashes)


def subtree(start, end, sub, size, root, proof):
    path, n, whole = path_of(proof)
    if not whole:
        return EAUTH                     # the C call takes hashes of 32 bytes only; "don't care" gets some
    sub, root = [h if len(h) == 32 else hashlib.sha256(b"any" + h).digest() for h in (sub, root)]
    return lib.dura_proof_subtree(U64(start), U64(end), sub, U64(size), root, path, n)


# ---- proofs of others, judged by us ------------------------------------------------------

def judge(kind, p):
    def of(name):
        return base64.b64decode(p[name] or "")
    if "inclusion" in kind and (len(of("leafHash")) != 32 or len(of("root")) != 32):
        return EAUTH
    if kind == "inclusion":
        i = p["leafIdx"]
        return subtree(i, i + 1, of("leafHash"), p["treeSize"], of("root"), p["proof"]) if i < p["treeSize"] else EAUTH
    if kind == "consistency":
        return subtree(0, p["size1"], of("root1"), p["size2"], of("root2"), p["proof"])
    if kind == "subtreeconsistency":
        return subtree(p["start"], p["end"], of("root1"), p["size"], of("root2"), p["proof"])
    i, start, end = p["leafIdx"], p["start"], p["end"]
    if not start <= i < end or start % (1 << (end - start - 1).bit_length()):
        return EAUTH                     # inside a subtree: a tree of its own that may stand there
    return subtree(i - start, i - start + 1, of("leafHash"), end - start, of("root"), p["proof"])


@pytest.mark.parametrize("kind,least", [("inclusion", 98), ("consistency", 98), ("subtreeinclusion", 204), ("subtreeconsistency", 107)])
def test_every_verdict_of_the_foreign_suite_is_ours(kind, least):
    files = sorted(glob.glob(os.path.join(MERKLE, "testdata", kind, "**", "*.json"), recursive=True))
    if not MERKLE:
        pytest.skip("no DURA_MERKLE")
    assert len(files) >= least
    for name in files:
        with open(name, encoding="utf-8") as f:
            probe = json.load(f)
        assert (judge(kind, probe) != OK) == probe["wantErr"], (name, probe["desc"])
    print(f"{kind}: {len(files)} of {len(files)} verdicts equal")


def proof_check(text, key):
    record, n = ctypes.create_string_buffer(65536), SIZE(65536)
    data = text.encode()
    rc = lib.dura_proof_check(data, SIZE(len(data)), key.encode(), record, ctypes.byref(n))
    return rc, record.raw[: n.value] if rc == OK else b""


def test_proofs_and_growth_of_another_log_are_accepted():
    made = json.loads(run(need("interop"), "make", "150"))
    for i, text in enumerate(made["proofs"]):
        assert proof_check(text, made["vkey"]) == (OK, bytes([i]) * (i % 70 + 1))
        other = text.replace(f"index {i}\n", f"index {i ^ 1}\n")
        assert proof_check(other, made["vkey"])[0] == EAUTH
    for g in made["grown"]:
        roots = base64.b64decode(g["root1"]), base64.b64decode(g["root2"])
        assert subtree(0, g["size1"], roots[0], g["size2"], roots[1], g["proof"]) == OK


# ---- ours, judged by others -----------------------------------------------------------------

@pytest.fixture(name="world", scope="module")
def make_world(tmp_path_factory):
    world = cliworld.World(tmp_path_factory.mktemp("interop"), os.environ["DURA_CLI"])
    world.run()
    return world


def test_proofs_of_our_records_are_accepted(world):
    interop = need("interop")
    records = world.records()
    last = max(r["gseq"] for r in records)
    done = 0
    for r in records[:: max(1, len(records) // 25)]:
        if r["gseq"] >= last - 1:
            continue                     # the last seals: nothing covers them
        shown = world.dura("export", world.out, "--proof", str(r["gseq"]))
        assert shown.returncode == 0, shown.stderr
        said = run(interop, "check", shown.stderr.strip(), text=shown.stdout)
        assert said.startswith(f"record {r['seq']} of ")
        kept = os.path.join(world.folder, "one.tlog-proof")
        with open(kept, "w", encoding="utf-8") as f:
            f.write(shown.stdout)
        checked = world.dura("verify", "--proof", kept, "--key", shown.stderr.strip())
        assert checked.returncode == 0 and checked.stdout.startswith("INTACT"), checked.stdout + checked.stderr
        done += 1
    assert done >= 10


class Leaves:
    """The tree of one log of a run."""

    def __init__(self, folder, log):
        self.at = ctypes.c_void_p()
        assert lib.dura_leaves_load(ctypes.byref(self.at), os.fsencode(folder), log, None) == OK
        lib.dura_leaves_size.restype = U64
        self.size = lib.dura_leaves_size(self.at)

    def root(self, size):
        out = ctypes.create_string_buffer(32)
        assert lib.dura_leaves_root(self.at, U64(0), U64(size), out) == OK
        return out.raw

    def grown(self, size1, size2):
        path, n = ctypes.create_string_buffer(64 * 32), SIZE(0)
        assert lib.dura_leaves_prove(self.at, U64(0), U64(size1), U64(size2), path, ctypes.byref(n)) == OK
        return [path.raw[32 * i: 32 * i + 32] for i in range(n.value)]


def test_growth_of_our_logs_is_accepted(world):
    interop, all_ = need("interop"), []
    for log in (1, 2):
        t = Leaves(world.out, log)
        for size1 in range(1, t.size + 1, max(1, t.size // 40)):
            all_.append({"size1": size1, "root1": b64(t.root(size1)), "size2": t.size, "root2": b64(t.root(t.size)),
                         "proof": [b64(h) for h in t.grown(size1, t.size)]})
    assert run(interop, "consistent", text=json.dumps(all_)).startswith(str(len(all_)))


# ---- a witness ------------------------------------------------------------------------------

def text_call(call, *args):
    out, n = ctypes.create_string_buffer(65536), SIZE(65536)
    assert call(out, ctypes.byref(n), *args) == OK
    return out.raw[: n.value]


def checkpoint(origin, t, size):
    """The tree as a gateway with a key that stays signs it for witnesses."""
    body = text_call(lib.dura_note_body, origin, U64(size), t.root(size))
    return body + b"\n" + text_call(lib.dura_note_sign, body, SIZE(len(body)), origin, SEED, 1, U64(0))


def log_key(origin):
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        pytest.skip("no Ed25519 for Python")
    return Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def request(old, proof, note):
    return text_call(lib.dura_witness_request, U64(old), b"".join(proof), SIZE(len(proof)), note, SIZE(len(note))).decode()


def test_a_real_witness_cosigns_and_we_believe_it(world):
    witness = need("witness")
    origin = b"dura.example/press-7/decision"
    t = Leaves(world.out, 2)
    half = t.size // 2
    notes = [checkpoint(origin, t, half), checkpoint(origin, t, t.size)]
    pub = log_key(origin)
    vkey = text_call(lib.dura_note_key_text, origin, pub, 1).decode()
    wrong = checkpoint(b"dura.example/nobody", t, half)
    bodies = [request(0, [], notes[0]), request(0, [], notes[1]), request(half, t.grown(half, t.size)[:-1], notes[1]),
              request(half, t.grown(half, t.size), notes[1]), request(0, [], wrong)]
    said = json.loads(run(witness, vkey, text=json.dumps(bodies)))
    name, _, text = said["vkey"].split("+", 2)
    key = base64.b64decode(text)[1:]
    time_s, known = U64(0), U64(0)

    def answer(k, note):
        a = said["answers"][k]
        body = a["body"].encode()
        return lib.dura_witness_answer(a["status"], body, SIZE(len(body)), note, SIZE(len(note)), name.encode(), key,
                                       ctypes.byref(time_s), ctypes.byref(known))
    assert answer(0, notes[0]) == OK and time_s.value > 1700000000
    assert answer(1, notes[1]) == ESTATE and known.value == half, "it knows more than we said"
    assert answer(2, notes[1]) == EDENIED, "half a proof"
    assert answer(3, notes[1]) == OK
    assert answer(4, wrong) == ENOENT
    assert answer(3, notes[0]) != OK, "the line is not under another checkpoint"
    both = notes[1] + said["answers"][3]["body"].encode()
    assert hashlib.sha256(both).digest()    # the whole note, kept as an outside fact
