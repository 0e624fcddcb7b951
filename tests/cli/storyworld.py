# SPDX-License-Identifier: Apache-2.0
"""Stories made by hand, in the schema of docs/cmd/report.md, for what a small run does not
have: an open attack, drift with a weak reference, releases, clocks that change, hostile
words. The page takes any JSON of the schema."""
import json
import math
import re

BEGIN_MS = 1772344800000             # 2026-03-01T06:00:00Z
CAUSES = ("fault", "drift", "attack", "change")
HOSTILE = "</script><img src=x onerror=\"window.pwned=1\">"


def iso(t):
    import datetime
    at = datetime.datetime.fromtimestamp((BEGIN_MS + t) / 1000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond * 1000:09d}Z"


def mark(t, gseq, log, kind, severity, label, **more):
    return dict({"t": t, "iso": iso(t), "gseq": gseq, "log": log, "kind": kind, "severity": severity, "label": label,
                 "clock": "synced", "err_us": 20000, "evidence": False,
                 "record": {"gseq": gseq, "log": log, "kind": kind, "detail": HOSTILE}}, **more)


def evidence(kind, log, gseq, weights, **more):
    return dict({"kind": kind, "log": log, "gseq": gseq, "leaf": f"{gseq:016x}", "trust": "local", "count": 1,
                 "weight_dban": max(weights), "weights": dict(zip(CAUSES, weights))}, **more)


def incident(number, verdict, begin, end, found, state="closed", **more):
    totals = [sum(e["weights"][c] for e in found) for c in CAUSES]
    best = sorted(totals, reverse=True)
    one = {"id": number, "state": state, "start": iso(begin), "end": iso(end), "boot": 1, "verdict": verdict,
           "score": best[0], "margin_dban": best[0] - best[1], "untrusted": False, "totals": dict(zip(CAUSES, totals)),
           "channels": [], "evidence": found, "missing": []}
    one.update(more.pop("incident", {}))
    steps = [("opened", begin, "unknown"), ("revised", begin + 60000, verdict)] + ([("closed", end, verdict)] if state == "closed" else [])
    return dict({"incident": one, "from": begin, "to": end, "open": state != "closed", "acknowledged": False,
                 "closed_by_person": False, "actor": None, "things": ["pressure_bar"],
                 "change": {"leader": verdict, "next": "drift", "lead": one["margin_dban"], "to_unknown": 5, "to_other": 25,
                            "text": "5 decibans more for drift would make the verdict unknown, 25 would make it drift."},
                 "revisions": [{"t": t, "gseq": 100 + number, "state": s, "verdict": v, "score": best[0], "margin_dban": 9}
                               for s, t, v in steps], "revisions_left_out": 0}, **more)


def columns(n, span):
    """Decisions with a fault in the middle and an attack at the end."""
    step = span / n
    fail = lambda k: 0.30 < k / n < 0.36
    late = lambda k: 0.80 < k / n < 0.86
    actions = [[0, 0, 12, 0] if fail(k) else [2, 10, 0, 0] if late(k) else [0, 0, 0, 12] if 0.93 < k / n < 0.96 else [12, 0, 0, 0] for k in range(n)]
    return {"decisions_each": 12, "from": [round(k * step, 3) for k in range(n)],
            "to": [round(k * step + step * 11 / 12, 3) for k in range(n)], "n": [12] * n, "actions": actions,
            "verdict": [3 if fail(k) else 2 if late(k) else 0 for k in range(n)],
            "reasons": [1 if fail(k) else 256 if late(k) else 0 for k in range(n)],
            "gseq": [k * 13 for k in range(n)], "frame": [k * 12 for k in range(n)], "worst": [k * 13 + 2 for k in range(n)],
            "record": [{"gseq": k * 13 + 2, "kind": "decision", "frame": k * 12} for k in range(n)]}


def channel(n, name, unit, base, swing, verdicts=None, limits=None):
    mid = [base + swing * math.sin(k / 9) for k in range(n)]
    v = verdicts or [0] * n
    lo, hi = [round(m - swing / 6, 9) for m in mid], [round(m + swing / 6, 9) for m in mid]
    for k in range(n):
        if v[k] == 4:
            lo[k] = hi[k] = None
    seen = [x for x in lo + hi if x is not None]
    return {"name": name, "unit": unit, "limits": limits, "verdicts": [12 * sum(x == i for x in v) for i in range(5)],
            "min": min(seen), "max": max(seen), "last": hi[-1], "lo": lo, "hi": hi, "verdict": v}


def line(t, gseq, kind, text):
    return {"t": t, "iso": iso(t), "gseq": gseq, "kind": kind, "text": text}


def full(n=400):
    span = 3 * 3600 * 1000
    b = columns(n, span)
    at = lambda share: round(share * span)
    marks = [mark(at(k / 30), 10 + k, "security", "event", 0, "heartbeat: alive") for k in range(30)]
    marks += [mark(at(.31), 900, "decision", "fact", 4, "pressure_bar: GOOD -> FAIL", evidence=True),
              mark(at(.52), 1500, "decision", "fact", 5, "oil_temp_c drifted up by 1 deviations", evidence=True),
              mark(at(.78), 4000, "security", "event", 5, "recon: port_scan, by 10.0.3.77", evidence=True, err_us=240000000),
              mark(at(.79), 4010, "security", "event", 8, f"config: {HOSTILE}", evidence=True),
              mark(at(.90), 4100, "security", "drop", 6, "12 records were lost: no room", record=None),
              mark(at(.99), 4200, "security", "seal", 0, "epoch 9 sealed")]
    fault = incident(1, "fault", at(.30), at(.37), [evidence("flat", "decision", 900, [16, -4, 2, 0], channel="pressure_bar", count=48),
                                                    evidence("network_quiet", "security", 12, [1, 1, -3, 0], trust="source")])
    drift = incident(2, "drift", at(.50), at(.58), [evidence("drift_slow", "decision", 1500, [2, 15, 1, 0], channel="oil_temp_c")],
                     things=["oil_temp_c"], acknowledged=True, actor="r.meier")
    attack = incident(3, "attack", at(.78), at(.86), [
        evidence("event_asset", "security", 4010, [-4, -4, 16, 0], event="config", trust="source"),
        evidence("recon", "security", 4000, [0, 0, 3, 0], event="recon", trust="none", count=1200),
        evidence("range", "decision", 4020, [9, 2, 4, 0], channel=HOSTILE)], state="revised",
        incident={"untrusted": True, "missing": ["trust", "clock", "assets"]}, things=["pressure_bar", HOSTILE, "flow", "speed", "torque"])
    change = incident(4, "change", at(.60), at(.605), [evidence("maintenance", "security", 30, [-2, -2, -2, 14], trust="source")], things=[])
    unknown = incident(5, "unknown", at(.61), at(.62), [evidence("rate", "decision", 31, [6, 1, 5, 0])])
    stat = [round(10 ** (-5 + (7 if .5 < k / n < .6 else 0) + math.sin(k / 5)), 6) * 1e6 for k in range(n)]
    verdict = [3 if .30 < k / n < .36 else 4 if .40 < k / n < .42 else 2 if .80 < k / n < .86 else 0 for k in range(n)]
    driven = channel(n, "", "", 50, 6)
    only = lambda c: {"lo": c["lo"], "hi": c["hi"]}
    return {
        "dura_story": 1, "dura": "0.1.0", "title": "Press line 3, night shift", "device": "press-line-3", "mode": "enforce",
        "mode_changed": True,
        "verify": {"word": "INTACT", "text": "the records are right, the log is closed.", "rule": "none", "rule_text": "every rule holds",
                   "file": "", "offset": 0, "gseq": 0, "closed": True, "rollback_excluded": False, "vouched": "--key",
                   "origin": "0f" * 16, "key": "ab" * 32, "demo_key": True, "development_key": True, "unsigned": False},
        "reading": {"complete": True, "text": "", "next_gseq": 5200},
        "policy": {"known": True, "matches": True, "drift": True, "correlate": True, "updates": True, "digest": "cd" * 32},
        "run": {"begin": iso(0), "end": iso(span), "begin_ms": BEGIN_MS, "ms": span, "axis": "wall", "clock_moved": False, "starts": 2,
                "decisions": 12 * n, "actions": [sum(a[i] for a in b["actions"]) for i in range(4)], "verdicts": [4000, 0, 300, 500, 0]},
        "words": {"actions": ["ACT", "HOLD", "FALLBACK", "STOP"], "verdicts": ["GOOD", "UNKNOWN", "SUSPECT", "FAIL", "MISSING"],
                  "guard_reasons": ["input", "substituted", "backend", "nonfinite", "range", "rate", "gate", "stopped", "recovering"],
                  "sensor_reasons": ["missing", "stale"]},
        "next": {"do": "isolate", "text": "Isolate the device from the network, keep it on its safe values, and call the SOC.",
                 "why": "Incident 3 is an attack (open), score 23, margin 18 decibans.", "incident": 4},
        "clock": [{"from": 0, "to": at(.45), "quality": "synced", "err_us": 20000},
                  {"from": at(.45), "to": at(.7), "quality": "holdover", "err_us": 180000000},
                  {"from": at(.7), "to": span, "quality": "unsynced", "err_us": None}],
        "buckets": b,
        "channels": [channel(n, "pressure_bar", "bar", 180, 22, verdict, [120, 150, 230, 260]), channel(n, "oil_temp_c", "Cel", 46, 2),
                     channel(n, HOSTILE, "mm/s", 2.5e-5, 4e-6, None, [None, 1e-5, 4e-5, 5e-5])],
        "outputs": [{"name": "valve_percent", "unit": "%", "lo": 40, "hi": 60, "safe": 45, "driven": only(driven),
                     "proposed": only(channel(n, "", "", 51, 6)), "model": only(channel(n, "", "", 52, 9))}],
        "drift": {"arl0": 2592000, "quantities": [
            {"name": "oil_temp_c", "of": "channel", "limit": 1e6, "why": ["short", "tails"], "n": 4800, "alarm": False, "alarms_left_out": 0,
             "alarms": [{"t": at(.5), "gseq": 1500, "direction": "up", "size": 1, "onset": 40, "of_limit": 4.77},
                        {"t": at(.6), "gseq": 1700, "direction": "back", "size": 0, "onset": 0, "of_limit": 0}], "statistic": stat},
            {"name": "valve_percent", "of": "output", "limit": 1e6, "why": [], "n": 4800, "alarm": False, "alarms_left_out": 0,
             "alarms": [], "statistic": [round(2 + math.sin(k / 7), 3) for k in range(n)]}]},
        "incidents": [fault, drift, change, unknown, attack], "incidents_left_out": 0, "incidents_recorded": True,
        "marks": marks,
        "unmarked": {"security": {"records": 900, "n": [k % 9 for k in range(240)], "severity": [0] * 240},
                     "decision": {"records": 0, "n": [], "severity": []}},
        "history": [line(0, 3, "start", "start 1: dura 0.1.0, mode observe, factory model 0011223344556677"),
                    line(0, 5, "model", "model 0011223344556677 begins, and answers from frame 0 on"),
                    line(at(.2), 700, "release", "brain release 7: accepted -> armed"),
                    line(at(.21), 710, "release", "brain release 7: armed -> probation (window)"),
                    line(at(.25), 760, "release", "brain release 7: probation -> rolled_back (disagree)"),
                    line(at(.4), 1200, "mode", "mode enforce"), line(at(.93), 4120, "override", f"stop by {HOSTILE}: smoke"),
                    line(at(.95), 4130, "operator", "incident 2 ack by r.meier: known")],
        "history_left_out": 3, "labels": 0, "gate": {"state": "rolled_back", "why": ["disagree"]},
        "health": {"records": {"security": 940, "decision": 4260}, "bytes": 1234567, "epochs": 9, "seals": 18, "sealed": 5190, "dropped": 12,
                   "recoveries": 1, "torn_bytes": 96, "boots": 2, "last_seal_security": line(at(.99), 4200, "seal", "epoch 9 sealed"),
                   "last_seal_decision": None, "troubles": [line(at(.9), 4100, "drop", "12 records were lost: no room")], "troubles_left_out": 0},
    }


def bare():
    """The least a story can be: nothing happened, and little is known."""
    s = full(2)
    s.update(incidents=[], marks=[], channels=[], outputs=[], drift=None, history=[], clock=[], title="bare")
    s["buckets"] = {k: [] for k in s["buckets"]}
    s["buckets"]["decisions_each"] = 1
    s["run"].update(begin=None, end=None, begin_ms=0, ms=0, axis="monotonic", starts=0, decisions=0, actions=[0] * 4)
    s["policy"] = {"known": False, "matches": None, "drift": False, "correlate": False, "updates": False}
    s["verify"] = {"word": None, "text": "the folder cannot be verified", "demo_key": False, "development_key": False, "unsigned": False}
    s["next"] = {"do": "nothing", "text": "Nothing.", "why": "There is no incident.", "incident": None}
    s["reading"] = {"complete": False, "text": "decision.log: damaged", "next_gseq": 0}
    s["unmarked"] = {}
    s["health"] = {}
    return s


DATA = re.compile(r'(<script type="application/json" id="story">)(.*?)(</script>)', re.S)


def data_of(page):
    return json.loads(DATA.search(page).group(2))


def with_story(page, story):
    text = json.dumps(story).replace("<", "\\u003c")
    return DATA.sub(lambda m: m.group(1) + text + m.group(3), page, count=1)
