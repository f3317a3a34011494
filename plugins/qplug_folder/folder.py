"""The user's own recordings or images, in one folder per class."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, final

from pydantic import Field

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Dataset, DatasetCapabilities, Part, Sample, Signal, SplitRule, Unusable
from qplug.contract.interfaces.dataset import Excerpt
from qplug.signals import read_signal
from qplug.signals.layout import (
    AUDIO_SUFFIXES,
    IMAGE_SUFFIXES,
    NOT_YET_KNOWN,
    as_text,
    chosen_classes,
    class_folders,
    class_remarks,
    group_finder,
    refuse_undecodable,
    require_folder,
)
from qplug.signals.tones import write_tone

_PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}


def _splits(*, parts: bool, grouped: bool, n_folds: int) -> Mapping[str, SplitRule]:
    if parts:
        return {"folders": SplitRule(description="as the folders train and test say", test="part", official=False)}
    if grouped:
        rule = SplitRule(description="whole groups dealt into folds", test="groups", n_folds=n_folds, official=False)
        return {"groups": rule}
    rule = SplitRule(
        description="files drawn at random, stratified by class: sound only if no two files share their origin",
        test="random",
        official=False,
    )
    return {"random": rule}


@final
@dataclass(kw_only=True, eq=False)
class Folder(Dataset):
    """Recordings or images that lie in one folder per class, at any depth below it.

    What belongs together (all recordings of one speaker, all pictures of one thing) is told by a regular expression;
    without it every file stands for itself, and the split is random.
    """

    summary = "your own recordings or images, one folder per class"
    capabilities = DatasetCapabilities(interface=1, modality="audio")
    classes = NOT_YET_KNOWN
    splits = _splits(parts=False, grouped=False, n_folds=5)
    layout = (
        "the folder holds one folder per class with recordings (wav, flac, ogg, mp3, au, aiff, …) or images (png, "
        "jpg, …) in it, at any depth; with --set dataset.parts=true the class folders lie in train/, test/ and, if "
        "you like, validation/."
    )
    citation = "your own data"
    licence = "your own data"

    modality: Annotated[Literal["audio", "image"], Field(description="what the files are")] = "audio"
    only: Annotated[tuple[str, ...], Field(description="the classes to use, in this order; empty: all, by name")] = ()
    group: Annotated[
        str | None,
        Field(
            description="a regular expression that finds in a file's path below its class folder what must not "
            "stand in two parts, such as the speaker; its first group counts. Unset: every file for itself"
        ),
    ] = None
    parts: Annotated[bool, Field(description="whether the class folders lie in folders train and test")] = False
    n_folds: Annotated[int, Field(ge=2, le=100, description="number of folds that groups are dealt into")] = 5

    def __post_init__(self) -> None:
        self.capabilities = DatasetCapabilities(interface=1, modality=self.modality)
        splits = _splits(parts=self.parts, grouped=self.group is not None, n_folds=self.n_folds)
        self.splits = splits  # type: ignore[misc]  # of other data sets all instances have the same

    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """All files, class by class, ordered by path. Ids are paths below ``folder``.

        Unusable are files in whose paths the pattern finds no group.

        Raises:
            DataError: there is no folder, fewer than two classes, or what looks like classes are parts.
            ParameterError: the pattern is no regular expression.
        """
        require_folder("folder", folder, self.layout)
        homes = _part_folders(folder, self.layout) if self.parts else {folder: None}
        found = {home: class_folders("folder", home, self._suffixes) for home in homes}
        if not self.parts and not self.only:
            _refuse_parts_as_classes(found[folder])
        self.classes = chosen_classes("folder", sorted({label for its in found.values() for label in its}), self.only)
        find = None if self.group is None else group_finder("dataset.group", self.group)
        for home, part in homes.items():
            prefix = "" if part is None else f"{home.name}/"
            for label in self.classes:
                for file in found[home].get(label, ()):
                    name = f"{prefix}{label}/{file}"
                    group = find(file) if find else name
                    if group is None:
                        yield Unusable(as_text(name), f"dataset.group={self.group} finds no group in its path")
                    else:
                        yield Sample(as_text(name), label, as_text(group), home / label / file, part=part)

    def remarks(self, folder: Path) -> Sequence[str]:
        """Class folders whose names nearly are one another, or that hold nothing."""
        homes = _part_folders(folder, self.layout) if self.parts else {folder: None}
        return [remark for home in homes for remark in class_remarks(home, self._suffixes)]

    @property
    def _suffixes(self) -> frozenset[str]:
        return AUDIO_SUFFIXES if self.modality == "audio" else IMAGE_SUFFIXES

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Two classes of tones. Synthetic."""
        for label, number in product(range(2), range(12)):
            path = folder / ("low", "high")[label] / f"{number:02d}.wav"
            write_tone(path, label=4 * label, seconds=0.5, rate=16_000, seed=seed + number)

    def load(self, sample: Sample) -> Signal:
        """The recording or the image, as stored.

        Raises:
            DataError: the file cannot be decoded, is empty or is cut short, or its name is no text.
            NotInstalled: the library that reads such files is missing.
        """
        assert sample.source is not None
        refuse_undecodable(sample.source)
        return read_signal(sample.source, self.modality)

    def load_excerpt(self, sample: Sample, excerpt: Excerpt) -> Signal:
        """What is needed of the recording, or the image."""
        assert sample.source is not None
        refuse_undecodable(sample.source)
        return read_signal(sample.source, self.modality, excerpt)


def _refuse_parts_as_classes(names: Collection[str]) -> None:
    parts = {_PARTS.get(name.lower()) for name in names}
    if names and None not in parts and {"train", "test"} <= parts:
        raise DataError(
            f"folder: the folders {', '.join(names)} look like parts, not like classes. If the class folders lie in "
            f"them: --set dataset.parts=true. If they are classes indeed: --set dataset.only={','.join(names)}"
        )


def _part_folders(folder: Path, layout: str) -> dict[Path, Part | None]:
    homes: dict[Path, Part | None] = {
        path: _PARTS[path.name.lower()]
        for path in sorted(folder.iterdir())
        if path.is_dir() and path.name.lower() in _PARTS
    }
    if not {"train", "test"} <= set(homes.values()):
        raise DataError(f"folder: {folder} holds no folders train and test. Expected layout: {layout}")
    return homes
