"""Every gate, many circuits, and what a backend promises besides its values."""

import pytest
import torch
from qplug import Circuit, Encoding, Gate, NotSupported, Observable, Weight
from qplug.testing.components import check_component
from qplug.testing.equivalence import check_backend
from qplug_statevector.statevector import QiskitStatevector


def test_statevector_keeps_the_contract() -> None:
    check_component(QiskitStatevector())
    check_backend(QiskitStatevector(), max_qubits=3, n_random=3)


def test_a_rotation_by_hand() -> None:
    circuit = Circuit(
        2,
        (Gate("ry", (1,), (Encoding(0),)), Gate("rx", (0,), (Weight(0),))),
        (Observable("Z", (1,)), Observable("Y", (0,))),
    )
    values = QiskitStatevector()(circuit, torch.tensor([[0.0], [0.3]]), torch.tensor([0.7]))
    cosines, sine = torch.cos(torch.tensor([0.0, 0.3])), torch.sin(torch.tensor(0.7))
    torch.testing.assert_close(values, torch.stack([cosines, -sine.expand(2)], 1))


def test_a_circuit_that_is_too_wide_is_refused() -> None:
    circuit = Circuit(17, (), (Observable("Z", (16,)),))
    with pytest.raises(NotSupported, match="the circuit has 17 qubits, but QiskitStatevector runs at most 16"):
        QiskitStatevector().accept(circuit)
