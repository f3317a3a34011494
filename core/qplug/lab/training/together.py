"""Several trainings that differ in their seeds alone, carried out in one pass.

A small model's step costs what calling torch costs, not what it computes, and one call serves ten models as it serves
one. The numbers are those of ``fit`` but for rounding.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from qplug.contract.errors import QplugError
from qplug.lab.config.training import TrainingOptions
from qplug.lab.data.row_source import IN_MEMORY, Rows
from qplug.lab.pipeline.fitting import refuse_single_samples
from qplug.lab.pipeline.memory import judged_at_once
from qplug.lab.stopping import stop_if_asked
from qplug.lab.training.batches import Batches, Part
from qplug.lab.training.checkpoint import State
from qplug.lab.training.divergence import diverged
from qplug.lab.training.optimiser import optimiser, quantum_parameters, trainable
from qplug.lab.training.progress import Fitted, OnEpoch, add_epoch, class_weights, out_of_patience
from qplug.lab.training.schedule import factor
from qplug.lab.training.scores import scores
from qplug.lab.training.stacked import Stack, alike, cross_entropies, put_back, stackable


@dataclass(frozen=True)
class Lane:
    """One of several trainings, as ``fit`` takes it.

    Attributes:
        model: inputs (batch, …) → logits (batch, n_classes).
        training: inputs (n, …) and labels (n,).
        validation: the same for the part that chooses the best epoch.
        seed: decides the order of the data.
        on_epoch: called after every epoch with its number, from 1, and its row of the history.
    """

    model: nn.Module
    training: tuple[Rows, Rows]
    validation: tuple[Rows, Rows]
    seed: int
    on_epoch: OnEpoch | None = None


def why_not_together(lanes: Sequence[Lane], *, n_classes: int, options: TrainingOptions) -> str | None:
    """Why some trainings cannot go together; None if they can.

    Args:
        lanes: the trainings.
        n_classes: number of classes.
        options: how all of them are trained.
    """
    if not lanes:
        return "there is none"
    lanes = _accompanied(lanes)
    if options.devices > 1 or options.mixed_precision or options.head_epochs or options.channels_last:
        return "training.devices, mixed_precision, channels_last and head_epochs are for one at a time"
    if not alike([lane.model for lane in lanes]):
        return "their networks differ in shape"
    parts = [(lane.training, lane.validation) for lane in lanes]
    if any(
        {(len(part[0]), tuple(part[0].shape)) for part in column} != {_size(column[0])}
        for column in zip(*parts, strict=True)
    ):
        return "their parts differ in size"
    values = [inputs for pair in parts for inputs, _ in pair]
    if not all(isinstance(each, Tensor) for each in values) or sum(_n_bytes(each) for each in values) >= IN_MEMORY:
        return "their inputs do not fit into memory side by side"
    try:
        run = _Run(lanes, n_classes, options)
    except QplugError as error:
        return str(error)  # `fit` tells whose fault it is
    if not stackable([lane.model for lane in lanes], run.batch(run.orders(), 0)[0]):
        return "their networks do not compute side by side what each computes by itself"
    return None


def _accompanied(lanes: Sequence[Lane]) -> Sequence[Lane]:
    """A single one beside a copy of itself: a stack of one would be computed by routines that round differently."""
    if len(lanes) != 1:
        return lanes
    return [*lanes, replace(lanes[0], model=copy.deepcopy(lanes[0].model), on_epoch=None)]


def _size(part: tuple[Rows, Rows]) -> tuple[int, tuple[int, ...]]:
    return len(part[0]), tuple(part[0].shape)


def _n_bytes(rows: Rows) -> int:
    return rows.numel() * 4 if isinstance(rows, Tensor) else IN_MEMORY


def fit_together(lanes: Sequence[Lane], *, n_classes: int, options: TrainingOptions) -> list[Fitted | QplugError]:
    """Train several models at once, on the CPU; each ends with its best weights, in evaluation mode.

    Each has its own data, order of batches, class weights, gradient clipping, best epoch and early stop: one that has
    stopped is left as it was while the others go on. Nothing is kept on disk on the way.

    Args:
        lanes: trainings that ``why_not_together`` finds nothing against.
        n_classes: number of classes.
        options: how all of them are trained.

    Returns:
        What ``fit`` gives, in the order of the lanes; for one that diverged what ``fit`` raises. The seconds of an
        epoch are shared out equally among those that were still at work in it.

    Raises:
        KeyboardInterrupt: if the user stops it.
    """
    run = _Run(_accompanied(lanes), n_classes, options)
    while run.active and run.n_epochs < options.epochs:
        run.epoch()
    return [run.result(number) for number in range(len(lanes))]


class _Run:
    """Some trainings on their way.

    Attributes:
        active: the numbers of those that go on.
        n_epochs: how many epochs are done.
    """

    def __init__(self, lanes: Sequence[Lane], n_classes: int, options: TrainingOptions) -> None:
        self.lanes, self.options = lanes, options
        models = [lane.model for lane in lanes]
        training = [Part.of("training", lane.training, n_classes, at_least=2) for lane in lanes]
        validation = [Part.of("validation", lane.validation, n_classes) for lane in lanes]
        for part in validation:
            options.refuse_unsuited_monitor(n_classes, part.labels.tolist())
        refuse_single_samples(models[0], options.batch_size)
        groups = trainable(models[0], quantum_parameters(models[0]))
        self.stack = Stack(models)
        named = {id(parameter): name for name, parameter in models[0].named_parameters()}
        stacked = [[self.stack.parameters[named[id(each)]] for each in group] for group in groups]
        self.groups = dict(zip(("classical", "quantum"), stacked, strict=True))
        self.optimiser = optimiser(stacked[0], stacked[1], options)
        self.batches = [
            Batches(part, options.batch_size, seed=lane.seed) for part, lane in zip(training, lanes, strict=True)
        ]
        self.edges = list(pairwise(self.batches[0].edges))
        self.inputs, self.labels = _stacked(training)
        self.judged_inputs, self.judged_labels = _stacked(validation)
        self.judged_at_once = max(judged_at_once(models[0]), options.batch_size)
        each_weights = [class_weights(part.labels, n_classes) for part in training]
        self.class_weights = torch.stack(each_weights) if options.class_weights else None
        self.states = [State() for _ in lanes]
        self.best: dict[int, dict[str, Tensor]] = {}
        self.failures: dict[int, QplugError] = {}
        self.active = list(range(len(lanes)))
        self.n_epochs = 0

    def orders(self) -> Tensor:
        """Row numbers (lane, n) in the order of this epoch."""
        for batches in self.batches:
            batches.epoch = self.n_epochs
        return torch.from_numpy(np.stack([batches.order() for batches in self.batches]))

    def batch(self, orders: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """Inputs (lane, batch, …) and labels (lane, batch) of a batch of this epoch."""
        begin, end = self.edges[number]
        rows, lanes = orders[:, begin:end], torch.arange(len(orders)).unsqueeze(1)
        return self.inputs[lanes, rows], self.labels[lanes, rows]

    def epoch(self) -> None:
        """One epoch of all: its steps, its rows, and who goes on."""
        began, orders = time.perf_counter(), self.orders()
        self.sums: dict[str, Tensor] = {}
        self.stack.train()
        for number in range(len(self.edges)):
            self._step(number, *self.batch(orders, number))
            if not self.active:
                return
        logits = self._judged()
        seconds, self.n_epochs = (time.perf_counter() - began) / len(self.active), self.n_epochs + 1
        for lane in list(self.active):
            self._close(lane, self._row(lane, logits[lane]) | {"seconds": seconds})

    def _step(self, number: int, inputs: Tensor, labels: Tensor) -> None:
        stop_if_asked()
        options, done = self.options, self.n_epochs * len(self.edges) + number
        share = factor(options.schedule, done, options.epochs * len(self.edges))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * share
        self.seen = inputs
        logits = self.stack(inputs)
        losses = cross_entropies(logits, labels, self.class_weights, options.label_smoothing)
        self._leave_out(losses.detach(), "loss")
        seen = logits.detach()
        plain = self.class_weights is None and not options.label_smoothing
        self._add("cross_entropy", (losses.detach() if plain else cross_entropies(seen, labels)) * labels.shape[1])
        self._add("right", (seen.argmax(dim=2) == labels).sum(dim=1))
        self.optimiser.zero_grad()
        torch.autograd.backward(losses.sum())
        self._clip()
        self.optimiser.step()

    def _clip(self) -> None:
        """Notes how large the gradients are, then shortens each lane's by itself, as torch's ``clip_grad_norm_``."""
        all_norms = []
        for name, parameters in self.groups.items():
            norms = [each.grad.flatten(1).norm(dim=1) for each in parameters if each.grad is not None]
            if norms:
                norm = torch.stack(norms).norm(dim=0)
                self._add(f"gradient_norm_{name}", norm)
                self._leave_out(norm, "gradient")
                all_norms += norms
        if self.options.gradient_clip is None or not all_norms:
            return
        shares = (self.options.gradient_clip / (torch.stack(all_norms).norm(dim=0) + 1e-6)).clamp(max=1.0)
        for parameters in self.groups.values():
            for each in parameters:
                if each.grad is not None:
                    each.grad.mul_(shares.reshape(-1, *[1] * (each.ndim - 1)))

    def _judged(self) -> Tensor:
        self.stack.train(False)
        with torch.no_grad():
            parts = torch.split(self.judged_inputs, self.judged_at_once, dim=1)
            return torch.cat([self.stack(part) for part in parts], dim=1)

    def _row(self, lane: int, logits: Tensor) -> dict[str, float]:
        n, options = self.labels.shape[1], self.options
        found = scores(logits, self.judged_labels[lane], options.monitor)
        norms = {name: value for name, value in self.sums.items() if name.startswith("gradient_norm")}
        return {
            "epoch": self.n_epochs,
            "train_cross_entropy": float(self.sums["cross_entropy"][lane]) / n,
            "train_accuracy": float(self.sums["right"][lane]) / n,
            **{f"validation_{name}": value for name, value in found.items()},
            "learning_rate": self.optimiser.param_groups[0]["lr"],
            **{name: float(value[lane]) / len(self.edges) for name, value in norms.items()},
        }

    def _close(self, lane: int, row: dict[str, float]) -> None:
        state = self.states[lane]
        if not np.isfinite(row["validation_cross_entropy"]):
            self._fail(lane, "loss", row["validation_cross_entropy"])
            return
        add_epoch(state, row, self.options)
        if state.best_epoch == state.epoch:
            self.best[lane] = self.stack.state(lane)
        if (told := self.lanes[lane].on_epoch) is not None:
            told(state.epoch, row)
        if out_of_patience(state, self.options):
            self.active.remove(lane)

    def _add(self, name: str, values: Tensor) -> None:
        values = values.detach().double()
        self.sums[name] = self.sums[name] + values if name in self.sums else values

    def _leave_out(self, values: Tensor, what: str) -> None:
        """Ends each training whose number is not finite; the others do not see its numbers."""
        if torch.isfinite(values).all():
            return
        for lane in [each for each in self.active if not torch.isfinite(values[each])]:
            self._fail(lane, what, float(values[lane]))

    def _fail(self, lane: int, what: str, value: float) -> None:
        model = self.lanes[lane].model
        put_back(model.train(), self.stack.state(lane), self.stack.gradients(lane) if what == "gradient" else None)
        self.failures[lane] = diverged(model, self.seen[lane], what, value, self.states[lane].epoch + 1, self.options)
        self.active.remove(lane)

    def result(self, lane: int) -> Fitted | QplugError:
        """What came of one, which has its best weights then."""
        if lane in self.failures:
            return self.failures[lane]
        state, model = self.states[lane], self.lanes[lane].model
        put_back(model, self.best[lane])
        model.eval()
        return Fitted(state.history, state.best_epoch, state.seconds, state.epoch < self.options.epochs)


def _stacked(parts: Sequence[Part]) -> tuple[Tensor, Tensor]:
    inputs = [torch.as_tensor(part.inputs).float() for part in parts]
    return torch.stack(inputs), torch.stack([part.labels for part in parts])
