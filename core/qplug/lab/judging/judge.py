"""Judging a trained classifier: what it answers on one part of the data, on one backend. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from qplug.contract.interfaces import Backend
from qplug.lab.data.labelled import Labelled
from qplug.lab.data.row_source import Device, rows_at
from qplug.lab.judging.logits import predict_logits
from qplug.lab.judging.metrics import metrics
from qplug.lab.judging.predictions import prediction_rows
from qplug.lab.judging.view import View
from qplug.lab.pipeline.classifier import Classifier


@dataclass(frozen=True)
class Judgement:
    """What one classifier answered on one part, on one backend.

    Attributes:
        on: the part and the truth about it.
        backend: where its circuits ran; None if it has none.
        logits: (n, n_classes).
        expectations: of each head's circuit, in the order of the branches, the values (n, n_observables) that the
            logits were made of. Where angles were recorded or values given, of every circuit, those of the backbone
            first, with as many rows a sample as it is run for one, sample after sample.
    """

    on: Labelled
    backend: Backend | None
    logits: Tensor
    expectations: tuple[Tensor, ...] = ()

    @property
    def labels(self) -> Tensor:
        """True classes (n,)."""
        return torch.from_numpy(self.on.labels)

    @property
    def predicted(self) -> Tensor:
        """The most probable class (n,) of each sample."""
        return self.logits.argmax(dim=1)

    @cached_property
    def scores(self) -> dict[str, Any]:
        """The metrics; see ``qplug.lab.judging.metrics``."""
        return metrics(self.labels, self.logits, self.on.classes)

    def predictions(self) -> list[dict[str, Any]]:
        """The rows of ``predictions.csv``, one per sample."""
        ids, groups = zip(*((sample.id, sample.group) for sample in self.on.samples), strict=True)
        return prediction_rows(self.on.part, ids, groups, self.labels, self.logits, self.on.classes)


def judge(
    view: View,
    on: Labelled,
    *,
    backend: Backend | None = None,
    device: Device = "cpu",
    batch_size: int | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Judgement:
    """What the classifier answers on a part; it is left as it was, on the backend on which it was.

    Args:
        view: the classifier and its inputs.
        on: the samples.
        backend: where the circuits run; None: where they are.
        device: where the rest runs.
        batch_size: samples per call of the model; None: as many as its circuits allow.
        on_step: called after every batch with the number of samples done and of all samples.

    Raises:
        NotSupported: the backend cannot run one of the circuits.
        QplugError: a logit is not finite.
    """
    view = view.to_run_on(backend)
    with _on(view.model, backend), _expectations(view.model) as seen:
        rows = rows_at(view.inputs, on.positions)
        logits = predict_logits(view.module, rows, batch_size=batch_size, device=device, on_step=on_step)
    where = next((module.backend for module in view.model.quantum_modules()), None)
    return Judgement(on, backend or where, logits, tuple(torch.cat(values) for values in seen))


@contextmanager
def _on(model: Classifier, backend: Backend | None) -> Iterator[None]:
    before = [(module, module.backend) for module in model.quantum_modules()]
    try:
        if backend is not None:
            model.evaluate_on(backend)
        yield
    finally:
        for module, own in before:
            module.backend = own


@contextmanager
def _expectations(model: Classifier) -> Iterator[list[list[Tensor]]]:
    """The values that read-outs are given meanwhile, by circuit: those that answers are made of."""
    seen: list[list[Tensor]] = []
    with ExitStack() as stack:
        for module in model.circuits_in_branches():
            values: list[Tensor] = []
            seen.append(values)
            stack.enter_context(_listening(module.readout, values))
        yield seen


@contextmanager
def _listening(readout: nn.Module, values: list[Tensor]) -> Iterator[None]:
    def keep(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        values.append(inputs[0].detach().cpu())

    handle = readout.register_forward_pre_hook(keep)
    try:
        yield
    finally:
        handle.remove()
