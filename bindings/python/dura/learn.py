# SPDX-License-Identifier: Apache-2.0
"""learn: from a clean recording to a policy that runs as it is."""
from __future__ import annotations

import ctypes
import json
import os
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import _abi
from ._load import lib
from ._names import PathLike
from .drift import why_words
from .errors import check

_FLAGS = (("required", _abi.DURA_LEARN_REQUIRED), ("constant", _abi.DURA_LEARN_CONSTANT),
          ("empty", _abi.DURA_LEARN_EMPTY), ("short", _abi.DURA_LEARN_SHORT), ("heavy", _abi.DURA_LEARN_HEAVY),
          ("no_flat", _abi.DURA_LEARN_NO_FLAT), ("gaps", _abi.DURA_LEARN_GAPS),
          ("nonfinite", _abi.DURA_LEARN_NONFINITE), ("kept", _abi.DURA_LEARN_KEPT))
_REFUSED = ("", "nothing", "few_rows", "slow", "broken", "unasked")


@dataclass(frozen=True)
class LearnedChannel:
    """What there is to say about one channel."""

    name: str
    flags: Tuple[str, ...]       #: required, constant, empty, short, heavy, no_flat, gaps, nonfinite
    drift_why: Tuple[str, ...]   #: why no rate of drift alarms is promised
    seen_lo: float
    seen_hi: float
    fail_lo: float
    fail_hi: float
    rate_fail: float             #: per second; 0: not checked
    flat_fail: float             #: seconds; 0: not checked
    max_age: float               #: seconds
    expected: float              #: spurious trips per 30 days by this channel
    suspect_lo: float            #: above suspect_hi: there are none
    suspect_hi: float


@dataclass(frozen=True)
class LearnedFamily:
    """Checks of one kind over all channels: one limit, one part of the promise."""

    name: str
    refused: str                 #: why it is not in the policy: nothing, few_rows, slow, broken, unasked; "": it is
    checks: int
    limit: float                 #: in deviations; of rule in spans, of joint in T2
    factor: float                #: what held-out blocks multiplied it by
    promised: float              #: trips per 30 days
    realised: float              #: ... in the held-out blocks
    least: float                 #: ... the rates that agree with that count, 95 %
    most: float
    trips: int                   #: that count


@dataclass(frozen=True)
class Learned:
    """A policy and how good it is. save() writes what a Guard wants."""

    policy: Dict[str, Any]
    policy_text: str
    model: Optional[Dict[str, Any]]      #: the constant model of a policy that only watches; None: there was one
    model_text: Optional[str]
    report: Dict[str, Any]               #: figures of dura_learn_report: rows, asked, expected, trips, ...
    channels: Tuple[LearnedChannel, ...]
    families: Tuple[LearnedFamily, ...]
    notes: Tuple[str, ...]               #: what was left out, is not promised or looks wrong

    def save(self, policy: PathLike, model: Optional[PathLike] = None) -> None:
        """Write policy.json; model: where the constant model goes, when there is one."""
        with open(policy, "w", encoding="utf-8") as file:
            file.write(self.policy_text)
        if self.model_text is not None and model is not None:
            with open(model, "w", encoding="utf-8") as file:
                file.write(self.model_text)

    def __str__(self) -> str:
        r = self.report
        head = (f"{r['rows']} rows, {r['channels']} channels: {r['expected']:.3g} spurious trips per 30 days expected, "
                f"{r['asked']:.3g} asked; {r['trips']} in the recording itself")
        return "\n".join([head] + [f"  {note}" for note in self.notes])


def _text(text: Optional[PathLike]) -> Optional[bytes]:
    return None if text is None else os.fsencode(os.fspath(text))


def _list(names: Optional[Sequence[str]]) -> Optional[bytes]:
    if names is None:
        return None
    wrong = [name for name in names if "," in name]
    if wrong:
        raise ValueError(f"{wrong[0]!r}: a name in a list may not hold a comma")
    return ",".join(names).encode()


def _channel(handle: ctypes.c_void_p, index: int) -> Optional[LearnedChannel]:
    c = _abi.dura_learn_channel()
    c.struct_size = ctypes.sizeof(c)
    rc = lib.dura_learned_channel(handle, index, ctypes.byref(c))
    if rc == _abi.DURA_ENOENT:
        return None
    check(rc)
    flags = tuple(name for name, bit in _FLAGS if c.flags & bit)
    return LearnedChannel(c.name.decode(), flags, why_words(c.drift_why),
                          c.seen_lo, c.seen_hi, c.fail_lo, c.fail_hi, c.rate_fail, c.flat_fail_ns / 1e9,
                          c.max_age_ns / 1e9, c.expected, c.suspect_lo, c.suspect_hi)


def _family(handle: ctypes.c_void_p, index: int) -> Optional[LearnedFamily]:
    f = _abi.dura_learn_family()
    f.struct_size = ctypes.sizeof(f)
    rc = lib.dura_learned_family(handle, index, ctypes.byref(f))
    if rc == _abi.DURA_ENOENT:
        return None
    check(rc)
    return LearnedFamily(f.name.decode(), _REFUSED[f.refused], f.checks, f.limit, f.factor, f.promised, f.realised,
                         f.least, f.most, f.trips)


def _each(one: Any) -> List[Any]:
    """one(0), one(1), ... until there is no more."""
    found: List[Any] = []
    while (item := one(len(found))) is not None:
        found.append(item)
    return found


def _report(handle: ctypes.c_void_p) -> Dict[str, Any]:
    r = _abi.dura_learn_report()
    r.struct_size = ctypes.sizeof(r)
    check(lib.dura_learned_query(handle, ctypes.byref(r)))
    return {field[0]: getattr(r, field[0]) for field in r._fields_ if field[0] not in ("struct_size", "reserved")}


def learn(frames: PathLike, model: Optional[PathLike] = None, *, spurious: float = 1.0, holdout: float = 0.0,
          outputs: Optional[Sequence[str]] = None, baseline: Optional[Sequence[str]] = None,
          exclude: Optional[Sequence[str]] = None, name: Optional[str] = None, time_column: Optional[str] = None,
          time_format: Optional[str] = None, period: float = 0.0, checks: Optional[Sequence[str]] = None,
          resolution: float = 0.0, keep: Optional[PathLike] = None, drift: Optional[Sequence[str]] = None,
          detector: Optional[str] = None, shift: float = 0.0) -> Learned:
    """A policy from a CSV file of clean operation.

    model: path of the model to be guarded; None: watch only. spurious: trips per 30 days you can
    live with. holdout: last share of the rows that is run through what was learned from the others.
    outputs, baseline, exclude: columns, as docs/cmd/learn.md says. period: of the frames, in
    seconds; 0: the median step. checks: families of further checks, () for none; None: all.
    resolution: of the device, in units; keep: a policy whose limits win.
    drift: "histogram", "mspc"; detector, shift: a chart instead of the mixture. Limits, references and features come from C alone.
    """
    options, handle, err = _abi.dura_learn_options(), ctypes.c_void_p(), _abi.dura_error()
    options.struct_size = ctypes.sizeof(options)
    options.frames, options.model, options.name = _text(frames), _text(model), None if name is None else name.encode()
    options.outputs, options.baseline, options.exclude = _list(outputs), _list(baseline), _list(exclude)
    options.time_column, options.time_format = _text(time_column), _text(time_format)
    options.spurious, options.holdout, options.period_ns = spurious, holdout, round(period * 1e9)
    options.checks = None if checks is None else _list(checks) or b"none"
    options.resolution, options.keep = resolution, _text(keep)
    options.drift, options.shift = _list(drift), shift
    options.detector = None if detector is None else detector.encode()
    check(lib.dura_learn_csv(ctypes.byref(handle), ctypes.byref(options), ctypes.byref(err)), err)
    try:
        length = ctypes.c_size_t()
        policy = lib.dura_learned_policy(handle, ctypes.byref(length)).decode()
        constant = lib.dura_learned_model(handle, ctypes.byref(length))
        text = None if constant is None else constant.decode()
        notes = _each(lambda i: lib.dura_learned_note(handle, i))
        return Learned(json.loads(policy), policy, None if text is None else json.loads(text), text, _report(handle),
                       tuple(_each(lambda i: _channel(handle, i))), tuple(_each(lambda i: _family(handle, i))),
                       tuple(note.decode() for note in notes))
    finally:
        lib.dura_learned_deinit(handle)
