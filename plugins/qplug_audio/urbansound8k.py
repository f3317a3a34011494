"""UrbanSound8K on its ten official folds."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, final

from pydantic import Field

from qplug.contract.claim import Claim
from qplug.contract.errors import DataError
from qplug.contract.interfaces import Audio, Dataset, DatasetCapabilities, RemoteFile, Sample, SplitRule, Unusable
from qplug.signals import read_audio
from qplug.signals.layout import as_text, require_folder
from qplug.signals.litter import is_litter
from qplug_audio import examples
from qplug_audio.x_ares import x_ares

OFFICIAL_METADATA = "UrbanSound8K.csv"
_COLUMNS = ("slice_file_name", "fsID", "start", "end", "fold", "class")
_N_FOLDS = 10
_CNN = "Salamon, Bello: IEEE Signal Processing Letters 24(3), 2017, arXiv:1608.04363"
_CONVNEXT = "Yurtsever, doi 10.35377/saucis...1830726"


@final
@dataclass(kw_only=True, eq=False)
class UrbanSound8K(Dataset):
    """Ten sounds of the city in 8,732 slices of at most four seconds, cut from recordings of freesound.org.

    Many slices come from one recording. The authors dealt the recordings into ten folds and ask that they be used
    as they are: each fold tests once, and the mean of the ten is reported.

    The group is a recording's slices of one class. In the official table five recordings (freesound 77751, 106905,
    132016, 176638 and 180937, 152 slices) have slices of two classes in two folds. The official folds stay as they
    are, and the samples' keys name the whole recording and the interval that was cut from it.
    """

    summary = "UrbanSound8K: ten city sounds, 8,732 slices in ten official folds"
    source = "Salamon, Jacoby, Bello: ACM Multimedia 2014, doi 10.1145/2647868.2655045"
    capabilities = DatasetCapabilities(interface=1, modality="audio")
    classes = (
        "air_conditioner",
        "car_horn",
        "children_playing",
        "dog_bark",
        "drilling",
        "engine_idling",
        "gun_shot",
        "jackhammer",
        "siren",
        "street_music",
    )
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "official": SplitRule(
            description="the ten folds of the authors: fold K tests, recordings held out of the other nine validate",
            test="fold",
            n_folds=_N_FOLDS,
        ),
    }
    # Not the preset urbansound8k, which is the fusion system's: these have half its frames, so that a first run takes
    # half its time, and a short slice is looped, so that its length, which tells some classes apart, cannot be seen.
    defaults: ClassVar[Mapping[str, Any]] = {
        "features": "mel",
        "features.rate": 22_050,
        "features.duration": 4.0,
        "features.n_mels": 64,
        "features.hop": 1024,
        "features.n_fft": 2048,
        "features.fit": "loop",
        "training.epochs": 25,
    }
    files: ClassVar[Sequence[RemoteFile]] = (
        RemoteFile(
            url="https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz?download=1",
            checksum="md5:9aa69802bbf37fb986f71ec1483a196e",
            unpack=True,
            strip=1,
        ),
    )
    layout = (
        "the folder holds metadata/UrbanSound8K.csv and audio/fold1 … audio/fold10 with the slices under their "
        "official names. Get it with: qplug data fetch urbansound8k; or by hand: unpack UrbanSound8K.tar.gz from "
        "https://zenodo.org/records/1203745."
    )
    citation = (
        "Salamon, Jacoby, Bello: A Dataset and Taxonomy for Urban Sound Research. "
        "ACM International Conference on Multimedia (2014), doi 10.1145/2647868.2655045"
    )
    licence = "CC BY-NC 3.0"
    homepage = "https://urbansounddataset.weebly.com/urbansound8k.html"
    reference: ClassVar[Sequence[Claim]] = (
        Claim(
            metric="accuracy",
            value=10.2,
            unit="%",
            protocol="always the most frequent class of the other folds, mean over the ten official folds",
            source="counted from the official table",
        ),
        Claim(metric="accuracy", value=73, unit="%", protocol="CNN, mean over the ten official folds", source=_CNN),
        Claim(
            metric="accuracy",
            value=79,
            unit="%",
            protocol="CNN with augmentation, mean over the ten official folds",
            source=_CNN,
        ),
        Claim(
            metric="accuracy",
            value=83.94,
            unit="%",
            protocol="ConvNeXt-Tiny with MixUp, mean over the ten official folds",
            source=_CONVNEXT,
        ),
        Claim(
            metric="accuracy",
            value=98.06,
            unit="%",
            protocol="the same study, ConvNeXt-Tiny with MixUp, split at random",
            source=_CONVNEXT,
        ),
        *x_ares("ten folds", {"Dasheng": 83.3, "Whisper": 68.7, "wav2vec 2.0": 65.9, "data2vec": 42.6}),
    )

    metadata: Annotated[
        str, Field(min_length=1, description="the table in metadata/ that lists the slices; another one selects")
    ] = OFFICIAL_METADATA

    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """All slices, in the order of the table. A slice whose file is missing is found out when it is read.

        Rows that make no sense or name a slice again, and recordings without a row for their fold in the official
        table, are given as unusable.

        Raises:
            DataError: the table is missing, is no table, or lacks a column.
        """
        require_folder("urbansound8k", folder, self.layout)
        table, home = _places(folder, self.metadata)
        named: set[str] = set()
        listed: set[Path | None] = set()
        for line, row in enumerate(_rows(table, self.layout), start=2):
            name = row["slice_file_name"]
            fault = f"lists {name} again" if name in named else self._fault(row)
            named.add(name)
            if fault:
                yield Unusable(f"{self.metadata}, line {line}", fault)
            else:
                sample = self._sample(home, row)
                listed.add(sample.source)
                yield sample
        if self.metadata == OFFICIAL_METADATA:  # another table selects: that it leaves recordings out is its purpose
            yield from _unlisted(folder, home, listed)

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Tones in the place of city sounds, in the official layout. Synthetic."""
        examples.urbansound8k(folder, self.classes, seed)

    def load(self, sample: Sample) -> Audio:
        """The slice, cut to the length that the table gives it (copies that were filled up to 4 s are around).

        Raises:
            DataError: the file is missing, cannot be decoded, is empty or is cut short.
        """
        assert sample.source is not None
        interval = sample.keys.get("interval")
        if interval is None:
            return read_audio(sample.source)
        start, end = interval.rpartition("@")[2].split("-")
        return read_audio(sample.source, duration=float(end) - float(start))

    def _fault(self, row: Mapping[str, str]) -> str:
        """Why a row is no slice; empty if it is one."""
        try:
            fold = int(row["fold"])
            start, end = float(row["start"]), float(row["end"])
        except (TypeError, ValueError):
            return "fold, start and end must be numbers"
        if row["class"] not in self.classes or not 1 <= fold <= _N_FOLDS or not 0 <= start < end < float("inf"):
            return f"class {row['class']!r}, fold {fold} and {start:g} to {end:g} s are not a slice"
        return ""

    def _sample(self, home: Path, row: Mapping[str, str]) -> Sample:
        name, fold, start, end = row["slice_file_name"], int(row["fold"]), float(row["start"]), float(row["end"])
        return Sample(
            id=name.rpartition(".")[0],
            label=row["class"],
            group=f"{row['fsID']}-{row['class']}",
            source=home / f"fold{fold}" / name,
            fold=fold,
            keys={"recording": row["fsID"], "interval": f"{row['fsID']}@{start:.6f}-{end:.6f}"},
        )


def _places(folder: Path, metadata: str) -> tuple[Path, Path]:
    """The table and the folder with fold1 … fold10; in some copies one or both lie in the folder itself."""
    table, beside = folder / "metadata" / metadata, folder / metadata
    home = folder if any(folder.glob("fold[0-9]*")) else folder / "audio"
    return beside if home.is_dir() and beside.is_file() and not table.is_file() else table, home


def _rows(table: Path, layout: str) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"urbansound8k: {table} has no column {', '.join(missing)}; it has "
                    f"{', '.join(reader.fieldnames or ()) or 'none'}. Get the official table again."
                )
            return list(reader)
    except FileNotFoundError:
        raise DataError(f"urbansound8k: there is no {table}. Expected layout: {layout}") from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DataError(
            f"urbansound8k: {table} is no CSV in UTF-8 ({problem}). Get the official table again."
        ) from None


def _unlisted(folder: Path, home: Path, listed: Set[Path | None]) -> Iterator[Unusable]:
    for path in sorted(home.glob("fold*/*.wav")):
        if path not in listed and not is_litter(path.name):
            name = as_text(path.relative_to(folder).as_posix())
            yield Unusable(name, f"no row for {path.parent.name} in {OFFICIAL_METADATA}")
