# SPDX-License-Identifier: Apache-2.0
"""Numbers to the names that records and the command line use."""
from __future__ import annotations

import os
from typing import Tuple, Union

from . import _abi
from ._load import lib

PathLike = Union[str, "os.PathLike[str]"]


def path_bytes(path: PathLike) -> bytes:
    return os.fsencode(os.fspath(path))


def name(list_: int, value: int) -> str:
    """The name, or the number as text when it has none."""
    text = lib.dura_record_name(list_, value)
    return text.decode() if text else str(value)


def bits(list_: int, value: int) -> Tuple[str, ...]:
    """Names of the bits that are set, in the order of the bits."""
    return tuple(name(list_, bit) for bit in range(value.bit_length()) if value >> bit & 1)


def action(value: int) -> str:
    return name(_abi.DURA_NAME_ACTION, value)


def mode(value: int) -> str:
    return name(_abi.DURA_NAME_MODE, value)


def verdict(value: int) -> str:
    return name(_abi.DURA_NAME_VERDICT, value)


def sensor_reasons(value: int) -> Tuple[str, ...]:
    return bits(_abi.DURA_NAME_SENSOR_REASON, value)


def guard_reasons(value: int) -> Tuple[str, ...]:
    return bits(_abi.DURA_NAME_GUARD_REASON, value)
