# SPDX-License-Identifier: Apache-2.0
"""How often is the model right, with few labels or none? As intervals, with the reasons they may not hold."""
from __future__ import annotations

import ctypes
from array import array
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple

from . import _abi, errors
from ._load import lib
from .errors import check

_WHY = (("no_labels", _abi.DURA_ACCURACY_NO_LABELS), ("few_labels", _abi.DURA_ACCURACY_FEW_LABELS),
        ("out_of_support", _abi.DURA_ACCURACY_OUT_OF_SUPPORT), ("unknowable", _abi.DURA_ACCURACY_UNKNOWABLE),
        ("contradicted", _abi.DURA_ACCURACY_CONTRADICTED), ("no_groups", _abi.DURA_ACCURACY_NO_GROUPS),
        ("no_opinions", _abi.DURA_ACCURACY_NO_OPINIONS), ("short", _abi.DURA_ACCURACY_SHORT))
_CALLS = lib.dura_accuracy_part().contents
_INT, _U32, _FLOAT, _PTR = ctypes.c_int, ctypes.c_uint32, ctypes.c_float, ctypes.c_void_p


def _call(field: str, result: Any, *arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(result, *arguments)(getattr(_CALLS, field))


_bytes = _call("bytes", ctypes.c_size_t, _PTR)
_init = _call("init", _INT, _PTR, _PTR, ctypes.c_size_t, _PTR, _PTR)
_update = _call("update", _INT, _PTR, _FLOAT, _U32, _U32)
_label = _call("label", _INT, _PTR, _FLOAT, _U32, _U32)
_query = _call("query", _INT, _PTR, _PTR)
_reset = _call("reset", _INT, _PTR)
_save = _call("save", _INT, _PTR, _PTR, _PTR)
_load = _call("load", _INT, _PTR, _PTR, ctypes.c_size_t)
_update_slice = _call("update_slice", _INT, _PTR, _U32, _FLOAT, _U32, _U32)
_label_slice = _call("label_slice", _INT, _PTR, _U32, _FLOAT, _U32, _U32)
_slice = _call("slice", _INT, _PTR, _U32, _PTR, _PTR)


@dataclass(frozen=True)
class AccuracyReference:
    """What is pinned with the model. Made by learn_accuracy()."""

    n: int                          #: decisions of known truth
    groups: int                     #: batches, days, units it was checked on
    opinions: int                   #: second opinions per decision
    edges: Tuple[float, ...]        #: of confidence
    values: Tuple[float, ...]       #: share expected to be right, per cell
    accuracy: float
    base: float                     #: mean value
    all: float                      #: share where all, where any opinions agree
    any: float
    margin: float                   #: half width from the groups' errors
    drop: float
    outside: float
    level: float

    @classmethod
    def _of(cls, r: _abi.dura_accuracy_reference) -> "AccuracyReference":
        cells = (r.n_edges + 1) * (r.opinions + 1)
        return cls(r.n, r.groups, r.opinions, tuple(r.edge[:r.n_edges]), tuple(r.value[:cells]), r.accuracy, r.base, r.all,
                   r.any, r.margin, r.drop, r.outside, r.level)

    def _c(self) -> _abi.dura_accuracy_reference:
        r = _abi.dura_accuracy_reference()
        r.struct_size, r.n, r.groups = ctypes.sizeof(r), self.n, self.groups
        r.n_edges, r.opinions = len(self.edges), self.opinions
        r.edge[:len(self.edges)], r.value[:len(self.values)] = self.edges, self.values
        for name in ("accuracy", "base", "all", "any", "margin", "drop", "outside", "level"):
            setattr(r, name, getattr(self, name))
        return r


@dataclass(frozen=True)
class AccuracyState:
    """An estimate, its interval and why it may not hold."""

    estimate: float
    low: float
    high: float
    level: float
    reference: float             #: "nothing changed"
    outside: float               #: share of inputs said to be outside
    decisions: int               #: weighed
    labels: int
    why: Tuple[str, ...]         #: no_labels, unknowable, contradicted, ...; empty: nothing


@dataclass(frozen=True)
class AccuracySlice:
    """One operating condition."""

    slice: int
    alarm: bool                  #: labels prove it worse than its limit
    limit: float
    statistic: float
    threshold: float             #: alarm at this
    alarm_at: Optional[int]      #: labels of all slices so far when it came
    state: AccuracyState


def _whole(name: str, values: Optional[Sequence[Any]], kind: str, n: int) -> Optional[array]:
    if values is None:
        return None
    out = array(kind, values)
    if len(out) != n:
        raise ValueError(f"{name}: {len(out)} values for {n} decisions")
    return out


def learn_accuracy(correct: Sequence[Any], *, agree: Optional[Sequence[int]] = None, opinions: int = 0,
                   confidence: Optional[Sequence[float]] = None, outside: Optional[Sequence[Any]] = None,
                   group: Optional[Sequence[int]] = None, level: float = 0.9) -> AccuracyReference:
    """From decisions of known truth that the model was not trained on. agree: how many of `opinions`
    second opinions agree. group: 0 for rows drawn like the training data, a number per batch, day or
    unit the model had not seen."""
    n, err = len(correct), _abi.dura_error()
    columns = {"confidence": _whole("confidence", confidence, "f", n), "agree": _whole("agree", agree, "I", n),
               "correct": _whole("correct", [int(c) for c in correct], "B", n),
               "outside": _whole("outside", None if outside is None else [int(o) for o in outside], "B", n),
               "group": _whole("group", group, "I", n)}
    rows, out = _abi.dura_accuracy_rows(), _abi.dura_accuracy_reference()
    rows.struct_size, rows.opinions, rows.n, rows.level = ctypes.sizeof(rows), opinions, n, level
    out.struct_size = ctypes.sizeof(out)
    for name, column in columns.items():
        setattr(rows, name, None if column is None else column.buffer_info()[0])
    check(lib.dura_accuracy_learn(ctypes.byref(out), ctypes.byref(rows), ctypes.byref(err)), err)
    return AccuracyReference._of(out)


def _state(s: _abi.dura_accuracy_state) -> AccuracyState:
    return AccuracyState(s.estimate, s.low, s.high, s.level, s.reference, s.outside, s.decisions, s.labels,
                         tuple(name for name, bit in _WHY if s.why & bit))


class Accuracy:
    """Counts decisions and labels, answers with an interval.

        a = dura.Accuracy(reference, limits=[.9, .9, .85])      # three operating conditions
        a.update(agree=3, slice=1)
        a.label(True, agree=3, slice=1)                         # however late
        a.state().low, a.worst().alarm

    window, keep_labels: the last so many to twice as many are weighed; 0: all. limits: one per slice;
    every: labels between false alarms, all slices together. One thread at a time.
    """

    def __init__(self, reference: AccuracyReference, *, window: int = 0, keep_labels: int = 0,
                 limits: Sequence[float] = (), every: int = 0) -> None:
        config, ref = _abi.dura_accuracy_config(), reference._c()
        self.reference, self.limits = reference, tuple(limits)
        room = (ctypes.c_float * max(1, len(self.limits)))(*self.limits)
        config.struct_size, config.window, config.labels = ctypes.sizeof(config), window, keep_labels
        config.slices, config.every = len(self.limits), every
        config.limit = ctypes.addressof(room) if self.limits else None
        size = _bytes(ctypes.byref(config))
        if size == 0:
            raise ValueError("want up to 32 limits above 0 and below 1, every 100..1e9, keep_labels up to 65535")
        self._memory, self._handle = (ctypes.c_uint64 * (size // 8 + 1))(), ctypes.c_void_p()
        check(_init(ctypes.byref(self._handle), self._memory, size, ctypes.byref(config), ctypes.byref(ref)))

    def update(self, *, confidence: float = 0.0, agree: int = 0, outside: bool = False, slice: Optional[int] = None) -> None:
        """One decision."""
        if slice is None:
            check(_update(self._handle, confidence, agree, outside))
        else:
            check(_update_slice(self._handle, slice, confidence, agree, outside))

    def label(self, correct: bool, *, confidence: float = 0.0, agree: int = 0, slice: Optional[int] = None) -> bool:
        """The truth about a decision, with what it was made with. True: its slice is in alarm."""
        if slice is None:
            return bool(check(_label(self._handle, confidence, agree, bool(correct))))
        return bool(check(_label_slice(self._handle, slice, confidence, agree, bool(correct))))

    def state(self) -> AccuracyState:
        s = _abi.dura_accuracy_state()
        s.struct_size = ctypes.sizeof(s)
        check(_query(self._handle, ctypes.byref(s)))
        return _state(s)

    def slice(self, index: int) -> AccuracySlice:
        o, s = _abi.dura_accuracy_slice(), _abi.dura_accuracy_state()
        o.struct_size, s.struct_size = ctypes.sizeof(o), ctypes.sizeof(s)
        check(_slice(self._handle, index, ctypes.byref(o), ctypes.byref(s)))
        return AccuracySlice(o.slice, bool(o.alarm), o.limit, o.statistic, o.threshold, o.alarm_at or None, _state(s))

    def worst(self) -> AccuracySlice:
        """A slice in alarm, else the one whose estimate is furthest below its limit."""
        return self.slice(_abi.DURA_ACCURACY_WORST)

    def slices(self) -> List[Optional[AccuracySlice]]:
        """All; None where nothing was decided yet."""
        out: List[Optional[AccuracySlice]] = []
        for i in range(len(self.limits)):
            try:
                out.append(self.slice(i))
            except errors.BY_CODE[_abi.DURA_ENOENT]:
                out.append(None)
        return out

    def reset(self) -> None:
        check(_reset(self._handle))

    def save(self) -> bytes:
        """The state as portable bytes (docs/formats/accuracy.md)."""
        length = ctypes.c_size_t()
        _save(self._handle, None, ctypes.byref(length))
        room = ctypes.create_string_buffer(length.value)
        check(_save(self._handle, room, ctypes.byref(length)))
        return room.raw[:length.value]

    def load(self, saved: bytes) -> None:
        """Go on from saved bytes: same reference, windows and slices."""
        check(_load(self._handle, ctypes.c_char_p(bytes(saved)), len(saved)))
