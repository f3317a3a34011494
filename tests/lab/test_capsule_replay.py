"""Replay: what was recorded comes out again, and a changed number is named with its file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qplug.contract.errors import UserError
from qplug.lab.capsule.replay import replay
from qplug.lab.capsule.scores import Answers, counted, ranges
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace

from .places import without_figures
from .report_runs import finished_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small run of two classes with a circuit."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QPLUG_CACHE", str(folder / "cache"))
        chosen: dict[str, Any] = {
            "dataset": {"name": "chirps", "n_samples": 100}, "backbone": {"name": "identity"},
            "head": {"name": "pennylane-pqc", "n_qubits": 2, "n_layers": 1},
            "training": {"epochs": 3, "monitor": "accuracy", "patience": 1},
        }  # fmt: skip
        yield Path(run_once([chosen], folder / "runs", Silent(), workplace=without_figures())["run"])


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text("utf-8")
    changed = re.sub(before, after, text, count=1)
    assert changed != text
    path.write_text(changed, "utf-8")


def test_every_number_of_a_run_holds(made: Path) -> None:
    found = replay(made)
    assert [(check.file, check.number) for check in found.faults] == []
    numbers = {check.number for check in found.checks}
    scores = json.loads((made / "record.json").read_text())["judgements"][1]["scores"]
    assert {f"test.{name}" for name in scores if name not in ("per_class", "confusion")} <= numbers
    assert {"training.best_epoch", "split.hashes.all", "hash in the folder's name", "configuration.seed"} <= numbers


@pytest.mark.parametrize(
    ("file", "before", "after", "numbers"),
    [
        ("record.json", r'("part": "test"[\s\S]*?"accuracy": )0\.\d', r"\g<1>0.0", {"test.accuracy"}),
        ("record.json", r'("part": "test"[\s\S]*?"cross_entropy": )\d', r"\g<1>7", {"test.cross_entropy"}),
        ("record.json", r'"best_epoch": \d', '"best_epoch": 9', {"training.best_epoch"}),
        ("record.json", r'("part": "validation"[\s\S]*?"support": )', r"\g<1>9", {"validation.per_class"}),
        ("record.json", r'("test": )(\d)', r"\g<1>1\2", {"split.sizes.test"}),
        ("run.toml", "epochs = 3", "epochs = 4", {"configuration.training.epochs", "hash in the folder's name"}),
        ("split.json", r'("parts": [\s\S]*?)\d', r"\g<1>x", {"hashes.train", "split.hashes.all"}),
        ("environment.json", r'"python": "3', '"python": "2', {"environment.python"}),
        ("history.csv", r"\n2,", "\n3,", {"epoch"}),
        ("predictions.csv", r"0\.\d\d(\d*,0)", r"0.00\1", {"validation.cross_entropy"}),
    ],
)
def test_a_changed_number_is_named_with_its_file(
    run: Path, file: str, before: str, after: str, numbers: set[str]
) -> None:
    change(run / file, before, after)
    faults = replay(run).faults
    assert (file, "SHA-256") in {(fault.file, fault.number) for fault in faults}
    assert all(any(fault.number.startswith(number) for fault in faults) for number in numbers), faults


def test_a_missing_or_damaged_file_is_a_number_that_does_not_hold(run: Path) -> None:
    (run / "predictions.csv").unlink()
    (run / "history.csv").write_text("epoch\nx\n")
    faults = {(fault.file, fault.number): str(fault.derived) for fault in replay(run).faults}
    assert faults["predictions.csv", "SHA-256"] == "missing"
    assert "has no predictions.csv" in faults["predictions.csv", "all"]
    assert "invalid literal" in faults["history.csv", "all"]


def test_a_run_of_the_first_version_is_replayed(tmp_path: Path) -> None:
    old = finished_run(tmp_path)
    assert replay(old).faults == []
    change(old / "metrics.json", r'"best_epoch": \d', '"best_epoch": 1')
    assert {fault.file for fault in replay(old).faults} == {"metrics.json"}


def test_what_is_no_finished_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"there is no folder {tmp_path}/none"):
        replay(tmp_path / "none")
    with pytest.raises(UserError, match=f"{tmp_path} is not a run directory"):
        replay(tmp_path)
    (tmp_path / "run.toml").write_text("seed = 0\n")
    with pytest.raises(UserError, match=f"{tmp_path} is interrupted"):
        replay(tmp_path)


def test_nothing_of_torch_and_no_plugin_is_needed(made: Path) -> None:
    lines = (
        "import sys; from pathlib import Path; from qplug.lab.capsule.replay import replay; "
        "assert not replay(Path(sys.argv[1])).faults; "
        "print([name for name in sys.modules if name == 'torch' or name.startswith('qplug_')])"
    )
    done = subprocess.run([sys.executable, "-c", lines, str(made)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_with_the_data_the_answers_come_out_again(run: Path) -> None:
    from qplug.lab.capsule.again import checks_with_data

    place = Workplace.from_environment()
    checks = list(checks_with_data(run, place, Silent()))
    assert {check.number.partition(":")[0] for check in checks if ":" in check.number} == {"validation", "test"}
    assert "training.parameters.quantum" in {check.number for check in checks}
    assert [check for check in checks if not check.holds] == []


@pytest.fixture
def answers() -> Callable[..., tuple[Answers, Any, Any]]:
    def draw(n_classes: int, seed: int, scale: float) -> tuple[Answers, Any, Any]:
        import torch

        generator = np.random.default_rng(seed)
        logits = torch.from_numpy(generator.normal(0, scale, (40, n_classes)))
        labels = torch.from_numpy(generator.integers(0, n_classes, 40))
        rounded = np.round(torch.softmax(logits, 1).numpy(), 6)
        found = Answers(labels.numpy(), logits.argmax(1).numpy(), rounded, np.full(rounded.shape, 5e-7), "")
        return found, labels, logits

    return draw


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_scores_are_those_by_which_runs_are_judged(
    answers: Callable[..., tuple[Answers, Any, Any]], n_classes: int, scale: float
) -> None:
    from qplug.lab.judging.metrics import metrics

    classes = [f"c{k}" for k in range(n_classes)]
    for seed in range(5):
        found, labels, logits = answers(n_classes, seed, scale)
        wanted = metrics(labels, logits, classes)
        told = counted(found, classes)
        assert told["confusion"] == wanted["confusion"]
        for label in classes:
            assert told["per_class"][label] == pytest.approx(wanted["per_class"][label])
        for name in ("n", "accuracy", "accuracy_interval", "balanced_accuracy", "macro_f1", "precision"):
            assert told[name] == pytest.approx(wanted[name]), name
        limits = ranges(found)
        assert set(limits) == {"cross_entropy", "expected_calibration_error"} | (
            {"roc_auc", "average_precision"} if n_classes == 2 else set()
        )
        for name, (least, greatest) in limits.items():
            assert least - 1e-12 <= wanted[name] <= greatest + 1e-12, name
