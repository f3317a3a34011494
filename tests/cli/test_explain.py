"""``qplug explain``: a pipeline drawn, and where randomness enters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from qplug.contract.errors import DataError, UnknownName
from qplug_cli.commands.explain import explain, fitted

Told = Any


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """``told(what, *settings)``: the drawing, and what is said of randomness: step, what is drawn, what decides it."""

    def call(what: str, *settings: str) -> tuple[str, list[tuple[str, str, str]]]:
        explain(what, list(settings))
        text = capsys.readouterr().out
        drawing, _, chances = text.partition("Where randomness enters (~), and what decides it:\n")
        return drawing, re.findall(r"^  (\S+(?: \S+)?)  +(\S.*) \((.*?)\)$", chances, re.M)

    return call


def test_a_recipe_is_drawn_with_shapes_counts_and_circuit(told: Told) -> None:
    drawing, chances = told("quickstart")
    steps = [line.split() for line in drawing.splitlines() if re.match(r"[a-z]+ {3,}", line)]
    assert [step[:2] for step in steps] == [
        ["dataset", "chirps"], ["features", "mel"], ["backbone", "cnn3"], ["reducer", "linear"],
        ["head", "pennylane-pqc"], ["logits", "pennylane-pqc"],
    ]  # fmt: skip
    assert "1 × 32 × 41   once, cached" in drawing
    assert "32 ~ trained, 26,400 learn" in drawing
    assert "26,746 parameters, 26,746 trainable, 48 in circuits" in drawing
    assert "circuit of head pennylane-pqc: 8 qubits, 72 gates, 8 encoding angles, 48 weight angles, 8 obs" in drawing
    assert ("head pennylane-pqc", "82 initial weights, 48 of them in circuits", "seed = 0") in chances
    assert ("backbone cnn3", "dropout 0.2, while it trains", "seed = 0 and epoch") in chances
    assert ("dataset", "what chirps generates or leaves out", "dataset.seed = 0") in chances
    assert not [step for step, _, _ in chances if step.startswith("backend")]


def test_settings_move_what_is_random(told: Told) -> None:
    settings = ("seed=7", "backbone.dropout=0", "augmentation.noise=0.1")
    _, chances = told("quickstart", "backend.shots=500", "split=random", *settings)
    assert ("split", "which samples are the test part, in the split random", "seed = 7") in chances
    assert ("training", "how inputs are varied: noise", "seed = 7 and epoch") in chances
    assert not [what for _, what, _ in chances if "dropout" in what]
    (measured,) = [chance for chance in chances if chance[0] == "backend torch"]
    assert measured == ("backend torch", "what is measured in 500 shots, in the evaluation", "backend.seed = 0")


def test_branches_stand_beside_a_line_of_their_own_in_the_same_columns(told: Told) -> None:
    drawing, _ = told("urbansound8k-fusion")
    assert re.search(r"^logits +sum of branches  ", drawing, re.M)
    assert "   ├─ branch 2, its logits times 0.5\n   │  reducer " in drawing
    steps = ("features", "backbone", "reducer", "head", "logits")
    rows = [line for line in drawing.splitlines() if line.lstrip(" │").startswith(steps)]
    ends = {row.index(word) for row in rows for word in ("once, cached", "trained, ", "as it is") if word in row}
    assert len(rows) == 7
    assert len(ends) == 1


def test_a_run_is_explained_from_its_folder_and_as_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.toml").write_text('seed = 3\n[dataset]\nname = "digits"\n[head]\nname = "mlp"\n', "utf-8")
    explain(str(tmp_path), json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["dataset"] == {"name": "digits", "modality": "image", "n_classes": 10}
    assert found["config"]["seed"] == 3
    assert [step["kind"] for step in found["steps"]] == ["features", "backbone", "reducer", "head", "logits"]
    assert found["parameters"]["quantum"] == 0
    assert found["circuits"] == []
    assert {chance["by"] for chance in found["randomness"]} >= {"seed = 3", "seed = 3 and epoch"}


def test_what_is_neither_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no recipe is called 'quikstart'\. Did you mean 'quickstart'.*"):
        explain("quikstart")
    with pytest.raises(DataError, match=rf"{re.escape(str(tmp_path))} is no run: there is no .*run\.toml"):
        explain(str(tmp_path))


def test_a_terminal_breaks_between_words_and_below_the_last_column() -> None:
    line = "  head pennylane-pqc  82 initial weights, 48 of them in circuits (seed = 0)"
    assert fitted(line, None) == fitted(line, len(line)) == line
    assert fitted(line, 60).split("\n") == [
        "  head pennylane-pqc  82 initial weights, 48 of them in",
        " " * 22 + "circuits (seed = 0)",
    ]
    assert fitted("one two three", 8) == "one two\nthree"
