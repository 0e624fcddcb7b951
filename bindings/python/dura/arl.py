# SPDX-License-Identifier: Apache-2.0
"""How long a control chart runs, exactly; how fast something creeps, and until when."""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Optional, Sequence, Tuple

from . import _abi, _columns
from ._load import lib
from .errors import check

_DETECTORS = {"cusum": _abi.DURA_DRIFT_CUSUM, "ewma": _abi.DURA_DRIFT_EWMA, "ramp": _abi.DURA_DRIFT_RAMP}


def _chart(detector: str, shift: float, limit: float, n: int, order: int, one_sided: bool, clip: float, mean: float,
           spread: float) -> _abi.dura_arl:
    if detector not in _DETECTORS:
        raise ValueError(f"detector is {detector!r}, want {', '.join(_DETECTORS)}")
    c = _abi.dura_arl()
    c.struct_size, c.detector, c.n, c.order = ctypes.sizeof(c), _DETECTORS[detector], n, order
    c.flags = _abi.DURA_ARL_ONE_SIDED * one_sided
    c.shift, c.limit, c.clip, c.mean, c.spread = shift, limit, clip, mean, spread
    return c


def run_length(detector: str, shift: float, limit: float, *, n: int = 0, order: int = 0, one_sided: bool = False,
               clip: float = 0.0, mean: float = 0.0, spread: float = 1.0) -> Tuple[float, float]:
    """Mean samples to an alarm: of a chart that starts now, and of one that had long been watching. mean, spread:
    of the samples it sees, in deviations. n: samples its reference was learned from; 0: exactly known."""
    c, err = _chart(detector, shift, limit, n, order, one_sided, clip, mean, spread), _abi.dura_error()
    zero, steady = ctypes.c_double(), ctypes.c_double()
    check(lib.dura_arl_run(ctypes.byref(c), ctypes.byref(zero), ctypes.byref(steady), ctypes.byref(err)), err)
    return zero.value, steady.value


def limit(detector: str, shift: float, arl0: float, *, n: int = 0, order: int = 0, one_sided: bool = False,
          clip: float = 0.0) -> float:
    """The limit at which a chart runs arl0 samples on average while nothing has changed."""
    c, err, out = _chart(detector, shift, 0.0, n, order, one_sided, clip, 0.0, 1.0), _abi.dura_error(), ctypes.c_double()
    check(lib.dura_arl_limit(ctypes.byref(c), arl0, ctypes.byref(out), ctypes.byref(err)), err)
    return out.value


def ewma_lambda(shift: float, arl0: float) -> float:
    """The EWMA weight that sees a shift by so many deviations soonest."""
    out, err = ctypes.c_double(), _abi.dura_error()
    check(lib.dura_arl_lambda(shift, arl0, ctypes.byref(out), ctypes.byref(err)), err)
    return out.value


@dataclass(frozen=True)
class Trend:
    """A slope per sample with its interval; None where the data support no line."""

    why: Optional[str]           #: None: a trend; "none": no trend that the data support; "short", "bent"
    slope: Optional[float]
    low: Optional[float]
    high: Optional[float]
    now: Optional[float]         #: the line at the last sample
    first: int                   #: sample the straight stretch begins with
    level: float
    _c: Any

    def reach(self, value: float) -> Optional[Tuple[float, float, float]]:
        """Samples until the line reaches a value: about, between, and. None: it never will."""
        at, low, high = ctypes.c_double(), ctypes.c_double(), ctypes.c_double()
        found = check(lib.dura_trend_reach(ctypes.byref(self._c), value, ctypes.byref(at), ctypes.byref(low), ctypes.byref(high)))
        return (at.value, low.value, high.value) if found else None


def trend(x: Sequence[Optional[float]], level: float = 0.9) -> Trend:
    """Does it creep, and how fast? Samples in order; None or NaN is missing."""
    values, gone = _columns.missing(x)
    t = _abi.dura_trend()
    t.struct_size = ctypes.sizeof(t)
    check(lib.dura_trend_fit(ctypes.byref(t), values.buffer_info()[0], gone, len(values), level))
    why = {0: None, _abi.DURA_TREND_NONE: "none", _abi.DURA_TREND_SHORT: "short"}.get(t.why, "bent")
    known = why in (None, "none")
    return Trend(why, *((v if known else None) for v in (t.slope, t.low, t.high, t.now)), getattr(t, "from"), t.level, t)
