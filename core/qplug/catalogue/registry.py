"""What is known: registry.toml, the catalogue that people write."""

from __future__ import annotations

import functools
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qplug import installation, version
from qplug.catalogue.layers import merge
from qplug.catalogue.offers import installed
from qplug.contract.claim import Claim
from qplug.contract.errors import QplugError, UnknownName
from qplug.contract.kinds import KINDS


@dataclass(frozen=True, kw_only=True)
class Known:
    """A component that the registry knows, installed or not.

    Attributes:
        kind: one of ``KINDS``, or ``"hook"``.
        name: what the user writes.
        summary: one line.
        provider: the distribution that brings it.
        extra: the extra of ``qplug`` that installs its packages; empty if it needs none.
        requires: top-level modules that a run with it cannot do without.
        paper: the paper or standard it follows.
        licence: of the component, or of the data behind it.
        homepage: where to read more.
    """

    kind: str
    name: str
    summary: str
    provider: str
    extra: str = ""
    requires: tuple[str, ...] = ()
    paper: str = ""
    licence: str = ""
    homepage: str = ""

    @property
    def install(self) -> str:
        """The command that installs it with all it needs."""
        return installation.install(self.extra) if self.extra else f"pip install {self.provider}"

    def missing(self) -> list[str]:
        """Which of the modules it requires are not installed; nothing is imported to learn that."""
        return [module for module in self.requires if not _is_installed(module)]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole pipeline under one name.

    Attributes:
        name: what the user writes after ``--recipe``.
        summary: one line.
        run: a run configuration, as in a ``run.toml``; what it shares with its base is filled in.
        source: where it comes from: a paper, a repository.
        protocol: what is tested on what, in a sentence.
        results: what the original reported.
        original: what else is to be said of that, such as that it has no figures.
        base: the recipe that it varies.
        smoke: settings on top of ``run`` for a ``--smoke`` run; what its base sets for one is filled in.
    """

    name: str
    summary: str
    run: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    protocol: str = ""
    results: tuple[Claim, ...] = ()
    original: str = ""
    base: str = ""
    smoke: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What stands beside the heads of a comparison, whether or not anybody asks for it.

    Attributes:
        name: what it is called there.
        summary: one line.
        head: the head's table, in place of the one that is asked about; empty: that one.
        reducer: the reducer's table; empty: as it is for the head that is asked about.
        matched: the parameter of ``head`` that takes the quantum head's number of trainable parameters.
        ablation: what takes the circuit's place in the head that is asked about; empty: nothing.
    """

    name: str
    summary: str
    head: Mapping[str, Any] = field(default_factory=dict)
    reducer: Mapping[str, Any] = field(default_factory=dict)
    matched: str = ""
    ablation: str = ""

    @property
    def of_a_circuit(self) -> bool:
        """Whether it is made from a quantum head, so that there is none without one."""
        return bool(self.matched or self.ablation)


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """The components of a run that names none.

    Attributes:
        features: the feature extractor for each modality, where the data set has none of its own.
        backbone: the backbone.
        head: the head, and the quantum head that ``head.match = "quantum"`` means.
        backend: where circuits are evaluated.
        training_backend: where circuits train that are evaluated on a backend which does not train them itself.
        modelled_device: a backend with its parameters that stands in for a device: the step before one.
    """

    features: Mapping[str, str] = field(default_factory=dict)
    backbone: str = ""
    head: str = ""
    backend: str = ""
    training_backend: str = ""
    modelled_device: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Registry:
    """All that registry.toml says.

    Attributes:
        components: by kind and name.
        recipes: by name.
        defaults: the components of a run that names none.
        baselines: what stands beside the heads of a comparison, by name.
    """

    components: Mapping[tuple[str, str], Known]
    recipes: Mapping[str, Recipe]
    defaults: Defaults = field(default_factory=Defaults)
    baselines: Mapping[str, Baseline] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Registry:
        """The registry in a TOML file: ``[kind.name]``, ``[recipe.name]``, ``[baseline.name]`` and ``[default]``.

        Raises:
            QplugError: the file is not TOML, or has a kind or key that does not exist there.
        """
        try:
            tables = tomllib.loads(path.read_text("utf-8"))
            recipes = _recipes(tables.pop("recipe", {}))
            defaults = Defaults(**tables.pop("default", {}))
            baselines = {name: Baseline(name=name, **table) for name, table in tables.pop("baseline", {}).items()}
            components = {
                (kind, name): _known(kind, name, table) for kind in tables for name, table in tables[kind].items()
            }
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise QplugError(f"the registry {path} cannot be read: {error}.") from error
        return cls(components, recipes, defaults, baselines)


def _recipes(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Recipe]:
    recipes: dict[str, Recipe] = {}
    for name, table in tables.items():
        recipe = Recipe(name=name, **{**table, "results": tuple(Claim(**each) for each in table.get("results", ()))})
        if recipe.base and recipe.base not in recipes:
            raise ValueError(f"recipe {name!r} varies {recipe.base!r}, which must stand above it")
        recipes[name] = _on_base(recipe, recipes[recipe.base]) if recipe.base else recipe
    return recipes


def _on_base(recipe: Recipe, base: Recipe) -> Recipe:
    """The recipe with what it does not say itself taken from its base."""
    filled = {key: getattr(recipe, key) or getattr(base, key) for key in ("source", "protocol", "results", "original")}
    return replace(recipe, run=_above(recipe.run, base.run), smoke=_above(recipe.smoke, base.smoke), **filled)


def _above(own: Mapping[str, Any], base: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings on top of a base's. A preset stands for all parameters that the base sets."""
    bare = {key: {"name": value["name"]} if "preset" in own.get(key, ()) and "name" in value else value
            for key, value in base.items()}  # fmt: skip
    return merge([dict(own), bare])


def _known(kind: str, name: str, table: Mapping[str, Any]) -> Known:
    if kind not in (*KINDS, "hook"):
        raise ValueError(f"{kind!r} is no kind of component")
    unknown = table.keys() - {entry.name for entry in fields(Known)}
    if unknown:
        raise ValueError(f"{kind}.{name} has the unknown key {min(unknown)!r}")
    return Known(kind=kind, name=name, **{**table, "requires": tuple(table.get("requires", ()))})


@functools.cache
def registry() -> Registry:
    """The registry of this installation."""
    return Registry.read(shipped("registry.toml"))


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UnknownName: there is none, with near ones.
    """
    known = registry().recipes
    if name not in known:
        raise UnknownName.of("recipe", name, known, advice="All recipes: qplug list recipes")
    return known[name]


def shipped(name: str) -> Path:
    """A file that ships with qplug: inside the package, or at the top of the checkout it is run from.

    Raises:
        QplugError: it is in neither place.
    """
    package = Path(version.__file__).parent
    for folder in (package, package.parent.parent):
        if (folder / name).is_file():
            return folder / name
    raise QplugError(f"{name} is missing from this installation of qplug. Reinstall it: {installation.reinstall()}")


def _is_installed(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None
    return _is_found(module, installed())


@functools.lru_cache(maxsize=512)  # many components ask for the same few, and a search goes through all folders
def _is_found(module: str, _: tuple[tuple[str, int], ...]) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
