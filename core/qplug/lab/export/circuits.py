"""Trained circuits as OpenQASM 3."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from qplug.circuits import to_qasm3
from qplug.contract.circuit import Circuit, Gate, Weight
from qplug.contract.errors import NotSupported
from qplug.heads.quantum_module import QuantumModule
from qplug.lab.export.files import Exported, about, target, write
from qplug.lab.runner.loaded import load_run


def export_circuits(path: Path, out: Path | None = None) -> list[Exported]:
    """Writes each circuit twice, with its trained weights as numbers and with them as inputs, and the weights as JSON.

    ``circuit.qasm`` is ready to run: its only inputs are the encoding angles ``x0``, ``x1``, …, which the network
    exported as ONNX gives. ``circuit.template.qasm`` also has the weights ``w0``, ``w1``, … as inputs, and
    ``circuit.json`` has their trained values under these names, the observables in the order of the read-out, and
    what the run was. A second circuit's files are called ``circuit-2…``.

    Args:
        path: the run directory.
        out: the file for the first trained circuit; ``export/circuit.qasm`` in the run directory by default.

    Raises:
        UserError: the run is not finished, or a file cannot be written.
        NotSupported: the run has no circuit.
        DataError: the run's files are damaged.
    """
    carried = about(path)
    modules = list(load_run(path).model.quantum_modules())
    if not modules:
        raise NotSupported(f"{path} has no circuit, so there is nothing to write as OpenQASM. Export it as onnx.")
    first = target(path, out, "circuit.qasm")
    written = []
    for number, module in enumerate(modules, start=1):
        file = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
        written += _export(module, file, carried)
    return written


def _export(module: QuantumModule, file: Path, carried: dict[str, Any]) -> list[Exported]:
    circuit = module.circuit
    weights = module.head.weight_angles(module.circuit_parameters.detach()).flatten().double().tolist()
    facts = {
        "weights": {str(Weight(index)): value for index, value in enumerate(weights)},
        "inputs": [f"x{index}" for index in range(circuit.n_encoding)],
        "observables": [str(observable) for observable in circuit.observables],
        **carried,
    }
    template, values = file.with_suffix(f".template{file.suffix}"), file.with_suffix(".json")
    return [
        write(file, to_qasm3(bind(circuit, weights)).encode(), "the trained circuit; its inputs are encoding angles"),
        write(template, to_qasm3(circuit).encode(), "the same with its weights as inputs too"),
        write(values, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode(), "the weights by name"),
    ]


def bind(circuit: Circuit, weights: list[float]) -> Circuit:
    """The circuit with its weight angles as constants, in radians.

    Args:
        circuit: with ``n_weights`` weight angles.
        weights: their values.
    """
    return replace(circuit, gates=tuple(_bound(gate, weights) for gate in circuit.gates))


def _bound(gate: Gate, weights: list[float]) -> Gate:
    angles = (weights[angle.index] if isinstance(angle, Weight) else angle for angle in gate.angles)
    return replace(gate, angles=tuple(angles))
