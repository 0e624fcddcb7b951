# SPDX-License-Identifier: Apache-2.0
"""A run with something in it, and the register it is held against."""
import json

SL = {"IAC": 2, "UC": 2, "SI": 2, "DC": 1, "RDF": 1, "TRE": 2, "RA": 1}
MATRIX = [[1, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 6], [2, 4, 6, 8], [3, 5, 8, 9]]


def need(name):
    fr = "TRE" if name.startswith("CR 6") else "RA" if name.startswith("CR 7") else "UC" if name.startswith("CR 2") else "SI"
    return {"id": name, "fr": fr, "sl_t": 2, "sl_c": 2}


def entry(name, cause, controls, needs, iso=("A.7.4",), **more):
    return dict({"id": name, "title": f"what {name} is about", "cause": cause, "asset": "model",
                 "origin": {"aia": [], "hazards": ["H-1"], "threat_model": []}, "threats": [], "path": ["a", "model", "y"],
                 "edges": [], "conduits": [], "unmitigated": {"likelihood": 3, "severity": 3},
                 "requirements": {"62443": [need(n) for n in needs], "42001": list(iso), "law": []}, "compensating": [],
                 "controls": controls, "residual": {"likelihood": 1, "severity": 3}, "status": "treated", "reviewed": "2026-03-01"},
                **more)


def control(name, hook, on, **more):
    return dict({"id": name, "hook": hook, "on": on, "armed_percent": 90}, **more)


def register(**more):
    return dict({
        "dura_register": 1,
        "product": {"id": "test-bench", "version": "1", "intended_use": "a test", "owners": {"box": "us", "brain": "them"},
                    "risk_matrix": MATRIX, "tolerable": 3},
        "zones": [{"id": "Z", "sl_t": SL}], "conduits": [],
        "assets": [
            {"id": "a", "kind": "sensor", "zone": "Z", "owner": "box"}, {"id": "b", "kind": "sensor", "zone": "Z", "owner": "box"},
            {"id": "model", "kind": "model", "zone": "Z", "owner": "brain", "inputs": ["a", "b"], "drives": ["y"], "logs": ["log"]},
            {"id": "y", "kind": "actuator", "zone": "Z", "owner": "box"},
            {"id": "log", "kind": "log", "zone": "Z", "owner": "both", "stream": "decision", "retention_days": 400}],
        "impact_assessments": [],
        "hazards": [{"id": "H-1", "reference": "HAZOP 1", "severity": 3, "safe_state": "0", "safety_time_ms": 500}],
        "entries": [
            entry("R-1", "fault", ["K-RANGE"], ["CR 3.5"]),
            entry("R-2", "fault", ["K-RATE", "K-BOUND"], ["CR 3.6"], compensating=[
                {"for": "CR 3.6", "what": "a valve", "where": "the tank", "zone": "Z", "evidence": "drawing 7"}]),
            entry("R-3", "attack", ["K-SEAL"], ["CR 3.9"], iso=["A.6.2.8"], threats=["T0872", "AML.T0031"]),
            entry("R-4", "drift", ["K-DRIFT"], ["CR 6.2"], iso=["A.6.2.6", "A.2.2"], acceptance={
                "who": "N. Vidal", "role": "owner", "until": "2099-12-31", "reason": "<b>nobody</b> watches drift on the bench"})],
        "controls": [control("K-RANGE", "sensor.range", ["a", "b"]), control("K-RATE", "sensor.rate", ["b"]),
                     control("K-BOUND", "output.range", ["y"], reacts_ms=100), control("K-SEAL", "log.seal", ["log"]),
                     control("K-DRIFT", "drift.monitor", ["a"], delay_s=60)],
        "waivers": [{"rule": "boundary", "where": "model>log:drift", "reason": "a log does not drift", "who": "N. Vidal",
                     "until": "2099-12-31"}],
    }, **more)


def frames(n=700, start=1772344800):
    """One out of range, a jump, and a drive into the output's bound, each far from the others."""
    lines = ["time,a,b"]
    for i in range(n):
        a, b = (i % 40) - 20.5, (i % 90) * 2
        a = 150.0 if i == 300 else a
        b = 900.0 if i == 450 else b
        a, b = (60.0, 180.0) if i == 600 else (a, b)
        lines.append(f"{start + i},{a},{b}")
    return "\n".join(lines) + "\n"


def make(world, change=None, policy=None):
    """Run and register; the log's segments are small, so that there are some."""
    def small(p):
        p["logs"]["segment_bytes"] = 8192
        p["logs"]["seal_records"] = 100
        if policy:
            policy(p)
    world.write_policy(small)
    world.write("frames.csv", frames())
    ran = world.run()
    assert ran.returncode == 0, ran.stderr
    reg = register()
    if change:
        change(reg)
    world.write("register.json", json.dumps(reg))
    return world


def evidence(world, *more, out="pack", run=None):
    return world.dura("evidence", run or world.out, "--register", "register.json", "-o", out, "--state", world.state, *more)
