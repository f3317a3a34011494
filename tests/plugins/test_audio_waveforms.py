"""One channel, one rate, one length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qplug.contract.interfaces import Audio
from qplug_audio.waveforms import fitted, mono, trimmed


def test_channels_are_averaged() -> None:
    audio = Audio(np.array([[0.5, 0.0, 1.0], [0.1, 0.2, -1.0]], np.float32), 8000)
    np.testing.assert_allclose(mono(audio, 8000), [0.3, 0.1, 0.0], atol=1e-7)


def test_resampling_keeps_a_tone_and_removes_what_the_new_rate_cannot_hold() -> None:
    time = np.arange(48_000) / 48_000
    audio = Audio((np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 9000 * time)).astype(np.float32)[None], 48_000)
    resampled = mono(audio, 8000)
    assert resampled.shape == (8000,)
    expected = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    np.testing.assert_allclose(resampled[500:-500], expected[500:-500], atol=2e-3)


@given(
    n=st.integers(1, 50),
    length=st.integers(1, 50),
    fit=st.sampled_from(["pad-end", "pad-center", "loop"]),
    crop=st.sampled_from(["start", "center", "loudest"]),
)
def test_length_is_always_the_one_asked_for(n: int, length: int, fit: str, crop: str) -> None:
    waveform = np.random.default_rng(n).normal(size=n).astype(np.float32)
    result = fitted(waveform, length, fit=fit, crop=crop)  # type: ignore[arg-type]
    assert result.shape == (length,)
    assert set(result.tolist()) <= {0.0, *waveform.tolist()}


@pytest.mark.parametrize(
    ("fit", "expected"), [("pad-end", [1, 2, 0, 0, 0]), ("pad-center", [0, 1, 2, 0, 0]), ("loop", [1, 2, 1, 2, 1])]
)
def test_short_waveforms_are_filled_by_rule(fit: str, expected: list[float]) -> None:
    result = fitted(np.array([1, 2], np.float32), 5, fit=fit, crop="start")  # type: ignore[arg-type]
    assert result.tolist() == expected


@pytest.mark.parametrize(("crop", "expected"), [("start", [0, 9]), ("center", [9, 1]), ("loudest", [0, 9])])
def test_long_waveforms_are_cut_by_rule(crop: str, expected: list[float]) -> None:
    result = fitted(np.array([0, 9, 1, 1], np.float32), 2, fit="loop", crop=crop)  # type: ignore[arg-type]
    assert result.tolist() == (expected if crop != "loudest" else [9, 1])


def test_silence_at_both_ends_is_trimmed() -> None:
    quiet, loud = np.full(1024, 1e-4, np.float32), np.full(2048, 0.5, np.float32)
    result = trimmed(np.concatenate([quiet, loud, quiet, loud, quiet]), 40)
    np.testing.assert_array_equal(result, np.concatenate([loud, quiet, loud]))


def test_trimming_leaves_digital_silence_and_very_short_waveforms_alone() -> None:
    assert trimmed(np.zeros(5000, np.float32), 40).shape == (5000,)
    assert trimmed(np.ones(100, np.float32), 40).shape == (100,)


def test_a_sound_in_the_last_incomplete_frame_is_kept() -> None:
    end = np.ones(100, np.float32)
    np.testing.assert_array_equal(trimmed(np.concatenate([np.zeros(2048, np.float32), end]), 40), end)
    start = np.ones(1024, np.float32)
    np.testing.assert_array_equal(trimmed(np.concatenate([start, np.zeros(100, np.float32)]), 40), start)
