"""What is measured: the one table of every metric, for all that computes, chooses by, shows or explains one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One number that says how good predictions are.

    Attributes:
        key: its name in records, tables and settings.
        title: its name for people.
        meaning: what it is, in a sentence.
        low: its least value.
        high: its greatest value; None where there is no limit.
        better: whether more or less of it is good.
        shown: as a share in percent, or as a number of three digits.
        unit: what a number counts, such as ``"nats"``; empty for shares.
        of_two_classes: whether it is defined only where there are two classes.
        in_summary: whether it stands in a run's summary, as ``qplug run`` prints it.
        in_lists: whether it stands beside other runs, in ``qplug runs`` and the rows of a set.
    """

    key: str
    title: str
    meaning: str
    low: float = 0
    high: float | None = 1
    better: Literal["higher", "lower"] = "higher"
    shown: Literal["share", "number"] = "share"
    unit: str = ""
    of_two_classes: bool = False
    in_summary: bool = False
    in_lists: bool = False

    def written(self, value: float | None) -> str:
        """A value as reports show it; a dash for one that is not known."""
        if value is None:
            return "–"
        return percent(value) if self.shown == "share" else f"{value:.3f}"

    @property
    def range(self) -> str:
        """The interval of its values."""
        return f"[{self.low:g}, ∞)" if self.high is None else f"[{self.low:g}, {self.high:g}]"


def percent(share: float | None) -> str:
    """A share in [0, 1] in percent; a dash for one that is not known."""
    return "–" if share is None else f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


_ALL = (
    Metric("accuracy", "accuracy", "Share of samples whose most probable class is the true one.",
           in_summary=True, in_lists=True),
    Metric("balanced_accuracy", "balanced accuracy",
           "Unweighted average recall: mean over the classes that occur of the share of their samples that is found.",
           in_summary=True, in_lists=True),
    Metric("macro_f1", "macro F1",
           "Mean over the classes that occur of the harmonic mean of precision and recall.",
           in_summary=True, in_lists=True),
    Metric("precision", "macro precision",
           "Mean over the classes that occur of the share of answers with that class that is right.",
           in_summary=True),
    Metric("roc_auc", "area under ROC",
           "Chance that a sample of the second class is given a higher probability of it than one of the first.",
           shown="number", of_two_classes=True),
    Metric("average_precision", "average precision",
           "Mean precision over the recalls that thresholds on the second class's probability give.",
           shown="number", of_two_classes=True),
    Metric("cross_entropy", "cross-entropy",
           "Mean of minus the natural logarithm of the true class's probability.",
           high=None, better="lower", shown="number", unit="nats", in_summary=True, in_lists=True),
    Metric("expected_calibration_error", "expected calibration error",
           "Mean distance between the predicted class's probability and the share that is right, over 15 bins.",
           better="lower", shown="number"),
)  # fmt: skip

METRICS: Mapping[str, Metric] = MappingProxyType({metric.key: metric for metric in _ALL})
"""Every metric by its key, in the order in which they are shown."""
SUMMARY = tuple(metric.key for metric in _ALL if metric.in_summary)
"""The metrics of a part in a run's summary; its record has them all."""
LISTED = tuple(metric.key for metric in _ALL if metric.in_lists)
"""The metrics that stand beside other runs."""
