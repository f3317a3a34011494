"""New files for a finished run: folders, and recordings that are longer than what is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Audio
from qplug.lab.runner.loaded import usable_features
from qplug.lab.runner.new_files import Reader, files_of
from qplug_audio.raw import Raw

Write = Callable[..., Path]


def test_a_folder_stands_for_its_recordings_in_order(tmp_path: Path, write_sound: Write) -> None:
    inside = [write_sound(tmp_path / "new" / name) for name in ("a.wav", "b/a.flac", "b/c.WAV")]
    (tmp_path / "new" / "notes.txt").write_text("no recording")
    (tmp_path / "new" / "._a.wav").write_text("litter")
    other = tmp_path / "z.wav"
    assert files_of([other, tmp_path / "new"], "audio") == [other, *inside]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "picture.png").touch()
    with pytest.raises(DataError, match=rf"{tmp_path} holds no recording\. .*\.wav"):
        files_of([tmp_path], "audio")


@pytest.mark.parametrize(("rate", "suffix"), [(8000, "wav"), (16_000, "flac")])
def test_a_recording_that_was_cropped_is_named(tmp_path: Path, write_sound: Write, rate: int, suffix: str) -> None:
    files = [
        write_sound(tmp_path / f"{name}.{suffix}", seconds=s, rate=rate) for name, s in (("long", 1.2), ("short", 0.5))
    ]
    told: list[str] = []
    found = usable_features(Raw(rate=8000, duration=0.5), files, cropped=told.append)
    assert len(found) == 2
    assert told == [
        f"cropped: features.duration keeps 0.5 s of a recording, and 1 is longer: {tmp_path / 'long'}.{suffix} (1.2 s)"
    ]


def test_cropped_recordings_are_counted_and_a_few_named() -> None:
    reader = Reader(Raw(rate=8000, duration=0.5))
    for number in range(5):
        reader.read(Audio(np.zeros((1, 8000), np.float32), 8000), f"audio {number}")
    told: list[str] = []
    reader.tell(told.append)
    assert told[0].endswith("5 are longer: audio 0 (1 s), audio 1 (1 s), audio 2 (1 s), …")


def test_nothing_is_said_where_nothing_is_cropped(tmp_path: Path, write_sound: Write) -> None:
    told: list[str] = []
    usable_features(Raw(rate=8000, duration=0.5), [write_sound(tmp_path / "a.wav", seconds=0.5)], cropped=told.append)
    assert told == []
