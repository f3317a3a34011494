"""Small files in the official layouts of data sets, and the way to real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch on one thread, as where many small things are computed one after the other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
