"""One run from start to end, in a folder that is named for it, and going on with one that was interrupted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qplug import catalogue
from qplug.contract.errors import UserError
from qplug.lab.config.layers import Layer, from_file
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import short_hash
from qplug.lab.runner.code import naming_what_is_gone, warn_of_changed_code
from qplug.lab.runner.complete import begin, go_on
from qplug.lab.runner.examine import examine
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.unused import unused_backend
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import CONFIG, RunDirectory


def run_once(
    layers: Iterable[Layer],
    out: Path,
    reporter: Reporter,
    *,
    repeated: RunDirectory | None = None,
    workplace: Workplace | None = None,
) -> dict[str, Any]:
    """Runs what the layers describe and gives its summary, as ``qplug run --json`` prints it.

    Args:
        layers: settings by falling precedence, recipe included.
        out: where the run directory is made.
        reporter: told what goes on.
        repeated: the run whose configuration this is; a warning tells which code has changed since.
        workplace: where it is worked on; None: as the environment says.

    Raises:
        UserError: something was asked that cannot be done; nothing is left behind.
        Interrupted: the user stopped it; the message says how to go on.
    """
    layers, place = list(layers), workplace or Workplace.from_environment()
    with catalogue.without(place.disabled):
        examined = examine(resolve(layers), place, reporter)
        config = examined.config
        if unused := unused_backend(layers, config, examined.parts):
            reporter.note(unused)
        if repeated is not None:
            warn_of_changed_code(repeated, examined.code, reporter.warn)
        name, hashed = config.dataset.name, short_hash(config)
        with RunDirectory.create(out, dataset=name, head=config.heads, short_hash=hashed) as directory:
            return begin(examined, directory, reporter).summary(str(directory.path))


def resume_run(path: Path, reporter: Reporter, *, workplace: Workplace | None = None) -> dict[str, Any]:
    """Goes on with an interrupted run; the numbers are those of an uninterrupted one.

    Raises:
        UserError: there is no run, it is finished, or another process works on it.
        ConfigError: its data, its settings or the code of its parts have changed since.
    """
    place = workplace or Workplace.from_environment()
    with RunDirectory.reopen(path) as directory, catalogue.without(place.disabled):
        if directory.status == "finished":
            raise UserError(f"{path} is finished; there is nothing to resume. Look at it with: qplug runs")
        with naming_what_is_gone(directory):
            resolved = resolve([from_file(directory.path / CONFIG)])
        examined = examine(resolved, place, reporter)
        return go_on(examined, directory, reporter).summary(str(directory.path))
