"""qplug: hybrid quantum-classical classification of audio and images, assembled by name.

The public names are resolved when they are first used, so that ``import qplug`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qplug.version import __version__

if TYPE_CHECKING:
    from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight
    from qplug.contract.claim import Claim
    from qplug.contract.errors import (
        CircuitError,
        DataError,
        NotInstalled,
        NotSupported,
        ParameterError,
        PluginError,
        QplugError,
        UserError,
    )
    from qplug.contract.interfaces import (
        Audio,
        Backbone,
        BackboneCapabilities,
        Backend,
        BackendCapabilities,
        Cell,
        Dataset,
        DatasetCapabilities,
        Done,
        Executor,
        ExecutorCapabilities,
        Failed,
        FeatureCapabilities,
        FeatureExtractor,
        Forecast,
        Head,
        HeadCapabilities,
        Image,
        Needs,
        NotYet,
        QuantumHead,
        Reducer,
        ReducerCapabilities,
        RemoteBackend,
        RemoteCapabilities,
        RemoteFile,
        Sample,
        Signal,
        SplitRule,
        Task,
        TrainingPart,
        Unusable,
        Values,
        WeightsFile,
        Work,
        attempt,
    )
    from qplug.lab.runner.loaded import load_run

_HOME = {
    "qplug.contract.circuit": ("Circuit", "Encoding", "Gate", "Observable", "Weight"),
    "qplug.contract.claim": ("Claim",),
    "qplug.contract.errors": (
        "CircuitError",
        "DataError",
        "NotInstalled",
        "NotSupported",
        "ParameterError",
        "PluginError",
        "QplugError",
        "UserError",
    ),
    "qplug.contract.interfaces": (
        "Audio",
        "Backbone",
        "BackboneCapabilities",
        "Backend",
        "BackendCapabilities",
        "Cell",
        "Dataset",
        "DatasetCapabilities",
        "Done",
        "Executor",
        "ExecutorCapabilities",
        "Failed",
        "FeatureCapabilities",
        "FeatureExtractor",
        "Forecast",
        "Head",
        "HeadCapabilities",
        "Image",
        "Needs",
        "NotYet",
        "QuantumHead",
        "Reducer",
        "ReducerCapabilities",
        "RemoteBackend",
        "RemoteCapabilities",
        "RemoteFile",
        "Sample",
        "Signal",
        "SplitRule",
        "Task",
        "TrainingPart",
        "Unusable",
        "Values",
        "WeightsFile",
        "Work",
        "attempt",
    ),
    "qplug.lab.runner.loaded": ("load_run",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Audio",
    "Backbone",
    "BackboneCapabilities",
    "Backend",
    "BackendCapabilities",
    "Cell",
    "Circuit",
    "CircuitError",
    "Claim",
    "DataError",
    "Dataset",
    "DatasetCapabilities",
    "Done",
    "Encoding",
    "Executor",
    "ExecutorCapabilities",
    "Failed",
    "FeatureCapabilities",
    "FeatureExtractor",
    "Forecast",
    "Gate",
    "Head",
    "HeadCapabilities",
    "Image",
    "Needs",
    "NotInstalled",
    "NotSupported",
    "NotYet",
    "Observable",
    "ParameterError",
    "PluginError",
    "QplugError",
    "QuantumHead",
    "Reducer",
    "ReducerCapabilities",
    "RemoteBackend",
    "RemoteCapabilities",
    "RemoteFile",
    "Sample",
    "Signal",
    "SplitRule",
    "Task",
    "TrainingPart",
    "Unusable",
    "UserError",
    "Values",
    "Weight",
    "WeightsFile",
    "Work",
    "__version__",
    "attempt",
    "load_run",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'qplug' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
