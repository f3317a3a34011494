"""Reducers: from an embedding to the few numbers that a head takes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces.component import Capabilities, Component

if TYPE_CHECKING:
    from torch import nn

    from qplug.contract.interfaces.training_part import TrainingPart


@dataclass(frozen=True, kw_only=True)
class ReducerCapabilities(Capabilities):
    """What a reducer declares: whether it is ``fitted``, so that ``fit`` must be called before ``module``."""

    fitted: bool = False


class Reducer(Component):
    """A map from embeddings to a head's inputs. An author writes ``module``, and ``fit`` if it is fitted.

    Attributes:
        n_outputs: how many outputs the user asked for; None: as many as the head wants, else as many as suit it.
    """

    kind = "reducer"
    capabilities: ReducerCapabilities
    n_outputs: int | None = None

    def fit(self, training: TrainingPart, n_outputs: int) -> None:
        """Learns from the training part; needed only where ``capabilities.fitted`` says so.

        Raises:
            NotSupported: the training part is too small for that many outputs, or the like.
        """
        raise NotSupported(f"{type(self).__name__} is not fitted; build it with module().")

    @abstractmethod
    def module(self, n_inputs: int, n_outputs: int) -> nn.Module:
        """A module (batch, n_inputs) → (batch, n_outputs); it may have trainable parameters.

        A fitted reducer that was not fitted in this process gives a module of the same shapes, whose values are then
        loaded from a ``state_dict``.

        Raises:
            NotSupported: it cannot give that many outputs from that many inputs, with what it can.
        """

    def outputs(self, n_inputs: int, wanted: int | None) -> int:
        """How many outputs there will be.

        Args:
            n_inputs: width of the embedding.
            wanted: how many inputs the head asks for; None if it takes any number.

        Raises:
            NotSupported: the user asked the reducer for another number than the head takes.
        """
        if self.n_outputs is not None and wanted is not None and self.n_outputs != wanted:
            raise NotSupported(
                f"the reducer was asked for n_outputs={self.n_outputs}, but the head takes {wanted} inputs. "
                f"Set one of the two: --set reducer.n_outputs={wanted}, or change the head."
            )
        return self.n_outputs or wanted or self.suggested_outputs(n_inputs)

    def refuse_outputs(self, n_inputs: int, n_outputs: int, n_classes: int) -> None:
        """Refuses what ``fit`` could not give for any training part of so many classes, before features are extracted.

        Raises:
            NotSupported: too many outputs are asked for.
        """

    def least_samples(self, n_outputs: int, n_classes: int) -> int:
        """How many training samples ``fit`` needs for that many outputs; fewer are refused before any work."""
        return 1

    def suggested_outputs(self, n_inputs: int) -> int:
        """How many outputs suit it where neither user nor head says."""
        return n_inputs
