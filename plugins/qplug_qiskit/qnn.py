"""Heads from Qiskit's circuit library."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import efficient_su2, real_amplitudes, zz_feature_map
from torch import Tensor

from qplug.heads.head_parameters import INPUT_MAPS, BatchNorm, InputMap, ReadOut

from .given import Parametrised
from .head import QiskitHead

Entanglement: TypeAlias = Literal["full", "linear", "circular", "reverse_linear"]


@dataclass(kw_only=True, eq=False)
class ScaledInputs(QiskitHead):
    """A Qiskit head, one input per qubit, whose inputs are first brought into a range that suits its feature map."""

    n_qubits: Annotated[int, Field(ge=1, le=24, description="number of qubits, and of inputs")] = 8
    scale: Annotated[float, Field(gt=0, description="factor on the inputs")] = 1.0
    angle_map: InputMap = "none"
    read_out: ReadOut = "linear"
    batch_norm: BatchNorm = True

    def __post_init__(self) -> None:
        self.n_inputs = self.n_qubits

    def encode(self, inputs: Tensor, parameters: Tensor) -> Tensor:
        """Encoding angles (batch, n_encoding): Qiskit's feature map of ``scale · map(inputs)``."""
        return super().encode(self.scale * INPUT_MAPS[self.angle_map](inputs), parameters)


@final
@dataclass(kw_only=True, eq=False)
class Qnn(ScaledInputs):
    """ZZ feature map and real amplitudes: the circuit of the QC-CNN audio system.

    The feature map turns qubit i by 2·x_i and each entangled pair by 2·(π − x_i)(π − x_j), x = ``scale · map(input)``.
    A pair's angle changes by 2π radians per unit of x, and seven pairs meet on every qubit of eight: inputs of unit
    variance are scrambled beyond learning unless the scale is small. On fixed features (eight whitened principal
    components of the 8x8 digits) accuracy falls from .8 at .05 to .3 at .25 and chance at 1; behind a trainable
    network any of these learns, for the network finds the scale itself. Published circuits have 1.

    **Source:** feature map: Havlíček and others, Supervised learning with quantum-enhanced feature spaces, 2019
    (arXiv:1804.11326); both circuits as in Qiskit's library.
    """

    summary = "ZZ feature map and real amplitudes, from Qiskit's library"
    source = "arXiv:1804.11326"

    n_qubits: Annotated[int, Field(ge=2, le=24, description="number of qubits, and of inputs")] = 8
    feature_reps: Annotated[int, Field(ge=1, le=20, description="repetitions of the feature map")] = 1
    ansatz_reps: Annotated[int, Field(ge=0, le=100, description="repetitions of the real amplitudes")] = 2
    entanglement: Annotated[Entanglement, Field(description="which pairs are entangled, in both")] = "full"
    scale: Annotated[float, Field(gt=0, description="factor on the inputs")] = 0.05

    def parametrised(self) -> Parametrised:
        """The feature map, then the ansatz."""
        return _zz_and_amplitudes(self.n_qubits, self.feature_reps, self.ansatz_reps, self.entanglement)


@final
@dataclass(kw_only=True, eq=False)
class EfficientSu2(ScaledInputs):
    """RY embedding of one input per qubit, then Qiskit's efficient SU(2) ansatz: RY, RZ and CNOTs.

    **Source:** Kandala and others, Hardware-efficient variational quantum eigensolver for small molecules and quantum
    magnets, 2017 (arXiv:1704.05018); the ansatz as in Qiskit's library.
    """

    summary = "RY embedding and the efficient SU(2) ansatz, from Qiskit's library"
    source = "arXiv:1704.05018"

    reps: Annotated[int, Field(ge=0, le=100, description="repetitions of the ansatz")] = 2
    entanglement: Annotated[Entanglement, Field(description="which pairs are entangled")] = "reverse_linear"
    scale: Annotated[float, Field(gt=0, description="radians per unit of input")] = 0.5

    def parametrised(self) -> Parametrised:
        """The embedding, then the ansatz."""
        return _embedding_and_su2(self.n_qubits, self.reps, self.entanglement)


@cache
def _zz_and_amplitudes(n_qubits: int, feature_reps: int, ansatz_reps: int, entanglement: str) -> Parametrised:
    feature_map = zz_feature_map(n_qubits, feature_reps, entanglement=entanglement)
    ansatz = real_amplitudes(n_qubits, reps=ansatz_reps, entanglement=entanglement)
    return Parametrised(feature_map.compose(ansatz), list(feature_map.parameters), list(ansatz.parameters))


@cache
def _embedding_and_su2(n_qubits: int, reps: int, entanglement: str) -> Parametrised:
    inputs = ParameterVector("x", n_qubits)
    embedding = QuantumCircuit(n_qubits)
    for qubit in range(n_qubits):
        embedding.ry(inputs[qubit], qubit)
    ansatz = efficient_su2(n_qubits, reps=reps, entanglement=entanglement)
    return Parametrised(embedding.compose(ansatz), list(inputs), list(ansatz.parameters))
