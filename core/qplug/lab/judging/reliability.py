"""How far a classifier's probabilities can be taken at their word, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

N_BINS = 15
"""The number of bins of the paper; with others the error is another number."""


@dataclass(frozen=True)
class Bins:
    """Predictions sorted by the probability of the predicted class into bins of equal width over [0, 1].

    Attributes:
        counts: (bin,) how many predictions are in each.
        confidence: (bin,) their mean probability; NaN in an empty bin.
        accuracy: (bin,) the share of them that is right; NaN in an empty bin.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error: |accuracy - confidence|, averaged over the predictions.

        **Source:** Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks",
        arXiv:1706.04599, equation 3.
        """
        filled = self.counts > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((gaps * self.counts[filled]).sum() / self.counts.sum())


def reliability(labels: Tensor, probabilities: Tensor, *, n_bins: int = N_BINS) -> Bins:
    """Confidence and accuracy by bin.

    Args:
        labels: true classes (n,).
        probabilities: (n, n_classes), each row sums to 1.
        n_bins: how many bins of equal width.
    """
    highest, predicted = probabilities.cpu().double().max(dim=1)
    confidence, right = highest.numpy(), (predicted == labels.cpu()).numpy()
    place = np.minimum((confidence * n_bins).astype(np.int64), n_bins - 1)
    counts = np.bincount(place, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(place, weights=values, minlength=n_bins) / counts for values in (confidence, right)]
    return Bins(counts, means[0], means[1])
