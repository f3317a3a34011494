"""The figures that pages quote are those of tests/benchmarks/quoted.toml, and a command makes them anew."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from qplug_cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(benchmark_script: Any) -> Any:
    return benchmark_script("quoted")


def test_every_quoted_figure_stands_on_its_pages(script: Any) -> None:
    sentences = [each for figure in script.quoted().values() for each in figure.sentences()]
    assert len(sentences) > 6
    pages = {page: " ".join((ROOT / page).read_text("utf-8").split()) for page, _ in sentences}
    assert [(page, words) for page, words in sentences if words not in pages[page]] == []


def test_a_quoted_command_is_one_of_ours(script: Any) -> None:
    assert all(figure.command.split()[0] == "qplug" for figure in script.quoted().values())
    assert all(figure.command.split()[1] in main.COMMANDS for figure in script.quoted().values())


def test_each_command_runs_once_and_what_differs_is_told(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[list[str]] = []
    circuit = script.quoted()["fsdd-circuit"].accuracy

    class Done:
        stdout = json.dumps({"test": {"accuracy": circuit}})

    def run(words: list[str], **_: Any) -> type[Done]:
        asked.append(words)
        return Done

    monkeypatch.setattr(script.subprocess, "run", run)
    assert script.main(["fsdd-circuit", "fsdd-picture", "--data", str(tmp_path)]) == 0
    (words,) = asked
    assert words[words.index("--data-dir") + 1] == str(tmp_path / "fsdd")
    Done.stdout = json.dumps({"test": {"accuracy": 0.5}})
    assert script.main(["quickstart"]) == 1
    told = capsys.readouterr().out
    assert re.search(rf"^fsdd-picture +quoted \S+  now {circuit:.4f}  as quoted$", told, re.M)
    assert re.search(rf"^fsdd-circuit +quoted {circuit:.3f}  now {circuit:.4f}  as quoted$", told, re.M)
    assert re.search(r"^quickstart +quoted \S+  now 0\.5000  DIFFERS$", told, re.M)
    with pytest.raises(SystemExit, match="fsdd-mlp needs real data: --data FOLDER"):
        script.main(["fsdd-mlp"])
