# SPDX-License-Identifier: Apache-2.0
"""Run: a run folder, read after the fact, and the people's door to it."""
from __future__ import annotations

import csv
import ctypes
import json
import os
import shutil
import subprocess
import tempfile
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union

from . import _abi
from ._load import lib
from ._names import PathLike
from .errors import check
from .incident import Incident
from .log import Log, Replay, Verdict, replay, verify, verify_options

Label = Mapping[str, Any]


def _bytes(text: Optional[PathLike]) -> Optional[bytes]:
    return None if text is None else os.fsencode(os.fspath(text))


def _taken(text: ctypes.c_void_p, release: Any) -> bytes:
    try:
        return ctypes.string_at(text)
    finally:
        release(text)


class Run:
    """The folder of a run.

        run = dura.Run("run")
        for incident in run.incidents():
            print(incident)

    Reading is not verifying: verify() says whether to believe it.
    """

    def __init__(self, folder: PathLike, state: Optional[PathLike] = None) -> None:
        self.folder, self.state = os.fspath(folder), state
        self.log = Log(folder)               # a folder that is no run is an error now

    def __repr__(self) -> str:
        return f"dura.Run({self.folder!r})"

    def verify(self, **how: Any) -> Verdict:
        how.setdefault("state", self.state)
        return verify(self.folder, **how)

    def replay(self, model: Optional[PathLike] = None) -> Replay:
        return replay(self.folder, model)

    def decisions(self) -> Iterator[Dict[str, Any]]:
        return self.log.decisions()

    def to_pandas(self) -> Any:
        """The decisions as a pandas DataFrame, one row each."""
        return self.log.to_pandas()

    # ---- what happened -----------------------------------------------------------------

    def incidents(self, again: bool = False) -> List[Incident]:
        """Every incident in its last state, in the order they were opened. again: joined anew from
        the records, also where the device did not correlate."""
        text, length, count, err = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t(), _abi.dura_error()
        check(lib.dura_incidents_json(_bytes(self.folder), int(again), ctypes.byref(text), ctypes.byref(length),
                                      ctypes.byref(count), ctypes.byref(err)), err)
        lines = _taken(text, lib.dura_pack_deinit).decode(errors="replace").splitlines()   # the library's free()
        return [Incident.from_json(json.loads(line)) for line in lines]

    def why(self, *, frame: Optional[int] = None, at: Optional[str] = None, last: bool = False,
            time_format: Optional[str] = None, model: Optional[PathLike] = None, top: int = 10) -> Dict[str, Any]:
        """One decision explained, as the document of `dura why --json`: say which by frame=, by
        at= (ISO 8601, or as time_format says: the last one at or before it) or last=True."""
        if sum((frame is not None, at is not None, last)) != 1:
            raise ValueError("which decision? Give one of frame=, at=, last=True")
        options, err = _abi.dura_why_options(), _abi.dura_error()
        text, length = ctypes.c_void_p(), ctypes.c_size_t()
        options.struct_size, options.top, options.frame = ctypes.sizeof(options), top, frame or 0
        options.which = (_abi.DURA_PICK_LAST if last else
                         _abi.DURA_PICK_FRAME if frame is not None else _abi.DURA_PICK_AT)
        options.at, options.time_format, options.model = _bytes(at), _bytes(time_format), _bytes(model)
        known, keep = verify_options(state=self.state)
        options.verify = ctypes.addressof(known)
        check(lib.dura_why_json(_bytes(self.folder), ctypes.byref(options), ctypes.byref(text), ctypes.byref(length),
                                ctypes.byref(err)), err)
        del keep
        document: Dict[str, Any] = json.loads(_taken(text, lib.dura_why_deinit))
        return document

    def story(self, *, title: Optional[str] = None, buckets: int = 0) -> Dict[str, Any]:
        """The whole run in one document: what `dura report` draws its page from."""
        options, err = _abi.dura_story_options(), _abi.dura_error()
        text, length = ctypes.c_void_p(), ctypes.c_size_t()
        options.struct_size, options.buckets = ctypes.sizeof(options), buckets
        options.title = None if title is None else title.encode()
        known, keep = verify_options(state=self.state)
        options.verify = ctypes.addressof(known)
        check(lib.dura_story_json(_bytes(self.folder), ctypes.byref(options), ctypes.byref(text), ctypes.byref(length),
                                  ctypes.byref(err)), err)
        del keep
        document: Dict[str, Any] = json.loads(_taken(text, lib.dura_story_deinit))
        return document

    def report(self, path: PathLike, *, title: Optional[str] = None) -> str:
        """Make the page of `dura report` at path, or replace it. The page is the command's: `dura` is looked for
        in $DURA_CLI, beside the library, and on the PATH. Returns the path."""
        beside = os.path.join(os.path.dirname(lib._name), "dura") if os.path.isabs(lib._name) else None
        tried = [os.environ.get("DURA_CLI"), beside, shutil.which("dura")]
        command = next((name for name in tried if name and os.access(name, os.X_OK)), None)
        if command is None:
            raise FileNotFoundError("the dura command is needed for a report: set DURA_CLI, or put it on the PATH")
        words = [command, "report", self.folder, "-o", os.fspath(path)]
        words += ["--state", os.fspath(self.state)] if self.state is not None else []
        words += ["--title", title] if title is not None else []
        ran = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if ran.returncode not in (0, 1):
            raise OSError(f"dura report: {ran.stderr.strip() or f'exit {ran.returncode}'}")
        return os.fspath(path)

    # ---- the people's door: each call is a signed record of the run ----------------------

    def _people(self, actor: str, reason: Optional[str], time_format: Optional[str] = None) -> Any:
        options = _abi.dura_people_options()
        options.struct_size = ctypes.sizeof(options)
        options.folder, options.state = _bytes(self.folder), _bytes(self.state)
        options.actor, options.time_format = actor.encode(), _bytes(time_format)
        options.reason = None if reason is None else reason.encode()
        return options

    def _say(self, call: Any, options: Any, *rest: Any) -> int:
        report, err = _abi.dura_people_report(), _abi.dura_error()
        report.struct_size = ctypes.sizeof(report)
        check(call(ctypes.byref(options), *rest, ctypes.byref(report), ctypes.byref(err)), err)
        return int(report.records)

    def label(self, labels: Union[PathLike, Sequence[Label]], *, actor: str, time_format: Optional[str] = None) -> int:
        """What was true after all. labels: a CSV file, or rows with `frame` or `time`, `name` (an
        output or a channel) and `value`. Late is the point: the frame must be in the log. All rows
        are checked before the first is recorded. Returns how many were."""
        if isinstance(labels, (str, os.PathLike)):
            return self._say(lib.dura_people_label, self._people(actor, None, time_format), _bytes(labels))
        if not labels:
            return 0
        with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(labels[0]))
            table.writeheader()
            table.writerows(labels)
            file.flush()
            return self._say(lib.dura_people_label, self._people(actor, None, time_format), _bytes(file.name))

    def acknowledge(self, incident: Union[Incident, int, str], *, actor: str, reason: str) -> None:
        """Somebody has seen it."""
        self._word(_abi.DURA_PEOPLE_ACK, incident, actor, reason)

    def close_incident(self, incident: Union[Incident, int, str], *, actor: str, reason: str) -> None:
        """Somebody has dealt with it."""
        self._word(_abi.DURA_PEOPLE_CLOSE, incident, actor, reason)

    def _word(self, what: int, incident: Union[Incident, int, str], actor: str, reason: str) -> None:
        which = f"{incident.boot}/{incident.id}" if isinstance(incident, Incident) else str(incident)
        self._say(lib.dura_people_incident, self._people(actor, reason), what, which.encode())

    def stop(self, *, actor: str, reason: str) -> None:
        """The operator's stop, on a run that is not going: a later resume starts stopped."""
        self._say(lib.dura_people_override, self._people(actor, reason), _abi.DURA_OVERRIDE_STOP)

    def release(self, *, actor: str, reason: str) -> None:
        """... and its end."""
        self._say(lib.dura_people_override, self._people(actor, reason), _abi.DURA_OVERRIDE_RELEASE)
