"""Where tests make runs, and of what."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from qplug.lab.runner.workplace import Workplace


def without_figures() -> Workplace:
    """What the environment describes. Figures have tests of their own, and take longer than a short training."""
    return replace(Workplace.from_environment(), figures=False)


def pictures(folder: Path) -> Path:
    """Forty pictures, dark ones and light ones, as ``folder`` reads them."""
    draw = np.random.default_rng(0)
    for number in range(40):
        path = folder / ("dark", "light")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Picture.fromarray(draw.integers(0, 100, (4, 4)).astype(np.uint8) + 100 * (number % 2)).save(path)
    return folder
