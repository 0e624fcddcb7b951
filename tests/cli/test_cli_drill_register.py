# SPDX-License-Identifier: Apache-2.0
"""`dura drill --register`, `dura risk bind` and B19 on the quickstart's recording, and a control weakened on purpose."""
import json
import pathlib

QUICK = pathlib.Path(__file__).resolve().parents[2] / "examples" / "quickstart"


def register(channel_policy="pressure_bar"):
    control = lambda i, hook, on: {"id": i, "hook": hook, "on": [on], "armed_percent": 90}
    entry = lambda i, cause, drills, controls: {
        "id": i, "title": i, "cause": cause, "origin": {}, "asset": "S-P", "drills": drills, "controls": controls,
        "unmitigated": {"likelihood": 3, "severity": 3}, "residual": {"likelihood": 2, "severity": 2},
        "requirements": {"62443": [{"id": "CR 3.5", "fr": "SI", "sl_t": 2, "sl_c": 2}], "42001": ["A.7.4"]},
        "status": "open", "reviewed": "2026-11-01"}
    return {
        "dura_register": 1,
        "product": {"id": "p", "version": "1", "intended_use": "u", "owners": {"box": "x", "brain": "y"}, "tolerable": 4,
                    "risk_matrix": [[1, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 6], [2, 4, 6, 8], [3, 5, 8, 9]]},
        "zones": [{"id": "Z", "sl_t": dict.fromkeys(["IAC", "UC", "SI", "DC", "RDF", "TRE", "RA"], 1)}], "conduits": [],
        "assets": [{"id": "S-P", "kind": "sensor", "zone": "Z", "owner": "box", "channels": [channel_policy]},
                   {"id": "M", "kind": "model", "zone": "Z", "owner": "brain", "inputs": ["S-P"]}],
        "impact_assessments": [], "hazards": [], "waivers": [],
        "entries": [entry("R-UNIT", "fault", ["unit"], ["K-RANGE"]), entry("R-DEAD", "fault", ["stuck", "dropout"], ["K-FLAT", "K-STALE"]),
                    entry("R-GONE", "misuse", [], ["K-WINDOW"])],
        "controls": [control("K-RANGE", "sensor.range", "S-P"), control("K-FLAT", "sensor.flat", "S-P"),
                     control("K-STALE", "sensor.stale", "S-P"), control("K-WINDOW", "gate.window", "M")],
    }


def drill(world, policy, out, *more):
    return world.dura("drill", "--register", "register.json", "--policy", policy, "--model", QUICK / "model.json",
                      "--frames", QUICK / "frames.csv", "--out", out, *more)


def test_every_entry_is_drilled_and_a_weak_control_is_exposed(world):
    world.write("register.json", json.dumps(register()))
    p = drill(world, QUICK / "policy.json", "good")
    assert p.returncode == 0, p.stderr
    assert "caught       R-UNIT" in p.stdout and "NOT DRILLED  R-GONE" in p.stdout and "2 of 3 entries drilled" in p.stdout
    good = json.loads((world.folder / "good" / "drill.json").read_text())
    assert {e["entry"]: e["result"] for e in good["entries"]} == {"R-UNIT": "caught", "R-DEAD": "caught", "R-GONE": "not_drilled"}
    assert "R-UNIT" in (world.folder / "good" / "drill.html").read_text()

    weak = json.loads((QUICK / "policy.json").read_text())
    weak["channels"][0].update(fail_lo=-1e9, suspect_lo=-1e9, suspect_hi=1e9, fail_hi=1e9)
    del weak["channels"][0]["rate_fail"]
    world.write("weak.json", json.dumps(weak))
    p = drill(world, "weak.json", "weak", "--fail-on", "missed")
    assert p.returncode == 1 and "MISSED       R-UNIT" in p.stdout and "weak: it does not notice" in p.stdout

    p = world.dura("risk", "check", "register.json", "--drill", "good/drill.json", "--no-documents", "--json")
    found = [(f["rule"], f["subject"]) for f in json.loads(p.stdout)["findings"]]
    assert ("B19", "R-GONE") in found and ("B19", "R-UNIT") not in found
    p = world.dura("risk", "check", "register.json", "--drill", "weak/drill.json", "--no-documents", "--json")
    assert ("B19", "R-UNIT:missed") in [(f["rule"], f["subject"]) for f in json.loads(p.stdout)["findings"]]


def test_the_same_drill_gives_the_same_bytes_and_refuses_what_it_cannot_mean(world):
    world.write("register.json", json.dumps(register()))
    one = drill(world, QUICK / "policy.json", "one", "--json").stdout
    assert one == drill(world, QUICK / "policy.json", "two", "--json").stdout
    assert drill(world, QUICK / "policy.json", "three", "--kinds", "stuck").returncode == 2
    world.write("register.json", json.dumps({**register(), "entries": [{**register()["entries"][0], "drills": ["stuk"]}]}))
    p = drill(world, QUICK / "policy.json", "four")
    assert p.returncode == 2 and "entries[0].drills[0]" in p.stderr
