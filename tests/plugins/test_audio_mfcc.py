"""Cepstral coefficients are librosa's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qplug.contract.errors import ParameterError
from qplug.contract.interfaces import Audio
from qplug.signals import read_signal
from qplug.testing.components import check_features
from qplug_audio.mfcc import Mfcc

from .uncompiled_librosa import librosa


def _noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)


@pytest.mark.parametrize(("n_mfcc", "n_mels"), [(13, 40), (20, 64), (32, 32)])
def test_equals_librosa(n_mfcc: int, n_mels: int) -> None:
    feature = Mfcc(n_mfcc=n_mfcc, n_mels=n_mels, duration=1.0, deltas=2)(Audio(_noise(16_000)[None], 16_000))
    mfcc = librosa.feature.mfcc(y=_noise(16_000), sr=16_000, n_mfcc=n_mfcc, n_mels=n_mels, n_fft=1024, hop_length=512)
    np.testing.assert_allclose(feature[0], mfcc, atol=3e-4)
    np.testing.assert_allclose(feature[1], librosa.feature.delta(mfcc), atol=3e-4)
    np.testing.assert_allclose(feature[2], librosa.feature.delta(mfcc, order=2), atol=3e-4)


def test_keeps_the_promises_of_features() -> None:
    check_features(Mfcc(deltas=1, duration=0.2, trim_db=30, fit="loop", normalise="all"))


def test_more_coefficients_than_bands_are_refused() -> None:
    with pytest.raises(ParameterError, match="n_mfcc=20 coefficients cannot come from n_mels=10 bands"):
        Mfcc(n_mels=10)(Audio(_noise(16_000)[None], 16_000))


def test_opens_new_recordings(tmp_path: Path, write_sound: Callable[..., Path]) -> None:
    audio = read_signal(write_sound(tmp_path / "new.flac", rate=44_100, channels=2), Mfcc.capabilities.modality)
    assert isinstance(audio, Audio)
    assert (audio.rate, len(audio.waveform)) == (44_100, 2)
