"""Runs in Python: as short as the command, with components by name, by code and by object."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
import pytest
from rich.console import Console
from torch import nn

import qplug
from qplug import catalogue
from qplug.contract.errors import ConfigError, DataError, PluginError, UserError
from qplug.lab.config.branches import from_head
from qplug.lab.config.layers import from_file, from_names
from qplug.lab.config.toml import full_hash
from qplug.study.settings import name_of

SMALL: dict[str, Any] = {
    "dataset": "digits", "backbone": "identity", "reducer": "pca", "epochs": 1, "figures": False, "progress": False
}  # fmt: skip
CIRCUIT = {"head.n_layers": 1, "head.n_qubits": 2}
PLUGIN = """
from dataclasses import dataclass
from typing import Annotated
from pydantic import Field
from torch import nn
from qplug import Head, HeadCapabilities


@dataclass(kw_only=True, eq=False)
class Wide(Head):
    capabilities = HeadCapabilities(interface=1)
    n_inputs = 4
    width: Annotated[int, Field(ge=1)] = 3

    def build(self, n_inputs, n_classes):
        return nn.Sequential(nn.Linear(n_inputs, self.width), nn.Linear(self.width, n_classes))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("study")
    (folder / "my_parts.py").write_text(PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QPLUG_CACHE", str(folder / "cache"))
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture(scope="module")
def circuit(place: Path) -> qplug.Run:
    return qplug.run(**SMALL, head="pennylane-pqc", set=CIRCUIT, seed=3, out=place / "circuit")


@pytest.fixture(scope="module")
def by_code(place: Path) -> qplug.Run:
    return qplug.run(**SMALL, head="my_parts:Wide", set={"head.width": 2}, out=place / "code")


def told(shown: Any) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(shown)
    return console.export_text()


def test_a_run_holds_what_came_of_it(circuit: qplug.Run) -> None:
    assert circuit.record.seed == 3
    assert circuit.config["head"]["n_qubits"] == 2
    assert circuit.config == from_file(circuit.path / "run.toml")
    assert circuit.metrics["accuracy"] == circuit.record.test.accuracy
    assert "confusion" not in circuit.metrics
    assert [row["epoch"] for row in circuit.history] == [1]
    assert circuit.history[0]["train_cross_entropy"] > 0
    assert circuit.classes == tuple("0123456789")


def test_a_run_is_loaded_by_its_folder(circuit: qplug.Run) -> None:
    for given in (circuit, circuit.path, str(circuit.path)):
        assert qplug.load(given).record == circuit.record
    with pytest.raises(UserError, match="nowhere"):
        qplug.load("nowhere")


def test_a_run_shows_itself_with_its_stamps(circuit: qplug.Run) -> None:
    accuracy = f"accuracy {circuit.record.test.accuracy:.3f}"
    assert repr(circuit) == f"<Run digits · pennylane-pqc on torch · seed 3 · {accuracy}>"
    stamped = qplug.Run(circuit.path, circuit.record.model_copy(update={"stamps": ("LEAKY",), "dataset": "<b>"}))
    for text in (told(stamped), stamped._repr_html_()):
        assert accuracy in text
        assert "LEAKY" in text
        assert "balanced accuracy" in text
    assert "&lt;b&gt;" in stamped._repr_html_()


def test_arrays_signals_and_files_are_told_the_same(circuit: qplug.Run, tmp_path: Path) -> None:
    from PIL import Image as Picture

    pixels = np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8)
    Picture.fromarray(pixels).save(tmp_path / "one.png")
    scaled = pixels.astype(np.float32) / 255
    several = [pixels, scaled, scaled[..., None], scaled[None], qplug.Image(scaled[None]), tmp_path / "one.png"]
    answers = circuit.predict(several)
    assert len(answers) == 6
    assert np.allclose(answers.probabilities, answers.probabilities[0])
    assert np.allclose(answers.probabilities.sum(1), 1)
    assert answers.labels == [circuit.predict(pixels)[0]["label"]] * 6
    assert str(tmp_path / "one.png") in told(answers)
    assert "<td>image 1</td>" in answers._repr_html_()


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "no files are given"),
        (7, "got 7"),
        ([None], "NoneType"),
        (np.zeros((4, 8, 8)), r"\(4, 8, 8\)"),
        (np.full((8, 8), 3.0), "got 3 to 3"),
        (np.full((8, 8), np.nan), "got nan to nan"),
        (qplug.Audio(np.zeros((1, 9), np.float32), 8000), "classifies image; got Audio"),
    ],
)
def test_what_is_no_image_is_refused(circuit: qplug.Run, inputs: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        circuit.predict(inputs)


def test_a_run_is_judged_again(circuit: qplug.Run) -> None:
    same = qplug.evaluate(circuit, progress=False)
    assert same.record.judgement.scores == circuit.record.test
    assert same.metrics == circuit.metrics
    few = qplug.evaluate(circuit.path, backend="torch", set={"backend.shots": 5}, part="validation", progress=False)
    assert few.record.judgement.settings["shots"] == 5
    assert few.record.judgement.part == "validation"
    assert "shots 5" in told(few)
    table = qplug.evaluate(circuit, backend={"name": "torch", "shots": 5}, part="validation", progress=False)
    assert table.path == few.path


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"set": {"head.n_layers": 2}}, "head cannot be changed"),
        ({"split": "other"}, "split is given without dataset"),
        ({"backend": "ibm", "set": {"backend.fake": "FakeTorino"}}, "'ibm' is a remote one"),
    ],
)
def test_what_a_finished_run_has_not_is_refused(circuit: qplug.Run, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        qplug.evaluate(circuit, **asked)


def test_a_head_by_its_code_is_recorded_so_and_runs_again(by_code: qplug.Run, place: Path) -> None:
    assert by_code.config["head"] == {"name": "my_parts:Wide", "width": 2}
    code = json.loads((by_code.path / "environment.json").read_text())["code"]["head-1"]
    assert (code["package"], code["name"]) == ("my_parts", "my_parts:Wide")
    assert len(qplug.load(by_code.path).predict(np.zeros((8, 8)))) == 1


def test_an_object_whose_class_can_be_imported_is_its_name_and_parameters(by_code: qplug.Run, place: Path) -> None:
    from my_parts import Wide  # type: ignore[import-not-found]

    again = qplug.run(**SMALL, head=Wide(width=2), out=place / "object")
    assert full_hash(dict(again.config)) == full_hash(dict(by_code.config))
    assert again.metrics == by_code.metrics


def test_what_cannot_be_imported_elsewhere_is_refused_there(by_code: qplug.Run) -> None:
    program = (
        "import qplug, sys\n"
        "from qplug.catalogue import load\n"
        "for name in ('my_parts:Wide', 'object:Wide-01234567'):\n"
        "    try:\n        load('head', name)\n"
        "    except qplug.QplugError as error:\n        print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert re.match(r"PluginError head 'my_parts:Wide' cannot be used: its module 'my_parts' does not exist", first)
    assert "PYTHONPATH" in first
    assert re.match(r"UserError head 'object:Wide-01234567' was given as an object", second)


@final
class Local(qplug.Head):
    """A head that no other process can import, with what its parameters do not tell."""

    capabilities: ClassVar = qplug.HeadCapabilities(interface=1)

    def __init__(self, layers: list[nn.Module]) -> None:
        self.layers = layers

    def build(self, n_inputs: int, n_classes: int) -> nn.Module:
        return nn.Sequential(nn.Linear(n_inputs, 5), *self.layers, nn.Linear(5, n_classes))


def test_an_object_runs_and_says_that_it_cannot_elsewhere(place: Path) -> None:
    made = qplug.run(**SMALL, head=Local([nn.Tanh()]), set={"reducer.n_outputs": 4}, out=place / "local")
    name = made.config["head"]["name"]
    assert re.fullmatch("object:Local-[0-9a-f]{8}", name)
    assert isinstance(made.model.branches.pairs()[0][1][1], nn.Tanh)
    text = (made.path / "run.toml").read_text().replace(name, "object:Local-00000000")
    (made.path / "run.toml").write_text(text)
    (made.path / "digests.json").unlink()
    with pytest.raises(UserError, match="'object:Local-00000000' was given as an object"):
        _ = qplug.load(made.path).model


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"head": "penylane-pqc"}, UserError, "penylane-pqc"),
        ({"head": 7}, UserError, "head=7 is no component"),
        ({"head": qplug.Backend}, UserError, "Backend is not a Head|Backend declares no capabilities"),
        ({"head": "no_such:Thing"}, PluginError, "'no_such:Thing' cannot be used"),
        ({"set": {"head.layers": 2}}, UserError, "layers"),
        ({"set": ["head.n_layers=2"]}, UserError, "set takes settings by name"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(
    tmp_path: Path, asked: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        qplug.run(**(SMALL | asked), out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_code_is_told_from_presets_and_branches() -> None:
    assert from_head("my_parts:Wide") == {"head": {"name": "my_parts:Wide"}}
    assert from_head("object:Wide-01234567") == {"head": {"name": "object:Wide-01234567"}}
    assert from_head("pca:mlp") == {"branch": [{"head": {"name": "mlp"}, "reducer": {"name": "pca"}}]}
    assert from_names({"features": "my.parts:Loud"}) == {"features": {"name": "my.parts:Loud"}}
    assert from_names({"features": "mel:qc-cnn"}) == {"features": {"name": "mel", "preset": "qc-cnn"}}


def test_what_is_compared_is_one_word_each(place: Path) -> None:
    from my_parts import Wide

    assert name_of("head", "linear") == "linear"
    assert name_of("head", Wide) == name_of("head", Wide()) == "my_parts:Wide"
    assert re.fullmatch("object:Wide-[0-9a-f]{8}", name_of("head", Wide(width=7)))
    assert catalogue.create("head", name_of("head", Wide(width=7))).width == 7


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"heads": [Local([])], "jobs": 2}, r"jobs=2 .* 'object:Local-"),
        ({"heads": "linear", "margin": 2}, "margin=2"),
        ({"dataset": None}, "no data set is named"),
        ({"heads": ["linear", "liner"]}, "liner"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        qplug.compare(**({"dataset": "digits"} | asked), out=tmp_path / "compared", progress=False)
    assert not (tmp_path / "compared").exists()


def test_a_damaged_record_is_refused(circuit: qplug.Run, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text((circuit.path / "run.toml").read_text())
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(DataError, match=r"record\.json"):
        qplug.load(tmp_path)
