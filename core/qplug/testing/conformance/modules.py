"""What holds for the torch module that a backbone, a reducer or a head builds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from qplug.testing.conformance.check import Act, Skipped, require
from qplug.testing.conformance.travel import pickled, reseed
from qplug.testing.trials import normal

if TYPE_CHECKING:
    from torch import Tensor, nn

    from qplug.contract.interfaces import TrainingPart

_STEP = 1e-8
"""Small, since networks have kinks: the fewer of them lie between the two ends, the better."""
_AWAY = 0.01


@dataclass
class Built:
    """A component's module, what it is given, and what it gives.

    Attributes:
        name: the component's class.
        build: makes the module; for a fitted component, ``fit`` comes first.
        inputs: (batch, …), float32.
        trainable: whether it is trained by gradients.
        fit: for a fitted component, its ``fit``.
        training: what it is fitted on.
        other: a smaller part of other samples.
    """

    name: str
    build: Callable[[], nn.Module]
    inputs: Tensor
    trainable: bool
    fit: Callable[[TrainingPart], None] | None = None
    training: TrainingPart | None = None
    other: TrainingPart | None = None

    def made(self, seed: int) -> nn.Module:
        """A module whose parameters were drawn with that seed; it has seen a batch, which some layers need."""
        import torch

        reseed(seed)
        if self.fit is not None and self.training is not None:
            self.fit(self.training)
        module = self.build().eval()
        with torch.no_grad():
            module(self.inputs.clone())
        return module

    @cached_property
    def module(self) -> nn.Module:
        """One that all checks share, which leave it as it is."""
        return self.made(0)

    @cached_property
    def outputs(self) -> Tensor:
        """What it gives in evaluation."""
        return self.of(self.module)

    def of(self, module: nn.Module, inputs: Tensor | None = None) -> Tensor:
        """What a module gives in evaluation."""
        import torch

        with torch.no_grad():
            outputs: Tensor = module.eval()(self.inputs.clone() if inputs is None else inputs)
        return outputs


def module_checks(built: Built) -> Iterator[tuple[str, Act]]:
    """The checks of any component that builds a module, by name."""
    yield "outputs", lambda: _outputs(built)
    yield "batch-of-one", lambda: _batch_of_one(built)
    yield "empty-batch", lambda: _empty_batch(built)
    yield "inputs-unchanged", lambda: _inputs_unchanged(built)
    yield "saved-weights", lambda: _saved_weights(built)
    yield "module-copies", lambda: _copies(built)
    if built.fit is not None:
        yield "fit-inputs-unchanged", lambda: _fit_leaves_inputs(built)
        yield "fit-repeats", lambda: _fit_repeats(built)
    if built.trainable:
        yield "seed", lambda: _seed(built)
        yield "gradients", lambda: _gradients(built)
        yield "gradient-values", lambda: _gradient_values(built)


def _outputs(built: Built) -> None:
    import torch

    outputs, name = built.outputs, built.name
    require(isinstance(outputs, torch.Tensor), f"{name}'s module gave a {type(outputs).__name__}, no tensor")
    two = outputs.ndim == 2 and len(outputs) == len(built.inputs)
    require(two, f"{name}'s module gave {tuple(outputs.shape)}")
    require(outputs.dtype == torch.float32, f"{name}'s module gave {outputs.dtype}, not float32")
    require(bool(torch.isfinite(outputs).all()), f"{name}'s module gave values that are not finite")


def _batch_of_one(built: Built) -> None:
    import torch

    singly = torch.cat([built.of(built.module, one[None]) for one in built.inputs])
    together = torch.allclose(built.outputs, singly, rtol=1e-4, atol=1e-5)
    require(together, f"{built.name}'s module, in evaluation, gives a sample other outputs alone than in a batch")


def _empty_batch(built: Built) -> None:
    got, wanted = tuple(built.of(built.module, built.inputs[:0]).shape), (0, built.outputs.shape[1])
    require(got == wanted, f"{built.name}'s module gives {got} for an empty batch, not {wanted}")


def _inputs_unchanged(built: Built) -> None:
    import torch

    inputs = built.inputs.clone()
    built.of(built.module, inputs)
    require(torch.equal(inputs, built.inputs), f"{built.name}'s module changes the inputs that it is given")


def _saved_weights(built: Built) -> None:
    import torch

    other = built.made(1)
    other.load_state_dict(built.module.state_dict())
    same = torch.equal(built.of(other), built.outputs)
    require(same, f"{built.name}'s module gives other outputs after load_state_dict")


def _copies(built: Built) -> str:
    import torch
    from torch.nn.utils.parametrize import is_parametrized

    deep = copy.deepcopy(built.module)
    require(torch.equal(built.of(deep), built.outputs), f"a copy of {built.name}'s module gives other outputs")
    sendable = not any(map(is_parametrized, built.module.modules()))
    sent = pickled(built.module) if sendable else deep
    require(torch.equal(built.of(sent), built.outputs), f"a pickled copy of {built.name}'s module gives other outputs")
    before = {key: value.clone() for key, value in built.module.state_dict().items()}
    with torch.no_grad():
        for parameter in deep.parameters():
            parameter.add_(1)
    alone = all(torch.equal(value, before[key]) for key, value in built.module.state_dict().items())
    require(alone, f"a deep copy of {built.name}'s module shares its parameters with the original")
    return "" if sendable else "torch pickles no module whose weights are parametrised"


def _fit_leaves_inputs(built: Built) -> None:
    import torch

    training, fit = _fitting(built)
    inputs, labels = training.inputs.clone(), training.labels.clone()
    fit(training)
    same = torch.equal(inputs, training.inputs) and torch.equal(labels, training.labels)
    require(same, f"{built.name}.fit changes the training part that it is given")


def _fit_repeats(built: Built) -> None:
    """Other random numbers in the process, and other samples in between, change nothing."""
    import torch

    outputs = built.outputs
    again = built.of(built.made(1))
    same = again.shape == outputs.shape and torch.allclose(again, outputs, rtol=1e-4, atol=1e-5)
    require(same, f"{built.name}.fit gives other outputs the second time; random numbers must come of training.seed")
    if built.other is None:
        return
    _, fit = _fitting(built)
    fit(built.other)
    again = built.of(built.made(2))
    same = again.shape == outputs.shape and torch.allclose(again, outputs, rtol=1e-4, atol=1e-5)
    require(same, f"{built.name}.fit depends on what it was fitted on before")


def _fitting(built: Built) -> tuple[TrainingPart, Callable[[TrainingPart], None]]:
    if built.fit is None or built.training is None:
        raise Skipped("it is not fitted")
    return built.training, built.fit


def _seed(built: Built) -> None:
    import torch

    one, two = built.module.state_dict(), built.made(0).state_dict()
    differ = [key for key in one if key not in two or not torch.equal(one[key], two[key])]
    require(not differ, f"{built.name} built twice after the same torch.manual_seed differs in {', '.join(differ)}")


def _gradients(built: Built) -> None:
    """Every trainable parameter and the inputs must feel the loss."""
    module = copy.deepcopy(built.module).train()
    features = built.inputs.clone().requires_grad_()
    outputs = module(features)
    require(outputs.requires_grad, f"{built.name}'s module cuts its outputs off from its parameters: no gradient")
    (outputs * normal(tuple(outputs.shape), seed=2)).sum().backward()
    require(features.grad is not None, f"{built.name}'s module passes no gradient on to its inputs")
    parameters = [(key, parameter) for key, parameter in module.named_parameters() if parameter.requires_grad]
    require(len(parameters) > 0, f"{built.name} is to be trained, but its module has no trainable parameter")
    for key, parameter in parameters:
        require(parameter.grad is not None, f"{built.name}'s parameter {key!r} gets no gradient")


def _gradient_values(built: Built) -> None:
    """In double precision, along one random direction of all parameters and inputs, against a central difference."""
    import torch

    module = copy.deepcopy(built.module).double().eval()
    inputs = built.inputs.double().requires_grad_()
    moved = [inputs, *(parameter for parameter in module.parameters() if parameter.requires_grad)]
    mixture = normal(tuple(built.outputs.shape), seed=2).double()
    with torch.no_grad():  # away from where it was made: biases of zero put rectifiers right onto their kinks
        for index, parameter in enumerate(moved[1:]):
            parameter.add_(_AWAY * normal(tuple(parameter.shape), seed=1000 + index).double())
    directions = [normal(tuple(each.shape), seed=3 + index).double() for index, each in enumerate(moved)]
    slopes = torch.autograd.grad((module(inputs) * mixture).sum(), moved, allow_unused=True)
    told = sum(float((s * d).sum()) for s, d in zip(slopes, directions, strict=True) if s is not None)
    ends = []
    with torch.no_grad():
        for step in (_STEP, -_STEP):
            for each, direction in zip(moved, directions, strict=True):
                each.add_(step * direction)
            ends.append(float((module(inputs) * mixture).sum()))
            for each, direction in zip(moved, directions, strict=True):
                each.sub_(step * direction)
    right = (ends[0] - ends[1]) / (2 * _STEP)
    near = abs(told - right) <= 1e-3 * max(1.0, abs(right), abs(told))
    require(near, f"{built.name}'s gradient is {told:.6g} where its values change by {right:.6g}")
