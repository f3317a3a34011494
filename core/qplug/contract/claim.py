"""A result that others reported, to stand beside a run's own."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One number that somebody reached on the same data.

    Attributes:
        metric: what was measured; by its key in the table of metrics, such as ``"balanced_accuracy"``, if it is there.
        value: the number.
        unit: of the number, such as ``"%"``; empty if it has none.
        protocol: what was judged, and on what it was trained and tested.
        source: where it is reported, such as ``"He et al. 2015, arXiv:1512.03385"``; ``"counted"`` for what everyone
            can count in the data.
    """

    metric: str
    value: float
    unit: str = ""
    protocol: str
    source: str

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.protocol}: {self.metric.replace('_', ' ')} {self.value:g}{unit} ({self.source})"

    def about(self, what: str) -> Claim:
        """The same with more said of its protocol, such as that it is about another task."""
        return replace(self, protocol=f"{what}: {self.protocol}")
