"""Cached features are those of the files as they are, whatever happened to cache or files."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).parent))  # worker processes import the parts from here too

from data_parts import RATE, Envelope, Recordings, write_recordings

from qplug import Audio, Sample
from qplug.contract.errors import DataError
from qplug.lab.data.cache import Features, features


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_recordings(tmp_path / "data", 40)
    return tmp_path / "data"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fill(folder: Path, cache: Path, data: Recordings | None = None, **options) -> Features:  # type: ignore[no-untyped-def]
    data = data or Recordings()
    return features(
        data, Envelope(), data.index(folder), identity={}, title="sounds", cache=cache, folder=folder, **options
    )


def loads(log: Path) -> list[str]:
    return log.read_text().splitlines()


def expected(folder: Path) -> np.ndarray:
    data, extractor = Recordings(), Envelope()
    return np.stack([extractor(data.read(sample)) for sample in data.index(folder)])


def test_flipped_bits_are_found_and_those_features_extracted_again(folder: Path, cache: Path, tmp_path: Path) -> None:
    data = Recordings(log=str(tmp_path / "log"))
    fill(folder, cache, data)
    rows = next((cache / "features").iterdir()) / "rows.f32"
    content = bytearray(rows.read_bytes())
    content[5 * 64 + 1] ^= 64
    rows.write_bytes(content)
    np.testing.assert_array_equal(fill(folder, cache, data).values, expected(folder))
    assert len(loads(tmp_path / "log")) == 41
    fill(folder, cache, data)
    assert len(loads(tmp_path / "log")) == 41


@pytest.mark.parametrize("when", ["before its hash is noted", "before it is read", "after it was read"])
def test_a_file_replaced_meanwhile_does_not_stay_in_the_cache(folder: Path, cache: Path, when: str) -> None:
    """Another content than was hashed is never found again under that hash."""

    def replace() -> None:
        soundfile.write(folder / "b7.wav", np.full(400, 0.25), RATE)

    class Replacing(Recordings):
        def load(self, sample: Sample) -> Audio:
            if sample.id == "b7" and when == "before it is read":
                replace()
            signal = super().load(sample)
            if sample.id == "b7" and when == "after it was read":
                replace()
            return signal

    original = (folder / "b7.wav").read_bytes()

    def reading(done: int, total: int) -> None:
        if when == "before its hash is noted":
            replace()

    with pytest.raises(DataError, match=r"1 of 40 files cannot be used \(b7\.wav: was changed while it was read"):
        fill(folder, cache, Replacing(), reading=reading, workers=1)
    np.testing.assert_array_equal(fill(folder, cache).values, expected(folder))
    (folder / "b7.wav").write_bytes(original)
    np.testing.assert_array_equal(fill(folder, cache).values, expected(folder))
