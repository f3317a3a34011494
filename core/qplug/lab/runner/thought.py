"""What shots would do to a classifier's labels, thought before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from qplug.contract.interfaces import Backend
from qplug.lab.hardware.shots import DRAWS, SHOTS, Answer, Flips, flips, noisy_draws, scatterings
from qplug.lab.judging.given import judge_given, judge_scattered, some_of_part
from qplug.lab.judging.judge import Judgement
from qplug.lab.judging.view import View
from qplug.lab.pipeline.cut import Behind


@dataclass(frozen=True)
class Thought:
    """A classifier, and its exact answers to some samples.

    Attributes:
        view: the classifier and its inputs.
        exact: what it answers to these samples without shots and noise.
        chained: whether angles of circuits come from values of others, which shots then move too.
    """

    view: View
    exact: Judgement
    chained: bool

    @property
    def n(self) -> int:
        """How many samples shots are thought about for."""
        return len(self.exact.on.labels)

    def flips(self, *shots: int) -> list[Flips]:
        """The share of labels that shots change, for each number of shots."""
        right = self.exact.predicted.numpy() if self.chained else self._answer(self._values())
        return flips(right, self.labels, shots or SHOTS)

    def labels(self, shots: int, fidelity: float = 1.0) -> Iterator[NDArray[np.int64]]:
        """The labels that so many shots might give, a few times.

        Args:
            shots: of each value.
            fidelity: all values are drawn towards zero by this factor first.
        """
        if self.chained:
            # All draws in one pass: one of few samples is hardly quicker.
            often = some_of_part(self.exact.on, np.tile(np.arange(self.n), DRAWS))
            scatter = next(scatterings(shots, fidelity=fidelity))
            yield from judge_scattered(self.view, often, scatter).predicted.numpy().reshape(DRAWS, self.n)
            return
        for values in noisy_draws(self._values(fidelity), shots):
            yield self._answer(values)

    def _values(self, fidelity: float = 1.0) -> tuple[NDArray[np.float64], ...]:
        return tuple(fidelity * each.double().numpy() for each in self.exact.expectations)

    @cached_property
    def _answer(self) -> Answer:
        return labels_of_values(self.view, self.exact)


def labels_of_values(view: View, exact: Judgement) -> Answer:
    """What gives the label of each sample for expectation values of its circuits.

    Where only heads hold circuits, by the read-outs alone; else by all of the classifier that stands behind them.

    Args:
        view: the classifier and its inputs.
        exact: what it answers to the same samples without shots and noise.
    """
    if any(view.model.circuits_in_front()):
        backend = cast(Backend, exact.backend)
        return lambda values: judge_given(view, exact.on, values, backend).predicted.numpy()
    behind = Behind(view.model.cpu()).eval()
    with torch.no_grad():
        others = exact.logits - behind(*exact.expectations)  # of branches without a circuit

    def answer(values: tuple[NDArray[np.float64], ...]) -> NDArray[np.int64]:
        with torch.no_grad():
            logits = behind(*(torch.from_numpy(each).float() for each in values)) + others
        labels: NDArray[np.int64] = logits.argmax(dim=1).numpy()
        return labels

    return answer
