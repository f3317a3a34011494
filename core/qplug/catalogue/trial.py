"""The process in which unknown plugins are tried: ``python -m qplug.catalogue.trial CLAIMS RESULTS PRINTED``.

It imports plugins one after another and writes a verdict per line as soon as there is one, so that a plugin that ends
or blocks the process says nothing about those before it. Each line names the plugin that it is about, and carries the
seal that the standard input gave: what a plugin writes among them is no verdict.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from qplug.catalogue.isolation import MOST_OUTPUT
from qplug.catalogue.loading import import_watched
from qplug.catalogue.offers import Offer
from qplug.contract.errors import PluginError

SLOW = 0.8
"""Seconds of a plugin's own code at import from which on it is called slow."""

MOST_WRITTEN = 64_000_000
"""Bytes of any one file that a plugin may write when it is tried."""


class Stopwatch:
    """Measures how long the code of each top-level package runs while it is imported, not counting what it imports."""

    def __init__(self) -> None:
        self.own: dict[str, float] = {}
        self._inner = [0.0]

    def watch(self, execute: Callable[[Any, ModuleType], None]) -> Callable[[Any, ModuleType], None]:
        """``execute``, a loader's ``exec_module``, with a watch around it."""

        def watched(loader: Any, module: ModuleType) -> None:
            package = module.__name__.partition(".")[0]
            started = time.perf_counter()
            self._inner.append(0.0)
            try:
                execute(loader, module)
            finally:
                elapsed = time.perf_counter() - started
                self.own[package] = self.own.get(package, 0.0) + elapsed - self._inner.pop()
                self._inner[-1] += elapsed

        return watched


def main() -> None:
    """Tries the offers in the JSON of the first argument; verdicts go to the file of the second.

    The third argument is the file that the standard output goes to.
    """
    gc.disable()  # this process loads modules and ends; looking for garbage among them is for nothing
    seal = _read_seal()
    _be_the_parent_of_plugins()
    offers = [Offer(**fields) for fields in json.loads(sys.argv[1])]
    results, printed = Path(sys.argv[2]), Path(sys.argv[3])
    _bound()
    stopwatch = Stopwatch()
    # This process exists for this one measurement, so the interpreter's own loader may be wrapped.
    SourceFileLoader.exec_module = stopwatch.watch(SourceFileLoader.exec_module)  # type: ignore[method-assign, assignment]
    with results.open("w", encoding="utf-8") as file:
        _write(file, {"seal": seal, "started": True})
        for offer in offers:
            _write(file, {"seal": seal, "about": offer.key, **_try(offer, stopwatch, printed)})
    os._exit(0)  # what plugins left behind (threads, exit handlers) must not hold the listing up


def _read_seal() -> str:
    """What the standard input says; plugins find it empty."""
    seal = sys.stdin.readline().strip()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    return seal


def _be_the_parent_of_plugins() -> None:
    """Goes on in a child: a plugin that ends its parent ends this process, not the one that asked."""
    if not hasattr(os, "fork"):
        return
    child = os.fork()
    if child:
        end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if end < 0:
            with contextlib.suppress(OSError):  # SIGKILL has no handler
                signal.signal(-end, signal.SIG_DFL)
            os.kill(os.getpid(), -end)
        os._exit(end if end >= 0 else 1)


def _bound() -> None:
    """Bounds what plugins can do here: no file beyond ``MOST_WRITTEN``, and no life after whoever asked has gone."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _write(file: TextIO, line: dict[str, Any]) -> None:
    file.write("\n" + json.dumps(line) + "\n")  # whatever a plugin has left behind on the last line
    file.flush()


def _try(offer: Offer, stopwatch: Stopwatch, printed: Path) -> dict[str, Any]:
    already = printed.stat().st_size
    stopwatch.own.clear()
    try:
        found, left = import_watched(offer)
    except PluginError as error:
        if printed.stat().st_size > MOST_OUTPUT:
            os._exit(1)  # the bound on files came before the look from outside, which now finds what it came for
        return {"ok": False, "reason": str(error)}
    sys.stdout.flush()
    remarks = list(left.remarks)
    if output := printed.read_bytes()[already:].decode("utf-8", "replace").split():
        remarks.append(f"prints when it is imported ({_short(' '.join(output))!r})")
    if stopwatch.own.get(offer.package, 0.0) >= SLOW:
        remarks.append(f"is slow: its own code took {stopwatch.own[offer.package]:.1f} s to import")
    return {"ok": True, "reason": "; ".join(remarks), "summary": str(getattr(found, "summary", "") or "")}


def _short(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


if __name__ == "__main__":
    main()
