"""Every code block of the tutorials runs, in the order in which a reader meets it, or says why it is not run here.

What costs time is made smaller on the way: fewer epochs, seeds and samples. Blocks marked ``text`` are output.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "tutorial").glob("*.md"))
BLOCK = re.compile(r"^(?:<!-- not run: (?P<reason>.+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.S | re.M)
QUOTED = re.compile(r"# (docs/examples/\S+)\n")
SMALLER = {
    r"--epochs \d+": "--epochs 1",
    r"--seeds \d+": "--seeds 2",
    r"--heads \S+ --set \S+(.*) --jobs 2": r"--heads linear,mlp\1 --no-baselines",
    r"(qplug run(?= |$)(?! --dry).*)": r"\1 --no-figures",
    r"qplug run --no-figures": "qplug run --epochs 1 --set dataset.n_samples=100 --no-figures",
    r"--samples \d+ --shots \d+": "--samples 2 --shots 16",
}
NEEDED = {"from-a-notebook": ("pennylane", "qiskit"), "from-account-to-result": ("pennylane", "qiskit_ibm_runtime")}


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and code of those blocks that a reader runs: ``python``, or empty for commands."""
    for found in BLOCK.finditer(page.read_text("utf-8")):
        if not found["reason"] and found["language"] in ("", "python") and not QUOTED.match(found["code"]):
            yield found["language"], found["code"]


def commands(code: str, folder: Path) -> Iterator[Sequence[str]]:
    """The words of each command of a block, made smaller, with the newest run and comparison in their places."""
    for line in code.replace("\\\n", " ").splitlines():
        for pattern, smaller in SMALLER.items():
            line = re.sub(pattern, smaller, line)
        for place in ("run", "comparison"):
            found = sorted(folder.glob(f"{place}s/2*"), key=lambda path: path.stat().st_mtime_ns)
            line = line.replace(f"<your {place}>", found[-1].name if found else f"no-{place}-yet")
        yield shlex.split(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_tutorial_runs(
    page: Path, forking: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for library in NEEDED.get(page.stem, ("pennylane",)):
        pytest.importorskip(library)
    environment = os.environ | {"QPLUG_CACHE": str(tmp_path_factory.getbasetemp() / "tutorials-cache")}
    python = [code for language, code in blocks(page) if language]
    # In one process, since a block knows what those above it have made.
    if python:
        done = forking(["-c", "\n".join(python)], tmp_path, environment)
        assert done.returncode == 0, done.stderr
    for language, code in blocks(page):
        for words in () if language else commands(code, tmp_path):
            assert words[0] == "qplug", f"{page.name}: {words} is no command of qplug; say why it is not run"
            done = forking(words[1:], tmp_path, environment)
            assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_tutorial_quotes_is_the_file_that_runs(page: Path) -> None:
    quotes = [found["code"] for found in BLOCK.finditer(page.read_text("utf-8")) if QUOTED.match(found["code"])]
    for quote in quotes:
        name, _, text = quote.removeprefix("# ").partition("\n")
        assert text == (ROOT / name).read_text("utf-8"), name
    assert (len(quotes) >= 6) == (page.stem == "your-first-plugin")


def test_every_tutorial_is_in_the_contents() -> None:
    contents = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert len(PAGES) >= 6
    for page in PAGES:
        assert f"tutorial/{page.name}" in contents
