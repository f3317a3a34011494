"""A training whose circuits are asked for step by step, and which ends before a step that may not be asked for."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from qplug.contract.errors import UserError
from qplug.lab.pipeline.classifier import WeightedSum
from qplug.lab.training.asking import Asked, gain
from qplug.lab.training.module import Training


class AskedTraining(Training):
    """A ``Training`` of branches on embeddings that were computed once.

    A step is one question to ``asked``. Before the first one that is not afforded the epoch is closed as it is, with
    its validation and its checkpoint, and the training is over. Validation is a forward pass as ever.
    """

    def __init__(self, *arguments: Any, asked: Asked, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked = asked
        self.over = False
        self.n_steps = self.n_samples = 0

    def can_begin(self) -> bool:
        """Whether the next step may be asked for; False: the epochs that are done are all.

        Raises:
            UserError: none is done, and not one step may be asked for.
        """
        step = self.state.epoch * len(self.batches)
        if self.state.epoch >= self.options.epochs or self._affords(step, 0):
            return True
        if not self.state.epoch:
            raise UserError(f"the training did not begin: {self.asked.steps.ended}")
        return False

    def _affords(self, step: int, batch: int) -> bool:
        size = self.batches.edges[batch + 1] - self.batches.edges[batch]
        return self.asked.steps.affords(step, size)

    def on_train_epoch_start(self) -> None:
        """Count from the beginning."""
        super().on_train_epoch_start()
        self.n_steps = self.n_samples = 0

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch; nothing once the training is over, which changes no weight."""
        self.over = self.over or not self._affords(self.step, batch_idx)
        if self.over:
            return None  # type: ignore[return-value]  # Lightning passes over such a step
        self.n_steps, self.n_samples = self.n_steps + 1, self.n_samples + len(batch[1])
        return super().training_step(batch, batch_idx)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Tell how far it is."""
        if not self.over:
            super().on_train_batch_end(outputs, batch, batch_idx)

    def on_train_epoch_end(self) -> None:
        """Close the epoch, and end with it where its last steps, or the next one, may not be asked for."""
        super().on_train_epoch_end()
        more = self.state.epoch < self.options.epochs and not self.trainer.should_stop
        if self.over or (more and not self._affords(self.state.epoch * len(self.batches), 0)):
            self.trainer.should_stop = True

    def _computed(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return super()._computed(inputs)
        assert isinstance(self.model, WeightedSum)
        return self.asked.logits(self.model, inputs, self.step)

    def _share_of_peak(self) -> float:
        return gain(self.step, self.total_steps) if self.asked.method == "spsa" else super()._share_of_peak()

    def _done(self) -> tuple[int, int]:
        return self.n_samples, self.n_steps
