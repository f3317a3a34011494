"""Settings from several places, merged by precedence: flag, ``--set``, file, recipe, the data set's own default.

A *layer* is a plain dictionary in the shape of ``run.toml``: options at the top, one table per kind of component with
its ``name`` and its parameters, and the tables ``training`` and ``augmentation``. Layers are merged key by key. A
layer that names another component than the layers below it replaces their whole table, because their parameters belong
to another component.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from qplug.catalogue import is_code
from qplug.catalogue.layers import Layer, merge
from qplug.contract.errors import ConfigError, UnknownName
from qplug.lab.config.options import OPTIONS
from qplug.lab.config.reading import parse_toml, read_text
from qplug.lab.config.shape import refuse_misshapen
from qplug.parameters import PRESET

TABLES = ("dataset", "features", "backbone", "reducer", "head", "backend")
SECTIONS = ("training", "augmentation")
"""Tables of options that belong to no component."""
BRANCH = re.compile(r"branch([1-9]\d*)")
"""Names one of several branches in ``--set``."""
AMBIGUOUS = (
    "there are several branches, so a head or reducer by itself belongs to none of them. "
    "Say which one is meant: --set branch1.head.PARAM=VALUE."
)
FORMAT = 1
"""Version of the layout of ``run.toml``."""


def from_file(path: Path) -> Layer:
    """The layer in a TOML file such as a run's ``run.toml``.

    Raises:
        ConfigError: the file is missing, is no TOML, or was written for another layout.
        UnknownName: a key that no run configuration has.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no file {path}. Give --config the path of a TOML file or of a run's run.toml."
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder. Did you mean {path / 'run.toml'}?") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from None
    return checked(parse_toml(text, str(path), ConfigError), where=str(path))


def checked(layer: Layer, *, where: str) -> Layer:
    """``layer`` itself, if all its keys exist and its tables are tables.

    Args:
        layer: what was read.
        where: the file or recipe, for errors.

    Raises:
        UnknownName: a key that no run configuration has, with near ones.
        ConfigError: a component that is not a table, or another layout version.
    """
    layer = dict(layer)
    version = layer.pop("format", FORMAT)
    if version != FORMAT:
        raise ConfigError(f"{where} has format = {version}, but this version of qplug reads format = {FORMAT}.")
    known = (*TABLES, *SECTIONS, *OPTIONS, "branch")
    for key, value in layer.items():
        if key not in known:
            raise UnknownName.of(f"key of {where}", key, known)
        if key in (*TABLES, *SECTIONS) and not isinstance(value, Mapping):
            content = 'name = "…"' if key in TABLES else "OPTION = VALUE"
            raise ConfigError(f"{where}: {key} must be a table such as [{key}] with {content}; got {value!r}.")
    refuse_misshapen(layer, where)
    for number, branch in enumerate(layer.get("branch", ()), start=1):
        for key in branch:
            if key not in ("reducer", "head", "weight"):
                raise UnknownName.of(f"key of branch {number} in {where}", key, ("reducer", "head", "weight"))
    return layer


def from_assignments(assignments: Iterable[str], named: Mapping[str, str] | None = None) -> Layer:
    """The layer that ``--set KIND.PARAM=VALUE`` options describe. Values stay text; they are converted later.

    ``branch2.head.n_layers=3`` and ``branch2.weight=0.5`` reach the second of several branches.

    Args:
        assignments: the options' values.
        named: components by kind, as far as they are known; what is set without a kind is looked for there.

    Raises:
        ConfigError: an assignment without ``=`` or without a dot.
        UnknownName: a kind that does not exist.
    """
    layer: Layer = {}
    for assignment in assignments:
        target, equals, value = assignment.partition("=")
        path = target.strip().split(".", 1)
        if not equals or not path[0]:
            raise ConfigError(f"--set {assignment!r} must look like KIND.PARAM=VALUE, such as head.n_layers=3.")
        if len(path) == 1 and path[0] in OPTIONS:
            layer[path[0]] = value.strip()
            continue
        kinds = (*TABLES, *SECTIONS)
        if len(path) == 1 and path[0] not in kinds:
            raise _no_kind(path[0], value.strip(), named or {})
        if path[0] not in kinds and not BRANCH.fullmatch(path[0]):
            raise UnknownName.of(
                "kind to set", path[0], kinds, advice=f"Kinds: {', '.join(kinds)}; as in head.n_layers=3."
            )
        if len(path) == 1:
            raise ConfigError(f"--set {assignment!r} must name a parameter: {path[0]}.PARAM=VALUE.")
        layer.setdefault(path[0], {})[path[1]] = value.strip()
    return layer


def _no_kind(name: str, value: str, named: Mapping[str, str]) -> UnknownName:
    from qplug.lab.config.likely_targets import likely_targets  # imports plugins, and only a mistake needs it

    targets = likely_targets(name, named) or tuple(get_close_matches(name, OPTIONS, n=1))
    hint = f" Did you mean {' or '.join(f'--set {target}={value}' for target in targets)}?" if targets else ""
    return UnknownName(
        f"--set {name}={value} does not say whose parameter it is; write KIND.PARAM=VALUE, such as head.n_layers=3."
        f"{hint} Kinds: {', '.join((*TABLES, *SECTIONS))}."
    )


def from_flags(flags: Layer, assignments: Iterable[str]) -> Layer:
    """The layer of a command line: its flags, and with the same precedence its ``--set`` options.

    Raises:
        ConfigError: an assignment that cannot be read, or one to a head or reducer where the flags name branches.
        UnknownName: a kind that does not exist.
    """
    named = {kind: flags[kind]["name"] for kind in TABLES if "name" in flags.get(kind, ())}
    assigned = from_assignments(assignments, named)
    if "branch" in flags and not assigned.keys().isdisjoint(("reducer", "head")):
        raise ConfigError(AMBIGUOUS)  # merged, they would be lost: what stands beside branches belongs to none
    return merge([flags, assigned])


def from_names(names: Mapping[str, str]) -> Layer:
    """The layer of components by kind: ``{"features": "mel"}``, with a preset ``{"features": "mel:qc-cnn"}``.

    A component may also be named by its code, ``{"features": "my_parts.loud:Loudness"}``.
    """
    layer: Layer = {}
    for kind, text in names.items():
        name, colon, preset = (text, "", "") if is_code(text) else text.partition(":")
        layer[kind] = {"name": name.strip()} | ({PRESET: preset.strip()} if colon else {})
    return layer


def from_defaults(defaults: Mapping[str, Any]) -> Layer:
    """The layer of a data set's own ``defaults``: ``{"features": "mel", "features.n_mels": 40}``."""
    layer: Layer = {}
    for key, value in defaults.items():
        table, dot, parameter = key.partition(".")
        if dot:
            layer.setdefault(table, {})[parameter] = value
        elif table in TABLES:
            layer.setdefault(table, {})["name"] = value
        else:
            layer[table] = value
    return layer
