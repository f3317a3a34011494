"""What would take minutes to trace is refused before it is begun."""

from __future__ import annotations

import pytest

from qplug.contract.errors import CircuitError
from qplug.heads import limits
from qplug_pennylane.pqc import Pqc
from qplug_qiskit.qnn import EfficientSu2


@pytest.mark.parametrize(
    ("head", "n_angles", "share"),
    [(Pqc(n_qubits=2, n_layers=3), 20, "90%"), (EfficientSu2(n_qubits=2, reps=4), 22, "82%")],
    ids=["pennylane", "qiskit"],
)
def test_too_many_angles_are_refused_with_what_is_possible(
    head: Pqc | EfficientSu2, n_angles: int, share: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_ANGLES", 18)
    with pytest.raises(CircuitError, match=rf"^{n_angles} angles .* at most 18 can be traced.* {share} of what"):
        head.circuit(2)
    monkeypatch.setattr(limits, "MOST_ANGLES", n_angles)
    assert sum(len(gate.angles) for gate in head.circuit(2).gates) == n_angles
