"""Names of files, classes, plugins and users are printed as they are, on every page, and command nothing."""

import io
import logging
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.table import Table

import qplug_cli
from qplug.catalogue import Entry
from qplug.contract.errors import UserError
from qplug.lab.runs.listing import RunSummary
from qplug_cli import audit_page, data_pages, errors, output, results
from qplug_cli.commands import list as listing
from qplug_cli.commands import predict, runs
from qplug_cli.progress import TerminalReporter
from qplug_cli.visible import VisibleFormatter, visible
from qplug_cli.words import PlainConsole, styled

NAME = "[x][/y]:cat:\x1b[31m\x9b2J\u202e\\[z]"
SEEN = "[x][/y]:cat:\\x1b[31m\\x9b2J\\u202e\\[z]"
PART = {"accuracy": 0.5, "balanced_accuracy": 0.5, "macro_f1": 0.5, "precision": 0.5, "cross_entropy": 0.7}
SUMMARY = {
    "dataset": NAME, "head": NAME, "backend": NAME, "seed": 0, "split": NAME, "fold": None, "stamps": [NAME],
    "validation": PART, "test": PART, "parameters": {"trainable": 3, "quantum": 0}, "train_seconds": 0.1,
    "n_train": 4, "n_validation": 2, "n_test": 2, "run": NAME, "set": NAME, "reference": [NAME], "warnings": [NAME],
}  # fmt: skip
STEP = SimpleNamespace(kind="head", name=NAME, shape=(2,), computed=NAME, trainable=0, note=NAME)
PLAN = SimpleNamespace(
    config=SimpleNamespace(dataset=SimpleNamespace(name=NAME), seed=0), split=NAME, work=[f"data: {NAME}"],
    description=SimpleNamespace(steps=[STEP], parameters=SimpleNamespace(total=0, trainable=0, quantum=0)),
    training=SimpleNamespace(lines=lambda: [NAME]),
)  # fmt: skip
FACTS = {
    "name": NAME, "summary": NAME, "missing": [NAME], "bytes": 1, "n_samples": 2, "n_absent": 0, "folder": NAME,
    "how": "download", "differing": [NAME], "classes": [NAME], "splits": {NAME: NAME}, "layout": NAME, "licence": NAME,
    "citation": NAME, "homepage": NAME, "reference": [NAME],
}  # fmt: skip
VERDICT = SimpleNamespace(n_samples=1, folder=NAME, n_checked=1, n_checksums=1, good=True)
FINDINGS = SimpleNamespace(
    duplicates=[SimpleNamespace(ids=(NAME, NAME))], conflicts=[], unreadable={NAME: NAME}, silent=[NAME],
    clipped=[NAME], modality="audio", alike=[SimpleNamespace(ids=(NAME, NAME), likeness=0.9)], remarks=[NAME],
)  # fmt: skip
ROW = {"name": NAME, "status": NAME, "install": NAME, "reason": NAME}
ENTRY = Entry(kind="head", name=NAME, status="ready", provider=NAME, summary=NAME, reason=NAME)
PAGES = {
    "summary": (9, lambda: results.show(SUMMARY, json=False)),
    "plan": (6, lambda: results.show_plans([PLAN], n_seeds=1, json=False)),
    "data list": (3, lambda: data_pages.print_list([ROW])),
    "data info": (14, lambda: data_pages.print_facts(FACTS)),
    "by hand": (6, lambda: data_pages.print_by_hand({**FACTS, "how": NAME})),
    "fetched": (6, lambda: data_pages.print_fetched(NAME, Path(NAME), 1, [NAME], "download", json=False)),
    "verdict": (2, lambda: data_pages.print_verdict(NAME, VERDICT, json=False)),
    "findings": (6, lambda: audit_page._print_findings(FINDINGS, output.console())),
    "predict": (3, lambda: predict._show([{"file": NAME, "label": NAME, "probabilities": {NAME: 1.0, f"2{NAME}": 0}}])),
    "runs": (2, lambda: runs._show([RunSummary(Path(NAME), "finished", "", backend=NAME, stamps=(NAME,))])),
    "list": (4, lambda: listing._print([ENTRY], output.console())),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_names_as_they_are(page, capsys, monkeypatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    n_names, show = PAGES[page]
    show()
    told = capsys.readouterr().out
    assert told.count(SEEN) >= n_names
    assert not re.search("[\x1b\x80-\x9f\u202e]", told)


def test_on_a_terminal_styles_are_ours_alone() -> None:
    file = io.StringIO()
    console = PlainConsole(file=file, force_terminal=True, width=200, color_system="standard")
    table = Table()
    table.add_column(NAME)
    table.add_row(NAME)
    console.print(styled((NAME, "red"), NAME), table, NAME)
    told = file.getvalue()
    assert told.startswith(f"\x1b[31m{SEEN}\x1b[0m{SEEN}\n")
    assert re.sub("\x1b\\[[0-9;]*m", "", told).count(SEEN) == 5
    assert "\x9b" not in told


def test_errors_progress_and_logs_show_names_as_they_are(capsys) -> None:
    errors.explain(UserError(NAME))
    with TerminalReporter() as reporter:
        for tell in (reporter.stage, reporter.note, reporter.warn):
            tell(NAME)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter("%(message)s"))
    handler.emit(logging.makeLogRecord({"msg": NAME}))
    told = capsys.readouterr().err
    assert told.count(SEEN) == 5
    assert "\x1b" not in told


def test_json_carries_no_control_of_a_terminal(capsys) -> None:
    output.document({"name": NAME})
    told = capsys.readouterr().out
    assert '"[x][/y]:cat:\\u001b[31m\\u009b2J\\u202e\\\\[z]"' in told


def test_what_is_no_text_is_escaped() -> None:
    assert visible("a\udcffb\tc\nd\re") == "a\\udcffb\tc\nd\\re"


def test_every_console_is_made_in_one_place() -> None:
    sources = {path.name: path.read_text("utf-8") for path in Path(qplug_cli.__file__).parent.rglob("*.py")}
    elsewhere = {name: text for name, text in sources.items() if name != "words.py"}
    assert [
        name
        for name, text in elsewhere.items()
        if re.search(r"[ =(]Console\(|rich\.(markup|text import Text$)", text, re.M)
    ] == []
