"""What the answers of a comparison's cells allow to say: intervals, tests and verdicts. Pure functions on numbers.

What is estimated, and why by these methods, is explained in ``docs/explanation/comparison.md``.
"""

from qplug.lab.comparison.statistics.answers import CellAnswers
from qplug.lab.comparison.statistics.differences import Difference, difference
from qplug.lab.comparison.statistics.estimates import Estimate, estimate
from qplug.lab.comparison.statistics.judged import Judged, holm, verdicts
from qplug.lab.comparison.statistics.kept import kept_share
from qplug.lab.comparison.statistics.scores import MetricName, score

__all__ = ["CellAnswers", "Difference", "Estimate", "Judged", "MetricName", "difference", "estimate", "holm",
           "kept_share", "score", "verdicts"]  # fmt: skip
