"""What processes that a run starts take over from the one that starts them."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.spawn import get_preparation_data
from pathlib import Path

import pytest

from qplug.lab.data.workers import without_script

OF_A_SCRIPT = {"init_main_from_path", "init_main_from_name"}


def test_a_script_that_starts_a_run_is_not_run_again_by_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit('it was run again')")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    main = vars(sys.modules["__main__"])
    before = {name: main.get(name) for name in ("__file__", "__spec__")}
    assert OF_A_SCRIPT & get_preparation_data("worker").keys()
    with without_script():
        assert not OF_A_SCRIPT & get_preparation_data("worker").keys()
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            assert pool.submit(abs, -3).result() == 3
    assert {name: main.get(name) for name in before} == before
