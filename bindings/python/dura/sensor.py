# SPDX-License-Identifier: Apache-2.0
"""Sensor: may the model see this frame? Single frames and whole buffers.

Calls from Python cost far more than the check itself, so recordings go through update_n():
one call for any number of frames, on anything with the buffer protocol. NumPy is not needed;
when the values are a NumPy array, so are the answers.
"""
from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from . import _abi, _names
from ._load import lib
from .errors import check

_ACTIONS = {_abi.DURA_PASS: "PASS", _abi.DURA_SUBSTITUTE: "SUBSTITUTE", _abi.DURA_REJECT: "REJECT"}
_STATES = ("INIT", "VALID", "DEGRADED", "INVALID")
_RANGE = ("fail_lo", "suspect_lo", "suspect_hi", "fail_hi")
_FIELDS = _RANGE + ("rate_suspect", "rate_fail", "flat_tolerance")
_TIMES = ("flat_suspect", "flat_fail", "max_age", "hold")
_FLAGS = ("required", "suspect_ok", "time", "finite")
_KIND = {"f32": _abi.DURA_KIND_F32, "i32": _abi.DURA_KIND_I32}
_COUNTED = _RANGE + ("flat_tolerance",)      # of a count: cells that hold the bits of an int32


@dataclass(frozen=True)
class Report:
    """The frame's answer; channels by number, in the order they were given."""

    action: str                          #: PASS, SUBSTITUTE or REJECT
    verdict: str                         #: worst of the required channels
    worst_channel: Optional[int]
    reasons: Tuple[str, ...]             #: of all channels
    verdicts: Tuple[str, ...]            #: per channel
    usable: Tuple[float, ...]            #: what the model may see


def _limits(options: Mapping[str, Any]) -> Dict[str, Any]:
    """The four range limits with the defaults of a policy: an absent one is no limit."""
    if not any(k in options for k in _RANGE):
        return {}
    counted = options.get("kind") == "i32"
    lowest, highest = (-2**31, 2**31 - 1) if counted else (-3.4028234663852886e38, 3.4028234663852886e38)
    low, high = options.get("fail_lo", lowest), options.get("fail_hi", highest)
    return {"fail_lo": low, "fail_hi": high, "suspect_lo": options.get("suspect_lo", low),
            "suspect_hi": options.get("suspect_hi", high)}


def _count(value: Any) -> int:
    """An int32; a float is none, whatever its value."""
    if not isinstance(value, int) or not -2**31 <= value < 2**31:
        raise ValueError(f"{value!r} is no int32")
    return value


def _put_cell(at: Any, offset: int, count: int) -> None:
    """By bytes: through a float of Python some bit patterns would change."""
    ctypes.memmove(ctypes.addressof(at) + offset, ctypes.byref(ctypes.c_int32(count)), 4)


def _channel(options: Mapping[str, Any]) -> _abi.dura_sensor_channel:
    """One channel from the words of a policy; times in seconds."""
    unknown = set(options) - set(_FIELDS) - set(_TIMES) - set(_FLAGS) - {"kind", "origin"}
    if unknown:
        raise ValueError(f"a channel has no {', '.join(map(repr, sorted(unknown)))}")
    c = _abi.dura_sensor_channel()
    c.struct_size = ctypes.sizeof(c)
    if options.get("kind", "f32") not in _KIND:
        raise ValueError(f"kind: want one of {', '.join(_KIND)}, not {options['kind']!r}")
    c.kind = _KIND[options.get("kind", "f32")]
    c.origin = _count(options.get("origin", 0))
    c.flags = (_abi.DURA_CHANNEL_REQUIRED * bool(options.get("required", True))
               | _abi.DURA_CHANNEL_SUSPECT_OK * bool(options.get("suspect_ok", False)))
    c.checks = (_abi.DURA_CHECK_TIME * bool(options.get("time", True))
                | _abi.DURA_CHECK_FINITE * bool(options.get("finite", True))
                | _abi.DURA_CHECK_RANGE * any(k in options for k in _RANGE)
                | _abi.DURA_CHECK_RATE * any(options.get(k) for k in ("rate_suspect", "rate_fail"))
                | _abi.DURA_CHECK_FLAT * any(options.get(k) for k in ("flat_suspect", "flat_fail")))
    for key, value in {**options, **_limits(options)}.items():
        if key in _COUNTED and c.kind == _abi.DURA_KIND_I32:
            _put_cell(c, getattr(_abi.dura_sensor_channel, key).offset, _count(value))
        elif key in _FIELDS:
            setattr(c, key, value)
        elif key in _TIMES:
            setattr(c, key + "_ns", round(value * 1e9))
    if c.checks & _abi.DURA_CHECK_RATE and not c.rate_fail:
        c.rate_fail = 3.4028234663852886e38
    if c.checks & _abi.DURA_CHECK_FLAT and not c.flat_fail_ns:
        c.flat_fail_ns = 2**63 - 1
    return c


def _input(buffer: Any, code: str, what: str) -> Tuple[Any, int, int]:
    """(owner, address, items) of a contiguous buffer of one item type."""
    view = memoryview(buffer)
    if view.format.lstrip("<=@") not in code or not view.c_contiguous:
        raise TypeError(f"{what}: want a contiguous buffer of type {code[0]!r}, not {view.format!r}")
    if view.readonly:                # its address cannot be had without a copy
        room = ctypes.create_string_buffer(view.tobytes(), view.nbytes)
    else:
        room = (ctypes.c_char * view.nbytes).from_buffer(view)
    return (view, room), ctypes.addressof(room) if view.nbytes else 0, view.nbytes // view.itemsize


_KINDS = {"spike": _abi.DURA_CK_SPIKE, "noise": _abi.DURA_CK_NOISE, "drift": _abi.DURA_CK_DRIFT,
          "vote": _abi.DURA_CK_VOTE, "rule": _abi.DURA_CK_RULE, "forbid": _abi.DURA_CK_FORBID,
          "transition": _abi.DURA_CK_TRANSITION, "parity": _abi.DURA_CK_PARITY, "joint": _abi.DURA_CK_JOINT}
_LEVELS = {"suspect": _abi.DURA_SUSPECT, "fail": _abi.DURA_FAIL}
_NUMBERS = ("channel", "other", "window", "window2", "suspect", "fail", "mean", "scale", "lo", "hi",
            "if_lo", "if_hi", "from_lo", "from_hi")
_CHECK_WORDS = set(_NUMBERS) | {"kind", "level", "estimates", "terms", "whiten"}


def _terms(options: Mapping[str, Any]) -> bytes:
    """(channel, weight) or (channel, weight, frames back) each, then the rows of `whiten`."""
    rows = [tuple(t) + (0,) * (3 - len(t)) for t in options.get("terms", ())]
    packed = b"".join(struct.pack("<HHf", int(c), int(back), w) for c, w, back in rows)
    return packed + b"".join(struct.pack("<f", w) for i, row in enumerate(options.get("whiten", ())) for w in row[i:])


def _check(options: Mapping[str, Any]) -> Tuple[_abi.dura_sensor_check, Any]:
    """One check in the words of sensor_checks.h, and the buffer its terms live in."""
    unknown = set(options) - _CHECK_WORDS
    if unknown:
        raise ValueError(f"a check has no {', '.join(map(repr, sorted(unknown)))}")
    if options.get("kind") not in _KINDS:
        raise ValueError(f"kind: want one of {', '.join(_KINDS)}, not {options.get('kind')!r}")
    c, packed = _abi.dura_sensor_check(), _terms(options)
    room = (ctypes.c_uint32 * (len(packed) // 4 + 1))()
    ctypes.memmove(room, packed, len(packed))
    c.struct_size = ctypes.sizeof(c)
    c.kind = _KINDS[options["kind"]]
    ranged = c.kind in (_abi.DURA_CK_RULE, _abi.DURA_CK_FORBID, _abi.DURA_CK_TRANSITION)
    c.level = _LEVELS[options.get("level", "suspect")] if ranged else 0
    c.flags = _abi.DURA_CK_ESTIMATES * bool(options.get("estimates", False))
    for key in _NUMBERS:
        setattr(c, key, options.get(key, 0))
    c.n_terms = len(options.get("terms", ()))
    c.terms = ctypes.addressof(room) if c.n_terms else None
    return c, room


class Sensor:
    """The checks of sensor.h over n channels.

    channels: one mapping per channel with fail_lo, suspect_lo, suspect_hi, fail_hi,
    rate_suspect, rate_fail (per second), flat_tolerance, flat_suspect, flat_fail, max_age,
    hold (seconds), required, suspect_ok, time, finite. Giving a limit turns its check on. kind "i32"
    is a count: its limits and values are ints, and the model gets the count less `origin`.

    checks: one mapping per further check with the fields of sensor_checks.h: kind (spike, noise,
    drift, vote, rule, forbid, transition, parity, joint), channel, other, window, suspect, fail,
    mean, scale, lo, hi, if_lo, if_hi, from_lo, from_hi, level ("suspect" or "fail"), estimates,
    terms ((channel, weight[, frames back]) each; of joint (channel, mean)) and whiten (rows of W).
    """

    def __init__(self, channels: Sequence[Mapping[str, Any]], *, checks: Sequence[Mapping[str, Any]] = (),
                 gap: float = 0.0, rebase_after: int = 3) -> None:
        config = _abi.dura_sensor_config()
        config.struct_size = ctypes.sizeof(config)
        config.n_channels, config.rebase_after, config.gap_ns = len(channels), rebase_after, round(gap * 1e9)
        size = lib.dura_sensor_bytes(ctypes.byref(config))
        self._memory = (ctypes.c_uint64 * (size // 8 + 1))()      # 8-byte aligned
        self._handle = ctypes.c_void_p()
        check(lib.dura_sensor_init(ctypes.byref(self._handle), self._memory, size, ctypes.byref(config)))
        for i, options in enumerate(channels):
            check(lib.dura_sensor_attach(self._handle, i, ctypes.byref(_channel(options))))
        self.n = len(channels)
        self._counts = frozenset(i for i, options in enumerate(channels) if options.get("kind") == "i32")
        self._extra: Any = None
        self._terms: list[Any] = []
        if checks:
            self._extend(checks)

    def _extend(self, checks: Sequence[Mapping[str, Any]]) -> None:
        made = [_check(options) for options in checks]
        extra = _abi.dura_sensor_extra()
        extra.struct_size = ctypes.sizeof(extra)
        extra.n_channels = self.n
        extra.n_checks = sum(c.kind > _abi.DURA_CK_DRIFT for c, _ in made)
        extra.n_joint = sum(c.n_terms for c, _ in made if c.kind == _abi.DURA_CK_JOINT)
        size = lib.dura_sensor_extra_bytes(ctypes.byref(extra))
        self._extra = (ctypes.c_uint64 * (size // 8 + 1))()
        self._terms = [room for _, room in made]      # read in place as long as the sensor lives
        check(lib.dura_sensor_extend(self._handle, self._extra, size, ctypes.byref(extra)))
        for c, _ in made:
            check(lib.dura_sensor_add(self._handle, ctypes.byref(c)))

    def poll(self, time_ns: int) -> Report:
        """No frame came: say which channels are silent for too long."""
        report = _abi.dura_sensor_report()
        report.struct_size = ctypes.sizeof(report)
        check(lib.dura_sensor_poll(self._handle, time_ns, ctypes.byref(report)))
        return self._report(report, (0.0,) * self.n)

    def _report(self, report: _abi.dura_sensor_report, usable: Sequence[float]) -> Report:
        verdicts = ctypes.string_at(lib.dura_sensor_verdicts(self._handle), self.n)
        worst = None if report.worst_channel == _abi.DURA_NONE else report.worst_channel
        return Report(_ACTIONS[report.action], _names.verdict(report.verdict), worst,
                      _names.sensor_reasons(report.reasons), tuple(map(_names.verdict, verdicts)), tuple(usable))

    def update(self, values: Sequence[Optional[float]], time_ns: int) -> Report:
        """Judge one frame; None is a missing value, an i32 channel takes an int."""
        n, report = len(values), _abi.dura_sensor_report()
        report.struct_size = ctypes.sizeof(report)
        given = (ctypes.c_float * n)(*[0.0 if v is None or i in self._counts else v for i, v in enumerate(values)])
        for i in self._counts:
            if i < n and values[i] is not None:
                _put_cell(given, 4 * i, _count(values[i]))
        missing = (ctypes.c_uint8 * n)(*[v is None for v in values])
        usable = (ctypes.c_float * n)()
        check(lib.dura_sensor_update(self._handle, time_ns, given, missing, n, usable, ctypes.byref(report)))
        return self._report(report, usable)

    def update_n(self, values: Any, time_ns: Any) -> Tuple[Any, Any]:
        """Judge many frames: values is frames x n float32, time_ns int64, one per frame.

        Returns (actions, verdicts) as DURA_PASS.. and QARTOD numbers, uint8: bytearrays, or
        NumPy arrays of shape (frames,) and (frames, n) when values is one.
        """
        keep_values, p_values, n_values = _input(values, "f", "values")
        keep_times, p_times, frames = _input(time_ns, "ql", "time_ns")
        if n_values != frames * self.n:
            raise ValueError(f"{n_values} values are not {frames} frames of {self.n} channels")
        actions, verdicts = bytearray(frames), bytearray(frames * self.n)
        if frames:
            check(lib.dura_sensor_update_n(self._handle, p_times, p_values, frames, self.n,
                                           (ctypes.c_char * frames).from_buffer(actions),
                                           (ctypes.c_char * len(verdicts)).from_buffer(verdicts)))
        del keep_values, keep_times
        if type(values).__module__.partition(".")[0] != "numpy":
            return actions, verdicts
        import numpy
        return numpy.frombuffer(actions, numpy.uint8), numpy.frombuffer(verdicts, numpy.uint8).reshape(frames, self.n)

    def query(self, channel: int) -> Dict[str, Any]:
        """Value, quality, ratio, verdict, state and reasons of one channel after the last frame."""
        state = _abi.dura_sensor_state()
        state.struct_size = ctypes.sizeof(state)
        check(lib.dura_sensor_query(self._handle, channel, ctypes.byref(state)))
        return {"verdict": _names.verdict(state.verdict), "reasons": _names.sensor_reasons(state.reasons),
                "state": _STATES[state.state], "value": state.value, "quality": state.quality, "ratio": state.ratio}

    def reset(self) -> None:
        """Forget all history, keep the configuration."""
        check(lib.dura_sensor_reset(self._handle))
