"""The pages on Python: their code runs, their list of names is the list of names."""

from __future__ import annotations

import re
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

import pytest

import qplug
import qplug.study

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)


def test_the_code_of_the_page_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pennylane")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    page = DOCS / "how-to" / "use-from-python.md"
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in BLOCK.findall(page.read_text("utf-8")):
        exec(compile(block, page.name, "exec"), names)  # noqa: S102 - the page's own
    assert names["run"].record.seed == 1
    assert len(names["losses"]) == 2
    assert names["answers"].labels == [names["answers"].labels[0]] * 2
    comparison = names["comparison"]
    (data,) = comparison.outcome.data_sets
    assert {arm.name for arm in data.arms} == {"linear", "mlp"}
    assert len(comparison.verdicts) == len(data.pairs) == 1
    assert escape(comparison.verdicts[0]) in comparison._repr_html_()
    assert "<td>mlp</td>" in comparison._repr_html_()
    assert (comparison.path / "report.html").is_file()
    assert names["mine"].record.training.parameters.quantum == 2
    assert len(names["mine"].predict(names["image"])) == 1
    assert names["mine"].config["head"]["name"].startswith("object:ImportedHead-")
    assert names["network"][0].weight.grad is not None
    assert set(names["search"].classes_) == {0, 1}


def test_the_names_of_the_page_are_those_that_are_offered() -> None:
    table = (DOCS / "reference" / "python.md").read_text("utf-8").partition("| for |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(qplug.__all__)


@pytest.mark.parametrize("name", qplug.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(qplug, name) is not None


def test_the_study_is_shown_whole() -> None:
    assert set(qplug.study.__all__) <= set(qplug.__all__)
    for name in qplug.study.__all__:
        assert getattr(qplug, name) is getattr(qplug.study, name)
        assert getattr(qplug, name).__doc__
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = qplug.study.nothing


def test_names_cost_nothing_until_they_are_used() -> None:
    program = "import sys, qplug, qplug.study; print(sorted({'torch', 'numpy', 'sklearn', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
