"""What a head is shown: the training part of a data set behind a run's reducer, or numbers like whitened components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from qplug import catalogue
from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Backend, QuantumBackbone, QuantumHead, Reducer
from qplug.heads.held_circuits import USUAL_SHAPES, held_circuits
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.config.model import RunConfig
from qplug.lab.data.training_part import training_part
from qplug.lab.diagnosis.scales import Seen
from qplug.lab.judging.view import View
from qplug.lab.pipeline.classifier import seeded
from qplug.lab.runner.examine import Examined, examine
from qplug.lab.runner.prepare import Prepared, prepare
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.train import ready_to_train
from qplug.lab.runner.workplace import Workplace

SAMPLES = 512
_PICTURES = 64
"""So many samples of features show what a backbone's circuit is given, for each may give it many rows."""
_N_CLASSES = 2


def standard_normal(head: QuantumHead, name: str, parameters: Mapping[str, Any], n_inputs: int, *, seed: int) -> Seen:
    """Independent inputs of unit variance, which is what whitening gives."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(SAMPLES, n_inputs, generator=generator)
    what = "standard normal inputs, which is what whitening gives"
    return Seen(
        head, name, parameters, nn.Identity(), inputs, n_inputs, _N_CLASSES, what, other=Times, reducer_scale=1.0
    )


class Times(nn.Module):
    """What a reducer's scale does."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, inputs: Tensor) -> Tensor:
        """The inputs times the scale."""
        return self.scale * inputs


def drawn_evenly(name: str, parameters: Mapping[str, Any], backend: Backend, *, seed: int) -> Seen:
    """What the first circuit of a backbone is given where features are drawn evenly from [0, 1).

    Raises:
        NotSupported: the backbone takes none of the usual shapes of features.
    """
    backbone = cast(QuantumBackbone, catalogue.create("backbone", name, parameters))
    generator = torch.Generator().manual_seed(seed)
    held_circuits(backbone)  # says why, where it takes none of the usual shapes
    for shape in USUAL_SHAPES:
        placed: list[QuantumModule] = []

        def place(head: QuantumHead, n_inputs: int, n_outputs: int, placed: list[QuantumModule] = placed) -> nn.Module:
            placed.append(QuantumModule(head, backend, n_inputs, n_outputs))
            return placed[-1]

        with suppress(NotSupported), seeded(seed):
            module = backbone.untaught(shape, place)
            features = torch.rand(_PICTURES, *shape, generator=generator)
            what = f"features of the shape {shape} drawn evenly from [0, 1), by what the circuit is given of them"
            return _given(module, placed[0], features, name, what)
    raise NotSupported(f"backbone {name!r} takes none of the shapes {USUAL_SHAPES}.")


def of_backbone(config: RunConfig, workplace: Workplace, reporter: Reporter) -> Seen:
    """The training part of a run's data set, as the first circuit of its backbone is given it before any training.

    Raises:
        QplugError: the run cannot begin.
    """
    examined = examine(config, workplace, reporter)
    prepared = prepare(examined, reporter)
    view = ready_to_train(examined, prepared, reporter).with_circuits()
    rows = prepared.positions["train"]
    few = rows[np.linspace(0, len(rows) - 1, min(_PICTURES, len(rows))).astype(int)]
    features = torch.from_numpy(np.array(view.inputs[few]))
    what = f"the training part of {config.dataset.name} ({len(rows)} samples), by what the circuit is given of it"
    first = next(view.model.circuits_in_front())
    return _given(view.model.cpu().front, first, features, config.backbone.name, what)


def _given(module: nn.Module, circuit: QuantumModule, features: Tensor, name: str, what: str) -> Seen:
    """What a circuit of a module is given of features; of many rows some."""
    caught: list[Tensor] = []
    hook = circuit.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].detach()))
    with torch.no_grad():
        module.eval()(features)
    hook.remove()
    rows = torch.cat(caught)
    few = rows[torch.linspace(0, len(rows) - 1, min(SAMPLES, len(rows))).long()]
    return Seen(circuit.head, name, {}, nn.Identity(), few, circuit.n_inputs, _N_CLASSES, what)


def of_run(config: RunConfig, workplace: Workplace, reporter: Reporter) -> Seen:
    """The training part of a run's data set, as its first quantum head sees it before any training.

    Raises:
        NotSupported: the run has no quantum head.
        QplugError: the run cannot begin.
    """
    examined = examine(config, workplace, reporter)
    return of_examined(examined, prepare(examined, reporter), reporter)


def of_examined(examined: Examined, prepared: Prepared, reporter: Reporter) -> Seen:
    """The same, of a run whose data are at hand."""
    config = examined.config
    view = ready_to_train(examined, prepared, reporter)
    number, reducer, module = first_quantum(view, config)
    choice, rows = config.branches[number], prepared.positions["train"]
    few = rows[np.linspace(0, len(rows) - 1, min(SAMPLES, len(rows))).astype(int)]  # parts are often in order of class
    scale = choice.reducer.parameters.get("scale")
    return Seen(
        head=module.head,
        name=choice.head.name,
        parameters=choice.head.parameters,
        reducer=reducer.eval(),
        embeddings=view.embeddings(few),
        n_inputs=module.n_inputs,
        n_classes=len(prepared.split.classes),
        what=_in_words(examined, prepared, view),
        other=_other_reducer(examined, prepared, view, number),
        reducer_scale=scale if isinstance(scale, (int, float)) else None,
        place=f"branch{number + 1}." if len(config.branches) > 1 else "",
    )


def first_quantum(view: View, config: RunConfig) -> tuple[int, nn.Module, QuantumModule]:
    """Number, reducer and circuit of the first branch that has one.

    Raises:
        NotSupported: none has.
    """
    for number, (reducer, module) in enumerate(view.model.branches.pairs()):
        if isinstance(module, QuantumModule):
            return number, reducer, module
    held = " (for that of the backbone: --backbone without --head)" if any(view.model.quantum_modules()) else ""
    raise NotSupported(
        f"none of the heads {config.heads} has a circuit, so there is nothing to diagnose{held}. Name a quantum head: "
        "qplug list heads"
    )


def _in_words(examined: Examined, prepared: Prepared, view: View) -> str:
    config = examined.config
    learns = "" if view.frozen_front else ", whose weights are not trained yet"
    return (
        f"the training part of {config.dataset.name} ({len(prepared.positions['train'])} samples) behind backbone "
        f"{config.backbone.name}{learns}"
    )


def _other_reducer(examined: Examined, prepared: Prepared, view: View, number: int) -> Callable[[float], nn.Module]:
    choice = examined.config.branches[number].reducer
    module = view.model.branches.pairs()[number][1]
    assert isinstance(module, QuantumModule)

    def made(scale: float) -> nn.Module:
        reducer = cast(Reducer, catalogue.create("reducer", choice.name, {**choice.parameters, "scale": scale}))
        if reducer.capabilities.fitted:
            fitted_on = prepared.split.training(view.inputs, prepared.features.kept)
            front = None if view.frozen_front else view.model.front
            reducer.fit(training_part(fitted_on, seed=examined.config.seed, module=front), module.n_inputs)
        with seeded(examined.config.seed + 1 + number):
            return reducer.module(view.embedding_width, module.n_inputs).eval()

    return made
