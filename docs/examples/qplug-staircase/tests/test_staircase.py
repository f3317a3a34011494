"""What every quantum head promises, and that the two are one circuit."""

import pytest
import torch
from qplug import QuantumHead
from qplug.catalogue import load
from qplug.testing.components import check_component
from qplug.testing.equivalence import check_head
from qplug_staircase.in_pennylane import StaircasePennyLane
from qplug_staircase.in_qiskit import StaircaseQiskit


@pytest.mark.parametrize("head", [StaircasePennyLane(n_qubits=3), StaircaseQiskit(n_qubits=3)])
def test_a_staircase_keeps_the_contract(head: QuantumHead) -> None:
    check_component(head)
    check_head(head, load("backend", "torch")())


def test_both_give_the_same_numbers() -> None:
    inputs, backend = torch.tensor([[0.4, -1.2, 2.5], [0.0, 0.0, 0.0]]), load("backend", "torch")()
    values = []
    for head in (StaircasePennyLane(n_qubits=3), StaircaseQiskit(n_qubits=3)):
        weights = torch.linspace(-2, 2, head.n_parameters)
        values.append(backend(head.circuit(3), head.encode(inputs, weights), head.weight_angles(weights)))
    torch.testing.assert_close(values[0], values[1])


def test_one_step_of_the_staircase_by_hand() -> None:
    head, backend = StaircasePennyLane(n_qubits=2, n_layers=1, scale=1.0), load("backend", "torch")()
    inputs, weights = torch.tensor([[0.3, 0.0]]), torch.tensor([0.0, 0.8])
    values = backend(head.circuit(2), head.encode(inputs, weights), head.weight_angles(weights))
    first, second = torch.cos(torch.tensor([0.3, 0.8]))
    torch.testing.assert_close(values, torch.stack([first, first * second])[None])
