"""Networks that no memory holds, refused before anything of them is allocated."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from qplug.contract.errors import NotSupported, QplugError


@contextmanager
def bounded(what: str, limit: int | None = None) -> Iterator[None]:
    """Inside, tensors are made as long as all of them together fit into memory.

    What a tensor would take is found from the sizes, or on torch's meta device, which allocates nothing.

    Args:
        what: the component that is built, for the error.
        limit: bytes in all; by default the memory of this machine.

    Raises:
        NotSupported: the component would take more; the message says how much.
    """
    try:
        with _Counted(what, limit or physical_memory()):
            yield
    except QplugError:
        raise
    except MemoryError as error:
        raise NotSupported(f"{what} does not fit into memory ({error}). {_ADVICE}") from error


_ADVICE = "Make it smaller; its parameters and their ranges: qplug show"


def physical_memory() -> int:
    """Bytes of this machine's memory; where the system does not tell, 2^40."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**40


class _Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every tensor that is made from nothing, before it is."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.what, self.limit, self.total = what, limit, 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: torch would load its compiler, which takes as long as torch itself, to keep it away from here."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs an operation of torch, if what it makes still fits."""
        kwargs = kwargs or {}
        if "device" in {argument.name for argument in func._schema.arguments} and not _holds_tensor(args):
            self.total += self._bytes(func, args, kwargs)
            if self.total > self.limit:
                self._refuse(self.total)
        return func(*args, **kwargs)

    def _bytes(self, func: Any, args: Any, kwargs: dict[str, Any]) -> int:
        if (number := _number(func, args)) is not None:
            usual = torch.int64 if func.overloadpacket is torch.ops.aten.randint else torch.get_default_dtype()
            return number * (kwargs.get("dtype") or usual).itemsize
        try:
            shadow = func(*args, **{**kwargs, "device": torch.device("meta"), "pin_memory": False})
        except NotImplementedError:
            return 0
        except RuntimeError as error:
            if "overflow" not in str(error):
                return 0  # whatever is wrong with it is told by the call itself
            self._refuse(2**63)
        return shadow.numel() * shadow.element_size() if isinstance(shadow, Tensor) else 0

    def _refuse(self, n_bytes: int) -> None:
        raise NotSupported(
            f"{self.what} would take at least {n_bytes / 1e9:,.0f} GB for its weights alone; this machine has "
            f"{self.limit / 1e9:,.0f} GB of memory. {_ADVICE}"
        )


def _number(func: Any, args: Any) -> int | None:
    """How many entries a usual new tensor has; for some of these torch's meta device would load torch's compiler."""
    sizes: list[int]
    match func.overloadpacket.__name__, args:
        case (("empty" | "zeros" | "ones" | "rand" | "randn"), ([*sizes], *_)) | ("randint", (*_, [*sizes])):
            pass
        case "eye", (int(rows), *more):
            sizes = [rows, *(more[:1] or [rows])]
        case "linspace", (_, _, int(steps), *_):
            sizes = [steps]
        case _:
            return None
    return math.prod(max(size, 0) for size in sizes)


def _holds_tensor(values: Any) -> bool:
    return any(isinstance(value, Tensor) for value in values)
