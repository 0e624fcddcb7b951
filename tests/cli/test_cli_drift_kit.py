# SPDX-License-Identifier: Apache-2.0
"""The published streams are what their checksums say, and their scoring counts right."""
import json
import pathlib
import shutil
import subprocess
import sys

KIT = pathlib.Path(__file__).resolve().parents[2] / "bench" / "drift_kit"


def kit(*args, folder=KIT, stdin=None):
    return subprocess.run([sys.executable, folder / "kit.py", *map(str, args)], capture_output=True, text=True,
                          input=stdin, timeout=120, check=False)


def test_the_streams_are_the_published_ones():
    done = kit("check")
    assert done.returncode == 0 and "WRONG" not in done.stdout
    assert len(done.stdout.splitlines()) == 9


def test_another_stream_is_noticed(tmp_path):
    shutil.copytree(KIT, tmp_path / "kit", ignore=shutil.ignore_patterns("__pycache__"))
    text = (tmp_path / "kit" / "streams.json").read_text()
    (tmp_path / "kit" / "streams.json").write_text(text.replace("5073.362752", "5073.462752"))
    done = kit("check", folder=tmp_path / "kit")
    assert done.returncode == 1 and "WRONG: published 5073.46" in done.stdout


def test_dura_finds_the_change_of_a_stream(world):
    world.write("s.csv", kit("stream", 5, 1).stdout)
    done = world.dura("drift", "s.csv", "--column", "x", "--reference", "4000", "--arl0", "100000")
    rows = [json.loads(line)["row"] for line in done.stdout.splitlines()]
    assert rows and 5000 <= rows[0] < 5020


def test_score_counts_misses_false_alarms_and_delay():
    alarms = [(4, 1, 5009), (4, 2, 100), (4, 2, 5019), (4, 2, 6000), (4, 3, 4999)]
    lines = "".join(json.dumps({"stream": s, "seed": k, "row": r}) + "\n" for s, k, r in alarms)
    done = kit("score", "-", "--seeds", "4", "--arl0", "100000", stdin=lines)
    assert done.returncode == 0, done.stderr
    row = next(line.split() for line in done.stdout.splitlines() if line.split()[0] == "4")
    # two of four seeds missed; alarms at 100 and 4999 in 4 x 5000 rows; delays 10 and 20; optimum at 1e5
    assert row[1:3] == ["2", "100.0"] and row[5] == "15.0" and row[8] == "19.7"


def test_score_names_the_line_that_is_wrong():
    done = kit("score", "-", stdin='{"stream": 4, "seed": 1, "row": 1}\n{"stream": 12, "seed": 1, "row": 1}\n')
    assert done.returncode != 0 and "line 2" in done.stderr
