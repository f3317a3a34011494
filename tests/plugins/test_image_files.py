"""An image file gives the same pixels when it is predicted on as when it was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from qplug_audio.pictures import read_image as read_in_training
from qplug_image.files import read_image


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "P", "RGB", "RGBA", "CMYK"])
def test_every_common_mode_gives_the_pixels_of_the_folder(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("image.tif" if mode in ("CMYK", "I;16") else "image.png")
    noise = np.random.default_rng(0).integers(0, 255, (4, 7, 3), np.uint8)
    if mode == "I;16":
        PIL.Image.fromarray(noise[..., 0].astype(np.uint16) * 257).save(path)
    else:
        PIL.Image.fromarray(noise).convert(mode).save(path)
    np.testing.assert_array_equal(read_image(path).pixels, read_in_training(path).pixels)


def test_a_photograph_stands_upright_as_in_training(tmp_path: Path) -> None:
    image = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (4, 8, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif)
    assert read_image(tmp_path / "a.png").pixels.shape == (3, 8, 4)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels, read_in_training(tmp_path / "a.png").pixels)
