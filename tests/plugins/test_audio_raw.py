"""The waveform itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from qplug.contract.interfaces import Audio
from qplug.signals import read_signal
from qplug.testing.components import check_features
from qplug_audio.raw import Raw


def test_keeps_the_promises_of_features() -> None:
    check_features(Raw(rate=8000, duration=0.3, trim_db=20, fit="loop", crop="loudest", normalise="all"))


def test_a_waveform_of_the_right_rate_and_length_is_untouched() -> None:
    waveform = np.random.default_rng(0).normal(0, 0.1, (1, 8000)).astype(np.float32)
    np.testing.assert_array_equal(Raw(rate=8000, duration=1)(Audio(waveform, 8000)), waveform)


def test_silence_is_trimmed_before_the_length_is_fitted() -> None:
    waveform = np.zeros((1, 8192), np.float32)
    waveform[0, 4096:5120] = 0.5
    feature = Raw(rate=8000, duration=0.128, trim_db=40)(Audio(waveform, 8000))
    np.testing.assert_array_equal(feature, np.full((1, 1024), 0.5, np.float32))


def test_opens_new_recordings(tmp_path: Path, write_sound: Callable[..., Path]) -> None:
    audio = read_signal(write_sound(tmp_path / "new.flac", rate=44_100, channels=2), Raw.capabilities.modality)
    assert isinstance(audio, Audio)
    assert (audio.rate, len(audio.waveform)) == (44_100, 2)
