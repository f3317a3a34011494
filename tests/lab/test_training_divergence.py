"""A training whose numbers cease to be finite says where, and what to lower."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from qplug.contract.errors import QplugError, UserError
from qplug.lab.config.training import TrainingOptions
from qplug.lab.pipeline.classifier import Classifier, Front, WeightedSum
from qplug.lab.training.fit import fit


class Explodes(nn.Module):
    """Finite for one call, infinite from the second on."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, values: Tensor) -> Tensor:
        self.calls += 1
        return values if self.calls == 1 else values * math.inf


class Refuses(nn.Module):
    """What a backend does with angles that are not finite."""

    def forward(self, angles: Tensor) -> Tensor:
        if not torch.isfinite(angles).all():
            raise UserError("encoding angles must be finite")
        return angles


class Root(nn.Module):
    """At zero its value is finite and its slope is not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))

    def forward(self, values: Tensor) -> Tensor:
        return values + self.weight.abs().sqrt()


def classifier(backbone: nn.Module, reducer: nn.Module, head: nn.Module) -> Classifier:
    branches = WeightedSum([nn.Sequential(reducer, head)], [1.0], learn_weights=False)
    return Classifier(Front(nn.Identity(), backbone), branches, frozen_front=False)


def train(model: nn.Module, folder: Path, inputs: Tensor | None = None, **options: object) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(32, 3, generator=generator) if inputs is None else inputs
    part = (values, torch.arange(32) % 3)
    chosen = TrainingOptions.model_validate({"epochs": 2, "batch_size": 8, "learning_rate": 0.02, **options})
    fit(model, part, part, n_classes=3, options=chosen, seed=0, checkpoints=folder, device="cpu")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (0, r"output of the backbone, in front\.backbone\.1 \(Explodes\), where numbers up to .* went in\. "
            r"Lower training\.backbone_learning_rate \(now 0\.003\)"),
        (1, r"output of the reducer, in branches\.branches\.0\.0\.1 \(Explodes\).* Lower training\.learning_rate "),
        (2, r"output of the head, in branches\.branches\.0\.1\.1 \(Explodes\).* Lower training\.learning_rate \(now 0"),
    ],
)  # fmt: skip
def test_the_first_part_that_is_not_finite_is_named_with_its_setting(place: int, words: str, tmp_path: Path) -> None:
    layers = [nn.Sequential(nn.Linear(3, 3), Explodes() if place == number else nn.ReLU()) for number in range(3)]
    layers[2].append(Refuses())
    with pytest.raises(QplugError, match=words):
        train(classifier(*layers), tmp_path, backbone_learning_rate=0.003)


def test_a_gradient_is_looked_at_before_it_spoils_the_weights(tmp_path: Path) -> None:
    model = classifier(nn.Linear(3, 3), nn.Identity(), nn.Sequential(Root(), nn.Linear(3, 3)))
    words = r"the gradient became nan in epoch 1.* gradient of the head, in branches\.branches\.0\.1\.0 \(Root\)"
    with pytest.raises(QplugError, match=words):
        train(model, tmp_path)
    assert all(bool(torch.isfinite(value).all()) for value in model.parameters())


def test_inputs_that_are_not_finite_are_no_fault_of_the_step_size(tmp_path: Path) -> None:
    inputs = torch.zeros(32, 3)
    inputs[7] = math.nan
    with pytest.raises(QplugError, match=r"loss became nan in epoch 1.*The inputs themselves are not finite"):
        train(nn.Linear(3, 3), tmp_path, inputs)


def test_clipping_is_advised_only_where_there_is_none(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3), Explodes())
    with pytest.raises(QplugError, match=r"in 1 \(Explodes\).*\(now 0\.02\), or check that the inputs"):
        train(model, tmp_path, gradient_clip=1.0)
