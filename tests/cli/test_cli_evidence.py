# SPDX-License-Identifier: Apache-2.0
"""release make --attest, inspect, verify, provenance; sign of statements and by a command.

Expected digests, canonical JSON and signatures come from Python's own modules."""
import base64
import hashlib
import json
import sys

import pytest

STATEMENT = "https://in-toto.io/Statement/v1"
TEST = "https://in-toto.io/attestation/test-result/v0.1"


def dump(world, name, value):
    world.write(name, json.dumps(value))
    return name


def make(world, *attest, more=(), out="rel.dura", component="brain"):
    brain = ["--model", "model.json", "--golden", "frames.csv"] if component == "brain" else []
    if component == "box":
        brain = ["--firmware", "fw.bin"]
    files = ["--attest", *attest] if attest else []
    return world.dura("release", "make", "--component", component, "--policy", "policy.json", "--version", "5", "-o", out,
                      *brain, *more, *files)


@pytest.fixture
def desk(world):
    """Packed model and brain with their digests; one attestation of each kind, all of them good."""
    assert world.dura("pack", "model.json", "-o", "model.bin").returncode == 0
    world.model = hashlib.sha256((world.folder / "model.bin").read_bytes()).hexdigest()
    assert make(world, out="draft.dura").returncode == 0
    world.brain = hashlib.sha256((world.folder / "draft.dura.brain").read_bytes()).hexdigest()
    return world


def statement(world, predicate_type, predicate, digest=None, name="it"):
    return {"_type": STATEMENT, "subject": [{"name": name, "digest": {"sha256": digest or world.brain}}],
            "predicateType": predicate_type, "predicate": predicate}


def passed(world, **more):
    return statement(world, TEST, dict({"result": "PASSED", "configuration": [], "passedTests": ["a", "b"]}, **more))


def training(world, **more):
    rows = b"time,a,b,y,span\n1,1,2,3,\n"
    world.write("rows.csv", rows)
    return dict({"dura_training": 1, "csv": "rows.csv", "sha256": hashlib.sha256(rows).hexdigest(), "suspect": 0,
                 "run": {"verify": "INTACT"}}, **more)


def everything(world):
    commit = "c" * 40
    return [
        dump(world, "tests.json", passed(world)),
        dump(world, "prov.json", statement(world, "https://slsa.dev/provenance/v1", {"buildDefinition": {
            "resolvedDependencies": [{"digest": {"gitCommit": commit}, "uri": "git+https://example.com/press"}]}}, world.model)),
        dump(world, "review.json", dict(statement(world, "https://in-toto.io/attestation/human-review/vcs/v0.1", {"reviewers": []}),
                                        subject=[{"name": "press", "digest": {"gitCommit": commit}}])),
        dump(world, "risk.json", statement(world, "urn:dura:risk:1", {"acceptedBy": "k.weber", "residual": "low"})),
        dump(world, "scan.json", statement(world, "https://in-toto.io/attestation/vulns/v0.1", {"scanner": {}})),
        dump(world, "vsa.json", statement(world, "https://slsa.dev/verification_summary/v1", {"verificationResult": "PASSED"})),
        dump(world, "bom.json", {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}),
        dump(world, "spdx.json", {"spdxVersion": "SPDX-2.3"}),
        dump(world, "mlflow.json", {"run": {"info": {"run_id": "r1", "status": "FINISHED"}, "data": {"metrics": [], "tags": [
            {"key": "dura.sha256", "value": world.model}]}}}),
        dump(world, "data.json", training(world)),
        dump(world, "drill.json", {"dura_drill": 1, "model": world.model, "policy": "0" * 64, "register": "0" * 64,
                                   "entries": [{"entry": "R-1", "result": "caught"}, {"entry": "R-2", "result": "partly"}],
                                   "controls": [{"control": "K-1", "result": "partly"}]}),
    ]


def inspect(world, name="rel.dura"):
    told = world.dura("release", "inspect", name, "--json")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_every_kind_is_listed_by_digest_and_bound_to_the_release(desk):
    files = everything(desk)
    told = make(desk, *files)
    assert told.returncode == 0, told.stderr
    raw = (desk.folder / "rel.dura.evidence.json").read_bytes()
    index = json.loads(raw)
    assert raw == json.dumps(index, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(), "RFC 8785"
    said = inspect(desk)
    assert said["signatures"] == [] and said["release"]["evidence"] == hashlib.sha256(raw).hexdigest()
    assert said["release"]["practices"] == index["practices"] == [
        "SI-1", "SVV-3", "SUM-1", "SUM-3", "A.5.2", "A.6.2.3", "A.6.2.4", "A.7.3", "A.7.5", "A.7.6"]
    assert index["subject"] == desk.brain and index["model"] == desk.model
    assert [i["name"] for i in index["items"]] == sorted(files)
    for item in index["items"]:
        data = (desk.folder / item["name"]).read_bytes()
        assert (item["sha256"], item["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    kinds = {i["name"]: i["kind"] for i in index["items"]}
    assert kinds == {"tests.json": "test", "prov.json": "provenance", "review.json": "review", "risk.json": "risk", "scan.json": "scan",
                     "vsa.json": "summary", "bom.json": "bom", "spdx.json": "bom", "mlflow.json": "mlflow", "data.json": "training", "drill.json": "drill"}
    told = desk.dura("release", "verify", "rel.dura")
    assert told.returncode == 0 and "11 files attest SI-1 SVV-3" in told.stdout, told.stderr
    assert make(desk, *reversed(files), out="two.dura").returncode == 0
    assert (desk.folder / "two.dura.evidence.json").read_bytes() == raw, "the order of the files is nothing"


GAPS = [
    ("tests.json", lambda s, w: s["predicate"].update(result="FAILED"), "result: is FAILED: a release needs PASSED"),
    ("tests.json", lambda s, w: s["predicate"].update(result="WARNED"), "result: is WARNED"),
    ("tests.json", lambda s, w: s["predicate"].pop("result"), "result: is missing"),
    ("tests.json", lambda s, w: s["predicate"].update(failedTests=["press"]), "failedTests: names 1, of them press"),
    ("tests.json", lambda s, w: s["subject"][0]["digest"].update(sha256="0" * 64), "subject: is about something else"),
    ("tests.json", lambda s, w: s.update(_type="https://example.com/v1"), "is of no kind that is known"),
    ("tests.json", lambda s, w: s.pop("predicateType"), "predicateType"),
    ("prov.json", lambda s, w: s["subject"][0]["digest"].update(sha256="1" * 64), "prov.json: subject: is about something else"),
    ("prov.json", lambda s, w: s["predicate"].update(buildDefinition={}), "review.json: subject: is about something else"),
    ("risk.json", lambda s, w: s["predicate"].pop("acceptedBy"), "acceptedBy: is missing"),
    ("risk.json", lambda s, w: s["predicate"].update(residual=""), "residual: is missing"),
    ("vsa.json", lambda s, w: s["predicate"].update(verificationResult="FAILED"), "verificationResult: is FAILED"),
    ("mlflow.json", lambda s, w: s["run"]["info"].update(status="KILLED"), "status: is KILLED"),
    ("mlflow.json", lambda s, w: s["run"]["data"]["tags"][0].update(value="2" * 64), "is another model's"),
    ("drill.json", lambda s, w: s.update(model="1" * 64), "is another model's or policy's"),
    ("drill.json", lambda s, w: s["entries"][1].update(result="not_drilled"), "R-2 was never drilled"),
    ("drill.json", lambda s, w: s["controls"][0].update(result="missed"), "K-1 noticed nothing of what was made for it"),
    ("drill.json", lambda s, w: s["entries"][0].pop("result"), "R-1 was never drilled"),
    ("data.json", lambda s, w: s.update(suspect=3), "3 rows lie under a fault, an attack or an unknown incident"),
    ("data.json", lambda s, w: s["run"].update(verify="TAMPERED"), "the run cannot be believed"),
    ("data.json", lambda s, w: s.update(sha256="3" * 64), "rows.csv has other rows"),
    ("data.json", lambda s, w: s.update(dura_training=2), "dura_training"),
    ("data.json", lambda s, w: s.update(csv="../rows.csv"), "is not the name of a file"),
]


@pytest.mark.parametrize("name, change, said", GAPS)
def test_a_gap_is_refused_by_name(desk, name, change, said):
    files = everything(desk)
    value = json.loads((desk.folder / name).read_text())
    change(value, desk)
    dump(desk, name, value)
    told = make(desk, *files)
    assert told.returncode == 2 and said in told.stderr, told.stderr
    assert not any((desk.folder / f"rel.dura{s}").exists() for s in ("", ".brain", ".evidence.json"))


def test_what_is_required_and_nobody_attests_is_named(desk):
    told = make(desk, dump(desk, "tests.json", passed(desk)), more=("--require", "A.6.2.4,SVV-3,A.7.5"))
    assert told.returncode == 2 and "SVV-3, A.7.5: required, and nothing attests it" in told.stderr, told.stderr
    files = everything(desk)
    assert make(desk, *files, more=("--require", "A.6.2.4,SVV-3,A.7.5")).returncode == 0


def test_a_file_stands_for_what_its_kind_may(desk):
    tests = dump(desk, "tests.json", passed(desk))
    assert make(desk, f"{tests}=SVV-1,SVV-3,SVV-4").returncode == 0
    assert inspect(desk)["release"]["practices"] == ["SVV-1", "SVV-3", "SVV-4"]
    bom = dump(desk, "bom.json", {"bomFormat": "CycloneDX"})
    for wrong, said in ((f"{bom}=SVV-4", "SVV-4: a document of the kind bom cannot stand for it"), (f"{bom}=SVV-9", "SVV-9: is no practice"),
                        (f"{tests}=A.7.5", "A.7.5: a document of the kind test")):
        told = make(desk, wrong, out="x.dura")
        assert told.returncode == 2 and said in told.stderr, told.stderr


def test_an_equals_sign_in_a_folder_is_no_claim(desk):
    (desk.folder / "a=b").mkdir()
    assert make(desk, dump(desk, "a=b/tests.json", passed(desk))).returncode == 0
    assert make(desk, "a=b/tests.json=SVV-3", out="two.dura").returncode == 0
    assert inspect(desk, "two.dura")["release"]["practices"] == ["SVV-3"]
    assert desk.dura("release", "verify", "two.dura", "--folder", "a=b").returncode == 0


def test_a_firmware_and_a_policy_are_attested_as_well(desk):
    desk.write("fw.bin", b"firmware")
    fw = hashlib.sha256(b"firmware").hexdigest()
    tests = dump(desk, "fw.json", statement(desk, TEST, {"result": "PASSED"}, fw))
    assert make(desk, tests, component="box", out="box.dura").returncode == 0
    assert inspect(desk, "box.dura")["release"]["practices"] == ["SVV-1"]
    assert desk.dura("release", "verify", "box.dura", "--subject", "fw.bin").returncode == 0
    told = make(desk, tests, component="policy", out="pol.dura")
    assert told.returncode == 2 and "is about something else: no subject has the SHA-256 of what is released" in told.stderr


@pytest.mark.parametrize("what, said", [
    ("a listed file", "is not the file that the index lists"), ("the index", "is not what its files give"),
    ("a file that is gone", "bom.json"), ("the subject", "is about something else"), ("another index", "is not the index that the release signs"),
    ("a practice", "is not what its files give"), ("two documents", "tests.json"),
])
def test_verify_sees_what_changed(desk, what, said):
    assert make(desk, *everything(desk)).returncode == 0
    index = desk.folder / "rel.dura.evidence.json"
    if what == "a listed file":
        desk.write("bom.json", json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5"}))
    elif what == "the index":
        index.write_bytes(index.read_bytes() + b"\n")
    elif what == "a practice":
        index.write_text(index.read_text().replace('"SVV-3"', '"DM-4"', 1))
    elif what == "a file that is gone":
        (desk.folder / "bom.json").unlink()
    elif what == "the subject":
        desk.write("rel.dura.brain", (desk.folder / "draft.dura.brain").read_bytes()[:-8] + bytes(8))
        said = ""
    elif what == "two documents":
        (desk.folder / "tests.json").write_text("{}")
    else:
        assert make(desk, "tests.json", out="other.dura").returncode == 0
        index.write_bytes((desk.folder / "other.dura.evidence.json").read_bytes())
    told = desk.dura("release", "verify", "rel.dura")
    assert told.returncode in (1, 2) and said in told.stderr, (told.returncode, told.stderr)


# ---- signatures --------------------------------------------------------------------------------

def pae(body, kind=b"application/vnd.in-toto+json"):
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


@pytest.fixture
def keys(desk):
    for name in ("lab", "other"):
        assert desk.dura("key", "make", name).returncode == 0
    return desk


def test_statements_are_signed_as_dsse_says(keys):
    cryptography = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    tests = dump(keys, "tests.json", passed(keys))
    for n, key in enumerate(("lab", "other"), 1):
        assert keys.dura("sign", tests, "--key", key).returncode == 0
        envelope = json.loads((keys.folder / tests).read_text())
        assert envelope["payloadType"] == "application/vnd.in-toto+json" and len(envelope["signatures"]) == n
        body = base64.b64decode(envelope["payload"])
        assert json.loads(body) == passed(keys)
        pub = bytes.fromhex((keys.folder / f"{key}.pub").read_text())
        cryptography.Ed25519PublicKey.from_public_bytes(pub).verify(base64.b64decode(envelope["signatures"][-1]["sig"]), pae(body))
        assert envelope["signatures"][-1]["keyid"] == hashlib.sha256(pub).hexdigest()[:16]
    told = keys.dura("sign", tests, "--key", "lab")
    assert told.returncode == 2 and "has signed it already" in told.stderr


def test_a_signed_statement_counts_under_its_key_and_no_other(keys):
    tests = dump(keys, "tests.json", passed(keys))
    told = make(keys, tests, more=("--attest-key", "lab.pub"))
    assert told.returncode == 2 and "is not signed" in told.stderr
    assert keys.dura("sign", tests, "--key", "lab").returncode == 0
    told = make(keys, tests)
    assert told.returncode == 2 and "no key given to verify it with" in told.stderr
    told = make(keys, tests, more=("--attest-key", "other.pub"))
    assert told.returncode == 2 and "none is right under a key that was given" in told.stderr
    assert make(keys, tests, more=("--attest-key", "other.pub,lab.pub")).returncode == 0
    index = json.loads((keys.folder / "rel.dura.evidence.json").read_text())
    lab = bytes.fromhex((keys.folder / "lab.pub").read_text())
    assert index["items"][0]["signed_by"] == [hashlib.sha256(lab).hexdigest()[:16]]
    assert keys.dura("release", "verify", "rel.dura", "--attest-key", "lab.pub").returncode == 0
    told = keys.dura("release", "verify", "rel.dura", "--attest-key", "other.pub")
    assert told.returncode == 1 and "none is right" in told.stderr


def test_a_changed_byte_of_a_signed_statement_is_seen(keys):
    tests = dump(keys, "tests.json", passed(keys, result="FAILED"))
    assert keys.dura("sign", tests, "--key", "lab").returncode == 0
    envelope = json.loads((keys.folder / tests).read_text())
    envelope["payload"] = base64.b64encode(base64.b64decode(envelope["payload"]).replace(b"FAILED", b"PASSED")).decode()
    dump(keys, "tests.json", envelope)
    told = make(keys, tests, more=("--attest-key", "lab.pub"))
    assert told.returncode == 2 and "none is right" in told.stderr
    envelope["signatures"] = [{"keyid": "", "sig": base64.b64encode(b"\x30" * 71).decode()}]
    dump(keys, "tests.json", envelope)
    told = make(keys, tests, more=("--attest-key", "lab.pub"))
    assert told.returncode == 2 and "none is right" in told.stderr, "an ECDSA signature is nobody's here"


# ---- provenance ----------------------------------------------------------------------------------

def test_provenance_says_where_a_release_comes_from(keys):
    told = keys.dura("release", "provenance", "draft.dura", "--builder", "https://ci.example.com/press", "--source", "git+https://x/y",
                     "--commit", "a" * 40, "--material", "model.json,frames.csv", "--invocation", "run-7",
                     "--finished", "2026-03-01", "-o", "prov.json")
    assert told.returncode == 0, told.stderr
    said = json.loads((keys.folder / "prov.json").read_text())
    assert said["_type"] == STATEMENT and said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert said["subject"] == [{"digest": {"sha256": keys.brain}, "name": "draft.dura"}]
    build, run = said["predicate"]["buildDefinition"], said["predicate"]["runDetails"]
    assert build["buildType"] == "urn:dura:release:1" and build["externalParameters"]["version"] == "5"
    assert build["resolvedDependencies"][0] == {"digest": {"gitCommit": "a" * 40}, "uri": "git+https://x/y"}
    assert [(d["name"], d["digest"]["sha256"]) for d in build["resolvedDependencies"][1:]] == [
        (n, hashlib.sha256((keys.folder / n).read_bytes()).hexdigest()) for n in ("model.json", "frames.csv")]
    assert run == {"builder": {"id": "https://ci.example.com/press"}, "metadata": {"finishedOn": "2026-03-01T00:00:00Z", "invocationId": "run-7"}}
    assert make(keys, "prov.json").returncode == 0


def test_provenance_of_a_model_is_there_before_its_release_and_can_be_signed(keys):
    told = keys.dura("release", "provenance", "--model", "model.json", "--builder", "urn:me", "--key", "lab", "-o", "prov.json")
    assert told.returncode == 0 and "signed" in told.stdout, told.stderr
    assert make(keys, "prov.json", more=("--attest-key", "lab.pub")).returncode == 0
    for args, said in (((), "wants --builder"), (("--builder", "u", "-o", "x"), "or --model"),
                       (("draft.dura", "--builder", "u", "--commit", "xyz", "-o", "x"), "commit"),
                       (("draft.dura", "--builder", "u", "--material", "nowhere", "-o", "x"), "nowhere")):
        told = keys.dura("release", "provenance", *args)
        assert told.returncode == 2 and said in told.stderr, told.stderr


# ---- a command that has the key ------------------------------------------------------------------

SIGNER = """
import sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(open(sys.argv[1]).read().split()[1]))
sig = key.sign(sys.stdin.buffer.read())
sys.stdout.buffer.write(sig if sys.argv[2] == "raw" else sig.hex().encode() + b"\\n")
"""


@pytest.mark.parametrize("form", ["raw", "hex"])
def test_a_command_signs_with_a_key_we_never_see(keys, form):
    pytest.importorskip("cryptography")
    keys.write("hsm.py", SIGNER)
    command = f"{sys.executable} hsm.py lab {form}"
    told = keys.dura("sign", "draft.dura", "--signer", command, "--pub", "lab.pub", "-o", "by.dura")
    assert told.returncode == 0 and "1 signature" in told.stdout, told.stderr
    assert keys.dura("sign", "draft.dura", "--key", "lab", "-o", "file.dura").returncode == 0
    assert (keys.folder / "by.dura").read_bytes() == (keys.folder / "file.dura").read_bytes()
    tests = dump(keys, "tests.json", passed(keys))
    assert keys.dura("sign", tests, "--signer", command, "--pub", "lab.pub").returncode == 0
    assert make(keys, tests, more=("--attest-key", "lab.pub")).returncode == 0


@pytest.mark.parametrize("command, said", [
    ("false", "failed, or said no signature"), ("echo deadbeef", "failed, or said no signature"),
    ("head -c 64 /dev/zero", "is not right under its public key"), ("exit 3", "failed"), ("cat", "failed, or said no signature"),
])
def test_a_command_that_does_not_sign_changes_nothing(keys, command, said):
    before = (keys.folder / "draft.dura").read_bytes()
    told = keys.dura("sign", "draft.dura", "--signer", command, "--pub", "lab.pub")
    assert told.returncode in (2, 3) and said in told.stderr, told.stderr
    assert (keys.folder / "draft.dura").read_bytes() == before
    assert keys.dura("sign", "draft.dura", "--signer", command).returncode == 2


@pytest.mark.parametrize("more, said", [
    (["stray"], "one argument too many"), (["--require", "SVV-1"], "does nothing without --attest"),
    (["--attest-key", "lab.pub"], "does nothing without --attest"), (["--attest", "nowhere"], "nowhere"),
    (["--attest", "model.json"], "is of no kind that is known"), (["--attest", "model.json", "--evidence", "x"], "makes evidence"),
    (["--attest", "frames.csv"], "frames.csv"), (["--attest", "model.json", "--require", "X-1"], "X-1"),
])
def test_wrong_words_are_named(desk, more, said):
    told = make(desk, more=more)
    assert told.returncode == 2 and said in told.stderr, told.stderr


# ---- with the rows of a real run -------------------------------------------------------------------

def test_rows_of_a_run_carry_their_release_unless_they_are_suspect(desk):
    policy = json.loads((desk.folder / "policy.json").read_text())
    policy["correlate"] = {"quiet_ms": 20000}
    policy["outputs"][0].update(lo=-500, hi=500)
    dump(desk, "policy.json", policy)
    rows = (desk.folder / "frames.csv").read_text().splitlines()
    for i in range(150, 155):
        rows[i + 1] = f"{1000 + i},500,0"
    desk.write("faulty.csv", "\n".join(rows) + "\n")
    assert desk.run(frames="faulty.csv").returncode == 0
    for name, more in (("clean.csv", ()), ("all.csv", ("--mark",))):
        told = desk.dura("export", desk.out, "--training", name, "--state", desk.state, *more)
        assert told.returncode == 0, told.stderr
    told = make(desk, "clean.csv.quarantine.json", more=("--require", "A.7.3,A.7.5,A.7.6"))
    assert told.returncode == 0, told.stderr
    item = json.loads((desk.folder / "rel.dura.evidence.json").read_text())["items"][0]
    assert item["data"] == hashlib.sha256((desk.folder / "clean.csv").read_bytes()).hexdigest()
    told = make(desk, "all.csv.quarantine.json", out="no.dura")
    assert told.returncode == 2 and "nothing that learned from them is released" in told.stderr, told.stderr
    desk.write("clean.csv", (desk.folder / "clean.csv").read_bytes() + b"9,9,9,9,\n")
    told = desk.dura("release", "verify", "rel.dura")
    assert told.returncode == 1 and "clean.csv has other rows" in told.stderr, told.stderr


def test_what_the_policy_requires_must_be_attested(desk):
    policy = json.loads((desk.folder / "policy.json").read_text())
    policy["updates"] = {"require": ["A.6.2.4", "SVV-3"]}
    dump(desk, "policy.json", policy)
    tests = dump(desk, "tests.json", passed(desk))
    told = make(desk)
    assert told.returncode == 2 and "updates.require: SVV-3, A.6.2.4: the policy requires it" in told.stderr, told.stderr
    told = make(desk, tests)
    assert told.returncode == 2 and "practices: SVV-3: required, and nothing attests it" in told.stderr, told.stderr
    told = make(desk, f"{tests}=A.6.2.4,SVV-3")
    assert told.returncode == 0, told.stderr
    told = desk.dura("gate", "check", "rel.dura", "--policy", "policy.json", "--subject", "rel.dura.brain")
    assert "signature" in told.stdout and "evidence  " not in told.stdout.split("NO, because")[1], told.stdout


# ---- keys sealed by a passphrase --------------------------------------------------------------------

def test_a_sealed_key_signs_with_its_passphrase_only(desk, monkeypatch):
    monkeypatch.setenv("DURA_PASSPHRASE", "correct horse")
    told = desk.dura("key", "make", "safe", "--sealed")
    assert told.returncode == 0 and "sealed by the passphrase" in told.stdout, told.stderr
    text = (desk.folder / "safe").read_text()
    assert text.startswith("dura-ed25519-sealed argon2id 3 65536 ") and (desk.folder / "safe").stat().st_mode & 0o777 == 0o600
    pub = (desk.folder / "safe.pub").read_text().strip()
    assert desk.dura("key", "show", "safe").stdout.strip() == pub
    assert desk.dura("sign", "draft.dura", "--key", "safe", "-o", "signed.dura").returncode == 0
    assert inspect(desk, "signed.dura")["signatures"] == [hashlib.sha256(bytes.fromhex(pub)).hexdigest()[:16]]
    for phrase, said in (("wrong horse", "another passphrase"), ("", "wants a passphrase")):
        monkeypatch.setenv("DURA_PASSPHRASE", phrase)
        told = desk.dura("sign", "draft.dura", "--key", "safe")
        assert told.returncode == 2 and said in told.stderr, told.stderr
    monkeypatch.setenv("DURA_PASSPHRASE", "correct horse")
    head, salt, box = text.rsplit(" ", 2)
    for altered in (f"{head} {salt} {box[:-3]}0\n", text.replace(" 3 65536 ", " 3 4194304 "), text.replace(" 3 65536 ", " 99 65536 "),
                    text[:-9] + "\n", text.replace("argon2id 3", "argon2id -3")):
        if altered == text:
            continue
        desk.write("safe", altered)
        told = desk.dura("sign", "draft.dura", "--key", "safe")
        assert told.returncode == 2 and ("altered" in told.stderr or "no sealed key file" in told.stderr), (altered, told.stderr)
