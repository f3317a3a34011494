"""One file per kind of component: what an author writes, what callers call, and what is checked between the two."""

from qplug.contract.interfaces.backbone import Backbone, BackboneCapabilities, Place, QuantumBackbone, WeightsFile
from qplug.contract.interfaces.backend import Backend, BackendCapabilities
from qplug.contract.interfaces.component import Capabilities, Component
from qplug.contract.interfaces.dataset import (
    Audio,
    Dataset,
    DatasetCapabilities,
    Image,
    Modality,
    Part,
    RemoteFile,
    Sample,
    Signal,
    SplitRule,
    Unusable,
)
from qplug.contract.interfaces.executor import Cell, Done, Executor, ExecutorCapabilities, Needs, attempt
from qplug.contract.interfaces.features import FeatureCapabilities, FeatureExtractor
from qplug.contract.interfaces.head import Head, HeadCapabilities, QuantumHead
from qplug.contract.interfaces.reducer import Reducer, ReducerCapabilities
from qplug.contract.interfaces.remote import (
    Failed,
    Forecast,
    NotYet,
    RemoteBackend,
    RemoteCapabilities,
    Task,
    Values,
    Work,
)
from qplug.contract.interfaces.training_part import TrainingPart
from qplug.contract.kinds import INTERFACE, KINDS

__all__ = [
    "INTERFACE",
    "KINDS",
    "Audio",
    "Backbone",
    "BackboneCapabilities",
    "Backend",
    "BackendCapabilities",
    "Capabilities",
    "Cell",
    "Component",
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
    "Modality",
    "Needs",
    "NotYet",
    "Part",
    "Place",
    "QuantumBackbone",
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
]
