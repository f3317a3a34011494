"""Measurements in mid-circuit that only decide which gates follow: controls on further qubits take their place.

A result is copied by a CX onto a fresh qubit, on which nothing but controls follow. All that is measured on the other
qubits is then as if the result had been read there: the principle of deferred measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, Clbit, Gate, IfElseOp, Qubit
from qiskit.circuit.library import XGate

from qplug.contract.errors import CircuitError

from .refused import WITHOUT_EFFECT, refuse

_Control: TypeAlias = tuple[Qubit, int]
"""A qubit, and the value of it for which gates are done."""
_Names: TypeAlias = Mapping[Clbit, Clbit]
"""Bits of a body, and which of the circuit's bits they are."""


def deciding(circuit: QuantumCircuit) -> set[int]:
    """Places of the measurements whose results an ``if_test`` reads."""
    last: dict[Clbit, int] = {}
    found: set[int] = set()
    for place, instruction in enumerate(circuit.data):
        if instruction.operation.name == "measure":
            last[instruction.clbits[0]] = place
        elif isinstance(instruction.operation, IfElseOp):
            found |= {last[bit] for bit in instruction.clbits if bit in last}
    return found


def deferred(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with each ``if_test`` as controlled gates; the qubits of results stand behind all others.

    Raises:
        CircuitError: a condition that is no bit or register with a value, or that asks for what was never measured; in
            a body what is no gate.
    """
    if not any(isinstance(instruction.operation, IfElseOp) for instruction in circuit.data):
        return circuit
    return _Deferral(circuit).made


class _Deferral:
    def __init__(self, circuit: QuantumCircuit) -> None:
        self.made = circuit.copy_empty_like()
        self._names = {bit: _name(circuit, bit) for bit in circuit.clbits}
        self._results: dict[Clbit, Qubit] = {}
        decisive = deciding(circuit)
        for place, instruction in enumerate(circuit.data):
            operation, qubits, bits = instruction.operation, instruction.qubits, instruction.clbits
            if isinstance(operation, IfElseOp):
                self._branch(operation, qubits, bits)
            elif place in decisive:
                self._results[bits[0]] = self._fresh()
                self.made.cx(qubits[0], self._results[bits[0]])
            else:
                self.made.append(operation, qubits, bits)

    def _fresh(self) -> Qubit:
        qubit = Qubit()
        self.made.add_bits([qubit])
        return qubit

    def _branch(
        self, operation: IfElseOp, qubits: Any, bits: Any, outer: _Control | None = None, into: _Names | None = None
    ) -> None:
        """Both bodies, each under its control; the condition's bits are those of the circuit around it."""
        wire, value = self._condition(operation.condition, into or {})
        for body, wanted in zip(operation.blocks, (value, 1 - value), strict=False):
            control = (wire, wanted) if outer is None else self._both(outer, (wire, wanted))
            if control is not None:
                self._body(body, qubits, bits, control)

    def _both(self, outer: _Control, inner: _Control) -> _Control | None:
        """A control that is met when both are; None: never."""
        if outer[0] is inner[0]:
            return inner if outer == inner else None
        return self._all([outer, inner])

    def _all(self, controls: list[_Control]) -> _Control:
        if len(controls) == 1:
            return controls[0]
        fresh = self._fresh()
        values = sum(value << place for place, (_, value) in enumerate(controls))
        self.made.append(XGate().control(len(controls), ctrl_state=values), [*(wire for wire, _ in controls), fresh])
        return fresh, 1

    def _condition(self, condition: Any, into: _Names) -> _Control:
        if not isinstance(condition, tuple):
            raise CircuitError(
                f"an if_else decides by the expression {condition}; a qplug circuit takes one bit or one register with "
                "the value that it must have, such as if_test((bit, 1)). Write what decides as nested ones of these."
            )
        target, value = condition
        bits = [target] if isinstance(target, Clbit) else list(target)
        bits = [into.get(bit, bit) for bit in bits]
        names = ", ".join(self._names[bit] for bit in bits)
        if value >> len(bits):
            raise CircuitError(f"an if_else asks whether {names} have the value {value}; {len(bits)} bits never do.")
        if not any(bit in self._results for bit in bits):
            raise CircuitError(
                f"an if_else reads {names}, which no measurement of the circuit itself has written before. Measure "
                "first; circuit.decompose() brings out measurements within other instructions."
            )
        return self._all([(self._result(bit), value >> place & 1) for place, bit in enumerate(bits)])

    def _result(self, bit: Clbit) -> Qubit:
        if bit not in self._results:
            self._results[bit] = self._fresh()  # a bit that nothing was measured into is 0
        return self._results[bit]

    def _body(self, body: QuantumCircuit, qubits: Any, bits: Any, control: _Control) -> None:
        """The body's gates, controlled; each bit and qubit of a body is named by its place.

        A body's global phase stays out: it differs between results, and no other qubit sees it.
        """
        on = dict(zip(body.qubits, qubits, strict=True))
        into = dict(zip(body.clbits, bits, strict=True))
        for instruction in body.data:
            operation = instruction.operation
            its_qubits = [on[qubit] for qubit in instruction.qubits]
            its_bits = [into[bit] for bit in instruction.clbits]
            if isinstance(operation, IfElseOp):
                self._branch(operation, its_qubits, its_bits, control, into)
            elif operation.name in WITHOUT_EFFECT:
                continue
            elif isinstance(operation, Gate | AnnotatedOperation):
                refuse(operation)
                self.made.append(operation.control(1, ctrl_state=control[1]), [control[0], *its_qubits])
            else:
                refuse(operation, within="if_else")
                self._body(operation.definition, its_qubits, its_bits, control)


def _name(circuit: QuantumCircuit, bit: Clbit) -> str:
    registers = circuit.find_bit(bit).registers
    return f"{registers[0][0].name}[{registers[0][1]}]" if registers else f"bit {circuit.find_bit(bit).index}"
