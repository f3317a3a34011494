"""The state vectors of a circuit for many draws of its angles at once.

Backends give expectation values, which is all that training needs; how far apart two states are, and how entangled one
is, is asked of the amplitudes. Plain numpy, complex64, gate by gate, in pieces that stay in the processor's cache;
one-qubit gates that follow one another on a wire are multiplied first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qplug.contract.circuit import GATES, Angle, Circuit, Encoding, Gate, Weight
from qplug.testing import reference

Real: TypeAlias = NDArray[np.floating[Any]]
Complex: TypeAlias = NDArray[np.complexfloating[Any, Any]]

_PIECE = 2**17
"""Amplitudes that are worked on at once."""


def final_states(circuit: Circuit, encoding: Real, weights: Real) -> NDArray[np.complex64]:
    """The states (draw, 2^n_qubits) in which a circuit ends, wire 0 most significant.

    Args:
        circuit: any circuit.
        encoding: (draw, n_encoding), radians.
        weights: (draw, n_weights), radians; other than for a backend, each draw has its own.
    """
    size = 2**circuit.n_qubits
    step = max(1, _PIECE // size)
    states = np.empty((len(encoding), size), np.complex64)
    for start in range(0, len(encoding), step):
        piece = slice(start, start + step)
        states[piece] = _piece(circuit, encoding[piece], weights[piece])
    return states


def _piece(circuit: Circuit, encoding: Real, weights: Real) -> Complex:
    walk = _Walk(circuit.n_qubits, len(encoding))
    for gate in circuit.gates:
        if len(gate.wires) > 1 and GATES[gate.name].permutation:
            walk.permute(gate)
        else:
            walk.multiply(_matrices(gate, encoding, weights), gate.wires)
    return walk.end()


class _Walk:
    """States on their way through the gates; what can wait for the next gate on the same wires does.

    Attributes:
        states: (2^n_qubits, draw): the draws lie side by side in memory, so that operations run over long rows.
        order: the permutation of basis states that comes after them.
        moved: wires that it touches.
        waiting: matrices of one qubit, by wire, that come after both.
    """

    def __init__(self, n_qubits: int, n_draws: int) -> None:
        self.n_qubits = n_qubits
        self.states: Complex = np.zeros((2**n_qubits, n_draws), np.complex64)
        self.states[0] = 1
        self.order: NDArray[np.int64] | None = None
        self.moved: set[int] = set()
        self.waiting: dict[int, Complex] = {}

    def multiply(self, matrix: Complex, wires: Sequence[int]) -> None:
        """The next gate is a matrix (d, d, draw or 1)."""
        if len(wires) == 1:
            (wire,) = wires
            self.waiting[wire] = _product(matrix, self.waiting[wire]) if wire in self.waiting else matrix
            return
        self._settle(wires)
        self._reorder()
        self.states = _apply(matrix, self.states, wires, self.n_qubits)

    def permute(self, gate: Gate) -> None:
        """The next gate moves basis states."""
        self._settle(gate.wires)
        sources = reference.matrix(gate.name).real.argmax(1)
        indices = np.arange(2**self.n_qubits) if self.order is None else self.order
        moved = np.moveaxis(indices.reshape((2,) * self.n_qubits), gate.wires, range(len(gate.wires)))
        rows = moved.reshape(len(sources), -1)[sources].reshape(moved.shape)
        self.order = np.moveaxis(rows, range(len(gate.wires)), gate.wires).reshape(-1)
        self.moved.update(gate.wires)

    def end(self) -> Complex:
        """The states (draw, 2^n_qubits) behind all gates."""
        self._settle(list(self.waiting))
        self._reorder()
        return self.states.T

    def _settle(self, wires: Sequence[int]) -> None:
        """Applies what waits on the wires: before the permutation where that leaves them alone, else behind it."""
        due = {wire: self.waiting.pop(wire) for wire in wires if wire in self.waiting}
        if not self.moved.isdisjoint(due):
            self._reorder()
        for wire, matrix in due.items():
            self.states = _apply(matrix, self.states, (wire,), self.n_qubits)

    def _reorder(self) -> None:
        if self.order is not None:
            self.states = self.states[self.order]
            self.order = None
            self.moved.clear()


def _product(left: Complex, right: Complex) -> Complex:
    product: Complex = np.einsum("ijb,jkb->ikb", left, right)
    return product


def _apply(matrix: Complex, states: Complex, wires: Sequence[int], n_qubits: int) -> Complex:
    """Matrix (d, d, draw or 1) times the states (2^n, draw); entries that are zero everywhere cost nothing."""
    shaped = states.reshape((2,) * n_qubits + states.shape[1:])
    moved = np.moveaxis(shaped, wires, range(len(wires)))
    rows = [moved[index] for index in np.ndindex((2,) * len(wires))]
    result = np.empty_like(shaped)
    target = np.moveaxis(result, wires, range(len(wires)))
    for number, index in enumerate(np.ndindex((2,) * len(wires))):
        terms = [(matrix[number, column], row) for column, row in enumerate(rows) if matrix[number, column].any()]
        entry = target[index]
        factor, row = terms[0]
        np.multiply(factor, row, out=entry)
        for factor, row in terms[1:]:
            entry += factor * row
    return result.reshape(states.shape)


def _matrices(gate: Gate, encoding: Real, weights: Real) -> Complex:
    """The gate's matrix (d, d, draw), or (d, d, 1) where all draws share it."""
    if all(isinstance(angle, float) for angle in gate.angles):
        constants = [angle for angle in gate.angles if isinstance(angle, float)]
        return reference.matrix(gate.name, constants)[..., None].astype(np.complex64)
    angles = [_values(angle, encoding, weights) for angle in gate.angles]
    return _matrix(gate.name, angles).astype(np.complex64)


def _values(angle: Angle, encoding: Real, weights: Real) -> Real:
    match angle:
        case Encoding(index):
            return encoding[:, index]
        case Weight(index):
            return weights[:, index]
        case _:
            return np.full(len(encoding), angle)


def _matrix(name: str, angles: Sequence[Real]) -> Complex:
    """As ``reference.matrix``, for angles (draw,) each."""
    if name == "p":
        return _phases([np.zeros_like(angles[0]), angles[0]])
    if name == "u":
        theta, phi, lam = angles
        cos, sin = np.cos(theta / 2), np.sin(theta / 2)
        return np.array([[cos, -np.exp(1j * lam) * sin], [np.exp(1j * phi) * sin, np.exp(1j * (phi + lam)) * cos]])
    if name.startswith("c"):
        return _controlled(_matrix(name[1:], angles))
    half = angles[0] / 2  # exp(-i a/2 P) = cos(a/2) + sin(a/2) · exp(-i π/2 P), for P² = 1
    quarter = reference.matrix(name, [np.pi])[..., None]
    rotation: Complex = np.eye(2 ** GATES[name].n_wires)[..., None] * np.cos(half) + quarter * np.sin(half)
    return rotation


def _phases(angles: Sequence[Real]) -> Complex:
    diagonal: Complex = np.eye(len(angles))[..., None] * np.exp(1j * np.stack(angles))[:, None]
    return diagonal


def _controlled(target: Complex) -> Complex:
    d = len(target)
    whole = np.zeros((2 * d, 2 * d, target.shape[2]), complex)
    whole[range(d), range(d)] = 1
    whole[d:, d:] = target
    return whole
