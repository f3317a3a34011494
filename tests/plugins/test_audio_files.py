"""Recordings of every healthy kind are read; each kind of damage is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Sample
from qplug_audio.files import audio_duration, read_audio
from qplug_audio.fsdd import FreeSpokenDigits

WriteSound = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("8bit.wav", 8000, 1, "PCM_U8"),
        ("24bit.wav", 48_000, 2, "PCM_24"),
        ("float.wav", 96_000, 1, "FLOAT"),
        ("double.wav", 22_050, 1, "DOUBLE"),
        ("seven.wav", 16_000, 7, "PCM_16"),
        ("adpcm.wav", 16_000, 1, "IMA_ADPCM"),
        ("lossless.flac", 44_100, 2, "PCM_16"),
        ("lossy.ogg", 44_100, 1, "VORBIS"),
        ("old.au", 22_050, 1, "PCM_16"),
        ("lossy.mp3", 44_100, 1, None),
    ],
)
def test_reads_every_common_encoding(
    tmp_path: Path, write_sound: WriteSound, name: str, rate: int, channels: int, subtype: str | None
) -> None:
    audio = read_audio(write_sound(tmp_path / name, rate=rate, channels=channels, subtype=subtype, seconds=0.5))
    assert audio.rate == rate
    assert audio.waveform.dtype == np.float32
    assert audio.waveform.shape[0] == channels
    assert 0.45 * rate < audio.waveform.shape[1] < 0.6 * rate
    assert 0.1 < np.abs(audio.waveform).max() <= 1


def test_samples_come_back_as_they_were_written(tmp_path: Path) -> None:
    written = np.random.default_rng(0).uniform(-1, 1, (500, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", written, 8000, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav").waveform, written.T)


def test_reads_a_segment(tmp_path: Path) -> None:
    written = np.linspace(-1, 1, 8000, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", written, 8000, subtype="FLOAT")
    segment = read_audio(tmp_path / "a.wav", start=0.25, duration=0.5)
    np.testing.assert_array_equal(segment.waveform[0], written[2000:6000])
    rest = read_audio(tmp_path / "a.wav", start=0.75, duration=9)
    np.testing.assert_array_equal(rest.waveform[0], written[6000:])


def test_a_segment_behind_the_end_holds_no_samples(tmp_path: Path, write_sound: WriteSound) -> None:
    path = write_sound(tmp_path / "a.wav", seconds=0.3)
    with pytest.raises(DataError, match=r"a\.wav: holds no samples"):
        read_audio(path, start=2)


@pytest.mark.parametrize("name", ["cut.wav", "cut.au"])
def test_a_file_with_less_sound_than_promised_is_refused(tmp_path: Path, write_sound: WriteSound, name: str) -> None:
    path = write_sound(tmp_path / name, seconds=0.5)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for read in (read_audio, audio_duration):
        with pytest.raises(DataError, match=rf"{name}: cut short, its header promises 8000 bytes of sound and 39\d\d"):
            read(path)


def test_a_cut_flac_is_refused(tmp_path: Path, write_sound: WriteSound) -> None:
    path = write_sound(tmp_path / "cut.flac", seconds=2, rate=44_100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.flac: (cut short|cannot be decoded).*--on-bad-file skip"):
        read_audio(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"the file is empty \(0 bytes\)"),
        (b"<html>404 not found</html>", "holds text, not a recording"),
        (bytes(range(200, 256)) * 20, "cannot be decoded"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be decoded"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "bad.wav").write_bytes(content)
    with pytest.raises(DataError, match=rf"bad\.wav: {reason}.*--on-bad-file skip"):
        read_audio(tmp_path / "bad.wav")


def test_a_wav_without_samples_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(0), 8000)
    with pytest.raises(DataError, match=r"silent\.wav: holds no samples"):
        read_audio(tmp_path / "silent.wav")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.wav: there is no such file"):
        read_audio(tmp_path / "gone.wav")


def test_a_wav_whose_length_was_unknown_to_its_writer_is_read(tmp_path: Path, write_sound: WriteSound) -> None:
    path = write_sound(tmp_path / "piped.wav", seconds=0.5)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert read_audio(path).waveform.shape == (1, 4000)


def test_chunks_of_odd_length_before_the_sound_are_passed_over(tmp_path: Path, write_sound: WriteSound) -> None:
    path = write_sound(tmp_path / "noted.wav", seconds=0.5)
    content = path.read_bytes()
    at = content.index(b"data")
    noted = content[:at] + b"note" + (5).to_bytes(4, "little") + b"hello\0" + content[at:]
    path.write_bytes(noted[:4] + (len(noted) - 8).to_bytes(4, "little") + noted[8:])
    assert read_audio(path).waveform.shape == (1, 4000)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataError, match=r"noted\.wav: cut short, its header promises 8000 bytes of sound and 7000"):
        read_audio(path)


def test_a_data_set_refuses_nan(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan, 0.2]), 8000, subtype="FLOAT")
    sample = Sample("nan", "0", "nan", tmp_path / "nan.wav")
    with pytest.raises(DataError, match=r"nan\.wav: holds values that are not finite"):
        FreeSpokenDigits().read(sample)


def test_duration_is_read_from_the_header(tmp_path: Path, write_sound: WriteSound) -> None:
    assert audio_duration(write_sound(tmp_path / "a.flac", seconds=1.5)) == 1.5


@pytest.mark.real_data
def test_reads_real_flac_files(real_folder: Callable[[str], Path]) -> None:
    for path in sorted(real_folder("ravdess").glob("*/*.flac"))[::20]:
        audio = read_audio(path)
        assert 2.5 < audio.waveform.shape[1] / audio.rate < 6


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(DataError, match=r"pipe\.wav: is no file but a folder, a pipe or a device"):
        read_audio(tmp_path / "pipe.wav")
