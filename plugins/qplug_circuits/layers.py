"""Trained layers that several heads end with."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from .written import Written, on_each


def n_turns(n_layers: int, n_qubits: int) -> int:
    """How many angles ``turns_and_ring`` takes."""
    return (2 * n_layers + 1) * n_qubits


def turns_and_ring(parameters: Tensor, n_qubits: int) -> Iterator[Written]:
    """RY and RZ on each qubit and a ring of CNOTs, for each layer; RY on each qubit comes last.

    Args:
        parameters: (n_turns,), radians.
        n_qubits: number of wires, from 0.
    """
    wires, turns = range(n_qubits), parameters.reshape(-1, n_qubits)
    for number in range(0, len(turns) - 1, 2):
        yield from on_each("ry", wires, turns[number])
        yield from on_each("rz", wires, turns[number + 1])
        yield from (("cx", pair, ()) for pair in ring(n_qubits))
    yield from on_each("ry", wires, turns[-1])


def ring(n: int) -> list[tuple[int, int]]:
    """Each wire with the next, and the last with the first where that is another pair."""
    return [(wire, (wire + 1) % n) for wire in range(n if n > 2 else n - 1)]
