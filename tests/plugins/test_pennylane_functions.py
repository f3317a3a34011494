"""A thousand quantum functions made by chance: each is refused by name, or equal to the original."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

GENERATOR = Path(__file__).parents[1] / "benchmarks" / "quantum_functions.py"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_quantum_function_is_refused_or_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_from_file_location("quantum_functions", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    functions = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "quantum_functions", functions)  # its dataclass asks for it
    spec.loader.exec_module(functions)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ends, wrong = functions.fuzz(functions.KINDS, 1000, seed=0)
    finally:
        torch.set_num_threads(threads)
    assert wrong == {}
    assert ends["equal"] > 300
    assert ends["refused"] > 300
    assert ends["without numbers"] < 50
