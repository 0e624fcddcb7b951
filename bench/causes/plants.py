# SPDX-License-Identifier: Apache-2.0
"""Three plants on paper: a press line, a water network, a chemical loop.

Each is a small closed loop under the control it had before any model came: what is simulated
is the process, what is returned are the sensors. One row a second, plain arithmetic and
Mersenne Twister numbers: the same seed gives the same rows everywhere. Nothing here knows
dura. Orders of magnitude are those of such plants; no figure is a real plant's.

    plant = PLANTS["water"]
    rows, commands = plant.simulate(3600, seed, {"leak": lambda t: 0.0})

A disturbance is a function of the row number that moves one parameter of the process: it
propagates as the plant lets it. What is done to a sensor alone is done to the rows afterwards
(scenarios.py).
"""
import math

import numpy


class Plant:
    """name, channels [(name, noise, resolution)], inputs of the model, its output."""

    name = ""
    channels = []
    inputs = []
    output = ""
    pairs = []          # channels that show the same thing
    disturbances = []   # what simulate() takes

    def names(self):
        return [c[0] for c in self.channels]

    def index(self, name):
        return self.names().index(name)

    def noise(self, name):
        return self.channels[self.index(name)][1]

    def simulate(self, n, seed, moved=None):
        """n rows (n x channels) as the sensors show them, and what the control drove."""
        random = numpy.random.RandomState(seed)
        moved = moved or {}
        unknown = set(moved) - set(self.disturbances)
        if unknown:
            raise ValueError("%s knows no disturbance %s" % (self.name, sorted(unknown)))
        shocks = random.standard_normal((n + self.settle, self.shocks))
        state = self.begin(random)
        truth = numpy.empty((n, len(self.channels)))
        command = numpy.empty(n)
        for t in range(-self.settle, n):
            at = {d: (moved[d](t) if d in moved and t >= 0 else 0.0) for d in self.disturbances}
            row, u = self.step(state, t, shocks[t + self.settle], at)
            if t >= 0:
                truth[t] = row
                command[t] = u
        noise = numpy.array([c[1] for c in self.channels])
        rows = truth + noise * random.standard_normal(truth.shape)
        return rows, command

    def rounded(self, rows):
        """As the converters of the sensors give it."""
        steps = numpy.array([c[2] for c in self.channels])
        return numpy.round(rows / steps) * steps


class Press(Plant):
    """A pump, a proportional valve, a cylinder; the model drives the valve."""

    name, output = "press", "valve"
    channels = [("p1", .12, .05), ("p2", .12, .05), ("oil_temp", .05, .01), ("motor_current", .06, .01),
                ("vibration", .05, .005), ("speed", .12, .01), ("load", 2.0, .1), ("valve_fb", .08, .01)]
    inputs = ["p1", "p2", "oil_temp", "speed", "load"]
    pairs = [("p1", "p2")]
    disturbances = ["thin_oil", "bearing", "ambient", "setpoint", "product", "drive"]
    settle, shocks = 600, 4

    def begin(self, random):
        return {"p": 165.0, "load": 400.0, "oil": 47.5, "valve": 50.0, "wander": 0.0, "phase": random.uniform(0, 60)}

    def step(self, s, t, e, at):
        stroke = math.sin(2 * math.pi * (t + s["phase"]) / 24.0)
        want = 400.0 + 60.0 * stroke + 45.0 * at["product"]
        s["load"] += .6 * (want - s["load"]) + 3.0 * e[0]
        s["oil"] += .01 * (47.5 + 6.0 * at["ambient"] + 4.0 * at["bearing"] - s["oil"]) + .02 * e[1]
        thin = 1.0 + at["thin_oil"] + .012 * (s["oil"] - 47.5)
        s["p"] += .5 * (165.0 + .55 * (s["valve"] - 50.0) - .012 * (s["load"] - 400.0) - 4.0 * (thin - 1.0)
                        + 6.0 * at["drive"] - s["p"]) + .15 * e[2]
        s["wander"] = .97 * s["wander"] + .05 * e[3]
        goal = 165.0 + 2.0 * at["setpoint"]
        command = 50.0 + 1.6 * (goal - s["p"]) + .012 * (s["load"] - 400.0) + s["wander"]
        s["valve"] += .7 * (command - s["valve"])
        speed = 40.0 + .45 * (s["valve"] - 50.0) + .2 * (s["p"] - 165.0) + 2.5 * (thin - 1.0) - .006 * (s["load"] - 400.0)
        current = 29.5 + .008 * (s["load"] - 400.0) + .10 * (s["p"] - 165.0) + 1.2 * at["bearing"] + .9 * at["drive"]
        vibration = 2.4 + .001 * (s["load"] - 400.0) + .9 * at["bearing"] + .5 * at["drive"]
        return [s["p"], s["p"] - .05, s["oil"], current, vibration, speed, s["load"], s["valve"]], command


class Water(Plant):
    """Two pumps, three tanks in a row, a day of demand in half an hour; the model drives pump 2."""

    name, output = "water", "pump2"
    channels = [("level1", .01, .001), ("level2", .01, .001), ("level3", .01, .001), ("flow1", .6, .1),
                ("flow2", .5, .1), ("pressure1", .15, .01), ("pressure2", .15, .01), ("demand_flow", .5, .1),
                ("pump1_status", 0.0, 1.0)]
    inputs = ["level2", "level3", "flow1", "pressure2", "demand_flow"]
    pairs = []
    disturbances = ["leak", "pump_wear", "season", "setpoint", "new_district", "drive"]
    settle, shocks = 1800, 4

    def begin(self, random):
        return {"l": [3.0, 2.5, 2.0], "on": 1.0, "q2": 40.0, "wander": 0.0, "phase": random.uniform(0, 1800)}

    def step(self, s, t, e, at):
        demand = 60.0 + 14.0 * math.sin(2 * math.pi * (t + s["phase"]) / 1800.0) + 12.0 * at["season"] \
            + 10.0 * at["new_district"]
        s["wander"] = .95 * s["wander"] + .8 * e[0]
        demand += s["wander"]
        if s["l"][0] < 2.6:
            s["on"] = 1.0
        elif s["l"][0] > 3.4:
            s["on"] = 0.0
        q1 = s["on"] * (98.0 * (1.0 - .2 * at["pump_wear"]) - 3.0 * (s["l"][0] - 3.0)) * (1.0 + .3 * at["drive"])
        goal = 2.5 + .4 * at["setpoint"]
        command = 58.0 + 45.0 * (goal - s["l"][1]) + .5 * (demand - 60.0)
        s["q2"] += .3 * (command - s["q2"]) + .3 * e[1]
        q3 = .55 * demand + 8.0 * (s["l"][1] - s["l"][2] - .5)
        s["l"][0] += (q1 - s["q2"] - 6.0 * at["leak"]) / 9000.0
        s["l"][1] += (s["q2"] - q3 - .3 * demand) / 6000.0
        s["l"][2] += (q3 - .55 * demand) / 5000.0
        pressure1 = 32.0 + 2.0 * (s["l"][0] - 3.0) + .06 * q1 - 1.8 * at["leak"]
        pressure2 = 27.0 + 2.0 * (s["l"][1] - 2.5) + .10 * s["q2"] - .05 * demand - 1.0 * at["leak"]
        return [s["l"][0], s["l"][1], s["l"][2], q1 + 6.0 * at["leak"], s["q2"], pressure1, pressure2, demand, s["on"]], command


class Loop(Plant):
    """A stirred reactor with a cooling jacket; the model drives the coolant valve."""

    name, output = "chemical", "coolant"
    channels = [("t1", .10, .01), ("t2", .10, .01), ("jacket", .10, .01), ("feed", .15, .01), ("pressure", .8, .1),
                ("level", .06, .01), ("concentration", .004, .0005), ("coolant_flow", .3, .05)]
    inputs = ["t1", "jacket", "feed", "concentration"]
    pairs = [("t1", "t2")]
    disturbances = ["fouling", "catalyst", "ambient", "setpoint", "recipe", "drive"]
    settle, shocks = 6000, 4

    def begin(self, random):
        return {"t": 120.0, "j": 95.0, "c": .40, "lev": 50.0, "feed": 20.0, "valve": 40.0, "sum": 0.0,
                "phase": random.uniform(0, 900)}

    def step(self, s, t, e, at):
        goal_feed = 20.0 + .8 * math.sin(2 * math.pi * (t + s["phase"]) / 900.0) + 1.5 * at["recipe"]
        s["feed"] += .2 * (goal_feed - s["feed"]) + .05 * e[0]
        rate = s["c"] * math.exp(.035 * (s["t"] - 120.0)) * (1.0 - .25 * at["catalyst"])
        s["c"] += .004 * (s["feed"] / 20.0 * .65 - s["c"] - .625 * rate) + .0004 * e[1]
        heat = 1.0 - .3 * at["fouling"]
        s["t"] += .02 * (64.0 * rate - .80 * heat * (s["t"] - s["j"]) - .28 * (s["feed"] - 20.0)) + .03 * e[2]
        s["j"] += .06 * (.25 * heat * (s["t"] - s["j"]) - .17 * (s["valve"] * (1.0 - .5 * at["drive"]) - 40.0)
                         - 6.25 + 2.0 * at["ambient"] - .15 * (s["j"] - 95.0)) + .03 * e[3]
        error = s["t"] - (120.0 + 2.0 * at["setpoint"])
        s["sum"] = min(4000.0, max(-4000.0, s["sum"] + error))
        command = 40.0 + 3.0 * error + .02 * s["sum"]
        s["valve"] += .5 * (min(90.0, max(5.0, command)) - s["valve"])
        s["lev"] += .02 * (50.0 + .5 * (s["feed"] - 20.0) - s["lev"]) + .02 * e[0]
        pressure = 300.0 + 3.0 * (s["t"] - 120.0) + 1.5 * (s["lev"] - 50.0)
        flow = .8 * s["valve"] * (1.0 - .5 * at["drive"])
        return [s["t"], s["t"] + .02, s["j"], s["feed"], pressure, s["lev"], s["c"], flow], command


PLANTS = {p.name: p for p in (Press(), Water(), Loop())}
