"""What a folder of the user's own holds."""

from __future__ import annotations

import mimetypes
import os
from collections import Counter
from itertools import filterfalse
from pathlib import Path

from qplug.contract.interfaces import Modality
from qplug.signals.litter import is_litter

_ENOUGH = 1000  # files that are looked at, by name alone


def modality_of(folder: Path) -> Modality:
    """Whether most files below a folder are named like images or like recordings; ``"audio"`` if neither is.

    Litter does not count: file browsers lay a small picture beside each file.
    """
    counts: Counter[str] = Counter()
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_litter(name)]
        for name in filterfalse(is_litter, names):
            counts[(mimetypes.guess_type(name)[0] or "").partition("/")[0]] += 1
        if counts.total() > _ENOUGH:
            break
    return "image" if counts["image"] > counts["audio"] else "audio"
