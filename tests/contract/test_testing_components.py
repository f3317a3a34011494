"""The conformance checks pass honest components and catch each broken promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
import torch
from pydantic import Field
from torch import nn

from qplug.contract.interfaces import (
    INTERFACE,
    Backbone,
    BackboneCapabilities,
    Head,
    HeadCapabilities,
    Reducer,
    ReducerCapabilities,
    TrainingPart,
)
from qplug.testing.components import (
    check_backbone,
    check_component,
    check_head,
    check_reducer,
)
from qplug.testing.trials import training_part


class Flat(Backbone):
    """An honest backbone."""

    summary = "one layer"
    capabilities = BackboneCapabilities(interface=1)

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(5))


class Mean(Reducer):
    """An honest reducer that takes off the training mean."""

    summary = "centred inputs"
    capabilities = ReducerCapabilities(interface=1, fitted=True)

    def fit(self, training: TrainingPart, n_outputs: int) -> None:
        self.mean = training.inputs.mean(dim=0)

    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        layer = nn.Linear(n_inputs, n_outputs)
        layer.weight.data = torch.eye(n_inputs)[:n_outputs]
        mean = getattr(self, "mean", torch.zeros(n_inputs))  # not fitted where a finished run is opened
        layer.bias.data = -mean[:n_outputs]
        return layer


class Layer(Head):
    """An honest head."""

    summary = "one layer"
    capabilities = HeadCapabilities(interface=1)

    def __init__(self, *, bias: Annotated[bool, Field(description="whether there is one")] = True) -> None:
        self.bias = bias

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        return nn.Linear(n_inputs, n_classes, bias=self.bias)


def test_honest_components_pass() -> None:
    check_backbone(Flat(), (1, 4, 3))
    check_reducer(Mean(), 6)
    check_head(Layer(bias=False), n_inputs=4, n_classes=5)


class ImportedInterface(Layer):
    capabilities = HeadCapabilities(interface=INTERFACE)


class OldInterface(Layer):
    capabilities = HeadCapabilities(interface=99)


class NoSummary(Layer):
    summary = ""


class Positional(Layer):
    def __init__(self, bias: Annotated[bool, Field(description="x")] = True) -> None:
        self.bias = bias


class NoDefault(Layer):
    def __init__(self, *, bias: Annotated[bool, Field(description="x")]) -> None:
        self.bias = bias


class NoDescription(Layer):
    def __init__(self, *, bias: bool = True) -> None:
        self.bias = bias


class NotStored(Layer):
    def __init__(self, *, other: Annotated[int, Field(description="x")] = 3) -> None:
        self.bias = other > 2


class TwoKinds(Layer):
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"bare": {"bias": False}, "full": {"bias": "true"}}


class PresetOfNothing(Layer):
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"wide": {"width": 3}}


class PresetOutOfRange(Layer):
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {"bare": {"bias": 3}}


class ParameterCalledPreset(Layer):
    def __init__(self, *, preset: Annotated[str, Field(description="x")] = "") -> None:
        self.preset = preset


def test_presets_that_can_be_used_pass() -> None:
    check_component(TwoKinds())


@pytest.mark.parametrize(
    ("make", "broken"),
    [
        (PresetOfNothing, "PresetOfNothing's preset 'wide' cannot be used: no parameter .* is called 'width'"),
        (PresetOutOfRange, "PresetOutOfRange's preset 'bare' cannot be used: .*bias .*; got 3"),
        (ParameterCalledPreset, "ParameterCalledPreset calls a parameter 'preset'"),
        (ImportedInterface, "ImportedInterface: write the interface version as a number: interface=1"),
        (OldInterface, "OldInterface declares interface 99"),
        (NoSummary, "NoSummary has no summary"),
        (Positional, "Positional takes 'bias' by position"),
        (lambda: NoDefault(bias=True), "NoDefault has no default for 'bias'"),
        (NoDescription, "NoDescription's parameter 'bias' has no description"),
        (NotStored, "NotStored's parameter 'other' is not stored"),
    ],
)
def test_a_component_that_breaks_a_promise_is_caught(make: Callable[[], Head], broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_component(make())


class Image4D(Flat):
    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return nn.Conv2d(1, 2, 1)


class _BatchCentred(nn.Linear):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs - inputs.mean(dim=0))


class Peeking(Flat):
    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Flatten(), _BatchCentred(12, 5))


class _Hidden(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.randn(12, 5)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.flatten(1) @ self.weight


class Hidden(Flat):
    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return _Hidden()


class _Unused(nn.Linear):
    def __init__(self) -> None:
        super().__init__(12, 5)
        self.spare = nn.Parameter(torch.zeros(3))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs.flatten(1))


class Unused(Flat):
    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        return _Unused()


class Growing(Flat):
    def load_weights(self, module: nn.Module, path: Path | None) -> None:
        module.register_buffer("learnt", torch.ones(3))


@pytest.mark.parametrize(
    ("make", "broken"),
    [
        (Growing, r"Growing\.load_weights changes which weights there are"),
        (Image4D, r"Image4D's module gave \(6, 2, 4, 3\)"),
        (Peeking, "Peeking's module, in evaluation, gives a sample other outputs alone than in a batch"),
        (Hidden, "Hidden's module gives other outputs after load_state_dict"),
        (Unused, "Unused's parameter 'spare' gets no gradient"),
    ],
)
def test_a_backbone_that_breaks_a_promise_is_caught(make: Callable[[], Backbone], broken: str) -> None:
    with pytest.raises(AssertionError, match=broken):
        check_backbone(make(), (1, 4, 3))


class Wide(Mean):
    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        return nn.Linear(n_inputs, n_outputs + 1)


def test_a_reducer_of_another_width_is_caught() -> None:
    with pytest.raises(AssertionError, match="Wide promised 6 outputs and gave 7"):
        check_reducer(Wide(), 6)


class Circuitous(Layer):
    capabilities = HeadCapabilities(interface=1, quantum=True)


def test_a_quantum_head_is_sent_to_its_own_checks() -> None:
    with pytest.raises(AssertionError, match=r"Circuitous is a quantum head: .* qplug\.testing\.equivalence"):
        check_head(Circuitous())


def test_the_made_up_training_part_repeats() -> None:
    one, two = training_part(4, 3), training_part(4, 3)
    torch.testing.assert_close(one.inputs, two.inputs, rtol=0, atol=0)
    assert one.inputs.shape == (60, 4)
    assert sorted(set(one.labels.tolist())) == [0, 1, 2]
