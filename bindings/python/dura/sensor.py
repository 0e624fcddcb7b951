# SPDX-License-Identifier: Apache-2.0
"""Sensor: may the model see this frame? Single frames and whole buffers.

Calls from Python cost far more than the check itself, so recordings go through update_n():
one call for any number of frames, on anything with the buffer protocol. NumPy is not needed;
when the values are a NumPy array, so are the answers.
"""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from . import _abi, _names
from ._load import lib
from .errors import check

_ACTIONS = {_abi.DURA_PASS: "PASS", _abi.DURA_SUBSTITUTE: "SUBSTITUTE", _abi.DURA_REJECT: "REJECT"}
_RANGE = ("fail_lo", "suspect_lo", "suspect_hi", "fail_hi")
_FIELDS = _RANGE + ("rate_suspect", "rate_fail", "flat_tolerance")
_TIMES = ("flat_suspect", "flat_fail", "max_age", "hold")
_FLAGS = ("required", "suspect_ok", "time", "finite")


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
    top = 3.4028234663852886e38
    low, high = options.get("fail_lo", -top), options.get("fail_hi", top)
    return {"fail_lo": low, "fail_hi": high, "suspect_lo": options.get("suspect_lo", low),
            "suspect_hi": options.get("suspect_hi", high)}


def _channel(options: Mapping[str, Any]) -> _abi.dura_sensor_channel:
    """One channel from the words of a policy; times in seconds."""
    unknown = set(options) - set(_FIELDS) - set(_TIMES) - set(_FLAGS)
    if unknown:
        raise ValueError(f"a channel has no {', '.join(map(repr, sorted(unknown)))}")
    c = _abi.dura_sensor_channel()
    c.struct_size = ctypes.sizeof(c)
    c.flags = (_abi.DURA_CHANNEL_REQUIRED * bool(options.get("required", True))
               | _abi.DURA_CHANNEL_SUSPECT_OK * bool(options.get("suspect_ok", False)))
    c.checks = (_abi.DURA_CHECK_TIME * bool(options.get("time", True))
                | _abi.DURA_CHECK_FINITE * bool(options.get("finite", True))
                | _abi.DURA_CHECK_RANGE * any(k in options for k in _RANGE)
                | _abi.DURA_CHECK_RATE * any(options.get(k) for k in ("rate_suspect", "rate_fail"))
                | _abi.DURA_CHECK_FLAT * any(options.get(k) for k in ("flat_suspect", "flat_fail")))
    for key, value in {**options, **_limits(options)}.items():
        if key in _FIELDS:
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


class Sensor:
    """The checks of sensor.h over n channels.

    channels: one mapping per channel with fail_lo, suspect_lo, suspect_hi, fail_hi,
    rate_suspect, rate_fail (per second), flat_tolerance, flat_suspect, flat_fail, max_age,
    hold (seconds), required, suspect_ok, time, finite. Giving a limit turns its check on.
    """

    def __init__(self, channels: Sequence[Mapping[str, Any]], *, gap: float = 0.0, rebase_after: int = 3) -> None:
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

    def update(self, values: Sequence[Optional[float]], time_ns: int) -> Report:
        """Judge one frame; None is a missing value."""
        n, report = len(values), _abi.dura_sensor_report()
        report.struct_size = ctypes.sizeof(report)
        given = (ctypes.c_float * n)(*[0.0 if v is None else v for v in values])
        missing = (ctypes.c_uint8 * n)(*[v is None for v in values])
        usable = (ctypes.c_float * n)()
        check(lib.dura_sensor_update(self._handle, time_ns, given, missing, n, usable, ctypes.byref(report)))
        verdicts = ctypes.string_at(lib.dura_sensor_verdicts(self._handle), n)
        worst = None if report.worst_channel == _abi.DURA_NONE else report.worst_channel
        return Report(_ACTIONS[report.action], _names.verdict(report.verdict), worst,
                      _names.sensor_reasons(report.reasons), tuple(map(_names.verdict, verdicts)), tuple(usable))

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
        """Value, quality, ratio, verdict and reasons of one channel after the last frame."""
        state = _abi.dura_sensor_state()
        state.struct_size = ctypes.sizeof(state)
        check(lib.dura_sensor_query(self._handle, channel, ctypes.byref(state)))
        return {"verdict": _names.verdict(state.verdict), "reasons": _names.sensor_reasons(state.reasons),
                "value": state.value, "quality": state.quality, "ratio": state.ratio}

    def reset(self) -> None:
        """Forget all history, keep the configuration."""
        check(lib.dura_sensor_reset(self._handle))
