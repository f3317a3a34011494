"""Birdsong: segments of fixed length, and recordings that stay whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qplug.contract.errors import DataError
from qplug.signals import read_audio
from qplug.testing.components import check_dataset
from qplug_audio.birdsong import Birdsong

WriteSound = Callable[..., Path]


@pytest.fixture
def small_folder(tmp_path: Path, write_sound: WriteSound) -> Path:
    """Two species, four recordings each; of one the segments lie in files of their own, one lasts 3.6 s."""
    folder = tmp_path / "birds"
    for seed, species in enumerate(("Parus_major", "Turdus_merula")):
        write_sound(folder / species / "XC100.wav", seconds=3.6, rate=22_050, seed=seed)
        write_sound(folder / species / "XC200_01.flac", seconds=1, rate=44_100, seed=seed)
        write_sound(folder / species / "XC200_02.flac", seconds=1, rate=44_100, seed=seed)
        write_sound(folder / species / "XC300.ogg", seconds=0.4, rate=48_000, channels=2, seed=seed)
        write_sound(folder / species / "XC400.wav", seconds=2.4, seed=seed)
    return folder


def test_keeps_the_promises_of_a_data_set(small_folder: Path) -> None:
    check_dataset(Birdsong(segment=1), small_folder, n_read=30)


def test_recordings_are_cut_into_segments(small_folder: Path) -> None:
    birdsong = Birdsong(segment=1)
    samples = [s for s in birdsong.index(small_folder) if s.label == "Parus_major"]
    assert [s.id.partition("/")[2] for s in samples] == [
        "XC100.wav#0", "XC100.wav#1", "XC100.wav#2", "XC100.wav#3",
        "XC200_01.flac#0", "XC200_02.flac#0", "XC300.ogg#0", "XC400.wav#0", "XC400.wav#1",
    ]  # fmt: skip
    whole = read_audio(small_folder / "Parus_major" / "XC100.wav").waveform
    pieces = [birdsong.read(s).waveform for s in samples[:4]]  # type: ignore[union-attr]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)


@pytest.mark.parametrize("segment", [0.5, 1.2])
def test_segments_of_any_length_follow_one_another(small_folder: Path, segment: float) -> None:
    birdsong = Birdsong(segment=segment)
    pieces = [s for s in birdsong.index(small_folder) if s.source == small_folder / "Parus_major" / "XC100.wav"]
    joined = np.concatenate([birdsong.read(s).waveform for s in pieces], axis=1)  # type: ignore[union-attr]
    whole = read_audio(small_folder / "Parus_major" / "XC100.wav").waveform
    np.testing.assert_array_equal(joined, whole[:, : joined.shape[1]])
    assert len(pieces) == round(3.6 / segment)


def test_all_segments_of_a_recording_are_one_group(small_folder: Path) -> None:
    groups = {s.id: s.group for s in Birdsong(segment=1).index(small_folder)}
    assert groups["Parus_major/XC200_01.flac#0"] == groups["Parus_major/XC200_02.flac#0"] == "Parus_major/XC200"
    assert groups["Turdus_merula/XC100.wav#3"] == "Turdus_merula/XC100"
    assert len(set(groups.values())) == 8


def test_a_table_tells_recordings(small_folder: Path) -> None:
    files = sorted(path.relative_to(small_folder).as_posix() for path in small_folder.glob("*/*"))
    rows = [f"{file},night{index % 3}" for index, file in enumerate(files)]
    (small_folder / "recordings.csv").write_text("\n".join(["file,recording", *rows]))
    samples = Birdsong(table="recordings.csv").index(small_folder)
    assert {s.group.partition("/")[2] for s in samples} == {"night0", "night1", "night2"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("file,night\n", r"recordings\.csv has no column recording; it has file, night"),
        ("file,recording\nParus_maj\udcf6r/XC100.wav,1\n", r"recordings\.csv is no CSV in UTF-8 \(.* byte 0xf6 "),
    ],
)
def test_a_faulty_table_is_explained(small_folder: Path, content: str, reason: str) -> None:
    (small_folder / "recordings.csv").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=reason):
        Birdsong(table="recordings.csv").index(small_folder)


def test_files_and_rows_that_do_not_fit_together_are_told(small_folder: Path) -> None:
    files = sorted(path.relative_to(small_folder).as_posix() for path in small_folder.glob("*/*"))
    rows = [f"{file},night{index}" for index, file in enumerate(files)]
    rows[0] = f"{files[0]},"
    rows += [f"{files[1]},another", f"{files[2]},night2", "Parus_major/gone.wav,night1", "Strix_aluco/gone.wav,night1"]
    (small_folder / "recordings.csv").write_text("\n".join(["file,recording", *rows]))
    birds = Birdsong(table="recordings.csv")
    samples, unusable = birds.inventory(small_folder)
    assert {entry.id: entry.reason for entry in unusable} == {
        files[0]: "recordings.csv tells no recording",
        files[1]: "recordings.csv tells more than one recording (night1, another)",
        "Parus_major/gone.wav": "recordings.csv names it, and there is no such recording",
        "Strix_aluco/gone.wav": "recordings.csv names it, and there is no such recording",
    }
    assert {sample.id.partition("#")[0] for sample in samples} == set(files[2:])
    chosen = Birdsong(table="recordings.csv", species=tuple(birds.classes))
    assert "Strix_aluco/gone.wav" not in {entry.id for entry in chosen.inventory(small_folder)[1]}


def test_species_can_be_chosen(small_folder: Path, write_sound: WriteSound) -> None:
    write_sound(small_folder / "Strix_aluco" / "XC1.wav")
    write_sound(small_folder / "Strix_aluco" / "XC2.wav")
    birdsong = Birdsong(species=("Strix_aluco", "Parus_major"))
    birdsong.index(small_folder)
    assert birdsong.classes == ("Strix_aluco", "Parus_major")
    with pytest.raises(DataError, match=r"no files for Corvus_corax\. There is: Parus_major, Strix_aluco"):
        Birdsong(species=("Corvus_corax", "Parus_major")).index(small_folder)


def test_names_that_make_one_recording_of_a_species_are_explained(tmp_path: Path, write_sound: WriteSound) -> None:
    for species in ("Rook", "Koel"):
        for number in range(3):
            write_sound(tmp_path / species / f"{species}_{number}.wav")
    with pytest.raises(
        DataError, match=r"all 3 files of Koel belong to one recording, 'Koel'.*dataset\.group=\(\.\+\)"
    ):
        Birdsong().index(tmp_path)
    assert len({s.group for s in Birdsong(group="(.+)").index(tmp_path)}) == 6


def test_a_damaged_file_is_named_when_it_is_read(small_folder: Path) -> None:
    path = small_folder / "Parus_major" / "XC100.wav"
    path.write_bytes(path.read_bytes()[:2000])
    birdsong = Birdsong(segment=1)
    [sample] = [s for s in birdsong.index(small_folder) if s.source == path]
    with pytest.raises(DataError, match=r"XC100\.wav: cut short"):
        birdsong.read(sample)


def test_a_missing_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*none.*https://xeno-canto\.org"):
        Birdsong().index(tmp_path / "none")


@pytest.mark.real_data
def test_real_recordings(real_folder: Callable[[str], Path]) -> None:
    birdsong = Birdsong(group="(.+)", species=("Barnowl", "Cuckoo", "Rook"))
    check_dataset(birdsong, real_folder("birds"))
    assert len({s.group for s in birdsong.index(real_folder("birds"))}) > 20
