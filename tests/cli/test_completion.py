"""What a shell is told when somebody presses Tab, and ``-h``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
import typer

from qplug import catalogue
from qplug_cli import completion, errors, main

Told = Callable[[str], list[str]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], site: Any) -> Told:
    """``told("qplug run --hea")``: what bash is told at the end of that line."""

    def ask(line: str) -> list[str]:
        monkeypatch.setenv(completion.VARIABLE, "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        capsys.readouterr()
        with pytest.raises(SystemExit, match="0"):
            completion.run(typer.main.get_command(main.app))
        return capsys.readouterr().out.split()

    return ask


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("qplug rep", ["reproduce", "report", "replay"]),
        ("qplug run --hea", ["--head"]),
        ("qplug run --head penny", ["pennylane-pqc", "pennylane-ry-rz-ring"]),
        ("qplug run --head 0.5*linear:penn", []),
        ("qplug compare digits --heads linear,svm", ["linear,svm-rbf"]),
        ("qplug run --dataset digi", ["digits"]),
        ("qplug run --recipe quick", ["quickstart"]),
        ("qplug list back", ["backbone", "backbones", "backend", "backends"]),
        ("qplug show backend aer", ["aer"]),
        ("qplug show hat a", []),
        ("qplug data fetch urban", ["urbansound8k"]),
        ("qplug list --no-plugin qiskit-q", ["qiskit-qnn"]),
        ("qplug run --device c", ["cpu", "cuda"]),
        ("qplug predict some-folder/", []),  # the shell goes on with its files
    ],
)
def test_what_begins_so_is_told(told: Told, line: str, words: list[str]) -> None:
    assert told(line) == words


def test_a_line_that_is_wrong_is_nobody_s_concern(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = {completion.VARIABLE: "complete_bash", "COMP_WORDS": "qplug no-such x", "COMP_CWORD": "2"}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    assert completion.answer(typer.main.get_command(main.app)) == 0
    assert completion.answer(None) == 1
    told = capfd.readouterr()
    assert (told.out.strip(), told.err) == ("", "")


def test_who_reads_no_more_of_the_help_is_told_nothing(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    hushed: list[int] = []
    monkeypatch.setattr(errors, "_hush", lambda: hushed.append(1) or 1)
    for module, told in (("rich.console", ""), ("some_plugin", "the module 'some_plugin' tried to end the program")):
        with pytest.raises(SystemExit, match="1") as caught:
            FunctionType((lambda: sys.exit(1)).__code__, {"__name__": module, "sys": sys})()
        assert errors.explain(caught.value) == 1
        assert told in capsys.readouterr().err
    assert hushed == [1]


def test_a_stranger_s_head_is_among_the_names_and_what_is_not_usable_is_not(
    told: Told, site: Any, head_source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add_head("pennant", head_source)
    monkeypatch.setitem(sys.modules, "pennylane", None)
    assert told("qplug run --head penn") == ["pennant"]
    assert "pennant_plugin" not in sys.modules


def test_where_none_can_be_used_all_that_are_known_are_told(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("torch", "numba"):
        monkeypatch.setitem(sys.modules, library, None)
    assert told("qplug run --backend d") == ["default.qubit"]


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("zsh", {}),
        ("fish", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
        ("powershell", {"_TYPER_COMPLETE_WORD_TO_COMPLETE": "quickst"}),
    ],
)
def test_other_shells_are_told_a_name_with_its_line(
    shell: str, asked: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {completion.VARIABLE: f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "qplug run --recipe quickst"} | asked
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
        assert f"{name}=" in completion.script(shell) or name in completion.script(shell)
    assert completion.answer(typer.main.get_command(main.app)) == 0
    answer = capsys.readouterr().out
    assert "quickstart" in answer
    assert catalogue.recipe("quickstart").summary[:20] in answer


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_by_the_script_that_is_printed_and_nothing_heavy_is_imported(tmp_path: Path) -> None:
    command = tmp_path / "qplug"
    command.write_text(
        f"#!{sys.executable}\nimport sys\nfrom qplug_cli.main import run\ntry: run()\nfinally:\n"
        "    print(*{'torch', 'numpy', 'pennylane', 'qiskit'} & sys.modules.keys(), file=sys.stderr)\n"
    )
    command.chmod(0o755)
    asked = (
        'eval "$(qplug completion bash)"; COMP_WORDS=(qplug run --head penny); COMP_CWORD=3; '
        '_qplug_completion qplug; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    done = subprocess.run(
        ["bash", "-c", asked], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.split() == ["pennylane-pqc", "pennylane-ry-rz-ring"]
    assert done.stderr.split() == []


@pytest.mark.parametrize("words", [(), ("run",), ("data",), ("data", "fetch"), ("show",)])
def test_h_is_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    pages = []
    for flag in ("-h", "--help"):
        with pytest.raises(SystemExit, match="0"):
            main.run([*words, flag])
        pages.append(capsys.readouterr().out)
    assert pages[0] == pages[1]
    assert " ".join(("Usage: qplug", *words)) in pages[0]
    assert "-h" in pages[0]
