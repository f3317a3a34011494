"""What belongs to the whole process, compared and put back around calls into other people's code.

A plugin shares its process with the run: a hook that draws a random number, a head that changes torch's default dtype
or a module that leaves the working directory would change numbers that are not its own. ``guarded`` stands around such
calls. numpy and torch are looked at only where they are loaded, so that a guard imports nothing.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import json
import locale
import logging
import math
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import is_
from types import ModuleType
from typing import Any

_log = logging.getLogger("qplug")

LOGGERS = ("", "lightning", "lightning.pytorch", "lightning.fabric", "py.warnings")
"""Loggers whose settings decide what a user is told; the first is the root."""


@dataclass(frozen=True)
class Aspect:
    """One thing that belongs to the process.

    Attributes:
        name: what it is called in a message.
        read: its state now, as a value that nobody changes later; compared with ``==``.
        restore: puts a state back.
        imports: whether importing a package may rightly change it, so that putting it back is worth no word.
        set_up: whether libraries set it up when they are first imported, so that an import may leave it changed.
        drawn_from: whether libraries draw from it when they are imported, so that putting it back needs no word then.
        fresh: its state when torch has just been loaded, where that is known.
    """

    name: str
    read: Callable[[], Any]
    restore: Callable[[Any], object]
    imports: bool = False
    set_up: bool = False
    drawn_from: bool = False
    fresh: Callable[[], Any] | None = None


def _torch(name: str, read: str, restore: Callable[[ModuleType, Any], object], **more: Any) -> Aspect:
    """An aspect of torch that a function without arguments tells; None while torch is not loaded."""

    def state() -> Any:
        torch = sys.modules.get("torch")
        return None if torch is None or not hasattr(torch, "get_rng_state") else _call(torch, read)

    return Aspect(name, state, lambda before: before is None or restore(sys.modules["torch"], before), **more)


def _call(module: ModuleType, path: str) -> Any:
    found: Any = module
    for step in path.split("."):
        found = getattr(found, step)
    return found()


def _torch_random() -> Any:
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_rng_state"):
        return None
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [state.numpy().tobytes() for state in (torch.get_rng_state(), *cuda)]


def _put_torch_random(before: Any) -> None:
    torch = sys.modules["torch"]
    cpu, *cuda = [torch.frombuffer(bytearray(state), dtype=torch.uint8) for state in before or [b""]]
    if before:
        torch.set_rng_state(cpu)
    if cuda:
        torch.cuda.set_rng_state_all(cuda)


def _numpy_random() -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None or "numpy.random" not in sys.modules:
        return None
    name, keys, *rest = numpy.random.get_state()
    return (name, keys.tobytes(), *rest)


def _put_numpy_random(before: Any) -> None:
    if before is not None:
        numpy = sys.modules["numpy"]
        name, keys, *rest = before
        numpy.random.set_state((name, numpy.frombuffer(keys, dtype=numpy.uint32), *rest))


def _numpy_errors() -> Any:
    numpy = sys.modules.get("numpy")
    return None if numpy is None or not hasattr(numpy, "geterr") else tuple(sorted(numpy.geterr().items()))


def _folder() -> str | None:
    with contextlib.suppress(OSError):
        return os.getcwd()  # noqa: PTH109 - a text is kept, not a path
    return None


def _file_modes() -> int:
    # Only setting tells; what is set meanwhile is the strictest.
    mode = os.umask(0o077)
    os.umask(mode)
    return mode


def _put_environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _loggers(names: Iterable[str]) -> Any:
    return [(logger.level, logger.disabled, logger.propagate, tuple(logger.handlers), tuple(logger.filters))
            for logger in map(logging.getLogger, names)]  # fmt: skip


def _put_loggers(names: Iterable[str], before: Any) -> None:
    for name, (level, disabled, propagate, handlers, filters) in zip(names, before, strict=True):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.disabled, logger.propagate = disabled, propagate
        logger.handlers[:], logger.filters[:] = handlers, filters


def _put_own_logging(before: Any) -> None:
    logging.disable(before[0])
    _put_loggers(("qplug",), before[1])


def _put_list(target: list[Any]) -> Callable[[Any], None]:
    def put(before: Any) -> None:
        target[:] = before

    return put


def _signals() -> Any:
    if threading.current_thread() is not threading.main_thread():
        return None  # others may not set handlers
    handlers = tuple((number, signal.getsignal(number)) for number in sorted(signal.valid_signals()))
    masked = frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ())) if hasattr(signal, "pthread_sigmask") else None
    return handlers, masked


def _put_signals(before: Any) -> None:
    if before is None:
        return
    handlers, masked = before
    for number, handler in handlers:
        if signal.getsignal(number) != handler and handler is not None:
            signal.signal(number, handler)
    if masked is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _put_streams(before: Any) -> None:
    sys.stdin, sys.stdout, sys.stderr = before


def _put_last_words(before: Any) -> None:
    sys.excepthook, sys.displayhook = before


def _namespaces() -> list[Any]:
    """What a run calls into most, and who patches it reaches the run by."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    found: list[Any] = [builtins, os, math, random, time, json, importlib]
    if numpy is not None and hasattr(numpy, "ndarray"):
        found += [numpy, *filter(None, [sys.modules.get("numpy.random"), sys.modules.get("numpy.linalg")])]
    if torch is not None and hasattr(torch, "get_rng_state"):
        found += [torch, torch.nn.functional, torch.Tensor, torch.nn.Module, torch.optim.Optimizer, torch.linalg]
        found += [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.nn.Linear, torch.autograd]
    return found


def _functions() -> list[tuple[Any, dict[str, Any]]]:
    return [(space, dict(vars(space))) for space in _namespaces()]


@dataclass
class _Functions:
    """Functions by identity: an import may add some; none may be replaced or taken away."""

    found: list[tuple[Any, dict[str, Any]]]

    def patched(self) -> list[tuple[Any, str, Any]]:
        return [
            (space, name, value)
            for space, content in self.found
            if not _untouched(content, vars(space))
            for name, value in content.items()
            if callable(value) and vars(space).get(name) is not value
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Functions) and not self.patched()


def _untouched(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether all names and values are the same ones in the same order: quick, and what nearly every look finds."""
    return len(before) == len(now) and all(map(is_, before, now)) and all(map(is_, before.values(), now.values()))


def _put_functions(before: _Functions) -> None:
    for space, name, value in before.patched():
        setattr(space, name, value)


def _module_hooks() -> Any:
    module = sys.modules.get("torch.nn.modules.module")
    if module is None:
        return None
    return [(value, dict(value)) for name, value in vars(module).items()
            if name.startswith("_global_") and isinstance(value, dict)]  # fmt: skip


def _put_module_hooks(before: Any) -> None:
    for hooks, content in before or ():
        hooks.clear()
        hooks.update(content)


def _put_folder(before: str | None) -> None:
    if before is not None:
        os.chdir(before)


def _put_filters(before: list[Any]) -> None:
    filters: Any = warnings.filters
    filters[:] = before


def _put_collection(before: tuple[bool, tuple[int, int, int]]) -> None:
    gc.set_threshold(*before[1])
    (gc.enable if before[0] else gc.disable)()


def _put_tracing(before: tuple[Any, Any]) -> None:
    sys.settrace(before[0])
    sys.setprofile(before[1])


ASPECTS: tuple[Aspect, ...] = (
    Aspect("replaced functions", lambda: _Functions(_functions()), _put_functions, set_up=True),
    _torch("torch's default dtype", "get_default_dtype", lambda torch, before: torch.set_default_dtype(before),
           fresh=lambda: sys.modules["torch"].float32),
    _torch("torch's default device", "get_default_device", lambda torch, before: torch.set_default_device(
        None if before.type == "cpu" else before)),
    _torch("torch's threads", "get_num_threads", lambda torch, before: torch.set_num_threads(before), set_up=True),
    _torch("torch's gradient mode", "is_grad_enabled", lambda torch, before: torch.set_grad_enabled(before),
           fresh=lambda: True),
    _torch("torch's choice of algorithms", "are_deterministic_algorithms_enabled",
           lambda torch, before: torch.use_deterministic_algorithms(before)),
    _torch("torch's precision of products", "get_float32_matmul_precision",
           lambda torch, before: torch.set_float32_matmul_precision(before)),
    _torch("torch's anomaly detection", "is_anomaly_enabled",
           lambda torch, before: torch.autograd.set_detect_anomaly(before), fresh=lambda: False),
    Aspect("torch's hooks on all modules", _module_hooks, _put_module_hooks, set_up=True),
    Aspect("torch's random state", _torch_random, _put_torch_random),
    Aspect("numpy's random state", _numpy_random, _put_numpy_random),
    Aspect("numpy's handling of errors", _numpy_errors, lambda before: before and sys.modules["numpy"].seterr(
        **dict(before))),
    Aspect("Python's random state", random.getstate, random.setstate, drawn_from=True),
    Aspect("the working directory", _folder, _put_folder),
    Aspect("the modes of new files", _file_modes, os.umask),
    Aspect("the environment", lambda: dict(os.environ), _put_environment, set_up=True),
    Aspect("the import path", lambda: list(sys.path), lambda before: _put_list(sys.path)(before), set_up=True),
    Aspect("the filters of warnings", lambda: list(warnings.filters), _put_filters, imports=True, set_up=True),
    Aspect("how warnings are shown", lambda: warnings.showwarning, lambda before: setattr(
        warnings, "showwarning", before), set_up=True),
    Aspect("logging", lambda: _loggers(LOGGERS), lambda before: _put_loggers(LOGGERS, before), set_up=True),
    Aspect("what logging lets through", lambda: (logging.root.manager.disable, _loggers(("qplug",))), _put_own_logging),
    Aspect("the handling of signals", _signals, _put_signals),
    Aspect("the standard streams", lambda: (sys.stdin, sys.stdout, sys.stderr), _put_streams),
    Aspect("what uncaught errors print", lambda: (sys.excepthook, sys.displayhook), _put_last_words, set_up=True),
    Aspect("the limit of recursion", sys.getrecursionlimit, sys.setrecursionlimit),
    Aspect("garbage collection", lambda: (gc.isenabled(), gc.get_threshold()), _put_collection),
    Aspect("tracing and profiling", lambda: (sys.gettrace(), sys.getprofile()), _put_tracing),
    Aspect("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda before: locale.setlocale(
        locale.LC_ALL, before), imports=True, set_up=True),
)  # fmt: skip
"""In the order in which they are put back: replaced functions first, because the rest is put back by calling some."""


@contextlib.contextmanager
def guarded(who: str, *, told: set[tuple[str, str]] | None = None) -> Iterator[None]:
    """Puts everything back that the block changed for the whole process, and says who changed it.

    Args:
        who: whose code the block calls, such as ``"the hook plugin 'diary'"``.
        told: what was said before, so that it is said once; a pair of ``who`` and an aspect's name each.
    """
    changed: list[str] = []
    try:
        with put_back() as changed:
            yield
    finally:
        known = set() if told is None else told
        new = [name for name in changed if (who, name) not in known]
        known.update((who, name) for name in new)
        if new:
            _log.warning("%s changed %s for the whole process. It was put back.", who, _and(new))


@contextlib.contextmanager
def put_back(*, at_import: bool = False) -> Iterator[list[str]]:
    """Puts everything back that the block changed for the whole process; the list then names what it was.

    Args:
        at_import: the block imports something: what libraries rightly set up stays. What the first import of torch
            brings along is compared with torch as it comes.
    """
    before = [(aspect, aspect.read()) for aspect in ASPECTS if not (at_import and aspect.set_up)]
    changed: list[str] = []
    try:
        yield changed
    finally:
        behind = [*_put_back(before), *(_put_back(_as_torch_comes(before)) if at_import else ())]
        changed += [each.name for each in behind if not (each.imports or (at_import and each.drawn_from))]


def _as_torch_comes(before: Iterable[tuple[Aspect, Any]]) -> Iterator[tuple[Aspect, Any]]:
    """The state in which torch comes, where it was not there before and is now."""
    for aspect, state in before:
        if state is None and aspect.fresh is not None and aspect.read() is not None:
            yield aspect, aspect.fresh()


def _put_back(before: Iterable[tuple[Aspect, Any]]) -> Iterator[Aspect]:
    """What was changed, each when it is put back."""
    for aspect, state in before:
        if state is not None and state != aspect.read():
            aspect.restore(state)
            yield aspect


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
