"""Results of primitives as expectation values, and what they were made of, kept compactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ibm_work import Part, Shape

Raw = dict[str, NDArray[Any]]


def read_results(
    shapes: Sequence[Shape], parts: Sequence[Part], results: Sequence[Sequence[Any]]
) -> tuple[tuple[NDArray[np.float64], ...], Raw]:
    """Expectation values of each task, and the raw data.

    Of a sampler the raw data are counts: for task 0 ``task0/row``, ``task0/outcome`` and ``task0/count``, one entry for
    each outcome that occurred in a row; an outcome is packed into bytes, wire 0 first, most significant bit first. Of
    an estimator they are the standard errors that it told: ``task0/standard_error``, (row, n_observables).

    Args:
        shapes: of each task.
        parts: what each job held.
        results: of each job, the result of each PUB.
    """
    values = [np.full((shape.rows, len(shape.wires)), np.nan) for shape in shapes]
    raw: dict[str, list[NDArray[Any]]] = {}
    for part, result in zip(parts, results, strict=True):
        for portion, of_pub in zip(part.portions, result, strict=True):
            shape, rows = shapes[portion.task], portion.stop - portion.start
            read = _sampled if shape.kind == "sampler" else _estimated
            values[portion.task][portion.start : portion.stop], kept = read(of_pub.data, shape, rows)
            if "row" in kept:
                kept["row"] = kept["row"] + portion.start
            for name, array in kept.items():
                raw.setdefault(f"task{portion.task}/{name}", []).append(array)
    return tuple(values), {name: np.concatenate(arrays) for name, arrays in raw.items()}


def _sampled(data: Any, shape: Shape, rows: int) -> tuple[NDArray[np.float64], Raw]:
    bits = data.wires.array
    # Bit 0 stands last in Qiskit's arrays. A circuit without angles is run once for all rows.
    ordered = np.unpackbits(np.broadcast_to(bits, (rows, *bits.shape[-2:])), axis=-1)[..., ::-1]
    ordered = ordered[..., : data.wires.num_bits]
    odd = [ordered[..., list(wires)].sum(-1) % 2 for wires in shape.wires]
    return np.stack([1 - 2 * each.mean(-1) for each in odd], axis=-1), _counted(np.packbits(ordered, axis=-1))


def _counted(outcomes: NDArray[np.uint8]) -> Raw:
    """Counts of (row, shot, byte)."""
    found = [np.unique(of_row, axis=0, return_counts=True) for of_row in outcomes]
    return {
        "row": np.repeat(np.arange(len(found), dtype=np.uint32), [len(each) for each, _ in found]),
        "outcome": np.concatenate([each for each, _ in found]),
        "count": np.concatenate([counts for _, counts in found]).astype(np.uint32),
    }


def _estimated(data: Any, shape: Shape, rows: int) -> tuple[NDArray[np.float64], Raw]:
    n_observables = len(shape.wires)

    def by_row(array: Any) -> NDArray[np.float64]:
        """(observable, row), or (observable, 1) where there are no angles, turned round."""
        of_observable = np.asarray(array, dtype=np.float64).reshape(n_observables, -1)
        return np.ascontiguousarray(np.broadcast_to(of_observable, (n_observables, rows)).T)

    return by_row(data.evs), {"standard_error": by_row(data.stds)}
