# SPDX-License-Identifier: Apache-2.0
"""A press line, learned, guarded, broken and explained. Runs as a script, or cell by cell (# %%)
in an editor that knows notebooks. Needs nothing but dura; the files go to ./press_line."""
# %% A clean recording: one row per second, as a historian would export it
import csv
import json
import math
import pathlib
import random
import shutil

import dura

HOME = pathlib.Path("press_line")
shutil.rmtree(HOME, ignore_errors=True)
HOME.mkdir()
START = 1_790_000_000        # seconds since 1970
NOISE = random.Random(3)


def measure(second):
    """What the line's sensors say in one second of normal work."""
    load = math.sin(second / 40)
    return {"pressure_bar": 180 + 8 * load + NOISE.gauss(0, 0.5), "speed_mm_s": 120 - 5 * load + NOISE.gauss(0, 0.4),
            "oil_temp_c": 46 + load + NOISE.gauss(0, 0.1)}


with open(HOME / "clean.csv", "w", newline="", encoding="utf-8") as file:
    table = csv.DictWriter(file, ["time", "pressure_bar", "speed_mm_s", "oil_temp_c"])
    table.writeheader()
    for second in range(6000):
        table.writerow({"time": START + second, **{k: f"{v:.3f}" for k, v in measure(second).items()}})

# %% The model somebody trained: how far the valve opens
MODEL = {"dura_model": 1, "kind": "linear", "inputs": ["pressure_bar", "speed_mm_s"],
         "outputs": [{"name": "valve_percent", "bias": 5, "weights": [0.2, 0.1]}]}
(HOME / "model.json").write_text(json.dumps(MODEL))
print(dura.Model(HOME / "model.json").run({"pressure_bar": [180.0, 190.0], "speed_mm_s": [120.0, 115.0]}))

# %% Learn a policy that runs as it is: limits, envelope, references for drift
learned = dura.learn(HOME / "clean.csv", HOME / "model.json", spurious=1, name="press-line-3")
print(learned)
policy = learned.policy
policy["correlate"] = {"quiet_ms": 30_000}          # join both logs into incidents, on the device
policy["device"]["asset"] = 12                      # the number in our asset list
(HOME / "policy.json").write_text(json.dumps(policy, indent=1))
print(dura.feature_names(policy), "feed the model")

# %% A day that goes wrong: a door, then a pressure sensor that freezes
run_folder = HOME / "run"
with dura.Guard(HOME / "policy.json", HOME / "model.json", out=run_folder, state=HOME / "state") as guard:
    for second in range(600):
        now = START + 10_000 + second
        row = measure(second)
        if second == 295:
            guard.event(category="physical", type="cabinet_open", severity=4, asset=12, trust="source", time=now)
        if 300 <= second < 420:
            row["pressure_bar"] = 187.3
        decision = guard.step(row, now)
        if guard.incident and second % 60 == 59:
            print(second, decision.action, guard.incident.verdict, "drift:", guard.drift("pressure_bar").alarm)

# %% What happened? In a notebook the last line shows itself as a table
run = dura.Run(run_folder, HOME / "state")
incidents = run.incidents()
for incident in incidents:
    print(incident)
incidents[0] if incidents else None

# %% One decision in full: what was measured, which limit broke, what the model would have been given
why = run.why(frame=350)
for channel in why["measured"]:
    print(channel["name"], channel["value"], channel["verdict"], channel["reasons"])
print(why["action"], "|", "incident", why["incident"] and why["incident"]["id"])

# %% What a person knows becomes part of the record, signed, however late
run.label([{"frame": 350, "name": "pressure_bar", "value": 181.0}], actor="anna")
run.acknowledge(incidents[0], actor="anna", reason="sensor replaced")
print([r["detail"] for r in run.log if r.get("category") in ("label", "incident")], "label and word are in the log")

# %% And nobody can deny it
print(run.verify().word, "|", run.replay().equal, "decisions replayed bit for bit")
