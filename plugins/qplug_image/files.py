"""Reading image files, and telling changed ones apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Image


def read_image(path: Path) -> Image:
    """An image file in any format that Pillow reads, grey (one channel) or RGB, upright, in [0, 1].

    The numbers are those of the data set ``folder``, so that a network sees a file as it saw others in training.

    Raises:
        DataError: the file cannot be decoded, or is cut short.
    """
    try:
        with Pillow.open(path) as opened:
            opened.load()
            upright = ImageOps.exif_transpose(opened)
    except UnidentifiedImageError:
        raise DataError(f"{path}: is not an image that can be read. Convert it to PNG, or leave it out.") from None
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be decoded ({error}). Repair the file, or leave it out.") from None
    if upright.mode in ("I", "I;16", "I;16B", "I;16L"):  # grey with 16 bits
        return Image(_scaled(upright, 65_535)[None])
    if upright.mode in ("1", "L", "LA"):
        return Image(_scaled(upright.convert("L"), 255)[None])
    return Image(np.ascontiguousarray(_scaled(upright.convert("RGB"), 255).transpose(2, 0, 1)))


def stamp(name: str, path: Path) -> tuple[int, int]:
    """What changes with a file, so that what was read of it is not used for another one.

    Args:
        name: the data set's name.
        path: a file of it.

    Returns:
        Size in bytes and time of the last change in nanoseconds.

    Raises:
        DataError: there is no such file.
    """
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise DataError(f"{name}: there is no {path}. Get the file again.") from None
    return stat.st_size, stat.st_mtime_ns


def _scaled(image: Pillow.Image, full_scale: float) -> NDArray[np.float32]:
    values = np.array(image, np.float32)
    values /= full_scale
    return values
