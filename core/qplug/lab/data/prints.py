"""Small prints of signals, whatever features a run has: what copies share though their samples differ.

The print of a recording is how loud 17 bands between 100 and 1800 Hz are, every 8 ms of its first 4 seconds, below its
own loudest moment. It does not depend on level and hardly on rate, coding and number of channels, and a copy that
begins elsewhere has the same print, moved. That of an image is a grey picture of 16 x 16 points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from qplug.contract.interfaces import (
    Audio,
    Dataset,
    FeatureCapabilities,
    FeatureExtractor,
    Image,
    Modality,
    Sample,
    Signal,
)
from qplug.lab.data.cache import Features, features

N_BANDS, N_FRAMES = 17, 500
SIDE = 16
_LOWEST, _HIGHEST = 100.0, 1800.0
_WINDOW, _HOP = 0.064, 0.008
_DEPTH = 40.0  # dB below the loudest moment, where coding and noise begin
_STEPS = 250  # of the depth
_TRIPLES = -(-N_BANDS * N_FRAMES // 3)  # three bytes fit into a float32 without loss


class Print(FeatureExtractor):
    """The print of a signal; it goes through the same workers and the same cache as features do."""

    def __init__(self, modality: Modality) -> None:
        self.modality = modality
        self.capabilities = FeatureCapabilities(interface=1, modality=modality)

    @property
    def shape(self) -> tuple[int, ...]:
        """(number,)."""
        return (1 + _TRIPLES,) if self.modality == "audio" else (SIDE * SIDE,)

    def excerpt(self, n_samples: int, rate: int) -> tuple[int, int]:
        """The beginning."""
        return 0, min(n_samples, _needed(rate))

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """The packed numbers of one signal."""
        return _packed(_levels(signal)) if isinstance(signal, Audio) else _thumbnail(signal).reshape(-1)


def prints(
    dataset: Dataset,
    samples: Sequence[Sample],
    *,
    name: str,
    cache: Path,
    most_workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Features:
    """The prints of samples, from the cache where they are there; samples that cannot be read are left out.

    Args:
        dataset: loads the signals.
        samples: at least one that can be read.
        name: the data set's name.
        cache: the cache folder.
        most_workers: how many processes, at most; None: one per core.
        progress: told how many are done, and of how many.
    """
    return features(
        dataset,
        print_of(dataset),
        samples,
        identity=identity(name),
        title=f"{name}-prints",
        cache=cache,
        most_workers=most_workers,
        on_bad_file="skip",
        progress=progress,
    )


def print_of(dataset: Dataset) -> Print:
    """The extractor of a data set's prints."""
    return Print(dataset.capabilities.modality)


def identity(name: str) -> dict[str, str]:
    """What prints depend on beside signals and code: the data set's name, and that they are prints."""
    return {"dataset": name, "features": "print"}


def levels_of(row: NDArray[np.float32]) -> NDArray[np.float32]:
    """The levels (band, frame) in a print, in steps above the lowest that is told apart."""
    flat = row[1:].astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].reshape(-1)
    levels = flat[: N_BANDS * N_FRAMES].reshape(N_FRAMES, N_BANDS)[: int(row[0])]
    return levels.T.astype(np.float32)


def _needed(rate: int) -> int:
    return round((_HOP * (N_FRAMES - 1) + _WINDOW) * rate) + 1


def _levels(signal: Audio) -> NDArray[np.uint8]:
    """(frame, band), in steps."""
    wave = torch.from_numpy(signal.waveform[:, : _needed(signal.rate)]).mean(0)
    length = max(2, round(_WINDOW * signal.rate))
    wave = torch.nn.functional.pad(wave, (0, max(0, length - len(wave))))
    n_frames = min(N_FRAMES, int((len(wave) - length) / (_HOP * signal.rate)) + 1)
    edges = _edges(signal.rate, length)
    spectra = torch.fft.rfft(_frames(wave, n_frames, length, _HOP * signal.rate) * torch.hann_window(length), dim=1)
    power = spectra[:, : int(edges[-1])].abs().square().double()
    sums = torch.cat([power.new_zeros(n_frames, 1), power.cumsum(1)], dim=1)
    bands = (sums[:, edges[1:]] - sums[:, edges[:-1]]) / (edges[1:] - edges[:-1]).clamp_min(1)
    decibels = 10 * bands.clamp_min(1e-30).log10()
    above = (decibels - decibels.max() + _DEPTH).clamp_min(0)
    steps: NDArray[np.uint8] = (above * (_STEPS / _DEPTH)).round().to(torch.uint8).numpy()
    return steps


def _frames(wave: torch.Tensor, n_frames: int, length: int, hop: float) -> torch.Tensor:
    """(frame, sample); without a copy where the hop is a whole number of samples."""
    if hop.is_integer():
        return wave.unfold(0, length, int(hop))[:n_frames]
    starts = (torch.arange(n_frames) * hop).round().long().clamp_max(len(wave) - length)
    return wave[starts[:, None] + torch.arange(length)]


def _edges(rate: int, length: int) -> torch.Tensor:
    """The first bin of each band and the one behind the last band; at low rates the upper bands are empty."""
    hertz = np.geomspace(_LOWEST, _HIGHEST, N_BANDS + 1)
    bins = np.ceil(hertz * length / rate).astype(np.int64)
    return torch.from_numpy(np.minimum(np.maximum(bins, bins[0] + np.arange(N_BANDS + 1)), length // 2))


def _packed(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    flat = np.zeros(3 * _TRIPLES, dtype=np.int64)
    flat[: levels.size] = levels.reshape(-1)
    triples = flat.reshape(-1, 3) @ np.array([1, 1 << 8, 1 << 16])
    return np.concatenate([[len(levels)], triples]).astype(np.float32)


def _thumbnail(signal: Image) -> NDArray[np.float32]:
    """Means (row, column) over equal parts of a grey image; a smaller one is repeated first."""
    grey = signal.pixels.mean(0)
    for axis in (0, 1):
        grey = np.repeat(grey, max(1, -(-SIDE // grey.shape[axis])), axis)
    rows, columns = (np.linspace(0, n, SIDE + 1).astype(np.int64) for n in grey.shape)
    sums = np.add.reduceat(np.add.reduceat(grey, rows[:-1], axis=0), columns[:-1], axis=1)
    return np.asarray(sums / np.outer(np.diff(rows), np.diff(columns)), dtype=np.float32)
