"""What a component's own code raises, wherever it is asked, is told with name, package, phase and place."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qplug import catalogue
from qplug.contract.errors import CircuitError, PluginError
from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.loaded import load_run
from qplug.lab.runner.plan import plan
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug_cli.errors import explain
from qplug_image.digits import Digits
from qplug_image.pixels import Pixels
from qplug_models.heads import LinearHead
from qplug_models.image_cnn import ImageCnn
from qplug_models.reducers import Pca
from qplug_qiskit.qnn import Qnn


def layers(head: str = "linear", **others: str) -> list[dict[str, Any]]:
    chosen = {kind: {"name": name} for kind, name in {"dataset": "digits", "head": head, **others}.items()}
    return [from_assignments(["training.epochs=1"]), chosen]


def faulty(error: BaseException) -> Callable[..., Any]:
    def of_the_author(self: Any, *given: Any) -> Any:
        raise error

    return of_the_author


PLACES: list[tuple[type, str, dict[str, str], str]] = [
    (Qnn, "parametrised", {"head": "qiskit-qnn"}, "head 'qiskit-qnn'"),
    (Qnn, "observables", {"head": "qiskit-qnn"}, "head 'qiskit-qnn'"),
    (LinearHead, "build", {}, "head 'linear'"),
    (Pca, "outputs", {"reducer": "pca"}, "reducer 'pca'"),
    (ImageCnn, "build", {"backbone": "image-cnn"}, "backbone 'image-cnn'"),
    (Pixels, "shape", {}, "features 'pixels'"),
    (Digits, "samples", {}, "dataset 'digits'"),
]


@pytest.mark.parametrize(("part", "method", "chosen", "named"), PLACES, ids=lambda value: str(value))
def test_a_part_that_raises_before_the_run_is_named(
    part: type, method: str, chosen: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = SystemExit(0) if method == "build" else ValueError("no luck")
    raises: Any = faulty(error)
    monkeypatch.setattr(part, method, property(raises) if isinstance(getattr(part, method), property) else raises)
    words = f"it raised {type(error).__name__}: {error} .in of_the_author, line [0-9]+ of test_blame.py"
    with pytest.raises(PluginError, match=rf"^{named} of qplug [0-9.]+ failed while .*{words}.*Mend or replace"):
        plan(layers(**chosen))


def test_what_qplug_refuses_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Qnn, "parametrised", faulty(CircuitError("too round")))
    with pytest.raises(CircuitError, match=r"^too round$"):
        plan(layers("qiskit-qnn"))


def test_a_circuit_that_an_authors_exception_spoils_names_its_component(monkeypatch: pytest.MonkeyPatch) -> None:
    original, asked = Qnn.parametrised, list[Qnn]()

    def once(self: Qnn) -> Any:
        asked.append(self)
        if len(asked) > 1:
            raise ValueError("not again")
        return original(self)

    monkeypatch.setattr(Qnn, "parametrised", once)
    with pytest.raises(CircuitError, match=r"^head 'qiskit-qnn' of qplug [0-9.]+: the Qiskit circuit .*not again"):
        plan(layers("qiskit-qnn"))


class FaultyWhenAsked(nn.Linear):
    """Fails on whole batches of new files."""

    def forward(self, inputs: Tensor) -> Tensor:
        if not torch.is_grad_enabled() and not bool((inputs == 0).all()):
            raise ArithmeticError("not today")
        return super().forward(inputs)


def test_a_part_of_a_finished_run_that_raises_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = replace(Workplace.from_environment(), figures=False)
    run_once(layers(), tmp_path / "runs", Silent(), workplace=place)
    (run,) = (tmp_path / "runs").iterdir()
    monkeypatch.setattr(LinearHead, "build", lambda self, n_inputs, n_classes: FaultyWhenAsked(n_inputs, n_classes))
    words = r"head 'linear' of qplug \S+ failed while {}: it raised ArithmeticError: not today .in forward, line"
    with pytest.raises(PluginError, match=words.format("the run was judged again")):
        evaluate(run, Asked(part="validation"), Silent(), workplace=place)
    image = tmp_path / "new.pgm"
    image.write_bytes(b"P5 8 8 255 " + bytes(range(64)))
    with pytest.raises(PluginError, match=words.format("files were classified")):
        load_run(run).predict([image])
    monkeypatch.setattr(LinearHead, "build", faulty(OSError("gone")))
    with pytest.raises(PluginError, match=r"'linear' of qplug .* the classifier was built: it raised OSError: gone"):
        load_run(run)


def test_any_command_names_the_part(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Qnn, "parametrised", faulty(ZeroDivisionError("by nought")))
    head = catalogue.load("head", "qiskit-qnn")()
    with pytest.raises(ZeroDivisionError, match="by nought") as raised:
        head.circuit(8)  # type: ignore[attr-defined]
    assert explain(raised.value) == 1
    told = capsys.readouterr().err
    assert "head 'qiskit-qnn' of qplug" in told
    assert "it raised ZeroDivisionError: by nought (in of_the_author, line" in told


def test_code_that_is_no_part_and_ends_the_program_is_named_by_its_module(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stray.py").write_text("raise SystemExit(0)")
    with pytest.raises(SystemExit, match="0") as raised:
        runpy.run_path(str(tmp_path / "stray.py"), run_name="stray_plugin")
    assert explain(raised.value) == 1
    assert "the module 'stray_plugin' tried to end the program (SystemExit: 0)" in capsys.readouterr().err
