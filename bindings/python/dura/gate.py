# SPDX-License-Identifier: Apache-2.0
"""Where the gate of a device stands with its updates."""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from . import _abi, _names
from ._load import lib
from .errors import check

COMPONENTS = {"box": _abi.DURA_COMPONENT_BOX, "brain": _abi.DURA_COMPONENT_BRAIN, "policy": _abi.DURA_COMPONENT_POLICY}
_COMPONENT_NAMES = {value: name for name, value in COMPONENTS.items()}
_SLOTS = {0: "factory", 1: "A", 2: "B"}


def why_names(why: int) -> Tuple[str, ...]:
    return _names.bits(_abi.DURA_NAME_WHY, why)


def why_words(why: int) -> Tuple[str, ...]:
    """One sentence per bit."""
    texts = (lib.dura_why_text(1 << bit) for bit in range(64) if why >> bit & 1)
    return tuple(text.decode() for text in texts if text)


@dataclass(frozen=True)
class GateStatus:
    """State of the update machine, and what runs."""

    state: str                   #: idle, received, staging, staged, accepted, armed, activating, probation,
                                 #: committed, rolled_back, rejected, safe
    component: Optional[str]     #: of the release in hand: box, brain, policy; None: none
    running: Optional[str]       #: brain that drives: factory, A, B; None: none
    why: Tuple[str, ...]         #: what it waits for, or why the last release ended: names
    words: Tuple[str, ...]       #: the same in sentences
    candidate: Optional[int]     #: version in hand
    versions: Dict[str, int]     #: running, by component
    floors: Dict[str, int]       #: lowest version still accepted, by component
    shadow_left: int             #: answers beside the running brain that are still wanted
    probation_left: int          #: frames
    staged: int                  #: bytes of the subject that are here
    length: int                  #: ... of so many
    digest: Optional[str]        #: of the running brain image, hex; None: the factory's

    def __str__(self) -> str:
        hand = f", {self.component} {self.candidate} in hand" if self.candidate else ""
        return f"{self.state}{hand}" + (f": {'; '.join(self.words)}" if self.words else "")


def gate_status(guard: Any) -> GateStatus:
    s = _abi.dura_gate_status()
    s.struct_size = ctypes.sizeof(s)
    check(lib.dura_guard_release(guard, ctypes.byref(s)))
    digest, why = bytes(s.digest), s.why2 << 32 | s.why
    return GateStatus(_names.name(_abi.DURA_NAME_GATE, s.state), _COMPONENT_NAMES.get(s.component), _SLOTS.get(s.slot),
                      why_names(why), why_words(why), s.candidate or None,
                      {name: s.version[i] for name, i in COMPONENTS.items()},
                      {name: s.floor_[i] for name, i in COMPONENTS.items()}, s.shadow_left,
                      s.probation_left, s.offset, s.length, digest.hex() if any(digest) else None)
