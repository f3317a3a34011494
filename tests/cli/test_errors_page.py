"""The page of errors: every class, its exit code, and words that qplug really says."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

from qplug.contract import errors
from qplug_cli import errors as told

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
SOURCES = sorted(chain(*((ROOT / folder).rglob("*.py") for folder in ("core", "cli", "plugins"))))
OF_THE_SYSTEM = ("No space left on device",)


def error_classes() -> set[str]:
    """The public classes that derive, by any way, from an error of the contract or from a failure of the checks."""
    bases: dict[str, set[str]] = {}
    for path in SOURCES:
        text = path.read_text("utf-8")
        for found in re.finditer(r"^class (\w+)\(([\w., ]+)\):", text, re.M):
            bases.setdefault(found[1], set()).update(re.split(r"[,. ]+", found[2]))
    found = {"QplugError", "Failure"} | {name for name in vars(errors) if name in bases}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return {name for name in found if not name.startswith("_")}


def words_of_the_source() -> str:
    """The sources, with texts that are written in several pieces joined."""
    return re.sub(r'"\n\s*f?"', "", "\n".join(path.read_text("utf-8") for path in SOURCES))


def test_every_error_has_its_place_on_the_page() -> None:
    assert set(re.findall(r"^###? (\w+)$", PAGE, re.M)) == error_classes()


@pytest.mark.parametrize("name", [name for name, one in vars(errors).items() if hasattr(one, "exit_code")])
def test_the_exit_code_is_that_of_the_class(name: str) -> None:
    section = PAGE.partition(f"## {name}\n\n")[2]
    code = "128 +" if name == "Interrupted" else str(getattr(errors, name).exit_code)
    assert section.startswith(f"Exit code {code}")


def test_what_the_page_says_that_you_read_is_what_qplug_says() -> None:
    source = words_of_the_source()
    quoted = re.findall(r"^\| `([^`]+)` \|", PAGE, re.M)
    assert len(quoted) > 30
    said = {text: r"[^\n]*".join(re.escape(piece.strip()) for piece in text.split("…")) for text in quoted}
    unknown = [text for text, pattern in said.items() if not re.search(pattern, source)]
    assert unknown == list(OF_THE_SYSTEM)


@pytest.mark.parametrize(("person", "lines"), [(True, 2), (False, 1)])
def test_a_person_is_told_where_the_cure_stands(
    person: bool, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: person)
    assert told.explain(errors.LeakError("speaker 3 stands in two parts.")) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == lines
    assert ("More: docs/reference/errors.md#leakerror" in said) == person


def test_every_error_finds_its_section() -> None:
    assert told.page_of(errors.UnknownName("x")) == "docs/reference/errors.md#unknownname"
    assert told.page_of(errors.DataError.of_file("a.wav", "is empty")) == "docs/reference/errors.md#dataerror"
    assert told.page_of(KeyboardInterrupt()) == ""
    for name in re.findall(r"^## (\w+)$", PAGE, re.M):
        kind = getattr(errors, name)
        made = kind.__new__(kind)
        assert told.page_of(made).endswith(f"#{name.lower()}") or name == "Stopped"
