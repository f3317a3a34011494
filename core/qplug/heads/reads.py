"""Where values leave torch: what is computed of them outside would stay as it was when the head was made."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

_READERS = {
    "__array__", "__bool__", "__complex__", "__float__", "__index__", "__int__", "item", "numpy", "tensor", "tolist",
}  # fmt: skip
_LIBRARIES = ("torch", "numpy", "pennylane", "autoray", "functools", "qiskit", "qplug")


class Reads(TorchFunctionMode):
    """Notes where values that depend on the given tensors leave torch."""

    def __init__(self, sources: Sequence[Tensor] = ()) -> None:
        super().__init__()
        self._kept: list[Tensor] = []  # kept alive, so that no other tensor gets their identity
        self._known: set[int] = set()
        self.found: list[str] = []
        self.by_the_author = False
        self.watch(sources)

    def watch(self, sources: Sequence[Tensor]) -> None:
        """These and all that is computed of them are followed."""
        self._kept += sources
        self._known |= {id(source) for source in sources}

    def depends(self, tree: Any) -> bool:
        """Whether a tensor in lists, tuples and dictionaries was computed of what is followed."""
        return any(id(value) in self._known for value in _tensors(tree))

    def _any_of(self, values: Any) -> bool:
        """``depends`` for arguments, most of which are tensors and plain values: this is asked at each operation."""
        for value in values:
            if isinstance(value, Tensor):
                if id(value) in self._known:
                    return True
            elif isinstance(value, list | tuple | dict) and self.depends(value):
                return True
        return False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not self._any_of(args) and not (kwargs and self._any_of(kwargs.values())):
            return func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in _READERS:
            self._note(name)
        result = func(*args, **(kwargs or {}))
        self.watch(list(_tensors(result)))
        return result

    def _note(self, reader: str) -> None:
        frame, direct = sys._getframe(2), True
        while frame.f_back is not None and _library(frame.f_globals.get("__name__", "")):
            direct = direct and _library(frame.f_globals.get("__name__", "")) != "pennylane"
            frame = frame.f_back
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        self.by_the_author = self.by_the_author or direct
        text = f"`{line}` (line {frame.f_lineno})" if line else f"Tensor.{reader} in {frame.f_code.co_name}"
        if text not in self.found:
            self.found.append(text)

    def advice(self) -> str:
        """Where values left torch, and what to write instead."""
        cure = (
            " Write it in torch: torch.arctan for np.arctan, torch.clamp for np.clip, torch.stack([…]) for "
            "torch.tensor([…]), the tensor itself for .tolist(), .numpy() and qml.math.toarray; give random structure "
            "a seed."
        )
        return f" Values are read in {'; '.join(self.found[:3])}.{cure}" if self.found else cure


def _library(module: str) -> str:
    root = module.partition(".")[0]
    return root if root in _LIBRARIES or root.startswith("qplug_") else ""


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _tensors(value)
    elif isinstance(tree, dict):
        yield from _tensors(list(tree.values()))
