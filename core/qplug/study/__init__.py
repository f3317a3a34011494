"""The Python face: what the command does, as short in Python, and two doors into other people's code.

Each name is resolved when it is first used; ``qplug`` shows all of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qplug.study.classifier import HybridClassifier
    from qplug.study.comparison import Comparison, compare
    from qplug.study.evaluation import Evaluation, evaluate
    from qplug.study.heads import head
    from qplug.study.predictions import Predictions
    from qplug.study.running import run
    from qplug.study.runs import Run, load

_HOME = {
    "Comparison": "comparison",
    "Evaluation": "evaluation",
    "HybridClassifier": "classifier",
    "Predictions": "predictions",
    "Run": "runs",
    "compare": "comparison",
    "evaluate": "evaluation",
    "head": "heads",
    "load": "runs",
    "run": "running",
}

__all__ = [
    "Comparison",
    "Evaluation",
    "HybridClassifier",
    "Predictions",
    "Run",
    "compare",
    "evaluate",
    "head",
    "load",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
