"""Logistic regression, fitted in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, final

import numpy as np
import torch
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Head, HeadCapabilities, TrainingPart
from qplug_models.fitting import ABSENT, classes_of, numbers, standardisation


@final
@dataclass(kw_only=True, eq=False)
class Logistic(Head):
    """Logits = W z + b, at the minimum of cross-entropy plus the squared weights over 2 C.

    Inputs are standardised on the training part first, which is folded into W and b. Unlike the head ``linear`` there
    is nothing to tune but C, and no random number is drawn.

    **Source:** multinomial logistic regression as in scikit-learn.
    """

    summary = "logistic regression, fitted in one step on the training part"
    source = "scikit-learn"
    capabilities = HeadCapabilities(interface=1, fitted=True)

    c: Annotated[float, Field(gt=0, description="how much the data count against small weights")] = 1.0
    standardise: Annotated[bool, Field(description="bring every input to mean 0 and deviation 1 first")] = True
    max_iterations: Annotated[int, Field(ge=1, description="steps of the solver, at most")] = 1000

    def __post_init__(self) -> None:
        self._fitted: tuple[Tensor, Tensor] | None = None

    def fit(self, training: TrainingPart) -> None:
        """Finds W and b.

        Raises:
            NotSupported: the training part holds one class only.
        """
        inputs, labels = numbers(training)
        present = classes_of(labels, "logistic")
        mean, spread = standardisation(inputs, self.standardise)
        model = LogisticRegression(C=self.c, max_iter=self.max_iterations)
        model.fit((inputs - mean) / spread, labels)
        weights, biases = model.coef_, model.intercept_
        if len(present) == 2:  # scikit-learn keeps the difference of the two logits
            weights, biases = np.concatenate([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
        matrix = np.zeros((training.n_classes, inputs.shape[1]))
        offset = np.full(training.n_classes, ABSENT)
        matrix[present] = weights / spread
        offset[present] = biases - matrix[present] @ mean
        self._fitted = (torch.from_numpy(matrix).float(), torch.from_numpy(offset).float())

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        """A linear layer (batch, n_inputs) → logits (batch, n_classes); before ``fit`` its numbers are NaN.

        Raises:
            NotSupported: other sizes than it was fitted for.
        """
        layer = nn.Linear(n_inputs, n_classes).requires_grad_(False)
        if self._fitted is None:
            layer.weight.fill_(float("nan"))
            layer.bias.fill_(float("nan"))
            return layer
        weight, bias = self._fitted
        if weight.shape != layer.weight.shape:
            raise NotSupported(
                f"logistic was fitted for {weight.shape[1]} inputs and {weight.shape[0]} classes, not for {n_inputs} "
                f"and {n_classes}."
            )
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
        return layer
