# SPDX-License-Identifier: Apache-2.0
"""Every kind of bad input: which exit code, and that file, line and field are named.

Exit 2 is the user's input, 3 the machine. A run that failed leaves nothing that could be
taken for a whole one.
"""
import os
import resource
import subprocess

import pytest
from cliworld import csv


def refused(result, code, *words):
    assert result.returncode == code, result.stderr + result.stdout
    assert result.stdout == ""
    assert "Sanitizer" not in result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    for word in words:
        assert word in result.stderr
    return result.stderr


# ---- frames --------------------------------------------------------------------------

FRAMES = {
    "empty file": ("", ["dura run: frames.csv:1: the file is empty"]),
    "header only": ("time,a,b\n", ["frames.csv:1: there is a header but no row"]),
    "wrong header": ("time,a,B\n1,2,3\n", ['frames.csv:1: b: there is no such column; close: "a", "B"']),
    "channel twice": ("time,a,b,b\n1,2,3,4\n", ["frames.csv:1: b: 2 columns have this name"]),
    "no time column": ("a,b\n1,2\n", ["frames.csv:1: time: there is no time column"]),
    "text in a cell": (csv(3) + "1003,x,1\n", ['frames.csv:5: a: "x" is not a number']),
    "wrong shape": (csv(3) + "1003,1\n", ["frames.csv:5: 2 fields where the header has 3 columns"]),
    "bad time": (csv(3) + "yesterday,1,1\n", ['frames.csv:5: time: "yesterday" is not a time']),
    "negative time": (csv(3) + "-5,1,1\n", ['frames.csv:5: time: "-5" is before 1970']),
    "huge line": (csv(3) + "1003,1," + "9" * (1 << 20) + "\n", ["frames.csv:5: the line is longer than 1 MiB"]),
    "open quote": (csv(3) + '1003,"1,1\n', ["frames.csv:5: the file ends inside a quoted field"]),
    "NUL byte": (csv(3) + "1003,\0,1\n", ["frames.csv:5: the line holds a NUL byte"]),
    "UTF-16": (b"\xff\xfet\0i\0", ["frames.csv:1: the file is UTF-16"]),
    "truncated JSON": ('{"time":1,"a":1,"b":2}\n{"time":2,"a":1', ["frames.csv:2: byte 16: the line ends before"]),
    "JSON member twice": ('{"time":1,"a":1,"b":2}\n{"time":2,"a":1,"a":2}\n', ["frames.csv:2: a: stands twice"]),
    "text in JSON": ('{"time":1,"a":1,"b":2}\n{"time":2,"a":"up","b":1}\n', ['frames.csv:2: a: "up" is not a number']),
}


@pytest.mark.parametrize("what", FRAMES)
def test_bad_frames_name_line_and_column(world, what):
    text, words = FRAMES[what]
    world.write("frames.csv", text)
    refused(world.run(), 2, *words)


@pytest.mark.parametrize("what", ["wrong header", "empty file", "header only"])
def test_a_header_that_is_wrong_leaves_no_folder(world, what):
    world.write("frames.csv", FRAMES[what][0])
    refused(world.run(), 2)
    assert not world.out.exists() and not world.state.exists()


def test_a_row_that_is_wrong_leaves_a_cut_run(world):
    world.write("frames.csv", csv(250) + "1300,broken,1\n")
    refused(world.run(), 2, "frames.csv:252: a:")
    verdict = world.verify()
    assert verdict.stdout.split()[0] == "CUT" and verdict.returncode == 0
    assert world.verify("--strict").returncode == 1
    world.write("frames.csv", csv(300))
    assert world.run("--resume").returncode == 0
    assert world.verify().stdout.split()[0] == "INTACT"


def test_frames_that_are_not_there(world):
    refused(world.run(frames="nowhere.csv"), 2, "nowhere.csv: cannot be read: No such file")


def test_frames_that_are_a_folder(world):
    refused(world.run(frames="."), 3, ".: cannot be read: Is a directory")


# ---- rows the guard judges --------------------------------------------------------------

def reasons(world, row):
    return {r for c in world.decisions()[row]["channels"].values() for r in c["reasons"]}


def test_nan_is_judged_not_refused(world):
    world.write("frames.csv", csv(100) + "1100,nan,1\n1101,1,inf\n" + "1102,1,4\n1103,1,4\n")
    assert world.run().returncode == 0
    assert reasons(world, 100) == {"nonfinite"} == reasons(world, 101)
    assert world.decisions()[100]["action"] == "FALLBACK"


def test_duplicated_rows_are_judged_not_refused(world):
    world.write("frames.csv", csv(100) + "1099,1,1\n")
    assert world.run().returncode == 0
    assert "time_duplicate" in reasons(world, 100)


def test_reordered_rows_are_judged_not_refused(world):
    world.write("frames.csv", csv(100) + "1050,1,1\n1100,1,1\n")
    assert world.run().returncode == 0
    assert "time_reversed" in reasons(world, 100)


def test_a_missing_value_is_judged_not_refused(world):
    world.write("frames.csv", csv(100) + "1100,,1\n")
    assert world.run().returncode == 0
    assert "missing" in reasons(world, 100)


# ---- policy, model, keys ------------------------------------------------------------------

def test_truncated_policy(world):
    text = world.write_policy().read_text()
    world.write("policy.json", text[: len(text) // 2])
    refused(world.run(), 2, "dura run: policy.json:")


def test_unknown_policy_member(world):
    world.write_policy(lambda p: p["channels"][1].update(fial_hi=3))
    refused(world.run(), 2, "policy.json:", "channels[1].fial_hi")


def test_policy_limit_out_of_range(world):
    world.write_policy(lambda p: p["outputs"][0].update(safe=99))
    refused(world.run(), 2, "policy.json:", "outputs[0].", "safe is 99")


def test_truncated_model(world):
    text = world.write_model().read_text()
    world.write("model.json", text[: len(text) // 2])
    refused(world.run(), 2, "dura run: model.json:")
    assert not world.out.exists()


def test_model_of_another_shape(world):
    world.write_model(lambda m: m["outputs"][0]["weights"].append(1))
    refused(world.run(), 2, "model.json:", "outputs[0].weights")


def test_model_for_another_policy(world):
    world.write_model(lambda m: m.update(inputs=["a", "c"]))
    refused(world.run(), 2, '"c"')


def test_a_policy_where_a_model_should_be(world):
    world.write("model.json", (world.folder / "policy.json").read_text())
    refused(world.run(), 2, "model.json")


def test_missing_policy_file(world):
    os.unlink(world.folder / "policy.json")
    refused(world.run(), 2, "policy.json: cannot be opened: No such file")


def test_missing_factory_record(world):
    world.write_policy(lambda p: p.update(gate={"factory_key": "11" * 32}))
    refused(world.run(), 2, "--factory")


def test_factory_record_of_another_model(world):
    key = world.folder / "key"
    assert world.dura("key", "make", key).returncode == 0
    public = (world.folder / "key.pub").read_text().strip()
    world.write_policy(lambda p: p.update(gate={"factory_key": public}))
    made = world.dura("key", "factory", "--policy", "policy.json", "--model", "model.json", "--key", key, "-o", "rec")
    assert made.returncode == 0, made.stderr
    world.write_model(lambda m: m["outputs"][0].update(bias=2))
    refused(world.run("--factory", "rec"), 2, "factory record")


def test_missing_verify_key(world):
    assert world.run().returncode == 0
    refused(world.verify("--key", "nowhere.pub"), 2, "nowhere.pub")


# ---- the machine ---------------------------------------------------------------------------

def recording(world):
    """The run has made both logs and written records into them."""
    segments = [world.out / log / "00000000.seg" for log in ("security.log", "decision.log")]
    return all(s.exists() and any(s.read_bytes()[64:80]) for s in segments)


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))


def test_full_disk_at_the_start(world):
    refused(world.run(preexec_fn=small_files), 3, "run/", "File too large")


def test_full_disk_in_the_middle(world):
    """The limit falls on the running process, so that a later segment cannot be made."""
    args = world.command(*world.run_args(frames="-"))
    child = subprocess.Popen(args, cwd=world.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    child.stdin.write(csv(300))
    child.stdin.flush()
    while not recording(world):
        assert child.poll() is None, child.stderr.read()
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        child.stdin.write("".join(f"{2000 + i},1,1\n" for i in range(5000)))
        child.stdin.close()
    except BrokenPipeError:
        pass
    error = child.stderr.read()
    assert child.wait(60) == 3, error
    assert "run/" in error and "File too large" in error and child.stdout.read() == ""
    child.stdout.close()
    child.stderr.close()
    assert world.verify().stdout.split()[0] == "CUT"


def test_run_folder_that_cannot_be_made(world):
    world.write("file", "")
    world.out = world.folder / "file" / "run"
    refused(world.run(), 3, "file/run: --out: cannot be made: Not a directory")


def test_run_folder_on_a_read_only_file_system(world):
    world.out = "/proc/dura-run"
    refused(world.run(), 3, "/proc/dura-run: --out: cannot be made")


def test_state_folder_that_cannot_be_made(world):
    world.write("file", "")
    world.state = world.folder / "file" / "state"
    refused(world.run(), 3, "file/state")


def test_standard_output_that_is_full(world):
    with open("/dev/full", "w") as full:
        args = world.command(*world.run_args())
        done = subprocess.run(args, cwd=world.folder, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3 and "standard output" in done.stderr
    assert world.verify().stdout.split()[0] == "INTACT"


# ---- usage ---------------------------------------------------------------------------------

USAGE = {
    "no command": ([], "usage: dura COMMAND"),
    "unknown command": (["rum"], "dura: rum: there is no such command"),
    "unknown option": (["run", "--polcy", "x"], "dura run: --polcy: there is no such option"),
    "value missing": (["run", "--policy"], "dura run: --policy wants FILE"),
    "value for a flag": (["run", "--json=1"], "dura run: --json takes no value"),
    "given twice": (["run", "--out", "a", "--out", "b"], "dura run: --out is given twice"),
    "one word too many": (["verify", "a", "b"], "dura verify: b: one argument too many"),
    "nothing to verify": (["verify"], "want: dura verify DIR"),
    "no frames": (["run", "--policy", "p", "--model", "m", "--out", "o"], "--frames is missing"),
    "no out": (["run", "--policy", "p", "--model", "m", "--frames", "f"], "--out is missing"),
    "no model": (["run", "--policy", "p", "--frames", "f", "--out", "o"], "--model is missing"),
    "bad fail-on": (["run", "--fail-on", "BAD"], "want SUSPECT, FAIL"),
    "bad log": (["show", "x", "--log", "both"], "want security or decision"),
    "bad number": (["show", "x", "--last", "-3"], "want a whole number"),
    "bad time format": (["run", "--policy", "policy.json", "--model", "model.json", "--frames", "frames.csv",
                         "--out", "o", "--time-format", "%Q"], 'time format "%Q"'),
    "no out for pack": (["pack", "policy.json"], "want -o FILE"),
    "no such key verb": (["key", "mak", "x"], "want: dura key make"),
}


@pytest.mark.parametrize("what", USAGE)
def test_wrong_usage_is_exit_2(world, what):
    args, word = USAGE[what]
    done = world.dura(*args)
    assert done.returncode == 2 and done.stdout == "" and word in done.stderr


# ---- folders that are no runs -----------------------------------------------------------------

@pytest.mark.parametrize("command", ["verify", "show", "replay"])
def test_a_folder_that_is_no_run(world, command):
    (world.folder / "other").mkdir()
    refused(world.dura(command, "other"), 2, f"dura {command}: other")
    refused(world.dura(command, "nowhere"), 2, f"dura {command}: nowhere")


def test_a_run_folder_is_not_written_over(world):
    assert world.run().returncode == 0
    refused(world.run(), 2, "--out: holds files already")


def test_a_closed_run_is_not_resumed(world):
    assert world.run().returncode == 0
    refused(world.run("--resume"), 2, "--resume: the run is closed")


def test_a_run_in_use_is_left_alone(world):
    args = world.command(*world.run_args(frames="-"))
    child = subprocess.Popen(args, cwd=world.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.stdin.write(csv(2))
    child.stdin.flush()
    while not recording(world):
        assert child.poll() is None
    refused(world.run("--resume"), 2)
    child.stdin.close()
    assert child.wait(60) == 0
    child.stdout.close()
    assert world.verify().stdout.split()[0] == "INTACT"
