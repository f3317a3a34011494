"""Reading images: upright, grey or RGB, every kind of number scaled to [0, 1]."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qplug import installation
from qplug.contract.errors import DataError, NotInstalled
from qplug.contract.interfaces import Image
from qplug.signals.files import look

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image as Pillow

IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""The formats that are read, by Pillow's names. Of the others some start another program to be read (EPS)."""

_PLUGINS = ("Png", "Jpeg", "Bmp", "Gif", "Tiff", "WebP", "Ppm")
"""Each registers its format when it is imported; if one is missing, Pillow imports all that it has."""

MOST_PIXELS = 50_000_000
"""An image with more is not read: it takes many seconds and above half a gigabyte, and most often is no picture."""

_MOST_BYTES = 8 * MOST_PIXELS
"""No file of so many pixels is larger, even with four channels of 16 bits."""

_DEEP = ("I", "I;16", "I;16B", "I;16L", "F")
"""What Pillow calls grey with more than 8 bits."""

_BITS, _INVERTED, _KIND = 258, 262, 339  # TIFF: BitsPerSample, PhotometricInterpretation, SampleFormat
_SIGNED = 2


def read_image(path: Path) -> Image:
    """The image in a file, grey (1, height, width) or RGB (3, height, width), upright, in [0, 1].

    Whole numbers are divided by the largest that their kind holds. Fractions must lie in [0, 1]. Opacity is left out;
    of several pictures in a file the first is read.

    Args:
        path: a file in one of ``IMAGE_FORMATS``, whatever its name ends in.

    Raises:
        DataError: the file is missing, empty, not an image, cut short, too large, or its values have no known scale.
        NotInstalled: Pillow is missing.
    """
    _, size = look(path, "image")
    if size > _MOST_BYTES:
        raise DataError.of_file(path, f"too large: {size / 1e6:.0f} MB, and {_MOST_BYTES / 1e6:.0f} MB are the most")
    library = _pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about tags that are not looked at, and a limit that is higher than this
            return Image(_pixels(path, library))
    except DataError:
        raise
    except library.DecompressionBombError as problem:
        raise DataError.of_file(path, f"too large: more than {MOST_PIXELS / 1e6:.0f} million pixels") from problem
    except Exception as problem:  # of a damaged file Pillow raises whatever its parsers stumble over
        raise DataError.of_file(path, f"cannot be decoded ({_words(problem)})") from problem


def _pixels(path: Path, library: Any) -> NDArray[np.float32]:
    import numpy as np
    from PIL import ImageOps

    # Given a name, Pillow would map plain TIFFs into memory, and take their rows for columns where they lie on a side.
    with path.open("rb") as content, library.open(content, formats=IMAGE_FORMATS) as file:
        width, height = file.size
        if width * height > MOST_PIXELS:
            raise DataError.of_file(
                path,
                f"too large: {width} x {height} pixels are {width * height / 1e6:.0f} million, "
                f"and {MOST_PIXELS / 1e6:.0f} million are the most",
            )
        file.load()
        tags = getattr(file, "tag_v2", {})
        upright = ImageOps.exif_transpose(file)
    if upright.mode in _DEEP:
        return _deep(path, upright, tags)[None]
    if upright.mode in ("1", "L", "LA"):
        return _scaled(np.asarray(upright.convert("L"))[None])
    return _scaled(np.asarray(upright.convert("RGB")).transpose(2, 0, 1))


def _scaled(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(channel, height, width) of 8 bits in [0, 1], row after row in memory."""
    import numpy as np

    values = np.empty(stored.shape, np.float32)
    np.divide(stored, np.float32(255), out=values)
    return values


def _deep(path: Path, image: Pillow.Image, tags: Mapping[int, Any]) -> NDArray[np.float32]:
    """Grey of more than 8 bits. What the numbers reach to is said by a TIFF's tags; of other formats it is 65,535."""
    import numpy as np

    stored = np.array(image)
    if image.mode == "F":
        values = _fractions(path, stored)
    else:
        bits, signed = tags.get(_BITS, (16,))[0], tags.get(_KIND, (1,))[0] == _SIGNED
        if bits == 32 and not signed:
            stored = stored.view(np.uint32)  # Pillow keeps all whole numbers of 32 bits as signed ones
        values = _whole_numbers(path, stored, 2 ** (bits - signed) - 1)
    return 1 - values if tags.get(_INVERTED) == 0 else values


def _fractions(path: Path, stored: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(stored.min()), float(stored.max())
    if low < 0 or high > 1:  # NaN is neither, and is refused with infinity wherever signals are checked
        raise DataError.of_file(
            path, f"holds fractions from {low:.4g} to {high:.4g}, and only those in [0, 1] have a known scale"
        )
    return stored


def _whole_numbers(path: Path, stored: NDArray[Any], full_scale: int) -> NDArray[np.float32]:
    low, high = int(stored.min()), int(stored.max())
    if low < 0 or high > full_scale:
        raise DataError.of_file(path, f"holds values from {low} to {high}, where 0 to {full_scale} are expected")
    if full_scale > 65_535 and 0 < high < full_scale / 255:
        raise DataError.of_file(
            path,
            f"all black: its brightest value is {high} where white is {full_scale}; "
            "scale it, or store it with 8 or 16 bits",
        )
    values: NDArray[np.float32] = stored.astype("float32")
    values /= full_scale
    return values


def _words(problem: Exception) -> str:
    return str(problem).split(" '")[0].split(" <")[0].rstrip(".") or type(problem).__name__


def _pillow() -> Any:
    try:
        from PIL import Image

        for plugin in _PLUGINS:
            import_module(f"PIL.{plugin}ImagePlugin")
    except ImportError as problem:
        raise NotInstalled(
            f"reading images needs Pillow, which cannot be imported ({problem}). "
            f"Install it with: {installation.install('image')}"
        ) from problem
    return Image
