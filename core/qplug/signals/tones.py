"""Synthetic recordings, for the examples that data sets make for smoke runs and tests."""

from __future__ import annotations

from pathlib import Path

_HARMONICS = (1.0, 0.5, 0.25)


def write_tone(path: Path, *, label: int, seconds: float, rate: int, seed: int) -> None:
    """Writes a noisy harmonic tone whose pitch tells the label apart: 200 Hz times 1.25 to its power, ± 3 %.

    Args:
        path: file to write; missing folders are made.
        label: a class number from 0.
        seconds: its length.
        rate: its sample rate, Hz.
        seed: with the label, decides pitch and noise.
    """
    import numpy as np
    import soundfile

    generator = np.random.default_rng([seed, label])
    pitch = 200 * 1.25**label * generator.uniform(0.97, 1.03)
    time = np.arange(round(seconds * rate)) / rate
    tone = sum(size * np.sin(2 * np.pi * pitch * (n + 1) * time) for n, size in enumerate(_HARMONICS))
    waveform = 0.25 * tone + generator.normal(0, 0.02, time.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform, rate, subtype="PCM_16")
