"""Whether a QNode's own numbers are exact, so that a head can have the same."""

from __future__ import annotations

import warnings
from typing import Any

from qplug.contract.errors import CircuitError

_EXACT = {"default.mixed", "default.qubit", "lightning.gpu", "lightning.kokkos", "lightning.qubit", "reference.qubit"}


def refuse_inexact(qnode: Any) -> None:
    """Says what a head would not take over from the QNode's device.

    Raises:
        CircuitError: the QNode has shots, or its device has noise.
    """
    if getattr(qnode, "shots", None) or getattr(qnode.device, "shots", None):
        raise CircuitError(
            f"the QNode estimates its values from {_shots(qnode)} shots; a head's values are exact. Make it from "
            "qml.set_shots(qnode, None), and evaluate with shots on the backend aer: --backend aer --set "
            "backend.shots=1000"
        )
    device = qnode.device
    while hasattr(device, "_original_device"):
        if "noise" in str(getattr(device, "transform", "")):
            _refuse_noise(device.name, "a noise model (qml.add_noise)")
        device = device._original_device
    if getattr(device, "readout_err", None):
        _refuse_noise(device.name, f"readout errors (readout_prob={device.readout_err})")
    if device.name not in _EXACT:
        warnings.warn(
            f"the head computes exact values; noise that the QNode's device {device.name!r} may have is left out. "
            "Modelled devices: --backend aer",
            stacklevel=3,
        )


def _shots(qnode: Any) -> Any:
    return (getattr(qnode, "shots", None) or qnode.device.shots).total_shots


def _refuse_noise(name: str, what: str) -> None:
    raise CircuitError(
        f"the QNode's device {name!r} has {what}, which a circuit cannot express; a head's values are exact. Make it "
        "from a QNode on default.qubit, and evaluate with noise on the backend aer."
    )
