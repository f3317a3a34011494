"""Classical heads: the baselines that every quantum head has to be compared with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, final

from pydantic import Field
from torch import nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Head, HeadCapabilities

TOLERANCE = 0.05
"""How far two heads' numbers of parameters may lie apart and still count as equal."""

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


@final
class LinearHead(Head):
    """One linear layer: logits = W z + b."""

    summary = "one linear layer"
    source = "qplug's own"
    capabilities = HeadCapabilities(interface=1)

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        """A module (batch, n_inputs) → logits (batch, n_classes)."""
        return nn.Linear(n_inputs, n_classes)


@final
@dataclass(kw_only=True, eq=False)
class Mlp(Head):
    """A multilayer perceptron.

    With ``match_parameters`` its hidden widths are chosen so that it has as many trainable parameters as a head that it
    is compared with, within 5 %, all layers and the other head's read-out counted. One hidden layer is taken if that
    comes close enough, with biases or without; else two, which are narrower and on few inputs learn worse.

    What a circuit gives lies in [-1, 1], and its read-out begins with batch norm unless told otherwise. For a twin that
    differs in nothing but the circuit set ``batch_norm`` and ``activation="tanh"``. Of a handful of hidden values,
    ReLU can also lose one for good.
    """

    summary = "multilayer perceptron"
    source = "qplug's own"
    capabilities = HeadCapabilities(interface=1)

    hidden: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...], Field(description="widths of the hidden layers; () for none")
    ] = (32,)
    dropout: Annotated[float, Field(ge=0, lt=1, description="share of hidden values dropped in training")] = 0.0
    activation: Annotated[Literal["relu", "tanh"], Field(description="what follows each hidden layer")] = "relu"
    batch_norm: Annotated[
        bool, Field(description="normalise the last hidden values before the last layer, as quantum read-outs do")
    ] = False
    match_parameters: Annotated[
        int | None,
        Field(ge=1, description="choose the hidden widths so that it has that many parameters; unset: use hidden"),
    ] = None

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        """A module (batch, n_inputs) → logits (batch, n_classes).

        Raises:
            NotSupported: no perceptron of that size has as many parameters as it is to match.
        """
        hidden, biased = self.hidden, True
        if self.match_parameters is not None:
            hidden, biased = matching_widths(n_inputs, n_classes, self.match_parameters)
        widths = (n_inputs, *hidden)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after, bias=biased), _ACTIVATIONS[self.activation](), nn.Dropout(self.dropout)]
        if hidden and self.batch_norm:
            # Without factors of its own: the layer behind has them, and a matched number of parameters stays matched.
            layers.append(nn.BatchNorm1d(widths[-1], affine=False))
        return nn.Sequential(*layers, nn.Linear(widths[-1], n_classes))


def matching_widths(n_inputs: int, n_classes: int, n_parameters: int) -> tuple[tuple[int, ...], bool]:
    """The hidden widths of the plainest perceptron with ``n_parameters`` within 5 %, and whether they have biases.

    Args:
        n_inputs: its inputs.
        n_classes: its outputs, which always have biases.
        n_parameters: how many trainable parameters it should have.

    Raises:
        NotSupported: none comes so close; the message says which comes closest.
    """

    def size(hidden: tuple[int, ...], biased: bool) -> int:
        layers = sum((before + biased) * after for before, after in pairwise((n_inputs, *hidden)))
        return layers + (hidden[-1] + 1) * n_classes

    def nearest(candidates: Iterable[tuple[int, ...]], biased: bool) -> tuple[tuple[int, ...], bool]:
        return min(((each, biased) for each in candidates), key=lambda plan: abs(size(*plan) - n_parameters))

    one_layer = [(width,) for width in range(1, n_parameters // (n_inputs + n_classes) + 2)]
    # Widths within a factor of two: a wide layer before a very narrow one would be another kind of network.
    most = math.isqrt(2 * n_parameters) + 1
    two_layers = [(width, other) for width in range(1, most) for other in range(-(-width // 2), 2 * width + 1)]
    plans = []
    for layers in (one_layer, two_layers):
        for biased in (True, False):
            plans.append(nearest(layers, biased))
            if abs(size(*plans[-1]) - n_parameters) <= TOLERANCE * n_parameters:
                return plans[-1]
    closest = min((size(*plan) for plan in plans), key=lambda found: abs(found - n_parameters))
    raise NotSupported(
        f"no perceptron with {n_inputs} inputs and {n_classes} classes has {n_parameters} parameters within "
        f"{TOLERANCE:.0%}; the closest has {closest}. Set its widths instead: --set head.hidden=…"
    )
