"""A support vector machine with a Gaussian kernel, as torch code."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any, TypeVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import SVC
from torch import Tensor, nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Head, HeadCapabilities, TrainingPart
from qplug_models.fitting import ABSENT, classes_of, numbers, standardisation

_CALIBRATION_FOLDS = 3
_SHARPNESS = np.geomspace(0.1, 30, 60)
Support = TypeVar("Support", bound="SupportModule")


class SupportModule(nn.Module):
    """Inputs (batch, n_inputs) → logits (batch, n_classes), from support vectors. A subclass writes ``kernel``.

    Each pair of classes has a decision value: Σ dual · kernel(z, support) + intercept, positive for the first.
    A class scores one for each pair that it wins, and less than half in addition for how clearly it does so.

    How many support vectors there are is known when it is fitted; a ``state_dict`` of any number can be loaded.

    Attributes:
        variable_shapes: the buffers whose first axis, or last for ``dual``, is as long as there are support vectors.
    """

    variable_shapes = frozenset({"support", "dual"})
    mean: Tensor
    spread: Tensor
    support: Tensor
    dual: Tensor
    intercept: Tensor
    gamma: Tensor
    sharpness: Tensor
    present: Tensor
    signs: Tensor

    def __init__(self, n_inputs: int, n_classes: int) -> None:
        super().__init__()
        n_pairs = n_classes * (n_classes - 1) // 2
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("spread", torch.ones(n_inputs))
        self.register_buffer("support", torch.zeros(0, n_inputs))
        self.register_buffer("dual", torch.zeros(n_pairs, 0))
        # Not a number until something is loaded: nothing can be computed by accident.
        self.register_buffer("intercept", torch.full((n_pairs,), float("nan")))
        self.register_buffer("gamma", torch.ones(()))
        self.register_buffer("sharpness", torch.ones(()))
        self.register_buffer("present", torch.ones(n_classes, dtype=torch.bool))
        first, second = torch.triu_indices(n_classes, n_classes, offset=1)
        pairs = torch.arange(n_pairs)
        # +1 for the first and -1 for the second class of each pair.
        signs = torch.zeros(n_pairs, n_classes)
        signs[pairs, first], signs[pairs, second] = 1.0, -1.0
        self.register_buffer("signs", signs, persistent=False)

    def decisions(self, inputs: Tensor) -> Tensor:
        """Decision values (batch, n_pairs); the pairs are (0, 1), (0, 2), …, (1, 2), …."""
        kernel: Tensor = self.kernel((inputs - self.mean) / self.spread)
        return kernel @ self.dual.T + self.intercept

    @abstractmethod
    def kernel(self, scaled: Tensor) -> Tensor:
        """Kernel values (batch, n_support) of scaled inputs (batch, n_inputs) with the support vectors."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (batch, n_classes); a class that the training part did not hold gets no more than -100."""
        decisions = self.decisions(inputs)
        contested = self.signs.abs() @ self.present.to(self.signs) == 2
        won = ((decisions >= 0).to(self.signs) - 0.5) * contested @ self.signs
        clearly = decisions @ self.signs
        scores = won + clearly / (3 * (clearly.abs() + 1))
        return torch.where(self.present, self.sharpness * scores, ABSENT)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Takes on the number of support vectors of what is loaded; all else must fit."""
        for name in self.variable_shapes:
            stored, own = state_dict.get(prefix + name), getattr(self, name)
            if isinstance(stored, Tensor) and stored.ndim == 2:
                axis = 0 if name == "support" else 1
                shape = list(own.shape)
                shape[axis] = stored.shape[axis]
                setattr(self, name, own.new_zeros(shape))
        super()._load_from_state_dict(state_dict, prefix, *args)


class SvmModule(SupportModule):
    """A support vector machine with the kernel exp(-gamma ‖z - support‖²)."""

    def kernel(self, scaled: Tensor) -> Tensor:
        """Kernel values (batch, n_support)."""
        # Written out instead of cdist: a difference of squares would lose digits where vectors lie close together.
        if torch.compiler.is_compiling():  # ONNX knows no cdist; this takes memory for each pair's whole difference
            distances = (scaled[:, None] - self.support).square().sum(2)
        else:
            distances = torch.cdist(scaled, self.support, compute_mode="donot_use_mm_for_euclid_dist").square()
        return torch.exp(-self.gamma * distances)


@final
@dataclass(kw_only=True, eq=False)
class SvmRbf(Head):
    """A support vector machine with the kernel exp(-gamma ‖z - z'‖²), one against one.

    It predicts what scikit-learn's SVC predicts with ``break_ties``. Its scores become logits by one factor, chosen by
    three-fold cross-validation on the training part so that the cross-entropy is lowest.

    **Source:** Cortes and Vapnik, Support-Vector Networks, 1995; fitted by scikit-learn.
    """

    summary = "support vector machine with a Gaussian kernel, fitted in one step on the training part"
    source = "Cortes and Vapnik 1995; scikit-learn"
    capabilities = HeadCapabilities(interface=1, fitted=True)

    c: Annotated[float, Field(gt=0, description="how much an error on the training part costs")] = 1.0
    gamma: Annotated[
        float | None,
        Field(gt=0, description="inverse squared reach of the kernel; unset: 1 / (n_inputs · variance of inputs)"),
    ] = None
    standardise: Annotated[bool, Field(description="bring every input to mean 0 and deviation 1 first")] = True

    def __post_init__(self) -> None:
        self._fitted: SvmModule | None = None

    def fit(self, training: TrainingPart) -> None:
        """Finds the support vectors.

        Raises:
            NotSupported: the training part holds one class only.
        """
        inputs, labels = numbers(training)
        present = classes_of(labels, "svm-rbf")
        mean, spread = standardisation(inputs, self.standardise)
        scaled = (inputs - mean) / spread
        variance = float(scaled.var())
        gamma = self.gamma or 1 / (inputs.shape[1] * (variance if variance > 0 else 1.0))
        machine = SVC(C=self.c, gamma=gamma, decision_function_shape="ovr").fit(scaled, labels)
        dual, intercept = pairwise(machine, present, training.n_classes)
        module = SvmModule(inputs.shape[1], training.n_classes)
        state = module.state_dict() | {
            "mean": torch.from_numpy(mean),
            "spread": torch.from_numpy(spread),
            "support": torch.from_numpy(machine.support_vectors_),
            "dual": torch.from_numpy(dual),
            "intercept": torch.from_numpy(intercept),
            "gamma": torch.tensor(gamma),
            "sharpness": torch.tensor(sharpness(machine, scaled, labels)),
            "present": torch.isin(torch.arange(training.n_classes), torch.from_numpy(present)),
        }
        module.load_state_dict(state)
        self._fitted = module

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        """A module (batch, n_inputs) → logits (batch, n_classes); before ``fit`` it gives NaN.

        Raises:
            NotSupported: other sizes than it was fitted for.
        """
        return built("svm-rbf", SvmModule(n_inputs, n_classes), self._fitted)


def built(name: str, module: Support, fitted: Support | None) -> Support:
    """A module with the state of what was fitted, if anything was.

    Raises:
        NotSupported: other sizes than it was fitted for.
    """
    if fitted is not None:
        sizes, wanted = ((len(each.mean), len(each.present)) for each in (fitted, module))
        if sizes != wanted:
            raise NotSupported(
                f"{name} was fitted for {sizes[0]} inputs and {sizes[1]} classes, not for {wanted[0]} and {wanted[1]}."
            )
        module.load_state_dict(fitted.state_dict())
    return module


def pairwise(
    machine: SVC, present: NDArray[np.int64], n_classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dual coefficients (pair, support) and intercepts (pair,) of all pairs; zeros for pairs with an absent class."""
    pairs = list(combinations(range(n_classes), 2))
    dual = np.zeros((len(pairs), len(machine.support_)))
    intercept = np.zeros(len(pairs))
    ends = np.concatenate([[0], np.cumsum(machine.n_support_)])
    # For two classes scikit-learn turns the signs round: positive is the second class.
    sign = -1.0 if len(present) == 2 else 1.0
    for number, (i, j) in enumerate(combinations(range(len(present)), 2)):
        row = pairs.index((int(present[i]), int(present[j])))
        # Support vectors stand class by class; row j-1 holds their coefficients against class j, for classes before it.
        dual[row, ends[i] : ends[i + 1]] = sign * machine.dual_coef_[j - 1, ends[i] : ends[i + 1]]
        dual[row, ends[j] : ends[j + 1]] = sign * machine.dual_coef_[i, ends[j] : ends[j + 1]]
        intercept[row] = sign * machine.intercept_[number]
    return dual, intercept


def sharpness(machine: SVC, inputs: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The factor of the scores at which their softmax has the lowest cross-entropy on samples that were held out."""
    present, counts = np.unique(labels, return_counts=True)
    if counts.min() < _CALIBRATION_FOLDS:
        return 1.0
    folds = StratifiedKFold(_CALIBRATION_FOLDS)
    scores = cross_val_predict(machine, inputs, labels, cv=folds, method="decision_function")
    if len(present) == 2:
        half = scores / (3 * (np.abs(scores) + 1)) + np.sign(scores) / 2
        scores = np.stack([-half, half], 1)
    rows = torch.from_numpy(scores)
    target = torch.from_numpy(np.searchsorted(present, labels))
    losses = [float(nn.functional.cross_entropy(factor * rows, target)) for factor in _SHARPNESS]
    return float(_SHARPNESS[int(np.argmin(losses))])
