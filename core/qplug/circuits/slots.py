"""The places of a circuit where an angle is not constant, and how values change with the angle in each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qplug.contract.circuit import Angle, Circuit, Encoding, Weight

Rows: TypeAlias = NDArray[np.float64]
"""Numbers (row, column)."""

_TWO_TERMS = ((math.pi / 2, 0.5), (-math.pi / 2, -0.5))
_NEAR, _FAR = (math.sqrt(2) + 1) / (4 * math.sqrt(2)), (math.sqrt(2) - 1) / (4 * math.sqrt(2))
_FOUR_TERMS = (
    (math.pi / 2, _NEAR),
    (-math.pi / 2, -_NEAR),
    (3 * math.pi / 2, -_FAR),
    (-3 * math.pi / 2, _FAR),
)
# The generator of a controlled rotation has three eigenvalues, so two frequencies and four terms.
_CONTROLLED_ROTATIONS = {"crx", "cry", "crz"}


@dataclass(frozen=True)
class Slots:
    """The places in a circuit where an angle that is not constant stands.

    **Source:** the parameter-shift rule: Schuld, Bergholm, Gogolin, Izaac, Killoran, Evaluating analytic gradients on
    quantum hardware, 2019 (arXiv:1811.11184); four terms: Anselmetti, Wierichs, Gogolin, Parrish, 2021
    (arXiv:2104.05695).

    Attributes:
        sources: which encoding or weight angle stands there.
        rules: its shift rule, as pairs of shift and factor.
        n_encoding: number of encoding angles.
        n_weights: number of weight angles.
    """

    sources: tuple[Encoding | Weight, ...]
    rules: tuple[tuple[tuple[float, float], ...], ...]
    n_encoding: int
    n_weights: int

    @classmethod
    def of(cls, circuit: Circuit) -> Slots:
        """The slots of a circuit, in the order of its gates."""
        found = [
            (angle, _FOUR_TERMS if gate.name in _CONTROLLED_ROTATIONS else _TWO_TERMS)
            for gate in circuit.gates
            for angle in gate.angles
            if isinstance(angle, Encoding | Weight)
        ]
        sources = tuple(angle for angle, _ in found)
        return cls(sources, tuple(rule for _, rule in found), circuit.n_encoding, circuit.n_weights)

    def values(self, encoding: Rows, weights: Rows) -> Rows:
        """The angle in each slot (batch, n_slots)."""
        values = np.empty((len(encoding), len(self.sources)))
        for slot, source in enumerate(self.sources):
            values[:, slot] = encoding[:, source.index] if isinstance(source, Encoding) else weights[source.index]
        return values

    def wanted(self, *, encoding: bool, weights: bool) -> NDArray[np.bool_]:
        """Of each slot, whether a gradient to encoding or to weight angles needs its slope."""
        return np.array([encoding if isinstance(source, Encoding) else weights for source in self.sources], dtype=bool)

    def terms(self, *, encoding: bool, weights: bool) -> list[tuple[int, float, float]]:
        """(slot, shift, factor) of every run that the gradients need."""
        return [
            (slot, shift, factor)
            for slot, wanted in enumerate(self.wanted(encoding=encoding, weights=weights))
            if wanted
            for shift, factor in self.rules[slot]
        ]

    def collected(self, slopes: Rows) -> tuple[Rows, Rows]:
        """Slopes (batch, n_slots) as gradients to encoding (batch, n_encoding) and weight angles (n_weights,)."""
        to_encoding, to_weights = np.zeros((len(slopes), self.n_encoding)), np.zeros(self.n_weights)
        for slot, source in enumerate(self.sources):
            if isinstance(source, Encoding):
                to_encoding[:, source.index] += slopes[:, slot]
            else:
                to_weights[source.index] += slopes[:, slot].sum()
        return to_encoding, to_weights


def shifted(values: Rows, terms: list[tuple[int, float, float]]) -> Rows:
    """Each row of slot values (batch, n_slots) once for each term, with its shift: (term * batch, n_slots)."""
    if not terms:
        return values[:0]
    n_slots = values.shape[1]
    shifts = np.zeros((len(terms), 1, n_slots))
    shifts[np.arange(len(terms)), 0, [slot for slot, _, _ in terms]] = [shift for _, shift, _ in terms]
    return (values + shifts).reshape(-1, n_slots)


def each_by_row(circuit: Circuit) -> Circuit:
    """The circuit with an encoding angle of its own in each slot, in the order of ``Slots.of``.

    So each row of a batch can have other angles in every place, also where the circuit's own batch shares one.
    """
    gates, number = [], 0
    for gate in circuit.gates:
        angles: list[Angle] = []
        for angle in gate.angles:
            own = isinstance(angle, Encoding | Weight)
            angles.append(Encoding(number) if own else angle)
            number += own
        gates.append(replace(gate, angles=tuple(angles)))
    return Circuit(circuit.n_qubits, tuple(gates), circuit.observables)
