"""Random frequencies out of a circuit's spectrum."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TypeAlias

import torch

from qplug.circuits.spectrum import Frequencies

Vector: TypeAlias = tuple[float, ...]

_LISTED = 4096
"""Up to so many joint frequencies of one observable are written down and drawn from without a miss."""
_TRIES = 50
"""How often a frequency is drawn again before no new one is expected."""


def how_many(parameters: int, n_classes: int, *, batch_norm: bool, least: int) -> int:
    """How many values a linear read-out takes for its trainable parameters to be nearest to a number.

    Args:
        parameters: that number.
        n_classes: number of logits.
        batch_norm: whether the read-out starts with batch norm, which has two parameters for each value.
        least: the fewest values.
    """
    each = n_classes + (2 if batch_norm else 0)
    return max(1, least, round((parameters - n_classes) / each))


def draw_frequencies(
    spectra: Sequence[Sequence[Frequencies]], n_wanted: int, generator: torch.Generator
) -> list[Vector]:
    """Joint frequencies, each a factor for every angle: not 0, no two equal or of opposite sign.

    Args:
        spectra: for each observable, for each angle, the frequencies that are possible.
        n_wanted: how many; there may be fewer if the spectra do not hold as many.
        generator: what they are drawn from.
    """
    sizes = [math.prod(len(frequencies) for frequencies in seen) for seen in spectra]
    if max(sizes) <= _LISTED:
        listed = {_one_sign(vector) for seen in spectra for vector in itertools.product(*seen) if any(vector)}
        ordered = sorted(listed)
        return [ordered[index] for index in torch.randperm(len(ordered), generator=generator)[:n_wanted].tolist()]
    found: dict[Vector, None] = {}
    for _ in range(_TRIES * n_wanted):
        if len(found) == n_wanted:
            break
        seen = spectra[_below(len(spectra), generator)]
        vector = tuple(frequencies[_below(len(frequencies), generator)] for frequencies in seen)
        if any(vector):
            found.setdefault(_one_sign(vector))
    return list(found)


def _one_sign(vector: Vector) -> Vector:
    first = next(value for value in vector if value)
    return vector if first > 0 else tuple(-value if value else 0.0 for value in vector)


def _below(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (), generator=generator))
