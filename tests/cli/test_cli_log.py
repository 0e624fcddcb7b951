# SPDX-License-Identifier: Apache-2.0
"""dura log plan: its arithmetic against the format page and against the bytes of a real run."""
import json
import re
import struct

import pytest
from cliworld import csv

DAY = 86400


def plan(world, *args):
    told = world.dura("log", "plan", "--json", *map(str, args))
    return told.returncode, json.loads(told.stdout)


def frames(folder):
    """Bytes and count of every frame, seals apart, by the magic of docs/formats/log.md alone."""
    sizes, seals, used = [], 0, 0
    for path in sorted(folder.glob("*.seg")):
        data = path.read_bytes()
        used += len(data.rstrip(b"\0"))
        for at in (m.start() for m in re.finditer(b"DLR1", data)):
            n = struct.unpack_from("<H", data, at + 4)[0]
            seal = b"\x0b\x02\x10" in data[at + 16:at + 16 + 60]
            seals += seal
            if not seal:
                sizes.append(n)
    return sizes, seals, used


def test_it_foretells_the_bytes_of_a_run(world):
    world.write_policy()
    world.write("frames.csv", csv(3000))
    assert world.run().returncode == 0
    decisions, seals, used = frames(world.out / "decision.log")
    events, _, used_events = frames(world.out / "security.log")
    assert len(decisions) >= 3000 and seals >= 1
    code, said = plan(world, "--rate", len(decisions) / DAY, "--size", sum(decisions) / len(decisions),
                      "--events", len(events) / DAY, "--event-size", sum(events) / len(events), "--days", 1,
                      "--seal-records", (len(decisions) + len(events)) / seals, "--segment", 1 << 20)
    assert code == 0
    assert said["bytes_per_day"] == pytest.approx(used + used_events, rel=0.03)


def test_six_months_of_ten_a_second_is_what_the_page_says(world):
    code, said = plan(world)
    raw = 10 * 200 * DAY * 183
    assert code == 0 and said["days"] == 183
    assert 1.08 * raw < said["bytes_needed"] < 1.11 * raw      # frames, seals, headers: 16 of 200, and a little
    assert 2 ** (said["tree_height"] - 1) < 10.01 * DAY * 183 * 1.01 < 2 ** said["tree_height"]


def test_too_little_storage_is_a_no(world):
    code, said = plan(world, "--storage", 10 ** 9)
    assert code == 1 and 5 < said["days_it_lasts"] < 5.6
    assert said["erases_per_year"] == pytest.approx(said["bytes_per_day"] * 365.25 / 1e9, rel=1e-3)
    assert said["years_until_worn"] == pytest.approx(10000 / said["erases_per_year"], rel=1e-2)
    assert plan(world, "--storage", 10 ** 9, "--days", 5)[0] == 0
    told = world.dura("log", "plan", "--storage", "1000000000")
    assert told.returncode == 1 and "carry the logs off" in told.stdout


@pytest.mark.parametrize("args, words", [
    (("log",), "plan"), (("log", "plane"), "want plan"), (("log", "plan", "--rate", "x"), "--rate x"),
    (("log", "plan", "--align", "4"), "want a number from 8"), (("log", "plan", "--days", "nan"), "--days nan"),
    (("log", "plan", "--segment", "4096", "--size", "3000"), "--segment 4096")])
def test_wrong_words(world, args, words):
    told = world.dura(*args)
    assert told.returncode == 2 and words in told.stderr and told.stdout == ""
