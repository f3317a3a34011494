"""What a run computes with, for an executor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qplug.contract.interfaces import Needs
from qplug.variables import usable_cores


def needs_of(settings: Mapping[str, Any]) -> Needs:
    """The threads and GPUs that a run's configuration says: a GPU for each process of its training.

    Args:
        settings: the tables of the run, with threads and device written out.
    """
    processes, on_gpu = int(settings["training"]["devices"]), settings["device"] == "cuda"
    # Processes on the CPU share the threads of the run out among them, and each has at least one.
    threads = int(settings["threads"]) if on_gpu else max(int(settings["threads"]), processes)
    return Needs(threads=threads, gpus=processes if on_gpu else 0)


def room_for(needs: Needs) -> int:
    """How many such runs the cores of this machine can work on at once; 1 where they need a GPU."""
    return 1 if needs.gpus else max(1, usable_cores() // needs.threads)
