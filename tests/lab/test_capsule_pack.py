"""Capsules: one file of finished work, without data, secrets and folders, in which every change is named."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qplug.contract.errors import DataError, UserError
from qplug.lab.capsule.cleaning import cleaned, refuse_secrets
from qplug.lab.capsule.manifest import MANIFEST, SEAL
from qplug.lab.capsule.pack import pack
from qplug.lab.capsule.replay import replay_capsule
from qplug.lab.comparison.grid import Arm, Grid
from qplug.lab.comparison.sets import run_set
from qplug.lab.runner.asked import Asked
from qplug.lab.runner.evaluate import evaluate
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.digests import digest

from .places import without_figures
from .report_runs import finished_run

FITTED: dict[str, Any] = {
    "dataset": {"name": "chirps", "n_samples": 100}, "backbone": {"name": "identity"},
    "reducer": {"name": "pca", "n_outputs": 2}, "head": {"name": "logistic"}, "split": "recording",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A set of two quick runs, one of them judged again."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QPLUG_CACHE", str(folder / "cache"))
        place = without_figures()
        made = Path(run_set(Grid([Arm("", [FITTED])], seeds=(1, 2)), folder / "runs", Silent(), workplace=place)["set"])
        evaluate(next((made / "cells").iterdir()), Asked(), Silent(), workplace=place)
        yield made


@pytest.fixture(scope="module")
def alone(whole: Path) -> Path:
    return next(run for run in sorted((whole / "cells").iterdir()) if (run / "evaluations").is_dir())


def contents(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(file: Path, changed: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in changed.items():
            archive.writestr(name, content)
    return file


def test_a_capsule_of_each_kind_holds_and_has_the_same_bytes_again(whole: Path, alone: Path, tmp_path: Path) -> None:
    for number, folder in enumerate((whole, alone)):
        first, second = (pack(folder, tmp_path / f"{number}{again}.zip") for again in "ab")
        assert first.file.read_bytes() == second.file.read_bytes()
        found = replay_capsule(first.file)
        assert found.faults == []
        assert found.what == f"capsule of a {('set', 'run')[number]}"
        assert {check.file for check in found.checks} >= set(first.manifest.members)
        assert not any("checkpoints" in name for name in first.manifest.members)


def one_digit_changed(content: bytes) -> bytes:
    """The last digit of a text, or a bit in the middle of anything else, is another."""
    places = [found.start() for found in re.finditer(rb"\d", content)]
    at = places[-1] if places and content.isascii() else len(content) // 2
    digit = content[at : at + 1]
    other = str((int(digit) + 1) % 10).encode() if digit.isdigit() else bytes([content[at] ^ 1])
    return content[:at] + other + content[at + 1 :]


def test_a_changed_digit_in_any_file_of_a_capsule_is_named(alone: Path, tmp_path: Path) -> None:
    file = pack(alone, tmp_path / "a.zip").file
    before = contents(file)
    assert len(before) > 10
    for name in before:
        changed = rewritten(tmp_path / "b.zip", before | {name: one_digit_changed(before[name])})
        try:
            named = " ".join(fault.file for fault in replay_capsule(changed).faults)
        except DataError as error:
            named = str(error)
        assert name.removeprefix("content/") in named, name


def test_a_file_too_many_or_too_few_is_named(alone: Path, tmp_path: Path) -> None:
    file = pack(alone, tmp_path / "a.zip").file
    before = contents(file)
    without = {name: content for name, content in before.items() if name != "content/history.csv"}
    del without["content/predictions.csv"]
    faults = replay_capsule(rewritten(tmp_path / "b.zip", without)).faults
    assert ("predictions.csv", "SHA-256 in the capsule") in {(fault.file, fault.number) for fault in faults}
    more = rewritten(tmp_path / "c.zip", before | {"content/circuit.png": b"x"})
    (fault,) = replay_capsule(more).faults
    assert (fault.file, fault.derived) == ("circuit.png", f"{MANIFEST} does not know this file")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../evil.txt", r"b\.zip holds '\.\./evil\.txt', which no capsule holds"),
        ("content/../../record.json", r"holds 'content/\.\./\.\./record\.json'"),
        ("/tmp/evil.txt", "holds '/tmp/evil.txt'"),
        ("content/notes.txt", "holds 'content/notes.txt'"),
        ("content/evaluations/../x/record.json", r"b\.zip holds the path .*|which no capsule holds"),
    ],
)
def test_a_path_that_no_capsule_holds_is_refused(alone: Path, tmp_path: Path, name: str, told: str) -> None:
    before = contents(pack(alone, tmp_path / "a.zip").file)
    there = set(tmp_path.rglob("*"))
    evil = rewritten(tmp_path / "b.zip", before | {name: b"x"})
    with pytest.raises(DataError, match=told):
        replay_capsule(evil)
    assert set(tmp_path.rglob("*")) == there | {evil}


def test_what_is_no_capsule_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    other.write_bytes(b"no archive")
    with pytest.raises(DataError, match=f"{other} is no capsule"):
        replay_capsule(other)
    with pytest.raises(DataError, match=r"other\.zip is no capsule: it holds no manifest\.json"):
        replay_capsule(rewritten(other, {"content/record.json": b"{}"}))


def test_a_manifest_of_a_newer_version_is_refused_by_both_versions(alone: Path, tmp_path: Path) -> None:
    before = contents(pack(alone, tmp_path / "a.zip").file)
    told = json.loads(before[MANIFEST]) | {"version": 2}
    content = json.dumps(told).encode()
    newer = rewritten(tmp_path / "b.zip", before | {MANIFEST: content, SEAL: digest(content).encode()})
    with pytest.raises(DataError, match=r"version 2 of capsules.*reads up to version 1"):
        replay_capsule(newer)


@pytest.fixture
def copy(alone: Path, tmp_path: Path) -> Callable[[Mapping[str, tuple[str, str]]], Path]:
    """A copy of the run in which texts were written in another way, as the run itself would have written them."""

    def write(changes: Mapping[str, tuple[str, str]]) -> Path:
        folder = Path(shutil.copytree(alone, tmp_path / alone.name))
        digests = json.loads((folder / "digests.json").read_text())
        for name, (old, new) in changes.items():
            text = (folder / name).read_text()
            assert old in text
            (folder / name).write_text(text.replace(old, new, 1))
            digests[name] = digest((folder / name).read_bytes())
        (folder / "digests.json").write_text(json.dumps(digests))
        return folder

    return write


def test_folders_of_the_machine_are_left_out_and_it_is_said(
    copy: Callable[[Mapping[str, tuple[str, str]]], Path], tmp_path: Path
) -> None:
    where = "/srv/some body/speech data"
    folder = copy({
        "run.toml": ("seed = ", f'data_dir = "{where}"\nseed = '),
        "record.json": ('"configuration": {', f'"configuration": {{\n    "data_dir": "{where}",'),
    })  # fmt: skip
    (folder / "notes.txt").write_text("mine")
    (folder / "misclassified.png").write_bytes(b"data")
    (folder / "circuit.png").symlink_to(folder / "notes.txt")
    packed = pack(folder, tmp_path / "a.zip")
    assert {name: each.what for name, each in packed.manifest.replaced.items()} == {
        "run.toml": ("data_dir",), "record.json": ("data_dir",),
        "digests.json": ("digests of what was replaced or left out",),
    }  # fmt: skip
    assert packed.manifest.replaced["run.toml"].was == digest((folder / "run.toml").read_bytes())
    assert set(packed.manifest.left_out) >= {"notes.txt", "misclassified.png", "circuit.png"}
    assert all(b"some body" not in content and str(tmp_path).encode() not in content
               for content in contents(packed.file).values())  # fmt: skip
    assert replay_capsule(packed.file).faults == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"x": "/home/me/data/a.wav"}', '{"x": "LEFT-OUT"}'),
        ('x = "C:\\\\Users\\\\me\\\\data"', 'x = "LEFT-OUT"'),
        ('{"x": "in /home/me/data, and/or fold1/a.wav or / b"}', '{"x": "in LEFT-OUT, and/or fold1/a.wav or / b"}'),
        ('{"x": "https://zenodo.org/records/1"}', '{"x": "https://zenodo.org/records/1"}'),
        ('{"x": "https://me:pass@host/a/b?token=abc"}', '{"x": "https://***@host/a/b?token=***"}'),
        ("OPENQASM 3;\n// a/b\nry(0.5) q[0];\n", "OPENQASM 3;\n// a/b\nry(0.5) q[0];\n"),
    ],
)
def test_only_what_names_the_machine_is_replaced(text: str, kept: str) -> None:
    name = "circuit.qasm" if "QASM" in text else "a.toml" if " = " in text else "a.json"
    assert cleaned(name, text.encode(), ()).content.decode() == kept


def test_a_secret_in_a_file_refuses_all_of_it(
    copy: Callable[[Mapping[str, tuple[str, str]]], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy({"environment.json": ('"python": "', '"platform": "s3cr3t-t0ken-1", "python": "')})
    text = json.loads((folder / "environment.json").read_text())["python"]
    monkeypatch.setenv("SOME_SERVICE_TOKEN", f"{text}-not-there")
    content = (folder / "environment.json").read_bytes()
    refuse_secrets("environment.json", content)
    with pytest.raises(UserError, match=r"environment\.json holds what the environment variable SOME_API_KEY holds"):
        refuse_secrets("environment.json", content, {"SOME_API_KEY": "s3cr3t-t0ken-1"})
    with pytest.raises(UserError, match=r"jobs\.jsonl holds what looks like the token of a request"):
        refuse_secrets("jobs.jsonl", b"Authorization: Bearer abcdefghijkl", {})
    packed = io.BytesIO()
    np.savez_compressed(packed, facts=np.frombuffer(b"s3cr3t-t0ken-1" * 9, np.uint8))
    with pytest.raises(UserError, match=r"x\.npz holds what the environment variable SOME_SECRET holds"):
        refuse_secrets("x.npz", packed.getvalue(), {"SOME_SECRET": "s3cr3t-t0ken-1"})
    assert not list(tmp_path.glob("*.zip"))


def test_what_does_not_hold_or_is_not_finished_is_not_packed(alone: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(alone, tmp_path / alone.name))
    text = (folder / "predictions.csv").read_text()
    (folder / "predictions.csv").write_text(text.replace("0.", "1.", 1))
    with pytest.raises(UserError, match=rf"{alone.name} is not packed, for .*\(predictions\.csv: SHA-256"):
        pack(folder)
    (folder / "record.json").unlink()
    with pytest.raises(UserError, match=f"{folder} is interrupted, so it cannot be packed"):
        pack(folder)
    with pytest.raises(UserError, match=r"there is no folder .*nowhere"):
        pack(tmp_path / "nowhere")
    with pytest.raises(UserError, match=f"{tmp_path} is a folder. Name a file"):
        pack(alone, tmp_path)
    assert not list(tmp_path.glob("*.zip"))


def test_a_run_whose_weights_lay_in_a_folder_is_packed_without_it(tmp_path: Path) -> None:
    packed = pack(finished_run(tmp_path / "runs"), tmp_path / "a.zip")
    assert not packed.manifest.settings_as_they_were
    assert b"somebody" not in contents(packed.file)["content/run.toml"]
    found = replay_capsule(packed.file)
    assert found.faults == []
    assert "the hash in the folder's name, since settings were left out" in found.not_derived


def test_with_the_data_the_answers_of_a_capsule_come_out_again(alone: Path, whole: Path, tmp_path: Path) -> None:
    from qplug.lab.capsule.again import checks_with_data

    place = Workplace.from_environment()

    def also(folder: Path) -> Any:
        return checks_with_data(folder, place, Silent())

    found = replay_capsule(pack(alone, tmp_path / "a.zip").file, also)
    assert found.faults == []
    assert "test: equal answers" in {check.number for check in found.checks}
    (fault,) = replay_capsule(pack(whole, tmp_path / "b.zip").file, also).faults
    assert "holds a set, which is not judged again with data" in str(fault.derived)
