"""CREMA-D from its official list: counts, folds and labels."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from qplug.contract.errors import DataError
from qplug.testing.components import check_dataset
from qplug_audio.crema_d import CremaD
from qplug_audio.crema_d_folds import FEMALE, FOLDS, deal_actors

RealFolder = Callable[[str], Path]


@pytest.fixture
def small_folder(tmp_path: Path, write_sound: Callable[..., Path]) -> Path:
    """Seven actors, some in every fold, six emotions, four sentences in the official layout."""
    for seed, actor in enumerate((1001, 1002, 1004, 1005, 1006, 1007, 1010)):
        for sentence, level in (("IEO", "HI"), ("DFA", "XX"), ("TSI", "XX"), ("WSI", "XX")):
            for emotion in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"):
                name = f"{actor}_{sentence}_{emotion}_{level}.wav"
                write_sound(tmp_path / "crema-d" / "AudioWAV" / name, seconds=0.05, rate=16_000, seed=seed)
    return tmp_path / "crema-d"


@pytest.fixture
def official_list(tmp_path: Path, real_folder: RealFolder) -> Path:
    """Every file of the official list by its name, without its sound."""
    with (real_folder("crema-d") / "AudioWAV.sha256.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file)]
    (tmp_path / "AudioWAV").mkdir()
    for name in names:
        (tmp_path / "AudioWAV" / name).touch()
    return tmp_path


def test_keeps_the_promises_of_a_data_set(small_folder: Path) -> None:
    check_dataset(CremaD(), small_folder)


def test_all_is_read_from_the_name(small_folder: Path) -> None:
    sample = next(s for s in CremaD().index(small_folder) if s.id == "1002_IEO_FEA_HI")
    assert (sample.label, sample.group) == ("fear", "1002")
    assert dict(sample.keys) == {"sentence": "IEO", "level": "high", "sex": "female"}


def test_the_folder_of_recordings_itself_is_accepted(small_folder: Path) -> None:
    assert CremaD().index(small_folder / "AudioWAV") == CremaD().index(small_folder)


@pytest.mark.parametrize("name", ["1001_DFA_JOY_XX.wav", "2001_DFA_ANG_XX.wav", "1092_DFA_ANG_XX.wav", "notes.wav"])
def test_a_name_of_another_form_is_refused(small_folder: Path, write_sound: Callable[..., Path], name: str) -> None:
    write_sound(small_folder / "AudioWAV" / name)
    with pytest.raises(DataError, match=rf"AudioWAV/{name}: its label is unknown, since its name is not like 1001_"):
        CremaD().index(small_folder)


def test_a_folder_without_recordings_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path} holds no recording.*AudioWAV/{{actor}}_"):
        CremaD().index(tmp_path)


def test_folds_hold_each_actor_once_and_women_and_men_alike() -> None:
    actors = [actor for fold in FOLDS for actor in fold]
    assert sorted(actors) == list(range(1001, 1092))
    assert sorted(len(fold) for fold in FOLDS) == [18, 18, 18, 18, 19]
    assert sorted(len(FEMALE & set(fold)) for fold in FOLDS) == [8, 8, 9, 9, 9]


@pytest.mark.real_data
def test_folds_follow_from_the_official_demographics_by_the_rule(real_folder: RealFolder) -> None:
    with (real_folder("crema-d") / "VideoDemographics.csv").open() as file:
        sex = {int(row["ActorID"]): row["Sex"].lower() for row in csv.DictReader(file)}
    with (real_folder("crema-d") / "AudioWAV.sha256.csv").open() as file:
        recordings = Counter(int(row["file"][:4]) for row in csv.DictReader(file))
    assert {actor for actor, its in sex.items() if its == "female"} == FEMALE
    dealt = deal_actors({actor: (its, recordings[actor]) for actor, its in sex.items()})  # type: ignore[misc]
    assert dealt == FOLDS


@pytest.mark.real_data
def test_the_official_list(official_list: Path) -> None:
    samples = CremaD().index(official_list)
    assert len(samples) == 7442
    assert len({s.group for s in samples}) == 91
    assert Counter(s.label for s in samples) == {
        "anger": 1271, "disgust": 1271, "fear": 1271, "happy": 1271, "neutral": 1087, "sad": 1271,
    }  # fmt: skip
    assert len({s.keys["sentence"] for s in samples}) == 12
    assert Counter(s.keys["sex"] for s in samples) == {"male": 48 * 82 - 6, "female": 43 * 82 - 14}


@pytest.mark.real_data
def test_folds_are_as_equal_as_whole_actors_allow(official_list: Path) -> None:
    # One fold must have 19 of the 91 actors: at least 3 x 76 + 2 x 81 + 14 x 82 recordings; another has at most 18.
    samples = CremaD().index(official_list)
    sizes = Counter(s.fold for s in samples)
    assert sorted(sizes.values()) == [1476, 1476, 1476, 1476, 1538]
    assert (max(sizes.values()) - min(sizes.values())) / len(samples) < 0.01


def test_recordings_to_download_follow_from_the_pointers_in_the_archive(tmp_path: Path) -> None:
    cremad = CremaD()
    [archive] = cremad.remote_files(tmp_path)
    assert (archive.path, archive.unpack, archive.strip) == (".source", True, 1)
    pointers = tmp_path / ".source" / "AudioWAV"
    pointers.mkdir(parents=True)
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0af9' * 16}\nsize 72862\n"
    (pointers / "1001_DFA_ANG_XX.wav").write_text(text)
    (pointers / "1001_DFA_DIS_XX.wav").write_bytes(b"RIFF" + bytes(3000))
    _, first, second = cremad.remote_files(tmp_path)
    assert (first.path, first.checksum, first.size) == ("AudioWAV/1001_DFA_ANG_XX.wav", f"sha256:{'0af9' * 16}", 72862)
    assert first.url.endswith("/master/AudioWAV/1001_DFA_ANG_XX.wav")
    assert (second.path, second.checksum, second.size) == ("AudioWAV/1001_DFA_DIS_XX.wav", None, None)
    assert cremad.manifest(tmp_path)["AudioWAV/1001_DFA_ANG_XX.wav"] == (72862, f"sha256:{'0af9' * 16}")


def test_a_pointer_in_the_place_of_a_recording_is_explained(small_folder: Path) -> None:
    path = small_folder / "AudioWAV" / "1001_DFA_ANG_XX.wav"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1234\n")
    sample = next(s for s in CremaD().index(small_folder) if s.id == path.stem)
    with pytest.raises(DataError, match=r"1001_DFA_ANG_XX\.wav: holds Git LFS's pointer .* git lfs pull"):
        CremaD().read(sample)


def test_one_recording_in_two_formats_is_named(small_folder: Path, write_sound: Callable[..., Path]) -> None:
    write_sound(small_folder / "AudioWAV" / "1001_DFA_ANG_XX.flac")
    with pytest.raises(DataError, match=r"1001_DFA_ANG_XX\.wav: the same name as AudioWAV/1001_DFA_ANG_XX\.flac"):
        CremaD().index(small_folder)


def test_recordings_in_two_layouts_are_all_read(tmp_path: Path, write_sound: Callable[..., Path]) -> None:
    for name in ("AudioWAV/1001_DFA_ANG_XX.wav", "1002_DFA_ANG_XX.wav"):
        write_sound(tmp_path / name)
    assert len(CremaD().index(tmp_path)) == 2
