"""The same circuit through other libraries, as their users call them. Each is imported when it is used."""

from __future__ import annotations

from importlib.util import find_spec

from qplug.bench.candidates import Candidate
from qplug.bench.peers import pennylane, qiskit_ml, tensorcircuit

_PEERS = {
    Candidate("TorchLayer default.qubit", pennylane.backprop, "circuit"): "pennylane",
    Candidate("TorchLayer lightning.qubit", pennylane.adjoint, "circuit"): "pennylane_lightning",
    Candidate("tensorcircuit-ng jax", tensorcircuit.jitted, "circuit", compiles=True): "tensorcircuit",
    Candidate("TorchConnector", qiskit_ml.connector, "circuit", patient=True): "qiskit_machine_learning",
}


def peers() -> tuple[list[Candidate], dict[str, str]]:
    """The peers that are installed, and the reason for those that are not here."""
    here = [candidate for candidate, module in _PEERS.items() if find_spec(module)]
    left_out = {peer.name: f"{module} is not installed" for peer, module in _PEERS.items() if not find_spec(module)}
    return here, left_out


__all__ = ["peers"]
