# SPDX-License-Identifier: Apache-2.0
"""What a policy says, read from its packed image: the numbers the device reads, not the text.

The table in _fields.py, made from the one the C reader is made from, has where they are.
"""
from __future__ import annotations

import ctypes
import json
import os
import struct
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from . import _abi, _fields, _names
from ._load import lib
from ._names import PathLike
from .errors import check

Source = Union[PathLike, Mapping[str, Any], bytes]     #: a file, its content as a dict, or its bytes


def read(source: Source, what: str) -> Tuple[bytes, Optional[bytes]]:
    """(bytes, what errors call them): of a file, of a dict as JSON, or as they are."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), os.fsencode(what)
    if isinstance(source, Mapping):
        return json.dumps(source, allow_nan=False, indent=1).encode(), os.fsencode(what)
    with open(source, "rb") as file:
        return file.read(), _names.path_bytes(source)


def pack(call: Any, text: bytes, name: Optional[bytes]) -> bytes:
    """The image that dura_pack_policy or dura_pack_model makes."""
    image, length, err = ctypes.c_void_p(), ctypes.c_size_t(), _abi.dura_error()
    check(call(text, len(text), name, ctypes.byref(image), ctypes.byref(length), ctypes.byref(err)), err)
    try:
        return ctypes.string_at(image, length.value)
    finally:
        lib.dura_pack_deinit(image)


def aligned(image: bytes) -> Any:
    """A copy that stands at a multiple of 8, as the C reader wants it."""
    room = (ctypes.c_uint64 * (len(image) // 8 + 1))()
    ctypes.memmove(room, image, len(image))
    return room


def names(image: bytes, what: int) -> List[str]:
    """Names of DURA_NAMES_* of a policy's or a model's image."""
    n, room = ctypes.c_size_t(), aligned(image)
    check(lib.dura_pack_names(room, len(image), what, None, None, 0, ctypes.byref(n)))
    array = (ctypes.c_void_p * n.value)()
    check(lib.dura_pack_names(room, len(image), what, array, None, n.value, ctypes.byref(n)))
    return [ctypes.string_at(p).decode() for p in array[:n.value] if p]


def policy_image(policy: Source) -> bytes:
    """A policy as its packed image; one that is an image already is only checked."""
    text, name = read(policy, "policy")
    if not text.startswith(_fields.MAGIC):
        return pack(lib.dura_pack_policy, text, name)
    kind = ctypes.c_int()
    check(lib.dura_pack_check(aligned(text), len(text), ctypes.byref(kind)))
    return text


def records(image: bytes, section: str) -> List[Dict[str, Any]]:
    """The records of a section: {field: number}."""
    type_, _, size, _ = _fields.SECTIONS[section]
    at = _fields.HEADER_BYTES + (type_ - 1) * _fields.ENTRY_BYTES
    _, count, offset, _ = struct.unpack_from("<HHII", image, at)
    rows = [(f[0], f[2], "<" + f[3]) for f in _fields.FIELDS[section] if f[2] is not None]
    return [{name: struct.unpack_from(form, image, offset + i * size + where)[0] for name, where, form in rows}
            for i in range(count)]


def watched(image: bytes) -> List[str]:
    """What a drift reference may be of, in the order of its index: channels, outputs, features,
    the two numbers of drift.mspc."""
    return (names(image, _abi.DURA_NAMES_CHANNELS) + names(image, _abi.DURA_NAMES_OUTPUTS)
            + names(image, _abi.DURA_NAMES_FEATURES) + ["mspc.t2", "mspc.spe"])
