"""What features cost: clips per second beside librosa, a cached start, and the indexing of a large folder.

    python tests/benchmarks/extraction.py
    python tests/benchmarks/extraction.py --json --clips 2000

Three measurements, each on generated recordings in a temporary folder:

* **extraction**: the same log-mel spectrograms of the same files, by a plain loop over ``librosa.load``,
  ``librosa.feature.melspectrogram`` and ``librosa.power_to_db``, by that loop held to one thread (matrices this small
  gain nothing from more, which then wait for one another), by qplug over all cores into its cache, and by qplug in this
  process alone. The numbers of both are compared.
* **cached start**: everything that a run does before it trains (indexing, split, features from the cache, check for
  copies, normalisation), for many clips, in a process that has imported what it needs.
* **indexing**: a folder of many files is listed as samples, in a process of its own. Memory is how much its greatest
  resident size grows by that, and that size; on Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from qplug import Dataset, FeatureExtractor, Sample, catalogue, parameters
from qplug.lab.config.resolve import resolve
from qplug.lab.data.cache import features
from qplug.lab.data.workers import one_thread
from qplug.lab.runner.examine import examine
from qplug.lab.runner.prepare import prepare
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.workplace import Workplace

RATE, FILE_RATE, SECONDS = 16_000, 22_050, 2.0
N_MELS, N_FFT, HOP = 64, 1024, 512


def main() -> int:
    """Measures, prints a Markdown table or JSON, and gives the exit code."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), n_clips=options.clips, n_cached=options.cached, n_files=options.files)
    print(json.dumps(found, indent=2) if options.json else markdown(found))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000, help="recordings whose features are extracted")
    parser.add_argument("--cached", type=int, default=10_000, help="recordings of the cached start")
    parser.add_argument("--files", type=int, default=100_000, help="files that are indexed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def measure(home: Path, *, n_clips: int, n_cached: int, n_files: int) -> dict[str, Any]:
    """All three measurements, with the machine they were taken on."""
    return {
        "machine": {"system": platform.system(), "cores": os.cpu_count(), "python": platform.python_version()},
        "extraction": _extraction(home / "clips", n_clips),
        "cached_start": _cached_start(home / "many", n_cached),
        "indexing": _indexing(home / "files", n_files),
    }


# Extraction


def _extraction(folder: Path, n_clips: int) -> dict[str, Any]:
    samples = _write_clips(folder, n_clips, seconds=SECONDS, rate=FILE_RATE)
    _by_librosa(samples[:3])  # imports and compilation are not what is measured
    seconds: dict[str, tuple[float, float]] = {}
    with _timed("librosa", seconds):
        reference = _by_librosa(samples)
    with one_thread(), _timed("librosa, one thread", seconds):
        _by_librosa(samples)
    dataset, mel = _dataset(), _mel()
    for name, workers in (("qplug", None), ("qplug, one process", 1)):
        with _timed(name, seconds):
            values = features(
                dataset, mel, samples, identity={}, title=name, cache=folder / name, folder=folder, workers=workers
            ).values
    return {
        "clips": n_clips,
        "clip": f"{SECONDS:g} s at {FILE_RATE:,} Hz, to {N_MELS} bands at {RATE:,} Hz",
        "clips_per_second": {name: n_clips / its for name, (its, _) in seconds.items()},
        "clips_per_processor_second": {name: n_clips / its for name, (_, its) in seconds.items()},
        "greatest_difference_db": float(np.abs(np.asarray(values)[:, 0] - reference).max()),
    }


@contextmanager
def _timed(name: str, seconds: dict[str, tuple[float, float]]) -> Iterator[None]:
    """Notes how long the block took, and how long processors worked for it, those of its workers included."""
    began, worked = time.perf_counter(), sum(os.times()[:4])
    yield
    seconds[name] = time.perf_counter() - began, sum(os.times()[:4]) - worked


def _by_librosa(samples: list[Sample]) -> NDArray[np.float32]:
    import librosa

    found = []
    for sample in samples:
        waveform, _ = librosa.load(sample.source, sr=RATE, mono=True, res_type="soxr_hq")
        waveform = librosa.util.fix_length(waveform, size=round(SECONDS * RATE))
        power = librosa.feature.melspectrogram(y=waveform, sr=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS)
        found.append(librosa.power_to_db(power, ref=1.0, top_db=80.0))
    return np.asarray(found, dtype=np.float32)


# A cached start


def _cached_start(folder: Path, n_clips: int) -> dict[str, Any]:
    _write_clips(folder, n_clips, seconds=0.1, rate=RATE)
    layer = {
        "dataset": {"name": "folder"},
        "data_dir": folder,
        "features": {"name": "mel", "duration": SECONDS, "n_mels": N_MELS, "n_fft": N_FFT, "hop": HOP},
        "head": {"name": "linear"},
    }
    with _cache(folder.parent / "cache"):
        config, place = resolve([layer]), Workplace.from_environment()
        prepare(examine(config, place, Silent()), Silent())  # fills the cache
        began = time.perf_counter()
        prepared = prepare(examine(config, place, Silent()), Silent())
        seconds = time.perf_counter() - began
    return {"clips": n_clips, "seconds": seconds, "megabytes": prepared.features.values.nbytes / 1e6}


@contextmanager
def _cache(folder: Path) -> Iterator[None]:
    before = os.environ.get("QPLUG_CACHE")
    os.environ["QPLUG_CACHE"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("QPLUG_CACHE")
        if before is not None:
            os.environ["QPLUG_CACHE"] = before


# Indexing

_INDEX = """
import json, sys, time
from pathlib import Path
from qplug import catalogue
from qplug import parameters

def megabytes():  # getrusage would tell of the parent process too
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3

dataset = parameters.create(catalogue.load("dataset", "folder"), {"group": "(speaker[0-9]+)_"}, "dataset folder")
before, began = megabytes(), time.perf_counter()
samples = dataset.index(Path(sys.argv[1]))
told = {"files": len(samples), "seconds": time.perf_counter() - began}
print(json.dumps({**told, "megabytes": megabytes() - before, "megabytes_of_the_process": megabytes()}))
"""


def _indexing(folder: Path, n_files: int) -> dict[str, Any]:
    for number in range(n_files):
        home = folder / f"class{number % 10}"
        if number < 10:
            home.mkdir(parents=True)
        (home / f"speaker{number // 100}_{number:06d}.wav").touch()
    command = [sys.executable, "-c", _INDEX, str(folder)]
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return told


# Recordings


def _write_clips(folder: Path, n_clips: int, *, seconds: float, rate: int) -> list[Sample]:
    """Noise in two class folders."""
    noise = np.random.default_rng(0)
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
    for number in range(n_clips):
        wave = noise.uniform(-0.5, 0.5, round(seconds * rate)).astype(np.float32)
        soundfile.write(folder / "ab"[number % 2] / f"{number:06d}.wav", wave, rate, subtype="PCM_16")
    return _dataset().index(folder)


def _dataset() -> Dataset:
    return parameters.create(catalogue.load("dataset", "folder"), {}, "dataset folder")


def _mel() -> FeatureExtractor:
    values = {"rate": RATE, "duration": SECONDS, "n_mels": N_MELS, "n_fft": N_FFT, "hop": HOP}
    return parameters.create(catalogue.load("features", "mel"), values, "features mel")


def markdown(found: dict[str, Any]) -> str:
    """The measurements as Markdown."""
    machine, extraction = found["machine"], found["extraction"]
    start, indexing = found["cached_start"], found["indexing"]
    speeds, work = extraction["clips_per_second"], extraction["clips_per_processor_second"]
    rows = [
        f"| {name} | {speeds[name]:,.0f} | {speeds[name] / speeds['librosa']:.1f} | {work[name]:,.0f} |"
        for name in speeds
    ]
    return "\n".join(
        (
            f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}. "
            f"{extraction['clips']:,} clips of {extraction['clip']}; features differ from librosa's by at most "
            f"{extraction['greatest_difference_db']:.1e} dB.",
            "",
            "| | clips per second | times librosa | clips per second of processor time |",
            "|---|---|---|---|",
            *rows,
            "",
            "| | seconds | megabytes |",
            "|---|---|---|",
            f"| cached start, {start['clips']:,} clips | {start['seconds']:.2f} | {start['megabytes']:,.0f} on disk |",
            f"| indexing, {indexing['files']:,} files | {indexing['seconds']:.2f} | {indexing['megabytes']:,.0f}, whole"
            f" process {indexing['megabytes_of_the_process']:,.0f} |",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
