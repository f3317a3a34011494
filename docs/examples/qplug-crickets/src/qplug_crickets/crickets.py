"""Songs of crickets, listed in a table that says species, place and fold."""

import csv
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, final

from qplug import Audio, DataError, Dataset, DatasetCapabilities, Sample, SplitRule, Unusable
from qplug.signals import read_audio
from qplug.signals.tones import write_tone

COLUMNS = ("file", "species", "place", "fold")


@final
class Crickets(Dataset):
    """Three species of crickets, recorded at ten places, dealt into five folds by place."""

    summary = "three species of crickets at ten places, in five folds"
    source = "made up, to be read"
    capabilities = DatasetCapabilities(interface=1, modality="audio", rate=8000)
    classes = ("field", "house", "tree")
    splits: ClassVar[Mapping[str, SplitRule]] = {
        "folds": SplitRule(description="the five folds of the table; each place is in one", test="fold", n_folds=5)
    }
    defaults: ClassVar[Mapping[str, Any]] = {"features": "mel", "features.rate": 8000, "features.duration": 0.5}
    layout = "the folder holds crickets.csv, with the columns file, species, place and fold, and recordings/*.wav"
    citation = "None: the recordings are made up."
    licence = "CC0 1.0"

    def samples(self, folder: Path) -> Iterable[Sample | Unusable]:
        """One sample per row of the table; unusable is a recording without a row, or a row that tells no fold.

        Raises:
            DataError: there is no table, or it lacks a column.
        """
        table = folder / "crickets.csv"
        if not table.is_file():
            raise DataError(f"crickets: there is no file {table}. Expected layout: {self.layout}")
        with table.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if missing := set(COLUMNS) - set(rows.fieldnames or ()):
                raise DataError(f"crickets: {table} lacks the columns {', '.join(sorted(missing))}.")
            listed = {row["file"]: row for row in rows}
        for name, row in listed.items():
            yield self._sample(folder / "recordings" / name, row)
        for path in sorted((folder / "recordings").glob("*.wav")):
            if path.name not in listed:
                yield Unusable(f"recordings/{path.name}", "no row in crickets.csv")

    def _sample(self, path: Path, row: Mapping[str, str]) -> Sample | Unusable:
        if row["species"] not in self.classes:
            return Unusable(path.name, f"its species is {row['species']!r}, none of {', '.join(self.classes)}")
        if row["fold"] not in set("12345"):
            return Unusable(path.name, f"its fold is {row['fold']!r}, not a number from 1 to 5")
        # The place is the group: one cricket may sing in several recordings, and must not be in two parts.
        return Sample(path.stem, row["species"], group=row["place"], source=path, fold=int(row["fold"]))

    def load(self, sample: Sample) -> Audio:
        """The recording, as stored; what cannot be decoded is refused with its name."""
        assert sample.source is not None
        return read_audio(sample.source)

    def write_example(self, folder: Path, *, seed: int = 0) -> None:
        """Four recordings of each species in each fold, at two places. Synthetic."""
        rows = []
        for number, (fold, species, take) in enumerate(product(range(1, 6), range(3), range(4))):
            name = f"{self.classes[species]}{number:02d}.wav"
            write_tone(folder / "recordings" / name, label=species, seconds=0.5, rate=8000, seed=seed + number)
            rows.append((name, self.classes[species], f"place{2 * fold - take % 2}", fold))
        with (folder / "crickets.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *rows])
