# SPDX-License-Identifier: Apache-2.0
"""Reading run folders: verify(), replay(), Log."""
from __future__ import annotations

import ctypes
import json
import os
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from . import _abi, _names, _policy
from ._load import lib
from ._names import PathLike
from .errors import DuraError, check

_LOGS = {None: 0, "security": _abi.DURA_LOG_SECURITY, "decision": _abi.DURA_LOG_DECISION}


# ---- verify ---------------------------------------------------------------------------

@dataclass(frozen=True)
class Verdict:
    """May the folder be believed? `word` is the answer, the rest says why and where."""

    word: str                #: INTACT, CUT, UNANCHORED or TAMPERED
    rule: str                #: short name of the rule that decided, "none" when all hold
    text: str                #: one sentence for people
    file: str                #: where the rule broke, relative to the folder; "" nowhere
    offset: int
    gseq: int
    since: int
    closed: bool
    demo_key: bool
    unsigned_logs: bool
    rollback_excluded: bool
    vouched: str             #: what vouches from outside; "" nothing
    records: Tuple[int, int]  #: security, decision
    seals: int
    epochs: int
    recoveries: int
    boots: int
    dropped: int
    torn_bytes: int
    bytes: int
    origin: str
    key: str

    @property
    def intact(self) -> bool:
        return self.word == "INTACT"


def default_state() -> Optional[str]:
    """The user's own state folder, or None when no home is known."""
    room = ctypes.create_string_buffer(1024)
    return os.fsdecode(room.value) if lib.dura_keys_state_dir(room, len(room)) == 0 else None


def _read_key(key: Union[bytes, PathLike]) -> bytes:
    if isinstance(key, bytes) and len(key) == 32:
        return key
    text = os.fsdecode(os.fspath(key))
    if len(text) == 64 and all(c in "0123456789abcdefABCDEF" for c in text):
        return bytes.fromhex(text)
    out, err = ctypes.create_string_buffer(32), _abi.dura_error()
    check(lib.dura_keyfile_public(os.fsencode(text), out, ctypes.byref(err)), err)
    return out.raw


def verify_options(key: Union[bytes, PathLike, None] = None, checkpoint: Optional[PathLike] = None,
                   state: Optional[PathLike] = None) -> Tuple[_abi.dura_verify_options, List[Any]]:
    """(facts from outside as the C calls want them, what they point to: keep it during the call)."""
    options = _abi.dura_verify_options()
    options.struct_size = ctypes.sizeof(options)
    where = os.fspath(state) if state is not None else default_state()
    keep = [ctypes.create_string_buffer(_read_key(key), 32) if key is not None else None,
            ctypes.create_string_buffer(_names.path_bytes(checkpoint)) if checkpoint is not None else None,
            ctypes.create_string_buffer(os.fsencode(where)) if where is not None else None]
    options.key, options.checkpoint, options.state_dir = [k and ctypes.addressof(k) for k in keep]
    return options, keep


def verify(run: PathLike, *, key: Union[bytes, PathLike, None] = None, checkpoint: Optional[PathLike] = None,
           state: Optional[PathLike] = None) -> Verdict:
    """Verify a run folder.

    key: epoch-0 public key known from elsewhere (32 bytes, 64 hex digits or a file).
    checkpoint: a checkpoint file kept elsewhere. state: folder that may know the device;
    None is the user's own.
    """
    options, keep = verify_options(key, checkpoint, state)
    report, err = _abi.dura_verify_report(), _abi.dura_error()
    report.struct_size = ctypes.sizeof(report)
    check(lib.dura_verify_folder(_names.path_bytes(run), ctypes.byref(options), ctypes.byref(report),
                                 ctypes.byref(err)), err)
    del keep
    word = lib.dura_verify_word(report.word).decode()
    rule = lib.dura_verify_rule(report.rule).decode()
    return Verdict(word, rule, report.text.decode(errors="replace"), report.file.decode(errors="replace"),
                   report.offset, report.gseq, report.since, bool(report.closed), bool(report.demo_key),
                   bool(report.unsigned_logs), bool(report.rollback_excluded), report.vouched.decode(),
                   (report.records[0], report.records[1]), report.seals, report.epochs, report.recoveries,
                   report.boots, report.dropped, report.torn_bytes, report.bytes, bytes(report.origin).hex(),
                   bytes(report.key).hex())


# ---- replay ---------------------------------------------------------------------------

@dataclass(frozen=True)
class Replay:
    """Every logged decision again: `equal` of `decisions` came out the same, bit for bit."""

    decisions: int
    equal: int
    not_replayed: int
    boots: int
    first_gseq: Optional[int]   #: of the first difference
    difference: str

    @property
    def same(self) -> bool:
        return self.equal == self.decisions


def replay(run: PathLike, model: Optional[PathLike] = None) -> Replay:
    """Replay a run folder through its own policy. model None: the folder's own."""
    report, err = _abi.dura_replay_report(), _abi.dura_error()
    report.struct_size = ctypes.sizeof(report)
    check(lib.dura_replay(_names.path_bytes(run), None if model is None else _names.path_bytes(model), None, None,
                          ctypes.byref(report), ctypes.byref(err)), err)
    first = None if report.first_gseq == 2**64 - 1 else report.first_gseq
    return Replay(report.decisions, report.equal, report.not_replayed, report.boots, first,
                  report.difference.decode(errors="replace"))


# ---- records --------------------------------------------------------------------------

class RecordNames:
    """The dura_record_names of a run's policy, with everything it points to."""

    def __init__(self, run: PathLike) -> None:
        try:
            with open(os.path.join(os.fspath(run), "policy.bin"), "rb") as file:
                image = file.read()
        except OSError:
            image = b""
        self.struct = _abi.dura_record_names()
        self.struct.struct_size = ctypes.sizeof(self.struct)
        self.keep: List[Any] = []
        self.channels = self._list(image, _abi.DURA_NAMES_CHANNELS)
        self.outputs = self._list(image, _abi.DURA_NAMES_OUTPUTS)
        self.struct.n_channels, self.struct.channels = self._array(self.channels)
        self.struct.n_outputs, self.struct.outputs = self._array(self.outputs)
        #: what may have a drift reference, in the order of its index
        self.watched: Tuple[str, ...] = (*self.channels, *self.outputs, *self._list(image, _abi.DURA_NAMES_FEATURES))

    @staticmethod
    def _list(image: bytes, what: int) -> List[str]:
        try:
            return _policy.names(image, what) if image else []
        except DuraError:                    # a damaged policy costs the names, not the records
            return []

    def _array(self, names: List[str]) -> Tuple[int, Optional[int]]:
        array = (ctypes.c_char_p * len(names))(*[name.encode() for name in names])
        self.keep.append(array)
        return len(names), ctypes.addressof(array) if names else None


class Log:
    """The records of a run folder, merged in the order of the timeline, as dicts.

        for record in dura.Log("run"):
            print(record["gseq"], record["kind"])

    Reading is not verifying: verify() says whether to believe them. A cut log ends where
    it can no longer be read; damage with records behind it raises ECORRUPT.
    """

    def __init__(self, run: PathLike, log: Optional[str] = None) -> None:
        if log not in _LOGS:
            raise ValueError(f"log is {log!r}: want 'security', 'decision' or None for both")
        self.run, self.log = os.fspath(run), log
        self._close(self._open())            # a folder that is no run is an error now

    def _open(self) -> ctypes.c_void_p:
        cursor, err = ctypes.c_void_p(), _abi.dura_error()
        check(lib.dura_records_open(ctypes.byref(cursor), _names.path_bytes(self.run), _LOGS[self.log],
                                    ctypes.byref(err)), err)
        return cursor

    @staticmethod
    def _close(cursor: ctypes.c_void_p) -> None:
        lib.dura_records_close(cursor)

    def lines(self) -> Iterator[str]:
        """Each record as the line of JSON that `dura show --json` prints."""
        names, cursor, err = RecordNames(self.run), self._open(), _abi.dura_error()
        record, room = _abi.dura_record(), ctypes.create_string_buffer(4096)
        record.struct_size = ctypes.sizeof(record)
        try:
            while check(lib.dura_records_next(cursor, ctypes.byref(record), ctypes.byref(err)), err) == 1:
                length = ctypes.c_size_t(len(room))
                rc = lib.dura_record_json(ctypes.byref(record), ctypes.byref(names.struct), room, ctypes.byref(length))
                if rc == _abi.DURA_ENOSPC:
                    room = ctypes.create_string_buffer(length.value + 1024)
                    length.value = len(room)
                    rc = lib.dura_record_json(ctypes.byref(record), ctypes.byref(names.struct), room,
                                              ctypes.byref(length))
                check(rc)
                yield room.raw[:length.value].decode(errors="replace")
        finally:
            self._close(cursor)

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        return (json.loads(line) for line in self.lines())

    def decisions(self) -> Iterator[Dict[str, Any]]:
        """Only the records of decisions."""
        return (record for record in self if record["kind"] == "decision")

    def to_pandas(self) -> Any:
        """The decisions as a pandas DataFrame: one row each, nested members by dots."""
        import pandas
        return pandas.json_normalize(list(self.decisions()))
