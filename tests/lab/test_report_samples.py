"""A page has the samples of a run's surest mistakes where its data are at hand, and says so where they are not."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from qplug.contract.interfaces import Audio, Image
from qplug.lab.report.page import write_report
from qplug.lab.report.samples import png, wav
from qplug.lab.runs.directory import RunDirectory
from qplug_audio.chirps import Chirps

from .report_runs import RUN, Reader, finished_run


def run_on(folder: Path, dataset: str) -> RunDirectory:
    """A run on chirps with ten test answers, of which the third and, more surely, the eighth are wrong."""
    run = RunDirectory(finished_run(folder, dataset=dataset))
    run.write_text("run.toml", RUN.replace('name = "mine"', f'name = "{dataset}"'))
    samples = list(Chirps().samples(Path()))[:10]  # type: ignore[arg-type]
    rows = [{"id": one.id, "part": "test", "label": one.label, "predicted": one.label, "p_nobody": 0.8}
            for one in samples]  # type: ignore[union-attr]  # fmt: skip
    for place, sureness in ((2, 0.6), (7, 0.84)):
        rows[place] |= {"predicted": "nobody", "p_nobody": sureness}
    run.write_csv("predictions.csv", rows)
    return run


def page_of(run: RunDirectory, *, samples: bool = True) -> Reader:
    reader = Reader()
    reader.feed(write_report(run.path, samples=samples).read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def test_mistakes_can_be_heard_where_the_data_are_at_hand(tmp_path: Path) -> None:
    run = run_on(tmp_path, "chirps")
    page = page_of(run)
    eighth, third = (run.read_csv("predictions.csv")[place] for place in (7, 2))
    assert (
        f"is {eighth['label']}, predicted nobody (84.0 %) {eighth['id']} "
        f"is {third['label']}, predicted nobody (60.0 %) {third['id']}"
    ) in page.words.replace("  ", " ")
    players = [link.removeprefix("data:audio/wav;base64,") for link in page.links if "audio" in link]
    assert page.tags.count("audio") == len(players) == 2
    sample = next(one for one in Chirps().samples(Path()) if one.id == eighth["id"])
    signal = Chirps().load(sample)  # type: ignore[arg-type]
    assert isinstance(signal, Audio)
    assert base64.b64decode(players[0]) == wav(signal)[0]
    silent = page_of(run, samples=False)
    assert "audio" not in silent.tags
    assert "Listen" not in silent.words


@pytest.mark.parametrize("dataset", ["fsdd", "gone-with-its-plugin"])
def test_where_the_data_are_not_at_hand_the_page_says_so_and_names_no_folder(
    tmp_path: Path, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QPLUG_DATA", str(tmp_path / "nothing"))
    run = run_on(tmp_path, dataset)
    page = page_of(run)
    told = "The data are not at hand where this page was written, so there are no recordings to play."
    assert f"Listen to its mistakes {told}" in page.words
    assert "audio" not in page.tags
    assert "secret" not in page.text + "".join(page.links)
    assert "nothing" not in page.text


def test_what_a_recording_and_an_image_take_on_a_page_is_bounded() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(96_000 * 12) / 96_000).astype(np.float32)
    content, note = wav(Audio(np.stack([tone, tone]), 96_000))
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, 16_000, 80_000)
        samples = np.frombuffer(file.readframes(80_000), "<i2") / 32767
    assert note == "the first 5 s of 12.0 s"
    assert np.argmax(np.abs(np.fft.rfft(samples))) / 5 == pytest.approx(440)
    assert wav(Audio(tone[None, :9600], 9600))[1] == ""
    pixels = np.zeros((3, 600, 1200), np.float32)
    pixels[0] = 1.0
    drawn = PIL.Image.open(io.BytesIO(png(Image(pixels))))
    assert (drawn.size, drawn.mode, drawn.getpixel((5, 5))) == ((480, 240), "RGB", (255, 0, 0))
    small = PIL.Image.open(io.BytesIO(png(Image(np.full((1, 8, 9), 0.2, np.float32)))))
    assert (small.size, small.mode, small.getpixel((0, 0))) == ((9, 8), "L", 51)
