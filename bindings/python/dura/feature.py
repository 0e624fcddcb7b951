# SPDX-License-Identifier: Apache-2.0
"""Features: training data made by the code that makes the model's inputs on the device."""
from __future__ import annotations

import ctypes
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from . import _abi, _columns, _fields, _policy
from ._columns import Columns, Rows
from ._load import lib
from ._policy import Source
from .errors import DuraError, check

_OPS: Dict[str, int] = next(row[9] for row in _fields.FIELDS["features"] if row[0] == "op" and row[9])
_OP_NAMES = {value: name for name, value in _OPS.items()}


@dataclass(frozen=True)
class Feature:
    """One input of the model: (f - offset) * scale, f made of a channel by `op`.

    op: value; lag, diff (n frames back); mean, std, min, max (window of n frames, the present
    one included); ratio (channel / channel2); onehot (1 where the channel equals match).
    """

    name: str
    channel: str
    op: str = "value"
    n: int = 0
    channel2: Optional[str] = None
    offset: float = 0.0
    scale: float = 1.0
    match: float = 0.0

    def to_policy(self) -> Dict[str, Any]:
        """The member of a policy's "features" list."""
        skip = {"n": 0, "channel2": None, "offset": 0.0, "scale": 1.0, "match": 0.0}
        return {key: value for key, value in asdict(self).items() if key not in skip or value != skip[key]}


Features = Union[Source, List[Feature], Tuple[Feature, ...]]


def _of_policy(policy: Source) -> Tuple[List[Feature], List[str]]:
    """The policy's features, and its channels in the order of a frame."""
    image = _policy.policy_image(policy)
    channels = _policy.names(image, _abi.DURA_NAMES_CHANNELS)
    inputs = _policy.names(image, _abi.DURA_NAMES_INPUTS)
    rows = _policy.records(image, "features")
    if not rows:
        return [Feature(name, name) for name in inputs], channels
    none = _abi.DURA_NONE
    return [Feature(name, channels[r["channel"]], _OP_NAMES[r["op"]], r["n"],
                    None if r["channel2"] == none else channels[r["channel2"]], r["offset"], r["scale"], r["match"])
            for name, r in zip(inputs, rows)], channels


def feature_list(policy: Source) -> List[Feature]:
    """What a policy makes for its model. One without features gives the channels it feeds."""
    return _of_policy(policy)[0]


def feature_names(policy: Features) -> List[str]:
    """Names of the model's inputs, in their order."""
    return [f.name for f in (policy if isinstance(policy, (list, tuple)) else feature_list(policy))]


def _spec(feature: Feature, channels: Sequence[str]) -> _abi.dura_feature_spec:
    if feature.op not in _OPS:
        raise ValueError(f"feature {feature.name!r}: op is {feature.op!r}; there are {', '.join(_OPS)}")
    if not 0 <= feature.n <= _abi.DURA_FEATURE_WINDOW_MAX:      # a C field would cut it silently
        raise ValueError(f"feature {feature.name!r}: n is {feature.n}, want 0..{_abi.DURA_FEATURE_WINDOW_MAX}")
    spec = _abi.dura_feature_spec()
    spec.struct_size, spec.op, spec.n = ctypes.sizeof(spec), _OPS[feature.op], feature.n
    spec.channel = channels.index(feature.channel)
    spec.channel2 = _abi.DURA_NONE if feature.channel2 is None else channels.index(feature.channel2)
    spec.offset, spec.scale, spec.match = feature.offset, feature.scale, feature.match
    return spec


def _needed(features: Sequence[Feature]) -> List[str]:
    """The channels the features are made from, each once, in the order they are first named."""
    return list(dict.fromkeys(c for f in features for c in (f.channel, f.channel2) if c is not None))


def _history(specs: Sequence[_abi.dura_feature_spec], n_channels: int) -> int:
    deepest = [0] * n_channels
    for spec in specs:
        deepest[spec.channel] = max(deepest[spec.channel], lib.dura_feature_depth(ctypes.byref(spec)))
    return sum(deepest)


class _Maker:
    """The C object over exactly the channels its features need."""

    def __init__(self, features: Sequence[Feature], channels: Sequence[str]) -> None:
        specs = [_spec(feature, channels) for feature in features]
        config = _abi.dura_feature_config()
        config.struct_size, config.n_channels, config.n_features = ctypes.sizeof(config), len(channels), len(specs)
        config.history = _history(specs, len(channels))
        size = lib.dura_feature_bytes(ctypes.byref(config))
        self.memory, self.handle = (ctypes.c_uint64 * (size // 8 + 1))(), ctypes.c_void_p()
        check(lib.dura_feature_init(ctypes.byref(self.handle), self.memory, size, ctypes.byref(config)))
        for i, (feature, spec) in enumerate(zip(features, specs)):
            try:
                check(lib.dura_feature_attach(self.handle, i, ctypes.byref(spec)))
            except DuraError as error:
                raise type(error)(f"feature {feature.name!r}: {feature.op} with n={feature.n}, "
                                  f"scale={feature.scale}, channel2={feature.channel2!r} is not allowed: {error}",
                                  error.code, field=feature.name) from None


def features(policy: Features, rows: Rows) -> Columns:
    """The model's inputs for every row, as the device would make them: columns by name.

    policy: a path of policy.json, its content as a dict, its packed image, or a list of Feature.
    rows: a mapping of columns or a DataFrame (columns nobody asked for are left alone), a 2-D
    array or a list of rows (then all channels of the policy in order; for a list of Feature the
    channels in the order they are first named). None or NaN is a missing value. The answer is
    NaN where a feature is not usable: while its window fills, and where a value is missing. The
    guard does not ask the model there, so leave these rows out of training.
    """
    if isinstance(policy, (list, tuple)):
        specs: List[Feature] = list(policy)
        channels = _needed(specs)
    else:
        specs, channels = _of_policy(policy)
    if not specs:
        raise ValueError("no features: give at least one")
    by_name = isinstance(rows, Mapping) or hasattr(rows, "columns")
    given = _columns.matrix(rows, _needed(specs) if by_name else channels)
    maker = _Maker(specs, given.names)
    made = given.like([f.name for f in specs])
    ok = bytearray(given.frames * len(specs))
    if given.frames:
        check(lib.dura_feature_update_n(maker.handle, given.address, None, given.frames, len(given.names), made.address,
                                        (ctypes.c_char * len(ok)).from_buffer(ok)))
        made.blank(bytes(ok))
    return made.columns()
