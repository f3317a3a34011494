"""Images of every common kind are read upright; damage is named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from qplug.contract.errors import DataError
from qplug_audio.pictures import read_image


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
