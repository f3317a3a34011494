"""Training in several processes on this machine that share each batch, through Lightning's DDP strategy.

The processes read the work from files, because shared memory is scarce in containers, and none is a fork of this one,
which torch's threads would not survive. On CPUs they are forks of a process without threads that has imported what
training needs, once for all of them and all later trainings; beside CUDA each is started afresh. They train; this
process listens to them, so that progress, Ctrl-C and errors are what they are with one process. Whoever calls this from
a script needs ``if __name__ == "__main__":`` there, because a new process imports the script.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess, SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qplug.atomic import remove_partial_files
from qplug.contract.errors import QplugError, UserError
from qplug.lab.data.row_source import FileRows, Rows
from qplug.lab.data.workers import deaf_to_signals, environment, prepare_worker
from qplug.lab.training.batches import Part
from qplug.lab.training.checkpoint import load_state
from qplug.lab.training.progress import OnEpoch, OnStep
from qplug.lab.training.work import Work, train

_Process = ForkServerProcess | SpawnProcess
_WORK, _MEETING = "work.pickle", "meeting"
_FAREWELL = 10.0  # seconds a process gets to end by itself


def train_in_processes(
    work: Work, fingerprint: Mapping[str, Any], *, on_epoch: OnEpoch | None = None, on_step: OnStep | None = None
) -> None:
    """Train in ``work.options.devices`` processes, from the checkpoint in ``work.folder`` if there is one.

    ``work.model`` stays as it is; the result is in the checkpoints.

    Raises:
        QplugError: what a process raised, or that one was killed.
    """
    context = _context(work.device)
    n = work.options.devices
    with tempfile.TemporaryDirectory(prefix="qplug-") as folder:
        _hand_over(work, fingerprint, Path(folder))
        pipes = [context.Pipe() for _ in range(n)]
        processes = [
            context.Process(
                target=_work, args=(rank, Path(folder), theirs, on_step is not None, _threads(n)), daemon=True
            )
            for rank, (_, theirs) in enumerate(pipes)
        ]
        try:
            # Of torch's C++ code only errors are told; the level is read when torch is imported.
            with environment({"TORCH_CPP_LOG_LEVEL": "ERROR"}), deaf_to_signals():
                for process in processes:
                    process.start()
            for _, theirs in pipes:
                theirs.close()  # else nobody would notice that its process has ended
            _listen([ours for ours, _ in pipes], processes, work, on_epoch, on_step)
        finally:
            _end(processes)
            remove_partial_files(work.folder)


def _context(device: str) -> ForkServerContext | SpawnContext:
    if device != "cpu" or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _threads(n_processes: int) -> int:
    return max(1, torch.get_num_threads() // n_processes)


def _hand_over(work: Work, fingerprint: Mapping[str, Any], folder: Path) -> None:
    """Write the work where the processes find it; large inputs are mapped into memory by each, not copied."""
    stored = replace(
        work,
        training=_stored(work.training, folder / "training.npy"),
        validation=_stored(work.validation, folder / "validation.npy"),
    )
    with (folder / _WORK).open("wb") as file:
        pickle.dump((stored, dict(fingerprint)), file)


def _stored(part: Part, path: Path) -> Part:
    rows: Rows = part.inputs
    if isinstance(rows, Tensor):
        rows = rows.detach().cpu().float().numpy()
    if isinstance(rows, np.ndarray) and not isinstance(rows, np.memmap):
        np.save(path, rows, allow_pickle=False)
        return replace(part, inputs=FileRows(path))
    return part


def _listen(
    connections: Sequence[Connection],
    processes: Sequence[_Process],
    work: Work,
    on_epoch: OnEpoch | None,
    on_step: OnStep | None,
) -> None:
    """Pass on what the processes tell, until all are done."""
    busy = dict(zip(connections, processes, strict=True))
    while busy:
        for connection in wait(list(busy)):
            assert isinstance(connection, Connection)
            try:
                what, *content = connection.recv()
            except (EOFError, ConnectionError):
                raise _lost(busy[connection], work) from None
            if what == "step" and on_step is not None:
                on_step(*content)
            elif what == "epoch" and on_epoch is not None:
                on_epoch(*content)
            elif what == "refused":
                raise content[0]
            elif what == "failed":
                raise RuntimeError(f"a training process failed:\n{content[0]}")
            elif what == "done":
                del busy[connection]


def _lost(process: _Process, work: Work) -> QplugError:
    process.join(_FAREWELL)
    code = process.exitcode
    if code is not None and code < 0:
        return UserError(
            f"one of {work.options.devices} training processes was killed (signal {-code}), as systems do when memory "
            f"runs out. Lower training.batch_size (now {work.options.batch_size}) or training.devices."
        )
    return QplugError(
        f"one of {work.options.devices} training processes ended with exit code {code} before its work was done. "
        'If a script of yours started the training, put the call under: if __name__ == "__main__":'
    )


def _end(processes: Sequence[_Process]) -> None:
    failed = sys.exc_info()[0] is not None
    for process in processes:
        if process.pid is None:
            continue
        if not failed:
            process.join(_FAREWELL)
        process.kill()
        process.join()


def _work(rank: int, folder: Path, connection: Connection, tells_steps: bool, n_threads: int) -> None:
    """What a process does."""
    # gloo writes to the standard output, which belongs to the command's result.
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - the null device is no path on Windows
        os.dup2(nowhere.fileno(), 1)
    prepare_worker()
    try:
        torch.set_num_threads(n_threads)
        _train(rank, folder, connection, tells_steps)
        message: tuple[Any, ...] = ("done",)
    except QplugError as error:
        message = ("refused", error)
    except BaseException:
        message = ("failed", traceback.format_exc())
    with contextlib.suppress(OSError):
        connection.send(message)
    os._exit(0)  # taking torch's process group down in order takes seconds, or for ever if another process is gone


def _train(rank: int, folder: Path, connection: Connection, tells_steps: bool) -> None:
    with (folder / _WORK).open("rb") as file:
        # Written by the process that started this one, in a folder that nobody else may enter.
        work, fingerprint = pickle.load(file)  # noqa: S301, TID251
    os.environ["LOCAL_RANK"] = str(rank)  # tells Lightning that the processes are there already
    state = load_state(work.folder, fingerprint)
    if state.epoch:
        work.model.load_state_dict(state.model)
    torch.distributed.init_process_group(
        "nccl" if work.device == "cuda" else "gloo",
        init_method=(folder / _MEETING).as_uri(),
        rank=rank,
        world_size=work.options.devices,
    )
    first = rank == 0
    train(
        work,
        state,
        on_epoch=(lambda *told: connection.send(("epoch", *told))) if first else None,
        on_step=(lambda *told: connection.send(("step", *told))) if first and tells_steps else None,
        rank=rank,
    )
