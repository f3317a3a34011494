"""The head first, then everything: two phases that survive interruptions, and leave alone what is frozen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qplug.contract.errors import ConfigError, ParameterError
from qplug.lab.config.training import TrainingOptions
from qplug.lab.training import checkpoint
from qplug.lab.training.fit import HeadFirst, fit
from qplug.lab.training.progress import Fitted


class Model(nn.Module):
    """A backbone whose first layer is frozen and whose norm is not, and a head."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.front = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6))
            self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(6, 3))
        self.front[0].requires_grad_(False)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(self.front(inputs))
        return logits


def parts(seed: int = 0) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(150, 4, generator=generator)
    labels = (inputs @ torch.randn(4, 3, generator=generator)).argmax(dim=1)
    return (inputs[:100], labels[:100]), (inputs[100:], labels[100:])


class Stop(Exception):
    """Ends a training from within, as a crash would."""


def train(folder: Path, model: Model | None = None, *, stop_after: int = 0, **changes: Any) -> Fitted:
    model = model or Model()
    extra = {key: changes.pop(key) for key in ("resume", "on_epoch", "on_step", "quantum_parameters") if key in changes}
    options = TrainingOptions.model_validate(
        {"epochs": 4, "head_epochs": 3, "batch_size": 16, "learning_rate": 0.02, **changes}
    )

    def stop(epoch: int, row: Mapping[str, float]) -> None:
        if epoch == stop_after:
            raise Stop

    training, validation = parts()
    with torch.no_grad():
        front = model.front.eval()
        head_first = HeadFirst(model.head, front(training[0]), front(validation[0]))
    return fit(
        model, training, validation, n_classes=3, options=options, seed=1, checkpoints=folder, device="cpu",
        head_first=head_first if options.head_epochs else None, **{"on_epoch": stop, **extra},
    )  # fmt: skip


def numbers(fitted: Fitted) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in fitted.history]


def copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_history_counts_on_and_tells_the_phase(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    steps: list[tuple[int, int]] = []
    fitted = train(
        tmp_path,
        on_epoch=lambda epoch, row: told.append((epoch, row["phase"])),
        on_step=lambda done, total: steps.append((done, total)),
    )
    expected = [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2), (7, 2)]
    assert [(row["epoch"], row["phase"]) for row in fitted.history] == expected
    assert told == expected
    assert steps == [(done, 49) for done in range(1, 50)]
    losses = [row["validation_cross_entropy"] for row in fitted.history]
    assert fitted.best_epoch == 4 + losses[3:].index(min(losses[3:]))
    assert fitted.seconds == pytest.approx(sum(row["seconds"] for row in fitted.history))


def test_only_the_head_learns_first_and_what_is_frozen_never_does(tmp_path: Path) -> None:
    model = Model()
    before, head_before = copied(model.front), copied(model.head)
    seen: list[tuple[bool, bool]] = []

    def look(epoch: int, row: Mapping[str, float]) -> None:
        seen.append((same(before, model.front.state_dict()), same(head_before, model.head.state_dict())))

    train(tmp_path, model, on_epoch=look)
    assert seen == [(True, False)] * 3 + [(False, False)] * 4
    frozen, free = model.front[0], model.front[3]
    assert same({"0.weight": before["0.weight"]}, {"0.weight": frozen.weight})
    assert not torch.equal(free.weight, before["3.weight"])
    assert [parameter.requires_grad for parameter in frozen.parameters()] == [False, False]


def test_the_second_phase_begins_with_the_best_head_of_the_first(tmp_path: Path) -> None:
    model = Model()
    with pytest.raises(Stop):
        train(tmp_path, model, stop_after=4, epochs=1, learning_rate=1e-12, head_epochs=3)
    best = checkpoint.load(tmp_path / "head" / "best.ckpt")["model"]
    for name, value in best.items():
        assert torch.allclose(model.head.state_dict()[name], value, atol=1e-8)


@pytest.mark.parametrize("after", [1, 3, 4, 6])
def test_both_phases_go_on_after_an_interruption_with_the_same_numbers(tmp_path: Path, after: int) -> None:
    whole, resumed = Model(), Model()
    expected = train(tmp_path / "whole", whole)
    with pytest.raises(Stop):
        train(tmp_path / "torn", stop_after=after)
    fitted = train(tmp_path / "torn", resumed, resume=True)
    assert numbers(fitted) == numbers(expected)
    assert fitted.best_epoch == expected.best_epoch
    assert same(whole.state_dict(), resumed.state_dict())


def test_a_new_training_forgets_both_phases_of_the_old_one(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(Stop):
        train(tmp_path, stop_after=1)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.ckpt")} == {
        "head/best.ckpt",
        "head/last.ckpt",
    }


def test_the_phases_cannot_be_changed_on_the_way(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(ConfigError, match=r"training\.epochs was 3 and is 5"):
        train(tmp_path, resume=True, head_epochs=5)


def test_a_head_by_itself_is_needed(tmp_path: Path) -> None:
    training, validation = parts()
    options = TrainingOptions(head_epochs=2)
    with pytest.raises(ParameterError, match=r"training\.head_epochs is 2"):
        fit(Model(), training, validation, n_classes=3, options=options, seed=0, checkpoints=tmp_path)


def test_quantum_parameters_of_the_head_keep_their_own_pace_in_both_phases(tmp_path: Path) -> None:
    model = Model()
    before = model.head[1].weight.clone()
    fitted = train(tmp_path, model, quantum_parameters=["head.1.weight"], quantum_learning_rate=1e-12)
    assert torch.allclose(model.head[1].weight, before, atol=1e-9)
    assert all(row["gradient_norm_quantum"] > 0 for row in fitted.history)
