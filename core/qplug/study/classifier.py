"""``HybridClassifier``: a head, quantum or classical, as an estimator of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from qplug.contract.errors import ParameterError
from qplug.contract.interfaces import Head, TrainingPart
from qplug.lab.pipeline.classifier import seeded
from qplug.study.heads import made_head, module_of
from qplug.study.settings import Given

_ROWS = 1024
"""Rows that are classified at once."""


class HybridClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A head trained on arrays, as scikit-learn's estimators are.

    Features are taken as they are, so put a ``StandardScaler`` before it. A head that takes a fixed number of inputs
    has a linear layer before it, learnt with it, where the array has another number of columns. Training is Adam on
    cross-entropy over the whole array, for as many epochs as are said; a head that is fitted in one step is fitted.
    For data sets with official splits, validation and records use ``qplug.run``.

    Args:
        head: by name, as ``"module:Class"``, or as a class or an object.
        head_parameters: the head's parameters, such as ``{"n_layers": 3}``.
        backend: where a quantum head's circuit runs: a name, a table of a name and parameters, or an object; None: the
            simulator that trains runs.
        epochs: passes over the training data.
        learning_rate: step size of Adam.
        batch_size: samples per step, at most.
        random_state: decides initial weights and the order of samples.

    Attributes:
        classes_: the labels, sorted.
        n_features_in_: columns of the training data.
        module_: the trained network, (n, n_features_in_) → logits (n, n_classes), in double precision.
        loss_curve_: mean cross-entropy of each epoch; empty for a head that is fitted in one step.
        n_iter_: epochs trained; 1 for a head that is fitted in one step.
    """

    def __init__(
        self,
        head: Given = "pennylane-pqc",
        *,
        head_parameters: Mapping[str, Any] | None = None,
        backend: Given | Mapping[str, Any] | None = None,
        epochs: int = 30,
        learning_rate: float = 0.01,
        batch_size: int = 32,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.head = head
        self.head_parameters = head_parameters
        self.backend = backend
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Trains the head.

        Args:
            X: (n, n_features), numbers.
            y: (n,), labels of at least two classes.

        Raises:
            ValueError: arrays that cannot be learnt from.
            UserError: there is no such head, parameter or backend.
        """
        self._refuse_parameters()
        inputs, labels = validate_data(self, X, y, dtype=np.float32, ensure_min_samples=2)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"a classifier needs samples of two classes at least; y holds 1 class: {self.classes_[0]!r}"
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        rows, targets = torch.from_numpy(np.ascontiguousarray(inputs)), torch.from_numpy(numbers.astype(np.int64))
        head = made_head(self.head, self.head_parameters or {})
        with seeded(seed):
            if head.capabilities.fitted:
                head.fit(TrainingPart(rows, targets, len(self.classes_), seed))
                network, self.loss_curve_ = head.build(rows.shape[1], len(self.classes_)), []
            else:
                network = self._network(head, rows.shape[1], len(self.classes_))
                self.loss_curve_ = self._trained(network, rows, targets)
        self.module_ = network.requires_grad_(False).double().eval()
        self.n_iter_ = len(self.loss_curve_) or 1
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Logits (n, n_classes); of two classes their difference (n,), positive for the second."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Class probabilities (n, n_classes), in the order of ``classes_``."""
        probabilities: NDArray[np.float64] = torch.from_numpy(self._logits(X)).softmax(1).numpy()
        return probabilities

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable label (n,) of each row."""
        best = self._logits(X).argmax(1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def _refuse_parameters(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 2)):
            if not isinstance(getattr(self, name), int | np.integer) or getattr(self, name) < least:
                raise ParameterError(f"{name} must be a whole number from {least}; got {getattr(self, name)!r}.")
        if not self.learning_rate > 0:
            raise ParameterError(f"learning_rate must be above 0; got {self.learning_rate!r}.")

    def _network(self, head: Head, n_features: int, n_classes: int) -> nn.Module:
        n_inputs = head.n_inputs or n_features
        before = nn.Identity() if n_inputs == n_features else nn.Linear(n_features, n_inputs)
        return nn.Sequential(before, module_of(head, n_inputs, n_classes, self.backend))

    def _trained(self, network: nn.Module, rows: torch.Tensor, targets: torch.Tensor) -> list[float]:
        """Trains in place and gives the mean loss of each epoch; torch's random state is the caller's to set."""
        optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate)
        # All about equally large, and none of a single sample: batch norm needs two.
        n_batches = min(-(-len(rows) // self.batch_size), len(rows) // 2)
        losses = []
        network.train()
        for _ in range(self.epochs):
            total = 0.0
            for some in torch.randperm(len(rows)).tensor_split(n_batches):
                optimiser.zero_grad()
                loss = nn.functional.cross_entropy(network(rows[some]), targets[some])
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                total += loss.item() * len(some)
            losses.append(total / len(rows))
        return losses

    def _logits(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        inputs = validate_data(self, X, dtype=np.float64, reset=False)
        with torch.no_grad():
            rows = torch.from_numpy(np.ascontiguousarray(inputs)).split(_ROWS)  # type: ignore[no-untyped-call]
            parts = [self.module_(some) for some in rows]
        logits: NDArray[np.float64] = torch.cat(parts).numpy()
        return logits
