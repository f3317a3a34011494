"""Keeping the standard output for results."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Sends all that is written to the standard output to the standard error, from Python and from C alike.

    A plugin that prints when it is imported must not spoil ``--json``.
    """
    sys.stdout.flush()
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as undo:
        try:
            kept = os.dup(1)
            undo.callback(os.close, kept)
            os.dup2(2, 1)
            undo.callback(os.dup2, kept, 1)
        except OSError:
            pass  # no such descriptors, as under some windowed interpreters: Python's own stream is diverted
        yield
