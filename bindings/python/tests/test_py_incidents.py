# SPDX-License-Identifier: Apache-2.0
"""Events in, incidents out: live, from the folder, joined anew; why, story, what people say;
and the notebook that shows all of it."""
import datetime
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import dura
from dura import _load, errors

TREE = pathlib.Path(__file__).resolve().parents[3]
UTC = datetime.timezone.utc
T0 = 1_790_000_000


@pytest.fixture
def plant(world):
    world.change_policy(lambda p: (p.update(correlate={"quiet_ms": 5000}),
                                   p["device"].update(asset=7, zone=2)))
    return world


def drive(g, seconds=60, events=()):
    """A frame per second; channel a out of range from 22 s to 25 s; events before their second."""
    seen = []
    for i in range(seconds):
        for at, event in events:
            if at == i:
                g.event(time=T0 + i - 0.5, **event)
        g.step([500 if 22 <= i < 26 else i % 7, i % 5], T0 + i)
        seen.append(g.incident)
    return seen


EXPLOIT = (21, {"category": "ids", "type": "exploit", "severity": 9, "asset": 7, "trust": "source", "peer": "10.0.0.9"})
WORK = (5, {"category": "maintenance", "type": "work_order", "severity": 1, "asset": 7, "trust": "source", "id": "WO-1"})


def test_an_incident_opens_is_revised_and_closes(plant):
    with plant.guard() as g:
        seen = drive(g, events=[EXPLOIT])
        last = g.last_incident
    assert seen[10] is None and seen[-1] is None
    opened = next(x for x in seen if x)
    assert opened.is_open and opened.id == 1 and opened.boot == 1
    assert last.state == "closed" and not last.is_open and last.channels == ("a",)
    assert last.start == datetime.datetime.fromtimestamp(T0 + 20.5, UTC)
    assert last.end == datetime.datetime.fromtimestamp(T0 + 26, UTC) and last.end_ns == (T0 + 26) * 10**9


def test_live_recorded_and_joined_anew_are_the_same(plant):
    with plant.guard() as g:
        drive(g, events=[EXPLOIT])
        live = g.last_incident
    run = dura.Run(plant.out, plant.state)
    assert run.incidents() == [live] == run.incidents(again=True)
    lines = (plant.out / "incidents.ndjson").read_text().splitlines()
    assert [dura.Incident.from_json(json.loads(line)) for line in lines] == [live]


def test_evidence_speaks_for_or_against_with_its_record(plant):
    with plant.guard() as g:
        drive(g, events=[EXPLOIT])
    run = dura.Run(plant.out, plant.state)
    i, = run.incidents()
    kinds = {e.kind: e for e in i.evidence}
    hostile, broken = kinds["event_asset"], kinds["range"]
    assert (hostile.log, hostile.event, hostile.trust, hostile.channel) == ("security", "exploit", "source", None)
    assert (broken.log, broken.trust, broken.channel) == ("decision", "local", "a")
    records = {r["gseq"]: r for r in run.log}
    assert records[hostile.gseq]["kind"] == "event" and records[broken.gseq]["log"] == "decision"
    assert sum(e.weights["attack"] for e in i.evidence) == i.totals["attack"]
    assert sorted(map(str, i.supporting + i.against + i.neutral)) == sorted(map(str, i.evidence))
    assert all(e.weight > 0 for e in i.supporting) and all(e.weight < 0 for e in i.against) and len(hostile.leaf) == 16
    assert "drift" in i.missing and any("no drift monitor" in words for words in i.missing_words())


def test_the_words_say_what_the_numbers_say(plant):
    with plant.guard() as g:
        drive(g)
    i, = dura.Run(plant.out).incidents()
    text = str(i)
    assert text.startswith(f"incident 1 (closed): {i.verdict}, score {i.score} dBan") and "channels: a" in text
    assert "a channel left its physical range (a)" in text and "nothing can be said about the network" in text
    assert text.count("\n  for ") + text.count("\n  against ") + text.count("\n  neutral ") == len(i.evidence)
    assert str(i.start.year) in text


def test_a_run_without_anomaly_has_no_incident(plant):
    with plant.guard() as g:
        for i in range(20):
            g.step([1, 1], T0 + i)
        assert g.incident is None and g.last_incident is None
    assert dura.Run(plant.out).incidents() == []


def test_a_policy_that_does_not_correlate_is_joined_afterwards(world):
    with world.guard() as g:
        for i in range(40):
            g.step([500 if 22 <= i < 26 else 1 + i % 3, 1], T0 + i)
        with pytest.raises(errors.ENOTSUP, match="add \"correlate\": {}"):
            g.incident
    run = dura.Run(world.out)
    assert run.incidents() == [] and [i.channels for i in run.incidents(again=True)] == [("a",)]


# ---- events ---------------------------------------------------------------------------------

def test_an_event_is_recorded_whole(plant):
    with plant.guard() as g:
        g.step([1, 1], T0)
        g.event(category="access", type="login_failed", severity=5, asset=7, zone=2, trust="source", id="E-1",
                result="failure", actor="eve", peer="10.0.0.9", detail="Tür 3",
                time=datetime.datetime.fromtimestamp(T0, UTC) + datetime.timedelta(milliseconds=250))
        g.event(category="ids", type="scan", severity=0, time=T0 + 0.5)
    first, second = [r for r in dura.Log(plant.out, "security") if r["kind"] == "event"]
    told = {k: first[k] for k in ("category", "type", "severity", "asset", "zone", "id", "result", "actor", "peer", "detail")}
    assert told == {"category": "access", "type": "login_failed", "severity": 5, "asset": 7, "zone": 2, "id": "E-1",
                    "result": "failure", "actor": "eve", "peer": "10.0.0.9", "detail": "Tür 3"}
    assert first["mono_ns"] == str(T0 * 10**9 + 250_000_000)
    assert "asset" not in second and "actor" not in second and second["severity"] == 0
    assert dura.verify(plant.out, state=plant.state).intact


def test_an_event_without_a_time_is_now(plant):
    with plant.guard() as g:
        g.step([1, 1])
        g.event(category="ids", type="scan", severity=3)
        g.step([1, 1])
    event, = [r for r in dura.Log(plant.out, "security") if r["kind"] == "event"]
    assert event["t"][:4] >= "2024"


def test_trust_decides_what_an_event_may_do(plant):
    kind, said = EXPLOIT
    untrusted = (kind, {**said, "trust": "none"})
    with plant.guard() as g:
        drive(g, events=[untrusted])
        weak = g.last_incident
    plant.out = plant.folder / "second"
    with plant.guard() as g:
        drive(g, events=[EXPLOIT])
        strong = g.last_incident
    assert weak.totals["attack"] < strong.totals["attack"] and weak.verdict != "attack"
    assert {e.trust for e in weak.evidence if e.event} == {"none"}


@pytest.mark.parametrize("how, said", [
    ({"category": ""}, "category is empty"), ({"type": ""}, "type is empty"),
    ({"severity": 11}, "severity is 11, want 0..10"), ({"severity": -1}, "severity is -1"),
    ({"asset": 65535}, "asset is 65535, want 0..65534"), ({"zone": -1}, "zone is -1"),
    ({"trust": "local"}, "trust is 'local'"), ({"trust": ""}, "trust is ''"),
    ({"category": "x" * 33}, "category: 33 bytes, at most 32"), ({"actor": "ü" * 33}, "actor: 66 bytes, at most 64"),
    ({"detail": "a\nb"}, "control character"),
])
def test_events_that_cannot_be_are_named_and_not_recorded(plant, how, said):
    with plant.guard() as g:
        with pytest.raises(ValueError) as caught:
            g.event(**{"category": "ids", "type": "scan", "severity": 3, "time": T0, **how})
        assert said in str(caught.value)
    assert [r for r in dura.Log(plant.out) if r["kind"] == "event"] == []
    with pytest.raises(ValueError, match="closed"):
        g.event(category="ids", type="scan", severity=3)


# ---- the table ---------------------------------------------------------------------------------

class Page(html.parser.HTMLParser):
    """Every tag is closed in its order, and nothing points outside."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text, self.styles = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.styles += [v for k, v in attrs if k == "style"]
        assert all(k in ("style", "scope") for k, _ in attrs), attrs
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page(incident):
    p = Page()
    p.feed(incident._repr_html_())
    p.close()
    assert p.open == []
    return p


def incident(**change):
    weights = {"fault": 14, "drift": 0, "attack": -6, "change": 0}
    e = {"log": "decision", "gseq": 2**60, "leaf": "00" * 8, "kind": "range", "trust": "local", "channel": "a",
         "count": 3, "weight_dban": 14, "weights": weights}
    i = {"id": 3, "state": "revised", "start": "2026-03-01T10:00:00.123456789Z", "start_ns": "1", "end": None,
         "end_ns": "2500000000", "boot": 2, "verdict": "fault", "score": 14, "margin_dban": 14, "untrusted": False,
         "totals": weights, "channels": ["a"], "evidence": [e, {**e, "kind": "recon", "weight_dban": -7, "count": 1}],
         "missing": ["security"]}
    return dura.Incident.from_json({**i, **change})


def test_the_table_shows_verdict_bars_and_what_is_missing(plant):
    p = page(incident())
    text = " ".join(p.text)
    for wanted in ("fault", "incident 3", "for", "against", "+14", "-7", "a channel left its physical range (a, 3 times)",
                   "a scan (a)", "nothing can be said about the network", str(2**60)):
        assert wanted in text, wanted
    bars = [s for s in p.styles if re.search(r"left:[\d.]+%;width:[\d.]+%", s)]
    assert "left:50.0%;width:50.0%" in bars[0] and "left:25.0%;width:25.0%" in bars[1]
    assert "untrusted" not in text and "unauthenticated" in " ".join(page(incident(untrusted=True)).text)


def test_the_table_holds_on_light_and_dark(plant):
    styles = " ".join(page(incident()).styles)
    assert "color:inherit" in styles and not re.search(r"(?<![-\w])color:\s*#|background:\s*(white|black|#fff|#000)", styles)
    assert not re.search(r"url\(|<script|https?:", incident()._repr_html_())


def test_hostile_names_stay_text():
    evil = '<script>alert("x")</script>\'&'
    i = incident(channels=[evil], verdict=evil, evidence=[{**json.loads(json.dumps(
        {"log": evil, "gseq": 1, "leaf": "", "kind": evil, "trust": evil, "event": evil, "channel": evil, "count": 1,
         "weight_dban": 0, "weights": {}}))}], missing=[evil])
    p = page(i)
    assert "script" not in p.tags and "<script" not in i._repr_html_() and evil in "".join(p.text)
    assert evil in str(i)


def test_members_of_later_releases_and_odd_times_are_passed_over():
    i = incident(colour="red", start="9999999-01-01T00:00:00Z")
    assert i.start is None and i.end is None and "0.000 s to 2.500 s after start" in str(i)
    assert incident().start == datetime.datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
    with pytest.raises(AttributeError):
        i.verdict = "normal"


# ---- the folder ---------------------------------------------------------------------------------

@pytest.fixture
def done(plant):
    with plant.guard() as g:
        drive(g, events=[WORK, EXPLOIT])
    return dura.Run(plant.out, plant.state)


def test_why_one_decision(done):
    d = done.why(frame=23)
    assert d["frame"] == 23 and d["action"] == "FALLBACK" and d["measured"][0]["broke"][0]["limit"] == 100
    assert d["incident"]["id"] == 1
    good = done.why(frame=10)
    assert good["action"] == "ACT" and {x["name"] for x in good["top"]} <= {"a", "b"} and good["top"]
    assert done.why(last=True)["frame"] == 59
    when = datetime.datetime.fromtimestamp(T0 + 23, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert done.why(at=when)["frame"] == 23
    assert len(done.why(frame=10, top=1)["top"]) == 1


def test_why_wants_exactly_one_decision(done):
    for how in ({}, {"frame": 1, "last": True}, {"frame": 0, "at": "2026-01-01"}):
        with pytest.raises(ValueError, match="which decision"):
            done.why(**how)
    with pytest.raises(errors.ENOENT):
        done.why(frame=10_000)
    with pytest.raises(errors.DuraError):
        done.why(at="yesterday")


def test_the_story_is_the_reports(done):
    s = done.story(title="Line 3", buckets=16)
    assert s["title"] == "Line 3" and s["verify"]["word"] == "INTACT" and len(s["incidents"]) == 1
    assert len(json.dumps(s)) < len(json.dumps(done.story()))


def test_the_folder_answers_as_the_functions_do(done, plant):
    assert done.verify().intact and done.verify() == dura.verify(plant.out, state=plant.state)
    assert done.replay().same and len(list(done.decisions())) == 60 and str(plant.out) in repr(done)
    with pytest.raises(errors.DuraError):
        dura.Run(plant.folder / "nothing")


def test_pandas_gets_the_decisions(done):
    pytest.importorskip("pandas")
    assert len(done.to_pandas()) == 60


# ---- people -----------------------------------------------------------------------------------------

def said(run, category):
    return [r for r in dura.Log(run.folder, "security") if r.get("category") == category]


def test_labels_come_late_and_the_run_stays_intact(done):
    assert done.label([{"frame": 23, "name": "y", "value": 3.5}, {"frame": 24, "name": "y", "value": 3.25}], actor="anna") == 2
    assert done.label([], actor="anna") == 0
    one, two = said(done, "label")
    assert (one["id"], one["detail"], one["actor"]) == ("23", "y=3.5", "anna") and two["id"] == "24"
    assert done.verify().intact and done.replay().same


def test_labels_from_a_file_name_file_and_line(done, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("frame,name,value\n1,y,2\n99999,y,3\n")
    with pytest.raises(errors.DuraError) as caught:
        done.label(path, actor="anna")
    assert caught.value.file == str(path) and caught.value.line == 3 and said(done, "label") == []
    path.write_text("frame,name,value\n1,y,2\n")
    assert done.label(path, actor="anna") == 1


def test_words_on_an_incident(done):
    i, = done.incidents()
    done.acknowledge(i, actor="anna", reason="on my way")
    done.close_incident(1, actor="anna", reason="cable replaced")
    ack, close = said(done, "incident")
    assert (ack["type"], ack["actor"], ack["detail"]) == ("ack", "anna", "on my way")
    assert (close["type"], close["detail"]) == ("close", "cable replaced")
    assert done.verify().intact
    for wrong in (99, "2/1", "x"):
        with pytest.raises(errors.DuraError):
            done.acknowledge(wrong, actor="anna", reason="?")
    with pytest.raises(errors.DuraError):
        done.acknowledge(i, actor="", reason="?")
    with pytest.raises(errors.DuraError):
        done.acknowledge(i, actor="anna", reason="x" * 65)


def test_stop_and_release_of_a_run_that_rests(done):
    done.stop(actor="anna", reason="smoke")
    done.release(actor="anna", reason="false alarm")
    one, two = [r for r in dura.Log(done.folder, "security") if r["kind"] == "fact" and r["fact"] == "override"]
    assert one["actor"] == two["actor"] == "anna" and (one["values"][0], two["values"][0]) == (1, 2) and done.verify().intact


# ---- the notebook, and the mirrors behind all this ---------------------------------------------------

def test_the_notebook_runs_from_top_to_end(tmp_path):
    script = TREE / "examples" / "notebook" / "press_line.py"
    assert len(script.read_text().splitlines()) < 100
    env = dict(os.environ, PYTHONPATH=str(TREE / "bindings" / "python"), DURA_STATE=str(tmp_path / "state"))
    ran = subprocess.run([sys.executable, str(script)], cwd=tmp_path, env=env, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    for wanted in ("spurious trips", "incident 1", "label", "INTACT"):
        assert wanted in ran.stdout, ran.stdout
    assert not ran.stderr
