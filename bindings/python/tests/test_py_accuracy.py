# SPDX-License-Identifier: Apache-2.0
"""Accuracy, slices, run lengths, trends: what Python gets is what the library says."""
import random

import pytest

import dura
from dura import arl, errors


def decisions(n, chance, seed=1):
    r = random.Random(seed)
    agree = [sum(r.random() < .95 for _ in range(2)) for _ in range(n)]
    return agree, [r.random() < chance(a) for a in agree]


@pytest.fixture
def reference():
    agree, correct = decisions(1000, lambda a: (.2, .6, .97)[a])
    more, right = decisions(600, lambda a: (.2, .6, .95)[a], seed=2)
    return dura.learn_accuracy(correct + right, agree=agree + more, opinions=2, group=[0] * 1000 + [1] * 300 + [2] * 300)


def test_a_reference_is_what_was_seen(reference):
    assert reference.n == 1000 and reference.groups == 2 and reference.opinions == 2
    assert reference.accuracy == pytest.approx(.93, abs=.03) and len(reference.values) == 3
    assert reference.all < reference.any <= 1


def test_without_labels_an_interval_and_the_reason(reference):
    a = dura.Accuracy(reference)
    with pytest.raises(errors.ENOENT):
        a.state()
    agree, _ = decisions(500, lambda a: 1, seed=3)
    for k in agree:
        a.update(agree=k)
    s = a.state()
    assert s.low <= s.estimate <= s.high and s.decisions == 500 and s.labels == 0 and "no_labels" in s.why


def test_labels_and_the_worst_slice(reference):
    a = dura.Accuracy(reference, limits=[.85] * 4, every=1000)
    r = random.Random(4)
    assert a.slices() == [None] * 4
    alarms = set()
    for _ in range(600):
        k = r.randrange(4)
        a.update(agree=2, slice=k)
        if a.label(r.random() < (.4 if k == 2 else .96), agree=2, slice=k):
            alarms.add(k)
    worst = a.worst()
    assert alarms == {2} and worst.slice == 2 and worst.alarm and worst.statistic >= 0 and worst.threshold == 1000
    assert 0 < worst.alarm_at <= 600 and worst.state.low <= .4 <= worst.state.high
    assert [s.alarm for s in a.slices()] == [False, False, True, False]
    assert a.state().labels == 600
    b = dura.Accuracy(reference, limits=[.85] * 4, every=1000)
    b.load(a.save())
    assert b.worst() == worst and b.save() == a.save()
    b.reset()
    assert b.slices() == [None] * 4


def test_what_is_wrong_is_said(reference):
    for how in ({"limits": [1.0]}, {"limits": [.5] * 33}, {"limits": [.5], "every": 9}, {"keep_labels": 65536}):
        with pytest.raises(ValueError):
            dura.Accuracy(reference, **how)
    a = dura.Accuracy(reference)
    with pytest.raises(dura.DuraError):
        a.update(agree=3)
    with pytest.raises(dura.DuraError):
        a.update(agree=1, slice=0)
    with pytest.raises(dura.DuraError):
        a.load(b"ACC1")
    with pytest.raises(ValueError):
        dura.learn_accuracy([1, 0], agree=[1], opinions=1)


def test_run_lengths_are_those_of_the_literature():
    # Page 1954, Hawkins: two-sided CUSUM, k = 0.5, h = 4: 168 to a false alarm, 8.38 after a shift by 1
    zero, steady = arl.run_length("cusum", 1.0, 4.0)
    assert zero == pytest.approx(168, rel=.01) and steady <= zero
    assert arl.run_length("cusum", 1.0, 4.0, mean=1.0)[0] == pytest.approx(8.38, rel=.01)
    h = arl.limit("cusum", 1.0, 1e4)
    assert arl.run_length("cusum", 1.0, h)[0] == pytest.approx(1e4, rel=1e-3)
    assert 0.01 < arl.ewma_lambda(0.5, 1e4) < 0.5
    with pytest.raises(ValueError):
        arl.limit("shewhart", 1.0, 1e4)
    with pytest.raises(dura.DuraError):
        arl.run_length("ramp", 1.0, 4.0)


def test_a_trend_and_when_it_reaches_a_limit():
    r = random.Random(5)
    x = [.01 * i + r.gauss(0, 1) for i in range(2000)]
    t = dura.trend(x)
    assert t.why is None and t.low <= .01 <= t.high and t.level == .9
    at, low, high = t.reach(40.0)
    assert low <= 4000 - 1999 <= high and low < at < high
    assert t.reach(-40.0) is None
    flat = dura.trend([r.gauss(0, 1) for _ in range(2000)])
    assert flat.why == "none" and flat.low < 0 < flat.high and flat.reach(10.0) is None
    short = dura.trend([1.0, None, 2.0])
    assert short.why == "short" and short.slope is None


def test_a_report_is_the_page_of_the_command(world, tmp_path, monkeypatch):
    with world.guard() as g:
        for i in range(20):
            g.step([i % 7, i % 5], 1_790_000_000 + i)
    run = dura.Run(world.out, state=world.state)
    page = run.report(tmp_path / "page.html", title="A <page>")
    text = open(page, encoding="utf-8").read()
    assert text.lower().startswith("<!doctype html>")
    assert "A \\u003cpage>" in text
    with pytest.raises(OSError):
        run.report(tmp_path / "nowhere" / "page.html")
    monkeypatch.setenv("DURA_CLI", "/nowhere/dura")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("dura.run.lib", type("Lib", (), {"_name": "libdura.so.0"}))
    with pytest.raises(FileNotFoundError, match="DURA_CLI"):
        run.report(tmp_path / "page.html")
