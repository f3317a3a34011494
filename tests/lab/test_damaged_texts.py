"""Whatever stands in a file that is read, it is read or refused with a message for the user."""

import json
import os

import pytest

from qplug.contract.errors import ConfigError, DataError
from qplug.lab.config.layers import from_file
from qplug.lab.config.reading import parse_json
from qplug.lab.export.files import about
from qplug.lab.report.page import write_report
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.glance import glance

from .report_runs import finished_run


@pytest.mark.parametrize(("kind", "n"), [("configurations", 60), ("circuits-json", 200), ("qasm3", 80), ("runs", 8)])
def test_damaged_texts_are_read_or_refused(kind, n, benchmark_script) -> None:
    assert benchmark_script("fuzz").fuzz(kind, n, seed=0) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = " + "[" * 5000, "nests tables or lists more than 32 deep"),
        ("x = " + "[" * 40 + "]" * 40, "more than 32 deep"),
        ("seed = " + "9" * 5000, "not valid TOML: Exceeds the limit"),
        ("seed = " + "9" * 30, "seed is a whole number of more than 64 bits"),
        ("[training]\nepochs = 1979-05-27", "training.epochs is the date or time 1979-05-27"),
        ("[dataset]\nname = 40", "dataset.name cannot be 40"),
        ("branch = []", r"branch cannot be \[\]"),
        ("branch = 3", "branch cannot be 3"),
        ("[[branch]]\nhead = 'x'", "branch.1.head cannot be 'x'"),
        ("[[branch]]\nweight = [7]", r"branch.1.weight cannot be \[7\]"),
        ("recipe = {a = 1}", "recipe cannot be {'a': 1}"),
    ],
)
def test_a_misshapen_configuration_names_the_place(text, told, tmp_path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=told):
        from_file(file)


def test_a_pipe_is_refused_at_once(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="pipe is a pipe or a device"):
        from_file(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("environment.json", {"git": "<b>"}, "environment.json is damaged: git is '<b>'"),
        ("environment.json", {"packages": [1]}, r"packages is \[1\]"),
        ("metrics.json", {"parameters": 7}, "parameters is 7"),
        ("metrics.json", {"stamps": "LEAKY"}, "stamps is 'LEAKY'"),
        ("metrics.json", {"train_seconds": "long"}, "train_seconds is 'long'"),
        ("split.json", {"sizes": None}, "sizes is None"),
    ],
)
def test_a_misshapen_file_of_a_run_names_the_place(file, change, told, tmp_path) -> None:
    run = finished_run(tmp_path)
    content = json.loads((run / file).read_text()) | change
    (run / file).write_text(json.dumps(content))
    with pytest.raises(DataError, match=told):
        write_report(run)


def test_an_export_names_what_is_missing(tmp_path) -> None:
    run = finished_run(tmp_path)
    (run / "environment.json").write_text("{}")
    with pytest.raises(DataError, match=r"environment\.json is damaged: it lacks qplug"):
        about(run)


def test_json_without_end_and_numbers_without_end_are_damage() -> None:
    for text in ("[" * 100_000, '{"a": ' + "9" * 5000 + "}"):
        with pytest.raises(DataError, match=r"split\.json is damaged"):
            parse_json(text, "split.json", DataError)


def test_a_run_of_another_run_cannot_be_named_by_a_path(tmp_path) -> None:
    (tmp_path / "folds.json").write_text('{"settings": {}, "folds": [1], "runs": {"1": "../../x"}}')
    with pytest.raises(DataError, match=r"runs\.1 is '../../x'"):
        RunDirectory(tmp_path).read_json("folds.json")


@pytest.mark.parametrize(
    "text",
    [
        "seed = 1\nseed = 2", "[a]\n[a]", "x = '''a'''", "seed = 01", "dataset = [", "name = \"a\\n\"", "[a.b]",
        "x = [", "[dataset]\nname = \"a\" # b",
    ],
)  # fmt: skip
def test_a_glance_tells_nothing_of_what_it_does_not_know(text) -> None:
    assert glance(text) is None


def test_a_glance_tells_what_a_parser_does() -> None:
    text = '# x\n\nseed = 3\nl = [\n    "a",\n]\n\n[dataset]\nname = "d"\nq = []\n\n'
    text += '[[branch]]\nweight = 1.0\n\n[branch.head]\nname = "h"\n'
    assert glance(text) == {"seed": 3, "dataset": {"name": "d"}, "branch": [{"head": {"name": "h"}}]}
