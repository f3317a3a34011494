"""How this installation of qplug came here, and the commands that add to it, renew it or repair it.

The distribution's name is said in ``qplug.version`` (and, for the build, in pyproject.toml). Commands name what works:
the checkout or the wheel that this installation was made from, and the name alone only once it is registered.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distributions
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from qplug.version import DISTRIBUTION, PROJECT, REGISTERED, __file__

SCRIPT = ("console_scripts", "qplug", "qplug_cli")
"""Group, name and package of the entry point that tells a distribution of this project from another's of its name."""

UNKNOWN = "CHECKOUT-OR-WHEEL"
"""What stands in a command where nothing tells from where this installation came."""


def canonical(distribution: str) -> str:
    """A distribution's name in its normal form. **Source:** PyPA name normalisation (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


_NAMES = {canonical(DISTRIBUTION), canonical(PROJECT)}


def may_be_ours(name: str) -> bool:
    """Whether a distribution has a name that one of this project's has or had."""
    return canonical(name) in _NAMES


def is_ours(distribution: Distribution) -> bool:
    """Whether a distribution is of this project; its name alone does not tell."""
    return may_be_ours(distribution.name) and any(
        (point.group, point.name, re.split(r"\W", point.value)[0]) == SCRIPT for point in distribution.entry_points
    )


def own() -> Distribution | None:
    """This project's distribution as it is installed; None where the code runs without being installed."""
    for name in (DISTRIBUTION, PROJECT):
        try:
            found = Distribution.from_name(name)
        except PackageNotFoundError:
            continue
        if is_ours(found):
            return found
    return None


def namesakes() -> list[Distribution]:
    """Installed distributions with a name of this project that are another project's."""
    return [each for each in _named() if not is_ours(each)]


def superseded() -> list[Distribution]:
    """Installations of this project under a name that it had before, beside one under its name of today."""
    found = [each for each in _named() if is_ours(each)]
    today = [each for each in found if canonical(each.name) == canonical(DISTRIBUTION)]
    return [each for each in found if each not in today] if today else []


def _named() -> Iterator[Distribution]:
    """Each installed distribution with one of the names, once: the first on the path counts."""
    for name in sorted(_NAMES):
        first = next(iter(distributions(name=name)), None)
        if first is not None:
            yield first


def provider(name: str, *, ours: bool) -> str:
    """How a distribution is called in lists and records: this project's by the project's name, whatever its own is."""
    if ours:
        return PROJECT
    return f"another project's {name}" if may_be_ours(name) else name


def install(*extras: str) -> str:
    """The command that adds extras to this installation.

    Args:
        extras: their names, without one that another of them brings; none: the command that installs qplug as it is.
    """
    asked = {extra: _requirements(extra) for extra in extras}
    brought = {extra for extra, its in asked.items() if its and any(its < more for more in asked.values())}
    return _command("pip install", tuple(extra for extra in extras if extra not in brought))


@functools.cache
def _requirements(extra: str) -> frozenset[str]:
    """What an extra of this installation asks for; nothing where that cannot be told."""
    found = own()
    ending = re.compile(rf"extra == ['\"]{re.escape(extra)}['\"]$")
    return frozenset(ending.sub("", each) for each in (found.requires or () if found else ()) if ending.search(each))


def reinstall() -> str:
    """The command that puts back what is missing of this installation."""
    return _command("pip install --force-reinstall --no-deps", ())


def upgrade() -> str:
    """What brings a newer qplug, as the end of a sentence after a colon."""
    source = _source()
    if source.folder:
        return f"git -C {_quoted(source.folder)} pull, then {reinstall()}"
    if source.file or source.text == UNKNOWN:
        return f"pip install NEWER-WHEEL, a wheel of {DISTRIBUTION} or a checkout"
    return _command("pip install --upgrade", ())


class _Source:
    """From where this installation came: a folder, a file, or what else pip takes."""

    def __init__(self, *, folder: str = "", file: str = "", text: str = "", editable: bool = False) -> None:
        self.folder, self.file, self.text, self.editable = folder, file, text, editable


def _command(verb: str, extras: tuple[str, ...]) -> str:
    source = _source()
    asked = f"[{','.join(extras)}]" if extras else ""
    if source.text:
        name, at, address = source.text.partition(" @ ")
        return f"{verb} {_quoted(f'{name}{asked}{at}{address}')}"
    return f"{verb} {'-e ' if source.editable else ''}{_quoted(f'{source.folder or source.file}{asked}')}"


def _quoted(word: str) -> str:
    """A word as the shells of this system take it."""
    return f'"{word}"' if os.name == "nt" else shlex.quote(word)


@functools.cache
def _source() -> _Source:
    found = own()
    if found is None:
        return _checkout()
    try:
        told = json.loads(found.read_text("direct_url.json") or "{}")
        return _from_address(told) if told else _by_name()
    except (ValueError, AttributeError, TypeError):
        return _by_name()


def _checkout() -> _Source:
    """The checkout that the running code lies in, where it is in one."""
    folder = Path(__file__).resolve().parents[2]
    return _Source(folder=str(folder), editable=True) if (folder / "pyproject.toml").is_file() else _by_name()


def _by_name() -> _Source:
    return _Source(text=DISTRIBUTION if REGISTERED else UNKNOWN)


def _from_address(told: Mapping[str, Any]) -> _Source:
    """From what pip noted when it installed. **Source:** PyPA, direct URL origin (PEP 610)."""
    address = str(told["url"])
    if "vcs_info" in told:
        return _Source(text=f"{DISTRIBUTION} @ {told['vcs_info']['vcs']}+{address}")
    if not address.startswith("file:"):
        return _Source(text=f"{DISTRIBUTION} @ {address}")
    path = Path(url2pathname(unquote(urlsplit(address).path)) if os.name == "nt" else unquote(urlsplit(address).path))
    if (path / "pyproject.toml").is_file():
        return _Source(folder=str(path), editable=bool(told.get("dir_info", {}).get("editable")))
    return _Source(file=str(path)) if path.is_file() else _by_name()
