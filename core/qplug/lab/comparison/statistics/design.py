"""What an arm, or a pair of arms, gives to average over, and whether that is enough to say anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qplug.lab.comparison.statistics.answers import Arm, Classes
from qplug.lab.comparison.statistics.scores import Floats, MetricName, additions
from qplug.lab.comparison.statistics.spread import (
    MIN_EFFECTIVE_GROUPS,
    MIN_GROUPS,
    MIN_REDRAWN,
    MIN_SEEDS,
    CrossedSpread,
    RedrawnSpread,
    crossed,
    effective,
    redrawn,
)


@dataclass(frozen=True)
class Design:
    """How the cells of a comparison lie.

    Attributes:
        redrawn: whether the seed draws the test part.
        n_seeds: seeds.
        n_parts: test parts: folds, or cells where the seed draws them.
        codes: for each part (n,) the number of each sample's group.
        shares: (n_groups,) how much each group counts; the sum is 1.
        n_samples: different test samples.
        ratio: n_test / n_train, mean over the parts.
        lightest: variance of the mean of independent samples, each of variance 1.
    """

    redrawn: bool
    n_seeds: int
    n_parts: int
    codes: tuple[Classes, ...]
    shares: Floats
    n_samples: int
    ratio: float
    lightest: float

    @property
    def n_groups(self) -> int:
        """Different groups."""
        return len(self.shares)

    @property
    def grouped(self) -> bool:
        """Whether some samples belong together."""
        return self.n_groups < self.n_samples

    @property
    def reason(self) -> str:
        """Why nothing can be said beyond the mean; empty if something can."""
        if self.redrawn and self.n_seeds > 1:
            return "" if self.n_parts >= MIN_REDRAWN else (
                f"{self.n_parts} drawings of the test part are too few; at least {MIN_REDRAWN} are needed"
            )  # fmt: skip
        if self.n_seeds < MIN_SEEDS:
            few = "one seed cannot tell" if self.n_seeds == 1 else f"{self.n_seeds} seeds tell too little of"
            return f"{few} how much the next one would change; at least {MIN_SEEDS} are needed, and 10 are better"
        unit = "groups" if self.grouped else "samples"
        if self.n_groups < MIN_GROUPS:
            return f"{self.n_groups} test {unit} are too few; at least {MIN_GROUPS} are needed"
        if effective(self.shares) < MIN_EFFECTIVE_GROUPS:
            return (
                f"the {self.n_groups} test {unit} are so unequal that they count as {effective(self.shares):.1f}; "
                f"at least {MIN_EFFECTIVE_GROUPS:g} are needed"
            )
        return ""

    @property
    def method(self) -> str:
        """The test in words."""
        if self.redrawn:
            return f"corrected resampled t over {self.n_parts} drawings of the test part (Nadeau and Bengio)"
        unit = "groups" if self.grouped else "samples"
        folds = f" in {self.n_parts} folds" if self.n_parts > 1 else ""
        return f"t over {self.n_groups} test {unit}{folds} and {self.n_seeds} seeds, both as drawn (Howe 1974)"

    def spread(self, terms: Floats) -> CrossedSpread | RedrawnSpread:
        """Of what ``terms`` gave, or of a linear combination of two arms' terms."""
        return redrawn(terms, self.ratio, self.n_seeds) if self.redrawn else crossed(terms, self.shares)

    def floor(self, share: float, terms: Floats) -> float:
        """The variance of a difference whose arms disagree on no more than such a share of the samples.

        Arms that differ by the margin disagree on at least as many samples. A test set that happens to hold few of
        those would make the variance look too small; below this it cannot be.
        """
        # Seeds that change nothing add nothing.
        distinct = 1 if self.redrawn else len({row.tobytes() for row in terms})
        return share * (1 - share) * self.lightest / distinct


def laid_out(arm: Arm, metric: MetricName, n_classes: int) -> Design:
    """How an arm's cells lie."""
    every = np.concatenate([part.groups for part in arm.parts])
    names, codes = np.unique(every, return_inverse=True)
    ends = np.cumsum([len(part.groups) for part in arm.parts])
    shares = [additions(metric, part.labels, part.labels[None], n_classes).shares for part in arm.parts]
    together = np.concatenate(shares) / len(arm.parts)
    return Design(
        redrawn=arm.redrawn,
        n_seeds=len(arm.seeds),
        n_parts=len(arm.parts),
        codes=tuple(np.split(codes, ends[:-1])),
        shares=np.bincount(codes, together, len(names)).astype(np.float64),
        n_samples=len(np.unique(np.concatenate([part.ids for part in arm.parts]))),
        ratio=float(np.mean([len(part.ids) / max(part.n_train, 1) for part in arm.parts])),
        lightest=float((together**2).sum()),
    )


def scores_of(arm: Arm, metric: MetricName, n_classes: int) -> Floats:
    """(n_seeds, n_folds) scores of the cells; (1, n_cells) where the seed draws the test part."""
    columns = [additions(metric, part.labels, part.predicted, n_classes).terms.sum(axis=1) for part in arm.parts]
    return np.stack(columns, axis=1)


def terms_of(design: Design, arm: Arm, metric: MetricName, n_classes: int) -> Floats:
    """(n_seeds, n_groups) what each group adds to the mean over folds; (n_cells,) scores where parts are redrawn."""
    if design.redrawn:
        scores: Floats = scores_of(arm, metric, n_classes)[0]
        return scores
    total = np.zeros((design.n_seeds, design.n_groups))
    for part, codes in zip(arm.parts, design.codes, strict=True):
        total += _summed(additions(metric, part.labels, part.predicted, n_classes).terms, codes, design.n_groups)
    return total / len(arm.parts)


def _summed(terms: Floats, codes: Classes, n_groups: int) -> Floats:
    return np.stack([np.bincount(codes, row, n_groups).astype(np.float64) for row in terms])
