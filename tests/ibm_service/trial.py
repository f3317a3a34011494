"""Small jobs that the tests here send by the real client."""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ParameterVector
from qiskit_ibm_runtime import SamplerV2, Session

NOTHING = np.zeros((1, 3))
"""One row of angles that turn no qubit."""


def turned(n_qubits: int = 3) -> QuantumCircuit:
    """A turn of each qubit by an angle of its own, and nothing in it is symmetric; without measurements."""
    circuit = QuantumCircuit(n_qubits)
    for qubit, angle in enumerate(ParameterVector("angle", n_qubits)):
        circuit.ry(angle, qubit)
    for qubit in range(n_qubits - 1):
        circuit.cz(qubit, qubit + 1)
    return circuit


def for_device(circuit: QuantumCircuit, backend: Any) -> QuantumCircuit:
    return transpile(circuit, backend, optimization_level=1, initial_layout=[4, 5, 6][: circuit.num_qubits])


def sampled(
    backend: Any, rows: Any = NOTHING, *, shots: int = 200, tags: tuple[str, ...] = (), most_seconds: int = 77
) -> Any:
    """A job of one PUB on this device or in this batch."""
    where = backend if not isinstance(backend, Session) else backend.service.backend(backend.backend())
    circuit = turned()
    circuit.measure_all()
    sampler = SamplerV2(mode=backend)
    sampler.options.environment.job_tags = list(tags)
    sampler.options.max_execution_time = most_seconds
    return sampler.run([(for_device(circuit, where), rows)], shots=shots)


def result(job: Any) -> Any:
    """What it came to, asked for as often as the client allows."""
    return job.result(poll_interval=0.1)
