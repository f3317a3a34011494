"""The log-mel spectrogram is librosa's, from any recording, and needs no librosa to run."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qplug.contract.errors import ParameterError
from qplug.contract.interfaces import Audio
from qplug.testing.components import check_features
from qplug_audio import spectrum
from qplug_audio.mel import Mel
from qplug_audio.mfcc import Mfcc

from .uncompiled_librosa import librosa


def _noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, n).astype(np.float32)


@pytest.mark.parametrize(
    ("rate", "n_fft", "hop", "n_mels", "f_min", "f_max"),
    [
        (8000, 512, 256, 32, 0.0, None),
        (16_000, 1024, 512, 64, 0.0, None),
        (16_000, 400, 160, 40, 50.0, 7600.0),
        (22_050, 2048, 512, 128, 0.0, None),
        (44_100, 1000, 333, 20, 300.0, 15_000.0),
    ],
)
def test_equals_librosa(rate: int, n_fft: int, hop: int, n_mels: int, f_min: float, f_max: float | None) -> None:
    waveform = _noise(rate) * np.linspace(0, 1, rate, dtype=np.float32)
    mel = Mel(rate=rate, duration=1.0, n_fft=n_fft, hop=hop, n_mels=n_mels, f_min=f_min, f_max=f_max)
    power = librosa.feature.melspectrogram(
        y=waveform, sr=rate, n_fft=n_fft, hop_length=hop, n_mels=n_mels, fmin=f_min, fmax=f_max
    )
    np.testing.assert_allclose(mel(Audio(waveform[None], rate))[0], librosa.power_to_db(power), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([8000, 22_050, 96_000]),
    milliseconds=st.integers(10, 300),
    n_fft=st.integers(32, 1025),
    hop=st.integers(1, 1500),
    n_mels=st.integers(4, 64),
    loudness=st.sampled_from([1.0, 1e-3, 0.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_librosa_for_any_window_and_length(
    rate: int, milliseconds: int, n_fft: int, hop: int, n_mels: int, loudness: float, seed: int
) -> None:
    n_samples = rate * milliseconds // 1000
    hop = max(hop, n_samples // 200)
    waveform = _noise(n_samples, seed) * np.float32(loudness)
    mel = Mel(rate=rate, duration=n_samples / rate, n_fft=n_fft, hop=hop, n_mels=n_mels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa tells of windows longer than the sound, and of bands without a bin
        power = librosa.feature.melspectrogram(y=waveform, sr=rate, n_fft=n_fft, hop_length=hop, n_mels=n_mels)
    np.testing.assert_allclose(mel(Audio(waveform[None], rate))[0], librosa.power_to_db(power), atol=1e-4)


def test_unlimited_dynamic_range_equals_librosa() -> None:
    waveform = np.concatenate([_noise(8000), np.zeros(8000, np.float32)])
    power = librosa.feature.melspectrogram(y=waveform, sr=16_000, n_fft=1024, hop_length=512, n_mels=64)
    feature = Mel(duration=1.0, top_db=None)(Audio(waveform[None], 16_000))
    np.testing.assert_allclose(feature[0], librosa.power_to_db(power, top_db=None), atol=1e-4)
    assert feature.min() == pytest.approx(-100, abs=1e-4)


def test_pcen_and_deltas_equal_librosa() -> None:
    waveform = _noise(16_000) * np.linspace(0, 1, 16_000, dtype=np.float32)
    feature = Mel(duration=1.0, scale="pcen", deltas=1)(Audio(waveform[None], 16_000))
    bands = librosa.feature.melspectrogram(y=waveform, sr=16_000, n_fft=1024, hop_length=512, n_mels=64, power=1)
    pcen = librosa.pcen(bands * 2**31, sr=16_000, hop_length=512)
    np.testing.assert_allclose(feature[0], pcen, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(feature[1], librosa.feature.delta(pcen), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n_fft", [256, 1023, 2048])
def test_filter_bank_equals_librosa(n_fft: int) -> None:
    ours = spectrum.mel_bank(22_050, n_fft, 40, 20.0, 8000.0)
    np.testing.assert_allclose(
        ours.T, librosa.filters.mel(sr=22_050, n_fft=n_fft, n_mels=40, fmin=20, fmax=8000), atol=1e-8
    )


def test_mel_scale_is_inverted() -> None:
    hz = np.array([0.0, 440.0, 999.0, 1000.0, 1001.0, 12_000.0])
    np.testing.assert_allclose(spectrum.mel_to_hz(spectrum.hz_to_mel(hz)), hz, rtol=1e-12)


@pytest.mark.parametrize(
    "mel",
    [
        Mel(),
        Mel(rate=8000, duration=0.1, n_fft=200, hop=80, n_mels=20, fit="loop", crop="loudest", normalise="none"),
        Mel(scale="pcen", deltas=2, trim_db=30.0),
    ],
)
def test_keeps_the_promises_of_features(mel: Mel) -> None:
    check_features(mel)


def test_short_and_long_recordings_are_fitted_as_asked() -> None:
    short, long = _noise(4000), np.concatenate([_noise(16_000), _noise(16_000, seed=1)])
    looped = Mel(duration=1.0, fit="loop")(Audio(short[None], 16_000))
    np.testing.assert_array_equal(looped, Mel(duration=1.0)(Audio(np.tile(short, 4)[None], 16_000)))
    begun = Mel(duration=1.0, crop="start")(Audio(long[None], 16_000))
    np.testing.assert_array_equal(begun, Mel(duration=1.0)(Audio(long[None, :16_000], 16_000)))


def test_a_tone_lights_up_its_band_alone() -> None:
    time = np.arange(16_000) / 16_000
    tone = np.sin(2 * np.pi * 2000 * time).astype(np.float32)[None]
    feature = Mel(duration=1.0)(Audio(tone, 16_000))[0]
    loudest = int(feature[:, 16].argmax())
    edges = spectrum.mel_to_hz(np.linspace(0, float(spectrum.hz_to_mel(8000)), 66))
    assert edges[loudest] < 2000 < edges[loudest + 2]
    assert (feature[:, 16] > feature.max() - 20).sum() <= 4


def test_the_same_sound_at_another_rate_and_in_stereo_gives_nearly_the_same_feature() -> None:
    time = np.arange(48_000) / 48_000
    tone = (0.5 * np.sin(2 * np.pi * 700 * time)).astype(np.float32)
    low = Mel(duration=1.0)(Audio(tone[None, ::3].copy(), 16_000))
    high = Mel(duration=1.0)(Audio(np.stack([tone, tone]), 48_000))
    loud = low > low.max() - 30
    np.testing.assert_allclose(high[loud], low[loud], atol=0.5)


@pytest.mark.parametrize(("normalise", "axes"), [("band", (2,)), ("all", (0, 1, 2)), ("none", None)])
def test_what_is_normalised_together_is_declared(normalise: str, axes: tuple[int, ...] | None) -> None:
    assert Mel(normalise=normalise).shared_axes == axes  # type: ignore[arg-type]


@pytest.mark.parametrize(("f_min", "f_max"), [(0.0, 5000.0), (3000.0, 2000.0), (4000.0, None)])
def test_impossible_band_edges_are_refused(f_min: float, f_max: float | None) -> None:
    mel = Mel(rate=8000, f_min=f_min, f_max=f_max)
    with pytest.raises(ParameterError, match=rf"f_min={f_min:g} and f_max={f_max or 4000:g} Hz .* rate is 8000 Hz"):
        mel(Audio(_noise(8000)[None], 8000))


def test_librosa_is_not_imported() -> None:
    code = "import sys, qplug_audio.mel; print([m for m in ('librosa', 'numba', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_its_axes_say_where_a_frame_stands_in_time() -> None:
    mel = Mel(rate=8000, hop=200, duration=1.0)
    channel, (name, middles), time = mel.axes
    assert (channel, name, time) == (("channel", 1.0), "frequency, kHz", ("time, s", 0.025))
    assert 0.025 * (mel.shape[2] - 1) == pytest.approx(1.0)
    assert isinstance(middles, tuple)
    highest = np.fft.rfftfreq(mel.n_fft, 1 / 8000)[
        spectrum.mel_bank(8000, mel.n_fft, mel.n_mels, 0, 4000).argmax(axis=0)
    ]
    assert np.abs(np.array(middles) * 1000 - highest).max() <= 8000 / mel.n_fft
    assert Mfcc(rate=8000, hop=200).axes[1] == ("coefficient", 1.0)
