# SPDX-License-Identifier: Apache-2.0
"""dura evidence: what the pack claims is in the records, and nothing else stands.

Where a record lies is read with tests/python/log_reader.py, which shares no code with the
command; ids are checked with Python's uuid module. Schemas are looked for in DURA_OSCAL_SCHEMAS
and in the module cache of Go (docs/evidence.md says how to get them)."""
import csv
import functools
import glob
import hashlib
import html.parser
import importlib.util
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import uuid

import evidenceworld
import pytest
from cliworld import TREE, World, find_cli

sys.path.insert(0, str(TREE / "tests" / "python"))
import log_reader  # noqa: E402

GREEN = {"E2", "E3", "E4"}


def load(path):
    spec = importlib.util.spec_from_file_location("pack_verify", path)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made():
    """One run with its pack; tests that change something copy it."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="dura-", dir=os.environ.get("DURA_TEST_TMP", memory)) as folder:
        world = evidenceworld.make(World(pathlib.Path(folder), find_cli()))
        world.said = evidenceworld.evidence(world)
        assert world.said.returncode == 0, world.said.stderr
        world.pack = world.folder / "pack"
        world.claims = {c["id"]: c for c in json.loads((world.pack / "claims.json").read_text())["claims"]}
        world.verifier = load(world.pack / "verify.py")
        world.verifier.signed = functools.lru_cache(None)(world.verifier.signed)    # the same seals, again and again
        yield world


def segments_of(folder):
    """gseq -> (log, segment, record) by the reader that was written from the page alone."""
    run, where = log_reader.Run(str(folder)), {}
    accept = run.accept

    def wrapped(log, data, size, low):
        index = log.index
        record = accept(log, data, size, low)
        where[record[4]] = (log.name.split(".")[0], index, record)
        return record
    run.accept = wrapped
    for _ in run.records():
        pass
    return where


# ---- what it says -----------------------------------------------------------------------------

def test_a_control_is_as_strong_as_its_records(made):
    strength = {c["subject"]: c["strength"] for c in made.claims.values() if c["kind"] == "control"}
    assert strength["K-DRIFT"] == "E0" and all(strength[k] in GREEN for k in ("K-RANGE", "K-RATE", "K-BOUND", "K-SEAL"))
    where = segments_of(made.out)
    frame = {r[16]: g for g, (_, _, r) in where.items() if r[11] == 17}
    assert made.claims["fired:K-RANGE"]["records"] == {"count": 1, "first": frame[300], "last": frame[300], "named": [frame[300]]}
    assert frame[450] in range(made.claims["fired:K-RATE"]["records"]["first"], made.claims["fired:K-RATE"]["records"]["last"] + 1)
    assert "armed 699.000 s (100 %), evaluated 700," in made.claims["control:K-RANGE"]["says"]


def test_nothing_is_supported_by_what_is_only_declared_or_configured(made):
    state = {c["subject"]: (c["state"], c["strength"]) for c in made.claims.values() if c["kind"] == "requirement"}
    assert state["CR 3.5"][0] == "supported" and state["CR 6.2"] == ("not supported", "E0")
    assert state["A.2.2"][0] == "outside software", "an organisation shows it"
    for name, (said, strength) in state.items():
        assert said != "supported" or strength in GREEN, name
    assert made.claims["risk:R-4"]["state"] == "not supported"


def remove(policy, control):
    if control == "K-RANGE":
        for c in policy["channels"]:
            c.pop("fail_lo", None), c.pop("fail_hi", None)
    if control == "K-RATE":
        policy["channels"][1].pop("rate_fail")


@pytest.mark.parametrize("control, needs", [("K-RANGE", ["CR 3.5", "A.7.4"]), ("K-RATE", ["CR 3.6", "A.7.4"])])
def test_a_control_that_is_taken_out_of_the_policy_turns_its_claims_red(world, made, control, needs):
    evidenceworld.make(world, policy=lambda p: remove(p, control))
    assert evidenceworld.evidence(world).returncode == 0
    claims = {c["id"]: c for c in json.loads((world.folder / "pack" / "claims.json").read_text())["claims"]}
    assert claims[f"control:{control}"]["strength"] == "E0" and f"fired:{control}" not in claims
    fallen = {k for k, c in claims.items() if made.claims.get(k, {}).get("state") == "supported" and c["state"] != "supported"}
    assert {f"requirement:{n}" for n in needs} <= fallen


def test_a_control_that_is_unbound_turns_its_claims_red(made):
    """Every supported claim of the register: without the controls behind it, it falls."""
    register = json.loads((made.folder / "register.json").read_text())
    for control in [c["id"] for c in register["controls"] if c["id"] != "K-DRIFT"]:
        changed = json.loads(json.dumps(register))
        touched = [e for e in changed["entries"] if control in e["controls"]]
        for e in touched:
            e["controls"] = [k for k in e["controls"] if k != control]
        needs = {r["id"] for e in touched for r in e["requirements"]["62443"] if not e["controls"]}
        made.write("unbound.json", json.dumps(changed))
        ran = made.dura("evidence", made.out, "--register", "unbound.json", "-o", f"un-{control}", "--state", made.state)
        assert ran.returncode == 0, ran.stderr
        claims = {c["id"]: c for c in json.loads((made.folder / f"un-{control}" / "claims.json").read_text())["claims"]}
        for need in needs:
            assert claims[f"requirement:{need}"]["state"] == "not supported", (control, need)
        for e in touched:
            if not e["controls"]:
                assert claims[f"risk:{e['id']}"]["state"] == "not supported"


def test_two_exports_of_one_run_are_equal(made):
    assert evidenceworld.evidence(made, out="again").returncode == 0
    names = sorted(p.relative_to(made.pack) for p in made.pack.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(made.folder / "again") for p in (made.folder / "again").rglob("*") if p.is_file())
    assert all((made.pack / n).read_bytes() == (made.folder / "again" / n).read_bytes() for n in names)


def test_demo_evidence_is_stamped(made):
    for name in ("index.html", "claims.json", "index.json", "manifest.json", "assessment-results.json"):
        assert "SIMULATED" in (made.pack / name).read_text(), name
    assert made.said.stdout.startswith("SIMULATED")


def test_words_that_nobody_may_say(made):
    for path in made.pack.glob("*"):
        if path.is_file():
            assert not re.search(r"compliant|certified|compliance", path.read_text(), re.I), path.name


def test_a_folder_that_is_there_is_left_alone(made):
    ran = evidenceworld.evidence(made)
    assert ran.returncode == 2 and "cannot be made" in ran.stderr


def test_a_run_that_cannot_be_believed_supports_nothing(made):
    hurt = made.folder / "hurt"
    shutil.copytree(made.out, hurt)
    path = hurt / "decision.log" / "00000003.seg"
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    ran = evidenceworld.evidence(made, out="hurt-pack", run=hurt)
    assert ran.returncode == 1 and "TAMPERED" in ran.stdout, ran.stderr
    claims = json.loads((made.folder / "hurt-pack" / "claims.json").read_text())["claims"]
    assert claims and not [c["id"] for c in claims if c["state"] == "supported"]


# ---- the page ------------------------------------------------------------------------------------

class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags, self.cells, self.cell = [], [], set(), [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.links.append(attrs["href"])
        if tag == "td":
            self.cell = {"class": attrs.get("class"), "links": 0, "text": ""}
            self.cells.append(self.cell)
        elif tag == "a" and self.cell:
            self.cell["links"] += 1

    def handle_data(self, data):
        if self.cell:
            self.cell["text"] += data

    def handle_endtag(self, tag):
        if tag == "td":
            self.cell = None


def test_the_page_opens_without_script_and_every_link_leads_somewhere(made):
    text = (made.pack / "index.html").read_text()
    page = Page(text)
    assert "script" not in page.tags and "img" not in page.tags and "link" not in page.tags
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids, link
        else:
            assert (made.pack / link).exists(), link
    assert "&lt;b&gt;nobody&lt;/b&gt; watches drift" in text and "<b>nobody" not in text
    order = [text.index(f'id="{n}"') for n in ("waivers", "findings", "boundary", "requirements", "risks", "claims", "records")]
    assert order == sorted(order), "waivers first"
    assert "outside software" in text.lower() and "A.2.2" in text


def test_every_figure_of_a_control_leads_to_its_claim_and_that_to_records(made):
    page = Page((made.pack / "index.html").read_text())
    figures = [c for c in page.cells if c["class"] == "n" and " of " not in c["text"] and c["links"]]
    assert len(figures) >= 6 * 5
    for claim in made.claims.values():
        assert not claim["records"]["count"] or claim["records"]["named"], claim["id"]
        for number in claim["records"]["named"]:
            assert f"r{number}" in page.ids


# ---- files for other tools ---------------------------------------------------------------------------

def test_the_trace_leads_from_requirement_to_record(made):
    rows = list(csv.DictReader(io.StringIO((made.pack / "trace.csv").read_text())))
    assert {r["requirement"] for r in rows} == {"CR 3.5", "CR 3.6", "CR 3.9", "CR 6.2", "A.7.4", "A.6.2.8", "A.6.2.6", "A.2.2"}
    one = next(r for r in rows if r["requirement"] == "CR 3.5")
    assert (one["catalogue"], one["risk"], one["control"], one["hook"]) == ("62443-4-2", "R-1", "K-RANGE", "sensor.range")
    assert int(one["first_record"]) == made.claims["fired:K-RANGE"]["records"]["first"] and one["claim"] in made.claims


def test_the_index_has_every_heading_and_its_files_are_there(made):
    index = json.loads((made.pack / "index.json").read_text())
    assert {h["annex"] for h in index["headings"]} == {"CRA Annex VII", "AI Act Annex IV"} and len(index["headings"]) == 17
    for heading in index["headings"]:
        assert heading["files"] or heading["outside_software"], heading
        for name in heading["files"]:
            assert (made.pack / name.split("#")[0]).exists(), name


def uuids(value):
    if isinstance(value, dict):
        for key, item in value.items():
            if key.endswith("uuid"):
                yield item
            yield from uuids(item)
    elif isinstance(value, list):
        for item in value:
            yield from uuids(item)


def test_ids_are_of_version_5_and_come_from_the_register(made):
    results = json.loads((made.pack / "assessment-results.json").read_text())
    space = uuid.uuid5(uuid.NAMESPACE_URL, "urn:dura:evidence")
    assert all(uuid.UUID(u).version == 5 for u in uuids(results))
    risks = results["assessment-results"]["results"][0]["risks"]
    assert [r["uuid"] for r in risks] == [str(uuid.uuid5(space, f"test-bench|risk|R-{n}")) for n in (1, 2, 3, 4)]
    assert all(re.match("https://", t["id"]) for r in risks for t in r.get("threat-ids", [])), "a bare T0831 is no URI"


def schemas():
    folders = [os.environ.get("DURA_OSCAL_SCHEMAS", "")] + sorted(glob.glob(os.path.join(
        os.environ.get("GOMODCACHE", os.path.expanduser("~/go/pkg/mod")), "github.com", "defenseunicorns", "go-oscal@*", "src", "internal", "schemas")))
    return [p for f in folders if f for v in ("1-1-2", "1-1-3") for p in glob.glob(os.path.join(f, f"oscal_complete_schema-{v}.json"))]


def schema_errors(path, document):
    jsonschema = pytest.importorskip("jsonschema")
    text = pathlib.Path(path).read_text().replace(r"(\\p{L}|_)", "([A-Za-z]|_)").replace(r"(\\p{L}|\\p{N}|", "([A-Za-z]|[0-9]|")
    assert r"\\p{" not in text, "a class of Unicode that Python's re does not have"
    return list(jsonschema.Draft7Validator(json.loads(text)).iter_errors(document))


def check_schemas(document):
    if not schemas():
        pytest.skip("no OSCAL schemas here: docs/evidence.md says how to get them")
    for path in schemas():
        found = schema_errors(path, document)
        assert not found, (path, found[0].message[:500])
        broken = json.loads(json.dumps(document))
        del broken["assessment-results"]["results"][0]["observations"][0]["collected"]
        assert schema_errors(path, broken), "a schema that takes everything proves nothing"


def test_assessment_results_have_no_schema_error(made):
    check_schemas(json.loads((made.pack / "assessment-results.json").read_text()))


def test_96_findings_stay_below_250_kb(made):
    catalogues = {n: json.loads((TREE / "catalogs" / f"{n}.json").read_text())["entries"] for n in ("62443-4-2", "42001", "62443-4-1")}
    ids = [i["id"] for rows in catalogues.values() for i in rows if i.get("kind") in ("requirement", "control")][:96]
    assert len(ids) == 96
    frs = ("IAC", "UC", "SI", "DC", "RDF", "TRE", "RA")
    register = evidenceworld.register()
    register["entries"] = []
    for n in range(20):
        mine = ids[n::20]
        one = evidenceworld.entry(f"R-{n}", "fault", ["K-RANGE", "K-RATE", "K-BOUND", "K-SEAL"], [],
                                  [i for i in mine if i.startswith("A.")], threats=["T0831", "AML.T0043"])
        one["requirements"]["62443"] = [{"id": i, "fr": frs[int(i.split()[1][0]) - 1] if re.match(r"\w+ \d\.", i) else "SI", "sl_t": 2, "sl_c": 2}
                                        for i in mine if not i.startswith("A.")]
        register["entries"].append(one)
    made.write("many.json", json.dumps(register))
    ran = made.dura("evidence", made.out, "--register", "many.json", "-o", "many", "--state", made.state)
    assert ran.returncode == 0, ran.stderr
    data = (made.folder / "many" / "assessment-results.json").read_bytes()
    result = json.loads(data)["assessment-results"]["results"][0]
    print(f"{len(result['findings'])} findings, {len(result['risks'])} risks: {len(data)} bytes")
    assert len(result["findings"]) == 96 and len(result["risks"]) == 20 and len(data) <= 250000
    if schemas() and importlib.util.find_spec("jsonschema"):
        check_schemas(json.loads(data))


def test_the_bill_of_materials_has_the_model(made):
    bom = json.loads((made.pack / "bom.json").read_text())
    model = next(c for c in bom["components"] if c["type"] == "machine-learning-model")
    assert bom["bomFormat"] == "CycloneDX" and model["hashes"][0]["content"] == hashlib.sha256((made.out / "model.bin").read_bytes()).hexdigest()
    boot = next(r for r in made.records("--log", "security") if r["kind"] == "boot")
    assert model["properties"] == [{"name": "dura:model-at-start", "value": boot["model"]}]


# ---- the life cycle ------------------------------------------------------------------------------------

def test_practices_that_releases_attest_and_gaps(world):
    def require(policy):
        policy["updates"] = {"require": ["SVV-1", "SM-9"], "threshold": 1}
        policy["release_keys"] = [{"key": "ab" * 32, "role": "vendor"}]
    evidenceworld.make(world, policy=require)
    world.write("fw.bin", b"firmware")
    world.write("tests.json", json.dumps({
        "_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "fw", "digest": {"sha256": hashlib.sha256(b"firmware").hexdigest()}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1", "predicate": {"result": "PASSED", "failedTests": []}}))
    world.write("bom.json", json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}))

    def make(*attest):
        return world.dura("release", "make", "--component", "box", "--firmware", "fw.bin", "--policy", "policy.json", "--version", "2",
                          "-o", "rel.dura", "--attest", *attest)
    refused = make("tests.json")
    assert refused.returncode == 2 and "SM-9: required, and nothing attests it" in refused.stderr, "a gap refuses the release"
    assert evidenceworld.evidence(world, out="without").returncode == 0
    claims = {c["id"]: c for c in json.loads((world.folder / "without" / "claims.json").read_text())["claims"]}
    assert {k: c["state"] for k, c in claims.items() if c["kind"] == "practice"} == {
        "practice:SM-9": "not supported", "practice:SVV-1": "not supported"}, "and is shown as one"
    assert make("tests.json", "bom.json=SM-9").returncode == 0
    ran = evidenceworld.evidence(world, "--release", "rel.dura.evidence.json")
    assert ran.returncode == 0, ran.stderr
    pack = world.folder / "pack"
    claims = {c["id"]: c for c in json.loads((pack / "claims.json").read_text())["claims"]}
    for practice in ("SM-9", "SVV-1"):
        claim = claims[f"practice:{practice}"]
        assert claim["state"] == "supported" and claim["files"] == ["releases/1/rel.dura.evidence.json", "releases/1/"]
    assert (pack / "releases" / "1" / "tests.json").read_bytes() == (world.folder / "tests.json").read_bytes()
    verifier = load(pack / "verify.py")
    assert verifier.verify(str(pack))["fallen"] == {}
    for name in ("rel.dura.evidence.json", "tests.json", "bom.json"):
        path = pack / "releases" / "1" / name
        good = path.read_bytes()
        path.write_bytes(good + b" ")
        assert set(verifier.verify(str(pack))["fallen"]) == {"practice:SM-9", "practice:SVV-1"}, name
        path.write_bytes(good)


# ---- the verifier ------------------------------------------------------------------------------------------

def expected(made, where, log, segment):
    """What falls with a segment, from the records alone and what each kind of claim is about."""
    inside = {g for g, (name, index, _) in where.items() if (name, index) == (log, segment)}

    def hit(gseqs):
        return not inside.isdisjoint(gseqs)
    decisions = {g for g, (_, _, r) in where.items() if r[11] == 17}
    boots = {g for g, (_, _, r) in where.items() if r[11] == 18}
    seals = {g for g, (_, _, r) in where.items() if r[11] == 2}
    out = {"log:believed"} if hit(where) else set()
    out |= {"inventory:CR 7.8"} if hit(boots | decisions) else set()
    armed = {k for k in ("K-RANGE", "K-RATE", "K-BOUND", "K-SEAL") if hit(decisions | boots | (seals if k == "K-SEAL" else set()))}
    out |= {f"control:{k}" for k in armed}
    out |= {"tested:K-SEAL"} if hit(seals) else set()
    bits = {"K-RANGE": (28, 1 << 6 | 1 << 7), "K-RATE": (28, 1 << 8 | 1 << 9), "K-BOUND": (19, 1 << 4 | 1 << 3)}
    for name, (key, mask) in bits.items():
        fired = {g for g in decisions for v in [where[g][2].get(key, 0)]
                 if any(x & mask for x in (v if isinstance(v, list) else [v]))}
        assert fired, name
        out |= {f"fired:{name}"} if hit(fired) else set()
    for entry in evidenceworld.register()["entries"]:
        if armed & set(entry["controls"]):
            needs = [n["id"] for n in entry["requirements"]["62443"]] + entry["requirements"]["42001"]
            out |= {f"risk:{entry['id']}"} | {f"requirement:{n}" for n in needs}
    return out


@pytest.mark.parametrize("how", ["flip", "delete"])
def test_exactly_the_dependent_claims_fall_with_any_segment(made, how):
    where = segments_of(made.out)
    pack = made.folder / f"tamper-{how}"
    shutil.copytree(made.pack, pack)
    assert made.verifier.verify(str(pack))["fallen"] == {}
    sizes = set()
    paths = sorted((pack / "run").glob("*.log/*.seg"))
    assert len(paths) >= 8
    for path in paths if how == "flip" else paths[1:9:3]:
        good = path.read_bytes()
        used = len(good.rstrip(b"\0"))
        if how == "flip":
            path.write_bytes(good[:used // 2] + bytes([good[used // 2] ^ 1]) + good[used // 2 + 1:])
        else:
            path.unlink()
        said = made.verifier.verify(str(pack))
        path.write_bytes(good)
        log, segment = path.parent.name.split(".")[0], int(path.stem)
        assert set(said["fallen"]) == expected(made, where, log, segment), (how, path)
        assert all(f"run/{path.parent.name}/{path.name}" in why for why in said["fallen"].values())
        sizes.add(len(said["fallen"]))
    assert how == "delete" or len(sizes) > 1, "some segments carry more than others"


def test_the_page_says_the_same_of_a_segment(made):
    page = (made.pack / "index.html").read_text()
    row = re.search(r"<tr><td>(?:<i id=\"s-1-\d+\"></i>)*<i id=\"s-1-2\"></i>.*?</tr>", page)[0]
    names = set(re.findall(r">([a-z]+:[^<]+)</a>", row))
    assert names == expected(made, segments_of(made.out), "decision", 2)


def test_an_attacker_who_renews_the_digests_meets_the_seals(made):
    pack = made.folder / "renewed"
    shutil.copytree(made.pack, pack)
    path = pack / "run" / "decision.log" / "00000002.seg"
    verifier, data = made.verifier, bytearray(path.read_bytes())
    head = verifier.header(bytes(data))
    at = head["bytes"]
    length = int.from_bytes(data[at + 4:at + 6], "little")
    value = data.index(b"\x16", at + 30)
    data[value + 6] ^= 1                                        # a measured value, and the checksum after it
    crc = verifier.crc32c(head["generation"].to_bytes(4, "little") + bytes(data[at:at + 12]) + bytes(data[at + 16:at + 16 + length]))
    data[at + 12:at + 16] = crc.to_bytes(4, "little")
    path.write_bytes(data)
    manifest = json.loads((pack / "manifest.json").read_text())
    for subject in manifest["subject"]:
        if subject["name"].endswith("decision.log/00000002.seg"):
            subject["digest"]["sha256"] = hashlib.sha256(data).hexdigest()
    (pack / "manifest.json").write_text(json.dumps(manifest))
    said = verifier.verify(str(pack))
    assert "run/decision.log/00000002.seg" in said["bad"] and "log:believed" in said["fallen"]


def test_files_and_strangers_are_noticed(made):
    pack = made.folder / "files"
    shutil.copytree(made.pack, pack)
    (pack / "stranger.txt").write_text("x")
    assert any("stranger.txt" in n for n in made.verifier.verify(str(pack))["notes"])
    good = (pack / "register.json").read_text()
    (pack / "register.json").write_text(good.replace("R-1", "R-9"))
    said = made.verifier.verify(str(pack))
    assert set(said["fallen"]) == {k for k, c in made.claims.items() if c["kind"] in ("requirement", "risk")}
    (pack / "register.json").write_text(good)
    (pack / "claims.json").write_text((pack / "claims.json").read_text().replace("not supported", "supported"))
    assert made.verifier.verify(str(pack))["bad"] == {"claims.json": "was altered"}


def test_a_signed_manifest_says_by_whom(made):
    assert made.dura("key", "make", "k").returncode == 0
    ran = evidenceworld.evidence(made, "--key", "k", out="signed")
    assert ran.returncode == 0, ran.stderr
    text = (made.folder / "k.pub").read_text()
    key = re.search(r"\b[0-9a-f]{64}\b", text)[0]
    run = [sys.executable, made.folder / "signed" / "verify.py"]
    right = subprocess.run(run + ["--key", key], stdout=subprocess.PIPE, text=True)
    assert right.returncode == 0 and "signed by the key you gave" in right.stdout
    wrong = subprocess.run(run + ["--key", "ab" * 32], stdout=subprocess.PIPE, text=True)
    assert wrong.returncode == 1 and "not signed by the key you gave" in wrong.stdout


def test_the_verifier_wants_nothing_but_python(made):
    names = set(re.findall(r"^(?:import|from) (\w+)", (made.pack / "verify.py").read_text(), re.M))
    assert names <= set(sys.stdlib_module_names)
    ran = subprocess.run([sys.executable, "-I", "-S", made.pack / "verify.py"], stdout=subprocess.PIPE, text=True)
    assert ran.returncode == 0 and ran.stdout.startswith("RIGHT"), ran.stdout
