"""The frequencies that a circuit can have, against those that its simulated expectation values do have."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qplug.circuits.spectrum import accessible, accessible_to_each, causal_cone
from qplug.contract.circuit import GATES, Circuit, Encoding, Gate, Observable
from qplug.testing.circuits import each_gate, random_angles, random_circuit, z_on_each
from qplug.testing.reference import expectations

WITH_ANGLES = [name for name, kind in GATES.items() if kind.n_angles]
HALVES = {-1.0, -0.5, 0.0, 0.5, 1.0}
Z0 = (Observable("Z", (0,)),)


def seen(circuit: Circuit, index: int, seed: int = 0) -> list[set[float]]:
    """For each observable the frequencies whose Fourier coefficient in one encoding angle is not zero."""
    n = 4 * sum(angle == Encoding(index) for gate in circuit.gates for angle in gate.angles) + 5
    start, weights = random_angles(circuit, 1, seed)
    encoding = np.repeat(start, n, axis=0)
    encoding[:, index] = np.arange(n) * 4 * math.pi / n  # twice the period, so that halves are whole
    coefficients = np.fft.fft(expectations(circuit, encoding, weights), axis=0) / n
    frequencies = np.fft.fftfreq(n, 1 / n) / 2
    return [set(frequencies[np.abs(column) > 1e-9].tolist()) for column in coefficients.T]


@pytest.mark.parametrize("name", WITH_ANGLES)
def test_each_gate_brings_exactly_the_frequencies_that_are_told(name: str) -> None:
    circuit = each_gate()[name]
    for index in range(circuit.n_encoding):
        assert set().union(*seen(circuit, index)) == set(accessible(circuit)[index])
    expected = HALVES if name in ("crx", "cry", "crz") else {-1.0, 0.0, 1.0}
    assert {frequency for frequencies in accessible(circuit) for frequency in frequencies} == expected


def test_uploads_of_one_angle_add_up_to_as_many_frequencies() -> None:
    gates = [Gate(name, (0,), (Encoding(0),)) for name in ("rx", "ry", "rx")]
    mixed = [Gate("h", (0,)), Gate("crx", (0, 1), (Encoding(0),)), Gate("ry", (1,), (Encoding(0),))]
    assert accessible(Circuit(1, tuple(gates), Z0)) == (tuple(float(number) for number in range(-3, 4)),)
    assert accessible(Circuit(2, tuple(mixed), (Observable("Z", (1,)),))) == (
        (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0),
    )


@pytest.mark.parametrize("seed", range(6))
def test_no_circuit_has_a_frequency_that_is_not_told(seed: int) -> None:
    circuit = random_circuit(3, 14, seed, reuse=0.5)
    of_each = accessible_to_each(circuit)
    for index in range(circuit.n_encoding):
        for told, found in zip(of_each, seen(circuit, index, seed), strict=True):
            assert found <= set(told[index])


def test_an_angle_outside_the_causal_cone_is_not_seen() -> None:
    gates = (
        Gate("ry", (0,), (Encoding(0),)),
        Gate("ry", (1,), (Encoding(1),)),
        Gate("cx", (0, 1)),
        Gate("ry", (2,), (Encoding(2),)),
        Gate("ry", (2,), (Encoding(0),)),
    )
    circuit = Circuit(3, gates, z_on_each(3))
    one, two = (-1.0, 0.0, 1.0), (0.0,)
    assert accessible_to_each(circuit) == ((one, one, two), (one, one, two), (one, two, one))
    assert accessible(circuit) == (one, one, one)  # no observable sees both uploads of angle 0
    assert causal_cone(circuit, Observable("Z", (2,))) == gates[3:]


def test_a_circuit_without_encoding_angles_has_no_frequencies() -> None:
    assert accessible(Circuit(1, (Gate("h", (0,)),), Z0)) == ()
