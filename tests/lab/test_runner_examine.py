"""What the samples at hand do not allow is refused by the plan, and by the run before a feature is extracted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qplug.catalogue.layers import Layer
from qplug.contract.errors import DataError, NotSupported, UserError
from qplug.lab.comparison.grid import Arm, Grid
from qplug.lab.comparison.sets import run_set
from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.plan import plan
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Path]:
    """Empty files, which are indexed but would be refused as soon as one is read."""

    def made(*names: str) -> Path:
        for name in names:
            path = tmp_path / "own" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / "own"

    return made


def layers(folder: Path, *assignments: str, **parts: str) -> list[Layer]:
    chosen = {"dataset": "folder", "backbone": "identity", "reducer": "linear", "head": "linear"} | parts
    named: dict[str, Any] = {kind: {"name": name} for kind, name in chosen.items()}
    return [from_assignments([*assignments, "features.n_mels=4"]), {**named, "data_dir": str(folder), "device": "cpu"}]


def refused(asked: list[Layer], out: Path, error: type[UserError], says: str) -> None:
    with pytest.raises(error, match=says):
        plan(asked)
    with pytest.raises(error, match=says):
        run_once(asked, out, Silent())
    assert not list(out.iterdir() if out.is_dir() else ())


FIVE_EACH = [f"{label}/{number}.wav" for label in ("cat", "dog") for number in range(5)]
SIX = "the training part of split 'random' has 6 samples, but "


@pytest.mark.parametrize(
    ("assignments", "parts", "says"),
    [
        (
            ["reducer.n_outputs=7"],
            {"reducer": "pca"},
            "reducer 'pca' needs 8 or more to be fitted with 7 outputs.*or fewer outputs: --set reducer.n_outputs=5",
        ),
        (
            ["head.n_qubits=9"],
            {"reducer": "pca", "head": "pennylane-pqc"},
            "reducer 'pca' needs 10.*with at most 5 inputs",
        ),
    ],
)
def test_too_few_samples_for_a_fitted_reducer(
    own: Callable[..., Path], tmp_path: Path, assignments: list[str], parts: dict[str, str], says: str
) -> None:
    refused(layers(own(*FIVE_EACH), *assignments, **parts), tmp_path / "runs", NotSupported, SIX + says)


def test_as_many_classes_as_training_samples_are_too_many_for_lda(own: Callable[..., Path], tmp_path: Path) -> None:
    files = [f"{part}/{label}/one.wav" for part in ("train", "validation", "test") for label in ("a", "b", "c")]
    asked = layers(own(*files), "dataset.parts=true", "reducer.n_outputs=2", reducer="lda")
    refused(asked, tmp_path / "runs", NotSupported, "has 3 samples, but reducer 'lda' needs 4 or more .* 2 outputs")


def test_parts_too_small_for_the_processes(own: Callable[..., Path], tmp_path: Path) -> None:
    asked = layers(own(*FIVE_EACH), "training.devices=2")
    says = r"the validation part of split 'random' has 2 samples; training needs 4 or more there.*training\.devices=2"
    refused(asked, tmp_path / "runs", DataError, says)
    assert plan(layers(own(), "training.devices=1")).split == "random"


def test_a_class_without_training_samples(own: Callable[..., Path], tmp_path: Path) -> None:
    files = [f"{part}/{label}/one.wav" for part in ("train", "validation", "test") for label in ("cat", "dog")]
    asked = layers(own(*files, "test/cow/one.wav"), "dataset.parts=true")
    refused(asked, tmp_path / "runs", DataError, "split 'folders' has no training sample of cow, so no classifier")


def test_what_makes_no_sample_is_refused_by_the_plan_unless_left_out(own: Callable[..., Path]) -> None:
    folder = own(*FIVE_EACH, "cat/strange.wav")
    asked = layers(folder, r"dataset.group=(\d)", "dataset.n_folds=3")
    with pytest.raises(DataError, match=r"folder: 1 of 11 files cannot be used \(cat/strange\.wav: dataset\.group="):
        plan(asked)
    assert "data: 10 samples" in " ".join(plan([{"on_bad_file": "skip"}, *asked]).work)


def test_every_fold_is_looked_at_before_the_first_is_trained(own: Callable[..., Path], tmp_path: Path) -> None:
    files = [f"cat/{group}-{number}.wav" for group in "abcdef" for number in range(2)] + ["dog/a-1.wav", "dog/a-2.wav"]
    asked = layers(own(*files), r"dataset.group=^(\w)", "dataset.n_folds=3")
    no_dog = "split 'groups' has no training sample of dog"
    lucky = [fold for fold in (1, 2, 3) if _fold_is_sound({**asked[1], "fold": fold}, asked[0])]
    assert len(lucky) == 2
    with pytest.raises(DataError, match=no_dog):
        plan(asked, every_fold=True)
    with pytest.raises(DataError, match=no_dog):
        run_set(Grid([Arm("", asked)], every_fold=True), tmp_path / "runs", Silent())
    assert not (tmp_path / "runs").exists()

    sound = layers(own(*(file.replace("cat", "dog") for file in files)), r"dataset.group=^(\w)", "dataset.n_folds=3")
    told = " ".join(plan(sound, every_fold=True).work)
    for fold in (1, 2, 3):
        assert f"(fold {fold}: " in told


def _fold_is_sound(layer: Layer, assigned: Layer) -> bool:
    try:
        plan([assigned, layer])
    except DataError:
        return False
    return True


def test_a_plan_of_every_fold_refuses_a_split_that_has_none(own: Callable[..., Path]) -> None:
    files = [f"{part}/{label}/one.wav" for part in ("train", "validation", "test") for label in ("cat", "dog")]
    with pytest.raises(UserError, match="split 'folders' of folder has no folds, so --fold all means nothing there"):
        plan(layers(own(*files), "dataset.parts=true"), every_fold=True)


def test_a_metric_of_two_classes_suits_a_folder_of_two_only(own: Callable[..., Path]) -> None:
    folder = own(*FIVE_EACH, *(name.replace("dog", "cow") for name in FIVE_EACH))
    plan(layers(folder, "training.monitor=roc_auc", "dataset.only=cat,dog"))
    with pytest.raises(NotSupported, match=r"training\.monitor is 'roc_auc'.*the data set has 3"):
        plan(layers(folder, "training.monitor=roc_auc"))
