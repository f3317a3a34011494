"""The hypothesis strategies draw what they promise."""

from __future__ import annotations

import numpy as np
import pytest

hypothesis = pytest.importorskip("hypothesis")

from hypothesis import Phase, find, given, settings  # noqa: E402

from qplug.contract.circuit import GATES, Circuit, Encoding, Weight  # noqa: E402
from qplug.testing.reference import expectations  # noqa: E402
from qplug.testing.strategies import circuits, circuits_with_angles  # noqa: E402

ANY = settings(phases=[Phase.generate], max_examples=2000, database=None)


@given(circuits_with_angles(max_qubits=3, max_gates=6))
@settings(max_examples=50, deadline=None)
def test_the_reference_gives_values_between_minus_one_and_one(case: tuple[Circuit, np.ndarray, np.ndarray]) -> None:
    circuit, encoding, weights = case
    values = expectations(circuit, encoding, weights)
    assert values.shape == (len(encoding), len(circuit.observables))
    assert np.abs(values).max() <= 1 + 1e-12


def test_every_gate_can_be_drawn() -> None:
    seen: set[str] = set()

    def nothing_is_missing(circuit: Circuit) -> bool:
        assert len(circuit.gates) <= 6
        seen.update(circuit.gate_counts)
        return seen >= set(GATES)

    find(circuits(max_qubits=3, max_gates=6), nothing_is_missing, settings=ANY)


@pytest.mark.parametrize("kind", [Encoding, Weight])
def test_an_angle_can_be_drawn_twice(kind: type) -> None:
    def twice(circuit: Circuit) -> bool:
        angles = [angle for gate in circuit.gates for angle in gate.angles]
        return angles.count(kind(0)) == 2

    assert find(circuits(), twice, settings=ANY).n_qubits >= 1


def test_a_circuit_without_gates_can_be_drawn() -> None:
    assert find(circuits(), lambda circuit: not circuit.gates, settings=ANY).n_weights == 0
