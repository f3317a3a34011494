"""A file to its signal, upright and scaled: the one place where recordings and images are read.

Data sets read through it in training, the core reads through it in prediction, so that a classifier sees a file as it
saw others when it learnt. The libraries that decode are imported when the first file is read.
"""

from pathlib import Path

from qplug.contract.interfaces import Modality, Signal
from qplug.contract.interfaces.dataset import Excerpt
from qplug.signals.audio import audio_duration, read_audio
from qplug.signals.images import read_image

__all__ = ["audio_duration", "read_audio", "read_image", "read_signal"]


def read_signal(path: Path, modality: Modality, excerpt: Excerpt | None = None) -> Signal:
    """The recording or the image in a file, as ``read_audio`` or ``read_image`` gives it.

    Args:
        path: the file.
        modality: which of the two it must be.
        excerpt: what is needed of a recording, such as a feature extractor's ``excerpt``; None: all of it. No less is
            read, and no more where a recording's header shows that it is whole.

    Raises:
        DataError: the file is missing, empty, cut short, too large, or not of that modality.
        NotInstalled: the library that decodes it is missing.
    """
    return read_audio(path, excerpt=excerpt) if modality == "audio" else read_image(path)
