# SPDX-License-Identifier: Apache-2.0
"""release, sign, gate: files, exit codes and words of the release tools."""
import hashlib
import json
import struct

import pytest

VENDOR, OPERATOR = "vendor", "operator"


@pytest.fixture
def desk(world):
    """A world with two keys and a policy that wants both."""
    for name in (VENDOR, OPERATOR):
        assert world.dura("key", "make", name).returncode == 0
    pubs = [(world.folder / f"{name}.pub").read_text().strip() for name in (VENDOR, OPERATOR)]

    def change(policy):
        policy["updates"] = {"threshold": 2, "roles": 6}
        policy["release_keys"] = [{"key": pub, "role": role} for pub, role in zip(pubs, (VENDOR, OPERATOR))]
    world.write_policy(change)
    return world


def release(world, *more, out="rel.dura", component="brain", golden=("--golden", "frames.csv")):
    brain = ["--model", "model.json", *golden] if component == "brain" else []
    return world.dura("release", "--component", component, "--policy", "policy.json", "--version", "5", "-o", out,
                      *brain, *more)


def sign(world, *keys, name="rel.dura"):
    for key in keys:
        told = world.dura("sign", name, "--key", key)
        assert told.returncode == 0, told.stderr


def check(world, *more, name="rel.dura"):
    told = world.dura("gate", "check", name, "--policy", "policy.json", "--json", *more)
    assert told.returncode in (0, 1), told.stderr
    answer = json.loads(told.stdout)
    assert answer["answer"] == (told.returncode == 0) == (answer["why"] == [])
    return answer


# ---- release ----------------------------------------------------------------------------------

def test_a_brain_goes_from_desk_to_device(desk):
    told = release(desk, "--floor", "3", "--name", "spring")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("brain 5 (spring)\n  for       test-bench\n")
    brain = (desk.folder / "rel.dura.brain").read_bytes()
    assert brain[:4] == b"DBRN" and struct.unpack("<I", brain[8:12])[0] == len(brain)
    assert check(desk, "--subject", "rel.dura.brain")["why"] == ["signature", "threshold", "role"]
    sign(desk, VENDOR)
    assert check(desk, "--subject", "rel.dura.brain")["why"] == ["threshold", "role"]
    sign(desk, OPERATOR)
    answer = check(desk, "--subject", "rel.dura.brain")
    assert answer["why"] == [] and answer["release"]["version"] == "5" and answer["release"]["floor"] == "3"
    told = desk.dura("gate", "check", "rel.dura", "--policy", "policy.json", "--subject", "rel.dura.brain")
    assert told.returncode == 0 and "YES: the device takes it" in told.stdout


def test_a_policy_and_a_firmware_are_released_without_golden_vectors(desk):
    assert release(desk, component="policy").returncode == 0
    packed = desk.dura("pack", "policy.json", "-o", "policy.bin")
    assert packed.returncode == 0
    assert (desk.folder / "rel.dura.policy").read_bytes() == (desk.folder / "policy.bin").read_bytes()
    desk.write("fw.bin", b"firmware")
    assert release(desk, "--firmware", "fw.bin", component="box", out="box.dura").returncode == 0
    assert not (desk.folder / "box.dura.box").exists()
    sign(desk, VENDOR, OPERATOR, name="box.dura")
    assert check(desk, "--subject", "fw.bin", name="box.dura")["answer"]
    desk.write("fw.bin", b"Firmware")
    assert check(desk, "--subject", "fw.bin", name="box.dura")["why"] == ["digest"]


def test_what_it_requires_of_others_is_said(desk):
    assert release(desk, "--requires", "box:3..7,policy:2..").returncode == 0
    told = desk.dura("gate", "check", "rel.dura", "--policy", "policy.json").stdout
    assert "requires  box 3 to 7" in told and "requires  policy 2 or newer" in told, told
    assert release(desk, "--requires", "box:4", "--json", out="two.dura").returncode == 0
    assert json.loads(release(desk, "--requires", "box:4", "--json", out="three.dura").stdout)["requires"] == {"box": [4, 4]}


def test_what_evidence_it_carries_is_said(desk):
    desk.write("index.json", "{}")
    more = ("--evidence", "index.json", "--practices", "SVV-3,A.7.5", "--emergency")
    told = release(desk, *more).stdout
    assert "evidence  sha256 44136fa355b3678a" in told and "practices SVV-3 A.7.5\n" in told and "EMERGENCY" in told, told
    said = json.loads(release(desk, *more, "--json", out="two.dura").stdout)
    assert said["evidence"].startswith("44136fa3") and said["practices"] == ["SVV-3", "A.7.5"] and said["emergency"]
    said = json.loads(release(desk, "--json", out="three.dura").stdout)
    assert said["evidence"] is None and said["practices"] == [] and not said["emergency"]


def test_the_same_input_gives_the_same_bytes_and_overwrites_nothing(desk):
    assert release(desk, golden=("--golden-random", "9")).returncode == 0
    assert release(desk, golden=("--golden-random", "9"), out="two.dura").returncode == 0
    for suffix in ("", ".brain"):
        assert (desk.folder / f"rel.dura{suffix}").read_bytes() == (desk.folder / f"two.dura{suffix}").read_bytes()
    again = release(desk, golden=("--golden-random", "9"))
    assert again.returncode == 2 and "is there already" in again.stderr


@pytest.mark.parametrize("more, said", [
    (["--version", "x"], "given twice"), (["--floor", "6"], "floor: is outside"), (["--not-after", "1.3.26"], "--not-after"),
    (["--not-after", "2026-13-01"], "--not-after"), (["--abs-tol", "-1"], "--abs-tol"), (["--device", "d" * 64], "--device"),
    (["--probation", "3000000000"], "--probation"), (["--name", "a\tb"], "device or name"),
    (["--firmware", "f", "extra"], "one argument too many"), (["--requires", "brain:1"], "another component"),
    (["--requires", "box"], "as box:3..7"), (["--requires", "box:7..3"], "least <= most"), (["--requires", "box:x"], "below 4294967295"),
    (["--requires", "box:1,box:2"], "each once"), (["--requires", "box:0.."], "one of them"),
    (["--practices", "SVV-1"], "evidence: is outside"), (["--practices", "SVV-9"], "a practice of"),
    (["--practices", "SVV-1;SVV-2;SVV-3"], "with a comma"), (["--evidence", "none.json"], "none.json"),
])
def test_wrong_values_are_named(desk, more, said):
    told = release(desk, *more)
    assert told.returncode == 2 and said in told.stderr, told.stderr
    assert not (desk.folder / "rel.dura").exists() and not (desk.folder / "rel.dura.brain").exists()


@pytest.mark.parametrize("args, said", [
    (["--component", "brain"], "wants --component"), (["--component", "soul", "--policy", "p", "--version", "1", "-o", "x"], "soul"),
    (["--component", "brain", "--policy", "p", "--version", "1", "-o", "x"], "a brain wants"),
    (["--component", "box", "--policy", "p", "--version", "1", "-o", "x"], "a box wants"),
    (["--component", "policy", "--model", "m", "--policy", "p", "--version", "1", "-o", "x"], "only a brain"),
])
def test_what_belongs_together_is_asked_for(desk, args, said):
    told = desk.dura("release", *args)
    assert told.returncode == 2 and said in told.stderr


def test_a_model_that_does_not_fit_the_policy_is_not_released(desk):
    desk.write_model(lambda m: m.update(inputs=["b", "a"]))
    told = release(desk)
    assert told.returncode == 2 and "model.json" in told.stderr


def test_rows_with_holes_are_no_golden_vectors(desk):
    desk.write("frames.csv", "time,a,b\n1,1,2\n2,,3\n3,5,6\n")
    assert release(desk).returncode == 0
    brain = (desk.folder / "rel.dura.brain").read_bytes()
    at, n = next((off, ln) for kind, off, ln in (struct.unpack("<III", brain[16 + 16 * i:28 + 16 * i]) for i in range(2)) if kind == 2)
    count, n_in, n_out = struct.unpack("<IHH", brain[at:at + 8])
    assert (count, n_in, n_out, n) == (2, 2, 1, 16 + 2 * 3 * 4)
    assert struct.unpack("<6f", brain[at + 16:at + n]) == (1, 2, 2, 5, 6, 5)
    desk.write("frames.csv", "time,a,b\n2,,3\n")
    told = release(desk, out="x.dura")
    assert told.returncode == 2 and "no row that is complete" in told.stderr


# ---- sign ----------------------------------------------------------------------------------------

def test_a_key_signs_once(desk):
    release(desk)
    sign(desk, VENDOR)
    before = (desk.folder / "rel.dura").read_bytes()
    told = desk.dura("sign", "rel.dura", "--key", VENDOR)
    assert told.returncode == 2 and "has signed it already" in told.stderr
    assert (desk.folder / "rel.dura").read_bytes() == before


def test_json_and_cbor_are_one_envelope(desk):
    release(desk)
    sign(desk, VENDOR)
    assert desk.dura("sign", "rel.dura", "--json", "-o", "rel.json").returncode == 0
    sign(desk, OPERATOR, name="rel.json")
    assert check(desk, "--subject", "rel.dura.brain", name="rel.json")["answer"]
    assert desk.dura("sign", "rel.json", "--cbor", "-o", "back.dura").returncode == 0
    sign(desk, OPERATOR)
    assert (desk.folder / "back.dura").read_bytes() == (desk.folder / "rel.dura").read_bytes()
    assert release(desk, "--json", out="j.dura").returncode == 0
    assert json.loads((desk.folder / "j.dura").read_text())["payloadType"] == "application/vnd.dura.release+cbor"


def test_what_is_no_release_is_not_signed(desk):
    for name, data in (("empty", b""), ("text", b"hello"), ("json", b"{}"), ("cbor", b"\xa3\x01\x78\x21")):
        desk.write(name, data)
        told = desk.dura("sign", name, "--key", VENDOR)
        assert told.returncode == 2 and name in told.stderr
        assert (desk.folder / name).read_bytes() == data
    release(desk)
    assert desk.dura("sign", "rel.dura").returncode == 2
    assert desk.dura("sign", "rel.dura", "--json", "--cbor").returncode == 2
    assert desk.dura("sign", "rel.dura", "--key", "nowhere").returncode == 2


# ---- gate check ------------------------------------------------------------------------------------

@pytest.mark.parametrize("more, now, why", [
    (["--device", "other"], 1000, ["device"]), (["--device", "*"], 1000, []),
    (["--not-after", "1970-01-02"], 86401, ["expired"]), (["--not-after", "1970-01-02"], 86400, []),
    (["--not-before", "1970-01-02T00:00:01Z"], 86400, ["not_yet"]), (["--any-policy"], 1000, []),
])
def test_every_unmet_condition_is_named(desk, more, now, why):
    assert release(desk, *more).returncode == 0
    sign(desk, VENDOR, OPERATOR)
    assert check(desk, "--subject", "rel.dura.brain", "--now", str(now))["why"] == why


def test_evidence_and_the_extra_role_of_an_emergency_are_asked_for(desk):
    assert desk.dura("key", "make", "security").returncode == 0
    policy = json.loads((desk.folder / "policy.json").read_text())
    policy["updates"].update(require=["SVV-3", "A.7.5"], emergency_role="security")
    policy["release_keys"].append({"key": (desk.folder / "security.pub").read_text().strip(), "role": "security"})
    desk.write("policy.json", json.dumps(policy))
    desk.write("index.json", "{}")
    assert release(desk, "--evidence", "index.json", "--practices", "SVV-3", out="a.dura").returncode == 0
    sign(desk, VENDOR, OPERATOR, name="a.dura")
    assert check(desk, name="a.dura")["why"] == ["evidence"]
    more = ("--evidence", "index.json", "--practices", "SVV-3,A.7.5,SUM-1")
    assert release(desk, *more, out="b.dura").returncode == 0
    sign(desk, VENDOR, OPERATOR, name="b.dura")
    assert check(desk, name="b.dura")["why"] == []
    assert release(desk, *more, "--emergency", out="c.dura").returncode == 0
    sign(desk, VENDOR, OPERATOR, name="c.dura")
    assert check(desk, name="c.dura")["why"] == ["emergency"]
    sign(desk, "security", name="c.dura")
    assert check(desk, name="c.dura")["why"] == []
    told = desk.dura("gate", "check", "a.dura", "--policy", "policy.json")
    assert "its evidence does not show a practice" in told.stdout, told.stdout


def test_routine_and_substantial_releases_and_ways_back_are_told_apart(desk):
    assert desk.dura("key", "make", "safety").returncode == 0
    policy = json.loads((desk.folder / "policy.json").read_text())
    policy["updates"].update(substantial_role="safety", planned=["model"], planned_metric=9500, planned_data=True)
    policy["release_keys"].append({"key": (desk.folder / "safety.pub").read_text().strip(), "role": "safety"})
    desk.write("policy.json", json.dumps(policy))
    desk.write("rows.csv", "a\n1\n")
    for n, (more, why, said) in enumerate([
            ((), ["planned"], "routine"), (("--metric", "0.95"), ["planned"], "routine"),
            (("--metric", "0.95", "--data", "rows.csv"), [], "routine"),
            (("--metric", "0.9499", "--data", "rows.csv"), ["planned"], "94.99 %"),
            (("--substantial",), ["planned"], "SUBSTANTIAL"), (("--back",), ["back", "planned"], "BACK")]):
        made = release(desk, *more, out=f"r{n}.dura")
        assert made.returncode == 0 and said in made.stdout, made
        sign(desk, VENDOR, OPERATOR, name=f"r{n}.dura")
        assert check(desk, name=f"r{n}.dura")["why"] == why
    sign(desk, "safety", name="r4.dura")
    assert check(desk, name="r4.dura")["why"] == []
    told = desk.dura("release", "inspect", "r2.dura").stdout
    digest = hashlib.sha256(b"a\n1\n").hexdigest()
    assert "routine" in told and "metric    95.00 %" in told and f"data      sha256 {digest}" in told
    as_json = json.loads(desk.dura("release", "inspect", "r4.dura", "--json").stdout)["release"]
    assert as_json["substantial"] is True and as_json["back"] is False and as_json["metric"] == 0 and as_json["data"] is None
    for more in (("--metric", "1.01"), ("--metric", "0"), ("--back", "--emergency"), ("--data", "nothing.csv")):
        assert release(desk, *more, out="no.dura").returncode != 0
    policy["channels"][0]["fail_hi"] = 101
    desk.write("next.json", json.dumps(policy))
    made = desk.dura("release", "--component", "policy", "--policy", "next.json", "--version", "2", "-o", "p.dura")
    assert made.returncode == 0, made
    sign(desk, VENDOR, OPERATOR, name="p.dura")
    assert check(desk, "--subject", "p.dura.policy", name="p.dura")["why"] == ["planned"], "it changes the contract"
    policy["updates"]["planned"] = ["contract"]
    desk.write("next.json", json.dumps(policy))


def test_a_brain_is_bound_to_parts_of_the_policy(desk):
    policy = json.loads((desk.folder / "policy.json").read_text())
    digest = hashlib.sha256(b"map").hexdigest()

    def write(name, change):
        other = json.loads(json.dumps(policy))
        change(other)
        desk.write(name, json.dumps(other))
    write("policy.json", lambda p: p["updates"].update(label_map=digest))
    policy["updates"]["label_map"] = digest
    write("limits.json", lambda p: p["channels"][0].update(fail_hi=101))
    write("map.json", lambda p: p["updates"].update(label_map="11" * 32))
    write("rules.json", lambda p: p["updates"].update(probation_frames=77))
    assert release(desk, "--any-policy", "--bind", "contract,label_map", out="a.dura").returncode == 0
    assert release(desk, "--any-policy", "--bind", "contract,label_map", "--bind-also", "limits.json", out="b.dura").returncode == 0
    for name in ("a.dura", "b.dura"):
        sign(desk, VENDOR, OPERATOR, name=name)
        for beside, why in (("policy", []), ("rules", []), ("map", ["parts"]), ("limits", ["parts"] if name == "a.dura" else [])):
            told = desk.dura("gate", "check", name, "--policy", beside + ".json", "--subject", name + ".brain", "--json", "--now", "1000")
            assert json.loads(told.stdout)["why"] == why, (name, beside)
    for bind in ("labels", "model", "nothing", "contract,"):
        assert release(desk, "--bind", bind, out="no.dura").returncode != 0


def test_another_policy_and_a_changed_brain_are_seen(desk):
    release(desk)
    sign(desk, VENDOR, OPERATOR)
    brain = bytearray((desk.folder / "rel.dura.brain").read_bytes())
    brain[100] ^= 1
    desk.write("bad.brain", bytes(brain))
    assert check(desk, "--subject", "bad.brain")["why"] == ["digest"]
    desk.write("bad.brain", bytes(brain[:-8]))
    assert check(desk, "--subject", "bad.brain")["why"] == ["incomplete", "digest"]
    policy = json.loads((desk.folder / "policy.json").read_text())
    policy["channels"][0]["fail_hi"] = 101
    desk.write("policy.json", json.dumps(policy))
    assert check(desk, "--subject", "rel.dura.brain")["why"] == ["policy"]


def test_a_key_of_another_algorithm_counts_for_nothing_where_nobody_knows_it(desk):
    policy = json.loads((desk.folder / "policy.json").read_text())
    policy["release_keys"][1]["alg"] = 200
    desk.write("policy.json", json.dumps(policy).encode())
    assert release(desk).returncode == 0
    sign(desk, VENDOR, OPERATOR)
    assert check(desk)["why"] == ["threshold", "role"]


def test_keys_can_be_given_by_hand(desk):
    release(desk)
    sign(desk, VENDOR, OPERATOR)
    world_policy = json.loads((desk.folder / "policy.json").read_text())
    del world_policy["updates"], world_policy["release_keys"]
    desk.write("policy.json", json.dumps(world_policy))
    told = desk.dura("gate", "check", "rel.dura", "--policy", "policy.json")
    assert told.returncode == 2 and "updates" in told.stderr
    assert check(desk, "--pub", "vendor.pub:vendor,operator.pub:operator", "--threshold", "2")["why"] == ["policy"]
    hex_key = (desk.folder / "vendor.pub").read_text().strip()
    assert check(desk, "--pub", hex_key)["why"] == ["policy"]
    for wrong in ("vendor.pub:king", "nowhere", f"{hex_key},{hex_key}"):
        told = desk.dura("gate", "check", "rel.dura", "--policy", "policy.json", "--pub", wrong)
        assert told.returncode == 2, wrong
    told = desk.dura("gate", "check", "rel.dura", "--policy", "policy.json", "--pub", hex_key, "--threshold", "2")
    assert told.returncode == 2 and "release_keys" in told.stderr


def test_bytes_that_are_no_envelope_are_a_no(desk):
    desk.write("x.dura", b"\0" * 50)
    told = desk.dura("gate", "check", "x.dura", "--policy", "policy.json")
    assert told.returncode == 1 and "format" in told.stdout
    assert desk.dura("gate", "check", "nowhere", "--policy", "policy.json").returncode == 2


# ---- gate status ---------------------------------------------------------------------------------------

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def record(seq, state, component=2, active=1, slot=2, why=0, numbers=()):
    """A journal record from docs/formats/journal.md."""
    n = list(numbers) + [0] * (17 - len(numbers))
    body = struct.pack("<IHHQBBBBBBHII17Q192s80s16sI", 0x314A4744, 2, 464, seq, state, component, active, slot, 1, 0, 0, why, 100,
                       *n, bytes(192), bytes(80), bytes(16), 0)
    return body + struct.pack("<I", crc32c(body))


def test_status_tells_the_newest_record(world):
    numbers = [0, 7, 0, 0, 3, 0, 6, 4, 9000, 0, 0, 4096, 0, 5]     # it went back from 7 to 5
    old, new = record(7, 2, numbers=numbers), record(8, 10, why=1 << 22 | 1 << 24, numbers=numbers)
    assert len(new) == 464
    world.write("journal", b"\xff" * 1024 + old + new + b"\xff" * 256 + record(6, 9) + b"\xff" * 64)
    told = world.dura("gate", "status", "journal", "--json")
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout)
    assert said["state"] == "rolled_back" and said["seq"] == "8" and said["records"] == 3
    assert said["why"] == ["backend", "reboot"] and said["slot"] == "A" and said["candidate"] == "6"
    assert said["components"]["brain"] == {"version": "5", "floor": "3"} and said["patch_state"] == "not_authorized"
    assert said["reached"] == "7"
    told = world.dura("gate", "status", "journal")
    assert told.stdout.startswith("rolled_back: brain 6\n") and "the model failed or was late" in told.stdout
    torn = bytearray(new)
    torn[200] ^= 1
    world.write("journal", old + bytes(torn))
    assert json.loads(world.dura("gate", "status", "journal", "--json").stdout)["state"] == "staging"
    world.write("journal", b"\xff" * 4096)
    told = world.dura("gate", "status", "journal")
    assert told.returncode == 2 and "never written, or lost" in told.stderr


def test_status_with_a_policy_tells_when_the_window_opens(desk):
    (desk.folder / "journal").write_bytes(record(7, 5))
    desk.write_policy(lambda p: p.update(updates={
        "window_begin": 120, "window_minutes": 60, "must_finish_min": 10, "window_days": ["sun"],
        "window_zone": "CET-1CEST,M3.5.0,M10.5.0/3"}))
    status = ["gate", "status", "journal", "--policy", "policy.json", "--now"]
    # In the night of 2026-03-29 that hour is skipped: the next one is a week later, in summer.
    told = json.loads(desk.dura(*status, "1774310400", "--json").stdout)   # 2026-03-24T00:00Z
    assert told["window"] == {"open": False, "opens": "1775347200", "closes": "1775350200"}
    told = desk.dura(*status, "1774310400")
    assert "window     opens 2026-04-05T00:00:00Z, until 2026-04-05T00:50:00Z" in told.stdout
    assert "window     open at 2026-04-05T00:10:30Z, until" in desk.dura(*status, "1775347830").stdout
    assert "window" not in desk.dura("gate", "status", "journal", "--json").stdout
    desk.write_policy(lambda p: p.update(updates={}))
    assert "window" not in desk.dura(*status, "1774310400").stdout


@pytest.mark.parametrize("command", ["release", "sign", "gate"])
def test_every_release_command_has_help(world, command):
    told = world.dura(command, "--help")
    assert told.returncode == 0 and told.stderr == "" and told.stdout.startswith(f"usage: dura {command} ")
    assert world.dura(command, "--nonsense").returncode == 2


# ---- on a device ------------------------------------------------------------------------------------

def test_what_a_device_keeps_is_its_own(desk):
    told = desk.dura("run", "--policy", "policy.json", "--model", "model.json", "--frames", "frames.csv", "--out", "run",
                     "--device", "device")
    assert told.returncode == 0, told.stderr
    found = {p.name: p.stat().st_mode & 0o777 for p in (desk.folder / "device").iterdir()}
    assert "device.key" in found and set(found.values()) == {0o600}


def test_a_model_over_features_says_what_golden_rows_it_wants(desk):
    desk.write_policy(lambda p: p.update(features=[
        {"name": "a", "channel": "a"}, {"name": "a5", "channel": "a", "op": "mean", "n": 5}]))
    desk.write_model(lambda m: m.update(inputs=["a", "a5"]))
    told = release(desk)
    assert told.returncode == 2 and "a5" in told.stderr and "--golden-random" in told.stderr, told.stderr


# ---- approve ------------------------------------------------------------------------------------

def approved_run(desk, out, *more):
    return desk.dura("run", "--policy", "policy.json", "--model", "model.json", "--frames", "frames.csv", "--out", out,
                     "--device", "box", *more)


def in_hand(desk, approve=4):
    """A device with a signed release in hand that waits for the operator."""
    policy = json.loads((desk.folder / "policy.json").read_text())
    policy["updates"].update(approve=approve, probation_frames=2, max_disagreement=0)
    desk.write("policy.json", json.dumps(policy).encode())
    assert release(desk).returncode == 0
    sign(desk, VENDOR, OPERATOR)
    told = approved_run(desk, "first", "--release", "rel.dura")
    assert told.returncode == 0, told.stderr
    said = json.loads(desk.dura("gate", "status", "box/journal", "--json").stdout)
    assert said["component"] == "brain" and said["approved"] == 0 and said["state"] != "committed"
    return said


def approve(desk, key=OPERATOR, out="yes.dura", rel="rel.dura", *more):
    return desk.dura("gate", "approve", "box/journal", "--release", rel, "--policy", "policy.json", "--key", key, "-o", out, *more)


def test_a_release_waits_for_the_approval_of_this_very_attempt(desk):
    said = in_hand(desk)
    told = approve(desk)
    assert told.returncode == 0, told.stderr
    assert f"attempt   {said['attempt_id']}" in told.stdout and said["release"] in told.stdout
    told = desk.dura("sign", "yes.dura", "--key", VENDOR, "-o", "both.dura")
    assert told.returncode == 0 and "approves" in told.stdout and "2 signatures" in told.stdout
    told = approved_run(desk, "second", "--approval", "yes.dura,both.dura")
    assert told.returncode == 0, told.stderr
    said = json.loads(desk.dura("gate", "status", "box/journal", "--json").stdout)
    assert said["components"]["brain"]["version"] == "5" and said["state"] == "committed", said


def test_a_wrong_chunk_of_a_long_brain_stops_it_while_it_comes_in(desk):
    policy = json.loads((desk.folder / "policy.json").read_text())
    policy["updates"].update(slot_bytes=131072)
    desk.write("policy.json", json.dumps(policy).encode())
    told = release(desk, golden=("--golden-random", "6000"))
    assert told.returncode == 0, told.stderr
    sign(desk, VENDOR, OPERATOR)
    brain = (desk.folder / "rel.dura.brain").read_bytes()
    assert len(brain) > 65536 and (desk.folder / "rel.dura.chunks").exists()
    desk.write("rel.dura.brain", brain[:70000] + bytes([brain[70000] ^ 1]) + brain[70001:])
    told = approved_run(desk, "first", "--release", "rel.dura")
    assert told.returncode != 0 and "chunk 1 is not what was signed" in told.stderr, told.stderr
    desk.write("rel.dura.brain", brain)
    told = approved_run(desk, "second", "--release", "rel.dura")
    assert told.returncode == 0, told.stderr


def test_an_approval_nobody_can_use_is_not_made(desk):
    in_hand(desk)
    told = approve(desk, VENDOR)
    assert told.returncode == 2 and "no key of a role that must approve" in told.stderr, told.stderr
    assert release(desk, "--floor", "1", out="other.dura").returncode == 0
    told = approve(desk, rel="other.dura")
    assert told.returncode == 2 and "is not the release in the device's hand" in told.stderr
    assert not (desk.folder / "yes.dura").exists()
    told = desk.dura("gate", "approve", "box/journal", "--policy", "policy.json")
    assert told.returncode == 2 and "wants --release" in told.stderr


def test_a_key_that_a_policy_brings_signs_its_release(desk):
    before = (desk.folder / "policy.json").read_bytes()
    desk.write("now.json", before)
    assert desk.dura("key", "make", "newcomer").returncode == 0
    policy = json.loads(before)
    policy["release_keys"].append({"key": (desk.folder / "newcomer.pub").read_text().strip(), "role": "safety"})
    desk.write("policy.json", json.dumps(policy).encode())
    assert release(desk, "--any-policy", component="policy").returncode == 0
    sign(desk, VENDOR, OPERATOR)
    args = ("gate", "check", "rel.dura", "--policy", "now.json", "--subject", "rel.dura.policy")
    told = desk.dura(*args)
    assert told.returncode == 1 and "release_keys[2] of the new policy has not signed it" in told.stdout, told.stdout
    desk.write("policy.json", before)
    told = approved_run(desk, "first", "--release", "rel.dura")
    assert told.returncode == 2 and "signature" in told.stderr, told.stderr
    sign(desk, "newcomer")
    assert desk.dura(*args).returncode == 0
    told = approved_run(desk, "second", "--release", "rel.dura")
    assert told.returncode == 0, told.stderr
    said = json.loads(desk.dura("gate", "status", "box/journal", "--json").stdout)
    assert said["components"]["policy"]["version"] == "5", said


def test_an_approval_of_another_attempt_is_refused_by_name(desk):
    said = in_hand(desk)
    assert approve(desk).returncode == 0
    data = bytearray((desk.folder / "yes.dura").read_bytes())
    at = data.index(b"test-bench") + len(b"test-bench") + 1
    assert data[at] == int(said["attempt_id"])
    data[at] += 1
    desk.write("stale.dura", bytes(data[:-78 - 2]) + b"\x03\x80")
    assert desk.dura("sign", "stale.dura", "--key", OPERATOR).returncode == 0
    told = approved_run(desk, "second", "--approval", "stale.dura")
    assert told.returncode != 0 and "replay" in told.stderr, told.stderr
