# SPDX-License-Identifier: Apache-2.0
"""Release: a brain, policy or firmware as a signed statement that a device's gate accepts."""
from __future__ import annotations

import ctypes
import datetime
import hashlib
import os
import time as clock
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from . import _abi, _columns, _names, _policy
from ._columns import Rows
from ._load import lib
from ._names import PathLike
from ._policy import Source
from .errors import DuraError, check
from .gate import _COMPONENT_NAMES, COMPONENTS, why_names, why_words
from .pack import Model

Date = Union[int, float, datetime.datetime, None]
_ANY = 0xFFFFFFFF     # no end of a range of versions
_ROOM = _abi.DURA_RELEASE_MAX
_SUFFIX = {"brain": ".brain", "policy": ".policy"}       #: firmware goes its own way


@dataclass(frozen=True)
class ReleaseCheck:
    """What the device will say, as far as its policy tells. The answer no is a value."""

    why: Tuple[str, ...]     #: names of what is wrong: signature, threshold, device, golden, ...; empty: nothing
    words: Tuple[str, ...]   #: the same in sentences
    detail: str              #: more about a model that does not open or a golden vector that is wrong

    @property
    def ok(self) -> bool:
        return not self.why


def _seconds(when: Date) -> int:
    if when is None:
        return 0
    if isinstance(when, datetime.datetime):
        when = (when if when.tzinfo else when.replace(tzinfo=datetime.timezone.utc)).timestamp()
    return int(when)


def _bytes_of(subject: Union[bytes, PathLike]) -> bytes:
    if isinstance(subject, (bytes, bytearray, memoryview)):
        return bytes(subject)
    with open(subject, "rb") as file:
        return file.read()


def make_brain(model: Any, golden: Union[Rows, int] = 32, *, seed: int = 1, abs_tol: float = 1e-6,
               rel_tol: float = 1e-5) -> bytes:
    """A brain image: the model and golden vectors, which it must answer right on the device
    before it may drive.

    model: as for pack_model(). golden: rows of the model's inputs, columns named as these, best
    taken from the process (rows with a missing value are left out); or how many made-up ones.
    """
    brain, err, vectors = Model(model), _abi.dura_error(), _abi.dura_golden()
    vectors.struct_size = ctypes.sizeof(vectors)
    image = _policy.aligned(brain.image)
    if isinstance(golden, int):
        check(lib.dura_golden_random(ctypes.byref(vectors), image, len(brain.image), seed, golden, abs_tol, rel_tol,
                                     ctypes.byref(err)), err)
    else:
        flat, n = _whole_rows(_columns.matrix(golden, brain.inputs))
        check(lib.dura_golden_from(ctypes.byref(vectors), image, len(brain.image), flat, n, abs_tol, rel_tol,
                                   ctypes.byref(err)), err)
    out, length = ctypes.c_void_p(), ctypes.c_size_t()
    try:
        check(lib.dura_brain_make(image, len(brain.image), ctypes.byref(vectors), ctypes.byref(out),
                                  ctypes.byref(length), ctypes.byref(err)), err)
        return ctypes.string_at(out, length.value)
    finally:
        lib.dura_pack_deinit(out)
        lib.dura_golden_deinit(ctypes.byref(vectors))


def _whole_rows(given: _columns.Matrix) -> Tuple[Any, int]:
    """The rows without a missing value, as C floats."""
    width, kept = len(given.names), []
    flat = given.flat if given.style == _columns.ARRAY else given.flat.reshape(-1)
    for at in range(0, given.frames * width, width):
        row = [float(x) for x in flat[at:at + width]]
        if all(x == x for x in row):
            kept += row
    return (ctypes.c_float * max(1, len(kept)))(*kept), len(kept) // width


def practice_names(bits: int) -> Tuple[str, ...]:
    """Names of a set of practices; one this library does not know is passed over."""
    names = (lib.dura_practice_name(bits & 1 << i) for i in range(64) if bits >> i & 1)
    return tuple(name.decode() for name in names if name)


class Release:
    """A release: what it says, its envelope, and its subject when that is at hand.

        release = dura.Release.make(dura.make_brain("model.json"), policy="policy.json", version=2)
        release.sign("vendor.key").save("rel.dura")
        print(release.check("policy.json").words)
    """

    def __init__(self, envelope: bytes, subject: Optional[bytes] = None) -> None:
        self.envelope, self.subject = bytes(envelope), subject
        r = self._r = self._decode()
        self.component: str = _COMPONENT_NAMES.get(r.component, str(r.component))   #: box, brain, policy
        self.version: int = r.version
        self.floor: int = r.floor_                  #: lowest version accepted once this is kept
        self.length: int = r.length                 #: bytes of the subject
        self.digest: str = bytes(r.digest).hex()    #: SHA-256 of the subject
        policy = bytes(r.policy)
        #: digest of the policy it is for; None: any
        self.policy: Optional[str] = policy.hex() if any(policy) else None
        self.not_before: int = r.not_before_s       #: seconds since 1970; 0: no limit
        self.not_after: int = r.not_after_s
        self.probation_frames: int = r.probation_frames
        #: versions of other components it works with: {"box": (least, most)}; most None: no end
        self.requires: Dict[str, Tuple[int, Optional[int]]] = {
            name: (r.need_min[c], None if r.need_max[c] == _ANY else r.need_max[c])
            for name, c in COMPONENTS.items() if r.need_max[c]}
        evidence = bytes(r.evidence)
        #: SHA-256 of the evidence index; None: there is none
        self.evidence: Optional[str] = evidence.hex() if any(evidence) else None
        self.practices: Tuple[str, ...] = practice_names(r.practices)   #: what it satisfies: SVV-1, A.6.2.4
        self.emergency: bool = bool(r.flags & _abi.DURA_RELEASE_EMERGENCY)
        self.back: bool = bool(r.flags & _abi.DURA_RELEASE_BACK)             #: below the version that runs
        self.substantial: bool = bool(r.flags & _abi.DURA_RELEASE_SUBSTANTIAL)   #: beyond what was planned
        self.metric: float = r.metric / _abi.DURA_METRIC_ONE                  #: 0: not stated
        self.data: Optional[str] = bytes(r.data).hex() if any(r.data) else None  #: what it was trained on
        self.device: str = r.device.decode()        #: "*": any
        self.name: str = r.name.decode()

    def _decode(self) -> _abi.dura_release:
        payload, n, r = ctypes.c_void_p(), ctypes.c_size_t(), _abi.dura_release()
        r.struct_size = ctypes.sizeof(r)
        self._room = ctypes.create_string_buffer(self.envelope, max(1, len(self.envelope)))
        check(lib.dura_envelope_open(self._room, len(self.envelope), ctypes.byref(payload), ctypes.byref(n), None))
        check(lib.dura_release_decode(payload, n, ctypes.byref(r)))
        return r

    def __repr__(self) -> str:
        return (f"<dura.Release {self.component} {self.version} for {self.device}, {len(self.signers)} signatures, "
                f"{self.digest[:12]}>")

    # ---- making ----------------------------------------------------------------------------

    @classmethod
    def make(cls, subject: Union[bytes, PathLike], *, version: int, policy: Optional[Source] = None,
             component: str = "brain", device: Optional[str] = None, any_policy: bool = False, name: str = "",
             floor: int = 0, not_before: Date = None, not_after: Date = None, probation_frames: int = 0,
             requires: Optional[Mapping[str, Tuple[int, Optional[int]]]] = None,
             evidence: Optional[Union[bytes, PathLike]] = None, practices: Iterable[str] = (),
             emergency: bool = False, back: bool = False, substantial: bool = False, metric: float = 0,
             data: Optional[Union[bytes, PathLike]] = None) -> "Release":
        """A release nobody has signed yet.

        subject: the bytes, or a file with them: of make_brain(), pack_policy() or a firmware.
        policy: the one the subject runs under; device defaults to its device, and the release is
        bound to its digest unless any_policy. Without it give device, "*" for any.
        requires: versions of other components it works with, {"box": (3, None)}: 3 or newer.
        evidence: the evidence index (bytes or a file), whose digest is bound to the release;
        practices: what it satisfies, ["SVV-1", "A.6.2.4"]. emergency: a key of the policy's
        emergency role signs it as well, and it waits less. back: a brain below the version that
        runs, which the rollback role approves. substantial: beyond what the policy plans, which the
        substantial role signs as well. metric: what your protocol found, 0.0001 to 1. data: what a
        brain was trained on, whose digest is signed.
        """
        if component not in COMPONENTS:
            raise ValueError(f"component is {component!r}: want {', '.join(COMPONENTS)}")
        bytes_, r, err = _bytes_of(subject), _abi.dura_release(), _abi.dura_error()
        r.struct_size, r.component, r.version, r.floor_ = ctypes.sizeof(r), COMPONENTS[component], version, floor
        r.length, r.digest[:] = len(bytes_), hashlib.sha256(bytes_).digest()
        r.not_before_s, r.not_after_s, r.probation_frames = _seconds(not_before), _seconds(not_after), probation_frames
        if policy is not None:
            image = _policy.policy_image(policy)
            device = device or _policy.records(image, "device")[0]["name"].rstrip(b"\0").decode()
            if not any_policy and component != "policy":
                r.policy[:] = hashlib.sha256(image).digest()
        if not device:
            raise ValueError("device: give a policy, the device's name, or \"*\" for any")
        r.device, r.name = _short("device", device), _short("name", name)
        for other, (least, most) in (requires or {}).items():
            if other not in COMPONENTS or other == component:
                raise ValueError(f"requires names {other!r}: want another one of {', '.join(COMPONENTS)}")
            r.need_min[COMPONENTS[other]], r.need_max[COMPONENTS[other]] = least, _ANY if most is None else most
        if evidence is not None:
            r.evidence[:] = hashlib.sha256(_bytes_of(evidence)).digest()
        for practice in practices:
            bit = lib.dura_practice_bit(practice.encode())
            if not bit:
                raise ValueError(f"practices names {practice!r}: docs/formats/release.md lists them")
            r.practices |= bit
        r.flags = ((_abi.DURA_RELEASE_EMERGENCY if emergency else 0) | (_abi.DURA_RELEASE_BACK if back else 0) |
                   (_abi.DURA_RELEASE_SUBSTANTIAL if substantial else 0))
        r.metric = round(metric * _abi.DURA_METRIC_ONE)
        if data is not None:
            r.data[:] = hashlib.sha256(_bytes_of(data)).digest()
        payload, n = ctypes.create_string_buffer(_ROOM), ctypes.c_size_t(_ROOM)
        check(lib.dura_release_encode(ctypes.byref(r), payload, ctypes.byref(n), ctypes.byref(err)), err)
        envelope, length = ctypes.create_string_buffer(_ROOM), ctypes.c_size_t(_ROOM)
        check(lib.dura_envelope_make(payload, n, envelope, ctypes.byref(length)))
        return cls(envelope.raw[:length.value], bytes_)

    def sign(self, key: Union[bytes, PathLike]) -> "Release":
        """Add a signature. key: a secret key file, or its 32 bytes of seed."""
        seed = ctypes.create_string_buffer(_abi.DURA_SEED_BYTES)
        if isinstance(key, bytes) and len(key) == len(seed):
            seed.raw = key
        elif isinstance(key, bytes):
            raise ValueError(f"a seed has {len(seed)} bytes, not {len(key)}; or give the path of a key file")
        else:
            err = _abi.dura_error()
            check(lib.dura_keyfile_load(_names.path_bytes(key), seed, ctypes.byref(err)), err)
        room, length = ctypes.create_string_buffer(self.envelope, _ROOM), ctypes.c_size_t(len(self.envelope))
        try:
            check(lib.dura_envelope_sign(room, ctypes.byref(length), _ROOM, seed))
        except DuraError as error:
            if error.code == _abi.DURA_ESTATE:
                raise type(error)("this key has signed it already", error.code) from None
            raise
        finally:
            ctypes.memset(seed, 0, len(seed))
        self.envelope = room.raw[:length.value]
        self._r = self._decode()
        return self

    @property
    def signers(self) -> Tuple[str, ...]:
        """Key ids, hex; nothing is verified: check() does that."""
        found: List[str] = []
        key_id, sig = ctypes.create_string_buffer(8), ctypes.create_string_buffer(_abi.DURA_SIG_BYTES)
        while lib.dura_envelope_signature(self._room, len(self.envelope), len(found), key_id, sig) == _abi.DURA_OK:
            found.append(key_id.raw.hex())
        return tuple(found)

    # ---- before it is shipped ---------------------------------------------------------------

    def check(self, policy: Source, *, now: Date = None) -> ReleaseCheck:
        """What the device under this policy will say: signatures, keys and roles, device, policy,
        dates, size, digest, model, golden vectors; not what its journal knows (versions). now None:
        this computer's clock; 0: unknown."""
        image = _policy.policy_image(policy)
        room = _policy.aligned(image)
        config, slot = _abi.dura_gate_config(), ctypes.c_uint32()
        keys = (_abi.dura_gate_key * _abi.DURA_GATE_KEYS_MAX)()
        rc = lib.dura_release_policy(room, len(image), ctypes.byref(config), keys, ctypes.byref(slot))
        if rc == _abi.DURA_ENOENT:
            raise ValueError('this policy takes no updates; add "updates": {} to it')
        check(rc)
        why = self._verify(config, keys)
        err, n = _abi.dura_error(), len(self.subject or b"")
        subject = _policy.aligned(self.subject) if self.subject else None
        when = int(clock.time()) if now is None else _seconds(now)
        why |= lib.dura_release_check(ctypes.byref(self._r), ctypes.byref(config), room, len(image), subject, n,
                                      slot.value, when, ctypes.byref(err))
        return ReleaseCheck(why_names(why), why_words(why), err.text.decode(errors="replace"))

    def _verify(self, config: _abi.dura_gate_config, keys: Any) -> int:
        crypto, out, why = _abi.dura_sodium(), _abi.dura_release(), ctypes.c_uint32()
        out.struct_size = ctypes.sizeof(out)
        check(lib.dura_sodium_init(ctypes.byref(crypto), None, 0, None, None, None))
        lib.dura_release_verify(self._room, len(self.envelope), ctypes.byref(crypto.crypto), keys, config.n_keys,
                                config.threshold, config.roles, ctypes.byref(out), ctypes.byref(why))
        bits, flags, more = int(why.value), out.flags, min(config.threshold + 1, config.n_keys)
        asked = [(_abi.DURA_RELEASE_EMERGENCY, config.emergency_role, _abi.DURA_WHY2_EMERGENCY)]
        if config.substantial_role:
            asked.append((_abi.DURA_RELEASE_SUBSTANTIAL, config.substantial_role, _abi.DURA_WHY2_PLANNED))
        for flag, role, bit in asked:
            if flags & flag and (not role or lib.dura_release_verify(
                    self._room, len(self.envelope), ctypes.byref(crypto.crypto), keys, config.n_keys, more,
                    config.roles | 1 << role, ctypes.byref(out), None)):
                bits |= bit << 32
        return bits

    # ---- files ------------------------------------------------------------------------------

    def save(self, path: PathLike) -> "Release":
        """The envelope, and beside it the subject (path.brain, path.policy). No file is overwritten."""
        name = os.fspath(path)
        suffix = _SUFFIX.get(self.component)
        with open(name, "xb") as file:
            file.write(self.envelope)
        if suffix and self.subject is not None:
            with open(name + suffix, "xb") as file:
                file.write(self.subject)
        return self

    @classmethod
    def load(cls, path: PathLike) -> "Release":
        """An envelope, with its subject when that lies beside it."""
        release = cls(_bytes_of(path))
        beside = os.fspath(path) + _SUFFIX.get(release.component, "")
        if release.component in _SUFFIX and os.path.exists(beside):
            release.subject = _bytes_of(beside)
        return release


def _short(field: str, text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 63:
        raise ValueError(f"{field}: {len(raw)} bytes, at most 63")
    return raw
