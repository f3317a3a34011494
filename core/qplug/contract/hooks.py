"""Hooks: what a plugin may do during the life of a run without being part of its pipeline.

A hook plugin is a class, of which each run has an object of its own, or a module, with functions marked ``@hookimpl``
that have names and arguments of the specifications below; arguments it does not need may be left out. It is announced
in the entry-point group ``qplug.hooks``::

    from qplug.contract.hooks import hookimpl

    @hookimpl
    def run_ended(run, metrics):
        send_message(f"{run.directory.name}: {metrics['test']['accuracy']:.3f}")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import typer

hookimpl = pluggy.HookimplMarker("qplug")
"""Marks a plugin's function as the implementation of the hook of the same name."""

_hookspec = pluggy.HookspecMarker("qplug")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What a hook may know about a run.

    Attributes:
        directory: the run directory; its files appear as the run goes on.
        config: the resolved run configuration, as in its ``run.toml``.
        dataset: name of the data set.
        head: name of the head; several branches are joined by ``+``.
        backend: name of the backend; empty without a circuit.
        seed: the run's seed.
        loggers: hook plugins that the user asked for by name. Those that write a run's course into another tool act
            only where they stand here.
    """

    directory: Path
    config: Mapping[str, Any]
    dataset: str
    head: str
    backend: str
    seed: int
    loggers: tuple[str, ...] = ()


class Specifications:
    """The hooks there are."""

    @_hookspec
    def run_started(self, run: RunInfo) -> None:
        """The pipeline stands and training is about to begin."""

    @_hookspec
    def epoch_ended(self, run: RunInfo, epoch: int, metrics: Mapping[str, float]) -> None:
        """One pass over the training part is done and the validation part was looked at.

        What is given is a copy that cannot be changed, here and in the other hooks.

        Args:
            run: the run.
            epoch: counted from 1.
            metrics: that epoch's row of ``history.csv``.
        """

    @_hookspec
    def run_ended(self, run: RunInfo, metrics: Mapping[str, Any]) -> None:
        """The run is complete on disk.

        Args:
            run: the run.
            metrics: what its record says, in a flat table: ``test`` and ``validation`` metrics, ``warnings``, …
        """

    @_hookspec
    def run_failed(self, run: RunInfo, reason: str) -> None:
        """The run ended before it was complete: it failed or was stopped.

        Who was told of the start is told of one end, also who raised in between.

        Args:
            run: the run.
            reason: what the user is told.
        """


HOOKS = ("run_started", "epoch_ended", "run_ended", "run_failed")
"""The names of all hooks, in the order of a run's life."""


class CommandSpecifications:
    """The hook by which a plugin adds commands to ``qplug``; announced by name in the group ``qplug.commands``."""

    @_hookspec
    def register_commands(self, app: typer.Typer) -> None:
        """A command that the plugin announces is wanted.

        Nothing of the plugin is imported before somebody types the command's name. A text ``summary`` in the module or
        class stands beside the name in ``qplug --help`` and ``qplug list``.

        Args:
            app: takes the commands, by ``@app.command()`` or ``app.add_typer``, under the names that are announced. It
                belongs to this call: what else it is given is not found.
        """
