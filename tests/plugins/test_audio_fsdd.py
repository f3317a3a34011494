"""The Free Spoken Digit Dataset in its official layout and on its official split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from qplug.contract.errors import DataError
from qplug.testing.components import check_dataset
from qplug_audio.fsdd import FreeSpokenDigits


def test_keeps_the_promises_of_a_data_set(fsdd_folder: Path, write_sound: Callable[..., Path]) -> None:
    for speaker in ("dee", "eve", "flo"):  # six speakers, for the six folds of unseen speakers
        write_sound(fsdd_folder / "recordings" / f"3_{speaker}_9.wav")
    check_dataset(FreeSpokenDigits(), fsdd_folder)


def test_indexes_zero_to_four_are_the_test_part(fsdd_folder: Path) -> None:
    samples = FreeSpokenDigits().index(fsdd_folder)
    assert {s.id.rpartition("_")[2] for s in samples if s.part == "test"} == set("01234")
    assert {s.id.rpartition("_")[2] for s in samples if s.part == "train"} == set("56")
    assert len(samples) == 210


def test_digit_speaker_and_file_are_read_from_the_name(fsdd_folder: Path) -> None:
    sample = next(s for s in FreeSpokenDigits().index(fsdd_folder) if s.id == "7_bob_6")
    assert (sample.label, sample.group, dict(sample.keys)) == ("7", "7_bob_6", {"speaker": "bob"})
    assert sample.source == fsdd_folder / "recordings" / "7_bob_6.wav"


def test_the_folder_of_recordings_itself_is_accepted(fsdd_folder: Path) -> None:
    fsdd = FreeSpokenDigits()
    assert fsdd.index(fsdd_folder / "recordings") == fsdd.index(fsdd_folder)


@pytest.mark.parametrize("missing", ["nowhere", "empty"])
def test_a_folder_without_recordings_is_explained(tmp_path: Path, missing: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=rf"{missing}.*recordings/{{digit}}_{{speaker}}_{{index}}\.wav.*git clone"):
        FreeSpokenDigits().index(tmp_path / missing)


def test_a_name_of_another_form_is_refused(fsdd_folder: Path, write_sound: Callable[..., Path]) -> None:
    write_sound(fsdd_folder / "recordings" / "seven.wav")
    with pytest.raises(DataError, match=r"recordings/seven\.wav: its label is unknown, .* 7_jackson_32\.wav"):
        FreeSpokenDigits().index(fsdd_folder)


@pytest.mark.real_data
def test_the_real_files(real_folder: Callable[[str], Path]) -> None:
    fsdd = FreeSpokenDigits()
    samples = fsdd.index(real_folder("fsdd"))
    assert Counter(s.part for s in samples) == {"train": 2700, "test": 300}
    assert set(Counter(s.label for s in samples).values()) == {300}
    assert len({s.keys["speaker"] for s in samples}) == 6
    check_dataset(fsdd, real_folder("fsdd"), n_read=30)


def test_one_recording_in_two_formats_is_named(fsdd_folder: Path, write_sound: Callable[..., Path]) -> None:
    write_sound(fsdd_folder / "recordings" / "7_bob_6.flac")
    with pytest.raises(DataError, match=r"/7_bob_6\.wav: the same name as recordings/7_bob_6\.flac; keep"):
        FreeSpokenDigits().index(fsdd_folder)


def test_recordings_in_two_layouts_are_all_read(tmp_path: Path, write_sound: Callable[..., Path]) -> None:
    for name in ("recordings/1_theo_1.wav", "2_theo_1.wav"):
        write_sound(tmp_path / name)
    assert len(FreeSpokenDigits().index(tmp_path)) == 2
