# SPDX-License-Identifier: Apache-2.0
"""Registers out of a seed, complete, and gaps planted into them one by one.

A register has cells: two or three sensors, a model, an actuator, a data set, an update channel and
a log, with five entries. A gap is a change of one cell; it returns the rule that must find it and
the subject. What a gap touches is named, so that none hides another.
"""
import hashlib
import random

FR = ("IAC", "UC", "SI", "DC", "RDF", "TRE", "RA")


def need(cr, fr, sl_t=2, sl_c=2):
    return {"id": cr, "fr": fr, "sl_t": sl_t, "sl_c": sl_c}


def levels(rng):
    return {fr: rng.randint(0, 2) for fr in FR}


class Cell:
    """One model and what is around it; its objects go into the register's lists."""

    def __init__(self, rng, n, single):
        self.n, self.rng = n, rng
        self.zones = [{"id": f"Z{n}-{z}", "sl_t": levels(rng)} for z in ("cell", "ops", "lab")]
        cell, ops, lab = (z["id"] for z in self.zones)
        self.conduits = [
            {"id": f"C{n}-ops", "from": cell, "to": ops, "protocol": "OPC UA", "direction": "both"},
            {"id": f"C{n}-lab", "from": cell, "to": lab, "protocol": "files", "direction": "both"}]
        self.sensors = [f"S{n}-{k}" for k in range(1 if single else rng.randint(2, 3))]
        model, self.actuator = f"M{n}", f"A{n}"
        self.model, self.data, self.update, self.log = model, f"D{n}", f"U{n}", f"L{n}"
        self.assets = [{"id": s, "kind": "sensor", "zone": cell, "owner": "box", "part": f"p{k}", "bus": f"b{k}"}
                       for k, s in enumerate(self.sensors)]
        self.assets[0]["logs"] = [self.data]
        self.assets += [
            {"id": model, "kind": "model", "zone": cell, "owner": "brain", "inputs": list(self.sensors),
             "drives": [self.actuator], "logs": [self.log]},
            {"id": self.actuator, "kind": "actuator", "zone": cell, "owner": "box"},
            {"id": self.data, "kind": "dataset", "zone": lab, "owner": "brain", "trains": [model]},
            {"id": self.update, "kind": "update", "zone": lab, "owner": "brain", "updates": [model]},
            {"id": self.log, "kind": "log", "zone": ops, "owner": "both", "stream": "decision", "retention_days": 400}]
        self.hazard = {"id": f"H{n}", "reference": "HAZOP", "severity": 4, "safe_state": "shut", "safety_time_ms": 300}
        self.aia = {"id": f"AIA{n}", "document": f"aia{n}.md", "version": "1", "date": "2026-02-01", "approver": "N. N.",
                    "sha256": hashlib.sha256(str(n).encode()).hexdigest()}
        self.controls = [
            {"id": f"K{n}-{name}", "hook": hook, "on": on, "armed_percent": 90, **more} for name, hook, on, more in (
                ("vote", rng.choice(["sensor.vote", "sensor.parity"]), list(self.sensors), {}),
                ("range", "sensor.range", list(self.sensors), {}),
                ("safe", "output.fallback", [self.actuator], {"reacts_ms": 100}),
                ("drift", rng.choice(["drift.monitor", "drift.histogram"]), [model], {"delay_s": 3600}),
                ("train", "export.training", [self.data], {}),
                ("gate", "gate.verify", [self.update], {}),
                ("anchor", "log.anchor", [self.log], {}))]
        self.make_entries()
        self.evidence = [{"control": c["id"], "armed_s": 86400, "drilled": 1, "caught": 1} for c in self.controls]
        self.assessed = {"id": self.aia["id"], "sha256": self.aia["sha256"]}

    def entry(self, name, cause, asset, path, edges, conduits, needs, controls, origin):
        n = self.n
        return {"id": f"R{n}-{name}", "title": f"{cause} at {asset}", "cause": cause,
                "origin": {"aia": [self.aia["id"]], **origin}, "asset": asset, "path": path, "edges": edges,
                "conduits": conduits, "unmitigated": {"likelihood": 4, "severity": 4}, "requirements": {
                    "62443": needs, "42001": self.rng.sample(["A.6.2.4", "A.6.2.6", "A.7.4", "A.7.5"], 2)},
                "controls": [f"K{n}-{c}" for c in controls], "residual": {"likelihood": 1, "severity": 4},
                "status": "treated", "reviewed": "2026-03-01"}

    def make_entries(self):
        s, m, a = self.sensors, self.model, self.actuator
        near = [[x, m] for x in s] + [[m, a]]
        far = [[s[0], self.data], [self.data, m], [self.update, m], [m, self.log]]
        ops, lab = (c["id"] for c in self.conduits)
        ot, hazard = {"threat_model": ["TM-1"]}, {"hazards": [self.hazard["id"]]}
        way = [s[0], m, a]
        self.entries = {
            "attack": self.entry("attack", "attack", m, way, near, [ops],
                                 [need("CR 3.5", "SI"), need("CR 6.2", "TRE")], ["vote", "range"], hazard),
            "drift": self.entry("drift", "drift", m, way, near + far, [lab], [need("CR 6.2", "TRE")], ["drift"], hazard),
            "fault": self.entry("fault", "fault", m, way, near + far, [ops],
                                [need("CR 3.6", "SI"), need("CR 3.7", "SI")], ["vote", "safe"], hazard),
            "update": self.entry("update", "attack", self.update, [self.update, m, a], far[2:3], [lab],
                                 [need("EDR 3.10", "SI"), need("CR 3.4", "SI")], ["gate"], ot),
            "data": self.entry("data", "attack", self.data, [self.data, m, self.log], far[:2] + far[3:], [lab],
                               [need("CR 3.9", "SI")], ["train", "anchor"], ot)}

    def control(self, name):
        return next(c for c in self.controls if c["id"] == f"K{self.n}-{name}")

    def row(self, name):
        return next(e for e in self.evidence if e["control"] == f"K{self.n}-{name}")


# ---- gaps: (what they touch, single-sensor cell?, change(cell, beside) -> (rule, subject)) -----------

GAPS = {}


def gap(touches, single=False):
    def keep(change):
        GAPS[change.__name__] = (touches.split(), single, change)
        return change
    return keep


@gap("drift")
def b1_without_assessment(c, _):
    c.entries["drift"]["origin"]["aia"] = []
    return "B1", f"R{c.n}-drift:ai"


@gap("update")
def b1_without_hazard(c, _):
    c.entries["update"]["origin"]["threat_model"] = []
    return "B1", f"R{c.n}-update:ot"


@gap("data")
def b2_without_requirement(c, _):
    c.entries["data"]["requirements"]["62443"] = []
    return "B2", f"R{c.n}-data:62443"


@gap("fault")
def b2_without_control_of_42001(c, _):
    del c.entries["fault"]["requirements"]["42001"]
    return "B2", f"R{c.n}-fault:42001"


@gap("attack")
def b3_component_below(c, _):
    c.entries["attack"]["requirements"]["62443"][0].update(sl_t=3)
    return "B3", f"R{c.n}-attack:CR 3.5"


@gap("drift zone")
def b3_below_the_zone(c, _):
    c.zones[0]["sl_t"]["TRE"] = 2
    c.entries["drift"]["requirements"]["62443"][0].update(sl_t=1)
    return "B3", f"R{c.n}-drift:CR 6.2"


@gap("update gate")
def b4_entry_without_control(c, _):
    c.entries["update"]["controls"] = []
    return "B4", f"R{c.n}-update"


@gap("spare")
def b4_control_without_entry(c, _):
    c.controls.append({"id": f"K{c.n}-spare", "hook": "sensor.flat", "on": [c.sensors[0]], "armed_percent": 1})
    return "B4", f"K{c.n}-spare"


@gap("range")
def b5_never_armed(c, _):
    c.row("range").update(armed_s=0)
    return "B5", f"K{c.n}-range"


@gap("vote")
def b5_armed_too_little(c, _):
    c.row("vote").update(armed_s=86400 * 9 // 10 - 1)
    return "B5", f"K{c.n}-vote"


@gap("safe")
def b5_not_heard_of(c, _):
    c.evidence.remove(c.row("safe"))
    return "B5", f"K{c.n}-safe"


@gap("fault-residual")
def b6_nobody_accepts(c, _):
    c.entries["fault"]["residual"] = {"likelihood": 4, "severity": 4}
    return "B6", f"R{c.n}-fault"


@gap("data-residual")
def b6_acceptance_ended(c, _):
    c.entries["data"]["residual"] = {"likelihood": 4, "severity": 4}
    c.entries["data"]["acceptance"] = {"who": "N. N.", "role": "owner", "until": "2026-11-22", "reason": "trial"}
    return "B6", f"R{c.n}-data"


@gap("gate update")
def b7_never_drilled(c, _):
    c.row("gate").update(drilled=0, caught=0)
    return "B7", f"R{c.n}-update"


@gap("drift-evidence")
def b7_drill_missed(c, _):
    c.row("drift").update(caught=0)
    return "B7", f"R{c.n}-drift"


@gap("inputs")
def b8_unguarded(c, _):
    last = c.sensors[-1]
    c.control("vote")["on"].remove(last)
    c.control("range")["on"].remove(last)
    return "B8", last


@gap("drift drift-evidence")
def b9_without_drift(c, _):
    c.entries["drift"]["cause"] = "misuse"
    return "B9", f"{c.model}:drift"


@gap("fault fault-residual safe")
def b9_without_fault(c, _):
    c.entries["fault"]["cause"] = "misuse"
    return "B9", f"{c.model}:fault"


@gap("conduit")
def b10_not_assessed(c, _):
    for e in c.entries.values():
        e["conduits"] = [x for x in e["conduits"] if x != f"C{c.n}-ops"]
    return "B10", f"C{c.n}-ops"


@gap("conduit")
def b10_not_declared(c, _):
    lab = c.conduits.pop()["id"]
    for e in c.entries.values():
        e["conduits"] = [x for x in e["conduits"] if x != lab]
    return "B10", f"{c.update}>{c.model}"


@gap("log")
def b11_log_forgotten(c, _):
    c.entries["data"]["path"].pop()
    return "B11", c.log


@gap("assessment")
def b12_changed(c, _):
    c.assessed["sha256"] = hashlib.sha256(b"another word").hexdigest()
    return "B12", c.aia["id"]


@gap("review")
def b12_review_too_old(c, _):
    c.entries["attack"]["reviewed"] = "2026-01-31"
    return "B12", f"R{c.n}-attack"


@gap("attack-controls vote")
def b13_range_against_an_attack(c, _):
    c.entries["attack"]["controls"] = [f"K{c.n}-range"]
    return "B13", f"R{c.n}-attack"


@gap("drift-control")
def b13_monitor_without_delay(c, _):
    del c.control("drift")["delay_s"]
    return "B13", f"R{c.n}-drift"


@gap("fallback fault")
def b13_fallback_too_slow(c, _):
    c.control("safe")["reacts_ms"] = 301
    return "B13", f"R{c.n}-fault"


@gap("sensors", single=True)
def b14_one_sensor(c, _):
    return "B14", c.actuator


@gap("sensors inputs", single=True)
def b14_second_sensor_only_trains(c, _):
    c.assets.append({"id": f"S{c.n}-x", "kind": "sensor", "zone": c.assets[0]["zone"], "owner": "box", "logs": [c.data],
                     "part": "px", "bus": "bx"})
    return "B14", c.actuator


@gap("sensors paths", single=True)
def b14_without_paths(c, _):
    for name, way in (("attack", [c.model]), ("drift", []), ("fault", []), ("update", [c.update, c.model])):
        c.entries[name]["path"] = way
    return "B14", c.actuator


@gap("fault fallback paths")
def b13_without_path_and_fallback(c, _):
    c.entries["fault"]["path"] = []
    c.control("safe").pop("reacts_ms")
    return "B13", f"R{c.n}-fault"


@gap("sensors")
def b15_one_bus(c, _):
    for a in c.assets:
        if a["kind"] == "sensor":
            a["bus"] = "one"
    return "B15", c.actuator


@gap("sensors")
def b15_parts_unknown(c, _):
    for a in c.assets:
        a.pop("part", None)
    return "B15", c.actuator


@gap("retention")
def b16_too_short(c, _):
    next(a for a in c.assets if a["kind"] == "log")["retention_days"] = 364
    return "B16", c.log


@gap("hooks")
def b17_unknown_hook(c, beside):
    beside["hooks"].append("gate.shadow")
    return "B17", "gate.shadow"


@gap("waiver")
def b18_ended(c, beside):
    where = f"{c.update}>{c.model}:attack"
    beside["waivers"].append({"rule": "boundary", "where": where, "who": "N. N.", "reason": "later", "until": "2026-11-22"})
    return "B18", where


# ---- the whole ------------------------------------------------------------------------------------

def make(seed, gaps):
    """(register, evidence, planted): the register of a seed with the number of gaps wanted."""
    rng = random.Random(seed)
    count = rng.randint(4, 7)
    chosen, taken, names = [], set(), sorted(GAPS)
    start = seed * gaps                          # every kind has its turn
    for k in range(len(names) * 3):
        name = names[(start + k) % len(names)]
        cell = rng.randrange(count)
        touches, single, _ = GAPS[name]
        keys = {(cell, t) for t in touches} | ({name} if name.startswith("b17") else set())
        if len(chosen) < gaps and not keys & taken and not (single and (cell, "inputs") in taken):
            taken |= keys
            chosen.append((cell, name))
    singles = {cell for cell, name in chosen if GAPS[name][1]}
    cells = [Cell(rng, n, n in singles) for n in range(count)]
    beside = {"hooks": sorted({c["hook"] for cell in cells for c in cell.controls}), "waivers": []}
    planted = [GAPS[name][2](cells[cell], beside) for cell, name in chosen]
    register = {"dura_register": 1, "product": {
        "id": f"line-{seed}", "version": "1", "intended_use": "test", "owners": {"box": "a", "brain": "b"},
        "risk_matrix": [[1, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 6], [2, 4, 6, 8], [3, 5, 8, 9]], "tolerable": 3}}
    register.update({k: [x for cell in cells for x in getattr(cell, k)] for k in ("zones", "conduits", "assets")})
    register["impact_assessments"] = [cell.aia for cell in cells]
    register["hazards"] = [cell.hazard for cell in cells]
    register["entries"] = [e for cell in cells for e in cell.entries.values()]
    register["controls"] = [x for cell in cells for x in cell.controls]
    register["waivers"] = beside["waivers"]
    evidence = {"dura_evidence": 1, "period_s": 86400, "controls": [x for cell in cells for x in cell.evidence],
                "assessments": [cell.assessed for cell in cells], "hooks": beside["hooks"]}
    return register, evidence, planted


PROFILE = {"dura_profile": 1, "name": "test", "retention": [{"stream": "decision", "days": 365, "source": "test"}]}
