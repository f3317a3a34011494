"""A run's record: one type, written once, read back equal, and refused by name where it cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qplug.contract.errors import DataError, UserError
from qplug.lab.config.layers import from_assignments
from qplug.lab.measures import SUMMARY
from qplug.lab.report.page import write_report
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runs.directory import RunDirectory
from qplug.lab.runs.listing import summarise
from qplug.lab.runs.record_file import read_record, write_record
from qplug.lab.runs.run_record import RunRecord

from .report_runs import facts, finished_run

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "record.schema.json"
KEYS = [
    "run", "dataset", "modality", "head", "backend", "trained_on", "modelled_noise", "hardware", "seed", "split",
    "fold", "split_hash", "n_train", "n_validation", "n_test", "best_epoch", "epochs", "stopped_early",
    "train_seconds", "pipeline", "parameters", "stamps", "branch_weights", "angles", "warnings", "reference",
    "validation", "test",
]  # fmt: skip
"""What ``qplug run --json`` prints, in its order."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The summary of a small run with a circuit."""
    sets = ["dataset.n_samples=100", "training.epochs=1", "head.n_qubits=2"]
    chosen = {"dataset": {"name": "chirps"}, "backbone": {"name": "identity"}, "head": {"name": "pennylane-pqc"}}
    return run_once([from_assignments(sets), chosen], tmp_path_factory.mktemp("made"), Silent())


@pytest.fixture
def run(made: dict[str, Any], tmp_path: Path) -> RunDirectory:
    """A folder with the record of that run, to damage."""
    (tmp_path / "run.toml").write_text("seed = 0\n")
    directory = RunDirectory(tmp_path)
    write_record(directory, read_record(made["run"]))
    return directory


def test_a_run_s_summary_is_its_record_s(made: dict[str, Any]) -> None:
    assert list(made) == KEYS
    assert all(list(made[part]) == list(SUMMARY) for part in ("validation", "test"))
    record = read_record(made["run"])
    assert record.summary(made["run"]) == made
    assert record.configuration["head"]["name"] == record.head == "pennylane-pqc"
    assert [(one.part, one.backend, one.hardware) for one in record.judgements] == [
        ("validation", "torch", False), ("test", "torch", False),
    ]  # fmt: skip
    assert record.split.sizes == {part: made[f"n_{part}"] for part in ("train", "validation", "test")}
    assert record.environment.python == ".".join(map(str, sys.version_info[:3]))


def test_what_is_written_is_read_back_equal(made: dict[str, Any], run: RunDirectory) -> None:
    assert read_record(run.path) == read_record(made["run"])
    assert not (Path(made["run"]) / "metrics.json").exists()


def test_known_results_are_kept_as_numbers_and_told_in_words(made: dict[str, Any]) -> None:
    record = read_record(made["run"])
    claim = {"metric": "macro_f1", "value": 71.0, "unit": "%", "protocol": "linear", "source": "Somebody 2020"}
    content = json.loads(record.model_dump_json())
    content["known_results"] = [claim, "in words, as an older version wrote it"]
    again = RunRecord.model_validate_json(json.dumps(content))
    assert json.loads(again.model_dump_json())["known_results"] == content["known_results"]
    assert again.metrics()["reference"] == ["linear: macro f1 71 % (Somebody 2020)", content["known_results"][1]]
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert unfit(content, schema, schema) == []
    content["known_results"][0]["value"] = "much"
    assert unfit(content, schema, schema) == ["$.known_results.0.value"]
    with pytest.raises(ValueError, match=r"known_results\.0\.KnownResult\.value"):
        RunRecord.model_validate_json(json.dumps(content))


def test_a_record_is_read_without_torch_and_without_plugins(made: dict[str, Any]) -> None:
    lines = (
        "import sys; from qplug.lab.runs.record_file import read_record; read_record(sys.argv[1]); "
        "print([name for name in sys.modules if name in ('torch', 'numpy') or name.startswith('qplug_')])"
    )
    done = subprocess.run([sys.executable, "-c", lines, made["run"]], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_record_of_the_first_version_gives_the_numbers_that_stand_in_it(tmp_path: Path) -> None:
    record = read_record(finished_run(tmp_path))
    given = facts()
    told = record.metrics()
    assert told | {"pipeline": 0} == {**told, **given, "pipeline": 0}
    assert [step["name"] for step in told["pipeline"]] == [step["name"] for step in given["pipeline"]]
    assert record.judgement("test").settings == {"noise": "FakeNowhere"}
    assert (record.environment.qplug, record.split.n_shared_groups) == ("0.1.0", 1)


@pytest.mark.parametrize(
    ("keys", "value", "told"),
    [
        (("version",), 3, r"has version 3 of records, which a newer qplug wrote; qplug .* reads up to version 2"),
        (("version",), "two", "version is 'two'; records have version 2"),
        (("seed",), "x", "seed is 'x'"),
        (("judgements", 1, "scores", "n"), -1, r"judgements\.1\.scores\.n is -1"),
        (("training", "parameters", "total"), None, r"training\.parameters\.total is None"),
        (("judgements",), [], "judgements: no validation part was judged"),
        (("moods",), [], r"moods is \[\]"),
    ],
)
def test_what_cannot_be_read_is_named(run: RunDirectory, keys: tuple[Any, ...], value: object, told: str) -> None:
    content = json.loads((run.path / "record.json").read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (run.path / "record.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"record\.json.* {told}"):
        read_record(run.path)
    with pytest.raises(DataError, match=rf"record\.json.* {told}"):
        write_report(run.path)


@pytest.mark.parametrize("key", RunRecord.model_fields)
def test_a_key_that_is_missing_is_named(run: RunDirectory, key: str) -> None:
    content = json.loads((run.path / "record.json").read_text())
    del content[key]
    (run.path / "record.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"record\.json is damaged: it lacks {key}\."):
        read_record(run.path)


def test_a_list_of_runs_shows_its_numbers_or_its_damage(run: RunDirectory) -> None:
    seen = summarise(run.path)
    assert (seen.status, seen.problem) == ("finished", "")
    assert seen.test["accuracy"] == read_record(run.path).test.accuracy
    assert seen.stamps == ("SYNTHETIC DATA",)
    (run.path / "record.json").write_text('{"version": 7}')
    assert "record.json has version 7 of records" in summarise(run.path).problem
    (run.path / "record.json").write_text('{"version": 2, "stamps": []}')
    assert summarise(run.path).problem == "record.json is damaged: it lacks judgements."


def unfit(value: Any, schema: Any, whole: dict[str, Any], place: str = "$") -> list[str]:
    """Where a value is not what a JSON schema says, of the words that pydantic writes."""
    if schema is True or schema == {}:
        return []
    if "$ref" in schema:
        return unfit(value, whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], whole, place)
    if "anyOf" in schema:
        faults = [unfit(value, one, whole, place) for one in schema["anyOf"]]
        return [] if [] in faults else faults[0]
    if "const" in schema or "enum" in schema:
        return [] if value in schema.get("enum", [schema.get("const")]) else [place]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
             "null": type(None)}  # fmt: skip
    kind = schema.get("type")
    if kind and (not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [place]
    found = [place] if "minimum" in schema and value < schema["minimum"] else []
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{place}.{key}" for key in schema.get("required", []) if key not in value]
        for key, entry in value.items():
            of_it = known.get(key, others)
            found += [f"{place}.{key}"] if of_it is False else unfit(entry, of_it, whole, f"{place}.{key}")
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        for number, entry in enumerate(value):
            of_it = first[number] if number < len(first) else schema.get("items", True)
            found += unfit(entry, of_it, whole, f"{place}.{number}")
    return found


def test_the_schema_in_the_reference_is_the_record_s_and_a_real_record_fits_it(made: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert schema == RunRecord.model_json_schema(), "write it anew: python tests/benchmarks/reference.py"
    content = json.loads((Path(made["run"]) / "record.json").read_text("utf-8"))
    assert unfit(content, schema, schema) == []
    content["judgements"][1]["scores"]["n"] = -1
    content["moods"] = content.pop("seed")
    content["training"]["pipeline"][0]["shape"] = ["wide"]
    assert sorted(unfit(content, schema, schema)) == [
        "$.judgements.1.scores.n", "$.moods", "$.seed", "$.training.pipeline.0.shape.0",
    ]  # fmt: skip


def test_an_unfinished_run_has_no_record(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("seed = 0\n")
    with pytest.raises(UserError, match=rf"{tmp_path} is interrupted, so it has no record\. Go on with: qplug resume"):
        read_record(tmp_path)
