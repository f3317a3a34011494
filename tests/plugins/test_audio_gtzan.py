"""GTZAN in both layouts, on the fault-filtered split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qplug.contract.errors import DataError, ParameterError, UnknownName
from qplug.testing.components import check_dataset
from qplug_audio.gtzan import Gtzan
from qplug_audio.gtzan_split import fault_filtered

WriteSound = Callable[..., Path]
# Of these numbers every genre has some in each part of the fault-filtered split.
NUMBERS = (0, 2, 5, 9, 14, 25, 30, 40, 53, 62, 71, 75, 81, 92, 99)


@pytest.fixture
def small_folder(tmp_path: Path, write_sound: WriteSound) -> Path:
    for genre in Gtzan().classes:
        for number in NUMBERS:
            path = tmp_path / "gtzan" / "genres" / genre / f"{genre}.{number:05d}.au"
            write_sound(path, seconds=0.05, rate=22_050, seed=number)
    return tmp_path / "gtzan"


def test_keeps_the_promises_of_a_data_set(small_folder: Path) -> None:
    check_dataset(Gtzan(), small_folder)
    check_dataset(Gtzan(genres=("metal", "blues")), small_folder)


def test_the_fault_filtered_split_is_the_published_one() -> None:
    parts = fault_filtered()
    assert Counter(parts.values()) == {"train": 443, "validation": 197, "test": 290}
    listed = "".join(f"{name} {part}\n" for name, part in sorted(parts.items()))
    assert hashlib.sha256(listed.encode()).hexdigest()[:16] == "748cf48e7118bdcd"
    left_out = Counter(name.split(".")[0] for name in _all_names() if name not in parts)
    assert left_out == {
        "classical": 1, "country": 2, "disco": 7, "hiphop": 8, "jazz": 13, "metal": 9, "pop": 16, "reggae": 14,
    }  # fmt: skip


def _all_names() -> list[str]:
    return [f"{genre}.{number:05d}" for genre in Gtzan().classes for number in range(100)]


def test_excerpts_get_their_published_part(small_folder: Path) -> None:
    parts = {s.id: s.part for s in Gtzan().index(small_folder)}
    assert (parts["blues.00030"], parts["blues.00053"], parts["blues.00014"]) == ("train", "validation", "test")
    assert parts["pop.00030"] is None


def test_the_other_layout_is_read_too(tmp_path: Path, write_sound: WriteSound) -> None:
    for genre in ("rock", "disco"):
        write_sound(tmp_path / "genres_original" / genre / f"{genre}.00000.wav")
    gtzan = Gtzan(genres=("rock", "disco"))
    assert [s.id for s in gtzan.index(tmp_path)] == ["rock.00000", "disco.00000"]
    assert gtzan.classes == ("rock", "disco")


def test_pieces_of_an_excerpt_stay_together_and_make_it_up(tmp_path: Path, write_sound: WriteSound) -> None:
    for genre in ("rock", "disco"):
        write_sound(tmp_path / genre / f"{genre}.00000.wav", seconds=30, rate=1000)
    whole, cut = Gtzan(genres=("rock", "disco")), Gtzan(genres=("rock", "disco"), pieces=4)
    excerpt = whole.index(tmp_path)[0]
    pieces = [s for s in cut.index(tmp_path) if s.label == "rock"]
    assert {(s.group, s.part) for s in pieces} == {("rock.00000", excerpt.part)}
    joined = np.concatenate([cut.read(s).waveform for s in pieces], axis=1)  # type: ignore[union-attr]
    np.testing.assert_array_equal(joined, whole.read(excerpt).waveform)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("genres", "error", "reason"),
    [
        (("rock", "jaz"), UnknownName, r"no genre of gtzan is called 'jaz'\. Did you mean 'jazz'"),
        (("rock",), ParameterError, "genres=rock must name at least two genres"),
        (("rock", "rock"), ParameterError, "genres=rock,rock must name at least two genres, each once"),
    ],
)
def test_genres_that_make_no_task_are_refused(
    small_folder: Path, genres: tuple[str, ...], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        Gtzan(genres=genres).index(small_folder)


def test_a_missing_genre_is_named(small_folder: Path) -> None:
    for path in (small_folder / "genres" / "jazz").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"genres holds no excerpts of jazz\..*genres_original/"):
        Gtzan().index(small_folder)
    assert len(Gtzan(genres=("rock", "pop")).index(small_folder)) == 2 * len(NUMBERS)


def test_a_name_of_another_form_is_refused(small_folder: Path, write_sound: WriteSound) -> None:
    write_sound(small_folder / "genres" / "jazz" / "so_what.wav")
    with pytest.raises(DataError, match=r"so_what\.wav: its label is unknown, .* not like blues\.00029\.au"):
        Gtzan().index(small_folder)


def test_a_link_to_nowhere_is_an_excerpt_that_cannot_be_read(small_folder: Path) -> None:
    path = small_folder / "genres" / "blues" / "blues.00002.au"
    path.unlink()
    path.symlink_to("nowhere.au")
    sample = next(s for s in Gtzan().index(small_folder) if s.source == path)
    with pytest.raises(DataError, match=r"blues\.00002\.au: there is no such file"):
        Gtzan().read(sample)


def test_a_copy_with_the_genres_below_data_is_read_too(tmp_path: Path, write_sound: WriteSound) -> None:
    for genre in ("rock", "disco"):
        write_sound(tmp_path / "Data" / "genres_original" / genre / f"{genre}.00000.wav")
    (tmp_path / "Data" / "images_original" / "rock").mkdir(parents=True)
    assert [s.id for s in Gtzan(genres=("rock", "disco")).index(tmp_path)] == ["rock.00000", "disco.00000"]


def test_one_excerpt_in_two_formats_is_named(small_folder: Path, write_sound: WriteSound) -> None:
    write_sound(small_folder / "genres" / "blues" / "blues.00002.wav")
    with pytest.raises(DataError, match=r"/blues\.00002\.wav: the same name as genres/blues/blues\.00002\.au"):
        Gtzan().index(small_folder)
