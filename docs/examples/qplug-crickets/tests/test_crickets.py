"""What every data set promises, and what only the author of this one can know."""

from pathlib import Path

import pytest
from qplug import DataError
from qplug.testing.components import check_dataset
from qplug_crickets.crickets import Crickets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Crickets().write_example(tmp_path)
    return tmp_path


def test_crickets_keeps_the_contract(folder: Path) -> None:
    check_dataset(Crickets(), folder)


def test_folds_and_labels_are_those_of_the_table(folder: Path) -> None:
    samples = {sample.id: sample for sample in Crickets().index(folder)}
    assert len(samples) == 60
    assert (samples["field00"].label, samples["field00"].fold, samples["field00"].group) == ("field", 1, "place2")
    assert (samples["tree59"].label, samples["tree59"].fold, samples["tree59"].group) == ("tree", 5, "place9")


def test_a_row_without_a_fold_and_a_recording_without_a_row_are_named(folder: Path) -> None:
    table = folder / "crickets.csv"
    lines = table.read_text("utf-8").splitlines()
    table.write_text("\n".join([lines[0], "field00.wav,field,place1,six", *lines[3:]]), "utf-8")
    _, unusable = Crickets().inventory(folder)
    assert [(each.id, each.reason) for each in unusable] == [
        ("field00.wav", "its fold is 'six', not a number from 1 to 5"),
        ("recordings/field01.wav", "no row in crickets.csv"),
    ]


def test_a_table_without_a_column_is_refused(folder: Path) -> None:
    (folder / "crickets.csv").write_text("file,species,place\n", "utf-8")
    with pytest.raises(DataError, match=r"crickets\.csv lacks the columns fold"):
        Crickets().index(folder)
