"""The notebooks run from their first cell to their last; what costs time is made smaller."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))
SMALLER = {'"epochs": 20': '"epochs": 1', "seeds=5": "seeds=2"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, forking: Any, tmp_path: Path) -> None:
    pytest.importorskip("pennylane")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    smaller = [each for each in SMALLER if each in code]
    assert smaller
    for each in smaller:
        code = code.replace(each, SMALLER[each])
    # What stands in the last line of the last cell is shown there, so that it has to be something.
    *_, last = code.splitlines()
    environment = os.environ | {"QPLUG_CACHE": str(tmp_path / "cache"), "MPLBACKEND": "agg"}
    done = forking(["-c", f"{code}\nassert {last}"], tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("runs/*/record.json"))


def test_a_notebook_is_kept_without_what_it_printed() -> None:
    assert {path.stem for path in NOTEBOOKS} == {"researcher", "student"}
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            assert not cell.get("outputs"), f"{path.name}: {cell['source'][:1]}"
