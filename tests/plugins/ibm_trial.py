"""What the tests of the backend ibm share."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ibm_service.account import TOKEN
from ibm_service.fixtures import SMALL

from qplug.contract.circuit import Circuit, Encoding, Gate, Observable
from qplug.contract.errors import QplugError
from qplug.contract.interfaces import Task, Work
from qplug.testing.circuits import random_angles
from qplug_qiskit.ibm import Ibm


def made(folder: Path, **parameters: Any) -> Ibm:
    return Ibm(**{"device": SMALL, "layout_seeds": 1, "folder": str(folder), **parameters})


def turned(letter: str = "Z", n_qubits: int = 3) -> Circuit:
    """Each wire is turned by an angle of its own, and read in another order."""
    gates = tuple(Gate("ry", (wire,), (Encoding(wire),)) for wire in range(n_qubits))
    wires = [*range(1, n_qubits), 0]
    return Circuit(n_qubits, gates, tuple(Observable(letter, (wire,)) for wire in wires))


def work_of(*circuits: Circuit, rows: int = 2, shots: int = 50, tag: str = "work-0") -> Work:
    tasks = [Task(circuit, *random_angles(circuit, rows, seed)) for seed, circuit in enumerate(circuits)]
    return Work(tuple(tasks), shots, tag)


def refused(call: Callable[[], object], error: type[QplugError], match: str) -> None:
    """The error has these words, and nothing of the client's own hangs on to it."""
    with pytest.raises(error, match=match) as caught:
        call()
    assert type(caught.value) is error
    behind = caught.value.__cause__ or caught.value.__context__
    assert behind is None or isinstance(behind, QplugError)
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in told
