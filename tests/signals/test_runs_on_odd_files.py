"""What a run and an audit say of files that hold nothing, too much, or what is no sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import soundfile

from qplug.contract.errors import DataError
from qplug.lab.audit.audit import audit
from qplug.lab.config.resolve import resolve
from qplug.lab.runner.examine import examine
from qplug.lab.runner.prepare import Prepared, prepare
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug_folder.folder import Folder

RATE = 8000
SMALL: dict[str, Any] = {
    "backbone": {"name": "identity"},
    "reducer": {"name": "pca", "n_outputs": 2},
    "head": {"name": "linear"},
    "training": {"epochs": 1},
}
MEL = {"name": "mel", "n_mels": 8, "duration": 0.2}


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty short recordings of two classes."""
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    noise = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "sounds" / ("high", "low")[number % 2] / f"{number:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        wave = 0.3 * np.sin(np.arange(1600) * (0.1, 0.5)[number % 2]) + noise.normal(0, 0.05, 1600)
        soundfile.write(path, wave, RATE, subtype="PCM_16")
    return tmp_path / "sounds"


def prepared(folder: Path, features: dict[str, Any] = MEL, **options: Any) -> Prepared:
    """A run's data, before anything is trained."""
    config = resolve([{"dataset": {"name": "folder"}, "data_dir": folder, "features": features, **SMALL} | options])
    return prepare(examine(config, Workplace.from_environment(), Silent()), Silent())


def absurd(path: Path) -> str:
    soundfile.write(path, np.full(1600, 1e30), RATE, subtype="FLOAT")
    return r"holds values up to 1e\+30, where full scale is 1"


def sparse(path: Path) -> str:
    """Two gigabytes of silence that take no room on the disk."""
    head = bytearray(path.read_bytes()[:44])
    head[40:44] = (2_000_000_000).to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(44 + 2_000_000_000)
    return "too large to be read at once: 34.7 h at 8000 Hz in 1 channel are 4.0 GB of samples"


@pytest.mark.parametrize("damage", [absurd, sparse])
def test_it_is_named_and_can_be_skipped(sounds: Path, damage: Callable[[Path], str]) -> None:
    reason = damage(sounds / "low" / "09.wav")
    with pytest.raises(DataError, match=rf"1 of 40 files cannot be used \(low/09\.wav: {reason}"):
        prepared(sounds)
    data = prepared(sounds, on_bad_file="skip")
    assert [entry.id for entry in data.features.skipped] == ["low/09.wav"]
    assert len(data.features.kept) == 39
    assert list(audit("folder", Folder(), sounds, workers=1).unreadable) == ["low/09.wav"]


def test_a_recording_whose_features_need_a_second_of_it_may_be_of_any_length(sounds: Path) -> None:
    sparse(sounds / "low" / "09.wav")
    assert "1 recording is silent (low/09.wav)" in prepared(sounds, MEL | {"rate": RATE}).warnings


@pytest.mark.parametrize("features", [MEL, {"name": "raw", "duration": 0.2}, {"name": "mfcc", "duration": 0.2}])
def test_silent_recordings_are_warned_of_when_their_features_are_cached_too(
    sounds: Path, features: dict[str, Any]
) -> None:
    assert not [text for text in prepared(sounds, features).warnings if "silent" in text]
    soundfile.write(sounds / "high" / "04.wav", np.zeros((500, 2)), 44_100)
    soundfile.write(sounds / "low" / "11.wav", np.zeros(4000), 16_000)
    for _ in range(2):
        assert "2 recordings are silent (high/04.wav, low/11.wav)" in prepared(sounds, features).warnings


def test_black_images_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))
    noise = np.random.default_rng(0)
    for number in range(24):
        path = tmp_path / "pictures" / ("one", "two")[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = noise.integers(0, 255, (9, 9, 3), np.uint8) * (number != 7)
        PIL.Image.fromarray(pixels.astype(np.uint8)).save(path)
    layer = {
        "dataset": {"name": "folder", "modality": "image"},
        "data_dir": tmp_path / "pictures",
        "features": {"name": "pixels", "size": 8},
    }
    place = replace(Workplace.from_environment(), figures=False)
    summary = run_once([layer | SMALL], tmp_path, Silent(), workplace=place)
    assert "1 image is black (two/07.png)" in summary["warnings"]
