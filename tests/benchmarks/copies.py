"""How many copies the check for likeness finds, and what it takes for one that is none.

    python tests/benchmarks/copies.py DATASET FOLDER [N]

All are held against one another; then N recordings (50) are stored anew in nine ways each and looked for among all
of the data set. The numbers in docs/explanation/leaks.md come from here.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from qplug import catalogue
from qplug.contract.interfaces import Audio
from qplug.lab.data.likeness import ALIKE, _nearest, alike
from qplug.lab.data.prints import Print


def coded(kind: str, subtype: str) -> Callable[[Audio], Audio]:
    def store(signal: Audio) -> Audio:
        file = io.BytesIO()
        soundfile.write(file, signal.waveform.T, signal.rate, format=kind, subtype=subtype)
        file.seek(0)
        wave, rate = soundfile.read(file, dtype="float32", always_2d=True)
        return Audio(np.ascontiguousarray(wave.T), rate)

    return store


def at_half_the_rate(signal: Audio) -> Audio:
    wave = soxr.resample(signal.waveform.T, signal.rate, signal.rate // 2)
    return Audio(np.ascontiguousarray(wave.T, dtype=np.float32), signal.rate // 2)


def cut(begin: float, end: float) -> Callable[[Audio], Audio]:
    def store(signal: Audio) -> Audio:
        n = signal.waveform.shape[1]
        return Audio(signal.waveform[:, round(begin * signal.rate) : n - round(end * signal.rate)], signal.rate)

    return store


def noisy(signal: Audio) -> Audio:
    noise = np.random.default_rng(0).standard_normal(signal.waveform.shape).astype(np.float32)
    return Audio(signal.waveform + np.float32(10**-2.5) * noise, signal.rate)


WAYS: dict[str, Callable[[Audio], Audio]] = {
    "half the sample rate": at_half_the_rate,
    "a fifth of the level": lambda signal: Audio(signal.waveform * np.float32(0.2), signal.rate),
    "Ogg Vorbis": coded("OGG", "VORBIS"),
    "MP3": coded("MP3", "MPEG_LAYER_III"),
    "mu-law": coded("WAV", "ULAW"),
    "8 bits": coded("WAV", "PCM_U8"),
    "white noise at -50 dB": noisy,
    "0.1 s cut off the beginning": cut(0.1037, 0),
    "0.06 s off the beginning, 0.08 s off the end": cut(0.0571, 0.083),
}


def main(name: str, folder: Path, n: int = 50) -> None:
    dataset, maker = catalogue.load("dataset", name)(), Print("audio")
    samples = [s for s in dataset.inventory(folder)[0] if s.source is not None and s.source.is_file()]
    signals = [dataset.read(sample) for sample in samples]
    began = time.process_time()
    rows = np.stack([maker(signal) for signal in signals])
    made = time.process_time()
    pairs = alike(rows, samples, "audio")
    print(f"{name}: {len(samples)} recordings, {1e3 * (made - began) / len(samples):.1f} ms each, "
          f"compared in {time.process_time() - made:.1f} s; {len(pairs)} pairs alike")  # fmt: skip
    for pair in pairs[:20]:
        print(f"  {' '.join(pair.ids)}  {pair.likeness:.3f}")
    chosen = np.random.default_rng(0).permutation(len(samples))[:n]
    for way, store in WAYS.items():
        copies = [maker(store(signals[row])) for row in chosen]
        kind = np.array([0] * len(samples) + [1] * len(chosen))
        judged = np.arange(len(samples), len(kind))
        found = _nearest(np.concatenate([rows, copies]), judged, kind, "audio", 10**12)
        right = sum(chosen[row - len(samples)] == other for row, other, likeness in found if likeness >= ALIKE["audio"])
        print(f"  {way:46} {right} of {len(chosen)}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
