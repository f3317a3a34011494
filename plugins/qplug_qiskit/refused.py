"""Operations that a circuit of the contract cannot express, and what would be needed in their place."""

from __future__ import annotations

from typing import Any

from qiskit.circuit import ControlFlowOp

from qplug.contract.errors import CircuitError

WITHOUT_EFFECT = {"barrier", "id", "delay", "global_phase"}
_WHY = {
    "measure": "measures in mid-circuit",
    "reset": "resets a qubit in mid-circuit",
    "initialize": "prepares a state",
    "state_preparation": "prepares a state",
    "set_statevector": "prepares a state",
    "kraus": "is a noise channel",
    "quantum_channel": "is a noise channel",
}
_INSTEAD = {
    "measure": "A measurement is taken at the end, or where an if_test reads its result.",
    "reset": "Go on with a further qubit, which is |0>, in place of the one that is reset.",
    "while_loop": "Write as many rounds as are possible, each as an if_test.",
    "for_loop": "Write its rounds one after the other.",
    "switch_case": "Write each case as an if_test of the register with a value.",
}


def refuse(operation: Any, why: str | None = None, *, within: str | None = None) -> None:
    """Refuses an operation that cannot be expressed.

    Args:
        operation: the operation.
        why: what is wrong with it; by default what its name says.
        within: what it is part of, which only gates may be.

    Raises:
        CircuitError: its name, and what to write instead.
    """
    why = why or _WHY.get(operation.name)
    if isinstance(operation, ControlFlowOp):
        why = "decides in mid-circuit"
    if why is None and within and operation.definition is None:
        why = "is no gate"
    if why:
        place = f" within {within}" if within else ""
        raise CircuitError(
            f"the operation {operation.name}{place} {why}, which a qplug circuit cannot express: it is made of gates "
            "on |0…0> and expectation values at the end. "
            + _INSTEAD.get(operation.name, "Write the circuit without it.")
        )
