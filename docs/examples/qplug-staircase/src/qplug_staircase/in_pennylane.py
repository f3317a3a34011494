"""The staircase as a PennyLane quantum function."""

from dataclasses import dataclass
from typing import Annotated, Any, final

from pydantic import Field
from qplug_pennylane.head import PennyLaneHead
from torch import Tensor


@final
@dataclass(kw_only=True, eq=False)
class StaircasePennyLane(PennyLaneHead):
    """Each input turns one qubit; layers of RY by weights and a staircase of CNOTs follow."""

    summary = "rotations and a staircase of CNOTs, written in PennyLane"
    source = "made up, to be read"

    n_qubits: Annotated[int, Field(ge=2, le=16, description="number of qubits, and of inputs")] = 4
    n_layers: Annotated[int, Field(ge=1, le=20, description="number of staircases")] = 2
    scale: Annotated[float, Field(gt=0, description="radians per unit of input")] = 0.5

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(n_layers, n_qubits)."""
        return (self.n_layers, self.n_qubits)

    def quantum_function(self, inputs: Tensor, weights: Tensor) -> Any:
        """What is measured: ⟨Z⟩ of every qubit."""
        import pennylane as qml  # here, so that listing and showing the head does not wait for it

        for wire in range(self.n_qubits):
            qml.RX(self.scale * inputs[wire], wires=wire)
        for layer in range(self.n_layers):
            for wire in range(self.n_qubits):
                qml.RY(weights[layer, wire], wires=wire)
            for wire in range(self.n_qubits - 1):
                qml.CNOT(wires=[wire, wire + 1])
        return [qml.expval(qml.PauliZ(wire)) for wire in range(self.n_qubits)]
