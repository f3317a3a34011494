"""Small files in the official layouts of data sets, and the way to real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def write_sound() -> Callable[..., Path]:
    """``write_sound(path, seconds=0.3, rate=8000, channels=1, subtype=None, seed=0)`` writes a noisy tone."""

    def write(
        path: Path,
        *,
        seconds: float = 0.3,
        rate: int = 8000,
        channels: int = 1,
        subtype: str | None = None,
        seed: int = 0,
    ) -> Path:
        generator = np.random.default_rng(seed)
        time = np.arange(round(seconds * rate)) / rate
        tone = 0.3 * np.sin(2 * np.pi * generator.uniform(200, 1500) * time)
        waveform = tone[:, None] + generator.normal(0, 0.02, (len(time), channels))
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, waveform, rate, subtype=subtype)
        return path

    return write


@pytest.fixture
def fsdd_folder(tmp_path: Path, write_sound: Callable[..., Path]) -> Path:
    """Ten digits, three speakers, recordings 0 to 6 of each: 210 files in the official layout of FSDD."""
    folder = tmp_path / "fsdd"
    names = [
        f"{digit}_{speaker}_{index}.wav"
        for digit in range(10)
        for speaker in ("ada", "bob", "cy")
        for index in range(7)
    ]
    for seed, name in enumerate(names):
        write_sound(folder / "recordings" / name, seconds=0.1, seed=seed)
    return folder
