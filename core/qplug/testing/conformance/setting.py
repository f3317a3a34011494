"""What the checks try a component with, where they cannot know it themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qplug.contract.interfaces import Backend, Signal

if TYPE_CHECKING:
    import torch


def _at_once() -> None:
    """For a device that has done its work when it was sent."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a component is tried with; each kind uses what belongs to it.

    Attributes:
        folder: files in a data set's layout; None: those of its ``write_example``.
        n_read: how many samples of a data set are read, spread over all.
        signals: further signals for features, beside silence, very short and very long ones.
        feature_shape: the shape of a feature for a backbone; None: the first of a few usual ones that it takes.
        n_inputs: width of what a reducer or a head is given; None: what it asks for, else a small one.
        n_classes: number of classes for a head.
        backend: where a quantum head runs; None: the simulator of ``qplug.testing.reference``, which is slow.
        dtypes: the numbers that a backend is tried with; None: float32 and float64.
        n_random: how many random circuits a backend is tried with.
        run_device: returns when all that was sent to a remote backend is done.
        shots: of each row sent to a remote backend.
        salt: told apart from work that an earlier check sent to the same device.
        sends: whether work is sent to a remote backend, which may cost.
        n_cells: how many cells an executor is given.
        imports: whether the component's module is imported in a process of its own, which takes seconds.
    """

    folder: Path | None = None
    n_read: int = 8
    signals: Sequence[Signal] = ()
    feature_shape: tuple[int, ...] | None = None
    n_inputs: int | None = None
    n_classes: int = 3
    backend: Backend | None = None
    dtypes: Sequence[torch.dtype] | None = None
    n_random: int = 10
    run_device: Callable[[], None] = _at_once
    shots: int = 1000
    salt: str = ""
    sends: bool = True
    n_cells: int = 12
    imports: bool = True


DEFAULT = Setting()
