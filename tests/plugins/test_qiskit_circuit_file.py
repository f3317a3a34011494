"""Heads from OpenQASM 3 files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from qplug.circuits import qasm3
from qplug.contract.circuit import Encoding, Gate, Observable
from qplug.contract.errors import CircuitError, DataError, NotSupported
from qplug.heads.quantum_module import QuantumModule
from qplug_qiskit.aer import Aer
from qplug_qiskit.circuit_file import CircuitFile
from qplug_qiskit.qnn import Qnn

PROGRAM = """OPENQASM 3.0;
include "stdgates.inc";
input angle x2; input float[64] x10; input float[64] turn;
qubit[2] q; bit[2] c;
ry(2.0 * x2 + pi / 2) q[0];
rx(x10) q[1];
cx q[0], q[1];
crz(turn) q[1], q[0];
c = measure q;
"""


def head(folder: Path, text: str, **parameters: str) -> CircuitFile:
    path = folder / "circuit.qasm"
    path.write_text(text, encoding="utf-8")
    return CircuitFile(path=str(path), **parameters)


def test_inputs_and_weights_are_told_apart_by_name_and_ordered_by_number(tmp_path: Path) -> None:
    made = head(tmp_path, PROGRAM)
    assert made.n_inputs == 2
    assert made.n_parameters == 1
    circuit = made.circuit(2)
    assert circuit.gates[:3] == (
        Gate("ry", (0,), (Encoding(0),)),
        Gate("rx", (1,), (Encoding(1),)),
        Gate("cx", (0, 1)),
    )
    assert circuit.observables == (Observable("Z", (0,)), Observable("Z", (1,)))
    angles = made.encode(torch.tensor([[0.5, 0.7]], dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    np.testing.assert_allclose(angles, [[1 + np.pi / 2, 0.7]])


def test_a_file_trains(tmp_path: Path) -> None:
    module = QuantumModule(head(tmp_path, PROGRAM), Aer(), 2, 3)
    (module(torch.randn(4, 2)) * torch.randn(4, 3)).sum().backward()
    assert module.circuit_parameters.grad is not None


def test_what_a_run_wrote_is_read_back_whole(tmp_path: Path) -> None:
    circuit = Qnn(n_qubits=3, read_out="parity").circuit(3)
    assert head(tmp_path, qasm3.dump(circuit)).circuit(circuit.n_encoding) == circuit


def test_the_prefix_of_inputs_can_be_chosen(tmp_path: Path) -> None:
    assert head(tmp_path, PROGRAM, inputs="turn").n_inputs == 1


def test_a_file_without_inputs_is_refused_with_its_parameters(tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match=r"begins with 'data'.*turn, x2, x10"):
        head(tmp_path, PROGRAM, inputs="data").circuit(2)


def test_no_file_named_is_refused() -> None:
    with pytest.raises(NotSupported, match=r"--set head\.path=FILE"):
        CircuitFile().circuit(2)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.qasm cannot be read"):
        CircuitFile(path=str(tmp_path / "absent.qasm")).circuit(2)


def test_another_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match=r"circuit\.qasm cannot be read as OpenQASM 3"):
        head(tmp_path, "print('hello')").circuit(2)


def test_an_observable_outside_the_circuit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match=r"'Z0 Z7' is not of the form.*0 to 1"):
        head(tmp_path, PROGRAM + "// observable: Z0 Z7\n").circuit(2)


def test_a_copy_stands_in_for_a_file_that_is_gone(tmp_path: Path) -> None:
    original = tmp_path / "mine.qasm"
    original.write_text(PROGRAM)
    before = CircuitFile(path=str(original))
    circuit = before.circuit(before.n_inputs)
    copies = tmp_path / "copies"
    copies.mkdir()
    for name, file in before.settings_files().items():
        file.rename(copies / name)
    assert not original.exists()

    after = CircuitFile(path=str(original))
    after.use_copies(copies)
    assert after.circuit(after.n_inputs) == circuit
