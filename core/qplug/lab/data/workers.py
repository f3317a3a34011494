"""What a worker process does before its first task. Nothing heavy is imported here: the limits must come first."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import parent_process, resource_tracker
from multiprocessing.process import BaseProcess

from qplug.lab.stopping import ENDING
from qplug.variables import thread_variables

ONE_THREAD = thread_variables(1)
"""Environment under which a process computes on one core: there is one process per core already."""


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Sets environment variables for the processes that the block starts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)  # a plugin may have taken it away
            else:
                os.environ[name] = value


@contextmanager
def blas_on(n: int) -> Iterator[None]:
    """Lets the linear algebra below numpy, as far as it is loaded, compute on ``n`` threads."""
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError:
        yield
        return
    with threadpool_limits(limits=n, user_api="blas"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets the numerical libraries compute on one thread, so that results do not depend on the number of cores."""
    with ExitStack() as stack:
        try:
            from threadpoolctl import threadpool_limits
        except ImportError:
            pass
        else:
            stack.enter_context(threadpool_limits(limits=1))
        torch = sys.modules.get("torch")
        if torch is not None and torch.get_num_threads() != 1:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        yield


@contextmanager
def deaf_to_signals() -> Iterator[None]:
    """Processes that the block starts hear no ``ENDING`` signal, not even while they start; this one does after it.

    Terminals and clusters send signals to all processes of a job. A worker that dies of one prints a traceback, and may
    die with a lock that others then wait for.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows: nothing is inherited there
        yield
        return
    resource_tracker.ensure_running()  # it would lift the mask when the first process starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def without_script() -> Iterator[None]:
    """Processes that the block starts do not run the script again that this process runs.

    They need nothing of it, and one that starts a run without asking for its ``__name__`` would start it in each.
    """
    main = vars(sys.modules["__main__"])
    before = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update({"__spec__": None} | before)


def prepare_worker() -> None:
    """Leaves signals to the parent, and ends this process when the parent is gone, killed or not."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
