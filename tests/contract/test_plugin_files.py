"""A file of parts that no package brings: what it announces, what is refused, and who else knows of it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qplug
from qplug import catalogue
from qplug.catalogue.plugin_files import announced_name
from qplug.contract.errors import PluginError, UserError
from qplug.contract.interfaces import Cell
from qplug.lab.comparison.executors import executor_of
from qplug.lab.runner.workplace import Workplace

BASE = """

class Wide(Part):
    summary = "wider"
"""
FOUND = """

def found(text):
    from qplug import catalogue

    return f"{catalogue.entry('head', text).provider} {catalogue.load('head', text).__module__}"
"""
HOOKS = """
from qplug.contract.hooks import hookimpl

@hookimpl
def run_ended(run, metrics): ...

class EveryEpoch:
    \"\"\"Follows a run.\"\"\"

    @hookimpl
    def run_failed(self, run, reason): ...
"""
Write = Callable[..., Path]


@pytest.fixture
def write(site: Any, head_source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file with a head, or whatever is given, of which this process knows nothing before or after."""
    monkeypatch.setenv("QPLUG_PLUGINS", "")
    monkeypatch.setattr("qplug.catalogue.plugin_files._known", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def written(name: str, source: str = head_source.replace("class Part", "class LoudHead")) -> Path:
        (tmp_path / "parts").mkdir(exist_ok=True)
        file = tmp_path / "parts" / name
        file.write_text(source, "utf-8")
        return file

    yield written
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("word", "name"),
    [("LoudHead", "loud-head"), ("PCA2", "pca2"), ("MFCCFrames", "mfcc-frames"), ("my_hooks", "my-hooks"), ("X", "x")],
)
def test_a_class_is_called_by_its_words(word: str, name: str) -> None:
    assert announced_name(word) == name


def test_a_part_of_a_file_stands_beside_those_of_packages(write: Write, head_source: str) -> None:
    file = write("my_parts.py", head_source.replace("class Part", "class _Part").replace(
        "    def build", "    def _build") + BASE.replace("Part", "_Part") + HOOKS
        + "\n\nclass LoudHead(Wide):\n    def build(self, n_inputs, n_classes): ...\n")  # fmt: skip
    qplug.plug_in(file)
    qplug.plug_in(str(file))  # a second time is as good as once
    rows = {(row.kind, row.name): row for row in catalogue.entries() if row.provider == "my_parts.py"}
    assert set(rows) == {("head", "loud-head"), ("hook", "my-parts"), ("hook", "every-epoch")}
    row = rows["head", "loud-head"]
    assert (row.status, row.version, row.summary, row.target) == ("ready", "", "wider", "my_parts:LoudHead")
    assert rows["hook", "every-epoch"].summary == "Follows a run."
    loaded = catalogue.load("head", "loud-head")
    assert catalogue.load("head", "my_parts:LoudHead") is loaded  # one door
    assert catalogue.with_component("head", loaded) == {"name": "loud-head"}
    with pytest.raises(UserError, match=r"head 'loud-head' is disabled by 'my_parts\.py'"), catalogue.without(
        ["my_parts.py"]
    ):  # fmt: skip
        catalogue.load("head", "loud-head")


REFUSED = {
    "gone.py": (None, r"gone\.py: does not exist"),
    "my-head.py": ("", r"my-head\.py: it must be named as Python's modules are"),
    "json.py": ("", r"json\.py: Python knows json as another module \(.*json.__init__\.py\)\. Rename it"),
    "empty.py": ("X = 1", r"empty\.py: no part stands in it"),
    "odd.py": ("X = (\n", r"odd\.py: line 1 cannot be carried out, SyntaxError: '\(' was never closed\. Mend the file"),
    "cause.py": ("\nimport not_there", r"cause\.py: line 2 cannot be carried out, ModuleNotFoundError: .*'not_there'"),
    "deep.py": ("\n\nint('x')", r"deep\.py: line 3 cannot be carried out, ValueError: invalid literal .*'x'"),
    "ends.py": ("raise SystemExit(3)", r"ends\.py: line 1 cannot be carried out, SystemExit: 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_used_is_refused_with_the_line_and_the_cause(write: Write, name: str) -> None:
    source, reason = REFUSED[name]
    file = write(name, source or "")
    if source is None:
        file.unlink()
    with pytest.raises(UserError, match=reason):
        qplug.plug_in(file)
    assert (os.environ["QPLUG_PLUGINS"], "not_there" in sys.modules) == ("", False)


def test_a_taken_name_and_an_unfinished_class_are_refused(write: Write, head_source: str) -> None:
    with pytest.raises(UserError, match=r"the head 'linear' \(a:Linear\) is taken by qplug\. Rename it"):
        qplug.plug_in(write("a.py", head_source.replace("class Part", "class Linear")))
    twins = head_source.replace("class Part", "class Loud_Head") + "\n\nclass LoudHead(Loud_Head): ...\n"
    with pytest.raises(UserError, match=r"the head 'loud-head' \(b:LoudHead\) is taken by b:Loud_Head"):
        qplug.plug_in(write("b.py", twins))
    with pytest.raises(UserError, match=r"c\.py: head 'loud-head' cannot be used: LoudHead is unfinished: it lacks bu"):
        qplug.plug_in(write("c.py", head_source.replace("class Part", "class LoudHead").replace("build", "make")))
    qplug.plug_in(write("d.py"))
    with pytest.raises(UserError, match=r"the head 'loud-head' \(e:LoudHead\) is taken by d\.py"):
        qplug.plug_in(write("e.py"))
    assert Path(os.environ["QPLUG_PLUGINS"]).name == "d.py"


def test_what_another_package_announces_later_is_not_the_file_s(site: Any, write: Write, head_source: str) -> None:
    qplug.plug_in(write("my_parts.py"))
    site.add_head("loud-head", head_source)
    with pytest.raises(
        PluginError, match=r"'loud-head' is claimed more than once, by my_parts\.py and qplug-loud-head 1"
    ):
        catalogue.load("head", "loud-head")


def test_processes_that_are_started_know_the_file(write: Write, head_source: str) -> None:
    qplug.plug_in(write("my_parts.py", head_source.replace("class Part", "class LoudHead") + FOUND))
    done = list(catalogue.create("executor", "local", {"slots": 1}).run("my_parts:found", [Cell("a", "loud-head")]))
    assert [(each.result, each.problem) for each in done] == [("my_parts.py my_parts", "")]


def test_an_executor_of_other_machines_is_refused(write: Write, site: Any) -> None:
    far = "from qplug import Executor, ExecutorCapabilities\n\nclass Part(Executor):\n    def run(self, *_): ...\n"
    far += "    capabilities = ExecutorCapabilities(interface=1, machines='many')\n"
    site.add("qplug-far", {"qplug.executors": {"far": "far_plugin:Part"}}, {"far_plugin": far})
    qplug.plug_in(write("my_parts.py"))
    with pytest.raises(UserError, match=r"executor 'far' works on other machines, which do not have my_parts\.py"):
        executor_of("far", None, None, Workplace())


def test_every_command_that_can_do_without_a_plugin_takes_a_file(write: Write) -> None:
    from qplug_cli.main import COMMANDS, _command

    told = {}
    for name in COMMANDS:
        found = _command(name)
        for each in getattr(found, "commands", {name: found}).values():
            names = {parameter.name: parameter for parameter in each.params}
            told[name, each.name] = ("plugin" in names, "no_plugin" in names)
    assert all(one == other for one, other in told.values())
    assert sum(one for one, _ in told.values()) >= 20


def test_the_option_announces_before_anything_is_named(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from qplug_cli.main import _command

    monkeypatch.setenv("QPLUG_DISABLE", "")
    words = ["heads", "--json", "--no-plugin", "loud-head", "--plugin", str(write("my_parts.py"))]
    _command("list").main(args=words, standalone_mode=False)
    (row,) = (row for row in json.loads(capsys.readouterr().out) if row["name"] == "loud-head")
    assert (row["provider"], row["status"]) == ("my_parts.py", "disabled")
