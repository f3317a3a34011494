"""Jobs of the program ``executor``: ready circuits, mitigated by the client before and after, which here are only run.

Such circuits may measure every qubit of a device, used or not. Qubits that no gate couples are independent of one
another, so each coupled group is run on its own, and the others a few at a time. Noise of gates is simulated in coupled
groups only: what else is measured is idle, as a rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from .reduced import Part, numbers, simulator

AT_A_TIME = 8
"""Uncoupled qubits in one simulation."""


def pubs(params: dict[str, Any]) -> Iterator[Any]:
    """What each item of the program asks for."""
    from .programs import Pub

    program = _program(params)
    for item in program.items:
        shape = tuple(item.shape)
        qubits = max(len(group) for groups in _groups(item.circuit) for group in groups)
        yield Pub(shape, item.circuit.num_parameters, None, math.prod(shape), program.shots, qubits)


def run(params: dict[str, Any], target: Any, *, noise: bool, seed: int) -> str:
    """The result in the text that the client decodes."""
    import numpy as np
    from ibm_quantum_schemas.executor.version_2_0 import models

    program = _program(params)
    draw = np.random.default_rng(seed)
    items = []
    for item in program.items:
        told, values = _values(item, draw)
        told |= _measured(item.circuit, values, program.shots, target, noise, seed)
        results = {name: models.CompressedTensorModel.from_numpy(np.asarray(value)) for name, value in told.items()}
        items.append(models.QuantumProgramResultItemModel(results=results, metadata=models.ItemMetadataModel()))
    sent = params["quantum_program"]
    answer = models.QuantumProgramResultModel(
        data=items,
        metadata=models.MetadataModel(chunk_timing=[]),
        passthrough_data=sent.get("passthrough_data"),
        semantic_role=sent.get("semantic_role"),
    )
    return str(answer.model_dump_json())


def _program(params: dict[str, Any]) -> Any:
    from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS

    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS[params["schema_version"]]
    program, _ = converter.decoder(converter.model.model_validate(params))
    for item in program.items:
        if hasattr(item, "samplex"):
            item.samplex.finalize()
    return program


def _values(item: Any, draw: Any) -> tuple[dict[str, Any], Any]:
    """What is drawn for an item beside its circuit, and the values of the circuit's parameters."""
    from qiskit_ibm_runtime.fake_provider.executor.broadcast_sample import broadcast_sample

    if not hasattr(item, "samplex"):
        return {}, item.circuit_arguments
    told = broadcast_sample(item.samplex, item.samplex_arguments, tuple(item.shape), draw)
    return told, told.pop("parameter_values", None)


def _measured(circuit: Any, values: Any, shots: int, target: Any, noise: bool, seed: int) -> dict[str, Any]:
    """The bits of each classical register, by row and shot; each bit is set by one group of qubits."""
    from qiskit_aer.primitives import SamplerV2

    column = {parameter: index for index, parameter in enumerate(circuit.parameters)}
    bits: dict[str, Any] = {}
    coupled, alone = _groups(circuit)
    for index, group in enumerate([*coupled, *alone]):
        part = Part(target, group)
        small = part.circuit(circuit)
        its_values = [] if values is None else [values[..., [column[each] for each in small.parameters]]]
        device = SamplerV2.from_backend(
            simulator(part, noise=noise, seed=seed + index, gates=group in coupled), seed=seed + index
        )
        for name, array in device.run([(small, *its_values)], shots=shots).result()[0].data.items():
            found = array.to_bool_array(order="little")
            bits[name] = bits[name] | found if name in bits else found
    return bits


def _groups(circuit: Any) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """The qubits that are measured: those that gates couple to others, in their groups, and the rest, in packs."""
    group: dict[int, set[int]] = {}
    measured: set[int] = set()
    for step in circuit.data:
        qubits = numbers(circuit, step)
        if step.operation.name == "barrier":
            continue
        joined = set(qubits).union(*(group.get(qubit, set()) for qubit in qubits))
        group |= dict.fromkeys(joined, joined)
        measured |= set(qubits) if step.operation.name == "measure" else set()
    all_groups = {tuple(sorted(each)) for each in group.values() if each & measured}
    alone = sorted(qubit for each in all_groups if len(each) == 1 for qubit in each)
    packs = [tuple(alone[start : start + AT_A_TIME]) for start in range(0, len(alone), AT_A_TIME)]
    return sorted(each for each in all_groups if len(each) > 1), packs
