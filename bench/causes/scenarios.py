# SPDX-License-Identifier: Apache-2.0
"""What happens in the plants: families of scenarios, public incidents, and the split.

A scenario is 40 minutes of one plant, the events its security sources sent, and what really
was. FAMILIES holds every verdict from obvious to subtle with its confusers; INCIDENTS holds
22 publicly known cases, each rebuilt as far as what both logs would have shown (the sources
are named in docs/correlate-benchmark.md; every line of data here is made up).

    scene = make("bias_after_login", "water", severity=2, seed=7)
    scene.rows, scene.times, scene.events, scene.truth, scene.accept, scene.span

SPLIT says which families and which plant weights may be set on. It was written down before
any weight was fitted; a change of it is a change of the benchmark and has to be named.
"""
import zlib

import numpy

from plants import PLANTS

ROWS = 2400                  # a scenario, one row a second
EPOCH = 1772431200           # 2026-03-02T06:00:00Z
ASSET, NEIGHBOUR, ELSEWHERE, ZONE = 3, 4, 90, 1

# What is looked at when weights are set. Everything else - the other families on every plant,
# and every family on the held-out plant - is only scored.
SPLIT = {
    "plants": ["press", "water"],
    "families": ["frozen", "dropout", "noisy_sensor", "frozen_during_scan", "wear", "new_product", "bias_after_login",
                 "stuck_after_exploit", "gateway_flood", "calibration", "maintenance_storm", "quiet_day"],
}


class Scene:
    """One plant's rows being made, and what is done to them."""

    def __init__(self, name, plant, severity, seed):
        mixed = zlib.crc32(("%s/%s/%d/%d" % (name, plant, severity, seed)).encode())
        self.name, self.plant, self.severity = name, PLANTS[plant], severity
        self.random = numpy.random.RandomState(mixed)
        self.seed = mixed
        self.begin = int(900 + self.random.randint(0, 300))
        self.last = self.begin + int(self.random.randint(300, 500))
        self.truth, self.accept = "normal", {"normal"}
        self.moved, self.done, self.events = {}, [], []
        self.skew = 0.0              # seconds the events' clock is off
        self.times = numpy.arange(ROWS, dtype=float)
        self.beats = True            # the intrusion detector says every minute that it lives
        self.blind = set()           # rows nobody sent

    # ---- truth

    def really(self, truth, *also):
        self.truth, self.accept = truth, {truth, *also}

    def size(self, obvious, middle, subtle):
        return {1: obvious, 2: middle, 3: subtle}[self.severity]

    def channel(self, status=False):
        """A channel that moves."""
        names = [c[0] for c in self.plant.channels if c[1] > 0 or status]
        return names[self.random.randint(len(names))]

    # ---- what is done to the process: it propagates

    def move(self, what, size, over=1, begin=None, until=None):
        begin = self.begin if begin is None else begin
        until = ROWS if until is None else until

        def value(t, begin=begin, until=until):
            return size * min(1.0, max(0.0, (t - begin) / float(over))) if t < until else 0.0

        self.moved[what] = value

    # ---- what is done to sensors: it does not

    def sensor(self, name, change, begin=None, last=None):
        """change(values, k) gives the values shown from begin to last, k counting from 0."""
        self.done.append((name, change, self.begin if begin is None else begin, self.last if last is None else last))

    def freeze(self, name, **span):
        self.sensor(name, lambda v, k: numpy.full_like(v, v[0]), **span)

    def bias(self, name, deviations, over=1, **span):
        size = deviations * self.deviation(name)
        self.sensor(name, lambda v, k: v + size * numpy.minimum(1.0, (k + 1) / float(over)), **span)

    def lose(self, name, **span):
        self.sensor(name, lambda v, k: numpy.full_like(v, numpy.nan), **span)

    def shake(self, name, times, **span):
        extra = self.plant.noise(name) * times
        noise = self.random.standard_normal(ROWS)
        self.sensor(name, lambda v, k: v + extra * noise[k], **span)

    def replay(self, names, length, **span):
        """The last `length` rows before the beginning, again and again."""
        begin = span.get("begin", self.begin)
        for name in names:
            self.sensor(name, ("replay", begin - length, length), **span)

    def deviation(self, name):
        """Usual spread of a channel, from a day nothing happens."""
        return usual(self.plant.name)[self.plant.index(name)]

    # ---- what the security sources say

    def event(self, t, category, kind, severity=3, asset=ASSET, **more):
        self.events.append(dict(t=float(t), category=category, type=kind, severity=severity, asset=asset, zone=ZONE
                                if asset in (ASSET, NEIGHBOUR) else 7, **more))

    def scan(self, t, asset=ELSEWHERE, n=6):
        for k in range(n):
            self.event(t + 2 * k, "recon", "port_scan", 3, asset, src="10.0.9.%d" % (5 + k % 3))

    def break_in(self, t, write=True):
        """Failed logins, one that works, and then a parameter written."""
        for k in range(4):
            self.event(t + 5 * k, "access", "login_failed", 4, actor="engineer", result="failed", src="10.0.9.5")
        self.event(t + 30, "access", "login", 4, actor="engineer", src="10.0.9.5")
        if write:
            self.event(t + 60, "config", "parameter_write", 6, actor="engineer", src="10.0.9.5")

    def download(self, t, severity=7):
        self.event(t, "config", "program_download", severity, actor="engineer", src="10.0.9.5")

    def announce(self, t, kind="maintenance"):
        self.event(t, kind, "work_order" if kind == "maintenance" else "recalibration", 1, actor="technician")

    # ---- the rows

    def finish(self):
        plant = self.plant
        rows, _ = plant.simulate(ROWS, self.seed & 0x7FFFFFFF, self.moved)
        for name, change, begin, last in self.done:
            column, last = plant.index(name), min(last, ROWS)
            if isinstance(change, tuple):
                _, source, length = change
                again = rows[source:source + length, column]
                rows[begin:last, column] = numpy.resize(again, last - begin)
            else:
                rows[begin:last, column] = change(rows[begin:last, column].copy(), numpy.arange(last - begin))
        self.rows = plant.rounded(rows)
        self.span = (self.begin, min(self.last, ROWS - 1))
        if self.beats:
            for t in range(0, ROWS, 60):
                self.event(t + .5, "heartbeat", "heartbeat", 0, 0)
        # Some records are lost on the way, whatever they are, but for the one that says most.
        loudest = max([e["severity"] for e in self.events] or [0])
        self.events = [e for e in self.events if e["severity"] == loudest or self.random.rand() > .03]
        for e in self.events:
            e["t"] += self.skew
        self.events.sort(key=lambda e: e["t"])
        return self


_usual = {}


def usual(plant):
    if plant not in _usual:
        rows, _ = PLANTS[plant].simulate(3600, 99)
        _usual[plant] = rows.std(axis=0)
    return _usual[plant]


# ---- families ----------------------------------------------------------------------------------

def first_of(plant, **names):
    return names[plant]


def frozen(s):
    s.really("fault")
    s.last = s.begin + s.size(400, 200, 90)
    s.freeze(s.channel())


def dropout(s):
    s.really("fault")
    s.last = s.begin + s.size(300, 60, 15)
    s.lose(s.channel())


def noisy_sensor(s):
    s.really("fault")
    s.shake(s.channel(), s.size(15, 8, 5))


def frozen_during_scan(s):
    frozen(s)
    s.scan(s.begin - s.random.randint(5, 60), n=20)


def bias_jump(s):
    """A sensor lies from one row to the next; nobody was there."""
    s.really("fault", "unknown")
    s.bias(s.channel(), s.size(12, 6, 4))


def ageing(s):
    """One of two that show the same wanders off."""
    s.really("fault")
    name = (s.plant.pairs or [("flow2", "")])[0][0]
    s.last = ROWS
    s.bias(name, s.size(8, 5, 3), over=s.size(300, 600, 900))


def machine_breaks(s):
    """The process itself breaks, and several sensors see it."""
    s.really("fault", "drift")
    s.last = ROWS
    s.move(first_of(s.plant.name, press="bearing", water="leak", chemical="fouling"), s.size(1.2, .8, .5), over=20)


def both_out_of_range(s):
    """Common cause: all that should agree leave their range together."""
    s.really("fault")
    names = [n for pair in s.plant.pairs for n in pair] or ["pressure1", "pressure2"]
    for name in names:
        s.bias(name, s.size(60, 40, 25))


def wear(s):
    s.really("drift")
    s.last = ROWS
    s.move(first_of(s.plant.name, press="thin_oil", water="pump_wear", chemical="fouling"), s.size(.8, .6, .4), over=1000)


def season(s):
    s.really("drift")
    s.last = ROWS
    s.move(first_of(s.plant.name, press="ambient", water="season", chemical="ambient"), s.size(1.5, 1.0, .7), over=900)


def new_product(s):
    s.really("drift")
    s.last = ROWS
    s.move(first_of(s.plant.name, press="product", water="new_district", chemical="recipe"), s.size(2.0, 1.5, 1.0), over=60)


def new_product_announced(s):
    new_product(s)
    s.really("drift", "change")
    s.announce(s.begin - 60)


def bias_after_login(s):
    s.really("attack")
    s.break_in(s.begin - 90)
    s.bias(s.channel(), s.size(10, 6, 3), over=s.size(1, 60, 200))


def stuck_after_exploit(s):
    s.really("attack", "unknown")
    s.event(s.begin - 20, "exploit", "unauthorized_command", 8)
    s.break_in(s.begin - 120)
    s.freeze(s.channel())


def gateway_flood(s):
    """Many channels vanish at once, as the network is built, not as the process is."""
    s.really("attack")
    s.event(s.begin - 5, "dos", "flood", 8)
    s.event(s.begin, "system", "device_reset", 5)
    for name in s.plant.names()[:s.size(6, 4, 3)]:
        s.lose(name)


def replayed(s):
    """A program is downloaded; then the sensors show a recording while the drive is changed."""
    s.really("attack")
    s.download(s.begin - 240)
    s.last = s.begin + 500
    s.move("drive", 1.0, over=30, begin=s.begin + 5)
    names = [c[0] for c in s.plant.channels if c[1] > 0]
    s.replay(names[:s.size(len(names), 5, 3)], s.size(21, 45, 90))


def shaped_as_drift(s):
    s.really("attack", "unknown")
    s.break_in(s.begin - 90)
    s.last = ROWS
    s.bias(s.channel(), s.size(8, 5, 3), over=900)


def shaped_as_noise(s):
    s.really("attack", "unknown")
    s.event(s.begin - 10, "exploit", "injection", 8)
    s.shake(s.channel(), s.size(15, 8, 5))


def log_cleared(s):
    s.really("attack")
    s.download(s.begin - 60)
    s.event(s.begin - 30, "audit", "log_cleared", 7, actor="engineer")
    s.bias(s.channel(), s.size(10, 6, 4))


def set_point_written(s):
    """The process really goes where nobody authorised it to go."""
    s.really("attack")
    s.break_in(s.begin - 90, write=False)
    s.event(s.begin, "config", "setpoint_write", 7, actor="engineer", src="10.0.9.5")
    s.move("setpoint", s.size(2.0, 1.2, .8), over=5)


def silent_manipulation(s):
    """Several sensors are moved against each other; the network saw nothing."""
    s.really("attack", "unknown")
    names = [c[0] for c in s.plant.channels if c[1] > 0][:3]
    for k, name in enumerate(names):
        s.bias(name, (-1) ** k * s.size(8, 5, 3), over=30)


def calibration(s):
    s.really("change")
    s.announce(s.begin - 40, "calibration")
    s.last = ROWS
    s.bias(s.channel(), s.size(8, 5, 3))


def maintenance_storm(s):
    """Work was announced: many logins, writes, a sensor off and on."""
    s.really("change")
    s.announce(s.begin - 120)
    for k in range(s.size(4, 8, 16)):
        s.event(s.begin - 100 + 11 * k, "access", "login", 2, actor="technician")
        s.event(s.begin - 95 + 11 * k, "config", "parameter_write", 4, actor="technician")
    name = s.channel()
    s.lose(name, last=s.begin + 40)
    s.bias(name, 5, begin=s.begin + 40)


def updated(s):
    """An update took effect, and what is driven is different afterwards."""
    s.really("change")
    s.event(s.begin - 5, "update", "release", 1, actor="vendor")
    s.last = ROWS
    s.move("setpoint", s.size(2.0, 1.2, .8), over=5)


def operator_works(s):
    """A set point is changed by somebody who may and says so."""
    s.really("change")
    s.announce(s.begin - 60)
    s.event(s.begin - 30, "access", "login", 2, actor="shift_lead")
    s.event(s.begin, "config", "setpoint_write", 4, actor="shift_lead")
    s.last = ROWS
    s.move("setpoint", s.size(2.0, 1.2, .8), over=5)


def quiet_day(s):
    s.begin, s.last = 0, ROWS - 1


def noisy_detector(s):
    """Alerts all day, and nothing is wrong."""
    s.begin, s.last = 0, ROWS - 1
    for k in range(s.size(40, 120, 300)):
        t = s.random.randint(10, ROWS - 10)
        kind = s.random.randint(3)
        if kind == 0:
            s.scan(t, n=1)
        elif kind == 1:
            s.event(t, "access", "login_failed", 3, NEIGHBOUR, actor="printer", result="failed")
        else:
            s.event(t, "exploit", "protocol_violation", 5, ELSEWHERE)


FAMILIES = {f.__name__: f for f in (
    frozen, dropout, noisy_sensor, frozen_during_scan, bias_jump, ageing, machine_breaks, both_out_of_range,
    wear, season, new_product, new_product_announced,
    bias_after_login, stuck_after_exploit, gateway_flood, replayed, shaped_as_drift, shaped_as_noise, log_cleared,
    set_point_written, silent_manipulation,
    calibration, maintenance_storm, updated, operator_works, quiet_day, noisy_detector)}


# ---- public incidents, as both logs would have shown them ------------------------------------------
# name: (plant, verdicts that are right, what happens). Numbers as in docs/correlate-benchmark.md.

def stuxnet(s):
    s.event(s.begin - 290, "access", "login", 4, actor="engineer", src="10.0.9.5")
    replayed(s)


def triton(s):
    name = s.plant.pairs[0][0]
    s.bias(name, 15, last=s.begin + 60)
    s.event(s.begin - 200, "network", "engineering_protocol", 4)
    s.download(s.begin + 45)
    s.event(s.begin + 50, "audit", "log_cleared", 6)
    s.bias(name, 8, begin=s.begin + 60)


def frostygoop(s):
    for k in range(6):
        s.event(s.begin - 60 + 5 * k, "config", "parameter_write", 6, src="203.0.113.9")
    s.event(s.begin - 120, "config", "firmware_downgrade", 7)
    for name in [c[0] for c in s.plant.channels if c[1] > 0][:3]:
        s.bias(name, 8)


def maroochy(s):
    s.event(s.begin - 100, "access", "unknown_station", 5, result="success")
    s.event(s.begin - 60, "config", "config_change", 7, detail="alarm settings")
    s.event(s.begin - 30, "exploit", "spoof", 7)
    s.bias("level2", 8)
    s.freeze("flow2")


def oldsmar(s):
    s.event(s.begin - 60, "access", "session_start", 3, actor="operator", detail="remote tool")
    s.event(s.begin, "config", "setpoint_write", 6, actor="operator")
    s.event(s.begin + 120, "config", "setpoint_write", 3, actor="operator")
    s.last = s.begin + 120
    s.move("recipe", 5.0, over=2, until=s.begin + 120)


def lion_air(s):
    s.begin, s.last = 30, ROWS
    s.bias(s.plant.pairs[0][0], 15)
    s.announce(1)


def ariane(s):
    for pair in s.plant.pairs:
        for name in pair:
            s.bias(name, 80)


def acoustic(s):
    s.bias("vibration", 6)
    tone = numpy.sin(numpy.arange(ROWS) * 1.9)
    size = 4 * s.deviation("vibration")
    s.sensor("vibration", lambda v, k: v + size * tone[k])


def gyroscope(s):
    s.last = s.begin + 60
    s.shake("speed", 10)
    s.bias("speed", 5)


def taped_sign(s):
    s.last = s.begin + 20
    s.bias("demand_flow", 9)


def slow_pull(s):
    s.last = ROWS
    s.bias("flow1" if s.plant.name == "water" else "speed", 6, over=700)


def poisoned(s):
    for k in range(3):
        s.event(s.begin - 200 + 60 * k, "config", "parameter_write", 5, src="10.0.9.5")
    s.last = ROWS
    s.bias("t1", 6, over=1000)


def labelled_normal(s):
    s.event(s.begin + 120, "maintenance", "work_order", 1, actor="operator", detail="labelled as normal")
    s.last = ROWS
    s.bias("motor_current", 6)


def machine_b(s):
    s.announce(s.begin - 100)
    s.last = ROWS
    s.move("product", 2.0, over=10)


def winter(s):
    s.last = ROWS
    s.move(first_of(s.plant.name, press="ambient", water="season", chemical="ambient"), 1.5, over=1200)


def gas_sensor(s):
    s.last = ROWS
    s.bias("t2", 6, over=1200)


def fuxnet(s):
    gateway_flood(s)


def model_replaced(s):
    s.event(s.begin - 200, "config", "file_write", 7, detail="model")
    s.event(s.begin - 10, "audit", "log_stopped", 6)
    s.move("setpoint", 3.0, over=1)


def log_cut(s):
    s.event(s.begin, "audit", "log_lost", 7)
    s.blind = set(range(s.begin, s.begin + 300))


def time_attack(s):
    s.event(s.begin - 5, "config", "config_change", 6, detail="time server")
    s.event(s.begin, "exploit", "spoof", 7, detail="time service")
    s.times[s.begin:] -= 7200.0


def benign_storm(s):
    s.scan(s.begin - 60, asset=ASSET, n=60)
    s.move("bearing", 1.2, over=30)
    s.last = ROWS


def broken_update(s):
    s.event(s.begin - 2, "update", "release", 1, actor="vendor")
    s.last = ROWS
    s.move("setpoint", 3.0, over=1)


INCIDENTS = {
    "01_stuxnet": ("chemical", {"attack"}, stuxnet),
    "02_triton": ("chemical", {"attack"}, triton),
    "03_frostygoop": ("water", {"attack"}, frostygoop),
    "04_maroochy": ("water", {"attack"}, maroochy),
    "05_oldsmar": ("chemical", {"unknown", "change"}, oldsmar),
    "06_lion_air": ("press", {"fault"}, lion_air),
    "07_ariane": ("press", {"fault"}, ariane),
    "08_acoustic": ("press", {"attack", "unknown"}, acoustic),
    "09_gyroscope": ("press", {"attack", "unknown"}, gyroscope),
    "10_taped_sign": ("water", {"attack", "unknown"}, taped_sign),
    "11_slow_pull": ("press", {"attack", "unknown"}, slow_pull),
    "12_poisoned": ("chemical", {"attack"}, poisoned),
    "13_labelled_normal": ("press", {"change"}, labelled_normal),
    "14_machine_b": ("press", {"drift", "change"}, machine_b),
    "15_winter": ("water", {"drift"}, winter),
    "16_ageing": ("chemical", {"fault"}, gas_sensor),
    "17_fuxnet": ("water", {"attack"}, fuxnet),
    "18_model_replaced": ("press", {"attack"}, model_replaced),
    "19_log_cut": ("chemical", {"attack", "unknown"}, log_cut),
    "20_time_attack": ("chemical", {"attack", "unknown"}, time_attack),
    "21_benign_storm": ("press", {"fault"}, benign_storm),
    "22_broken_update": ("press", {"change", "fault"}, broken_update),
}


def make(name, plant, severity, seed):
    """A family's scenario. Every third one has events whose clock is off by up to 3 s."""
    s = Scene(name, plant, severity, seed)
    if seed % 3 == 0:
        s.skew = s.random.uniform(-3.0, 3.0)
    FAMILIES[name](s)
    return s.finish()


def make_incident(name, seed):
    plant, right, happens = INCIDENTS[name]
    s = Scene(name, plant, 1, seed)
    happens(s)
    s.truth, s.accept = sorted(right)[0], set(right)
    return s.finish()


def clean(plant, rows, seed):
    """Operation in which nothing happens, and what the control drove."""
    values, command = PLANTS[plant].simulate(rows, seed)
    return PLANTS[plant].rounded(values), command
