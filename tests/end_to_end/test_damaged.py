"""Damaged input of many kinds: one error that names all of it with the cure, or a run that says what it left out.

What can be used is used: eight bits, seven channels and any rate are no damage. The runs are driven through the
library; how the command line tells the same is in ``test_mistakes``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from qplug.contract.errors import DataError
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug.lab.runner.workplace import Workplace
from qplug_audio.urbansound8k import UrbanSound8K

RATE = 16_000
QUICK = {
    "features": {"name": "mel", "n_mels": 8, "duration": 0.4},
    "backbone": {"name": "cnn3", "channels": "2,2,4", "n_features": 4},
    "head": {"name": "linear"},
    "training": {"epochs": 1},
}


def tone(seed: int, rate: int = RATE, channels: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed)
    time = np.arange(int(0.4 * rate)) / rate
    wave = 0.4 * np.sin(2 * np.pi * (300 if seed % 2 else 1500) * time) + noise.normal(0, 0.05, time.size)
    return np.repeat(wave[:, None], channels, axis=1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Forty recordings in two class folders."""
    for number in range(40):
        path = tmp_path / "sounds" / ("high", "low")[number % 2] / f"{number:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(number), RATE, subtype="PCM_16")
    return tmp_path / "sounds"


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    UrbanSound8K().write_example(tmp_path / "urbansound8k")
    return tmp_path / "urbansound8k"


def run(folder: Path, dataset: str = "folder", **options: Any) -> dict[str, Any]:
    place = replace(Workplace.from_environment(), figures=False)
    layer = {"dataset": {"name": dataset}, "data_dir": folder, **QUICK, **options}
    return run_once([layer], folder.parent, Silent(), workplace=place)


def counted(summary: dict[str, Any]) -> int:
    return sum(summary[f"n_{part}"] for part in ("train", "validation", "test"))


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def truncated_flac(path: Path) -> None:
    wave, rate = soundfile.read(path)
    path.unlink()
    flac = path.with_suffix(".flac")
    soundfile.write(flac, wave, rate)
    flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def only_a_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def no_samples(path: Path) -> None:
    soundfile.write(path, np.zeros((0, 1)), RATE)


def not_a_number(path: Path) -> None:
    wave = tone(1)
    wave[100] = np.nan
    soundfile.write(path, wave, RATE, subtype="FLOAT")


def infinite(path: Path) -> None:
    wave = tone(1)
    wave[7] = np.inf
    soundfile.write(path, wave, RATE, subtype="FLOAT")


def a_picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))


def a_text(path: Path) -> None:
    path.write_text("<html>404 Not Found</html>")


def a_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.wav")


UNUSABLE: dict[Callable[[Path], None], str] = {
    truncated: "cut short, its header promises 12800 bytes of sound and 6378 are there",
    truncated_flac: r"cut short, \d+ of 6400 frames can be read|cannot be decoded",
    empty: r"the file is empty \(0 bytes\)",
    only_a_header: "cannot be decoded",
    no_samples: "holds no samples",
    not_a_number: r"not finite \(NaN or infinity\)",
    infinite: r"not finite \(NaN or infinity\)",
    a_picture: "cannot be decoded",
    a_text: "holds text, not a recording",
}


@pytest.fixture
def damaged(sounds: Path) -> Path:
    """One file of each unusable kind."""
    for number, damage in enumerate(UNUSABLE):
        damage(sounds / ("high", "low")[number % 2] / f"{number:02d}.wav")
    return sounds


def test_one_error_tells_how_many_and_which_and_what_to_do(damaged: Path) -> None:
    with pytest.raises(DataError) as caught:
        run(damaged)
    said = str(caught.value)
    assert f"folder: {len(UNUSABLE)} of 40 files cannot be used" in said
    for number in range(len(UNUSABLE)):
        assert f"/{number:02d}." in said
    assert said.endswith("Nothing was changed. To go on without them: --on-bad-file skip")
    assert not list(damaged.parent.glob("*-folder-linear-*"))


def test_the_others_make_a_run_that_says_what_it_left_out(damaged: Path) -> None:
    summary = run(damaged, on_bad_file="skip")
    assert counted(summary) == 40 - len(UNUSABLE)
    (warning,) = [text for text in summary["warnings"] if "skipped" in text]
    assert warning.startswith(f"{len(UNUSABLE)} of 40 samples were skipped: high/00.wav (cut short, its header")
    assert warning.endswith(f", and {len(UNUSABLE) - 5} more, see split.json")
    skipped = json.loads((Path(summary["run"]) / "split.json").read_text())["skipped"]
    assert {name.rpartition("/")[2][:2] for name in skipped} == {f"{number:02d}" for number in range(len(UNUSABLE))}
    for (damage, reason), name in zip(
        UNUSABLE.items(), sorted(skipped, key=lambda name: name.rpartition("/")[2]), strict=True
    ):
        assert re.search(reason, skipped[name]), damage


@pytest.mark.parametrize("damage", UNUSABLE, ids=lambda damage: damage.__name__)
def test_each_kind_is_told_with_its_reason(sounds: Path, damage: Callable[[Path], None]) -> None:
    damage(sounds / "low" / "09.wav")
    with pytest.raises(DataError, match=rf"1 of 40 files cannot be used \(low/09\.(wav|flac): .*({UNUSABLE[damage]})"):
        run(sounds)


def test_a_link_to_nowhere_is_told_like_a_missing_file(sounds: Path) -> None:
    a_dangling_link(sounds / "low" / "09.wav")
    with pytest.raises(DataError, match=r"1 of 40 files cannot be used \(low/09\.wav: no such file or directory\)"):
        run(sounds)


def test_where_nothing_is_left_no_way_on_is_promised(sounds: Path) -> None:
    for path in sounds.glob("*/*.wav"):
        empty(path)
    with pytest.raises(DataError, match=r"40 of 40 files cannot be used .* and 28 more\)\. .*No sample is left"):
        run(sounds, on_bad_file="skip")


def test_what_is_unusual_but_whole_just_works(sounds: Path) -> None:
    soundfile.write(sounds / "high" / "00.wav", tone(0), RATE, subtype="PCM_U8")
    soundfile.write(sounds / "high" / "02.wav", tone(2, rate=96_000), 96_000, subtype="PCM_24")
    soundfile.write(sounds / "high" / "04.wav", tone(4, channels=7), RATE, subtype="PCM_16")
    soundfile.write(sounds / "high" / "06.wav", tone(6)[:3], RATE, subtype="PCM_16")  # three samples
    soundfile.write(sounds / "high" / "08.wav", 0 * tone(8), RATE, subtype="PCM_16")  # digital silence
    soundfile.write(sounds / "low" / "01.wav", tone(1), RATE, subtype="DOUBLE")
    soundfile.write(sounds / "low" / "03.wav", tone(3), RATE, subtype="PCM_16", format="AIFF")  # another format inside
    summary = run(sounds)
    assert counted(summary) == 40
    assert not [text for text in summary["warnings"] if "skipped" in text]


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="file names there are always text")
def test_a_name_that_is_no_text_is_shown_and_can_be_skipped(sounds: Path) -> None:
    name = os.fsencode(sounds / "low") + b"/br\xfcllen.wav"
    try:
        shutil.copy(os.fsencode(sounds / "low" / "01.wav"), name)
    except OSError:
        pytest.skip("this file system takes valid names only")
    with pytest.raises(DataError, match=r"1 of 41 files .*\(low/br\\udcfcllen\.wav: its name is not valid UTF-8\)"):
        run(sounds)
    summary = run(sounds, on_bad_file="skip")
    assert counted(summary) == 40
    assert r"1 of 41 samples was skipped: low/br\udcfcllen.wav" in " ".join(summary["warnings"])


def test_a_row_without_its_file_is_told_and_can_be_skipped(slices: Path) -> None:
    gone = sorted((slices / "audio" / "fold2").glob("*.wav"))[:2]
    for path in gone:
        path.unlink()
    with pytest.raises(DataError, match=rf"2 of 200 files cannot be used \(audio/fold2/{gone[0].name}: no such file"):
        run(slices, "urbansound8k")
    summary = run(slices, "urbansound8k", on_bad_file="skip")
    assert counted(summary) == 198
    assert any(text.startswith("2 of 200 samples were skipped") for text in summary["warnings"])


def test_files_without_a_row_and_all_other_faults_are_one_error_and_can_be_skipped(slices: Path) -> None:
    for name in ("999-0-0-0.wav", "998-0-0-0.wav"):
        soundfile.write(slices / "audio" / "fold4" / name, tone(1), RATE)
    gone, damaged = sorted((slices / "audio" / "fold2").glob("*.wav"))[:2]
    gone.unlink()
    empty(damaged)
    table = slices / "metadata" / "UrbanSound8K.csv"
    table.write_text(table.read_text() + "997-0-0-0.wav,997,0.0,1.0,1,eleven,0,air_conditioner\n")
    with pytest.raises(DataError) as caught:
        run(slices, "urbansound8k")
    faults = {
        f"audio/fold2/{gone.name}": "no such file or directory",
        f"audio/fold2/{damaged.name}": "the file is empty (0 bytes)",
        "UrbanSound8K.csv, line 202": "fold, start and end must be numbers",
        "audio/fold4/998-0-0-0.wav": "no row for fold4 in UrbanSound8K.csv",
        "audio/fold4/999-0-0-0.wav": "no row for fold4 in UrbanSound8K.csv",
    }
    listed = ", ".join(f"{name}: {reason}" for name, reason in faults.items())
    assert f"urbansound8k: 5 of 203 files cannot be used ({listed})." in str(caught.value)

    summary = run(slices, "urbansound8k", on_bad_file="skip")
    assert counted(summary) == 198
    assert any(text.startswith("5 of 203 samples were skipped") for text in summary["warnings"])
    skipped = json.loads((Path(summary["run"]) / "split.json").read_text())["skipped"]
    assert list(skipped.values()) == list(faults.values())
    assert skipped["audio/fold4/999-0-0-0.wav"] == "no row for fold4 in UrbanSound8K.csv"


@pytest.mark.parametrize("column", ["fold", "class"])
def test_a_table_without_a_column_is_refused_with_those_it_has(slices: Path, column: str) -> None:
    table = slices / "metadata" / "UrbanSound8K.csv"
    table.write_text(re.sub(rf"\b{column}\b", "other", table.read_text().partition("\n")[0], count=1) + "\n")
    with pytest.raises(DataError, match=rf"UrbanSound8K\.csv has no column {column}; it has slice_file_name"):
        run(slices, "urbansound8k")


def test_a_table_in_another_encoding_is_refused(slices: Path) -> None:
    table = slices / "metadata" / "UrbanSound8K.csv"
    table.write_bytes(table.read_bytes().replace(b"slice_file_name", b"slice_f\xfcle_name"))
    with pytest.raises(DataError, match=r"UrbanSound8K\.csv is no CSV in UTF-8 \(.*invalid start byte\)"):
        run(slices, "urbansound8k")
