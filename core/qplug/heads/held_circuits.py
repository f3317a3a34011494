"""The circuits that a backbone holds, without a backend."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces.backbone import QuantumBackbone
from qplug.contract.interfaces.head import QuantumHead

USUAL_SHAPES = ((1, 32, 32), (3, 32, 32), (1, 4000), (16,))
"""Shapes of features that a backbone is asked with where none is given, the first that it takes."""


def held_circuits(
    backbone: QuantumBackbone, shapes: Sequence[tuple[int, ...]] = USUAL_SHAPES
) -> list[tuple[QuantumHead, int]]:
    """Each circuit with its number of inputs, in the order in which they are placed.

    Args:
        backbone: what holds them.
        shapes: of features; the first that it takes counts.

    Raises:
        NotSupported: it takes none of the shapes; the message is that about the last one.
    """
    for shape in shapes[:-1]:
        try:
            return _held(backbone, shape)
        except NotSupported:
            continue
    return _held(backbone, shapes[-1])


def _held(backbone: QuantumBackbone, shape: tuple[int, ...]) -> list[tuple[QuantumHead, int]]:
    found: list[tuple[QuantumHead, int]] = []

    def place(head: QuantumHead, n_inputs: int, n_outputs: int) -> nn.Module:
        found.append((head, n_inputs))
        return nn.Linear(n_inputs, n_outputs)

    backbone.untaught(shape, place)
    return found
