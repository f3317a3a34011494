"""A thousand Qiskit circuits made by chance: each is refused by name, or equal to the original."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

GENERATOR = Path(__file__).parents[1] / "benchmarks" / "qiskit_circuits.py"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_circuit_is_refused_or_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_from_file_location("qiskit_circuits", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    circuits = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "qiskit_circuits", circuits)  # its dataclass asks for it
    spec.loader.exec_module(circuits)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ends, wrong = circuits.fuzz(circuits.KINDS, 1000, seed=0)
    finally:
        torch.set_num_threads(threads)
    assert wrong == {}
    assert ends["equal"] > 700
    assert ends["refused"] > 100
    assert ends["without numbers"] < 50
