# SPDX-License-Identifier: Apache-2.0
"""Link: frames of a sensor unit, sealed with a keyed tag, opened once and never again.

    sender = dura.link.Sender(source=3, channels=2, key=key, epoch=7, persist=store_epoch)
    receiver = dura.link.Receiver(source=3, channels=2, key=key)
    opened = receiver.open(sender.seal([20.5, None], time_ns=now))
    if opened.accepted:
        guard.step(opened.values)
"""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, Union

from . import _abi
from ._load import lib
from .errors import DuraError, check

Value = Union[float, int, None]

_PROFILES = {"hmac": _abi.DURA_LINK_HMAC, "siphash": _abi.DURA_LINK_SIPHASH, "crc": _abi.DURA_LINK_CRC}
_REASONS = {getattr(_abi, name): name[len("DURA_L_"):].lower() for name in dir(_abi) if name.startswith("DURA_L_")}
_KEYS = {16: "category", 17: "type", 18: "id", 19: "result", 20: "severity", 22: "asset", 23: "zone", 25: "detail"}
_CHANNEL = {"f32": _abi.DURA_LINK_F32, "i32": _abi.DURA_LINK_I32}
_PERSIST = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)
_NOT_PERSISTED = -1100


@dataclass(frozen=True)
class Opened:
    """What a receiver says of some bytes. Refusal is an answer, not an exception."""

    accepted: bool
    reasons: Tuple[str, ...]         #: auth, replay, length, ...; of an accepted frame lost, late, save, ...
    authentic: bool                  #: the tag is right; with profile crc only: no fault was found
    frame: int                       #: its number, epoch << 32 | count: proven when authentic, else claimed
    lost: int                        #: numbers missing just before it
    time_ns: Optional[int]           #: by the sender's clock; None unless accepted
    values: Tuple[Value, ...]        #: empty unless accepted; None is missing; an int where kinds say i32
    event: Optional[Dict[str, Any]]  #: for Guard.event(**event), when there is something to record

    @property
    def epoch(self) -> int:
        return self.frame >> 32

    @property
    def count(self) -> int:
        return self.frame & 0xFFFFFFFF


def _cbor(data: bytes) -> Dict[str, Any]:
    """The pairs of an event: unsigned integers and texts."""
    def head(at: int) -> Tuple[int, int, int]:
        kind, v = data[at] >> 5, data[at] & 31
        width = {24: 1, 25: 2, 26: 4, 27: 8}.get(v, 0)
        return kind, int.from_bytes(data[at + 1:at + 1 + width], "big") if width else v, at + 1 + width

    out, at = {}, 0
    while at < len(data):
        _, key, at = head(at)
        kind, v, at = head(at)
        if kind == 3:
            out[_KEYS[key]], at = data[at:at + v].decode(), at + v
        else:
            out[_KEYS[key]] = v
    return out


class _Link:
    """The object, its provider, its keys."""

    def __init__(self, source: int, channels: int, profile: str, kinds: Optional[Sequence[str]] = None,
                 **config: int) -> None:
        if profile not in _PROFILES:
            raise ValueError(f"profile is {profile!r}; there are {', '.join(_PROFILES)}")
        self.source, self.channels, self.profile = source, channels, profile
        self._provider, c = _abi.dura_sodium(), _abi.dura_link_config()
        check(lib.dura_sodium_init(ctypes.byref(self._provider), None, 0, None, None, None))
        limits = dict(_abi.dura_link_config._fields_)
        for name, value in dict(config, source=source, n_channels=channels).items():
            if not 0 <= value < 256 ** ctypes.sizeof(limits[name]):     # a C field would cut it silently
                raise ValueError(f"{name} is {value}")
            setattr(c, name, value)
        c.struct_size, c.crypto = ctypes.sizeof(c), ctypes.addressof(self._provider)
        self._kinds = self._known(kinds)        # kept: C reads it in place
        c.kinds = ctypes.addressof(self._kinds)
        size = lib.dura_link_bytes(ctypes.byref(c))
        if size == 0:
            raise ValueError(f"source {source}, {channels} channels, {config}: want source 0..65534, "
                             f"1..{_abi.DURA_LINK_CHANNELS_MAX} channels, window 0..64")
        self._memory, self._handle = (ctypes.c_uint64 * (size // 8 + 1))(), ctypes.c_void_p()
        check(lib.dura_link_init(ctypes.byref(self._handle), self._memory, size, ctypes.byref(c)))
        self._slots = 0

    def _known(self, kinds: Optional[Sequence[str]]) -> Any:
        kinds = ("f32",) * self.channels if kinds is None else tuple(kinds)
        if len(kinds) != self.channels or not set(kinds) <= set(_CHANNEL):
            raise ValueError(f"kinds: want one of {', '.join(_CHANNEL)} for each of {self.channels} channels")
        return (ctypes.c_uint8 * max(1, len(kinds)))(*[_CHANNEL[k] for k in kinds])

    def _attach(self, key: Optional[bytes], key_id: int, profile: str) -> None:
        k = _abi.dura_link_key()
        if profile not in _PROFILES or not 0 <= key_id <= 255:
            raise ValueError(f"profile {profile!r}, key_id {key_id}: want {', '.join(_PROFILES)}; 0..255")
        k.struct_size, k.id, k.profile = ctypes.sizeof(k), key_id, _PROFILES[profile]
        if (key is None) != (profile == "crc"):
            raise ValueError("crc has no key; hmac and siphash have one")
        if profile == "siphash":
            if len(key or b"") != _abi.DURA_LINK_SIP_BYTES:
                raise ValueError(f"a key of siphash has {_abi.DURA_LINK_SIP_BYTES} bytes, not {len(key or b'')}")
            k.sip[:] = bytes(key or b"")
        if profile == "hmac":
            k.slot = _abi.DURA_KEY_LINK + self._slots % 4       # in use, next, and room to spare
            check(lib.dura_sodium_key(ctypes.byref(self._provider), k.slot, key, len(key or b"")))
        check(lib.dura_link_attach(self._handle, ctypes.byref(k)))
        self._slots += profile == "hmac"

    def status(self) -> Dict[str, int]:
        """frame, saved, accepted, lost, auth, replay, other, key_id, other_key_id (None: none)."""
        s = _abi.dura_link_status()
        s.struct_size = ctypes.sizeof(s)
        check(lib.dura_link_query(self._handle, ctypes.byref(s)))
        out = {name: getattr(s, name) for name, _ in s._fields_ if name != "struct_size"}
        return {name: None if name.endswith("key_id") and v == _abi.DURA_NONE else v for name, v in out.items()}


class Sender(_Link):
    """The sensor unit's side.

    epoch: the last one that was persisted, 0 the first time. persist(epoch) makes the next one
    durable before the first frame; what it raises comes out of here, and nothing is sealed.
    key: 16 to 64 bytes for hmac, 16 for siphash, None for crc, which is NOT SECURE.
    """

    def __init__(self, source: int, channels: int, key: Optional[bytes], *, epoch: int,
                 persist: Callable[[int], Any], key_id: int = 0, profile: str = "hmac") -> None:
        super().__init__(source, channels, profile, least=_PROFILES.get(profile, 0))
        self._error: Optional[BaseException] = None
        self._persist = _PERSIST(lambda _, e: self._made_durable(persist, e))      # kept: C calls it
        self._attach(key, key_id, profile)
        if not 0 <= epoch <= 0xFFFFFFFF:
            raise ValueError(f"epoch is {epoch}")
        self._checked(lib.dura_link_start(self._handle, epoch, self._persist, None))

    def _made_durable(self, persist: Callable[[int], Any], epoch: int) -> int:
        try:
            persist(epoch)
            return 0
        except BaseException as error:      # not through C
            self._error = error
            return _NOT_PERSISTED

    def _checked(self, rc: int) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
        check(rc)

    def change_key(self, key: Optional[bytes], key_id: int, profile: Optional[str] = None) -> None:
        """Seal with another key from the next frame on. Receivers are told of it before."""
        self._attach(key, key_id, profile or self.profile)

    def seal(self, values: Sequence[Value], time_ns: int) -> bytes:
        """The bytes of one frame. A float goes as binary32, an int as int32, None is missing."""
        n = len(values)
        if n != self.channels or not 0 <= time_ns < 2**63:
            raise ValueError(f"{n} values for {self.channels} channels, time_ns {time_ns}")
        words = (ctypes.c_uint32 * n)()
        kinds = (ctypes.c_uint8 * n)(*[isinstance(v, int) for v in values])
        missing = (ctypes.c_uint8 * n)(*[v is None for v in values])
        for i, v in enumerate(values):
            if isinstance(v, int):
                if not -2**31 <= v < 2**31:
                    raise ValueError(f"value {i}: {v} is no int32")
                words[i] = v & 0xFFFFFFFF
            elif v is not None:
                ctypes.memmove(ctypes.byref(words, 4 * i), ctypes.byref(ctypes.c_float(v)), 4)
        room = 44 + 4 * n + 2 * ((n + 7) // 8)
        out, length = ctypes.create_string_buffer(room), ctypes.c_size_t(room)
        self._checked(lib.dura_link_seal(self._handle, time_ns, words, kinds, missing, n, out, ctypes.byref(length)))
        return out.raw[:length.value]


class Receiver(_Link):
    """The guard's side.

    kinds: "f32" or "i32" for each channel, as the sensor has them, by default all f32. A channel
    of kind i32 gives its very count as an int, and a frame with a float there is refused (content);
    a count in a channel of kind f32 becomes the nearest float (rounded).
    least: the weakest profile that is accepted, by default the key's. window: late frames are
    taken this far back, 1 for none. max_delta: the largest step within an epoch, 0 for any.
    overlap, ahead, resync_after, least_frame: as in include/dura/link.h.
    """

    def __init__(self, source: int, channels: int, key: Optional[bytes], *, key_id: int = 0, profile: str = "hmac",
                 kinds: Optional[Sequence[str]] = None, least: Optional[str] = None, window: int = 64,
                 max_delta: int = 0, resync_after: int = 3, overlap: int = 0, ahead: int = 0,
                 least_frame: int = 0) -> None:
        weakest = _PROFILES.get(least or profile, 0)
        super().__init__(source, channels, profile, kinds, least=weakest, window=window, max_delta=max_delta,
                         resync_after=resync_after, overlap=overlap, ahead=ahead, least_frame=least_frame)
        self._attach(key, key_id, profile)

    def next_key(self, key: Optional[bytes], key_id: int, profile: Optional[str] = None) -> None:
        """The key that serves from its first accepted frame on; the one in use ends `overlap` later."""
        self._attach(key, key_id, profile or self.profile)

    def open(self, data: bytes) -> Opened:
        """Judge the bytes of one frame."""
        n, data = self.channels, bytes(data)
        frame, report = _abi.dura_frame(), _abi.dura_link_report()
        frame.struct_size, report.struct_size = ctypes.sizeof(frame), ctypes.sizeof(report)
        values, missing = (ctypes.c_float * n)(), (ctypes.c_uint8 * n)()
        rc = lib.dura_link_open(self._handle, data, len(data), ctypes.byref(frame), values, missing,
                                ctypes.byref(report))
        if rc not in (_abi.DURA_OK, _abi.DURA_EAUTH):
            check(rc)
        accepted = rc == _abi.DURA_OK
        reasons = tuple(name for bit, name in sorted(_REASONS.items()) if report.reasons & bit)
        return Opened(accepted, reasons, bool(report.authentic), report.frame, report.lost,
                      frame.time.mono_ns if accepted else None,
                      self._values(values, missing) if accepted else (),
                      self._event(report.fact))

    def _values(self, values: Any, missing: Any) -> Tuple[Value, ...]:
        counts = ctypes.cast(values, ctypes.POINTER(ctypes.c_int32))       # the same cells as integers
        kinds = self._kinds
        return tuple(None if missing[i] else counts[i] if kinds[i] else values[i] for i in range(self.channels))

    @staticmethod
    def _event(fact: _abi.dura_fact) -> Optional[Dict[str, Any]]:
        if fact.kind != _abi.DURA_FACT_LINK or fact.log != _abi.DURA_LOG_SECURITY:
            return None
        out, pairs = ctypes.create_string_buffer(_abi.DURA_LINK_EVENT_MAX), ctypes.c_uint16()
        n = lib.dura_link_event(ctypes.byref(fact), out, len(out), ctypes.byref(pairs))
        if n < 0:
            raise DuraError("a fact of the link is no event", n)
        return _cbor(out.raw[:n])

    def save(self) -> bytes:
        """Freshness as bytes (docs/formats/link.md): keep them where a reset finds them again."""
        out, length = ctypes.create_string_buffer(_abi.DURA_LINK_SAVE_BYTES), ctypes.c_size_t(_abi.DURA_LINK_SAVE_BYTES)
        check(lib.dura_link_save(self._handle, out, ctypes.byref(length)))
        return out.raw

    def load(self, saved: bytes) -> None:
        """Go on from saved bytes; give the keys (next_key) before."""
        check(lib.dura_link_load(self._handle, bytes(saved), len(saved)))
