"""A finished run's data set as the run tells of it, so that its classifier needs neither the data nor their package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NoReturn, final

from qplug.contract.errors import DataError, NotSupported
from qplug.contract.interfaces import Dataset, DatasetCapabilities, Sample, SplitRule
from qplug.contract.interfaces.dataset import Modality, Unusable
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.record_file import read_record


@final
class RecordedDataset(Dataset):
    """Kind of signal and classes, and nothing to read.

    Args:
        modality: whether its signals are recordings or images.
        classes: the names of the classes, in the order of the logits.
    """

    summary = "what a finished run tells of its data set"
    splits: ClassVar[Mapping[str, SplitRule]] = {}

    def __init__(self, *, modality: Modality = "audio", classes: Sequence[str] = ()) -> None:
        self.capabilities = DatasetCapabilities(interface=1, modality=modality)
        self.classes = tuple(classes)

    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """None: it has no files."""
        self._refuse()

    def load(self, sample: Sample) -> NoReturn:
        """None: it has no files."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotSupported("a finished run's classifier was asked for its data, which only their data set can read.")


def recorded_dataset(run: RunDirectory) -> RecordedDataset | None:
    """The data set of a finished run; None if it is not finished, or its record is damaged and tells nothing."""
    if run.status != "finished":
        return None
    try:
        record = read_record(run.path)
    except DataError:
        return None
    return RecordedDataset(modality=record.modality, classes=list(record.test.per_class))  # type: ignore[arg-type]
