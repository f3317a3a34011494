"""The staircase as a Qiskit circuit."""

from dataclasses import dataclass
from typing import Annotated, final

from pydantic import Field
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qplug_qiskit.head import Parametrised, QiskitHead


@final
@dataclass(kw_only=True, eq=False)
class StaircaseQiskit(QiskitHead):
    """Each input turns one qubit; layers of RY by weights and a staircase of CNOTs follow."""

    summary = "rotations and a staircase of CNOTs, written in Qiskit"
    source = "made up, to be read"

    n_qubits: Annotated[int, Field(ge=2, le=16, description="number of qubits, and of inputs")] = 4
    n_layers: Annotated[int, Field(ge=1, le=20, description="number of staircases")] = 2
    scale: Annotated[float, Field(gt=0, description="radians per unit of input")] = 0.5

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits

    def parametrised(self) -> Parametrised:
        """The circuit, which of its parameters are inputs, and which are weights; ⟨Z⟩ of every qubit is measured."""
        inputs = ParameterVector("x", self.n_qubits)
        weights = ParameterVector("w", self.n_layers * self.n_qubits)
        circuit = QuantumCircuit(self.n_qubits)
        for qubit in range(self.n_qubits):
            circuit.rx(self.scale * inputs[qubit], qubit)
        for layer in range(self.n_layers):
            for qubit in range(self.n_qubits):
                circuit.ry(weights[layer * self.n_qubits + qubit], qubit)
            for qubit in range(self.n_qubits - 1):
                circuit.cx(qubit, qubit + 1)
        return Parametrised(circuit, list(inputs), list(weights))
