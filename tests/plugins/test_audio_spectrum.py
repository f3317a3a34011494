"""Each step of the spectrum is librosa's."""

from __future__ import annotations

import numpy as np
import pytest

from qplug_audio import spectrum

from .uncompiled_librosa import librosa


def _bands(n_frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1.0, 0.01, (20, n_frames)).astype(np.float32)


@pytest.mark.parametrize(("rate", "hop", "n_frames"), [(16_000, 512, 80), (22_050, 256, 300), (8000, 160, 1)])
def test_pcen_equals_librosa(rate: int, hop: int, n_frames: int) -> None:
    ours = spectrum.pcen(_bands(n_frames), rate=rate, hop=hop)
    theirs = librosa.pcen(_bands(n_frames) * 2**31, sr=rate, hop_length=hop)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_pcen_removes_a_constant_loudness() -> None:
    bands = _bands(200)
    quiet, loud = (spectrum.pcen(bands * scale, rate=16_000, hop=512)[:, 100:] for scale in (1, 100))
    np.testing.assert_allclose(quiet, loud, rtol=0.15)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("n_frames", [9, 10, 57])
def test_deltas_equal_librosa(order: int, n_frames: int) -> None:
    ours = spectrum.deltas(_bands(n_frames), order)
    np.testing.assert_allclose(ours, librosa.feature.delta(_bands(n_frames), order=order), atol=1e-6)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 8])
def test_deltas_of_few_frames_have_the_same_shape(n_frames: int) -> None:
    ramp = np.tile(np.arange(n_frames, dtype=np.float32), (3, 1))
    slope = spectrum.deltas(ramp, 1)
    np.testing.assert_allclose(slope, np.full((3, n_frames), 1.0 if n_frames > 2 else 0.0), atol=1e-5)


def test_the_cosine_transform_is_orthonormal() -> None:
    matrix = spectrum.cosine_matrix(24, 24)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(24), atol=1e-6)
