"""Circuits with a part taken away, against the simulated whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from qplug.circuits.rewriting import (
    Rewritten,
    as_it_is,
    with_joined_uploads,
    without_entanglers,
    without_reuploads,
    without_trainable_gates,
)
from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight
from qplug.testing.circuits import random_angles, z_on_each
from qplug.testing.reference import expectations

hypothesis = pytest.importorskip("hypothesis")

from qplug.testing.strategies import circuits_with_angles  # noqa: E402  # it needs hypothesis

Case = tuple[Circuit, np.ndarray, np.ndarray]
for_any = hypothesis.given(circuits_with_angles(max_qubits=3, max_gates=10, max_batch=2))
tried = hypothesis.settings(max_examples=15, deadline=None, derandomize=True)


def values(found: Rewritten, encoding: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of a rewritten circuit, given the angles of the one that it was made of."""
    return expectations(found.circuit, encoding[:, list(found.encoding)], weights[list(found.weights)])


def on_single_wires(circuit: Circuit, encoding: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The expectation values if each wire were alone with its gates: products of those of one wire."""
    columns = []
    for observable in circuit.observables:
        product = np.ones(len(encoding))
        for letter, wire in zip(observable.paulis, observable.wires, strict=True):
            alone = [replace(gate, wires=(0,)) for gate in circuit.gates if gate.wires == (wire,)]
            product = product * of_any_indices(alone, Observable(letter, (0,)), encoding, weights)
        columns.append(product)
    return np.stack(columns, 1)


def of_any_indices(gates: list[Gate], observable: Observable, encoding: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One expectation value (batch,) of gates on one wire, whose angles are put in as numbers."""
    rows = []
    for row in encoding:
        numbers = [replace(gate, angles=tuple(number(angle, row, weights) for angle in gate.angles)) for gate in gates]
        rows.append(expectations(Circuit(1, tuple(numbers), (observable,)), np.zeros((1, 0)), np.zeros(0))[0, 0])
    return np.array(rows)


def number(angle: Any, encoding: np.ndarray, weights: np.ndarray) -> float:
    if isinstance(angle, Encoding):
        return float(encoding[angle.index])
    return float(weights[angle.index]) if isinstance(angle, Weight) else angle


@tried
@for_any
def test_without_entanglers_every_wire_is_alone(case: Case) -> None:
    circuit, encoding, weights = case
    found = without_entanglers(circuit)
    assert all(len(gate.wires) == 1 for gate in found.circuit.gates)
    assert np.allclose(values(found, encoding, weights), on_single_wires(circuit, encoding, weights), atol=1e-9)


@tried
@for_any
def test_without_trainable_gates_it_is_as_if_the_weights_were_zero(case: Case) -> None:
    circuit, encoding, weights = case
    found = without_trainable_gates(circuit)
    assert found.circuit.n_weights == 0
    assert np.allclose(
        values(found, encoding, weights), expectations(circuit, encoding, np.zeros_like(weights)), atol=1e-9
    )


@tried
@for_any
def test_without_reuploads_it_is_as_if_later_gates_had_the_angle_zero(case: Case) -> None:
    circuit, encoding, weights = case
    first = {angle: place for place, gate in reversed(list(enumerate(circuit.gates))) for angle in gate.angles}
    numbers, columns, gates = count(), [], []
    for place, gate in enumerate(circuit.gates):
        angles = []
        for angle in gate.angles:
            if isinstance(angle, Encoding):
                columns.append(encoding[:, angle.index] * (first[angle] == place))
                angle = Encoding(next(numbers))
            angles.append(angle)
        gates.append(replace(gate, angles=tuple(angles)))
    apart = Circuit(circuit.n_qubits, tuple(gates), circuit.observables)
    expected = expectations(apart, np.stack(columns, 1) if columns else encoding, weights)
    assert np.allclose(values(without_reuploads(circuit), encoding, weights), expected, atol=1e-9)


@tried
@for_any
def test_what_is_left_alone_is_the_same_circuit(case: Case) -> None:
    circuit, encoding, weights = case
    found = as_it_is(circuit)
    assert found.circuit == circuit
    assert np.array_equal(values(found, encoding, weights), expectations(circuit, encoding, weights))


def test_angles_that_are_left_are_numbered_anew_and_told() -> None:
    gates = (
        Gate("crx", (0, 1), (Encoding(0),)),
        Gate("ry", (0,), (Encoding(1),)),
        Gate("rzz", (0, 1), (Weight(0),)),
        Gate("u", (1,), (Weight(1), Encoding(2), 0.5)),
    )
    found = without_entanglers(Circuit(2, gates, z_on_each(2)))
    assert found.circuit.gates == (Gate("ry", (0,), (Encoding(0),)), Gate("u", (1,), (Weight(0), Encoding(1), 0.5)))
    assert (found.new_encoding, found.new_weights) == ({1: 0, 2: 1}, {1: 0})


def test_a_gate_with_an_encoding_angle_beside_its_weight_stays() -> None:
    gates = (Gate("u", (0,), (Encoding(0), Weight(0), Weight(1))), Gate("p", (0,), (Weight(2),)), Gate("h", (0,)))
    found = without_trainable_gates(Circuit(1, gates, z_on_each(1)))
    assert found.circuit.gates == (Gate("u", (0,), (Encoding(0), 0.0, 0.0)), Gate("h", (0,)))


def test_angles_that_upload_the_same_are_uploads_of_one() -> None:
    gates = tuple(Gate("rx", (0,), (Encoding(index),)) for index in range(4))
    circuit = Circuit(1, gates, z_on_each(1))
    left = without_reuploads(circuit, [0, 1, 0, 1])
    assert left.circuit.gates == gates[:2]
    joined = with_joined_uploads(circuit, [0, 1, 0, 1])
    assert joined.encoding == (0, 1)
    encoding, weights = random_angles(circuit, 3, 0)
    encoding[:, 2:] = encoding[:, :2]
    assert np.allclose(values(joined, encoding, weights), expectations(circuit, encoding, weights))


@pytest.mark.parametrize("take", [without_entanglers, without_trainable_gates, without_reuploads])
def test_a_circuit_of_which_no_gate_is_left_gives_the_values_of_its_start(
    take: Callable[[Circuit], Rewritten],
) -> None:
    gates = (Gate("rxx", (0, 1), (Weight(0),)),)
    circuit = Circuit(2, gates if take is not without_reuploads else (), (*z_on_each(2), Observable("XZ", (0, 1))))
    found = take(circuit)
    assert found.circuit.gates == ()
    assert values(found, np.zeros((2, 0)), np.zeros(1)).tolist() == [[1.0, 1.0, 0.0]] * 2
