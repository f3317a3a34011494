"""Several seeds in one pass: the numbers of each training by itself, whatever it does on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from qplug.contract.errors import QplugError
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.training import TrainingOptions
from qplug.lab.pipeline.classifier import Branch, WeightedSum
from qplug.lab.training.fit import fit
from qplug.lab.training.progress import Fitted
from qplug.lab.training.stacked import cross_entropies
from qplug.lab.training.together import Lane, fit_together, why_not_together
from qplug_models.heads import Mlp
from qplug_pennylane.pqc import Pqc
from qplug_torch.backend import Torch

N_CLASSES, N_FEATURES, N_TRAINING = 3, 6, 50
SEEDS = (3, 11, 4)
CLOSE = 1e-5

Part = tuple[Tensor, Tensor]


def data(seed: int, n: int = N_TRAINING) -> tuple[Part, Part]:
    """Other parts for each seed: n of training, 30 of validation, the third class rare."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n + 30, N_FEATURES, generator=generator)
    slopes = torch.randn(N_FEATURES, N_CLASSES, generator=torch.Generator().manual_seed(5))
    noise = 0.5 * torch.randn(n + 30, N_CLASSES, generator=generator)
    labels = (inputs @ slopes + noise - torch.tensor([0.0, 0.0, 2.0])).argmax(dim=1)
    return (inputs[:n], labels[:n]), (inputs[n:], labels[n:])


def seeded(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def quantum() -> nn.Module:
    head = QuantumModule(Pqc(n_qubits=2, n_layers=1), Torch(), 2, N_CLASSES)
    return WeightedSum([Branch(nn.Linear(N_FEATURES, 2), head, 2, N_CLASSES)], [1.0], learn_weights=False)


def classical() -> nn.Module:
    head = Mlp(hidden=(5,), batch_norm=True).build(N_FEATURES, N_CLASSES)
    return WeightedSum([Branch(nn.Identity(), head, N_FEATURES, N_CLASSES)], [1.0], learn_weights=False)


def two_branches() -> nn.Module:
    branches: list[nn.Module] = [*quantum().branches, *classical().branches]  # type: ignore[misc]
    return WeightedSum(branches, [0.3, 0.7], learn_weights=True)


def options(**changes: Any) -> TrainingOptions:
    return TrainingOptions.model_validate({"epochs": 6, "batch_size": 12, "learning_rate": 0.02, **changes})


def lanes(make: Callable[[], nn.Module], seeds: tuple[int, ...] = SEEDS) -> list[Lane]:
    return [Lane(seeded(seed, make), *data(seed), seed) for seed in seeds]


def one_by_one(given: list[Lane], chosen: TrainingOptions, folder: Path) -> list[tuple[nn.Module, Fitted]]:
    found = []
    for lane in given:
        model = copy.deepcopy(lane.model)
        fitted = fit(
            model, lane.training, lane.validation, n_classes=N_CLASSES, options=chosen, seed=lane.seed,
            checkpoints=folder / str(lane.seed), device="cpu",
        )  # fmt: skip
        found.append((model, fitted))
    return found


def probabilities(model: nn.Module, lane: Lane) -> Tensor:
    with torch.no_grad():
        return torch.softmax(model(lane.validation[0]), dim=1)


def check_row(row: Mapping[str, float], single: Mapping[str, float]) -> None:
    for name in row.keys() - {"seconds"}:
        norm = name.startswith("gradient_norm")  # a norm before clipping may be large, and says nothing of the model
        assert row[name] == pytest.approx(single[name], abs=CLOSE, rel=1e-3 if norm else 0), (row["epoch"], name)


def check_equal(given: list[Lane], chosen: TrainingOptions, folder: Path) -> list[Fitted]:
    expected = one_by_one(given, chosen, folder)
    assert why_not_together(given, n_classes=N_CLASSES, options=chosen) is None
    together = fit_together(given, n_classes=N_CLASSES, options=chosen)
    for lane, found, (model, alone) in zip(given, together, expected, strict=True):
        assert isinstance(found, Fitted)
        assert (found.best_epoch, found.stopped_early) == (alone.best_epoch, alone.stopped_early)
        assert [list(row) for row in found.history] == [list(row) for row in alone.history]
        for row, single in zip(found.history, alone.history, strict=True):
            check_row(row, single)
        torch.testing.assert_close(probabilities(lane.model, lane), probabilities(model, lane), atol=CLOSE, rtol=0)
        for name, value in model.state_dict().items():
            torch.testing.assert_close(lane.model.state_dict()[name], value, atol=2e-4, rtol=1e-3)
        assert not any(module.training for module in lane.model.modules())
        assert all(parameter.grad is None for parameter in lane.model.parameters())
    return [found for found in together if isinstance(found, Fitted)]


# Steps at which one rounding more in the first weights moves no loss of a training by itself by more than a tenth of
# CLOSE. At 0.05 it moves one of these three by 2e-5 in six epochs, and no way of computing could be told from another.
CASES = {
    "a circuit": (quantum, {"quantum_learning_rate": 0.01, "optimiser": "adamw", "weight_decay": 0.1}),
    "a perceptron": (classical, {"class_weights": True, "label_smoothing": 0.1, "schedule": "cosine"}),
    "two branches": (two_branches, {"optimiser": "sgd", "gradient_clip": 0.3, "monitor": "macro_f1"}),
}


@pytest.mark.parametrize("case", CASES)
def test_trainings_in_one_pass_give_the_numbers_of_each_by_itself(case: str, tmp_path: Path) -> None:
    make, changes = CASES[case]
    check_equal(lanes(make), options(**changes), tmp_path)


def test_each_stops_at_its_own_epoch_and_keeps_its_best(tmp_path: Path) -> None:
    changes = {"epochs": 14, "patience": 2, "schedule": "constant", "monitor": "accuracy", "learning_rate": 0.05}
    fitted = check_equal(lanes(classical), options(**changes), tmp_path)
    ends = [len(each.history) for each in fitted]
    assert len(set(ends)) == len(SEEDS), f"they must stop at different epochs for this to mean anything: {ends}"


def test_one_that_diverges_says_so_and_leaves_the_others_alone(tmp_path: Path) -> None:
    given, chosen = lanes(classical), options()
    inputs = given[1].training[0]
    assert isinstance(inputs, Tensor)
    inputs[7, 0] = torch.nan
    expected = one_by_one([given[0], given[2]], chosen, tmp_path)
    with pytest.raises(QplugError) as alone:
        one_by_one([given[1]], chosen, tmp_path)
    first, second, third = fit_together(given, n_classes=N_CLASSES, options=chosen)
    assert str(second) == str(alone.value)
    for found, (_, single) in zip((first, third), expected, strict=True):
        assert isinstance(found, Fitted)
        assert found.history[-1]["validation_cross_entropy"] == pytest.approx(
            single.history[-1]["validation_cross_entropy"], abs=CLOSE
        )


def test_each_is_told_of_its_own_epochs() -> None:
    told: list[tuple[int, int, float]] = []

    def teller(seed: int) -> Callable[[int, Mapping[str, float]], None]:
        return lambda epoch, row: told.append((seed, epoch, row["validation_cross_entropy"]))

    given = [
        Lane(each.model, each.training, each.validation, each.seed, teller(each.seed)) for each in lanes(classical)
    ]
    found = fit_together(given, n_classes=N_CLASSES, options=options(epochs=2))
    assert sorted(told) == sorted(
        (lane.seed, int(row["epoch"]), row["validation_cross_entropy"])
        for lane, each in zip(given, found, strict=True)
        for row in each.history  # type: ignore[union-attr]
    )


class Glancing(nn.Linear):
    """Looks at its values, which no transform can serve."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs if float(inputs.sum()) > 0 else -inputs)


class Hiding(nn.Linear):
    """Keeps a number where it is no buffer."""

    def __init__(self) -> None:
        super().__init__(N_FEATURES, N_CLASSES)
        self.factor = float(torch.rand(()))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.factor * super().forward(inputs)


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "dropout": (lambda: Mlp(hidden=(4,), dropout=0.2).build(N_FEATURES, N_CLASSES), "side by side what each"),
    "a look at values": (lambda: Glancing(N_FEATURES, N_CLASSES), "side by side what each"),
    "a number apart": (Hiding, "side by side what each"),
    "widths of its own": (lambda: nn.Linear(N_FEATURES, N_CLASSES, bias=bool(torch.rand(()) < 0.5)), "differ in shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_networks_that_would_learn_something_else_side_by_side_are_found_out(case: str) -> None:
    make, why = REFUSED[case]
    given = lanes(make)
    before = [copy.deepcopy(lane.model.state_dict()) for lane in given]
    assert why in str(why_not_together(given, n_classes=N_CLASSES, options=options()))
    for lane, state in zip(given, before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in lane.model.state_dict().items())


def test_parts_of_other_sizes_and_options_for_one_at_a_time_are_found_out() -> None:
    given = lanes(classical)
    longer = Lane(given[0].model, *data(0, N_TRAINING + 1), 0)
    assert "differ in size" in str(why_not_together([*given, longer], n_classes=N_CLASSES, options=options()))
    assert "training.devices" in str(why_not_together(given, n_classes=N_CLASSES, options=options(devices=2)))
    assert "there is none" in str(why_not_together([], n_classes=N_CLASSES, options=options()))
    alone = options(monitor="roc_auc")
    assert "'roc_auc'" in str(why_not_together(given, n_classes=N_CLASSES, options=alone))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_losses_of_all_are_torchs_loss_of_each(weighted: bool, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, weights = torch.randn(2, 7, 4, generator=generator), torch.rand(2, 4, generator=generator)
    labels = torch.randint(4, (2, 7), generator=generator)
    expected = [
        functional.cross_entropy(
            logits[number], labels[number], weight=weights[number] if weighted else None, label_smoothing=smoothing
        )
        for number in range(2)
    ]
    found = cross_entropies(logits, labels, weights if weighted else None, smoothing)
    torch.testing.assert_close(found, torch.stack(expected))
