# SPDX-License-Identifier: Apache-2.0
"""Columns in, columns out: what training code holds, as the rows of floats that C reads.

Taken: a mapping of columns, a pandas DataFrame, a 2-D NumPy array, a list of rows. Given back
in kind: a DataFrame for a DataFrame, NumPy arrays where there was one, else array('f'). A
missing value is None or NaN. Nothing is imported here that the caller has not imported.
"""
from __future__ import annotations

import sys
from array import array
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

#: What is taken as rows; a DataFrame and a NumPy array too.
Rows = Union[Mapping[str, Sequence[Any]], Sequence[Sequence[Any]], Any]
Columns = Union[Dict[str, Sequence[float]], Any]                          #: or DataFrame
NAN = float("nan")

ARRAY, NUMPY, PANDAS = "array", "numpy", "pandas"


def _is_frame(rows: Any) -> bool:
    return hasattr(rows, "columns") and hasattr(rows, "to_numpy") and hasattr(rows, "index")


def _culprit(values: Any, what: str) -> ValueError:
    for i, value in enumerate(values):
        try:
            array("f", [NAN if value is None else value])
        except TypeError:
            return ValueError(f"{what}, row {i}: {value!r} is no number; missing is None or NaN")
    return ValueError(f"{what}: want numbers, missing ones as None or NaN")


def column(values: Any, what: str) -> Any:
    """One column of float32: array('f'), or a NumPy array where the caller has one."""
    try:
        if hasattr(values, "to_numpy"):                   # pandas, whose missing value is its own
            return values.to_numpy(dtype="float32", na_value=NAN)
        if hasattr(values, "__array__"):
            flat = sys.modules["numpy"].asarray(values, dtype="float32")
            if flat.ndim != 1:
                raise ValueError(f"{what}: want one dimension, not {flat.ndim}")
            return flat
        return array("f", [NAN if v is None else v for v in values])
    except (TypeError, ValueError) as error:
        if isinstance(error, ValueError) and str(error).startswith(what):
            raise
        raise _culprit(values, what) from None


class Matrix:
    """Rows of float32 with the names of their columns. `.flat` is row after row."""

    def __init__(self, flat: Any, frames: int, names: Sequence[str], style: str, index: Any = None) -> None:
        self.flat, self.frames, self.names = flat, frames, tuple(names)
        self.style, self.index = style, index

    @property
    def address(self) -> int:
        if self.style == ARRAY:
            return int(self.flat.buffer_info()[0])
        return int(self.flat.ctypes.data)

    def like(self, names: Sequence[str]) -> "Matrix":
        """As many rows of other columns, not yet filled."""
        if self.style == ARRAY:
            return Matrix(array("f", bytes(4 * self.frames * len(names))), self.frames, names, ARRAY)
        numpy = sys.modules["numpy"]
        return Matrix(numpy.zeros((self.frames, len(names)), "float32"), self.frames, names, self.style, self.index)

    def blank(self, ok: bytes) -> None:
        """NaN wherever ok, one byte per value, is 0."""
        if self.style != ARRAY:
            numpy = sys.modules["numpy"]
            self.flat[numpy.frombuffer(ok, "uint8").reshape(self.flat.shape) == 0] = NAN
            return
        at = ok.find(0)
        while at >= 0:
            self.flat[at] = NAN
            at = ok.find(0, at + 1)

    def columns(self) -> Columns:
        if self.style == ARRAY:
            return {name: self.flat[i::len(self.names)] for i, name in enumerate(self.names)}
        named = {name: self.flat[:, i].copy() for i, name in enumerate(self.names)}
        return sys.modules["pandas"].DataFrame(named, index=self.index) if self.style == PANDAS else named


def _from_columns(rows: Any, names: Sequence[str], has: Sequence[str]) -> Matrix:
    gone = [name for name in names if name not in has]
    if gone:
        raise ValueError(f"no column {', '.join(map(repr, gone))}; there are {', '.join(map(repr, list(has)[:12]))}")
    got = [column(rows[name], f"column {name!r}") for name in names]
    frames = len(got[0]) if got else 0
    for name, values in zip(names, got):
        if len(values) != frames:
            raise ValueError(f"column {name!r} has {len(values)} rows, {names[0]!r} has {frames}")
    if all(isinstance(values, array) for values in got) and not _is_frame(rows):
        flat = array("f", bytes(4 * frames * len(names)))
        for i, values in enumerate(got):
            flat[i::len(names)] = values
        return Matrix(flat, frames, names, ARRAY)
    numpy = sys.modules["numpy"]
    flat = numpy.ascontiguousarray(numpy.stack([numpy.asarray(v, "float32") for v in got], axis=1))
    return Matrix(flat, frames, names, PANDAS, rows.index) if _is_frame(rows) else Matrix(flat, frames, names, NUMPY)


def _from_rows(rows: Any, names: Sequence[str]) -> Matrix:
    if hasattr(rows, "__array__"):
        numpy = sys.modules["numpy"]
        flat = numpy.ascontiguousarray(rows, dtype="float32")
        if flat.ndim != 2 or flat.shape[1] != len(names):
            raise ValueError(f"an array of shape {flat.shape} is not rows of {len(names)} values: {', '.join(names)}")
        return Matrix(flat, len(flat), names, NUMPY)
    flat = array("f")
    for i, row in enumerate(rows):
        if len(row) != len(names):
            raise ValueError(f"row {i} has {len(row)} values, want {len(names)}: {', '.join(names)}")
        flat.extend(column(row, f"row {i}"))
    return Matrix(flat, len(rows), names, ARRAY)


def matrix(rows: Any, names: Sequence[str]) -> Matrix:
    """The named columns of rows, in that order. Columns nobody asked for are left alone; rows
    without names have exactly these columns."""
    if _is_frame(rows):
        return _from_columns(rows, names, list(rows.columns))
    if isinstance(rows, Mapping):
        return _from_columns(rows, names, list(rows))
    if isinstance(rows, (str, bytes)):
        raise TypeError("rows: want columns by name, a 2-D array or a list of rows, not text")
    return _from_rows(rows, names)


def names_of(rows: Any) -> List[str]:
    """Names of the columns, where there are names."""
    if _is_frame(rows):
        return [str(name) for name in rows.columns]
    if isinstance(rows, Mapping):
        return list(rows)
    raise TypeError("rows without names: give columns by name")


def missing(values: Sequence[Any]) -> Tuple["array[float]", bytes]:
    """(float32 values with 0 where there is none, one byte each: 1 where there is none)."""
    given = column(values, "values")
    flags = bytes(1 if v != v else 0 for v in given)
    return array("f", [0.0 if gone else v for v, gone in zip(given, flags)]), flags
