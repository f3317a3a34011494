"""Scales of a feature's axes: even steps, or values that lie unevenly, such as the frequencies of mel bands."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

Scale = tuple[str, float | Sequence[float]]
"""What an axis is called, unit included, and how much one step along it is, or the value of each position."""
Scales = Sequence[Scale]
"""By axis; see ``FeatureExtractor.axes``."""


def step(scale: Scale) -> float:
    """How far two positions are apart on the axis; one where their values are given instead."""
    return scale[1] if isinstance(scale[1], int | float) else 1.0


def mark(axis: Axis, scale: Scale, most: int) -> None:
    """Puts about as many marks onto an axis as asked for, at round values."""
    if isinstance(scale[1], int | float):
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10]))
        return
    places, values = round_places(scale[1], most)
    axis.set_ticks(places, labels=[f"{value:g}" for value in values])


def round_places(values: Sequence[float], most: int) -> tuple[list[float], list[float]]:
    """Where round values lie among those of the positions, and the values: 1, 2 or 5 times a power of ten.

    Args:
        values: of each position, from low to high.
        most: no two are closer than an axis with so many even marks would have them.
    """
    low, high = min(values), max(values)
    powers = range(math.floor(math.log10(high)) - 2, math.ceil(math.log10(high)) + 1) if high > 0 else ()
    candidates = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    apart = len(values) / (most + 1)
    taken: list[float] = []
    places: list[float] = []
    for value in sorted((one for one in candidates if low <= one <= high), reverse=True):
        place = float(np.interp(value, values, range(len(values))))
        if not places or places[-1] - place >= apart:
            places.append(place)
            taken.append(value)
    return places[::-1], taken[::-1]
