"""The server as a process of its own, for tests that kill its clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .control import Control

TESTS = Path(__file__).parents[1]


@contextmanager
def own_process(*words: str) -> Iterator[Control]:
    """Starts it with the words of ``python -m ibm_service``, and ends it afterwards."""
    command = [sys.executable, "-m", "ibm_service", *words]
    with subprocess.Popen(command, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield Control(int(process.stdout.readline()))
        finally:
            process.stdin.close()
