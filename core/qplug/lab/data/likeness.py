"""Copies that are no longer equal bit by bit: stored again with loss, at another rate or level, cut at either end.

Recordings are compared by how each band of their prints changes within 16 ms, clipped, at the displacement that fits
best; images by how their grey prints change from point to point. The displacement comes from an index of short patterns
that copies share, as in Haitsma and Kalker, A Highly Robust Audio Fingerprinting System (2002): the signs of how the
differences of neighbouring bands change, 16 of them in each frame. What was measured with it stands in
``docs/explanation/leaks.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qplug.contract.interfaces import Modality, Part, Sample
from qplug.lab.data.prints import N_BANDS, N_FRAMES, SIDE, levels_of
from qplug.lab.data.splits import PARTS, Split

ALIKE: dict[Modality, float] = {"audio": 0.9, "image": 0.99}
"""Least likeness of what is reported, in [-1, 1]."""

MAX_PAIRS = 300_000_000
"""How many pairs are thought of at most: some seconds. Beyond, evenly spread samples of those judged are."""

_SPAN = 2  # frames over which levels change
_LEAST_OVERLAP = 24  # frames: 0.26 seconds
_CHANCE = 1.5
_OUTLIER = 1.5
_DIRECTIONS = 64
_WORTH_A_LOOK = 0.9
_INDEXED = 500_000  # patterns; of more, evenly spread frames are
_COMMON = 200  # patterns that stand in more places tell nothing
_TRIED = 4
_KEPT = 32  # of a recording's candidates, between one split and the next
_JUDGED = 4000  # recordings at most
_LAGS = 4096
_CHUNK_VALUES = 8_000_000

_Numbers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Alike:
    """Two samples that are alike.

    Attributes:
        ids: the two; of a split, the one in test or validation first.
        parts: the parts in which they stand; empty without a split.
        likeness: 1 for equal prints.
    """

    ids: tuple[str, str]
    parts: tuple[Part, ...]
    likeness: float


def alike_across_parts(
    values: NDArray[np.float32],
    samples: Sequence[Sample],
    split: Split,
    modality: Modality,
    *,
    max_pairs: int = MAX_PAIRS,
    known_as: bytes | None = None,
) -> list[Alike]:
    """For each sample of validation and test, the one of another part that it is a copy of, if there is one.

    Args:
        values: prints (sample, number).
        samples: the sample of each row.
        split: its parts.
        modality: what the prints are of.
        max_pairs: the most pairs of samples that may be thought of; beyond, evenly spread samples are judged.
        known_as: tells these prints from all others, so that they need not be read for it; None: their content does.

    Returns:
        Pairs whose likeness is at least ``ALIKE``, the most alike first.
    """
    part = _parts(samples, split)
    found = _nearest(values, np.flatnonzero(part > 0), part, modality, max_pairs, known_as)
    return _once(
        Alike((samples[row].id, samples[other].id), (PARTS[part[row]], PARTS[part[other]]), likeness)
        for row, other, likeness in found
    )


def alike(values: NDArray[np.float32], samples: Sequence[Sample], modality: Modality) -> list[Alike]:
    """For each sample the one that it is a copy of, if there is one, the most alike first.

    Args:
        values: prints (sample, number).
        samples: the sample of each row.
        modality: what the prints are of.
    """
    every = np.arange(len(samples))
    found = _nearest(values, every, every, modality, MAX_PAIRS)
    return _once(Alike((samples[row].id, samples[other].id), (), likeness) for row, other, likeness in found)


def _once(found: Iterator[Alike]) -> list[Alike]:
    pairs = {frozenset(pair.ids): pair for pair in found}
    return sorted(pairs.values(), key=lambda pair: -pair.likeness)


def _parts(samples: Sequence[Sample], split: Split) -> _Numbers:
    """The number of each sample's part (sample,): 0 train, 1 validation, 2 test; -1 for none."""
    numbers = np.full(len(samples), -1)
    for number, part in enumerate(PARTS):
        numbers[split.indices(samples, part)] = number
    return numbers


def _nearest(
    values: NDArray[np.float32],
    judged: _Numbers,
    kind: _Numbers,
    modality: Modality,
    max_pairs: int,
    known_as: bytes | None = None,
) -> Iterator[tuple[int, int, float]]:
    """Judged rows, each with the row of another kind that it is a copy of, and their likeness; kind -1 is nothing."""
    judged = judged[:: max(1, -(-len(judged) * len(values) // max_pairs))]
    if not len(judged):
        return
    values = np.asarray(values)  # of a mapped file each small step would cost a look at the map
    if modality == "audio":
        pairs = _nearest_sounds(values, judged, kind, known_as)
    else:
        pairs = _nearest_images(values, judged, kind)
    yield from (pair for pair in pairs if pair[2] >= ALIKE[modality])


# Images


def _nearest_images(values: NDArray[np.float32], judged: _Numbers, kind: _Numbers) -> Iterator[tuple[int, int, float]]:
    """Found by projections on fixed random directions, which take little time, and then looked at in full."""
    directions = np.random.default_rng(0).standard_normal((2 * SIDE * (SIDE - 1), _DIRECTIONS)).astype(np.float32)
    wanted = _unit(_gradients(values[judged]) @ directions, least=1e-6)
    nearest, chosen = np.full(len(judged), _WORTH_A_LOOK, dtype=np.float32), np.full(len(judged), -1)
    step = max(1, _CHUNK_VALUES // max(len(judged), 2 * values.shape[1]))
    everywhere = np.flatnonzero(kind >= 0)
    for rows in (everywhere[start : start + step] for start in range(0, len(everywhere), step)):
        likeness = wanted @ _unit(_gradients(values[rows]) @ directions, least=1e-6).T
        likeness[kind[judged][:, None] == kind[rows][None]] = -1
        best = likeness.argmax(axis=1)
        reached = likeness[np.arange(len(judged)), best]
        better = reached > nearest
        nearest[better], chosen[better] = reached[better], rows[best[better]]
    for row, other in zip(judged[chosen >= 0].tolist(), chosen[chosen >= 0].tolist(), strict=True):
        first, second = _gradients(values[[row, other]])
        yield row, other, float(first @ second)


def _gradients(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Changes (image, number) from point to point, of length 1; 0 for an image of one grey."""
    grey = values.reshape(-1, SIDE, SIDE)
    steps = np.concatenate([np.diff(grey, axis=axis).reshape(len(grey), -1) for axis in (1, 2)], axis=1)
    return _unit(steps, least=1e-4)


# Recordings


def _nearest_sounds(
    values: NDArray[np.float32], judged: _Numbers, kind: _Numbers, known_as: bytes | None
) -> Iterator[tuple[int, int, float]]:
    index = _index_of(values, np.flatnonzero(kind >= 0), known_as)
    judged = judged[:: -(-len(judged) // _JUDGED)]
    for row in judged.tolist():
        tried = [(index.likeness(row, other, lag), other, lag) for other, lag in index.candidates(row, kind)]
        if tried:
            likeness, other, lag = max(tried)
            beside = (index.likeness(row, other, near) for near in (lag - 1, lag + 1))
            yield row, other, max(likeness, *beside)


def _index_of(values: NDArray[np.float32], rows: _Numbers, known_as: bytes | None) -> _Index:
    """The last one again if it is of the same recordings: other splits of them ask for most of the same."""
    key = (known_as or hashlib.sha256(np.ascontiguousarray(values).data).digest()) + rows.tobytes()
    if key not in _LAST:
        _LAST.clear()
        _LAST[key] = _Index(values, rows)
    return _LAST[key]


class _Index:
    """Where each pattern stands, and how alike the recordings are that were looked at.

    Args:
        values: prints.
        rows: those that are indexed.
    """

    def __init__(self, values: NDArray[np.float32], rows: _Numbers) -> None:
        self._values = values
        self._known: dict[tuple[int, int, int], float] = {}
        self._first: dict[int, tuple[_Numbers, bool]] = {}
        self._levels: tuple[int, NDArray[np.float32]] = (-1, np.zeros((0, 0), np.float32))
        every = max(1, int(values[rows, 0].sum()) // _INDEXED)
        patterns, places = [], []
        for row in rows.tolist():
            found = _patterns(_slopes(levels_of(values[row])))
            frames = np.flatnonzero(found)  # 0 is where nothing changes
            frames = frames[frames % every == 0]
            patterns.append(found[frames])
            places.append(row * _LAGS + frames)
        pattern, place = np.concatenate(patterns), np.concatenate(places)
        order = np.argsort(pattern, kind="stable")
        self._places = place[order]
        self._ends = np.searchsorted(pattern[order], np.arange((1 << N_BANDS - 1) + 1))

    def likeness(self, row: int, other: int, lag: int) -> float:
        """How alike two recordings are at a displacement."""
        if (key := (row, other, lag)) not in self._known:
            self._known[key] = _likeness(self._levels_of(row), levels_of(self._values[other]), lag)
        return self._known[key]

    def candidates(self, row: int, kind: _Numbers) -> list[tuple[int, int]]:
        """Rows of another kind that share most patterns at one displacement, and that: their frame less the own.

        The first of all kinds are kept, for other splits ask for others of the same; where too few of these are of
        another kind, all are looked at again.
        """
        if row not in self._first:
            places = self._ranked(row)
            self._first[row] = places[:_KEPT].copy(), len(places) <= _KEPT
        places, are_all = self._first[row]
        best = places[kind[places // _LAGS] != kind[row]][:_TRIED]
        if len(best) < _TRIED and not are_all:
            places = self._ranked(row)
            best = places[kind[places // _LAGS] != kind[row]][:_TRIED]
        return [(place // _LAGS, place % _LAGS - N_FRAMES) for place in best.tolist()]

    def _levels_of(self, row: int) -> NDArray[np.float32]:
        """Those of the row that is being compared with others."""
        if self._levels[0] != row:
            self._levels = row, levels_of(self._values[row])
        return self._levels[1]

    def _ranked(self, row: int) -> _Numbers:
        """Displaced rows that share patterns with this one, those with most first; without itself."""
        slopes = _slopes(self._levels_of(row))
        asked = _patterns(slopes)
        weakest = np.argsort(np.abs(slopes), axis=0)[:2]  # the signs that loss turns first
        patterns = np.concatenate([asked, *(asked ^ (1 << sign) for sign in weakest)])
        frames = np.tile(np.arange(len(asked)), 3)
        counts = self._ends[patterns + 1] - self._ends[patterns]
        told = (np.tile(asked, 3) != 0) & (counts > 0) & (counts <= _COMMON)
        patterns, frames, counts = patterns[told], frames[told], counts[told]
        if not len(counts):
            return np.zeros(0, np.int64)
        before = np.repeat(self._ends[patterns] - (np.cumsum(counts) - counts), counts)
        places = self._places[before + np.arange(len(before))]
        places = places - np.repeat(frames, counts) + N_FRAMES  # displacements above zero
        displaced, votes = np.unique(places, return_counts=True)
        others = (displaced // _LAGS != row) & (votes > 1)
        displaced, votes = displaced[others], votes[others]
        ranked: _Numbers = displaced[np.argsort(-votes, kind="stable")]
        return ranked


_LAST: dict[bytes, _Index] = {}


def _slopes(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """How the differences of neighbouring bands change (band - 1, frame - 2)."""
    differences = np.diff(levels, axis=0)
    slopes: NDArray[np.float32] = differences[:, _SPAN:] - differences[:, :-_SPAN]
    return slopes


def _patterns(slopes: NDArray[np.float32]) -> _Numbers:
    return np.asarray((slopes > 0).T @ (1 << np.arange(len(slopes))), dtype=np.int64)


def _likeness(one: NDArray[np.float32], other: NDArray[np.float32], lag: int) -> float:
    """The median over bands of the correlation of their changes where they overlap; -1 where that is too little.

    Taken off is what chance can give, which is the more the shorter the overlap.
    """
    start = max(0, -lag)
    n = min(one.shape[1] - start, other.shape[1] - start - lag)
    if n < max(_LEAST_OVERLAP, min(one.shape[1], other.shape[1]) // 2):
        return -1.0
    first, second = _changes(one[:, start : start + n]), _changes(other[:, start + lag : start + lag + n])
    return float(np.median((first * second).sum(axis=1)) - _CHANCE / n)


def _changes(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """How each band changes (band, frame - 2): mean 0 and length 1 over the frames, 0 for one that does not change.

    Changes far above a band's mean count no more than ``_OUTLIER`` times that: else any two recordings that begin or
    end in the same frame would be alike.
    """
    steps = levels[:, _SPAN:] - levels[:, :-_SPAN]
    n = np.float32(steps.shape[1])  # numpy's own means and clip take longer to begin than to compute
    most = _OUTLIER * (np.add.reduce(np.abs(steps), axis=1, keepdims=True) / n)
    steps = np.minimum(np.maximum(steps, -most), most)
    return _unit(steps - np.add.reduce(steps, axis=1, keepdims=True) / n, least=1e-3)


def _unit(rows: NDArray[np.float32], *, least: float) -> NDArray[np.float32]:
    length = np.sqrt(np.add.reduce(np.square(rows), axis=1, keepdims=True))
    scaled: NDArray[np.float32] = np.divide(rows, length, out=np.zeros_like(rows), where=length > least)
    return scaled
