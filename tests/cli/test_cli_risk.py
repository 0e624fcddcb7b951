# SPDX-License-Identifier: Apache-2.0
"""dura risk: the example with 17 gaps, its completed twin, the packed form read by other hands."""
import hashlib
import json
import shutil
import struct

import pytest
import registers
from cliworld import TREE

EXAMPLES = TREE / "examples" / "register"
DAY = "2026-11-23"

# rule and subject of every gap that was made in gaps.json
GAPS = [
    ("B1", "R-01:ot"), ("B1", "R-02:ai"), ("B2", "R-02:62443"), ("B3", "R-01:CR 3.5"), ("B4", "R-03"),
    ("B5", "K-DRIFT"), ("B5", "K-GUARD"), ("B6", "R-03"), ("B7", "R-01"), ("B7", "R-02"), ("B8", "S-T1"),
    ("B9", "M-VALVE:fault"), ("B10", "C-TRAIN"), ("B11", "D-TRAIN"), ("B11", "L-DEC"), ("B13", "R-01"),
    ("B13", "R-02"),
]


@pytest.fixture
def desk(world):
    """A folder with the examples, in which files may be changed."""
    shutil.copytree(EXAMPLES, world.folder, dirs_exist_ok=True)
    return world


def check(world, name, *more):
    ran = world.dura("risk", "check", f"{name}.json", "--evidence", f"{name}-evidence.json", "--date", DAY,
                     "--json", *more)
    assert ran.returncode in (0, 1), ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def gaps(said):
    return [(f["rule"], f["subject"]) for f in said["findings"]]


def test_the_example_with_17_gaps_is_found_completely(desk):
    register = json.loads((EXAMPLES / "gaps.json").read_text())
    assert [len(register[k]) for k in ("entries", "assets", "zones", "conduits", "controls")] == [3, 9, 3, 3, 3]
    code, said = check(desk, "gaps")
    assert code == 1 and gaps(said) == GAPS and len(GAPS) == 17
    assert said["boundary"]["percent"] == 29 and said["boundary"]["cells"] == 24
    assert said["not_judged"] == ["B16", "B17", "B19"]


def test_the_completed_example_has_no_finding(desk):
    code, said = check(desk, "complete", "--profile", "profile.json")
    assert code == 0 and said["findings"] == [] and said["not_judged"] == ["B19"]
    assert said["boundary"] == {"cells": 27, "covered": 27, "not_applicable": 3, "percent": 100, "holes": []}


def test_text_for_people(desk, golden):
    ran = desk.dura("risk", "check", "gaps.json", "--evidence", "gaps-evidence.json", "--date", DAY)
    assert ran.returncode == 1
    golden("risk_check_gaps.txt", ran.stdout)


def test_one_changed_word_of_an_assessment_asks_for_a_review(desk):
    document = desk.folder / "documents" / "aia-3.md"
    assert check(desk, "complete")[0] == 0
    document.write_text(document.read_text().replace("yearly", "monthly"))
    code, said = check(desk, "complete")
    assert code == 1 and gaps(said) == [("B12", "AIA-3")]
    assert said["findings"][0]["text"] == "AIA-3 changed, R-01, R-02, R-03, R-04, R-05 need re-review"
    document.unlink()
    assert "is not there" in check(desk, "complete")[1]["findings"][0]["text"]
    code, said = check(desk, "complete", "--no-documents")
    assert code == 0 and "B12" in said["not_judged"]


def test_coverage_decides_when_nothing_is_found(desk):
    register = json.loads((EXAMPLES / "complete.json").read_text())
    register["waivers"] = []
    desk.write("complete.json", json.dumps(register))
    assert check(desk, "complete")[0] == 1
    assert check(desk, "complete", "--coverage", "88")[0] == 0
    assert check(desk, "complete", "--coverage", "89")[0] == 1
    assert desk.dura("risk", "check", "complete.json", "--coverage", "101").returncode == 2


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def unpack(image):
    """register.bin by docs/formats/register.md, with nothing of ours."""
    magic, version, zero, total, risks, controls, bindings, zero2, names = struct.unpack("<4sHHIHHHHI", image[:24])
    assert (magic, version, zero, zero2, total) == (b"DREG", 1, 0, 0, len(image)) and image[56:64] == bytes(8)
    assert struct.unpack("<I", image[-4:])[0] == crc32c(image[:-4])
    at_controls = 64 + 8 * risks
    at_bindings = at_controls + 8 * controls
    at_names = at_bindings + (2 * bindings + 3 & ~3)
    text = image[at_names:at_names + names]
    bound = list(struct.unpack(f"<{bindings}H", image[at_bindings:at_bindings + 2 * bindings]))

    def name(offset):
        return text[offset:text.index(b"\0", offset)].decode()
    out = {"risks": [], "controls": [], "digest": image[24:56].hex()}
    for i in range(risks):
        offset, cause, figure, n = struct.unpack_from("<IBBH", image, 64 + 8 * i)
        out["risks"].append((name(offset), cause, figure, [bound.pop(0) for _ in range(n)]))
    for i in range(controls):
        offset, hook, armed, zero = struct.unpack_from("<IBBH", image, at_controls + 8 * i)
        assert zero == 0
        out["controls"].append((name(offset), armed))
    assert bound == []
    return out


def test_packed_form_and_digest_by_an_independent_reader(desk):
    ran = desk.dura("risk", "pack", "complete.json", "-o", "a.bin")
    assert ran.returncode == 0 and "5 risks, 8 controls" in ran.stdout, ran.stderr
    register = json.loads((EXAMPLES / "complete.json").read_text())
    shuffled = json.dumps(dict(reversed(list(register.items()))), indent=3)
    desk.write("shuffled.json", shuffled)
    assert desk.dura("risk", "pack", "shuffled.json", "-o", "b.bin").returncode == 0
    image = (desk.folder / "a.bin").read_bytes()
    assert image == (desk.folder / "b.bin").read_bytes()
    read = unpack(image)
    assert read["digest"] == hashlib.sha256(canonical(register)).hexdigest()
    numbers = {c["id"]: i + 1 for i, c in enumerate(register["controls"])}
    causes = ["fault", "drift", "attack", "misuse"]
    matrix = register["product"]["risk_matrix"]
    assert read["risks"] == [
        (e["id"], causes.index(e["cause"]), matrix[e["residual"]["likelihood"] - 1][e["residual"]["severity"] - 1],
         [numbers[c] for c in e["controls"]]) for e in register["entries"]]
    assert read["controls"] == [(c["id"], c["armed_percent"]) for c in register["controls"]]
    assert desk.dura("risk", "pack", "complete.json", "-o", "a.bin").returncode == 2, "nothing is overwritten"


def test_evidence_of_another_register_is_refused(desk):
    evidence = json.loads((EXAMPLES / "complete-evidence.json").read_text())
    register = json.loads((EXAMPLES / "complete.json").read_text())
    evidence["register"] = hashlib.sha256(canonical(register)).hexdigest()
    desk.write("complete-evidence.json", json.dumps(evidence))
    assert check(desk, "complete")[0] == 0
    register["product"]["version"] = "2.2"
    desk.write("complete.json", json.dumps(register))
    ran = desk.dura("risk", "check", "complete.json", "--evidence", "complete-evidence.json")
    assert ran.returncode == 2 and "another register" in ran.stderr


def test_wrong_words_and_wrong_files(desk):
    for args in (["check"], ["pack", "complete.json"], ["what", "complete.json"], ["check", "complete.json", "--date", "soon"]):
        assert desk.dura("risk", *args).returncode == 2
    desk.write("bad.json", (EXAMPLES / "gaps.json").read_text().replace('"zone": "Z-CELL"', '"zone": "Z-NO"', 1))
    ran = desk.dura("risk", "check", "bad.json")
    assert ran.returncode == 2
    assert ran.stderr.startswith('dura risk: bad.json:') and 'assets[0].zone: there is no zone "Z-NO" in zones' in ran.stderr


def view(world, name, side, *more):
    ran = world.dura("risk", "show", name, "--view", side, "--json", *more)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_editing_through_either_view_changes_the_one_entry(desk):
    """The OT side raises a level and the residual, then the AI side names a control of 42001; each sees it."""
    before = json.loads((EXAMPLES / "complete.json").read_text())
    ot = view(desk, "complete.json", "62443", "--entry", "R-01")
    entry = ot["entries"][0]
    assert entry["hazards"] == ["H-4"] and "assessments" not in entry and "law" not in entry
    entry["requirements"][1]["sl_c"] = 4
    entry["residual"] = {"likelihood": 2, "severity": 3}
    desk.write("ot.json", json.dumps(ot))
    assert desk.dura("risk", "apply", "complete.json", "ot.json", "--view", "62443", "-o", "one.json").returncode == 0
    ai = view(desk, "one.json", "42001", "--entry", "R-01")
    entry = ai["entries"][0]
    assert entry["residual"] == {"likelihood": 2, "severity": 3} and "requirements" not in entry
    entry["controls_of_42001"].append("A.6.2.8")
    del entry["law"]
    desk.write("ai.json", json.dumps(ai))
    assert desk.dura("risk", "apply", "one.json", "ai.json", "--in-place").returncode == 0
    after = json.loads((desk.folder / "one.json").read_text())
    wanted = before["entries"][0]
    wanted["requirements"]["62443"][1]["sl_c"] = 4
    wanted["residual"] = {"likelihood": 2, "severity": 3}
    wanted["requirements"]["42001"].append("A.6.2.8")
    del wanted["requirements"]["law"]
    assert after == before
    ran = desk.dura("risk", "apply", "one.json", "ot.json", "-o", "two.json")
    assert ran.returncode == 2 and "has changed since" in ran.stderr
    ran = desk.dura("risk", "show", "complete.json", "--view", "42001", "--entry", "R-01")
    assert ran.stdout.splitlines()[:4] == [
        "R-01", "  title             manipulated pressure signal fools the valve model",
        "  cause             attack", '  assessments       ["AIA-3"]']


def test_day_one_of_a_product_security_manager(desk, golden):
    """From fifteen lines about the product to a register, and to a changed word in an assessment."""
    assert len((EXAMPLES / "product.json").read_text().splitlines()) <= 15
    ran = desk.dura("map", "product.json", "--date", DAY)
    assert ran.returncode == 0
    golden("map_product.txt", ran.stdout)
    assert desk.dura("risk", "init", "--from", "product.json", "-o", "register.json").returncode == 0
    register = json.loads((desk.folder / "register.json").read_text())
    assert [(e["asset"], e["cause"]) for e in register["entries"]] == [
        ("M-VALVE", "fault"), ("M-VALVE", "drift"), ("M-VALVE", "attack"), ("D-TRAIN", "attack"),
        ("U-MODEL", "attack"), ("L-DEC", "attack")]
    for entry in register["entries"]:
        proposed = [r["id"] for r in entry["requirements"]["62443"]] + entry["requirements"]["42001"] + entry["threats"]
        reasons = {r.split(":")[0] for r in entry["reasons"]}
        assert entry["status"] == "draft" and proposed and set(proposed) <= reasons, entry["id"]
    # the assessment is brought in, and the entries are gone through
    document = desk.folder / "documents" / "aia-3.md"
    register["impact_assessments"] = [{
        "id": "AIA-3", "document": "documents/aia-3.md", "sha256": hashlib.sha256(document.read_bytes()).hexdigest(),
        "version": "3", "date": "2026-03-02", "approver": "N. Vidal"}]
    register["entries"][2].update(status="open", reviewed="2026-11-20")
    register["entries"][2]["origin"]["aia"] = ["AIA-3"]
    register["entries"][2]["id"] = "R-01"
    register["entries"][0]["id"] = "R-03"
    desk.write("register.json", json.dumps(register))

    def texts():
        ran = desk.dura("risk", "check", "register.json", "--date", DAY, "--json")
        assert ran.returncode == 1, ran.stderr
        said = json.loads(ran.stdout)
        return said, [f["text"] for f in said["findings"]]
    said, before = texts()
    assert said["boundary"]["covered"] == 5 and "B12" not in [f["rule"] for f in said["findings"]]
    document.write_text(document.read_text().replace("wrong opening", "wrong closing"))
    assert [t for t in texts()[1] if t not in before] == ["AIA-3 changed, R-01 needs re-review"]


def test_schema_for_editors_takes_what_the_reader_takes(desk):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((TREE / "docs" / "schemas" / "register.schema.json").read_text())
    valid = jsonschema.Draft202012Validator(schema)
    assert desk.dura("risk", "init", "--from", "product.json", "-o", "drafted.json").returncode == 0
    good = [json.loads((desk.folder / f"{name}.json").read_text()) for name in ("gaps", "complete", "drafted")]
    for register in [*good, registers.make(5, 13)[0]]:
        assert list(valid.iter_errors(register)) == []
    whole = good[1]
    for change in (lambda r: r.pop("waivers"), lambda r: r.update(more=1), lambda r: r["entries"][0].pop("reviewed"),
                   lambda r: r["assets"][0].update(kind="thing"), lambda r: r["waivers"][0].update(rule="B18"),
                   lambda r: r["zones"][0]["sl_t"].pop("SI"), lambda r: r["product"]["risk_matrix"].pop()):
        wrong = json.loads(json.dumps(whole))
        change(wrong)
        desk.write("wrong.json", json.dumps(wrong))
        assert list(valid.iter_errors(wrong)) and desk.dura("risk", "pack", "wrong.json", "-o", "w").returncode == 2


def test_an_empty_register_is_no_complete_one(desk):
    register = json.loads((EXAMPLES / "complete.json").read_text())
    for name in ("zones", "conduits", "assets", "impact_assessments", "hazards", "entries", "controls", "waivers"):
        register[name] = []
    desk.write("empty.json", json.dumps(register))
    ran = desk.dura("risk", "check", "empty.json")
    assert ran.returncode == 1 and "boundary: 0 of 0 cells, 0 %" in ran.stdout
    assert desk.dura("risk", "check", "empty.json", "--coverage", "0").returncode == 0


def test_planted_gaps_are_all_found_and_completed_registers_are_clean(world):
    """24 registers out of seeds, each complete and with 13 gaps: recall, and nothing on the complete ones."""
    world.write("profile.json", json.dumps(registers.PROFILE))
    planted_rules, planted_total, said_total = set(), 0, 0
    for seed in range(24):
        for gaps_wanted in (0, 13):
            register, evidence, planted = registers.make(seed, gaps_wanted)
            world.write("r.json", json.dumps(register))
            world.write("r-evidence.json", json.dumps(evidence))
            code, said = check(world, "r", "--profile", "profile.json", "--no-documents")
            found = gaps(said)
            assert said["not_judged"] == ["B19"]
            if gaps_wanted == 0:
                assert code == 0 and found == [] and said["boundary"]["holes"] == [], (seed, said)
                continue
            assert len(planted) == 13 and len(set(planted)) == 13, seed
            missed = [p for p in planted if p not in found]
            assert not missed, (seed, missed)
            assert [int(r[1:]) for r, _ in found] == sorted(int(r[1:]) for r, _ in found)
            planted_rules |= {rule for rule, _ in planted}
            planted_total += len(planted)
            said_total += len(found)
    print(f"{planted_total} planted gaps found, {said_total - planted_total} findings that follow from them")
    assert planted_total == 312 and planted_rules == {f"B{n}" for n in range(1, 19)}
