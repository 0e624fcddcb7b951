# SPDX-License-Identifier: Apache-2.0
"""dura: guards what a model decides in a machine, and proves it afterwards.

    import dura
    with dura.Guard("policy.json", "model.json", out="run") as g:
        d = g.step({"pressure": 3.1, "speed": 120.0})
    print(dura.verify("run").word)

Pure ctypes over libdura; nothing but the standard library is needed.
"""
from . import arl, errors, link
from ._load import lib as _lib
from .accuracy import Accuracy, AccuracyReference, AccuracySlice, AccuracyState, learn_accuracy
from .arl import Trend, trend
from .drift import Drift, DriftAlarm, DriftState, Reference, learn_reference
from .errors import DuraError, IntegrityError
from .feature import Feature, feature_list, feature_names, features
from .gate import GateStatus
from .guard import Decision, Guard
from .incident import Evidence, Incident
from .learn import Learned, LearnedChannel, learn
from .log import Log, Replay, Verdict, replay, verify
from .pack import Model, pack_model, pack_policy
from .release import Release, make_brain
from .run import Run
from .sensor import Report, Sensor

__version__: str = _lib.dura_version().decode()
__all__ = ["Accuracy", "AccuracyReference", "AccuracySlice", "AccuracyState", "Decision", "Drift", "DriftAlarm", "DriftState", "DuraError", "Evidence", "Feature", "GateStatus", "Guard",
           "Incident", "IntegrityError", "Learned", "LearnedChannel", "Log", "Model", "Reference", "Release", "Replay",
           "Report", "Run", "Sensor", "Trend", "Verdict", "arl", "errors", "feature_list", "feature_names", "features", "learn",
           "learn_accuracy", "learn_reference", "link", "make_brain", "pack_model", "pack_policy", "replay", "trend", "verify", "__version__"]
