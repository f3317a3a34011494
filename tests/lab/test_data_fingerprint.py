import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).parent))

from data_parts import RATE, Envelope, Recordings, write_recordings

from qplug import Sample
from qplug.lab.data.cache import features
from qplug.lab.data.fingerprint import (
    Duplicate,
    duplicates,
    duplicates_across_parts,
    identity_hash,
    sample_key,
    source_hashes,
)
from qplug.lab.data.splits import make_split


def test_a_copy_under_another_name_and_in_another_format_is_found(tmp_path: Path) -> None:
    write_recordings(tmp_path / "data", 30)
    wave, _ = soundfile.read(tmp_path / "data" / "a0.wav", dtype="int16")
    (tmp_path / "data" / "b99.wav").write_bytes((tmp_path / "data" / "a0.wav").read_bytes())
    soundfile.write(tmp_path / "data" / "a98.wav", wave, RATE, format="FLAC")
    data = Recordings()
    samples = data.index(tmp_path / "data")
    found = features(data, Envelope(), samples, identity={}, title="recordings", cache=tmp_path / "cache")
    assert duplicates(found.kept, found.digests) == [Duplicate(("a0", "a98", "b99"))]


def test_only_duplicates_in_two_parts_cross() -> None:
    samples = [Sample(id=f"c{i}", label="ab"[i % 2], group=f"c{i}") for i in range(100)]
    split = make_split(Recordings(), samples, name="random")
    train, test = ([sample.id for sample in split.parts[part]] for part in ("train", "test"))
    inside, across = Duplicate((train[0], train[1])), Duplicate((train[2], test[0], test[1]))
    crossing = duplicates_across_parts([inside, across], split)
    assert crossing == [Duplicate((train[2], test[0], test[1]), ("train", "test"))]


def test_hashes_are_those_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "one"
    sample = Sample(id="one", label="a", group="one", source=path)
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    for _ in range(2):
        assert source_hashes([sample], tmp_path / "cache") == {path: known}
    path.write_bytes(b"abd")
    assert source_hashes([sample], tmp_path / "cache")[path] != known


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    write_recordings(tmp_path / "data", 5)
    samples = Recordings().index(tmp_path / "data")
    read: list[tuple[int, int]] = []
    for _ in range(2):
        source_hashes(samples, tmp_path / "cache", progress=lambda done, total: read.append((done, total)))
    assert read == [(5, 5)]


def test_a_name_that_is_not_text_can_be_hashed(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.wav"
    path.write_bytes(b"abc")
    sample = Sample(id="one", label="a", group="one", source=path)
    assert str(source_hashes([sample], tmp_path / "cache")[path]).startswith("ba7816bf")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"id": "two"}, False),
        ({"offset": 4}, False),
        ({"keys": {"start": "0.5"}}, False),
        ({"label": "b", "group": "g2", "part": "test", "fold": 2, "source": Path("elsewhere")}, True),
    ],
)
def test_a_key_changes_with_what_load_may_look_at(change: dict[str, object], same: bool) -> None:
    whole = {"id": "one", "label": "a", "group": "g", "offset": 3}
    key = sample_key(Sample(**whole), "f00")  # type: ignore[arg-type]
    assert (sample_key(Sample(**whole | change), "f00") == key) is same  # type: ignore[arg-type]
    assert sample_key(Sample(**whole), "f01") != key  # type: ignore[arg-type]


def test_the_identity_does_not_depend_on_the_order_of_its_words() -> None:
    assert identity_hash({"a": 1, "b": [2]}) == identity_hash({"b": [2], "a": 1})
    assert identity_hash({"a": 1}) != identity_hash({"a": 2})


def test_ten_thousand_keys_are_distinct() -> None:
    keys = {sample_key(Sample(id=str(i), label="a", group="g"), "") for i in range(10_000)}
    assert len(keys) == 10_000
    assert np.unique([len(key) for key in keys]).tolist() == [32]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found = source_hashes([Sample(id="one", label="a", group="one", source=path)], tmp_path / "cache")[path]
    assert isinstance(found, OSError)
    assert found.strerror == "is no file but a folder, a pipe or a device"
