"""The number of threads belongs to a run's configuration, so it must not depend on the machine."""

import os

import numpy as np
import pytest
import threadpoolctl
import torch

from qplug.lab.config.resolve import resolve
from qplug.lab.pipeline.classifier import embedding_width
from qplug.lab.runner.examine import computing_on, examine, suitable_threads
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace


@pytest.mark.parametrize(
    ("values", "threads"), [(1, 1), (2**20 - 1, 1), (2**20, 2), (2**24 - 1, 2), (2**24, 4), (2**40, 4)]
)
@pytest.mark.parametrize("cores", [None, 1, 2, 64])
def test_the_size_of_a_batch_alone_decides(
    values: int, threads: int, cores: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert suitable_threads(values) == threads


def test_all_that_computes_in_a_run_has_its_threads_and_afterwards_those_it_had() -> None:
    before, variable = torch.get_num_threads(), os.environ.get("OPENBLAS_NUM_THREADS")

    def blas() -> set[int]:
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}

    np.ones((2, 2)) @ np.ones((2, 2))
    pools = blas()
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        possible = blas()  # fewer where a library was built, or first loaded, for fewer
    with computing_on(3):
        assert (torch.get_num_threads(), os.environ["OPENBLAS_NUM_THREADS"]) == (3, "3")
        assert blas() == possible
    assert (torch.get_num_threads(), os.environ.get("OPENBLAS_NUM_THREADS")) == (before, variable)
    assert blas() == pools


def test_a_network_is_looked_at_with_the_threads_of_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def width(front: torch.nn.Module, shape: tuple[int, ...]) -> int:
        seen.append(torch.get_num_threads())
        return embedding_width(front, shape)

    for module in ("classifier", "describe"):
        monkeypatch.setattr(f"qplug.lab.pipeline.{module}.embedding_width", width)
    config = resolve([{"dataset": {"name": "digits"}, "threads": 3}])
    examine(config, Workplace.from_environment(), Silent())
    assert seen
    assert set(seen) == {3}
