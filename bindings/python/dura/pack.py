# SPDX-License-Identifier: Apache-2.0
"""Pack what people write into what devices read, and run a packed model over training data."""
from __future__ import annotations

import ctypes
import weakref
from typing import Any, List, Sequence, Tuple

from . import _abi, _columns, _policy
from ._columns import Columns, Rows
from ._load import lib
from ._policy import Source
from .errors import check

_I32, _PTR, _SIZE = ctypes.c_int32, ctypes.c_void_p, ctypes.c_size_t
_MEM_REQ = ctypes.CFUNCTYPE(_I32, _PTR, _PTR, _SIZE, ctypes.POINTER(_SIZE), ctypes.POINTER(_SIZE))
_OPEN = ctypes.CFUNCTYPE(_I32, _PTR, _PTR, _PTR, _SIZE)
_IO = ctypes.CFUNCTYPE(_I32, _PTR, ctypes.POINTER(_abi.dura_backend_io))
_RUN = ctypes.CFUNCTYPE(_I32, _PTR, _PTR, _SIZE, _PTR, _SIZE, ctypes.c_int64)
_CLOSE = ctypes.CFUNCTYPE(None, _PTR)
_KINDS = {_abi.DURA_PACK_LINEAR: "linear", _abi.DURA_PACK_TREES: "trees"}
_MAGIC = (b"DLIN", b"DTRE")


def pack_policy(policy: Source) -> bytes:
    """The packed image of a policy: a path of policy.json, or its content as a dict."""
    return _policy.policy_image(policy)


def _model_text(model: Any) -> Any:
    """A trained XGBoost model says itself what it saves."""
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    return bytes(booster.save_raw("json")) if hasattr(booster, "save_raw") else model


def pack_model(model: Any) -> bytes:
    """The packed image of a model.

    model: path of a linear model's JSON or of what XGBoost saved under a name that ends in
    .json; the content of either as a dict or bytes; or a trained xgboost Booster, XGBRegressor
    or XGBClassifier. An image is checked and comes back as it is.
    """
    text, name = _policy.read(_model_text(model), "model")
    if not text.startswith(_MAGIC):
        return _policy.pack(lib.dura_pack_model, text, name)
    check(lib.dura_pack_check(_policy.aligned(text), len(text), None))
    return text


class Model:
    """A packed model, answered by the backend that runs on the device, bit for bit.

        dura.Model("model.json").run(dura.features("policy.json", frame))

    model: as for pack_model(). One thread at a time.
    """

    def __init__(self, model: Any) -> None:
        self.image: bytes = pack_model(model)
        kind = ctypes.c_int()
        self._image = _policy.aligned(self.image)
        check(lib.dura_pack_check(self._image, len(self.image), ctypes.byref(kind)))
        self.kind: str = _KINDS[kind.value]                     #: linear or trees
        self._open()
        self.inputs: Tuple[str, ...] = self._names(_abi.DURA_NAMES_INPUTS, "input", self.n_inputs)
        self.outputs: Tuple[str, ...] = self._names(_abi.DURA_NAMES_OUTPUTS, "output", self.n_outputs)

    def _open(self) -> None:
        table = lib.dura_backend_packed().contents
        size, align, io = _SIZE(), _SIZE(), _abi.dura_backend_io()
        io.struct_size = ctypes.sizeof(io)
        check(_MEM_REQ(table.mem_req)(None, self._image, len(self.image), ctypes.byref(size), ctypes.byref(align)))
        self._memory = ctypes.create_string_buffer(size.value + 16)
        at = ctypes.addressof(self._memory)
        self._instance = (at + 15) // 16 * 16                   # no backend asks for more
        check(_OPEN(table.open)(self._instance, None, self._image, len(self.image)))
        if table.close:                                         # the memory must outlive the call
            weakref.finalize(self, lambda close, at, *_keep: close(at), _CLOSE(table.close), self._instance,
                             self._memory, self._image)
        check(_IO(table.io)(self._instance, ctypes.byref(io)))
        self.n_inputs, self.n_outputs = io.n_inputs, io.n_outputs
        self._run = _RUN(table.run)

    def _names(self, what: int, word: str, n: int) -> Tuple[str, ...]:
        """As the model has them; one that has none counts."""
        names = [name for name in _policy.names(self.image, what) if name]
        return tuple(names) if len(names) == n else tuple(f"{word}{i}" for i in range(n))

    def run(self, rows: Rows) -> Columns:
        """The model's answers, one column per output. Rows are taken as they are: NaN is a missing
        value for trees and NaN for a linear model, where the guard would not ask at all."""
        given = _columns.matrix(rows, self.inputs)
        answers = given.like(self.outputs)
        at, to = given.address, answers.address
        for _ in range(given.frames):
            check(self._run(self._instance, at, self.n_inputs, to, self.n_outputs, 0))
            at += 4 * self.n_inputs
            to += 4 * self.n_outputs
        return answers.columns()

    def answer(self, inputs: Sequence[float]) -> List[float]:
        """One row."""
        return [column[0] for column in self.run([inputs]).values()]
