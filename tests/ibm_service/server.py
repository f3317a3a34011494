"""A server on this machine that speaks enough of IBM's REST interface for the real, unmodified client.

It proves the client's side of the protocol and nothing else: that a job which runs here is accepted by IBM's service,
or that a device would give such numbers, it does not prove. Its devices are the fakes that the client carries,
simulated by Aer; nothing of it is a device.

In the process of the test: ``with serve(Service([Device("FakeTorino")])) as control: …``. In a process of its own,
which outlives its clients: ``with own_process("FakeTorino") as control: …``. Both give a ``Control``, by
which a test makes faults and sees what came in; ``control.environment`` points the client at the server.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .control import CONTROLS, Control
from .routes import Answer, Request, Routes
from .service import Service


class Handler(BaseHTTPRequestHandler):
    """Carries requests to the routes, and a test's own to the service."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/_"):
            self.send(self.server.control(self.path[2:], body))
        else:
            url = self.path if "://" in self.path else f"http://{self.headers.get('Host', '')}{self.path}"
            self.send(self.server.routes.answer(Request(self.command, url, body, self.headers.get("Authorization"))))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer  # noqa: N815 (the names are http.server's)

    def do_CONNECT(self) -> None:
        """Refuses the way to an encrypted address: nothing outside is ever reached."""
        self.server.routes.service.requests[f"CONNECT {self.path}"] += 1
        self.send(Answer.of({"error": "no way out"}, 502))

    def send(self, answer: Answer) -> None:
        self.close_connection = self.close_connection or answer.cut or not answer.code
        if not answer.code:
            return
        self.send_response(answer.code)
        if answer.code != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.body) + answer.cut))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *words: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Listens on a free port of this machine alone."""

    daemon_threads = True

    def __init__(self, service: Service, port: int = 0) -> None:
        # Where Qiskit is loaded first in a thread that answers a request, a segmentation fault ends the process later.
        import qiskit_ibm_runtime.fake_provider  # noqa: F401

        super().__init__(("127.0.0.1", port), Handler)
        self.routes = Routes(service)

    def control(self, name: str, body: bytes) -> Answer:
        """What a test asks of the service itself."""
        if name not in CONTROLS:
            return Answer.of(f"there is no control {name!r}", 404)
        with self.routes.service.lock:
            try:
                return Answer.of(getattr(self.routes.service, name)(**json.loads(body or b"{}")))
            except (KeyError, TypeError, StopIteration) as error:
                return Answer.of(f"{type(error).__name__}: {error}", 400)

    def handle_error(self, *about: Any) -> None:
        """Clients may hang up."""


@contextmanager
def serve(service: Service) -> Iterator[Control]:
    """Serves from threads of this process."""
    with Server(service) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield Control(server.server_port)
        finally:
            server.shutdown()
            thread.join()
