"""The code that a run was made with, and whether it is still the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from qplug import catalogue
from qplug.contract.errors import ConfigError, NotInstalled, QplugError, UnknownName
from qplug.contract.interfaces import Component
from qplug.installation import upgrade
from qplug.lab.config.model import RunConfig
from qplug.lab.data.code import code_hash
from qplug.lab.pipeline.components import Components
from qplug.lab.runs.directory import ENVIRONMENT, RunDirectory
from qplug.lab.runs.shapes import CODE, refuse_misshapen
from qplug.version import PROJECT

Code = Mapping[str, Mapping[str, str]]


def code_of(config: RunConfig, components: Components) -> dict[str, dict[str, str]]:
    """Of each component: kind and name, the distribution that brings it with its version, and its code's SHA-256."""
    return {place: _describe(kind, name, part) for place, kind, name, part in _named(config, components)}


def refuse_changed_code(run: RunDirectory, now: Code) -> None:
    """Refuses to go on with other code than a run was started with.

    Raises:
        ConfigError: the message names each component and its package.
    """
    changed = list(changes_of_code(_recorded(run), now))
    if changed:
        raise ConfigError(
            f"{run.path} cannot go on, because code has changed since it was started: {'; '.join(changed)}. "
            f"Put it back as it was, or start a new run: qplug run --config {run.path}/run.toml"
        )


def warn_of_changed_code(run: RunDirectory, now: Code, warn: Callable[[str], None]) -> None:
    """Says in one warning which components of ``now`` have other code than the run was made with."""
    if changed := ", ".join(changes_of_code(_recorded(run), now)):
        warn(f"the code of {changed} is not the code that {run.path} was made with; its numbers may differ.")


def beside(config_file: Path) -> RunDirectory | None:
    """The run whose ``run.toml`` a file is, if it is one's."""
    found = RunDirectory(config_file.parent)
    return found if config_file.name == "run.toml" and (found.path / ENVIRONMENT).is_file() else None


@contextmanager
def naming_what_is_gone(made_with: RunDirectory | Code | None) -> Iterator[None]:
    """Inside, a name that nothing has any more is told with the distribution or file that brought it at the time.

    Args:
        made_with: the run whose configuration is used, or its code as it was recorded; None: no run's.

    Raises:
        NotInstalled: components are of distributions that are not installed, or of a file that was not given; with
            the command that installs them, or the option that gives it.
    """
    try:
        yield
    except UnknownName as error:
        code = _recorded(made_with) if isinstance(made_with, RunDirectory) else made_with or {}
        gone = [about for about in code.values() if not _is_there(about)]
        if not gone:
            raise
        components = dict.fromkeys(f"{each['kind']} {each['name']!r} of {_brought_by(each)}" for each in gone)
        where = "here" if any(map(_is_file, gone)) else "installed here"
        raise NotInstalled(
            f"a run was made with what is not {where}: {', '.join(components)}. {' '.join(_cures(gone))}"
        ) from error


def _cures(gone: Collection[Mapping[str, str]]) -> Iterator[str]:
    if files := dict.fromkeys(each["package"] for each in gone if _is_file(each)):
        yield f"Give the file that it stands in with: {' '.join(f'--plugin {file}' for file in files)}."
    if packaged := [each for each in gone if not _is_file(each)]:
        wanted = dict.fromkeys(f"'{each['package']}=={each['version']}'" for each in packaged
                               if each["package"] != PROJECT)  # fmt: skip
        yield f"Install it with: {' '.join(['pip install', *wanted]) if wanted else upgrade()}"


def _is_file(about: Mapping[str, str]) -> bool:
    """Whether a part stood in a file that no package brings: there is its name, and no version."""
    return not about["version"] and about["package"].endswith(".py")


def _brought_by(about: Mapping[str, str]) -> str:
    return about["package"] if _is_file(about) else f"{about['package']} {about['version']}"


def _is_there(about: Mapping[str, str]) -> bool:
    try:
        catalogue.entry(about["kind"], about["name"])
    except UnknownName:
        return False
    return True


def _recorded(run: RunDirectory) -> Code:
    if not (run.path / ENVIRONMENT).is_file():
        return {}
    code: Code = run.read_json(ENVIRONMENT).get("code", {})
    refuse_misshapen(CODE, code, str(run.path / ENVIRONMENT), whole=True)
    return code


def changes_of_code(before: Code, now: Code) -> Iterator[str]:
    """The components, each with its package, whose code differs; those that only one of the two has are left out."""
    told: Collection[str] = set()
    for place in before:
        old, new = before[place], now.get(place)
        if new is None or (old["kind"], old["name"]) != (new["kind"], new["name"]) or old["sha256"] == new["sha256"]:
            continue
        version = old["version"] if old["version"] == new["version"] else f"{old['version']}, now {new['version']}"
        brought = old["package"] if _is_file(old) else f"package {old['package']} {version}"
        text = f"{old['kind']} {old['name']!r} of {brought}"
        if text not in told:
            yield text
        told = {*told, text}


def _named(config: RunConfig, components: Components) -> Iterator[tuple[str, str, str, Component]]:
    """Each component with its place in the pipeline, its kind and its name."""
    for kind in ("dataset", "features", "backbone"):
        yield kind, kind, getattr(config, kind).name, getattr(components, kind)
    for number, (branch, made) in enumerate(zip(config.branches, components.branches, strict=True), start=1):
        yield f"reducer-{number}", "reducer", branch.reducer.name, made.reducer
        yield f"head-{number}", "head", branch.head.name, made.head
    if components.backend is not None:
        yield "backend", "backend", config.backend.name, components.backend


def _describe(kind: str, name: str, part: Component) -> dict[str, str]:
    try:
        entry = catalogue.entry(kind, name)
        package, version = entry.provider, entry.version
    except QplugError:  # the component is there, whatever became of its entry
        package, version = type(part).__module__.partition(".")[0], ""
    return {"kind": kind, "name": name, "package": package, "version": version, "sha256": code_hash(part)}
