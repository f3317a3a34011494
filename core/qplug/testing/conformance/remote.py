"""What holds for every remote backend.

The checks look at behaviour alone: what is sent is found again, by any copy of the backend; values are right and come
again; no forward pass sends anything.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from qplug.contract.errors import NotSupported
from qplug.contract.interfaces import Failed, NotYet, RemoteBackend, Task, Values, Work
from qplug.testing.circuits import angle_embedding_strongly_entangling, random_angles, zz_feature_map_real_amplitudes
from qplug.testing.conformance.check import Skipped
from qplug.testing.conformance.setting import Setting
from qplug.testing.reference import expectations

_SIGMAS = 6.0
_Sends = Callable[[RemoteBackend, Work, Setting], None]


def remote_checks(backend: RemoteBackend, setting: Setting) -> Iterator[tuple[str, Callable[[], None]]]:
    """The checks of a remote backend, by name; each sends work of its own."""
    shots, salt = setting.shots, setting.salt
    yield "remote-declared", lambda: _require(backend.capabilities.remote, backend, "does not declare remote=True")
    yield "ready", backend.check
    yield "forward-refused", lambda: _check_forward(backend, trial_work(shots, ""))
    yield "forecast", lambda: _check_forecast(backend, trial_work(shots, f"check{salt}"))
    for name, check in (("sent-and-collected", _check_sending), ("cancelled", _check_cancelling)):
        work = trial_work(shots, f"{'check' if check is _check_sending else 'cancelled'}{salt}")
        yield name, partial(_sending, check, backend, work, setting)


def _sending(check: _Sends, backend: RemoteBackend, work: Work, setting: Setting) -> None:
    if not setting.sends:
        raise Skipped("it sends work to the device, which may cost: qplug check … --send")
    check(backend, work, setting)


def _check_sending(backend: RemoteBackend, work: Work, setting: Setting) -> None:
    """What is sent is found again by any copy, and its values come again."""
    _require(backend.find(work) is None, backend, "finds work that was never sent")
    handle = backend.submit(work)
    _require(isinstance(handle, str) and handle != "" and "\n" not in handle, backend, f"gave the handle {handle!r}")
    other = copy.deepcopy(backend)
    _require(other.find(work) == handle, backend, f"does not find what it sent: {other.find(work)!r}, not {handle!r}")
    _require(other.find(replace(work, tag=f"other{setting.salt}")) is None, backend, "finds work by another tag")
    _require(len(other.jobs(handle)) > 0, backend, "names no job")
    setting.run_device()
    first, again = other.collect(handle), backend.collect(handle)
    _check_values(backend, work, first)
    same = isinstance(again, Values) and isinstance(first, Values) and all(
        np.array_equal(left, right) for left, right in zip(first.expectations, again.expectations, strict=True)
    )  # fmt: skip
    _require(same, backend, "gives other values when it is asked again")


def trial_work(shots: int, tag: str, rows: int = 3) -> Work:
    """Two circuits with several rows each, one of them not symmetric in its wires."""
    tasks = []
    for seed, circuit in enumerate(
        (angle_embedding_strongly_entangling(3, 1), zz_feature_map_real_amplitudes(2, 1, 1))
    ):
        tasks.append(Task(circuit, *random_angles(circuit, rows, seed)))
    return Work(tuple(tasks), shots, tag)


def _check_forward(backend: RemoteBackend, work: Work) -> None:
    import torch  # takes a second, and nothing else here needs it

    task = work.tasks[0]
    try:
        backend(task.circuit, torch.from_numpy(task.encoding), torch.from_numpy(task.weights))
    except NotSupported:
        return
    _require(False, backend, "ran a circuit inside a forward pass")


def _check_forecast(backend: RemoteBackend, work: Work) -> None:
    told = backend.forecast(work)
    _require(told.executions > 0 and told.seconds >= 0, backend, f"forecasts {told}")
    fewer = replace(work, tasks=tuple(replace(task, encoding=task.encoding[:1]) for task in work.tasks))
    for less in (fewer, replace(work, shots=max(1, work.shots // 2))):
        cheaper = backend.forecast(less)
        _require(cheaper.executions < told.executions, backend, "forecasts as many executions for less work")
        _require(
            cheaper.seconds <= told.seconds, backend, f"forecasts {cheaper.seconds} s for less than {told.seconds}"
        )


def _check_values(backend: RemoteBackend, work: Work, values: Values | NotYet | Failed) -> None:
    if not isinstance(values, Values):
        raise AssertionError(f"{type(backend).__name__} gave {values} for work that is done")
    _require(len(values.expectations) == len(work.tasks), backend, f"answers {len(values.expectations)} tasks")
    for task, got in zip(work.tasks, values.expectations, strict=True):
        right = expectations(task.circuit, task.encoding, task.weights)
        _require(got.shape == right.shape, backend, f"gave the shape {got.shape}, not {right.shape}")
        if not backend.capabilities.noise:
            far = np.abs(got - right).max() * np.sqrt(work.shots)
            _require(far < _SIGMAS, backend, f"gave values {far:.1f}/√shots from the right ones")


def _check_cancelling(backend: RemoteBackend, work: Work, setting: Setting) -> None:
    handle = backend.submit(work)
    backend.cancel(handle)
    setting.run_device()
    answer = backend.collect(handle)
    _require(isinstance(answer, Failed | Values), backend, f"gave {answer} for cancelled work")
    _require(not isinstance(answer, Failed) or answer.reason != "", backend, "does not say why work failed")


def _require(kept: bool, backend: RemoteBackend, message: str) -> None:
    if not kept:
        raise AssertionError(f"{type(backend).__name__} {message}")
