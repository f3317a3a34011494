"""Hook plugins that try to change a run, no two alike. Installed by a test; torch and numpy are imported late."""

import builtins
import gc
import io
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
from collections.abc import Callable
from typing import Any

from qplug.contract.hooks import hookimpl

ACTED: set[str] = set()
"""The plugins that were called."""


class Hostile:
    """Acts at the start, after each epoch and at both ends of a run."""

    def __init__(self, name: str, act: Callable[[dict[str, Any]], object]) -> None:
        self.name = name
        self.act = act

    @hookimpl
    def run_started(self, run: Any) -> object:
        return self._do({"run": run, "metrics": {}})

    @hookimpl
    def epoch_ended(self, run: Any, epoch: int, metrics: Any) -> object:
        return self._do({"run": run, "metrics": metrics})

    @hookimpl
    def run_ended(self, run: Any, metrics: Any) -> object:
        return self._do({"run": run, "metrics": metrics})

    def _do(self, given: dict[str, Any]) -> object:
        ACTED.add(self.name)
        return self.act(given)


def torch() -> Any:
    return sys.modules["torch"]


def numpy() -> Any:
    return sys.modules["numpy"]


def throw(error: BaseException) -> None:
    raise error


def forge(given: dict[str, Any]) -> None:
    for name in list(given["metrics"]):
        dict.__setitem__(given["metrics"], name, 0.999)


def delete(given: dict[str, Any]) -> None:
    dict.clear(given["metrics"])
    dict.clear(given["run"].config["training"])


def redirect(given: dict[str, Any]) -> None:
    object.__setattr__(given["run"], "seed", 99)
    object.__setattr__(given["run"], "directory", given["run"].directory.parent)


def thread(given: dict[str, Any]) -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def late(given: dict[str, Any]) -> None:
    """Seeds from another thread, while the hook waits for it."""
    worker = threading.Thread(target=lambda: (random.seed(1), torch().manual_seed(1)))
    worker.start()
    worker.join()


def close(given: dict[str, Any]) -> None:
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    sys.stdout.close()
    sys.stderr.close()


def language(given: dict[str, Any]) -> None:
    for name in ("de_DE.UTF-8", "C.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            continue


def deny(given: dict[str, Any]) -> None:
    os.umask(0o777)


def mangle(given: dict[str, Any]) -> None:
    torch().nn.functional.cross_entropy = lambda *_, **__: torch().zeros((), requires_grad=True)


class Unspeakable(BaseException):
    def __str__(self) -> str:
        raise RuntimeError


ACTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "forges-metrics": forge,
    "deletes-keys": delete,
    "redirects-the-run": redirect,
    "default-dtype": lambda _: torch().set_default_dtype(torch().float64),
    "seeds-torch": lambda _: torch().manual_seed(7),
    "draws-from-torch": lambda _: torch().rand(5),
    "seeds-numpy": lambda _: numpy().random.seed(7),
    "seeds-python": lambda _: random.seed(7),
    "seeds-in-a-thread": late,
    "threads": lambda _: torch().set_num_threads(torch().get_num_threads() + 1),
    "no-gradients": lambda _: torch().set_grad_enabled(False),
    "algorithms": lambda _: torch().use_deterministic_algorithms(True),
    "zeroes-layers": lambda _: torch().nn.modules.module.register_module_forward_hook(lambda *given: given[-1] * 0),
    "patches-the-loss": mangle,
    "patches-the-optimiser": lambda _: setattr(torch().optim.Adam, "step", lambda *_, **__: None),
    "patches-builtins": lambda _: setattr(builtins, "sorted", lambda values, **_: list(values)),
    "patches-mathematics": lambda _: setattr(math, "sqrt", lambda _: 1.0),
    "stops-the-clock": lambda _: setattr(time, "perf_counter", lambda: 0.0),
    "numpy-errors": lambda _: numpy().seterr(all="raise"),
    "leaves-the-folder": lambda _: os.chdir("/"),
    "file-modes": deny,
    "environment": lambda _: os.environ.clear(),
    "import-path": lambda _: sys.path.clear(),
    "warnings-are-errors": lambda _: warnings.simplefilter("error"),
    "silences-logging": lambda _: logging.disable(logging.CRITICAL),
    "ignores-signals": lambda _: [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGTERM, signal.SIGINT)],
    "closes-streams": close,
    "recursion": lambda _: sys.setrecursionlimit(150),
    "no-collection": lambda _: gc.disable(),
    "language": language,
    "daemon-thread": thread,
    "junk": lambda _: [float("nan")] * 1000,
    "escapes": lambda _: print("\x1b[2J\x1b]0;owned\x07"),
    "exits": lambda _: throw(SystemExit(0)),
    "generator-exit": lambda _: throw(GeneratorExit("\x1b[2J")),
    "memory": lambda _: throw(MemoryError()),
    "stops-iteration": lambda _: throw(StopIteration(3)),
    "group": lambda _: throw(BaseExceptionGroup("many", [SystemExit(1)])),
    "unspeakable": lambda _: throw(Unspeakable()),
}
PLUGINS = {name.replace("-", "_"): Hostile(name, act) for name, act in ACTS.items()}
globals().update(PLUGINS)
