"""Rows of inputs wherever they lie: in a tensor, an array, a memory-mapped file or a cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qplug.contract.errors import NotSupported

Device = Literal["auto", "cpu", "cuda"]


class Rows(Protocol):
    """Anything that gives the rows of an index array."""

    @property
    def shape(self) -> Any:
        """(n, …)."""

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, index: Any, /) -> Any:
        """The rows of an index array, as a tensor or a numpy array."""


class FileRows:
    """The rows of an array in a ``.npy`` file, mapped into memory: another process that is given them maps the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values = np.load(path, mmap_mode="r", allow_pickle=False)

    def __reduce__(self) -> tuple[type[FileRows], tuple[Path]]:
        return FileRows, (self.path,)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, …)."""
        return tuple(self._values.shape)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: Any, /) -> NDArray[np.float32]:
        return np.asarray(self._values[index])


def take(rows: Rows, index: NDArray[np.int64]) -> Tensor:
    """The rows (len(index), …) of an index array, as float32."""
    if isinstance(rows, Tensor):
        return rows[torch.from_numpy(index).to(rows.device)].float()
    return torch.from_numpy(np.ascontiguousarray(rows[index], dtype=np.float32))


def resolve_device(device: Device) -> Literal["cpu", "cuda"]:
    """The device that ``"auto"`` stands for here.

    Raises:
        NotSupported: if CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise NotSupported("device cuda was asked for, but torch finds no CUDA device here. Use --device cpu or auto.")
    return "cuda" if available and device != "cpu" else "cpu"
