"""The samples of a run's surest mistakes, to listen to or to look at, where its data are at hand."""

from __future__ import annotations

import base64
import io
import logging
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Audio, Dataset, Image, Sample, Signal
from qplug.lab.measures import percent
from qplug.lab.report.content import table_of
from qplug.lab.report.drawing import test_rows
from qplug.lab.report.source import FinishedRun

MOST = 9
"""As many as the figure of mistakes shows."""
_SECONDS, _RATE, _SIDE = 5.0, 16_000, 480
"""Of a recording so much is taken, at no higher a rate; of an image so many points along its longer side."""
_log = logging.getLogger("qplug")


@dataclass(frozen=True)
class Shown:
    """One sample that was taken for something else.

    Attributes:
        id: its id.
        words: what it is, what it was taken for, and how surely.
        source: the recording or the image as a data URI.
        note: what of it was left out; empty if nothing.
    """

    id: str
    words: str
    source: str
    note: str


@dataclass(frozen=True)
class Mistakes:
    """What a page shows of a run's mistakes.

    Attributes:
        heading: of its place on the page.
        sentence: what is there, or why nothing is.
        audio: whether the samples are recordings.
        shown: the samples, the surest mistake first.
    """

    heading: str
    sentence: str
    audio: bool
    shown: Sequence[Shown] = ()


def mistakes(run: FinishedRun) -> Mistakes | None:
    """The mistakes of a run that the model was surest of; None if all answers are right.

    The data are looked for where the run had them, then where data sets lie on this machine.
    """
    worst = _worst(test_rows(run))
    if not worst:
        return None
    audio = run.record.modality == "audio"
    heading = "Listen to its mistakes" if audio else "Look at its mistakes"
    try:
        shown = _read(run, worst)
    except Exception as error:  # what a data set or its plugin lacks must not cost the page
        _log.info("no samples on the page of %s: %s", run.name, error)
        what = "no recordings to play" if audio else "no images"
        return Mistakes(heading, f"The data are not at hand where this page was written, so there are {what}.", audio)
    sentence = "Wrong answers on the test part, the surest first, "
    sentence += "each as it is stored, not as the network was given it."
    return Mistakes(heading, sentence, audio, shown)


def _worst(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    wrong = [row for row in rows if row["label"] != row["predicted"]]
    return sorted(wrong, key=lambda row: -_sureness(row))[:MOST]


def _sureness(row: dict[str, str]) -> float:
    return float(row.get(f"p_{row['predicted']}") or 0.0)


def _read(run: FinishedRun, rows: Sequence[dict[str, str]]) -> list[Shown]:
    dataset, found = _samples(run)
    shown = []
    for row in rows:
        sample = found.get(row["id"])
        if sample is None or sample.label != row["label"]:
            raise DataError(f"{row['id']} is not in the data, or not a {row['label']} there")
        source, note = _source(dataset.read(sample))
        words = f"is {row['label']}, predicted {row['predicted']} ({percent(_sureness(row))})"
        shown.append(Shown(row["id"], words, source, note))
    return shown


def _samples(run: FinishedRun) -> tuple[Dataset, dict[str, Sample]]:
    from qplug import catalogue
    from qplug.lab.data.folders import data_folder

    asked = run.record.configuration
    if asked.get("smoke"):
        raise DataError("the files of a smoke run are made up")
    parameters = {name: value for name, value in table_of(run.record, "dataset").items() if name != "name"}
    dataset: Dataset = catalogue.create("dataset", run.record.dataset, parameters)
    told = asked.get("data_dir")
    named = Path(told) if isinstance(told, str) and Path(told).is_dir() else None
    samples, _ = dataset.inventory(data_folder(run.record.dataset, dataset, named))
    return dataset, {sample.id: sample for sample in samples}


def _source(signal: Signal) -> tuple[str, str]:
    if isinstance(signal, Audio):
        content, note = wav(signal)
        return f"data:audio/wav;base64,{base64.b64encode(content).decode()}", note
    return f"data:image/png;base64,{base64.b64encode(png(signal)).decode()}", ""


def wav(audio: Audio) -> tuple[bytes, str]:
    """The beginning of a recording as WAV, one channel of 16 bits, and what was left out of it."""
    waveform, rate = audio.waveform.mean(axis=0), audio.rate
    seconds = len(waveform) / rate
    waveform = waveform[: round(_SECONDS * rate)]
    if rate > _RATE:
        waveform, rate = _slower(waveform, rate), _RATE
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((np.clip(waveform, -1, 1) * 32767).round().astype("<i2").tobytes())
    return content.getvalue(), f"the first {_SECONDS:g} s of {seconds:.1f} s" if seconds > _SECONDS else ""


def _slower(waveform: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    from math import gcd

    from scipy.signal import resample_poly

    common = gcd(_RATE, rate)
    found: NDArray[np.float32] = resample_poly(waveform, _RATE // common, rate // common)
    return found


def png(image: Image) -> bytes:
    """An image as PNG, no larger than is good for a page."""
    import PIL.Image

    pixels = (np.clip(image.pixels, 0, 1) * 255).round().astype(np.uint8)
    drawn = PIL.Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
    drawn.thumbnail((_SIDE, _SIDE))
    content = io.BytesIO()
    drawn.save(content, "PNG")
    return content.getvalue()
