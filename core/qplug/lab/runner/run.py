"""One run from start to end, in a folder that is named for it, and going on with one that was interrupted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qplug import catalogue
from qplug.catalogue.layers import Layer
from qplug.contract.errors import QplugError, UserError
from qplug.lab.config.layers import from_file
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import short_hash
from qplug.lab.runner.code import naming_what_is_gone, warn_of_changed_code
from qplug.lab.runner.complete import begin, go_on
from qplug.lab.runner.evaluate import evaluate, unanswered
from qplug.lab.runner.examine import examine
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.stepwise import rest_of
from qplug.lab.runner.unused import unused_backend
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import CONFIG, RunDirectory
from qplug.lab.runs.record_file import read_record


def run_once(
    layers: Iterable[Layer],
    out: Path,
    reporter: Reporter,
    *,
    repeated: RunDirectory | None = None,
    workplace: Workplace | None = None,
    spending: Spending | None = None,
) -> dict[str, Any]:
    """Runs what the layers describe and gives its summary, as ``qplug run --json`` prints it.

    A remote backend is asked once the run is finished; what it answered, or that it has not yet, stands under
    ``verification``.

    Args:
        layers: settings by falling precedence, recipe included.
        out: where the run directory is made.
        reporter: told what goes on.
        repeated: the run whose configuration this is; a warning tells which code has changed since.
        workplace: where it is worked on; None: as the environment says.
        spending: what a remote backend may cost; None: nothing that costs.

    Raises:
        UserError: something was asked that cannot be done; nothing is left behind but a run that was finished before a
            device could not be asked.
        Interrupted: the user stopped it; the message says how to go on.
    """
    layers, place = list(layers), workplace or Workplace.from_environment()
    with catalogue.without(place.disabled):
        examined = examine(resolve(layers), place, reporter)
        config = examined.config
        if unused := unused_backend(layers, config, examined.components):
            reporter.note(unused)
        if repeated is not None:
            warn_of_changed_code(repeated, examined.code, reporter.warn)
        name, hashed = config.dataset.name, short_hash(config)
        with RunDirectory.create(out, dataset=name, head=config.heads, short_hash=hashed) as directory:
            summary = begin(examined, directory, reporter, spending).summary(str(directory.path))
            return summary | _from_device(directory, reporter, place, rest_of(spending, directory.path))


def resume_run(
    path: Path, reporter: Reporter, *, workplace: Workplace | None = None, spending: Spending | None = None
) -> dict[str, Any]:
    """Goes on with an interrupted run; the numbers are those of an uninterrupted one.

    Work of a finished run that waits at a device is fetched, and what was never sent is sent.

    Raises:
        UserError: there is no run, it is finished, or another process works on it.
        ConfigError: its data, its settings or the code of its components have changed since.
    """
    place = workplace or Workplace.from_environment()
    with RunDirectory.reopen(path) as directory, catalogue.without(place.disabled):
        if directory.status == "finished":
            if not unanswered(directory):
                raise UserError(f"{path} is finished; there is nothing to resume. Look at it with: qplug runs")
            return read_record(path).summary(str(path)) | _from_device(directory, reporter, place, spending)
        with naming_what_is_gone(directory):
            resolved = resolve([from_file(directory.path / CONFIG)])
        examined = examine(resolved, place, reporter)
        summary = go_on(examined, directory, reporter, spending).summary(str(directory.path))
        return summary | _from_device(directory, reporter, place, rest_of(spending, directory.path))


def _from_device(
    directory: RunDirectory, reporter: Reporter, place: Workplace, spending: Spending | None
) -> dict[str, Any]:
    """What a remote backend answers to each question that a finished run still has."""
    found: dict[str, Any] = {}
    for asked in unanswered(directory):
        if spending is not None and not asked.settings:
            asked = replace(asked, size=spending.size)
        try:
            found["verification"] = evaluate(directory.path, asked, reporter, workplace=place, spending=spending)
        except QplugError:
            reporter.note(f"the run is finished; go on with the device by: qplug resume {directory.path}")
            raise
    return found
