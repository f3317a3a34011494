"""The shell around the commands: start-up, help, exit codes, and what is printed where."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qplug import __version__
from qplug.contract.errors import DataError, Interrupted, PluginError
from qplug.installation import install
from qplug_cli import errors, main

HEAVY = ("torch", "pennylane", "qiskit", "lightning", "librosa", "sklearn", "matplotlib", "numpy")
PLUGINS = ("qplug_audio", "qplug_image", "qplug_models", "qplug_torch", "qplug_pennylane", "qplug_qiskit")
MODULES = """
import json, sys
from qplug_cli.main import run
try:
    run(sys.argv[1:])
except SystemExit as end:
    json.dump([end.code, sorted({name.partition('.')[0] for name in sys.modules})], sys.stderr)
"""


@pytest.fixture
def qplug(forking) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command where the tests are run, with some variables of its environment set."""
    return lambda *words, **environment: forking(words, Path.cwd(), os.environ | environment)


@pytest.mark.parametrize("words", [("list",), ("list", "--json"), ("--help",), ("list", "--help"), ("--version",)])
def test_listing_and_help_import_nothing_heavy_and_no_plugin(words, tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MODULES, *words],
        env=os.environ | {"QPLUG_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    code, imported = json.loads(done.stderr)
    assert code == 0
    assert set(imported) & {*HEAVY, *PLUGINS} == set()


def test_the_version_is_printed(qplug) -> None:
    assert qplug("--version").stdout == f"qplug {__version__}\n"


def test_no_command_shows_the_help_with_every_command(qplug) -> None:
    done = qplug()
    assert done.returncode == 0
    assert all(f" {name} " in done.stdout for name in main.COMMANDS)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_explains_itself_with_examples(name, qplug) -> None:
    done = qplug(name, "--help", COLUMNS="120")
    assert done.returncode == 0, done.stderr
    assert f"qplug {name}" in done.stdout
    assert "Examples" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (("predict",), "qplug predict [OPTIONS] RUN FILE..."),
        (("data", "info"), "qplug data info [OPTIONS] NAME"),
        (("data",), "qplug data [OPTIONS] COMMAND [ARGS]..."),
        ((), "qplug [OPTIONS] COMMAND [ARGS]..."),
    ],
)
def test_help_shows_what_is_typed_and_no_type_behind_a_flag(words, usage, qplug) -> None:
    done = qplug(*words, "--help", COLUMNS="80")
    assert usage in done.stdout
    assert "<bool>" not in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("lst",), "No such command 'lst'. Did you mean 'list'? Usage: qplug --help"),
        (("data", "fech"), "No such command 'fech'. Did you mean 'fetch'? Usage: qplug data --help"),
        (("run", "--device", "gpu"), "Invalid value for '--device': 'gpu' is not one of 'auto', 'cpu', 'cuda'. Usage"),
        (("run", "--set", "n_layers=3"), "--set n_layers=3 does not say whose parameter it is"),
        (
            ("run", "--seed", "-1", "--dry-run"),
            "run: seed must be an integer in [0, 2147483648); got '-1'. Set it with",
        ),
        (
            ("export", "r", "--to", "onx"),
            "Invalid value for '--to': 'onx' is not one of 'safetensors', 'qasm3', 'onnx'.",
        ),
        (("run", "--fold", "x"), "--fold takes the number of a fold, or all; got 'x'"),
        (("list", "--jsn"), "No such option: --jsn"),
        (("list", "heds"), "no kind is called 'heds'. Did you mean 'heads'"),
        (("show", "head"), "Missing argument 'NAME'"),
        (("show", "head", "mpl"), "no head is called 'mpl'. Did you mean 'mlp'"),
        (("list", "--no-plugin", "nobody"), "no plugin is called 'nobody'"),
    ],
)
def test_a_mistake_of_the_user_ends_in_one_paragraph_and_exit_2(words, message, qplug) -> None:
    done = qplug(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"qplug: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DataError("no sample was found"), 2, "qplug: no sample was found\n"),
        (PluginError("it is broken"), 1, "qplug: it is broken\n"),
        (Interrupted("stopped; go on with qplug resume"), 130, "qplug: stopped; go on with qplug resume\n"),
        (KeyboardInterrupt(), 130, "qplug: stopped.\n"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 2, f"Install it: {install('all')}"),
        (ZeroDivisionError("by zero"), 1, "not your mistake (ZeroDivisionError: by zero)"),
        (ModuleNotFoundError("No module named 'qplug.x'", name="qplug.x"), 1, "not your mistake"),
    ],
)
def test_what_is_raised_becomes_a_line_and_an_exit_code(error, code, told, capsys, monkeypatch) -> None:
    monkeypatch.delenv("QPLUG_DEBUG", raising=False)
    assert errors.explain(error) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(("words", "environment"), [(("--debug",), {}), ((), {"QPLUG_DEBUG": "1"})])
def test_a_traceback_is_shown_when_asked_for(words, environment, qplug) -> None:
    done = qplug(*words, "list", "heds", **environment)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "qplug: no kind is called 'heds'" in done.stderr


@pytest.mark.parametrize(("words", "line"), [("list --json", "[\n"), ("recipes", "quickstart\n")])
def test_a_reader_that_goes_away_is_no_error(words, line) -> None:
    command = f"{sys.executable} -m qplug_cli {words} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == line
    assert done.stderr == ""


def test_with_json_only_the_document_reaches_stdout(site, head_source) -> None:
    shouting = head_source.replace(
        "        self.width = width", "        print('made'); import os; os.write(1, b'raw')"
    )
    site.add_head("loud", shouting)
    done = site.qplug("show", "head", "loud", "--json")
    assert json.loads(done.stdout)["name"] == "loud"
    assert "made" in done.stderr
    assert "raw" in done.stderr
