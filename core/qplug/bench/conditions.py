"""Under which circumstances something was measured."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = (
    "qplug", "torch", "numba", "pennylane", "pennylane-lightning", "qiskit", "qiskit-aer", "qiskit-machine-learning",
    "tensorcircuit-ng", "jax",
)  # fmt: skip


@contextlib.contextmanager
def threads(number: int | None) -> Iterator[int]:
    """Torch's CPU threads inside the block; None leaves them as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def versions() -> dict[str, str]:
    """Python's version and those of the packages that may take part."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
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
