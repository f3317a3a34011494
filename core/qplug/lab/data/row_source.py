"""Rows of inputs wherever they lie: in a tensor, an array, a memory-mapped file or a cache."""

from __future__ import annotations

from mmap import mmap
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qplug.contract.errors import NotSupported

Device = Literal["auto", "cpu", "cuda"]

IN_MEMORY = 10**9
"""Rows that take fewer bytes than this are read once and kept."""


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


def rows_at(values: NDArray[np.float32], indices: NDArray[np.int64]) -> torch.Tensor | Subset:
    """The rows at ``indices``: in memory if they take less than 1 GB, else read when they are asked for."""
    size = len(indices) * values[0].nbytes
    return torch.from_numpy(np.array(values[indices])) if size < IN_MEMORY else Subset(values, indices)


class Subset:
    """Some rows of an array on disk, read batch by batch."""

    def __init__(self, values: NDArray[np.float32], indices: NDArray[np.int64]) -> None:
        self._values = values
        self._indices = indices

    def __reduce__(self) -> tuple[Any, ...]:
        # numpy copies a mapped file's content into a pickle; another process maps the file itself.
        values = self._values
        if isinstance(values, np.memmap) and isinstance(values.base, mmap):  # the whole mapping, no slice of it
            place = (values.filename, values.offset, values.shape, values.dtype.str)
            return _mapped_again, (*place, self._indices)
        return Subset, (values, self._indices)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *shape of one row)."""
        return (len(self._indices), *self._values.shape[1:])

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any, /) -> NDArray[np.float32]:
        return np.asarray(self._values[self._indices[np.asarray(index)]])


def _mapped_again(path: str, offset: int, shape: tuple[int, ...], dtype: str, indices: NDArray[np.int64]) -> Subset:
    return Subset(np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape), indices)


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
