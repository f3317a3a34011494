"""Devices of the service: what the client's own fakes know of a real one, told under a real one's name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@cache
def fake(name: str) -> Any:
    """The client's model of a device, such as ``FakeTorino``."""
    from qiskit_ibm_runtime import fake_provider

    return getattr(fake_provider, name)()


@cache
def _text(path: Path) -> str:
    return path.read_text("utf-8")


@dataclass
class Device:
    """One device.

    Attributes:
        fake: the name of its model in ``qiskit_ibm_runtime.fake_provider``.
        queue: how many jobs wait before ours.
        state: ``active``, ``maintenance`` (listed, and runs nothing), ``retired`` (known no more) or ``broken``
            (listed, but its configuration is gone).
    """

    fake: str
    queue: int = 0
    state: str = "active"

    @property
    def model(self) -> Any:
        return fake(self.fake)

    @property
    def name(self) -> str:
        """``ibm_torino`` for ``FakeTorino``."""
        return str(self.model.backend_name).replace("fake_", "ibm_")

    @property
    def works(self) -> bool:
        return self.state == "active"

    def configuration(self) -> dict[str, Any]:
        """Gates, couplings and limits, in the form in which the service tells them."""
        told = self._read(self.model.conf_filename)
        return told | {"backend_name": self.name, "simulator": False, "local": False}

    def properties(self) -> dict[str, Any]:
        """The calibration data."""
        return self._read(self.model.props_filename) | {"backend_name": self.name}

    def status(self) -> dict[str, Any]:
        """Whether it takes jobs, and how many wait."""
        message = "available" if self.works else self.state
        return {
            "state": self.works,
            "status": "active" if self.works else self.state,
            "message": message,
            "length_queue": self.queue,
            "backend_version": str(self.model.backend_version),
        }

    def line(self) -> dict[str, Any]:
        """Its line in the list of all devices."""
        online = self.state in ("active", "broken")
        return {
            "name": self.name,
            "qubits": self.model.num_qubits,
            "physical_qubits": self.model.num_qubits,
            "status": {"name": "online" if online else "paused", "reason": "available" if online else self.state},
            "is_simulator": False,
            "queue_length": self.queue,
            "processor_type": {},
            "clops": {},
        }

    def _read(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(_text(Path(self.model.dirname) / name))
        return told
