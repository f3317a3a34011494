"""What every component shares: declared capabilities, and a constructor that only stores its parameters."""

from __future__ import annotations

import inspect
from abc import ABCMeta
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Declared facts about a component. Each kind adds its own.

    Attributes:
        interface: the interface version that the component was written for, a literal number in its source.
    """

    interface: int


class ComponentType(ABCMeta):
    """The type of component classes: what they are given in Python is checked as what a configuration says is."""

    def __call__(cls, *args: Any, **values: Any) -> Any:
        """An instance. Copies are none: they have the values of what they are copies of."""
        if values and not args:
            from qplug.parameters import given

            values = given(cls, values)
        return super().__call__(*args, **values)

    @property
    def __signature__(cls) -> inspect.Signature:
        """That of the constructor, which ``__call__`` would hide from ``inspect.signature``."""
        bound = inspect.signature(cls.__init__)  # type: ignore[misc]
        return bound.replace(parameters=list(bound.parameters.values())[1:])


class Component(metaclass=ComponentType):
    """The root of all components. It is never instantiated; a class that plugins announce is final.

    A component's parameters are its keyword-only constructor arguments, annotated, each with a default: most easily the
    fields of a ``@dataclass(kw_only=True, eq=False)``, whose constructor stores them and does nothing else. Ranges and
    meanings are written as ``Annotated[int, Field(ge=1, le=24, description="…")]`` with pydantic's ``Field``.
    Values are validated and converted before the constructor is called, in Python as from a configuration.

    Attributes:
        kind: which of ``KINDS`` it is; set by the interface.
        summary: one line for ``qplug list``.
        source: paper, standard or project that it follows; empty if it is its own.
        presets: sets of parameters by name, such as ``{"qc-cnn": {"rate": 22_050, "n_mels": 64}}``. A user takes one
            with ``--set kind.preset=NAME``, so no parameter may be called ``preset``.
        capabilities: declared facts. An instance may set its own where they depend on its parameters.
    """

    kind: ClassVar[str]
    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    capabilities: Capabilities

    def settings_files(self) -> Mapping[str, Path]:
        """Small local files that its results depend on beside its parameters, by plain names; by default none.

        Such as the configuration of a model in a folder. Their content is part of what caches are keyed by, and a
        finished run keeps copies.
        """
        return {}

    def use_copies(self, folder: Path) -> None:
        """From now on reads its ``settings_files`` from ``folder``, where a run keeps them under the same names."""
        return  # most have none
