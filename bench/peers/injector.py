# SPDX-License-Identifier: Apache-2.0
"""dura/host/inject.h through ctypes: sixteen faults, the same bytes for every peer."""
import ctypes

import numpy as np


class _Channel(ctypes.Structure):
    _fields_ = [("median", ctypes.c_double), ("deviation", ctypes.c_double), ("noise", ctypes.c_double)]


class _Fault(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("kind", ctypes.c_uint8), ("reserved", ctypes.c_uint8),
                ("channel", ctypes.c_uint16), ("other", ctypes.c_uint16), ("reserved2", ctypes.c_uint16 * 3),
                ("first", ctypes.c_uint64), ("length", ctypes.c_uint64), ("size", ctypes.c_double)]


def _library():
    from dura._load import lib
    lib.dura_inject_measure.argtypes = [ctypes.POINTER(_Channel), ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64,
                                        ctypes.c_uint16]
    lib.dura_inject_open.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(_Channel), ctypes.c_uint16,
                                     ctypes.POINTER(_Fault), ctypes.c_uint64]
    lib.dura_inject_next.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    lib.dura_inject_close.argtypes, lib.dura_inject_close.restype = [ctypes.c_void_p], None
    lib.dura_inject_name.argtypes, lib.dura_inject_name.restype = [ctypes.c_uint32], ctypes.c_char_p
    return lib


def _ok(code):
    if code < 0:
        raise RuntimeError(f"dura_inject: {code}")
    return code


class Injector:
    """Measured on clean rows; run() puts one fault into rows."""

    def __init__(self, values):
        self.lib, values = _library(), np.ascontiguousarray(values, np.float32)
        rows, self.n = values.shape
        self.measure = (_Channel * self.n)()
        _ok(self.lib.dura_inject_measure(self.measure, values.ctypes.data, None, rows, self.n))
        self.faults, kind = [], 1                      # names; kind is the place from 1
        while (name := self.lib.dura_inject_name(kind)) is not None:
            self.faults.append(name.decode())
            kind += 1

    def moves(self, channel):
        return self.measure[channel].deviation > 0

    def neighbour(self, channel):
        return next(c for c in ((channel + i) % self.n for i in range(1, self.n)) if self.moves(c))

    def run(self, fault, channel, stamps, values, first, length, seed):
        """(stamps, values) with it; what of values is changed lies in channel, or in neighbour(channel) too."""
        f = _Fault(ctypes.sizeof(_Fault), self.faults.index(fault) + 1, 0, channel, self.neighbour(channel))
        f.first, f.length = first, length
        stamps, values = np.array(stamps, np.int64), np.array(values, np.float32, order="C")
        handle = ctypes.c_void_p()
        _ok(self.lib.dura_inject_open(ctypes.byref(handle), self.measure, self.n, ctypes.byref(f), seed))
        t, x = stamps.ctypes.data, values.ctypes.data
        for row in range(len(stamps)):
            _ok(self.lib.dura_inject_next(handle, t + 8 * row, x + 4 * self.n * row, None))
        self.lib.dura_inject_close(handle)
        return stamps, values
