"""Connecting to a cluster that was started by somebody else, and refusing one that anybody may command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from qplug.contract.errors import QplugError, UserError

_MODE = "RAY_AUTH_MODE"
_TOKENS = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_WAIT_SECONDS = 10.0  # for a machine to answer at all
_PROBE_SECONDS = 120.0  # for a process that imports Ray on a machine with other work to do

_USUAL = {
    _MODE: "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # A node that falls silent is given up after seconds; the nodes need the same: docs/how-to/many-machines.md.
    "RAY_grpc_client_keepalive_time_ms": "5000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
}
"""What Ray reads from the environment when it is imported and when it connects; what the user says goes before it."""
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Else Ray puts the network card's address in place of 127.0.0.1, and waits for what does not listen there."""

_RAYS = ("RAY_", "PYTHONBREAKPOINT")

_PROBE = """
import sys
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
try:
    GcsClient(address=sys.argv[1]).check_alive([], timeout=30)
except AuthenticationError:
    print("closed")
else:
    print("open")
"""

_HOW = (
    "Start it with a token, on all nodes and here: `ray get-auth-token --generate`, the file that it writes on each of "
    "them, and RAY_AUTH_MODE=token."
)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray itself, connected to the cluster as long as the block lasts; all that runs there ends with it.

    Args:
        address: ``HOST:PORT`` of the cluster's head; ``auto``: what ``RAY_ADDRESS`` says, else the one that this
            machine belongs to.

    Raises:
        UserError: there is no cluster, it answers without a token, this process has no token or another one, or Ray is
            in use in this process already.
    """
    _refuse_address(address)
    with _variables(address):
        import ray  # takes a second, and reads the variables

        if ray.is_initialized():
            raise UserError("Ray is connected already in this process; call ray.shutdown() first, or use another one.")
        try:
            _connect(ray, address)
            _refuse_open(ray.get_runtime_context().gcs_address)
        except BaseException:
            ray.shutdown()
            raise
    try:
        yield ray
    finally:
        ray.shutdown()


def _refuse_address(address: str) -> None:
    told = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    if "://" in told:
        raise UserError(
            f"executor 'ray' takes the address of a cluster's head as HOST:PORT, or auto; got {told!r}. Start the "
            "command on a machine of the cluster."
        )
    if not told or told in ("auto", "local"):
        if told == "local":
            raise UserError("executor 'ray' starts no cluster, so it takes HOST:PORT or auto; got 'local'.")
        return
    host, _, port = told.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"executor 'ray' takes the address of a cluster's head as HOST:PORT; got {told!r}.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _WAIT_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"no cluster of Ray answers at {told} ({error.strerror or error}). Is it started, and is this its head? "
            "`ray start --head` tells the address."
        ) from None


@contextmanager
def _variables(address: str) -> Iterator[None]:
    """The environment in which Ray is imported and connects; what it was comes back."""
    usual = _USUAL if not address.startswith(("127.", "localhost:")) else _USUAL | _LOOPBACK
    if os.environ.get(_MODE, "token").lower() != "token":
        raise UserError(
            f"{_MODE}={os.environ[_MODE]} would let anybody who reaches the cluster command it, so executor 'ray' does "
            f"not go on. {_HOW}"
        )
    before = dict(os.environ)
    os.environ.update({name: value for name, value in usual.items() if name not in before})
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():  # Ray adds its own
            if name in usual or name.startswith(_RAYS):
                del os.environ[name]


def _connect(ray: Any, address: str) -> None:
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # its own list of names is not whole
    from ray.exceptions import AuthenticationError, RayError

    try:
        if address != "auto":
            GcsClient(address=address)  # says at once what connecting says after many attempts
        with _own_signals():
            ray.init(address, log_to_driver=False, configure_logging=False, namespace="qplug")
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        if any(AuthenticationError.__name__ in f"{type(cause)} {cause}" for cause in _causes(error)):
            raise UserError(
                f"the cluster of Ray at {address!r} wants a token, and this process has none or another one. Put the "
                f"cluster's into ~/.ray/auth_token, or its file's path into {_TOKENS[1]}."
            ) from None
        first = str(error).strip().partition("\n")[0]
        raise UserError(f"executor 'ray' cannot connect to {address!r}: {without_token(first)}") from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself when it connects; a command has its own way to end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _refuse_open(address: str) -> None:
    """Asks the cluster once as somebody who has no token: it has to refuse.

    What this process believes of the cluster tells nothing. It takes a process of its own, because Ray reads once for
    all whether it has a token.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _TOKENS}
    words = [sys.executable, "-P", "-c", _PROBE, address]
    try:
        told = subprocess.run(
            words,
            env=environment | {_MODE: "disabled"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise QplugError(f"whether the cluster at {address} wants a token cannot be found out: {error}.") from error
    if told == "open":
        raise UserError(
            f"the cluster of Ray at {address} answers without a token: anybody who reaches it can run programs as you. "
            f"{_HOW}"
        )
    if told != "closed":
        raise QplugError(f"whether the cluster of Ray at {address} wants a token cannot be found out. Try it again.")


def without_token(text: str) -> str:
    """The text, should it ever hold the token, without it."""
    tokens = [os.environ.get(_TOKENS[0], "")]
    with suppress(OSError, UnicodeDecodeError):
        file = os.environ.get(_TOKENS[1]) or "~/.ray/auth_token"
        tokens.append(Path(file).expanduser().read_text(encoding="utf-8"))
    for token in filter(None, (token.strip() for token in tokens)):
        text = text.replace(token, "***")
    return text
