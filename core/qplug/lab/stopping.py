"""Signals that end a process: each is heard, said, and leaves as one exception that carries its number."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from qplug.contract.errors import Stopped, signal_of
from qplug.variables import grace

ENDING = tuple(
    getattr(signal, name)
    for name in ("SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGALRM", "SIGVTALRM", "SIGPROF")
    if hasattr(signal, name)
)
"""The signals that end a process unless it says otherwise. SIGQUIT stays as it is: the way out when all else hangs."""
_ANNOUNCING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))
GRACE = 20.0
"""Seconds that an epoch has to end in after SIGTERM in a job of SLURM, which kills after 30 by default."""


class _Heeding:
    """What was heard while signals are heeded.

    Attributes:
        number: the signal that is to end the process; 0 before one came.
        waiting: whether its end was put off to the next checkpoint.
        holding: whether a checkpoint is on its way, so that it may be.
    """

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self.number = 0
        self.waiting = self.holding = False
        self.timer: threading.Timer | None = None

    def hear(self, number: int, _: FrameType | None) -> None:
        """Raises ``Stopped``, at once or, where that is wanted, after the next checkpoint."""
        if self.number and not self.waiting and number != signal.SIGINT:
            return  # what tidies up after the first signal is left to do so
        if self.holding and number in _ANNOUNCING and "SLURM_JOB_ID" in os.environ:
            self._put_off(number)
            return
        self.stop(number)

    def stop(self, number: int) -> None:
        """Raises ``Stopped``."""
        self.number, self.waiting = number, False
        raise Stopped(number)

    def _put_off(self, number: int) -> None:
        self.number, self.waiting = number, True
        # SIGUSR1 is sent as long before the end as the user asked for; SIGTERM is followed by a kill.
        if number == signal.SIGTERM and self.timer is None:
            self.timer = threading.Timer(self.grace, self._end_waiting)
            self.timer.daemon = True
            self.timer.start()

    def _end_waiting(self) -> None:
        self.holding = False
        if self.waiting:
            signal.pthread_kill(threading.main_thread().ident or 0, self.number)


_heeding: _Heeding | None = None


@contextlib.contextmanager
def heeding_signals() -> Iterator[None]:
    """Inside, a signal that would end the process raises ``Stopped`` in the main thread.

    Only signals that nobody else minds: one that is ignored, as under nohup, or has a handler, stays as it is.
    """
    global _heeding
    if _heeding is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    mine = [number for number in ENDING if before[number] in (signal.SIG_DFL, signal.default_int_handler)]
    _heeding = heard = _Heeding(grace(GRACE))
    try:
        for number in mine:
            signal.signal(number, heard.hear)
        yield
    finally:
        _heeding = None
        if heard.timer is not None:
            heard.timer.cancel()
        for number in mine:
            signal.signal(number, before[number])


@contextlib.contextmanager
def checkpoints_first() -> Iterator[None]:
    """Inside, SIGTERM and SIGUSR1 in a job of SLURM wait for ``stop_if_asked``, SIGTERM not longer than ``GRACE``."""
    heard = _heeding
    if heard is None:
        yield
        return
    heard.holding = True
    try:
        yield
    finally:
        heard.holding = False


def stop_if_asked(*, checkpoint: bool = False) -> None:
    """Raises ``Stopped`` if a signal came and the exception was lost on its way, or waits for a checkpoint.

    A signal may arrive where Python cannot pass an exception on, or in code that catches all.

    Args:
        checkpoint: whether a checkpoint was just written, for which a signal may wait.
    """
    heard = _heeding
    if heard is not None and heard.number and (checkpoint or not heard.waiting):
        heard.stop(heard.number)


def heard() -> int:
    """The signal that came while signals are heeded; 0 if none did."""
    return _heeding.number if _heeding is not None else 0


@contextlib.contextmanager
def own_handlers() -> Iterator[Callable[[], None]]:
    """After the block all handlers are what they were; inside, what it gives puts them back at once."""
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in ENDING}

    def put_back() -> None:
        for number, handler in before.items():
            if main and handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    try:
        yield put_back
    finally:
        put_back()


def by(stop: BaseException) -> str:
    """`` by SIGTERM`` and the like; nothing for Ctrl-C, which the user knows of."""
    number = signal_of(stop)
    return "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
