"""The speech part of RAVDESS in its official layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from qplug.contract.errors import DataError
from qplug.testing.components import check_dataset
from qplug_audio.crema_d import CremaD
from qplug_audio.ravdess import Ravdess

WriteSound = Callable[..., Path]


@pytest.fixture
def small_folder(tmp_path: Path, write_sound: WriteSound) -> Path:
    """Eight actors, eight emotions, one sentence; one recording is stereo, one is flac."""
    for actor in range(1, 9):
        for emotion in range(1, 9):
            name = f"03-01-{emotion:02d}-01-01-01-{actor:02d}"
            suffix = "flac" if (actor, emotion) == (1, 1) else "wav"
            channels = 2 if (actor, emotion) == (1, 2) else 1
            path = tmp_path / "ravdess" / f"Actor_{actor:02d}" / f"{name}.{suffix}"
            write_sound(path, seconds=0.05, rate=48_000, channels=channels)
    return tmp_path / "ravdess"


@pytest.mark.parametrize("emotions", ["all", "crema-d"])
def test_keeps_the_promises_of_a_data_set(small_folder: Path, emotions: str) -> None:
    check_dataset(Ravdess(emotions=emotions), small_folder, n_read=20)  # type: ignore[arg-type]


def test_all_is_read_from_the_name(tmp_path: Path, write_sound: WriteSound) -> None:
    write_sound(tmp_path / "Actor_12" / "03-01-06-02-01-02-12.wav")
    [sample] = Ravdess().index(tmp_path)
    assert (sample.label, sample.group, sample.fold) == ("fearful", "actor_12", 2)
    assert dict(sample.keys) == {"sentence": "kids", "intensity": "strong", "sex": "female"}


def test_six_emotions_are_named_and_ordered_as_in_crema_d(small_folder: Path) -> None:
    ravdess = Ravdess(emotions="crema-d")
    assert tuple(ravdess.classes) == CremaD.classes
    assert Counter(s.label for s in ravdess.index(small_folder)) == dict.fromkeys(CremaD.classes, 8)


def test_each_fold_tests_as_many_women_as_men(small_folder: Path) -> None:
    samples = Ravdess().index(small_folder)
    for fold in range(1, 5):
        actors = {(s.group, s.keys["sex"]) for s in samples if s.fold == fold}
        assert sorted(sex for _, sex in actors) == ["female", "male"]


@pytest.mark.parametrize("name", ["02-01-06-01-01-01-01.wav", "03-01-09-01-01-01-01.wav", "03-01-06-01-01-01-25.wav"])
def test_a_name_of_another_form_is_refused(small_folder: Path, write_sound: WriteSound, name: str) -> None:
    write_sound(small_folder / "Actor_01" / name)
    with pytest.raises(DataError, match=rf"Actor_01/{name}: its label is unknown, since its name is not like 03-01"):
        Ravdess().index(small_folder)


def test_a_folder_without_actors_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path} holds no Actor_01.*zenodo\.org/records/1188976"):
        Ravdess().index(tmp_path)


@pytest.mark.real_data
def test_the_real_files(real_folder: Callable[[str], Path]) -> None:
    samples = Ravdess().index(real_folder("ravdess"))
    assert len(samples) == 448
    assert {s.group for s in samples} == {f"actor_{actor:02d}" for actor in range(1, 17)}
    check_dataset(Ravdess(emotions="crema-d"), real_folder("ravdess"))


def test_songs_in_the_same_folders_are_passed_over(small_folder: Path, write_sound: WriteSound) -> None:
    speech = Ravdess().index(small_folder)
    write_sound(small_folder / "Actor_01" / "03-02-06-01-01-01-01.wav")
    assert Ravdess().index(small_folder) == speech


def test_the_archives_own_folder_is_looked_into(small_folder: Path, tmp_path: Path) -> None:
    n_samples = len(Ravdess().index(small_folder))
    small_folder.rename(tmp_path / "Audio_Speech_Actors_01-24")
    assert len(Ravdess().index(tmp_path)) == n_samples


def test_one_recording_in_two_formats_is_named(tmp_path: Path, write_sound: WriteSound) -> None:
    for suffix in ("wav", "flac"):
        write_sound(tmp_path / "Actor_12" / f"03-01-06-02-01-02-12.{suffix}")
    with pytest.raises(DataError, match=r"-12\.wav: the same name as Actor_12/03-01-06-02-01-02-12\.flac; keep one"):
        Ravdess().index(tmp_path)


def test_actors_in_two_layouts_are_all_read(small_folder: Path) -> None:
    before = {(sample.id, sample.fold) for sample in Ravdess().index(small_folder)}
    inner = small_folder / "Audio_Speech_Actors_01-24"
    inner.mkdir()
    for actor in (5, 6, 7, 8):
        (small_folder / f"Actor_{actor:02d}").rename(inner / f"Actor_{actor:02d}")
    assert {(sample.id, sample.fold) for sample in Ravdess().index(small_folder)} == before
