import pytest

from qplug.bench.sizes import Sizes
from qplug.contract.errors import NotSupported, ParameterError, UnknownName, UserError

SIZED = """
from typing import Annotated

from pydantic import Field
from qplug.contract.circuit import Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.interfaces import HeadCapabilities, QuantumHead


class Part(QuantumHead):
    summary = "a head made for a test"
    capabilities = HeadCapabilities(interface=1, quantum=True)

    def __init__(self, *, ansatz_reps: Annotated[int, Field(ge=1, description="layers")] = 3) -> None:
        self.ansatz_reps = ansatz_reps

    def circuit(self, n_inputs):
        gates = [Gate("rx", (0,), (Encoding(i),)) for i in range(n_inputs)]
        gates += [Gate("ry", (0,), (Weight(i),)) for i in range(self.ansatz_reps)]
        return Circuit(1, tuple(gates), (Observable("Z", (0,)),))
"""


def test_every_combination_of_sizes_is_a_case():
    cases = Sizes("pennylane-pqc", {}).cases([2, 3], [1, 2], [4])
    assert [(case.n_qubits, case.n_layers, case.batch) for case in cases] == [
        (2, 1, 4),
        (2, 2, 4),
        (3, 1, 4),
        (3, 2, 4),
    ]
    assert [case.circuit.n_weights for case in cases] == [6, 12, 9, 18]


def test_without_sizes_the_head_is_as_it_is_by_default():
    (case,) = Sizes("pennylane-pqc", {"layers": "basic"}).cases([], [], [1])
    assert (case.n_qubits, case.n_layers, case.circuit.n_weights) == (8, 2, 16)


def test_layers_are_set_under_the_name_that_the_head_has_for_them(site):
    site.add_head("sized", SIZED)
    cases = Sizes("sized", {}).cases([], [1, 5], [1])
    assert [(case.n_layers, case.circuit.n_weights) for case in cases] == [(1, 1), (5, 5)]


def test_a_head_without_a_parameter_for_its_size_is_refused_by_what_it_has(site):
    site.add_head("sized", SIZED)
    with pytest.raises(UserError, match=r"--qubits 8 was asked for, but the head 'sized' .* it has ansatz_reps"):
        Sizes("sized", {}).cases([8], [], [1])


def test_more_qubits_than_a_head_can_have_are_refused():
    with pytest.raises(ParameterError, match=r"n_qubits.*99"):
        Sizes("pennylane-pqc", {}).cases([99], [], [1])


def test_an_unknown_head_is_refused_with_near_names():
    with pytest.raises(UnknownName, match=r"'penylane-pqc'.*'pennylane-pqc'"):
        Sizes("penylane-pqc", {})


def test_a_classical_head_is_refused():
    with pytest.raises(NotSupported, match=r"the head 'mlp' has no circuit"):
        Sizes("mlp", {})
