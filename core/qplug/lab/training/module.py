"""One training as a Lightning module: what happens in a step, after an epoch, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from qplug.contract.errors import QplugError, UserError
from qplug.lab.config.training import TrainingOptions
from qplug.lab.stopping import stop_if_asked
from qplug.lab.training.batches import Batches
from qplug.lab.training.checkpoint import State, save_state
from qplug.lab.training.divergence import diverged, find_culprit, in_words
from qplug.lab.training.optimiser import backbone_parameters, optimiser
from qplug.lab.training.progress import OnEpoch, OnStep, add_epoch, out_of_patience
from qplug.lab.training.schedule import factor
from qplug.lab.training.scores import scores

_FINITE_EVERY = 50  # steps between looks at the loss on a GPU, which looking makes wait


class Training(pl.LightningModule):
    """A model in training.

    Args:
        model: inputs (batch, …) → logits (batch, n_classes).
        batches: the training part, or this process's share of it.
        validation: the validation part, likewise.
        options: how it is trained.
        groups: the trainable parameters, classical and quantum.
        state: where the training stands; updated after every epoch.
        folder: where checkpoints go.
        class_weights: one weight per class (n_classes,), or None.
        on_epoch: called after every epoch with its number, from 1, and its row of the history.
        on_step: called after every step with the number of steps done and of all steps.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        validation: Batches,
        options: TrainingOptions,
        groups: tuple[list[nn.Parameter], list[nn.Parameter]],
        state: State,
        folder: Path,
        *,
        class_weights: Tensor | None = None,
        on_epoch: OnEpoch | None = None,
        on_step: OnStep | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.batches = batches
        self.options = options
        self.groups = dict(zip(("classical", "quantum"), groups, strict=True))
        self.state = state
        self.folder = folder
        self.class_weights = class_weights
        self.plain_loss = class_weights is None and not options.label_smoothing
        self.on_epoch, self.on_step = on_epoch, on_step
        self.total_steps = options.epochs * len(batches)
        self.validation = validation
        self.judged: list[tuple[Tensor, Tensor]] = []
        self.whole_labels: list[Tensor] = []
        self.put_handlers_back: Callable[[], None] = lambda: None

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets Lightning's note of the hook that it calls, forty times a step, without a look for modules in it."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimiser, where it stood after the last finished epoch."""
        backbone = backbone_parameters(self.model)
        made = optimiser(self.groups["classical"], self.groups["quantum"], self.options, backbone=backbone)
        if self.state.optimiser:
            made.load_state_dict(self.state.optimiser)
        return made

    def on_train_start(self) -> None:
        """Hear signals where Lightning has put itself in between."""
        self.put_handlers_back()

    def on_train_epoch_start(self) -> None:
        """Set everything random by seed and epoch, so that a resumed epoch is the epoch it would have been."""
        self.batches.epoch = self.state.epoch
        seeds = np.random.SeedSequence([self.batches.seed or 0, self.state.epoch, self.batches.rank])
        torch.manual_seed(int(seeds.generate_state(1, np.uint64)[0]))
        self.started = time.perf_counter()
        self.sums: dict[str, Tensor] = {}
        self.step = self.state.epoch * len(self.batches)
        if self.batches.n_ranks > 1:
            self.whole_labels = self.batches.whole_labels()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Move the step size along its schedule."""
        stop_if_asked()
        share = self._share_of_peak()
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = group["peak"] * share

    def _share_of_peak(self) -> float:
        return factor(self.options.schedule, self.step, self.total_steps)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch."""
        inputs, labels = batch
        self.seen = inputs
        logits = self._logits(inputs)
        if self.class_weights is not None:
            self.class_weights = self.class_weights.to(logits)
        loss = functional.cross_entropy(
            logits, labels, weight=self.class_weights, label_smoothing=self.options.label_smoothing
        )
        if not loss.is_cuda:  # before a step makes all weights NaN, and the place is lost
            self._refuse_divergence(loss.detach())
        seen = logits.detach()
        plain = loss.detach() if self.plain_loss else functional.cross_entropy(seen, labels)
        self._add("cross_entropy", plain * len(labels))
        self._add("right", (seen.argmax(dim=1) == labels).sum())
        return loss if self.batches.n_ranks == 1 else loss * self._share(labels, self.whole_labels[batch_idx])

    def _logits(self, inputs: Tensor) -> Tensor:
        try:
            logits = self._computed(inputs).float()
        except UserError as error:  # a backend refuses angles that are not finite
            if (culprit := find_culprit(self.model, inputs)) is None:
                raise
            raise QplugError(
                f"the training diverged in epoch {self.state.epoch + 1}. {in_words(self.model, culprit, self.options)}"
            ) from error
        return logits

    def _computed(self, inputs: Tensor) -> Tensor:
        """The model's logits (batch, n_classes)."""
        logits: Tensor = self.model(inputs)
        return logits

    def _share(self, labels: Tensor, whole: Tensor) -> float:
        """What makes the mean over the processes' losses the loss of the whole batch, however uneven their shares."""
        weights = torch.ones(int(whole.max()) + 1) if self.class_weights is None else self.class_weights.cpu()
        return self.batches.n_ranks * float(weights[labels.cpu()].sum() / weights[whole].sum())

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Note how large the gradients are, before any clipping."""
        for name, parameters in self.groups.items():
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            if gradients:
                norm = torch.nn.utils.get_total_norm(gradients)
                self._add(f"gradient_norm_{name}", norm)
                if not norm.is_cuda:
                    self._refuse_divergence(norm, "gradient")

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Tell how far it is."""
        self.step += 1
        if self.step % _FINITE_EVERY == 0:
            self._refuse_divergence(self.sums["cross_entropy"])
        if self.on_step is not None:
            self.on_step(self.step, self.total_steps)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Keep the logits of a batch."""
        self.judged.append((self._logits(batch[0]), batch[1]))

    def on_train_epoch_end(self) -> None:
        """Close the epoch: its row, its checkpoint, and whether to go on. Lightning has validated before."""
        for name in ("cross_entropy", "right"):
            self._sum_over_processes(self.sums[name])
        self._refuse_divergence(self.sums["cross_entropy"])
        row = self._row()
        self._refuse_divergence(torch.tensor(row["validation_cross_entropy"]))
        self._keep(row)
        if self.on_epoch is not None:
            self.on_epoch(self.state.epoch, row)
        self.trainer.should_stop = out_of_patience(self.state, self.options)

    def _done(self) -> tuple[int, int]:
        """How many samples and steps this epoch had."""
        return len(self.batches.part.labels), len(self.batches)

    def _row(self) -> dict[str, float]:
        n, n_steps = self._done()
        logits, labels = self._judged()
        row = {
            "epoch": self.state.epoch + 1,
            "train_cross_entropy": float(self.sums["cross_entropy"]) / n,
            "train_accuracy": float(self.sums["right"]) / n,
        }
        row |= {f"validation_{name}": value for name, value in scores(logits, labels, self.options.monitor).items()}
        row |= {"learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"]}
        norms = {name: value for name, value in self.sums.items() if name.startswith("gradient_norm")}
        row |= {name: float(value) / n_steps for name, value in norms.items()}
        return row | {"seconds": time.perf_counter() - self.started}

    def _judged(self) -> tuple[Tensor, Tensor]:
        """Logits and labels of the whole validation part; the same in every process, so that all decide the same."""
        logits, labels = (torch.cat(parts) for parts in zip(*self.judged, strict=True))
        self.judged.clear()
        if self.batches.n_ranks == 1:
            return logits, labels
        all_labels = self.validation.part.labels.to(logits.device)
        all_logits = logits.new_zeros(len(all_labels), logits.shape[1])
        all_logits[torch.from_numpy(self.validation.own_rows()).to(logits.device)] = logits
        self._sum_over_processes(all_logits)
        return all_logits, all_labels

    def _sum_over_processes(self, values: Tensor) -> None:
        if self.batches.n_ranks > 1:
            torch.distributed.all_reduce(values)

    def _keep(self, row: dict[str, float]) -> None:
        state = self.state
        add_epoch(state, row, self.options)
        state.model = self.model.state_dict()
        state.optimiser = self.trainer.optimizers[0].state_dict()
        if self.batches.rank == 0:
            save_state(self.folder, state)

    def _add(self, name: str, value: Tensor) -> None:
        value = value.detach().double()
        self.sums[name] = self.sums[name] + value if name in self.sums else value

    def _refuse_divergence(self, value: Tensor, what: str = "loss") -> None:
        if torch.isfinite(value):
            return
        raise diverged(self.model, self.seen, what, float(value), self.state.epoch + 1, self.options)
