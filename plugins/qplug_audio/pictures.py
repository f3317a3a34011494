"""Reading images, for the user's own folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from qplug.contract.errors import DataError
from qplug.contract.interfaces import Image

_DEEP_GREY = ("I", "I;16", "I;16B", "I;16L")
"""What Pillow calls grey with 16 bits."""

_CURE = "Replace or remove the file, or go on without it: --on-bad-file skip"


def read_image(path: Path) -> Image:
    """The image in a file, grey (1, height, width) or RGB (3, height, width), upright, in [0, 1].

    Raises:
        DataError: the file is missing, empty, not an image or cut short.
    """
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is no file but a folder, a pipe or a device. {_CURE}")
    try:
        with PIL.Image.open(path) as file:
            file.load()
            upright = PIL.ImageOps.exif_transpose(file)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. Is the data set complete?") from None
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as problem:
        reason = "the file is empty (0 bytes)" if path.stat().st_size == 0 else f"cannot be decoded ({_words(problem)})"
        raise DataError(f"{path}: {reason}. {_CURE}") from problem
    return Image(_pixels(upright))


def _pixels(image: PIL.Image.Image) -> NDArray[np.float32]:
    if image.mode in _DEEP_GREY:
        return _scaled(image, 65_535)[None]
    if image.mode in ("1", "L", "LA"):
        return _scaled(image.convert("L"), 255)[None]
    return np.ascontiguousarray(_scaled(image.convert("RGB"), 255).transpose(2, 0, 1))


def _scaled(image: PIL.Image.Image, full_scale: float) -> NDArray[np.float32]:
    values = np.array(image, np.float32)
    values /= full_scale
    return values


def _words(problem: Exception) -> str:
    return str(problem).split(" '")[0].rstrip(".")
