"""Recordings of every healthy kind are read; each kind of damage is named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Sample
from qplug.signals import audio_duration, read_audio, read_image
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


FORMATS = {
    "cut.aiff": ("AIFF", ("PCM_16", "PCM_S8", "PCM_U8", "ULAW", "IMA_ADPCM", "FLOAT", "GSM610")),
    "cut.rf64": ("RF64", ("PCM_16", "PCM_U8", "ULAW", "FLOAT")),
    "cut.w64": ("W64", ("PCM_16", "PCM_U8", "ULAW", "IMA_ADPCM", "FLOAT", "GSM610")),
    "cut.sph": ("NIST", ("PCM_16", "ULAW")),
    "cut.caf": ("CAF", ("PCM_16", "ALAC_16")),
    "cut.opus": ("OGG", ("OPUS", "VORBIS")),
    "cut.mp3": ("MP3", ("MPEG_LAYER_III",)),
    "cut.wav": ("WAV", ("PCM_16", "IMA_ADPCM", "FLOAT")),
    "cut.au": ("AU", ("PCM_16",)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_file_is_refused_in_every_format_and_the_whole_is_read(
    tmp_path: Path, write_sound: WriteSound, name: str
) -> None:
    format, subtypes = FORMATS[name]
    for subtype in subtypes:
        path = write_sound(tmp_path / name, seconds=1, format=format, subtype=subtype, rate=48_000)
        whole = path.read_bytes()
        assert read_audio(path).waveform.shape[1] >= 48_000
        for content in (whole[: len(whole) // 2], whole[: -max(len(whole) // 20, 2)]):
            path.write_bytes(content)
            with pytest.raises(DataError, match=rf"{re.escape(name)}: (cut short, |cannot be decoded)"):
                read_audio(path)


@pytest.mark.parametrize("format", ["AVR", "SVX", "MAT4", "PAF", "PVF", "IRCAM", "VOC", "XI", "MPC2K"])
def test_a_format_whose_end_cannot_be_told_is_not_read(tmp_path: Path, write_sound: WriteSound, format: str) -> None:
    subtype = "DPCM_16" if format == "XI" else "PCM_16"
    path = write_sound(tmp_path / "odd.wav", format=format, subtype=subtype)
    with pytest.raises(DataError, match=r"odd\.wav: is of a kind that is not read \(.+\); make it a WAV"):
        read_audio(path)


def test_a_name_of_a_format_without_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.raw").write_bytes(bytes(range(128, 256)))
    with pytest.raises(DataError, match=r"noise\.raw: cannot be decoded \(samplerate must be specified\)"):
        read_audio(tmp_path / "noise.raw")


def test_a_stream_whose_encoder_did_not_know_its_length_is_named(tmp_path: Path, write_sound: WriteSound) -> None:
    path = write_sound(tmp_path / "piped.flac", seconds=0.5)
    content = bytearray(path.read_bytes())
    at = content.index(b"fLaC") + 8 + 13  # the last 36 bits before the checksum count the samples
    content[at] &= 0xF0
    content[at + 1 : at + 5] = bytes(4)
    path.write_bytes(content)
    for read in (read_audio, audio_duration):
        with pytest.raises(DataError, match=r"piped\.flac: its header does not say how long it is"):
            read(path)


def sparse_wav(path: Path, n_bytes: int) -> Path:
    """A recording of silence that takes no room on the disk."""
    soundfile.write(path, np.zeros(0), 44_100, subtype="PCM_16")
    head = bytearray(path.read_bytes()[:44])
    head[4:8] = (36 + n_bytes).to_bytes(4, "little")
    head[40:44] = n_bytes.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(44 + n_bytes)
    return path


def test_what_is_too_large_is_refused_from_its_header_and_its_pieces_are_read(tmp_path: Path) -> None:
    path = sparse_wav(tmp_path / "long.wav", 2_000_000_000)
    with pytest.raises(
        DataError, match=r"long\.wav: too large to be read at once: 6\.3 h at 44100 Hz in 1 channel are 4\.0 GB of samp"
    ) as caught:
        read_audio(path)
    assert caught.value.reason.startswith("too large to be read at once: 6.3 h")
    assert read_audio(path, start=20_000, duration=0.5).waveform.shape == (1, 22_050)


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "Git LFS"),
        (b"/annex/objects/SHA256E-s12--ab.wav\n", "git-annex"),
        (b"../.git/annex/objects/a/b/SHA256E-s12--ab/SHA256E-s12--ab.wav", "git-annex"),
    ],
)
def test_a_pointer_in_place_of_the_content_is_told(tmp_path: Path, text: bytes, owner: str) -> None:
    for name, noun, read in (("a.wav", "recording", read_audio), ("a.png", "image", read_image)):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(DataError, match=rf"{name}: holds {owner}'s pointer to the {noun}, not the {noun}: get"):
            read(tmp_path / name)


def test_a_link_of_git_annex_to_what_is_not_here_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("../.git/annex/objects/x/y.wav")
    with pytest.raises(DataError, match=r"a\.wav: is git-annex's link to content that is not here"):
        read_audio(tmp_path / "a.wav")


def test_absurd_values_are_named_and_unscaled_integers_are_not(tmp_path: Path) -> None:
    for value, usable in ((1e30, False), (-1e30, False), (2.0**31, True), (32_768.0, True)):
        soundfile.write(tmp_path / "loud.wav", np.array([0.1, value, 0.2]), 8000, subtype="FLOAT")
        sample = Sample("loud", "0", "loud", tmp_path / "loud.wav")
        if usable:
            assert abs(FreeSpokenDigits().read(sample).waveform).max() == abs(value)
        else:
            with pytest.raises(DataError, match=r"loud\.wav: holds values up to 1e\+30, where full scale is 1"):
                FreeSpokenDigits().read(sample)
