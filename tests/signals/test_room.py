"""The room costs nothing until a file is read, says what is missing, and what it promises is checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from qplug.contract.errors import DataError, NotInstalled, PluginError
from qplug.contract.interfaces import Audio, FeatureCapabilities, FeatureExtractor, Image, Sample, Signal
from qplug.contract.interfaces.dataset import checked_signal
from qplug.installation import install
from qplug.lab.data.extraction import extract_chunk
from qplug.lab.runner.loaded import features_of
from qplug.signals import read_audio, read_signal
from qplug_audio.chirps import Chirps
from qplug_audio.raw import Raw


def test_importing_the_readers_imports_no_library_that_decodes() -> None:
    code = "import sys, qplug.signals; print(sorted({'soundfile', 'PIL', 'numpy', 'torch'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


@pytest.mark.parametrize(("modality", "library", "extra"), [("audio", "soundfile", "audio"), ("image", "PIL", "image")])
def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modality: str, library: str, extra: str
) -> None:
    (tmp_path / "a").write_bytes(b"\x89some content")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(NotInstalled, match=rf"reading .*{library}.* {re.escape(install(extra))}"):
        read_signal(tmp_path / "a", "audio" if modality == "audio" else "image")


def test_prediction_names_what_is_missing_and_speaks_of_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        features_of(Raw(), [tmp_path / "gone.wav", tmp_path])
    assert str(caught.value) == (
        f"2 of 2 files cannot be used. {tmp_path}/gone.wav: there is no such file. "
        f"{tmp_path}: is no file but a folder, a pipe or a device."
    )


def test_memory_that_is_not_there_is_told_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import soundfile

    class Poor(soundfile.SoundFile):  # type: ignore[misc]
        def read(self, *_: object, **__: object) -> None:
            raise MemoryError

    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    monkeypatch.setattr(soundfile, "SoundFile", Poor)
    with pytest.raises(DataError, match=r"a\.wav: too large to be read at once: 0\.0 h at 8000 Hz"):
        read_audio(tmp_path / "a.wav")


def test_a_data_set_that_gives_pixels_out_of_range_is_told(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"a\.png: expected pixels in \[0, 1\], got 0 to 255\. Divide"):
        checked_signal(Image(np.array([[[0, 255]]], np.float32)), "image", where="a.png")
    edge = Image(np.array([[[-1e-4, 1.0001]]], np.float32))
    assert checked_signal(edge, "image", where="a.png") is edge


class Overflowing(FeatureExtractor):
    """Its numbers are infinite for every signal."""

    capabilities = FeatureCapabilities(interface=1, modality="audio")
    shape = (1,)

    def extract(self, signal: Signal) -> NDArray[np.float32]:
        """Infinity."""
        assert isinstance(signal, Audio)
        return np.array([np.inf], np.float32)


def test_a_feature_that_breaks_the_contract_is_told_with_the_sample() -> None:
    dataset = Chirps()
    sample = next(entry for entry in dataset.samples(Path()) if isinstance(entry, Sample))
    with pytest.raises(PluginError, match=rf"'{sample.id}': Overflowing\.extract gave values that are not finite"):
        extract_chunk(dataset, Overflowing(), [sample])
