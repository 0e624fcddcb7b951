# SPDX-License-Identifier: Apache-2.0
"""Drift: has the world moved away from the reference?"""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from . import _abi, _columns, _names, _policy, errors
from ._columns import Rows
from ._load import lib
from ._policy import Source
from .errors import DuraError, check

_ORDER = _abi.DURA_DRIFT_ORDER_MAX


@dataclass(frozen=True)
class Reference:
    """What one quantity looked like when all was well. Made by learn_reference()."""

    n: int                       #: samples it was learned from; 0: exactly known
    mean: float
    deviation: float             #: of what the autoregression leaves
    phi: Tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    resolution: float = 0.0      #: smallest step seen
    clip: float = 0.0            #: standardised samples are cut to plus and minus this; 0: 6
    why: Tuple[str, ...] = ()    #: why the asked rate cannot be promised: short, correlated, tails, ...
    hold: float = 0.0            #: held: frames a value stays, on average
    low: float = 0.0             #: bounds of the samples, which are then bet on; both 0: none
    high: float = 0.0

    @property
    def promises(self) -> bool:
        """The asked rate of false alarms can be kept."""
        return not self.why

    def to_policy(self, of: str) -> Dict[str, Any]:
        """The member of a policy's "drift": {"references": []}."""
        return {"of": of, "why": _why_bits(self.why), "n": self.n, "mean": self.mean, "deviation": self.deviation,
                **{f"phi{i + 1}": value for i, value in enumerate(self.phi)},
                "resolution": self.resolution, "clip": self.clip, "hold": self.hold, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class DriftAlarm:
    """A channel left its reference, or came back to it (direction "back", no alarm)."""

    channel: str
    row: int                     #: sample of the monitor, from 0
    direction: str               #: up, down, wider, narrower; back
    size: Optional[float]        #: shift in deviations, or ratio of the spreads; None for back
    onset_row: Optional[int]     #: where the change is thought to have begun; None for back
    ratio: float                 #: statistic / limit
    why: Tuple[str, ...]         #: why no rate is promised for this channel; empty: it is

    @property
    def back(self) -> bool:
        return self.direction == "back"


@dataclass(frozen=True)
class DriftState:
    """One watched quantity as it stands."""

    alarm: bool                  #: drifted, and not back yet
    direction: str               #: of the likeliest change
    size: float                  #: of that change: shift in deviations, or ratio of the spreads
    onset: int                   #: samples since it is thought to have begun
    statistic: float
    limit: float                 #: alarm at this
    z: float                     #: last sample, in deviations
    n: int                       #: samples judged
    why: Tuple[str, ...]


def why_words(bits: int) -> Tuple[str, ...]:
    return _names.bits(_abi.DURA_NAME_DRIFT_WHY, bits)


def _why_bits(words: Sequence[str]) -> int:
    known = {_names.name(_abi.DURA_NAME_DRIFT_WHY, bit): 1 << bit for bit in range(6)}
    unknown = [word for word in words if word not in known]
    if unknown:
        raise ValueError(f"why: {unknown[0]!r} is not one of {', '.join(known)}")
    return sum(known[word] for word in set(words))


def _direction(value: int) -> str:
    return _names.name(_abi.DURA_NAME_DRIFT, value)


def state_of(call: Any, handle: Any, index: int) -> DriftState:
    """What dura_drift_query or dura_guard_drift says."""
    s = _abi.dura_drift_state()
    s.struct_size = ctypes.sizeof(s)
    check(call(handle, index, ctypes.byref(s)))
    return DriftState(bool(s.alarm), _direction(s.direction), s.size, s.onset, s.statistic, s.limit, s.z, s.n,
                      why_words(s.why))


def _to_c(reference: Reference) -> _abi.dura_drift_reference:
    r = _abi.dura_drift_reference()
    r.struct_size, r.n, r.mean, r.deviation = ctypes.sizeof(r), reference.n, reference.mean, reference.deviation
    r.phi[:] = (tuple(reference.phi) + (0.0,) * _ORDER)[:_ORDER]
    r.resolution, r.clip, r.why = reference.resolution, reference.clip, _why_bits(reference.why)
    r.hold, r.low, r.high = reference.hold, reference.low, reference.high
    return r


def learn_reference(x: Sequence[Optional[float]], order: int = 4) -> Reference:
    """The reference of one quantity from clean samples in order; None or NaN is missing.
    order: highest autoregression tried, 0..4. Look at .why before you rely on a rate."""
    if not 0 <= order <= _ORDER:
        raise ValueError(f"order is {order}, want 0..{_ORDER}")
    values, gone = _columns.missing(x)
    infinite = next((i for i, value in enumerate(values) if value - value != 0), None)
    if infinite is not None:
        raise ValueError(f"sample {infinite} is infinite, or too large for a float: a reference wants finite ones")
    if len(values) - sum(gone) < 8:
        too_few = errors.BY_CODE[_abi.DURA_ENOENT]
        raise too_few(f"{len(values) - sum(gone)} samples are too few to learn from: give 8, better 1000")
    out = _abi.dura_drift_reference()
    out.struct_size = ctypes.sizeof(out)
    check(lib.dura_drift_learn(ctypes.byref(out), values.buffer_info()[0], gone, len(values), order))
    return Reference(out.n, out.mean, out.deviation, tuple(out.phi), out.resolution, out.clip, why_words(out.why),
                     out.hold, out.low, out.high)


def _of_policy(policy: Source) -> Tuple[Dict[str, Reference], float]:
    image = _policy.policy_image(policy)
    heads, who = _policy.records(image, "drift"), _policy.watched(image)
    if not heads:
        raise ValueError("the policy watches no drift: it has no \"drift\" member")
    if heads[0]["detector"] != 0:
        raise ValueError("the policy's detector is a chart: this is the mixture; dura.watch() has what the device has")
    return {who[r["of"]]: Reference(r["n"], r["mean"], r["deviation"], tuple(r[f"phi{i + 1}"] for i in range(_ORDER)),
                                    r["resolution"], r["clip"], why_words(r["why"]), r["hold"], r["low"], r["high"])
            for r in _policy.records(image, "references")}, heads[0]["arl0"]


class Drift:
    """A monitor over named quantities, asked for one false alarm in `arl0` samples, all together.

        monitor = dura.Drift.learn(clean, arl0=100_000)
        for row in live:
            for alarm in monitor.update(row):
                print(alarm.channel, alarm.direction, alarm.onset_row)

    references: {name: Reference}; or a policy (path, dict, image) with references, whose arl0 then
    is the default. restart: after an alarm the statistic starts anew at once; without, there is
    one alarm, then silence until the channel has come back. One thread at a time.
    """

    def __init__(self, references: Union[Mapping[str, Reference], Source], arl0: Optional[float] = None, *,
                 restart: bool = False) -> None:
        given = references
        if not (isinstance(given, Mapping) and all(isinstance(r, Reference) for r in given.values())):
            given, asked = _of_policy(given)
            arl0 = asked if arl0 is None else arl0
        if arl0 is None:
            raise ValueError("arl0 is missing: how many samples between two false alarms?")
        self.references: Dict[str, Reference] = dict(given)
        self.names: Tuple[str, ...] = tuple(self.references)
        self.arl0 = float(arl0)
        self._rows = 0
        self._build(restart)

    def _build(self, restart: bool) -> None:
        config = _abi.dura_drift_config()
        config.struct_size, config.n_channels, config.arl0 = ctypes.sizeof(config), len(self.names), self.arl0
        config.flags = _abi.DURA_DRIFT_RESTART * restart
        size = lib.dura_drift_bytes(ctypes.byref(config))
        if size == 0:
            raise ValueError(f"{len(self.names)} references, arl0 {self.arl0:g}: want 1..1024, and 100..1e9")
        self._memory, self._handle = (ctypes.c_uint64 * (size // 8 + 1))(), ctypes.c_void_p()
        check(lib.dura_drift_init(ctypes.byref(self._handle), self._memory, size, ctypes.byref(config)))
        for i, (name, reference) in enumerate(self.references.items()):
            try:
                check(lib.dura_drift_attach(self._handle, i, ctypes.byref(_to_c(reference))))
            except DuraError as error:
                raise type(error)(f"reference {name!r}: {error}: {reference}", error.code, field=name) from None
        self._facts = (_abi.dura_fact * max(1, len(self.names)))()

    @classmethod
    def learn(cls, rows: Rows, arl0: float, *, order: int = 4, names: Optional[Sequence[str]] = None,
              restart: bool = False) -> "Drift":
        """A monitor with a reference learned for every column of clean data (names: for these)."""
        wanted = list(names) if names is not None else _columns.names_of(rows)
        columns = _columns.matrix(rows, wanted).columns()
        return cls({name: learn_reference(columns[name], order) for name in wanted}, arl0, restart=restart)

    def _alarm(self, fact: _abi.dura_fact, row: int) -> DriftAlarm:
        direction, size, onset, ratio = fact.value
        back = direction == _abi.DURA_DRIFT_BACK
        return DriftAlarm(self.names[fact.channel], row, _direction(direction), None if back else size / 1000,
                          None if back else row - onset, ratio / 1000, why_words(fact.reasons))

    def update(self, values: Union[Mapping[str, Optional[float]], Sequence[Optional[float]]]) -> List[DriftAlarm]:
        """One sample of everything, by name (others are left alone, a name left out is missing) or
        in the order of `names`. What there is to say about it, usually nothing."""
        if isinstance(values, Mapping):
            values = [values.get(name) for name in self.names]
        if len(values) != len(self.names):
            raise ValueError(f"{len(values)} values for {len(self.names)} references: {', '.join(self.names)}")
        given, gone = _columns.missing(values)
        n = check(lib.dura_drift_update(self._handle, given.buffer_info()[0], gone, len(given), self._facts,
                                        len(self.names)))
        row, self._rows = self._rows, self._rows + 1
        return [self._alarm(self._facts[i], row) for i in range(n)]

    def alarms(self, rows: Rows) -> Iterator[DriftAlarm]:
        """A whole recording, one update() after the other."""
        given = _columns.matrix(rows, self.names)
        width = len(self.names)
        flat = given.flat if given.style == _columns.ARRAY else given.flat.reshape(-1)
        for at in range(0, given.frames * width, width):
            yield from self.update(flat[at:at + width])

    def state(self, name: str) -> DriftState:
        if name not in self.references:
            raise KeyError(f"{name!r} is not watched; there are {', '.join(self.names)}")
        return state_of(lib.dura_drift_query, self._handle, self.names.index(name))

    def states(self) -> Dict[str, DriftState]:
        return {name: self.state(name) for name in self.names}

    def reset(self) -> None:
        """Begin anew, as if no sample had come."""
        check(lib.dura_drift_reset(self._handle))
        self._rows = 0

    def save(self) -> bytes:
        """The state as portable bytes (docs/formats/drift.md): any target goes on from them."""
        length = ctypes.c_size_t()
        lib.dura_drift_save(self._handle, None, ctypes.byref(length))
        room = ctypes.create_string_buffer(length.value)
        check(lib.dura_drift_save(self._handle, room, ctypes.byref(length)))
        return room.raw[:length.value]

    def load(self, saved: bytes) -> None:
        """Go on from saved bytes: the same references and arl0. Rows are counted from here."""
        check(lib.dura_drift_load(self._handle, bytes(saved), len(saved)))
        self._rows = 0

    def to_policy(self) -> Dict[str, Any]:
        """The "drift" member of a policy."""
        return {"arl0": self.arl0, "references": [r.to_policy(name) for name, r in self.references.items()]}
