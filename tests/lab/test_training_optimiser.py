"""Circuit parameters are trained with their own step size and without decay."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from qplug.contract.errors import NotSupported, UnknownName
from qplug.lab.config.training import TrainingOptions
from qplug.lab.training.optimiser import optimiser, quantum_parameters, trainable


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, 2)
        self.circuit = nn.Linear(2, 2, bias=False)


def test_parameters_fall_into_two_groups_by_name_or_beginning() -> None:
    model = Half()
    classical, quantum = trainable(model, ["circuit"])
    assert [id(p) for p in quantum] == [id(model.circuit.weight)]
    assert len(classical) == 2
    assert len(trainable(model, ["encoder.bias", "circuit.weight"])[1]) == 2


def test_frozen_parameters_are_in_no_group() -> None:
    model = Half()
    model.encoder.requires_grad_(False)
    assert [len(group) for group in trainable(model, ["circuit"])] == [0, 1]


def test_a_name_that_fits_nothing_is_refused_with_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"no parameter of the model is called 'circuit\.wieght'.*'circuit\.weight'"):
        trainable(Half(), ["circuit.wieght"])


def test_a_model_without_trainable_parameters_is_refused() -> None:
    with pytest.raises(NotSupported, match="no trainable parameters"):
        trainable(nn.Sequential(nn.ReLU()), [])


def test_a_classical_model_has_no_quantum_parameters() -> None:
    assert quantum_parameters(Half()) == []


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_each_optimiser_gets_step_sizes_and_decay_by_group(name: str, kind: type) -> None:
    options = TrainingOptions.model_validate(
        {"optimiser": name, "learning_rate": 0.01, "quantum_learning_rate": 0.5, "weight_decay": 0.1, "momentum": 0.7}
    )
    classical, quantum = trainable(Half(), ["circuit"])
    made = optimiser(classical, quantum, options)
    assert type(made) is kind
    assert [(group["peak"], group["weight_decay"]) for group in made.param_groups] == [(0.01, 0.1), (0.5, 0.0)]
    if name == "sgd":
        assert made.param_groups[0]["momentum"] == 0.7


def test_a_backbone_that_learns_gets_its_own_step_size() -> None:
    model = Half()
    classical, quantum = trainable(model, ["circuit"])
    options = TrainingOptions(learning_rate=0.02, backbone_learning_rate=0.001, weight_decay=0.1)
    made = optimiser(classical, quantum, options, backbone=classical[:1])
    assert [(group["lr"], len(group["params"])) for group in made.param_groups] == [
        (0.02, len(classical) - 1),
        (0.001, 1),
        (0.02, len(quantum)),
    ]
    assert made.param_groups[1]["params"][0] is classical[0]
    assert [group["weight_decay"] for group in made.param_groups] == [0.1, 0.1, 0.0]


def test_without_an_own_step_size_circuits_get_the_common_one() -> None:
    classical, quantum = trainable(Half(), ["circuit"])
    made = optimiser(classical, quantum, TrainingOptions(learning_rate=0.02))
    assert [group["lr"] for group in made.param_groups] == [0.02, 0.02]


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_all_tensors_in_one_call_get_the_numbers_of_one_by_one(name: str, memory_format: torch.memory_format) -> None:
    options = TrainingOptions.model_validate({"optimiser": name, "learning_rate": 0.03, "weight_decay": 0.01})
    first, second = (nn.Conv2d(3, 4, 3).to(memory_format=memory_format) for _ in range(2))  # type: ignore[call-overload]
    second.load_state_dict(first.state_dict())
    at_once = optimiser(list(first.parameters()), [], options)
    one_by_one = type(at_once)(second.parameters(), lr=0.03, weight_decay=0.01, foreach=False)
    assert at_once.param_groups[0]["foreach"]
    for step in range(5):
        for model, made in ((first, at_once), (second, one_by_one)):
            made.zero_grad()
            model(torch.linspace(-2, step + 1.0, 3 * 36).reshape(1, 3, 6, 6)).square().sum().backward()
            made.step()
    assert all(torch.equal(*pair) for pair in zip(first.parameters(), second.parameters(), strict=True))
