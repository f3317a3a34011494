"""Where tests make runs."""

from dataclasses import replace

from qplug.lab.runner.workplace import Workplace


def without_figures() -> Workplace:
    """What the environment describes. Figures have tests of their own, and take longer than a short training."""
    return replace(Workplace.from_environment(), figures=False)
