"""Images of every common kind are read upright; damage is named."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from qplug.contract.errors import DataError
from qplug.signals import read_image


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("I;16", 1), ("P", 3), ("RGB", 3), ("RGBA", 3), ("CMYK", 3)]
)
def test_reads_every_common_mode(tmp_path: Path, mode: str, channels: int) -> None:
    path = tmp_path / ("image.tif" if mode in ("CMYK", "I;16") else "image.png")
    if mode == "I;16":
        PIL.Image.fromarray(np.full((4, 7), 65_535, np.uint16)).save(path)
    else:
        PIL.Image.new("RGB", (7, 4), "white").convert(mode).save(path)
    pixels = read_image(path).pixels
    assert pixels.shape == (channels, 4, 7)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, 1, atol=0.01)


def test_the_camera_s_rotation_is_undone(tmp_path: Path) -> None:
    image = PIL.Image.new("RGB", (8, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").pixels.shape == (3, 8, 4)


def test_damage_is_named(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello")
    for name, reason in (
        ("cut", r"cannot be decoded \(image file is truncated"),
        ("empty", r"the file is empty \(0 bytes\)"),
        ("text", r"cannot be decoded \(cannot identify image file\)"),
        ("gone", "there is no such file"),
    ):
        with pytest.raises(DataError, match=rf"{name}\.png: {reason}"):
            read_image(tmp_path / f"{name}.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png: is no file but a folder, a pipe or a device"):
        read_image(tmp_path / "pipe.png")


def grey_tiff(path: Path, values: np.ndarray, **tags: int) -> Path:
    PIL.Image.fromarray(values).save(path, tiffinfo={} | {int(name[1:]): value for name, value in tags.items()})
    return path


def test_deep_greys_are_scaled_by_what_their_numbers_reach_to(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 28).reshape(4, 7)
    stored = {
        "float": ramp.astype(np.float32),
        "int32": np.rint(ramp * (2**31 - 1)).astype(np.int32),
        "uint16": np.rint(ramp * 65_535).astype(np.uint16),
    }
    for name, values in stored.items():
        pixels = read_image(grey_tiff(tmp_path / f"{name}.tif", values)).pixels
        assert pixels.dtype == np.float32
        np.testing.assert_allclose(pixels[0], ramp, atol=1e-4, err_msg=name)


def test_unsigned_numbers_of_32_bits_are_not_taken_for_signed_ones(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 28).reshape(4, 7)
    path = grey_tiff(tmp_path / "a.tif", np.rint(ramp * (2**32 - 1)).astype(np.uint32).view(np.int32))
    content = path.read_bytes()
    signed, unsigned = (struct.pack("<HHII", 339, 3, 1, kind) for kind in (2, 1))
    assert signed in content
    path.write_bytes(content.replace(signed, unsigned))
    np.testing.assert_allclose(read_image(path).pixels[0], ramp, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((4, 4), 30_000, np.int32), "all black: its brightest value is 30000 where white is 2147483647"),
        (np.full((4, 4), -3, np.int32), "holds values from -3 to -3, where 0 to 2147483647 are expected"),
        (np.full((4, 4), 200, np.float32), r"holds fractions from 200 to 200, and only those in \[0, 1\]"),
        (np.full((4, 4), -0.5, np.float32), r"holds fractions from -0\.5 to -0\.5"),
    ],
)
def test_greys_without_a_known_scale_are_refused(tmp_path: Path, values: np.ndarray, reason: str) -> None:
    with pytest.raises(DataError, match=rf"a\.tif: {reason}"):
        read_image(grey_tiff(tmp_path / "a.tif", values))


def test_white_may_be_the_smallest_number(tmp_path: Path) -> None:
    for values in (np.full((4, 4), 65_535, np.uint16), np.ones((4, 4), np.float32), np.full((4, 4), 255, np.uint8)):
        path = grey_tiff(tmp_path / "a.tif", values)
        content = path.read_bytes()
        one, zero = (struct.pack("<HHII", 262, 3, 1, kind) for kind in (1, 0))
        assert one in content
        path.write_bytes(content.replace(one, zero))
        np.testing.assert_array_equal(read_image(path).pixels, np.zeros((1, 4, 4), np.float32))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "tif", "webp", "ppm"])
def test_half_an_image_is_refused_in_every_format(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = tmp_path / f"cut.{suffix}"
    PIL.Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    assert read_image(path).pixels.shape == (3, 64, 64)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=rf"cut\.{suffix}: cannot be decoded \("):
        read_image(path)


def test_content_decides_and_nothing_that_a_file_holds_starts_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    PIL.Image.new("RGB", (8, 8), "red").save(tmp_path / "figure.png", format="EPS")
    with pytest.raises(DataError, match=r"figure\.png: cannot be decoded \(cannot identify image file\)"):
        read_image(tmp_path / "figure.png")
    assert not (tmp_path / "started").exists()
    PIL.Image.new("RGB", (8, 8), "red").save(tmp_path / "photo.png", format="JPEG")
    assert read_image(tmp_path / "photo.png").pixels.shape == (3, 8, 8)


def test_too_many_pixels_are_refused_from_the_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    for side, said in ((8000, "8000 x 8000 pixels are 64 million, and 50 million"), (60_000, "more than 50 million")):
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(DataError, match=rf"bomb\.png: too large: {said}"):
                read_image(tmp_path / "bomb.png")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(2_000_000_000)
    with pytest.raises(DataError, match=r"huge\.png: too large: 2000 MB, and 400 MB are the most"):
        read_image(tmp_path / "huge.png")
