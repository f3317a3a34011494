"""Models of real devices, reduced to the few qubits that a circuit uses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qiskit import QuantumCircuit, QuantumRegister, transpile
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target
from qiskit_aer.noise import NoiseModel

from qplug import installation
from qplug.contract.errors import NotInstalled, UnknownName

_LEAVE_PHASES = frozenset({"p", "cp", "u"})
LAYOUT_SEEDS = range(10)
"""Layouts to try."""
DENSITY_MATRIX_QUBITS = 10
"""Up to here noise is computed exactly, with 4^n numbers; above, by a state per shot, which takes far longer."""


def fake_device(name: str) -> Any:
    """The model of an IBM device that IBM's client carries, with the noise of one day.

    Args:
        name: such as ``FakeTorino``; ``torino`` and ``fake_torino`` mean the same.

    Raises:
        NotInstalled: IBM's client is missing.
        UnknownName: it carries no device of that name.
    """
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError as error:
        raise NotInstalled(
            "the noise models of devices come with IBM's client, which is not installed. Install it with: "
            f"{installation.install('ibm')}"
        ) from error
    known = {_plain(each): each for each in dir(fake_provider) if each.startswith("Fake") and "Provider" not in each}
    if _plain(name) not in known:
        raise UnknownName.of("modelled device", name, known.values())
    return getattr(fake_provider, known[_plain(name)])()


def _plain(name: str) -> str:
    return name.lower().removeprefix("fake").strip("_- ").removesuffix("v2").replace("_", "")


@dataclass(frozen=True)
class Placed:
    """A circuit in a device's gates, on some of its qubits.

    Attributes:
        circuit: on the whole device.
        seed: the layout seed that led to it.
        fidelity: the chance that nothing goes wrong, as the calibration has it: the product of 1 - error over all gates
            and measurements.
    """

    circuit: QuantumCircuit
    seed: int
    fidelity: float


def placed(
    circuit: QuantumCircuit,
    device: Any,
    seeds: Iterable[int] = LAYOUT_SEEDS,
    *,
    most: int | None = None,
) -> Placed:
    """The circuit in the device's gates: of several layouts the one with the best predicted fidelity.

    Args:
        circuit: with its measurements, since a layout is judged by its readout too.
        device: a Qiskit backend with a target.
        seeds: a layout is tried for each; the first wins where fidelities are equal.
        most: layouts with more qubits than this are taken only if there is no other.
    """
    circuit = without_phases(circuit)
    tried = [(seed, transpile(circuit, device, optimization_level=3, seed_transpiler=seed)) for seed in seeds]
    found = [Placed(made, seed, predicted_fidelity(made, device.target)) for seed, made in tried]
    return max(found, key=lambda one: (most is None or len(active_qubits(one.circuit)) <= most, one.fidelity))


def without_phases(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit, but for its global phase, in which no gate leaves an angle that is bound later to the global phase.

    Qiskit adds those angles up symbolically, and its time doubles with each: 24 phase gates take half a minute,
    the 36 of a ZZ feature map on eight qubits days.
    """
    made = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation, wires = instruction.operation, instruction.qubits
        if operation.name not in _LEAVE_PHASES or not operation.is_parameterized():
            made.append(instruction)
        elif operation.name == "u":
            theta, phi, lam = operation.params
            made.rz(lam, *wires)
            made.ry(theta, *wires)
            made.rz(phi, *wires)
        else:
            half = operation.params[0] / len(wires)
            for wire in wires:
                made.rz(half, wire)
            if operation.name == "cp":
                made.cx(*wires)
                made.rz(-half, wires[1])
                made.cx(*wires)
    return made


def predicted_fidelity(circuit: QuantumCircuit, target: Target) -> float:
    """The product of 1 - error over all gates and measurements; what has no error in the calibration is exact."""
    return math.prod(
        1.0
        - _error(target, instruction.operation.name, tuple(circuit.find_bit(bit).index for bit in instruction.qubits))
        for instruction in circuit.data
    )


def _error(target: Target, name: str, qubits: tuple[int, ...]) -> float:
    known = (target[name] or {}).get(qubits) if name in target.operation_names else None
    return min(1.0, getattr(known, "error", None) or 0.0)


def on_device(circuit: QuantumCircuit, device: Any) -> tuple[QuantumCircuit, NoiseModel]:
    """The circuit in the device's gates, on its own qubits only, and the noise of those.

    Of several layouts the one with the best predicted fidelity is kept, among those that stay small enough to compute
    their noise exactly.

    Args:
        circuit: with its measurements.
        device: a Qiskit backend with a target.
    """
    best = placed(circuit, device, most=DENSITY_MATRIX_QUBITS).circuit
    return reduced(best, device, active_qubits(best))


def reduced(circuit: QuantumCircuit, device: Any, qubits: list[int]) -> tuple[QuantumCircuit, NoiseModel]:
    """A circuit on a device, on some qubits only, renumbered in their order, and the noise of those.

    Simulating the whole device would take memory and time for qubits that do nothing.

    Args:
        circuit: in the device's gates.
        device: a Qiskit backend with a target.
        qubits: all that the circuit uses.
    """
    small = _relabelled(circuit, qubits)
    with warnings.catch_warnings():
        # Aer warns of T2 above 2·T1 and the like in the calibration data, and corrects them.
        warnings.simplefilter("ignore")
        noise = NoiseModel.from_backend(_Reduced(_reduced_target(device.target, qubits)))
    return small, noise


def active_qubits(circuit: QuantumCircuit) -> list[int]:
    """The qubits that some gate or measurement uses."""
    return sorted(
        {
            circuit.find_bit(qubit).index
            for instruction in circuit.data
            if instruction.operation.name != "barrier"
            for qubit in instruction.qubits
        }
    )


def _relabelled(circuit: QuantumCircuit, active: list[int]) -> QuantumCircuit:
    position = {wire: index for index, wire in enumerate(active)}
    small = QuantumCircuit(QuantumRegister(len(active), "q"), *circuit.cregs)
    for instruction in circuit.data:
        if instruction.operation.name == "barrier":
            continue
        qubits = [position[circuit.find_bit(qubit).index] for qubit in instruction.qubits]
        small.append(instruction.operation, qubits, list(instruction.clbits))
    return small


def _reduced_target(target: Target, active: list[int]) -> Target:
    position = {wire: index for index, wire in enumerate(active)}
    properties = target.qubit_properties
    reduced = Target(
        num_qubits=len(active),
        dt=target.dt,
        qubit_properties=None if properties is None else [properties[wire] for wire in active],
    )
    for name in target.operation_names:
        places = target[name] or {}
        kept = {
            tuple(position[wire] for wire in wires): its_properties
            for wires, its_properties in places.items()
            if wires is not None and all(wire in position for wire in wires)
        }
        if kept:
            reduced.add_instruction(target.operation_from_name(name), kept, name=name)
    return reduced


class _Reduced(BackendV2):  # type: ignore[misc]
    """What ``NoiseModel.from_backend`` asks of a device: its target."""

    def __init__(self, target: Target) -> None:
        super().__init__(name="reduced")
        self._target = target

    @property
    def target(self) -> Target:
        return self._target

    @property
    def max_circuits(self) -> None:
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, run_input: Any, **options: Any) -> Any:
        raise NotImplementedError("a reduced device carries noise data and runs nothing")
