"""The service for a test, with the client of this process pointed at it.

A test module elsewhere takes it in by ``from ibm_service.fixtures import ibm``, with the folder ``tests`` on
``sys.path``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from .account import environment
from .control import Control
from .devices import Device
from .server import serve
from .service import Service

SMALL, MIDDLE, LARGE = "ibm_oslo", "ibm_algiers", "ibm_torino"
"""Devices of 7, 27 and 133 qubits; the smallest has the longest queue."""


def service(*, noise: bool = True) -> Service:
    """A service with these three devices."""
    return Service([Device("FakeOslo", 9), Device("FakeAlgiers", 5), Device("FakeTorino", 2)], noise=noise)


def without_network() -> dict[str, str]:
    """What points the client at a port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return environment(taken.getsockname()[1])


@pytest.fixture
def ibm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Control]:
    """A service whose jobs scatter by their shots and by nothing else."""
    with serve(service(noise=False)) as control:
        for name, value in control.environment.items():
            monkeypatch.setenv(name, value)
        yield control
