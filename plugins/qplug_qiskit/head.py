"""Any parametrised Qiskit circuit as a head."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from torch import Tensor

from qplug.contract.errors import CircuitError
from qplug.heads.traced_head import ImportedHead, ImportedReadout, TracedCircuit, TracedHead

from .given import Parametrised as Parametrised  # authors import it from here
from .given import refuse_misnamed, start_of
from .original import Written
from .outcomes import own_qubits, refuse_other_widths, sampler_outputs, z_of_every_qubit
from .tracing import trace_circuit


class QiskitHead(TracedHead):
    """A quantum head written as a Qiskit circuit.

    An author writes ``parametrised`` and sets ``n_inputs``. The circuit is traced once: Qiskit decomposes it into the
    contract's gates, its parameter expressions become torch code for any batch. It is then made again and bound by
    Qiskit to fresh inputs and weights, and refused unless gates, angles, gradients and observables agree.
    """

    @abstractmethod
    def parametrised(self) -> Parametrised:
        """The circuit; the same one at every call."""

    def observables(self, circuit: QuantumCircuit) -> list[SparsePauliOp]:
        """What is measured: ⟨Z⟩ of every qubit, or for the read-out ``parity`` the product of all.

        Of a circuit that was transpiled for a device: of the qubits that it was written for, where they end.
        """
        if self.read_out == "parity":
            qubits = own_qubits(circuit)
            return [SparsePauliOp.from_sparse_list([("Z" * len(qubits), qubits, 1.0)], circuit.num_qubits)]
        return z_of_every_qubit(circuit)

    @property
    def n_parameters(self) -> int:
        """The number of weight parameters."""
        return len(self.parametrised().weights)

    def trace(self) -> TracedCircuit:
        """The Qiskit circuit in the contract's words.

        Raises:
            CircuitError: it contains what the contract cannot express, or is another one at each call.
        """
        first = self._written()
        return trace_circuit(first.circuit, first.inputs, first.weights, first.observables, again=self._written)

    def _written(self) -> Written:
        parts = self.parametrised()
        refuse_misnamed(parts.circuit, parts.inputs, parts.weights)
        return Written(parts.circuit, parts.inputs, parts.weights, self.observables(parts.circuit))

    @staticmethod
    def from_circuit(
        circuit: QuantumCircuit,
        *,
        inputs: Sequence[Parameter],
        weights: Sequence[Parameter],
        observables: Sequence[SparsePauliOp] | None = None,
        start: Any = None,
        read_out: ImportedReadout = "linear",
    ) -> ImportedHead:
        """An existing circuit as a head.

        Args:
            circuit: the circuit.
            inputs: the parameters that stand for the inputs.
            weights: the parameters that stand for the weights.
            observables: what is measured, each on all qubits of ``circuit``, as Qiskit's primitives take them; of a
                transpiled circuit ``observable.apply_layout(circuit.layout)``. By default ⟨Z⟩ of every qubit that
                the circuit was written for, wherever its layout puts it.
            start: (n_weights,), trained weights to start from; without them uniform in [0, 2π).
            read_out: ``linear``: batch norm and a linear layer follow; ``values``: the logits are the values.

        Raises:
            CircuitError: it contains what the contract cannot express.
        """
        refuse_misnamed(circuit, inputs, weights)
        measured = observables or z_of_every_qubit(circuit)
        refuse_other_widths(circuit, measured)
        begin = None if start is None else start_of(start, len(weights))
        traced = trace_circuit(circuit, inputs, weights, measured)
        return ImportedHead(traced, len(inputs), len(weights), begin, read_out)

    @staticmethod
    def from_qnn(qnn: Any, *, weights: Any = None, read_out: ImportedReadout = "linear") -> ImportedHead:
        """An EstimatorQNN or SamplerQNN of Qiskit Machine Learning as a head: the same circuit, the same numbers.

        A transpiled circuit, or one made by ``pass_manager``, is read as the QNN reads it: an EstimatorQNN's
        observables on the device's qubits, a SamplerQNN's outcomes through the layout; a circuit with its own
        measurements gives its classical bits. A SamplerQNN's probabilities are computed as sums of expectation values
        of Z strings; 2^n of them unless ``interpret`` needs fewer (a parity needs one).

        Args:
            qnn: the network; its own gradient, precision and primitive are not used.
            weights: (n_weights,), trained weights to start from, such as ``connector.weight``.
            read_out: ``linear``: batch norm and a linear layer follow; ``values``: the logits are the QNN's outputs.

        Raises:
            CircuitError: it contains what the contract cannot express.
        """
        observables = _observables_of(qnn)
        return QiskitHead.from_circuit(
            qnn.circuit,
            inputs=qnn.input_params or [],
            weights=qnn.weight_params or [],
            observables=observables,
            start=weights.detach() if isinstance(weights, Tensor) else weights,
            read_out=read_out,
        )


def _observables_of(qnn: Any) -> list[Any]:
    if hasattr(qnn, "observables"):
        return list(qnn.observables)
    if not hasattr(qnn, "interpret"):
        raise CircuitError(f"a {type(qnn).__name__} cannot become a head; give an EstimatorQNN or a SamplerQNN.")
    return sampler_outputs(qnn)
