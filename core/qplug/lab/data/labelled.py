"""One part of a split, as it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qplug.contract.interfaces import Part, Sample


@dataclass(frozen=True)
class Labelled:
    """The samples of one part, with the truth about them.

    Attributes:
        part: its name.
        positions: (n,) where they stand in a view's inputs.
        labels: (n,) true classes, numbers in [0, n_classes).
        samples: the samples (n).
        classes: the names of the classes, in the order of the logits.
    """

    part: Part
    positions: NDArray[np.int64]
    labels: NDArray[np.int64]
    samples: Sequence[Sample]
    classes: tuple[str, ...]
