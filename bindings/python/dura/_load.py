# SPDX-License-Identifier: Apache-2.0
"""Find libdura, and make sure that it is the one these mirrors were made for.

Order: DURA_LIBRARY (an absolute path; nothing else is tried), beside this package, the
soname, what the linker's cache knows. The ABI number and every struct in dura_layout() are
compared before the first real call: a mismatch is an ImportError, not a crash later.
"""
from __future__ import annotations

import ctypes
import ctypes.util
import os
from typing import Any, Dict, Iterable, List, Tuple

from . import _abi

_SONAME = f"libdura.so.{_abi.DURA_ABI}"


def candidates() -> List[str]:
    """Paths and names that are tried, in order."""
    named = os.environ.get("DURA_LIBRARY")
    if named:
        return [named]
    here = os.path.dirname(os.path.abspath(__file__))
    found = ctypes.util.find_library("dura")
    return [os.path.join(here, _SONAME), _SONAME] + ([found] if found else [])


def load(names: Iterable[str]) -> ctypes.CDLL:
    """The first library that loads; an ImportError that lists every path tried."""
    tried = []
    for name in names:
        if name == os.environ.get("DURA_LIBRARY") and not os.path.isabs(name):
            raise ImportError(f"dura: DURA_LIBRARY must be an absolute path, not {name!r}")
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            tried.append(f"  {name}: {error}")
    raise ImportError("dura: no usable libdura; build it or set DURA_LIBRARY. Tried:\n" + "\n".join(tried))


def declare(lib: ctypes.CDLL) -> None:
    """Give every function its types; a missing one is a library of another release."""
    missing = []
    for name, (result, arguments) in _abi.PROTOTYPES.items():
        try:
            function = getattr(lib, name)
        except AttributeError:
            missing.append(name)
            continue
        function.restype, function.argtypes = result, arguments
    if missing:
        raise ImportError(f"dura: {lib._name} lacks {', '.join(missing)}: it is of another release")


def check_abi(lib: ctypes.CDLL) -> None:
    found = lib.dura_abi()
    if found != _abi.DURA_ABI:
        raise ImportError(f"dura: {lib._name} has ABI {found}, this package was made for {_abi.DURA_ABI}")


def layout_problems(rows: Dict[str, Tuple[int, int]], structs: Iterable[Any]) -> List[str]:
    """What differs between the library's table {name: (offset, size)} and our mirrors."""
    problems = []
    for struct in structs:
        name = struct.__name__
        if name not in rows:
            continue
        if rows[name][1] != ctypes.sizeof(struct):
            problems.append(f"{name}: {ctypes.sizeof(struct)} bytes here, {rows[name][1]} there")
        ours = {f"{name}.{field[0]}": getattr(struct, field[0]) for field in struct._fields_}
        theirs = {key for key in rows if key.startswith(name + ".")}
        problems += [f"{key}: only there" for key in sorted(theirs - set(ours))]
        for key, field in ours.items():
            if key not in rows:
                problems.append(f"{key}: only here")
            elif rows[key] != (field.offset, field.size):
                problems.append(f"{key}: offset, size {(field.offset, field.size)} here, {rows[key]} there")
    return problems


def layout(lib: ctypes.CDLL) -> Dict[str, Tuple[int, int]]:
    """The library's table as {name: (offset, size)}."""
    n = ctypes.c_size_t()
    rows = lib.dura_layout(ctypes.byref(n))
    return {ctypes.string_at(rows[i].name).decode(): (rows[i].offset, rows[i].size) for i in range(n.value)}


def check_layout(lib: ctypes.CDLL) -> None:
    rows = layout(lib)
    problems = layout_problems(rows, _abi.STRUCTS)
    if not any(struct.__name__ in rows for struct in _abi.STRUCTS):
        problems.append("dura_layout() knows none of our structs")
    if problems:
        raise ImportError(f"dura: {lib._name} was built from other headers:\n  " + "\n  ".join(problems))


lib = load(candidates())
declare(lib)
check_abi(lib)
check_layout(lib)
