"""Backbones: from a feature to an embedding."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from qplug.contract.errors import DataError, NotSupported
from qplug.contract.interfaces.component import Capabilities, Component

if TYPE_CHECKING:
    from torch import nn

    from qplug.contract.interfaces.head import QuantumHead

Place: TypeAlias = "Callable[[QuantumHead, int, int], nn.Module]"
"""From a circuit, its number of inputs and of outputs to the module (batch, n_inputs) → (batch, n_outputs) that runs it
on a backend, or to what an ablation puts in its place."""


@dataclass(frozen=True, kw_only=True)
class BackboneCapabilities(Capabilities):
    """What a backbone declares.

    Attributes:
        pretrained: whether it comes with learnt weights.
        input_axes: number of axes of the features it takes (3 for (channel, height, width)); None for any.
        quantum: whether it is a ``QuantumBackbone`` and runs on a backend.
    """

    pretrained: bool = False
    input_axes: int | None = None
    quantum: bool = False


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A file of learnt weights that a backbone starts from, declared so that the core can get it and check it.

    Attributes:
        path: where it lies already; None: it is downloaded, once, and kept with the data.
        url: where it is downloaded from, ``https://`` or ``http://``, if ``path`` is None.
        sha256: its checksum in hexadecimal digits. What is downloaded must have one; for a path, None: not checked.
        size: bytes, if known.
        licence: the licence of the weights, shown before they are downloaded.
        homepage: where they come from.
    """

    path: Path | None = None
    url: str = ""
    sha256: str | None = None
    size: int | None = None
    licence: str = ""
    homepage: str = ""


class Backbone(Component):
    """A network from features to embeddings. An author writes ``build``; callers use ``module``.

    One that starts from learnt weights also writes ``load_weights``, and ``weights_file`` if a file is to be downloaded
    or checked. Building and loading are two steps so that a finished run, which holds all weights itself, can be opened
    when the original file is gone.

    Attributes:
        frozen: whether its weights stay as they are. The embeddings of a frozen backbone are computed once and cached.
    """

    kind = "backbone"
    capabilities: BackboneCapabilities
    frozen: bool = False

    @abstractmethod
    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        """A module (batch, *feature_shape) → (batch, n_features), float32, before ``load_weights``.

        The core seeds torch's random generator for the call. It finds ``n_features`` by passing zeros through.

        Raises:
            NotSupported: features of that shape do not fit, with what would.
        """

    def build_on(self, feature_shape: tuple[int, ...], place: Place) -> nn.Module:
        """``build`` with a place for circuits, of which only a ``QuantumBackbone`` has any."""
        return self.build(feature_shape)

    def weights_file(self) -> WeightsFile | None:
        """The file that ``load_weights`` reads; None: there is none, or ``load_weights`` finds its own."""
        return None

    def load_weights(self, module: nn.Module, path: Path | None) -> None:
        """Gives what ``build`` made its learnt weights; by default there are none.

        Args:
            module: changed in place.
            path: where the declared ``weights_file`` lies, its checksum compared; None if none is declared.

        Raises:
            DataError: they cannot be read or are for another network; the message names the first key.
        """

    def module(
        self, feature_shape: tuple[int, ...], weights: Path | None = None, place: Place | None = None
    ) -> nn.Module:
        """The network with its learnt weights.

        Args:
            feature_shape: shape of one feature.
            weights: where a declared ``weights_file`` lies if it had to be downloaded.
            place: runs its circuits, if it has any.

        Raises:
            NotSupported: the features have another number of axes than declared.
            DataError: the weights are missing, damaged, or have another checksum than declared.
        """
        network = self.untaught(feature_shape, place)
        declared = self.weights_file()
        self.load_weights(network, None if declared is None else _checked(declared, weights))
        return network

    def untaught(self, feature_shape: tuple[int, ...], place: Place | None = None) -> nn.Module:
        """``build`` or ``build_on``, with the number of axes checked: the network without the learnt weights.

        Raises:
            NotSupported: the features have another number of axes than declared.
        """
        axes = self.capabilities.input_axes
        if axes is not None and len(feature_shape) != axes:
            raise NotSupported(
                f"{type(self).__name__} takes features with {axes} axes, but these have the shape {feature_shape}. "
                "Choose other features (qplug list features) or another backbone (qplug list backbones)."
            )
        return self.build(feature_shape) if place is None else self.build_on(feature_shape, place)


class QuantumBackbone(Backbone):
    """A backbone that holds circuits, frozen or trained. An author writes ``build_on``.

    Each circuit is a ``QuantumHead`` without classes: its ``readout`` gives the outputs, such as ``nn.Identity()``.
    """

    @abstractmethod
    def build_on(self, feature_shape: tuple[int, ...], place: Place) -> nn.Module:
        """As ``build``, with ``place(head, n_inputs, n_outputs)`` for each circuit.

        Where a sample is many rows for a circuit, such as patches, the module gives it so many at once that their
        states fit into memory.
        """

    def build(self, feature_shape: tuple[int, ...]) -> nn.Module:
        """Refused: circuits need a backend; ``qplug.heads.quantum_module.circuits_on`` makes a place of one."""
        raise NotSupported(f"{type(self).__name__} holds circuits: module(feature_shape, place=circuits_on(backend)).")


def _checked(declared: WeightsFile, given: Path | None) -> Path:
    """Where the declared file lies, once its checksum is right."""
    path = declared.path or given
    if path is None:
        raise DataError(f"the weights are not here yet: download {declared.url} and give its path.")
    if not path.is_file():
        raise DataError(f"there is no weights file {path}. Give the path of one that is there.")
    if declared.sha256 is not None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != declared.sha256.lower():
            anew = "Remove it and run the same command again; it is downloaded anew."
            raise DataError(
                f"the weights file {path} has the SHA-256 {found}, not {declared.sha256.lower()}: it is another file, "
                f"or damaged. {anew if declared.path is None else 'Get it again, or correct the checksum.'}"
            )
    return path
