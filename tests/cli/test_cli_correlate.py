# SPDX-License-Identifier: Apache-2.0
"""`dura correlate`: incidents in words and as NDJSON, joined anew, held against labels."""
import json

import pytest
from cliworld import csv


def rows(n=400, bad=()):
    lines = csv(n).splitlines()
    for i in bad:
        lines[i + 1] = f"{1000 + i},{500 + i},0"
    return "\n".join(lines) + "\n"


def policy_of(world, correlate=True):
    def change(policy):
        policy["device"]["mode"] = "observe"
        policy["outputs"][0].update(lo=-500, hi=500)
        if correlate:
            policy["correlate"] = {"quiet_ms": 20000}
    world.write_policy(change)


@pytest.fixture
def faults(world):
    """A closed run with two faults, 100..104 and 300..304."""
    policy_of(world)
    world.write("frames.csv", rows(bad=[*range(100, 105), *range(300, 305)]))
    assert world.run().returncode == 0
    return world


def lines(ran):
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_words_name_verdict_time_channels_evidence_gaps_and_what_to_do(faults):
    ran = faults.dura("correlate", faults.out)
    assert ran.returncode == 0 and ran.stderr == ""
    for words in ("incident 1/1: fault (closed)  score ", "when     1970-01-01T00:18:20.000Z to 1970-01-01T00:18:25.000Z",
                  "channels a\n", "for      +14 dban  range on a", "totals   fault ", "missing  no security source ever spoke",
                  "next     have sensors, wiring and actuators", "2 incidents, as recorded"):
        assert words in ran.stdout, (words, ran.stdout)


def test_json_is_what_the_run_folder_holds(faults):
    ran = faults.dura("correlate", faults.out, "--json")
    assert ran.stdout == (faults.out / "incidents.ndjson").read_text()
    found = lines(ran)
    assert [i["id"] for i in found] == [1, 2]
    for member in ("id", "start", "end", "verdict", "score", "margin_dban", "channels", "evidence", "missing"):
        assert member in found[0]


def test_joined_anew_is_the_same(faults):
    assert faults.dura("correlate", faults.out, "--json", "--again").stdout == faults.dura(
        "correlate", faults.out, "--json").stdout
    ran = faults.dura("correlate", faults.out, "--check")
    assert ran.returncode == 0 and ran.stdout == "2 incidents, recorded and joined anew the same\n"
    assert "2 incidents, joined anew\n" in faults.dura("correlate", faults.out, "--again").stdout


def test_a_policy_that_does_not_correlate_is_joined_here(world):
    policy_of(world, correlate=False)
    world.write("frames.csv", rows(bad=range(100, 105)))
    assert world.run().returncode == 0
    ran = world.dura("correlate", world.out)
    assert ran.returncode == 0 and "1 incident, joined anew: the policy does not correlate" in ran.stdout
    assert lines(world.dura("correlate", world.out, "--json"))[0]["verdict"] == "fault"
    ran = world.dura("correlate", world.out, "--check")
    assert ran.returncode == 1 and "differ, first at incident 1" in ran.stdout


def test_a_quiet_run_has_none(world):
    policy_of(world)
    assert world.run().returncode == 0
    ran = world.dura("correlate", world.out, "--fail-on", "attack")
    assert ran.returncode == 0 and ran.stdout == "0 incidents, as recorded\n"
    assert world.dura("correlate", world.out, "--json").stdout == ""


def test_fail_on_is_met_by_its_verdict_only(faults):
    assert faults.dura("correlate", faults.out, "--fail-on", "fault").returncode == 1
    for verdict in ("drift", "attack", "change", "unknown"):
        assert faults.dura("correlate", faults.out, "--fail-on", verdict).returncode == 0


LABELS = """start,end,verdict
1970-01-01T00:18:20Z,1970-01-01T00:18:25Z,fault
1200,1210,drift
1250,1260,normal
"""


def test_labels_give_a_table_with_coverage(faults):
    faults.write("labels.csv", LABELS)
    ran = faults.dura("correlate", faults.out, "--labels", "labels.csv")
    assert ran.returncode == 0, ran.stderr
    table = {line[:12].strip(): line[12:].split() for line in ran.stdout.splitlines()[-7:]}
    assert table["really was"] == ["none", "fault", "drift", "attack", "change", "unknown"]
    assert table["fault"] == ["0", "1", "0", "0", "0", "0"]
    assert table["drift"] == ["1", "0", "0", "0", "0", "0"]
    assert table["normal"] == ["1", "0", "0", "0", "0", "0"]
    assert table["no label"] == ["0", "1", "0", "0", "0", "0"]
    assert "coverage 1 of 2 labelled spans decided (0 unknown: abstained, 1 without an incident)" in ran.stdout
    assert "right    1 of 1 decided" in ran.stdout


def test_labels_as_json_come_last(faults):
    faults.write("labels.csv", LABELS.replace("fault", "attack").replace("\n", "\r\n"))
    found = lines(faults.dura("correlate", faults.out, "--labels", "labels.csv", "--json"))
    score = found[-1]
    assert len(found) == 3 and score["labels"] == 3
    assert (score["decided"], score["right"], score["abstained"], score["missed"]) == (1, 0, 0, 1)
    assert score["table"]["attack"]["fault"] == 1 and score["table"]["no_label"]["fault"] == 1


@pytest.mark.parametrize("text, words", [
    ("", "holds no label"),
    ("from,to,what\n", "labels.csv:1: the header is not start,end,verdict"),
    ("start,end,verdict\n", "holds no label"),
    ("start,end,verdict\n1,2\n", "labels.csv:2: want start,end,verdict"),
    ("start,end,verdict\n1,2,fault,x\n", "labels.csv:2: want start,end,verdict"),
    ("start,end,verdict\n1,2,rain\n", "labels.csv:2: verdict: rain"),
    ("start,end,verdict\n1,2,fault\nx,2,fault\n", "labels.csv:3: start: is no time"),
    ("start,end,verdict\n3,2,fault\n", "labels.csv:2: end: lies before start"),
])
def test_wrong_labels_exit_2(faults, text, words):
    faults.write("labels.csv", text)
    ran = faults.dura("correlate", faults.out, "--labels", "labels.csv")
    assert ran.returncode == 2 and words in ran.stderr, ran.stderr


@pytest.mark.parametrize("args, words", [
    (("--fail-on", "rain"), "--fail-on rain: want fault"),
    (("--fail-on", "normal"), "--fail-on normal"),
    (("--check", "--json"), "--check goes with no other option"),
    (("--labels", "none.csv"), "none.csv"),
])
def test_wrong_words_exit_2(faults, args, words):
    ran = faults.dura("correlate", faults.out, *args)
    assert ran.returncode == 2 and words in ran.stderr, ran.stderr


def test_no_run_folder(world):
    ran = world.dura("correlate", "nowhere")
    assert ran.returncode in (2, 3) and "nowhere" in ran.stderr
    assert world.dura("correlate", "--help").returncode == 0
