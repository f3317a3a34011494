"""Small generated recordings in the official layouts of the data sets, for smoke runs and tests. All synthetic."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from qplug.signals.tones import write_tone
from qplug_audio.crema_d_folds import FOLDS
from qplug_audio.gtzan_split import fault_filtered


def spoken_digits(folder: Path, seed: int) -> None:
    """Ten digits, six speakers, three recordings of each: one for the test part, two for training."""
    speakers = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    for number, (digit, speaker, index) in enumerate(product(range(10), speakers, (0, 7, 8))):
        path = folder / "recordings" / f"{digit}_{speaker}_{index}.wav"
        write_tone(path, label=digit, seconds=0.4, rate=8000, seed=seed + number)


def ravdess(folder: Path, seed: int) -> None:
    """All 24 actors, each emotion once or twice: neutral has no strong intensity."""
    for number, (actor, emotion, intensity) in enumerate(product(range(1, 25), range(1, 9), (1, 2))):
        if (emotion, intensity) != (1, 2):
            name = f"03-01-{emotion:02d}-{intensity:02d}-01-01-{actor:02d}.wav"
            path = folder / f"Actor_{actor:02d}" / name
            write_tone(path, label=emotion - 1, seconds=0.5, rate=16_000, seed=seed + number)


def crema_d(folder: Path, seed: int) -> None:
    """Two actors of each fold, four sentences, six emotions."""
    actors = [actor for fold in FOLDS for actor in sorted(fold)[:2]]
    emotions = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    for number, (actor, sentence, emotion) in enumerate(product(actors, ("DFA", "IEO", "IOM", "ITH"), emotions)):
        path = folder / "AudioWAV" / f"{actor}_{sentence}_{emotion}_XX.wav"
        write_tone(path, label=emotions.index(emotion), seconds=0.5, rate=16_000, seed=seed + number)


def urbansound8k(folder: Path, classes: Sequence[str], seed: int) -> None:
    """Two slices of each class in each of the ten folds, and their table."""
    rows = []
    for number, (fold, label, take) in enumerate(product(range(1, 11), range(len(classes)), (0, 1))):
        source = 100_000 + 10 * number
        name = f"{source}-{label}-0-{take}.wav"
        write_tone(folder / "audio" / f"fold{fold}" / name, label=label, seconds=0.5, rate=22_050, seed=seed + number)
        rows.append([name, source, 0.0, 0.5, 1, fold, label, classes[label]])
    (folder / "metadata").mkdir()
    with (folder / "metadata" / "UrbanSound8K.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"])
        writer.writerows(rows)


def gtzan(folder: Path, genres: Sequence[str], seed: int) -> None:
    """Of each genre four excerpts for training, two for validation and two for testing, 30 s each."""
    wanted = {"train": 4, "validation": 2, "test": 2}
    parts = fault_filtered()
    for label, genre in enumerate(genres):
        names = []
        for part, n_excerpts in wanted.items():
            its = sorted(name for name, place in parts.items() if place == part and name.startswith(f"{genre}."))
            names += its[:n_excerpts]
        for number, name in enumerate(names):
            path = folder / "genres" / genre / f"{name}.wav"
            write_tone(path, label=label, seconds=30.0, rate=8000, seed=seed + 100 * label + number)


def birdsong(folder: Path, species: Sequence[str], seed: int) -> None:
    """Ten recordings of each species, six seconds each."""
    for label, name in enumerate(species):
        for number in range(10):
            path = folder / name / f"XC{1000 * (label + 1) + number}.wav"
            write_tone(path, label=4 + 3 * label, seconds=6.0, rate=22_050, seed=seed + number)
