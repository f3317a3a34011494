"""UrbanSound8K: the table is read as it is, and its folds stay as they are."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from qplug.contract.errors import DataError
from qplug.testing.components import check_dataset
from qplug_audio.urbansound8k import UrbanSound8K

WriteSound = Callable[..., Path]
RealFolder = Callable[[str], Path]
HEADER = ["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"]


def _write_table(path: Path, rows: list[list[object]], header: list[str] = HEADER) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def small_folder(tmp_path: Path, write_sound: WriteSound) -> Path:
    """Ten folds of ten slices, one per class, half a second in the table and in the file."""
    folder = tmp_path / "UrbanSound8K"
    rows: list[list[object]] = []
    for fold in range(1, 11):
        for number, label in enumerate(UrbanSound8K.classes):
            name = f"{1000 + fold}-{number}-0-0.wav"
            rows.append([name, 1000 + fold, 1.0, 1.5, 1, fold, number, label])
            write_sound(folder / "audio" / f"fold{fold}" / name, seconds=0.5, rate=22_050)
    _write_table(folder / "metadata" / "UrbanSound8K.csv", rows)
    return folder


def test_keeps_the_promises_of_a_data_set(small_folder: Path) -> None:
    check_dataset(UrbanSound8K(), small_folder)


def test_a_row_becomes_a_sample(small_folder: Path) -> None:
    sample = UrbanSound8K().index(small_folder)[23]
    assert (sample.id, sample.label, sample.group, sample.fold) == ("1003-3-0-0", "dog_bark", "1003-dog_bark", 3)
    assert dict(sample.keys) == {"recording": "1003", "interval": "1003@1.000000-1.500000"}
    assert sample.source == small_folder / "audio" / "fold3" / "1003-3-0-0.wav"


def test_a_slice_that_was_filled_up_is_cut_to_its_length(small_folder: Path, write_sound: WriteSound) -> None:
    dataset = UrbanSound8K()
    sample = dataset.index(small_folder)[0]
    assert sample.source is not None
    write_sound(sample.source, seconds=4, rate=22_050)
    assert dataset.read(sample).waveform.shape == (1, 11_025)


def test_another_table_selects(small_folder: Path) -> None:
    _write_table(small_folder / "metadata" / "two.csv", [["1001-0-0-0.wav", 1001, 0, 1, 1, 1, 0, "air_conditioner"]])
    assert len(UrbanSound8K(metadata="two.csv").index(small_folder)) == 1


@pytest.mark.parametrize("missing", ["fold", "fsID", "class"])
def test_a_missing_column_is_named(small_folder: Path, missing: str) -> None:
    header = [column for column in HEADER if column != missing]
    _write_table(small_folder / "metadata" / "UrbanSound8K.csv", [], header)
    with pytest.raises(DataError, match=rf"UrbanSound8K\.csv has no column {missing}; it has slice_file_name"):
        UrbanSound8K().index(small_folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fold": "eleven"}, "line 2: fold, start and end must be numbers"),
        ({"fold": 11}, "line 2: class 'siren', fold 11 and 0 to 1 s are not a slice"),
        ({"class": "sirene"}, "line 2: class 'sirene', fold 1 and 0 to 1 s are not a slice"),
        ({"end": 0.0}, "line 2: class 'siren', fold 1 and 0 to 0 s are not a slice"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(small_folder: Path, change: Mapping[str, object], reason: str) -> None:
    row = dict(zip(HEADER, ["1001-8-0-0.wav", 1001, 0.0, 1.0, 1, 1, 8, "siren"], strict=True))
    _write_table(small_folder / "metadata" / "UrbanSound8K.csv", [list((row | change).values())])
    with pytest.raises(DataError, match=reason):
        UrbanSound8K().index(small_folder)


def test_a_cut_off_row_is_named(small_folder: Path) -> None:
    table = small_folder / "metadata" / "UrbanSound8K.csv"
    _write_table(table, [["1001-8-0-0.wav", 1001, 0.0]])
    with pytest.raises(DataError, match="line 2: fold, start and end must be numbers"):
        UrbanSound8K().index(small_folder)


def test_a_row_without_file_is_found_out_when_it_is_read(small_folder: Path) -> None:
    dataset = UrbanSound8K()
    (small_folder / "audio" / "fold2" / "1002-5-0-0.wav").unlink()
    sample = next(s for s in dataset.index(small_folder) if s.id == "1002-5-0-0")
    with pytest.raises(DataError, match=r"fold2/1002-5-0-0\.wav: there is no such file"):
        dataset.read(sample)


def test_a_slice_that_was_moved_to_another_fold_is_refused(small_folder: Path) -> None:
    audio = small_folder / "audio"
    (audio / "fold2" / "1002-5-0-0.wav").rename(audio / "fold3" / "1002-5-0-0.wav")
    with pytest.raises(DataError, match=r"audio/fold3/1002-5-0-0\.wav: no row for fold3 in UrbanSound8K\.csv"):
        UrbanSound8K().index(small_folder)


def test_a_missing_table_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no .*UrbanSound8K\.csv.*zenodo\.org/records/1203745"):
        UrbanSound8K().index(tmp_path)


@pytest.mark.real_data
def test_official_folds_are_untouched(real_folder: RealFolder, tmp_path: Path) -> None:
    table = (real_folder("urbansound8k") / "metadata" / "UrbanSound8K.csv").read_bytes()
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_bytes(table)
    samples = UrbanSound8K().index(tmp_path)
    assert len(samples) == 8732
    sizes = Counter(s.fold for s in samples)
    assert [sizes[fold] for fold in range(1, 11)] == [873, 888, 925, 990, 936, 823, 838, 806, 816, 837]
    dealt = "".join(f"{s.id} {s.fold} {s.label}\n" for s in sorted(samples, key=lambda s: s.id))
    assert hashlib.sha256(dealt.encode()).hexdigest()[:16] == "ac32b02c897c19cf"


@pytest.mark.real_data
def test_no_group_and_just_five_recordings_stand_in_two_official_folds(real_folder: RealFolder, tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    table = real_folder("urbansound8k") / "metadata" / "UrbanSound8K.csv"
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_bytes(table.read_bytes())
    folds_of_group, folds_of_recording = defaultdict(set), defaultdict(set)
    for sample in UrbanSound8K().index(tmp_path):
        folds_of_group[sample.group].add(sample.fold)
        folds_of_recording[sample.keys["recording"]].add(sample.fold)
    assert all(len(folds) == 1 for folds in folds_of_group.values())
    twice = {recording for recording, folds in folds_of_recording.items() if len(folds) > 1}
    assert twice == {"77751", "106905", "132016", "176638", "180937"}


@pytest.mark.real_data
def test_real_slices_have_the_length_of_the_table(real_folder: RealFolder) -> None:
    dataset = UrbanSound8K(metadata="UrbanSound8K_subset.csv")
    samples = dataset.index(real_folder("urbansound8k"))
    assert len(samples) == 319
    for sample in samples[::8]:
        audio = dataset.read(sample)
        start, end = map(float, sample.keys["interval"].partition("@")[2].split("-"))
        assert audio.waveform.shape[1] / audio.rate == pytest.approx(end - start, abs=0.001)


@pytest.mark.parametrize("audio", ["audio", "."])
def test_copies_with_the_table_beside_the_folds_are_read(small_folder: Path, tmp_path: Path, audio: str) -> None:
    official = UrbanSound8K().index(small_folder)
    copy = tmp_path / "copy"
    copy.mkdir()
    (small_folder / "metadata" / "UrbanSound8K.csv").rename(copy / "UrbanSound8K.csv")
    for fold in sorted((small_folder / "audio").iterdir()):
        (copy / audio).mkdir(exist_ok=True)
        fold.rename(copy / audio / fold.name)
    samples = UrbanSound8K().index(copy)
    assert [(s.id, s.label, s.fold) for s in samples] == [(s.id, s.label, s.fold) for s in official]
    assert all(s.source is not None and s.source.is_file() for s in samples)


def test_the_folder_of_the_table_alone_is_no_data_set(small_folder: Path) -> None:
    with pytest.raises(DataError, match=r"there is no .*metadata/metadata/UrbanSound8K\.csv"):
        UrbanSound8K().index(small_folder / "metadata")


def test_a_row_that_stands_twice_is_named(small_folder: Path) -> None:
    table = small_folder / "metadata" / "UrbanSound8K.csv"
    table.write_text(table.read_text() + table.read_text().splitlines()[1] + "\n")
    with pytest.raises(DataError, match=r"UrbanSound8K\.csv, line 102: lists 1001-0-0-0\.wav again"):
        UrbanSound8K().index(small_folder)


def test_litter_beside_slices_is_no_fault(small_folder: Path, write_sound: WriteSound) -> None:
    before = UrbanSound8K().index(small_folder)
    write_sound(small_folder / "audio" / "fold1" / "._1010-0-0-0.wav")
    assert UrbanSound8K().index(small_folder) == before
