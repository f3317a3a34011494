"""A run knows the code that it was made with."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from qplug.contract.errors import ConfigError, DataError, Interrupted, NotInstalled, UnknownName
from qplug.lab.config.layers import from_assignments, from_file
from qplug.lab.data.code import code_hash
from qplug.lab.runner.code import beside, warn_of_changed_code
from qplug.lab.runner.loaded import load_run
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import resume_run, run_once
from qplug.lab.runs.directory import RunDirectory
from qplug_cli.commands.run import run as run_command

from .places import without_figures


class Hasty(Silent):
    """Keeps warnings, and presses Ctrl-C after some epochs or before anything is computed."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def stage(self, text: str) -> None:
        if self.epochs == 0:
            raise KeyboardInterrupt

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        if epoch == self.epochs:
            raise KeyboardInterrupt


def layers() -> list[dict[str, Any]]:
    few = ["dataset.n_samples=100", "backbone.channels=2,2,2", "backbone.n_features=4", "training.epochs=2"]
    return [from_assignments(few), {"dataset": {"name": "chirps"}, "head": {"name": "turned"}}]


@pytest.mark.parametrize(
    ("package", "version", "told_as"),
    [
        ("qplug-turned", "1.0", "head 'turned' of package qplug-turned 1.0"),
        ("turns.py", "", "head 'turned' of turns.py"),
    ],
)
def test_changed_code_is_refused_on_resume_and_told_ever_after(  # type: ignore[no-untyped-def]
    package: str, version: str, told_as: str, site, head_source, tmp_path: Path, caplog, monkeypatch
) -> None:
    linear = "import torch; return torch.nn.Linear(n_inputs, n_classes)"
    original = head_source.replace("raise NotImplementedError", linear)
    if version:
        site.add_head("turned", original)
        module = site.folder / "turned_plugin.py"
    else:
        module = site.folder / package
        module.write_text(original := original.replace("class Part", "class Turned"))
        monkeypatch.setenv("QPLUG_PLUGINS", str(module))
    with pytest.raises(Interrupted):
        run_once(layers(), tmp_path / "runs", Hasty(1))
    (run,) = (tmp_path / "runs").iterdir()
    record = json.loads((run / "environment.json").read_text())["code"]
    assert set(record) == {"dataset", "features", "backbone", "reducer-1", "head-1"}
    assert {key: record["head-1"][key] for key in ("kind", "name", "package", "version")} == {
        "kind": "head", "name": "turned", "package": package, "version": version,
    }  # fmt: skip
    assert str(tmp_path) not in (run / "run.toml").read_text() + (run / "environment.json").read_text()

    module.write_text(original + "\n# y became -y\n")
    with pytest.raises(
        ConfigError, match=f"{run} cannot go on, because code has changed since it was started: {told_as}\\."
    ):
        resume_run(run, Silent())

    module.write_text(original)
    unchanged = Hasty(3)
    resume_run(run, unchanged, workplace=without_figures())
    load_run(run, reporter=unchanged)
    assert unchanged.warnings == []

    module.write_text(original + "\n# y became -y\n")
    told = f"the code of {told_as} is not the code that {run} was made with; its numbers may differ."
    load_run(run)
    assert told in caplog.text
    predicting, repeating = Hasty(3), Hasty(0)
    load_run(run, reporter=predicting)
    assert predicting.warnings == [told]
    with pytest.raises(Interrupted, match=f"{tmp_path / 'again'}.* is removed"):
        run_once([from_file(run / "run.toml")], tmp_path / "again", repeating, repeated=beside(run / "run.toml"))
    assert repeating.warnings == [told]


def described(kind: str, name: str, package: str, version: str) -> dict[str, str]:
    return {"kind": kind, "name": name, "package": package, "version": version, "sha256": "0" * 64}


def run_of(folder: Path, dataset: str, brought_by: tuple[str, str] = ("qplug-spun", "0.3")) -> Path:
    """What a run leaves that is killed before it trains."""
    folder.mkdir()
    (folder / "run.toml").write_text(f'dataset = {{ name = "{dataset}" }}\nhead = {{ name = "spun" }}\n')
    code = {
        "dataset": described("dataset", "esc-99", "qplug-esc", "2.1"),
        "head-1": described("head", "spun", *brought_by),
        "reducer-1": described("reducer", "identity", "qplug", "0.1"),
    }
    (folder / "environment.json").write_text(json.dumps({"code": code}))
    return folder


@pytest.mark.parametrize("key", ["kind", "name", "package", "version", "sha256"])
def test_code_that_is_recorded_in_part_is_damage(key: str, tmp_path: Path) -> None:
    whole = {"kind": "head", "name": "linear", "package": "qplug", "version": "1", "sha256": "a"}
    part = {place: about for place, about in whole.items() if place != key}
    (tmp_path / "environment.json").write_text(json.dumps({"qplug": "1", "code": {"head": part}}))
    with pytest.raises(DataError, match=rf"environment\.json is damaged: it lacks head\.{key}"):
        warn_of_changed_code(RunDirectory(tmp_path), {"head": whole | {"sha256": "b"}}, print)


def test_all_changes_of_code_are_told_in_one_warning(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", "esc-99")
    now = json.loads((run / "environment.json").read_text())["code"]
    for place in ("dataset", "reducer-1"):
        now[place] = {**now[place], "sha256": "1" * 64}
    told: list[str] = []
    warn_of_changed_code(RunDirectory(run), now, told.append)
    changed = "dataset 'esc-99' of package qplug-esc 2.1, reducer 'identity' of package qplug 0.1"
    assert told == [f"the code of {changed} is not the code that {run} was made with; its numbers may differ."]


USES = {
    "resume": lambda run: resume_run(run, Silent()),
    "predict": load_run,
    "repeat": lambda run: run_command(config=run / "run.toml", dry_run=True),
}


@pytest.mark.parametrize("use", USES)
def test_what_a_run_was_made_with_is_named_when_it_is_gone(use: str, tmp_path: Path) -> None:
    told = (
        r"not installed here: dataset 'esc-99' of qplug-esc 2\.1, head 'spun' of qplug-spun 0\.3\. "
        r"Install it with: pip install 'qplug-esc==2\.1' 'qplug-spun==0\.3'"
    )
    with pytest.raises(NotInstalled, match=told):
        USES[use](run_of(tmp_path / "run", "esc-99"))


def test_the_file_that_is_gone_is_asked_for(tmp_path: Path) -> None:
    told = r"not here: .*head 'spun' of spins\.py\. Give the file that it stands in with: --plugin spins\.py\. Install "
    with pytest.raises(NotInstalled, match=told):
        load_run(run_of(tmp_path / "run", "esc-99", ("spins.py", "")))


def test_a_name_that_no_run_knows_is_told_as_ever(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('dataset = { name = "chirp" }\n')
    with pytest.raises(UnknownName, match=r"no dataset is called 'chirp'\. Did you mean 'chirps'"):
        run_command(config=tmp_path / "run.toml", dry_run=True)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a part in a sub-package, a helper beside it, and a base class in another package."""
    files = {
        "coded_base/__init__.py": "",
        "coded_base/inner.py": "class Base: ...",
        "coded/__init__.py": "",
        "coded/helper.py": "X = 1",
        "coded/heads/__init__.py": "",
        "coded/heads/deep/__init__.py": "",
        "coded/heads/deep/kernel.py": "Y = 1",
        "coded/heads/part.py": "from coded_base.inner import Base\nclass Part(Base, Exception): ...",
    }
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("coded", "coded_base")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


@pytest.mark.parametrize(
    "changed", ["coded/heads/part.py", "coded/heads/deep/kernel.py", "coded/helper.py", "coded_base/inner.py"]
)
def test_the_code_of_a_part_is_its_package_and_that_of_its_base_classes(package: Path, changed: str) -> None:
    part = importlib.import_module("coded.heads.part").Part()
    before = code_hash(part)
    assert code_hash(part) == before
    (package / changed).write_text((package / changed).read_text() + "\n# changed")
    assert code_hash(part) != before


SET_OF_A_STRANGER = """
import numpy as np
from qplug import Dataset, DatasetCapabilities, Image, Sample, SplitRule


class Part(Dataset):
    summary = "bright and dark squares"
    capabilities = DatasetCapabilities(interface=1, modality="image", needs_folder=False, synthetic=True)
    classes = ("dark", "bright")
    splits = {"random": SplitRule(description="drawn", test="random", official=False)}
    defaults = {"features": "pixels"}

    def samples(self, folder):
        return [Sample(id=str(n), label=self.classes[n % 2], group=str(n)) for n in range(60)]

    def load(self, sample):
        return Image(np.full((1, 8, 8), int(sample.id) / 60 * 0.4 + 0.5 * (sample.label == "bright"), np.float32))
"""


def test_a_classifier_needs_no_data_set(site, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    entries = {"qplug.datasets": {"squares": "squares_plugin:Part"}}
    site.add("qplug-squares", entries, {"squares_plugin": SET_OF_A_STRANGER})
    small = from_assignments(["backbone.channels=2,2,2", "backbone.n_features=4", "training.epochs=1"])
    named = {"dataset": {"name": "squares"}, "head": {"name": "linear"}}
    run = Path(run_once([small, named], tmp_path / "runs", Silent(), workplace=without_figures())["run"])
    picture = tmp_path / "new.png"
    Image.new("L", (8, 8), 200).save(picture)
    before = load_run(run).predict([picture])
    shutil.rmtree(site.folder / "qplug_squares-1.0.dist-info")
    (site.folder / "squares_plugin.py").unlink()
    assert load_run(run).predict([picture]) == before
    assert set(before[0]["probabilities"]) == {"dark", "bright"}
    with pytest.raises(NotInstalled, match=r"dataset 'squares' of qplug-squares 1\.0\. .*'qplug-squares==1\.0'"):
        run_command(config=run / "run.toml", dry_run=True)
