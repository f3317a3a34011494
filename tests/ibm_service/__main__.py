"""The server in a process of its own: ``python -m ibm_service FakeTorino [--ideal] [--seed N]``, started in ``tests``.

It writes its port, and ends when its standard input does: with the test that started it, not with a client that is
killed.
"""

from __future__ import annotations

import argparse
import sys
import threading

from .devices import Device
from .server import Server
from .service import Service


def main() -> None:
    parser = argparse.ArgumentParser(description="A loopback server for IBM's client.")
    parser.add_argument("devices", nargs="+", help="fakes of the client, such as FakeTorino, or FakeTorino:QUEUE:STATE")
    parser.add_argument("--ideal", action="store_true", help="run jobs without the noise of their device")
    parser.add_argument("--seed", type=int, default=1, help="seed of the shots")
    parser.add_argument("--port", type=int, default=0, help="the port; any free one by default")
    words = parser.parse_args()
    devices = [device(text) for text in words.devices]
    with Server(Service(devices, noise=not words.ideal, seed=words.seed), words.port) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        print(server.server_port, flush=True)
        sys.stdin.read()


def device(text: str) -> Device:
    """``FakeTorino``, ``FakeTorino:12`` with twelve jobs waiting, ``FakeTorino:0:maintenance``."""
    name, queue, state = [*text.split(":"), "", ""][:3]
    return Device(name, int(queue or 0), state or "active")


if __name__ == "__main__":
    main()
