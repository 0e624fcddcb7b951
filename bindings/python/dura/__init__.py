# SPDX-License-Identifier: Apache-2.0
"""dura: guards what a model decides in a machine, and proves it afterwards.

    import dura
    with dura.Guard("policy.json", "model.json", out="run") as g:
        d = g.step({"pressure": 3.1, "speed": 120.0})
    print(dura.verify("run").word)

Pure ctypes over libdura; nothing but the standard library is needed.
"""
from . import errors
from ._load import lib as _lib
from .errors import DuraError, IntegrityError
from .guard import Decision, Guard
from .log import Log, Replay, Verdict, replay, verify
from .sensor import Report, Sensor

__version__: str = _lib.dura_version().decode()
__all__ = ["Decision", "DuraError", "Guard", "IntegrityError", "Log", "Replay", "Report", "Sensor", "Verdict",
           "errors", "replay", "verify", "__version__"]
