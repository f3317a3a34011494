"""Under which circumstances something was measured."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from qplug import catalogue
from qplug.installation import canonical
from qplug.version import PROJECT, __version__

PACKAGES = (PROJECT, "torch", "numba")
"""What takes part in every measurement, or may."""


@contextlib.contextmanager
def threads(number: int | None) -> Iterator[int]:
    """Torch's CPU threads inside the block; None leaves them as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def versions(others: Iterable[str] = ()) -> dict[str, str]:
    """Python's version and those of the packages that may take part: those of all known backends, and others."""
    found = {"Python": platform.python_version()}
    known = [module for entry in catalogue.registry().components.values() if entry.kind == "backend"
             for module in entry.requires]  # fmt: skip
    for package in dict.fromkeys(canonical(name) for name in (*PACKAGES, *known, *others)):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = __version__ if package == PROJECT else version(package)
    return found


def device_name(device: str) -> str:
    """The GPU's or the processor's name, as far as the system tells it."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
