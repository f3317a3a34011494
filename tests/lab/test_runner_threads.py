"""The number of threads belongs to a run's configuration, so it must not depend on the machine."""

import os

import pytest

from qplug.lab.runner.examine import suitable_threads


@pytest.mark.parametrize(
    ("values", "threads"), [(1, 1), (2**20 - 1, 1), (2**20, 2), (2**24 - 1, 2), (2**24, 4), (2**40, 4)]
)
@pytest.mark.parametrize("cores", [None, 1, 2, 64])
def test_the_size_of_a_batch_alone_decides(
    values: int, threads: int, cores: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert suitable_threads(values) == threads
