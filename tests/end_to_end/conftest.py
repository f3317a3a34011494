"""The command line as people use it, and small data sets in their official layout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Qplug = Callable[..., subprocess.CompletedProcess[str]]
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all runs of a session, as on a user's machine."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def qplug(tmp_path: Path, cache: Path, forking: Callable[..., subprocess.CompletedProcess[str]]) -> Qplug:
    """Runs the command in an empty folder and checks its exit code; nobody ever sees a traceback.

    ``fresh``: in a process that starts from nothing; else in one that has imported all modules before.
    """

    def call(*words: object, code: int = 0, fresh: bool = False) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"QPLUG_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
        if fresh:
            command = [sys.executable, "-m", "qplug_cli", *map(str, words)]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240
            )
        else:
            done = forking(words, tmp_path, environment)
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return call


@pytest.fixture(scope="session")
def tiny_fsdd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 generated tones in the layout of the Free Spoken Digit Dataset: each digit a pitch, each speaker a timbre."""
    folder = tmp_path_factory.mktemp("tiny-fsdd")
    (folder / "recordings").mkdir()
    noise = np.random.default_rng(0)
    time = np.arange(2400) / 8000
    for digit in range(10):
        for number, speaker in enumerate(SPEAKERS):
            for index in (0, 7):
                tone = np.sin(2 * np.pi * (300 + 300 * digit) * time) + 0.1 * number * np.sin(2 * np.pi * 440 * time)
                wave = 0.3 * tone + 0.02 * noise.standard_normal(time.size)
                soundfile.write(folder / "recordings" / f"{digit}_{speaker}_{index}.wav", wave, 8000, subtype="PCM_16")
    return folder


@pytest.fixture(scope="session")
def real_fsdd() -> Path:
    """The complete Free Spoken Digit Dataset, where somebody has it."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("QPLUG_TEST_DATA", beside)) / "fsdd"
    if not folder.is_dir():
        pytest.skip("needs the Free Spoken Digit Dataset in the folder that QPLUG_TEST_DATA names")
    return folder


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed somebody else's plugin package; put it on ``PYTHONPATH``.

    The package in ``stranger/`` brings the data set ``tones``, the head ``cosine`` and the hook plugin ``diary``.
    """
    home = tmp_path_factory.mktemp("stranger")
    source = shutil.copytree(Path(__file__).parent / "stranger", home / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--no-build-isolation", "--target", str(home / "installed"), str(source)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return home / "installed"
