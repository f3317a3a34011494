"""Batches of a part that lies in memory or in a memory-mapped file, in a seeded order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qplug.contract.errors import DataError
from qplug.lab.data.row_source import Rows, take


@dataclass(frozen=True)
class Part:
    """Inputs and labels of one part of a split.

    Attributes:
        inputs: float32 (n, …): features, or embeddings computed once.
        labels: int64 (n,), classes 0 to n_classes - 1.
    """

    inputs: Rows
    labels: Tensor

    @classmethod
    def of(cls, name: str, pair: tuple[Rows, Rows], n_classes: int, *, at_least: int = 1) -> Part:
        """A part whose labels fit its inputs and the number of classes.

        Raises:
            DataError: if it has too few samples, or labels that do not fit.
        """
        inputs, labels = pair[0], torch.as_tensor(pair[1], dtype=torch.int64)
        if len(inputs) != len(labels):
            raise DataError(f"the {name} part has {len(inputs)} inputs but {len(labels)} labels.")
        if len(labels) < at_least:
            raise DataError(
                f"the {name} part has {len(labels)} samples; training needs {at_least} or more there. "
                "Use more data, or another split."
            )
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= n_classes:
            wrong = low if low < 0 else high
            raise DataError(f"the {name} part has label {wrong}; with {n_classes} classes, 0 to {n_classes - 1} exist.")
        return cls(inputs, labels)

    def rows(self, index: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Inputs (len(index), …) as float32 and labels (len(index),)."""
        return take(self.inputs, index), self.labels[torch.from_numpy(index)]

    def fingerprint(self) -> str:
        """A hash of the shape, all labels and a sample of the inputs: tells other data from the same data."""
        some = np.unique(np.linspace(0, len(self.labels) - 1, 64).astype(np.int64))
        digest = hashlib.sha256(repr(tuple(self.inputs.shape)).encode())
        digest.update(self.labels.numpy().tobytes())
        digest.update(self.rows(some)[0].cpu().numpy().tobytes())
        return digest.hexdigest()


class Batches:
    """The batches of a part, again and again; each pass is an epoch.

    Several processes share each batch: each takes every ``n_ranks``-th sample of it. A remainder of less than two
    samples for each joins the batch before it, because batch norm has no spread over a single sample.

    Args:
        part: what is cut into batches.
        batch_size: samples per batch, over all processes; at least 1.
        seed: decides the order; None keeps the part's own order.
        epoch: the first pass is this epoch. The order depends on the seed and the epoch alone, so that training goes
            on in the same order after an interruption.
        rank: number of this process, in [0, n_ranks).
        n_ranks: number of processes.
    """

    def __init__(
        self,
        part: Part,
        batch_size: int,
        *,
        seed: int | None = None,
        epoch: int = 0,
        rank: int = 0,
        n_ranks: int = 1,
    ) -> None:
        self.part = part
        self.seed = seed
        self.epoch = epoch
        self.rank, self.n_ranks = rank, n_ranks
        n = len(part.labels)
        edges = [*range(0, n, batch_size), n]
        if batch_size > 1 and n > batch_size and 0 < n % batch_size < 2 * n_ranks:
            del edges[-2]
        self.edges = edges

    def __len__(self) -> int:
        return len(self.edges) - 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = self.order()
        for number in range(len(self)):
            yield self.part.rows(self._batch(order, number)[self.rank :: self.n_ranks])

    def whole_labels(self) -> list[Tensor]:
        """The labels of every batch of this epoch, all processes' shares together."""
        order = self.order()
        return [self.part.labels[torch.from_numpy(self._batch(order, number))] for number in range(len(self))]

    def own_rows(self) -> NDArray[np.int64]:
        """The row numbers of this process's shares of all batches of this epoch, in order."""
        order = self.order()
        return np.concatenate([self._batch(order, number)[self.rank :: self.n_ranks] for number in range(len(self))])

    def _batch(self, order: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        return order[self.edges[number] : self.edges[number + 1]]

    def order(self) -> NDArray[np.int64]:
        """Row numbers (n,) in the order of this epoch."""
        n = len(self.part.labels)
        if self.seed is None:
            return np.arange(n)
        return np.random.default_rng([self.seed, self.epoch]).permutation(n)
