"""Circuits to and from JSON and OpenQASM 3."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from qplug.circuits import from_json, from_qasm3, to_json, to_qasm3
from qplug.contract.circuit import GATES, Circuit, Encoding, Gate, Observable, Weight
from qplug.contract.errors import CircuitError
from qplug.testing.circuits import each_gate, random_angles, random_circuit, zz_feature_map_real_amplitudes
from qplug.testing.reference import expectations, final_states

EVERY_GATE = list(each_gate().values())
SOME = [*EVERY_GATE, Circuit(1, (), (Observable("Y", (0,)),)), *(random_circuit(5, 60, seed) for seed in range(5))]
Z0 = (Observable("Z", (0,)),)


@pytest.mark.parametrize("circuit", SOME, ids=lambda circuit: f"{len(circuit.gates)}-gates")
def test_both_texts_give_the_same_circuit_back(circuit: Circuit) -> None:
    assert from_json(to_json(circuit)) == circuit
    assert from_qasm3(to_qasm3(circuit)) == circuit


def test_any_circuit_survives_both_texts() -> None:
    hypothesis = pytest.importorskip("hypothesis")
    from qplug.testing.strategies import circuits

    @hypothesis.given(circuits())
    @hypothesis.settings(max_examples=100, deadline=None)
    def survives(circuit: Circuit) -> None:
        assert from_json(to_json(circuit)) == circuit
        assert from_qasm3(to_qasm3(circuit)) == circuit

    survives()


def _json(**changes: Any) -> str:
    whole = json.loads(to_json(Circuit(1, (Gate("rx", (0,), (0.5,)),), Z0))) | changes
    return json.dumps({key: value for key, value in whole.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the circuit is not JSON: Expecting"),
        ("[1]", 'needs "format": "qplug-circuit"'),
        (_json(format="other"), 'needs "format": "qplug-circuit"'),
        (_json(version=2), "format version 2; this qplug reads version 1"),
        (_json(gates=None), "not a whole circuit .'gates'.* needs n_qubits, gates and observables"),
        (_json(n_qubits="1"), "number of qubits must be a whole number; got '1'"),
        (_json(gates=[["rx", [0], [0.5]], ["rx", [0], ["y1"]]]), r"gate 1 \(\['rx'.*the angle 'y1' must be a number"),
        (_json(gates=[["cnot", [0]]]), r"gate 0 \(\['cnot', \[0\]\]\): not enough values"),
        (_json(gates=[["cnot", [0], []]]), r"gate 0 \(\['cnot', \[0\], \[\]\]\): no standard gate is called 'cnot'"),
        (_json(observables=[["Q", [0]]]), r"observable 0 \(\['Q', \[0\]\]\): the observable 'Q' must be made of"),
        (_json(gates=[["x", [4], []]]), r"gate 0 \(x on 4\) uses wire 4"),
    ],
)
def test_a_wrong_json_text_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        from_json(text)


def _program(*lines: str) -> str:
    return "\n".join(["OPENQASM 3.0;", 'include "stdgates.inc";', *lines])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("qubit[1] q;", "measure q;"), r"line 4: 'measure q' is not understood. Allowed are: OPENQASM 3.0;"),
        (("qubit[1] q;", "bit c;"), "line 4: 'bit c' is not understood"),
        (("qubit[1] q;", "x r[0];"), r"line 4: 'x r\[0\]' is not understood"),
        (("qubit[1] q;", "", "cu(1,2,3,4) q[0];"), "line 5: no standard gate is called 'cu'"),
        (("qubit[2] q;", "cx q[0];"), "line 4: cx on 0 acts on 1 wires, but 'cx' takes 2"),
        (("qubit[2] q;", "cx q[0], q[2];"), r"line 4: 'cx q\[0\], q\[2\]' uses a qubit outside q\[0\] … q\[1\]"),
        (("qubit[1] q;", "qubit[1] r;"), "line 4: 'r' is a second register"),
        (("input float theta;",), "line 3: the input 'theta' is not understood; inputs are x0"),
        (("input float w0;", "qubit[1] q;"), "the input 'w0' is used by no gate"),
        (("qubit[1] q;", "rx(w0) q[0];"), "line 4: the angle 'w0' is no declared input"),
        (("qubit[1] q;", "rx(2*w0) q[0];"), r"line 4: the angle '2\*w0' is not understood; an angle is a number"),
        (("qubit[1] q;", "rx(pi/0) q[0];"), "line 4: the angle 'pi/0' divides by zero"),
        (("gate rzz(a) p, q { cx p, q; }",), "line 3: the definition of the gate 'rzz' is not one that is known"),
        (("gate mine p { x p; }",), "line 3: the definition of the gate 'mine' is not one that is known"),
        (("qubit[1] q;", "x q[0]"), r"line 4: 'x q\[0\]' has no end; a statement ends with a semicolon"),
        (("qubit[1] q;", "// observable: Z0 Q1"), "line 4: the observable 'Z0 Q1' is not understood"),
        (("qubit[1] q;", "// observable: Z0 X0"), "line 4: the observable 'ZX' needs one wire per letter"),
        (("/* two", "lines */ qubit[1] q; y", "  q[0]; z q[0] ;; nonsense;"), "line 5: 'nonsense' is not understood"),
        ((), "a circuit needs at least 1 qubit; got 0"),
    ],
)
def test_a_program_outside_the_subset_is_refused_with_its_line(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        from_qasm3(_program(*lines))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pi", math.pi),
        ("-π/2", -math.pi / 2),
        ("3*pi/4", 3 * math.pi / 4),
        ("1/4", 0.25),
        ("-1.5e-3", -1.5e-3),
        (".5", 0.5),
    ],
)
def test_constants_may_be_fractions_of_pi(text: str, value: float) -> None:
    circuit = from_qasm3(_program("qubit[1] q;", f"rx({text}) q[0];"))
    assert circuit == Circuit(1, (Gate("rx", (0,), (value,)),), Z0)


def test_a_program_may_be_laid_out_freely_and_measures_z_on_each_wire_by_default() -> None:
    text = _program("input float x0; // an angle /* of", "/* the", "circuit */ qubit [2] wires; rx (x0)", " wires[1];")
    expected = (Observable("Z", (0,)), Observable("Z", (1,)))
    assert from_qasm3(text) == Circuit(2, (Gate("rx", (1,), (Encoding(0),)),), expected)


@pytest.mark.parametrize("circuit", [*EVERY_GATE, random_circuit(4, 50, 9)], ids=[*GATES, "random"])
def test_qiskit_reads_the_program_as_the_same_circuit(circuit: Circuit) -> None:
    qasm3 = pytest.importorskip("qiskit.qasm3")
    pytest.importorskip("qiskit_qasm3_import")
    info = pytest.importorskip("qiskit.quantum_info")
    encoding, weights = random_angles(circuit, 1, seed=8)
    theirs = qasm3.loads(to_qasm3(circuit))
    named = {f"x{index}": value for index, value in enumerate(encoding[0])}
    named |= {f"w{index}": value for index, value in enumerate(weights)}
    assert {parameter.name for parameter in theirs.parameters} == set(named)
    bound = info.Statevector(theirs.assign_parameters(named)).reverse_qargs().data
    overlap = np.vdot(bound, final_states(circuit, encoding, weights).ravel())
    assert abs(overlap) == pytest.approx(1, abs=1e-12)


def test_what_was_read_back_gives_the_same_numbers() -> None:
    circuit = zz_feature_map_real_amplitudes(4, feature_reps=1, ansatz_reps=2)
    angles = random_angles(circuit, 2, seed=5)
    again = from_qasm3(to_qasm3(circuit))
    np.testing.assert_array_equal(expectations(again, *angles), expectations(circuit, *angles))


@pytest.mark.parametrize(
    ("gates", "told"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("[" * 900 + "]" * 900, r"gate 0|nested too deeply"),
        ('[["rx", [0], [1' + "0" * 400 + "]]]", r"gate 0 \(\['rx', \[0\], \[1000"),
    ],
)
def test_absurd_json_is_no_circuit(gates: str, told: str) -> None:
    text = (
        '{"format": "qplug-circuit", "version": 1, "n_qubits": 1, "observables": [["Z", [0]]], "gates": ' + gates + "}"
    )
    with pytest.raises(CircuitError, match=told):
        from_json(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"qubit[{'9' * 5000}] q;", "line 1: the number 99999999999999999999… has 5000 digits; at most 9"),
        ("qubit[99999999] q;\nh q[0];", "line 1: the register 'q' has 99999999 qubits; at most 10000 are possible"),
        (f"qubit[2] q;\nh q[{'1' * 5000}];", "line 2: the number 11111111111111111111… has 5000 digits"),
        (f"input float[64] x{'1' * 5000};\nqubit[2] q;", "line 1: the number 1111.* has 5000 digits"),
        (f"qubit[2] q;\nh q[0];\n// observable: Z{'1' * 5000}", "the number 1111.* has 5000 digits"),
    ],
)
def test_absurd_numbers_are_refused_with_their_line(text: str, told: str) -> None:
    with pytest.raises(CircuitError, match=told):
        from_qasm3(text)


def test_an_absurd_index_names_the_hole_before_it() -> None:
    with pytest.raises(CircuitError, match="uses weight angle 99999999999, but weight angle 0 is used by no gate"):
        Circuit(1, (Gate("rx", (0,), (Weight(99_999_999_999),)),), (Observable("Z", (0,)),))
