"""A model of a device on this machine: IBM's client in its local testing mode, on the qubits that a circuit uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qiskit_aer import AerSimulator

from qplug.contract.interfaces import Task

from .devices import DENSITY_MATRIX_QUBITS
from .ibm_circuits import Compiled, Reduced, reduce
from .ibm_errors import asked
from .ibm_primitives import Generation, run_primitive
from .ibm_work import Kind, Portion
from .programs import seed_of
from .shift import Slots


@dataclass
class Modelled:
    """A modelled device that runs PUBs at once.

    Attributes:
        device: the model, with its noise.
        generation: which primitives of the client.
        seed: of the shots.
    """

    device: Any
    generation: Generation
    seed: int
    _reduced: dict[int, tuple[Compiled, Reduced]] = field(default_factory=dict, repr=False)

    def run(self, compiled: Compiled, task: Task, portion: Portion, options: dict[str, Any]) -> Any:
        """The result of one PUB; the same angles with the same seed give the same."""
        smaller = self._smaller(compiled)
        exactly = smaller.circuit.num_qubits <= DENSITY_MATRIX_QUBITS
        simulator = AerSimulator(method="density_matrix" if exactly else "statevector", noise_model=smaller.noise)
        encoding = task.encoding[portion.start : portion.stop]
        angles = np.ascontiguousarray(Slots.of(compiled.source).values(encoding, task.weights))
        pub = compiled.reduced_pub(smaller, encoding, task.weights)
        seeded = {**options, "simulator": {"seed_simulator": seed_of(self.seed, portion.task, angles) >> 32}}
        return asked("simulating the modelled device", _result, self.generation, compiled.kind, simulator, pub, seeded)

    def _smaller(self, compiled: Compiled) -> Reduced:
        if id(compiled) not in self._reduced:
            self._reduced[id(compiled)] = (compiled, reduce(compiled, self.device))
        return self._reduced[id(compiled)][1]


def _result(generation: Generation, kind: Kind, simulator: Any, pub: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return run_primitive(generation, kind, simulator, [pub], options).result()[0]
