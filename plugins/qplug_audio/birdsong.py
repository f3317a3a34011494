"""Birdsong in one folder per species, cut into segments."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, final

from pydantic import Field

from qplug.contract.claim import Claim
from qplug.contract.errors import DataError
from qplug.contract.interfaces import Audio, Dataset, DatasetCapabilities, Sample, SplitRule, Unusable
from qplug.signals import audio_duration, read_audio
from qplug.signals.layout import (
    AUDIO_SUFFIXES,
    NOT_YET_KNOWN,
    as_text,
    chosen_classes,
    class_folders,
    class_remarks,
    group_finder,
    refuse_undecodable,
    require_folder,
)
from qplug_audio import examples

_SHORTEST = 0.5
"""A last piece that is shorter than this share of a segment is left out, unless it is the only one."""

_STEM_UP_TO_SEGMENT = r"^(.+?)(?:[-_]\d+)?$"
_HYBRID = "Thakar and others, ICCCNT 2024, doi 10.1109/ICCCNT61001.2024.10725668"


@final
@dataclass(kw_only=True, eq=False)
class Birdsong(Dataset):
    """Recordings of two or more species, one folder each, cut into segments of fixed length.

    All segments of one recording stand in one part. Which files belong to one recording is read from their names up
    to a segment number (``XC1234_03.wav`` belongs to ``XC1234``), by a regular expression, or from a table.
    """

    summary = "birdsong in one folder per species, cut into segments, recordings kept together"
    source = "the layout of xeno-canto collections, one folder per species"
    capabilities = DatasetCapabilities(interface=1, modality="audio")
    classes = NOT_YET_KNOWN
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "recording": SplitRule(
            description="whole recordings dealt into five folds; the collections define no split of their own",
            test="groups",
            n_folds=5,
            official=False,
        ),
    }
    defaults: ClassVar[Mapping[str, Any]] = {
        "features": "mel",
        "features.rate": 22_050,
        "features.duration": 3.0,
        "features.n_mels": 64,
        "features.f_min": 500.0,
        "features.fit": "loop",
        "training.epochs": 30,
    }
    layout = (
        "the folder holds one folder per species with its recordings (wav, flac, ogg, mp3, …), such as "
        "Parus_major/XC1234.mp3. Recordings can be found at https://xeno-canto.org, each under a licence of its own: "
        "search a species, download its recordings by hand or through the site's own interface, and put them there."
    )
    citation = "the recordists, and the collection that the recordings come from"
    licence = "each recording has its own; xeno-canto names it with the recording"
    homepage = "https://xeno-canto.org"
    reference: ClassVar[Sequence[Claim]] = (
        Claim(
            metric="accuracy",
            value=95.04,
            unit="%",
            protocol="hybrid; two species, one split, other recordings",
            source=_HYBRID,
        ),
        Claim(
            metric="accuracy",
            value=92.88,
            unit="%",
            protocol="CNN; two species, one split, other recordings",
            source=_HYBRID,
        ),
    )

    species: Annotated[
        tuple[str, ...], Field(description="the species to use, in this order; empty: all, by name")
    ] = ()
    segment: Annotated[float, Field(gt=0, le=600, description="length of each segment, s")] = 3.0
    group: Annotated[
        str,
        Field(
            min_length=1,
            description="a regular expression that finds the recording in a file's name without its ending; its "
            "first group counts. '(.+)' makes every file a recording",
        ),
    ] = _STEM_UP_TO_SEGMENT
    table: Annotated[
        str | None,
        Field(description="a CSV in the folder with the columns file (species/name) and recording, instead"),
    ] = None

    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """All segments, species by species, file by file. Ids are such as ``"Parus_major/XC1234.mp3#0"``.

        A file whose header cannot be read counts as one segment, and says what is wrong when it is read. Unusable are
        files of which pattern or table tell no recording or more than one, and rows of the table without a file.

        Raises:
            DataError: there is no folder, fewer than two species, or a species with one recording; or the table
                cannot be read.
            ParameterError: the pattern is no regular expression.
        """
        require_folder("birdsong", folder, self.layout)
        found = class_folders("birdsong", folder, AUDIO_SUFFIXES)
        self.classes = chosen_classes("birdsong", found, self.species)
        table = {} if self.table is None else _recordings_of(folder / self.table)
        find = self._by_name() if self.table is None else lambda file: table.get(file, ())
        told = {f"{label}/{file}": find(f"{label}/{file}") for label in self.classes for file in found[label]}
        yield from self._unclear(told)
        yield from self._absent(set(table) - set(told))
        groups = {file: its[0] for file, its in told.items() if len(its) == 1}
        _refuse_single_recordings(groups)
        for file, group in groups.items():
            label = file.partition("/")[0]
            for number in range(self._n_segments(folder / file)):
                name = as_text(f"{file}#{number}")
                yield Sample(name, label, as_text(f"{label}/{group}"), folder / file, offset=number)

    def remarks(self, folder: Path) -> Sequence[str]:
        """Folders of species whose names nearly are one another, or that hold nothing."""
        return class_remarks(folder, AUDIO_SUFFIXES)

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Tones in the place of song, two species unless others are named. Synthetic."""
        examples.birdsong(folder, self.species or ("Parus_major", "Turdus_merula"), seed)

    def load(self, sample: Sample) -> Audio:
        """One segment, at the recording's own rate; the last one of a recording may be shorter.

        Raises:
            DataError: the file cannot be decoded, is empty or is cut short, or its name is no text.
        """
        assert sample.source is not None
        refuse_undecodable(sample.source)
        if sample.offset is None:
            return read_audio(sample.source, duration=self.segment)
        return read_audio(sample.source, start=sample.offset * self.segment, duration=self.segment)

    def _by_name(self) -> Callable[[str], Sequence[str]]:
        find = group_finder("dataset.group", self.group)

        def recording(file: str) -> Sequence[str]:
            found = find(file.rpartition("/")[2].rpartition(".")[0])
            return () if found is None else (found,)

        return recording

    def _unclear(self, told: Mapping[str, Sequence[str]]) -> Iterator[Unusable]:
        source = self.table or f"dataset.group={self.group}"
        for file, its in told.items():
            if len(its) != 1:
                many = f"more than one recording ({', '.join(its)})" if its else "no recording"
                yield Unusable(as_text(file), f"{source} tells {many}")

    def _absent(self, files: Iterable[str]) -> Iterator[Unusable]:
        for file in sorted(files):
            if not self.species or file.partition("/")[0] in self.species:  # of other species nothing is wanted
                yield Unusable(as_text(file), f"{self.table} names it, and there is no such recording")

    def _n_segments(self, path: Path) -> int:
        try:
            segments = audio_duration(path) / self.segment
        except DataError:
            return 1
        whole = int(segments + 1e-6)
        return max(1, whole + (segments - whole >= _SHORTEST))


def _recordings_of(table: Path) -> dict[str, tuple[str, ...]]:
    """The recordings that a table tells for each file: one, if the table is sound."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [column for column in ("file", "recording") if column not in (reader.fieldnames or ())]
            if missing:
                has = ", ".join(reader.fieldnames or ()) or "none"
                raise DataError(f"birdsong: {table} has no column {', '.join(missing)}; it has {has}.")
            told: defaultdict[str, dict[str, None]] = defaultdict(dict)
            for row in reader:
                if row["file"]:
                    told[row["file"]] |= {row["recording"]: None} if row["recording"] else {}
            return {file: tuple(its) for file, its in told.items()}
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"birdsong: {table} is no CSV in UTF-8 ({problem}). Save it as one.") from None
    except OSError as problem:
        raise DataError(f"birdsong: the table {table} cannot be read ({problem.strerror}).") from None


def _refuse_single_recordings(groups: Mapping[str, str]) -> None:
    recordings_of: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for file, group in groups.items():
        its = recordings_of[file.partition("/")[0]]
        its[group] = its.get(group, 0) + 1
    for label, its in recordings_of.items():
        if len(its) < 2:
            [(group, n_files)] = its.items()
            raise DataError(
                f"birdsong: all {n_files} files of {label} belong to one recording, {group!r}, so none could be tested "
                "on another one. If each file is a recording of its own: --set 'dataset.group=(.+)'"
            )
