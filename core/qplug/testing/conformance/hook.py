"""What holds for every hook plugin: a module, or a class of which each run makes an object."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qplug.contract.hooks import HOOKS, RunInfo
from qplug.hooks.calls import check_hooks, copied, implemented_hooks, made
from qplug.testing.conformance.check import Act, require
from qplug.testing.conformance.travel import leaves_the_process_alone

_METRICS = {"test": {"accuracy": 0.5}, "validation": {"accuracy": 0.5}, "warnings": []}
_EPOCH = {"epoch": 1, "train_loss": 0.7, "validation_loss": 0.7, "validation_accuracy": 0.5, "seconds": 0.1}


def hook_checks(plugin: object) -> Iterator[tuple[str, Act]]:
    """The checks of a hook plugin, by name."""
    name = str(getattr(plugin, "__name__", type(plugin).__name__))
    yield "hooks", lambda: _hooks(plugin)
    yield "documentation", lambda: require(bool(inspect.getdoc(plugin)), f"{name} has no docstring")
    yield "a-run", lambda: _life(plugin, ("run_started", "epoch_ended", "run_ended"))
    yield "a-failed-run", lambda: _life(plugin, ("run_started", "run_failed"))
    yield (
        "global-state",
        lambda: leaves_the_process_alone(name, lambda: _life(plugin, ("run_started", "epoch_ended", "run_ended"))),
    )


def _hooks(plugin: object) -> None:
    check_hooks(made(plugin))


def _life(plugin: object, hooks: tuple[str, ...]) -> None:
    """Calls what is implemented, in the order of a run's life, with what a run gives."""
    instance: Any = made(plugin)
    there = implemented_hooks(instance)
    with tempfile.TemporaryDirectory(prefix="qplug-check-") as home:
        given = {
            "run": RunInfo(
                directory=Path(home), config=copied({"seed": 0}), dataset="chirps", head="linear", backend="", seed=0
            ),
            "epoch": 1,
            "reason": "it was stopped",
        }
        for hook in [each for each in HOOKS if each in hooks and each in there]:
            call = getattr(instance, hook)
            metrics = copied(_EPOCH if hook == "epoch_ended" else _METRICS)
            values = given | {"metrics": metrics}
            call(**{name: values[name] for name in inspect.signature(call).parameters})
