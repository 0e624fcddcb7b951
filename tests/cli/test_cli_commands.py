# SPDX-License-Identifier: Apache-2.0
"""verify, show, replay, key, pack: words, exit codes, golden outputs."""
import hashlib
import json
import os
import shutil
import stat
import subprocess

import pytest
from cliworld import TREE, csv


@pytest.fixture
def done(world):
    """A world with a closed run whose bytes repeat."""
    rows = csv(60).splitlines()
    rows[41:43] = ["1040,nan,1", "1041,nan,1"]
    world.write("frames.csv", "\n".join(rows) + "\n")
    assert world.run("--demo-key").returncode == 0
    return world


@pytest.fixture
def proven(world):
    """A world with a closed run under a key of its own."""
    assert world.run().returncode == 0
    return world


def word(result):
    return result.stdout.split()[0]


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


# ---- help and version -------------------------------------------------------------------------

def test_help_and_version(world, golden):
    told = world.dura("--help")
    assert told.returncode == 0 and told.stderr == ""
    golden("help.txt", told.stdout)
    version = world.dura("--version")
    assert version.returncode == 0 and version.stdout.startswith("dura 0.")


@pytest.mark.parametrize("command", ["run", "verify", "show", "replay", "key", "pack"])
def test_every_command_has_help(world, golden, command):
    told = world.dura(command, "--help")
    assert told.returncode == 0 and told.stderr == ""
    golden(f"help-{command}.txt", told.stdout)


# ---- verify -------------------------------------------------------------------------------------

def test_intact_is_exit_0(proven):
    answer = proven.verify()
    assert word(answer) == "INTACT" and answer.returncode == 0 and answer.stderr == ""
    assert proven.verify("--strict").returncode == 0


def test_unanchored_without_a_fact_from_outside(proven):
    answer = proven.dura("verify", proven.out)
    assert word(answer) == "UNANCHORED" and answer.returncode == 1


def test_the_public_key_vouches_as_file_and_as_digits(proven):
    public = next(proven.state.glob("*/pub"))
    for key in (public, public.read_text().strip()):
        answer = proven.dura("verify", proven.out, "--key", key)
        assert word(answer) == "INTACT" and "--key" in answer.stdout, key
    other = proven.dura("verify", proven.out, "--key", "11" * 32)
    assert word(other) == "TAMPERED" and other.returncode == 1 and "outside-key" in other.stdout


def test_a_kept_checkpoint_vouches(proven):
    kept = proven.folder / "kept"
    shutil.copy(proven.out / "decision.log" / "checkpoint", kept)
    assert word(proven.dura("verify", proven.out, "--checkpoint", kept)) in ("INTACT", "UNANCHORED")
    proven.out = proven.folder / "second"
    assert proven.run().returncode == 0
    assert word(proven.dura("verify", proven.out, "--checkpoint", kept)) == "TAMPERED"


def test_tampered_names_rule_and_place(proven):
    segment = proven.out / "decision.log" / "00000000.seg"
    flip(segment, 4000)
    answer = proven.verify()
    assert word(answer) == "TAMPERED" and answer.returncode == 1
    assert "decision.log/00000000.seg, byte " in answer.stdout and "  rule     frame-" in answer.stdout
    told = json.loads(proven.verify("--json").stdout)
    assert told["word"] == "TAMPERED" and told["file"] == "decision.log/00000000.seg" and told["offset"] <= 4000


@pytest.mark.parametrize("name", ["policy.json", "policy.bin", "model.bin", "summary.json"])
def test_an_altered_file_of_the_run_is_tampered(proven, name):
    flip(proven.out / name, 20)
    answer = proven.verify()
    assert word(answer) == "TAMPERED" and name in answer.stdout


def test_a_demo_key_is_called_one(done):
    answer = done.verify()
    assert word(answer) == "UNANCHORED" and answer.returncode == 1 and "DEMO KEY" in answer.stdout


def without_sentence(text):
    """The verifier's own sentence is its own to change."""
    lines = text.splitlines(True)
    return "".join(lines[:1] + lines[2:])


def test_verify_for_people_and_machines(done, golden):
    golden("verify.txt", without_sentence(done.verify().stdout))
    told = json.loads(done.verify("--json").stdout)
    assert told.pop("text") in done.verify().stdout
    golden("verify.json", json.dumps(told, indent=1) + "\n")


# ---- show ---------------------------------------------------------------------------------------

def test_show_in_words(done, golden):
    golden("show.txt", done.dura("show", done.out).stdout)


def test_show_as_json(done, golden):
    golden("show.ndjson", done.dura("show", done.out, "--json").stdout)


def test_show_picks_a_log_and_the_last_ones(done):
    everything = done.records()
    assert [r["gseq"] for r in everything] == list(range(len(everything)))
    decision = done.records("--log", "decision")
    assert decision == [r for r in everything if r["log"] == "decision"]
    assert done.records("--last", "5") == everything[-5:]
    assert done.records("--last", "2", "--log", "security") == [r for r in everything if r["log"] == "security"][-2:]
    assert done.records("--last", "0") == []
    assert done.records("--last", "99999") == everything


def test_show_names_channels_by_number_without_a_policy(done):
    os.unlink(done.out / "policy.bin")
    decided = done.decisions()[40]
    assert set(decided["channels"]) == {"channel0"} and set(decided["outputs"]) == {"output0"}


def test_show_stops_at_damage(done):
    flip(done.out / "decision.log" / "00000000.seg", 2000)
    answer = done.dura("show", done.out, "--log", "decision")
    assert answer.returncode == 2 and "`dura verify` says where" in answer.stderr
    assert answer.stdout.count("\n") < 30


def test_show_survives_a_reader_that_goes_away(done):
    child = subprocess.Popen(done.command("show", done.out, "--json"), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    child.stdout.readline()
    child.stdout.close()
    child.wait(60)
    assert b"Sanitizer" not in child.stderr.read()
    child.stderr.close()


# ---- replay -------------------------------------------------------------------------------------

def test_replay_finds_every_decision_equal(done):
    answer = done.dura("replay", done.out)
    assert answer.stdout == "60 of 60 decisions equal, bit for bit\n" and answer.returncode == 0
    assert done.dura("replay", done.out, "--model", "model.json").returncode == 0
    told = json.loads(done.dura("replay", done.out, "--json").stdout)
    assert told == {"decisions": 60, "equal": 60, "not_replayed": 0, "boots": 1, "first_difference": None,
                    "difference": ""}


def test_replay_with_another_model_is_exit_1(done):
    done.write_model(lambda m: m["outputs"][0].update(bias=1.5))
    answer = done.dura("replay", done.out, "--model", "model.json")
    assert answer.returncode == 1 and " of 60 decisions equal" in answer.stdout
    assert "first difference at record" in answer.stdout
    assert json.loads(done.dura("replay", done.out, "--model", "model.json", "--json").stdout)["equal"] < 60


# ---- key and pack -------------------------------------------------------------------------------

def test_a_key_pair_is_made_once(world):
    made = world.dura("key", "make", "k")
    assert made.returncode == 0
    secret, public = world.folder / "k", world.folder / "k.pub"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    digits = public.read_text().strip()
    assert len(digits) == 64 and made.stdout.splitlines()[-1] == digits
    for name in ("k", "k.pub"):
        assert world.dura("key", "show", name).stdout == digits + "\n"
    before = secret.read_bytes()
    again = world.dura("key", "make", "k")
    assert again.returncode == 2 and secret.read_bytes() == before
    world.write("bad", "not a key\n")
    assert world.dura("key", "show", "bad").returncode == 2
    assert world.dura("key", "show", "nowhere").returncode == 2


def test_a_factory_record_lets_its_model_run(world):
    assert world.dura("key", "make", "k").returncode == 0
    assert world.dura("key", "make", "other").returncode == 0
    public = (world.folder / "k.pub").read_text().strip()
    world.write_policy(lambda p: p.update(gate={"factory_key": public}))
    sign = ["key", "factory", "--policy", "policy.json", "--model", "model.json", "-o", "rec"]
    assert "names another key" in world.dura(*sign, "--key", "other").stderr
    assert not (world.folder / "rec").exists()
    assert world.dura(*sign, "--key", "k").returncode == 0
    assert world.dura(*sign, "--key", "k").returncode == 2      # is there already
    ran = world.run("--factory", "rec")
    assert ran.returncode == 0 and "DEVELOPMENT" not in ran.stdout, ran.stderr
    assert world.verify().stdout.split()[0] == "INTACT"


def test_factory_wants_all_its_parts(world):
    assert world.dura("key", "make", "k").returncode == 0
    for missing in range(4):
        parts = [("--policy", "policy.json"), ("--model", "model.json"), ("--key", "k"), ("-o", "rec")]
        del parts[missing]
        assert world.dura("key", "factory", *[w for p in parts for w in p]).returncode == 2
    swapped = world.dura("key", "factory", "--policy", "model.json", "--model", "policy.json", "--key", "k", "-o", "r")
    assert swapped.returncode == 2 and "is a model: want a policy" in swapped.stderr
    assert world.dura("key", "factory", "--policy", "policy.json", "--model", "model.json", "--key", "k", "-o", "r",
                      "--floor", "x").returncode == 2


def test_pack_prints_what_it_wrote(world):
    for name, kind in (("policy", "policy"), ("model", "model")):
        told = world.dura("pack", f"{name}.json", "-o", f"{name}.bin")
        image = (world.folder / f"{name}.bin").read_bytes()
        digest = hashlib.sha256(image).hexdigest()
        assert told.stdout == f"{kind}, {len(image)} bytes\nsha256 {digest}\n"
        again = world.dura("pack", f"{name}.bin", "-o", "again.bin")
        assert again.stdout == told.stdout and (world.folder / "again.bin").read_bytes() == image


def test_a_packed_model_runs_as_its_json_does(world):
    assert world.dura("pack", "model.json", "-o", "model.bin").returncode == 0
    assert world.run("--demo-key").returncode == 0
    first = (world.out / "decision.log" / "00000000.seg").read_bytes()
    os.replace(world.folder / "model.bin", world.folder / "model.json")
    world.out = world.folder / "packed"
    assert world.run("--demo-key").returncode == 0
    assert first == (world.out / "decision.log" / "00000000.seg").read_bytes()


def test_pack_makes_a_table_that_compiles(world):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no compiler")
    told = world.dura("pack", "policy.json", "-o", "policy.c", "--c", "--model", "model.json", "--name", "line")
    assert told.returncode == 0
    bytes_ = int(told.stdout.split("POLICY_GUARD_BYTES ")[1])
    world.dura("pack", "policy.json", "-o", "policy.bin")
    world.write("main.c", '#include <stdio.h>\n#include "policy.c"\nint main(void)\n{\n'
                'fwrite(line_image, 1, LINE_IMAGE_BYTES, stdout);\n'
                f'return LINE_GUARD_BYTES == {bytes_} ? 0 : 1;\n}}\n')
    subprocess.run([compiler, "-Wall", "-Werror", "main.c", "-o", "main"], cwd=world.folder, check=True)
    ran = subprocess.run(["./main"], cwd=world.folder, stdout=subprocess.PIPE, check=True)
    assert ran.stdout == (world.folder / "policy.bin").read_bytes()


def test_pack_refuses_what_does_not_fit(world):
    world.write_model(lambda m: m.update(inputs=["a", "z"]))
    told = world.dura("pack", "policy.json", "-o", "p.bin", "--model", "model.json")
    assert told.returncode == 2 and '"z"' in told.stderr and not (world.folder / "p.bin").exists()
    told = world.dura("pack", "model.json", "-o", "m.bin", "--model", "model.json")
    assert told.returncode == 2 and "goes with a policy" in told.stderr
    assert world.dura("pack", "policy.json", "-o", "p.c", "--c", "--name", "not a name").returncode == 2
    assert world.dura("pack", "frames.csv", "-o", "x").returncode == 2
    assert world.dura("pack", "policy.json", "-o", "nowhere/p.bin").returncode == 3


# ---- the example ----------------------------------------------------------------------------------

def test_the_quickstart_recording_is_the_generated_one():
    folder = TREE / "examples" / "quickstart"
    made = subprocess.run(["/usr/bin/env", "python3", folder / "make_frames.py"], stdout=subprocess.PIPE, check=True)
    assert made.stdout == (folder / "frames.csv").read_bytes()
    assert len(made.stdout) <= 150_000


def test_the_quickstart_runs(world):
    script = TREE / "examples" / "quickstart" / "run.sh"
    ran = subprocess.run([script, world.cli, world.folder / "quick"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "\nINTACT\n" in ran.stdout
    assert "2000 of 2000 decisions equal, bit for bit" in ran.stdout
    assert ran.stdout.count("\n$ dura ") == 4
