# SPDX-License-Identifier: Apache-2.0
"""Exceptions, one per error code of the C library.

Every one is a DuraError with .code, .name and, where a file is to blame, .file, .line and
.field. Some are also the built-in exception a Python programmer would catch. "The answer is
no" is a value (a decision, a verdict, a report), never an exception.
"""
from __future__ import annotations

import ctypes
from typing import Dict, Optional, Tuple, Type

from . import _abi
from ._load import lib


class DuraError(Exception):
    """A call failed. str(error) is one sentence: file:line: field: what is wrong."""

    code = 0
    name = ""

    def __init__(self, text: str, code: int = 0, file: str = "", line: int = 0, field: str = "") -> None:
        super().__init__(text)
        if code:
            self.code = code
        self.file, self.line, self.field = file, line, field


class IntegrityError(DuraError):
    """Bytes are not what was written or signed."""


class StorageError(DuraError, OSError):
    """The operating system refused; .code is -(1000 + errno)."""

    name = "STORAGE"


_BASES: Dict[str, Tuple[type, ...]] = {
    "EINVAL": (DuraError, ValueError), "ESYNTAX": (DuraError, ValueError), "ELIMIT": (DuraError, ValueError),
    "ENOSPC": (DuraError, MemoryError), "ETIME": (DuraError, TimeoutError), "EIO": (DuraError, OSError),
    "ENOENT": (DuraError, FileNotFoundError), "EDENIED": (DuraError, PermissionError),
    "ENOTSUP": (DuraError, NotImplementedError),
    "ECORRUPT": (IntegrityError,), "EAUTH": (IntegrityError,),
}


def _make(name: str, code: int, text: str) -> Type[DuraError]:
    members = {"code": code, "name": name, "__doc__": text[0].upper() + text[1:] + "."}
    return type(name, _BASES.get(name, (DuraError,)), members)


#: code -> exception class, made from the error list of dura/base.h.
BY_CODE: Dict[int, Type[DuraError]] = {c: _make(n, c, t) for n, c, t in _abi.ERRORS if c}
globals().update({cls.__name__: cls for cls in BY_CODE.values()})
__all__ = ["DuraError", "IntegrityError", "StorageError", "BY_CODE"] + [cls.__name__ for cls in BY_CODE.values()]


def check(code: int, err: Optional[_abi.dura_error] = None) -> int:
    """code when it is no error; else raise its exception with what err says."""
    if code >= 0:
        return code
    cls = BY_CODE.get(code, StorageError if code <= -100 else DuraError)
    if err is None or not (err.text or err.file):
        raise cls(lib.dura_strerror(code).decode(), code)
    room = ctypes.create_string_buffer(1024)
    lib.dura_error_text(ctypes.byref(err), room, len(room))
    raise cls(room.value.decode(errors="replace"), code, err.file.decode(errors="replace"), err.line,
              err.field.decode(errors="replace"))
