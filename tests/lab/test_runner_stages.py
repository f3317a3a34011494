"""The five stages of a run, each done once; a cell that is begun, gone on with or found done; where it is worked on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from qplug import catalogue
from qplug.contract.errors import ConfigError, Interrupted, UnknownName, UserError
from qplug.contract.hooks import RunInfo, hookimpl
from qplug.hooks import Hooks
from qplug.lab.config.layers import from_assignments, from_file
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import full_hash, to_layer
from qplug.lab.runner import inventory
from qplug.lab.runner.complete import Cell, complete
from qplug.lab.runner.examine import examine
from qplug.lab.runner.prepare import prepare
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.train import ready_to_train
from qplug.lab.runner.workplace import Workplace
from qplug_image.digits import Digits
from qplug_models.heads import LinearHead
from qplug_models.identity import IdentityBackbone
from qplug_models.reducers import Pca


def config(*more: str) -> Any:
    chosen = {"dataset": {"name": "digits"}, "head": {"name": "linear"}, "backbone": {"name": "identity"}}
    return resolve([from_assignments(["training.epochs=2", *more]), chosen])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(
        cache=tmp_path_factory.mktemp("cache"),
        data=tmp_path_factory.mktemp("data"),
        workers=1,
        threads=1,
        figures=False,
    )


class Counter:
    """Counts calls of functions that are let through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: dict[str, int] = {}
        self._monkeypatch = monkeypatch

    def watch(self, owner: Any, name: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)
        self.calls[name] = 0

        def counted(*args: Any, **options: Any) -> Any:
            self.calls[name] += 1
            return inner(*args, **options)

        self._monkeypatch.setattr(owner, name, counted)


@pytest.mark.parametrize("head_and_reducer", [("linear", "linear"), ("linear", "pca")])
def test_data_split_weights_and_network_are_looked_at_once(
    head_and_reducer: tuple[str, str], place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, reducer = head_and_reducer
    asked = config(f"head.name={head}", f"reducer.name={reducer}", "reducer.n_outputs=4")
    count = Counter(monkeypatch)
    watched = [(Digits, "inventory"), (inventory, "make_split"), (IdentityBackbone, "module"), (LinearHead, "build")]
    for owner, name in [*watched, (Pca, "fit")]:
        count.watch(owner, name)
    complete(Cell(asked, tmp_path / "run"), place, Silent())
    fitted = {"fit": 1 if reducer == "pca" else 0}
    assert count.calls == {"inventory": 1, "make_split": 1, "module": 1, "build": 1} | fitted


def test_what_is_fitted_takes_the_place_of_its_blank_and_nothing_else_changes(place: Workplace) -> None:
    asked = config("reducer.name=pca", "reducer.n_outputs=4")
    examined = examine(asked, place, Silent())
    blank = {name: value.clone() for name, value in examined.model.state_dict().items()}
    view = ready_to_train(examined, prepare(examined, Silent()), Silent())
    state = view.model.state_dict()
    assert [name for name in blank if blank[name].isnan().any()] == [
        name for name in state if name.startswith("branches.branches.0.0.")
    ]
    assert all(not value.isnan().any() for value in state.values())
    assert all(torch.equal(blank[name], state[name]) for name in blank if name.startswith("branches.branches.0.1."))


def test_a_run_says_which_threads_and_device_it_has(place: Workplace, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    record = complete(Cell(config("device=auto"), folder), place, Silent())
    written = from_file(folder / "run.toml")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert (written["threads"], written["device"]) == (1, device)
    assert record.configuration["device"] == device


def test_a_cell_is_begun_gone_on_with_or_found_done(place: Workplace, tmp_path: Path) -> None:
    examined = examine(config("training.epochs=3"), place, Silent())
    whole = complete(Cell(examined.config, tmp_path / "whole"), place, Silent())
    cell = Cell(examined.config, tmp_path / "torn")

    class Impatient(Silent):
        def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=f"stopped during training.*{cell.folder}"):
        complete(cell, place, Impatient())
    assert (cell.folder / "ended.json").exists()
    resumed = complete(cell, place, Silent())
    assert (resumed.test, resumed.validation) == (whole.test, whole.validation)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in cell.folder.iterdir() if path.is_file()}
    assert complete(cell, place, Silent()) == resumed
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before}


def test_a_cell_goes_on_in_a_folder_in_which_only_a_lock_was_made(place: Workplace, tmp_path: Path) -> None:
    cell = Cell(config(), tmp_path / "run")
    cell.folder.mkdir()
    (cell.folder / ".lock").touch()
    assert complete(cell, place, Silent()).test.n > 0


def test_another_run_in_its_folder_is_refused_and_kept(place: Workplace, tmp_path: Path) -> None:
    complete(Cell(config(), tmp_path / "run"), place, Silent())
    before = (tmp_path / "run" / "record.json").read_bytes()
    with pytest.raises(ConfigError, match=f"{tmp_path / 'run'} holds a run of another configuration"):
        complete(Cell(config("seed=5"), tmp_path / "run"), place, Silent())
    assert (tmp_path / "run" / "record.json").read_bytes() == before


def test_what_cannot_be_done_leaves_no_folder(place: Workplace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="5000"):
        complete(Cell(config("reducer.name=pca", "reducer.n_outputs=5000"), tmp_path / "run"), place, Silent())
    assert list(tmp_path.iterdir()) == []


def test_the_address_of_a_cell_depends_on_all_but_where_its_data_lie(tmp_path: Path) -> None:
    keys = [
        Cell(config(*more), tmp_path).key for more in ((), ("seed=1",), ("training.batch_size=16",), ("threads=2",))
    ]
    moved = full_hash({**to_layer(config()), "data_dir": "/elsewhere"})
    assert len(set(keys)) == len(keys)
    assert moved == keys[0]
    assert len(moved) == 64


def test_nothing_of_the_environment_is_looked_up_on_the_way(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong"
    for name in ("QPLUG_CACHE", "QPLUG_DATA"):
        monkeypatch.setenv(name, str(wrong))
    monkeypatch.setenv("QPLUG_LOGGERS", "no-such-logger")
    monkeypatch.setenv("QPLUG_DISABLE", "head:linear")
    monkeypatch.setenv("QPLUG_WORKERS", "nonsense")
    asked = _with_all_plugins(place)
    assert complete(Cell(asked, tmp_path / "run"), place, Silent()).test.n > 0
    assert not wrong.exists()


def _with_all_plugins(place: Workplace) -> Any:
    with catalogue.without(place.disabled):
        return config()


def test_a_workplace_says_what_is_asked_for_and_what_is_not_used(place: Workplace, tmp_path: Path) -> None:
    cell = Cell(config(), tmp_path / "run")
    with pytest.raises(UnknownName, match="no hook is called 'tensorbord'"):
        complete(cell, Workplace(cache=place.cache, loggers=("tensorbord",)), Silent())
    with pytest.raises(UserError, match="head 'linear' is disabled by 'head:linear'"):
        complete(cell, Workplace(cache=place.cache, disabled=("head:linear",)), Silent())
    assert not cell.folder.exists()


def test_a_workplace_comes_from_the_environment_once_and_travels_as_text(tmp_path: Path) -> None:
    told = {
        "QPLUG_CACHE": str(tmp_path / "c"), "QPLUG_DATA": str(tmp_path / "d"), "QPLUG_WORKERS": "3",
        "QPLUG_LOGGERS": "tensorboard, mlflow", "QPLUG_DISABLE": "qplug-foo",
    }  # fmt: skip
    found = Workplace.from_environment(told).with_data_dir(tmp_path / "own")
    assert (found.cache, found.data, found.data_dir) == (tmp_path / "c", tmp_path / "d", tmp_path / "own")
    assert (found.workers, found.threads) == (3, 3)
    assert (found.loggers, found.disabled) == (("tensorboard", "mlflow"), ("qplug-foo",))
    assert Workplace.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert os.environ.get("QPLUG_WORKERS") != "3"


# Hooks


class Diary:
    """Made once per run; keeps what it is told where all can see it."""

    told: list[tuple[int, str]] = []  # noqa: RUF012
    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.number = self.made

    @hookimpl
    def run_started(self, run: RunInfo) -> None:
        self.told.append((self.number, "started"))

    @hookimpl
    def epoch_ended(self, epoch: int) -> None:
        raise OSError("the diary is full")

    @hookimpl
    def run_ended(self, run: RunInfo) -> None:
        self.told.append((self.number, "ended"))

    @hookimpl
    def run_failed(self, reason: str) -> None:
        self.told.append((self.number, "failed"))


def test_each_run_has_hooks_of_its_own_that_hear_of_beginning_and_end_even_if_they_raise_between(
    site: Any, place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Diary, "told", [])
    monkeypatch.setattr(Diary, "made", 0)
    site.add("qplug-diary", {"qplug.hooks": {"diary": f"{__name__}:Diary"}})
    monkeypatch.setattr("qplug.catalogue.listing._verdicts", lambda *_, **__: {})  # no process to try it in
    complete(Cell(config(), tmp_path / "good"), place, Silent())
    first = Diary.told[:]

    class Late(Silent):
        def stage(self, text: str) -> None:
            if text == "judging on test":
                raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="stopped while judging on test"):
        complete(Cell(config(), tmp_path / "torn"), place, Late())
    begun = {number for number, _ in Diary.told}
    assert [what for _, what in first] == ["started", "ended"]
    assert [what for _, what in Diary.told] == ["started", "ended", "started", "failed"]
    assert len(begun) == 2


def test_who_was_not_told_of_an_end_when_telling_was_interrupted_is_told_of_the_failure(tmp_path: Path) -> None:
    told: list[str] = []

    class Plain:
        def __init__(self, name: str, *, stops: bool = False) -> None:
            self.name, self.stops = name, stops

        @hookimpl
        def run_ended(self) -> None:
            told.append(f"{self.name} ended")
            if self.stops:
                raise KeyboardInterrupt

        @hookimpl
        def run_failed(self) -> None:
            told.append(f"{self.name} failed")

    hooks = Hooks()
    for plugin in (Plain("a"), Plain("b", stops=True), Plain("c")):
        hooks.register(plugin, plugin.name)
    info = RunInfo(directory=tmp_path, config={}, dataset="chirps", head="mlp", backend="", seed=0)
    hooks.run_failed(info, "before the start")
    assert told == []
    hooks.run_started(info)
    with pytest.raises(KeyboardInterrupt):
        hooks.run_ended(info, {})
    hooks.run_failed(info, "stopped")
    assert told == ["a ended", "b ended", "c failed"]
