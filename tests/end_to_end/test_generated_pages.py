"""The pages of the reference that are made from the code say what the code says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from qplug import catalogue

ROOT = Path(__file__).parents[2]
MADE = """
import runpy, sys
made = runpy.run_path("docs/generate/reference.py")
for name, make in made["PAGES"].items():
    if (made["REFERENCE"] / name).read_text("utf-8") != make():
        print(name)
"""


def test_the_generated_pages_are_fresh(forking: Any) -> None:
    lacking = {module for known in catalogue.registry().components.values() for module in known.missing()}
    if lacking - {"mlflow", "tensorboard"}:
        pytest.skip(f"components need {', '.join(sorted(lacking))}")
    done = forking(["-c", MADE], ROOT, os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "run: python docs/generate/reference.py"
