from collections import Counter

import pytest
import torch

from qplug.bench.floor import floor_steps, passes
from qplug.bench.sizes import Sizes
from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight

Z = (Observable("Z", (0,)),)


def count(n_qubits, *gates):
    return Counter({kind: number for kind, number in passes(Circuit(n_qubits, gates, Z)).items() if number})


def test_strong_layers_cost_a_gather_each_and_a_product_per_four_wires_after_the_first():
    cases = Sizes("pennylane-pqc", {}).cases([8], [1, 2, 4], [1])
    assert [passes(case.circuit) for case in cases] == [
        Counter(start=1, gather=1),
        Counter(start=1, gather=2, product=2),
        Counter(start=1, gather=4, product=6),
    ]


def test_rotations_before_the_first_entangler_are_part_of_the_product_state():
    assert count(1, Gate("rx", (0,), (Encoding(0),)), Gate("rz", (0,), (Weight(0),))) == Counter(start=1)


def test_a_phase_between_two_equal_cnots_is_one_phase_multiplication():
    gates = Gate("cx", (0, 1)), Gate("p", (1,), (Encoding(0),)), Gate("cx", (0, 1))
    assert count(2, *gates) == Counter(start=1, phase=1)


@pytest.mark.parametrize("name", ["rzz", "cz"])
def test_a_run_of_diagonal_gates_is_one_phase_multiplication(name):
    angles = (0.3,) if name == "rzz" else ()
    assert count(3, Gate(name, (0, 1), angles), Gate(name, (1, 2), angles)) == Counter(start=1, phase=1)


def test_swaps_and_toffolis_move_amplitudes():
    assert count(2, Gate("swap", (0, 1))) == Counter(start=1, gather=1)
    assert count(3, Gate("ccx", (0, 1, 2))) == Counter(start=1, gather=1)


def test_one_qubit_gates_that_follow_one_another_are_one_product():
    later = [Gate(name, (wire,), (0.1,)) for name in ("rz", "ry", "rz") for wire in (0, 1)]
    assert count(2, Gate("cx", (0, 1)), *later) == Counter(start=1, gather=1, product=1)


def test_other_gates_on_two_qubits_are_products():
    assert count(2, Gate("rxx", (0, 1), (0.1,))) == Counter(start=1, product=1)


@pytest.mark.parametrize("n_qubits", [1, 3, 5])
def test_the_floor_can_be_measured_for_every_number_of_qubits_and_leaves_the_threads_alone(n_qubits):
    gates = [Gate("h", (wire,)) for wire in range(n_qubits)]
    gates += [Gate("cx", (wire, wire + 1)) for wire in range(n_qubits - 1)]
    gates += [Gate("rx", (wire,), (0.3,)) for wire in range(n_qubits)]
    before = torch.get_num_threads()
    for step in floor_steps(Circuit(n_qubits, tuple(gates), Z), 2, "cpu"):
        step()
    assert torch.get_num_threads() == before
