"""Small recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def write_sound() -> Callable[..., Path]:
    """``write_sound(path, seconds=0.3, rate=8000, channels=1, subtype=None, format=None)`` writes a noisy tone."""

    def write(
        path: Path,
        *,
        seconds: float = 0.3,
        rate: int = 8000,
        channels: int = 1,
        subtype: str | None = None,
        format: str | None = None,
    ) -> Path:
        generator = np.random.default_rng(0)
        time = np.arange(round(seconds * rate)) / rate
        tone = 0.3 * np.sin(2 * np.pi * generator.uniform(200, 1500) * time)
        waveform = tone[:, None] + generator.normal(0, 0.02, (len(time), channels))
        soundfile.write(path, waveform, rate, subtype=subtype, format=format)
        return path

    return write
