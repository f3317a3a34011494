"""Checks of a remote backend, in one call, and work to try one with."""

from __future__ import annotations

from collections.abc import Callable

from qplug.contract.interfaces import RemoteBackend
from qplug.testing.conformance.check import require_all
from qplug.testing.conformance.registry import promises_of
from qplug.testing.conformance.remote import trial_work
from qplug.testing.conformance.setting import Setting

__all__ = ["check_remote", "trial_work"]


def check_remote(backend: RemoteBackend, run_device: Callable[[], None], *, shots: int = 1000, salt: str = "") -> None:
    """What holds for every remote backend that runs an ideal circuit; with noise, values are only looked at for shape.

    Args:
        backend: one whose device is there.
        run_device: returns when all that was sent is done.
        shots: of each row.
        salt: told apart from work that an earlier check sent to the same device.

    Raises:
        AssertionError: with the promise that is broken.
    """
    require_all(promises_of(backend, Setting(run_device=run_device, shots=shots, salt=salt)))
