"""Sends one unit of work and kills itself with SIGKILL where it is told: ``kill_remote.py FOLDER POINT``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from toy_remote import FolderQueue, serve

from qplug.lab.hardware.drive import Drive
from qplug.lab.hardware.files import Files
from qplug.lab.hardware.journal import JOURNAL, Journal
from qplug.testing.remote import trial_work


class Deadly(Files):
    """Dies at the given write, after it."""

    def __init__(self, point: int) -> None:
        self.left = point

    def append(self, path: Path, content: bytes) -> None:
        super().append(path, content)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    home, point = Path(sys.argv[1]), int(sys.argv[2])
    queue = home / "queue"
    journal = Journal(home / JOURNAL, Deadly(point))
    drive = Drive(FolderQueue(folder=str(queue)), journal, home, budget=60, sleep=lambda _: serve(queue))
    drive.settle(trial_work(100, "unit"))
