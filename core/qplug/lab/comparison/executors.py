"""Which executor carries out the cells of a command, from the words of that command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from qplug import catalogue
from qplug.contract.errors import ConfigError, UserError
from qplug.contract.interfaces import Executor
from qplug.lab.runner.workplace import Workplace
from qplug.parameters import describe
from qplug.variables import plugin_files

DEFAULT = "local"
"""Who carries out several cells at once where nobody else is named."""
_PREFIX = "executor."


def executor_of(
    name: str | None,
    jobs: int | None,
    per_gpu: int | None,
    place: Workplace,
    settings: Mapping[str, Any] | None = None,
) -> Executor | None:
    """Who carries out the cells of a command.

    Args:
        name: of the executor; None: ``local``.
        jobs: how many cells at once; None: as many as the executor has room for.
        per_gpu: how many cells may share a GPU; None: as the executor has it.
        place: whose threads the cells of this machine share.
        settings: parameters of the executor, which ``jobs`` and ``per_gpu`` go before.

    Returns:
        The executor; None if nothing was asked for but one cell after the other: that needs no process of its own.

    Raises:
        UserError: there is no such executor, it is not installed, or it cannot be set so.
    """
    if name is None and per_gpu is None and not settings and jobs in (None, 1):
        return None
    name = name or DEFAULT
    with catalogue.without(place.disabled):
        known = [parameter.name for parameter in describe(catalogue.load("executor", name))]
        values = dict(settings or {})
        for option, parameter, value in (("--jobs", "slots", jobs), ("--per-gpu", "per_gpu", per_gpu)):
            if value is not None:
                _refuse_unknown(name, option, parameter, known)
                values[parameter] = value
        if jobs is not None and "threads" in known:
            values.setdefault("threads", max(1, place.threads // jobs))
        made = cast(Executor, catalogue.create("executor", name, values))
    _refuse_files_elsewhere(name, made)
    return made


def _refuse_files_elsewhere(name: str, made: Executor) -> None:
    """A file of parts is on this machine alone."""
    if made.capabilities.machines != "one" and (files := plugin_files()):
        raise UserError(
            f"executor {name!r} works on other machines, which do not have {Path(files[0]).name}. Take an executor of "
            "this machine, or make a package of it and install that there: qplug new plugin --help"
        )


def executor_settings(assignments: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """What ``--set executor.PARAM=VALUE`` options say of the executor, and all other ``--set`` options.

    Where cells are carried out is no setting of a run, so it stands in no configuration and in no hash.

    Raises:
        ConfigError: one of the executor's without a parameter or without ``=``.
    """
    own: dict[str, str] = {}
    others: list[str] = []
    for assignment in assignments:
        target, equals, value = assignment.partition("=")
        if not target.strip().startswith(_PREFIX):
            others.append(assignment)
            continue
        parameter = target.strip().removeprefix(_PREFIX)
        if not equals or not parameter:
            raise ConfigError(f"--set {assignment!r} must look like {_PREFIX}PARAM=VALUE, such as {_PREFIX}slots=4.")
        own[parameter] = value.strip()
    return own, others


def _refuse_unknown(name: str, option: str, parameter: str, known: Iterable[str]) -> None:
    if parameter not in known:
        raise UserError(f"executor {name!r} has no parameter {parameter!r}, so leave out {option}.")
