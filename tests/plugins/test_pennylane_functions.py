"""A thousand quantum functions made by chance: each is refused by name, or equal to the original."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

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


def test_a_number_draws_the_same_alone_and_among_others(
    benchmark_script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, drawn = benchmark_script("quantum_functions"), list[str]()

    def compare(*given: Any) -> bool:
        drawn.append(str(given[2:]))
        return True

    monkeypatch.setattr(script, "_as", lambda *_: (None, None))
    monkeypatch.setattr(script, "_compare", compare)
    script.fuzz(script.KINDS, 3, seed=0)
    script.fuzz(script.KINDS, 1, seed=0, first=2)
    assert drawn[4:6] == drawn[6:]
    assert len(set(drawn)) == 6
