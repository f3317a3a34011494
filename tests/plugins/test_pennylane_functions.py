"""A thousand quantum functions made by chance: each is refused by name, or equal to the original."""

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("one_thread")
def test_every_quantum_function_is_refused_or_equal(benchmark_script: Callable[[str], ModuleType]) -> None:
    script = benchmark_script("quantum_functions")
    ends, wrong = script.fuzz(script.KINDS, 1000, seed=0)
    assert wrong == {}
    assert ends["equal"] > 300
    assert ends["refused"] > 300
    assert ends["without numbers"] < 50
