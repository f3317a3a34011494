"""Where the numbers of a training ceased to be finite."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from qplug.contract.errors import QplugError
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.training import TrainingOptions
from qplug.lab.pipeline.classifier import Classifier, WeightedSum


@dataclass(frozen=True)
class Culprit:
    """The first component of a model, in the order of its computation, whose numbers are not finite.

    Attributes:
        name: the component's name in the model; empty for the inputs and for the model itself.
        kind: its class.
        what: ``"inputs"``, ``"weights"``, ``"gradient"`` or ``"output"``.
        largest: the largest number, by absolute value, that went into it, where that is known.
    """

    name: str
    kind: str
    what: str
    largest: float | None = None


def find_culprit(model: nn.Module, inputs: Tensor) -> Culprit | None:
    """What of the model is not finite for these inputs; None if all is.

    Args:
        model: computes once more, in the mode in which it is.
        inputs: (batch, …).
    """
    if not _finite(inputs):
        return Culprit("", "", "inputs")
    found: list[Culprit] = []
    hooks = [
        handle
        for name, part in model.named_modules()
        for handle in (
            part.register_forward_pre_hook(_look_at_weights(name, found)),
            part.register_forward_hook(_look_at_output(name, found)),
        )
    ]
    # A backend refuses angles that are not finite; by then the component that made them is found.
    with contextlib.suppress(Exception), torch.no_grad():
        model(inputs)
    for handle in hooks:
        handle.remove()
    return found[0] if found else None


def gradient_culprit(model: nn.Module) -> Culprit | None:
    """The component nearest to the inputs whose gradient is not finite; None if all are."""
    for name, part in model.named_modules():
        if any(each.grad is not None and not _finite(each.grad) for each in part.parameters(recurse=False)):
            return Culprit(name, type(part).__name__, "gradient")
    return None


def diverged(
    model: nn.Module, inputs: Tensor, what: str, value: float, epoch: int, options: TrainingOptions
) -> QplugError:
    """What to raise where a number that is watched is not finite.

    Args:
        model: as it was then, with its gradients where ``what`` is ``"gradient"``.
        inputs: what it saw last.
        what: ``"loss"`` or ``"gradient"``.
        value: the number.
        epoch: in which epoch, from 1.
        options: how it was trained.
    """
    culprit = (gradient_culprit(model) if what == "gradient" else None) or find_culprit(model, inputs)
    words = in_words(model, culprit, options)
    return QplugError(f"the {what} became {value} in epoch {epoch}: the training diverged. {words}")


def in_words(model: nn.Module, culprit: Culprit | None, options: TrainingOptions) -> str:
    """Two sentences: which component was the first without finite numbers, and what to lower."""
    if culprit is None:
        return _advice("training.learning_rate", options.learning_rate, options)
    if culprit.what == "inputs":
        return "The inputs themselves are not finite: look at the features and their normalisation."
    place, setting = _place(model, culprit.name)
    value = {
        "training.backbone_learning_rate": options.backbone_learning_rate,
        "training.quantum_learning_rate": options.quantum_learning_rate,
    }.get(setting)
    label = f"{culprit.name} ({culprit.kind})" if culprit.name else culprit.kind
    entered = "" if culprit.largest is None else f", where numbers up to {culprit.largest:.3g} went in"
    first = f"The first that is not finite is the {culprit.what} of {place}, in {label}{entered}. "
    return first + _advice(setting, value or options.learning_rate, options)


def _advice(setting: str, value: float, options: TrainingOptions) -> str:
    clip = "" if options.gradient_clip else ", set training.gradient_clip=1"
    return f"Lower {setting} (now {value:g}){clip}, or check that the inputs are normalised."


def _place(model: nn.Module, name: str) -> tuple[str, str]:
    """What a user calls the component of that name, and the setting of its step size."""
    in_classifier = isinstance(model, Classifier)
    if any(isinstance(part, QuantumModule) for path, part in model.named_modules() if path == name):
        return "the circuit", "training.quantum_learning_rate"
    if in_classifier and name.startswith("front"):
        normal = name.startswith("front.normalise")
        return ("the normalisation" if normal else "the backbone"), "training.backbone_learning_rate"
    if in_classifier or isinstance(model, WeightedSum):
        steps = name.removeprefix("branches.").split(".") if in_classifier else name.split(".")
        if len(steps) > 2:  # branches, number of the branch, reducer or head
            return ("the reducer" if steps[2] == "0" else "the head"), "training.learning_rate"
    return "the model", "training.learning_rate"


def _look_at_weights(name: str, found: list[Culprit]) -> Any:
    def look(part: nn.Module, inputs: tuple[Any, ...]) -> None:
        own = (*part.parameters(recurse=False), *part.buffers(recurse=False))
        if not found and not all(map(_finite, own)):
            found.append(Culprit(name, type(part).__name__, "weights"))

    return look


def _look_at_output(name: str, found: list[Culprit]) -> Any:
    def look(part: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not found and isinstance(output, Tensor) and not _finite(output):
            sizes = [float(each.abs().max()) for each in inputs if isinstance(each, Tensor) and each.numel()]
            found.append(Culprit(name, type(part).__name__, "output", max(sizes, default=None)))

    return look


def _finite(values: Tensor) -> bool:
    return not values.is_floating_point() or bool(torch.isfinite(values).all())
