"""The user's own files, in one folder per class."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from qplug.catalogue import load
from qplug.contract.errors import DataError, ParameterError
from qplug.contract.interfaces import Audio, Image
from qplug.lab.data.remarks import folder_remarks
from qplug.testing.components import check_dataset
from qplug_folder.folder import Folder

WriteSound = Callable[..., Path]


@pytest.fixture
def sounds(tmp_path: Path, write_sound: WriteSound) -> Path:
    """Two classes, three speakers each, two recordings each, one folder per speaker in the second class."""
    for speaker in "abc":
        for number in (1, 2):
            write_sound(tmp_path / "own" / "cat" / f"{speaker}-{number}.wav", seconds=0.1)
            write_sound(tmp_path / "own" / "dog" / speaker.upper() / f"take{number}.FLAC", seconds=0.1, rate=16_000)
    (tmp_path / "own" / "cat" / "notes.txt").write_text("not a recording")
    (tmp_path / "own" / "papers").mkdir()
    return tmp_path / "own"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for label, level in (("dark", 20), ("light", 220)):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(4):
            pixels = np.full((6, 9, 3), level, np.uint8)
            PIL.Image.fromarray(pixels).save(tmp_path / "pictures" / label / f"{number}.png")
    return tmp_path / "pictures"


def test_keeps_the_promises_of_a_data_set(sounds: Path, pictures: Path) -> None:
    check_dataset(Folder(), sounds)
    check_dataset(Folder(modality="image"), pictures)
    check_dataset(Folder(group=r"^(\w)", n_folds=3, only=("dog", "cat")), sounds)


def test_each_folder_with_recordings_is_a_class(sounds: Path) -> None:
    folder = Folder()
    samples = folder.index(sounds)
    assert folder.classes == ("cat", "dog")
    assert [s.id for s in samples][:2] == ["cat/a-1.wav", "cat/a-2.wav"]
    assert samples[-1].id == "dog/C/take2.FLAC"
    assert all(s.group == s.id for s in samples)


def test_classes_can_be_chosen_and_ordered(sounds: Path) -> None:
    folder = Folder(only=("dog", "cat"))
    assert {s.label for s in folder.index(sounds)} == {"cat", "dog"}
    assert folder.classes == ("dog", "cat")


def test_groups_are_found_by_the_pattern(sounds: Path) -> None:
    samples = Folder(group=r"(?i)^([abc])", only=("cat", "dog")).index(sounds)
    assert sorted({s.group for s in samples if s.label == "cat"}) == ["a", "b", "c"]
    assert sorted({s.group for s in samples if s.label == "dog"}) == ["A", "B", "C"]


def test_a_split_of_groups_is_on_offer_only_with_a_pattern() -> None:
    assert [rule.test for rule in Folder().splits.values()] == ["random"]
    assert [rule.test for rule in Folder(group="x").splits.values()] == ["groups"]


def test_files_without_a_group_are_named(sounds: Path) -> None:
    samples, unusable = Folder(group="^([A-Z])/").inventory(sounds)
    assert {sample.group for sample in samples} == {"A", "B", "C"}
    assert {entry.reason for entry in unusable} == {"dataset.group=^([A-Z])/ finds no group in its path"}
    assert len(samples) + len(unusable) == len(Folder().index(sounds))
    with pytest.raises(DataError, match=r"dog/C/take2\.FLAC: dataset\.group=\^\(\[a-z\]-\) finds no group in its path"):
        Folder(group="^([a-z]-)").index(sounds)


def test_a_pattern_that_is_none_is_refused(sounds: Path) -> None:
    with pytest.raises(ParameterError, match=r"dataset\.group='\(' is no regular expression"):
        Folder(group="(").index(sounds)


def test_folders_train_and_test_are_the_parts(tmp_path: Path, write_sound: WriteSound) -> None:
    for part in ("train", "Val", "test"):
        for label in ("cat", "dog"):
            write_sound(tmp_path / part / label / "one.wav", seconds=0.1)
    folder = Folder(parts=True)
    assert {s.id: s.part for s in folder.index(tmp_path) if s.label == "cat"} == {
        "train/cat/one.wav": "train",
        "Val/cat/one.wav": "validation",
        "test/cat/one.wav": "test",
    }
    check_dataset(folder, tmp_path)


def test_missing_parts_are_explained(sounds: Path) -> None:
    with pytest.raises(DataError, match=rf"{sounds} holds no folders train and test"):
        Folder(parts=True).index(sounds)


def test_one_class_is_not_enough(tmp_path: Path, write_sound: WriteSound) -> None:
    write_sound(tmp_path / "cat" / "one.wav")
    with pytest.raises(DataError, match="at least two classes are needed; found cat"):
        Folder().index(tmp_path)


def test_a_class_that_is_not_there_is_named(sounds: Path) -> None:
    with pytest.raises(DataError, match=r"no files for cow\. There is: cat, dog"):
        Folder(only=("cat", "cow")).index(sounds)


def test_a_file_whose_name_is_no_text_is_found_out_when_it_is_read(sounds: Path) -> None:
    (sounds / "cat" / b"caf\xe9.wav".decode("utf-8", "surrogateescape")).touch()
    sample = next(s for s in Folder().index(sounds) if s.id.startswith("cat/caf"))
    assert (sample.id, sample.group) == (r"cat/caf\udce9.wav", r"cat/caf\udce9.wav")
    with pytest.raises(DataError, match=r"caf\udce9\.wav: its name is not valid UTF-8\. Rename"):
        Folder().read(sample)


def test_a_class_whose_name_is_no_text_is_refused(sounds: Path) -> None:
    home = sounds / b"caf\xe9".decode("utf-8", "surrogateescape")
    home.mkdir()
    (home / "one.wav").touch()
    with pytest.raises(DataError, match=r"1 folder names are not valid UTF-8 \(caf\\udce9\)"):
        Folder().index(sounds)


def test_recordings_and_images_are_read(sounds: Path, pictures: Path) -> None:
    audio = Folder().read(Folder().index(sounds)[0])
    assert isinstance(audio, Audio)
    assert audio.waveform.shape == (1, 800)
    images = Folder(modality="image")
    image = images.read(images.index(pictures)[-1])
    assert isinstance(image, Image)
    assert image.pixels.shape == (3, 6, 9)
    np.testing.assert_allclose(image.pixels, 220 / 255)


def test_indexing_costs_under_3_kilobytes_a_file(tmp_path: Path) -> None:
    for label in ("a", "b", "c", "d"):
        (tmp_path / label).mkdir()
        for number in range(5_000):
            (tmp_path / label / f"recording_{number:06d}.wav").touch()
    code = (
        "import sys, resource; from pathlib import Path; from qplug_folder.folder import Folder;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "samples = Folder(group='_(...)').index(Path(sys.argv[1]));"
        "print(len(samples), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    n, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(n) == 20_000
    assert int(kilobytes) < 60_000


def test_litter_is_no_data_and_is_told(sounds: Path, write_sound: WriteSound) -> None:
    before = Folder().index(sounds)
    litter = [".ipynb_checkpoints/a.wav", "@eaDir/cat/a.wav", "__MACOSX/cat/a.wav", "cat/@eaDir/a.wav", "cat/._a-1.wav"]
    for name in [*litter, "cat/a-1.wav.bak.wav"]:
        write_sound(sounds / name, seconds=0.1)
    assert Folder().index(sounds) == before
    [told, *_] = folder_remarks(Folder(), sounds)
    assert told.startswith("6 files are litter")
    assert litter[0] in told


def test_what_is_odd_about_class_folders_is_told(sounds: Path, write_sound: WriteSound) -> None:
    for name in ("Cat/a.wav", " dog/a.wav"):
        write_sound(sounds / name, seconds=0.1)
    (sounds / "dog" / "late.m4a").write_bytes(b"not read")
    told = "; ".join(folder_remarks(Folder(), sounds))
    assert "1 file is of a format that is not read: 1 m4a (dog/late.m4a)" in told
    assert "classes 'Cat' and 'cat' differ in case or spaces only" in told
    assert "classes ' dog' and 'dog' differ in case or spaces only" in told
    assert "1 folder holds no file that is read, so no class is made of it (papers)" in told


def test_parts_are_not_taken_for_classes(tmp_path: Path, write_sound: WriteSound) -> None:
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            write_sound(tmp_path / part / label / "a.wav", seconds=0.1)
    with pytest.raises(DataError, match=r"folders test, train look like parts.*--set dataset.parts=true"):
        Folder().index(tmp_path)
    assert len(Folder(parts=True).index(tmp_path)) == 4
    assert len(Folder(only=("test", "train")).index(tmp_path)) == 4


def test_it_is_a_plugin_of_its_own_with_an_example_that_the_same_seed_repeats(tmp_path: Path) -> None:
    assert load("dataset", "folder") is Folder
    assert Folder.__module__ == "qplug_folder.folder"
    for name in ("one", "two"):
        Folder().write_example(tmp_path / name, seed=3)
    samples = Folder().index(tmp_path / "one")
    assert Counter(sample.label for sample in samples) == {"high": 12, "low": 12}
    assert all((tmp_path / "two" / sample.id).read_bytes() == sample.source.read_bytes() for sample in samples)
