"""The optimiser, with step sizes of their own for circuits and for the backbone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import torch
from torch import nn

from qplug.contract.errors import NotSupported, UnknownName
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.training import TrainingOptions
from qplug.lab.pipeline.classifier import Classifier


def quantum_parameters(model: nn.Module) -> list[str]:
    """Names of the parameters behind circuits' angles, wherever in the model a circuit stands."""
    return [
        f"{name}.circuit_parameters" if name else "circuit_parameters"
        for name, module in model.named_modules()
        if isinstance(module, QuantumModule)
    ]


def trainable(model: nn.Module, quantum: Collection[str]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The trainable parameters in two groups: classical, and those whose name or its beginning is in ``quantum``.

    Raises:
        NotSupported: if there is nothing to train.
        UnknownName: if a name in ``quantum`` fits no parameter.
    """
    named = dict(model.named_parameters())
    members = {q: {name for name in named if name == q or name.startswith(f"{q}.")} for q in quantum}
    for q, found in members.items():
        if not found:
            raise UnknownName.of("parameter of the model", q, named)
    chosen = set().union(*members.values())
    groups: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for name, parameter in named.items():
        if parameter.requires_grad:
            groups[name in chosen].append(parameter)
    if not any(groups):
        raise NotSupported(
            "the model has no trainable parameters; fit its components instead, or unfreeze one of them."
        )
    return groups


def backbone_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The parameters of a classifier's backbone; of another model none."""
    return list(model.front.parameters()) if isinstance(model, Classifier) else []


def optimiser(
    classical: list[nn.Parameter],
    quantum: list[nn.Parameter],
    options: TrainingOptions,
    *,
    backbone: Iterable[nn.Parameter] = (),
) -> torch.optim.Optimizer:
    """The optimiser of the options; each group carries its highest step size as ``peak``.

    Angles are periodic, so weight decay, which pulls towards zero, is for classical parameters alone.

    Args:
        classical: all classical parameters.
        quantum: those of circuits.
        options: step sizes and the rest.
        backbone: which of the classical ones get the backbone's step size.
    """
    behind = {id(parameter) for parameter in backbone}
    groups = [
        _group([each for each in classical if id(each) not in behind], options.learning_rate, options.weight_decay),
        _group(
            [each for each in classical if id(each) in behind],
            options.backbone_learning_rate or options.learning_rate,
            options.weight_decay,
        ),
        _group(quantum, options.quantum_learning_rate or options.learning_rate, 0.0),
    ]
    groups = [group for group in groups if group["params"]]
    if options.optimiser == "sgd":
        return torch.optim.SGD(groups, momentum=options.momentum)
    kind = torch.optim.AdamW if options.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, foreach=True)  # all tensors in one call: the same numbers, in less time, on the CPU as well


def _group(parameters: list[nn.Parameter], rate: float, decay: float) -> dict[str, Any]:
    return {"params": parameters, "lr": rate, "peak": rate, "weight_decay": decay}
