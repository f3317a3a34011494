"""How many shots keep a classifier's labels: from exact values and what shot noise does to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Answer = Callable[[tuple[NDArray[np.float64], ...]], NDArray[np.int64]]
"""Expectation values (n, n_observables) of each circuit → the label (n,) of each sample."""

SHOTS = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
MOST_FLIPPED = 0.01
"""The share of labels that shot noise may change."""
MANY_FLIPPED = 0.1
"""The share above which rather fewer samples are sent than with fewer shots."""
DRAWS = 32
"""So often what shots might give is drawn."""


@dataclass(frozen=True)
class Flips:
    """What so many shots would do.

    Attributes:
        shots: of each sample.
        flipped: the share of labels, in [0, 1], that differ from the exact ones.
    """

    shots: int
    flipped: float


def flips(
    right: NDArray[np.int64], drawn: Callable[[int], Iterable[NDArray[np.int64]]], shots: Sequence[int] = SHOTS
) -> list[Flips]:
    """The share of labels that are drawn otherwise, for each number of shots.

    Args:
        right: the labels (n,) without shot noise.
        drawn: the labels with so many shots, a few times.
        shots: numbers of shots, ascending.
    """
    return [Flips(number, float(np.mean([(labels != right).mean() for labels in drawn(number)]))) for number in shots]


def noisy_draws(
    exact: tuple[NDArray[np.float64], ...], shots: int, *, seed: int = 0
) -> Iterator[tuple[NDArray[np.float64], ...]]:
    """What so many shots might give in place of the exact values of all circuits, a few times; see ``scatterings``."""
    for scatter in scatterings(shots, seed=seed):
        yield tuple(scatter(values) for values in exact)


def scatterings(
    shots: int, *, fidelity: float = 1.0, seed: int = 0
) -> Iterator[Callable[[NDArray[np.float64]], NDArray[np.float64]]]:
    """What makes of exact values what so many shots might give, a few times.

    Noise is normal with the variance (1 - ⟨P⟩²) / shots, independent between observables: read-outs that share their
    shots are correlated, which is left out.

    Args:
        shots: of each value.
        fidelity: all values are drawn towards zero by this factor first.
        seed: of the noise.
    """
    generator = np.random.default_rng(seed)
    for _ in range(DRAWS):
        yield lambda exact: _noisy(fidelity * exact, shots, generator)


def enough_shots(curve: Sequence[Flips], most_flipped: float = MOST_FLIPPED) -> int:
    """The fewest shots of a curve that flip no more than ``most_flipped``; the most if none do."""
    return next((point.shots for point in curve if point.flipped <= most_flipped), curve[-1].shots)


def expected_distance(exact: tuple[NDArray[np.float64], ...], shots: int) -> float:
    """The mean of |Δ⟨P⟩| that shot noise alone explains: sqrt(2/π) of its standard deviation."""
    every = np.concatenate([values.ravel() for values in exact])
    return float(np.sqrt(2 / np.pi) * np.sqrt(np.clip(1 - every**2, 0, None) / shots).mean())


def _noisy(values: NDArray[np.float64], shots: int, generator: np.random.Generator) -> NDArray[np.float64]:
    deviation = np.sqrt(np.clip(1 - values**2, 0, None) / shots)
    return np.clip(values + generator.standard_normal(values.shape) * deviation, -1, 1)
