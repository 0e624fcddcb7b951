# SPDX-License-Identifier: Apache-2.0
"""Guard: one guarded run with a folder of logs, as a context manager."""
from __future__ import annotations

import ctypes
import datetime
import json
import time as clock
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from . import _abi, _names, _policy
from ._load import lib
from ._names import PathLike
from .drift import DriftState, state_of
from .errors import DuraError, check
from .gate import GateStatus, gate_status
from .incident import Incident
from .log import RecordNames

Model = Callable[[Sequence[float]], Sequence[float]]
Values = Union[Mapping[str, Optional[float]], Sequence[Optional[float]]]
Time = Union[int, float, datetime.datetime]

_CALL = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_float), ctypes.c_size_t,
                         ctypes.POINTER(ctypes.c_float), ctypes.c_size_t)


@dataclass(frozen=True)
class Decision:
    """What the guard answered. `outputs` is always safe to drive."""

    frame: int
    action: str                      #: ACT, HOLD, FALLBACK or STOP
    mode: str                        #: observe or enforce
    verdict: str                     #: of the frame: GOOD, UNKNOWN, SUSPECT, FAIL, MISSING
    outputs: Dict[str, float]        #: drive these
    proposed: Dict[str, float]       #: what enforce mode drives
    reasons: Tuple[str, ...]         #: why the guard did so
    sensor_reasons: Tuple[str, ...]  #: of all channels
    worst_channel: Optional[str]     #: None when every channel is GOOD


def _nanoseconds(when: Time) -> int:
    if isinstance(when, datetime.datetime):
        if when.tzinfo is None:
            when = when.replace(tzinfo=datetime.timezone.utc)
        since = when - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
    return when * 1_000_000_000 if isinstance(when, int) else round(when * 1_000_000_000)


def _policy_counts(policy: PathLike) -> Tuple[int, int]:
    """Model inputs and outputs of a policy.json."""
    image = _policy.policy_image(policy)
    return (len(_policy.names(image, _abi.DURA_NAMES_INPUTS)), len(_policy.names(image, _abi.DURA_NAMES_OUTPUTS)))


#: Room for the texts of an event, in bytes of UTF-8.
_EVENT_ROOM = {"category": _abi.DURA_EVENT_CATEGORY_MAX, "type": _abi.DURA_EVENT_TYPE_MAX, "id": _abi.DURA_EVENT_ID_MAX,
               "result": _abi.DURA_EVENT_RESULT_MAX, "actor": _abi.DURA_EVENT_ACTOR_MAX,
               "peer": _abi.DURA_EVENT_PEER_MAX, "detail": _abi.DURA_EVENT_DETAIL_MAX}
_TRUST = {"none": _abi.DURA_TRUST_NONE, "source": _abi.DURA_TRUST_SOURCE}


def _event_text(field: str, text: str) -> bytes:
    raw = text.encode()
    if len(raw) > _EVENT_ROOM[field]:
        raise ValueError(f"{field}: {len(raw)} bytes, at most {_EVENT_ROOM[field]}: shorten it")
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError(f"{field}: {text!r} holds a control character")
    return raw


def _event_row(texts: Mapping[str, str], severity: int, asset: Optional[int], zone: Optional[int],
               trust: str) -> _abi.dura_events_row:
    for what, value, top in (("severity", severity, 10), ("asset", asset, 65534), ("zone", zone, 65534)):
        if value is not None and not 0 <= value <= top:
            raise ValueError(f"{what} is {value}, want 0..{top}")
    if trust not in _TRUST:
        raise ValueError(f"trust is {trust!r}: 'source' for who has proved who it is, else 'none'")
    for field in ("category", "type"):
        if not texts[field]:
            raise ValueError(f"{field} is empty: every event has one")
    row = _abi.dura_events_row()
    row.struct_size, row.event.struct_size = ctypes.sizeof(row), ctypes.sizeof(row.event)
    row.event.severity, row.event.trust = severity, _TRUST[trust]
    row.event.asset = _abi.DURA_NONE if asset is None else asset
    row.event.zone = _abi.DURA_NONE if zone is None else zone
    for field, text in texts.items():
        setattr(row, field, _event_text(field, text))
    return row


class Guard:
    """A guard over a policy and a model, recording into the folder `out`.

        with dura.Guard("policy.json", "model.json", out="run") as g:
            d = g.step({"pressure": 3.1, "speed": 120.0})
            drive(d.outputs["valve"])

    model: path of model.json, or a function from a list of floats to a sequence of floats;
    then model_id names and versions it, and its digest stands in the gate record.
    Leaving the block closes the run; leaving it by an exception abandons it, and
    verify() calls it CUT. One thread at a time. device: folder of the device's journal and model
    slots, so that updates stay from run to run.
    """

    def __init__(self, policy: PathLike, model: Union[PathLike, Model], *, out: PathLike,
                 state: Optional[PathLike] = None, factory: Optional[PathLike] = None,
                 device: Optional[PathLike] = None, model_id: str = "",
                 demo_key: bool = False, resume: bool = False, enforce: bool = False, source: int = 0) -> None:
        options = _abi.dura_session_options()
        options.struct_size = ctypes.sizeof(options)
        options.flags = (_abi.DURA_SESSION_DEMO_KEY * demo_key | _abi.DURA_SESSION_RESUME * resume
                         | _abi.DURA_SESSION_ENFORCE * enforce)
        self._keep: List[Any] = []            # what the library borrows
        self._error: Optional[BaseException] = None
        self._source = source
        options.policy = self._text(policy)
        options.out = self._text(out)
        options.state = self._text(state)
        options.factory = self._text(factory)
        options.device = self._text(device)
        if callable(model):
            options.call = self._function(model, *_policy_counts(policy))
            options.call_id = self._text(model_id) if model_id else None
        else:
            options.model = self._text(model)
        handle, err = ctypes.c_void_p(), _abi.dura_error()
        check(lib.dura_session_open(ctypes.byref(handle), ctypes.byref(options), ctypes.byref(err)), err)
        self._handle: Optional[ctypes.c_void_p] = handle
        # Without this a forgotten guard keeps its locks; abandoned is what it then is.
        self._finalizer = weakref.finalize(self, lib.dura_session_abort, handle)
        self._run = out
        self._describe()

    # ---- what the library needs kept -------------------------------------------------

    def _text(self, path: Optional[PathLike]) -> Optional[int]:
        """Address of a path's bytes, kept for as long as the guard."""
        if path is None:
            return None
        room = ctypes.create_string_buffer(_names.path_bytes(path))
        self._keep.append(room)
        return ctypes.addressof(room)

    def _function(self, model: Model, n_inputs: int, n_outputs: int) -> int:
        """Address of a dura_fn that calls `model`. Its exception becomes a failed answer
        for the guard, and is raised again by step()."""
        def call(_user: int, inputs: "ctypes._Pointer[ctypes.c_float]", n: int,
                 outputs: "ctypes._Pointer[ctypes.c_float]", m: int) -> int:
            try:
                answer = list(model(inputs[:n]))
                if len(answer) != m:
                    raise ValueError(f"the model gave {len(answer)} outputs, the policy has {m}")
                for i, value in enumerate(answer):
                    outputs[i] = value
                return 0
            except BaseException as error:      # a callback must not unwind through C
                self._error = error
                return -101
        thunk = _CALL(call)
        fn = _abi.dura_fn()
        fn.struct_size = ctypes.sizeof(fn)
        fn.n_inputs, fn.n_outputs = n_inputs, n_outputs
        fn.call = ctypes.cast(thunk, ctypes.c_void_p).value
        self._keep += [thunk, fn]
        return ctypes.addressof(fn)

    def _describe(self) -> None:
        handle = self._handle
        self.channels: Tuple[str, ...] = tuple(lib.dura_session_channel(handle, i).decode()
                                               for i in range(lib.dura_session_channels(handle)))
        self.outputs: Tuple[str, ...] = tuple(lib.dura_session_output(handle, i).decode()
                                              for i in range(lib.dura_session_outputs(handle)))
        self.origin: str = lib.dura_session_origin(handle).decode()
        self._next: int = lib.dura_session_next_frame(handle)
        self._names = RecordNames(self._run)     # of the policy that is in force
        self._watched: Tuple[str, ...] = self._names.watched
        n = len(self.channels)
        self._values, self._missing = (ctypes.c_float * n)(), (ctypes.c_uint8 * n)()
        self._baseline = (ctypes.c_float * len(self.outputs))()
        self._frame = _abi.dura_frame()
        self._frame.struct_size = ctypes.sizeof(self._frame)
        self._frame.n, self._frame.source = n, self._source
        self._frame.values = ctypes.addressof(self._values)
        self._frame.missing = ctypes.addressof(self._missing)
        self._decision = _abi.dura_decision()
        self._started = clock.monotonic_ns()

    def _open(self) -> ctypes.c_void_p:
        if self._handle is None:
            raise ValueError("the guard is closed")
        return self._handle

    # ---- stepping ----------------------------------------------------------------------

    @property
    def next_frame(self) -> int:
        """Number of the next frame; behind the last recorded one when resumed."""
        return self._next

    def _fill(self, values: Values) -> None:
        if isinstance(values, Mapping):
            unknown = set(values) - set(self.channels)
            if unknown:
                raise ValueError(f"the policy has no channel {', '.join(map(repr, sorted(unknown)))}")
            values = [values.get(name) for name in self.channels]
        if len(values) != len(self.channels):
            raise ValueError(f"{len(values)} values for {len(self.channels)} channels")
        for i, value in enumerate(values):
            self._missing[i] = value is None
            self._values[i] = 0.0 if value is None else value

    def _stamp(self, when: Optional[Time]) -> None:
        stamp = self._frame.time
        stamp.quality, stamp.wall_err_us = _abi.DURA_CLOCK_UNSYNCED, 0xFFFFFFFF
        if when is None:
            stamp.wall_ns, stamp.mono_ns = clock.time_ns(), clock.monotonic_ns() - self._started
        else:
            stamp.wall_ns = stamp.mono_ns = _nanoseconds(when)

    def step(self, values: Values, time: Optional[Time] = None, *,
             baseline: Optional[Sequence[float]] = None) -> Decision:
        """One frame through the guard.

        values: one per channel in the policy's order, or by name; None is missing, and so is
        a name left out. time: seconds since 1970 or a datetime (UTC when naive), for
        recordings; None: now. Give it always or never. baseline: what the existing control
        drives, for observe mode.
        """
        handle, d, err = self._open(), self._decision, _abi.dura_error()
        self._fill(values)
        self._stamp(time)
        self._frame.frame = self._next
        self._frame.baseline = None
        if baseline is not None:
            self._baseline[:] = list(baseline)
            self._frame.baseline = ctypes.addressof(self._baseline)
        d.struct_size = ctypes.sizeof(d)
        rc = lib.dura_session_step(handle, ctypes.byref(self._frame), ctypes.byref(d), ctypes.byref(err))
        self._next += 1
        error, self._error = self._error, None
        if error is not None:
            raise error
        check(rc, err)
        return self._value(d)

    def _value(self, d: _abi.dura_decision) -> Decision:
        worst = None if d.worst_channel == _abi.DURA_NONE else self.channels[d.worst_channel]
        return Decision(d.frame, _names.action(d.action), _names.mode(d.mode), _names.verdict(d.verdict),
                        dict(zip(self.outputs, d.output)), dict(zip(self.outputs, d.proposed)),
                        _names.guard_reasons(d.reasons), _names.sensor_reasons(d.sensor_reasons), worst)

    # ---- what the guard sees beside the frames ------------------------------------------

    def event(self, *, category: str, type: str, severity: int, asset: Optional[int] = None, zone: Optional[int] = None,
              trust: str = "none", id: str = "", result: str = "", actor: str = "", peer: str = "", detail: str = "",
              time: Optional[Time] = None) -> None:
        """A security-relevant event into the security log, and to the correlator.

        severity: 0 to 10. asset, zone: numbers of your asset list. trust: "source" when whoever
        said so has proved who he is; "none" counts half, and never makes an attack on its own.
        result begins with "fail" when what was tried did not succeed. docs/correlate.md has the
        words of category and type that mean something. time: as in step().
        """
        handle, err, n = self._open(), _abi.dura_error(), ctypes.c_uint16()
        row = _event_row({"category": category, "type": type, "id": id, "result": result, "actor": actor, "peer": peer,
                          "detail": detail}, severity, asset, zone, trust)
        room = ctypes.create_string_buffer(_abi.DURA_EVENT_BYTES_MAX)
        length = check(lib.dura_event_encode(ctypes.byref(row), room, len(room), ctypes.byref(n)))
        self._stamp(time)
        check(lib.dura_session_event(handle, room, length, n, ctypes.byref(self._frame.time), ctypes.byref(err)), err)

    @property
    def last_incident(self) -> Optional[Incident]:
        """The incident of now, or the last closed one; None: there was none."""
        self._open()
        found = _abi.dura_incident()
        found.struct_size = ctypes.sizeof(found)
        rc = lib.dura_guard_incident(lib.dura_session_guard(self._handle), ctypes.byref(found))
        if rc == _abi.DURA_ENOENT:
            return None
        self._asked(rc, "correlate", "joins no incidents")
        length = ctypes.c_size_t(16384)
        room = ctypes.create_string_buffer(length.value)
        check(lib.dura_incident_json(ctypes.byref(found), ctypes.byref(self._names.struct), room, ctypes.byref(length)))
        return Incident.from_json(json.loads(room.value))

    @property
    def incident(self) -> Optional[Incident]:
        """The incident that is open now, or None."""
        last = self.last_incident
        return last if last is not None and last.is_open else None

    def drift(self, name: str) -> DriftState:
        """How far a watched channel, output or feature has moved from its reference."""
        self._open()
        if name not in self._watched:
            raise KeyError(f"{name!r} is no channel, output or feature of the policy: {', '.join(self._watched)}")
        guard = lib.dura_session_guard(self._handle)
        try:
            return state_of(lib.dura_guard_drift, guard, self._watched.index(name))
        except DuraError as error:
            self._asked(error.code, "drift", "watches no drift")
            raise type(error)(f"{name!r} has no reference in the policy; add one to drift.references", error.code,
                              field=name) from None

    @staticmethod
    def _asked(rc: int, member: str, lacks: str) -> None:
        """An error that says what to add to the policy when it did not ask for this."""
        if rc == _abi.DURA_ENOTSUP:
            err = _abi.dura_error()
            err.code, err.field = rc, member.encode()
            err.text = f'this policy {lacks}; add "{member}": {{}} to it'.encode()
            check(rc, err)
        if rc != _abi.DURA_ENOENT:
            check(rc)

    # ---- updates -------------------------------------------------------------------------

    def offer(self, release: PathLike, subject: Optional[PathLike] = None) -> GateStatus:
        """Offer a release to the gate (subject None: for a brain, the file beside it that ends in
        .brain). It goes on with every step; `gate` says where it stands. A refusal raises, and
        says why."""
        handle, err = self._open(), _abi.dura_error()
        check(lib.dura_session_offer(handle, _names.path_bytes(release),
                                     None if subject is None else _names.path_bytes(subject), ctypes.byref(err)), err)
        return self.gate

    @property
    def gate(self) -> GateStatus:
        """Where the update machine stands, and which versions run."""
        self._open()
        try:
            return gate_status(lib.dura_session_guard(self._handle))
        except DuraError as error:
            self._asked(error.code, "updates", "takes no updates")
            raise

    def withdraw(self) -> GateStatus:
        """Give up the release in hand: rejected, or rolled back when it drives already."""
        self._open()
        check(lib.dura_guard_withdraw(lib.dura_session_guard(self._handle), ctypes.byref(self._frame.time)))
        return self.gate

    # ---- people ------------------------------------------------------------------------

    def _override(self, what: int, actor: str, reason: str) -> None:
        self._open()
        check(lib.dura_guard_override(lib.dura_session_guard(self._handle), what, actor.encode(), reason.encode(),
                                      ctypes.byref(self._frame.time)))

    def stop(self, actor: str, reason: str) -> None:
        """A person stops the model: every step answers STOP until release()."""
        self._override(_abi.DURA_OVERRIDE_STOP, actor, reason)

    def release(self, actor: str, reason: str) -> None:
        """A person lets the model drive again."""
        self._override(_abi.DURA_OVERRIDE_RELEASE, actor, reason)

    def status(self) -> Dict[str, int]:
        """Figures of the guard: boot, steps, actions, ..."""
        self._open()
        status = _abi.dura_guard_status()
        status.struct_size = ctypes.sizeof(status)
        check(lib.dura_guard_query(lib.dura_session_guard(self._handle), ctypes.byref(status)))
        names = ("ACT", "HOLD", "FALLBACK", "STOP")
        told = {field[0]: getattr(status, field[0]) for field in status._fields_
                if field[0] not in ("struct_size", "actions", "reserved")}
        return {**told, **dict(zip(names, status.actions))}

    # ---- the end -----------------------------------------------------------------------

    def close(self) -> None:
        """Summary, manifest, final seals. Closing twice is fine."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        self._finalizer.detach()
        err = _abi.dura_error()
        check(lib.dura_session_close(handle, ctypes.byref(err)), err)

    def abandon(self) -> None:
        """End as if the power went: the folder is not closed."""
        self._handle = None
        self._finalizer()

    def __enter__(self) -> "Guard":
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
