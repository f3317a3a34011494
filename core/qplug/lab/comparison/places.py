"""Who may compute on what: the threads and GPUs of one machine, shared among the cells that run on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable

from qplug.contract.interfaces import Needs

Gpus = tuple[str, ...]


class Places:
    """The threads and GPUs that are free. GPUs are looked for when the first cell asks for one.

    Args:
        threads: how many threads may compute at once.
        per_gpu: how many cells may share a GPU.
    """

    def __init__(self, threads: int, per_gpu: int) -> None:
        self._threads = threads
        self._per_gpu = per_gpu
        self._taken: list[tuple[Needs, Gpus]] = []
        self._gpus: Gpus | None = None

    def n_gpus(self) -> int:
        """How many GPUs there are, free or not."""
        if self._gpus is None:
            self._gpus = visible_gpus()
        return len(self._gpus)

    def take(self, needs: Needs, warm: Iterable[Gpus] = ()) -> Gpus | None:
        """Takes what a cell needs.

        Args:
            needs: at most as many GPUs as there are. Of threads it may need more than there are: then it runs alone.
            warm: sets of GPUs that are taken rather than others, where all of a set is free.

        Returns:
            The GPUs; None if the cell has to wait.
        """
        busy = sum(taken.threads for taken, _ in self._taken)
        if self._taken and busy + needs.threads > self._threads:
            return None
        gpus = self._free_gpus(needs.gpus, warm)
        if gpus is not None:
            self._taken.append((needs, gpus))
        return gpus

    def give_back(self, needs: Needs, gpus: Gpus) -> None:
        """Frees what ``take`` gave."""
        self._taken.remove((needs, gpus))

    def _free_gpus(self, n: int, warm: Iterable[Gpus]) -> Gpus | None:
        if n == 0:
            return ()
        self.n_gpus()
        load = Counter(gpu for _, gpus in self._taken for gpu in gpus)
        free = sorted((gpu for gpu in self._gpus or () if load[gpu] < self._per_gpu), key=load.__getitem__)
        if len(free) < n:
            return None
        return next((gpus for gpus in warm if set(gpus) <= set(free)), tuple(free[:n]))


def visible_gpus() -> Gpus:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them; no library is loaded for that."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is None:
        return tuple(str(index) for index in range(_count_gpus()))
    names = [name.strip() for name in told.split(",")]
    # CUDA stops reading at the first name that is none, which is how people switch GPUs off.
    end = next((index for index, name in enumerate(names) if name in ("", "-1", "NoDevFiles")), len(names))
    return tuple(names[:end])


def _count_gpus() -> int:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    try:
        told = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in told.splitlines())
